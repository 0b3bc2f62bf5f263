//! From CloudTrail's names of sources and events to the actions of policies.
//!
//! Source of the exceptions: the Service Authorization Reference (service prefixes, and for S3 the permissions of each API
//! operation) beside CloudTrail's own event names, as of November 2026.

/// Sources whose name is not the prefix of the service's actions.
const PREFIXES: &[(&str, &str)] = &[
    ("catalog.marketplace", "aws-marketplace"),
    ("cloudcontrolapi", "cloudformation"),
    ("data.iot", "iot"),
    ("dynamodb.streams", "dynamodb"),
    ("email", "ses"),
    ("entitlement.marketplace", "aws-marketplace"),
    ("ingest.timestream", "timestream"),
    ("iotdata", "iot"),
    ("kinesisanalyticsv2", "kinesisanalytics"),
    ("metering.marketplace", "aws-marketplace"),
    ("models.lex", "lex"),
    ("monitoring", "cloudwatch"),
    ("query.timestream", "timestream"),
    ("runtime.lex", "lex"),
    ("runtime.sagemaker", "sagemaker"),
    ("streams.dynamodb", "dynamodb"),
    ("tagging", "tag"),
];

/// Operations of S3 that are checked for an action of another name.
const S3: &[(&str, &str)] = &[
    ("CompleteMultipartUpload", "PutObject"),
    ("CopyObject", "PutObject"),
    ("CreateMultipartUpload", "PutObject"),
    ("DeleteBucketAnalyticsConfiguration", "PutAnalyticsConfiguration"),
    ("DeleteBucketCors", "PutBucketCORS"),
    ("DeleteBucketEncryption", "PutEncryptionConfiguration"),
    ("DeleteBucketInventoryConfiguration", "PutInventoryConfiguration"),
    ("DeleteBucketLifecycle", "PutLifecycleConfiguration"),
    ("DeleteBucketMetricsConfiguration", "PutMetricsConfiguration"),
    ("DeleteBucketPublicAccessBlock", "PutBucketPublicAccessBlock"),
    ("DeleteBucketReplication", "PutReplicationConfiguration"),
    ("DeleteBucketTagging", "PutBucketTagging"),
    ("DeleteObjects", "DeleteObject"),
    ("GetAccelerateConfiguration", "GetAccelerateConfiguration"),
    ("GetBucketAccelerateConfiguration", "GetAccelerateConfiguration"),
    ("GetBucketAnalyticsConfiguration", "GetAnalyticsConfiguration"),
    ("GetBucketEncryption", "GetEncryptionConfiguration"),
    ("GetBucketInventoryConfiguration", "GetInventoryConfiguration"),
    ("GetBucketLifecycle", "GetLifecycleConfiguration"),
    ("GetBucketLifecycleConfiguration", "GetLifecycleConfiguration"),
    ("GetBucketMetricsConfiguration", "GetMetricsConfiguration"),
    ("GetBucketReplication", "GetReplicationConfiguration"),
    ("HeadBucket", "ListBucket"),
    ("HeadObject", "GetObject"),
    ("ListBuckets", "ListAllMyBuckets"),
    ("ListMultipartUploads", "ListBucketMultipartUploads"),
    ("ListObjectVersions", "ListBucketVersions"),
    ("ListObjects", "ListBucket"),
    ("ListObjectsV2", "ListBucket"),
    ("ListParts", "ListMultipartUploadParts"),
    ("PutBucketAccelerateConfiguration", "PutAccelerateConfiguration"),
    ("PutBucketAnalyticsConfiguration", "PutAnalyticsConfiguration"),
    ("PutBucketEncryption", "PutEncryptionConfiguration"),
    ("PutBucketInventoryConfiguration", "PutInventoryConfiguration"),
    ("PutBucketLifecycle", "PutLifecycleConfiguration"),
    ("PutBucketLifecycleConfiguration", "PutLifecycleConfiguration"),
    ("PutBucketMetricsConfiguration", "PutMetricsConfiguration"),
    ("PutBucketReplication", "PutReplicationConfiguration"),
    ("UploadPart", "PutObject"),
    ("UploadPartCopy", "PutObject"),
];

/// API Gateway is checked for the HTTP methods of its operations.
const API_GATEWAY: &[(&str, &str)] = &[
    ("Create", "POST"),
    ("Delete", "DELETE"),
    ("Get", "GET"),
    ("Import", "POST"),
    ("Put", "PUT"),
    ("Tag", "PUT"),
    ("Untag", "DELETE"),
    ("Update", "PATCH"),
];

/// The action of an event, such as `s3:ListAllMyBuckets`.
pub(super) fn action(source: &str, name: &str) -> String {
    let host = source.strip_suffix(".cn").unwrap_or(source);
    let host = host.strip_suffix(".amazonaws.com").unwrap_or(host);
    let prefix = find(PREFIXES, host).unwrap_or(host);
    let name = without_version(name);
    let name = match prefix {
        "s3" => find(S3, name).unwrap_or(name),
        "apigateway" => {
            let method = API_GATEWAY.iter().find(|(verb, _)| name.starts_with(verb));
            method.map_or(name, |(_, method)| method)
        }
        _ => name,
    };
    format!("{prefix}:{name}")
}

/// In tables in order of their names.
fn find(table: &'static [(&str, &str)], name: &str) -> Option<&'static str> {
    let at = table.binary_search_by_key(&name, |(from, _)| from).ok()?;
    table.get(at).map(|(_, to)| *to)
}

/// Names of Lambda and `CloudFront` end with the version of their API: `20150331`, `20150331v2`, `2020_05_31`.
fn without_version(name: &str) -> &str {
    let is_digit = |c: char| c.is_ascii_digit();
    let versionless = match name.rsplit_once('v') {
        Some((before, number)) if !number.is_empty() && number.chars().all(is_digit) && before.ends_with(is_digit) => {
            before
        }
        _ => name,
    };
    let bare = versionless.trim_end_matches(|c: char| is_digit(c) || c == '_');
    let date = versionless.get(bare.len()..).unwrap_or_default();
    let digits = date.chars().filter(|c| is_digit(*c)).count();
    if digits == "20150331".len() && date.starts_with(is_digit) { bare } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_in_order() {
        assert!(PREFIXES.is_sorted_by(|one, other| one.0 < other.0));
        assert!(S3.is_sorted_by(|one, other| one.0 < other.0));
    }

    #[test]
    fn events_are_called_as_policies_call_their_actions() {
        for (source, name, expected) in [
            ("s3.amazonaws.com", "GetObject", "s3:GetObject"),
            ("s3.amazonaws.com", "ListBuckets", "s3:ListAllMyBuckets"),
            ("s3.amazonaws.com", "HeadObject", "s3:GetObject"),
            ("s3.amazonaws.com.cn", "ListObjectsV2", "s3:ListBucket"),
            ("monitoring.amazonaws.com", "PutMetricAlarm", "cloudwatch:PutMetricAlarm"),
            ("lambda.amazonaws.com", "CreateFunction20150331", "lambda:CreateFunction"),
            ("lambda.amazonaws.com", "UpdateFunctionCode20150331v2", "lambda:UpdateFunctionCode"),
            ("cloudfront.amazonaws.com", "CreateDistribution2020_05_31", "cloudfront:CreateDistribution"),
            ("apigateway.amazonaws.com", "UpdateStage", "apigateway:PATCH"),
            ("ec2.amazonaws.com", "RunInstances", "ec2:RunInstances"),
            ("dynamodb.amazonaws.com", "PutItem", "dynamodb:PutItem"),
            ("x.amazonaws.com", "Get2", "x:Get2"),
            ("x.amazonaws.com", "20150331", "x:"),
            ("glue.amazonaws.com", "GetV2", "glue:GetV2"),
        ] {
            assert_eq!(action(source, name), expected, "{source} {name}");
        }
    }
}
