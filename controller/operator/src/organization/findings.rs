//! The condition `FindingsComplete`: whether every source is completely read, else what to do.

use soc2_crds::AwsOrganization;
use soc2_feed::{FeedFacts, RegionFacts};

use crate::kubernetes::conditions::Fact;
use crate::reasons;

const TYPE: &str = "FindingsComplete";

/// `FindingsComplete` of an organization.
#[must_use]
pub fn fact(object: &AwsOrganization, feed: &FeedFacts, unattributed: Option<&str>) -> Fact {
    if object.spec.security_hub.is_empty() {
        let message =
            "spec.securityHub is empty: no check can pass; name the Security Hub administrator's role and home Region";
        return Fact::no(TYPE, "NoSources", message);
    }
    let mut problems: Vec<(String, String)> = feed.regions.iter().filter_map(broken).collect();
    problems.extend(not_covered(object, feed));
    if let Some(message) = unattributed {
        problems.push(("UnattributableFindings".to_owned(), message.to_owned()));
    }
    if let Some((reason, _)) = problems.first() {
        let words: Vec<&str> = problems.iter().map(|(_, message)| message.as_str()).collect();
        return Fact::no(TYPE, reason, words.join("; "));
    }
    let incomplete: Vec<String> = feed
        .regions
        .iter()
        .filter(|region| region.shards_complete < region.shards || region.complete_at.is_none())
        .map(|region| format!("{} in {}", region.source, region.region))
        .collect();
    if feed.regions.is_empty()
        || (!incomplete.is_empty() && feed.regions.iter().all(|region| region.last_full_sweep.is_none()))
    {
        let before = object.status.iter().flat_map(|status| &status.security_hub);
        let again = feed.restarting && before.clone().any(|hub| hub.last_full_sweep.is_some());
        let reason = if again { "Restarting" } else { "Reading" };
        return Fact::unknown(TYPE, reason, "findings are being read for the first time since the start");
    }
    if !incomplete.is_empty() {
        return Fact::no(
            TYPE,
            "SweepIncomplete",
            format!("not completely read: {}; it is tried again", incomplete.join(", ")),
        );
    }
    let regions: usize = feed.regions.iter().map(|region| 1 + region.linked_regions.len()).sum();
    Fact::yes(TYPE, "Complete", format!("{} sources read, {regions} Regions", object.spec.security_hub.len()))
}

fn broken(region: &RegionFacts) -> Option<(String, String)> {
    let error = region.error.as_ref()?;
    let reason = if error.is("InvalidAccessException") || error.code == "SecurityHubNotEnabled" {
        "SecurityHubNotEnabled"
    } else {
        reasons::of(error)
    };
    let more = match region.accounts_with_error {
        0 | 1 => String::new(),
        accounts => format!(" (and {} more accounts)", accounts - 1),
    };
    Some((reason.to_owned(), format!("{} in {}: {}{more}", region.source, region.region, error.message)))
}

/// Required Regions that no source reads.
fn not_covered(object: &AwsOrganization, feed: &FeedFacts) -> Vec<(String, String)> {
    // Before the aggregator is read nobody knows which Regions are linked.
    if feed.regions.is_empty() || feed.regions.iter().all(|region| region.account.is_none() && region.error.is_none()) {
        return Vec::new();
    }
    let read = |wanted: &String| {
        feed.regions.iter().any(|region| region.region == *wanted || region.linked_regions.contains(wanted))
    };
    let homes: Vec<&str> = feed.regions.iter().map(|region| region.region.as_str()).collect();
    object
        .spec
        .required_regions
        .iter()
        .flatten()
        .filter(|region| !read(region))
        .map(|region| {
            let message = format!(
                "{region} is required but neither read nor linked to the aggregator in {}: link it, or add it as a source",
                homes.join(", ")
            );
            ("RegionNotLinked".to_owned(), message)
        })
        .collect()
}
