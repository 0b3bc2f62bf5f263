//! One check: the rules in their order, the first that applies decides.

use jiff::Timestamp;
use soc2_catalog::Reach;
use soc2_crds::State;

use super::coverage::{Covered, Hub, Obstacle};
use super::evidence::Tally;
use super::reason::Reason;
use super::regions::RegionSet;
use super::scope::Scoped;
use super::wanted::Wanted;

/// How one control of one account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    /// Number of the control in the catalogue.
    pub(crate) control: u16,
    pub(crate) state: State,
    pub(crate) reason: Reason,
    /// Since when it is in its state, in seconds since 1970.
    pub(crate) since: u32,
    /// Resources that fail, pass, and of which nobody knows.
    pub(crate) failed: u32,
    pub(crate) passed: u32,
    pub(crate) unknown: u32,
    /// Newest `UpdatedAt` of what is stale, or failed and not fresh, in seconds since 1970; 0: none.
    pub(crate) at: u32,
    /// Regions that the reason speaks of.
    pub(crate) regions: RegionSet,
}

/// What is the same for all checks of an account.
pub(crate) struct Circumstances<'a> {
    /// The account's state is ACTIVE.
    pub(crate) active: bool,
    /// It joined a short time ago.
    pub(crate) onboarding: bool,
    pub(crate) covered: &'a Covered,
    /// What the profile wants to know of other products.
    pub(crate) wanted: &'a Wanted,
    /// Where that is not known.
    pub(crate) unread: &'a [RegionSet],
    /// Regions in which evidence is required.
    pub(crate) required: RegionSet,
    /// Regions in which some check of Security Hub ran of late.
    pub(crate) alive: RegionSet,
    /// The Regions of the sources.
    pub(crate) hubs: &'a [Hub],
    /// The profile takes no findings for nothing there.
    pub(crate) no_findings_is_not_applicable: bool,
}

/// A decision: state, reason, the Regions it speaks of.
type Decision = (State, Reason, RegionSet);

impl Circumstances<'_> {
    /// Whether what is unknown is so by rules 4 and 5, and not because a source cannot be read (rule 3).
    pub(crate) fn readable(&self, scoped: &Scoped) -> bool {
        self.covered.obstacle.is_none() && self.unread(scoped) == 0
    }

    /// Regions in which the findings of other products that a control of an organization's own is about are not known.
    fn unread(&self, scoped: &Scoped) -> RegionSet {
        let interest = self.wanted.interest_of(scoped.control).filter(|_| scoped.custom);
        interest.map_or(0, |interest| self.unread.get(interest).copied().unwrap_or(RegionSet::MAX))
    }

    /// Decides one check.
    pub(crate) fn decide(&self, scoped: &Scoped, tally: &Tally) -> Check {
        let (state, reason, regions) = self.decision(scoped, tally);
        // What does not apply has no resources to count.
        let tally = if state == State::NotApplicable { &Tally::NONE } else { tally };
        let at = match reason {
            Reason::FindingsFailed if !tally.failed_fresh => tally.failed_at,
            Reason::Stale => tally.stale_at,
            _ => 0,
        };
        let onboarding = state == State::Unknown && self.onboarding;
        Check {
            control: scoped.control.0,
            state,
            reason: if onboarding { Reason::Onboarding } else { reason },
            since: 0,
            failed: tally.failed,
            passed: tally.passed,
            unknown: tally.unknown,
            at: if onboarding { 0 } else { seconds(at) },
            regions: if onboarding { 0 } else { regions },
        }
    }

    fn decision(&self, scoped: &Scoped, tally: &Tally) -> Decision {
        if !self.active {
            return (State::NotApplicable, Reason::AccountSuspended, 0);
        }
        if scoped.retired {
            return (State::NotApplicable, Reason::ControlRetired, 0);
        }
        if tally.failed > 0 {
            return (State::Failed, Reason::FindingsFailed, tally.failed_in);
        }
        if let Some(Obstacle { reason, regions, .. }) = self.covered.obstacle {
            return (State::Unknown, reason, regions);
        }
        let unread = self.unread(scoped);
        if unread != 0 {
            return (State::Unknown, Reason::SweepIncomplete, unread);
        }
        if self.nothing_is_there(scoped, tally) {
            return (State::NotApplicable, Reason::NoFindings, 0);
        }
        match self.missing(scoped, tally).into_iter().chain(tally.unknown_reason()).min() {
            Some((reason, regions)) => (State::Unknown, reason, regions),
            None if tally.waived > 0 => (State::Excepted, Reason::Excepted, 0),
            None if tally.excepted > 0 => (State::Excepted, Reason::SuppressedUpstream, 0),
            None if tally.passed > 0 && scoped.checks_resources && !tally.real_resource => {
                (State::Passed, Reason::NothingToCheck, 0)
            }
            None if tally.passed > 0 => (State::Passed, Reason::FindingsPassed, 0),
            None => (State::Unknown, Reason::NoFindings, self.required),
        }
    }

    /// Rule 5: why evidence is missing that the control's reach needs, and where.
    fn missing(&self, scoped: &Scoped, tally: &Tally) -> Option<(Reason, RegionSet)> {
        match scoped.reach {
            Reach::Global if tally.evidence == 0 => {
                let everywhere = self.why(scoped, RegionSet::MAX);
                Some((everywhere, self.required))
            }
            Reach::Global => None,
            Reach::RegionalAccount => self.why_in(scoped, self.required & !tally.evidence),
            Reach::Regional if tally.evidence == 0 => self.why_in(scoped, self.required),
            Reach::Regional => self.why_in(scoped, self.required & !self.alive),
        }
    }

    /// Whether there is nothing of the kind, as the profile wants it seen: no evidence, although there would be.
    fn nothing_is_there(&self, scoped: &Scoped, tally: &Tally) -> bool {
        self.no_findings_is_not_applicable
            && scoped.reach == Reach::Regional
            && tally.evidence == 0
            && self.required & !self.alive == 0
            && each(self.required).all(|region| self.why(scoped, region) == Reason::NoFindings)
    }

    /// Of the reasons why there is no finding in each of these Regions the first, and the Regions that have it.
    fn why_in(&self, scoped: &Scoped, regions: RegionSet) -> Option<(Reason, RegionSet)> {
        let first = each(regions).map(|region| self.why(scoped, region)).min()?;
        let with_it = each(regions).filter(|region| self.why(scoped, *region) == first);
        Some((first, with_it.fold(0, |set, region| set | region)))
    }

    /// Why there is no finding in any of these Regions.
    fn why(&self, scoped: &Scoped, regions: RegionSet) -> Reason {
        let hubs = self.covered.hubs.iter().filter_map(|number| self.hubs.get(*number as usize));
        let has_standard = |hub: &Hub| scoped.custom || hub.has_standard(scoped.standards);
        let mut enabled = hubs.filter(|hub| hub.region & regions != 0 && has_standard(hub)).peekable();
        if enabled.peek().is_none() {
            Reason::StandardNotEnabled
        } else if enabled.all(|hub| hub.disables(scoped.control)) {
            Reason::ControlDisabled
        } else {
            Reason::NoFindings
        }
    }
}

/// The Regions of a set, one by one.
fn each(regions: RegionSet) -> impl Iterator<Item = RegionSet> {
    (0..RegionSet::BITS).map(|bit| 1 << bit).filter(move |region| regions & region != 0)
}

/// Seconds of milliseconds since 1970, as far as they fit.
fn seconds(millis: u64) -> u32 {
    u32::try_from(millis / 1000).unwrap_or(u32::MAX)
}

/// Seconds since 1970 of a moment, as far as they fit.
pub(crate) fn since_1970(moment: Timestamp) -> u32 {
    u32::try_from(moment.as_second().max(0)).unwrap_or(u32::MAX)
}
