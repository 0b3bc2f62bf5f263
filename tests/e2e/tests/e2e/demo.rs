//! The demo ends well, on a cluster of its own and on a given one. (Here with the debug builds that the other tests use; `make demo`
//! builds for release.)

use anyhow::{Context, Result, ensure};
use controlplane::ControlPlane;
use e2e::binaries;
use e2e::pool::Plane;
use e2e::turn::Turn;

/// Runs the demo to its end, on a given cluster if there is one.
async fn runs(cluster: Option<&ControlPlane>) -> Result<()> {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_demo"));
    command
        .env("DEMO_EXIT", "1")
        .env_remove("KUBECONFIG")
        .env("SOC2_OPERATOR", binaries::find("soc2-operator", "SOC2_OPERATOR")?)
        .env("AWS_SANDBOX", binaries::find("aws-sandbox", "AWS_SANDBOX")?);
    if let Some(plane) = cluster {
        let kubectl = plane.tools().kubectl();
        let folder = kubectl.parent().context("a program")?.display().to_string();
        command.env("KUBECONFIG", plane.admin_kubeconfig()).env("PATH", format!("{folder}:{}", std::env::var("PATH")?));
    }
    let output = command.output().await?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    for words in [
        "awsorganization.soc2-operator.dev/acme",
        "payments-prod",
        "soc2_profile_compliance_ratio{",
        "put back:",
        "DriftReverted",
    ] {
        ensure!(text.contains(words), "the demo does not show {words:?}:\n{text}");
    }
    Ok(())
}

#[tokio::test]
async fn the_demo_runs_to_its_end() -> Result<()> {
    let _turn = Turn::take().await;
    runs(None).await
}

#[tokio::test]
async fn the_demo_uses_the_cluster_that_it_is_given() -> Result<()> {
    let plane = Plane::of_its_own(ControlPlane::builder().controller_manager(true)).await?;
    runs(Some(&plane)).await?;
    let left = tokio::process::Command::new(plane.tools().kubectl())
        .args(["get", "awsorg", "acme", "-o", "name"])
        .env("KUBECONFIG", plane.admin_kubeconfig())
        .output()
        .await?;
    ensure!(left.status.success(), "nothing was made there: {}", String::from_utf8_lossy(&left.stderr));
    Ok(())
}
