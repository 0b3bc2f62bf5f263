//! The shapes of change that crashes cut off: what is there before, what is changed, and when it is done.

use anyhow::{Context, Result, bail, ensure};
use e2e::eventually;
use e2e::objects::{at, object, with};
use e2e::promise::Before;
use e2e::stand::{Stand, condition_of};
use serde_json::{Value, json};

use crate::guardrail_changes::approve;
use crate::guardrail_rollouts::{denied_in, gated, policies, trail};

/// How long what is new has to be in place before what is old goes.
pub(crate) const PROPAGATION: &str = "3s";
/// Name of the set.
pub(crate) const SET: &str = "leave-org";
/// A policy that another tool made.
const FOREIGN: &str = "terraform-deny-leave";
const LEAVE: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Tf","Effect":"Deny","Action":"organizations:LeaveOrganization","Resource":"*"}]}"#;
/// Policies of others that only take slots.
const FILL: &str = "fill-";
const OTHER: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:CreateUser","Resource":"*"}]}"#;

/// A change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
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
    /// A baseline more where all slots but one are taken: a policy is replaced by one with two baselines.
    Replace,
    /// Other parameters where no slot is free: in place.
    InPlace,
    /// A baseline more where no slot is free: refused.
    NoRoom,
    /// The policy of another tool becomes the set's own, by approval.
    Adopt,
    /// Other parameters, which the canary unit complains about: back to what was last in place.
    Rollback,
    /// One of several baselines in a policy is released on one of its two targets.
    Release,
    /// One of several baselines in a policy is released on its only target: the policy changes in place.
    ReleaseAtOnce,
}

impl Shape {
    /// Most writes to AWS.
    pub(crate) fn writes(self) -> u64 {
        match self {
            Self::NoRoom => 0,
            Self::Narrow | Self::InPlace | Self::ReleaseAtOnce => 1,
            Self::MoveUp | Self::Drop | Self::Update | Self::Adopt => 2,
            Self::Release => 3,
            Self::Create | Self::Delete | Self::Waves | Self::Replace | Self::Rollback => 4,
            Self::Staged => 5,
        }
    }

    /// The set before the change or after it: baselines and the paths of units.
    fn content(self, after: bool) -> (Value, &'static [&'static str]) {
        let named = |names: &[&str]| names.iter().map(|name| json!({"name": name})).collect::<Value>();
        let regions = |regions: Value| json!([{"name": "restrict-regions", "parameters": {"allowedRegions": regions}}]);
        let leave = || named(&["deny-leave-org"]);
        match (self, after) {
            (Self::Create | Self::Delete | Self::ReleaseAtOnce, _) => {
                (named(&["deny-leave-org", "protect-config"]), &["Workloads"])
            }
            (Self::Update | Self::Staged | Self::InPlace | Self::Rollback, false) => {
                (regions(json!(["eu-west-1", "us-east-1"])), &["Workloads"])
            }
            (Self::Update | Self::Staged | Self::InPlace | Self::Rollback, true) => {
                (regions(json!(["eu-west-1"])), &["Workloads"])
            }
            (Self::MoveUp, false) => (leave(), &["Workloads/Prod"]),
            (Self::Waves | Self::Adopt, _) | (Self::MoveUp | Self::Narrow | Self::Drop, true) => {
                (leave(), &["Workloads"])
            }
            (Self::Narrow, false) => (leave(), &["Workloads", "Sandbox"]),
            (Self::Drop | Self::Replace | Self::NoRoom, false) => {
                (named(&["deny-leave-org", "deny-root"]), &["Workloads"])
            }
            (Self::Replace | Self::NoRoom, true) => {
                (named(&["deny-leave-org", "deny-root", "protect-config"]), &["Workloads"])
            }
            (Self::Release, _) => (named(&["deny-leave-org", "protect-config"]), &["Workloads", "Sandbox"]),
        }
    }

    async fn spec(self, stand: &Stand, after: bool) -> Result<Value> {
        let (baselines, paths) = self.content(after);
        let units = paths.iter().map(|path| json!({"organizationalUnit": {"path": path}}));
        let mut spec = json!({
            "organizationRef": {"name": "acme"}, "targets": {"include": units.collect::<Vec<_>>()}, "baselines": baselines,
            "mode": "Enforce", "approval": "Automatic", "maxAffectedAccounts": "20", "deletionPolicy": "Remove",
        });
        if matches!(self, Self::Waves | Self::Staged) && after {
            // Nothing is recorded, and nobody has to promote.
            let source = json!({"cloudTrail": {"url": "file:///no-such-trail"}});
            spec["rollout"] = json!({
                "waves": [{"organizationalUnit": {"path": "Workloads/Prod/Canary"}}, {"rest": true}], "soak": "1s",
                "gate": {"source": source, "onNoData": "Proceed"},
            });
        }
        if self == Self::Rollback && after {
            spec["rollout"] = gated(&trail(stand));
            spec["rollout"]["soak"] = json!("1s");
        }
        if self == Self::Adopt {
            let policy = stand.sandbox.policy(FOREIGN).await?.context("no policy to adopt")?;
            spec["baselines"][0]["adopt"] = policy["id"].clone();
            spec["approval"] = json!("Manual");
        }
        Ok(spec)
    }

    async fn apply(self, stand: &Stand, after: bool) -> Result<()> {
        let spec = self.spec(stand, after).await?;
        stand.plane.apply_yaml(&object("GuardrailSet", SET, spec)).await.map(drop)
    }

    /// What has to be there before the change.
    pub(crate) async fn prepare(self, stand: &Stand) -> Result<()> {
        let workloads = stand.sandbox.unit("Workloads").await?;
        match self {
            Self::Create | Self::Waves => return Ok(()),
            Self::Adopt => {
                let policy = json!({"name": FOREIGN, "content": LEAVE, "attach": [workloads]});
                return stand.sandbox.post("/world/policies", policy).await.map(drop);
            }
            Self::Release | Self::ReleaseAtOnce => {
                // One slot is left besides the one for replacing, so that the baselines go together.
                fill(stand, self.content(false).1, 8).await?;
                self.apply(stand, false).await?;
            }
            _ => self.apply(stand, false).await?,
        }
        settled(stand).await?;
        match self {
            Self::Replace => fill(stand, &["Workloads"], 9).await,
            Self::InPlace | Self::NoRoom => fill(stand, &["Workloads"], 10).await,
            Self::Rollback => keep(stand, self.spec(stand, true).await?, self.content(false).0).await,
            _ => Ok(()),
        }
    }

    pub(crate) async fn change(self, stand: &Stand) -> Result<()> {
        match self {
            Self::Delete => stand.kubectl(&["delete", "grset", SET, "--wait=false"]).await.map(drop)?,
            Self::Release | Self::ReleaseAtOnce => {
                let spec = json!({
                    "organizationRef": {"name": "acme"}, "baseline": "deny-leave-org", "target": "Workloads",
                    "releasedBy": "oncall@example.com", "reason": "Accounts leave for the spin-off", "startsAt": at(-1),
                    "expiresAt": at(3600),
                });
                stand.plane.apply_yaml(&object("GuardrailRelease", "night", spec)).await?;
            }
            _ => self.apply(stand, true).await?,
        }
        let asked = match self {
            Self::Narrow | Self::Drop | Self::Delete => "Weakens",
            Self::Adopt => "ApprovalRequired",
            _ => return Ok(()),
        };
        let waiting = eventually("a plan to approve", || async {
            let set = stand.get("grset", SET).await?;
            let pending = condition_of(&set, "ApprovalPending").context("nothing pends")?;
            ensure!(pending["status"] == "True" && pending["reason"] == asked, "{pending}");
            Ok(set)
        });
        let hash = waiting.await?["status"]["plan"]["hash"].as_str().context("hash")?.to_owned();
        approve(stand, &format!("yes-{}", &hash[..12]), &hash).await
    }

    pub(crate) async fn done(self, stand: &Stand) -> Result<()> {
        match self {
            Self::Delete => {
                let left = stand.list("grset").await?;
                ensure!(left.is_empty(), "{left:#?}");
                Ok(())
            }
            Self::NoRoom => {
                let set = current(stand).await?;
                let refused = condition_of(&set, "Refused").with_context(|| format!("{:#}", set["status"]))?;
                ensure!(refused["status"] == "True" && refused["reason"] == "NoFreeSlot", "{refused}");
                Ok(())
            }
            Self::Adopt => {
                in_sync(stand).await?;
                let ours = policies(stand, "deny-leave-org").await?;
                ensure!(ours.len() == 1 && ours[0]["name"] != FOREIGN, "{ours:#?}");
                Ok(())
            }
            Self::Rollback => rolled_back(stand).await,
            Self::Release | Self::ReleaseAtOnce => released(stand).await,
            _ => in_sync(stand).await,
        }
    }

    /// Whether the promise was kept.
    pub(crate) async fn kept(self, stand: &Stand, before: &Before) -> Result<()> {
        let written = match self {
            Self::Rollback => before.kept_in_turns(&stand.sandbox, |event| event["kind"] == "detach").await?,
            _ => before.kept(&stand.sandbox).await?,
        };
        ensure!((written == 0) == (self == Self::NoRoom), "{written} writes");
        Ok(())
    }
}

/// The set, as it is when its status is of its generation.
async fn current(stand: &Stand) -> Result<Value> {
    let set = stand.get("grset", SET).await?;
    ensure!(set["status"]["observedGeneration"] == set["metadata"]["generation"], "not observed yet");
    Ok(set)
}

/// The set as it is now is in sync, and nothing waits.
async fn in_sync(stand: &Stand) -> Result<()> {
    let set = current(stand).await?;
    let is = |type_: &str| condition_of(&set, type_).is_some_and(|found| found["status"] == "True");
    let waits = ["ApprovalPending", "Applying", "Propagating"].iter().any(|type_| is(type_));
    ensure!(is("InSync") && !waits, "{:#}", set["status"]["conditions"]);
    Ok(())
}

async fn settled(stand: &Stand) -> Result<()> {
    eventually("the set to be in sync", || in_sync(stand)).await
}

/// Has what is in place kept to go back to.
async fn keep(stand: &Stand, mut spec: Value, baselines: Value) -> Result<()> {
    spec["baselines"] = baselines;
    stand.plane.apply_yaml(&object("GuardrailSet", SET, spec)).await?;
    eventually("the content to be kept", || async {
        in_sync(stand).await?;
        current(stand).await?["status"]["applied"]["content"].as_str().map(drop).context("not yet")
    })
    .await
}

/// The change was taken back. While it is on trial, a call of the canary is denied.
async fn rolled_back(stand: &Stand) -> Result<()> {
    let set = current(stand).await?;
    let rollout = &set["status"]["rollout"];
    if rollout["rolledBack"].is_null()
        && let Some(begun) = rollout["begunAt"].as_str()
    {
        let name = format!("since-{}", begun.replace(':', "-"));
        let folder = trail(stand).join(format!("{name}.once"));
        if std::fs::create_dir_all(trail(stand)).is_ok() && std::fs::create_dir(&folder).is_ok() {
            denied_in(&trail(stand), "us-east-1", &name)?;
        }
        bail!("on trial");
    }
    let back = condition_of(&set, "RolledBack").with_context(|| format!("{:#}", set["status"]))?;
    ensure!(back["status"] == "True" && back["reason"] == "GateFailed", "{back}");
    let left = policies(stand, "restrict-regions").await?;
    ensure!(left.len() == 1, "what was staged is there: {left:#?}");
    Ok(())
}

/// The guardrail is off on Workloads, and the rest of its policy there by another one.
async fn released(stand: &Stand) -> Result<()> {
    let release = stand.get("grrel", "night").await?;
    ensure!(release["status"]["state"] == "Active", "{:#}", release["status"]);
    let workloads = stand.sandbox.unit("Workloads").await?;
    let all = stand.sandbox.get("/world/policies").await?["policies"].as_array().cloned().unwrap_or_default();
    let here = |policy: &&Value| policy["targets"].as_array().into_iter().flatten().any(|target| *target == workloads);
    let ours: Vec<String> = all
        .iter()
        .filter(here)
        .filter(|policy| policy["name"].as_str().is_some_and(|name| name.starts_with("soc2-")))
        .map(|policy| policy["content"].to_string())
        .collect();
    ensure!(ours.len() == 1 && !ours[0].contains("LeaveOrganization"), "{ours:#?}");
    Ok(())
}

/// Attaches policies of others until each unit has so many, and waits until the operator has seen them.
async fn fill(stand: &Stand, paths: &[&str], until: usize) -> Result<()> {
    lag(stand, false).await?;
    for path in paths {
        let unit = stand.sandbox.unit(path).await?;
        for number in stand.sandbox.attached(&unit).await?..until {
            let name = format!("{FILL}{}-{number}", path.to_lowercase());
            let policy = json!({"name": name, "content": OTHER, "attach": [&unit]});
            stand.sandbox.post("/world/policies", policy).await?;
        }
    }
    read_again(stand).await?;
    lag(stand, true).await
}

/// Takes everything of the change away, so that the next one begins where this one began.
pub(crate) async fn clear(stand: &Stand) -> Result<()> {
    lag(stand, false).await?;
    stand.kubectl(&["annotate", "--all", "grset", "soc2-operator.dev/abandon=true"]).await?;
    stand.kubectl(&["delete", "--all", "grset,grapp,grrel"]).await?;
    let found = stand.sandbox.get("/world/policies").await?;
    for policy in found["policies"].as_array().into_iter().flatten() {
        let name = policy["name"].as_str().unwrap_or_default();
        if ["soc2-", FILL, FOREIGN].iter().any(|begin| name.starts_with(begin)) {
            stand.sandbox.delete(&format!("/world/policies/{}", policy["id"].as_str().context("id")?)).await?;
        }
    }
    // The operator has to know it before the next change, or that would be in place already.
    read_again(stand).await?;
    lag(stand, true).await
}

/// The write to be enforced comes after the write to be read, and what is old goes only after both; or there is no lag.
pub(crate) async fn lag(stand: &Stand, on: bool) -> Result<()> {
    let (read, enforce) = if on { (1_500, 2_500) } else { (0, 0) };
    stand.sandbox.post("/settings", json!({"readLagMs": read, "enforceLagMs": enforce})).await.map(drop)
}

/// The organization without Security Hub, which has no part in this. Another `token` has it read at once.
pub(crate) fn organization(propagation: &str, token: &str) -> String {
    let role = |name: &str| json!({"arn": format!("arn:aws:iam::111111111111:role/{name}"), "externalId": "acme-7"});
    let spec = json!({
        "organizations": {"role": role("soc2-read"), "writeRole": role("soc2-write")},
        "sync": {"organizationInterval": "5s"},
        "guardrails": {"propagationDelay": propagation, "breakGlassPrincipals": ["arn:aws:iam::*:role/BreakGlass"]},
    });
    let metadata = json!({"name": "acme", "annotations": {"soc2-operator.dev/requestedAt": token}});
    let kind = json!({"apiVersion": "soc2-operator.dev/v1alpha1", "kind": "AwsOrganization", "metadata": metadata});
    with(kind, json!({"spec": spec})).to_string()
}

/// Has the policies read, and read again: then the first reading is known.
async fn read_again(stand: &Stand) -> Result<()> {
    for _ in 0..2 {
        let last = stand.sandbox.last_call().await?;
        stand.plane.apply_yaml(&organization(PROPAGATION, &format!("after-{last}"))).await?;
        eventually("the policies to be read again", || async {
            let calls = stand.sandbox.calls(last, Some("ListPolicies")).await?;
            ensure!(!calls.is_empty(), "not yet");
            Ok(())
        })
        .await?;
    }
    Ok(())
}
