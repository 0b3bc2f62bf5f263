//! Promise 3 on the sandbox's history of what was *enforced*, not of what could be read: at every instant of a change, what is
//! denied before and after is denied, and what is allowed before and after is allowed.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use soc2_guardrails::{Document, Level, LevelPolicy, Request, evaluate};

use crate::sandbox::Sandbox;

/// A call that somebody in an account may make.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Role of the account.
    pub role: &'static str,
    /// Action.
    pub action: &'static str,
    /// ARN of the resource, or `*`.
    pub resource: &'static str,
    /// Condition keys, each with one value.
    pub context: &'static [(&'static str, &'static str)],
}

/// What developers do every day, what guardrails deny them, and the same by those who are exempt.
pub const PROBES: &[Probe] = &[
    Probe { role: "Developer", action: "organizations:LeaveOrganization", resource: "*", context: &[] },
    Probe { role: "Developer", action: "organizations:DescribeOrganization", resource: "*", context: &[] },
    Probe { role: "Developer", action: "s3:GetObject", resource: "arn:aws:s3:::data/key", context: EU },
    Probe {
        role: "Developer",
        action: "ec2:RunInstances",
        resource: "arn:aws:ec2:eu-west-1:1:instance/*",
        context: EU,
    },
    Probe {
        role: "Developer",
        action: "ec2:RunInstances",
        resource: "arn:aws:ec2:us-east-1:1:instance/*",
        context: US,
    },
    Probe {
        role: "Developer",
        action: "ec2:RunInstances",
        resource: "arn:aws:ec2:ap-south-1:1:instance/*",
        context: ASIA,
    },
    Probe { role: "Developer", action: "iam:CreateRole", resource: "arn:aws:iam::1:role/app", context: US },
    Probe {
        role: "Developer",
        action: "cloudtrail:StopLogging",
        resource: "arn:aws:cloudtrail:eu-west-1:1:trail/t",
        context: EU,
    },
    Probe { role: "Developer", action: "config:StopConfigurationRecorder", resource: "*", context: EU },
    Probe {
        role: "BreakGlass",
        action: "cloudtrail:StopLogging",
        resource: "arn:aws:cloudtrail:eu-west-1:1:trail/t",
        context: EU,
    },
    Probe {
        role: "BreakGlass",
        action: "ec2:RunInstances",
        resource: "arn:aws:ec2:ap-south-1:1:instance/*",
        context: ASIA,
    },
    Probe { role: "soc2-read", action: "config:StopConfigurationRecorder", resource: "*", context: EU },
];
const EU: &[(&str, &str)] = &[("aws:RequestedRegion", "eu-west-1")];
const US: &[(&str, &str)] = &[("aws:RequestedRegion", "us-east-1")];
const ASIA: &[(&str, &str)] = &[("aws:RequestedRegion", "ap-south-1")];

/// Policies and attachments at one moment.
#[derive(Clone, Debug, Default)]
struct Scps {
    content: BTreeMap<String, String>,
    /// Everything that an update can change, by policy.
    looks: BTreeMap<String, String>,
    attached: BTreeMap<String, BTreeSet<String>>,
}

/// How AWS stood before a change.
#[derive(Clone, Debug)]
pub struct Before {
    scps: Scps,
    /// Number of the last change in the history.
    last: u64,
}

/// What was decided, by account and number of the probe.
type Decisions = BTreeMap<(String, usize), bool>;

impl Before {
    /// Of now. Everything written so far has to be enforced by now.
    ///
    /// # Errors
    /// When the control port does not answer as expected.
    pub async fn of(sandbox: &Sandbox) -> Result<Self> {
        let found = sandbox.get("/world/policies").await?;
        let mut scps = Scps::default();
        for policy in found["policies"].as_array().context("policies")? {
            let id = text(policy, "id")?;
            for target in policy["targets"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                scps.attached.entry(target.to_owned()).or_default().insert(id.clone());
            }
            scps.looks.insert(id.clone(), looks(&policy["name"], policy));
            scps.content.insert(id, document_text(&policy["content"]));
        }
        let history = sandbox.get("/history").await?;
        let last = history["history"].as_array().into_iter().flatten().filter_map(|event| event["n"].as_u64()).max();
        Ok(Self { scps, last: last.unwrap_or_default() })
    }

    /// Checks the promise over everything that was written since. Gives how many instants were looked at.
    ///
    /// # Errors
    /// When it was broken: who, what, and after which write.
    pub async fn kept(&self, sandbox: &Sandbox) -> Result<usize> {
        self.kept_in_turns(sandbox, |_| false).await
    }

    /// The same over two changes one after the other, such as one and its way back; `turns` tells the first event of the second.
    ///
    /// # Errors
    /// When it was broken.
    pub async fn kept_in_turns(&self, sandbox: &Sandbox, turns: impl Fn(&Value) -> bool) -> Result<usize> {
        let events = self.events(sandbox).await?;
        let paths = paths(sandbox).await?;
        let mut scps = self.scps.clone();
        let turn = events.iter().position(turns).unwrap_or(events.len());
        let (forth, back) = events.split_at(turn);
        for change in [forth, back] {
            let before = decisions(&scps, &paths)?;
            let mut instants = Vec::new();
            for event in change {
                scps.apply(event)?;
                instants.push((event, decisions(&scps, &paths)?));
            }
            compare(&before, &instants)?;
        }
        Ok(events.len())
    }

    /// What was written since, in the order in which it is enforced.
    async fn events(&self, sandbox: &Sandbox) -> Result<Vec<Value>> {
        let history = sandbox.get("/history").await?;
        let mut events = history["history"].as_array().cloned().unwrap_or_default();
        events.retain(|event| event["n"].as_u64() > Some(self.last));
        let key = |event: &Value| -> Result<(jiff::Timestamp, u64)> {
            Ok((text(event, "enforcedAt")?.parse()?, event["n"].as_u64().context("n")?))
        };
        let mut keyed = events.into_iter().map(|event| Ok((key(&event)?, event))).collect::<Result<Vec<_>>>()?;
        keyed.sort_by_key(|(key, _)| *key);
        Ok(keyed.into_iter().map(|(_, event)| event).collect())
    }
}

/// Whether at every instant of a change all is as it is before and after, where it is the same before and after.
fn compare(before: &Decisions, instants: &[(&Value, Decisions)]) -> Result<()> {
    let after = instants.last().map_or(before, |(_, decided)| decided);
    for (event, decided) in instants {
        for (at, was) in before {
            let (is, will) = (decided.get(at), after.get(at));
            if Some(was) == will && is != will {
                let (account, probe) = at;
                let word = if *was { "allowed" } else { "denied" };
                bail!("{:?} of {account} was not {word} after {event:#}, as it is before and after", PROBES[*probe]);
            }
        }
    }
    Ok(())
}

impl Scps {
    fn apply(&mut self, event: &Value) -> Result<()> {
        let id = text(event, "policyId")?;
        match event["kind"].as_str().context("kind")? {
            "create" | "update" => {
                let looks = looks(&event["policyName"], event);
                let before = self.looks.insert(id.clone(), looks.clone());
                ensure!(before != Some(looks) || event["actor"] == "outside", "a write without effect: {event:#}");
                self.content.insert(id, document_text(&event["content"]));
            }
            "attach" => {
                self.attached.entry(text(event, "targetId")?).or_default().insert(id);
            }
            "detach" => {
                self.attached.entry(text(event, "targetId")?).or_default().remove(&id);
            }
            "delete" => {
                let attached = self.attached.values().any(|policies| policies.contains(&id));
                ensure!(!attached, "{id} was deleted before its detachment is enforced");
                self.content.remove(&id);
            }
            other => bail!("an event of kind {other}"),
        }
        Ok(())
    }
}

/// Accounts to which a probe is denied now.
///
/// # Errors
/// When the control port does not answer as expected.
pub async fn denied(sandbox: &Sandbox, probe: usize) -> Result<BTreeSet<String>> {
    let scps = Before::of(sandbox).await?.scps;
    let decided = decisions(&scps, &paths(sandbox).await?)?;
    let denied = decided.into_iter().filter(|((_, number), allowed)| *number == probe && !allowed);
    Ok(denied.map(|((account, _), _)| account).collect())
}

/// Whether each probe is allowed to each account.
fn decisions(scps: &Scps, paths: &BTreeMap<String, Vec<String>>) -> Result<Decisions> {
    let mut documents = BTreeMap::new();
    for (id, content) in &scps.content {
        documents.insert(id.as_str(), Document::parse(content).with_context(|| content.clone())?);
    }
    let mut decided = Decisions::new();
    for (account, path) in paths {
        let levels: Vec<Level<'_>> = path
            .iter()
            .map(|target| {
                let ids = scps.attached.get(target).into_iter().flatten();
                let policies = ids.map(|id| LevelPolicy { id, document: documents.get(id.as_str()) });
                Level { target: target.clone(), policies: policies.collect() }
            })
            .collect();
        for (number, probe) in PROBES.iter().enumerate() {
            let principal = format!("arn:aws:iam::{account}:role/{}", probe.role);
            let context =
                probe.context.iter().map(|(key, value)| ((*key).to_owned(), vec![(*value).to_owned()])).collect();
            let request = Request {
                principal: Some(&principal),
                action: probe.action,
                resource: probe.resource,
                context: &context,
                unknown_context: false,
            };
            decided.insert((account.clone(), number), !evaluate(&levels, &request).is_denied());
        }
    }
    Ok(decided)
}

/// The levels of each member account, root first.
async fn paths(sandbox: &Sandbox) -> Result<BTreeMap<String, Vec<String>>> {
    let state = sandbox.get("/state").await?;
    let parents: BTreeMap<String, String> = state["organizationalUnits"]
        .as_array()
        .into_iter()
        .flatten()
        .chain(state["accounts"].as_array().into_iter().flatten())
        .map(|found| Ok((text(found, "id")?, text(found, "parentId")?)))
        .collect::<Result<_>>()?;
    let management = text(&state["organization"], "managementAccount")?;
    let mut paths = BTreeMap::new();
    for account in state["accounts"].as_array().into_iter().flatten() {
        let id = text(account, "id")?;
        let mut path = vec![id.clone()];
        while let Some(parent) = path.last().and_then(|last| parents.get(last)) {
            path.push(parent.clone());
        }
        path.reverse();
        if id != management {
            paths.insert(id, path);
        }
    }
    Ok(paths)
}

/// Name, content and tags of a policy.
fn looks(name: &Value, policy: &Value) -> String {
    format!("{name} {} {}", document_text(&policy["content"]), policy["tags"])
}

fn text(value: &Value, key: &str) -> Result<String> {
    value[key].as_str().map(str::to_owned).with_context(|| format!("no {key} in {value}"))
}

fn document_text(content: &Value) -> String {
    content.as_str().map_or_else(|| content.to_string(), str::to_owned)
}
