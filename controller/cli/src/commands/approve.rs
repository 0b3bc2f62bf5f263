//! `approve`: lets the plan of a guardrail set through, or its next wave.

#![allow(clippy::doc_markdown, reason = "comments on arguments are the help, where backticks would be shown")]

use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::PostParams;
use kube::{Api, Client};
use soc2_crds::{GuardrailApproval, GuardrailApprovalSpec, GuardrailSet, ObjectRef, PlanStatus, Promotion};
use soc2_guardrails::declared::wave_name;

use super::prepare::runtime;
use super::{Notes, print};
use crate::cluster::{ClusterArgs, who};
use crate::exit::Exit;
use crate::output::plain;

/// Arguments of `approve`.
#[derive(Debug, Args)]
pub struct ApproveArgs {
    /// Name of the GuardrailSet.
    set: String,
    /// Why, in at least 10 characters: auditors read it.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// URL or key of the ticket in which it was decided.
    #[arg(long, value_name = "TICKET")]
    ticket: Option<String>,
    /// How long it may be used, such as 8h or 14d. Default: without an end.
    #[arg(long = "for", value_name = "DURATION")]
    lasts: Option<String>,
    /// Let this wave of the rollout begin, instead of the plan as a whole: 2 is the first one that waits for it.
    #[arg(long, value_name = "WAVE", value_parser = clap::value_parser!(u32).range(2..=10))]
    promote: Option<u32>,
    /// Only if the plan has this hash, or one that begins so.
    #[arg(long, value_name = "HASH")]
    hash: Option<String>,
    /// Who approves. Default: who you are to the cluster.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    /// Print the GuardrailApproval as YAML instead of creating it: for Git.
    #[arg(long)]
    dry_run: bool,
    /// The cluster.
    #[command(flatten)]
    cluster: ClusterArgs,
}

impl ApproveArgs {
    /// Examples and exit codes.
    pub const HELP: &str = "Shows the plan, asks, and creates a GuardrailApproval for its hash. The cluster's RBAC decides who may create one.

Examples:
  soc2ctl approve workloads --reason \"Reviewed in the change meeting\" --ticket SEC-310
  soc2ctl approve workloads --promote 2 --reason \"No complaints from the canary\" --for 8h
  soc2ctl approve workloads --hash 4f1c2a90 --reason \"Reviewed in pull request 812\" --yes
  soc2ctl approve workloads --reason \"Reviewed by two people\" --dry-run > approvals/workloads.yaml

Exit codes: 0 approved, 1 you said no, or there is nothing to approve, 2 wrong usage, or the cluster refuses";
}

pub fn run(args: &ApproveArgs, notes: &Notes) -> Result<Exit> {
    ensure!(args.reason.trim().len() >= 10, "--reason: has at least 10 characters: auditors read it");
    runtime()?.block_on(approve(args, notes))
}

async fn approve(args: &ApproveArgs, notes: &Notes) -> Result<Exit> {
    let client = args.cluster.connect().await?;
    let sets: Api<GuardrailSet> = Api::all(client.clone());
    let set = sets.get(&args.set).await.with_context(|| format!("GuardrailSet {}", args.set))?;
    let Some(plan) = set.status.as_ref().and_then(|status| status.plan.as_ref()) else {
        notes.say(&format!("GuardrailSet {} has no plan: there is nothing to approve", args.set));
        return Ok(Exit::Failed);
    };
    if let Some(wanted) = args.hash.as_ref().filter(|wanted| !plan.hash.starts_with(*wanted)) {
        bail!("--hash: the plan is {} now, and not {wanted}: look at it again", plan.hash);
    }
    let waves = set.spec.rollout.as_ref().map_or(0, |rollout| rollout.waves.len());
    if let Some(wave) = args.promote.filter(|wave| *wave as usize > waves) {
        bail!("--promote: GuardrailSet {} has {waves} waves, and no wave {wave}", args.set);
    }
    let approval = object(args, &client, plan).await?;
    if args.dry_run {
        print(&serde_yaml::to_string(&approval)?)?;
        return Ok(Exit::Passed);
    }
    notes.show(&text(args, &set, plan, &approval.spec));
    if !args.yes && !confirmed()? {
        notes.say("nothing was approved");
        return Ok(Exit::Failed);
    }
    let api: Api<GuardrailApproval> = Api::all(client);
    let created = api.create(&PostParams::default(), &approval).await.context("creating the GuardrailApproval")?;
    let name = created.metadata.name.unwrap_or_default();
    print(&format!("guardrailapproval.soc2-operator.dev/{name} created\n"))?;
    Ok(Exit::Passed)
}

async fn object(args: &ApproveArgs, client: &Client, plan: &PlanStatus) -> Result<GuardrailApproval> {
    let now = Timestamp::now();
    let expires_at = match &args.lasts {
        None => None,
        Some(text) => {
            let lasts = soc2_posture::duration::parse(text).map_err(|error| anyhow::anyhow!("--for: {error}"))?;
            Some(Time(now.checked_add(lasts).context("--for: is too long")?))
        }
    };
    let approved_by = match &args.by {
        Some(by) => by.clone(),
        None => who(client).await.context("name who approves with --by")?,
    };
    let spec = GuardrailApprovalSpec {
        guardrail_set_ref: ObjectRef { name: args.set.clone() },
        plan_hash: plan.hash.clone(),
        approved_by,
        reason: args.reason.clone(),
        ticket: args.ticket.clone(),
        promote: args.promote.map(|wave| Promotion { wave }),
        expires_at,
    };
    let wave = args.promote.map(|wave| format!("wave-{wave}-")).unwrap_or_default();
    let hash = plan.hash.get(..8).unwrap_or(&plan.hash);
    let name = format!("{}-{hash}-{wave}{}", args.set, now.strftime("%Y%m%d-%H%M%S"));
    Ok(GuardrailApproval::new(&name, spec))
}

/// What is approved.
fn text(args: &ApproveArgs, set: &GuardrailSet, plan: &PlanStatus, spec: &GuardrailApprovalSpec) -> String {
    let mut out = String::new();
    let PlanStatus { hash, create, update, attach, detach, delete, .. } = plan;
    let _ = writeln!(out, "GuardrailSet {}, plan {hash}", args.set);
    let _ = writeln!(
        out,
        "  policies: {create} to create, {update} to change, {delete} to delete; attachments: {attach} to make, {detach} to take away"
    );
    let _ = writeln!(
        out,
        "  accounts: {} change, {} are affected in all; {}",
        plan.changed_accounts,
        plan.affected_accounts,
        if plan.weakens { "SOME ARE LESS PROTECTED AFTERWARDS" } else { "none is less protected afterwards" }
    );
    for line in &plan.summary {
        let _ = writeln!(out, "  - {}", plain(line));
    }
    let steps = create + update + attach + detach + delete;
    if steps as usize > plan.summary.len() {
        let _ = writeln!(out, "  - and {} more", steps as usize - plan.summary.len());
    }
    if let Some(rollout) = &set.spec.rollout {
        let waves: Vec<String> = rollout.waves.iter().map(wave_name).collect();
        let _ = writeln!(out, "  in {} waves: {}; each soaks {}", waves.len(), plain(&waves.join("; ")), rollout.soak);
    }
    let status = set.status.as_ref().and_then(|status| status.rollout.as_ref());
    if let Some(rollout) = status {
        let _ = writeln!(out, "  rollout: wave {} of {} ({})", rollout.wave, rollout.of, plain(&rollout.name));
        if let Some(back) = &rollout.rolled_back {
            let _ = writeln!(out, "  rolled back at {}: {} calls denied", back.at.0, back.denials);
            for call in &back.sample {
                let _ = writeln!(out, "  - {}", plain(call));
            }
        }
    }
    if let Some(Promotion { wave }) = &spec.promote {
        let _ = writeln!(out, "  lets wave {wave} begin");
    }
    let until = spec.expires_at.as_ref().map(|at| format!(", until {}", at.0)).unwrap_or_default();
    let _ = writeln!(out, "  approved by {}{until}", plain(&spec.approved_by));
    out
}

/// Asks the person at the terminal.
fn confirmed() -> Result<bool> {
    ensure!(std::io::stdin().is_terminal(), "nobody can be asked here: give --yes");
    anstream::eprint!("Approve? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
