//! `scp pack`: fewer policies and characters, the same decisions.

#![allow(clippy::doc_markdown, reason = "these comments are the help, where backticks would be shown")]

mod documents;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use soc2_guardrails::TargetId;
use soc2_guardrails::pack::{Minified, PackInput, Piece, Sids, minify, pack};

use self::documents::Found;
use crate::args::Plain;
use crate::commands::{Notes, complain, print, print_json};
use crate::exit::Exit;
use crate::output::table::Table;

/// Arguments of `scp pack`.
#[derive(Debug, Args)]
pub struct PackArgs {
    /// Service control policies as JSON: files, folders with the .json files below them, or - for standard input. Repeat it for more.
    #[arg(short = 'f', long = "filename", value_name = "PATH", required = true, num_args = 1..)]
    pub files: Vec<PathBuf>,
    /// Folder to write the policies to, a file each. It must not exist, or be empty. Default: standard output, a policy a line.
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Make each policy shorter and put none together: for policies that are not all attached to the same targets.
    #[arg(long)]
    pub apart: bool,
    /// Leave out Sids. Whoever is denied then finds no statement named.
    #[arg(long)]
    pub no_sids: bool,
    /// Most characters of a policy. AWS's quota is the default.
    #[arg(long, value_name = "NUMBER", default_value_t = 10_240, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_characters: u32,
    /// Most policies: the slots that are free on every target. AWS lets 10 be attached to a root, unit or account, FullAWSAccess among them.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_policies: Option<u32>,
    /// How to print. With table, the policies are on standard output and the figures on standard error, unless --out is said.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Plain,
}

/// Examples in the help.
pub const HELP: &str = "No decision is changed, whatever the request: patterns and statements that others cover are left out, statements that differ
only in actions or only in resources become one, lists of one become strings, and whitespace goes. Actions are never
shortened to patterns, which would match actions that AWS has yet to invent. Policies are put together as if all of them
were attached to the same targets; say --apart where they are not.

Examples:
  soc2ctl scp pack -f policies
  soc2ctl scp pack -f deny-leave.json protect-trail.json > packed.json
  soc2ctl scp pack -f policies --max-policies 3 --out packed
  soc2ctl scp pack --apart -f - < policy.json

Exit codes: 0 they are packed, 1 they do not fit and nothing is written, 2 wrong usage or data that cannot be used";

/// A policy to print.
struct Packed {
    name: String,
    made_of: Vec<String>,
    document: Minified,
}

/// Policies, statements and characters.
struct Sum {
    policies: usize,
    statements: usize,
    characters: usize,
}

/// Prints fewer policies.
pub fn run(args: &PackArgs, notes: &Notes) -> Result<Exit> {
    let found = documents::read(&args.files)?;
    let before = Sum {
        policies: found.len(),
        statements: found.iter().map(|one| one.document.statements().len()).sum(),
        characters: found.iter().map(|one| one.characters).sum(),
    };
    let packed = match packed(args, &found, notes) {
        Ok(packed) => packed,
        Err(problems) => {
            for problem in &problems {
                complain(problem);
            }
            return Ok(Exit::Failed);
        }
    };
    if let Some(folder) = &args.out {
        write(folder, &packed)?;
    }
    match args.output {
        Plain::Json => print_json(&report(args, &before, &packed))?,
        Plain::Table if args.out.is_some() => print(&figures(args, &before, &packed))?,
        Plain::Table => {
            let lines: Vec<&str> = packed.iter().flat_map(|one| [one.document.content.as_str(), "\n"]).collect();
            print(&lines.concat())?;
            notes.show(&figures(args, &before, &packed));
        }
    }
    Ok(Exit::Passed)
}

/// The policies, in order of name; or why they do not fit.
fn packed(args: &PackArgs, found: &[Found], notes: &Notes) -> Result<Vec<Packed>, Vec<String>> {
    let sids = if args.no_sids { Sids::Drop } else { Sids::Keep };
    let (mut names, mut packed) = (BTreeSet::new(), Vec::new());
    let (strange, known): (Vec<&Found>, Vec<&Found>) = found.iter().partition(|one| !one.document.unknown().is_empty());
    for one in strange {
        notes.say(&format!(
            "{}: has elements whose meaning is not known ({}): it only loses whitespace",
            one.file,
            one.document.unknown().join(", ")
        ));
        let document = minify(&one.document, sids);
        packed.push(Packed {
            name: documents::unique(&one.name, &mut names),
            made_of: vec![one.name.clone()],
            document,
        });
    }
    // All of them are on the same targets, whichever these are.
    let targets = BTreeSet::from([TargetId("every target".to_owned())]);
    let group = |one: &Found| if args.apart { one.name.clone() } else { String::new() };
    let groups: Vec<String> = known.iter().map(|one| group(one)).collect();
    let pieces: Vec<Piece<'_>> = known
        .iter()
        .zip(&groups)
        .map(|(one, group)| Piece { baseline: &one.name, document: &one.document, targets: &targets, group })
        .collect();
    let max_characters = args.max_characters as usize;
    let free = |_: &TargetId| usize::MAX;
    let packing = pack(&PackInput { pieces: &pieces, existing: &[], free: &free, max_characters, sids, repack: false });
    let policies = packing.policies.into_iter();
    packed.extend(policies.map(|one| Packed {
        name: documents::unique(&one.key, &mut names),
        made_of: one.baselines,
        document: one.document,
    }));
    let mut problems: Vec<String> = packing.refused.iter().map(|refused| refused.unfit.to_string()).collect();
    problems.extend(too_large(&packed, max_characters));
    if let Some(most) = args.max_policies.map(|most| most as usize).filter(|most| packed.len() > *most) {
        let characters: usize = packed.iter().map(|one| one.document.characters()).sum();
        problems.push(format!(
            "{} policies are needed, and --max-policies is {most}: {characters} characters in all, and a policy may have \
             {max_characters}",
            packed.len()
        ));
    }
    packed.sort_by(|left, right| left.name.cmp(&right.name));
    if problems.is_empty() { Ok(packed) } else { Err(problems) }
}

/// Policies that are left as they are may be too large.
fn too_large(packed: &[Packed], max: usize) -> impl Iterator<Item = String> {
    packed.iter().filter(move |one| one.document.characters() > max).map(move |one| {
        format!("policy {} has {} characters, and a policy may have {max}", one.name, one.document.characters())
    })
}

fn write(folder: &Path, packed: &[Packed]) -> Result<()> {
    let name = folder.display();
    fs::create_dir_all(folder).with_context(|| name.to_string())?;
    let empty = fs::read_dir(folder).with_context(|| name.to_string())?.next().is_none();
    ensure!(empty, "--out {name}: is not empty; name another folder, or remove it first");
    for one in packed {
        let path = folder.join(format!("{}.json", one.name));
        // Without a line feed at the end: AWS would count it.
        fs::write(&path, &one.document.content).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn after(packed: &[Packed]) -> Sum {
    Sum {
        policies: packed.len(),
        statements: packed.iter().map(|one| one.document.statements.len()).sum(),
        characters: packed.iter().map(|one| one.document.characters()).sum(),
    }
}

/// Figures for people.
fn figures(args: &PackArgs, before: &Sum, packed: &[Packed]) -> String {
    let mut out = String::new();
    let mut policies = Table::new(&["POLICY", "MADE OF", "STATEMENTS", "CHARACTERS", "OF"]);
    for one in packed {
        let characters = one.document.characters();
        policies.push([
            one.name.as_str().into(),
            one.made_of.join(", ").into(),
            one.document.statements.len().into(),
            characters.into(),
            args.max_characters.into(),
        ]);
    }
    policies.render(&mut out);
    out.push('\n');
    let mut sums = Table::new(&["", "POLICIES (SLOTS)", "STATEMENTS", "CHARACTERS"]);
    for (name, sum) in [("before", before), ("after", &after(packed))] {
        sums.push([name.into(), sum.policies.into(), sum.statements.into(), sum.characters.into()]);
    }
    sums.render(&mut out);
    for one in packed {
        for named in one.document.statements.iter().filter(|named| named.stands_for.len() > 1) {
            let sid = named.sid.as_deref().map_or_else(|| "a statement".to_owned(), |sid| format!("statement {sid}"));
            let line = format!("{sid} of {} stands for {}", one.name, named.stands_for.join(", "));
            let _ = writeln!(out, "{}", crate::output::plain(&line));
        }
    }
    out
}

/// The same for machines, with the policies.
fn report(args: &PackArgs, before: &Sum, packed: &[Packed]) -> Value {
    let sum = |sum: &Sum| json!({"policies": sum.policies, "statements": sum.statements, "characters": sum.characters});
    let policies: Vec<Value> = packed
        .iter()
        .map(|one| {
            let named = one.document.statements.iter();
            let statements: Vec<Value> =
                named.map(|named| json!({"sid": named.sid, "standsFor": named.stands_for})).collect();
            json!({
                "name": one.name,
                "madeOf": one.made_of,
                "characters": one.document.characters(),
                "statements": statements,
                "content": one.document.content,
            })
        })
        .collect();
    json!({
        "maxCharacters": args.max_characters,
        "before": sum(before),
        "after": sum(&after(packed)),
        "policies": policies,
    })
}
