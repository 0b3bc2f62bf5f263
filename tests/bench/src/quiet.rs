//! The operator at rest: its memory, and what it writes when nothing changes.

use std::time::Duration;

use anyhow::Result;
use e2e::Stand;

use crate::Figures;

/// The demo's world, the release build; `BENCH_QUIET_SECONDS` (300) without a change.
///
/// # Errors
/// When a part does not come up.
pub fn run(out: &mut Figures<'_>) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(measure(out))
}

async fn measure(out: &mut Figures<'_>) -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    stand.apply_samples().await?;
    for (kind, name, type_) in [
        ("awsorg", "acme", "FindingsComplete"),
        ("cprof", "production", "Ready"),
        ("cprof", "baseline", "Ready"),
        ("grset", "leave-org", "InSync"),
    ] {
        stand.condition(kind, name, type_, "True", "").await?;
    }
    // What is still on its way: postures, events.
    tokio::time::sleep(Duration::from_secs(20)).await;
    let (calls, audit) = (stand.sandbox.last_call().await?, writes(&stand)?);
    let seconds = std::env::var("BENCH_QUIET_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(300);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let calls = stand.sandbox.calls(calls, None).await?;
    let aws_writes = calls.iter().filter(|call| call["writes"] == true).count();
    out("quiet_seconds", seconds as f64, "s");
    out("quiet_resident_memory", operator.metric("process_resident_memory_bytes ").await? / 1e6, "MB");
    out("quiet_aws_calls", calls.len() as f64, "calls");
    out("quiet_aws_writes", aws_writes as f64, "writes");
    out("quiet_kubernetes_writes", (writes(&stand)? - audit) as f64, "writes");
    Ok(())
}

/// Writes of the operator to Kubernetes so far, leases apart.
pub(crate) fn writes(stand: &Stand) -> Result<usize> {
    let events = controlplane::audit::read(&stand.dir.path().join("audit.log"))?;
    let ours = |name: &str| name.starts_with("system:serviceaccount:soc2-operator:");
    Ok(events
        .iter()
        .filter(|event| event.is_write() && ours(&event.user.username) && event.object_ref.resource != "leases")
        .count())
}
