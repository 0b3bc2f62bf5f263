use soc2_catalog::{Catalog, Guardrail};
use soc2_guardrails::PolicyInventory;
use soc2_guardrails::{Effective, Exemptions, ReadPolicies};
use soc2_posture::organization::Organization;
use soc2_posture::protection::{Protection, ProtectionByAccount};

use crate::model::{ALLOW_ALL, FULL_ACCESS, MANAGEMENT, World, add_policy, deny, denying, id};

const LEAVE: &str = "organizations:LeaveOrganization";

fn world() -> World {
    World::new(&["Workloads/Prod 333333333333 444444444444", "Sandbox 555555555555"])
}

/// The answers when nobody is exempt and no set says anything.
fn protection(guardrail: &Guardrail, org: &Organization, inventory: Option<&PolicyInventory>) -> ProtectionByAccount {
    soc2_guardrails::protection(guardrail, org, inventory, &Exemptions::default(), &[])
}

/// What holds for an account, in words.
fn answer(world: &World, account: &str) -> String {
    let guardrail = Catalog::builtin().unwrap().guardrail("deny-leave-org").unwrap();
    in_words(&protection(guardrail, &world.org, Some(&world.inventory))[&id(account)])
}

pub fn in_words(protection: &Protection) -> String {
    match protection {
        Protection::Protected { by } => format!("by {}", by.join(" ")),
        Protection::Unprotected => "unprotected".to_owned(),
        Protection::ManagementAccount => "management".to_owned(),
        Protection::Unknown { message } => format!("unknown: {message}"),
    }
}

#[test]
fn whosever_policy_denies_protects_what_is_below_it() {
    let mut world = world();
    assert_eq!(answer(&world, "333333333333"), "unprotected");
    add_policy(&mut world.inventory, "p-1", &deny(LEAVE), &["ou-workloads"]);
    add_policy(&mut world.inventory, "p-2", &deny("organizations:*"), &["333333333333"]);
    assert_eq!(answer(&world, "333333333333"), "by p-1 p-2");
    assert_eq!(answer(&world, "444444444444"), "by p-1");
    assert_eq!(answer(&world, "555555555555"), "unprotected");
    assert_eq!(answer(&world, MANAGEMENT), "management");
    let guardrail = Catalog::builtin().unwrap().guardrail("deny-leave-org").unwrap();
    assert_eq!(protection(guardrail, &world.org, Some(&world.inventory)).len(), world.org.accounts.len());
}

#[test]
fn an_allow_list_that_leaves_it_out_protects() {
    let mut world = world();
    world.policy(FULL_ACCESS).targets.remove("ou-workloads");
    let allow = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","ec2:*"],"Resource":"*"}]}"#;
    add_policy(&mut world.inventory, "p-list", allow, &["ou-workloads"]);
    assert_eq!(answer(&world, "333333333333"), "by p-list");
    assert_eq!(answer(&world, "555555555555"), "unprotected");
}

#[test]
fn what_depends_on_who_calls_does_not_count() {
    let mut world = world();
    let exempting = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/Admin"}}}]}"#;
    add_policy(&mut world.inventory, "p-1", exempting, &["r-ab12"]);
    assert_eq!(
        answer(&world, "333333333333"),
        format!("unknown: whether {LEAVE} is denied depends on aws:PrincipalArn")
    );
    add_policy(&mut world.inventory, "p-2", &deny(LEAVE), &["444444444444"]);
    assert_eq!(answer(&world, "444444444444"), "by p-2", "whatever p-1 does");
    add_policy(&mut world.inventory, "p-3", "{", &["555555555555"]);
    assert!(answer(&world, "555555555555").contains("the content of policy p-3"));
}

#[test]
fn what_was_not_read_is_not_known() {
    let mut world = world();
    let guardrail = Catalog::builtin().unwrap().guardrail("deny-leave-org").unwrap();
    let blind = protection(guardrail, &world.org, None);
    assert!(matches!(blind[&id("333333333333")], Protection::Unknown { .. }));
    assert_eq!(blind[&id(MANAGEMENT)], Protection::ManagementAccount);

    // AWS keeps a policy everywhere: none at all is a reading that is not complete, and not a place where all is denied.
    world.policy(FULL_ACCESS).targets.remove("444444444444");
    assert_eq!(answer(&world, "444444444444"), "unknown: no service control policy was found on 444444444444");
    world.policy(FULL_ACCESS).targets.remove("r-ab12");
    assert_eq!(answer(&world, "333333333333"), "unknown: no service control policy was found on r-ab12");

    world.org.accounts.get_mut(&id("555555555555")).unwrap().parent = "ou-gone".to_owned();
    assert_eq!(answer(&world, "555555555555"), "unknown: account 555555555555 is not below the root");
}

#[test]
fn without_service_control_policies_nothing_protects() {
    let mut world = world();
    add_policy(&mut world.inventory, "p-1", &deny(LEAVE), &["r-ab12"]);
    world.org.scp_enabled = false;
    assert_eq!(answer(&world, "333333333333"), "unprotected");
    assert_eq!(answer(&world, MANAGEMENT), "management");
}

#[test]
fn every_example_has_to_be_denied() {
    let mut world = world();
    let mut two = denying("two", &["a:One", "a:Two"]);
    add_policy(&mut world.inventory, "p-1", &deny("a:One"), &["r-ab12"]);
    let account = id("333333333333");
    assert_eq!(protection(&two, &world.org, Some(&world.inventory))[&account], Protection::Unprotected);
    add_policy(
        &mut world.inventory,
        "p-odd",
        r#"{"Statement":[{"Effect":"Deny","Action":"a:One","Resource":"*","Principal":"*"}]}"#,
        &["r-ab12"],
    );
    world.inventory.policies.remove("p-1");
    let answers = protection(&two, &world.org, Some(&world.inventory));
    assert_eq!(answers[&account], Protection::Unprotected, "one call is let through, whatever holds for the other");
    world.inventory.policies.remove("p-odd");
    add_policy(&mut world.inventory, "p-1", &deny("a:One"), &["r-ab12"]);
    add_policy(&mut world.inventory, "p-2", &deny("a:T*"), &["r-ab12"]);
    let both = Protection::Protected { by: vec!["p-1".to_owned(), "p-2".to_owned()] };
    assert_eq!(protection(&two, &world.org, Some(&world.inventory))[&account], both);
    two.denied.clear();
    assert!(matches!(protection(&two, &world.org, Some(&world.inventory))[&account], Protection::Unknown { .. }));
}

#[test]
fn levels_go_from_the_root_to_the_account() {
    let mut world = world();
    add_policy(&mut world.inventory, "p-1", ALLOW_ALL, &["ou-workloads-prod"]);
    let policies = ReadPolicies::new(&world.inventory);
    let Effective::Levels(levels) = policies.effective(&world.org, id("333333333333")) else { panic!("no levels") };
    let targets: Vec<&str> = levels.iter().map(|level| level.target.as_str()).collect();
    assert_eq!(targets, ["r-ab12", "ou-workloads", "ou-workloads-prod", "333333333333"]);
    assert_eq!(levels[2].policies.len(), 2);
    assert!(matches!(policies.effective(&world.org, id(MANAGEMENT)), Effective::Unaffected));
    assert!(matches!(policies.effective(&world.org, id("999999999999")), Effective::Incomplete(_)));
    let mut disabled = world.org.clone();
    disabled.scp_enabled = false;
    assert!(matches!(policies.effective(&disabled, id("333333333333")), Effective::Unaffected));
}
