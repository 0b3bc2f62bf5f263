//! On which line of a text a field was written. The parser does not keep it, so it is looked for by names and indents; where the
//! way of writing is another (everything on one line), it is the line of what is around it.

/// The line, from 0, of the field at a path such as `spec.controls[0].id`, or else of the nearest above it that is found.
pub(super) fn line_of(text: &str, path: &str) -> usize {
    let mut block: Vec<Line<'_>> =
        text.lines().enumerate().filter_map(|(number, line)| Line::of(number, line)).collect();
    let mut found = block.first().map_or(0, |line| line.number);
    for step in steps(path) {
        let inside = match step {
            Step::Member(name) => member(&block, name),
            Step::Item(index) => item(&block, index),
        };
        let Some((number, inside)) = inside else { break };
        (found, block) = (number, inside);
    }
    found
}

/// A line with something on it.
#[derive(Clone, Copy, Debug)]
struct Line<'a> {
    number: usize,
    indent: usize,
    content: &'a str,
}

impl<'a> Line<'a> {
    fn of(number: usize, line: &'a str) -> Option<Self> {
        let content = line.trim_start();
        let nothing = content.trim_end().is_empty() || content.starts_with('#');
        (!nothing).then_some(Self { number, indent: line.len() - content.len(), content })
    }

    /// Whether it begins the member of this name.
    fn is_member(&self, name: &str) -> bool {
        let unquoted = self.content.trim_start_matches(['"', '\'']);
        let after = unquoted.strip_prefix(name).map(|rest| rest.trim_start_matches(['"', '\'']));
        after.is_some_and(|rest| rest.starts_with(':'))
    }

    /// What stands behind the dash of an item.
    fn behind_dash(&self) -> Option<Self> {
        let rest = self.content.strip_prefix('-')?;
        let content = rest.trim_start();
        let is_item = rest.is_empty() || rest.starts_with(' ');
        is_item.then_some(Self { indent: self.indent + self.content.len() - content.len(), content, ..*self })
    }
}

enum Step<'a> {
    Member(&'a str),
    Item(usize),
}

/// The steps of a path.
fn steps(path: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let (name, indexes) = part.split_once('[').unwrap_or((part, ""));
        if !name.is_empty() {
            steps.push(Step::Member(name));
        }
        let indexes = indexes.split('[').filter_map(|index| index.trim_end_matches(']').parse().ok());
        steps.extend(indexes.map(Step::Item));
    }
    steps
}

/// The line of a member of a block, and the lines of its value.
fn member<'a>(block: &[Line<'a>], name: &str) -> Option<(usize, Vec<Line<'a>>)> {
    // JSON's outermost brackets stand alone.
    let indent = block.iter().find(|line| !matches!(line.content.trim_end(), "{" | "[")).map(|line| line.indent)?;
    let at = block.iter().position(|line| line.indent == indent && line.is_member(name))?;
    // The items of a list may stand as far left as its name.
    let ends = |line: &Line<'_>| line.indent < indent || (line.indent == indent && line.behind_dash().is_none());
    let value = block[at + 1..].iter().take_while(|line| !ends(line)).copied().collect();
    Some((block[at].number, value))
}

/// The line of an item of a block, and its lines.
fn item<'a>(block: &[Line<'a>], index: usize) -> Option<(usize, Vec<Line<'a>>)> {
    let indent = block.first()?.indent;
    let starts = block.iter().enumerate().filter(|(_, line)| line.indent == indent && line.behind_dash().is_some());
    let at = starts.map(|(at, _)| at).nth(index)?;
    let first = block[at].behind_dash()?;
    let rest = block[at + 1..].iter().take_while(|line| line.indent > indent).copied();
    let lines = std::iter::once(first).filter(|line| !line.content.trim().is_empty()).chain(rest).collect();
    Some((block[at].number, lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "kind: A\nmetadata: {name: one}\n# spec: no\nspec:\n  controls:\n  - id: S3.2\n    action: Disable\n  -\n    id: IAM.1\n\n  \
        - {id: EC2.2,\n     action: Enable}\n  targets:\n    include:\n      - accountIds:\n        - 1\n        - 2\n    \"exclude\": []\n";

    #[test]
    fn a_field_is_on_its_line() {
        for (path, line) in [
            ("kind", 0),
            ("metadata.name", 1),
            ("spec", 3),
            ("spec.controls", 4),
            ("spec.controls[0].id", 5),
            ("spec.controls[0].action", 6),
            ("spec.controls[1].id", 8),
            ("spec.controls[2].action", 10),
            ("spec.controls[2]", 10),
            ("spec.controls[3]", 4),
            ("spec.targets.include[0].accountIds[1]", 16),
            ("spec.targets.exclude", 17),
            ("spec.targets.minAccounts", 12),
            ("status", 0),
            ("", 0),
        ] {
            assert_eq!(line_of(YAML, path), line, "{path}");
        }
    }

    #[test]
    fn json_over_several_lines_is_found_too() {
        let json =
            "{\n  \"kind\": \"A\",\n  \"spec\": {\n    \"a\": [\n      {\n        \"b\": 1\n      }\n    ]\n  }\n}\n";
        for (path, line) in [("kind", 1), ("spec.a", 3), ("spec.a[0].b", 3), ("spec.c", 2)] {
            assert_eq!(line_of(json, path), line, "{path}");
        }
        assert_eq!(line_of("{\"kind\": \"A\", \"spec\": {}}", "spec.a"), 0);
    }
}
