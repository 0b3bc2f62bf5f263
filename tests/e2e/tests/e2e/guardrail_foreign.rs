//! Policies of others beside ours: those that do already, those that are adopted or taken over, and slots that they take; and sets
//! that say different things of one baseline.

use anyhow::{Context, Result, ensure};
use e2e::eventually;
use e2e::objects::automatic_set;
use e2e::stand::Stand;
use serde_json::{Value, json};

use crate::guardrail_changes::organization;
use crate::guardrails::{POLICY, content, targets, writes};

const LEAVE: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"organizations:LeaveOrganization","Resource":"*"}]}"#;
const OTHER: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:CreateUser","Resource":"*"}]}"#;
const CLUSTER: &str = "soc2-operator.dev/cluster-id";

/// A set on a unit with these baselines.
fn set(name: &str, path: &str, baselines: &Value, approval: &str) -> String {
    let targets = json!({"include": [{"organizationalUnit": {"path": path}}]});
    automatic_set(name, json!({"targets": targets, "baselines": baselines, "approval": approval}))
}

fn regions(name: &str, path: &str, list: &[&str]) -> String {
    let baselines = json!([{"name": "restrict-regions", "parameters": {"allowedRegions": list}}]);
    set(name, path, &baselines, "Automatic")
}

/// Makes a policy of somebody else, and gives its id.
async fn foreign(stand: &Stand, name: &str, content: &str, units: &[&str]) -> Result<String> {
    stand.sandbox.post("/world/policies", json!({"name": name, "content": content, "attach": units})).await?;
    let policy = stand.sandbox.policy(name).await?.context("no foreign policy")?;
    policy["id"].as_str().map(str::to_owned).context("id")
}

async fn status(stand: &Stand, name: &str) -> Result<Value> {
    Ok(stand.get("grset", name).await?["status"].clone())
}

/// Our policies whose names begin so.
async fn ours(stand: &Stand, prefix: &str) -> Result<Vec<Value>> {
    let all = stand.sandbox.get("/world/policies").await?["policies"].as_array().cloned().unwrap_or_default();
    let begins = |policy: &Value| policy["name"].as_str().is_some_and(|name| name.starts_with(prefix));
    Ok(all.into_iter().filter(begins).collect())
}

#[tokio::test]
async fn a_policy_of_others_does_until_it_goes() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    let workloads = stand.sandbox.unit("Workloads").await?;
    let id = foreign(&stand, "theirs", LEAVE, &[&workloads]).await?;
    stand.apply_samples().await?;
    let in_sync = stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    ensure!(in_sync["message"].as_str().unwrap_or_default().contains(&id), "{in_sync}");
    let baseline = status(&stand, "leave-org").await?["baselines"][0].clone();
    ensure!(
        baseline["satisfiedBy"] == json!([id]) && baseline["satisfied"] == 1 && baseline["attached"] == 0,
        "{baseline}"
    );
    stand.guarded_postures().await?;
    ensure!(writes(&stand).await?.is_empty(), "nothing is needed, and something was written");

    stand.sandbox.delete(&format!("/world/policies/{id}")).await?;
    eventually("our own policy", || async {
        let policy = stand.sandbox.policy(POLICY).await?.context("no policy")?;
        ensure!(targets(&policy) == [workloads.clone()], "{policy:#}");
        Ok(())
    })
    .await
    .with_context(|| operator.log())?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;

    // It comes again: what is ours stays.
    foreign(&stand, "theirs-again", LEAVE, &[&workloads]).await?;
    let last = stand.sandbox.last_call().await?;
    eventually("two readings of the policies", || async {
        ensure!(stand.sandbox.calls(last, Some("ListPolicies")).await?.len() >= 2, "not yet");
        Ok(())
    })
    .await?;
    ensure!(status(&stand, "leave-org").await?["baselines"][0]["attached"] == 1);
    ensure!(writes(&stand).await?.iter().all(|event| event["kind"] != "detach"));
    Ok(())
}

#[tokio::test]
async fn sets_that_say_different_things_have_a_policy_each_or_a_named_conflict() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization("0s")?).await?;
    stand.plane.apply_yaml(&regions("one", "Workloads/Prod", &["eu-west-1", "us-east-1"])).await?;
    stand.condition("grset", "one", "InSync", "True", "InSync").await.with_context(|| operator.log())?;
    let first = ours(&stand, "soc2-acme-restrict-regions").await?;
    ensure!(first.len() == 1, "{first:#?}");

    // On the same accounts: both hold, so that the stricter does. Elsewhere: a policy of its own.
    stand.plane.apply_yaml(&regions("two", "Workloads/Prod", &["eu-west-1", "us-west-2"])).await?;
    stand.plane.apply_yaml(&regions("three", "Sandbox", &["eu-central-1"])).await?;
    for name in ["one", "two", "three"] {
        stand.condition("grset", name, "InSync", "True", "InSync").await.with_context(|| operator.log())?;
    }
    let all = ours(&stand, "soc2-acme-restrict-regions").await?;
    ensure!(all.len() == 3 && all.contains(&first[0]), "what is in place keeps its policy: {all:#?}");
    let (prod, sandbox) = (stand.sandbox.unit("Workloads/Prod").await?, stand.sandbox.unit("Sandbox").await?);
    let mut places: Vec<String> = all.iter().flat_map(targets).collect();
    places.sort();
    let mut expected = vec![prod.clone(), prod, sandbox];
    expected.sort();
    ensure!(places == expected, "{all:#?}");
    let baseline = status(&stand, "one").await?["baselines"].clone();
    ensure!(baseline.to_string().contains(r#""stricter":["two"]"#), "{baseline}");

    // Nothing is left of both: the later one is refused, and names both sets, the parameter and the values.
    stand.plane.apply_yaml(&regions("zero", "Workloads/Prod/Canary", &["ap-south-1"])).await?;
    let refused = stand.condition("grset", "zero", "Refused", "True", "BaselineConflict").await?;
    let message = refused["message"].as_str().unwrap_or_default();
    for wanted in ["sets one and zero", "allowedRegions", "[eu-west-1, us-east-1]", "[ap-south-1]"] {
        ensure!(message.contains(wanted), "no {wanted} in: {message}");
    }
    stand.condition("grset", "one", "InSync", "True", "InSync").await?;
    Ok(())
}

#[tokio::test]
async fn where_slots_are_short_baselines_go_together() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    let workloads = stand.sandbox.unit("Workloads").await?;
    // One slot is left besides the one for replacing a policy.
    for number in stand.sandbox.attached(&workloads).await?..8 {
        foreign(&stand, &format!("foreign-{number}"), OTHER, &[&workloads]).await?;
    }
    stand.plane.apply_yaml(&organization("0s")?).await?;
    let both = json!([{"name": "deny-leave-org"}, {"name": "deny-root"}]);
    stand.plane.apply_yaml(&set("all", "Workloads", &both, "Automatic")).await?;
    stand.condition("grset", "all", "InSync", "True", "InSync").await.with_context(|| operator.log())?;
    let packs = ours(&stand, "soc2-acme-").await?;
    ensure!(
        packs.len() == 1 && packs[0]["name"].as_str().is_some_and(|name| name.starts_with("soc2-acme-pack-")),
        "{packs:#?}"
    );
    let text = content(&packs[0]).to_string();
    ensure!(
        text.contains("DenyLeaveOrganization") && text.contains("arn:*:iam::*:root") || text.contains(":root"),
        "{text}"
    );
    ensure!(stand.sandbox.attached(&workloads).await? == 9);
    let baselines = status(&stand, "all").await?["baselines"].clone();
    ensure!(baselines[0]["policyId"] == packs[0]["id"] && baselines[1]["policyId"] == packs[0]["id"], "{baselines}");

    // No slot at all: refused with numbers, and the set that is in place stays as it is.
    stand.plane.apply_yaml(&set("more", "Workloads", &json!([{"name": "protect-macie"}]), "Automatic")).await?;
    let refused = stand.condition("grset", "more", "Refused", "True", "NoFreeSlot").await?;
    let message = refused["message"].as_str().unwrap_or_default();
    ensure!(message.contains("has 9 policies") && message.contains("of 10"), "no numbers: {message}");
    stand.condition("grset", "all", "InSync", "True", "InSync").await?;
    Ok(())
}

#[tokio::test]
async fn a_policy_that_another_tool_made_is_adopted_once_a_person_approves() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization("0s")?).await?;
    let workloads = stand.sandbox.unit("Workloads").await?;
    let id = foreign(&stand, "terraform-deny-leave", LEAVE, &[&workloads]).await?;
    let adopting = json!([{"name": "deny-leave-org", "adopt": id}]);
    stand.plane.apply_yaml(&set("leave-org", "Workloads", &adopting, "Manual")).await?;
    stand.condition("grset", "leave-org", "ApprovalPending", "True", "ApprovalRequired").await?;
    let plan = status(&stand, "leave-org").await?["plan"].clone();
    ensure!(plan["adopt"] == 1 && plan["create"] == 0 && plan["update"] == 1, "{plan}");
    ensure!(
        plan["summary"][0].as_str().is_some_and(|line| line.contains("adopt policy terraform-deny-leave")),
        "{plan}"
    );
    ensure!(writes(&stand).await?.is_empty(), "written without an approval");

    crate::guardrail_changes::approve(&stand, "adopt", plan["hash"].as_str().context("hash")?).await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await.with_context(|| operator.log())?;
    let policy = stand.sandbox.policy(POLICY).await?.context("it has not our name")?;
    ensure!(policy["id"] == id.as_str() && policy["tags"]["soc2-operator.dev/owner-id"] == "acme", "{policy:#}");
    ensure!(content(&policy).to_string().contains("DenyLeaveOrganization"), "{policy:#}");
    let kinds: Vec<Value> = writes(&stand).await?.iter().map(|event| event["kind"].clone()).collect();
    ensure!(!kinds.contains(&json!("create")) && !kinds.contains(&json!("detach")), "{kinds:?}");

    let tower = set("tower", "Sandbox", &json!([{"name": "deny-root", "adopt": "p-FullAWSAccess"}]), "Manual");
    stand.plane.apply_yaml(&tower).await?;
    let refused = stand.condition("grset", "tower", "Refused", "True", "CannotAdopt").await?;
    ensure!(refused["message"].as_str().unwrap_or_default().contains("AWS manages it"), "{refused}");
    Ok(())
}

#[tokio::test]
async fn policies_of_a_cluster_that_is_gone_are_taken_over_by_an_annotation() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    stand.apply_samples().await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    let policy = stand.sandbox.policy(POLICY).await?.context("no policy")?;
    let id = policy["id"].as_str().context("id")?.to_owned();
    let cluster = policy["tags"][CLUSTER].as_str().context("cluster")?.to_owned();
    // As if the cluster had been made anew.
    let mut tags = policy["tags"].clone();
    tags[CLUSTER] = json!("the-old-cluster");
    stand.sandbox.post(&format!("/world/policies/{id}"), json!({"tags": tags})).await?;
    let stalled = stand.condition("awsorg", "acme", "Stalled", "True", "OwnedByOtherCluster").await?;
    ensure!(stalled["message"].as_str().unwrap_or_default().contains("take-over: the-old-cluster"), "{stalled}");
    stand.condition("grset", "leave-org", "Refused", "True", "OwnedByOtherCluster").await?;
    let before = writes(&stand).await?.len();
    stand.sandbox.post(&format!("/world/policies/{id}/detach"), json!({"target": targets(&policy)[0]})).await?;
    let last = stand.sandbox.last_call().await?;
    eventually("two readings of the policies", || async {
        ensure!(stand.sandbox.calls(last, Some("ListPolicies")).await?.len() >= 2, "not yet");
        Ok(())
    })
    .await?;
    ensure!(writes(&stand).await?.len() == before, "something was written to another cluster's policy");

    stand.kubectl(&["annotate", "awsorg", "acme", "soc2-operator.dev/take-over=the-old-cluster"]).await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await.with_context(|| operator.log())?;
    stand.condition("awsorg", "acme", "Ready", "True", "").await?;
    let after = stand.sandbox.policy(POLICY).await?.context("gone")?;
    ensure!(after["id"] == id.as_str() && after["tags"][CLUSTER] == cluster.as_str(), "{after:#}");
    ensure!(targets(&after) == targets(&policy), "{after:#}");
    ensure!(ours(&stand, POLICY).await?.len() == 1, "a second one was made");
    Ok(())
}
