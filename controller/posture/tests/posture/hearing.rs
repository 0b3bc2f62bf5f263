//! What events tell: at least once, in any order, some of it too late.

use proptest::prelude::*;
use soc2_posture::finding::Finding;
use soc2_posture::index::Heard;
use soc2_posture::{FindingIndex, World};

use crate::properties::config;
use crate::scene::{ACCOUNT, FindingExt, HOME, Scene, catalog, control, finding, id, now};
use crate::signals::{GUARDDUTY, scan, threat};
use crate::worlds::{any_scene, findings, shuffled};

fn s3(resource: &str) -> Finding {
    finding("S3.2").resource(resource)
}

fn index(findings: &[Finding]) -> FindingIndex {
    let mut index = FindingIndex::new(catalog());
    index.upsert(findings);
    index
}

/// How one finding counts, in words.
fn counts(index: &FindingIndex) -> String {
    index.count().into_keys().map(|(_, status)| status.as_str()).collect::<Vec<_>>().join(" ")
}

/// What an index says under a scene's profile, as it is shown.
fn shown(scene: &Scene, index: FindingIndex) -> String {
    let world = World { index, ..scene.world() };
    let assessment = scene.assess_world(&world).unwrap();
    let postures: Vec<_> = assessment.accounts().map(|account| assessment.posture(account, &world.index)).collect();
    format!("{postures:?}")
}

fn doubts(heard: &Heard) -> usize {
    heard.doubtful.len()
}

#[test]
fn the_newer_counts_whenever_it_is_told() {
    let (old, new) = (s3("a").aged("2h"), s3("a").aged("1h").failed());
    for order in [[&old, &new], [&new, &old]] {
        let mut index = index(&[]);
        for told in order {
            assert_eq!(doubts(&index.hear(std::slice::from_ref(told), None)), 0);
        }
        assert_eq!(counts(&index), "Failed");
        for told in order {
            assert_eq!(index.hear(std::slice::from_ref(told), None), Heard::default(), "told twice");
        }
    }
}

#[test]
fn of_two_words_of_the_same_time_the_worse_stands_until_it_is_read_again() {
    let check = [(HOME.to_owned(), id(ACCOUNT), control("S3.2"))].into();
    for (known, told, stands) in [
        (s3("a"), s3("a").suppressed(), "Suppressed"),
        (s3("a").suppressed(), s3("a"), "Suppressed"),
        (s3("a").failed(), s3("a").failed().suppressed(), "Failed"),
        (s3("a").failed().suppressed(), s3("a").failed(), "Failed"),
    ] {
        let mut index = index(std::slice::from_ref(&known));
        let heard = index.hear(std::slice::from_ref(&told), None);
        assert_eq!((counts(&index).as_str(), &heard.doubtful), (stands, &check), "{known:?} {told:?}");
        // Reading it again decides, whichever it is.
        for truth in [&known, &told] {
            index.refresh(std::slice::from_ref(truth));
            let mut expected = FindingIndex::new(catalog());
            expected.upsert(std::slice::from_ref(truth));
            assert_eq!(counts(&index), counts(&expected));
        }
    }
}

#[test]
fn words_that_contradict_each_other_in_one_breath_are_doubtful_too() {
    let mut index = index(&[]);
    let heard = index.hear(&[s3("a").suppressed(), s3("a"), s3("b")], None);
    assert_eq!((doubts(&heard), counts(&index).as_str()), (1, "Suppressed Passed"));
}

#[test]
fn a_workflow_that_does_not_matter_is_no_doubt() {
    let mut index = index(&[s3("a").workflow("NEW")]);
    assert_eq!(index.hear(&[s3("a").workflow("NOTIFIED")], None), Heard::default());
}

#[test]
fn a_word_of_what_is_gone_comes_too_late() {
    let mut index = index(&[s3("a").aged("5h")]);
    let read_until = Some(now() - jiff::SignedDuration::from_hours(1));
    assert_eq!(index.hear(&[s3("gone").aged("2h")], read_until), Heard::default());
    assert_eq!(index.hear(&[s3("gone").aged("2h").failed()], read_until), Heard::default());
    let heard = index.hear(&[s3("a").aged("2h").failed(), s3("new").aged("59m").failed()], read_until);
    assert_eq!((heard.changes.accounts, index.len()), ([id(ACCOUNT)].into(), 2));
    assert_eq!(counts(&index), "Failed");
}

#[test]
fn events_tell_of_other_products_too() {
    let mut index = FindingIndex::new(catalog());
    index.set_interests(&[GUARDDUTY].into_iter().collect());
    let read_until = Some(now() - jiff::SignedDuration::from_hours(1));
    let heard = index.hear(&[threat("new").aged("59m"), threat("gone").aged("2h"), scan("nobody asks")], read_until);
    assert_eq!((heard.changes.accounts, heard.doubtful.len()), ([id(ACCOUNT)].into(), 0));
    assert_eq!((index.signal_count(), index.len()), (1, 0));
}

proptest! {
    #![proptest_config(config())]

    /// At least once and in any order is as good as once and in order.
    #[test]
    fn order_and_repetition_do_not_matter(
        scene in any_scene(),
        (told, again) in findings().prop_flat_map(|told| (Just(told.clone()), shuffled(told))),
    ) {
        let mut once = scene.index();
        once.upsert(&told);
        let mut heard = scene.index();
        for finding in &again {
            heard.hear(std::slice::from_ref(finding), None);
        }
        prop_assert_eq!(shown(&scene, heard.clone()), shown(&scene, once));
        for finding in &again {
            prop_assert!(heard.hear(std::slice::from_ref(finding), None).changes.accounts.is_empty());
        }
    }

    /// Where nothing is doubtful, what was told is what a reading finds.
    #[test]
    fn without_a_doubt_nothing_has_to_be_read_again(scene in any_scene(), told in findings()) {
        let mut index = scene.index();
        let mut doubtful = std::collections::BTreeSet::new();
        for finding in &told {
            doubtful.extend(index.hear(std::slice::from_ref(finding), None).doubtful);
        }
        let before = shown(&scene, index.clone());
        let sure = told.iter().filter(|finding| {
            let region = finding.region.clone();
            let ix = finding.control_id.as_deref().and_then(|id| catalog().control(id));
            let account = finding.account_id.parse().ok();
            ix.zip(account).is_some_and(|(ix, account)| !doubtful.contains(&(region, account, ix)))
        });
        let sure: Vec<Finding> = sure.cloned().collect();
        index.refresh(&sure);
        prop_assert_eq!(shown(&scene, index), before);
    }
}
