//! What is to be reached, and how far it is.

mod findings;
mod measure;

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use soc2_crds::{Objective, ObjectiveStatus, ObjectiveType, State};

use super::assessment::Assessment;
use super::message::{counted, verb};
use super::people::Word;

pub(crate) use findings::{Found, OverdueFindings, overdue_findings};
use findings::{Oldest, Unread};
pub(crate) use measure::Measure;

/// Longest id of a resource in a message, in characters.
const MAX_RESOURCE: usize = 300;

/// Controls about multi-factor authentication.
const MFA: [&str; 4] = ["IAM.5", "IAM.6", "IAM.9", "IAM.19"];

/// How one objective stands.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectiveFact {
    /// As the status shows it; `type_`, `name` and `met` are what metrics are labelled with.
    pub status: ObjectiveStatus,
    /// What was measured: a share from 0 to 1, a number, seconds; `None`: nothing.
    pub value: Option<f64>,
    /// What it is compared with, in the same unit.
    pub target: f64,
}

impl ObjectiveFact {
    fn new(objective: &Objective, target: f64) -> Self {
        let Objective { type_, name, min_percent, min, max, .. } = objective.clone();
        let status = ObjectiveStatus {
            type_,
            name,
            percent: None,
            min_percent,
            count: None,
            max_count: None,
            value: None,
            min,
            max,
            met: false,
            message: None,
        };
        Self { status, value: None, target }
    }

    fn because(mut self, met: bool, message: impl Into<String>) -> Self {
        self.status.met = met;
        self.status.message = Some(message.into());
        self
    }
}

/// Checks that count for a share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    passed: u64,
    all: u64,
}

impl Assessment {
    /// How each objective of the profile stands, in its order.
    #[must_use]
    pub fn objectives(&self) -> Vec<ObjectiveFact> {
        let both = self.plan.objectives.iter().zip(&self.overdue_findings);
        both.map(|(objective, found)| self.objective(objective, found.as_ref())).collect()
    }

    fn objective(&self, objective: &Objective, found: Option<&Found>) -> ObjectiveFact {
        let share = |share: Share, least: u32, what: &str| {
            let least = objective.min_percent.unwrap_or(least);
            let data = self.plan.organization_read && !self.plan.tags_missing && self.rollup.active > 0;
            of_share(objective, least, data.then_some(share), what)
        };
        match objective.type_ {
            ObjectiveType::Compliance => share(self.all_checks(), 95, "check"),
            ObjectiveType::Mfa => share(
                self.share_of(|control| MFA.contains(&control.id.as_str())),
                100,
                "check of multi-factor authentication",
            ),
            ObjectiveType::EncryptionAtRest => {
                share(self.share_of(encrypts_at_rest), 100, "check of encryption at rest")
            }
            ObjectiveType::CriticalFindingsAge => of_findings(objective, self.open_findings(found)),
            ObjectiveType::Attested => self.attested(objective),
        }
    }

    /// Every check, without the unknown ones of new accounts.
    fn all_checks(&self) -> Share {
        let count = |state: State| self.rollup.checks[state as usize];
        let all = count(State::Passed) + count(State::Failed) + count(State::Unknown);
        Share { passed: count(State::Passed), all: all.saturating_sub(self.rollup.onboarding) }
    }

    /// The checks of some controls, without the unknown ones of new accounts.
    fn share_of(&self, wanted: impl Fn(&soc2_catalog::Control) -> bool) -> Share {
        let controls =
            self.plan.catalog.0.controls().iter().zip(&self.rollup.controls).zip(&self.rollup.onboarding_by_control);
        let mut share = Share::default();
        for ((_, states), onboarding) in controls.filter(|((control, _), _)| wanted(control)) {
            let count = |state: State| u64::from(states[state as usize]);
            let all = count(State::Passed) + count(State::Failed) + count(State::Unknown);
            share.passed += count(State::Passed);
            share.all += all.saturating_sub(u64::from(*onboarding));
        }
        share
    }

    /// What is known of open findings, else why it is not.
    fn open_findings<'f>(&self, found: Option<&'f Found>) -> Result<&'f OverdueFindings, String> {
        if !self.plan.organization_read || self.plan.tags_missing || self.rollup.active == 0 {
            return Err("no account could be assessed".to_owned());
        }
        match found {
            Some(Ok(found)) => Ok(found),
            Some(Err(Unread::Accounts(0, _))) => Err("every account is new, and none is read yet".to_owned()),
            Some(Err(Unread::Accounts(accounts, regions))) => Err(format!(
                "findings of these products are not completely read in {} of {}",
                self.plan.regions.words(*regions),
                counted(*accounts, "account")
            )),
            Some(Err(Unread::Stale(since))) => Err(format!(
                "findings of these products were last completely read at {since}, longer ago than {}",
                self.plan.freshness_text
            )),
            Some(Err(Unread::Future(since))) => {
                Err(format!("the reading of findings of these products is dated {since}, in the future"))
            }
            None => Err("findings of these products are not completely read".to_owned()),
        }
    }

    /// What people measured: by the newest attestation that has it.
    fn attested(&self, objective: &Objective) -> ObjectiveFact {
        let name = objective.name.as_deref().unwrap_or_default();
        let least = objective.min_percent.map(Measure::percent).or(objective.min.as_deref().and_then(Measure::parse));
        let most = objective.max.as_deref().and_then(Measure::parse);
        let limit = least.or(most);
        let mut fact = ObjectiveFact::new(objective, limit.map(Measure::value).unwrap_or_default());
        let Some((word, value)) = self.newest_measurement(name) else {
            return fact.because(false, format!("no attestation that counts measures {name:?}"));
        };
        let key = word.key();
        fact.status.value = Some(value.to_owned());
        let Some(measure) = Measure::parse(value) else {
            return fact
                .because(false, format!("{key} measures {value:?}, which is no number, percentage or duration"));
        };
        fact.value = Some(measure.value());
        let heard = word.heard.as_ref();
        if let Some(heard) = heard.filter(|heard| self.now >= heard.overdue_at) {
            return fact.because(false, format!("{key} counts no longer since {}: measure it again", heard.overdue_at));
        }
        if let Some(heard) = heard.filter(|heard| heard.missing > 0) {
            let missing = counted(heard.missing.into(), "account");
            return fact.because(false, format!("{key} leaves out {missing} of the profile"));
        }
        if limit.is_none_or(|limit| limit.kind != measure.kind) {
            return fact.because(false, format!("{key} measures it in another unit than the objective has"));
        }
        let enough = least.is_none_or(|least| measure.millionths >= least.millionths);
        let few = most.is_none_or(|most| measure.millionths <= most.millionths);
        fact.because(enough && few, format!("measured by {key}"))
    }

    /// The newest attestation that measures something, and the value; of two of the same moment the first by key.
    fn newest_measurement(&self, name: &str) -> Option<(&Word, &str)> {
        let mut newest: Option<(jiff::Timestamp, &Arc<Word>, &str)> = None;
        for word in &self.judgements.words {
            let Some(heard) = word.heard.as_ref().filter(|heard| heard.performed_at <= self.now) else { continue };
            let measured = word.spec.measurements.iter().flatten().find(|measurement| measurement.name == name);
            let newer = newest.is_none_or(|(at, _, _)| heard.performed_at > at);
            if let Some(measurement) = measured.filter(|_| newer) {
                newest = Some((heard.performed_at, word, &measurement.value));
            }
        }
        newest.map(|(_, word, value)| (word.as_ref(), value))
    }
}

/// Whether a control is about encryption of data at rest, by AWS's category.
fn encrypts_at_rest(control: &soc2_catalog::Control) -> bool {
    let category = control.category.to_ascii_lowercase().replace('-', " ");
    category.ends_with("encryption of data at rest")
}

/// An objective about a share of checks; `None`: there is no data.
fn of_share(objective: &Objective, least: u32, share: Option<Share>, what: &str) -> ObjectiveFact {
    let mut fact = ObjectiveFact::new(objective, f64::from(least) / 100.0);
    fact.status.min_percent = Some(least);
    let Some(Share { passed, all }) = share else {
        return fact.because(false, "there are no data: no account could be assessed");
    };
    if all == 0 {
        return fact.because(true, format!("there is no {what}: nothing to measure"));
    }
    fact.value = Some(passed as f64 / all as f64);
    fact.status.percent = u32::try_from(passed * 100 / all).ok();
    fact.status.met = passed * 100 >= u64::from(least) * all;
    fact
}

/// An objective about findings that are open for too long; `None`: there is no data.
fn of_findings(objective: &Objective, found: Result<&OverdueFindings, String>) -> ObjectiveFact {
    let most = objective.max_count.unwrap_or(0);
    let mut fact = ObjectiveFact::new(objective, f64::from(most));
    fact.status.max_count = Some(most);
    let found = match found {
        Ok(found) => found,
        Err(because) => return fact.because(false, format!("there are no data: {because}")),
    };
    fact.value = Some(found.count as f64);
    fact.status.count = Some(found.count);
    fact.status.met = found.count <= u64::from(most);
    if found.count > 0 {
        fact.status.message = Some(open_for_too_long(found));
    }
    fact
}

/// What is open for too long, by product and severity, and the oldest of it.
fn open_for_too_long(found: &OverdueFindings) -> String {
    let by = found.by.iter().map(|((product, severity), count)| format!("{count} of {product:?} ({severity:?})"));
    let by: Vec<String> = by.collect();
    let are = verb(found.count, "is", "are");
    let mut message = format!("{} {are} open for too long: {}", counted(found.count, "finding"), by.join(", "));
    if let Some(Oldest { first_seen, account, resource }) = &found.oldest {
        let since = Timestamp::from_second(i64::try_from(*first_seen).unwrap_or(0)).ok().filter(|_| *first_seen != 0);
        let since = since.map_or_else(|| "nobody knows when".to_owned(), |since| since.to_string());
        let resource: String = resource.chars().take(MAX_RESOURCE).collect();
        let about = if resource.is_empty() { String::new() } else { format!(" about {resource}") };
        let _ = write!(message, "; the oldest since {since}{about} in account {account}");
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objective(fields: serde_json::Value) -> Objective {
        serde_json::from_value(fields).unwrap()
    }

    #[test]
    fn a_share_is_exact_and_shown_rounded_down() {
        let compliance = objective(serde_json::json!({"type": "Compliance"}));
        for (passed, all, percent, met) in [
            (95, 100, 95, true),
            (949, 1000, 94, false),
            (949_999, 1_000_000, 94, false),
            (950_000, 1_000_000, 95, true),
            (0, 1, 0, false),
        ] {
            let fact = of_share(&compliance, 95, Some(Share { passed, all }), "check");
            assert_eq!((fact.status.percent, fact.status.met), (Some(percent), met), "{passed} of {all}");
            assert_eq!(fact.status.message, None);
        }
        let nothing = of_share(&compliance, 95, Some(Share::default()), "check");
        assert_eq!((nothing.status.met, nothing.value), (true, None));
        assert!(nothing.status.message.unwrap().contains("nothing to measure"));
        let unknown = of_share(&compliance, 95, None, "check");
        assert!(!unknown.status.met && unknown.status.message.unwrap().contains("no data"));
    }

    #[test]
    fn as_many_findings_may_be_overdue_as_the_objective_allows() {
        let found = |count| OverdueFindings { count, ..OverdueFindings::default() };
        for (most, count, met) in [(0, 0, true), (0, 1, false), (2, 2, true), (2, 3, false)] {
            let age = objective(serde_json::json!({"type": "CriticalFindingsAge", "maxCount": most}));
            let fact = of_findings(&age, Ok(&found(count)));
            assert_eq!((fact.status.met, fact.status.count, fact.status.max_count), (met, Some(count), Some(most)));
            assert_eq!(fact.status.message.is_some(), count > 0);
        }
        let age = objective(serde_json::json!({"type": "CriticalFindingsAge"}));
        let unknown = of_findings(&age, Err("nobody read them".to_owned()));
        assert!(!unknown.status.met && unknown.status.message.unwrap().contains("no data"));
        assert_eq!((unknown.value, unknown.status.count), (None, None));
    }
}
