//! The two halves of a criterion, what they come to together, and what people answer for.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use soc2_catalog::{Automation, ControlIx};
use soc2_crds::{ActivityStatus, CriterionStatus, HalfState, ManualState, State};

use super::assessment::Assessment;
use super::people::{ELSEWHERE, Part, Subject, Thing};
use super::posture::bytes;
use super::rollup::{ALL_STATES, account_states};
use super::scope::CriterionSet;

/// Most activities in a status.
const ACTIVITIES: usize = 100;
/// Most bytes that they take there as JSON: names of attestations may be long.
const ACTIVITIES_BYTES: usize = 20 * 1024;

/// Reason of a criterion that nothing answers for.
pub(crate) const NOT_COVERED: &str = "NotCovered";

/// Reason of a state of people's part.
pub(crate) fn reason(state: ManualState) -> &'static str {
    match state {
        ManualState::Attested => "Attested",
        ManualState::Due => "AttestationDue",
        ManualState::Overdue => "AttestationOverdue",
        ManualState::NeverAttested => "NeverAttested",
        ManualState::PartlyAttested => "PartlyAttested",
        ManualState::TrackedElsewhere => "TrackedElsewhere",
    }
}

/// What both halves come to: the state, and its reason where people's half decides, or that there is none.
pub(crate) fn both(technical: HalfState, manual: Option<ManualState>) -> (State, Option<&'static str>) {
    match (technical, manual) {
        (HalfState::Failed, _) => (State::Failed, None),
        (_, Some(part @ (ManualState::Overdue | ManualState::NeverAttested))) => (State::Failed, Some(reason(part))),
        (HalfState::Unknown, _) => (State::Unknown, None),
        (_, Some(part @ ManualState::PartlyAttested)) => (State::Unknown, Some(reason(part))),
        (HalfState::NotCovered, None) => (State::Unknown, Some(NOT_COVERED)),
        (HalfState::NotCovered, Some(part @ ManualState::TrackedElsewhere)) => {
            (State::NotApplicable, Some(reason(part)))
        }
        (HalfState::Excepted, _) => (State::Excepted, None),
        (HalfState::Passed, _) => (State::Passed, None),
        (_, Some(part @ (ManualState::Attested | ManualState::Due))) => (State::Passed, Some(reason(part))),
        (HalfState::NotApplicable, None | Some(ManualState::TrackedElsewhere)) => (State::NotApplicable, None),
    }
}

fn half(state: State) -> HalfState {
    match state {
        State::Failed => HalfState::Failed,
        State::Unknown => HalfState::Unknown,
        State::Excepted => HalfState::Excepted,
        State::Passed => HalfState::Passed,
        State::NotApplicable => HalfState::NotApplicable,
    }
}

/// What answers for the criteria of a profile, by their position.
pub(crate) struct Answers {
    /// Controls in scope of any account.
    pub(crate) controls: Vec<BTreeSet<ControlIx>>,
    /// Criteria that have a half of people.
    people: CriterionSet,
}

impl Assessment {
    /// What answers for each criterion.
    pub(super) fn answers(&self) -> Answers {
        let mut controls = vec![BTreeSet::new(); self.plan.criteria.len()];
        for scoped in self.plan.scopes.list.iter().flat_map(|scope| &scope.controls) {
            for (_, known) in controls.iter_mut().enumerate().filter(|(bit, _)| scoped.criteria & 1 << bit != 0) {
                known.insert(scoped.control);
            }
        }
        let positions = controls.iter().enumerate();
        let people = positions.filter(|(position, controls)| self.needs_people(*position, controls));
        let people = people.fold(0, |set, (position, _)| set | 1 << position);
        Answers { controls, people }
    }

    /// For each control in scope of any account the criteria of the profile that it answers for, in the catalogue's order.
    #[must_use]
    pub fn criteria_by_control(&self) -> BTreeMap<String, Vec<String>> {
        let catalog = &self.plan.catalog.0;
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (at, controls) in self.plan.criteria.iter().zip(self.answers().controls) {
            let Some(criterion) = catalog.criteria().get(*at) else { continue };
            for control in controls {
                found.entry(catalog.get(control).id.clone()).or_default().push(criterion.id.clone());
            }
        }
        found
    }

    /// How each criterion of the profile stands, in the catalogue's order.
    pub(super) fn criteria(&self) -> Vec<CriterionStatus> {
        let answers = self.answers();
        let criteria = self.plan.criteria.iter().enumerate();
        criteria.filter_map(|(position, at)| self.criterion(position, *at, &answers)).collect()
    }

    fn criterion(&self, position: usize, at: usize, answers: &Answers) -> Option<CriterionStatus> {
        let criterion = self.plan.catalog.0.criteria().get(at)?;
        let counts = self.rollup.criteria.get(position)?;
        let controls = answers.controls.get(position)?;
        let worst = ALL_STATES.into_iter().find(|state| counts[*state as usize] > 0);
        let technical = match worst {
            _ if controls.is_empty() => HalfState::NotCovered,
            Some(state) => half(state),
            None => HalfState::NotApplicable,
        };
        let manual = self.manual_half(position, answers).map(|part| part.state);
        let (state, reason) = both(technical, manual);
        Some(CriterionStatus {
            id: criterion.id.clone(),
            state,
            reason: reason.map(str::to_owned),
            technical,
            manual,
            technical_only: manual == Some(ManualState::TrackedElsewhere),
            accounts: account_states(counts),
            controls: u32::try_from(controls.len()).unwrap_or(u32::MAX),
            partial_coverage: self.plan.scopes.partial & 1 << position != 0,
        })
    }

    /// The half that people answer; `None` where nobody has to.
    fn manual_half(&self, position: usize, answers: &Answers) -> Option<&Part> {
        if answers.people & 1 << position == 0 {
            None
        } else if self.plan.manual.elsewhere {
            Some(&ELSEWHERE)
        } else {
            Some(self.parts.criterion(&self.subjects, 1 << position, self.itself(position)))
        }
    }

    /// Whether a criterion has a half of people: findings show only a part of it, or little, or people took a control over, or
    /// attested it at any time.
    fn needs_people(&self, position: usize, controls: &BTreeSet<ControlIx>) -> bool {
        let Some(at) = self.plan.criteria.get(position) else { return true };
        let catalog = &self.plan.catalog.0;
        let automation = catalog.criteria().get(*at).map(|criterion| criterion.automation);
        let weak = |control: &ControlIx| {
            let mut mappings = catalog.mappings().iter();
            mappings.any(|mapping| mapping.criterion == *at && mapping.control == *control && mapping.weak)
        };
        automation != Some(Automation::Full)
            || !controls.is_empty() && controls.iter().all(weak)
            || self.plan.scopes.activities.values().any(|criteria| criteria & 1 << position != 0)
            || !self.plan.manual.elsewhere && self.parts.own(self.itself(position)).is_some()
    }

    /// Number of the subject that is the criterion itself.
    fn itself(&self, position: usize) -> usize {
        (self.subjects.len() + position).saturating_sub(self.plan.criteria.len())
    }

    /// What people answer for: activities that a criterion of the profile needs, controls made `Manual`, and criteria that were
    /// attested themselves; in the order of the catalogue.
    #[must_use]
    pub fn activities(&self) -> Vec<ActivityStatus> {
        let people = self.answers().people;
        let row = |(number, subject)| self.activity(number, subject, people);
        self.subjects.iter().enumerate().filter_map(row).collect()
    }

    fn activity(&self, number: usize, subject: &Subject, needed: CriterionSet) -> Option<ActivityStatus> {
        let catalog = &self.plan.catalog.0;
        let (id, listed) = match &subject.thing {
            Thing::Activity(id) => (id.clone(), subject.criteria & needed != 0),
            Thing::Control(id) => (catalog.control(id).map_or(id, |control| &catalog.get(control).id).clone(), true),
            Thing::Criterion(id) => (id.clone(), !self.plan.manual.elsewhere && self.parts.own(number).is_some()),
        };
        if !listed {
            return None;
        }
        let of_subject = |position: &usize| subject.criteria & needed & 1 << position != 0;
        let positions: Vec<usize> = (0..self.plan.criteria.len()).filter(of_subject).collect();
        let part = if self.plan.manual.elsewhere {
            &ELSEWHERE
        } else {
            self.parts.shown(number, positions.iter().map(|position| self.itself(*position)))
        };
        let name = |position: &usize| Some(catalog.criteria().get(*self.plan.criteria.get(*position)?)?.id.clone());
        Some(ActivityStatus {
            id,
            criteria: positions.iter().filter_map(name).collect(),
            state: part.state,
            valid_until: part.valid_until.map(Time),
            overdue_at: part.overdue_at.map(Time),
            attestation: part.attestation.clone(),
            missing_accounts: part.missing,
        })
    }

    /// The activities as the status shows them, and how many more there are: of too many the worst stay.
    pub(super) fn activity_rows(&self) -> (Vec<ActivityStatus>, u32) {
        let mut rows = self.activities();
        let all = rows.len();
        if all > ACTIVITIES || bytes(&rows) > ACTIVITIES_BYTES {
            rows.sort_by_key(|row| row.state);
            let mut size = 0;
            let fits = |row: &&ActivityStatus| {
                size += bytes(row) + 1;
                size <= ACTIVITIES_BYTES
            };
            let kept = rows.iter().take(ACTIVITIES).take_while(fits).count();
            rows.truncate(kept);
        }
        let more = u32::try_from(all - rows.len()).unwrap_or(u32::MAX);
        (rows, more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pair of halves: the state, and what of people's part gives it (`*`).
    #[test]
    fn both_halves_come_to_what_the_worse_says() {
        use ManualState::{Attested, Due, NeverAttested, Overdue, PartlyAttested, TrackedElsewhere};
        let parts = [Attested, Due, PartlyAttested, NeverAttested, Overdue, TrackedElsewhere];
        let table = [
            // Nobody has to | Attested | Due | PartlyAttested | NeverAttested | Overdue | TrackedElsewhere
            (HalfState::Failed, "Failed", ["Failed"; 6]),
            (HalfState::Unknown, "Unknown", ["Unknown", "Unknown", "Unknown", "Failed*", "Failed*", "Unknown"]),
            (HalfState::Excepted, "Excepted", ["Excepted", "Excepted", "Unknown*", "Failed*", "Failed*", "Excepted"]),
            (HalfState::Passed, "Passed", ["Passed", "Passed", "Unknown*", "Failed*", "Failed*", "Passed"]),
            (
                HalfState::NotApplicable,
                "NotApplicable",
                ["Passed*", "Passed*", "Unknown*", "Failed*", "Failed*", "NotApplicable"],
            ),
            (
                HalfState::NotCovered,
                "Unknown NotCovered",
                ["Passed*", "Passed*", "Unknown*", "Failed*", "Failed*", "NotApplicable*"],
            ),
        ];
        for (technical, alone, with_people) in table {
            let words = |(state, reason): (State, Option<&str>)| format!("{state:?} {}", reason.unwrap_or_default());
            assert_eq!(words(both(technical, None)).trim_end(), alone, "{technical:?}");
            for (part, expected) in parts.into_iter().zip(with_people) {
                let expected = expected.replace('*', &format!(" {}", reason(part)));
                assert_eq!(words(both(technical, Some(part))).trim_end(), expected, "{technical:?} {part:?}");
            }
        }
    }
}
