//! `plan`: what the guardrail sets would write, without a cluster.

#![allow(clippy::doc_markdown, reason = "these comments are the help, where backticks would be shown")]

mod changes;
mod planned;
mod schedule;
mod show;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use soc2_guardrails::Plan;

use self::changes::Changes;
pub use self::planned::{Planned, Request};
use super::{Notes, complain, print, print_json};
use crate::args::Manifests as Files;
use crate::exit::Exit;

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// A folder that `soc2ctl snapshot` wrote.
    #[arg(long, value_name = "FOLDER")]
    pub snapshot: PathBuf,
    /// The AwsOrganization, the GuardrailSets and their ScpBaselines.
    #[command(flatten)]
    pub manifests: Files,
    /// Which AwsOrganization, if there are several.
    #[arg(long, value_name = "NAME")]
    pub organization: Option<String>,
    /// UID of the namespace kube-system of the cluster that enforces. Default: what the tags of the policies in AWS say.
    #[arg(long, value_name = "UID")]
    pub cluster_id: Option<String>,
    /// How to print; markdown is for a comment on a pull request.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: PlanFormat,
}

/// How a plan is printed.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum PlanFormat {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
    /// For a pull request.
    Markdown,
}

impl PlanArgs {
    /// Examples in the help.
    pub const HELP: &str = "Every set is planned as if it were to be written now, whatever its mode; approvals and windows are the cluster's. The hash is the
one that a GuardrailApproval names, as long as the cluster sees the same organization.

Examples:
  soc2ctl plan --snapshot today -f clusters/production
  soc2ctl plan --snapshot today -f guardrails -o markdown > comment.md

Exit codes: 0 AWS is as the sets want it, 2 there are changes, 1 a set is refused, or data that cannot be used";
}

/// Prints a plan. Unlike other commands it says changes with 2, as such tools do, and everything that is wrong with 1.
pub fn run(args: &PlanArgs, notes: &Notes) -> Exit {
    planned(args, notes).unwrap_or_else(|error| {
        complain(&format!("{error:#}"));
        Exit::Failed
    })
}

fn planned(args: &PlanArgs, notes: &Notes) -> Result<Exit> {
    let now = Timestamp::now();
    let planned = Planned::new(
        &Request {
            snapshot: &args.snapshot,
            files: &args.manifests,
            organization: args.organization.as_deref(),
            cluster_id: args.cluster_id.as_deref(),
            now,
        },
        notes,
    )?;
    let changes = Changes::new(&planned, now);
    match args.output {
        PlanFormat::Text => print(&show::text(&changes))?,
        PlanFormat::Json => print_json(&show::json(&changes))?,
        PlanFormat::Markdown => print(&show::markdown(&changes))?,
    }
    Ok(exit_of(&planned.plan))
}

fn exit_of(plan: &Plan) -> Exit {
    if plan.sets.iter().any(|set| set.refused.is_some()) {
        Exit::Failed
    } else if !plan.retag.is_empty() || plan.sets.iter().any(|set| set.all().next().is_some()) {
        Exit::Unusable
    } else {
        Exit::Passed
    }
}
