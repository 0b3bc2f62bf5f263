//! The end of a guardrail set: what becomes of its policies, and that its object goes.

use anyhow::{Context, Result, ensure};
use e2e::stand::Stand;
use e2e::{Operator, eventually};

use crate::guardrail_changes::{approve, organization};
use crate::guardrails::{POLICY, targets, writes};

async fn enforced(stand: &Stand, deletion: &str) -> Result<()> {
    stand.plane.apply_yaml(&organization("0s")?).await?;
    let sample = e2e::binaries::read("docs/samples/guardrails.yaml")?;
    stand.plane.apply_yaml(&format!("{}\n  deletionPolicy: {deletion}\n", sample.trim_end())).await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    Ok(())
}

async fn delete(stand: &Stand) -> Result<()> {
    stand.kubectl(&["delete", "grset", "leave-org", "--wait=false"]).await.map(drop)
}

async fn gone(stand: &Stand) -> Result<()> {
    eventually("the object to be gone", || async {
        let left = stand.list("grset").await?;
        ensure!(left.is_empty(), "{left:#?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn retained_policies_stay_and_are_nobodys() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    enforced(&stand, "Retain").await?;
    let before = stand.sandbox.policy(POLICY).await?.context("no policy")?;
    delete(&stand).await?;
    gone(&stand).await.with_context(|| operator.log())?;
    let after = stand.sandbox.policy(POLICY).await?.context("the policy is gone")?;
    ensure!(targets(&after) == targets(&before) && after["content"] == before["content"], "{after:#}");
    ensure!(after["tags"]["soc2-operator.dev/retained"] == "leave-org", "{after:#}");

    // The same set again does not take it over by itself: it does as anybody's would.
    stand.apply_file("docs/samples/guardrails.yaml").await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    let id = after["id"].as_str().context("id")?;
    let set = stand.get("grset", "leave-org").await?;
    ensure!(set["status"]["baselines"][0]["satisfiedBy"] == serde_json::json!([id]), "{:#}", set["status"]);
    let count = writes(&stand).await?.len();
    // Asked to, it is adopted: tagged as ours, and nothing else, because it says what it has to.
    let patch = serde_json::json!({"spec": {"baselines": [{"name": "deny-leave-org", "adopt": id}]}}).to_string();
    stand.kubectl(&["patch", "grset", "leave-org", "--type=merge", "-p", &patch]).await?;
    eventually("the policy to be ours again", || async {
        let policy = stand.sandbox.policy(POLICY).await?.context("no policy")?;
        ensure!(policy["tags"]["soc2-operator.dev/retained"] == "", "{policy:#}");
        Ok(())
    })
    .await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    let written = writes(&stand).await?.split_off(count);
    // The history shows a policy whose tags change as an update of it.
    let same = |event: &serde_json::Value| event["kind"] == "update" && event["content"] == after["content"];
    ensure!(written.iter().all(same), "{written:#?}");
    Ok(())
}

#[tokio::test]
async fn removed_policies_wait_for_an_approval_and_then_go() -> Result<()> {
    let stand = Stand::start().await?;
    let _operator = stand.operator().await?;
    let foreign = stand.sandbox.get("/world/policies").await?["policies"].clone();
    enforced(&stand, "Remove").await?;
    delete(&stand).await?;
    stand.condition("grset", "leave-org", "ApprovalPending", "True", "Weakens").await?;
    ensure!(!targets(&stand.sandbox.policy(POLICY).await?.context("gone")?).is_empty(), "removed without approval");
    let set = stand.get("grset", "leave-org").await?;
    approve(&stand, "remove", set["status"]["plan"]["hash"].as_str().context("hash")?).await?;
    gone(&stand).await?;
    ensure!(stand.sandbox.policy(POLICY).await?.is_none(), "the policy is still there");
    let left = stand.sandbox.get("/world/policies").await?["policies"].clone();
    ensure!(left == foreign, "something else changed: {left:#}");
    Ok(())
}

#[tokio::test]
async fn an_abandoned_set_goes_without_touching_aws() -> Result<()> {
    let stand = Stand::start().await?;
    let _operator = stand.operator().await?;
    enforced(&stand, "Remove").await?;
    let count = writes(&stand).await?.len();
    stand.kubectl(&["annotate", "grset", "leave-org", "soc2-operator.dev/abandon=true"]).await?;
    delete(&stand).await?;
    gone(&stand).await?;
    ensure!(writes(&stand).await?.len() == count, "AWS was touched");
    Ok(())
}

/// Kills the operator in a write of a removal: what was begun under the approval is ended.
async fn crash_in(operation: &str, kind: &str) -> Result<()> {
    let stand = Stand::start().await?;
    let mut operator = stand.operator().await?;
    enforced(&stand, "Remove").await?;
    delete(&stand).await?;
    stand.condition("grset", "leave-org", "ApprovalPending", "True", "Weakens").await?;
    let set = stand.get("grset", "leave-org").await?;
    let fault = serde_json::json!({"service": "organizations", "operation": operation, "kind": kind, "delayMs": 5_000});
    stand.sandbox.fault(fault).await?;
    approve(&stand, "remove", set["status"]["plan"]["hash"].as_str().context("hash")?).await?;
    eventually("the write to be under way", || async {
        let calls = stand.sandbox.calls(0, Some(operation)).await?;
        ensure!(!calls.is_empty(), "no {operation} yet");
        Ok(())
    })
    .await?;
    operator.kill()?;
    stand.sandbox.no_faults().await?;
    let operator = Operator::start(operator.options.clone()).await?;
    gone(&stand).await.with_context(|| operator.log())?;
    ensure!(stand.sandbox.policy(POLICY).await?.is_none(), "the policy is still there");
    Ok(())
}

#[tokio::test]
async fn a_crash_before_detaching_converges() -> Result<()> {
    crash_in("DetachPolicy", "timeout").await
}

#[tokio::test]
async fn a_crash_after_detaching_converges() -> Result<()> {
    crash_in("DetachPolicy", "cutAfter").await
}

#[tokio::test]
async fn a_crash_before_deleting_converges() -> Result<()> {
    crash_in("DeletePolicy", "timeout").await
}

#[tokio::test]
async fn a_crash_after_deleting_converges() -> Result<()> {
    crash_in("DeletePolicy", "cutAfter").await
}

async fn finalizers(stand: &Stand) -> Result<usize> {
    let object = stand.get("awsorg", "acme").await?;
    Ok(object["metadata"]["finalizers"].as_array().map_or(0, Vec::len))
}

async fn organization_gone(stand: &Stand) -> Result<()> {
    eventually("the organization to be gone", || async {
        let left = stand.list("awsorg").await?;
        ensure!(left.is_empty(), "{left:#?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_organization_waits_for_its_sets_unless_a_person_lets_go() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    for let_go in [false, true] {
        enforced(&stand, "Retain").await?;
        eventually("the organization to be held", || async {
            ensure!(finalizers(&stand).await? == 1, "not yet");
            Ok(())
        })
        .await?;
        stand.kubectl(&["delete", "awsorg", "acme", "--wait=false"]).await?;
        let waits = stand.condition("awsorg", "acme", "Ready", "False", "WaitsForSets").await;
        waits.with_context(|| operator.log())?;
        if let_go {
            stand.kubectl(&["annotate", "awsorg", "acme", "soc2-operator.dev/abandon=true"]).await?;
            organization_gone(&stand).await.with_context(|| operator.log())?;
            ensure!(!targets(&stand.sandbox.policy(POLICY).await?.context("gone")?).is_empty(), "AWS was touched");
        } else {
            // Its sets are dealt with as always.
            delete(&stand).await?;
            gone(&stand).await.with_context(|| operator.log())?;
            organization_gone(&stand).await.with_context(|| operator.log())?;
            let policy = stand.sandbox.policy(POLICY).await?.context("the policy is gone")?;
            ensure!(policy["tags"]["soc2-operator.dev/retained"] == "leave-org", "{policy:#}");
            stand.sandbox.delete(&format!("/world/policies/{}", policy["id"].as_str().context("id")?)).await?;
        }
    }
    Ok(())
}
