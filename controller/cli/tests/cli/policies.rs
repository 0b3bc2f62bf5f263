//! `scp pack` and `import scp`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use soc2_guardrails::Document;

use crate::{Run, copy, soc2ctl, soc2ctl_in};

/// Three policies of which two say nearly the same.
fn policies(folder: &Path) {
    let below = folder.join("policies/more");
    fs::create_dir_all(&below).unwrap();
    let leave = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "DenyLeave", "Effect": "Deny", "Action": ["organizations:LeaveOrganization"], "Resource": ["*"]},
    ]});
    let trail = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Trail", "Effect": "Deny", "Action": ["cloudtrail:StopLogging", "cloudtrail:Stop*"], "Resource": "*"},
        {"Sid": "Buckets", "Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "arn:aws:s3:::audit-*"},
    ]});
    fs::write(folder.join("policies/leave.json"), serde_json::to_string_pretty(&leave).unwrap() + "\n").unwrap();
    fs::write(folder.join("policies/trail.json"), trail.to_string()).unwrap();
    fs::write(below.join("leave.json"), leave.to_string()).unwrap();
    fs::write(folder.join("policies/.hidden.json"), "{").unwrap();
}

const PACKED: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Trail","Effect":"Deny","Action":["organizations:LeaveOrganization","cloudtrail:Stop*"],"Resource":"*"},{"Sid":"Buckets","Effect":"Deny","Action":"s3:DeleteBucket","Resource":"arn:aws:s3:::audit-*"}]}"#;

fn pack(folder: &Path, args: &[&str]) -> Run {
    soc2ctl_in(folder, &[&["scp", "pack", "-f", "policies"], args].concat(), "")
}

#[test]
fn policies_are_packed_to_standard_output_with_the_figures_beside() {
    let folder = tempfile::tempdir().unwrap();
    policies(folder.path());
    let run = pack(folder.path(), &[]);
    assert_eq!((run.code, run.out.as_str()), (0, format!("{PACKED}\n").as_str()), "{}", run.errors);
    let figures = format!(
        "\
POLICY  MADE OF                 STATEMENTS  CHARACTERS  OF
pack    leave, leave-2, trail   2           {after}         10240

        POLICIES (SLOTS)  STATEMENTS  CHARACTERS
before  3                 4           {before}
after   1                 2           {after}
statement Trail of pack stands for DenyLeave, DenyLeave, Trail
",
        after = PACKED.len(),
        before = ["leave.json", "trail.json", "more/leave.json"]
            .iter()
            .map(|file| fs::read_to_string(folder.path().join("policies").join(file)).unwrap().trim_end().len())
            .sum::<usize>(),
    );
    let spaces = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(spaces(&run.errors), spaces(&figures));
    let quiet = pack(folder.path(), &["--quiet", "--no-sids"]);
    assert_eq!(quiet.errors, "");
    assert!(!quiet.out.contains("Sid"), "{}", quiet.out);
}

#[test]
fn packed_policies_are_written_to_a_folder_or_as_json() {
    let folder = tempfile::tempdir().unwrap();
    policies(folder.path());
    let run = pack(folder.path(), &["--out", "packed", "--apart"]);
    assert_eq!((run.code, run.errors.as_str()), (0, ""));
    assert!(run.out.contains("leave-2"), "the figures are the result: {}", run.out);
    let files: BTreeSet<String> = fs::read_dir(folder.path().join("packed"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(files.iter().map(String::as_str).collect::<Vec<_>>(), ["leave-2.json", "leave.json", "trail.json"]);
    assert_eq!(
        fs::read_to_string(folder.path().join("packed/leave.json")).unwrap(),
        r#"{"Version":"2012-10-17","Statement":{"Sid":"DenyLeave","Effect":"Deny","Action":"organizations:LeaveOrganization","Resource":"*"}}"#
    );
    let again = pack(folder.path(), &["--out", "packed"]);
    assert_eq!(again.code, 2);
    assert!(again.errors.contains("--out packed: is not empty"), "{}", again.errors);

    let run = pack(folder.path(), &["-o", "json"]);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["after"], json!({"policies": 1, "statements": 2, "characters": PACKED.len()}));
    assert_eq!(report["policies"][0]["content"], PACKED);
    assert_eq!(
        report["policies"][0]["statements"][0],
        json!({"sid": "Trail", "standsFor": ["DenyLeave", "DenyLeave", "Trail"]})
    );
}

#[test]
fn what_does_not_fit_is_refused_with_the_numbers_and_not_half_written() {
    let folder = tempfile::tempdir().unwrap();
    policies(folder.path());
    for (args, problem) in [
        (&["--max-characters", "150"][..], "trail has 208 characters, minified, and a policy may have 150"),
        (&["--max-characters", "220", "--max-policies", "1"], "2 policies are needed, and --max-policies is 1"),
    ] {
        let run = pack(folder.path(), &[args, &["--out", "packed"]].concat());
        assert_eq!((run.code, run.out.as_str()), (1, ""), "{args:?}: {}", run.errors);
        assert!(run.errors.contains(problem), "{args:?}: {}", run.errors);
        assert!(!folder.path().join("packed").exists());
    }
    for (args, input, problem) in [
        (&["-f", "nowhere"][..], "", "-f nowhere"),
        (&["-f", "-"], "{", "-: not a policy document"),
        (&["-f", "-", "--max-characters", "0"], "{}", "--max-characters"),
    ] {
        let run = soc2ctl_in(folder.path(), &[&["scp", "pack"], args].concat(), input);
        assert_eq!(run.code, 2, "{args:?}: {}", run.errors);
        assert!(run.errors.contains(problem), "{args:?}: {}", run.errors);
    }
}

#[test]
fn what_is_not_known_only_loses_whitespace() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        r#"{"Version": "2012-10-17", "New": 1, "Statement": [{"Effect":"Deny","Action":["a:B"],"Resource":["*"]}]}"#;
    let run = soc2ctl_in(folder.path(), &["scp", "pack", "-f", "-"], text);
    assert_eq!((run.code, run.out), (0, format!("{}\n", text.replace(' ', ""))));
    assert!(run.errors.contains("note: -: has elements whose meaning is not known (New)"), "{}", run.errors);
}

/// The snapshot with these policies beside those that it has; each is attached to the root.
fn snapshot(more: &[Value]) -> tempfile::TempDir {
    let folder = copy();
    let path = folder.path().join("organization.json");
    let mut file: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    for policy in more {
        file["Policies"].as_array_mut().unwrap().push(policy.clone());
        let attachment = json!({"PolicyId": policy["Id"], "TargetId": "r-acme"});
        file["Attachments"].as_array_mut().unwrap().push(attachment);
    }
    fs::write(&path, file.to_string()).unwrap();
    folder
}

fn import(folder: &Path, args: &[&str]) -> Run {
    soc2ctl(&[&["import", "scp", "--snapshot", folder.to_str().unwrap()], args].concat())
}

fn policy(id: &str, name: &str, statements: &Value) -> Value {
    json!({"Id": id, "Name": name, "AwsManaged": false, "Content": {"Version": "2012-10-17", "Statement": statements}})
}

#[test]
fn a_live_policy_becomes_a_baseline() {
    let run = import(copy().path(), &["--criterion", "CC6.1"]);
    assert_eq!(run.code, 0, "{}", run.errors);
    assert_eq!(
        run.out,
        r#"---
# Policy p-leave0000 (leave), attached to organizational unit Prod (ou-acme-prod0000)
apiVersion: soc2-operator.dev/v1alpha1
kind: ScpBaseline
metadata: {name: "leave"}
spec:
  policyType: SERVICE_CONTROL_POLICY
  title: "leave"
  criteria: ["CC6.1"]
  statements:
  - sid: "Statement"
    effect: Deny
    actions:
    - "organizations:LeaveOrganization"
    resources:
    - "*"
  examples:
    denied:
    - {"action":"organizations:LeaveOrganization","resource":"*"}
    allowed:
    - {"action":"sts:GetCallerIdentity","resource":"*"}
"#
    );
    assert_eq!(
        run.errors,
        "note: policy p-FullAWSAccess (FullAWSAccess) is AWS's own: not imported\nnote: 1 of 2 policies are imported\n"
    );
}

#[test]
fn what_is_imported_says_what_the_policy_says() {
    let statements = json!([
        {"Sid": "Regions é 1", "Effect": "Deny", "NotAction": ["iam:*", "sts:*"], "Resource": "*", "Condition": {
            "StringNotEquals": {"aws:RequestedRegion": ["eu-west-1", "eu-central-1"]},
            "ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/admin/x"},
        }},
        {"Effect": "Deny", "Action": "s3:PutObject", "NotResource": "arn:aws:s3:::${aws:PrincipalAccount}/*", "Condition": {"Bool": {"aws:SecureTransport": false}}},
        {"Sid": "Regions1", "Effect": "Deny", "Action": ["ec2:*Vpc*", "guardduty:DeleteDetector"], "Resource": "*", "Condition": {}},
    ]);
    let folder = snapshot(&[policy("p-regions0", "Région: \"restrict\" #1\nkind: Secret", &statements)]);
    let run = import(folder.path(), &[]);
    assert_eq!(run.code, 0, "{}", run.errors);
    let baseline: Value = serde_yaml::from_str(run.out.split("---\n").last().unwrap()).unwrap();
    assert_eq!(baseline["metadata"]["name"], "r-gion-restrict-1-kind-secret");
    assert_eq!(baseline["spec"]["title"], "Région: \"restrict\" #1 kind: Secret");
    assert_eq!(baseline["spec"]["criteria"], json!([]), "to be filled in");
    let sids: Vec<&Value> = baseline["spec"]["statements"].as_array().unwrap().iter().map(|one| &one["sid"]).collect();
    assert_eq!(sids, ["Regions1", "Statement", "Regions12"]);
    assert_eq!(
        baseline["spec"]["examples"]["denied"],
        json!([{"action": "guardduty:DeleteDetector", "resource": "*"}])
    );
    // Put together again it is the policy, but for Sids.
    let part = |one: &Value, keys: [(&str, &str); 5]| -> Value {
        keys.iter()
            .filter_map(|(from, to)| Some(((*to).to_owned(), one.get(from)?.clone())))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let keys = [
        ("actions", "Action"),
        ("notActions", "NotAction"),
        ("resources", "Resource"),
        ("notResources", "NotResource"),
        ("condition", "Condition"),
    ];
    let again: Vec<Value> = baseline["spec"]["statements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let mut statement = part(one, keys);
            statement["Effect"] = one["effect"].clone();
            statement
        })
        .collect();
    let mut wanted = statements;
    wanted.as_array_mut().unwrap().iter_mut().for_each(|one| drop(one.as_object_mut().unwrap().remove("Sid")));
    let document = |statements: &Value| {
        Document::parse(&json!({"Version": "2012-10-17", "Statement": statements}).to_string()).unwrap()
    };
    assert_eq!(document(&Value::from(again)), document(&wanted));
}

#[test]
fn what_is_not_imported_is_said() {
    let deny = json!({"Sid": "D", "Effect": "Deny", "Action": "a:B", "Resource": "*"});
    let mut kept = policy("p-ours", "soc2-acme-deny-leave-org-12345678", &deny);
    kept["Tags"] = json!({"soc2-operator.dev/owner-id": "acme"});
    let mut old =
        policy("p-old", "old", &json!([{"Effect": "Deny", "Action": "a:B", "Resource": "arn:${aws:username}"}]));
    old["Content"].as_object_mut().unwrap().remove("Version");
    let mut broken = policy("p-broken", "broken", &deny);
    broken["Content"] = json!("{");
    let allow = json!({"Sid": "A", "Effect": "Allow", "Action": "s3:*", "Resource": "*"});
    let folder = snapshot(&[
        kept,
        old,
        broken,
        policy("p-tower", "aws-guardrails-AbCdEf", &deny),
        policy(
            "p-mixed",
            "deny-leave-org",
            &json!([allow, deny, {"Sid": "N", "Effect": "Deny", "Action": "a:B", "Resource": "*", "New": 1}]),
        ),
        policy("p-allow", "allow", &allow),
        policy("p-empty", "empty", &json!([])),
    ]);
    let run = import(folder.path(), &[]);
    assert_eq!(run.code, 1, "{}", run.errors);
    for problem in [
        "note: policy p-ours (soc2-acme-deny-leave-org-12345678) is kept by soc2-operator, owner acme: not imported",
        "note: policy p-tower (aws-guardrails-AbCdEf) is AWS Control Tower's: not imported",
        "error: policy p-old (old): ${...} is no variable in its Version 2008-10-17, and would be one: not imported",
        "error: policy p-broken (broken): not a policy document: ",
        "error: policy p-allow (allow): statement A allows, and a baseline only denies: not imported",
        "error: policy p-empty (empty): it has no statement: not imported",
        "error: policy p-mixed (deny-leave-org): statement A allows, and a baseline only denies: not imported",
        "error: policy p-mixed (deny-leave-org): statement N has elements whose meaning is not known (New): not imported",
        "note: 2 of 9 policies are imported",
    ] {
        assert!(run.errors.contains(problem), "{problem}: {}", run.errors);
    }
    assert!(run.out.contains("# statement A allows, and a baseline only denies: not imported\n"), "{}", run.out);
    assert!(run.out.contains("metadata: {name: \"deny-leave-org-2\"}"), "a built-in one has the name: {}", run.out);
    assert_eq!(run.out.matches("kind: ScpBaseline\n").count(), 2);

    let folder = copy();
    fs::write(folder.path().join("organization.json"), "{}").unwrap();
    assert_eq!(import(folder.path(), &[]).code, 2);
}
