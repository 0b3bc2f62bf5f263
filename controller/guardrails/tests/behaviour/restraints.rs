//! What is left alone: holds by a tag, fights, releases, and who did what.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use soc2_guardrails::fight::{REVERTS, Reverts, key, now_there, put_back};
use soc2_guardrails::hold::{Hold, LONGEST, is_about, places, read_tag, subject_of};
use soc2_guardrails::release::place;
use soc2_guardrails::{
    Because, Deed, Drift, PolicyBody, PolicyRef, Release, Ruling, Step, Target, TargetId, TargetKind, responsible,
    withhold,
};

use crate::model::{ALLOW_ALL, FULL_ACCESS, ROOT, World, enforce, unit, units, words};

const LEAVE: &str = "deny-leave-org";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-26T12:00:00Z")
}

fn world() -> World {
    World::new(&["Workloads/Prod 333333333333 444444444444", "Workloads/Dev 555555555555", "Sandbox 666666666666"])
}

fn target(id: &str) -> Target {
    let kind = if id.starts_with("ou-") { TargetKind::Unit } else { TargetKind::Account };
    Target { kind, id: TargetId(id.to_owned()), name: String::new() }
}

fn attach(id: &str) -> Step {
    Step::Attach { policy: PolicyRef::ById("p-1".to_owned()), baseline: LEAVE.to_owned(), target: target(id) }
}

fn body(name: &str) -> PolicyBody {
    PolicyBody { name: name.to_owned(), description: String::new(), content: String::new(), tags: [].into() }
}

#[test]
fn a_tag_holds_for_a_day_at_most_however_often_it_is_looked_at() {
    for (value, known, expected) in [
        ("2026-11-26T13:00:00Z", None, Hold::Until(at("2026-11-26T13:00:00Z"))),
        (" 2026-11-26T14:00:00+01:00 ", None, Hold::Until(at("2026-11-26T13:00:00Z"))),
        ("2026-11-27T12:00:00Z", None, Hold::Until(at("2026-11-27T12:00:00Z"))),
        ("2026-11-27T12:00:01Z", None, Hold::Cut(at("2026-11-27T12:00:00Z"))),
        ("2099-01-01T00:00:00Z", None, Hold::Cut(at("2026-11-27T12:00:00Z"))),
        // Seen before: it ends when it was to end then.
        ("2099-01-01T00:00:00Z", Some("2026-11-26T12:00:05Z"), Hold::Cut(at("2026-11-26T12:00:05Z"))),
        ("2099-01-01T00:00:00Z", Some("2026-11-26T12:00:00Z"), Hold::Over),
        ("2026-11-26T12:00:00Z", None, Hold::Over),
        ("2020-01-01T00:00:00Z", None, Hold::Over),
        ("", None, Hold::NotUnderstood),
        ("tomorrow", None, Hold::NotUnderstood),
        ("2026-11-26", None, Hold::NotUnderstood),
        ("2026-11-26T13:00:00", None, Hold::NotUnderstood),
    ] {
        assert_eq!(read_tag(value, known.map(at), now()), expected, "{value:?} {known:?}");
    }
}

proptest! {
    #[test]
    fn no_tag_holds_for_more_than_a_day(value in any::<String>(), seconds in -400_000_i64..400_000) {
        let latest = now() + LONGEST;
        let written = (now() + SignedDuration::from_secs(seconds)).to_string();
        for value in [value, written] {
            match read_tag(&value, None, now()) {
                Hold::Until(until) | Hold::Cut(until) => prop_assert!(now() < until && until <= latest),
                Hold::Over | Hold::NotUnderstood => {}
            }
        }
    }

    #[test]
    fn whatever_happens_a_fight_needs_five_within_a_day_and_the_rest_is_bounded(
        gaps in proptest::collection::vec(1_i64..20_000, 0..40),
    ) {
        let (mut known, mut time, mut times) = (Vec::new(), now(), Vec::new());
        let there = BTreeSet::from(["x".to_owned()]);
        for gap in gaps {
            known = now_there(known, &there, time);
            let day_before = time - SignedDuration::from_hours(24);
            let lately = times.iter().filter(|at| **at > day_before).count();
            let fighting = known.iter().any(|reverts: &Reverts| reverts.fighting_since.is_some());
            prop_assert_eq!(fighting, lately >= REVERTS);
            if fighting {
                break;
            }
            known = put_back(known, ["x".to_owned()], time);
            times.push(time);
            prop_assert!(known.len() == 1 && known[0].at.len() <= REVERTS);
            time += SignedDuration::from_secs(gap);
        }
    }
}

#[test]
fn a_step_asks_the_policy_its_targets_and_what_is_above_them() {
    let mut world = world();
    let id = world.enforce(&enforce(units(&world.org, &["Workloads"], &[])));
    let (prod, workloads) = (unit("Workloads/Prod"), unit("Workloads"));
    let of = |step: &Step| places(step, &world.inventory, &world.org);
    let by_id = |target_id: &str| Step::Attach {
        policy: PolicyRef::ById(id.clone()),
        baseline: LEAVE.to_owned(),
        target: target(target_id),
    };
    assert_eq!(of(&by_id(&prod)), [id.as_str(), &prod, &workloads, ROOT]);
    assert_eq!(of(&by_id("333333333333")), [id.as_str(), "333333333333", &prod, &workloads, ROOT]);
    let update = Step::Update { id: id.clone(), baseline: LEAVE.to_owned(), policy: body("x"), weakens: false };
    assert_eq!(of(&update), [id.as_str(), &workloads, ROOT], "its content is what holds there");
    assert!(of(&Step::Create { baseline: LEAVE.to_owned(), policy: body("x") }).is_empty());
    let detach =
        Step::Detach { id: id.clone(), baseline: LEAVE.to_owned(), target: TargetId(workloads.clone()), weakens: true };
    assert_eq!(of(&detach), [id.as_str(), &workloads, ROOT]);
    assert_eq!(of(&Step::Delete { id: id.clone(), baseline: LEAVE.to_owned() }), [id.as_str()]);
}

#[test]
fn fights_are_told_apart_by_place_and_by_what_somebody_wrote() {
    let mut world = world();
    let id = world.enforce(&enforce(units(&world.org, &["Workloads"], &[])));
    let update = Step::Update { id: id.clone(), baseline: LEAVE.to_owned(), policy: body("x"), weakens: false };
    let keys = |world: &World| key(&update, world.inventory.policies.get(&id)).unwrap();
    let first = keys(&world);
    world.policy(&id).content = ALLOW_ALL.to_owned();
    let second = keys(&world);
    assert_ne!(first, second);
    assert_ne!(key(&attach("ou-1"), None), key(&attach("ou-2"), None));
    assert_eq!(key(&Step::Delete { id, baseline: LEAVE.to_owned() }, None), None);
}

#[test]
fn a_fight_ends_with_its_difference_and_not_by_waiting() {
    let hour = SignedDuration::from_hours(1);
    let there = BTreeSet::from(["x".to_owned()]);
    let mut known = Vec::new();
    for _ in 0..5 {
        known = put_back(known, ["x".to_owned(), "y".to_owned()], now());
    }
    assert!(
        now_there(known.clone(), &BTreeSet::new(), now()).iter().all(|one| one.fighting_since.is_none()),
        "it did not come back"
    );
    known = now_there(known, &there, now() + hour);
    let fighting = |known: &[Reverts]| {
        known.iter().filter(|one| one.fighting_since.is_some()).map(|one| one.what.clone()).collect::<Vec<_>>()
    };
    assert_eq!(fighting(&known), ["x"]);
    known = now_there(known, &there, now() + 100 * hour);
    assert_eq!(fighting(&known), ["x"], "days later");
    assert_eq!(known.len(), 1, "what did not come back is forgotten");
    known = now_there(known, &BTreeSet::new(), now() + 101 * hour);
    assert!(known.is_empty());
    let many = put_back(Vec::new(), (0..500).map(|n| n.to_string()), now());
    assert_eq!(many.len(), 100);
}

fn release(baseline: &str, target: &str) -> Release {
    Release {
        name: "r".to_owned(),
        baseline: baseline.to_owned(),
        target: TargetId(target.to_owned()),
        until: at("2026-11-26T16:00:00Z"),
        by: "oncall".to_owned(),
        reason: "incident".to_owned(),
    }
}

fn rule(world: &World, release: &Release) -> Ruling {
    let plan = world.plan(&[]);
    release.rule(&world.ground(&plan))
}

#[test]
fn a_release_takes_off_what_is_at_its_target_or_below_and_nothing_above() {
    let mut world = world();
    let sets = enforce(units(&world.org, &["Workloads", "Sandbox"], &[]));
    let id = world.enforce(&sets);
    let (workloads, sandbox) = (unit("Workloads"), unit("Sandbox"));
    let detached = |target: &str| {
        let found = rule(&world, &release(LEAVE, target));
        assert_eq!(found.refused, None, "{target}");
        found
            .detach
            .iter()
            .map(|step| match step {
                Step::Detach { id: policy, target, weakens: true, .. } if *policy == id => target.0.clone(),
                other => panic!("{other}"),
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(detached(&workloads), std::slice::from_ref(&workloads));
    assert_eq!(detached(ROOT), [sandbox, workloads.clone()]);
    for inner in ["333333333333", &unit("Workloads/Prod")] {
        let ruling = rule(&world, &release(LEAVE, inner));
        assert!(ruling.detach.is_empty());
        let refused = ruling.refused.unwrap();
        assert!(
            refused.contains("organizational unit Workloads")
                && refused.contains("3 accounts")
                && refused.contains("\"Workloads\""),
            "{refused}"
        );
        assert!(refused.contains(&format!("for {inner} alone, add it to spec.targets.exclude")), "{refused}");
    }
    assert_eq!(rule(&world, &release("protect-config", &workloads)), Ruling::default(), "it is nowhere");
    assert_eq!(
        words(&rule(&world, &release("*", &workloads)).detach),
        words(&rule(&world, &release(LEAVE, &workloads)).detach)
    );
    // A policy that is not ours is nobody's to take off, and a last policy stays.
    world.policy(&id).tags.clear();
    assert_eq!(rule(&world, &release("*", ROOT)), Ruling::default());
    world.policy(&id).tags = world.owner.tags(LEAVE);
    world.policy(FULL_ACCESS).targets.remove(&workloads);
    let refused = rule(&world, &release(LEAVE, &workloads)).refused.unwrap();
    assert!(refused.contains("without any policy"), "{refused}");
}

#[test]
fn what_is_released_is_kept_off_there_and_below() {
    let org = world().org;
    let release = release(LEAVE, &unit("Workloads"));
    let keeps_off = |baseline: &str, target: &str| release.keeps_off(&org, baseline, &TargetId(target.to_owned()));
    for target in [&unit("Workloads"), &unit("Workloads/Prod"), "333333333333"] {
        assert!(keeps_off(LEAVE, target), "{target}");
    }
    assert!(!keeps_off(LEAVE, ROOT), "others would be without it");
    assert!(!keeps_off(LEAVE, &unit("Sandbox")) && !keeps_off(LEAVE, "666666666666"));
    assert!(!keeps_off("protect-config", &unit("Workloads")));
}

#[test]
fn places_are_named_by_id_or_path() {
    let org = world().org;
    for (text, id) in [
        ("/", ROOT),
        (ROOT, ROOT),
        ("Workloads/Prod", &unit("Workloads/Prod")),
        (&unit("Workloads"), &unit("Workloads")),
        ("333333333333", "333333333333"),
    ] {
        assert_eq!(place(&org, text).unwrap().id.0, id, "{text}");
    }
    for (text, expected) in [
        ("Prod", "there is no organizational unit"),
        ("999999999999", "there is no account"),
        ("111111111111", "management account"),
        ("workloads", "there is no organizational unit"),
    ] {
        assert!(place(&org, text).unwrap_err().contains(expected), "{text}");
    }
}

#[test]
fn a_policy_that_is_not_created_is_not_attached() {
    let by_name = |name: &str| Step::Attach {
        policy: PolicyRef::ByName(name.to_owned()),
        baseline: LEAVE.to_owned(),
        target: target("ou-1"),
    };
    let create = |name: &str| Step::Create { baseline: LEAVE.to_owned(), policy: body(name) };
    let steps = vec![create("a"), create("b"), by_name("a"), by_name("b"), attach("ou-2")];
    let because = Because::Fight { since: now() };
    let (done, withheld) = withhold(steps, |step| (*step == create("a")).then(|| because.clone()));
    assert_eq!(done, [create("b"), by_name("b"), attach("ou-2")]);
    assert_eq!(withheld.iter().map(|one| one.step.clone()).collect::<Vec<_>>(), [create("a"), by_name("a")]);
    assert!(withheld.iter().all(|one| one.because == because));
    assert!(is_about(&by_name("a"), LEAVE) && is_about(&create("a"), LEAVE) && !is_about(&attach("ou-1"), LEAVE));
    assert!(
        is_about(&attach("ou-1"), &format!("{LEAVE} on ou-1"))
            && !is_about(&attach("ou-2"), &format!("{LEAVE} on ou-1"))
    );
}

fn deed(call: &str, when: &str, policy: Option<&str>, target: Option<&str>) -> Deed {
    Deed {
        at: at(when),
        call: call.to_owned(),
        by: format!("arn:aws:iam::111111111111:user/{call}"),
        role: None,
        policy: policy.map(str::to_owned),
        target: target.map(str::to_owned),
    }
}

#[test]
fn the_newest_call_that_can_have_made_a_difference_is_named() {
    let detached = Drift::Detached { baseline: LEAVE.to_owned(), policy: "p-1".to_owned(), target: target("ou-1") };
    let edited = Drift::Edited { baseline: LEAVE.to_owned(), policy: "p-1".to_owned() };
    let missing = Drift::Missing { baseline: LEAVE.to_owned(), name: "n".to_owned(), targets: 1 };
    let elsewhere = Drift::Elsewhere {
        baseline: LEAVE.to_owned(),
        policy: "p-1".to_owned(),
        target: "ou-2".to_owned(),
        inherited: false,
    };
    let deeds = [
        deed("DetachPolicy", "2026-11-25T11:00:00Z", Some("p-1"), Some("ou-1")),
        deed("UpdatePolicy", "2026-11-26T11:00:00Z", Some("p-1"), None),
        deed("DeletePolicy", "2026-11-26T11:01:00Z", Some("p-1"), None),
        deed("AttachPolicy", "2026-11-26T11:02:00Z", Some("p-1"), Some("ou-2")),
        deed("DetachPolicy", "2026-11-26T11:03:00Z", Some("p-2"), Some("ou-1")),
        deed("DetachPolicy", "2026-11-26T11:04:00Z", Some("p-1"), Some("ou-3")),
    ];
    let found = |drift: &Drift, in_place: Option<&str>| {
        responsible(drift, Some("p-1"), &deeds, now(), in_place.map(at)).map(|deed| deed.call.as_str())
    };
    assert_eq!(found(&detached, None), None, "25 hours ago is too long");
    assert_eq!(found(&edited, None), Some("UpdatePolicy"));
    assert_eq!(found(&edited, Some("2026-11-26T11:00:01Z")), None, "it was in place after that");
    assert_eq!(found(&missing, None), Some("DeletePolicy"));
    assert_eq!(found(&elsewhere, None), Some("AttachPolicy"));
    let later = [
        deed("DetachPolicy", "2026-11-26T11:05:00Z", Some("p-1"), Some("ou-1")),
        deed("DisablePolicyType", "2026-11-26T11:04:00Z", None, None),
    ];
    assert_eq!(responsible(&detached, None, &later, now(), None).unwrap().call, "DetachPolicy");
    assert_eq!(responsible(&missing, None, &deeds, now(), None), None, "nobody knows which policy it was");
    assert_eq!(subject_of(&detached).as_deref(), Some("deny-leave-org on ou-1"));
    assert_eq!(subject_of(&elsewhere), None);
}

/// Taking off and putting back, whatever the release: what others have stays, and at the end everything is as it was.
#[test]
fn others_keep_what_they_have_and_the_end_is_as_the_beginning() {
    let start = world();
    let targets = [
        ROOT.to_owned(),
        unit("Workloads"),
        unit("Workloads/Prod"),
        unit("Sandbox"),
        "333333333333".to_owned(),
        "666666666666".to_owned(),
    ];
    for paths in [vec!["Workloads"], vec!["Workloads/Prod", "Sandbox"], vec!["Workloads", "Sandbox"]] {
        for target in &targets {
            let mut world = start.clone();
            let sets = enforce(units(&world.org, &paths, &[]));
            let id = world.enforce(&sets);
            let before = world.policy(&id).targets.clone();
            let release = release(LEAVE, target);
            let ruling = rule(&world, &release);
            world.apply(&ruling.detach);
            for kept in before.difference(&world.policy(&id).targets.clone()) {
                assert!(release.keeps_off(&world.org, LEAVE, &TargetId(kept.clone())), "{target}: {kept}");
            }
            assert!(rule(&world, &release).detach.is_empty(), "once is enough");
            // The plan puts back exactly what is off, and while the release holds all of that is withheld.
            let steps = world.plan(&sets).steps;
            let (done, withheld) = withhold(steps.clone(), |step| match step {
                Step::Attach { baseline, target, .. } if release.keeps_off(&world.org, baseline, &target.id) => {
                    Some(Because::Release { name: "r".to_owned(), until: release.until })
                }
                _ => None,
            });
            assert!(done.is_empty() && withheld.len() == ruling.detach.len(), "{target}: {:?}", words(&done));
            world.apply(&steps);
            assert_eq!(world.policy(&id).targets, before, "{target}");
        }
    }
}
