//! Calls that show what an imported policy does, each decided by the evaluator.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use soc2_guardrails::{Decision, Document, Level, LevelPolicy, Request, Statement, evaluate};

/// Most examples of each kind.
const MOST: usize = 32;
/// Somebody whom nobody exempts by name.
const SOMEBODY: &str = "arn:aws:iam::111122223333:role/example/somebody";
/// What hardly any policy denies, and everybody may call.
const HARMLESS: [&str; 4] = ["sts:GetCallerIdentity", "ec2:DescribeRegions", "iam:GetRole", "s3:ListAllMyBuckets"];

/// Calls as they stand in a baseline.
#[derive(Debug, Default)]
pub struct Examples {
    /// Surely denied.
    pub denied: Vec<Value>,
    /// Surely left alone.
    pub allowed: Vec<Value>,
}

/// One denied call for each statement for which one is found, and one allowed. Where conditions decide, there may be none.
pub fn examples(policy: &Value) -> Examples {
    let Ok(document) = Document::parse(&policy.to_string()) else { return Examples::default() };
    let all = Document::parse(r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#);
    let Ok(all) = all else { return Examples::default() };
    let decide = |action: &str, resource: &str, principal| decide(&[&all, &document], action, resource, principal);
    let mut examples = Examples::default();
    for statement in document.statements() {
        let found = candidates(statement).into_iter().find_map(|(action, resource)| {
            let by = |principal| matches!(decide(&action, &resource, principal), Decision::ExplicitDeny { .. });
            match (by(None), by(Some(SOMEBODY))) {
                (true, _) => Some(json!({"action": action, "resource": resource})),
                (false, true) => Some(json!({"principal": SOMEBODY, "action": action, "resource": resource})),
                (false, false) => None,
            }
        });
        examples.denied.extend(found.filter(|call| !examples.denied.contains(call)));
    }
    examples.denied.truncate(MOST);
    let harmless = HARMLESS.iter().find(|action| decide(action, "*", None) == Decision::Allowed);
    examples.allowed.extend(harmless.map(|action| json!({"action": action, "resource": "*"})));
    examples
}

/// Calls that a statement names.
fn candidates(statement: &Statement) -> Vec<(String, String)> {
    let is_action = |text: &&String| {
        let parts = text.split_once(':');
        parts.is_some_and(|(service, name)| !service.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()))
    };
    let named: Vec<&String> = statement.actions.patterns.iter().filter(is_action).collect();
    let harmless: Vec<String> = HARMLESS.iter().map(|action| (*action).to_owned()).collect();
    // `*`, and everything but a few, take in calls that no statement names.
    let actions: Vec<&String> = if statement.actions.negated { harmless.iter().collect() } else { named };
    let actions = if actions.is_empty() { harmless.iter().collect() } else { actions };
    let literal = |text: &&String| !text.contains(['*', '?', '$']);
    let resource = statement.resources.patterns.iter().find(literal).filter(|_| !statement.resources.negated);
    let resource = resource.map_or("*", String::as_str);
    actions.into_iter().map(|action| (action.clone(), resource.to_owned())).collect()
}

fn decide(documents: &[&Document], action: &str, resource: &str, principal: Option<&str>) -> Decision {
    let policies = documents.iter().map(|document| LevelPolicy { id: "policy", document: Some(document) }).collect();
    let context = BTreeMap::new();
    let request = Request { principal, action, resource, context: &context, unknown_context: true };
    evaluate(&[Level { target: String::new(), policies }], &request)
}
