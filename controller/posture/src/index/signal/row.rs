//! One finding of another product in 48 bytes.

use std::cmp::Ordering;

use soc2_crds::{FindingProduct, FindingSeverity};

use crate::index::Status;
use crate::index::account::Version;
use crate::index::row::IdHash;

/// Bits of [`SignalRow::when`] below the time.
const TIME_SHIFT: u32 = 16;
/// Largest time that fits: in the year 10889.
const MAX_MILLIS: u64 = (1 << (64 - TIME_SHIFT)) - 1;

const ARCHIVED: u64 = 1 << 0;
const SUPPRESSED: u64 = 1 << 1;
const RESOLVED: u64 = 1 << 2;
const SAID_SHIFT: u32 = 3;
const LABEL_SHIFT: u32 = 6;
const PRODUCT_SHIFT: u32 = 9;
const ACCOUNT_RESOURCE: u64 = 1 << 12;
/// Each of the three is so wide.
const FIELD: u64 = 0b111;

/// `Compliance.Status` of a finding, unusable ones as `NotAvailable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Failed,
    Warning,
    NotAvailable,
    Passed,
    /// It has none, as most findings about threats.
    Nothing,
}

const SAID: [Said; 5] = [Said::Failed, Said::Warning, Said::NotAvailable, Said::Passed, Said::Nothing];

/// `Severity.Label`. What is no label counts as the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Label {
    Critical,
    High,
    Medium,
    Low,
    Informational,
}

const LABELS: [Label; 5] = [Label::Critical, Label::High, Label::Medium, Label::Low, Label::Informational];

const PRODUCTS: [FindingProduct; 4] =
    [FindingProduct::GuardDuty, FindingProduct::Inspector, FindingProduct::Macie, FindingProduct::SecurityHub];

/// What people did about a finding: `Workflow.Status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handled {
    /// `NEW`, `NOTIFIED`, or nobody knows.
    Open,
    Resolved,
    Suppressed,
}

/// What a finding says, before it is packed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) said: Said,
    pub(crate) label: Label,
    /// The product, when it is one whose findings have an age.
    pub(crate) product: Option<FindingProduct>,
    pub(crate) archived: bool,
    pub(crate) handled: Handled,
    /// The resource is the account (`AwsAccount`).
    pub(crate) account_resource: bool,
    /// Milliseconds since 1970; `None`: no usable time.
    pub(crate) updated: Option<i64>,
    /// Since when there is the problem, in seconds since 1970; 0: no usable time.
    pub(crate) first_seen: u32,
}

/// The newest version of one finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SignalRow {
    /// Hash of its `Id`.
    pub(crate) id: IdHash,
    /// Hash of its resource's id.
    pub(crate) resource: u64,
    /// Milliseconds since 1970 (48 bits; 0: none), what it says (16).
    when: u64,
    /// The index's clock when it was last inserted, changed or seen.
    pub(crate) touched: u32,
    /// `FirstObservedAt`, else `CreatedAt`, in seconds since 1970; 0: no usable time.
    pub(crate) first_seen: u32,
    /// The patterns that it matches, see [`super::sets::PatternSets`].
    pub(crate) matched: u32,
    /// Its Region, see [`crate::index::names::Names`].
    pub(crate) region: u16,
}

impl SignalRow {
    /// Packs a finding.
    pub(crate) fn new(id: IdHash, region: u16, resource: u64, matched: u32, told: Told) -> Self {
        let millis = told.updated.map_or(0, |millis| u64::try_from(millis).unwrap_or(0).clamp(1, MAX_MILLIS));
        let flag = |on: bool, bit: u64| if on { bit } else { 0 };
        let product = told.product.and_then(|product| PRODUCTS.iter().position(|known| *known == product));
        let product = product.map_or(0, |at| at as u64 + 1);
        let when = (millis << TIME_SHIFT)
            | flag(told.archived, ARCHIVED)
            | flag(told.handled == Handled::Suppressed, SUPPRESSED)
            | flag(told.handled == Handled::Resolved, RESOLVED)
            | flag(told.account_resource, ACCOUNT_RESOURCE)
            | (told.said as u64) << SAID_SHIFT
            | (told.label as u64) << LABEL_SHIFT
            | product << PRODUCT_SHIFT;
        Self { id, resource, when, touched: 0, first_seen: told.first_seen, matched, region }
    }

    /// `UpdatedAt` in milliseconds since 1970; 0 when there is none.
    pub(crate) fn updated(&self) -> u64 {
        self.when >> TIME_SHIFT
    }

    /// Whether the newest version is archived: no evidence.
    pub(crate) fn archived(&self) -> bool {
        self.when & ARCHIVED != 0
    }

    /// Whether its resource is the account.
    pub(crate) fn account_resource(&self) -> bool {
        self.when & ACCOUNT_RESOURCE != 0
    }

    fn field(&self, shift: u32) -> usize {
        (self.when >> shift & FIELD) as usize
    }

    /// `Compliance.Status`.
    pub(crate) fn said(&self) -> Said {
        SAID.get(self.field(SAID_SHIFT)).copied().unwrap_or(Said::NotAvailable)
    }

    /// `Severity.Label`.
    pub(crate) fn label(&self) -> Label {
        LABELS.get(self.field(LABEL_SHIFT)).copied().unwrap_or(Label::Critical)
    }

    /// The product, when it is one whose findings have an age.
    pub(crate) fn product(&self) -> Option<FindingProduct> {
        PRODUCTS.get(self.field(PRODUCT_SHIFT).checked_sub(1)?).copied()
    }

    /// Whether nobody has dealt with it: ACTIVE, neither RESOLVED nor SUPPRESSED, and it does not say that all is well.
    pub(crate) fn open(&self) -> bool {
        self.when & (ARCHIVED | SUPPRESSED | RESOLVED) == 0 && self.said() != Said::Passed
    }

    /// How it counts for a custom control. Without a compliance status it reports a problem: it failed. That somebody
    /// resolved such a problem is a person's word, as a suppression is, and no evidence.
    pub(crate) fn status(&self) -> Status {
        if self.archived() {
            return Status::Archived;
        }
        if self.when & SUPPRESSED != 0 {
            return Status::Suppressed;
        }
        match self.said() {
            Said::Nothing if self.when & RESOLVED != 0 => Status::Suppressed,
            Said::Nothing | Said::Failed => Status::Failed,
            Said::Warning => Status::Warning,
            Said::NotAvailable => Status::NotAvailable,
            Said::Passed => Status::Passed,
        }
    }

    /// The same with another number for the patterns that it matches.
    pub(crate) fn rematched(self, matched: u32) -> Self {
        Self { matched, ..self }
    }

    /// The same in the Region of another number.
    pub(crate) fn renamed(self, region: u16) -> Self {
        Self { region, ..self }
    }

    /// The fields as they are saved.
    pub(crate) fn parts(&self) -> (IdHash, u64, u64, u32, u32, u16) {
        (self.id, self.resource, self.when, self.first_seen, self.matched, self.region)
    }

    /// From the fields as they were saved.
    pub(crate) fn from_parts(id: IdHash, resource: u64, when: u64, first_seen: u32, matched: u32, region: u16) -> Self {
        Self { id, resource, when, touched: 0, first_seen, matched, region }
    }
}

impl Label {
    /// The label of a word.
    pub(crate) fn of(word: Option<&str>) -> Self {
        match word {
            Some("HIGH") => Self::High,
            Some("MEDIUM") => Self::Medium,
            Some("LOW") => Self::Low,
            Some("INFORMATIONAL") => Self::Informational,
            _ => Self::Critical,
        }
    }

    /// Whether it is this severity or a worse one.
    pub(crate) fn counts(self, mildest: FindingSeverity) -> bool {
        self.severity().is_some_and(|severity| severity <= mildest)
    }

    /// The severity, unless it is only informational.
    pub(crate) fn severity(self) -> Option<FindingSeverity> {
        match self {
            Self::Critical => Some(FindingSeverity::Critical),
            Self::High => Some(FindingSeverity::High),
            Self::Medium => Some(FindingSeverity::Medium),
            Self::Low => Some(FindingSeverity::Low),
            Self::Informational => None,
        }
    }
}

impl Version for SignalRow {
    fn id(&self) -> IdHash {
        self.id
    }

    fn resource(&self) -> u64 {
        self.resource
    }

    fn updated(&self) -> u64 {
        Self::updated(self)
    }

    fn seen(self, clock: u32) -> Self {
        Self { touched: clock, ..self }
    }

    fn archived(&self) -> bool {
        Self::archived(self)
    }

    /// Samples, and exceptions for some resources, need it.
    fn wants_text(&self) -> bool {
        self.open() || matches!(self.status(), Status::Failed | Status::Suppressed)
    }

    fn same(&self, other: &Self) -> bool {
        Self { touched: 0, ..*self } == Self { touched: 0, ..*other }
    }

    /// Of a resource in a Region, all are side by side.
    fn order(&self, other: &Self) -> Ordering {
        let key = |row: &Self| (row.region, row.resource, row.id);
        key(self).cmp(&key(other))
    }

    /// The newer; at a tie the one that is worse in the end; then any, but always the same.
    fn standing(&self, other: &Self) -> Ordering {
        self.updated().cmp(&other.updated()).then_with(|| {
            let worst_first = |row: &Self| (row.status(), !row.open(), row.label(), row.first_seen);
            let content = |row: &Self| (row.when, row.matched, row.region, row.resource);
            worst_first(other).cmp(&worst_first(self)).then_with(|| content(self).cmp(&content(other)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> Told {
        Told {
            said: Said::Nothing,
            label: Label::High,
            product: None,
            archived: false,
            handled: Handled::Open,
            account_resource: false,
            updated: Some(7),
            first_seen: 9,
        }
    }

    fn row(told: Told) -> SignalRow {
        SignalRow::new([1, 2, 3], 3, 4, 5, told)
    }

    #[test]
    fn a_row_has_forty_eight_bytes() {
        assert_eq!(size_of::<SignalRow>(), 48);
    }

    #[test]
    fn what_is_packed_comes_out() {
        let products = PRODUCTS.into_iter().map(Some).chain([None]);
        for (said, label, product) in
            products.flat_map(|product| SAID.into_iter().flat_map(move |s| LABELS.map(move |l| (s, l, product))))
        {
            let updated = Some(1_795_000_000_123);
            let row = row(Told { said, label, product, updated, ..told() });
            assert_eq!((row.said(), row.label(), row.product()), (said, label, product));
            assert_eq!((row.updated(), row.first_seen, row.archived()), (1_795_000_000_123, 9, false));
            assert_eq!(row.open(), said != Said::Passed);
            let (id, resource, when, first_seen, matched, region) = row.parts();
            assert_eq!(SignalRow::from_parts(id, resource, when, first_seen, matched, region), row);
        }
        assert!(row(Told { account_resource: true, ..told() }).account_resource() && !row(told()).account_resource());
        assert_eq!(row(Told { updated: None, ..told() }).updated(), 0);
        assert_eq!(row(Told { updated: Some(-1), ..told() }).updated(), 1);
        assert_eq!(row(Told { updated: Some(i64::MAX), ..told() }).updated(), MAX_MILLIS);
    }

    #[test]
    fn how_a_finding_counts() {
        use Handled::{Open, Resolved, Suppressed};
        for (said, handled, archived, expected) in [
            (Said::Nothing, Open, false, (Status::Failed, true)),
            (Said::Nothing, Resolved, false, (Status::Suppressed, false)),
            (Said::Nothing, Suppressed, false, (Status::Suppressed, false)),
            (Said::Nothing, Open, true, (Status::Archived, false)),
            (Said::Failed, Open, false, (Status::Failed, true)),
            (Said::Failed, Resolved, false, (Status::Failed, false)),
            (Said::Failed, Suppressed, false, (Status::Suppressed, false)),
            (Said::Passed, Open, false, (Status::Passed, false)),
            (Said::Passed, Resolved, false, (Status::Passed, false)),
            (Said::Passed, Suppressed, false, (Status::Suppressed, false)),
            (Said::Warning, Open, false, (Status::Warning, true)),
            (Said::NotAvailable, Open, false, (Status::NotAvailable, true)),
            (Said::Passed, Open, true, (Status::Archived, false)),
        ] {
            let row = row(Told { said, archived, handled, ..told() });
            assert_eq!((row.status(), row.open()), expected, "{said:?} {handled:?} {archived}");
        }
    }

    #[test]
    fn at_a_tie_the_worse_stands() {
        let order = [
            told(),
            // Known for longer is worse.
            Told { first_seen: 10, ..told() },
            Told { label: Label::Low, ..told() },
            Told { said: Said::Failed, handled: Handled::Resolved, ..told() },
            Told { handled: Handled::Resolved, ..told() },
            Told { said: Said::Warning, ..told() },
            Told { said: Said::NotAvailable, ..told() },
            Told { archived: true, ..told() },
            Told { said: Said::Passed, ..told() },
        ]
        .map(row);
        for (at, worse) in order.iter().enumerate() {
            for milder in &order[at + 1..] {
                assert_eq!(worse.standing(milder), Ordering::Greater, "{worse:?} {milder:?}");
                assert_eq!(milder.standing(worse), Ordering::Less);
            }
            assert_eq!(worse.standing(worse), Ordering::Equal);
        }
        let newer = row(Told { said: Said::Passed, updated: Some(8), ..told() });
        assert_eq!(newer.standing(&order[0]), Ordering::Greater);
    }

    #[test]
    fn what_is_no_label_is_the_worst() {
        for (word, expected) in [
            (Some("CRITICAL"), Label::Critical),
            (Some("HIGH"), Label::High),
            (Some("MEDIUM"), Label::Medium),
            (Some("LOW"), Label::Low),
            (Some("INFORMATIONAL"), Label::Informational),
            (Some("critical"), Label::Critical),
            (Some("low"), Label::Critical),
            (None, Label::Critical),
        ] {
            assert_eq!(Label::of(word), expected, "{word:?}");
        }
        assert!(Label::Critical.counts(FindingSeverity::Critical) && Label::High.counts(FindingSeverity::Low));
        assert!(!Label::High.counts(FindingSeverity::Critical) && !Label::Informational.counts(FindingSeverity::Low));
    }
}
