//! Rule 4: what the findings of one control say.

use super::reason::Reason;
use super::regions::RegionSet;
use crate::index::{Compliance, Row};

/// What time means for findings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Freshness {
    /// Oldest `UpdatedAt` that is fresh, in milliseconds since 1970.
    oldest: u64,
    /// Newest: what is dated later is not fresh.
    now: u64,
    /// The limit, in milliseconds.
    limit: u64,
}

impl Freshness {
    /// At `now`, with a limit; both in milliseconds.
    pub(crate) fn new(now: u64, limit: u64) -> Self {
        // Time 0 stands for none, and is never fresh.
        Self { oldest: now.saturating_sub(limit).max(1), now, limit }
    }

    pub(crate) fn is_fresh(&self, row: &Row) -> bool {
        (self.oldest..=self.now).contains(&row.updated())
    }

    /// When time changes whether a finding is fresh; `u64::MAX`: never.
    pub(crate) fn changes_at(&self, row: &Row) -> u64 {
        let updated = row.updated();
        if updated > self.now {
            updated
        } else if updated >= self.oldest {
            self.ends_at(updated)
        } else {
            u64::MAX
        }
    }

    /// The first millisecond in which what was updated then is not fresh.
    pub(crate) fn ends_at(&self, updated: u64) -> u64 {
        updated.saturating_add(self.limit).saturating_add(1)
    }
}

/// What one resource in one Region shows. When several findings speak of it, the least of their outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Failed,
    Suppressed,
    Warning,
    NotAvailable,
    Stale,
    /// Suppressed in Security Hub, which the profile takes for a waiver.
    Excepted,
    Passed,
    /// Failed or suppressed, and waived by an exception.
    Waived,
}

/// The result of one resource in one Region.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResourceResult<'r> {
    pub(crate) outcome: Outcome,
    /// The finding that decides.
    pub(crate) row: &'r Row,
    /// It is fresh.
    pub(crate) fresh: bool,
}

/// What the findings of one control show together.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    /// Regions with evidence.
    pub(crate) evidence: RegionSet,
    pub(crate) failed: u32,
    pub(crate) passed: u32,
    pub(crate) unknown: u32,
    pub(crate) excepted: u32,
    /// Waived by exceptions.
    pub(crate) waived: u32,
    pub(crate) failed_in: RegionSet,
    suppressed_in: RegionSet,
    warning_in: RegionSet,
    not_available_in: RegionSet,
    stale_in: RegionSet,
    /// A failed result is fresh.
    pub(crate) failed_fresh: bool,
    /// Newest `UpdatedAt` of the failed results.
    pub(crate) failed_at: u64,
    /// Newest `UpdatedAt` of the stale results.
    pub(crate) stale_at: u64,
    /// Something that passed is not the account itself.
    pub(crate) real_resource: bool,
    /// Something is suppressed.
    pub(crate) suppressed: bool,
    /// When time alone changes what the findings show.
    pub(crate) changes_at: u64,
}

/// Reads the findings of a control.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) freshness: Freshness,
    /// Findings that are suppressed in Security Hub count as waived.
    pub(crate) suppressed_excepted: bool,
    /// Bit of each Region by its number in the index.
    pub(crate) bits: &'a [u8],
}

impl Reader<'_> {
    /// The Region of a finding.
    pub(crate) fn region(&self, row: &Row) -> RegionSet {
        let bit = self.bits.get(usize::from(row.region)).copied().unwrap_or(63);
        1 << bit
    }

    /// What the rows of one control show.
    pub(crate) fn tally(&self, rows: &[Row]) -> Tally {
        let mut tally = Tally::NONE;
        for group in rows.chunk_by(same_resource) {
            if let Some(result) = self.result(&mut tally, group) {
                self.count(&mut tally, result);
            }
        }
        tally
    }

    /// The results of the rows of one control, each resource once.
    pub(crate) fn results<'r>(&self, rows: &'r [Row]) -> impl Iterator<Item = ResourceResult<'r>> {
        let reader = *self;
        rows.chunk_by(same_resource).filter_map(move |group| {
            let mut aside = Tally::NONE;
            reader.result(&mut aside, group)
        })
    }

    /// The result of one resource in one Region: of its findings the fresh ones if any is fresh, else all; of these the
    /// worst. Notes in the tally what concerns each finding.
    fn result<'r>(&self, tally: &mut Tally, group: &'r [Row]) -> Option<ResourceResult<'r>> {
        let mut any_fresh = false;
        let mut worst: Option<(Outcome, &Row)> = None;
        for row in group.iter().filter(|row| !row.archived()) {
            tally.changes_at = tally.changes_at.min(self.freshness.changes_at(row));
            tally.suppressed |= row.suppressed();
            let fresh = self.freshness.is_fresh(row);
            if any_fresh && !fresh {
                continue;
            }
            let outcome = self.outcome(row, fresh);
            let first = fresh && !any_fresh;
            any_fresh |= fresh;
            let replaces = worst
                .is_none_or(|(known, by)| first || outcome < known || outcome == known && row.updated() > by.updated());
            if replaces {
                worst = Some((outcome, row));
            }
        }
        worst.map(|(outcome, row)| ResourceResult { outcome, row, fresh: any_fresh })
    }

    fn outcome(&self, row: &Row, fresh: bool) -> Outcome {
        match row.compliance() {
            _ if row.suppressed() && self.suppressed_excepted => Outcome::Excepted,
            _ if row.suppressed() => Outcome::Suppressed,
            Compliance::Failed => Outcome::Failed,
            Compliance::Warning => Outcome::Warning,
            Compliance::NotAvailable => Outcome::NotAvailable,
            Compliance::Passed if fresh => Outcome::Passed,
            Compliance::Passed => Outcome::Stale,
        }
    }

    /// Counts the result of one resource.
    pub(crate) fn count(&self, tally: &mut Tally, result: ResourceResult<'_>) {
        let ResourceResult { outcome, row, fresh } = result;
        let region = self.region(row);
        tally.evidence |= region;
        match outcome {
            Outcome::Failed => {
                tally.failed += 1;
                tally.failed_in |= region;
                tally.failed_fresh |= fresh;
                tally.failed_at = tally.failed_at.max(row.updated());
                return;
            }
            Outcome::Passed => {
                tally.passed += 1;
                tally.real_resource |= !row.account_resource();
                return;
            }
            Outcome::Excepted => {
                tally.excepted += 1;
                return;
            }
            Outcome::Waived => {
                tally.waived += 1;
                return;
            }
            Outcome::Suppressed => tally.suppressed_in |= region,
            Outcome::Warning => tally.warning_in |= region,
            Outcome::NotAvailable => tally.not_available_in |= region,
            Outcome::Stale => {
                tally.stale_in |= region;
                tally.stale_at = tally.stale_at.max(row.updated());
            }
        }
        tally.unknown += 1;
    }
}

/// Whether two findings speak of one resource in one Region.
fn same_resource(one: &Row, other: &Row) -> bool {
    one.resource == other.resource && one.region == other.region
}

impl Tally {
    /// Of a control without findings.
    pub(crate) const NONE: Self = Self {
        evidence: 0,
        failed: 0,
        passed: 0,
        unknown: 0,
        excepted: 0,
        waived: 0,
        failed_in: 0,
        suppressed_in: 0,
        warning_in: 0,
        not_available_in: 0,
        stale_in: 0,
        failed_fresh: false,
        failed_at: 0,
        stale_at: 0,
        real_resource: false,
        suppressed: false,
        changes_at: u64::MAX,
    };

    /// The first of the reasons for which something is unknown by rule 4, and where.
    pub(crate) fn unknown_reason(&self) -> Option<(Reason, RegionSet)> {
        let reasons = [
            (Reason::Suppressed, self.suppressed_in),
            (Reason::Warning, self.warning_in),
            (Reason::NotAvailable, self.not_available_in),
            (Reason::Stale, self.stale_in),
        ];
        reasons.into_iter().find(|(_, regions)| *regions != 0)
    }
}
