//! Findings that somebody suppressed in Security Hub.

use std::collections::HashMap;
use std::fs::File;
use std::num::NonZeroUsize;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use soc2_posture::FindingIndex;
use soc2_posture::finding::Finding;
use soc2_posture::index::Intake;

use super::{Damage, Files, Inputs, refuse};
use crate::progress::{Progress, Watched};

/// A suppressed finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Suppressed {
    /// The control.
    pub control: String,
    /// The account.
    pub account: String,
    /// The resource; empty where the finding names none.
    pub resource: String,
}

/// The suppressed findings of these files, sorted. Of each finding the newest version counts.
///
/// # Errors
/// When a file cannot be read.
pub fn read(inputs: &Inputs, progress: &Progress) -> Result<Vec<Suppressed>> {
    let files = Files::find(inputs)?;
    ensure!(
        files.findings.iter().all(|path| path.as_os_str() != "-"),
        "standard input cannot be read twice: write it to a file"
    );
    let mut newest: HashMap<String, (Option<Timestamp>, Option<Suppressed>)> = HashMap::new();
    // First those that were ever suppressed, then what is newer of them.
    each(&files, inputs, progress, |finding| {
        if is_suppressed(finding) {
            newest.entry(finding.id.clone()).or_default();
        }
    })?;
    each(&files, inputs, progress, |finding| {
        let Some((seen, suppressed)) = newest.get_mut(&finding.id) else { return };
        let updated = finding.updated_at.as_deref().and_then(|text| text.parse().ok());
        if updated > *seen || updated == *seen && suppressed.is_none() {
            *seen = updated;
            *suppressed = is_suppressed(finding).then(|| of(finding));
        }
    })?;
    let mut found: Vec<Suppressed> = newest.into_values().filter_map(|(_, suppressed)| suppressed).collect();
    found.sort();
    Ok(found)
}

fn each(files: &Files, inputs: &Inputs, progress: &Progress, mut take: impl FnMut(&Finding) + Send) -> Result<()> {
    for path in &files.findings {
        let name = path.display().to_string();
        let file = File::open(path).with_context(|| name.clone())?;
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let input = Watched::new(file, &name, None, progress);
        let summary = soc2_asff::read(input, &name, threads, |findings| findings.iter().for_each(&mut take));
        let damage = Damage {
            file: name,
            first: summary.first.iter().map(ToString::to_string).collect(),
            count: summary.problems,
            unreadable: summary.unreadable > 0,
        };
        refuse(&[damage], inputs.keep_going)?;
    }
    progress.end();
    Ok(())
}

fn is_suppressed(finding: &Finding) -> bool {
    finding.workflow.as_deref() == Some("SUPPRESSED")
        && finding.record_state.as_deref() == Some("ACTIVE")
        && matches!(FindingIndex::intake(finding), Intake::Indexed(_))
}

fn of(finding: &Finding) -> Suppressed {
    Suppressed {
        control: finding.control_id.as_deref().unwrap_or_default().trim().to_owned(),
        account: finding.account_id.clone(),
        resource: finding.resource_id.clone().unwrap_or_default(),
    }
}
