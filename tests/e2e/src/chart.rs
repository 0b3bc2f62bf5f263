//! Our charts, and the helm that renders and installs them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use anyhow::{Context, Result, ensure};
use controlplane::{ControlPlane, tools};
use serde::Deserialize;
use serde_json::Value;

use crate::binaries;

/// Name of the release, and of its namespace, that the documentation and most tests use.
pub const RELEASE: &str = "soc2-operator";

/// helm, with folders of its own and, unless it is offline, a cluster.
#[derive(Debug)]
pub struct Helm {
    program: PathBuf,
    home: tempfile::TempDir,
    kubeconfig: Option<PathBuf>,
}

impl Helm {
    /// For rendering. Builds the program first when there is none.
    ///
    /// # Errors
    /// When it cannot be built.
    pub async fn offline() -> Result<Self> {
        let program = tokio::task::spawn_blocking(tools::helm).await??;
        Ok(Self { program, home: tempfile::tempdir()?, kubeconfig: None })
    }

    /// For installing, as the administrator.
    ///
    /// # Errors
    /// When it cannot be built.
    pub async fn on(plane: &ControlPlane) -> Result<Self> {
        Ok(Self { kubeconfig: Some(plane.admin_kubeconfig()), ..Self::offline().await? })
    }

    /// Runs it, and gives what it did, whatever its exit code.
    ///
    /// # Errors
    /// When it cannot be run.
    pub async fn output<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Output> {
        let mut command = tokio::process::Command::new(&self.program);
        self.prepare(command.args(args)).output().await.context("run helm")
    }

    /// Runs commands as a person types them in the repository's folder; helm is in the path, and so is what is in `more`.
    ///
    /// # Errors
    /// When one fails; the error is what it says.
    pub async fn shell(&self, script: &str, more: &Path) -> Result<()> {
        let helm = self.program.parent().context("folder of helm")?;
        let path = format!("{}:{}:{}", helm.display(), more.display(), std::env::var("PATH").unwrap_or_default());
        let mut command = tokio::process::Command::new("sh");
        let output = self.prepare(command.args(["-ec", script]).env("PATH", path)).output().await?;
        ensure!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    fn prepare<'a>(&self, command: &'a mut tokio::process::Command) -> &'a mut tokio::process::Command {
        command.current_dir(binaries::repository()).stdin(Stdio::null()).kill_on_drop(true);
        for (variable, folder) in
            [("HELM_CACHE_HOME", "cache"), ("HELM_CONFIG_HOME", "config"), ("HELM_DATA_HOME", "data")]
        {
            command.env(variable, self.home.path().join(folder));
        }
        // Without a cluster it must not find one by itself.
        let nowhere = self.home.path().join("no-kubeconfig");
        command.env("KUBECONFIG", self.kubeconfig.as_ref().unwrap_or(&nowhere))
    }

    /// What it prints.
    ///
    /// # Errors
    /// When it fails; the error is what it says.
    pub async fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<String> {
        let output = self.output(args).await?;
        let words: Vec<_> = args.iter().map(|arg| arg.as_ref().display().to_string()).collect();
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "helm {}: {said}", words.join(" "));
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The objects of a chart, rendered with further arguments.
    ///
    /// # Errors
    /// When helm refuses to.
    pub async fn template(&self, chart: &str, args: &[&str]) -> Result<Vec<Value>> {
        let command = ["template", RELEASE, chart, "--namespace", RELEASE];
        documents(&self.run(&[&command, args].concat()).await?)
    }
}

/// The documents of a YAML text, without empty ones.
///
/// # Errors
/// When one is no YAML.
pub fn documents(yaml: &str) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    for document in serde_yaml::Deserializer::from_str(yaml) {
        let value = Value::deserialize(document)?;
        if !value.is_null() {
            found.push(value);
        }
    }
    Ok(found)
}

/// The object of this kind, and of this name unless it is empty.
///
/// # Errors
/// When there is none.
pub fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> Result<&'a Value> {
    let is_it = |object: &&Value| object["kind"] == kind && (name.is_empty() || object["metadata"]["name"] == name);
    objects.iter().find(is_it).with_context(|| format!("no {kind} {name}"))
}
