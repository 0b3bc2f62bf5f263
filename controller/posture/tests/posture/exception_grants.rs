//! Which exceptions are granted: every reason of a refusal, with a message that names the field.

use serde_json::json;
use soc2_crds::{ComplianceExceptionSpec, ExceptionState};
use soc2_posture::assess::{ExceptionVerdict, exceptions, merge_exceptions, renewals};
use soc2_posture::organization::AccountState;
use soc2_posture::{Memory, World, assess};

use crate::scene::{ACCOUNT, ADMIN, FindingExt, Scene, at, catalog, finding, id, now};
use crate::written::{Written, exception, object};

const TEAM: &str = "team-payments";

/// The account fails IAM.5, and everything else that is asked for.
fn scene(one: Written<ComplianceExceptionSpec>) -> Scene {
    Scene::new().with([finding("IAM.5").failed()]).waived([one])
}

fn of_team() -> Written<ComplianceExceptionSpec> {
    exception("e").within(TEAM)
}

fn policy(fields: serde_json::Value) -> serde_json::Value {
    object("exceptionPolicy", fields)
}

fn granted_to_team(targets: serde_json::Value) -> serde_json::Value {
    let mut grant = object("targets", targets);
    grant["name"] = TEAM.into();
    policy(object("namespaces", vec![grant].into()))
}

/// Reason of the refusal and its message; it has no effect.
fn refusal(scene: &Scene) -> (&'static str, String) {
    let ExceptionVerdict::Refused { reason, message } = scene.exception("e").verdict else {
        panic!("{:?}", scene.exception("e"))
    };
    assert_eq!(scene.check("IAM.5"), "Failed: FindingsFailed", "what is refused has no effect");
    assert_eq!(scene.exception_words("e"), format!("Refused: {reason}"));
    (reason, message)
}

fn is_granted(scene: &Scene) -> bool {
    scene.exception("e").verdict == ExceptionVerdict::Granted
}

#[test]
fn without_a_policy_only_the_operators_namespace_counts_for_366_days() {
    assert!(is_granted(&scene(exception("e"))));
    let (reason, message) = refusal(&scene(of_team()));
    assert_eq!(reason, "NotGranted");
    assert_eq!(
        message,
        "metadata.namespace: team-payments may waive nothing: spec.exceptionPolicy.namespaces of AwsOrganization acme does \
         not list it; only exceptions in soc2-operator count"
    );
    let lasts = |end: &str| exception("e").but(json!({"startsAt": "2026-11-21T00:00:00Z", "expiresAt": end}));
    assert!(is_granted(&scene(lasts("2027-11-22T00:00:00Z"))));
    let (reason, message) = refusal(&scene(lasts("2027-11-22T00:00:01Z")));
    assert_eq!(reason, "TooLong");
    assert!(message.starts_with("spec.expiresAt: it lasts 366d1h, longer than the 366d that it may"), "{message}");
}

#[test]
fn a_policy_without_namespaces_is_for_the_operators_namespace() {
    let empty = || policy(json!({}));
    assert!(is_granted(&scene(exception("e")).organization(empty())));
    assert_eq!(refusal(&scene(of_team()).organization(empty())).0, "NotGranted");
}

#[test]
fn a_namespace_must_be_granted_every_account_of_the_exception() {
    let all = granted_to_team(json!({"include": [{"organizationalUnit": {"path": "Workloads"}}]}));
    assert!(is_granted(&scene(of_team()).organization(all.clone())));
    // With namespaces listed the operator's own is none of them.
    let (reason, message) = refusal(&scene(exception("e")).organization(all.clone()));
    assert_eq!(reason, "NotGranted");
    assert!(message.ends_with("AwsOrganization acme does not list it"), "{message}");
    // One account too many refuses it for all.
    let both = of_team().but(json!({"targets": {"include": [{"accountIds": [ACCOUNT, ADMIN]}]}}));
    let (reason, message) = refusal(&scene(both).organization(all));
    assert_eq!(reason, "NotGranted");
    assert_eq!(
        message,
        "spec.targets: team-payments may not waive anything in 222222222222; narrow the targets, or let \
         exceptionPolicy.namespaces grant them"
    );
    let everything = policy(json!({"namespaces": [{"name": TEAM}]}));
    let wide = of_team().but(json!({"targets": {}}));
    assert!(is_granted(&scene(wide.clone()).organization(everything)));
    // Closed accounts are nobody's; new ones count at once.
    let own = granted_to_team(json!({"include": [{"accountIds": [ACCOUNT]}]}));
    let closed = scene(of_team().but(json!({"targets": {"include": [{"organizationalUnit": {"path": "Workloads"}}]}})))
        .organization(own)
        .but(|scene| scene.add_account("444444444444", "old", "ou-ab12-workloads"));
    assert_eq!(refusal(&closed).0, "NotGranted");
    let closed = closed.but(|scene| {
        scene.organization.accounts.get_mut(&id("444444444444")).unwrap().state = AccountState::Closed;
    });
    assert!(is_granted(&closed));
}

#[test]
fn how_long_it_may_last_depends_on_the_worst_control_that_it_names() {
    // IAM.5 is Medium, IAM.4 Critical, S3.2 Critical, IAM.2 Low; CC6.6 has critical ones.
    let limits =
        json!({"maxDuration": {"critical": "10d", "high": "20d", "medium": "30d", "low": "720h", "default": "5d"}});
    for (names, days, granted) in [
        (json!({"controls": ["IAM.5"]}), 30, true),
        (json!({"controls": ["IAM.5"]}), 31, false),
        (json!({"controls": ["IAM.2"]}), 30, true),
        (json!({"controls": ["IAM.2"]}), 31, false),
        (json!({"controls": ["IAM.5", "IAM.4"]}), 10, true),
        (json!({"controls": ["IAM.4", "IAM.5"]}), 11, false),
        (json!({"controls": ["IAM.*"]}), 11, false),
        (json!({"controls": null, "criteria": ["CC6.6"]}), 10, true),
        (json!({"controls": null, "criteria": ["CC6.6"]}), 11, false),
    ] {
        let end = now() + jiff::SignedDuration::from_hours(24 * days);
        let one = exception("e").but(names.clone()).but(json!({"startsAt": now(), "expiresAt": end}));
        let scene = scene(one).organization(policy(limits.clone()));
        assert_eq!(is_granted(&scene), granted, "{names} {days}");
    }
    let long = exception("e").but(json!({"controls": ["IAM.4"]}));
    let (reason, message) = refusal(&scene(long).organization(policy(limits)));
    assert_eq!(reason, "TooLong");
    assert_eq!(
        message,
        "spec.expiresAt: it lasts 31d, longer than the 10d that it may for iam.4 of severity Critical; shorten it, and renew \
         it when it is still needed"
    );
    // What is not said for a severity is the default, and where there is none 366 days.
    let only =
        |duration: serde_json::Value| scene(exception("e")).organization(policy(json!({"maxDuration": duration})));
    assert!(is_granted(&only(json!({"critical": "1d"}))));
    assert_eq!(refusal(&only(json!({"critical": "99d", "default": "30d"}))).0, "TooLong");
    assert!(is_granted(&only(json!({"medium": "99d", "default": "1d"}))));
}

#[test]
fn some_controls_are_never_waivable_neither_directly_nor_by_a_criterion() {
    let never = |ids: serde_json::Value| policy(json!({"neverWaivable": ids}));
    for (names, ids, field) in [
        (json!({}), json!(["IAM.5"]), "spec.controls[0]: it names iam.5"),
        (json!({"controls": ["S3.2", "IAM.5"]}), json!(["iam.*"]), "spec.controls[1]: it names iam.5"),
        (json!({"controls": ["IAM.?"]}), json!(["IAM.5"]), "spec.controls[0]: it names iam.5"),
        (
            json!({"controls": null, "criteria": ["CC3.2"]}),
            json!(["IAM.5"]),
            "spec.criteria[0]: the criterion has iam.5",
        ),
    ] {
        let (reason, message) = refusal(&scene(exception("e").but(names)).organization(never(ids)));
        assert_eq!(reason, "NeverWaivable");
        assert!(message.starts_with(field), "{message}");
    }
    assert!(is_granted(&scene(exception("e")).organization(never(json!(["IAM.4", "S3.*"])))));
}

#[test]
fn a_control_that_a_profile_puts_into_a_criterion_is_not_waived_against_the_policy() {
    let controls = json!([
        {"id": "IAM.5", "action": "Enable", "criteria": ["CC1.1"], "rationale": "the test says so"},
        {"id": "IAM.4", "action": "Enable", "criteria": ["CC1.1"], "rationale": "the test says so"},
    ]);
    let inside = exception("e").but(json!({"controls": null, "criteria": ["CC1.1"]}));
    let failing =
        || scene(inside.clone()).with([finding("IAM.4").failed()]).profile(json!({"controls": controls.clone()}));
    let excepted_in = |scene: &Scene, control: &str| {
        let rows = scene.posture().controls;
        rows.into_iter().find(|row| row.id == control).unwrap().excepted_in
    };
    assert_eq!(excepted_in(&failing(), "IAM.5"), ["CC1.1"]);
    assert_eq!(excepted_in(&failing(), "IAM.4"), ["CC1.1"]);
    for fields in [json!({"neverWaivable": ["IAM.4"]}), json!({"maxDuration": {"critical": "1d"}})] {
        let scene = failing().organization(policy(fields));
        assert!(is_granted(&scene));
        assert_eq!(excepted_in(&scene, "IAM.5"), ["CC1.1"]);
        assert!(excepted_in(&scene, "IAM.4").is_empty());
    }
}

#[test]
fn an_approver_may_be_asked_for() {
    let asks = || policy(json!({"requireApprover": true}));
    for approver in [json!(null), json!("  ")] {
        let (reason, message) =
            refusal(&scene(exception("e").but(json!({"approvedBy": approver}))).organization(asks()));
        assert_eq!(reason, "NoApprover");
        assert!(message.starts_with("spec.approvedBy:"), "{message}");
    }
    assert!(is_granted(&scene(exception("e").but(json!({"approvedBy": "security-team"}))).organization(asks())));
}

#[test]
fn what_the_catalogue_does_not_know_is_refused_as_a_whole() {
    for (names, reason, field) in [
        (
            json!({"controls": ["IAM.5", "IAM.555"]}),
            "UnknownControl",
            "spec.controls[1]: the catalogue knows no control \"IAM.555\"",
        ),
        (json!({"controls": ["IAM.5", "Foo.*"]}), "UnknownControl", "spec.controls[1]:"),
        (json!({"controls": null, "criteria": ["CC6.9"]}), "UnknownCriterion", "spec.criteria[0]: \"CC6.9\" is no"),
    ] {
        let found = refusal(&scene(exception("e").but(names)));
        assert_eq!(found.0, reason);
        assert!(found.1.starts_with(field), "{}", found.1);
    }
}

#[test]
fn what_cannot_be_is_refused_also_where_no_api_server_looked_at_it() {
    for (fields, field) in [
        (json!({"controls": null}), "spec.controls, spec.criteria"),
        (json!({"criteria": ["CC6.1"]}), "spec.controls, spec.criteria"),
        (json!({"controls": []}), "spec.controls, spec.criteria"),
        (json!({"expiresAt": "2026-11-21T12:00:00Z"}), "spec.expiresAt"),
        (json!({"expiresAt": "2026-11-21T12:00:00.9Z"}), "spec.expiresAt"),
        (json!({"expiresAt": "2020-01-01T00:00:00Z"}), "spec.expiresAt"),
        (json!({"coversUnknown": true, "resources": ["*"]}), "spec.coversUnknown"),
    ] {
        let found = refusal(&scene(exception("e").but(fields)));
        assert_eq!(found.0, "BadSpec");
        assert!(found.1.starts_with(field), "{}", found.1);
    }
}

#[test]
fn a_policy_that_is_wrong_refuses_everything_and_names_its_field() {
    for (fields, field) in [
        (
            json!({"neverWaivable": ["IAM.4", "IAM.44"]}),
            "spec.exceptionPolicy.neverWaivable[1]: no catalogue knows a control \"IAM.44\"",
        ),
        (json!({"maxDuration": {"high": "soon"}}), "spec.exceptionPolicy.maxDuration.high: \"soon\" is no duration"),
    ] {
        let (reason, message) = refusal(&scene(exception("e")).organization(policy(fields)));
        assert_eq!(reason, "PolicyInvalid");
        assert!(message.starts_with(&format!("AwsOrganization acme: {field}")), "{message}");
    }
}

#[test]
fn the_first_of_the_reasons_is_given() {
    let bad = json!({"neverWaivable": ["IAM.5"], "requireApprover": true, "maxDuration": {"default": "1d"}, "namespaces": [{"name": TEAM}]});
    let with = |one: Written<ComplianceExceptionSpec>| refusal(&scene(one).organization(policy(bad.clone()))).0;
    assert_eq!(with(exception("e")), "NotGranted");
    assert_eq!(with(of_team()), "NeverWaivable");
    assert_eq!(with(exception("e").but(json!({"controls": ["IAM.555"]}))), "UnknownControl");
    assert_eq!(with(exception("e").but(json!({"expiresAt": "2020-01-01T00:00:00Z"}))), "BadSpec");
    let waivable = of_team().but(json!({"controls": ["IAM.6"]}));
    let scene = scene(waivable.clone()).organization(policy(bad.clone()));
    assert_eq!(scene.exception_words("e"), "Refused: TooLong");
    let short = waivable.but(json!({"expiresAt": "2026-11-22T12:00:00Z"}));
    let early =
        Scene::new().waived([short]).organization(policy(bad)).but(|scene| scene.now = at("2026-11-22T11:00:00Z"));
    assert_eq!(early.exception_words("e"), "Refused: NoApprover");
}

#[test]
fn while_the_accounts_are_not_known_it_waits_and_has_no_effect() {
    let untagged = exception("e").but(json!({"targets": {"include": [{"accountTags": {"env": "prod"}}]}}));
    let unread = scene(untagged.clone()).but(|scene| scene.account().tags = None);
    assert_eq!(unread.exception_words("e"), "Pending: TagsNotRead");
    assert_eq!(unread.check("IAM.5"), "Failed: FindingsFailed");
    let grant = granted_to_team(json!({"include": [{"accountTags": {"env": "prod"}}]}));
    let unread = scene(of_team()).organization(grant).but(|scene| scene.account().tags = None);
    assert_eq!(unread.exception_words("e"), "Pending: TagsNotRead");
    let read = scene(untagged).but(|scene| {
        scene.account().tags = Some([("env".to_owned(), "prod".to_owned())].into());
    });
    assert_eq!(read.exception_words("e"), "Active: Active");

    let scene = scene(exception("e"));
    let world = World { organization: None, ..scene.world() };
    let assessment = assess(&scene.wanted().desired(), &world, &Memory::default(), now()).unwrap();
    let standing = assessment.exceptions()[0].standing(now());
    assert_eq!((standing.state, standing.reason), (ExceptionState::Pending, "OrganizationNotRead"));
}

#[test]
fn exceptions_of_other_organizations_are_left_out() {
    let other = exception("other").but(json!({"organizationRef": {"name": "other"}}));
    let scene = scene(exception("e")).waived([other]);
    let names: Vec<String> = scene.assess().exceptions().into_iter().map(|fact| fact.name).collect();
    assert_eq!(names, ["e"]);
}

#[test]
fn what_has_ended_has_ended_whether_it_was_granted_or_not() {
    let past = json!({"startsAt": "2026-11-01T00:00:00Z", "expiresAt": "2026-11-22T12:00:00Z"});
    for one in [exception("e"), of_team(), exception("e").but(json!({"controls": ["IAM.555"]}))] {
        let scene = scene(one.but(past.clone()));
        assert_eq!(scene.exception_words("e"), "Expired: Expired");
        assert_eq!(scene.check("IAM.5"), "Failed: FindingsFailed");
    }
    // Only those that were granted for its accounts count in a profile.
    assert_eq!(scene(exception("e").but(past.clone())).assess().status().exceptions.unwrap().expired, 1);
    assert_eq!(scene(of_team().but(past)).assess().status().exceptions.unwrap().expired, 0);
}

#[test]
fn selectors_that_match_nothing_are_named() {
    let nobody = exception("e").but(json!({"targets": {"include": [{"accountNames": ["nobody"]}]}}));
    let standing = scene(nobody).exception("e").standing(now());
    assert_eq!(standing.state, ExceptionState::Unmatched);
    assert_eq!(
        standing.message,
        "nothing that it names fails; spec.targets.include[0].accountNames[0] match no account"
    );
}

#[test]
fn conditions_say_whether_it_is_refused() {
    let words = |scene: &Scene| -> Vec<String> {
        let conditions = scene.exception("e").standing(now()).conditions();
        conditions.iter().map(|one| format!("{}={} {}", one.type_, one.status.as_str(), one.reason)).collect()
    };
    assert_eq!(words(&scene(exception("e"))), ["Ready=True Active"]);
    assert_eq!(words(&scene(of_team())), ["Ready=False NotGranted", "Stalled=True NotGranted"]);
}

#[test]
fn profiles_together_cover_what_any_of_them_covers() {
    let targets = json!({"include": [{"accountIds": [ACCOUNT, ADMIN]}]});
    let wide = exception("e").but(json!({"targets": targets}));
    let one = scene(wide).with([finding("IAM.5").account(ADMIN).failed(), finding("IAM.5").resource("x").failed()]);
    let other = one.clone().profile(json!({"targets": {"include": [{"accountIds": [ADMIN]}]}}));
    let both = one.clone().profile(json!({"targets": {"include": [{"accountIds": [ACCOUNT, ADMIN]}]}}));
    let wanted = one.wanted();
    let alone = exceptions("acme", &one.aws, &wanted.owners(), catalog(), Some(&one.organization));
    assert_eq!(alone[0].standing(now()).state, ExceptionState::Unmatched);
    let scenes = [&one, &other, &both];
    let facts = alone.into_iter().chain(scenes.iter().flat_map(|scene| scene.assess().exceptions()));
    let merged = merge_exceptions(facts);
    assert_eq!(merged.len(), 1);
    let standing = merged[0].standing(now());
    assert_eq!((standing.state, standing.accounts, standing.resources), (ExceptionState::Active, 2, 3));
    assert!(merged[0].concerns_profile);

    // It is refused only where all say so.
    let refused = scene(exception("e").but(json!({"controls": ["IAM.555"]}))).assess().exceptions();
    let granted = scene(exception("e")).assess().exceptions();
    for facts in [[refused.clone(), granted.clone()], [granted, refused.clone()]] {
        let merged = merge_exceptions(facts.concat());
        assert_eq!(merged[0].verdict, ExceptionVerdict::Granted);
    }
    assert_eq!(merge_exceptions([refused.clone(), refused].concat())[0].standing(now()).state, ExceptionState::Refused);
}

#[test]
fn a_later_end_is_a_renewal() {
    let status = |end: Option<&str>, renewals: u32| soc2_crds::ComplianceExceptionStatus {
        expires_at: end.map(|end| k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(end))),
        renewals,
        ..Default::default()
    };
    let end = at("2026-12-31T00:00:00Z");
    assert_eq!(renewals(None, end), 0);
    assert_eq!(renewals(Some(&status(None, 0)), end), 0);
    assert_eq!(renewals(Some(&status(Some("2026-12-31T00:00:00Z"), 2)), end), 2);
    assert_eq!(renewals(Some(&status(Some("2026-12-30T00:00:00Z"), 2)), end), 3);
    assert_eq!(renewals(Some(&status(Some("2027-01-30T00:00:00Z"), 2)), end), 2);
}

#[test]
fn tags_are_needed_where_any_selector_asks_for_them() {
    let tags = || json!({"include": [{"accountTags": {"env": "prod"}}]});
    let uses = |scene: &Scene| scene.wanted().owners().use_tags(scene.aws.exception_policy.as_ref());
    let plain = scene(exception("e")).organization(granted_to_team(json!({"include": [{"accountIds": [ACCOUNT]}]})));
    assert!(!uses(&plain));
    assert!(uses(&scene(exception("e").but(json!({"targets": tags()})))));
    assert!(uses(&plain.clone().organization(granted_to_team(tags()))));
    let attested = |fields: serde_json::Value| {
        plain.clone().attested([crate::written::attestation("a", "access-review").but(fields)])
    };
    assert!(!uses(&attested(json!({}))));
    assert!(uses(&attested(json!({"targets": tags()}))));
}
