//! `validate`, and manifests that are wrong.

use std::fs;
use std::path::Path;

use crate::{assess, data, soc2ctl, soc2ctl_in};

fn repository(tail: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(tail).to_str().unwrap().to_owned()
}

#[test]
fn the_samples_are_valid() {
    let run = soc2ctl(&["validate", "-f", &repository("docs/samples")]);
    assert_eq!((run.code, run.errors.as_str()), (0, ""), "{}", run.out);
    assert!(run.out.ends_with("objects are valid\n"), "{}", run.out);
}

#[test]
fn what_the_api_server_rejects_is_rejected() {
    let folder = repository("crds/tests/invalid");
    let run = soc2ctl(&["validate", "--allow-missing-references", "-f", &folder]);
    assert_eq!(run.code, 2, "{}", run.errors);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect();
    assert!(files.len() > 70, "{}", files.len());
    for path in files {
        let file = path.display().to_string();
        assert_eq!(
            run.out.lines().filter(|line| line.starts_with(&file)).count(),
            1,
            "{file}: one mistake each\n{}",
            run.out
        );
    }
}

#[test]
fn problems_name_file_line_object_field_and_what_to_do() {
    let yaml = "# a comment
apiVersion: soc2-operator.dev/v1alpha1
kind: AwsOrganization
metadata: {name: acme}
spec: {}
---
apiVersion: soc2-operator.dev/v1alpha1
kind: ComplianceProfile
metadata: {name: one}
spec:
  organizationRef: {name: acmee}
  categorys: [Security]
---
apiVersion: soc2-operator.dev/v1alpha1
kind: ComplianceProfile
metadata: {name: two}
spec:
  organizationRef: {name: acmee}
  controls: [{id: IAM.999, action: Disable, rationale: \"There is no such control\"}]
---
apiVersion: soc2-operator.dev/v1alpha1
kind: ComplianceProfile
metadata: {name: three}
spec:
  organizationRef: {name: acme}
  targets: {include: [{accountIds: [333333333333]}]}
---
apiVersion: soc2-operator.dev/v1alpha1
kind: ComplianceProfil
metadata: {name: four}
---
apiVersion: soc2-operator.dev/v1
kind: ComplianceProfile
metadata: {name: five}
---
apiVersion: soc2-operator.dev/v1alpha1
kind: AwsOrganization
metadata: {name: acme}
spec: {}
---
a: [
---
apiVersion: v1
kind: ConfigMap
";
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("all.yaml"), yaml).unwrap();
    let run = soc2ctl_in(folder.path(), &["validate", "-f", "all.yaml"], "");
    assert_eq!(run.code, 2);
    insta::assert_snapshot!(run.out);
    assert!(run.errors.contains("1 documents of other kinds were passed over"), "{}", run.errors);
    let json = soc2ctl_in(folder.path(), &["validate", "-f", ".", "-o", "json"], "");
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["problems"].as_array().unwrap().len(), run.out.lines().count());
}

#[test]
fn one_bad_object_stops_no_other_but_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["organization.yaml", "profiles.yaml"] {
        fs::copy(data("manifests").join(file), folder.path().join(file)).unwrap();
    }
    let bad = "apiVersion: soc2-operator.dev/v1alpha1\nkind: ComplianceProfile\nmetadata: {name: bad}\nspec: {}\n---\n\
               apiVersion: soc2-operator.dev/v1alpha1\nkind: ComplianceProfile\nmetadata: {name: unknown}\nspec:\n  organizationRef: {name: acme}\n  \
               controls: [{id: IAM.999, action: Disable, rationale: \"There is no such control\"}]\n";
    fs::write(folder.path().join("bad.yaml"), bad).unwrap();
    let snapshot = data("snapshot");
    let run = soc2ctl(&[
        "assess",
        "--snapshot",
        snapshot.to_str().unwrap(),
        "-f",
        folder.path().to_str().unwrap(),
        "--now",
        crate::NOW,
        "-o",
        "json",
    ]);
    assert_eq!(run.code, 2);
    assert!(
        run.errors.contains("bad.yaml:4: ComplianceProfile bad: spec.organizationRef: is required"),
        "{}",
        run.errors
    );
    assert!(
        run.errors
            .contains("bad.yaml:11: ComplianceProfile unknown: spec.controls[0].id: the catalogue knows no control"),
        "{}",
        run.errors
    );
    let list: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let items = list["items"].as_array().unwrap();
    let condition = |profile: &str, kind: &str| {
        let found = items
            .iter()
            .find(|item| item["kind"] == "ComplianceProfile" && item["metadata"]["name"] == profile)
            .unwrap();
        let conditions = found["status"]["conditions"].as_array().unwrap();
        conditions
            .iter()
            .find(|condition| condition["type"] == kind)
            .map(|condition| condition["reason"].as_str().unwrap().to_owned())
    };
    assert_eq!(condition("unknown", "Stalled").as_deref(), Some("UnknownControl"));
    assert_eq!(condition("production", "Stalled"), None);
    assert_eq!(condition("quiet", "Ready").as_deref(), Some("Assessed"));
    let good = assess(&snapshot, &["-o", "json"]);
    let good: serde_json::Value = serde_json::from_str(&good.out).unwrap();
    assert!(good["items"].as_array().unwrap().iter().all(|item| items.contains(item)), "the others are as without it");
}

/// Guardrails with mistakes, and one without.
const GUARDRAILS: &str = r#"
apiVersion: soc2-operator.dev/v1alpha1
kind: AwsOrganization
metadata: {name: acme}
spec: {limits: {scpMaxCharacters: 1000}}
---
apiVersion: soc2-operator.dev/v1alpha1
kind: ScpBaseline
metadata: {name: deny-root}
spec:
  title: Deny sharing snapshots
  criteria: [CC6.1]
  statements: [{sid: S, actions: ["ec2:ModifySnapshotAttribute"], resources: ["*"]}]
  examples: {denied: [{action: "ec2:ModifySnapshotAttribute"}], allowed: [{action: "ec2:DescribeSnapshots"}]}
---
apiVersion: soc2-operator.dev/v1alpha1
kind: ScpBaseline
metadata: {name: contradicting}
spec:
  title: Deny sharing snapshots
  criteria: [CC6.1]
  statements: [{sid: S, actions: ["ec2:ModifySnapshotAttribute"], resources: ["*"]}]
  examples: {denied: [{action: "ec2:DeleteSnapshot"}], allowed: [{action: "ec2:DescribeSnapshots"}]}
---
apiVersion: soc2-operator.dev/v1alpha1
kind: ScpBaseline
metadata: {name: good}
spec:
  title: Deny sharing snapshots
  criteria: [CC6.1]
  statements: [{sid: S, actions: ["ec2:ModifySnapshotAttribute"], resources: ["*"]}]
  examples: {denied: [{action: "ec2:ModifySnapshotAttribute"}], allowed: [{action: "ec2:DescribeSnapshots"}]}
---
apiVersion: soc2-operator.dev/v1alpha1
kind: GuardrailSet
metadata: {name: one}
spec:
  organizationRef: {name: acme}
  baselines:
  - {name: good}
  - {name: contradicting}
  - {name: deny-rout}
  - {name: restrict-regions, parameters: {allowedRegion: [eu-west-1]}}
  - {name: protect-kms, parameters: {minimumWindowDays: 5}}
  - {name: protect-cloudtrail, parameters: {administrators: []}}
"#;

#[test]
fn guardrails_and_their_parameters_are_checked_as_the_operator_does() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("all.yaml"), GUARDRAILS).unwrap();
    let run = soc2ctl_in(folder.path(), &["validate", "-f", "all.yaml"], "");
    assert_eq!(run.code, 2, "{}", run.errors);
    for expected in [
        "ScpBaseline deny-root: metadata.name: deny-root is a guardrail of the built-in library",
        "ScpBaseline contradicting: spec.examples: it does not deny ec2:DeleteSnapshot, its own example",
        "GuardrailSet one: spec.baselines[2].name: there is no guardrail \"deny-rout\" in the library and no such ScpBaseline \
         in these files; did you mean deny-root?",
        "GuardrailSet one: spec.baselines[3].parameters: baseline restrict-regions, parameter allowedRegion: there is no such \
         parameter; did you mean allowedRegions?",
        "parameter allowedRegions: has no default and is not given; it is a list of AWS Regions",
        "GuardrailSet one: spec.baselines[4].parameters: baseline protect-kms, parameter minimumWindowDays: 5 is not \
         allowed; it is a whole number from 7 to 30, without quotes",
    ] {
        assert!(run.out.contains(expected), "{expected}\n{}", run.out);
    }
    assert_eq!(run.out.lines().count(), 6, "{}", run.out);
}
