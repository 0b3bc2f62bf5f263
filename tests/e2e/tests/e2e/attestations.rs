//! Attestations: what people did counts for its cadence, becomes due and overdue by time alone, and makes a profile compliant.

use anyhow::{Context, Result, bail, ensure};
use e2e::eventually;
use e2e::objects::{at, attestation, profile, with};
use e2e::stand::{Stand, condition_of};
use serde_json::{Value, json};

const WEEK: i64 = 7 * 86_400;

/// The criteria of the category Security.
const CRITERIA: &[&str] = &[
    "CC1.1", "CC1.2", "CC1.3", "CC1.4", "CC1.5", "CC2.1", "CC2.2", "CC2.3", "CC3.1", "CC3.2", "CC3.3", "CC3.4",
    "CC4.1", "CC4.2", "CC5.1", "CC5.2", "CC5.3", "CC6.1", "CC6.2", "CC6.3", "CC6.4", "CC6.5", "CC6.6", "CC6.7",
    "CC6.8", "CC7.1", "CC7.2", "CC7.3", "CC7.4", "CC7.5", "CC8.1", "CC9.1", "CC9.2",
];

/// A profile of one account of which only one control counts, and people for all the rest.
fn people(name: &str, more: Value) -> String {
    let why = "only one control is looked at here";
    let spec = json!({
        "targets": {"include": [{"accountIds": ["111111111111"]}]},
        "categories": ["Security"],
        "controls": [{"id": "*", "action": "Disable", "rationale": why},
                     {"id": "IAM.4", "action": "Enable", "criteria": ["CC6.1"], "rationale": why}],
        "manual": {"tracking": "Here"},
    });
    profile(name, with(spec, more))
}

/// An attestation once it is in this state.
async fn stands(stand: &Stand, place: &str, state: &str) -> Result<Value> {
    eventually(&format!("{place} to be {state}"), || async {
        let object = stand.get("catt", place).await?;
        if object["status"]["state"] == state { Ok(object) } else { bail!("{:#}", object["status"]) }
    })
    .await
}

/// An activity of a profile once it is in this state.
async fn activity(stand: &Stand, profile: &str, id: &str, state: &str) -> Result<Value> {
    eventually(&format!("{id} of {profile} to be {state}"), || async {
        let object = stand.get("cprof", profile).await?;
        let activities = object["status"]["activities"].as_array().cloned().unwrap_or_default();
        let found = activities.into_iter().find(|activity| activity["id"] == id).context("no such activity")?;
        if found["state"] == state { Ok(found) } else { bail!("{found}") }
    })
    .await
}

#[tokio::test]
async fn with_every_criterion_attested_and_nothing_failing_a_profile_is_compliant() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    stand.apply_samples().await?;
    stand.sandbox.set_finding("111111111111", "eu-west-1", "IAM.4", "PASSED").await?;
    stand.plane.apply_yaml(&people("people", json!({}))).await?;
    stand.condition("cprof", "people", "Compliant", "False", "").await?;
    activity(&stand, "people", "access-review", "NeverAttested").await?;

    let all = attestation("soc2-operator/all", json!({"criteria": CRITERIA, "cadence": "Annual"}));
    stand.plane.apply_yaml(&all).await?;
    stands(&stand, "soc2-operator/all", "Current").await?;
    stand.condition("cprof", "people", "Compliant", "True", "Compliant").await?;
    ensure!(operator.metric("soc2_profile_compliance_ratio{profile=\"people\"}").await? >= 1.0);

    // A control fails: people's word does not cover that.
    stand.sandbox.set_finding("111111111111", "eu-west-1", "IAM.4", "FAILED").await?;
    stand.condition("cprof", "people", "Compliant", "False", "ControlsFailing").await?;
    stand.sandbox.set_finding("111111111111", "eu-west-1", "IAM.4", "PASSED").await?;
    stand.condition("cprof", "people", "Compliant", "True", "Compliant").await?;

    // Taken back, nobody attests any more.
    stand.kubectl(&["delete", "catt", "all", "-n", "soc2-operator"]).await?;
    stand.condition("cprof", "people", "Compliant", "False", "").await?;
    activity(&stand, "people", "access-review", "NeverAttested").await?;
    Ok(())
}

/// What people did, in time, late, too early, for others, and by a name that nobody knows.
async fn written(stand: &Stand) -> Result<()> {
    let weekly = |activity: &str, performed: i64| json!({"activities": [activity], "performedAt": at(performed), "cadence": "Weekly", "graceDays": 1});
    let others = json!({"include": [{"accountIds": ["222222222222"]}]});
    for (name, spec) in [
        // Due in some seconds, for a day.
        ("review", weekly("access-review", 45 - WEEK)),
        // Due since yesterday, overdue in some seconds.
        ("restore", weekly("restore-test", 45 - WEEK - 86_400)),
        ("others", json!({"activities": ["vendor-review"], "targets": others})),
        ("early", json!({"activities": ["risk-assessment"], "performedAt": at(3600)})),
        ("typo", json!({"activities": ["acces-review"]})),
        ("old", json!({"activities": ["penetration-test"], "performedAt": at(-7200)})),
        ("new", json!({"activities": ["penetration-test"], "performedAt": at(-3600)})),
    ] {
        stand.plane.apply_yaml(&attestation(&format!("soc2-operator/{name}"), spec)).await?;
    }
    Ok(())
}

/// Series of an activity's state.
fn state(activity: &str, state: &str) -> String {
    format!("soc2_activity_state{{profile=\"people\",activity=\"{activity}\",state=\"{state}\"}}")
}

#[tokio::test]
async fn attestations_become_due_and_overdue_by_time_alone() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    stand.apply_samples().await?;
    stand.plane.apply_yaml(&people("people", json!({}))).await?;
    stand.condition("cprof", "people", "Ready", "True", "Assessed").await?;
    written(&stand).await?;
    stands(&stand, "soc2-operator/review", "Current").await?;
    stands(&stand, "soc2-operator/restore", "Due").await?;
    activity(&stand, "people", "access-review", "Attested").await?;
    let found = activity(&stand, "people", "restore-test", "Due").await?;
    ensure!(found["attestation"] == "soc2-operator/restore", "{found}");
    ensure!(operator.metric(&state("restore-test", "Due")).await? >= 1.0);
    let due = "soc2_activity_due_timestamp_seconds{profile=\"people\",activity=\"access-review\"}";
    ensure!(operator.metric(due).await? > 0.0);

    // Time passes.
    stands(&stand, "soc2-operator/review", "Due").await?;
    stands(&stand, "soc2-operator/restore", "Overdue").await?;
    activity(&stand, "people", "access-review", "Due").await?;
    activity(&stand, "people", "restore-test", "Overdue").await?;
    let page = operator.metrics().await?;
    ensure!(page.contains(&state("access-review", "Due")) && page.contains(&state("restore-test", "Overdue")));
    ensure!(!page.contains(&state("restore-test", "Due")), "a state that is over has a series");
    stand.event("soc2-operator/restore", "Overdue").await?;
    stand.event("people", "ActivityDue").await?;
    stand.event("people", "ActivityOverdue").await?;

    // Done again.
    let again = json!({"activities": ["restore-test"], "performedAt": at(-5), "cadence": "Weekly"});
    stand.plane.apply_yaml(&attestation("soc2-operator/restore-again", again)).await?;
    activity(&stand, "people", "restore-test", "Attested").await?;
    let object = stands(&stand, "soc2-operator/restore-again", "Current").await?;
    ensure!(object["status"]["late"] == true, "{:#}", object["status"]);

    // Of the others each says why it does not count.
    stands(&stand, "soc2-operator/old", "Superseded").await?;
    for (name, reason) in [("early", "InFuture"), ("typo", "UnknownActivity")] {
        let place = format!("soc2-operator/{name}");
        let object = stands(&stand, &place, "Refused").await?;
        let ready = condition_of(&object, "Ready").context("Ready")?;
        ensure!(ready["reason"] == reason && condition_of(&object, "Stalled").is_some(), "{ready}");
        stand.event(&place, "Refused").await?;
    }
    activity(&stand, "people", "vendor-review", "NeverAttested").await?;
    Ok(())
}
