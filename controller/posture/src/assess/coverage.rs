//! Rule 3: what is known of the sources of an account's findings.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use soc2_catalog::ControlIx;

use super::reason::Reason;
use super::regions::{RegionSet, RegionTable};
use super::scope::{StandardSet, standard_set};
use crate::ids::AccountId;
use crate::source::{HubError, HubRegion, Sources};

/// Why nothing about an account can pass, whatever its findings say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Obstacle {
    pub(crate) reason: Reason,
    /// Where.
    pub(crate) regions: RegionSet,
    /// What the source says.
    pub(crate) detail: Option<Arc<str>>,
}

/// What holds for every account of one Region of one source: enters the plan, so that a change is noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hub {
    pub(crate) region: RegionSet,
    pub(crate) standards: StandardSet,
    disabled: BTreeSet<ControlIx>,
}

/// The sources as one assessment sees them.
pub(crate) struct Coverage<'a> {
    hubs: Vec<View<'a>>,
    /// Sources that serve every account.
    general: Vec<u32>,
    /// Those that serve only some.
    particular: HashMap<AccountId, Vec<u32>>,
    required: RegionSet,
}

struct View<'a> {
    from: &'a HubRegion,
    region: RegionSet,
    detail: Option<Arc<str>>,
    /// A finding that cannot be attributed may belong to any account.
    unattributed: bool,
}

impl Hub {
    /// The Regions of the sources.
    pub(crate) fn all(sources: &Sources, table: &RegionTable) -> Vec<Self> {
        let hub = |from: &HubRegion| Self {
            region: 1 << table.bit(&from.region),
            standards: standard_set(&from.standards),
            disabled: from.disabled_controls.clone(),
        };
        sources.regions.iter().map(hub).collect()
    }

    /// Whether any of a control's standards is enabled here.
    pub(crate) fn has_standard(&self, standards: StandardSet) -> bool {
        self.standards & standards != 0
    }

    /// Whether a control is disabled here.
    pub(crate) fn disables(&self, control: ControlIx) -> bool {
        self.disabled.contains(&control)
    }
}

/// What rule 3 says of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Covered {
    pub(crate) obstacle: Option<Obstacle>,
    /// Indexes of the Regions of sources that cover it.
    pub(crate) hubs: Box<[u32]>,
}

impl<'a> Coverage<'a> {
    pub(crate) fn new(sources: &'a Sources, table: &RegionTable) -> Self {
        let mut coverage =
            Self { hubs: Vec::new(), general: Vec::new(), particular: HashMap::new(), required: table.required() };
        for (from, number) in sources.regions.iter().zip(0_u32..) {
            let unattributed = sources.unattributed.get(&(from.source.clone(), from.read_through.clone()));
            let detail = match &from.error {
                Some(HubError::AccessDenied(message) | HubError::NotRead(message)) => Some(message),
                Some(HubError::NotEnabled) => None,
                None => unattributed,
            };
            let detail = detail.map(|message| Arc::from(message.as_str()));
            let region = 1 << table.bit(&from.region);
            coverage.hubs.push(View { from, region, detail, unattributed: unattributed.is_some() });
            match &from.serves {
                None => coverage.general.push(number),
                Some(accounts) => {
                    for account in accounts {
                        coverage.particular.entry(*account).or_default().push(number);
                    }
                }
            }
        }
        coverage
    }

    /// What rule 3 says of an account.
    pub(crate) fn of(&self, account: AccountId) -> Covered {
        let mut found = Findings::default();
        let particular = self.particular.get(&account).map(Vec::as_slice).unwrap_or_default();
        for number in self.general.iter().chain(particular) {
            if let Some(view) = self.hubs.get(*number as usize) {
                found.add(view, account, *number);
            }
        }
        found.hubs.sort_unstable();
        Covered { obstacle: found.obstacle(self.required), hubs: found.hubs.into_boxed_slice() }
    }
}

/// What the sources say of one account.
#[derive(Default)]
struct Findings<'a> {
    hubs: Vec<u32>,
    /// Covered and completely read.
    complete: RegionSet,
    /// Covered, but not completely read.
    incomplete: RegionSet,
    /// May be covered; was not read, so that nobody knows.
    unread: RegionSet,
    problems: Vec<(Reason, RegionSet, Option<&'a Arc<str>>)>,
}

impl<'a> Findings<'a> {
    fn add(&mut self, view: &'a View<'_>, account: AccountId, number: u32) {
        let problem = match &view.from.error {
            Some(HubError::AccessDenied(_)) => Reason::AccessDenied,
            Some(HubError::NotEnabled) => Reason::SecurityHubNotEnabled,
            Some(HubError::NotRead(_)) => {
                self.unread |= view.region;
                Reason::SweepIncomplete
            }
            None if view.from.account != Some(account) && !view.from.members.contains(&account) => {
                Reason::AccountNotMember
            }
            None => {
                self.hubs.push(number);
                if !view.unattributed && view.from.swept.contains(&account) {
                    self.complete |= view.region;
                    return;
                }
                self.incomplete |= view.region;
                Reason::SweepIncomplete
            }
        };
        self.problems.push((problem, view.region, view.detail.as_ref()));
    }

    /// Where something is missing, and the first of the reasons.
    fn obstacle(&self, required: RegionSet) -> Option<Obstacle> {
        // A Region that is read counts even when it is not required: its failures would be missing.
        let partly = self.incomplete | self.unread & !self.complete;
        let covered = self.complete | self.incomplete;
        if partly == 0 && required & !covered == 0 && required != 0 {
            return None;
        }
        let mut reasons: Vec<(Reason, RegionSet)> = vec![(Reason::SweepIncomplete, partly)];
        let mut unexplained = required & !covered & !partly;
        for (reason, region, _) in &self.problems {
            let explained = region & required & !covered;
            reasons.push((*reason, explained));
            unexplained &= !explained;
        }
        if unexplained != 0 || required == 0 {
            reasons.push((Reason::RegionNotCovered, unexplained));
        }
        let somewhere = |(reason, regions): &&(Reason, RegionSet)| *regions != 0 || *reason == Reason::RegionNotCovered;
        let first = reasons.iter().filter(somewhere).map(|(reason, _)| *reason).min()?;
        let regions = reasons.iter().filter(|(reason, _)| *reason == first).fold(0, |set, (_, regions)| set | regions);
        let matching = |(reason, region, _): &&(Reason, RegionSet, _)| *reason == first && region & regions != 0;
        let detail = self.problems.iter().find(matching).and_then(|(_, _, detail)| detail.map(Arc::clone));
        Some(Obstacle { reason: first, regions, detail })
    }
}
