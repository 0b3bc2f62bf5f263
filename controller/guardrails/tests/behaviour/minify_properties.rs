//! No request is decided otherwise by fewer characters.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use soc2_guardrails::pack::{PackInput, Piece, Sids, minify, pack};
use soc2_guardrails::{Decision, Document, Level, LevelPolicy, Request, TargetId, evaluate};

/// Few enough that statements often have the same.
const ACTIONS: [&str; 12] = [
    "*",
    "s3:*",
    "s3:Get*",
    "s3:**Object",
    "S3:GetObject",
    "s3:getobject",
    "s3:Put?bject",
    "*:Get*",
    "ec2:RunInstances",
    "?3:GetObject",
    "*?:*",
    "?*:*",
];
const RESOURCES: [&str; 16] = [
    "*",
    "*",
    "**",
    "arn:aws:s3:::*",
    "arn:aws:s3:::a",
    "arn:aws:s3:::a/*",
    "arn:aws:s3:::?",
    "arn:*:s3:::a",
    "arn:aws:*:::a",
    "arn:a*s:s3:::a",
    "arn:aws:s3:*:*:a",
    "arn:aws:s3:*",
    "*a",
    "arn:aws:s3:::${aws:k}",
    "arn:aws:s3:*?:1:a",
    "arn:aws:s3:?*:1:a",
];
const OPERATORS: [&str; 13] = [
    "StringEquals",
    "StringNotEquals",
    "StringLike",
    "StringNotLike",
    "StringLikeIfExists",
    "ForAllValues:StringLike",
    "ForAnyValue:StringNotLike",
    "ArnLike",
    "ArnNotLike",
    "Bool",
    "Null",
    "NumericLessThan",
    "Odd",
];
const VALUES: [&str; 12] = [
    r#""a""#,
    r#""b*""#,
    r#""*""#,
    r#""bc""#,
    r#""true""#,
    "true",
    "1",
    r#""1""#,
    r#""arn:aws:iam::1:role/*""#,
    r#""arn:aws:iam::*:role/x""#,
    r#""arn:aws:iam::1:role/x""#,
    r#""${aws:l}""#,
];

fn some(of: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(of), 1..=most)
}

fn condition() -> impl Strategy<Value = String> {
    (prop::sample::select(&OPERATORS[..]), prop::sample::select(vec!["aws:k", "AWS:K", "aws:l"]), some(&VALUES, 3))
        .prop_map(|(operator, key, values)| format!(r#""{operator}":{{"{key}":[{}]}}"#, values.join(",")))
}

fn statement() -> impl Strategy<Value = String> {
    let not = || prop::sample::select(vec!["", "", "", "Not"]);
    // Mostly no condition, or one of few, so that statements come together.
    let condition = prop_oneof![
        4 => Just(String::new()),
        2 => Just(r#""StringEquals":{"aws:k":"a"}"#.to_owned()),
        1 => Just(r#""StringEquals":{"AWS:K":["a"]}"#.to_owned()),
        2 => condition(),
    ];
    let unknown = prop_oneof![12 => Just(""), 1 => Just(r#","Later":[]"#)];
    let effect = prop::sample::select(vec!["Deny", "Deny", "Allow"]);
    (effect, (not(), some(&ACTIONS, 3)), (not(), some(&RESOURCES, 3)), condition, unknown).prop_map(
        |(effect, (not_action, actions), (not_resource, resources), condition, unknown)| {
            format!(
                r#""Effect":"{effect}","{not_action}Action":{actions:?},"{not_resource}Resource":{resources:?},"Condition":{{{condition}}}{unknown}"#
            )
        },
    )
}

/// A document whose Sids are unique.
fn document(most: usize) -> impl Strategy<Value = Document> {
    let version = prop::sample::select(vec!["2012-10-17", "2012-10-17", "2012-10-17", "2008-10-17"]);
    (version, prop::collection::vec(statement(), 0..=most)).prop_map(|(version, statements)| {
        let named = statements.iter().enumerate().map(|(at, text)| format!(r#"{{"Sid":"S{at}",{text}}}"#));
        let statements = named.collect::<Vec<_>>().join(",");
        Document::parse(&format!(r#"{{"Version":"{version}","Statement":[{statements}]}}"#)).unwrap()
    })
}

#[derive(Clone, Debug)]
struct Call {
    action: &'static str,
    resource: &'static str,
    principal: Option<&'static str>,
    context: BTreeMap<String, Vec<String>>,
    unknown_context: bool,
}

fn call() -> impl Strategy<Value = Call> {
    let actions =
        vec!["s3:GetObject", "S3:PUTOBJECT", "s3:GetBucketAcl", "ec2:RunInstances", "iam:GetRole", "x:y", "s3:New"];
    let resources = vec![
        "*",
        "arn:aws:s3:::a",
        "arn:aws:s3:::a/b",
        "arn:aws:s3:::b",
        "arn:aws:s3:eu:1:a",
        "arn:aws-cn:s3:::a",
        "arn:a:s:s3:::a",
        "x:a",
    ];
    let principals = vec![None, Some("arn:aws:iam::1:role/x")];
    let keys = prop::sample::select(vec!["aws:k", "AWS:L"]).prop_map(str::to_owned);
    let values = vec!["a", "bc", "true", "0", "arn:aws:iam::1:role/x"];
    let values = prop::collection::vec(prop::sample::select(values).prop_map(str::to_owned), 0..3);
    let context = prop::collection::btree_map(keys, values, 0..3);
    let select = (prop::sample::select(actions), prop::sample::select(resources), prop::sample::select(principals));
    (select, context, any::<bool>()).prop_map(|((action, resource, principal), context, unknown_context)| Call {
        action,
        resource,
        principal,
        context,
        unknown_context,
    })
}

/// The kind of a decision, without who decided and what is missing.
fn decide(documents: &[&Document], call: &Call) -> &'static str {
    let policies = documents.iter().map(|document| LevelPolicy { id: "p", document: Some(document) }).collect();
    let request = Request {
        principal: call.principal,
        action: call.action,
        resource: call.resource,
        context: &call.context,
        unknown_context: call.unknown_context,
    };
    match evaluate(&[Level { target: "t".to_owned(), policies }], &request) {
        Decision::Allowed => "allowed",
        Decision::ExplicitDeny { .. } => "explicit",
        Decision::ImplicitDeny { .. } => "implicit",
        Decision::Unknown { .. } => "unknown",
    }
}

fn full_access() -> Document {
    Document::parse(r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#).unwrap()
}

proptest! {
    #![proptest_config(crate::model::cases(1500))]

    #[test]
    fn fewer_characters_decide_alike(document in document(6), calls in prop::collection::vec(call(), 12), drop in any::<bool>()) {
        let sids = if drop { Sids::Drop } else { Sids::Keep };
        let found = minify(&document, sids);
        let short = Document::parse(&found.content).unwrap();
        prop_assert!(found.characters() <= document.to_string().chars().count(), "{} became {}", document, short);
        prop_assert_eq!(short.statements().len(), found.statements.len());
        let again = minify(&short, sids);
        prop_assert_eq!(&again.content, &found.content, "once is enough");
        let all = full_access();
        for call in &calls {
            prop_assert_eq!(decide(&[&document], call), decide(&[&short], call), "{} became {}: {:?}", document, short, call);
            prop_assert_eq!(
                decide(&[&all, &document], call), decide(&[&all, &short], call), "{} became {}: {:?}", document, short, call
            );
        }
    }

    #[test]
    fn every_statement_is_in_one_that_stands_for_it(document in document(6)) {
        let found = minify(&document, Sids::Keep);
        let mut named: Vec<&String> = found.statements.iter().flat_map(|named| &named.stands_for).collect();
        named.sort();
        let mut sids: Vec<&String> = document.statements().iter().filter_map(|statement| statement.sid.as_ref()).collect();
        sids.sort();
        prop_assert_eq!(named, sids);
        let unique: BTreeSet<&Option<String>> = found.statements.iter().map(|named| &named.sid).collect();
        prop_assert_eq!(unique.len(), found.statements.len());
    }

    #[test]
    fn policies_of_a_target_decide_alike_however_they_are_packed(
        documents in prop::collection::vec(document(3), 1..5), calls in prop::collection::vec(call(), 12), max in 400usize..2000
    ) {
        let targets = BTreeSet::from([TargetId("ou-a".to_owned())]);
        let names: Vec<String> = (0..documents.len()).map(|at| format!("b{at}")).collect();
        let pieces: Vec<Piece<'_>> = documents
            .iter()
            .zip(&names)
            .map(|(document, baseline)| Piece { baseline, document, targets: &targets, group: "g" })
            .collect();
        let free = |_: &TargetId| 9;
        let input = PackInput { pieces: &pieces, existing: &[], free: &free, max_characters: max, sids: Sids::Keep, repack: false };
        let packing = pack(&input);
        if !packing.refused.is_empty() {
            prop_assert!(packing.policies.is_empty());
            return Ok(());
        }
        let packed: Vec<Document> =
            packing.policies.iter().map(|policy| Document::parse(&policy.document.content).unwrap()).collect();
        prop_assert!(packing.policies.iter().all(|policy| policy.document.characters() <= max));
        let all = full_access();
        let (before, after) = (documents.iter().chain([&all]), packed.iter().chain([&all]));
        let (before, after): (Vec<_>, Vec<_>) = (before.collect(), after.collect());
        for call in &calls {
            prop_assert_eq!(decide(&before, call), decide(&after, call), "{:?}", call);
            prop_assert_eq!(decide(&before[..documents.len()], call), decide(&after[..packed.len()], call), "{:?}", call);
        }
    }
}
