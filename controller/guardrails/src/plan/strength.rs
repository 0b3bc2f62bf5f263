//! Whether one document denies at least what another does. Careful: what cannot be shown counts as less.

use crate::condition::Condition;
use crate::document::{Clause, Document, Effect, Statement};
use crate::pattern;

/// Whether everything that `before` denies is surely denied by `after` too.
pub(crate) fn still_denies(after: &Document, before: &Document) -> bool {
    let same_language = after.has_variables() == before.has_variables();
    let denies = |document: &Document| {
        document.statements().iter().filter(|statement| statement.effect == Effect::Deny).cloned().collect::<Vec<_>>()
    };
    let after = denies(after);
    same_language && denies(before).iter().all(|old| after.iter().any(|new| covers(new, old)))
}

/// Whether `new` surely applies wherever `old` does.
fn covers(new: &Statement, old: &Statement) -> bool {
    new.unknown.is_empty()
        && old.unknown.is_empty()
        && clause_covers(&new.actions, &old.actions, action_covers)
        && clause_covers(&new.resources, &old.resources, resource_covers)
        && new.conditions.iter().all(|wide| old.conditions.iter().any(|narrow| condition_covers(wide, narrow)))
}

fn clause_covers(new: &Clause, old: &Clause, pattern_covers: fn(&str, &str) -> bool) -> bool {
    let within = |inner: &[String], outer: &[String]| {
        inner.iter().all(|narrow| outer.iter().any(|wide| pattern_covers(wide, narrow)))
    };
    match (new.negated, old.negated) {
        (false, false) => within(&old.patterns, &new.patterns),
        // Fewer exceptions: each new one was within an old one.
        (true, true) => within(&new.patterns, &old.patterns),
        (false, true) => new.patterns.iter().any(|pattern| pattern == "*"),
        (true, false) => false,
    }
}

fn action_covers(wide: &str, narrow: &str) -> bool {
    let (wide, narrow) = (wide.to_ascii_lowercase(), narrow.to_ascii_lowercase());
    wide == narrow || (!wide.contains('?') && pattern::covers(&wide, &narrow))
}

/// Wildcards of resources keep to their part of the ARN, except one at the end.
fn resource_covers(wide: &str, narrow: &str) -> bool {
    let prefix = wide.strip_suffix('*').filter(|prefix| !prefix.contains(['*', '?']));
    wide == narrow || prefix.is_some_and(|prefix| narrow.starts_with(prefix))
}

/// Whether `wide` surely holds wherever `narrow` does.
fn condition_covers(wide: &Condition, narrow: &Condition) -> bool {
    if !wide.operator.eq_ignore_ascii_case(&narrow.operator) || !wide.key.eq_ignore_ascii_case(&narrow.key) {
        return false;
    }
    let all_in = |inner: &[String], outer: &[String]| inner.iter().all(|value| outer.contains(value));
    let same = all_in(&wide.values, &narrow.values) && all_in(&narrow.values, &wide.values);
    let operator = wide.operator.to_ascii_lowercase();
    // With a quantifier, more values do not always mean that it holds more often.
    let plain = !operator.contains(':') && operator != "null";
    let more = if operator.contains("not") {
        all_in(&wide.values, &narrow.values)
    } else {
        all_in(&narrow.values, &wide.values)
    };
    same || (plain && more && !wide.values.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(statement: &str) -> Document {
        Document::parse(&format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#)).unwrap()
    }

    #[test]
    fn what_denies_less_is_found() {
        let exempt = |principals: &str| {
            format!(
                r#"{{"Effect":"Deny","Action":"config:Stop*","Resource":"*","Condition":{{"ArnNotLike":{{"aws:PrincipalArn":[{principals}]}}}}}}"#
            )
        };
        let (one, two) = (exempt(r#""arn:a""#), exempt(r#""arn:a","arn:b""#));
        let plain = r#"{"Effect":"Deny","Action":["a:B","c:D"],"Resource":"*"}"#;
        for (after, before, expected) in [
            (plain, plain, true),
            (r#"{"Effect":"Deny","Action":["A:b","c:*"],"Resource":"*"}"#, plain, true),
            (r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#, plain, true),
            (r#"{"Effect":"Deny","Action":"a:B","Resource":"*"}"#, plain, false),
            (
                r#"{"Effect":"Deny","Action":["a:?","c:D"],"Resource":"*"}"#,
                r#"{"Effect":"Deny","Action":"a:*","Resource":"*"}"#,
                false,
            ),
            (r#"{"Effect":"Deny","Action":["a:B","c:D"],"Resource":"arn:x"}"#, plain, false),
            (r#"{"Effect":"Allow","Action":["a:B","c:D"],"Resource":"*"}"#, plain, false),
            // An exempt principal more is less protection, one less is more.
            (&two, &one, false),
            (&one, &two, true),
            (plain, &one, false),
            (r#"{"Effect":"Deny","Action":"config:Stop*","Resource":"*"}"#, &one, true),
            (&one, r#"{"Effect":"Deny","Action":"config:Stop*","Resource":"*"}"#, false),
            (
                r#"{"Effect":"Deny","NotAction":"iam:*","Resource":"*"}"#,
                r#"{"Effect":"Deny","NotAction":["iam:*","s3:*"],"Resource":"*"}"#,
                true,
            ),
            (
                r#"{"Effect":"Deny","NotAction":["iam:*","s3:*"],"Resource":"*"}"#,
                r#"{"Effect":"Deny","NotAction":"iam:*","Resource":"*"}"#,
                false,
            ),
            (
                r#"{"Effect":"Deny","Action":"a:B","Resource":"arn:aws:s3:::logs*"}"#,
                r#"{"Effect":"Deny","Action":"a:B","Resource":"arn:aws:s3:::logs-1/*"}"#,
                true,
            ),
            (
                r#"{"Effect":"Deny","Action":"a:B","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-west-1","us-east-1"]}}}"#,
                r#"{"Effect":"Deny","Action":"a:B","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"eu-west-1"}}}"#,
                false,
            ),
        ] {
            assert_eq!(still_denies(&document(after), &document(before)), expected, "{after} after {before}");
        }
    }
}
