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
use soc2_posture::{Desired, FindingIndex, Memory, World, assess, reassess};

use crate::Figures;

/// Findings of one account: as many as 10,000 accounts have of 5,000,000.
const PER_ACCOUNT: usize = 500;
const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];
/// 2026-11-20T00:00:00Z.
const NOW: i64 = 1_795_132_800;
/// Time that an assessment is repeated for, at least.
const MEASURE: Duration = Duration::from_secs(2);

/// How fast findings are assessed, how that grows, and what they take in memory. `BENCH_ASSESS` names other sizes.
///
/// # Errors
/// When the made-up world cannot be assessed.
pub fn run(out: &mut Figures<'_>) -> Result<()> {
    let sizes = std::env::var("BENCH_ASSESS").unwrap_or_else(|_| "10000,100000,1000000".to_owned());
    let mut before: Option<(usize, f64)> = None;
    for size in sizes.split(',') {
        let size = size.trim().parse()?;
        let seconds = one(out, size)?;
        if let Some((smaller, less)) = before {
            let growth = (seconds / less) / (size as f64 / smaller as f64);
            out(&format!("assess_growth_{smaller}_to_{size}"), growth, "times");
        }
        before = Some((size, seconds));
    }
    Ok(())
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

    let (world, taken_in) = world(catalog, size, now)?;
    let findings = world.index.len() as f64;
    out(&format!("index_{size}_findings_per_second"), findings / taken_in.as_secs_f64(), "findings/s");
    out(&format!("index_{size}_bytes_per_finding"), world.index.memory_bytes() as f64 / findings, "bytes");

    let mut current = assess(&desired, &world, &Memory::default(), now)?;
    let memory = current.memory();
    let mut assessed = Ok(());
    let seconds = best(|| assessed = assess(&desired, &world, &memory, now).map(drop));
    assessed?;
    out(&format!("assess_{size}_milliseconds"), seconds * 1e3, "ms");
    out(&format!("assess_{size}_findings_per_second"), findings / seconds, "findings/s");
    out(&format!("assess_{size}_bytes_per_finding"), current.memory_bytes() as f64 / findings, "bytes");

    let one_account: BTreeSet<AccountId> = world.index.accounts().take(1).collect();
    let mut seconds_of_one = f64::INFINITY;
    for _ in 0..20 {
        let start = Instant::now();
        current = reassess(current, &desired, &world, &one_account, now)?;
        seconds_of_one = seconds_of_one.min(start.elapsed().as_secs_f64());
    }
    out(&format!("reassess_1_account_of_{size}_milliseconds"), seconds_of_one * 1e3, "ms");
    Ok(seconds)
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

/// A world of about `size` findings, and how long it took to take them in.
fn world(catalog: &Arc<Catalog>, size: usize, now: Timestamp) -> Result<(World, Duration)> {
    let accounts = size.div_ceil(PER_ACCOUNT);
    let ids = (0..accounts).map(|number| format!("{:012}", 100_000_000_000 + number).parse());
    let ids: Vec<AccountId> = ids.collect::<Result<_, _>>()?;
    let controls: Vec<&Control> =
        catalog.controls().iter().filter(|control| control.standards.contains(&StandardCode::Fsbp)).collect();
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
        0..4 => "FAILED",
        4 => "WARNING",
        _ => "PASSED",
    };
    let workflow = if (mix / 200).is_multiple_of(100) { "SUPPRESSED" } else { "NEW" };
    let age = i64::try_from(mix % 64_800).unwrap_or_default();
    let updated_at = Timestamp::from_second(now.as_second() - age).unwrap_or(now);
    Finding {
        id: format!("arn:aws:securityhub:{region}:{account}:security-control/{}/finding/{mix:016x}-{at}", control.id),
        product_arn: format!("arn:aws:securityhub:{region}::product/aws/securityhub"),
        account_id: account.to_string(),
        region: region.to_owned(),
        control_id: Some(control.id.clone()),
        compliance: Some(compliance.to_owned()),
        workflow: Some(workflow.to_owned()),
        record_state: Some("ACTIVE".to_owned()),
        updated_at: Some(updated_at.to_string()),
        resource_type: Some("AwsS3Bucket".to_owned()),
        resource_id: Some(format!("arn:aws:s3:::bucket-{account}-{}", at % 50)),
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
        standards: BTreeSet::from([StandardCode::Fsbp]),
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
