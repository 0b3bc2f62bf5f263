//! Exceptions: how each stands, by what the profiles of its organization found.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::runtime::controller::Action;
use kube::{Resource, ResourceExt};
use soc2_crds::{ComplianceException, ComplianceExceptionStatus, ExceptionMatches, ExceptionState};
use soc2_posture::assess::{
    ConditionFact, Exception, ExceptionFact, ExceptionStanding, ExceptionVerdict, Owners, exceptions, merge_exceptions,
    renewals,
};
use soc2_posture::organization::Organization;

use super::Nudge;
use super::written::{Version, version};
use crate::context::Context;
use crate::control::{Reconciler, until};
use crate::error::Error;
use crate::kubernetes::conditions::Fact;
use crate::kubernetes::events::Happening;
use crate::kubernetes::status::{Desired, fields_of};
use crate::postures::MANAGER;
use crate::published::{Conclusion, ProfileSnapshot};
use crate::requested_at;

const FIELDS: &[&str] = &["observedGeneration", "lastHandledReconcileAt", "state", "matches", "renewals", "expiresAt"];
const CONDITIONS: &[&str] = &["Ready", "Stalled", "Reconciling", "ExpiringSoon"];

/// Nobody may tell when a profile is assessed; a profile that is tells at once.
const WAIT: Duration = Duration::from_secs(10);
/// When time changes nothing, an exception is looked at this often.
const IDLE: Duration = Duration::from_hours(1);

/// What a profile found about the exceptions of its organization.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExceptionsOf {
    /// By namespace and name.
    pub facts: Vec<ExceptionFact>,
    /// What each exception said then.
    pub versions: BTreeMap<(String, String), Version>,
}

impl ExceptionsOf {
    /// What was found about one exception.
    #[must_use]
    pub fn fact(&self, namespace: &str, name: &str) -> Option<&ExceptionFact> {
        let wanted = (namespace, name);
        let at = self.facts.binary_search_by(|fact| (&*fact.namespace, &*fact.name).cmp(&wanted)).ok()?;
        self.facts.get(at)
    }

    /// Exceptions of which something else was found than before, by namespace and name.
    #[must_use]
    pub fn differing(&self, before: &Self) -> Vec<(String, String)> {
        let differs = |(key, version): &(&(String, String), &Version)| {
            before.versions.get(*key) != Some(*version) || self.fact(&key.0, &key.1) != before.fact(&key.0, &key.1)
        };
        self.versions.iter().filter(differs).map(|(key, _)| key.clone()).collect()
    }
}

/// Reconciles exceptions.
#[derive(Debug, Default)]
pub struct ExceptionReconciler;

impl Reconciler for ExceptionReconciler {
    type Kind = ComplianceException;
    const KIND: &'static str = "ComplianceException";
    const MANAGER: &'static str = MANAGER;

    async fn reconcile(&self, context: &Context, exception: Arc<ComplianceException>) -> Result<Action, Error> {
        let (namespace, name) = (exception.namespace().unwrap_or_default(), exception.name_any());
        let organization = &exception.spec.organization_ref.name;
        if exception.metadata.deletion_timestamp.is_some() {
            // It waives nothing any more.
            context.nudges.send(Nudge::ProfilesOf(organization.clone()));
            return Ok(Action::await_change());
        }
        context.nudges.saw::<ComplianceException>(&namespace, &name, organization);
        if context.is_asked_anew(&*exception) {
            context.nudges.send(Nudge::ProfilesOf(organization.clone()));
        }
        let now = (context.now)();
        let Some(fact) = known(context, &exception, now) else {
            // Profiles are on it; what stands stands until they are done, but not for longer than it may.
            return Ok(Action::requeue(WAIT.min(until(exception.spec.expires_at.0, now))));
        };
        let standing = fact.standing(now);
        report(context, &exception, &standing, now).await?;
        // Nobody tells when an organization is read for which there is no profile.
        let at_most = if matches!(fact.verdict, ExceptionVerdict::Waiting { .. }) { WAIT } else { IDLE };
        Ok(Action::requeue(standing.next_change_at.map_or(at_most, |next| until(next, now).min(at_most))))
    }
}

/// What is known of an exception; `None`: profiles still have to look at it. What has ended has ended, whatever they say.
fn known(context: &Context, exception: &ComplianceException, now: Timestamp) -> Option<ExceptionFact> {
    let (namespace, name) = (exception.namespace().unwrap_or_default(), exception.name_any());
    if now >= exception.spec.expires_at.0 {
        return Some(by_itself(context, exception, &namespace, &name));
    }
    let mut facts = Vec::new();
    for guard in context.stores.guarded_profiles_of(&exception.spec.organization_ref.name) {
        let Ok(profile) = &guard.0 else { continue };
        if profile.spec.suspend || profile.metadata.deletion_timestamp.is_some() {
            continue;
        }
        match context.published.conclusion(&profile.name_any()) {
            None => return None,
            Some(Conclusion::NotAssessed) => {}
            Some(Conclusion::Assessed(snapshot)) => {
                if !is_current(&snapshot, exception, now) {
                    return None;
                }
                facts.extend(snapshot.exceptions.fact(&namespace, &name).cloned());
            }
        }
    }
    if facts.is_empty() {
        facts.push(by_itself(context, exception, &namespace, &name));
    }
    merge_exceptions(facts).into_iter().next()
}

/// Whether a profile looked at the exception as it is; one that has some of its accounts, since it began.
fn is_current(snapshot: &ProfileSnapshot, exception: &ComplianceException, now: Timestamp) -> bool {
    let (namespace, name) = (exception.namespace().unwrap_or_default(), exception.name_any());
    let concerned = snapshot.exceptions.fact(&namespace, &name).is_some_and(|fact| fact.concerns_profile);
    let began = exception.spec.starts_at.0;
    snapshot.exceptions.versions.get(&(namespace, name)) == Some(&version(exception))
        && (now < began || !concerned || snapshot.assessed_at >= began)
}

/// Whether an exception is granted, where no profile is assessed.
fn by_itself(context: &Context, exception: &ComplianceException, namespace: &str, name: &str) -> ExceptionFact {
    let organization = &exception.spec.organization_ref.name;
    let waiting = |reason, message| ExceptionFact {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        starts_at: exception.spec.starts_at.0,
        expires_at: exception.spec.expires_at.0,
        verdict: ExceptionVerdict::Waiting { reason, message },
        unmatched: Vec::new(),
        concerns_profile: false,
        matches: Vec::new(),
    };
    let Some(object) = context.stores.organization(organization) else {
        let message = format!(
            "spec.organizationRef.name: there is no AwsOrganization {organization:?}; create it, or name another one"
        );
        return waiting("OrganizationNotFound", message);
    };
    let (written, catalogs) = ([Exception { namespace, name, spec: &exception.spec }], context.catalogs.all());
    let owners =
        Owners { exceptions: &written, attestations: &[], operator_namespace: &context.namespace, catalogs: &catalogs };
    let builtin = context.catalogs.builtin();
    let judge = |tree: Option<&Organization>| exceptions(organization, &object.spec, &owners, builtin, tree);
    let judged = match context.feeds.view(organization) {
        Some(view) => view.world.read(|world| judge(world.organization.as_ref())),
        None => judge(None),
    };
    let not_read = || waiting("OrganizationNotRead", "the organization was not read yet".to_owned());
    judged.into_iter().next().unwrap_or_else(not_read)
}

/// Says how it stands, and what changed.
async fn report(
    context: &Context,
    exception: &ComplianceException,
    standing: &ExceptionStanding,
    now: Timestamp,
) -> Result<(), Error> {
    let before = exception.status.as_ref();
    let shown = matches!(standing.state, ExceptionState::Active | ExceptionState::Unmatched);
    let status = ComplianceExceptionStatus {
        observed_generation: exception.metadata.generation,
        last_handled_reconcile_at: requested_at(exception),
        state: Some(standing.state),
        matches: shown.then_some(ExceptionMatches { accounts: standing.accounts, resources: standing.resources }),
        renewals: renewals(before, exception.spec.expires_at.0),
        expires_at: Some(exception.spec.expires_at.clone()),
        conditions: Vec::new(),
    };
    let mut conditions: Vec<Fact> = standing.conditions().into_iter().map(fact).collect();
    if standing.expiring_soon {
        let message = format!("it ends at {}: renew it, or repair what it waives", exception.spec.expires_at.0);
        conditions.push(Fact::yes("ExpiringSoon", "ExpiringSoon", message));
    }
    let happenings = happenings(exception, standing);
    let desired = Desired { fields: fields_of(&status), conditions };
    let writer = context.status_writer(MANAGER, FIELDS, CONDITIONS);
    let live = serde_json::to_value(before).unwrap_or_default();
    if writer.write(exception, &live, &desired, now).await? {
        context.events.publish(&exception.object_ref(&()), happenings);
    }
    Ok(())
}

/// A condition as the engine gives it.
pub(super) fn fact(found: ConditionFact) -> Fact {
    let ConditionFact { type_, status, reason, message } = found;
    Fact { type_, status: status.as_str(), reason, message }
}

/// What is news: an event for each new state, and one when it is about to end.
fn happenings(exception: &ComplianceException, standing: &ExceptionStanding) -> Vec<Happening> {
    let before = exception.status.as_ref();
    let mut found = Vec::new();
    let known = |status: &ComplianceExceptionStatus| {
        let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
        status.state == Some(standing.state) && ready.is_some_and(|ready| ready.reason == standing.reason)
    };
    if !before.is_some_and(known) {
        let warning = !matches!(standing.state, ExceptionState::Pending | ExceptionState::Active);
        // A refusal says why in one word; everybody can look for `Refused` all the same.
        let (reason, note) = match standing.state {
            ExceptionState::Refused => ("Refused", format!("{}: {}", standing.reason, standing.message)),
            ExceptionState::Pending => ("Pending", standing.message.clone()),
            _ => (standing.reason, standing.message.clone()),
        };
        found.push(Happening { warning, reason: reason.to_owned(), action: "Assess", note });
    }
    let told = before.is_some_and(|status| status.conditions.iter().any(|found| found.type_ == "ExpiringSoon"));
    if standing.expiring_soon && !told {
        let note = format!("it ends at {}; it waives what fails until then", exception.spec.expires_at.0);
        found.push(Happening { warning: true, reason: "ExpiringSoon".to_owned(), action: "Assess", note });
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn exception(status: &Value) -> ComplianceException {
        let object = json!({
            "apiVersion": "soc2-operator.dev/v1alpha1", "kind": "ComplianceException",
            "metadata": {"name": "mfa", "namespace": "team"},
            "spec": {
                "organizationRef": {"name": "acme"}, "controls": ["IAM.5"], "targets": {},
                "reason": "the scanner cannot use it", "owner": "team@example.com",
                "startsAt": "2026-11-22T00:00:00Z", "expiresAt": "2026-12-31T00:00:00Z",
            },
            "status": status,
        });
        serde_json::from_value(object).unwrap()
    }

    fn standing(state: ExceptionState, reason: &'static str, expiring_soon: bool) -> ExceptionStanding {
        ExceptionStanding {
            state,
            reason,
            message: "why".to_owned(),
            accounts: 1,
            resources: 1,
            expiring_soon,
            next_change_at: None,
        }
    }

    fn reasons(status: &Value, standing: &ExceptionStanding) -> Vec<String> {
        happenings(&exception(status), standing).into_iter().map(|happening| happening.reason).collect()
    }

    #[test]
    fn a_state_is_news_once_and_its_end_is_announced_once() {
        let active = standing(ExceptionState::Active, "Active", false);
        assert_eq!(reasons(&json!({}), &active), ["Active"]);
        let condition = |type_: &str, reason: &str| {
            json!({"type": type_, "status": "True", "reason": reason, "message": "",
                   "lastTransitionTime": "2026-11-22T00:00:00Z"})
        };
        let known = json!({"state": "Active", "conditions": [condition("Ready", "Active")]});
        assert!(reasons(&known, &active).is_empty());
        let soon = standing(ExceptionState::Active, "Active", true);
        assert_eq!(reasons(&known, &soon), ["ExpiringSoon"]);
        let told = json!({"state": "Active", "conditions": [condition("Ready", "Active"),
                                                             condition("ExpiringSoon", "ExpiringSoon")]});
        assert!(reasons(&told, &soon).is_empty());
        assert_eq!(reasons(&told, &standing(ExceptionState::Expired, "Expired", false)), ["Expired"]);
    }

    #[test]
    fn another_reason_for_a_refusal_is_news() {
        let refused = standing(ExceptionState::Refused, "NotGranted", false);
        let known = json!({"state": "Refused", "conditions": [
            {"type": "Ready", "status": "False", "reason": "TooLong", "message": "",
             "lastTransitionTime": "2026-11-22T00:00:00Z"}]});
        let found = happenings(&exception(&known), &refused);
        assert_eq!((&*found[0].reason, &*found[0].note, found[0].warning), ("Refused", "NotGranted: why", true));
    }
}
