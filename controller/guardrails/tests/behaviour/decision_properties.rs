use std::collections::BTreeMap;

use proptest::prelude::*;
use soc2_guardrails::{Decision, Document, Level, LevelPolicy, Request, evaluate};

fn action() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["s3:GetObject", "s3:PutObject", "ec2:RunInstances", "iam:CreateRole"])
        .prop_map(str::to_owned)
}

fn action_pattern() -> impl Strategy<Value = String> {
    let patterns = vec!["*", "s3:*", "s3:Get*", "*Object", "ec2:Run?nstances", "iam:CreateRole", "S3:putobject"];
    prop::sample::select(patterns).prop_map(str::to_owned)
}

fn resource() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["*", "arn:aws:s3:::a", "arn:aws:s3:::a/b", "arn:aws:iam::1:role/x"])
        .prop_map(str::to_owned)
}

fn resource_pattern() -> impl Strategy<Value = String> {
    let patterns = vec!["*", "*", "arn:aws:s3:::*", "arn:aws:s3:::a", "arn:aws:iam::?:role/*", "arn:aws:s3:::${aws:k}"];
    prop::sample::select(patterns).prop_map(str::to_owned)
}

fn condition() -> impl Strategy<Value = String> {
    let operators =
        vec!["StringEquals", "StringNotLike", "StringEqualsIfExists", "ForAllValues:StringLike", "Null", "Odd"];
    let keys = vec!["aws:k", "aws:l"];
    (prop::sample::select(operators), prop::sample::select(keys), prop::sample::select(vec!["a", "b*", "true"]))
        .prop_map(|(operator, key, value)| format!(r#","Condition":{{"{operator}":{{"{key}":"{value}"}}}}"#))
}

fn statement(effect: &'static str) -> impl Strategy<Value = String> {
    let not = prop::sample::select(vec!["", "", "Not"]);
    let clauses = (not.clone(), action_pattern(), not, resource_pattern());
    (clauses, prop::option::of(condition())).prop_map(move |((not_action, action, not_resource, resource), condition)| {
        let condition = condition.unwrap_or_default();
        format!(
            r#"{{"Effect":"{effect}","{not_action}Action":"{action}","{not_resource}Resource":"{resource}"{condition}}}"#
        )
    })
}

fn statements() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop_oneof![3 => statement("Allow"), 2 => statement("Deny")], 0..5)
}

/// Policies by level; a policy is a list of statements.
fn levels() -> impl Strategy<Value = Vec<Vec<Vec<String>>>> {
    prop::collection::vec(prop::collection::vec(statements(), 0..3), 1..4)
}

type Call = (String, String, BTreeMap<String, Vec<String>>, bool);

fn call() -> impl Strategy<Value = Call> {
    let keys = prop::sample::select(vec!["aws:k", "AWS:L"]).prop_map(str::to_owned);
    let values = prop::collection::vec(prop::sample::select(vec!["a", "bc"]).prop_map(str::to_owned), 0..3);
    (action(), resource(), prop::collection::btree_map(keys, values, 0..3), any::<bool>())
}

fn decide(levels: &[Vec<Vec<String>>], (action, resource, context, unknown_context): &Call) -> Decision {
    let documents: Vec<Vec<Document>> =
        levels.iter().map(|policies| policies.iter().map(|statements| document(statements)).collect()).collect();
    let levels: Vec<Level<'_>> = documents
        .iter()
        .enumerate()
        .map(|(index, documents)| Level {
            target: index.to_string(),
            policies: documents.iter().map(|document| LevelPolicy { id: "p", document: Some(document) }).collect(),
        })
        .collect();
    evaluate(&levels, &Request { principal: None, action, resource, context, unknown_context: *unknown_context })
}

fn document(statements: &[String]) -> Document {
    Document::parse(&format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))).unwrap()
}

/// The kind of a decision, without who decided.
fn kind(decision: &Decision) -> &'static str {
    match decision {
        Decision::Allowed => "allowed",
        Decision::ExplicitDeny { .. } => "explicit",
        Decision::ImplicitDeny { .. } => "implicit",
        Decision::Unknown { .. } => "unknown",
    }
}

proptest! {
    #![proptest_config(crate::model::cases(512))]

    #[test]
    fn the_order_of_statements_policies_and_keys_does_not_matter(levels in levels(), call in call()) {
        let decision = decide(&levels, &call);
        let mut reversed = levels;
        for policies in &mut reversed {
            policies.reverse();
            for statements in policies {
                statements.reverse();
            }
        }
        prop_assert_eq!(kind(&decision), kind(&decide(&reversed, &call)));
    }

    #[test]
    fn documents_that_are_equal_decide_alike(statements in statements(), call in call()) {
        let mut reversed = statements.clone();
        reversed.reverse();
        prop_assert_eq!(document(&statements), document(&reversed));
        prop_assert_eq!(
            kind(&decide(&[vec![statements.clone()]], &call)),
            kind(&decide(&[vec![reversed]], &call))
        );
        prop_assert_eq!(document(&statements), Document::parse(&document(&statements).to_string()).unwrap());
    }

    #[test]
    fn another_deny_never_allows(levels in levels(), deny in statement("Deny"), call in call(), at in any::<prop::sample::Index>()) {
        let before = decide(&levels, &call);
        let mut after = levels;
        let at = at.index(after.len());
        after[at].push(vec![deny]);
        let after = decide(&after, &call);
        prop_assert!(after != Decision::Allowed || before == Decision::Allowed);
        prop_assert!(!before.is_denied() || after.is_denied());
        prop_assert!(kind(&before) != "explicit" || kind(&after) == "explicit");
    }

    #[test]
    fn another_allow_never_denies(levels in levels(), allow in statement("Allow"), call in call(), at in any::<prop::sample::Index>()) {
        let before = decide(&levels, &call);
        let mut after = levels;
        let at = at.index(after.len());
        after[at].push(vec![allow]);
        let after = decide(&after, &call);
        prop_assert!(before != Decision::Allowed || after == Decision::Allowed);
        prop_assert_eq!(kind(&before) == "explicit", kind(&after) == "explicit");
    }

    #[test]
    fn an_allow_missing_at_any_level_denies(levels in levels(), denies in prop::collection::vec(statement("Deny"), 0..3), call in call(), at in any::<prop::sample::Index>()) {
        let mut without = levels;
        let at = at.index(without.len());
        without[at] = vec![denies];
        prop_assert!(decide(&without, &call).is_denied());
    }

    /// Whatever turns out to be the value of what was not known, the decision was right.
    #[test]
    fn what_is_decided_without_knowing_stays_decided(levels in levels(), call in call(), more in call()) {
        let (action, resource, context, _) = call;
        let guess = decide(&levels, &(action.clone(), resource.clone(), context.clone(), true));
        let mut known = context;
        for (key, values) in more.2 {
            known.entry(key).or_insert(values);
        }
        let truth = decide(&levels, &(action, resource, known, false));
        if kind(&guess) != "unknown" {
            let agree = kind(&guess) == kind(&truth) || (guess.is_denied() && truth.is_denied());
            prop_assert!(agree, "{guess:?} became {truth:?}");
        }
    }
}
