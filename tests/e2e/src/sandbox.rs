//! The strict AWS as a process, and its control port.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::binaries;
use crate::wait::eventually;

/// A running `aws-sandbox`; it ends with this value, and with the process that holds it.
#[derive(Debug)]
pub struct Sandbox {
    child: Child,
    /// Endpoint for AWS clients.
    pub aws: String,
    /// Control port.
    pub control: String,
    http: reqwest::Client,
    _dir: tempfile::TempDir,
}

impl Sandbox {
    /// Starts with a world file of the repository.
    ///
    /// # Errors
    /// When it does not come up; the log says why.
    pub async fn start(world: &Path) -> Result<Self> {
        Self::start_with(world, &[]).await
    }

    /// Starts with a world file and further flags.
    ///
    /// # Errors
    /// When it does not come up; the log says why.
    pub async fn start_with(world: &Path, flags: &[&str]) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let ports = dir.path().join("ports.json");
        let log = dir.path().join("sandbox.log");
        let binary = binaries::find("aws-sandbox", "AWS_SANDBOX")?;
        // Its standard input is a pipe from us: when we die, whatever the reason, it ends.
        let child = Command::new(binary)
            .arg("--world")
            .arg(world)
            .args(["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--exit-with-stdin", "--ports-file"])
            .arg(&ports)
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log)?)
            .spawn()
            .context("start aws-sandbox")?;
        let found: Value = eventually("aws-sandbox", || async {
            let text =
                std::fs::read_to_string(&ports).with_context(|| std::fs::read_to_string(&log).unwrap_or_default())?;
            Ok(serde_json::from_str(&text)?)
        })
        .await?;
        let address = |name: &str| found[name].as_str().map(str::to_owned).context("ports file");
        Ok(Self { child, aws: address("aws")?, control: address("control")?, http: reqwest::Client::new(), _dir: dir })
    }

    /// The demo's world.
    #[must_use]
    pub fn demo_world() -> PathBuf {
        binaries::repository().join("tests/sandbox/worlds/demo.yaml")
    }

    /// Reads from the control port.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn get(&self, path: &str) -> Result<Value> {
        let response = self.http.get(format!("{}{path}", self.control)).send().await?;
        let status = response.status();
        let text = response.text().await?;
        ensure!(status.is_success(), "GET {path}: {status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    /// Writes to the control port.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn post(&self, path: &str, body: Value) -> Result<Value> {
        let response = self.http.post(format!("{}{path}", self.control)).json(&body).send().await?;
        let status = response.status();
        let text = response.text().await?;
        ensure!(status.is_success(), "POST {path} {body}: {status}: {text}");
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Deletes through the control port.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn delete(&self, path: &str) -> Result<()> {
        let response = self.http.delete(format!("{}{path}", self.control)).send().await?;
        ensure!(response.status().is_success(), "DELETE {path}: {}", response.status());
        Ok(())
    }

    /// Switches a fault on; see the contract of the control port.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn fault(&self, fault: Value) -> Result<Value> {
        self.post("/faults", fault).await
    }

    /// Switches all faults off.
    ///
    /// # Errors
    /// When the control port refuses.
    pub async fn no_faults(&self) -> Result<()> {
        self.delete("/faults").await
    }

    /// Calls after `after`, of one operation if given.
    ///
    /// # Errors
    /// When the control port refuses.
    pub async fn calls(&self, after: u64, operation: Option<&str>) -> Result<Vec<Value>> {
        let found = self.get(&format!("/calls?after={after}")).await?;
        let calls = found["calls"].as_array().cloned().unwrap_or_default();
        Ok(calls.into_iter().filter(|call| operation.is_none_or(|wanted| call["operation"] == wanted)).collect())
    }

    /// Number of the newest call.
    ///
    /// # Errors
    /// When the control port refuses.
    pub async fn last_call(&self) -> Result<u64> {
        Ok(self.get("/calls?after=999999999999").await?["last"].as_u64().unwrap_or_default())
    }

    /// Makes findings of a control fail, pass, and so on.
    ///
    /// # Errors
    /// When the control port refuses.
    pub async fn set_finding(&self, account: &str, region: &str, control: &str, status: &str) -> Result<Value> {
        let body = json!({"account": account, "region": region, "control": control, "status": status});
        self.post("/world/findings/set", body).await
    }

    /// Id of an account by its name.
    ///
    /// # Errors
    /// When there is none.
    pub async fn account(&self, name: &str) -> Result<String> {
        let state = self.get("/state").await?;
        let accounts = state["accounts"].as_array().cloned().unwrap_or_default();
        let found =
            accounts.iter().find(|account| account["name"] == name).with_context(|| format!("no account {name}"))?;
        found["id"].as_str().map(str::to_owned).context("id")
    }

    /// Id of an organizational unit by its path from below the root.
    ///
    /// # Errors
    /// When there is none.
    pub async fn unit(&self, path: &str) -> Result<String> {
        let state = self.get("/state").await?;
        let units = state["organizationalUnits"].as_array().cloned().unwrap_or_default();
        let path = format!("/{path}");
        let found =
            units.iter().find(|unit| unit["path"] == path.as_str()).with_context(|| format!("no unit {path}"))?;
        found["id"].as_str().map(str::to_owned).context("id")
    }

    /// How many policies are attached to a target.
    ///
    /// # Errors
    /// When the control port refuses.
    pub async fn attached(&self, target: &str) -> Result<usize> {
        let state = self.get("/state").await?;
        Ok(state["attachments"][target].as_array().map_or(0, Vec::len))
    }

    /// The policies as they really are, by name.
    ///
    /// # Errors
    /// When the control port refuses.
    pub async fn policy(&self, name_prefix: &str) -> Result<Option<Value>> {
        let found = self.get("/world/policies").await?;
        let policies = found["policies"].as_array().cloned().unwrap_or_default();
        Ok(policies
            .into_iter()
            .find(|policy| policy["name"].as_str().is_some_and(|name| name.starts_with(name_prefix))))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
