//! A running aws-sandbox, and its control port.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// What the tests' AWS looks like; `{paths}` says whether accounts carry paths.
const WORLD: &str = r#"
organization: {id: o-exampleorgid, rootId: r-ab12, managementAccount: 111111111111, delegatedAdministrators: [222222222222]}
paths: {paths}
organizationalUnits: [Security, Workloads/Prod/Web, Workloads/Dev, Empty]
accounts:
- {id: 111111111111, name: management, path: /}
- {id: 222222222222, name: security, path: Security, tags: {team: security}}
- {id: 333333333333, name: payments, path: Workloads/Prod, tags: {env: prod, team: payments}}
- {id: 444444444444, name: web, path: Workloads/Prod/Web}
- {id: 555555555555, name: old, path: Workloads/Dev, state: SUSPENDED}
generate: {accounts: 40, firstId: 600000000000, paths: [Workloads/Dev, Security]}
policies:
- {name: foreign, attach: [Security], tags: {owner: others}, content: {Version: "2012-10-17", Statement: [{Effect: Deny, Action: "s3:*", Resource: "*"}]}}
roles:
- {arn: "arn:aws:iam::111111111111:role/soc2-read", externalId: acme-7, trusts: ["arn:aws:iam::111111111111:user/pod"], allow: ["organizations:Describe*", "organizations:List*"]}
- {arn: "arn:aws:iam::111111111111:role/soc2-write", externalId: acme-7, trusts: ["arn:aws:iam::111111111111:user/pod"], allow: ["organizations:*"]}
- {arn: "arn:aws:iam::222222222222:role/soc2-read", externalId: acme-7, trusts: ["arn:aws:iam::111111111111:user/pod"], allow: ["securityhub:Describe*", "securityhub:Get*", "securityhub:List*"]}
- {arn: "arn:aws:iam::222222222222:role/soc2-events", externalId: acme-7, trusts: ["arn:aws:iam::111111111111:user/pod"], allow: ["sqs:ReceiveMessage", "sqs:DeleteMessage"]}
- {arn: "arn:aws:iam::111111111111:role/half", trusts: ["*"], allow: ["organizations:DescribeOrganization", "organizations:ListRoots"]}
- {arn: "arn:aws:iam::333333333333:role/member", trusts: ["*"]}
credentials:
- {accessKeyId: AKIASANDBOXOPERATOR0, principal: "arn:aws:iam::111111111111:user/pod", account: 111111111111, allow: ["sts:AssumeRole", "sts:GetCallerIdentity"]}
queues:
- {name: soc2, account: 222222222222, region: eu-west-1, visibilityTimeoutSeconds: 30}
securityHub:
  administrator: 222222222222
  aggregator: {homeRegion: eu-west-1, linkingMode: SPECIFIED_REGIONS, regions: [us-east-1]}
  regions:
    eu-west-1: {standards: [FSBP, CIS5], disabledControls: [S3.9], members: {444444444444: None}}
    us-east-1: {standards: [FSBP]}
  generate:
  - {seed: 7, accounts: [222222222222, 333333333333, 600000000000, 600000000001], controls: [IAM.5, S3.2, S3.8, GuardDuty.1, EC2.2], resourcesPerControl: 12, failing: 0.2, suppressed: 0.1, archived: 0.1}
"#;

pub const OPERATOR: &str = "AKIASANDBOXOPERATOR0";

/// A running sandbox; it ends with this value.
pub struct Sandbox {
    server: Child,
    _folder: tempfile::TempDir,
    pub endpoint: String,
    control: String,
    http: reqwest::Client,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn program() -> PathBuf {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/debug/aws-sandbox");
    let program = std::env::var_os("AWS_SANDBOX").map_or_else(|| PathBuf::from(built), PathBuf::from);
    assert!(program.exists(), "{} is missing: run `cargo build -p aws-sandbox`, or set AWS_SANDBOX", program.display());
    program
}

impl Sandbox {
    /// A world with paths and without rate limits.
    pub async fn start() -> Self {
        Self::with(true, &["--no-limits"]).await
    }

    pub async fn with(paths: bool, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (world, ports) = (folder.path().join("world.yaml"), folder.path().join("ports.json"));
        let text = WORLD.replace("{paths}", &paths.to_string());
        std::fs::File::create(&world).and_then(|mut file| file.write_all(text.as_bytes())).expect("a world");
        let server = Command::new(program())
            .args(["--exit-with-stdin", "--world"])
            .arg(&world)
            .arg("--ports-file")
            .arg(&ports)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("aws-sandbox");
        let mut sandbox = Self {
            server,
            _folder: folder,
            endpoint: String::new(),
            control: String::new(),
            http: reqwest::Client::new(),
        };
        while !ports.exists() {
            assert!(sandbox.server.try_wait().expect("a state").is_none(), "aws-sandbox ended");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let ports: Value = serde_json::from_slice(&std::fs::read(&ports).expect("ports")).expect("JSON");
        let url = |name: &str| ports[name].as_str().expect("a URL").to_owned();
        (sandbox.endpoint, sandbox.control) = (url("aws"), url("control"));
        sandbox
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.http.get(format!("{}{path}", self.control)).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {answer:?}");
        answer.json().await.expect("JSON")
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.http.post(format!("{}{path}", self.control)).json(&body).send().await.expect("an answer");
        let (status, text) = (answer.status(), answer.text().await.expect("text"));
        assert!(status.is_success(), "{path} {body}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Switches a fault of one operation on.
    pub async fn fault(&self, operation: &str, kind: &str, more: Value) {
        let mut fault = json!({"operation": operation, "kind": kind});
        for (key, value) in more.as_object().expect("an object") {
            fault[key] = value.clone();
        }
        self.post("/faults", fault).await;
    }

    /// Calls so far.
    pub async fn calls(&self) -> Vec<Value> {
        self.get("/calls?after=0").await["calls"].as_array().expect("calls").clone()
    }

    /// Outcomes of the calls of one operation, in order.
    pub async fn outcomes(&self, operation: &str) -> Vec<String> {
        let calls = self.calls().await;
        let of = calls.iter().filter(|call| call["operation"] == operation);
        of.map(|call| call["outcome"].as_str().expect("an outcome").to_owned()).collect()
    }
}
