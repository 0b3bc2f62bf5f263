//! From a finding, of which nothing is trusted, to a row, if anybody is interested in it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use soc2_crds::FindingProduct;

use super::row::{Handled, Label, Said, SignalRow, Told};
use super::sets::PatternSets;
use crate::finding::Finding;
use crate::ids::AccountId;
use crate::index::account::Incoming;
use crate::index::intake::{MAX_TEXT, id_hash, quoted, region_of, resource_of, shorten, updated_at};
use crate::index::names::Names;
use crate::interest::{self, Interests};

/// Findings that somebody is interested in, by account.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) accounts: BTreeMap<AccountId, Vec<Incoming<SignalRow>>>,
    pub(super) unattributable: Vec<String>,
    /// Findings of other products that nobody is interested in.
    pub(super) other: u64,
}

impl Found {
    /// Takes findings in.
    pub(super) fn add(
        &mut self,
        interests: &Interests,
        sets: &mut PatternSets,
        names: &mut Names,
        findings: &[Finding],
    ) {
        if interests.is_empty() {
            self.other +=
                findings.iter().filter(|finding| !interest::is_security_hub(&finding.product_arn)).count() as u64;
            return;
        }
        for finding in findings {
            let (product, label) = (interest::product(&finding.product_arn), Label::of(finding.severity.as_deref()));
            let matched = sets.of(finding);
            if !concerns(interests, product, label) && sets.is_empty_set(matched) {
                self.other += u64::from(product != Some(FindingProduct::SecurityHub));
                continue;
            }
            match finding.account_id.parse::<AccountId>() {
                Ok(account) => {
                    let incoming = pack(names, finding, matched, told(finding, product, label));
                    self.accounts.entry(account).or_default().push(incoming);
                }
                Err(_) => self.unattributable.push(format!(
                    "finding {} of {} has AwsAccountId {}, which is no account id of twelve digits",
                    quoted(&finding.id),
                    quoted(&finding.product_arn),
                    quoted(&finding.account_id)
                )),
            }
        }
    }
}

/// Whether it has an age that somebody asks for, in whatever state it is.
pub(super) fn concerns(interests: &Interests, product: Option<FindingProduct>, label: Label) -> bool {
    product.and_then(|product| interests.severity_of(product)).is_some_and(|mildest| label.counts(mildest))
}

fn pack(names: &mut Names, finding: &Finding, matched: u32, told: Told) -> Incoming<SignalRow> {
    let region = names.region(region_of(finding).unwrap_or_default());
    let id = id_hash(finding);
    let row = SignalRow::new(id, region, resource_of(finding, id), matched, told);
    let text = finding.resource_id.as_deref().filter(|id| !id.is_empty() && wants_text(&row));
    Incoming { row, text: text.map(|text| shorten(text, MAX_TEXT).into()) }
}

fn wants_text(row: &SignalRow) -> bool {
    crate::index::account::Version::wants_text(row)
}

/// What a finding says. What cannot be understood never says that all is well.
fn told(finding: &Finding, product: Option<FindingProduct>, label: Label) -> Told {
    let record = finding.record_state.as_deref();
    let usable = !finding.id.is_empty()
        && region_of(finding) == Some(finding.region.as_str())
        && matches!(record, Some("ACTIVE" | "ARCHIVED"));
    let workflow = finding.workflow.as_deref();
    let workflow_known = matches!(workflow, None | Some("NEW" | "NOTIFIED" | "RESOLVED" | "SUPPRESSED"));
    let said = match finding.compliance.as_deref() {
        Some("FAILED") => Said::Failed,
        None => Said::Nothing,
        Some("PASSED") if usable && workflow_known => Said::Passed,
        Some("WARNING") if usable => Said::Warning,
        Some(_) => Said::NotAvailable,
    };
    let since = finding.first_observed_at.as_deref().or(finding.created_at.as_deref());
    let updated = updated_at(finding);
    Told {
        said,
        label,
        product,
        archived: usable && record == Some("ARCHIVED"),
        handled: match workflow {
            Some("SUPPRESSED") if usable => Handled::Suppressed,
            Some("RESOLVED") if usable => Handled::Resolved,
            _ => Handled::Open,
        },
        account_resource: finding.resource_type.as_deref() == Some("AwsAccount"),
        updated: updated.map(Timestamp::as_millisecond),
        first_seen: since.and_then(|text| text.parse().ok()).map_or(0, seconds),
    }
}

/// Seconds since 1970; what is later than they can say is far in the future.
fn seconds(moment: Timestamp) -> u32 {
    u32::try_from(moment.as_second().max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding() -> Finding {
        let text = |text: &str| Some(text.to_owned());
        Finding {
            id: "f1".to_owned(),
            product_arn: "arn:aws:securityhub:eu-west-1::product/aws/guardduty".to_owned(),
            account_id: "333333333333".to_owned(),
            region: "eu-west-1".to_owned(),
            workflow: text("NEW"),
            record_state: text("ACTIVE"),
            updated_at: text("2026-11-22T00:00:00Z"),
            first_observed_at: text("1970-01-01T00:01:00Z"),
            created_at: text("1970-01-01T00:02:00Z"),
            ..Finding::default()
        }
    }

    fn of(change: impl FnOnce(&mut Finding)) -> Told {
        let mut finding = finding();
        change(&mut finding);
        told(&finding, None, Label::Low)
    }

    #[test]
    fn what_cannot_be_used_is_neither_passed_nor_dealt_with() {
        let passed = |finding: &mut Finding| finding.compliance = Some("PASSED".to_owned());
        assert_eq!(of(passed).said, Said::Passed);
        for (what, spoil) in [
            ("id", (|finding| finding.id.clear()) as fn(&mut Finding)),
            ("region", |finding| "no region!".clone_into(&mut finding.region)),
            ("no region", |finding| finding.region.clear()),
            ("record", |finding| finding.record_state = Some("GONE".to_owned())),
            ("no record", |finding| finding.record_state = None),
            ("workflow", |finding| finding.workflow = Some("DONE".to_owned())),
        ] {
            let told = of(|finding| {
                passed(finding);
                spoil(finding);
            });
            assert_eq!(told.said, Said::NotAvailable, "{what}");
        }
        let no_record = |workflow: &str| {
            let told = of(|finding| {
                finding.record_state = None;
                finding.workflow = Some(workflow.to_owned());
            });
            told.handled
        };
        assert_eq!((no_record("SUPPRESSED"), no_record("RESOLVED")), (Handled::Open, Handled::Open));
        assert_eq!(of(|_| {}).said, Said::Nothing);
        assert_eq!(of(|finding| finding.compliance = Some("passed".to_owned())).said, Said::NotAvailable);
    }

    #[test]
    fn a_problem_is_as_old_as_it_was_first_seen_and_old_when_nobody_knows() {
        assert_eq!(of(|_| {}).first_seen, 60);
        assert_eq!(of(|finding| finding.first_observed_at = None).first_seen, 120);
        assert_eq!(of(|finding| finding.first_observed_at = Some("long ago".to_owned())).first_seen, 0);
        assert_eq!(of(|finding| finding.first_observed_at = Some("1969-01-01T00:00:00Z".to_owned())).first_seen, 0);
        assert_eq!(
            of(|finding| finding.first_observed_at = Some("2999-01-01T00:00:00Z".to_owned())).first_seen,
            u32::MAX
        );
        let nothing = of(|finding| {
            finding.first_observed_at = None;
            finding.created_at = None;
        });
        assert_eq!(nothing.first_seen, 0);
    }
}
