//! Everything that a catalogue says of one control, criterion or activity.

use crate::{Activity, Catalog, Control, ControlIx, Criterion, Guardrail, Mapping, OtherCheck};

/// Everything of one control.
#[derive(Clone, Debug)]
pub struct ControlFacts<'a> {
    /// The control.
    pub control: &'a Control,
    /// Criteria that it answers for, and who says so.
    pub mappings: Vec<&'a Mapping>,
    /// Guardrails that prevent what it detects.
    pub guardrails: Vec<&'a Guardrail>,
}

/// Everything of one criterion.
#[derive(Clone, Debug)]
pub struct CriterionFacts<'a> {
    /// The criterion.
    pub criterion: &'a Criterion,
    /// Controls that answer for it, and who says so.
    pub mappings: Vec<&'a Mapping>,
    /// What people do for it.
    pub activities: Vec<&'a Activity>,
    /// Guardrails that serve it.
    pub guardrails: Vec<&'a Guardrail>,
    /// Checks of other tools that no control does.
    pub other_checks: Vec<&'a OtherCheck>,
}

/// Everything of one activity.
#[derive(Clone, Debug)]
pub struct ActivityFacts<'a> {
    /// The activity.
    pub activity: &'a Activity,
    /// Criteria that it answers for.
    pub criteria: Vec<&'a Criterion>,
}

impl Catalog {
    /// Everything of the control with this id.
    #[must_use]
    pub fn control_facts(&self, id: &str) -> Option<ControlFacts<'_>> {
        let ix = self.control(id)?;
        Some(ControlFacts {
            control: self.get(ix),
            mappings: self.mappings_of(ix).collect(),
            guardrails: self.guardrails.iter().filter(|guardrail| guardrail.controls.contains(&ix)).collect(),
        })
    }

    /// Everything of the criterion with this id.
    #[must_use]
    pub fn criterion_facts(&self, id: &str) -> Option<CriterionFacts<'_>> {
        let at = self.criterion(id)?;
        Some(CriterionFacts {
            criterion: self.criteria.get(at)?,
            mappings: self.mappings_for(at).iter().collect(),
            activities: self.activities_for(at).map(|(_, activity)| activity).collect(),
            guardrails: self.guardrails.iter().filter(|guardrail| guardrail.criteria.contains(&at)).collect(),
            other_checks: self.other_checks.iter().filter(|check| check.criterion == at).collect(),
        })
    }

    /// Everything of the activity with this id.
    #[must_use]
    pub fn activity_facts(&self, id: &str) -> Option<ActivityFacts<'_>> {
        let activity = self.activities.get(self.activity(id)?)?;
        Some(ActivityFacts {
            activity,
            criteria: activity.criteria.iter().filter_map(|at| self.criteria.get(*at)).collect(),
        })
    }

    /// Mappings of a control, by criterion.
    pub fn mappings_of(&self, control: ControlIx) -> impl Iterator<Item = &Mapping> {
        self.mappings.iter().filter(move |mapping| mapping.control == control)
    }

    /// Mappings of the criterion at an index, by control.
    #[must_use]
    pub fn mappings_for(&self, criterion: usize) -> &[Mapping] {
        let from = self.mappings.partition_point(|mapping| mapping.criterion < criterion);
        let to = self.mappings.partition_point(|mapping| mapping.criterion <= criterion);
        self.mappings.get(from..to).unwrap_or_default()
    }

    /// Activities that answer for the criterion at an index, with their own indexes.
    pub fn activities_for(&self, criterion: usize) -> impl Iterator<Item = (usize, &Activity)> {
        self.activities.iter().enumerate().filter(move |(_, activity)| activity.criteria.contains(&criterion))
    }
}
