//! From paths to the objects in them, whatever they are.

use std::fmt;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::lines::line_of;

/// Largest file of manifests, in bytes; the API server takes 3 MiB a request.
const MAX_BYTES: u64 = 16 << 20;
/// Deepest folders below the one that is named.
const MAX_DEPTH: usize = 32;

/// Where an object was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The file; `-` is standard input.
    pub file: String,
    /// The line on which its document begins, from 1.
    pub line: usize,
    /// The document.
    text: Arc<str>,
    /// Path of the object in its document; empty when it is all of it.
    path: String,
}

impl Origin {
    fn new(file: &str, line: usize, text: &str) -> Self {
        Self { file: file.to_owned(), line, text: text.into(), path: String::new() }
    }

    /// Where the field was written that a message begins with, such as `spec.controls[0].id: is no control`.
    #[must_use]
    pub fn of(&self, message: &str) -> Self {
        let field = message.split_once(": ").map_or("", |(field, _)| field);
        let line = self.line + line_of(&self.text, &format!("{}{field}", self.path));
        Self { line, ..self.clone() }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.file, self.line)
    }
}

/// A document, or why it is none.
pub type Document = (Origin, Result<Value, String>);

/// The documents of these files and folders, in order of their names. Lists are taken apart.
///
/// # Errors
/// When a path is not there, or is too large.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Document>> {
    let mut documents = Vec::new();
    for path in paths {
        if path == Path::new("-") {
            let mut text = String::new();
            std::io::stdin().take(MAX_BYTES).read_to_string(&mut text).context("standard input")?;
            parse("-", &text, &mut documents);
            continue;
        }
        let metadata = fs::metadata(path).with_context(|| format!("-f {}", path.display()))?;
        if !metadata.is_dir() {
            read_file(path, &mut documents)?;
            continue;
        }
        let before = documents.len();
        for file in folder_files(path, &["yaml", "yml", "json"])? {
            read_file(&file, &mut documents)?;
        }
        if documents.len() == before {
            bail!("-f {}: there is no .yaml, .yml or .json file with a document in this folder", path.display());
        }
    }
    Ok(documents)
}

/// Files with these extensions in a folder and those below it, in order; hidden ones are left out.
///
/// # Errors
/// When a folder cannot be read.
pub fn folder_files(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    collect(folder, extensions, MAX_DEPTH, &mut files)?;
    Ok(files)
}

fn collect(folder: &Path, extensions: &[&str], depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    ensure!(depth > 0, "{}: too many folders in each other", folder.display());
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    paths.sort();
    for path in paths {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        if path.is_dir() {
            // A link may lead back to where we are.
            if !path.is_symlink() {
                collect(&path, extensions, depth - 1, files)?;
            }
        } else if path.extension().is_some_and(|extension| extensions.iter().any(|known| extension == *known)) {
            files.push(path);
        }
    }
    Ok(())
}

fn read_file(path: &Path, documents: &mut Vec<Document>) -> Result<()> {
    let name = path.display().to_string();
    let size = fs::metadata(path).with_context(|| name.clone())?.len();
    ensure!(size <= MAX_BYTES, "{name}: {size} bytes are too many for a file of manifests");
    match fs::read_to_string(path) {
        Ok(text) => parse(&name, &text, documents),
        Err(error) => documents.push((Origin::new(&name, 1, ""), Err(error.to_string()))),
    }
    Ok(())
}

/// The documents of a text.
pub(super) fn parse(file: &str, text: &str, documents: &mut Vec<Document>) {
    for (line, part) in split(text) {
        let origin = Origin::new(file, line, part);
        match parsed(part) {
            Ok(Value::Null) => {}
            Ok(value) => flatten(&origin, value, documents),
            Err(error) => {
                // Its line is that in the part.
                let at = error.location().map_or(line, |at| line + at.line().saturating_sub(1));
                let words = error.to_string();
                let words = words.split(" at line ").next().unwrap_or_default();
                documents.push((Origin { line: at, ..origin }, Err(format!("is not YAML: {words}"))));
            }
        }
    }
}

/// A document as JSON. By way of YAML's own values, which know of keys that are there twice.
fn parsed(part: &str) -> Result<Value, serde_yaml::Error> {
    serde_yaml::from_value(serde_yaml::from_str(part)?)
}

/// The documents of a YAML text with the line on which each begins: one that is broken does not stop the others.
fn split(text: &str) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let (mut start, mut first_line, mut at) = (0, 1, 0);
    for (line, content) in text.split_inclusive('\n').enumerate() {
        let end = at + content.len();
        let marker = content.trim_end();
        if marker == "---" || content.starts_with("--- ") || marker == "..." {
            parts.push((first_line, &text[start..at]));
            // What stands behind the marker belongs to the document.
            start = if content.starts_with("--- ") { at + 4 } else { end };
            first_line = line + if start == end { 2 } else { 1 };
        }
        at = end;
    }
    parts.push((first_line, &text[start..]));
    parts.into_iter().map(|(line, part)| from_first_word(line, part)).filter(|(_, part)| !part.is_empty()).collect()
}

/// Without the blank lines and comments in front of it.
fn from_first_word(line: usize, part: &str) -> (usize, &str) {
    let mut skipped = 0;
    for (number, content) in part.split_inclusive('\n').enumerate() {
        let content = content.trim();
        if !content.is_empty() && !content.starts_with('#') {
            return (line + number, &part[skipped..]);
        }
        skipped += part[skipped..].find('\n').map_or(part.len() - skipped, |end| end + 1);
    }
    (line, "")
}

fn flatten(origin: &Origin, value: Value, documents: &mut Vec<Document>) {
    let is_list = value["kind"].as_str().is_some_and(|kind| kind.ends_with("List")) && value["items"].is_array();
    if !is_list {
        documents.push((origin.clone(), Ok(value)));
        return;
    }
    let Value::Object(mut list) = value else { return };
    if let Some(Value::Array(items)) = list.remove("items") {
        let place = |at: usize| Origin { path: format!("items[{at}]."), ..origin.clone() };
        documents.extend(items.into_iter().enumerate().map(|(at, item)| (place(at), Ok(item))));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(text: &str) -> Vec<(usize, Result<Value, String>)> {
        let mut documents = Vec::new();
        parse("f", text, &mut documents);
        documents.into_iter().map(|(origin, value)| (origin.line, value)).collect()
    }

    #[test]
    fn documents_are_found_with_their_lines() {
        let text = "# a comment\n\na: 1\n---\n---\n# another\n{b: 2}\n--- {c: 3}\n...\nd: |\n  --- no marker\n  ...\n";
        let expected = [
            (3, Ok(json!({"a": 1}))),
            (7, Ok(json!({"b": 2}))),
            (8, Ok(json!({"c": 3}))),
            (10, Ok(json!({"d": "--- no marker\n...\n"}))),
        ];
        assert_eq!(of(text), expected);
        assert_eq!(of(""), []);
    }

    #[test]
    fn a_broken_document_stops_no_other() {
        let found = of("a: 1\n---\nb: 1\nc: [\n---\nd: 1\n");
        assert_eq!(found.len(), 3);
        assert!(found[1].1.as_ref().is_err_and(|words| words.starts_with("is not YAML: ")), "{found:?}");
        assert_eq!(found[2], (6, Ok(json!({"d": 1}))));
        let twice = of("a: 1\na: 2\n");
        assert!(twice[0].1.as_ref().is_err_and(|words| words.contains("duplicate")), "{twice:?}");
    }

    #[test]
    fn lists_are_taken_apart() {
        let found = of("kind: List\nitems:\n- {kind: A}\n- {kind: B}\n");
        assert_eq!(found, [(1, Ok(json!({"kind": "A"}))), (1, Ok(json!({"kind": "B"})))]);
    }
}
