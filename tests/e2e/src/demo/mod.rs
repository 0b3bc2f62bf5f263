//! The demo: start everything, apply the samples, look at what a person would look at, break something, see it mended.

mod cluster;
mod scenes;

use anyhow::Result;

use crate::operator::{Operator, OperatorOptions};
use crate::sandbox::Sandbox;
use cluster::Cluster;

/// Runs the demo. `DEMO_EXIT=1` ends it after the last scene; `KUBECONFIG` makes it use that cluster.
///
/// # Errors
/// When a part does not do what the demo shows.
pub async fn run() -> Result<()> {
    step("Kubernetes: etcd and kube-apiserver");
    let cluster = Cluster::start().await?;
    done(&format!("kubeconfig {}", cluster.kubeconfig().display()));

    step("AWS: a strict stand-in with the world of tests/sandbox/worlds/demo.yaml");
    let sandbox = Sandbox::start(&Sandbox::demo_world()).await?;
    done(&format!("endpoint {}, control port {}", sandbox.aws, sandbox.control));

    step("CRDs and RBAC of this repository");
    cluster.install().await?;
    done("crds/generated, charts/soc2-operator/files/rbac.yaml");

    step("The operator");
    let dir = tempfile::tempdir()?;
    let operator = Operator::start(OperatorOptions {
        kubeconfig: cluster.operator_kubeconfig().await?,
        aws: sandbox.aws.clone(),
        access_key: "AKIASANDBOXOPERATOR0".to_owned(),
        state: dir.path().join("state"),
        logs: dir.path().join("logs"),
        identity: "demo".to_owned(),
        flags: Vec::new(),
        env: Vec::new(),
    })
    .await?;
    operator.ready().await?;
    done(&format!("{}/metrics, log {}", operator.url(), operator.options.logs.join("soc2-operator.log").display()));

    step("docs/samples: an AwsOrganization, two ComplianceProfiles, a GuardrailSet");
    cluster.apply_folder("docs/samples").await?;
    scenes::wait_for_conditions(&cluster).await?;

    scenes::tables(&cluster).await?;
    scenes::one_account(&cluster).await?;
    scenes::metrics(&operator).await?;
    scenes::guardrail(&cluster, &sandbox).await?;

    if std::env::var_os("DEMO_EXIT").is_some_and(|value| value != "0") {
        println!("\nDone.");
        let options = operator.terminate().await?;
        drop(options);
        return Ok(());
    }
    scenes::what_next(&cluster, &sandbox, &operator);
    tokio::signal::ctrl_c().await?;
    println!("\nStopping.");
    operator.terminate().await?;
    Ok(())
}

fn step(what: &str) {
    println!("\n\u{25b8} {what}");
}

fn done(what: &str) {
    println!("  \u{2713} {what}");
}
