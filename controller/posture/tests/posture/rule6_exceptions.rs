//! Rule 6: what granted exceptions cover.

use jiff::SignedDuration;
use serde_json::json;
use soc2_crds::{ControlResult, ExceptionState, State};
use soc2_posture::organization::AccountState;
use soc2_posture::source::HubError;
use soc2_posture::{assess, reassess};

use crate::scene::{ACCOUNT, ADMIN, Change, FindingExt, HOME, LINKED, Scene, at, broken, finding, id, now};
use crate::written::exception;

/// IAM.5 fails for bob and passes for alice.
fn failing() -> Scene {
    Scene::new().with([finding("IAM.5").resource("user/bob").failed(), finding("IAM.5").resource("user/alice")])
}

fn row(scene: &Scene, control: &str) -> ControlResult {
    scene.posture().controls.into_iter().find(|row| row.id == control).unwrap()
}

#[test]
fn a_waived_failure_is_excepted_and_counted_apart() {
    let scene = failing().waived([exception("e")]);
    assert_eq!(scene.check("IAM.5"), "Excepted: Excepted");
    let row = row(&scene, "IAM.5");
    assert_eq!((row.resources.failed, row.resources.passed, row.resources.excepted), (0, 1, 1));
    assert_eq!((row.exception.as_deref(), row.resources.sample), (Some("soc2-operator/e"), None));
    assert_eq!(row.message, "1 resource is waived until 2026-12-22T12:00:00Z by soc2-operator/e");
    assert!(row.excepted_in.is_empty());
    let posture = scene.posture();
    assert_eq!((posture.summary.excepted, posture.summary.failed), (1, 0));
    let metrics = scene.assess().metrics();
    assert_eq!((metrics.checks.excepted, metrics.checks.failed), (1, 0));
    assert_eq!(scene.assess().status().exceptions.unwrap().active, 1);
    let fact = scene.exception("e");
    assert_eq!((fact.matches.len(), fact.matches[0].resources, fact.matches[0].control.as_str()), (1, 1, "IAM.5"));
    let standing = fact.standing(now());
    assert_eq!((standing.state, standing.accounts, standing.resources), (ExceptionState::Active, 1, 1));
}

#[test]
fn what_is_left_decides() {
    let more: [(&str, Change, &str); 8] = [
        ("nothing else", |_| {}, "Excepted: Excepted"),
        ("another passes", |scene| scene.findings.push(finding("IAM.5").resource("x")), "Excepted: Excepted"),
        (
            "another fails",
            |scene| scene.findings.push(finding("IAM.5").resource("x").failed()),
            "Failed: FindingsFailed",
        ),
        ("another is stale", |scene| scene.findings.push(finding("IAM.5").resource("x").aged("40h")), "Unknown: Stale"),
        (
            "another has no record",
            |scene| scene.findings.push(finding("IAM.5").resource("x").status("WARNING")),
            "Unknown: Warning",
        ),
        (
            "another is suppressed",
            |scene| scene.findings.push(finding("IAM.5").resource("x").suppressed()),
            "Unknown: Suppressed",
        ),
        ("a Region cannot be read", |scene| scene.not_swept(LINKED), "Unknown: SweepIncomplete"),
        (
            "the account is suspended",
            |scene| scene.account().state = AccountState::Suspended,
            "NotApplicable: AccountSuspended",
        ),
    ];
    for (what, change, expected) in more {
        let waived = exception("e").but(json!({"resources": ["user/bob"]}));
        let scene = Scene::new().with([finding("IAM.5").resource("user/bob").failed()]).waived([waived]).but(change);
        assert_eq!(scene.check("IAM.5"), expected, "{what}");
    }
}

#[test]
fn resources_are_globs_over_whole_ids_with_case() {
    let resource = "arn:aws:iam::333333333333:user/scanner-1";
    for (globs, covered) in [
        (json!(["arn:aws:iam::*:user/scanner-*"]), true),
        (json!(["arn:aws:iam::333333333333:user/scanner-?"]), true),
        (json!(["*"]), true),
        (json!([resource]), true),
        (json!(["nothing", "*scanner*"]), true),
        (json!(["scanner-1"]), false),
        (json!(["arn:aws:iam::*:user/Scanner-*"]), false),
        (json!(["arn:aws:iam::*:user/scanner-"]), false),
        (json!(["nothing"]), false),
    ] {
        let scene = Scene::new()
            .with([finding("IAM.5").resource(resource).failed()])
            .waived([exception("e").but(json!({"resources": globs}))]);
        let expected = if covered { "Excepted: Excepted" } else { "Failed: FindingsFailed" };
        assert_eq!(scene.check("IAM.5"), expected, "{globs}");
        let state = if covered { "Active: Active" } else { "Unmatched: Unmatched" };
        assert_eq!(scene.exception_words("e"), state, "{globs}");
    }
    // A finding without a resource has no id that a glob could match; one too long may have been cut.
    let mut nameless = finding("IAM.5").failed();
    nameless.resource_id = None;
    for odd in [nameless, finding("IAM.5").resource(&"x".repeat(509)).failed()] {
        let globs = exception("e").but(json!({"resources": ["*"]}));
        assert_eq!(Scene::new().with([odd.clone()]).waived([globs]).check("IAM.5"), "Failed: FindingsFailed");
        assert_eq!(Scene::new().with([odd]).waived([exception("e")]).check("IAM.5"), "Excepted: Excepted");
    }
    let long = finding("IAM.5").resource(&"x".repeat(508)).failed();
    let globs = exception("e").but(json!({"resources": ["x*"]}));
    assert_eq!(Scene::new().with([long]).waived([globs]).check("IAM.5"), "Excepted: Excepted");
}

#[test]
fn a_part_that_is_waived_is_said_and_the_sample_is_one_that_is_not() {
    let scene = failing()
        .with([finding("IAM.5").resource("user/carl").failed()])
        .waived([exception("e").but(json!({"resources": ["user/bob"]}))]);
    let row = row(&scene, "IAM.5");
    assert_eq!((row.state, row.resources.failed, row.resources.excepted), (State::Failed, 1, 1));
    assert_eq!((row.exception, row.resources.sample.as_deref()), (None, Some("user/carl")));
    assert_eq!(
        row.message,
        "1 of 3 resources fails in eu-west-1; 1 more resource is waived until 2026-12-22T12:00:00Z by soc2-operator/e"
    );
}

#[test]
fn controls_are_named_by_id_or_glob_without_case() {
    for (names, expected) in [
        (json!(["iam.5"]), "Excepted: Excepted"),
        (json!([" IAM.5 "]), "Excepted: Excepted"),
        (json!(["IAM.*"]), "Excepted: Excepted"),
        (json!(["S3.2", "IAM.?"]), "Excepted: Excepted"),
        (json!(["IAM.4"]), "Failed: FindingsFailed"),
        (json!(["S3.*"]), "Failed: FindingsFailed"),
    ] {
        let scene = failing().waived([exception("e").but(json!({"controls": names}))]);
        assert_eq!(scene.check("IAM.5"), expected, "{names}");
    }
}

#[test]
fn other_accounts_are_not_touched() {
    let scene = failing()
        .with([finding("IAM.5").account(ADMIN).failed()])
        .profile(json!({"targets": {"include": [{"accountIds": [ACCOUNT, ADMIN]}]}}))
        .waived([exception("e")]);
    let checks = scene.assess().status().checks.unwrap();
    assert_eq!((checks.failed, checks.excepted), (1, 1));
    let by_unit = exception("e").but(json!({"targets": {"include": [{"organizationalUnit": {"path": "Workloads"}}]}}));
    assert_eq!(failing().waived([by_unit]).check("IAM.5"), "Excepted: Excepted");
    let elsewhere = exception("e").but(json!({"targets": {"exclude": [{"accountIds": [ACCOUNT]}]}}));
    let scene = failing().waived([elsewhere]);
    assert_eq!(scene.check("IAM.5"), "Failed: FindingsFailed");
    let counts = scene.assess().status().exceptions.unwrap();
    assert_eq!((counts.active, counts.expired, scene.exception("e").concerns_profile), (0, 0, false));
}

#[test]
fn suppressed_results_are_covered_also_where_the_profile_waives_them() {
    let suppressed = || Scene::new().with([finding("IAM.5").failed().suppressed()]);
    assert_eq!(suppressed().check("IAM.5"), "Unknown: Suppressed");
    assert_eq!(suppressed().waived([exception("e")]).check("IAM.5"), "Excepted: Excepted");
    let treated = json!({"suppressed": {"treatAs": "Excepted", "until": "2027-01-31", "rationale": "we move them"}});
    let upstream = suppressed().profile(treated.clone());
    assert_eq!(upstream.check("IAM.5"), "Excepted: SuppressedUpstream");
    assert_eq!(row(&upstream, "IAM.5").resources.excepted, 1);
    let both = upstream.waived([exception("e")]);
    assert_eq!(both.check("IAM.5"), "Excepted: Excepted");
    assert_eq!(both.exception_words("e"), "Active: Active");
}

#[test]
fn missing_data_is_covered_only_where_that_is_asked_for_and_the_source_can_be_read() {
    let unknown: [(&str, Change); 6] = [
        ("Stale", |scene| scene.findings.push(finding("IAM.5").aged("40h"))),
        ("Warning", |scene| scene.findings.push(finding("IAM.5").status("WARNING"))),
        ("NotAvailable", |scene| scene.findings.push(finding("IAM.5").status("NOT_AVAILABLE"))),
        ("NoFindings", |_| {}),
        ("StandardNotEnabled", |scene| scene.sources.regions.iter_mut().for_each(|hub| hub.standards.clear())),
        ("ControlDisabled", |scene| [HOME, LINKED].into_iter().for_each(|region| scene.disable(region, "IAM.5"))),
    ];
    for (reason, change) in unknown {
        let scene = || Scene::new().but(change);
        assert_eq!(scene().check("IAM.5"), format!("Unknown: {reason}"));
        assert_eq!(scene().waived([exception("e")]).check("IAM.5"), format!("Unknown: {reason}"));
        let covered = scene().waived([exception("e").but(json!({"coversUnknown": true}))]);
        assert_eq!(covered.check("IAM.5"), "Excepted: Excepted", "{reason}");
        assert_eq!(covered.exception_words("e"), "Active: Active", "{reason}");
    }
    let unreadable: [(&str, Change); 5] = [
        ("AccessDenied", |scene| *scene.hub(LINKED) = broken(LINKED, HubError::AccessDenied(String::new()))),
        ("SecurityHubNotEnabled", |scene| *scene.hub(LINKED) = broken(LINKED, HubError::NotEnabled)),
        ("AccountNotMember", |scene| scene.not_member(LINKED)),
        ("RegionNotCovered", |scene| scene.aws.required_regions = Some(vec!["ap-south-1".to_owned()])),
        ("SweepIncomplete", |scene| scene.not_swept(LINKED)),
    ];
    for (reason, change) in unreadable {
        let scene = Scene::new().with([finding("IAM.5").aged("40h")]).but(change);
        let scene = scene.waived([exception("e").but(json!({"coversUnknown": true}))]);
        assert_eq!(scene.check("IAM.5"), format!("Unknown: {reason}"));
        assert_eq!(scene.exception_words("e"), "Unmatched: Unmatched", "{reason}");
    }
}

#[test]
fn missing_data_that_is_waived_is_said() {
    let covers = || exception("e").but(json!({"coversUnknown": true}));
    let stale = Scene::new().with([finding("IAM.5").aged("40h"), finding("IAM.5").resource("two").failed()]);
    let found = row(&stale.waived([covers()]), "IAM.5");
    assert_eq!((found.resources.excepted, found.resources.unknown, found.resources.failed), (2, 0, 0));
    let nothing = row(&Scene::new().waived([covers()]), "IAM.5");
    assert_eq!(nothing.resources.excepted, 0);
    assert_eq!(nothing.message, "missing data is waived until 2026-12-22T12:00:00Z by soc2-operator/e");
    // New accounts are outside of alerts; a waiver is said all the same.
    let new = Scene::new().but(|scene| scene.account().joined_at = Some(now())).waived([covers()]);
    assert_eq!(new.check("IAM.5"), "Excepted: Excepted");
    assert_eq!(new.check("IAM.4"), "Unknown: Onboarding");
}

#[test]
fn of_two_that_match_the_one_that_ends_last_is_shown_then_the_first_by_name() {
    let until = |name: &str, end: &str| exception(name).but(json!({"expiresAt": end}));
    let shown = |waivers: [crate::written::Written<soc2_crds::ComplianceExceptionSpec>; 2]| {
        let scene = failing().waived(waivers);
        for name in ["a", "b"] {
            assert_eq!(scene.exception_words(name), "Active: Active", "both match");
        }
        row(&scene, "IAM.5").exception.unwrap()
    };
    let (early, late) = ("2026-12-01T00:00:00Z", "2026-12-01T00:00:01Z");
    assert_eq!(shown([until("a", early), until("b", late)]), "soc2-operator/b");
    assert_eq!(shown([until("a", late), until("b", early)]), "soc2-operator/a");
    assert_eq!(shown([until("b", late), until("a", late)]), "soc2-operator/a");
    // One that covers nothing here is not shown, however late it ends.
    let other = until("z", "2027-01-01T00:00:00Z").but(json!({"resources": ["user/nobody"]}));
    let scene = failing().waived([exception("a"), other]);
    assert_eq!(row(&scene, "IAM.5").exception.as_deref(), Some("soc2-operator/a"));
    assert_eq!(scene.exception_words("z"), "Unmatched: Unmatched");
}

#[test]
fn one_that_names_a_criterion_counts_inside_it_only() {
    let inside = exception("e").but(json!({"controls": null, "criteria": ["cc3.2"]}));
    let scene = crate::conditions::passing().with([finding("IAM.5").resource("user/bob").failed()]).waived([inside]);
    // IAM.5 answers for CC3.2 and CC6.6.
    let posture = scene.posture();
    assert_eq!(
        (posture.criteria.excepted, posture.criteria.failed),
        (vec!["CC3.2".to_owned()], vec!["CC6.6".to_owned()])
    );
    assert_eq!((posture.summary.failed, posture.summary.excepted), (1, 0));
    let row = row(&scene, "IAM.5");
    assert_eq!((row.state, row.reason.as_str()), (State::Failed, "FindingsFailed"));
    assert_eq!((row.excepted_in, row.exception.as_deref()), (vec!["CC3.2".to_owned()], Some("soc2-operator/e")));
    assert!(
        row.message.ends_with(
            "; inside CC3.2 it is Excepted: 1 resource is waived until 2026-12-22T12:00:00Z by soc2-operator/e"
        ),
        "{}",
        row.message
    );
    assert_eq!(scene.criterion("CC3.2").state, State::Excepted);
    assert_eq!(scene.criterion("CC6.6").state, State::Failed);
    let metrics = scene.assess().metrics();
    assert_eq!((metrics.checks.failed, metrics.checks.excepted), (1, 0));
    let of_criterion = |id: &str| metrics.criteria.iter().find(|(known, _)| known == id).unwrap().1.clone();
    assert_eq!((of_criterion("CC3.2").excepted, of_criterion("CC6.6").failed), (1, 1));
    assert_eq!(scene.exception_words("e"), "Active: Active");
    assert_eq!(scene.assess().compliant(id(ACCOUNT)).unwrap().as_str(), "false");
}

#[test]
fn in_every_criterion_of_a_control_its_state_is_still_its_own() {
    let everywhere = exception("e").but(json!({"controls": null, "criteria": ["CC3.2", "CC6.6"]}));
    let scene =
        crate::conditions::passing().with([finding("IAM.5").resource("user/bob").failed()]).waived([everywhere]);
    let found = row(&scene, "IAM.5");
    assert_eq!(
        (found.state, found.excepted_in.as_slice()),
        (State::Failed, &["CC3.2".to_owned(), "CC6.6".to_owned()][..])
    );
    assert_eq!(found.message.matches("inside").count(), 1, "the same in two criteria is said once: {}", found.message);
    let posture = scene.posture();
    assert!(posture.criteria.failed.is_empty());
    assert_eq!(scene.assess().compliant(id(ACCOUNT)).unwrap().as_str(), "true");
    let compliant = scene.condition("Compliant");
    assert_eq!((compliant.status.as_str(), compliant.reason.as_str()), ("True", "CompliantWithExceptions"));
    assert!(compliant.message.contains("1 waived"), "{}", compliant.message);
    assert_eq!(scene.assess().metrics().checks.failed, 1);
}

#[test]
fn inside_a_criterion_what_is_left_decides_too() {
    let inside = exception("e").but(json!({"controls": null, "criteria": ["CC3.2"], "resources": ["user/bob"]}));
    let scene = failing().with([finding("IAM.5").resource("x").aged("40h")]).waived([inside]);
    assert!(scene.posture().criteria.unknown.contains(&"CC3.2".to_owned()));
    let found = row(&scene, "IAM.5");
    assert!(found.excepted_in.is_empty() && found.exception.is_none());
    assert!(found.message.contains("inside CC3.2 it is Unknown"), "{}", found.message);
    // Together with one that counts everywhere.
    let everywhere = exception("f").but(json!({"resources": ["user/bob"]}));
    let covers = exception("g").but(json!({"controls": null, "criteria": ["CC3.2"], "coversUnknown": true}));
    let scene = failing().with([finding("IAM.5").resource("x").aged("40h")]).waived([everywhere, covers]);
    assert_eq!(scene.check("IAM.5"), "Unknown: Stale");
    assert!(scene.posture().criteria.excepted.contains(&"CC3.2".to_owned()));
    assert!(scene.posture().criteria.unknown.contains(&"CC6.6".to_owned()));
}

#[test]
fn begin_and_end_hold_to_the_second_without_any_change_of_the_object() {
    let from = at("2026-11-22T13:00:00Z");
    let until = at("2026-11-22T14:00:00Z");
    let times = json!({"startsAt": "2026-11-22T13:00:00.999Z", "expiresAt": "2026-11-22T14:00:00.5Z"});
    let scene = failing().waived([exception("e").but(times)]);
    assert_eq!(scene.exception_words("e"), "Pending: NotStarted");
    let mut assessment = scene.assess();
    let second = SignedDuration::from_millis(1);
    for (moment, check, state) in [
        (from - second, "Failed: FindingsFailed", ExceptionState::Pending),
        (from, "Excepted: Excepted", ExceptionState::Active),
        (until - second, "Excepted: Excepted", ExceptionState::Active),
        (until, "Failed: FindingsFailed", ExceptionState::Expired),
    ] {
        if moment == from || moment == until {
            assert_eq!(assessment.next_change_at(), Some(moment));
        }
        let world = scene.world();
        assessment = reassess(assessment, &scene.wanted().desired(), &world, &[].into(), moment).unwrap();
        let posture = assessment.posture(id(ACCOUNT), &world.index).unwrap();
        assert_eq!(crate::scene::check(&posture, "IAM.5"), check, "{moment}");
        assert_eq!(assessment.exceptions()[0].standing(moment).state, state, "{moment}");
    }
    assert_eq!(assessment.status().exceptions.unwrap().expired, 1);
    assert_eq!(assessment.exceptions()[0].standing(until).message, "it ended at 2026-11-22T14:00:00Z");
}

#[test]
fn an_exception_is_expiring_soon_in_its_last_14_days() {
    let scene = failing().waived([exception("e")]);
    let soon = at("2026-12-08T12:00:00Z");
    for (moment, expected) in [(soon - SignedDuration::from_secs(1), 0), (soon, 1)] {
        let fresh = scene.clone().but(|scene| {
            scene.now = moment;
            scene.profile.freshness = "2160h".to_owned();
        });
        let counts = fresh.assess().status().exceptions.unwrap();
        assert_eq!((counts.active, counts.expiring_soon), (1, expected), "{moment}");
    }
    // A failure stays one however old it is: nothing else changes before.
    let only = Scene::silent().with([finding("IAM.5").failed().aged("99h")]).waived([exception("e")]);
    assert_eq!(only.assess().next_change_at(), Some(soon));
}

#[test]
fn without_findings_of_an_account_exceptions_are_harmless() {
    let scene = Scene::silent().waived([exception("e"), exception("f").but(json!({"coversUnknown": true}))]);
    assert_eq!(scene.check("IAM.5"), "Excepted: Excepted");
    assert_eq!(scene.exception_words("e"), "Unmatched: Unmatched");
    assert_eq!(scene.check("IAM.4"), "Unknown: NoFindings");
}

#[test]
fn editing_one_renews_the_accounts_that_it_touches() {
    let scene = failing()
        .with([finding("IAM.5").account(ADMIN).failed()])
        .profile(json!({"targets": {"include": [{"accountIds": [ACCOUNT, ADMIN]}]}}));
    let other = exception("other").but(json!({"targets": {"include": [{"accountIds": [ADMIN]}]}}));
    let scene = scene.waived([exception("e"), other]);
    let edits: [(&str, serde_json::Value, &[&str]); 7] = [
        ("a word that changes nothing", json!({"reason": "another reason for it"}), &[]),
        ("its controls", json!({"controls": ["IAM.4"]}), &[ACCOUNT]),
        ("its end", json!({"expiresAt": "2026-12-01T00:00:00Z"}), &[ACCOUNT]),
        ("its resources", json!({"resources": ["user/bob"]}), &[ACCOUNT]),
        ("what it covers", json!({"coversUnknown": true}), &[ACCOUNT]),
        ("that it is refused now", json!({"controls": ["IAM.999"]}), &[ACCOUNT]),
        ("its accounts", json!({"targets": {"include": [{"accountIds": [ACCOUNT, ADMIN]}]}}), &[ADMIN]),
    ];
    for (what, edit, expected) in edits {
        let mut edited = scene.clone();
        edited.exceptions[0] = edited.exceptions[0].clone().but(edit);
        let first = scene.assess();
        let all = assess(&edited.wanted().desired(), &edited.world(), &first.memory(), edited.now).unwrap();
        let some = reassess(first, &edited.wanted().desired(), &edited.world(), &[].into(), edited.now).unwrap();
        assert_eq!(some, all, "{what}");
        let expected = expected.iter().map(|account| id(account)).collect();
        assert_eq!(some.renewed(), Some(&expected), "{what}");
    }
    // Deleting both.
    let mut without = scene.clone();
    without.exceptions.clear();
    let some = reassess(scene.assess(), &without.wanted().desired(), &without.world(), &[].into(), now()).unwrap();
    assert_eq!(some.renewed(), Some(&[id(ACCOUNT), id(ADMIN)].into()));
    assert_eq!(some.status().checks.unwrap().failed, 2);
    assert!(some.exceptions().is_empty());
}
