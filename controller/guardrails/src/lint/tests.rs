//! Each rule by its own example, and what the lint does with what it was not made for.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{LintOptions, Severity, lint, lint_slots, reference, rule, rules};
use crate::inventory::{Policy, PolicyInventory};

fn ids(text: &str) -> Vec<&'static str> {
    lint(text, &LintOptions::default()).iter().map(super::Diagnostic::id).collect()
}

#[test]
fn ids_of_rules_are_unique_and_in_order() {
    let ids: Vec<&str> = rules().iter().map(|rule| rule.id).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
    assert!(ids.iter().all(|id| id.len() == 6 && id.starts_with("SCP")));
    let mut names: Vec<&str> = rules().iter().map(|rule| rule.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ids.len());
    assert_eq!(rule("scp012").map(|rule| rule.name), Some("deny-everything"));
}

#[test]
fn every_example_has_its_finding_and_the_other_document_has_none() {
    for rule in rules() {
        if rule.example.is_empty() {
            assert!(matches!(rule.id, "SCP002" | "SCP003" | "SCP004" | "SCP005"), "{} has no example", rule.id);
            continue;
        }
        assert_eq!(ids(rule.example), [rule.id], "{}", rule.example);
        assert_eq!(ids(rule.instead), [""; 0], "{}: {}", rule.id, rule.instead);
    }
}

/// A document of this many characters without whitespace.
fn of_size(characters: usize) -> String {
    let document = |id: &str| {
        json!({"Version": "2012-10-17", "Id": id, "Statement": [{"Effect": "Deny", "Action": "ec2:StopInstances", "Resource": "*"}]})
            .to_string()
    };
    let text = document(&"é".repeat(characters - document("").len()));
    assert_eq!(text.chars().count(), characters);
    text
}

#[test]
fn size_is_counted_in_characters_without_whitespace() {
    for (characters, expected) in
        [(9_216, &[][..]), (9_217, &["SCP003"]), (10_240, &["SCP003"]), (10_241, &["SCP002"]), (40_960, &["SCP002"])]
    {
        assert_eq!(ids(&of_size(characters)), expected, "{characters}");
    }
    let spaced = of_size(9_000).replace("\":", &format!("\":{}", " ".repeat(300)));
    assert_eq!(ids(&spaced), ["SCP004"]);
    let message = &lint(&of_size(10_241), &LintOptions::default())[0].message;
    assert_eq!(message, "10241 characters without whitespace are 1 over the limit of 10240");
    let small = LintOptions { max_characters: 100, ..LintOptions::default() };
    assert!(lint(rule("SCP010").unwrap().example, &small).iter().any(|found| found.id() == "SCP010"));
}

#[test]
fn a_target_has_ten_slots() {
    let policy = |number: usize, targets: &[&str]| {
        let targets = targets.iter().map(|target| (*target).to_owned()).collect();
        (format!("p-{number}"), Policy { name: format!("policy-{number:02}"), targets, ..Policy::default() })
    };
    let inventory = |count: usize| PolicyInventory {
        policies: (0..count)
            .map(|number| policy(number, if number < 3 { &["ou-a", "ou-b"] } else { &["ou-a"] }))
            .collect(),
    };
    assert_eq!(lint_slots(&inventory(10), &LintOptions::default()), []);
    let found = lint_slots(&inventory(11), &LintOptions::default());
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].id(), found[0].severity()), ("SCP005", Severity::Error));
    assert!(found[0].message.starts_with("ou-a has 11 policies of at most 10: policy-00, policy-01, "));
}

#[test]
fn the_page_of_rules_is_that_of_the_rules() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/lint.md");
    if std::env::var_os("SOC2_WRITE_DOCS").is_some() {
        std::fs::write(path, reference::markdown()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == reference::markdown(),
        "docs/lint.md is old: SOC2_WRITE_DOCS=1 cargo test -p soc2-guardrails lint"
    );
}

#[test]
fn hostile_documents_take_no_longer_than_others() {
    // Not timed: with a quadratic search over the table these would not end in the time of a test run.
    let many = |pattern: fn(usize) -> String, count: usize| (0..count).map(pattern).collect::<Vec<_>>();
    for actions in [
        many(|n| format!("*:*{n:x}*"), 1_000),
        many(|n| format!("ec2:*a*{n:x}"), 800),
        many(|n| format!("x{n:x}:a"), 1_200),
        many(|n| format!("ec2:StopInstance{n:x}"), 450),
        many(|n| format!("{}b{n:x}", "*a".repeat(40)), 110),
    ] {
        let resources = many(|n| format!("arn:*:ec2:*x*{n:x}"), 100);
        let document = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": actions, "Resource": resources}]});
        assert!(!lint(&document.to_string(), &LintOptions::default()).is_empty());
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(ids(&deep), ["SCP001"]);
}

/// A piece of a policy, often wrong.
fn words() -> impl Strategy<Value = Value> {
    prop_oneof![
        proptest::sample::select(vec![
            "*",
            "s3:*",
            "s3:Get*",
            "s3:GetObject",
            "ec2:x",
            "iam",
            "arn:aws:s3:::a/*",
            "arn:aws:iam::*:role/*",
            "${a",
            "${aws:username}",
            "Deny",
            "Allow",
            "true",
            "10.0.0.0/8",
            "",
            "eu-west-1",
            "2012-10-17",
            "??",
            "a:b:c:d:e:f:g",
        ])
        .prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        Just(Value::Null),
    ]
}

fn elements() -> impl Strategy<Value = Value> {
    let keys = proptest::sample::select(vec![
        "Version",
        "Id",
        "Statement",
        "Sid",
        "Effect",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
        "Principal",
        "StringEquals",
        "ArnNotLike",
        "Bool",
        "ForAllValues:StringLike",
        "NullIfExists",
        "aws:PrincipalArn",
        "aws:TagKeys",
        "s3:x-amz-acl",
        "Other",
    ]);
    words().prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::vec((keys.clone(), inner), 0..5).prop_map(|members| Value::Object(
                members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            )),
        ]
    })
}

/// A statement that can be read.
fn statements() -> impl Strategy<Value = Value> {
    let actions = proptest::sample::subsequence(
        vec!["s3:*", "s3:Get*", "s3:GetObject", "s3:Nothing", "*", "ec2:StopInstances"],
        1..4,
    );
    let resources = proptest::sample::subsequence(vec!["*", "arn:aws:s3:::a/*", "arn:aws:s3:::a", "nothing"], 1..3);
    let conditions = proptest::sample::select(vec![
        json!({}),
        json!({"ArnNotLike": {"aws:PrincipalArn": ["arn:aws:iam::*:role/x-*"]}}),
        json!({"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}}),
    ]);
    let names = (any::<bool>(), any::<bool>(), any::<bool>());
    (actions, resources, conditions, names).prop_map(
        |(actions, resources, condition, (deny, not_action, not_resource))| {
            json!({
                "Effect": if deny { "Deny" } else { "Allow" },
                if not_action { "NotAction" } else { "Action" }: actions,
                if not_resource { "NotResource" } else { "Resource" }: resources,
                "Condition": condition,
            })
        },
    )
}

proptest! {
    #[test]
    fn anything_can_be_looked_at(document in elements(), text in ".{0,60}") {
        for text in [document.to_string(), json!({"Version": "2012-10-17", "Statement": [document]}).to_string(), text] {
            let found = lint(&text, &LintOptions::default());
            let raw: Option<Value> = serde_json::from_str(&text).ok();
            for finding in found {
                // A text that is no JSON has no elements to point to.
                if let Some(raw) = &raw {
                    prop_assert!(raw.pointer(&finding.pointer).is_some(), "{finding:?}");
                }
                prop_assert!(!finding.message.is_empty() && !finding.help.is_empty());
            }
        }
    }

    #[test]
    fn the_order_of_statements_does_not_matter(list in proptest::collection::vec(statements(), 1..6), turn in 0..6_usize) {
        let mut list = list;
        for (index, statement) in list.iter_mut().enumerate() {
            statement["Sid"] = json!(format!("S{index}"));
        }
        let found = |list: &[Value]| {
            let text = json!({"Version": "2012-10-17", "Statement": list}).to_string();
            let found = lint(&text, &LintOptions::default());
            let mut found: Vec<_> = found.iter().map(|finding| (finding.id(), finding.statement.clone())).collect();
            found.sort();
            found
        };
        let before = found(&list);
        let turn = turn % list.len();
        list.rotate_left(turn);
        prop_assert_eq!(&found(&list), &before);
        list.reverse();
        prop_assert_eq!(&found(&list), &before);
    }
}
