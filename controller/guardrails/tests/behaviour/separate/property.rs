//! Sets of different gates that say the same, something else or nothing any more, in whatever order.

use proptest::prelude::*;
use soc2_guardrails::{Mode, Plan, SetInput, Step};

use crate::model::{World, add_policy, deny, unit, units};
use crate::transitions::{Denied, LISTS, PLACES, denied};
use crate::variants::{regions, world};

/// Where, which Regions, through which gate, and whether it is written.
type Pick = (usize, usize, usize, usize);

fn pick(world: &World, picks: &[Pick]) -> Vec<SetInput> {
    let one = |(number, (place, list, gate, writes)): (usize, &Pick)| {
        let mut set = regions(&format!("set-{number}"), units(&world.org, PLACES[*place], &[]), LISTS[*list]);
        ["auto", "manual"][*gate].clone_into(&mut set.gate);
        set.previous = set.baselines.clone();
        match writes {
            0 => set.mode = Mode::Observe,
            1 => set.suspended = true,
            _ => {}
        }
        set
    };
    picks.iter().enumerate().map(one).collect()
}

fn picks(writes: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Pick>> {
    prop::collection::vec((0..PLACES.len(), 0..LISTS.len(), 0..2usize, writes), 1..4)
}

fn writes(set: &SetInput) -> bool {
    set.mode == Mode::Enforce && !set.suspended
}

/// Each write with what is denied after it. Only sets that are written take away.
fn walk(world: &mut World, sets: &[SetInput], each: &dyn Fn(&World, &Plan)) -> Vec<(String, Denied)> {
    let mut way = Vec::new();
    for _ in 0..12 {
        let plan = world.plan(sets);
        each(world, &plan);
        let enforced = plan.sets.iter().filter(|set| set.mode == Mode::Enforce);
        let removals: Vec<Step> = enforced.flat_map(|set| set.removals.clone()).collect();
        let steps = if plan.steps.is_empty() { &removals } else { &plan.steps };
        if steps.is_empty() {
            break;
        }
        for step in steps {
            world.apply(std::slice::from_ref(step));
            way.push((step.to_string(), denied(world)));
        }
    }
    way
}

/// A change is for targets of the sets whose gate lets it through, and of nobody else.
fn keeps_to_its_own(world: &World, plan: &Plan, sets: &[SetInput], picks: &[Pick]) {
    let wants = |number: usize, target: &str| PLACES[picks[number].0].iter().any(|path| unit(path) == target);
    for found in plan.sets.iter().filter(|set| set.mode == Mode::Enforce) {
        let gate = &sets.iter().find(|set| set.name == found.name).unwrap().gate;
        for step in &found.steps {
            let Step::Update { id, .. } = step else { continue };
            for target in &world.inventory.policies[id].targets {
                let all = || sets.iter().enumerate().filter(|(number, _)| wants(*number, target));
                let its = all().any(|(_, set)| writes(set) && set.gate == *gate);
                assert!(its || all().count() == 0, "{step} of {} reaches {target}", found.name);
            }
        }
    }
}

proptest! {
    #![proptest_config(crate::model::cases(256))]

    #[test]
    fn nobody_is_worse_off_on_the_way_and_it_ends(
        first in picks(2..3), alike in any::<bool>(), second in picks(0..5), foreign in 0..7usize,
    ) {
        let mut world = world();
        for number in 0..foreign {
            let targets = ["ou-workloads", "ou-workloads-prod", "ou-workloads-dev", "ou-sandbox"];
            add_policy(&mut world.inventory, &format!("p-foreign{number}"), &deny("s3:*"), &targets);
        }
        let mut had = pick(&world, &first);
        if alike {
            // As it was when sets shared policies whatever their gates.
            for set in &mut had {
                "auto".clone_into(&mut set.gate);
            }
        }
        walk(&mut world, &had, &|_, _| {});
        let before = denied(&world);
        let all_had = world.plan(&had).sets.iter().all(|set| set.refused.is_none());
        let sets = pick(&world, &second);
        let way = walk(&mut world, &sets, &|world, plan| keeps_to_its_own(world, plan, &sets, &second));
        let after = denied(&world);
        for (call, was) in &before {
            if after[call] == *was {
                let wrong = way.iter().find(|(_, now)| now[call] != *was);
                let steps: Vec<&String> = way.iter().map(|(step, _)| step).collect();
                prop_assert!(wrong.is_none(), "{call:?} was {was}, not so after {:?} of {steps:#?}", wrong.map(|(step, _)| step));
            }
        }
        let plan = world.plan(&sets);
        prop_assert!(plan.steps.is_empty(), "{:?}", plan.steps);
        // What one that is refused may want is left alone, and one that is suspended is not said to be.
        let refused = plan.sets.iter().any(|set| set.refused.is_some()) || sets.iter().any(|set| set.suspended);
        for set in plan.sets.iter().filter(|set| set.mode == Mode::Enforce && set.refused.is_none()) {
            prop_assert!(set.removals.is_empty() && (set.in_sync || refused), "{:?} {:?}", set.removals, set.drift);
        }
        // Who stops being written loses nothing, and says so.
        for (number, (pick, old)) in second.iter().zip(&first).enumerate() {
            if !all_had || (pick.0, pick.1) != (old.0, old.1) || writes(&sets[number]) {
                continue;
            }
            let its = |account: &str| sets[number].selection.accounts.iter().any(|one| one.to_string() == account);
            for (call, was) in before.iter().filter(|((account, _), was)| **was && its(account)) {
                let own = !LISTS[pick.1].iter().any(|region| call.1.ends_with(region));
                prop_assert!(!own || after[call] == *was, "{call:?} was taken from {}", sets[number].name);
            }
        }
    }
}
