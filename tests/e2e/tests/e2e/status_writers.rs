//! Two writers of one object: neither erases what the other wrote.

use anyhow::{Context, Result, ensure};
use e2e::eventually;
use e2e::stand::{Stand, condition_of};
use serde_json::json;

#[tokio::test]
async fn feed_and_guardrails_write_one_organization_and_each_keeps_its_own() -> Result<()> {
    let stand = Stand::start().await?;
    let _operator = stand.operator().await?;
    stand.apply_samples().await?;
    stand.condition("awsorg", "acme", "GuardrailsInSync", "True", "InSync").await?;
    let object = stand.get("awsorg", "acme").await?;
    for type_ in
        ["Ready", "OrganizationRead", "FindingsComplete", "AllAccountsAssigned", "CanEnforce", "GuardrailsInSync"]
    {
        ensure!(condition_of(&object, type_).is_some(), "no {type_}: {:#}", object["status"]["conditions"]);
    }

    // In turn: something only the feed reports, something only the guardrails report.
    for round in 0..3 {
        let id = format!("60000000000{round}");
        let account = json!({"id": id, "name": format!("new-{round}"), "path": "Sandbox"});
        stand.sandbox.post("/world/accounts", account).await?;
        let name = format!("foreign-{round}");
        let deny =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:CreateUser","Resource":"*"}]}"#;
        stand.sandbox.post("/world/policies", json!({"name": name, "content": deny})).await?;
        let total = object["status"]["accounts"]["total"].as_u64().context("accounts")? + round + 1;
        let policies = object["status"]["serviceControlPolicies"]["total"].as_u64().context("policies")? + round + 1;
        eventually("both numbers", || async {
            let now = stand.get("awsorg", "acme").await?;
            ensure!(now["status"]["accounts"]["total"] == total, "{:#}", now["status"]["accounts"]);
            ensure!(
                now["status"]["serviceControlPolicies"]["total"] == policies,
                "{:#}",
                now["status"]["serviceControlPolicies"]
            );
            for type_ in ["OrganizationRead", "FindingsComplete", "CanEnforce", "GuardrailsInSync"] {
                ensure!(condition_of(&now, type_).is_some(), "{type_} was erased");
            }
            Ok(())
        })
        .await?;
    }
    let managers: Vec<String> = stand.get_with_managers("awsorg", "acme").await?;
    for manager in ["soc2-operator/feed", "soc2-operator/guardrails"] {
        ensure!(managers.iter().any(|found| found == manager), "no field manager {manager}: {managers:?}");
    }
    Ok(())
}
