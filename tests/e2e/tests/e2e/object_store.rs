//! Checkpoints in an object store: the operator's state in moto's S3.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use e2e::stand::Stand;
use e2e::{Operator, OperatorOptions, eventually};
use serde_json::Value;

use crate::aws_of_moto::Moto;

const KEY: &str = "acme/feed-acme.checkpoint";

fn options(stand: &Stand, s3: &Moto) -> OperatorOptions {
    OperatorOptions {
        state: "s3://soc2-state/acme".into(),
        env: vec![("AWS_ENDPOINT_URL_S3".to_owned(), s3.url.clone())],
        ..stand.operator_options()
    }
}

/// The object as moto has it.
fn object(s3: &Moto) -> Result<Value> {
    s3.aws(&["s3api", "head-object", "--bucket", "soc2-state", "--key", KEY])
}

async fn applied(stand: &Stand) -> Result<()> {
    let organization = Stand::hasty_organization()?
        .replace("findingsInterval: 5s", "findingsInterval: 1h")
        .replace("fullSweepInterval: 10m", "fullSweepInterval: 12h");
    stand.plane.apply_yaml(&organization).await?;
    stand.apply_file("docs/samples/profile.yaml").await
}

async fn settled(stand: &Stand) -> Result<()> {
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;
    stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;
    Ok(())
}

#[tokio::test]
async fn a_restart_goes_on_from_the_object_and_a_damaged_one_counts_as_none() -> Result<()> {
    let stand = Stand::start().await?;
    let s3 = Moto::start(stand.dir.path()).await?;
    applied(&stand).await?;

    // Without its bucket the operator works, and says what is wrong.
    let operator = Operator::start(options(&stand, &s3)).await?;
    settled(&stand).await?;
    eventually("the complaint", || async {
        let log = operator.log();
        ensure!(log.contains("s3://soc2-state/acme/feed-acme.checkpoint"), "{log}");
        Ok(())
    })
    .await?;
    s3.aws(&["s3api", "create-bucket", "--bucket", "soc2-state"])?;
    eventually("the checkpoint", || async { object(&s3) }).await?;
    let first = object(&s3)?;
    ensure!(first["Metadata"]["soc2-writer-since"].is_string(), "{first}");

    // What is read after it is in the last one, which SIGTERM writes.
    let account = stand.sandbox.account("payments-prod").await?;
    stand.sandbox.set_finding(&account, "eu-west-1", "EC2.2", "FAILED").await?;
    let asked = format!("soc2-operator.dev/requestedAt={}", e2e::objects::at(0));
    stand.kubectl(&["annotate", "awsorg", "acme", &asked]).await?;
    let posture = format!("production-{account}");
    eventually("the finding to be read", || async {
        let posture = stand.get("apos", &posture).await?;
        let rows = posture["controls"].as_array().cloned().unwrap_or_default();
        ensure!(rows.iter().any(|row| row["id"] == "EC2.2" && row["state"] == "Failed"), "{rows:#?}");
        Ok(())
    })
    .await?;
    let options = operator.terminate().await?;
    ensure!(object(&s3)?["ETag"] != first["ETag"], "SIGTERM writes a last checkpoint");
    let last = stand.sandbox.last_call().await?;
    let operator = Operator::start(options).await?;
    eventually("the restarted operator to go on", || async {
        ensure!(operator.log().contains("goes on from the checkpoint"), "not yet");
        ensure!(operator.metrics().await?.contains("soc2_profile_checks{profile=\"production\""), "not assessed yet");
        Ok(())
    })
    .await?;
    let calls = stand.sandbox.calls(last, Some("GetFindings")).await?;
    ensure!(calls.len() <= 2, "{} GetFindings calls after a restart with a checkpoint", calls.len());

    let options = operator.terminate().await?;
    damage(&s3, stand.dir.path())?;
    let operator = Operator::start(options).await?;
    settled(&stand).await?;
    eventually("everything to be read again", || async {
        ensure!(operator.log().contains("the checkpoint is not used"), "{}", operator.log());
        let object = object(&s3)?;
        ensure!(object["ContentLength"].as_u64() > Some(1000), "{object}");
        Ok(())
    })
    .await
}

/// Cuts the object in half.
fn damage(s3: &Moto, folder: &Path) -> Result<()> {
    let file = folder.join("object");
    let path = file.to_str().context("path")?;
    s3.aws(&["s3api", "get-object", "--bucket", "soc2-state", "--key", KEY, path])?;
    let bytes = std::fs::read(&file)?;
    std::fs::write(&file, &bytes[..bytes.len() / 2])?;
    s3.aws(&["s3api", "put-object", "--bucket", "soc2-state", "--key", KEY, "--body", path])?;
    Ok(())
}
