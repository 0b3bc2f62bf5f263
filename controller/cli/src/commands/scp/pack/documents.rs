//! Policy documents from files, each with a name of its own.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use soc2_guardrails::Document;
use soc2_guardrails::pack::characters;

/// Largest file, in bytes. AWS takes policies of some ten thousand characters.
const MAX_BYTES: u64 = 1 << 20;
/// Deepest folders below the one that is named.
const MAX_DEPTH: usize = 32;

/// A document.
pub struct Found {
    /// The file; `-` is standard input.
    pub file: String,
    /// The file's name without its ending; with a number where another one has it.
    pub name: String,
    /// The document.
    pub document: Document,
    /// Characters of the file, whitespace included, but for that at its end.
    pub characters: usize,
}

/// Reads them, in order of their names within each folder.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Found>> {
    let mut texts = Vec::new();
    for path in paths {
        if path == Path::new("-") {
            let mut text = String::new();
            std::io::stdin().take(MAX_BYTES).read_to_string(&mut text).context("standard input")?;
            texts.push(("-".to_owned(), "stdin".to_owned(), text));
            continue;
        }
        let mut files = Vec::new();
        let metadata = fs::metadata(path).with_context(|| format!("-f {}", path.display()))?;
        if metadata.is_dir() {
            collect(path, MAX_DEPTH, &mut files)?;
            ensure!(!files.is_empty(), "-f {}: there is no .json file in this folder", path.display());
        } else {
            files.push(path.clone());
        }
        for file in files {
            texts.push(text(&file)?);
        }
    }
    let mut taken = BTreeSet::new();
    let mut found = Vec::new();
    for (file, stem, text) in texts {
        let text = text.trim_end();
        let document = Document::parse(text).with_context(|| file.clone())?;
        found.push(Found { name: unique(&stem, &mut taken), file, document, characters: characters(text) });
    }
    Ok(found)
}

/// A name that no other has.
pub fn unique(stem: &str, taken: &mut BTreeSet<String>) -> String {
    let numbered = (2..).map(|number| format!("{stem}-{number}"));
    let free = std::iter::once(stem.to_owned()).chain(numbered).find(|name| !taken.contains(name));
    let name = free.unwrap_or_default();
    taken.insert(name.clone());
    name
}

fn text(path: &Path) -> Result<(String, String, String)> {
    let file = path.display().to_string();
    let size = fs::metadata(path).with_context(|| file.clone())?.len();
    if size > MAX_BYTES {
        bail!("{file}: {size} bytes are too many for a policy");
    }
    let text = fs::read_to_string(path).with_context(|| file.clone())?;
    let stem = path.file_stem().map_or_else(|| file.clone(), |stem| stem.to_string_lossy().into_owned());
    Ok((file, stem, text))
}

/// The `.json` files of a folder and those below it; hidden ones are left out.
fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    ensure!(depth > 0, "{}: too many folders in each other", folder.display());
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    paths.sort();
    for path in paths {
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            continue;
        }
        // A link may lead back to where we are.
        if path.is_dir() && !path.is_symlink() {
            collect(&path, depth - 1, files)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    Ok(())
}
