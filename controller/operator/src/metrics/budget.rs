//! The cap on series: what every profile may export when all of them together would be too much.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use soc2_crds::MetricsDetail;
use soc2_posture::assess::AccountSeries;

/// Series of what counts calls and reconciles, whose number nobody knows before they are written. There are fewer.
const RESERVE: usize = 1_000;

/// How far the series of a profile go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Sums only.
    Summary,
    /// And each criterion and control, over all accounts.
    Profile,
    /// And each account.
    Account,
    /// And each criterion of each account.
    Criterion,
    /// And each control of each account.
    Control,
}

impl Level {
    /// The levels that the cap may take away, the finest last.
    pub const DROPPABLE: [Self; 4] = [Self::Profile, Self::Account, Self::Criterion, Self::Control];

    /// As labels and messages spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Summary => "Summary",
            Self::Profile => "Profile",
            Self::Account => "Account",
            Self::Criterion => "Criterion",
            Self::Control => "Control",
        }
    }

    fn coarser(self) -> Self {
        match self {
            Self::Summary | Self::Profile => Self::Summary,
            Self::Account => Self::Profile,
            Self::Criterion => Self::Account,
            Self::Control => Self::Criterion,
        }
    }
}

impl From<MetricsDetail> for Level {
    fn from(detail: MetricsDetail) -> Self {
        match detail {
            MetricsDetail::Profile => Self::Profile,
            MetricsDetail::Account => Self::Account,
            MetricsDetail::Criterion => Self::Criterion,
            MetricsDetail::Control => Self::Control,
        }
    }
}

/// What a profile would export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// How far it wants to go.
    pub wanted: Level,
    /// Series of its sums.
    pub summary: usize,
    /// Series of its criteria and controls over all accounts.
    pub profile: usize,
    /// Series of its accounts.
    pub accounts: AccountSeries,
}

impl Demand {
    /// Series that a level adds to the one before.
    fn adds(&self, level: Level) -> usize {
        match level {
            Level::Summary => self.summary,
            Level::Profile => self.profile,
            // With the account's name, to join on.
            Level::Account => self.accounts.checks + self.accounts.accounts,
            Level::Criterion => self.accounts.criteria,
            Level::Control => self.accounts.controls,
        }
    }

    fn up_to(&self, level: Level) -> usize {
        let below = Level::DROPPABLE.into_iter().filter(|known| *known <= level).map(|known| self.adds(known));
        self.summary + below.sum::<usize>()
    }
}

/// What each profile may export, and what is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allotment {
    /// How far each profile may go.
    pub levels: BTreeMap<String, Level>,
    /// Series left out, by level.
    pub dropped: BTreeMap<Level, usize>,
}

impl Allotment {
    /// Takes the finest level away from the profile that has most series of it, again and again, until the rest fits.
    #[must_use]
    pub fn new(demands: &BTreeMap<String, Demand>, room: usize) -> Self {
        let mut levels: BTreeMap<&String, Level> = demands.iter().map(|(name, demand)| (name, demand.wanted)).collect();
        let mut total: usize = demands.values().map(|demand| demand.up_to(demand.wanted)).sum();
        let mut dropped = BTreeMap::new();
        while total > room {
            let finest = levels.iter().max_by_key(|(name, level)| (**level, demands[**name].adds(**level), *name));
            let Some((name, level)) = finest.map(|(name, level)| (*name, *level)) else { break };
            if level == Level::Summary {
                break;
            }
            let series = demands[name].adds(level);
            total -= series;
            *dropped.entry(level).or_default() += series;
            levels.insert(name, level.coarser());
        }
        Self { levels: levels.into_iter().map(|(name, level)| (name.clone(), level)).collect(), dropped }
    }

    /// How far a profile may go.
    #[must_use]
    pub fn level(&self, profile: &str) -> Level {
        self.levels.get(profile).copied().unwrap_or(Level::Summary)
    }
}

/// The cap, and what of it is taken by other series.
#[derive(Debug)]
pub struct Budget {
    cap: usize,
    others: AtomicUsize,
}

impl Budget {
    /// A cap on series.
    #[must_use]
    pub fn new(cap: usize) -> Self {
        Self { cap, others: AtomicUsize::new(0) }
    }

    /// The cap.
    #[must_use]
    pub fn cap(&self) -> usize {
        self.cap
    }

    /// Remembers how many series a scrape had that are of no profile.
    pub fn set_others(&self, series: usize) {
        self.others.store(series, Ordering::Relaxed);
    }

    /// What each profile may export now.
    #[must_use]
    pub fn allot(&self, demands: &BTreeMap<String, Demand>) -> Allotment {
        Allotment::new(demands, self.cap.saturating_sub(RESERVE + self.others.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A profile of so many accounts, each with 3 states, 40 criteria and 200 controls.
    fn demand(wanted: Level, accounts: usize) -> Demand {
        let accounts =
            AccountSeries { accounts, checks: accounts * 3, criteria: accounts * 40, controls: accounts * 200 };
        Demand { wanted, summary: 9, profile: 700, accounts }
    }

    fn levels(demands: &[(&str, Demand)], room: usize) -> Vec<&'static str> {
        let demands = demands.iter().map(|(name, demand)| ((*name).to_owned(), *demand)).collect();
        Allotment::new(&demands, room).levels.values().map(|level| level.as_str()).collect()
    }

    #[test]
    fn what_fits_is_exported_as_it_is_wanted() {
        let demands = [("a", demand(Level::Control, 100)), ("b", demand(Level::Profile, 100_000))];
        assert_eq!(levels(&demands, 200_000), ["Control", "Profile"]);
    }

    #[test]
    fn the_finest_detail_of_the_largest_profile_goes_first() {
        let demands = [("large", demand(Level::Control, 1_000)), ("small", demand(Level::Control, 10))];
        assert_eq!(levels(&demands, 200_000), ["Criterion", "Control"]);
        // The small one's finest level goes before the large one loses another.
        assert_eq!(levels(&demands, 45_900), ["Criterion", "Criterion"]);
        assert_eq!(levels(&demands, 10_000), ["Account", "Criterion"]);
        assert_eq!(levels(&demands, 1_000), ["Profile", "Summary"], "of equals the last by name");
        assert_eq!(levels(&demands, 0), ["Summary", "Summary"], "sums always stay");
    }

    #[test]
    fn the_rest_is_never_more_than_the_room_and_what_is_dropped_is_counted() {
        let demands: BTreeMap<String, Demand> = [Level::Control, Level::Criterion, Level::Account, Level::Profile]
            .into_iter()
            .zip([17, 170, 1_700, 17_000])
            .map(|(level, accounts)| (format!("{level:?}"), demand(level, accounts)))
            .collect();
        let all: usize = demands.values().map(|demand| demand.up_to(demand.wanted)).sum();
        for room in (36..all + 100).step_by(97) {
            let allotment = Allotment::new(&demands, room);
            let kept: usize = demands.iter().map(|(name, demand)| demand.up_to(allotment.level(name))).sum();
            assert!(kept <= room, "{kept} of {room}");
            assert_eq!(kept + allotment.dropped.values().sum::<usize>(), all);
        }
    }

    #[test]
    fn other_series_and_a_reserve_count_too() {
        let demands: BTreeMap<String, Demand> = [("a".to_owned(), demand(Level::Account, 100))].into();
        let budget = Budget::new(1_000 + 709 + 400);
        assert_eq!(budget.allot(&demands).level("a"), Level::Account);
        budget.set_others(1);
        assert_eq!(budget.allot(&demands).level("a"), Level::Profile);
        assert_eq!(budget.allot(&demands).dropped, [(Level::Account, 400)].into());
    }
}
