//! Every shape of plan, with the operator killed at any of its writes: it converges, and at no instant is anybody less protected
//! or more restricted than before and after.
//!
//! `make test` tries some points of each shape, by a seed that a failure shows and `SOC2_CRASH_SEED` sets; `make soak` all.

use anyhow::{Context, Result, ensure};
use e2e::crash::Crash;
use e2e::objects::object;
use e2e::promise::Before;
use e2e::stand::Stand;
use e2e::{Operator, eventually};
use serde_json::{Value, json};

use crate::guardrail_changes::organization;

/// Crash points of each shape in `make test`.
const SOME: usize = 3;
const SET: &str = "leave-org";

/// A change of a guardrail set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// A new set.
    Create,
    /// Other parameters: the policies change in place.
    Update,
    /// From a unit to the one above it.
    MoveUp,
    /// To fewer targets, by approval.
    Narrow,
    /// One of two baselines is not wanted any more, by approval.
    Drop,
    /// The set is deleted, with its policies, by approval.
    Delete,
    /// A new set, the canary unit first.
    Waves,
    /// Other parameters, staged at the canary unit first.
    Staged,
}

impl Shape {
    /// Most writes to AWS.
    fn writes(self) -> u64 {
        match self {
            Self::Create | Self::Delete | Self::Waves => 4,
            Self::MoveUp | Self::Drop | Self::Update => 2,
            Self::Narrow => 1,
            Self::Staged => 5,
        }
    }

    fn spec(self, after: bool) -> Value {
        let leave = json!([{"name": "deny-leave-org"}]);
        let regions = |regions: Value| json!([{"name": "restrict-regions", "parameters": {"allowedRegions": regions}}]);
        let targets = |paths: &[&str]| {
            let units = paths.iter().map(|path| json!({"organizationalUnit": {"path": path}}));
            json!({"include": units.collect::<Vec<_>>()})
        };
        let (baselines, paths): (Value, &[&str]) = match (self, after) {
            (Self::Create | Self::Delete, _) => {
                (json!([{"name": "deny-leave-org"}, {"name": "protect-config"}]), &["Workloads"])
            }
            (Self::Update | Self::Staged, false) => (regions(json!(["eu-west-1", "us-east-1"])), &["Workloads"]),
            (Self::Update | Self::Staged, true) => (regions(json!(["eu-west-1"])), &["Workloads"]),
            (Self::MoveUp, false) => (leave, &["Workloads/Prod"]),
            (Self::Waves, _) | (Self::MoveUp | Self::Narrow | Self::Drop, true) => (leave, &["Workloads"]),
            (Self::Narrow, false) => (leave, &["Workloads", "Sandbox"]),
            (Self::Drop, false) => (json!([{"name": "deny-leave-org"}, {"name": "deny-root"}]), &["Workloads"]),
        };
        let mut spec = json!({
            "organizationRef": {"name": "acme"}, "targets": targets(paths), "baselines": baselines, "mode": "Enforce",
            "approval": "Automatic", "maxAffectedAccounts": "20", "deletionPolicy": "Remove",
        });
        if matches!(self, Self::Waves | Self::Staged) && after {
            // Nothing is recorded, and nobody has to promote.
            let source = json!({"cloudTrail": {"url": "file:///no-such-trail"}});
            spec["rollout"] = json!({
                "waves": [{"organizationalUnit": {"path": "Workloads/Prod/Canary"}}, {"rest": true}], "soak": "1s",
                "gate": {"source": source, "onNoData": "Proceed"},
            });
        }
        spec
    }

    async fn apply(self, stand: &Stand, after: bool) -> Result<()> {
        stand.plane.apply_yaml(&object("GuardrailSet", SET, self.spec(after))).await.map(drop)
    }

    /// What has to be there before the change.
    async fn prepare(self, stand: &Stand) -> Result<()> {
        if !matches!(self, Self::Create | Self::Waves) {
            self.apply(stand, false).await?;
            settled(stand).await?;
        }
        Ok(())
    }

    async fn change(self, stand: &Stand) -> Result<()> {
        match self {
            Self::Delete => stand.kubectl(&["delete", "grset", SET, "--wait=false"]).await.map(drop)?,
            _ => self.apply(stand, true).await?,
        }
        if self.weakens() {
            let waiting = eventually("a plan to approve", || async {
                let set = stand.get("grset", SET).await?;
                let pending = e2e::stand::condition_of(&set, "ApprovalPending").context("nothing pends")?;
                ensure!(pending["status"] == "True" && pending["reason"] == "Weakens", "{pending}");
                Ok(set)
            });
            let hash = waiting.await?["status"]["plan"]["hash"].as_str().context("hash")?.to_owned();
            crate::guardrail_changes::approve(stand, &format!("yes-{}", &hash[..12]), &hash).await?;
        }
        Ok(())
    }

    fn weakens(self) -> bool {
        matches!(self, Self::Narrow | Self::Drop | Self::Delete)
    }

    async fn done(self, stand: &Stand) -> Result<()> {
        if self == Self::Delete {
            let left = stand.list("grset").await?;
            ensure!(left.is_empty(), "{left:#?}");
            return Ok(());
        }
        in_sync(stand).await
    }
}

/// The set as it is now is in sync, nothing waits, and its status is of this generation.
async fn in_sync(stand: &Stand) -> Result<()> {
    let set = stand.get("grset", SET).await?;
    ensure!(set["status"]["observedGeneration"] == set["metadata"]["generation"], "not observed yet");
    let is = |type_: &str| e2e::stand::condition_of(&set, type_).is_some_and(|found| found["status"] == "True");
    let waits = ["ApprovalPending", "Applying", "Propagating"].iter().any(|type_| is(type_));
    ensure!(is("InSync") && !waits, "{:#}", set["status"]["conditions"]);
    Ok(())
}

async fn settled(stand: &Stand) -> Result<()> {
    eventually("the set to be in sync", || in_sync(stand)).await
}

/// Takes everything of ours away, so that the next change begins where this one began.
async fn clear(stand: &Stand) -> Result<()> {
    stand.kubectl(&["annotate", "--all", "grset", "soc2-operator.dev/abandon=true"]).await?;
    stand.kubectl(&["delete", "--all", "grset,grapp"]).await?;
    let found = stand.sandbox.get("/world/policies").await?;
    for policy in found["policies"].as_array().into_iter().flatten() {
        if policy["name"].as_str().is_some_and(|name| name.starts_with("soc2-")) {
            stand.sandbox.delete(&format!("/world/policies/{}", policy["id"].as_str().context("id")?)).await?;
        }
    }
    // The operator has to know it before the next change, or that would be in place already.
    let last = stand.sandbox.last_call().await?;
    eventually("the policies to be read again", || async {
        let calls = stand.sandbox.calls(last, Some("ListPolicies")).await?;
        ensure!(calls.len() >= 3, "{} readings", calls.len());
        Ok(())
    })
    .await
}

fn seed() -> Result<u64> {
    match std::env::var("SOC2_CRASH_SEED") {
        Ok(seed) => seed.parse().context("SOC2_CRASH_SEED"),
        Err(_) => Ok(u64::try_from(jiff::Timestamp::now().as_millisecond())?),
    }
}

async fn crashes(shape: Shape) -> Result<()> {
    let seed = seed()?;
    let points = match std::env::var_os("SOC2_SOAK") {
        Some(_) => Crash::all(shape.writes()),
        None => Crash::some(shape.writes(), SOME, seed),
    };
    eprintln!("{shape:?}: SOC2_CRASH_SEED={seed}, crashes {points:?}");
    let stand = Stand::start().await?;
    // The write to be enforced comes after the write to be read, and what is old goes only after both.
    stand.sandbox.post("/settings", json!({"readLagMs": 500, "enforceLagMs": 2_000})).await?;
    let mut operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization("3s")?).await?;
    stand.condition("awsorg", "acme", "OrganizationRead", "True", "Read").await?;
    for point in points {
        operator = crash(&stand, operator, shape, point)
            .await
            .with_context(|| format!("{shape:?}, crash {point:?}, SOC2_CRASH_SEED={seed}"))?;
        clear(&stand).await?;
    }
    Ok(())
}

async fn crash(stand: &Stand, operator: Operator, shape: Shape, point: Crash) -> Result<Operator> {
    shape.prepare(stand).await?;
    let before = Before::of(&stand.sandbox).await?;
    let armed = point.arm(stand).await?;
    shape.change(stand).await?;
    let operator = armed.strike(stand, operator, async || shape.done(stand).await).await?;
    eventually("the change to be done", || shape.done(stand)).await.with_context(|| operator.log())?;
    let instants = before.kept(&stand.sandbox).await?;
    ensure!(instants > 0, "nothing was written");
    Ok(operator)
}

#[tokio::test]
async fn a_set_is_created_whatever_the_crash() -> Result<()> {
    crashes(Shape::Create).await
}

#[tokio::test]
async fn policies_change_in_place_whatever_the_crash() -> Result<()> {
    crashes(Shape::Update).await
}

#[tokio::test]
async fn a_policy_moves_up_whatever_the_crash() -> Result<()> {
    crashes(Shape::MoveUp).await
}

#[tokio::test]
async fn targets_get_fewer_whatever_the_crash() -> Result<()> {
    crashes(Shape::Narrow).await
}

#[tokio::test]
async fn a_baseline_is_dropped_whatever_the_crash() -> Result<()> {
    crashes(Shape::Drop).await
}

#[tokio::test]
async fn a_set_is_deleted_whatever_the_crash() -> Result<()> {
    crashes(Shape::Delete).await
}

#[tokio::test]
async fn a_set_comes_in_waves_whatever_the_crash() -> Result<()> {
    crashes(Shape::Waves).await
}

#[tokio::test]
async fn a_change_is_staged_and_comes_in_waves_whatever_the_crash() -> Result<()> {
    crashes(Shape::Staged).await
}
