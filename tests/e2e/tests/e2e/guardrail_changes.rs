//! Changes of guardrail sets: who has to approve what, in which order it is written, and when.

use anyhow::{Context, Result, ensure};
use e2e::objects::guardrail_set;
use e2e::stand::Stand;
use e2e::{Operator, eventually};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::guardrails::{POLICY, targets, writes};

/// The sample's set with other fields.
fn set(spec: &Value) -> String {
    guardrail_set("leave-org", spec.clone())
}

/// The organization with what is enforced soon.
pub(crate) fn organization(propagation: &str) -> Result<String> {
    let sample = Stand::hasty_organization()?;
    let guardrails = sample.contains("\n  guardrails:");
    ensure!(!guardrails, "the sample has guardrails now: merge them here");
    Ok(format!("{}\n  guardrails: {{propagationDelay: {propagation}}}\n", sample.trim_end()))
}

/// Approves the plan of a set as its status has it.
pub(crate) async fn approve(stand: &Stand, name: &str, hash: &str) -> Result<()> {
    let object = json!({
        "apiVersion": "soc2-operator.dev/v1alpha1", "kind": "GuardrailApproval", "metadata": {"name": name},
        "spec": {
            "guardrailSetRef": {"name": "leave-org"}, "planHash": hash, "approvedBy": "security-team@example.com",
            "reason": "Reviewed in the change meeting",
        },
    });
    stand.plane.apply_yaml(&object.to_string()).await.map(drop)
}

/// Since when the plan waits.
async fn waiting_since(operator: &Operator) -> Result<f64> {
    operator.metric("soc2_guardrail_plan_pending_timestamp_seconds{").await
}

async fn hash(stand: &Stand) -> Result<String> {
    let set = stand.get("grset", "leave-org").await?;
    Ok(set["status"]["plan"]["hash"].as_str().context("no plan")?.to_owned())
}

async fn units(stand: &Stand, paths: &[&str]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for path in paths {
        found.push(stand.sandbox.unit(path).await?);
    }
    found.sort();
    Ok(found)
}

async fn attached_to(stand: &Stand, paths: &[&str]) -> Result<()> {
    let wanted = units(stand, paths).await?;
    eventually("the policy to be where it is wanted", || async {
        let policy = stand.sandbox.policy(POLICY).await?.context("no policy")?;
        let mut found = targets(&policy);
        found.sort();
        ensure!(found == wanted, "{found:?} instead of {wanted:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn nothing_is_written_before_the_plan_of_this_hash_is_approved() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization("0s")?).await?;
    stand.plane.apply_yaml(&set(&json!({}))).await?;
    let pending = stand.condition("grset", "leave-org", "ApprovalPending", "True", "ApprovalRequired").await?;
    let planned = hash(&stand).await?;
    let message = pending["message"].as_str().unwrap_or_default();
    ensure!(message.contains(&planned), "the hash to approve is not in: {message}");

    // What has to be decided about can be read in full.
    let config_map = async || -> Result<String> {
        stand.kubectl(&["get", "configmap", "-n", "soc2-operator", "-o", "jsonpath={.items[*].data.plan\\.json}"]).await
    };
    let name = stand.get("grset", "leave-org").await?["status"]["plan"]["body"].as_str().context("no body")?.to_owned();
    let body = stand.kubectl(&["get", "configmap", "-n", "soc2-operator", &name, "-o", "name"]).await?;
    ensure!(body.contains(&name), "{body}");
    let plan = config_map().await?;
    ensure!(plan.contains(&planned) && plan.contains("organizations:LeaveOrganization"), "{plan}");

    let since = waiting_since(&operator).await?;
    ensure!(since > 1.7e9, "since when the plan waits: {since}");
    // Of another plan.
    approve(&stand, "stale", &"0".repeat(64)).await?;
    stand.condition("grapp", "stale", "Ready", "False", "Stale").await?;
    eventually("the set to name the stale approval", || async {
        let set = stand.get("grset", "leave-org").await?;
        ensure!(set["status"].to_string().contains("GuardrailApproval stale is for plan 000000000000"), "{set:#}");
        Ok(())
    })
    .await?;
    ensure!(writes(&stand).await?.is_empty(), "written without an approval");

    approve(&stand, "good", &planned).await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    eventually("nothing to wait any more", || async {
        ensure!(waiting_since(&operator).await.is_err(), "it still waits");
        Ok(())
    })
    .await?;
    eventually("the plan to be kept no more", || async {
        let left = config_map().await?;
        ensure!(left.is_empty(), "{left}");
        Ok(())
    })
    .await?;
    stand.condition("grapp", "good", "Ready", "True", "Current").await?;
    let table = stand.kubectl(&["get", "grapp"]).await?;
    ensure!(table.contains("Stale") && table.contains("Current") && table.contains("security-team"), "{table}");

    // What was approved is put back without asking again, and an approval cannot be changed.
    let policy = stand.sandbox.policy(POLICY).await?.context("no policy")?;
    let id = policy["id"].as_str().context("id")?.to_owned();
    stand.sandbox.post(&format!("/world/policies/{id}/detach"), json!({"target": targets(&policy)[0]})).await?;
    attached_to(&stand, &["Workloads"]).await?;
    let patch = r#"{"spec":{"approvedBy":"somebody@example.com"}}"#;
    let refused = stand.kubectl(&["patch", "grapp", "good", "--type=merge", "-p", patch]).await;
    let error = refused.err().context("an approval was changed")?.to_string();
    ensure!(error.contains("never changed"), "{error}");
    Ok(())
}

#[tokio::test]
async fn narrower_targets_wait_for_a_person_also_when_automatic() -> Result<()> {
    let stand = Stand::start().await?;
    let _operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization("0s")?).await?;
    let both = json!({"include": [{"organizationalUnit": {"path": "Workloads"}}, {"organizationalUnit": {"path": "Sandbox"}}]});
    let automatic = json!({"approval": "Automatic", "maxAffectedAccounts": "20"});
    let mut wide = automatic.clone();
    wide["targets"] = both;
    stand.plane.apply_yaml(&set(&wide)).await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    attached_to(&stand, &["Workloads", "Sandbox"]).await?;

    stand.plane.apply_yaml(&set(&automatic)).await?;
    let pending = stand.condition("grset", "leave-org", "ApprovalPending", "True", "Weakens").await?;
    ensure!(pending["message"].as_str().unwrap_or_default().contains("detach deny-leave-org"), "{pending}");
    let status = stand.get("grset", "leave-org").await?["status"].clone();
    ensure!(status["plan"]["weakens"] == true && status["plan"]["detach"] == 1, "{status:#}");
    attached_to(&stand, &["Workloads", "Sandbox"]).await?;
    let alone = stand.kubectl(&["get", "grset", "leave-org"]).await?;
    ensure!(alone.contains("False"), "not in sync: {alone}");

    approve(&stand, "narrow", &hash(&stand).await?).await?;
    attached_to(&stand, &["Workloads"]).await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    Ok(())
}

#[tokio::test]
async fn a_policy_that_moves_up_is_never_missing_in_between() -> Result<()> {
    let stand = Stand::start().await?;
    let _operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization("6s")?).await?;
    let mut narrow = json!({"approval": "Automatic", "maxAffectedAccounts": "20"});
    let wide = narrow.clone();
    narrow["targets"] = json!({"include": [{"organizationalUnit": {"path": "Workloads/Prod"}}]});
    stand.plane.apply_yaml(&set(&narrow)).await?;
    attached_to(&stand, &["Workloads/Prod"]).await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;

    stand.plane.apply_yaml(&set(&wide)).await?;
    stand.condition("grset", "leave-org", "Propagating", "True", "Propagating").await?;
    attached_to(&stand, &["Workloads", "Workloads/Prod"]).await?;
    attached_to(&stand, &["Workloads"]).await?;
    let history = writes(&stand).await?;
    let at = |kind: &str, unit: &str| -> Result<Timestamp> {
        let event = history.iter().rev().find(|event| event["kind"] == kind && event["targetId"] == unit);
        event
            .and_then(|event| event["at"].as_str())
            .with_context(|| format!("no {kind} of {unit}"))?
            .parse()
            .context("time")
    };
    let (workloads, prod) = (stand.sandbox.unit("Workloads").await?, stand.sandbox.unit("Workloads/Prod").await?);
    let between = at("detach", &prod)?.duration_since(at("attach", &workloads)?);
    ensure!(between.as_secs() >= 6, "{between:#} between adding and taking away");
    Ok(())
}

#[tokio::test]
async fn modes_limits_and_windows_hold_a_change_back() -> Result<()> {
    let stand = Stand::start().await?;
    let _operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization("0s")?).await?;
    stand.plane.apply_yaml(&set(&json!({"mode": "Plan"}))).await?;
    stand.condition("grset", "leave-org", "Planned", "True", "ModePlan").await?;
    eventually("the organization to show the plan", || async {
        let organization = stand.get("awsorg", "acme").await?;
        let plan = &organization["status"]["plans"][0];
        ensure!(plan["set"] == "leave-org" && plan["steps"] == 2, "{:#}", organization["status"]);
        ensure!(plan["hash"] == hash(&stand).await?.as_str(), "{plan}");
        Ok(())
    })
    .await?;
    // Eight accounts, and without approval five.
    stand.plane.apply_yaml(&set(&json!({"approval": "Automatic"}))).await?;
    let pending = stand.condition("grset", "leave-org", "ApprovalPending", "True", "TooManyAccounts").await?;
    let message = pending["message"].as_str().unwrap_or_default();
    ensure!(message.contains("8 accounts") && message.contains("at most 5"), "{message}");

    let open = json!({"approval": "Automatic", "maxAffectedAccounts": "20"});
    let with = |schedule: &str, zone: &str| {
        let mut spec = open.clone();
        spec["window"] = json!({"schedule": schedule, "duration": "1m", "timeZone": zone});
        set(&spec)
    };
    // The thirtieth of February, and a place that is not there.
    stand.plane.apply_yaml(&with("0 0 30 2 *", "UTC")).await?;
    let ready = stand.condition("grset", "leave-org", "Ready", "False", "InvalidWindow").await?;
    ensure!(ready["message"].as_str().unwrap_or_default().contains("never comes"), "{ready}");
    stand.plane.apply_yaml(&with("0 0 * * *", "Europe/Atlantis")).await?;
    eventually("the time zone to be named", || async {
        let set = stand.get("grset", "leave-org").await?;
        ensure!(set["status"].to_string().contains("spec.window.timeZone"), "{set:#}");
        Ok(())
    })
    .await?;
    // In half a year.
    let far = Timestamp::now() + jiff::SignedDuration::from_hours(24 * 180);
    let schedule = format!("0 0 1 {} *", far.strftime("%-m"));
    stand.plane.apply_yaml(&with(&schedule, "UTC")).await?;
    let waiting = stand.condition("grset", "leave-org", "WaitingForWindow", "True", "WindowClosed").await?;
    ensure!(waiting["message"].as_str().unwrap_or_default().contains("opens at 20"), "{waiting}");
    ensure!(writes(&stand).await?.is_empty(), "written although it was held back");

    stand.plane.apply_yaml(&with("* * * * *", "UTC")).await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    Ok(())
}
