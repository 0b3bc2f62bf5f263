//! Which control answers for which criterion, and who says so.

use std::fmt;

use soc2_crds::MappingConfidence;

use crate::control::ControlIx;

/// A control that answers for a criterion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Index into [`crate::Catalog::criteria`].
    pub criterion: usize,
    /// The control.
    pub control: ControlIx,
    /// Whether a profile of the Default tier uses it.
    pub tier: Tier,
    /// Whether a source links this very control.
    pub confidence: Confidence,
    /// Who maps it.
    pub sources: Vec<Source>,
    /// Supports the criterion without showing much of it: a criterion with only such controls needs people.
    pub weak: bool,
    /// Checks of those sources that do the same, by their names.
    pub checks: Vec<String>,
    /// Places in the project's source documents, such as `001:CC6.1`: document and the number that it uses.
    pub references: Vec<String>,
    /// What to know about the sources.
    pub note: Option<String>,
}

impl Mapping {
    /// Criterion and control: what a mapping is known by.
    pub(crate) fn pair(&self) -> (usize, ControlIx) {
        (self.criterion, self.control)
    }
}

/// A check of another tool for a criterion that no control of Security Hub does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherCheck {
    /// Index into [`crate::Catalog::criteria`].
    pub criterion: usize,
    /// Its name, or what a source document asks for.
    pub check: String,
    /// Who has it.
    pub sources: Vec<Source>,
    /// AWS Config rule that would do it, where there is one.
    pub config_rule: Option<String>,
}

/// How well a mapping is founded; Extended holds every mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Direct or doubly sourced.
    Default,
    /// The rest.
    Extended,
}

impl Tier {
    /// As it is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "Default",
            Self::Extended => "Extended",
        }
    }
}

/// Whether a source links this very control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// The source links its check to the control.
    Direct,
    /// The equivalence is ours.
    Curated,
}

impl From<MappingConfidence> for Confidence {
    fn from(confidence: MappingConfidence) -> Self {
        match confidence {
            MappingConfidence::Direct => Self::Direct,
            MappingConfidence::Curated => Self::Curated,
        }
    }
}

impl Confidence {
    /// As it is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "Direct",
            Self::Curated => "Curated",
        }
    }
}

/// Who maps a control to a criterion.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Powerpipe's AWS compliance mod.
    Powerpipe,
    /// Prowler.
    Prowler,
    /// Pulumi's policy packs: they check before deployment, so they do not make a mapping doubly sourced.
    Pulumi,
    /// The project's source documents, as we read them.
    Seed,
    /// AWS Service Screener.
    ServiceScreener,
    /// A `ControlCatalog`: its name, and the source that it names.
    Catalog {
        /// Name of the object.
        name: String,
        /// What it says.
        source: String,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Powerpipe => out.write_str("powerpipe"),
            Self::Prowler => out.write_str("prowler"),
            Self::Pulumi => out.write_str("pulumi"),
            Self::Seed => out.write_str("seed"),
            Self::ServiceScreener => out.write_str("service-screener"),
            Self::Catalog { name, source } => write!(out, "{name}: {source}"),
        }
    }
}

impl Source {
    /// The source of a name in the data files.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let known = [Self::Powerpipe, Self::Prowler, Self::Pulumi, Self::Seed, Self::ServiceScreener];
        known.into_iter().find(|source| source.to_string() == name)
    }
}

/// The tier of a mapping: Default is `direct` or two sources (Pulumi not counted), without the pairs of CC6.2 that only
/// Powerpipe has, because that list is a copy of the one for CC6.1.
pub(crate) fn tier(criterion: &str, confidence: Confidence, sources: &[Source]) -> Tier {
    let counted = || sources.iter().filter(|source| **source != Source::Pulumi);
    let copied = criterion == "CC6.2" && counted().all(|source| *source == Source::Powerpipe);
    let founded = confidence == Confidence::Direct || counted().count() >= 2;
    if founded && !copied { Tier::Default } else { Tier::Extended }
}
