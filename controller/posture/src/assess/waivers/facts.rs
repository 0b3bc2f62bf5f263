//! How each exception stands: what was decided about it, and what it covers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use soc2_catalog::Catalog;
use soc2_crds::{AwsOrganizationSpec, ComplianceExceptionStatus, ExceptionState};

use super::judge::{Judged, Jurisdiction, Verdict, judge_all, second};
use crate::assess::conditions::{ConditionFact, ready_or_stalled};
use crate::assess::message::{counted, some};
use crate::assess::refusal::Refusal;
use crate::assess::{Assessment, Owners};
use crate::ids::AccountId;
use crate::organization::Organization;

/// How long before its end an exception is expiring soon: 14 days.
pub(crate) const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Most selectors named in a message.
const NAMES: usize = 3;

/// Whether an exception is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExceptionVerdict {
    /// It is.
    Granted,
    /// It cannot be told yet, so that it has no effect: `OrganizationNotRead` or `TagsNotRead`.
    Waiting {
        /// One word.
        reason: &'static str,
        /// In words.
        message: String,
    },
    /// It is not, and has no effect.
    Refused {
        /// One word, such as `NotGranted`.
        reason: &'static str,
        /// In words, naming the field.
        message: String,
    },
}

/// What an exception covers of one control of one account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExceptionMatch {
    /// The account.
    pub account: AccountId,
    /// Id of the control.
    pub control: String,
    /// Resources; none where only missing data is waived.
    pub resources: u32,
}

/// What is known of one exception, whatever the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceptionFact {
    /// Namespace that it is in.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// From when on it holds; a whole second.
    pub starts_at: Timestamp,
    /// From when on it no longer holds; a whole second.
    pub expires_at: Timestamp,
    /// Whether it is granted.
    pub verdict: ExceptionVerdict,
    /// Selectors of its targets that match nothing, by field path.
    pub unmatched: Vec<String>,
    /// It is granted for some account of the profile.
    pub concerns_profile: bool,
    /// What it covers, by account and control; empty while it does not hold.
    pub matches: Vec<ExceptionMatch>,
}

/// How one exception stands at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceptionStanding {
    /// Whether it has an effect.
    pub state: ExceptionState,
    /// Why, as one word: the state, or for `Refused` and `Pending` such as `NotGranted`.
    pub reason: &'static str,
    /// In words; absolute times only.
    pub message: String,
    /// Accounts in which it covers something.
    pub accounts: u32,
    /// Resources that it covers, each once for each control.
    pub resources: u32,
    /// It waives something, and ends within 14 days.
    pub expiring_soon: bool,
    /// When time alone changes its state, or makes it expiring soon.
    pub next_change_at: Option<Timestamp>,
}

impl ExceptionStanding {
    /// `Ready`, and `Stalled` while it is refused.
    #[must_use]
    pub fn conditions(&self) -> Vec<ConditionFact> {
        ready_or_stalled(self.state == ExceptionState::Refused, self.reason, &self.message)
    }
}

impl ExceptionFact {
    pub(crate) fn new(judged: &Judged) -> Self {
        let word = |Refusal { reason, message }: &Refusal| (*reason, message.clone());
        let (verdict, unmatched) = match &judged.verdict {
            Verdict::Granted { unmatched, .. } => (ExceptionVerdict::Granted, unmatched.clone()),
            Verdict::Waiting(refusal) => {
                let (reason, message) = word(refusal);
                (ExceptionVerdict::Waiting { reason, message }, Vec::new())
            }
            Verdict::Refused(refusal) => {
                let (reason, message) = word(refusal);
                (ExceptionVerdict::Refused { reason, message }, Vec::new())
            }
        };
        Self {
            namespace: judged.namespace.clone(),
            name: judged.name.clone(),
            starts_at: second(judged.spec.starts_at.0),
            expires_at: second(judged.spec.expires_at.0),
            verdict,
            unmatched,
            concerns_profile: false,
            matches: Vec::new(),
        }
    }

    /// How it stands at a moment. What is past its end has ended, whether it was granted or not; but one that ends before it
    /// begins never was.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> ExceptionStanding {
        let (from, until) = (self.starts_at, self.expires_at);
        let accounts: BTreeSet<AccountId> = self.matches.iter().map(|found| found.account).collect();
        let resources = self.matches.iter().map(|found| found.resources).fold(0, u32::saturating_add);
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let (state, reason, message) = self.state(now, accounts.len(), resources);
        let active = state == ExceptionState::Active;
        let moments = moments(from, until);
        ExceptionStanding {
            state,
            reason,
            message,
            accounts: if active { number(accounts.len()) } else { 0 },
            resources: if active { resources } else { 0 },
            expiring_soon: active && now >= moments[1],
            next_change_at: moments.into_iter().filter(|moment| *moment > now).min(),
        }
    }

    fn state(&self, now: Timestamp, accounts: usize, resources: u32) -> (ExceptionState, &'static str, String) {
        let (from, until) = (self.starts_at, self.expires_at);
        match &self.verdict {
            ExceptionVerdict::Refused { reason, message } if now < until || until <= from => {
                (ExceptionState::Refused, reason, message.clone())
            }
            _ if now >= until => (ExceptionState::Expired, "Expired", format!("it ended at {until}")),
            ExceptionVerdict::Waiting { reason, message } => (ExceptionState::Pending, reason, message.clone()),
            _ if now < from => (ExceptionState::Pending, "NotStarted", format!("it begins at {from}")),
            _ if self.matches.is_empty() => {
                let nobody = if self.unmatched.is_empty() {
                    String::new()
                } else {
                    format!("; {} match no account", some(&self.unmatched, NAMES))
                };
                (ExceptionState::Unmatched, "Unmatched", format!("nothing that it names fails{nobody}"))
            }
            _ => {
                let (resources, accounts) =
                    (counted(resources.into(), "resource"), counted(accounts as u64, "account"));
                (ExceptionState::Active, "Active", format!("{resources} waived in {accounts} until {until}"))
            }
        }
    }
}

impl Assessment {
    /// What is known of each exception of the organization, by namespace and name, and what it covers under this profile.
    #[must_use]
    pub fn exceptions(&self) -> Vec<ExceptionFact> {
        let mut matches: HashMap<&str, Vec<ExceptionMatch>> = HashMap::new();
        for (account, result) in &self.accounts {
            for found in &result.matches {
                let waiver = result.standing.waivers().get(usize::from(found.waiver));
                let check = result.checks.get(usize::from(found.check));
                let control = check.and_then(|check| self.plan.catalog.0.controls().get(usize::from(check.control)));
                if let (Some(waiver), Some(control)) = (waiver, control) {
                    let found =
                        ExceptionMatch { account: *account, control: control.id.clone(), resources: found.resources };
                    matches.entry(waiver.key.as_str()).or_default().push(found);
                }
            }
        }
        let fact = |judged: &Arc<Judged>| {
            let mut fact = ExceptionFact::new(judged);
            if let Verdict::Granted { waiver, accounts, .. } = &judged.verdict {
                fact.concerns_profile = accounts.iter().any(|account| self.accounts.contains_key(account));
                fact.matches = matches.remove(waiver.key.as_str()).unwrap_or_default();
            }
            fact
        };
        self.judgements.exceptions.iter().map(fact).collect()
    }

    /// When time alone begins or ends an exception for an account of the profile, or makes it expiring soon.
    pub(in crate::assess) fn exceptions_change_at(&self) -> Option<Timestamp> {
        let granted = self.judgements.exceptions.iter().filter_map(|judged| match &judged.verdict {
            Verdict::Granted { waiver, accounts, .. } => Some((waiver, accounts)),
            Verdict::Waiting(_) | Verdict::Refused(_) => None,
        });
        let here = granted.filter(|(_, accounts)| accounts.iter().any(|account| self.accounts.contains_key(account)));
        let moments = here.flat_map(|(waiver, _)| moments(waiver.from, waiver.until));
        moments.filter(|moment| *moment > self.now).min()
    }
}

/// When an exception changes: when it begins, is expiring soon, ends.
fn moments(from: Timestamp, until: Timestamp) -> [Timestamp; 3] {
    [from, until.checked_sub(SOON).unwrap_or(until), until]
}

/// What is known of the exceptions of an organization without any profile: whether they are granted. `organization` is the
/// name of its object.
#[must_use]
pub fn exceptions(
    organization: &str,
    spec: &AwsOrganizationSpec,
    owners: &Owners<'_>,
    catalog: &Arc<Catalog>,
    tree: Option<&Organization>,
) -> Vec<ExceptionFact> {
    let policy = spec.exception_policy.as_ref();
    let by = Jurisdiction { organization, policy, owners: *owners, catalog, tree, criteria: &[] };
    judge_all(&by, &[]).iter().map(|judged| ExceptionFact::new(judged)).collect()
}

/// What is known of exceptions, from [`exceptions`] and from the assessments of every profile of the organization together: an
/// exception is refused only where all say so, and covers what it covers under any profile.
#[must_use]
pub fn merge_exceptions(facts: impl IntoIterator<Item = ExceptionFact>) -> Vec<ExceptionFact> {
    let mut merged: BTreeMap<(String, String), ExceptionFact> = BTreeMap::new();
    for fact in facts {
        match merged.get_mut(&(fact.namespace.clone(), fact.name.clone())) {
            None => {
                merged.insert((fact.namespace.clone(), fact.name.clone()), fact);
            }
            Some(known) => {
                if rank(&fact.verdict) < rank(&known.verdict) {
                    known.verdict = fact.verdict;
                    known.unmatched = fact.unmatched;
                }
                known.concerns_profile |= fact.concerns_profile;
                known.matches.extend(fact.matches);
            }
        }
    }
    let mut merged: Vec<ExceptionFact> = merged.into_values().collect();
    for fact in &mut merged {
        // Of one control of one account, the most that any profile saw.
        fact.matches.sort_unstable_by(|one, other| other.cmp(one));
        fact.matches.dedup_by(|one, kept| one.account == kept.account && one.control == kept.control);
        fact.matches.reverse();
    }
    merged
}

/// How often the end of an exception was moved to a later time, by what its status said before. The first sight is none.
#[must_use]
pub fn renewals(status: Option<&ComplianceExceptionStatus>, expires_at: Timestamp) -> u32 {
    let Some(status) = status else { return 0 };
    let renewed = status.expires_at.as_ref().is_some_and(|known| expires_at > known.0);
    status.renewals.saturating_add(u32::from(renewed))
}

fn rank(verdict: &ExceptionVerdict) -> u8 {
    match verdict {
        ExceptionVerdict::Granted => 0,
        ExceptionVerdict::Waiting { .. } => 1,
        ExceptionVerdict::Refused { .. } => 2,
    }
}
