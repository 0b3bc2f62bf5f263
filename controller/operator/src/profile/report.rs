//! The report step: status, conditions, postures, metrics, events, on every path.

use std::sync::Arc;

use jiff::Timestamp;
use kube::{Resource, ResourceExt};
use soc2_crds::{ComplianceProfile, ComplianceProfileStatus};
use soc2_posture::SpecError;
use soc2_posture::assess::ProfileMetrics;

use super::working::Assessed;
use super::{Observed, Waiting};
use crate::context::Context;
use crate::error::Error;
use crate::kubernetes::conditions::{Fact, time};
use crate::kubernetes::events::Happening;
use crate::kubernetes::status::{Desired, StatusWriter, fields_of};
use crate::postures::{MANAGER, Source};
use crate::published::{ProfileSnapshot, demands};
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
    "guardrails",
    "worstControls",
    "moreFailingControls",
    "worstAccounts",
    "moreFailingAccounts",
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
    });
    let before = context.published.profile(&name, Arc::clone(&snapshot));
    let mut facts = found.facts;
    facts.extend(reduced(context, &name));
    let first = found.first || !was_assessed(profile);
    let mut happenings = if first { Vec::new() } else { transitions(profile, &facts) };
    if let Some(before) = before
        && !first
    {
        happenings.extend(controls_changed(&before.metrics, &snapshot.metrics));
    }
    write(context, profile, found.status, facts, now).await?;
    context.events.publish(&profile.object_ref(&()), happenings);
    Ok(())
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
    let name = profile.name_any();
    match waiting {
        Waiting::Quiet => Ok(()),
        Waiting::Nothing { reason, message } => {
            context.published.no_profile(&name);
            let mut facts = vec![
                Fact::unknown("Compliant", reason, message.clone()),
                Fact::no("DataComplete", reason, message.clone()),
            ];
            if reason == "Reading" {
                facts.push(Fact::unknown("Ready", reason, message.clone()));
                facts.push(Fact::yes("Reconciling", reason, message.clone()));
            } else {
                facts.push(Fact::no("Ready", reason, message.clone()));
            }
            write(context, profile, ComplianceProfileStatus::default(), facts, now).await
        }
        Waiting::Stands { message } => {
            context.published.no_profile(&name);
            let before = profile.status.clone().unwrap_or_default();
            let mut facts: Vec<Fact> = standing(&before);
            facts.retain(|fact| fact.type_ != "DataComplete");
            facts.push(Fact::no("DataComplete", "Restarting", message.clone()));
            write(context, profile, before, facts, now).await
        }
    }
}

/// Says what is wrong in the spec.
pub async fn refused(
    context: &Context,
    profile: &ComplianceProfile,
    error: &SpecError,
    now: Timestamp,
) -> Result<(), Error> {
    context.published.no_profile(&profile.name_any());
    let (reason, message) = (error.reason(), error.to_string());
    let facts = vec![
        Fact::no("Ready", reason, message.clone()),
        Fact::yes("Stalled", reason, message.clone()),
        Fact::unknown("Compliant", reason, message.clone()),
        Fact::no("DataComplete", reason, message),
    ];
    let happenings = if was_assessed(profile) { transitions(profile, &facts) } else { Vec::new() };
    write(context, profile, ComplianceProfileStatus::default(), facts, now).await?;
    context.events.publish(&profile.object_ref(&()), happenings);
    Ok(())
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
    let writer = StatusWriter::new(context.client.clone(), MANAGER, FIELDS, CONDITIONS);
    let live = serde_json::to_value(&profile.status).unwrap_or_default();
    let mut desired = Desired { fields: fields_of(&status), conditions: facts };
    let due = before.is_none_or(|at| now.duration_since(at.0) >= HEARTBEAT);
    let restarting = desired.conditions.iter().any(|fact| fact.reason == "Restarting");
    if assessed && !restarting && (due || writer.differs(profile, &live, &desired, now)) {
        status.assessed_at = Some(time(now));
        desired.fields = fields_of(&status);
    }
    writer.write(profile, &live, &desired, now).await?;
    Ok(())
}

/// Whether what stands is an assessment.
fn was_assessed(profile: &ComplianceProfile) -> bool {
    let before = profile.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    before.iter().any(|condition| condition.type_ == "Ready" && condition.reason == "Assessed")
}

/// One event for each condition that changed.
fn transitions(profile: &ComplianceProfile, facts: &[Fact]) -> Vec<Happening> {
    let before = profile.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    facts
        .iter()
        .filter(|fact| fact.type_ != "Ready")
        .filter(|fact| {
            before
                .iter()
                .find(|old| old.type_ == fact.type_)
                .is_none_or(|old| old.status != fact.status || old.reason != fact.reason)
        })
        .map(|fact| Happening {
            warning: (fact.status == "True") == matches!(fact.type_, "Stalled" | "MetricsReduced"),
            reason: fact.reason.clone(),
            action: "Assess",
            note: format!("{} is {}: {}", fact.type_, fact.status, fact.message),
        })
        .collect()
}

/// Controls that fail in more, or in fewer, accounts than at the last assessment.
fn controls_changed(before: &ProfileMetrics, after: &ProfileMetrics) -> Vec<Happening> {
    let failed = |metrics: &ProfileMetrics, id: &str| {
        metrics.controls.iter().find(|control| control.id == id).map_or(0, |control| control.accounts.failed)
    };
    let words = |more: bool| -> Vec<String> {
        after
            .controls
            .iter()
            .filter_map(|control| {
                let (old, new) = (failed(before, &control.id), control.accounts.failed);
                let changed = if more { new > old } else { new < old };
                changed.then(|| format!("{} in {new} accounts (was {old})", control.id))
            })
            .collect()
    };
    let event = |warning: bool, reason: &str, words: &[String]| Happening {
        warning,
        reason: reason.to_owned(),
        action: "Assess",
        note: words.join(", "),
    };
    let (worse, better) = (words(true), words(false));
    let mut found = Vec::new();
    if !worse.is_empty() {
        found.push(event(true, "ControlsNewlyFailing", &worse));
    }
    if !better.is_empty() {
        found.push(event(false, "ControlsRecovered", &better));
    }
    found
}
