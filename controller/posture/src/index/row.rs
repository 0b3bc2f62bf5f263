//! One finding in 32 bytes.

use std::cmp::Ordering;

use super::Status;
use super::account::Version;

/// Hash of a finding's `Id`. 96 bits: that of 5,000,000 findings two are the same by chance happens once in 6 × 10^15 worlds.
pub(crate) type IdHash = [u32; 3];

/// Bits of [`Row::when`] below the time.
const TIME_SHIFT: u32 = 16;
/// Largest time that fits: in the year 10889.
const MAX_MILLIS: u64 = (1 << (64 - TIME_SHIFT)) - 1;
/// Where in [`Row::when`] the code of the status reason is.
const CODE_SHIFT: u32 = 8;

const COMPLIANCE: u64 = 0b11;
const SUPPRESSED: u64 = 1 << 2;
const ARCHIVED: u64 = 1 << 3;
const ACCOUNT_RESOURCE: u64 = 1 << 4;

/// `Compliance.Status`, unusable ones as `NotAvailable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compliance {
    Failed,
    Warning,
    NotAvailable,
    Passed,
}

/// What a finding says, before it is packed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict {
    pub(crate) compliance: Compliance,
    pub(crate) suppressed: bool,
    pub(crate) archived: bool,
    /// The resource is the account (`AwsAccount`).
    pub(crate) account_resource: bool,
    /// Milliseconds since 1970; `None`: no usable time.
    pub(crate) updated: Option<i64>,
    /// Code of the status reason in [`super::names::Names`]; 0: none.
    pub(crate) reason: u8,
}

/// The newest version of one finding. Packed: the millions of them are most of what the operator weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, packed(4))]
pub(crate) struct Row {
    /// Hash of its `Id`.
    pub(crate) id: IdHash,
    /// Hash of its resource's id.
    pub(crate) resource: u64,
    /// Milliseconds since 1970 (48 bits; 0: none), code of the status reason (8), flags (8).
    when: u64,
    /// Its Region, see [`super::names::Names`].
    pub(crate) region: u16,
    /// Its control, see [`super::names::Names`].
    pub(crate) control: u16,
}

impl Row {
    /// Packs a finding.
    pub(crate) fn new(id: IdHash, control: u16, region: u16, resource: u64, verdict: Verdict) -> Self {
        let millis = verdict.updated.map_or(0, |millis| u64::try_from(millis).unwrap_or(0).clamp(1, MAX_MILLIS));
        let flag = |on: bool, bit: u64| if on { bit } else { 0 };
        let when = (millis << TIME_SHIFT)
            | (u64::from(verdict.reason) << CODE_SHIFT)
            | verdict.compliance as u64
            | flag(verdict.suppressed, SUPPRESSED)
            | flag(verdict.archived, ARCHIVED)
            | flag(verdict.account_resource, ACCOUNT_RESOURCE);
        Self { id, resource, when, region, control }
    }

    /// `UpdatedAt` in milliseconds since 1970; 0 when there is none.
    pub(crate) fn updated(&self) -> u64 {
        self.when >> TIME_SHIFT
    }

    /// `Compliance.Status`.
    pub(crate) fn compliance(&self) -> Compliance {
        match self.when & COMPLIANCE {
            0 => Compliance::Failed,
            1 => Compliance::Warning,
            2 => Compliance::NotAvailable,
            _ => Compliance::Passed,
        }
    }

    /// Whether the newest version is archived: no evidence.
    pub(crate) fn archived(&self) -> bool {
        self.when & ARCHIVED != 0
    }

    /// Whether a person suppressed it in Security Hub.
    pub(crate) fn suppressed(&self) -> bool {
        self.when & SUPPRESSED != 0
    }

    /// Whether its resource is the account.
    pub(crate) fn account_resource(&self) -> bool {
        self.when & ACCOUNT_RESOURCE != 0
    }

    /// Code of the status reason; 0: none.
    pub(crate) fn reason(&self) -> u8 {
        (self.when >> CODE_SHIFT & 0xff) as u8
    }

    /// The same with another code of the status reason.
    fn with_reason(mut self, code: u8) -> Self {
        self.when = self.when & !(0xff << CODE_SHIFT) | u64::from(code) << CODE_SHIFT;
        self
    }

    /// The same with other numbers for its names.
    pub(crate) fn renamed(self, region: u16, control: u16, reason: u8) -> Self {
        Self { region, control, ..self }.with_reason(reason)
    }

    /// How it counts.
    pub(crate) fn status(&self) -> Status {
        if self.archived() {
            return Status::Archived;
        }
        if self.suppressed() {
            return Status::Suppressed;
        }
        match self.compliance() {
            Compliance::Failed => Status::Failed,
            Compliance::Warning => Status::Warning,
            Compliance::NotAvailable => Status::NotAvailable,
            Compliance::Passed => Status::Passed,
        }
    }

    /// Whether the text of its resource is kept: samples, and later exceptions, need it.
    pub(crate) fn wants_text(&self) -> bool {
        matches!(self.status(), Status::Failed | Status::Suppressed)
    }

    /// The fields as they are saved.
    pub(crate) fn parts(&self) -> (IdHash, u64, u64, u16, u16) {
        (self.id, self.resource, self.when, self.region, self.control)
    }

    /// From the fields as they were saved.
    pub(crate) fn from_parts(id: IdHash, resource: u64, when: u64, region: u16, control: u16) -> Self {
        Self { id, resource, when, region, control }
    }
}

impl Version for Row {
    fn id(&self) -> IdHash {
        self.id
    }

    fn resource(&self) -> u64 {
        self.resource
    }

    fn updated(&self) -> u64 {
        Self::updated(self)
    }

    fn seen(self, _: u32) -> Self {
        self
    }

    fn archived(&self) -> bool {
        Self::archived(self)
    }

    fn wants_text(&self) -> bool {
        Self::wants_text(self)
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }

    /// Of a control, and there of a resource in a Region, all are side by side.
    fn order(&self, other: &Self) -> Ordering {
        let key = |row: &Self| (row.control, row.region, row.resource, row.id);
        key(self).cmp(&key(other))
    }

    /// The newer; at a tie the one that is worse in the end; then any, but always the same.
    fn standing(&self, other: &Self) -> Ordering {
        self.updated().cmp(&other.updated()).then_with(|| {
            // `Status` begins with the worst. A suppressed one that was not checked keeps no account alive.
            let worst_first = |row: &Self| (row.status(), row.compliance().alive());
            let content = |row: &Self| (row.when, row.control, row.region, row.resource);
            worst_first(other).cmp(&worst_first(self)).then_with(|| content(self).cmp(&content(other)))
        })
    }
}

impl Compliance {
    /// Whether it shows that checks run.
    pub(crate) fn alive(self) -> bool {
        matches!(self, Self::Passed | Self::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(compliance: Compliance) -> Verdict {
        Verdict { compliance, suppressed: false, archived: false, account_resource: false, updated: Some(7), reason: 0 }
    }

    #[test]
    fn a_row_has_thirty_two_bytes() {
        assert_eq!(size_of::<Row>(), 32);
    }

    #[test]
    fn what_is_packed_comes_out() {
        for compliance in [Compliance::Failed, Compliance::Warning, Compliance::NotAvailable, Compliance::Passed] {
            for bits in 0..8 {
                let packed = Verdict {
                    compliance,
                    suppressed: bits & 1 != 0,
                    archived: bits & 2 != 0,
                    account_resource: bits & 4 != 0,
                    updated: Some(1_795_000_000_123),
                    reason: 200,
                };
                let row = Row::new([1, 2, 3], 3, 4, 5, packed);
                assert_eq!((row.compliance(), row.suppressed()), (compliance, packed.suppressed));
                assert_eq!((row.archived(), row.account_resource()), (packed.archived, packed.account_resource));
                assert_eq!((row.updated(), row.reason()), (1_795_000_000_123, 200));
                assert_eq!(row.with_reason(3).reason(), 3);
                assert_eq!(row.with_reason(3).with_reason(200), row);
            }
        }
    }

    #[test]
    fn times_that_do_not_fit_are_old_or_far_ahead_but_never_none() {
        let updated = |at| Row::new([0; 3], 0, 0, 0, Verdict { updated: at, ..verdict(Compliance::Passed) }).updated();
        assert_eq!(updated(None), 0);
        assert_eq!(updated(Some(-5)), 1);
        assert_eq!(updated(Some(0)), 1);
        assert_eq!(updated(Some(i64::MAX)), MAX_MILLIS);
    }

    #[test]
    fn at_a_tie_the_worse_stands() {
        let active = |compliance| Row::new([0; 3], 0, 0, 0, verdict(compliance));
        let suppressed = |compliance| Row::new([0; 3], 0, 0, 0, Verdict { suppressed: true, ..verdict(compliance) });
        let archived = |compliance| Row::new([0; 3], 0, 0, 0, Verdict { archived: true, ..verdict(compliance) });
        // From the worst to the mildest.
        let order = [
            active(Compliance::Failed),
            // Of what is suppressed, that which shows no life.
            suppressed(Compliance::NotAvailable),
            suppressed(Compliance::Warning),
            suppressed(Compliance::Passed),
            suppressed(Compliance::Failed),
            active(Compliance::Warning),
            active(Compliance::NotAvailable),
            archived(Compliance::Failed),
            active(Compliance::Passed),
        ];
        for (at, worse) in order.iter().enumerate() {
            for milder in &order[at + 1..] {
                assert_eq!(worse.standing(milder), Ordering::Greater, "{worse:?} {milder:?}");
                assert_eq!(milder.standing(worse), Ordering::Less);
            }
            assert_eq!(worse.standing(worse), Ordering::Equal);
        }
        let newer = Row::new([0; 3], 0, 0, 0, Verdict { updated: Some(8), ..verdict(Compliance::Passed) });
        assert_eq!(newer.standing(&order[0]), Ordering::Greater);
    }
}
