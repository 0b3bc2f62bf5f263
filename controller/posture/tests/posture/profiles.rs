//! Several profiles, inheritance by organizational unit, exclusions, tiers, catalogues of one's own.

use std::sync::Arc;

use serde_json::json;
use soc2_catalog::{Catalog, Reach};
use soc2_crds::ControlCatalogSpec;

use crate::scene::{ACCOUNT, ADMIN, FindingExt, LINKED, MANAGEMENT, Scene, catalog, check, finding, id};
use crate::signals::signal;
use crate::written::{attestation, exception, object};

const OTHER: &str = "444444444444";

fn accounts(scene: &Scene) -> Vec<String> {
    scene.assess().accounts().map(|account| account.to_string()).collect()
}

fn of_units(include: serde_json::Value, exclude: serde_json::Value) -> Scene {
    let mut targets = object("include", include);
    targets["exclude"] = exclude;
    let mut scene = Scene::new().profile(object("targets", targets));
    scene.add_account(OTHER, "test", "ou-ab12-workloads");
    scene
}

#[test]
fn accounts_below_a_unit_inherit_its_profile_and_excluded_units_do_not() {
    let unit = |path: &str| json!([{"organizationalUnit": {"path": path}}]);
    for (include, exclude, expected) in [
        (unit("Workloads"), json!(null), vec![ACCOUNT, OTHER]),
        (unit("Workloads/Prod"), json!(null), vec![ACCOUNT]),
        (unit("Workloads"), unit("Workloads/Prod"), vec![OTHER]),
        (json!([{"organizationalUnit": {"path": "Workloads", "recursive": false}}]), json!(null), vec![OTHER]),
        (unit("/"), unit("Workloads"), vec![MANAGEMENT, ADMIN]),
        (json!(null), json!([{"accountIds": [ACCOUNT]}, {"accountNames": ["sec*"]}]), vec![MANAGEMENT, OTHER]),
        // Paths match whole names.
        (unit("Work"), json!(null), vec![]),
        (unit("Workloads/Pro"), json!(null), vec![]),
    ] {
        assert_eq!(accounts(&of_units(include.clone(), exclude.clone())), expected, "{include} {exclude}");
    }
    // Where an account moves, it takes on what holds there.
    let moved = of_units(unit("Workloads/Prod"), json!(null)).but(|scene| {
        scene.organization.accounts.get_mut(&id(OTHER)).unwrap().parent = "ou-ab12-prod0000".to_owned();
    });
    assert_eq!(accounts(&moved), [ACCOUNT, OTHER]);
}

#[test]
fn an_account_under_several_profiles_stands_under_each_by_itself() {
    let base = Scene::new()
        .with([finding("IAM.5").aged("20h"), finding("S3.2").failed()])
        .waived([exception("e").but(json!({"controls": ["S3.2"]}))]);
    let strict = base.clone().profile(json!({"freshness": "12h", "requiredRegions": ["eu-west-1", "ap-south-1"]}));
    let tailored = json!([{"id": "IAM.5", "action": "Disable", "rationale": "the test says so"}]);
    let lenient = base.clone().profile(json!({"controls": tailored}));
    assert_eq!((base.check("IAM.5").as_str(), base.check("S3.2").as_str()), ("Passed", "Excepted: Excepted"));
    assert_eq!(
        (strict.check("IAM.5").as_str(), strict.check("S3.2").as_str()),
        ("Unknown: RegionNotCovered", "Unknown: RegionNotCovered")
    );
    assert_eq!((lenient.check("IAM.5").as_str(), lenient.check("S3.2").as_str()), ("-", "Excepted: Excepted"));
    for scene in [&base, &strict, &lenient] {
        assert_eq!(scene.exception_words("e"), "Active: Active");
    }
}

#[test]
fn the_extended_tier_has_every_mapping() {
    let scene = Scene::new();
    assert_eq!(scene.check("Redshift.10"), "-");
    let extended = scene.clone().profile(json!({"tier": "Extended"}));
    assert_eq!(extended.check("Redshift.10"), "Unknown: NoFindings");
    let rows = extended.clone().with([finding("Redshift.10").failed()]).posture().controls;
    assert_eq!(rows[0].criteria, ["CC6.1", "CC6.2", "CC7.2"]);
    let controls = |scene: &Scene| scene.assess().status().criteria.iter().map(|one| one.controls).sum::<u32>();
    assert!(controls(&extended) > controls(&scene));
    // Whatever is in the Default tier is in the Extended one.
    let both = [scene, extended].map(|scene| {
        let posture = scene.posture();
        posture.unknown.into_iter().flat_map(|group| group.controls).collect::<std::collections::BTreeSet<String>>()
    });
    assert!(both[0].is_subset(&both[1]));
}

#[test]
fn what_can_be_reached_leaves_out_how_things_are_set_up() {
    let reachable = |scene: &Scene| scene.assess().status().coverage.unwrap().reachable_compliance.unwrap();
    let passing = crate::conditions::passing();
    assert_eq!(reachable(&passing), "100%");
    // A failure, and what is old, can be repaired.
    let failing =
        passing.clone().with([finding("IAM.5").resource("x").failed(), finding("S3.2").resource("x").aged("99h")]);
    assert_eq!(reachable(&failing), "100%");
    let disabled = passing.clone().with([finding("IAM.5").resource("x").status("WARNING")]);
    assert_eq!(reachable(&disabled), "98%");
    assert_eq!(reachable(&Scene::new()), "0%");
    let suspended = passing.but(|scene| scene.account().state = soc2_posture::organization::AccountState::Suspended);
    assert_eq!(suspended.assess().status().coverage.unwrap().reachable_compliance, None);
}

/// A catalogue with a control of the organization's own, for CC6.1, behind the built-in ones, and one that Security Hub has and the
/// built-in catalogue does not.
fn own_catalog() -> Arc<Catalog> {
    let spec: ControlCatalogSpec = serde_json::from_value(json!({
        "extends": "soc2",
        "criteria": [
            {"id": "CC6.1", "controls": [
                {"id": "Custom.2", "confidence": "Direct", "source": "SEC-77"},
                {"id": "Custom.1", "confidence": "Direct", "source": "SEC-77"},
            ]},
        ],
        "controls": [
            {"id": "Custom.2", "title": "Images are scanned", "severity": "High", "reach": "Regional",
             "match": {"generatorId": "acme/scanner/*"}},
            {"id": "Custom.1", "title": "Hosts are scanned", "severity": "Critical", "reach": "Global",
             "match": {"generatorId": "acme/hosts/*"}},
        ],
        "activities": [{"id": "badge-review", "title": "Badges are reviewed", "criteria": ["CC6.4"], "cadence": "Monthly"}],
    }))
    .unwrap();
    Arc::new(Catalog::extended(catalog(), &spec, "soc2-acme").unwrap())
}

fn own() -> Scene {
    Scene::new().but(|scene| scene.catalog = Some(own_catalog()))
}

#[test]
fn controls_of_an_own_catalogue_count_as_the_built_in_ones_do() {
    let own_catalog = own_catalog();
    let custom = own_catalog.control("custom.2").unwrap();
    assert!(usize::from(custom.0) >= catalog().controls().len());
    assert_eq!(own_catalog.get(custom).reach, Reach::Regional);
    // In scope although no standard has them. Security Hub's own findings are no evidence of them, whatever their id.
    let hub = ["Unheard.1", "CUSTOM.1", " custom.2 "].map(|id| finding(id).resource("host").failed());
    let hosts = signal("acme/scanner", "acme/hosts/1", "host").status("PASSED");
    let images = signal("acme/scanner", "acme/scanner/1", "host").failed();
    let scene = own().with(hub).with([hosts, images, finding("IAM.5").resource("host")]).others_read();
    assert_eq!(scene.check("Custom.1"), "Passed");
    assert_eq!(scene.check("Custom.2"), "Failed: FindingsFailed");
    assert_eq!(scene.check("IAM.5"), "Passed");
    let row = scene.posture().controls.into_iter().find(|row| row.id == "Custom.2").unwrap();
    assert_eq!(
        (row.severity.as_str(), row.criteria, row.resources.sample.as_deref()),
        ("High", vec!["CC6.1".to_owned()], Some("host"))
    );
    // Without a finding there is no standard to blame.
    assert_eq!(own().others_read().check("Custom.1"), "Unknown: NoFindings");
    assert!(
        own().assess().status().coverage.unwrap().controls_without_standard.iter().all(|id| !id.starts_with("Custom"))
    );
    let metrics = scene.assess().metrics();
    let of_control = metrics.controls.iter().find(|control| control.id == "Custom.2").unwrap();
    assert_eq!(of_control.accounts.failed, 1);
    let status = scene.assess().status();
    assert_eq!(
        (status.worst_controls[0].id.as_str(), status.catalog.unwrap().name.as_str()),
        ("Custom.2", "soc2-acme")
    );
    // Exceptions and memory know them as well.
    let waived = scene.clone().waived([exception("e").but(json!({"controls": ["custom.*"]}))]);
    assert_eq!(
        (waived.check("Custom.2").as_str(), waived.exception_words("e").as_str()),
        ("Excepted: Excepted", "Active: Active")
    );
    assert_eq!(scene.assess().memory(), scene.assess().memory());
    let published = scene.posture();
    let mut memory = soc2_posture::Memory::default().with_baseline(Some(1));
    memory.remember(&own_catalog, id(ACCOUNT), &published);
    let later = scene.clone().but(|scene| scene.now += jiff::SignedDuration::from_hours(1));
    let after = soc2_posture::assess(&later.wanted().desired(), &later.world(), &memory, later.now).unwrap();
    assert_eq!(after.posture(id(ACCOUNT), &later.index()).unwrap().controls, published.controls);
}

#[test]
fn a_control_that_only_another_catalogue_knows_is_no_reason_to_refuse() {
    let names = || exception("e").but(json!({"controls": ["IAM.5", "Custom.1"]}));
    let scene = Scene::new().with([finding("IAM.5").failed()]).waived([names()]);
    assert_eq!(scene.exception_words("e"), "Refused: UnknownControl");
    let known = scene.clone().but(|scene| scene.catalogs = vec![own_catalog()]);
    assert_eq!(known.exception_words("e"), "Active: Active");
    // Neither of the exception, nor of the policy; the severity counts.
    let never = known.clone().organization(json!({"exceptionPolicy": {"neverWaivable": ["Custom.2"]}}));
    assert_eq!(never.exception_words("e"), "Active: Active");
    let never = known.clone().organization(json!({"exceptionPolicy": {"neverWaivable": ["Custom.1"]}}));
    assert_eq!(never.exception_words("e"), "Refused: NeverWaivable");
    let short = known.organization(json!({"exceptionPolicy": {"maxDuration": {"critical": "1d"}}}));
    assert_eq!(short.exception_words("e"), "Refused: TooLong");
}

#[test]
fn activities_of_an_own_catalogue_are_asked_for() {
    let scene = own().attested([attestation("b", "badge-review")]);
    let found = scene.activity("badge-review");
    assert_eq!((found.criteria, found.attestation.as_deref()), (vec!["CC6.4".to_owned()], Some("soc2-operator/b")));
    assert_eq!(found.valid_until.unwrap().0, crate::scene::at("2026-12-15T12:00:00Z"));
    assert!(!Scene::new().attested([]).assess().activities().iter().any(|row| row.id == "badge-review"));
}

#[test]
fn findings_are_found_whatever_the_order_of_the_catalogue_and_the_index() {
    // Controls of Security Hub that the built-in catalogue does not have. New.2 is numbered before New.1 in one index, and
    // behind it in the other.
    let new = |id: &str| {
        json!({"id": id, "title": "AWS added it", "severity": "High",
               "standards": ["aws-foundational-security-best-practices/v/1.0.0"]})
    };
    let mapped = |id: &str| json!({"id": id, "confidence": "Direct", "source": "SEC-78"});
    let spec: ControlCatalogSpec = serde_json::from_value(json!({
        "extends": "soc2",
        "criteria": [{"id": "CC6.1", "controls": [mapped("New.2"), mapped("New.1")]}],
        "controls": [new("New.2"), new("New.1")],
    }))
    .unwrap();
    let newer = Arc::new(Catalog::extended(catalog(), &spec, "soc2-newer").unwrap());
    let scene = || Scene::new().but(|scene| scene.catalog = Some(Arc::clone(&newer)));
    let one = scene().with([finding("New.2"), finding("New.1").region(LINKED).failed()]);
    let other = scene().with([finding("New.1").region(LINKED).failed(), finding("New.2")]);
    for scene in [&one, &other] {
        let posture = scene.posture();
        assert_eq!(
            (check(&posture, "New.1").as_str(), check(&posture, "New.2").as_str()),
            ("Failed: FindingsFailed", "Passed")
        );
    }
}
