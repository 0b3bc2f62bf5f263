//! Rules on a document as a whole: what AWS takes, and how much of it.

use crate::lint::rule::{Rule, Severity};

pub(in crate::lint) const RULES: &[&Rule] = &[
    &MALFORMED_DOCUMENT,
    &TOO_LARGE,
    &NEARLY_FULL,
    &TOO_LARGE_AS_WRITTEN,
    &TOO_MANY_POLICIES,
    &OLD_VERSION,
    &NO_STATEMENTS,
    &UNKNOWN_ELEMENT,
    &PRINCIPAL_ELEMENT,
    &DUPLICATE_SID,
    &INVALID_SID,
];

pub(in crate::lint) static MALFORMED_DOCUMENT: Rule = Rule {
    id: "SCP001",
    name: "malformed-document",
    severity: Severity::Error,
    summary: "The text is not a policy document",
    explanation: "AWS refuses it: it is no JSON, an element is missing or of the wrong type, or a key is there twice, so that two readers might \
                  take different ones.",
    help: "Correct what the message names; a statement has Effect, Action or NotAction, and Resource or NotResource.",
    example: policy!(r#"{"Effect":"deny","Action":"ec2:StopInstances","Resource":"*"}"#),
    instead: policy!(r#"{"Effect":"Deny","Action":"ec2:StopInstances","Resource":"*"}"#),
};

pub(in crate::lint) static TOO_LARGE: Rule = Rule {
    id: "SCP002",
    name: "too-large",
    severity: Severity::Error,
    summary: "The document has more characters than a policy may have",
    explanation: "AWS refuses a policy of more than 10,240 characters, and this one has more even without the whitespace between its elements. A document of more than four \
                  times the limit is not looked at further.",
    help: "Split it in two policies, or say the same with fewer patterns: service wildcards such as ec2:Delete*, one statement for all \
           actions with the same conditions, no Sids.",
    example: "",
    instead: "",
};

pub(in crate::lint) static NEARLY_FULL: Rule = Rule {
    id: "SCP003",
    name: "nearly-full",
    severity: Severity::Note,
    summary: "The document has more than nine tenths of the characters that a policy may have",
    explanation: "The next change may not fit, and a policy cannot be split without a free slot on every target.",
    help: "Plan for a second policy, or say the same with fewer patterns.",
    example: "",
    instead: "",
};

pub(in crate::lint) static TOO_LARGE_AS_WRITTEN: Rule = Rule {
    id: "SCP004",
    name: "too-large-as-written",
    severity: Severity::Warning,
    summary: "The document fits only without the whitespace between its elements",
    explanation: "The console takes whitespace out before it saves a policy; the API, the AWS CLI and the SDKs count what they are given.",
    help: "Minify the JSON before it is sent (jq -c does it); the operator always does.",
    example: "",
    instead: "",
};

pub(in crate::lint) static TOO_MANY_POLICIES: Rule = Rule {
    id: "SCP005",
    name: "too-many-policies",
    severity: Severity::Error,
    summary: "A root, unit or account has more policies than slots",
    explanation: "AWS attaches at most ten service control policies directly to one target; FullAWSAccess is one of them, inherited ones do not count. \
                  A target without a free slot cannot have a policy replaced by another without a gap.",
    help: "Put statements together in fewer policies, or attach what holds for all on the unit above.",
    example: "",
    instead: "",
};

pub(in crate::lint) static OLD_VERSION: Rule = Rule {
    id: "SCP006",
    name: "old-version",
    severity: Severity::Warning,
    summary: "Version is not 2012-10-17",
    explanation: "AWS asks for version 2012-10-17 in service control policies. Without the element the version is 2008-10-17, which has no policy \
                  variables.",
    help: "Write \"Version\": \"2012-10-17\".",
    example: r#"{"Statement":[{"Effect":"Deny","Action":"organizations:LeaveOrganization","Resource":"*"}]}"#,
    instead: policy!(r#"{"Effect":"Deny","Action":"organizations:LeaveOrganization","Resource":"*"}"#),
};

pub(in crate::lint) static NO_STATEMENTS: Rule = Rule {
    id: "SCP007",
    name: "no-statements",
    severity: Severity::Error,
    summary: "The document has no statement",
    explanation: "It allows nothing and denies nothing. Where it is the only policy of a target, nothing at all is allowed there.",
    help: "Add a statement, or detach and delete the policy.",
    example: policy!(""),
    instead: policy!(r#"{"Effect":"Deny","Action":"organizations:LeaveOrganization","Resource":"*"}"#),
};

pub(in crate::lint) static UNKNOWN_ELEMENT: Rule = Rule {
    id: "SCP008",
    name: "unknown-element",
    severity: Severity::Error,
    summary: "The document has an element that service control policies do not have",
    explanation: "AWS refuses elements that it does not know. Their names are case-sensitive.",
    help: "Correct the name or take the element out. A document has Version, Id and Statement; a statement has Sid, Effect, Action or NotAction, \
           Resource or NotResource, and Condition.",
    example: policy!(r#"{"Effect":"Deny","Action":"ec2:StopInstances","Resource":"*","Conditions":{}}"#),
    instead: policy!(
        r#"{"Effect":"Deny","Action":"ec2:StopInstances","Resource":"*","Condition":{"Bool":{"aws:ViaAWSService":"false"}}}"#
    ),
};

pub(in crate::lint) static PRINCIPAL_ELEMENT: Rule = Rule {
    id: "SCP009",
    name: "principal-element",
    severity: Severity::Error,
    summary: "A service control policy has no Principal or NotPrincipal",
    explanation: "AWS refuses the policy. It holds for every principal of the accounts that it is attached to. Resource control policies do have \
                  the element; they are another type, which is not looked at here.",
    help: "Select principals by a condition, such as ArnNotLike with aws:PrincipalArn.",
    example: policy!(r#"{"Effect":"Deny","Principal":"*","Action":"ec2:StopInstances","Resource":"*"}"#),
    instead: policy!(
        r#"{"Effect":"Deny","Action":"ec2:StopInstances","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/platform/operator"}}}"#
    ),
};

pub(in crate::lint) static DUPLICATE_SID: Rule = Rule {
    id: "SCP010",
    name: "duplicate-sid",
    severity: Severity::Error,
    summary: "Two statements have the same Sid",
    explanation: "A Sid has to be unique in its document. Where it is not, nobody can tell which statement a log or a report names.",
    help: "Rename one, or leave the Sid out.",
    example: policy!(
        r#"{"Sid":"Stop","Effect":"Deny","Action":"ec2:StopInstances","Resource":"*"},{"Sid":"Stop","Effect":"Deny","Action":"rds:StopDBInstance","Resource":"*"}"#
    ),
    instead: policy!(
        r#"{"Sid":"StopInstances","Effect":"Deny","Action":"ec2:StopInstances","Resource":"*"},{"Sid":"StopDatabases","Effect":"Deny","Action":"rds:StopDBInstance","Resource":"*"}"#
    ),
};

pub(in crate::lint) static INVALID_SID: Rule = Rule {
    id: "SCP011",
    name: "invalid-sid",
    severity: Severity::Warning,
    summary: "A Sid has characters other than letters and digits",
    explanation: "The policy language of IAM has A to Z, a to z and 0 to 9 in a Sid; what it does with others is not documented.",
    help: "Write the words together, as in DenyLeavingTheOrganization.",
    example: policy!(
        r#"{"Sid":"Deny leaving","Effect":"Deny","Action":"organizations:LeaveOrganization","Resource":"*"}"#
    ),
    instead: policy!(
        r#"{"Sid":"DenyLeaving","Effect":"Deny","Action":"organizations:LeaveOrganization","Resource":"*"}"#
    ),
};
