//! Rate limits: a token bucket for each (account, Region, operation), with AWS's documented rates.

use std::collections::HashMap;
use std::time::Duration;

/// How often an operation may be called.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Tokens that come back each second.
    pub per_second: f64,
    /// Tokens that a rested bucket holds.
    pub burst: f64,
}

/// The documented rates: Organizations from its quota page, Security Hub from its API reference. `*` is the rest of a
/// service; for Security Hub it is documented too. What has no documented figure (the rest of Organizations, writes other
/// than those of policies, the burst of `DescribePolicy`) has what its like have.
const RATES: &[(&str, &str, f64, f64)] = &[
    ("organizations", "ListAccounts", 8.0, 12.0),
    ("organizations", "ListAccountsForParent", 5.0, 8.0),
    ("organizations", "ListParents", 5.0, 8.0),
    ("organizations", "ListPoliciesForTarget", 5.0, 8.0),
    ("organizations", "DescribePolicy", 2.0, 4.0),
    ("organizations", "AttachPolicy", 2.0, 3.0),
    ("organizations", "CreatePolicy", 2.0, 3.0),
    ("organizations", "DetachPolicy", 2.0, 3.0),
    ("organizations", "UpdatePolicy", 2.0, 3.0),
    ("organizations", "DeletePolicy", 2.0, 3.0),
    ("organizations", "EnablePolicyType", 2.0, 3.0),
    ("organizations", "DisablePolicyType", 2.0, 3.0),
    ("organizations", "CreateOrganizationalUnit", 2.0, 3.0),
    ("organizations", "MoveAccount", 2.0, 3.0),
    ("organizations", "*", 5.0, 8.0),
    ("securityhub", "GetFindings", 3.0, 6.0),
    ("securityhub", "*", 10.0, 30.0),
    ("sts", "*", 600.0, 600.0),
    // Standard queues have no limit that a reader meets.
    ("sqs", "*", 3000.0, 3000.0),
];

/// The rate of one operation.
#[must_use]
pub fn rate(service: &str, operation: &str) -> Rate {
    let find = |name: &str| RATES.iter().find(|(s, o, ..)| *s == service && *o == name);
    find(operation)
        .or_else(|| find("*"))
        .map_or(Rate { per_second: 10.0, burst: 30.0 }, |&(.., per_second, burst)| Rate { per_second, burst })
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Duration,
}

/// All buckets. Time is monotonic, counted from any fixed moment; the sandbox's clock has no part in it.
#[derive(Debug, Default)]
pub struct Limits {
    buckets: HashMap<(String, String, String, String), Bucket>,
}

impl Limits {
    /// Takes a token for one call; false when there is none.
    pub fn take(&mut self, now: Duration, account: &str, region: &str, service: &str, operation: &str) -> bool {
        let Rate { per_second, burst } = rate(service, operation);
        let key = (account.to_owned(), region.to_owned(), service.to_owned(), operation.to_owned());
        let bucket = self.buckets.entry(key).or_insert(Bucket { tokens: burst, filled: now });
        let passed = now.saturating_sub(bucket.filled).as_secs_f64();
        bucket.tokens = passed.mul_add(per_second, bucket.tokens).min(burst);
        bucket.filled = now.max(bucket.filled);
        let granted = bucket.tokens >= 1.0;
        if granted {
            bucket.tokens -= 1.0;
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(limits: &mut Limits, at_ms: u64, calls: usize, region: &str) -> usize {
        let at = Duration::from_millis(at_ms);
        (0..calls).filter(|_| limits.take(at, "111111111111", region, "securityhub", "GetFindings")).count()
    }

    #[test]
    fn a_rested_bucket_gives_its_burst_and_refills_at_its_rate() {
        let mut limits = Limits::default();
        assert_eq!(granted(&mut limits, 0, 20, "us-east-1"), 6);
        assert_eq!(granted(&mut limits, 300, 20, "us-east-1"), 0);
        assert_eq!(granted(&mut limits, 1000, 20, "us-east-1"), 3);
        assert_eq!(granted(&mut limits, 60_000, 20, "us-east-1"), 6);
    }

    #[test]
    fn buckets_are_per_account_region_and_operation() {
        let mut limits = Limits::default();
        assert_eq!(granted(&mut limits, 0, 20, "us-east-1"), 6);
        assert_eq!(granted(&mut limits, 0, 20, "eu-west-1"), 6);
        assert!(limits.take(Duration::ZERO, "222222222222", "us-east-1", "securityhub", "GetFindings"));
        assert!(limits.take(Duration::ZERO, "111111111111", "us-east-1", "securityhub", "DescribeHub"));
    }

    #[test]
    fn documented_rates_win_over_the_rest_of_the_service() {
        assert_eq!(rate("organizations", "ListAccounts"), Rate { per_second: 8.0, burst: 12.0 });
        assert_eq!(rate("organizations", "ListRoots"), Rate { per_second: 5.0, burst: 8.0 });
        assert_eq!(rate("securityhub", "BatchImportFindings"), Rate { per_second: 10.0, burst: 30.0 });
    }
}
