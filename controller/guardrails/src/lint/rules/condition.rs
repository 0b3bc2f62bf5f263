//! Rules on operators and keys of conditions.

use crate::lint::rule::{Rule, Severity};

pub(in crate::lint) const RULES: &[&Rule] = &[
    &UNKNOWN_OPERATOR,
    &UNKNOWN_CONDITION_KEY,
    &KEY_NOT_OF_ACTION,
    &WRONG_VALUE_TYPE,
    &OPERATOR_DOES_NOT_FIT_KEY,
    &NO_VALUES,
    &SET_OPERATOR_MISSING,
    &FOR_ALL_VALUES_IN_DENY,
];

pub(in crate::lint) static UNKNOWN_OPERATOR: Rule = Rule {
    id: "SCP030",
    name: "unknown-operator",
    severity: Severity::Error,
    summary: "There is no such condition operator",
    explanation: "AWS refuses it. Null has no IfExists and no ForAllValues.",
    help: "Use an operator of the policy language, such as StringEquals, StringLike, ArnLike, Bool, NumericLessThan, DateGreaterThan, IpAddress or \
           Null; with IfExists behind it, or ForAllValues: or ForAnyValue: in front.",
    example: policy!(
        r#"{"Effect":"Deny","Action":"ec2:RunInstances","Resource":"*","Condition":{"StringMatches":{"ec2:InstanceType":"x*"}}}"#
    ),
    instead: policy!(
        r#"{"Effect":"Deny","Action":"ec2:RunInstances","Resource":"*","Condition":{"StringLike":{"ec2:InstanceType":"x*"}}}"#
    ),
};

pub(in crate::lint) static UNKNOWN_CONDITION_KEY: Rule = Rule {
    id: "SCP031",
    name: "unknown-condition-key",
    severity: Severity::Warning,
    summary: "There is no such condition key",
    explanation: "A key that no request has makes a condition hold always (with a negated operator, Null or IfExists) or never.",
    help: "Look the key up in AWS's Service Authorization Reference, or among the global condition keys of the IAM user guide.",
    example: policy!(
        r#"{"Effect":"Deny","Action":"ec2:StopInstances","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipleArn":"arn:aws:iam::*:role/platform/operator"}}}"#
    ),
    instead: policy!(
        r#"{"Effect":"Deny","Action":"ec2:StopInstances","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/platform/operator"}}}"#
    ),
};

pub(in crate::lint) static KEY_NOT_OF_ACTION: Rule = Rule {
    id: "SCP032",
    name: "condition-key-not-of-action",
    severity: Severity::Warning,
    summary: "An action of the statement does not have this condition key",
    explanation: "Requests for it come without the key. So the condition always holds (with a negated operator, Null or IfExists), and the action is always \
                  denied; or it never holds, and the action is never denied. Keys of every service (aws:...) are left out of this rule.",
    help: "Put the action in a statement of its own, without this key or with the key that it has.",
    example: policy!(
        r#"{"Effect":"Deny","Action":["ec2:CreateVolume","ec2:StopInstances"],"Resource":"*","Condition":{"Bool":{"ec2:Encrypted":"false"}}}"#
    ),
    instead: policy!(
        r#"{"Effect":"Deny","Action":["ec2:CreateVolume","ec2:RunInstances"],"Resource":"*","Condition":{"Bool":{"ec2:Encrypted":"false"}}}"#
    ),
};

pub(in crate::lint) static WRONG_VALUE_TYPE: Rule = Rule {
    id: "SCP033",
    name: "wrong-value-type",
    severity: Severity::Error,
    summary: "A value is not of the type that the operator compares",
    explanation: "Bool and Null compare true and false, Numeric operators numbers, Date operators times (ISO 8601, or seconds since 1970), IpAddress \
                  addresses and ranges such as 10.0.0.0/8, Arn operators ARNs with six parts. AWS refuses other values, or never finds them.",
    help: "Correct the value, or use a String operator.",
    example: policy!(
        r#"{"Effect":"Deny","Action":"ec2:StopInstances","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/33"}}}"#
    ),
    instead: policy!(
        r#"{"Effect":"Deny","Action":"ec2:StopInstances","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}"#
    ),
};

pub(in crate::lint) static OPERATOR_DOES_NOT_FIT_KEY: Rule = Rule {
    id: "SCP034",
    name: "operator-does-not-fit-key",
    severity: Severity::Warning,
    summary: "The operator compares another type than the key has",
    explanation: "Values of the key cannot be read as what the operator compares, or not as one would think: StringEquals with aws:SourceIp knows no \
                  ranges.",
    help: "Use an operator of the key's type.",
    example: policy!(
        r#"{"Effect":"Deny","Action":"ec2:StopInstances","Resource":"*","Condition":{"StringNotEquals":{"aws:SourceIp":"10.0.0.0/8"}}}"#
    ),
    instead: policy!(
        r#"{"Effect":"Deny","Action":"ec2:StopInstances","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}"#
    ),
};

pub(in crate::lint) static NO_VALUES: Rule = Rule {
    id: "SCP035",
    name: "no-values",
    severity: Severity::Warning,
    summary: "A condition has no value or no key to compare",
    explanation: "What AWS makes of it is not documented. Where values come from a template, the list was probably empty by mistake.",
    help: "Add the values, or take the condition out.",
    example: policy!(
        r#"{"Effect":"Deny","Action":"ec2:StopInstances","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":[]}}}"#
    ),
    instead: policy!(
        r#"{"Effect":"Deny","Action":"ec2:StopInstances","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":["arn:aws:iam::*:role/platform/operator"]}}}"#
    ),
};

pub(in crate::lint) static SET_OPERATOR_MISSING: Rule = Rule {
    id: "SCP036",
    name: "set-operator-missing",
    severity: Severity::Warning,
    summary: "The key can have several values in one request, and the operator does not say which of them have to match",
    explanation: "For such keys the policy language has ForAnyValue and ForAllValues; what happens without them is not defined.",
    help: "Write ForAnyValue: in front of the operator (one value that matches is enough), or ForAllValues: (and beware of SCP037).",
    example: policy!(
        r#"{"Effect":"Deny","Action":"ec2:CreateTags","Resource":"*","Condition":{"StringEquals":{"aws:TagKeys":"CostCenter"}}}"#
    ),
    instead: policy!(
        r#"{"Effect":"Deny","Action":"ec2:CreateTags","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"aws:TagKeys":"CostCenter"}}}"#
    ),
};

pub(in crate::lint) static FOR_ALL_VALUES_IN_DENY: Rule = Rule {
    id: "SCP037",
    name: "for-all-values-in-deny",
    severity: Severity::Warning,
    summary: "ForAllValues holds when the request does not have the key",
    explanation: "All of no values match, so that the Deny also denies every request without the key.",
    help: "Use ForAnyValue, or add \"Null\": {\"the key\": \"false\"}, which asks for the key to be there.",
    example: policy!(
        r#"{"Effect":"Deny","Action":"ec2:CreateTags","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":"CostCenter"}}}"#
    ),
    instead: policy!(
        r#"{"Effect":"Deny","Action":"ec2:CreateTags","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":"CostCenter"},"Null":{"aws:TagKeys":"false"}}}"#
    ),
};
