//! Every release's kinds can be upgraded to today's with objects in place, and every object keeps what it says and its status.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use controlplane::ControlPlane;
use e2e::binaries;
use e2e::chart::{Helm, RELEASE};
use e2e::objects;
use e2e::pool::Plane;
use serde_json::{Value, json};

use super::chart_install;

/// A chart of kinds as a release had it.
fn released_chart(version: &str, dir: &std::path::Path) -> Result<String> {
    let chart = dir.join(version);
    let templates = chart.join("templates");
    std::fs::create_dir_all(&templates)?;
    std::fs::write(
        chart.join("Chart.yaml"),
        format!("{{apiVersion: v2, name: soc2-operator-crds, version: {version}}}\n"),
    )?;
    let folder = binaries::repository().join("crds/tests/released").join(version);
    for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let mut crd: Value = serde_yaml::from_str(&std::fs::read_to_string(&path)?)?;
        crd["metadata"]["annotations"] = json!({"helm.sh/resource-policy": "keep"});
        std::fs::write(templates.join(path.file_name().context("name")?), serde_yaml::to_string(&crd)?)?;
    }
    Ok(chart.to_str().context("path")?.to_owned())
}

/// Objects of every kind, with a status as the operator would leave it.
async fn make_objects(plane: &ControlPlane) -> Result<()> {
    for name in ["organization", "profile", "guardrails", "baselines", "owners/exception", "owners/attestations"] {
        let text = binaries::read(&format!("docs/samples/{name}.yaml"))?;
        plane.apply_yaml(&text).await.with_context(|| name.to_owned())?;
    }
    let approval = json!({
        "guardrailSetRef": {"name": "leave-org"}, "planHash": "4f1c".repeat(16),
        "approvedBy": "alice", "reason": "reviewed with the team",
    });
    plane.apply_yaml(&objects::object("GuardrailApproval", "leave-org-1", approval)).await?;
    let catalog = json!({
        "extends": "soc2",
        "activities": [{"id": "vendor-review", "title": "Vendors are reviewed", "criteria": ["CC9.2"], "cadence": "Annual"}],
    });
    plane.apply_yaml(&objects::object("ControlCatalog", "soc2-acme", catalog)).await?;
    plane.apply_yaml(POSTURE).await?;
    let condition = json!({
        "type": "Ready", "status": "True", "reason": "Read", "message": "as it was before the upgrade",
        "lastTransitionTime": "2026-11-01T00:00:00Z", "observedGeneration": 1,
    });
    let status = json!({"status": {"observedGeneration": 1, "conditions": [condition]}}).to_string();
    for object in everything(plane).await?.iter().filter(|object| object["kind"] != "AccountPosture") {
        let (kind, name) = (object["kind"].as_str().context("kind")?, object["metadata"]["name"].as_str());
        let mut args =
            vec!["patch", kind, name.context("name")?, "--subresource=status", "--type=merge", "-p", &status];
        if let Some(namespace) = object["metadata"]["namespace"].as_str() {
            args.extend(["-n", namespace]);
        }
        chart_install::kubectl(plane, &args).await?;
    }
    Ok(())
}

const KINDS: &str = "awsorganizations,complianceprofiles,complianceexceptions,controlattestations,controlcatalogs,guardrailsets,\
    guardrailapprovals,scpbaselines,accountpostures";

/// Has no status of its own: it is one.
const POSTURE: &str = r#"
apiVersion: soc2-operator.dev/v1alpha1
kind: AccountPosture
metadata: {name: production-333333333333}
account: {id: "333333333333", name: prod-payments, ouPath: Workloads/Prod, state: ACTIVE}
summary: {passed: 1, failed: 0, unknown: 0, excepted: 0, notApplicable: 0}
"#;

async fn everything(plane: &ControlPlane) -> Result<Vec<Value>> {
    let list = chart_install::json(plane, &[KINDS, "-A"]).await?;
    Ok(list["items"].as_array().cloned().unwrap_or_default())
}

#[tokio::test]
async fn objects_of_every_release_keep_what_they_say_and_their_status() -> Result<()> {
    let folder = binaries::repository().join("crds/tests/released");
    let mut versions = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            versions.push(entry.file_name().into_string().ok().context("name of a release")?);
        }
    }
    ensure!(!versions.is_empty(), "{} has no release", folder.display());
    for version in versions {
        upgrade_from(&version).await.with_context(|| format!("from {version}"))?;
    }
    Ok(())
}

async fn upgrade_from(version: &str) -> Result<()> {
    let plane = Plane::of_its_own(ControlPlane::builder()).await?;
    let helm = Helm::on(&plane).await?;
    let dir = tempfile::tempdir()?;
    let old = released_chart(version, dir.path())?;
    let upgrade =
        ["upgrade", "--install", "soc2-operator-crds", "--namespace", RELEASE, "--create-namespace", "--wait"];
    helm.run(&[&upgrade[..], &[&old]].concat()).await?;
    make_objects(&plane).await?;
    let before = everything(&plane).await?;
    let kinds: BTreeSet<&str> = before.iter().filter_map(|object| object["kind"].as_str()).collect();
    let files = std::fs::read_dir(binaries::repository().join("crds/tests/released").join(version))?.count();
    ensure!(kinds.len() == files, "objects of {kinds:?} only: make some of the others too");

    helm.run(&[&upgrade[..], &["charts/soc2-operator-crds"]].concat()).await?;
    let after = everything(&plane).await?;
    ensure!(before == after, "before: {before:#?}\nafter: {after:#?}");
    // And each can still be written as it is.
    for mut object in after {
        let metadata = object["metadata"].as_object_mut().context("metadata")?;
        for field in ["managedFields", "resourceVersion", "uid", "creationTimestamp", "generation"] {
            metadata.remove(field);
        }
        plane.apply_yaml(&object.to_string()).await.with_context(|| format!("{object:#}"))?;
    }
    Ok(())
}
