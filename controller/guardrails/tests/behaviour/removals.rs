//! What is too much: who takes it away, and whether that weakens.

use proptest::prelude::*;
use soc2_guardrails::{Mode, SetInput, Step};

use crate::model::{World, accounts, everything, id, set, units, words};

const LEAVE: &str = "deny-leave-org";

fn world() -> World {
    World::new(&["Workloads/Prod 333333333333 444444444444", "Workloads/Dev 555555555555", "Sandbox 666666666666"])
}

fn one(world: &World, paths: &[&str]) -> Vec<SetInput> {
    vec![set("all", Mode::Enforce, units(&world.org, paths, &[]), &[LEAVE])]
}

#[test]
fn narrower_targets_are_taken_away_and_weaken() {
    let mut world = world();
    let policy = world.enforce(&one(&world, &["Workloads", "Sandbox"]));
    let narrow = one(&world, &["Workloads"]);
    let plan = world.plan(&narrow).sets[0].clone();
    assert!(plan.steps.is_empty() && plan.weakens());
    assert_eq!(words(&plan.removals), [format!("detach {LEAVE} ({policy}) from ou-sandbox, which is without it then")]);
    assert_eq!((plan.changed_accounts, plan.counts().detach), (1, 1));
    assert_ne!(plan.hash, plan.wanted, "what weakens is part of what is approved");
    world.apply(&plan.removals);
    let plan = world.plan(&narrow).sets[0].clone();
    assert!(plan.in_sync && plan.removals.is_empty());
    assert_eq!(plan.hash, plan.wanted);
}

#[test]
fn moving_up_adds_first_and_takes_away_without_weakening() {
    let mut world = world();
    let policy = world.enforce(&one(&world, &["Workloads/Prod"]));
    let wide = one(&world, &["Workloads"]);
    let plan = world.plan(&wide).sets[0].clone();
    // Until the new attachment is there, the old one is all there is.
    assert_eq!(
        words(&plan.steps),
        [format!("attach {LEAVE} ({policy}) to organizational unit Workloads (ou-workloads)")]
    );
    assert!(plan.removals.iter().all(Step::weakens));
    world.apply(&plan.steps);
    let plan = world.plan(&wide).sets[0].clone();
    assert_eq!(words(&plan.removals), [format!("detach {LEAVE} ({policy}) from ou-workloads-prod, which inherits it")]);
    assert!(!plan.weakens() && plan.hash == plan.wanted && plan.in_sync);
}

#[test]
fn a_baseline_that_the_set_no_longer_names_goes_with_its_policy() {
    let mut world = world();
    let mut sets = one(&world, &["Workloads"]);
    sets[0].baselines.push("protect-config".to_owned());
    world.enforce(&sets);
    sets[0].previous = sets[0].baselines.clone();
    sets[0].baselines.pop();
    let plan = world.plan(&sets).sets[0].clone();
    assert_eq!(plan.removals.len(), 1);
    assert!(plan.weakens() && !plan.in_sync, "{:?}", plan.drift);
    world.apply(&plan.removals);
    let plan = world.plan(&sets).sets[0].clone();
    assert!(matches!(&plan.removals[..], [Step::Delete { baseline, .. }] if baseline == "protect-config"));
    assert!(!plan.weakens());
    world.apply(&plan.removals);
    assert!(world.plan(&sets).sets[0].removals.is_empty());
    assert_eq!(world.inventory.policies.len(), 2, "FullAWSAccess and deny-leave-org");
}

#[test]
fn a_set_that_is_removed_takes_all_of_its_own_and_nothing_of_others() {
    let mut world = world();
    let gone = set("gone", Mode::Enforce, units(&world.org, &["Workloads/Prod"], &[]), &[LEAVE, "protect-config"]);
    let other = set("other", Mode::Enforce, units(&world.org, &["Sandbox"], &[]), &[LEAVE]);
    let policy = world.enforce(&[gone.clone(), other.clone()]);
    let sets = [SetInput { removing: true, previous: gone.baselines.clone(), baselines: Vec::new(), ..gone }, other];
    for _ in 0..3 {
        let plan = world.plan(&sets);
        assert!(plan.sets[0].refused.is_none() && plan.sets[0].removing);
        assert!(plan.sets[1].removals.is_empty(), "the other one has nothing to take away");
        world.apply(&plan.sets[0].removals);
    }
    let plan = world.plan(&sets);
    assert!(plan.sets[0].in_sync && plan.sets[0].removals.is_empty() && plan.sets[1].in_sync);
    let targets: Vec<&str> = world.policy(&policy).targets.iter().map(String::as_str).collect();
    assert_eq!(targets, ["ou-sandbox"]);
    assert_eq!(world.inventory.policies.len(), 2);
}

#[test]
fn nothing_is_taken_away_while_a_set_that_names_it_cannot_be_planned() {
    let mut world = world();
    let wide = set("wide", Mode::Enforce, units(&world.org, &["Workloads", "Sandbox"], &[]), &[LEAVE]);
    let policy = world.enforce(std::slice::from_ref(&wide));
    let broken = SetInput { baselines: vec![LEAVE.to_owned(), "no-such".to_owned()], ..wide };
    let narrow = set("narrow", Mode::Enforce, units(&world.org, &["Workloads"], &[]), &[LEAVE]);
    let plan = world.plan(&[narrow.clone(), broken]);
    assert!(plan.sets.iter().all(|set| set.removals.is_empty()), "{:?}", plan.sets);
    // A suspended one is not planned, but what it wants stays.
    let suspended = SetInput { suspended: true, ..set("wide", Mode::Enforce, everything(&world.org), &[LEAVE]) };
    world.policy(&policy).targets.insert("r-ab12".to_owned());
    let removals = words(&world.plan(&[narrow, suspended]).sets[0].removals);
    assert_eq!(removals, [format!("detach {LEAVE} ({policy}) from ou-sandbox, which inherits it")]);
}

#[test]
fn what_was_left_behind_is_nobodys() {
    let mut world = world();
    let sets = one(&world, &["Workloads"]);
    let policy = world.enforce(&sets);
    world.policy(&policy).tags.insert("soc2-operator.dev/retained".to_owned(), "all".to_owned());
    let plan = world.plan(&sets);
    assert!(plan.owned.is_empty() && plan.sets[0].in_sync, "it goes on protecting");
    world.policy(&policy).targets.clear();
    let plan = world.plan(&sets);
    let refused = plan.sets[0].refused.as_ref().unwrap();
    assert_eq!(refused.reason, "NameTaken");
    assert!(refused.message.contains(&format!("adopt: {policy}")), "{refused}");
}

proptest! {
    /// Whatever is asked for after whatever: doing steps and then removals ends with exactly what is wanted, and a removal that does
    /// not weaken leaves no account without what it had.
    #[test]
    fn removals_end_where_they_should(first in 0..5usize, second in 0..5usize) {
        let mut world = world();
        let pick = |world: &World, which: usize| match which {
            0 => everything(&world.org),
            1 => units(&world.org, &["Workloads"], &[]),
            2 => units(&world.org, &["Workloads/Prod", "Sandbox"], &[]),
            3 => accounts(&["333333333333"]),
            _ => units(&world.org, &["Workloads"], &["Workloads/Dev"]),
        };
        world.enforce(&[set("all", Mode::Enforce, pick(&world, first), &[LEAVE])]);
        let sets = [set("all", Mode::Enforce, pick(&world, second), &[LEAVE])];
        world.enforce(&sets);
        let under = |world: &World| -> Vec<bool> {
            let name = world.owner.policy_name(LEAVE);
            let policy = world.inventory.policies.values().find(|policy| policy.name == name).unwrap();
            let has = |account: &&str| {
                let mut path: Vec<String> = world.org.ancestors(&world.org.accounts[&id(account)].parent).iter().map(ToString::to_string).collect();
                path.push((*account).to_owned());
                path.iter().any(|target| policy.targets.contains(target))
            };
            ["333333333333", "444444444444", "555555555555", "666666666666"].iter().map(has).collect()
        };
        let plan = world.plan(&sets).sets[0].clone();
        prop_assert!(plan.steps.is_empty());
        let before = under(&world);
        let (weakening, harmless): (Vec<Step>, Vec<Step>) = plan.removals.into_iter().partition(Step::weakens);
        world.apply(&harmless);
        prop_assert_eq!(&under(&world), &before);
        for step in &weakening {
            world.apply(std::slice::from_ref(step));
        }
        let rest = world.plan(&sets).sets[0].clone();
        prop_assert!(rest.in_sync && rest.removals.is_empty(), "{:?} {:?}", rest.drift, rest.removals);
        prop_assert_eq!(weakening.is_empty(), under(&world) == before);
    }
}

#[test]
fn what_a_refused_set_had_is_left_alone_too() {
    let mut world = world();
    let both = |paths: &[&str], name: &str| set(name, Mode::Enforce, units(&world.org, paths, &[]), &[LEAVE]);
    let (keeps, had) = (both(&["Workloads"], "keeps"), both(&["Sandbox"], "had"));
    world.enforce(&[keeps.clone(), had.clone()]);
    // It no longer names the baseline, and cannot be planned: nobody knows whether it is done with it.
    let refused = SetInput { previous: had.baselines.clone(), baselines: vec!["no-such".to_owned()], ..had };
    let plan = world.plan(&[keeps, refused]);
    assert!(plan.sets.iter().all(|set| set.removals.is_empty()), "{:?}", plan.sets);
}

#[test]
fn a_newcomer_does_not_displace_what_is_in_place() {
    let mut world = world();
    world.reserved_slots = 7;
    let place =
        |name: &str, baseline: &str| set(name, Mode::Enforce, units(&world.org, &["Workloads"], &[]), &[baseline]);
    let old = SetInput { in_place: true, ..place("z-old", LEAVE) };
    let new = place("a-new", "protect-config");
    let refused =
        |sets: &[SetInput]| -> Vec<bool> { world.plan(sets).sets.iter().map(|set| set.refused.is_some()).collect() };
    assert_eq!(refused(&[old.clone(), new.clone()]), [true, false], "there is one slot, and the old one keeps it");
    assert_eq!(refused(&[SetInput { in_place: false, ..old }, new]), [false, true], "else by name");
}
