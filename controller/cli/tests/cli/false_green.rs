//! What is not there, or is not to be seen in a check, is never a pass.

use std::fs;

use serde_json::{Value, json};

use crate::owners::{exception, finding, manifests, object, own_control, with_others};
use crate::{NOW, Run, copy, data, soc2ctl_in};

fn run(folder: &std::path::Path, args: &[&str]) -> Run {
    let world = ["--snapshot", ".", "-f", "manifests", "--now", NOW];
    soc2ctl_in(folder, &[args, &world[..]].concat(), "")
}

/// The snapshot and its manifests, with a change of the organization's.
fn with_organization(change: impl Fn(String) -> String) -> tempfile::TempDir {
    let folder = copy();
    manifests(folder.path(), &[]);
    let path = folder.path().join("manifests/organization.yaml");
    fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
    folder
}

#[test]
fn what_the_organization_reads_and_the_snapshot_lacks_makes_nothing_pass() {
    let quiet = |change: &dyn Fn(String) -> String| {
        let run = run(with_organization(change).path(), &["assess", "--profile", "quiet", "-o", "json"]);
        let list: Value = serde_json::from_str(&run.out).unwrap();
        (run.code, list["items"][0]["status"]["checks"]["passed"].as_u64().unwrap())
    };
    assert_eq!(quiet(&|yaml| yaml), (0, 1));
    let second = "homeRegion: eu-west-1}\n  - {name: second, regions: [us-east-1]}";
    for changed in [
        ("homeRegion: eu-west-1}", second),
        ("name: main", "name: other"),
        ("homeRegion: eu-west-1", "homeRegion: eu-central-1"),
        ("  securityHub:\n  - {name: main, homeRegion: eu-west-1}\n", ""),
    ] {
        let changed_yaml = |yaml: String| {
            assert!(yaml.contains(changed.0), "{yaml}");
            yaml.replace(changed.0, changed.1)
        };
        assert_eq!(quiet(&changed_yaml), (1, 0), "{changed:?}");
    }
}

#[test]
fn a_file_among_the_findings_that_cannot_be_read_is_refused() {
    for name in ["b.jsonl.xz", "c.gz", "notes.txt", "part2"] {
        let folder = with_organization(|yaml| yaml);
        fs::write(folder.path().join("findings").join(name), "x").unwrap();
        let refused = run(folder.path(), &["assess", "--profile", "quiet"]);
        assert_eq!(refused.code, 2, "{name}: {}", refused.out);
        assert!(refused.errors.contains(name) && refused.errors.contains(".jsonl"), "{}", refused.errors);
        let doubted = run(folder.path(), &["assess", "--profile", "quiet", "--keep-going"]);
        assert_eq!(doubted.code, 1, "{name}: {}", doubted.out);
    }
    // The spelling of what is known does not matter.
    let folder = with_organization(|yaml| yaml);
    fs::rename(folder.path().join("findings/eu-west-1.jsonl"), folder.path().join("findings/eu-west-1.JSONL")).unwrap();
    assert_eq!(run(folder.path(), &["assess", "--profile", "quiet"]).code, 0);
}

#[test]
fn a_snapshot_without_its_organization_is_refused() {
    let folder = with_organization(|yaml| yaml);
    fs::remove_file(folder.path().join("organization.json")).unwrap();
    let run = run(folder.path(), &["assess"]);
    assert!(run.code == 2 && run.errors.contains("organization.json is missing"), "{}{}", run.out, run.errors);
}

#[test]
fn a_report_for_machines_says_what_no_check_says() {
    let folder = copy();
    let here = object(
        "ComplianceProfile",
        &json!({"name": "here"}),
        &json!({
            "organizationRef": {"name": "acme"}, "targets": {"include": [{"accountNames": ["security"]}]},
            "controls": [
                {"id": "*", "action": "Disable", "rationale": "Only what this test speaks of"},
                {"id": "IAM.5", "action": "Enable", "criteria": ["CC6.7", "CC7.1"], "rationale": "It passes here"},
            ],
        }),
    );
    manifests(folder.path(), &[here]);
    let junit = run(folder.path(), &["assess", "--profile", "here", "-o", "junit"]);
    assert!(junit.out.contains("name=\"Compliant\"><failure type=\"NeverAttested\""), "{}", junit.out);
    assert!(junit.out.contains("name=\"CC1.1\"><failure type=\"NeverAttested\""), "{}", junit.out);
    let sarif = run(folder.path(), &["assess", "--profile", "here", "-o", "sarif"]);
    let sarif: Value = serde_json::from_str(&sarif.out).unwrap();
    assert_eq!(sarif["runs"][0]["results"][0]["properties"]["reason"], "NeverAttested");
}

#[test]
fn every_command_says_which_profile_is_not_assessed() {
    let bad = object(
        "ComplianceProfile",
        &json!({"name": "bad"}),
        &json!({"organizationRef": {"name": "acme"},
                "controls": [{"id": "IAM.999", "action": "Disable", "rationale": "There is no such control"}]}),
    );
    let quiet = object(
        "ComplianceProfile",
        &json!({"name": "asleep"}),
        &json!({"organizationRef": {"name": "acme"}, "suspend": true}),
    );
    let folder = copy();
    manifests(folder.path(), &[bad, quiet]);
    for command in ["assess", "backlog"] {
        let run = run(folder.path(), &[command]);
        assert_eq!(run.code, 2, "{command}");
        assert!(run.errors.contains("ComplianceProfile bad: spec.controls[0].id"), "{}", run.errors);
        assert!(run.errors.contains("ComplianceProfile asleep is suspended"), "{}", run.errors);
    }
    let args = ["diff", ".", ".", "-f", "manifests"];
    let diff = soc2ctl_in(folder.path(), &args, "");
    assert!(diff.code == 2 && diff.errors.contains("IAM.999"), "{}{}", diff.out, diff.errors);
}

#[test]
fn a_guardrail_that_is_gone_is_a_difference() {
    let (before, after) = (copy(), copy());
    let path = after.path().join("organization.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("organizations:LeaveOrganization"));
    fs::write(&path, text.replace("organizations:LeaveOrganization", "organizations:Nothing")).unwrap();
    let (before, after) = (before.path().to_str().unwrap(), after.path().to_str().unwrap());
    let diff = soc2ctl_in(&data(""), &["diff", before, after, "-f", "manifests", "-o", "json"], "");
    let json: Value = serde_json::from_str(&diff.out).unwrap();
    let turned = json["criteria"].as_array().unwrap();
    let found = turned.iter().any(|one| one["criterion"] == "GuardrailsInForce" && one["after"] == "False");
    assert!(diff.code == 1 && found, "{}", diff.out);
}

#[test]
fn an_exception_that_is_refused_because_of_its_accounts_is_told() {
    let folder = copy();
    manifests(folder.path(), &[exception("security", "2026-11-20T12:00:00Z")]);
    let path = folder.path().join("manifests/organization.yaml");
    let narrow = fs::read_to_string(&path)
        .unwrap()
        .replace("{name: security}", "{name: security, targets: {include: [{accountIds: [\"343434343434\"]}]}}");
    fs::write(&path, narrow).unwrap();
    let run = run(folder.path(), &["assess", "--profile", "production"]);
    assert!(
        run.errors.contains("ComplianceException security/known is refused and has no effect: spec.targets"),
        "{}",
        run.errors
    );
}

#[test]
fn controls_of_ones_own_are_known_to_every_command() {
    let catalog = own_control();
    let profile = object(
        "ComplianceProfile",
        &json!({"name": "own"}),
        &json!({"organizationRef": {"name": "acme"}, "targets": {"include": [{"accountNames": ["security"]}]},
                "catalogRef": {"name": "soc2-acme"}}),
    );
    let all = json!([{"Matching": {"GeneratorId": "acme/images/*"}}]);
    let folder = with_others(&finding("acme/scanner", &json!({})), &all);
    manifests(folder.path(), &[catalog, profile]);
    let backlog = run(folder.path(), &["backlog", "--profile", "own"]);
    assert!(backlog.out.contains("Images have no known holes"), "{}", backlog.out);
    for subject in ["Own.1", "CC7.1"] {
        let explained = run(folder.path(), &["explain", "own", "security", subject]);
        assert!(explained.out.contains("Own.1 Failed FindingsFailed"), "{}{}", explained.out, explained.errors);
    }
    let sarif = run(folder.path(), &["assess", "--profile", "own", "-o", "sarif"]);
    assert!(sarif.out.contains("\"security-severity\": \"8.0\""), "{}", sarif.out);
}

#[test]
fn what_sources_say_of_other_products_is_checked_by_field() {
    let folder = with_others("", &json!([{"Product": "Acme", "Severity": "High"}]));
    manifests(folder.path(), &[]);
    let run = run(folder.path(), &["assess"]);
    assert_eq!(run.code, 2);
    assert!(run.errors.contains("SecurityHub[0]: OtherProducts[0]: Product: is GuardDuty"), "{}", run.errors);
}
