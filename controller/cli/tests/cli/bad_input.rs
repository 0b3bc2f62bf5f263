//! Damaged data: refused with file and line, or with `--keep-going` taken for incomplete. Never a pass.

use std::fs;

use crate::{Run, assess, copy, soc2ctl_in, state, states};

const FINDINGS: &str = "findings/eu-west-1.jsonl";
const GOOD: usize = 5 * 2;

/// Assesses the snapshot with a changed file.
fn with(file: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>, args: &[&str]) -> Run {
    let folder = copy();
    let path = folder.path().join(file);
    let content = change(fs::read(&path).unwrap());
    fs::write(path, content).unwrap();
    let mut all = vec!["-o", "json"];
    all.extend(args);
    assess(folder.path(), &all)
}

fn text(change: impl FnOnce(String) -> String) -> impl FnOnce(Vec<u8>) -> Vec<u8> {
    |bytes| change(String::from_utf8(bytes).unwrap()).into_bytes()
}

fn passed(run: &Run) -> usize {
    states(run).values().filter(|(state, _)| state == "Passed").count()
}

#[test]
fn without_damage_it_passes_where_it_should() {
    let run = with(FINDINGS, |bytes| bytes, &[]);
    assert_eq!(states(&run).len(), GOOD);
    assert_eq!(passed(&run), 7);
    assert_eq!(state(&run, "343434343434", "EC2.2"), ("Unknown".to_owned(), "Stale".to_owned()));
    assert_eq!(state(&run, "333333333333", "IAM.6"), ("Unknown".to_owned(), "Suppressed".to_owned()));
}

#[test]
fn an_unreadable_line_is_refused_with_file_and_line_and_never_passes() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let huge = format!("{{\"Id\":\"{}\"}}", "x".repeat(3 << 20));
    for (damage, words) in [
        ("no json", "is not JSON"),
        ("{\"Id\":\"arn:x/finding/y\"", "finding \"arn:x/finding/y\" is cut off"),
        ("{\"Id\":\"arn:x/finding/y\",\"Id\":\"z\"}", "has the key \"Id\" twice"),
        ("[1]", "is not a JSON object"),
        (deep.as_str(), "is nested too deeply"),
        (huge.as_str(), "is too large"),
    ] {
        let change = || text(|lines| format!("{damage}\n{lines}"));
        let run = with(FINDINGS, change(), &[]);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{damage:.40}");
        assert!(
            run.errors.contains("findings/eu-west-1.jsonl: line 1: ") && run.errors.contains(words),
            "{}",
            run.errors
        );
        assert!(run.errors.contains("--keep-going"), "{}", run.errors);

        let run = with(FINDINGS, change(), &["--keep-going"]);
        assert_eq!(run.code, 1, "{}", run.errors);
        assert!(run.errors.contains(words), "{}", run.errors);
        assert_eq!((states(&run).len(), passed(&run)), (GOOD, 0), "{damage:.40}");
        assert_eq!(state(&run, "333333333333", "S3.2").0, "Failed", "what fails is still read");
        assert_eq!(state(&run, "333333333333", "IAM.5").1, "SweepIncomplete");
    }
    let not_utf8 = with(FINDINGS, |bytes| [&b"{\"Id\":\"\xFF\"}\n"[..], &bytes].concat(), &["--keep-going"]);
    assert!(not_utf8.errors.contains("line 1: is not UTF-8"), "{}", not_utf8.errors);
    assert_eq!(passed(&not_utf8), 0);
}

#[test]
fn a_truncated_archive_is_refused_or_incomplete() {
    for (name, cut) in [("eu-west-1.jsonl.gz", true), ("eu-west-1.jsonl.zst", true), ("eu-west-1.jsonl.zst", false)] {
        let folder = copy();
        let plain = folder.path().join(FINDINGS);
        let lines = fs::read(&plain).unwrap();
        fs::remove_file(plain).unwrap();
        let mut archive = if name.ends_with("gz") {
            use std::io::Write as _;
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(&lines).unwrap();
            encoder.finish().unwrap()
        } else {
            zstd::encode_all(&lines[..], 3).unwrap()
        };
        if cut {
            archive.truncate(archive.len() - 20);
        }
        fs::write(folder.path().join("findings").join(name), archive).unwrap();
        let run = assess(folder.path(), &["-o", "json", "--keep-going"]);
        assert_eq!(passed(&run), if cut { 0 } else { 7 }, "{name} {cut}: {}", run.errors);
        let refused = assess(folder.path(), &[]);
        assert_eq!(refused.code, if cut { 2 } else { 1 });
        assert!(!cut || refused.errors.contains("the archive is cut off"), "{}", refused.errors);
    }
}

#[test]
fn a_finding_that_is_readable_but_unusable_concerns_its_control_alone() {
    for (from, to) in [
        ("\"Status\":\"PASSED\",\"SecurityControlId\":\"IAM.5\"", "\"Status\":7,\"SecurityControlId\":\"IAM.5\""),
        ("\"Status\":\"PASSED\",\"SecurityControlId\":\"IAM.5\"", "\"SecurityControlId\":\"IAM.5\""),
        (
            "\"Status\":\"PASSED\",\"SecurityControlId\":\"IAM.5\"",
            "\"Status\":\"GREAT\",\"SecurityControlId\":\"IAM.5\"",
        ),
    ] {
        let run = with(FINDINGS, text(|lines| lines.replace(from, to)), &[]);
        assert_eq!(run.code, 1, "{}", run.errors);
        assert_eq!(state(&run, "333333333333", "IAM.5"), ("Unknown".to_owned(), "NotAvailable".to_owned()), "{to}");
        assert_eq!(passed(&run), 5, "{to}");
    }
}

#[test]
fn a_finding_that_cannot_be_attributed_makes_its_source_incomplete() {
    for (from, to, words) in [
        ("\"AwsAccountId\":\"343434343434\"", "\"AwsAccountId\":\"34343434343\"", "no account id of twelve digits"),
        ("\"AwsAccountId\":\"343434343434\"", "\"AwsAccountId\":343434343434", "no account id of twelve digits"),
        (
            "\"AwsAccountId\":\"343434343434\"",
            "\"AwsAccountId\":\"３４３４３４３４３４３４\"",
            "no account id of twelve digits",
        ),
        ("\"SecurityControlId\":\"IAM.5\"", "\"Other\":1", "has no Compliance.SecurityControlId"),
        ("\"Compliance\":{", "\"Compliance\":null,\"C\":{", "has no Compliance.SecurityControlId"),
        (
            "\"ProductArn\":\"arn:aws:securityhub:eu-west-1::product/aws/securityhub\"",
            "\"P\":1",
            "has no usable ProductArn",
        ),
    ] {
        let run = with(FINDINGS, text(|lines| lines.replacen(from, to, 1)), &[]);
        assert_eq!(run.code, 1, "{to}: readable, so not refused: {}", run.errors);
        assert!(run.errors.contains(words), "{to}: {}", run.errors);
        let with_place = words.contains("ProductArn") || run.errors.contains("findings/eu-west-1.jsonl: line ");
        assert!(with_place, "{to}: {}", run.errors);
        assert_eq!(passed(&run), 0, "{to}");
    }
}

#[test]
fn a_source_that_does_not_say_complete_makes_nothing_pass() {
    for (from, to, reason) in [
        ("\"Complete\": true", "\"Complete\": false", "SweepIncomplete"),
        ("\"Complete\": true", "\"Other\": true", "SweepIncomplete"),
        ("\"Complete\": true", "\"Complete\": true, \"Error\": \"AccessDenied\"", "AccessDenied"),
        ("\"Complete\": true", "\"Complete\": true, \"Error\": \"SecurityHubNotEnabled\"", "SecurityHubNotEnabled"),
        ("\"333333333333\", ", "", "AccountNotMember"),
        ("\"LinkedRegions\": []", "\"LinkedRegions\": [\"us-east-1\"]", "NoFindings"),
    ] {
        let run = with("sources.json", text(|json| json.replace(from, to)), &[]);
        assert_eq!(state(&run, "333333333333", "EC2.2").0, "Unknown", "{to}");
        assert_eq!(state(&run, "333333333333", "EC2.2").1, reason, "{to}");
        assert_eq!(state(&run, "333333333333", "S3.2").0, "Failed", "{to}");
    }
    let folder = copy();
    fs::remove_file(folder.path().join("sources.json")).unwrap();
    let run = assess(folder.path(), &["-o", "json"]);
    assert_eq!((passed(&run), state(&run, "333333333333", "IAM.5").1.as_str()), (0, "RegionNotCovered"));
}

#[test]
fn pages_that_are_missing_make_nothing_pass() {
    let folder = copy();
    let lines = fs::read_to_string(folder.path().join(FINDINGS)).unwrap();
    fs::remove_file(folder.path().join(FINDINGS)).unwrap();
    let findings: Vec<&str> = lines.lines().collect();
    let page = |token: &str| format!("{{\"Findings\": [{}]{token}}}", findings.join(","));
    let path = folder.path().join("findings/page.json");
    fs::write(&path, page("")).unwrap();
    assert_eq!(passed(&assess(folder.path(), &["-o", "json"])), 7);
    fs::write(&path, page(", \"NextToken\": \"abc\"")).unwrap();
    let run = assess(folder.path(), &["-o", "json"]);
    assert_eq!((run.code, passed(&run)), (1, 0));
    assert!(run.errors.contains("has a NextToken"), "{}", run.errors);
}

#[test]
fn a_damaged_organization_is_refused_with_what_is_wrong() {
    for (from, to, words) in [
        (
            "\"ParentId\": \"ou-acme-secu0000\"",
            "\"ParentId\": \"ou-none\"",
            "the ParentId of 222222222222 is no unit of this file",
        ),
        ("\"Id\": \"222222222222\"", "\"Id\": \"333333333333\"", "333333333333 is there twice"),
        ("\"Id\": \"222222222222\"", "\"Id\": \"2222\"", "is not an AWS account id"),
        ("\"Roots\": [", "\"Roots\": [], \"R\": [", "an organization has one root, not 0"),
        ("\"Accounts\": [", "\"Accounts\": [], \"Accounts\": [", "duplicate field"),
        ("\"PolicyId\": \"p-leave0000\"", "\"PolicyId\": \"p-none\"", "p-none is no policy of this file"),
        ("1704067200.0", "\"then\"", "is no time"),
        (
            "\"Name\": \"Security\", \"ParentId\": \"r-acme\"",
            "\"Name\": \"Security\", \"ParentId\": \"ou-acme-secu0000\"",
            "is not below the root",
        ),
        ("{\n", "", "organization.json"),
    ] {
        let run = with("organization.json", text(|json| json.replacen(from, to, 1)), &[]);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{to}");
        assert!(run.errors.contains(words) && run.errors.contains("organization.json"), "{to}: {}", run.errors);
    }
}

#[test]
fn usage_that_is_wrong_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let manifests = crate::data("manifests");
    let manifests = manifests.to_str().unwrap();
    for (args, words) in [
        (&["assess", "-f", manifests][..], "--snapshot FOLDER, --findings FILE, or --live"),
        (&["assess", "--snapshot", "none", "-f", manifests], "none: is no folder"),
        (&["assess", "--snapshot", ".", "-f", manifests], "make one with soc2ctl snapshot"),
        (&["assess", "--snapshot", ".", "-f", "none"], "-f none"),
        (&["assess", "--snapshot", ".", "-f", "."], "there is no .yaml, .yml or .json file"),
        (&["assess", "--snapshot", ".", "-f", manifests, "--now", "yesterday"], "--now"),
        (&["assess", "--snapshot", ".", "-f", manifests, "--profile", "none"], "there is no such ComplianceProfile"),
        (&["assess", "--snapshot", ".", "--live", "-f", manifests], "cannot be used with"),
        (&["explain", "production"], "required"),
        (&["catalog", "show", "IAM.999"], "there is no criterion, control or activity"),
        (&["catalog", "coverage", "--standard", "none"], "is none of"),
    ] {
        let run = soc2ctl_in(folder.path(), args, "");
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{args:?}: {}", run.errors);
        assert!(run.errors.contains(words), "{args:?}: {}", run.errors);
    }
}
