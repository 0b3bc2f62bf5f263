//! Golden outputs of an assessment.

use crate::{assess, data, soc2ctl};

fn printed(format: &str) -> String {
    let run = assess(&data("snapshot"), &["-o", format]);
    assert_eq!((run.code, run.errors.as_str()), (1, ""), "something fails");
    assert!(!run.out.contains('\u{1b}'), "colours only on a terminal");
    run.out
}

#[test]
fn table() {
    insta::assert_snapshot!(printed("table"));
}

#[test]
fn json() {
    insta::assert_snapshot!(printed("json"));
}

#[test]
fn yaml_says_what_json_says() {
    let yaml: serde_json::Value = serde_yaml::from_str(&printed("yaml")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&printed("json")).unwrap();
    assert_eq!(yaml, json);
}

#[test]
fn junit() {
    insta::assert_snapshot!(printed("junit"));
}

#[test]
fn sarif() {
    let printed = printed("sarif").replace(env!("CARGO_PKG_VERSION"), "VERSION");
    insta::assert_snapshot!(printed);
}

#[test]
fn markdown() {
    insta::assert_snapshot!(printed("markdown"));
}

#[test]
fn the_exit_code_says_whether_everything_passes() {
    let only = |profile: &str| assess(&data("snapshot"), &["--profile", profile]).code;
    assert_eq!((only("quiet"), only("production")), (0, 1));
    // A day and a half later nothing is fresh: Unknown is not a pass.
    let later = soc2ctl(&[
        "assess",
        "--snapshot",
        "snapshot",
        "-f",
        "manifests",
        "--profile",
        "quiet",
        "--now",
        "2026-11-22T12:00:00Z",
    ]);
    assert_eq!(later.code, 1);
    assert!(later.out.contains("Compliant Unknown ControlsUnknown"), "{}", later.out);
}

#[test]
fn names_from_aws_do_nothing_to_a_terminal() {
    let folder = crate::copy();
    let path = folder.path().join("organization.json");
    let text = std::fs::read_to_string(&path).unwrap().replace("payments-prod", "pay\\u001b[31mments\\nprod");
    std::fs::write(path, text).unwrap();
    let run = assess(folder.path(), &["--profile", "production"]);
    assert!(run.out.contains("pay [31mments prod"), "{}", run.out);
    let junit = assess(folder.path(), &["-o", "markdown"]).out;
    assert!(junit.contains("pay \\[31mments prod"), "{junit}");
}
