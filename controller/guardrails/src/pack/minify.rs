//! Fewer characters, the same decisions.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::{Map, Value};

use super::statement::{Line, Side, Source};
use crate::document::{Document, Effect};

/// Whether statements keep their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sids {
    /// Each statement keeps the shortest Sid of those that it stands for: a denial names it.
    #[default]
    Keep,
    /// No statement has a Sid.
    Drop,
}

/// A document without a superfluous character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minified {
    /// The document, as it is sent.
    pub content: String,
    /// Its statements, in order.
    pub statements: Vec<Named>,
}

/// What became of statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The Sid of the statement.
    pub sid: Option<String>,
    /// The Sids of the statements that it stands for, in order; those without one are not here.
    pub stands_for: Vec<String>,
}

impl Minified {
    /// How many characters AWS counts.
    #[must_use]
    pub fn characters(&self) -> usize {
        characters(&self.content)
    }
}

/// How many characters of a policy AWS counts: those of the document as it is sent, whitespace, quotes and escapes
/// included. A character outside ASCII is one.
#[must_use]
pub fn characters(content: &str) -> usize {
    content.chars().count()
}

/// The same document in fewer characters: no request is decided otherwise, whatever its action, resource and context, also
/// where parts of it are not known.
///
/// Lists of one become strings. Patterns and statements that others cover are left out. Statements that differ only in
/// their actions, or only in their resources, become one. A document or statement with elements whose meaning is not known
/// is only stripped of whitespace. Actions are never shortened to patterns of our own: they would match actions that AWS
/// has yet to invent.
#[must_use]
pub fn minify(document: &Document, sids: Sids) -> Minified {
    if !document.unknown().is_empty() {
        let statements = document
            .statements()
            .iter()
            .map(|statement| Named { sid: statement.sid.clone(), stands_for: statement.sid.iter().cloned().collect() });
        return Minified { content: document.to_string(), statements: statements.collect() };
    }
    // The document prints all that it read.
    let written: Value = serde_json::from_str(&document.to_string()).unwrap_or_default();
    let sources = Source::of(document, &written);
    let version = written.get("Version").and_then(Value::as_str);
    merge(&sources.iter().collect::<Vec<_>>(), version, sids)
}

/// The version in which policy variables work: the one of every policy that is packed.
pub(super) const VERSION: &str = "2012-10-17";

/// One document of all these statements.
pub(super) fn merge(sources: &[&Source], version: Option<&str>, sids: Sids) -> Minified {
    // Which joins come first may make a difference; either way is tried.
    let by_resource = folded(sources, &[by_resources, by_actions]);
    let first = print(&by_resource, version, sids);
    if by_resource.len() == sources.len() {
        return first;
    }
    let second = print(&folded(sources, &[by_actions, by_resources]), version, sids);
    if second.characters() < first.characters() { second } else { first }
}

type Rule = for<'a> fn(&mut Vec<Line<'a>>);

/// Applies the rules until nothing changes.
fn folded<'a>(sources: &[&'a Source], rules: &[Rule]) -> Vec<Line<'a>> {
    let mut lines: Vec<Line<'a>> = sources.iter().map(|source| Line::new(source)).collect();
    loop {
        let before = lines.len();
        without_covered(&mut lines);
        for rule in rules {
            rule(&mut lines);
        }
        if lines.len() == before {
            return lines;
        }
    }
}

/// Leaves out statements that another one makes superfluous. Of two that are the same, the first stays.
fn without_covered(lines: &mut Vec<Line<'_>>) {
    let mut kept: Vec<Line<'_>> = Vec::with_capacity(lines.len());
    for line in lines.drain(..) {
        if let Some(wide) = kept.iter_mut().find(|wide| wide.covers(&line)) {
            wide.sources.extend(line.sources);
            continue;
        }
        let (covered, mut others): (Vec<_>, Vec<_>) = kept.into_iter().partition(|narrow| line.covers(narrow));
        let mut line = line;
        line.sources.extend(covered.into_iter().flat_map(|narrow| narrow.sources));
        others.push(line);
        kept = others;
    }
    *lines = kept;
}

/// One statement of those that differ only in their actions.
fn by_resources(lines: &mut Vec<Line<'_>>) {
    join(lines, |line| &line.resources, |line| &mut line.actions);
}

/// One statement of those that differ only in their resources.
fn by_actions(lines: &mut Vec<Line<'_>>) {
    join(lines, |line| &line.actions, |line| &mut line.resources);
}

/// Joins lines that are the same but for one side, which is put together. What is negated is not: `NotAction` of two
/// statements is what both leave out.
fn join<'a>(
    lines: &mut Vec<Line<'a>>,
    same: impl for<'b> Fn(&'b Line<'a>) -> &'b Side<'a>,
    differs: impl for<'b> Fn(&'b mut Line<'a>) -> &'b mut Side<'a>,
) {
    let mut places = BTreeMap::new();
    let mut joined: Vec<Line<'a>> = Vec::with_capacity(lines.len());
    for mut line in lines.drain(..) {
        let key = line.first().filter(|source| source.verbatim.is_none() && !differs(&mut line).negated);
        let Some(key) = key.map(|source| (source.frame.as_str(), same(&line).meaning())) else {
            joined.push(line);
            continue;
        };
        let place = *places.entry(key).or_insert(joined.len());
        if let Some(earlier) = joined.get_mut(place) {
            let both = differs(earlier).with(differs(&mut line));
            *differs(earlier) = both;
            earlier.sources.extend(line.sources);
        } else {
            joined.push(line);
        }
    }
    *lines = joined;
}

/// The document of these statements.
fn print(lines: &[Line<'_>], version: Option<&str>, sids: Sids) -> Minified {
    let mut taken = HashSet::new();
    let (mut statements, mut values) = (Vec::new(), Vec::new());
    for line in lines {
        let named = Named {
            sid: if sids == Sids::Keep { sid(line, &mut taken) } else { None },
            stands_for: line.sources.iter().filter_map(|source| source.sid.clone()).collect(),
        };
        values.push(value(line, named.sid.as_deref()));
        statements.push(named);
    }
    let statement = match values.len() {
        1 => values.pop().unwrap_or_default(),
        _ => Value::Array(values),
    };
    let mut document = Map::new();
    if let Some(version) = version {
        document.insert("Version".to_owned(), version.into());
    }
    document.insert("Statement".to_owned(), statement);
    Minified { content: Value::Object(document).to_string(), statements }
}

/// The shortest Sid of what a line stands for, as Sids are unique within a document.
fn sid(line: &Line<'_>, taken: &mut HashSet<String>) -> Option<String> {
    let names: BTreeSet<(usize, &str)> =
        line.sources.iter().filter_map(|source| source.sid.as_deref()).map(|sid| (sid.len(), sid)).collect();
    let (_, shortest) = names.first()?;
    let free = names.iter().map(|(_, name)| (*name).to_owned());
    let numbered = (2..).map(|number| format!("{shortest}{number}"));
    let sid = free.chain(numbered).find(|name| !taken.contains(name))?;
    taken.insert(sid.clone());
    Some(sid)
}

/// One statement, its keys in the order of AWS's documentation.
fn value(line: &Line<'_>, sid: Option<&str>) -> Value {
    let mut statement = Map::new();
    if let Some(sid) = sid {
        statement.insert("Sid".to_owned(), sid.into());
    }
    let Some(source) = line.first() else { return Value::Object(statement) };
    if let Some(Value::Object(verbatim)) = &source.verbatim {
        statement
            .extend(verbatim.iter().filter(|(key, _)| *key != "Sid").map(|(key, value)| (key.clone(), value.clone())));
        return Value::Object(statement);
    }
    let effect = if source.effect == Effect::Allow { "Allow" } else { "Deny" };
    statement.insert("Effect".to_owned(), effect.into());
    for (name, side) in [("Action", &line.actions), ("Resource", &line.resources)] {
        let name = if side.negated { format!("Not{name}") } else { name.to_owned() };
        statement.insert(name, list(side));
    }
    if !source.conditions.is_empty() {
        let mut condition = Map::new();
        for asked in &source.conditions {
            let keys = condition.entry(asked.operator.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(keys) = keys {
                keys.insert(asked.key.clone(), asked.value.clone());
            }
        }
        statement.insert("Condition".to_owned(), Value::Object(condition));
    }
    Value::Object(statement)
}

/// A list, or the string that is all of it.
fn list(side: &Side<'_>) -> Value {
    match side.patterns.as_slice() {
        [one] => one.text.as_str().into(),
        several => several.iter().map(|pattern| pattern.text.as_str()).collect(),
    }
}
