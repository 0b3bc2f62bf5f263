//! Whether a statement surely leaves alone everybody whom a pattern of principals matches.

use crate::condition::Condition;
use crate::document::Statement;
use crate::pattern::{covers, covers_arn};

/// The six parts of an ARN.
const PARTS: usize = 6;

/// Whether a Deny surely does not apply to any principal that `principal` (an ARN with wildcards) matches.
pub(super) fn surely_spares(statement: &Statement, principal: &str) -> bool {
    statement.conditions.iter().any(|condition| fails_for(condition, principal))
}

/// Whether the condition surely fails for every such principal. Only `aws:PrincipalArn` tells who calls; other keys
/// (`aws:userid`, `aws:SourceArn`, a tag) may have any value.
fn fails_for(condition: &Condition, principal: &str) -> bool {
    if !condition.key.eq_ignore_ascii_case("aws:PrincipalArn") || condition.values.iter().any(|v| v.contains("${")) {
        return false;
    }
    let operator = condition.operator.to_ascii_lowercase();
    let values = &condition.values;
    // An exemption that counts characters is more likely a mistake than meant: it is taken only word for word.
    let plain = |value: &String| value == principal || !value.contains('?');
    match operator.strip_suffix("ifexists").unwrap_or(&operator) {
        "arnnotlike" | "arnnotequals" => values.iter().any(|value| plain(value) && covers_arn(value, principal)),
        "stringnotlike" => values.iter().any(|value| plain(value) && covers(value, principal)),
        "stringnotequals" => values.iter().any(|value| value == principal && !principal.contains(['*', '?'])),
        "arnlike" | "arnequals" | "stringlike" | "stringequals" => {
            !values.is_empty() && values.iter().all(|value| apart(value, principal))
        }
        _ => false,
    }
}

/// Whether no ARN matches both: in some part what is before the first wildcard, or behind the last one, differs.
fn apart(one: &str, other: &str) -> bool {
    let (one, other): (Vec<&str>, Vec<&str>) = (split(one), split(other));
    one.len() == PARTS && other.len() == PARTS && one.iter().zip(&other).any(|(one, other)| parts_apart(one, other))
}

fn parts_apart(one: &str, other: &str) -> bool {
    let wild = |text: &str| text.contains(['*', '?']);
    let head = |text: &str| text.split(['*', '?']).next().unwrap_or_default().to_owned();
    let tail = |text: &str| text.rsplit(['*', '?']).next().unwrap_or_default().to_owned();
    if !wild(one) && !wild(other) {
        return one != other;
    }
    let clash = |a: &str, b: &str, fits: fn(&str, &str) -> bool| !fits(a, b) && !fits(b, a);
    clash(&head(one), &head(other), |a, b| a.starts_with(b)) || clash(&tail(one), &tail(other), |a, b| a.ends_with(b))
}

fn split(arn: &str) -> Vec<&str> {
    arn.splitn(PARTS, ':').collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    fn spares(condition: &str, principal: &str) -> bool {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","NotAction":"sts:*","Resource":"*","Condition":{condition}}}]}}"#
        );
        surely_spares(&Document::parse(&text).unwrap().statements()[0], principal)
    }

    #[test]
    fn only_what_surely_exempts_counts() {
        const GLASS: &str = "arn:aws:iam::*:role/BreakGlass";
        for (condition, principal, expected) in [
            (r#"{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/BreakGlass"}}"#, GLASS, true),
            (r#"{"ArnNotLikeIfExists":{"AWS:principalarn":["arn:x","arn:aws:iam::*:role/Break*"]}}"#, GLASS, true),
            (r#"{"StringNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/BreakGlass"}}"#, GLASS, true),
            // A pattern that almost matches.
            (r#"{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/BreakGlas?"}}"#, GLASS, false),
            (r#"{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/breakglass"}}"#, GLASS, false),
            (r#"{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/BreakGlass"}}"#, GLASS, false),
            (r#"{"ArnNotLike":{"aws:PrincipalArn":"arn:aws-cn:iam::*:role/BreakGlass"}}"#, GLASS, false),
            (r#"{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:sts::*:assumed-role/BreakGlass/*"}}"#, GLASS, false),
            (
                r#"{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/BreakGlass-?"}}"#,
                "arn:aws:iam::*:role/BreakGlass-*",
                false,
            ),
            (r#"{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/*"}}"#, GLASS, true),
            (r#"{"StringNotEquals":{"aws:PrincipalArn":"arn:aws:iam::*:role/BreakGlass"}}"#, GLASS, false),
            // The wrong key, the wrong operator, a variable.
            (r#"{"ArnNotLike":{"aws:SourceArn":"arn:aws:iam::*:role/BreakGlass"}}"#, GLASS, false),
            (r#"{"StringNotLike":{"aws:userid":"*:BreakGlass"}}"#, GLASS, false),
            (r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/BreakGlass"}}"#, GLASS, false),
            (r#"{"ForAllValues:ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/BreakGlass"}}"#, GLASS, false),
            (r#"{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/${aws:username}"}}"#, GLASS, false),
            // A Deny for others only.
            (r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:root"}}"#, GLASS, true),
            (r#"{"ArnLike":{"aws:PrincipalArn":["arn:aws:iam::*:root","arn:aws:iam::*:role/B*"]}}"#, GLASS, false),
            (r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/Dev*"}}"#, GLASS, true),
            (r#"{"ArnLike":{"aws:PrincipalArn":"*"}}"#, GLASS, false),
        ] {
            assert_eq!(spares(condition, principal), expected, "{condition} for {principal}");
        }
    }
}
