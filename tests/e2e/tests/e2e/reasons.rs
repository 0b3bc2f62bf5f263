//! Every reason that a check, a criterion or an activity can have, as a user comes to see it: one world, several profiles.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use e2e::eventually;
use e2e::objects::{at, attestation, exception, profile, with};
use e2e::stand::Stand;
use serde_json::{Value, json};

const WEEK: i64 = 7 * 86_400;
const WHY: &str = "it is needed for this test";

/// Every reason in the postures, criteria and activities as they are now.
async fn reasons(stand: &Stand) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for posture in stand.list("apos").await? {
        for list in ["controls", "unknown", "notApplicable"] {
            let rows = posture[list].as_array().cloned().unwrap_or_default();
            found.extend(rows.iter().filter_map(|row| row["reason"].as_str().map(str::to_owned)));
        }
        if posture["nothingToCheck"].as_array().is_some_and(|ids| !ids.is_empty()) {
            found.insert("NothingToCheck".to_owned());
        }
    }
    for object in stand.list("cprof").await? {
        let criteria = object["status"]["criteria"].as_array().cloned().unwrap_or_default();
        found.extend(criteria.iter().filter_map(|criterion| criterion["reason"].as_str().map(str::to_owned)));
    }
    Ok(found)
}

/// Waits until all of these are to be seen.
async fn seen(stand: &Stand, wanted: &[&str]) -> Result<()> {
    eventually(&format!("{wanted:?}"), || async {
        let found = reasons(stand).await?;
        let missing: Vec<&&str> = wanted.iter().filter(|reason| !found.contains(**reason)).collect();
        ensure!(missing.is_empty(), "missing {missing:?} of {found:?}");
        Ok(())
    })
    .await
}

/// Findings of payments-prod, each told apart from the rest in its own way.
async fn findings(stand: &Stand, account: &str) -> Result<()> {
    let set = async |control: &str, change: Value| {
        let body = json!({"account": account, "region": "eu-west-1", "control": control});
        stand.sandbox.post("/world/findings/set", with(body, change)).await
    };
    set("S3.2", json!({"status": "FAILED"})).await?;
    set("ELB.5", json!({"status": "FAILED"})).await?;
    set("RDS.1", json!({"status": "WARNING"})).await?;
    set("RDS.2", json!({"status": "NOT_AVAILABLE"})).await?;
    set("EC2.1", json!({"status": "PASSED", "workflow": "SUPPRESSED"})).await?;
    set("EC2.2", json!({"status": "PASSED", "workflow": "NEW", "updatedAt": "-40h"})).await?;
    let gone = json!({"account": account, "control": "EC2.8"});
    stand.sandbox.post("/world/findings/delete", gone).await?;
    Ok(())
}

/// Profiles that look at the same accounts in different ways.
async fn profiles(stand: &Stand) -> Result<()> {
    let prod = json!({"include": [{"organizationalUnit": {"path": "Workloads/Prod"}}]});
    let enable = |id: &str| json!({"id": id, "action": "Enable", "criteria": ["CC6.1"], "rationale": WHY});
    let nothing = json!({"id": "*", "action": "Disable", "rationale": WHY});
    let upstream = json!({"treatAs": "Excepted", "until": "2099-01-01", "rationale": WHY});
    let two = json!({"include": [{"accountIds": ["333333333333", "343434343434"]}]});
    for yaml in [
        profile(
            "strict",
            json!({"targets": prod, "onboarding": "0s", "controls": [enable("Athena.1"), enable("EC2.13")]}),
        ),
        profile("upstream", json!({"targets": prod, "suppressed": upstream})),
        profile("far", json!({"targets": prod, "requiredRegions": ["eu-west-1", "ap-south-1"]})),
        profile("people", json!({"targets": two, "controls": [nothing], "manual": {"tracking": "Here"}})),
    ] {
        stand.plane.apply_yaml(&yaml).await?;
    }
    Ok(())
}

/// What people did, in time and not.
async fn people(stand: &Stand) -> Result<()> {
    let weekly = |activity: &str, performed: i64, grace: u32| json!({"activities": [activity], "performedAt": at(performed), "cadence": "Weekly", "graceDays": grace});
    for (name, spec) in [
        ("attested", weekly("code-of-conduct", -60, 14)),
        ("due", weekly("organization-structure", -WEEK - 60, 14)),
        ("overdue", weekly("board-oversight", -WEEK - 60, 0)),
        (
            "partly",
            json!({"activities": ["vendor-review"], "targets": {"include": [{"accountIds": ["333333333333"]}]}}),
        ),
    ] {
        stand.plane.apply_yaml(&attestation(&format!("soc2-operator/{name}"), spec)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn every_reason_is_to_be_seen() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    let account = stand.sandbox.account("payments-prod").await?;
    findings(&stand, &account).await?;
    stand.apply_samples().await?;
    profiles(&stand).await?;
    people(&stand).await?;
    stand.plane.apply_yaml(&exception("soc2-operator/balancer", "ELB.5", &account, json!({}))).await?;
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;
    seen(
        &stand,
        &[
            "FindingsFailed",
            "AccountNotMember",
            "RegionNotCovered",
            "StandardNotEnabled",
            "ControlDisabled",
            "Suppressed",
            "Warning",
            "NotAvailable",
            "Stale",
            "NoFindings",
            "Onboarding",
            "AccountSuspended",
            "ControlRetired",
            "Excepted",
            "SuppressedUpstream",
            "NothingToCheck",
            "Attested",
            "AttestationDue",
            "AttestationOverdue",
            "NeverAttested",
            "PartlyAttested",
            "TrackedElsewhere",
            "NotCovered",
        ],
    )
    .await?;

    // An account joins and its findings cannot be read yet.
    stand.sandbox.fault(json!({"service": "securityhub", "operation": "GetFindings", "kind": "serverError"})).await?;
    let late = json!({"id": "383838383838", "name": "late-prod", "path": "Workloads/Prod"});
    stand.sandbox.post("/world/accounts", late).await?;
    for region in ["eu-west-1", "us-east-1"] {
        let member = json!({"region": region, "members": {"383838383838": "Enabled"}});
        stand.sandbox.post("/world/hub", member).await?;
    }
    seen(&stand, &["SweepIncomplete"]).await?;
    stand.sandbox.no_faults().await?;

    // Somebody switches Security Hub off, and then takes the role's rights away.
    stand.sandbox.post("/world/hub", json!({"region": "us-east-1", "enabled": false})).await?;
    seen(&stand, &["SecurityHubNotEnabled"]).await?;
    stand.sandbox.post("/world/hub", json!({"region": "us-east-1", "enabled": true})).await?;
    stand.sandbox.fault(json!({"service": "securityhub", "kind": "accessDenied"})).await?;
    seen(&stand, &["AccessDenied"]).await?;

    // What failed is failed all the same.
    let posture = stand.get("apos", &format!("strict-{account}")).await?;
    let failed = posture["controls"].as_array().cloned().unwrap_or_default();
    ensure!(failed.iter().any(|row| row["id"] == "S3.2" && row["state"] == "Failed"), "{posture:#}");
    ensure!(operator.metric("soc2_leader").await? >= 1.0);
    Ok(())
}
