//! Results in words: numbers, names and what to do. Absolute times only: nothing changes while the world does not.

use std::fmt::Write as _;

use jiff::Timestamp;
use soc2_crds::State;

use super::decide::Check;
use super::plan::Plan;
use super::reason::Reason;

/// Longest text from outside in a message, in characters.
const MAX_DETAIL: usize = 300;
/// Most criteria named in a message.
const MAX_CRITERIA: usize = 8;

/// Several unknown checks of one account that have the same reason.
pub(crate) struct Group<'a> {
    pub(crate) reason: Reason,
    pub(crate) checks: Vec<&'a Check>,
    /// What the source says, for reasons of rule 3.
    pub(crate) detail: Option<&'a str>,
    /// Status reasons of the findings.
    pub(crate) codes: Vec<&'a str>,
    pub(crate) joined_at: Option<Timestamp>,
}

/// What an exception covers of one check.
pub(crate) struct Waived<'a> {
    /// Inside which criteria; empty: wherever the control counts.
    pub(crate) criteria: Vec<String>,
    /// State of the control there.
    pub(crate) state: State,
    pub(crate) resources: u32,
    /// `<namespace>/<name>` of the exception.
    pub(crate) by: &'a str,
    pub(crate) until: Timestamp,
}

impl Waived<'_> {
    fn words(&self, noun: &str) -> String {
        let what = if self.resources == 0 {
            "missing data is".to_owned()
        } else {
            format!("{} {}", counted(self.resources.into(), noun), verb(self.resources.into(), "is", "are"))
        };
        format!("{what} waived until {} by {}", self.until, self.by)
    }
}

impl Plan {
    /// A row of a Failed or Excepted check, with what exceptions cover of it.
    pub(crate) fn row_message(&self, check: &Check, waived: &[Waived<'_>]) -> String {
        let everywhere = waived.iter().find(|waived| waived.criteria.is_empty());
        let mut message = match (check.state, everywhere) {
            (State::Excepted, Some(waived)) => waived.words("resource"),
            (State::Excepted, None) => {
                let until = self.suppressed_until.map(|until| format!(" until {until}")).unwrap_or_default();
                format!("suppressed in Security Hub, which the profile counts as waived{until}")
            }
            (_, None) => self.failing(check, 0),
            (_, Some(waived)) => {
                format!("{}; {}", self.failing(check, waived.resources), waived.words("more resource"))
            }
        };
        for waived in waived.iter().filter(|waived| !waived.criteria.is_empty()) {
            let _ = write!(
                message,
                "; inside {} it is {:?}: {}",
                some(&waived.criteria, MAX_CRITERIA),
                waived.state,
                waived.words("resource")
            );
        }
        message
    }

    /// What fails; `waived` resources more would.
    fn failing(&self, check: &Check, waived: u32) -> String {
        let all = check.failed + check.passed + check.unknown + waived;
        let (all, fail) = (counted(all.into(), "resource"), verb(check.failed.into(), "fails", "fail"));
        let mut message = format!("{} of {all} {fail} in {}", check.failed, self.regions.words(check.regions));
        if let Some(at) = time(check.at) {
            let _ = write!(message, "; last checked at {at}, older than {}", self.freshness_text);
        }
        message
    }

    /// A group of unknown checks.
    pub(crate) fn group_message(&self, group: &Group<'_>, now: Timestamp) -> String {
        let set = group.checks.iter().fold(0, |set, check| set | check.regions);
        let regions = self.regions.words(set);
        let detail = group.detail.map(|detail| format!(": {}", cut(detail))).unwrap_or_default();
        match group.reason {
            Reason::AccessDenied => format!("findings of {regions} cannot be read{detail}"),
            Reason::SecurityHubNotEnabled => {
                format!(
                    "Security Hub is not enabled in {regions}: enable it, or take the Region out of requiredRegions"
                )
            }
            Reason::AccountNotMember => {
                format!("the account is no enabled member of the Security Hub administrator in {regions}: add it there")
            }
            Reason::RegionNotCovered if set == 0 => {
                "no Security Hub source is configured: add one to the AwsOrganization".to_owned()
            }
            Reason::RegionNotCovered => {
                format!("no source covers {regions} for this account: link it to the aggregator, or add a source")
            }
            Reason::SweepIncomplete => format!("findings of {regions} are not completely read{detail}"),
            Reason::StandardNotEnabled => {
                format!("no standard of these controls is enabled in {regions}: enable one, or tailor the controls out")
            }
            Reason::ControlDisabled => {
                format!("disabled in Security Hub in {regions}: enable them there, or tailor them out with a rationale")
            }
            Reason::Suppressed => format!("suppressed in Security Hub in {regions}: waive them here instead"),
            Reason::Warning => {
                format!("AWS Config does not record {} in {regions}{}: let it", self.types(group), codes(group))
            }
            Reason::NotAvailable => format!("Security Hub has no usable result in {regions}{}", codes(group)),
            Reason::Stale => self.stale(group, &regions, now),
            Reason::NoFindings => {
                format!("no finding in {regions}: check that Security Hub evaluates them there, or set spec.noFindings")
            }
            Reason::Onboarding => onboarding(self, group.joined_at),
            other => other.to_string(),
        }
    }

    fn stale(&self, group: &Group<'_>, regions: &str, now: Timestamp) -> String {
        let newest = group.checks.iter().map(|check| check.at).max().unwrap_or_default();
        match time(newest) {
            None => format!("the findings in {regions} have no usable time"),
            Some(at) if at > now => format!("findings in {regions} are dated in the future, up to {at}"),
            Some(at) => format!("last checked in {regions} at {at} or before, older than {}", self.freshness_text),
        }
    }

    /// Types of resources that a group's controls check.
    fn types(&self, group: &Group<'_>) -> String {
        let control = |check: &&Check| self.catalog.0.controls().get(usize::from(check.control));
        let known = group.checks.iter().filter_map(control).filter_map(|control| control.resource_type.as_deref());
        let mut types: Vec<&str> = known.collect();
        types.sort_unstable();
        types.dedup();
        if types.is_empty() { "what these controls check".to_owned() } else { some(&types, 6) }
    }
}

fn onboarding(plan: &Plan, joined_at: Option<Timestamp>) -> String {
    let joined = joined_at.map(|at| format!("the account joined at {at}; ")).unwrap_or_default();
    let ends = joined_at.and_then(|at| at.checked_add(plan.onboarding).ok());
    let ends = ends.map(|at| format!(" until {at}")).unwrap_or_default();
    format!("{joined}missing data are expected{ends}")
}

fn codes(group: &Group<'_>) -> String {
    if group.codes.is_empty() { String::new() } else { format!(" ({})", some(&group.codes, 3)) }
}

/// A moment of seconds since 1970; 0 is none.
pub(crate) fn time(seconds: u32) -> Option<Timestamp> {
    (seconds != 0).then(|| Timestamp::from_second(i64::from(seconds)).ok()).flatten()
}

/// The first of some names, and how many more there are.
pub(crate) fn some<T: AsRef<str>>(names: &[T], most: usize) -> String {
    let shown: Vec<&str> = names.iter().take(most).map(AsRef::as_ref).collect();
    let more = names.len().saturating_sub(most);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// A number with its noun: `1 check`, `2 checks`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The form of a verb after a number.
pub(crate) fn verb<'v>(number: u64, one: &'v str, many: &'v str) -> &'v str {
    if number == 1 { one } else { many }
}

/// A text from outside, on one line and not too long.
fn cut(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_DETAIL).collect()
}
