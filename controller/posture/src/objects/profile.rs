//! An assessment as the conditions of its profile.

use super::conditions::Fact;
use crate::assess::{Assessment, ConditionFact, SpecError};

/// What the conditions of an assessed profile say.
#[must_use]
pub fn facts(assessment: &Assessment) -> Vec<Fact> {
    let mut facts: Vec<Fact> = assessment.conditions().into_iter().map(fact).collect();
    facts.push(Fact::yes("Ready", "Assessed", "the accounts are assessed; Compliant says how they stand"));
    facts
}

/// What the conditions of a profile say that cannot be assessed.
#[must_use]
pub fn refused(error: &SpecError) -> Vec<Fact> {
    let (reason, message) = (error.reason(), error.to_string());
    vec![
        Fact::no("Ready", reason, message.clone()),
        Fact::yes("Stalled", reason, message.clone()),
        Fact::unknown("Compliant", reason, message.clone()),
        Fact::no("DataComplete", reason, message),
    ]
}

fn fact(found: ConditionFact) -> Fact {
    let ConditionFact { type_, status, reason, message } = found;
    Fact { type_, status: status.as_str(), reason, message }
}
