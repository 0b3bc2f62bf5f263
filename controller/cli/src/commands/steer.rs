//! `suspend`, `resume`, `reconcile`: what people tell the operator about one object.

#![allow(clippy::doc_markdown, reason = "comments on arguments are the help, where backticks would be shown")]

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use jiff::Timestamp;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use soc2_crds::{AwsOrganization, ComplianceProfile, GuardrailSet};

use super::prepare::runtime;
use super::{Notes, print};
use crate::cluster::ClusterArgs;
use crate::exit::Exit;

/// Names of the kinds that can be suspended.
const AWS_ORGANIZATION: [&str; 3] = ["awsorg", "awsorganization", "awsorganizations"];
const COMPLIANCE_PROFILE: [&str; 3] = ["cprof", "complianceprofile", "complianceprofiles"];
const GUARDRAIL_SET: [&str; 3] = ["grset", "guardrailset", "guardrailsets"];

/// Echoed in `status.lastHandledReconcileAt`.
const REQUESTED_AT: &str = "soc2-operator.dev/requestedAt";
/// How often it is looked whether that was done.
const LOOK: Duration = Duration::from_millis(500);

/// Arguments of `suspend` and `resume`.
#[derive(Debug, Args)]
pub struct SteerArgs {
    /// The object, such as grset/workloads: awsorg, cprof or grset, or their long names.
    #[arg(value_name = "KIND/NAME")]
    object: String,
    /// The cluster.
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Arguments of `reconcile`.
#[derive(Debug, Args)]
pub struct ReconcileArgs {
    /// The object.
    #[command(flatten)]
    steer: SteerArgs,
    /// How long to wait until it was looked at; 0s: do not wait.
    #[arg(long, value_name = "DURATION", default_value = "1m")]
    timeout: String,
}

impl SteerArgs {
    /// Examples of `suspend`.
    pub const SUSPEND: &str = "Sets spec.suspend: the operator leaves the object alone, and what is in AWS stands. Where Git says otherwise, Git wins.

Examples:
  soc2ctl suspend grset/workloads
  soc2ctl suspend awsorg/acme --context production";
    /// Examples of `resume`.
    pub const RESUME: &str = "Examples:
  soc2ctl resume grset/workloads";

    async fn api(&self) -> Result<(Api<DynamicObject>, &str)> {
        let Some((kind, name)) = self.object.split_once('/').filter(|(_, name)| !name.is_empty()) else {
            bail!("{:?}: give a kind and a name, such as grset/workloads", self.object);
        };
        let resource = resource(kind)?;
        Ok((Api::all_with(self.cluster.connect().await?, &resource), name))
    }

    async fn patch(&self, patch: &Value, done: &str) -> Result<()> {
        let (api, name) = self.api().await?;
        let patched = api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
        patched.with_context(|| self.object.clone())?;
        print(&format!("{} {done}\n", self.object))
    }
}

impl ReconcileArgs {
    /// Examples.
    pub const HELP: &str = "Examples:
  soc2ctl reconcile awsorg/acme
  soc2ctl reconcile grset/workloads --timeout 5m

Exit codes: 0 it was looked at, 1 not within the timeout, 2 wrong usage, or the cluster refuses";
}

fn resource(kind: &str) -> Result<ApiResource> {
    match kind.to_ascii_lowercase().as_str() {
        kind if AWS_ORGANIZATION.contains(&kind) => Ok(ApiResource::erase::<AwsOrganization>(&())),
        kind if COMPLIANCE_PROFILE.contains(&kind) => Ok(ApiResource::erase::<ComplianceProfile>(&())),
        kind if GUARDRAIL_SET.contains(&kind) => Ok(ApiResource::erase::<GuardrailSet>(&())),
        other => bail!("{other:?} is no kind that the operator can be told about: awsorg, cprof and grset are"),
    }
}

pub fn suspend(args: &SteerArgs) -> Result<Exit> {
    runtime()?.block_on(args.patch(&json!({"spec": {"suspend": true}}), "suspended"))?;
    Ok(Exit::Passed)
}

pub fn resume(args: &SteerArgs) -> Result<Exit> {
    runtime()?.block_on(args.patch(&json!({"spec": {"suspend": false}}), "resumed"))?;
    Ok(Exit::Passed)
}

pub fn reconcile(args: &ReconcileArgs, notes: &Notes) -> Result<Exit> {
    let timeout =
        soc2_posture::duration::parse(&args.timeout).map_err(|error| anyhow::anyhow!("--timeout: {error}"))?;
    runtime()?.block_on(async {
        let asked = Timestamp::now().to_string();
        args.steer.patch(&json!({"metadata": {"annotations": {REQUESTED_AT: asked}}}), "is to be looked at").await?;
        let (api, name) = args.steer.api().await?;
        let begun = Instant::now();
        while begun.elapsed() < timeout {
            let found = api.get(name).await?;
            if found.data["status"]["lastHandledReconcileAt"] == asked.as_str() {
                print(&format!("{} was looked at\n", args.steer.object))?;
                return Ok(Exit::Passed);
            }
            tokio::time::sleep(LOOK).await;
        }
        if timeout.is_zero() {
            return Ok(Exit::Passed);
        }
        notes.say(&format!("it was not looked at within {}: is it suspended, does the operator run?", args.timeout));
        Ok(Exit::Failed)
    })
}
