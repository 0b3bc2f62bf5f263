//! An assessment as the conditions of its profile.

use super::conditions::Fact;
use crate::assess::{Assessment, ConditionFact};

/// What the conditions of an assessed profile say.
#[must_use]
pub fn facts(assessment: &Assessment) -> Vec<Fact> {
    let mut facts: Vec<Fact> = assessment.conditions().into_iter().map(fact).collect();
    facts.push(Fact::yes("Ready", "Assessed", "the accounts are assessed; Compliant says how they stand"));
    facts
}

fn fact(found: ConditionFact) -> Fact {
    let ConditionFact { type_, status, reason, message } = found;
    Fact { type_, status: status.as_str(), reason, message }
}
