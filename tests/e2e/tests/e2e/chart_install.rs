//! The charts in a cluster: installed with `--wait` where pods have to be hardened, upgraded, rolled back, uninstalled.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use controlplane::ControlPlane;
use controlplane::process::{Server, Watchdog};
use e2e::chart::{Helm, RELEASE};
use e2e::pool::Plane;
use e2e::{binaries, eventually};
use serde_json::Value;

const CRDS: &str = "charts/soc2-operator-crds";
const CHART: &str = "charts/soc2-operator";

pub(crate) async fn kubectl(plane: &ControlPlane, args: &[&str]) -> Result<String> {
    let output = plane.kubectl(args).await?;
    ensure!(output.status.success(), "kubectl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

pub(crate) async fn json(plane: &ControlPlane, args: &[&str]) -> Result<Value> {
    Ok(serde_json::from_str(&kubectl(plane, &[&["get", "-o", "json"], args].concat()).await?)?)
}

/// A namespace that takes only pods that are hardened as far as Kubernetes knows.
async fn restricted(plane: &ControlPlane) -> Result<()> {
    let namespace = "{apiVersion: v1, kind: Namespace, metadata: {name: soc2-operator, labels: {\
        pod-security.kubernetes.io/enforce: restricted, pod-security.kubernetes.io/warn: restricted}}}";
    plane.apply_yaml(namespace).await?;
    Ok(())
}

/// What a person types. Waits until everything is ready.
async fn install(helm: &Helm, chart: &str, release: &str, args: &[&str]) -> Result<String> {
    let command = ["upgrade", "--install", release, chart, "--namespace", RELEASE, "--wait", "--timeout", "3m"];
    helm.run(&[&command, args].concat()).await
}

async fn ready_replicas(plane: &ControlPlane) -> Result<u64> {
    let deployment = json(plane, &["deployment", RELEASE, "-n", RELEASE]).await?;
    Ok(deployment["status"]["readyReplicas"].as_u64().unwrap_or_default())
}

#[tokio::test]
async fn it_installs_upgrades_rolls_back_and_goes_and_the_data_stays() -> Result<()> {
    let plane = Plane::of_its_own(ControlPlane::builder().nodes(2)).await?;
    let helm = Helm::on(&plane).await?;
    restricted(&plane).await?;
    install(&helm, CRDS, "soc2-operator-crds", &[]).await?;
    install(&helm, CHART, RELEASE, &[]).await?;
    ensure!(ready_replicas(&plane).await? == 2, "helm waits until both replicas are ready");
    let pods = json(&plane, &["pods", "-n", RELEASE]).await?;
    let pods = pods["items"].as_array().context("pods")?;
    let nodes: BTreeSet<&str> = pods.iter().filter_map(|pod| pod["spec"]["nodeName"].as_str()).collect();
    ensure!(nodes.len() == 2, "two replicas are on {nodes:?}");
    let budget = eventually("the disruption budget to count", || async {
        let budget = json(&plane, &["pdb", RELEASE, "-n", RELEASE]).await?;
        ensure!(budget["status"]["expectedPods"] == 2, "{:#}", budget["status"]);
        Ok(budget)
    });
    ensure!(budget.await?["status"]["disruptionsAllowed"] == 1, "one replica may go");

    policies_fit_the_kinds(&plane).await?;
    let data = Data::of(&plane).await?;
    install(&helm, CHART, RELEASE, &["--set", "replicas=3", "--set", "operator.logLevel=debug"]).await?;
    ensure!(ready_replicas(&plane).await? == 3, "the upgrade asks for three");
    helm.run(&["rollback", RELEASE, "1", "--namespace", RELEASE, "--wait", "--timeout", "3m"]).await?;
    ensure!(ready_replicas(&plane).await? == 2, "the rollback asks for two");
    let deployment = json(&plane, &["deployment", RELEASE, "-n", RELEASE]).await?;
    ensure!(deployment["spec"]["template"].to_string().contains("--log-level=info"), "{deployment:#}");

    for release in [RELEASE, "soc2-operator-crds"] {
        helm.run(&["uninstall", release, "--namespace", RELEASE, "--wait", "--timeout", "2m"]).await?;
    }
    left_behind(&plane).await?;
    data.unchanged(&plane).await?;
    // Both come back over what was kept, by the commands of the documentation, word for word.
    let page = binaries::read("docs/install.md")?;
    let section = page.split("## 4. The charts").nth(1).context("section 4 of docs/install.md")?;
    let block =
        section.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).context("a block of commands")?;
    helm.shell(block, plane.tools().bin()).await?;
    ensure!(ready_replicas(&plane).await? == 2, "the commands of docs/install.md wait until both replicas are ready");
    let account = json(&plane, &["serviceaccount", RELEASE, "-n", RELEASE]).await?;
    let role = &account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"];
    ensure!(role == "arn:aws:iam::999999999999:role/soc2-operator", "{account:#}");
    Ok(())
}

/// kube-controller-manager checks the expressions of policies against the kinds that they are about: it has nothing to say.
async fn policies_fit_the_kinds(plane: &ControlPlane) -> Result<()> {
    eventually("the policies to be checked", || async {
        let policies = json(plane, &["validatingadmissionpolicies"]).await?;
        let policies = policies["items"].as_array().context("policies")?;
        ensure!(policies.len() == 6, "{} policies", policies.len());
        for policy in policies {
            let (name, status) = (&policy["metadata"]["name"], &policy["status"]);
            ensure!(status["observedGeneration"] == 1, "{name} was not checked: {status:#}");
            ensure!(status["typeChecking"]["expressionWarnings"].is_null(), "{name}: {status:#}");
        }
        Ok(())
    })
    .await
}

/// Objects of ours, one of them with the operator's finalizer, as they were applied.
struct Data(Value);

impl Data {
    async fn of(plane: &ControlPlane) -> Result<Self> {
        for name in ["organization", "profile", "guardrails", "baselines"] {
            plane.apply_yaml(&binaries::read(&format!("docs/samples/{name}.yaml"))?).await.context(name)?;
        }
        let finalizer = r#"{"metadata": {"finalizers": ["soc2-operator.dev/guardrails"]}}"#;
        kubectl(plane, &["patch", "grset", "leave-org", "--type=merge", "-p", finalizer]).await?;
        Ok(Self(Self::read(plane).await?))
    }

    async fn read(plane: &ControlPlane) -> Result<Value> {
        Ok(json(plane, &["awsorg,cprof,grset,scpb"]).await?["items"].clone())
    }

    async fn unchanged(self, plane: &ControlPlane) -> Result<()> {
        let now = Self::read(plane).await?;
        ensure!(now == self.0, "objects of ours before: {:#}\nand after: {now:#}", self.0);
        Ok(())
    }
}

/// Fails if anything of the releases is left but the kinds.
async fn left_behind(plane: &ControlPlane) -> Result<()> {
    let kinds = "deployment,replicaset,pod,service,serviceaccount,role,rolebinding,clusterrole,clusterrolebinding,pdb,networkpolicy,\
        validatingadmissionpolicy,validatingadmissionpolicybinding,mutatingadmissionpolicy,mutatingadmissionpolicybinding";
    eventually("everything of the release to be gone", || async {
        let selector = "app.kubernetes.io/part-of=soc2-operator";
        let left = kubectl(plane, &["get", kinds, "-A", "-l", selector, "-o", "name"]).await?;
        ensure!(left.is_empty(), "{left}");
        Ok(())
    })
    .await?;
    let kinds = kubectl(plane, &["api-resources", "--api-group=soc2-operator.dev", "-o", "name"]).await?;
    let all = std::fs::read_dir(binaries::repository().join("crds/generated"))?.count();
    ensure!(kinds.lines().count() == all, "the kinds have to stay: {kinds}");
    Ok(())
}

/// A kubelet would run the pod's command; here the test does, with the pod's ServiceAccount.
#[tokio::test]
async fn the_pods_command_and_probes_work_under_the_charts_service_account() -> Result<()> {
    let plane = Plane::of_its_own(ControlPlane::builder()).await?;
    let helm = Helm::on(&plane).await?;
    restricted(&plane).await?;
    let command = ["install", "--namespace", RELEASE, "--wait=hookOnly"];
    helm.run(&[&command[..], &["soc2-operator-crds", CRDS]].concat()).await?;
    helm.run(&[&command[..], &[RELEASE, CHART]].concat()).await?;
    let deployment = json(&plane, &["deployment", RELEASE, "-n", RELEASE]).await?;
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];

    let dir = tempfile::tempdir()?;
    let identity = plane.service_account(RELEASE, RELEASE).await?;
    let mut command = Command::new(binaries::find("soc2-operator", "SOC2_OPERATOR")?);
    command.env_clear().env("KUBECONFIG", &identity.kubeconfig).env("AWS_EC2_METADATA_DISABLED", "true");
    for arg in container["args"].as_array().context("args")?.iter().filter_map(Value::as_str) {
        // The ports and folders of this machine are not the pod's.
        let arg = match arg.split_once('=') {
            Some(("--listen", _)) => "--listen=127.0.0.1:0".to_owned(),
            Some(("--state", _)) => format!("--state={}", dir.path().display()),
            Some(("--identity", _)) => "--identity=pod-0".to_owned(),
            _ => arg.to_owned(),
        };
        command.arg(arg);
    }
    let watchdog = Watchdog::spawn(dir.path())?;
    let mut server = Server::spawn("soc2-operator", command, dir.path(), &watchdog)?;
    let address = eventually("the operator to listen", || {
        let log = std::fs::read_to_string(server.log()).unwrap_or_default();
        async move { address(&log).context(log) }
    });
    let address = address.await?;
    let client = reqwest::Client::new();
    for probe in ["livenessProbe", "readinessProbe"] {
        let path = container[probe]["httpGet"]["path"].as_str().context(probe)?;
        eventually(probe, || async {
            let answer = client.get(format!("http://{address}{path}")).send().await?;
            ensure!(answer.status().is_success(), "{}", answer.text().await?);
            Ok(())
        })
        .await?;
    }
    server.check_running()?;
    let lease = json(&plane, &["lease", RELEASE, "-n", RELEASE]).await?;
    ensure!(lease["spec"]["holderIdentity"] == "pod-0", "{lease:#}");
    Ok(())
}

/// Where the operator listens, from its JSON log.
fn address(log: &str) -> Option<String> {
    let line = log.lines().find(|line| line.contains("listening:"))?;
    let line: Value = serde_json::from_str(line).ok()?;
    Some(line["fields"]["address"].as_str().or(line["address"].as_str())?.to_owned())
}
