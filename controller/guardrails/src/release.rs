//! A guardrail is taken off somewhere for some hours, because a person says so, and kept off until then.
//!
//! It comes off where it is attached: at the target, or below it. What is attached above the target reaches others too, who must not be
//! less protected because of it; then the release is refused, and names what could be released instead. One of several guardrails in a
//! policy comes off alone: the others stay.

mod shared;

use std::collections::BTreeMap;

use jiff::Timestamp;
use soc2_catalog::Guardrail;
use soc2_posture::ids::AccountId;
use soc2_posture::organization::Organization;

use self::shared::{Share, Shared};
pub use self::shared::{kept_off, needed_by, reduced};
use crate::cover::{Target, TargetId, affected};
use crate::inventory::{Policy, PolicyInventory};
use crate::plan::{BASELINE_TAG, Limits, Owner, Step, baseline_of, loses_allow};
use crate::tree::{Tree, path};

/// Every guardrail.
const EVERY: &str = "*";

/// A release that holds now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// Name of the baseline, or `*`.
    pub baseline: String,
    /// Id of the root, unit or account.
    pub target: TargetId,
    /// Until when.
    pub until: Timestamp,
    /// Who released.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// What a release is ruled on.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// The organization tree.
    pub org: &'a Organization,
    /// Who we are.
    pub owner: &'a Owner,
    /// All policies, completely read.
    pub inventory: &'a PolicyInventory,
    /// Which policy of ours carries which baseline.
    pub carriers: &'a BTreeMap<String, String>,
    /// The guardrails that there are.
    pub library: &'a [Guardrail],
    /// AWS's quotas.
    pub limits: Limits,
    /// Slots to leave free on every target.
    pub reserved_slots: u32,
}

/// What there is to do for a release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ruling {
    /// Steps that take it off at once.
    pub detach: Vec<Step>,
    /// Steps that give other guardrails of the same policy one of their own, which has to be enforced before it goes.
    pub keep: Vec<Step>,
    /// Steps that take it off after that.
    pub then: Vec<Step>,
    /// What cannot come off, because it is attached above the target: in words, with what to release instead.
    pub above: Vec<String>,
    /// Why nothing can be done.
    pub refused: Option<String>,
}

/// The root, unit or account that a text names: an id, the path of a unit, or `/`.
///
/// # Errors
/// When there is none.
pub fn place(org: &Organization, text: &str) -> Result<Target, String> {
    let tree = Tree::new(org);
    if let Ok(account) = text.parse::<AccountId>() {
        if account == org.management_account {
            return Err(format!("{account} is the management account, which no service control policy affects"));
        }
        let known = org.accounts.contains_key(&account);
        return known.then(|| tree.account_target(account)).ok_or_else(|| format!("there is no account {account}"));
    }
    let wanted = text.trim_matches('/');
    let named = |id: &&String| id.as_str() == text || org.path(id) == wanted;
    let unit = org.units.keys().find(named);
    unit.map(|id| tree.unit_target(id)).ok_or_else(|| {
        format!("there is no organizational unit {text:?}: write its id, its path from below the root, such as Workloads/Prod, or / for the root")
    })
}

impl Release {
    /// Whether it is about all of a policy of ours, by what that is for: a baseline, whatever its parameters.
    #[must_use]
    pub fn names(&self, key: &str) -> bool {
        self.baseline == EVERY || self.baseline == baseline_of(key)
    }

    /// Whether a baseline must not be attached to a root, unit or account: it is the target, or below it. What is above is others' too.
    #[must_use]
    pub fn keeps_off(&self, org: &Organization, baseline: &str, target: &TargetId) -> bool {
        self.names(baseline) && self.reaches(org, &target.0)
    }

    /// Whether something is its target, or below it.
    fn reaches(&self, org: &Organization, target: &str) -> bool {
        path(org, target).is_some_and(|path| path.contains(&self.target.0.as_str()))
    }

    /// What there is to do for it, given what is there.
    #[must_use]
    pub fn rule(&self, ground: &Ground<'_>) -> Ruling {
        let mut ruling = Ruling::default();
        let ours = ground.inventory.policies.iter().filter(|(_, policy)| ground.owner.owns(policy));
        for (id, policy) in ours {
            let Some(key) = carried(id, policy, ground.carriers) else { continue };
            let share = self.share(ground, key, policy);
            if share == Share::Nothing {
                continue;
            }
            if let Some(above) = self.above(ground.org, policy) {
                let name = if self.baseline == EVERY { key } else { &self.baseline };
                ruling.above.push(self.instead(ground.org, name, &above));
            } else if let Share::Part { rest, others } = share {
                self.split(ground, &Shared { id, key, policy, rest, others }, &mut ruling);
            } else {
                ruling.detach.extend(self.steps(ground.org, id, key, policy));
            }
        }
        ruling.detach.sort();
        let off: Vec<Step> = ruling.detach.iter().chain(&ruling.then).cloned().collect();
        if let Some(refusal) = loses_allow(ground.inventory, &off) {
            ruling = Ruling { refused: Some(refusal.message), ..Ruling::default() };
        } else if off.is_empty() && !ruling.above.is_empty() {
            ruling.refused = Some(ruling.above.join("; "));
        }
        ruling
    }

    /// What of a policy's targets is above the target of the release.
    fn above(&self, org: &Organization, policy: &Policy) -> Option<Target> {
        let above = path(org, &self.target.0)?;
        let found = above.into_iter().find(|id| *id != self.target.0 && policy.targets.contains(*id))?;
        Some(Tree::new(org).unit_target(found))
    }

    fn steps(&self, org: &Organization, id: &str, baseline: &str, policy: &Policy) -> Vec<Step> {
        let within = |target: &&String| self.reaches(org, target);
        let detach = |target: &String| {
            let (id, baseline, target) = (id.to_owned(), baseline.to_owned(), TargetId(target.clone()));
            Step::Detach { id, baseline, target, weakens: true }
        };
        policy.targets.iter().filter(within).map(detach).collect()
    }

    /// Why a baseline that is attached above does not come off, and what would do.
    fn instead(&self, org: &Organization, baseline: &str, above: &Target) -> String {
        let all = affected(org, std::slice::from_ref(above)).len();
        let place = if org.root == above.id.0 { "/".to_owned() } else { org.path(&above.id.0) };
        format!(
            "{baseline} is attached to {above}, above {target}, and off there it would be off {all} accounts: release it there \
             with the target {place:?}; or, for {target} alone, add it to spec.targets.exclude of the guardrail set and approve the plan, \
             which attaches {baseline} beside it instead",
            target = self.target
        )
    }
}

/// The baseline that a policy of ours carries.
fn carried<'a>(id: &str, policy: &'a Policy, carriers: &'a BTreeMap<String, String>) -> Option<&'a str> {
    let by_tag = policy.tags.get(BASELINE_TAG).map(String::as_str);
    by_tag.or_else(|| carriers.iter().find(|(_, carrier)| *carrier == id).map(|(baseline, _)| baseline.as_str()))
}
