//! Policies and where they are attached, and the changes that can be made to them, each with its line in the history.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::lag::Lagged;
use super::policy_types::PolicyType;
use crate::clock::shifted;
use crate::history::{Change, ChangeKind, History};

/// A policy.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    pub(super) id: Arc<str>,
    pub(super) name: String,
    pub(super) kind: &'static PolicyType,
    pub(super) description: String,
    pub(super) content: Arc<str>,
    pub(super) managed: bool,
    pub(super) tags: BTreeMap<String, String>,
}

/// All policies and attachments at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Policies {
    pub(super) by_id: BTreeMap<Arc<str>, Arc<Policy>>,
    /// Ids of the policies of each root, OU and account.
    pub(super) of_target: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// Ids of the targets of each policy.
    pub(super) targets: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
}

impl Policies {
    /// The policies of one type at a target.
    pub(super) fn at<'a>(&'a self, target: &str, kind: &'static PolicyType) -> impl Iterator<Item = &'a Arc<Policy>> {
        let ids = self.of_target.get(target).into_iter().flatten();
        ids.filter_map(|id| self.by_id.get(id)).filter(move |policy| policy.kind == kind)
    }

    pub(super) fn is_attached(&self, policy: &str, target: &str) -> bool {
        self.of_target.get(target).is_some_and(|policies| policies.contains(policy))
    }

    pub(super) fn targets_of(&self, policy: &str) -> impl Iterator<Item = &Arc<str>> {
        self.targets.get(policy).into_iter().flatten()
    }
}

/// How late the effects of a write are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lags {
    /// Until reads show it.
    pub read: SignedDuration,
    /// Until it is enforced; only the history says so.
    pub enforce: SignedDuration,
}

/// Who changes something, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct By<'a> {
    pub(super) actor: &'a str,
    pub(super) now: Timestamp,
}

/// Policies with their read lag and their history. Nothing is checked here.
#[derive(Debug)]
pub(super) struct PolicyBook {
    policies: Lagged<Policies>,
    pub(super) history: History,
    pub(super) lags: Lags,
}

impl PolicyBook {
    pub(super) fn new() -> Self {
        Self { policies: Lagged::new(Policies::default()), history: History::default(), lags: Lags::default() }
    }

    pub(super) fn truth(&self) -> &Policies {
        self.policies.truth()
    }

    pub(super) fn seen(&self, now: Timestamp) -> &Policies {
        self.policies.seen(now)
    }

    pub(super) fn settle(&mut self) {
        self.policies.settle();
    }

    /// Creates a policy, or replaces the one of the same id.
    pub(super) fn put(&mut self, policy: Policy, by: By<'_>) {
        let policy = Arc::new(policy);
        let policies = self.policies.change(by.now, self.lags.read);
        let old = policies.by_id.insert(Arc::clone(&policy.id), Arc::clone(&policy));
        let kind = if old.is_some() { ChangeKind::Update } else { ChangeKind::Create };
        self.record(kind, &policy, None, by);
    }

    pub(super) fn delete(&mut self, policy: &str, by: By<'_>) {
        let policies = self.policies.change(by.now, self.lags.read);
        policies.targets.remove(policy);
        if let Some(policy) = policies.by_id.remove(policy) {
            self.record(ChangeKind::Delete, &policy, None, by);
        }
    }

    pub(super) fn attach(&mut self, policy: &str, target: &str, by: By<'_>) {
        self.attach_all(policy, &[target], by);
    }

    /// Attaches one policy to many targets, as enabling a policy type does.
    pub(super) fn attach_all(&mut self, policy: &str, targets: &[&str], by: By<'_>) {
        let policies = self.policies.change(by.now, self.lags.read);
        let Some(policy) = policies.by_id.get(policy).cloned() else { return };
        let targets: Vec<Arc<str>> = targets.iter().map(|target| Arc::from(*target)).collect();
        for target in &targets {
            policies.of_target.entry(Arc::clone(target)).or_default().insert(Arc::clone(&policy.id));
            policies.targets.entry(Arc::clone(&policy.id)).or_default().insert(Arc::clone(target));
        }
        for target in targets {
            self.record(ChangeKind::Attach, &policy, Some(target), by);
        }
    }

    pub(super) fn detach(&mut self, policy: &str, target: &str, by: By<'_>) {
        let policies = self.policies.change(by.now, self.lags.read);
        let Some(policy) = policies.by_id.get(policy).cloned() else { return };
        if let Some(attached) = policies.of_target.get_mut(target) {
            attached.remove(&policy.id);
        }
        if let Some(targets) = policies.targets.get_mut(&policy.id) {
            targets.remove(target);
        }
        self.record(ChangeKind::Detach, &policy, Some(Arc::from(target)), by);
    }

    fn record(&mut self, kind: ChangeKind, policy: &Policy, target: Option<Arc<str>>, by: By<'_>) {
        self.history.add(Change {
            n: 0,
            at: by.now,
            enforced_at: shifted(by.now, self.lags.enforce),
            actor: by.actor.to_owned(),
            kind,
            policy_id: Arc::clone(&policy.id),
            policy_name: policy.name.clone(),
            target_id: target,
            content: Arc::clone(&policy.content),
            tags: policy.tags.clone(),
        });
    }
}
