//! Three replicas and six organizations: they spread evenly, and when one replica dies the others take over what it led.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use e2e::Sandbox;
use e2e::eventually;
use e2e::objects::{automatic_set, object};
use e2e::replicas::{LEASES, Replicas, callers, leaders, one_after_the_other};
use e2e::router::{Further, Organizations, renumbered};
use e2e::stand::Stand;
use serde_json::{Value, json};

const NAMES: [&str; 6] = ["acme", "beta", "gamma", "delta", "epsilon", "zeta"];

/// Without Security Hub: what is led is what is looked at here.
fn organization(name: &str, first: &str) -> String {
    let role =
        |what: &str| json!({"arn": format!("arn:aws:iam::111111111111:role/soc2-{what}"), "externalId": "acme-7"});
    let spec = json!({
        "organizations": {"role": role("read"), "writeRole": role("write")}, "sync": {"organizationInterval": "5s"},
        "guardrails": {"propagationDelay": "0s"},
    });
    let text = object("AwsOrganization", name, spec);
    if first.is_empty() { text } else { renumbered(&text, first).0 }
}

fn set(name: &str) -> String {
    let targets = json!({"include": [{"organizationalUnit": {"path": "Workloads"}}]});
    automatic_set(&format!("{name}-set"), json!({"organizationRef": {"name": name}, "targets": targets}))
}

/// How many organizations each replica leads; fails while one has no leader.
fn counts(leaders: &BTreeMap<String, String>) -> Result<Vec<usize>> {
    ensure!(leaders.len() == NAMES.len() && leaders.values().all(|holder| !holder.is_empty()), "{leaders:?}");
    let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
    for holder in leaders.values() {
        *counts.entry(holder).or_default() += 1;
    }
    Ok(counts.into_values().collect())
}

struct Scene {
    stand: Stand,
    further: Vec<Sandbox>,
    _endpoint: Organizations,
    replicas: Replicas,
}

impl Scene {
    async fn start() -> Result<Self> {
        let stand = Stand::start().await?;
        let world = std::fs::read_to_string(Sandbox::demo_world())?;
        let (mut further, mut routes) = (Vec::new(), Vec::new());
        for (number, name) in NAMES.iter().enumerate().skip(1) {
            let (world, accounts) =
                renumbered(&world.replace("o-exampleorgid", &format!("o-{name}exampleid")), &format!("9{number}"));
            let file = stand.dir.path().join(format!("{name}.yaml"));
            std::fs::write(&file, world)?;
            let sandbox = Sandbox::start_with(&file, &["--no-limits"]).await?;
            routes.push(Further { aws: sandbox.aws.clone(), accounts });
            further.push(sandbox);
        }
        let endpoint = Organizations::start(&stand.sandbox.aws, routes).await?;
        let mut options = stand.operator_options();
        options.aws.clone_from(&endpoint.url);
        Ok(Self { stand, further, _endpoint: endpoint, replicas: Replicas::new(options) })
    }

    fn sandboxes(&self) -> impl Iterator<Item = &Sandbox> {
        std::iter::once(&self.stand.sandbox).chain(&self.further)
    }

    async fn spread(&self, wanted: &[usize]) -> Result<BTreeMap<String, String>> {
        eventually("the organizations to be spread", || async {
            let leaders = leaders(&self.stand).await?;
            let mut counts = counts(&leaders)?;
            counts.sort_unstable();
            ensure!(counts == wanted, "{leaders:?}");
            Ok(leaders)
        })
        .await
        .with_context(|| self.replicas.logs())
    }

    /// Every guardrail is in place, and is put back when somebody takes it away.
    async fn all_is_right(&self) -> Result<()> {
        for (name, sandbox) in NAMES.iter().zip(self.sandboxes()) {
            let prefix = format!("soc2-{name}-deny-leave-org");
            let policy = sandbox.policy(&prefix).await?.with_context(|| format!("no policy {prefix}"))?;
            let (id, target) = (policy["id"].as_str().context("id")?, policy["targets"][0].clone());
            sandbox.post(&format!("/world/policies/{id}/detach"), json!({"target": target})).await?;
        }
        for (name, sandbox) in NAMES.iter().zip(self.sandboxes()) {
            eventually(&format!("the guardrail of {name} to be put back"), || async {
                let policy = sandbox.policy(&format!("soc2-{name}-deny-leave-org")).await?.context("gone")?;
                ensure!(policy["targets"].as_array().is_some_and(|targets| targets.len() == 1), "{policy:#}");
                Ok(())
            })
            .await?;
            self.stand.condition("grset", &format!("{name}-set"), "InSync", "True", "InSync").await?;
        }
        Ok(())
    }

    /// The last call so far of each organization.
    async fn last_calls(&self) -> Result<Vec<u64>> {
        let mut last = Vec::new();
        for sandbox in self.sandboxes() {
            last.push(sandbox.last_call().await?);
        }
        Ok(last)
    }

    /// Fails when, after these calls, a replica called AWS for an organization again after another one had taken over.
    async fn one_after_the_other_since(&self, calls: &[u64]) -> Result<()> {
        for ((name, sandbox), after) in NAMES.iter().zip(self.sandboxes()).zip(calls) {
            one_after_the_other(&callers(sandbox, *after, false).await?).with_context(|| (*name).to_owned())?;
        }
        Ok(())
    }

    /// Each object and organization is on the page of one replica, and it is the one that leads it.
    async fn pages_agree(&self, leaders: &BTreeMap<String, String>) -> Result<()> {
        eventually("the pages to agree with the Leases", || async {
            let mut common = 0.0;
            for (identity, operator) in &self.replicas.running {
                let page = operator.metrics().await?;
                common += operator.metric("soc2_leader").await?;
                for (name, holder) in leaders {
                    let (leads, shown) = (holder == identity, format!("name=\"{name}-set\""));
                    let series = format!("soc2_organization_leader{{organization=\"{name}\"}} {}.0", u8::from(leads));
                    ensure!(page.contains(&series), "{identity} does not say {series}");
                    ensure!(page.contains(&shown) == leads, "{identity} shows the set of {name}: {}", !leads);
                }
                let said: BTreeMap<String, String> = operator.readiness().await?["leaders"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|leader| Some((leader["organization"].as_str()?.to_owned(), text(&leader["identity"]))))
                    .collect();
                ensure!(said == *leaders, "{identity} says {said:?}");
            }
            ensure!((common - 1.0).abs() < 0.1, "{common} replicas lead the rest");
            Ok(())
        })
        .await
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn organizations_spread_over_replicas_and_outlive_one() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.replicas.tend(3).await?;
    for operator in scene.replicas.running.values() {
        operator.ready().await?;
    }
    for (number, name) in NAMES.iter().enumerate() {
        let first = if number == 0 { String::new() } else { format!("9{number}") };
        scene.stand.plane.apply_yaml(&organization(name, &first)).await?;
        scene.stand.plane.apply_yaml(&set(name)).await?;
    }
    let before = scene.spread(&[2, 2, 2]).await?;
    for name in NAMES {
        scene.stand.condition("grset", &format!("{name}-set"), "InSync", "True", "InSync").await?;
    }
    scene.pages_agree(&before).await?;

    scene.one_after_the_other_since(&[0; NAMES.len()]).await?;
    let victim = before["acme"].clone();
    scene.replicas.kill(&victim)?;
    // Who gave an organization to the victim may get it back.
    let killed = scene.last_calls().await?;
    let after = scene.spread(&[3, 3]).await?;
    ensure!(!after.values().any(|holder| *holder == victim), "{after:?}");
    scene.all_is_right().await?;
    scene.pages_agree(&after).await?;

    // A replica that comes gets its share, from both.
    scene.replicas.tend(3).await?;
    let shared = scene.spread(&[2, 2, 2]).await?;
    scene.all_is_right().await?;
    scene.pages_agree(&shared).await?;

    // An organization that goes takes its Lease with it.
    scene.stand.kubectl(&["delete", "grset", "zeta-set", "--timeout=60s"]).await?;
    scene.stand.kubectl(&["delete", "awsorg", "zeta"]).await?;
    eventually("its Lease to be gone", || async {
        let list = scene.stand.plane.read(LEASES).await?;
        let leases = list["items"].as_array().cloned().unwrap_or_default();
        ensure!(!leases.iter().any(|lease| lease["metadata"]["name"] == "soc2-operator.zeta"), "it is there");
        Ok(())
    })
    .await?;
    scene.one_after_the_other_since(&killed).await?;
    for (name, sandbox) in NAMES.iter().zip(scene.sandboxes()) {
        let callers = callers(sandbox, 0, false).await?;
        ensure!(callers.len() <= 4, "{name} changed hands more often than it had to: {callers:?}, then {shared:?}");
    }
    Ok(())
}
