//! What can be known wrong at apply time is rejected by the real API server, with a message that names the field.

use anyhow::{Context, Result, ensure};
use e2e::binaries;
use e2e::pool::Plane;

#[tokio::test]
async fn every_invalid_manifest_is_rejected_with_its_message_and_every_sample_accepted() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let plane = Plane::take(&dir.path().join("audit.log")).await?;
    let folder = binaries::repository().join("crds/tests/invalid");
    let mut checked = 0;
    let mut wrong = Vec::new();
    let mut files: Vec<_> =
        std::fs::read_dir(&folder)?.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    files.sort();
    for path in files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "yaml")) {
        let text = std::fs::read_to_string(path)?;
        let expected = text.lines().next().and_then(|line| line.strip_prefix("# expect: "));
        let expected = expected.with_context(|| format!("{}: the first line says nothing", path.display()))?;
        checked += 1;
        match plane.apply_yaml(&text).await {
            Ok(_) => wrong.push(format!("{} was accepted", path.display())),
            Err(error) => {
                let message = format!("{error:#}");
                if !message.contains(expected) {
                    wrong.push(format!("{}: expected {expected:?} in {message:?}", path.display()));
                }
            }
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    ensure!(checked >= 25, "only {checked} invalid manifests");
    for name in ["organization", "profile", "guardrails", "baselines"] {
        plane.apply_yaml(&binaries::read(&format!("docs/samples/{name}.yaml"))?).await.context(name)?;
    }
    Ok(())
}

#[tokio::test]
async fn kubectl_explains_the_targets_and_finds_the_kinds_by_short_name_and_category() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let plane = Plane::take(&dir.path().join("audit.log")).await?;
    let explain = |field: &'static str| {
        let plane = &plane;
        async move {
            let output = plane.kubectl(["explain", field]).await?;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Ok(String::from_utf8(output.stdout)?)
        }
    };
    let targets = explain("cprof.spec.targets").await?;
    for field in ["include", "exclude", "minAccounts"] {
        ensure!(targets.contains(field), "kubectl explain cprof.spec.targets does not show {field}:\n{targets}");
    }
    for field in ["awsorg.spec.securityHub", "grset.spec.baselines", "apos.controls"] {
        let text = explain(field).await?;
        ensure!(text.contains("DESCRIPTION"), "{field} is not explained:\n{text}");
        ensure!(!text.contains("Auto-generated"), "{field} has no description of its own:\n{text}");
    }
    let output = plane.kubectl(["api-resources", "--categories=soc2", "-o", "name"]).await?;
    let names = String::from_utf8(output.stdout)?;
    let kinds = std::fs::read_dir(binaries::repository().join("crds/generated"))?.count();
    ensure!(names.lines().count() == kinds, "kinds of category soc2: {names}");
    Ok(())
}
