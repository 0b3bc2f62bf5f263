//! Which attestation decides at a moment, and what it comes to.

use std::sync::Arc;

use jiff::Timestamp;
use soc2_crds::ManualState;

use super::word::{HeardOf, Subject, Word};
use crate::assess::scope::CriterionSet;

/// How one thing that people answer for stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) state: ManualState,
    /// From then on it has to be done (again).
    pub(crate) valid_until: Option<Timestamp>,
    /// From then on it counts no longer.
    pub(crate) overdue_at: Option<Timestamp>,
    /// The attestation that decides.
    pub(crate) attestation: Option<String>,
    /// Accounts that it leaves out.
    pub(crate) missing: u32,
}

/// How everything that people answer for stands at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    /// By number of the subject: by attestations of its own; `None`: there is none.
    own: Vec<Option<Part>>,
    /// Where nothing was ever attested.
    never: Part,
    /// When time alone changes any of it.
    pub(crate) changes_at: Option<Timestamp>,
}

impl Part {
    fn of(heard: &HeardOf, word: &Word, now: Timestamp) -> Self {
        let state = if now >= heard.overdue_at {
            ManualState::Overdue
        } else if heard.missing > 0 {
            ManualState::PartlyAttested
        } else if now >= heard.valid_until {
            ManualState::Due
        } else {
            ManualState::Attested
        };
        Self {
            state,
            valid_until: Some(heard.valid_until),
            overdue_at: Some(heard.overdue_at),
            attestation: Some(word.key()),
            missing: heard.missing,
        }
    }

    /// Until `start_by` it is only due.
    fn never(start_by: Option<Timestamp>, now: Timestamp) -> Self {
        let early = start_by.filter(|start_by| now < *start_by);
        let state = if early.is_some() { ManualState::Due } else { ManualState::NeverAttested };
        Self { state, valid_until: None, overdue_at: early, attestation: None, missing: 0 }
    }
}

/// What is tracked in another system.
pub(crate) static ELSEWHERE: Part =
    Part { state: ManualState::TrackedElsewhere, valid_until: None, overdue_at: None, attestation: None, missing: 0 };

impl Parts {
    /// What the attestations come to at a moment: the newest that counts decides; of two of the same moment the first by key.
    pub(crate) fn new(subjects: &[Subject], words: &[Arc<Word>], start_by: Option<Timestamp>, now: Timestamp) -> Self {
        let mut newest: Vec<Option<(Timestamp, &Word, &HeardOf)>> = vec![None; subjects.len()];
        let mut changes: Vec<Timestamp> = start_by.into_iter().collect();
        for word in words {
            let Some(heard) = &word.heard else { continue };
            if heard.performed_at > now {
                changes.push(heard.performed_at);
                continue;
            }
            changes.extend([heard.valid_until, heard.overdue_at]);
            for of in &heard.subjects {
                let known = &mut newest[of.subject];
                if known.is_none_or(|(at, _, _)| heard.performed_at > at) {
                    *known = Some((heard.performed_at, word, of));
                }
            }
        }
        let decides = |known: Option<(Timestamp, &Word, &HeardOf)>| known.map(|(_, word, of)| Part::of(of, word, now));
        let deciding = newest.iter().flatten().flat_map(|(_, _, of)| [of.valid_until, of.overdue_at]);
        let changes_at = changes.into_iter().chain(deciding).filter(|moment| *moment > now).min();
        Self { own: newest.into_iter().map(decides).collect(), never: Part::never(start_by, now), changes_at }
    }

    /// How a subject stands by attestations of its own; `None`: there is none.
    pub(crate) fn own(&self, subject: usize) -> Option<&Part> {
        self.own.get(subject)?.as_ref()
    }

    /// How a criterion's half of people stands: the worst over what people do for it. An attestation of the criterion itself
    /// stands for each that has none of its own, and where nothing is done for it. `itself` is the criterion's own number.
    pub(crate) fn criterion(&self, subjects: &[Subject], bit: CriterionSet, itself: usize) -> &Part {
        let otherwise = self.own(itself).unwrap_or(&self.never);
        let done =
            subjects.iter().enumerate().filter(|(number, subject)| *number != itself && subject.criteria & bit != 0);
        let parts = done.map(|(number, _)| self.own(number).unwrap_or(otherwise));
        parts.min_by_key(|part| part.state).unwrap_or(otherwise)
    }

    /// How a subject is shown: by its own attestation, else by those of its criteria, the worst of them.
    pub(crate) fn shown(&self, number: usize, criteria: impl Iterator<Item = usize>) -> &Part {
        let inherited = || criteria.map(|itself| self.own(itself).unwrap_or(&self.never)).min_by_key(|part| part.state);
        self.own(number).or_else(inherited).unwrap_or(&self.never)
    }
}
