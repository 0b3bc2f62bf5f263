//! Rules on actions and resources that match nothing.

use crate::lint::rule::{Rule, Severity};

pub(in crate::lint) const RULES: &[&Rule] =
    &[&MALFORMED_ACTION, &UNKNOWN_SERVICE, &UNKNOWN_ACTION, &MALFORMED_RESOURCE, &RESOURCE_NEVER_MATCHES];

pub(in crate::lint) static MALFORMED_ACTION: Rule = Rule {
    id: "SCP020",
    name: "malformed-action",
    severity: Severity::Error,
    summary: "An action is not written as service:Action",
    explanation: "AWS refuses actions without a service, and characters that no action has.",
    help: "Write the service's prefix, a colon and the action, such as s3:PutObject; * alone is every action.",
    example: policy!(r#"{"Effect":"Deny","Action":"LeaveOrganization","Resource":"*"}"#),
    instead: policy!(r#"{"Effect":"Deny","Action":"organizations:LeaveOrganization","Resource":"*"}"#),
};

pub(in crate::lint) static UNKNOWN_SERVICE: Rule = Rule {
    id: "SCP021",
    name: "unknown-service",
    severity: Severity::Warning,
    summary: "No service has this prefix",
    explanation: "The pattern matches no action, so that a Deny denies nothing and a NotAction spares nothing. The prefix is often not the service's \
                  name: CloudWatch Logs is logs, Config is config, Security Hub is securityhub. A service that is newer than our table (its date is in \
                  the data) is not known either.",
    help: "Look the prefix up in AWS's Service Authorization Reference.",
    example: policy!(r#"{"Effect":"Deny","Action":"guard-duty:DeleteDetector","Resource":"*"}"#),
    instead: policy!(r#"{"Effect":"Deny","Action":"guardduty:DeleteDetector","Resource":"*"}"#),
};

pub(in crate::lint) static UNKNOWN_ACTION: Rule = Rule {
    id: "SCP022",
    name: "unknown-action",
    severity: Severity::Warning,
    summary: "The service has no action that this matches",
    explanation: "The pattern matches nothing, so that a Deny denies nothing and a NotAction spares nothing. Actions are named for permissions, which \
                  are not always named for API calls: ListObjects is s3:ListBucket. An action that is newer than our table is not known either.",
    help: "Look the action up in AWS's Service Authorization Reference.",
    example: policy!(r#"{"Effect":"Deny","Action":"s3:DeleteBuckets","Resource":"*"}"#),
    instead: policy!(r#"{"Effect":"Deny","Action":"s3:DeleteBucket","Resource":"*"}"#),
};

pub(in crate::lint) static MALFORMED_RESOURCE: Rule = Rule {
    id: "SCP023",
    name: "malformed-resource",
    severity: Severity::Error,
    summary: "A resource is neither * nor an ARN",
    explanation: "AWS refuses it. An ARN has six parts with colons between them: arn, partition, service, Region, account, resource; some may be empty.",
    help: "Write the ARN, such as arn:aws:s3:::bucket/*.",
    example: policy!(r#"{"Effect":"Deny","Action":"s3:DeleteBucket","Resource":"audit-logs"}"#),
    instead: policy!(r#"{"Effect":"Deny","Action":"s3:DeleteBucket","Resource":"arn:aws:s3:::audit-logs"}"#),
};

pub(in crate::lint) static RESOURCE_NEVER_MATCHES: Rule = Rule {
    id: "SCP024",
    name: "resource-never-matches",
    severity: Severity::Warning,
    summary: "A resource that no ARN of the actions can match, or an action that no resource of the statement is for",
    explanation: "Each action is checked against ARNs of its own resource types; one without resource types is checked against *, which only a \
                  pattern of stars matches. So this part of the statement has no effect. Usual causes are an account id in an ARN that has none \
                  (buckets, images), a bucket where objects are meant, and actions that list or describe.",
    help: "Correct the ARN, or move the action to a statement with \"Resource\": \"*\".",
    example: policy!(r#"{"Effect":"Deny","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::audit-logs"}"#),
    instead: policy!(r#"{"Effect":"Deny","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::audit-logs/*"}"#),
};
