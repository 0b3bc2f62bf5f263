//! The policy language: any bytes as a document and a request. A document prints as what it was, and a decision never panics,
//! never depends on how the document is written, and holds whatever was not known.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use soc2_guardrails::{Decision, Document, Level, LevelPolicy, Request, Verdict, evaluate, explain, verdict};

const ALLOW_ALL: &str = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

// The first line is a request, `action resource principal key=value...`; the rest is a document.
fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (request, text) = text.split_once('\n').unwrap_or(("", text));
    let Ok(document) = Document::parse(text) else { return };
    let printed = document.to_string();
    let Ok(again) = Document::parse(&printed) else { panic!("{printed} is no document any more") };
    assert_eq!(printed, again.to_string());
    assert_eq!(document, again);
    same_value(text, &printed);
    decide(request, &document, &again);
});

/// Nothing is lost and nothing is added, as another reader of JSON sees it.
fn same_value(text: &str, printed: &str) {
    let (Ok(before), Ok(after)) = (serde_json::from_str::<Value>(text), serde_json::from_str::<Value>(printed)) else {
        panic!("{text} is no JSON")
    };
    assert_eq!(before, after);
}

fn decide(request: &str, document: &Document, again: &Document) {
    let Ok(all) = Document::parse(ALLOW_ALL) else { panic!("the document that allows everything") };
    let mut words = request.split(' ');
    let (action, resource, principal) = (words.next(), words.next(), words.next());
    let mut context: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, value) in words.filter_map(|word| word.split_once('=')) {
        context.entry(key.to_owned()).or_default().push(value.to_owned());
    }
    let known = Request {
        principal,
        action: action.unwrap_or_default(),
        resource: resource.unwrap_or("*"),
        context: &context,
        unknown_context: false,
    };
    let unknown = Request { unknown_context: true, ..known };
    let levels = |document| {
        let policies = [("all", &all), ("fuzzed", document)];
        let policies = policies.map(|(id, document)| LevelPolicy { id, document: Some(document) });
        vec![Level { target: "r".to_owned(), policies: policies.to_vec() }]
    };
    let (levels, levels_again) = (levels(document), levels(again));
    for request in [known, unknown] {
        assert_eq!(evaluate(&levels, &request), evaluate(&levels_again, &request));
        explained(&levels, &request);
    }
    let truth = evaluate(&levels, &known);
    // What was decided without knowing every key holds; only another statement may turn out to deny it first.
    match evaluate(&levels, &unknown) {
        Decision::Unknown { keys } => assert!(!keys.is_empty()),
        Decision::Allowed => assert_eq!(truth, Decision::Allowed),
        Decision::ExplicitDeny { .. } => assert!(matches!(truth, Decision::ExplicitDeny { .. }), "{truth:?}"),
        Decision::ImplicitDeny { .. } => assert!(truth.is_denied(), "{truth:?}"),
    }
}

/// The statement that denies is one that applies; nothing else that denies does where the request is allowed.
fn explained(levels: &[Level<'_>], request: &Request<'_>) {
    let linked = request.principal.is_some_and(|arn| arn.contains("role/aws-service-role/"));
    let denying = explain(levels, request)
        .into_iter()
        .any(|reason| reason.effect == soc2_guardrails::Effect::Deny && reason.applies == Some(true));
    match verdict(levels, request) {
        Verdict::ExplicitDeny { .. } => assert!(denying),
        _ => assert!(!denying || linked),
    }
}
