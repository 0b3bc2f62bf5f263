//! Control planes that one test uses after the other: starting one costs more than most tests do.
//!
//! What a test leaves behind is taken out of etcd, whatever kind it is of and whatever finalizers it has. A plane of which a
//! part is gone or was changed that was there from the beginning, or that does not answer, is not used again.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::ops::Deref;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use controlplane::{Builder, ControlPlane, Store};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{OnceCell, Semaphore};

use crate::stand::{KINDS, install};
use crate::turn::Turn;

/// Those that nobody uses. They end with the process, as every server of a control plane does.
static IDLE: Mutex<Vec<(ControlPlane, Before)>> = Mutex::new(Vec::new());

/// How many may start at a time.
static STARTS: Semaphore = Semaphore::const_new(2);

/// What the first one stored before its first test; the others begin with it.
static FIRST: OnceCell<Stores> = OnceCell::const_new();

struct Stores {
    /// With what every cluster has.
    bare: Store,
    /// With our CRDs and RBAC too.
    ours: Store,
}

/// Where the servers themselves write, whoever uses them.
const THEIR_OWN: [&str; 9] = [
    "/registry/apiregistration.k8s.io/",
    "/registry/configmaps/kube-system/",
    "/registry/flowschemas/",
    "/registry/leases/kube-system/",
    "/registry/masterleases/",
    "/registry/peerserverleases/",
    "/registry/prioritylevelconfigurations/",
    "/registry/ranges/",
    "/registry/services/",
];

/// Restoring takes less than this.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often it is tried to take everything out.
const ROUNDS: usize = 5;

/// Most operations of one transaction of etcd.
const TRANSACTION: usize = 100;

/// A control plane of a test until it is dropped.
pub struct Plane {
    servers: Option<ControlPlane>,
    /// Of one that others use afterwards.
    before: Option<Before>,
    _turn: Turn,
}

/// What a control plane was like before its first test.
struct Before {
    audit: TempDir,
    /// Revision at which each key was last written.
    kept: BTreeMap<String, String>,
}

impl Plane {
    /// One with our CRDs and RBAC that is as if it were new. Its audit log, of this test alone, is also at `audit`.
    ///
    /// # Errors
    /// When none comes up.
    pub async fn take(audit: &Path) -> Result<Self> {
        let turn = Turn::take().await;
        let stores = stores().await?;
        let (plane, before) = match idle().await {
            Some(found) => found,
            None => prepared(stores).await?,
        };
        symlink(before.audit_log(), audit)?;
        Ok(Self { servers: Some(plane), before: Some(before), _turn: turn })
    }

    /// A new one, without anything of ours, that nobody else will use. It begins with what every cluster has.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn of_its_own(builder: Builder) -> Result<Self> {
        let turn = Turn::take().await;
        let builder = builder.store(stores().await?.bare.clone());
        Ok(Self { servers: Some(started(builder).await?), before: None, _turn: turn })
    }
}

impl Deref for Plane {
    type Target = ControlPlane;

    #[expect(clippy::expect_used, reason = "it is there until it is dropped")]
    fn deref(&self) -> &ControlPlane {
        self.servers.as_ref().expect("a plane")
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        if let (Some(plane), Some(before)) = (self.servers.take(), self.before.take()) {
            give_back(plane, before);
        }
    }
}

/// One that was used before and is as if it were new.
async fn idle() -> Option<(ControlPlane, Before)> {
    loop {
        let (mut plane, before) = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        // One that hangs must not hold a test up.
        let restored = tokio::time::timeout(PATIENCE, before.restore(&mut plane)).await;
        if matches!(restored, Ok(Ok(()))) {
            return Some((plane, before));
        }
    }
}

/// It takes a core for seconds, and whatever is awaited elsewhere is late meanwhile.
async fn started(builder: Builder) -> Result<ControlPlane> {
    let _turn = STARTS.acquire().await?;
    builder.start().await
}

/// What others begin with. The one that stored it is left to whoever comes first.
async fn stores() -> Result<&'static Stores> {
    FIRST
        .get_or_try_init(async || {
            let (plane, audit) = audited(ControlPlane::builder()).await?;
            let bare = plane.store().await?;
            install(&plane).await?;
            plane.service_account("soc2-operator", "soc2-operator").await?;
            let ours = plane.store().await?;
            let kept = keys(&plane).await?;
            give_back(plane, Before { audit, kept });
            Ok(Stores { bare, ours })
        })
        .await
}

/// A new one.
async fn prepared(stores: &Stores) -> Result<(ControlPlane, Before)> {
    let (plane, audit) = audited(ControlPlane::builder().store(stores.ours.clone())).await?;
    let kept = keys(&plane).await?;
    Ok((plane, Before { audit, kept }))
}

/// Leaves it to the next one. Until then it stands still: an idle server takes a hundredth of a core, and there are many of them.
fn give_back(plane: ControlPlane, before: Before) {
    if plane.pause().is_ok() {
        IDLE.lock().unwrap_or_else(PoisonError::into_inner).push((plane, before));
    }
}

/// One with an audit log, in a folder of its own.
async fn audited(builder: Builder) -> Result<(ControlPlane, TempDir)> {
    let audit = tempfile::tempdir()?;
    let plane = started(builder.audit_log(audit.path().join("audit.log"))).await?;
    Ok((plane, audit))
}

impl Before {
    fn audit_log(&self) -> PathBuf {
        self.audit.path().join("audit.log")
    }

    /// Takes out what the last test left. Fails when that would not make it what it was.
    async fn restore(&self, plane: &mut ControlPlane) -> Result<()> {
        // A client belongs to the runtime that made it, and each test has its own.
        plane.reconnect().await?;
        plane.resume().await?;
        let mut left = Vec::new();
        // Now and then something is there again, such as what was under way when the last test ended.
        for _ in 0..ROUNDS {
            left = self.take_out(plane).await?;
            if left.is_empty() {
                break;
            }
        }
        ensure!(left.is_empty(), "{left:?} are left");
        plane.read("/apis/coordination.k8s.io/v1/namespaces/soc2-operator/leases").await?;
        OpenOptions::new().write(true).truncate(true).open(self.audit_log()).context("audit log")?;
        Ok(())
    }

    /// Takes out what was not there before. Gives our kinds of which the API server has some all the same.
    async fn take_out(&self, plane: &ControlPlane) -> Result<Vec<&'static str>> {
        let now = keys(plane).await?;
        for (key, written) in &self.kept {
            ensure!(is_their_own(key) || now.get(key) == Some(written), "{key} is not what it was");
        }
        let left: Vec<&String> = now.keys().filter(|key| !self.kept.contains_key(*key) && !is_their_own(key)).collect();
        for some in left.chunks(TRANSACTION) {
            let deletes = some.iter().map(|key| json!({"requestDeleteRange": {"key": STANDARD.encode(key)}}));
            etcd(plane, "txn", json!({"success": deletes.collect::<Vec<_>>()})).await?;
        }
        let mut kinds = Vec::new();
        // A list waits until the server's cache has all that happened.
        for kind in KINDS {
            let list = plane.read(&format!("/apis/soc2-operator.dev/v1alpha1/{kind}")).await?;
            if !list["items"].as_array().is_some_and(Vec::is_empty) {
                kinds.push(kind);
            }
        }
        Ok(kinds)
    }
}

fn is_their_own(key: &str) -> bool {
    THEIR_OWN.iter().any(|prefix| key.starts_with(prefix))
}

/// Everything that is stored, and the revision at which it was last written.
async fn keys(plane: &ControlPlane) -> Result<BTreeMap<String, String>> {
    let range = json!({
        "key": STANDARD.encode("/registry/"), "range_end": STANDARD.encode("/registry0"), "keys_only": true,
    });
    let found = etcd(plane, "range", range).await?;
    let key = |entry: &Value| -> Result<(String, String)> {
        let key = String::from_utf8(STANDARD.decode(entry["key"].as_str().context("key")?)?)?;
        Ok((key, entry["mod_revision"].as_str().context("revision")?.to_owned()))
    };
    found["kvs"].as_array().into_iter().flatten().map(key).collect()
}

async fn etcd(plane: &ControlPlane, call: &str, body: Value) -> Result<Value> {
    let answer = reqwest::Client::new().post(format!("{}/v3/kv/{call}", plane.etcd_url())).json(&body).send().await?;
    Ok(answer.error_for_status()?.json().await?)
}
