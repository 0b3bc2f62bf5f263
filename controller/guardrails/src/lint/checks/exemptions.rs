//! Whom a Deny spares, by `aws:PrincipalArn`.

use super::operator::{Family, Operator};
use crate::lint::model::{Condition, Statement};
use crate::lint::patterns::{is_everything, is_open};
use crate::lint::rules::guardrail::{ASSUMED_ROLE_ARN, EXEMPTS_EVERYONE, OPEN_EXEMPTION};
use crate::lint::{Diagnostic, LintOptions};
use crate::pattern::{ARN_PARTS, covers};

/// Every role of every account of a partition.
const EVERY_ROLE: [&str; 3] = ["arn:aws:iam::*:role/*", "arn:aws-cn:iam::*:role/*", "arn:aws-us-gov:iam::*:role/*"];

pub(super) fn check(statement: &Statement, options: &LintOptions, found: &mut Vec<Diagnostic>) {
    for condition in statement.conditions.iter().filter(|found| found.key.eq_ignore_ascii_case("aws:PrincipalArn")) {
        let Some(operator) = Operator::parse(&condition.operator) else { continue };
        if !matches!(operator.family, Family::String | Family::Arn) {
            continue;
        }
        let exempts = statement.denies() && operator.negated && operator.wildcards;
        for (pointer, pattern) in condition.values.iter() {
            if is_session(pattern) {
                let message = format!("{pattern} is the ARN of a session, which aws:PrincipalArn never has");
                found.push(statement.finding(&ASSUMED_ROLE_ARN, pointer, message));
            } else if exempts {
                found.extend(exemption(statement, condition, options, pointer, pattern));
            }
        }
    }
}

fn exemption(
    statement: &Statement,
    condition: &Condition,
    options: &LintOptions,
    pointer: String,
    pattern: &str,
) -> Option<Diagnostic> {
    if exempts_everyone(pattern) {
        let message = format!("{} {pattern} exempts every role", condition.operator);
        return Some(statement.finding(&EXEMPTS_EVERYONE, pointer, message));
    }
    let resource = pattern.splitn(ARN_PARTS, ':').nth(ARN_PARTS - 1)?;
    let open = is_open(resource) && !options.protected_exemptions.iter().any(|known| known == resource);
    open.then(|| {
        let message = format!("whoever may create a principal that {pattern} matches is exempt");
        statement.finding(&OPEN_EXEMPTION, pointer, message)
    })
}

/// The ARN of a session of a role.
fn is_session(pattern: &str) -> bool {
    let mut parts = pattern.splitn(ARN_PARTS, ':');
    parts.nth(2) == Some("sts") && parts.nth(2).is_some_and(|resource| resource.starts_with("assumed-role/"))
}

/// Whether it matches all roles of a partition, if not more.
fn exempts_everyone(pattern: &str) -> bool {
    is_everything(pattern) || EVERY_ROLE.iter().any(|roles| covers(pattern, roles))
}

#[cfg(test)]
mod tests {
    use super::{exempts_everyone, is_session};

    #[test]
    fn exempt_patterns_of_everyone() {
        for (pattern, everyone) in [
            ("*", true),
            ("arn:*", true),
            ("arn:aws:iam::*:*", true),
            ("arn:*:iam::*:role/*", true),
            ("arn:aws:iam::*:role/?*", false),
            ("arn:aws:iam::111111111111:role/*", false),
            ("arn:aws:iam::*:user/*", false),
        ] {
            assert_eq!(exempts_everyone(pattern), everyone, "{pattern}");
        }
        assert!(is_session("arn:aws:sts::1:assumed-role/a/b") && !is_session("arn:aws:sts::1:federated-user/a"));
    }
}
