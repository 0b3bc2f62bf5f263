//! Promise 3 at each write of all waves.

use proptest::prelude::*;
use soc2_guardrails::rollout::Reading;
use soc2_guardrails::{Good, Mode, Selection};
use soc2_posture::organization::Organization;

use super::{ACTIONS, CANARY, Rollout, SOAK, denied, world};
use crate::model::{accounts, denying, everything, set, units, words};

fn places(org: &Organization, which: usize) -> Selection {
    match which {
        0 => units(org, &["Workloads"], &[]),
        1 => everything(org),
        2 => units(org, &["Workloads/Dev", "Sandbox"], &[]),
        3 => units(org, &["Workloads/Prod"], &[]),
        _ => accounts(&[CANARY, "555555555555"]),
    }
}

fn actions() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(ACTIONS.to_vec(), 1..=3)
}

proptest! {
    #![proptest_config(crate::model::cases(200))]

    /// At each single write of all waves, and of a rollback in the middle: what is denied before and after is denied, and what is
    /// allowed before and after is allowed.
    #[test]
    fn nobody_is_less_protected_or_more_restricted_on_the_way(
        old in prop::option::of((actions(), 0..5usize)),
        new in actions(), to in 0..5usize,
        waves in prop::sample::subsequence(vec![CANARY, "444444444444", "555555555555", "666666666666", "777777777777"], 1..=3),
        fails in prop::option::of(0..3usize),
    ) {
        let mut world = world(&new);
        let mut applied = None;
        let mut good = None;
        if let Some((old, at)) = &old {
            *world.library.last_mut().unwrap() = denying("b", old);
            let before = set("all", Mode::Enforce, places(&world.org, *at), &["b"]);
            let plan = world.plan(&[before]);
            world.apply(&plan.steps);
            let carrier = world.inventory.policies.iter().find(|(id, _)| id.starts_with("p-created")).unwrap().1;
            good = Some(Good { targets: carrier.targets.clone(), contents: [("b".to_owned(), carrier.content.clone())].into() });
            applied = Some(plan.sets[0].wanted.clone());
            *world.library.last_mut().unwrap() = denying("b", &new);
        }
        let selection = places(&world.org, to);
        let waves: Vec<Selection> = waves.iter().map(|account| accounts(&[account])).collect();
        let before = (denied(&world), world.inventory.clone());
        let mut rollout = Rollout::new(world, selection, &waves);
        let given = rollout.set.waves.as_mut().unwrap();
        (given.applied, given.good) = (applied, good);
        rollout.set.previous = vec!["b".to_owned()];
        if rollout.plan().refused.is_some() {
            return Ok(());
        }
        for wave in 2..=4 {
            rollout.promote(wave);
        }
        let mut on_the_way = Vec::new();
        for number in 0..12 {
            if fails == Some(number) && rollout.plan().rollout.is_some() {
                rollout.gos.clear();
                rollout.reading = Some(Reading { at: rollout.now, data: true, denials: 9, ..Reading::default() });
            }
            rollout.turn(|world| on_the_way.push(denied(world)));
            rollout.now += SOAK;
        }
        let after = rollout.denied();
        if rollout.state.rolled_back.is_some() {
            prop_assert_eq!(&rollout.world.inventory, &before.1);
        } else {
            prop_assert_eq!(rollout.plan().all().count(), 0, "it is all done: {:?}", words(&rollout.plan().removals));
            prop_assert!(rollout.plan().in_sync);
        }
        for moment in on_the_way {
            let lost: Vec<_> = before.0.intersection(&after).filter(|call| !moment.contains(*call)).collect();
            prop_assert!(lost.is_empty(), "not denied on the way: {lost:?}");
            let more: Vec<_> = moment.iter().filter(|call| !before.0.contains(*call) && !after.contains(*call)).collect();
            // A rollback takes back what waves had denied.
            prop_assert!(more.is_empty() || rollout.state.rolled_back.is_some(), "denied on the way: {more:?}");
        }
    }
}
