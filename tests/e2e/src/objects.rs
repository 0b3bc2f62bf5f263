//! Objects that tests apply, and times that are soon.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// A whole second, some seconds from now or before it, as objects write it.
#[must_use]
pub fn at(seconds: i64) -> String {
    let moment = Timestamp::now() + SignedDuration::from_secs(seconds);
    Timestamp::from_second(moment.as_second()).unwrap_or(moment).to_string()
}

/// An object of ours; `place` is its name, or its namespace and name with a `/` between them.
#[must_use]
pub fn object(kind: &str, place: &str, spec: Value) -> String {
    let metadata = match place.split_once('/') {
        Some((namespace, name)) => json!({"namespace": namespace, "name": name}),
        None => json!({"name": place}),
    };
    let mut object = json!({"apiVersion": "soc2-operator.dev/v1alpha1", "kind": kind, "metadata": metadata});
    object["spec"] = spec;
    object.to_string()
}

/// A profile of the sample's organization with what `spec` says besides.
#[must_use]
pub fn profile(name: &str, spec: Value) -> String {
    object("ComplianceProfile", name, with(json!({"organizationRef": {"name": "acme"}}), spec))
}

/// A set of the sample's organization that enforces `deny-leave-org` under Workloads, every change after an approval, with what `spec`
/// says besides.
#[must_use]
pub fn guardrail_set(name: &str, spec: Value) -> String {
    let base = json!({
        "organizationRef": {"name": "acme"},
        "targets": {"include": [{"organizationalUnit": {"path": "Workloads"}}]},
        "baselines": [{"name": "deny-leave-org"}],
        "mode": "Enforce",
    });
    object("GuardrailSet", name, with(base, spec))
}

/// The same, in which what strengthens needs no approval.
#[must_use]
pub fn automatic_set(name: &str, spec: Value) -> String {
    guardrail_set(name, with(json!({"approval": "Automatic", "maxAffectedAccounts": "20"}), spec))
}

/// An exception for one control of one account, from now on for an hour, with what `spec` says besides.
#[must_use]
pub fn exception(place: &str, control: &str, account: &str, spec: Value) -> String {
    let base = json!({
        "organizationRef": {"name": "acme"},
        "controls": [control],
        "targets": {"include": [{"accountIds": [account]}]},
        "reason": "it is repaired with the next release",
        "owner": "payments-team@example.com",
        "startsAt": at(-60),
        "expiresAt": at(3600),
    });
    object("ComplianceException", place, with(base, spec))
}

/// An attestation of somebody of today, with what `spec` says besides.
#[must_use]
pub fn attestation(place: &str, spec: Value) -> String {
    let base = json!({
        "organizationRef": {"name": "acme"},
        "statement": "it was done, and nothing was found",
        "performedBy": "it-security@example.com",
        "performedAt": at(-3600),
        "evidence": [{"url": "s3://acme-evidence/2026/report.pdf"}],
    });
    object("ControlAttestation", place, with(base, spec))
}

/// The fields of the second replace those of the first; null takes one away.
#[must_use]
pub fn with(mut base: Value, more: Value) -> Value {
    if let (Some(base), Value::Object(more)) = (base.as_object_mut(), more) {
        base.extend(more);
        base.retain(|_, value| !value.is_null());
    }
    base
}
