//! Organizations as they are found: deep, partly selected, full, shared with other tools, changing.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use e2e::objects::{automatic_set, object};
use e2e::stand::Stand;
use e2e::{eventually, promise};
use serde_json::{Value, json};

use crate::guardrail_changes::organization;
use crate::guardrails::{content, targets};

/// The first probe: leaving the organization.
const LEAVE: usize = 0;

fn set(name: &str, targets: &Value, baselines: &Value) -> String {
    automatic_set(name, json!({"targets": targets, "baselines": baselines}))
}

fn leave() -> Value {
    json!([{"name": "deny-leave-org"}])
}

fn unit(path: &str) -> Value {
    json!({"include": [{"organizationalUnit": {"path": path}}]})
}

/// Waits until exactly these accounts cannot leave.
async fn protected(stand: &Stand, names: &[&str]) -> Result<()> {
    let mut wanted = BTreeSet::new();
    for name in names {
        wanted.insert(stand.sandbox.account(name).await?);
    }
    eventually(&format!("exactly {names:?} to be protected"), || async {
        let denied = promise::denied(&stand.sandbox, LEAVE).await?;
        ensure!(
            denied == wanted,
            "{denied:?} instead of {wanted:?}: {:#}",
            stand.get("grset", "all").await.unwrap_or_default()["status"]
        );
        Ok(())
    })
    .await
}

async fn started() -> Result<(Stand, e2e::Operator)> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization("0s")?).await?;
    Ok((stand, operator))
}

#[tokio::test]
async fn deep_units_excluded_units_and_the_management_account_are_covered_exactly() -> Result<()> {
    let (stand, _operator) = started().await?;
    let deep = "Workloads/Dev/Team/App/Test";
    stand.sandbox.post("/world/organizational-units", json!({"path": deep})).await?;
    let account = json!({"id": "474747474747", "name": "deep-test", "path": deep, "joinedAt": "90d ago"});
    stand.sandbox.post("/world/accounts", account).await?;
    // Five levels below the root, an account of a unit that is not selected, and the one that no policy affects.
    let include = json!([
        {"organizationalUnit": {"path": deep}}, {"accountNames": ["playground"]}, {"accountIds": ["111111111111"]},
    ]);
    stand.plane.apply_yaml(&set("deep", &json!({"include": include}), &leave())).await?;
    stand.condition("grset", "deep", "InSync", "True", "InSync").await?;
    protected(&stand, &["deep-test", "playground"]).await?;
    let policy = stand.sandbox.policy("soc2-acme-deny-leave-org").await?.context("no policy")?;
    let found: BTreeSet<String> = targets(&policy).into_iter().collect();
    let wanted = BTreeSet::from([stand.sandbox.unit(deep).await?, stand.sandbox.account("playground").await?]);
    ensure!(found == wanted, "attached to {found:?}");

    // A unit without one of its units: its other units, and its accounts one by one.
    let without = json!({
        "include": [{"organizationalUnit": {"path": "Workloads/Prod"}}],
        "exclude": [{"organizationalUnit": {"path": "Workloads/Prod/Canary"}}],
    });
    stand.plane.apply_yaml(&set("all", &without, &leave())).await?;
    stand.condition("grset", "all", "InSync", "True", "InSync").await?;
    let prod = ["payments-prod", "shop-prod", "identity-prod", "ledger-prod"];
    protected(&stand, &[&prod[..], &["deep-test", "playground"]].concat()).await?;
    // A suspended account is in its unit like any other.
    stand.plane.apply_yaml(&set("sandbox", &unit("Sandbox"), &leave())).await?;
    stand.condition("grset", "sandbox", "InSync", "True", "InSync").await?;
    protected(&stand, &[&prod[..], &["deep-test", "playground", "old-experiments"]].concat()).await
}

#[tokio::test]
async fn accounts_that_join_move_and_leave_are_followed_without_an_approval() -> Result<()> {
    let (stand, _operator) = started().await?;
    let targets = json!({
        "include": [{"organizationalUnit": {"path": "Workloads/Prod"}}],
        "exclude": [{"organizationalUnit": {"path": "Workloads/Prod/Canary"}}],
    });
    stand.plane.apply_yaml(&set("all", &targets, &leave())).await?;
    stand.condition("grset", "all", "InSync", "True", "InSync").await?;
    let prod = ["payments-prod", "shop-prod", "identity-prod", "ledger-prod"];
    protected(&stand, &prod).await?;
    let account = json!({"id": "484848484848", "name": "search-prod", "path": "Workloads/Prod", "joinedAt": "1h ago"});
    stand.sandbox.post("/world/accounts", account).await?;
    protected(&stand, &[&prod[..], &["search-prod"]].concat()).await?;
    stand.sandbox.post("/world/accounts/454545454545/move", json!({"path": "Workloads/Prod"})).await?;
    protected(&stand, &[&prod[..], &["search-prod", "shop-dev"]].concat()).await?;
    stand.sandbox.post("/world/accounts/484848484848", json!({"state": "SUSPENDED"})).await?;
    stand.sandbox.delete("/world/accounts/353535353535").await?;
    protected(&stand, &["payments-prod", "shop-prod", "ledger-prod", "search-prod", "shop-dev"]).await?;
    stand.condition("grset", "all", "InSync", "True", "InSync").await?;
    Ok(())
}

#[tokio::test]
async fn the_last_slot_is_not_taken_and_other_tools_policies_are_left_alone() -> Result<()> {
    let (stand, _operator) = started().await?;
    // Landing Zone Accelerator runs here too.
    let deny = |action: &str| json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": action, "Resource": "*"}]});
    let lza = json!({
        "name": "AWSAccelerator-Guardrails-1", "content": deny("account:CloseAccount"), "attach": ["Workloads"],
        "tags": {"Accelerator": "AWSAccelerator"},
    });
    stand.sandbox.post("/world/policies", lza).await?;
    // With FullAWSAccess, Control Tower's and that one: nine of ten.
    for number in 0..6 {
        let policy =
            json!({"name": format!("other-{number}"), "content": deny("s3:DeleteBucket"), "attach": ["Workloads"]});
        stand.sandbox.post("/world/policies", policy).await?;
    }
    let before = stand.sandbox.get("/world/policies").await?["policies"].clone();
    stand.plane.apply_yaml(&set("all", &unit("Workloads"), &json!([{"name": "protect-config"}]))).await?;
    let refused = stand.condition("grset", "all", "Refused", "True", "NoFreeSlot").await?;
    let message = refused["message"].as_str().unwrap_or_default();
    ensure!(message.contains("9 policies") && message.contains("of 10"), "no numbers: {message}");
    ensure!(stand.sandbox.get("/world/policies").await?["policies"] == before, "written although refused");

    let other = stand.sandbox.policy("other-0").await?.context("other-0")?;
    stand.sandbox.delete(&format!("/world/policies/{}", other["id"].as_str().context("id")?)).await?;
    // One that exempts somebody brings protect-exempt-principals along: still no room.
    stand.condition("grset", "all", "Refused", "True", "NoFreeSlot").await?;
    let other = stand.sandbox.policy("other-1").await?.context("other-1")?;
    stand.sandbox.delete(&format!("/world/policies/{}", other["id"].as_str().context("id")?)).await?;
    stand.condition("grset", "all", "InSync", "True", "InSync").await?;
    let ours = stand.sandbox.policy("soc2-acme-protect-config").await?.context("ours")?;
    let text = content(&ours).to_string();
    for exempt in ["AWSAccelerator-", "AWSControlTowerExecution"] {
        ensure!(text.contains(exempt), "{exempt} is not exempt: {text}");
    }
    let after = stand.sandbox.get("/world/policies").await?["policies"].as_array().cloned().unwrap_or_default();
    for old in before.as_array().into_iter().flatten() {
        let name = old["name"].as_str().unwrap_or_default();
        ensure!(["other-0", "other-1"].contains(&name) || after.contains(old), "{old:#} was changed");
    }
    Ok(())
}

/// A guardrail of one's own whose policy has `length` characters more than it needs.
fn padded(length: usize) -> String {
    let mut resources = vec!["arn:aws:s3:::acme-keep".to_owned(), "arn:aws:s3:::acme-keep/*".to_owned()];
    let parts = length.div_ceil(400);
    for part in 0..parts {
        let characters = length / parts + usize::from(part < length % parts);
        // Beside the name: the beginning of the ARN, a quote at each end, a comma.
        resources.push(format!(
            "arn:aws:s3:::{}",
            "abcdefghijklmnopqrstuvwxyz".repeat(20).split_at(characters - 16 - 2).0.to_owned() + &format!("{part:02}")
        ));
    }
    let spec = json!({
        "title": "Deny deleting what is kept", "criteria": ["A1.2"],
        "statements": [{"sid": "Keep", "effect": "Deny", "actions": ["s3:DeleteObject"], "resources": resources}],
        "examples": {
            "denied": [{"action": "s3:DeleteObject", "resource": "arn:aws:s3:::acme-keep/file"}],
            "allowed": [{"action": "s3:GetObject", "resource": "arn:aws:s3:::acme-keep/file"}],
        },
    });
    object("ScpBaseline", "keep", spec)
}

#[tokio::test]
async fn a_policy_of_the_greatest_size_is_written_and_a_greater_one_refused() -> Result<()> {
    let (stand, _operator) = started().await?;
    let size = async || -> Result<usize> {
        let policy = stand.sandbox.policy("soc2-acme-keep").await?.context("no policy")?;
        Ok(policy["content"].as_str().map_or_else(|| policy["content"].to_string(), str::to_owned).chars().count())
    };
    stand.plane.apply_yaml(&padded(0)).await?;
    stand.plane.apply_yaml(&set("all", &unit("Workloads"), &json!([{"name": "keep"}]))).await?;
    stand.condition("grset", "all", "InSync", "True", "InSync").await?;
    let least = size().await?;
    let most = 10_239;
    stand.plane.apply_yaml(&padded(most - least)).await?;
    eventually("the policy of the greatest size", || async {
        let found = size().await?;
        ensure!(found == most, "{found} characters");
        Ok(())
    })
    .await?;
    stand.plane.apply_yaml(&padded(most + 30 - least)).await?;
    let refused = stand.condition("grset", "all", "Refused", "True", "TooLarge").await?;
    ensure!(refused["message"].as_str().unwrap_or_default().contains("10240"), "{refused}");
    ensure!(size().await? == most, "it was changed although it is refused");
    Ok(())
}
