//! The checks of an account one by one, from the object that holds them by state.

use std::collections::BTreeMap;

use soc2_crds::{AccountPosture, State};

/// One control of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check<'a> {
    /// The control.
    pub control: &'a str,
    /// Its state.
    pub state: State,
    /// Why.
    pub reason: &'a str,
    /// In words; empty where there is nothing to say.
    pub message: &'a str,
    /// A resource that fails.
    pub resource: Option<&'a str>,
    /// Criteria that it answers for, where the object says so.
    pub criteria: &'a [String],
    /// Resources that fail.
    pub failed: u32,
}

/// The checks of an account, in order of their controls.
#[must_use]
pub fn checks<'a>(posture: &'a AccountPosture) -> Vec<Check<'a>> {
    let content = &posture.spec;
    let blank = |control: &'a str, state, reason: &'a str| Check {
        control,
        state,
        reason,
        message: "",
        resource: None,
        criteria: &[],
        failed: 0,
    };
    let mut found: BTreeMap<&'a str, Check<'a>> = BTreeMap::new();
    let mut add = |check: Check<'a>| {
        found.insert(check.control, check);
    };
    for row in &content.controls {
        add(Check {
            message: &row.message,
            resource: row.resources.sample.as_deref(),
            criteria: &row.criteria,
            failed: row.resources.failed,
            ..blank(&row.id, row.state, &row.reason)
        });
    }
    let more = content.more.iter();
    for id in more.clone().flat_map(|more| &more.failed) {
        add(blank(id, State::Failed, "FindingsFailed"));
    }
    for id in more.flat_map(|more| &more.excepted) {
        add(blank(id, State::Excepted, "Excepted"));
    }
    for group in &content.unknown {
        for id in &group.controls {
            add(Check { message: &group.message, ..blank(id, State::Unknown, &group.reason) });
        }
    }
    content.passed.iter().for_each(|id| add(blank(id, State::Passed, "FindingsPassed")));
    content.nothing_to_check.iter().for_each(|id| add(blank(id, State::Passed, "NothingToCheck")));
    for group in &content.not_applicable {
        for id in &group.controls {
            add(blank(id, State::NotApplicable, &group.reason));
        }
    }
    found.into_values().collect()
}
