//! Rules on values of conditions that cannot be what was meant.

use crate::lint::rule::{Rule, Severity};

pub(in crate::lint) const RULES: &[&Rule] =
    &[&WILDCARD_WITHOUT_LIKE, &VARIABLES_WITHOUT_VERSION, &IMPOSSIBLE_VALUE, &UNKNOWN_REGION];

pub(in crate::lint) static WILDCARD_WITHOUT_LIKE: Rule = Rule {
    id: "SCP038",
    name: "wildcard-without-like",
    severity: Severity::Warning,
    summary: "The operator takes * and ? as they are written",
    explanation: "StringEquals and its kin compare characters: only a value with a star in it equals one. Wildcards are for StringLike and ArnLike.",
    help: "Use StringLike or StringNotLike.",
    example: policy!(
        r#"{"Effect":"Deny","Action":"ec2:RunInstances","Resource":"*","Condition":{"StringNotEquals":{"ec2:InstanceType":"t3.*"}}}"#
    ),
    instead: policy!(
        r#"{"Effect":"Deny","Action":"ec2:RunInstances","Resource":"*","Condition":{"StringNotLike":{"ec2:InstanceType":"t3.*"}}}"#
    ),
};

pub(in crate::lint) static VARIABLES_WITHOUT_VERSION: Rule = Rule {
    id: "SCP039",
    name: "variables-without-version",
    severity: Severity::Error,
    summary: "Policy variables need Version 2012-10-17",
    explanation: "In an older version, and without the element, ${...} are just characters: the value matches nothing.",
    help: "Write \"Version\": \"2012-10-17\".",
    example: r#"{"Statement":[{"Effect":"Deny","Action":"ec2:StopInstances","Resource":"*","Condition":{"StringNotEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}}}]}"#,
    instead: policy!(
        r#"{"Effect":"Deny","Action":"ec2:StopInstances","Resource":"*","Condition":{"StringNotEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}}}"#
    ),
};

pub(in crate::lint) static IMPOSSIBLE_VALUE: Rule = Rule {
    id: "SCP040",
    name: "impossible-value",
    severity: Severity::Warning,
    summary: "The key never has this value",
    explanation: "Account ids have twelve digits (a number loses its leading zeros), ids of organizations are o- with 10 to 32 lower-case letters and digits, \
                  and aws:PrincipalType is one of Account, User, FederatedUser, AssumedRole and Anonymous.",
    help: "Correct the value; write account ids as strings.",
    example: policy!(
        r#"{"Effect":"Deny","Action":"sts:AssumeRole","Resource":"*","Condition":{"StringNotEquals":{"aws:ResourceAccount":"12345678901"}}}"#
    ),
    instead: policy!(
        r#"{"Effect":"Deny","Action":"sts:AssumeRole","Resource":"*","Condition":{"StringNotEquals":{"aws:ResourceAccount":"012345678901"}}}"#
    ),
};

pub(in crate::lint) static UNKNOWN_REGION: Rule = Rule {
    id: "SCP041",
    name: "unknown-region",
    severity: Severity::Warning,
    summary: "There is no such Region",
    explanation: "Names of Regions are written in lower case. One that is newer than our table is not known.",
    help: "Correct the name.",
    example: policy!(
        r#"{"Effect":"Deny","Action":"ec2:*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-west-1","EU-CENTRAL-1"]}}}"#
    ),
    instead: policy!(
        r#"{"Effect":"Deny","Action":"ec2:*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-west-1","eu-central-1"]}}}"#
    ),
};
