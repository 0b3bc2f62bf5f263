//! The observe step: the organization that the profile refers to, and whether its world may be assessed yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt;
use soc2_catalog::Catalog;
use soc2_crds::{AwsOrganization, ComplianceProfile};
use soc2_feed::{FeedFacts, Reading};
use soc2_guardrails::library::accepted;
use soc2_guardrails::protection;
use soc2_posture::duration;
use soc2_posture::ids::AccountId;
use soc2_posture::organization::{AccountState, Organization};
use soc2_posture::protection::ProtectionByAccount;
use soc2_posture::targets::select;

use crate::context::Context;
use crate::feeds::View;
use crate::owners::{CatalogTrouble, Written};

/// What a profile is assessed from.
pub struct Observed {
    /// The organization's object.
    pub object: AwsOrganization,
    /// Its world.
    pub view: View,
    /// For each required guardrail, which accounts it protects.
    pub protection: BTreeMap<String, ProtectionByAccount>,
    /// The catalogue.
    pub catalog: Arc<Catalog>,
    /// What owners wrote.
    pub written: Written,
}

const RESTARTING: &str = "Restarting";
const ORGANIZATION_SUSPENDED: &str = "OrganizationSuspended";
/// Reasons of what is not assessed and stands: it gets no younger.
pub const STANDING: [&str; 2] = [RESTARTING, ORGANIZATION_SUSPENDED];

/// Why a profile is not assessed now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Nothing is known, and nothing was published before.
    Nothing {
        /// Reason in CamelCase.
        reason: String,
        /// In words.
        message: String,
    },
    /// Something is wrong that only a person can correct. What was published stands while it is fresh.
    Refused {
        /// Reason in CamelCase.
        reason: String,
        /// In words, with what to do.
        message: String,
    },
    /// What was published stands; `DataComplete` says why.
    Stands {
        /// Reason in CamelCase, one of [`STANDING`].
        reason: &'static str,
        /// In words.
        message: String,
    },
    /// The operator has only just begun; not a word yet.
    Quiet,
}

impl Waiting {
    /// Something is wrong that only a person can correct.
    pub fn refused(reason: &str, message: impl Into<String>) -> Self {
        Self::Refused { reason: reason.to_owned(), message: message.into() }
    }

    /// Nothing is known of the accounts.
    pub fn nothing(reason: &str, message: impl Into<String>) -> Self {
        Self::Nothing { reason: reason.to_owned(), message: message.into() }
    }
}

/// What the profile is assessed from. What a former process published may have to stand for a while; `own_work` says that
/// what is published is this one's.
///
/// # Errors
/// When it must not be assessed yet.
pub fn observe(
    context: &Context,
    profile: &ComplianceProfile,
    own_work: bool,
    now: Timestamp,
) -> Result<Observed, Waiting> {
    let name = &profile.spec.organization_ref.name;
    let object = context.stores.organization(name).ok_or_else(|| {
        let message =
            format!("spec.organizationRef.name: there is no AwsOrganization {name:?}; create it, or correct the name");
        Waiting::nothing("OrganizationNotFound", message)
    })?;
    if let Some(other) = context.older_twin(name) {
        let message = format!("AwsOrganization {name} is a duplicate of {other}; refer to that one");
        return Err(Waiting::nothing("DuplicateOrganization", message));
    }
    let catalog =
        context.catalog_of(profile).map_err(|CatalogTrouble { reason, message }| Waiting::refused(reason, message))?;
    let published = if own_work { None } else { published_until(profile) };
    let stands = published.is_some_and(|until| now < until);
    let Some(view) = context.feeds.view(name) else {
        if object.spec.suspend {
            let stands = stands && stands_until(context, profile).is_some_and(|until| now < until);
            return Err(suspended(name, stands));
        }
        return Err(if published.is_some() {
            Waiting::Quiet
        } else {
            Waiting::nothing("Reading", "the organization is being read")
        });
    };
    if view.world.read(|world| world.organization.is_none()) {
        return Err(not_read(&view.facts, stands));
    }
    if stands && (view.facts.restarting || !view.facts.controls_read) {
        let (swept, all) = view.world.read(|world| swept(profile, world.organization.as_ref(), &view.facts));
        if swept < all && view.facts.restarting || !view.facts.controls_read {
            let left = if swept < all { "" } else { ", but not which controls are disabled" };
            let message = format!(
                "restarted without a usable checkpoint: {swept} of {all} accounts are read again{left}; what was published stands until then"
            );
            return Err(Waiting::Stands { reason: RESTARTING, message });
        }
    }
    let policies_to_come = view.facts.inventory.is_none() && view.facts.policies == Reading::default();
    if stands && policies_to_come && !profile.spec.guardrails.required.is_empty() {
        return Err(Waiting::Quiet);
    }
    let protection = view.world.read(|world| {
        let tree = world.organization.as_ref();
        tree.map(|tree| protections(context, (profile, &object), tree, &view.facts)).unwrap_or_default()
    });
    let written = Written::of(name, &context.stores.exceptions, &context.stores.attestations);
    Ok(Observed { object, view, protection, catalog, written })
}

/// The organization was suspended before this process began: nothing is read, and what was published gets too old in its time.
fn suspended(organization: &str, stands: bool) -> Waiting {
    let message = format!("AwsOrganization {organization} has spec.suspend: true, and is not read");
    if stands {
        return Waiting::Stands { reason: ORGANIZATION_SUSPENDED, message };
    }
    Waiting::nothing(ORGANIZATION_SUSPENDED, message)
}

/// How long what was published of a suspended profile may stand: while it is fresh, and no waiver that may be in it has ended.
pub fn stands_until(context: &Context, profile: &ComplianceProfile) -> Option<Timestamp> {
    let assessed = profile.status.as_ref()?.assessed_at.as_ref()?.0;
    let written =
        Written::of(&profile.spec.organization_ref.name, &context.stores.exceptions, &context.stores.attestations);
    let ends =
        written.exceptions().into_iter().map(|exception| exception.spec.expires_at.0).filter(|end| *end > assessed);
    ends.chain(published_until(profile)).min()
}

/// How long what was published may stand: the freshness limit from the last assessment on. `None`: nothing was.
pub fn published_until(profile: &ComplianceProfile) -> Option<Timestamp> {
    let assessed = profile.status.as_ref()?.assessed_at.as_ref()?.0;
    let freshness = duration::parse(&profile.spec.freshness).ok()?;
    assessed.checked_add(jiff::SignedDuration::try_from(freshness).ok()?).ok()
}

fn not_read(facts: &FeedFacts, stands: bool) -> Waiting {
    match &facts.organization.error {
        Some(error) if stands => {
            let message = format!("the organization cannot be read: {}", error.message);
            Waiting::Stands { reason: RESTARTING, message }
        }
        Some(error) => Waiting::nothing(crate::reasons::of(error), error.message.clone()),
        None if facts.restarting && stands => {
            let message = "restarted without a usable checkpoint: everything is read again".to_owned();
            Waiting::Stands { reason: RESTARTING, message }
        }
        None if stands && facts.organization == Reading::default() => Waiting::Quiet,
        None => Waiting::nothing("Reading", "the organization is being read"),
    }
}

/// How many active accounts of the profile are completely read again, and how many there are.
fn swept(profile: &ComplianceProfile, organization: Option<&Organization>, facts: &FeedFacts) -> (usize, usize) {
    let Some(organization) = organization else { return (0, 0) };
    let selected = select(&profile.spec.targets.targets(), organization, "spec.targets").accounts;
    let active: BTreeSet<AccountId> = selected
        .into_iter()
        .filter(|id| organization.accounts.get(id).is_some_and(|account| account.state == AccountState::Active))
        .collect();
    // Accounts that no source serves are never swept; but when all that can be read is read, the feed restarts no more.
    (active.iter().filter(|id| facts.swept.contains(id)).count(), active.len())
}

fn protections(
    context: &Context,
    (profile, object): (&ComplianceProfile, &AwsOrganization),
    organization: &Organization,
    facts: &FeedFacts,
) -> BTreeMap<String, ProtectionByAccount> {
    // A reading that failed is not what is true now.
    let inventory = if facts.policies.error.is_none() { facts.inventory.as_deref() } else { None };
    if facts.inventory.is_none()
        && let Some(published) = context.working.guardrails().protection(profile, organization, (context.now)())
    {
        return published;
    }
    let sets = context.stores.sets_of(&object.name_any());
    let required = &profile.spec.guardrails.required;
    if required.is_empty() {
        return BTreeMap::new();
    }
    // Those of objects too; one that there is not, or that has mistakes, refuses the profile.
    let library = context.library().guardrails;
    let required = library.iter().filter(|guardrail| required.contains(&guardrail.name));
    required
        .map(|guardrail| {
            let sets = sets.iter().map(|set| &set.spec);
            let (exempt, settings) = accepted(&guardrail.name, &object.spec, inventory, sets);
            let answers = protection(guardrail, organization, inventory, &exempt, &settings);
            (guardrail.name.clone(), answers)
        })
        .collect()
}

impl Observed {
    /// Name of the organization's object.
    #[must_use]
    pub fn organization_name(&self) -> String {
        self.object.name_any()
    }
}
