//! What holds of the index, whatever happens to it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use soc2_posture::finding::Finding;
use soc2_posture::ids::{AccountId, Region};
use soc2_posture::{FindingIndex, Memory, World, assess};

use crate::properties::config;
use crate::scene::{ACCOUNT, ADMIN, FindingExt, HOME, LINKED, Scene, catalog, finding, id};
use crate::worlds::{FAR, OTHER, any_scene, findings, shuffled};

fn saved(index: &FindingIndex) -> Vec<u8> {
    let mut bytes = Vec::new();
    index.save(&mut bytes).unwrap();
    bytes
}

/// What an index says under a scene's profile, as it is shown.
fn shown(scene: &Scene, index: FindingIndex) -> String {
    let world = World { index, ..scene.world() };
    let assessment = assess(&scene.wanted().desired(), &world, &Memory::default(), scene.now).unwrap();
    let postures: Vec<_> = assessment.accounts().map(|account| assessment.posture(account, &world.index)).collect();
    format!("{postures:?} {:?}", assessment.status())
}

fn all_accounts() -> BTreeSet<AccountId> {
    [ACCOUNT, OTHER, ADMIN].map(id).into()
}

fn all_regions() -> BTreeSet<Region> {
    [HOME, LINKED, FAR].map(str::to_owned).into()
}

/// What a reading of AWS would show at some time: of each finding one version.
fn reading(findings: Vec<Finding>) -> Vec<Finding> {
    let mut by_id: BTreeMap<String, Finding> = BTreeMap::new();
    for finding in findings {
        by_id.insert(finding.id.clone(), finding);
    }
    by_id.into_values().collect()
}

/// One thing that happens to an index.
#[derive(Clone, Debug)]
enum Step {
    Page(Vec<Finding>),
    Refresh(Vec<Finding>),
    Poll(Vec<Finding>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => findings().prop_map(Step::Page),
        1 => findings().prop_map(Step::Refresh),
        1 => findings().prop_map(Step::Poll),
    ];
    prop::collection::vec(step, 0..5)
}

fn take(index: &mut FindingIndex, steps: &[Step]) {
    for step in steps {
        match step {
            Step::Page(findings) => drop(index.upsert(findings)),
            Step::Refresh(findings) => drop(index.refresh(findings)),
            Step::Poll(findings) => drop(index.reconcile_suppressed(&all_regions(), findings)),
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn saving_and_loading_changes_nothing(scene in any_scene(), news in findings()) {
        let index = scene.index();
        let bytes = saved(&index);
        let mut loaded = FindingIndex::load(catalog(), &mut bytes.as_slice()).unwrap();
        prop_assert_eq!(saved(&loaded), bytes);
        prop_assert_eq!((loaded.count(), loaded.len()), (index.count(), index.len()));
        prop_assert_eq!(shown(&scene, loaded.clone()), shown(&scene, index.clone()));
        let mut index = index;
        prop_assert_eq!(loaded.upsert(&news), index.upsert(&news));
        prop_assert_eq!(shown(&scene, loaded), shown(&scene, index));
    }

    /// Only an installed sweep removes, and only what it could have seen.
    #[test]
    fn nothing_goes_but_by_a_sweep(before in findings(), steps in steps()) {
        let mut index = FindingIndex::new(catalog());
        index.upsert(&before);
        let len = index.len();
        let _abandoned = index.sweep(&all_accounts());
        take(&mut index, &steps);
        prop_assert!(index.len() >= len);
    }

    /// A sweep that began before a change does not undo the change.
    #[test]
    fn a_sweep_never_loses_a_newer_change(
        before in findings(),
        seen in findings(),
        since in findings(),
        scene in any_scene(),
    ) {
        let mut index = FindingIndex::new(catalog());
        index.upsert(&before);
        let mut batch = index.sweep(&all_accounts());
        batch.add(&seen);
        let failure = finding("S3.2").resource("its own").failed();
        index.upsert(&[since.clone(), vec![failure]].concat());
        index.install(&all_accounts(), &all_regions(), batch);

        // Taking the same in once more must change nothing: it is all there, or something newer is.
        let after = shown(&scene, index.clone());
        let again = index.upsert(&since);
        prop_assert_eq!(shown(&scene, index.clone()), after);
        prop_assert_eq!(again.accounts, BTreeSet::new());
        prop_assert!(index.count().iter().any(|((region, status), _)| region == HOME && status.as_str() == "Failed"));
    }

    /// After a complete sweep the index is what the sweep read, whatever was there before.
    #[test]
    fn a_sweep_brings_the_truth(steps in steps(), seen in findings(), scene in any_scene()) {
        let mut index = FindingIndex::new(catalog());
        take(&mut index, &steps);
        // AWS shows versions at least as new as what was seen before.
        let truth: Vec<Finding> = reading(seen).into_iter().map(newer).collect();
        let mut batch = index.sweep(&all_accounts());
        batch.add(&truth);
        let changes = index.clone().install(&all_accounts(), &all_regions(), batch.clone());
        let unchanged = index.clone();
        index.install(&all_accounts(), &all_regions(), batch);
        let mut fresh = FindingIndex::new(catalog());
        fresh.upsert(&truth);
        let scene = scene.but(|scene| scene.now += jiff::SignedDuration::from_hours(20));
        prop_assert_eq!(shown(&scene, index.clone()), shown(&scene, fresh));
        // Accounts that are not named did not change.
        for account in all_accounts().difference(&changes.accounts) {
            let only = |index: &FindingIndex| {
                let mut index = index.clone();
                index.retain_accounts(&[*account].into());
                shown(&scene, index)
            };
            prop_assert_eq!(only(&unchanged), only(&index));
        }
    }

    /// Pages of a sweep in any order, with rows twice.
    #[test]
    fn the_order_of_a_sweep_does_not_matter(
        before in findings(),
        (seen, shuffled) in findings().prop_flat_map(|seen| (Just(seen.clone()), shuffled(seen))),
        scene in any_scene(),
    ) {
        let installed = |pages: &[Finding]| {
            let mut index = FindingIndex::new(catalog());
            index.upsert(&before);
            let mut batch = index.sweep(&all_accounts());
            pages.chunks(7).for_each(|page| batch.add(page));
            index.install(&all_accounts(), &all_regions(), batch);
            index
        };
        prop_assert_eq!(shown(&scene, installed(&seen)), shown(&scene, installed(&shuffled)));
    }

    /// Accounts that are not named in the changes have not changed.
    #[test]
    fn changes_name_every_account_that_changed(before in findings(), step in steps(), scene in any_scene()) {
        let mut index = FindingIndex::new(catalog());
        index.upsert(&before);
        for step in step {
            let old = index.clone();
            let changes = match &step {
                Step::Page(findings) => index.upsert(findings),
                Step::Refresh(findings) => index.refresh(findings),
                Step::Poll(findings) => index.reconcile_suppressed(&all_regions(), findings).0,
            };
            let rest: BTreeSet<AccountId> = all_accounts().difference(&changes.accounts).copied().collect();
            let only = |index: &FindingIndex| {
                let mut index = index.clone();
                index.retain_accounts(&rest);
                shown(&scene, index)
            };
            prop_assert_eq!(only(&old), only(&index));
        }
    }
}

/// The same, updated after everything that these worlds hold.
fn newer(finding: Finding) -> Finding {
    finding.aged("-19h")
}
