//! What an attestation says, whatever profile looks at it.

use std::sync::Arc;

use jiff::Timestamp;
use soc2_catalog::{Catalog, normalize_control_id};
use soc2_crds::{AttestationMethod, Cadence, ControlAttestationSpec};

use super::calendar::{overdue_at, second, valid_until};
use crate::assess::refusal::Refusal;

/// Something that can be attested.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Thing {
    /// An activity, by its id.
    Activity(String),
    /// A control, by its normalised id.
    Control(String),
    /// A criterion, by its id.
    Criterion(String),
}

/// What is attested until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) thing: Thing,
    /// From then on it has to be done again.
    pub(crate) valid_until: Timestamp,
    /// From then on it counts no longer.
    pub(crate) overdue_at: Timestamp,
}

/// What an attestation says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) performed_at: Timestamp,
    /// Each thing once.
    pub(crate) said: Vec<Said>,
}

impl Reading {
    /// The first of the moments at which something has to be done again.
    pub(crate) fn valid_until(&self) -> Timestamp {
        self.said.iter().map(|said| said.valid_until).min().unwrap_or(self.performed_at)
    }

    /// The first of the moments at which something counts no longer.
    pub(crate) fn overdue_at(&self) -> Timestamp {
        self.said.iter().map(|said| said.overdue_at).min().unwrap_or(self.performed_at)
    }
}

/// Reads an attestation; `catalogs` are those in use, an id is known when any knows it and the first that does says how often.
pub(crate) fn read(spec: &ControlAttestationSpec, catalogs: &[&Arc<Catalog>]) -> Result<Reading, Refusal> {
    let lists = [&spec.activities, &spec.criteria, &spec.controls];
    if lists.iter().filter(|list| list.as_ref().is_some_and(|list| !list.is_empty())).count() != 1 {
        let message = "spec.activities, spec.criteria, spec.controls: give exactly one of them";
        return Err(Refusal::new("BadSpec", message));
    }
    let performed_at = second(spec.performed_at.0);
    let mut said: Vec<Said> = Vec::new();
    let things =
        activities(spec, catalogs)?.into_iter().chain(controls(spec, catalogs)?).chain(criteria(spec, catalogs)?);
    for (thing, cadence) in things {
        if !said.iter().any(|known| known.thing == thing) {
            let valid_until = valid_until(performed_at, spec.cadence.unwrap_or(cadence));
            said.push(Said { thing, valid_until, overdue_at: overdue_at(valid_until, spec.grace_days) });
        }
    }
    evidence(spec)?;
    Ok(Reading { performed_at, said })
}

fn activities(spec: &ControlAttestationSpec, catalogs: &[&Arc<Catalog>]) -> Result<Vec<(Thing, Cadence)>, Refusal> {
    let mut found = Vec::new();
    for (at, id) in spec.activities.iter().flatten().enumerate() {
        let activity = catalogs.iter().find_map(|catalog| catalog.activities().get(catalog.activity(id)?));
        // A control that a profile made `Manual` is an activity of the same id.
        let control = || catalogs.iter().find_map(|catalog| catalog.control(id));
        if let Some(activity) = activity {
            found.push((Thing::Activity(activity.id.clone()), activity.cadence));
        } else if control().is_some() {
            found.push((Thing::Control(normalize_control_id(id)), Cadence::Quarterly));
        } else {
            let message =
                format!("spec.activities[{at}]: the catalogue knows no activity {id:?}; see `soc2ctl catalog list`");
            return Err(Refusal::new("UnknownActivity", message));
        }
    }
    Ok(found)
}

fn controls(spec: &ControlAttestationSpec, catalogs: &[&Arc<Catalog>]) -> Result<Vec<(Thing, Cadence)>, Refusal> {
    let mut found = Vec::new();
    for (at, id) in spec.controls.iter().flatten().enumerate() {
        let before = found.len();
        for catalog in catalogs {
            let ids = catalog.resolve(id).into_iter().map(|control| normalize_control_id(&catalog.get(control).id));
            found.extend(ids.map(|id| (Thing::Control(id), Cadence::Quarterly)));
        }
        if found.len() == before {
            let message =
                format!("spec.controls[{at}]: the catalogue knows no control {id:?}; see `soc2ctl catalog list`");
            return Err(Refusal::new("UnknownControl", message));
        }
    }
    Ok(found)
}

fn criteria(spec: &ControlAttestationSpec, catalogs: &[&Arc<Catalog>]) -> Result<Vec<(Thing, Cadence)>, Refusal> {
    let mut found = Vec::new();
    for (at, id) in spec.criteria.iter().flatten().enumerate() {
        let criterion = catalogs.iter().find_map(|catalog| catalog.criteria().get(catalog.criterion(id)?));
        let criterion = criterion.ok_or_else(|| {
            let message = format!("spec.criteria[{at}]: {id:?} is no Trust Services criterion; write it as in CC6.1");
            Refusal::new("UnknownCriterion", message)
        })?;
        found.push((Thing::Criterion(criterion.id.clone()), criterion.attestation));
    }
    Ok(found)
}

/// Whether there is anything that shows it.
fn evidence(spec: &ControlAttestationSpec) -> Result<(), Refusal> {
    let shown = spec.evidence.iter().flatten().any(|evidence| !evidence.url.trim().is_empty());
    let inherited = spec.method == AttestationMethod::Inherited && spec.report.is_some() && spec.period.is_some();
    if shown || inherited {
        return Ok(());
    }
    let message = match spec.method {
        AttestationMethod::Performed => "spec.evidence: give at least one URL of what shows it",
        AttestationMethod::Inherited => "spec.report, spec.period: say whose report it is and which time it covers",
    };
    Err(Refusal::new("NoEvidence", message))
}
