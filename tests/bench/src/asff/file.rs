//! The file that everybody reads: findings as Security Hub writes them, of 2.3 kB on average.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];

/// Writes so many findings, one a line.
pub fn write(path: &Path, findings: usize) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for number in 0..findings {
        serde_json::to_writer(&mut file, &finding(number))?;
        file.write_all(b"\n")?;
    }
    Ok(file.flush()?)
}

fn finding(number: usize) -> Value {
    let account = format!("{:012}", 100_000_000_000 + number / 500);
    let region = REGIONS[number % REGIONS.len()];
    let control = format!("S3.{}", number % 24 + 1);
    let mix = number.wrapping_mul(2_654_435_761) >> 7;
    let (status, label) = if mix % 100 < 7 { ("FAILED", "MEDIUM") } else { ("PASSED", "INFORMATIONAL") };
    let product = format!("arn:aws:securityhub:{region}::product/aws/securityhub");
    let id =
        format!("arn:aws:securityhub:{region}:{account}:security-control/{control}/finding/{mix:016x}-{number:08}");
    let bucket = format!("arn:aws:s3:::bucket-{account}-{}", number % 50);
    let seen = format!("2026-11-20T{:02}:{:02}:{:02}.{:03}Z", number % 24, number % 60, mix % 60, mix % 1000);
    let types = json!(["Software and Configuration Checks/Industry and Regulatory Standards"]);
    json!({
        "SchemaVersion": "2018-10-08",
        "Id": id,
        "ProductArn": product,
        "ProductName": "Security Hub CSPM",
        "CompanyName": "AWS",
        "Region": region,
        "GeneratorId": format!("security-control/{control}"),
        "AwsAccountId": account,
        "Types": types,
        "FirstObservedAt": seen,
        "LastObservedAt": seen,
        "CreatedAt": seen,
        "UpdatedAt": seen,
        "ProcessedAt": seen,
        "Severity": {"Label": label, "Normalized": 40, "Original": label},
        "Title": "S3 general purpose buckets should block public read access",
        "Description": "This control checks whether buckets block public read access. \"Public\" means everybody.",
        "Remediation": {"Recommendation": {
            "Text": "For information on how to correct this issue, consult the AWS Security Hub controls documentation.",
            "Url": format!("https://docs.aws.amazon.com/console/securityhub/{control}/remediation"),
        }},
        "ProductFields": {
            "RelatedAWSResources:0/name": format!("securityhub-s3-bucket-public-read-prohibited-{:08x}", mix % 0xFFFF_FFFF),
            "RelatedAWSResources:0/type": "AWS::Config::ConfigRule",
            "Resources:0/Id": bucket,
            "aws/securityhub/ProductName": "Security Hub CSPM",
            "aws/securityhub/CompanyName": "AWS",
            "aws/securityhub/FindingId": format!("{product}/{id}"),
        },
        "Resources": [{
            "Type": "AwsS3Bucket", "Id": bucket, "Partition": "aws", "Region": region,
            "Details": {"AwsS3Bucket": {"OwnerId": format!("{mix:064x}"), "CreatedAt": seen}},
        }],
        "Compliance": {
            "Status": status,
            "SecurityControlId": control,
            "RelatedRequirements": ["NIST.800-53.r5 AC-21", "NIST.800-53.r5 AC-3", "NIST.800-53.r5 AC-3(7)"],
            "AssociatedStandards": [
                {"StandardsId": "standards/aws-foundational-security-best-practices/v/1.0.0"},
                {"StandardsId": "standards/nist-800-53/v/5.0.0"},
            ],
        },
        "WorkflowState": "NEW",
        "Workflow": {"Status": "NEW"},
        "RecordState": "ACTIVE",
        "FindingProviderFields": {"Severity": {"Label": label, "Original": label}, "Types": types},
    })
}

/// A file, read so many times over.
pub struct Repeated {
    file: File,
    left: usize,
}

impl Repeated {
    /// Opens it.
    pub fn new(path: &Path, times: usize) -> Result<Self> {
        Ok(Self { file: File::open(path)?, left: times })
    }
}

impl Read for Repeated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left > 0 {
            match self.file.read(buffer)? {
                0 => {
                    self.left -= 1;
                    self.file.rewind()?;
                }
                length => return Ok(length),
            }
        }
        Ok(0)
    }
}
