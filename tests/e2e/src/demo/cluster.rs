//! The cluster of the demo: one of its own, or the one that `KUBECONFIG` names.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use controlplane::ControlPlane;
use controlplane::tools::Tools;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::binaries;

/// A cluster, driven by kubectl.
pub struct Cluster {
    own: Option<ControlPlane>,
    kubeconfig: PathBuf,
    kubectl: PathBuf,
}

impl Cluster {
    /// Starts one, or takes the given one.
    pub async fn start() -> Result<Self> {
        if let Some(given) = std::env::var_os("KUBECONFIG").filter(|value| !value.is_empty()) {
            return Ok(Self { own: None, kubeconfig: PathBuf::from(given), kubectl: PathBuf::from("kubectl") });
        }
        let tools = tokio::task::spawn_blocking(Tools::ensure).await??;
        let plane = ControlPlane::builder().controller_manager(true).start().await?;
        Ok(Self { kubeconfig: plane.admin_kubeconfig(), kubectl: tools.kubectl(), own: Some(plane) })
    }

    /// For people.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// For people.
    pub fn kubectl_path(&self) -> &Path {
        &self.kubectl
    }

    /// The kubeconfig of the operator: its ServiceAccount in our own cluster, the given one's in another.
    pub async fn operator_kubeconfig(&self) -> Result<PathBuf> {
        match &self.own {
            Some(plane) => Ok(plane.service_account("soc2-operator", "soc2-operator").await?.kubeconfig),
            None => Ok(self.kubeconfig.clone()),
        }
    }

    /// Applies CRDs and RBAC.
    pub async fn install(&self) -> Result<()> {
        self.apply_folder("crds/generated").await?;
        self.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]).await?;
        self.apply("{apiVersion: v1, kind: Namespace, metadata: {name: soc2-operator}}").await?;
        self.apply(&binaries::read("charts/soc2-operator/files/rbac.yaml")?).await
    }

    /// Applies a folder of the repository.
    pub async fn apply_folder(&self, folder: &str) -> Result<()> {
        let path = binaries::repository().join(folder);
        let path = path.to_str().context("path")?;
        self.kubectl(&["apply", "--server-side", "--force-conflicts", "-f", path]).await?;
        Ok(())
    }

    async fn apply(&self, yaml: &str) -> Result<()> {
        let mut child = self
            .command()
            .args(["apply", "--server-side", "--force-conflicts", "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        let mut stdin = child.stdin.take().context("stdin")?;
        stdin.write_all(yaml.as_bytes()).await?;
        drop(stdin);
        ensure!(child.wait().await?.success(), "kubectl apply failed");
        Ok(())
    }

    /// What kubectl prints.
    pub async fn kubectl(&self, args: &[&str]) -> Result<String> {
        let output = self.command().args(args).output().await.context("kubectl")?;
        ensure!(output.status.success(), "kubectl {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }

    /// An object, or a list, as JSON.
    pub async fn json(&self, args: &[&str]) -> Result<Value> {
        let args: Vec<&str> = ["get"].iter().chain(args).copied().chain(["-o", "json"]).collect();
        Ok(serde_json::from_str(&self.kubectl(&args).await?)?)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.kubectl);
        command.env("KUBECONFIG", &self.kubeconfig);
        command
    }
}
