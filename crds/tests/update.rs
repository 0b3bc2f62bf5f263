//! What must not change does not change.

mod support;

use serde_json::{Value, json};

fn organization(spec: &Value) -> Value {
    json!({"apiVersion": "soc2-operator.dev/v1alpha1", "kind": "AwsOrganization", "metadata": {"name": "acme"}, "spec": spec})
}

fn referring(kind: &str, organization: &str) -> Value {
    let baselines = json!([{"name": "deny-leave-org"}]);
    let mut spec = json!({"organizationRef": {"name": organization}});
    if kind == "GuardrailSet" {
        spec["baselines"] = baselines;
    }
    json!({"apiVersion": "soc2-operator.dev/v1alpha1", "kind": kind, "metadata": {"name": "x"}, "spec": spec})
}

#[test]
fn the_owner_id_is_immutable_also_by_adding_and_removing() {
    let (none, same, other, third) =
        (json!({}), json!({"ownerId": "acme"}), json!({"ownerId": "other"}), json!({"ownerId": "third"}));
    for (old, new, allowed) in [
        (&none, &none, true),
        (&other, &other, true),
        (&none, &other, false),
        (&other, &none, false),
        (&other, &third, false),
        // The name stands for a missing owner id: writing it down changes nothing.
        (&none, &same, true),
        (&same, &none, true),
    ] {
        let errors = support::errors(&organization(new), Some(&organization(old)));
        assert_eq!(errors.is_empty(), allowed, "{old} to {new}: {errors}");
        assert!(allowed || errors.contains("spec.ownerId is immutable"), "{errors}");
    }
}

#[test]
fn the_organization_of_a_profile_and_of_a_guardrail_set_is_immutable() {
    for kind in ["ComplianceProfile", "GuardrailSet"] {
        let (acme, other) = (referring(kind, "acme"), referring(kind, "other"));
        assert_eq!(support::errors(&acme, Some(&acme)), "");
        let errors = support::errors(&other, Some(&acme));
        assert!(errors.contains("organizationRef is immutable"), "{kind}: {errors}");
    }
}
