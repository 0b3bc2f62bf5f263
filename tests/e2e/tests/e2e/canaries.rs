//! Canaries for the tests of secrets: what they are, what is done with them, and the search for them afterwards.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use e2e::stand::{Stand, condition_of};
use e2e::tap::{Spoil, Tap};
use e2e::wait::{PATIENCE, within};
use e2e::{Operator, OperatorOptions, Sandbox, eventually};
use serde_json::{Value, json};

pub(crate) const SECRET_KEY: &str = "canarySecretKey/7Qm2+VtXb9";
pub(crate) const EXTERNAL_ID: &str = "canary-external-id-4f81c2";
pub(crate) const WEB_TOKEN: &str = "eyJhbGciOiJub25lIn0.canaryWebIdentityToken.c2lnbmF0dXJl";
pub(crate) const PROXY_PASSWORD: &str = "canaryProxyPassw0rd";
/// What stands in findings and messages, beside what is read of them.
const BODY: &str = "canaryBodyOfAFinding";
pub(crate) const POD: &str = "arn:aws:iam::111111111111:role/pod";
const QUEUE: &str = "https://sqs.eu-west-1.amazonaws.com/222222222222/soc2-findings";

/// The demo's world with another external id, and a role of the pod that a web identity may take up.
fn world(dir: &std::path::Path) -> Result<std::path::PathBuf> {
    let text = std::fs::read_to_string(Sandbox::demo_world())?.replace("acme-7", EXTERNAL_ID);
    let mut world: Value = serde_yaml::from_str(&text)?;
    let roles = world["roles"].as_array_mut().context("roles")?;
    for role in roles.iter_mut() {
        role["trusts"].as_array_mut().context("trusts")?.push(json!(POD));
    }
    let allow = json!(["sts:AssumeRole", "sts:GetCallerIdentity"]);
    roles.push(json!({"arn": POD, "trusts": ["111111111111", "web-identity"], "allow": allow}));
    let path = dir.join("world.yaml");
    std::fs::write(&path, serde_yaml::to_string(&world)?)?;
    Ok(path)
}

/// A stand, what was collected of what left the operator, and what must not be in it.
pub(crate) struct Search {
    pub(crate) stand: Stand,
    pub(crate) tap: Tap,
    /// What was found, by where.
    pub(crate) seen: BTreeMap<String, String>,
    pages: usize,
    _world: tempfile::TempDir,
}

impl Search {
    pub(crate) async fn start() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let stand = Stand::start_world(world(dir.path())?, &["--no-limits"]).await?;
        let tap = Tap::start(&stand.sandbox.aws).await?;
        Ok(Self { stand, tap, seen: BTreeMap::new(), pages: 0, _world: dir })
    }

    pub(crate) fn options(&self, env: &[(&str, &str)]) -> OperatorOptions {
        let mut options = self.stand.operator_options();
        options.aws.clone_from(&self.tap.url);
        options.env = vec![("AWS_SECRET_ACCESS_KEY".to_owned(), SECRET_KEY.to_owned())];
        options.env.extend(env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        options
    }

    pub(crate) async fn apply_samples(&self) -> Result<()> {
        let events = format!(
            "homeRegion: eu-west-1\n    events: {{queueUrl: \"{QUEUE}\", role: {{arn: \"arn:aws:iam::222222222222:role/soc2-events\", externalId: acme-7}}}}"
        );
        let organization = Stand::hasty_organization()?.replace("homeRegion: eu-west-1", &events);
        self.stand.plane.apply_yaml(&organization.replace("acme-7", EXTERNAL_ID)).await?;
        for name in ["profile", "guardrails"] {
            self.stand.apply_file(&format!("docs/samples/{name}.yaml")).await?;
        }
        Ok(())
    }

    /// Waits until the organization can be read, or cannot: what failed is tried again after waits that grow.
    pub(crate) async fn read(&self, status: &str) -> Result<()> {
        within(3 * PATIENCE, "a reading of the organization", || async {
            let object = self.stand.get("awsorg", "acme").await?;
            let read = condition_of(&object, "OrganizationRead").context("not yet")?;
            if read["status"] == status { Ok(()) } else { bail!("{read}") }
        })
        .await
    }

    pub(crate) async fn settled(&self) -> Result<()> {
        let stand = &self.stand;
        self.read("True").await?;
        stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;
        stand.condition("awsorg", "acme", "EventsReceived", "True", "").await?;
        stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;
        stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
        Ok(())
    }

    /// Keeps what the operator shows just now.
    pub(crate) async fn look(&mut self, operator: &Operator) -> Result<()> {
        self.pages += 1;
        for path in ["/metrics", "/readyz", "/healthz"] {
            self.seen.insert(format!("{path} ({})", self.pages), operator.page(path).await?);
        }
        self.seen.insert("the log".to_owned(), operator.log());
        Ok(())
    }

    /// Finding bodies that say too much come in by the queue, by reading, and in messages that are no events.
    pub(crate) async fn bodies(&self) -> Result<()> {
        let sandbox = &self.stand.sandbox;
        let finding = |id: &str| {
            let now = jiff::Timestamp::now().to_string();
            json!({
                "SchemaVersion": "2018-10-08", "Id": id,
                "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/securityhub",
                "GeneratorId": "security-control/S3.8", "AwsAccountId": "333333333333", "Region": "eu-west-1",
                "Types": [BODY], "CreatedAt": now, "UpdatedAt": now, "Severity": {"Label": "HIGH"},
                "Title": BODY, "Description": BODY, "Note": {"Text": BODY, "UpdatedBy": BODY, "UpdatedAt": now},
                "Remediation": {"Recommendation": {"Text": BODY}}, "UserDefinedFields": {"password": BODY},
                "Resources": [{"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::bucket", "Tags": {"secret": BODY}, "Details": {"Other": {"x": BODY}}}],
                "Compliance": {"Status": "FAILED", "SecurityControlId": "S3.8", "StatusReasons": [{"ReasonCode": BODY, "Description": BODY}]},
                "Workflow": {"Status": "NEW"}, "RecordState": "ACTIVE",
            })
        };
        let event = json!({
            "version": "0", "id": BODY, "detail-type": "Security Hub Findings - Imported", "source": "aws.securityhub",
            "account": "222222222222", "time": "2026-11-01T12:00:00Z", "region": "eu-west-1", "resources": [],
            "detail": {"findings": [finding("arn:aws:securityhub:eu-west-1:333333333333:security-control/S3.8/finding/1")]},
        });
        sandbox
            .post(
                "/world/findings/import",
                json!([finding("arn:aws:securityhub:eu-west-1:333333333333:security-control/S3.8/finding/2")]),
            )
            .await?;
        let mut bad = event.clone();
        bad["detail"]["findings"][0]["Compliance"] = json!(BODY);
        for body in [json!(format!("{{ {BODY}")), json!({"source": BODY, "detail": {"findings": [BODY]}}), bad, event] {
            sandbox.post("/world/queues/soc2-findings/messages", json!({"body": body})).await?;
        }
        Ok(())
    }

    /// Everything goes wrong, one thing after the other.
    pub(crate) async fn errors(&mut self, operator: &Operator) -> Result<()> {
        for fault in [
            json!({"kind": "accessDenied"}),
            json!({"kind": "throttle"}),
            json!({"kind": "serverError"}),
            json!({"kind": "cut"}),
        ] {
            // Sessions end, so that credentials have to be had anew.
            self.stand.sandbox.post("/credentials/expire", json!({})).await?;
            let calls = self.stand.sandbox.last_call().await?;
            self.stand.sandbox.fault(fault).await?;
            eventually("calls to fail", || async {
                let failed = self.stand.sandbox.calls(calls, None).await?;
                ensure!(failed.iter().filter(|call| call["fault"].is_string()).count() >= 4, "{}", failed.len());
                Ok(())
            })
            .await?;
            self.stand.sandbox.no_faults().await?;
            self.look(operator).await?;
        }
        for spoil in [Spoil::Half, Spoil::Page] {
            self.read("True").await?;
            self.stand.sandbox.post("/credentials/expire", json!({})).await?;
            self.tap.spoil(spoil);
            // Until the attempts are over and it is said.
            self.read("False").await?;
            ensure!(self.tap.spoiled() > 2);
            self.look(operator).await?;
            self.keep_objects().await?;
            self.tap.spoil(Spoil::Nothing);
        }
        Ok(())
    }

    /// Keeps everything that is in Kubernetes, but for what people wrote into specs.
    pub(crate) async fn keep_objects(&mut self) -> Result<()> {
        let ours = self.stand.plane.read("/apis/soc2-operator.dev/v1alpha1").await?;
        let resources = ours["resources"].as_array().context("resources")?;
        let names =
            resources.iter().filter_map(|resource| resource["name"].as_str()).filter(|name| !name.contains('/'));
        let mut paths: Vec<String> = names.map(|name| format!("/apis/soc2-operator.dev/v1alpha1/{name}")).collect();
        ensure!(paths.len() == 10, "{paths:?}");
        let others = [
            "/api/v1/configmaps",
            "/api/v1/events",
            "/apis/events.k8s.io/v1/events",
            "/apis/coordination.k8s.io/v1/leases",
        ];
        paths.extend(others.map(str::to_owned));
        for path in paths {
            let mut list = self.stand.plane.read(&path).await?;
            for object in list["items"].as_array_mut().context("items")? {
                if path.ends_with("awsorganizations") {
                    object["spec"] = Value::Null;
                    object["metadata"]["annotations"] = Value::Null;
                }
            }
            self.seen.insert(path, list.to_string());
        }
        Ok(())
    }

    /// Keeps what an operator that has ended leaves: its log, objects, files, and what it sent.
    pub(crate) async fn keep_what_is_left(&mut self, state: &std::path::Path) -> Result<()> {
        let log = self.stand.dir.path().join("logs/soc2-operator.log");
        self.seen.insert("the log".to_owned(), std::fs::read_to_string(log)?);
        self.keep_objects().await?;
        self.keep_files(state)?;
        self.keep_requests();
        Ok(())
    }

    /// Keeps what is on disk: checkpoints, and what the API server saw of requests.
    fn keep_files(&mut self, state: &std::path::Path) -> Result<()> {
        let mut kept = 0;
        for entry in std::fs::read_dir(state)? {
            let path = entry?.path();
            let bytes = std::fs::read(&path)?;
            self.seen.insert(path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned());
            kept += 1;
        }
        ensure!(kept > 0, "no checkpoint");
        let audit = controlplane::audit::read(&self.stand.dir.path().join("audit.log"))?;
        let operator = audit.iter().filter(|event| event.user.username.contains("serviceaccount"));
        let asked: Vec<String> = operator.map(|event| event.request_uri.clone()).collect();
        self.seen.insert("paths of requests to Kubernetes".to_owned(), asked.join("\n"));
        Ok(())
    }

    /// Keeps what was sent to AWS, without what belongs there.
    fn keep_requests(&mut self) {
        let mut requests = Vec::new();
        for mut sent in self.tap.sent() {
            sent.headers.retain(|(name, _)| !matches!(name.as_str(), "x-amz-security-token" | "proxy-authorization"));
            if sent.sts_action() == Some("AssumeRole") {
                sent.body = sent.body.replace(&format!("ExternalId={EXTERNAL_ID}"), "");
            }
            if sent.sts_action() == Some("AssumeRoleWithWebIdentity") {
                sent.body = sent.body.replace(&format!("WebIdentityToken={WEB_TOKEN}"), "");
            }
            requests.push(format!("{sent:?}"));
        }
        self.seen.insert("requests to AWS".to_owned(), requests.join("\n"));
    }

    /// What must be nowhere, by what it is.
    fn secrets(&self) -> Result<Vec<(String, String)>> {
        let kubeconfig: Value =
            serde_yaml::from_str(&std::fs::read_to_string(self.stand.operator_options().kubeconfig)?)?;
        let token = kubeconfig["users"][0]["user"]["token"].as_str().context("the token of the kubeconfig")?;
        let constant = [
            ("the secret access key", SECRET_KEY),
            ("the external id", EXTERNAL_ID),
            ("the web identity token", "canaryWebIdentityToken"),
            ("the proxy's password", PROXY_PASSWORD),
            ("the body of a finding", BODY),
            ("the Kubernetes token", token),
            // Its signature alone is the secret part.
            ("the Kubernetes token's signature", token.rsplit('.').next().unwrap_or(token)),
        ];
        let mut secrets: Vec<(String, String)> =
            constant.into_iter().map(|(what, secret)| (what.to_owned(), secret.to_owned())).collect();
        secrets.extend(self.tap.issued().into_iter().map(|secret| ("credentials that STS gave".to_owned(), secret)));
        ensure!(secrets.len() > constant.len() + 2, "STS gave no credentials");
        Ok(secrets)
    }

    /// Fails, naming what leaked where, if anything did.
    pub(crate) fn nothing_leaked(&self) -> Result<()> {
        let leaks = leaks(&self.seen, &self.secrets()?);
        ensure!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
        Ok(())
    }
}

/// The secrets that are in the texts, as they are, escaped for a URL, or in base 64.
pub(crate) fn leaks(seen: &BTreeMap<String, String>, secrets: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (what, secret) in secrets {
        let escaped: String = secret
            .bytes()
            .map(|byte| {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            })
            .collect();
        for (place, text) in seen {
            let forms = [secret.clone(), escaped.clone(), base64(secret.as_bytes())];
            if let Some(at) = forms.iter().find_map(|form| text.find(form.as_str())) {
                let line = text[..at].rfind('\n').map_or(0, |start| start + 1);
                let context: String = text[line..].chars().take(600).collect();
                found.push(format!("{what} in {place}: {context}"));
            }
        }
    }
    found
}

/// Base 64 without the last block, which depends on what follows.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letters = |block: &[u8]| {
        let bits = block.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(LETTERS[bits >> shift & 63]))
    };
    bytes.chunks_exact(3).flat_map(letters).collect()
}

#[test]
fn a_leak_is_found_in_every_form() {
    let secrets = [("a".to_owned(), "s3cret/x".to_owned())];
    for text in ["x s3cret/x", "q=s3cret%2Fx", "cred: czNjcmV0L3g="] {
        assert_eq!(leaks(&BTreeMap::from([("here".to_owned(), text.to_owned())]), &secrets).len(), 1, "{text}");
    }
    assert!(leaks(&BTreeMap::from([("here".to_owned(), "s3cret".to_owned())]), &secrets).is_empty());
}
