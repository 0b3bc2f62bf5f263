//! When nothing changes, nothing is written: no call that changes AWS, no write to Kubernetes but the Lease.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::objects::{attestation, exception, object};
use e2e::stand::Stand;
use serde_json::json;

#[tokio::test]
async fn an_idle_operator_writes_nothing_but_its_lease() -> Result<()> {
    let stand = Stand::start().await?;
    stand.apply_samples().await?;
    let exception = exception("soc2-operator/bucket", "S3.2", "333333333333", json!({}));
    let attestation = attestation("soc2-operator/review", json!({"activities": ["access-review"]}));
    let catalog = json!({"extends": "soc2", "controls": [{"id": "S3.2", "severity": "Low"}]});
    for yaml in [exception, attestation, object("ControlCatalog", "soc2-acme", catalog)] {
        stand.plane.apply_yaml(&yaml).await?;
    }
    let operator = stand.operator().await?;
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;
    stand.condition("cprof", "baseline", "Ready", "True", "Assessed").await?;
    stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    // Two intervals of the sample's 10 s for what is still on its way (postures, events), then two quiet ones.
    tokio::time::sleep(Duration::from_secs(20)).await;
    let (calls, audit) = (stand.sandbox.last_call().await?, audit(&stand)?.len());
    tokio::time::sleep(Duration::from_secs(25)).await;
    let calls = stand.sandbox.calls(calls, None).await?;
    ensure!(calls.iter().any(|call| call["operation"] == "GetFindings"), "it does not read at all");
    let writes: Vec<_> = calls.iter().filter(|call| call["writes"] == true).collect();
    ensure!(writes.is_empty(), "writes to AWS: {writes:#?}");
    let all = audit_since(&stand, audit)?;
    ensure!(all.is_empty(), "writes to Kubernetes: {all:#?}");
    drop(operator);
    Ok(())
}

fn audit(stand: &Stand) -> Result<Vec<controlplane::audit::AuditEvent>> {
    controlplane::audit::read(&stand.dir.path().join("audit.log"))
}

/// Writes of the operator after the first `skip` events, leases apart.
fn audit_since(stand: &Stand, skip: usize) -> Result<Vec<controlplane::audit::AuditEvent>> {
    Ok(audit(stand)?
        .into_iter()
        .skip(skip)
        .filter(|event| event.user.username.starts_with("system:serviceaccount:soc2-operator:"))
        .filter(|event| event.is_write() && event.object_ref.resource != "leases")
        .collect())
}
