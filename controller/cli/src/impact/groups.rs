//! Calls that are alike, with how often and when they were made; a bounded number of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use soc2_guardrails::cloudtrail::Event;
use soc2_guardrails::{Level, Verdict};
use soc2_posture::ids::AccountId;

use super::Unread;

/// What became of the events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Files that were read, as far as they could be.
    pub files: u64,
    /// Events in them.
    pub events: u64,
    /// Events that are no calls: sign-ins, and what services did by themselves.
    pub no_calls: u64,
    /// Calls that failed when they were made.
    pub failed: u64,
    /// Calls that no service control policy affects: by services, service-linked roles, the management account, and from
    /// outside of the organization.
    pub not_affected: u64,
    /// All other calls: those that were put through the policies.
    pub calls: u64,
    /// Of these, how many would have been allowed.
    pub allowed: u64,
    /// Of these, how many would have been denied.
    pub denied: u64,
    /// Of these, how many could not be decided.
    pub undecided: u64,
    /// Denied calls that belong to none of the groups that were kept.
    pub denied_in_no_group: u64,
    /// Undecided calls that belong to none of the groups that were kept.
    pub undecided_in_no_group: u64,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        let Self { files, events, no_calls, failed, not_affected, calls, allowed, denied, undecided, .. } = other;
        self.files += files;
        self.events += events;
        self.no_calls += no_calls;
        self.failed += failed;
        self.not_affected += not_affected;
        self.calls += calls;
        self.allowed += allowed;
        self.denied += denied;
        self.undecided += undecided;
        self.denied_in_no_group += other.denied_in_no_group;
        self.undecided_in_no_group += other.undecided_in_no_group;
    }
}

/// Calls that one statement, or the lack of one, would have denied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Denied {
    /// Account of who called.
    pub account: String,
    /// Who called: for a session its role.
    pub principal: String,
    /// Prefix of the service.
    pub service: String,
    /// The action, without the prefix.
    pub action: String,
    /// Root, unit or account where the policy is attached, or where nothing allows the call.
    pub target: String,
    /// The policy that denies it; none where nothing allows it.
    pub policy: Option<String>,
    /// Sid of the statement, else its index from 0.
    pub statement: Option<String>,
}

/// Calls of which it is not known whether they would have been denied, for the same reasons.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Undecided {
    /// Account of who called.
    pub account: String,
    /// Who called: for a session its role.
    pub principal: String,
    /// Prefix of the service.
    pub service: String,
    /// The action, without the prefix.
    pub action: String,
    /// The condition keys that the record does not have, or what else is missing.
    pub missing: BTreeSet<String>,
}

/// How often and when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Calls.
    pub calls: u64,
    /// Time of the first.
    pub first: String,
    /// Time of the last.
    pub last: String,
}

impl Group {
    fn add(&mut self, calls: u64, first: &str, last: &str) {
        if self.calls == 0 || *first < *self.first {
            first.clone_into(&mut self.first);
        }
        if *last > *self.last {
            last.clone_into(&mut self.last);
        }
        self.calls += calls;
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Replay {
    /// What became of the events.
    pub counts: Counts,
    /// Calls that would have been denied.
    pub denied: BTreeMap<Denied, Group>,
    /// Calls that could not be decided.
    pub undecided: BTreeMap<Undecided, Group>,
    /// Files that could not be read, or not to their ends.
    pub unread: Vec<Unread>,
    keep: usize,
}

impl Replay {
    pub(super) fn new(keep: usize) -> Self {
        let (denied, undecided) = (BTreeMap::new(), BTreeMap::new());
        Self { counts: Counts::default(), denied, undecided, unread: Vec::new(), keep }
    }

    /// Takes a denied call in.
    pub(super) fn denied(
        &mut self,
        event: &Event<'_>,
        account: AccountId,
        action: &str,
        levels: &[Level<'_>],
        verdict: &Verdict,
    ) {
        let (level, by) = match verdict {
            Verdict::ExplicitDeny { level, policy, statement } => (*level, Some((*policy, *statement))),
            Verdict::ImplicitDeny { level } => (*level, None),
            Verdict::Allowed | Verdict::Unknown { .. } => return,
        };
        let level = levels.get(level);
        let by = by.and_then(|(policy, index)| {
            let policy = level?.policies.get(policy)?;
            Some((policy.id.to_owned(), policy.document?.statements().get(index)?.name(index)))
        });
        let (policy, statement) = by.unzip();
        let (service, action) = split(action);
        let key = Denied {
            account: account.to_string(),
            principal: event.principal().unwrap_or_default().to_owned(),
            service,
            action,
            target: level.map(|level| level.target.clone()).unwrap_or_default(),
            policy,
            statement,
        };
        self.counts.denied += 1;
        let single = Group { calls: 1, first: event.time().to_owned(), last: event.time().to_owned() };
        self.counts.denied_in_no_group += put(&mut self.denied, key, &single, self.keep);
    }

    /// Takes in a call that cannot be decided.
    pub(super) fn undecided(&mut self, event: &Event<'_>, account: AccountId, action: &str, missing: BTreeSet<String>) {
        let (service, action) = split(action);
        let principal = event.principal().unwrap_or_default().to_owned();
        let key = Undecided { account: account.to_string(), principal, service, action, missing };
        self.counts.undecided += 1;
        let single = Group { calls: 1, first: event.time().to_owned(), last: event.time().to_owned() };
        self.counts.undecided_in_no_group += put(&mut self.undecided, key, &single, self.keep);
    }

    /// Takes another one in.
    pub(super) fn merge(&mut self, other: Self) {
        self.counts.add(&other.counts);
        for (key, group) in other.denied {
            self.counts.denied_in_no_group += put(&mut self.denied, key, &group, self.keep);
        }
        for (key, group) in other.undecided {
            self.counts.undecided_in_no_group += put(&mut self.undecided, key, &group, self.keep);
        }
        self.unread.extend(other.unread);
    }
}

/// Service and name of an action.
fn split(action: &str) -> (String, String) {
    action
        .split_once(':')
        .map_or_else(|| (String::new(), action.to_owned()), |(service, name)| (service.to_owned(), name.to_owned()))
}

/// Adds calls to their group; the number of them for which there is no room.
fn put<K: Ord>(groups: &mut BTreeMap<K, Group>, key: K, calls: &Group, keep: usize) -> u64 {
    if groups.len() >= keep && !groups.contains_key(&key) {
        return calls.calls;
    }
    groups.entry(key).or_default().add(calls.calls, &calls.first, &calls.last);
    0
}
