//! The observe and plan steps: what there is, what is wanted, what to write.

use std::sync::Arc;

use kube::ResourceExt;
use soc2_aws::Role;
use soc2_crds::AwsOrganization;
use soc2_guardrails::library::exempt_by_organization;
use soc2_guardrails::{Owner, Plan, PlanInput, Policy, PolicyInventory, SetInput, declared, plan};
use soc2_posture::organization::Organization;

use super::retire;
use crate::context::Context;
use crate::feeds::View;

/// Annotation of an organization: id of a cluster that is gone, whose policies become ours.
const TAKE_OVER: &str = "soc2-operator.dev/take-over";

/// What one organization's sets are planned from, and the plan.
pub struct Observed {
    /// The organization's object.
    pub object: AwsOrganization,
    /// The tree.
    pub organization: Arc<Organization>,
    /// What AWS shows.
    pub inventory: Arc<PolicyInventory>,
    /// The same with our writes that it does not show yet.
    pub planned_on: Arc<PolicyInventory>,
    /// Who we are.
    pub owner: Owner,
    /// The plan for all sets.
    pub plan: Plan,
    /// Writes that AWS does not show yet are laid over what it shows.
    pub settling: bool,
}

impl Observed {
    /// The role that may write.
    #[must_use]
    pub fn write_role(&self) -> Option<Role> {
        let role = self.object.spec.organizations.write_role.as_ref()?;
        Some(Role { arn: role.arn.clone(), external_id: role.external_id.clone() })
    }

    /// A policy as the plan took it to be: what AWS shows, with our writes over it. What is written next is told from this: another reading
    /// may have shown such a write since, so that what was read here is older than all that can still be read.
    #[must_use]
    pub fn taken(&self, id: &str) -> Option<&Policy> {
        self.planned_on.policies.get(id)
    }

    /// A policy as AWS shows it.
    #[must_use]
    pub fn policy(&self, id: &str) -> Option<&Policy> {
        self.inventory.policies.get(id)
    }
}

/// Why there is nothing to plan from yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// Reason in CamelCase.
    pub reason: String,
    /// In words.
    pub message: String,
    /// Whether it resolves only when a person does something.
    pub stalled: bool,
}

impl Blocked {
    /// Something that a person has to mend.
    pub fn stalled(reason: &str, message: impl Into<String>) -> Self {
        Self { reason: reason.to_owned(), message: message.into(), stalled: true }
    }

    /// Something that passes.
    pub fn waiting(reason: &str, message: impl Into<String>) -> Self {
        Self { reason: reason.to_owned(), message: message.into(), stalled: false }
    }
}

/// Reads what the feed knows and plans all sets of the organization.
///
/// # Errors
/// When there is nothing to plan from.
pub fn observe(context: &Context, name: &str) -> Result<Observed, Blocked> {
    let object = context.stores.organization(name).ok_or_else(|| {
        let message =
            format!("spec.organizationRef.name: there is no AwsOrganization {name:?}; create it, or correct the name");
        Blocked::waiting("OrganizationNotFound", message)
    })?;
    if object.spec.suspend {
        return Err(Blocked::waiting(
            "OrganizationSuspended",
            format!("AwsOrganization {name} has spec.suspend: true"),
        ));
    }
    if let Some(other) = context.older_twin(name) {
        let message = format!("AwsOrganization {other} is for the same organization and older; delete one of the two");
        return Err(Blocked::stalled("DuplicateOrganization", message));
    }
    let view = context.feeds.view(name).ok_or_else(|| Blocked::waiting("Reading", "the organization is being read"))?;
    // What was read before an error may no longer be true: nothing is planned on it.
    let failed = view.facts.organization.error.as_ref().or(view.facts.policies.error.as_ref());
    if let Some(error) = failed {
        return Err(Blocked::waiting(crate::reasons::of(error), error.message.clone()));
    }
    let organization = view.world.read(|world| world.organization.clone());
    let organization = organization.map(Arc::new).ok_or_else(|| reading("organization"))?;
    let owner = Owner {
        owner_id: object.spec.owner_id.clone().unwrap_or_else(|| object.name_any()),
        cluster_id: context.cluster_id(),
        // What was taken care of until now; the plan refuses another one.
        organization_id: object
            .status
            .as_ref()
            .and_then(|status| status.organization_id.clone())
            .unwrap_or_else(|| organization.id.clone()),
    };
    let (inventory, overlay) = compared(context, name, &view)?;
    let settling = overlay.is_some();
    let planned_on = overlay.map_or_else(|| Arc::clone(&inventory), Arc::new);
    let exempt = exempt_by_organization(&object.spec)
        .map_err(|message| Blocked::stalled("BadExemption", format!("AwsOrganization {name}: {message}")))?;
    let library = context.library();
    let sets = context.stores.sets_of(name);
    let input = |set| {
        let mut input = declared::set_input(set, &organization, &library.invalid, retire::is_removing(set));
        input.waves.iter_mut().for_each(|waves| waves.good = context.goods.of(set));
        input
    };
    let sets: Vec<SetInput> = sets.iter().map(input).collect();
    let guarded = declared::guarded(&object.spec);
    let plan = plan(&PlanInput {
        org: &organization,
        inventory: &planned_on,
        owner: &owner,
        library: &library.guardrails,
        sets: &sets,
        exempt: &exempt,
        limits: declared::limits(&object.spec),
        reserved_slots: object.spec.guardrails.reserved_slots,
        guarded: &guarded,
        take_over: object.annotations().get(TAKE_OVER).map(|cluster| cluster.trim()),
    });
    Ok(Observed { object, organization, inventory, planned_on, owner, plan, settling })
}

/// The policies as they were read, and as they are after our writes, where that differs.
///
/// The newest reading of all that were compared with our writes: an older one would show again what was before a write that a newer
/// one has shown meanwhile, and the write would be done twice.
fn compared(
    context: &Context,
    name: &str,
    view: &View,
) -> Result<(Arc<PolicyInventory>, Option<PolicyInventory>), Blocked> {
    let compared = context.feeds.overlay(name, |overlay| {
        let facts = view.world.facts();
        let inventory = facts.inventory?;
        let laid = overlay.over(&inventory, &facts.deeds);
        Some((inventory, laid))
    });
    compared.ok_or_else(|| reading("policies"))
}

fn reading(what: &str) -> Blocked {
    Blocked::waiting("Reading", format!("the {what} of AWS are being read"))
}
