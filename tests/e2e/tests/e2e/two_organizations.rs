//! Two organizations under one operator: each gets its own guardrails, and what ails one does not stop the other.

use anyhow::{Context, Result, ensure};
use e2e::objects::automatic_set;
use e2e::router::{Further, Organizations, renumbered};
use e2e::stand::Stand;
use e2e::{Operator, Sandbox, eventually};
use serde_json::json;

use crate::guardrails::targets;

fn set(name: &str, organization: &str, path: &str) -> String {
    let targets = json!({"include": [{"organizationalUnit": {"path": path}}]});
    automatic_set(name, json!({"organizationRef": {"name": organization}, "targets": targets}))
}

#[tokio::test]
async fn each_has_its_own_guardrails_and_none_stops_the_other() -> Result<()> {
    let stand = Stand::start().await?;
    let world = std::fs::read_to_string(Sandbox::demo_world())?.replace("o-exampleorgid", "o-secondorgid0");
    let (world, accounts) = renumbered(&world, "9");
    let file = tempfile::NamedTempFile::with_suffix(".yaml")?;
    std::fs::write(file.path(), world)?;
    let second = Sandbox::start_with(file.path(), &["--no-limits"]).await?;
    let both = Organizations::start(&stand.sandbox.aws, vec![Further { aws: second.aws.clone(), accounts }]).await?;
    let mut options = stand.operator_options();
    options.aws.clone_from(&both.url);
    let _operator = Operator::start(options).await?;

    let first = Stand::hasty_organization()?;
    let (beta, _) = renumbered(&first.replace("name: acme", "name: beta"), "9");
    stand.plane.apply_yaml(&first).await?;
    stand.plane.apply_yaml(&beta).await?;
    stand.plane.apply_yaml(&set("first", "acme", "Workloads")).await?;
    stand.plane.apply_yaml(&set("second", "beta", "Sandbox")).await?;
    stand.condition("grset", "first", "InSync", "True", "InSync").await?;
    stand.condition("grset", "second", "InSync", "True", "InSync").await?;
    let ids = [stand.get("awsorg", "acme").await?, stand.get("awsorg", "beta").await?]
        .map(|object| object["status"]["organizationId"].as_str().unwrap_or_default().to_owned());
    ensure!(ids == ["o-exampleorgid", "o-secondorgid0"], "{ids:?}");
    let policy = second.policy("soc2-beta-deny-leave-org").await?.context("no policy in the second")?;
    ensure!(targets(&policy) == [second.unit("Sandbox").await?], "{policy:#}");
    ensure!(second.policy("soc2-acme").await?.is_none(), "the first one's policy is in the second");
    ensure!(stand.sandbox.policy("soc2-beta").await?.is_none(), "the second one's policy is in the first");

    // The second cannot be read any more: the first is put back all the same, and the second says what is missing.
    second.fault(json!({"service": "organizations", "kind": "accessDenied"})).await?;
    stand.condition("awsorg", "beta", "OrganizationRead", "False", "AccessDenied").await?;
    let ours = stand.sandbox.policy("soc2-acme-deny-leave-org").await?.context("no policy in the first")?;
    let path = format!("/world/policies/{}/detach", ours["id"].as_str().context("id")?);
    stand.sandbox.post(&path, json!({"target": targets(&ours)[0]})).await?;
    eventually("the first one's guardrail to be back", || async {
        let found = stand.sandbox.policy("soc2-acme-deny-leave-org").await?.context("gone")?;
        ensure!(targets(&found) == targets(&ours), "{found:#}");
        Ok(())
    })
    .await?;
    second.no_faults().await?;
    stand.condition("awsorg", "beta", "OrganizationRead", "True", "Read").await?;
    stand.condition("grset", "second", "InSync", "True", "InSync").await?;
    Ok(())
}
