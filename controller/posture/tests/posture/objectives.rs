//! What is to be reached.

use serde_json::json;
use soc2_crds::ObjectiveStatus;
use soc2_posture::assess::ObjectiveFact;
use soc2_posture::{Memory, World, assess};

use crate::conditions::passing;
use crate::scene::{ACCOUNT, ADMIN, FindingExt, MANAGEMENT, Scene, finding, now};
use crate::written::{Written, attestation, exception, object};

fn of(scene: &Scene, objective: serde_json::Value) -> ObjectiveFact {
    scene.clone().profile(object("objectives", vec![objective].into())).assess().objectives().remove(0)
}

fn status(scene: &Scene, objective: serde_json::Value) -> ObjectiveStatus {
    of(scene, objective).status
}

#[test]
fn compliance_is_what_passed_of_what_was_assessed() {
    let fact = of(&passing(), json!({"type": "Compliance"}));
    assert_eq!((fact.status.met, fact.status.percent, fact.status.min_percent), (true, Some(100), Some(95)));
    assert_eq!((fact.value, fact.target), (Some(1.0), 0.95));
    let ratio = |scene: &Scene| scene.assess().metrics().compliance_ratio;
    let failing = passing().with(["IAM.5", "IAM.3", "S3.2", "S3.3"].map(|id| finding(id).resource("two").failed()));
    let fact = of(&failing, json!({"type": "Compliance"}));
    assert_eq!((fact.value, fact.status.met), (ratio(&failing), false));
    assert!(status(&failing, json!({"type": "Compliance", "minPercent": 50})).met);
    // Unknown counts against it, waived is left out.
    let stale = passing().with([finding("IAM.5").resource("two").aged("40h")]);
    assert_eq!(status(&stale, json!({"type": "Compliance", "minPercent": 100})).percent, Some(98));
    let waived = passing().with([finding("IAM.5").resource("two").failed()]).waived([exception("e")]);
    assert!(status(&waived, json!({"type": "Compliance", "minPercent": 100})).met);
}

#[test]
fn multi_factor_authentication_is_four_controls() {
    let mfa = || json!({"type": "Mfa"});
    assert!(status(&passing(), mfa()).met);
    assert_eq!(status(&passing(), mfa()).min_percent, Some(100));
    // Of the four, IAM.5 and IAM.6 are in scope here.
    let failing = passing().with([finding("IAM.5").resource("two").failed()]);
    assert_eq!((status(&failing, mfa()).met, status(&failing, mfa()).percent), (false, Some(50)));
    let other = passing().with([finding("IAM.4").resource("two").failed()]);
    assert!(status(&other, mfa()).met);
    let none =
        json!(["IAM.5", "IAM.6"].map(|id| json!({"id": id, "action": "Disable", "rationale": "the test says so"})));
    let nothing = status(&passing().profile(json!({"controls": none})), mfa());
    assert_eq!((nothing.met, nothing.percent), (true, None));
    assert_eq!(
        nothing.message.as_deref(),
        Some("there is no check of multi-factor authentication: nothing to measure")
    );
    // What is unknown because the account is new is left out; so is what nobody could see not.
    let new = Scene::silent().but(|scene| scene.account().joined_at = Some(now()));
    assert!(status(&new, mfa()).met);
    assert_eq!(status(&Scene::silent(), mfa()).percent, Some(0));
}

#[test]
fn encryption_at_rest_is_awss_category() {
    let encryption = || json!({"type": "EncryptionAtRest"});
    assert!(status(&passing(), encryption()).met);
    // At rest, with every spelling of the category; in transit is another.
    for (control, met) in [("RDS.3", false), ("EC2.3", false), ("S3.5", true), ("IAM.5", true)] {
        let failing = passing().with([finding(control).resource("two").failed()]);
        assert_eq!(status(&failing, encryption()).met, met, "{control}");
    }
    let of_category = crate::scene::catalog().controls().iter().filter(|control| {
        control.category.to_lowercase().replace('-', " ").ends_with("encryption of data at rest") && !control.retired
    });
    assert_eq!(of_category.count(), 32);
}

#[test]
fn without_data_no_share_is_met() {
    for type_ in ["Compliance", "Mfa", "EncryptionAtRest"] {
        let scene = passing().profile(json!({"objectives": [{"type": type_, "minPercent": 0}]}));
        let world = World { organization: None, ..scene.world() };
        let assessment = assess(&scene.wanted().desired(), &world, &Memory::default(), now()).unwrap();
        let found = assessment.objectives().remove(0).status;
        assert_eq!((found.met, found.percent), (false, None), "{type_}");
        assert!(found.message.unwrap().contains("no data"));
        let nobody = scene.profile(json!({"targets": {"include": [{"accountNames": ["nobody"]}]}}));
        assert!(!nobody.assess().objectives()[0].status.met);
    }
}

#[test]
fn findings_that_nobody_reads_are_not_dealt_with() {
    let found = status(&passing(), json!({"type": "CriticalFindingsAge"}));
    assert_eq!((found.met, found.count, found.max_count), (false, None, Some(0)));
    assert!(found.message.unwrap().starts_with("there are no data"));
}

fn training(name: &str, value: &str) -> Written<soc2_crds::ControlAttestationSpec> {
    attestation(name, "security-training").but(json!({"measurements": [{"name": "training", "value": value}]}))
}

#[test]
fn attested_ones_are_compared_in_their_unit() {
    let with =
        |value: &str, objective: serde_json::Value| status(&passing().attested([training("t", value)]), objective);
    let objective = |fields: serde_json::Value| {
        let mut objective = json!({"type": "Attested", "name": "training"});
        objective.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        objective
    };
    for (value, fields, met) in [
        ("100%", json!({"minPercent": 100}), true),
        ("99.999999%", json!({"minPercent": 100}), false),
        ("98%", json!({"minPercent": 98}), true),
        ("99.9%", json!({"min": "99.9%"}), true),
        ("99.89%", json!({"min": "99.9%"}), false),
        ("3h59m", json!({"max": "4h"}), true),
        ("4h", json!({"max": "4h"}), true),
        ("4h1s", json!({"max": "4h"}), false),
        ("0", json!({"max": "0"}), true),
        ("1", json!({"max": "0"}), false),
        // Another unit, or none.
        ("98", json!({"minPercent": 98}), false),
        ("98%", json!({"min": "98"}), false),
        ("240", json!({"max": "4h"}), false),
        ("many", json!({"minPercent": 1}), false),
    ] {
        let found = with(value, objective(fields.clone()));
        assert_eq!((found.met, found.value.as_deref()), (met, Some(value)), "{value} {fields}");
    }
    let fact = of(&passing().attested([training("t", "3h30m")]), objective(json!({"max": "4h"})));
    assert_eq!((fact.value, fact.target), (Some(12_600.0), 14_400.0));
    assert_eq!(fact.status.message.as_deref(), Some("measured by soc2-operator/t"));
}

#[test]
fn the_newest_measurement_of_an_attestation_that_counts_decides() {
    let objective = || json!({"type": "Attested", "name": "training", "minPercent": 90});
    let targets = json!({"targets": {"include": [{"accountIds": [ACCOUNT, ADMIN, MANAGEMENT]}]}});
    let with = |all: Vec<Written<soc2_crds::ControlAttestationSpec>>| {
        status(&passing().profile(targets.clone()).attested(all), objective())
    };
    let (good, bad) = (|| training("good", "95%"), || training("bad", "5%"));
    let at = |moment: &str| json!({"performedAt": moment});
    assert!(with(vec![good(), bad().but(at("2026-10-01T00:00:00Z"))]).met);
    assert!(!with(vec![good(), bad().but(at("2026-11-16T00:00:00Z"))]).met);
    // One that does not count, or measures something else, does not decide.
    assert!(with(vec![good(), bad().but(at("2026-11-23T00:00:00Z"))]).met);
    assert!(with(vec![good(), bad().but(json!({"evidence": null, "performedAt": "2026-11-16T00:00:00Z"}))]).met);
    let other = json!({"measurements": [{"name": "rto", "value": "1h"}], "performedAt": "2026-11-16T00:00:00Z"});
    assert!(with(vec![good(), bad().but(other)]).met);
    let message = |all| with(all).message.unwrap();
    assert_eq!(message(vec![]), "no attestation that counts measures \"training\"");
    let old = message(vec![good().but(at("2024-01-01T00:00:00Z"))]);
    assert!(old.starts_with("soc2-operator/good counts no longer since 2025-01-15T00:00:00Z"), "{old}");
    let partial = with(vec![good().but(json!({"targets": {"include": [{"accountIds": [ACCOUNT]}]}}))]);
    assert_eq!(
        (partial.met, partial.message.as_deref()),
        (false, Some("soc2-operator/good leaves out 2 accounts of the profile"))
    );
    // Also one of an activity that the profile does not ask for.
    let capacity =
        attestation("c", "capacity-review").but(json!({"measurements": [{"name": "training", "value": "99%"}]}));
    assert!(with(vec![capacity]).met);
}

#[test]
fn what_an_objective_asks_for_must_be_readable() {
    for (objective, reason, field) in [
        (json!({"type": "Attested", "name": "rto", "max": "soon"}), "BadMeasure", "spec.objectives[0].max"),
        (json!({"type": "Attested", "name": "rto", "min": "99,9%"}), "BadMeasure", "spec.objectives[0].min"),
        (json!({"type": "CriticalFindingsAge", "maxAge": "a month"}), "BadDuration", "spec.objectives[0].maxAge"),
    ] {
        let error = Scene::new().profile(json!({"objectives": [objective]})).try_assess().unwrap_err();
        assert_eq!(error.reason(), reason);
        assert!(error.to_string().starts_with(field), "{error}");
    }
}

#[test]
fn the_status_has_them_in_their_order() {
    let objectives = json!([{"type": "Mfa"}, {"type": "Compliance"}, {"type": "Attested", "name": "rto", "max": "4h"}]);
    let status = passing().profile(json!({"objectives": objectives})).assess().status();
    let types: Vec<String> = status.objectives.iter().map(|one| format!("{:?}", one.type_)).collect();
    assert_eq!(types, ["Mfa", "Compliance", "Attested"]);
    assert_eq!(status.objectives[2].name.as_deref(), Some("rto"));
}
