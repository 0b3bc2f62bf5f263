//! Metrics: what the page has is what docs/metrics.md says, a real Prometheus takes it, series go with what they are of.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use e2e::objects::{at, attestation, exception, object};
use e2e::openmetrics::{self, Family};
use e2e::stand::Stand;
use e2e::{Operator, Prometheus, binaries, eventually};
use serde_json::json;

/// A row of docs/metrics.md.
struct Documented {
    kind: String,
    unit: String,
    labels: BTreeSet<String>,
}

/// The cells of the tables below some headings of docs/metrics.md, each row with the words in backquotes of its first cell.
fn rows(text: &str, columns: usize) -> Vec<(Vec<String>, Vec<String>)> {
    text.lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split(" |").map(|cell| cell.trim_matches('|').trim().to_owned()).collect())
        .filter(|cells: &Vec<String>| cells.len() >= columns)
        .map(|cells| (quoted(&cells[0]), cells))
        .collect()
}

fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn documented(text: &str) -> BTreeMap<String, Documented> {
    rows(text, 5)
        .into_iter()
        .map(|(names, cells)| {
            let labels = quoted(&cells[3]).into_iter().collect();
            (names[0].clone(), Documented { kind: cells[1].clone(), unit: cells[2].clone(), labels })
        })
        .collect()
}

/// Each label with its longest value, in characters.
fn bounds(text: &str) -> Result<BTreeMap<String, usize>> {
    let (_, labels) = text.split_once("## Labels").context("no section of labels")?;
    let mut bounds = BTreeMap::new();
    for (names, cells) in rows(labels, 3) {
        let longest = cells[2].parse().with_context(|| cells[2].clone())?;
        bounds.extend(names.into_iter().map(|name| (name, longest)));
    }
    Ok(bounds)
}

/// Queries of the examples: separated by blank lines, with comments.
fn queries(text: &str) -> Vec<String> {
    let blocks = text.split("```promql").skip(1).filter_map(|rest| rest.split("```").next());
    let queries = blocks.flat_map(|block| block.split("\n\n"));
    let code = |query: &str| query.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join(" ");
    queries.map(code).map(|query| query.trim().to_owned()).filter(|query| !query.is_empty()).collect()
}

/// A label as the documentation names it: tags have names of their own.
fn documented_label(label: &str) -> String {
    if label.starts_with("tag_") { "tag_*".to_owned() } else { label.to_owned() }
}

fn compare(documented: &BTreeMap<String, Documented>, page: &BTreeMap<String, Family>) -> Result<()> {
    let (wanted, found): (BTreeSet<_>, BTreeSet<_>) = (documented.keys().collect(), page.keys().collect());
    ensure!(wanted == found, "only documented: {:?}; only exported: {:?}", &wanted - &found, &found - &wanted);
    for (name, family) in page {
        let row = &documented[name];
        ensure!(row.kind == family.kind, "{name} is a {}, documented as {}", family.kind, row.kind);
        ensure!(row.unit == family.unit, "{name} is in {:?}, documented in {:?}", family.unit, row.unit);
        ensure!(!family.help.is_empty(), "{name} has no help");
        for series in &family.series {
            let labels = series.labels.keys().filter(|label| *label != "le").map(|label| documented_label(label));
            let labels: BTreeSet<String> = labels.collect();
            ensure!(labels == row.labels, "{name} has {labels:?}, documented are {:?}", row.labels);
        }
    }
    Ok(())
}

fn within_bounds(bounds: &BTreeMap<String, usize>, page: &BTreeMap<String, Family>) -> Result<()> {
    for series in page.values().flat_map(|family| &family.series) {
        for (label, value) in &series.labels {
            let name = documented_label(label);
            let longest = bounds.get(&name).with_context(|| format!("label {name} is not documented"))?;
            ensure!(value.chars().count() <= *longest, "{}: {label}={value:?} is too long", series.name);
            ensure!(!value.contains("{\"") && !value.contains('\n'), "{}: {label}={value:?}", series.name);
        }
    }
    Ok(())
}

/// The samples, with each level of detail, and a throttled call.
pub(crate) async fn everything(stand: &Stand) -> Result<Operator> {
    let throttle =
        json!({"service": "securityhub", "operation": "GetFindings", "kind": "throttle", "every": 3, "times": 2});
    stand.sandbox.fault(throttle).await?;
    let denied = json!({"service": "sqs", "operation": "ReceiveMessage", "kind": "deniedByScp", "times": 1});
    stand.sandbox.fault(denied).await?;
    stand.apply_samples().await?;
    let patch = json!({"spec": {
        "metrics": {"detail": "Control"},
        "objectives": [{"type": "Compliance", "minPercent": 95}, {"type": "Attested", "name": "training", "minPercent": 90}],
        "manual": {"tracking": "Here", "rationale": null},
    }});
    stand.kubectl(&["patch", "cprof", "production", "--type=merge", "-p", &patch.to_string()]).await?;
    let account = stand.sandbox.account("payments-prod").await?;
    stand.plane.apply_yaml(&exception("soc2-operator/bucket", "S3.2", &account, json!({}))).await?;
    let done = json!({"activities": ["access-review"], "measurements": [{"name": "training", "value": "98%"}]});
    stand.plane.apply_yaml(&attestation("soc2-operator/review", done)).await?;
    let patch = r#"{"spec": {"metrics": {"detail": "Control"}}}"#;
    stand.kubectl(&["patch", "cprof", "production", "--type=merge", "-p", patch]).await?;
    let queue = r#"[{"op": "add", "path": "/spec/securityHub/0/events", "value": {"queueUrl": "https://sqs.eu-west-1.amazonaws.com/222222222222/soc2-findings", "role": {"arn": "arn:aws:iam::222222222222:role/soc2-events", "externalId": "acme-7"}}}]"#;
    stand.kubectl(&["patch", "awsorg", "acme", "--type=json", "-p", queue]).await?;
    let release = json!({
        "organizationRef": {"name": "acme"}, "baseline": "deny-leave-org", "target": "Sandbox", "releasedBy": "oncall@example.com",
        "reason": "Nothing deploys any more", "startsAt": at(0), "expiresAt": at(3600),
    });
    stand.plane.apply_yaml(&object("GuardrailRelease", "sandbox", release)).await?;
    // A plan that waits for a person.
    let waiting = binaries::read("docs/samples/guardrails.yaml")?
        .replace("name: leave-org\n", "name: waiting\n")
        .replace("path: Workloads", "path: Sandbox")
        .replace("approval: Automatic", "approval: Manual");
    stand.plane.apply_yaml(&waiting).await?;
    let mut options = stand.operator_options();
    options.flags = vec!["--metrics-account-tags".to_owned(), "team,env".to_owned()];
    let operator = Operator::start(options).await?;
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;
    stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;
    stand.condition("cprof", "baseline", "Ready", "True", "Assessed").await?;
    stand.condition("grset", "leave-org", "InSync", "True", "InSync").await?;
    Ok(operator)
}

async fn page(operator: &Operator) -> Result<BTreeMap<String, Family>> {
    openmetrics::parse(&operator.metrics().await?)
}

#[tokio::test]
async fn the_page_is_as_documented_and_a_real_prometheus_takes_all_of_it() -> Result<()> {
    let stand = Stand::start().await?;
    let operator = everything(&stand).await?;
    let prometheus = Prometheus::start(stand.dir.path(), operator.url()).await?;
    prometheus.up().await?;

    let text = binaries::read("docs/metrics.md")?;
    let documented = documented(&text);
    // A full sweep ends a little later than its findings are complete.
    let page = eventually("the page to be as documented", || async {
        let page = page(&operator).await?;
        compare(&documented, &page)?;
        Ok(page)
    })
    .await?;
    within_bounds(&bounds(&text)?, &page)?;

    let account = stand.sandbox.account("payments-prod").await?;
    let info = page["soc2_account_info"].series.iter().find(|series| series.labels["account_id"] == account);
    let labels = &info.context("no account_info")?.labels;
    ensure!(labels["account_name"] == "payments-prod" && labels["ou_path"] == "Workloads/Prod", "{labels:?}");
    ensure!(labels["tag_team"] == "payments" && labels["tag_env"] == "prod", "{labels:?}");

    // What Prometheus knows is what the page says.
    let metadata = eventually("Prometheus to know every metric", || async {
        let metadata = prometheus.metadata().await?;
        for (name, family) in &page {
            let base = name.strip_suffix("_total").unwrap_or(name);
            let known =
                [name.as_str(), base].into_iter().map(|name| &metadata[name][0]).find(|known| known.is_object());
            let known = known.with_context(|| format!("Prometheus does not know {name}"))?;
            ensure!(known["type"] == family.kind && known["unit"] == family.unit, "{name}: {known}");
            ensure!(known["help"].as_str().is_some_and(|help| !help.is_empty()), "{name}: {known}");
        }
        Ok(metadata)
    })
    .await?;
    ensure!(metadata.as_object().is_some_and(|known| known.len() >= page.len()));

    // Every example works, and speaks of metrics that there are.
    let queries = queries(&text);
    ensure!(queries.len() >= 10, "{} examples", queries.len());
    for query in queries {
        prometheus.query(&query).await?;
        let names = query.split(|one: char| !one.is_ascii_alphanumeric() && one != '_');
        for name in names.filter(|name| name.starts_with("soc2_")) {
            let name = name.strip_suffix("_bucket").unwrap_or(name);
            ensure!(documented.contains_key(name), "{query}: there is no {name}");
        }
    }
    let joined = "soc2_account_checks{state=\"Passed\"} * on (account_id) group_left (account_name) soc2_account_info";
    ensure!(prometheus.query(joined).await?.iter().any(|found| found["metric"]["account_name"] == "payments-prod"));
    Ok(())
}

#[tokio::test]
async fn detail_and_the_cap_say_how_far_series_go_and_they_go_with_their_account() -> Result<()> {
    let stand = Stand::start().await?;
    stand.apply_samples().await?;
    let mut options = stand.operator_options();
    // Room for sums and accounts of both profiles, not for controls of accounts.
    options.flags = vec!["--metrics-max-series".to_owned(), "2200".to_owned()];
    let operator = Operator::start(options).await?;
    stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;
    stand.condition("cprof", "baseline", "Ready", "True", "Assessed").await?;
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;
    let detail = async |profile: &str, detail: &str| {
        let patch = format!("{{\"spec\": {{\"metrics\": {{\"detail\": {detail:?}}}}}}}");
        stand.kubectl(&["patch", "cprof", profile, "--type=merge", "-p", &patch]).await
    };
    let has = |page: &str, metric: &str, profile: &str| page.contains(&format!("soc2_{metric}{{profile=\"{profile}\""));

    // Each level adds one metric.
    for (level, wanted) in [("Profile", [false, false]), ("Account", [true, false]), ("Criterion", [true, true])] {
        detail("production", level).await?;
        eventually(&format!("detail {level}"), || async {
            let page = operator.metrics().await?;
            let found = ["account_checks", "account_criterion_state"].map(|name| has(&page, name, "production"));
            ensure!(found == wanted, "{found:?}");
            ensure!(!has(&page, "account_control_state", "production"));
            Ok(())
        })
        .await?;
    }
    ensure!(operator.metric("soc2_metric_series_dropped{detail=\"Control\"} ").await? < 1.0);

    // Too much: the finest detail goes, and everybody is told.
    detail("production", "Control").await?;
    let reduced = stand.condition("cprof", "production", "MetricsReduced", "True", "SeriesCapReached").await?;
    let message = reduced["message"].as_str().unwrap_or_default();
    ensure!(message.contains("detail Criterion instead of Control"), "{message}");
    let page = operator.metrics().await?;
    ensure!(has(&page, "account_criterion_state", "production") && !has(&page, "account_control_state", "production"));
    let series = page.lines().filter(|line| !line.starts_with('#')).count();
    ensure!(series < 2200, "{series} series");
    ensure!(operator.metric("soc2_metric_series_dropped{detail=\"Control\"}").await? > 300.0);
    stand.event("production", "SeriesCapReached").await?;
    detail("production", "Account").await?;
    eventually("the condition to go", || async {
        let profile = stand.get("cprof", "production").await?;
        ensure!(e2e::stand::condition_of(&profile, "MetricsReduced").is_none(), "still there");
        Ok(())
    })
    .await?;

    // An account leaves, and its series with it.
    let account = stand.sandbox.account("shop-prod").await?;
    let of_account = format!("account_id=\"{account}\"");
    ensure!(operator.metrics().await?.contains(&of_account));
    stand.sandbox.delete(&format!("/world/accounts/{account}")).await?;
    eventually("the series of the account to go", || async {
        ensure!(!operator.metrics().await?.contains(&of_account), "still there");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_profile_says_which_accounts_get_a_posture() -> Result<()> {
    let stand = Stand::start().await?;
    stand.apply_samples().await?;
    let _operator = stand.operator().await?;
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await?;
    let labelled = async |compliant: &str| {
        let selector = format!("soc2-operator.dev/profile=baseline,soc2-operator.dev/compliant{compliant}");
        let found = stand.kubectl(&["get", "apos", "-o", "name", "-l", &selector]).await?;
        anyhow::Ok(found.lines().count())
    };
    let postures = async |wanted: &str| {
        let patch = format!("{{\"spec\": {{\"postures\": {wanted:?}}}}}");
        stand.kubectl(&["patch", "cprof", "baseline", "--type=merge", "-p", &patch]).await
    };
    // Only this control, of the management account alone: it passes, or it does not.
    let controls = json!([{"id": "*", "action": "Disable", "rationale": "only one control here"},
                          {"id": "IAM.4", "action": "Enable", "criteria": ["CC6.1"], "rationale": "only one control here"}]);
    let patch = json!({"spec": {"controls": controls}}).to_string();
    stand.kubectl(&["patch", "cprof", "baseline", "--type=merge", "-p", &patch]).await?;
    let management = "baseline-111111111111";
    let set = async |status: &str| stand.sandbox.set_finding("111111111111", "eu-west-1", "IAM.4", status).await;
    set("PASSED").await?;
    eventually("a compliant account", || async {
        let posture = stand.get("apos", management).await?;
        ensure!(posture["metadata"]["labels"]["soc2-operator.dev/compliant"] == "true", "{:#}", posture["summary"]);
        Ok(())
    })
    .await?;
    stand.settled_postures().await?;
    let others = labelled("!=true").await?;
    ensure!(others > 0, "every account is compliant");

    postures("NotCompliant").await?;
    eventually("postures of compliant accounts to go", || async {
        ensure!(labelled("=true").await? == 0, "still there");
        ensure!(labelled("!=true").await? == others, "others are gone too");
        Ok(())
    })
    .await?;
    // It comes when the account fails, and goes when it passes again.
    set("FAILED").await?;
    eventually("the posture of the failing account", || async { stand.get("apos", management).await.map(drop) })
        .await?;
    set("PASSED").await?;
    eventually("the posture to go again", || async {
        ensure!(stand.get("apos", management).await.is_err(), "still there");
        Ok(())
    })
    .await?;

    postures("None").await?;
    eventually("every posture of the profile to go", || async {
        let all = stand.kubectl(&["get", "apos", "-o", "name", "-l", "soc2-operator.dev/profile=baseline"]).await?;
        ensure!(all.trim().is_empty(), "{all}");
        Ok(())
    })
    .await?;
    ensure!(!stand.list("apos").await?.is_empty(), "those of the other profile stay");
    stand.condition("cprof", "baseline", "Ready", "True", "Assessed").await?;
    Ok(())
}
