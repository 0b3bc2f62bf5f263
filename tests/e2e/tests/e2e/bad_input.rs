//! Bad input: each gets a condition that says what to do; nothing else stops; nothing turns green.

use anyhow::{Context, Result, bail, ensure};
use e2e::eventually;
use e2e::objects::{exception, object};
use e2e::stand::{Stand, condition_of};
use serde_json::{Value, json};

/// An AwsOrganization like the sample's, with a change.
fn organization(name: &str, change: impl FnOnce(&mut Value)) -> Result<String> {
    let mut object: Value = serde_yaml::from_str(&e2e::binaries::read("docs/samples/organization.yaml")?)?;
    object["metadata"]["name"] = json!(name);
    change(&mut object["spec"]);
    Ok(serde_json::to_string(&object)?)
}

fn profile(name: &str, organization: &str, change: impl FnOnce(&mut Value)) -> Result<String> {
    let mut object = json!({
        "apiVersion": "soc2-operator.dev/v1alpha1", "kind": "ComplianceProfile",
        "metadata": {"name": name}, "spec": {"organizationRef": {"name": organization}},
    });
    change(&mut object["spec"]);
    Ok(serde_json::to_string(&object)?)
}

/// The message of a condition says these words.
async fn says(
    stand: &Stand,
    kind: &str,
    name: &str,
    (type_, status, reason): (&str, &str, &str),
    words: &[&str],
) -> Result<()> {
    stand.condition(kind, name, type_, status, reason).await?;
    eventually(&format!("{kind}/{name} {type_} to say {words:?}"), || async {
        let object = stand.get(kind, name).await?;
        let found = condition_of(&object, type_).with_context(|| format!("no {type_} any more"))?;
        let message = found["message"].as_str().unwrap_or_default();
        for word in words {
            ensure!(message.contains(word), "no {word:?} in {message:?}");
        }
        Ok(())
    })
    .await
}

/// Nothing of this profile counts as passed.
async fn nothing_passed(stand: &Stand, profile: &str) -> Result<()> {
    let object = stand.get("cprof", profile).await?;
    let passed = object["status"]["checks"]["passed"].as_u64().unwrap_or_default();
    ensure!(passed == 0, "{passed} checks passed: {:#}", object["status"]);
    let compliant = condition_of(&object, "Compliant");
    ensure!(compliant.is_none_or(|found| found["status"] != "True"), "{profile} is compliant");
    Ok(())
}

#[tokio::test]
async fn an_organization_that_cannot_be_reached_says_so_and_stops_nothing_else() -> Result<()> {
    let stand = Stand::start().await?;
    let _operator = stand.operator().await?;
    let nowhere = "arn:aws:iam::999999999999:role/nobody";
    let wrong_role = organization("nowhere", |spec| spec["organizations"]["role"] = json!({"arn": nowhere}))?;
    let wrong_id =
        organization("wrong-external-id", |spec| spec["organizations"]["role"]["externalId"] = json!("wrong"))?;
    for yaml in [wrong_role, wrong_id] {
        stand.plane.apply_yaml(&yaml).await?;
    }
    stand.plane.apply_yaml(&profile("lost", "nowhere", |_| ())?).await?;
    stand.plane.apply_yaml(&profile("orphan", "does-not-exist", |_| ())?).await?;
    stand.apply_samples().await?;

    says(&stand, "awsorg", "nowhere", ("OrganizationRead", "False", "AccessDenied"), &[nowhere, "trust"]).await?;
    says(&stand, "awsorg", "wrong-external-id", ("OrganizationRead", "False", "AccessDenied"), &["external id"])
        .await?;
    says(&stand, "cprof", "lost", ("Ready", "False", "AccessDenied"), &[nowhere]).await?;
    says(
        &stand,
        "cprof",
        "orphan",
        ("Ready", "False", "OrganizationNotFound"),
        &["spec.organizationRef.name", "does-not-exist"],
    )
    .await?;
    nothing_passed(&stand, "lost").await?;
    nothing_passed(&stand, "orphan").await?;
    // The others work.
    stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    Ok(())
}

#[tokio::test]
async fn organizations_not_in_use_and_policies_not_enabled_are_named() -> Result<()> {
    let stand = Stand::start().await?;
    let _operator = stand.operator().await?;
    stand.sandbox.post("/world/policy-types", json!({"SERVICE_CONTROL_POLICY": false})).await?;
    stand.apply_samples().await?;
    says(&stand, "grset", "leave-org", ("Refused", "True", "ScpNotEnabled"), &["enable"]).await?;
    // The organization says it in a status of its own, a little before or after.
    eventually("policies of the type to be disabled", || async {
        let status = stand.get("awsorg", "acme").await?["status"].clone();
        if status["serviceControlPolicies"]["enabled"] == false { Ok(()) } else { bail!("{status:#}") }
    })
    .await?;

    stand.sandbox.post("/world/organization", json!({"inUse": false})).await?;
    says(&stand, "awsorg", "acme", ("OrganizationRead", "False", "OrganizationsNotInUse"), &["not in use"]).await?;
    // Back again: everything goes on by itself.
    stand.sandbox.post("/world/organization", json!({"inUse": true})).await?;
    stand.sandbox.post("/world/policy-types", json!({"SERVICE_CONTROL_POLICY": true})).await?;
    stand.condition("awsorg", "acme", "OrganizationRead", "True", "Read").await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    Ok(())
}

#[tokio::test]
async fn security_hub_not_enabled_or_a_region_without_source_is_unknown_with_its_reason() -> Result<()> {
    let stand = Stand::start().await?;
    let _operator = stand.operator().await?;
    stand.sandbox.post("/world/hub", json!({"region": "eu-west-1", "enabled": false})).await?;
    stand.apply_samples().await?;
    says(&stand, "awsorg", "acme", ("FindingsComplete", "False", "SecurityHubNotEnabled"), &["eu-west-1", "enable"])
        .await?;
    stand.condition("cprof", "production", "DataComplete", "False", "SecurityHubNotEnabled").await?;
    nothing_passed(&stand, "production").await?;

    stand.sandbox.post("/world/hub", json!({"region": "eu-west-1", "enabled": true})).await?;
    stand
        .kubectl(&[
            "patch",
            "awsorg",
            "acme",
            "--type=merge",
            "-p",
            r#"{"spec":{"requiredRegions":["eu-west-1","ap-south-1"]}}"#,
        ])
        .await?;
    says(&stand, "awsorg", "acme", ("FindingsComplete", "False", "RegionNotLinked"), &["ap-south-1", "link"]).await?;
    says(&stand, "cprof", "production", ("CoverageComplete", "False", ""), &["required Region", "link"]).await?;
    eventually("the checks to be unknown", || async {
        let posture = stand.list("apos").await?;
        let posture = posture.iter().find(|posture| posture["account"]["name"] == "payments-prod");
        let reasons = posture.map(|posture| posture["unknown"].to_string()).unwrap_or_default();
        ensure!(reasons.contains("RegionNotCovered"), "{reasons}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn unknown_controls_and_targets_that_match_nothing_are_named() -> Result<()> {
    let stand = Stand::start().await?;
    let _operator = stand.operator().await?;
    stand.apply_samples().await?;
    let typo = profile("typo", "acme", |spec| {
        spec["controls"] =
            json!([{"id": "IAM.999", "action": "Disable", "rationale": "A typing error that must be said"}]);
    })?;
    let empty = profile("empty", "acme", |spec| {
        spec["targets"] = json!({"include": [{"organizationalUnit": {"path": "Workloads/Porduction"}}]});
    })?;
    let partly = profile("partly", "acme", |spec| {
        spec["targets"] =
            json!({"include": [{"organizationalUnit": {"path": "Workloads/Prod"}}, {"accountNames": ["nobody-*"]}]});
    })?;
    for yaml in [typo, empty, partly] {
        stand.plane.apply_yaml(&yaml).await?;
    }
    says(&stand, "cprof", "typo", ("Stalled", "True", "UnknownControl"), &["spec.controls[0]", "IAM.999"]).await?;
    nothing_passed(&stand, "typo").await?;
    stand.condition("cprof", "empty", "Compliant", "Unknown", "NoTargets").await?;
    nothing_passed(&stand, "empty").await?;
    eventually("the selector that matches nothing to be named", || async {
        let object = stand.get("cprof", "partly").await?;
        let unmatched = object["status"]["targets"]["unmatched"].to_string();
        ensure!(unmatched.contains("spec.targets.include[1].accountNames[0]"), "{:#}", object["status"]["targets"]);
        Ok(())
    })
    .await?;
    stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;
    Ok(())
}

#[tokio::test]
async fn the_younger_of_two_objects_for_one_organization_is_stalled() -> Result<()> {
    let stand = Stand::start().await?;
    let _operator = stand.operator().await?;
    stand.apply_samples().await?;
    stand.condition("awsorg", "acme", "OrganizationRead", "True", "Read").await?;
    // Creation times have whole seconds: at the same second the name decides, and acme comes first.
    stand.plane.apply_yaml(&organization("second", |_| ())?).await?;
    says(&stand, "awsorg", "second", ("Stalled", "True", "DuplicateOrganization"), &["acme"]).await?;
    stand.plane.apply_yaml(&profile("twin", "second", |_| ())?).await?;
    stand.condition("cprof", "twin", "Ready", "False", "DuplicateOrganization").await?;
    nothing_passed(&stand, "twin").await?;
    let first = stand.get("awsorg", "acme").await?;
    ensure!(condition_of(&first, "Stalled").is_none(), "the older one is stalled too");
    Ok(())
}

#[tokio::test]
async fn an_object_that_this_version_cannot_read_says_so_itself() -> Result<()> {
    let stand = Stand::start().await?;
    // As after a downgrade: the CRDs in the cluster let more through than we can read.
    for kind in ["complianceprofiles", "complianceexceptions"] {
        stand.plane.apply_yaml(&loosened(kind)?).await?;
    }
    let operator = stand.operator().await?;
    stand.apply_samples().await?;
    let broken = json!({
        "apiVersion": "soc2-operator.dev/v1alpha1", "kind": "ComplianceProfile", "metadata": {"name": "broken"},
        "spec": {"organizationRef": {"name": "acme"}, "categories": ["Marketing"]},
    });
    eventually("the loosened CRD to be served", || async {
        stand.plane.apply_yaml(&broken.to_string()).await.map(drop)
    })
    .await?;
    says(&stand, "cprof", "broken", ("Stalled", "True", "InvalidObject"), &["Marketing"]).await?;
    let broken =
        object("ComplianceException", "default/broken", json!({"organizationRef": {"name": "acme"}, "owner": 7}));
    eventually("the loosened CRD to be served", || async { stand.plane.apply_yaml(&broken).await.map(drop) }).await?;
    says(&stand, "cexc", "broken", ("Stalled", "True", "InvalidObject"), &["correct the field"]).await?;
    // The others go on: exceptions too.
    let good = exception("soc2-operator/good", "S3.2", "333333333333", json!({}));
    stand.plane.apply_yaml(&good).await?;
    eventually("the good exception to be looked at", || async {
        let object = stand.get("cexc", "soc2-operator/good").await?;
        ensure!(object["status"]["state"] == "Active", "{:#}", object["status"]);
        Ok(())
    })
    .await?;
    stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;
    drop(operator);
    Ok(())
}

/// A CRD of ours that takes any spec.
fn loosened(plural: &str) -> Result<String> {
    let crd = e2e::binaries::read(&format!("crds/generated/{plural}.yaml"))?;
    let mut crd: Value = serde_yaml::from_str(&crd)?;
    let schema = &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    schema["properties"]["spec"] = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    if let Some(root) = schema.as_object_mut() {
        root.remove("x-kubernetes-validations");
    }
    Ok(serde_json::to_string(&crd)?)
}
