//! Rule 6: exceptions. Which of them are granted, what they cover in an account, and how each stands.
//!
//! An exception is judged once for each organization tree and policy ([`judge`]); a granted one is a [`Waiver`], which enters
//! the standing of the accounts that it names and nothing else, so that editing one assesses only these again.

mod cover;
mod facts;
mod judge;
mod policy;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use soc2_catalog::{ControlIx, glob_match};
use soc2_crds::ComplianceExceptionSpec;

pub(crate) use cover::{Match, WaivedCheck, Waiving};
pub use facts::{
    ExceptionFact, ExceptionMatch, ExceptionStanding, ExceptionVerdict, exceptions, merge_exceptions, renewals,
};
pub(crate) use judge::{Judged, Jurisdiction, Verdict, judge_all};

use super::scope::CriterionSet;
use crate::assess::findings::Findings;
use crate::ids::AccountId;
use crate::index::Row;

/// Longest id of a resource that globs are matched with, in bytes. The index keeps a little more; what is longer may have
/// been cut, and a glob could match what is left by mistake.
const MAX_RESOURCE: usize = 508;

/// A `ComplianceException`, as it was written.
#[derive(Clone, Copy, Debug)]
pub struct Exception<'a> {
    /// Namespace that it is in.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// What it says.
    pub spec: &'a ComplianceExceptionSpec,
}

/// A granted exception as accounts see it. Two that are equal waive the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiver {
    /// `<namespace>/<name>`.
    pub(crate) key: String,
    /// From when on it holds; a whole second.
    pub(crate) from: Timestamp,
    /// From when on it no longer holds; a whole second.
    pub(crate) until: Timestamp,
    pub(crate) names: Named,
    /// Globs over ids of resources; `None`: every resource.
    pub(crate) resources: Option<Vec<String>>,
    pub(crate) covers_unknown: bool,
}

/// What an exception names, in the catalogue and criteria of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// These controls, wherever they count; in order.
    Controls(Vec<ControlIx>),
    /// Every control inside these criteria, but for those that it may not waive; in order.
    Criteria(CriterionSet, Vec<ControlIx>),
}

/// The granted exceptions of each account, the one that ends last first: of several it is shown.
pub(crate) type ByAccount = BTreeMap<AccountId, Arc<[Arc<Waiver>]>>;

impl Waiver {
    pub(crate) fn active(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }

    /// When time alone begins or ends it.
    pub(crate) fn changes_at(&self, now: Timestamp) -> Option<Timestamp> {
        [self.from, self.until].into_iter().find(|moment| *moment > now)
    }

    /// Whether it waives a control wherever that counts.
    fn everywhere(&self, control: ControlIx) -> bool {
        matches!(&self.names, Named::Controls(controls) if controls.binary_search(&control).is_ok())
    }

    /// Criteria inside which it waives a control.
    fn inside(&self, control: ControlIx) -> CriterionSet {
        match &self.names {
            Named::Criteria(set, except) if except.binary_search(&control).is_err() => *set,
            _ => 0,
        }
    }

    /// Whether it covers the resource of a finding. One without an id is covered only where every resource is.
    fn covers(&self, row: &Row, findings: &Findings<'_>) -> bool {
        let Some(globs) = &self.resources else { return true };
        let Some(resource) = findings.text(row.resource).filter(|text| text.len() <= MAX_RESOURCE) else {
            return false;
        };
        globs.iter().any(|glob| glob_match(glob, resource))
    }
}

/// The granted exceptions by account.
pub(crate) fn by_account(judged: &[Arc<Judged>]) -> ByAccount {
    let mut lists: BTreeMap<AccountId, Vec<Arc<Waiver>>> = BTreeMap::new();
    for judged in judged {
        if let Verdict::Granted { waiver, accounts, .. } = &judged.verdict {
            for account in accounts {
                lists.entry(*account).or_default().push(Arc::clone(waiver));
            }
        }
    }
    let sorted = |mut list: Vec<Arc<Waiver>>| -> Arc<[Arc<Waiver>]> {
        list.sort_by(|one, other| (Reverse(one.until), &one.key).cmp(&(Reverse(other.until), &other.key)));
        list.into()
    };
    lists.into_iter().map(|(account, list)| (account, sorted(list))).collect()
}
