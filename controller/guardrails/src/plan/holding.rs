//! What a set is to have in AWS: policies, each with the baselines in it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::compile::Compiled;
use super::draft::Draft;
use super::input::PlanInput;
use super::key;
use super::step::PolicyBody;
use crate::cover::{Target, TargetId};
use crate::document::Document;
use crate::pack::{Sids, minify};

/// AWS's limit.
pub(crate) const MAX_DESCRIPTION: usize = 512;

/// A policy that a set is to have.
#[derive(Clone)]
pub(super) struct Holding<'a> {
    /// What it is for.
    pub(super) key: String,
    /// The baselines in it, by name.
    pub(super) baselines: Vec<&'a str>,
    /// The document, to compare with.
    pub(super) document: Document,
    /// The same in more characters, which is left as it is where it is there.
    longer: Option<Document>,
    /// What AWS gets.
    pub(super) content: String,
    /// What it has to say in the end, where it still has statements that are not its any more: they go when what takes their place
    /// is enforced.
    pub(super) rest: Option<String>,
    /// Where it belongs.
    pub(super) targets: Vec<Target>,
    title: String,
}

impl<'a> Holding<'a> {
    /// A policy for a baseline alone.
    pub(super) fn single(name: &'a str, compiled: &Compiled<'_>, key: &str, targets: Vec<Target>) -> Self {
        Self {
            key: key.to_owned(),
            baselines: vec![name],
            document: compiled.written.clone(),
            longer: Some(compiled.document.clone()),
            content: compiled.content.clone(),
            rest: None,
            targets,
            title: format!("{}. Baseline {name}", compiled.guardrail.title),
        }
    }

    /// A policy for several baselines of a set, with `kept` statements besides; `None` when two have statements of the same Sid.
    pub(super) fn pack(draft: &Draft<'a>, key: &str, names: &[&'a str], kept: &[Value]) -> Option<Self> {
        let mut names = names.to_vec();
        names.sort_unstable();
        let rest = compose(draft, &names, &[])?;
        let content = if kept.is_empty() { rest.clone() } else { compose(draft, &names, kept)? };
        let needed: BTreeSet<Target> = names.iter().flat_map(|name| draft.needs(name)).collect();
        Some(Self {
            key: key.to_owned(),
            title: format!("Baselines {}", names.join(", ")),
            baselines: names,
            document: Document::parse(&content).ok()?,
            longer: None,
            rest: (!kept.is_empty()).then_some(rest),
            content,
            targets: needed.into_iter().collect(),
        })
    }

    /// Whether a document is what it has to say.
    pub(super) fn is(&self, found: &Document) -> bool {
        *found == self.document || self.longer.as_ref() == Some(found)
    }

    /// How many characters AWS counts.
    pub(super) fn characters(&self) -> usize {
        self.content.chars().count()
    }

    /// Ids of its targets.
    pub(super) fn places(&self) -> BTreeSet<TargetId> {
        self.targets.iter().map(|target| target.id.clone()).collect()
    }

    /// The policy as it has to be.
    pub(super) fn body(&self, input: &PlanInput<'_>) -> PolicyBody {
        self.body_saying(input, &self.content)
    }

    /// The same with another content.
    pub(super) fn body_saying(&self, input: &PlanInput<'_>, content: &str) -> PolicyBody {
        let owner = &input.owner.owner_id;
        let description = format!("{} of soc2-operator, owner {owner}: kept as it is, do not edit.", self.title);
        PolicyBody {
            name: input.owner.policy_name(&self.key),
            description: description.chars().take(MAX_DESCRIPTION).collect(),
            content: content.to_owned(),
            tags: input.owner.tags(&self.key),
        }
    }

    /// Whether it has several baselines of one set.
    pub(super) fn is_pack(&self) -> bool {
        key::set_of_pack(&self.key).is_some()
    }
}

/// The statements of all these baselines, each baseline's as short as can be. Statements of two baselines stay apart, so that each is
/// found again by its Sid.
fn compose(draft: &Draft<'_>, names: &[&str], kept: &[Value]) -> Option<String> {
    let mut all = Vec::new();
    for name in names {
        let minified = minify(&draft.baselines.get(name)?.document, Sids::Keep);
        all.extend(statements(&minified.content));
    }
    all.extend(kept.iter().cloned());
    let sids: Vec<&str> = all.iter().filter_map(|statement| statement["Sid"].as_str()).collect();
    let different: BTreeSet<&str> = sids.iter().copied().collect();
    (different.len() == sids.len()).then(|| json!({"Version": "2012-10-17", "Statement": all}).to_string())
}

/// The statements of a document as they are written.
pub(crate) fn statements(content: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(content).unwrap_or_default();
    match document.get("Statement") {
        Some(Value::Array(items)) => items.clone(),
        Some(single) => vec![single.clone()],
        None => Vec::new(),
    }
}
