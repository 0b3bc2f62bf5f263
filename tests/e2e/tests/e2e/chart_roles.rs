//! What the chart's roles let people do, and what they do not.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use controlplane::ControlPlane;
use e2e::chart::{Helm, RELEASE};
use e2e::eventually;
use e2e::pool::Plane;
use serde_json::{Value, json};

use super::chart_install::kubectl;

/// The kinds and the operator, without waiting for pods: there are no nodes.
pub(crate) async fn install(plane: &ControlPlane, args: &[&str]) -> Result<Helm> {
    let helm = Helm::on(plane).await?;
    let command = ["install", "--namespace", RELEASE, "--create-namespace", "--wait=hookOnly"];
    helm.run(&[&command[..], &["soc2-operator-crds", "charts/soc2-operator-crds"]].concat()).await?;
    helm.run(&[&command[..], &[RELEASE, "charts/soc2-operator"], args].concat()).await?;
    Ok(helm)
}

/// Binds a `ClusterRole` to a user, everywhere or in one namespace.
pub(crate) async fn bind(plane: &ControlPlane, user: &str, role: &str, namespace: Option<&str>) -> Result<()> {
    let name = format!("{user}-{role}");
    let (role, user) = (format!("--clusterrole={role}"), format!("--user={user}"));
    match namespace {
        Some(namespace) => kubectl(plane, &["create", "rolebinding", &name, "-n", namespace, &role, &user]).await?,
        None => kubectl(plane, &["create", "clusterrolebinding", &name, &role, &user]).await?,
    };
    Ok(())
}

/// Asks whether each of [`RIGHTS`] is there, all in one request; gives those that are not as they should be.
async fn wrong(plane: &ControlPlane, dir: &Path) -> Result<Vec<String>> {
    let review = |(role, verb, resource, namespace, _): &(&str, &str, &str, &str, bool)| {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {"user": format!("some-{role}"), "resourceAttributes": {
                "group": "soc2-operator.dev", "version": "v1alpha1", "resource": resource, "subresource": subresource,
                "verb": verb, "namespace": namespace,
            }},
        })
    };
    let reviews: Vec<Value> = RIGHTS.iter().map(review).collect();
    let file = dir.join("reviews.json");
    std::fs::write(&file, json!({"apiVersion": "v1", "kind": "List", "items": reviews}).to_string())?;
    let answers = kubectl(plane, &["create", "-o", "json", "-f", file.to_str().context("path")?]).await?;
    let answers: Vec<Value> = serde_json::Deserializer::from_str(&answers).into_iter().collect::<Result<_, _>>()?;
    // One object after the other, or a list of them.
    let answers = match &answers[..] {
        [list] if list["items"].is_array() => list["items"].as_array().cloned().unwrap_or_default(),
        _ => answers,
    };
    ensure!(answers.len() == RIGHTS.len(), "{} answers", answers.len());
    let pairs = RIGHTS.iter().zip(&answers).filter(|((.., expected), answer)| answer["status"]["allowed"] != *expected);
    Ok(pairs
        .map(|((role, verb, resource, namespace, expected), _)| {
            format!("{role} {} {verb} {resource} in {namespace}", if *expected { "may not" } else { "may" })
        })
        .collect())
}

/// Who (bound to which role), may do what, where; and the closest thing that they may not.
const RIGHTS: &[(&str, &str, &str, &str, bool)] = &[
    ("viewer", "list", "awsorganizations", "default", true),
    ("viewer", "watch", "accountpostures", "default", true),
    ("viewer", "get", "complianceexceptions", "team-it", true),
    ("viewer", "create", "complianceexceptions", "team-it", false),
    ("viewer", "patch", "awsorganizations", "default", false),
    ("exception-owner", "create", "complianceexceptions", "team-payments", true),
    ("exception-owner", "delete", "complianceexceptions", "team-payments", true),
    ("exception-owner", "create", "complianceexceptions", "team-it", false),
    ("exception-owner", "patch", "complianceexceptions/status", "team-payments", false),
    ("exception-owner", "create", "controlattestations", "team-payments", false),
    ("attester", "create", "controlattestations", "team-payments", true),
    ("attester", "patch", "controlattestations", "team-payments", true),
    ("attester", "create", "controlattestations", "team-it", false),
    ("attester", "create", "complianceexceptions", "team-payments", false),
    ("guardrail-editor", "create", "guardrailsets", "default", true),
    ("guardrail-editor", "patch", "scpbaselines", "default", true),
    ("guardrail-editor", "create", "guardrailapprovals", "default", false),
    ("guardrail-editor", "create", "guardrailreleases", "default", false),
    ("guardrail-editor", "patch", "awsorganizations", "default", false),
    ("approver", "create", "guardrailapprovals", "default", true),
    ("approver", "patch", "complianceexceptions", "team-it", true),
    ("approver", "create", "complianceexceptions", "team-it", false),
    ("approver", "patch", "guardrailsets", "default", false),
    ("approver", "patch", "guardrailapprovals", "default", false),
    ("releaser", "create", "guardrailreleases", "default", true),
    ("releaser", "create", "guardrailapprovals", "default", false),
    ("releaser", "patch", "guardrailsets", "default", false),
    // The cluster's own roles, in one namespace.
    ("view", "get", "controlattestations", "team-payments", true),
    ("view", "create", "complianceexceptions", "team-payments", false),
    ("edit", "create", "complianceexceptions", "team-payments", true),
    ("edit", "create", "controlattestations", "team-payments", true),
    ("edit", "create", "guardrailsets", "team-payments", false),
    ("admin", "delete", "complianceexceptions", "team-payments", true),
    ("admin", "create", "guardrailapprovals", "team-payments", false),
    // Nobody writes what the operator writes.
    ("admin", "create", "accountpostures", "team-payments", false),
    ("guardrail-editor", "patch", "guardrailsets/status", "default", false),
];

/// Where a role is bound: namespaced work in one namespace, the rest everywhere.
const BOUND: &[(&str, Option<&str>)] = &[
    ("viewer", None),
    ("exception-owner", Some("team-payments")),
    ("attester", Some("team-payments")),
    ("guardrail-editor", None),
    ("approver", None),
    ("releaser", None),
    ("view", Some("team-payments")),
    ("edit", Some("team-payments")),
    ("admin", Some("team-payments")),
];

#[tokio::test]
async fn each_role_may_do_its_own_and_nothing_else() -> Result<()> {
    // The controller manager aggregates.
    let plane = Plane::of_its_own(ControlPlane::builder().controller_manager(true)).await?;
    install(&plane, &[]).await?;
    kubectl(&plane, &["create", "namespace", "team-payments"]).await?;
    for (role, namespace) in BOUND {
        let own = ["view", "edit", "admin"].contains(role);
        let name = if own { (*role).to_owned() } else { format!("soc2-operator-{role}") };
        bind(&plane, &format!("some-{role}"), &name, *namespace).await?;
    }
    let dir = tempfile::tempdir()?;
    eventually("the rights as they should be", || async {
        let wrong = wrong(&plane, dir.path()).await?;
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn without_aggregation_the_clusters_own_roles_get_nothing() -> Result<()> {
    let helm = Helm::offline().await?;
    let objects = helm.template("charts/soc2-operator", &["--set", "rbac.aggregate=false"]).await?;
    for object in objects {
        ensure!(!object["metadata"]["labels"].to_string().contains("aggregate-to"), "{object:#}");
    }
    Ok(())
}
