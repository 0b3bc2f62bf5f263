use soc2_asff::json::{Scanner, Work};

use super::*;

fn parse(text: &str) -> Event<'_> {
    let mut work = Work::default();
    read(&mut Scanner::of(text, &mut work)).unwrap().unwrap()
}

const ROLE: &str = r#""userIdentity":{"type":"AssumedRole","principalId":"AROAX:me","arn":"arn:aws:sts::333333333333:assumed-role/dev/me","accountId":"333333333333","sessionContext":{"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::333333333333:role/team/dev","userName":"dev"},"attributes":{"mfaAuthenticated":"false"}}}"#;

#[test]
fn what_an_event_has_to_do_with_policies() {
    let account = "333333333333".parse().unwrap();
    for (rest, expected) in [
        (format!(r#""eventType":"AwsApiCall",{ROLE}"#), Fate::Call(account)),
        (ROLE.to_owned(), Fate::Call(account)),
        (format!(r#""errorCode":"AccessDenied",{ROLE}"#), Fate::Failed),
        (format!(r#""errorCode":null,{ROLE}"#), Fate::Call(account)),
        (format!(r#""eventType":"AwsConsoleSignIn",{ROLE}"#), Fate::NoCall),
        (format!(r#""eventType":"AwsServiceEvent",{ROLE}"#), Fate::NoCall),
        (r#""userIdentity":{"type":"AWSService","invokedBy":"ec2.amazonaws.com"}"#.to_owned(), Fate::NotAffected),
        (
            r#""userIdentity":{"type":"AWSAccount","principalId":"AIDA","accountId":"333333333333"}"#.to_owned(),
            Fate::Call(account),
        ),
        (r#""userIdentity":{"type":"WebIdentityUser","userName":"x"}"#.to_owned(), Fate::NotAffected),
        (r#""userIdentity":{"type":"Root","arn":"arn:aws:iam::333333333333:root"}"#.to_owned(), Fate::Call(account)),
        (ROLE.replace("role/team/dev", "role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX"), Fate::NotAffected),
        (r#""awsRegion":"eu-west-1""#.to_owned(), Fate::NotAffected),
    ] {
        let text = format!(r#"{{"eventName":"GetObject","eventSource":"s3.amazonaws.com",{rest}}}"#);
        assert_eq!(parse(&text).fate(), expected, "{text}");
    }
    assert_eq!(parse("{}").fate(), Fate::NoCall);
}

#[test]
fn the_request_that_an_event_records() {
    let text = format!(
        r#"{{"eventVersion":"1.11","eventTime":"2026-11-01T00:00:00Z","eventSource":"s3.amazonaws.com","eventName":"ListBuckets",
        "awsRegion":"eu-west-1","sourceIPAddress":"203.0.113.7","requestParameters":{{"tags":["\u0041"]}},"vpcEndpointId":"vpce-1",
        "resources":[{{"type":"AWS::S3::Object","ARNPrefix":"arn:aws:s3:::a/"}},{{"ARN":"arn:aws:s3:::\u0061"}}],{ROLE}}}"#
    );
    let event = parse(&text);
    let context = event.context();
    let action = event.action();
    let request = event.request(&action, "", &context);
    assert_eq!(request.principal, Some("arn:aws:iam::333333333333:role/team/dev"), "the role, with its path");
    assert_eq!(request.action, "s3:ListAllMyBuckets");
    assert!(request.unknown_context);
    assert_eq!(event.resources().collect::<Vec<_>>(), ["arn:aws:s3:::a"]);
    let pairs: Vec<String> = context.iter().map(|(key, values)| format!("{key}={}", values.join(","))).collect();
    assert_eq!(
        pairs,
        [
            "aws:CurrentTime=2026-11-01T00:00:00Z",
            "aws:MultiFactorAuthPresent=false",
            "aws:PrincipalAccount=333333333333",
            "aws:PrincipalType=AssumedRole",
            "aws:RequestedRegion=eu-west-1",
            "aws:SourceIp=203.0.113.7",
            "aws:SourceVpce=vpce-1",
            "aws:ViaAWSService=false",
            "aws:userid=AROAX:me",
        ]
    );
}

#[test]
fn what_a_record_may_tell_is_all_that_is_made_of_it() {
    let event = parse(
        r#"{"eventTime":"t","awsRegion":"r","sourceIPAddress":"203.0.113.7","vpcEndpointId":"v","userIdentity":{"type":"IAMUser","accountId":"1",
        "principalId":"p","userName":"u","sessionContext":{"attributes":{"mfaAuthenticated":"true"}}}}"#,
    );
    let context = event.context();
    assert_eq!(context.len(), TOLD.len(), "{context:?}");
    assert!(context.keys().all(|key| Event::may_tell(key)), "{context:?}");
    assert!(
        Event::may_tell("AWS:sourceip") && Event::may_tell("the resource") && !Event::may_tell("aws:PrincipalOrgID")
    );
}

#[test]
fn a_service_that_calls_for_somebody_is_no_address() {
    let text = r#"{"sourceIPAddress":"203.0.113.7","userIdentity":{"type":"IAMUser","userName":"bob","invokedBy":"cloudformation.amazonaws.com"}}"#;
    let context = parse(text).context();
    assert!(!context.contains_key("aws:SourceIp"));
    assert_eq!(context["aws:ViaAWSService"], ["true"]);
    assert_eq!(context["aws:username"], ["bob"]);
    let named = parse(r#"{"sourceIPAddress":"cloudformation.amazonaws.com"}"#).context();
    assert!(!named.contains_key("aws:SourceIp"));
}
