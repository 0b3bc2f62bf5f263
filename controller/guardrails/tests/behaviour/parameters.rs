//! Parameters are checked by type, and what is wrong names guardrail, parameter, value and what is allowed.

use serde_json::{Value, json};
use soc2_catalog::{Catalog, Guardrail};
use soc2_crds::AnyValue;
use soc2_guardrails::library::compile;
use soc2_guardrails::{Exemptions, Parameters};

fn guardrail(name: &str) -> &'static Guardrail {
    Catalog::builtin().unwrap().guardrail(name).unwrap()
}

fn given(parameters: &Value) -> Parameters {
    let parameters = parameters.as_object().unwrap().clone();
    parameters.into_iter().map(|(name, value)| (name, AnyValue(value))).collect()
}

/// The document, or what is wrong.
fn compiled(name: &str, parameters: &Value) -> Result<String, String> {
    let nobody = Exemptions::default();
    let compiled = compile(guardrail(name), &given(parameters), &nobody, &nobody);
    compiled.map(|compiled| compiled.content).map_err(|error| error.to_string())
}

#[test]
fn values_go_where_the_statement_says() {
    for (name, parameters, part) in [
        (
            "restrict-regions",
            json!({"allowedRegions": ["eu-west-1", "us-gov-east-1"]}),
            r#""Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-west-1","us-gov-east-1"]}}"#,
        ),
        ("restrict-regions", json!({"allowedRegions": "eu-west-1"}), r#"{"aws:RequestedRegion":"eu-west-1"}"#),
        (
            "restrict-regions",
            json!({"allowedRegions": ["eu-west-1"], "administrators": "arn:aws:iam::*:role/x"}),
            r#""Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/x"},"StringNotEquals":"#,
        ),
        (
            "protect-kms",
            json!({"minimumWindowDays": 7}),
            r#"{"NumericLessThan":{"kms:ScheduleKeyDeletionPendingWindowInDays":"7"}}"#,
        ),
        ("protect-kms", json!({}), r#"{"kms:ScheduleKeyDeletionPendingWindowInDays":"30"}"#),
        (
            "protect-log-groups",
            json!({"logGroups": ["arn:aws:logs:*:*:log-group:/a*", "arn:aws:logs:*:*:log-group:/b*"]}),
            r#""Resource":["arn:aws:logs:*:*:log-group:/a*","arn:aws:logs:*:*:log-group:/b*"]"#,
        ),
    ] {
        let content = compiled(name, &parameters).unwrap();
        assert!(content.contains(part), "{name} {parameters}: {content}");
    }
    assert!(!compiled("protect-kms", &json!({"denyDeletion": false})).unwrap().contains("DenyDeletingKeys"));
}

#[test]
fn mistakes_are_named() {
    let regions = "it is a list of AWS Regions, such as [eu-west-1, us-east-1]";
    let principal = "baseline protect-kms, parameter administrators: ";
    for (name, parameters, message) in [
        ("restrict-regions", json!({}), format!("parameter allowedRegions: has no default and is not given; {regions}")),
        (
            "restrict-regions",
            json!({"allowedRegions": ["eu-west-1", "europe"]}),
            format!("baseline restrict-regions, parameter allowedRegions: \"europe\" is not allowed; {regions}"),
        ),
        ("restrict-regions", json!({"allowedRegions": []}), format!("the list is empty; {regions}")),
        ("restrict-regions", json!({"allowedRegions": [7]}), format!("7 is not allowed; {regions}")),
        ("restrict-regions", json!({"allowedRegions": {"a": 1}}), format!("{{\"a\":1}} is not allowed; {regions}")),
        (
            "restrict-regions",
            json!({"allowedRegions": ["eu-west-1"], "allowedRegion": ["eu-west-1"]}),
            "baseline restrict-regions, parameter allowedRegion: there is no such parameter; did you mean allowedRegions?"
                .to_owned(),
        ),
        (
            "protect-kms",
            json!({"zone": 1}),
            "parameter zone: there is no such parameter; there are denyDeletion, minimumWindowDays, administrators"
                .to_owned(),
        ),
        ("deny-leave-org", json!({"x": 1}), "there is no such parameter; this guardrail has none".to_owned()),
        (
            "protect-kms",
            json!({"minimumWindowDays": 31}),
            "31 is not allowed; it is a whole number from 7 to 30, without quotes".to_owned(),
        ),
        ("protect-kms", json!({"minimumWindowDays": 7.5}), "7.5 is not allowed; it is a whole number".to_owned()),
        ("protect-kms", json!({"minimumWindowDays": "7"}), "\"7\" is not allowed; it is a whole number".to_owned()),
        ("protect-kms", json!({"minimumWindowDays": [7]}), "[7] is not allowed; it is a whole number".to_owned()),
        ("protect-kms", json!({"denyDeletion": "false"}), "it is true or false, without quotes".to_owned()),
        ("protect-kms", json!({"denyDeletion": [true]}), "it is true or false, without quotes".to_owned()),
        ("protect-kms", json!({"administrators": ["*"]}), format!("{principal}\"*\" is no ARN; write one")),
        (
            "protect-kms",
            json!({"administrators": "arn:aws:iam::*:role/*"}),
            format!("{principal}\"arn:aws:iam::*:role/*\" has a wildcard and no fixed path"),
        ),
        ("protect-kms", json!({"administrators": [1]}), format!("{principal}1 is not allowed; it is the ARN of an IAM")),
        (
            "protect-log-groups",
            json!({"logGroups": ["/audit/*"]}),
            "\"/audit/*\" is not allowed; it is the ARN of a resource".to_owned(),
        ),
        ("protect-log-groups", json!({"logGroups": ["arn:aws:*:::x"]}), "it is the ARN of a resource".to_owned()),
        ("protect-log-groups", json!({"logGroups": ["arn:aws:logs:::${aws:x}"]}), "the ARN of a resource".to_owned()),
    ] {
        let error = compiled(name, &parameters).unwrap_err();
        assert!(error.contains(&message), "{name} {parameters}: {error}");
    }
}

#[test]
fn all_mistakes_are_named_at_once() {
    let error = compiled("protect-kms", &json!({"minimumWindowDays": 1, "denyDeletion": 1, "x": 1})).unwrap_err();
    let parameters: Vec<&str> = error.split("; baseline ").map(|part| part.split(':').next().unwrap()).collect();
    assert_eq!(
        parameters,
        [
            "baseline protect-kms, parameter denyDeletion",
            "protect-kms, parameter minimumWindowDays",
            "protect-kms, parameter x",
        ]
    );
}

#[test]
fn account_ids_are_quoted_and_have_twelve_digits() {
    let mut own = guardrail("deny-leave-org").clone();
    own.parameters = vec![serde_json::from_value(json!({"name": "accounts", "type": "AccountIdList"})).unwrap()];
    own.statements[0].condition =
        serde_json::from_value(json!({"StringNotEquals": {"aws:PrincipalAccount": "${accounts}"}})).unwrap();
    let nobody = Exemptions::default();
    let compiled = |value: Value| {
        let compiled = compile(&own, &given(&json!({"accounts": value})), &nobody, &nobody);
        compiled.map(|compiled| compiled.content).map_err(|error| error.to_string())
    };
    assert!(compiled(json!(["111111111111"])).unwrap().contains(r#"{"aws:PrincipalAccount":"111111111111"}"#));
    for bad in [json!([111_111_111_111_u64]), json!(["11111111111"]), json!(["11111111111a"]), json!([])] {
        let error = compiled(bad.clone()).unwrap_err();
        assert!(error.contains("a list of account ids, twelve digits each in quotes"), "{bad}: {error}");
    }
}

#[test]
fn a_condition_needs_a_value() {
    let mut own = guardrail("protect-kms").clone();
    own.statements[0].condition =
        serde_json::from_value(json!({"ArnLike": {"aws:PrincipalArn": "${administrators}"}})).unwrap();
    let nobody = Exemptions::default();
    let error = compile(&own, &Parameters::new(), &nobody, &nobody).unwrap_err();
    assert_eq!(error.to_string(), "baseline protect-kms: the condition ArnLike on aws:PrincipalArn has no value");
}
