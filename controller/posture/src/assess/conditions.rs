//! The sums as conditions.

use std::cmp::Reverse;

use soc2_crds::State;

use super::assessment::Assessment;
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

/// A condition of the profile, without times and generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionFact {
    /// `Compliant`, `DataComplete`, `CoverageComplete` or `GuardrailsInForce`.
    pub type_: &'static str,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why, as one word such as `ControlsFailing`.
    pub reason: String,
    /// In words, with what to do; absolute times only.
    pub message: String,
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
const SETUP: [Reason; 6] = [
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
        use ConditionStatus::{False, True, Unknown};
        let worst = self.criteria().iter().map(|criterion| criterion.state).min();
        if let Some((reason, message)) = self.blind().or_else(|| self.too_few_accounts()) {
            return (Unknown, reason, message);
        }
        if worst == Some(State::Failed) {
            return (False, "ControlsFailing", self.failing());
        }
        if let Some((False, _, message)) = guardrails {
            return (False, "GuardrailsNotInForce", message.clone());
        }
        if worst == Some(State::Unknown) {
            return (Unknown, "ControlsUnknown", self.unknown());
        }
        if let Some((Unknown, _, message)) = guardrails {
            return (Unknown, "GuardrailsUnknown", message.clone());
        }
        let count = |state: State| self.rollup.checks[state as usize];
        let (passed, excepted, disabled) = (count(State::Passed), count(State::Excepted), self.rollup.disabled);
        if passed + excepted == 0 {
            let message = "nothing was assessed: no control is in scope and applicable".to_owned();
            return (Unknown, "NothingAssessed", message);
        }
        let tail = format!("{excepted} waived, {disabled} disabled; manual parts are tracked elsewhere");
        let accounts = counted(self.rollup.active.into(), "account");
        let message = format!("{} pass in {accounts}; {tail}", counted(passed, "check"));
        (True, if excepted > 0 { "CompliantWithExceptions" } else { "TechnicallyCompliant" }, message)
    }

    fn too_few_accounts(&self) -> Option<(&'static str, String)> {
        let active = self.rollup.active;
        if active == 0 {
            let message = format!("no active account matches spec.targets ({} in total)", self.rollup.accounts);
            return Some(("NoTargets", message));
        }
        let least = self.plan.min_accounts.filter(|least| active < *least)?;
        let failed = self.rollup.checks[State::Failed as usize];
        let (accounts, checks) = (counted(active.into(), "active account"), counted(failed, "failed check"));
        let message = format!("{accounts} in spec.targets, fewer than minAccounts ({least}); {checks} there");
        Some(("TargetsShrunk", message))
    }

    /// Checks that count as assessed.
    fn assessed(&self) -> u64 {
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
