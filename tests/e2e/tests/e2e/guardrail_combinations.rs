//! Holds, releases, waves, variants and shared policies at the same time.

use anyhow::{Context, Result, ensure};
use e2e::eventually;
use e2e::objects::{at, automatic_set, object};
use e2e::promise::{Before, denied};
use e2e::stand::{Stand, condition_of};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::crash_shapes::organization;
use crate::guardrail_changes::approve;
use crate::guardrail_rollouts::{LEAVE, REGIONS, attached, denied_in, gated, policies, set, soc2ctl, trail, world};
use crate::guardrails::{content, targets, writes};

const SET: &str = "leave-org";
const HOLD: &str = "soc2-operator.dev/hold";
const OTHER: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:CreateUser","Resource":"*"}]}"#;

fn release(name: &str, baseline: &str, target: &str) -> String {
    let spec = json!({
        "organizationRef": {"name": "acme"}, "baseline": baseline, "target": target, "releasedBy": "oncall@example.com",
        "reason": "Nothing deploys any more", "startsAt": at(-1), "expiresAt": at(3600),
    });
    object("GuardrailRelease", name, spec)
}

async fn tag(stand: &Stand, id: &str, value: Value) -> Result<()> {
    stand.sandbox.post(&format!("/world/tags/{id}"), json!({HOLD: value})).await.map(drop)
}

async fn hold_writes(stand: &Stand, hold: bool) -> Result<()> {
    let patch = json!({"spec": {"guardrails": {"holdWrites": hold}}}).to_string();
    stand.kubectl(&["patch", "awsorg", "acme", "--type=merge", "-p", &patch]).await.map(drop)
}

fn message(condition: &Value) -> &str {
    condition["message"].as_str().unwrap_or_default()
}

/// Waits until a set has nothing released, and all of it is in place.
async fn whole(stand: &Stand, name: &str) -> Result<()> {
    stand.condition("grset", name, "InSync", "True", "InSync").await?;
    eventually(&format!("nothing of {name} to be released"), || async {
        let released = condition_of(&stand.get("grset", name).await?, "Released");
        ensure!(released.is_none(), "{released:?}");
        Ok(())
    })
    .await
}

/// Has the operator look at the set once more.
async fn looked_at(stand: &Stand, token: &str) -> Result<()> {
    let annotation = format!("soc2-operator.dev/requestedAt={token}");
    stand.kubectl(&["annotate", "--overwrite", "grset", SET, &annotation]).await?;
    eventually("the set to be looked at", || async {
        ensure!(stand.get("grset", SET).await?["status"]["lastHandledReconcileAt"] == token, "not yet");
        Ok(())
    })
    .await
}

async fn promote(stand: &Stand) -> Result<()> {
    let (code, text) =
        soc2ctl(stand, &["approve", SET, "--reason", "The canary is fine", "--promote", "2", "--yes"]).await?;
    ensure!(code == 0, "{text}");
    Ok(())
}

#[tokio::test]
async fn holds_stop_a_rollout_where_it_is_and_it_goes_on_after_them() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization("0s", "first")).await?;
    stand.plane.apply_yaml(&set(&json!({}))).await?;
    stand.condition("grset", SET, "AwaitingPromotion", "True", "PersonPromotes").await?;
    let before = writes(&stand).await?.len();

    // Promoted while everything is held, then while a tag holds the rest's unit.
    hold_writes(&stand, true).await?;
    promote(&stand).await?;
    let held = stand.condition("grset", SET, "Held", "True", "HoldWrites").await.with_context(|| operator.log())?;
    ensure!(message(&held).contains("spec.guardrails.holdWrites"), "{held}");
    let workloads = stand.sandbox.unit("Workloads").await?;
    tag(&stand, &workloads, json!(at(3600))).await?;
    hold_writes(&stand, false).await?;
    let held = stand.condition("grset", SET, "Held", "True", "HeldByTag").await.with_context(|| operator.log())?;
    ensure!(message(&held).contains(&workloads), "{held}");
    looked_at(&stand, "held").await?;
    ensure!(writes(&stand).await?.len() == before, "it wrote: {:#?}", writes(&stand).await?);
    attached(&stand, LEAVE, &["Workloads/Prod/Canary"]).await?;
    let rollout = stand.get("grset", SET).await?["status"]["rollout"].clone();
    ensure!(rollout["wave"] == 2, "the wave that is held: {rollout}");

    tag(&stand, &workloads, Value::Null).await?;
    attached(&stand, LEAVE, &["Workloads"]).await.with_context(|| operator.log())?;
    stand.condition("grset", SET, "InSync", "True", "InSync").await?;
    Ok(())
}

#[tokio::test]
async fn a_hold_stops_a_rollback_too_until_it_is_gone() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization("0s", "first")).await?;
    let regions = |allowed: &[&str], rollout: Value| {
        let baselines = json!([{"name": REGIONS, "parameters": {"allowedRegions": allowed}}]);
        set(&json!({"baselines": baselines, "rollout": rollout}))
    };
    stand.plane.apply_yaml(&regions(&["eu-west-1", "us-east-1"], Value::Null)).await?;
    stand.condition("grset", SET, "InSync", "True", "InSync").await.with_context(|| operator.log())?;
    stand.plane.apply_yaml(&regions(&["eu-west-1", "us-east-1"], gated(&trail(&stand)))).await?;
    eventually("the content to be kept", || async {
        let kept = stand.get("grset", SET).await?["status"]["applied"]["content"].clone();
        ensure!(kept.is_string(), "not yet");
        Ok(())
    })
    .await?;
    let before = world(&stand).await?;
    stand.plane.apply_yaml(&regions(&["eu-west-1"], gated(&trail(&stand)))).await?;
    stand.condition("grset", SET, "AwaitingPromotion", "True", "NoData").await.with_context(|| operator.log())?;

    let canary = stand.sandbox.unit("Workloads/Prod/Canary").await?;
    tag(&stand, &canary, json!(at(3600))).await?;
    denied_in(&trail(&stand), "us-east-1", "c")?;
    stand.condition("grset", SET, "RolledBack", "True", "GateFailed").await.with_context(|| operator.log())?;
    let held = stand.condition("grset", SET, "Held", "True", "HeldByTag").await?;
    ensure!(message(&held).contains(&canary), "{held}");
    ensure!(policies(&stand, REGIONS).await?.len() == 2, "what was staged is still there");
    tag(&stand, &canary, Value::Null).await?;
    eventually("AWS to be as before", || async {
        ensure!(world(&stand).await? == before, "{:#}", world(&stand).await?);
        Ok(())
    })
    .await
    .with_context(|| operator.log())?;
    stand.condition("grset", SET, "RolledBack", "True", "GateFailed").await?;
    Ok(())
}

#[tokio::test]
async fn a_release_in_a_wave_stops_the_waves_and_its_end_begins_the_soak_anew() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization("0s", "first")).await?;
    stand.plane.apply_yaml(&set(&json!({}))).await?;
    stand.condition("grset", SET, "AwaitingPromotion", "True", "PersonPromotes").await?;
    stand.plane.apply_yaml(&release("night", LEAVE, "Workloads/Prod/Canary")).await?;
    stand.condition("grrel", "night", "Released", "True", "Released").await.with_context(|| operator.log())?;
    attached(&stand, LEAVE, &[]).await?;
    let released = stand.condition("grset", SET, "Released", "True", "Released").await?;
    ensure!(message(&released).contains("keeps deny-leave-org off"), "{released}");

    // Promoted meanwhile: what is off at the canary was not tried, and goes to nobody else.
    promote(&stand).await?;
    looked_at(&stand, "released").await?;
    attached(&stand, LEAVE, &[]).await?;
    let set = stand.get("grset", SET).await?;
    ensure!(set["status"]["rollout"]["wave"] == 1 && set["status"]["rollout"]["since"].is_null(), "{set:#}");

    stand.kubectl(&["delete", "grrel", "night"]).await?;
    attached(&stand, LEAVE, &["Workloads"]).await.with_context(|| operator.log())?;
    whole(&stand, SET).await?;
    let (canary, workloads) =
        (stand.sandbox.unit("Workloads/Prod/Canary").await?, stand.sandbox.unit("Workloads").await?);
    let history = writes(&stand).await?;
    let last = |unit: &str| -> Result<Timestamp> {
        let of_unit = |event: &&Value| event["kind"] == "attach" && event["targetId"] == unit;
        let event = history.iter().rev().find(of_unit).context("no attachment")?;
        event["at"].as_str().context("at")?.parse().context("time")
    };
    let soaked = last(&workloads)?.duration_since(last(&canary)?);
    ensure!(soaked.as_secs() >= 5, "{soaked:#} of soak after the release");
    Ok(())
}

#[tokio::test]
async fn a_release_takes_off_every_variant_and_all_of_them_come_back() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization("0s", "first")).await?;
    let free = denied(&stand.sandbox, 5).await?;
    let regions = |name: &str, allowed: &[&str]| {
        let baselines = json!([{"name": REGIONS, "parameters": {"allowedRegions": allowed}}]);
        automatic_set(name, json!({"baselines": baselines}))
    };
    stand.plane.apply_yaml(&regions("one", &["eu-west-1", "us-east-1"])).await?;
    stand.condition("grset", "one", "InSync", "True", "InSync").await.with_context(|| operator.log())?;
    stand.plane.apply_yaml(&regions("two", &["eu-west-1", "us-west-2"])).await?;
    for name in ["one", "two"] {
        stand.condition("grset", name, "InSync", "True", "InSync").await.with_context(|| operator.log())?;
    }
    let before = world(&stand).await?;

    stand.plane.apply_yaml(&release("night", REGIONS, "Workloads")).await?;
    stand.condition("grrel", "night", "Released", "True", "Released").await.with_context(|| operator.log())?;
    for name in ["one", "two"] {
        stand.condition("grset", name, "Released", "True", "Released").await?;
        let in_sync = stand.condition("grset", name, "InSync", "False", "Released").await?;
        ensure!(message(&in_sync).contains("because it is released"), "{name}: {in_sync}");
    }
    ensure!(denied(&stand.sandbox, 5).await? == free, "somebody is still held to Regions");

    stand.kubectl(&["delete", "grrel", "night"]).await?;
    for name in ["one", "two"] {
        whole(&stand, name).await.with_context(|| operator.log())?;
        stand.event(name, "ReleaseEnded").await?;
    }
    ensure!(world(&stand).await? == before, "{:#}", world(&stand).await?);
    Ok(())
}

/// The guardrails' policies: key, content and units of each.
async fn ours(stand: &Stand) -> Result<Vec<(String, String, Vec<String>)>> {
    let all = world(stand).await?;
    let ours = all.as_array().into_iter().flatten().filter_map(|policy| {
        let key = policy["tags"]["soc2-operator.dev/baseline"].as_str()?.to_owned();
        Some((key, content(policy).to_string(), targets(policy)))
    });
    Ok(ours.collect())
}

async fn fill(stand: &Stand, unit: &str, until: usize) -> Result<()> {
    for number in stand.sandbox.attached(unit).await?..until {
        let policy = json!({"name": format!("foreign-{unit}-{number}"), "content": OTHER, "attach": [unit]});
        stand.sandbox.post("/world/policies", policy).await?;
    }
    Ok(())
}

/// Two guardrails in one policy on these units, because slots are short; gives it.
async fn shared(stand: &Stand, paths: &[&str]) -> Result<Vec<(String, String, Vec<String>)>> {
    let mut units = Vec::new();
    for path in paths {
        fill(stand, &stand.sandbox.unit(path).await?, 8).await?;
        units.push(json!({"organizationalUnit": {"path": path}}));
    }
    stand.plane.apply_yaml(&organization("4s", "first")).await?;
    let both = json!([{"name": "deny-leave-org"}, {"name": "deny-root"}]);
    let spec = json!({"baselines": both, "targets": {"include": units}});
    stand.plane.apply_yaml(&automatic_set(SET, spec)).await?;
    stand.condition("grset", SET, "InSync", "True", "InSync").await?;
    let before = ours(stand).await?;
    ensure!(before.len() == 1 && before[0].0 == "pack/leave-org/1" && before[0].2.len() == paths.len(), "{before:#?}");
    Ok(before)
}

#[tokio::test]
async fn one_guardrail_of_a_shared_policy_is_released_at_once_where_the_policy_is_nowhere_else() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    let before = shared(&stand, &["Workloads"]).await.with_context(|| operator.log())?;
    stand.plane.apply_yaml(&release("night", LEAVE, "Workloads")).await?;
    stand.condition("grrel", "night", "Released", "True", "Released").await.with_context(|| operator.log())?;
    let during = ours(&stand).await?;
    ensure!(during.len() == 1 && during[0].2 == before[0].2, "{during:#?}");
    ensure!(!during[0].1.contains("LeaveOrganization") && during[0].1.contains(":root"), "{during:#?}");
    let in_sync = stand.condition("grset", SET, "InSync", "False", "Released").await?;
    ensure!(message(&in_sync).contains("because it is released"), "{in_sync}");
    looked_at(&stand, "released").await?;
    ensure!(ours(&stand).await? == during, "it was put back");
    stand.kubectl(&["delete", "grrel", "night"]).await?;
    whole(&stand, SET).await.with_context(|| operator.log())?;
    ensure!(ours(&stand).await? == before, "{:#?}", ours(&stand).await?);
    let baselines = stand.get("grset", SET).await?["status"]["baselines"].clone();
    ensure!(
        baselines.as_array().into_iter().flatten().all(|one| one["driftReverted"] == 0),
        "{baselines:#} {}",
        operator.log()
    );
    Ok(())
}

#[tokio::test]
async fn where_a_shared_policy_is_elsewhere_too_the_others_have_one_of_their_own_first() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    let before = shared(&stand, &["Workloads", "Sandbox"]).await.with_context(|| operator.log())?;
    let sandbox = stand.sandbox.unit("Sandbox").await?;
    let promise = Before::of(&stand.sandbox).await?;
    stand.plane.apply_yaml(&release("dawn", LEAVE, "Sandbox")).await?;
    let parting = stand.condition("grrel", "dawn", "Ready", "False", "Parting").await?;
    ensure!(message(&parting).contains("surely enforced") && message(&parting).contains("\"*\""), "{parting}");
    stand.condition("grrel", "dawn", "Released", "True", "Released").await.with_context(|| operator.log())?;
    let during = ours(&stand).await?;
    let stand_in = during.iter().find(|one| one.0.ends_with("/deny-leave-org")).context("nothing stands in")?;
    ensure!(during.len() == 2 && stand_in.2 == [sandbox], "{during:#?}");
    ensure!(!stand_in.1.contains("LeaveOrganization") && stand_in.1.contains(":root"), "{during:#?}");
    looked_at(&stand, "parted").await?;
    ensure!(ours(&stand).await? == during, "{:#?}", ours(&stand).await?);
    ensure!(promise.kept(&stand.sandbox).await? == 3, "create, attach and detach");

    stand.kubectl(&["delete", "grrel", "dawn"]).await?;
    eventually("it to be as before", || async {
        let found = ours(&stand).await?;
        ensure!(found == before, "{found:#?}");
        Ok(())
    })
    .await
    .with_context(|| operator.log())?;
    whole(&stand, SET).await
}

#[tokio::test]
async fn what_is_attached_above_an_account_is_not_released_and_what_to_do_is_said_and_works() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization("0s", "first")).await?;
    stand.plane.apply_yaml(&automatic_set(SET, json!({}))).await?;
    stand.condition("grset", SET, "InSync", "True", "InSync").await?;
    let account = stand.sandbox.account("payments-prod").await?;
    stand.plane.apply_yaml(&release("night", LEAVE, &account)).await?;
    let refused = stand.condition("grrel", "night", "Stalled", "True", "CannotRelease").await?;
    for part in [
        "deny-leave-org is attached to organizational unit Workloads",
        "it would be off 8 accounts",
        "with the target \"Workloads\"",
        &format!("for {account} alone, add it to spec.targets.exclude"),
    ] {
        ensure!(message(&refused).contains(part), "no {part} in: {refused}");
    }
    // What it says for the account alone.
    let without = json!({"targets": {
        "include": [{"organizationalUnit": {"path": "Workloads"}}], "exclude": [{"accountIds": [account]}],
    }});
    let before = Before::of(&stand.sandbox).await?;
    stand.plane.apply_yaml(&automatic_set(SET, without)).await?;
    stand.condition("grset", SET, "ApprovalPending", "True", "Weakens").await.with_context(|| operator.log())?;
    let hash = stand.get("grset", SET).await?["status"]["plan"]["hash"].as_str().context("hash")?.to_owned();
    approve(&stand, "without-it", &hash).await?;
    stand.condition("grset", SET, "InSync", "True", "InSync").await.with_context(|| operator.log())?;
    before.kept(&stand.sandbox).await?;
    let left = denied(&stand.sandbox, 0).await?;
    ensure!(left.len() == 7 && !left.contains(&account), "{left:?}");
    Ok(())
}
