//! From an event in the queue to the changed metric.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use e2e::{Operator, Stand};
use serde_json::{Value, json};

use crate::Figures;
use crate::sweep::world_file;

/// Accounts of the world, and findings in it.
const ACCOUNTS: u32 = 400;
const FINDINGS: u32 = 100_000;
/// How often the metrics page is asked. Part of what is measured.
const ASK: Duration = Duration::from_millis(10);
/// What is measured must be over by then; increments are an hour apart.
const PATIENCE: Duration = Duration::from_mins(1);

/// `BENCH_EVENTS` (200) events one by one, first at rest, then while others arrive all the time.
///
/// # Errors
/// When a part does not come up.
pub fn run(out: &mut Figures<'_>) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(measure(out))
}

async fn measure(out: &mut Figures<'_>) -> Result<()> {
    let events = std::env::var("BENCH_EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    let world = tempfile::NamedTempFile::with_suffix(".yaml")?;
    std::fs::write(world.path(), world_file(ACCOUNTS, FINDINGS)?)?;
    let stand = Stand::start_world(world.path().to_path_buf(), &["--no-limits"]).await?;
    let operator = stand.operator().await?;
    for object in objects() {
        stand.plane.apply_yaml(&object.to_string()).await?;
    }
    for (kind, type_) in [("awsorg", "FindingsComplete"), ("awsorg", "EventsReceived"), ("cprof", "Ready")] {
        stand.condition(kind, "bench", type_, "True", "").await?;
    }
    let quiet = latencies(&stand, &operator, events).await?;
    out("events_measured", quiet.len() as f64, "events");
    out("events_p50", percentile(&quiet, 50), "s");
    out("events_p99", percentile(&quiet, 99), "s");

    let noise = tokio::spawn(noise(stand.sandbox.control.clone()));
    let busy = latencies(&stand, &operator, events).await;
    noise.abort();
    let busy = busy?;
    out("events_busy_p50", percentile(&busy, 50), "s");
    out("events_busy_p99", percentile(&busy, 99), "s");
    Ok(())
}

/// Seconds from each change of a finding, which puts its event into the queue, to the metric that shows it.
async fn latencies(stand: &Stand, operator: &Operator, events: usize) -> Result<Vec<f64>> {
    let account = "300000000007";
    let series = format!("soc2_account_checks{{profile=\"bench\",account_id=\"{account}\",state=\"Failed\"}}");
    let failed = |page: &str| {
        let line = page.lines().find(|line| line.starts_with(&series));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).unwrap_or(0.0)
    };
    set(&stand.sandbox, account, "PASSED").await?;
    let mut before = settled(operator, &failed).await?;
    let mut latencies = Vec::with_capacity(events);
    for event in 0..events {
        let (status, by) = if event % 2 == 0 { ("FAILED", 1.0) } else { ("PASSED", -1.0) };
        let began = Instant::now();
        set(&stand.sandbox, account, status).await?;
        let expected: f64 = before + by;
        loop {
            let found = failed(&operator.metrics().await?);
            if (found - expected).abs() < 0.5 {
                break;
            }
            ensure!(began.elapsed() < PATIENCE, "event {event}: {found} checks fail instead of {expected}");
            tokio::time::sleep(ASK).await;
        }
        latencies.push(began.elapsed().as_secs_f64());
        before = expected;
        // Not in step with anything that the operator does at intervals.
        tokio::time::sleep(Duration::from_millis(37 * (event as u64 % 17))).await;
    }
    Ok(latencies)
}

/// The number once it has stood still for two seconds.
async fn settled(operator: &Operator, number: impl Fn(&str) -> f64) -> Result<f64> {
    let began = Instant::now();
    let mut last = number(&operator.metrics().await?);
    while began.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let now = number(&operator.metrics().await?);
        if (now - last).abs() < 0.5 {
            return Ok(now);
        }
        last = now;
    }
    bail!("the metric does not stand still")
}

async fn set(sandbox: &e2e::Sandbox, account: &str, status: &str) -> Result<Value> {
    sandbox.post("/world/findings/set", json!({"account": account, "control": "IAM.4", "status": status})).await
}

/// Some twenty changes a second in other accounts.
async fn noise(control: String) -> Result<()> {
    let http = reqwest::Client::new();
    for n in 0_u64.. {
        let (account, status) = (300_000_000_020 + n % 300, if n / 300 % 2 == 0 { "FAILED" } else { "PASSED" });
        let body = json!({"account": account.to_string(), "control": "IAM.4", "status": status});
        http.post(format!("{control}/world/findings/set")).json(&body).send().await?.error_for_status()?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// The smallest that at least so many percent are not above.
fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(rank).copied().unwrap_or(f64::NAN)
}

fn objects() -> [Value; 2] {
    let role = |account: &str, name: &str| json!({"arn": format!("arn:aws:iam::{account}:role/{name}"), "externalId": "acme-7"});
    let object = |kind: &str, spec: Value| json!({"apiVersion": "soc2-operator.dev/v1alpha1", "kind": kind, "metadata": {"name": "bench"}, "spec": spec});
    [
        object(
            "AwsOrganization",
            json!({
                "organizations": {"role": role("111111111111", "soc2-read")},
                "securityHub": [{"name": "main", "homeRegion": "eu-west-1", "role": role("222222222222", "soc2-read"),
                    "events": {"queueUrl": "https://sqs.eu-west-1.amazonaws.com/222222222222/soc2-findings",
                        "role": role("222222222222", "soc2-events")}}],
                "limits": {"getFindingsPerSecond": 100},
                "sync": {"findingsInterval": "1h"},
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
