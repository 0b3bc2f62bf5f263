//! Exceptions: they begin and end by time alone, everywhere at once; who may not waive is refused; what nobody needs is said.

use anyhow::{Result, bail, ensure};
use e2e::eventually;
use e2e::objects::{at, exception, with};
use e2e::stand::{Stand, condition_of};
use serde_json::{Value, json};

/// The state of an exception, and the reason that `Ready` gives.
async fn stands(stand: &Stand, place: &str, state: &str, reason: &str) -> Result<Value> {
    eventually(&format!("{place} to be {state} {reason}"), || async {
        let object = stand.get("cexc", place).await?;
        let ready = condition_of(&object, "Ready").unwrap_or_default();
        if object["status"]["state"] == state && ready["reason"] == reason {
            Ok(object)
        } else {
            bail!("{:#}", object["status"])
        }
    })
    .await
}

/// The row of a control in an account's posture, once it is in this state.
async fn control(stand: &Stand, posture: &str, id: &str, state: &str) -> Result<Value> {
    eventually(&format!("{id} to be {state}"), || async {
        let posture = stand.get("apos", posture).await?;
        let row = posture["controls"].as_array().into_iter().flatten().find(|row| row["id"] == id).cloned();
        match row {
            Some(row) if row["state"] == state => Ok(row),
            _ => bail!("{:#}", posture["controls"]),
        }
    })
    .await
}

/// The samples, read and assessed, with one failing control in payments-prod; gives the account.
async fn failing(stand: &Stand) -> Result<String> {
    stand.apply_samples().await?;
    let account = stand.sandbox.account("payments-prod").await?;
    stand.sandbox.set_finding(&account, "eu-west-1", "S3.2", "FAILED").await?;
    control(stand, &format!("production-{account}"), "S3.2", "Failed").await?;
    Ok(account)
}

#[tokio::test]
async fn an_exception_begins_and_ends_by_time_alone_and_everywhere_at_once() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    let account = failing(&stand).await?;
    let (place, posture) = ("soc2-operator/release", format!("production-{account}"));
    let (starts_at, expires_at) = (at(20), at(80));
    let spec = json!({"startsAt": starts_at, "expiresAt": expires_at});
    stand.plane.apply_yaml(&exception(place, "S3.2", &account, spec)).await?;

    // Not yet.
    stands(&stand, place, "Pending", "NotStarted").await?;
    let row = control(&stand, &posture, "S3.2", "Failed").await?;
    ensure!(row["since"].as_str() < Some(&starts_at), "{row}");
    let failed =
        "soc2_control_accounts{profile=\"production\",control=\"S3.2\",severity=\"Critical\",state=\"Failed\"}";
    ensure!(operator.metric(failed).await? >= 1.0);

    // Now: posture, status, metrics and the object itself.
    let row = control(&stand, &posture, "S3.2", "Excepted").await?;
    ensure!(row["exception"] == place && row["reason"] == "Excepted", "{row}");
    ensure!(row["since"].as_str() >= Some(&starts_at), "waived before it began: {row}");
    let object = stands(&stand, place, "Active", "Active").await?;
    ensure!(object["status"]["matches"]["accounts"] == 1, "{:#}", object["status"]);
    ensure!(condition_of(&object, "ExpiringSoon").is_some_and(|found| found["status"] == "True"), "{object:#}");
    let profile = stand.get("cprof", "production").await?;
    ensure!(profile["status"]["exceptions"]["active"] == 1, "{:#}", profile["status"]["exceptions"]);
    ensure!(profile["status"]["checks"]["excepted"] == 1, "{:#}", profile["status"]["checks"]);
    ensure!(operator.metric("soc2_exceptions{profile=\"production\",state=\"Active\"}").await? >= 1.0);
    let expiry = "soc2_exception_expiry_timestamp_seconds{namespace=\"soc2-operator\",exception=\"release\"";
    ensure!(operator.metric(expiry).await? > 0.0);
    stand.event(place, "ExpiringSoon").await?;

    // And no longer, without any change of the object.
    let row = control(&stand, &posture, "S3.2", "Failed").await?;
    ensure!(row["since"].as_str() >= Some(&expires_at) && row["exception"].is_null(), "waived no longer: {row}");
    let object = stands(&stand, place, "Expired", "Expired").await?;
    ensure!(object["metadata"]["generation"] == 1, "somebody changed it");
    ensure!(object["status"]["matches"].is_null() && condition_of(&object, "ExpiringSoon").is_none(), "{object:#}");
    let profile = stand.get("cprof", "production").await?;
    ensure!(profile["status"]["checks"]["excepted"] == 0, "{:#}", profile["status"]["checks"]);
    ensure!(profile["status"]["exceptions"]["expired"] == 1, "{:#}", profile["status"]["exceptions"]);
    let page = operator.metrics().await?;
    ensure!(!page.contains(expiry) && !page.contains("soc2_exceptions{profile=\"production\",state=\"Active\"}"));
    stand.event(place, "Expired").await?;
    Ok(())
}

/// A policy that grants little, and exceptions that ask for more; gives for each what becomes of it.
async fn too_much(stand: &Stand, account: &str) -> Result<[(&'static str, &'static str, &'static str); 7]> {
    for name in ["team-payments", "team-other"] {
        stand.plane.apply_yaml(&format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}")).await?;
    }
    let policy = json!({"spec": {"exceptionPolicy": {
        "maxDuration": {"critical": "30d", "default": "180d"},
        "requireApprover": true,
        "neverWaivable": ["IAM.4"],
        "namespaces": [{"name": "team-payments", "targets": {"include": [{"accountNames": ["payments-*"]}]}}],
    }}});
    stand.kubectl(&["patch", "awsorg", "acme", "--type=merge", "-p", &policy.to_string()]).await?;
    let approved = |more: Value| with(json!({"approvedBy": "security-team@example.com"}), more);
    let shop = stand.sandbox.account("shop-prod").await?;
    let nothing = json!({"resources": ["arn:aws:s3:::nothing"]});
    for object in [
        exception("team-other/s3", "S3.2", account, approved(json!({}))),
        exception("team-payments/shop", "S3.2", &shop, approved(json!({}))),
        exception("team-payments/root", "IAM.4", account, approved(json!({}))),
        exception("team-payments/long", "S3.2", account, approved(json!({"expiresAt": at(31 * 86_400)}))),
        exception("team-payments/nobody", "S3.2", account, json!({})),
        exception("team-payments/typo", "S3.999", account, approved(json!({}))),
        exception("team-payments/unneeded", "S3.2", account, approved(nothing)),
    ] {
        stand.plane.apply_yaml(&object).await?;
    }
    Ok([
        ("team-other/s3", "Refused", "NotGranted"),
        ("team-payments/shop", "Refused", "NotGranted"),
        ("team-payments/root", "Refused", "NeverWaivable"),
        ("team-payments/long", "Refused", "TooLong"),
        ("team-payments/nobody", "Refused", "NoApprover"),
        ("team-payments/typo", "Refused", "UnknownControl"),
        ("team-payments/unneeded", "Unmatched", "Unmatched"),
    ])
}

#[tokio::test]
async fn who_may_not_waive_is_refused_and_what_nobody_needs_is_said() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    let account = failing(&stand).await?;
    let posture = format!("production-{account}");
    for (place, state, reason) in too_much(&stand, &account).await? {
        let object = stands(&stand, place, state, reason).await?;
        ensure!(condition_of(&object, "Stalled").is_some() == (state == "Refused"), "{object:#}");
        stand.event(place, state).await?;
    }
    // Not one of them waives anything.
    control(&stand, &posture, "S3.2", "Failed").await?;
    let condition = "soc2_resource_condition{kind=\"ComplianceException\",namespace=\"team-other\",name=\"s3\",\
                     type=\"Stalled\",status=\"True\",reason=\"NotGranted\"}";
    ensure!(operator.metric(condition).await? > 0.0);

    // Approved, it waives at once; only what it touches is written.
    let before = stand.settled_postures().await?;
    let change = async |spec: Value| {
        let patch = json!({"spec": spec}).to_string();
        stand.kubectl(&["patch", "cexc", "nobody", "-n", "team-payments", "--type=merge", "-p", &patch]).await
    };
    change(json!({"approvedBy": "security-team@example.com"})).await?;
    stands(&stand, "team-payments/nobody", "Active", "Active").await?;
    control(&stand, &posture, "S3.2", "Excepted").await?;
    let after = stand.settled_postures().await?;
    let written = after.iter().filter(|(name, version)| before.get(*name) != Some(*version)).map(|(name, _)| name);
    ensure!(written.clone().eq([&posture]), "{:?} were written", written.collect::<Vec<_>>());

    // Moved to later it is a renewal; deleted it waives no more.
    change(json!({"expiresAt": at(7200)})).await?;
    eventually("the renewal to be counted", || async {
        let object = stand.get("cexc", "team-payments/nobody").await?;
        ensure!(object["status"]["renewals"] == 1 && object["status"]["state"] == "Active", "{:#}", object["status"]);
        Ok(())
    })
    .await?;
    stand.kubectl(&["delete", "cexc", "nobody", "-n", "team-payments"]).await?;
    control(&stand, &posture, "S3.2", "Failed").await?;

    // Nobody asked for tags of accounts before: they are read because of this one.
    ensure!(stand.sandbox.calls(0, Some("ListTagsForResource")).await?.iter().all(|call| !of_account(call)));
    let tagged = json!({"approvedBy": "security-team@example.com",
                        "targets": {"include": [{"accountNames": ["payments-*"], "accountTags": {"env": "prod"}}]}});
    stand.plane.apply_yaml(&exception("team-payments/tagged", "S3.2", &account, tagged)).await?;
    stands(&stand, "team-payments/tagged", "Active", "Active").await?;
    control(&stand, &posture, "S3.2", "Excepted").await?;
    Ok(())
}

/// Whether a call of `ListTagsForResource` is about an account, and not about a policy.
fn of_account(call: &Value) -> bool {
    call["input"]["ResourceId"].as_str().is_some_and(|id| id.len() == 12)
}

#[tokio::test]
async fn a_restart_neither_forgets_an_exception_nor_rewrites_a_posture() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    let account = failing(&stand).await?;
    let place = "soc2-operator/release";
    stand.plane.apply_yaml(&exception(place, "S3.2", &account, json!({"expiresAt": at(30 * 86_400)}))).await?;
    stands(&stand, place, "Active", "Active").await?;
    control(&stand, &format!("production-{account}"), "S3.2", "Excepted").await?;
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;
    let before = stand.settled_postures().await?;
    let object = stands(&stand, place, "Active", "Active").await?;
    let options = operator.terminate().await?;
    let operator = e2e::Operator::start(options).await?;
    eventually("the profile to be assessed again", || async {
        ensure!(
            operator.metrics().await?.contains("soc2_exceptions{profile=\"production\",state=\"Active\"}"),
            "not yet"
        );
        Ok(())
    })
    .await?;
    ensure!(stand.settled_postures().await? == before, "postures were rewritten");
    let after = stands(&stand, place, "Active", "Active").await?;
    ensure!(object["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"], "{:#}", after["status"]);
    Ok(())
}
