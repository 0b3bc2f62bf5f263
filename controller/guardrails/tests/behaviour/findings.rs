//! Errors of the lint refuse a guardrail: of an `ScpBaseline` where it is read, of any other where a set's parameters make its
//! policy. Warnings refuse nothing.

use serde_json::{Value, json};
use soc2_catalog::{Catalog, Guardrail};
use soc2_guardrails::library::read_baseline;
use soc2_guardrails::lint::{LintOptions, Severity, lint};
use soc2_guardrails::{Exemptions, Mode, Refusal};

use crate::model::{World, add_policy, content, everything, set};

/// An object with one value of its statement changed.
fn read(key: &str, value: &Value) -> Result<Guardrail, String> {
    let mut spec = json!({
        "title": "Deny stopping instances", "criteria": ["CC6.1"],
        "statements": [
            {"sid": "First", "actions": ["ec2:TerminateInstances"], "resources": ["*"]},
            {"sid": "Stop", "actions": ["ec2:StopInstances"], "resources": ["*"]},
        ],
        "examples": {
            "denied": [{"action": "ec2:TerminateInstances", "principal": "arn:aws:iam::333333333333:role/One"}],
            "allowed": [{"action": "ec2:DescribeInstances"}],
        },
    });
    spec["statements"][1][key] = value.clone();
    let spec = serde_json::from_value(spec).unwrap();
    let read = read_baseline(Catalog::builtin().unwrap(), "own", &spec);
    read.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// What makes a statement one with an error, and the field and the rule that are named.
fn mistakes() -> Vec<(&'static str, Value, &'static str, &'static str)> {
    let principal = |pattern: &str| json!({"ArnNotLike": {"aws:PrincipalArn": [pattern]}});
    vec![
        ("actions", json!(["ec2:StopInstances", "ec2:Stop Instances"]), "actions", "SCP020"),
        ("resources", json!(["instance/i-1"]), "resources", "SCP023"),
        (
            "condition",
            json!({"StringEqual": {"aws:ResourceTag/a": "b"}}),
            "condition.StringEqual[aws:ResourceTag/a]",
            "SCP030",
        ),
        ("condition", json!({"Bool": {"aws:ViaAWSService": "no"}}), "condition.Bool[aws:ViaAWSService]", "SCP033"),
        ("condition", principal("arn:aws:iam::*:role/*-admin"), "condition.ArnNotLike[aws:PrincipalArn]", "SCP052"),
        ("condition", principal("arn:aws:iam::*:role/*"), "condition.ArnNotLike[aws:PrincipalArn]", "SCP051"),
        ("condition", principal("arn:aws:sts::*:assumed-role/a/b"), "condition.ArnNotLike[aws:PrincipalArn]", "SCP053"),
    ]
}

#[test]
fn an_error_in_an_object_refuses_it_with_the_rule_the_statement_and_the_field() {
    for (key, value, field, id) in mistakes() {
        let problems = read(key, &value).unwrap_err();
        let expected = format!("spec.statements[1].{field}: {id} in statement Stop: ");
        assert_eq!(problems.matches(&expected).count(), 1, "{key} {value}: {problems}");
        assert!(problems.contains(&format!("docs/lint.md explains {id}")), "{problems}");
    }
}

#[test]
fn a_warning_in_an_object_refuses_nothing() {
    for (key, value) in [
        ("actions", json!(["ec2:StopInstancesOfTomorrow"])),
        ("condition", json!({"StringEquals": {"ec2:InstanceType": "t3.*"}})),
        ("condition", json!({"StringEquals": {"aws:RequestedRegion": "mars-1"}})),
    ] {
        let guardrail = read(key, &value).unwrap();
        let found = lint(&content(&guardrail), &LintOptions::default());
        assert!(found.iter().any(|found| found.severity() == Severity::Warning), "{value}");
    }
}

/// Why a set with this guardrail is refused, if it is.
fn refused(world: &World) -> Option<Refusal> {
    let plan = world.plan(&[set("all", Mode::Enforce, everything(&world.org), &["protect-config"])]);
    assert_eq!(plan.steps.is_empty(), plan.sets[0].refused.is_some());
    plan.sets[0].refused.clone()
}

#[test]
fn an_error_in_what_is_compiled_refuses_the_set() {
    for (key, value, _, id) in mistakes() {
        let mut world = World::new(&["Workloads 333333333333"]);
        let guardrail = world.library.iter_mut().find(|guardrail| guardrail.name == "protect-config").unwrap();
        let mut statement = serde_json::to_value(&guardrail.statements[0]).unwrap();
        statement[key] = value.clone();
        guardrail.statements = vec![serde_json::from_value(statement).unwrap()];
        guardrail.denied.clear();
        guardrail.allowed.clear();
        let refusal = refused(&world).unwrap_or_else(|| panic!("let through: {value}"));
        assert_eq!(refusal.reason, "InvalidBaseline", "{refusal}");
        assert!(refusal.message.starts_with(&format!("baseline protect-config: {id} in statement ")), "{refusal}");
        assert!(refusal.message.contains(&format!("docs/lint.md explains {id}")), "{refusal}");
    }
}

#[test]
fn a_warning_in_what_is_compiled_refuses_nothing() {
    let mut world = World::new(&["Workloads 333333333333"]);
    let guardrail = world.library.iter_mut().find(|guardrail| guardrail.name == "protect-config").unwrap();
    guardrail.statements[0].actions.as_mut().unwrap().push("config:ActionOfTomorrow".to_owned());
    assert_eq!(refused(&world), None);
}

#[test]
fn the_built_in_library_passes_whoever_is_exempt() {
    let catalog = Catalog::builtin().unwrap();
    assert_eq!(catalog.guardrails().len(), 21);
    let names: Vec<&str> = catalog.guardrails().iter().map(|guardrail| guardrail.name.as_str()).collect();
    for own in [&[][..], &["arn:aws:iam::*:role/BreakGlass", "arn:aws:iam::111111111111:role/soc2-write"]] {
        let mut world = World::new(&["Workloads 333333333333"]);
        world.library = catalog.guardrails().to_vec();
        world.exempt = Exemptions::known(own.iter().copied());
        for landing_zone in [None, Some("aws-guardrails-abc"), Some("AcceleratorGuardrails1")] {
            if let Some(name) = landing_zone {
                add_policy(&mut world.inventory, name, "{}", &[]);
                world.policy(name).name = name.to_owned();
            }
            for name in &names {
                let mut set = set("all", Mode::Enforce, everything(&world.org), &[*name]);
                let examples = catalog.guardrail(name).unwrap().example_parameters.clone();
                set.parameters.insert((*name).to_owned(), examples);
                let refused = world.plan(&[set]).sets[0].refused.clone();
                // Nobody to protect is no finding of the lint.
                let nobody = *name == "protect-exempt-principals" && own.is_empty() && landing_zone.is_none();
                assert_eq!(refused.is_some(), nobody, "{name}: {refused:?}");
            }
        }
    }
}
