//! What steps change for the targets that they are about: statements that come and go in the effective policy, own and inherited.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use soc2_posture::ids::AccountId;
use soc2_posture::organization::Organization;

use super::after::after;
use super::step::Step;
use crate::cover::TargetId;
use crate::document::{Document, Effect};
use crate::inventory::PolicyInventory;

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    /// Targets.
    pub targets: usize,
    /// Statements of a target that go, and as many that come.
    pub statements: usize,
    /// Characters of a statement's text.
    pub characters: usize,
}

impl Default for Most {
    fn default() -> Self {
        Self { targets: 50, statements: 20, characters: 1_000 }
    }
}

/// What steps change, by target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EffectiveChanges {
    /// Targets for which something changes, in order of id.
    pub targets: Vec<EffectiveChange>,
    /// Targets that steps are about and that were not looked at, because that would be too many.
    pub more: usize,
}

/// What changes for a target and all that inherits from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveChange {
    /// Id of the root, unit or account.
    pub target: TargetId,
    /// Statements that no longer hold.
    pub gone: Vec<EffectiveStatement>,
    /// Statements that hold then.
    pub new: Vec<EffectiveStatement>,
    /// Statements that go or come and are not shown.
    pub more: usize,
}

impl EffectiveChange {
    /// As `soc2ctl plan` prints it, and the operator keeps it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let statement = |found: &EffectiveStatement| json!({"sid": found.sid, "statement": found.text, "policy": found.policy, "at": found.at.0});
        json!({
            "target": self.target.0,
            "removedStatements": self.gone.iter().map(statement).collect::<Vec<_>>(),
            "addedStatements": self.new.iter().map(statement).collect::<Vec<_>>(),
            "more": self.more,
        })
    }
}

/// A statement of a policy that holds at a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveStatement {
    /// Its Sid.
    pub sid: Option<String>,
    /// It as JSON; the whole text where the policy is no document. Shortened.
    pub text: String,
    /// Name of its policy.
    pub policy: String,
    /// What the policy is attached to: the target, or what it inherits from.
    pub at: TargetId,
}

/// What statements mean, each with one place where it is.
type Effects<'a> = BTreeMap<String, (&'a Said, &'a str, &'a str)>;

/// A statement as it is read, once for each policy.
struct Said {
    meaning: String,
    allows: bool,
    sid: Option<String>,
    text: String,
}

/// What changes once all steps are done, for each target that a step attaches to, takes off or changes a policy of. A Deny that is
/// inherited and attached as well goes only with the last of them. An Allow counts where it is: every level needs one.
#[must_use]
pub fn effective_changes(
    org: &Organization,
    inventory: &PolicyInventory,
    steps: &[&Step],
    most: Most,
) -> EffectiveChanges {
    let then = after(inventory, steps.iter().copied());
    let touched = touched(steps, [inventory, &then]);
    let paths: BTreeMap<&str, Vec<&str>> = touched.iter().map(|target| (target.as_str(), path(org, target))).collect();
    let levels: BTreeSet<&str> = paths.values().flatten().copied().collect();
    let (before, then) = (Side::new(inventory, &levels), Side::new(&then, &levels));
    let mut changes = EffectiveChanges::default();
    for (target, path) in paths {
        if changes.targets.len() == most.targets {
            changes.more += 1;
            continue;
        }
        let (had, has) = (before.effects(&path), then.effects(&path));
        let shown = |these: &Effects<'_>, others: &Effects<'_>| {
            let only: Vec<_> = these.iter().filter(|(meaning, _)| !others.contains_key(*meaning)).collect();
            let first = only.iter().take(most.statements).map(|(_, found)| show(**found, most.characters));
            (first.collect::<Vec<_>>(), only.len().saturating_sub(most.statements))
        };
        let ((gone, more_gone), (new, more_new)) = (shown(&had, &has), shown(&has, &had));
        if !(gone.is_empty() && new.is_empty()) {
            let target = TargetId(target.to_owned());
            changes.targets.push(EffectiveChange { target, gone, new, more: more_gone + more_new });
        }
    }
    changes
}

/// What steps are about.
fn touched(steps: &[&Step], inventories: [&PolicyInventory; 2]) -> BTreeSet<String> {
    let mut touched = BTreeSet::new();
    for step in steps {
        match step {
            Step::Attach { target, .. } => drop(touched.insert(target.id.0.clone())),
            Step::Detach { target, .. } => drop(touched.insert(target.0.clone())),
            Step::Update { id, .. } => {
                let policies = inventories.iter().filter_map(|inventory| inventory.policies.get(id));
                touched.extend(policies.flat_map(|policy| policy.targets.iter().cloned()));
            }
            Step::Adopt { .. } | Step::Create { .. } | Step::Delete { .. } => {}
        }
    }
    touched
}

/// From the root down to a target.
fn path<'a>(org: &'a Organization, target: &'a str) -> Vec<&'a str> {
    let account = target.parse::<AccountId>().ok().and_then(|account| org.accounts.get(&account));
    let mut path = org.ancestors(account.map_or(target, |account| &account.parent));
    if path.last() != Some(&target) {
        path.push(target);
    }
    path
}

/// The policies at some moment: those that are attached to these levels.
struct Side<'a> {
    inventory: &'a PolicyInventory,
    attached: BTreeMap<&'a str, Vec<&'a str>>,
    said: BTreeMap<&'a str, Vec<Said>>,
}

impl<'a> Side<'a> {
    fn new(inventory: &'a PolicyInventory, levels: &BTreeSet<&str>) -> Self {
        let mut side = Self { inventory, attached: BTreeMap::new(), said: BTreeMap::new() };
        for (id, policy) in &inventory.policies {
            let here: Vec<&str> =
                policy.targets.iter().map(String::as_str).filter(|target| levels.contains(target)).collect();
            if !here.is_empty() {
                side.said.insert(id, said(&policy.content));
            }
            for target in here {
                side.attached.entry(target).or_default().push(id);
            }
        }
        side
    }

    /// What holds at the end of a path.
    fn effects(&'a self, path: &[&'a str]) -> Effects<'a> {
        let mut effects = Effects::new();
        for level in path {
            for id in self.attached.get(level).into_iter().flatten() {
                let name = self.inventory.policies.get(*id).map_or(*id, |policy| policy.name.as_str());
                for said in self.said.get(id).into_iter().flatten() {
                    let place = if said.allows { *level } else { "" };
                    effects.entry(format!("{place} {}", said.meaning)).or_insert((said, name, level));
                }
            }
        }
        effects
    }
}

/// The statements of a policy.
fn said(content: &str) -> Vec<Said> {
    let Ok(document) = Document::parse(content) else {
        // What it means is not known: all of it is one.
        return vec![Said { meaning: content.to_owned(), allows: true, sid: None, text: content.to_owned() }];
    };
    let meanings = document.meanings();
    let statements = document.statements().iter().zip(meanings);
    let said = statements.map(|(statement, (meaning, text))| Said {
        meaning: format!("{} {meaning}", document.version()),
        allows: statement.effect == Effect::Allow,
        sid: statement.sid.clone(),
        text,
    });
    said.collect()
}

fn show((said, policy, at): (&Said, &str, &str), characters: usize) -> EffectiveStatement {
    let mut text: String = said.text.chars().take(characters).collect();
    if text.len() < said.text.len() {
        text.push_str("...");
    }
    EffectiveStatement { sid: said.sid.clone(), text, policy: policy.to_owned(), at: TargetId(at.to_owned()) }
}
