//! From a finding, of which nothing is trusted, to a row.

use jiff::Timestamp;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::Intake;
use super::account::Incoming;
use super::names::Names;
use super::row::{Compliance, IdHash, Row, Verdict};
use crate::finding::Finding;
use crate::ids::AccountId;
use crate::interest::is_security_hub;

/// Longest text of a resource that is kept, in bytes; Security Hub's own limit is 512 characters.
pub(super) const MAX_TEXT: usize = 512;
/// Longest part of a finding's own text in a message.
const MAX_QUOTE: usize = 160;

/// Whose a finding is.
pub(crate) fn attribute(finding: &Finding) -> Intake {
    if !is_security_hub(&finding.product_arn) {
        return Intake::OtherProduct;
    }
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
    let region = names.region(region_of(finding).unwrap_or_default());
    let resource_id = finding.resource_id.as_deref().filter(|id| !id.is_empty());
    let id = id_hash(finding);
    let resource = resource_of(finding, id);
    let reason = finding.status_reason.as_deref().filter(|code| is_code(code)).map_or(0, |code| names.reason(code));
    let row = Row::new(id, control, region, resource, verdict(finding, reason));
    let text = resource_id.filter(|_| row.wants_text()).map(|text| shorten(text, MAX_TEXT).into());
    Incoming { row, text }
}

/// The Region that a finding is in, as far as it can be told: a sweep of the Region it came from must be able to take it away,
/// even when it names none.
pub(super) fn region_of(finding: &Finding) -> Option<&str> {
    [finding.region.as_str(), product_region(finding)].into_iter().find(|name| is_region(name))
}

/// Hash of a finding's resource. A finding without one shares none with others.
pub(super) fn resource_of(finding: &Finding, id: IdHash) -> u64 {
    let resource_id = finding.resource_id.as_deref().filter(|id| !id.is_empty());
    let own = u64::from(id[0]) << 32 | u64::from(id[1]);
    resource_id.map_or(own, |text| xxh3_64(text.as_bytes()))
}

/// A text from outside, in a message.
pub(super) fn quoted(text: &str) -> String {
    format!("{:?}", shorten(text, MAX_QUOTE))
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

pub(super) fn id_hash(finding: &Finding) -> IdHash {
    let hash = if finding.id.is_empty() {
        // Nothing says which finding it is: by its content it is at least the same when it is read twice.
        xxh3_128(format!("{finding:?}").as_bytes())
    } else {
        xxh3_128(finding.id.as_bytes())
    };
    let part = |bits: u128| u32::try_from(bits & u128::from(u32::MAX)).unwrap_or_default();
    [part(hash >> 64), part(hash >> 32), part(hash)]
}

/// `UpdatedAt`, when it is a time.
pub(super) fn updated_at(finding: &Finding) -> Option<Timestamp> {
    finding.updated_at.as_deref()?.parse().ok()
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
    let updated = updated_at(finding);
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
pub(super) fn shorten(text: &str, limit: usize) -> &str {
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
    fn texts_are_cut_between_characters() {
        assert_eq!(shorten("äöü", 3), "ä");
        assert_eq!(shorten("abc", 3), "abc");
        assert_eq!(shorten("abcd", 3), "abc");
    }
}
