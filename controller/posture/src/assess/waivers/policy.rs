//! Who may waive what: an organization's `exceptionPolicy`, resolved.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use soc2_catalog::{Catalog, Severity, normalize_control_id};
use soc2_crds::{ExceptionPolicy, MaxDuration};

use crate::assess::refusal::Refusal;
use crate::duration;
use crate::ids::AccountId;
use crate::organization::Organization;
use crate::targets;

/// The longest that any exception may last: 366 days.
pub(crate) const LONGEST: Duration = Duration::from_hours(8784);

/// Accounts for which the exceptions of a namespace may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    Every,
    Only(BTreeSet<AccountId>),
    /// The grant asks for account tags that were not read.
    TagsNotRead,
}

/// An `exceptionPolicy`, resolved against the catalogues and the organization tree.
#[derive(Debug)]
pub(crate) struct Policy {
    /// Name of the `AwsOrganization`.
    organization: String,
    /// The operator's namespace, where no namespaces are listed: only it counts.
    only: Option<String>,
    /// What may be waived, by namespace.
    grants: BTreeMap<String, Grant>,
    pub(crate) require_approver: bool,
    /// Normalised ids of controls that nobody may waive.
    pub(crate) never: BTreeSet<String>,
    /// How long, by severity.
    limits: [Duration; 4],
    /// What is wrong in it: then no exception counts.
    invalid: Option<String>,
}

impl Policy {
    /// Resolves the policy of an organization. `catalogs` are all in use.
    pub(crate) fn new(
        name: &str,
        spec: Option<&ExceptionPolicy>,
        operator_namespace: &str,
        catalogs: &[&Arc<Catalog>],
        tree: &Organization,
    ) -> Self {
        let mut policy = Self {
            organization: name.to_owned(),
            only: None,
            grants: BTreeMap::new(),
            require_approver: spec.is_some_and(|spec| spec.require_approver),
            never: BTreeSet::new(),
            limits: [LONGEST; 4],
            invalid: None,
        };
        match spec.and_then(|spec| spec.namespaces.as_ref()) {
            None => {
                policy.only = Some(operator_namespace.to_owned());
                policy.grants.insert(operator_namespace.to_owned(), Grant::Every);
            }
            Some(namespaces) => {
                let grants =
                    namespaces.iter().map(|grant| (grant.name.clone(), accounts(grant.targets.as_ref(), tree)));
                policy.grants.extend(grants);
            }
        }
        if let Some(spec) = spec {
            policy.invalid = policy.never(spec, catalogs).and_then(|()| policy.limit(&spec.max_duration)).err();
        }
        policy
    }

    fn never(&mut self, spec: &ExceptionPolicy, catalogs: &[&Arc<Catalog>]) -> Result<(), String> {
        for (at, id) in spec.never_waivable.iter().flatten().enumerate() {
            let found = named(id, catalogs);
            if found.is_empty() {
                return Err(format!("spec.exceptionPolicy.neverWaivable[{at}]: no catalogue knows a control {id:?}"));
            }
            self.never.extend(found.into_keys());
        }
        Ok(())
    }

    fn limit(&mut self, spec: &MaxDuration) -> Result<(), String> {
        let parse = |field: &str, text: &Option<String>, otherwise: Duration| match text {
            None => Ok(otherwise),
            Some(text) => duration::parse(text).map(|limit| limit.min(LONGEST)).map_err(|_| {
                format!("spec.exceptionPolicy.maxDuration.{field}: {text:?} is no duration; write it as in 30d or 720h")
            }),
        };
        let other = parse("default", &spec.default, LONGEST)?;
        self.limits = [
            parse("critical", &spec.critical, other)?,
            parse("high", &spec.high, other)?,
            parse("medium", &spec.medium, other)?,
            parse("low", &spec.low, other)?,
        ];
        Ok(())
    }

    /// What is wrong in the policy itself, as a refusal of every exception.
    pub(crate) fn invalid(&self) -> Option<Refusal> {
        let problem = self.invalid.as_ref()?;
        let message =
            format!("AwsOrganization {}: {problem}; no exception counts until it is corrected", self.organization);
        Some(Refusal::new("PolicyInvalid", message))
    }

    /// Accounts for which the exceptions of a namespace may be.
    pub(crate) fn grant(&self, namespace: &str) -> Result<&Grant, Refusal> {
        self.grants.get(namespace).ok_or_else(|| {
            let only = self.only.as_ref().map(|only| format!("; only exceptions in {only} count")).unwrap_or_default();
            let message = format!(
                "metadata.namespace: {namespace} may waive nothing: spec.exceptionPolicy.namespaces of AwsOrganization {} does not list it{only}",
                self.organization
            );
            Refusal::new("NotGranted", message)
        })
    }

    /// How long controls of a severity may be waived.
    pub(crate) fn longest(&self, severity: Severity) -> Duration {
        self.limits[severity as usize]
    }
}

/// Controls that an id or glob names, in any of the catalogues: normalised id, and the worst severity.
pub(crate) fn named(id: &str, catalogs: &[&Arc<Catalog>]) -> BTreeMap<String, Severity> {
    let mut found: BTreeMap<String, Severity> = BTreeMap::new();
    for catalog in catalogs {
        for control in catalog.resolve(id).into_iter().map(|ix| catalog.get(ix)) {
            let worst = found.entry(normalize_control_id(&control.id)).or_insert(control.severity);
            *worst = control.severity.min(*worst);
        }
    }
    found
}

fn accounts(targets: Option<&soc2_crds::Targets>, tree: &Organization) -> Grant {
    let Some(targets) = targets else { return Grant::Every };
    let selection = targets::select(targets, tree, "targets");
    if selection.tags_missing { Grant::TagsNotRead } else { Grant::Only(selection.accounts) }
}
