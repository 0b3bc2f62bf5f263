//! Whether an exception is granted, as a whole, and what it then names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use soc2_catalog::{Catalog, Severity, normalize_control_id};
use soc2_crds::{ComplianceExceptionSpec, ExceptionPolicy};

use super::policy::{Grant, LONGEST, Policy, named};
use super::{Exception, Named, Waiver};
use crate::assess::Owners;
use crate::assess::message::some;
use crate::assess::refusal::Refusal;
use crate::ids::AccountId;
use crate::organization::{AccountState, Organization};
use crate::targets;

/// Most accounts or controls named in a message.
const NAMES: usize = 5;

/// An exception with what was decided about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// What was judged: judged again only when it changes.
    pub(crate) spec: ComplianceExceptionSpec,
    pub(crate) verdict: Verdict,
}

/// Whether an exception is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is.
    Granted {
        waiver: Arc<Waiver>,
        /// Accounts that it names and that are not closed.
        accounts: BTreeSet<AccountId>,
        /// Selectors of its targets that match nothing.
        unmatched: Vec<String>,
    },
    /// It cannot be told yet: its accounts are not known.
    Waiting(Refusal),
    /// It is not; it has no effect.
    Refused(Refusal),
}

/// What exceptions are judged by.
#[derive(Clone, Copy)]
pub(crate) struct Jurisdiction<'a> {
    /// Name of the `AwsOrganization`.
    pub(crate) organization: &'a str,
    pub(crate) policy: Option<&'a ExceptionPolicy>,
    pub(crate) owners: Owners<'a>,
    pub(crate) catalog: &'a Arc<Catalog>,
    pub(crate) tree: Option<&'a Organization>,
    /// Criteria of the profile, as indexes of the catalogue; the position is the bit.
    pub(crate) criteria: &'a [usize],
}

/// Judges the exceptions of an organization, by key. Of those that were judged `before` from the same basis only what changed
/// is judged again.
pub(crate) fn judge_all(by: &Jurisdiction<'_>, before: &[Arc<Judged>]) -> Vec<Arc<Judged>> {
    let of_organization = by.owners.exceptions.iter().filter(|one| one.spec.organization_ref.name == by.organization);
    let mut exceptions: Vec<&Exception<'_>> = of_organization.collect();
    exceptions.sort_by_key(|exception| (exception.namespace, exception.name));
    let known = |exception: &Exception<'_>| {
        let wanted = (exception.namespace, exception.name);
        let key = |judged: &Arc<Judged>| (judged.namespace.as_str(), judged.name.as_str()).cmp(&wanted);
        let judged = before.get(before.binary_search_by(key).ok()?)?;
        (judged.spec == *exception.spec).then(|| Arc::clone(judged))
    };
    let mut judge: Option<Judge<'_>> = None;
    let judged = |exception: &Exception<'_>| {
        known(exception).unwrap_or_else(|| {
            let judge = judge.get_or_insert_with(|| Judge::new(by));
            Arc::new(Judged {
                namespace: exception.namespace.to_owned(),
                name: exception.name.to_owned(),
                spec: exception.spec.clone(),
                verdict: judge.verdict(exception),
            })
        })
    };
    exceptions.into_iter().map(judged).collect()
}

/// A jurisdiction with what its policy says of the tree.
struct Judge<'a> {
    catalog: &'a Catalog,
    /// Every catalogue in use: an id is known when any knows it.
    catalogs: Vec<&'a Arc<Catalog>>,
    criteria: &'a [usize],
    tree: Option<(&'a Organization, Policy)>,
}

impl<'a> Judge<'a> {
    fn new(by: &Jurisdiction<'a>) -> Self {
        let catalogs: Vec<&Arc<Catalog>> = std::iter::once(by.catalog).chain(by.owners.catalogs).collect();
        let policy = |tree| Policy::new(by.organization, by.policy, by.owners.operator_namespace, &catalogs, tree);
        let tree = by.tree.map(|tree| (tree, policy(tree)));
        Self { catalog: by.catalog, catalogs, criteria: by.criteria, tree }
    }

    fn verdict(&self, exception: &Exception<'_>) -> Verdict {
        match self.granted(exception) {
            Ok(verdict) => verdict,
            Err(refusal) => Verdict::Refused(refusal),
        }
    }

    fn granted(&self, exception: &Exception<'_>) -> Result<Verdict, Refusal> {
        let spec = exception.spec;
        let length = length(spec)?;
        let controls = self.controls(spec)?;
        let Some((tree, policy)) = &self.tree else {
            return Ok(Verdict::Waiting(Refusal::new("OrganizationNotRead", "the organization was not read yet")));
        };
        if let Some(refusal) = policy.invalid() {
            return Err(refusal);
        }
        let selection = targets::select(&spec.targets, tree, "spec.targets");
        let is_open =
            |id: &AccountId| tree.accounts.get(id).is_some_and(|account| account.state != AccountState::Closed);
        let accounts: BTreeSet<AccountId> = selection.accounts.into_iter().filter(is_open).collect();
        let grant = policy.grant(exception.namespace)?;
        if selection.tags_missing || *grant == Grant::TagsNotRead {
            let message =
                "spec.targets, or what is granted to the namespace, asks for account tags that were not read yet";
            return Ok(Verdict::Waiting(Refusal::new("TagsNotRead", message)));
        }
        within(grant, &accounts, exception.namespace)?;
        waivable(spec, &controls, policy)?;
        short_enough(length, &controls, policy)?;
        if policy.require_approver && spec.approved_by.as_deref().is_none_or(|name| name.trim().is_empty()) {
            let message = "spec.approvedBy: the organization's exceptionPolicy wants to know who allowed it";
            return Err(Refusal::new("NoApprover", message));
        }
        let waiver = Arc::new(Waiver {
            key: format!("{}/{}", exception.namespace, exception.name),
            from: second(spec.starts_at.0),
            until: second(spec.expires_at.0),
            names: self.names(spec, length, policy),
            resources: spec.resources.clone(),
            covers_unknown: spec.covers_unknown,
        });
        Ok(Verdict::Granted { waiver, accounts, unmatched: selection.unmatched })
    }

    /// The controls that an exception names, directly or by a criterion, each with the field that names it.
    fn controls(&self, spec: &ComplianceExceptionSpec) -> Result<BTreeMap<String, (Severity, String)>, Refusal> {
        let mut controls = BTreeMap::new();
        for (at, id) in spec.controls.iter().flatten().enumerate() {
            let field = format!("spec.controls[{at}]");
            let found = named(id, &self.catalogs);
            if found.is_empty() {
                let message = format!("{field}: the catalogue knows no control {id:?}; see `soc2ctl catalog list`");
                return Err(Refusal::new("UnknownControl", message));
            }
            controls.extend(found.into_iter().map(|(id, severity)| (id, (severity, field.clone()))));
        }
        for (at, id) in spec.criteria.iter().flatten().enumerate() {
            let field = format!("spec.criteria[{at}]");
            let known: Vec<_> =
                self.catalogs.iter().filter_map(|catalog| Some((*catalog, catalog.criterion(id)?))).collect();
            if known.is_empty() {
                let message = format!("{field}: {id:?} is no Trust Services criterion; write it as in CC6.1");
                return Err(Refusal::new("UnknownCriterion", message));
            }
            for (catalog, criterion) in known {
                for mapping in catalog.mappings().iter().filter(|mapping| mapping.criterion == criterion) {
                    let control = catalog.get(mapping.control);
                    controls.insert(normalize_control_id(&control.id), (control.severity, field.clone()));
                }
            }
        }
        Ok(controls)
    }

    /// What it names in the profile's catalogue and criteria.
    fn names(&self, spec: &ComplianceExceptionSpec, length: Duration, policy: &Policy) -> Named {
        if let Some(ids) = &spec.controls {
            let mut controls: Vec<_> = ids.iter().flat_map(|id| self.catalog.resolve(id)).collect();
            controls.sort_unstable();
            controls.dedup();
            return Named::Controls(controls);
        }
        let bit = |id: &String| {
            let criterion = self.catalog.criterion(id)?;
            self.criteria.iter().position(|known| *known == criterion)
        };
        let set = spec.criteria.iter().flatten().filter_map(bit).fold(0, |set, bit| set | 1 << bit);
        // A profile may have put controls into the criterion that the policy does not let it waive.
        let excluded = |control: &soc2_catalog::Control| {
            policy.never.contains(&normalize_control_id(&control.id)) || length > policy.longest(control.severity)
        };
        let numbered = self.catalog.controls().iter().zip(0_u16..);
        let except =
            numbered.filter(|(control, _)| excluded(control)).map(|(_, number)| soc2_catalog::ControlIx(number));
        Named::Criteria(set, except.collect())
    }
}

/// How long it lasts, if what it says can be at all; the API server refuses the rest before.
fn length(spec: &ComplianceExceptionSpec) -> Result<Duration, Refusal> {
    let bad = |message: &str| Err(Refusal::new("BadSpec", message));
    let has = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    if has(&spec.controls) == has(&spec.criteria) {
        return bad("spec.controls, spec.criteria: give exactly one of them");
    }
    if spec.covers_unknown && spec.resources.is_some() {
        return bad(
            "spec.coversUnknown: not together with spec.resources: nobody knows of which resources data is missing",
        );
    }
    let length = second(spec.expires_at.0).duration_since(second(spec.starts_at.0));
    match Duration::try_from(length) {
        Ok(length) if !length.is_zero() => Ok(length),
        _ => bad("spec.expiresAt: must be later than spec.startsAt"),
    }
}

/// Whether a grant holds for all of these accounts.
fn within(grant: &Grant, accounts: &BTreeSet<AccountId>, namespace: &str) -> Result<(), Refusal> {
    let Grant::Only(granted) = grant else { return Ok(()) };
    let outside: Vec<String> = accounts.difference(granted).map(ToString::to_string).collect();
    if outside.is_empty() {
        return Ok(());
    }
    let message = format!(
        "spec.targets: {namespace} may not waive anything in {}; narrow the targets, or let exceptionPolicy.namespaces grant them",
        some(&outside, NAMES)
    );
    Err(Refusal::new("NotGranted", message))
}

/// Whether everything that it names may be waived.
fn waivable(
    spec: &ComplianceExceptionSpec,
    controls: &BTreeMap<String, (Severity, String)>,
    policy: &Policy,
) -> Result<(), Refusal> {
    let Some((id, (_, field))) = controls.iter().find(|(id, _)| policy.never.contains(*id)) else { return Ok(()) };
    let how = if spec.criteria.is_some() { "the criterion has" } else { "it names" };
    let message = format!("{field}: {how} {id}, which exceptionPolicy.neverWaivable lists; name other controls");
    Err(Refusal::new("NeverWaivable", message))
}

/// Whether it lasts no longer than it may for the worst of its controls.
fn short_enough(
    length: Duration,
    controls: &BTreeMap<String, (Severity, String)>,
    policy: &Policy,
) -> Result<(), Refusal> {
    let longest = |severity: Severity| policy.longest(severity);
    let strictest = controls.iter().min_by_key(|(_, (severity, _))| longest(*severity));
    let (limit, why) = match strictest {
        Some((id, (severity, _))) => (longest(*severity), format!(" for {id} of severity {severity}")),
        None => (LONGEST, String::new()),
    };
    if length <= limit {
        return Ok(());
    }
    let message = format!(
        "spec.expiresAt: it lasts {}, longer than the {} that it may{why}; shorten it, and renew it when it is still needed",
        days(length),
        days(limit)
    );
    Err(Refusal::new("TooLong", message))
}

/// A time in days and hours.
fn days(length: Duration) -> String {
    let hours = length.as_secs().div_ceil(3600);
    match (hours / 24, hours % 24) {
        (0, hours) => format!("{hours}h"),
        (days, 0) => format!("{days}d"),
        (days, hours) => format!("{days}d{hours}h"),
    }
}

/// The second that a moment is in.
pub(crate) fn second(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment)
}
