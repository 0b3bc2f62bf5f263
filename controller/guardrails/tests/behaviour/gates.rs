//! What of a plan may be written, and what holds it back.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use soc2_guardrails::{
    Approval, Begun, Clearance, GateInput, MaxAffected, Mode, SetInput, SetPlan, WaitingKind, Window, gate,
};

use crate::model::{World, set, units};

const LEAVE: &str = "deny-leave-org";
const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-26T12:00:00Z")
}

fn world() -> World {
    World::new(&["Workloads/Prod 333333333333 444444444444", "Workloads/Dev 555555555555", "Sandbox 666666666666"])
}

fn sets(world: &World, mode: Mode, paths: &[&str]) -> Vec<SetInput> {
    vec![SetInput { rules: paths.join(" "), ..set("all", mode, units(&world.org, paths, &[]), &[LEAVE]) }]
}

/// An input that lets through what strengthens.
fn input<'a>(plan: &'a SetPlan, approvals: &'a [Approval], begun: &'a Begun) -> GateInput<'a> {
    GateInput {
        plan,
        automatic: true,
        max_affected: MaxAffected::default(),
        accounts: 5,
        approvals,
        applied: None,
        in_place_since: None,
        nothing_wanted: false,
        begun,
        drifting_since: &[],
        revert_after: SignedDuration::ZERO,
        window: None,
        propagation: SignedDuration::from_mins(15),
        now: now(),
    }
}

fn approve(hash: &str, expires_at: Option<&str>) -> Vec<Approval> {
    vec![Approval { name: "ok".to_owned(), hash: hash.to_owned(), expires_at: expires_at.map(at) }]
}

fn waits(clearance: &Clearance) -> (WaitingKind, &'static str, &str) {
    let waiting = clearance.waiting.as_ref().expect("it waits");
    (waiting.kind, waiting.reason, &waiting.message)
}

static NONE: Begun = Begun { hash: String::new(), steps: BTreeSet::new() };

#[test]
fn modes_that_do_not_write_write_nothing() {
    let world = world();
    let plan = world.plan(&sets(&world, Mode::Observe, &["Workloads"])).sets[0].clone();
    assert_eq!(gate(&input(&plan, &[], &NONE)), Clearance::default());
    let plan = world.plan(&sets(&world, Mode::Plan, &["Workloads"])).sets[0].clone();
    let approvals = approve(&plan.hash, None);
    let clearance = gate(&input(&plan, &approvals, &NONE));
    assert!(clearance.steps.is_empty(), "not even with an approval");
    assert_eq!(waits(&clearance).0, WaitingKind::Planned);
}

#[test]
fn an_approval_is_asked_for_and_has_to_be_for_this_plan() {
    let world = world();
    let plan = world.plan(&sets(&world, Mode::Enforce, &["Workloads"])).sets[0].clone();
    let manual = |approvals: &[Approval]| gate(&GateInput { automatic: false, ..input(&plan, approvals, &NONE) });
    let clearance = manual(&[]);
    let (kind, reason, message) = waits(&clearance);
    assert_eq!((kind, reason), (WaitingKind::ApprovalPending, "ApprovalRequired"));
    assert!(message.contains(&plan.hash), "the whole hash, to copy: {message}");

    let clearance = manual(&approve(&"0".repeat(64), None));
    assert!(waits(&clearance).2.contains("GuardrailApproval ok is for plan 000000000000"), "{clearance:?}");
    let clearance = manual(&approve(&plan.hash, Some("2026-11-26T12:00:00Z")));
    assert!(waits(&clearance).2.contains("expired at 2026-11-26T12:00:00Z"), "{clearance:?}");

    let clearance = manual(&approve(&plan.hash, Some("2026-11-26T12:00:01Z")));
    assert_eq!((clearance.steps, clearance.approval.as_deref()), (plan.steps.clone(), Some("ok")));
    assert_eq!(clearance.rests_on, ["ok".to_owned()].into(), "asked again before each write");
}

#[test]
fn automatic_lets_through_what_strengthens_few_accounts() {
    let world = world();
    let plan = world.plan(&sets(&world, Mode::Enforce, &["Workloads"])).sets[0].clone();
    assert_eq!(gate(&input(&plan, &[], &NONE)).steps, plan.steps);
    let two = GateInput { max_affected: MaxAffected::Accounts(2), ..input(&plan, &[], &NONE) };
    let clearance = gate(&two);
    let (_, reason, message) = waits(&clearance);
    assert_eq!(reason, "TooManyAccounts");
    assert!(message.contains("3 accounts") && message.contains("at most 2"), "{message}");
    let approvals = approve(&plan.hash, None);
    assert_eq!(gate(&GateInput { approvals: &approvals, ..two }).steps, plan.steps);
}

#[test]
fn what_denies_less_needs_a_person_also_when_automatic() {
    let mut world = world();
    let sets = sets(&world, Mode::Enforce, &["Workloads"]);
    let policy = world.enforce(&sets);
    world.policy(&policy).content =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#.to_owned();
    let plan = world.plan(&sets).sets[0].clone();
    let clearance = gate(&input(&plan, &[], &NONE));
    assert_eq!(waits(&clearance).1, "Weakens");
    // But when it was as it is wanted before, it is drift, and goes back.
    let wanted = plan.wanted.clone();
    let drift = GateInput { applied: Some(&wanted), ..input(&plan, &[], &NONE) };
    assert_eq!(gate(&drift).steps, plan.steps);
    let later = GateInput { revert_after: HOUR, drifting_since: &[at("2026-11-26T11:30:00Z")], ..drift.clone() };
    let clearance = gate(&later);
    assert_eq!(waits(&clearance).0, WaitingKind::Drifted);
    assert_eq!(clearance.waiting.unwrap().until, Some(at("2026-11-26T12:30:00Z")));
    assert_eq!(gate(&GateInput { now: at("2026-11-26T12:30:00Z"), ..later }).steps, plan.steps);
}

#[test]
fn each_difference_is_left_alone_for_its_own_time() {
    let mut world = world();
    let sets = sets(&world, Mode::Enforce, &["Workloads", "Sandbox"]);
    let policy = world.enforce(&sets);
    world.policy(&policy).targets.clear();
    let plan = world.plan(&sets).sets[0].clone();
    assert_eq!(plan.steps.len(), 2, "{:#?}", plan.steps);
    for (step, other) in [(0, 1), (1, 0)] {
        let mended: Vec<_> = plan.drift.iter().filter(|drift| drift.is_put_back_by(&plan.steps[step])).collect();
        assert_eq!(mended.len(), 1, "{:#?}", plan.drift);
        assert!(!mended[0].is_put_back_by(&plan.steps[other]));
    }
    let wanted = plan.wanted.clone();
    let since = [at("2026-11-26T11:00:00Z"), at("2026-11-26T11:30:00Z")];
    let drift =
        GateInput { applied: Some(&wanted), revert_after: HOUR, drifting_since: &since, ..input(&plan, &[], &NONE) };
    let early = gate(&GateInput { now: at("2026-11-26T11:59:59Z"), ..drift.clone() });
    assert_eq!(early.waiting.unwrap().until, Some(at("2026-11-26T12:00:00Z")));
    assert_eq!(gate(&GateInput { now: at("2026-11-26T12:00:00Z"), ..drift.clone() }).steps, plan.steps[..1]);
    assert_eq!(gate(&GateInput { now: at("2026-11-26T12:30:00Z"), ..drift.clone() }).steps, plan.steps);
    // One that is not on record yet begins now.
    assert_eq!(
        gate(&GateInput { drifting_since: &since[..1], now: at("2026-11-26T12:30:00Z"), ..drift }).steps,
        plan.steps[..1]
    );
}

#[test]
fn removals_wait_until_what_is_new_is_enforced() {
    let mut world = world();
    world.enforce(&sets(&world, Mode::Enforce, &["Workloads/Prod"]));
    let wide = sets(&world, Mode::Enforce, &["Workloads"]);
    world.enforce(&wide);
    let plan = world.plan(&wide).sets[0].clone();
    let wanted = plan.wanted.clone();
    let applied =
        |time: &str| GateInput { applied: Some(&wanted), in_place_since: Some(at(time)), ..input(&plan, &[], &NONE) };
    let clearance = gate(&applied("2026-11-26T11:50:00Z"));
    assert_eq!(waits(&clearance).0, WaitingKind::Propagating);
    assert_eq!(clearance.waiting.unwrap().until, Some(at("2026-11-26T12:05:00Z")));
    assert_eq!(gate(&applied("2026-11-26T11:45:00Z")).steps, plan.removals);
    // Until it is on record that it is in place, or when that is on record of something else, it waits.
    for (hash, since) in
        [(None, None), (Some(wanted.as_str()), None), (Some("other"), Some(at("2026-11-20T00:00:00Z")))]
    {
        let clearance = gate(&GateInput { applied: hash, in_place_since: since, ..input(&plan, &[], &NONE) });
        assert_eq!(waits(&clearance).0, WaitingKind::Propagating);
    }
}

#[test]
fn removals_that_weaken_need_an_approval_of_exactly_them() {
    let mut world = world();
    world.enforce(&sets(&world, Mode::Enforce, &["Workloads", "Sandbox"]));
    let narrow = sets(&world, Mode::Enforce, &["Workloads"]);
    let plan = world.plan(&narrow).sets[0].clone();
    let wanted = plan.wanted.clone();
    let old = Some(wanted.as_str());
    let since = Some(at("2026-11-20T00:00:00Z"));
    let clearance = gate(&GateInput { applied: old, in_place_since: since, ..input(&plan, &[], &NONE) });
    assert_eq!(waits(&clearance).1, "Weakens");
    let of_wanted = approve(&plan.wanted, None);
    let clearance = gate(&GateInput { applied: old, in_place_since: since, ..input(&plan, &of_wanted, &NONE) });
    assert!(clearance.steps.is_empty(), "an approval of what is wanted is none of what goes");
    let exact = approve(&plan.hash, None);
    let clearance = gate(&GateInput { applied: old, in_place_since: since, ..input(&plan, &exact, &NONE) });
    assert_eq!(clearance.steps, plan.removals);
    // After a crash in the middle, what was begun goes on.
    let steps: BTreeSet<String> = plan.removals.iter().map(ToString::to_string).collect();
    let begun = Begun { hash: "of the whole".to_owned(), steps };
    let whole = approve("of the whole", None);
    let clearance = gate(&GateInput { applied: old, in_place_since: since, ..input(&plan, &whole, &begun) });
    assert_eq!((clearance.steps, clearance.approval), (plan.removals.clone(), None));
    assert_eq!(clearance.rests_on, ["ok".to_owned()].into(), "asked again before each write");
    // But not when the approval was taken back, or ran out.
    let clearance = gate(&GateInput { applied: old, in_place_since: since, ..input(&plan, &[], &begun) });
    assert!(clearance.steps.is_empty());
    let over = approve("of the whole", Some("2026-11-26T12:00:00Z"));
    let clearance = gate(&GateInput { applied: old, in_place_since: since, ..input(&plan, &over, &begun) });
    assert!(clearance.steps.is_empty());
}

#[test]
fn changes_wait_for_the_window_and_drift_does_not() {
    let world = world();
    let plan = world.plan(&sets(&world, Mode::Enforce, &["Workloads"])).sets[0].clone();
    let window = Window::new("0 2 * * SAT", SignedDuration::from_hours(4), "Europe/Berlin", now()).unwrap();
    let closed = GateInput { window: Some(&window), ..input(&plan, &[], &NONE) };
    let clearance = gate(&closed);
    assert_eq!(waits(&clearance).0, WaitingKind::WaitingForWindow);
    assert_eq!(clearance.waiting.unwrap().until, Some(at("2026-11-28T01:00:00Z")));
    let open = GateInput { now: at("2026-11-28T01:00:00Z"), ..closed.clone() };
    assert_eq!((gate(&open).steps, gate(&open).windowed), (plan.steps.clone(), true));
    let wanted = plan.wanted.clone();
    let drift = GateInput { applied: Some(&wanted), ..closed };
    assert_eq!((gate(&drift).steps, gate(&drift).windowed), (plan.steps.clone(), false));
}

#[test]
fn a_window_that_a_clock_change_closes_says_when_it_opens_next() {
    let world = world();
    let plan = world.plan(&sets(&world, Mode::Enforce, &["Workloads"])).sets[0].clone();
    let window = Window::new("30 2 * * *", SignedDuration::from_mins(30), "Europe/Berlin", now()).unwrap();
    for (time, closed_until) in [
        // 02:30 comes twice in Berlin: the second time it is closed, as it was open the first time.
        ("2026-10-25T00:30:00Z", None),
        ("2026-10-25T01:30:00Z", Some("2026-10-26T01:30:00Z")),
        // 02:30 does not come: it opens when the clocks show 03:00 instead, and closes after its time.
        ("2027-03-28T00:59:59Z", Some("2027-03-28T01:00:00Z")),
        ("2027-03-28T01:00:00Z", None),
        ("2027-03-28T01:30:00Z", Some("2027-03-29T00:30:00Z")),
    ] {
        let clearance = gate(&GateInput { window: Some(&window), now: at(time), ..input(&plan, &[], &NONE) });
        let Some(until) = closed_until else {
            assert_eq!(clearance.steps, plan.steps, "{time}");
            continue;
        };
        assert!(clearance.steps.is_empty(), "{time}");
        let (kind, reason, message) = waits(&clearance);
        assert_eq!((kind, reason), (WaitingKind::WaitingForWindow, "WindowClosed"), "{time}");
        let expected = format!("the window \"30 2 * * *\" for 30m (Europe/Berlin), which opens at {until}");
        assert!(message.ends_with(&expected), "{time}: {message}");
        assert_eq!(clearance.waiting.unwrap().until, Some(at(until)), "{time}");
    }
}
