//! From a finding, of which nothing is trusted, to a row.

use jiff::Timestamp;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::Intake;
use super::names::Names;
use super::row::{Compliance, IdHash, Row, Verdict};
use crate::finding::Finding;
use crate::ids::AccountId;

/// Longest text of a resource that is kept, in bytes; Security Hub's own limit is 512 characters.
const MAX_TEXT: usize = 512;
/// Longest part of a finding's own text in a message.
const MAX_QUOTE: usize = 160;

/// A finding that was taken in.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    pub(crate) row: Row,
    /// Id of its resource, for rows that want it.
    pub(crate) text: Option<Box<str>>,
}

/// Whose a finding is.
pub(crate) fn attribute(finding: &Finding) -> Intake {
    if !is_security_hub(&finding.product_arn) {
        return Intake::OtherProduct;
    }
    let quoted = |text: &str| format!("{:?}", shorten(text, MAX_QUOTE));
    let Ok(account) = finding.account_id.parse::<AccountId>() else {
        let message = format!(
            "finding {} of Security Hub has AwsAccountId {}, which is no account id of twelve digits",
            quoted(&finding.id),
            quoted(&finding.account_id)
        );
        return Intake::Unattributable { message };
    };
    if control_id(finding).is_none() {
        let message = format!(
            "finding {} of Security Hub in account {account} has no Compliance.SecurityControlId",
            quoted(&finding.id)
        );
        return Intake::Unattributable { message };
    }
    Intake::Indexed(account)
}

/// Packs a finding that can be attributed.
pub(crate) fn pack(names: &mut Names, finding: &Finding) -> Incoming {
    let control = names.control(control_id(finding).unwrap_or_default());
    // A sweep of the Region it came from must be able to take it away, even when it names none.
    let region = [finding.region.as_str(), product_region(finding)].into_iter().find(|name| is_region(name));
    let region = names.region(region.unwrap_or_default());
    let resource_id = finding.resource_id.as_deref().filter(|id| !id.is_empty());
    let id = id_hash(finding);
    // A finding without a resource shares none with others.
    let resource = resource_id.map_or(id[0], |text| xxh3_64(text.as_bytes()));
    let reason = finding.status_reason.as_deref().filter(|code| is_code(code)).map_or(0, |code| names.reason(code));
    let row = Row::new(id, control, region, resource, verdict(finding, reason));
    let text = resource_id.filter(|_| row.wants_text()).map(|text| shorten(text, MAX_TEXT).into());
    Incoming { row, text }
}

/// `arn:<partition>:securityhub:<region>::product/aws/securityhub`, nothing else.
fn is_security_hub(product_arn: &str) -> bool {
    let mut fields = product_arn.splitn(6, ':');
    let mut field = || fields.next().unwrap_or_default();
    let (arn, partition, service, region, account, resource) = (field(), field(), field(), field(), field(), field());
    arn == "arn"
        && (partition == "aws" || partition.starts_with("aws-"))
        && service == "securityhub"
        && !region.is_empty()
        && account.is_empty()
        && resource == "product/aws/securityhub"
}

/// The Region in the product's ARN.
fn product_region(finding: &Finding) -> &str {
    finding.product_arn.split(':').nth(3).unwrap_or_default()
}

fn control_id(finding: &Finding) -> Option<&str> {
    finding.control_id.as_deref().map(str::trim).filter(|id| !id.is_empty())
}

/// Whether it can be the name of a Region: whatever else it is goes nowhere as a name.
fn is_region(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Whether it looks like a status reason, such as `CONFIG_RECORDER_DISABLED`.
fn is_code(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

fn id_hash(finding: &Finding) -> IdHash {
    let hash = if finding.id.is_empty() {
        // Nothing says which finding it is: by its content it is at least the same when it is read twice.
        xxh3_128(format!("{finding:?}").as_bytes())
    } else {
        xxh3_128(finding.id.as_bytes())
    };
    let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or_default();
    [half(hash >> 64), half(hash)]
}

/// What a finding says. What cannot be understood never says `PASSED`.
fn verdict(finding: &Finding, reason: u8) -> Verdict {
    let record = finding.record_state.as_deref();
    let usable = !finding.id.is_empty() && is_region(&finding.region) && matches!(record, Some("ACTIVE" | "ARCHIVED"));
    let workflow = finding.workflow.as_deref();
    let workflow_known = matches!(workflow, None | Some("NEW" | "NOTIFIED" | "RESOLVED" | "SUPPRESSED"));
    let compliance = match finding.compliance.as_deref() {
        _ if !usable => Compliance::NotAvailable,
        Some("PASSED") if workflow_known => Compliance::Passed,
        Some("FAILED") => Compliance::Failed,
        Some("WARNING") => Compliance::Warning,
        _ => Compliance::NotAvailable,
    };
    let updated = finding.updated_at.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
    Verdict {
        compliance,
        suppressed: workflow == Some("SUPPRESSED"),
        archived: usable && record == Some("ARCHIVED"),
        account_resource: finding.resource_type.as_deref() == Some("AwsAccount"),
        updated: updated.map(Timestamp::as_millisecond),
        reason,
    }
}

/// At most `limit` bytes of a text.
fn shorten(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let end = (0..=limit).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_security_hub_itself_is_evidence() {
        for (arn, expected) in [
            ("arn:aws:securityhub:eu-west-1::product/aws/securityhub", true),
            ("arn:aws-us-gov:securityhub:us-gov-west-1::product/aws/securityhub", true),
            ("arn:aws-cn:securityhub:cn-north-1::product/aws/securityhub", true),
            ("arn:aws:securityhub:eu-west-1::product/aws/guardduty", false),
            ("arn:aws:securityhub:eu-west-1::product/aws/securityhub2", false),
            ("arn:aws:securityhub:eu-west-1::product/aws/securityhub/x", false),
            ("arn:aws:securityhub:eu-west-1:111111111111:product/111111111111/default", false),
            ("arn:aws:securityhub:eu-west-1:111111111111:product/aws/securityhub", false),
            ("arn:aws:securityhub:::product/aws/securityhub", false),
            ("arn:aws:guardduty:eu-west-1::product/aws/securityhub", false),
            ("arn:evil:securityhub:eu-west-1::product/aws/securityhub", false),
            ("ARN:aws:securityhub:eu-west-1::product/aws/securityhub", false),
            (" arn:aws:securityhub:eu-west-1::product/aws/securityhub", false),
            ("", false),
        ] {
            assert_eq!(is_security_hub(arn), expected, "{arn}");
        }
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(shorten("äöü", 3), "ä");
        assert_eq!(shorten("abc", 3), "abc");
        assert_eq!(shorten("abcd", 3), "abc");
    }
}
