//! A change beside a policy of the same baseline that a set left which is gone: what the set has is its own.

use soc2_guardrails::rollout::Reading;
use soc2_guardrails::{Policy, WaitingKind};

use super::{CANARY, Rollout, changed};
use crate::model::{content, deny, denying, unit, units};

/// The set's own policy.
const OWN: &str = "p-created1";
/// What the policy of the set that is gone is for.
const KEY: &str = "b/0123abcd";

/// [`changed`], with a policy of ours that no set has any more: it denies this there.
fn beside(denied: &[&str], target: &str) -> Rollout {
    let mut rollout = changed();
    let world = &mut rollout.world;
    let left = Policy {
        name: world.owner.policy_name(KEY),
        content: content(&denying("b", denied)),
        tags: world.owner.tags(KEY),
        targets: [unit(target)].into(),
        ..Policy::default()
    };
    world.inventory.policies.insert("p-left".to_owned(), left);
    rollout
}

#[test]
fn what_a_change_is_told_from_is_what_the_set_itself_had() {
    for left in [&["c:Three"][..], &["a:One"], &["a:One", "b:Two"]] {
        let rollout = beside(left, "Sandbox");
        let own = rollout.world.inventory.policies[OWN].content.clone();
        let changes = rollout.plan().rollout.unwrap().changes;
        let new = content(&denying("b", &["a:One", "b:Two"]));
        assert_eq!(changes, [("b".to_owned(), (new, Some(own)))].into(), "beside {left:?}");
    }
}

#[test]
fn what_a_new_policy_takes_the_place_of_is_what_a_change_is_told_from() {
    let mut rollout = changed();
    // The old one is also where the set is no longer: a new one comes.
    rollout.set.selection = units(&rollout.world.org, &["Workloads/Prod"], &[]);
    let old = rollout.world.inventory.policies[OWN].content.clone();
    for denied in [&[][..], &[CANARY.to_owned()]] {
        assert_eq!(rollout.accounts_denied("b:Two"), denied);
        let changes = rollout.plan().rollout.unwrap().changes;
        assert_eq!(changes["b"].1.as_ref(), Some(&old));
        rollout.settle();
    }
}

#[test]
fn what_was_in_place_is_put_back_whoever_says_the_same_elsewhere() {
    // Another's may be at the same place, as long as the set's own says what was in place.
    for (left, target, edited) in [
        (&["c:Three"][..], "Workloads", true),
        (&["a:One"], "Sandbox", true),
        (&["a:One"], "Sandbox", false),
        (&["a:One"], "Workloads", false),
    ] {
        let mut rollout = beside(left, target);
        let before = rollout.world.inventory.clone();
        assert_eq!(rollout.settle().1, Some(WaitingKind::Soaking));
        rollout.reading = Some(Reading { at: rollout.now, data: true, denials: 9, ..Reading::default() });
        assert_eq!(rollout.settle().1, Some(WaitingKind::RolledBack));
        if edited {
            rollout.world.policy(OWN).content = deny("a:*");
        }
        assert_eq!(rollout.settle().1, Some(WaitingKind::RolledBack));
        assert_eq!(rollout.world.inventory, before, "beside {left:?} on {target}, edited: {edited}");
    }
}

#[test]
fn what_was_in_place_is_not_taken_off_a_canary_where_another_says_the_same() {
    let mut rollout = beside(&["a:One"], "Workloads/Prod/Canary");
    let places = ["Workloads/Prod/Canary", "Sandbox"];
    rollout.set.selection = units(&rollout.world.org, &places, &[]);
    rollout.world.policy(OWN).targets = places.map(unit).into();
    rollout.set.waves.as_mut().unwrap().good.as_mut().unwrap().targets = places.map(unit).into();
    let before = rollout.world.inventory.clone();
    assert_eq!(rollout.settle().1, Some(WaitingKind::Soaking));
    assert_eq!(rollout.accounts_denied("b:Two"), [CANARY]);
    rollout.reading = Some(Reading { at: rollout.now, data: true, denials: 9, ..Reading::default() });
    assert_eq!(rollout.settle().1, Some(WaitingKind::RolledBack));
    assert_eq!(rollout.world.inventory, before);
}
