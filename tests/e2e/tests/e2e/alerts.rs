//! Alerts: each fires where it has to and is silent where it must be, says who has to do what, and has a runbook; a real
//! Prometheus evaluates all of them on what the operator exports.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use controlplane::tools::PrometheusTools;
use e2e::stand::Stand;
use e2e::{Operator, Prometheus, binaries, eventually};
use serde_json::{Value, json};

/// Files of rules and of their cases; also the label `severity`.
const CLASSES: [&str; 3] = ["page", "ticket", "info"];

fn rules_file(class: &str) -> String {
    format!("charts/soc2-operator/files/alerts/{class}.yaml")
}

fn yaml(path: &str) -> Result<Value> {
    serde_yaml::from_str(&binaries::read(path)?).with_context(|| path.to_owned())
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The rules of a class.
fn rules(class: &str) -> Result<Vec<Value>> {
    let file = yaml(&rules_file(class))?;
    Ok(items(&file, "groups").iter().flat_map(|group| items(group, "rules").to_vec()).collect())
}

#[tokio::test]
async fn each_fires_where_it_has_to_and_is_silent_where_it_must_be() -> Result<()> {
    let promtool = tokio::task::spawn_blocking(PrometheusTools::ensure).await??.promtool();
    let run = |arguments: Vec<String>| -> Result<()> {
        let output = Command::new(&promtool).args(&arguments).current_dir(binaries::repository()).output()?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "promtool {arguments:?}:\n{out}{err}");
        Ok(())
    };
    let words = |words: [&str; 2]| words.map(str::to_owned).to_vec();
    run([words(["check", "rules"]), CLASSES.map(rules_file).to_vec()].concat())?;
    run([words(["test", "rules"]), CLASSES.map(|class| format!("tests/alerts/{class}.yaml")).to_vec()].concat())
}

/// Whether an alert has a case in which it fires, and one in which it does not.
fn has_cases(cases: &Value, alert: &str) -> Result<()> {
    let tests = items(cases, "tests").iter().flat_map(|test| items(test, "alert_rule_test"));
    let of_alert: Vec<&Value> = tests.filter(|test| test["alertname"] == alert).collect();
    let fires = of_alert.iter().filter(|test| !items(test, "exp_alerts").is_empty()).count();
    ensure!(fires > 0, "no case in which {alert} fires");
    ensure!(fires < of_alert.len(), "no case in which {alert} is silent");
    Ok(())
}

fn says_who_and_what(rule: &Value, alert: &str, class: &str) -> Result<()> {
    ensure!(rule["labels"]["severity"] == class, "{alert}: severity {}", rule["labels"]["severity"]);
    for key in ["summary", "description", "owner", "since", "command", "runbook_url", "dashboard"] {
        let text = rule["annotations"][key].as_str().unwrap_or_default();
        ensure!(!text.trim().is_empty(), "{alert} has no annotation {key}");
    }
    let url = rule["annotations"]["runbook_url"].as_str().unwrap_or_default();
    ensure!(url.ends_with(&format!("/docs/runbooks/{alert}.md")), "{alert}: {url}");
    let dashboard = rule["annotations"]["dashboard"].as_str().unwrap_or_default();
    let uid = dashboard.split(['/', '?']).nth(2).unwrap_or_default();
    let file = uid.trim_start_matches("soc2-");
    let text = binaries::read(&format!("charts/soc2-operator/files/dashboards/{file}.json"))?;
    ensure!(text.contains(&format!("\"uid\": \"{uid}\"")), "{alert}: there is no dashboard {uid}");
    let runbook = binaries::read(&format!("docs/runbooks/{alert}.md"))?;
    for heading in ["Meaning", "Impact", "Check", "Fix"] {
        ensure!(runbook.contains(&format!("\n## {heading}\n")), "docs/runbooks/{alert}.md has no {heading}");
    }
    ensure!(runbook.contains(&format!("Class `{class}`")), "docs/runbooks/{alert}.md names another class");
    Ok(())
}

/// Only series that there are, and none of single accounts.
fn on_known_series(rule: &Value, alert: &str, documented: &str) -> Result<()> {
    let expr = rule["expr"].as_str().unwrap_or_default();
    let names = expr.split(|one: char| !one.is_ascii_alphanumeric() && one != '_');
    for name in names.filter(|name| name.starts_with("soc2_")) {
        ensure!(documented.contains(&format!("| `{name}` |")), "{alert}: there is no {name}");
        ensure!(!name.starts_with("soc2_account_"), "{alert} is written on series of single accounts");
    }
    Ok(())
}

#[test]
fn each_has_cases_a_runbook_and_says_who_has_to_do_what() -> Result<()> {
    let (metrics, list) = (binaries::read("docs/metrics.md")?, binaries::read("docs/alerts.md")?);
    let mut known = BTreeSet::from(["lockout".to_owned()]);
    for class in CLASSES {
        let cases = yaml(&format!("tests/alerts/{class}.yaml"))?;
        for rule in rules(class)? {
            let alert = rule["alert"].as_str().context("a rule without a name")?;
            has_cases(&cases, alert)?;
            says_who_and_what(&rule, alert, class)?;
            on_known_series(&rule, alert, &metrics)?;
            ensure!(
                list.contains(&format!("| [`{alert}`](runbooks/{alert}.md) | {class} |")),
                "docs/alerts.md: {alert}"
            );
            ensure!(known.insert(alert.to_owned()), "two alerts are called {alert}");
        }
    }
    for file in std::fs::read_dir(binaries::repository().join("docs/runbooks"))? {
        let path = file?.path();
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        ensure!(known.contains(&name), "docs/runbooks/{name}.md is of no alert");
    }
    Ok(())
}

/// The rules as they are shipped, only without patience.
fn hasty_rules(stand: &Stand) -> Result<Vec<PathBuf>> {
    let write = |class: &str| {
        let text = binaries::read(&rules_file(class))?;
        let lines: Vec<&str> =
            text.lines().map(|line| if line.starts_with("    for: ") { "    for: 0s" } else { line }).collect();
        let path = stand.dir.path().join(format!("{class}.yaml"));
        std::fs::write(&path, lines.join("\n"))?;
        Ok(path)
    };
    CLASSES.into_iter().map(write).collect()
}

/// Waits until an alert fires with this value of a label; its annotations are in plain words.
async fn fires(prometheus: &Prometheus, alert: &str, label: &str, value: &str) -> Result<()> {
    let found = eventually(&format!("{alert} with {label} {value}"), || async {
        let rules = prometheus.rules().await?;
        let alerts: Vec<Value> =
            rules.iter().filter(|rule| rule["name"] == alert).flat_map(|rule| items(rule, "alerts").to_vec()).collect();
        let firing =
            alerts.iter().find(|one| one["state"] == "firing" && (label.is_empty() || one["labels"][label] == value));
        firing.cloned().with_context(|| format!("{alerts:?}"))
    })
    .await?;
    let text = found["annotations"].to_string();
    ensure!(!text.contains("error expanding") && !text.contains("<no value>"), "{text}");
    Ok(())
}

/// Waits until every rule was evaluated, without an error.
async fn healthy(prometheus: &Prometheus) -> Result<()> {
    eventually("rules that are evaluated without an error", || async {
        let rules = prometheus.rules().await?;
        let bad: Vec<&Value> = rules.iter().filter(|rule| rule["health"] != "ok").collect();
        ensure!(rules.len() >= 20 && bad.is_empty(), "{} rules; {bad:?}", rules.len());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_real_prometheus_evaluates_them_and_they_fire_when_the_world_breaks() -> Result<()> {
    let stand = Stand::start().await?;
    stand.plane.apply_yaml(&Stand::hasty_organization()?).await?;
    stand.apply_file("docs/samples/profile.yaml").await?;
    let observe = binaries::read("docs/samples/guardrails.yaml")?.replace("mode: Enforce", "mode: Observe");
    stand.plane.apply_yaml(&observe).await?;
    let mut operator: Operator = stand.operator().await?;
    let rules = hasty_rules(&stand)?;
    let prometheus = Prometheus::start_with_rules(stand.dir.path(), operator.url(), &rules).await?;
    prometheus.up().await?;
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;

    // As the demo's world is: something fails, and a guardrail that is only observed is missing.
    fires(&prometheus, "Soc2GuardrailDrift", "name", "leave-org").await?;
    fires(&prometheus, "Soc2StandingFailures", "profile", "production").await?;
    healthy(&prometheus).await?;

    // Security Hub is switched off for us, and then a policy shuts us out of Organizations.
    stand.sandbox.fault(json!({"service": "securityhub", "kind": "accessDenied"})).await?;
    fires(&prometheus, "Soc2DataOutage", "name", "production").await?;
    stand.sandbox.fault(json!({"service": "organizations", "kind": "deniedByScp"})).await?;
    fires(&prometheus, "Soc2OperatorDeniedByScp", "service", "organizations").await?;
    healthy(&prometheus).await?;

    operator.kill()?;
    fires(&prometheus, "Soc2OperatorAbsent", "severity", "page").await?;
    healthy(&prometheus).await
}
