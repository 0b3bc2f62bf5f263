//! The same by general JSON libraries, in the way that is fastest for each: text is borrowed from the line, where we copy it.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Result;
use serde::Deserialize;

/// Bytes that are read at once.
const BUFFER: usize = 1 << 18;

/// What matters of a finding: what `soc2_posture::finding::Finding` has.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Asff<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    product_arn: Cow<'a, str>,
    #[serde(borrow)]
    aws_account_id: Cow<'a, str>,
    #[serde(borrow)]
    region: Option<Cow<'a, str>>,
    #[serde(borrow)]
    compliance: Option<Compliance<'a>>,
    #[serde(borrow)]
    workflow: Option<Workflow<'a>>,
    #[serde(borrow)]
    record_state: Option<Cow<'a, str>>,
    #[serde(borrow)]
    updated_at: Option<Cow<'a, str>>,
    #[serde(borrow)]
    resources: Option<Vec<Resource<'a>>>,
    #[serde(borrow)]
    generator_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    product_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    types: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    severity: Option<Severity<'a>>,
    #[serde(borrow)]
    first_observed_at: Option<Cow<'a, str>>,
    #[serde(borrow)]
    created_at: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Compliance<'a> {
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow)]
    security_control_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    status_reasons: Option<Vec<StatusReason<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StatusReason<'a> {
    #[serde(borrow)]
    reason_code: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Workflow<'a> {
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resource<'a> {
    #[serde(borrow, rename = "Type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Severity<'a> {
    #[serde(borrow)]
    label: Option<Cow<'a, str>>,
}

impl Asff<'_> {
    /// Bytes of text, so that nothing of it is read in vain.
    fn bytes(&self) -> usize {
        let Self { id, product_arn, aws_account_id, .. } = self;
        let option = |text: &Option<Cow<'_, str>>| text.as_ref().map_or(0, |text| text.len());
        let compliance = self.compliance.as_ref().map_or(0, |compliance| {
            let reasons = compliance.status_reasons.iter().flatten();
            option(&compliance.status)
                + option(&compliance.security_control_id)
                + reasons.map(|reason| option(&reason.reason_code)).sum::<usize>()
        });
        let resources = self.resources.iter().flatten();
        id.len()
            + product_arn.len()
            + aws_account_id.len()
            + compliance
            + [&self.region, &self.record_state, &self.updated_at, &self.generator_id].map(option).iter().sum::<usize>()
            + [&self.product_name, &self.first_observed_at, &self.created_at].map(option).iter().sum::<usize>()
            + self.workflow.as_ref().map_or(0, |workflow| option(&workflow.status))
            + self.severity.as_ref().map_or(0, |severity| option(&severity.label))
            + self.types.iter().flatten().map(|text| text.len()).sum::<usize>()
            + resources.map(|resource| option(&resource.kind) + option(&resource.id)).sum::<usize>()
    }
}

/// Reads with `serde_json`.
pub fn serde_json(path: &Path) -> Result<usize> {
    lines(path, |line| Ok(serde_json::from_slice::<Asff<'_>>(line)?.bytes()))
}

/// Reads with `simd-json`, which works in place.
pub fn simd_json(path: &Path) -> Result<usize> {
    let mut buffers = simd_json::Buffers::new(1 << 13);
    lines(path, |line| {
        let found: Asff<'_> = simd_json::serde::from_slice_with_buffers(line, &mut buffers)?;
        Ok(found.bytes())
    })
}

/// Reads with `sonic-rs`.
pub fn sonic_rs(path: &Path) -> Result<usize> {
    lines(path, |line| Ok(sonic_rs::from_slice::<Asff<'_>>(line)?.bytes()))
}

/// Reads line by line; gives how many findings there were.
fn lines(path: &Path, mut read: impl FnMut(&mut [u8]) -> Result<usize>) -> Result<usize> {
    let mut file = BufReader::with_capacity(BUFFER, File::open(path)?);
    let mut line = Vec::new();
    let (mut findings, mut bytes) = (0, 0);
    while file.read_until(b'\n', &mut line)? > 0 {
        bytes += read(&mut line)?;
        findings += 1;
        line.clear();
    }
    anyhow::ensure!(bytes > 0, "the findings are empty");
    Ok(findings)
}
