use soc2_catalog::Catalog;
use soc2_guardrails::library::compile;
use soc2_guardrails::{Drift, Exemptions, Mode, Owner, Parameters, Policy, Step};

use crate::model::{
    World, accounts, add_unit, content, counts, denying, enforce, everything, id, set, unit, units, words,
};

const LEAVE: &str = "deny-leave-org";
const NAME: &str = "soc2-acme-deny-leave-org-7b981c6c";

fn world() -> World {
    World::new(&["Workloads/Prod 333333333333 444444444444", "Workloads/Dev 555555555555", "Sandbox 666666666666"])
}

fn drift(world: &World, sets: &[soc2_guardrails::SetInput]) -> Vec<String> {
    world.plan(sets).sets[0].drift.iter().map(ToString::to_string).collect()
}

#[test]
fn creates_and_attaches_what_is_missing() {
    let mut world = world();
    let sets = enforce(units(&world.org, &["Workloads"], &["Workloads/Dev"]));
    let plan = world.plan(&sets);
    assert_eq!(
        words(&plan.steps),
        [
            format!("create policy {NAME} (142 characters)"),
            format!("attach {LEAVE} ({NAME}) to organizational unit Workloads/Prod (ou-workloads-prod)"),
        ]
    );
    let [found] = &plan.sets[..] else { panic!("one set") };
    assert_eq!(found.steps, plan.steps);
    assert_eq!(found.counts(), counts(1, 0, 1));
    assert_eq!((found.in_sync, found.affected_accounts, found.hash.len()), (false, 2, 64));
    assert_eq!(drift(&world, &sets), [format!("{LEAVE}: there is no policy {NAME} on 1 targets")]);
    assert_eq!(plan.slots, [("ou-workloads-prod".to_owned(), 1)].into());

    let id = world.enforce(&sets);
    let tags: Vec<String> = world.policy(&id).tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let expected = ["baseline=deny-leave-org", "cluster-id=cluster-1", "owner-id=acme"];
    assert_eq!(tags, expected.map(|tag| format!("soc2-operator.dev/{tag}")));
    let document = content(Catalog::builtin().unwrap().guardrail(LEAVE).unwrap());
    assert_eq!(world.policy(&id).content, document);
    assert_eq!(
        document,
        r#"{"Version":"2012-10-17","Statement":{"Sid":"DenyLeaveOrganization","Effect":"Deny","Action":"organizations:LeaveOrganization","Resource":"*"}}"#
    );

    let plan = world.plan(&sets);
    assert!(plan.steps.is_empty() && plan.sets[0].in_sync && plan.sets[0].drift.is_empty());
    assert_eq!(plan.owned, std::slice::from_ref(&id));
    let baseline = &plan.sets[0].baselines[0];
    assert_eq!((&baseline.policy_id, baseline.targets.len(), baseline.attached), (&Some(id), 1, 1));
    assert_eq!(plan.slots, [("ou-workloads-prod".to_owned(), 2)].into());
}

#[test]
fn puts_back_what_was_changed_by_hand() {
    let mut world = world();
    let sets = enforce(units(&world.org, &["Workloads", "Sandbox"], &[]));
    let policy = world.enforce(&sets);
    let healthy = world.clone();
    let hash = world.plan(&sets).sets[0].hash.clone();

    world.policy(&policy).content = r#"{"Version":"2012-10-17","Statement":[]}"#.to_owned();
    assert_eq!(drift(&world, &sets), [format!("{LEAVE}: the content of {policy} was edited")]);
    assert_eq!(words(&world.plan(&sets).steps), [format!("put back policy {NAME} ({policy})")]);
    world.enforce(&sets);
    assert_eq!(world.inventory, healthy.inventory);

    world.policy(&policy).content = "no JSON".to_owned();
    world.policy(&policy).name = "mine now".to_owned();
    let renamed = format!("{LEAVE}: {policy} is named \"mine now\" instead of \"{NAME}\"");
    assert_eq!(drift(&world, &sets), [format!("{LEAVE}: the content of {policy} was edited"), renamed]);
    assert_eq!(world.plan(&sets).steps.len(), 1, "one update for both");
    world.enforce(&sets);
    assert_eq!(world.inventory, healthy.inventory);

    world.policy(&policy).targets.remove("ou-sandbox");
    let target = "organizational unit Sandbox (ou-sandbox)";
    assert_eq!(drift(&world, &sets), [format!("{LEAVE}: {policy} is not attached to {target}")]);
    assert_eq!(words(&world.plan(&sets).steps), [format!("attach {LEAVE} ({policy}) to {target}")]);
    world.enforce(&sets);
    assert_eq!(world.inventory, healthy.inventory);

    world.inventory.policies.remove(&policy);
    assert_eq!(world.plan(&sets).sets[0].counts(), counts(1, 0, 2));
    world.enforce(&sets);
    assert!(world.plan(&sets).sets[0].in_sync);
    assert_eq!(world.plan(&sets).sets[0].hash, hash, "what is wanted did not change");
}

#[test]
fn the_same_in_other_words_is_no_drift() {
    let mut world = world();
    let sets = enforce(everything(&world.org));
    let policy = world.enforce(&sets);
    world.policy(&policy).content =
        r#"{ "Statement": { "Resource": ["*"], "Action": ["organizations:leaveorganization"],
        "Sid": "DenyLeaveOrganization", "Effect": "Deny" }, "Version": "2012-10-17" }"#
            .to_owned();
    assert!(world.plan(&sets).sets[0].in_sync);
}

#[test]
fn what_is_written_has_the_fewest_characters_and_what_is_there_is_not_written_again_for_that() {
    let mut world = world();
    let name = "two";
    let mut guardrail = denying(name, &["a:One"]);
    let second = denying(name, &["a:Two"]).statements.remove(0);
    guardrail.statements.push(second);
    guardrail.statements[1].sid = "Second".to_owned();
    guardrail.denied.extend(denying(name, &["a:Two"]).denied);
    let nobody = Exemptions::default();
    let long = compile(&guardrail, &Parameters::new(), &nobody, &nobody).unwrap().content;
    let short = content(&guardrail);
    assert!(short.len() < long.len() && short.matches("Sid").count() == 1, "{short}");
    world.library.push(guardrail);
    let sets = [set("all", Mode::Enforce, everything(&world.org), &[name])];
    // It is counted as it is sent.
    world.limits.max_characters = u32::try_from(short.len()).unwrap();
    world.apply(&world.plan(&sets).steps);
    assert_eq!(world.policy("p-created1").content, short);
    assert!(world.plan(&sets).sets[0].in_sync);
    // A former version wrote more characters.
    world.policy("p-created1").content = long;
    let plan = world.plan(&sets);
    assert!(plan.sets[0].in_sync && plan.steps.is_empty(), "{:?}", plan.sets[0].drift);
    // What changes is written anew, and does not count as less because statements went together.
    world.limits.max_characters = 10_240;
    let changed = world.library.last_mut().unwrap();
    changed.statements[1].actions = Some(vec!["a:Two".to_owned(), "a:Three".to_owned()]);
    let plan = world.plan(&sets);
    assert!(matches!(&plan.steps[..], [Step::Update { weakens: false, .. }]), "{:?}", words(&plan.steps));
}

#[test]
fn observe_says_what_it_would_do_and_does_nothing() {
    let world = world();
    let sets = [set("look", Mode::Observe, everything(&world.org), &[LEAVE])];
    let plan = world.plan(&sets);
    assert!(plan.steps.is_empty());
    assert_eq!(plan.sets[0].counts(), counts(1, 0, 1));
    assert!(!plan.sets[0].in_sync);
}

#[test]
fn sets_with_the_same_baseline_share_one_policy() {
    let mut world = world();
    let prod = set("prod", Mode::Enforce, units(&world.org, &["Workloads/Prod"], &[]), &[LEAVE]);
    let dev = set("dev", Mode::Enforce, units(&world.org, &["Workloads/Dev"], &[]), &[LEAVE, "protect-config"]);
    let sandbox = set("look", Mode::Observe, units(&world.org, &["Sandbox"], &[]), &[LEAVE]);
    let sets = [prod, sandbox, dev];
    let plan = world.plan(&sets);
    assert_eq!(plan.sets.iter().map(|set| set.name.as_str()).collect::<Vec<_>>(), ["dev", "look", "prod"]);
    assert_eq!(plan.steps.len(), 5, "{:?}", words(&plan.steps));
    assert_eq!(plan.sets[0].counts(), counts(2, 0, 2));
    assert_eq!(plan.sets[2].counts(), counts(1, 0, 1));
    let policy = world.enforce(&sets);
    let targets: Vec<&str> = world.policy(&policy).targets.iter().map(String::as_str).collect();
    assert_eq!(targets, ["ou-workloads-dev", "ou-workloads-prod"]);
    let plan = world.plan(&sets);
    assert!(plan.steps.is_empty() && plan.sets[0].in_sync && !plan.sets[1].in_sync && plan.sets[2].in_sync);

    // A set that only looks, or is suspended, keeps its targets from being somewhere else.
    world.policy(&policy).targets.insert("ou-sandbox".to_owned());
    assert!(world.plan(&sets).sets.iter().all(|set| set.in_sync));
    let mut suspended = sets.clone();
    suspended[1].suspended = true;
    let plan = world.plan(&suspended);
    assert_eq!(plan.sets.len(), 2);
    assert!(plan.sets.iter().all(|set| set.in_sync));
    assert!(world.plan(&sets[2..]).sets[0].drift.len() == 2, "without the others it is elsewhere twice");
}

#[test]
fn what_is_attached_elsewhere_is_said_and_left_alone() {
    let mut world = world();
    let sets = enforce(units(&world.org, &["Workloads"], &[]));
    let policy = world.enforce(&sets);
    world.policy(&policy).targets.insert("666666666666".to_owned());
    world.policy(&policy).targets.insert("ou-gone".to_owned());
    assert_eq!(
        drift(&world, &sets),
        [
            format!(
                "{LEAVE}: {policy} is also attached to 666666666666, which no set wants: detach it there, or select it"
            ),
            format!("{LEAVE}: {policy} is also attached to ou-gone, which no set wants: detach it there, or select it"),
        ]
    );
    let plan = world.plan(&sets);
    assert!(plan.steps.is_empty() && !plan.sets[0].in_sync);

    // Where it is inherited anyway it makes no difference.
    world.policy(&policy).targets.retain(|target| target == "ou-workloads");
    world.policy(&policy).targets.extend(["333333333333".to_owned(), unit("Workloads/Dev")]);
    let plan = world.plan(&sets);
    assert!(plan.steps.is_empty() && plan.sets[0].in_sync);
    assert_eq!(plan.sets[0].drift.len(), 2);
    assert!(plan.sets[0].drift.iter().all(Drift::is_harmless));
    assert!(plan.sets[0].drift[0].to_string().ends_with("which inherits it anyway: it can be detached there"));
}

#[test]
fn a_new_unit_or_account_without_its_guardrail_is_drift() {
    let mut world = world();
    let sets = enforce(accounts(&["333333333333"]));
    let policy = world.enforce(&sets);
    assert_eq!(world.policy(&policy).targets.len(), 1);
    let sets = enforce(accounts(&["333333333333", "444444444444"]));
    let target = "organizational unit Workloads/Prod (ou-workloads-prod)";
    assert_eq!(words(&world.plan(&sets).steps), [format!("attach {LEAVE} ({policy}) to {target}")]);
    world.enforce(&sets);
    assert!(world.plan(&sets).sets[0].in_sync, "the account's own attachment stays, and does no harm");

    add_unit(&mut world.org, "Workloads/Prod/New");
    let mut with_new = sets[0].selection.clone();
    with_new.units.insert(unit("Workloads/Prod/New"));
    assert!(world.plan(&enforce(with_new)).sets[0].in_sync);
    // Selected by account, an empty unit in it makes the unit's attachment too wide. It is said, and nothing is detached.
    let plan = world.plan(&sets);
    assert!(!plan.sets[0].in_sync);
    assert!(plan.sets[0].drift.iter().any(|drift| matches!(drift, Drift::Elsewhere { inherited: false, .. })));
}

#[test]
fn a_moved_account_is_followed() {
    let mut world = world();
    let sets = |world: &World| enforce(units(&world.org, &["Workloads/Prod"], &[]));
    world.enforce(&sets(&world));
    world.org.accounts.get_mut(&id("666666666666")).unwrap().parent = unit("Workloads/Prod");
    let plan = world.plan(&sets(&world));
    assert!(plan.sets[0].in_sync, "it inherits");
    assert_eq!(plan.sets[0].affected_accounts, 3);
}

#[test]
fn of_two_policies_of_ours_one_is_kept_in_order_and_the_other_left_alone() {
    let mut world = world();
    let sets = enforce(everything(&world.org));
    let policy = world.enforce(&sets);
    let mut copy = world.policy(&policy).clone();
    copy.name = "copy".to_owned();
    copy.content = "{}".to_owned();
    copy.targets.clear();
    world.inventory.policies.insert("p-a-copy".to_owned(), copy.clone());
    let plan = world.plan(&sets);
    assert!(plan.steps.is_empty() && plan.sets[0].in_sync, "attached nowhere it does no harm");
    assert_eq!(
        plan.sets[0].drift[0].to_string(),
        format!("{LEAVE}: p-a-copy (on 0 targets) is a second policy of ours beside {policy}: detach and delete it")
    );
    world.policy("p-a-copy").targets.insert("ou-sandbox".to_owned());
    world.policy("p-a-copy").targets.insert("ou-workloads-dev".to_owned());
    let plan = world.plan(&sets);
    assert!(plan.steps.is_empty() && !plan.sets[0].in_sync, "our name decides, not where it is attached");

    // Without our name on either, the one attached more widely; then by id. The choice stands once it was renamed.
    world.policy(&policy).name = "another".to_owned();
    world.policy("p-a-copy").targets.insert(unit("Workloads"));
    let plan = world.plan(&sets);
    assert_eq!(words(&plan.steps)[0], format!("put back policy {NAME} (p-a-copy), which denies less then"));
    world.apply(&plan.steps);
    assert!(world.plan(&sets).steps.is_empty());
}

#[test]
fn a_policy_of_ours_without_the_baseline_tag_is_known_by_its_name() {
    let mut world = world();
    let sets = enforce(everything(&world.org));
    let policy = world.enforce(&sets);
    world.policy(&policy).tags.remove("soc2-operator.dev/baseline");
    assert!(world.plan(&sets).sets[0].in_sync);
}

#[test]
fn the_hash_is_of_what_is_wanted() {
    let world = world();
    let hash = |world: &World, sets: &[soc2_guardrails::SetInput]| world.plan(sets).sets[0].hash.clone();
    let sets = enforce(everything(&world.org));
    let first = hash(&world, &sets);
    let mut renamed = sets.clone();
    "other".clone_into(&mut renamed[0].name);
    assert_ne!(hash(&world, &renamed), first, "an approval is for one set");
    assert_eq!(hash(&world, &enforce(units(&world.org, &["Workloads"], &[]))), first, "accounts come and go");
    let mut rules = sets.clone();
    "another rule".clone_into(&mut rules[0].rules);
    assert_ne!(hash(&world, &rules), first);
    let mut other = world.clone();
    other.library[0].statements[0].sid = "Other".to_owned();
    assert_ne!(hash(&other, &sets), first);
    let mut more = sets.clone();
    more[0].baselines.push("protect-config".to_owned());
    assert_ne!(hash(&world, &more), first);
    more[0].baselines.reverse();
    more[0].baselines.push(LEAVE.to_owned());
    let mut ordered = sets;
    ordered[0].baselines = vec![LEAVE.to_owned(), "protect-config".to_owned()];
    assert_eq!(hash(&world, &more), hash(&world, &ordered), "order and repetition do not matter");
}

#[test]
fn names_are_of_what_a_policy_is_for() {
    let owner = |owner_id: &str| Owner {
        owner_id: owner_id.to_owned(),
        cluster_id: "c".to_owned(),
        organization_id: "o".to_owned(),
    };
    assert_eq!(owner("acme").policy_name(LEAVE), NAME);
    assert_ne!(owner("a").policy_name("b-c"), owner("a-b").policy_name("c"));
    let long = owner(&"o".repeat(63)).policy_name(&"ü".repeat(63));
    assert_eq!(long.chars().count(), 128);
    assert_ne!(long, owner(&"o".repeat(63)).policy_name(&"ü".repeat(64)));
    let tags = owner("acme").tags(LEAVE);
    let mut policy = Policy { tags, ..Policy::default() };
    assert!(owner("acme").owns(&policy) && !owner("other").owns(&policy));
    policy.aws_managed = true;
    assert!(!owner("acme").owns(&policy));
}
