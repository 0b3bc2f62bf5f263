//! What a person approved.

use jiff::Timestamp;

use super::short;
use crate::plan::SetPlan;

/// A `GuardrailApproval`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Its name.
    pub name: String,
    /// The hash that was approved.
    pub hash: String,
    /// Until when it counts.
    pub expires_at: Option<Timestamp>,
}

impl Approval {
    /// Whether it is for this plan: with its removals, or for what is wanted when there are none.
    pub(super) fn covers(&self, plan: &SetPlan) -> bool {
        self.hash == plan.hash
    }

    /// Whether it still counts.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| now < at)
    }

    /// Why it does not let this plan through.
    pub(super) fn why_not(&self, plan: &SetPlan, now: Timestamp) -> Option<String> {
        let name = &self.name;
        if !self.covers(plan) {
            let (is, was) = (short(&plan.hash), short(&self.hash));
            return Some(format!("GuardrailApproval {name} is for plan {was}, and the plan is {is} now"));
        }
        let expired = self.expires_at.filter(|_| !self.is_valid(now))?;
        Some(format!("GuardrailApproval {name} expired at {expired}"))
    }
}
