//! Guardrails of the library and of one's own: exemptions, parameters, and attempts to lock somebody out.

use anyhow::{Context, Result, ensure};
use e2e::objects::{automatic_set, object};
use e2e::stand::Stand;
use serde_json::{Value, json};

use crate::guardrails::{content, targets, writes};

const BREAK_GLASS: &str = "arn:aws:iam::*:role/BreakGlass";

fn organization() -> Result<String> {
    let sample = Stand::hasty_organization()?;
    Ok(format!(
        "{}\n  guardrails: {{propagationDelay: 0s, breakGlassPrincipals: [\"{BREAK_GLASS}\"]}}\n",
        sample.trim_end()
    ))
}

fn set(name: &str, baselines: &Value) -> String {
    automatic_set(name, json!({"baselines": baselines}))
}

fn baseline(name: &str, spec: &Value) -> String {
    object("ScpBaseline", name, spec.clone())
}

#[tokio::test]
async fn guardrails_are_written_with_parameters_and_exemptions() -> Result<()> {
    let stand = Stand::start().await?;
    let _operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization()?).await?;
    stand.apply_file("docs/samples/baselines.yaml").await?;
    let baselines = json!([
        {"name": "restrict-regions", "parameters": {"allowedRegions": ["eu-west-1", "us-east-1"]}},
        {"name": "deny-public-snapshot"},
    ]);
    stand.plane.apply_yaml(&set("workloads", &baselines)).await?;
    stand.condition("scpb", "deny-public-snapshot", "Ready", "True", "Valid").await?;
    stand.condition("grset", "workloads", "InSync", "True", "InSync").await?;
    for (name, has) in [
        ("soc2-acme-restrict-regions", "us-east-1"),
        ("soc2-acme-deny-public-snapshot", "ec2:ModifySnapshotAttribute"),
        ("soc2-acme-protect-exempt-principals", "iam:UpdateAssumeRolePolicy"),
    ] {
        let policy = stand.sandbox.policy(name).await?.with_context(|| format!("no policy {name}"))?;
        let text = content(&policy).to_string();
        for wanted in [has, BREAK_GLASS, "arn:aws:iam::111111111111:role/soc2-write", "AWSControlTowerExecution"] {
            ensure!(text.contains(wanted), "{name} does not say {wanted}: {text}");
        }
        ensure!(targets(&policy) == [stand.sandbox.unit("Workloads").await?], "{policy:#}");
    }
    Ok(())
}

#[tokio::test]
async fn who_would_lock_somebody_out_is_refused_by_name_and_stops_nobody_else() -> Result<()> {
    let stand = Stand::start().await?;
    let _operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization()?).await?;
    let examples =
        json!({"denied": [{"action": "config:StopConfigurationRecorder"}], "allowed": [{"action": "s3:GetObject"}]});
    let spec = json!({
        "title": "Nobody touches AWS Config", "criteria": ["CC7.1"], "noExemption": "Because nobody should ever do it",
        "statements": [{"sid": "NobodyAtAll", "actions": ["config:*"], "resources": ["*"]}], "examples": examples,
    });
    stand.plane.apply_yaml(&baseline("nobody-at-all", &spec)).await?;
    stand.plane.apply_yaml(&set("bad", &json!([{"name": "nobody-at-all"}]))).await?;
    let refused = stand.condition("grset", "bad", "Refused", "True", "LockOut").await?;
    let message = refused["message"].as_str().unwrap_or_default();
    ensure!(message.contains("NobodyAtAll") && message.contains(BREAK_GLASS), "{message}");

    // A mistake in an object: nothing of it takes effect, and the set says whose it is.
    let mut wrong = spec.clone();
    wrong["examples"]["denied"] =
        json!([{"action": "config:StopConfigurationRecorder"}, {"action": "s3:DeleteBucket"}]);
    stand.plane.apply_yaml(&baseline("contradicts-itself", &wrong)).await?;
    stand.condition("scpb", "contradicts-itself", "Ready", "False", "InvalidBaseline").await?;
    stand.plane.apply_yaml(&set("wrong", &json!([{"name": "contradicts-itself"}]))).await?;
    stand.condition("grset", "wrong", "Refused", "True", "InvalidBaseline").await?;
    ensure!(writes(&stand).await?.is_empty(), "something was written");

    stand.plane.apply_yaml(&set("good", &json!([{"name": "deny-leave-org"}]))).await?;
    stand.condition("grset", "good", "InSync", "True", "InSync").await?;
    Ok(())
}
