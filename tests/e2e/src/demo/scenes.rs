//! What the demo shows.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::{done, step};
use crate::operator::Operator;
use crate::sandbox::Sandbox;
use crate::stand::condition_of;
use crate::wait::eventually;

/// Waits until everything is read, assessed and enforced.
pub async fn wait_for_conditions(cluster: &Cluster) -> Result<()> {
    for (kind, name, type_, status) in [
        ("awsorg", "acme", "OrganizationRead", "True"),
        ("awsorg", "acme", "FindingsComplete", ""),
        ("cprof", "production", "Ready", "True"),
        ("cprof", "baseline", "Ready", "True"),
        ("grset", "leave-org", "InSync", "True"),
    ] {
        let found = eventually(&format!("{kind}/{name} {type_}"), || async {
            let object = cluster.json(&[kind, name]).await?;
            let found = condition_of(&object, type_).context("not there yet")?;
            let right = if status.is_empty() { found["status"] != "Unknown" } else { found["status"] == status };
            if right { Ok(found) } else { bail!("{found}") }
        })
        .await?;
        let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
        done(&format!("{kind}/{name} {type_}={} {}: {}", text("status"), text("reason"), text("message")));
    }
    Ok(())
}

/// The tables that kubectl prints.
pub async fn tables(cluster: &Cluster) -> Result<()> {
    step("kubectl get awsorg,cprof,grset,apos");
    println!("{}", cluster.kubectl(&["get", "awsorg,cprof,grset,apos"]).await?);
    Ok(())
}

/// One account that fails, in words.
pub async fn one_account(cluster: &Cluster) -> Result<()> {
    step("One failing account in words");
    let list = cluster.json(&["apos", "-l", "soc2-operator.dev/profile=production"]).await?;
    let postures = list["items"].as_array().cloned().unwrap_or_default();
    let failed = |posture: &&Value| posture["summary"]["failed"].as_u64();
    // Of several the first.
    let worst = postures.iter().rev().max_by_key(failed).context("no posture")?;
    let account = &worst["account"];
    println!(
        "  {} ({}) in {}: {} controls passed, {} failed, {} unknown",
        account["name"].as_str().unwrap_or_default(),
        account["id"].as_str().unwrap_or_default(),
        account["ouPath"].as_str().unwrap_or_default(),
        worst["summary"]["passed"],
        worst["summary"]["failed"],
        worst["summary"]["unknown"],
    );
    for control in worst["controls"].as_array().into_iter().flatten().take(5) {
        println!("  {}", control_in_words(control));
    }
    for group in worst["unknown"].as_array().into_iter().flatten().take(3) {
        let controls = group["controls"].as_array().map_or(0, Vec::len);
        println!("  unknown, {}: {controls} controls: {}", text(group, "reason"), text(group, "message"));
    }
    Ok(())
}

fn control_in_words(control: &Value) -> String {
    let criteria: Vec<&str> = control["criteria"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let sample = control["resources"]["sample"].as_str().map(|sample| format!(", e.g. {sample}")).unwrap_or_default();
    format!(
        "{} ({}) {} since {}: {}{sample}; so {} fail",
        text(control, "id"),
        text(control, "severity"),
        text(control, "state"),
        text(control, "since"),
        text(control, "message"),
        criteria.join(", ")
    )
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// The first lines of the metrics.
pub async fn metrics(operator: &Operator) -> Result<()> {
    step(&format!("curl {}/metrics | grep soc2_", operator.url()));
    let page = operator.metrics().await?;
    for name in
        ["soc2_profile_checks", "soc2_profile_compliance_ratio", "soc2_organization_accounts", "soc2_guardrail_in_sync"]
    {
        for line in page.lines().filter(|line| line.starts_with(name)) {
            println!("  {line}");
        }
    }
    ensure!(page.contains("soc2_profile_compliance_ratio{"), "the metrics show no compliance ratio");
    Ok(())
}

/// Somebody weakens the guardrail behind the operator's back; the operator puts it back.
pub async fn guardrail(cluster: &Cluster, sandbox: &Sandbox) -> Result<()> {
    step("A guardrail, edited by somebody else");
    let policy = sandbox.policy("soc2-acme-deny-leave-org").await?.context("the policy is not in AWS")?;
    let id = text(&policy, "id").to_owned();
    println!("  {} {id}", text(&policy, "name"));
    println!("  before: {}", content(&policy));
    let weak = json!({"Version": "2012-10-17", "Statement": [{"Sid": "Nothing", "Effect": "Deny", "Action": "organizations:LeaveOrganization", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalTag/nobody": "here"}}}]});
    sandbox.post(&format!("/world/policies/{id}"), json!({"content": weak.to_string()})).await?;
    let edited = sandbox.policy("soc2-acme-deny-leave-org").await?.context("the policy is gone")?;
    println!("  edited: {}", content(&edited));
    let mended = eventually("the guardrail to be put back", || async {
        let found = sandbox.policy("soc2-acme-deny-leave-org").await?.context("the policy is gone")?;
        if content(&found) == content(&policy) { Ok(found) } else { bail!("still edited") }
    })
    .await?;
    done(&format!("put back: {}", content(&mended)));
    eventually("the event", || async {
        let events = cluster.kubectl(&["get", "events", "-n", "default"]).await?;
        match events.lines().find(|line| line.contains("DriftReverted")) {
            Some(line) => Ok(line.to_owned()),
            None => bail!("no event yet"),
        }
    })
    .await
    .map(|line| println!("  event: {line}"))
}

fn content(policy: &Value) -> String {
    policy["content"].as_str().map_or_else(|| policy["content"].to_string(), str::to_owned)
}

/// How to go on.
pub fn what_next(cluster: &Cluster, sandbox: &Sandbox, operator: &Operator) {
    let kubectl = cluster.kubectl_path().display();
    let soc2ctl = crate::binaries::find("soc2ctl", "SOC2CTL").unwrap_or_else(|_| "soc2ctl".into());
    println!(
        "
Everything keeps running until Ctrl-C. In another terminal:

  export KUBECONFIG={kubeconfig} METRICS={metrics} CONTROL={control}
  alias kubectl={kubectl} soc2ctl={soc2ctl}

  # docs/walk.md: break a control, waive it for two minutes, see it red again.
  # docs/guardrail-walk.md: a guardrail planned, approved, in two waves, held, refused, rolled back. Or look around:
  kubectl get cprof -w
  kubectl describe awsorg acme
  kubectl explain cprof.spec.targets
  kubectl get apos -l soc2-operator.dev/compliant=false -o yaml

  curl -s $METRICS/metrics | grep ^soc2_
  curl -s $METRICS/readyz

  # The AWS CLI against the stand-in, as an administrator of the organization:
  export AWS_ENDPOINT_URL={aws} AWS_DEFAULT_REGION=us-east-1
  export AWS_ACCESS_KEY_ID=AKIASANDBOXCLOUDSEC0 AWS_SECRET_ACCESS_KEY=any
  aws organizations list-accounts
  aws organizations list-policies --filter SERVICE_CONTROL_POLICY
  aws organizations detach-policy --policy-id p-... --target-id ou-...    # and see it attached again

  # Make a control pass or fail (control port of the stand-in):
  curl -s $CONTROL/world/findings/set -H 'content-type: application/json' \\
    -d '{{\"account\":\"333333333333\",\"region\":\"eu-west-1\",\"control\":\"IAM.5\",\"status\":\"PASSED\"}}'
",
        kubeconfig = cluster.kubeconfig().display(),
        metrics = operator.url(),
        soc2ctl = soc2ctl.display(),
        aws = sandbox.aws,
        control = sandbox.control,
    );
}
