//! Who an object says did something is who sent it, and nobody approves their own: the real API server refuses the rest.

use anyhow::{Context, Result, bail, ensure};
use controlplane::ControlPlane;
use e2e::pool::Plane;
use e2e::{eventually, objects};
use serde_json::{Value, json};

use super::chart_install::{json as get, kubectl};
use super::chart_roles::install;

const FLUX: &str = "system:serviceaccount:flux-system:kustomize-controller";
const EXCEPTION: &str = "team-payments/scanner";

/// A cluster with the policies, and people who may do everything: what stops them is the policies.
struct Desk {
    plane: Plane,
    dir: tempfile::TempDir,
}

impl Desk {
    async fn open() -> Result<Self> {
        let plane = Plane::of_its_own(ControlPlane::builder()).await?;
        let accounts = format!("admission.gitOpsAccounts={{{FLUX}}}");
        install(&plane, &["--set", &accounts, "--set", "admission.usernamePrefix=oidc:"]).await?;
        kubectl(&plane, &["create", "namespace", "team-payments"]).await?;
        let users = ["--user=alice", "--user=bob", "--user=oidc:carol@example.com", "--user", FLUX];
        let command = ["create", "clusterrolebinding", "everybody", "--clusterrole=cluster-admin"];
        kubectl(&plane, &[&command[..], &users].concat()).await?;
        Ok(Self { plane, dir: tempfile::tempdir()? })
    }

    /// Applies as somebody; a dry run asks only whether it would be let through.
    async fn send(&self, user: &str, object: &str, dry: bool) -> Result<String> {
        let file = self.dir.path().join("object.json");
        std::fs::write(&file, object)?;
        let file = file.to_str().context("path")?;
        let dry = if dry { "--dry-run=server" } else { "--dry-run=none" };
        let args =
            ["apply", "--server-side", "--force-conflicts", "--field-manager", user, "-f", file, "--as", user, dry];
        kubectl(&self.plane, &args).await
    }

    /// Policies are seen a moment after they were made.
    async fn denied(&self, user: &str, object: &str, message: &str) -> Result<()> {
        eventually(&format!("{user} to be denied: {message}"), || async {
            match self.send(user, object, true).await {
                Ok(_) => bail!("it was let through: {object}"),
                Err(error) if format!("{error:#}").contains(message) => Ok(()),
                Err(error) => Err(error),
            }
        })
        .await
    }

    async fn allowed(&self, user: &str, object: &str) -> Result<()> {
        eventually(&format!("{user} to be let through"), || self.send(user, object, false)).await.map(drop)
    }

    async fn author(&self, args: &[&str]) -> Result<Value> {
        Ok(get(&self.plane, args).await?["metadata"]["annotations"]["soc2-operator.dev/author"].clone())
    }
}

fn set(description: &str) -> String {
    let spec = json!({
        "organizationRef": {"name": "acme"},
        "targets": {"include": [{"organizationalUnit": {"path": description}}]},
        "baselines": [{"name": "deny-leave-org"}],
    });
    objects::object("GuardrailSet", "workloads", spec)
}

/// An approval under this name: another one each time, since it is never changed.
fn approval(name: &str, by: &str) -> String {
    let spec = json!({
        "guardrailSetRef": {"name": "workloads"}, "planHash": "4f1c".repeat(16),
        "approvedBy": by, "reason": "reviewed with the team",
    });
    objects::object("GuardrailApproval", name, spec)
}

/// Always the same times, so that only what is said changes it.
fn exception(spec: Value) -> String {
    let base = json!({"startsAt": "2026-11-01T00:00:00Z", "expiresAt": "2027-01-01T00:00:00Z"});
    objects::exception(EXCEPTION, "IAM.5", "333333333333", objects::with(base, spec))
}

#[tokio::test]
async fn who_did_it_is_who_sends_it() -> Result<()> {
    let desk = Desk::open().await?;
    let says = r#"spec.approvedBy: says "bob", but this is sent by "alice": name yourself, or let them send it"#;
    desk.denied("alice", &approval("a-1", "bob"), says).await?;
    desk.allowed("alice", &approval("a-2", "alice")).await?;
    // The prefix of the identity provider may be left out, and others' names may not be taken with it.
    desk.allowed("oidc:carol@example.com", &approval("a-3", "carol@example.com")).await?;
    desk.denied("alice", &approval("a-4", "carol@example.com"), r#"says "carol@example.com""#).await?;
    desk.allowed(FLUX, &approval("a-5", "security-team@example.com")).await?;

    let released = |by: &str| {
        let spec = json!({
            "organizationRef": {"name": "acme"}, "baseline": "protect-kms", "target": "Workloads/Prod", "releasedBy": by,
            "reason": "keys of the old vault have to go", "startsAt": "2026-11-26T03:10:00Z", "expiresAt": "2026-11-26T07:10:00Z",
        });
        objects::object("GuardrailRelease", "protect-kms", spec)
    };
    desk.denied("alice", &released("bob"), r#"spec.releasedBy: says "bob", but this is sent by "alice""#).await?;
    desk.allowed("alice", &released("alice")).await?;

    let attested = |by: &str, statement: &str| {
        let spec = json!({"activities": ["access-review"], "performedBy": by, "statement": statement});
        objects::attestation("team-payments/review", spec)
    };
    let says = r#"spec.performedBy: says "bob", but this is sent by "alice""#;
    desk.denied("alice", &attested("bob", "all access was reviewed"), says).await?;
    desk.allowed("alice", &attested("alice", "all access was reviewed")).await?;
    // Nor is it changed under somebody else's name.
    let more = attested("alice", "all access was reviewed, twice");
    desk.denied("bob", &more, r#"says "alice", but this is sent by "bob""#).await?;
    // What says nothing about who did it needs no name.
    kubectl(&desk.plane, &["label", "catt", "review", "-n", "team-payments", "quarter=4", "--as", "bob"]).await?;

    let says = r#"spec.approvedBy: says "bob", but this is sent by "alice": leave it out"#;
    desk.denied("alice", &exception(json!({"approvedBy": "bob"})), says).await?;
    desk.allowed("alice", &exception(json!({}))).await?;
    desk.allowed("bob", &exception(json!({"approvedBy": "bob"}))).await?;
    // What was approved is not changed under the approver's name.
    let more = exception(json!({"approvedBy": "bob", "controls": ["IAM.5", "IAM.6"]}));
    desk.denied("alice", &more, says).await?;
    desk.allowed(FLUX, &exception(json!({"approvedBy": "security-team@example.com"}))).await?;
    Ok(())
}

#[tokio::test]
async fn nobody_approves_what_they_wrote() -> Result<()> {
    let desk = Desk::open().await?;
    desk.allowed("alice", &set("Workloads")).await?;
    // The author is set from the moment that the cluster knows the policy.
    eventually("the author of the set", || async {
        desk.send("alice", &set("Workloads/Test"), false).await?;
        desk.send("alice", &set("Workloads"), false).await?;
        let author = desk.author(&["grset", "workloads"]).await?;
        ensure!(author == "alice", "{author}");
        Ok(())
    })
    .await?;
    let own = r#""alice" wrote GuardrailSet workloads as it is now, and nobody approves their own"#;
    desk.denied("alice", &approval("b-1", "alice"), own).await?;
    desk.allowed("bob", &approval("b-2", "bob")).await?;

    // What changes nothing leaves the author, whoever sends it; who names another one is overruled.
    kubectl(&desk.plane, &["label", "grset", "workloads", "reviewed=yes", "--as", "bob"]).await?;
    let claim = ["annotate", "grset", "workloads", "soc2-operator.dev/author=bob", "--overwrite", "--as", "alice"];
    kubectl(&desk.plane, &claim).await?;
    ensure!(desk.author(&["grset", "workloads"]).await? == "alice", "the author was replaced by hand");
    desk.allowed("bob", &set("Workloads/Prod")).await?;
    ensure!(desk.author(&["grset", "workloads"]).await? == "bob", "the author is who changed it last");
    desk.denied("bob", &approval("b-3", "bob"), r#""bob" wrote GuardrailSet workloads"#).await?;

    let own = r#"spec.approvedBy: "alice" wrote this exception, and nobody approves their own"#;
    desk.denied("alice", &exception(json!({"approvedBy": "alice"})), own).await?;
    desk.allowed("alice", &exception(json!({}))).await?;
    desk.denied("alice", &exception(json!({"approvedBy": "alice"})), own).await?;
    // An approver who changes something is its author.
    let more = exception(json!({"approvedBy": "bob", "controls": ["IAM.5", "IAM.6"]}));
    desk.denied("bob", &more, r#""bob" wrote this exception"#).await?;
    desk.allowed("bob", &exception(json!({"approvedBy": "bob"}))).await?;
    let place = ["cexc", "scanner", "-n", "team-payments"];
    ensure!(desk.author(&place).await? == "alice", "an approval makes nobody the author");
    Ok(())
}

#[tokio::test]
async fn an_account_of_gitops_is_not_checked_and_its_objects_do_not_flap() -> Result<()> {
    let desk = Desk::open().await?;
    let versioned = async || -> Result<Value> {
        Ok(get(&desk.plane, &["grset", "workloads"]).await?["metadata"]["resourceVersion"].clone())
    };
    eventually("the author of what GitOps applies", || async {
        desk.send(FLUX, &set("Workloads/Test"), false).await?;
        desk.send(FLUX, &set("Workloads"), false).await?;
        let author = desk.author(&["grset", "workloads"]).await?;
        ensure!(author == FLUX, "{author}");
        Ok(())
    })
    .await?;
    let before = versioned().await?;
    desk.allowed(FLUX, &set("Workloads")).await?;
    ensure!(versioned().await? == before, "applying the same again changed the object");

    // Git may name the person; then that person cannot approve it in the cluster.
    let mut named: Value = serde_json::from_str(&set("Workloads/Prod"))?;
    named["metadata"]["annotations"] = json!({"soc2-operator.dev/author": "alice"});
    desk.allowed(FLUX, &named.to_string()).await?;
    desk.denied("alice", &approval("b-4", "alice"), r#""alice" wrote GuardrailSet workloads"#).await?;
    desk.allowed("bob", &approval("b-5", "bob")).await?;
    let before = versioned().await?;
    desk.allowed(FLUX, &named.to_string()).await?;
    ensure!(versioned().await? == before, "applying the same again changed the object");
    Ok(())
}
