//! What holds of findings of other products, whatever comes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use proptest::prelude::*;
use proptest::sample::select;
use soc2_catalog::{Catalog, Matcher};
use soc2_crds::{FindingProduct, FindingSeverity};
use soc2_posture::finding::Finding;
use soc2_posture::ids::{AccountId, Region};
use soc2_posture::interest::{Interest, Interests};
use soc2_posture::source::HubRegion;
use soc2_posture::{Assessment, FindingIndex, Memory, World, assess, reassess};

use crate::properties::config;
use crate::scene::{ACCOUNT, ADMIN, FindingExt, HOME, LINKED, Scene, catalog, check, id};
use crate::signals::{scanned, signal};
use crate::worlds::{CONTROLS, FAR, OTHER, any_scene, shuffled};

fn any_interest() -> impl Strategy<Value = Interest> {
    use FindingProduct::{GuardDuty, Inspector, Macie, SecurityHub};
    let severity = select(&[FindingSeverity::Critical, FindingSeverity::High, FindingSeverity::Low][..]);
    let open = (select(&[GuardDuty, Inspector, Macie, SecurityHub][..]), severity);
    prop_oneof![
        open.prop_map(|(product, severity)| Interest::Open(product, severity)),
        Just(scanned()),
        Just(Interest::Matching(Matcher { generator_id: Some("*".to_owned()), ..Matcher::default() })),
        Just(Interest::Matching(Matcher { product: Some("*".to_owned()), ..Matcher::default() })),
        Just(Interest::Matching(Matcher { kind: Some("TTPs/*".to_owned()), ..Matcher::default() })),
    ]
}

pub fn any_interests() -> impl Strategy<Value = Interests> {
    prop::collection::vec(any_interest(), 0..4).prop_map(|interests| interests.into_iter().collect())
}

/// One version of a finding of another product: it may call itself whatever it likes.
fn any_signal() -> impl Strategy<Value = Finding> {
    let products = &[
        "aws/guardduty",
        "aws/inspector",
        "acme/scanner",
        "aws/securityhub/x",
        "aws/securityhubs",
        "aws/SecurityHub",
        "333333333333/default",
    ][..];
    let about = (select(products), select(&["acme/7", "security-control/S3.2", ""][..]), select(&["a", "b", "c"][..]));
    let place = (select(&[ACCOUNT, ACCOUNT, OTHER, ADMIN, "12"][..]), select(&[HOME, HOME, LINKED, FAR, ""][..]));
    let says = (
        select(&[None, Some("PASSED"), Some("FAILED"), Some("WARNING"), Some("odd")][..]),
        select(&[None, Some("NEW"), Some("NOTIFIED"), Some("RESOLVED"), Some("SUPPRESSED"), Some("odd")][..]),
        select(&[Some("ACTIVE"), Some("ACTIVE"), Some("ACTIVE"), Some("ARCHIVED"), None][..]),
        select(&[Some("CRITICAL"), Some("HIGH"), Some("LOW"), Some("INFORMATIONAL"), None][..]),
    );
    // A control id of Security Hub does not make it evidence of Security Hub.
    let control = select(&[None, Some(CONTROLS[0]), Some(CONTROLS[2]), Some(CONTROLS[4])][..]);
    let age = select(&["1h", "1h", "2h", "37h", "-1h"][..]);
    (about, place, says, control, age).prop_map(
        |((product, generator, resource), (account, region), says, control, age)| {
            let text = |word: Option<&str>| word.map(str::to_owned);
            signal(product, generator, resource).aged(age).change(|finding| {
                finding.id = format!("{product}/{generator}/{resource}/{account}/{region}");
                account.clone_into(&mut finding.account_id);
                region.clone_into(&mut finding.region);
                (finding.compliance, finding.workflow) = (text(says.0), text(says.1));
                (finding.record_state, finding.severity) = (text(says.2), text(says.3));
                finding.control_id = text(control);
                finding.types = vec!["TTPs/x".to_owned()];
            })
        },
    )
}

pub fn signals() -> impl Strategy<Value = Vec<Finding>> {
    prop::collection::vec(any_signal(), 0..40)
}

fn index(interests: &Interests, findings: &[Finding]) -> FindingIndex {
    let mut index = FindingIndex::new(catalog());
    index.set_interests(interests);
    index.upsert(findings);
    index
}

fn saved(index: &FindingIndex) -> Vec<u8> {
    let mut bytes = Vec::new();
    index.save(&mut bytes).unwrap();
    bytes
}

fn everyone() -> BTreeMap<Region, BTreeSet<AccountId>> {
    [HOME, LINKED, FAR].map(|region| (region.to_owned(), [ACCOUNT, OTHER, ADMIN].map(id).into())).into()
}

/// Of each finding one version.
fn newest(findings: Vec<Finding>) -> Vec<Finding> {
    let by_id: BTreeMap<String, Finding> = findings.into_iter().map(|finding| (finding.id.clone(), finding)).collect();
    by_id.into_values().collect()
}

/// A control about everything that the scanner finds.
fn own_catalog() -> Arc<Catalog> {
    static OWN: OnceLock<Arc<Catalog>> = OnceLock::new();
    let made = || {
        let spec = serde_json::json!({
            "extends": "soc2",
            "criteria": [{"id": "CC6.1", "controls": [{"id": "Own.1", "confidence": "Direct", "source": "SEC-77"}]}],
            "controls": [{"id": "Own.1", "title": "All is well", "severity": "Low", "match": {"generatorId": "acme/7"}}],
        });
        Arc::new(Catalog::extended(catalog(), &serde_json::from_value(spec).unwrap(), "own").unwrap())
    };
    Arc::clone(OWN.get_or_init(made))
}

/// Everything that an assessment shows.
fn shown(scene: &Scene, index: FindingIndex) -> String {
    let world = World { index, ..scene.world() };
    let assessment = scene.assess_world(&world).unwrap();
    let postures: Vec<_> = assessment.accounts().map(|account| assessment.posture(account, &world.index)).collect();
    format!("{postures:?} {:?} {:?} {:?}", assessment.status(), assessment.conditions(), assessment.next_change_at())
}

proptest! {
    #![proptest_config(config())]

    /// Rule 4: whatever other products say, and whoever wants to know it, changes no control of Security Hub.
    #[test]
    fn other_products_never_get_into_controls_of_security_hub(
        scene in any_scene(),
        interests in any_interests(),
        others in signals(),
        listed in signals(),
    ) {
        let without = shown(&scene, scene.index());
        let mut with = index(&interests, &others);
        with.upsert(&scene.findings);
        with.upsert(&others);
        with.refresh(&others);
        let mut sweep = with.sweep(&BTreeSet::new());
        sweep.add(&others);
        let everyone = everyone();
        with.install(&BTreeSet::new(), &everyone.keys().cloned().collect(), sweep);
        let mut batch = with.signals();
        batch.add(&listed);
        let read: Vec<Interest> = interests.iter().collect();
        with.install_signals(&read, &everyone, batch);
        prop_assert_eq!(with.count(), scene.index().count());
        prop_assert_eq!(shown(&scene, with), without);
    }

    /// A control of an organization's own, about anything that other products find, changes none of Security Hub's.
    #[test]
    fn own_controls_change_no_control_of_security_hub(scene in any_scene(), others in signals(), read in any::<bool>()) {
        let own = scene.clone().with(others).but(|scene| scene.catalog = Some(own_catalog()));
        let own = if read { own.others_read() } else { own };
        for account in own.assess().accounts() {
            let posture = |scene: &Scene| scene.assess().posture(account, &scene.index()).unwrap();
            let (with, without) = (posture(&own), posture(&scene));
            for control in catalog().controls() {
                prop_assert_eq!(check(&with, &control.id), check(&without, &control.id), "{} {}", account, control.id);
            }
        }
    }

    /// Promise 1, for them: no pass unless everything that was found is a fresh pass, and all was read.
    #[test]
    fn an_own_control_passes_only_on_fresh_passes(
        scene in any_scene(),
        others in signals(),
        unread in prop::option::of(select(&[HOME, LINKED][..])),
    ) {
        let others = newest(others);
        let scene = scene.with(others.clone()).but(|scene| scene.catalog = Some(own_catalog())).others_read().but(|scene| {
            let unread = scene.sources.regions.iter_mut().filter(|hub| Some(hub.region.as_str()) == unread);
            unread.for_each(|hub| hub.signals.clear());
        });
        for account in scene.assess().accounts() {
            let found = check(&scene.assess().posture(account, &scene.index()).unwrap(), "Own.1");
            // Who cannot say where it is, or whether it is current, is neither archived nor dealt with.
            let usable = |finding: &Finding| finding.record_state.is_some() && !finding.region.is_empty();
            let about = |finding: &&Finding| {
                finding.account_id == account.to_string()
                    && finding.generator_id.as_deref() == Some("acme/7")
                    && !(usable(finding) && finding.record_state.as_deref() == Some("ARCHIVED"))
            };
            let mine: Vec<&Finding> = others.iter().filter(about).collect();
            let fails = |finding: &&Finding| {
                let is = |word: &str| usable(finding) && finding.workflow.as_deref() == Some(word);
                match finding.compliance.as_deref() {
                    Some("FAILED") => !is("SUPPRESSED"),
                    None => !is("SUPPRESSED") && !is("RESOLVED"),
                    Some(_) => false,
                }
            };
            let failed = mine.iter().any(fails) && !found.starts_with("NotApplicable: AccountSuspended");
            prop_assert_eq!(found == "Failed: FindingsFailed", failed, "{}", found);
            if found == "Passed" {
                let passes = |finding: &&Finding| {
                    let updated: jiff::Timestamp = finding.updated_at.as_deref().unwrap().parse().unwrap();
                    let age = scene.now.duration_since(updated);
                    let fresh = !age.is_negative() && age <= jiff::SignedDuration::from_hours(36);
                    finding.compliance.as_deref() == Some("PASSED") && fresh
                };
                prop_assert!(!mine.is_empty() && mine.iter().all(passes));
                // Every Region that shows the account was read.
                let shows = |hub: &HubRegion| {
                    let member = hub.account == Some(account) || hub.members.contains(&account);
                    hub.error.is_none() && member && hub.serves.as_ref().is_none_or(|serves| serves.contains(&account))
                };
                let shown: BTreeSet<&str> = scene.sources.regions.iter().filter(|hub| shows(hub)).map(|hub| hub.region.as_str()).collect();
                prop_assert!(unread.is_none_or(|unread| !shown.contains(unread)), "{:?}", unread);
            }
        }
    }

    /// Assessing again what changed comes to the same as assessing everything.
    #[test]
    fn reassessing_sees_every_change(scene in any_scene(), before in signals(), news in signals(), listed in signals()) {
        let age = serde_json::json!({"type": "CriticalFindingsAge", "maxAge": "24h", "severity": "Low"});
        let scene = scene
            .profile(serde_json::json!({"objectives": [age]}))
            .but(|scene| scene.catalog = Some(own_catalog()))
            .others_read()
            .with(before);
        let (first, mut index) = (scene.assess(), scene.index());
        let mut changed = index.upsert(&news).accounts;
        let mut batch = index.signals();
        batch.add(&listed);
        let read: Vec<Interest> = scene.interests().iter().collect();
        changed.extend(index.install_signals(&read, &everyone(), batch).accounts);
        let world = World { index, ..scene.world() };
        let again = reassess(first, &scene.wanted().desired(), &world, &changed, scene.now).unwrap();
        let anew = assess(&scene.wanted().desired(), &world, &Memory::default(), scene.now).unwrap();
        let shown = |assessment: &Assessment| {
            let postures: Vec<_> = assessment.accounts().map(|id| assessment.posture(id, &world.index)).collect();
            format!("{postures:?} {:?} {:?}", assessment.objectives(), assessment.next_change_at())
        };
        prop_assert_eq!(shown(&again), shown(&anew));
    }

    /// Versions may come in any order, and twice.
    #[test]
    fn the_order_of_versions_does_not_matter(
        interests in any_interests(),
        (seen, shuffled) in signals().prop_flat_map(|seen| (Just(seen.clone()), shuffled(seen))),
        page in 1..9_usize,
    ) {
        let mut pages = FindingIndex::new(catalog());
        pages.set_interests(&interests);
        shuffled.chunks(page).for_each(|page| drop(pages.upsert(page)));
        same(pages, index(&interests, &seen), &seen)?;
    }

    /// After a complete reading the index is what was read, whatever was there before; pages in any order, rows twice.
    #[test]
    fn a_reading_brings_the_truth(
        interests in any_interests(),
        before in signals(),
        (seen, shuffled) in signals().prop_flat_map(|seen| (Just(seen.clone()), shuffled(seen))),
    ) {
        let truth = |findings: Vec<Finding>| -> Vec<Finding> {
            let active = findings.into_iter().filter(|finding| finding.record_state.as_deref() != Some("ARCHIVED"));
            // AWS shows versions at least as new as what was seen before.
            active.map(|finding| finding.aged("-19h")).collect()
        };
        let (seen, shuffled) = (truth(seen), truth(shuffled));
        let mut old = index(&interests, &before);
        let read: Vec<Interest> = interests.iter().collect();
        let mut batch = old.signals();
        shuffled.chunks(5).for_each(|page| batch.add(page));
        old.install_signals(&read, &everyone(), batch);
        same(old, index(&interests, &seen), &seen)?;
    }

    #[test]
    fn saving_and_loading_changes_nothing(interests in any_interests(), seen in signals(), news in signals()) {
        let mut index = index(&interests, &seen);
        let mut loaded = FindingIndex::load(catalog(), &mut saved(&index).as_slice()).unwrap();
        prop_assert_eq!(saved(&loaded), saved(&index));
        prop_assert_eq!(loaded.upsert(&news), index.upsert(&news));
        prop_assert_eq!(loaded.signal_count(), index.signal_count());
    }
}

/// Whether two indexes hold the same: as many findings, and the versions of which nothing is newer or worse.
fn same(mut one: FindingIndex, mut other: FindingIndex, all: &[Finding]) -> Result<(), TestCaseError> {
    prop_assert_eq!(one.signal_count(), other.signal_count());
    prop_assert_eq!(one.upsert(all).accounts, BTreeSet::new());
    prop_assert_eq!(other.upsert(all).accounts, BTreeSet::new());
    Ok(())
}
