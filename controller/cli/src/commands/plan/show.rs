//! A plan as text, JSON and Markdown.

use std::fmt::Write as _;

use serde_json::{Value, json};
use soc2_guardrails::{SetPlan, Step};

use super::changes::{Change, Changes, SetChanges};

/// For people: `+` is new, `~` is changed, `-` goes away.
pub fn text(changes: &Changes<'_>) -> String {
    let mut out = String::new();
    for set in &changes.sets {
        let _ = writeln!(out, "GuardrailSet {} ({:?})", set.plan.name, set.plan.mode);
        let _ = writeln!(out, "  {}", verdict(set.plan));
        for change in &set.steps {
            let _ = writeln!(out, "  {} {}", sign(change.step), change.step);
            for (sign, statements) in [("-", &change.gone), ("+", &change.new)] {
                for statement in statements {
                    let _ = writeln!(out, "      {sign} {statement}");
                }
            }
        }
        let waits: Vec<String> =
            set.plan.drift.iter().filter(|_| set.steps.is_empty()).map(ToString::to_string).collect();
        for drift in waits {
            let _ = writeln!(out, "  ! {drift}");
        }
        out.push('\n');
    }
    let _ = writeln!(out, "{}", total(changes));
    out
}

/// For a comment on a pull request.
pub fn markdown(changes: &Changes<'_>) -> String {
    let mut out = format!("### Guardrails: {}\n", total(changes));
    for set in &changes.sets {
        let _ = write!(out, "\n#### `{}` ({:?})\n\n{}\n", set.plan.name, set.plan.mode, verdict(set.plan));
        if set.steps.is_empty() {
            continue;
        }
        out.push_str("\n```diff\n");
        for change in &set.steps {
            let sign = if matches!(sign(change.step), "~") { "!" } else { sign(change.step) };
            let _ = writeln!(out, "{sign} {}", change.step);
            for (sign, statements) in [("-", &change.gone), ("+", &change.new)] {
                for statement in statements {
                    let _ = writeln!(out, "{sign}   {statement}");
                }
            }
        }
        out.push_str("```\n");
    }
    out
}

/// For machines.
pub fn json(changes: &Changes<'_>) -> Value {
    json!({"sets": changes.sets.iter().map(set).collect::<Vec<_>>()})
}

fn set(set: &SetChanges<'_>) -> Value {
    let plan = set.plan;
    let counts = plan.counts();
    let refused = plan.refused.as_ref().map(|refusal| json!({"reason": refusal.reason, "message": refusal.message}));
    json!({
        "name": plan.name,
        "mode": format!("{:?}", plan.mode),
        "hash": plan.hash,
        "inSync": plan.in_sync,
        "refused": refused,
        "weakens": plan.weakens(),
        "affectedAccounts": plan.affected_accounts,
        "changedAccounts": plan.changed_accounts,
        "create": counts.create,
        "update": counts.update,
        "attach": counts.attach,
        "detach": counts.detach,
        "delete": counts.delete,
        "drift": plan.drift.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "steps": set.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

fn step(change: &Change<'_>) -> Value {
    let parsed = |statements: &[String]| -> Vec<Value> {
        statements.iter().map(|text| serde_json::from_str(text).unwrap_or_else(|_| json!(text))).collect()
    };
    json!({
        "step": change.step.to_string(),
        "baseline": change.step.baseline(),
        "weakens": change.step.weakens(),
        "removedStatements": parsed(&change.gone),
        "addedStatements": parsed(&change.new),
    })
}

fn sign(step: &Step) -> &'static str {
    match step {
        Step::Create { .. } | Step::Attach { .. } => "+",
        Step::Update { .. } => "~",
        Step::Detach { .. } | Step::Delete { .. } => "-",
    }
}

/// How a set stands, in one line.
fn verdict(plan: &SetPlan) -> String {
    if let Some(refused) = &plan.refused {
        return format!("refused: {refused}");
    }
    if plan.all().next().is_none() {
        let state = if plan.in_sync { "in sync" } else { "nothing to write, but not in sync" };
        return format!("{state}: {} accounts are protected", plan.affected_accounts);
    }
    let weakens = if plan.weakens() { "; it weakens, so that a person has to approve it" } else { "" };
    format!(
        "plan {}: {} accounts change, {} are protected afterwards{weakens}",
        plan.hash, plan.changed_accounts, plan.affected_accounts
    )
}

fn total(changes: &Changes<'_>) -> String {
    let sum = |count: fn(&SetPlan) -> u32| changes.sets.iter().map(|set| count(set.plan)).sum::<u32>();
    let refused = changes.sets.iter().filter(|set| set.plan.refused.is_some()).count();
    let refused = if refused == 0 { String::new() } else { format!(", {refused} sets refused") };
    format!(
        "{} to create, {} to change, {} to attach, {} to detach, {} to delete{refused}",
        sum(|plan| plan.counts().create),
        sum(|plan| plan.counts().update),
        sum(|plan| plan.counts().attach),
        sum(|plan| plan.counts().detach),
        sum(|plan| plan.counts().delete),
    )
}
