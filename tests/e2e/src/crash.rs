//! Crash points: where in its writes to AWS and Kubernetes the operator is killed.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::operator::Operator;
use crate::stand::Stand;
use crate::wait::eventually;

/// Where the operator is killed with SIGKILL. Writes to AWS are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// Before this write to AWS is done.
    BeforeAws(u64),
    /// After this write to AWS was done, before the operator hears of it.
    AfterAws(u64),
    /// After this write to AWS and its answer, before anything more is written to Kubernetes.
    BeforeKubernetes(u64),
    /// After so many writes to Kubernetes.
    AfterKubernetes(usize),
}

impl Crash {
    /// All points of a change with so many writes to AWS.
    #[must_use]
    pub fn all(writes: u64) -> Vec<Self> {
        let aws = (0..writes).flat_map(|n| [Self::BeforeAws(n), Self::AfterAws(n), Self::BeforeKubernetes(n)]);
        aws.chain((1..4).map(Self::AfterKubernetes)).collect()
    }

    /// Some of them, by a seed.
    #[must_use]
    pub fn some(writes: u64, count: usize, mut seed: u64) -> Vec<Self> {
        let mut all = Self::all(writes);
        let mut picked = Vec::new();
        while picked.len() < count && !all.is_empty() {
            // SplitMix64: a different place for every seed is all that is asked of it.
            seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let at = usize::try_from((mixed ^ (mixed >> 31)) % all.len() as u64).unwrap_or_default();
            picked.push(all.swap_remove(at));
        }
        picked
    }

    /// These points as one after the other in the same change: each is counted from the start after the crash before it.
    #[must_use]
    pub fn in_turn(mut points: Vec<Self>) -> Vec<Self> {
        // The writes to Kubernetes that are counted come first in a change.
        points.sort_by_key(|point| point.aws().map(|(n, done)| (n, done > n)));
        let mut done = 0;
        let relative = |point: Self| {
            let since = |n: u64| n.saturating_sub(done);
            let next = match point {
                Self::BeforeAws(n) => Self::BeforeAws(since(n)),
                Self::AfterAws(n) => Self::AfterAws(since(n)),
                Self::BeforeKubernetes(n) => Self::BeforeKubernetes(since(n)),
                Self::AfterKubernetes(_) => point,
            };
            done = point.aws().map_or(done, |(_, then)| then);
            next
        };
        points.into_iter().map(relative).collect()
    }

    /// The write to AWS that it is at, and how many are done when it comes.
    fn aws(self) -> Option<(u64, u64)> {
        match self {
            Self::BeforeAws(n) => Some((n, n)),
            Self::AfterAws(n) | Self::BeforeKubernetes(n) => Some((n, n + 1)),
            Self::AfterKubernetes(_) => None,
        }
    }

    /// Makes the writes stop there. Has to come before the change that is to be cut off.
    ///
    /// # Errors
    /// When the sandbox refuses.
    pub async fn arm(self, stand: &Stand) -> Result<Armed> {
        let hold = |kind: &str, after: u64, times: Option<u64>, delay: u64| {
            let mut fault =
                json!({"service": "organizations", "writes": true, "kind": kind, "after": after, "delayMs": delay});
            if let Some(times) = times {
                fault["times"] = json!(times);
            }
            fault
        };
        let called = stand.sandbox.last_call().await?;
        let (first, then) = match self {
            Self::BeforeAws(n) => (Some(hold("timeout", n, Some(1), 0)), Some(n + 1)),
            Self::AfterAws(n) => (Some(hold("cutAfter", n, Some(1), 0)), Some(n + 1)),
            Self::BeforeKubernetes(n) => (Some(hold("delay", n, Some(1), DELAY)), Some(n + 1)),
            Self::AfterKubernetes(_) => (None, None),
        };
        let mut trap = None;
        if let Some(first) = first {
            trap = stand.sandbox.fault(first).await?["id"].as_u64();
        }
        if let Some(after) = then {
            stand.sandbox.fault(hold("timeout", after, None, 0)).await?;
        }
        Ok(Armed { crash: self, trap, audited: writes_to_kubernetes(stand)?, called })
    }
}

/// How long a write is delayed in which the API server is stopped, in milliseconds.
const DELAY: u64 = 1500;

/// A crash that is going to happen.
#[derive(Debug)]
pub struct Armed {
    crash: Crash,
    /// The fault that marks the place.
    trap: Option<u64>,
    /// Writes to Kubernetes before.
    audited: usize,
    /// Number of the last call to AWS before.
    called: u64,
}

impl Armed {
    /// Waits until the operator is at the place, kills it, and starts it again, with the `next` crash before it. When it never
    /// comes there, because all is `done` with fewer writes, it is killed then.
    ///
    /// # Errors
    /// When it neither comes there nor is done.
    pub async fn strike<F>(
        &self,
        stand: &Stand,
        mut operator: Operator,
        next: Option<Crash>,
        done: F,
    ) -> Result<(Operator, Option<Self>)>
    where
        F: AsyncFnMut() -> Result<()>,
    {
        let there = self.wait(stand, &mut operator, done).await?;
        if there && matches!(self.crash, Crash::BeforeKubernetes(_)) {
            stand.plane.pause_apiserver()?;
            let answered = answered(stand, self.called).await;
            operator.kill()?;
            stand.plane.resume_apiserver().await?;
            answered?;
        } else {
            operator.kill()?;
        }
        stand.sandbox.no_faults().await?;
        let armed = match next {
            Some(crash) => Some(crash.arm(stand).await?),
            None => None,
        };
        Ok((Operator::start(operator.options.clone()).await?, armed))
    }

    /// Whether the operator is at the place; else all is done.
    async fn wait<F>(&self, stand: &Stand, operator: &mut Operator, mut done: F) -> Result<bool>
    where
        F: AsyncFnMut() -> Result<()>,
    {
        for look in 1_u64.. {
            if self.is_there(stand).await? {
                return Ok(true);
            }
            // This question costs more.
            if look % 10 == 0 && done().await.is_ok() {
                break;
            }
            operator.check_running()?;
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        Ok(false)
    }

    async fn is_there(&self, stand: &Stand) -> Result<bool> {
        if let Crash::AfterKubernetes(count) = self.crash {
            return Ok(writes_to_kubernetes(stand)? >= self.audited + count);
        }
        let faults = stand.sandbox.get("/faults").await?;
        let on = faults["faults"].as_array().context("faults")?;
        Ok(!on.iter().any(|fault| fault["id"].as_u64() == self.trap))
    }
}

/// Waits until the delayed write is done.
async fn answered(stand: &Stand, called: u64) -> Result<()> {
    eventually("the delayed write to be answered", || async {
        let calls = stand.sandbox.calls(called, None).await?;
        ensure!(calls.iter().any(|call| call["fault"] == "delay"), "not yet");
        Ok(())
    })
    .await
}

/// Writes of the operator to guardrail sets so far.
fn writes_to_kubernetes(stand: &Stand) -> Result<usize> {
    let events = controlplane::audit::read(&stand.dir.path().join("audit.log"))?;
    let ours = events.iter().filter(|event| {
        event.user.username == "system:serviceaccount:soc2-operator:soc2-operator"
            && event.object_ref.resource == "guardrailsets"
            && matches!(event.verb.as_str(), "create" | "update" | "patch" | "delete")
    });
    Ok(ours.count())
}
