//! An event as EventBridge puts it into a queue. Nothing in it is trusted.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;
use soc2_asff::Parser;
use soc2_posture::finding::Finding;
use soc2_posture::index::{FindingIndex, Intake};

/// What the events of interest call themselves.
const DETAIL_TYPE: &str = "Security Hub Findings - Imported";
const SOURCE: &str = "aws.securityhub";
/// How far in the future a finding may have been updated: clocks differ a little.
const FUTURE: SignedDuration = SignedDuration::from_mins(10);

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    source: std::borrow::Cow<'a, str>,
    #[serde(rename = "detail-type", borrow)]
    detail_type: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    detail: Detail<'a>,
}

#[derive(Deserialize)]
struct Detail<'a> {
    /// One, says AWS; a list all the same.
    #[serde(borrow)]
    findings: Vec<&'a RawValue>,
}

/// Why a message is poison, without a word of what is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Poison {
    #[error("its body is not JSON")]
    NotJson,
    #[error("its body is no event of EventBridge with findings")]
    NoEvent,
    #[error("it is no event {DETAIL_TYPE:?} of {SOURCE}: the rule that feeds the queue lets other events through")]
    OtherEvent,
    #[error("it has no finding")]
    NoFinding,
    #[error("a finding in it cannot be read")]
    Broken,
    #[error("it is from Security Hub, but does not say of which account or control")]
    Unattributable,
    #[error("its body is no event of EventBridge with a call that CloudTrail recorded")]
    NoCall,
    #[error(
        "it is no call of aws.organizations that CloudTrail recorded: the rule that feeds the queue lets other events through"
    )]
    OtherCall,
    #[error("its finding was updated more than {} minutes in the future", FUTURE.as_mins())]
    Future,
}

/// The findings of a message.
pub(super) fn findings(body: &str, now: Timestamp) -> Result<Vec<Finding>, Poison> {
    let envelope: Envelope<'_> =
        serde_json::from_str(body).map_err(|error| if error.is_data() { Poison::NoEvent } else { Poison::NotJson })?;
    if envelope.source != SOURCE || envelope.detail_type != DETAIL_TYPE {
        return Err(Poison::OtherEvent);
    }
    let mut parser = Parser::new();
    let mut found = Vec::with_capacity(envelope.detail.findings.len());
    for raw in envelope.detail.findings {
        let finding = parser.parse(raw.get().as_bytes()).map_err(|_| Poison::Broken)?;
        check(&finding, now)?;
        found.push(finding);
    }
    if found.is_empty() { Err(Poison::NoFinding) } else { Ok(found) }
}

/// What a reading of Security Hub would have to doubt, an event must not bring in at all.
fn check(finding: &Finding, now: Timestamp) -> Result<(), Poison> {
    if matches!(FindingIndex::intake(finding), Intake::Unattributable { .. }) {
        return Err(Poison::Unattributable);
    }
    let updated = finding.updated_at.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
    let latest = now.saturating_add(FUTURE).unwrap_or(now);
    if updated.is_some_and(|updated| updated > latest) { Err(Poison::Future) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn now() -> Timestamp {
        "2026-11-01T12:00:00Z".parse().unwrap()
    }

    fn finding() -> Value {
        json!({
            "Id": "f1", "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/securityhub",
            "AwsAccountId": "333333333333", "Region": "eu-west-1", "UpdatedAt": "2026-11-01T11:59:59.123Z",
            "Compliance": {"Status": "FAILED", "SecurityControlId": "S3.2"}, "Workflow": {"Status": "NEW"},
            "RecordState": "ACTIVE", "Resources": [{"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::b"}],
        })
    }

    fn event(finding: &Value) -> Value {
        json!({
            "version": "0", "id": "e", "detail-type": DETAIL_TYPE, "source": SOURCE, "account": "222222222222",
            "time": "2026-11-01T12:00:00Z", "region": "eu-west-1", "resources": [], "detail": {"findings": [finding]},
        })
    }

    fn with(change: impl FnOnce(&mut Value)) -> Result<Vec<Finding>, Poison> {
        let mut event = event(&finding());
        change(&mut event);
        findings(&event.to_string(), now())
    }

    #[test]
    fn an_event_has_its_finding() {
        let found = with(|_| ()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].id.as_str(), found[0].control_id.as_deref()), ("f1", Some("S3.2")));
        assert_eq!((found[0].compliance.as_deref(), found[0].workflow.as_deref()), (Some("FAILED"), Some("NEW")));
        let two = with(|event| event["detail"]["findings"] = json!([finding(), finding()])).unwrap();
        assert_eq!(two.len(), 2);
        let other = "arn:aws:securityhub:eu-west-1::product/aws/guardduty";
        assert!(with(|event| event["detail"]["findings"][0]["ProductArn"] = json!(other)).is_ok());
    }

    #[test]
    fn everything_else_is_poison() {
        for body in ["", "{", "hello", "{\"detail\": "] {
            assert_eq!(findings(body, now()), Err(Poison::NotJson), "{body}");
        }
        for body in ["null", "[]", "{}", "7", r#"{"source": 7, "detail-type": "x", "detail": {"findings": []}}"#] {
            assert_eq!(findings(body, now()), Err(Poison::NoEvent), "{body}");
        }
        let of = |place: &str, value: Value| with(|event| *event.pointer_mut(place).unwrap() = value);
        for (place, value, poison) in [
            ("/source", json!("aws.guardduty"), Poison::OtherEvent),
            ("/detail-type", json!("Security Hub Insight Results"), Poison::OtherEvent),
            ("/detail/findings", json!([]), Poison::NoFinding),
            ("/detail/findings", json!({}), Poison::NoEvent),
            ("/detail/findings/0", json!("finding"), Poison::Broken),
            ("/detail/findings/0/ProductArn", Value::Null, Poison::Broken),
            ("/detail/findings/0/AwsAccountId", json!("12"), Poison::Unattributable),
            ("/detail/findings/0/AwsAccountId", json!(333_333_333_333_u64), Poison::Unattributable),
            ("/detail/findings/0/Compliance", json!("FAILED"), Poison::Unattributable),
            ("/detail/findings/0/UpdatedAt", json!("2026-11-01T12:10:01Z"), Poison::Future),
        ] {
            assert_eq!(of(place, value.clone()), Err(poison), "{place} {value}");
        }
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        let body = event(&finding()).to_string().replace("\"resources\":[]", &format!("\"resources\":{deep}"));
        assert!(findings(&body, now()).is_ok(), "what is not looked at may be as it likes");
        let twice = event(&finding()).to_string().replacen("\"source\"", "\"source\":\"x\",\"source\"", 1);
        assert_eq!(findings(&twice, now()), Err(Poison::NoEvent), "a key twice");
    }

    #[test]
    fn poison_says_nothing_of_what_is_in_it() {
        let said = with(|event| event["source"] = json!("hush")).unwrap_err().to_string();
        assert!(!said.contains("hush"), "{said}");
    }
}
