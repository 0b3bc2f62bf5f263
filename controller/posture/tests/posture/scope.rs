//! Which controls are in scope, and of which criteria.

use soc2_catalog::{StandardCode, standards};
use soc2_crds::ManualState;
use soc2_posture::SpecError;

use crate::scene::{ACCOUNT, FindingExt, HOME, Scene, finding, id};

fn tailored(entries: &serde_json::Value) -> Scene {
    let mut entries = entries.clone();
    for entry in entries.as_array_mut().unwrap() {
        entry["rationale"] = "because the test says so".into();
    }
    Scene::new().profile(serde_json::json!({"controls": entries}))
}

fn error(scene: &Scene) -> SpecError {
    scene.try_assess().unwrap_err()
}

fn criteria_of(scene: &Scene, control: &str) -> Vec<String> {
    let scene = scene.clone().with([finding(control).failed()]);
    scene.posture().controls.into_iter().find(|row| row.id == control).map(|row| row.criteria).unwrap_or_default()
}

#[test]
fn what_the_catalogue_maps_to_the_categories_in_the_default_tier() {
    let scene = Scene::new();
    assert_eq!(criteria_of(&scene, "IAM.5"), ["CC3.2", "CC6.6"]);
    // Availability only, not asked for.
    assert_eq!(scene.check("EFS.7"), "Unknown: NoFindings");
    assert_eq!(scene.check("Opensearch.4"), "Unknown: NoFindings");
    assert_eq!(scene.check("ES.4"), "-");
    assert_eq!(criteria_of(&scene, "Opensearch.4"), ["CC7.3"]);
    let more = Scene::new().profile(serde_json::json!({"categories": ["Availability"]}));
    assert_eq!(more.check("ES.4"), "Unknown: NoFindings");
    assert_eq!(criteria_of(&more, "Opensearch.4"), ["CC7.3", "A1.2"]);
    // Security is always in.
    assert_eq!(more.assess().status().coverage.unwrap().criteria, 33 + 3);
    // Mapped in the Extended tier only.
    assert_eq!(scene.check("IAM.28"), "-");
}

#[test]
fn controls_without_an_enabled_or_required_standard_are_no_checks_but_listed() {
    let scene = Scene::new();
    assert_eq!(scene.check("EC2.13"), "-");
    let status = scene.assess().status();
    let coverage = status.coverage.unwrap();
    assert!(coverage.controls_without_standard.contains(&"EC2.13".to_owned()));
    assert!(!coverage.controls_without_standard.contains(&"IAM.5".to_owned()));
    let partial = |id: &str| status.criteria.iter().find(|criterion| criterion.id == id).unwrap().partial_coverage;
    assert!(partial("CC6.6") && partial("CC7.2"));
    assert!(!partial("CC6.3"));
    let condition = scene.condition("CoverageComplete");
    assert_eq!((condition.status.as_str(), condition.reason.as_str()), ("False", "ControlsWithoutStandard"));
    assert!(condition.message.contains("EC2.13"), "{}", condition.message);

    // Enabled at a source that serves the targets: in scope.
    let enabled = Scene::new().but(|scene| scene.hub(HOME).standards.extend([StandardCode::Nist53]));
    assert_eq!(enabled.check("EC2.13"), "Unknown: StandardNotEnabled");
    assert!(enabled.message("EC2.13").contains("in us-east-1"), "{}", enabled.message("EC2.13"));
    // Enabled at a source that serves others: not.
    let others = enabled.but(|scene| scene.hub(HOME).serves = Some([id("222222222222")].into()));
    assert_eq!(others.check("EC2.13"), "-");
    // Required: in scope, although it is not enabled.
    let required = serde_json::json!({"required": [standards::short(StandardCode::Nist53)]});
    let required = Scene::new().profile(serde_json::json!({"standards": required}));
    assert_eq!(required.check("EC2.13"), "Unknown: StandardNotEnabled");
    assert_eq!(required.check("S3.2"), "Unknown: NoFindings");
    // No longer required, but enabled at the source.
    assert_eq!(required.check("EFS.7"), "Unknown: NoFindings");
}

#[test]
fn standards_are_read_in_every_spelling() {
    for spelling in [
        "nist-800-53/v/5.0.0",
        "standards/nist-800-53/v/5.0.0",
        "arn:aws:securityhub:eu-west-1::standards/nist-800-53/v/5.0.0",
    ] {
        let scene = Scene::new().profile(serde_json::json!({"standards": {"required": [spelling]}}));
        assert_eq!(scene.check("EC2.13"), "Unknown: StandardNotEnabled");
    }
    let scene = Scene::new().profile(serde_json::json!({"standards": {"required": ["nist-800-53/v/5.0.0", "soc2"]}}));
    let found = error(&scene);
    assert_eq!(found.reason(), "UnknownStandard");
    assert!(found.to_string().starts_with("spec.standards.required[1]: \"soc2\""), "{found}");
}

#[test]
fn disable_takes_out_and_is_counted() {
    let scene = tailored(&serde_json::json!([{"id": "IAM.5", "action": "Disable"}])).with([finding("IAM.5").failed()]);
    assert_eq!(scene.check("IAM.5"), "-");
    assert_eq!(scene.assess().status().checks.unwrap().disabled, 1);
    assert_eq!(scene.assess().metrics().checks.disabled, 1);
    // What is not in scope anyway is not counted; nor is it listed as lacking a standard.
    let scene =
        tailored(&serde_json::json!([{"id": "EC2.13", "action": "Disable"}, {"id": "IAM.28", "action": "Disable"}]));
    let status = scene.assess().status();
    assert_eq!(status.checks.unwrap().disabled, 0);
    assert!(!status.coverage.unwrap().controls_without_standard.contains(&"EC2.13".to_owned()));
}

#[test]
fn ids_and_globs_are_compared_trimmed_and_without_case() {
    for id in ["iam.5", " IAM.5 ", "Iam.5", "IAM.?", "iam.*", "*"] {
        let scene = tailored(&serde_json::json!([{"id": id, "action": "Disable"}]));
        assert_eq!(scene.check("IAM.5"), "-", "{id}");
    }
    let scene = tailored(&serde_json::json!([{"id": "S3.*", "action": "Disable"}]));
    assert_eq!((scene.check("S3.2").as_str(), scene.check("IAM.5").as_str()), ("-", "Unknown: NoFindings"));
}

#[test]
fn what_the_catalogue_does_not_know_is_an_error_that_names_it() {
    for (id, action) in [("IAM.555", "Disable"), ("Foo.*", "Enable"), ("soc2", "Manual")] {
        let scene = tailored(&serde_json::json!([{"id": "IAM.5", "action": "Disable"}, {"id": id, "action": action}]));
        let found = error(&scene);
        assert_eq!(found.reason(), "UnknownControl");
        assert_eq!(
            found.to_string(),
            format!("spec.controls[1].id: the catalogue knows no control {id:?}; see `soc2ctl catalog list`")
        );
    }
}

#[test]
fn enable_adds_to_the_criteria_named_or_to_those_of_the_extended_tier() {
    let named = tailored(&serde_json::json!([{"id": "IAM.28", "action": "Enable", "criteria": ["CC6.6", "cc1.1"]}]));
    assert_eq!(criteria_of(&named, "IAM.28"), ["CC1.1", "CC6.6"]);
    let extended = tailored(&serde_json::json!([{"id": "IAM.28", "action": "Enable"}]));
    assert_eq!(criteria_of(&extended, "IAM.28"), ["CC6.1", "CC6.2", "CC6.3"]);
    // It keeps what it has.
    let both = tailored(&serde_json::json!([{"id": "IAM.5", "action": "Enable", "criteria": ["CC1.1"]}]));
    assert_eq!(criteria_of(&both, "IAM.5"), ["CC1.1", "CC3.2", "CC6.6"]);
    // Without a standard it is a check that cannot be answered, and no longer just a gap.
    let without = tailored(&serde_json::json!([{"id": "EC2.13", "action": "Enable"}]));
    assert_eq!(without.check("EC2.13"), "Unknown: StandardNotEnabled");
    assert!(!without.assess().status().coverage.unwrap().controls_without_standard.contains(&"EC2.13".to_owned()));
}

#[test]
fn enable_that_comes_to_nothing_is_an_error() {
    for (entry, reason) in [
        (serde_json::json!({"id": "IAM.28", "action": "Enable", "criteria": ["CC6.9"]}), "UnknownCriterion"),
        (serde_json::json!({"id": "IAM.28", "action": "Enable", "criteria": ["A1.2"]}), "CriterionNotInCategories"),
        (serde_json::json!({"id": "SSM.7", "action": "Enable"}), "ControlWithoutCriterion"),
        (serde_json::json!({"id": "SQS.*", "action": "Enable"}), "ControlWithoutCriterion"),
    ] {
        let found = error(&tailored(&serde_json::json!([entry])));
        assert_eq!(found.reason(), reason, "{found}");
        assert!(found.to_string().starts_with("spec.controls[0]."), "{found}");
    }
}

#[test]
fn retired_controls_do_not_apply() {
    let scene = tailored(&serde_json::json!([{"id": "RDS.18", "action": "Enable", "criteria": ["CC6.6"]}]));
    assert_eq!(scene.check("RDS.18"), "NotApplicable: ControlRetired");
    let failing = scene.clone().with([finding("RDS.18").failed()]);
    assert_eq!(failing.check("RDS.18"), "NotApplicable: ControlRetired");
    let passing = scene.but(|scene| scene.sources.regions.clear()).with([finding("RDS.18")]);
    assert_eq!(passing.check("RDS.18"), "NotApplicable: ControlRetired");
}

#[test]
fn manual_makes_it_an_activity() {
    let scene = tailored(&serde_json::json!([{"id": "s3.2", "action": "Manual"}])).with([finding("S3.2").failed()]);
    assert_eq!(scene.check("S3.2"), "-");
    let status = scene.assess().status();
    let row = status.activities.iter().find(|row| row.id == "S3.2").unwrap();
    assert_eq!(row.state, ManualState::TrackedElsewhere);
    assert_eq!(status.checks.unwrap().disabled, 0);
}

#[test]
fn of_two_entries_the_later_wins() {
    let disable = serde_json::json!({"id": "IAM.*", "action": "Disable"});
    let enable = serde_json::json!({"id": "IAM.5", "action": "Enable"});
    let disabled_last = tailored(&serde_json::json!([enable, disable]));
    assert_eq!(disabled_last.check("IAM.5"), "-");
    let enabled_last = tailored(&serde_json::json!([disable, enable]));
    assert_eq!(enabled_last.check("IAM.5"), "Unknown: NoFindings");
    assert_eq!(enabled_last.check("IAM.6"), "-");
    let manual_last = tailored(&serde_json::json!([disable, {"id": "IAM.6", "action": "Manual"}]));
    assert!(manual_last.assess().activities().iter().any(|row| row.id == "IAM.6"));
    assert!(!enabled_last.assess().activities().iter().any(|row| row.id == "IAM.6"));
}

#[test]
fn targets_narrow_an_entry() {
    const OTHER: &str = "444444444444";
    let entries = serde_json::json!([
        {"id": "IAM.5", "action": "Disable", "targets": {"include": [{"accountIds": [OTHER]}]}},
        {"id": "EC2.13", "action": "Disable", "targets": {"exclude": [{"accountIds": [ACCOUNT]}]}},
    ]);
    let scene = tailored(&entries).profile(serde_json::json!({"targets": {}})).but(|scene| {
        scene.add_account(OTHER, "other", "ou-ab12-workloads");
    });
    let (assessment, index) = (scene.assess(), scene.index());
    let check = |account: &str| crate::scene::check(&assessment.posture(id(account), &index).unwrap(), "IAM.5");
    assert_eq!(check(ACCOUNT), "Unknown: NoFindings");
    assert_eq!(check(OTHER), "-");
    let status = assessment.status();
    assert_eq!(status.checks.unwrap().disabled, 1);
    // Of EC2.13 one account is left.
    assert!(status.coverage.unwrap().controls_without_standard.contains(&"EC2.13".to_owned()));
    let nobody = serde_json::json!([
        {"id": "IAM.5", "action": "Disable", "targets": {"include": [{"accountNames": ["nobody"]}]}}
    ]);
    let unmatched = tailored(&nobody).assess().status().targets.unwrap().unmatched;
    assert_eq!(unmatched, ["spec.controls[0].targets.include[0].accountNames[0]"]);
}

#[test]
fn other_fields_that_are_wrong() {
    for (field, value, reason) in [
        ("freshness", serde_json::json!("soon"), "BadDuration"),
        ("onboarding", serde_json::json!("3 days"), "BadDuration"),
        ("suppressed", serde_json::json!({"treatAs": "Excepted", "until": "next year", "rationale": "r"}), "BadDate"),
        ("guardrails", serde_json::json!({"required": ["deny-leave-org", "deny-all"]}), "UnknownGuardrail"),
        ("requiredRegions", (0..64).map(|n| format!("eu-made-{n}")).collect(), "TooManyRegions"),
    ] {
        let mut fields = serde_json::json!({});
        fields[field] = value;
        let found = error(&Scene::new().profile(fields));
        assert_eq!(found.reason(), reason);
        assert!(found.to_string().starts_with(&format!("spec.{field}")), "{found}");
    }
}
