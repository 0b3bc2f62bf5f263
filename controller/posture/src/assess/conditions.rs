//! The sums as conditions.

use std::cmp::Reverse;

use soc2_crds::{CriterionStatus, ManualState, State};

use super::assessment::Assessment;
use super::criterion::{NOT_COVERED, reason};
use super::guardrails::GuardrailFacts;
use super::message::{counted, some, verb};
use super::reason::Reason;

/// Most names in a message.
const NAMES: usize = 10;

/// A condition's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Nobody can tell.
    Unknown,
}

impl ConditionStatus {
    /// As Kubernetes spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// A condition, without times and generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionFact {
    /// `Compliant`, `DataComplete`, `CoverageComplete` or `GuardrailsInForce`; of what owners wrote `Ready` or `Stalled`.
    pub type_: &'static str,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why, as one word such as `ControlsFailing`.
    pub reason: String,
    /// In words, with what to do; absolute times only.
    pub message: String,
}

/// Conditions of an object that owners wrote: `Ready`, and `Stalled` while it is refused.
pub(crate) fn ready_or_stalled(refused: bool, reason: &str, message: &str) -> Vec<ConditionFact> {
    let fact = |type_, status| ConditionFact { type_, status, reason: reason.to_owned(), message: message.to_owned() };
    if refused {
        vec![fact("Ready", ConditionStatus::False), fact("Stalled", ConditionStatus::True)]
    } else {
        vec![fact("Ready", ConditionStatus::True)]
    }
}

/// Status, reason and message.
type Fact = (ConditionStatus, &'static str, String);

/// Reasons of `DataComplete`, the worst first.
const OUTAGES: [Reason; 6] = [
    Reason::AccessDenied,
    Reason::SecurityHubNotEnabled,
    Reason::AccountNotMember,
    Reason::SweepIncomplete,
    Reason::NotAvailable,
    Reason::Stale,
];

/// Reasons of `CoverageComplete`, the worst first.
pub(crate) const SETUP: [Reason; 6] = [
    Reason::RegionNotCovered,
    Reason::StandardNotEnabled,
    Reason::ControlDisabled,
    Reason::Suppressed,
    Reason::Warning,
    Reason::NoFindings,
];

impl Assessment {
    /// `Compliant`, `DataComplete`, `CoverageComplete` and, when guardrails are required, `GuardrailsInForce`.
    #[must_use]
    pub fn conditions(&self) -> Vec<ConditionFact> {
        let guardrails = self.guardrails_in_force();
        let facts = [
            ("Compliant", Some(self.compliant_condition(guardrails.as_ref()))),
            ("DataComplete", Some(self.data_complete())),
            ("CoverageComplete", Some(self.coverage_complete())),
            ("GuardrailsInForce", guardrails),
        ];
        let present = facts.into_iter().filter_map(|(type_, fact)| Some((type_, fact?)));
        present
            .map(|(type_, (status, reason, message))| ConditionFact {
                type_,
                status,
                reason: reason.to_owned(),
                message,
            })
            .collect()
    }

    /// What makes a statement about the accounts impossible.
    fn blind(&self) -> Option<(&'static str, String)> {
        if !self.plan.organization_read {
            return Some(("OrganizationNotRead", "the organization was not read yet".to_owned()));
        }
        if self.plan.tags_missing {
            let message = "the targets ask for account tags, which were not read for every account";
            return Some(("TagsNotRead", message.to_owned()));
        }
        None
    }

    fn compliant_condition(&self, guardrails: Option<&Fact>) -> Fact {
        use ConditionStatus::{False, Unknown};
        if let Some((reason, message)) = self.blind().or_else(|| self.too_few_accounts()) {
            return (Unknown, reason, message);
        }
        let criteria = self.criteria();
        if let Some((reason, message)) = self.worst_half(&criteria, State::Failed) {
            return (False, reason, message);
        }
        if let Some((False, _, message)) = guardrails {
            return (False, "GuardrailsNotInForce", message.clone());
        }
        if let Some((reason, message)) = self.worst_half(&criteria, State::Unknown) {
            return (Unknown, reason, message);
        }
        if let Some((Unknown, _, message)) = guardrails {
            return (Unknown, "GuardrailsUnknown", message.clone());
        }
        self.all_is_well(&criteria)
    }

    /// Why criteria are in a state: their controls, else people's part, else that nothing answers for them. `None`: none is.
    fn worst_half(&self, criteria: &[CriterionStatus], state: State) -> Option<(&'static str, String)> {
        let there: Vec<&CriterionStatus> = criteria.iter().filter(|criterion| criterion.state == state).collect();
        let by_reason = |wanted: &str| -> Vec<&str> {
            let with_it = there.iter().filter(|criterion| criterion.reason.as_deref() == Some(wanted));
            with_it.map(|criterion| criterion.id.as_str()).collect()
        };
        if there.iter().any(|criterion| criterion.reason.is_none()) {
            let people = [ManualState::Overdue, ManualState::NeverAttested, ManualState::PartlyAttested];
            let people: Vec<String> =
                people.into_iter().filter_map(|part| self.people_are_late(part, &by_reason(reason(part)))).collect();
            let tail = if people.is_empty() { String::new() } else { format!("; {}", people.join("; ")) };
            return Some(match state {
                State::Failed => ("ControlsFailing", self.failing() + &tail),
                _ => ("ControlsUnknown", self.unknown() + &tail),
            });
        }
        for part in [ManualState::Overdue, ManualState::NeverAttested, ManualState::PartlyAttested] {
            if let Some(message) = self.people_are_late(part, &by_reason(reason(part))) {
                return Some((reason(part), message));
            }
        }
        let ids = by_reason(NOT_COVERED);
        (!ids.is_empty()).then(|| {
            let message = format!("no control in scope answers for {}, and nobody attested it", some(&ids, NAMES));
            (NOT_COVERED, message)
        })
    }

    /// What people have to do, where criteria are as they are because of it; `None`: none are.
    fn people_are_late(&self, state: ManualState, criteria: &[&str]) -> Option<String> {
        if criteria.is_empty() {
            return None;
        }
        let activities: Vec<String> =
            self.activities().into_iter().filter(|row| row.state == state).map(|row| row.id).collect();
        let activities = if activities.is_empty() { String::new() } else { format!(" ({})", some(&activities, NAMES)) };
        let what = match state {
            ManualState::Overdue => "has to be attested again",
            ManualState::PartlyAttested => "is not attested for every account",
            _ => "was never attested",
        };
        Some(format!("people's part of {} {what}{activities}", some(criteria, NAMES)))
    }

    /// Every criterion passes, is waived or does not apply.
    fn all_is_well(&self, criteria: &[CriterionStatus]) -> Fact {
        use ConditionStatus::{True, Unknown};
        let count = |state: State| self.rollup.checks[state as usize];
        let (passed, disabled) = (count(State::Passed), self.rollup.disabled);
        let excepted = count(State::Excepted) + self.rollup.waived_inside;
        let attested = criteria.iter().any(|one| matches!(one.manual, Some(ManualState::Attested | ManualState::Due)));
        if passed + excepted == 0 && !attested {
            let message = "nothing was assessed: no control is in scope and applicable".to_owned();
            return (Unknown, "NothingAssessed", message);
        }
        let elsewhere = self.plan.manual.elsewhere && criteria.iter().any(|criterion| criterion.manual.is_some());
        let due = self.activities().into_iter().filter(|row| row.state == ManualState::Due).count() as u64;
        let people = match (elsewhere, due) {
            (true, _) => "; manual parts are tracked elsewhere".to_owned(),
            (false, 0) => String::new(),
            (false, due) => format!("; {due} {} to be attested soon", verb(due, "activity has", "activities have")),
        };
        let (accounts, checks) = (counted(self.rollup.active.into(), "account"), counted(passed, "check"));
        let (pass, tail) = (verb(passed, "passes", "pass"), format!("{excepted} waived, {disabled} disabled{people}"));
        let message = format!("{checks} {pass} in {accounts}; {tail}");
        let reason = match (excepted > 0, elsewhere) {
            (true, _) => "CompliantWithExceptions",
            (false, true) => "TechnicallyCompliant",
            (false, false) => "Compliant",
        };
        (True, reason, message)
    }

    fn too_few_accounts(&self) -> Option<(&'static str, String)> {
        let active = self.rollup.active;
        if active == 0 {
            let message = format!("no active account matches spec.targets ({} in total)", self.rollup.accounts);
            return Some(("NoTargets", message));
        }
        let failed = self.rollup.checks[State::Failed as usize];
        let (accounts, checks) = (counted(active.into(), "active account"), counted(failed, "failed check"));
        if let Some(least) = self.plan.min_accounts.filter(|least| active < *least) {
            let message = format!("{accounts} in spec.targets, fewer than minAccounts ({least}); {checks} there");
            return Some(("TargetsShrunk", message));
        }
        let before = self.shrinking.shrunk_from()?;
        let message = format!(
            "{accounts} in spec.targets, {before} at the reading before; {checks} there. If that is right: \
             kubectl annotate --overwrite cprof NAME soc2-operator.dev/acknowledge-targets={active}"
        );
        Some(("TargetsShrunk", message))
    }

    /// Checks that count as assessed.
    pub(super) fn assessed(&self) -> u64 {
        [State::Passed, State::Failed, State::Unknown].iter().map(|state| self.rollup.checks[*state as usize]).sum()
    }

    fn failing(&self) -> String {
        let failed = self.rollup.checks[State::Failed as usize];
        let (all, accounts) = (counted(self.assessed(), "check"), self.rollup.failing_accounts);
        let (fail, accounts) = (verb(failed, "fails", "fail"), counted(accounts.into(), "account"));
        let worst = self.worst_criterion().unwrap_or_default();
        format!("{failed} of {all} {fail} in {accounts}{worst}")
    }

    /// The criterion that fails in most accounts, and there the control that does.
    fn worst_criterion(&self) -> Option<String> {
        let failed = |counts: &[u32; super::reason::STATES]| counts[State::Failed as usize];
        let (bit, _) = self.rollup.criteria.iter().enumerate().min_by_key(|(_, counts)| Reverse(failed(counts)))?;
        let catalog = &self.plan.catalog.0;
        let criterion = catalog.criteria().get(*self.plan.criteria.get(bit)?)?;
        let scoped = self.plan.scopes.list.iter().flat_map(|scope| &scope.controls);
        let of_criterion = scoped.filter(|scoped| scoped.criteria & 1 << bit != 0).map(|scoped| scoped.control);
        let accounts = |control| self.rollup.controls.get(usize::from(control)).map_or(0, failed);
        let worst = of_criterion.min_by_key(|control| (Reverse(accounts(control.0)), *control))?;
        let failing = counted(accounts(worst.0).into(), "account");
        Some(format!("; worst {} ({} in {failing})", criterion.id, catalog.get(worst).id))
    }

    fn unknown(&self) -> String {
        let unknown = self.rollup.checks[State::Unknown as usize];
        let (all, accounts) = (counted(self.assessed(), "check"), self.rollup.unknown_accounts);
        let (are, accounts) = (verb(unknown, "is", "are"), counted(accounts.into(), "account"));
        let new = [Reason::Onboarding];
        let reasons = self.reasons(OUTAGES.iter().chain(&SETUP).chain(&new));
        format!("{unknown} of {all} {are} unknown in {accounts}: {}", reasons.join(", "))
    }

    /// Reasons that there are, with their numbers of checks.
    fn reasons<'a>(&self, reasons: impl Iterator<Item = &'a Reason>) -> Vec<String> {
        let counted = reasons.map(|reason| (reason, self.rollup.reason(*reason).0));
        counted.filter(|(_, checks)| *checks > 0).map(|(reason, checks)| format!("{checks} {reason}")).collect()
    }

    fn data_complete(&self) -> Fact {
        if let Some((reason, message)) = self.blind() {
            return (ConditionStatus::False, reason, message);
        }
        if self.rollup.active == 0 {
            return (ConditionStatus::Unknown, "NoTargets", "no active account matches spec.targets".to_owned());
        }
        let present = OUTAGES.into_iter().filter(|reason| self.rollup.reason(*reason).0 > 0);
        let present: Vec<Reason> = present.collect();
        let Some(worst) = present.first() else {
            return (ConditionStatus::True, "Complete", "all data that can come have come".to_owned());
        };
        let words: Vec<String> = present.iter().map(|reason| self.outage(*reason)).collect();
        (ConditionStatus::False, worst.as_str(), words.join("; "))
    }

    fn outage(&self, reason: Reason) -> String {
        let (are, have) = (self.verb(reason, "is", "are"), self.verb(reason, "has", "have"));
        let what = match reason {
            Reason::AccessDenied => "cannot be read: see status.securityHub of the AwsOrganization".to_owned(),
            Reason::SecurityHubNotEnabled => format!("{have} no Security Hub: enable it in every required Region"),
            Reason::AccountNotMember => format!("{are} of no enabled member: add the account to the administrator"),
            Reason::SweepIncomplete => {
                format!("{are} not completely read: see FindingsComplete of the AwsOrganization")
            }
            Reason::Stale => format!("{are} older than {}", self.plan.freshness_text),
            _ => format!("{have} no usable result in Security Hub"),
        };
        format!("{} {what}", self.affected(reason))
    }

    fn coverage_complete(&self) -> Fact {
        let without = self.without_standard();
        let mut words = Vec::new();
        if !without.is_empty() {
            words.push(format!("{} belong to no enabled or required standard", some(&without, NAMES)));
        }
        let present: Vec<Reason> = SETUP.into_iter().filter(|reason| self.rollup.reason(*reason).0 > 0).collect();
        words.extend(present.iter().map(|reason| self.setup(*reason)));
        let first = present.first().map(|reason| reason.as_str());
        match (without.is_empty(), first) {
            (false, _) => (ConditionStatus::False, "ControlsWithoutStandard", words.join("; ")),
            (true, Some(reason)) => (ConditionStatus::False, reason, words.join("; ")),
            (true, None) => (ConditionStatus::True, "Covered", "every mapped control can have findings".to_owned()),
        }
    }

    fn setup(&self, reason: Reason) -> String {
        let (are, have) = (self.verb(reason, "is", "are"), self.verb(reason, "has", "have"));
        let what = match reason {
            Reason::RegionNotCovered => {
                format!("{have} no source in a required Region: link it to the aggregator, or add a source")
            }
            Reason::StandardNotEnabled => format!("{have} no enabled standard: enable one, or tailor the controls out"),
            Reason::ControlDisabled => {
                format!("{are} disabled in Security Hub: enable the controls, or tailor them out with a rationale")
            }
            Reason::Suppressed => format!("{are} suppressed in Security Hub: waive them here instead"),
            Reason::Warning => format!("{have} no record in AWS Config: let it record the resource types"),
            _ => format!("{have} no finding: check that Security Hub evaluates the controls, or set spec.noFindings"),
        };
        format!("{} {what}", self.affected(reason))
    }

    /// How many checks have a reason, and in how many accounts.
    fn affected(&self, reason: Reason) -> String {
        let (checks, accounts) = self.rollup.reason(reason);
        format!("{} in {}", counted(checks, "check"), counted(accounts.into(), "account"))
    }

    fn verb<'v>(&self, reason: Reason, one: &'v str, many: &'v str) -> &'v str {
        verb(self.rollup.reason(reason).0, one, many)
    }

    /// Whether required guardrails protect every active account; `None` when none is required.
    fn guardrails_in_force(&self) -> Option<Fact> {
        if self.plan.guardrails.is_empty() {
            return None;
        }
        let missing: Vec<String> =
            self.guardrails.iter().filter(|facts| facts.unprotected > 0).map(missing_guardrail).collect();
        if !missing.is_empty() {
            return Some((ConditionStatus::False, "Unprotected", missing.join("; ")));
        }
        let unclear: Vec<String> =
            self.guardrails.iter().filter(|facts| facts.unknown > 0).map(unclear_guardrail).collect();
        if !unclear.is_empty() {
            return Some((ConditionStatus::Unknown, "ProtectionUnknown", unclear.join("; ")));
        }
        if self.rollup.active == 0 || !self.plan.organization_read {
            let message = "there is no active account to protect".to_owned();
            return Some((ConditionStatus::Unknown, "NoTargets", message));
        }
        let names = some(&self.plan.guardrails, NAMES);
        Some((ConditionStatus::True, "Protected", format!("{names}: in force in every active account")))
    }
}

fn missing_guardrail(facts: &GuardrailFacts) -> String {
    let sample: Vec<String> = facts.unprotected_sample.iter().map(ToString::to_string).collect();
    let more = usize::try_from(facts.unprotected).unwrap_or(usize::MAX).saturating_sub(sample.len());
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let (name, accounts) = (&facts.name, counted(facts.unprotected.into(), "account"));
    format!(
        "{name} is not in force in {accounts} ({}{more}): add it to a GuardrailSet in mode Enforce",
        sample.join(", ")
    )
}

fn unclear_guardrail(facts: &GuardrailFacts) -> String {
    let why = facts.unknown_message.as_deref().unwrap_or("the policies were not read yet");
    format!("whether {} is in force in {} is not known: {why}", facts.name, counted(facts.unknown.into(), "account"))
}
