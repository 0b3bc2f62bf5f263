use serde_json::Value;
use soc2_catalog::Catalog;
use soc2_guardrails::Exemptions;
use soc2_guardrails::library::compile;
use soc2_guardrails::lint::{Diagnostic, LintOptions, Severity, lint};

fn findings(text: &str) -> Vec<String> {
    let found = lint(text, &LintOptions::default());
    found.iter().map(|found| format!("{} {} {}", found.id(), found.pointer, found.message)).collect()
}

#[test]
fn well_formed_policies_have_no_finding() {
    let lines = include_str!("../data/good_policies.jsonl").lines();
    let mut seen = 0;
    for line in lines {
        let case: Value = serde_json::from_str(line).unwrap();
        assert_eq!(findings(&case["policy"].to_string()), [""; 0], "{}", case["what"]);
        seen += 1;
    }
    assert!(seen >= 30, "{seen}");
}

#[test]
fn the_library_has_no_error() {
    for guardrail in Catalog::builtin().unwrap().guardrails() {
        let exempt = Exemptions::written("test", &["arn:aws:iam::*:role/BreakGlass".to_owned()]).unwrap();
        let compiled = compile(guardrail, &guardrail.example_parameters, &exempt, &exempt).unwrap();
        let found = lint(&compiled.content, &LintOptions::default());
        // With all that a guardrail can do switched on, one statement may do what another one does as well.
        let fine = |found: &Diagnostic| found.severity() < Severity::Warning || found.id() == "SCP016";
        assert!(found.iter().all(fine), "{}: {found:?}", guardrail.name);
    }
}

/// Mistakes that are found in policies all over the place, each with the ids that it has to have, and no more.
#[test]
fn common_mistakes_are_found_where_they_are() {
    let statement = |body: &str| format!(r#"{{"Version":"2012-10-17","Statement":[{{{body}}}]}}"#);
    for (body, expected) in [
        // An exemption for single sign-on that anybody can take on by the name of a role.
        (
            r#""Effect":"Deny","Action":"iam:CreateUser","Resource":"*","Condition":{"StringNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/*AWSReservedSSO_Admin_*"}}"#,
            &["SCP052 /Statement/0/Condition/StringNotLike/aws:PrincipalArn"][..],
        ),
        // Describing is for no resource, so that it is never denied.
        (
            r#""Effect":"Deny","Action":["ec2:DescribeInstances","ec2:TerminateInstances"],"Resource":"arn:aws:ec2:*:*:instance/*""#,
            &["SCP024 /Statement/0/Action/0"],
        ),
        // Images have no account in their ARN.
        (
            r#""Effect":"Deny","Action":"ec2:DeregisterImage","Resource":"arn:aws:ec2:*:111111111111:image/*""#,
            &["SCP024 /Statement/0/Resource"],
        ),
        (r#""Effect":"Deny","Action":"cloudwatch:CreateLogGroup","Resource":"*""#, &["SCP022 /Statement/0/Action"]),
        (
            r#""Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringLike":{"aws:PrincipalArn":"*"}}"#,
            &["SCP012 /Statement/0"],
        ),
        (
            r#""Effect":"Deny","Action":"s3:PutObject","Resource":"*","Condition":{"StringEquals":{"s3:x-amz-acl":"public-*"}}"#,
            &["SCP038 /Statement/0/Condition/StringEquals/s3:x-amz-acl"],
        ),
        (
            r#""Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"eu-west-1"}}"#,
            &["SCP050 /Statement/0/Condition/StringNotEquals/aws:RequestedRegion"],
        ),
        (
            r#""Effect":"Deny","Action":"ec2:RunInstances","Resource":"*","Condition":{"Bool":{"ec2:Encrypted":"no"},"NumericLessThan":{"ec2:VolumeSize":"large"},"DateLessThan":{"aws:CurrentTime":"soon"}}"#,
            &[
                "SCP033 /Statement/0/Condition/Bool/ec2:Encrypted",
                "SCP033 /Statement/0/Condition/NumericLessThan/ec2:VolumeSize",
                "SCP033 /Statement/0/Condition/DateLessThan/aws:CurrentTime",
            ],
        ),
    ] {
        let text = statement(body);
        let found = lint(&text, &LintOptions::default());
        let found: Vec<String> = found.iter().map(|found| format!("{} {}", found.id(), found.pointer)).collect();
        assert_eq!(found, expected, "{body}");
    }
}

#[test]
fn what_was_probably_meant_is_named() {
    for (action, meant) in [
        ("s3:PutObjectt", "s3:PutObject"),
        ("S3:putobjekt", "s3:PutObject"),
        ("cloudwatch:CreateLogGroup", "logs:CreateLogGroup"),
        ("guard-duty:DeleteDetector", "guardduty:DeleteDetector"),
        ("LeaveOrganization", "organizations:LeaveOrganization"),
    ] {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Action":"{action}","Resource":"*"}}]}}"#
        );
        let found = lint(&text, &LintOptions::default());
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].help, format!("Did you mean {meant}?"));
    }
}
