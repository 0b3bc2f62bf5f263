//! The Trust Services Criteria.

use std::fmt;

use soc2_crds::Cadence;

/// A criterion of SOC 2. Titles are our words, not the AICPA's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Criterion {
    /// AICPA id, such as `CC6.1`.
    pub id: String,
    /// Category it belongs to.
    pub category: TscCategory,
    /// Part of the category, such as `Logical access`; empty where the category has none.
    pub area: String,
    /// What it asks for, in short.
    pub title: String,
    /// How much of it findings can show.
    pub automation: Automation,
    /// How often an attestation of the criterion itself has to be renewed.
    pub attestation: Cadence,
    /// How often its parts are looked at, in words and with the source documents that say so.
    pub rhythm: String,
}

/// A category of the Trust Services Criteria.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TscCategory {
    /// CC1 to CC9, the common criteria.
    Security,
    /// A1.
    Availability,
    /// C1.
    Confidentiality,
    /// PI1.
    ProcessingIntegrity,
    /// P1 to P8.
    Privacy,
}

impl TscCategory {
    /// The category of a criterion's id, such as `CC6.1`.
    #[must_use]
    pub fn of(criterion_id: &str) -> Option<Self> {
        match criterion_id.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
            "CC" => Some(Self::Security),
            "A" => Some(Self::Availability),
            "C" => Some(Self::Confidentiality),
            "PI" => Some(Self::ProcessingIntegrity),
            "P" => Some(Self::Privacy),
            _ => None,
        }
    }

    /// As it is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Security => "Security",
            Self::Availability => "Availability",
            Self::Confidentiality => "Confidentiality",
            Self::ProcessingIntegrity => "ProcessingIntegrity",
            Self::Privacy => "Privacy",
        }
    }
}

impl fmt::Display for TscCategory {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// How much of a criterion findings can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Automation {
    /// All of it.
    Full,
    /// A part; people answer for the rest.
    Partial,
    /// Nothing of weight; people answer for it.
    Manual,
}

impl Automation {
    /// As it is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "Full",
            Self::Partial => "Partial",
            Self::Manual => "Manual",
        }
    }
}
