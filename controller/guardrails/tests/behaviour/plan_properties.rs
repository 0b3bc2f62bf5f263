use proptest::prelude::*;
use soc2_guardrails::{Mode, Policy, SetInput, SetPlan, Step};

use crate::model::{ROOT, World, accounts, add_policy, deny, everything, set, units};

const LEAVE: &str = "deny-leave-org";
const CONFIG: &str = "protect-config";
const PLACES: [&str; 8] = [ROOT, "ou-a", "ou-a-b", "ou-a-c", "ou-d", "222222222222", "333333333333", "444444444444"];

fn world() -> World {
    World::new(&["A/B 222222222222 333333333333", "A/C", "D 444444444444 555555555555", "/ 666666666666"])
}

fn sets() -> impl Strategy<Value = Vec<SetInput>> {
    let one = (0..6usize, any::<bool>(), any::<bool>(), 0..3usize, (0..3u32, any::<bool>()));
    prop::collection::vec(one, 0..4).prop_map(|picks| {
        let org = world().org;
        let picked = picks.into_iter().enumerate().map(
            |(number, (targets, enforce, suspended, baselines, (max_direct, automatic)))| {
                let selection = match targets {
                    0 => everything(&org),
                    1 => units(&org, &["A"], &[]),
                    2 => units(&org, &["A", "D"], &["A/C"]),
                    3 => units(&org, &["D", "A/B"], &[]),
                    4 => accounts(&["222222222222", "444444444444"]),
                    _ => accounts(&["222222222222", "333333333333", "111111111111"]),
                };
                let baselines: &[&str] = [&[LEAVE][..], &[CONFIG], &[LEAVE, CONFIG]][baselines];
                let mode = if enforce { Mode::Enforce } else { Mode::Observe };
                let set = set(&format!("set-{number}"), mode, selection, baselines);
                SetInput { max_direct, suspended: suspended && number == 2, gate: automatic.to_string(), ..set }
            },
        );
        picked.collect()
    })
}

/// What may be there besides: policies that are ours, foreign, half ours, under any name.
fn strange_policies() -> impl Strategy<Value = Vec<(usize, usize, usize, Vec<&'static str>)>> {
    let places = prop::sample::subsequence(PLACES.to_vec(), 0..=4);
    prop::collection::vec((0..4usize, 0..3usize, 0..4usize, places), 0..5)
}

fn put(world: &mut World, strange: &[(usize, usize, usize, Vec<&'static str>)]) {
    for (number, (tags, name, content, targets)) in strange.iter().enumerate() {
        let id = format!("p-strange{number}");
        let content =
            [deny("organizations:LeaveOrganization"), deny("s3:*"), "{".to_owned(), deny("*")][*content].clone();
        add_policy(&mut world.inventory, &id, &content, targets);
        let name = [None, Some(LEAVE), Some(CONFIG)][*name].map(|baseline| world.owner.policy_name(baseline));
        let taken =
            name.as_ref().is_some_and(|name| world.inventory.policies.values().any(|policy| policy.name == *name));
        let (ours, config) = (world.owner.tags(LEAVE), world.owner.tags(CONFIG));
        let policy = world.policy(&id);
        if let Some(name) = name.filter(|_| !taken) {
            policy.name = name;
        }
        match tags {
            0 => {}
            1 => policy.tags = ours,
            2 => policy.tags = config,
            _ => {
                policy.tags = ours;
                policy.tags.remove("soc2-operator.dev/cluster-id");
            }
        }
    }
}

fn not_ours(world: &World) -> Vec<(String, Policy)> {
    let policies = world.inventory.policies.iter().filter(|(_, policy)| !world.owner.owns(policy));
    policies.map(|(id, policy)| (id.clone(), policy.clone())).collect()
}

/// Policies with where they are. Which of two that say the same is whose makes no difference.
fn what_is_there(world: &World) -> Vec<(String, Vec<String>)> {
    let one = |policy: &Policy| (policy.content.clone(), policy.targets.iter().cloned().collect());
    let mut all: Vec<_> = world.inventory.policies.values().map(one).collect();
    all.sort();
    all
}

/// Carrying out any part of a plan and planning again ends where carrying out all of it does.
fn converges(world: &World, sets: &[SetInput], stop: prop::sample::Index) -> Result<(), TestCaseError> {
    let plan = world.plan(sets);
    let mut all = world.clone();
    all.apply(&plan.steps);
    let mut interrupted = world.clone();
    interrupted.apply(&plan.steps[..stop.index(plan.steps.len() + 1)]);
    let rest = interrupted.plan(sets);
    interrupted.apply(&rest.steps);
    prop_assert_eq!(what_is_there(&interrupted), what_is_there(&all));
    prop_assert_eq!(not_ours(world), not_ours(&all), "what is not ours is as it was");
    for (id, policy) in &world.inventory.policies {
        prop_assert!(policy.targets.is_subset(&all.inventory.policies[id].targets), "nothing is detached");
    }
    Ok(())
}

/// Names of policies are in other policies' way only once they were all put back.
fn settled(mut world: World, sets: &[SetInput]) -> World {
    for _ in 0..3 {
        let plan = world.plan(sets);
        world.apply(&plan.steps);
    }
    world
}

/// Sets with the policies that their status names when everything is in place.
fn as_recorded(mut sets: Vec<SetInput>, world: &World) -> Vec<SetInput> {
    let plan = world.plan(&sets);
    for set in &mut sets {
        let planned = plan.sets.iter().filter(|planned| planned.name == set.name);
        let homes = planned.flat_map(|planned| &planned.baselines);
        set.homes = homes.filter_map(|one| Some((one.name.clone(), one.policy_id.clone()?))).collect();
    }
    sets
}

proptest! {
    #![proptest_config(crate::model::cases(256))]

    #[test]
    fn a_plan_is_idempotent_from_any_interrupted_step(sets in sets(), stop in any::<prop::sample::Index>()) {
        let world = world();
        converges(&world, &sets, stop)?;
        let mut done = world.clone();
        done.apply(&world.plan(&sets).steps);
        let again = done.plan(&sets);
        prop_assert!(again.steps.is_empty(), "{:?}", again.steps);
        let enforced = |set: &&SetPlan| set.mode == Mode::Enforce && set.refused.is_none();
        for set in again.sets.iter().filter(enforced) {
            prop_assert!(set.in_sync, "{:?}", set.drift);
        }
    }

    #[test]
    fn nothing_is_ever_done_to_what_is_not_ours(sets in sets(), strange in strange_policies(), stop in any::<prop::sample::Index>()) {
        let mut world = world();
        put(&mut world, &strange);
        world.limits.max_per_target = 5;
        let settled = settled(world.clone(), &sets);
        prop_assert!(settled.plan(&sets).steps.is_empty());
        prop_assert_eq!(not_ours(&world), not_ours(&settled));
        converges(&settled, &sets, stop)?;
    }

    #[test]
    fn drift_of_any_kind_is_put_back(sets in sets(), edits in prop::collection::vec((0..4usize, any::<prop::sample::Index>()), 0..4), stop in any::<prop::sample::Index>()) {
        let mut world = world();
        world.apply(&world.plan(&sets).steps);
        // Which policy is whose is on record: of two that said the same, one that was edited tells it no more.
        let sets = as_recorded(sets, &world);
        let healthy = world.clone();
        for (number, (edit, which)) in edits.iter().enumerate() {
            let ids: Vec<String> = world.plan(&sets).owned;
            if ids.is_empty() {
                continue;
            }
            let id = &ids[which.index(ids.len())];
            match edit {
                0 => world.policy(id).content = "{}".to_owned(),
                1 => world.policy(id).name = format!("renamed {number}"),
                2 => world.policy(id).targets.clear(),
                _ => drop(world.inventory.policies.remove(id)),
            }
        }
        converges(&world, &sets, stop)?;
        world.apply(&world.plan(&sets).steps);
        prop_assert!(world.plan(&sets).steps.is_empty());
        prop_assert_eq!(what_is_there(&world), what_is_there(&healthy));
    }

    #[test]
    fn a_plan_is_ordered_and_is_what_its_sets_want(sets in sets(), strange in strange_policies()) {
        let mut world = world();
        put(&mut world, &strange);
        let plan = world.plan(&sets);
        let mut steps: Vec<Step> = plan.sets.iter().filter(|set| set.mode == Mode::Enforce).flat_map(|set| set.steps.clone()).collect();
        steps.sort();
        steps.dedup();
        prop_assert_eq!(&plan.steps, &steps);
        let rank = |step: &Step| match step {
            Step::Adopt { .. } | Step::Create { .. } => 0,
            Step::Update { .. } => 1,
            Step::Attach { .. } => 2,
            Step::Detach { .. } | Step::Delete { .. } => panic!("{step} takes away"),
        };
        prop_assert!(plan.steps.is_sorted_by_key(rank));
        prop_assert!(plan.sets.iter().all(|set| set.refused.is_none() || set.steps.is_empty()));
        let mut reversed = sets.clone();
        reversed.reverse();
        prop_assert_eq!(plan, world.plan(&reversed), "the order of sets does not matter");
    }
}
