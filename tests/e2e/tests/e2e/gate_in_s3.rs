//! A gate on a trail in S3, with the policy that is shipped for it, which moto enforces.

use anyhow::{Context, Result, ensure};
use e2e::stand::Stand;
use e2e::{Operator, OperatorOptions};
use jiff::Timestamp;
use serde_json::json;

use crate::aws_of_moto::Moto;
use crate::checkpoints_in_s3;
use crate::guardrail_changes::organization;
use crate::guardrail_rollouts::{LEAVE, attached, folder_of, recorded, set};
use crate::shipped_policies::document;

/// That of the shipped policy.
const BUCKET: &str = "acme-trail";
const USER: &str = "operator-pod";

/// What the gate of the first wave waits for, when it waits for this reason.
async fn waits_for(stand: &Stand, reason: &str) -> Result<String> {
    let found = stand.condition("grset", "leave-org", "AwaitingPromotion", "True", reason).await?;
    Ok(found["message"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_trail_is_read_with_its_policy_and_without_it_what_to_grant_is_said() -> Result<()> {
    let logs = tempfile::tempdir()?;
    let mut s3 = Moto::start(logs.path()).await?;
    let keys = s3.user(USER)?;
    s3.aws(&["s3api", "create-bucket", "--bucket", BUCKET])?;
    s3.enforce().await?;
    let stand = checkpoints_in_s3::stand(&keys).await?;
    let operator = Operator::start(OperatorOptions {
        access_key: keys.id.clone(),
        env: vec![
            ("AWS_ENDPOINT_URL_S3".to_owned(), s3.url.clone()),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), keys.secret.clone()),
        ],
        ..stand.operator_options()
    })
    .await?;
    stand.plane.apply_yaml(&organization("0s")?).await?;
    let gate = json!({"maxNewDenials": 0, "source": {"cloudTrail": {"bucket": BUCKET}}});
    let waves = json!([{"organizationalUnit": {"path": "Workloads/Prod/Canary"}}, {"rest": true}]);
    stand.plane.apply_yaml(&set(&json!({"rollout": {"waves": waves, "soak": "5s", "gate": gate}}))).await?;

    let denied = waits_for(&stand, "RecordsNotRead").await.with_context(|| operator.log())?;
    let words = "s3:ListBucket on s3://acme-trail/AWSLogs/363636363636/CloudTrail is not allowed for the operator's own credentials: grant s3:ListBucket";
    ensure!(denied.contains(words), "{denied}");
    attached(&stand, LEAVE, &["Workloads/Prod/Canary"]).await?;

    s3.grant(USER, &document("read-trail")?)?;
    waits_for(&stand, "NoData").await.with_context(|| operator.log())?;

    let now = Timestamp::now();
    let file = logs.path().join("records.json");
    std::fs::write(&file, recorded(now, ("s3.amazonaws.com", "DeleteBucket"), "").to_string())?;
    let (path, key) = (file.to_str().context("path")?, format!("{}/a.json", folder_of(now)));
    s3.aws(&["s3api", "put-object", "--bucket", BUCKET, "--key", &key, "--body", path])?;
    attached(&stand, LEAVE, &["Workloads"]).await.with_context(|| operator.log())?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    Ok(())
}
