//! The examples of docs/soc2ctl.md, line by line as they stand there, in a folder with what they name.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use e2e::objects::{automatic_set, guardrail_set};
use e2e::{Stand, binaries};
use serde_json::{Value, json};

use crate::pages::{Block, Left, Part};
use crate::pages_run::Terminal;

/// What has to be so before a line is run, by how the line begins.
const BEFORE: &[(&str, &str)] = &[
    (
        "soc2ctl approve workloads --promote 2",
        "kubectl wait grset/workloads --for=condition=AwaitingPromotion --timeout=90s",
    ),
    (
        "soc2ctl approve workloads --reason \"Reviewed by two people\"",
        "mkdir approvals; kubectl wait grset/workloads --for=condition=InSync --timeout=90s; kubectl patch grset workloads --type=merge \
         -p '{\"spec\": {\"baselines\": [{\"name\": \"deny-root\"}, {\"name\": \"protect-config\"}]}}'; \
         kubectl wait grset/workloads --for=condition=ApprovalPending --timeout=90s",
    ),
];

/// Exit codes that docs/soc2ctl.md promises for these commands; 0 for the others.
fn codes(line: &str) -> &'static [i32] {
    let is = |command: &str| line.contains(&format!("soc2ctl {command}"));
    // The demo is not compliant, its policies have something to say, and its plans have changes.
    if is("assess") || is("impact") || is("scp lint") || is("import scp") {
        &[0, 1]
    } else if is("plan") {
        &[0, 2]
    } else {
        &[0]
    }
}

/// The lines of a block, those that end in `\` with what follows.
fn lines(block: &Block) -> Vec<String> {
    let text = block.text.replace("\\\n", " ");
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The folder that the examples are about.
fn prepare(folder: &Path) -> Result<()> {
    let sample = |name: &str| binaries::read(&format!("docs/samples/{name}.yaml"));
    for (place, files) in [
        ("clusters/production", &["organization", "profile", "guardrails"][..]),
        ("guardrails", &["organization", "guardrails"]),
        ("profiles", &["profile"]),
    ] {
        std::fs::create_dir_all(folder.join(place))?;
        for file in files {
            std::fs::write(folder.join(place).join(format!("{file}.yaml")), sample(file)?)?;
        }
    }
    // Without a snapshot there are no units to select accounts by.
    let profile = "apiVersion: soc2-operator.dev/v1alpha1\nkind: ComplianceProfile\nmetadata: {name: everything}\nspec:\n  \
        organizationRef: {name: acme}\n  requiredRegions: [eu-west-1]\n";
    std::fs::write(folder.join("profiles/profile.yaml"), profile)?;
    let policies = binaries::repository().join("controller/cli/tests/data/policies");
    std::fs::create_dir(folder.join("policies"))?;
    for (from, to) in [
        ("regions.json", "regions.json"),
        ("regions.json", "policies/regions.json"),
        ("more/leave.json", "policies/leave.json"),
    ] {
        std::fs::copy(policies.join(from), folder.join(to))?;
    }
    let case = json!({
        "id": 1, "levels": [{"target": "r-acme", "policies": [{"name": "FullAWSAccess", "document": {
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}}]}],
        "request": {"principal": "arn:aws:iam::333333333333:role/dev", "action": "s3:GetObject", "resource": "*", "context": {}},
    });
    std::fs::write(folder.join("cases.jsonl"), format!("{case}\n"))?;
    let event = json!({
        "eventTime": "2026-11-01T02:00:00Z", "eventSource": "ec2.amazonaws.com", "eventName": "RunInstances", "awsRegion": "us-east-1",
        "eventType": "AwsApiCall", "sourceIPAddress": "203.0.113.7",
        "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::333333333333:assumed-role/dev/me", "accountId": "333333333333",
            "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::333333333333:role/dev"}}},
    });
    let trail = folder.join("trail/AWSLogs/333333333333/CloudTrail/us-east-1/2026/11/01");
    std::fs::create_dir_all(&trail)?;
    std::fs::write(trail.join("calls.json"), json!({"Records": [event]}).to_string())?;
    Ok(())
}

/// The sets that the examples approve and release, beside the sample's.
async fn sets(stand: &Stand) -> Result<()> {
    let guardrails = r#"{"spec": {"guardrails": {"propagationDelay": "1s", "breakGlassPrincipals": ["arn:aws:iam::*:role/BreakGlass"]}}}"#;
    stand.kubectl(&["patch", "awsorg", "acme", "--type=merge", "-p", guardrails]).await?;
    let waves = json!({
        "targets": {"include": [{"organizationalUnit": {"path": "Workloads/Dev"}}]}, "baselines": [{"name": "deny-root"}],
        "rollout": {"waves": [{"accountIds": ["444444444444"]}, {"rest": true}], "soak": "1s"}, "maxAffectedAccounts": "20",
    });
    let keys = json!({
        "targets": {"include": [{"organizationalUnit": {"path": "Workloads/Prod"}}]}, "baselines": [{"name": "protect-kms"}],
    });
    for yaml in [guardrail_set("workloads", waves), automatic_set("keys", keys)] {
        stand.plane.apply_yaml(&yaml).await?;
    }
    stand.condition("grset", "workloads", "ApprovalPending", "True", "").await?;
    Ok(())
}

/// Runs a line; gives the exit code and what was printed.
async fn run(terminal: &Terminal, line: &str) -> Result<(i32, String)> {
    for (start, before) in BEFORE {
        if line.starts_with(start) {
            let (code, said) = terminal.output(before).await?;
            ensure!(code == 0, "before {line}: {said}");
        }
    }
    // A test has no terminal to be asked at.
    let asks = line.starts_with("soc2ctl approve") && !line.contains("--dry-run");
    let line = if asks { format!("{line} --yes") } else { line.to_owned() };
    // Who types `aws` is a person of the security team; the operator's roles are taken up by the pod's user.
    let person = "export AWS_ACCESS_KEY_ID=AKIASANDBOXCLOUDSEC0\n";
    let region = if line.contains("aws securityhub") { "export AWS_DEFAULT_REGION=eu-west-1\n" } else { "" };
    let script = if line.starts_with("aws ") { format!("{person}{region}{line}") } else { line };
    terminal.output(&script).await
}

#[tokio::test]
async fn the_examples_of_soc2ctl_do_what_they_say() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    stand.apply_samples().await?;
    stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;
    stand.condition("grset", "leave-org", "InSync", "True", "").await?;
    let mut terminal = Terminal::new(&[&stand.plane.tools().kubectl(), &binaries::find("soc2ctl", "SOC2CTL")?])?;
    prepare(&terminal.dir())?;
    for (name, value) in [
        ("AWS_ENDPOINT_URL", stand.sandbox.aws.as_str()),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "AKIASANDBOXOPERATOR0"),
        ("AWS_SECRET_ACCESS_KEY", "any"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ] {
        terminal.set(name, value);
    }
    terminal.set("KUBECONFIG", stand.plane.admin_kubeconfig());
    terminal.set("KUBECACHEDIR", terminal.dir().join("kube"));

    let mut left = Left::of(Part::Soc2ctl)?;
    let mut done = 0;
    for block in left.take_all("docs/soc2ctl.md") {
        // The snapshot is of AWS before these are in force, or `plan` had nothing to show.
        if block.text.contains("soc2ctl approve") {
            sets(&stand).await?;
        }
        for line in lines(&block) {
            let (code, said) = run(&terminal, &line).await?;
            ensure!(
                codes(&line).contains(&code),
                "docs/soc2ctl.md:{}: {line}\nended with {code}:\n{said}\n{}",
                block.line,
                if line.contains("release") { operator.log() } else { String::new() }
            );
            done += 1;
        }
    }
    ensure!(done >= 25, "{done} lines");
    let approval = std::fs::read_to_string(terminal.dir().join("approvals/workloads.yaml"))?;
    ensure!(approval.contains("kind: GuardrailApproval"), "{approval}");
    let baselines = std::fs::read_to_string(terminal.dir().join("baselines.yaml"))?;
    ensure!(baselines.contains("kind: ScpBaseline"), "{baselines}");
    let sarif: Value = serde_json::from_str(&std::fs::read_to_string(terminal.dir().join("scp.sarif"))?)?;
    sarif["runs"][0]["tool"].as_object().context("SARIF")?;
    left.nothing()
}
