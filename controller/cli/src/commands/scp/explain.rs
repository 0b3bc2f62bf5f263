//! `scp explain`: what each statement says about a request.

#![allow(clippy::doc_markdown, reason = "comments on arguments are the help, where backticks would be shown")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;
use soc2_guardrails::{Decision, Effect, Effective, Level, Part, Reason, Request, evaluate, explain};

use super::super::{Notes, print, print_json};
use super::policies::{Policies, PolicyArgs};
use crate::args::Plain;
use crate::exit::Exit;
use crate::output::plain;

/// Examples.
pub const HELP: &str = "Examples:
  soc2ctl scp explain --snapshot today --account payments-prod --action ec2:RunInstances --context aws:RequestedRegion=us-east-1
  soc2ctl scp explain --policies regions.json --principal arn:aws:iam::333333333333:role/dev --action s3:GetObject -o json";

/// Arguments of `scp explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Where the policies are.
    #[command(flatten)]
    policies: PolicyArgs,
    /// Id or name of the account whose policies hold. Default: the account of the principal.
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// ARN of who calls.
    #[arg(long, value_name = "ARN")]
    principal: Option<String>,
    /// The action, such as s3:GetObject.
    #[arg(long, value_name = "ACTION")]
    action: String,
    /// ARN of the resource; * for an action without one.
    #[arg(long, value_name = "ARN", default_value = "*")]
    resource: String,
    /// A condition key and its value. Repeat it for more keys, and for more values of one key.
    #[arg(long, value_name = "KEY=VALUE")]
    context: Vec<String>,
    /// Keys that are not given may have any value, instead of being absent.
    #[arg(long)]
    unknown_context: bool,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Plain,
}

pub fn run(args: &ExplainArgs, _: &Notes) -> Result<Exit> {
    let mut context: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pair in &args.context {
        let Some((key, value)) = pair.split_once('=') else { bail!("--context {pair}: is not KEY=VALUE") };
        context.entry(key.to_owned()).or_default().push(value.to_owned());
    }
    let request = Request {
        principal: args.principal.as_deref(),
        action: &args.action,
        resource: &args.resource,
        context: &context,
        unknown_context: args.unknown_context,
    };
    let policies = Policies::read(&args.policies)?;
    let ready = policies.ready();
    let of_principal = args.principal.as_deref().and_then(|arn| arn.split(':').nth(4)).filter(|id| !id.is_empty());
    let effective = match (args.account.as_deref().or(of_principal), &args.policies.snapshot) {
        (Some(account), _) => ready.effective(policies.account(account)?),
        (None, None) => ready.effective("000000000000".parse()?),
        (None, Some(_)) => bail!("whose policies? Say --account, or --principal with an account in it"),
    };
    let levels = match effective {
        Effective::Levels(levels) => levels,
        // Nothing affects it.
        Effective::Unaffected => Vec::new(),
        Effective::Incomplete(why) => bail!("what holds there is not known: {why}"),
    };
    let (decision, reasons) = (evaluate(&levels, &request), explain(&levels, &request));
    match args.output {
        Plain::Table => print(&text(&levels, &request, &decision, &reasons))?,
        Plain::Json => print_json(&Explanation::new(&decision, &reasons))?,
    }
    Ok(Exit::Passed)
}

/// For people.
fn text(levels: &[Level<'_>], request: &Request<'_>, decision: &Decision, reasons: &[Reason<'_>]) -> String {
    let mut out = String::new();
    let decided = match decision {
        Decision::Allowed if levels.is_empty() => "allowed: no service control policy affects this account".to_owned(),
        Decision::Allowed => "allowed: every level allows it, and nothing denies it".to_owned(),
        Decision::ExplicitDeny { level, policy, statement } => {
            format!("denied by statement {} of policy {} on {level}", plain(statement), plain(policy))
        }
        Decision::ImplicitDeny { level } => format!("denied: nothing on {level} allows it"),
        Decision::Unknown { keys } => {
            format!("not known: it depends on {}", keys.iter().cloned().collect::<Vec<_>>().join(", "))
        }
    };
    let _ = writeln!(out, "{}: {decided}", plain(request.action));
    if *decision == Decision::Allowed && reasons.iter().any(denies) {
        out.push_str("  a service-linked role calls, which no service control policy affects\n");
    }
    let mut at = "";
    for reason in reasons {
        if reason.level != at {
            at = reason.level;
            let _ = writeln!(out, "{}", plain(at));
        }
        let effect = if reason.effect == Effect::Allow { "allows" } else { "denies" };
        let about = match (reason.applies, &reason.fails[..]) {
            (Some(true), _) => "applies".to_owned(),
            (None, _) => format!("is not known to apply: depends on {}", reason.missing.join(", ")),
            (Some(false), fails) => {
                format!(
                    "does not apply: {}",
                    fails.iter().map(|part| why(part, request)).collect::<Vec<_>>().join("; ")
                )
            }
        };
        let _ = writeln!(out, "  {} {} ({effect}): {}", plain(reason.policy), plain(&reason.statement), plain(&about));
    }
    out
}

fn denies(reason: &Reason<'_>) -> bool {
    reason.effect == Effect::Deny && reason.applies == Some(true)
}

/// Why a part does not match.
fn why(part: &Part, request: &Request<'_>) -> String {
    match part {
        Part::Action => format!("the action is not {}", request.action),
        Part::Resource => format!("the resource is not {}", request.resource),
        Part::Condition(condition) => {
            let found = request.context.iter().find(|(key, _)| key.eq_ignore_ascii_case(&condition.key));
            let found = found.map_or_else(|| "not given".to_owned(), |(_, values)| values.join(", "));
            let (operator, key) = (&condition.operator, &condition.key);
            format!("{operator} {key} {} does not hold ({key}: {found})", condition.values.join(", "))
        }
    }
}

/// For machines.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Explanation<'a> {
    decision: &'static str,
    decided_by: Option<By<'a>>,
    /// What it depends on, when it is not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    depends_on: Vec<&'a str>,
    statements: Vec<Said<'a>>,
}

#[derive(Serialize)]
struct By<'a> {
    target: &'a str,
    policy: Option<&'a str>,
    statement: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Said<'a> {
    target: &'a str,
    policy: &'a str,
    statement: &'a str,
    effect: &'static str,
    applies: Option<bool>,
    fails: Vec<Fails<'a>>,
    depends_on: &'a [String],
}

/// A part that does not match.
#[derive(Serialize)]
#[serde(tag = "part")]
enum Fails<'a> {
    Action,
    Resource,
    Condition { operator: &'a str, key: &'a str, values: &'a [String] },
}

impl<'a> Explanation<'a> {
    fn new(decision: &'a Decision, reasons: &'a [Reason<'a>]) -> Self {
        let (word, decided_by) = match decision {
            Decision::Allowed => ("Allowed", None),
            Decision::Unknown { .. } => ("Unknown", None),
            Decision::ImplicitDeny { level } => {
                ("ImplicitDeny", Some(By { target: level, policy: None, statement: None }))
            }
            Decision::ExplicitDeny { level, policy, statement } => {
                ("ExplicitDeny", Some(By { target: level, policy: Some(policy), statement: Some(statement) }))
            }
        };
        let depends_on = match decision {
            Decision::Unknown { keys } => keys.iter().map(String::as_str).collect(),
            _ => Vec::new(),
        };
        Self { decision: word, decided_by, depends_on, statements: reasons.iter().map(Said::new).collect() }
    }
}

impl<'a> Said<'a> {
    fn new(reason: &'a Reason<'a>) -> Self {
        let fails = reason.fails.iter().map(|part| match part {
            Part::Action => Fails::Action,
            Part::Resource => Fails::Resource,
            Part::Condition(found) => {
                Fails::Condition { operator: &found.operator, key: &found.key, values: &found.values }
            }
        });
        Self {
            target: reason.level,
            policy: reason.policy,
            statement: &reason.statement,
            effect: if reason.effect == Effect::Allow { "Allow" } else { "Deny" },
            applies: reason.applies,
            fails: fails.collect(),
            depends_on: &reason.missing,
        }
    }
}
