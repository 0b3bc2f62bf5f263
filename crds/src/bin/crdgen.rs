//! Writes the CRD manifests from the Rust types, or checks that they are up to date.

use std::fmt::{Display, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

const HELP: &str = "\
Writes the CRD manifests, one file per kind, from the types in crds/src.

Usage: crdgen [--check] [FOLDER]

  FOLDER   where they go; without it to crds/generated beside this program's source, and as templates to
           charts/soc2-operator-crds
  --check  write nothing; fail and name each file that is missing, differs or has no kind
  --help   this text
";

/// What the command line asks for.
struct Args {
    check: bool,
    folder: Option<PathBuf>,
}

/// A folder and the files that it has to have, by name.
struct Target {
    folder: PathBuf,
    files: Vec<(String, String)>,
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
    let done = targets(args.folder).and_then(|targets| if args.check { check(&targets) } else { write(&targets) });
    done.map_or_else(|problem| fail(&problem), |()| ExitCode::SUCCESS)
}

fn fail(problem: &str) -> ExitCode {
    eprintln!("crdgen: {problem}");
    ExitCode::FAILURE
}

/// `None`: help is wanted.
fn parse(words: impl Iterator<Item = String>) -> Result<Option<Args>, String> {
    let mut args = Args { check: false, folder: None };
    let mut folders = 0;
    for word in words {
        match word.as_str() {
            "--help" | "-h" => return Ok(None),
            "--check" => args.check = true,
            flag if flag.starts_with('-') => return Err(format!("unknown option {flag}")),
            folder => {
                folders += 1;
                args.folder = Some(PathBuf::from(folder));
            }
        }
    }
    if folders > 1 { Err("more than one folder".to_owned()) } else { Ok(Some(args)) }
}

/// What has to be where.
fn targets(folder: Option<PathBuf>) -> Result<Vec<Target>, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Some(folder) = folder else {
        let templates = source.with_file_name("charts").join("soc2-operator-crds/templates");
        return Ok(vec![
            Target { folder: source.join("generated"), files: files(soc2_crds::manifest)? },
            Target { folder: templates, files: files(soc2_crds::chart_template)? },
        ]);
    };
    Ok(vec![Target { folder, files: files(soc2_crds::manifest)? }])
}

/// Name and content of each file.
fn files<E: Display>(
    render: impl Fn(&CustomResourceDefinition) -> Result<String, E>,
) -> Result<Vec<(String, String)>, String> {
    soc2_crds::crds()
        .iter()
        .map(|crd| {
            let yaml = render(crd).map_err(|error| format!("{}: {error}", crd.spec.names.plural))?;
            Ok((format!("{}.yaml", crd.spec.names.plural), yaml))
        })
        .collect()
}

fn write(targets: &[Target]) -> Result<(), String> {
    for Target { folder, files } in targets {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for (name, content) in files {
            let path = folder.join(name);
            fs::write(&path, content).map_err(|error| format!("{}: {error}", path.display()))?;
            println!("{}", path.display());
        }
    }
    Ok(())
}

fn check(targets: &[Target]) -> Result<(), String> {
    let wrong: String = targets.iter().map(differences).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!(
        "generated files differ from crds/src:{wrong}\nregenerate them: make crds (cargo run -p soc2-crds --bin crdgen)"
    ))
}

/// A line for each file that is not as it has to be.
fn differences(target: &Target) -> String {
    let mut wrong = String::new();
    for (name, content) in &target.files {
        let path = target.folder.join(name);
        let problem = match fs::read_to_string(&path) {
            Ok(found) if found == *content => continue,
            Ok(_) => "is not what the types say".to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => "is missing".to_owned(),
            Err(error) => format!("cannot be read: {error}"),
        };
        let _ = write!(wrong, "\n  {} {problem}", path.display());
    }
    for path in strangers(&target.folder, &target.files) {
        let _ = write!(wrong, "\n  {} belongs to no kind: delete it", path.display());
    }
    wrong
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
