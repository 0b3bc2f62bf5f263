//! A running control plane.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::Write,
    path::{self, Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::{Api, Client};
use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    Builder, kubeconfig,
    nodes::Nodes,
    process::{Server, Watchdog},
    servers::Layout,
    tools::Tools,
};

/// How long a server may take until it is ready, on a machine that is busy with something else.
const READY_TIMEOUT: Duration = Duration::from_mins(2);
/// How often it is asked.
const POLL: Duration = Duration::from_millis(50);

/// etcd and kube-apiserver, and kube-controller-manager when asked for. Everything ends when it is
/// dropped, and when the process that owns it ends in any way.
pub struct ControlPlane {
    // Dropped in this order: the servers first, their ports and their folder last.
    servers: Mutex<Servers>,
    watchdog: Watchdog,
    admin: Client,
    probe: Client,
    home: Home,
    layout: Layout,
}

/// The processes, in the order in which they are stopped.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) nodes: Option<Nodes>,
    pub(crate) controller_manager: Option<Server>,
    pub(crate) apiserver: Server,
    pub(crate) etcd: Server,
}

impl ControlPlane {
    /// Starts etcd and kube-apiserver and returns when the API is ready. See [`Builder::start`].
    pub async fn start() -> Result<Self> {
        Self::builder().start().await
    }

    /// Options; each is off unless set.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(
        servers: Servers,
        watchdog: Watchdog,
        layout: Layout,
        home: Home,
        admin: Client,
        probe: Client,
    ) -> Self {
        Self { servers: Mutex::new(servers), watchdog, admin, probe, home, layout }
    }

    /// A client with all rights (group `system:masters`).
    #[must_use]
    pub fn admin_client(&self) -> Client {
        self.admin.clone()
    }

    /// The kubeconfig file of [`Self::admin_client`], for kubectl and for other processes.
    #[must_use]
    pub fn admin_kubeconfig(&self) -> PathBuf {
        self.layout.admin_kubeconfig()
    }

    /// The URL of the API server; it stays the same over [`Self::restart_apiserver`].
    #[must_use]
    pub fn url(&self) -> String {
        self.layout.url()
    }

    /// The URL of etcd, without TLS; for what only etcd knows, such as its size.
    #[must_use]
    pub fn etcd_url(&self) -> String {
        self.layout.etcd_url()
    }

    /// The folder of the servers' logs, `<server>.log` each.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.layout.logs()
    }

    /// The programs that are running here.
    #[must_use]
    pub fn tools(&self) -> &Tools {
        &self.layout.tools
    }

    /// The folder with the state of this control plane.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.home.dir()
    }

    /// Makes the clients anew: one belongs to the runtime in which it was made. Fails when its kubeconfig cannot be read.
    pub async fn reconnect(&mut self) -> Result<()> {
        self.admin = kubeconfig::client(&self.layout.admin_kubeconfig()).await?;
        self.probe = kubeconfig::client_without_retries(&self.layout.admin_kubeconfig()).await?;
        Ok(())
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Runs kubectl as the administrator, with its own discovery cache, and returns its output whatever
    /// its exit code. Fails when it cannot be run.
    pub async fn kubectl<I, S>(&self, args: I) -> Result<Output>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        tokio::process::Command::new(self.tools().kubectl())
            .args(args)
            .env("KUBECONFIG", self.admin_kubeconfig())
            .env("KUBECACHEDIR", self.dir().join("kubectl-cache"))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .context("run kubectl")
    }

    /// What the API server answers to a GET of a path, as the administrator: what kubectl would show, without starting it. Fails
    /// when it refuses.
    pub async fn read(&self, path: &str) -> Result<serde_json::Value> {
        let request = http::Request::get(path).body(Vec::new()).context("a path")?;
        self.admin.request(request).await.with_context(|| format!("GET {path}"))
    }

    /// Kills kube-apiserver with SIGKILL. Clients see cut connections, then refused ones. What was
    /// stored stays in etcd. Fails when the signal cannot be sent.
    pub fn kill_apiserver(&self) -> Result<()> {
        self.servers().apiserver.kill()
    }

    /// Starts kube-apiserver again, with the same port, certificates and data, after killing it if it
    /// still runs, and returns when it is ready. Fails when it ends or is not ready within two minutes.
    pub async fn restart_apiserver(&self) -> Result<()> {
        {
            let mut servers = self.servers();
            servers.apiserver.kill()?;
            let command = self.layout.kube_apiserver()?;
            servers.apiserver = Server::spawn("kube-apiserver", command, &self.logs(), &self.watchdog)?;
        }
        self.wait_until_ready().await
    }

    /// Stops kube-apiserver with SIGSTOP: connections stay open and nothing is answered. Fails when it
    /// has ended.
    pub fn pause_apiserver(&self) -> Result<()> {
        self.servers().apiserver.signal(Signal::SIGSTOP)
    }

    /// Lets a paused kube-apiserver go on, and returns when it is ready. Fails when it has ended, or is
    /// not ready within two minutes.
    pub async fn resume_apiserver(&self) -> Result<()> {
        self.servers().apiserver.signal(Signal::SIGCONT)?;
        self.wait_until_ready().await
    }

    /// Stops etcd and kube-apiserver with SIGSTOP: nobody can use them, and they take no time of a core. Fails when one has ended.
    pub fn pause(&self) -> Result<()> {
        let mut servers = self.servers();
        servers.apiserver.signal(Signal::SIGSTOP)?;
        servers.etcd.signal(Signal::SIGSTOP)
    }

    /// Lets what [`Self::pause`] stopped go on, and returns when the API is ready. Fails when one has ended, or is not ready
    /// within two minutes.
    pub async fn resume(&self) -> Result<()> {
        self.servers().etcd.signal(Signal::SIGCONT)?;
        self.resume_apiserver().await
    }

    /// Fails, with the end of its log, if a server has ended without being asked to.
    pub fn check_running(&self) -> Result<()> {
        let mut servers = self.servers();
        servers.etcd.check_running()?;
        servers.apiserver.check_running()?;
        servers.controller_manager.as_mut().map_or(Ok(()), Server::check_running)?;
        servers.nodes.as_mut().map_or(Ok(()), Nodes::check_running)
    }

    pub(crate) async fn start_controller_manager(&self) -> Result<()> {
        let command = self.layout.controller_manager()?;
        let server = Server::spawn("kube-controller-manager", command, &self.logs(), &self.watchdog)?;
        self.servers().controller_manager = Some(server);
        let accounts: Api<ServiceAccount> = Api::namespaced(self.probe.clone(), "default");
        // One of its controllers makes this account, so its existence says that controllers work.
        self.wait_for("kube-controller-manager", async || accounts.get("default").await.is_ok()).await
    }

    /// Waits for `/readyz`, and for the namespace that kube-apiserver makes a moment later.
    pub(crate) async fn wait_until_ready(&self) -> Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.probe.clone());
        self.wait_for("kube-apiserver", async || self.readyz().await && namespaces.get("default").await.is_ok()).await
    }

    async fn readyz(&self) -> bool {
        let Ok(request) = http::Request::get("/readyz").body(Vec::new()) else { return false };
        self.probe.request_text(request).await.is_ok()
    }

    /// Starts a server; it ends with this control plane.
    pub(crate) fn spawn(&self, name: &'static str, command: Command) -> Result<Server> {
        Server::spawn(name, command, &self.logs(), &self.watchdog)
    }

    /// Polls until `ready`; gives up when a server has ended or after [`READY_TIMEOUT`].
    pub(crate) async fn wait_for(&self, name: &str, ready: impl AsyncFn() -> bool) -> Result<()> {
        let deadline = Instant::now() + READY_TIMEOUT;
        loop {
            if timeout(Duration::from_secs(5), ready()).await.unwrap_or(false) {
                return Ok(());
            }
            self.check_running()?;
            ensure!(
                Instant::now() < deadline,
                "{name} is not ready after {} s; the end of kube-apiserver's log:\n{}",
                READY_TIMEOUT.as_secs(),
                self.servers().apiserver.tail()
            );
            sleep(POLL).await;
        }
    }

    pub(crate) fn servers(&self) -> MutexGuard<'_, Servers> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The folder of the state.
#[derive(Debug)]
pub(crate) struct Home {
    dir: PathBuf,
    /// Held while the folder is one that a person named.
    lock: Option<File>,
}

impl Home {
    /// A folder that stays; one control plane at a time may use it.
    pub(crate) fn kept(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
        let dir = path::absolute(dir).with_context(|| format!("path of {}", dir.display()))?;
        let lock = File::create(dir.join("lock")).with_context(|| format!("write into {}", dir.display()))?;
        ensure!(lock.try_lock().is_ok(), "{} is in use by another control plane", dir.display());
        Ok(Self { dir, lock: Some(lock) })
    }

    /// A folder that is removed on drop.
    pub(crate) fn temporary(dir: &Path) -> Result<Self> {
        fs::create_dir(dir).with_context(|| format!("create {}", dir.display()))?;
        Ok(Self { dir: dir.to_owned(), lock: None })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.lock.is_some() {
            return;
        }
        if std::thread::panicking() {
            let logs = self.dir.join("logs");
            let _ = writeln!(std::io::stderr(), "controlplane: logs are in {} until the next start", logs.display());
        } else {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}
