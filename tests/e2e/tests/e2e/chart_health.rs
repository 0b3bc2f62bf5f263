//! Our conditions as kstatus reads them: helm waits for objects of ours as Flux does, and says which one has failed and why.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use controlplane::ControlPlane;
use e2e::chart::{Helm, RELEASE};
use e2e::eventually;
use e2e::pool::Plane;
use serde_json::{Value, json};

use super::chart_install::{json as get, kubectl};

const SET: &str = "\
apiVersion: soc2-operator.dev/v1alpha1
kind: GuardrailSet
metadata: {name: {{ .Release.Name }}}
spec:
  organizationRef: {name: acme}
  targets: {include: [{organizationalUnit: {path: Workloads}}]}
  baselines: [{name: deny-leave-org}]
";

/// A chart of a guardrail set with the name of its release.
fn chart(dir: &Path) -> Result<String> {
    std::fs::create_dir_all(dir.join("templates"))?;
    std::fs::write(dir.join("Chart.yaml"), "{apiVersion: v2, name: compliance, version: 0.1.0}\n")?;
    std::fs::write(dir.join("templates/set.yaml"), SET)?;
    Ok(dir.to_str().context("path")?.to_owned())
}

/// Writes a status as the operator would, once the object is there.
async fn say(plane: &ControlPlane, name: &str, generation: u64, conditions: &[(&str, &str, &str)]) -> Result<()> {
    let condition = |(type_, status, message): &(&str, &str, &str)| {
        json!({
            "type": type_, "status": status, "reason": "Test", "message": message, "observedGeneration": generation,
            "lastTransitionTime": "2026-11-01T00:00:00Z",
        })
    };
    let conditions: Vec<Value> = conditions.iter().map(condition).collect();
    let status = json!({"status": {"observedGeneration": generation, "conditions": conditions}}).to_string();
    let patch = ["patch", "grset", name, "--subresource=status", "--type=merge", "-p", &status];
    eventually(name, || kubectl(plane, &patch)).await.map(drop)
}

#[tokio::test]
async fn helm_waits_for_ready_of_this_generation_and_stops_at_stalled() -> Result<()> {
    let plane = Plane::of_its_own(ControlPlane::builder()).await?;
    let helm = Arc::new(Helm::on(&plane).await?);
    let dir = tempfile::tempdir()?;
    let chart = chart(dir.path())?;
    let crds = "charts/soc2-operator-crds";
    helm.run(&["install", "soc2-operator-crds", crds, "--namespace", RELEASE, "--create-namespace", "--wait"]).await?;
    let install = |name: &str| {
        let (helm, name, chart) = (Arc::clone(&helm), name.to_owned(), chart.clone());
        tokio::spawn(async move {
            helm.run(&["install", &name, &chart, "--namespace", RELEASE, "--wait", "--timeout", "90s"]).await
        })
    };

    let waiting = install("waiting");
    say(&plane, "waiting", 1, &[("Ready", "False", "not yet")]).await?;
    // A whole other installation ends meanwhile: failed, with the words of the condition.
    let failing = install("failing");
    let says = "spec.baselines[0].name: there is no such guardrail";
    say(&plane, "failing", 1, &[("Ready", "False", says), ("Stalled", "True", says)]).await?;
    let error = failing.await?.err().context("helm took a stalled object for a good one")?;
    let error = format!("{error:#}");
    ensure!(error.contains("failing") && error.contains("status: Failed") && error.contains(says), "{error}");

    // What was said of an older generation is no answer.
    kubectl(&plane, &["patch", "grset", "waiting", "--type=merge", "-p", r#"{"spec": {"mode": "Plan"}}"#]).await?;
    say(&plane, "waiting", 1, &[("Ready", "True", "said before the change")]).await?;
    let generation = get(&plane, &["grset", "waiting"]).await?["metadata"]["generation"].clone();
    ensure!(generation == 2, "{generation}");
    let reached = install("reached");
    say(&plane, "reached", 1, &[("Ready", "True", "in sync")]).await?;
    reached.await??;
    ensure!(!waiting.is_finished(), "helm did not wait");
    say(&plane, "waiting", 2, &[("Ready", "True", "in sync")]).await?;
    waiting.await??;
    Ok(())
}
