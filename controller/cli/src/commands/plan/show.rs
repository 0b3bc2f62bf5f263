//! A plan as text, JSON and Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use soc2_guardrails::plan::EffectiveChange;
use soc2_guardrails::{BaselinePlan, Drift, SetPlan, Step};

use super::changes::{Change, Changes, SetChanges};

/// For people: `+` is new, `~` is changed, `-` goes away.
pub fn text(changes: &Changes<'_>) -> String {
    let mut out = String::new();
    for id in changes.retag {
        let _ = writeln!(out, "~ take over policy {id} of another cluster: it gets the tag of this one");
    }
    for set in &changes.sets {
        let _ = writeln!(out, "GuardrailSet {} ({:?})", set.plan.name, set.plan.mode);
        let _ = writeln!(out, "  {}", verdict(set.plan));
        for note in notes(set.plan).into_iter().chain(set.schedule.lines()) {
            let _ = writeln!(out, "  = {note}");
        }
        for change in &set.steps {
            let _ = writeln!(out, "  {} {}", sign(change.step), change.step);
            for (sign, statements) in [("-", &change.gone), ("+", &change.new)] {
                for statement in statements {
                    let _ = writeln!(out, "      {sign} {statement}");
                }
            }
        }
        for line in effective(changes, set) {
            let _ = writeln!(out, "  {line}");
        }
        let unsaid = |drift: &&Drift| set.steps.is_empty() && !matches!(drift, Drift::Staged { .. });
        let waits: Vec<String> = set.plan.drift.iter().filter(unsaid).map(ToString::to_string).collect();
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
    for id in changes.retag {
        let _ = write!(out, "\nPolicy `{id}` of another cluster is taken over.\n");
    }
    for set in &changes.sets {
        let _ = write!(out, "\n#### `{}` ({:?})\n\n{}\n", set.plan.name, set.plan.mode, verdict(set.plan));
        let notes: Vec<String> = notes(set.plan).into_iter().chain(set.schedule.lines()).collect();
        if !notes.is_empty() {
            out.push('\n');
        }
        for note in notes {
            let _ = writeln!(out, "- {note}");
        }
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
        for line in effective(changes, set) {
            // In a diff only a sign in the first column counts.
            let _ = writeln!(out, "{}", line.strip_prefix("    ").map_or_else(|| format!("# {line}"), str::to_owned));
        }
        out.push_str("```\n");
    }
    out
}

/// What comes and goes for each target, own and inherited, in lines.
fn effective(changes: &Changes<'_>, set: &SetChanges<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for change in &set.effective.targets {
        lines.push(format!("effective on {}:", changes.named(&change.target.0)));
        for (sign, statements) in [("-", &change.gone), ("+", &change.new)] {
            for found in statements {
                let at = if found.at == change.target {
                    String::new()
                } else {
                    format!(" at {}", changes.named(&found.at.0))
                };
                lines.push(format!("    {sign} {} (policy {}{at})", found.text, found.policy));
            }
        }
        if change.more > 0 {
            lines.push(format!("    and {} statements more", change.more));
        }
    }
    if set.effective.more > 0 {
        lines.push(format!("effective on {} targets more, not shown", set.effective.more));
    }
    lines
}

/// For machines.
pub fn json(changes: &Changes<'_>) -> Value {
    json!({"takeOver": changes.retag, "sets": changes.sets.iter().map(set).collect::<Vec<_>>()})
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
        "baselines": plan.baselines.iter().map(baseline).collect::<Vec<_>>(),
        "stricter": plan.shared.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "adopt": counts.adopt,
        "create": counts.create,
        "update": counts.update,
        "attach": counts.attach,
        "detach": counts.detach,
        "delete": counts.delete,
        "drift": plan.drift.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "effective": set.effective.targets.iter().map(EffectiveChange::to_json).collect::<Vec<_>>(),
        "effectiveMore": set.effective.more,
        "schedule": set.schedule.json(),
        "steps": set.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

fn baseline(baseline: &BaselinePlan) -> Value {
    let by: BTreeMap<&str, _> = baseline.satisfied.iter().map(|(target, by)| (target.0.as_str(), by)).collect();
    json!({
        "name": baseline.name,
        "policy": baseline.policy,
        "policyId": baseline.policy_id,
        "packedWith": baseline.packed_with,
        "targets": baseline.targets.iter().map(|target| target.id.0.as_str()).collect::<Vec<_>>(),
        "attached": baseline.attached,
        "satisfiedBy": by,
    })
}

/// What is in force by others, together, or by two sets at once.
fn notes(plan: &SetPlan) -> Vec<String> {
    let mut notes = Vec::new();
    if plan.refused.is_some() {
        return notes;
    }
    for baseline in &plan.baselines {
        for (target, by) in &baseline.satisfied {
            let (name, by) = (&baseline.name, by.join(", "));
            notes.push(format!(
                "{name} is in force on {target} already: {by} deny the same; nothing of ours is put there"
            ));
        }
        if let Some(policy) = baseline.policy.as_ref().filter(|_| !baseline.packed_with.is_empty()) {
            notes.push(format!("{} shares policy {policy} with {}", baseline.name, baseline.packed_with.join(", ")));
        }
    }
    notes.extend(plan.shared.iter().map(ToString::to_string));
    notes
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
        Step::Adopt { .. } | Step::Update { .. } => "~",
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
    let adopted = sum(|plan| plan.counts().adopt);
    let adopted = if adopted == 0 { String::new() } else { format!("{adopted} to adopt, ") };
    let refused = if refused == 0 { String::new() } else { format!(", {refused} sets refused") };
    format!(
        "{adopted}{} to create, {} to change, {} to attach, {} to detach, {} to delete{refused}",
        sum(|plan| plan.counts().create),
        sum(|plan| plan.counts().update),
        sum(|plan| plan.counts().attach),
        sum(|plan| plan.counts().detach),
        sum(|plan| plan.counts().delete),
    )
}
