//! The commands of the documentation, run as they stand there: the charts, the stacks, the operator at work.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use controlplane::{ControlPlane, tools};
use e2e::chart::RELEASE;
use e2e::objects::{at, exception, object, profile};
use e2e::pool::Plane;
use e2e::{Stand, binaries, eventually};
use serde_json::json;

use crate::aws_of_moto::Moto;
use crate::chart_install::{json as read, kubectl};
use crate::pages::{Block, Left, Part};

/// A terminal: a folder with what a clone has, programs in the path, variables.
pub(crate) struct Terminal {
    dir: tempfile::TempDir,
    path: String,
    env: Vec<(String, String)>,
}

impl Terminal {
    /// With these folders in front of the path.
    pub(crate) fn new(programs: &[&Path]) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        for name in ["charts", "docs", "deploy", "crds"] {
            std::os::unix::fs::symlink(binaries::repository().join(name), dir.path().join(name))?;
        }
        let mut folders: Vec<String> = Vec::new();
        for program in programs {
            folders.push(program.parent().context("a program")?.display().to_string());
        }
        let path = format!("{}:{}", folders.join(":"), std::env::var("PATH")?);
        Ok(Self { dir, path, env: Vec::new() })
    }

    /// The folder.
    pub(crate) fn dir(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    /// Sets a variable.
    pub(crate) fn set(&mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) {
        self.env.push((name.to_owned(), value.as_ref().to_string_lossy().into_owned()));
    }

    /// Runs commands; gives the exit code and everything that was printed.
    pub(crate) async fn output(&self, script: &str) -> Result<(i32, String)> {
        let output = tokio::process::Command::new("bash")
            .args(["-euc", &format!("{{\n{script}\n}} 2>&1")])
            .current_dir(self.dir.path())
            .env("PATH", &self.path)
            .env_remove("AWS_PROFILE")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await?;
        Ok((output.status.code().context("a signal")?, String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    /// Runs a block, with something filled in; it has to succeed.
    pub(crate) async fn run(&self, block: &Block, filled_in: &[(&str, &str)]) -> Result<String> {
        let mut script = block.text.clone();
        for (place, value) in filled_in {
            ensure!(script.contains(place), "{}:{} has no {place}", block.page, block.line);
            script = script.replace(place, value);
        }
        let (code, said) = self.output(&script).await?;
        ensure!(code == 0, "{}:{} ended with {code}:\n{script}\n{said}", block.page, block.line);
        Ok(said)
    }
}

async fn replicas(plane: &ControlPlane) -> Result<u64> {
    let deployment = read(plane, &["deployment", RELEASE, "-n", RELEASE]).await?;
    Ok(deployment["status"]["readyReplicas"].as_u64().unwrap_or_default())
}

#[tokio::test]
async fn the_commands_about_the_charts_do_what_they_say() -> Result<()> {
    let plane = Plane::of_its_own(ControlPlane::builder().nodes(2)).await?;
    let mut left = Left::of(Part::Charts)?;
    let helm = tokio::task::spawn_blocking(tools::helm).await??;
    let mut terminal = Terminal::new(&[&helm, &plane.tools().kubectl()])?;
    terminal.set("KUBECONFIG", plane.admin_kubeconfig());
    for (variable, folder) in [
        ("HELM_CACHE_HOME", "cache"),
        ("HELM_CONFIG_HOME", "config"),
        ("HELM_DATA_HOME", "data"),
        ("KUBECACHEDIR", "kube"),
    ] {
        terminal.set(variable, terminal.dir().join(folder));
    }
    terminal.run(&left.take("docs/install.md", "kubectl create namespace")?, &[]).await?;
    let install = left.take("README.md", "helm upgrade --install")?;
    terminal.run(&install, &[]).await?;
    ensure!(replicas(&plane).await? == 2, "the commands of the README wait until both replicas are ready");
    terminal.run(&left.take("docs/upgrade.md", "helm upgrade")?, &[]).await?;
    ensure!(replicas(&plane).await? == 2, "the upgrade waits too");

    // The operator goes, and comes back over what was left.
    terminal.run(&left.take("docs/uninstall.md", "helm uninstall soc2-operator ")?, &[]).await?;
    terminal.run(&left.take("docs/install.md", "helm upgrade --install")?, &[]).await?;
    ensure!(replicas(&plane).await? == 2, "the commands of docs/install.md wait too");

    // A set that hangs in deletion because the operator is gone.
    plane.apply_yaml(&binaries::read("docs/samples/guardrails.yaml")?).await?;
    let finalizer = r#"{"metadata": {"finalizers": ["soc2-operator.dev/guardrails"]}}"#;
    kubectl(&plane, &["patch", "grset", "leave-org", "--type=merge", "-p", finalizer]).await?;
    kubectl(&plane, &["delete", "grset", "leave-org", "--wait=false"]).await?;
    let finalizers = left.take("docs/uninstall.md", "kubectl patch grset NAME")?;
    terminal.run(&finalizers, &[("NAME", "leave-org")]).await?;

    // For good.
    for name in ["organization", "profile", "guardrails"] {
        plane.apply_yaml(&binaries::read(&format!("docs/samples/{name}.yaml"))?).await?;
    }
    terminal.run(&left.take("docs/uninstall.md", "kubectl delete grset --all")?, &[]).await?;
    terminal.run(&left.take("docs/uninstall.md", "kubectl get awsorg,")?, &[]).await?;
    let saved = std::fs::read_to_string(terminal.dir().join("soc2-objects.yaml"))?;
    ensure!(saved.contains("kind: ComplianceProfile") && saved.contains("name: acme"), "{saved}");
    let kinds = kubectl(&plane, &["api-resources", "--api-group=soc2-operator.dev", "-o", "name"]).await?;
    ensure!(kinds.is_empty(), "left: {kinds}");
    left.nothing()
}

/// Credentials of an account of moto, for a terminal.
fn as_account(moto: &Moto, account: &str) -> Result<[(&'static str, String); 3]> {
    let role = format!("arn:aws:iam::{account}:role/admin");
    let given = moto.aws(&["sts", "assume-role", "--role-arn", &role, "--role-session-name", "admin"])?;
    let field = |name: &str| given["Credentials"][name].as_str().map(str::to_owned).context("credentials");
    Ok([
        ("AWS_ACCESS_KEY_ID", field("AccessKeyId")?),
        ("AWS_SECRET_ACCESS_KEY", field("SecretAccessKey")?),
        ("AWS_SESSION_TOKEN", field("SessionToken")?),
    ])
}

#[tokio::test]
async fn the_commands_about_stacks_do_what_they_say() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let moto = Moto::start(dir.path()).await?;
    // A StackSet for an organization needs one.
    moto.aws(&["organizations", "create-organization", "--feature-set", "ALL"])?;
    let mut left = Left::of(Part::CloudFormation)?;
    // Roles of different accounts have the same names.
    for (start, account) in [
        ("aws cloudformation deploy --stack-name soc2-operator-pod", "999999999999"),
        ("aws cloudformation deploy --stack-name soc2-operator ", "111111111111"),
        ("aws cloudformation deploy --stack-name soc2-operator ", "222222222222"),
        ("aws iam put-role-policy", "222222222222"),
        ("aws cloudformation create-stack-set", "123456789012"),
    ] {
        let block = left.take("docs/install.md", start)?;
        let mut terminal = Terminal::new(&[])?;
        for (name, value) in as_account(&moto, account)? {
            terminal.set(name, value);
        }
        for (name, value) in
            [("AWS_ENDPOINT_URL", moto.url.as_str()), ("AWS_DEFAULT_REGION", "us-east-1"), ("AWS_PAGER", "")]
        {
            terminal.set(name, value);
        }
        terminal.run(&block, &[]).await?;
        let (code, roles) = terminal.output("aws iam list-roles --query 'Roles[].RoleName' --output text").await?;
        ensure!(code == 0 && (roles.contains("soc2-") || start.contains("stack-set")), "no role was made: {roles}");
    }
    left.nothing()
}

/// Objects that the pages of the kinds name, beside the samples.
async fn named_objects(stand: &Stand) -> Result<()> {
    stand.apply_file("docs/samples/baselines.yaml").await?;
    stand.plane.apply_yaml("{apiVersion: v1, kind: Namespace, metadata: {name: team-payments}}").await?;
    let catalog = json!({"extends": "soc2", "controls": [{"id": "S3.2", "severity": "Low"}]});
    let release = json!({
        "organizationRef": {"name": "acme"}, "target": "Workloads", "baseline": "deny-leave-org", "reason": "to be shown",
        "releasedBy": "oncall@example.com", "startsAt": at(-60), "expiresAt": at(3600),
    });
    for yaml in [
        exception("team-payments/mfa-for-scanner", "IAM.5", "333333333333", json!({})),
        object("ControlCatalog", "soc2-acme", catalog),
        profile("people", json!({})),
        object("GuardrailRelease", "released", release),
    ] {
        stand.plane.apply_yaml(&yaml).await.with_context(|| yaml.clone())?;
    }
    Ok(())
}

#[tokio::test]
async fn the_commands_for_the_operator_at_work_do_what_they_say() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = stand.operator().await?;
    let mut left = Left::of(Part::Cluster)?;
    let mut terminal = Terminal::new(&[&stand.plane.tools().kubectl()])?;
    for (name, value) in [
        ("AWS_ENDPOINT_URL", stand.sandbox.aws.as_str()),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "AKIASANDBOXCLOUDSEC0"),
        ("AWS_SECRET_ACCESS_KEY", "any"),
    ] {
        terminal.set(name, value);
    }
    terminal.set("KUBECONFIG", stand.plane.admin_kubeconfig());
    terminal.set("KUBECACHEDIR", terminal.dir().join("kube"));
    // The object of docs/install.md, then its commands; then that of the README over it.
    let page = binaries::read("docs/install.md")?;
    let yaml =
        page.split("## 5.").nth(1).and_then(|rest| rest.split("```yaml\n").nth(1)).context("the organization")?;
    stand.plane.apply_yaml(yaml.split("```").next().unwrap_or_default()).await?;
    let said = terminal.run(&left.take("docs/install.md", "kubectl get awsorg")?, &[]).await;
    let said = said.with_context(|| operator.log())?;
    ensure!(said.contains("OrganizationRead=True"), "{said}");
    let said = terminal.run(&left.take("README.md", "kubectl apply -f docs/samples")?, &[]).await?;
    ensure!(said.contains("acme") && said.contains("production"), "{said}");
    let said = terminal.run(&left.take("docs/security.md", "kubectl auth can-i")?, &[]).await?;
    ensure!(said.contains("guardrailsets") && said.contains("leases") && !said.contains("secrets"), "{said}");

    stand.apply_samples().await?;
    stand.condition("grset", "leave-org", "InSync", "True", "").await?;
    named_objects(&stand).await?;
    stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;
    stand.condition("cprof", "people", "Ready", "True", "Assessed").await?;
    // The commands show what fails, once it is known.
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "").await?;
    eventually("a posture with what fails", || async {
        let posture = stand.get("apos", "production-333333333333").await?;
        ensure!(posture["controls"].is_array(), "{posture}");
        Ok(())
    })
    .await?;
    // A moment after a kind is there, the API server can explain it.
    let explained = || stand.kubectl(&["explain", "cprof.spec.targets"]);
    eventually("the kinds to be explained", explained).await?;
    let unit = stand.sandbox.unit("Workloads").await?;
    for block in left.take_all("docs/kinds/") {
        let filled_in: &[(&str, &str)] = match block.page.as_str() {
            "docs/kinds/controlattestation.md" => &[("production", "people")],
            "docs/kinds/guardrailrelease.md" => &[("NAME", "released")],
            "docs/kinds/guardrailset.md" if block.text.contains("ou-ab12") => &[("ou-ab12-11111111", &unit)],
            _ => &[],
        };
        terminal.run(&block, filled_in).await?;
    }
    left.nothing()
}
