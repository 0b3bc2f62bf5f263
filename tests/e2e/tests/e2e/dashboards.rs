//! Dashboards: every query of every panel gives data on what an operator exports, or is known to give none, and why.

use anyhow::{Context, Result, ensure};
use e2e::stand::Stand;
use e2e::{Prometheus, binaries, eventually};
use serde_json::Value;

use crate::metrics::everything;

const DASHBOARDS: [&str; 4] = ["overview", "account", "guardrails", "operator"];

/// Panels that are empty in a world where all is well and new.
const EMPTY: [(&str, &str, &str); 3] = [
    ("overview", "Newly failing since yesterday", "the operator was not there yesterday"),
    ("guardrails", "Held, released, refused, fought over", "nobody holds or fights over anything"),
    ("operator", "Objects that are not ready", "all are"),
];

fn read(name: &str) -> Result<Value> {
    Ok(serde_json::from_str(&binaries::read(&format!("charts/soc2-operator/files/dashboards/{name}.json"))?)?)
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// A query as Grafana would send it.
fn filled(query: &str) -> String {
    let variables = [
        ("$__rate_interval", "1m"),
        ("$profile", ".*"),
        ("$organization", ".*"),
        ("$set", ".*"),
        ("$account", "payments-prod"),
    ];
    variables.iter().fold(query.to_owned(), |query, (name, value)| query.replace(name, value))
}

/// Metric and label of a variable `label_values(metric, label)`.
fn values_of(query: &str) -> Option<(&str, &str)> {
    query.strip_prefix("label_values(")?.strip_suffix(')')?.split_once(", ")
}

#[test]
fn every_panel_says_what_it_shows_and_in_which_unit() -> Result<()> {
    for name in DASHBOARDS {
        let dashboard = read(name)?;
        ensure!(dashboard["uid"] == format!("soc2-{name}"), "{name}: {}", dashboard["uid"]);
        let names: Vec<&str> =
            items(&dashboard["templating"], "list").iter().map(|variable| text(variable, "name")).collect();
        ensure!(names.first() == Some(&"datasource") && names.len() > 1, "{name}: variables {names:?}");
        let panels = items(&dashboard, "panels").iter().filter(|panel| panel["type"] != "row");
        let mut count = 0;
        for panel in panels {
            let title = text(panel, "title");
            count += 1;
            ensure!(text(panel, "description").len() > 5, "{name}: {title:?} has no description");
            ensure!(!text(&panel["fieldConfig"]["defaults"], "unit").is_empty(), "{name}: {title:?} has no unit");
            ensure!(!items(panel, "targets").is_empty(), "{name}: {title:?} has no query");
            for target in items(panel, "targets") {
                ensure!(target["datasource"]["uid"] == "${datasource}", "{name}: {title:?} has a source of its own");
                let left = filled(text(target, "expr"));
                ensure!(!left.contains('$'), "{name}: {title:?} uses a variable that there is not: {left}");
            }
        }
        ensure!(count >= 5, "{name}: {count} panels");
    }
    for (name, title, _) in EMPTY {
        let dashboard = read(name)?;
        let there = items(&dashboard, "panels").iter().any(|panel| panel["title"] == title);
        ensure!(there, "there is no panel {title:?} in {name} that could be empty");
    }
    Ok(())
}

/// What is wrong with the panels of a dashboard.
async fn wrong(prometheus: &Prometheus, name: &str) -> Result<Vec<String>> {
    let dashboard = read(name)?;
    let mut wrong = Vec::new();
    for variable in items(&dashboard["templating"], "list").iter().filter(|variable| variable["type"] == "query") {
        let (metric, label) = values_of(text(variable, "definition")).context("a variable of another kind")?;
        let series = prometheus.query(metric).await?;
        if !series.iter().any(|series| series["metric"][label].is_string()) {
            wrong.push(format!("{name}: no values of variable {}", text(variable, "name")));
        }
    }
    for panel in items(&dashboard, "panels") {
        let title = text(panel, "title");
        let may_be_empty = EMPTY.iter().any(|(of, empty, _)| (*of, *empty) == (name, title));
        for target in items(panel, "targets") {
            let query = filled(text(target, "expr"));
            let found = prometheus.query(&query).await.with_context(|| format!("{name}: {title}"))?;
            if found.is_empty() && !may_be_empty {
                wrong.push(format!("{name}: {title:?} is empty: {query}"));
            }
        }
    }
    Ok(wrong)
}

#[tokio::test]
async fn every_query_gives_data_on_what_an_operator_exports() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = everything(&stand).await?;
    let prometheus = Prometheus::start(stand.dir.path(), operator.url()).await?;
    prometheus.up().await?;
    // Full sweeps end a little later, and rates need two scrapes.
    eventually("data in every panel", || async {
        let mut found = Vec::new();
        for name in DASHBOARDS {
            found.extend(wrong(&prometheus, name).await?);
        }
        ensure!(found.is_empty(), "{}", found.join("\n"));
        Ok(())
    })
    .await
}
