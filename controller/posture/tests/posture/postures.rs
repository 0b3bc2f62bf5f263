//! The posture of one account: content, order, size.

use soc2_crds::{AccountPostureSpec, State};
use soc2_posture::finding::Finding;
use soc2_posture::organization::AccountState;
use soc2_posture::source::HubError;

use crate::scene::{ACCOUNT, FindingExt, HOME, LINKED, MANAGEMENT, Scene, broken, catalog, finding, id};

fn bytes(posture: &AccountPostureSpec) -> usize {
    serde_json::to_vec(posture).unwrap().len()
}

/// A profile with at least 200 controls: everything enabled.
fn large() -> Scene {
    let ids: Vec<&str> =
        catalog().controls().iter().filter(|control| !control.retired).map(|one| one.id.as_str()).collect();
    let entry = |id: &&str| serde_json::json!({"id": id, "action": "Enable", "criteria": ["CC6.1", "CC6.6", "CC7.2"], "rationale": "to see it"});
    let controls: Vec<_> = ids.iter().take(200).map(entry).collect();
    let none = serde_json::json!([{"id": "*", "action": "Disable", "rationale": "to begin with nothing"}]);
    let controls: Vec<_> = none.as_array().unwrap().iter().cloned().chain(controls).collect();
    Scene::new().profile(serde_json::json!({"controls": controls})).but(|scene| {
        scene.account().name = "a-name-of-an-account-that-is-as-long-as-it-can-be".to_owned();
    })
}

fn of_all(scene: &Scene, finding_of: impl Fn(&str, usize) -> Vec<Finding>) -> Vec<Finding> {
    let ids: Vec<String> =
        catalog().controls().iter().filter(|control| !control.retired).map(|one| one.id.clone()).collect();
    let _ = scene;
    ids.iter().take(200).enumerate().flat_map(|(at, id)| finding_of(id, at)).collect()
}

fn arn(at: usize) -> String {
    format!("arn:aws:rds:eu-west-1:{ACCOUNT}:db:production-payments-database-number-{at}")
}

#[test]
fn it_has_everything_of_the_account() {
    let scene = Scene::new().with([
        finding("IAM.5").failed(),
        finding("S3.2"),
        finding("S3.3").of_type("AwsAccount"),
        finding("S3.5").aged("40h"),
    ]);
    let posture = scene.posture();
    assert_eq!((posture.account.id.as_str(), posture.account.name.as_str()), (ACCOUNT, "prod-payments"));
    assert_eq!((posture.account.ou_path.as_str(), posture.account.state.as_str()), ("Workloads/Prod", "ACTIVE"));
    assert_eq!(posture.passed, ["S3.2"]);
    assert_eq!(posture.nothing_to_check, ["S3.3"]);
    let summary = &posture.summary;
    assert_eq!((summary.failed, summary.passed, summary.excepted, summary.not_applicable), (1, 2, 0, 0));
    let in_groups: usize = posture.unknown.iter().map(|group| group.controls.len()).sum();
    assert_eq!(summary.unknown as usize, in_groups);
    assert_eq!(posture.criteria.failed, ["CC3.2", "CC6.6"]);
    assert!(posture.criteria.unknown.contains(&"CC6.1".to_owned()));
    assert_eq!(posture.guardrails, None);
    // A criterion is in one list, and only when a control answers for it.
    let all: Vec<&String> = posture.criteria.failed.iter().chain(&posture.criteria.unknown).collect();
    assert_eq!(all.len(), all.iter().collect::<std::collections::BTreeSet<_>>().len());
    assert!(!all.contains(&&"CC1.1".to_owned()));
}

#[test]
fn rows_come_worst_first() {
    let suppressed = serde_json::json!({"treatAs": "Excepted", "until": "2027-01-31", "rationale": "we move them"});
    let many = |id: &str| [finding(id).failed(), finding(id).resource("two").failed()];
    let scene = Scene::new()
        .with([
            finding("IAM.6").suppressed(),
            finding("IAM.2").failed(),
            finding("IAM.5").failed(),
            finding("IAM.1").failed(),
        ])
        .with(many("S3.5"))
        .with(many("IAM.4"))
        .with([finding("S3.2").failed()])
        .profile(serde_json::json!({"suppressed": suppressed}));
    let posture = scene.posture();
    let rows: Vec<(&str, State)> = posture.controls.iter().map(|row| (row.id.as_str(), row.state)).collect();
    assert_eq!(
        rows,
        [
            ("IAM.4", State::Failed), // critical, two
            ("S3.2", State::Failed),  // critical, one
            ("IAM.1", State::Failed), // high
            ("S3.5", State::Failed),  // medium, two
            ("IAM.5", State::Failed), // medium, one
            ("IAM.2", State::Failed), // low
            ("IAM.6", State::Excepted),
        ]
    );
    assert_eq!(posture.controls[6].resources.sample, None);
}

#[test]
fn the_sample_is_the_first_failing_resource_whatever_the_order() {
    let findings = [
        finding("S3.2").resource("arn:aws:s3:::c").failed(),
        finding("S3.2").resource("arn:aws:s3:::b").failed(),
        finding("S3.2").resource("arn:aws:s3:::a"),
        finding("S3.2").resource("arn:aws:s3:::0").failed().suppressed(),
        finding("S3.2").resource("arn:aws:s3:::1").failed().aged("40h"),
        finding("S3.2").resource("arn:aws:s3:::1").again("nist"),
    ];
    let sample = |findings: Vec<Finding>| {
        let posture = Scene::new().with(findings).posture();
        posture.controls.iter().find(|row| row.id == "S3.2").unwrap().resources.sample.clone()
    };
    assert_eq!(sample(findings.to_vec()).as_deref(), Some("arn:aws:s3:::b"));
    assert_eq!(sample(findings.into_iter().rev().collect()).as_deref(), Some("arn:aws:s3:::b"));
    let long = finding("S3.2").resource(&"x".repeat(5000)).failed();
    assert_eq!(sample(vec![long]).unwrap().len(), 300);
    assert_eq!(sample(vec![finding("S3.2").change(|finding| finding.resource_id = None).failed()]), None);
}

#[test]
fn unknown_controls_are_grouped_by_reason_and_region() {
    let posture = Scene::silent().with([finding("S3.2").aged("40h"), finding("S3.3").aged("50h")]).posture();
    let group = |reason: &str| posture.unknown.iter().find(|group| group.reason == reason).unwrap();
    let stale = group("Stale");
    assert_eq!(stale.controls, ["S3.2", "S3.3"]);
    assert_eq!(stale.message, "last checked in eu-west-1 at 2026-11-20T20:00:00Z or before, older than 36h");
    assert!(group("NoFindings").controls.len() > 50);
}

#[test]
fn it_is_small_with_two_hundred_controls_of_which_ten_fail() {
    let scene = large();
    let findings = of_all(&scene, |control, at| {
        let one = |region: &str| finding(control).resource(&arn(at)).region(region);
        match at % 20 {
            0 => vec![one(HOME).failed(), one(LINKED)],
            _ => vec![one(HOME), one(LINKED)],
        }
    });
    let posture = scene.with(findings).posture();
    assert_eq!((posture.summary.failed, posture.summary.passed), (10, 190));
    assert_eq!(posture.controls.len(), 10);
    assert!(bytes(&posture) <= 8 * 1024, "{}", bytes(&posture));
    assert_eq!(posture.more, None);
}

#[test]
fn it_is_small_when_everything_is_unknown() {
    let broken_source =
        large().but(|scene| *scene.hub(LINKED) = broken(LINKED, HubError::AccessDenied("x".repeat(9999))));
    let posture = broken_source.posture();
    assert_eq!((posture.summary.unknown, posture.unknown.len()), (200, 1));
    assert!(bytes(&posture) <= 8 * 1024, "{}", bytes(&posture));

    // As many groups as can be.
    let regions: Vec<String> = (0..20).map(|number| format!("eu-made-{number}")).collect();
    let scene = large();
    let findings = of_all(&scene, |control, at| {
        let one = |age: &str, region: usize| finding(control).aged(age).region(&regions[region]);
        vec![one("40h", at % 20), one("50h", (at * 7 + at / 20) % 20), one("60h", (at * 13) % 20)]
    });
    let posture = scene.with(findings).posture();
    assert_eq!(posture.summary.unknown, 200);
    assert!(bytes(&posture) <= 8 * 1024, "{}", bytes(&posture));
}

#[test]
fn it_is_never_over_its_limit_and_what_is_cut_is_named() {
    let scene = large().but(|scene| {
        let spec = serde_json::json!([{"id": "*", "action": "Enable", "criteria": ["CC6.1", "CC6.6", "CC7.2"], "rationale": "to see it"}]);
        scene.profile.controls = serde_json::from_value(spec).unwrap();
    });
    let ids: Vec<String> =
        catalog().controls().iter().filter(|control| !control.retired).map(|one| one.id.clone()).collect();
    let findings = ids
        .iter()
        .enumerate()
        .map(|(at, id)| finding(id).resource(&format!("{}{}", arn(at), "x".repeat(400))).failed());
    let posture = scene.with(findings.collect::<Vec<_>>()).posture();
    assert!(bytes(&posture) <= 30 * 1024, "{}", bytes(&posture));
    let more = posture.more.clone().unwrap();
    assert_eq!(posture.controls.len() + more.failed.len(), ids.len());
    assert_eq!(posture.summary.failed as usize, ids.len());
    // The mildest are cut, and named worst first.
    let severity = |id: &str| catalog().get(catalog().control(id).unwrap()).severity;
    let order: Vec<_> = posture
        .controls
        .iter()
        .map(|row| row.id.as_str())
        .chain(more.failed.iter().map(String::as_str))
        .map(severity)
        .collect();
    assert!(order.is_sorted());
    let mut unique: Vec<&String> = posture.controls.iter().map(|row| &row.id).chain(&more.failed).collect();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), ids.len());
}

#[test]
fn required_guardrails_that_no_policy_provides() {
    use soc2_posture::protection::Protection;

    let scene = |protection: Option<Protection>| {
        Scene::new().profile(serde_json::json!({"guardrails": {"required": ["deny-leave-org"]}})).but(|scene| {
            let accounts = protection.into_iter().map(|protection| (id(ACCOUNT), protection)).collect();
            scene.protection.insert("deny-leave-org".to_owned(), accounts);
        })
    };
    let unprotected = |protection| scene(protection).posture().guardrails.map(|guardrails| guardrails.unprotected);
    let protected = Protection::Protected { by: vec!["p-1".to_owned()] };
    assert_eq!(unprotected(Some(protected)), Some(vec![]));
    assert_eq!(unprotected(Some(Protection::ManagementAccount)), Some(vec![]));
    assert_eq!(unprotected(Some(Protection::Unprotected)), Some(vec!["deny-leave-org".to_owned()]));
    let of = |account: &str| {
        let accounts = serde_json::json!({"include": [{"accountIds": [ACCOUNT, MANAGEMENT]}]});
        let required = serde_json::json!({"targets": accounts, "guardrails": {"required": ["deny-leave-org"]}});
        let scene = Scene::new().profile(required).but(|scene| {
            let known = [(ACCOUNT, Protection::Unprotected), (MANAGEMENT, Protection::ManagementAccount)];
            let known = known.into_iter().map(|(account, protection)| (id(account), protection)).collect();
            scene.protection.insert("deny-leave-org".to_owned(), known);
        });
        scene.assess().posture(id(account), &scene.index()).unwrap().guardrails.unwrap().not_applicable
    };
    assert_eq!(of(MANAGEMENT).as_deref(), Some("ManagementAccount"));
    assert_eq!(of(ACCOUNT), None);
    // Nobody knows: nothing is said.
    assert_eq!(unprotected(Some(Protection::Unknown { message: "not read".to_owned() })), None);
    assert_eq!(unprotected(None), None);
    let suspended = scene(Some(Protection::Unprotected)).but(|scene| scene.account().state = AccountState::Suspended);
    assert_eq!(suspended.posture().guardrails, None);
}

#[test]
fn the_label_says_whether_it_is_compliant() {
    let everything = |status: &str| -> Scene {
        let scene = Scene::new();
        let ids: Vec<String> =
            catalog().controls().iter().filter(|control| !control.retired).map(|one| one.id.clone()).collect();
        let findings =
            ids.iter().flat_map(|id| [finding(id).status(status), finding(id).status(status).region(LINKED)]);
        let findings: Vec<Finding> = findings.collect();
        scene.with(findings)
    };
    let label = |scene: &Scene| scene.assess().compliant(id(ACCOUNT)).unwrap().as_str();
    assert_eq!(label(&everything("PASSED")), "true");
    assert_eq!(label(&everything("FAILED")), "false");
    assert_eq!(label(&everything("WARNING")), "unknown");
    assert_eq!(label(&everything("PASSED").with([finding("S3.2").resource("two").failed()])), "false");
    assert_eq!(label(&everything("PASSED").with([finding("S3.2").resource("two").aged("40h")])), "unknown");
    assert_eq!(label(&everything("PASSED").but(|scene| scene.account().state = AccountState::Suspended)), "unknown");
    let guarded = everything("PASSED").profile(serde_json::json!({"guardrails": {"required": ["deny-leave-org"]}}));
    assert_eq!(label(&guarded), "unknown");
}

#[test]
fn guardrails_that_prevent_what_fails_are_named() {
    let entry =
        serde_json::json!({"id": "Account.2", "action": "Enable", "criteria": ["CC6.1"], "rationale": "we want it"});
    let scene = Scene::new().profile(serde_json::json!({"controls": [entry]})).with([
        finding("Account.2").failed(),
        finding("IAM.5").failed(),
        finding("IAM.2").failed(),
    ]);
    let prevented =
        |control: &str| scene.posture().controls.into_iter().find(|row| row.id == control).unwrap().prevented_by;
    assert_eq!(prevented("Account.2"), ["deny-leave-org"]);
    assert_eq!(prevented("IAM.5"), ["deny-long-lived-credentials"]);
    assert!(prevented("IAM.2").is_empty(), "nothing prevents it");
}
