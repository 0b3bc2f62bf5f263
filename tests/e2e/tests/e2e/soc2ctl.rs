//! `soc2ctl` says what the operator says: from a snapshot of the same world, field by field.

use std::collections::BTreeMap;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use e2e::{Stand, binaries, eventually};
use serde_json::Value;

use crate::aws_cli::Cli;

/// Runs `soc2ctl` against the sandbox as a person would; gives its exit code and what it printed.
async fn soc2ctl(stand: &Stand, args: &[&str]) -> Result<(i32, String)> {
    let output = tokio::process::Command::new(binaries::find("soc2ctl", "SOC2CTL")?)
        .args(args)
        .current_dir(stand.dir.path())
        .env("AWS_ENDPOINT_URL", &stand.sandbox.aws)
        .env("AWS_ACCESS_KEY_ID", "AKIASANDBOXOPERATOR0")
        .env("AWS_SECRET_ACCESS_KEY", "not-checked-by-the-sandbox")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_SESSION_TOKEN")
        .stdin(Stdio::null())
        .output()
        .await?;
    let code = output.status.code().context("no exit code")?;
    let (out, errors) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    ensure!(code < 2, "soc2ctl {args:?} ended with {code}: {errors}");
    Ok((code, out))
}

/// The objects of a kind by name, with what depends on when it was written left out.
fn objects(list: &Value, kind: &str) -> BTreeMap<String, Value> {
    let items = list["items"].as_array().into_iter().flatten().filter(|item| item["kind"] == kind);
    let timeless = |item: &Value| {
        let mut item = item.clone();
        forget_times(&mut item);
        (item["metadata"]["name"].as_str().unwrap_or_default().to_owned(), item)
    };
    items.map(timeless).collect()
}

/// When something was seen first, or written, is not the same in two processes; everything else is.
fn forget_times(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for key in ["since", "oldest", "lastTransitionTime", "assessedAt", "observedGeneration"] {
                members.remove(key);
            }
            members.values_mut().for_each(forget_times);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_times),
        _ => {}
    }
}

#[tokio::test]
async fn an_assessment_of_a_snapshot_is_what_the_operator_writes() -> Result<()> {
    let stand = Stand::start().await?;
    let _operator = stand.operator().await?;
    stand.apply_samples().await?;
    for profile in ["production", "baseline"] {
        stand.condition("cprof", profile, "Ready", "True", "Assessed").await?;
    }
    stand.condition("grset", "leave-org", "InSync", "True", "").await?;
    let samples = binaries::repository().join("docs/samples");
    let samples = samples.to_str().context("path")?;
    let (code, _) = soc2ctl(&stand, &["snapshot", "-f", samples, "--out", "snapshot"]).await?;
    ensure!(code == 0, "everything could be read");
    eventually("the operator to show what the snapshot shows", || async {
        let (code, out) = soc2ctl(&stand, &["assess", "--snapshot", "snapshot", "-f", samples, "-o", "json"]).await?;
        ensure!(code == 1, "the demo is not compliant");
        let ours: Value = serde_json::from_str(&out)?;
        same(&ours, &stand, "AccountPosture", "apos").await?;
        same(&ours, &stand, "ComplianceProfile", "cprof").await
    })
    .await?;
    // The same findings through the AWS CLI's own format, and a reading of AWS now.
    let (_, live) = soc2ctl(&stand, &["assess", "--live", "-f", samples, "-o", "json"]).await?;
    let live: Value = serde_json::from_str(&live)?;
    same(&live, &stand, "AccountPosture", "apos").await
}

/// Fails unless our objects say what those in the cluster say.
async fn same(ours: &Value, stand: &Stand, kind: &str, resource: &str) -> Result<()> {
    let theirs: Value = serde_json::from_str(&stand.kubectl(&["get", resource, "-o", "json"]).await?)?;
    let (ours, theirs) = (objects(ours, kind), objects(&theirs, kind));
    ensure!(!ours.is_empty() && ours.keys().eq(theirs.keys()), "{:?} {:?}", ours.keys(), theirs.keys());
    for (name, our) in &ours {
        let their = theirs.get(name).context("missing")?;
        let parts: &[&str] = match kind {
            "AccountPosture" => &[
                "account",
                "summary",
                "criteria",
                "controls",
                "more",
                "unknown",
                "passed",
                "nothingToCheck",
                "notApplicable",
                "guardrails",
            ],
            _ => &["status"],
        };
        for part in parts {
            ensure!(
                our[part] == their[part],
                "{kind} {name}: {part}\nours: {:#}\ntheirs: {:#}",
                our[part],
                their[part]
            );
        }
        let labels = |object: &Value| object["metadata"]["labels"].clone();
        ensure!(kind != "AccountPosture" || labels(our) == labels(their), "{name}: labels");
    }
    Ok(())
}

#[tokio::test]
async fn output_of_the_aws_cli_is_read_as_it_is_printed() -> Result<()> {
    let stand = Stand::start().await?;
    let aws = |args: &'static [&'static str], file: &'static str| {
        let (cli, path) = (Cli::of(&stand.sandbox, "AKIASANDBOXCLOUDSEC0"), stand.dir.path().join(file));
        async move { Ok::<_, anyhow::Error>(std::fs::write(path, cli.print(args).await?)?) }
    };
    aws(&["organizations", "list-accounts"], "accounts.json").await?;
    aws(&["securityhub", "get-findings", "--region", "eu-west-1"], "findings.json").await?;
    std::fs::write(stand.dir.path().join("profile.yaml"), PROFILE)?;
    let files =
        ["assess", "--accounts", "accounts.json", "--findings", "findings.json", "-f", "profile.yaml", "-o", "json"];
    let (code, doubted) = soc2ctl(&stand, &files).await?;
    let count = |out: &str, state: &str| -> Result<u64> {
        let list: Value = serde_json::from_str(out)?;
        list["items"][0]["status"]["checks"][state].as_u64().context("checks")
    };
    ensure!(
        code == 1 && count(&doubted, "passed")? == 0,
        "nothing passes by files that do not say that they are complete"
    );
    ensure!(count(&doubted, "failed")? > 0, "what fails is shown");
    let (_, believed) = soc2ctl(&stand, &[&files[..], &["--complete"]].concat()).await?;
    ensure!(count(&believed, "passed")? > 0 && count(&believed, "failed")? == count(&doubted, "failed")?);
    Ok(())
}

const PROFILE: &str = "apiVersion: soc2-operator.dev/v1alpha1
kind: ComplianceProfile
metadata: {name: everything}
spec:
  organizationRef: {name: acme}
  requiredRegions: [eu-west-1]
";
