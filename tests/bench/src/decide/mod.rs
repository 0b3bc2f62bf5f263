//! Decisions of service control policies: ours, and those of `@cloud-copilot/iam-simulate` on the same calls.

mod cases;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use controlplane::tools::Settings;
use soc2_guardrails::{Document, Level, LevelPolicy, Request, Verdict, verdict};

use crate::Figures;
use crate::asff::thread_seconds;

use cases::{Call, Policies};

/// Time that calls are decided over and over, at least.
const MEASURE: Duration = Duration::from_secs(2);
/// What ours is measured beside.
const PACKAGE: &str = "@cloud-copilot/iam-simulate";
const VERSION: &str = "0.1.173";
/// Decides the calls of a file over and over in one thread; prints decisions a second, and each decision once.
const SCRIPT: &str = r#"
const { createRequire } = require("node:module");
const { readFileSync } = require("node:fs");
const { runUnsafeSimulation } = createRequire(process.argv[2] + "/")(process.argv[3]);
const { levels, calls } = JSON.parse(readFileSync(0, "utf8"));
const everything = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] };
const simulations = calls.map((call) => ({
  request: {
    principal: call.principal,
    action: call.action,
    resource: { resource: call.resource, accountId: "333333333333" },
    contextVariables: call.context,
  },
  identityPolicies: [{ name: "everything", policy: everything }],
  serviceControlPolicies: levels.map(({ target, policies }) => ({
    orgIdentifier: target,
    policies: policies.map(({ name, document }) => ({ name, policy: document })),
  })),
  resourceControlPolicies: [],
}));
// Without its checks of the input, which is the fastest that it has.
const decide = (simulation) => runUnsafeSimulation(simulation, {});
const words = simulations.map(decide);
let decided = 0;
const began = performance.now();
while (performance.now() - began < 3000) {
  simulations.forEach(decide);
  decided += simulations.length;
}
console.log(JSON.stringify({ rate: decided / ((performance.now() - began) / 1000), words }));
"#;

/// Decisions a second on one core for three levels and five policies, and the ratio to the other's.
///
/// # Errors
/// When the policies are none, or the other program does not run although there is one.
pub fn run(out: &mut Figures<'_>) -> Result<()> {
    let (policies, calls) = (cases::policies(), cases::calls());
    let (rate, words) = ours(&policies, &calls)?;
    out("decide_decisions_per_second", rate, "decisions/s");
    let Some(folder) = installed()? else { return Ok(()) };
    let (theirs, their_words) = theirs(&folder, &policies, &calls)?;
    out("decide_iam_simulate_decisions_per_second", theirs, "decisions/s");
    out("decide_to_iam_simulate", rate / theirs, "times");
    let same = words.iter().zip(&their_words).filter(|(one, other)| one == other).count();
    out("decide_same_as_iam_simulate", same as f64 / calls.len() as f64 * 100.0, "%");
    Ok(())
}

/// Decisions a second of this thread's time on a processor, and each decision in words.
fn ours(policies: &Policies, calls: &[Call]) -> Result<(f64, Vec<String>)> {
    let mut documents: Vec<Vec<(&str, Document)>> = Vec::new();
    for (_, attached) in policies {
        let read = attached.iter().map(|(name, text)| Ok((*name, Document::parse(&text.to_string())?)));
        documents.push(read.collect::<Result<_>>()?);
    }
    let levels: Vec<Level<'_>> = policies
        .iter()
        .zip(&documents)
        .map(|((target, _), documents)| Level {
            target: (*target).to_owned(),
            policies: documents.iter().map(|(id, document)| LevelPolicy { id, document: Some(document) }).collect(),
        })
        .collect();
    let requests: Vec<Request<'_>> = calls.iter().map(Call::request).collect();
    let words = requests.iter().map(|request| word(&verdict(&levels, request)).to_owned()).collect();
    let (began, computed) = (Instant::now(), thread_seconds()?);
    let mut decided = 0_u64;
    while began.elapsed() < MEASURE {
        for request in &requests {
            std::hint::black_box(verdict(&levels, std::hint::black_box(request)));
        }
        decided += requests.len() as u64;
    }
    Ok((decided as f64 / (thread_seconds()? - computed), words))
}

/// As the other calls it.
fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Allowed => "Allowed",
        Verdict::ExplicitDeny { .. } => "ExplicitlyDenied",
        Verdict::ImplicitDeny { .. } => "ImplicitlyDenied",
        Verdict::Unknown { .. } => "?",
    }
}

/// The folder with the other program, which is fetched once; `None` and a line that says so where there is no npm.
fn installed() -> Result<Option<PathBuf>> {
    if Command::new("node").arg("--version").output().is_err() || Command::new("npm").arg("--version").output().is_err()
    {
        eprintln!("decide: {PACKAGE} was NOT measured: there is no node or no npm");
        return Ok(None);
    }
    let folder = Settings::from_env().cache.join(format!("iam-simulate-{VERSION}"));
    let module = folder.join("node_modules").join(PACKAGE).join("package.json");
    if !module.is_file() {
        std::fs::create_dir_all(&folder)?;
        let install = ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"];
        let status = Command::new("npm").args(install).arg(&folder).arg(format!("{PACKAGE}@{VERSION}")).status()?;
        ensure!(status.success(), "npm install {PACKAGE}@{VERSION}: {status}");
    }
    Ok(Some(folder))
}

/// Decisions a second by the other program, and each decision in words.
fn theirs(folder: &Path, policies: &Policies, calls: &[Call]) -> Result<(f64, Vec<String>)> {
    #[derive(serde::Deserialize)]
    struct Answer {
        rate: f64,
        words: Vec<String>,
    }
    let mut input = tempfile::tempfile()?;
    serde_json::to_writer(&mut input, &cases::as_json(policies, calls))?;
    std::io::Seek::rewind(&mut input)?;
    let mut node = Command::new("node");
    // `-` would take the script from standard input, where the calls are.
    node.args(["-e", SCRIPT, "--"]).arg("decide").arg(folder).arg(PACKAGE).stdin(input);
    let output = node.output().context("node")?;
    ensure!(output.status.success(), "node: {}", String::from_utf8_lossy(&output.stderr));
    let answer: Answer = serde_json::from_slice(&output.stdout)?;
    Ok((answer.rate, answer.words))
}
