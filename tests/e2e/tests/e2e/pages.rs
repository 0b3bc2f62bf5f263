//! Every block of commands in the documentation is run by a test, or is listed here with the reason why not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use e2e::binaries;

/// What becomes of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// One of the tests of [`super::pages_run`] and [`super::pages_soc2ctl`] runs it.
    Runs(Part),
    /// Another test runs it, or the same commands.
    Elsewhere(&'static str),
    /// It cannot be run here.
    NotHere(&'static str),
}
use Fate::{Elsewhere, NotHere, Runs};

/// What a block needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// helm and a cluster with nodes.
    Charts,
    /// An AWS with `CloudFormation`.
    CloudFormation,
    /// The operator at work.
    Cluster,
    /// `soc2ctl`, files, the operator at work.
    Soc2ctl,
}
use Part::{Charts, CloudFormation, Cluster, Soc2ctl};

/// The page, how the block begins, what becomes of it.
const FATES: &[(&str, &str, Fate)] = &[
    ("README.md", "make demo", Elsewhere("demo::the_demo_runs_to_its_end")),
    ("README.md", "make test", NotHere("it is what runs this test")),
    ("README.md", "helm upgrade --install soc2-operator-crds", Runs(Charts)),
    ("README.md", "kubectl apply -f docs/samples/organization.yaml", Runs(Cluster)),
    ("docs/walk.md", "make demo", Elsewhere("demo::the_demo_runs_to_its_end")),
    ("docs/walk.md", "", Elsewhere("demo_walks::the_walk_does_what_it_says")),
    ("docs/guardrail-walk.md", "", Elsewhere("demo_walks::the_walk_with_guardrails_does_what_it_says")),
    ("docs/install.md", "aws cloudformation", Runs(CloudFormation)),
    ("docs/install.md", "aws iam", Runs(CloudFormation)),
    ("docs/install.md", "kubectl create namespace", Runs(Charts)),
    ("docs/install.md", "helm upgrade", Runs(Charts)),
    (
        "docs/install.md",
        "kubectl -n soc2-operator port-forward",
        NotHere("a port is forwarded by a kubelet, and here is none; degraded_starts:: reads /readyz"),
    ),
    ("docs/install.md", "kubectl get awsorg", Runs(Cluster)),
    ("docs/security.md", "kubectl auth can-i", Runs(Cluster)),
    ("docs/upgrade.md", "helm upgrade", Runs(Charts)),
    ("docs/uninstall.md", "", Runs(Charts)),
    ("docs/development.md", "make test", NotHere("it is what runs this test")),
    ("docs/development.md", "cargo build", NotHere("it is how this test was started")),
    ("docs/soc2ctl.md", "", Runs(Soc2ctl)),
    (
        "docs/kinds/awsorganization.md",
        "kubectl annotate awsorg acme soc2-operator.dev/take-over",
        Elsewhere("guardrail_foreign:: annotates with the id of another cluster"),
    ),
    (
        "docs/kinds/guardrailapproval.md",
        "soc2ctl approve",
        Elsewhere("demo_walks::the_walk_with_guardrails_does_what_it_says approves, promotes and deletes"),
    ),
    ("docs/kinds/", "", Runs(Cluster)),
    (
        "docs/runbooks/",
        "",
        NotHere(
            "what an alert names has to be filled in; alerts:: and promtool fire the alerts, test_docs.py follows the links",
        ),
    ),
    (
        "charts/",
        "helm upgrade --install",
        NotHere("no registry has the charts yet; the same from the repository is in docs/install.md"),
    ),
    ("fuzz/README.md", "tests/tools/fuzz.sh", NotHere("the stage fuzz of make test runs it")),
    ("tests/", "", NotHere("about the tests, for who writes them")),
];

/// First words of a block without a language that make it one of commands.
const COMMANDS: [&str; 9] = ["make", "kubectl", "helm", "aws", "soc2ctl", "curl", "cargo", "git", "soc2-operator"];

/// A block of commands.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// Path of the page in the repository.
    pub(crate) page: String,
    /// Line of its fence.
    pub(crate) line: usize,
    /// The commands.
    pub(crate) text: String,
}

impl Block {
    /// What becomes of it: the first rule that fits.
    pub(crate) fn fate(&self) -> Option<Fate> {
        let fits = |(page, start, _): &&(&str, &str, Fate)| self.page.starts_with(page) && self.text.starts_with(start);
        FATES.iter().find(fits).map(|(_, _, fate)| *fate)
    }
}

/// The blocks of commands of a page, without the indent of the list that they are in.
fn blocks_of(page: &str, text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    // Line, language, indent and lines of the block that is open.
    let mut open: Option<(usize, &str, usize, String)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let indent = line.len() - line.trim_start().len();
        let fence = line.trim_start().strip_prefix("```");
        match (&mut open, fence) {
            (None, Some(language)) => open = Some((number, language.trim(), indent, String::new())),
            (Some((line, language, _, body)), Some(_)) => {
                let first = body.split_whitespace().next().unwrap_or_default();
                if *language == "sh" || (language.is_empty() && COMMANDS.contains(&first)) {
                    found.push(Block { page: page.to_owned(), line: *line, text: body.clone() });
                }
                open = None;
            }
            (Some((_, _, indent, body)), None) => {
                body.push_str(line.get(*indent..).unwrap_or_default());
                body.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

fn pages(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            pages(&path, found)?;
        } else if path.extension().is_some_and(|end| end == "md") {
            found.push(path);
        }
    }
    found.sort();
    Ok(())
}

/// All blocks of commands.
pub(crate) fn all() -> Result<Vec<Block>> {
    let root = binaries::repository();
    let mut paths = Vec::new();
    pages(&root, &mut paths)?;
    let mut found = Vec::new();
    for path in paths {
        let page = path.strip_prefix(&root)?.to_str().context("a path")?;
        found.extend(blocks_of(page, &std::fs::read_to_string(&path)?));
    }
    Ok(found)
}

/// The blocks that a test has to run; it takes one after the other, and in the end there has to be none left.
pub(crate) struct Left(Vec<Block>);

impl Left {
    /// Those of a part.
    pub(crate) fn of(part: Part) -> Result<Self> {
        Ok(Self(all()?.into_iter().filter(|block| block.fate() == Some(Runs(part))).collect()))
    }

    /// The next one of a page that begins so.
    pub(crate) fn take(&mut self, page: &str, start: &str) -> Result<Block> {
        let at = self.0.iter().position(|block| block.page == page && block.text.starts_with(start));
        Ok(self.0.remove(at.with_context(|| format!("no block of {page} begins with {start:?}"))?))
    }

    /// All that are left of pages below this path.
    pub(crate) fn take_all(&mut self, below: &str) -> Vec<Block> {
        let (taken, left) = std::mem::take(&mut self.0).into_iter().partition(|block| block.page.starts_with(below));
        self.0 = left;
        taken
    }

    /// Fails if one was not run.
    pub(crate) fn nothing(&self) -> Result<()> {
        let left: Vec<String> = self.0.iter().map(|block| format!("{}:{}", block.page, block.line)).collect();
        ensure!(left.is_empty(), "not run: {left:?}");
        Ok(())
    }
}

#[test]
fn every_block_of_commands_is_run_or_says_why_not() -> Result<()> {
    let all = all()?;
    let without: Vec<String> = all
        .iter()
        .filter(|block| block.fate().is_none())
        .map(|block| format!("{}:{}: {}", block.page, block.line, block.text.lines().next().unwrap_or_default()))
        .collect();
    ensure!(without.is_empty(), "no test runs these; add them to FATES: {without:#?}");
    for (page, start, _) in FATES {
        let any = all.iter().any(|block| block.page.starts_with(page) && block.text.starts_with(start));
        ensure!(any || *page == "tests/", "FATES has {page:?} {start:?}, and there is no such block");
    }
    // The tests that are named are there.
    let main = binaries::read("tests/e2e/tests/e2e/main.rs")?;
    for (_, _, fate) in FATES {
        if let Elsewhere(test) = fate {
            let (file, rest) = test.split_once("::").context("a test")?;
            ensure!(main.contains(&format!("mod {file};")), "there is no test file {file}");
            let name: &str = rest.split(' ').next().unwrap_or_default();
            let code = binaries::read(&format!("tests/e2e/tests/e2e/{file}.rs"))?;
            ensure!(name.is_empty() || code.contains(&format!("fn {name}(")), "there is no test {test}");
        }
    }
    Ok(())
}

#[test]
fn blocks_are_found_with_and_without_language_and_indent() {
    let text = "```sh\na\n```\n1. x\n   ```sh\n   b |\n     c\n   ```\n```\n┌ picture\n```\n```\nmake demo\n```\n```yaml\nmake: x\n```\n";
    let found: BTreeMap<usize, String> =
        blocks_of("p", text).into_iter().map(|block| (block.line, block.text)).collect();
    let wanted = [(1, "a\n"), (5, "b |\n  c\n"), (12, "make demo\n")];
    assert_eq!(found, wanted.map(|(line, text)| (line, text.to_owned())).into());
}
