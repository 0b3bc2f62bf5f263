//! Sets whose changes are let through by different gates never share a policy, and are no worse off on the way there.

mod property;

use soc2_guardrails::{Mode, SetInput, Step};

use crate::model::{World, guardrail, set, units, words};

const LEAVE: &str = "deny-leave-org";

fn world() -> World {
    World::new(&["Workloads/Prod 333333333333 444444444444", "Workloads/Dev 555555555555", "Sandbox 666666666666"])
}

fn gated(world: &World, name: &str, path: &str, gate: &str) -> SetInput {
    SetInput { gate: gate.to_owned(), ..set(name, Mode::Enforce, units(&world.org, &[path], &[]), &[LEAVE]) }
}

/// Two sets that share a policy, and the id of that.
fn shared() -> (World, SetInput, SetInput, String) {
    let mut world = world();
    let (one, other) = (gated(&world, "one", "Workloads", "auto"), gated(&world, "other", "Sandbox", "auto"));
    let policy = world.enforce(&[one.clone(), other.clone()]);
    assert_eq!(ours(&world), [(policy.clone(), "ou-sandbox ou-workloads".to_owned())]);
    (world, one, other, policy)
}

/// Our policies, with where they are.
fn ours(world: &World) -> Vec<(String, String)> {
    let ours = world.inventory.policies.iter().filter(|(_, policy)| world.owner.owns(policy));
    ours.map(|(id, policy)| (id.clone(), policy.targets.iter().cloned().collect::<Vec<_>>().join(" "))).collect()
}

/// The guardrail says something else, with the next release say.
fn release(world: &mut World) {
    world.library[0] = guardrail(LEAVE, "organizations:Leave*");
}

/// Steps, then removals, of the sets that are written.
fn settle(world: &mut World, sets: &[SetInput]) {
    for _ in 0..6 {
        let plan = world.plan(sets);
        world.apply(&plan.steps);
        if plan.steps.is_empty() {
            let enforced = plan.sets.iter().filter(|set| set.mode == Mode::Enforce);
            enforced.for_each(|set| world.apply(&set.removals));
        }
    }
    let plan = world.plan(sets);
    let done = |set: &soc2_guardrails::SetPlan| set.mode != Mode::Enforce || (set.in_sync && set.removals.is_empty());
    assert!(plan.sets.iter().all(done), "{:?}", plan.sets);
}

#[test]
fn a_change_that_one_gate_lets_through_does_not_reach_another_sets_targets() {
    let (mut world, one, other, policy) = shared();
    release(&mut world);
    for other in [
        SetInput { gate: "manual".to_owned(), ..other.clone() },
        SetInput { mode: Mode::Observe, ..other.clone() },
        SetInput { suspended: true, ..other.clone() },
    ] {
        let mut world = world.clone();
        let content = world.policy(&policy).content.clone();
        let plan = world.plan(&[one.clone(), other.clone()]);
        let [first, ..] = &plan.sets[..] else { panic!("no set") };
        assert!(first.steps.iter().all(|step| !matches!(step, Step::Update { .. })), "{:?}", words(&first.steps));
        // The other one's gate stays shut: its accounts have what they had.
        for _ in 0..3 {
            let first = world.plan(&[one.clone(), other.clone()]).sets[0].clone();
            world.apply(&first.steps);
            if first.steps.is_empty() {
                world.apply(&first.removals);
            }
        }
        assert_eq!(world.policy(&policy).content, content);
        assert_eq!(world.policy(&policy).targets, ["ou-sandbox".to_owned()].into());
        let first = world.plan(&[one.clone(), other.clone()]).sets[0].clone();
        assert!(first.in_sync && first.removals.is_empty(), "{first:?}");
        assert_eq!(ours(&world).len(), 2);
    }
}

#[test]
fn who_gets_a_gate_of_its_own_has_its_own_policy_before_the_shared_one_goes() {
    let (mut world, one, other, policy) = shared();
    let sets = [one, SetInput { gate: "manual".to_owned(), ..other }];
    let plan = world.plan(&sets);
    assert!(plan.sets[0].in_sync && plan.sets[0].all().count() == 0, "{:?}", plan.sets[0]);
    assert_eq!((plan.sets[1].counts().create, plan.sets[1].counts().attach), (1, 1));
    world.apply(&plan.steps);
    assert!(ours(&world).contains(&(policy.clone(), "ou-sandbox ou-workloads".to_owned())));
    let plan = world.plan(&sets);
    assert!(plan.steps.is_empty() && plan.sets[0].removals.is_empty());
    assert_eq!(
        words(&plan.sets[1].removals),
        [format!("detach {LEAVE} ({policy}) from ou-sandbox, which inherits it")],
        "its own denies the same there"
    );
    settle(&mut world, &sets);
    let own = ("p-created2".to_owned(), "ou-sandbox".to_owned());
    assert_eq!(ours(&world), [(policy.clone(), "ou-workloads".to_owned()), own.clone()]);
    // From now on each is changed through its own gate.
    release(&mut world);
    let plan = world.plan(&sets);
    assert_eq!(plan.sets.iter().map(|set| set.counts().update).collect::<Vec<_>>(), [1, 1]);
    settle(&mut world, &sets);
    assert_eq!(ours(&world), [(policy, "ou-workloads".to_owned()), own]);
}

#[test]
fn who_only_looks_stands_on_what_is_there() {
    let (mut world, one, other, policy) = shared();
    for (mode, gate) in [(Mode::Observe, "auto"), (Mode::Plan, "manual"), (Mode::Observe, "window")] {
        let looks = SetInput { mode, gate: gate.to_owned(), ..other.clone() };
        let plan = world.plan(&[one.clone(), looks]);
        assert!(plan.sets.iter().all(|set| set.in_sync && set.all().count() == 0), "{mode:?} {gate}: {:?}", plan.sets);
        assert_eq!(plan.sets[1].baselines[0].policy_id.as_deref(), Some(policy.as_str()));
        assert_eq!(plan.sets[1].baselines[0].attached, 1);
    }
    // What is not there is missing, and what would be done is what is said.
    world.policy(&policy).targets.remove("ou-sandbox");
    let looks = |gate: &str| SetInput { mode: Mode::Plan, gate: gate.to_owned(), ..other.clone() };
    let plan = |world: &World, gate: &str| world.plan(&[one.clone(), looks(gate)]).sets[1].clone();
    assert!(!plan(&world, "auto").in_sync);
    assert_eq!(plan(&world, "auto").counts().create, 0, "it would share the policy");
    assert_eq!(plan(&world, "manual").counts().create, 1, "it would have its own");
}

#[test]
fn on_the_same_target_each_that_writes_has_its_own() {
    let mut world = world();
    let (one, other) = (gated(&world, "one", "Workloads", "auto"), gated(&world, "other", "Workloads", "manual"));
    let sets = [one.clone(), other.clone()];
    settle(&mut world, &sets);
    assert_eq!(ours(&world).len(), 2);
    // One that only looks is covered by the other's.
    let mut world = self::world();
    let sets = [one.clone(), SetInput { mode: Mode::Observe, ..other.clone() }];
    settle(&mut world, &sets);
    assert_eq!(ours(&world).len(), 1);
    assert!(world.plan(&sets).sets[1].in_sync);
    // And its being there does not hold back the other one's change.
    release(&mut world);
    assert_eq!(world.plan(&sets).sets[0].counts().update, 1);
}

#[test]
fn the_one_that_has_more_of_the_targets_keeps_the_policy() {
    let mut world = world();
    let small = gated(&world, "a-small", "Workloads/Dev", "auto");
    let large = SetInput {
        selection: units(&world.org, &["Workloads/Prod", "Sandbox"], &[]),
        ..gated(&world, "b-large", "", "auto")
    };
    let policy = world.enforce(&[small.clone(), large.clone()]);
    let sets = [SetInput { gate: "manual".to_owned(), ..small }, large];
    assert_eq!((world.plan(&sets).sets[0].counts().create, world.plan(&sets).sets[1].all().count()), (1, 0));
    settle(&mut world, &sets);
    assert_eq!(ours(&world)[0], (policy, "ou-sandbox ou-workloads-prod".to_owned()));
}
