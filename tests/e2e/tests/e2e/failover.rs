//! Two replicas and what befalls them while guardrails are being written: killed, frozen for longer than the Lease, cut off from the
//! Kubernetes API, asked to end; and their clocks are half a minute apart all the while. Nothing is written twice or by whoever leads no more, and nothing is lost.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::objects::object;
use e2e::promise::Before;
use e2e::replicas::{LEASES, Replicas, at_work, callers, leaders, one_after_the_other, tending};
use e2e::stand::Stand;
use e2e::{Operator, eventually};
use serde_json::{Value, json};

const FLAGS: &[&str] = &["--lease-duration", "2s", "--aws-write-attempt-timeout", "1s"];
/// Longer than the Lease.
const FREEZE: Duration = Duration::from_millis(3_500);
/// By how many seconds the clocks of two replicas differ, one after the other.
const CLOCKS_APART: i64 = 30;
/// Units with a set each, and a Region that only its set allows: so each has a policy of its own.
const UNITS: [(&str, &str); 3] =
    [("Workloads/Prod", "sa-east-1"), ("Workloads/Dev", "ap-northeast-1"), ("Sandbox", "ap-southeast-1")];
/// Each change takes one away: that strengthens, and needs no approval.
const REGIONS: [&str; 12] = [
    "eu-west-1",
    "us-east-1",
    "us-west-2",
    "us-east-2",
    "us-west-1",
    "eu-central-1",
    "eu-west-2",
    "eu-west-3",
    "eu-north-1",
    "eu-south-1",
    "ap-south-1",
    "ca-central-1",
];

/// What befalls the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Kill,
    Freeze,
    ApiServer,
    Terminate,
}

/// What happens in ten changes.
const FAULTS: [Fault; 10] = [
    Fault::Kill,
    Fault::Freeze,
    Fault::ApiServer,
    Fault::Kill,
    Fault::Terminate,
    Fault::Kill,
    Fault::Freeze,
    Fault::Kill,
    Fault::Terminate,
    Fault::Kill,
];

/// The sets with so many Regions.
fn sets(series: usize, regions: usize) -> impl Iterator<Item = String> {
    UNITS.into_iter().map(move |(unit, own)| set(series, unit, own, regions))
}

fn set(series: usize, unit: &str, own: &str, regions: usize) -> String {
    let allowed: Vec<&str> = REGIONS[..regions].iter().copied().chain([own]).collect();
    let name = format!("regions-{series}-{}", unit.to_lowercase().replace('/', "-"));
    let spec = json!({
        "organizationRef": {"name": "acme"}, "targets": {"include": [{"organizationalUnit": {"path": unit}}]},
        "baselines": [{"name": "restrict-regions", "parameters": {"allowedRegions": allowed}}],
        "mode": "Enforce", "approval": "Automatic", "maxAffectedAccounts": "20",
    });
    object("GuardrailSet", &name, spec)
}

/// Every set says that it is in sync as it is declared now, and AWS has exactly what is declared.
async fn in_place(stand: &Stand, regions: usize) -> Result<()> {
    for set in stand.list("grset").await? {
        let found = e2e::stand::condition_of(&set, "InSync").context("not looked at")?;
        let current = set["status"]["observedGeneration"] == set["metadata"]["generation"];
        ensure!(found["status"] == "True" && current, "{:#}", set["status"]);
    }
    let found = stand.sandbox.get("/world/policies").await?;
    let policies = found["policies"].as_array().cloned().unwrap_or_default();
    let ours = policies
        .iter()
        .filter(|policy| policy["name"].as_str().is_some_and(|name| name.starts_with("soc2-acme-restrict-regions")));
    let mut count = 0;
    for policy in ours {
        let content = policy["content"].to_string();
        let wanted = REGIONS.iter().enumerate().all(|(at, region)| content.contains(region) == (at < regions));
        ensure!(wanted, "{policy:#}");
        count += policy["targets"].as_array().map_or(0, Vec::len);
    }
    ensure!(count == UNITS.len(), "{count} attachments: {policies:#?}");
    Ok(())
}

struct Scene {
    stand: Stand,
    replicas: Replicas,
    /// Number of the last call before the first change.
    first: u64,
    took: Vec<f64>,
}

impl Scene {
    async fn start() -> Result<Self> {
        let stand = Stand::start().await?;
        let organization = format!("{}  guardrails: {{propagationDelay: 0s}}\n", Stand::hasty_organization()?);
        stand.plane.apply_yaml(&organization).await?;
        stand.apply_file("docs/samples/profile.yaml").await?;
        let mut replicas = Replicas::new(stand.operator_options().with_flags(FLAGS)).with_clocks_apart(CLOCKS_APART);
        replicas.tend(2).await?;
        stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;
        stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;
        let first = stand.sandbox.last_call().await?;
        Ok(Self { stand, replicas, first, took: Vec::new() })
    }

    async fn leader(&mut self) -> Result<String> {
        self.tending("a leader", async |stand, replicas| {
            let holder = leaders(stand).await?.remove("acme").unwrap_or_default();
            ensure!(replicas.running.contains_key(&holder), "{holder:?} leads");
            Ok(holder)
        })
        .await
    }

    async fn tending<T, F>(&mut self, what: &str, ask: F) -> Result<T>
    where
        F: AsyncFnMut(&Stand, &Replicas) -> Result<T>,
    {
        tending(&self.stand, &mut self.replicas, 2, what, ask).await
    }

    /// Changes every set, and lets the fault befall whoever is about to write it.
    async fn round(&mut self, fault: Fault, series: usize, regions: usize) -> Result<()> {
        let leader = self.leader().await?;
        self.clocks_differ().await?;
        let last = self.stand.sandbox.last_call().await?;
        for set in sets(series, regions) {
            self.stand.plane.apply_yaml(&set).await?;
        }
        self.tending("the first write of the change", async |stand, _| {
            ensure!(!callers(&stand.sandbox, last, true).await?.is_empty(), "none yet");
            Ok(())
        })
        .await?;
        // Who is gone by now has been replaced already.
        if self.replicas.running.contains_key(&leader) {
            self.befall(fault, &leader).await?;
        }
        self.settled(regions).await
    }

    /// The clocks of those who lead are as far apart as they are said to be: each writes its own time into the Lease.
    async fn clocks_differ(&mut self) -> Result<()> {
        self.tending("the leader to write its own time", async |stand, replicas| {
            let lease = stand.plane.read(&format!("{LEASES}/soc2-operator.acme")).await?;
            let renewed: jiff::Timestamp = lease["spec"]["renewTime"].as_str().context("renewTime")?.parse()?;
            let ahead = renewed.duration_since(jiff::Timestamp::now()).as_secs();
            let said = replicas.ahead(lease["spec"]["holderIdentity"].as_str().context("nobody leads")?)?;
            ensure!((said - ahead).abs() < CLOCKS_APART / 2, "it is {ahead} s ahead, not {said} s: {lease:#}");
            Ok(())
        })
        .await
    }

    async fn befall(&mut self, fault: Fault, leader: &str) -> Result<()> {
        match fault {
            Fault::Kill => {
                self.replicas.kill(leader)?;
                let killed = Instant::now();
                self.tending("another leader that works", async |stand, replicas| {
                    at_work(stand, replicas, "acme", "production").await
                })
                .await?;
                self.took.push(killed.elapsed().as_secs_f64());
            }
            Fault::Freeze => {
                self.replicas.get(leader)?.freeze()?;
                tokio::time::sleep(FREEZE).await;
                self.tending("the other one to lead", async |stand, _| {
                    let holder = leaders(stand).await?.remove("acme").unwrap_or_default();
                    ensure!(holder != leader, "{holder} still has the Lease");
                    Ok(())
                })
                .await?;
                self.replicas.get(leader)?.thaw()?;
                let mut frozen = self.replicas.running.remove(leader).context("the frozen one")?;
                for _ in 0..300 {
                    if frozen.check_running().is_err() {
                        return Ok(());
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                anyhow::bail!("{leader} lost its Lease and goes on:\n{}", frozen.log());
            }
            Fault::ApiServer => {
                self.stand.plane.pause_apiserver()?;
                tokio::time::sleep(FREEZE).await;
                self.stand.plane.resume_apiserver().await?;
            }
            Fault::Terminate => {
                let operator = self.replicas.running.remove(leader).context("the leader")?;
                operator.terminate().await?;
                // At its end it gives the Lease back: nobody has to wait until that is over.
                let holder = leaders(&self.stand).await?.remove("acme").context("no Lease")?;
                ensure!(holder != leader, "{leader} has ended and holds the Lease");
            }
        }
        Ok(())
    }

    /// Replaces what ends until everything is as declared.
    async fn settled(&mut self, regions: usize) -> Result<()> {
        self.tending("everything to be as declared", async |stand, _| in_place(stand, regions).await).await
    }

    /// Lets go of the sets and takes their policies away, so that the next series can begin.
    async fn clear(&self) -> Result<()> {
        self.stand.kubectl(&["annotate", "--all", "grset", "soc2-operator.dev/abandon=true"]).await?;
        self.stand.kubectl(&["delete", "--all", "grset"]).await?;
        let found = self.stand.sandbox.get("/world/policies").await?;
        for policy in found["policies"].as_array().into_iter().flatten() {
            if policy["name"].as_str().is_some_and(|name| name.starts_with("soc2-")) {
                let id = policy["id"].as_str().context("id")?;
                self.stand.sandbox.delete(&format!("/world/policies/{id}")).await?;
            }
        }
        Ok(())
    }

    /// What the postures say when they do not change any more.
    async fn settled_postures(&mut self) -> Result<BTreeMap<String, Value>> {
        self.tending("the postures to settle", async |stand, _| {
            let first = said_of_accounts(stand).await?;
            // Longer than an interval of the organization.
            tokio::time::sleep(Duration::from_secs(6)).await;
            ensure!(!first.is_empty() && first == said_of_accounts(stand).await?, "still changing");
            Ok(first)
        })
        .await
    }
}

/// What each posture says failed or is unknown, and since when, by name.
async fn said_of_accounts(stand: &Stand) -> Result<BTreeMap<String, Value>> {
    let said = |posture: Value| {
        let name = posture["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        (name, json!([posture["failed"], posture["unknown"], posture["summary"]]))
    };
    Ok(stand.list("apos").await?.into_iter().map(said).collect())
}

#[tokio::test]
async fn nothing_is_written_twice_and_nothing_is_lost() -> Result<()> {
    let times = if std::env::var_os("SOC2_SOAK").is_some() { 10 } else { 1 };
    let mut scene = Scene::start().await?;
    let mut postures = None;
    for series in 0..times {
        let before = Before::of(&scene.stand.sandbox).await?;
        for set in sets(series, REGIONS.len()) {
            scene.stand.plane.apply_yaml(&set).await?;
        }
        scene.settled(REGIONS.len()).await?;
        if postures.is_none() {
            postures = Some(scene.settled_postures().await?);
        }
        for (round, fault) in FAULTS.into_iter().enumerate() {
            let regions = REGIONS.len() - 1 - round;
            let context = || format!("series {series}, round {round}: {fault:?}");
            scene.round(fault, series, regions).await.with_context(context)?;
        }
        // Each write had an effect, and at no instant was anybody less protected or more restricted than before and after.
        before.kept(&scene.stand.sandbox).await?;
        scene.clear().await?;
    }
    // Nor did anybody write who led no more.
    let writers = callers(&scene.stand.sandbox, scene.first, true).await?;
    one_after_the_other(&writers)?;
    // Whatever befalls the leader is while it writes; only a pause of the API server may leave it the leader.
    let changes = FAULTS.iter().filter(|fault| **fault != Fault::ApiServer).count();
    ensure!(writers.len() >= times * changes, "{} leaders wrote in {} fail-overs", writers.len(), times * FAULTS.len());
    scene
        .tending("postures that say the same as before, since the same times", async |stand, _| {
            let (before, after) = (postures.as_ref().context("no postures")?, said_of_accounts(stand).await?);
            let differs = before.iter().find(|(name, said)| after.get(*name) != Some(*said));
            ensure!(differs.is_none(), "before {differs:?}, now {:?}", differs.map(|(name, _)| after.get(name)));
            Ok(())
        })
        .await?;
    scene.took.sort_by(f64::total_cmp);
    eprintln!("kill -9 until another replica has assessed everything, with a Lease of 2 s: {:.1?} s", scene.took);
    Ok(())
}

/// A Lease as a replica wrote it whose clock is `skew` seconds off, and which is gone.
async fn left_behind(stand: &Stand, name: &str, skew: i64) -> Result<()> {
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(skew);
    let at = at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"namespace": "soc2-operator", "name": name, "annotations": {"soc2-operator.dev/per-organization": "true"}},
        "spec": {"holderIdentity": "gone", "leaseDurationSeconds": 6, "acquireTime": at, "renewTime": at},
    });
    stand.plane.apply_yaml(&lease.to_string()).await.map(drop)
}

#[tokio::test]
async fn clocks_that_differ_neither_hasten_nor_delay_who_takes_over() -> Result<()> {
    let stand = Stand::start().await?;
    stand.plane.apply_yaml(&Stand::hasty_organization()?).await?;
    left_behind(&stand, "soc2-operator", -30).await?;
    left_behind(&stand, "soc2-operator.acme", 30).await?;
    let started = Instant::now();
    let operator = Operator::start(stand.operator_options()).await?;
    operator.ready().await?;
    // A follower says who leads, and makes no call.
    let report = operator.readiness().await?;
    let gone = report["leaders"].as_array().into_iter().flatten().filter(|leader| leader["identity"] == "gone");
    ensure!(gone.count() == 2, "{report:#}");
    ensure!(stand.sandbox.last_call().await? == 0, "a follower called AWS");
    eventually("the operator to lead", || async {
        ensure!(operator.metric("soc2_leader").await? >= 1.0, "not yet");
        ensure!(operator.metric("soc2_organization_leader{organization=\"acme\"}").await? >= 1.0, "not yet");
        Ok(())
    })
    .await?;
    let took = started.elapsed();
    ensure!(Duration::from_secs(6) < took && took < Duration::from_secs(20), "it took {took:?}");
    for name in ["soc2-operator", "soc2-operator.acme"] {
        let lease = stand.plane.read(&format!("{LEASES}/{name}")).await?;
        ensure!(lease["spec"]["leaseTransitions"] == 1 && lease["spec"]["holderIdentity"] == "operator-0", "{lease:#}");
    }
    Ok(())
}

#[tokio::test]
async fn a_version_that_knows_one_lease_is_not_disturbed() -> Result<()> {
    let stand = Stand::start().await?;
    stand.plane.apply_yaml(&Stand::hasty_organization()?).await?;
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"namespace": "soc2-operator", "name": "soc2-operator"},
        "spec": {"holderIdentity": "older", "leaseDurationSeconds": 600},
    });
    stand.plane.apply_yaml(&lease.to_string()).await?;
    let operator = Operator::start(stand.operator_options()).await?;
    operator.ready().await?;
    eventually("the organization to be known", || async {
        ensure!(operator.metric("soc2_organization_leader{organization=\"acme\"}").await? < 1.0);
        Ok(())
    })
    .await?;
    ensure!(leaders(&stand).await?.is_empty(), "an organization was taken from an older version");
    // It ends as a new version takes its place.
    let released = json!({"spec": {"holderIdentity": ""}}).to_string();
    stand.kubectl(&["patch", "lease", "-n", "soc2-operator", "soc2-operator", "--type=merge", "-p", &released]).await?;
    stand.condition("awsorg", "acme", "OrganizationRead", "True", "Read").await?;
    Ok(())
}
