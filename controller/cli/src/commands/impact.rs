//! `impact`: what policies would have denied of the calls that CloudTrail recorded.

#![allow(clippy::doc_markdown, reason = "comments on arguments are the help, where backticks would be shown")]

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::plan::{Planned, Request};
use super::scp::policies::{Policies, PolicyArgs};
use super::{Notes, complain, print, print_json};
use crate::args::{Manifests, Plain};
use crate::exit::Exit;
use crate::impact::{self, Counts, Denied, Group, Replay, Undecided};
use crate::output::plain;

/// Files with something wrong that are named.
const NAMED_FILES: usize = 10;

/// Arguments of `impact`.
#[derive(Debug, Args)]
pub struct ImpactArgs {
    /// A folder with files of CloudTrail events (.json, .json.gz), such as a copy of what a trail writes to S3.
    #[arg(long, value_name = "FOLDER")]
    cloudtrail: PathBuf,
    /// Where the policies are.
    #[command(flatten)]
    policies: PolicyArgs,
    /// GuardrailSets, their ScpBaselines and the AwsOrganization: the policies of the snapshot as they would be with all of the
    /// plan written. A file, a folder with those below it, or - for standard input.
    #[arg(short = 'f', long = "filename", value_name = "PATH", num_args = 1.., requires = "snapshot")]
    manifests: Vec<PathBuf>,
    /// Which AwsOrganization, if there are several.
    #[arg(long, value_name = "NAME", requires = "manifests")]
    organization: Option<String>,
    /// UID of the namespace kube-system of the cluster that enforces. Default: what the tags of the policies in AWS say.
    #[arg(long, value_name = "UID", requires = "manifests")]
    cluster_id: Option<String>,
    /// Groups to keep, of denied and of undecided calls each; calls of further ones are only counted.
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
    groups: usize,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Plain,
}

impl ImpactArgs {
    /// Examples and exit codes.
    pub const HELP: &str = "Calls that failed are not counted, nor are those that no service control policy affects: by AWS services, service-linked roles,
the management account and from outside of the organization. A call is undecided where the record lacks a condition key.

Examples:
  aws s3 sync s3://acme-trail/AWSLogs trail
  soc2ctl impact --cloudtrail trail --snapshot today -f clusters/production
  soc2ctl impact --cloudtrail trail --snapshot today --policies regions.json
  soc2ctl impact --cloudtrail trail --policies regions.json deny-root.json -o json

Exit codes: 0 no call would have been denied, 1 some would have been, or nobody knows, 2 wrong usage or data that cannot be used";
}

pub fn run(args: &ImpactArgs, notes: &Notes) -> Result<Exit> {
    let policies = read(args, notes)?;
    let ready = policies.ready();
    let files = impact::files(&args.cloudtrail)?;
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let progress = notes.progress();
    let replay = impact::replay(&files, &|account| ready.effective(account), args.groups, threads, &progress);
    match args.output {
        Plain::Table => print(&text(&replay))?,
        Plain::Json => print_json(&Report::new(&replay))?,
    }
    for unread in replay.unread.iter().take(NAMED_FILES) {
        complain(&format!("{}: {}", unread.file.display(), unread.problem));
    }
    if replay.unread.len() > NAMED_FILES {
        complain(&format!("{} files in all could not be read to their ends", replay.unread.len()));
    }
    Ok(match &replay {
        Replay { unread, .. } if !unread.is_empty() => Exit::Unusable,
        Replay { counts: Counts { denied: 0, undecided: 0, .. }, .. } => Exit::Passed,
        _ => Exit::Failed,
    })
}

/// The policies that calls go through: with manifests, those of the snapshot as the plan would leave them.
fn read(args: &ImpactArgs, notes: &Notes) -> Result<Policies> {
    let Some(snapshot) = args.policies.snapshot.as_deref().filter(|_| !args.manifests.is_empty()) else {
        return Policies::read(&args.policies);
    };
    let files = Manifests { files: args.manifests.clone() };
    let organization = args.organization.as_deref();
    let now = jiff::Timestamp::now();
    let request = Request { snapshot, files: &files, organization, cluster_id: args.cluster_id.as_deref(), now };
    let planned = Planned::new(&request, notes)?;
    for set in &planned.plan.sets {
        if let Some(refused) = &set.refused {
            complain(&format!("GuardrailSet {} is refused, so that nothing of it is planned: {refused}", set.name));
        }
    }
    let after = planned.after();
    Policies::of(planned.organization, after, &args.policies.policies)
}

/// For people.
fn text(replay: &Replay) -> String {
    let mut out = String::new();
    let counts = &replay.counts;
    let _ = writeln!(
        out,
        "{} files, {} events: {} were no calls, {} failed, {} are not affected by service control policies",
        counts.files, counts.events, counts.no_calls, counts.failed, counts.not_affected
    );
    let _ = writeln!(
        out,
        "{} calls: {} would have been allowed, {} denied, {} could not be decided",
        counts.calls, counts.allowed, counts.denied, counts.undecided
    );
    if !replay.denied.is_empty() {
        out.push_str("\nwould have been denied:\n");
    }
    for (denied, group) in by_calls(&replay.denied) {
        let by = match (&denied.policy, &denied.statement) {
            (Some(policy), Some(statement)) => format!("statement {statement} of {policy} on {}", denied.target),
            _ => format!("nothing on {} allows it", denied.target),
        };
        let Denied { account, principal, service, action, .. } = denied;
        let _ = writeln!(out, "  {}: {}", plain(&call(group, account, principal, service, action)), plain(&by));
    }
    rest(&mut out, counts.denied_in_no_group);
    if !replay.undecided.is_empty() {
        out.push_str("\ncould not be decided:\n");
    }
    for (undecided, group) in by_calls(&replay.undecided) {
        let Undecided { account, principal, service, action, missing } = undecided;
        let missing = missing.iter().cloned().collect::<Vec<_>>().join(", ");
        let call = call(group, account, principal, service, action);
        let _ = writeln!(out, "  {}: depends on {}", plain(&call), plain(&missing));
    }
    rest(&mut out, counts.undecided_in_no_group);
    out
}

/// The most frequent first.
fn by_calls<K>(groups: &std::collections::BTreeMap<K, Group>) -> Vec<(&K, &Group)> {
    let mut sorted: Vec<_> = groups.iter().collect();
    sorted.sort_by_key(|(_, group)| std::cmp::Reverse(group.calls));
    sorted
}

fn call(group: &Group, account: &str, principal: &str, service: &str, action: &str) -> String {
    let Group { calls, first, last } = group;
    let principal = if principal.is_empty() { "somebody" } else { principal };
    format!("{calls} x {service}:{action} by {principal} of {account}, {first} to {last}")
}

fn rest(out: &mut String, calls: u64) {
    if calls > 0 {
        let _ = writeln!(out, "  and {calls} calls in further groups: say --groups for more");
    }
}

/// For machines.
#[derive(Serialize)]
struct Report<'a> {
    counts: &'a Counts,
    denied: Vec<Row<'a, Denied>>,
    undecided: Vec<Row<'a, Undecided>>,
}

#[derive(Serialize)]
struct Row<'a, K> {
    #[serde(flatten)]
    key: &'a K,
    #[serde(flatten)]
    group: &'a Group,
}

impl<'a> Report<'a> {
    fn new(replay: &'a Replay) -> Self {
        let Replay { counts, denied, undecided, .. } = replay;
        Self {
            counts,
            denied: by_calls(denied).into_iter().map(|(key, group)| Row { key, group }).collect(),
            undecided: by_calls(undecided).into_iter().map(|(key, group)| Row { key, group }).collect(),
        }
    }
}
