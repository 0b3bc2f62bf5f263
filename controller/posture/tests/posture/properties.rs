//! What holds of assessments in every world.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use proptest::prelude::*;
use soc2_crds::AccountPostureSpec;
use soc2_posture::finding::Finding;
use soc2_posture::{Assessment, FindingIndex, Memory, World, assess, reassess};

use crate::oracle;
use crate::scene::{ACCOUNT, FindingExt, Scene, catalog, check, finding, id};
use crate::worlds::{
    CONTROLS, OTHER, any_attestations, any_attested_scene, any_exceptions, any_finding, any_scene, any_waived_scene,
    findings, shuffled,
};

fn posture(scene: &Scene, account: &str) -> AccountPostureSpec {
    scene.assess().posture(id(account), &scene.index()).unwrap()
}

fn passed(state: &str) -> bool {
    state.starts_with("Passed")
}

/// Everything that is shown of an assessment.
fn shown(assessment: &Assessment, index: &FindingIndex) -> impl PartialEq + std::fmt::Debug + use<> {
    let postures: Vec<_> = assessment.accounts().map(|account| assessment.posture(account, index)).collect();
    let owners = (assessment.exceptions(), assessment.activities(), assessment.objectives());
    let sums = (assessment.status(), assessment.conditions(), assessment.metrics());
    (postures, owners, sums, assessment.next_change_at())
}

fn with_index(scene: &Scene, index: FindingIndex) -> World {
    World { index, ..scene.world() }
}

proptest! {
    #![proptest_config(config())]

    /// The rules as they are written, done in another way, come to the same.
    #[test]
    fn every_check_is_what_the_rules_say(scene in any_waived_scene()) {
        for account in oracle::targets(&scene) {
            let posture = posture(&scene, &account);
            for control in catalog().controls() {
                let expected = oracle::check(&scene, &account, control);
                prop_assert_eq!(check(&posture, &control.id), expected, "{} {}", account, control.id);
            }
        }
    }

    /// Inside a criterion exceptions that name it count too.
    #[test]
    fn every_criterion_is_what_the_rules_say(scene in any_waived_scene()) {
        for account in oracle::targets(&scene) {
            let criteria = posture(&scene, &account).criteria;
            let security = |criterion: &&soc2_catalog::Criterion| criterion.category == soc2_catalog::TscCategory::Security;
            for criterion in catalog().criteria().iter().filter(security) {
                let lists = [
                    ("Failed", &criteria.failed),
                    ("Unknown", &criteria.unknown),
                    ("Excepted", &criteria.excepted),
                    ("Passed", &criteria.passed),
                    ("NotApplicable", &criteria.not_applicable),
                ];
                let found: Vec<&str> =
                    lists.iter().filter(|(_, ids)| ids.contains(&criterion.id)).map(|(state, _)| *state).collect();
                let expected: Vec<&str> = oracle::criterion(&scene, &account, &criterion.id).into_iter().collect();
                prop_assert_eq!(found, expected, "{} {}", account, criterion.id);
            }
        }
    }

    /// Promise 4: with exceptions nothing passes that would not pass without, nothing that passes is touched, and each check
    /// becomes at most Excepted, or the Unknown that a failure hid.
    #[test]
    fn an_exception_never_makes_anything_pass(scene in any_waived_scene()) {
        let mut without = scene.clone();
        without.exceptions.clear();
        for account in oracle::targets(&scene) {
            let (before, after) = (posture(&without, &account), posture(&scene, &account));
            prop_assert_eq!(&before.passed, &after.passed);
            prop_assert_eq!(&before.nothing_to_check, &after.nothing_to_check);
            prop_assert_eq!(&before.not_applicable, &after.not_applicable);
            for control in CONTROLS {
                let (before, after) = (check(&before, control), check(&after, control));
                let left = after.starts_with("Unknown") && ["Failed", "Unknown"].iter().any(|word| before.starts_with(word));
                prop_assert!(before == after || after == "Excepted: Excepted" || left, "{}: {} {}", control, before, after);
            }
        }
        let (before, after) = (without.assess().metrics(), scene.assess().metrics());
        prop_assert_eq!(before.checks.passed, after.checks.passed);
        // Where everything is waived there is no ratio, and without waivers it is 0.
        let unwaived = after.unwaived_ratio.unwrap_or_default();
        prop_assert!(unwaived <= after.compliance_ratio.unwrap_or_default(), "{:?}", after);
    }

    /// What does not hold now, or is not granted, changes nothing.
    #[test]
    fn exceptions_that_do_not_hold_change_nothing(scene in any_waived_scene(), at in any::<bool>()) {
        let mut scene = scene;
        for one in &mut scene.exceptions {
            let times = if at {
                serde_json::json!({"startsAt": scene.now - SignedDuration::from_hours(99), "expiresAt": scene.now})
            } else {
                serde_json::json!({"startsAt": scene.now + SignedDuration::from_secs(1), "expiresAt": scene.now + SignedDuration::from_hours(9)})
            };
            *one = one.clone().but(times);
        }
        let mut without = scene.clone();
        without.exceptions.clear();
        let (with, without) = (scene.assess(), without.assess());
        prop_assert_eq!(with.metrics(), without.metrics());
        for account in with.accounts() {
            prop_assert_eq!(with.posture(account, &scene.index()), without.posture(account, &scene.index()));
        }
    }

    /// Promise 1: no pass without a finding of Security Hub itself that passed, is fresh, active and not suppressed.
    #[test]
    fn nothing_passes_without_fresh_passing_evidence(scene in any_scene()) {
        for account in oracle::targets(&scene) {
            let posture = posture(&scene, &account);
            for control in posture.passed.iter().chain(&posture.nothing_to_check) {
                prop_assert!(scene.findings.iter().any(|finding| is_fresh_pass(&scene, finding, &account, control)), "{}", control);
            }
        }
    }

    /// The same worlds without any such finding: nothing passes at all, and nobody is compliant.
    #[test]
    fn without_passing_evidence_nothing_passes(scene in any_scene()) {
        let mut scene = scene;
        let all = scene.findings.clone();
        scene.findings.retain(|finding| {
            let account = finding.account_id.clone();
            let control = finding.control_id.clone().unwrap_or_default();
            !is_fresh_pass(&all_scene(&scene.profile, scene.now), finding, &account, &control)
        });
        prop_assert!(scene.findings.len() <= all.len());
        let assessment = scene.assess();
        prop_assert_eq!(assessment.metrics().checks.passed, 0);
        let compliant = &assessment.conditions()[0];
        prop_assert!(compliant.reason != "TechnicallyCompliant", "{:?}", compliant);
        let excepted = assessment.metrics().checks.excepted;
        let labels: Vec<&str> =
            assessment.accounts().map(|account| assessment.compliant(account).unwrap().as_str()).collect();
        prop_assert!(excepted > 0 || !labels.contains(&"true"));
    }

    #[test]
    fn order_pages_and_duplicates_do_not_matter(
        (scene, other_order) in any_scene().prop_flat_map(|scene| {
            let findings = scene.findings.clone();
            (Just(scene), shuffled(findings))
        }),
        page in 1..20_usize,
        by_sweep in any::<bool>(),
    ) {
        let mut index = FindingIndex::new(catalog());
        if by_sweep {
            let accounts = [ACCOUNT, OTHER].map(id).into();
            let mut batch = index.sweep(&accounts);
            other_order.chunks(page).for_each(|page| batch.add(page));
            index.install(&accounts, &["eu-west-1".to_owned()].into(), batch);
        } else {
            other_order.chunks(page).for_each(|page| drop(index.upsert(page)));
        }
        let one = scene.assess();
        let world = with_index(&scene, index);
        let other = assess(&scene.wanted().desired(), &world, &Memory::default(), scene.now).unwrap();
        prop_assert_eq!(shown(&one, &scene.index()), shown(&other, &world.index));
    }

    /// What changes: findings, time, sources, accounts, exceptions, attestations, profile. What is said to have changed: the findings' accounts.
    #[test]
    fn reassessing_comes_to_the_same_as_assessing(
        before in any_attested_scene(),
        after in any_attested_scene(),
        (exceptions, attestations) in (any_exceptions(), any_attestations()),
        (same_exceptions, same_attestations) in (any::<bool>(), any::<bool>()),
        news in findings(),
        hours in 0..200_i64,
        same_sources in prop::bool::weighted(0.8),
        same_organization in prop::bool::weighted(0.8),
        same_profile in prop::bool::weighted(0.9),
    ) {
        let mut world = before.world();
        let first = before.assess();
        let mut then = before.clone();
        if !same_sources {
            then.sources = after.sources.clone();
        }
        if !same_organization {
            then.organization = after.organization.clone();
        }
        if !same_profile {
            then.profile = after.profile.clone();
        }
        if !same_exceptions {
            then.exceptions = exceptions;
        }
        if !same_attestations {
            then.attestations = attestations;
        }
        then.now = before.now + SignedDuration::from_hours(hours);
        let changed = world.index.upsert(&news).accounts;
        world.sources = then.sources.clone();
        world.organization = Some(then.organization.clone());

        let memory = first.memory();
        let all = assess(&then.wanted().desired(), &world, &memory, then.now).unwrap();
        let old = first.clone();
        let some = reassess(first, &then.wanted().desired(), &world, &changed, then.now).unwrap();
        if let Some(renewed) = some.renewed() {
            for account in some.accounts().filter(|account| !renewed.contains(account)) {
                prop_assert_eq!(some.posture(account, &world.index), old.posture(account, &world.index));
            }
        }
        prop_assert_eq!(&some, &all);
        prop_assert_eq!(shown(&some, &world.index), shown(&all, &world.index));
    }

    /// Until `next_change_at` nothing changes but the time.
    #[test]
    fn nothing_changes_before_it_is_said_to(scene in any_attested_scene(), percent in 0..=100_i32) {
        let first = scene.assess();
        let Some(next) = first.next_change_at() else { return Ok(()) };
        prop_assert!(next > scene.now);
        let span = next.duration_since(scene.now) - SignedDuration::from_millis(1);
        let wait = span / 100 * percent;
        let then = scene.clone().but(|scene| scene.now += wait);
        let second = assess(&then.wanted().desired(), &then.world(), &first.memory(), then.now).unwrap();
        prop_assert_eq!(shown(&first, &scene.index()), shown(&second, &then.index()));
    }

    /// Evidence that passed can make things better only by being there: losing it makes nothing pass.
    #[test]
    fn losing_a_pass_makes_nothing_pass(scene in any_scene(), at in any::<prop::sample::Index>()) {
        // Of each finding one version: a version that is lost might uncover an older one.
        let mut scene = scene;
        let mut ids = BTreeSet::new();
        scene.findings.retain(|finding| ids.insert(finding.id.clone()));
        let passes = |finding: &Finding| {
            finding.record_state.as_deref() == Some("ARCHIVED")
                || is_fresh_pass(&scene, finding, &finding.account_id, finding.control_id.as_deref().unwrap_or_default())
        };
        let passing: Vec<usize> = (0..scene.findings.len()).filter(|at| passes(&scene.findings[*at])).collect();
        prop_assume!(!passing.is_empty());
        let mut less = scene.clone();
        less.findings.remove(passing[at.index(passing.len())]);
        for account in oracle::targets(&scene) {
            let (before, after) = (posture(&scene, &account), posture(&less, &account));
            for control in CONTROLS {
                let (before, after) = (check(&before, control), check(&after, control));
                prop_assert!(passed(&before) || !passed(&after), "{} {}: {} {}", account, control, before, after);
            }
        }
    }

    /// Whatever else comes: of a control that fails freshly nothing but Failed is said.
    #[test]
    fn a_fresh_failure_is_never_hidden(scene in any_scene(), news in prop::collection::vec(any_finding(), 0..20)) {
        let failure = finding("S3.2").resource("its own").failed();
        let scene = scene.with([failure]).with(news);
        let state = check(&posture(&scene, ACCOUNT), "S3.2");
        prop_assert!(["Failed: FindingsFailed", "NotApplicable: AccountSuspended", "-"].contains(&state.as_str()), "{}", state);
    }

    /// Sums are sums.
    #[test]
    fn numbers_agree(scene in any_scene()) {
        let (assessment, index) = (scene.assess(), scene.index());
        let postures: Vec<_> = assessment.accounts().map(|account| assessment.posture(account, &index).unwrap()).collect();
        let checks = assessment.status().checks.unwrap();
        let sum = |of: fn(&AccountPostureSpec) -> u32| postures.iter().map(|posture| u64::from(of(posture))).sum::<u64>();
        prop_assert_eq!(checks.passed, sum(|posture| posture.summary.passed));
        prop_assert_eq!(checks.failed, sum(|posture| posture.summary.failed));
        prop_assert_eq!(checks.unknown, sum(|posture| posture.summary.unknown));
        prop_assert_eq!(checks.excepted, sum(|posture| posture.summary.excepted));
        prop_assert_eq!(checks.not_applicable, sum(|posture| posture.summary.not_applicable));
        for posture in &postures {
            let listed = posture.passed.len() + posture.nothing_to_check.len();
            prop_assert_eq!(listed, posture.summary.passed as usize);
            prop_assert_eq!(posture.controls.len(), (posture.summary.failed + posture.summary.excepted) as usize);
        }
        let metrics = assessment.metrics();
        let of_controls: u32 = metrics.controls.iter().map(|control| control.accounts.failed).sum();
        prop_assert_eq!(u64::from(of_controls), checks.failed);
    }
}

/// Cases that fail are not kept in files: the tables are where they go.
pub fn config() -> ProptestConfig {
    ProptestConfig { max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::with_cases(cases(200)) }
}

/// `PROPTEST_CASES` overrides; a soak does a hundred times as many.
fn cases(usual: u32) -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(if std::env::var_os("SOC2_SOAK").is_some() { usual * 100 } else { usual })
}

/// A scene of which only profile and time matter.
fn all_scene(profile: &soc2_crds::ComplianceProfileSpec, now: jiff::Timestamp) -> Scene {
    let mut scene = Scene::silent();
    scene.profile = profile.clone();
    scene.now = now;
    scene
}

/// What promise 1 asks for, by the words of the finding alone.
fn is_fresh_pass(scene: &Scene, finding: &Finding, account: &str, control: &str) -> bool {
    let limit: SignedDuration = scene.profile.freshness.parse().unwrap();
    let time = finding.updated_at.as_ref().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    finding.product_arn.ends_with("::product/aws/securityhub")
        && finding.account_id == account
        && finding.control_id.as_deref() == Some(control)
        && finding.compliance.as_deref() == Some("PASSED")
        && matches!(finding.workflow.as_deref(), None | Some("NEW" | "NOTIFIED" | "RESOLVED"))
        && finding.record_state.as_deref() == Some("ACTIVE")
        && time.is_some_and(|time| time <= scene.now && scene.now.duration_since(time) <= limit)
}
