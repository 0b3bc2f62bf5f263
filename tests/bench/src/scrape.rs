//! A scrape of the largest organization that is promised, over HTTP, at each level of detail.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use e2e::wait::within;
use e2e::{Operator, Stand};

use crate::Figures;
use crate::scale::{PATIENCE, objects, peak_resident, setting, world_file};

/// `BENCH_ACCOUNTS` (10,000) accounts with few findings: every control of every account has a series all the same.
///
/// # Errors
/// When a part does not come up.
pub fn run(out: &mut Figures<'_>) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(measure(out))
}

async fn measure(out: &mut Figures<'_>) -> Result<()> {
    let accounts = setting("BENCH_ACCOUNTS", 10_000);
    let world = tempfile::NamedTempFile::with_suffix(".yaml")?;
    std::fs::write(world.path(), world_file(accounts, accounts * 10)?)?;
    let stand = Stand::start_world(world.path().to_path_buf(), &["--no-limits"]).await?;
    // No cap: what it would cost is what is measured.
    let operator = Operator::start(stand.operator_options().with_flags(&["--metrics-max-series", "100000000"])).await?;
    let [organization, mut profile] = objects();
    profile["spec"]["postures"] = "None".into();
    for object in [organization, profile] {
        stand.plane.apply_yaml(&object.to_string()).await?;
    }
    within(PATIENCE, "the full sweep", || async {
        let object = stand.get("awsorg", "bench").await?;
        let hubs = object["status"]["securityHub"].as_array().cloned().unwrap_or_default();
        ensure!(hubs.iter().any(|hub| hub["lastFullSweep"]["completedAt"].is_string()), "{hubs:?}");
        Ok(())
    })
    .await?;
    for (detail, metric) in [
        ("Profile", "control_accounts{"),
        ("Account", "account_checks{"),
        ("Criterion", "account_criterion_state{"),
        ("Control", "account_control_state{"),
    ] {
        let patch = format!("{{\"spec\": {{\"metrics\": {{\"detail\": {detail:?}}}}}}}");
        stand.kubectl(&["patch", "cprof", "bench", "--type=merge", "-p", &patch]).await?;
        within(PATIENCE, detail, || async {
            ensure!(operator.metrics().await?.contains(&format!("\nsoc2_{metric}")), "no {metric}");
            Ok(())
        })
        .await?;
        scrape(&operator, detail, out).await?;
    }
    out("scrape_peak_resident", peak_resident(operator.pid())?, "MB");
    Ok(())
}

/// Time of the fastest of some scrapes, and what is on the page.
async fn scrape(operator: &Operator, detail: &str, out: &mut Figures<'_>) -> Result<()> {
    let mut best: Option<(f64, String)> = None;
    for _ in 0..5 {
        let start = Instant::now();
        let page = operator.metrics().await?;
        let seconds = start.elapsed().as_secs_f64();
        if best.as_ref().is_none_or(|(best, _)| seconds < *best) {
            best = Some((seconds, page));
        }
    }
    let (seconds, page) = best.context("no scrape")?;
    let name = |figure: &str| format!("scrape_{}_{figure}", detail.to_lowercase());
    out(&name("time"), seconds * 1e3, "ms");
    out(&name("series"), page.lines().filter(|line| !line.starts_with('#')).count() as f64, "series");
    out(&name("page"), page.len() as f64 / 1e6, "MB");
    Ok(())
}
