//! What a plan changes for its targets: statements that come and go in their effective policies.

use serde_json::json;
use soc2_guardrails::plan::{EffectiveChange, Most, effective_changes};
use soc2_guardrails::{Mode, SetPlan, Step, TargetId};

use crate::model::{ALLOW_ALL, World, add_policy, deny, everything, set, units};

const LEAVE: &str = "deny-leave-org";

fn world() -> World {
    World::new(&["Workloads/Prod 333333333333 444444444444", "Sandbox 555555555555"])
}

fn changes(world: &World, steps: &[&Step]) -> Vec<EffectiveChange> {
    let found = effective_changes(&world.org, &world.inventory, steps, Most::default());
    assert_eq!(found.more, 0);
    found.targets
}

/// Each change as a line: the target, and a sign with the Sid and where it is.
fn lines(changes: &[EffectiveChange]) -> Vec<String> {
    let signed = |change: &EffectiveChange| {
        let all = [("-", &change.gone), ("+", &change.new)];
        let words = all.into_iter().flat_map(|(sign, list)| {
            list.iter().map(move |one| {
                let shown = one.sid.clone().unwrap_or_else(|| one.text.clone());
                format!(" {sign}{shown}@{}", one.at)
            })
        });
        format!("{}:{}", change.target, words.collect::<String>())
    };
    changes.iter().map(signed).collect()
}

fn of_plan(world: &World, plan: &SetPlan) -> Vec<String> {
    lines(&changes(world, &plan.all().collect::<Vec<_>>()))
}

#[test]
fn what_a_plan_attaches_and_takes_off_is_shown_at_each_target() {
    let mut world = world();
    let wide = [set("s", Mode::Enforce, everything(&world.org), &[LEAVE])];
    let plan = world.plan(&wide);
    assert_eq!(of_plan(&world, &plan.sets[0]), ["r-ab12: +DenyLeaveOrganization@r-ab12"]);
    let found = changes(&world, &plan.sets[0].all().collect::<Vec<_>>());
    assert!(found[0].new[0].text.contains("organizations:LeaveOrganization"), "{found:?}");
    assert!(found[0].new[0].policy.starts_with("soc2-acme-deny-leave-org-"), "{found:?}");

    // From the root to a unit below: the unit had it, and has it; the root is without it.
    world.apply(&plan.steps);
    let narrow = [set("s", Mode::Enforce, units(&world.org, &["Workloads"], &[]), &[LEAVE])];
    let plan = world.plan(&narrow);
    assert!(plan.sets[0].all().count() >= 2, "{plan:?}");
    assert_eq!(of_plan(&world, &plan.sets[0]), ["r-ab12: -DenyLeaveOrganization@r-ab12"]);
    assert_eq!(of_plan(&world, &SetPlan { steps: Vec::new(), removals: Vec::new(), ..plan.sets[0].clone() }), [""; 0]);
}

fn detach(id: &str, target: &str) -> Step {
    let (id, target) = (id.to_owned(), TargetId(target.to_owned()));
    Step::Detach { id, baseline: "b".to_owned(), target, weakens: true }
}

fn update(world: &World, id: &str, content: &str) -> Step {
    let policy = soc2_guardrails::PolicyBody {
        name: world.inventory.policies[id].name.clone(),
        description: String::new(),
        content: content.to_owned(),
        tags: [].into(),
    };
    Step::Update { id: id.to_owned(), baseline: "b".to_owned(), policy, weakens: false }
}

#[test]
fn what_is_inherited_as_well_stays() {
    let mut world = world();
    add_policy(&mut world.inventory, "p-1", &deny("s3:*"), &["ou-workloads", "ou-workloads-prod", "333333333333"]);
    let both = [detach("p-1", "ou-workloads-prod"), detach("p-1", "333333333333")];
    assert_eq!(changes(&world, &both.iter().collect::<Vec<_>>()), []);
    let all = [detach("p-1", "ou-workloads"), both[0].clone(), both[1].clone()];
    let found = changes(&world, &all.iter().collect::<Vec<_>>());
    let targets: Vec<&str> = found.iter().map(|change| change.target.0.as_str()).collect();
    assert_eq!(targets, ["333333333333", "ou-workloads", "ou-workloads-prod"]);
    assert!(found.iter().all(|change| change.gone.len() == 1 && change.gone[0].at.0 == "ou-workloads"), "{found:?}");
}

#[test]
fn a_change_of_words_is_none_and_an_allow_counts_at_its_level() {
    let mut world = world();
    add_policy(&mut world.inventory, "p-1", &deny("s3:*"), &["ou-sandbox"]);
    let same = json!({"Statement": {"Resource": ["*"], "Action": ["S3:*"], "Effect": "Deny"}, "Version": "2012-10-17"});
    assert_eq!(changes(&world, &[&update(&world, "p-1", &same.to_string())]), []);
    let other = lines(&changes(&world, &[&update(&world, "p-1", &deny("s3:Get*"))]));
    assert_eq!(other.len(), 1);
    assert!(other[0].contains(r#" -{"Effect":"Deny","Action":"s3:*""#), "{other:?}");
    assert!(other[0].contains(r#" +{"Effect":"Deny","Action":"s3:Get*""#), "{other:?}");

    // The same Allow above does not make up for one that is taken off.
    add_policy(&mut world.inventory, "p-2", ALLOW_ALL, &["ou-sandbox"]);
    let full = world.policy("p-FullAWSAccess").targets.remove("ou-sandbox");
    assert!(full);
    let gone = changes(&world, &[&detach("p-2", "ou-sandbox")]);
    assert_eq!((gone[0].gone.len(), gone[0].gone[0].at.0.as_str()), (1, "ou-sandbox"));
    // What is no document is shown as it is.
    let broken = changes(&world, &[&update(&world, "p-1", "{")]);
    assert_eq!(broken[0].new[0].text, "{");
}

#[test]
fn what_is_too_much_is_counted() {
    let mut world = world();
    let statement = |number: usize| json!({"Sid": format!("S{number:02}"), "Effect": "Deny", "Action": format!("s3:Get{number}"), "Resource": "*"});
    let statements: Vec<_> = (0..7).map(statement).collect();
    let content = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let at = ["ou-sandbox", "ou-workloads", "ou-workloads-prod", "333333333333"];
    add_policy(&mut world.inventory, "p-1", &content, &at);
    let steps = at.map(|target| detach("p-1", target));
    let most = Most { targets: 2, statements: 3, characters: 10 };
    let found = effective_changes(&world.org, &world.inventory, &steps.iter().collect::<Vec<_>>(), most);
    assert_eq!((found.targets.len(), found.more), (2, 2));
    for change in found.targets {
        assert_eq!((change.gone.len(), change.new.len(), change.more), (3, 0, 4));
        assert!(change.gone.iter().all(|one| one.text.chars().count() == 13), "{change:?}");
    }
}
