//! What of a plan may be written now: mode, approval, limits, maintenance window, and that what is new is enforced before what
//! is old goes. Pure: the time is an argument.

mod affected;
mod approval;

use std::collections::BTreeSet;
use std::fmt;

use jiff::{SignedDuration, Timestamp};

pub use affected::{MaxAffected, MaxAffectedError};
pub use approval::Approval;

use crate::plan::{Mode, SetPlan, Step};
use crate::window::Window;

/// What a set asks for besides its plan, and what happened so far.
#[derive(Clone, Debug)]
pub struct GateInput<'a> {
    /// The plan.
    pub plan: &'a SetPlan,
    /// Whether a strengthening change needs no approval.
    pub automatic: bool,
    /// Most accounts that a change may affect without approval.
    pub max_affected: MaxAffected,
    /// Active accounts of the organization.
    pub accounts: usize,
    /// Approvals for this set.
    pub approvals: &'a [Approval],
    /// Hash ([`SetPlan::wanted`]) of what was last in place.
    pub applied: Option<&'a str>,
    /// Since when all that is wanted is in place, without a gap: by this set, and by every other one that names a baseline of which
    /// something is to be taken away.
    pub in_place_since: Option<Timestamp>,
    /// Nobody wants anything of what is taken away: there is nothing that would have to be enforced first.
    pub nothing_wanted: bool,
    /// Removals that were begun, with the hash of the plan that was approved: they go on as long as that approval stands.
    pub begun: &'a Begun,
    /// Since when what each step of the plan puts back differs from what is wanted. One that is missing is new.
    pub drifting_since: &'a [Timestamp],
    /// How long a difference is left alone before it is put back.
    pub revert_after: SignedDuration,
    /// When changes may be made; always, if there is none.
    pub window: Option<&'a Window>,
    /// How long AWS may take until a write is enforced everywhere.
    pub propagation: SignedDuration,
    /// Now.
    pub now: Timestamp,
}

/// Removals that were begun under an approval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Begun {
    /// Hash of the plan that was approved.
    pub hash: String,
    /// The removals, in words.
    pub steps: BTreeSet<String>,
}

/// What may be done now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clearance {
    /// Steps that may be written, in order.
    pub steps: Vec<Step>,
    /// Why the rest may not, if there is any.
    pub waiting: Option<Waiting>,
    /// The approval of the plan, where there is one.
    pub approval: Option<String>,
    /// Approvals that the steps rest on: once one of them ends, nothing more may be written.
    pub rests_on: BTreeSet<String>,
    /// The steps may only be written while the window is open.
    pub windowed: bool,
}

/// Why something is not done yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Which condition says so.
    pub kind: WaitingKind,
    /// Its reason in CamelCase.
    pub reason: &'static str,
    /// In words, with what to do.
    pub message: String,
    /// When it passes by itself.
    pub until: Option<Timestamp>,
}

/// The condition that says why something is not done yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitingKind {
    /// Mode `Plan`: the plan is published.
    Planned,
    /// A person has to approve.
    ApprovalPending,
    /// The maintenance window is closed.
    WaitingForWindow,
    /// What was written is not surely enforced everywhere yet.
    Propagating,
    /// A difference is left alone for a while before it is put back.
    Drifted,
    /// A wave is in place and soaks.
    Soaking,
    /// A person, or the gate, has to let the next wave begin.
    AwaitingPromotion,
    /// The gate failed: the change was taken back.
    RolledBack,
}

impl fmt::Display for WaitingKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// Decides what of a plan may be written now.
#[must_use]
pub fn gate(input: &GateInput<'_>) -> Clearance {
    let plan = input.plan;
    if plan.refused.is_some() || (plan.steps.is_empty() && plan.removals.is_empty()) {
        return Clearance::default();
    }
    match plan.mode {
        Mode::Observe => Clearance::default(),
        Mode::Plan => Clearance::waits(input.planned()),
        Mode::Enforce if !plan.steps.is_empty() => input.additions(),
        Mode::Enforce => input.removals(),
    }
}

impl Clearance {
    fn waits(waiting: Waiting) -> Self {
        Self { waiting: Some(waiting), ..Self::default() }
    }
}

impl GateInput<'_> {
    fn planned(&self) -> Waiting {
        let message = format!("plan {} is not written in mode Plan; set mode: Enforce for it", short(&self.plan.hash));
        Waiting { kind: WaitingKind::Planned, reason: "ModePlan", message, until: None }
    }

    /// Whether what is wanted was in place before: then what differs is drift, and needs no approval.
    fn is_drift(&self) -> bool {
        self.applied == Some(self.plan.wanted.as_str())
    }

    /// What was left alone long enough.
    fn reverts(&self) -> Clearance {
        let since = self.drifting_since.iter().copied().chain(std::iter::repeat(self.now));
        let until = |since: Timestamp| since.checked_add(self.revert_after).unwrap_or(Timestamp::MAX);
        let (due, later): (Vec<_>, Vec<_>) =
            self.plan.steps.iter().zip(since.map(until)).partition(|(_, until)| *until <= self.now);
        if due.is_empty()
            && let Some(until) = later.iter().map(|(_, until)| *until).min()
        {
            return Clearance::waits(Waiting {
                kind: WaitingKind::Drifted,
                reason: "RevertAfter",
                message: format!("it is put back at {until} (spec.drift.revertAfter)"),
                until: Some(until),
            });
        }
        Clearance { steps: due.into_iter().map(|(step, _)| step.clone()).collect(), ..Clearance::default() }
    }

    fn additions(&self) -> Clearance {
        let steps = &self.plan.steps;
        if self.is_drift() {
            return self.reverts();
        }
        let approval = self.approval();
        if approval.is_none()
            && let Some(waiting) = self.unapproved()
        {
            return Clearance::waits(waiting);
        }
        self.in_window(steps.clone(), approval)
    }

    /// Everything wanted is there: what is too much may go once that is enforced.
    fn removals(&self) -> Clearance {
        if !self.nothing_wanted
            && let Some(waiting) = self.propagating()
        {
            return Clearance::waits(waiting);
        }
        let approval = self.approval();
        let stands = |approval: &&Approval| approval.hash == self.begun.hash && approval.is_valid(self.now);
        let going_on = self.approvals.iter().find(stands);
        let begun = |step: &&Step| going_on.is_some() && self.begun.steps.contains(&step.to_string());
        let may = |step: &&Step| approval.is_some() || !step.weakens() || begun(step);
        let (allowed, held): (Vec<&Step>, Vec<&Step>) = self.plan.removals.iter().partition(may);
        let allowed: Vec<Step> = allowed.into_iter().cloned().collect();
        let needs_approval =
            held.first().map(|first| self.ask("Weakens", &format!("it takes protection away: {first}")));
        if allowed.is_empty() {
            return needs_approval.map_or_else(Clearance::default, Clearance::waits);
        }
        let mut clearance = self.in_window(allowed, approval);
        if approval.is_none() {
            clearance.rests_on.extend(going_on.map(|approval| approval.name.clone()));
        }
        clearance.waiting = clearance.waiting.or(needs_approval);
        clearance
    }

    /// Whether what is wanted may not be enforced everywhere yet.
    fn propagating(&self) -> Option<Waiting> {
        let since = self.in_place_since.filter(|_| self.plan.removing || self.is_drift());
        let until = since.and_then(|since| since.checked_add(self.propagation).ok());
        if until.is_some_and(|until| until <= self.now) {
            return None;
        }
        let when = until.map_or_else(|| "soon".to_owned(), |until| format!("at {until}"));
        Some(Waiting {
            kind: WaitingKind::Propagating,
            reason: "Propagating",
            message: format!("what is wanted is surely enforced {when}; what is too much goes after that"),
            until,
        })
    }

    fn approval(&self) -> Option<&Approval> {
        let fits = |approval: &&Approval| approval.covers(self.plan) && approval.is_valid(self.now);
        self.approvals.iter().find(fits)
    }

    /// Why steps that no approval covers may not be done.
    fn unapproved(&self) -> Option<Waiting> {
        let most = self.max_affected.accounts(self.accounts);
        let changed = self.plan.changed_accounts as usize;
        if let Some(step) = self.plan.steps.iter().find(|step| step.weakens()) {
            return Some(self.ask("Weakens", &format!("it denies less than now: {step}")));
        }
        if !self.automatic {
            return Some(self.ask("ApprovalRequired", "spec.approval is Manual"));
        }
        (changed > most).then(|| {
            let limit = format!("without approval at most {most} (spec.maxAffectedAccounts)");
            self.ask("TooManyAccounts", &format!("it changes {changed} accounts, and {limit}"))
        })
    }

    fn ask(&self, reason: &'static str, why: &str) -> Waiting {
        let hash = &self.plan.hash;
        let stale = self.approvals.iter().find_map(|approval| approval.why_not(self.plan, self.now));
        let stale = stale.map(|why| format!("; {why}")).unwrap_or_default();
        let message = format!("plan {hash} has to be approved by a GuardrailApproval with this planHash: {why}{stale}");
        Waiting { kind: WaitingKind::ApprovalPending, reason, message, until: None }
    }

    fn in_window(&self, steps: Vec<Step>, approval: Option<&Approval>) -> Clearance {
        let closed = self.window.filter(|window| !window.is_open(self.now));
        let Some(window) = closed else {
            let approval = approval.map(|approval| approval.name.clone());
            let (rests_on, windowed) = (approval.iter().cloned().collect(), self.window.is_some());
            return Clearance { steps, waiting: None, approval, rests_on, windowed };
        };
        let until = window.next_opening(self.now);
        let when =
            until.map_or_else(|| "never: correct spec.window.schedule".to_owned(), |until| format!("at {until}"));
        Clearance::waits(Waiting {
            kind: WaitingKind::WaitingForWindow,
            reason: "WindowClosed",
            message: format!("changes are made in the window {window}, which opens {when}"),
            until,
        })
    }
}

/// The beginning of a hash, for messages.
#[must_use]
pub fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
