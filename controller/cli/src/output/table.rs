//! Tables for people.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::plain;

/// A cell.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    text: String,
    style: Style,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self { text: plain(text), style: Style::new() }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<u32> for Cell {
    fn from(number: u32) -> Self {
        Self::from(number.to_string())
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::from(number.to_string())
    }
}

impl From<usize> for Cell {
    fn from(number: usize) -> Self {
        Self::from(number.to_string())
    }
}

/// A word that is a state, in its colour.
#[must_use]
pub fn state(word: &str) -> Cell {
    Cell { style: style_of(word), ..Cell::from(word) }
}

/// The colour of a state.
#[must_use]
pub fn style_of(word: &str) -> Style {
    let color = match word {
        "Failed" | "False" | "Overdue" | "NeverAttested" | "Critical" | "High" => AnsiColor::Red,
        "Unknown" | "Due" | "PartlyAttested" | "Medium" => AnsiColor::Yellow,
        "Passed" | "True" | "Attested" => AnsiColor::Green,
        "Excepted" => AnsiColor::Cyan,
        _ => return Style::new(),
    };
    color.on_default()
}

/// Lines of cells under a head; columns that are empty in every line are left out.
#[derive(Debug)]
pub struct Table {
    head: Vec<&'static str>,
    lines: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with this head.
    #[must_use]
    pub fn new(head: &[&'static str]) -> Self {
        Self { head: head.to_vec(), lines: Vec::new() }
    }

    /// Adds a line.
    pub fn push<const N: usize>(&mut self, line: [Cell; N]) {
        self.lines.push(line.into());
    }

    /// Whether there is no line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Writes it.
    pub fn render(&self, out: &mut String) {
        let of_line = |column: usize| self.lines.iter().filter_map(move |line| line.get(column));
        let widths: Vec<usize> = (0..self.head.len())
            .map(|column| of_line(column).map(|cell| cell.text.chars().count()).max().unwrap_or_default())
            .collect();
        let shown: Vec<usize> = (0..widths.len()).filter(|column| widths[*column] > 0).collect();
        let bold = Style::new().bold();
        let head = self.head.iter().map(|text| Cell { text: (*text).to_owned(), style: bold }).collect();
        for line in std::iter::once(&head).chain(&self.lines) {
            for (at, column) in shown.iter().enumerate() {
                let Some(cell) = line.get(*column) else { continue };
                let width = widths[*column].max(self.head[*column].len());
                let padding = if at + 1 == shown.len() { 0 } else { 2 + width - cell.text.chars().count() };
                let style = cell.style;
                let _ = write!(out, "{style}{}{style:#}{:padding$}", cell.text, "");
            }
            out.truncate(out.trim_end().len());
            out.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_empty_ones_left_out() {
        let mut table = Table::new(&["ID", "NOTHING", "STATE", "N"]);
        table.push(["CC6.1".into(), "".into(), state("Failed"), 7_u32.into()]);
        table.push(["A1.1\u{1b}[31m".into(), "".into(), "ä".into(), 12_u32.into()]);
        let mut out = String::new();
        table.render(&mut out);
        let plain = anstream::adapter::strip_str(&out).to_string();
        assert_eq!(plain, "ID         STATE   N\nCC6.1      Failed  7\nA1.1 [31m  ä       12\n");
        assert!(out.contains("\u{1b}[31mFailed\u{1b}[0m"), "{out:?}");
    }
}
