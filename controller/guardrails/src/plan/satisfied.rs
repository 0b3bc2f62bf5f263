//! What policies of others deny already: there nothing of ours is needed.
//!
//! What is asked is the calls that a guardrail denies, as for whether it is in force: all of them have to be denied by policies that
//! are not ours, to everybody who is not exempt from ours.

use std::collections::{BTreeMap, BTreeSet};

use soc2_posture::ids::AccountId;
use soc2_posture::protection::Protection;

use super::compile::Compiled;
use super::input::PlanInput;
use super::ownership::Ownership;
use crate::cover::{Target, TargetId, TargetKind};
use crate::document::{Document, Effect};
use crate::evaluate::{Level, LevelPolicy};
use crate::inventory::Policy;
use crate::library::{Exemptions, Parameters, proof};
use crate::protection::{forgiven, in_force};

/// Policies that are not ours.
pub(super) struct Foreign<'a> {
    input: &'a PlanInput<'a>,
    /// Those that take something away: ids, by what they are attached to.
    limiting: BTreeMap<&'a str, Vec<&'a str>>,
    /// Those that allow everything.
    open: BTreeMap<&'a str, (&'a Policy, Document)>,
}

impl<'a> Foreign<'a> {
    pub(super) fn new(input: &'a PlanInput<'a>, ownership: &Ownership<'a>) -> Self {
        let adopted = ownership.carriers().filter(|(_, carrier)| carrier.adopt).map(|(_, carrier)| carrier.id);
        let ours: BTreeSet<&str> = ownership.owned.iter().map(String::as_str).chain(adopted).collect();
        let mut foreign = Self { input, limiting: BTreeMap::new(), open: BTreeMap::new() };
        for (id, policy) in input.inventory.policies.iter().filter(|(id, _)| !ours.contains(id.as_str())) {
            match Document::parse(&policy.content) {
                Ok(document) if is_open(&document) => drop(foreign.open.insert(id, (policy, document))),
                _ => policy.targets.iter().for_each(|target| foreign.limiting.entry(target).or_default().push(id)),
            }
        }
        foreign
    }

    /// The policies of others that deny at a target, and so everywhere below it, what a guardrail denies; `None` when that is not
    /// certain.
    pub(super) fn satisfy(
        &self,
        compiled: &Compiled<'_>,
        parameters: &Parameters,
        exempt: &Exemptions,
        target: &Target,
    ) -> Option<Vec<String>> {
        let path = self.path(target)?;
        let limiting = |level: &&str| self.limiting.contains_key(*level);
        if !self.input.org.scp_enabled || !path.iter().any(limiting) {
            return None;
        }
        let proof = proof(compiled.guardrail, parameters, exempt).ok()?;
        let documents: BTreeMap<&str, Option<Document>> = path
            .iter()
            .flat_map(|level| self.limiting.get(level).into_iter().flatten())
            .map(|id| (*id, self.as_others_see(id, &proof.exempt)))
            .collect();
        let levels: Vec<Level<'_>> = path.iter().map(|level| self.level(level, &documents)).collect();
        // AWS keeps a policy everywhere. Where only ours are, what theirs would allow is not known.
        if levels.iter().any(|level| level.policies.is_empty()) {
            return None;
        }
        match in_force(&compiled.guardrail.name, &proof.calls, &levels) {
            Protection::Protected { by } => Some(by),
            _ => None,
        }
    }

    /// From the root to a target.
    fn path(&self, target: &'a Target) -> Option<Vec<&str>> {
        let org = self.input.org;
        let mut path = match target.kind {
            TargetKind::Account => {
                let account: AccountId = target.id.0.parse().ok()?;
                org.ancestors(&org.accounts.get(&account)?.parent)
            }
            _ => org.ancestors(&target.id.0),
        };
        if target.kind == TargetKind::Account {
            path.push(&target.id.0);
        }
        (path.first() == Some(&org.root.as_str())).then_some(path)
    }

    /// A policy as it is to those who are not exempt from ours.
    fn as_others_see(&self, id: &str, exempt: &Exemptions) -> Option<Document> {
        let content = &self.input.inventory.policies.get(id)?.content;
        let forgiven = forgiven(content, exempt);
        Document::parse(forgiven.as_deref().unwrap_or(content)).ok()
    }

    fn level<'b>(&'b self, level: &str, documents: &'b BTreeMap<&str, Option<Document>>) -> Level<'b> {
        let open = self.open.iter().filter(|(_, (policy, _))| policy.targets.contains(level));
        let open = open.map(|(id, (_, document))| LevelPolicy { id, document: Some(document) });
        let limiting = self.limiting.get(level).into_iter().flatten();
        let limiting = limiting.map(|id| LevelPolicy { id, document: documents.get(id).and_then(Option::as_ref) });
        Level { target: level.to_owned(), policies: open.chain(limiting).collect() }
    }
}

/// Whether a document allows everything and takes nothing away.
fn is_open(document: &Document) -> bool {
    let statements = document.statements();
    let everything = |clause: &crate::document::Clause| !clause.negated && clause.patterns.iter().any(|one| one == "*");
    let all = |statement: &crate::document::Statement| {
        everything(&statement.actions) && everything(&statement.resources) && statement.conditions.is_empty()
    };
    document.unknown().is_empty()
        && statements.iter().all(|statement| statement.effect == Effect::Allow && statement.unknown.is_empty())
        && statements.iter().any(all)
}

/// Where policies of others satisfy a baseline: ids, by target.
pub(super) type Satisfied = BTreeMap<TargetId, Vec<String>>;
