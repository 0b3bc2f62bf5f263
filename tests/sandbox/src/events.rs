//! `EventBridge`: the events that Security Hub sends when a finding is new or changed.

use jiff::Timestamp;
use jiff::fmt::strtime;
use serde_json::{Map, Value, json};

/// `Security Hub Findings - Imported` with one finding, as an account gets it in a Region. Its time has whole seconds.
#[must_use]
pub fn imported(account: &str, region: &str, now: Timestamp, finding: &Map<String, Value>) -> Value {
    let text = |name: &str| finding.get(name).and_then(Value::as_str).unwrap_or_default();
    json!({
        "version": "0",
        "id": crate::server::request_id(),
        "detail-type": "Security Hub Findings - Imported",
        "source": "aws.securityhub",
        "account": account,
        "time": strtime::format("%Y-%m-%dT%H:%M:%SZ", now).unwrap_or_default(),
        "region": region,
        "resources": [format!("{}/{}", text("ProductArn"), text("Id"))],
        "detail": {"findings": [finding]},
    })
}
