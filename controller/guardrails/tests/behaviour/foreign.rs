//! Policies of others: those that do already, those that are adopted, and those of a cluster that is taken over.

use soc2_catalog::Catalog;
use soc2_guardrails::{Drift, Mode, SetInput, Step};

use crate::model::{World, accounts, add_policy, counts, deny, everything, set, unit, units, words};

const LEAVE: &str = "deny-leave-org";
const NAME: &str = "soc2-acme-deny-leave-org-7b981c6c";
const LEAVING: &str = "organizations:LeaveOrganization";

fn world() -> World {
    World::new(&["Workloads/Prod 333333333333 444444444444", "Workloads/Dev 555555555555", "Sandbox 666666666666"])
}

fn of(world: &World, paths: &[&str]) -> Vec<SetInput> {
    vec![set("all", Mode::Enforce, units(&world.org, paths, &[]), &[LEAVE])]
}

#[test]
fn where_policies_of_others_do_nothing_of_ours_is_put() {
    let mut world = world();
    let sets = of(&world, &["Workloads", "Sandbox"]);
    add_policy(&mut world.inventory, "p-theirs", &deny(LEAVING), &["ou-workloads"]);
    let plan = world.plan(&sets);
    let set = &plan.sets[0];
    assert_eq!(set.counts(), counts(1, 0, 1), "only Sandbox: {:?}", words(&plan.steps));
    let baseline = &set.baselines[0];
    assert_eq!((baseline.targets.len(), baseline.satisfied.len()), (2, 1));
    assert_eq!(Vec::from_iter(baseline.satisfied_by()), ["p-theirs"]);

    // From above, and together: one denies nothing of it alone.
    add_policy(&mut world.inventory, "p-root", &deny(LEAVING), &["r-ab12"]);
    let plan = world.plan(&sets);
    assert!(plan.sets[0].in_sync && plan.steps.is_empty());
    assert_eq!((plan.sets[0].policies, plan.sets[0].baselines[0].policy.clone()), (0, None));
    let satisfied = plan.sets[0].hash.clone();

    // It goes: what is to be done is another plan, which no approval of the old one covers.
    world.inventory.policies.remove("p-root");
    world.inventory.policies.remove("p-theirs");
    let plan = world.plan(&sets);
    assert_eq!(plan.sets[0].counts(), counts(1, 0, 2));
    assert_ne!(plan.sets[0].wanted, satisfied);
}

#[test]
fn what_is_ours_and_attached_stays_whatever_others_do() {
    let mut world = world();
    let sets = of(&world, &["Workloads", "Sandbox"]);
    let policy = world.enforce(&sets);
    add_policy(&mut world.inventory, "p-theirs", &deny(LEAVING), &["r-ab12"]);
    let plan = world.plan(&sets);
    assert!(plan.sets[0].in_sync && plan.steps.is_empty() && plan.sets[0].removals.is_empty());
    assert_eq!(plan.sets[0].baselines[0].attached, 2);
    // Somebody takes it off one of the two: theirs does there, and nothing has to be put back.
    world.policy(&policy).targets.remove("ou-sandbox");
    let plan = world.plan(&sets);
    assert!(plan.sets[0].in_sync && plan.steps.is_empty());
    assert_eq!((plan.sets[0].baselines[0].attached, plan.sets[0].baselines[0].satisfied.len()), (1, 1));
}

#[test]
fn only_what_surely_denies_it_to_everybody_counts() {
    let mut world = world();
    world.library = Catalog::builtin().unwrap().guardrails().to_vec();
    let regions = |list: &[&str]| {
        let mut set = set("all", Mode::Enforce, everything(&world.org), &["restrict-regions"]);
        let value = serde_json::json!({"allowedRegions": list});
        set.parameters.insert("restrict-regions".to_owned(), serde_json::from_value(value).unwrap());
        [set]
    };
    let theirs = |regions: &str, more: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","NotAction":["iam:*","sts:*"],"Resource":"*","Condition":{{"StringNotEquals":{{"aws:RequestedRegion":{regions}}}{more}}}}}]}}"#
        )
    };
    let admins = r#","ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/Admin"}"#;
    for (content, wanted, does) in [
        (theirs(r#"["eu-west-1"]"#, ""), &["eu-west-1", "us-east-1"][..], true),
        (theirs(r#"["eu-west-1","us-east-1"]"#, ""), &["eu-west-1", "us-east-1"], true),
        // A Region more than is wanted, and somebody who is exempt.
        (theirs(r#"["eu-west-1","us-east-1"]"#, ""), &["eu-west-1"], false),
        (theirs(r#"["eu-west-1"]"#, admins), &["eu-west-1"], false),
        ("{".to_owned(), &["eu-west-1"], false),
    ] {
        let mut world = world.clone();
        add_policy(&mut world.inventory, "p-theirs", &content, &["r-ab12"]);
        let plan = world.plan(&regions(wanted));
        assert_eq!(plan.sets[0].in_sync, does, "{content} for {wanted:?}: {:?}", plan.sets[0].drift);
    }
}

#[test]
fn an_account_of_its_own_is_looked_at_with_all_above_it() {
    let mut world = world();
    let sets = [set("one", Mode::Enforce, accounts(&["333333333333"]), &[LEAVE])];
    add_policy(&mut world.inventory, "p-theirs", &deny(LEAVING), &["ou-workloads-prod"]);
    assert!(world.plan(&sets).sets[0].in_sync);
    // A level where only ours are says nothing of what theirs would do.
    let id = "p-FullAWSAccess";
    world.policy(id).targets.remove("333333333333");
    assert!(!world.plan(&sets).sets[0].in_sync);
}

#[test]
fn those_who_are_exempt_are_protected_only_where_a_policy_of_ours_exempts_them() {
    let mut world = world();
    world.exempt = soc2_guardrails::Exemptions::known(["arn:aws:iam::*:role/BreakGlass"]);
    world.library = Catalog::builtin().unwrap().guardrails().to_vec();
    let sets = [set("all", Mode::Enforce, everything(&world.org), &["protect-macie"])];
    assert_eq!(world.plan(&sets).sets[0].counts(), counts(2, 0, 2));
    add_policy(&mut world.inventory, "p-theirs", &deny("macie2:*"), &["r-ab12"]);
    let plan = world.plan(&sets);
    assert!(plan.sets[0].in_sync, "{:?}", plan.sets[0].drift);
}

fn adopting(world: &World, id: &str) -> Vec<SetInput> {
    let mut sets = of(world, &["Workloads"]);
    sets[0].adopt.insert(LEAVE.to_owned(), id.to_owned());
    sets
}

#[test]
fn a_policy_of_others_is_adopted_and_made_ours() {
    let mut world = world();
    add_policy(&mut world.inventory, "p-terraform", &deny(LEAVING), &["ou-workloads", "ou-sandbox"]);
    let sets = adopting(&world, "p-terraform");
    // What is ours would hold in Sandbox on the way, where nobody wants it.
    let refused = world.plan(&sets).sets[0].refused.clone().unwrap();
    assert!(refused.message.contains("it is also attached to ou-sandbox"), "{refused}");
    world.policy("p-terraform").targets.remove("ou-sandbox");
    let plan = world.plan(&sets);
    let steps = words(&plan.steps);
    let adopt = format!("adopt policy name of p-terraform (p-terraform) for {LEAVE}: it gets our tags");
    assert_eq!(steps, [adopt, format!("put back policy {NAME} (p-terraform)")]);
    assert!(matches!(plan.sets[0].drift[0], Drift::Foreign { .. }));
    assert!(plan.sets[0].removals.is_empty() && plan.owned.is_empty());
    let wanted = plan.sets[0].wanted.clone();

    // Interrupted after the first step: the rest follows.
    world.apply(&plan.steps[..1]);
    let plan = world.plan(&sets);
    assert_eq!(plan.owned, ["p-terraform"]);
    assert_eq!(words(&plan.steps).len(), 1);
    world.apply(&plan.steps);
    let plan = world.plan(&sets);
    assert_eq!(plan.sets[0].wanted, wanted);
    assert!(world.plan(&sets).sets[0].in_sync);
    assert!(world.plan(&of(&world, &["Workloads"])).sets[0].in_sync, "it is ours, whether the set says so or not");
}

#[test]
fn what_was_left_behind_can_be_adopted() {
    let mut world = world();
    let policy = world.enforce(&of(&world, &["Workloads"]));
    world.policy(&policy).tags.insert("soc2-operator.dev/retained".to_owned(), "all".to_owned());
    let sets = adopting(&world, &policy);
    let plan = world.plan(&sets);
    assert_eq!(plan.sets[0].counts().adopt, 1);
    world.apply(&plan.steps);
    let plan = world.plan(&sets);
    assert!(plan.sets[0].in_sync && plan.owned == [policy]);
}

#[test]
fn what_must_not_be_adopted() {
    let mut world = world();
    add_policy(&mut world.inventory, "p-tower", &deny("s3:*"), &["ou-sandbox"]);
    "aws-guardrails-AbCdEf".clone_into(&mut world.policy("p-tower").name);
    add_policy(&mut world.inventory, "p-lza", &deny("s3:*"), &["ou-sandbox"]);
    world.policy("p-lza").tags.insert("Accelerator".to_owned(), "AWSAccelerator".to_owned());
    add_policy(&mut world.inventory, "p-other", &deny("s3:*"), &[]);
    let mut tags = world.owner.tags(LEAVE);
    tags.insert("soc2-operator.dev/owner-id".to_owned(), "someone".to_owned());
    tags.insert("soc2-operator.dev/cluster-id".to_owned(), "cluster-7".to_owned());
    world.policy("p-other").tags = tags;
    for (id, why) in [
        ("p-none", "there is no such policy"),
        ("p-FullAWSAccess", "AWS manages it"),
        ("p-tower", "it belongs to Control Tower"),
        ("p-lza", "it belongs to Landing Zone Accelerator"),
        ("p-other", "it belongs to owner someone of cluster cluster-7"),
    ] {
        let plan = world.plan(&adopting(&world, id));
        let refused = plan.sets[0].refused.clone().unwrap();
        assert_eq!(refused.reason, "CannotAdopt");
        let says = format!("baseline {LEAVE}: policy {id} cannot be adopted: {why}");
        assert!(refused.message.starts_with(&says), "{refused}");
        assert!(plan.steps.is_empty());
    }
    let ours = world.enforce(&of(&world, &["Workloads"]));
    add_policy(&mut world.inventory, "p-new", &deny("s3:*"), &[]);
    let refused = world.plan(&adopting(&world, "p-new")).sets[0].refused.clone().unwrap();
    assert!(refused.message.contains(&format!("policy {ours} of ours carries the baseline")), "{refused}");
    // One policy cannot become two.
    let mut both = adopting(&world, "p-new");
    both[0].baselines.push("protect-config".to_owned());
    both[0].adopt.insert("protect-config".to_owned(), "p-new".to_owned());
    world.inventory.policies.remove(&ours);
    let refused = world.plan(&both).sets[0].refused.clone().unwrap();
    assert!(refused.message.contains("wants policy p-new for baseline deny-leave-org"), "{refused}");
}

#[test]
fn policies_of_a_cluster_that_is_gone_are_taken_over_and_no_second_set_is_made() {
    let mut world = world();
    let sets = of(&world, &["Workloads"]);
    let policy = world.enforce(&sets);
    world.policy(&policy).tags.insert("soc2-operator.dev/cluster-id".to_owned(), "cluster-0".to_owned());
    let refused = world.plan(&sets).sets[0].refused.clone().unwrap();
    assert_eq!(refused.reason, "OwnedByOtherCluster");
    assert!(refused.message.contains("take-over: cluster-0"), "{refused}");
    world.take_over = Some("cluster-9".to_owned());
    assert!(world.plan(&sets).retag.is_empty() && world.plan(&sets).sets[0].refused.is_some(), "of another one");

    world.take_over = Some("cluster-0".to_owned());
    let plan = world.plan(&sets);
    assert_eq!((plan.retag.clone(), plan.foreign_cluster.clone()), (vec![policy.clone()], None));
    assert!(plan.steps.is_empty() && plan.sets[0].refused.is_none());
    let drift = plan.sets[0].drift[0].to_string();
    assert_eq!(drift, format!("{LEAVE}: {policy} carries the tag of cluster cluster-0, which is taken over"));
    assert!(!plan.sets[0].in_sync);
    world.policy(&policy).tags.insert("soc2-operator.dev/cluster-id".to_owned(), "cluster-1".to_owned());
    let plan = world.plan(&sets);
    assert!(plan.retag.is_empty() && plan.sets[0].in_sync);
    // A second cluster is not taken over with it.
    add_policy(&mut world.inventory, "p-third", &deny("s3:*"), &[&unit("Sandbox")]);
    let mut tags = world.owner.tags("protect-config");
    tags.insert("soc2-operator.dev/cluster-id".to_owned(), "cluster-3".to_owned());
    world.policy("p-third").tags = tags;
    assert_eq!(world.plan(&sets).foreign_cluster.as_deref(), Some("cluster-3"));
    world.policy("p-third").tags.insert("soc2-operator.dev/retained".to_owned(), "all".to_owned());
    assert_eq!(world.plan(&sets).foreign_cluster, None, "what was left behind is nobody's");
}

#[test]
fn the_allow_of_an_adopted_policy_is_not_lost() {
    let mut world = world();
    let allow = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","ec2:*"],"Resource":"*"}]}"#;
    add_policy(&mut world.inventory, "p-list", allow, &["ou-workloads"]);
    let plan = world.plan(&adopting(&world, "p-list"));
    assert_eq!(plan.sets[0].refused.clone().unwrap().reason, "LockOut");
    assert!(plan.steps.iter().all(|step| !matches!(step, Step::Adopt { .. })));
}
