//! Restarts: with a checkpoint nothing changes and little is read; without one what was published stands.

use anyhow::{Context, Result, ensure};
use e2e::stand::{Stand, condition_of};
use e2e::{Operator, eventually};
use serde_json::Value;

async fn settled(stand: &Stand) -> Result<()> {
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;
    stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    stand.settled_postures().await?;
    eventually("a checkpoint", || async {
        let entries = std::fs::read_dir(stand.dir.path().join("state")).context("no state folder yet")?;
        ensure!(entries.count() > 0, "no checkpoint yet");
        Ok(())
    })
    .await?;
    Ok(())
}

/// Fails, naming what differs, when an object was written between two readings.
fn not_rewritten(before: &[Value], after: &[Value]) -> Result<()> {
    ensure!(before.len() == after.len(), "{} objects, {} before", after.len(), before.len());
    for (old, new) in before.iter().zip(after) {
        let names: std::collections::BTreeSet<&String> =
            [old, new].into_iter().filter_map(Value::as_object).flat_map(|fields| fields.keys()).collect();
        let different =
            names.into_iter().filter(|name| *name != "metadata" && old[name.as_str()] != new[name.as_str()]);
        let words: Vec<String> = different.map(|name| format!("{name}: {} -> {}", old[name], new[name])).collect();
        ensure!(
            old["metadata"]["resourceVersion"] == new["metadata"]["resourceVersion"],
            "{} was rewritten: {}",
            new["metadata"]["name"],
            words.join("; ")
        );
    }
    Ok(())
}

#[tokio::test]
async fn with_a_checkpoint_no_posture_changes_and_two_calls_per_region_are_made() -> Result<()> {
    let stand = Stand::start().await?;
    // Long intervals: every call after the restart belongs to the restart.
    let organization = Stand::hasty_organization()?
        .replace("findingsInterval: 5s", "findingsInterval: 1h")
        .replace("fullSweepInterval: 10m", "fullSweepInterval: 12h");
    stand.plane.apply_yaml(&organization).await?;
    stand.apply_file("docs/samples/profile.yaml").await?;
    stand.apply_file("docs/samples/guardrails.yaml").await?;
    let operator = stand.operator().await?;
    settled(&stand).await?;
    let before = stand.list("apos").await?;
    let profile = stand.get("cprof", "production").await?;
    // SIGTERM writes a last checkpoint.
    let options = operator.terminate().await?;
    let last = stand.sandbox.last_call().await?;
    let operator = Operator::start(options).await?;
    eventually("the restarted operator to have read everything", || async {
        let page = operator.metrics().await?;
        ensure!(page.contains("soc2_profile_checks{profile=\"production\""), "not assessed yet");
        let calls = stand.sandbox.calls(last, Some("GetFindings")).await?;
        ensure!(calls.len() >= 2, "{} calls", calls.len());
        Ok(())
    })
    .await?;
    // What is called later is too much as well.
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let calls = stand.sandbox.calls(last, Some("GetFindings")).await?;
    ensure!(calls.len() <= 2, "{} GetFindings calls in one Region after a restart with a checkpoint", calls.len());
    not_rewritten(&before, &stand.list("apos").await?)?;
    let after = stand.get("cprof", "production").await?;
    for type_ in ["Compliant", "DataComplete", "CoverageComplete"] {
        ensure!(condition_of(&profile, type_) == condition_of(&after, type_), "{type_} changed");
    }
    ensure!(profile["status"]["checks"] == after["status"]["checks"], "the checks changed");
    Ok(())
}

#[tokio::test]
async fn without_a_checkpoint_what_was_published_stands_until_it_is_read_again() -> Result<()> {
    let stand = Stand::start().await?;
    stand.apply_samples().await?;
    let operator = stand.operator().await?;
    settled(&stand).await?;
    let before = stand.list("apos").await?;
    let options = operator.terminate().await?;
    std::fs::remove_dir_all(&options.state)?;
    // Reading takes its time.
    stand.sandbox.post("/settings", serde_json::json!({"latencyMs": 1500})).await?;
    let operator = Operator::start(options).await?;
    stand.condition("cprof", "production", "DataComplete", "False", "Restarting").await?;
    let during = stand.get("cprof", "production").await?;
    ensure!(
        during["status"]["checks"]["passed"].as_u64() > Some(0),
        "what was published is gone: {:#}",
        during["status"]
    );
    ensure!(!operator.metrics().await?.contains("soc2_profile_checks{"), "posture metrics before everything is read");
    stand.sandbox.post("/settings", serde_json::json!({"latencyMs": 0})).await?;
    eventually("everything to be read again", || async {
        let profile = stand.get("cprof", "production").await?;
        let data = condition_of(&profile, "DataComplete").context("DataComplete")?;
        ensure!(data["reason"] != "Restarting", "{data}");
        Ok(())
    })
    .await?;
    not_rewritten(&before, &stand.list("apos").await?)?;
    Ok(())
}

/// As if the last assessment had been long ago.
async fn age(stand: &Stand) -> Result<()> {
    let old = r#"{"status":{"assessedAt":"2026-01-01T00:00:00Z"}}"#;
    stand.kubectl(&["patch", "cprof", "production", "--subresource=status", "--type=merge", "-p", old]).await.map(drop)
}

#[tokio::test]
async fn without_a_checkpoint_what_is_too_old_is_not_known() -> Result<()> {
    let stand = Stand::start().await?;
    stand.apply_samples().await?;
    let operator = stand.operator().await?;
    settled(&stand).await?;
    let options = operator.terminate().await?;
    std::fs::remove_dir_all(&options.state)?;
    age(&stand).await?;
    stand.sandbox.post("/settings", serde_json::json!({"latencyMs": 1500})).await?;
    let operator = Operator::start(options).await?;
    stand.condition("cprof", "production", "Compliant", "Unknown", "Reading").await.with_context(|| operator.log())?;
    stand.sandbox.post("/settings", serde_json::json!({"latencyMs": 0})).await?;
    stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;
    Ok(())
}

#[tokio::test]
async fn a_damaged_checkpoint_counts_as_none() -> Result<()> {
    let stand = Stand::start().await?;
    stand.apply_samples().await?;
    let operator = stand.operator().await?;
    settled(&stand).await?;
    let options = operator.terminate().await?;
    for entry in std::fs::read_dir(&options.state)? {
        let path = entry?.path();
        let mut bytes = std::fs::read(&path)?;
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xff;
        std::fs::write(&path, bytes)?;
    }
    let operator = Operator::start(options).await?;
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;
    ensure!(operator.log().contains("checkpoint"), "the log says nothing of the checkpoint");
    Ok(())
}

const SUSPENDED: &str = r#"{"spec":{"suspend":true}}"#;

/// What was published is withdrawn when it is too old, in the status, the postures and the metrics.
async fn withdrawn(stand: &Stand, operator: &Operator, reason: &str) -> Result<()> {
    age(stand).await?;
    stand.condition("cprof", "production", "Compliant", "Unknown", reason).await?;
    stand.condition("cprof", "production", "Ready", "False", reason).await?;
    eventually("the postures to go", || async {
        let left = stand.list("apos").await?;
        let mut names = left.iter().filter_map(|posture| posture["metadata"]["name"].as_str());
        ensure!(!names.any(|name| name.starts_with("production-")), "some are left");
        Ok(())
    })
    .await?;
    let page = operator.metrics().await?;
    let stands =
        page.lines().find(|line| line.contains("production") && line.contains("Compliant") && line.contains("True"));
    ensure!(stands.is_none_or(|line| line.ends_with(" 0")), "{stands:?}");
    ensure!(!page.contains("soc2_profile_checks{profile=\"production\""), "the metrics stand");
    Ok(())
}

#[tokio::test]
async fn what_was_published_of_a_suspended_organization_gets_too_old_over_a_restart() -> Result<()> {
    let stand = Stand::start().await?;
    stand.apply_samples().await?;
    let operator = stand.operator().await?;
    settled(&stand).await?;
    stand.kubectl(&["patch", "awsorg", "acme", "--type=merge", "-p", SUSPENDED]).await?;
    let options = operator.terminate().await?;
    let operator = Operator::start(options).await?;
    stand.condition("cprof", "production", "DataComplete", "False", "OrganizationSuspended").await?;
    let during = stand.get("cprof", "production").await?;
    ensure!(during["status"]["checks"]["passed"].as_u64() > Some(0), "{:#}", during["status"]);
    withdrawn(&stand, &operator, "OrganizationSuspended").await
}

#[tokio::test]
async fn what_was_published_of_a_suspended_profile_gets_too_old() -> Result<()> {
    let stand = Stand::start().await?;
    stand.apply_samples().await?;
    let operator = stand.operator().await?;
    settled(&stand).await?;
    stand.kubectl(&["patch", "cprof", "production", "--type=merge", "-p", SUSPENDED]).await?;
    let before = stand.get("cprof", "production").await?;
    ensure!(before["status"]["checks"]["passed"].as_u64() > Some(0), "{:#}", before["status"]);
    withdrawn(&stand, &operator, "Suspended").await
}
