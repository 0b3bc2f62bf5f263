//! Policies as organizations have them, and calls of every kind to them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use soc2_guardrails::Request;

/// Levels from the root to the account, each with the names and documents of its policies.
pub(super) type Policies = Vec<(&'static str, Vec<(&'static str, Value)>)>;

/// A call that owns what it has.
pub(super) struct Call {
    principal: String,
    action: &'static str,
    resource: String,
    context: BTreeMap<String, Vec<String>>,
}

impl Call {
    /// The request; keys that it does not have are absent.
    pub(super) fn request(&self) -> Request<'_> {
        Request {
            principal: Some(&self.principal),
            action: self.action,
            resource: &self.resource,
            context: &self.context,
            unknown_context: false,
        }
    }
}

/// Three levels with five policies in all.
pub(super) fn policies() -> Policies {
    let all = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let exempt = json!({"aws:PrincipalArn": ["arn:aws:iam::*:role/break-glass", "arn:aws:iam::*:role/platform/*"]});
    let regions = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Regions", "Effect": "Deny", "Resource": "*",
            "NotAction": ["iam:*", "sts:*", "organizations:*", "route53:*", "cloudfront:*", "support:*", "health:*", "budgets:*"],
            "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["eu-west-1", "eu-central-1"]}, "ArnNotLike": exempt}},
        {"Sid": "RootUser", "Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:root"}}}]});
    let protect = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Trail", "Effect": "Deny", "Resource": "*",
            "Action": ["cloudtrail:StopLogging", "cloudtrail:DeleteTrail", "cloudtrail:UpdateTrail", "cloudtrail:PutEventSelectors"],
            "Condition": {"ArnNotLike": exempt}},
        {"Sid": "Config", "Effect": "Deny", "Resource": "*",
            "Action": ["config:Delete*", "config:StopConfigurationRecorder", "config:PutConfigurationRecorder"],
            "Condition": {"ArnNotLike": exempt}},
        {"Sid": "Leave", "Effect": "Deny", "Action": "organizations:LeaveOrganization", "Resource": "*"}]});
    let encrypt = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Volumes", "Effect": "Deny", "Action": ["ec2:CreateVolume", "ec2:RunInstances"], "Resource": "arn:aws:ec2:*:*:volume/*",
            "Condition": {"Bool": {"ec2:Encrypted": "false"}}},
        {"Sid": "Tls", "Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::*/*",
            "Condition": {"BoolIfExists": {"aws:SecureTransport": "false"}}}]});
    let services = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*",
        "Action": ["ec2:*", "s3:*", "iam:*", "sts:*", "cloudtrail:*", "config:*", "organizations:*", "lambda:*", "sqs:*", "logs:*"]}]});
    vec![
        ("r-acme", vec![("full", all.clone()), ("regions", regions)]),
        ("ou-acme-prod0000", vec![("full", all), ("protect", merged(&protect, &encrypt))]),
        ("333333333333", vec![("services", services)]),
    ]
}

/// One policy with the statements of two.
fn merged(one: &Value, other: &Value) -> Value {
    let statements = [one, other].into_iter().filter_map(|policy| policy["Statement"].as_array()).flatten();
    json!({"Version": "2012-10-17", "Statement": statements.collect::<Vec<_>>()})
}

/// A thousand calls: most are allowed, as most calls are. None is of a service that asks a policy of its own as well (keys of
/// KMS do), which the other program would know.
pub(super) fn calls() -> Vec<Call> {
    const ACTIONS: [(&str, &str); 12] = [
        ("s3:GetObject", "arn:aws:s3:::data/key"),
        ("s3:PutObject", "arn:aws:s3:::data/key"),
        ("ec2:DescribeInstances", "*"),
        ("ec2:CreateVolume", "arn:aws:ec2:eu-west-1:333333333333:volume/vol-1"),
        ("iam:CreateRole", "arn:aws:iam::333333333333:role/new"),
        ("sts:AssumeRole", "arn:aws:iam::333333333333:role/dev"),
        ("lambda:InvokeFunction", "arn:aws:lambda:eu-west-1:333333333333:function:f"),
        ("sqs:SendMessage", "arn:aws:sqs:eu-west-1:333333333333:queue"),
        ("logs:PutLogEvents", "arn:aws:logs:eu-west-1:333333333333:log-group:g:log-stream:s"),
        ("cloudtrail:StopLogging", "arn:aws:cloudtrail:eu-west-1:333333333333:trail/t"),
        ("organizations:LeaveOrganization", "*"),
        ("dynamodb:PutItem", "arn:aws:dynamodb:eu-west-1:333333333333:table/t"),
    ];
    const ROLES: [&str; 5] = ["dev", "ops", "platform/deploy", "break-glass", "app/web"];
    let call = |number: usize| {
        let (action, resource) = ACTIONS[number % ACTIONS.len()];
        let region = if number % 10 == 3 { "us-east-1" } else { "eu-west-1" };
        let mut context = BTreeMap::from([
            ("aws:RequestedRegion".to_owned(), vec![region.to_owned()]),
            ("aws:SecureTransport".to_owned(), vec!["true".to_owned()]),
            ("aws:PrincipalOrgID".to_owned(), vec!["o-exampleorgid".to_owned()]),
        ]);
        if action == "ec2:CreateVolume" {
            context.insert("ec2:Encrypted".to_owned(), vec![(!number.is_multiple_of(3)).to_string()]);
        }
        let principal = format!("arn:aws:iam::333333333333:role/{}", ROLES[number % ROLES.len()]);
        context.insert("aws:PrincipalArn".to_owned(), vec![principal.clone()]);
        Call { principal, action, resource: resource.to_owned(), context }
    };
    (0..1000).map(call).collect()
}

/// As the other program is told of them.
pub(super) fn as_json(policies: &Policies, calls: &[Call]) -> Value {
    let level = |(target, attached): &(&str, Vec<(&str, Value)>)| {
        let policies = attached.iter().map(|(name, document)| json!({"name": name, "document": document}));
        json!({"target": target, "policies": policies.collect::<Vec<_>>()})
    };
    let call = |call: &Call| {
        let context: BTreeMap<&String, &String> =
            call.context.iter().filter_map(|(key, values)| Some((key, values.first()?))).collect();
        json!({"principal": call.principal, "action": call.action, "resource": call.resource, "context": context})
    };
    json!({"levels": policies.iter().map(level).collect::<Vec<_>>(), "calls": calls.iter().map(call).collect::<Vec<_>>()})
}
