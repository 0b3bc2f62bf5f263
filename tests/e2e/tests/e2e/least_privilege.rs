//! The operator has exactly the rights that it is documented with, in AWS (deploy/iam) and in Kubernetes (the chart's
//! rbac.yaml): with them everything works and nothing is denied, and each of them is used.

use anyhow::{Context, Result, ensure};
use e2e::chart::documents;
use e2e::objects::object;
use e2e::stand::Stand;
use e2e::{Operator, binaries, eventually};
use serde_json::{Value, json};

use crate::guardrail_changes::approve;
use crate::guardrails::POLICY;
use crate::shipped_policies::{Actions, Held, POD, all_used, world, write};

/// The roles of the documentation, and the pod.
const HELD: [Held; 6] = [
    POD,
    ("111111111111:role/soc2-read", &["read-organization"]),
    ("111111111111:role/soc2-write", &["write-guardrails"]),
    ("222222222222:role/soc2-read", &["read-security-hub"]),
    ("222222222222:role/soc2-events", &["read-queue"]),
    ("111111111111:role/soc2-events", &["read-queue"]),
];

/// Everything that the operator does in AWS: reads, events, and what becomes of a guardrail.
async fn everything(stand: &Stand) -> Result<()> {
    let events = "homeRegion: eu-west-1\n    events: {queueUrl: \"https://sqs.eu-west-1.amazonaws.com/222222222222/soc2-findings\", \
        role: {arn: \"arn:aws:iam::222222222222:role/soc2-events\", externalId: acme-7}}";
    let queue = "    events: {queueUrl: \"https://sqs.us-east-1.amazonaws.com/111111111111/soc2-organization\", \
        role: {arn: \"arn:aws:iam::111111111111:role/soc2-events\", externalId: acme-7}}\n    writeRole:";
    let organization =
        Stand::hasty_organization()?.replace("homeRegion: eu-west-1", events).replace("    writeRole:", queue);
    stand.plane.apply_yaml(&format!("{organization}  guardrails: {{propagationDelay: 0s}}\n")).await?;
    stand.apply_file("docs/samples/profile.yaml").await?;
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;
    stand.condition("awsorg", "acme", "EventsReceived", "True", "").await?;
    stand.sandbox.set_finding("333333333333", "eu-west-1", "IAM.5", "FAILED").await?;
    guardrail_turns(stand).await
}

/// A guardrail is made, put back, removed, made again and left behind.
pub(crate) async fn guardrail_turns(stand: &Stand) -> Result<()> {
    enforce(stand, "Remove").await?;
    let policy = stand.sandbox.policy(POLICY).await?.context("no policy")?;
    let weak =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"organizations:Leave","Resource":"*"}]}"#;
    let id = policy["id"].as_str().context("id")?;
    stand.sandbox.post(&format!("/world/policies/{id}"), json!({"content": weak})).await?;
    used(stand, "UpdatePolicy").await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    stand.kubectl(&["delete", "grset", "leave-org", "--wait=false"]).await?;
    stand.condition("grset", "leave-org", "ApprovalPending", "True", "Weakens").await?;
    let set = stand.get("grset", "leave-org").await?;
    approve(stand, "remove", set["status"]["plan"]["hash"].as_str().context("hash")?).await?;
    used(stand, "DeletePolicy").await?;
    stand.kubectl(&["wait", "grset/leave-org", "--for=delete", "--timeout=60s"]).await?;

    enforce(stand, "Retain").await?;
    stand.kubectl(&["delete", "grset", "leave-org", "--timeout=60s"]).await?;
    used(stand, "TagResource").await
}

async fn enforce(stand: &Stand, deletion: &str) -> Result<()> {
    let sample = binaries::read("docs/samples/guardrails.yaml")?;
    stand.plane.apply_yaml(&format!("{}\n  deletionPolicy: {deletion}\n", sample.trim_end())).await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    Ok(())
}

async fn used(stand: &Stand, operation: &str) -> Result<()> {
    eventually(operation, || async {
        let calls = stand.sandbox.calls(0, Some(operation)).await?;
        ensure!(calls.iter().any(|call| call["outcome"] == "ok"), "{calls:?}");
        Ok(())
    })
    .await
}

/// Rights that this test does not use, by how they begin and end, and why they are there.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("", "accountpostures create", "an apply that creates is a patch in the audit log, and is authorized as both"),
    ("", "/leases delete", "the Lease of an organization that is gone, in replicas.rs"),
    ("", "/leases get", "a Lease that somebody else changed meanwhile is read again, in failover.rs"),
    ("", "/configmaps get", "what guardrail sets with waves go back to"),
    ("", "/configmaps create", "the same, in guardrail_rollouts.rs"),
    ("", "/configmaps delete", "the same"),
    (
        "",
        "/guardrailreleases/status patch",
        "there is no release here; those of guardrails are taken off and put back in their own tests",
    ),
    ("soc2-operator.dev/", "s get", "an object that this version cannot read is looked at once more, in bad_input.rs"),
];

/// What rbac.yaml grants, and what was asked for and answered, as `group/resource verb`.
fn rights(stand: &Stand) -> Result<(Actions, Actions)> {
    let right = |group: &str, resource: &str, verb: &str| format!("{group}/{resource} {verb}");
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut granted = Actions::new();
    for role in documents(&binaries::read("charts/soc2-operator/files/rbac.yaml")?)? {
        for rule in list(&role["rules"]) {
            for (group, resource) in list(&rule["apiGroups"])
                .iter()
                .flat_map(|group| list(&rule["resources"]).into_iter().map(move |r| (group.clone(), r)))
            {
                let (group, resource) =
                    (group.as_str().context("group")?, resource.as_str().context("resource")?.to_owned());
                granted.extend(
                    list(&rule["verbs"]).iter().filter_map(Value::as_str).map(|verb| right(group, &resource, verb)),
                );
            }
        }
    }
    let mut used = Actions::new();
    for event in controlplane::audit::read(&stand.dir.path().join("audit.log"))? {
        if event.user.username != "system:serviceaccount:soc2-operator:soc2-operator"
            || event.object_ref.resource.is_empty()
        {
            continue;
        }
        let object = &event.object_ref;
        let resource = if object.subresource.is_empty() {
            object.resource.clone()
        } else {
            format!("{}/{}", object.resource, object.subresource)
        };
        let right = right(&object.api_group, &resource, &event.verb);
        ensure!(event.response_status.code != 403, "Kubernetes denied {right}");
        used.insert(right);
    }
    Ok((granted, used))
}

/// What owners write, and an end of results.
async fn owners(stand: &Stand) -> Result<()> {
    for name in ["baselines", "owners/exception", "owners/attestations"] {
        stand.apply_file(&format!("docs/samples/{name}.yaml")).await?;
    }
    let spec = json!({"extends": "soc2", "controls": [{"id": "S3.2", "severity": "Low"}]});
    stand.plane.apply_yaml(&object("ControlCatalog", "soc2-acme", spec)).await?;
    for (kind, place) in [
        ("ccat", "soc2-acme"),
        ("scpb", "deny-public-snapshot"),
        ("cexc", "soc2-operator/mfa-for-scanner"),
        ("catt", "soc2-operator/access-review-2026q4"),
    ] {
        eventually(place, || async {
            let found = stand.get(kind, place).await?;
            ensure!(found["status"]["observedGeneration"] == 1, "{:#}", found["status"]);
            Ok(())
        })
        .await?;
    }
    // Its accounts leave the profile: their results go.
    let none = r#"{"spec": {"targets": {"include": [{"accountIds": ["333333333333"]}]}}}"#;
    stand.kubectl(&["patch", "cprof", "production", "--type=merge", "-p", none]).await?;
    eventually("results of accounts that left to be gone", || async {
        let postures = stand.list("apos").await?;
        let left =
            postures.iter().filter(|posture| posture["metadata"]["name"].to_string().contains("production-")).count();
        ensure!(left == 1, "{left} results of production");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn every_right_that_is_granted_is_used_and_none_is_missing() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut world = world(&HELD[1..])?;
    // As where AWS does not say where an account is: then each unit is asked.
    world["paths"] = json!(false);
    let stand = Stand::start_world(write(&world, &dir)?, &["--no-limits"]).await?;
    let options = stand.operator_options().with_flags(&["--metrics-account-tags", "env"]);
    let operator = Operator::start(options).await?;
    everything(&stand).await.with_context(|| operator.log())?;
    owners(&stand).await.with_context(|| operator.log())?;

    all_used(&stand.sandbox, &HELD).await.with_context(|| operator.log())?;
    // The API server writes down a watch when it ends.
    operator.terminate().await?;
    eventually("every right in the cluster to be used", || async {
        let (granted, used) = rights(&stand)?;
        let is = |right: &str, begin: &str, end: &str| right.starts_with(begin) && right.ends_with(end);
        let elsewhere = |right: &&String| ELSEWHERE.iter().any(|(begin, end, _)| is(right, begin, end));
        let idle: Vec<_> = granted.difference(&used).filter(|right| !elsewhere(right)).collect();
        ensure!(
            idle.is_empty(),
            "rbac.yaml grants what was never used: use it here, or say in ELSEWHERE where: {idle:#?}"
        );
        Ok(())
    })
    .await
}
