//! Findings of other products in the index: what is kept, which version stands, what goes.

use std::collections::{BTreeMap, BTreeSet};

use soc2_catalog::Matcher;
use soc2_crds::{FindingProduct, FindingSeverity};
use soc2_posture::FindingIndex;
use soc2_posture::finding::Finding;
use soc2_posture::ids::{AccountId, Region};
use soc2_posture::index::LoadError;
use soc2_posture::interest::Interest;

use crate::scene::{ACCOUNT, ADMIN, FindingExt, HOME, LINKED, catalog, finding, id};

pub const GUARDDUTY: Interest = Interest::Open(FindingProduct::GuardDuty, FindingSeverity::High);

/// What a control about the scanner's findings wants.
pub fn scanned() -> Interest {
    Interest::Matching(Matcher { generator_id: Some("acme/*".to_owned()), ..Matcher::default() })
}

/// A finding of another product, without a compliance status.
pub fn signal(product: &str, generator: &str, resource: &str) -> Finding {
    finding("").resource(resource).change(|finding| {
        finding.product_arn = format!("arn:aws:securityhub:{HOME}::product/{product}");
        finding.id = format!("{product}/{generator}/{resource}");
        finding.generator_id = Some(generator.to_owned());
        finding.severity = Some("CRITICAL".to_owned());
        finding.first_observed_at = Some("2026-11-01T00:00:00Z".to_owned());
        (finding.control_id, finding.compliance) = (None, None);
    })
}

pub fn threat(resource: &str) -> Finding {
    signal("aws/guardduty", "detector", resource)
}

pub fn scan(resource: &str) -> Finding {
    signal("acme/scanner", "acme/7", resource)
}

fn severity(finding: Finding, word: &str) -> Finding {
    finding.change(|finding| finding.severity = Some(word.to_owned()))
}

fn wanting(interests: &[Interest]) -> FindingIndex {
    let mut index = FindingIndex::new(catalog());
    index.set_interests(&interests.iter().cloned().collect());
    index
}

fn everyone(regions: &[&str]) -> BTreeMap<Region, BTreeSet<AccountId>> {
    regions.iter().map(|region| ((*region).to_owned(), [ACCOUNT, ADMIN].map(id).into())).collect()
}

/// Puts a complete reading of some interests in place.
fn read(index: &mut FindingIndex, of: &[Interest], listed: &[Finding]) -> BTreeSet<AccountId> {
    let mut batch = index.signals();
    batch.add(listed);
    index.install_signals(of, &everyone(&[HOME, LINKED]), batch).accounts
}

fn saved(index: &FindingIndex) -> Vec<u8> {
    let mut bytes = Vec::new();
    index.save(&mut bytes).unwrap();
    bytes
}

fn me() -> BTreeSet<AccountId> {
    [id(ACCOUNT)].into()
}

#[test]
fn only_what_somebody_is_interested_in_is_kept() {
    let prowler = signal("prowler/prowler", "prowler-1", "a");
    let all = [
        threat("a"),
        severity(threat("b"), "HIGH"),
        severity(threat("c"), "MEDIUM"),
        severity(threat("d"), "odd"),
        scan("a"),
        prowler,
    ];
    for (interests, expected, other) in [
        (vec![], 0, 6),
        (vec![GUARDDUTY], 3, 3),
        (vec![scanned()], 1, 5),
        (vec![GUARDDUTY, scanned()], 4, 2),
        (vec![Interest::Open(FindingProduct::Inspector, FindingSeverity::Low)], 0, 6),
    ] {
        let mut index = wanting(&interests);
        let changes = index.upsert(&all);
        assert_eq!((index.signal_count(), changes.other), (expected, other), "{interests:?}");
        assert_eq!(changes.accounts, if expected > 0 { me() } else { BTreeSet::new() });
        assert!(index.is_empty() && changes.unattributable.is_empty(), "nothing of it is evidence of Security Hub");
    }
}

#[test]
fn findings_of_security_hub_have_an_age_too_and_match_nothing() {
    let mut index = wanting(&[
        Interest::Open(FindingProduct::SecurityHub, FindingSeverity::Critical),
        Interest::Matching(Matcher { generator_id: Some("*".to_owned()), ..Matcher::default() }),
    ]);
    let by = |severity: &str, control: &str| {
        finding(control).failed().change(|finding| {
            finding.severity = Some(severity.to_owned());
            finding.generator_id = Some(format!("security-control/{control}"));
        })
    };
    let changes = index.upsert(&[by("CRITICAL", "S3.2"), by("LOW", "S3.5")]);
    assert_eq!((index.len(), index.signal_count(), changes.other), (2, 1, 0));
}

#[test]
fn the_newest_version_stands_and_seeing_the_same_again_is_no_change() {
    let mut index = wanting(&[GUARDDUTY]);
    assert_eq!(index.upsert(&[threat("a"), threat("b")]).accounts, me());
    assert!(index.upsert(&[threat("b"), threat("a")]).accounts.is_empty());
    let before = saved(&index);
    assert!(index.upsert(&[threat("a").aged("5h").suppressed()]).accounts.is_empty(), "an older version");
    assert!(index.upsert(&[threat("a").workflow("RESOLVED")]).accounts.is_empty(), "at a tie the worse stands");
    assert_eq!(saved(&index), before);
    // Read later, the same time says something newer: workflows move no time.
    assert_eq!(index.refresh(&[threat("a").workflow("RESOLVED")]).accounts, me());
    assert_ne!(saved(&index), before);
    assert_eq!(index.upsert(&[threat("b").aged("1m").archived()]).accounts, me());
    assert!(index.upsert(&[threat("b")]).accounts.is_empty(), "a tombstone");
    assert_eq!(index.signal_count(), 2);
}

#[test]
fn a_complete_reading_takes_away_what_it_did_not_list() {
    let mut index = wanting(&[GUARDDUTY, scanned()]);
    index.upsert(&[threat("a"), threat("b"), scan("a"), scan("b")]);
    // Only what it is about.
    assert_eq!(read(&mut index, &[GUARDDUTY], &[threat("a")]), me());
    assert_eq!(index.signal_count(), 3);
    assert_eq!(read(&mut index, &[scanned()], &[]), me());
    assert_eq!(index.signal_count(), 1);
    assert!(read(&mut index, &[GUARDDUTY, scanned()], &[threat("a")]).is_empty());
    // Tombstones go as well.
    index.upsert(&[threat("a").aged("1m").archived()]);
    assert!(read(&mut index, &[GUARDDUTY], &[]).is_empty(), "no evidence changed");
    assert_eq!(index.signal_count(), 0);
}

#[test]
fn what_was_dealt_with_stays_for_the_control_that_it_is_about() {
    let both = Interest::Matching(Matcher { generator_id: Some("detector".to_owned()), ..Matcher::default() });
    let mut index = wanting(&[GUARDDUTY, both.clone()]);
    let resolved = threat("a").workflow("RESOLVED");
    read(&mut index, std::slice::from_ref(&both), std::slice::from_ref(&resolved));
    assert!(read(&mut index, &[GUARDDUTY], &[]).is_empty(), "a listing of what is open cannot know of it");
    assert_eq!(index.signal_count(), 1);
    // Known as open, it would have been listed.
    index.upsert(&[threat("b")]);
    assert_eq!(read(&mut index, &[GUARDDUTY], &[]), me());
    assert_eq!(index.signal_count(), 1);
    assert_eq!(read(&mut index, &[both], &[]), me());
    assert_eq!(index.signal_count(), 0);
}

#[test]
fn a_reading_takes_nothing_away_that_it_cannot_have_shown_or_that_is_newer() {
    let mut index = wanting(&[GUARDDUTY]);
    let elsewhere = threat("far").change(|finding| LINKED.clone_into(&mut finding.region));
    index.upsert(&[threat("a"), elsewhere, threat("b").account(ADMIN)]);
    let mut batch = index.signals();
    batch.add(&[]);
    index.upsert(&[threat("new")]);
    let home = BTreeMap::from([(HOME.to_owned(), me())]);
    assert_eq!(index.install_signals(&[GUARDDUTY], &home, batch).accounts, me());
    // The one in the other Region, that of the other account, and the new one.
    assert_eq!(index.signal_count(), 3);
    assert_eq!(index.forget_signals(&me(), &[LINKED.to_owned()].into()).accounts, me());
    assert_eq!(index.signal_count(), 2);
    index.retain_accounts(&me());
    assert_eq!(index.signal_count(), 1);
}

#[test]
fn other_interests_keep_what_they_share_and_refuse_readings_of_before() {
    let other = Interest::Matching(Matcher { product: Some("Scanner".to_owned()), ..Matcher::default() });
    let mut index = wanting(&[GUARDDUTY, scanned()]);
    index.upsert(&[threat("a"), severity(threat("b"), "HIGH"), scan("a")]);
    let mut late = index.signals();
    late.add(&[threat("c")]);
    let critical = Interest::Open(FindingProduct::GuardDuty, FindingSeverity::Critical);
    assert_eq!(index.set_interests(&[critical, scanned(), other].into_iter().collect()).accounts, me());
    assert_eq!(index.signal_count(), 2);
    assert_eq!(index.install_signals(&[GUARDDUTY], &everyone(&[HOME]), late).accounts, BTreeSet::new());
    assert_eq!(index.signal_count(), 2);
    // What it matches is known still: a reading of that takes it away.
    assert_eq!(read(&mut index, &[scanned()], &[]), me());
    assert_eq!(index.set_interests(&[].into_iter().collect()).accounts, me());
    assert_eq!(index.signal_count(), 0);
}

#[test]
fn a_finding_of_nobody_spoils_the_reading_and_nothing_else() {
    let mut index = wanting(&[GUARDDUTY]);
    let lost = threat("a").change(|finding| "12".clone_into(&mut finding.account_id));
    let mut batch = index.signals();
    batch.add(&[lost.clone(), threat("b"), scan("?").change(|finding| finding.account_id.clear())]);
    assert_eq!(batch.unattributable().len(), 1);
    assert!(batch.unattributable()[0].contains("\"aws/guardduty/detector/a\""), "{:?}", batch.unattributable());
    assert_eq!(batch.len(), 1);
    let changes = index.upsert(&[lost]);
    assert!(changes.unattributable.is_empty(), "it makes no source of Security Hub's findings incomplete");
}

#[test]
fn they_are_saved_and_loaded_and_an_older_format_is_refused() {
    let mut index = wanting(&[GUARDDUTY, scanned()]);
    index.upsert(&[threat("a"), scan("b"), scan("c").suppressed(), finding("S3.2").failed()]);
    let bytes = saved(&index);
    let mut loaded = FindingIndex::load(catalog(), &mut bytes.as_slice()).unwrap();
    assert_eq!((saved(&loaded), loaded.signal_count(), loaded.len()), (bytes.clone(), 3, 1));
    assert_eq!(loaded.interests(), index.interests());
    assert!(loaded.upsert(&[threat("a"), scan("b"), scan("c").suppressed()]).accounts.is_empty());
    assert_eq!(read(&mut loaded, &[scanned()], &[]), me());
    assert_eq!(loaded.signal_count(), 1);

    let mut old = bytes.clone();
    old[8] = 1;
    assert!(matches!(FindingIndex::load(catalog(), &mut old.as_slice()), Err(LoadError::Format(1))));
    for cut in 12..bytes.len() {
        assert!(FindingIndex::load(catalog(), &mut &bytes[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn memory_is_bounded_whatever_products_write() {
    let mut index = wanting(&[GUARDDUTY, scanned()]);
    let long = |n: u32| format!("arn:aws:guardduty:eu-west-1:333333333333:detector/{n:0300}");
    let empty = index.memory_bytes();
    let resource = "x".repeat(80);
    let found = |n: u32| {
        let open = signal("aws/guardduty", &long(n), &resource).change(|finding| finding.types = vec![long(n); 20]);
        // With nothing to show, not even the resource is kept.
        if n.is_multiple_of(2) { open } else { open.workflow("RESOLVED").status("PASSED").resource(&long(n)) }
    };
    let all: Vec<Finding> = (0..10_000).map(found).collect();
    index.upsert(&all);
    assert_eq!(index.signal_count(), 10_000);
    let each = (index.memory_bytes() - empty) / 10_000;
    assert!(each <= 50, "{each} bytes for each finding");
}
