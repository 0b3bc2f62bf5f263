//! What a profile wants to know of other products, and where that is not known.

use std::collections::BTreeSet;

use soc2_catalog::{Catalog, ControlIx};
use soc2_crds::ComplianceProfileSpec;

use super::coverage::Covered;
use super::regions::{RegionSet, RegionTable};
use crate::ids::AccountId;
use crate::interest::{Interest, Interests};
use crate::source::{SignalReading, Sources};

/// What a profile wants to know of other products.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    interests: Vec<Interest>,
    /// Controls of an organization's own, in order, with the number of their interest.
    own: Vec<(ControlIx, usize)>,
}

impl Wanted {
    pub(crate) fn of(profile: &ComplianceProfileSpec, catalog: &Catalog) -> Self {
        let interests: Vec<Interest> = Interests::of(profile, catalog).iter().collect();
        let controls = (0..).map(ControlIx).zip(catalog.controls());
        let own = controls.filter_map(|(ix, control)| {
            let interest = Interest::Matching(control.matcher.clone()?);
            Some((ix, interests.iter().position(|known| *known == interest)?))
        });
        Self { own: own.collect(), interests }
    }

    /// Controls of an organization's own.
    pub(crate) fn own(&self) -> impl Iterator<Item = ControlIx> + '_ {
        self.own.iter().map(|(control, _)| *control)
    }

    /// Number of the interest of a control of an organization's own.
    pub(crate) fn interest_of(&self, control: ControlIx) -> Option<usize> {
        let at = self.own.binary_search_by_key(&control, |(own, _)| *own).ok()?;
        self.own.get(at).map(|(_, interest)| *interest)
    }

    /// Number of the interest that answers another.
    pub(crate) fn answering(&self, wanted: &Interest) -> Option<usize> {
        self.interests.iter().position(|interest| interest.answers(wanted))
    }
}

/// What was read of other products, by source.
pub(crate) struct Read<'a> {
    wanted: &'a Wanted,
    /// For each Region of a source its bit, and for each interest the reading that answers it.
    hubs: Vec<(RegionSet, Vec<Option<&'a SignalReading>>)>,
    required: RegionSet,
}

impl<'a> Read<'a> {
    pub(crate) fn new(wanted: &'a Wanted, sources: &'a Sources, table: &RegionTable) -> Self {
        let hubs = sources.regions.iter().map(|hub| {
            let reading = |interest: &Interest| hub.signals.iter().find(|reading| reading.interest.answers(interest));
            (1 << table.bit(&hub.region), wanted.interests.iter().map(reading).collect())
        });
        Self { wanted, hubs: hubs.collect(), required: table.required() }
    }

    /// For each interest the Regions, of those that are required and those that are read, in which the account's findings were
    /// not completely read.
    pub(crate) fn missing(&self, account: AccountId, covered: &Covered) -> Box<[RegionSet]> {
        let hubs = || covered.hubs.iter().filter_map(|number| self.hubs.get(*number as usize));
        let read = hubs().fold(0, |set, (region, _)| set | region);
        let of_interest = |number: usize| {
            let complete = hubs().filter(|(_, readings)| {
                let reading = readings.get(number).copied().flatten();
                reading.is_some_and(|reading| !reading.missing.contains(&account))
            });
            (self.required | read) & !complete.fold(0, |set, (region, _)| set | region)
        };
        (0..self.wanted.interests.len()).map(of_interest).collect()
    }

    /// When the oldest of the readings began that answer these interests, of sources that cover any of these accounts.
    pub(crate) fn oldest<'c>(
        &self,
        interests: &[usize],
        covered: impl Iterator<Item = &'c Covered>,
    ) -> Option<jiff::Timestamp> {
        let hubs: BTreeSet<u32> = covered.flat_map(|covered| covered.hubs.iter().copied()).collect();
        let hubs = hubs.iter().filter_map(|number| self.hubs.get(*number as usize));
        let readings = hubs
            .flat_map(|(_, readings)| interests.iter().filter_map(|number| readings.get(*number).copied().flatten()));
        readings.map(|reading| reading.complete_at).min()
    }
}
