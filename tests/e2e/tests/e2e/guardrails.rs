//! One guardrail enforced: attached where it belongs, put back whatever happens to it, and nothing else touched.

use anyhow::{Context, Result, bail, ensure};
use e2e::stand::{Stand, condition_of};
use e2e::{Operator, eventually};
use serde_json::{Value, json};

pub(crate) const POLICY: &str = "soc2-acme-deny-leave-org";

pub(crate) async fn enforced(stand: &Stand) -> Result<Value> {
    stand.apply_samples().await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    stand.sandbox.policy(POLICY).await?.context("the policy is not in AWS")
}

pub(crate) fn targets(policy: &Value) -> Vec<String> {
    policy["targets"].as_array().into_iter().flatten().filter_map(|target| target.as_str().map(str::to_owned)).collect()
}

pub(crate) fn content(policy: &Value) -> Value {
    match &policy["content"] {
        Value::String(text) => serde_json::from_str(text).unwrap_or(Value::Null),
        other => other.clone(),
    }
}

/// Writes to policies that the operator made: everything in the history that nobody did from outside.
pub(crate) async fn writes(stand: &Stand) -> Result<Vec<Value>> {
    let history = stand.sandbox.get("/history").await?;
    Ok(history["history"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|event| event["actor"] != "outside")
        .cloned()
        .collect())
}

pub(crate) async fn same_again(stand: &Stand, original: &Value) -> Result<Value> {
    eventually("the guardrail to be as it was", || async {
        let found = stand.sandbox.policy(POLICY).await?.context("gone")?;
        ensure!(content(&found) == content(original) && targets(&found) == targets(original), "{found:#}");
        Ok(found)
    })
    .await
}

#[tokio::test]
async fn drift_is_reverted_whether_edited_detached_or_deleted() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    let original = enforced(&stand).await?;
    ensure!(original["tags"]["soc2-operator.dev/owner-id"] == "acme", "{original:#}");
    ensure!(targets(&original).len() == 1, "one organizational unit covers the targets: {original:#}");
    let id = original["id"].as_str().context("id")?.to_owned();
    let target = targets(&original)[0].clone();

    let weak =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"organizations:Leave","Resource":"*"}]}"#;
    stand.sandbox.post(&format!("/world/policies/{id}"), json!({"content": weak})).await?;
    same_again(&stand, &original).await?;
    stand.sandbox.post(&format!("/world/policies/{id}/detach"), json!({"target": target})).await?;
    same_again(&stand, &original).await?;
    stand.sandbox.delete(&format!("/world/policies/{id}")).await?;
    same_again(&stand, &original).await?;

    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await.with_context(|| operator.log())?;
    let reverted = eventually("three reverts in the status", || async {
        let set = stand.get("grset", "leave-org").await?;
        let count = set["status"]["baselines"][0]["driftReverted"].as_u64().unwrap_or_default();
        // Deleting needs two writes: create and attach.
        if count >= 4 { Ok(count) } else { bail!("{:#}", set["status"]) }
    })
    .await
    .with_context(|| operator.log())?;
    let drift = operator.metric("soc2_guardrail_drift_total{").await?;
    ensure!(drift >= 4.0, "{drift} in the metrics, {reverted} in the status");
    let events = stand.kubectl(&["get", "events", "-n", "default"]).await?;
    for reason in ["DriftDetected", "DriftReverted"] {
        ensure!(events.contains(reason), "no event {reason}:\n{events}");
    }
    Ok(())
}

#[tokio::test]
async fn nothing_is_written_in_observe_and_nothing_foreign_is_ever_touched() -> Result<()> {
    let stand = Stand::start().await?;
    let _operator = stand.operator().await?;
    let before = stand.sandbox.get("/world/policies").await?;
    stand.apply_file("docs/samples/organization.yaml").await?;
    let observe = e2e::binaries::read("docs/samples/guardrails.yaml")?.replace("mode: Enforce", "mode: Observe");
    stand.plane.apply_yaml(&observe).await?;
    stand.condition("grset", "leave-org", "InSync", "False", "Drifted").await?;
    let set = stand.get("grset", "leave-org").await?;
    ensure!(set["status"]["plan"]["create"] == 1 && set["status"]["plan"]["attach"] == 1, "{:#}", set["status"]);
    ensure!(writes(&stand).await?.is_empty(), "Observe wrote to AWS");
    // The role that may write is not even assumed until there is something to write.
    let object = stand.get("awsorg", "acme").await?;
    let can = condition_of(&object, "CanEnforce").context("CanEnforce")?;
    ensure!(can["status"] == "Unknown" && can["reason"] == "NotTried", "{can}");
    let assumed = stand.sandbox.calls(0, Some("AssumeRole")).await?.len();

    // Enforced: what was there before is as it was.
    enforced(&stand).await?;
    ensure!(stand.sandbox.calls(0, Some("AssumeRole")).await?.len() > assumed, "written without the write role");
    let after = stand.sandbox.get("/world/policies").await?;
    let list = |value: &Value| value["policies"].as_array().cloned().unwrap_or_default();
    for old in list(&before) {
        ensure!(list(&after).contains(&old), "a foreign policy changed: {old:#}");
    }
    Ok(())
}

#[tokio::test]
async fn a_policy_of_our_name_without_our_tags_is_refused_and_left_alone() -> Result<()> {
    let stand = Stand::start().await?;
    let _operator = stand.operator().await?;
    let original = enforced(&stand).await?;
    let id = original["id"].as_str().context("id")?.to_owned();
    // Somebody takes the tags away: the policy is nobody's now, and does as anybody's would as long as it denies the same.
    stand.sandbox.post(&format!("/world/policies/{id}"), json!({"tags": {}})).await?;
    eventually("the policy to be somebody else's", || async {
        let set = stand.get("grset", "leave-org").await?;
        ensure!(set["status"]["baselines"][0]["satisfiedBy"] == json!([id]), "{:#}", set["status"]);
        Ok(())
    })
    .await?;
    let count = writes(&stand).await?.len();
    stand.sandbox.post(&format!("/world/policies/{id}"), json!({"content": r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#})).await?;
    stand.condition("grset", "leave-org", "Refused", "True", "NameTaken").await?;
    stand.kubectl(&["annotate", "awsorg", "acme", "soc2-operator.dev/requestedAt=again"]).await?;
    let last = stand.sandbox.last_call().await?;
    eventually("two readings of the policies", || async {
        let calls = stand.sandbox.calls(last, Some("ListPolicies")).await?;
        ensure!(calls.len() >= 2, "{} readings", calls.len());
        Ok(())
    })
    .await?;
    ensure!(writes(&stand).await?.len() == count, "a policy that is not ours was written");
    Ok(())
}

#[tokio::test]
async fn no_free_slot_and_held_writes_refuse_with_numbers() -> Result<()> {
    let stand = Stand::start().await?;
    let _operator = stand.operator().await?;
    // Workloads is full but for the transition slot.
    let deny = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:CreateUser","Resource":"*"}]}"#;
    let workloads = stand.sandbox.unit("Workloads").await?;
    let used = stand.sandbox.attached(&workloads).await?;
    for number in used..9 {
        stand
            .sandbox
            .post(
                "/world/policies",
                json!({"name": format!("foreign-{number}"), "content": deny, "attach": [workloads]}),
            )
            .await?;
    }
    stand.apply_samples().await?;
    let refused = stand.condition("grset", "leave-org", "Refused", "True", "NoFreeSlot").await?;
    let message = refused["message"].as_str().unwrap_or_default();
    ensure!(message.contains("10") && message.contains('9'), "no numbers: {message}");
    ensure!(writes(&stand).await?.is_empty());

    // A slot becomes free, but writes are held.
    stand
        .kubectl(&["patch", "awsorg", "acme", "--type=merge", "-p", r#"{"spec":{"guardrails":{"holdWrites":true}}}"#])
        .await?;
    let policies = stand.sandbox.get("/world/policies").await?;
    let list = policies["policies"].as_array().cloned().unwrap_or_default();
    let foreign = list.iter().find(|policy| policy["name"] == "foreign-8").context("foreign-8")?;
    stand.sandbox.delete(&format!("/world/policies/{}", foreign["id"].as_str().unwrap_or_default())).await?;
    stand.condition("grset", "leave-org", "Held", "True", "HoldWrites").await?;
    ensure!(writes(&stand).await?.is_empty());
    stand
        .kubectl(&["patch", "awsorg", "acme", "--type=merge", "-p", r#"{"spec":{"guardrails":{"holdWrites":false}}}"#])
        .await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    Ok(())
}

/// Kills the operator in a write of the guardrail, before it is done (`timeout`) or after (`cutAfter`); what the cut leaves
/// is gone on with.
async fn crash_in(operation: &str, kind: &str) -> Result<()> {
    let stand = Stand::start().await?;
    let mut operator = stand.operator().await?;
    // Long enough to be killed in; it also holds the one write that AWS does at a time, which the next process waits for.
    let fault = json!({"service": "organizations", "operation": operation, "kind": kind, "delayMs": 5_000});
    stand.sandbox.fault(fault).await?;
    stand.apply_samples().await?;
    eventually("the write to be under way", || async {
        let calls = stand.sandbox.calls(0, Some(operation)).await?;
        ensure!(!calls.is_empty(), "no {operation} yet");
        Ok(())
    })
    .await?;
    operator.kill()?;
    stand.sandbox.no_faults().await?;
    let operator = Operator::start(operator.options.clone()).await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await.with_context(|| operator.log())?;
    let created = writes(&stand).await?.iter().filter(|event| event["kind"] == "create").count();
    ensure!(created == 1, "{created} policies were created");
    let policy = stand.sandbox.policy(POLICY).await?.context("gone")?;
    ensure!(targets(&policy).len() == 1, "{policy:#}");
    Ok(())
}

#[tokio::test]
async fn a_crash_before_creating_converges() -> Result<()> {
    crash_in("CreatePolicy", "timeout").await
}

#[tokio::test]
async fn a_crash_after_creating_converges_without_a_second_policy() -> Result<()> {
    crash_in("CreatePolicy", "cutAfter").await
}

#[tokio::test]
async fn a_crash_before_attaching_converges() -> Result<()> {
    crash_in("AttachPolicy", "timeout").await
}

#[tokio::test]
async fn a_crash_after_attaching_converges() -> Result<()> {
    crash_in("AttachPolicy", "cutAfter").await
}
