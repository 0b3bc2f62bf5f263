//! What people ask of a catalogue: versions, coverage, differences, everything of one thing.

use std::collections::BTreeSet;

use soc2_catalog::{Catalog, Change, StandardCode, Tier};
use soc2_crds::ControlCatalogSpec;

use crate::{catalog, criterion_id};

fn ids(controls: &[soc2_catalog::ControlIx]) -> Vec<&'static str> {
    controls.iter().map(|ix| catalog().get(*ix).id.as_str()).collect()
}

#[test]
fn versions_that_the_program_carries_are_found_and_others_are_not() {
    let versions: Vec<&str> = Catalog::versions().collect();
    assert_eq!(versions, ["2026.11"]);
    for version in versions {
        let found = Catalog::of_version(version).unwrap().unwrap();
        assert_eq!((found.name(), found.version()), ("soc2", version));
    }
    let newest = Catalog::of_version(catalog().version()).unwrap().unwrap();
    assert!(std::sync::Arc::ptr_eq(newest, catalog()), "parsed once");
    assert!(Catalog::of_version("2026.1").unwrap().is_none());
    assert!(Catalog::of_version("").unwrap().is_none());
}

#[test]
fn coverage_says_which_criteria_a_standard_gives_evidence_of() {
    let fsbp = BTreeSet::from([StandardCode::Fsbp]);
    let coverage = catalog().coverage(Tier::Default, &fsbp);
    assert_eq!(coverage.len(), 61);
    let of = |id: &str| &coverage[catalog().criterion(id).unwrap()];
    let cc6_1 = of("CC6.1");
    assert!(ids(&cc6_1.controls).contains(&"IAM.1") && !cc6_1.only_weak);
    assert!(cc6_1.needs_people(&catalog().criteria()[cc6_1.criterion]));
    let cc6_6 = of("CC6.6");
    assert!(ids(&cc6_6.without_standard).contains(&"EC2.13"), "SSH from everywhere is not in FSBP");
    assert!(!cc6_6.needs_people(&catalog().criteria()[cc6_6.criterion]), "findings show all of it");
    let cc1_1 = of("CC1.1");
    assert!(cc1_1.controls.is_empty() && cc1_1.without_standard.is_empty(), "its only mapping is of the Extended tier");
    assert_eq!(cc1_1.activities, [catalog().activity("code-of-conduct").unwrap()]);
}

#[test]
fn coverage_grows_with_tier_and_standards_and_marks_what_is_only_weak() {
    let all: BTreeSet<StandardCode> = soc2_catalog::standards::all().collect();
    let covered = |tier, standards: &BTreeSet<StandardCode>| {
        catalog().coverage(tier, standards).iter().filter(|one| !one.controls.is_empty()).count()
    };
    assert_eq!(covered(Tier::Default, &BTreeSet::new()), 0);
    assert_eq!(covered(Tier::Default, &all), 27);
    assert_eq!(covered(Tier::Extended, &all), 40);
    let weak: Vec<&str> = catalog()
        .coverage(Tier::Extended, &all)
        .iter()
        .filter(|one| one.only_weak)
        .map(|one| criterion_id(one.criterion))
        .collect();
    assert_eq!(weak, ["CC1.1", "CC1.5", "CC2.3", "CC3.1", "CC3.3", "CC5.1", "CC5.3", "CC9.1", "A1.3", "P4.1", "P8.1"]);
}

#[test]
fn controls_of_ones_own_need_no_standard() {
    let spec: ControlCatalogSpec = serde_yaml::from_str(
        "{extends: soc2, criteria: [{id: CC9.2, controls: [{id: Custom.1, confidence: Direct, source: x}]}],
          controls: [{id: Custom.1, title: Vendors scanned, severity: Low, match: {product: Scanner}}]}",
    )
    .unwrap();
    let more = Catalog::extended(catalog(), &spec, "soc2-acme").unwrap();
    let at = more.criterion("CC9.2").unwrap();
    assert_eq!(more.coverage(Tier::Default, &BTreeSet::new())[at].controls, [more.control("Custom.1").unwrap()]);
}

#[test]
fn everything_of_a_control_a_criterion_and_an_activity() {
    let control = catalog().control_facts(" account.2").unwrap();
    assert_eq!(control.control.id, "Account.2");
    let criteria: Vec<&str> = control.mappings.iter().map(|mapping| criterion_id(mapping.criterion)).collect();
    assert_eq!(criteria[..2], ["CC1.1", "CC1.3"]);
    assert!(control.mappings[0].weak && control.mappings[0].references == ["001:CC1.1"]);
    assert_eq!(control.guardrails[0].name, "deny-leave-org");
    let criterion = catalog().criterion_facts("cc3.2").unwrap();
    assert_eq!(criterion.criterion.id, "CC3.2");
    assert!(
        criterion.mappings.iter().any(|one| catalog().get(one.control).id == "GuardDuty.1" && one.sources.len() == 4)
    );
    assert_eq!(criterion.activities.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["risk-assessment"]);
    assert!(criterion.other_checks.iter().any(|one| one.config_rule.as_deref() == Some("securityhub-enabled")));
    let activity = catalog().activity_facts("restore-test").unwrap();
    assert_eq!(activity.criteria.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["CC7.5", "A1.2", "A1.3"]);
    assert!(catalog().control_facts("IAM.99").is_none());
    assert!(catalog().criterion_facts("CC8.2").is_none());
    assert!(catalog().activity_facts("nothing").is_none());
}

#[test]
fn a_diff_names_what_came_what_went_and_each_field_that_changed() {
    assert!(catalog().diff(catalog()).is_empty());
    let spec: ControlCatalogSpec = serde_yaml::from_str(
        "{extends: soc2, criteria: [{id: CC9.1, controls: [{id: KMS.4, confidence: Direct, source: SEC-1}]}],
          controls: [{id: Custom.1, title: Vendors scanned, severity: Low, match: {product: Scanner}}, {id: pca.1, severity: High}],
          activities: [{id: vendor-review, owner: me@example.com}]}",
    )
    .unwrap();
    let more = Catalog::extended(catalog(), &spec, "soc2-acme").unwrap();
    let diff = catalog().diff(&more);
    let controls: Vec<(&str, &Change)> = diff.controls.iter().map(|one| (one.id.as_str(), &one.change)).collect();
    let severity = Change::Fields(vec![
        ("severity", "Low".to_owned(), "High".to_owned()),
        ("source", "export-2025-03".to_owned(), "soc2-acme".to_owned()),
    ]);
    assert_eq!(controls, [("PCA.1", &severity), ("Custom.1", &Change::Added)]);
    let Change::Fields(fields) = &diff.mappings[0].change else { panic!("{:?}", diff.mappings) };
    assert_eq!(diff.mappings[0].id, "CC9.1 KMS.4");
    assert_eq!(fields.iter().map(|field| field.0).collect::<Vec<_>>(), ["tier", "confidence", "sources"]);
    assert_eq!((diff.mappings.len(), diff.activities[0].id.as_str()), (1, "vendor-review"));
    assert!(diff.criteria.is_empty() && diff.guardrails.is_empty() && diff.other_checks.is_empty());
    let back = more.diff(catalog());
    assert_eq!(back.controls[1].change, Change::Removed);
}
