//! Decisions and refusals, by tables.

use serde_json::{Value, json};

use super::{Decision, Need, Policy, Rights};
use Decision::{Allowed, Denied, NotAllowed};

const OURS: &str = "arn:aws:organizations::111111111111:policy/o-exampleorgid/service_control_policy/p-ours0000";
const UNIT: &str = "arn:aws:organizations::111111111111:ou/o-exampleorgid/ou-acme-12345678";
const OWNER: &str = "aws:ResourceTag/soc2-operator.dev/owner-id";
const TYPE: &str = "organizations:PolicyType";
const SCP: &str = "SERVICE_CONTROL_POLICY";

/// Statements like those of the shipped policies, and one Deny.
fn document() -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "organizations:List*", "Resource": "*"},
        {
            "Sid": "ChangeOwn", "Effect": "Allow", "Action": ["organizations:DetachPolicy", "organizations:DeletePolicy"],
            "Resource": "arn:aws:organizations::*:policy/o-*/service_control_policy/p-*",
            "Condition": {"StringEquals": {TYPE: SCP, "aws:resourcetag/soc2-operator.dev/owner-id": ["acme", "beta"]}},
        },
        {
            "Effect": "Allow", "Action": "organizations:TagResource", "Resource": "*",
            "Condition": {"ForAllValues:StringLike": {"aws:TagKeys": "soc2-operator.dev/*"}},
        },
        {
            "Effect": "Allow", "Action": "organizations:UntagResource", "Resource": "*",
            "Condition": {"ForAnyValue:StringEquals": {"aws:TagKeys": "owner"}},
        },
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"StringLike": {"aws:RequestTag/env": "pro?"}}},
    ]})
}

fn detach(owner: &str, kind: &str) -> Need {
    Need::new("organizations:DetachPolicy", OURS).with(OWNER, owner).with(TYPE, kind)
}

fn tag(operation: &str, keys: &[&str]) -> Need {
    let need = Need::new(&format!("organizations:{operation}"), OURS);
    keys.iter().fold(need, |need, key| need.with("aws:TagKeys", key))
}

#[test]
fn statements_decide_by_action_resource_and_condition() {
    let policy = Policy::of_identity(&document()).unwrap();
    for (about, need, wanted) in [
        ("granted", detach("acme", SCP), Allowed),
        ("the other owner", detach("beta", SCP), Allowed),
        ("actions have no case", Need { action: "ORGANIZATIONS:listroots".into(), ..Need::new("", "*") }, Allowed),
        ("another action", Need::new("organizations:CreatePolicy", "*"), NotAllowed),
        ("another owner", detach("evil", SCP), NotAllowed),
        ("values have case", detach("ACME", SCP), NotAllowed),
        ("no owner", Need::new("organizations:DetachPolicy", OURS).with(TYPE, SCP), NotAllowed),
        ("another type", detach("acme", "RESOURCE_CONTROL_POLICY"), NotAllowed),
        ("another resource", Need { resource: UNIT.into(), ..detach("acme", SCP) }, NotAllowed),
        ("no resource", Need { resource: "*".into(), ..detach("acme", SCP) }, NotAllowed),
        ("all keys are ours", tag("TagResource", &["soc2-operator.dev/a", "soc2-operator.dev/b"]), Allowed),
        ("a foreign key among them", tag("TagResource", &["soc2-operator.dev/a", "owner"]), NotAllowed),
        ("no keys: ForAllValues holds", tag("TagResource", &[]), Allowed),
        ("one of the keys", tag("UntagResource", &["env", "owner"]), Allowed),
        ("none of the keys", tag("UntagResource", &["env"]), NotAllowed),
        ("no keys: ForAnyValue does not hold", tag("UntagResource", &[]), NotAllowed),
        ("denied", detach("acme", SCP).with("aws:RequestTag/ENV", "prod"), Denied),
        ("denied and not allowed", detach("evil", SCP).with("aws:RequestTag/env", "prod"), Denied),
        ("what is not there", Need::of_nothing("organizations:DetachPolicy"), Allowed),
        ("what is not there, no such right", Need::of_nothing("organizations:AttachPolicy"), NotAllowed),
    ] {
        assert_eq!(policy.decide("111111111111", &need), wanted, "{about}");
    }
}

#[test]
fn a_deny_of_one_policy_wins_over_another() {
    let allow = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
    let deny =
        json!({"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "sqs:Delete*", "Resource": "*"}});
    let rights = Rights::read(None, Some(&json!([allow, deny]))).unwrap();
    let decide = |action: &str| rights.decide("111111111111", &Need::new(action, "*"));
    assert_eq!((decide("sqs:ReceiveMessage"), decide("sqs:DeleteMessage")), (Allowed, Denied));
    assert_eq!(Denied.why(super::OF_IDENTITY, "a:b"), "with an explicit deny in an identity-based policy");
    assert_eq!(NotAllowed.why(super::OF_RESOURCE, "a:b"), "because no resource-based policy allows the a:b action");
    assert_eq!(Rights::read(None, None).unwrap(), Rights::Everything);
    assert!(Rights::read(Some(&vec![]), Some(&allow)).is_err());
}

#[test]
fn a_resource_policy_speaks_of_accounts() {
    for (principal, account, wanted) in [
        (json!("arn:aws:iam::222222222222:root"), "222222222222", Allowed),
        (json!(["333333333333", "222222222222"]), "222222222222", Allowed),
        (json!("arn:aws:iam::222222222222:root"), "333333333333", NotAllowed),
    ] {
        let statement = json!({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "a:b", "Resource": "*"});
        let policy = Policy::of_resource(&json!({"Version": "2012-10-17", "Statement": [statement]})).unwrap();
        assert_eq!(policy.decide(account, &Need::new("a:b", "*")), wanted, "{principal}");
    }
}

#[test]
fn what_is_not_known_is_refused_with_its_field() {
    let condition =
        |condition: Value| json!({"Effect": "Allow", "Action": "a:b", "Resource": "*", "Condition": condition});
    let plain = |name: &str, value: Value| {
        let mut statement = json!({"Effect": "Allow", "Action": "a:b", "Resource": "*"});
        statement[name] = value;
        statement
    };
    for (statement, field) in [
        (plain("NotAction", json!("a:b")), "Statement[0]: NotAction: aws-sandbox does not know this element"),
        (plain("NotResource", json!("*")), "Statement[0]: NotResource:"),
        (plain("Principal", json!("*")), "Statement[0]: Principal:"),
        (plain("Sid", json!("with space")), "Statement[0]: Sid:"),
        (plain("Effect", json!("allow")), "Statement[0]: Effect:"),
        (plain("Action", json!([])), "Statement[0]: Action: must not be empty"),
        (plain("Action", json!("DetachPolicy")), "Statement[0]: Action: \"DetachPolicy\" is not like"),
        (plain("Action", json!([1])), "Statement[0]: Action: must be a text"),
        (plain("Resource", json!("policy/*")), "Statement[0]: Resource: \"policy/*\" is neither"),
        (
            plain("Resource", json!("arn:aws:s3:::${aws:username}")),
            "Statement[0]: Resource: aws-sandbox does not know policy variables",
        ),
        (condition(json!({})), "Statement[0]: Condition: holds no condition"),
        (
            condition(json!({"StringNotEquals": {TYPE: SCP}})),
            "Condition: StringNotEquals.organizations:PolicyType: aws-sandbox does not know the operator",
        ),
        (condition(json!({"StringEqualsIfExists": {TYPE: SCP}})), "does not know the operator StringEqualsIfExists"),
        (
            condition(json!({"ForSomeValues:StringEquals": {TYPE: SCP}})),
            "does not know the operator ForSomeValues:StringEquals",
        ),
        (
            condition(json!({"StringEquals": {"aws:PrincipalArn": "x"}})),
            "Condition: StringEquals.aws:PrincipalArn: aws-sandbox does not know the key",
        ),
        (condition(json!({"StringEquals": {"aws:ResourceTag/": "x"}})), "does not know the key"),
        (condition(json!({"StringEquals": {"aws:TagKeys": "x"}})), "needs ForAllValues or ForAnyValue"),
        (condition(json!({"ForAllValues:StringEquals": {TYPE: SCP}})), "needs ForAllValues or ForAnyValue"),
        (condition(json!({"StringEquals": "x"})), "Condition: StringEquals: must be an object"),
        (json!({"Effect": "Allow", "Action": "a:b"}), "Statement[0]: Resource: must be there"),
    ] {
        let error = Policy::of_identity(&json!({"Version": "2012-10-17", "Statement": [statement]})).unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains(field), "{statement}: {error}");
    }
    for (document, field) in [
        (json!({"Version": "2008-10-17", "Statement": plain("Sid", json!("a"))}), "Version:"),
        (json!({"Version": "2012-10-17", "Statement": []}), "Statement: there is none"),
        (json!({"Version": "2012-10-17", "Statement": plain("Sid", json!("a")), "Comment": ""}), "Comment:"),
        (
            json!({"Version": "2012-10-17", "Statement": [plain("Sid", json!("a")), plain("Sid", json!("a"))]}),
            "Statement[1].Sid: \"a\" stands twice",
        ),
        (json!("text"), "must be an object"),
    ] {
        let error = format!("{:#}", Policy::of_identity(&document).unwrap_err());
        assert!(error.contains(field), "{document}: {error}");
    }
    for principal in
        [json!("*"), json!({"AWS": "*"}), json!({"Service": "a"}), json!({"AWS": "arn:aws:iam::222222222222:role/x"})]
    {
        let statement = plain("Principal", principal);
        let error = Policy::of_resource(&json!({"Version": "2012-10-17", "Statement": [statement]})).unwrap_err();
        assert!(format!("{error:#}").contains("Statement[0]: Principal:"), "{error:#}");
    }
}
