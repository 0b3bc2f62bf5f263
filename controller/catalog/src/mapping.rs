//! Which control answers for which criterion, and who says so.

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
}

/// How well a mapping is founded; Extended holds every mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Direct or doubly sourced.
    Default,
    /// The rest.
    Extended,
}

/// Whether a source links this very control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// The source links its check to the control.
    Direct,
    /// The equivalence is ours.
    Curated,
}

/// Who maps a control to a criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
}

impl Source {
    /// The source of a name in the data files.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "powerpipe" => Self::Powerpipe,
            "prowler" => Self::Prowler,
            "pulumi" => Self::Pulumi,
            "seed" => Self::Seed,
            "service-screener" => Self::ServiceScreener,
            _ => return None,
        })
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
