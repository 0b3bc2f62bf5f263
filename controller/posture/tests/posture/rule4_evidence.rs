//! Rule 4: what findings say.

use soc2_posture::finding::Finding;

use crate::scene::{FindingExt, HOME, LINKED, Scene, at, finding};

/// What the control S3.2 comes to with these findings, in an account that is alive.
fn outcome(findings: &[Finding]) -> String {
    Scene::new().with(findings.to_vec()).check("S3.2")
}

/// A finding of S3.2 about one bucket.
fn s3() -> Finding {
    finding("S3.2")
}

#[test]
fn each_word_of_compliance_status() {
    for (word, expected) in [
        ("PASSED", "Passed"),
        ("FAILED", "Failed: FindingsFailed"),
        ("WARNING", "Unknown: Warning"),
        ("NOT_AVAILABLE", "Unknown: NotAvailable"),
        ("passed", "Unknown: NotAvailable"),
        ("PASSED ", "Unknown: NotAvailable"),
        ("NOT_APPLICABLE", "Unknown: NotAvailable"),
        ("", "Unknown: NotAvailable"),
    ] {
        assert_eq!(outcome(&[s3().status(word)]), expected, "{word:?}");
    }
    assert_eq!(outcome(&[s3().change(|finding| finding.compliance = None)]), "Unknown: NotAvailable");
}

#[test]
fn a_pass_is_fresh_up_to_the_limit_and_not_from_the_future() {
    for (age, expected) in [
        ("0s", "Passed"),
        ("1h", "Passed"),
        ("36h", "Passed"),
        ("36h1ms", "Unknown: Stale"),
        ("37h", "Unknown: Stale"),
        ("90d", "Unknown: Stale"),
        ("-1ms", "Unknown: Stale"),
        ("-1s", "Unknown: Stale"),
        ("-9999h", "Unknown: Stale"),
    ] {
        let age = age.replace("90d", "2160h");
        assert_eq!(outcome(&[s3().aged(&age)]), expected, "{age}");
    }
    for when in ["", "yesterday", "2026-11-22", "2026-11-22T11:00:00", "1795348800"] {
        assert_eq!(outcome(&[s3().updated(when)]), "Unknown: Stale", "{when:?}");
    }
    assert_eq!(outcome(&[s3().change(|finding| finding.updated_at = None)]), "Unknown: Stale");
    for when in ["2026-11-22T11:00:00Z", "2026-11-22T11:00:00.123Z", "2026-11-22T12:00:00+01:00"] {
        assert_eq!(outcome(&[s3().updated(when)]), "Passed", "{when:?}");
    }
}

#[test]
fn the_profile_sets_the_limit() {
    let scene = |limit: &str| Scene::new().with([s3().aged("3h")]).profile(serde_json::json!({"freshness": limit}));
    assert_eq!(scene("3h").check("S3.2"), "Passed");
    assert_eq!(scene("2h59m59s").check("S3.2"), "Unknown: Stale");
    assert_eq!(
        scene("2h59m59s").message("S3.2"),
        "last checked in eu-west-1 at 2026-11-22T09:00:00Z or before, older than 2h59m59s"
    );
}

#[test]
fn what_has_no_time_is_never_fresh_not_even_when_anything_is() {
    let scene = |finding: Finding| Scene::new().with([finding]).profile(serde_json::json!({"freshness": "1000000h"}));
    assert_eq!(scene(s3().updated("1971-01-01T00:00:00Z")).check("S3.2"), "Passed");
    assert_eq!(scene(s3().updated("")).check("S3.2"), "Unknown: Stale");
}

#[test]
fn only_findings_of_security_hub_itself_about_this_account_and_control() {
    let product = |arn: &str| s3().change(|finding| finding.product_arn = arn.to_owned());
    for (finding, expected) in [
        (product("arn:aws-us-gov:securityhub:us-gov-west-1::product/aws/securityhub"), "Passed"),
        (product("arn:aws:securityhub:eu-west-1::product/aws/inspector"), "Unknown: NoFindings"),
        (product("arn:aws:securityhub:eu-west-1::product/prowler/prowler"), "Unknown: NoFindings"),
        (product("arn:aws:securityhub:eu-west-1:333333333333:product/333333333333/default"), "Unknown: NoFindings"),
        (product(""), "Unknown: NoFindings"),
        (s3().account("222222222222"), "Unknown: NoFindings"),
        (finding("S3.3"), "Unknown: NoFindings"),
        (s3().change(|finding| finding.control_id = Some(" s3.2 ".to_owned())), "Passed"),
    ] {
        assert_eq!(outcome(std::slice::from_ref(&finding)), expected, "{finding:?}");
    }
}

#[test]
fn both_names_of_the_private_certificate_authority_are_one() {
    let enable = serde_json::json!([
        {"id": "privatecertificateauthority.1", "action": "Enable", "criteria": ["CC6.1"], "rationale": "to see it"}
    ]);
    for spelling in ["PCA.1", "pca.1", "PrivateCertificateAuthority.1"] {
        let scene = Scene::new().with([finding(spelling)]).profile(serde_json::json!({"controls": enable}));
        assert_eq!(scene.check("PCA.1"), "Passed", "{spelling}");
    }
}

#[test]
fn of_one_finding_the_newest_version_counts() {
    let version = |age: &str| s3().aged(age);
    for (what, findings, expected) in [
        ("failed, then passed", vec![version("2h").failed(), version("1h")], "Passed"),
        ("passed, then failed", vec![version("2h"), version("1h").failed()], "Failed: FindingsFailed"),
        ("then archived", vec![version("2h"), version("1h").archived()], "Unknown: NoFindings"),
        ("failed, then archived", vec![version("2h").failed(), version("1h").archived()], "Unknown: NoFindings"),
        ("archived, then active again", vec![version("2h").archived(), version("1h")], "Passed"),
        ("one without time is the oldest", vec![version("1h"), version("1h").updated("").failed()], "Passed"),
        ("one from the future is the newest", vec![version("1h"), version("-1h")], "Unknown: Stale"),
        ("a millisecond decides", vec![version("1h"), version("1h1ms").failed()], "Passed"),
    ] {
        assert_eq!(outcome(&findings), expected, "{what}");
        let reversed: Vec<Finding> = findings.into_iter().rev().collect();
        assert_eq!(outcome(&reversed), expected, "{what}, the other way round");
    }
}

#[test]
fn of_two_versions_of_the_same_time_the_one_that_is_worse_in_the_end() {
    let order = [
        (s3().failed(), "Failed: FindingsFailed"),
        (s3().suppressed(), "Unknown: Suppressed"),
        (s3().status("WARNING"), "Unknown: Warning"),
        (s3().status("NOT_AVAILABLE"), "Unknown: NotAvailable"),
        // No evidence is worse than a pass, and milder than a failure.
        (s3().failed().archived(), "Unknown: NoFindings"),
        (s3(), "Passed"),
    ];
    for (at, (worse, expected)) in order.iter().enumerate() {
        for (milder, _) in &order[at..] {
            assert_eq!(outcome(&[worse.clone(), milder.clone()]), *expected, "{worse:?} {milder:?}");
            assert_eq!(outcome(&[milder.clone(), worse.clone()]), *expected, "{milder:?} {worse:?}");
        }
    }
    assert_eq!(outcome(&[s3().failed().suppressed(), s3()]), "Unknown: Suppressed");
}

#[test]
fn only_active_records_count() {
    assert_eq!(outcome(&[s3().archived()]), "Unknown: NoFindings");
    assert_eq!(outcome(&[s3().failed().archived()]), "Unknown: NoFindings");
    assert_eq!(outcome(&[s3(), s3().resource("two").failed().archived()]), "Passed");
}

#[test]
fn of_several_findings_of_one_resource_the_fresh_ones_and_of_these_the_worst() {
    let fsbp = || s3().again("fsbp");
    let nist = || s3().again("nist");
    for (what, findings, expected) in [
        ("both pass", vec![fsbp(), nist()], "Passed"),
        ("one fails", vec![fsbp(), nist().failed()], "Failed: FindingsFailed"),
        ("the one that fails is stale", vec![fsbp(), nist().failed().aged("37h")], "Passed"),
        ("the one that passes is stale", vec![fsbp().aged("37h"), nist().failed()], "Failed: FindingsFailed"),
        ("both stale, one fails", vec![fsbp().aged("37h"), nist().failed().aged("38h")], "Failed: FindingsFailed"),
        ("both stale", vec![fsbp().aged("37h"), nist().aged("38h")], "Unknown: Stale"),
        ("one stale", vec![fsbp(), nist().aged("38h")], "Passed"),
        ("one unclear", vec![fsbp(), nist().status("WARNING")], "Unknown: Warning"),
        ("one suppressed", vec![fsbp(), nist().suppressed()], "Unknown: Suppressed"),
        ("one suppressed long ago", vec![fsbp(), nist().suppressed().aged("37h")], "Passed"),
        ("one archived", vec![fsbp(), nist().failed().archived()], "Passed"),
        (
            "stale ones: warning before stale",
            vec![fsbp().aged("37h"), nist().status("WARNING").aged("38h")],
            "Unknown: Warning",
        ),
        (
            "in another Region it is another resource",
            vec![fsbp(), nist().region(LINKED).failed().aged("37h")],
            "Failed: FindingsFailed",
        ),
        (
            "another resource is another",
            vec![fsbp(), s3().resource("two").failed().aged("37h")],
            "Failed: FindingsFailed",
        ),
        ("a stale pass of another resource", vec![fsbp(), s3().resource("two").aged("37h")], "Unknown: Stale"),
    ] {
        assert_eq!(outcome(&findings), expected, "{what}");
    }
}

#[test]
fn findings_without_a_resource_share_none() {
    let nothing = |id: &str| s3().change(|finding| finding.resource_id = None).id(id);
    assert_eq!(outcome(&[nothing("a"), nothing("b")]), "Passed");
    assert_eq!(outcome(&[nothing("a"), nothing("b").failed().aged("37h")]), "Failed: FindingsFailed");
    let empty = |id: &str| s3().change(|finding| finding.resource_id = Some(String::new())).id(id);
    assert_eq!(outcome(&[empty("a"), empty("b").failed().aged("37h")]), "Failed: FindingsFailed");
}

#[test]
fn suppressed_is_unknown_whatever_the_status() {
    for status in ["PASSED", "FAILED", "WARNING", "NOT_AVAILABLE"] {
        assert_eq!(outcome(&[s3().status(status).suppressed()]), "Unknown: Suppressed");
        assert_eq!(outcome(&[s3(), s3().resource("two").status(status).suppressed()]), "Unknown: Suppressed");
    }
    for workflow in ["NEW", "NOTIFIED", "RESOLVED"] {
        assert_eq!(outcome(&[s3().workflow(workflow)]), "Passed");
        assert_eq!(outcome(&[s3().failed().workflow(workflow)]), "Failed: FindingsFailed");
    }
}

#[test]
fn the_profile_may_take_suppressed_for_waived_until_a_day_begins() {
    let waived = |until: &str, findings: &[Finding]| {
        let suppressed = serde_json::json!({"treatAs": "Excepted", "until": until, "rationale": "we move them"});
        Scene::new().with(findings.to_vec()).profile(serde_json::json!({"suppressed": suppressed}))
    };
    let suppressed = || s3().failed().suppressed();
    assert_eq!(waived("2026-11-23", &[suppressed()]).check("S3.2"), "Excepted: SuppressedUpstream");
    assert_eq!(waived("2026-11-22", &[suppressed()]).check("S3.2"), "Unknown: Suppressed");
    // To the second.
    let scene = |now: &str| {
        waived("2026-11-22", &[suppressed()]).but(|scene| {
            scene.now = at(now);
            scene.findings.iter_mut().for_each(|finding| *finding = finding.clone().updated("2026-11-21T20:00:00Z"));
        })
    };
    assert_eq!(scene("2026-11-21T23:59:59Z").check("S3.2"), "Excepted: SuppressedUpstream");
    assert_eq!(scene("2026-11-22T00:00:00Z").check("S3.2"), "Unknown: Suppressed");
    assert_eq!(
        waived("2026-11-23", &[suppressed()]).message("S3.2"),
        "suppressed in Security Hub, which the profile counts as waived until 2026-11-23T00:00:00Z"
    );
    // Of stale findings about one resource, the pass is worse.
    let both_stale = [suppressed().aged("37h"), s3().again("nist").aged("38h")];
    assert_eq!(waived("2026-11-23", &both_stale).check("S3.2"), "Unknown: Stale");
    // Everything else is worse.
    for (other, expected) in [
        (s3().resource("two"), "Excepted: SuppressedUpstream"),
        (s3().resource("two").failed(), "Failed: FindingsFailed"),
        (s3().resource("two").status("WARNING"), "Unknown: Warning"),
        (s3().resource("two").aged("37h"), "Unknown: Stale"),
        (s3().again("nist"), "Excepted: SuppressedUpstream"),
        (s3().again("nist").status("WARNING"), "Unknown: Warning"),
        (s3().again("nist").failed(), "Failed: FindingsFailed"),
    ] {
        let findings = [suppressed(), other.clone()];
        assert_eq!(waived("2026-11-23", &findings).check("S3.2"), expected, "{other:?}");
    }
}

#[test]
fn reasons_have_the_order_of_the_documentation() {
    let findings = [
        s3().resource("a").suppressed(),
        s3().resource("b").status("WARNING"),
        s3().resource("c").status("NOT_AVAILABLE"),
        s3().resource("d").aged("37h"),
        s3().resource("e"),
    ];
    for (from, expected) in ["Suppressed", "Warning", "NotAvailable", "Stale"].iter().enumerate() {
        assert_eq!(outcome(&findings[from..]), format!("Unknown: {expected}"));
    }
}

#[test]
fn evidence_of_any_region_counts_required_or_not() {
    let scene =
        |findings: Vec<Finding>| Scene::new().with(findings).profile(serde_json::json!({"requiredRegions": [HOME]}));
    assert_eq!(scene(vec![s3().region(LINKED)]).check("S3.2"), "Passed");
    assert_eq!(scene(vec![s3().region("ap-south-1")]).check("S3.2"), "Passed");
    assert_eq!(scene(vec![s3(), s3().region("ap-south-1").aged("37h")]).check("S3.2"), "Unknown: Stale");
    assert_eq!(scene(vec![s3(), s3().region("ap-south-1").status("WARNING")]).check("S3.2"), "Unknown: Warning");
}

#[test]
fn messages_name_what_is_not_recorded_and_why() {
    let code = |finding: Finding, code: &str| finding.change(|finding| finding.status_reason = Some(code.to_owned()));
    let warning = code(s3().status("WARNING"), "CONFIG_RECORDER_DISABLED");
    let scene = Scene::new().with([warning, code(finding("RDS.3").status("WARNING"), "CONFIG_EVALUATIONS_EMPTY")]);
    assert_eq!(
        scene.message("S3.2"),
        "AWS Config does not record AWS::RDS::DBInstance, AWS::S3::Bucket in eu-west-1 \
         (CONFIG_EVALUATIONS_EMPTY, CONFIG_RECORDER_DISABLED): let it"
    );
    let strange = code(s3().status("NOT_AVAILABLE"), "<script>\n");
    assert_eq!(Scene::new().with([strange]).message("S3.2"), "Security Hub has no usable result in eu-west-1");
    let future = Scene::new().with([s3().aged("-1h")]);
    assert_eq!(future.message("S3.2"), "findings in eu-west-1 are dated in the future, up to 2026-11-22T13:00:00Z");
    let timeless = Scene::new().with([s3().updated("")]);
    assert_eq!(timeless.message("S3.2"), "the findings in eu-west-1 have no usable time");
}
