//! The two halves of a criterion, and what the profile comes to.

use serde_json::json;
use soc2_crds::{ControlAttestationSpec, HalfState, ManualState, State};

use crate::conditions::passing;
use crate::scene::{FindingExt, Scene, catalog, finding};
use crate::written::{Written, attestation, exception};

/// Attests criteria themselves.
fn itself(ids: &[&str]) -> Written<ControlAttestationSpec> {
    attestation("all", "access-review").but(json!({"activities": null, "criteria": ids}))
}

/// Everything passes, and every criterion that people answer for is attested.
fn attested() -> Scene {
    let people = catalog()
        .criteria()
        .iter()
        .filter(|criterion| criterion.id.starts_with("CC") && criterion.automation != soc2_catalog::Automation::Full);
    let ids: Vec<&str> = people.map(|criterion| criterion.id.as_str()).collect();
    passing().attested([itself(&ids)])
}

#[test]
fn with_both_halves_the_profile_is_compliant() {
    let scene = attested();
    let condition = scene.condition("Compliant");
    assert_eq!((condition.status.as_str(), condition.reason.as_str()), ("True", "Compliant"));
    assert!(condition.message.ends_with("0 waived, 0 disabled"), "{}", condition.message);
    let found = scene.criterion("CC6.1");
    assert_eq!(
        (found.state, found.technical, found.manual),
        (State::Passed, HalfState::Passed, Some(ManualState::Attested))
    );
    assert!(!found.technical_only && found.reason.is_none());
    // Nothing that AWS answers for: people's half alone.
    let found = scene.criterion("CC1.2");
    assert_eq!((found.state, found.technical), (State::Passed, HalfState::NotCovered));
    assert_eq!(found.reason.as_deref(), Some("Attested"));
    let waived = scene.with([finding("IAM.5").resource("two").failed()]).waived([exception("e")]);
    assert_eq!(waived.condition_words("Compliant"), "True: CompliantWithExceptions");
}

#[test]
fn what_people_owe_fails_or_is_unknown_with_its_reason() {
    let worse = |fields: serde_json::Value| attested().attested([attestation("r", "access-review").but(fields)]);
    for (fields, compliant, state, reason) in [
        (json!({}), "True: Compliant", State::Passed, None),
        (json!({"performedAt": "2026-08-20T00:00:00Z"}), "True: Compliant", State::Passed, None),
        (
            json!({"performedAt": "2026-01-01T00:00:00Z"}),
            "False: AttestationOverdue",
            State::Failed,
            Some("AttestationOverdue"),
        ),
    ] {
        let scene = worse(fields.clone());
        assert_eq!(scene.condition_words("Compliant"), compliant, "{fields}");
        let found = scene.criterion("CC6.2");
        assert_eq!((found.state, found.reason.as_deref()), (state, reason), "{fields}");
        assert_eq!(scene.criterion("CC7.2").state, State::Passed);
    }
    let due = worse(json!({"performedAt": "2026-08-20T00:00:00Z"})).condition("Compliant").message;
    assert!(due.ends_with("; 1 activity has to be attested soon"), "{due}");
    let overdue = worse(json!({"performedAt": "2026-01-01T00:00:00Z"})).condition("Compliant").message;
    assert_eq!(overdue, "people's part of CC6.1, CC6.2, CC6.3 has to be attested again (access-review)");

    let never = passing().attested([]);
    assert_eq!(never.condition_words("Compliant"), "False: NeverAttested");
    assert_eq!(never.criterion("CC6.2").reason.as_deref(), Some("NeverAttested"));
    let started = never.profile(json!({"manual": {"tracking": "Here", "startBy": "2026-12-31"}}));
    assert_eq!(started.condition_words("Compliant"), "True: Compliant");
    assert_eq!(started.criterion("CC6.2").manual, Some(ManualState::Due));
    assert_eq!(started.criterion("CC1.2").reason.as_deref(), Some("AttestationDue"));
}

#[test]
fn partly_attested_is_unknown() {
    let targets = json!({"include": [{"accountIds": [crate::scene::ACCOUNT, crate::scene::ADMIN]}]});
    let both = || {
        let mut scene = attested().with(crate::status::all_passing(&[crate::scene::ADMIN]));
        scene.profile.targets.include = serde_json::from_value(targets["include"].clone()).unwrap();
        scene
    };
    assert_eq!(both().condition_words("Compliant"), "True: Compliant");
    let only = json!({"targets": {"include": [{"accountIds": [crate::scene::ACCOUNT]}]}});
    let scene = both().attested([attestation("r", "access-review").but(only)]);
    assert_eq!(scene.condition_words("Compliant"), "Unknown: PartlyAttested");
    let found = scene.criterion("CC6.2");
    assert_eq!((found.state, found.reason.as_deref()), (State::Unknown, Some("PartlyAttested")));
    let message = scene.condition("Compliant").message;
    assert_eq!(message, "people's part of CC6.1, CC6.2, CC6.3 is not attested for every account (access-review)");
}

#[test]
fn a_failing_control_is_said_first_and_what_people_owe_beside_it() {
    let scene = passing().attested([]).with([finding("IAM.5").resource("two").failed()]);
    let condition = scene.condition("Compliant");
    assert_eq!((condition.status.as_str(), condition.reason.as_str()), ("False", "ControlsFailing"));
    assert!(
        condition.message.starts_with("1 of ") && condition.message.contains("; people's part of CC1.1, "),
        "{}",
        condition.message
    );
    assert!(condition.message.contains("was never attested"), "{}", condition.message);
    // An unknown control does not hide what people owe.
    let scene = passing().attested([]).with([finding("IAM.5").resource("two").aged("40h")]);
    assert_eq!(scene.condition_words("Compliant"), "False: NeverAttested");
}

#[test]
fn a_criterion_that_findings_show_fully_needs_people_only_when_they_took_something_over() {
    // CC6.6, CC6.7 and CC7.1.
    let scene = attested();
    assert_eq!(scene.criterion("CC6.6").manual, None);
    let attested_once =
        scene.clone().attested([itself(&["CC6.6"]).but(json!({"performedAt": "2020-01-01T00:00:00Z"}))]);
    let attested_once = attested_once.but(|scene| scene.attestations[1].name = "old".to_owned());
    assert_eq!(attested_once.criterion("CC6.6").manual, Some(ManualState::Overdue));
    assert_eq!(attested_once.criterion("CC6.6").state, State::Failed);
    assert_eq!(attested_once.criterion("CC6.7").manual, None);
    let manual = json!([{"id": "IAM.5", "action": "Manual", "rationale": "people look at it"}]);
    let taken_over = scene.clone().profile(json!({"controls": manual}));
    assert_eq!(taken_over.criterion("CC6.6").manual, Some(ManualState::NeverAttested));
    // Only weak controls are left: they support, and show little. KMS.4 is weak for CC9.1 and for nothing else here.
    let weak = catalog().mappings().iter().find(|mapping| mapping.weak).unwrap();
    let (control, criterion) = (&catalog().get(weak.control).id, &catalog().criteria()[weak.criterion].id);
    let only = json!([
        {"id": "*", "action": "Disable", "rationale": "let us see what happens"},
        {"id": control, "action": "Enable", "criteria": [criterion], "rationale": "let us see what happens"},
    ]);
    let scene = scene.profile(json!({"controls": only}));
    assert!(scene.criterion(criterion).manual.is_some());
    // Where nothing is left, and nobody attested it, nothing covers it.
    let found = scene.criterion("CC6.7");
    assert_eq!((found.state, found.technical, found.manual), (State::Unknown, HalfState::NotCovered, None));
    assert_eq!(found.reason.as_deref(), Some("NotCovered"));
}

#[test]
fn with_tracking_elsewhere_the_technical_half_alone_decides() {
    let scene = passing();
    let found = scene.criterion("CC6.1");
    assert_eq!(
        (found.state, found.manual, found.technical_only),
        (State::Passed, Some(ManualState::TrackedElsewhere), true)
    );
    assert_eq!(found.reason, None);
    let uncovered = scene.criterion("CC1.2");
    assert_eq!((uncovered.state, uncovered.reason.as_deref()), (State::NotApplicable, Some("TrackedElsewhere")));
    let failing = scene.with([finding("IAM.5").resource("two").failed()]);
    assert_eq!(failing.criterion("CC3.2").state, State::Failed);
}
