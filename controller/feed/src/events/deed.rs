//! A call that changed the organization, as CloudTrail tells it through EventBridge. Nothing in it is trusted: it says when to read AWS,
//! and who may have done what is found there.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use soc2_guardrails::deed::Deed;

use super::envelope::Poison;

/// Who sends the events of interest, and what they call themselves: calls of people and programs, and what AWS does for them.
const SOURCE: &str = "aws.organizations";
const DETAIL_TYPES: [&str; 2] = ["AWS API Call via CloudTrail", "AWS Service Event via CloudTrail"];
/// Longest name that is kept.
const LONGEST: usize = 512;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(rename = "detail-type", borrow)]
    detail_type: Cow<'a, str>,
    detail: Record,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_time: Timestamp,
    event_name: String,
    error_code: Option<String>,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    user_identity: Value,
    #[serde(default)]
    request_parameters: Value,
    #[serde(default)]
    response_elements: Value,
}

/// What a message tells: a call by somebody else that succeeded; `None` when it is about none.
pub(super) fn read(body: &str, own_role: Option<&str>, now: Timestamp) -> Result<Option<Deed>, Poison> {
    let envelope: Envelope<'_> =
        serde_json::from_str(body).map_err(|error| if error.is_data() { Poison::NoCall } else { Poison::NotJson })?;
    if envelope.source != SOURCE || !DETAIL_TYPES.contains(&&*envelope.detail_type) {
        return Err(Poison::OtherCall);
    }
    let record = envelope.detail;
    let identity = |pointer: &str| text(&record.user_identity, pointer);
    let role = identity("/sessionContext/sessionIssuer/arn");
    let own = own_role.is_some() && role.as_deref() == own_role;
    if own || record.read_only || record.error_code.is_some() {
        return Ok(None);
    }
    let by = identity("/arn").or_else(|| identity("/invokedBy")).or_else(|| identity("/principalId"));
    let (request, response) = (&record.request_parameters, &record.response_elements);
    let resource = text(request, "/resourceId");
    let (tagged_policy, tagged_target) = match resource {
        Some(id) if id.starts_with("p-") => (Some(id), None),
        other => (None, other),
    };
    let targets = ["/targetId", "/accountId", "/rootId", "/organizationalUnitId"];
    Ok(Some(Deed {
        // A clock that is ahead must not hold anything for longer.
        at: record.event_time.min(now),
        call: cut(&record.event_name),
        by: by.unwrap_or_else(|| "AWS".to_owned()),
        role,
        policy: text(request, "/policyId").or_else(|| text(response, "/policy/policySummary/id")).or(tagged_policy),
        target: targets
            .iter()
            .find_map(|pointer| text(request, pointer))
            .or_else(|| text(response, "/organizationalUnit/id"))
            .or(tagged_target),
    }))
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer).and_then(Value::as_str).map(cut)
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

/// Whether a call may have changed policies, and whether it may have changed the tree. Of one that is not known: both.
pub(crate) fn changes(call: &str) -> (bool, bool) {
    match call {
        "AttachPolicy" | "CreatePolicy" | "DeletePolicy" | "DetachPolicy" | "UpdatePolicy" => (true, false),
        "MoveAccount" | "UpdateOrganizationalUnit" => (false, true),
        _ => (true, true),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-26T12:00:00Z".parse().unwrap()
    }

    fn event() -> Value {
        json!({
            "version": "0", "id": "e", "detail-type": "AWS API Call via CloudTrail", "source": SOURCE, "region": "us-east-1",
            "detail": {
                "eventVersion": "1.08", "eventSource": "organizations.amazonaws.com", "eventName": "DetachPolicy",
                "eventTime": "2026-11-26T11:59:58Z", "readOnly": false, "errorCode": null,
                "userIdentity": {
                    "type": "AssumedRole", "arn": "arn:aws:sts::111111111111:assumed-role/BreakGlass/alice",
                    "sessionContext": {"sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111111111111:role/BreakGlass"}},
                },
                "requestParameters": {"policyId": "p-1", "targetId": "ou-1"}, "responseElements": null,
            },
        })
    }

    fn with(pointer: &str, value: Value) -> Result<Option<Deed>, Poison> {
        let mut event = event();
        *event.pointer_mut(pointer).unwrap() = value;
        read(&event.to_string(), Some("arn:aws:iam::111111111111:role/soc2-write"), now())
    }

    #[test]
    fn a_call_tells_who_did_what_when() {
        let deed = with("/version", json!("0")).unwrap().unwrap();
        assert_eq!(
            (deed.call.as_str(), deed.policy.as_deref(), deed.target.as_deref()),
            ("DetachPolicy", Some("p-1"), Some("ou-1"))
        );
        assert_eq!(deed.by, "arn:aws:sts::111111111111:assumed-role/BreakGlass/alice");
        assert!(deed.is_by(&["arn:aws:iam::*:role/BreakGlass".to_owned()]));
        assert!(!deed.is_by(&["arn:aws:iam::*:role/Break".to_owned(), "arn:aws:sts::*:*".to_owned()]));
        assert_eq!(deed.at.to_string(), "2026-11-26T11:59:58Z");
        for (parameters, policy, target) in [
            (json!({"resourceId": "p-2", "tags": []}), Some("p-2"), None),
            (json!({"resourceId": "ou-2", "tags": []}), None, Some("ou-2")),
            (json!({"accountId": "333333333333", "destinationParentId": "ou-1"}), None, Some("333333333333")),
            (Value::Null, None, None),
            (json!("odd"), None, None),
        ] {
            let deed = with("/detail/requestParameters", parameters).unwrap().unwrap();
            assert_eq!((deed.policy.as_deref(), deed.target.as_deref()), (policy, target));
        }
        let made = json!({"policy": {"policySummary": {"id": "p-3"}}});
        let mut event = event();
        event["detail"]["requestParameters"] = Value::Null;
        event["detail"]["responseElements"] = made;
        assert_eq!(read(&event.to_string(), None, now()).unwrap().unwrap().policy.as_deref(), Some("p-3"));
        assert_eq!(
            with("/detail/userIdentity", json!({"type": "AWSService", "invokedBy": "sso"})).unwrap().unwrap().by,
            "sso"
        );
        assert_eq!(with("/detail/userIdentity", Value::Null).unwrap().unwrap().by, "AWS");
        assert_eq!(with("/detail/eventTime", json!("2036-11-26T12:00:00Z")).unwrap().unwrap().at, now());
    }

    #[test]
    fn what_changed_nothing_and_what_we_did_is_no_news() {
        for (pointer, value) in [
            ("/detail/errorCode", json!("AccessDenied")),
            ("/detail/readOnly", json!(true)),
            (
                "/detail/userIdentity/sessionContext/sessionIssuer/arn",
                json!("arn:aws:iam::111111111111:role/soc2-write"),
            ),
        ] {
            assert_eq!(with(pointer, value), Ok(None), "{pointer}");
        }
        let other = json!("arn:aws:iam::222222222222:role/soc2-write");
        assert!(with("/detail/userIdentity/sessionContext/sessionIssuer/arn", other).unwrap().is_some());
    }

    #[test]
    fn everything_else_is_poison() {
        for (body, poison) in
            [("", Poison::NotJson), ("{", Poison::NotJson), ("{}", Poison::NoCall), ("7", Poison::NoCall)]
        {
            assert_eq!(read(body, None, now()), Err(poison), "{body}");
        }
        for (pointer, value, poison) in [
            ("/source", json!("aws.securityhub"), Poison::OtherCall),
            ("/detail-type", json!("Scheduled Event"), Poison::OtherCall),
            ("/detail/eventTime", json!("yesterday"), Poison::NoCall),
            ("/detail/eventName", json!(7), Poison::NoCall),
            ("/detail", json!([]), Poison::NoCall),
        ] {
            assert_eq!(with(pointer, value.clone()), Err(poison), "{pointer} {value}");
        }
    }
}
