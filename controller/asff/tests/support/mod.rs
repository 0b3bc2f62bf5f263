//! Findings as text, and readers of bytes that are difficult.

#![allow(dead_code, reason = "each test program uses a part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::{self, Read};
use std::num::NonZeroUsize;

use soc2_asff::Summary;
use soc2_posture::finding::Finding;

/// A finding of Security Hub with this number, in one line.
pub fn finding(number: usize) -> String {
    format!(
        r#"{{"SchemaVersion":"2018-10-08","Id":"arn:aws:securityhub:eu-west-1:333333333333:security-control/S3.2/finding/{number}","ProductArn":"arn:aws:securityhub:eu-west-1::product/aws/securityhub","ProductName":"Security Hub CSPM","Region":"eu-west-1","GeneratorId":"security-control/S3.2","AwsAccountId":"333333333333","Types":["Software and Configuration Checks"],"FirstObservedAt":"2026-11-01T00:00:00Z","CreatedAt":"2026-11-02T00:00:00Z","UpdatedAt":"2026-11-20T00:00:00.000Z","Severity":{{"Label":"MEDIUM","Normalized":40}},"Title":"a \"title\" \u00e4","Resources":[{{"Type":"AwsS3Bucket","Id":"arn:aws:s3:::b-{number}","Details":{{"X":[1,-2.5e+3,true,false,null]}}}},{{"Type":"Other","Id":"other"}}],"Compliance":{{"Status":"FAILED","SecurityControlId":"S3.2","StatusReasons":[{{"ReasonCode":"CONFIG_RECORDER_DISABLED","Description":"d"}},{{"ReasonCode":"SECOND"}}]}},"Workflow":{{"Status":"NEW"}},"RecordState":"ACTIVE"}}"#
    )
}

/// Id of the finding with this number.
pub fn id(number: usize) -> String {
    format!("arn:aws:securityhub:eu-west-1:333333333333:security-control/S3.2/finding/{number}")
}

/// What that finding should become.
pub fn expected(number: usize) -> Finding {
    let some = |text: &str| Some(text.to_owned());
    Finding {
        id: id(number),
        product_arn: "arn:aws:securityhub:eu-west-1::product/aws/securityhub".to_owned(),
        account_id: "333333333333".to_owned(),
        region: "eu-west-1".to_owned(),
        control_id: some("S3.2"),
        compliance: some("FAILED"),
        status_reason: some("CONFIG_RECORDER_DISABLED"),
        workflow: some("NEW"),
        record_state: some("ACTIVE"),
        updated_at: some("2026-11-20T00:00:00.000Z"),
        resource_type: some("AwsS3Bucket"),
        resource_id: Some(format!("arn:aws:s3:::b-{number}")),
        generator_id: some("security-control/S3.2"),
        product_name: some("Security Hub CSPM"),
        types: vec!["Software and Configuration Checks".to_owned()],
        severity: some("MEDIUM"),
        first_observed_at: some("2026-11-01T00:00:00Z"),
        created_at: some("2026-11-02T00:00:00Z"),
    }
}

/// Reads bytes as a file of that name; the findings in order of their text.
pub fn read_with(bytes: impl Read + Send, name: &str, threads: usize) -> (Vec<Finding>, Summary) {
    let mut findings = Vec::new();
    let threads = NonZeroUsize::new(threads).unwrap();
    let summary = soc2_asff::read(bytes, name, threads, |batch| findings.extend_from_slice(batch));
    findings.sort_by_key(|finding| format!("{finding:?}"));
    (findings, summary)
}

/// The same on one thread.
pub fn read(bytes: &[u8], name: &str) -> (Vec<Finding>, Summary) {
    read_with(bytes, name, 1)
}

/// What is wrong, one line each.
pub fn problems(summary: &Summary) -> Vec<String> {
    assert_eq!(summary.problems, summary.first.len() as u64);
    summary.first.iter().map(ToString::to_string).collect()
}

/// Gives its bytes in pieces of these lengths, over and over.
pub struct Trickle<'a> {
    pub bytes: &'a [u8],
    pub lengths: Vec<usize>,
    pub turn: usize,
}

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.turn += 1;
        let most = self.lengths[self.turn % self.lengths.len()].max(1).min(buffer.len());
        self.bytes.read(&mut buffer[..most])
    }
}
