//! Whether a write may still be made. Asked before every attempt of it: between two of them, minutes may pass in which a person stops it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use soc2_aws::WriteGuard;
use soc2_crds::{GuardrailApproval, GuardrailSet};
use soc2_guardrails::hold::HOLD_TAG;
use soc2_guardrails::{Because, Clearance, Step, Window};

use super::clearance::window;
use super::tags::Tags;
use crate::context::Context;
use crate::leads::{Lead, Scope};

/// What lets writes through: `Err` with the reason once it does not any more.
pub type Stands<'a> = dyn Fn() -> Result<(), String> + Send + Sync + 'a;

/// What is written to.
#[derive(Clone, Copy)]
pub enum Object<'a> {
    /// What a step is about.
    Step(&'a Step),
    /// A policy.
    Policy(&'a str),
}

/// Asked before every attempt: tags in AWS, what people stopped in the cluster, what the write rests on, and the lease.
pub struct Guard<'a> {
    /// The operator's.
    pub context: &'a Context,
    /// Name of the organization's object.
    pub organization: &'a str,
    /// Tags, as they were read a moment ago.
    pub tags: &'a Tags<'a>,
    /// What is written to.
    pub object: Object<'a>,
    /// What lets it through.
    pub stands: &'a Stands<'a>,
}

impl Guard<'_> {
    fn lead(&self) -> Arc<Lead> {
        self.context.leads.lead(&Scope::Organization(self.organization.to_owned()))
    }
}

#[async_trait]
impl WriteGuard for Guard<'_> {
    async fn recheck(&self) -> Result<(), String> {
        let held = match self.object {
            Object::Step(step) => self.tags.hold(step).await,
            Object::Policy(id) => self.tags.hold_of(id).await,
        };
        match held.map_err(|error| error.message)? {
            Some(Because::Tag { on, until, .. }) => {
                Err(format!("the tag {HOLD_TAG} of {on} stops every write there until {until}"))
            }
            _ => Ok(()),
        }
    }

    fn permit(&self, attempt: Duration) -> Result<(), String> {
        match self.context.stores.organization(self.organization) {
            Some(object) if object.spec.guardrails.hold_writes => Err("spec.guardrails.holdWrites was set".to_owned()),
            Some(object) if object.spec.suspend => Err("spec.suspend was set".to_owned()),
            Some(_) => (self.stands)().and_then(|()| self.lead().permit(attempt)),
            None => Err("the AwsOrganization was deleted".to_owned()),
        }
    }
}

/// Whether what lets a set's steps through still does: the set as it was looked at, the approvals that they rest on, and the window.
///
/// # Errors
/// When it does not, in words.
pub fn stands(context: &Context, set: &GuardrailSet, clearance: &Clearance) -> Result<(), String> {
    let (name, now) = (set.name_any(), (context.now)());
    let stored = context.stores.sets.get(&ObjectRef::new(&name)).and_then(|guard| guard.0.clone().ok());
    is_unchanged(set, stored.as_ref())?;
    let approvals = context.stores.approvals_of(&name);
    clearance.rests_on.iter().try_for_each(|approval| is_valid(approval, &approvals, now))?;
    let window = if clearance.windowed { window(set, now).ok().flatten() } else { None };
    is_open(window.as_ref(), now)
}

/// The watch may be behind of what was read, never the other way round.
fn is_unchanged(set: &GuardrailSet, stored: Option<&GuardrailSet>) -> Result<(), String> {
    match stored {
        None => Err("the GuardrailSet was deleted".to_owned()),
        Some(stored) if stored.uid() != set.uid() || stored.metadata.generation > set.metadata.generation => {
            Err("the GuardrailSet was changed".to_owned())
        }
        Some(_) => Ok(()),
    }
}

fn is_valid(name: &str, approvals: &[GuardrailApproval], now: Timestamp) -> Result<(), String> {
    let Some(found) = approvals.iter().find(|approval| approval.name_any() == name) else {
        return Err(format!("GuardrailApproval {name} was deleted"));
    };
    match &found.spec.expires_at {
        Some(end) if end.0 <= now => Err(format!("GuardrailApproval {name} expired at {}", end.0)),
        _ => Ok(()),
    }
}

fn is_open(window: Option<&Window>, now: Timestamp) -> Result<(), String> {
    match window {
        Some(window) if !window.is_open(now) => Err(format!("the window {window} closed")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-28T05:00:00Z".parse().unwrap()
    }

    fn set(uid: &str, generation: i64) -> GuardrailSet {
        let spec = json!({"organizationRef": {"name": "acme"}, "targets": {}, "baselines": [{"name": "deny-root"}]});
        let metadata = json!({"name": "all", "uid": uid, "generation": generation});
        serde_json::from_value(json!({
            "apiVersion": "soc2-operator.dev/v1alpha1", "kind": "GuardrailSet", "metadata": metadata, "spec": spec,
        }))
        .unwrap()
    }

    fn approval(name: &str, expires_at: Option<&str>) -> GuardrailApproval {
        serde_json::from_value(json!({
            "apiVersion": "soc2-operator.dev/v1alpha1", "kind": "GuardrailApproval", "metadata": {"name": name},
            "spec": {
                "guardrailSetRef": {"name": "all"}, "planHash": "a".repeat(64), "approvedBy": "me", "reason": "Because it is needed",
                "expiresAt": expires_at,
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_set_that_was_changed_or_is_gone_stops_and_a_watch_that_is_behind_does_not() {
        let read = set("u", 3);
        for (stored, expected) in [
            (Some(set("u", 3)), None),
            (Some(set("u", 2)), None),
            (Some(set("u", 4)), Some("the GuardrailSet was changed")),
            (Some(set("v", 1)), Some("the GuardrailSet was changed")),
            (None, Some("the GuardrailSet was deleted")),
        ] {
            assert_eq!(is_unchanged(&read, stored.as_ref()).err().as_deref(), expected);
        }
    }

    #[test]
    fn an_approval_that_ended_or_was_deleted_stops() {
        let end = |at: &str| is_valid("ok", &[approval("other", None), approval("ok", Some(at))], now());
        assert_eq!(is_valid("ok", &[approval("ok", None)], now()), Ok(()));
        assert_eq!(end("2026-11-28T05:00:01Z"), Ok(()));
        assert_eq!(end("2026-11-28T05:00:00Z").unwrap_err(), "GuardrailApproval ok expired at 2026-11-28T05:00:00Z");
        assert_eq!(is_valid("ok", &[approval("other", None)], now()).unwrap_err(), "GuardrailApproval ok was deleted");
    }

    #[test]
    fn a_window_that_closed_stops() {
        let open = |hours| {
            let length = jiff::SignedDuration::from_hours(hours);
            is_open(Some(&Window::new("0 2 * * SAT", length, "Europe/Berlin", now()).unwrap()), now())
        };
        assert_eq!(is_open(None, now()), Ok(()));
        assert_eq!(open(5), Ok(()));
        assert!(open(4).unwrap_err().starts_with("the window \"0 2 * * SAT\" for 4h"));
    }
}
