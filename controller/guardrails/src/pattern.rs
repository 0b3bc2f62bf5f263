//! Patterns with `*` (any characters) and `?` (one character), as the policy language has them.

mod compiled;
mod covers;

pub(crate) use compiled::{Action, Actions, Arn, Pattern, Resource};
pub(crate) use covers::{covers, covers_arn};

/// Whether `text` matches `pattern` as a whole.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    greedy(pattern, text, |left, right| left == right)
}

/// The same, whatever the case of ASCII letters.
pub(crate) fn matches_ignore_case(pattern: &str, text: &str) -> bool {
    greedy(pattern, text, |left, right| left.eq_ignore_ascii_case(&right))
}

/// Goes back to the last `*` only, which is enough, as any `*` may stand for anything.
fn greedy(pattern: &str, text: &str, same: impl Fn(char, char) -> bool) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut retry = None;
    loop {
        let (mut pattern_next, mut text_next) = (pattern.clone(), text.clone());
        match (pattern_next.next(), text_next.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                retry = Some((pattern_next.clone(), text.clone()));
                pattern = pattern_next;
                continue;
            }
            (Some(wanted), Some(found)) if wanted == '?' || same(wanted, found) => {
                (pattern, text) = (pattern_next, text_next);
                continue;
            }
            _ => {}
        }
        // A mismatch: let the last `*` take one character more.
        let Some((after_star, mut rest)) = retry.take() else { return false };
        if rest.next().is_none() {
            return false;
        }
        (pattern, text) = (after_star.clone(), rest.clone());
        retry = Some((after_star, rest));
    }
}

/// One position of a pattern whose variables are put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symbol {
    /// This character.
    Char(char),
    /// Any one character.
    One,
    /// Any characters.
    Any,
    /// Any one character but `:`.
    OneInSegment,
    /// Any characters but `:`.
    AnyInSegment,
}

/// The symbols of a pattern without variables.
pub(crate) fn symbols(pattern: &str) -> Vec<Symbol> {
    pattern
        .chars()
        .map(|character| match character {
            '*' => Symbol::Any,
            '?' => Symbol::One,
            other => Symbol::Char(other),
        })
        .collect()
}

/// Whether `text` matches; slower than [`matches`], and right for every kind of symbol.
pub(crate) fn matches_symbols(pattern: &[Symbol], text: &str) -> bool {
    // reached[i]: the text so far matches the first i symbols.
    let mut reached = vec![false; pattern.len() + 1];
    let mut next = reached.clone();
    reached[0] = true;
    skip_stars(pattern, &mut reached);
    for character in text.chars() {
        next.fill(false);
        for (index, symbol) in pattern.iter().enumerate() {
            if !reached[index] {
                continue;
            }
            match symbol {
                Symbol::Char(wanted) => next[index + 1] |= *wanted == character,
                Symbol::One => next[index + 1] = true,
                Symbol::OneInSegment => next[index + 1] |= character != ':',
                Symbol::Any => next[index] = true,
                Symbol::AnyInSegment => next[index] |= character != ':',
            }
        }
        std::mem::swap(&mut reached, &mut next);
        skip_stars(pattern, &mut reached);
    }
    reached[pattern.len()]
}

fn skip_stars(pattern: &[Symbol], reached: &mut [bool]) {
    for (index, symbol) in pattern.iter().enumerate() {
        if matches!(symbol, Symbol::Any | Symbol::AnyInSegment) && reached[index] {
            reached[index + 1] = true;
        }
    }
}

/// Number of parts of an ARN: `arn`, partition, service, Region, account, resource; only the last may hold colons.
pub(crate) const ARN_PARTS: usize = 6;

/// Keeps wildcards within their part of an ARN, as the `Resource` element has it: in the first five parts a `?` is no
/// colon, and a `*` runs over colons only when it is the last character of its part.
pub(crate) fn keep_in_segments(pattern: &mut [Symbol]) {
    let mut colons = 0;
    for index in 0..pattern.len() {
        let ends_part = matches!(pattern.get(index + 1), None | Some(Symbol::Char(':')));
        match pattern[index] {
            Symbol::Char(':') => colons += 1,
            Symbol::One => pattern[index] = Symbol::OneInSegment,
            Symbol::Any if !ends_part => pattern[index] = Symbol::AnyInSegment,
            _ => {}
        }
        if colons == ARN_PARTS - 1 {
            return;
        }
    }
}

/// Whether the ARN `text` matches `pattern` part by part, as `ArnLike` does; `None` when the pattern is no ARN.
pub(crate) fn matches_arn(pattern: &[Symbol], text: &str) -> Option<bool> {
    let patterns: Vec<&[Symbol]> = pattern.splitn(ARN_PARTS, |symbol| *symbol == Symbol::Char(':')).collect();
    if patterns.len() != ARN_PARTS {
        return None;
    }
    let texts: Vec<&str> = text.splitn(ARN_PARTS, ':').collect();
    let same_length = texts.len() == ARN_PARTS;
    Some(same_length && patterns.iter().zip(texts).all(|(pattern, text)| matches_symbols(pattern, text)))
}

#[cfg(test)]
mod tests;
