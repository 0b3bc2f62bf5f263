//! What the conditions and events of a set say of steps that are held back.

use std::collections::BTreeSet;

use soc2_crds::{GuardrailSet, ReleasedStatus};
use soc2_guardrails::hold::{HOLD_TAG, subject};
use soc2_guardrails::{BaselinePlan, Because, Drift, SetPlan, Step, Withheld};

use super::Outcome;
use super::facts::keep;
use crate::guardrail::restrain::{BREAK_GLASS_DRIFT, is_in, is_released};
use crate::guardrail::tags::BY_TAG;
use crate::kubernetes::conditions::Fact;
use crate::kubernetes::events::Happening;

/// Differences that a message names.
const NAMED: usize = 10;

impl Outcome<'_> {
    fn withheld(&self) -> impl Iterator<Item = &Withheld> {
        self.restraints.withheld.iter().chain(&self.enacted.withheld)
    }

    /// What differs, in words: who changed it, where that is known, and what a release keeps off.
    pub(super) fn drift(&self) -> String {
        let lines: Vec<String> = self.plan.drift.iter().take(NAMED).map(|drift| self.told(drift)).collect();
        let more = self.plan.drift.len().saturating_sub(lines.len());
        let text = lines.join("; ");
        if more > 0 { format!("{text}; and {more} more") } else { text }
    }

    /// Whether something differs that no release wants.
    pub(super) fn drifted(&self) -> bool {
        self.plan.drift.iter().any(|drift| !self.is_released(drift))
    }

    fn is_released(&self, drift: &Drift) -> bool {
        is_released(drift, self.plan, &self.restraints.released, &self.restraints.reduced)
    }

    fn told(&self, drift: &Drift) -> String {
        let text = drift.to_string();
        if self.is_released(drift) {
            return format!("{text}, because it is released");
        }
        let of_it = self.restraints.differences.iter().find(|difference| text.starts_with(&difference.what));
        let Some((by, call, at)) = of_it.and_then(|of| Some((of.by.as_ref()?, of.call.as_ref()?, of.at.as_ref()?)))
        else {
            return text;
        };
        format!("{text} ({call} by {by} at {})", at.0)
    }

    /// Whether a step puts back what a release kept off.
    pub(super) fn ends_release(&self, step: &Step) -> bool {
        self.restraints.ended.iter().any(|ended| puts_back(self.plan, step, ended))
    }

    /// What releases kept off that are over, and is still off: to put it back will be no drift.
    pub(super) fn to_be_put_back(&self) -> impl Iterator<Item = &ReleasedStatus> {
        let left = |step: &&Step| !self.enacted.done.contains(step);
        let is_off = move |ended: &&ReleasedStatus| {
            self.plan.steps.iter().filter(left).any(|step| puts_back(self.plan, step, ended))
        };
        self.restraints.ended.iter().filter(is_off)
    }
}

/// Whether a step puts back what a release kept off: an attachment, or a guardrail of several in a policy.
pub fn puts_back(plan: &SetPlan, step: &Step, released: &ReleasedStatus) -> bool {
    let there = match step {
        Step::Attach { target, .. } => released.target == target.id.0,
        Step::Update { .. } => {
            let shares = |found: &&BaselinePlan| found.name == released.baseline && !found.packed_with.is_empty();
            plan.baselines.iter().any(|found| shares(&found))
        }
        _ => false,
    };
    there && is_in(plan, &released.baseline, step.baseline())
}

/// The facts with what is held back.
pub(super) fn restrained(mut facts: Vec<Fact>, plan: &SetPlan, outcome: &Outcome<'_>) -> Vec<Fact> {
    let held = held(outcome);
    let conditions: Vec<Fact> = [fight(outcome), held, released(outcome)].into_iter().flatten().collect();
    let unheard = outcome.withheld().any(|withheld| withheld.because == Because::Unheard);
    let waits = unheard.then(|| {
        let message = "what differs is put back once the queue of events was read, so that it is known who changed it";
        Fact::yes("Ready", "Listening", message)
    });
    let enacted = outcome.enacted;
    let quiet = plan.refused.is_none() && enacted.error.is_none() && enacted.held.is_none();
    if let Some(first) = conditions.iter().find(|fact| fact.status == "True").or(waits.as_ref()).filter(|_| quiet) {
        for fact in &mut facts {
            if fact.type_ == "InSync" && fact.status == "False" {
                fact.reason.clone_from(&first.reason);
            } else if fact.type_ == "Ready" && enacted.done.is_empty() {
                let status = if first.type_ == "DriftFight" { "False" } else { "True" };
                *fact = Fact { type_: "Ready", status, reason: first.reason.clone(), message: first.message.clone() };
            }
        }
        if first.type_ == "DriftFight" {
            facts.push(Fact::yes("Stalled", &first.reason, first.message.clone()));
        }
    }
    let new: Vec<Fact> =
        conditions.into_iter().filter(|fact| facts.iter().all(|other| other.type_ != fact.type_)).collect();
    facts.extend(new);
    facts
}

/// `Held`, by tags and because of who changed it; false when there is a tag that nobody understands.
fn held(outcome: &Outcome<'_>) -> Option<Fact> {
    let mut reason = None;
    let mut words = BTreeSet::new();
    for withheld in outcome.withheld() {
        match &withheld.because {
            Because::Tag { on, until, cut } => {
                let cut = if *cut { ", because a tag holds for at most 24h" } else { "" };
                reason = Some(BY_TAG);
                words.insert(format!(
                    "the tag {HOLD_TAG} of {on} stops every write there until {until}{cut}: take it away to go on"
                ));
            }
            Because::BreakGlass { who, until } => {
                reason = reason.or(Some(BREAK_GLASS_DRIFT));
                let what = subject(&withheld.step);
                words.insert(format!(
                    "{what} was changed by the break-glass principal {who} and is left alone until {until}"
                ));
            }
            _ => {}
        }
    }
    let bad: Vec<String> = outcome.not_understood.iter().cloned().collect();
    if let Some(reason) = reason {
        let words: Vec<String> = words.into_iter().chain(bad).collect();
        return Some(Fact::yes("Held", reason, words.join("; ")));
    }
    (!bad.is_empty()).then(|| Fact::no("Held", "HoldNotUnderstood", bad.join("; ")))
}

fn released(outcome: &Outcome<'_>) -> Option<Fact> {
    let off = &outcome.restraints.released;
    let words = |found: &ReleasedStatus| {
        let ReleasedStatus { baseline, target, release, until } = found;
        format!("GuardrailRelease {release} keeps {baseline} off {target} until {}", until.0)
    };
    let lines: BTreeSet<String> = off.iter().take(NAMED).map(words).collect();
    let lines: Vec<String> = lines.into_iter().collect();
    (!off.is_empty()).then(|| Fact::yes("Released", "Released", lines.join("; ")))
}

fn fight(outcome: &Outcome<'_>) -> Option<Fact> {
    let fights = outcome.withheld().filter(|withheld| matches!(withheld.because, Because::Fight { .. }));
    let what: BTreeSet<String> = fights.map(|withheld| subject(&withheld.step)).collect();
    if what.is_empty() {
        return None;
    }
    let who: BTreeSet<&str> = outcome.restraints.differences.iter().filter_map(|found| found.by.as_deref()).collect();
    let who: Vec<&str> = who.into_iter().collect();
    let by = if who.is_empty() { String::new() } else { format!(" by {}", who.join(", ")) };
    let what: Vec<String> = what.into_iter().collect();
    let message = format!(
        "{} was put back five times in 24h and changed again{by}: it is left alone. Find out who changes it, then change the set, suspend \
         and resume it, or set its annotation soc2-operator.dev/requestedAt",
        what.join(", ")
    );
    Some(Fact::yes("DriftFight", "DriftFight", message))
}

/// Events of what is held back, and of who changed what.
pub(super) fn happenings(set: &GuardrailSet, outcome: &Outcome<'_>) -> Vec<Happening> {
    let event = |warning, reason: &str, note: String| Happening {
        warning,
        reason: reason.to_owned(),
        action: "Reconcile",
        note,
    };
    let facts = [fight(outcome), held(outcome), released(outcome)].into_iter().flatten();
    let new = |fact: &Fact| keep(set, fact.type_).is_none_or(|old| old.message != fact.message);
    let mut found: Vec<Happening> = facts.filter(new).map(|fact| event(true, &fact.reason, fact.message)).collect();
    let before = set.status.iter().flat_map(|status| &status.differences);
    let known: BTreeSet<&str> = before.filter(|one| one.by.is_some()).map(|one| one.what.as_str()).collect();
    let mut learned = outcome.restraints.differences.iter().filter(|one| one.by.is_some());
    if learned.any(|one| !known.contains(one.what.as_str())) {
        found.push(event(true, "DriftDetected", outcome.drift()));
    }
    let ended: Vec<String> =
        outcome.enacted.done.iter().filter(|step| outcome.ends_release(step)).map(Step::to_string).collect();
    if !ended.is_empty() {
        found.push(event(false, "ReleaseEnded", ended.join("; ")));
    }
    found
}
