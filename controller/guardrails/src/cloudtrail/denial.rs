//! Calls that a change of service control policies denied.

use std::sync::LazyLock;

use soc2_posture::ids::AccountId;

use super::event::Event;
use crate::document::Document;
use crate::evaluate::{Level, LevelPolicy, Verdict, verdict};

/// What AWS says of a call that a service control policy denied.
const WORDING: &str = "explicit deny in a service control policy";

/// Lets everything through that nothing denies.
static ALLOW: LazyLock<Option<Document>> = LazyLock::new(|| {
    Document::parse(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#).ok()
});

/// A policy that is new or says something else now.
#[derive(Clone, Debug)]
pub struct Change {
    /// What it says.
    pub new: Document,
    /// What it said before, where it was.
    pub old: Option<Document>,
}

/// A call that was denied, with what is alike in many of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Denial {
    /// Account in which it was called.
    pub account: AccountId,
    /// Who called: for a session its role.
    pub principal: String,
    /// Action, such as `config:StopConfigurationRecorder`.
    pub action: String,
}

/// The call, if a service control policy denied it and one of the changes may be why: what a change surely allows, or surely denied
/// before, was denied by another policy or is nothing new.
#[must_use]
pub fn denial(event: &Event<'_>, changes: &[Change]) -> Option<Denial> {
    let account = event.account()?;
    if !event.is_denied(WORDING) {
        return None;
    }
    let (action, context) = (event.action(), event.context());
    let resources: Vec<&str> = event.resources().collect();
    let decides = |document: &Document, resource: &str| {
        let policies = [ALLOW.as_ref(), Some(document)];
        let policies = policies.map(|document| LevelPolicy { id: "", document }).to_vec();
        let level = Level { target: String::new(), policies };
        match verdict(&[level], &event.request(&action, resource, &context)) {
            Verdict::ExplicitDeny { .. } => Some(true),
            Verdict::Unknown { .. } => None,
            Verdict::Allowed | Verdict::ImplicitDeny { .. } => Some(false),
        }
    };
    let new = |change: &Change, resource: &str| {
        let denied_before = change.old.as_ref().is_some_and(|old| decides(old, resource) == Some(true));
        decides(&change.new, resource) != Some(false) && !denied_before
    };
    let resources = if resources.is_empty() { vec![""] } else { resources };
    let found = changes.iter().any(|change| resources.iter().any(|resource| new(change, resource)));
    let principal = event.principal().unwrap_or("somebody").to_owned();
    found.then_some(Denial { account, principal, action })
}
