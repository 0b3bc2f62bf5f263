//! The walks of docs/, command by command as they stand there; only the waiver is shorter.

use anyhow::{Context, Result, ensure};
use e2e::binaries;
use e2e::stand::Stand;

/// The shell commands of a page, one after the other as in one terminal.
fn script(page: &str) -> (String, usize) {
    let (mut script, mut blocks, mut inside) = (String::new(), 0, false);
    for line in page.lines() {
        match line {
            "```sh" if !inside => {
                inside = true;
                blocks += 1;
                script.push_str("echo '### a block'\n");
            }
            "```" if inside => inside = false,
            line if inside => {
                script.push_str(line);
                script.push('\n');
            }
            _ => {}
        }
    }
    (script, blocks)
}

/// Walks through a page on a stand with the demo's samples.
async fn walk(stand: &Stand, path: &str, least: usize, shorter: (&str, &str)) -> Result<()> {
    stand.apply_samples().await?;
    let operator = stand.operator().await?;
    stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;

    let (script, blocks) = script(&binaries::read(path)?);
    ensure!(blocks >= least, "{blocks} blocks of commands");
    let mut folders = Vec::new();
    for program in [stand.plane.tools().kubectl(), binaries::find("soc2ctl", "SOC2CTL")?] {
        folders.push(program.parent().context("a program")?.display().to_string());
    }
    let output = tokio::process::Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script.replace(shorter.0, shorter.1)])
        .env("PATH", format!("{}:{}", folders.join(":"), std::env::var("PATH")?))
        .env("KUBECONFIG", stand.plane.admin_kubeconfig())
        .env("CONTROL", &stand.sandbox.control)
        .env("METRICS", operator.url())
        .env("AWS_ENDPOINT_URL", &stand.sandbox.aws)
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "AKIASANDBOXCLOUDSEC0")
        .env("AWS_SECRET_ACCESS_KEY", "any")
        .output()
        .await?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{out}\n{err}\n{}", operator.log());
    Ok(())
}

#[tokio::test]
async fn the_walk_does_what_it_says() -> Result<()> {
    let page = binaries::read("docs/walk.md")?;
    ensure!(page.contains("'+2 minutes'"), "the waiver of the walk has another length now");
    walk(&Stand::start().await?, "docs/walk.md", 6, ("+2 minutes", "+20 seconds")).await
}

#[tokio::test]
async fn the_walk_with_guardrails_does_what_it_says() -> Result<()> {
    walk(&Stand::start().await?, "docs/guardrail-walk.md", 10, ("soak: 10s", "soak: 3s")).await
}
