//! Controls of an organization's own: what findings of other products say of them.

use std::sync::Arc;

use serde_json::json;
use soc2_catalog::Catalog;
use soc2_posture::finding::Finding;
use soc2_posture::source::HubError;

use crate::scene::{ACCOUNT, Change, FindingExt, HOME, LINKED, Scene, broken, catalog, finding};
use crate::signals::{scan, signal};
use crate::written::exception;

const OWN: &str = "Own.1";

/// A catalogue with one control about the scanner's findings.
fn own_catalog(reach: &str) -> Arc<Catalog> {
    let spec = json!({
        "extends": "soc2",
        "criteria": [{"id": "CC6.1", "controls": [{"id": OWN, "confidence": "Direct", "source": "SEC-77"}]}],
        "controls": [{"id": OWN, "title": "Nothing is found", "severity": "High", "reach": reach,
                      "match": {"generatorId": "acme/*", "product": "Scanner"}}],
    });
    Arc::new(Catalog::extended(catalog(), &serde_json::from_value(spec).unwrap(), "soc2-acme").unwrap())
}

fn reaching(reach: &str) -> Scene {
    Scene::new().but(|scene| scene.catalog = Some(own_catalog(reach))).others_read()
}

fn scene() -> Scene {
    reaching("Regional")
}

fn found(resource: &str) -> Finding {
    scan(resource).change(|finding| finding.product_name = Some("Scanner".to_owned()))
}

fn passed(resource: &str) -> Finding {
    found(resource).status("PASSED")
}

fn another(finding: Finding, id: &str) -> Finding {
    finding.change(|finding| finding.id = format!("{}/{id}", finding.id))
}

#[test]
fn one_finding_says() {
    for (finding, expected) in [
        (found("a"), "Failed: FindingsFailed"),
        (found("a").workflow("NOTIFIED"), "Failed: FindingsFailed"),
        (found("a").workflow("odd"), "Failed: FindingsFailed"),
        // However old, and whenever it is dated.
        (found("a").aged("9999h"), "Failed: FindingsFailed"),
        (found("a").aged("-9h"), "Failed: FindingsFailed"),
        (found("a").failed().aged("9999h"), "Failed: FindingsFailed"),
        (found("a").failed().workflow("RESOLVED"), "Failed: FindingsFailed"),
        (found("a").workflow("RESOLVED"), "Unknown: Suppressed"),
        (found("a").suppressed(), "Unknown: Suppressed"),
        (found("a").failed().suppressed(), "Unknown: Suppressed"),
        (passed("a").suppressed(), "Unknown: Suppressed"),
        (found("a").status("WARNING"), "Unknown: Warning"),
        (found("a").status("NOT_AVAILABLE"), "Unknown: NotAvailable"),
        (found("a").status("passed"), "Unknown: NotAvailable"),
        (passed("a").change(|finding| finding.id.clear()), "Unknown: NotAvailable"),
        (passed("a"), "Passed"),
        (passed("a").workflow("RESOLVED"), "Passed"),
        (passed("a").aged("36h"), "Passed"),
        (passed("a").aged("37h"), "Unknown: Stale"),
        (passed("a").aged("-1s"), "Unknown: Stale"),
        (passed("a").updated("whenever"), "Unknown: Stale"),
        (found("a").archived(), "Unknown: NoFindings"),
        // Not what the control is about.
        (found("a").change(|finding| finding.generator_id = Some("other".to_owned())), "Unknown: NoFindings"),
        (found("a").change(|finding| finding.product_name = None), "Unknown: NoFindings"),
        (found("a").account("444444444444"), "Unknown: NoFindings"),
    ] {
        assert_eq!(scene().with([finding.clone()]).check(OWN), expected, "{finding:?}");
    }
}

#[test]
fn of_several_about_one_resource_the_worst_decides_fresh_or_not() {
    for (findings, expected) in [
        // Another problem is not solved because this one is.
        (vec![passed("a"), another(found("a"), "2").aged("9999h")], "Failed: FindingsFailed"),
        (vec![passed("a"), another(passed("a"), "2").aged("99h")], "Unknown: Stale"),
        (vec![passed("a"), another(found("a"), "2").suppressed()], "Unknown: Suppressed"),
        (vec![passed("a"), another(found("a"), "2").status("WARNING")], "Unknown: Warning"),
        (vec![found("a").suppressed(), another(found("a"), "2")], "Failed: FindingsFailed"),
        (vec![passed("a"), another(passed("a"), "2")], "Passed"),
        (vec![passed("a"), another(found("a"), "2").archived()], "Passed"),
        (vec![passed("a"), found("b")], "Failed: FindingsFailed"),
    ] {
        assert_eq!(scene().with(findings.clone()).check(OWN), expected, "{findings:?}");
    }
    let some = scene().with([passed("a"), found("b"), another(found("b"), "2"), found("c"), passed("c")]);
    assert_eq!(some.message(OWN), "2 of 3 resources fail in eu-west-1");
    let row = some.posture().controls.into_iter().find(|row| row.id == OWN).unwrap();
    assert_eq!(row.resources.sample.as_deref(), Some("b"));
    assert_eq!((row.severity.as_str(), row.criteria), ("High", vec!["CC6.1".to_owned()]));
}

#[test]
fn what_was_not_completely_read_never_passes() {
    let unread: [(&str, Change); 6] = [
        ("nothing was read", |scene| [HOME, LINKED].into_iter().for_each(|region| scene.not_read(region))),
        ("nothing was read there", |scene| scene.not_read(LINKED)),
        ("the account came later", |scene| scene.came_later(HOME)),
        ("another interest was read", |scene| {
            let catalog = serde_json::from_value(json!({
                "extends": "soc2",
                "controls": [{"id": "Own.9", "title": "Other", "severity": "Low", "match": {"generatorId": "other"}}],
            }));
            let other = Catalog::extended(self::catalog(), &catalog.unwrap(), "other").unwrap();
            let matcher = other.get(other.control("Own.9").unwrap()).matcher.clone().unwrap();
            scene.hub(HOME).signals[0].interest = soc2_posture::interest::Interest::Matching(matcher);
        }),
        ("a Region that is not required", |scene| {
            scene.profile.required_regions = Some(vec![HOME.to_owned()]);
            scene.hub(LINKED).signals.clear();
        }),
        ("the hub cannot be read", |scene| {
            scene.sources.regions[1] = broken(LINKED, HubError::NotRead("HTTP 500".to_owned()));
        }),
    ];
    for (what, change) in unread {
        let scene = scene().with([passed("a")]).but(change);
        assert_eq!(scene.check(OWN), "Unknown: SweepIncomplete", "{what}");
        // What fails fails all the same; and nothing of it concerns Security Hub's controls.
        assert_eq!(scene.clone().with([found("b")]).check(OWN), "Failed: FindingsFailed", "{what}");
        if scene.sources.regions.iter().all(|hub| hub.error.is_none()) {
            assert_eq!(scene.with([finding("IAM.5")]).check("IAM.5"), "Passed", "{what}");
        }
    }
    let message = scene().with([passed("a")]).but(|scene| scene.not_read(LINKED)).message(OWN);
    assert_eq!(message, "findings of us-east-1 are not completely read");
    // Another source that reads the same Region will do.
    let second = scene().with([passed("a")]).but(|scene| {
        let mut twin = scene.hub(LINKED).clone();
        "second".clone_into(&mut twin.source);
        scene.hub(LINKED).signals.clear();
        scene.sources.regions.push(twin);
    });
    assert_eq!(second.check(OWN), "Passed");
}

#[test]
fn the_rules_about_accounts_and_sources_hold_for_them_too() {
    let changes: [(Change, &str); 5] = [
        (
            |scene| scene.account().state = soc2_posture::organization::AccountState::Suspended,
            "NotApplicable: AccountSuspended",
        ),
        (|scene| scene.not_member(LINKED), "Unknown: AccountNotMember"),
        (|scene| scene.profile.required_regions = Some(vec!["ap-south-1".to_owned()]), "Unknown: RegionNotCovered"),
        (|scene| scene.not_swept(HOME), "Unknown: SweepIncomplete"),
        (
            |scene| {
                scene.hub(HOME).signals.clear();
                scene.account().joined_at = Some(crate::scene::now());
            },
            "Unknown: Onboarding",
        ),
    ];
    for (change, expected) in changes {
        assert_eq!(scene().with([passed("a")]).but(change).check(OWN), expected);
    }
}

#[test]
fn silence_is_no_pass_unless_the_profile_says_what_it_means() {
    let quiet = |reach: &str| {
        let wanted = json!({"noFindings": {"treatAs": "NotApplicable", "rationale": "it only reports problems"}});
        reaching(reach).profile(wanted)
    };
    assert_eq!(scene().check(OWN), "Unknown: NoFindings");
    assert_eq!(quiet("Regional").check(OWN), "NotApplicable: NoFindings");
    for reach in ["Global", "RegionalAccount"] {
        assert_eq!(quiet(reach).check(OWN), "Unknown: NoFindings", "{reach}");
    }
    // Not where nobody knows, nor where Security Hub itself is silent, nor where something was found.
    let unread = quiet("Regional").but(|scene| scene.not_read(HOME));
    assert_eq!(unread.check(OWN), "Unknown: SweepIncomplete");
    let dead = quiet("Regional").but(|scene| scene.findings.retain(|finding| finding.region == HOME));
    assert_eq!(dead.check(OWN), "Unknown: NoFindings");
    assert_eq!(quiet("Regional").with([found("a").workflow("RESOLVED")]).check(OWN), "Unknown: Suppressed");
    // No standard needs to be enabled for them.
    let bare = quiet("Regional").but(|scene| scene.sources.regions.iter_mut().for_each(|hub| hub.standards.clear()));
    assert_eq!(bare.check(OWN), "NotApplicable: NoFindings");
}

#[test]
fn evidence_is_needed_where_the_reach_says() {
    let there = |finding: Finding| finding.change(|finding| LINKED.clone_into(&mut finding.region));
    for (reach, findings, expected) in [
        ("Global", vec![there(passed("a"))], "Passed"),
        ("Regional", vec![there(passed("a"))], "Passed"),
        ("RegionalAccount", vec![there(passed("a"))], "Unknown: NoFindings"),
        ("RegionalAccount", vec![there(passed("a")), passed("b")], "Passed"),
    ] {
        assert_eq!(reaching(reach).with(findings).check(OWN), expected, "{reach}");
    }
    let dead = scene().but(|scene| scene.findings.clear()).with([passed("a")]);
    assert_eq!(dead.check(OWN), "Unknown: NoFindings", "where checks of Security Hub do not run");
}

#[test]
fn they_are_waived_as_others_are() {
    let waiver = || exception("e").but(json!({"controls": ["own.1"]}));
    let one = || exception("e").but(json!({"controls": ["own.1"], "resources": ["a*"]}));
    let unknown = || exception("e").but(json!({"controls": ["own.1"], "coversUnknown": true}));
    for (scene, expected) in [
        (scene().with([found("a")]).waived([waiver()]), "Excepted: Excepted"),
        (scene().with([found("a").workflow("RESOLVED")]).waived([waiver()]), "Excepted: Excepted"),
        (scene().with([found("a"), passed("b")]).waived([one()]), "Excepted: Excepted"),
        (scene().with([found("a"), found("b")]).waived([one()]), "Failed: FindingsFailed"),
        (scene().waived([unknown()]), "Excepted: Excepted"),
        // Never what could not be read.
        (scene().but(|scene| scene.not_read(HOME)).waived([unknown()]), "Unknown: SweepIncomplete"),
    ] {
        assert_eq!(scene.check(OWN), expected);
    }
    let upstream = json!({"suppressed": {"treatAs": "Excepted", "until": "2026-12-01", "rationale": "we move over"}});
    let scene = scene().profile(upstream).with([found("a").suppressed(), passed("b")]);
    assert_eq!(scene.check(OWN), "Excepted: SuppressedUpstream");
}

#[test]
fn nothing_to_check_needs_a_type_of_resource() {
    let account = || passed(ACCOUNT).of_type("AwsAccount");
    assert_eq!(scene().with([account()]).check(OWN), "Passed");
}

#[test]
fn a_finding_that_names_a_control_of_security_hub_is_none() {
    let pretends = |status: &str| {
        found("arn:aws:s3:::one").status(status).change(|finding| {
            finding.control_id = Some("S3.2".to_owned());
        })
    };
    for status in ["PASSED", "FAILED"] {
        let scene = scene().with([pretends(status), finding("S3.3")]);
        assert_eq!((scene.check("S3.2").as_str(), scene.check("S3.3").as_str()), ("Unknown: NoFindings", "Passed"));
    }
    let hub = finding("S3.2").failed().change(|finding| finding.generator_id = Some("acme/1".to_owned()));
    let hub = hub.change(|finding| finding.product_name = Some("Scanner".to_owned()));
    assert_eq!(scene().with([hub]).check(OWN), "Unknown: NoFindings");
    assert_eq!(scene().with([signal("aws/guardduty", "acme/1", "a")]).check(OWN), "Unknown: NoFindings");
}
