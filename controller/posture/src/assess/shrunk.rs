//! Whether the targets have shrunk: losing accounts must not look like getting better.

use super::plan::Plan;

/// How many active accounts there are, and how many there were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shrinking {
    active: u32,
    /// Active accounts at the last reading that was not smaller by 10 %, or that somebody acknowledged.
    before: Option<u32>,
    acknowledged: bool,
    /// Nobody can tell how many accounts there are.
    blind: bool,
}

impl Shrinking {
    /// Compares the number of active accounts with the one before.
    pub(crate) fn new(plan: &Plan, active: u32, before: Option<u32>, acknowledged: Option<u32>) -> Self {
        let blind = !plan.organization_read || plan.tags_missing;
        Self { active, before, acknowledged: acknowledged == Some(active), blind }
    }

    /// The number before, when there are at least 10 % fewer and nobody acknowledged that.
    pub(crate) fn shrunk_from(&self) -> Option<u32> {
        let before = self.before.filter(|_| !self.acknowledged && !self.blind)?;
        (u64::from(self.active) * 10 <= u64::from(before) * 9 && self.active < before).then_some(before)
    }

    /// What the next reading is compared with.
    pub(crate) fn baseline(&self) -> Option<u32> {
        if self.blind { self.before } else { self.shrunk_from().or(Some(self.active)) }
    }
}
