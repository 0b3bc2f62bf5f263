//! The demo ends well. (Here with the debug builds that the other tests use; `make demo` builds for release.)

use anyhow::{Result, ensure};
use e2e::binaries;

#[tokio::test]
async fn the_demo_runs_to_its_end() -> Result<()> {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_demo"))
        .env("DEMO_EXIT", "1")
        .env_remove("KUBECONFIG")
        .env("SOC2_OPERATOR", binaries::find("soc2-operator", "SOC2_OPERATOR")?)
        .env("AWS_SANDBOX", binaries::find("aws-sandbox", "AWS_SANDBOX")?)
        .output()
        .await?;
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
