//! Where in a text the elements of a JSON document are.

use std::collections::BTreeMap;
use std::ops::Range;

/// Deepest nesting that is followed; the JSON reader takes no more.
const MAX_DEPTH: usize = 128;

/// Places of all elements of a text.
#[derive(Debug)]
pub struct Positions<'a> {
    text: &'a str,
    lines: Vec<usize>,
    spans: BTreeMap<String, Range<usize>>,
}

/// A place in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// The column of its first character, in characters from 1.
    pub column: usize,
    /// The line on which it ends.
    pub end_line: usize,
    /// The column behind its last character.
    pub end_column: usize,
    /// The bytes of the text.
    pub bytes: Range<usize>,
}

impl<'a> Positions<'a> {
    /// Of a text; where it is no JSON, of what stands in front of the mistake.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut scanner = Scanner { text, at: 0, spans: BTreeMap::new() };
        // What is scanned so far counts.
        let _ = scanner.value(String::new(), MAX_DEPTH);
        Self { text, lines, spans: scanner.spans }
    }

    /// Where the element at a JSON pointer is; the beginning of the text where there is none.
    #[must_use]
    pub fn at(&self, pointer: &str) -> Position {
        let bytes = self.spans.get(pointer).cloned().unwrap_or_default();
        let (line, column) = self.line_and_column(bytes.start);
        let (end_line, end_column) = self.line_and_column(bytes.end);
        Position { line, column, end_line, end_column, bytes }
    }

    fn line_and_column(&self, at: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= at);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
        (line, self.text.get(start..at).map_or(0, |before| before.chars().count()) + 1)
    }
}

/// Goes through JSON that was read before, so that it does not look for mistakes.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
    spans: BTreeMap<String, Range<usize>>,
}

impl<'a> Scanner<'a> {
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.at += blanks;
        rest.get(blanks).copied()
    }

    /// Goes over a byte if it is the next one.
    fn take(&mut self, byte: u8) -> Option<()> {
        let next = self.peek()? == byte;
        self.at += usize::from(next);
        next.then_some(())
    }

    /// A value with all that is in it. `None` at a mistake.
    fn value(&mut self, pointer: String, depth: usize) -> Option<()> {
        let first = self.peek()?;
        let start = self.at;
        let depth = depth.checked_sub(1)?;
        match first {
            b'{' => self.members(&pointer, depth)?,
            b'[' => self.items(&pointer, depth)?,
            b'"' => drop(self.string()?),
            _ => {
                let rest = self.text.as_bytes().get(start..)?;
                let end = rest.iter().position(|byte| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace());
                let length = end.unwrap_or(rest.len());
                // Without a step forward it would not end.
                self.at += std::num::NonZero::new(length)?.get();
            }
        }
        self.spans.insert(pointer, start..self.at);
        Some(())
    }

    fn members(&mut self, pointer: &str, depth: usize) -> Option<()> {
        self.take(b'{')?;
        while self.take(b'}').is_none() {
            self.peek()?;
            let key: String = serde_json::from_str(self.string()?).ok()?;
            self.take(b':')?;
            self.value(format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), depth)?;
            // The one behind the last member is not there.
            let _ = self.take(b',');
        }
        Some(())
    }

    fn items(&mut self, pointer: &str, depth: usize) -> Option<()> {
        self.take(b'[')?;
        let mut index = 0_usize;
        while self.take(b']').is_none() {
            self.value(format!("{pointer}/{index}"), depth)?;
            index += 1;
            let _ = self.take(b',');
        }
        Some(())
    }

    /// A string with its quotes.
    fn string(&mut self) -> Option<&'a str> {
        let start = self.at;
        self.take(b'"')?;
        let mut escaped = false;
        for byte in self.text.as_bytes().get(self.at..)? {
            self.at += 1;
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => return self.text.get(start..self.at),
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::Positions;

    #[test]
    fn elements_are_found_by_line_and_column() {
        let text = "{\n  \"Statement\": [ {\"a/b\": \"é\\\"\", \"c~\": [1, true]} ]\n}";
        let positions = Positions::new(text);
        for (pointer, line, column, written) in [
            ("", 1, 1, text),
            ("/Statement/0/a~1b", 2, 26, "\"é\\\"\""),
            ("/Statement/0/c~0/1", 2, 43, "true"),
            ("/Statement/0/c~0", 2, 39, "[1, true]"),
        ] {
            let position = positions.at(pointer);
            assert_eq!((position.line, position.column, &text[position.bytes]), (line, column, written), "{pointer}");
        }
        let whole = positions.at("");
        assert_eq!((whole.end_line, whole.end_column), (3, 2));
        assert_eq!((positions.at("/none").line, positions.at("/none").column), (1, 1));
        assert_eq!(Positions::new("").at("/a").line, 1);
    }

    fn documents() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), ".{0,6}".prop_map(Value::from)];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                proptest::collection::btree_map("[a-c~/\\\\\"é]{0,3}", inner, 0..4).prop_map(|map| json!(map)),
            ]
        })
    }

    /// Pointers and values of all elements.
    fn elements(pointer: String, value: &Value, all: &mut Vec<(String, Value)>) {
        match value {
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(at, item)| elements(format!("{pointer}/{at}"), item, all));
            }
            Value::Object(map) => map.iter().for_each(|(key, item)| {
                elements(format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), item, all);
            }),
            _ => {}
        }
        all.push((pointer, value.clone()));
    }

    proptest! {
        #[test]
        fn every_element_is_where_it_is_said_to_be(document in documents(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&document).unwrap() } else { document.to_string() };
            let positions = Positions::new(&text);
            let mut all = Vec::new();
            elements(String::new(), &document, &mut all);
            for (pointer, value) in all {
                let position = positions.at(&pointer);
                let found: Value = serde_json::from_str(&text[position.bytes]).unwrap();
                prop_assert_eq!(found, value);
            }
        }

        #[test]
        fn a_text_that_is_no_json_does_no_harm(text in "[{}\\[\\]\":,a0 \\\\é\n]{0,40}") {
            let positions = Positions::new(&text);
            prop_assert!(positions.at("/a").line >= 1);
        }
    }
}
