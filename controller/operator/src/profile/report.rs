//! The report step: status, conditions, postures, metrics, events, on every path.

use std::sync::Arc;

use jiff::Timestamp;
use kube::{Resource, ResourceExt};
use soc2_crds::{ComplianceProfile, ComplianceProfileStatus};

use super::observe::{STANDING, published_until};
use super::working::Assessed;
use super::{Observed, Waiting, news};
use crate::context::Context;
use crate::error::Error;
use crate::kubernetes::conditions::{Fact, time};
use crate::kubernetes::status::{Desired, fields_of};
use crate::owners::Nudge;
use crate::postures::{MANAGER, Source};
use crate::published::{Conclusion, ProfileSnapshot, demands};
use crate::requested_at;

const FIELDS: &[&str] = &[
    "observedGeneration",
    "lastHandledReconcileAt",
    "assessedAt",
    "catalog",
    "targets",
    "checks",
    "criteria",
    "activities",
    "moreActivities",
    "guardrails",
    "worstControls",
    "moreFailingControls",
    "worstAccounts",
    "moreFailingAccounts",
    "objectives",
    "exceptions",
    "coverage",
];
const CONDITIONS: &[&str] = &[
    "Ready",
    "Stalled",
    "Reconciling",
    "Compliant",
    "DataComplete",
    "CoverageComplete",
    "GuardrailsInForce",
    "MetricsReduced",
];

/// `assessedAt` moves at least this often, so that people see that somebody still looks.
const HEARTBEAT: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

/// Says how the accounts stand.
pub async fn assessed(
    context: &Context,
    profile: &ComplianceProfile,
    observed: &Observed,
    found: Assessed,
    now: Timestamp,
) -> Result<(), Error> {
    let name = profile.name_any();
    let organization = observed.organization_name();
    let source = Source::new(profile.clone(), found.assessment.clone(), observed.view.world.clone());
    context.postures.sync(&Arc::new(source), found.touched.as_ref()).await;
    let snapshot = Arc::new(ProfileSnapshot {
        organization,
        metrics: found.metrics,
        detail: profile.spec.metrics.detail,
        series: found.series,
        assessment: found.assessment,
        assessed_at: now,
        exceptions: found.exceptions,
        activities: found.activities,
        objectives: found.objectives,
    });
    let before = context.published.profile(&name, Arc::clone(&snapshot));
    let mut facts = found.facts;
    facts.extend(reduced(context, &name));
    tell_exceptions(context, before.as_deref(), &snapshot);
    let mut happenings = Vec::new();
    if !found.first && news::was_assessed(profile) {
        happenings.extend(news::transitions(profile, &facts));
        happenings.extend(news::activities_changed(profile, &snapshot.activities));
        happenings.extend(before.iter().flat_map(|before| news::controls_changed(&before.metrics, &snapshot.metrics)));
    }
    write(context, profile, found.status, facts, now).await?;
    context.events.publish(&profile.object_ref(&()), happenings);
    Ok(())
}

/// Has exceptions look at what was found about them.
fn tell_exceptions(context: &Context, before: Option<&ProfileSnapshot>, now: &ProfileSnapshot) {
    match before {
        None => context.nudges.send(Nudge::ExceptionsOf(now.organization.clone())),
        Some(before) => {
            for (namespace, name) in now.exceptions.differing(&before.exceptions) {
                context.nudges.send(Nudge::Exception(namespace, name));
            }
        }
    }
}

/// `MetricsReduced`, while the cap on series takes detail from the profile. Others learn of it when theirs changes too.
fn reduced(context: &Context, name: &str) -> Option<Fact> {
    let profiles = context.published.profiles();
    let allotment = context.budget.allot(&demands(&profiles));
    let changed = context.published.allotted(&allotment.levels);
    for (other, snapshot) in profiles.iter().filter(|(other, _)| other != name && changed.contains(other)) {
        tracing::info!(profile = %other, level = allotment.level(other).as_str(), "metrics of the profile change detail");
        context.feeds.touch(&snapshot.organization);
    }
    let wanted = profiles.iter().find(|(found, _)| found == name).map(|(_, snapshot)| snapshot.demand().wanted)?;
    let level = allotment.level(name);
    (level < wanted).then(|| {
        let (level, wanted, cap) = (level.as_str(), wanted.as_str(), context.budget.cap());
        let message = format!(
            "all profiles together have more series than --metrics-max-series {cap}: this one is exported with detail \
             {level} instead of {wanted}; choose a coarser spec.metrics.detail, or raise the flag"
        );
        Fact::yes("MetricsReduced", "SeriesCapReached", message)
    })
}

/// Says why there is no assessment now.
pub async fn waiting(
    context: &Context,
    profile: &ComplianceProfile,
    waiting: &Waiting,
    now: Timestamp,
) -> Result<(), Error> {
    match waiting {
        Waiting::Quiet => Ok(()),
        Waiting::Nothing { reason, message } => {
            let reading = reason == "Reading";
            conclude(context, profile, (!reading).then_some(Conclusion::NotAssessed));
            let mut facts = vec![
                Fact::unknown("Compliant", reason, message.clone()),
                Fact::no("DataComplete", reason, message.clone()),
            ];
            if reading {
                facts.push(Fact::unknown("Ready", reason, message.clone()));
                facts.push(Fact::yes("Reconciling", reason, message.clone()));
            } else {
                facts.push(Fact::no("Ready", reason, message.clone()));
                forget_if_old(context, profile, now);
            }
            write(context, profile, remembered(profile), facts, now).await
        }
        Waiting::Refused { reason, message } => refused(context, profile, (reason, message), now).await,
        Waiting::Stands { reason, message } => {
            conclude(context, profile, None);
            let before = profile.status.clone().unwrap_or_default();
            let mut facts: Vec<Fact> = standing(&before);
            facts.retain(|fact| fact.type_ != "DataComplete");
            facts.push(Fact::no("DataComplete", reason, message.clone()));
            write(context, profile, before, facts, now).await
        }
    }
}

/// Says what a person has to correct. What was published stands while it is fresh: a mistake in a spec or a catalogue is no
/// news of the accounts.
async fn refused(
    context: &Context,
    profile: &ComplianceProfile,
    (reason, message): (&str, &str),
    now: Timestamp,
) -> Result<(), Error> {
    conclude(context, profile, Some(Conclusion::NotAssessed));
    let stands = published_until(profile).filter(|until| now < *until && news::was_published(profile));
    let data = stands.map_or_else(
        || message.to_owned(),
        |until| format!("{message}; what was published stands until {}", time(until).0),
    );
    let mut facts = vec![
        Fact::no("Ready", reason, message),
        Fact::yes("Stalled", reason, message),
        Fact::no("DataComplete", reason, data),
    ];
    let status = if stands.is_some() {
        let before = profile.status.clone().unwrap_or_default();
        let kept = standing(&before).into_iter().filter(|fact| !facts.iter().any(|new| new.type_ == fact.type_));
        let kept: Vec<Fact> = kept.filter(|fact| fact.type_ != "Reconciling").collect();
        facts.extend(kept);
        before
    } else {
        facts.push(Fact::unknown("Compliant", reason, message));
        forget_if_old(context, profile, now);
        remembered(profile)
    };
    let happenings = if news::was_published(profile) { news::transitions(profile, &facts) } else { Vec::new() };
    write(context, profile, status, facts, now).await?;
    context.events.publish(&profile.object_ref(&()), happenings);
    Ok(())
}

/// Remembers what came of looking at a profile that is not assessed; exceptions waive nothing under it.
fn conclude(context: &Context, profile: &ComplianceProfile, conclusion: Option<Conclusion>) {
    let (name, concluded) = (profile.name_any(), conclusion.is_some());
    let was = context.published.conclusion(&name);
    context.published.no_profile(&name, conclusion);
    if concluded && !matches!(was, Some(Conclusion::NotAssessed)) {
        context.nudges.send(Nudge::ExceptionsOf(profile.spec.organization_ref.name.clone()));
    }
}

/// What is too old to be true of an account is not left there.
fn forget_if_old(context: &Context, profile: &ComplianceProfile, now: Timestamp) {
    if published_until(profile).is_some_and(|until| until <= now) {
        context.postures.clear(&profile.name_any());
    }
}

/// A status that says nothing of accounts, and remembers what the next assessment needs: the version of the catalogue that
/// the profile is on, and how many accounts there were.
fn remembered(profile: &ComplianceProfile) -> ComplianceProfileStatus {
    let before = profile.status.as_ref();
    ComplianceProfileStatus {
        catalog: before.and_then(|status| status.catalog.clone()),
        targets: before.and_then(|status| status.targets.clone()),
        ..ComplianceProfileStatus::default()
    }
}

/// The conditions that stand, as facts.
fn standing(status: &ComplianceProfileStatus) -> Vec<Fact> {
    CONDITIONS
        .iter()
        .filter_map(|type_| {
            let found = status.conditions.iter().find(|condition| condition.type_ == *type_)?;
            let known = match found.status.as_str() {
                "True" => "True",
                "False" => "False",
                _ => "Unknown",
            };
            Some(Fact { type_, status: known, reason: found.reason.clone(), message: found.message.clone() })
        })
        .collect()
}

async fn write(
    context: &Context,
    profile: &ComplianceProfile,
    mut status: ComplianceProfileStatus,
    facts: Vec<Fact>,
    now: Timestamp,
) -> Result<(), Error> {
    let before = profile.status.as_ref().and_then(|status| status.assessed_at.clone());
    let assessed = facts.iter().any(|fact| fact.type_ == "Ready" && fact.reason == "Assessed");
    status.observed_generation = profile.metadata.generation;
    status.last_handled_reconcile_at = requested_at(profile);
    status.assessed_at.clone_from(&before);
    let writer = context.status_writer(MANAGER, FIELDS, CONDITIONS);
    let live = serde_json::to_value(&profile.status).unwrap_or_default();
    let mut desired = Desired { fields: fields_of(&status), conditions: facts };
    let due = before.is_none_or(|at| now.duration_since(at.0) >= HEARTBEAT);
    let stands = desired.conditions.iter().any(|fact| STANDING.contains(&fact.reason.as_str()));
    if assessed && !stands && (due || writer.differs(profile, &live, &desired, now)) {
        status.assessed_at = Some(time(now));
        desired.fields = fields_of(&status);
    }
    writer.write(profile, &live, &desired, now).await?;
    Ok(())
}
