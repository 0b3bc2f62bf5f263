//! Checkpoints in an object store: the operator's state in moto's S3, with the policy that is shipped for it, which moto enforces.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use e2e::stand::Stand;
use e2e::wait::eventually_by_cli;
use e2e::{Operator, OperatorOptions, Sandbox, eventually};
use serde_json::Value;

use crate::aws_of_moto::{Keys, Moto};
use crate::shipped_policies::{POD_KEY, document};

/// Bucket and prefix are those of the shipped policy.
const BUCKET: &str = "acme-soc2";
const KEY: &str = "state/feed-acme.checkpoint";
const USER: &str = "operator-pod";

/// The demo's world with the key that the operator has in S3 too.
pub(crate) async fn stand(keys: &Keys) -> Result<Stand> {
    let dir = tempfile::tempdir()?;
    let world = std::fs::read_to_string(Sandbox::demo_world())?.replace(POD_KEY, &keys.id);
    let path = dir.path().join("world.yaml");
    std::fs::write(&path, world)?;
    Stand::start_world(path, &["--no-limits"]).await
}

fn options(stand: &Stand, s3: &Moto, keys: &Keys) -> OperatorOptions {
    OperatorOptions {
        state: "s3://acme-soc2/state".into(),
        access_key: keys.id.clone(),
        env: vec![
            ("AWS_ENDPOINT_URL_S3".to_owned(), s3.url.clone()),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), keys.secret.clone()),
        ],
        ..stand.operator_options()
    }
}

/// The object as moto has it.
fn object(s3: &Moto) -> Result<Value> {
    s3.aws(&["s3api", "head-object", "--bucket", BUCKET, "--key", KEY])
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
    let logs = tempfile::tempdir()?;
    let mut s3 = Moto::start(logs.path()).await?;
    let keys = s3.user(USER)?;
    let policy = document("state-bucket")?;
    s3.grant(USER, &policy)?;
    s3.enforce().await?;
    let stand = stand(&keys).await?;
    applied(&stand).await?;

    // Without its bucket the operator works, and says what is wrong.
    let operator = Operator::start(options(&stand, &s3, &keys)).await?;
    settled(&stand).await?;
    complaint(&operator, "s3://acme-soc2/state/feed-acme.checkpoint: ").await?;
    // The same without its policy; with that it has all that it needs.
    s3.aws(&["iam", "delete-user-policy", "--user-name", USER, "--policy-name", "its"])?;
    s3.aws(&["s3api", "create-bucket", "--bucket", BUCKET])?;
    let denied = "on s3://acme-soc2/state/feed-acme.checkpoint is not allowed for the operator's own credentials: grant s3:GetObject";
    complaint(&operator, denied).await?;
    s3.grant(USER, &policy)?;
    s3.aws(&["s3api", "wait", "object-exists", "--bucket", BUCKET, "--key", KEY])?;
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
    let damaged = damage(&s3, stand.dir.path())?;
    let operator = Operator::start(options).await?;
    settled(&stand).await?;
    eventually_by_cli("everything to be read again", || async {
        ensure!(operator.log().contains("the checkpoint is not used"), "{}", operator.log());
        ensure!(operator.metrics().await?.contains("soc2_profile_checks{profile=\"production\""), "not assessed yet");
        let object = object(&s3)?;
        ensure!(object["ContentLength"].as_u64() > damaged["ContentLength"].as_u64(), "{object} instead of {damaged}");
        Ok(())
    })
    .await
}

async fn complaint(operator: &Operator, words: &str) -> Result<()> {
    eventually("the complaint", || async {
        let log = operator.log();
        ensure!(log.contains(words), "{log}");
        Ok(())
    })
    .await
}

/// Cuts the object in half; gives what is left.
fn damage(s3: &Moto, folder: &Path) -> Result<Value> {
    let file = folder.join("object");
    let path = file.to_str().context("path")?;
    s3.aws(&["s3api", "get-object", "--bucket", BUCKET, "--key", KEY, path])?;
    let bytes = std::fs::read(&file)?;
    std::fs::write(&file, &bytes[..bytes.len() / 2])?;
    s3.aws(&["s3api", "put-object", "--bucket", BUCKET, "--key", KEY, "--body", path])?;
    object(s3)
}
