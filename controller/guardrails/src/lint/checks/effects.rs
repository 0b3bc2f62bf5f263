//! What a statement does as a whole.

use super::conditions::always_holds;
use crate::document::Effect;
use crate::lint::Diagnostic;
use crate::lint::model::{Clause, Statement};
use crate::lint::patterns::is_everything;
use crate::lint::rules::statement::{ALLOW_NOT_ACTION, ALLOW_STATEMENT, DENY_ALL_BUT, DENY_EVERYTHING};

pub(super) fn check(statement: &Statement, found: &mut Vec<Diagnostic>) {
    let (Some(effect), Some(actions), Some(resources)) = (statement.effect, &statement.actions, &statement.resources)
    else {
        return;
    };
    let everywhere = matches_everything(resources);
    let unconditional = statement.conditions.iter().all(always_holds);
    let pointer = statement.pointer.as_str();
    match effect {
        Effect::Deny if !(everywhere && unconditional) => {}
        Effect::Deny if matches_everything(actions) => {
            let message = if statement.conditions.is_empty() {
                "denies every action on every resource to everyone, without a condition"
            } else {
                "denies every action on every resource to everyone: its conditions always hold"
            };
            found.push(statement.finding(&DENY_EVERYTHING, pointer, message));
        }
        Effect::Deny if actions.negated => {
            let message = "denies all actions but those named, to everyone, without a condition";
            found.push(statement.finding(&DENY_ALL_BUT, pointer, message));
        }
        Effect::Deny => {}
        Effect::Allow if actions.negated => {
            let message = "allows all actions but those named, whatever AWS adds";
            found.push(statement.finding(&ALLOW_NOT_ACTION, pointer, message));
        }
        Effect::Allow if matches_everything(actions) && everywhere && statement.conditions.is_empty() => {}
        Effect::Allow => {
            let message = "an Allow grants nothing, and beside FullAWSAccess it has no effect";
            found.push(statement.finding(&ALLOW_STATEMENT, pointer, message));
        }
    }
}

/// Whether a list matches whatever there is.
pub(super) fn matches_everything(clause: &Clause) -> bool {
    !clause.negated && clause.patterns.items.iter().any(|pattern| is_everything(pattern) || pattern == "*:*")
}
