//! Everything together: the control plane with our CRDs and RBAC, the sandbox, the operator.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use controlplane::ControlPlane;
use serde_json::Value;

use crate::binaries;
use crate::operator::{Operator, OperatorOptions};
use crate::pool::Plane;
use crate::sandbox::Sandbox;
use crate::wait::eventually;

/// The parts of an end-to-end test.
pub struct Stand {
    /// Kubernetes.
    pub plane: Plane,
    /// AWS.
    pub sandbox: Sandbox,
    /// Where the operator keeps its checkpoints, and the audit log is.
    pub dir: tempfile::TempDir,
    kubeconfig: PathBuf,
}

impl Stand {
    /// Kubernetes with our CRDs and RBAC, and AWS with the demo's world and without its rate limits, so that a sweep takes
    /// seconds. No operator yet.
    ///
    /// # Errors
    /// When a part does not come up.
    pub async fn start() -> Result<Self> {
        Self::start_with(&["--no-limits"]).await
    }

    /// The same with flags for the sandbox.
    ///
    /// # Errors
    /// When a part does not come up.
    pub async fn start_with(sandbox_flags: &[&str]) -> Result<Self> {
        Self::start_world(Sandbox::demo_world(), sandbox_flags).await
    }

    /// The same with another world file.
    ///
    /// # Errors
    /// When a part does not come up.
    pub async fn start_world(world: PathBuf, sandbox_flags: &[&str]) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let plane = Plane::take(&dir.path().join("audit.log")).await?;
        Self::on(plane, dir, &world, sandbox_flags).await
    }

    /// Kubernetes with the operator's ServiceAccount and rights but without its kinds, and AWS as [`Self::start`] has it.
    ///
    /// # Errors
    /// When a part does not come up.
    pub async fn start_without_kinds() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let plane = Plane::of_its_own(ControlPlane::builder().audit_log(dir.path().join("audit.log"))).await?;
        rights(&plane).await?;
        Self::on(plane, dir, &Sandbox::demo_world(), &["--no-limits"]).await
    }

    /// AWS beside this control plane.
    async fn on(plane: Plane, dir: tempfile::TempDir, world: &Path, sandbox_flags: &[&str]) -> Result<Self> {
        let sandbox = Sandbox::start_with(world, sandbox_flags).await?;
        let identity = plane.service_account("soc2-operator", "soc2-operator").await?;
        Ok(Self { plane, sandbox, dir, kubeconfig: identity.kubeconfig })
    }

    /// Options of an operator on this stand.
    #[must_use]
    pub fn operator_options(&self) -> OperatorOptions {
        OperatorOptions {
            kubeconfig: self.kubeconfig.clone(),
            aws: self.sandbox.aws.clone(),
            access_key: "AKIASANDBOXOPERATOR0".to_owned(),
            state: self.dir.path().join("state"),
            logs: self.dir.path().join("logs"),
            identity: "operator-0".to_owned(),
            flags: Vec::new(),
            env: Vec::new(),
        }
    }

    /// Starts the operator.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn operator(&self) -> Result<Operator> {
        Operator::start(self.operator_options()).await
    }

    /// Applies a file of the repository.
    ///
    /// # Errors
    /// When the API server refuses it.
    pub async fn apply_file(&self, path: &str) -> Result<()> {
        self.plane.apply_yaml(&binaries::read(path)?).await.with_context(|| path.to_owned())?;
        Ok(())
    }

    /// The sample of an organization, with a higher rate of `GetFindings`: tests have no time to be polite.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn hasty_organization() -> Result<String> {
        let sample = binaries::read("docs/samples/organization.yaml")?;
        Ok(format!("{}\n  limits: {{getFindingsPerSecond: 20}}\n", sample.trim_end()))
    }

    /// Applies the samples, the organization's in haste.
    ///
    /// # Errors
    /// When the API server refuses one.
    pub async fn apply_samples(&self) -> Result<()> {
        self.plane.apply_yaml(&Self::hasty_organization()?).await?;
        for name in ["profile", "guardrails"] {
            self.apply_file(&format!("docs/samples/{name}.yaml")).await?;
        }
        Ok(())
    }

    /// An object as JSON. `place` is its name, or its namespace and name with a `/` between them.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn get(&self, kind: &str, place: &str) -> Result<Value> {
        let (namespace, name) = place.split_once('/').unwrap_or(("default", place));
        let mut object = self.plane.read(&format!("{}/{name}", collection(kind, namespace)?)).await?;
        leave_managers_out(&mut object);
        Ok(object)
    }

    /// Field managers of an object.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn get_with_managers(&self, kind: &str, name: &str) -> Result<Vec<String>> {
        let text = self.kubectl(&["get", kind, name, "-o", "json", "--show-managed-fields"]).await?;
        let object: Value = serde_json::from_str(&text)?;
        let fields = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        Ok(fields.iter().filter_map(|entry| entry["manager"].as_str().map(str::to_owned)).collect())
    }

    /// All objects of a kind as JSON; of a namespaced one those in `default`.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn list(&self, kind: &str) -> Result<Vec<Value>> {
        let list = self.plane.read(&collection(kind, "default")?).await?;
        let mut objects = list["items"].as_array().cloned().unwrap_or_default();
        objects.iter_mut().for_each(leave_managers_out);
        Ok(objects)
    }

    /// Waits until there is an event about an object; `place` is as in [`Self::get`].
    ///
    /// # Errors
    /// When there never is; the error shows the reasons of those that there are.
    pub async fn event(&self, place: &str, reason: &str) -> Result<()> {
        let (namespace, name) = place.split_once('/').unwrap_or(("default", place));
        eventually(&format!("an event {reason} of {place}"), || async {
            let list = self.plane.read(&format!("/api/v1/namespaces/{namespace}/events")).await?;
            let events = list["items"].as_array().cloned().unwrap_or_default();
            let of_object = events.iter().filter(|event| event["involvedObject"]["name"] == name);
            let reasons: Vec<&str> = of_object.filter_map(|event| event["reason"].as_str()).collect();
            ensure!(reasons.contains(&reason), "{reasons:?}");
            Ok(())
        })
        .await
    }

    /// Waits until the postures show that the sample's guardrail is in place, which is a moment after it is.
    ///
    /// # Errors
    /// When they never do.
    pub async fn guarded_postures(&self) -> Result<()> {
        eventually("postures that show the guardrail", || async {
            let postures = self.list("apos").await?;
            let missing = postures.iter().filter(|posture| {
                posture["guardrails"]["unprotected"].as_array().is_some_and(|unprotected| !unprotected.is_empty())
            });
            ensure!(!postures.is_empty() && missing.count() == 0, "some are unprotected yet");
            Ok(())
        })
        .await
    }

    /// Waits until the postures do not change any more; gives each one's version by name.
    ///
    /// # Errors
    /// When they never settle.
    pub async fn settled_postures(&self) -> Result<BTreeMap<String, String>> {
        let versions = async || -> Result<BTreeMap<String, String>> {
            let metadata = |posture: &Value| {
                let metadata = &posture["metadata"];
                (metadata["name"].as_str().unwrap_or_default().to_owned(), metadata["resourceVersion"].to_string())
            };
            Ok(self.list("apos").await?.iter().map(metadata).collect())
        };
        self.guarded_postures().await?;
        // Asked control by control, which takes a while: the demo's world has one that is disabled.
        eventually("what is disabled to be known", || async {
            let postures = self.list("apos").await?;
            let known = |posture: &Value| posture["unknown"].to_string().contains("ControlDisabled");
            ensure!(postures.iter().any(known), "nothing is disabled");
            Ok(())
        })
        .await?;
        eventually("the postures to settle", || async {
            let first = versions().await?;
            // Longer than an interval of the sample's organization.
            tokio::time::sleep(std::time::Duration::from_secs(7)).await;
            ensure!(first == versions().await?, "still changing");
            Ok(first)
        })
        .await
    }

    /// What kubectl prints.
    ///
    /// # Errors
    /// When it fails.
    pub async fn kubectl(&self, args: &[&str]) -> Result<String> {
        let output = self.plane.kubectl(args).await?;
        ensure!(output.status.success(), "kubectl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Waits until a condition has this status and, unless empty, this reason. Gives the condition.
    ///
    /// # Errors
    /// When it never has; the error shows the conditions as they are.
    pub async fn condition(&self, kind: &str, name: &str, type_: &str, status: &str, reason: &str) -> Result<Value> {
        eventually(&format!("{kind}/{name} {type_}={status} {reason}"), || async {
            let object = self.get(kind, name).await?;
            let found = condition_of(&object, type_);
            match found {
                Some(found) if found["status"] == status && (reason.is_empty() || found["reason"] == reason) => {
                    Ok(found)
                }
                _ => bail!("{:#}", object["status"]["conditions"]),
            }
        })
        .await
    }
}

/// Our kinds.
pub(crate) const KINDS: [&str; 10] = [
    "awsorganizations",
    "complianceprofiles",
    "controlcatalogs",
    "guardrailsets",
    "guardrailapprovals",
    "guardrailreleases",
    "scpbaselines",
    "accountpostures",
    "complianceexceptions",
    "controlattestations",
];

/// Path of the objects of a kind of ours, by its short name.
fn collection(kind: &str, namespace: &str) -> Result<String> {
    let group = "/apis/soc2-operator.dev/v1alpha1";
    let (plural, namespaced) = match kind {
        "awsorg" => ("awsorganizations", false),
        "cprof" => ("complianceprofiles", false),
        "ccat" => ("controlcatalogs", false),
        "grset" => ("guardrailsets", false),
        "grapp" => ("guardrailapprovals", false),
        "grrel" => ("guardrailreleases", false),
        "scpb" => ("scpbaselines", false),
        "apos" => ("accountpostures", false),
        "cexc" => ("complianceexceptions", true),
        "catt" => ("controlattestations", true),
        other => bail!("no kind with the short name {other}"),
    };
    Ok(if namespaced { format!("{group}/namespaces/{namespace}/{plural}") } else { format!("{group}/{plural}") })
}

/// As kubectl shows objects.
fn leave_managers_out(object: &mut Value) {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
}

/// A condition of an object.
#[must_use]
pub fn condition_of(object: &Value, type_: &str) -> Option<Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == type_).cloned()
}

/// Applies our CRDs and RBAC.
///
/// # Errors
/// When the API server refuses them.
pub async fn install(plane: &ControlPlane) -> Result<()> {
    kinds(plane, "").await?;
    rights(plane).await
}

/// Applies our CRDs, but for the one with this plural name.
///
/// # Errors
/// When the API server refuses them.
pub async fn kinds(plane: &ControlPlane, but: &str) -> Result<()> {
    let folder = binaries::repository().join("crds/generated");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .with_context(|| folder.display().to_string())?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    files.sort();
    files.retain(|file| file.file_stem().is_none_or(|kind| kind != but));
    for file in files {
        plane.apply_yaml(&std::fs::read_to_string(&file)?).await.with_context(|| file.display().to_string())?;
    }
    Ok(())
}

async fn rights(plane: &ControlPlane) -> Result<()> {
    plane.apply_yaml("{apiVersion: v1, kind: Namespace, metadata: {name: soc2-operator}}").await?;
    plane.apply_yaml(&binaries::read("charts/soc2-operator/files/rbac.yaml")?).await?;
    Ok(())
}
