//! Which criteria a set of standards gives evidence of.

use std::collections::BTreeSet;

use crate::{Automation, Catalog, ControlIx, Criterion, Mapping, StandardCode, Tier};

/// What there is for one criterion with some standards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CriterionCoverage {
    /// Index into [`Catalog::criteria`].
    pub criterion: usize,
    /// Controls that can give evidence: active, of one of the standards or of the organization's own.
    pub controls: Vec<ControlIx>,
    /// All of these are weak: they support the criterion without showing much of it.
    pub only_weak: bool,
    /// Controls that are mapped to it and belong to none of the standards: they give no evidence.
    pub without_standard: Vec<ControlIx>,
    /// Indexes into [`Catalog::activities`] of what people do for it.
    pub activities: Vec<usize>,
}

impl CriterionCoverage {
    /// People have to answer for it too: findings show only a part, or nothing.
    #[must_use]
    pub fn needs_people(&self, criterion: &Criterion) -> bool {
        criterion.automation != Automation::Full || self.only_weak || self.controls.is_empty()
    }
}

impl Catalog {
    /// What there is for each criterion, in the order of [`Catalog::criteria`], when these standards are enabled and mappings
    /// of the tier count (those of the Default tier always do).
    #[must_use]
    pub fn coverage(&self, tier: Tier, standards: &BTreeSet<StandardCode>) -> Vec<CriterionCoverage> {
        let of = |criterion| self.criterion_coverage(criterion, tier, standards);
        (0..self.criteria().len()).map(of).collect()
    }

    fn criterion_coverage(
        &self,
        criterion: usize,
        tier: Tier,
        standards: &BTreeSet<StandardCode>,
    ) -> CriterionCoverage {
        let counts = |mapping: &&Mapping| mapping.tier <= tier && !self.get(mapping.control).retired;
        let gives_evidence = |mapping: &&Mapping| {
            let control = self.get(mapping.control);
            control.matcher.is_some() || control.standards.iter().any(|code| standards.contains(code))
        };
        let (with, without): (Vec<&Mapping>, Vec<&Mapping>) =
            self.mappings_for(criterion).iter().filter(counts).partition(gives_evidence);
        CriterionCoverage {
            criterion,
            only_weak: !with.is_empty() && with.iter().all(|mapping| mapping.weak),
            controls: with.into_iter().map(|mapping| mapping.control).collect(),
            without_standard: without.into_iter().map(|mapping| mapping.control).collect(),
            activities: self.activities_for(criterion).map(|(at, _)| at).collect(),
        }
    }
}
