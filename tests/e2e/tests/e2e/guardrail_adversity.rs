//! AWS at its slowest and busiest: writes that conflict, reads that lag, enforcement that lags more, and a person who edits meanwhile.

use anyhow::{Context, Result, ensure};
use e2e::eventually;
use e2e::objects::automatic_set;
use e2e::promise::Before;
use e2e::stand::Stand;
use serde_json::{Value, json};

use crate::guardrail_changes::organization;
use crate::guardrails::{content, targets, writes};

const POLICY: &str = "soc2-acme-deny-leave-org";

fn set(path: &str) -> String {
    automatic_set("all", json!({"targets": {"include": [{"organizationalUnit": {"path": path}}]}}))
}

#[tokio::test]
async fn conflicts_throttling_lags_and_a_person_cost_no_needless_write() -> Result<()> {
    let stand = Stand::start().await?;
    // What is written is seen half a minute later, and enforced after a quarter of an hour.
    stand.sandbox.post("/settings", json!({"readLagMs": 30_000, "enforceLagMs": 900_000})).await?;
    stand.sandbox.fault(json!({"service": "organizations", "kind": "conflict", "every": 2})).await?;
    stand.sandbox.fault(json!({"service": "organizations", "kind": "throttle", "every": 5})).await?;
    let operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization("8s")?).await?;
    let before = Before::of(&stand.sandbox).await?;
    stand.plane.apply_yaml(&set("Workloads/Prod")).await?;
    let prod = stand.sandbox.unit("Workloads/Prod").await?;
    let workloads = stand.sandbox.unit("Workloads").await?;
    attached(&stand, &[&prod]).await?;
    stand.plane.apply_yaml(&set("Workloads")).await?;
    attached(&stand, &[&prod, &workloads]).await?;
    // Half way through the change, when what is new is read and not enforced, a person edits it.
    later(&stand, 31).await?;
    eventually("what is new to be in place", || async {
        let set = stand.get("grset", "all").await?;
        let in_place = set["status"]["inPlaceSince"].is_string() && set["status"]["observedGeneration"] == 2;
        ensure!(in_place, "{:#}", set["status"]);
        Ok(())
    })
    .await?;
    let original = edited(&stand, 1).await?;
    later(&stand, 31).await?;
    undone(&stand, 1, &original).await.with_context(|| operator.log())?;
    // The operator's clock says 8 s, the sandbox's a quarter of an hour: what it waits for.
    later(&stand, 900).await?;
    attached(&stand, &[&workloads]).await.with_context(|| operator.log())?;
    let done = writes(&stand).await?;
    ensure!(done.len() == 5, "create, attach, attach, update, detach, and nothing more: {done:#?}");
    before.kept(&stand.sandbox).await?;
    later(&stand, 31).await?;
    stand.condition("grset", "all", "InSync", "True", "InSync").await?;
    Ok(())
}

#[tokio::test]
async fn a_person_who_edits_meanwhile_is_answered_once_for_each_edit() -> Result<()> {
    let stand = Stand::start().await?;
    stand.sandbox.post("/settings", json!({"readLagMs": 3_000})).await?;
    stand.sandbox.fault(json!({"service": "organizations", "kind": "conflict", "every": 2})).await?;
    let operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization("0s")?).await?;
    stand.plane.apply_yaml(&set("Workloads")).await?;
    stand.condition("grset", "all", "InSync", "True", "InSync").await.with_context(|| operator.log())?;
    let original = stand.sandbox.policy(POLICY).await?.context("no policy")?;
    let count = writes(&stand).await?.len();
    for edit in 1..=2 {
        let original = edited(&stand, edit).await?;
        undone(&stand, edit, &original).await?;
    }
    stand.condition("grset", "all", "InSync", "True", "InSync").await?;
    let found = stand.sandbox.policy(POLICY).await?.context("gone")?;
    ensure!(targets(&found) == targets(&original), "{found:#}");
    let done = writes(&stand).await?.len() - count;
    ensure!(done == 2, "{done} writes for 2 edits");
    Ok(())
}

/// So many seconds pass in AWS.
async fn later(stand: &Stand, seconds: u32) -> Result<()> {
    stand.sandbox.post("/clock", json!({"advanceSeconds": seconds})).await.map(drop)
}

/// A person replaces the content of the policy; gives the policy as it was.
async fn edited(stand: &Stand, edit: u8) -> Result<Value> {
    let original = stand.sandbox.policy(POLICY).await?.context("no policy")?;
    let id = original["id"].as_str().context("id")?;
    let text = json!({"Version": "2012-10-17", "Statement": [{"Sid": format!("Edit{edit}"), "Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}]});
    stand.sandbox.post(&format!("/world/policies/{id}"), json!({"content": text.to_string()})).await?;
    Ok(original)
}

async fn undone(stand: &Stand, edit: u8, original: &Value) -> Result<()> {
    eventually(&format!("edit {edit} to be undone"), || async {
        let found = stand.sandbox.policy(POLICY).await?.context("gone")?;
        let same = content(&found) == content(original);
        ensure!(same, "{found:#}\n{:#}", stand.get("grset", "all").await?["status"]);
        Ok(())
    })
    .await
}

async fn attached(stand: &Stand, wanted: &[&str]) -> Result<()> {
    let mut wanted: Vec<String> = wanted.iter().map(|id| (*id).to_owned()).collect();
    wanted.sort();
    eventually(&format!("the policy to be attached to {wanted:?}"), || async {
        let policy = stand.sandbox.policy(POLICY).await?.context("no policy yet")?;
        let mut found = targets(&policy);
        found.sort();
        ensure!(found == wanted, "{found:?}");
        Ok(())
    })
    .await
}
