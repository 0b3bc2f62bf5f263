//! Limits on Regions.

use super::effects;
use super::operator::{Family, Operator};
use crate::lint::Diagnostic;
use crate::lint::model::{Clause, Condition, Statement};
use crate::lint::patterns::{overlap, without_variables};
use crate::lint::regions;
use crate::lint::rules::guardrail::REGION_DENY_FORGETS_GLOBAL_SERVICES;
use crate::pattern;

pub(super) fn check(statement: &Statement, found: &mut Vec<Diagnostic>) {
    let (Some(actions), Some(resources)) = (&statement.actions, &statement.resources) else { return };
    if !statement.denies() || !effects::matches_everything(resources) {
        return;
    }
    for condition in statement.conditions.iter().filter(|condition| limits_regions(condition)) {
        let forgotten: Vec<&str> = regions::needed_global_services()
            .filter(|(service, region)| is_outside(condition, region) && is_denied(actions, service))
            .map(|(service, _)| service)
            .collect();
        if !forgotten.is_empty() {
            let message = format!("also denies {}, which are only in us-east-1", forgotten.join(", "));
            let pointer = condition.values.pointer.as_str();
            found.push(statement.finding(&REGION_DENY_FORGETS_GLOBAL_SERVICES, pointer, message));
        }
    }
}

/// Whether a condition holds outside of some Regions of the commercial partition.
fn limits_regions(condition: &Condition) -> bool {
    let negated = Operator::parse(&condition.operator).is_some_and(|op| op.negated && op.family == Family::String);
    let values = &condition.values.items;
    negated
        && condition.key.eq_ignore_ascii_case("aws:RequestedRegion")
        && (values.is_empty() || values.iter().any(|value| regions::may_be_commercial(value)))
}

/// Whether a Region is none of those that the condition spares.
fn is_outside(condition: &Condition, region: &str) -> bool {
    let mut spared = condition.values.items.iter().map(|value| without_variables(value));
    !spared.any(|value| pattern::matches_ignore_case(&value, region))
}

/// Whether a statement is about a service as a whole. One action of it in `NotAction` shows that somebody has thought of it.
fn is_denied(actions: &Clause, service: &str) -> bool {
    let named = actions.patterns.items.iter().any(|action| {
        let folded = action.to_ascii_lowercase();
        let prefix = folded.split_once(':').map_or(folded.as_str(), |(prefix, _)| prefix);
        overlap(prefix, service)
    });
    named != actions.negated
}
