//! Decisions against an independent evaluator, on documents and calls that are drawn at random.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use soc2_guardrails::{Document, Level, LevelPolicy, Request, Verdict, explain, verdict};

use crate::oracle;

const DEV: &str = "arn:aws:iam::222222222222:role/team/dev";
const LINKED: &str = "arn:aws:iam::222222222222:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX";

fn pick(values: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(values).prop_map(str::to_owned)
}

fn action_pattern() -> impl Strategy<Value = String> {
    pick(&[
        "*",
        "s3:*",
        "S3:get*",
        "*Object",
        "s3:GetObject",
        "s?:PutObject",
        "ec2:Run*",
        "ec2:RunInstances",
        "*:*",
        "s3*",
        "s3:*Object*",
        "s3:?etObject",
        "iam:*",
    ])
}

fn resource_pattern() -> impl Strategy<Value = String> {
    pick(&[
        "*",
        "*",
        "arn:aws:s3:::*",
        "arn:aws:s3:::a/*",
        "arn:aws:s3:*:b",
        "arn:*:role/team/*",
        "arn:aws:ec2:eu-*-1:*:*",
        "arn:aws:iam::?:role/*",
        "arn:aws:s3:::${aws:k}",
        "arn:aws:s3:::${aws:PrincipalAccount}/*",
        "*/x",
        "arn:a?s:s3:::a",
    ])
}

const OPERATORS: &[&str] = &[
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "ArnLike",
    "ArnNotLike",
    "ArnEquals",
    "ArnNotEquals",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "Bool",
    "IpAddress",
    "NotIpAddress",
];

const VALUES: &[&str] = &[
    "a",
    "A",
    "b*",
    "bc",
    "true",
    "False",
    "10",
    "10.0",
    "9.5",
    "-3",
    "2026-01-01",
    "2026-01-01T01:00:00+01:00",
    "1767225600",
    "2026-01-02",
    "10.0.0.0",
    "10.0.0.0/8",
    "2001:db8::/32",
    "2001:db8::1",
    "arn:aws:iam::222222222222:role/team/dev",
    "arn:aws:iam::*:role/*",
    "arn:*:iam::2?2222222222:role/team/d*",
    "${aws:k}",
    "222222222222",
    "x${aws:l}",
];

/// What is found in requests: no patterns, no variables.
const FOUND: &[&str] = &[
    "a",
    "A",
    "bc",
    "true",
    "False",
    "10",
    "9.5",
    "-3.25",
    "2026-01-01T00:00:00Z",
    "2026-01-02",
    "10.1.2.3",
    "11.0.0.0",
    "2001:db8::1",
    "arn:aws:iam::222222222222:role/team/dev",
    "222222222222",
    "xa",
];

fn condition() -> impl Strategy<Value = (String, String, Vec<String>)> {
    let operator = (pick(&["", "", "ForAllValues:", "ForAnyValue:"]), pick(OPERATORS), pick(&["", "", "IfExists"]));
    let operator = prop_oneof![
        8 => operator.prop_map(|(set, name, suffix)| format!("{set}{name}{suffix}")),
        1 => Just("Null".to_owned()),
    ];
    let key = pick(&["aws:k", "AWS:K", "aws:l", "aws:PrincipalArn", "aws:principalaccount"]);
    (operator, key, prop::collection::vec(pick(VALUES), 1..3)).prop_map(|(operator, key, values)| {
        let null = if values[0].len() % 2 == 0 { "true" } else { "false" };
        let values = if operator == "Null" { vec![null.to_owned()] } else { values };
        (operator, key, values)
    })
}

fn clause(name: &'static str, pattern: impl Strategy<Value = String>) -> impl Strategy<Value = (String, Vec<String>)> {
    (prop::bool::weighted(0.25), prop::collection::vec(pattern, 1..3))
        .prop_map(move |(not, patterns)| (format!("{}{name}", if not { "Not" } else { "" }), patterns))
}

fn statement() -> impl Strategy<Value = Value> {
    let conditions = prop::collection::vec(condition(), 0..3);
    (
        pick(&["Allow", "Allow", "Deny"]),
        clause("Action", action_pattern()),
        clause("Resource", resource_pattern()),
        conditions,
    )
        .prop_map(|(effect, (action, actions), (resource, resources), conditions)| {
            let mut statement = json!({"Effect": effect, action: actions, resource: resources});
            for (operator, key, values) in conditions {
                statement["Condition"][operator][key] = json!(values);
            }
            statement
        })
}

fn policy() -> impl Strategy<Value = Value> {
    let statements = prop::collection::vec(statement(), 0..4);
    (prop::bool::weighted(0.8), statements).prop_map(
        |(new, statements)| json!({"Version": if new { "2012-10-17" } else { "2008-10-17" }, "Statement": statements}),
    )
}

fn levels() -> impl Strategy<Value = Vec<Vec<Value>>> {
    let all = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let level = (prop::bool::weighted(0.7), prop::collection::vec(policy(), 0..3));
    let level = level.prop_map(move |(open, mut policies)| {
        policies.extend(open.then(|| all.clone()));
        policies
    });
    prop::collection::vec(level, 0..4)
}

type Call = (String, String, String, BTreeMap<String, Vec<String>>);

fn call() -> impl Strategy<Value = Call> {
    let principal = prop_oneof![12 => Just(DEV.to_owned()), 1 => Just(LINKED.to_owned())];
    let action = pick(&["s3:GetObject", "S3:putobject", "ec2:RunInstances", "iam:CreateRole", "s3:GetObjectAcl"]);
    let resource = pick(&[
        "*",
        "arn:aws:s3:::a",
        "arn:aws:s3:::a/b",
        "arn:aws:s3:::a/x",
        "arn:aws:iam::1:role/team/x",
        "arn:aws:s3:::222222222222/c",
        "arn:aws:ec2:eu-west-1:222222222222:instance/i",
        "arn:aws:s3:x:y:b",
    ]);
    let keys = pick(&["aws:k", "aws:L", "aws:PrincipalArn"]);
    let values = prop::collection::vec(pick(FOUND), 0..3);
    (principal, action, resource, prop::collection::btree_map(keys, values, 0..3))
}

/// Parses each document from its text, and asks.
fn with_levels<T>(levels: &[Vec<Value>], then: impl FnOnce(&[Level<'_>]) -> T) -> T {
    let parsed: Vec<Vec<Document>> = levels
        .iter()
        .map(|level| level.iter().map(|policy| Document::parse(&policy.to_string()).unwrap()).collect())
        .collect();
    let levels: Vec<Level<'_>> = parsed
        .iter()
        .enumerate()
        .map(|(at, documents)| Level {
            target: at.to_string(),
            policies: documents.iter().map(|document| LevelPolicy { id: "p", document: Some(document) }).collect(),
        })
        .collect();
    then(&levels)
}

proptest! {
    #![proptest_config(crate::model::cases(2048))]

    #[test]
    fn decisions_are_those_of_an_independent_evaluator(levels in levels(), call in call()) {
        let (principal, action, resource, context) = &call;
        let request = Request { principal: Some(principal), action, resource, context, unknown_context: false };
        let expected = oracle::decide(&levels, &oracle::Call { principal, action, resource, context });
        let expected = match expected {
            None => Verdict::Allowed,
            Some((level, None)) => Verdict::ImplicitDeny { level },
            Some((level, Some((policy, statement)))) => Verdict::ExplicitDeny { level, policy, statement },
        };
        let (found, reasons) = with_levels(&levels, |levels| {
            let reasons: Vec<_> = explain(levels, &request)
                .into_iter()
                .map(|reason| (reason.level.to_owned(), reason.applies, reason.fails.len()))
                .collect();
            (verdict(levels, &request), reasons)
        });
        prop_assert_eq!(&found, &expected);
        // What is explained agrees with what is decided.
        for (level, applies, fails) in &reasons {
            prop_assert_eq!(*applies, Some(*fails == 0));
            let denies = matches!(&found, Verdict::ImplicitDeny { level: at } if at.to_string() == *level);
            prop_assert!(!denies || *applies == Some(false), "{reasons:?}");
        }
    }

    /// What is decided without knowing every key is what the independent evaluator decides when they are known.
    #[test]
    fn what_is_decided_without_knowing_holds_whatever_is_known_later(levels in levels(), call in call(), hidden in any::<bool>()) {
        let (principal, action, resource, context) = &call;
        // What follows from the principal is known, and must not turn out to be something else.
        let mut part = context.clone();
        part.retain(|key, _| key == "aws:PrincipalArn" || (hidden && key == "aws:k"));
        let request = Request { principal: Some(principal), action, resource, context: &part, unknown_context: true };
        let truth = oracle::decide(&levels, &oracle::Call { principal, action, resource, context });
        match with_levels(&levels, |levels| verdict(levels, &request)) {
            Verdict::Allowed => prop_assert_eq!(truth, None),
            Verdict::ExplicitDeny { .. } => prop_assert!(matches!(truth, Some((_, Some(_)))), "{truth:?}"),
            Verdict::ImplicitDeny { .. } => prop_assert!(truth.is_some()),
            Verdict::Unknown { keys } => prop_assert!(!keys.is_empty()),
        }
    }

    #[test]
    fn what_is_printed_is_read_again_as_the_same(policy in policy(), extra in "[a-z]{1,4}", blanks in any::<bool>()) {
        let mut policy = policy;
        policy[&extra] = json!({"b": [1, null, "x"], "a": 0.5});
        let text = if blanks { serde_json::to_string_pretty(&policy).unwrap() } else { policy.to_string() };
        let document = Document::parse(&text).unwrap();
        let printed = document.to_string();
        prop_assert_eq!(&printed, &policy.to_string(), "nothing is lost, and no blank is left");
        let again = Document::parse(&printed).unwrap();
        prop_assert_eq!(again.unknown(), [extra]);
        prop_assert_eq!(again, document);
    }
}
