//! Since when each control fails in the account in which it has failed longest, kept up to date account by account.

use soc2_crds::State;

use super::account::AccountResult;
use super::decide::Check;

/// Of each control of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OldestFailures {
    controls: Vec<Oldest>,
    /// The oldest failures of some control are gone, and others remain: which are the oldest now has to be looked up.
    doubtful: bool,
}

/// Failures of one control.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Oldest {
    /// Accounts in which it fails.
    accounts: u32,
    /// Since when in the account in which it has failed longest, in seconds since 1970.
    since: u32,
    /// Accounts in which it fails since then.
    since_then: u32,
}

impl OldestFailures {
    /// Of so many controls, none of which fails.
    pub(crate) fn new(controls: usize) -> Self {
        Self { controls: vec![Oldest::default(); controls], doubtful: false }
    }

    /// A check of an account that comes.
    pub(crate) fn add(&mut self, check: &Check) {
        let Some(oldest) = self.failing(check) else { return };
        oldest.accounts += 1;
        if oldest.accounts == 1 || oldest.since_then > 0 && check.since < oldest.since {
            (oldest.since, oldest.since_then) = (check.since, 1);
        } else if oldest.since_then > 0 && check.since == oldest.since {
            oldest.since_then += 1;
        }
    }

    /// A check of an account that goes.
    pub(crate) fn remove(&mut self, check: &Check) {
        let Some(oldest) = self.failing(check) else { return };
        oldest.accounts = oldest.accounts.saturating_sub(1);
        if oldest.since_then > 0 && check.since == oldest.since {
            oldest.since_then -= 1;
        }
        if oldest.accounts == 0 {
            *oldest = Oldest::default();
        }
        self.doubtful |= oldest.is_doubtful();
    }

    fn failing(&mut self, check: &Check) -> Option<&mut Oldest> {
        self.controls.get_mut(usize::from(check.control)).filter(|_| check.state == State::Failed)
    }

    /// Looks up what is doubtful, in all accounts.
    pub(crate) fn settle<'a>(&mut self, accounts: impl Iterator<Item = &'a AccountResult>) {
        if !std::mem::take(&mut self.doubtful) {
            return;
        }
        let doubtful: Vec<bool> = self.controls.iter().map(Oldest::is_doubtful).collect();
        for (oldest, _) in self.controls.iter_mut().zip(&doubtful).filter(|(_, doubtful)| **doubtful) {
            *oldest = Oldest::default();
        }
        for account in accounts.filter(|account| account.count(State::Failed) > 0) {
            for check in account.checks.iter().filter(|check| doubtful.get(usize::from(check.control)) == Some(&true)) {
                self.add(check);
            }
        }
    }

    /// Since when a control fails, in seconds since 1970; `None`: it does not.
    pub(crate) fn of(&self, control: u16) -> Option<u32> {
        self.controls.get(usize::from(control)).filter(|oldest| oldest.accounts > 0).map(|oldest| oldest.since)
    }
}

impl Oldest {
    fn is_doubtful(&self) -> bool {
        self.accounts > 0 && self.since_then == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::reason::Reason;

    fn failing(since: u32) -> Check {
        Check {
            control: 1,
            state: State::Failed,
            reason: Reason::FindingsFailed,
            since,
            failed: 1,
            passed: 0,
            unknown: 0,
            at: 0,
            regions: 1,
        }
    }

    #[test]
    fn the_oldest_of_those_that_remain_is_found() {
        let mut oldest = OldestFailures::new(2);
        for since in [5, 3, 3, 9] {
            oldest.add(&failing(since));
        }
        assert_eq!((oldest.of(0), oldest.of(1)), (None, Some(3)));
        oldest.remove(&failing(3));
        assert!(oldest.of(1) == Some(3) && !oldest.doubtful);
        oldest.remove(&failing(3));
        assert!(oldest.doubtful);
        // Nothing that comes now tells which is the oldest.
        oldest.add(&failing(7));
        assert!(oldest.controls[1].is_doubtful());
        for since in [5, 9, 7] {
            oldest.remove(&failing(since));
        }
        assert_eq!(oldest.of(1), None);
    }
}
