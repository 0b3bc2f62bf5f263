//! What the operator's roles may do in AWS stays possible: every action of the shipped IAM policies is guarded, and the roles are
//! exempt, the one that reads recorded calls too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use soc2_crds::{AwsOrganizationSpec, GuardrailSet, GuardrailSetSpec};
use soc2_guardrails::declared::{guarded, set_input, trail_access};
use soc2_guardrails::library::accepted;
use soc2_guardrails::{Access, Guarded, Mode, SetInput, Step};

use crate::exemptions::{CLOUDTRAIL, world};
use crate::model::{World, everything, set};

const TRAIL: &str = "arn:aws:iam::333333333333:role/soc2-trail";

/// An organization whose object names every role that it can, each another one.
fn organization() -> AwsOrganizationSpec {
    let role = |account: &str, name: &str| json!({"arn": format!("arn:aws:iam::{account}:role/{name}")});
    serde_json::from_value(json!({
        "organizations": {
            "role": role("111111111111", "soc2-read"), "writeRole": role("111111111111", "soc2-write"),
            "events": {"queueUrl": "https://sqs.us-east-1.amazonaws.com/111111111111/soc2-organization", "role": role("111111111111", "soc2-events")},
        },
        "securityHub": [
            {"name": "main", "homeRegion": "eu-west-1", "role": role("222222222222", "soc2-read"),
             "events": {"queueUrl": "https://sqs.eu-west-1.amazonaws.com/222222222222/soc2", "role": role("222222222222", "soc2-events")}},
            {"name": "each", "regions": ["us-east-1"], "perAccount": {"roleName": "soc2-read"}},
        ],
    }))
    .unwrap()
}

/// A set that reads recorded calls.
fn with_trail(source: &Value) -> GuardrailSetSpec {
    serde_json::from_value(json!({
        "organizationRef": {"name": "acme"}, "baselines": [{"name": CLOUDTRAIL}],
        "rollout": {"waves": [{"rest": true}], "soak": "1h", "gate": {"source": {"cloudTrail": source}}},
    }))
    .unwrap()
}

fn bucket() -> GuardrailSetSpec {
    with_trail(&json!({"bucket": "acme-trail", "region": "eu-west-1", "role": {"arn": TRAIL}}))
}

/// Roles of whom a shipped policy is; any of them may be the one.
fn roles_of(policy: &str) -> &'static [&'static str] {
    match policy {
        "read-organization" => &["arn:aws:iam::111111111111:role/soc2-read"],
        "write-guardrails" => &["arn:aws:iam::111111111111:role/soc2-write"],
        // What the management account lets a delegated administrator do: both roles are in that account then.
        "delegation" => &["arn:aws:iam::111111111111:role/soc2-read", "arn:aws:iam::111111111111:role/soc2-write"],
        "read-security-hub" => &["arn:aws:iam::222222222222:role/soc2-read"],
        "read-member" => &["arn:aws:iam::*:role/soc2-read"],
        "read-queue" => &["arn:aws:iam::111111111111:role/soc2-events", "arn:aws:iam::222222222222:role/soc2-events"],
        "read-trail" => &[TRAIL],
        _ => &[],
    }
}

/// Actions that are not guarded, and why.
const NOT_GUARDED: [(&str, &str, &str); 4] = [
    ("pod", "sts:AssumeRole", "no object says what the pod's own role is: docs/guardrails.md says to name it"),
    ("state-bucket", "s3:ListBucket", "the pod's own role reads the state"),
    ("state-bucket", "s3:GetObject", "the pod's own role reads the state"),
    ("state-bucket", "s3:PutObject", "the pod's own role writes the state"),
];

/// The actions of the shipped policies, by name of the policy.
fn shipped() -> BTreeMap<String, BTreeSet<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/iam/policies");
    let mut policies = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let policy: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let mut actions = BTreeSet::new();
        for statement in policy["Statement"].as_array().unwrap() {
            match &statement["Action"] {
                Value::String(action) => drop(actions.insert(action.clone())),
                list => actions.extend(list.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned())),
            }
        }
        policies.insert(path.file_stem().unwrap().to_str().unwrap().to_owned(), actions);
    }
    policies
}

#[test]
fn every_action_of_the_shipped_policies_is_guarded_for_its_role() {
    let mut operator = guarded(&organization()).operator;
    operator.extend(trail_access(&bucket()));
    let is_guarded = |role: &str, action: &str| {
        let mut of_role = operator.iter().filter(|access| access.role == role).flat_map(|access| &access.calls);
        of_role.any(|call| call.action == action)
    };
    let (mut missing, mut seen) = (Vec::new(), 0);
    let excused = |policy: &str, action: &str| NOT_GUARDED.iter().any(|(p, a, _)| (*p, *a) == (policy, action));
    for (policy, actions) in shipped() {
        for action in actions {
            let roles = roles_of(&policy);
            let found = match policy.as_str() {
                "delegation" => roles.iter().any(|role| is_guarded(role, &action)),
                _ => !roles.is_empty() && roles.iter().all(|role| is_guarded(role, &action)),
            };
            if found == excused(&policy, &action) {
                missing.push(format!("{policy} {action}"));
            }
            seen += 1;
        }
    }
    assert!(missing.is_empty(), "neither guarded nor excused with a reason, or both: {missing:?}");
    assert!(seen >= 40, "{seen}");
    assert!(NOT_GUARDED.iter().all(|(policy, action, _)| shipped()[*policy].contains(*action)));
}

fn of<'a>(guarded: &'a Guarded, action: &str) -> Vec<(&'a str, &'a str, &'a str)> {
    let calls = guarded.operator.iter().flat_map(|access| access.calls.iter().map(move |call| (access, call)));
    calls
        .filter(|(_, call)| call.action == action)
        .map(|(access, call)| (access.role.as_str(), call.resource.as_str(), call.region.as_str()))
        .collect()
}

#[test]
fn a_queue_is_where_its_url_says_and_else_where_organizations_is() {
    for (partition, url, arn, region) in [
        (
            "aws",
            "https://sqs.us-east-1.amazonaws.com/111111111111/q",
            "arn:aws:sqs:us-east-1:111111111111:q",
            "us-east-1",
        ),
        (
            "aws-us-gov",
            "https://sqs.us-gov-west-1.amazonaws.com/111111111111/q",
            "arn:aws-us-gov:sqs:us-gov-west-1:111111111111:q",
            "us-gov-west-1",
        ),
        (
            "aws-cn",
            "https://sqs.cn-northwest-1.amazonaws.com.cn/111111111111/q",
            "arn:aws-cn:sqs:cn-northwest-1:111111111111:q",
            "cn-northwest-1",
        ),
        (
            "aws",
            "https://vpce-0a1b.sqs.eu-west-1.vpce.amazonaws.com/111111111111/q",
            "arn:aws:sqs:eu-west-1:111111111111:q",
            "eu-west-1",
        ),
        // An endpoint of one's own.
        ("aws", "http://localhost:4566/111111111111/q", "arn:aws:sqs:us-east-1:111111111111:q", "us-east-1"),
        (
            "aws-cn",
            "http://localhost:4566/111111111111/q",
            "arn:aws-cn:sqs:cn-northwest-1:111111111111:q",
            "cn-northwest-1",
        ),
    ] {
        let role = format!("arn:{partition}:iam::111111111111:role/soc2-read");
        let spec =
            serde_json::from_value(json!({"organizations": {"role": {"arn": role}, "events": {"queueUrl": url}}}));
        let guarded = guarded(&spec.unwrap());
        assert_eq!(of(&guarded, "sqs:ReceiveMessage"), [(role.as_str(), arn, region)], "{url}");
        let key = format!("arn:{partition}:kms:{region}:111111111111:key/*");
        assert_eq!(of(&guarded, "kms:Decrypt"), [(role.as_str(), key.as_str(), region)], "{url}");
        let tree = of(&guarded, "organizations:ListRoots")[0].2;
        assert!(url.contains(tree) || !url.contains(".amazonaws.com") || url.contains("vpce"), "{url} {tree}");
    }
}

#[test]
fn files_of_a_trail_are_in_its_bucket() {
    for (source, expected) in [
        (json!({"bucket": "acme-trail", "region": "eu-west-1", "role": {"arn": TRAIL}}), Some("eu-west-1")),
        (json!({"bucket": "acme-trail", "role": {"arn": TRAIL}}), Some("")),
        (json!({"url": "s3://acme-trail/some/where", "role": {"arn": TRAIL}}), Some("")),
        (json!({"url": "file:///trail", "role": {"arn": TRAIL}}), None),
        (json!({"bucket": "acme-trail"}), None),
    ] {
        let access = trail_access(&with_trail(&source));
        let found = access.as_ref().map(|access| (access.role.as_str(), access.calls[0].region.as_str()));
        assert_eq!(found, expected.map(|region| (TRAIL, region)), "{source}");
        let Some(Access { account, calls, .. }) = access else { continue };
        assert_eq!(account.unwrap().to_string(), "333333333333");
        let calls: Vec<String> = calls.iter().map(|call| format!("{} {}", call.action, call.resource)).collect();
        assert_eq!(calls[..2], ["s3:ListBucket arn:aws:s3:::acme-trail", "s3:GetObject arn:aws:s3:::acme-trail/*"]);
    }
    assert_eq!(
        trail_access(&serde_json::from_value(json!({"organizationRef": {"name": "a"}, "baselines": []})).unwrap()),
        None
    );
}

/// Two sets, of which the first reads recorded calls.
fn two(world: &World) -> [SetInput; 2] {
    let object = GuardrailSet::new("reads", bucket());
    let reads = set_input(&object, &world.org, &BTreeMap::new(), false);
    assert_eq!(reads.trail, trail_access(&object.spec));
    let one = set("reads", Mode::Enforce, everything(&world.org), &[CLOUDTRAIL]);
    [SetInput { trail: reads.trail, ..one }, set("other", Mode::Enforce, everything(&world.org), &["protect-config"])]
}

#[test]
fn who_names_a_role_for_recorded_calls_exempts_it_from_nothing() {
    let world = world();
    let plan = world.plan(&two(&world));
    assert_eq!(plan.sets.iter().find_map(|set| set.refused.as_ref()), None);
    let contents = plan.steps.iter().filter_map(|step| match step {
        Step::Create { policy, .. } => Some(policy.content.as_str()),
        _ => None,
    });
    let contents: Vec<&str> = contents.collect();
    assert!(contents.len() >= 3, "{contents:?}");
    assert!(!contents.iter().any(|content| content.contains(TRAIL)), "{contents:?}");
    assert!(!accepted("protect-config", &organization(), None, &[bucket()]).0.cover(TRAIL));
}

#[test]
fn a_guardrail_without_exemption_that_takes_the_files_away_is_refused() {
    for (actions, refused) in [
        (
            vec!["s3:GetObject"],
            Some("would deny s3:GetObject to the operator's own role arn:aws:iam::333333333333:role/soc2-trail"),
        ),
        (vec!["s3:List*"], Some("would deny s3:ListBucket")),
        (vec!["kms:Decrypt"], Some("would deny kms:Decrypt")),
        (vec!["s3:DeleteObject", "kms:Encrypt"], None),
    ] {
        let mut world = world();
        let guardrail = world.library.iter_mut().find(|guardrail| guardrail.name == "protect-config").unwrap();
        guardrail.no_exemption = Some("because I say so".to_owned());
        guardrail.statements.truncate(1);
        guardrail.statements[0].actions = Some(actions.iter().map(ToString::to_string).collect());
        guardrail.statements[0].exempt = None;
        guardrail.denied.clear();
        guardrail.allowed.clear();
        // Its own policies are looked at, and those of others are not held up by it.
        let [mut reads, other] = two(&world);
        reads.baselines.push("protect-config".to_owned());
        let plan = world.plan(&[reads, other]);
        let of = |name: &str| plan.sets.iter().find(|set| set.name == name).unwrap();
        assert_eq!(of("other").refused, None, "{actions:?}");
        let message = of("reads").refused.as_ref().map(ToString::to_string);
        match refused {
            Some(named) => {
                assert!(message.as_ref().is_some_and(|message| message.contains(named)), "{actions:?} {message:?}");
            }
            None => assert_eq!(message, None, "{actions:?}"),
        }
    }
}
