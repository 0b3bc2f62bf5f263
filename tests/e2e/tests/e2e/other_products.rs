//! Findings of other products: how long they are open, controls of an organization's own, and nothing of it elsewhere.

use anyhow::{Context, Result, bail, ensure};
use e2e::eventually;
use e2e::objects::{object, profile};
use e2e::stand::Stand;
use serde_json::{Value, json};

const NAME: &str = "watched";

/// A profile of the production accounts.
fn watched(fields: Value) -> String {
    let mut spec = json!({"targets": {"include": [{"organizationalUnit": {"path": "Workloads/Prod"}}]}});
    if let (Some(spec), Value::Object(fields)) = (spec.as_object_mut(), fields) {
        spec.extend(fields);
    }
    profile(NAME, spec)
}

/// Waits until the profile's objective stands so.
async fn objective(stand: &Stand, what: &str, is: impl Fn(&Value) -> bool) -> Result<Value> {
    eventually(what, || async {
        let object = stand.get("cprof", NAME).await?;
        let found = object["status"]["objectives"][0].clone();
        if is(&found) { Ok(found) } else { bail!("{found:#}") }
    })
    .await
}

/// State and reason of a control in an account's posture.
fn state_of(posture: &Value, id: &str) -> String {
    let has = |ids: &Value| ids.as_array().is_some_and(|ids| ids.iter().any(|known| known == id));
    let rows = posture["controls"].as_array().cloned().unwrap_or_default();
    if let Some(row) = rows.iter().find(|row| row["id"] == id) {
        return format!("{}: {}", row["state"].as_str().unwrap_or("?"), row["reason"].as_str().unwrap_or("?"));
    }
    let groups = posture["unknown"].as_array().cloned().unwrap_or_default();
    if let Some(group) = groups.iter().find(|group| has(&group["controls"])) {
        return format!("Unknown: {}", group["reason"].as_str().unwrap_or("?"));
    }
    let lists = ["passed", "nothingToCheck", "notApplicable"].into_iter();
    lists.filter(|list| has(&posture[list])).map(str::to_owned).next().unwrap_or_else(|| "-".to_owned())
}

async fn control(stand: &Stand, account: &str, id: &str, expected: &str) -> Result<Value> {
    eventually(&format!("{id} to be {expected}"), || async {
        let posture = stand.get("apos", &format!("{NAME}-{account}")).await?;
        let found = state_of(&posture, id);
        if found == expected { Ok(posture) } else { bail!("{found}") }
    })
    .await
}

/// What a posture says of Security Hub's controls, without times.
fn hub_controls(posture: &Value) -> Vec<String> {
    ["S3.2", "S3.8", "IAM.5", "EC2.2", "GuardDuty.1", "Inspector.1", "Macie.1"]
        .iter()
        .map(|id| format!("{id} {}", state_of(posture, id)))
        .collect()
}

#[tokio::test]
async fn a_critical_finding_that_is_open_for_too_long_is_told_until_somebody_resolves_it() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    stand.apply_samples().await?;
    let account = stand.sandbox.account("payments-prod").await?;
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;
    // Nobody asks: nothing of other products is read.
    let asks = |call: &Value| call["input"].to_string().contains("guardduty");
    ensure!(!stand.sandbox.calls(0, Some("GetFindings")).await?.iter().any(asks));

    let of_guard_duty = |more: Value| {
        let mut form = json!({"product": "GuardDuty", "accounts": [account], "regions": ["eu-west-1"]});
        if let (Some(form), Value::Object(more)) = (form.as_object_mut(), more) {
            form.extend(more);
        }
        form
    };
    let add = |more: Value| stand.sandbox.post("/world/findings/product", of_guard_duty(more));
    add(json!({"seed": 1, "severity": "CRITICAL", "firstObservedAt": "-29d"})).await?;
    add(json!({"seed": 2, "severity": "HIGH", "firstObservedAt": "-90d"})).await?;
    let age = json!({"type": "CriticalFindingsAge", "maxAge": "720h", "products": ["GuardDuty"]});
    stand.plane.apply_yaml(&watched(json!({"objectives": [age]}))).await?;
    let found = objective(&stand, "the objective to be met", |found| found["met"] == true).await?;
    ensure!(found["count"] == 0 && found["maxCount"] == 0, "{found:#}");
    let before = hub_controls(&control(&stand, &account, "S3.13", "-").await?);

    add(json!({"seed": 3, "severity": "CRITICAL", "firstObservedAt": "-31d"})).await?;
    let found = objective(&stand, "the objective to be missed", |found| found["met"] == false).await?;
    let message = found["message"].as_str().context("message")?;
    ensure!(found["count"] == 1 && message.contains("1 of GuardDuty (Critical)"), "{found:#}");
    ensure!(message.contains(":instance/i-") && message.contains(&account), "{message}");
    let series = "soc2_objective_met{profile=\"watched\",objective=\"CriticalFindingsAge\"}";
    eventually("the metric", || async {
        let met = operator.metric(series).await?;
        if met < 0.5 { Ok(()) } else { bail!("{met}") }
    })
    .await?;

    // That moves no UpdatedAt; the listing of what is open does not have it any more.
    add(json!({"seed": 3, "workflow": "RESOLVED"})).await?;
    objective(&stand, "the objective to be met again", |found| found["met"] == true && found["count"] == 0).await?;
    let posture = stand.get("apos", &format!("{NAME}-{account}")).await?;
    ensure!(hub_controls(&posture) == before, "{:?} {before:?}", hub_controls(&posture));
    Ok(())
}

#[tokio::test]
async fn without_a_complete_reading_the_objective_is_not_met() -> Result<()> {
    let stand = Stand::start().await?;
    let _operator = stand.operator().await?;
    stand.apply_samples().await?;
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;
    let age = json!({"type": "CriticalFindingsAge", "products": ["GuardDuty", "Macie"]});
    // From now on no listing of findings can be read.
    stand.sandbox.fault(json!({"kind": "serverError", "operation": "GetFindings"})).await?;
    stand.plane.apply_yaml(&watched(json!({"objectives": [age]}))).await?;
    let found = objective(&stand, "the objective to have no data", |found| found["met"] == false).await?;
    let message = found["message"].as_str().unwrap_or_default();
    ensure!(message.starts_with("there are no data") && message.contains("eu-west-1"), "{found:#}");
    ensure!(found["count"].is_null(), "{found:#}");
    stand.sandbox.no_faults().await?;
    objective(&stand, "the objective to be met", |found| found["met"] == true).await?;
    Ok(())
}

#[tokio::test]
async fn a_control_of_ones_own_goes_red_and_back_and_security_hubs_stay_as_they_are() -> Result<()> {
    let stand = Stand::start().await?;
    let _operator = stand.operator().await?;
    stand.apply_samples().await?;
    let account = stand.sandbox.account("payments-prod").await?;
    let catalog = json!({
        "extends": "soc2",
        "criteria": [{"id": "CC7.1", "controls": [{"id": "Own.1", "confidence": "Direct", "source": "SEC-77"}]}],
        "controls": [{"id": "Own.1", "title": "Images have no known holes", "severity": "High",
                      "match": {"generatorId": "acme/images/*"}}],
    });
    stand.plane.apply_yaml(&object("ControlCatalog", "soc2-acme", catalog)).await?;
    stand.plane.apply_yaml(&watched(json!({"catalogRef": {"name": "soc2-acme"}}))).await?;
    // Silence is no pass.
    let posture = control(&stand, &account, "Own.1", "Unknown: NoFindings").await?;
    let before = hub_controls(&posture);

    let scanned = |status: Option<&str>, seed: u64| {
        let mut form = json!({"product": "Acme Scanner", "accounts": [account], "regions": ["eu-west-1"], "seed": seed,
                              "generatorId": "acme/images/cve", "updatedAt": "now", "resource": format!("image-{seed}")});
        if let Some(status) = status {
            form["status"] = json!(status);
        }
        stand.sandbox.post("/world/findings/product", form)
    };
    scanned(Some("PASSED"), 1).await?;
    control(&stand, &account, "Own.1", "passed").await?;
    // One without a status reports a problem.
    scanned(None, 2).await?;
    let posture = control(&stand, &account, "Own.1", "Failed: FindingsFailed").await?;
    let rows = posture["controls"].as_array().cloned().unwrap_or_default();
    let row = rows.iter().find(|row| row["id"] == "Own.1").context("Own.1")?;
    ensure!(row["resources"]["sample"] == "image-2" && row["criteria"] == json!(["CC7.1"]), "{row:#}");
    ensure!(hub_controls(&posture) == before, "{:?} {before:?}", hub_controls(&posture));
    let criterion = stand.get("cprof", NAME).await?["status"]["criteria"].clone();
    let criteria = criterion.as_array().cloned().unwrap_or_default();
    ensure!(criteria.iter().any(|found| found["id"] == "CC7.1" && found["technical"] == "Failed"), "{criterion:#}");

    scanned(Some("PASSED"), 2).await?;
    let posture = control(&stand, &account, "Own.1", "passed").await?;
    ensure!(hub_controls(&posture) == before, "{:?} {before:?}", hub_controls(&posture));
    Ok(())
}
