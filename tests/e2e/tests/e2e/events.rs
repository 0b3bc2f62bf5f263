//! The fast path: what a queue of events tells is posture within a moment, while increments are an hour apart.

use anyhow::{Context, Result, bail, ensure};
use e2e::stand::Stand;
use e2e::{Operator, eventually};
use serde_json::{Value, json};

const QUEUE: &str = "/world/queues/soc2-findings";
const READER: &str = "arn:aws:iam::222222222222:role/soc2-events";

/// The sample's organization with its queue, and increments so rare that what changes came through it.
fn organization(reader: &str) -> Result<String> {
    let events = format!(
        "homeRegion: eu-west-1\n    events: {{queueUrl: \"https://sqs.eu-west-1.amazonaws.com/222222222222/soc2-findings\", role: {{arn: \"{reader}\", externalId: acme-7}}}}"
    );
    Ok(Stand::hasty_organization()?
        .replace("homeRegion: eu-west-1", &events)
        .replace("findingsInterval: 5s", "findingsInterval: 1h")
        .replace("fullSweepInterval: 10m", "fullSweepInterval: 12h"))
}

async fn stand(reader: &str) -> Result<(Stand, Operator)> {
    let stand = Stand::start().await?;
    stand.plane.apply_yaml(&organization(reader)?).await?;
    stand.apply_file("docs/samples/profile.yaml").await?;
    let operator = stand.operator().await?;
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;
    stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;
    Ok((stand, operator))
}

/// The state of a control in an account's posture.
fn state_of(posture: &Value, control: &str) -> String {
    let has = |list: &Value| list.as_array().is_some_and(|ids| ids.iter().any(|id| id == control));
    let row = posture["controls"].as_array().into_iter().flatten().find(|row| row["id"] == control);
    let unknown = posture["unknown"].as_array().into_iter().flatten().find(|group| has(&group["controls"]));
    match (row, unknown) {
        (Some(row), _) => row["state"].as_str().unwrap_or_default().to_owned(),
        (None, Some(group)) => format!("Unknown: {}", group["reason"].as_str().unwrap_or_default()),
        (None, None) if has(&posture["passed"]) => "Passed".to_owned(),
        (None, None) => "none".to_owned(),
    }
}

async fn becomes(stand: &Stand, account: &str, control: &str, state: &str) -> Result<()> {
    eventually(&format!("{control} in {account} to be {state}"), || async {
        let found = state_of(&stand.get("apos", &format!("production-{account}")).await?, control);
        if found == state { Ok(()) } else { bail!("it is {found}") }
    })
    .await
}

/// Changes every finding of a control in an account, in every Region.
async fn set(stand: &Stand, account: &str, control: &str, change: Value) -> Result<()> {
    let mut body = json!({"account": account, "control": control});
    body.as_object_mut().context("object")?.extend(change.as_object().context("object")?.clone());
    stand.sandbox.post("/world/findings/set", body).await?;
    Ok(())
}

async fn empty(stand: &Stand) -> Result<()> {
    eventually("the queue to be empty", || async {
        let queue = stand.sandbox.get(QUEUE).await?;
        if queue["visible"] == 0 && queue["inFlight"] == 0 { Ok(()) } else { bail!("{queue}") }
    })
    .await
}

/// `GetFindings` calls after a call.
async fn readings(stand: &Stand, after: u64) -> Result<usize> {
    Ok(stand.sandbox.calls(after, Some("GetFindings")).await?.len())
}

#[tokio::test]
async fn an_event_is_posture_and_metric_long_before_the_next_increment() -> Result<()> {
    let (stand, operator) = stand(READER).await?;
    let received = stand.condition("awsorg", "acme", "EventsReceived", "True", "Receiving").await?;
    ensure!(received["message"] == "1 queue is read", "{received}");
    let account = stand.sandbox.account("payments-prod").await?;
    let series = format!("soc2_account_checks{{profile=\"production\",account_id=\"{account}\",state=\"Failed\"}}");
    let (last, failed) = (stand.sandbox.last_call().await?, operator.metric(&series).await?);

    set(&stand, &account, "IAM.4", json!({"status": "FAILED"})).await?;
    becomes(&stand, &account, "IAM.4", "Failed").await?;
    ensure!((operator.metric(&series).await? - failed - 1.0).abs() < 0.1, "{}", operator.metrics().await?);
    set(&stand, &account, "IAM.4", json!({"status": "PASSED"})).await?;
    becomes(&stand, &account, "IAM.4", "Passed").await?;
    ensure!(readings(&stand, last).await? == 0, "Security Hub was asked");
    empty(&stand).await?;

    // A suppression moves no time: its event is a hint, and one reading of the check decides.
    set(&stand, &account, "IAM.4", json!({"workflow": "SUPPRESSED"})).await?;
    becomes(&stand, &account, "IAM.4", "Unknown: Suppressed").await?;
    set(&stand, &account, "IAM.4", json!({"workflow": "RESOLVED"})).await?;
    becomes(&stand, &account, "IAM.4", "Passed").await?;
    ensure!(readings(&stand, last).await? == 2, "{} readings for two doubts", readings(&stand, last).await?);

    // Told, deleted, and then a crash before the next checkpoint; and something that happens while nobody listens.
    set(&stand, &account, "IAM.4", json!({"status": "FAILED"})).await?;
    becomes(&stand, &account, "IAM.4", "Failed").await?;
    empty(&stand).await?;
    let mut operator = operator;
    operator.kill()?;
    set(&stand, &account, "S3.2", json!({"status": "FAILED"})).await?;
    let operator = operator.crash_and_restart().await?;
    becomes(&stand, &account, "S3.2", "Failed").await?;
    becomes(&stand, &account, "IAM.4", "Failed").await?;
    empty(&stand).await?;
    let page = operator.metrics().await?;
    for name in ["received", "deleted", "poison"] {
        let series = format!("soc2_events_{name}_total{{organization=\"acme\",source=\"main\"}}");
        ensure!(page.contains(&series), "no {series} in\n{page}");
    }
    Ok(())
}

#[tokio::test]
async fn duplicates_disorder_and_poison_are_harmless() -> Result<()> {
    let (stand, operator) = stand(READER).await?;
    stand.condition("awsorg", "acme", "EventsReceived", "True", "Receiving").await?;
    let disorder = json!({"duplicateEvery": 2, "shuffle": true, "visibilityTimeoutSeconds": 2});
    stand.sandbox.post(QUEUE, disorder).await?;
    let accounts = [stand.sandbox.account("payments-prod").await?, stand.sandbox.account("shop-prod").await?];
    let controls = ["IAM.4", "S3.2", "EC2.2"];
    let mut poison = Vec::new();
    for round in 0..6 {
        for (at, account) in accounts.iter().enumerate() {
            for (nth, control) in controls.iter().enumerate() {
                let status = if (round + at + nth) % 2 == 0 { "FAILED" } else { "PASSED" };
                set(&stand, account, control, json!({"status": status})).await?;
            }
        }
        let junk = ["junk", "{}", r#"{"detail-type": "Other", "source": "x", "detail": {"findings": []}}"#];
        let body = json!({"body": junk[round % junk.len()]});
        let sent = stand.sandbox.post(&format!("{QUEUE}/messages"), body).await?;
        poison.push(sent["id"].as_str().context("id")?.to_owned());
    }
    for (at, account) in accounts.iter().enumerate() {
        for (nth, control) in controls.iter().enumerate() {
            becomes(&stand, account, control, if (5 + at + nth) % 2 == 0 { "Failed" } else { "Passed" }).await?;
        }
    }
    // The queue's own policy takes the poison away, after five receives.
    let dead = "/world/queues/soc2-findings-dead";
    eventually("the poison to be dead letters", || async {
        let dead = stand.sandbox.get(dead).await?;
        let ids: Vec<&str> =
            dead["content"].as_array().into_iter().flatten().filter_map(|m| m["id"].as_str()).collect();
        if poison.iter().all(|id| ids.contains(&id.as_str())) { Ok(()) } else { bail!("{ids:?}") }
    })
    .await?;
    empty(&stand).await?;
    let counted = operator.metric("soc2_events_poison_total{organization=\"acme\",source=\"main\"}").await?;
    ensure!((counted - 6.0).abs() < 0.1, "{counted} poison");
    let log = operator.log();
    for id in &poison {
        ensure!(log.matches(id.as_str()).count() == 1, "{id} is not logged once");
    }
    ensure!(!log.contains("junk"), "what is in a message has no place in the log");
    stand.condition("awsorg", "acme", "EventsReceived", "True", "Receiving").await?;
    for (at, account) in accounts.iter().enumerate() {
        for (nth, control) in controls.iter().enumerate() {
            becomes(&stand, account, control, if (5 + at + nth) % 2 == 0 { "Failed" } else { "Passed" }).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_queue_that_cannot_be_read_is_said_with_the_permission_and_changes_nothing_else() -> Result<()> {
    // The role that reads Security Hub may not read the queue.
    let (stand, _operator) = stand("arn:aws:iam::222222222222:role/soc2-read").await?;
    let denied = stand.condition("awsorg", "acme", "EventsReceived", "False", "AccessDenied").await?;
    let message = denied["message"].as_str().unwrap_or_default();
    ensure!(message.starts_with("main: sqs:ReceiveMessage on https://sqs.eu-west-1.amazonaws.com/222222222222/soc2-findings is not allowed for role arn:aws:iam::222222222222:role/soc2-read: grant it"), "{message}");
    stand.condition("awsorg", "acme", "Ready", "True", "Reconciled").await?;
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;
    let profile = stand.get("cprof", "production").await?;
    ensure!(profile["status"]["checks"]["passed"].as_u64() > Some(0), "{:#}", profile["status"]["checks"]);

    stand.plane.apply_yaml(&organization(READER)?).await?;
    stand.condition("awsorg", "acme", "EventsReceived", "True", "Receiving").await?;
    let account = stand.sandbox.account("payments-prod").await?;
    set(&stand, &account, "IAM.4", json!({"status": "FAILED"})).await?;
    becomes(&stand, &account, "IAM.4", "Failed").await?;

    // Allowed to receive but not to delete: everything is taken in, and it is said.
    let fault = json!({"service": "sqs", "operation": "DeleteMessageBatch", "kind": "accessDenied"});
    stand.sandbox.fault(fault).await?;
    set(&stand, &account, "IAM.4", json!({"status": "PASSED"})).await?;
    becomes(&stand, &account, "IAM.4", "Passed").await?;
    let denied = stand.condition("awsorg", "acme", "EventsReceived", "False", "AccessDenied").await?;
    ensure!(denied["message"].as_str().is_some_and(|text| text.contains("sqs:DeleteMessage on ")), "{denied}");
    stand.sandbox.no_faults().await?;
    stand.condition("awsorg", "acme", "EventsReceived", "True", "Receiving").await?;
    // A queue that is gone from the spec is gone from the status.
    let without = Stand::hasty_organization()?.replace("findingsInterval: 5s", "findingsInterval: 1h");
    stand.plane.apply_yaml(&without).await?;
    eventually("the condition to go", || async {
        let object = stand.get("awsorg", "acme").await?;
        match e2e::stand::condition_of(&object, "EventsReceived") {
            None => Ok(()),
            Some(found) => bail!("{found}"),
        }
    })
    .await?;
    Ok(())
}
