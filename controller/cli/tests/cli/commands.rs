//! The other commands.

use std::fs;
use std::process::Command;

use crate::{NOW, assess, copy, data, soc2ctl, soc2ctl_in, state};

const WORLD: [&str; 6] = ["--snapshot", "snapshot", "-f", "manifests", "--now", NOW];

fn with_world<'a>(args: &[&'a str]) -> Vec<&'a str> {
    args.iter().copied().chain(WORLD).collect()
}

#[test]
fn explain_says_why_and_what_would_change_it() {
    let run = soc2ctl(&with_world(&["explain", "production", "payments-prod", "CC6.1"]));
    assert_eq!((run.code, run.errors.as_str()), (0, ""));
    insta::assert_snapshot!(run.out);
    let control = soc2ctl(&with_world(&["explain", "production", "333333333333", "s3.2"]));
    assert!(control.out.contains("S3.2 Failed FindingsFailed"), "{}", control.out);
    assert!(control.out.contains("arn:aws:s3:::exports-333333333333"), "{}", control.out);
    let manual = soc2ctl(&with_world(&["explain", "production", "333333333333", "S3.13"]));
    assert!(manual.out.contains("is not in the scope of profile production"), "{}", manual.out);
    for (args, words) in [
        (["explain", "production", "security", "CC6.1"], "is not in the targets of production"),
        (["explain", "production", "payments-prod", "A1.2"], "belongs to no category of profile production"),
        (["explain", "production", "payments-prod", "CC99"], "neither a criterion nor a control"),
        (["explain", "none", "payments-prod", "CC6.1"], "there is no such ComplianceProfile"),
    ] {
        let run = soc2ctl(&with_world(&args));
        assert_eq!(run.code, 2, "{args:?}");
        assert!(run.errors.contains(words), "{args:?}: {}", run.errors);
    }
}

#[test]
fn backlog_lists_what_fails() {
    let run = soc2ctl(&with_world(&["backlog"]));
    assert_eq!((run.code, run.errors.as_str()), (0, ""));
    insta::assert_snapshot!(run.out);
    let json: serde_json::Value = serde_json::from_str(&soc2ctl(&with_world(&["backlog", "-o", "json"])).out).unwrap();
    assert_eq!((json[0]["control"].as_str(), json[0]["resources"].as_u64()), (Some("S3.2"), Some(1)));
    assert_eq!(json[0]["accounts"], serde_json::json!(["333333333333"]));
    let quiet = soc2ctl(&with_world(&["backlog", "--profile", "quiet"]));
    assert_eq!(quiet.out, "nothing fails\n");
}

#[test]
fn diff_says_what_changed_by_criterion() {
    let after = copy();
    let path = after.path().join("findings/eu-west-1.jsonl");
    let lines = fs::read_to_string(&path).unwrap();
    let lines: String = lines
        .lines()
        .map(|line| {
            let flipped = match () {
                () if line.contains("exports-333333333333") => line.replace("FAILED", "PASSED"),
                () if line.contains("arn:aws:iam::343434343434:user/alice") => line.replace("PASSED", "FAILED"),
                () => line.to_owned(),
            };
            flipped + "\n"
        })
        .collect();
    fs::write(&path, lines).unwrap();
    let after = after.path().to_str().unwrap();
    let run = soc2ctl(&["diff", "snapshot", after, "-f", "manifests"]);
    assert_eq!((run.code, run.errors.as_str()), (1, ""), "IAM.5 is worse");
    insta::assert_snapshot!(run.out);
    let json: serde_json::Value =
        serde_json::from_str(&soc2ctl(&["diff", "snapshot", after, "-f", "manifests", "-o", "json"]).out).unwrap();
    let worse: Vec<&str> = json["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["worse"] == true)
        .map(|check| check["control"].as_str().unwrap())
        .collect();
    assert_eq!(worse, ["IAM.5"]);
    let same = soc2ctl(&["diff", "snapshot", "snapshot", "-f", "manifests"]);
    assert_eq!((same.code, same.out.as_str()), (0, "nothing changed\n"));
}

#[test]
fn accounts_that_are_gone_are_no_improvement() {
    let after = copy();
    let path = after.path().join("organization.json");
    let text = fs::read_to_string(&path).unwrap();
    let gone: Vec<&str> = text.lines().filter(|line| !line.contains("\"343434343434\"")).collect();
    fs::write(&path, gone.join("\n")).unwrap();
    let run = soc2ctl(&["diff", "snapshot", after.path().to_str().unwrap(), "-f", "manifests"]);
    assert_eq!(run.code, 1, "{}", run.out);
}

#[test]
fn catalog_answers() {
    let list = soc2ctl(&["catalog", "list", "-o", "json"]);
    let criteria: Vec<serde_json::Value> = serde_json::from_str(&list.out).unwrap();
    assert_eq!((criteria.len(), criteria[0]["id"].as_str()), (61, Some("CC1.1")));
    let controls = soc2ctl(&["catalog", "list", "--controls", "--criterion", "cc6.1", "--severity", "Critical"]);
    assert!(controls.out.contains("IAM.4"), "{}", controls.out);
    let show = soc2ctl(&["catalog", "show", "iam.5"]);
    assert!(
        show.out.starts_with("IAM.5 ")
            && show.out.contains("CC6.1")
            && show.out.contains("https://docs.aws.amazon.com/"),
        "{}",
        show.out
    );
    let show = soc2ctl(&["catalog", "show", "CC6.1"]);
    assert!(show.out.contains("IAM.5") && show.out.contains("category: Security"), "{}", show.out);
    let show = soc2ctl(&["catalog", "show", "access-review"]);
    assert!(show.out.contains("CC6"), "{}", show.out);
    let coverage = soc2ctl(&["catalog", "coverage", "-o", "json"]);
    let coverage: Vec<serde_json::Value> = serde_json::from_str(&coverage.out).unwrap();
    assert_eq!(coverage.len(), 61);
    let more = soc2ctl(&["catalog", "coverage", "--standard", "nist-800-53/v/5.0.0"]);
    assert_eq!(more.code, 0);
}

#[test]
fn catalog_diff_shows_what_a_catalogue_adds() {
    let catalog = "
apiVersion: soc2-operator.dev/v1alpha1
kind: ControlCatalog
metadata: {name: soc2-acme}
spec:
  extends: soc2
  activities: [{id: badge-audit, title: Badges of leavers are collected, criteria: [CC6.4], cadence: Monthly}]
";
    let folder = tempfile::tempdir().unwrap();
    let run = soc2ctl_in(folder.path(), &["catalog", "diff", "-f", "-"], catalog);
    assert_eq!((run.code, run.errors.as_str()), (0, ""));
    assert_eq!(run.out, "ControlCatalog soc2-acme\n+ activity badge-audit\n");
}

#[test]
fn attest_init_prints_stubs_that_attest_nothing_yet() {
    let run = soc2ctl(&["attest", "init", "-f", "manifests", "--namespace", "team-it", "--day", "2026-11-20"]);
    assert_eq!((run.code, run.errors.as_str()), (0, ""));
    let stubs: Vec<serde_json::Value> =
        run.out.split("\n---\n").skip(1).map(|text| serde_yaml::from_str(text).unwrap()).collect();
    let of = |field: &str, id: &str| stubs.iter().find(|stub| stub["spec"][field][0] == id).unwrap();
    assert_eq!(of("activities", "access-review")["metadata"]["name"], "access-review-2026-11-20");
    assert_eq!(of("controls", "S3.13")["spec"]["organizationRef"]["name"], "acme");
    assert!(stubs.iter().all(|stub| stub["spec"]["statement"] == "" && stub["spec"]["performedBy"] == ""));
    let folder = tempfile::tempdir().unwrap();
    let validated = soc2ctl_in(folder.path(), &["validate", "-f", "-"], &run.out);
    assert_eq!(validated.code, 2, "what is not filled in is not valid");
}

#[test]
fn import_suppressions_gives_exceptions_that_are_valid() {
    let args = ["import", "suppressions", "--namespace", "security", "--owner", "security@example.com", "--days", "10"];
    let run = soc2ctl(&with_world(&args));
    assert_eq!(run.code, 0, "{}", run.errors);
    insta::assert_snapshot!(run.out);
    let mut manifests = fs::read_to_string(data("manifests/organization.yaml")).unwrap();
    manifests.push_str(&run.out);
    let folder = tempfile::tempdir().unwrap();
    let validated = soc2ctl_in(folder.path(), &["validate", "-f", "-"], &manifests);
    assert_eq!((validated.code, validated.out.as_str()), (0, "2 objects are valid\n"), "{}", validated.errors);
}

#[test]
fn import_suppressions_refuses_what_the_api_server_would_refuse() {
    for (flag, value, words) in [
        ("--reason", "x", "--reason: spec.reason: "),
        ("--owner", "", "--owner: spec.owner: "),
        ("--namespace", "Team_A", "--namespace: \"Team_A\" is no name of a namespace"),
    ] {
        let mut args = vec!["import", "suppressions"];
        for (name, good) in
            [("--namespace", "security"), ("--owner", "security@example.com"), ("--reason", "To be reviewed by us")]
        {
            args.extend([name, if name == flag { value } else { good }]);
        }
        let run = soc2ctl(&with_world(&args));
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{flag}: {}", run.errors);
        assert!(run.errors.contains(words), "{flag}: {}", run.errors);
    }
}

/// Output of `get-findings` and `list-accounts`, and profiles that need no more, in a folder.
fn aws_cli_files(folder: &std::path::Path) {
    let lines = fs::read_to_string(data("snapshot/findings/eu-west-1.jsonl")).unwrap();
    let findings: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let findings = serde_json::to_string_pretty(&serde_json::json!({"Findings": findings})).unwrap();
    fs::write(folder.join("findings.json"), findings).unwrap();
    let account = |id: &str, name: &str| {
        serde_json::json!({
            "Id": id, "Name": name, "Email": "x@example.com", "Status": "ACTIVE", "JoinedMethod": "CREATED",
            "Arn": format!("arn:aws:organizations::111111111111:account/o-exampleorgid/{id}"),
            "JoinedTimestamp": "2024-01-01T00:00:00+00:00",
        })
    };
    let accounts = [
        account("333333333333", "payments-prod"),
        account("343434343434", "shop-prod"),
        account("454545454545", "new"),
    ];
    fs::write(folder.join("accounts.json"), serde_json::json!({"Accounts": accounts}).to_string()).unwrap();
    let profile = fs::read_to_string(data("manifests/profiles.yaml"))
        .unwrap()
        .replace("    - organizationalUnit: {path: Prod}", "    - accountNames: [\"*\"]");
    fs::write(folder.join("profiles.yaml"), profile.replace("  guardrails: {required: [deny-leave-org]}\n", ""))
        .unwrap();
}

#[test]
fn output_of_the_aws_cli_passes_only_by_somebodys_word() {
    let folder = tempfile::tempdir().unwrap();
    aws_cli_files(folder.path());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (findings, accounts, profiles) = (path("findings.json"), path("accounts.json"), path("profiles.yaml"));
    let run = |more: &[&str]| {
        let mut args = vec![
            "assess",
            "--findings",
            &findings,
            "--accounts",
            &accounts,
            "-f",
            &profiles,
            "--now",
            NOW,
            "-o",
            "json",
        ];
        args.extend(more);
        soc2ctl(&args)
    };
    let doubted = run(&[]);
    assert_eq!(state(&doubted, "333333333333", "S3.2").0, "Failed");
    assert_eq!(state(&doubted, "333333333333", "IAM.5"), ("Unknown".to_owned(), "SweepIncomplete".to_owned()));
    assert!(doubted.out.contains("say --complete"), "it says what to do");
    let believed = run(&["--complete"]);
    assert_eq!(state(&believed, "333333333333", "IAM.5").0, "Passed");
    assert_eq!(state(&believed, "454545454545", "IAM.5").0, "Unknown", "an account without findings");
    // The same files in a folder.
    let folder = soc2ctl(&[
        "assess",
        "--snapshot",
        folder.path().to_str().unwrap(),
        "-f",
        &profiles,
        "--now",
        NOW,
        "-o",
        "json",
    ]);
    assert_eq!(folder.out, doubted.out, "{}", folder.errors);
    let units = soc2ctl(&["assess", "--findings", &findings, "--accounts", &accounts, "-f", "manifests", "--now", NOW]);
    assert_eq!(units.code, 2);
    assert!(units.errors.contains("selects organizational units"), "{}", units.errors);
}

#[test]
fn findings_come_through_a_pipe() {
    let lines = fs::read_to_string(data("snapshot/findings/eu-west-1.jsonl")).unwrap();
    let args = [
        "assess",
        "--findings",
        "-",
        "--complete",
        "-f",
        "manifests/profiles.yaml",
        "--profile",
        "quiet",
        "--now",
        NOW,
        "-o",
        "json",
    ];
    let profile = fs::read_to_string(data("manifests/profiles.yaml"))
        .unwrap()
        .replace("accountNames: [security]", "accountIds: [\"222222222222\"]");
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("manifests")).unwrap();
    fs::write(folder.path().join("manifests/profiles.yaml"), profile).unwrap();
    let run = soc2ctl_in(folder.path(), &args, &lines);
    assert_eq!(run.code, 0, "{}{}", run.out, run.errors);
}

#[test]
fn every_command_has_help_with_examples() {
    for command in [
        &["validate"][..],
        &["snapshot"],
        &["assess"],
        &["diff"],
        &["backlog"],
        &["explain"],
        &["catalog", "list"],
        &["catalog", "show"],
        &["catalog", "coverage"],
        &["catalog", "diff"],
        &["attest", "init"],
        &["import", "suppressions"],
        &["plan"],
        &["scp", "decide"],
        &["scp", "explain"],
        &["impact"],
        &["import", "scp"],
        &["scp", "pack"],
        &["scp", "lint"],
        &["approve"],
        &["suspend"],
        &["resume"],
        &["reconcile"],
        &["completions"],
    ] {
        let run = soc2ctl(&[command, &["--help"]].concat());
        assert_eq!(run.code, 0);
        assert!(run.out.contains("Examples:\n  "), "{command:?}: {}", run.out);
    }
}

#[test]
fn what_speaks_to_a_cluster_says_what_is_wrong_before_it_does() {
    for (args, said) in [
        (&["approve", "workloads", "--reason", "ok"][..], "--reason: has at least 10 characters"),
        (&["approve", "workloads", "--reason", "Reviewed by two", "--promote", "1"], "1 is not in 2..=10"),
        (&["suspend", "workloads"], "give a kind and a name, such as grset/workloads"),
        (&["resume", "cexc/mfa"], "awsorg, cprof and grset are"),
        (&["reconcile", "grset/workloads", "--timeout", "soon"], "--timeout: \"soon\" is not a duration"),
        (&["suspend", "grset/workloads", "--kubeconfig", "no-such-file"], "no-such-file"),
    ] {
        let run = soc2ctl(args);
        assert!(run.code == 2 && run.errors.contains(said), "{args:?}: {} {}", run.code, run.errors);
    }
}

#[test]
fn shells_complete_and_kubectl_finds_the_plugin() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = soc2ctl(&["completions", shell]);
        assert!(run.code == 0 && run.out.contains("soc2ctl") && run.out.contains("suppressions"), "{shell}");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-soc2")).arg("--help").output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("Usage: kubectl soc2 "), "help names the plugin");
}

#[test]
fn a_snapshot_is_never_written_over() {
    let run = soc2ctl(&["snapshot", "-f", "manifests", "--out", "snapshot"]);
    assert_eq!(run.code, 2);
    assert!(run.errors.contains("--out snapshot: is not empty"), "{}", run.errors);
    assert_eq!(assess(&data("snapshot"), &["--profile", "quiet"]).code, 0);
}
