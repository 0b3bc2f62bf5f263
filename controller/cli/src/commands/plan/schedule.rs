//! When and in which order a set's plan is written: its window, its waves, and what is staged for them now.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use serde_json::{Value, json};
use soc2_crds::GuardrailSet;
use soc2_guardrails::{Drift, PolicyInventory, SetPlan, Step, Target, Window};
use soc2_posture::duration;

/// Targets of a wave that are named.
const NAMED: usize = 10;

/// The schedule of one set.
#[derive(Default)]
pub struct Schedule {
    window: Option<Opening>,
    waves: Vec<WaveLines>,
    staged: Vec<Staged>,
}

struct Opening {
    window: String,
    open: bool,
    next: Option<Timestamp>,
}

struct WaveLines {
    name: String,
    accounts: usize,
    targets: Vec<String>,
    missing: Vec<String>,
}

struct Staged {
    policy: String,
    name: String,
    beside: String,
    targets: Vec<String>,
}

/// The windows of sets, by name of the set.
///
/// # Errors
/// When one makes no sense.
pub fn windows<'a>(sets: impl Iterator<Item = &'a GuardrailSet>, now: Timestamp) -> Result<BTreeMap<String, Window>> {
    let mut found = BTreeMap::new();
    for set in sets {
        let Some(window) = &set.spec.window else { continue };
        let name = set.name_any();
        let wrong = |problem: String| anyhow!("GuardrailSet {name}: spec.{problem}");
        let length = duration::parse(&window.duration).map_err(|error| wrong(format!("window.duration: {error}")))?;
        let length = SignedDuration::try_from(length).map_err(|error| wrong(format!("window.duration: {error}")))?;
        let read = Window::new(&window.schedule, length, &window.time_zone, now);
        found.insert(name.clone(), read.map_err(|error| wrong(error.to_string()))?);
    }
    Ok(found)
}

impl Schedule {
    /// Of a plan with this window. A refused one has none.
    pub fn new(plan: &SetPlan, window: Option<&Window>, inventory: &PolicyInventory, now: Timestamp) -> Self {
        if plan.refused.is_some() {
            return Self::default();
        }
        let window = window.map(|window| Opening {
            window: window.to_string(),
            open: window.is_open(now),
            next: window.next_opening(now),
        });
        Self { window, waves: waves(plan), staged: staged(plan, inventory) }
    }

    /// In lines, for people.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(Opening { window, open, next }) = &self.window {
            let next = next.map_or_else(|| "never again".to_owned(), |next| format!("at {next}"));
            let now = if *open { "is open now, and opens again" } else { "is closed now, and opens" };
            lines.push(format!("window {window} {now} {next}"));
        }
        for (at, wave) in self.waves.iter().enumerate() {
            let (number, of) = (at + 1, self.waves.len());
            let WaveLines { name, accounts, targets, missing } = wave;
            let more =
                if targets.len() > NAMED { format!(" and {} more", targets.len() - NAMED) } else { String::new() };
            let targets: Vec<&str> = targets.iter().take(NAMED).map(String::as_str).collect();
            let state = if missing.is_empty() { ", in place".to_owned() } else { format!(", {} steps", missing.len()) };
            lines.push(format!(
                "wave {number} of {of} ({name}): {accounts} accounts, on {}{more}{state}",
                targets.join(", ")
            ));
        }
        for Staged { policy, name, beside, targets } in &self.staged {
            let on = if targets.is_empty() { "nothing".to_owned() } else { targets.join(", ") };
            lines.push(format!("staged now: {name} ({policy}) on {on}, beside {beside}"));
        }
        lines
    }

    /// For machines: the keys of the set that say so.
    pub fn json(&self) -> Value {
        let window = self.window.as_ref();
        let wave = |wave: &WaveLines| json!({"name": wave.name, "accounts": wave.accounts, "targets": wave.targets, "missing": wave.missing});
        let staged = |one: &Staged| json!({"policyId": one.policy, "policy": one.name, "beside": one.beside, "targets": one.targets});
        json!({
            "window": window.map(|found| json!({"window": found.window, "open": found.open, "nextOpening": found.next})),
            "waves": self.waves.iter().map(wave).collect::<Vec<_>>(),
            "staged": self.staged.iter().map(staged).collect::<Vec<_>>(),
        })
    }
}

/// The waves of a plan that takes some, the last one too.
fn waves(plan: &SetPlan) -> Vec<WaveLines> {
    let Some(rollout) = &plan.rollout else { return Vec::new() };
    let words = |steps: &[Step]| steps.iter().map(ToString::to_string).collect();
    let mut waves: Vec<WaveLines> = rollout
        .waves
        .iter()
        .map(|wave| WaveLines {
            name: wave.name.clone(),
            accounts: wave.accounts.len(),
            targets: wave.targets.iter().map(ToString::to_string).collect(),
            missing: words(&wave.steps),
        })
        .collect();
    let before: usize = waves.iter().map(|wave| wave.accounts).sum();
    let mut targets: Vec<&Target> = plan.baselines.iter().flat_map(|baseline| &baseline.targets).collect();
    targets.sort();
    targets.dedup();
    waves.push(WaveLines {
        name: "the rest".to_owned(),
        accounts: (plan.affected_accounts as usize).saturating_sub(before),
        targets: targets.into_iter().map(ToString::to_string).collect(),
        missing: words(&plan.steps),
    });
    waves
}

fn staged(plan: &SetPlan, inventory: &PolicyInventory) -> Vec<Staged> {
    let of = |drift: &Drift| {
        let Drift::Staged { policy, other, .. } = drift else { return None };
        let found = inventory.policies.get(other)?;
        let targets = found.targets.iter().cloned().collect();
        Some(Staged { policy: other.clone(), name: found.name.clone(), beside: policy.clone(), targets })
    };
    plan.drift.iter().filter_map(of).collect()
}
