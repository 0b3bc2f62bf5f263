//! Faults: whatever breaks on the way, afterwards the posture and AWS are as without the fault.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use e2e::eventually;
use e2e::stand::Stand;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// What is true by the postures, without times: control states of every account.
async fn posture(stand: &Stand) -> Result<BTreeMap<String, Value>> {
    let postures = stand.list("apos").await?;
    let content = |mut posture: Value| {
        let name = posture["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        for list in ["controls", "unknown"] {
            for row in posture[list].as_array_mut().into_iter().flatten() {
                // Messages name absolute times, and each world begins at its own.
                for volatile in ["since", "message"] {
                    if let Some(row) = row.as_object_mut() {
                        row.remove(volatile);
                    }
                }
            }
        }
        let kept = ["summary", "criteria", "controls", "unknown", "passed", "nothingToCheck", "notApplicable"];
        (name, kept.iter().map(|field| ((*field).to_owned(), posture[*field].take())).collect())
    };
    Ok(postures.into_iter().map(content).collect())
}

async fn settled(stand: &Stand) -> Result<()> {
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;
    stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;
    stand.condition("cprof", "baseline", "Ready", "True", "Assessed").await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    Ok(())
}

/// What the same world gives without any fault; found once for all tests.
async fn expected() -> Result<&'static BTreeMap<String, Value>> {
    static EXPECTED: OnceCell<BTreeMap<String, Value>> = OnceCell::const_new();
    EXPECTED
        .get_or_try_init(|| async {
            let stand = Stand::start().await?;
            let _operator = stand.operator().await?;
            stand.apply_samples().await?;
            settled(&stand).await?;
            stable(&stand).await
        })
        .await
}

/// Fails, naming what differs.
fn same(wanted: &BTreeMap<String, Value>, found: &BTreeMap<String, Value>) -> Result<()> {
    for (name, posture) in wanted {
        let other = found.get(name).with_context(|| format!("no posture {name}"))?;
        for (field, value) in posture.as_object().into_iter().flatten() {
            ensure!(*value == other[field], "{name} {field}: {} instead of {value}", other[field]);
        }
    }
    ensure!(wanted.len() == found.len(), "{} postures instead of {}", found.len(), wanted.len());
    Ok(())
}

/// The postures once two readings agree and none is `SweepIncomplete`.
async fn stable(stand: &Stand) -> Result<BTreeMap<String, Value>> {
    eventually("the postures to settle", || async {
        let first = posture(stand).await?;
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        let second = posture(stand).await?;
        let text = serde_json::to_string(&second)?;
        ensure!(first == second && second.len() >= 10, "{} postures, still changing", second.len());
        ensure!(!text.contains("SweepIncomplete"), "not everything is read");
        // Which controls are disabled is read last; S3.9 is, everywhere.
        let groups = second.values().filter_map(|posture| posture["unknown"].as_array()).flatten();
        let unread = groups.filter(|group| group["reason"] == "NoFindings" && group["controls"][0] == "S3.9").count();
        ensure!(unread == 0, "the disabled controls of {unread} accounts are not read yet");
        Ok(second)
    })
    .await
}

#[tokio::test]
async fn throttling_and_expiring_tokens_and_empty_pages_change_nothing() -> Result<()> {
    let wanted = expected().await?;
    let stand = Stand::start().await?;
    for fault in [
        json!({"service": "securityhub", "operation": "GetFindings", "kind": "throttle", "every": 2}),
        json!({"service": "securityhub", "operation": "GetFindings", "kind": "expireToken", "every": 5, "times": 3}),
        json!({"service": "securityhub", "operation": "GetFindings", "kind": "emptyPage", "every": 7}),
        json!({"service": "organizations", "operation": "ListAccounts", "kind": "emptyPage", "every": 2}),
        json!({"service": "organizations", "kind": "serverError", "every": 9}),
    ] {
        stand.sandbox.fault(fault).await?;
    }
    let operator = stand.operator().await?;
    stand.apply_samples().await?;
    settled(&stand).await.with_context(|| operator.log())?;
    same(wanted, &stable(&stand).await?)?;
    ensure!(operator.metric("soc2_aws_throttled_total{").await? > 0.0, "nothing was throttled");
    Ok(())
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_sweep_changes_nothing() -> Result<()> {
    let wanted = expected().await?;
    let stand = Stand::start().await?;
    stand.sandbox.post("/settings", json!({"latencyMs": 300})).await?;
    let mut operator = stand.operator().await?;
    stand.apply_samples().await?;
    for calls in [1, 3, 5] {
        eventually("the sweep to be under way", || async {
            let found = stand.sandbox.calls(0, Some("GetFindings")).await?.len();
            ensure!(found >= calls, "{found} calls");
            Ok(())
        })
        .await?;
        operator = operator.crash_and_restart().await?;
    }
    stand.sandbox.post("/settings", json!({"latencyMs": 0})).await?;
    settled(&stand).await.with_context(|| operator.log())?;
    same(wanted, &stable(&stand).await?)?;
    Ok(())
}

#[tokio::test]
async fn a_restarted_api_server_loses_nothing() -> Result<()> {
    let wanted = expected().await?;
    let stand = Stand::start().await?;
    let mut operator = stand.operator().await?;
    stand.apply_samples().await?;
    stand.condition("awsorg", "acme", "OrganizationRead", "True", "Read").await?;
    stand.plane.kill_apiserver()?;
    let policy = stand.sandbox.policy("soc2-acme-deny-leave-org").await?;
    stand.plane.restart_apiserver().await?;
    settled(&stand).await.with_context(|| operator.log())?;
    same(wanted, &stable(&stand).await?)?;
    // Drift is still found.
    let policy = match policy {
        Some(policy) => policy,
        None => stand.sandbox.policy("soc2-acme-deny-leave-org").await?.context("no policy")?,
    };
    let id = policy["id"].as_str().context("id")?;
    stand.sandbox.delete(&format!("/world/policies/{id}")).await?;
    eventually("the guardrail to be back", || async {
        let found = stand.sandbox.policy("soc2-acme-deny-leave-org").await?.context("gone")?;
        if found["targets"].as_array().is_some_and(|targets| !targets.is_empty()) {
            Ok(())
        } else {
            bail!("not attached")
        }
    })
    .await?;
    operator.check_running()
}

/// Findings change, appear and are archived before every page; when that stops, index and truth are the same.
#[tokio::test]
async fn findings_that_change_while_pages_are_read_are_neither_lost_nor_invented() -> Result<()> {
    let stand = Stand::start().await?;
    let churn = json!({"perCall": 5, "seed": 7, "kinds": ["update", "archive", "create"]});
    stand.sandbox.post("/world/findings/churn", churn).await?;
    let operator = stand.operator().await?;
    stand.apply_samples().await?;
    eventually("a dozen pages under churn", || async {
        let found = stand.sandbox.calls(0, Some("GetFindings")).await?.len();
        ensure!(found >= 12, "{found} calls");
        Ok(())
    })
    .await?;
    stand.sandbox.post("/world/findings/churn", json!({"perCall": 0})).await?;
    settled(&stand).await.with_context(|| operator.log())?;
    eventually("every failing finding of the truth to be in the posture", || async {
        let missing = missing(&stand).await?;
        ensure!(missing.is_empty(), "not in the posture: {missing:?}");
        Ok(())
    })
    .await?;
    let wrong = invented(&stand).await?;
    ensure!(wrong.is_empty(), "in the posture, not in AWS: {wrong:?}");
    Ok(())
}

/// (account, control) pairs with an active, unsuppressed FAILED finding of a member account, by the sandbox's truth.
async fn failing(stand: &Stand) -> Result<std::collections::BTreeSet<(String, String)>> {
    let truth = stand.sandbox.get("/world/findings?status=FAILED&recordState=ACTIVE").await?;
    let findings = truth["findings"].as_array().cloned().unwrap_or_default();
    ensure!(!findings.is_empty(), "the sandbox shows no findings");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let pair = |finding: &Value| Some((text(&finding["account"])?, text(&finding["control"])?));
    Ok(findings.iter().filter(|finding| finding["workflow"] != "SUPPRESSED").filter_map(pair).collect())
}

/// Failed (account, control) pairs of the postures, and the controls in scope of each account.
async fn published(stand: &Stand) -> Result<(Vec<(String, String)>, BTreeMap<String, Vec<String>>)> {
    let (mut failed, mut scope) = (Vec::new(), BTreeMap::<String, Vec<String>>::new());
    for posture in stand.list("apos").await? {
        let account = posture["account"]["id"].as_str().unwrap_or_default().to_owned();
        let ids = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(|id| id.as_str().map(str::to_owned)).collect()
        };
        let known = scope.entry(account.clone()).or_default();
        known.extend(ids(&posture["passed"]));
        known.extend(ids(&posture["nothingToCheck"]));
        for group in posture["unknown"].as_array().into_iter().flatten() {
            known.extend(ids(&group["controls"]));
        }
        for control in posture["controls"].as_array().into_iter().flatten() {
            let id = control["id"].as_str().unwrap_or_default().to_owned();
            known.push(id.clone());
            if control["state"] == "Failed" {
                failed.push((account.clone(), id));
            }
        }
    }
    Ok((failed, scope))
}

async fn missing(stand: &Stand) -> Result<Vec<(String, String)>> {
    let truth = failing(stand).await?;
    let (failed, scope) = published(stand).await?;
    let in_scope =
        |(account, control): &(String, String)| scope.get(account).is_some_and(|known| known.contains(control));
    Ok(truth.into_iter().filter(|pair| in_scope(pair) && !failed.contains(pair)).collect())
}

async fn invented(stand: &Stand) -> Result<Vec<(String, String)>> {
    let truth = failing(stand).await?;
    let (failed, _) = published(stand).await?;
    Ok(failed.into_iter().filter(|pair| !truth.contains(pair)).collect())
}
