//! Catalogues: what an object adds takes effect where a profile names it; one with a mistake does not, not in part either.

use anyhow::{Context, Result, ensure};
use e2e::eventually;
use e2e::objects::{object, profile};
use e2e::stand::{Stand, condition_of};
use serde_json::{Value, json};

fn catalog(spec: Value) -> String {
    object("ControlCatalog", "soc2-acme", spec)
}

/// S3.13 is as bad as it can be, and answers for a criterion more.
fn good() -> Value {
    json!({
        "extends": "soc2",
        "criteria": [{"id": "CC6.1", "controls": [{"id": "Inspector.1", "confidence": "Curated", "source": "SEC-77"}]}],
        "controls": [{"id": "S3.2", "severity": "Low"}],
        "activities": [{"id": "key-ceremony", "title": "Root keys renewed before witnesses", "criteria": ["CC6.1"],
                        "cadence": "Annual"}],
    })
}

fn bad() -> Value {
    let mut spec = good();
    spec["criteria"][0]["controls"][0]["id"] = json!("Inspector.999");
    spec["controls"] = json!([{"id": "S3.2", "severity": "Low"}, {"id": "s3.2", "severity": "High"}]);
    spec
}

#[tokio::test]
async fn a_catalogue_takes_effect_as_a_whole_or_not_at_all() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    stand.apply_samples().await?;
    stand.plane.apply_yaml(&catalog(good())).await?;
    stand.condition("ccat", "soc2-acme", "Ready", "True", "Valid").await?;
    let object = stand.get("ccat", "soc2-acme").await?;
    let summary = &object["status"]["summary"];
    ensure!(summary["controls"] == 1 && summary["mappings"] == 1 && summary["activities"] == 1, "{summary}");

    let spec = json!({
        "targets": {"include": [{"organizationalUnit": {"path": "Workloads/Prod"}}]},
        "catalogRef": {"name": "soc2-acme"},
    });
    stand.plane.apply_yaml(&profile("extended", spec)).await?;
    stand.condition("cprof", "extended", "Ready", "True", "Assessed").await?;
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;
    stand.settled_postures().await?;
    let extended = stand.get("cprof", "extended").await?;
    let used = &extended["status"]["catalog"];
    ensure!(used["name"] == "soc2-acme" && used["digest"] == object["status"]["catalog"]["digest"], "{used}");
    // What it says is so under this profile, and under no other.
    let severity = |profile: &str, severity: &str| {
        format!("soc2_control_accounts{{profile=\"{profile}\",control=\"S3.2\",severity=\"{severity}\"")
    };
    stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;
    let page = operator.metrics().await?;
    ensure!(page.contains(&severity("extended", "Low")) && page.contains(&severity("production", "Critical")));
    let builtin = stand.get("cprof", "production").await?;
    ensure!(builtin["status"]["catalog"]["name"] == "soc2", "{:#}", builtin["status"]["catalog"]);

    // A mistake: nothing of it takes effect, every problem is named, and what was published stands.
    stand.plane.apply_yaml(&catalog(bad())).await?;
    let ready = stand.condition("ccat", "soc2-acme", "Ready", "False", "InvalidCatalog").await?;
    let object = stand.get("ccat", "soc2-acme").await?;
    let problems = object["status"]["problems"].to_string();
    for field in ["spec.criteria[0].controls[0].id", "spec.controls[1].id"] {
        ensure!(problems.contains(field), "no {field} in {problems}");
        ensure!(ready["message"].as_str().is_some_and(|message| message.contains(field)), "{ready}");
    }
    ensure!(object["status"]["catalog"].is_null(), "{:#}", object["status"]);
    let stalled = stand.condition("cprof", "extended", "Stalled", "True", "InvalidCatalog").await?;
    ensure!(stalled["message"].as_str().is_some_and(|message| message.contains("soc2-acme")), "{stalled}");
    let stands = stand.get("cprof", "extended").await?;
    ensure!(stands["status"]["checks"] == extended["status"]["checks"], "{:#}", stands["status"]["checks"]);
    ensure!(stands["status"]["catalog"] == extended["status"]["catalog"], "{:#}", stands["status"]["catalog"]);
    let data = condition_of(&stands, "DataComplete").context("DataComplete")?;
    ensure!(data["status"] == "False" && data["reason"] == "InvalidCatalog", "{data}");
    ensure!(!operator.metrics().await?.contains("profile=\"extended\""), "metrics of a profile that is not assessed");
    stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;

    // Corrected, everything goes on.
    stand.plane.apply_yaml(&catalog(good())).await?;
    stand.condition("ccat", "soc2-acme", "Ready", "True", "Valid").await?;
    stand.condition("cprof", "extended", "Ready", "True", "Assessed").await?;

    // A restart writes nothing that did not change.
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;
    Ok(())
}

#[tokio::test]
async fn a_catalogue_or_version_that_is_not_there_is_named() -> Result<()> {
    let stand = Stand::start().await?;
    let _operator = stand.operator().await?;
    stand.apply_samples().await?;
    let nowhere = profile("nowhere", json!({"catalogRef": {"name": "soc2-nobody"}}));
    let future = profile("future", json!({"catalogRef": {"name": "soc2", "version": "2099.01"}}));
    for yaml in [nowhere, future] {
        stand.plane.apply_yaml(&yaml).await?;
    }
    for (name, reason, word) in
        [("nowhere", "CatalogNotFound", "soc2-nobody"), ("future", "UnknownCatalogVersion", "2099.01")]
    {
        let stalled = stand.condition("cprof", name, "Stalled", "True", reason).await?;
        ensure!(stalled["message"].as_str().is_some_and(|message| message.contains(word)), "{stalled}");
        let object = stand.get("cprof", name).await?;
        ensure!(object["status"]["checks"].is_null(), "{:#}", object["status"]);
    }
    // It comes, and that is enough.
    let late = object(
        "ControlCatalog",
        "soc2-nobody",
        json!({"extends": "soc2", "controls": [{"id": "S3.2", "severity": "Low"}]}),
    );
    stand.plane.apply_yaml(&late).await?;
    stand.condition("cprof", "nowhere", "Ready", "True", "Assessed").await?;
    // The name of the built-in one is refused.
    let taken =
        object("ControlCatalog", "soc2", json!({"extends": "soc2", "controls": [{"id": "S3.2", "severity": "Low"}]}));
    ensure!(stand.plane.apply_yaml(&taken).await.is_err(), "a ControlCatalog named like the built-in one");
    // Gone again: profiles say so.
    stand.kubectl(&["delete", "ccat", "soc2-nobody"]).await?;
    stand.condition("cprof", "nowhere", "Stalled", "True", "CatalogNotFound").await?;
    eventually("the profile to keep its version", || async {
        let profile = stand.get("cprof", "nowhere").await?;
        ensure!(profile["status"]["catalog"]["version"].is_string(), "{:#}", profile["status"]);
        Ok(())
    })
    .await
}
