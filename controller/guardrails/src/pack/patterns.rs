//! Which patterns say no more than another: what the one matches, the other does too.

use std::collections::HashSet;

use crate::pattern::{ARN_PARTS, Symbol, keep_in_segments, symbols};

/// A pattern of an action, a resource or a condition, ready to compare with others of its kind.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// As it was written.
    pub(super) text: String,
    /// The same for patterns that differ in nothing but the case that does not matter.
    pub(super) folded: String,
    symbols: Vec<Symbol>,
    /// It has wildcards.
    wild: bool,
    /// It may have policy variables: what it matches depends on the request.
    variable: bool,
}

impl Pattern {
    /// A pattern of an action. Actions have no case, and two `*` in a row are one.
    pub(super) fn action(text: &str) -> Self {
        let mut short = String::with_capacity(text.len());
        for character in text.chars() {
            if character != '*' || !short.ends_with('*') {
                short.push(character);
            }
        }
        let folded = short.to_ascii_lowercase();
        Self::new(short, folded, |_| {})
    }

    /// A pattern of a resource, whose wildcards stay within their part of an ARN.
    pub(super) fn resource(text: &str) -> Self {
        Self::new(text.to_owned(), text.to_owned(), keep_in_segments)
    }

    /// A value of an operator on patterns of characters.
    pub(super) fn text(text: &str) -> Self {
        Self::new(text.to_owned(), text.to_owned(), |_| {})
    }

    fn new(text: String, folded: String, restrict: impl FnOnce(&mut [Symbol])) -> Self {
        let mut symbols = symbols(&folded);
        restrict(&mut symbols);
        let (wild, variable) = (text.contains(['*', '?']), text.contains("${"));
        Self { text, folded, symbols, wild, variable }
    }

    /// Whether it matches everything.
    pub(super) fn is_everything(&self) -> bool {
        self.text == "*"
    }

    /// Whether it surely matches all that `other` does. For patterns with variables only when they are the same.
    pub(super) fn covers(&self, other: &Self) -> bool {
        if self.is_everything() || self.folded == other.folded {
            return true;
        }
        self.wild && !self.variable && !other.variable && covers(&self.symbols, &other.symbols)
    }

    /// The same for ARNs that are compared part by part, as `ArnLike` does.
    pub(super) fn covers_by_part(&self, other: &Self) -> bool {
        if self.folded == other.folded {
            return true;
        }
        if !self.wild || self.variable || other.variable {
            return false;
        }
        let parts = |pattern: &Self| -> Vec<Vec<Symbol>> {
            pattern.symbols.splitn(ARN_PARTS, |symbol| *symbol == Symbol::Char(':')).map(<[Symbol]>::to_vec).collect()
        };
        let (own, others) = (parts(self), parts(other));
        own.len() == ARN_PARTS
            && others.len() == ARN_PARTS
            && own.iter().zip(&others).all(|(own, other)| covers(own, other))
    }
}

/// Whether what `inner` matches, `outer` matches too. Sound, and misses only what differs in the order of wildcards.
fn covers(outer: &[Symbol], inner: &[Symbol]) -> bool {
    // Most pairs differ in the first character.
    if let (Some(Symbol::Char(left)), Some(Symbol::Char(right))) = (outer.first(), inner.first())
        && left != right
    {
        return false;
    }
    // reached[i]: the symbols of `inner` so far are taken in by the first i of `outer`.
    let mut reached = vec![false; outer.len() + 1];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    skip_stars(outer, &mut reached);
    for symbol in inner {
        let mut next = vec![false; outer.len() + 1];
        for (index, own) in outer.iter().enumerate() {
            if reached[index] && takes(*own, *symbol) {
                next[if is_star(*own) { index } else { index + 1 }] = true;
            }
        }
        skip_stars(outer, &mut next);
        reached = next;
    }
    reached.last().copied().unwrap_or_default()
}

fn is_star(symbol: Symbol) -> bool {
    matches!(symbol, Symbol::Any | Symbol::AnyInSegment)
}

/// A star may stand for nothing.
fn skip_stars(pattern: &[Symbol], reached: &mut [bool]) {
    for (index, symbol) in pattern.iter().enumerate() {
        if is_star(*symbol) && reached[index] {
            reached[index + 1] = true;
        }
    }
}

/// Whether whatever `inner` stands for, `outer` can stand for it.
fn takes(outer: Symbol, inner: Symbol) -> bool {
    match outer {
        Symbol::Char(_) => outer == inner,
        Symbol::One => matches!(inner, Symbol::Char(_) | Symbol::One | Symbol::OneInSegment),
        Symbol::OneInSegment => inner == Symbol::OneInSegment || in_segment(inner),
        Symbol::Any => true,
        Symbol::AnyInSegment => matches!(inner, Symbol::OneInSegment | Symbol::AnyInSegment) || in_segment(inner),
    }
}

/// A character that does not end a part of an ARN.
fn in_segment(symbol: Symbol) -> bool {
    matches!(symbol, Symbol::Char(character) if character != ':')
}

/// The patterns without those that another one covers, in their order. `covers` is for patterns that differ.
pub(super) fn reduce<'a>(
    patterns: impl IntoIterator<Item = &'a Pattern>,
    covers: impl Fn(&Pattern, &Pattern) -> bool,
) -> Vec<&'a Pattern> {
    let mut seen = HashSet::new();
    let mut kept: Vec<&Pattern> = patterns.into_iter().filter(|pattern| seen.insert(pattern.folded.as_str())).collect();
    let wide: Vec<&Pattern> = kept.iter().copied().filter(|pattern| pattern.wild).collect();
    for (rank, outer) in wide.iter().enumerate() {
        kept.retain(|inner| {
            let earlier = || wide.iter().take(rank).any(|wide| std::ptr::eq(*wide, *inner));
            // Of two that cover each other, the first stays.
            inner.folded == outer.folded || !covers(outer, inner) || (covers(inner, outer) && earlier())
        });
    }
    kept
}

#[cfg(test)]
mod tests;
