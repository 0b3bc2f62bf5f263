//! A second AWS that no one here wrote: the operator's main job against moto server.
//!
//! moto and `aws` come from the Python tools of `make tools`; `make test` puts them first in PATH.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use controlplane::ControlPlane;
use controlplane::process::{Server, Watchdog};
use e2e::pool::Plane;
use e2e::stand::condition_of;
use e2e::wait::eventually_by_cli;
use e2e::{Operator, OperatorOptions, eventually};
use serde_json::{Value, json};

use crate::aws_cli::Cli;

const ACCOUNT: &str = "123456789012";
const REGION: &str = "us-east-1";

/// moto server, and the AWS CLI against it.
pub(crate) struct Moto {
    _server: Server,
    _watchdog: Watchdog,
    pub(crate) url: String,
    cli: Cli,
}

/// An access key of a user and its secret.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl Moto {
    pub(crate) async fn start(logs: &std::path::Path) -> Result<Self> {
        let watchdog = Watchdog::spawn(logs)?;
        let mut command = Command::new("moto_server");
        command.args(["-H", "127.0.0.1", "-p", "0"]);
        let mut server = Server::spawn("moto_server", command, logs, &watchdog)
            .context("moto_server is not in PATH: run `make tools`, and put the folder it prints first in PATH")?;
        let url = loop {
            server.check_running()?;
            let log = std::fs::read_to_string(server.log()).unwrap_or_default();
            if let Some((_, url)) = log.lines().find_map(|line| line.split_once("Running on ")) {
                break url.trim().to_owned();
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        };
        let cli = Cli::new(&url, "test", "test");
        let moto = Self { _server: server, _watchdog: watchdog, url, cli };
        eventually("moto server", || async { moto.aws(&["sts", "get-caller-identity"]).map(drop) }).await?;
        Ok(moto)
    }

    pub(crate) fn aws(&self, args: &[&str]) -> Result<Value> {
        self.cli.run_now(args)
    }

    /// A new user.
    pub(crate) fn user(&self, name: &str) -> Result<Keys> {
        self.aws(&["iam", "create-user", "--user-name", name])?;
        let given = self.aws(&["iam", "create-access-key", "--user-name", name])?;
        let given = |field: &str| given["AccessKey"][field].as_str().map(str::to_owned).context("access key");
        Ok(Keys { id: given("AccessKeyId")?, secret: given("SecretAccessKey")? })
    }

    /// Gives a user a policy, in the place of one that it may have.
    pub(crate) fn grant(&self, user: &str, policy: &Value) -> Result<()> {
        let put = ["iam", "put-user-policy", "--policy-name", "its", "--user-name", user];
        self.aws(&[&put[..], &["--policy-document", &policy.to_string()]].concat()).map(drop)
    }

    /// From now on signatures are verified and policies hold; the CLI is a user who may do everything.
    pub(crate) async fn enforce(&mut self) -> Result<()> {
        let admin = self.user("admin")?;
        let everything = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
        self.grant("admin", &json!({"Version": "2012-10-17", "Statement": [everything]}))?;
        let url = format!("{}/moto-api/reset-auth", self.url);
        let request = reqwest::Client::new().post(url).header("content-type", "text/plain").body("0");
        request.send().await?.error_for_status()?;
        self.cli = Cli::new(&self.url, &admin.id, &admin.secret);
        Ok(())
    }

    fn import(&self, control: &str, status: &str) -> Result<()> {
        let now = jiff::Timestamp::now().to_string();
        let finding = json!([{
            "SchemaVersion": "2018-10-08",
            "Id": format!("arn:aws:securityhub:{REGION}:{ACCOUNT}:security-control/{control}/finding/1"),
            "ProductArn": format!("arn:aws:securityhub:{REGION}::product/aws/securityhub"),
            "GeneratorId": format!("security-control/{control}"),
            "AwsAccountId": ACCOUNT, "Region": REGION, "Types": ["Software and Configuration Checks"],
            "CreatedAt": now, "UpdatedAt": now, "Severity": {"Label": "HIGH"}, "Title": control, "Description": control,
            "Resources": [{"Type": "AwsS3Bucket", "Id": format!("arn:aws:s3:::{}", control.to_lowercase()), "Region": REGION}],
            "Compliance": {"Status": status, "SecurityControlId": control,
                "AssociatedStandards": [{"StandardsId": "standards/aws-foundational-security-best-practices/v/1.0.0"}]},
            "Workflow": {"Status": "NEW"}, "RecordState": "ACTIVE",
        }]);
        let answer = self.aws(&["securityhub", "batch-import-findings", "--findings", &finding.to_string()])?;
        ensure!(answer["SuccessCount"] == 1, "{answer}");
        Ok(())
    }

    /// The operator's policy.
    fn policy(&self) -> Result<String> {
        let list = self.aws(&["organizations", "list-policies", "--filter", "SERVICE_CONTROL_POLICY"])?;
        let policies = list["Policies"].as_array().cloned().unwrap_or_default();
        let ours =
            policies.iter().find(|policy| policy["Name"].as_str().is_some_and(|name| name.starts_with("soc2-moto-")));
        ours.and_then(|policy| policy["Id"].as_str()).map(str::to_owned).context("no policy of the operator")
    }

    fn content(&self, policy: &str) -> Result<Value> {
        let found = self.aws(&["organizations", "describe-policy", "--policy-id", policy])?;
        Ok(serde_json::from_str(found["Policy"]["Content"].as_str().context("content")?)?)
    }
}

fn objects() -> [Value; 3] {
    let object = |kind: &str, name: &str, spec: Value| json!({"apiVersion": "soc2-operator.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    [
        object(
            "AwsOrganization",
            "moto",
            json!({
                "organizations": {"writeRole": {"arn": format!("arn:aws:iam::{ACCOUNT}:role/soc2-write")}},
                "securityHub": [{"name": "main", "regions": [REGION]}],
                "sync": {"organizationInterval": "5s", "findingsInterval": "5s", "fullSweepInterval": "1m"},
            }),
        ),
        object("ComplianceProfile", "all", json!({"organizationRef": {"name": "moto"}})),
        object(
            "GuardrailSet",
            "leave-org",
            json!({
                "organizationRef": {"name": "moto"}, "baselines": [{"name": "deny-leave-org"}], "mode": "Enforce", "approval": "Automatic",
                "targets": {"include": [{"organizationalUnit": {"path": "Workloads"}}]},
            }),
        ),
    ]
}

async fn get(plane: &ControlPlane, kind: &str, name: &str) -> Result<Value> {
    let output = plane.kubectl(["get", kind, name, "-o", "json"]).await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

async fn control_state(plane: &ControlPlane, control: &str) -> Result<&'static str> {
    let posture = get(plane, "apos", &format!("all-{ACCOUNT}")).await?;
    let has = |list: &Value| list.as_array().is_some_and(|ids| ids.iter().any(|id| id == control));
    let failed = posture["controls"].as_array().is_some_and(|rows| rows.iter().any(|row| row["id"] == control));
    Ok(if failed {
        "Failed"
    } else if has(&posture["passed"]) {
        "Passed"
    } else {
        "Other"
    })
}

/// What an administrator sets up: an organization with one unit and account, Security Hub with two findings.
fn set_up(moto: &Moto) -> Result<String> {
    moto.aws(&["organizations", "create-organization", "--feature-set", "ALL"])?;
    let root = moto.aws(&["organizations", "list-roots"])?["Roots"][0]["Id"].as_str().context("root")?.to_owned();
    moto.aws(&["organizations", "enable-policy-type", "--root-id", &root, "--policy-type", "SERVICE_CONTROL_POLICY"])?;
    let unit =
        moto.aws(&["organizations", "create-organizational-unit", "--parent-id", &root, "--name", "Workloads"])?;
    let unit = unit["OrganizationalUnit"]["Id"].as_str().context("unit")?.to_owned();
    let created =
        moto.aws(&["organizations", "create-account", "--email", "a@example.com", "--account-name", "payments"])?;
    let account = created["CreateAccountStatus"]["AccountId"].as_str().context("account")?.to_owned();
    let (from, to) = (["--source-parent-id", &root], ["--destination-parent-id", &unit]);
    let moved = ["organizations", "move-account", "--account-id", &account];
    moto.aws(&[&moved[..], &from[..], &to[..]].concat())?;
    moto.aws(&["securityhub", "enable-security-hub"])?;
    moto.import("S3.2", "FAILED")?;
    moto.import("S3.3", "PASSED")?;
    Ok(unit)
}

/// Waits until the policy is attached to the unit.
async fn attached(moto: &Moto, policy: &str, unit: &str) -> Result<()> {
    eventually_by_cli("the attachment", || async {
        let targets = moto.aws(&["organizations", "list-targets-for-policy", "--policy-id", policy])?;
        let found =
            targets["Targets"].as_array().is_some_and(|found| found.iter().any(|target| target["TargetId"] == unit));
        ensure!(found, "{targets}");
        Ok(())
    })
    .await
}

/// The organization is read, findings become posture.
async fn read_and_assessed(plane: &ControlPlane) -> Result<()> {
    eventually("the organization to be read", || async {
        let object = get(plane, "awsorg", "moto").await?;
        let read = condition_of(&object, "OrganizationRead").context("not yet")?;
        ensure!(read["status"] == "True" && object["status"]["accounts"]["active"] == 2, "{:#}", object["status"]);
        Ok(())
    })
    .await?;
    eventually("S3.2 to fail and S3.3 to pass", || async {
        let states = (control_state(plane, "S3.2").await?, control_state(plane, "S3.3").await?);
        if states == ("Failed", "Passed") { Ok(()) } else { bail!("{states:?}") }
    })
    .await
}

#[tokio::test]
async fn the_main_job_is_done_against_moto_too() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let logs = dir.path().join("logs");
    let moto = Moto::start(&logs).await?;
    let unit = set_up(&moto)?;
    let plane = Plane::take(&dir.path().join("audit.log")).await?;
    let operator = Operator::start(OperatorOptions {
        kubeconfig: plane.service_account("soc2-operator", "soc2-operator").await?.kubeconfig,
        aws: moto.url.clone(),
        access_key: "test".to_owned(),
        state: dir.path().join("state"),
        logs,
        identity: "moto".to_owned(),
        flags: Vec::new(),
        env: Vec::new(),
    })
    .await?;
    for object in objects() {
        plane.apply_yaml(&object.to_string()).await?;
    }
    read_and_assessed(&plane).await.with_context(|| operator.log())?;

    // The guardrail is created, attached, and put back when somebody edits or detaches it.
    eventually("the guardrail to be in place", || async {
        let set = get(&plane, "grset", "leave-org").await?;
        ensure!(condition_of(&set, "InSync").context("not yet")?["status"] == "True", "{:#}", set["status"]);
        Ok(())
    })
    .await
    .with_context(|| operator.log())?;
    let id = moto.policy()?;
    let original = moto.content(&id)?;
    attached(&moto, &id, &unit).await?;
    let weak = r#"{"Version":"2012-10-17","Statement":[]}"#;
    moto.aws(&["organizations", "update-policy", "--policy-id", &id, "--content", weak])?;
    eventually_by_cli("the content to be put back", || async {
        let content = moto.content(&id)?;
        if content == original { Ok(()) } else { bail!("{content}") }
    })
    .await
    .with_context(|| operator.log())?;
    moto.aws(&["organizations", "detach-policy", "--policy-id", &id, "--target-id", &unit])?;
    attached(&moto, &id, &unit).await
}
