//! What a control plane is made of, and how it is started.

use std::path::{self, Path, PathBuf};

use anyhow::{Context, Result};

use crate::{
    ControlPlane, Store, kubeconfig,
    kubeconfig::{Access, Credential},
    pki::{self, Pki},
    plane::{Home, Servers},
    process::{Server, Watchdog},
    servers::Layout,
    slot::Slot,
    tools::{Settings, Tools},
};

/// Options of a control plane; made by [`ControlPlane::builder`].
#[derive(Debug, Clone, Default)]
pub struct Builder {
    controller_manager: bool,
    audit_log: Option<PathBuf>,
    dir: Option<PathBuf>,
    nodes: usize,
    store: Option<Store>,
}

impl Builder {
    /// Whether kube-controller-manager runs too: garbage collection by owner references, the `default`
    /// `ServiceAccount` of each namespace, deletion of a namespace's content. Off unless asked for.
    #[must_use]
    pub fn controller_manager(mut self, run: bool) -> Self {
        self.controller_manager = run;
        self
    }

    /// This many nodes that are not there: kube-scheduler puts pods on them, and kwok says that they are ready. Runs
    /// kube-controller-manager too. None unless asked for.
    #[must_use]
    pub fn nodes(mut self, count: usize) -> Self {
        self.nodes = count;
        self.controller_manager |= count > 0;
        self
    }

    /// Writes a line of metadata for each answered request to this file; [`crate::audit::read`] reads it.
    #[must_use]
    pub fn audit_log(mut self, path: impl Into<PathBuf>) -> Self {
        self.audit_log = Some(path.into());
        self
    }

    /// Keeps all state in this folder, and goes on from what is there. Without it, the state is in a
    /// temporary folder that is removed on drop.
    #[must_use]
    pub fn dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.dir = Some(path.into());
        self
    }

    /// Begins with what another one stored, instead of with nothing: its objects, with their names, UIDs and revisions. Not
    /// its keys and certificates, so that its tokens are void. A start fails when [`Self::dir`] has a state already.
    #[must_use]
    pub fn store(mut self, store: Store) -> Self {
        self.store = Some(store);
        self
    }

    /// Starts the servers and returns when the API is ready to be used, about four seconds later; the
    /// first time on a machine, after the programs have been built.
    ///
    /// Fails when the programs cannot be had (see [`Tools::ensure`]), when the folder is in use by
    /// another control plane, or when a server ends or is not ready within two minutes; then the error
    /// has the end of its log.
    pub async fn start(self) -> Result<ControlPlane> {
        let settings = Settings::from_env();
        let cache = settings.cache.clone();
        let tools =
            tokio::task::spawn_blocking(move || Tools::ensure_with(&settings)).await.context("find tools")??;
        let slot = Slot::take(&cache)?;
        let home = match &self.dir {
            Some(dir) => Home::kept(dir)?,
            None => Home::temporary(slot.dir())?,
        };
        let pki = Pki::ensure(&home.dir().join("pki"))?;
        let audit_log = self.audit_log.map(path::absolute).transpose().context("path of the audit log")?;
        let layout =
            Layout { dir: home.dir().to_owned(), tools, pki, slot, audit_log, watched: self.controller_manager };

        if let Some(store) = &self.store {
            store.write(&layout.etcd_data())?;
        }
        write_kubeconfig(&layout, pki::ADMIN, &layout.admin_kubeconfig())?;
        let admin = kubeconfig::client(&layout.admin_kubeconfig()).await?;
        let probe = kubeconfig::client_without_retries(&layout.admin_kubeconfig()).await?;

        let watchdog = Watchdog::spawn(home.dir())?;
        let servers = start_servers(&layout, &watchdog)?;
        let plane = ControlPlane::new(servers, watchdog, layout, home, admin, probe);
        plane.wait_until_ready().await?;
        if self.controller_manager {
            write_kubeconfig(plane.layout(), pki::CONTROLLER_MANAGER, &plane.layout().controller_manager_kubeconfig())?;
            plane.start_controller_manager().await?;
        }
        if self.nodes > 0 {
            plane.start_nodes(self.nodes).await?;
        }
        Ok(plane)
    }
}

/// Both at once: kube-apiserver waits for etcd by itself.
fn start_servers(layout: &Layout, watchdog: &Watchdog) -> Result<Servers> {
    let etcd = Server::spawn("etcd", layout.etcd(), &layout.logs(), watchdog)?;
    let apiserver = Server::spawn("kube-apiserver", layout.kube_apiserver()?, &layout.logs(), watchdog)?;
    Ok(Servers { nodes: None, controller_manager: None, apiserver, etcd })
}

fn write_kubeconfig(layout: &Layout, user: &str, path: &Path) -> Result<()> {
    let (certificate, key) = layout.pki.client(user)?;
    Access {
        server: &layout.url(),
        ca: &layout.pki.ca_pem()?,
        user,
        namespace: "default",
        credential: Credential::Certificate { certificate: &certificate, key: &key },
    }
    .write(path)
}
