//! `controlplane`: a Kubernetes API server on this machine, for trying things out.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use controlplane::{
    ControlPlane,
    tools::{self, PrometheusTools, Tools},
};
use tokio::signal::unix::{SignalKind, signal};

const MORE: &str = "\
The programs (etcd, kube-apiserver, kubectl, kube-controller-manager, kube-scheduler) are built from source the
first time, which takes about seven minutes and needs Go 1.26, and are kept in $SOC2_CACHE, $XDG_CACHE_HOME or
~/.cache, under soc2-operator/. With KUBEBUILDER_ASSETS set to a folder that has them, nothing is built.

Example:
  controlplane up --dir .up --crds crds/generated
  export KUBECONFIG=.up/kubeconfig    # in a second terminal
  kubectl api-resources";

/// A real Kubernetes API server on 127.0.0.1, without containers, nodes or root.
#[derive(Parser)]
#[command(version, after_help = MORE)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run in the foreground until Ctrl-C.
    Up(Up),
    /// Build these programs, those of Prometheus, helm and kwok if they are not there, and print where they are.
    Tools,
}

#[derive(clap::Args)]
struct Up {
    /// Keep the state in this folder, and go on from what is there; without it, nothing is kept.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Write the administrator's kubeconfig to this file too. A file that `controlplane` did not write
    /// is not replaced.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Apply every .yaml file of this folder after the start.
    #[arg(long, value_name = "DIR")]
    crds: Option<PathBuf>,
    /// Do not run kube-controller-manager; saves 100 MB, and nothing is garbage collected.
    #[arg(long)]
    no_controller_manager: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Up(arguments) => up(&arguments).await,
        Command::Tools => {
            println!("{}", find_tools().await?.bin().display());
            let prometheus = tokio::task::spawn_blocking(PrometheusTools::ensure).await??;
            println!("{}", prometheus.bin().display());
            for find in [tools::helm, tools::kwok] {
                println!("{}", tokio::task::spawn_blocking(find).await??.display());
            }
            Ok(())
        }
    }
}

async fn find_tools() -> Result<Tools> {
    tokio::task::spawn_blocking(Tools::ensure).await?
}

async fn up(arguments: &Up) -> Result<()> {
    // Before signals are caught, so that Ctrl-C ends a build at once.
    find_tools().await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stopped = async {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => (),
            _ = terminate.recv() => (),
        }
    };
    // A signal during the start drops the future, and with it the servers that it has started.
    tokio::select! {
        () = stopped => Ok(()),
        result = run(arguments) => result,
    }
}

async fn run(arguments: &Up) -> Result<()> {
    if let Some(file) = &arguments.kubeconfig {
        check_replaceable(file)?;
    }
    let mut builder = ControlPlane::builder().controller_manager(!arguments.no_controller_manager);
    if let Some(dir) = &arguments.dir {
        builder = builder.dir(dir);
    }
    let plane = builder.start().await?;
    if let Some(folder) = &arguments.crds {
        apply_folder(&plane, folder).await?;
    }
    let mut kubeconfig = plane.admin_kubeconfig();
    if let Some(file) = &arguments.kubeconfig {
        fs::copy(&kubeconfig, file).with_context(|| format!("write {}", file.display()))?;
        kubeconfig = std::path::absolute(file)?;
    }
    println!("Kubernetes is ready at {}", plane.url());
    println!("  export KUBECONFIG={}", kubeconfig.display());
    println!("  export PATH={}:$PATH    # kubectl of the same version", plane.tools().bin().display());
    println!("Logs are in {}. Ctrl-C stops it.", plane.logs().display());
    loop {
        plane.check_running()?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// A person's own kubeconfig must not be lost to a mistyped path.
fn check_replaceable(file: &Path) -> Result<()> {
    match fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("read {}", file.display())),
        Ok(text) => {
            ensure!(
                text.contains("current-context: controlplane"),
                "{} exists and was not written by controlplane; name another file",
                file.display()
            );
            Ok(())
        }
    }
}

async fn apply_folder(plane: &ControlPlane, folder: &Path) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("read the folder {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    for file in &files {
        let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
        plane.apply_yaml(&text).await.with_context(|| format!("apply {}", file.display()))?;
    }
    println!("Applied {} files of {}", files.len(), folder.display());
    Ok(())
}
