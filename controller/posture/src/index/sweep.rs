//! A sweep while it is being read.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Intake;
use super::account::Incoming;
use super::intake;
use super::names::Names;
use super::since::Begun;
use crate::finding::Finding;
use crate::ids::AccountId;

/// What a sweep has read so far, apart from the index. Belongs to the index that gave it.
#[derive(Clone, Debug)]
pub struct SweepBatch {
    /// Of the batch; the index translates them when it is installed.
    pub(super) names: Names,
    pub(super) begun: Arc<Begun>,
    pub(super) found: Found,
}

/// Findings that were taken in, by account.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) accounts: BTreeMap<AccountId, Vec<Incoming>>,
    pub(super) unattributable: Vec<String>,
    pub(super) other: u64,
}

impl Found {
    /// Takes findings in.
    pub(super) fn add(&mut self, names: &mut Names, findings: &[Finding]) {
        for finding in findings {
            match intake::attribute(finding) {
                Intake::Indexed(account) => {
                    let incoming = intake::pack(names, finding);
                    self.accounts.entry(account).or_default().push(incoming);
                }
                Intake::OtherProduct => self.other += 1,
                Intake::Unattributable { message } => self.unattributable.push(message),
            }
        }
    }

    /// The same with the numbers of other names.
    pub(super) fn translate(&mut self, from: &Names, to: &mut Names) {
        let regions: Vec<u16> = from.regions().iter().map(|name| to.region(name)).collect();
        for incoming in self.accounts.values_mut().flatten() {
            let row = incoming.row;
            let region = regions.get(usize::from(row.region)).copied().unwrap_or_default();
            let control = match (from.control_ix(row.control), from.control_id(row.control)) {
                (None, Some(id)) => to.control(id),
                _ => row.control,
            };
            let reason = from.reason_name(row.reason()).map_or(0, |name| to.reason(name));
            incoming.row = row.renamed(region, control, reason);
        }
    }
}

impl SweepBatch {
    /// Takes in a page.
    pub fn add(&mut self, findings: &[Finding]) {
        self.found.add(&mut self.names, findings);
    }

    /// For each finding from Security Hub that cannot be attributed, why; also in the [`super::Changes`] of the
    /// installation.
    #[must_use]
    pub fn unattributable(&self) -> &[String] {
        &self.found.unattributable
    }

    /// Number of findings taken in, every version of each.
    #[must_use]
    pub fn len(&self) -> usize {
        self.found.accounts.values().map(Vec::len).sum()
    }

    /// Whether none was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.accounts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use soc2_catalog::Catalog;

    use super::*;
    use crate::index::FindingIndex;

    fn finding(control: &str) -> Finding {
        Finding {
            id: format!("finding of {control}"),
            product_arn: "arn:aws:securityhub:eu-west-1::product/aws/securityhub".to_owned(),
            account_id: "333333333333".to_owned(),
            control_id: Some(control.to_owned()),
            ..Finding::default()
        }
    }

    #[test]
    fn a_number_of_the_batch_is_not_taken_for_the_same_number_of_the_index() {
        let mut index = FindingIndex::new(Catalog::builtin().unwrap());
        index.upsert(&[finding("Unheard.1"), finding("S3.2")]);
        let accounts = ["333333333333".parse().unwrap()].into();
        let mut batch = index.sweep(&accounts);
        batch.add(&[finding("Unheard.2"), finding("Unheard.1"), finding("S3.2")]);
        index.install(&accounts, &["eu-west-1".to_owned()].into(), batch);
        let rows = index.accounts.values().flat_map(crate::index::AccountRows::rows);
        let controls: Vec<&str> = rows.filter_map(|row| index.names().control_id(row.control)).collect();
        assert_eq!(controls, ["S3.2", "unheard.1", "unheard.2"]);
    }
}
