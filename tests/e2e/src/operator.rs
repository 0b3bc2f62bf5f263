//! The operator as a process.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use controlplane::process::{Server, Watchdog};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::binaries;
use crate::wait::eventually;

/// How to run it.
#[derive(Clone, Debug)]
pub struct OperatorOptions {
    /// Kubeconfig of its ServiceAccount.
    pub kubeconfig: PathBuf,
    /// Endpoint of AWS.
    pub aws: String,
    /// Access key that the pod would have.
    pub access_key: String,
    /// Folder of the checkpoints, or the URL of an object store.
    pub state: PathBuf,
    /// Folder of the log.
    pub logs: PathBuf,
    /// Identity in the Lease.
    pub identity: String,
    /// Further flags of `run`.
    pub flags: Vec<String>,
    /// Further environment variables.
    pub env: Vec<(String, String)>,
}

/// A running `soc2-operator`; it ends with this value, and with the process that holds it.
#[derive(Debug)]
pub struct Operator {
    server: Server,
    _watchdog: Watchdog,
    /// How it was started.
    pub options: OperatorOptions,
    http: reqwest::Client,
    url: String,
}

impl OperatorOptions {
    /// The same with further flags.
    #[must_use]
    pub fn with_flags(mut self, flags: &[&str]) -> Self {
        self.flags.extend(flags.iter().map(|flag| (*flag).to_owned()));
        self
    }
}

impl Operator {
    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// When it ends instead; the error shows the end of the log.
    pub async fn start(options: OperatorOptions) -> Result<Self> {
        let log = options.logs.join("soc2-operator.log");
        let before = std::fs::metadata(&log).map_or(0, |found| found.len());
        let watchdog = Watchdog::spawn(&options.logs)?;
        let mut server = Server::spawn("soc2-operator", command(&options)?, &options.logs, &watchdog)?;
        let address = loop {
            server.check_running()?;
            if let Some(address) = listening(&log, before) {
                break address;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        };
        Ok(Self {
            server,
            _watchdog: watchdog,
            options,
            http: reqwest::Client::new(),
            url: format!("http://{address}"),
        })
    }

    /// Kills it as a crash would and starts it again with the same state.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn crash_and_restart(mut self) -> Result<Self> {
        self.server.kill()?;
        Self::start(self.options.clone()).await
    }

    /// Kills it with SIGKILL.
    ///
    /// # Errors
    /// When it was gone already.
    pub fn kill(&mut self) -> Result<()> {
        self.server.kill()
    }

    /// Stops it with SIGSTOP, as a node does that is starved or suspended.
    ///
    /// # Errors
    /// When it has ended.
    pub fn freeze(&mut self) -> Result<()> {
        self.server.signal(Signal::SIGSTOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it has ended.
    pub fn thaw(&mut self) -> Result<()> {
        self.server.signal(Signal::SIGCONT)
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn terminate(mut self) -> Result<OperatorOptions> {
        self.server.signal(Signal::SIGTERM)?;
        for _ in 0..300 {
            if self.server.check_running().is_err() {
                return Ok(self.options.clone());
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        bail!("soc2-operator did not end within 30 s of SIGTERM")
    }

    /// Fails, with the end of its log, if it has ended.
    ///
    /// # Errors
    /// When it has ended.
    pub fn check_running(&mut self) -> Result<()> {
        self.server.check_running()
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The metrics page.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn metrics(&self) -> Result<String> {
        Ok(self.http.get(format!("{}/metrics", self.url)).send().await?.error_for_status()?.text().await?)
    }

    /// Value of the first series that starts with `series`.
    ///
    /// # Errors
    /// When there is none.
    pub async fn metric(&self, series: &str) -> Result<f64> {
        let page = self.metrics().await?;
        let line = page.lines().find(|line| line.starts_with(series)).with_context(|| format!("no series {series}"))?;
        line.rsplit(' ').next().context("value")?.parse().context("value")
    }

    /// Waits until `/readyz` says ready.
    ///
    /// # Errors
    /// When it never does; the error shows what is missing.
    pub async fn ready(&self) -> Result<()> {
        eventually("soc2-operator to be ready", || async {
            let report = self.readiness().await?;
            if report["ready"] == true { Ok(()) } else { bail!("{report}") }
        })
        .await
    }

    /// What `/readyz` answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn readiness(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.page("/readyz").await?)?)
    }

    /// What it answers to a path, whatever the status.
    ///
    /// # Errors
    /// When it does not.
    pub async fn page(&self, path: &str) -> Result<String> {
        Ok(self.http.get(format!("{}{path}", self.url)).send().await?.text().await?)
    }

    /// Its whole log.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.options.logs.join("soc2-operator.log")).unwrap_or_default()
    }
}

fn command(options: &OperatorOptions) -> Result<Command> {
    let mut command = Command::new(binaries::find("soc2-operator", "SOC2_OPERATOR")?);
    command
        .args(["run", "--listen", "127.0.0.1:0"])
        .args(["--identity", &options.identity, "--state"])
        .arg(&options.state)
        .args(&options.flags)
        // What flags may say otherwise.
        .env("SOC2_LOG_FORMAT", "text")
        .env("SOC2_LEASE_DURATION", "6s")
        .env("SOC2_AWS_WRITE_ATTEMPT_TIMEOUT", "3s")
        .env("KUBECONFIG", &options.kubeconfig)
        .env("AWS_ENDPOINT_URL", &options.aws)
        .env("AWS_ACCESS_KEY_ID", &options.access_key)
        .env("AWS_SECRET_ACCESS_KEY", "not-checked-by-the-sandbox")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_SESSION_TOKEN")
        .envs(options.env.iter().map(|(name, value)| (name, value)));
    if let Ok(filter) = std::env::var("SOC2_TEST_LOG") {
        command.args(["--log-level", &filter]);
    }
    Ok(command)
}

/// The address in the line that says so, after the first `skip` bytes of the log.
fn listening(log: &Path, skip: u64) -> Option<String> {
    let text = std::fs::read_to_string(log).ok()?;
    let new = text.get(usize::try_from(skip).ok()?..)?;
    let line = new.lines().find(|line| line.contains("listening:"))?;
    // As text, or as JSON.
    let (_, address) = line.split_once("address=").or_else(|| line.split_once("\"address\":\""))?;
    address.split([' ', '"']).next().map(str::to_owned)
}
