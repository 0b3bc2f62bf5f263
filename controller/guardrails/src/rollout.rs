//! Which wave of a change comes next, and what holds it back. Pure: what is on record, what was read and the time are arguments.
//!
//! A wave begins when the one before it is in place, has soaked, and its gate passes or a person promotes. Everything that this takes
//! is in the state on record, which is written before AWS is: a crash repeats a wave, and never skips a soak.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::gate::{Clearance, Waiting, WaitingKind};
use crate::plan::{RolloutPlan, SetPlan, Step};

/// How far a change is, as it is on record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Hash ([`SetPlan::wanted`]) of what is rolled out.
    pub hash: String,
    /// The wave, from 1.
    pub wave: usize,
    /// Since when it is being written.
    pub begun_at: Option<Timestamp>,
    /// Since when it is in place without a gap.
    pub since: Option<Timestamp>,
    /// That it was rolled back.
    pub rolled_back: Option<RolledBack>,
}

/// A rollback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolledBack {
    /// When.
    pub at: Timestamp,
    /// Calls that the change denied.
    pub denials: u64,
    /// Some of them, in words.
    pub sample: Vec<String>,
    /// Approvals that were there before.
    pub seen: BTreeSet<String>,
}

/// A `GuardrailApproval`, as far as it moves waves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Go {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// The plan that it is for.
    pub hash: String,
    /// The wave that may begin; `None`: it approves the plan.
    pub wave: Option<usize>,
    /// Until when it counts.
    pub expires_at: Option<Timestamp>,
}

/// What was read of the calls of a wave's accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// When it was begun.
    pub at: Timestamp,
    /// Whether anything was recorded since the wave was written.
    pub data: bool,
    /// Calls that the change denied.
    pub denials: u64,
    /// Some of them, in words.
    pub sample: Vec<String>,
    /// Why it could not be read.
    pub error: Option<String>,
}

/// What decides after a soak.
#[derive(Clone, Copy, Debug)]
pub enum Gate<'a> {
    /// A person.
    Person,
    /// What was recorded.
    Recorded {
        /// Most calls that the change may deny.
        most: u64,
        /// Go on without data.
        proceed: bool,
        /// The newest reading of the wave; `None` until there is one.
        reading: Option<&'a Reading>,
    },
}

/// What a decision is made from.
#[derive(Clone, Copy, Debug)]
pub struct RolloutInput<'a> {
    /// The plan.
    pub plan: &'a SetPlan,
    /// Its waves.
    pub rollout: &'a RolloutPlan,
    /// What the gate lets through of the plan as a whole.
    pub clearance: &'a Clearance,
    /// What is on record.
    pub state: &'a State,
    /// Approvals for this set.
    pub approvals: &'a [Go],
    /// How long a wave has to be in place.
    pub soak: SignedDuration,
    /// What decides then.
    pub gate: Gate<'a>,
    /// Writes do not show yet.
    pub settling: bool,
    /// Now.
    pub now: Timestamp,
}

/// What is done in a turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// What to put on record, before anything is written; `None`: nothing.
    pub state: Option<State>,
    /// What may be written, and what is waited for.
    pub clearance: Clearance,
    /// Accounts whose calls are to be read, by index of their wave: what is read now decides later.
    pub watch: Option<usize>,
}

/// Decides what comes next.
#[must_use]
pub fn decide(input: &RolloutInput<'_>) -> Turn {
    let begins = State { hash: input.plan.wanted.clone(), wave: 1, ..State::default() };
    let mut state = if input.state.hash == begins.hash { input.state.clone() } else { begins.clone() };
    if let Some(rolled_back) = &state.rolled_back {
        match input.again(rolled_back) {
            None => return input.rolled_back(state),
            Some(wave) => state = State { wave, ..begins },
        }
    }
    input.forward(state)
}

impl RolloutInput<'_> {
    /// How many waves there are.
    fn of(&self) -> usize {
        self.rollout.waves.len() + 1
    }

    fn name(&self, wave: usize) -> &str {
        self.rollout.waves.get(wave.saturating_sub(1)).map_or("the rest", |found| &found.name)
    }

    /// What is missing of a wave and those before it.
    fn missing(&self, wave: usize) -> Vec<Step> {
        if wave >= self.of() {
            return self.plan.steps.clone();
        }
        let steps: BTreeSet<&Step> = self.rollout.waves.iter().take(wave).flat_map(|found| &found.steps).collect();
        steps.into_iter().cloned().collect()
    }

    fn valid(&self) -> impl Iterator<Item = &Go> {
        let fits = |go: &&Go| go.hash == self.plan.hash && go.expires_at.is_none_or(|at| self.now < at);
        self.approvals.iter().filter(fits)
    }

    /// Whether a person let it begin again after a rollback, and with which wave.
    fn again(&self, rolled_back: &RolledBack) -> Option<usize> {
        let new = self.valid().filter(|go| !rolled_back.seen.contains(&go.uid));
        new.map(|go| go.wave.unwrap_or(1).min(self.of())).max()
    }

    fn promotion(&self, wave: usize) -> Option<&Go> {
        self.valid().find(|go| go.wave.is_some_and(|to| to >= wave))
    }

    fn forward(&self, mut state: State) -> Turn {
        let missing = self.missing(state.wave);
        if !missing.is_empty() {
            return self.write(state, missing);
        }
        if state.wave >= self.of() {
            return Turn { state: Some(state), clearance: self.clearance.clone(), watch: None };
        }
        if self.settling {
            return Turn { state: Some(state), ..Turn::default() };
        }
        let since = *state.since.get_or_insert(self.now);
        let until = since.checked_add(self.soak).unwrap_or(Timestamp::MAX);
        let promoted = self.promotion(state.wave + 1).is_some();
        if let Gate::Recorded { most, reading: Some(reading), .. } = self.gate
            && reading.denials > most
            && !promoted
        {
            return self.roll_back(state, reading);
        }
        let waiting =
            if until > self.now { Some(self.soaking(&state, until)) } else { self.held(&state, until, promoted) };
        if let Some(waiting) = waiting {
            let watch = matches!(self.gate, Gate::Recorded { .. }).then(|| state.wave - 1);
            let clearance = Clearance { waiting: Some(self.first(waiting)), ..Clearance::default() };
            return Turn { state: Some(state), clearance, watch };
        }
        self.next(state)
    }

    /// Begins the next wave.
    fn next(&self, state: State) -> Turn {
        let next = State { wave: state.wave + 1, begun_at: None, since: None, ..state.clone() };
        let missing = self.missing(next.wave);
        if missing.is_empty() {
            return self.forward(State { begun_at: Some(self.now), ..next });
        }
        if self.clearance.steps.is_empty() {
            // Held back by its approval or its window: what is on record stays.
            return Turn { state: Some(state), clearance: self.clearance.clone(), watch: None };
        }
        self.write(next, missing)
    }

    /// An approval that is missing is said first.
    fn first(&self, waiting: Waiting) -> Waiting {
        let asked = self.clearance.waiting.as_ref().filter(|found| found.kind == WaitingKind::ApprovalPending);
        asked.cloned().unwrap_or(waiting)
    }

    /// Writes what is missing of a wave, if the plan may be written at all.
    fn write(&self, mut state: State, steps: Vec<Step>) -> Turn {
        if self.clearance.steps.is_empty() {
            let on_record =
                (self.state.hash == state.hash && self.state.rolled_back.is_none()).then(|| self.state.clone());
            return Turn { state: on_record, clearance: self.clearance.clone(), watch: None };
        }
        state.since = None;
        state.begun_at.get_or_insert(self.now);
        let clearance = Clearance { steps, waiting: None, ..self.clearance.clone() };
        Turn { state: Some(state), clearance, watch: None }
    }

    fn place(&self, wave: usize) -> String {
        format!("wave {wave} of {} ({})", self.of(), self.name(wave))
    }

    fn soaking(&self, state: &State, until: Timestamp) -> Waiting {
        let message = format!("{} is in place, and soaks until {until}", self.place(state.wave));
        Waiting { kind: WaitingKind::Soaking, reason: "Soaking", message, until: Some(until) }
    }

    /// What holds the next wave back after the soak.
    fn held(&self, state: &State, soaked: Timestamp, promoted: bool) -> Option<Waiting> {
        if promoted {
            return None;
        }
        let (reason, why) = match self.gate {
            Gate::Person => ("PersonPromotes", "a person promotes".to_owned()),
            Gate::Recorded { reading: None, .. } => ("ReadingRecords", "its recorded calls are being read".to_owned()),
            Gate::Recorded { reading: Some(reading), proceed, .. } => match &reading.error {
                Some(error) => ("RecordsNotRead", format!("its recorded calls cannot be read: {error}")),
                None if reading.at < soaked => ("ReadingRecords", "its recorded calls are being read".to_owned()),
                None if reading.data || proceed => return None,
                None => {
                    let since = state.begun_at.unwrap_or(soaked);
                    ("NoData", format!("CloudTrail wrote no file of its accounts since {since}"))
                }
            },
        };
        let (next, set, hash) = (state.wave + 1, &self.plan.name, &self.plan.hash);
        let message = format!(
            "{} has soaked; {why}. To begin {}: soc2ctl approve {set} --promote {next} (a GuardrailApproval with planHash {hash} and promote: \
             {{wave: {next}}})",
            self.place(state.wave),
            self.place(next)
        );
        Some(Waiting { kind: WaitingKind::AwaitingPromotion, reason, message, until: None })
    }

    fn roll_back(&self, mut state: State, reading: &Reading) -> Turn {
        state.rolled_back = Some(RolledBack {
            at: self.now,
            denials: reading.denials,
            sample: reading.sample.clone(),
            seen: self.valid().map(|go| go.uid.clone()).collect(),
        });
        self.rolled_back(state)
    }

    /// A return to what was approved: neither approval nor window is asked.
    fn rolled_back(&self, state: State) -> Turn {
        let Some(found) = &state.rolled_back else { return Turn::default() };
        let most = match self.gate {
            Gate::Recorded { most, .. } => format!("{most} allowed by spec.rollout.gate.maxNewDenials"),
            Gate::Person => "the gate is gone since".to_owned(),
        };
        let sample = if found.sample.is_empty() { String::new() } else { format!(": {}", found.sample.join("; ")) };
        let message = format!(
            "rolled back at {} after {}: the change denied {} calls, {most}{sample}. Correct the set, or approve the plan again (soc2ctl \
             approve {})",
            found.at,
            self.place(state.wave),
            found.denials,
            self.plan.name
        );
        let waiting = Waiting { kind: WaitingKind::RolledBack, reason: "GateFailed", message, until: None };
        let steps = self.rollout.rollback.clone();
        let clearance = Clearance { steps, waiting: Some(waiting), ..Clearance::default() };
        Turn { state: Some(state), clearance, watch: None }
    }
}
