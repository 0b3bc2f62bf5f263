//! The main loop: declared, read, assessed, reported, and every change followed.

use anyhow::{Context, Result, bail, ensure};
use e2e::eventually;
use e2e::stand::{Stand, condition_of};
use serde_json::{Value, json};

fn control<'a>(posture: &'a Value, id: &str) -> Option<&'a Value> {
    posture["controls"].as_array()?.iter().find(|control| control["id"] == id)
}

#[tokio::test]
async fn findings_become_posture_and_follow_every_change() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    stand.apply_samples().await?;
    stand.condition("awsorg", "acme", "OrganizationRead", "True", "Read").await?;
    stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;
    let account = stand.sandbox.account("payments-prod").await?;
    let name = format!("production-{account}");

    // A control fails: it is Failed, with its resource, and the profile is not compliant.
    stand.sandbox.set_finding(&account, "eu-west-1", "S3.2", "FAILED").await?;
    let posture = eventually("S3.2 to fail", || async {
        let posture = stand.get("apos", &name).await?;
        if control(&posture, "S3.2").is_some_and(|found| found["state"] == "Failed") {
            Ok(posture)
        } else {
            bail!("{posture:#}")
        }
    })
    .await?;
    let found = control(&posture, "S3.2").context("S3.2")?;
    ensure!(found["reason"] == "FindingsFailed" && found["since"].is_string(), "{found:#}");
    ensure!(found["resources"]["sample"].as_str().is_some_and(|arn| arn.starts_with("arn:aws:s3")), "{found:#}");
    ensure!(posture["metadata"]["labels"]["soc2-operator.dev/compliant"] == "false");
    stand.condition("cprof", "production", "Compliant", "False", "ControlsFailing").await?;
    let series = format!("soc2_account_checks{{profile=\"production\",account_id=\"{account}\",state=\"Failed\"}}");
    ensure!(operator.metric(&series).await? >= 1.0);

    // It passes again: the row goes, and with it nothing else.
    stand.sandbox.set_finding(&account, "eu-west-1", "S3.2", "PASSED").await?;
    eventually("S3.2 to pass", || async {
        let posture = stand.get("apos", &name).await?;
        let passed = posture["passed"].as_array().is_some_and(|ids| ids.iter().any(|id| id == "S3.2"));
        if passed { Ok(()) } else { bail!("{posture:#}") }
    })
    .await?;

    // Suppressed in Security Hub is not passed. It does not move UpdatedAt: the poll finds it.
    let body = json!({"account": account, "region": "eu-west-1", "control": "S3.2", "workflow": "SUPPRESSED"});
    stand.sandbox.post("/world/findings/set", body).await?;
    eventually("S3.2 to be unknown", || async {
        let posture = stand.get("apos", &name).await?;
        let groups = posture["unknown"].as_array().cloned().unwrap_or_default();
        let suppressed = groups.iter().any(|group| {
            group["reason"] == "Suppressed"
                && group["controls"].as_array().is_some_and(|ids| ids.iter().any(|id| id == "S3.2"))
        });
        if suppressed { Ok(()) } else { bail!("{posture:#}") }
    })
    .await?;
    Ok(())
}

/// Events, but for what the API server says of its own Service, when its etcd was restarted as it began.
async fn events(stand: &Stand) -> Result<Vec<Value>> {
    let events = stand.kubectl(&["get", "events", "-n", "default", "-o", "json"]).await?;
    let events: Value = serde_json::from_str(&events)?;
    let by_others = |event: &&Value| event["reportingComponent"] != "ipallocator-repair-controller";
    Ok(events["items"].as_array().into_iter().flatten().filter(by_others).cloned().collect())
}

#[tokio::test]
async fn the_tables_and_events_and_metrics_are_what_a_person_expects() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    operator.ready().await?;
    stand.plane.apply_yaml(&Stand::hasty_organization()?).await?;
    stand.apply_file("docs/samples/profile.yaml").await?;
    stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;
    let events = events(&stand).await?;
    ensure!(events.is_empty(), "an event at the first assessment: {events:#?}");
    stand.apply_file("docs/samples/guardrails.yaml").await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    let table = stand.kubectl(&["get", "cprof"]).await?;
    let header = table.lines().next().unwrap_or_default();
    for column in ["NAME", "ORGANIZATION", "ACCOUNTS", "COMPLIANT", "PASSED", "FAILED", "UNKNOWN", "WAIVED", "ASSESSED"]
    {
        ensure!(header.contains(column), "no column {column}: {header}");
    }
    stand.event("leave-org", "Applied").await?;
    stand.event("production", "Protected").await?;
    let page = operator.metrics().await?;
    for name in [
        "soc2_profile_checks{",
        "soc2_profile_compliance_ratio{",
        "soc2_profile_accounts{",
        "soc2_organization_accounts{",
        "soc2_criterion_accounts{",
        "soc2_control_accounts{",
        "soc2_account_checks{",
        "soc2_account_info{",
        "soc2_data_timestamp_seconds{",
        "soc2_findings{",
        "soc2_guardrail_in_sync{",
        "soc2_scp_slots_used{",
        "soc2_resource_condition{",
        "soc2_aws_requests_total{",
        "soc2_aws_request_duration_seconds_bucket{",
        "soc2_reconcile_total{",
        "soc2_leader 1",
        "soc2_build_info{",
        "process_resident_memory_bytes ",
    ] {
        ensure!(page.contains(name), "no {name} in\n{page}");
    }
    ensure!(page.ends_with("# EOF\n"), "not OpenMetrics");

    // A series goes with its object.
    stand.kubectl(&["delete", "cprof", "baseline"]).await?;
    eventually("the series of the profile to go", || async {
        let page = operator.metrics().await?;
        ensure!(!page.contains("profile=\"baseline\""), "still there");
        Ok(())
    })
    .await?;
    let log = operator.log();
    ensure!(!log.contains("AKIA") && !log.contains("not-checked-by-the-sandbox"), "a credential in the log");
    operator.terminate().await?;
    Ok(())
}

#[tokio::test]
async fn a_person_can_ask_for_a_reconcile_and_suspend_it() -> Result<()> {
    let stand = Stand::start().await?;
    let _operator = stand.operator().await?;
    stand.apply_samples().await?;
    stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;
    stand.kubectl(&["annotate", "cprof", "production", "soc2-operator.dev/requestedAt=now-1"]).await?;
    stand.kubectl(&["annotate", "awsorg", "acme", "soc2-operator.dev/requestedAt=now-2"]).await?;
    for (kind, name, token) in [("cprof", "production", "now-1"), ("awsorg", "acme", "now-2")] {
        eventually("the token to be echoed", || async {
            let object = stand.get(kind, name).await?;
            ensure!(object["status"]["lastHandledReconcileAt"] == token, "{:#}", object["status"]);
            Ok(())
        })
        .await?;
    }
    // Suspended: AWS is left alone, what was published stands.
    stand.kubectl(&["patch", "awsorg", "acme", "--type=merge", "-p", r#"{"spec":{"suspend":true}}"#]).await?;
    eventually("the calls to stop", || async {
        let last = stand.sandbox.last_call().await?;
        // Two intervals of the sample without a call.
        tokio::time::sleep(std::time::Duration::from_secs(11)).await;
        ensure!(stand.sandbox.last_call().await? == last, "still calling");
        Ok(())
    })
    .await?;
    let before = stand.get("cprof", "production").await?;
    let account = stand.sandbox.account("payments-prod").await?;
    stand.sandbox.set_finding(&account, "eu-west-1", "S3.2", "PASSED").await?;
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    let after = stand.get("cprof", "production").await?;
    ensure!(before["status"]["checks"] == after["status"]["checks"], "assessed anew while suspended");
    ensure!(condition_of(&before, "Compliant") == condition_of(&after, "Compliant"));
    Ok(())
}
