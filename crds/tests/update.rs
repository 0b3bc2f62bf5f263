//! What must not change does not change.

mod support;

use serde_json::{Value, json};

fn organization(spec: &Value) -> Value {
    json!({"apiVersion": "soc2-operator.dev/v1alpha1", "kind": "AwsOrganization", "metadata": {"name": "acme"}, "spec": spec})
}

fn referring(kind: &str, organization: &str) -> Value {
    let mut spec = match kind {
        "GuardrailSet" => json!({"baselines": [{"name": "deny-leave-org"}]}),
        "ComplianceException" => json!({
            "controls": ["IAM.5"], "targets": {}, "reason": "Vendor scanner cannot use MFA", "owner": "payments-team",
            "startsAt": "2026-11-22T00:00:00Z", "expiresAt": "2026-12-31T00:00:00Z",
        }),
        "ControlAttestation" => json!({
            "activities": ["access-review"], "statement": "Access was reviewed", "performedBy": "it-security",
            "performedAt": "2026-10-04T00:00:00Z", "evidence": [{"url": "s3://a/b"}],
        }),
        _ => json!({}),
    };
    spec["organizationRef"] = json!({"name": organization});
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
fn the_organization_that_an_object_refers_to_is_immutable() {
    for kind in ["ComplianceProfile", "GuardrailSet", "ComplianceException", "ControlAttestation"] {
        let (acme, other) = (referring(kind, "acme"), referring(kind, "other"));
        assert_eq!(support::errors(&acme, Some(&acme)), "");
        let errors = support::errors(&other, Some(&acme));
        assert!(errors.contains("organizationRef is immutable"), "{kind}: {errors}");
    }
}

#[test]
fn an_exception_can_be_renewed_for_at_most_a_year_from_its_start() {
    let with = |starts: &str, expires: &str| {
        let mut exception = referring("ComplianceException", "acme");
        exception["spec"]["startsAt"] = json!(starts);
        exception["spec"]["expiresAt"] = json!(expires);
        exception
    };
    let old = with("2026-11-22T00:00:00Z", "2026-12-31T00:00:00Z");
    // 366 days: to the second.
    for (starts, expires, allowed) in [
        ("2026-11-22T00:00:00Z", "2027-11-23T00:00:00Z", true),
        ("2026-11-22T00:00:00Z", "2027-11-23T00:00:01Z", false),
        ("2027-01-01T00:00:00Z", "2028-01-02T00:00:00Z", true),
        ("2026-11-22T01:00:00+01:00", "2027-11-23T00:00:00Z", true),
        ("2026-11-22T00:00:00Z", "2026-11-22T00:00:00Z", false),
        ("2026-11-22T00:00:00Z", "2026-11-22T00:00:01Z", true),
    ] {
        let errors = support::errors(&with(starts, expires), Some(&old));
        assert_eq!(errors.is_empty(), allowed, "{starts} to {expires}: {errors}");
    }
}
