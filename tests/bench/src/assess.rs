//! `assess` alone: no Kubernetes, no AWS, one core.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jiff::Timestamp;
use soc2_catalog::{Catalog, Control, StandardCode};
use soc2_crds::{AwsOrganizationSpec, ComplianceProfileSpec};
use soc2_posture::assess::Owners;
use soc2_posture::finding::Finding;
use soc2_posture::ids::AccountId;
use soc2_posture::organization::{Account, AccountState, Organization, Unit};
use soc2_posture::source::{HubRegion, Sources};
use soc2_posture::{Assessment, Desired, FindingIndex, Memory, World, assess, reassess};

use crate::Figures;

/// Findings of one account: as many as 10,000 accounts have of 5,000,000.
const PER_ACCOUNT: usize = 500;
const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];
const STANDARDS: [StandardCode; 2] = [StandardCode::Fsbp, StandardCode::Cis5];
/// 2026-11-20T00:00:00Z.
const NOW: i64 = 1_795_132_800;
/// Time that an assessment is repeated for, at least.
const MEASURE: Duration = Duration::from_secs(2);

/// Findings that a size is measured over at least, in as many worlds as that takes: small ones would else be all in the
/// processor's cache, which no size of interest is.
const SPREAD: usize = 1_000_000;
/// Findings that change at once.
const CHANGED: usize = 100;

/// How fast findings are assessed, how that grows, what they take in memory, and how fast a change is taken in.
/// `BENCH_ASSESS` names other sizes.
///
/// # Errors
/// When the made-up world cannot be assessed.
pub fn run(out: &mut Figures<'_>) -> Result<()> {
    let sizes = std::env::var("BENCH_ASSESS").unwrap_or_else(|_| "10000,100000,1000000,5000000".to_owned());
    let mut measured: Vec<(f64, f64)> = Vec::new();
    for size in sizes.split(',') {
        let size = size.trim().parse()?;
        let seconds = one(out, size)?;
        if let Some((smaller, less)) = measured.last() {
            let growth = (seconds / less) / (size as f64 / smaller);
            out(&format!("assess_growth_{smaller:.0}_to_{size}"), growth, "times");
        }
        measured.push((size as f64, seconds));
    }
    if measured.len() > 1 {
        out("assess_log_log_slope", slope(&measured), "1");
    }
    Ok(())
}

/// By how much the logarithm of the second grows with that of the first: the line with the least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / logs.len() as f64;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let together: f64 = logs.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    together / logs.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>()
}

/// The figures of one size; the seconds that an assessment takes.
fn one(out: &mut Figures<'_>, size: usize) -> Result<f64> {
    let catalog = Catalog::builtin()?;
    let (profile, organization, protection) = (profile()?, AwsOrganizationSpec::default(), BTreeMap::new());
    let desired = Desired {
        profile: &profile,
        catalog,
        organization: &organization,
        protection: &protection,
        owners: Owners::default(),
        acknowledged_targets: None,
    };
    let now = Timestamp::from_second(NOW)?;

    let (mut world, taken_in) = self::world(catalog, 0, size, now)?;
    let findings = world.index.len() as f64;
    out(&format!("index_{size}_findings_per_second"), findings / taken_in.as_secs_f64(), "findings/s");
    out(&format!("index_{size}_bytes_per_finding"), world.index.memory_bytes() as f64 / findings, "bytes");

    let current = assess(&desired, &world, &Memory::default(), now)?;
    let memory = current.memory();
    let mut others = Vec::new();
    for number in 1..SPREAD / size {
        others.push(self::world(catalog, number, size, now)?.0);
    }
    let worlds = others.len() + 1;
    let mut assessed = Ok(());
    let seconds = best(|| {
        for world in std::iter::once(&world).chain(&others) {
            assessed = assess(&desired, world, &memory, now).map(drop);
        }
    });
    let seconds = seconds / worlds as f64;
    assessed?;
    drop(others);
    out(&format!("assess_{size}_milliseconds"), seconds * 1e3, "ms");
    out(&format!("assess_{size}_findings_per_second"), findings / seconds, "findings/s");
    out(&format!("assess_{size}_bytes_per_finding"), current.memory_bytes() as f64 / findings, "bytes");
    let changed = change(&desired, &mut world, current, now)?;
    out(&format!("changed_{CHANGED}_of_{size}_milliseconds"), changed * 1e3, "ms");
    Ok(seconds)
}

/// Seconds from some changed findings, each of another account as far as there are as many, to the new status and metrics:
/// the fastest of several.
fn change(desired: &Desired<'_>, world: &mut World, mut current: Assessment, now: Timestamp) -> Result<f64> {
    let controls = controls(desired.catalog);
    let accounts: Vec<AccountId> = world.index.accounts().collect();
    let step = (accounts.len() / CHANGED).max(1);
    let mut best = f64::INFINITY;
    for round in 0..20_i32 {
        let updated = Timestamp::from_second(now.as_second() + i64::from(round))?;
        let changed = (0..CHANGED).map(|at| {
            let number = at * step % accounts.len();
            let mut changed = finding(&controls, accounts[number], number, at, now);
            changed.compliance = Some(if round % 2 == 0 { "FAILED" } else { "PASSED" }.to_owned());
            changed.updated_at = Some(updated.to_string());
            changed
        });
        let changed: Vec<Finding> = changed.collect();
        let start = Instant::now();
        let touched = world.index.upsert(&changed).accounts;
        current = reassess(current, desired, world, &touched, updated)?;
        std::hint::black_box((current.status(), current.metrics()));
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

/// Seconds of the fastest run: the others were disturbed.
fn best(mut run: impl FnMut()) -> f64 {
    let began = Instant::now();
    let mut best = f64::INFINITY;
    let mut runs = 0;
    while runs < 3 || began.elapsed() < MEASURE {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed().as_secs_f64());
        runs += 1;
    }
    best
}

/// A profile of three categories, with nothing else said.
fn profile() -> Result<ComplianceProfileSpec> {
    let spec = serde_json::json!({
        "organizationRef": {"name": "acme"},
        "categories": ["Security", "Availability", "Confidentiality"],
    });
    Ok(serde_json::from_value(spec)?)
}

/// The controls that findings are of.
fn controls(catalog: &Catalog) -> Vec<&Control> {
    let enabled = |control: &&Control| STANDARDS.iter().any(|standard| control.standards.contains(standard));
    catalog.controls().iter().filter(enabled).collect()
}

/// A world of about `size` findings, and how long it took to take them in. Each `number` has other accounts.
fn world(catalog: &Arc<Catalog>, number: usize, size: usize, now: Timestamp) -> Result<(World, Duration)> {
    let accounts = size.div_ceil(PER_ACCOUNT);
    let first = 100_000_000_000 + number * accounts;
    let ids = (first..first + accounts).map(|id| format!("{id:012}").parse());
    let ids: Vec<AccountId> = ids.collect::<Result<_, _>>()?;
    let controls = controls(catalog);
    let mut index = FindingIndex::new(catalog);
    let mut taken_in = Duration::ZERO;
    for (number, id) in ids.iter().enumerate() {
        let findings: Vec<Finding> = (0..PER_ACCOUNT).map(|at| finding(&controls, *id, number, at, now)).collect();
        let start = Instant::now();
        index.upsert(&findings);
        taken_in += start.elapsed();
    }
    let all: BTreeSet<AccountId> = ids.iter().copied().collect();
    let regions = REGIONS.iter().map(|region| hub(region, &all, now)).collect();
    let sources = Sources { regions, ..Sources::default() };
    let organization = organization(&ids, now).context("a world has an account")?;
    Ok((World { organization: Some(organization), sources, index }, taken_in))
}

/// Finding `at` of an account: about as real ones are distributed over controls, Regions, resources and results.
fn finding(controls: &[&Control], account: AccountId, number: usize, at: usize, now: Timestamp) -> Finding {
    let mix = (number * PER_ACCOUNT + at).wrapping_mul(2_654_435_761) >> 7;
    let control = controls[at * controls.len() / PER_ACCOUNT % controls.len()];
    let region = REGIONS[mix % REGIONS.len()];
    let compliance = match mix / 2 % 100 {
        0..7 => "FAILED",
        7 => "WARNING",
        _ => "PASSED",
    };
    let workflow = if (mix / 200).is_multiple_of(100) { "SUPPRESSED" } else { "NEW" };
    let age = i64::try_from(mix % 64_800).unwrap_or_default();
    let updated_at = Timestamp::from_second(now.as_second() - age).unwrap_or(now);
    let id = format!("arn:aws:securityhub:{region}:{account}:security-control/{}/finding/{mix:016x}-{at}", control.id);
    // Two in five are of a resource of their own.
    let resource = format!("arn:aws:s3:::bucket-{account}-{}-", at % 200);
    Finding {
        id: format!("{id:0>150}"),
        product_arn: format!("arn:aws:securityhub:{region}::product/aws/securityhub"),
        account_id: account.to_string(),
        region: region.to_owned(),
        control_id: Some(control.id.clone()),
        compliance: Some(compliance.to_owned()),
        workflow: Some(workflow.to_owned()),
        record_state: Some("ACTIVE".to_owned()),
        updated_at: Some(updated_at.to_string()),
        resource_type: Some("AwsS3Bucket".to_owned()),
        resource_id: Some(format!("{resource:x<80}")),
        ..Finding::default()
    }
}

fn hub(region: &str, accounts: &BTreeSet<AccountId>, now: Timestamp) -> HubRegion {
    HubRegion {
        source: "main".to_owned(),
        region: region.to_owned(),
        read_through: REGIONS[0].to_owned(),
        error: None,
        account: accounts.first().copied(),
        consolidated: true,
        members: accounts.clone(),
        standards: STANDARDS.into(),
        disabled_controls: BTreeSet::new(),
        serves: None,
        swept: accounts.clone(),
        complete_at: Some(now),
        signals: Vec::new(),
    }
}

fn organization(ids: &[AccountId], now: Timestamp) -> Option<Organization> {
    let root = "r-ab12".to_owned();
    let account = |(number, id): (usize, &AccountId)| {
        let account = Account {
            name: format!("account-{number}"),
            state: AccountState::Active,
            parent: root.clone(),
            joined_at: Timestamp::from_second(0).ok(),
            tags: None,
        };
        (*id, account)
    };
    Some(Organization {
        id: "o-exampleorgid".to_owned(),
        management_account: *ids.first()?,
        root: root.clone(),
        scp_enabled: true,
        units: BTreeMap::from([(root.clone(), Unit { name: "Root".to_owned(), parent: None })]),
        accounts: ids.iter().enumerate().map(account).collect(),
        read_at: now,
    })
}
