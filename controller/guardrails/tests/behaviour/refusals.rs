use std::collections::BTreeSet;

use serde_json::json;
use soc2_catalog::Guardrail;
use soc2_guardrails::{Exemptions, Mode, Plan, Refusal, Selection, SetInput};
use soc2_posture::organization::AccountState;

use crate::model::{
    MANAGEMENT, World, accounts, add_policy, counts, deny, enforce, everything, guardrail, id, set, units, words,
};

const LEAVE: &str = "deny-leave-org";
const NAME: &str = "soc2-acme-deny-leave-org-7b981c6c";

fn world() -> World {
    World::new(&["Workloads/Prod 333333333333 444444444444", "Workloads/Dev 555555555555", "Sandbox 666666666666"])
}

/// The reason and message of the one set, after checking that nothing is done.
fn refusal(plan: &Plan) -> (String, String) {
    assert_eq!(words(&plan.steps), [""; 0]);
    let [set] = &plan.sets[..] else { panic!("one set") };
    assert!(set.steps.is_empty() && !set.in_sync && set.hash.len() == 64);
    let refusal = set.refused.clone().expect("refused");
    (refusal.reason.to_owned(), refusal.message)
}

fn refused(world: &World, sets: &[SetInput]) -> (String, String) {
    refusal(&world.plan(sets))
}

#[test]
fn a_foreign_policy_with_our_name_is_not_touched() {
    let mut world = world();
    let sets = enforce(everything(&world.org));
    add_policy(&mut world.inventory, "p-foreign", &deny("s3:*"), &[]);
    world.policy("p-foreign").name = NAME.to_owned();
    let (reason, message) = refused(&world, &sets);
    assert_eq!(reason, "NameTaken");
    assert_eq!(
        message,
        format!(
            "policy p-foreign has the name {NAME} that ours would have, but not the tags, so it is left alone: rename or \
             delete it, or, if it is ours, tag it with soc2-operator.dev/baseline=deny-leave-org, \
             soc2-operator.dev/cluster-id=cluster-1, soc2-operator.dev/owner-id=acme"
        )
    );
    // Tagged as it says, it is ours.
    let tags = world.owner.tags(LEAVE);
    world.policy("p-foreign").tags = tags;
    assert_eq!(world.plan(&sets).sets[0].counts(), counts(0, 1, 1));

    // Ours under another name cannot take its name back.
    world.policy("p-foreign").name = "renamed".to_owned();
    add_policy(&mut world.inventory, "p-other", &deny("s3:*"), &[]);
    world.policy("p-other").name = NAME.to_owned();
    assert_eq!(refused(&world, &sets).0, "NameTaken");
}

#[test]
fn a_policy_with_half_of_our_tags_is_foreign() {
    let mut world = world();
    let sets = enforce(everything(&world.org));
    let policy = world.enforce(&sets);
    world.policy(&policy).tags.remove("soc2-operator.dev/cluster-id");
    let plan = world.plan(&sets);
    assert!(plan.owned.is_empty() && plan.sets[0].in_sync, "it denies the same, whosever it is");
    world.policy(&policy).content = deny("s3:*");
    assert_eq!(refused(&world, &sets).0, "NameTaken");
}

#[test]
fn policies_of_another_cluster_stop_everything() {
    let mut world = world();
    let sets = enforce(everything(&world.org));
    let policy = world.enforce(&sets);
    world.policy(&policy).tags.insert("soc2-operator.dev/cluster-id".to_owned(), "cluster-0".to_owned());
    let plan = world.plan(&sets);
    assert_eq!(plan.foreign_cluster.as_deref(), Some("cluster-0"));
    let (reason, message) = refusal(&plan);
    assert_eq!(reason, "OwnedByOtherCluster");
    assert!(message.contains("\"acme\" of cluster cluster-0, and this is cluster cluster-1"), "{message}");

    world.policy(&policy).tags.insert("soc2-operator.dev/owner-id".to_owned(), "someone".to_owned());
    world.policy(&policy).name = "theirs".to_owned();
    world.policy(&policy).content = deny("s3:*");
    assert_eq!(world.plan(&sets).sets[0].counts(), counts(1, 0, 1), "another owner is none of our business");
}

#[test]
fn slots_are_counted_with_everything_that_is_there() {
    let mut world = world();
    world.limits.max_per_target = 5;
    let sets = enforce(units(&world.org, &["Workloads/Prod", "Sandbox"], &[]));
    add_policy(&mut world.inventory, "p-1", &deny("s3:*"), &["ou-sandbox"]);
    assert_eq!(
        world.plan(&sets).sets[0].counts(),
        counts(1, 0, 2),
        "2 there, 1 to attach, 1 reserved, 1 in transition"
    );
    add_policy(&mut world.inventory, "p-2", &deny("s3:*"), &["ou-sandbox"]);
    world.policy("p-2").name = "aws-guardrails-abc".to_owned();
    let (reason, message) = refused(&world, &sets);
    assert_eq!(reason, "NoFreeSlot");
    assert_eq!(
        message,
        "organizational unit Sandbox (ou-sandbox) has 3 policies; with 1 to attach, 1 reserved and 1 kept free for \
         replacing one, that is 6 of 5"
    );
    assert_eq!(world.plan(&sets).slots[&"ou-sandbox".to_owned()], 3);
    world.reserved_slots = 0;
    assert_eq!(world.plan(&sets).sets[0].counts(), counts(1, 0, 2));

    // What is attached already needs no slot, however full it has become.
    world.enforce(&sets);
    for number in 3..6 {
        add_policy(&mut world.inventory, &format!("p-{number}"), &deny("s3:*"), &["ou-sandbox"]);
    }
    assert!(world.plan(&sets).sets[0].in_sync);
}

#[test]
fn nine_of_ten_slots_taken_on_two_targets() {
    let mut world = world();
    for number in 0..8 {
        add_policy(&mut world.inventory, &format!("p-{number}"), &deny("s3:*"), &["ou-sandbox", "ou-workloads"]);
    }
    let (reason, message) = refused(&world, &enforce(units(&world.org, &["Workloads", "Sandbox"], &[])));
    assert_eq!(reason, "NoFreeSlot");
    assert!(message.ends_with("that is 12 of 10; the same on 1 targets more"), "{message}");
}

#[test]
fn sets_budget_slots_together_by_name_and_enforce_first() {
    let mut world = world();
    world.limits.max_per_target = 4;
    let sandbox = || units(&world.org, &["Sandbox"], &[]);
    let sets = [
        set("a", Mode::Observe, sandbox(), &["protect-config"]),
        set("b", Mode::Enforce, sandbox(), &[LEAVE]),
        set("c", Mode::Enforce, units(&world.org, &["Workloads", "Sandbox"], &[]), &["protect-config"]),
        set("d", Mode::Enforce, sandbox(), &[LEAVE]),
    ];
    let plan = world.plan(&sets);
    let reasons: Vec<&str> =
        plan.sets.iter().map(|set| set.refused.as_ref().map_or("", |found| found.reason)).collect();
    assert_eq!(reasons, ["NoFreeSlot", "", "NoFreeSlot", ""]);
    assert_eq!(plan.steps.len(), 2, "nothing of c, not even on Workloads");
    assert!(plan.sets[2].refused.as_ref().unwrap().message.contains("has 1 policies; with 2 to attach"));
    let steps = plan.steps.clone();
    world.apply(&steps);
    let plan = world.plan(&sets);
    assert!(plan.steps.is_empty() && plan.sets[1].in_sync && plan.sets[3].in_sync);
    assert_eq!(plan.sets[2].refused.as_ref().unwrap().reason, "NoFreeSlot");
}

#[test]
fn size_is_counted_as_it_is_sent() {
    let mut world = world();
    let sets = enforce(everything(&world.org));
    world.limits.max_characters = 142;
    assert!(world.plan(&sets).sets[0].refused.is_none());
    world.limits.max_characters = 141;
    let too_large = "baseline deny-leave-org has 142 characters, and a policy may have 141".to_owned();
    assert_eq!(refused(&world, &sets), ("TooLarge".to_owned(), too_large));
}

#[test]
fn without_service_control_policies() {
    let mut world = world();
    world.org.scp_enabled = false;
    let sets = enforce(everything(&world.org));
    let (reason, message) = refused(&world, &sets);
    assert_eq!(reason, "ScpNotEnabled");
    assert!(message.contains("enable-policy-type --root-id r-ab12 --policy-type SERVICE_CONTROL_POLICY"), "{message}");
    let drift = world.plan(&sets).sets[0].drift[0].to_string();
    assert_eq!(drift, "service control policies are not enabled in root r-ab12");
}

#[test]
fn targets_that_select_nothing() {
    let world = world();
    let (reason, message) = refused(&world, &enforce(Selection::default()));
    assert_eq!(
        (reason.as_str(), message.as_str()),
        ("NoTargets", "the targets select no account and no organizational unit")
    );
    let (reason, message) = refused(&world, &enforce(accounts(&[MANAGEMENT])));
    assert_eq!(reason, "NoTargets");
    assert!(message.contains("only the management account 111111111111"), "{message}");
}

#[test]
fn a_cover_that_is_too_fine() {
    let world = world();
    let mut sets = enforce(accounts(&["333333333333"]));
    sets[0].max_direct = 0;
    let (reason, message) = refused(&world, &sets);
    assert_eq!(reason, "CoverTooFine");
    assert!(message.contains("organizational unit Workloads/Prod (ou-workloads-prod)"), "{message}");
    let (reason, _) = refused(&world, &enforce(accounts(&["999999999999"])));
    assert_eq!(reason, "OrganizationIncomplete");
}

#[test]
fn baselines_that_there_are_not() {
    let world = world();
    let sets = [set("s", Mode::Enforce, everything(&world.org), &[LEAVE, "deny-all"])];
    let (reason, message) = refused(&world, &sets);
    assert_eq!(reason, "UnknownBaseline");
    assert_eq!(message, "there is no baseline \"deny-all\"; there are deny-leave-org, protect-config");
    let sets = [set("s", Mode::Enforce, everything(&world.org), &[])];
    assert_eq!(refused(&world, &sets).0, "NoBaselines");
}

#[test]
fn documents_that_could_lock_people_out() {
    for (statement, problem) in [
        (json!({"actions": ["*"]}), "statement S denies every action without a condition"),
        (json!({"actions": ["*:*"]}), "statement S denies every action without a condition"),
        (json!({"actions": ["*o*"]}), "statement S denies every action without a condition"),
        (json!({"notActions": ["iam:*"]}), "statement S denies every action without a condition"),
        (json!({"actions": ["a:Two"]}), "it does not deny a:One, its own example"),
        (json!({"actions": ["a:One", "s3:*"]}), "it denies s3:GetObject, which it must not"),
        (
            json!({"actions": ["a:One"], "condition": {"Bool": {"aws:MultiFactorAuthPresent": false}}}),
            "whether it denies a:One, its own example, depends on aws:MultiFactorAuthPresent: say it in the example's",
        ),
    ] {
        let mut world = world();
        world.library.push(stating(&statement));
        let (reason, message) = refused(&world, &[set("s", Mode::Enforce, everything(&world.org), &["bad"])]);
        assert_eq!(reason, "LockOut", "{statement}");
        assert!(message.starts_with("baseline bad: ") && message.contains(problem), "{statement}: {message}");
        // That somebody is exempt does not give it bounds.
        world.exempt = Exemptions::known(["arn:aws:iam::*:role/BreakGlass"]);
        assert_eq!(refused(&world, &[set("s", Mode::Enforce, everything(&world.org), &["bad"])]), (reason, message));
    }
    let mut world = world();
    let mut conditional =
        stating(&json!({"actions": ["*"], "condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:root"}}}));
    conditional.denied[0].principal = Some("arn:aws:iam::333333333333:root".to_owned());
    conditional.allowed[0].principal = Some("arn:aws:iam::333333333333:role/x".to_owned());
    world.library.push(conditional);
    assert!(world.plan(&[set("s", Mode::Enforce, everything(&world.org), &["bad"])]).sets[0].refused.is_none());
}

/// A guardrail for `a:One` with this statement.
fn stating(statement: &serde_json::Value) -> Guardrail {
    let mut bad = guardrail("bad", "a:One");
    let mut whole = json!({"sid": "S", "resources": ["*"]});
    whole.as_object_mut().unwrap().extend(statement.as_object().unwrap().clone());
    bad.statements = vec![serde_json::from_value(whole).unwrap()];
    bad
}

#[test]
fn another_organization_than_before() {
    let mut world = world();
    let sets = enforce(everything(&world.org));
    world.org.id = "o-other".to_owned();
    let (reason, message) = refused(&world, &sets);
    assert_eq!(
        (reason.as_str(), message.as_str()),
        ("WrongOrganization", "organization o-other was read, and o-example is taken care of")
    );
}

#[test]
fn what_the_caller_found_wrong_already() {
    let world = world();
    let mut sets = enforce(everything(&world.org));
    sets[0].error = Some(Refusal { reason: "InvalidTargets", message: "spec.targets: no".to_owned() });
    assert_eq!(refused(&world, &sets), ("InvalidTargets".to_owned(), "spec.targets: no".to_owned()));
    assert_eq!(world.plan(&sets).sets[0].refused.as_ref().unwrap().to_string(), "InvalidTargets: spec.targets: no");
}

#[test]
fn one_refused_set_does_not_stop_the_others() {
    let mut world = world();
    world.org.accounts.get_mut(&id("444444444444")).unwrap().state = AccountState::Suspended;
    let bad = set("bad", Mode::Enforce, Selection::default(), &[LEAVE]);
    let good = set("good", Mode::Enforce, accounts(&["333333333333", "444444444444"]), &[LEAVE]);
    let plan = world.plan(&[bad, good]);
    assert_eq!(plan.sets[0].refused.as_ref().unwrap().reason, "NoTargets");
    assert_eq!(plan.steps, plan.sets[1].steps);
    let targets: BTreeSet<&str> = plan.slots.keys().map(String::as_str).collect();
    assert_eq!(targets, ["ou-workloads-prod"].into());
}
