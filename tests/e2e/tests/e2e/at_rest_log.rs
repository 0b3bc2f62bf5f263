//! An hour of quiet running is a screen of log: nothing for what changed nothing, at most one line for a full sweep.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::objects::{attestation, exception, object};
use e2e::stand::Stand;
use e2e::{Operator, eventually};
use serde_json::json;

/// Lines of a screen.
const SCREEN: f64 = 40.0;
/// The quiet time that is looked at.
const QUIET: Duration = Duration::from_secs(40);

/// How often something was done so far, by the operator's own count.
async fn count(operator: &Operator, series: &str) -> Result<f64> {
    let page = operator.metrics().await?;
    let values = page.lines().filter(|line| line.starts_with(series)).filter_map(|line| line.rsplit(' ').next());
    Ok(values.filter_map(|value| value.parse::<f64>().ok()).sum())
}

#[tokio::test]
async fn an_hour_of_quiet_running_is_a_screen_of_log() -> Result<()> {
    let stand = Stand::start().await?;
    // A full sweep is due as soon as the last one is over: three or so in the quiet time.
    let organization = Stand::hasty_organization()?.replace("fullSweepInterval: 10m", "fullSweepInterval: 10s");
    stand.plane.apply_yaml(&organization).await?;
    for name in ["profile", "guardrails"] {
        stand.apply_file(&format!("docs/samples/{name}.yaml")).await?;
    }
    let catalog = json!({"extends": "soc2", "controls": [{"id": "S3.2", "severity": "Low"}]});
    for yaml in [
        exception("soc2-operator/bucket", "S3.2", "333333333333", json!({})),
        attestation("soc2-operator/review", json!({"activities": ["access-review"]})),
        object("ControlCatalog", "soc2-acme", catalog),
    ] {
        stand.plane.apply_yaml(&yaml).await?;
    }
    let operator = stand.operator().await?;
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;
    stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    stand.settled_postures().await?;

    let (log, calls) = (operator.log().len(), stand.sandbox.last_call().await?);
    let reconciles = count(&operator, "soc2_reconcile_total").await?;
    tokio::time::sleep(QUIET).await;
    let log = operator.log().get(log..).unwrap_or_default().to_owned();
    let calls = stand.sandbox.calls(calls, None).await?;
    let made = |operation: &str| calls.iter().filter(|call| call["operation"] == operation).count();
    let surveys = made("DescribeOrganization");
    ensure!(surveys >= 4, "{surveys} readings of the organization in the quiet time");
    ensure!(count(&operator, "soc2_reconcile_total").await? > reconciles, "nothing was reconciled in the quiet time");

    let (sweeps, others): (Vec<&str>, Vec<&str>) =
        log.lines().partition(|line| line.contains("full sweep is complete"));
    ensure!(others.is_empty(), "said though nothing changed: {others:#?}");
    ensure!((1..=4).contains(&sweeps.len()), "one line for each full sweep of a Region: {sweeps:#?}");
    // Of an organization that reads 17 Regions on their own, each swept every 12 hours as they are unless somebody asks for more.
    let hour = others.len() as f64 * 3600.0 / QUIET.as_secs_f64() + 17.0 / 12.0;
    ensure!(hour <= SCREEN, "{hour} lines an hour");
    Ok(())
}

#[tokio::test]
async fn an_api_server_that_is_away_for_a_while_is_some_lines() -> Result<()> {
    let stand = Stand::start().await?;
    stand.apply_samples().await?;
    let operator = stand.operator().await?;
    stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    stand.settled_postures().await?;
    let log = operator.log().len();
    stand.plane.kill_apiserver()?;
    tokio::time::sleep(Duration::from_secs(20)).await;
    stand.plane.restart_apiserver().await?;
    eventually("the Lease to be renewed", || async {
        ensure!(operator.metric("soc2_leader").await? > 0.5, "it does not lead");
        Ok(())
    })
    .await?;
    let log = operator.log().get(log..).unwrap_or_default().to_owned();
    ensure!(log.lines().count() <= 12, "{log}");
    Ok(())
}
