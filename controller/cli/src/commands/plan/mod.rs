//! `plan`: what the guardrail sets would write, without a cluster.

#![allow(clippy::doc_markdown, reason = "these comments are the help, where backticks would be shown")]

mod changes;
mod show;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use kube::ResourceExt;
use soc2_crds::AwsOrganization;
use soc2_guardrails::library::exempt_by_organization;
use soc2_guardrails::{CLUSTER_TAG, OWNER_TAG, Owner, Plan, PlanInput, PolicyInventory, SetInput, declared};

use self::changes::Changes;
use super::{Notes, complain, prepare, print, print_json};
use crate::args::Manifests as Files;
use crate::exit::Exit;
use crate::manifests::Manifests;
use crate::snapshot;

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
    let (manifests, exit) = prepare::manifests(&args.manifests, notes)?;
    ensure!(exit == Exit::Passed, "nothing is planned from manifests that are not valid");
    let object = the_organization(&manifests, args.organization.as_deref())?;
    let (organization, inventory) = snapshot::organization(&args.snapshot)?;
    let inventory = inventory.context("organization.json has no Policies: they were not read")?;
    let objects = manifests.baselines.iter().map(|found| (found.object.name_any(), &found.object.spec));
    let objects: Vec<_> = objects.collect();
    let objects = objects.iter().map(|(name, spec)| (name.as_str(), *spec));
    let (library, invalid) = declared::library(prepare::catalog()?, objects);
    let of_organization = |set: &&soc2_crds::GuardrailSet| set.spec.organization_ref.name == object.name_any();
    let sets = manifests.sets.iter().map(|found| &found.object).filter(of_organization);
    let sets: Vec<SetInput> = sets.map(|set| declared::set_input(set, &organization, &invalid, false)).collect();
    ensure!(!sets.is_empty(), "there is no GuardrailSet of organization {} in these files", object.name_any());
    let owner = owner(args, object, &organization.id, &inventory)?;
    let exempt = exempt_by_organization(&object.spec).map_err(anyhow::Error::msg)?;
    let guarded = declared::guarded(&object.spec);
    let plan = soc2_guardrails::plan(&PlanInput {
        org: &organization,
        inventory: &inventory,
        owner: &owner,
        library: &library,
        sets: &sets,
        exempt: &exempt,
        limits: declared::limits(&object.spec),
        reserved_slots: object.spec.guardrails.reserved_slots,
        guarded: &guarded,
    });
    let changes = Changes::new(&plan, &inventory);
    match args.output {
        PlanFormat::Text => print(&show::text(&changes))?,
        PlanFormat::Json => print_json(&show::json(&changes))?,
        PlanFormat::Markdown => print(&show::markdown(&changes))?,
    }
    Ok(exit_of(&plan))
}

fn exit_of(plan: &Plan) -> Exit {
    if plan.sets.iter().any(|set| set.refused.is_some()) {
        Exit::Failed
    } else if plan.sets.iter().any(|set| set.all().next().is_some()) {
        Exit::Unusable
    } else {
        Exit::Passed
    }
}

/// The organization of these files.
fn the_organization<'a>(manifests: &'a Manifests, wanted: Option<&str>) -> Result<&'a AwsOrganization> {
    let mut found = manifests.organizations.iter().map(|found| &found.object);
    if let Some(name) = wanted {
        return found
            .find(|object| object.name_any() == name)
            .with_context(|| format!("there is no AwsOrganization {name}"));
    }
    let first = found.next().context("there is no AwsOrganization in these files")?;
    ensure!(found.next().is_none(), "there are several AwsOrganizations in these files: say which with --organization");
    Ok(first)
}

/// Who owns policies. The cluster is told by the tags, if all policies of ours agree.
fn owner(args: &PlanArgs, object: &AwsOrganization, organization: &str, inventory: &PolicyInventory) -> Result<Owner> {
    let owner_id = object.spec.owner_id.clone().unwrap_or_else(|| object.name_any());
    let ours = inventory.policies.values().filter(|policy| policy.tags.get(OWNER_TAG) == Some(&owner_id));
    let clusters: BTreeSet<&String> = ours.filter_map(|policy| policy.tags.get(CLUSTER_TAG)).collect();
    let cluster_id = match (&args.cluster_id, clusters.len()) {
        (Some(id), _) => id.clone(),
        (None, 0) => "(the cluster's)".to_owned(),
        (None, 1) => clusters.into_iter().next().cloned().unwrap_or_default(),
        (None, _) => bail!(
            "policies of owner {owner_id} are of several clusters ({}): say which with --cluster-id",
            clusters.into_iter().cloned().collect::<Vec<_>>().join(", ")
        ),
    };
    Ok(Owner { owner_id, cluster_id, organization_id: organization.to_owned() })
}
