//! Waves of a guardrail set: the canaries first, a soak, a gate or a person, and a rollback.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use e2e::objects::{automatic_set, with};
use e2e::stand::Stand;
use e2e::{Operator, binaries, eventually};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::guardrail_changes::organization;
use crate::guardrails::{targets, writes};

const CANARY: &str = "363636363636";
pub(crate) const LEAVE: &str = "deny-leave-org";
pub(crate) const REGIONS: &str = "restrict-regions";

/// A set for Workloads, the canary unit first.
pub(crate) fn set(spec: &Value) -> String {
    let waves = json!([{"organizationalUnit": {"path": "Workloads/Prod/Canary"}}, {"rest": true}]);
    automatic_set("leave-org", with(json!({"rollout": {"waves": waves, "soak": "5s"}}), spec.clone()))
}

/// Regions of a set, with a gate on the files in a folder, or without waves.
fn regions(allowed: &[&str], trail: Option<&Path>) -> String {
    let baselines = json!([{"name": REGIONS, "parameters": {"allowedRegions": allowed}}]);
    match trail {
        None => set(&json!({"baselines": baselines, "rollout": null})),
        Some(trail) => set(&json!({"baselines": baselines, "rollout": gated(trail)})),
    }
}

pub(crate) fn gated(trail: &Path) -> Value {
    let source = json!({"cloudTrail": {"url": format!("file://{}", trail.display())}});
    json!({
        "waves": [{"accountIds": [CANARY]}, {"rest": true}], "soak": "5s",
        "gate": {"maxNewDenials": 0, "source": source},
    })
}

/// Where a trail has the files of the canary of a day.
pub(crate) fn folder_of(day: Timestamp) -> String {
    format!("AWSLogs/{CANARY}/CloudTrail/eu-west-1/{}", day.strftime("%Y/%m/%d"))
}

/// What a trail has of one call of the canary that failed as the error says.
pub(crate) fn recorded(now: Timestamp, call: (&str, &str), error: &str) -> Value {
    let role = format!("arn:aws:iam::{CANARY}:role/deployer");
    let mut event = json!({
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "eventSource": call.0, "eventName": call.1,
        "awsRegion": "ap-south-1", "eventType": "AwsApiCall",
        "userIdentity": {
            "type": "AssumedRole", "accountId": CANARY, "arn": format!("arn:aws:sts::{CANARY}:assumed-role/deployer/x"),
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role}},
        },
    });
    if !error.is_empty() {
        event["errorCode"] = json!("AccessDenied");
        event["errorMessage"] = json!(format!("User: {role} is not authorized to perform: {} with an {error}", call.1));
    }
    json!({"Records": [event]})
}

/// A file of a trail, with one call of the canary that failed as the error says.
fn record(trail: &Path, name: &str, call: (&str, &str), error: &str) -> Result<()> {
    let now = Timestamp::now();
    let folder = trail.join(folder_of(now));
    std::fs::create_dir_all(&folder)?;
    // As it comes to a bucket: whole.
    let draft = trail.join(format!("{name}.draft"));
    std::fs::write(&draft, recorded(now, call, error).to_string())?;
    Ok(std::fs::rename(draft, folder.join(format!("{name}.json")))?)
}

const DENIED: &str = "explicit deny in a service control policy";

pub(crate) fn trail(stand: &Stand) -> PathBuf {
    stand.dir.path().join("trail")
}

/// Runs `soc2ctl` as the cluster's administrator.
pub(crate) async fn soc2ctl(stand: &Stand, args: &[&str]) -> Result<(i32, String)> {
    let output = tokio::process::Command::new(binaries::find("soc2ctl", "SOC2CTL")?)
        .args(args)
        .env("KUBECONFIG", stand.plane.admin_kubeconfig())
        .stdin(Stdio::null())
        .output()
        .await?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok((output.status.code().context("no exit code")?, text))
}

/// The policies of a baseline as they really are.
pub(crate) async fn policies(stand: &Stand, baseline: &str) -> Result<Vec<Value>> {
    let found = stand.sandbox.get("/world/policies").await?;
    let list = found["policies"].as_array().cloned().unwrap_or_default();
    Ok(list.into_iter().filter(|policy| policy["tags"]["soc2-operator.dev/baseline"] == baseline).collect())
}

/// Waits until the policies of a baseline are attached to exactly these.
pub(crate) async fn attached(stand: &Stand, baseline: &str, places: &[&str]) -> Result<()> {
    let mut wanted = Vec::new();
    for place in places {
        wanted.push(if place.parse::<u64>().is_ok() { (*place).to_owned() } else { stand.sandbox.unit(place).await? });
    }
    wanted.sort();
    eventually(&format!("{baseline} on {places:?}"), || async {
        let found = policies(stand, baseline).await?;
        let mut found: Vec<String> = found.iter().flat_map(targets).collect();
        found.sort();
        ensure!(found == wanted, "{found:?} instead of {wanted:?}");
        Ok(())
    })
    .await
}

async fn status(stand: &Stand) -> Result<Value> {
    Ok(stand.get("grset", "leave-org").await?["status"].clone())
}

/// All policies as they really are.
pub(crate) async fn world(stand: &Stand) -> Result<Value> {
    Ok(stand.sandbox.get("/world/policies").await?["policies"].clone())
}

#[tokio::test]
async fn a_plan_is_written_wave_by_wave_after_a_soak_and_a_promotion() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization("0s")?).await?;
    stand.plane.apply_yaml(&set(&json!({"approval": "Manual"}))).await?;
    stand.condition("grset", "leave-org", "ApprovalPending", "True", "ApprovalRequired").await?;
    let hash = status(&stand).await?["plan"]["hash"].as_str().context("hash")?.to_owned();
    let reason = "Reviewed in the change meeting";

    let (code, text) = soc2ctl(&stand, &["approve", "leave-org", "--reason", reason]).await?;
    ensure!(code == 2 && text.contains("--yes") && text.contains(&hash), "nobody can be asked: {text}");
    let (code, text) =
        soc2ctl(&stand, &["approve", "leave-org", "--reason", reason, "--hash", "0000", "--yes"]).await?;
    ensure!(code == 2 && text.contains("--hash"), "{text}");
    let (code, yaml) =
        soc2ctl(&stand, &["approve", "leave-org", "--reason", reason, "--for", "8h", "--dry-run"]).await?;
    ensure!(code == 0 && yaml.contains("kind: GuardrailApproval") && yaml.contains("expiresAt"), "{yaml}");
    ensure!(stand.list("grapp").await?.is_empty() && writes(&stand).await?.is_empty(), "a dry run wrote");
    let (code, text) =
        soc2ctl(&stand, &["approve", "leave-org", "--reason", reason, "--ticket", "SEC-310", "--yes"]).await?;
    ensure!(code == 0 && text.contains("created"), "{text}");
    let by = stand.list("grapp").await?[0]["spec"]["approvedBy"].as_str().unwrap_or_default().to_owned();
    let me = stand.kubectl(&["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]).await?;
    ensure!(by == me && !by.is_empty(), "approved by {by}, and that is {me}");

    attached(&stand, LEAVE, &["Workloads/Prod/Canary"]).await?;
    let soaking = stand.condition("grset", "leave-org", "Soaking", "True", "Soaking").await?;
    ensure!(soaking["message"].as_str().unwrap_or_default().contains("wave 1 of 2"), "{soaking}");
    let waits = stand.condition("grset", "leave-org", "AwaitingPromotion", "True", "PersonPromotes").await?;
    let message = waits["message"].as_str().unwrap_or_default();
    ensure!(message.contains("soc2ctl approve leave-org --promote 2") && message.contains(&hash), "{message}");
    let rollout = status(&stand).await?["rollout"].clone();
    ensure!(rollout["wave"] == 1 && rollout["of"] == 2 && rollout["since"].is_string(), "{rollout:#}");
    attached(&stand, LEAVE, &["Workloads/Prod/Canary"]).await?;

    let (code, text) =
        soc2ctl(&stand, &["approve", "leave-org", "--reason", reason, "--promote", "3", "--yes"]).await?;
    ensure!(code == 2 && text.contains("2 waves"), "{text}");
    let (code, text) =
        soc2ctl(&stand, &["approve", "leave-org", "--reason", reason, "--promote", "2", "--yes"]).await?;
    ensure!(code == 0, "{text}");
    attached(&stand, LEAVE, &["Workloads"]).await.with_context(|| operator.log())?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    let done = status(&stand).await?;
    ensure!(done["rollout"].is_null() && done["applied"]["content"].is_string(), "{done:#}");
    let history = writes(&stand).await?;
    let at = |unit: String| -> Result<Timestamp> {
        let event = history.iter().find(|event| event["kind"] == "attach" && event["targetId"] == unit.as_str());
        event.and_then(|event| event["at"].as_str()).context("no attachment")?.parse().context("time")
    };
    let first = at(stand.sandbox.unit("Workloads/Prod/Canary").await?)?;
    let between = at(stand.sandbox.unit("Workloads").await?)?.duration_since(first);
    ensure!(between.as_secs() >= 5, "{between:#} of soak");
    Ok(())
}

#[tokio::test]
async fn a_gate_waits_for_records_and_lets_the_next_wave_begin() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization("0s")?).await?;
    stand.plane.apply_yaml(&set(&json!({"rollout": gated(&trail(&stand))}))).await?;
    let held = stand.condition("grset", "leave-org", "AwaitingPromotion", "True", "NoData").await;
    let held = held.with_context(|| operator.log())?;
    ensure!(held["message"].as_str().unwrap_or_default().contains("CloudTrail wrote no file"), "{held}");
    attached(&stand, LEAVE, &["Workloads/Prod/Canary"]).await?;
    // Another policy denied it, and it was not the canary that could not leave.
    record(&trail(&stand), "a", ("s3.amazonaws.com", "DeleteBucket"), DENIED)?;
    record(&trail(&stand), "b", ("organizations.amazonaws.com", "LeaveOrganization"), "")?;
    attached(&stand, LEAVE, &["Workloads"]).await.with_context(|| operator.log())?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    Ok(())
}

#[tokio::test]
async fn too_many_denials_roll_back_what_was_new_until_it_is_approved_again() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization("0s")?).await?;
    let before = world(&stand).await?;
    stand.plane.apply_yaml(&set(&json!({"rollout": gated(&trail(&stand))}))).await?;
    stand.condition("grset", "leave-org", "AwaitingPromotion", "True", "NoData").await?;
    record(&trail(&stand), "a", ("organizations.amazonaws.com", "LeaveOrganization"), DENIED)?;
    let back = stand.condition("grset", "leave-org", "RolledBack", "True", "GateFailed").await;
    let message = back.with_context(|| operator.log())?["message"].as_str().unwrap_or_default().to_owned();
    ensure!(message.contains("1 calls") && message.contains("organizations:LeaveOrganization"), "{message}");
    ensure!(message.contains("role/deployer") && message.contains(CANARY), "{message}");
    ensure!(world(&stand).await? == before, "AWS is as before");
    stand.event("leave-org", "RolledBack").await?;

    // A new process leaves it back; an approval of the same plan begins it again.
    let operator = operator.crash_and_restart().await?;
    stand.kubectl(&["annotate", "grset", "leave-org", "soc2-operator.dev/requestedAt=again"]).await?;
    eventually("the new process to look at it", || async {
        ensure!(status(&stand).await?["lastHandledReconcileAt"] == "again", "not yet");
        Ok(())
    })
    .await?;
    stand.condition("grset", "leave-org", "RolledBack", "True", "GateFailed").await?;
    ensure!(world(&stand).await? == before, "it stays back");
    let reason = "That call is to be denied";
    let (code, text) = soc2ctl(&stand, &["approve", "leave-org", "--reason", reason, "--yes"]).await?;
    ensure!(code == 0 && text.contains("rolled back at"), "{text}");
    attached(&stand, LEAVE, &["Workloads/Prod/Canary"]).await.with_context(|| operator.log())?;
    ensure!(status(&stand).await?["rollout"]["rolledBack"].is_null());
    Ok(())
}

#[tokio::test]
async fn a_changed_content_is_staged_and_a_crash_and_a_rollback_leave_the_old_one() -> Result<()> {
    let stand = Stand::start().await?;
    let mut operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization("0s")?).await?;
    stand.plane.apply_yaml(&regions(&["eu-west-1", "us-east-1", "eu-central-1"], None)).await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await.with_context(|| operator.log())?;
    stand.plane.apply_yaml(&regions(&["eu-west-1", "us-east-1", "eu-central-1"], Some(&trail(&stand)))).await?;
    eventually("the content to be kept", || async {
        let kept = status(&stand).await?["applied"]["content"].as_str().context("not yet")?.to_owned();
        let text = stand.kubectl(&["get", "configmap", &kept, "-n", "soc2-operator", "-o", "json"]).await?;
        ensure!(text.contains("eu-central-1"), "{text}");
        Ok(())
    })
    .await?;
    let before = world(&stand).await?;

    // Killed while it attaches what is staged.
    let fault = json!({"service": "organizations", "operation": "AttachPolicy", "kind": "cutAfter", "delayMs": 5_000});
    stand.sandbox.fault(fault).await?;
    let last = stand.sandbox.last_call().await?;
    stand.plane.apply_yaml(&regions(&["eu-west-1", "us-east-1"], Some(&trail(&stand)))).await?;
    eventually("the write to be under way", || async {
        ensure!(!stand.sandbox.calls(last, Some("AttachPolicy")).await?.is_empty(), "no AttachPolicy yet");
        Ok(())
    })
    .await?;
    operator.kill()?;
    stand.sandbox.no_faults().await?;
    let operator = Operator::start(operator.options.clone()).await?;
    stand
        .condition("grset", "leave-org", "AwaitingPromotion", "True", "NoData")
        .await
        .with_context(|| operator.log())?;
    attached(&stand, REGIONS, &["Workloads", "Workloads/Prod/Canary"]).await?;
    let both = policies(&stand, REGIONS).await?;
    ensure!(both.len() == 2, "the old one and the staged one: {both:#?}");
    let staged = |policy: &&Value| policy["tags"]["soc2-operator.dev/staged"].is_string();
    let staged = both.iter().find(staged).context("none is staged")?;
    ensure!(!staged["content"].to_string().contains("eu-central-1"), "{staged:#}");
    let in_sync = stand.condition("grset", "leave-org", "InSync", "False", "").await?;
    let message = in_sync["message"].as_str().unwrap_or_default();
    ensure!(message.contains("is staged beside") && !message.contains("second policy"), "{message}");

    record(&trail(&stand), "a", ("ec2.amazonaws.com", "RunInstances"), DENIED)?;
    // In a Region that was denied before: that is nothing new.
    eventually("another reading", || async {
        ensure!(status(&stand).await?["plan"].is_null(), "{:#}", status(&stand).await?["conditions"]);
        Ok(())
    })
    .await?;
    attached(&stand, REGIONS, &["Workloads"]).await?;
    let after = policies(&stand, REGIONS).await?;
    ensure!(after.len() == 1 && !after[0]["content"].to_string().contains("eu-central-1"), "{after:#?}");

    // One of these taken away: the canary complains.
    ensure!(world(&stand).await? != before, "the change is in place");
    let before = world(&stand).await?;
    stand.plane.apply_yaml(&regions(&["us-east-1"], Some(&trail(&stand)))).await?;
    stand.condition("grset", "leave-org", "AwaitingPromotion", "True", "NoData").await?;
    denied_in(&trail(&stand), "eu-west-1", "c")?;
    stand.condition("grset", "leave-org", "RolledBack", "True", "GateFailed").await.with_context(|| operator.log())?;
    ensure!(world(&stand).await? == before, "AWS is as before");
    Ok(())
}

/// The same call in another Region, in a file of this name.
pub(crate) fn denied_in(trail: &Path, region: &str, name: &str) -> Result<()> {
    record(trail, "b", ("ec2.amazonaws.com", "RunInstances"), DENIED)?;
    let day = Timestamp::now().strftime("%Y/%m/%d").to_string();
    let file = trail.join(format!("AWSLogs/{CANARY}/CloudTrail/eu-west-1/{day}/b.json"));
    let text = std::fs::read_to_string(&file)?.replace("ap-south-1", region);
    let draft = trail.join(format!("{name}.draft"));
    std::fs::write(&draft, text)?;
    Ok(std::fs::rename(draft, file.with_file_name(format!("{name}.json")))?)
}

#[tokio::test]
async fn a_crash_in_a_wave_repeats_it_and_skips_no_soak() -> Result<()> {
    let stand = Stand::start().await?;
    let mut operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization("0s")?).await?;
    let fault = json!({"service": "organizations", "operation": "AttachPolicy", "kind": "timeout", "delayMs": 5_000});
    stand.sandbox.fault(fault).await?;
    stand.plane.apply_yaml(&set(&json!({}))).await?;
    eventually("the write to be under way", || async {
        ensure!(!stand.sandbox.calls(0, Some("AttachPolicy")).await?.is_empty(), "no AttachPolicy yet");
        Ok(())
    })
    .await?;
    operator.kill()?;
    stand.sandbox.no_faults().await?;
    let operator = Operator::start(operator.options.clone()).await?;
    stand.condition("grset", "leave-org", "Soaking", "True", "Soaking").await.with_context(|| operator.log())?;
    stand.condition("grset", "leave-org", "AwaitingPromotion", "True", "PersonPromotes").await?;
    attached(&stand, LEAVE, &["Workloads/Prod/Canary"]).await?;
    ensure!(policies(&stand, LEAVE).await?.len() == 1, "one policy");
    Ok(())
}

#[tokio::test]
async fn a_wave_without_an_account_is_refused_and_people_steer_sets() -> Result<()> {
    let stand = Stand::start().await?;
    let _operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization("0s")?).await?;
    let waves = json!([{"organizationalUnit": {"path": "Workloads/Staging"}}, {"rest": true}]);
    stand.plane.apply_yaml(&set(&json!({"rollout": {"waves": waves, "soak": "5s"}}))).await?;
    let refused = stand.condition("grset", "leave-org", "Refused", "True", "WaveEmpty").await?;
    let message = refused["message"].as_str().unwrap_or_default();
    ensure!(message.contains("wave 1 of 2") && message.contains("Workloads/Staging"), "{message}");
    ensure!(writes(&stand).await?.is_empty(), "written all the same");

    let (code, text) = soc2ctl(&stand, &["suspend", "grset/leave-org"]).await?;
    ensure!(code == 0 && stand.get("grset", "leave-org").await?["spec"]["suspend"] == true, "{text}");
    let (code, text) = soc2ctl(&stand, &["reconcile", "grset/leave-org", "--timeout", "1s"]).await?;
    ensure!(code == 1 && text.contains("suspended"), "{text}");
    let (code, text) = soc2ctl(&stand, &["resume", "GuardrailSet/leave-org"]).await?;
    ensure!(code == 0, "{text}");
    let (code, text) = soc2ctl(&stand, &["reconcile", "grset/leave-org"]).await?;
    ensure!(code == 0 && text.contains("was looked at"), "{text}");
    let (code, text) = soc2ctl(&stand, &["suspend", "cexc/x"]).await?;
    ensure!(code == 2 && text.contains("awsorg, cprof and grset"), "{text}");
    Ok(())
}
