//! What is left alone for a while although it differs: holds by a tag, what a break-glass principal did, fights; and releases.

use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use e2e::objects::{at, object};
use e2e::stand::{Stand, condition_of};
use e2e::{Operator, binaries, eventually};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::guardrails::{POLICY, enforced, same_again, targets, writes};

const QUEUE: &str = "/world/queues/soc2-organization";
const HOLD: &str = "soc2-operator.dev/hold";
const BREAK_GLASS: &str = "arn:aws:iam::111111111111:role/BreakGlass";
const MALLORY: &str = "arn:aws:iam::111111111111:user/mallory";

/// The guardrail in place, and its policy.
async fn in_place(stand: &Stand) -> Result<(Value, String)> {
    let original = enforced(stand).await?;
    let id = original["id"].as_str().context("id")?.to_owned();
    Ok((original, id))
}

/// The sample with the organization's queue, and an hour between readings: what is found sooner was told.
async fn listening(stand: &Stand) -> Result<(Operator, Value, String)> {
    let operator = stand.operator().await?;
    let (original, id) = in_place(stand).await?;
    let queue = "    events: {queueUrl: \"https://sqs.us-east-1.amazonaws.com/111111111111/soc2-organization\", role: {arn: \"arn:aws:iam::111111111111:role/soc2-events\", externalId: acme-7}}\n    writeRole:";
    let organization = Stand::hasty_organization()?
        .replace("    writeRole:", queue)
        .replace("organizationInterval: 5s", "organizationInterval: 1h");
    let guardrails = format!("  guardrails: {{breakGlassPrincipals: [\"{BREAK_GLASS}\"]}}\n");
    stand.plane.apply_yaml(&format!("{}\n{guardrails}", organization.trim_end())).await?;
    let received = stand.condition("awsorg", "acme", "EventsReceived", "True", "Receiving").await?;
    ensure!(received["message"] == "1 queue is read", "{received}");
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    Ok((operator, original, id))
}

async fn detach(stand: &Stand, id: &str, target: &str, by: &str) -> Result<()> {
    let path = format!("/world/policies/{id}/detach?by={by}");
    stand.sandbox.post(&path, json!({"target": target})).await.map(drop)
}

async fn tag(stand: &Stand, id: &str, value: Value) -> Result<()> {
    stand.sandbox.post(&format!("/world/tags/{id}"), json!({HOLD: value})).await.map(drop)
}

/// Message of a condition.
fn message(condition: &Value) -> &str {
    condition["message"].as_str().unwrap_or_default()
}

/// Waits until a condition of the set is gone.
async fn gone(stand: &Stand, type_: &str) -> Result<()> {
    eventually(&format!("{type_} to go"), || async {
        match condition_of(&stand.get("grset", "leave-org").await?, type_) {
            Some(found) if found["status"] == "True" => bail!("{found}"),
            _ => Ok(()),
        }
    })
    .await
}

/// What events about an object say.
async fn notes(stand: &Stand, reason: &str) -> Result<String> {
    let text = stand.kubectl(&["get", "events", "-n", "default", "-o", "json"]).await?;
    let list: Value = serde_json::from_str(&text)?;
    let of_reason = list["items"].as_array().into_iter().flatten().filter(|event| event["reason"] == reason);
    Ok(of_reason
        .filter_map(|event| event["message"].as_str().or(event["note"].as_str()))
        .collect::<Vec<_>>()
        .join("\n"))
}

#[tokio::test]
async fn what_somebody_did_is_put_back_as_soon_as_an_event_tells_and_they_are_named() -> Result<()> {
    let stand = Stand::start().await?;
    let (operator, original, id) = listening(&stand).await?;
    detach(&stand, &id, &targets(&original)[0], MALLORY).await?;
    same_again(&stand, &original).await?;
    eventually("an event that names who did it", || async {
        let told = notes(&stand, "DriftDetected").await?;
        ensure!(told.contains(&format!("(DetachPolicy by {MALLORY} at ")), "{told}");
        Ok(())
    })
    .await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;

    // Its own calls are no news, and neither is what it cannot understand: nothing is read because of them.
    stand.sandbox.post(QUEUE, json!({"visibilityTimeoutSeconds": 2})).await?;
    let last = stand.sandbox.last_call().await?;
    for body in ["junk", "{}", r#"{"detail-type": "Other", "source": "x", "detail": {}}"#] {
        stand.sandbox.post(&format!("{QUEUE}/messages"), json!({"body": body})).await?;
    }
    eventually("the poison to be dead letters", || async {
        let dead = stand.sandbox.get("/world/queues/soc2-organization-dead").await?;
        let left = stand.sandbox.get(QUEUE).await?;
        ensure!(dead["visible"] == 3 && left["visible"] == 0 && left["inFlight"] == 0, "{dead} {left}");
        Ok(())
    })
    .await?;
    let poison = operator.metric("soc2_events_poison_total{organization=\"acme\",source=\"Organizations\"}").await?;
    ensure!((poison - 3.0).abs() < 0.1, "{poison} poison");
    let readings = stand.sandbox.calls(last, Some("ListPolicies")).await?.len();
    ensure!(readings == 0, "{readings} readings for nothing");

    // A new unit is read as soon.
    stand.sandbox.post("/world/organizational-units", json!({"path": "Workloads/New"})).await?;
    eventually("the unit to be counted", || async {
        let found = stand.get("awsorg", "acme").await?;
        ensure!(found["status"]["organizationalUnits"] == 7, "{:#}", found["status"]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_hold_tag_on_a_policy_or_above_its_target_stops_writes_until_it_is_gone() -> Result<()> {
    let stand = Stand::start().await?;
    let _operator = stand.operator().await?;
    let (original, id) = in_place(&stand).await?;
    let before = writes(&stand).await?.len();
    tag(&stand, &id, json!(at(3600))).await?;
    detach(&stand, &id, &targets(&original)[0], MALLORY).await?;
    let held = stand.condition("grset", "leave-org", "Held", "True", "HeldByTag").await?;
    ensure!(message(&held).contains(&format!("the tag {HOLD} of {id} stops every write there until")), "{held}");
    let in_sync = stand.condition("grset", "leave-org", "InSync", "False", "HeldByTag").await?;
    ensure!(message(&in_sync).contains("is not attached to organizational unit Workloads"), "{in_sync}");
    stand.condition("grset", "leave-org", "Ready", "True", "HeldByTag").await?;
    stand.event("leave-org", "HeldByTag").await?;
    ensure!(writes(&stand).await?.iter().filter(|event| event["actor"] != "outside").count() == before, "it wrote");
    tag(&stand, &id, Value::Null).await?;
    same_again(&stand, &original).await?;
    gone(&stand, "Held").await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;

    // Of the root; a time that is too far is cut.
    let state = stand.sandbox.get("/state").await?;
    let root = state["organization"]["rootId"].as_str().context("root")?.to_owned();
    tag(&stand, &root, json!("2099-01-01T00:00:00Z")).await?;
    let weak =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"organizations:Leave","Resource":"*"}]}"#;
    stand.sandbox.post(&format!("/world/policies/{id}"), json!({"content": weak})).await?;
    let held = stand.condition("grset", "leave-org", "Held", "True", "HeldByTag").await?;
    ensure!(message(&held).contains(&root) && message(&held).contains("at most 24h"), "{held}");
    let set = stand.get("grset", "leave-org").await?;
    let until: Timestamp = set["status"]["holds"][0]["until"].as_str().context("no hold on record")?.parse()?;
    let left = until.duration_since(Timestamp::now()).as_mins();
    ensure!((23 * 60..=24 * 60).contains(&left), "{left} minutes");
    tag(&stand, &root, Value::Null).await?;
    same_again(&stand, &original).await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;

    // What is no time holds nothing, and that is said.
    tag(&stand, &id, json!("tomorrow")).await?;
    detach(&stand, &id, &targets(&original)[0], MALLORY).await?;
    stand.event("leave-org", "HoldNotUnderstood").await?;
    eventually("it to be attached again", || async {
        let policy = stand.sandbox.policy(POLICY).await?.context("gone")?;
        ensure!(targets(&policy) == targets(&original), "{policy:#}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_a_break_glass_principal_changed_is_left_alone_also_over_a_restart() -> Result<()> {
    let stand = Stand::start().await?;
    let (operator, original, id) = listening(&stand).await?;
    let target = targets(&original)[0].clone();
    let before = writes(&stand).await?.len();
    detach(&stand, &id, &target, BREAK_GLASS).await?;
    let held = stand.condition("grset", "leave-org", "Held", "True", "BreakGlassDrift").await?;
    ensure!(message(&held).contains("arn:aws:sts::111111111111:assumed-role/BreakGlass/person"), "{held}");
    let set = stand.get("grset", "leave-org").await?;
    let until: Timestamp = set["status"]["holds"][0]["until"].as_str().context("no hold on record")?.parse()?;
    let left = until.duration_since(Timestamp::now()).as_mins();
    ensure!((3 * 60 + 50..=4 * 60).contains(&left), "{left} minutes");

    let last = stand.sandbox.last_call().await?;
    let _operator = operator.crash_and_restart().await?;
    eventually("the policies to be read again", || async {
        let calls = stand.sandbox.calls(last, Some("ListTargetsForPolicy")).await?;
        ensure!(!calls.is_empty(), "not yet");
        Ok(())
    })
    .await?;
    stand.kubectl(&["annotate", "--overwrite", "grset", "leave-org", "soc2-operator.dev/requestedAt=again"]).await?;
    eventually("the set to be looked at again", || async {
        let set = stand.get("grset", "leave-org").await?;
        ensure!(set["status"]["lastHandledReconcileAt"] == "again", "{:#}", set["status"]);
        Ok(())
    })
    .await?;
    stand.condition("grset", "leave-org", "Held", "True", "BreakGlassDrift").await?;
    ensure!(writes(&stand).await?.len() == before, "written: {:#?}", writes(&stand).await?);

    // Undone by whom it was done: nothing to hold any more, and what others do is put back.
    stand.sandbox.post(&format!("/world/policies/{id}/attach?by={BREAK_GLASS}"), json!({"target": target})).await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    gone(&stand, "Held").await?;
    detach(&stand, &id, &target, MALLORY).await?;
    same_again(&stand, &original).await.map(drop)
}

#[tokio::test]
async fn what_comes_back_five_times_is_left_alone_until_a_person_acts() -> Result<()> {
    let stand = Stand::start().await?;
    let (_operator, original, id) = listening(&stand).await?;
    let target = targets(&original)[0].clone();
    for round in 1..=5 {
        detach(&stand, &id, &target, MALLORY).await?;
        same_again(&stand, &original).await.with_context(|| format!("round {round}"))?;
        stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
        eventually("it to be counted", || async {
            let set = stand.get("grset", "leave-org").await?;
            let times = set["status"]["reverts"][0]["at"].as_array().map_or(0, Vec::len);
            ensure!(times == round, "{times} of {round}: {:#}", set["status"]);
            Ok(())
        })
        .await?;
    }
    let before = writes(&stand).await?.len();
    detach(&stand, &id, &target, MALLORY).await?;
    let fight = stand.condition("grset", "leave-org", "DriftFight", "True", "DriftFight").await?;
    ensure!(message(&fight).contains("deny-leave-org on "), "{fight}");
    // A reading may find it before the queue tells who it was.
    eventually("who it was to be said", || async {
        let set = stand.get("grset", "leave-org").await?;
        let fight = condition_of(&set, "DriftFight").context("it is over")?;
        ensure!(message(&fight).contains(MALLORY), "{fight}");
        Ok(())
    })
    .await?;
    stand.condition("grset", "leave-org", "Stalled", "True", "DriftFight").await?;
    stand.event("leave-org", "DriftFight").await?;
    ensure!(writes(&stand).await?.len() == before, "it wrote all the same");

    stand.kubectl(&["annotate", "--overwrite", "grset", "leave-org", "soc2-operator.dev/requestedAt=go-on"]).await?;
    same_again(&stand, &original).await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    gone(&stand, "DriftFight").await
}

/// Runs `soc2ctl release` as the administrator of the cluster; gives its exit code and what it printed.
async fn release(stand: &Stand, args: &[&str]) -> Result<(i32, String)> {
    let output = tokio::process::Command::new(binaries::find("soc2ctl", "SOC2CTL")?)
        .args([
            "release",
            "--org",
            "acme",
            "--baseline",
            "deny-leave-org",
            "--reason",
            "Accounts leave for the spin-off",
        ])
        .args(args)
        .env("KUBECONFIG", stand.plane.admin_kubeconfig())
        .stdin(Stdio::null())
        .output()
        .await?;
    let errors = String::from_utf8(output.stderr)?;
    let text = String::from_utf8(output.stdout)? + &errors;
    Ok((output.status.code().context("no exit code")?, text))
}

#[tokio::test]
async fn a_release_takes_the_guardrail_off_now_and_it_comes_back_at_the_end() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    let (original, _) = in_place(&stand).await?;
    // Others would be less protected: refused, and what would do is named.
    let (code, told) = release(&stand, &["--target", "Workloads/Prod", "--for", "1h"]).await?;
    ensure!(code == 1 && told.contains("not released: ") && told.contains("\"Workloads\""), "{code}: {told}");
    let (code, told) = release(&stand, &["--target", "Nowhere", "--for", "1h"]).await?;
    ensure!(code == 1 && told.contains("there is no organizational unit \"Nowhere\""), "{code}: {told}");
    let (code, told) = release(&stand, &["--target", "Workloads", "--for", "25h"]).await?;
    ensure!(code == 2 && told.contains("at most 24h"), "{code}: {told}");
    let (code, told) = release(&stand, &["--target", "Workloads", "--dry-run", "-o", "yaml"]).await?;
    ensure!(code == 0 && told.contains("kind: GuardrailRelease") && told.contains("releasedBy: "), "{code}: {told}");
    ensure!(targets(&stand.sandbox.policy(POLICY).await?.context("gone")?) == targets(&original), "it is off already");

    let (code, told) = release(&stand, &["--target", "Workloads", "--for", "45s"]).await?;
    ensure!(code == 0 && told.contains("detach deny-leave-org"), "{code}: {told}\n{}", operator.log());
    let policy = stand.sandbox.policy(POLICY).await?.context("deleted")?;
    ensure!(targets(&policy).is_empty(), "{policy:#}");
    let released = stand.condition("grset", "leave-org", "Released", "True", "Released").await?;
    ensure!(message(&released).contains("keeps deny-leave-org off"), "{released}");
    stand.condition("grset", "leave-org", "InSync", "False", "Released").await?;
    stand.event("leave-org", "Released").await?;
    let expiry = operator.metric("soc2_guardrail_release_expiry_timestamp_seconds{").await?;
    ensure!(expiry > 1.7e9, "{expiry}");
    let list = stand.kubectl(&["get", "grrel"]).await?;
    ensure!(list.contains("Active") && list.contains("Refused"), "{list}");

    same_again(&stand, &original).await?;
    gone(&stand, "Released").await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    stand.event("leave-org", "ReleaseEnded").await?;
    let set = stand.get("grset", "leave-org").await?;
    ensure!(set["status"]["baselines"][0]["driftReverted"] == 0, "a release is no drift: {:#}", set["status"]);
    eventually("the release to be over", || async {
        let list = stand.kubectl(&["get", "grrel"]).await?;
        ensure!(list.contains("Expired"), "{list}");
        Ok(())
    })
    .await?;

    // Deleting it ends it.
    let spec = json!({
        "organizationRef": {"name": "acme"}, "baseline": "*", "target": "Workloads", "releasedBy": "oncall@example.com",
        "reason": "Nothing deploys any more", "startsAt": at(0), "expiresAt": at(3600),
    });
    stand.plane.apply_yaml(&object("GuardrailRelease", "everything", spec)).await?;
    stand.condition("grrel", "everything", "Released", "True", "Released").await?;
    ensure!(targets(&stand.sandbox.policy(POLICY).await?.context("deleted")?).is_empty());
    let patch = r#"{"spec":{"target":"Sandbox"}}"#;
    let changed = stand.kubectl(&["patch", "grrel", "everything", "--type=merge", "-p", patch]).await;
    ensure!(changed.is_err_and(|error| error.to_string().contains("never changed")), "a release was changed");
    stand.kubectl(&["delete", "grrel", "everything"]).await?;
    same_again(&stand, &original).await.map(drop)
}

#[tokio::test]
async fn renamed_attached_elsewhere_and_switched_off_is_found_and_mended() -> Result<()> {
    let stand = Stand::start().await?;
    let _operator = stand.operator().await?;
    let (original, id) = in_place(&stand).await?;
    stand.sandbox.post(&format!("/world/policies/{id}"), json!({"name": "renamed"})).await?;
    same_again(&stand, &original).await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;

    // Where no set wants it: reported, and taken away only when all else is enforced and a person approved.
    stand.sandbox.post(&format!("/world/policies/{id}/attach"), json!({"target": "Sandbox"})).await?;
    let in_sync = stand.condition("grset", "leave-org", "InSync", "False", "Propagating").await?;
    ensure!(message(&in_sync).contains("which no set wants"), "{in_sync}");
    let sandbox = stand.sandbox.unit("Sandbox").await?;
    stand.sandbox.post(&format!("/world/policies/{id}/detach"), json!({"target": sandbox})).await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;

    // The type is switched off: everything is detached, and nothing can be attached.
    stand.sandbox.post("/world/policy-types", json!({"SERVICE_CONTROL_POLICY": false})).await?;
    stand.condition("grset", "leave-org", "Refused", "True", "ScpNotEnabled").await?;
    stand.sandbox.post("/world/policy-types", json!({"SERVICE_CONTROL_POLICY": true})).await?;
    same_again(&stand, &original).await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;

    // A unit that the targets take in is protected without asking.
    let both = r#"{"spec":{"targets":{"include":[{"organizationalUnit":{"path":"Workloads"}},{"organizationalUnit":{"path":"Later"}}]}}}"#;
    stand.kubectl(&["patch", "grset", "leave-org", "--type=merge", "-p", both]).await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    stand.sandbox.post("/world/organizational-units", json!({"path": "Later"})).await?;
    eventually("the new unit to have it", || async {
        let policy = stand.sandbox.policy(POLICY).await?.context("gone")?;
        ensure!(targets(&policy).contains(&stand.sandbox.unit("Later").await?), "{policy:#}");
        Ok(())
    })
    .await
}
