//! `scp decide` and `scp explain`.

use std::io::Write as _;

use serde_json::{Value, json};

use super::{Run, data, soc2ctl, soc2ctl_in};

const ALLOW_ALL: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const REGIONS: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Regions","Effect":"Deny","NotAction":"iam:*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-west-1"]},"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/break-glass"}}}]}"#;

fn case(id: u32, documents: &[&str], action: &str, context: &Value) -> String {
    let policies: Vec<Value> = documents
        .iter()
        .enumerate()
        .map(|(at, document)| json!({"name": format!("p{at}"), "document": serde_json::from_str::<Value>(document).unwrap()}))
        .collect();
    let request = json!({"principal": "arn:aws:iam::333333333333:role/dev", "action": action, "resource": "*", "context": context});
    json!({"id": id, "levels": [{"target": "r-acme", "policies": policies}], "request": request}).to_string()
}

fn decide(input: &str) -> (Run, Vec<Value>) {
    let run = soc2ctl_in(&data(""), &["scp", "decide", "-f", "-"], input);
    let lines = run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (run, lines)
}

#[test]
fn decide_prints_a_line_for_each_line_in_order() {
    let here = json!({"aws:RequestedRegion": "eu-west-1"});
    let there = json!({"aws:RequestedRegion": ["us-east-1"]});
    let input = [
        case(1, &[ALLOW_ALL, REGIONS], "ec2:RunInstances", &here),
        case(2, &[ALLOW_ALL, REGIONS], "ec2:RunInstances", &there),
        String::new(),
        case(3, &[REGIONS], "ec2:RunInstances", &here),
        case(4, &[ALLOW_ALL, REGIONS], "iam:CreateRole", &json!({})),
        r#"{"id":"m","levels":[],"request":{"action":"s3:GetObject","resource":"*"}}"#.to_owned(),
        // A key that is not there is absent, and a negated operator holds then.
        case(6, &[ALLOW_ALL, REGIONS], "ec2:RunInstances", &json!({})),
    ];
    let (run, lines) = decide(&input.join("\n"));
    assert_eq!((run.code, run.errors.as_str()), (0, ""));
    let regions = json!({"target": "r-acme", "policy": "p1", "statement": "Regions"});
    let expected = [
        json!({"id": 1, "decision": "Allowed", "decidedBy": null}),
        json!({"id": 2, "decision": "ExplicitDeny", "decidedBy": regions}),
        json!({"id": 3, "decision": "ImplicitDeny", "decidedBy": {"target": "r-acme", "policy": null, "statement": null}}),
        json!({"id": 4, "decision": "Allowed", "decidedBy": null}),
        json!({"id": "m", "decision": "Allowed", "decidedBy": null}),
        json!({"id": 6, "decision": "ExplicitDeny", "decidedBy": regions}),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn decide_goes_on_after_a_line_that_it_cannot_decide() {
    let strange = r#"{"Statement":[{"Effect":"Deny","Principal":"*","Action":"ec2:*","Resource":"*"}]}"#;
    let input = [
        "{\"id\": 1, \"levels\": ".to_owned(),
        r#"{"id": 2, "levels": [], "request": {"resource": "*"}}"#.to_owned(),
        case(3, &[r#"{"Statement": 1}"#], "s3:GetObject", &json!({})),
        case(4, &[ALLOW_ALL, strange], "ec2:RunInstances", &json!({})),
        case(5, &[ALLOW_ALL, strange], "s3:GetObject", &json!({})),
    ];
    let (run, lines) = decide(&input.join("\n"));
    assert_eq!(run.code, 2);
    let errors: Vec<&str> = run.errors.lines().collect();
    for (at, problem) in [
        (0, "line 1: EOF"),
        (1, "line 2: missing field `action`"),
        (2, "line 3: target r-acme policy p0: not a policy document: Statement is neither an object nor a list"),
        (
            3,
            "line 4: AWS would not take such a policy, so that there is no decision: it depends on the meaning of the element Principal",
        ),
    ] {
        assert!(errors[at].contains(problem), "{errors:?}");
        assert!(lines[at]["error"].is_string() && lines[at].get("decision").is_none(), "{lines:?}");
    }
    assert_eq!(lines[3]["id"], 4);
    assert_eq!(lines[4], json!({"id": 5, "decision": "Allowed", "decidedBy": null}));
}

#[test]
fn decide_reads_compressed_files_and_documents_in_strings() {
    let mut line: Value = serde_json::from_str(&case(1, &[ALLOW_ALL], "s3:GetObject", &json!({}))).unwrap();
    line["levels"][0]["policies"][0]["document"] = json!(ALLOW_ALL);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cases.jsonl.gz");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(format!("{line}\n").as_bytes()).unwrap();
    std::fs::write(&path, gzip.finish().unwrap()).unwrap();
    let run = soc2ctl(&["scp", "decide", "-f", path.to_str().unwrap()]);
    assert_eq!((run.code, run.out.as_str()), (0, "{\"id\":1,\"decision\":\"Allowed\",\"decidedBy\":null}\n"));
}

#[test]
fn explain_says_what_each_statement_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("regions.json");
    std::fs::write(&path, REGIONS).unwrap();
    let path = path.to_str().unwrap();
    let explain = |more: &[&str]| {
        let mut args = vec!["scp", "explain", "--policies", path, "--action", "ec2:RunInstances"];
        args.extend(more);
        soc2ctl(&args)
    };
    let run =
        explain(&["--context", "aws:RequestedRegion=us-east-1", "--principal", "arn:aws:iam::333333333333:role/dev"]);
    assert_eq!(
        run.out,
        "ec2:RunInstances: denied by statement Regions of policy regions.json on files\nfiles\n  p-FullAWSAccess 0 (allows): applies\n  regions.json Regions (denies): applies\n"
    );
    let run = explain(&["--context", "aws:RequestedRegion=eu-west-1"]);
    assert!(
        run.out.contains("does not apply: StringNotEquals aws:RequestedRegion eu-west-1 does not hold (aws:RequestedRegion: eu-west-1)"),
        "{}",
        run.out
    );
    let run = explain(&["--unknown-context", "-o", "json"]);
    let found: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(found["decision"], "Unknown");
    assert_eq!(found["dependsOn"], json!(["aws:PrincipalArn", "aws:RequestedRegion"]));
    assert_eq!(found["statements"][1]["applies"], Value::Null);
}

#[test]
fn explain_takes_the_policies_of_a_snapshot() {
    let explain = |account: &str| {
        let action = "organizations:LeaveOrganization";
        soc2ctl(&["scp", "explain", "--snapshot", "snapshot", "--account", account, "--action", action, "-o", "json"])
    };
    let found: Value = serde_json::from_str(&explain("payments-prod").out).unwrap();
    assert_eq!(found["decision"], "ExplicitDeny");
    assert_eq!(found["decidedBy"]["policy"], "p-leave0000");
    let management: Value = serde_json::from_str(&explain("management").out).unwrap();
    assert_eq!((&management["decision"], &management["statements"]), (&json!("Allowed"), &json!([])));
    let unknown = explain("nobody");
    assert_eq!(unknown.code, 2);
    assert!(unknown.errors.contains("the snapshot has no such account"), "{}", unknown.errors);
}
