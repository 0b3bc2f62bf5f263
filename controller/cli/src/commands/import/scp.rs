//! `import scp`: guardrails of one's own from the service control policies that are there.

#![allow(clippy::doc_markdown, reason = "these comments are the help, where backticks would be shown")]

mod baseline;
mod examples;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use soc2_guardrails::plan::OWNER_TAG;
use soc2_guardrails::{Document, Effect, Policy};
use soc2_posture::organization::Organization;

use self::baseline::{Baseline, Statement, name_of};
use crate::commands::prepare::catalog;
use crate::commands::{Notes, complain, print};
use crate::exit::Exit;
use crate::snapshot;

/// How AWS Control Tower names its policies.
const CONTROL_TOWER: &str = "aws-guardrails-";

/// Arguments of `import scp`.
#[derive(Debug, Args)]
pub struct ImportScpArgs {
    /// A folder that `soc2ctl snapshot` wrote.
    #[arg(long, value_name = "FOLDER")]
    pub snapshot: PathBuf,
    /// A criterion that they serve, such as CC6.1. Repeat it for more. Default: none; fill them in before you apply them.
    #[arg(long = "criterion", value_name = "ID")]
    pub criteria: Vec<String>,
}

/// Examples in the help.
pub const HELP: &str = "Only Deny statements can be baselines. What is left out is said on standard error and in the comment above the baseline.
Policies of AWS, of AWS Control Tower and of soc2-operator itself are not imported. Whom the AwsOrganization exempts is
exempt from an imported baseline too, unless you write noExemption.

Examples:
  soc2ctl import scp --snapshot today > baselines.yaml
  soc2ctl import scp --snapshot today --criterion CC6.1 --criterion CC5.2 > baselines.yaml

Exit codes: 0 all of it is imported, 1 a policy or a statement is left out, 2 wrong usage or data that cannot be used";

/// Prints the baselines.
pub fn run(args: &ImportScpArgs, notes: &Notes) -> Result<Exit> {
    let (organization, inventory) = snapshot::organization(&args.snapshot)?;
    let inventory = inventory.with_context(|| {
        format!("--snapshot {}: its organization.json has no Policies: they were not read", args.snapshot.display())
    })?;
    // A baseline must not have the name of a built-in one.
    let mut taken: BTreeSet<String> = catalog()?.guardrails().iter().map(|guardrail| guardrail.name.clone()).collect();
    let (mut out, mut count, mut exit) = (String::new(), 0, Exit::Passed);
    for (id, policy) in &inventory.policies {
        let title = format!("policy {id} ({})", policy.name);
        if let Some(whose) = whose(policy) {
            notes.say(&crate::output::plain(&format!("{title} is {whose}: not imported")));
            continue;
        }
        let (statements, left_out) = match statements(policy) {
            Ok(found) => found,
            Err(problem) => (Vec::new(), vec![problem]),
        };
        for problem in &left_out {
            complain(&crate::output::plain(&format!("{title}: {problem}")));
            exit = Exit::Failed;
        }
        if statements.is_empty() {
            if left_out.is_empty() {
                complain(&crate::output::plain(&format!("{title}: it has no statement: not imported")));
                exit = Exit::Failed;
            }
            continue;
        }
        let baseline = Baseline {
            name: name_of(&policy.name, id, &mut taken),
            title: &policy.name,
            origin: format!("Policy {id} ({}), {}", policy.name, attached(policy, &organization)),
            left_out: &left_out,
            criteria: &args.criteria,
            statements: &statements,
        };
        baseline.write(&mut out);
        count += 1;
    }
    print(&out)?;
    notes.say(&format!("{count} of {} policies are imported", inventory.policies.len()));
    Ok(exit)
}

/// Whose policy it is, where that is not the user's.
fn whose(policy: &Policy) -> Option<String> {
    if policy.aws_managed {
        return Some("AWS's own".to_owned());
    }
    if let Some(owner) = policy.tags.get(OWNER_TAG) {
        return Some(format!("kept by soc2-operator, owner {owner}"));
    }
    policy.name.starts_with(CONTROL_TOWER).then(|| "AWS Control Tower's".to_owned())
}

/// The statements that can be a baseline's, and why others cannot.
fn statements(policy: &Policy) -> Result<(Vec<Statement>, Vec<String>), String> {
    let document = Document::parse(&policy.content).map_err(|error| format!("{error}: not imported"))?;
    if !document.unknown().is_empty() {
        let elements = document.unknown().join(", ");
        return Err(format!("it has elements whose meaning is not known ({elements}): not imported"));
    }
    if !document.has_variables() && policy.content.contains("${") {
        let version = document.version();
        return Err(format!("${{...}} is no variable in its Version {version}, and would be one: not imported"));
    }
    let (mut kept, mut left_out) = (Vec::new(), Vec::new());
    for (index, statement) in document.statements().iter().enumerate() {
        let name = statement.name(index);
        if statement.effect == Effect::Allow {
            left_out.push(format!("statement {name} allows, and a baseline only denies: not imported"));
        } else if !statement.unknown.is_empty() {
            let elements = statement.unknown.join(", ");
            left_out
                .push(format!("statement {name} has elements whose meaning is not known ({elements}): not imported"));
        } else {
            kept.push(Statement::new(&document, index));
        }
    }
    baseline::name_statements(&mut kept);
    Ok((kept, left_out))
}

/// Where a policy is attached, in words.
fn attached(policy: &Policy, organization: &Organization) -> String {
    let place = |target: &String| {
        if *target == organization.root {
            return format!("the root ({target})");
        }
        if organization.units.contains_key(target) {
            return format!("organizational unit {} ({target})", organization.path(target));
        }
        let account = organization.accounts.iter().find(|(id, _)| id.to_string() == *target);
        account.map_or_else(|| target.clone(), |(_, account)| format!("account {} ({target})", account.name))
    };
    let places: Vec<String> = policy.targets.iter().map(place).collect();
    if places.is_empty() { "attached to nothing".to_owned() } else { format!("attached to {}", places.join(", ")) }
}
