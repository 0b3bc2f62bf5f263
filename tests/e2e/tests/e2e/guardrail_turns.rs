//! Turns of writes: what stops one in the middle, that it makes room for others, and that what others do meanwhile is believed.

use anyhow::{Context, Result, ensure};
use e2e::objects::{at, automatic_set, guardrail_set, object};
use e2e::stand::Stand;
use e2e::{Operator, eventually};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::guardrail_changes::{approve, organization};
use crate::guardrails::{POLICY, enforced, same_again, targets, writes};

const HOLD: &str = "soc2-operator.dev/hold";
const MALLORY: &str = "arn:aws:iam::111111111111:user/mallory";
/// Attempts of a write that nothing stops.
const ATTEMPTS: usize = 8;

/// Waits until the operator tries to attach something, in vain.
async fn trying(stand: &Stand) -> Result<()> {
    eventually("an attempt to attach", || async {
        ensure!(!stand.sandbox.calls(0, Some("AttachPolicy")).await?.is_empty(), "no AttachPolicy yet");
        Ok(())
    })
    .await
}

/// Attempts to attach so far, of which none had an effect.
async fn attempts(stand: &Stand) -> Result<usize> {
    let policy = stand.sandbox.policy(POLICY).await?.context("no policy")?;
    ensure!(targets(&policy).is_empty(), "attached all the same: {policy:#}");
    Ok(stand.sandbox.calls(0, Some("AttachPolicy")).await?.len())
}

async fn attached(stand: &Stand, path: &str) -> Result<()> {
    let unit = stand.sandbox.unit(path).await?;
    eventually("the policy to be attached", || async {
        let policy = stand.sandbox.policy(POLICY).await?.context("no policy")?;
        ensure!(targets(&policy) == [unit.as_str()], "{policy:#}");
        Ok(())
    })
    .await
}

async fn conflicts(stand: &Stand) -> Result<()> {
    stand
        .sandbox
        .fault(json!({"service": "organizations", "operation": "AttachPolicy", "kind": "conflict"}))
        .await
        .map(drop)
}

#[tokio::test]
async fn a_hold_that_comes_while_a_write_is_tried_again_and_again_stops_it() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization("0s")?).await?;
    conflicts(&stand).await?;
    stand.plane.apply_yaml(&automatic_set("leave-org", json!({}))).await?;
    trying(&stand).await?;
    let unit = stand.sandbox.unit("Workloads").await?;
    stand.sandbox.post(&format!("/world/tags/{unit}"), json!({HOLD: at(3600)})).await?;
    stand.condition("grset", "leave-org", "Held", "True", "HeldByTag").await.with_context(|| operator.log())?;
    let tried = attempts(&stand).await?;
    ensure!(tried < ATTEMPTS, "{tried} attempts: the tag was not looked at between them");
    stand.sandbox.no_faults().await?;
    stand.sandbox.post(&format!("/world/tags/{unit}"), json!({HOLD: null})).await?;
    attached(&stand, "Workloads").await
}

#[tokio::test]
async fn an_approval_that_is_taken_back_while_a_write_is_tried_again_stops_it() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization("0s")?).await?;
    conflicts(&stand).await?;
    stand.plane.apply_yaml(&guardrail_set("leave-org", json!({}))).await?;
    stand.condition("grset", "leave-org", "ApprovalPending", "True", "ApprovalRequired").await?;
    let set = stand.get("grset", "leave-org").await?;
    let hash = set["status"]["plan"]["hash"].as_str().context("no plan")?.to_owned();
    approve(&stand, "first", &hash).await?;
    trying(&stand).await?;
    stand.kubectl(&["delete", "grapp", "first"]).await?;
    stand
        .condition("grset", "leave-org", "ApprovalPending", "True", "ApprovalRequired")
        .await
        .with_context(|| operator.log())?;
    let tried = attempts(&stand).await?;
    ensure!(tried < ATTEMPTS, "{tried} attempts: the approval was not looked at between them");
    stand.sandbox.no_faults().await?;
    let set = stand.get("grset", "leave-org").await?;
    let hash = set["status"]["plan"]["hash"].as_str().context("no plan")?.to_owned();
    approve(&stand, "second", &hash).await?;
    attached(&stand, "Workloads").await
}

/// Policies and attachments that the operator made so far.
async fn made(stand: &Stand, kind: &str) -> Result<Vec<Value>> {
    Ok(writes(stand).await?.into_iter().filter(|event| event["kind"] == kind).collect())
}

#[tokio::test]
async fn a_long_turn_ends_after_its_current_write_and_a_release_gets_in_between() -> Result<()> {
    let stand = Stand::start().await?;
    let mut options = stand.operator_options();
    options.flags.extend(["--write-turn", "1s"].map(str::to_owned));
    let operator = Operator::start(options).await?;
    stand.plane.apply_yaml(&organization("0s")?).await?;
    stand.sandbox.fault(json!({"service": "organizations", "writes": true, "kind": "delay", "delayMs": 700})).await?;
    let baselines =
        ["deny-leave-org", "deny-root", "protect-guardduty", "protect-macie"].map(|name| json!({"name": name}));
    let both = json!({"include": [{"organizationalUnit": {"path": "Workloads"}}, {"organizationalUnit": {"path": "Sandbox"}}]});
    stand.plane.apply_yaml(&automatic_set("leave-org", json!({"baselines": baselines, "targets": both}))).await?;
    eventually("the first attachment", || async {
        ensure!(!made(&stand, "attach").await?.is_empty(), "none yet");
        Ok(())
    })
    .await?;
    let spec = json!({
        "organizationRef": {"name": "acme"}, "baseline": "deny-leave-org", "target": "Sandbox", "releasedBy": "oncall@example.com",
        "reason": "Nothing deploys any more", "startsAt": at(0), "expiresAt": at(3600),
    });
    stand.plane.apply_yaml(&object("GuardrailRelease", "now", spec)).await?;
    stand.condition("grrel", "now", "Released", "True", "Released").await.with_context(|| operator.log())?;
    let before = made(&stand, "attach").await?.len();
    ensure!(before < 9, "it waited until all {before} were attached");

    // Everything else comes in later turns, each once.
    eventually("all but what is released", || async {
        let (attached, detached) = (made(&stand, "attach").await?.len(), made(&stand, "detach").await?.len());
        ensure!(attached - detached == 9, "{attached} attached, {detached} detached");
        Ok(())
    })
    .await
    .with_context(|| operator.log())?;
    stand.condition("grset", "leave-org", "InSync", "False", "Released").await?;
    let all = made(&stand, "attach").await?;
    let mut places: Vec<String> = all.iter().map(|one| format!("{} {}", one["policyId"], one["targetId"])).collect();
    places.sort();
    places.dedup();
    ensure!((places.len(), made(&stand, "create").await?.len()) == (all.len(), 5), "written twice: {all:#?}");
    Ok(())
}

/// The last write of a kind: when, and by whom.
async fn last(stand: &Stand, kind: &str) -> Result<(Timestamp, bool)> {
    let history = stand.sandbox.get("/history").await?;
    let events = history["history"].as_array().cloned().unwrap_or_default();
    let event = events.into_iter().rfind(|event| event["kind"] == kind).with_context(|| format!("no {kind}"))?;
    let at = event["at"].as_str().context("no time")?.parse()?;
    Ok((at, event["actor"] == "outside"))
}

#[tokio::test]
async fn what_a_person_undoes_before_it_shows_is_put_back_as_soon_as_an_event_tells() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    let original = enforced(&stand).await?;
    let (id, target) = (original["id"].as_str().context("id")?.to_owned(), targets(&original)[0].clone());
    let queue = "    events: {queueUrl: \"https://sqs.us-east-1.amazonaws.com/111111111111/soc2-organization\", role: {arn: \"arn:aws:iam::111111111111:role/soc2-events\", externalId: acme-7}}\n    writeRole:";
    stand.plane.apply_yaml(&Stand::hasty_organization()?.replace("    writeRole:", queue)).await?;
    stand.condition("awsorg", "acme", "EventsReceived", "True", "Receiving").await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    stand.sandbox.post("/settings", json!({"readLagMs": 20_000})).await?;
    let detach = async || {
        let path = format!("/world/policies/{id}/detach?by={MALLORY}");
        stand.sandbox.post(&path, json!({"target": target})).await.map(drop)
    };
    detach().await?;
    same_again(&stand, &original).await.with_context(|| operator.log())?;
    let (attached, _) = last(&stand, "attach").await?;
    // Events tell whole seconds.
    eventually("the next second", || async {
        ensure!(Timestamp::now().as_second() > attached.as_second() + 1, "not yet");
        Ok(())
    })
    .await?;
    detach().await?;
    let (undone, outside) = last(&stand, "detach").await?;
    ensure!(outside, "the operator detached it");
    same_again(&stand, &original).await.with_context(|| operator.log())?;
    let (attached, outside) = last(&stand, "attach").await?;
    ensure!(!outside, "somebody else attached it");
    let took = attached.duration_since(undone).as_secs();
    ensure!(took < 12, "{took} s, as long as what the operator wrote before does not show");
    Ok(())
}
