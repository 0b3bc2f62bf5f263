//! Policy variables: `${key}`, `${key, 'default'}` and the escapes `${*}`, `${?}`, `${$}`.

use crate::call::{Call, Key, Values};
use crate::pattern::Symbol;

/// A pattern with its variables put in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resolved {
    /// This.
    Symbols(Vec<Symbol>),
    /// A variable has no value, so that nothing matches.
    Nothing,
    /// The value of this key is not known.
    Unknown(String),
}

/// Whether there may be variables in a pattern.
pub(crate) fn has_variables(pattern: &str) -> bool {
    pattern.contains("${")
}

/// Puts in the variables. What comes from a variable is literal: a `*` in it is just a `*`. With `wildcards` false,
/// those of the pattern are as well.
pub(crate) fn resolve(pattern: &str, wildcards: bool, call: &Call<'_>) -> Resolved {
    let mut symbols = Vec::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once("${") {
        push(&mut symbols, before, wildcards);
        let Some((variable, following)) = after.split_once('}') else {
            push(&mut symbols, &rest[before.len()..], wildcards);
            return Resolved::Symbols(symbols);
        };
        rest = following;
        if matches!(variable, "*" | "?" | "$") {
            symbols.extend(variable.chars().map(Symbol::Char));
            continue;
        }
        let (key, default) = match variable.split_once(',') {
            Some((key, default)) => (key.trim(), default.trim().strip_prefix('\'').and_then(|d| d.strip_suffix('\''))),
            None => (variable.trim(), None),
        };
        match (call.values(&Key::new(key)), default) {
            (Values::One(value), _) => symbols.extend(value.chars().map(Symbol::Char)),
            // A key with several values is not for variables; AWS does not say what it stands for.
            (Values::Many(_), _) if !call.is_careful() => return Resolved::Nothing,
            (Values::Many(_) | Values::Unknown, _) => return Resolved::Unknown(key.to_owned()),
            (Values::Absent, Some(default)) => symbols.extend(default.chars().map(Symbol::Char)),
            (Values::Absent, None) => return Resolved::Nothing,
        }
    }
    push(&mut symbols, rest, wildcards);
    Resolved::Symbols(symbols)
}

fn push(symbols: &mut Vec<Symbol>, text: &str, wildcards: bool) {
    symbols.extend(text.chars().map(|character| match character {
        '*' if wildcards => Symbol::Any,
        '?' if wildcards => Symbol::One,
        other => Symbol::Char(other),
    }));
}

/// The text of symbols that have no wildcards.
pub(crate) fn literal(symbols: &[Symbol]) -> String {
    symbols
        .iter()
        .filter_map(|symbol| match symbol {
            Symbol::Char(character) => Some(*character),
            _ => None,
        })
        .collect()
}
