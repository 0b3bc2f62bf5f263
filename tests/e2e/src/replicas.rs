//! Several operators side by side, as the pods of a Deployment: each process has an identity of its own, and one that ends is replaced.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::operator::{Operator, OperatorOptions};
use crate::sandbox::Sandbox;
use crate::skew;
use crate::stand::Stand;
use crate::wait::PATIENCE;

/// Path of the operator's Leases.
pub const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/soc2-operator/leases";
/// Name of the Lease for what belongs to no organization.
const COMMON: &str = "soc2-operator";
/// How the identity of a replica begins; its number follows.
const NAME: &str = "replica-";

/// The processes, by identity.
pub struct Replicas {
    options: OperatorOptions,
    /// The running ones.
    pub running: BTreeMap<String, Operator>,
    started: usize,
    /// By how many seconds the wall clock of every second one is ahead.
    skew: i64,
}

impl Replicas {
    /// None yet.
    #[must_use]
    pub fn new(options: OperatorOptions) -> Self {
        Self { options, running: BTreeMap::new(), started: 0, skew: 0 }
    }

    /// The same, but the wall clock of each second one that starts is so many seconds ahead of that of the one before it.
    #[must_use]
    pub fn with_clocks_apart(self, seconds: i64) -> Self {
        Self { skew: seconds, ..self }
    }

    /// By how many seconds the wall clock of a replica is ahead.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn ahead(&self, identity: &str) -> Result<i64> {
        let number: usize = identity.strip_prefix(NAME).context("no replica")?.parse()?;
        Ok(if number % 2 == 1 { self.skew } else { 0 })
    }

    /// Starts one more; gives its identity.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(&mut self) -> Result<String> {
        let identity = format!("{NAME}{}", self.started);
        self.started += 1;
        let mut options = self.options.clone();
        options.logs = options.logs.join(&identity);
        options.identity.clone_from(&identity);
        let ahead = self.ahead(&identity)?;
        if ahead != 0 {
            options.env.extend(skew::clock(&self.options.logs, ahead)?);
        }
        self.running.insert(identity.clone(), Operator::start(options).await?);
        Ok(identity)
    }

    /// Replaces those that have ended, until there are so many. Gives how many had ended.
    ///
    /// # Errors
    /// When one does not come up.
    pub async fn tend(&mut self, count: usize) -> Result<usize> {
        let ended: Vec<String> = self
            .running
            .iter_mut()
            .filter_map(|(identity, operator)| operator.check_running().is_err().then(|| identity.clone()))
            .collect();
        for identity in &ended {
            self.running.remove(identity);
        }
        while self.running.len() < count {
            self.start().await?;
        }
        Ok(ended.len())
    }

    /// One of them.
    ///
    /// # Errors
    /// When it does not run.
    pub fn get(&mut self, identity: &str) -> Result<&mut Operator> {
        self.running.get_mut(identity).with_context(|| format!("{identity} does not run"))
    }

    /// Kills one with SIGKILL.
    ///
    /// # Errors
    /// When it is gone already.
    pub fn kill(&mut self, identity: &str) -> Result<()> {
        self.running.remove(identity).with_context(|| format!("{identity} does not run"))?.kill()
    }

    /// What all of them wrote to their logs.
    #[must_use]
    pub fn logs(&self) -> String {
        let log = |(identity, operator): (&String, &Operator)| format!("--- {identity}\n{}", operator.log());
        self.running.iter().map(log).collect::<Vec<_>>().join("\n")
    }
}

/// Who holds the Leases of organizations, by organization.
///
/// # Errors
/// When the API server does not answer.
pub async fn leaders(stand: &Stand) -> Result<BTreeMap<String, String>> {
    let list = stand.plane.read(LEASES).await?;
    let mut found = BTreeMap::new();
    for lease in list["items"].as_array().into_iter().flatten() {
        let name = lease["metadata"]["name"].as_str().context("name")?;
        let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
        if let Some(organization) = name.strip_prefix(COMMON).and_then(|rest| rest.strip_prefix('.')) {
            found.insert(organization.to_owned(), holder.to_owned());
        }
    }
    Ok(found)
}

/// Asks until the answer is there, and replaces replicas that end meanwhile.
///
/// # Errors
/// When it never was, with the last reason why not.
pub async fn tending<T, F>(stand: &Stand, replicas: &mut Replicas, count: usize, what: &str, mut ask: F) -> Result<T>
where
    F: AsyncFnMut(&Stand, &Replicas) -> Result<T>,
{
    let started = Instant::now();
    loop {
        replicas.tend(count).await?;
        match ask(stand, &*replicas).await {
            Ok(answer) => return Ok(answer),
            Err(error) if started.elapsed() > PATIENCE => {
                return Err(error.context(format!("gave up waiting for {what}\n{}", replicas.logs())));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Gives the identity of the replica that leads an organization and has assessed a profile of it.
///
/// # Errors
/// When there is none yet.
pub async fn at_work(stand: &Stand, replicas: &Replicas, organization: &str, profile: &str) -> Result<String> {
    let holder = leaders(stand).await?.remove(organization).unwrap_or_default();
    let page = replicas.running.get(&holder).context("nobody leads")?.metrics().await?;
    let series = format!("soc2_profile_checks{{profile=\"{profile}\"");
    ensure!(page.contains(&series), "{holder} has not assessed yet");
    Ok(holder)
}

/// Which replica made a call: its identity is the name of its sessions.
fn caller(call: &Value) -> Option<&str> {
    if call["operation"] == "AssumeRole" {
        return call["input"]["RoleSessionName"].as_str();
    }
    let principal = call["principal"].as_str()?;
    principal.contains("assumed-role").then(|| principal.rsplit('/').next())?
}

/// The replicas that called AWS after `after`, in order, and each as often as it began to.
///
/// # Errors
/// When the control port does not answer.
pub async fn callers(sandbox: &Sandbox, after: u64, writes_only: bool) -> Result<Vec<String>> {
    let calls = sandbox.calls(after, None).await?;
    let calls = calls.iter().filter(|call| !writes_only || call["writes"] == true && call["operation"] != "AssumeRole");
    let mut callers: Vec<String> = Vec::new();
    for caller in calls.filter_map(caller) {
        if callers.last().is_none_or(|last| last != caller) {
            callers.push(caller.to_owned());
        }
    }
    Ok(callers)
}

/// Fails when a replica called AWS again after another one had taken over.
///
/// # Errors
/// When one did.
pub fn one_after_the_other(callers: &[String]) -> Result<()> {
    let distinct: BTreeSet<&String> = callers.iter().collect();
    ensure!(distinct.len() == callers.len(), "not one after the other: {callers:?}");
    Ok(())
}
