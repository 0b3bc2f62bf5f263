//! `ScpBaseline` objects: a good one becomes a guardrail, a bad one says all that is wrong with it.

use serde_json::{Value, json};
use soc2_catalog::Catalog;
use soc2_guardrails::library::{compile, read_baseline};
use soc2_guardrails::{Exemptions, Parameters};

/// The example of the documentation.
fn good() -> Value {
    json!({
        "policyType": "SERVICE_CONTROL_POLICY",
        "title": "Deny sharing EBS snapshots publicly",
        "criteria": ["CC6.1", "C1.1"],
        "controls": ["EC2.1", "EC2.182"],
        "parameters": [{"name": "exemptRole", "type": "PrincipalArnPattern", "default": "arn:aws:iam::*:role/SnapshotPublisher"}],
        "statements": [{
            "sid": "DenyPublicSnapshot", "effect": "Deny", "actions": ["ec2:ModifySnapshotAttribute"], "resources": ["*"],
            "condition": {"StringEquals": {"ec2:Add/group": "all"}}, "exempt": ["${exemptRole}"],
        }],
        "examples": {
            "denied": [{"action": "ec2:ModifySnapshotAttribute", "context": {"ec2:Add/group": "all"}}],
            "allowed": [
                {"action": "ec2:ModifySnapshotAttribute", "context": {"ec2:Add/group": []}},
                {"action": "ec2:ModifySnapshotAttribute", "principal": "arn:aws:iam::333333333333:role/SnapshotPublisher"},
            ],
        },
    })
}

/// What is wrong, with one value changed; one line for each.
fn wrong(pointer: &str, value: Value) -> String {
    let mut spec = good();
    if let Some(at) = spec.pointer_mut(pointer) {
        *at = value;
    } else {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        spec.pointer_mut(parent).unwrap()[key] = value;
    }
    let spec = serde_json::from_value(spec).unwrap();
    let problems = read_baseline(Catalog::builtin().unwrap(), "deny-public-snapshot", &spec).unwrap_err();
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_good_one_is_a_guardrail() {
    let (catalog, spec) = (Catalog::builtin().unwrap(), serde_json::from_value(good()).unwrap());
    let guardrail = read_baseline(catalog, "deny-public-snapshot", &spec).unwrap();
    let exempt = Exemptions::known(["arn:aws:iam::*:role/BreakGlass"]);
    let compiled = compile(&guardrail, &Parameters::new(), &exempt, &exempt).unwrap();
    assert_eq!(
        compiled.content,
        r#"{"Version":"2012-10-17","Statement":[{"Sid":"DenyPublicSnapshot","Effect":"Deny","Action":"ec2:ModifySnapshotAttribute","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":["arn:aws:iam::*:role/BreakGlass","arn:aws:iam::*:role/SnapshotPublisher"]},"StringEquals":{"ec2:Add/group":"all"}}}]}"#
    );
    assert_eq!(guardrail.controls.len(), 2);
}

#[test]
fn policy_variables_stay_and_own_conditions_on_principals_take_more_values() {
    let mut spec = good();
    spec["statements"][0]["condition"] = json!({
        "ArnNotLike": {"aws:principalarn": "arn:aws:iam::*:role/own"}, "StringEquals": {"ec2:Add/group": "all"},
        "StringNotLike": {"ec2:Owner": "${aws:PrincipalAccount}"},
    });
    spec["examples"]["denied"][0]["context"] = json!({"ec2:Add/group": "all", "ec2:Owner": "444444444444"});
    spec["examples"]["denied"][0]["principal"] = json!("arn:aws:iam::333333333333:role/Nobody");
    let spec = serde_json::from_value(spec).unwrap();
    let guardrail = read_baseline(Catalog::builtin().unwrap(), "own", &spec).unwrap();
    let exempt = Exemptions::known(["arn:aws:iam::*:role/BreakGlass"]);
    let content = compile(&guardrail, &Parameters::new(), &exempt, &exempt).unwrap().content;
    assert!(content.contains(
        r#"{"ArnNotLike":{"aws:principalarn":["arn:aws:iam::*:role/own","arn:aws:iam::*:role/BreakGlass","arn:aws:iam::*:role/SnapshotPublisher"]},"#
    ));
    assert!(content.contains(r#""StringNotLike":{"ec2:Owner":"${aws:PrincipalAccount}"}"#), "{content}");
}

#[test]
fn a_bad_one_says_what_is_wrong_and_where() {
    for (pointer, value, expected) in [
        ("/criteria/0", json!("CC99.1"), "spec.criteria[0]: there is no criterion \"CC99.1\" in the catalogue"),
        ("/controls/1", json!("EC2.9999"), "spec.controls[1]: there is no control \"EC2.9999\" in the catalogue"),
        (
            "/statements/0/exempt/0",
            json!("${exemptRoles1}"),
            "spec.statements[0].exempt: there is no parameter \"exemptRoles1\"; spec.parameters has exemptRole",
        ),
        (
            "/statements/0/exempt/0",
            json!("arn:aws:iam::*:role/*"),
            "spec.statements[0].exempt[0]: \"arn:aws:iam::*:role/*\" has a wildcard and no fixed path",
        ),
        (
            "/statements/0/when",
            json!("exemptRole"),
            "spec.statements[0].when: parameter exemptRole is of type PrincipalArnPattern, and has to be Boolean here",
        ),
        ("/statements/0/resources/0", json!("${x}"), "spec.statements[0].resources: there is no parameter \"x\""),
        (
            "/statements/0/condition/StringEquals",
            json!({"ec2:Add/group": {"a": 1}}),
            "spec.statements[0].condition.StringEquals[ec2:Add/group]: must be a string, a whole number or a boolean",
        ),
        (
            "/statements/0/notActions",
            json!(["a:b"]),
            "spec.statements[0]: a statement needs exactly one of actions and",
        ),
        (
            "/statements/0/actions",
            Value::Null,
            "spec.statements[0]: a statement needs exactly one of actions and notActions",
        ),
        ("/statements/0/resources", Value::Null, "spec.statements[0]: a statement needs exactly one of resources and"),
        ("/parameters/0/default", json!("x"), "spec.parameters[0].default: \"x\" is no ARN"),
        (
            "/parameters/0/name",
            json!("exemptRoles"),
            "spec.parameters[0].name: exemptRoles is the list of exempt principals",
        ),
        (
            "/noExemption",
            json!("because it would defeat it"),
            "spec.statements[0].exempt: nobody is exempt from it, as noExemption says: leave one of the two out",
        ),
        (
            "/examples/denied/0",
            json!({"action": "ec2:DeleteSnapshot", "what": "A snapshot is deleted"}),
            "spec.examples: it does not deny ec2:DeleteSnapshot, its own example (\"A snapshot is deleted\")",
        ),
        (
            "/examples/allowed/0",
            json!({"action": "ec2:ModifySnapshotAttribute", "context": {"ec2:Add/group": "all"}}),
            "spec.examples: it denies ec2:ModifySnapshotAttribute, which it must not",
        ),
        (
            "/examples/denied/0/context",
            json!({}),
            "spec.examples: whether it denies ec2:ModifySnapshotAttribute, its own example, depends on ec2:Add/group: say it",
        ),
        (
            "/examples/denied/0/context",
            json!({"ec2:Add/group": {}}),
            "spec.examples.denied[0].context[ec2:Add/group]: must be a string, a whole number or a boolean",
        ),
        ("/examples/denied/0/resource", json!("${x}"), "spec.examples.denied[0].resource: there is no parameter \"x\""),
        (
            "/examples/parameters",
            json!({"exemptRol": 1}),
            "spec.examples: with the examples' parameters: baseline deny-public-snapshot, parameter exemptRol: there is no such \
             parameter; did you mean exemptRole?",
        ),
    ] {
        let found = wrong(pointer, value.clone());
        assert!(found.contains(expected), "{pointer} {value}: {found}");
    }
    let unbounded = wrong("/statements/0", json!({"sid": "S", "actions": ["*"], "resources": ["*"]}));
    assert!(unbounded.contains("statement S denies every action without a condition"), "{unbounded}");
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let mut spec = good();
    spec["criteria"] = json!(["CC99.1", "CC98.1"]);
    spec["statements"][0]["when"] = json!("x");
    let spec = serde_json::from_value(spec).unwrap();
    let problems = read_baseline(Catalog::builtin().unwrap(), "own", &spec).unwrap_err();
    let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(fields, ["spec.criteria[0]", "spec.criteria[1]", "spec.statements[0].when"]);
}

#[test]
fn names_of_the_built_in_library_are_taken() {
    let spec = serde_json::from_value(good()).unwrap();
    let problems = read_baseline(Catalog::builtin().unwrap(), "deny-root", &spec).unwrap_err();
    assert_eq!(
        problems[0].to_string(),
        "metadata.name: deny-root is a guardrail of the built-in library: choose another name, such as deny-root-acme"
    );
}
