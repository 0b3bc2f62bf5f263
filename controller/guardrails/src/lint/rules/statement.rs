//! Rules on what a statement does, alone and beside others.

use crate::lint::rule::{Rule, Severity};

pub(in crate::lint) const RULES: &[&Rule] =
    &[&DENY_EVERYTHING, &DENY_ALL_BUT, &ALLOW_STATEMENT, &ALLOW_NOT_ACTION, &SHADOWED_STATEMENT, &REDUNDANT_PATTERN];

pub(in crate::lint) static DENY_EVERYTHING: Rule = Rule {
    id: "SCP012",
    name: "deny-everything",
    severity: Severity::Error,
    summary: "A statement denies every action on every resource to everyone",
    explanation: "It locks out all principals of the accounts below, their root users and the break-glass roles too. Conditions that always hold do not \
                  count as conditions.",
    help: "Add a condition that exempts at least the break-glass roles, or name what is to be denied.",
    example: policy!(r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#),
    instead: policy!(
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/break-glass/admin"}}}"#
    ),
};

pub(in crate::lint) static DENY_ALL_BUT: Rule = Rule {
    id: "SCP013",
    name: "deny-all-but",
    severity: Severity::Note,
    summary: "A statement denies all actions but some, to everyone",
    explanation: "Services that AWS adds later are denied too, and nobody is exempt: not the break-glass roles, not Control Tower, not the operator.",
    help: "Make sure that iam, organizations, sts and support are among the exceptions, or exempt principals by a condition.",
    example: policy!(
        r#"{"Effect":"Deny","NotAction":["ec2:*","iam:*","organizations:*","sts:*","support:*"],"Resource":"*"}"#
    ),
    instead: policy!(
        r#"{"Effect":"Deny","NotAction":["ec2:*","iam:*","organizations:*","sts:*","support:*"],"Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/break-glass/admin"}}}"#
    ),
};

pub(in crate::lint) static ALLOW_STATEMENT: Rule = Rule {
    id: "SCP014",
    name: "allow-statement",
    severity: Severity::Note,
    summary: "An Allow bounds what is allowed, and has no effect beside FullAWSAccess",
    explanation: "A service control policy grants nothing: an action is possible where an Allow of every level from the root down matches it. Beside \
                  FullAWSAccess this statement changes nothing; instead of it, everything that it does not name is denied. A guardrail has Deny \
                  statements only.",
    help: "Write what is to be prevented as a Deny; keep an Allow only in a list of all that is allowed, on purpose and without FullAWSAccess.",
    example: policy!(r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#),
    instead: policy!(r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#),
};

pub(in crate::lint) static ALLOW_NOT_ACTION: Rule = Rule {
    id: "SCP015",
    name: "allow-not-action",
    severity: Severity::Warning,
    summary: "An Allow with NotAction allows whatever AWS adds",
    explanation: "Everything but what is named is allowed, and what is named is not denied: another Allow of the same level may still allow it.",
    help: "Deny what is named, with Action, beside FullAWSAccess.",
    example: policy!(r#"{"Effect":"Allow","NotAction":"organizations:LeaveOrganization","Resource":"*"}"#),
    instead: policy!(r#"{"Effect":"Deny","Action":"organizations:LeaveOrganization","Resource":"*"}"#),
};

pub(in crate::lint) static SHADOWED_STATEMENT: Rule = Rule {
    id: "SCP016",
    name: "shadowed-statement",
    severity: Severity::Warning,
    summary: "Another statement does all that this one does, or undoes it",
    explanation: "Whatever it matches, another statement with the same effect and no further condition matches too; or it allows what another one denies \
                  in all cases. It takes characters, and whoever changes it changes nothing.",
    help: "Take it out, or correct the one of the two that is not what was meant.",
    example: policy!(
        r#"{"Effect":"Deny","Action":"ec2:*","Resource":"*"},{"Effect":"Deny","Action":"ec2:StopInstances","Resource":"*","Condition":{"Bool":{"aws:ViaAWSService":"false"}}}"#
    ),
    instead: policy!(
        r#"{"Effect":"Deny","Action":"ec2:Delete*","Resource":"*"},{"Effect":"Deny","Action":"ec2:StopInstances","Resource":"*","Condition":{"Bool":{"aws:ViaAWSService":"false"}}}"#
    ),
};

pub(in crate::lint) static REDUNDANT_PATTERN: Rule = Rule {
    id: "SCP017",
    name: "redundant-pattern",
    severity: Severity::Note,
    summary: "Another pattern of the same list matches all that this one matches",
    explanation: "It takes characters of a policy that has 10,240 of them.",
    help: "Take it out.",
    example: policy!(r#"{"Effect":"Deny","Action":["ec2:Delete*","ec2:DeleteVpc"],"Resource":"*"}"#),
    instead: policy!(r#"{"Effect":"Deny","Action":["ec2:Delete*","ec2:CreateVpc"],"Resource":"*"}"#),
};
