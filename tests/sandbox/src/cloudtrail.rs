//! CloudTrail: what it tells `EventBridge` of calls that change the organization, whether they succeeded or not.

use jiff::Timestamp;
use jiff::fmt::strtime;
use serde_json::{Map, Value, json};

use crate::call::{Answer, Call};
use crate::server::request_id;

/// A call, as far as CloudTrail tells of it.
#[derive(Debug, Clone)]
pub struct Recorded<'a> {
    /// The account of the organization's management.
    pub account: &'a str,
    /// ARN of the caller.
    pub arn: &'a str,
    /// ARN of the role of a session.
    pub role: Option<&'a str>,
    /// Operation.
    pub operation: &'a str,
    /// Its parameters, as the trail spells them.
    pub request: Value,
    /// What it gave, as the trail spells it.
    pub response: Value,
    /// Error code and message.
    pub error: Option<(&'a str, &'a str)>,
    /// When.
    pub now: Timestamp,
}

/// What CloudTrail tells of a call and its answer.
#[must_use]
pub fn of_call(account: &str, role: Option<&str>, call: &Call, answer: &Answer) -> Value {
    let error = answer.as_ref().err().map(|error| (error.code.as_str(), error.message.as_str()));
    let recorded = Recorded {
        account,
        arn: &call.principal,
        role,
        operation: &call.operation,
        request: small(&call.input),
        response: answer.as_ref().map_or(Value::Null, small),
        error,
        now: call.now,
    };
    recorded.event()
}

/// Names in the trail begin with a small letter, at every depth; what is empty is null.
fn small(value: &Value) -> Value {
    match value {
        Value::Object(members) if members.is_empty() => Value::Null,
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                let mut letters = name.chars();
                let first = letters.next().map(|letter| letter.to_ascii_lowercase());
                (first.into_iter().chain(letters).collect(), small(value))
            };
            Value::Object(members.iter().map(member).collect::<Map<String, Value>>())
        }
        Value::Array(items) => items.iter().map(small).collect(),
        other => other.clone(),
    }
}

impl Recorded<'_> {
    /// The event that `EventBridge` sends.
    #[must_use]
    pub fn event(&self) -> Value {
        let time = strtime::format("%Y-%m-%dT%H:%M:%SZ", self.now).unwrap_or_default();
        let mut detail = json!({
            "eventVersion": "1.10",
            "userIdentity": self.identity(),
            "eventTime": time,
            "eventSource": "organizations.amazonaws.com",
            "eventName": self.operation,
            "awsRegion": "us-east-1",
            "sourceIPAddress": "192.0.2.7",
            "userAgent": "aws-cli/2.31",
            "requestParameters": self.request,
            "responseElements": self.response,
            "requestID": request_id(),
            "eventID": request_id(),
            "readOnly": false,
            "eventType": "AwsApiCall",
            "managementEvent": true,
            "recipientAccountId": self.account,
            "eventCategory": "Management",
        });
        if let (Some((code, message)), Some(detail)) = (self.error, detail.as_object_mut()) {
            detail.insert("errorCode".to_owned(), json!(code));
            detail.insert("errorMessage".to_owned(), json!(message));
        }
        json!({
            "version": "0",
            "id": request_id(),
            "detail-type": "AWS API Call via CloudTrail",
            "source": "aws.organizations",
            "account": self.account,
            "time": time,
            "region": "us-east-1",
            "resources": [],
            "detail": detail,
        })
    }

    fn identity(&self) -> Value {
        let account = self.arn.split(':').nth(4).unwrap_or_default();
        let name = self.arn.rsplit('/').next().unwrap_or_default();
        if let Some(role) = self.role {
            let role_name = role.rsplit('/').next().unwrap_or_default();
            return json!({
                "type": "AssumedRole",
                "principalId": format!("AROASANDBOX:{name}"),
                "arn": self.arn,
                "accountId": account,
                "sessionContext": {"sessionIssuer": {
                    "type": "Role", "principalId": "AROASANDBOX", "arn": role, "accountId": account, "userName": role_name,
                }},
            });
        }
        if self.arn.ends_with(":root") {
            return json!({"type": "Root", "principalId": account, "arn": self.arn, "accountId": account});
        }
        json!({"type": "IAMUser", "principalId": "AIDASANDBOX", "arn": self.arn, "accountId": account, "userName": name})
    }
}
