//! `scp lint`.

use std::fs;

use serde_json::Value;

use crate::{data, soc2ctl, soc2ctl_in};

const LEAVE: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"organizations:LeaveOrganization","Resource":"*"}]}"#;

/// Lints a document from standard input.
fn piped(text: &str, more: &[&str]) -> (i32, String) {
    let run = soc2ctl_in(&data(""), &[&["scp", "lint", "-f", "-"], more].concat(), text);
    (run.code, run.out + &run.errors)
}

#[test]
fn findings_have_file_line_statement_and_help() {
    let run = soc2ctl(&["scp", "lint", "-f", "policies"]);
    assert_eq!((run.code, run.errors.as_str()), (1, "note: files passed over because they are no policies: 1\n"));
    insta::assert_snapshot!(run.out);
}

#[test]
fn json_and_sarif_say_the_same() {
    let json: Value = serde_json::from_str(&soc2ctl(&["scp", "lint", "-f", "policies", "-o", "json"]).out).unwrap();
    let log: Value = serde_json::from_str(&soc2ctl(&["scp", "lint", "-f", "policies", "-o", "sarif"]).out).unwrap();
    let run = &log["runs"][0];
    let results = run["results"].as_array().unwrap();
    let by_json: Vec<_> = json.as_array().unwrap().iter().map(|one| (&one["id"], &one["file"], &one["line"])).collect();
    let by_sarif: Vec<_> = results
        .iter()
        .map(|result| {
            let place = &result["locations"][0]["physicalLocation"];
            (&result["ruleId"], &place["artifactLocation"]["uri"], &place["region"]["startLine"])
        })
        .collect();
    assert_eq!(by_json, by_sarif);
    assert_eq!(by_json.len(), 5);
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/lint.md")).unwrap();
    for rule in rules {
        let anchor = rule["helpUri"].as_str().unwrap().split_once('#').unwrap().1;
        assert!(page.contains(&format!("\n## {}\n", anchor.to_uppercase())), "{rule}");
    }
    assert!(results.iter().all(|result| rules.iter().any(|rule| rule["id"] == result["ruleId"])));
    insta::assert_json_snapshot!(results[1]);
}

#[test]
fn the_exit_code_says_how_bad_it_is() {
    let warning = LEAVE.replace("LeaveOrganization", "LeaveOrganisation");
    assert_eq!(piped(LEAVE, &["--deny", "notes"]), (0, "1 policy is clean\n".to_owned()));
    assert_eq!(piped(&warning, &[]).0, 0);
    assert_eq!(piped(&warning, &["--deny", "warnings"]).0, 1);
    let note = LEAVE.replace("Deny", "Allow");
    assert_eq!(piped(&note, &["--deny", "warnings"]).0, 0);
    assert_eq!(piped(&note, &["--deny", "notes"]).0, 1);
    assert_eq!(piped("{\"Statement\":\n  [,]}", &[]).0, 1);
    assert!(piped("{\"Statement\":\n  [,]}", &[]).1.contains("--> -:2:4\n"));
    assert_eq!(piped(LEAVE, &["--max-characters", "50"]).0, 1);
}

#[test]
fn what_cannot_be_read_is_said_and_stops_nothing_else() {
    let run = soc2ctl(&["scp", "lint", "-f", "none.json", "policies/more/leave.json"]);
    assert_eq!((run.code, run.out.as_str()), (2, "1 policy is clean\n"));
    assert!(run.errors.starts_with("error: none.json: No such file"), "{}", run.errors);
    for args in [&["scp", "lint"][..], &["scp", "lint", "-f", "manifests"], &["scp", "lint", "--explain", "SCP999"]] {
        assert_eq!(soc2ctl(args).code, 2, "{args:?}");
    }
}

#[test]
fn the_policies_of_a_snapshot_are_looked_at_with_their_slots() {
    let clean = soc2ctl(&["scp", "lint", "--snapshot", "snapshot"]);
    assert_eq!((clean.code, clean.out.as_str()), (0, "1 policy is clean\n"), "{}", clean.errors);
    let full = soc2ctl(&["scp", "lint", "--snapshot", "snapshot", "--max-policies-per-target", "1"]);
    assert_eq!(full.code, 1);
    assert!(
        full.out.contains("error[SCP005]: ou-acme-prod0000 has 2 policies of at most 1: FullAWSAccess, leave"),
        "{}",
        full.out
    );
}

#[test]
fn rules_are_explained() {
    let run = soc2ctl(&["scp", "lint", "--explain", "scp052"]);
    assert_eq!((run.code, run.errors.as_str()), (0, ""));
    insta::assert_snapshot!(run.out);
}
