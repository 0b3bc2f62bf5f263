//! How often AWS lets an operation be called, and how much of that we take.

/// The share of a documented rate that we take; others in the account want some.
const SHARE: f64 = 0.75;

/// Documented rates, in calls a second for one account and Region. Organizations: its quota page; Security Hub: its API reference, where
/// "all other operations" have 10. Operations of Organizations without a figure have what their like have. Bursts are not used.
const DOCUMENTED: &[(&str, &str, f64)] = &[
    ("organizations", "ListAccounts", 8.0),
    ("organizations", "ListAccountsForParent", 5.0),
    ("organizations", "ListParents", 5.0),
    ("organizations", "ListPoliciesForTarget", 5.0),
    ("organizations", "DescribePolicy", 2.0),
    ("organizations", "CreatePolicy", 2.0),
    ("organizations", "UpdatePolicy", 2.0),
    ("organizations", "AttachPolicy", 2.0),
    ("organizations", "DetachPolicy", 2.0),
    ("organizations", "*", 5.0),
    ("securityhub", "*", 10.0),
    // Standard queues have no limit that a reader meets; this is so that a queue of poison costs little.
    ("sqs", "*", 100.0),
    // 600 documented, but a client that needs so many is broken.
    ("sts", "*", 40.0),
];

/// Calls a second of `GetFindings` when no one asked for a number: AWS allows 3.
const GET_FINDINGS: f64 = 2.0;

/// Calls a second that we make of one operation, for one account and Region.
pub(crate) fn rate(service: &str, operation: &str) -> f64 {
    if operation == "GetFindings" {
        return GET_FINDINGS;
    }
    let find = |name: &str| DOCUMENTED.iter().find(|(s, o, _)| *s == service && *o == name);
    SHARE * find(operation).or_else(|| find("*")).map_or(1.0, |(_, _, rate)| *rate)
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn rates_stay_below_what_is_documented() {
        for (service, operation, ours) in [
            ("organizations", "ListAccounts", 6.0),
            ("organizations", "ListAccountsForParent", 3.75),
            ("organizations", "DescribePolicy", 1.5),
            ("organizations", "ListRoots", 3.75),
            ("securityhub", "GetFindings", 2.0),
            ("securityhub", "DescribeHub", 7.5),
            ("sts", "AssumeRole", 30.0),
        ] {
            assert!((rate(service, operation) - ours).abs() < 1e-9, "{service}:{operation}");
        }
    }
}
