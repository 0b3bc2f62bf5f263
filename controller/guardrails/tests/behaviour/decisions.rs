//! Decisions as AWS documents them: pages "SCP evaluation", "SCP syntax" and "SCP examples" of the Organizations guide,
//! "Condition" and "Resource" of the IAM guide.

use std::collections::BTreeMap;

use soc2_guardrails::{Decision, Document, Level, LevelPolicy, Request, denied_by, evaluate};

use crate::model::{ALLOW_ALL, deny};

type Context = BTreeMap<String, Vec<String>>;

fn context(pairs: &[(&str, &str)]) -> Context {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), vec![(*value).to_owned()])).collect()
}

/// Levels root, ou and account, each with these documents; policy `root-0` is the first of the root.
fn decide(levels: &[&[&str]], request: &Request<'_>) -> Decision {
    with_levels(levels, |levels| evaluate(levels, request))
}

fn with_levels<T>(texts: &[&[&str]], then: impl FnOnce(&[Level<'_>]) -> T) -> T {
    let names = ["root", "ou", "account"];
    let parsed: Vec<Vec<(String, Option<Document>)>> = texts
        .iter()
        .zip(names)
        .map(|(texts, name)| {
            let numbered = texts.iter().enumerate();
            numbered.map(|(index, text)| (format!("{name}-{index}"), Document::parse(text).ok())).collect()
        })
        .collect();
    let levels: Vec<Level<'_>> = parsed
        .iter()
        .zip(names)
        .map(|(documents, name)| Level {
            target: name.to_owned(),
            policies: documents.iter().map(|(id, document)| LevelPolicy { id, document: document.as_ref() }).collect(),
        })
        .collect();
    then(&levels)
}

fn call<'a>(action: &'a str, resource: &'a str, context: &'a Context) -> Request<'a> {
    Request { principal: Some("arn:aws:iam::222222222222:role/dev"), action, resource, context, unknown_context: false }
}

fn in_words(decision: &Decision) -> String {
    match decision {
        Decision::Allowed => "allowed".to_owned(),
        Decision::ExplicitDeny { level, policy, statement } => format!("denied at {level} by {policy} {statement}"),
        Decision::ImplicitDeny { level } => format!("not allowed at {level}"),
        Decision::Unknown { keys } => format!("unknown: {}", keys.iter().cloned().collect::<Vec<_>>().join(", ")),
    }
}

#[test]
fn allow_is_needed_at_every_level_and_any_deny_wins() {
    let s3_only = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
    let nothing = r#"{"Version":"2012-10-17","Statement":[]}"#;
    let deny_s3 = &deny("s3:*");
    let all = &[ALLOW_ALL][..];
    let empty = Context::new();
    for (levels, action, expected) in [
        ([all, all, all], "ec2:RunInstances", "allowed"),
        ([all, &[], all], "ec2:RunInstances", "not allowed at ou"),
        ([all, all, &[]], "ec2:RunInstances", "not allowed at account"),
        ([&[nothing], all, all], "ec2:RunInstances", "not allowed at root"),
        ([all, &[nothing], &[]], "ec2:RunInstances", "not allowed at ou"),
        ([all, &[s3_only], all], "s3:GetObject", "allowed"),
        ([all, &[s3_only], all], "ec2:RunInstances", "not allowed at ou"),
        ([all, all, &[s3_only, ALLOW_ALL]], "ec2:RunInstances", "allowed"),
        ([&[ALLOW_ALL, deny_s3], all, all], "s3:GetObject", "denied at root by root-1 0"),
        ([all, all, &[ALLOW_ALL, deny_s3]], "s3:GetObject", "denied at account by account-1 0"),
        ([all, all, &[ALLOW_ALL, deny_s3]], "ec2:RunInstances", "allowed"),
        ([&[s3_only], all, &[ALLOW_ALL, deny_s3]], "ec2:RunInstances", "not allowed at root"),
        // The explicit deny is named, although a level above does not allow it either.
        ([&[nothing], all, &[deny_s3]], "s3:GetObject", "denied at account by account-0 0"),
    ] {
        assert_eq!(in_words(&decide(&levels, &call(action, "*", &empty))), expected, "{levels:?} {action}");
    }
    assert_eq!(decide(&[], &call("s3:GetObject", "*", &empty)), Decision::Allowed, "the management account");
}

#[test]
fn actions_and_resources() {
    let bucket = "arn:aws:s3:::secret/key";
    let empty = Context::new();
    for (statement, action, resource, denied) in [
        (r#""Action":"S3:getobject","Resource":"*""#, "s3:GetObject", bucket, true),
        (r#""Action":["ec2:*","s3:Put*"],"Resource":"*""#, "s3:GetObject", bucket, false),
        (r#""Action":"s3:*Object","Resource":"*""#, "s3:GetObject", bucket, true),
        (r#""Action":"*:Get?bject","Resource":"*""#, "s3:GetObject", bucket, true),
        (r#""NotAction":["iam:*","s3:*"],"Resource":"*""#, "s3:GetObject", bucket, false),
        (r#""NotAction":["iam:*","s3:*"],"Resource":"*""#, "ec2:RunInstances", "*", true),
        (r#""Action":"s3:*","Resource":"arn:aws:s3:::secret/*""#, "s3:GetObject", bucket, true),
        (r#""Action":"s3:*","Resource":"arn:aws:s3:::Secret/*""#, "s3:GetObject", bucket, false),
        (r#""Action":"s3:*","NotResource":"arn:aws:s3:::secret/*""#, "s3:GetObject", bucket, false),
        (r#""Action":"s3:*","NotResource":"arn:aws:s3:::open/*""#, "s3:GetObject", bucket, true),
        (
            r#""Action":"s3:*","Resource":"arn:aws:s3:::${aws:PrincipalAccount}/*""#,
            "s3:GetObject",
            "arn:aws:s3:::222222222222/a",
            true,
        ),
        (r#""Action":"s3:*","Resource":"arn:aws:s3:::${aws:nothing}/*""#, "s3:GetObject", bucket, false),
    ] {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny",{statement}}}]}}"#);
        let decision = decide(&[&[ALLOW_ALL, &text]], &call(action, resource, &empty));
        assert_eq!(decision.is_denied(), denied, "{statement} {action}: {decision:?}");
        assert!(denied || decision == Decision::Allowed, "{statement} {action}: {decision:?}");
    }
    let old = r#"{"Version":"2008-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::${aws:PrincipalAccount}"}]}"#;
    let request = call("s3:GetObject", "arn:aws:s3:::${aws:PrincipalAccount}", &empty);
    assert!(decide(&[&[ALLOW_ALL, old]], &request).is_denied(), "no variables before 2012-10-17");
}

const REGIONS: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Regions","Effect":"Deny","NotAction":["iam:*","sts:*"],"Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-west-1","eu-central-1"]},"ArnNotLike":{"aws:PrincipalARN":["arn:aws:iam::*:role/Bypass","arn:aws:iam::*:role/Other"]}}}]}"#;
const ROOT_USER: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"RootUser","Effect":"Deny","Action":"ec2:*","Resource":"*","Condition":{"StringLike":{"aws:PrincipalArn":["arn:aws:iam::*:root"]}}}]}"#;
const NEEDS_TAG: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Tag","Effect":"Deny","Action":"ec2:RunInstances","Resource":["arn:aws:ec2:*:*:instance/*"],"Condition":{"Null":{"aws:RequestTag/Project":"true"}}}]}"#;
const ALLOW_SOME: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}}]}"#;

#[test]
fn the_documented_examples() {
    let bypass = "arn:aws:iam::222222222222:role/Bypass";
    let dev = "arn:aws:iam::222222222222:role/dev";
    let root = "arn:aws:iam::222222222222:root";
    let instance = "arn:aws:ec2:eu-west-1:222222222222:instance/*";
    let regions = "denied at root by root-1 Regions";
    for (policy, principal, action, resource, keys, expected) in [
        (REGIONS, dev, "ec2:RunInstances", instance, &[("aws:RequestedRegion", "us-east-1")][..], regions),
        (REGIONS, dev, "ec2:RunInstances", instance, &[("aws:requestedregion", "us-east-1")], regions),
        (REGIONS, dev, "ec2:RunInstances", instance, &[("aws:RequestedRegion", "eu-west-1")], "allowed"),
        (REGIONS, dev, "iam:CreateRole", "*", &[("aws:RequestedRegion", "us-east-1")], "allowed"),
        (REGIONS, bypass, "ec2:RunInstances", instance, &[("aws:RequestedRegion", "us-east-1")], "allowed"),
        (REGIONS, dev, "ec2:RunInstances", instance, &[], regions),
        (ROOT_USER, root, "ec2:RunInstances", instance, &[], "denied at root by root-1 RootUser"),
        (ROOT_USER, dev, "ec2:RunInstances", instance, &[], "allowed"),
        (NEEDS_TAG, dev, "ec2:RunInstances", instance, &[], "denied at root by root-1 Tag"),
        (NEEDS_TAG, dev, "ec2:RunInstances", instance, &[("aws:RequestTag/project", "x")], "allowed"),
        (NEEDS_TAG, dev, "ec2:RunInstances", "arn:aws:ec2:eu-west-1:222222222222:volume/*", &[], "allowed"),
    ] {
        let context = context(keys);
        let request =
            Request { principal: Some(principal), action, resource, context: &context, unknown_context: false };
        let decision = decide(&[&[ALLOW_ALL, policy]], &request);
        assert_eq!(in_words(&decision), expected, "{policy} {principal} {keys:?}");
    }
    let ireland = context(&[("aws:RequestedRegion", "eu-west-1")]);
    assert_eq!(decide(&[&[ALLOW_SOME]], &call("s3:GetObject", "*", &ireland)), Decision::Allowed);
    let ohio = context(&[("aws:RequestedRegion", "us-east-2")]);
    assert!(decide(&[&[ALLOW_SOME]], &call("s3:GetObject", "*", &ohio)).is_denied());
}

#[test]
fn what_cannot_be_known_is_not_guessed_and_is_named() {
    let principal_unknown = |policies: &[&str], keys: &[(&str, &str)], action: &str| {
        let context = context(keys);
        let request = Request { principal: None, action, resource: "*", context: &context, unknown_context: true };
        in_words(&decide(&[policies], &request))
    };
    let strange = r#"{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}]}"#;
    let strange_whole = r#"{"New":1,"Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#;
    let variable =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"${aws:username}"}]}"#;
    let deny_ec2 = &deny("ec2:*");
    let (here, there) = ([("aws:RequestedRegion", "eu-west-1")], [("aws:RequestedRegion", "us-east-1")]);
    for (policies, keys, action, expected) in [
        (&[ALLOW_ALL, REGIONS][..], &[][..], "ec2:A", "unknown: aws:PrincipalARN, aws:RequestedRegion"),
        (&[ALLOW_ALL, REGIONS], &there, "ec2:A", "unknown: aws:PrincipalARN"),
        (&[ALLOW_ALL, REGIONS], &here, "ec2:A", "allowed"),
        (&[ALLOW_ALL, REGIONS], &[], "iam:A", "allowed"),
        (&[ALLOW_ALL, REGIONS, deny_ec2], &[], "ec2:A", "denied at root by root-2 0"),
        (&[REGIONS], &[], "ec2:A", "not allowed at root"),
        (&[ALLOW_SOME], &[], "ec2:A", "unknown: aws:RequestedRegion"),
        (&[ALLOW_SOME, ALLOW_ALL], &[], "ec2:A", "allowed"),
        (&[ALLOW_ALL, strange], &[], "s3:A", "unknown: the meaning of the element Principal"),
        (&[ALLOW_ALL, strange], &[], "ec2:A", "allowed"),
        (&[ALLOW_ALL, strange_whole], &[], "s3:A", "unknown: the meaning of the element New"),
        (&[ALLOW_ALL, variable], &[], "s3:A", "unknown: aws:username"),
        (&[ALLOW_ALL, "no document"], &[], "s3:A", "unknown: the content of policy root-1"),
        (&["no document"], &[], "s3:A", "unknown: the content of policy root-0"),
        (&["no document", deny_ec2], &[], "ec2:A", "denied at root by root-1 0"),
    ] {
        assert_eq!(principal_unknown(policies, keys, action), expected, "{policies:?} {keys:?} {action}");
    }
}

#[test]
fn a_resource_that_is_not_known_is_not_guessed() {
    let of_bucket = r#"{"Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::a"}]}"#;
    let but_bucket = r#"{"Statement":[{"Effect":"Deny","Action":"s3:*","NotResource":"arn:aws:s3:::a"}]}"#;
    let but_all = r#"{"Statement":[{"Effect":"Deny","Action":"s3:*","NotResource":"*"}]}"#;
    let empty = Context::new();
    for (policy, expected) in [
        (of_bucket, "unknown: the resource"),
        (but_bucket, "unknown: the resource"),
        (but_all, "allowed"),
        (&deny("s3:*"), "denied at root by root-1 0"),
        (&deny("ec2:*"), "allowed"),
    ] {
        let request = Request { unknown_context: true, ..call("s3:GetObject", "", &empty) };
        assert_eq!(in_words(&decide(&[&[ALLOW_ALL, policy]], &request)), expected, "{policy}");
    }
}

#[test]
fn service_linked_roles_are_not_affected() {
    let empty = Context::new();
    for (principal, affected) in [
        ("arn:aws:iam::222222222222:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS", false),
        ("arn:aws:iam::222222222222:role/AWSServiceRoleForECS", true),
        ("arn:aws:iam::222222222222:user/aws-service-role/x", true),
        ("arn:aws:iam::222222222222:root", true),
    ] {
        let request = Request {
            principal: Some(principal),
            action: "s3:A",
            resource: "*",
            context: &empty,
            unknown_context: true,
        };
        assert_eq!(decide(&[&[ALLOW_ALL, &deny("*")]], &request).is_denied(), affected, "{principal}");
    }
}

#[test]
fn all_policies_that_deny_are_named() {
    let empty = Context::new();
    let request = call("s3:GetObject", "*", &empty);
    let (all, s3, ec2) = (ALLOW_ALL, &deny("s3:*"), &deny("ec2:*"));
    let found = with_levels(&[&[all, s3], &[all, ec2], &[all, s3, s3]], |levels| {
        denied_by(levels, &request).into_iter().map(str::to_owned).collect::<Vec<_>>()
    });
    assert_eq!(found, ["root-1", "account-1", "account-2"]);
}
