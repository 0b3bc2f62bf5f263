//! How long nobody leads: a replica is killed, or asked to end.

use std::time::Instant;

use anyhow::{Context, Result};
use e2e::Stand;
use e2e::replicas::{Replicas, at_work, tending};

use crate::Figures;

/// The demo's world, two replicas and the default Lease of 15 s; from the signal until another replica has assessed a profile, by what it
/// has read before the last checkpoint.
///
/// # Errors
/// When a part does not come up.
pub fn run(out: &mut Figures<'_>) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(measure(out))
}

async fn measure(out: &mut Figures<'_>) -> Result<()> {
    let stand = Stand::start().await?;
    stand.apply_samples().await?;
    let mut replicas = Replicas::new(stand.operator_options().with_flags(&["--lease-duration", "15s"]));
    replicas.tend(2).await?;
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    stand.settled_postures().await?;

    let leader = takes_over(&stand, &mut replicas).await?;
    let killed = Instant::now();
    replicas.kill(&leader)?;
    let leader = takes_over(&stand, &mut replicas).await?;
    out("failover_killed", killed.elapsed().as_secs_f64(), "s");

    for operator in replicas.running.values() {
        operator.ready().await?;
    }
    let operator = replicas.running.remove(&leader).context("the leader")?;
    let asked = Instant::now();
    operator.terminate().await?;
    takes_over(&stand, &mut replicas).await?;
    out("failover_asked_to_end", asked.elapsed().as_secs_f64(), "s");
    Ok(())
}

/// Waits until one of two replicas leads the organization and has assessed a profile; gives its identity.
async fn takes_over(stand: &Stand, replicas: &mut Replicas) -> Result<String> {
    let at_work = async |stand: &Stand, replicas: &Replicas| at_work(stand, replicas, "acme", "production").await;
    tending(stand, replicas, 2, "a leader that has assessed", at_work).await
}
