//! Attestations: how each stands, whatever the profiles.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::runtime::controller::Action;
use kube::{Resource, ResourceExt};
use soc2_crds::{AttestationState, ControlAttestation, ControlAttestationStatus};
use soc2_posture::assess::{AttestationStanding, attestations};
use soc2_posture::organization::Organization;

use super::exception::fact;
use super::written::Version;
use super::{Nudge, Written};
use crate::context::Context;
use crate::control::{Reconciler, until};
use crate::error::Error;
use crate::kubernetes::conditions::Fact;
use crate::kubernetes::events::Happening;
use crate::kubernetes::status::{Desired, fields_of};
use crate::postures::MANAGER;
use crate::requested_at;

const FIELDS: &[&str] = &["observedGeneration", "lastHandledReconcileAt", "state", "validUntil", "late"];
const CONDITIONS: &[&str] = &["Ready", "Stalled", "Reconciling"];

/// When time changes nothing, an attestation is looked at this often: which accounts its targets have may change.
const IDLE: Duration = Duration::from_mins(10);

/// How the attestations of an organization stand; found once for all of them.
#[derive(Debug, Default)]
pub struct AttestationStandings(Mutex<BTreeMap<String, Found>>);

#[derive(Debug)]
struct Found {
    /// What they were found from.
    basis: Basis,
    at: Timestamp,
    /// By namespace and name.
    standings: Arc<BTreeMap<(String, String), AttestationStanding>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Basis {
    versions: Vec<Version>,
    catalogs: Vec<String>,
    tree_read_at: Option<Timestamp>,
}

impl AttestationStandings {
    /// Forgets an organization.
    pub fn forget(&self, organization: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(organization);
    }

    /// How one attestation stands.
    fn of(&self, context: &Context, attestation: &ControlAttestation, now: Timestamp) -> Option<AttestationStanding> {
        let organization = &attestation.spec.organization_ref.name;
        let key = (attestation.namespace().unwrap_or_default(), attestation.name_any());
        self.standings(context, organization, now).get(&key).cloned()
    }

    fn standings(
        &self,
        context: &Context,
        organization: &str,
        now: Timestamp,
    ) -> Arc<BTreeMap<(String, String), AttestationStanding>> {
        let written = Written::attestations_of(organization, &context.stores.attestations);
        let catalogs = context.catalogs.all();
        let view = context.feeds.view(organization);
        let basis = Basis {
            versions: written.attestation_versions(),
            catalogs: catalogs.iter().map(|catalog| catalog.digest().to_owned()).collect(),
            tree_read_at: view.as_ref().and_then(|view| view.facts.organization.read_at),
        };
        // Each is found at its own moment; until the next change of any of them all are the same.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(organization)
            && found.basis == basis
            && found.at <= now
            && !found.standings.values().any(|one| one.next_change_at.is_some_and(|next| next <= now))
        {
            return Arc::clone(&found.standings);
        }
        let judge =
            |tree: Option<&Organization>| attestations(organization, &written.attestations(), tree, &catalogs, now);
        let standings = match &view {
            Some(view) => view.world.read(|world| judge(world.organization.as_ref())),
            None => judge(None),
        };
        let by_key = |one: AttestationStanding| ((one.namespace.clone(), one.name.clone()), one);
        let standings: Arc<BTreeMap<_, _>> = Arc::new(standings.into_iter().map(by_key).collect());
        let found = Found { basis, at: now, standings: Arc::clone(&standings) };
        known.insert(organization.to_owned(), found);
        standings
    }
}

/// Reconciles attestations.
#[derive(Debug, Default)]
pub struct AttestationReconciler;

impl Reconciler for AttestationReconciler {
    type Kind = ControlAttestation;
    const KIND: &'static str = "ControlAttestation";
    const MANAGER: &'static str = MANAGER;

    async fn reconcile(&self, context: &Context, attestation: Arc<ControlAttestation>) -> Result<Action, Error> {
        let (namespace, name) = (attestation.namespace().unwrap_or_default(), attestation.name_any());
        let organization = &attestation.spec.organization_ref.name;
        if attestation.metadata.deletion_timestamp.is_some() {
            tell(context, organization);
            return Ok(Action::await_change());
        }
        context.nudges.saw::<ControlAttestation>(&namespace, &name, organization);
        if context.is_asked_anew(&*attestation) {
            tell(context, organization);
        }
        let now = (context.now)();
        let Some(standing) = context.attestations.of(context, &attestation, now) else {
            return Ok(Action::requeue(IDLE));
        };
        report(context, &attestation, &standing, now).await?;
        Ok(Action::requeue(standing.next_change_at.map_or(IDLE, |next| until(next, now).min(IDLE))))
    }
}

/// Has profiles look at the attestations of an organization, and these at each other: one can supersede another.
pub fn tell(context: &Context, organization: &str) {
    context.nudges.send(Nudge::ProfilesOf(organization.to_owned()));
    context.nudges.send(Nudge::AttestationsOf(organization.to_owned()));
}

async fn report(
    context: &Context,
    attestation: &ControlAttestation,
    standing: &AttestationStanding,
    now: Timestamp,
) -> Result<(), Error> {
    let before = attestation.status.as_ref();
    let status = ControlAttestationStatus {
        observed_generation: attestation.metadata.generation,
        last_handled_reconcile_at: requested_at(attestation),
        state: Some(standing.state),
        valid_until: standing.valid_until.map(Time),
        late: standing.late,
        conditions: Vec::new(),
    };
    let conditions: Vec<Fact> = standing.conditions().into_iter().map(fact).collect();
    let known = before.is_some_and(|status| {
        let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
        status.state == Some(standing.state) && ready.is_some_and(|ready| ready.reason == standing.reason)
    });
    let happenings = if known { Vec::new() } else { vec![happening(standing)] };
    let desired = Desired { fields: fields_of(&status), conditions };
    let writer = context.status_writer(MANAGER, FIELDS, CONDITIONS);
    let live = serde_json::to_value(before).unwrap_or_default();
    if writer.write(attestation, &live, &desired, now).await? {
        context.events.publish(&attestation.object_ref(&()), happenings);
    }
    Ok(())
}

/// What is news about an attestation that is in a new state.
fn happening(standing: &AttestationStanding) -> Happening {
    let (reason, note) = match standing.state {
        AttestationState::Refused => ("Refused", format!("{}: {}", standing.reason, standing.message)),
        _ => (standing.reason, standing.message.clone()),
    };
    let warning = !matches!(standing.state, AttestationState::Current | AttestationState::Superseded);
    Happening { warning, reason: reason.to_owned(), action: "Assess", note }
}
