//! The index: what comes in, what stays, what goes.

use std::collections::BTreeSet;

use soc2_posture::FindingIndex;
use soc2_posture::finding::Finding;
use soc2_posture::ids::{AccountId, Region};
use soc2_posture::index::{LoadError, Status};
use soc2_posture::source::HubRegion;

use crate::scene::{ACCOUNT, FindingExt, HOME, LINKED, Scene, catalog, control, finding, hub, id};

const OTHER: &str = "444444444444";

fn index(findings: &[Finding]) -> FindingIndex {
    let mut index = FindingIndex::new(catalog());
    index.upsert(findings);
    index
}

fn accounts() -> BTreeSet<AccountId> {
    [id(ACCOUNT)].into()
}

fn regions(names: &[&str]) -> BTreeSet<Region> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Findings by Region and status, such as `eu-west-1 Passed 2`.
fn counts(index: &FindingIndex) -> Vec<String> {
    index.count().into_iter().map(|((region, status), count)| format!("{region} {} {count}", status.as_str())).collect()
}

fn s3(resource: &str) -> Finding {
    finding("S3.2").resource(resource)
}

#[test]
fn seeing_the_same_again_is_no_change() {
    let mut index = FindingIndex::new(catalog());
    assert_eq!(index.upsert(&[s3("a"), s3("b").account(OTHER)]).accounts, [id(ACCOUNT), id(OTHER)].into());
    assert!(index.upsert(&[s3("a"), s3("b").account(OTHER)]).accounts.is_empty());
    assert!(index.upsert(&[s3("a").aged("5h").failed()]).accounts.is_empty(), "an older version");
    assert_eq!(index.upsert(&[s3("a").aged("30m")]).accounts, accounts());
    assert_eq!(index.len(), 2);
    assert_eq!(index.accounts().collect::<Vec<_>>(), [id(ACCOUNT), id(OTHER)]);
}

#[test]
fn an_archived_finding_stays_as_a_tombstone_that_an_older_page_cannot_undo() {
    let mut index = index(&[s3("a").aged("2h")]);
    assert_eq!(index.upsert(&[s3("a").archived()]).accounts, accounts());
    assert_eq!(counts(&index), ["eu-west-1 Archived 1"]);
    assert!(index.upsert(&[s3("a").aged("2h")]).accounts.is_empty());
    assert_eq!(counts(&index), ["eu-west-1 Archived 1"]);
    assert!(index.upsert(&[s3("a").archived().aged("30m")]).accounts.is_empty(), "no evidence changed");

    // A sweep that began before it was seen keeps it, the next takes it away.
    let before = index.sweep(&accounts());
    assert!(index.upsert(&[s3("a").archived().aged("30m")]).accounts.is_empty());
    index.install(&accounts(), &regions(&[HOME]), before);
    assert_eq!(counts(&index), ["eu-west-1 Archived 1"]);
    let mut after = index.sweep(&accounts());
    after.add(&[s3("a").archived().aged("30m")]);
    assert!(index.install(&accounts(), &regions(&[HOME]), after).accounts.is_empty());
    assert!(index.is_empty());
}

#[test]
fn a_sweep_that_finds_something_archived_leaves_a_tombstone_once() {
    let mut index = index(&[s3("a").aged("2h")]);
    let mut batch = index.sweep(&accounts());
    batch.add(&[s3("a").archived(), s3("never seen").archived()]);
    assert_eq!(index.install(&accounts(), &regions(&[HOME]), batch).accounts, accounts());
    assert_eq!(counts(&index), ["eu-west-1 Archived 1"]);
    index.upsert(&[s3("a").aged("2h")]);
    assert_eq!(counts(&index), ["eu-west-1 Archived 1"]);
    let mut batch = index.sweep(&accounts());
    batch.add(&[s3("a").archived()]);
    index.install(&accounts(), &regions(&[HOME]), batch);
    assert!(index.is_empty());
}

#[test]
fn a_sweep_removes_what_it_did_not_see_of_its_accounts_and_regions() {
    let mut index = index(&[s3("a"), s3("b"), s3("c").region(LINKED), s3("d").account(OTHER)]);
    let mut batch = index.sweep(&accounts());
    assert!(batch.is_empty());
    batch.add(&[s3("a")]);
    assert_eq!(batch.len(), 1);
    assert_eq!(index.install(&accounts(), &regions(&[HOME]), batch).accounts, accounts());
    assert_eq!(index.len(), 3, "b is gone");
    let changes = index.clone().install(&accounts(), &regions(&[HOME, LINKED]), index.sweep(&accounts()));
    assert_eq!(changes.accounts, accounts());
    let empty = index.sweep(&accounts());
    index.install(&accounts(), &regions(&["ap-south-1"]), empty);
    assert_eq!(index.len(), 3);
    let both = [id(ACCOUNT), id(OTHER)].into();
    let empty = index.sweep(&both);
    index.install(&both, &regions(&[HOME, LINKED]), empty);
    assert!(index.is_empty());
    assert_eq!(index.accounts().count(), 0);
}

#[test]
fn what_changed_since_a_sweep_began_is_newer_than_the_sweep() {
    let mut index = index(&[s3("old"), s3("touched")]);
    let mut batch = index.sweep(&accounts());
    batch.add(&[s3("failed since")]);
    index.upsert(&[s3("new"), s3("touched"), s3("failed since").failed()]);
    index.install(&accounts(), &regions(&[HOME]), batch);
    assert_eq!(counts(&index), ["eu-west-1 Failed 1", "eu-west-1 Passed 2"]);
    // The next sweep decides.
    let mut batch = index.sweep(&accounts());
    batch.add(&[s3("failed since")]);
    index.install(&accounts(), &regions(&[HOME]), batch);
    assert_eq!(counts(&index), ["eu-west-1 Passed 1"]);
}

#[test]
fn of_two_sweeps_at_once_what_the_later_read_is_newer_than_the_earlier() {
    let mut index = index(&[s3("a"), s3("gone")]);
    let both = [id(ACCOUNT), id(OTHER)].into();
    let mut earlier = index.sweep(&both);
    let mut later = index.sweep(&accounts());
    let abandoned = index.sweep(&both);
    earlier.add(&[s3("a")]);
    later.add(&[s3("a").failed().aged("5m"), s3("new")]);
    index.install(&accounts(), &regions(&[HOME]), later);
    assert_eq!(counts(&index), ["eu-west-1 Failed 1", "eu-west-1 Passed 1"]);
    drop(abandoned);
    index.upsert(&[s3("of another").account(OTHER)]);
    index.install(&both, &regions(&[HOME]), earlier);
    assert_eq!(counts(&index), ["eu-west-1 Failed 1", "eu-west-1 Passed 2"], "nothing that is newer went");
    // The next sweep decides.
    let empty = index.sweep(&both);
    index.install(&both, &regions(&[HOME]), empty);
    assert!(index.is_empty());
}

#[test]
fn a_sweep_repairs_what_has_the_same_time() {
    let mut index = index(&[s3("a").suppressed(), s3("b").failed().suppressed(), s3("c").failed()]);
    let mut batch = index.sweep(&accounts());
    batch.add(&[s3("a"), s3("b").failed(), s3("c").failed().suppressed()]);
    index.install(&accounts(), &regions(&[HOME]), batch);
    assert_eq!(counts(&index), ["eu-west-1 Failed 1", "eu-west-1 Suppressed 1", "eu-west-1 Passed 1"]);
    // But it never brings back an older version.
    let mut batch = index.sweep(&accounts());
    batch.add(&[s3("b").aged("9h")]);
    index.install(&accounts(), &regions(&[HOME]), batch);
    assert_eq!(counts(&index), ["eu-west-1 Failed 1"]);
}

#[test]
fn findings_of_others_in_a_sweep_are_taken_in() {
    let mut index = index(&[s3("x").account(OTHER)]);
    let mut batch = index.sweep(&accounts());
    batch.add(&[s3("a"), s3("y").account(OTHER), s3("b").region(LINKED)]);
    let changes = index.install(&accounts(), &regions(&[HOME]), batch);
    assert_eq!(changes.accounts, [id(ACCOUNT), id(OTHER)].into());
    assert_eq!(index.len(), 4);
}

#[test]
fn names_of_a_sweep_are_translated() {
    // The index knows other names, with the same numbers.
    let mut index = index(&[finding("Unheard.1")
        .region("ap-south-1")
        .status("WARNING")
        .change(|finding| finding.status_reason = Some("A".to_owned()))]);
    let mut batch = index.sweep(&accounts());
    let warning = s3("a").status("WARNING").change(|finding| finding.status_reason = Some("B".to_owned()));
    batch.add(&[warning, finding("Unheard.2").region(LINKED), finding("Unheard.1").region("ap-south-1").failed()]);
    index.install(&accounts(), &regions(&[HOME]), batch);
    assert_eq!(counts(&index), ["ap-south-1 Failed 1", "eu-west-1 Warning 1", "us-east-1 Passed 1"]);
    let scene = Scene::new();
    let world = soc2_posture::World { index, ..scene.world() };
    let assessment =
        soc2_posture::assess(&scene.wanted().desired(), &world, &soc2_posture::Memory::default(), scene.now).unwrap();
    let posture = assessment.posture(id(ACCOUNT), &world.index).unwrap();
    let group = posture.unknown.iter().find(|group| group.reason == "Warning").unwrap();
    assert_eq!(group.message, "AWS Config does not record AWS::S3::Bucket in eu-west-1 (B): let it");
}

#[test]
fn accounts_that_left_go() {
    let mut index = index(&[s3("a"), s3("b").account(OTHER)]);
    index.retain_accounts(&accounts());
    assert_eq!(index.accounts().collect::<Vec<_>>(), [id(ACCOUNT)]);
}

#[test]
fn a_poll_marks_what_is_suppressed_and_asks_for_what_is_no_longer_listed() {
    let mut index = index(&[
        s3("a").failed(),
        s3("b").failed().suppressed(),
        s3("c").suppressed(),
        finding("IAM.5").suppressed().region(LINKED),
        finding("Unheard.1").suppressed(),
        finding("S3.3").suppressed().archived(),
    ]);
    let listed = [s3("a").failed().suppressed(), s3("b").failed().suppressed(), s3("new").suppressed()];
    let (changes, doubtful) = index.reconcile_suppressed(&regions(&[HOME]), &listed);
    assert_eq!(changes.accounts, accounts());
    assert_eq!(doubtful, [(id(ACCOUNT), control("S3.2"))].into());
    // What is not listed stays suppressed until it is read again.
    let suppressed = |index: &FindingIndex| index.count()[&(HOME.to_owned(), Status::Suppressed)];
    assert_eq!(suppressed(&index), 5);
    let changes = index.refresh(&[s3("c"), s3("a").failed().suppressed()]);
    assert_eq!(changes.accounts, accounts());
    assert_eq!(suppressed(&index), 4);
    let (changes, doubtful) = index.reconcile_suppressed(&regions(&[HOME]), &listed);
    assert_eq!((changes.accounts.len(), doubtful.len()), (0, 0));
}

#[test]
fn a_poll_does_not_undo_what_is_newer() {
    let mut index = index(&[s3("a").aged("30m")]);
    let (changes, _) = index.reconcile_suppressed(&regions(&[HOME]), &[s3("a").suppressed()]);
    assert!(changes.accounts.is_empty());
    assert_eq!(counts(&index), ["eu-west-1 Passed 1"]);
}

#[test]
fn a_refresh_wins_a_tie_and_nothing_else() {
    let mut index = index(&[s3("a").suppressed(), s3("b")]);
    index.refresh(&[s3("a"), s3("b").aged("2h").failed()]);
    assert_eq!(counts(&index), ["eu-west-1 Passed 2"]);
    index.upsert(&[s3("a").suppressed()]);
    assert_eq!(counts(&index), ["eu-west-1 Suppressed 1", "eu-west-1 Passed 1"]);
}

#[test]
fn thirty_six_bytes_a_finding_and_no_text_of_what_passed() {
    let many = |word: &str| -> Vec<Finding> {
        (0..10_000).map(|number| s3(&format!("arn:aws:s3:::a-bucket-with-a-long-name-{number}")).status(word)).collect()
    };
    let (passed, warned) = (index(&many("PASSED")), index(&many("WARNING")));
    assert!(passed.memory_bytes() < 10_000 * 36 + 2_000, "{}", passed.memory_bytes());
    assert!(warned.memory_bytes() < 10_000 * 36 + 2_000, "{}", warned.memory_bytes());
    let mut failed = index(&many("FAILED"));
    assert!(failed.memory_bytes() > 10_000 * 80);
    // The text goes when it is no longer wanted.
    let now_passed: Vec<Finding> = many("PASSED").into_iter().map(|finding| finding.aged("1m")).collect();
    failed.upsert(&now_passed);
    assert_eq!(failed.memory_bytes(), passed.memory_bytes());
}

fn saved(index: &FindingIndex) -> Vec<u8> {
    let mut bytes = Vec::new();
    index.save(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_saved_index_comes_back() {
    let index = index(&[
        s3("a").failed(),
        s3("b").region(LINKED),
        finding("Unheard.1").account(OTHER),
        s3("c").status("WARNING").change(|finding| finding.status_reason = Some("CONFIG_RECORDER_DISABLED".to_owned())),
        s3("d").archived(),
    ]);
    let bytes = saved(&index);
    let loaded = FindingIndex::load(catalog(), &mut bytes.as_slice()).unwrap();
    assert_eq!(saved(&loaded), bytes);
    assert_eq!((loaded.count(), loaded.memory_bytes()), (index.count(), index.memory_bytes()));
    assert!(saved(&FindingIndex::new(catalog())).len() < 200);
    // What was loaded is older than any sweep.
    let mut loaded = loaded;
    let both = [id(ACCOUNT), id(OTHER)].into();
    let empty = loaded.sweep(&both);
    loaded.install(&both, &regions(&[HOME, LINKED]), empty);
    assert!(loaded.is_empty());
}

#[test]
fn what_is_damaged_is_refused_and_never_a_panic() {
    let bytes = saved(&index(&[s3("a").failed(), s3("b").region(LINKED), finding("Unheard.1")]));
    let load = |bytes: &[u8]| FindingIndex::load(catalog(), &mut &*bytes);
    for end in 0..bytes.len() {
        assert!(load(&bytes[..end]).is_err(), "cut at {end}");
    }
    for at in 0..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            // Some changes cannot be seen; the checkpoint's checksum sees them.
            let _ = load(&changed).map(|index| (index.count(), index.len()));
        }
    }
    let mut other = bytes.clone();
    other[8] = 9;
    assert!(matches!(load(&other), Err(LoadError::Format(9))));
    other[0] = b'x';
    assert!(matches!(load(&other), Err(LoadError::Damaged(_))));
    assert!(matches!(load(b""), Err(LoadError::Io(_))));
}

#[test]
fn statuses_have_names() {
    let names: Vec<&str> =
        [Status::Failed, Status::Suppressed, Status::Warning, Status::NotAvailable, Status::Archived, Status::Passed]
            .map(Status::as_str)
            .to_vec();
    assert_eq!(names, ["Failed", "Suppressed", "Warning", "NotAvailable", "Archived", "Passed"]);
}

#[test]
fn a_finding_counts_for_the_source_that_reads_its_region_for_its_account() {
    let scene = Scene::silent().with([s3("a"), s3("b").failed(), s3("c").account(OTHER), s3("d").region(LINKED)]);
    let scene = scene.but(|scene| {
        let serves = [id(OTHER)].into();
        scene.sources.regions.insert(0, HubRegion { source: "acquired".to_owned(), serves: Some(serves), ..hub(HOME) });
        scene.sources.regions.retain(|hub| hub.region == HOME);
    });
    let world = scene.world();
    let counts: Vec<String> = world
        .findings_by_source()
        .into_iter()
        .map(|((source, region, status), count)| format!("{source}/{region} {} {count}", status.as_str()))
        .collect();
    let expected = ["/us-east-1 Passed 1", "acquired/eu-west-1 Passed 1", "main/eu-west-1 Failed 1"];
    assert_eq!(counts[..3], expected, "what no source reads any more has none");
    assert_eq!(counts[3..], ["main/eu-west-1 Passed 1"]);
}
