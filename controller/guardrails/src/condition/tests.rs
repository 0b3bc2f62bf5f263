use std::collections::BTreeMap;

use super::*;
use crate::evaluate::Request;

const TRUE: Truth = Truth::True;
const FALSE: Truth = Truth::False;
const UNKNOWN: Truth = Truth::Unknown;

/// `None`: the key is not there.
fn holds(operator: &str, values: &[&str], found: Option<&[&str]>) -> Truth {
    let context = found.map(|found| ("aws:Key".to_owned(), found.iter().map(ToString::to_string).collect::<Vec<_>>()));
    let context: BTreeMap<String, Vec<String>> = context.into_iter().collect();
    check(operator, values, &context, false).0
}

/// The same where keys may be unknown, and what AWS does not define is not known.
fn careful(operator: &str, values: &[&str], found: &[&str]) -> Truth {
    let context = [("aws:Key".to_owned(), found.iter().map(ToString::to_string).collect::<Vec<_>>())].into();
    check(operator, values, &context, true).0
}

fn check(
    operator: &str,
    values: &[&str],
    context: &BTreeMap<String, Vec<String>>,
    unknown_context: bool,
) -> (Truth, Vec<String>) {
    let values = values.iter().map(ToString::to_string).collect();
    let condition = Condition { operator: operator.to_owned(), key: "aws:key".to_owned(), values };
    let principal = Some("arn:aws:iam::111111111111:role/team/admin");
    let request = Request { principal, action: "s3:GetObject", resource: "*", context, unknown_context };
    let mut missing = Vec::new();
    (Test::new(&condition, true).holds(&Call::new(&request), &mut missing), missing)
}

#[test]
fn one_value() {
    for (operator, wanted, found, expected) in [
        ("StringEquals", "a", "a", TRUE),
        ("StringEquals", "a", "A", FALSE),
        ("StringEquals", "a*", "ab", FALSE),
        ("StringNotEquals", "a", "b", TRUE),
        ("StringEqualsIgnoreCase", "a", "A", TRUE),
        ("StringNotEqualsIgnoreCase", "a", "A", FALSE),
        ("StringEqualsIgnoreCase", "ä", "Ä", UNKNOWN),
        ("StringLike", "a*", "ab", TRUE),
        ("StringNotLike", "a*", "ab", FALSE),
        ("ArnLike", "arn:aws:iam::*:role/a*", "arn:aws:iam::1:role/admin", TRUE),
        ("ArnEquals", "arn:aws:iam::*:role/a*", "arn:aws:iam::1:role/admin", TRUE),
        ("ArnNotLike", "arn:aws:iam::*:role/a*", "arn:aws:iam::1:role/admin", FALSE),
        ("ArnNotEquals", "arn:aws:iam::2:role/a", "arn:aws:iam::1:role/a", TRUE),
        ("ArnLike", "*", "arn:aws:iam::1:role/admin", UNKNOWN),
        ("NumericEquals", "10", "10.0", TRUE),
        ("NumericNotEquals", "10", "11", TRUE),
        ("NumericEquals", "0.5", ".50", TRUE),
        ("NumericLessThan", "-1.5", "-1.75", TRUE),
        ("NumericLessThan", "10", "9", TRUE),
        ("NumericLessThan", "10", "10", FALSE),
        ("NumericLessThanEquals", "10", "10", TRUE),
        ("NumericGreaterThan", "10", "11", TRUE),
        ("NumericGreaterThanEquals", "10", "9", FALSE),
        ("NumericEquals", "10", "ten", UNKNOWN),
        ("NumericEquals", "10", "inf", UNKNOWN),
        ("DateLessThan", "2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z", TRUE),
        ("DateEquals", "2026-01-01", "1767225600", TRUE),
        ("DateGreaterThan", "2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00Z", FALSE),
        ("DateGreaterThanEquals", "2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00Z", TRUE),
        ("DateEquals", "2026-01", "2026-01-01T00:00:00Z", TRUE),
        ("DateEquals", "2026", "2026-01-01T00:00Z", TRUE),
        ("DateEquals", "2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00.500Z", TRUE),
        ("DateNotEquals", "2026-01-01", "2026-01-02", TRUE),
        ("DateLessThanEquals", "tomorrow", "2026-01-02", UNKNOWN),
        ("Bool", "true", "True", TRUE),
        ("Bool", "false", "true", FALSE),
        ("Bool", "true", "yes", UNKNOWN),
        ("IpAddress", "10.0.0.0/8", "10.1.2.3", TRUE),
        ("IpAddress", "10.0.0.0/8", "11.1.2.3", FALSE),
        ("IpAddress", "10.0.0.1", "10.0.0.1", TRUE),
        ("IpAddress", "0.0.0.0/0", "10.0.0.1", TRUE),
        ("IpAddress", "2001:db8::/32", "2001:db8::1", TRUE),
        ("IpAddress", "::/0", "2001:db8::1", TRUE),
        ("IpAddress", "10.0.0.0/8", "2001:db8::1", FALSE),
        ("IpAddress", "10.0.0.0/33", "10.0.0.0", UNKNOWN),
        ("NotIpAddress", "10.0.0.0/8", "10.1.2.3", FALSE),
        ("BinaryEquals", "QQ==", "QQ==", TRUE),
        ("BinaryEquals", "QQ==", "QUE=", FALSE),
        ("BinaryEquals", "?", "QQ==", UNKNOWN),
        ("StringResembles", "a", "a", UNKNOWN),
        ("ForSomeValues:StringEquals", "a", "a", UNKNOWN),
        ("stringequals", "a", "a", UNKNOWN),
    ] {
        assert_eq!(careful(operator, &[wanted], &[found]), expected, "{operator} {wanted} on {found}");
        if expected != UNKNOWN {
            assert_eq!(holds(operator, &[wanted], Some(&[found])), expected, "{operator} {wanted} on {found}");
        }
    }
}

/// Where all keys are known there has to be an answer: what cannot be read matches nothing.
#[test]
fn one_value_that_cannot_be_read() {
    for (operator, wanted, found, expected) in [
        ("StringEqualsIgnoreCase", "ä", "Ä", TRUE),
        ("ArnLike", "*", "arn:aws:iam::1:role/admin", FALSE),
        ("ArnNotLike", "*", "arn:aws:iam::1:role/admin", TRUE),
        ("NumericEquals", "10", "ten", FALSE),
        ("NumericNotEquals", "10", "ten", TRUE),
        ("DateLessThanEquals", "tomorrow", "2026-01-02", FALSE),
        ("Bool", "true", "yes", FALSE),
        ("IpAddress", "10.0.0.0/33", "10.0.0.0", FALSE),
        ("NotIpAddress", "10.0.0.0/33", "10.0.0.0", TRUE),
        ("BinaryEquals", "QQ==", "?", FALSE),
        // What AWS does not have stays unknown: it would not take the policy.
        ("StringResembles", "a", "a", UNKNOWN),
        ("BinaryNotEquals", "QQ==", "QQ==", UNKNOWN),
    ] {
        assert_eq!(holds(operator, &[wanted], Some(&[found])), expected, "{operator} {wanted} on {found}");
    }
}

#[test]
fn any_of_several_wanted_values_matches_and_none_must_for_the_negated() {
    assert_eq!(holds("StringEquals", &["a", "b"], Some(&["b"])), TRUE);
    assert_eq!(holds("StringNotEquals", &["a", "b"], Some(&["b"])), FALSE);
    assert_eq!(holds("StringNotEquals", &["a", "b"], Some(&["c"])), TRUE);
    assert_eq!(careful("NumericEquals", &["x", "1"], &["1"]), TRUE, "what cannot be read does not matter then");
    assert_eq!(careful("NumericEquals", &["x", "1"], &["2"]), UNKNOWN);
    assert_eq!(holds("NumericEquals", &["x", "1"], Some(&["2"])), FALSE);
    assert_eq!(careful("StringEquals", &[], &["a"]), UNKNOWN);
    assert_eq!(holds("StringEquals", &[], Some(&["a"])), FALSE);
    assert_eq!(holds("StringNotEquals", &[], Some(&["a"])), TRUE);
}

#[test]
fn a_key_that_is_absent() {
    for (operator, expected) in [
        ("StringEquals", FALSE),
        ("StringNotEquals", TRUE),
        ("ArnNotLike", TRUE),
        ("NotIpAddress", TRUE),
        ("Bool", FALSE),
        ("NumericLessThan", FALSE),
        ("StringEqualsIfExists", TRUE),
        ("BoolIfExists", TRUE),
        ("StringNotEqualsIfExists", TRUE),
        ("ForAllValues:StringEquals", TRUE),
        ("ForAllValues:StringNotEquals", TRUE),
        ("ForAnyValue:StringEquals", FALSE),
        ("ForAnyValue:StringNotEquals", FALSE),
        ("ForAllValues:StringEqualsIfExists", TRUE),
        // The page of `IfExists` says that the element is true then, with any operator before it.
        ("ForAnyValue:StringEqualsIfExists", TRUE),
    ] {
        assert_eq!(holds(operator, &["a"], None), expected, "{operator}");
        assert_eq!(holds(operator, &["a"], Some(&[])), expected, "{operator} without a value");
    }
}

#[test]
fn null_asks_whether_the_key_is_there() {
    assert_eq!(holds("Null", &["true"], None), TRUE);
    assert_eq!(holds("Null", &["true"], Some(&["a"])), FALSE);
    assert_eq!(holds("Null", &["false"], None), FALSE);
    assert_eq!(holds("Null", &["false"], Some(&["a"])), TRUE);
    assert_eq!(holds("Null", &["true"], Some(&[])), TRUE);
    assert_eq!(holds("Null", &["maybe"], None), FALSE);
    assert_eq!(careful("Null", &["maybe"], &["a"]), UNKNOWN);
    assert_eq!(holds("NullIfExists", &["true"], None), UNKNOWN);
}

#[test]
fn several_values_in_the_request() {
    let tags: Option<&[&str]> = Some(&["env", "team"]);
    for (operator, wanted, expected) in [
        ("ForAllValues:StringEquals", ["env", "team"], TRUE),
        ("ForAllValues:StringEquals", ["env", "owner"], FALSE),
        ("ForAnyValue:StringEquals", ["env", "owner"], TRUE),
        ("ForAnyValue:StringEquals", ["cost", "owner"], FALSE),
        ("ForAllValues:StringNotEquals", ["cost", "owner"], TRUE),
        ("ForAllValues:StringNotEquals", ["env", "owner"], FALSE),
        ("ForAnyValue:StringNotEquals", ["env", "owner"], TRUE),
        ("ForAnyValue:StringNotEquals", ["env", "team"], FALSE),
        ("ForAnyValue:StringLike", ["e*", "x"], TRUE),
        // Without a quantifier where all values agree.
        ("StringEquals", ["env", "team"], TRUE),
        ("StringEquals", ["cost", "owner"], FALSE),
    ] {
        assert_eq!(holds(operator, &wanted, tags), expected, "{operator} {wanted:?}");
        assert_eq!(careful(operator, &wanted, &["env", "team"]), expected, "{operator} {wanted:?}");
    }
    // Where they do not, AWS does not define it: not known, or one that matches is enough if there has to be an answer.
    for (operator, expected) in [("StringEquals", TRUE), ("StringNotEquals", FALSE)] {
        assert_eq!(careful(operator, &["env", "owner"], &["env", "team"]), UNKNOWN);
        assert_eq!(holds(operator, &["env", "owner"], tags), expected, "{operator}");
    }
}

#[test]
fn what_is_not_known_is_named() {
    let nothing = BTreeMap::new();
    for operator in ["StringEquals", "StringNotEquals", "StringEqualsIfExists", "ForAllValues:StringLike", "Null"] {
        let (truth, missing) = check(operator, &["true"], &nothing, true);
        assert_eq!((truth, missing), (UNKNOWN, vec!["aws:key".to_owned()]), "{operator}");
    }
    let (truth, missing) = check("Resembles", &["a"], &nothing, false);
    assert_eq!(truth, UNKNOWN);
    assert_eq!(missing, ["aws:key (Resembles is an operator that is not known)"]);
}

#[test]
fn variables_are_put_in() {
    let context: BTreeMap<String, Vec<String>> = [
        ("aws:key".to_owned(), vec!["home/bob*".to_owned()]),
        ("aws:username".to_owned(), vec!["bob*".to_owned()]),
        ("aws:TagKeys".to_owned(), vec!["a".to_owned(), "b".to_owned()]),
    ]
    .into();
    for (operator, wanted, unknown_context, expected) in [
        ("StringEquals", "home/${aws:username}", false, TRUE),
        ("StringEquals", "home/${AWS:UserName}", false, TRUE),
        ("StringLike", "home/${aws:username}", false, TRUE),
        ("StringLike", "h*/bob${*}", false, TRUE),
        ("StringEquals", "home/${aws:none, 'bob'}*", false, TRUE),
        ("StringEquals", "home/${aws:none}", false, FALSE),
        ("StringNotEquals", "home/${aws:none}", false, TRUE),
        ("StringEquals", "home/${aws:none}", true, UNKNOWN),
        ("StringEquals", "home/${aws:TagKeys}", true, UNKNOWN),
        ("StringEquals", "home/${aws:TagKeys}", false, FALSE),
        ("StringNotEquals", "home/${aws:TagKeys}", false, TRUE),
        ("StringEquals", "home/${aws:username", false, FALSE),
    ] {
        assert_eq!(check(operator, &[wanted], &context, unknown_context).0, expected, "{operator} {wanted}");
    }
    let (_, missing) = check("StringEquals", &["${aws:none}"], &context, true);
    assert_eq!(missing, ["aws:none"]);
    // A `*` that comes from a variable is just a `*`.
    let context = BTreeMap::from([
        ("aws:key".to_owned(), vec!["home/bobby".to_owned()]),
        ("aws:username".to_owned(), vec!["bob*".to_owned()]),
    ]);
    assert_eq!(check("StringLike", &["home/${aws:username}"], &context, false).0, FALSE);
}

#[test]
fn what_follows_from_the_principal() {
    let key = |key: &str, principal: &str, unknown_context| {
        let context = BTreeMap::new();
        let request = Request {
            principal: Some(principal),
            action: "s3:GetObject",
            resource: "*",
            context: &context,
            unknown_context,
        };
        match Call::new(&request).values(&Key::new(key)) {
            Values::Unknown => "unknown".to_owned(),
            Values::Absent => "absent".to_owned(),
            Values::One(value) => value.to_owned(),
            Values::Many(values) => values.join(" "),
        }
    };
    let session = "arn:aws:sts::111111111111:assumed-role/admin/me";
    assert_eq!(key("aws:principalarn", "arn:aws:iam::111111111111:user/a", true), "arn:aws:iam::111111111111:user/a");
    assert_eq!(key("aws:PrincipalArn", session, false), "arn:aws:iam::111111111111:role/admin");
    assert_eq!(key("aws:PrincipalArn", session, true), "unknown", "the role's path is not known");
    assert_eq!(key("aws:PrincipalAccount", session, true), "111111111111");
    assert_eq!(key("aws:PrincipalOrgID", session, true), "unknown");
    assert_eq!(key("aws:PrincipalOrgID", session, false), "absent");
}
