//! Several baselines in one policy, where slots are short.

use soc2_catalog::Guardrail;
use soc2_guardrails::{Mode, SetInput};

use crate::model::{World, add_policy, counts, deny, guardrail, set, units, words};

const NAMES: [&str; 4] = ["b-one", "b-two", "b-three", "b-four"];

/// A guardrail with a Sid of its own.
pub fn named(name: &str, action: &str) -> Guardrail {
    let mut made = guardrail(name, action);
    made.statements[0].sid = format!("Deny{}", name.replace('-', ""));
    made
}

pub fn world() -> World {
    let mut world = World::new(&["Workloads/Prod 333333333333 444444444444", "Sandbox 666666666666"]);
    world.library = NAMES.iter().map(|name| named(name, &format!("svc:{}", name.replace('-', "")))).collect();
    world
}

fn of(world: &World, baselines: &[&str]) -> Vec<SetInput> {
    vec![set("all", Mode::Enforce, units(&world.org, &["Workloads"], &[]), baselines)]
}

/// Policies of others on the set's target, so that it has room for so many of ours besides what is kept free.
fn room(world: &mut World, free: usize) {
    world.inventory.policies.retain(|id, _| !id.starts_with("p-foreign"));
    for number in 0..7 - free {
        add_policy(&mut world.inventory, &format!("p-foreign{number}"), &deny("s3:*"), &["ou-workloads"]);
    }
}

fn settle(world: &mut World, sets: &[SetInput]) {
    for _ in 0..6 {
        let plan = world.plan(sets);
        world.apply(&plan.steps);
        if plan.steps.is_empty() {
            world.apply(&plan.sets[0].removals);
        }
    }
    let plan = world.plan(sets);
    assert!(plan.sets[0].in_sync && plan.sets[0].removals.is_empty(), "{:?}", plan.sets);
}

fn ours(world: &World) -> Vec<String> {
    let ours = world.inventory.policies.values().filter(|policy| world.owner.owns(policy));
    let mut names: Vec<String> = ours.map(|policy| policy.tags["soc2-operator.dev/baseline"].clone()).collect();
    names.sort();
    names
}

#[test]
fn what_does_not_fit_one_by_one_goes_together() {
    let mut world = world();
    room(&mut world, 2);
    let sets = of(&world, &NAMES[..3]);
    let plan = world.plan(&sets);
    assert_eq!(plan.sets[0].refused, None);
    assert_eq!(plan.sets[0].counts(), counts(1, 0, 1), "{:?}", words(&plan.steps));
    assert!(words(&plan.steps)[0].starts_with("create policy soc2-acme-pack-"), "{:?}", words(&plan.steps));
    let baseline = &plan.sets[0].baselines[0];
    assert_eq!(baseline.packed_with.len(), 2);
    settle(&mut world, &sets);
    assert_eq!(ours(&world), ["pack/all/1"]);
    let content = world.inventory.policies.values().find(|policy| world.owner.owns(policy)).unwrap().content.clone();
    for sid in ["Denybone", "Denybtwo", "Denybthree"] {
        assert!(content.contains(sid), "who is denied finds {sid} in AWS's message: {content}");
    }
    // Slots become free: a statement stays in its policy.
    room(&mut world, 7);
    assert!(world.plan(&sets).sets[0].in_sync);
    // One more has a slot of its own; without one it joins.
    let four = of(&world, &NAMES);
    assert_eq!(world.plan(&four).sets[0].counts(), counts(1, 0, 1));
    room(&mut world, 1);
    let plan = world.plan(&four);
    assert_eq!(plan.sets[0].counts(), counts(0, 1, 0), "{:?}", words(&plan.steps));
    assert!(!plan.sets[0].weakens());
    settle(&mut world, &four);
    assert_eq!(ours(&world), ["pack/all/1"]);
}

#[test]
fn what_is_in_place_alone_is_folded_in_only_where_nothing_else_does() {
    let mut world = world();
    room(&mut world, 3);
    let three = of(&world, &NAMES[..3]);
    settle(&mut world, &three);
    assert_eq!(ours(&world), ["b-one", "b-three", "b-two"]);
    // The fourth has no slot; the one kept free is enough to replace one of the others.
    let four = of(&world, &NAMES);
    let plan = world.plan(&four);
    assert_eq!(plan.sets[0].refused, None, "{:?}", plan.sets[0].refused);
    assert_eq!(plan.sets[0].counts().create, 1);
    world.apply(&plan.steps);
    let plan = world.plan(&four);
    assert!(plan.steps.is_empty() && !plan.sets[0].weakens(), "{:?}", words(&plan.sets[0].removals));
    assert_eq!(plan.sets[0].counts().detach, 1, "one of the old ones");
    settle(&mut world, &four);
    assert_eq!(ours(&world).len(), 3);
    assert!(ours(&world).contains(&"pack/all/1".to_owned()));
}

#[test]
fn what_does_not_fit_together_either_is_refused_with_numbers() {
    let mut world = world();
    room(&mut world, 1);
    world.limits.max_characters = 150;
    let plan = world.plan(&of(&world, &NAMES));
    let refused = plan.sets[0].refused.clone().unwrap();
    assert_eq!(refused.reason, "NoFreeSlot");
    let numbers = "with 4 to attach, 1 reserved and 1 kept free for replacing one, that is 13 of 10; put together, its 4 baselines \
                   would still need 4 policies of at most 150 characters";
    assert!(refused.message.ends_with(numbers), "{refused}");
    assert!(plan.steps.is_empty(), "never half applied");
}

#[test]
fn a_set_without_a_slot_is_told_which_other_could_make_room() {
    let mut world = world();
    room(&mut world, 2);
    let two = of(&world, &NAMES[..2]);
    settle(&mut world, &two);
    let later = set("later", Mode::Enforce, units(&world.org, &["Workloads"], &[]), &NAMES[2..3]);
    let sets = [&two[..], std::slice::from_ref(&later)].concat();
    let plan = world.plan(&sets);
    let refused = plan.sets[1].refused.clone().unwrap();
    let told = "GuardrailSet all has 2 policies there that would go into 1: policies are put together within one set only, so name its \
                baselines and these in one set";
    assert!(refused.reason == "NoFreeSlot" && refused.message.ends_with(told), "{refused}");
    assert_eq!((plan.sets[0].refused.clone(), plan.steps.len()), (None, 0), "nothing is moved for another set's sake");
    // As told: there is room.
    let one = of(&world, &NAMES[..3]);
    settle(&mut world, &one);

    // Elsewhere, or too large to go together: nothing is said of it.
    let mut world = self::world();
    room(&mut world, 2);
    world.limits.max_characters = 150;
    settle(&mut world, &two);
    let refused = world.plan(&sets).sets[1].refused.clone().unwrap();
    assert!(refused.reason == "NoFreeSlot" && !refused.message.contains("GuardrailSet all"), "{refused}");
}

#[test]
fn a_baseline_that_leaves_a_pack_goes_last_and_with_an_approval() {
    let mut world = world();
    room(&mut world, 1);
    let three = of(&world, &NAMES[..3]);
    settle(&mut world, &three);
    let two = of(&world, &NAMES[..2]);
    let plan = world.plan(&two);
    assert!(plan.steps.is_empty() && !plan.sets[0].in_sync, "{:?}", words(&plan.steps));
    let removals = words(&plan.sets[0].removals);
    assert_eq!(removals.len(), 1);
    assert!(removals[0].ends_with("which denies less then") && plan.sets[0].weakens(), "{removals:?}");
    settle(&mut world, &two);
    assert!(!world.inventory.policies.values().any(|policy| policy.content.contains("Denybthree")));

    // A statement that somebody put in is no baseline that left: it is put back at once.
    let id = world.plan(&two).owned[0].clone();
    let good = world.policy(&id).content.clone();
    world.policy(&id).content = good.replace("Denybone", "Mine");
    let plan = world.plan(&two);
    assert_eq!(plan.sets[0].counts(), counts(0, 1, 0));
    settle(&mut world, &two);
    assert_eq!(world.policy(&id).content, good);
}

#[test]
fn the_packs_of_a_set_that_goes_go_with_it() {
    let mut world = world();
    room(&mut world, 1);
    let sets = of(&world, &NAMES[..3]);
    settle(&mut world, &sets);
    let own = world.plan(&sets).sets[0].own.clone();
    assert_eq!(own.len(), 1, "the pack is this set's alone");
    let gone =
        SetInput { removing: true, previous: sets[0].baselines.clone(), baselines: Vec::new(), ..sets[0].clone() };
    let gone = [gone];
    for _ in 0..2 {
        let removals = world.plan(&gone).sets[0].removals.clone();
        world.apply(&removals);
    }
    assert!(ours(&world).is_empty());
}
