//! Sets that say different things of one baseline.

use serde_json::{Value, json};
use soc2_catalog::Catalog;
use soc2_guardrails::{Mode, Parameters, Selection, SetInput};

use crate::model::{World, add_policy, counts, deny, everything, set, units, words};

pub const REGIONS: &str = "restrict-regions";

pub fn world() -> World {
    let mut world =
        World::new(&["Workloads/Prod 333333333333 444444444444", "Workloads/Dev 555555555555", "Sandbox 666666666666"]);
    world.library = Catalog::builtin().unwrap().guardrails().to_vec();
    world
}

pub fn parameters(value: &Value) -> Parameters {
    serde_json::from_value(value.clone()).unwrap()
}

/// A set that lets these Regions be used.
pub fn regions(name: &str, selection: Selection, list: &[&str]) -> SetInput {
    let mut set = set(name, Mode::Enforce, selection, &[REGIONS]);
    set.parameters.insert(REGIONS.to_owned(), parameters(&json!({"allowedRegions": list})));
    set
}

/// Our policies: name, Regions in them, targets.
fn ours(world: &World) -> Vec<(String, bool, Vec<String>)> {
    let ours = world.inventory.policies.values().filter(|policy| world.owner.owns(policy));
    let one = |policy: &soc2_guardrails::Policy| {
        (policy.name.clone(), policy.content.contains("us-east-1"), policy.targets.iter().cloned().collect())
    };
    ours.map(one).collect()
}

/// Steps, then removals, until nothing is left.
fn settle(world: &mut World, sets: &[SetInput]) {
    for _ in 0..6 {
        let plan = world.plan(sets);
        world.apply(&plan.steps);
        if plan.steps.is_empty() {
            plan.sets.iter().for_each(|set| world.apply(&set.removals));
        }
    }
    let plan = world.plan(sets);
    assert!(plan.sets.iter().all(|set| set.in_sync && set.removals.is_empty()), "{:?}", plan.sets);
}

#[test]
fn on_different_targets_each_has_a_policy_of_its_own() {
    let mut world = world();
    let wide = regions("a-wide", units(&world.org, &["Workloads"], &[]), &["eu-west-1", "us-east-1"]);
    let narrow = regions("b-narrow", units(&world.org, &["Sandbox"], &[]), &["eu-west-1"]);
    settle(&mut world, std::slice::from_ref(&wide));
    let before = ours(&world);
    let sets = [wide.clone(), narrow.clone()];
    let plan = world.plan(&sets);
    assert!(plan.sets.iter().all(|set| set.refused.is_none() && set.shared.is_empty()), "{:?}", plan.sets);
    assert_eq!(plan.sets[0].counts(), counts(0, 0, 0), "what is in place keeps its policy and its name");
    assert_eq!(plan.sets[1].counts(), counts(1, 0, 1));
    settle(&mut world, &sets);
    assert!(ours(&world).contains(&before[0]));
    assert_eq!(ours(&world).len(), 2);

    // A change of one is a change of its policy, and nothing to the other.
    let stricter = regions("b-narrow", narrow.selection.clone(), &["eu-central-1"]);
    let plan = world.plan(&[wide.clone(), stricter.clone()]);
    assert_eq!((plan.sets[0].counts(), plan.sets[1].counts()), (counts(0, 0, 0), counts(0, 1, 0)));
    settle(&mut world, &[wide.clone(), stricter.clone()]);

    // The first one goes: the other keeps its policy, and the first one's is taken away by it that had it.
    let gone = SetInput { removing: true, previous: wide.baselines.clone(), baselines: Vec::new(), ..wide };
    let plan = world.plan(&[gone.clone(), stricter.clone()]);
    assert_eq!(plan.sets[0].removals.len(), 1, "{:?}", words(&plan.sets[0].removals));
    assert!(plan.steps.is_empty() && plan.sets[1].removals.is_empty() && plan.sets[1].in_sync);
    settle(&mut world, &[gone, stricter]);
    assert_eq!(ours(&world).len(), 1);
    assert_eq!(ours(&world)[0].2, ["ou-sandbox"]);
}

#[test]
fn on_the_same_accounts_the_stricter_holds() {
    let mut world = world();
    let prod = || units(&world.org, &["Workloads/Prod"], &[]);
    let one = regions("one", prod(), &["eu-west-1", "us-east-1"]);
    let other = regions("other", prod(), &["eu-west-1", "us-west-2"]);
    let plan = world.plan(&[one.clone(), other.clone()]);
    assert!(plan.sets.iter().all(|set| set.refused.is_none()), "{:?}", plan.sets);
    let said = |at: usize| plan.sets[at].shared.iter().map(ToString::to_string).collect::<Vec<_>>();
    let words = "restrict-regions: set other wants it with others on some of the accounts; the stricter holds: allowedRegions is \
                 [eu-west-1] there";
    assert_eq!(said(0), [words]);
    assert!(said(1)[0].starts_with("restrict-regions: set one wants it"), "{:?}", said(1));
    settle(&mut world, &[one, other]);
    assert_eq!(ours(&world).len(), 2, "denies add up");
}

#[test]
fn what_cannot_be_had_both_is_refused_with_both_names_and_values() {
    let world = world();
    let all = units(&world.org, &["Workloads"], &[]);
    let part = units(&world.org, &["Workloads/Prod"], &[]);
    let one = regions("one", all, &["eu-west-1"]);
    let other = regions("other", part, &["us-east-1"]);
    let plan = world.plan(&[one.clone(), other]);
    assert_eq!(plan.sets[0].refused, None, "the first one stands");
    let refused = plan.sets[1].refused.clone().unwrap();
    assert_eq!(refused.reason, "BaselineConflict");
    assert_eq!(
        refused.message,
        "baseline restrict-regions: sets one and other want it on the same accounts; parameter allowedRegions is [eu-west-1] and \
         [us-east-1], and nothing is in both: say the same in both, or choose targets that share no account"
    );
    let elsewhere = regions("other", units(&world.org, &["Sandbox"], &[]), &["us-east-1"]);
    assert!(world.plan(&[one, elsewhere]).sets.iter().all(|set| set.refused.is_none()));
}

#[test]
fn a_policy_is_not_changed_where_it_is_not_wanted_any_more() {
    let mut world = world();
    let both = regions("all", units(&world.org, &["Workloads", "Sandbox"], &[]), &["eu-west-1", "us-east-1"]);
    settle(&mut world, std::slice::from_ref(&both));
    let before = ours(&world)[0].clone();
    // Other Regions, and Sandbox is none of its business any more: what is new must not hold there on the way.
    let other = regions("all", units(&world.org, &["Workloads"], &[]), &["eu-central-1"]);
    let plan = world.plan(std::slice::from_ref(&other));
    assert_eq!(plan.sets[0].counts().update, 0, "{:?}", words(&plan.steps));
    assert_eq!((plan.sets[0].counts().create, plan.sets[0].counts().attach), (1, 1));
    world.apply(&plan.steps);
    assert!(ours(&world).contains(&before), "it stands until what is new is enforced");
    settle(&mut world, &[other]);
    assert_eq!(ours(&world).len(), 1);
}

#[test]
fn a_policy_that_somebody_edits_half_way_through_a_move_up_is_put_back_and_not_replaced() {
    let mut world = world();
    let prod = regions("all", units(&world.org, &["Workloads/Prod"], &[]), &["eu-west-1"]);
    settle(&mut world, &[prod]);
    let id =
        world.inventory.policies.iter().find(|(_, policy)| world.owner.owns(policy)).map(|(id, _)| id.clone()).unwrap();
    let content = world.inventory.policies[&id].content.clone();
    let wide = regions("all", units(&world.org, &["Workloads"], &[]), &["eu-west-1"]);
    let plan = world.plan(std::slice::from_ref(&wide));
    world.apply(&plan.steps);
    // It is at both units now. What it is to say holds at the lower one too, by inheritance.
    world.inventory.policies.get_mut(&id).unwrap().content = deny("s3:PutObject");
    let plan = world.plan(std::slice::from_ref(&wide));
    let counts = plan.sets[0].counts();
    assert_eq!((counts.update, counts.create, counts.attach), (1, 0, 0), "{:?}", words(&plan.steps));
    world.apply(&plan.steps);
    assert_eq!(world.inventory.policies[&id].content, content);
    settle(&mut world, &[wide]);
    assert_eq!(ours(&world).len(), 1);
}

#[test]
fn a_replacement_may_take_the_slot_that_is_kept_free_for_it() {
    let mut world = world();
    let org = world.org.clone();
    let two = |name: &str, list: &[&str], path: &str| regions(name, units(&org, &[path], &[]), list);
    let same = ["eu-west-1", "us-east-1"];
    let sets = [two("a", &same, "Workloads"), two("b", &same, "Sandbox")];
    settle(&mut world, &sets);
    assert_eq!(ours(&world).len(), 1);
    // b says something else now: its own policy comes, and the shared one goes from its target.
    let sets = [two("a", &same, "Workloads"), two("b", &["eu-west-1"], "Sandbox")];
    for number in 0..6 {
        add_policy(&mut world.inventory, &format!("p-{number}"), &deny("s3:*"), &["ou-sandbox"]);
    }
    let plan = world.plan(&sets);
    assert_eq!(plan.sets[1].refused, None, "8 there, 1 to attach, 1 reserved: 10 of 10");
    add_policy(&mut world.inventory, "p-7", &deny("s3:*"), &["ou-sandbox"]);
    let refused = world.plan(&sets).sets[1].refused.clone().unwrap();
    assert_eq!(refused.reason, "NoTransitionSlot");
    assert!(refused.message.contains("has 9 policies") && refused.message.contains("that is 11 of 10"), "{refused}");
    world.inventory.policies.remove("p-7");
    settle(&mut world, &sets);
    assert_eq!(ours(&world).len(), 2);
}

#[test]
fn what_an_unplannable_set_may_want_is_not_rewritten_for_another() {
    let mut world = world();
    let had = regions("had", units(&world.org, &["Workloads"], &[]), &["eu-west-1", "us-east-1"]);
    settle(&mut world, std::slice::from_ref(&had));
    let mut broken = had;
    broken.parameters.insert(REGIONS.to_owned(), parameters(&json!({"allowedRegions": ["nowhere"]})));
    let new = regions("new", units(&world.org, &["Sandbox"], &[]), &["eu-central-1"]);
    let plan = world.plan(&[broken, new]);
    assert_eq!(plan.sets[0].refused.clone().unwrap().reason, "BadParameter");
    assert_eq!(plan.sets[1].counts(), counts(1, 0, 1), "{:?}", words(&plan.steps));
}

#[test]
fn sets_of_other_gates_that_say_the_same_keep_their_policies_from_any_interrupted_step() {
    const LEAVE: &str = "deny-leave-org";
    let world = World::new(&["A/B 222222222222 333333333333", "A/C", "D 444444444444 555555555555"]);
    let some = units(&world.org, &["A", "D"], &["A/C"]);
    let first = set("set-0", Mode::Enforce, some.clone(), &[LEAVE]);
    let wide = set("set-1", Mode::Enforce, everything(&world.org), &[LEAVE]);
    let other = SetInput { gate: "true".to_owned(), ..set("set-2", Mode::Enforce, some, &[LEAVE]) };
    let sets = [first, wide, other];
    let plan = world.plan(&sets);
    for stop in 0..=plan.steps.len() {
        let mut interrupted = world.clone();
        interrupted.apply(&plan.steps[..stop]);
        let rest = interrupted.plan(&sets);
        interrupted.apply(&rest.steps);
        assert_eq!(rest.steps.len(), plan.steps.len() - stop, "after {stop} steps: {:?}", words(&rest.steps));
        assert!(interrupted.plan(&sets).sets.iter().all(|set| set.in_sync), "after {stop} steps");
    }
}
