//! The walk of docs/walk.md, command by command as it stands there; only the waiver is shorter.

use anyhow::{Context, Result, ensure};
use e2e::binaries;
use e2e::stand::Stand;

/// The shell commands of a page, block by block.
fn blocks(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    for line in page.lines() {
        match (line, &mut block) {
            ("```sh", None) => block = Some(String::new()),
            ("```", Some(_)) => blocks.extend(block.take()),
            (line, Some(text)) => {
                text.push_str(line);
                text.push('\n');
            }
            (_, None) => {}
        }
    }
    blocks
}

#[tokio::test]
async fn the_walk_does_what_it_says() -> Result<()> {
    let stand = Stand::start().await?;
    stand.apply_samples().await?;
    let operator = stand.operator().await?;
    stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;

    let page = binaries::read("docs/walk.md")?;
    let blocks = blocks(&page);
    ensure!(blocks.len() >= 6, "{} blocks of commands", blocks.len());
    ensure!(page.contains("'+2 minutes'"), "the waiver of the walk has another length now");
    let kubectl = stand.plane.tools().kubectl();
    let path = format!("{}:{}", kubectl.parent().context("kubectl")?.display(), std::env::var("PATH")?);
    for block in blocks {
        let output = tokio::process::Command::new("bash")
            .args(["-euo", "pipefail", "-c", &block.replace("+2 minutes", "+20 seconds")])
            .env("PATH", &path)
            .env("KUBECONFIG", stand.plane.admin_kubeconfig())
            .env("CONTROL", &stand.sandbox.control)
            .env("METRICS", operator.url())
            .output()
            .await?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "{block}\n{out}\n{err}\n{}", operator.log());
    }
    Ok(())
}
