//! Losing accounts must not look like getting better: the profile says so until somebody acknowledges it.

use anyhow::{Result, bail, ensure};
use e2e::eventually;
use e2e::stand::{Stand, condition_of};

#[tokio::test]
async fn fewer_accounts_are_said_over_restarts_until_somebody_acknowledges_them() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    stand.apply_samples().await?;
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;
    stand.condition("cprof", "production", "Compliant", "False", "ControlsFailing").await?;
    let account = stand.sandbox.account("shop-prod").await?;
    stand.sandbox.delete(&format!("/world/accounts/{account}")).await?;
    let shrunk = stand.condition("cprof", "production", "Compliant", "Unknown", "TargetsShrunk").await?;
    ensure!(shrunk["message"].as_str().is_some_and(|message| message.contains('4')), "{shrunk}");

    // Another process knows how many there were.
    let operator = e2e::Operator::start(operator.terminate().await?).await?;
    eventually("the profile to be assessed again", || async {
        ensure!(operator.metrics().await?.contains("soc2_profile_accounts{profile=\"production\"} 4"), "not yet");
        Ok(())
    })
    .await?;
    stand.condition("cprof", "production", "Compliant", "Unknown", "TargetsShrunk").await?;

    stand.kubectl(&["annotate", "cprof", "production", "soc2-operator.dev/acknowledge-targets=4"]).await?;
    eventually("the acknowledgement to count", || async {
        let profile = stand.get("cprof", "production").await?;
        match condition_of(&profile, "Compliant") {
            Some(found) if found["reason"] != "TargetsShrunk" => Ok(()),
            found => bail!("{found:?}"),
        }
    })
    .await
}
