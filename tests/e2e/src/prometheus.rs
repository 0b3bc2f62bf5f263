//! A real Prometheus that scrapes the operator.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use controlplane::process::{Server, Watchdog};
use controlplane::tools::PrometheusTools;
use serde_json::Value;

use crate::wait::eventually;

/// A running Prometheus; it ends with this value, and with the process that holds it.
#[derive(Debug)]
pub struct Prometheus {
    _server: Server,
    _watchdog: Watchdog,
    url: String,
    http: reqwest::Client,
}

impl Prometheus {
    /// Starts one that scrapes the metrics of `url` each second, with its files in `dir`. Builds the program first when
    /// there is none.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(dir: &Path, url: &str) -> Result<Self> {
        Self::start_with_rules(dir, url, &[]).await
    }

    /// The same with files of rules, which it evaluates each second.
    ///
    /// # Errors
    /// When it does not come up, as with a rule that cannot be read.
    pub async fn start_with_rules(dir: &Path, url: &str, rules: &[PathBuf]) -> Result<Self> {
        let program = tokio::task::spawn_blocking(PrometheusTools::ensure).await??.prometheus();
        let target = url.strip_prefix("http://").context("the operator's address")?;
        let config = dir.join("prometheus.yaml");
        let text = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
             rule_files: {}\n\
             scrape_configs: [{{job_name: soc2-operator, static_configs: [{{targets: [\"{target}\"]}}]}}]\n",
            serde_json::to_string(rules)?
        );
        std::fs::write(&config, text)?;
        let mut command = Command::new(program);
        command.arg("--config.file").arg(&config).arg("--storage.tsdb.path").arg(dir.join("prometheus")).args([
            "--web.listen-address",
            "127.0.0.1:0",
            "--log.level",
            "info",
        ]);
        let watchdog = Watchdog::spawn(dir)?;
        let mut server = Server::spawn("prometheus", command, &dir.join("logs"), &watchdog)?;
        let address = loop {
            server.check_running()?;
            let log = std::fs::read_to_string(server.log()).unwrap_or_default();
            if let Some(address) = log.lines().find_map(listening) {
                break address;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        };
        let http = reqwest::Client::new();
        Ok(Self { _server: server, _watchdog: watchdog, url: format!("http://{address}"), http })
    }

    /// Waits until it has scraped its target.
    ///
    /// # Errors
    /// When it never has; the error is the scrape's.
    pub async fn up(&self) -> Result<()> {
        eventually("Prometheus to scrape the operator", || async {
            let targets = self.get("/api/v1/targets?state=active").await?;
            let target = &targets["activeTargets"][0];
            ensure!(target["health"] == "up", "{}: {}", target["health"], target["lastError"]);
            let up = self.query("up").await?;
            ensure!(up.len() == 1 && up[0]["value"][1] == "1", "{up:?}");
            Ok(())
        })
        .await
    }

    /// The series that a query gives now.
    ///
    /// # Errors
    /// When Prometheus refuses it; the error says why.
    pub async fn query(&self, query: &str) -> Result<Vec<Value>> {
        let response = self.http.get(format!("{}/api/v1/query", self.url)).query(&[("query", query)]).send().await?;
        let answer: Value = response.json().await?;
        ensure!(answer["status"] == "success", "{query}: {}", answer["error"]);
        Ok(answer["data"]["result"].as_array().cloned().unwrap_or_default())
    }

    /// Its rules, of all groups, each with its state, its health and its alerts.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn rules(&self) -> Result<Vec<Value>> {
        let found = self.get("/api/v1/rules").await?;
        let groups = found["groups"].as_array().cloned().unwrap_or_default();
        Ok(groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default()).collect())
    }

    /// What it knows of each metric: type, unit and help, by name.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn metadata(&self) -> Result<Value> {
        self.get("/api/v1/metadata").await
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let answer: Value = self.http.get(format!("{}{path}", self.url)).send().await?.json().await?;
        if answer["status"] != "success" {
            bail!("{path}: {answer}");
        }
        Ok(answer["data"].clone())
    }
}

/// The address in a log line that says where it listens.
fn listening(line: &str) -> Option<String> {
    let (_, address) = line.split_once("msg=\"Listening on\"")?.1.split_once("address=")?;
    Some(address.split_whitespace().next()?.to_owned())
}
