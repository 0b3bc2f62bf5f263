//! `plan`.

use serde_json::{Value, json};

use crate::{copy, data, soc2ctl_in};

const ORGANIZATION: &str = "apiVersion: soc2-operator.dev/v1alpha1
kind: AwsOrganization
metadata: {name: acme}
spec:
  organizations:
    writeRole: {arn: 'arn:aws:iam::111111111111:role/soc2-write'}
  guardrails: {breakGlassPrincipals: ['arn:aws:iam::*:role/BreakGlass']}
";

fn set(spec: &str) -> String {
    format!(
        "{ORGANIZATION}---
apiVersion: soc2-operator.dev/v1alpha1
kind: GuardrailSet
metadata: {{name: production}}
spec:
  organizationRef: {{name: acme}}
  {spec}
"
    )
}

/// Plans a set with this spec on a snapshot.
fn plan(snapshot: &std::path::Path, spec: &str, more: &[&str]) -> crate::Run {
    let args = [&["plan", "--snapshot", snapshot.to_str().unwrap(), "-f", "-"], more].concat();
    soc2ctl_in(&data(""), &args, &set(spec))
}

const LEAVE: &str =
    "{targets: {include: [{organizationalUnit: {path: Security}}]}, baselines: [{name: deny-leave-org}]}";

/// The spec as lines of YAML.
fn lines(flow: &str) -> String {
    let value: serde_yaml::Value = serde_yaml::from_str(flow).unwrap();
    serde_yaml::to_string(&value).unwrap().trim_end().replace('\n', "\n  ")
}

#[test]
fn what_would_be_written_is_shown_with_statements_and_hash() {
    let run = plan(&data("snapshot"), &lines(LEAVE), &[]);
    assert_eq!((run.code, run.errors.as_str()), (2, ""), "changes are 2");
    insta::assert_snapshot!(run.out);
    let markdown = plan(&data("snapshot"), &lines(LEAVE), &["-o", "markdown"]);
    assert_eq!(markdown.code, 2);
    insta::assert_snapshot!(markdown.out);
}

#[test]
fn exemptions_and_their_protection_are_part_of_the_plan() {
    let trail = "{targets: {}, baselines: [{name: protect-cloudtrail}]}";
    let run = plan(&data("snapshot"), &lines(trail), &["-o", "json"]);
    assert_eq!(run.code, 2, "{}", run.errors);
    let plan: Value = serde_json::from_str(&run.out).unwrap();
    let set = &plan["sets"][0];
    assert_eq!((&set["create"], &set["attach"], &set["weakens"]), (&json!(2), &json!(2), &json!(false)));
    assert!(run.out.contains("role/BreakGlass") && run.out.contains("protect-exempt-principals"), "{}", run.out);
}

/// What the plan wants is put into the snapshot; nothing is left to do. A narrower target weakens.
#[test]
fn in_sync_is_0_and_taking_away_says_that_it_weakens() {
    let folder = copy();
    let path = folder.path().join("organization.json");
    let mut organization: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let document = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "DenyLeaveOrganization", "Effect": "Deny", "Action": "organizations:LeaveOrganization", "Resource": "*"},
    ]});
    let tags = json!({
        "soc2-operator.dev/owner-id": "acme", "soc2-operator.dev/cluster-id": "c-1", "soc2-operator.dev/baseline": "deny-leave-org",
    });
    let policies = organization["Policies"].as_array_mut().unwrap();
    let name = "soc2-acme-deny-leave-org-7b981c6c";
    policies.push(json!({"Id": "p-ours0000", "Name": name, "AwsManaged": false, "Content": document, "Tags": tags}));
    for target in ["ou-acme-prod0000", "ou-acme-secu0000"] {
        let attachments = organization["Attachments"].as_array_mut().unwrap();
        attachments.push(json!({"PolicyId": "p-ours0000", "TargetId": target}));
    }
    std::fs::write(&path, organization.to_string()).unwrap();
    let both = "{targets: {include: [{organizationalUnit: {path: Prod}}, {organizationalUnit: {path: Security}}]}, baselines: [{name: deny-leave-org}]}";
    let run = plan(folder.path(), &lines(both), &[]);
    assert_eq!(run.code, 0, "{}{}", run.out, run.errors);
    assert!(run.out.contains("in sync"), "{}", run.out);
    let run = plan(folder.path(), &lines(LEAVE), &[]);
    assert_eq!(run.code, 2, "{}{}", run.out, run.errors);
    assert!(run.out.contains("it weakens") && run.out.contains("- detach deny-leave-org (p-ours0000)"), "{}", run.out);
}

#[test]
fn what_is_refused_or_cannot_be_read_is_1() {
    let mut full = LEAVE.replace("deny-leave-org", "deny-leave-orgs");
    let run = plan(&data("snapshot"), &lines(&full), &[]);
    assert_eq!(run.code, 1);
    assert!(run.out.contains("did you mean deny-leave-org?"), "{}{}", run.out, run.errors);
    full = LEAVE.replace("path: Security", "path: Nowhere");
    let run = plan(&data("snapshot"), &lines(&full), &[]);
    assert!(run.code == 1 && run.out.contains("NoTargets"), "{}", run.out);
    let run = plan(&data("none"), &lines(LEAVE), &[]);
    assert!(run.code == 1 && run.errors.contains("organization.json"), "{}", run.errors);
    let run = plan(&data("snapshot"), "baselines: []", &[]);
    assert_eq!(run.code, 1, "{}", run.errors);
}

/// A copy of the snapshot with one more policy, attached to these.
fn with_policy(policy: &Value, targets: &[&str]) -> tempfile::TempDir {
    let folder = copy();
    let path = folder.path().join("organization.json");
    let mut organization: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    organization["Policies"].as_array_mut().unwrap().push(policy.clone());
    for target in targets {
        let attachments = organization["Attachments"].as_array_mut().unwrap();
        attachments.push(json!({"PolicyId": policy["Id"], "TargetId": target}));
    }
    std::fs::write(&path, organization.to_string()).unwrap();
    folder
}

/// A policy of somebody else that denies leaving.
fn theirs(tags: &Value) -> Value {
    let document = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Action": "organizations:LeaveOrganization", "Resource": "*"},
    ]});
    json!({"Id": "p-theirs00", "Name": "terraform-leave", "AwsManaged": false, "Content": document, "Tags": tags})
}

#[test]
fn what_policies_of_others_do_already_is_said_and_needs_nothing() {
    let prod = &lines(&LEAVE.replace("path: Security", "path: Prod"));
    let run = plan(&data("snapshot"), prod, &[]);
    assert_eq!(run.code, 0, "{}{}", run.out, run.errors);
    let says = "= deny-leave-org is in force on ou-acme-prod0000 already: p-leave0000 deny the same; nothing of ours is put there";
    assert!(run.out.contains(says), "{}", run.out);
    let markdown = plan(&data("snapshot"), prod, &["-o", "markdown"]).out;
    assert!(markdown.contains("- deny-leave-org is in force on ou-acme-prod0000 already"), "{markdown}");
    let machine: Value = serde_json::from_str(&plan(&data("snapshot"), prod, &["-o", "json"]).out).unwrap();
    let baseline = &machine["sets"][0]["baselines"][0];
    assert_eq!(baseline["satisfiedBy"], json!({"ou-acme-prod0000": ["p-leave0000"]}));
    assert_eq!((&baseline["policy"], &baseline["attached"]), (&Value::Null, &json!(0)));
}

#[test]
fn what_is_adopted_or_taken_over_is_a_step() {
    let folder = with_policy(&theirs(&json!({})), &["ou-acme-secu0000"]);
    let adopting = LEAVE.replace("{name: deny-leave-org}", "{name: deny-leave-org, adopt: p-theirs00}");
    let run = plan(folder.path(), &lines(&adopting), &[]);
    assert_eq!(run.code, 2, "{}{}", run.out, run.errors);
    assert!(
        run.out.contains("~ adopt policy terraform-leave (p-theirs00) for deny-leave-org: it gets our tags"),
        "{}",
        run.out
    );
    assert!(run.out.contains("1 to adopt, 0 to create, 1 to change, 0 to attach"), "{}", run.out);

    let tags = json!({
        "soc2-operator.dev/owner-id": "acme", "soc2-operator.dev/cluster-id": "c-old", "soc2-operator.dev/baseline": "deny-leave-org",
    });
    let folder = with_policy(&theirs(&tags), &["ou-acme-secu0000"]);
    let run = plan(folder.path(), &lines(LEAVE), &["--cluster-id", "c-new"]);
    assert!(run.code == 1 && run.out.contains("OwnedByOtherCluster"), "{}", run.out);
    let taking = set(&lines(LEAVE)).replace(
        "{name: acme}\nspec:\n  organizations",
        "{name: acme, annotations: {soc2-operator.dev/take-over: c-old}}\nspec:\n  organizations",
    );
    let args = ["plan", "--snapshot", folder.path().to_str().unwrap(), "-f", "-", "--cluster-id", "c-new"];
    let run = soc2ctl_in(&data(""), &args, &taking);
    assert_eq!(run.code, 2, "{}{}", run.out, run.errors);
    assert!(run.out.starts_with("~ take over policy p-theirs00 of another cluster"), "{}", run.out);
    assert!(!run.out.contains("create policy"), "{}", run.out);
}

#[test]
fn sets_that_share_a_policy_or_contradict_each_other_are_shown() {
    let regions = |name: &str, list: &str| {
        format!(
            "---
apiVersion: soc2-operator.dev/v1alpha1
kind: GuardrailSet
metadata: {{name: {name}}}
spec:
  organizationRef: {{name: acme}}
  targets: {{include: [{{organizationalUnit: {{path: Security}}}}]}}
  baselines: [{{name: restrict-regions, parameters: {{allowedRegions: {list}}}}}]
"
        )
    };
    let folder = data("snapshot");
    let run = |second: &str| {
        let text = format!("{ORGANIZATION}{}{}", regions("one", "[eu-west-1, us-east-1]"), regions("two", second));
        soc2ctl_in(&data(""), &["plan", "--snapshot", folder.to_str().unwrap(), "-f", "-"], &text)
    };
    let both = run("[eu-west-1]");
    assert_eq!(both.code, 2, "{}{}", both.out, both.errors);
    assert!(both.out.contains("the stricter holds: allowedRegions is [eu-west-1] there"), "{}", both.out);
    let conflict = run("[ap-south-1]");
    assert_eq!(conflict.code, 1);
    assert!(
        conflict.out.contains("refused: BaselineConflict: baseline restrict-regions: sets one and two"),
        "{}",
        conflict.out
    );

    // One slot besides what is kept free: the snapshot has FullAWSAccess on the unit.
    let limits = ORGANIZATION.replace("  guardrails:", "  limits: {scpMaxPerTarget: 3}\n  guardrails:");
    let text = set(&lines(&LEAVE.replace("{name: deny-leave-org}", "{name: deny-leave-org}, {name: deny-root}")));
    let text = text.replace(ORGANIZATION, &limits);
    let packed = soc2ctl_in(&data(""), &["plan", "--snapshot", folder.to_str().unwrap(), "-f", "-"], &text);
    assert_eq!(packed.code, 2, "{}{}", packed.out, packed.errors);
    assert!(packed.out.contains("= deny-leave-org shares policy soc2-acme-pack-"), "{}", packed.out);
    assert!(packed.out.contains("1 to create, 0 to change, 1 to attach"), "{}", packed.out);
}

/// The snapshot with a policy of ours that says something else on the root, and one that is staged beside it on an account.
fn staging() -> tempfile::TempDir {
    let tags = json!({
        "soc2-operator.dev/owner-id": "acme", "soc2-operator.dev/cluster-id": "c-1", "soc2-operator.dev/baseline": "deny-root",
    });
    let mut staged_tags = tags.clone();
    staged_tags["soc2-operator.dev/staged"] = json!("0123456789abcdef");
    let document =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}]});
    let folder = with_policy(
        &json!({"Id": "p-ours0000", "Name": "soc2-acme-deny-root", "AwsManaged": false, "Content": document, "Tags": tags}),
        &["r-acme"],
    );
    let path = folder.path().join("organization.json");
    let mut organization: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    organization["Policies"].as_array_mut().unwrap().push(json!({
        "Id": "p-staged00", "Name": "soc2-acme-staged", "AwsManaged": false, "Content": document, "Tags": staged_tags,
    }));
    let attachment = json!({"PolicyId": "p-staged00", "TargetId": "333333333333"});
    organization["Attachments"].as_array_mut().unwrap().push(attachment);
    std::fs::write(&path, organization.to_string()).unwrap();
    folder
}

#[test]
fn waves_window_and_what_is_staged_now_are_shown() {
    let folder = staging();
    let spec = lines(
        "{targets: {}, baselines: [{name: deny-root}], window: {schedule: '0 2 * * SAT', duration: 4h, timeZone: Europe/Berlin},
          rollout: {waves: [{accountIds: ['333333333333']}, {rest: true}], soak: 2h}}",
    );
    let run = plan(folder.path(), &spec, &[]);
    assert_eq!(run.code, 2, "{}{}", run.out, run.errors);
    for line in [
        "= window \"0 2 * * SAT\" for 4h (Europe/Berlin) is ",
        "= wave 1 of 2 (accounts 333333333333): 1 accounts, on account payments-prod (333333333333), 2 steps",
        "= wave 2 of 2 (the rest): 3 accounts, on the root (r-acme), 1 steps",
        "= staged now: soc2-acme-staged (p-staged00) on 333333333333, beside p-ours0000",
    ] {
        assert!(run.out.contains(line), "{line}: {}", run.out);
    }
    assert!(!run.out.contains("second policy"), "{}", run.out);
    let markdown = plan(folder.path(), &spec, &["-o", "markdown"]).out;
    assert!(markdown.contains("- wave 1 of 2 (accounts 333333333333)"), "{markdown}");
    let machine: Value = serde_json::from_str(&plan(folder.path(), &spec, &["-o", "json"]).out).unwrap();
    let schedule = &machine["sets"][0]["schedule"];
    assert_eq!(schedule["waves"][0]["targets"], json!(["account payments-prod (333333333333)"]));
    assert_eq!(schedule["staged"][0]["targets"], json!(["333333333333"]));
    assert!(schedule["window"]["nextOpening"].is_string() && schedule["window"]["open"].is_boolean(), "{schedule:#}");

    // Without either there is nothing to say; a window that makes no sense is named.
    let run = plan(folder.path(), &lines("{targets: {}, baselines: [{name: deny-root}]}"), &[]);
    assert!(!run.out.contains("wave ") && !run.out.contains("window"), "{}", run.out);
    let run = plan(folder.path(), &spec.replace("Europe/Berlin", "Europe/Nowhere"), &[]);
    assert!(run.code == 1 && run.errors.contains("spec.window.timeZone"), "{}{}", run.out, run.errors);
}
