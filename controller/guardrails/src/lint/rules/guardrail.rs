//! Rules on guardrails that deny too much, and on exemptions that undo them.

use crate::lint::rule::{Rule, Severity};

pub(in crate::lint) const RULES: &[&Rule] =
    &[&REGION_DENY_FORGETS_GLOBAL_SERVICES, &EXEMPTS_EVERYONE, &OPEN_EXEMPTION, &ASSUMED_ROLE_ARN];

pub(in crate::lint) static REGION_DENY_FORGETS_GLOBAL_SERVICES: Rule = Rule {
    id: "SCP050",
    name: "region-deny-forgets-global-services",
    severity: Severity::Warning,
    summary: "A limit on Regions also denies services that are only in one Region",
    explanation: "IAM, Organizations, CloudFront, Route 53, Support and the global endpoint of STS are in us-east-1 for all accounts. Where that Region is \
                  denied, so are they: nobody can change a role any more, or open a case.",
    help: "Name them in NotAction, such as iam:*, or allow us-east-1. Think of account, budgets, ce, globalaccelerator, health, networkmanager, \
           route53domains, shield, trustedadvisor and waf too, if you use them.",
    example: policy!(
        r#"{"Effect":"Deny","NotAction":["cloudfront:*","organizations:*","route53:*","sts:*","support:*"],"Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"eu-west-1"}}}"#
    ),
    instead: policy!(
        r#"{"Effect":"Deny","NotAction":["cloudfront:*","iam:*","organizations:*","route53:*","sts:*","support:*"],"Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"eu-west-1"}}}"#
    ),
};

pub(in crate::lint) static EXEMPTS_EVERYONE: Rule = Rule {
    id: "SCP051",
    name: "exempts-everyone",
    severity: Severity::Error,
    summary: "An exemption matches every principal or every role",
    explanation: "The Deny denies nobody, or nobody who has taken on a role, which is nearly everybody.",
    help: "Name the roles that are exempt, each with its full name or below a path of their own.",
    example: policy!(
        r#"{"Effect":"Deny","Action":"cloudtrail:StopLogging","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/*"}}}"#
    ),
    instead: policy!(
        r#"{"Effect":"Deny","Action":"cloudtrail:StopLogging","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/platform/*"}}}"#
    ),
};

pub(in crate::lint) static OPEN_EXEMPTION: Rule = Rule {
    id: "SCP052",
    name: "open-exemption",
    severity: Severity::Error,
    summary: "An exemption has a wildcard in its name and no fixed path",
    explanation: "Whoever may create a role with a name that matches is exempt. A path of its own can be protected as a whole; names cannot: next to \
                  platform-* there is always room for platform-mine.",
    help: "Write the full name, or a fixed path in front of the wildcard, such as role/platform/*, and deny creating roles there.",
    example: policy!(
        r#"{"Effect":"Deny","Action":"cloudtrail:StopLogging","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/platform-*"}}}"#
    ),
    instead: policy!(
        r#"{"Effect":"Deny","Action":"cloudtrail:StopLogging","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":["arn:aws:iam::*:role/platform/*","arn:aws:iam::*:role/AWSControlTowerExecution"]}}}"#
    ),
};

pub(in crate::lint) static ASSUMED_ROLE_ARN: Rule = Rule {
    id: "SCP053",
    name: "assumed-role-arn",
    severity: Severity::Error,
    summary: "aws:PrincipalArn never has the ARN of an assumed role's session",
    explanation: "For a session of a role AWS has the ARN of the role in aws:PrincipalArn: arn:aws:iam::ACCOUNT:role/PATH/NAME, not \
                  arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION. So the exemption exempts nobody, or the Deny denies nobody.",
    help: "Write the ARN of the role, with its path.",
    example: policy!(
        r#"{"Effect":"Deny","Action":"cloudtrail:StopLogging","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:sts::*:assumed-role/operator/*"}}}"#
    ),
    instead: policy!(
        r#"{"Effect":"Deny","Action":"cloudtrail:StopLogging","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/platform/operator"}}}"#
    ),
};
