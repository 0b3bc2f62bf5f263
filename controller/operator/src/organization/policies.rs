//! The report step for service control policies: what is there, whether we can write, whether all sets are in sync.

use kube::ResourceExt;
use serde_json::{Map, json};
use soc2_crds::{AwsOrganization, OrganizationPlan, PolicyCounts};
use soc2_guardrails::Plan;

use crate::context::Context;
use crate::error::Error;
use crate::guardrail::{self, Blocked, Observed};
use crate::kubernetes::conditions::Fact;
use crate::kubernetes::status::Desired;

const FIELDS: &[&str] = &["serviceControlPolicies", "plans", "morePlans"];
/// Most sets whose plans are shown.
const MOST: usize = 64;
const CONDITIONS: &[&str] = &["CanEnforce", "GuardrailsInSync"];

/// Says how the policies stand.
pub async fn report(
    context: &Context,
    object: &AwsOrganization,
    observed: &Result<Observed, Blocked>,
) -> Result<(), Error> {
    let name = object.name_any();
    let live = serde_json::to_value(&object.status).unwrap_or_default();
    if let Err(blocked) = observed
        && blocked.reason == "Reading"
        && object.status.as_ref().is_some_and(|status| status.service_control_policies.is_some())
    {
        // A start; what was published stands.
        return Ok(());
    }
    let mut fields = Map::new();
    if let Ok(observed) = observed {
        fields.insert("serviceControlPolicies".to_owned(), json!(counts(observed)));
        let mut plans = plans(&observed.plan);
        let more = plans.len().saturating_sub(MOST);
        plans.truncate(MOST);
        if !plans.is_empty() {
            fields.insert("plans".to_owned(), json!(plans));
        }
        if more > 0 {
            fields.insert("morePlans".to_owned(), json!(more));
        }
        let limit = observed.object.spec.limits.scp_max_per_target;
        context.published.organization(&name, |snapshot| {
            snapshot.slots = observed.plan.slots.clone();
            snapshot.slots_limit = limit;
        });
    } else if let Some(counts) = live.get("serviceControlPolicies").filter(|value| !value.is_null()) {
        // What was planned before is not what would be written now.
        fields.insert("serviceControlPolicies".to_owned(), counts.clone());
    }
    let conditions = vec![can_enforce(context, object), in_sync(observed)];
    let writer = context.status_writer(guardrail::MANAGER, FIELDS, CONDITIONS);
    writer.write(object, &live, &Desired { fields, conditions }, (context.now)()).await?;
    Ok(())
}

/// The sets that have something to write.
fn plans(plan: &Plan) -> Vec<OrganizationPlan> {
    let writes = plan.sets.iter().filter(|set| set.all().next().is_some());
    let shown = writes.map(|set| OrganizationPlan {
        set: set.name.clone(),
        hash: set.hash.clone(),
        steps: u32::try_from(set.all().count()).unwrap_or(u32::MAX),
        weakens: set.weakens(),
        changed_accounts: set.changed_accounts,
    });
    shown.collect()
}

fn counts(observed: &Observed) -> PolicyCounts {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    PolicyCounts {
        enabled: observed.organization.scp_enabled,
        total: count(observed.inventory.policies.len()),
        owned: count(observed.plan.owned.len()),
        control_tower: observed.inventory.policies.values().any(|policy| policy.name.starts_with("aws-guardrails-")),
    }
}

fn can_enforce(context: &Context, object: &AwsOrganization) -> Fact {
    const TYPE: &str = "CanEnforce";
    let Some(role) = &object.spec.organizations.write_role else {
        let message = "spec.organizations.writeRole is not given: guardrails can be observed, not enforced";
        return Fact::no(TYPE, "NoWriteRole", message);
    };
    if object.spec.guardrails.hold_writes {
        return Fact::no(TYPE, "WritesHeld", "spec.guardrails.holdWrites is true: nothing is written to AWS");
    }
    let usable = format!("{} was assumed to write", role.arn);
    match context.published.of_organization(&object.name_any()).write {
        Some((arn, Some(error))) if arn == role.arn => Fact::no(TYPE, crate::reasons::of(&error), error.message),
        Some((arn, None)) if arn == role.arn => Fact::yes(TYPE, "WriteRoleUsable", usable),
        _ => {
            let before = object.status.iter().flat_map(|status| &status.conditions).find(|old| old.type_ == TYPE);
            if before.is_some_and(|old| old.status == "True" && old.message == usable) {
                return Fact::yes(TYPE, "WriteRoleUsable", usable);
            }
            Fact::unknown(TYPE, "NotTried", format!("{} is assumed when there is something to write", role.arn))
        }
    }
}

fn in_sync(observed: &Result<Observed, Blocked>) -> Fact {
    const TYPE: &str = "GuardrailsInSync";
    match observed {
        Err(blocked) => Fact::unknown(TYPE, &blocked.reason, blocked.message.clone()),
        Ok(observed) if observed.plan.sets.is_empty() => {
            Fact::yes(TYPE, "NoGuardrailSets", "no GuardrailSet refers to this organization")
        }
        Ok(observed) => {
            let out: Vec<&str> = out_of_sync(&observed.plan);
            if !out.is_empty() {
                return Fact::no(TYPE, "OutOfSync", format!("not in sync: {}; see their conditions", out.join(", ")));
            }
            if observed.settling {
                return Fact::no(TYPE, "Verifying", "waiting until AWS shows what was written");
            }
            Fact::yes(
                TYPE,
                "InSync",
                format!("{} policies on {} targets", observed.plan.owned.len(), observed.plan.slots.len()),
            )
        }
    }
}

fn out_of_sync(plan: &Plan) -> Vec<&str> {
    plan.sets.iter().filter(|set| !set.in_sync).map(|set| set.name.as_str()).collect()
}
