//! One line: a request with its policies, and the answer.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use soc2_guardrails::{Decision, Document, Level, LevelPolicy, Request, evaluate};

/// Documents that are kept ready: lines mostly have the same ones.
const KEPT: usize = 4096;

#[derive(Deserialize)]
struct Case<'a> {
    #[serde(borrow)]
    levels: Vec<CaseLevel<'a>>,
    request: CaseRequest,
}

#[derive(Deserialize)]
struct CaseLevel<'a> {
    target: String,
    #[serde(borrow)]
    policies: Vec<CasePolicy<'a>>,
}

#[derive(Deserialize)]
struct CasePolicy<'a> {
    name: String,
    #[serde(borrow)]
    document: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseRequest {
    principal: Option<String>,
    action: String,
    #[serde(default = "any_resource")]
    resource: String,
    #[serde(default)]
    context: BTreeMap<String, Values>,
}

fn any_resource() -> String {
    "*".to_owned()
}

/// One value or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    One(Scalar),
    Several(Vec<Scalar>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Flag(bool),
    Number(serde_json::Number),
}

impl Scalar {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => number.to_string(),
        }
    }
}

impl Values {
    fn texts(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one.text()],
            Self::Several(several) => several.into_iter().map(Scalar::text).collect(),
        }
    }
}

/// What is printed for a line.
#[derive(Serialize)]
pub(super) struct Answer {
    id: Value,
    #[serde(flatten)]
    decided: Option<Decided>,
    /// Why there is no decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// A decision, and who makes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::commands::scp) struct Decided {
    decision: &'static str,
    decided_by: Option<DecidedBy>,
}

#[derive(Serialize)]
struct DecidedBy {
    target: String,
    policy: Option<String>,
    statement: Option<String>,
}

impl Decided {
    /// As it is printed; an error is what the decision depends on.
    pub(in crate::commands::scp) fn new(decision: Decision) -> Result<Self, String> {
        let (decision, decided_by) = match decision {
            Decision::Allowed => ("Allowed", None),
            Decision::ExplicitDeny { level, policy, statement } => {
                let by = DecidedBy { target: level, policy: Some(policy), statement: Some(statement) };
                ("ExplicitDeny", Some(by))
            }
            Decision::ImplicitDeny { level } => {
                ("ImplicitDeny", Some(DecidedBy { target: level, policy: None, statement: None }))
            }
            Decision::Unknown { keys } => return Err(keys.into_iter().collect::<Vec<_>>().join(", ")),
        };
        Ok(Self { decision, decided_by })
    }
}

/// Documents by their text.
#[derive(Default)]
pub(super) struct Documents(HashMap<Box<str>, Arc<Document>>);

impl Documents {
    /// A document, read at most once; as AWS returns it, it may be JSON in a string.
    fn get(&mut self, raw: &RawValue) -> Result<Arc<Document>, String> {
        if let Some(known) = self.0.get(raw.get()) {
            return Ok(Arc::clone(known));
        }
        let document = match serde_json::from_str::<String>(raw.get()) {
            Ok(text) => Document::parse(&text),
            Err(_) => Document::parse(raw.get()),
        };
        let document = Arc::new(document.map_err(|error| error.to_string())?);
        if self.0.len() >= KEPT {
            self.0.clear();
        }
        self.0.insert(raw.get().into(), Arc::clone(&document));
        Ok(document)
    }
}

/// The answer to a line, whatever is in it.
pub(super) fn answer(line: &[u8], documents: &mut Documents) -> Answer {
    match decide(line, documents) {
        Ok(decided) => Answer { id: id(line), decided: Some(decided), error: None },
        Err(problem) => Answer { id: id(line), decided: None, error: Some(problem) },
    }
}

/// The `id` of a line, also where the rest of it is wrong.
fn id(line: &[u8]) -> Value {
    #[derive(Deserialize)]
    struct Id {
        #[serde(default)]
        id: Value,
    }
    serde_json::from_slice::<Id>(line).map_or(Value::Null, |found| found.id)
}

fn decide(line: &[u8], documents: &mut Documents) -> Result<Decided, String> {
    let case: Case<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let mut read = Vec::new();
    for level in &case.levels {
        let mut policies = Vec::new();
        for CasePolicy { name, document } in &level.policies {
            let document = documents.get(document);
            let document = document.map_err(|problem| format!("target {} policy {name}: {problem}", level.target))?;
            policies.push((name.as_str(), document));
        }
        read.push((&level.target, policies));
    }
    let levels: Vec<Level<'_>> = read
        .iter()
        .map(|(target, policies)| Level {
            target: (*target).clone(),
            policies: policies.iter().map(|(id, document)| LevelPolicy { id, document: Some(document) }).collect(),
        })
        .collect();
    let CaseRequest { principal, action, resource, context } = case.request;
    let context = context.into_iter().map(|(key, values)| (key, values.texts())).collect();
    let request = Request {
        principal: principal.as_deref(),
        action: &action,
        resource: &resource,
        context: &context,
        unknown_context: false,
    };
    let depends =
        |what| format!("AWS would not take such a policy, so that there is no decision: it depends on {what}");
    Decided::new(evaluate(&levels, &request)).map_err(depends)
}
