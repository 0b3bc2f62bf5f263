//! Attempts to get past the lock-out guards. Each of them has to be refused, with the statement named.

use serde_json::Value;
use soc2_crds::BaselineStatement;
use soc2_guardrails::{Access, Call, Guarded, Mode, Policy, SetInput};

use crate::model::{FULL_ACCESS, World, everything, id, set};

const BASELINE: &str = "protect-config";

fn world() -> World {
    let mut world = World::new(&["Security 222222222222", "Workloads 333333333333"]);
    let call = |action: &str, region: &str| Call {
        action: action.to_owned(),
        resource: "*".to_owned(),
        region: region.to_owned(),
    };
    world.guarded = Guarded {
        break_glass: vec!["arn:aws:iam::*:role/BreakGlass".to_owned()],
        operator: vec![
            Access {
                account: Some(id("222222222222")),
                role: "arn:aws:iam::222222222222:role/soc2-read".to_owned(),
                calls: vec![call("securityhub:GetFindings", "eu-west-1"), call("securityhub:DescribeHub", "eu-west-1")],
            },
            Access {
                account: None,
                role: "arn:aws:iam::*:role/soc2-member".to_owned(),
                calls: vec![call("securityhub:GetFindings", "us-east-1")],
            },
        ],
    };
    world
}

/// A statement as AWS writes it, as a baseline has it.
fn statement_of(text: &str) -> BaselineStatement {
    let aws: Value = serde_json::from_str(text).unwrap();
    let mut statement = serde_json::Map::new();
    for (key, value) in aws.as_object().unwrap() {
        let (key, is_list) = match key.as_str() {
            "Sid" => ("sid", false),
            "Effect" => ("effect", false),
            "Action" => ("actions", true),
            "NotAction" => ("notActions", true),
            "Resource" => ("resources", true),
            "Condition" => ("condition", false),
            other => panic!("{other}"),
        };
        let value = if is_list && value.is_string() { Value::Array(vec![value.clone()]) } else { value.clone() };
        statement.insert(key.to_owned(), value);
    }
    serde_json::from_value(Value::Object(statement)).unwrap()
}

fn sets(world: &World) -> Vec<SetInput> {
    vec![set("all", Mode::Enforce, everything(&world.org), &[BASELINE])]
}

/// Why a guardrail with this statement is refused, if it is.
fn refused(statement: &str) -> Option<String> {
    let mut world = world();
    let guardrail = world.library.iter_mut().find(|guardrail| guardrail.name == BASELINE).unwrap();
    guardrail.statements = vec![statement_of(statement)];
    guardrail.denied.clear();
    guardrail.allowed.clear();
    let plan = world.plan(&sets(&world));
    let refusal = plan.sets[0].refused.clone()?;
    assert!(plan.steps.is_empty() && refusal.reason == "LockOut", "{refusal}");
    Some(refusal.message)
}

const SPARES: &str = r#""ArnNotLike":{"aws:PrincipalArn":["arn:aws:iam::*:role/BreakGlass","arn:aws:iam::*:role/soc2-read","arn:aws:iam::*:role/soc2-member"]}"#;

#[test]
fn a_guardrail_that_spares_them_is_let_through() {
    for statement in [
        format!(r#"{{"Sid":"S","Effect":"Deny","Action":"config:*","Resource":"*","Condition":{{{SPARES}}}}}"#),
        format!(r#"{{"Sid":"S","Effect":"Deny","NotAction":"iam:*","Resource":"*","Condition":{{{SPARES}}}}}"#),
        format!(
            r#"{{"Sid":"S","Effect":"Deny","NotAction":"iam:*","Resource":"*","Condition":{{{SPARES},"StringNotEquals":{{"aws:RequestedRegion":"eu-west-1"}}}}}}"#
        ),
    ] {
        assert_eq!(refused(&statement), None, "{statement}");
    }
}

#[test]
fn attempts_to_lock_out_are_refused_by_name() {
    for (statement, named) in [
        // Everything but a few, without a condition.
        (r#"{"Sid":"S","Effect":"Deny","NotAction":"iam:*","Resource":"*"}"#, "S denies every action"),
        (r#"{"Sid":"S","Effect":"Deny","Action":"*","Resource":"*"}"#, "S denies every action"),
        // The condition is on a key that does not tell who calls.
        (
            r#"{"Sid":"S","Effect":"Deny","NotAction":"iam:*","Resource":"*","Condition":{"ArnNotLike":{"aws:SourceArn":"arn:aws:iam::*:role/BreakGlass"}}}"#,
            "statement S would take something from the break-glass principal arn:aws:iam::*:role/BreakGlass",
        ),
        // A pattern that almost matches.
        (
            r#"{"Sid":"S","Effect":"Deny","Action":"config:*","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/Breakglass"}}}"#,
            "statement S would take",
        ),
        (
            r#"{"Sid":"S","Effect":"Deny","Action":"config:*","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::333333333333:role/BreakGlass"}}}"#,
            "statement S would take",
        ),
        // Break-glass is spared, the operator is not.
        (
            r#"{"Sid":"S","Effect":"Deny","Action":"securityhub:*","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/BreakGlass"}}}"#,
            "statement S would deny securityhub:GetFindings to the operator's own role arn:aws:iam::222222222222:role/soc2-read",
        ),
        // Only the role that is in every account, and only in the Region where it reads.
        (
            r#"{"Sid":"S","Effect":"Deny","NotAction":"iam:*","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/BreakGlass"},"StringNotEquals":{"aws:RequestedRegion":"eu-west-1"}}}"#,
            "securityhub:GetFindings to the operator's own role arn:aws:iam::222222222222:role/soc2-member",
        ),
        // It depends on what nobody knows beforehand.
        (
            r#"{"Sid":"S","Effect":"Deny","Action":"securityhub:Get*","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/BreakGlass"},"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}"#,
            "aws:SourceIp",
        ),
    ] {
        let message = refused(statement).unwrap_or_else(|| panic!("let through: {statement}"));
        assert!(message.contains(named), "{message}\n  does not say {named:?}");
    }
}

/// Somebody's own guardrail says that nobody is exempt from it: that does not let it past.
#[test]
fn a_baseline_of_ones_own_cannot_do_without_exemptions() {
    let mut world = world();
    let guardrail = world.library.iter_mut().find(|guardrail| guardrail.name == BASELINE).unwrap();
    guardrail.no_exemption = Some("because I say so".to_owned());
    let refusal = world.plan(&sets(&world)).sets[0].refused.clone().unwrap();
    assert!(refusal.message.contains("break-glass"), "{refusal}");
    // The library's own, which is looked at by people, may.
    let leave = [set("all", Mode::Enforce, everything(&world.org), &["deny-leave-org"])];
    assert_eq!(world.plan(&leave).sets[0].refused, None);
}

#[test]
fn the_operators_roles_count_only_where_the_policy_reaches() {
    let mut world = world();
    let deny = r#"{"Sid":"S","Effect":"Deny","Action":"securityhub:*","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":["arn:aws:iam::*:role/BreakGlass","arn:aws:iam::*:role/soc2-member"]}}}"#;
    let guardrail = world.library.iter_mut().find(|guardrail| guardrail.name == BASELINE).unwrap();
    guardrail.statements = vec![statement_of(deny)];
    guardrail.denied.clear();
    let here = |path: &str| set("all", Mode::Enforce, crate::model::units(&world.org, &[path], &[]), &[BASELINE]);
    assert!(world.plan(&[here("Security")]).sets[0].refused.is_some());
    assert_eq!(world.plan(&[here("Workloads")]).sets[0].refused, None);
}

#[test]
fn a_policy_of_ours_that_became_the_only_one_is_not_taken_away() {
    let mut world = world();
    let sets = sets(&world);
    world.guarded = Guarded::default();
    world.apply(&world.plan(&sets).steps.clone());
    let (id, _) = world.inventory.policies.iter().find(|(_, policy)| world.owner.owns(policy)).unwrap();
    let id = id.clone();
    // Somebody replaced FullAWSAccess on an OU by our policy, with an Allow in it.
    world.policy(&id).targets.insert("ou-workloads".to_owned());
    world.policy(FULL_ACCESS).targets.remove("ou-workloads");
    let refusal = world.plan(&sets).sets[0].refused.clone().unwrap();
    assert!(refusal.message.contains("ou-workloads would be left without any policy"), "{refusal}");

    world.policy(FULL_ACCESS).targets.insert("ou-workloads".to_owned());
    world.policy(&id).content =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#.to_owned();
    let refusal = world.plan(&sets).sets[0].refused.clone().unwrap();
    assert!(refusal.reason == "LockOut" && refusal.message.contains("allows"), "{refusal}");
    // The same Allow in a policy beside it: nothing is lost.
    let beside = Policy { targets: world.policy(&id).targets.clone(), ..world.policy(&id).clone() };
    world
        .inventory
        .policies
        .insert("p-beside".to_owned(), Policy { tags: [].into(), name: "beside".to_owned(), ..beside });
    assert_eq!(world.plan(&sets).sets[0].refused, None);
}
