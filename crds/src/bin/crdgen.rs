//! Writes the CRD manifests from the Rust types, or checks that they are up to date.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

const HELP: &str = "\
Writes the CRD manifests, one file per kind, from the types in crds/src.

Usage: crdgen [--check] [FOLDER]

  FOLDER   where they go, crds/generated beside this program's source by default
  --check  write nothing; fail and name each file that is missing, differs or has no kind
  --help   this text
";

/// What the command line asks for.
struct Args {
    check: bool,
    folder: PathBuf,
}

fn main() -> ExitCode {
    let args = match parse(env::args().skip(1)) {
        Ok(Some(args)) => args,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(problem) => return fail(&format!("{problem}; see crdgen --help")),
    };
    let done = if args.check { check(&args.folder) } else { write(&args.folder) };
    done.map_or_else(|problem| fail(&problem), |()| ExitCode::SUCCESS)
}

fn fail(problem: &str) -> ExitCode {
    eprintln!("crdgen: {problem}");
    ExitCode::FAILURE
}

/// `None`: help is wanted.
fn parse(words: impl Iterator<Item = String>) -> Result<Option<Args>, String> {
    let mut args = Args { check: false, folder: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/generated")) };
    let mut folders = 0;
    for word in words {
        match word.as_str() {
            "--help" | "-h" => return Ok(None),
            "--check" => args.check = true,
            flag if flag.starts_with('-') => return Err(format!("unknown option {flag}")),
            folder => {
                folders += 1;
                args.folder = PathBuf::from(folder);
            }
        }
    }
    if folders > 1 { Err("more than one folder".to_owned()) } else { Ok(Some(args)) }
}

/// Name and content of each file.
fn files() -> Result<Vec<(String, String)>, String> {
    soc2_crds::crds()
        .iter()
        .map(|crd| {
            let yaml = soc2_crds::manifest(crd).map_err(|error| format!("{}: {error}", crd.spec.names.plural))?;
            Ok((format!("{}.yaml", crd.spec.names.plural), yaml))
        })
        .collect()
}

fn write(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for (name, content) in files()? {
        let path = folder.join(name);
        fs::write(&path, content).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}

fn check(folder: &Path) -> Result<(), String> {
    let files = files()?;
    let mut wrong = String::new();
    for (name, content) in &files {
        let path = folder.join(name);
        let problem = match fs::read_to_string(&path) {
            Ok(found) if found == *content => continue,
            Ok(_) => "is not what the types say".to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => "is missing".to_owned(),
            Err(error) => format!("cannot be read: {error}"),
        };
        let _ = write!(wrong, "\n  {} {problem}", path.display());
    }
    for path in strangers(folder, &files) {
        let _ = write!(wrong, "\n  {} belongs to no kind: delete it", path.display());
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!(
        "generated files differ from crds/src:{wrong}\nregenerate them: make crds (cargo run -p soc2-crds --bin crdgen)"
    ))
}

/// YAML files in the folder that no kind has.
fn strangers(folder: &Path, files: &[(String, String)]) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .filter(|path| !files.iter().any(|(name, _)| path.file_name().is_some_and(|found| found == name.as_str())))
        .collect();
    found.sort();
    found
}
