//! The rules a second time, word by word and without any thought of speed; shares no code with what it checks.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use soc2_catalog::{Control, Reach, StandardCode, TscCategory, standards};
use soc2_posture::finding::Finding;
use soc2_posture::organization::AccountState;
use soc2_posture::source::{HubError, HubRegion};

use crate::oracle_exceptions as exceptions;
use crate::scene::{Scene, catalog, id};

const ORDER: [&str; 14] = [
    "FindingsFailed",
    "AccessDenied",
    "SecurityHubNotEnabled",
    "AccountNotMember",
    "RegionNotCovered",
    "SweepIncomplete",
    "StandardNotEnabled",
    "ControlDisabled",
    "Suppressed",
    "Warning",
    "NotAvailable",
    "Stale",
    "NoFindings",
    "Onboarding",
];

fn first(reasons: &BTreeSet<&'static str>) -> Option<&'static str> {
    ORDER.into_iter().find(|reason| reasons.contains(reason))
}

/// State and reason as `scene::check` spells them.
pub fn check(scene: &Scene, account: &str, control: &Control) -> String {
    check_inside(scene, account, control, None)
}

/// The same, as a criterion sees it: exceptions that name it count too.
fn check_inside(scene: &Scene, account: &str, control: &Control, criterion: Option<&str>) -> String {
    if !in_scope(scene, control) {
        return "-".to_owned();
    }
    let known = &scene.organization.accounts[&id(account)];
    if known.state != AccountState::Active {
        return "NotApplicable: AccountSuspended".to_owned();
    }
    let exceptions = exceptions::holding(scene, account, control, criterion);
    let mut results = results(scene, account, control);
    for result in &mut results {
        let waivable = ["Failed", "Suppressed", "Excepted"].contains(&result.says);
        if waivable && exceptions.iter().any(|one| exceptions::covers(one, result.resource.as_deref())) {
            result.says = "Waived";
        }
    }
    if results.iter().any(|result| result.says == "Failed") {
        return "Failed: FindingsFailed".to_owned();
    }
    let limit: SignedDuration = scene.profile.onboarding.parse().unwrap();
    let new = known.joined_at.is_some_and(|joined| joined <= scene.now && scene.now < joined + limit);
    let unknown = |reason: &str| format!("Unknown: {}", if new { "Onboarding" } else { reason });
    if let Some(reason) = first(&source_problems(scene, account)) {
        return unknown(reason);
    }
    let missing = missing(scene, account, control, &results);
    let may_be_absent = scene.profile.no_findings.is_some() && control.reach == Reach::Regional && results.is_empty();
    if may_be_absent && missing == ["NoFindings"].into() && alive_everywhere(scene, account) {
        return "NotApplicable: NoFindings".to_owned();
    }
    let decided = ["Passed", "Excepted", "Waived"];
    let unclear = results.iter().filter(|result| !decided.contains(&result.says)).map(|result| result.says);
    let reasons: BTreeSet<&str> = missing.into_iter().chain(unclear).collect();
    if let Some(reason) = first(&reasons) {
        if exceptions.iter().any(|one| one.spec.covers_unknown) {
            return "Excepted: Excepted".to_owned();
        }
        return unknown(reason);
    }
    if results.iter().any(|result| result.says == "Waived") {
        return "Excepted: Excepted".to_owned();
    }
    if results.iter().any(|result| result.says == "Excepted") {
        return "Excepted: SuppressedUpstream".to_owned();
    }
    let of_resources = control.resource_type.as_deref().is_some_and(|kind| kind != "AWS::::Account");
    if of_resources && results.iter().all(|result| result.account_only) {
        return "Passed: NothingToCheck".to_owned();
    }
    "Passed".to_owned()
}

/// The worst state of a criterion's controls in an account; `None`: it has none.
pub fn criterion(scene: &Scene, account: &str, criterion: &str) -> Option<&'static str> {
    let mapped = catalog().mappings().iter().filter(|mapping| {
        mapping.tier == soc2_catalog::Tier::Default && catalog().criteria()[mapping.criterion].id == criterion
    });
    let states: Vec<String> = mapped
        .map(|mapping| check_inside(scene, account, catalog().get(mapping.control), Some(criterion)))
        .filter(|state| state != "-")
        .collect();
    let worst_first = ["Failed", "Unknown", "Excepted", "Passed", "NotApplicable"];
    worst_first.into_iter().find(|worst| states.iter().any(|state| state.starts_with(worst)))
}

fn in_scope(scene: &Scene, control: &Control) -> bool {
    let required: BTreeSet<StandardCode> =
        scene.profile.standards.required.iter().map(|name| standards::parse(name).unwrap()).collect();
    let targets: BTreeSet<_> = targets(scene).into_iter().map(|account| id(&account)).collect();
    let serving = scene
        .sources
        .regions
        .iter()
        .filter(|hub| hub.serves.as_ref().is_none_or(|serves| serves.intersection(&targets).next().is_some()));
    let enabled: BTreeSet<StandardCode> = serving.flat_map(|hub| hub.standards.clone()).collect();
    let mapped = catalog().mappings().iter().any(|mapping| {
        catalog().get(mapping.control).id == control.id
            && mapping.tier == soc2_catalog::Tier::Default
            && catalog().criteria()[mapping.criterion].category == TscCategory::Security
    });
    mapped && control.standards.iter().any(|code| required.contains(code) || enabled.contains(code))
}

/// The profiles of these worlds name accounts by id.
pub fn targets(scene: &Scene) -> Vec<String> {
    let named = scene.profile.targets.include.iter().flatten().flat_map(|entry| entry.account_ids.clone().unwrap());
    named.filter(|account| scene.organization.accounts[&id(account)].state != AccountState::Closed).collect()
}

fn required_regions(scene: &Scene) -> BTreeSet<String> {
    let all = scene.sources.regions.iter().map(|hub| hub.region.clone()).collect();
    scene.profile.required_regions.clone().map_or(all, |regions| regions.into_iter().collect())
}

fn serves(hub: &HubRegion, account: &str) -> bool {
    hub.serves.as_ref().is_none_or(|serves| serves.contains(&id(account)))
}

fn covers(hub: &HubRegion, account: &str) -> bool {
    let member = hub.account == Some(id(account)) || hub.members.contains(&id(account));
    serves(hub, account) && hub.error.is_none() && member
}

fn swept(scene: &Scene, hub: &HubRegion, account: &str) -> bool {
    let lost =
        scene.sources.unattributed.keys().any(|(source, read)| *source == hub.source && *read == hub.read_through);
    hub.swept.contains(&id(account)) && !lost
}

fn source_problems(scene: &Scene, account: &str) -> BTreeSet<&'static str> {
    let hubs: Vec<&HubRegion> = scene.sources.regions.iter().filter(|hub| serves(hub, account)).collect();
    let mut problems = BTreeSet::new();
    // In any Region that is read.
    for hub in &hubs {
        if covers(hub, account) && !swept(scene, hub, account) {
            problems.insert("SweepIncomplete");
        }
        let read_by_another = hubs
            .iter()
            .any(|other| other.region == hub.region && covers(other, account) && swept(scene, other, account));
        if matches!(hub.error, Some(HubError::NotRead(_))) && !read_by_another {
            problems.insert("SweepIncomplete");
        }
    }
    let required = required_regions(scene);
    if required.is_empty() {
        problems.insert("RegionNotCovered");
    }
    for region in required {
        let here: Vec<&&HubRegion> = hubs.iter().filter(|hub| hub.region == region).collect();
        if here.iter().any(|hub| covers(hub, account)) {
            continue;
        }
        if here.is_empty() {
            problems.insert("RegionNotCovered");
        }
        for hub in here {
            problems.insert(match hub.error {
                Some(HubError::AccessDenied(_)) => "AccessDenied",
                Some(HubError::NotEnabled) => "SecurityHubNotEnabled",
                Some(HubError::NotRead(_)) => "SweepIncomplete",
                None => "AccountNotMember",
            });
        }
    }
    problems
}

/// What the findings of one resource in one Region come to.
struct ResourceResult {
    region: String,
    resource: Option<String>,
    says: &'static str,
    account_only: bool,
}

fn of_security_hub(finding: &Finding) -> bool {
    finding.product_arn == format!("arn:aws:securityhub:{}::product/aws/securityhub", finding.region)
}

fn usable(finding: &Finding) -> bool {
    ["ACTIVE", "ARCHIVED"].contains(&finding.record_state.as_deref().unwrap_or_default())
}

/// Of each finding of an account the version that counts.
fn current<'a>(scene: &'a Scene, account: &str) -> Vec<&'a Finding> {
    let mut newest: BTreeMap<&str, &Finding> = BTreeMap::new();
    let attributable =
        |finding: &&Finding| of_security_hub(finding) && finding.account_id == account && finding.control_id.is_some();
    for finding in scene.findings.iter().filter(attributable) {
        let known = newest.entry(&finding.id).or_insert(finding);
        let (new, old) = (time(finding), time(known));
        if new > old || new == old && badness(finding) > badness(known) {
            *known = finding;
        }
    }
    newest.into_values().collect()
}

fn time(finding: &Finding) -> Option<Timestamp> {
    finding.updated_at.as_ref().and_then(|text| text.parse().ok())
}

fn compliance(finding: &Finding) -> &'static str {
    let workflow_known = ["NEW", "NOTIFIED", "RESOLVED", "SUPPRESSED"];
    let workflow_known = finding.workflow.as_deref().is_none_or(|word| workflow_known.contains(&word));
    match finding.compliance.as_deref() {
        Some("FAILED") if usable(finding) => "FAILED",
        Some("WARNING") if usable(finding) => "WARNING",
        Some("PASSED") if usable(finding) && workflow_known => "PASSED",
        _ => "NOT_AVAILABLE",
    }
}

fn badness(finding: &Finding) -> u8 {
    if finding.record_state.as_deref() == Some("ARCHIVED") {
        return 1;
    }
    if finding.workflow.as_deref() == Some("SUPPRESSED") {
        return if ["PASSED", "FAILED"].contains(&compliance(finding)) { 4 } else { 5 };
    }
    match compliance(finding) {
        "FAILED" => 6,
        "WARNING" => 3,
        "NOT_AVAILABLE" => 2,
        _ => 0,
    }
}

fn fresh(scene: &Scene, finding: &Finding) -> bool {
    let limit: SignedDuration = scene.profile.freshness.parse().unwrap();
    time(finding).is_some_and(|time| time <= scene.now && scene.now.duration_since(time) <= limit)
}

fn active(finding: &Finding) -> bool {
    finding.record_state.as_deref() != Some("ARCHIVED")
}

fn results(scene: &Scene, account: &str, control: &Control) -> Vec<ResourceResult> {
    let current = current(scene, account);
    let mut resources: BTreeMap<(String, String), Vec<&Finding>> = BTreeMap::new();
    for finding in current.iter().filter(|finding| active(finding)) {
        if catalog().control(finding.control_id.as_deref().unwrap()) == catalog().control(&control.id) {
            let resource = finding.resource_id.clone().unwrap_or_else(|| format!("only {}", finding.id));
            resources.entry((finding.region.clone(), resource)).or_default().push(finding);
        }
    }
    let result = |((region, _), findings): ((String, String), Vec<&Finding>)| {
        let fresh_ones: Vec<&Finding> = findings.iter().copied().filter(|finding| fresh(scene, finding)).collect();
        let counting = if fresh_ones.is_empty() { findings } else { fresh_ones };
        let says: BTreeSet<&str> = counting.iter().map(|finding| says(scene, finding)).collect();
        let worst_first = ["Failed", "Suppressed", "Warning", "NotAvailable", "Stale", "Excepted", "Passed"];
        let account_only = counting.iter().all(|finding| finding.resource_type.as_deref() == Some("AwsAccount"));
        let says = worst_first.into_iter().find(|word| says.contains(word)).unwrap();
        let resource = counting[0].resource_id.clone();
        ResourceResult { region, resource, says, account_only }
    };
    resources.into_iter().map(result).collect()
}

fn says(scene: &Scene, finding: &Finding) -> &'static str {
    if finding.workflow.as_deref() == Some("SUPPRESSED") {
        let until = scene.profile.suppressed.as_ref().map(|known| format!("{}T00:00:00Z", known.until));
        let waived = until.is_some_and(|until| scene.now < until.parse::<Timestamp>().unwrap());
        return if waived { "Excepted" } else { "Suppressed" };
    }
    match compliance(finding) {
        "FAILED" => "Failed",
        "WARNING" => "Warning",
        "NOT_AVAILABLE" => "NotAvailable",
        _ if fresh(scene, finding) => "Passed",
        _ => "Stale",
    }
}

fn alive(scene: &Scene, account: &str, region: &str) -> bool {
    current(scene, account).into_iter().filter(|finding| active(finding)).any(|finding| {
        finding.region == region && fresh(scene, finding) && ["PASSED", "FAILED"].contains(&compliance(finding))
    })
}

fn alive_everywhere(scene: &Scene, account: &str) -> bool {
    required_regions(scene).iter().all(|region| alive(scene, account, region))
}

fn missing(scene: &Scene, account: &str, control: &Control, results: &[ResourceResult]) -> BTreeSet<&'static str> {
    let has = |region: &str| results.iter().any(|result| result.region == region);
    let why = |regions: &dyn Fn(&str) -> bool| {
        let hubs = scene.sources.regions.iter().filter(|hub| covers(hub, account) && regions(&hub.region));
        let enabled: Vec<&HubRegion> =
            hubs.filter(|hub| control.standards.iter().any(|code| hub.standards.contains(code))).collect();
        let disables = |hub: &&HubRegion| hub.disabled_controls.contains(&catalog().control(&control.id).unwrap());
        match (enabled.is_empty(), enabled.iter().all(disables)) {
            (true, _) => "StandardNotEnabled",
            (false, true) => "ControlDisabled",
            (false, false) => "NoFindings",
        }
    };
    let required = required_regions(scene);
    match control.reach {
        Reach::Global if results.is_empty() => [why(&|_| true)].into(),
        Reach::Global => BTreeSet::new(),
        Reach::RegionalAccount => {
            required.iter().filter(|region| !has(region)).map(|region| why(&|one| one == *region)).collect()
        }
        Reach::Regional => required
            .iter()
            .filter(|region| results.is_empty() || !alive(scene, account, region))
            .map(|region| why(&|one| one == *region))
            .collect(),
    }
}
