//! The command lines of the servers.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{pki::Pki, slot::Slot, tools::Tools};

/// One line of metadata for each request that was answered, however it ended.
const AUDIT_POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
  - level: Metadata
";

/// Where everything of one control plane is.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) dir: PathBuf,
    pub(crate) tools: Tools,
    pub(crate) pki: Pki,
    pub(crate) slot: Slot,
    pub(crate) audit_log: Option<PathBuf>,
    /// Whether controllers watch what Kubernetes has of its own.
    pub(crate) watched: bool,
}

impl Layout {
    pub(crate) fn logs(&self) -> PathBuf {
        self.dir.join("logs")
    }

    pub(crate) fn admin_kubeconfig(&self) -> PathBuf {
        self.dir.join("kubeconfig")
    }

    pub(crate) fn controller_manager_kubeconfig(&self) -> PathBuf {
        self.dir.join("controller-manager.kubeconfig")
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.slot.apiserver_port())
    }

    pub(crate) fn etcd_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.slot.etcd_client_port())
    }

    /// Where etcd keeps everything.
    pub(crate) fn etcd_data(&self) -> PathBuf {
        self.dir.join("etcd")
    }

    pub(crate) fn etcd(&self) -> Command {
        let peers = format!("http://127.0.0.1:{}", self.slot.etcd_peer_port());
        let mut command = Command::new(self.tools.etcd());
        command
            .env("GOGC", COLLECT)
            .env("GOMAXPROCS", CORES)
            // A test's data need not survive a loss of power, and disks of CI machines are slow.
            .arg("--unsafe-no-fsync")
            .args(["--log-level", "warn"])
            .arg(flag("data-dir", self.etcd_data()))
            .arg(format!("--listen-client-urls={}", self.etcd_url()))
            .arg(format!("--advertise-client-urls={}", self.etcd_url()))
            .arg(format!("--listen-peer-urls={peers}"))
            .arg(format!("--initial-advertise-peer-urls={peers}"))
            .arg(format!("--initial-cluster=default={peers}"));
        command
    }

    pub(crate) fn kube_apiserver(&self) -> Result<Command> {
        let mut command = Command::new(self.tools.kube_apiserver());
        command
            .env("GOGC", COLLECT)
            .env("GOMAXPROCS", CORES)
            .arg(format!("--etcd-servers={}", self.etcd_url()))
            .arg(format!("--secure-port={}", self.slot.apiserver_port()))
            .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
            // Nothing runs in this cluster that would look for the Service `kubernetes`.
            .arg("--endpoint-reconciler-type=none")
            .arg("--service-cluster-ip-range=10.0.0.0/24")
            .arg("--authorization-mode=RBAC")
            .arg("--allow-privileged=true")
            .arg("--service-account-issuer=https://kubernetes.default.svc.cluster.local")
            .arg(flag("cert-dir", &self.dir))
            .arg(flag("client-ca-file", self.pki.ca()))
            .arg(flag("tls-cert-file", self.pki.serving_certificate()))
            .arg(flag("tls-private-key-file", self.pki.serving_key()))
            .arg(flag("service-account-key-file", self.pki.tokens_public_key()))
            .arg(flag("service-account-signing-key-file", self.pki.tokens_key()));
        if !self.watched {
            let sizes: Vec<String> = UNWATCHED.split_whitespace().map(|kind| format!("{kind}#0")).collect();
            command.arg(format!("--watch-cache-sizes={}", sizes.join(",")));
        }
        if let Some(log) = &self.audit_log {
            let policy = self.dir.join("audit-policy.yaml");
            fs::write(&policy, AUDIT_POLICY).with_context(|| format!("write {}", policy.display()))?;
            command.arg(flag("audit-policy-file", policy)).arg(flag("audit-log-path", log));
        }
        Ok(command)
    }

    pub(crate) fn controller_manager(&self) -> Result<Command> {
        let mut command = Command::new(self.tools.kube_controller_manager()?);
        command
            .arg(flag("kubeconfig", self.controller_manager_kubeconfig()))
            .arg(flag("root-ca-file", self.pki.ca()))
            .arg(flag("service-account-private-key-file", self.pki.tokens_key()))
            // Each controller under its own RBAC role, as in a real cluster.
            .arg("--use-service-account-credentials=true")
            // There are no nodes.
            .arg("--controllers=*,-nodeipam,-nodelifecycle")
            .args(["--leader-elect=false", "--secure-port=0"]);
        Ok(command)
    }
}

/// The scheduler and the pretended kubelets are the administrator: what they may do is not what tests are about.
impl Layout {
    pub(crate) fn scheduler(&self) -> Result<Command> {
        let mut command = Command::new(self.tools.kube_scheduler()?);
        command
            .env("GOGC", COLLECT)
            .env("GOMAXPROCS", CORES)
            .arg(flag("kubeconfig", self.admin_kubeconfig()))
            .args(["--leader-elect=false", "--secure-port=0"]);
        Ok(command)
    }

    pub(crate) fn kwok(&self, program: &Path) -> Result<Command> {
        let stages = self.dir.join("kwok-stages.yaml");
        fs::write(&stages, STAGES).with_context(|| format!("write {}", stages.display()))?;
        let mut command = Command::new(program);
        command
            // A person's own ~/.kwok is not this cluster's.
            .env("HOME", &self.dir)
            .arg(flag("kubeconfig", self.admin_kubeconfig()))
            .arg("--manage-all-nodes=true")
            .arg(flag("config", stages));
        Ok(command)
    }
}

/// How nodes and pods that are not there come to be ready.
const STAGES: &str = include_str!("../tools/kwok/stages.yaml");

/// How much garbage Go's collector leaves, in percent of what lives. A server of a test lives for minutes, and its start and a
/// thousand applies take it 4.6 s of a core; with Go's own 100 it is 5.1 s, for half the memory (330 MB).
const COLLECT: &str = "400";

/// How many cores one server of a test uses. There are more servers than cores, and Go's scheduler spends a sixth of a start, and a
/// fifth of an idle server, on looking for work for a second one.
const CORES: &str = "1";

/// Kinds that nobody watches where no controllers run. A cache for each is a third of the work of an idle server, so these have none:
/// who reads them reads etcd.
const UNWATCHED: &str = "\
    bindings componentstatuses endpoints limitranges nodes persistentvolumeclaims persistentvolumes pods podtemplates \
    replicationcontrollers resourcequotas services \
    controllerrevisions.apps daemonsets.apps deployments.apps replicasets.apps statefulsets.apps \
    horizontalpodautoscalers.autoscaling cronjobs.batch jobs.batch certificatesigningrequests.certificates.k8s.io \
    endpointslices.discovery.k8s.io ingressclasses.networking.k8s.io ingresses.networking.k8s.io \
    ipaddresses.networking.k8s.io networkpolicies.networking.k8s.io servicecidrs.networking.k8s.io \
    runtimeclasses.node.k8s.io poddisruptionbudgets.policy deviceclasses.resource.k8s.io resourceclaims.resource.k8s.io \
    resourceclaimtemplates.resource.k8s.io resourceslices.resource.k8s.io priorityclasses.scheduling.k8s.io \
    csidrivers.storage.k8s.io csinodes.storage.k8s.io csistoragecapacities.storage.k8s.io storageclasses.storage.k8s.io \
    volumeattachments.storage.k8s.io volumeattributesclasses.storage.k8s.io";

/// `--name=path`, without assuming that a path is text.
fn flag(name: &str, path: impl AsRef<Path>) -> std::ffi::OsString {
    let mut flag = std::ffi::OsString::from(format!("--{name}="));
    flag.push(path.as_ref());
    flag
}
