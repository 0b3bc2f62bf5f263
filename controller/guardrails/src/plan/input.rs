//! What a plan is made from.

use std::collections::BTreeMap;

use soc2_catalog::Guardrail;
use soc2_posture::organization::Organization;

use super::guards::{Access, Guarded};
use super::key;
use super::refusal::Refusal;
use super::rollout::Waves;
use crate::cover::Selection;
use crate::inventory::{Policy, PolicyInventory};
use crate::library::{Exemptions, Parameters};

/// Tag with the owner id.
pub const OWNER_TAG: &str = "soc2-operator.dev/owner-id";
/// Tag with the id of the cluster.
pub const CLUSTER_TAG: &str = "soc2-operator.dev/cluster-id";
/// Tag with what the policy is for: the name of the baseline, with more behind it for a variant, or the number of a pack.
pub const BASELINE_TAG: &str = "soc2-operator.dev/baseline";
/// Tag of a policy that its set left behind: it is nobody's until the tag is taken away, or says nothing.
pub const RETAINED_TAG: &str = "soc2-operator.dev/retained";

/// Tag of a second policy for a baseline, with the digest of its content: that is in force for the first waves of a change only.
pub const STAGED_TAG: &str = "soc2-operator.dev/staged";

/// Most characters of a policy's name.
const MAX_NAME: usize = 128;

/// Who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// `spec.ownerId` of the organization's object.
    pub owner_id: String,
    /// UID of the namespace `kube-system`.
    pub cluster_id: String,
    /// Id of the AWS organization that we take care of.
    pub organization_id: String,
}

impl Owner {
    /// Tags of a policy of ours. `key` is what it is for: a baseline, or a [`Plan`](super::Plan)'s carrier.
    #[must_use]
    pub fn tags(&self, key: &str) -> BTreeMap<String, String> {
        [(OWNER_TAG, self.owner_id.as_str()), (CLUSTER_TAG, &self.cluster_id), (BASELINE_TAG, key)]
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    /// Name of our policy for a baseline: `soc2-<owner id>-<baseline or pack>-<8 hex>`, shortened in the middle part where it is too
    /// long. The digits are of what it is for, not of what it says, so that an edit never makes a second policy.
    #[must_use]
    pub fn policy_name(&self, key: &str) -> String {
        self.name(key, &[])
    }

    /// Name of our policy that carries a content of a baseline in the first waves of a change.
    #[must_use]
    pub fn staged_name(&self, key: &str, digest: &str) -> String {
        self.name(key, &[digest])
    }

    fn name(&self, key: &str, more: &[&str]) -> String {
        let texts: Vec<&str> = [self.owner_id.as_str(), key].into_iter().chain(more.iter().copied()).collect();
        let digits = key::digits(&texts);
        let middle = format!("{}-{}", self.owner_id, key::baseline_of(key));
        let middle: String = middle.chars().take(MAX_NAME - "soc2--".len() - digits.len()).collect();
        format!("soc2-{middle}-{digits}")
    }

    /// Whether a policy is ours: both tags say so, and it was not left behind.
    #[must_use]
    pub fn owns(&self, policy: &Policy) -> bool {
        !policy.aws_managed
            && !is_retained(policy)
            && policy.tags.get(OWNER_TAG) == Some(&self.owner_id)
            && policy.tags.get(CLUSTER_TAG) == Some(&self.cluster_id)
    }
}

/// Whether a deleted set left a policy behind.
pub(super) fn is_retained(policy: &Policy) -> bool {
    policy.tags.get(RETAINED_TAG).is_some_and(|set| !set.is_empty())
}

/// What is done with a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Say what is missing.
    Observe,
    /// Publish the plan.
    Plan,
    /// Write it.
    Enforce,
}

/// A guardrail set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetInput {
    /// Name.
    pub name: String,
    /// What is done with it.
    pub mode: Mode,
    /// What lets its changes through, as one text: approval, window, waves. Sets that differ in it never share a policy.
    pub gate: String,
    /// Not planned; but what it wants is not in other sets' way: its targets are not "elsewhere" for them.
    pub suspended: bool,
    /// What its targets select.
    pub selection: Selection,
    /// Most accounts with an attachment of their own.
    pub max_direct: u32,
    /// What its targets ask for, as one text: the same for the same rules, whatever they select now.
    pub rules: String,
    /// Names of baselines.
    pub baselines: Vec<String>,
    /// Names of baselines that it had before, as far as its status tells: what no set wants any more is its to take away.
    pub previous: Vec<String>,
    /// All that it wants was in place at some time.
    pub in_place: bool,
    /// Hash ([`SetPlan::wanted`](super::SetPlan::wanted)) of what was last in place.
    pub applied: Option<String>,
    /// It is being deleted, and takes its policies away: it wants nothing.
    pub removing: bool,
    /// Parameters of baselines, by name of baseline.
    pub parameters: BTreeMap<String, Parameters>,
    /// Policies of others that become baselines' own: ids, by name of baseline.
    pub adopt: BTreeMap<String, String>,
    /// Policies that carried its baselines, as far as its status tells: ids, by name of baseline.
    pub homes: BTreeMap<String, String>,
    /// ARN patterns of principals that its baselines do not restrict.
    pub exempt_principals: Vec<String>,
    /// What the operator's role needs that reads recorded calls for its waves.
    pub trail: Option<Access>,
    /// Its waves; without them a change is written everywhere at once.
    pub waves: Option<Waves>,
    /// Why it cannot be planned, if that is already known.
    pub error: Option<Refusal>,
}

impl SetInput {
    /// Whether anything is written for it.
    pub(super) fn writes(&self) -> bool {
        self.mode == Mode::Enforce && !self.suspended
    }
}

/// AWS's quotas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most characters of a policy.
    pub max_characters: u32,
    /// Most policies attached directly to one root, unit or account.
    pub max_per_target: u32,
}

/// What a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct PlanInput<'a> {
    /// The organization tree.
    pub org: &'a Organization,
    /// All policies, completely read.
    pub inventory: &'a PolicyInventory,
    /// Who we are.
    pub owner: &'a Owner,
    /// The guardrails that there are.
    pub library: &'a [Guardrail],
    /// All guardrail sets of the organization.
    pub sets: &'a [SetInput],
    /// Principals that no guardrail restricts: the organization's for emergencies, and the operator's own.
    pub exempt: &'a Exemptions,
    /// AWS's quotas.
    pub limits: Limits,
    /// Slots to leave free on every target, besides one for replacing a policy.
    pub reserved_slots: u32,
    /// Who must not be locked out.
    pub guarded: &'a Guarded,
    /// Id of a cluster whose policies with our owner id become ours.
    pub take_over: Option<&'a str>,
}
