//! The largest world that is promised: how long it takes, what it weighs in the operator and in etcd.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use controlplane::ControlPlane;
use e2e::wait::within;
use e2e::{Operator, Stand};
use serde_json::{Value, json};

use crate::Figures;

/// Nothing here takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_hours(2);

/// `BENCH_ACCOUNTS` (10,000) accounts with `BENCH_SCALE_FINDINGS` (5,000,000) findings of two standards, ids of 150
/// characters, 7 % failing: a sweep without AWS's limits, every posture written, and a restart. Takes half an hour.
///
/// # Errors
/// When a part does not come up.
pub fn run(out: &mut Figures<'_>) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(measure(out))
}

async fn measure(out: &mut Figures<'_>) -> Result<()> {
    let (accounts, findings) = (setting("BENCH_ACCOUNTS", 10_000), setting("BENCH_SCALE_FINDINGS", 5_000_000));
    let world = tempfile::NamedTempFile::with_suffix(".yaml")?;
    std::fs::write(world.path(), world_file(accounts, findings)?)?;
    let stand = Stand::start_world(world.path().to_path_buf(), &["--no-limits"]).await?;
    let options = stand.operator_options().with_flags(&["--posture-writes-per-second", "500"]);
    let operator = Operator::start(options).await?;
    operator.ready().await?;
    let etcd_before = etcd_size(&stand.plane).await?;
    let started = Instant::now();
    for object in objects() {
        stand.plane.apply_yaml(&object.to_string()).await?;
    }
    let hub = within(PATIENCE, "the full sweep", || async {
        let object = stand.get("awsorg", "bench").await?;
        let hubs = object["status"]["securityHub"].as_array().cloned().unwrap_or_default();
        let hub = hubs.into_iter().find(|hub| hub["lastFullSweep"]["completedAt"].is_string());
        hub.with_context(|| object["status"]["securityHub"].to_string())
    })
    .await?;
    out("scale_findings", number(&hub["findings"]), "findings");
    out("scale_sweep_to_complete", started.elapsed().as_secs_f64(), "s");
    postures(&stand, accounts).await?;
    out("scale_all_postures_written", started.elapsed().as_secs_f64(), "s");
    out("scale_peak_resident", peak_resident(operator.pid())?, "MB");
    out("scale_profile_bytes", object_bytes(&stand, "cprof").await?, "bytes");
    out("scale_organization_bytes", object_bytes(&stand, "awsorg").await?, "bytes");
    out("scale_etcd_growth", (etcd_size(&stand.plane).await? - etcd_before) / 1e6, "MB");
    let scraped = Instant::now();
    let page = operator.metrics().await?;
    out("scale_scrape_time", scraped.elapsed().as_secs_f64(), "s");
    out("scale_scrape_series", page.lines().filter(|line| !line.starts_with('#')).count() as f64, "series");
    restart(&stand, operator, out).await
}

/// A restart with its checkpoint: until everything is assessed again, and what it writes.
async fn restart(stand: &Stand, operator: Operator, out: &mut Figures<'_>) -> Result<()> {
    let options = operator.terminate().await?;
    let audited = crate::quiet::writes(stand)?;
    let started = Instant::now();
    let operator = Operator::start(options).await?;
    within(PATIENCE, "the metrics after the restart", || async {
        ensure!(operator.metrics().await?.contains("soc2_profile_checks{"), "not assessed yet");
        Ok(())
    })
    .await?;
    out("scale_restart_to_metrics", started.elapsed().as_secs_f64(), "s");
    out("scale_restart_peak_resident", peak_resident(operator.pid())?, "MB");
    let posture_writes = crate::quiet::writes(stand)? - audited;
    out("scale_restart_writes", posture_writes as f64, "writes");
    Ok(())
}

/// Waits until every account has its posture.
async fn postures(stand: &Stand, accounts: u64) -> Result<()> {
    within(PATIENCE, "every posture", || async {
        // A page of one, which says how many more there are.
        let list = stand.kubectl(&["get", "--raw", "/apis/soc2-operator.dev/v1alpha1/accountpostures?limit=1"]).await?;
        let list: Value = serde_json::from_str(&list)?;
        let found = 1 + list["metadata"]["remainingItemCount"].as_u64().unwrap_or_default();
        ensure!(found >= accounts, "{found} of {accounts}");
        Ok(())
    })
    .await
}

/// Bytes of the largest object of a kind, as JSON.
async fn object_bytes(stand: &Stand, kind: &str) -> Result<f64> {
    let objects = stand.list(kind).await?;
    Ok(objects.iter().map(|object| object.to_string().len()).max().unwrap_or_default() as f64)
}

/// Most memory that a process ever had resident, in megabytes.
pub(crate) fn peak_resident(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status"))?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("VmHWM")?;
    let kilobytes: f64 = line.split_whitespace().nth(1).context("VmHWM")?.parse()?;
    Ok(kilobytes * 1024.0 / 1e6)
}

/// Bytes of etcd's data after compacting its history.
async fn etcd_size(plane: &ControlPlane) -> Result<f64> {
    let (http, url) = (reqwest::Client::new(), plane.etcd_url());
    let call = |path: &str, body: Value| http.post(format!("{url}/v3/{path}")).json(&body).send();
    let range: Value = call("kv/range", json!({"key": "AA==", "limit": 1})).await?.json().await?;
    let revision = &range["header"]["revision"];
    call("kv/compaction", json!({"revision": revision, "physical": true})).await?.error_for_status()?;
    call("maintenance/defragment", json!({})).await?.error_for_status()?;
    let status: Value = call("maintenance/status", json!({})).await?.json().await?;
    status["dbSize"].as_str().context("dbSize")?.parse().context("dbSize")
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}

pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

pub(crate) fn objects() -> [Value; 2] {
    let mut objects = crate::sweep::objects(100);
    objects[1]["spec"]["targets"] = json!({});
    objects
}

/// The demo's organization with generated accounts, two standards in two Regions.
pub(crate) fn world_file(accounts: u64, findings: u64) -> Result<String> {
    let mut world: serde_yaml::Value = serde_yaml::from_str(&e2e::binaries::read("tests/sandbox/worlds/demo.yaml")?)?;
    world["accounts"] = serde_yaml::from_str(
        "[{id: 111111111111, name: management, path: /, joinedAt: 900d ago, invited: true}, {id: 222222222222, name: security, path: Security, joinedAt: 890d ago}]",
    )?;
    let generated = accounts.saturating_sub(2);
    world["generate"] = serde_yaml::from_str(&format!(
        "{{accounts: {generated}, paths: [Workloads/Prod, Workloads/Dev], tags: {{env: [prod, dev]}}}}"
    ))?;
    world["securityHub"] = serde_yaml::from_str(&format!(
        "administrator: 222222222222
aggregator: {{homeRegion: eu-west-1, linkingMode: SPECIFIED_REGIONS, regions: [us-east-1]}}
regions:
  eu-west-1: {{standards: [FSBP, CIS5]}}
  us-east-1: {{standards: [FSBP, CIS5]}}
generate:
- {{seed: 1, failing: 0.07, count: {findings}, updatedWithin: 12h, idLength: 150, resourceIdLength: 80, resourceGroups: 2}}
"
    ))?;
    Ok(serde_yaml::to_string(&world)?)
}
