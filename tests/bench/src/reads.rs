//! What reading a large organization costs: calls to AWS Organizations, and minutes at AWS's rates.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::wait::within;
use e2e::{Operator, Stand};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::Figures;

/// No call for so long: the reading is over.
const QUIET: SignedDuration = SignedDuration::from_secs(20);
const ACCOUNTS: u64 = 10_000;
/// With the 20 above them and that of the delegated administrator, 500.
const TEAMS: usize = 479;
const POLICIES: usize = 200;

/// An organization of 10,000 accounts, 500 units and 200 policies, read for the first time and then again, with AWS's limits
/// and 100 ms latency.
///
/// # Errors
/// When a part does not come up.
pub fn run(out: &mut Figures<'_>) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(measure(out))
}

async fn measure(out: &mut Figures<'_>) -> Result<()> {
    let world = tempfile::NamedTempFile::with_suffix(".yaml")?;
    std::fs::write(world.path(), world_file()?)?;
    let stand = Stand::start_world(world.path().to_path_buf(), &["--latency-ms", "100"]).await?;
    let _operator = Operator::start(stand.operator_options()).await?;
    let mut organization = crate::sweep::objects(2)[0].clone();
    organization["spec"]["sync"] = json!({"organizationInterval": "10m"});
    let set = json!({
        "apiVersion": "soc2-operator.dev/v1alpha1", "kind": "GuardrailSet", "metadata": {"name": "bench"},
        "spec": {
            "organizationRef": {"name": "bench"}, "mode": "Plan", "baselines": [{"name": "deny-leave-org"}],
            "targets": {"include": [{"organizationalUnit": {"path": "/"}}]},
        },
    });
    stand.plane.apply_yaml(&organization.to_string()).await?;
    stand.plane.apply_yaml(&set.to_string()).await?;
    let first = reading(&stand, 0).await?;
    print(out, "first", &first);
    let planned = stand.get("grset", "bench").await?["status"]["plan"]["hash"].is_string();
    ensure!(planned, "nothing is planned after the first reading");
    let again = reading(&stand, first.last).await?;
    print(out, "next", &again);
    Ok(())
}

fn print(out: &mut Figures<'_>, which: &str, reading: &Reading) {
    out(&format!("reads_{which}_calls"), reading.calls.values().sum::<usize>() as f64, "calls");
    out(&format!("reads_{which}_time"), reading.time.as_secs_f64() / 60.0, "minutes");
    for (operation, calls) in &reading.calls {
        out(&format!("reads_{which}_{operation}"), *calls as f64, "calls");
    }
    out(&format!("reads_{which}_throttled"), reading.throttled as f64, "calls");
}

struct Reading {
    calls: BTreeMap<String, usize>,
    throttled: usize,
    time: SignedDuration,
    last: u64,
}

/// Waits until calls to Organizations came and then stopped.
async fn reading(stand: &Stand, after: u64) -> Result<Reading> {
    within(Duration::from_hours(2), "the organization to be read", || async {
        let mut calls = stand.sandbox.calls(after, None).await?;
        calls.retain(|call| call["service"] == "organizations");
        let at = |call: &Value| -> Result<Timestamp> { call["at"].as_str().context("at")?.parse().context("at") };
        let (first, last) = (at(calls.first().context("no call")?)?, at(calls.last().context("no call")?)?);
        let now: Timestamp = stand.sandbox.get("/clock").await?["now"].as_str().context("now")?.parse()?;
        ensure!(now.duration_since(last) > QUIET, "calls are coming");
        let mut found = Reading { calls: BTreeMap::new(), throttled: 0, time: last.duration_since(first), last: 0 };
        for call in &calls {
            let operation = call["operation"].as_str().context("operation")?;
            *found.calls.entry(operation.to_owned()).or_default() += 1;
            found.throttled += usize::from(call["outcome"] == "TooManyRequestsException");
            found.last = found.last.max(call["n"].as_u64().context("n")?);
        }
        Ok(found)
    })
    .await
}

fn world_file() -> Result<String> {
    let mut world: serde_yaml::Value = serde_yaml::from_str(&crate::sweep::world_file(0, 0)?)?;
    let units: Vec<String> = (0..TEAMS).map(|number| format!("Unit{:02}/Team{number:03}", number / 24)).collect();
    let all: Vec<&str> = std::iter::once("Security").chain(units.iter().map(String::as_str)).collect();
    world["organizationalUnits"] = serde_yaml::to_value(all)?;
    let generated = ACCOUNTS - 2;
    world["generate"] = serde_yaml::to_value(json!({"accounts": generated, "paths": units}))?;
    let policies: Vec<Value> = (0..POLICIES)
        .map(|number| {
            let content = json!({"Version": "2012-10-17", "Statement": [
                {"Sid": format!("Policy{number}"), "Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": format!("arn:aws:s3:::bucket-{number}")},
            ]});
            json!({"name": format!("foreign-{number:03}"), "content": content, "attach": [units[number]]})
        })
        .collect();
    world["policies"] = serde_yaml::to_value(policies)?;
    Ok(serde_yaml::to_string(&world)?)
}
