//! The charts as helm renders them: what is in them by default, with everything on, and with values that are wrong.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use e2e::binaries;
use e2e::chart::{Helm, documents, find};
use serde_json::{Value, json};

const CHART: &str = "charts/soc2-operator";
const EVERYTHING: &str = "charts/soc2-operator/ci/everything-values.yaml";

#[tokio::test]
async fn both_charts_pass_helms_lint() -> Result<()> {
    let helm = Helm::offline().await?;
    helm.run(&["lint", "--strict", "charts/soc2-operator-crds"]).await?;
    helm.run(&["lint", "--strict", CHART]).await?;
    helm.run(&["lint", "--strict", CHART, "--values", EVERYTHING]).await?;
    Ok(())
}

/// The objects as YAML, without those that other tests compare with the files they are made from.
fn shown(objects: &[Value]) -> Result<String> {
    const ELSEWHERE: [&str; 5] = ["ClusterRole", "Role", "PrometheusRule", "ConfigMap", "CustomResourceDefinition"];
    let mut text = String::new();
    for object in objects {
        if !ELSEWHERE.iter().any(|kind| object["kind"] == *kind) {
            write!(text, "---\n{}", serde_yaml::to_string(object)?)?;
        }
    }
    Ok(text)
}

#[tokio::test]
async fn what_is_rendered_is_what_was_reviewed() -> Result<()> {
    let helm = Helm::offline().await?;
    insta::assert_snapshot!("defaults", shown(&helm.template(CHART, &[]).await?)?);
    insta::assert_snapshot!("everything", shown(&helm.template(CHART, &["--values", EVERYTHING]).await?)?);
    Ok(())
}

#[tokio::test]
async fn the_operators_rights_are_those_that_the_tests_run_it_under() -> Result<()> {
    let helm = Helm::offline().await?;
    let rendered = helm.template(CHART, &["--set", "rbac.roles=false"]).await?;
    let file = documents(&binaries::read("charts/soc2-operator/files/rbac.yaml")?)?;
    for expected in &file {
        let (kind, name) = (expected["kind"].as_str().unwrap_or_default(), expected["metadata"]["name"].as_str());
        let mut found = find(&rendered, kind, name.unwrap_or_default())?.clone();
        found["metadata"].as_object_mut().context("metadata")?.remove("labels");
        ensure!(found == *expected, "{kind}: the chart has {found:#}\nand files/rbac.yaml {expected:#}");
    }
    let kinds = ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"];
    let count = rendered.iter().filter(|object| kinds.iter().any(|kind| object["kind"] == *kind)).count();
    ensure!(count == file.len(), "the chart has {count} objects of RBAC, the file {}", file.len());
    Ok(())
}

#[tokio::test]
async fn names_follow_the_release_and_fit_together() -> Result<()> {
    let helm = Helm::offline().await?;
    let args = ["template", "audit", CHART, "--namespace", "compliance", "--set", "serviceAccount.name=reader"];
    let objects = documents(&helm.run(&args).await?)?;
    let subject = json!([{"kind": "ServiceAccount", "name": "reader", "namespace": "compliance"}]);
    for (kind, role) in [("ClusterRoleBinding", "ClusterRole"), ("RoleBinding", "Role")] {
        let binding = find(&objects, kind, "audit-soc2-operator")?;
        ensure!(binding["subjects"] == subject && binding["roleRef"]["name"] == "audit-soc2-operator", "{binding:#}");
        find(&objects, role, "audit-soc2-operator")?;
    }
    find(&objects, "ServiceAccount", "reader")?;
    for object in &objects {
        let namespace = &object["metadata"]["namespace"];
        ensure!(namespace.is_null() || namespace == "compliance", "{object:#}");
    }
    let deployment = find(&objects, "Deployment", "audit-soc2-operator")?;
    let args = deployment["spec"]["template"]["spec"]["containers"][0]["args"].to_string();
    for flag in ["--namespace=compliance", "--lease-name=audit-soc2-operator"] {
        ensure!(args.contains(flag), "no {flag} in {args}");
    }
    Ok(())
}

#[tokio::test]
async fn a_value_that_is_wrong_is_refused_by_its_name() -> Result<()> {
    let helm = Helm::offline().await?;
    let cases: [(&[&str], &str); 13] = [
        (&["replicaCount=3"], "additional properties 'replicaCount' not allowed"),
        (&["operator.logLevl=debug"], "additional properties 'logLevl' not allowed"),
        (&["serviceMonitor.enable=true"], "additional properties 'enable' not allowed"),
        (&["prometheusRule.alerts.Some.severity=page"], "additional properties 'severity' not allowed"),
        (&["replicas=two"], "/replicas"),
        (&["operator.logFormat=xml"], "/operator/logFormat"),
        (&["image.digest=latest"], "/image/digest"),
        (&["admission.separateApprover=yes"], "/admission/separateApprover"),
        (&["admission.gitOpsAccounts={o'neill}"], "/admission/gitOpsAccounts"),
        (&["aws.partition=aws-cn", "aws.roleArn=arn:aws:iam::111111111111:role/pod"], "aws.roleArn: "),
        (&["aws.podIdentity=true", "aws.roleArn=arn:aws:iam::111111111111:role/pod"], "aws.podIdentity: "),
        (&["state.url=s3://bucket/a", "state.existingClaim=claim"], "state.url and state.existingClaim: "),
        (&["serviceAccount.create=false"], "serviceAccount.name: "),
    ];
    for (values, expected) in cases {
        let mut args = vec!["template", "x", CHART];
        args.extend(values.iter().flat_map(|value| ["--set", value]));
        let output = helm.output(&args).await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(!output.status.success(), "{values:?} was accepted");
        ensure!(said.contains(expected), "{values:?}: no {expected:?} in: {said}");
    }
    let args = ["template", "x", "charts/soc2-operator-crds", "--set", "keep=false"];
    let output = helm.output(&args).await?;
    ensure!(!output.status.success(), "the chart of kinds took a value");
    Ok(())
}

/// Names of values in the file, and of properties in the schema, that the other does not have.
fn differences(values: &Value, schema: &Value, path: &str, found: &mut Vec<String>) {
    let (Some(values), Some(properties)) = (values.as_object(), schema["properties"].as_object()) else { return };
    let names: BTreeSet<&String> = values.keys().chain(properties.keys()).collect();
    for name in names {
        let path = format!("{path}.{name}");
        match (values.get(name), properties.get(name)) {
            (Some(value), Some(schema)) => differences(value, schema, &path, found),
            // What the cluster defines, such as `claims` of resources, need not be listed.
            (None, Some(_)) if path.starts_with(".resources.") => {}
            (value, _) => {
                found.push(format!("{path} is only in {}", if value.is_some() { "values" } else { "schema" }));
            }
        }
    }
}

#[tokio::test]
async fn the_schema_knows_every_value_and_no_other() -> Result<()> {
    let values: Value = serde_yaml::from_str(&binaries::read("charts/soc2-operator/values.yaml")?)?;
    let schema: Value = serde_json::from_str(&binaries::read("charts/soc2-operator/values.schema.json")?)?;
    let mut found = Vec::new();
    differences(&values, &schema, "", &mut found);
    ensure!(found.is_empty(), "{}", found.join("\n"));
    ensure!(!schema.to_string().contains("\"$ref\""), "a reference would be passed over by this test");
    Ok(())
}

#[tokio::test]
async fn every_flag_of_the_operator_is_set_from_a_value() -> Result<()> {
    let helm = Helm::offline().await?;
    let output = tokio::process::Command::new(binaries::find("soc2-operator", "SOC2_OPERATOR")?)
        .args(["run", "--help"])
        .output()
        .await?;
    let usage = String::from_utf8(output.stdout)?;
    let flag = |line: &str| line.trim_start().strip_prefix("--")?.split_whitespace().next().map(str::to_owned);
    let flags: BTreeSet<String> = usage.lines().filter_map(flag).collect();
    ensure!(flags.len() >= 10, "{flags:?} in {usage}");

    let objects = helm.template(CHART, &["--set", "operator.metricsAccountTags={env}"]).await?;
    let deployment = find(&objects, "Deployment", "soc2-operator")?;
    let args = deployment["spec"]["template"]["spec"]["containers"][0]["args"].as_array().context("args")?;
    let given = args.iter().filter_map(|arg| arg.as_str()?.strip_prefix("--")?.split('=').next());
    let given: BTreeSet<String> = given.map(str::to_owned).collect();
    ensure!(flags == given, "flags of the operator: {flags:?}\nflags that the chart gives: {given:?}");
    Ok(())
}

/// A copy of the chart with these files in it.
fn copy_with(dir: &Path, files: &[(&str, &str)]) -> Result<String> {
    let copied =
        std::process::Command::new("cp").arg("-r").arg(binaries::repository().join(CHART)).arg(dir).status()?;
    ensure!(copied.success(), "cp");
    let chart = dir.join("soc2-operator");
    for (name, text) in files {
        let path = chart.join("files").join(name);
        std::fs::create_dir_all(path.parent().context("parent")?)?;
        std::fs::write(path, text)?;
    }
    Ok(chart.to_str().context("path")?.to_owned())
}

const ALERTS: &str = r#"
groups:
- name: soc2-example
  rules:
  - {record: example_ratio, expr: "1"}
  - alert: ExampleOne
    expr: up{job="x"} == 0
    for: 5m
    labels: {severity: page}
    annotations: {summary: "{{ $labels.instance }} is {{ $value | humanize }}"}
  - {alert: ExampleTwo, expr: vector(1), labels: {severity: info}}
"#;

#[tokio::test]
async fn alerts_and_dashboards_are_the_files_and_each_alert_can_be_changed() -> Result<()> {
    let helm = Helm::offline().await?;
    let dir = tempfile::tempdir()?;
    let dashboard = "{\n  \"title\": \"{{ not ours }}\"\n}\n";
    let chart = copy_with(dir.path(), &[("alerts/example.yaml", ALERTS), ("dashboards/example.json", dashboard)])?;
    let values = dir.path().join("values.yaml");
    std::fs::write(
        &values,
        "prometheusRule:\n  enabled: true\n  alertLabels: {team: x}\n  runbookUrl: https://wiki.example.com/\n  alerts:\n    \
         ExampleOne: {for: 1h, labels: {severity: ticket}, annotations: {summary: \"{{ $value }}\"}}\n    \
         ExampleTwo: {enabled: false}\ndashboards: {enabled: true}\n",
    )?;
    let values = values.to_str().context("path")?;
    let objects = helm.template(&chart, &["--values", values]).await?;
    let groups = find(&objects, "PrometheusRule", "soc2-operator")?["spec"]["groups"].clone();
    let group = groups.as_array().context("groups")?.iter().find(|group| group["name"] == "soc2-example");
    let expected = json!([
        {"record": "example_ratio", "expr": "1"},
        {
            "alert": "ExampleOne", "expr": "up{job=\"x\"} == 0", "for": "1h",
            "labels": {"severity": "ticket", "team": "x"},
            "annotations": {"summary": "{{ $value }}", "runbook_url": "https://wiki.example.com/ExampleOne.md"},
        },
    ]);
    ensure!(group.context("group")?["rules"] == expected, "{groups:#}");
    let map = find(&objects, "ConfigMap", "soc2-operator-dashboard-example")?;
    ensure!(map["data"]["soc2-example.json"] == dashboard.trim_end(), "{map:#}");

    let wrong = ["template", "x", &chart, "--values", values, "--set", "prometheusRule.alerts.Exampel.enabled=false"];
    let output = helm.output(&wrong).await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(said.contains("prometheusRule.alerts.Exampel: there is no such alert; there are: "), "{said}");
    Ok(())
}

#[tokio::test]
async fn every_file_of_alerts_and_dashboards_is_rendered() -> Result<()> {
    let helm = Helm::offline().await?;
    let objects = helm.template(CHART, &["--values", EVERYTHING]).await?;
    let folder = binaries::repository().join(CHART).join("files");
    let files = |name: &str| std::fs::read_dir(folder.join(name)).map_or(0, Iterator::count);
    let maps = objects.iter().filter(|object| object["kind"] == "ConfigMap").count();
    ensure!(maps == files("dashboards"), "{maps} dashboards of {} files", files("dashboards"));
    let rule = find(&objects, "PrometheusRule", "soc2-operator")?;
    let groups = rule["spec"]["groups"].as_array().context("groups")?;
    ensure!(groups.is_empty() == (files("alerts") == 0), "{} groups of {} files", groups.len(), files("alerts"));
    Ok(())
}
