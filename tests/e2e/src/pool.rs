//! Control planes that one test uses after the other: starting one costs more than most tests do.
//!
//! What a test leaves behind is taken out of etcd, whatever kind it is of and whatever finalizers it has. A plane of which a
//! part is gone or was changed that was there from the beginning, or that does not answer, is not used again.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use controlplane::ControlPlane;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stand::{KINDS, install};

/// Those that nobody uses. They end with the process, as every server of a control plane does.
static IDLE: Mutex<Vec<Prepared>> = Mutex::new(Vec::new());

/// Where the servers themselves write, whoever uses them.
const THEIR_OWN: [&str; 8] = [
    "/registry/apiregistration.k8s.io/",
    "/registry/configmaps/kube-system/",
    "/registry/flowschemas/",
    "/registry/leases/kube-system/",
    "/registry/masterleases/",
    "/registry/prioritylevelconfigurations/",
    "/registry/ranges/",
    "/registry/services/",
];

/// Most operations of one transaction of etcd.
const TRANSACTION: usize = 100;

/// A control plane with our CRDs and RBAC, of a test until it is dropped.
pub struct Plane(Option<Prepared>);

/// A control plane and what it was like before its first test.
struct Prepared {
    plane: ControlPlane,
    audit: TempDir,
    /// Revision at which each key was made.
    kept: BTreeMap<String, String>,
}

impl Plane {
    /// One that is as if it were new. Its audit log, of this test alone, is also at `audit`.
    ///
    /// # Errors
    /// When none comes up.
    pub async fn take(audit: &Path) -> Result<Self> {
        loop {
            let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut found) = idle else { break };
            // One that hangs must not hold a test up.
            let reset = tokio::time::timeout(Duration::from_secs(20), found.reset()).await;
            if matches!(reset, Ok(Ok(()))) {
                symlink(found.audit_log(), audit)?;
                return Ok(Self(Some(found)));
            }
        }
        let made = Prepared::new().await?;
        symlink(made.audit_log(), audit)?;
        Ok(Self(Some(made)))
    }
}

impl Deref for Plane {
    type Target = ControlPlane;

    fn deref(&self) -> &ControlPlane {
        #[expect(clippy::expect_used, reason = "it is there until it is dropped")]
        let prepared = self.0.as_ref().expect("a plane");
        &prepared.plane
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        if let Some(prepared) = self.0.take() {
            IDLE.lock().unwrap_or_else(PoisonError::into_inner).push(prepared);
        }
    }
}

impl Prepared {
    async fn new() -> Result<Self> {
        let audit = tempfile::tempdir()?;
        let plane = ControlPlane::builder().audit_log(audit.path().join("audit.log")).start().await?;
        install(&plane).await?;
        plane.service_account("soc2-operator", "soc2-operator").await?;
        let kept = keys(&plane).await?;
        Ok(Self { plane, audit, kept })
    }

    fn audit_log(&self) -> std::path::PathBuf {
        self.audit.path().join("audit.log")
    }

    /// Takes out what the last test left. Fails when that would not make it what it was.
    async fn reset(&mut self) -> Result<()> {
        // A client belongs to the runtime that made it, and each test has its own.
        self.plane.reconnect().await?;
        self.plane.check_running()?;
        let now = keys(&self.plane).await?;
        for (key, made) in &self.kept {
            ensure!(is_their_own(key) || now.get(key) == Some(made), "{key} is not what it was");
        }
        let left: Vec<&String> = now.keys().filter(|key| !self.kept.contains_key(*key) && !is_their_own(key)).collect();
        for some in left.chunks(TRANSACTION) {
            let deletes = some.iter().map(|key| json!({"requestDeleteRange": {"key": STANDARD.encode(key)}}));
            etcd(&self.plane, "txn", json!({"success": deletes.collect::<Vec<_>>()})).await?;
        }
        // A list waits until the server's cache has all that happened.
        for kind in KINDS {
            let path = format!("/apis/soc2-operator.dev/v1alpha1/{kind}");
            let list = self.plane.read(&path).await?;
            ensure!(list["items"].as_array().is_some_and(Vec::is_empty), "{kind} are left");
        }
        self.plane.read("/apis/coordination.k8s.io/v1/namespaces/soc2-operator/leases").await?;
        std::fs::OpenOptions::new().write(true).truncate(true).open(self.audit_log()).context("audit log")?;
        Ok(())
    }
}

fn is_their_own(key: &str) -> bool {
    THEIR_OWN.iter().any(|prefix| key.starts_with(prefix))
}

/// Everything that is stored, and the revision at which it was made; what decides about rights also at which it changed.
async fn keys(plane: &ControlPlane) -> Result<BTreeMap<String, String>> {
    let range = json!({
        "key": STANDARD.encode("/registry/"), "range_end": STANDARD.encode("/registry0"), "keys_only": true,
    });
    let found = etcd(plane, "range", range).await?;
    let key = |entry: &Value| -> Result<(String, String)> {
        let key = String::from_utf8(STANDARD.decode(entry["key"].as_str().context("key")?)?)?;
        let which = if key.contains("role") { "mod_revision" } else { "create_revision" };
        Ok((key, entry[which].as_str().context("revision")?.to_owned()))
    };
    found["kvs"].as_array().into_iter().flatten().map(key).collect()
}

async fn etcd(plane: &ControlPlane, call: &str, body: Value) -> Result<Value> {
    let answer = reqwest::Client::new().post(format!("{}/v3/kv/{call}", plane.etcd_url())).json(&body).send().await?;
    Ok(answer.error_for_status()?.json().await?)
}
