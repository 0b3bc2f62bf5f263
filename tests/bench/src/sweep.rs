//! A full sweep of many findings: as fast as it goes, and at AWS's limits and latency.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use e2e::wait::within;
use e2e::{Operator, Stand};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::Figures;

/// `BENCH_FINDINGS` (100,000) findings of 400 accounts, first without limits, then with AWS's limits and 800 ms latency.
///
/// # Errors
/// When a part does not come up.
pub fn run(out: &mut Figures<'_>) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(measure(out))
}

async fn measure(out: &mut Figures<'_>) -> Result<()> {
    let findings = std::env::var("BENCH_FINDINGS").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let world = tempfile::NamedTempFile::with_suffix(".yaml")?;
    std::fs::write(world.path(), world_file(400, findings)?)?;

    let found = sweep(&world, &["--no-limits"], 100).await?;
    let seconds = found.seconds;
    out("sweep_findings", found.findings, "findings");
    out("sweep_time", seconds, "s");
    out("sweep_rate", found.findings / seconds, "findings/s");
    out("sweep_to_posture", found.to_posture, "s");
    out("sweep_assess_time", found.assess, "s");
    out("sweep_resident_memory", found.resident / 1e6, "MB");
    out("sweep_memory_per_finding", (found.resident - found.resident_before) / found.findings, "bytes");

    let found = sweep(&world, &["--latency-ms", "800"], 2).await?;
    out("limited_sweep_time", found.seconds, "s");
    out("limited_sweep_requests", found.requests, "requests");
    out("limited_sweep_share_of_permitted_rate", 100.0 * found.rate / 2.0, "%");
    out("limited_sweep_throttled", found.throttled, "requests");
    Ok(())
}

struct Found {
    findings: f64,
    seconds: f64,
    requests: f64,
    throttled: f64,
    /// `GetFindings` calls a second, increments that fell due meanwhile included, as the sandbox saw them arrive.
    rate: f64,
    to_posture: f64,
    assess: f64,
    resident_before: f64,
    resident: f64,
}

async fn sweep(world: &tempfile::NamedTempFile, flags: &[&str], per_second: u32) -> Result<Found> {
    let stand = Stand::start_world(world.path().to_path_buf(), flags).await?;
    let operator = stand.operator().await?;
    operator.ready().await?;
    let resident_before = operator.metric("process_resident_memory_bytes ").await?;
    let started = Instant::now();
    for object in objects(per_second) {
        stand.plane.apply_yaml(&object.to_string()).await?;
    }
    let patience = std::time::Duration::from_mins(30);
    let hub = within(patience, "the full sweep", || async {
        let object = stand.get("awsorg", "bench").await?;
        let hub = object["status"]["securityHub"][0].clone();
        if hub["lastFullSweep"]["completedAt"].is_string() { Ok(hub) } else { bail!("{hub}") }
    })
    .await?;
    within(patience, "the posture", || async {
        let object = stand.get("cprof", "bench").await?;
        let checks = &object["status"]["checks"];
        if object["status"]["targets"]["accounts"] == 400 && checks["passed"].as_u64() > Some(0) {
            Ok(())
        } else {
            bail!("{checks}")
        }
    })
    .await?;
    let to_posture = started.elapsed().as_secs_f64();
    Ok(Found {
        findings: number(&hub["findings"]),
        seconds: swept_in(&hub)?,
        requests: number(&hub["lastFullSweep"]["requests"]),
        throttled: throttled(&operator).await?,
        rate: rate(&stand, &hub).await?,
        to_posture,
        assess: mean_reconcile(&operator).await?,
        resident_before,
        resident: operator.metric("process_resident_memory_bytes ").await?,
    })
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}

fn swept_in(hub: &Value) -> Result<f64> {
    let time = |field: &str| -> Result<Timestamp> {
        hub["lastFullSweep"][field].as_str().context("no time")?.parse().context("time")
    };
    // Whole seconds in a status; a sweep of less than one counts as one.
    Ok(time("completedAt")?.duration_since(time("startedAt")?).as_secs_f64().max(1.0))
}

/// `GetFindings` calls a second from the first to the last of the sweep.
async fn rate(stand: &Stand, hub: &Value) -> Result<f64> {
    let end: Timestamp = hub["lastFullSweep"]["completedAt"].as_str().context("no time")?.parse().context("time")?;
    let calls = stand.sandbox.calls(0, Some("GetFindings")).await?;
    let times: Vec<Timestamp> = calls
        .iter()
        .filter_map(|call| call["at"].as_str()?.parse::<Timestamp>().ok())
        .filter(|at| at.as_second() <= end.as_second())
        .collect();
    let (first, last) = (times.iter().min().context("no call")?, times.iter().max().context("no call")?);
    Ok((times.len() - 1) as f64 / last.duration_since(*first).as_secs_f64().max(1e-3))
}

async fn throttled(operator: &Operator) -> Result<f64> {
    let page = operator.metrics().await?;
    let lines = page.lines().filter(|line| line.starts_with("soc2_aws_throttled_total{"));
    Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}

/// Mean time of a profile's reconcile: assessing and reporting.
async fn mean_reconcile(operator: &Operator) -> Result<f64> {
    let sum = operator.metric("soc2_reconcile_duration_seconds_sum{kind=\"ComplianceProfile\"}").await?;
    let count = operator.metric("soc2_reconcile_duration_seconds_count{kind=\"ComplianceProfile\"}").await?;
    Ok(sum / count.max(1.0))
}

/// An organization and a profile of all its workloads.
pub(crate) fn objects(per_second: u32) -> [Value; 2] {
    let object = |kind: &str, spec: Value| json!({"apiVersion": "soc2-operator.dev/v1alpha1", "kind": kind, "metadata": {"name": "bench"}, "spec": spec});
    [
        object(
            "AwsOrganization",
            json!({
                "organizations": {"role": {"arn": "arn:aws:iam::111111111111:role/soc2-read", "externalId": "acme-7"}},
                "securityHub": [{"name": "main", "homeRegion": "eu-west-1",
                    "role": {"arn": "arn:aws:iam::222222222222:role/soc2-read", "externalId": "acme-7"}}],
                "limits": {"getFindingsPerSecond": per_second},
            }),
        ),
        object(
            "ComplianceProfile",
            json!({
                "organizationRef": {"name": "bench"},
                "targets": {"include": [{"organizationalUnit": {"path": "Workloads"}}]},
            }),
        ),
    ]
}

/// The demo's world with generated accounts, and its findings made up anew.
pub(crate) fn world_file(accounts: u32, findings: u32) -> Result<String> {
    let mut world: serde_yaml::Value = serde_yaml::from_str(&e2e::binaries::read("tests/sandbox/worlds/demo.yaml")?)?;
    world["accounts"] = serde_yaml::from_str(
        "[{id: 111111111111, name: management, path: /, joinedAt: 900d ago, invited: true}, {id: 222222222222, name: security, path: Security, joinedAt: 890d ago}]",
    )?;
    world["generate"] =
        serde_yaml::from_str(&format!("{{accounts: {accounts}, paths: [Workloads/Prod, Workloads/Dev]}}"))?;
    world["securityHub"] = serde_yaml::from_str(&format!(
        "administrator: 222222222222
aggregator: {{homeRegion: eu-west-1, linkingMode: NO_REGIONS}}
regions:
  eu-west-1: {{standards: [FSBP, CIS5]}}
generate:
- {{seed: 1, regions: [eu-west-1], failing: 0.07, count: {findings}, updatedWithin: 12h}}
"
    ))?;
    Ok(serde_yaml::to_string(&world)?)
}
