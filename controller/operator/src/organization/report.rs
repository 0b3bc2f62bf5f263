//! The report step for what the feed reads: tree, findings, assignment.

use std::collections::BTreeSet;

use kube::{Resource, ResourceExt};
use soc2_crds::{
    AccountCounts, AwsOrganization, AwsOrganizationStatus, ComplianceProfile, SecurityHubStatus, ShardCounts,
    SweepStatus,
};
use soc2_feed::{FeedFacts, RegionFacts};
use soc2_posture::ids::AccountId;
use soc2_posture::organization::{AccountState, Organization};
use soc2_posture::targets::select;

use super::{events, findings, held};
use crate::context::Context;
use crate::error::Error;
use crate::kubernetes::conditions::{Fact, time};
use crate::kubernetes::events::Happening;
use crate::kubernetes::status::{Desired, fields_of};
use crate::{reasons, requested_at};

/// Field manager of what the feed reads.
pub const MANAGER: &str = "soc2-operator/feed";

const FIELDS: &[&str] = &[
    "observedGeneration",
    "lastHandledReconcileAt",
    "organizationId",
    "managementAccountId",
    "accounts",
    "organizationalUnits",
    "securityHub",
];
const CONDITIONS: &[&str] =
    &["Ready", "Stalled", "Reconciling", "OrganizationRead", "FindingsComplete", events::TYPE, "AllAccountsAssigned"];

/// Says what the feed found.
pub async fn report(
    context: &Context,
    object: &AwsOrganization,
    profiles: &[ComplianceProfile],
    foreign_cluster: Option<&str>,
) -> Result<(), Error> {
    let name = object.name_any();
    let Some(view) = context.feeds.view(&name) else { return Ok(()) };
    let organization = view.world.read(|world| world.organization.clone());
    let unattributed = view.world.read(|world| world.sources.unattributed.values().next().cloned());
    let assignment = organization.as_ref().map(|found| Assignment::of(object, found, profiles));
    let mut status = status_of(object, &view.facts);
    if let (Some(organization), Some(assignment)) = (&organization, &assignment) {
        status.organization_id = Some(organization.id.clone());
        status.management_account_id = Some(organization.management_account.to_string());
        status.accounts = Some(assignment.counts(organization));
        status.organizational_units = u32::try_from(organization.units.len().saturating_sub(1)).ok();
        context.published.organization(&name, |snapshot| {
            snapshot.assigned = assignment.assigned;
            snapshot.unassigned = count(assignment.unassigned.len());
        });
    } else if !view.facts.restarting
        && view.facts.organization == soc2_feed::Reading::default()
        && object.status.is_some()
    {
        // The feed has only just begun; what was published stands until it knows more.
        return Ok(());
    }
    let mut facts = vec![
        organization_read(&view.facts, organization.as_ref()),
        findings::fact(object, &view.facts, unattributed.as_deref()),
    ];
    facts.extend(events::fact(&view.facts));
    facts.extend(assignment.as_ref().map(Assignment::fact));
    let waits = held::waits(context, object);
    facts.extend(summary(&facts[0], stalled(context, &name, foreign_cluster), waits));
    let desired = Desired { fields: fields_of(&status), conditions: facts };
    let happenings = happenings(object, &desired.conditions);
    let writer = context.status_writer(MANAGER, FIELDS, CONDITIONS);
    let live = serde_json::to_value(&object.status).unwrap_or_default();
    if writer.write(object, &live, &desired, (context.now)()).await? {
        context.events.publish(&object.object_ref(&()), happenings);
    }
    Ok(())
}

fn status_of(object: &AwsOrganization, facts: &FeedFacts) -> AwsOrganizationStatus {
    AwsOrganizationStatus {
        observed_generation: object.metadata.generation,
        last_handled_reconcile_at: requested_at(object),
        security_hub: facts.regions.iter().map(hub_status).collect(),
        ..AwsOrganizationStatus::default()
    }
}

fn hub_status(region: &RegionFacts) -> SecurityHubStatus {
    SecurityHubStatus {
        source: region.source.clone(),
        region: region.region.clone(),
        account: region.account.map(|account| account.to_string()),
        linked_regions: region.linked_regions.clone(),
        control_findings: region.consolidated.map(|yes| if yes { "Consolidated" } else { "PerStandard" }.to_owned()),
        members: count(region.members),
        enabled_standards: region.standards.clone(),
        findings: region.findings as u64,
        shards: Some(ShardCounts { total: count(region.shards), complete: count(region.shards_complete) }),
        last_full_sweep: region.last_full_sweep.map(|sweep| SweepStatus {
            started_at: time(sweep.started_at),
            completed_at: time(sweep.completed_at),
            requests: sweep.requests,
            throttled: sweep.throttled,
        }),
        error: region.error.as_ref().map(|error| error.message.clone()),
    }
}

/// Why a person has to do something before anything can go on: reason and message.
fn stalled(context: &Context, name: &str, foreign_cluster: Option<&str>) -> Option<(&'static str, String)> {
    if let Some(twin) = context.older_twin(name) {
        let message = format!("AwsOrganization {twin} is for the same organization and older; delete one of the two");
        return Some(("DuplicateOrganization", message));
    }
    let cluster = foreign_cluster?;
    let message = format!(
        "policies with our owner id carry the tag of cluster {cluster}: nothing is written; once that cluster is gone, take them over \
         with the annotation soc2-operator.dev/take-over: {cluster}; else choose another ownerId, or remove that cluster's policies"
    );
    Some(("OwnedByOtherCluster", message))
}

/// `Ready`, and `Reconciling` or `Stalled` while true.
fn summary(read: &Fact, stalled: Option<(&'static str, String)>, waits: Option<String>) -> Vec<Fact> {
    if let Some(message) = waits {
        return vec![
            Fact::no("Ready", "WaitsForSets", message.clone()),
            Fact::yes("Reconciling", "WaitsForSets", message),
        ];
    }
    if let Some((reason, message)) = stalled {
        return vec![Fact::no("Ready", reason, message.clone()), Fact::yes("Stalled", reason, message)];
    }
    match read.status {
        "True" => vec![Fact::yes("Ready", "Reconciled", "AWS is read; FindingsComplete says how completely")],
        "False" => vec![Fact::no("Ready", &read.reason, read.message.clone())],
        _ => vec![
            Fact::unknown("Ready", &read.reason, read.message.clone()),
            Fact::yes("Reconciling", "Reading", read.message.clone()),
        ],
    }
}

fn organization_read(feed: &FeedFacts, organization: Option<&Organization>) -> Fact {
    const TYPE: &str = "OrganizationRead";
    match (&feed.organization.error, organization) {
        (Some(error), found) => {
            let since = match (found, feed.organization.read_at) {
                (Some(_), Some(at)) => format!(" (the reading of {at} stands)"),
                _ => String::new(),
            };
            Fact::no(TYPE, reasons::of(error), format!("{}{since}", error.message))
        }
        (None, Some(found)) => {
            let active = found.accounts.values().filter(|account| account.state == AccountState::Active).count();
            let units = found.units.len().saturating_sub(1);
            Fact::yes(TYPE, "Read", format!("{active} active accounts in {units} OUs"))
        }
        (None, None) => Fact::unknown(TYPE, "Reading", "the organization is being read"),
    }
}

/// Which active accounts are in a profile.
struct Assignment {
    assigned: u32,
    unassigned: Vec<AccountId>,
}

impl Assignment {
    fn of(object: &AwsOrganization, organization: &Organization, profiles: &[ComplianceProfile]) -> Self {
        let mut known: BTreeSet<AccountId> = profiles
            .iter()
            .flat_map(|profile| select(&profile.spec.targets.targets(), organization, "spec.targets").accounts)
            .collect();
        let listed = object.spec.unassigned.iter().flat_map(|entry| &entry.account_ids);
        known.extend(listed.filter_map(|id| id.parse::<AccountId>().ok()));
        let active = organization.accounts.iter().filter(|(_, account)| account.state == AccountState::Active);
        let (assigned, unassigned): (Vec<AccountId>, Vec<AccountId>) =
            active.map(|(id, _)| *id).partition(|id| known.contains(id));
        Self { assigned: count(assigned.len()), unassigned }
    }

    fn counts(&self, organization: &Organization) -> AccountCounts {
        let in_state = |states: &[AccountState]| {
            count(organization.accounts.values().filter(|account| states.contains(&account.state)).count())
        };
        AccountCounts {
            total: count(organization.accounts.len()),
            active: in_state(&[AccountState::Active]),
            suspended: in_state(&[AccountState::Suspended, AccountState::PendingClosure]),
            unassigned: count(self.unassigned.len()),
            unassigned_sample: self.unassigned.iter().take(10).map(ToString::to_string).collect(),
        }
    }

    fn fact(&self) -> Fact {
        const TYPE: &str = "AllAccountsAssigned";
        if self.unassigned.is_empty() {
            return Fact::yes(
                TYPE,
                "Assigned",
                format!("{} active accounts are in a profile or listed in spec.unassigned", self.assigned),
            );
        }
        let sample: Vec<String> = self.unassigned.iter().take(10).map(ToString::to_string).collect();
        let more = if self.unassigned.len() > sample.len() { ", ..." } else { "" };
        let message = format!(
            "{} active accounts are in no profile: {}{more}; add them to the targets of a ComplianceProfile, or to spec.unassigned with a rationale",
            self.unassigned.len(),
            sample.join(", ")
        );
        Fact::no(TYPE, "AccountsWithoutProfile", message)
    }
}

/// One event for each condition that turned bad or good; none at the first report.
fn happenings(object: &AwsOrganization, facts: &[Fact]) -> Vec<Happening> {
    let Some(before) = object.status.as_ref().filter(|status| !status.conditions.is_empty()) else { return Vec::new() };
    facts
        .iter()
        .filter(|fact| !matches!(fact.type_, "Ready" | "Reconciling"))
        .filter_map(|fact| {
            let old = before.conditions.iter().find(|old| old.type_ == fact.type_)?;
            let changed = old.status != fact.status || (old.reason != fact.reason && fact.status == "False");
            // From Unknown to True is how a start looks.
            (changed && !(old.status == "Unknown" && fact.status == "True")).then(|| Happening {
                warning: fact.status != "True",
                reason: fact.reason.clone(),
                action: "Read",
                note: format!("{}: {}", fact.type_, fact.message),
            })
        })
        .collect()
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
