//! Who is exempt, that nobody else becomes exempt, and when a policy that exempts somebody still protects.

use std::collections::BTreeMap;

use serde_json::json;
use soc2_catalog::{Catalog, Guardrail};
use soc2_crds::{AnyValue, AwsOrganizationSpec, GuardrailSetSpec};
use soc2_guardrails::library::{accepted, check_pattern, compile, exempt_by_organization, landing_zone};
use soc2_guardrails::{Exemptions, Mode, Parameters, Step, protection};

use crate::model::{World, add_policy, everything, id, set, words};
use crate::protections::in_words;

pub const CLOUDTRAIL: &str = "protect-cloudtrail";
const EXEMPT: &str = "protect-exempt-principals";
pub const ACCOUNT: &str = "333333333333";

pub fn world() -> World {
    let mut world = World::new(&["Workloads/Prod 333333333333", "Sandbox 555555555555"]);
    world.library = Catalog::builtin().unwrap().guardrails().to_vec();
    world.exempt = Exemptions::known(["arn:aws:iam::*:role/BreakGlass", "arn:aws:iam::111111111111:role/soc2-write"]);
    world
}

pub fn guardrail(name: &str) -> &'static Guardrail {
    Catalog::builtin().unwrap().guardrail(name).unwrap()
}

#[test]
fn patterns_that_exempt_everybody_are_refused() {
    for (pattern, problem) in [
        ("arn:aws:iam::*:role/BreakGlass", None),
        ("arn:aws:iam::111111111111:user/emergency/one", None),
        ("arn:*:iam::*:role/platform/*", None),
        ("arn:aws-us-gov:iam::*:role/emergency/Break?lass", None),
        ("arn:aws-us-gov:iam::*:role/Break?lass", Some("has a wildcard and no fixed path")),
        ("arn:aws:iam::*:role/*-admin", Some("has a wildcard and no fixed path")),
        ("arn:aws:iam::*:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Emergency_*", None),
        ("arn:aws:iam::*:role/*", Some("has a wildcard and no fixed path")),
        ("arn:aws:iam::*:role/Admin*", Some("has a wildcard and no fixed path")),
        ("arn:aws:iam::*:role/Admin*?", Some("has a wildcard and no fixed path")),
        ("arn:aws:iam::*:role/*/Admin*", Some("has a wildcard and no fixed path")),
        ("arn:aws:iam::111111111111:user/*", Some("has a wildcard and no fixed path")),
        ("*", Some("is no ARN")),
        ("arn:aws:iam::*:*", Some("is neither a role nor a user")),
        ("arn:aws:iam::*:root", Some("is neither a role nor a user")),
        ("arn:aws:iam::*:group/x", Some("is neither a role nor a user")),
        ("arn:aws:iam::*:role/", Some("has a name that no role or user can have")),
        ("arn:aws:iam::*:role/${aws:username}", Some("has a name that no role or user can have")),
        ("arn:aws:iam::1*:role/x", Some("names no IAM principal")),
        ("arn:*:*::*:role/x", Some("names no IAM principal")),
        ("arn:aws*:iam::*:role/x", Some("names no IAM principal")),
        ("arn:aws:sts::*:assumed-role/x/y", Some("is the ARN of a session; AWS compares that of its role")),
    ] {
        let found = check_pattern(pattern).map_err(|bad| bad.to_string());
        match problem {
            None => assert_eq!(found, Ok(()), "{pattern}"),
            Some(problem) => {
                let message = found.unwrap_err();
                assert!(message.contains(problem) && message.contains(pattern), "{pattern}: {message}");
            }
        }
    }
    let written = ["arn:aws:iam::*:role/a".to_owned(), "arn:aws:iam::*:role/*".to_owned()];
    let message = Exemptions::written("spec.exemptPrincipals", &written).unwrap_err();
    assert!(message.starts_with("spec.exemptPrincipals[1]: \"arn:aws:iam::*:role/*\" has a wildcard"), "{message}");
}

#[test]
fn the_roles_of_the_organization_are_exempt() {
    let spec: AwsOrganizationSpec = serde_json::from_value(json!({
        "organizations": {
            "role": {"arn": "arn:aws:iam::111111111111:role/soc2-read"},
            "writeRole": {"arn": "arn:aws:iam::111111111111:role/soc2-write"},
        },
        "securityHub": [
            {"name": "main", "homeRegion": "eu-west-1", "role": {"arn": "arn:aws:iam::222222222222:role/soc2-read"},
             "events": {"queueUrl": "q", "role": {"arn": "arn:aws:iam::222222222222:role/soc2-queue"}}},
            {"name": "each", "regions": ["us-east-1"], "perAccount": {"roleName": "audit/soc2-read"}},
        ],
        "guardrails": {"breakGlassPrincipals": ["arn:aws:iam::*:role/BreakGlass"]},
    }))
    .unwrap();
    assert_eq!(
        exempt_by_organization(&spec).unwrap().patterns(),
        [
            "arn:*:iam::*:role/audit/soc2-read",
            "arn:aws:iam::*:role/BreakGlass",
            "arn:aws:iam::111111111111:role/soc2-read",
            "arn:aws:iam::111111111111:role/soc2-write",
            "arn:aws:iam::222222222222:role/soc2-queue",
            "arn:aws:iam::222222222222:role/soc2-read",
        ]
    );
    let mut bad = spec;
    bad.guardrails.break_glass_principals = Some(vec!["arn:aws:iam::*:role/*".to_owned()]);
    let message = exempt_by_organization(&bad).unwrap_err();
    assert!(message.starts_with("spec.guardrails.breakGlassPrincipals[0]: "), "{message}");
}

#[test]
fn landing_zones_are_exempt_where_they_are_seen() {
    let mut world = world();
    let seen = |world: &World| landing_zone(&world.inventory).patterns().join(" ");
    assert_eq!(seen(&world), "");
    add_policy(&mut world.inventory, "p-1", "{}", &[]);
    world.policy("p-1").name = "aws-guardrails-AbCdEf".to_owned();
    assert_eq!(seen(&world), "arn:*:iam::*:role/AWSControlTowerExecution arn:*:iam::*:role/stacksets-exec-*");
    for (name, tag) in [("AcceleratorGuardrails1", None), ("mine", Some("Accelerator"))] {
        world.policy("p-1").name = name.to_owned();
        world.policy("p-1").tags =
            tag.map(|tag: &str| (tag.to_owned(), "AWSAccelerator".to_owned())).into_iter().collect();
        assert_eq!(seen(&world), "arn:*:iam::*:role/AWSAccelerator-* arn:*:iam::*:role/AWSControlTowerExecution");
    }
    world.policy("p-1").name = "aws-guardrails-AbCdEf".to_owned();
    let plan = world.plan(&[set("s", Mode::Enforce, everything(&world.org), &[CLOUDTRAIL])]);
    let contents = contents(&plan.steps);
    assert!(contents[CLOUDTRAIL].contains("stacksets-exec-*"), "{contents:?}");
}

/// Contents that are created, by baseline.
fn contents(steps: &[Step]) -> BTreeMap<&str, &str> {
    let created = steps.iter().filter_map(|step| match step {
        Step::Create { baseline, policy } => Some((baseline.as_str(), policy.content.as_str())),
        _ => None,
    });
    created.collect()
}

#[test]
fn a_plan_with_exemptions_protects_the_exempt() {
    let world = world();
    let mut sets = [set("s", Mode::Enforce, everything(&world.org), &[CLOUDTRAIL])];
    sets[0].exempt_principals = vec!["arn:aws:iam::*:user/emergency/*".to_owned()];
    let administrators = AnyValue(json!(["arn:aws:iam::*:role/TrailAdmin"]));
    let of_cloudtrail: Parameters = [("administrators".to_owned(), administrators)].into();
    sets[0].parameters = [(CLOUDTRAIL.to_owned(), of_cloudtrail)].into();
    let plan = world.plan(&sets);
    assert_eq!(plan.sets[0].refused, None);
    let contents = contents(&plan.steps);
    assert_eq!(contents.keys().copied().collect::<Vec<_>>(), [CLOUDTRAIL, EXEMPT]);
    let exempt = r#""arn:aws:iam::*:role/BreakGlass","arn:aws:iam::*:user/emergency/*","arn:aws:iam::111111111111:role/soc2-write""#;
    assert_eq!(
        contents[CLOUDTRAIL],
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Sid":"DenyChangingCloudTrail","Effect":"Deny","Action":["cloudtrail:CreateTrail","cloudtrail:DeleteTrail","cloudtrail:PutEventSelectors","cloudtrail:StopLogging","cloudtrail:UpdateTrail"],"Resource":"*","Condition":{{"ArnNotLike":{{"aws:PrincipalArn":[{}]}}}}}}}}"#,
            r#""arn:aws:iam::*:role/BreakGlass","arn:aws:iam::*:role/TrailAdmin","arn:aws:iam::*:user/emergency/*","arn:aws:iam::111111111111:role/soc2-write""#
        )
    );
    // Whoever may change trails is protected, and may not change who is exempt.
    assert!(contents[EXEMPT].contains(
        r#""Resource":["arn:aws:iam::*:role/BreakGlass","arn:aws:iam::*:role/TrailAdmin","arn:aws:iam::111111111111:role/soc2-write"]"#
    ));
    assert!(contents[EXEMPT].contains(r#""Resource":"arn:aws:iam::*:user/emergency/*""#));
    assert!(contents[EXEMPT].contains(&format!(r#""aws:PrincipalArn":[{exempt}]"#)), "{}", contents[EXEMPT]);
    assert!(plan.sets[0].baselines.iter().any(|baseline| baseline.name == EXEMPT && baseline.targets.len() == 1));
}

#[test]
fn without_exemptions_there_is_nothing_to_protect() {
    let mut world = world();
    // Nobody is exempt from leaving the organization, whoever is exempt from other guardrails.
    let sets = [set("s", Mode::Enforce, everything(&world.org), &["deny-leave-org"])];
    assert_eq!(contents(&world.plan(&sets).steps).len(), 1);
    let named = [set("s", Mode::Enforce, everything(&world.org), &["deny-leave-org", EXEMPT])];
    assert_eq!(contents(&world.plan(&named).steps).len(), 2);
    world.exempt = Exemptions::default();
    let sets = [set("s", Mode::Enforce, everything(&world.org), &[CLOUDTRAIL])];
    assert_eq!(contents(&world.plan(&sets).steps).len(), 1);
    let refused = world.plan(&named).sets[0].refused.clone().unwrap();
    assert_eq!(refused.reason, "BadParameter");
    assert!(refused.message.contains("nothing is left of it: nobody is exempt"), "{refused}");
}

#[test]
fn sets_share_one_policy_for_the_exempt_and_say_the_same_of_others() {
    let world = world();
    let mut sets = [
        set("a", Mode::Enforce, everything(&world.org), &[CLOUDTRAIL]),
        set("b", Mode::Enforce, everything(&world.org), &["protect-config"]),
    ];
    sets[1].exempt_principals = vec!["arn:aws:iam::*:role/Deploy".to_owned()];
    let plan = world.plan(&sets);
    assert!(plan.sets.iter().all(|set| set.refused.is_none()), "{:?}", plan.sets);
    let contents = contents(&plan.steps);
    assert_eq!(contents.len(), 3);
    assert!(contents[EXEMPT].contains("role/Deploy") && !contents[CLOUDTRAIL].contains("role/Deploy"));

    sets[1].baselines.push(CLOUDTRAIL.to_owned());
    let plan = world.plan(&sets);
    assert!(plan.sets.iter().all(|set| set.refused.is_none()), "{:?}", plan.sets);
    let shared: Vec<String> = plan.sets[1].shared.iter().map(ToString::to_string).collect();
    let words = "protect-cloudtrail: set a wants it with others on some of the accounts; the stricter holds: only who is exempt in both \
                 is exempt there";
    assert_eq!(shared, [words]);
    let of_trail = plan.steps.iter().filter(|step| step.baseline_name() == CLOUDTRAIL).count();
    assert_eq!(of_trail, 4, "a policy and an attachment for each: {:?}", crate::model::words(&plan.steps));
    sets[0].exempt_principals = sets[1].exempt_principals.clone();
    assert!(world.plan(&sets).sets.iter().all(|set| set.refused.is_none()));
}

#[test]
fn what_a_set_says_wrong_refuses_it() {
    let mut world = world();
    let mut sets = [set("s", Mode::Enforce, everything(&world.org), &["restrict-regions"])];
    let refused = |world: &World, sets: &[soc2_guardrails::SetInput]| {
        let plan = world.plan(sets);
        assert_eq!(words(&plan.steps), [""; 0]);
        plan.sets[0].refused.clone().unwrap()
    };
    assert_eq!(refused(&world, &sets).reason, "BadParameter");
    sets[0].exempt_principals = vec!["arn:aws:iam::*:role/*".to_owned()];
    let refusal = refused(&world, &sets);
    assert_eq!(refusal.reason, "BadExemption");
    assert!(refusal.message.starts_with("spec.exemptPrincipals[0]: "), "{refusal}");
    sets = [set("s", Mode::Enforce, everything(&world.org), &["protect-cloudtrial"])];
    assert_eq!(
        refused(&world, &sets).message,
        "there is no baseline \"protect-cloudtrial\"; did you mean protect-cloudtrail?"
    );
    world.limits.max_characters = 300;
    sets = [set("s", Mode::Enforce, everything(&world.org), &[CLOUDTRAIL])];
    assert_eq!(refused(&world, &sets).reason, "TooLarge");
}

/// What holds for the account when sets say this.
fn answer(world: &World, name: &str, sets: &serde_json::Value) -> String {
    let sets: Vec<GuardrailSetSpec> = serde_json::from_value(sets.clone()).unwrap();
    let organization: AwsOrganizationSpec =
        serde_json::from_value(json!({"guardrails": {"breakGlassPrincipals": ["arn:aws:iam::*:role/BreakGlass"]}}))
            .unwrap();
    let (exempt, settings) = accepted(name, &organization, Some(&world.inventory), &sets);
    let answers = protection(guardrail(name), &world.org, Some(&world.inventory), &exempt, &settings);
    in_words(&answers[&id(ACCOUNT)])
}

/// A policy that denies all that the guardrail denies, but to these.
pub fn leaving_out(operator: &str, principals: &[&str]) -> String {
    let condition = match principals {
        [] => json!({}),
        _ => json!({operator: {"aws:PrincipalArn": principals}}),
    };
    let statement = json!({"Effect": "Deny", "Action": "cloudtrail:*", "Resource": "*", "Condition": condition});
    json!({"Version": "2012-10-17", "Statement": statement}).to_string()
}

#[test]
fn a_policy_may_exempt_whom_the_organization_exempts_and_nobody_else() {
    let unknown = "unknown: whether cloudtrail:StopLogging is denied depends on aws:PrincipalArn";
    let deploy = json!([{
        "organizationRef": {"name": "acme"}, "exemptPrincipals": ["arn:aws:iam::*:role/Deploy"],
        "baselines": [{"name": CLOUDTRAIL}],
    }]);
    let trail_admin = json!([{
        "organizationRef": {"name": "acme"},
        "baselines": [{"name": CLOUDTRAIL, "parameters": {"administrators": ["arn:aws:iam::*:role/TrailAdmin"]}}],
    }]);
    let of_another = json!([{
        "organizationRef": {"name": "acme"}, "exemptPrincipals": ["arn:aws:iam::*:role/Deploy"],
        "baselines": [{"name": "protect-config"}],
    }]);
    let none = json!([]);
    for (operator, principals, sets, expected) in [
        ("ArnNotLike", vec![], &none, "by p-1"),
        ("ArnNotLike", vec!["arn:aws:iam::*:role/BreakGlass"], &none, "by p-1"),
        ("ArnNotLike", vec!["arn:aws:iam::333333333333:role/BreakGlass"], &none, "by p-1"),
        ("ArnNotLikeIfExists", vec!["arn:aws:iam::*:role/BreakGlass"], &none, "by p-1"),
        ("ArnNotEquals", vec!["arn:aws:iam::*:role/BreakGlass"], &none, "by p-1"),
        ("StringNotEquals", vec!["arn:aws:iam::333333333333:role/BreakGlass"], &none, "by p-1"),
        // A `*` of strings runs over colons, and so takes in a role whose path holds one.
        ("StringNotLike", vec!["arn:aws:iam::*:role/BreakGlass"], &none, unknown),
        ("ArnNotLike", vec!["arn:aws:iam::*:role/Break*"], &none, unknown),
        ("ArnNotLike", vec!["arn:*:iam::*:role/BreakGlass"], &none, unknown),
        ("ArnNotLike", vec!["arn:aws:iam::*:role/BreakGlass", "arn:aws:iam::*:role/TheirAdmin"], &none, unknown),
        ("ArnNotLike", vec!["arn:aws:iam::*:role/Deploy"], &none, unknown),
        ("ArnNotLike", vec!["arn:aws:iam::*:role/Deploy"], &deploy, "by p-1"),
        ("ArnNotLike", vec!["arn:aws:iam::*:role/Deploy"], &of_another, unknown),
        ("ArnNotLike", vec!["arn:aws:iam::*:role/TrailAdmin"], &trail_admin, "by p-1"),
        ("ArnNotLike", vec!["arn:aws:iam::*:role/TrailAdmin"], &deploy, unknown),
        ("ArnLike", vec!["arn:aws:iam::*:role/BreakGlass"], &none, "unprotected"),
    ] {
        let mut world = world();
        add_policy(&mut world.inventory, "p-1", &leaving_out(operator, &principals), &["ou-workloads"]);
        assert_eq!(answer(&world, CLOUDTRAIL, sets), expected, "{operator} {principals:?} {sets}");
    }
}

#[test]
fn nobody_may_be_exempt_from_what_has_no_exemption() {
    let mut world = world();
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Action": "organizations:LeaveOrganization", "Resource": "*",
        "Condition": {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/BreakGlass"}},
    }]});
    add_policy(&mut world.inventory, "p-1", &policy.to_string(), &["r-ab12"]);
    assert!(answer(&world, "deny-leave-org", &json!([])).starts_with("unknown: "));
}

#[test]
fn the_operators_own_policy_protects() {
    let regions = json!([{
        "organizationRef": {"name": "acme"},
        "baselines": [{"name": "restrict-regions", "parameters": {"allowedRegions": ["ap-south-1"]}}],
    }]);
    let logs = json!([{
        "organizationRef": {"name": "acme"},
        "baselines": [{"name": "protect-log-groups", "parameters": {"logGroups": ["arn:aws:logs:*:*:log-group:/own/*"]}}],
    }]);
    for guardrail in Catalog::builtin().unwrap().guardrails() {
        let sets = match guardrail.name.as_str() {
            "restrict-regions" => &regions,
            "protect-log-groups" => &logs,
            _ => &json!([]),
        };
        let mut world = world();
        assert_eq!(answer(&world, &guardrail.name, sets), "unprotected", "{}", guardrail.name);
        let exempt = Exemptions::known(["arn:aws:iam::*:role/BreakGlass"]);
        let said = sets[0]["baselines"][0]["parameters"].clone();
        let mut parameters = guardrail.example_parameters.clone();
        // With its defaults, except for what has none.
        parameters.retain(|name, _| guardrail.parameter(name).is_some_and(|one| one.default.is_none()));
        parameters.extend(serde_json::from_value::<Option<Parameters>>(said).unwrap().unwrap_or_default());
        let compiled = compile(guardrail, &parameters, &exempt, &exempt).unwrap();
        add_policy(&mut world.inventory, "p-1", &compiled.content, &["ou-workloads"]);
        assert_eq!(answer(&world, &guardrail.name, sets), "by p-1", "{}", guardrail.name);
    }
}
