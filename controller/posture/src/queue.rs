//! Where a queue of events is.

/// The Region in the URL of a queue, where it tells one.
#[must_use]
pub fn region_of(url: &str) -> Option<&str> {
    let host = url.split_once("://")?.1.split('/').next()?;
    let host = host.strip_suffix(".cn").unwrap_or(host);
    let parts: Vec<&str> = host.split('.').collect();
    match parts[..] {
        ["queue", "amazonaws", "com"] => Some("us-east-1"),
        // sqs.<region>.amazonaws.com, sqs-fips.<region>.amazonaws.com
        ["sqs" | "sqs-fips", region, "amazonaws", "com"]
        // <region>.queue.amazonaws.com, as it was once
        | [region, "queue", "amazonaws", "com"]
        // sqs.<region>.api.aws, for IPv6 too
        | ["sqs" | "sqs-fips", region, "api", "aws"]
        // vpce-1234-abcd.sqs.<region>.vpce.amazonaws.com, of a VPC endpoint
        | [.., "sqs", region, "vpce", "amazonaws", "com"] => Some(region),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::region_of;

    #[test]
    fn urls_tell_their_region() {
        for (url, region) in [
            ("https://sqs.eu-west-1.amazonaws.com/222222222222/soc2", Some("eu-west-1")),
            ("https://sqs-fips.us-gov-west-1.amazonaws.com/222222222222/soc2", Some("us-gov-west-1")),
            ("https://sqs.cn-north-1.amazonaws.com.cn/222222222222/soc2", Some("cn-north-1")),
            ("https://eu-central-1.queue.amazonaws.com/222222222222/soc2", Some("eu-central-1")),
            ("https://queue.amazonaws.com/222222222222/soc2", Some("us-east-1")),
            ("https://sqs.eu-west-1.api.aws/222222222222/soc2", Some("eu-west-1")),
            ("https://vpce-0a1b.sqs.eu-west-1.vpce.amazonaws.com/222222222222/soc2", Some("eu-west-1")),
            ("http://127.0.0.1:4566/222222222222/soc2", None),
            ("http://localhost:4566/222222222222/soc2", None),
            ("soc2", None),
        ] {
            assert_eq!(region_of(url), region, "{url}");
        }
    }
}
