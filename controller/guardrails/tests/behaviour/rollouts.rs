//! Waves: which accounts get a change when, and what holds the next ones back.

mod beside;
mod property;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use soc2_guardrails::rollout::{Gate, Go, Reading, RolloutInput, State, Turn, decide};
use soc2_guardrails::{
    Approval, Begun, Effective, GateInput, Good, MaxAffected, Mode, ReadPolicies, Request, STAGED_TAG, Selection,
    SetInput, SetPlan, Step, WaitingKind, Waves, evaluate, gate,
};
use soc2_posture::organization::Organization;

use crate::model::{World, accounts, add_policy, deny, denying, everything, id, set, unit, units, words};

const SOAK: SignedDuration = SignedDuration::from_hours(2);
const CANARY: &str = "333333333333";
const ACCOUNTS: [&str; 5] = [CANARY, "444444444444", "555555555555", "666666666666", "777777777777"];
const ACTIONS: [&str; 4] = ["a:One", "b:Two", "c:Three", "d:Four"];

fn world(denied: &[&str]) -> World {
    let mut world = World::new(&[
        "Workloads/Prod/Canary 333333333333",
        "Workloads/Prod 444444444444",
        "Workloads/Dev 555555555555 666666666666",
        "Sandbox 777777777777",
    ]);
    world.library.push(denying("b", denied));
    world
}

/// A set of one baseline with these waves before the rest, and what is on record of it.
#[derive(Clone)]
struct Rollout {
    world: World,
    set: SetInput,
    state: State,
    in_place_since: Option<Timestamp>,
    gos: Vec<Go>,
    reading: Option<Reading>,
    now: Timestamp,
}

impl Rollout {
    fn new(world: World, selection: Selection, waves: &[Selection]) -> Self {
        let first = waves.iter().enumerate().map(|(at, wave)| (format!("wave-{at}"), wave.clone())).collect();
        let waves = Some(Waves { first, applied: None, good: None });
        Self {
            world,
            set: SetInput { waves, ..set("all", Mode::Enforce, selection, &["b"]) },
            state: State::default(),
            in_place_since: None,
            gos: Vec::new(),
            reading: None,
            now: "2026-11-26T12:00:00Z".parse().unwrap(),
        }
    }

    fn applied(&mut self) -> &mut Option<String> {
        &mut self.set.waves.as_mut().unwrap().applied
    }

    fn plan(&self) -> SetPlan {
        self.world.plan(std::slice::from_ref(&self.set)).sets[0].clone()
    }

    /// A look at the world as the operator has it, every approval given.
    fn look(&self, plan: &SetPlan) -> Turn {
        let approval = Approval { name: "ok".to_owned(), hash: plan.hash.clone(), expires_at: None };
        let begun = Begun::default();
        let clearance = gate(&GateInput {
            plan,
            automatic: false,
            max_affected: MaxAffected::default(),
            accounts: 5,
            approvals: &[approval],
            applied: self.set.waves.as_ref().and_then(|waves| waves.applied.as_deref()),
            in_place_since: self.in_place_since,
            nothing_wanted: false,
            begun: &begun,
            drifting_since: &[],
            revert_after: SignedDuration::ZERO,
            window: None,
            propagation: SignedDuration::from_mins(15),
            now: self.now,
        });
        let Some(rollout) = &plan.rollout else { return Turn { clearance, ..Turn::default() } };
        decide(&RolloutInput {
            plan,
            rollout,
            clearance: &clearance,
            state: &self.state,
            approvals: &self.gos,
            soak: SOAK,
            gate: match &self.reading {
                None => Gate::Person,
                Some(reading) => Gate::Recorded { most: 1, proceed: false, reading: Some(reading) },
            },
            settling: false,
            now: self.now,
        })
    }

    /// One turn: what it writes, and why it waits. `each` sees the world after each single write.
    fn turn(&mut self, mut each: impl FnMut(&World)) -> (Vec<Step>, Option<WaitingKind>) {
        let plan = self.plan();
        assert_eq!(plan.refused, None);
        let turn = self.look(&plan);
        if let Some(state) = turn.state {
            self.state = state;
        }
        if plan.steps.is_empty() {
            *self.applied() = Some(plan.wanted.clone());
            self.in_place_since.get_or_insert(self.now);
        } else {
            self.in_place_since = None;
        }
        for step in &turn.clearance.steps {
            self.world.apply(std::slice::from_ref(step));
            each(&self.world);
        }
        (turn.clearance.steps, turn.clearance.waiting.map(|waiting| waiting.kind))
    }

    /// Turns until nothing is written any more; why it waits then.
    fn settle(&mut self) -> (Vec<Step>, Option<WaitingKind>) {
        let mut all = Vec::new();
        for _ in 0..20 {
            let (steps, waiting) = self.turn(|_| {});
            if steps.is_empty() && (waiting.is_some() || self.plan().all().count() == 0) {
                return (all, waiting);
            }
            all.extend(steps);
        }
        panic!("never settles: {:?}", words(&all));
    }

    fn promote(&mut self, wave: usize) {
        let hash = self.plan().hash;
        self.gos.push(Go {
            name: format!("go-{wave}"),
            uid: format!("{}", self.gos.len()),
            hash,
            wave: Some(wave),
            expires_at: None,
        });
    }

    fn denied(&self) -> BTreeSet<(String, String)> {
        denied(&self.world)
    }

    /// Who is denied an action.
    fn accounts_denied(&self, action: &str) -> Vec<String> {
        self.denied().into_iter().filter(|(_, denied)| denied == action).map(|(account, _)| account).collect()
    }
}

/// The calls that are denied, by account.
fn denied(world: &World) -> BTreeSet<(String, String)> {
    let policies = ReadPolicies::new(&world.inventory);
    let mut found = BTreeSet::new();
    for account in ACCOUNTS {
        let Effective::Levels(levels) = policies.effective(&world.org, id(account)) else { panic!("levels") };
        let principal = format!("arn:aws:iam::{account}:role/somebody");
        for action in ACTIONS {
            let context = BTreeMap::new();
            let request = Request {
                principal: Some(&principal),
                action,
                resource: "*",
                context: &context,
                unknown_context: false,
            };
            if evaluate(&levels, &request).is_denied() {
                found.insert((account.to_owned(), action.to_owned()));
            }
        }
    }
    found
}

fn canary(org: &Organization) -> Selection {
    units(org, &["Workloads/Prod/Canary"], &[])
}

/// `a:One` everywhere below Workloads, and then `b:Two` too, the canary first.
fn changed() -> Rollout {
    let mut old = Rollout::new(world(&["a:One"]), Selection::default(), &[]);
    old.set.selection = units(&old.world.org, &["Workloads"], &[]);
    old.set.waves = None;
    let plan = old.plan();
    old.world.apply(&plan.steps);
    let mut new = Rollout::new(old.world, old.set.selection.clone(), &[]);
    let first = vec![("the canary".to_owned(), canary(&new.world.org))];
    let contents = [("b".to_owned(), new.world.inventory.policies["p-created1"].content.clone())].into();
    let good = Some(Good { targets: [unit("Workloads")].into(), contents });
    new.set.waves = Some(Waves { first, applied: Some(plan.wanted), good });
    *new.world.library.last_mut().unwrap() = denying("b", &["a:One", "b:Two"]);
    new
}

#[test]
fn what_is_new_comes_to_the_canary_first_and_to_the_rest_when_a_person_promotes() {
    let world = world(&["a:One"]);
    let (all, first) = (everything(&world.org), canary(&world.org));
    let mut rollout = Rollout::new(world, all, &[first]);
    let hash = rollout.plan().hash;
    let (steps, waiting) = rollout.settle();
    assert_eq!(waiting, Some(WaitingKind::Soaking), "{:?}", words(&steps));
    assert_eq!(rollout.accounts_denied("a:One"), [CANARY]);
    assert_eq!(rollout.plan().hash, hash, "one approval is for all waves");

    // Not before it has soaked, also when it is promoted.
    rollout.promote(2);
    rollout.now += SOAK - SignedDuration::from_secs(1);
    assert_eq!(rollout.settle(), (vec![], Some(WaitingKind::Soaking)));
    rollout.now += SignedDuration::from_secs(1);
    let promoted = std::mem::take(&mut rollout.gos);
    assert_eq!(rollout.settle(), (vec![], Some(WaitingKind::AwaitingPromotion)));
    rollout.gos = promoted;
    rollout.turn(|_| {});
    assert_eq!(rollout.accounts_denied("a:One"), ACCOUNTS);
    rollout.turn(|_| {});
    rollout.now += SignedDuration::from_mins(15);
    let (steps, _) = rollout.settle();
    assert_eq!(words(&steps).len(), 1, "the canary inherits it: {:?}", words(&steps));
    assert_eq!(rollout.accounts_denied("a:One"), ACCOUNTS);
}

#[test]
fn a_changed_content_is_staged_beside_the_old_one_and_replaces_it_in_the_last_wave() {
    let mut rollout = changed();
    let (steps, waiting) = rollout.settle();
    let staged = |rollout: &Rollout| {
        rollout.world.inventory.policies.values().filter(|policy| policy.tags.contains_key(STAGED_TAG)).count()
    };
    assert_eq!(waiting, Some(WaitingKind::Soaking));
    assert!(words(&steps)[0].starts_with("create policy soc2-acme-b-"), "{:?}", words(&steps));
    assert_eq!((staged(&rollout), rollout.accounts_denied("b:Two")), (1, vec![CANARY.to_owned()]));
    assert_eq!(rollout.accounts_denied("a:One"), ACCOUNTS[..4]);
    let said: Vec<String> = rollout.plan().drift.iter().map(ToString::to_string).collect();
    let told = |text: &str| said.iter().any(|line| line.contains(text));
    assert!(told("p-created2 (on 1 targets) is staged beside p-created1") && !told("second policy"), "{said:?}");

    rollout.promote(2);
    rollout.now += SOAK;
    rollout.turn(|_| {});
    assert_eq!(rollout.accounts_denied("b:Two"), ACCOUNTS[..4]);
    rollout.turn(|_| {});
    rollout.now += SignedDuration::from_mins(15);
    rollout.settle();
    assert_eq!(staged(&rollout), 0, "what was staged is gone");
    assert_eq!(rollout.accounts_denied("b:Two"), ACCOUNTS[..4]);
    assert!(rollout.plan().in_sync);
}

#[test]
fn the_gate_passes_waits_for_data_or_rolls_back_what_then_stays_back() {
    let mut rollout = changed();
    let before = rollout.world.inventory.clone();
    rollout.settle();
    let reading = |rollout: &Rollout, data: bool, denials: u64| {
        let sample = vec!["333333333333: role/dev b:Two".to_owned()];
        Some(Reading { at: rollout.now, data, denials, sample, error: None })
    };
    rollout.reading = reading(&rollout, true, 1);
    rollout.now += SOAK;
    assert_eq!(rollout.settle().1, Some(WaitingKind::AwaitingPromotion), "the reading is older than the soak");
    rollout.reading = reading(&rollout, false, 0);
    assert_eq!(rollout.settle().1, Some(WaitingKind::AwaitingPromotion), "no data");
    let mut passes = rollout.clone();
    passes.reading = reading(&rollout, true, 1);
    passes.turn(|_| {});
    assert_eq!(passes.accounts_denied("b:Two"), ACCOUNTS[..4], "as many as may be");

    // Too many, in the middle of the soak too.
    rollout.reading = reading(&rollout, true, 2);
    rollout.state.since = Some(rollout.now);
    rollout.promote(1);
    assert_eq!(rollout.settle().1, Some(WaitingKind::RolledBack));
    assert_eq!(rollout.world.inventory, before, "AWS is as it was");
    let plan = rollout.plan();
    let message = rollout.look(&plan).clearance.waiting.unwrap().message;
    assert!(message.contains("2 calls") && message.contains("role/dev b:Two"), "{message}");
    rollout.now += SOAK;
    rollout.reading = reading(&rollout, true, 0);
    assert_eq!(
        rollout.settle(),
        (vec![], Some(WaitingKind::RolledBack)),
        "it stays back, the old approval notwithstanding"
    );

    // An edit of the policy is put back to what was last in place.
    rollout.world.policy("p-created1").content = deny("a:*");
    rollout.settle();
    assert_eq!(rollout.world.inventory, before);

    let mut again = rollout.clone();
    again.promote(2);
    again.settle();
    assert_eq!(again.accounts_denied("b:Two"), ACCOUNTS[..4], "promoted all the same");
    // Another plan begins with its first wave.
    *rollout.world.library.last_mut().unwrap() = denying("b", &["a:One", "c:Three"]);
    rollout.reading = None;
    assert_eq!(rollout.settle().1, Some(WaitingKind::Soaking));
    assert_eq!(rollout.accounts_denied("c:Three"), [CANARY]);
}

#[test]
fn a_rollback_of_what_was_not_there_before_takes_all_of_it_away() {
    let world = world(&["a:One"]);
    let before = world.inventory.clone();
    let (all, first) = (everything(&world.org), canary(&world.org));
    let mut rollout = Rollout::new(world, all, &[first]);
    rollout.settle();
    assert_ne!(rollout.world.inventory, before);
    rollout.reading = Some(Reading { at: rollout.now, data: true, denials: 5, ..Reading::default() });
    assert_eq!(rollout.settle().1, Some(WaitingKind::RolledBack));
    assert_eq!(rollout.world.inventory, before);
}

#[test]
fn a_soak_begins_again_when_somebody_takes_the_wave_off() {
    let mut rollout = changed();
    rollout.settle();
    rollout.promote(2);
    rollout.now += SOAK - SignedDuration::from_secs(1);
    let (staged, _) =
        rollout.world.inventory.policies.iter().find(|(_, policy)| policy.tags.contains_key(STAGED_TAG)).unwrap();
    let staged = staged.clone();
    rollout.world.policy(&staged).targets.clear();
    rollout.settle();
    rollout.now += SignedDuration::from_secs(1);
    assert_eq!(rollout.settle().1, Some(WaitingKind::Soaking));
}

#[test]
fn waves_without_an_account_and_shared_baselines_are_refused() {
    let world = world(&["a:One"]);
    let (all, first, nobody) = (everything(&world.org), canary(&world.org), accounts(&["111111111111"]));
    let refused = |selection: &Selection, waves: &[Selection]| {
        let refused = Rollout::new(world.clone(), selection.clone(), waves).plan().refused.unwrap();
        (refused.reason, refused.message)
    };
    for (selection, waves, named) in [
        (&all, vec![first.clone(), nobody], "wave 2 of 3 (wave-1)"),
        (&all, vec![first.clone(), accounts(&[CANARY])], "wave 2 of 3 (wave-1)"),
        (&all, vec![units(&world.org, &["Nowhere"], &[])], "wave 1 of 2 (wave-0)"),
        (&first, vec![first.clone()], "wave 2 of 2 (the rest)"),
    ] {
        let (reason, message) = refused(selection, &waves);
        assert_eq!(reason, "WaveEmpty", "{message}");
        assert!(message.contains(named) && message.contains("spec.rollout.waves"), "{message}");
    }
    let waves = Rollout::new(world.clone(), all.clone(), &[first]).set;
    let other = set("zother", Mode::Observe, all, &["b"]);
    let plan = world.plan(&[waves, other]);
    let refused: Vec<_> = plan.sets.iter().map(|set| set.refused.as_ref().map(|found| found.reason)).collect();
    assert_eq!(refused, [None, Some("WaveConflict")]);
}

#[test]
fn a_canary_without_a_slot_is_refused_with_the_numbers() {
    let mut rollout = changed();
    let canary = unit("Workloads/Prod/Canary");
    // FullAWSAccess, seven others and a reserved one leave the slot for replacing.
    for number in 0..7 {
        add_policy(&mut rollout.world.inventory, &format!("p-foreign{number}"), &deny("iam:CreateUser"), &[&canary]);
    }
    assert_eq!(rollout.plan().refused, None);
    add_policy(&mut rollout.world.inventory, "p-foreign7", &deny("iam:CreateUser"), &[&canary]);
    let refused = rollout.plan().refused.unwrap();
    assert_eq!(refused.reason, "NoFreeSlot");
    assert!(refused.message.contains("has 9 policies") && refused.message.contains("11 of 10"), "{}", refused.message);
}
