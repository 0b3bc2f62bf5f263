//! The start when something is not there yet: `/readyz` says what, the log says it once, it is tried again, and nothing has to be
//! restarted.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use e2e::gate::Gate;
use e2e::stand::{Stand, condition_of, kinds};
use e2e::wait::{PATIENCE, within};
use e2e::{Operator, OperatorOptions, binaries, eventually};
use serde_json::Value;

/// Longer than it takes to look again twice for what is missing.
const A_WHILE: Duration = Duration::from_secs(6);

/// Waits until `/readyz` says in this list that something is missing, in these words.
async fn says(operator: &Operator, list: &str, what: &str, words: &str) -> Result<()> {
    eventually(&format!("/readyz to say {words:?} of {what}"), || async {
        let report = operator.readiness().await?;
        let entries = report[list].as_array().context("a list")?;
        let found = entries.iter().find(|entry| entry["what"] == what);
        let message = found.and_then(|entry| entry["message"].as_str()).with_context(|| report.to_string())?;
        if message.contains(words) { Ok(()) } else { bail!("{message}") }
    })
    .await
}

/// What the log says of trouble, without times. On a machine that is busy with other tests the Lease may be renewed late.
fn troubles(operator: &Operator) -> Vec<String> {
    let bad = |line: &&str| (line.contains(" WARN ") || line.contains(" ERROR ")) && !line.contains("::leads::keep: ");
    let log = operator.log();
    log.lines().filter(bad).filter_map(|line| Some(line.split_once(' ')?.1.trim().to_owned())).collect()
}

/// Some attempts later the log has this one line of trouble, and no other.
async fn said_once(operator: &Operator, words: &str) -> Result<()> {
    tokio::time::sleep(A_WHILE).await;
    let troubles = troubles(operator);
    ensure!(troubles.len() == 1 && troubles[0].contains(words), "{troubles:#?}");
    Ok(())
}

/// Nothing was said twice, and in the end the operator does its work.
async fn works(stand: &Stand, operator: &mut Operator) -> Result<()> {
    operator.ready().await.with_context(|| operator.log())?;
    stand.apply_samples().await?;
    // What failed while AWS was away is tried again after waits that grow.
    within(3 * PATIENCE, "everything to be read", || async {
        let object = stand.get("awsorg", "acme").await?;
        let complete = condition_of(&object, "FindingsComplete").context("not yet")?;
        if complete["status"] == "True" { Ok(()) } else { bail!("{complete}") }
    })
    .await?;
    stand.condition("cprof", "production", "Ready", "True", "Assessed").await?;
    operator.check_running()?;
    let troubles = troubles(operator);
    let different: BTreeSet<&String> = troubles.iter().collect();
    ensure!(troubles.len() == different.len(), "said twice: {troubles:#?}");
    Ok(())
}

#[tokio::test]
async fn without_the_kinds_it_waits_and_goes_on_when_they_are_there() -> Result<()> {
    let stand = Stand::start_without_kinds().await?;
    let mut operator = stand.operator().await?;
    says(&operator, "missing", "crds", "no CRD of soc2-operator.dev: install the chart soc2-operator-crds").await?;
    ensure!(operator.page("/healthz").await? == "ok\n", "it is alive");
    said_once(&operator, "no CRD of soc2-operator.dev").await?;
    let leases = stand.kubectl(&["get", "lease", "-n", "soc2-operator", "-o", "name"]).await?;
    ensure!(leases.is_empty(), "it cannot work and leads: {leases}");
    kinds(&stand.plane, "scpbaselines").await?;
    says(&operator, "missing", "crds", "no CRD for scpbaselines: ").await?;
    kinds(&stand.plane, "").await?;
    works(&stand, &mut operator).await
}

/// The operator's kubeconfig with another address of the API server.
fn kubeconfig(options: &OperatorOptions, stand: &Stand, gate: &Gate) -> Result<PathBuf> {
    let text = std::fs::read_to_string(&options.kubeconfig)?;
    let url = stand.plane.url();
    ensure!(text.contains(&url), "{url} is not in the kubeconfig");
    let path = stand.dir.path().join("through-the-gate.kubeconfig");
    std::fs::write(&path, text.replace(&url, &format!("https://{}", gate.address)))?;
    Ok(path)
}

#[tokio::test]
async fn without_an_api_server_it_waits_and_goes_on_when_it_is_there() -> Result<()> {
    let stand = Stand::start().await?;
    let mut gate = Gate::shut(&stand.plane.url())?;
    let mut options = stand.operator_options();
    let given = std::fs::read_to_string(kubeconfig(&options, &stand, &gate)?)?;
    // Not even the file is there.
    options.kubeconfig = stand.dir.path().join("later.kubeconfig");
    let mut operator = Operator::start(options.clone()).await?;
    says(&operator, "missing", "kubernetes", "no access to Kubernetes").await?;
    ensure!(operator.page("/metrics").await? == "# EOF\n", "there are no metrics yet");
    said_once(&operator, "no access to Kubernetes").await?;
    std::fs::write(&options.kubeconfig, given)?;
    says(&operator, "missing", "crds", "refused").await?;
    tokio::time::sleep(A_WHILE).await;
    ensure!(troubles(&operator).len() == 2, "{:#?}", troubles(&operator));
    gate.open()?;
    works(&stand, &mut operator).await
}

#[tokio::test]
async fn an_api_server_that_does_not_answer_for_a_while_is_waited_for() -> Result<()> {
    let stand = Stand::start().await?;
    let options = stand.operator_options();
    stand.plane.pause_apiserver()?;
    let mut operator = Operator::start(options).await?;
    says(&operator, "missing", "crds", "the Kubernetes API does not answer within 10 s").await?;
    // Two more attempts.
    tokio::time::sleep(4 * A_WHILE).await;
    said_once(&operator, "does not answer").await?;
    stand.plane.resume_apiserver().await?;
    works(&stand, &mut operator).await
}

/// Starts the operator while AWS is away, and gives it back.
async fn without_aws(stand: &Stand, gate: &mut Gate, words: &str) -> Result<()> {
    let mut options = stand.operator_options().with_flags(&["--aws-attempt-timeout", "1s"]);
    options.aws = format!("http://{}", gate.address);
    let mut operator = Operator::start(options).await?;
    stand.apply_samples().await?;
    says(&operator, "degraded", "aws", "AwsOrganization acme: ").await?;
    says(&operator, "degraded", "aws", words).await?;
    operator.ready().await.context("it does its work: it says what is unknown")?;
    stand.condition("awsorg", "acme", "OrganizationRead", "False", "").await?;
    said_once(&operator, "cannot be read").await?;
    gate.open()?;
    works(stand, &mut operator).await?;
    eventually("nothing to be missing", || async {
        let report = operator.readiness().await?;
        ensure!(report["degraded"] == Value::Array(Vec::new()), "{report}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn without_aws_it_says_so_and_goes_on_when_it_is_there() -> Result<()> {
    let stand = Stand::start().await?;
    let mut gate = Gate::shut(&stand.sandbox.aws)?;
    without_aws(&stand, &mut gate, "no connection to AWS").await
}

#[tokio::test]
async fn an_aws_that_does_not_answer_is_waited_for() -> Result<()> {
    let stand = Stand::start().await?;
    let mut gate = Gate::shut(&stand.sandbox.aws)?;
    gate.fall_silent()?;
    without_aws(&stand, &mut gate, "AWS did not answer in time").await
}

#[tokio::test]
async fn a_right_that_is_missing_is_named_and_waited_for() -> Result<()> {
    let stand = Stand::start().await?;
    let all = binaries::read("charts/soc2-operator/files/rbac.yaml")?;
    // What each state of the rights lacks, and how it is said.
    let without_binding = ["delete", "clusterrolebinding", "soc2-operator"];
    stand.kubectl(&without_binding).await?;
    let mut operator = stand.operator().await?;
    says(&operator, "missing", "cluster", "namespaces \"kube-system\" is forbidden").await?;
    said_once(&operator, "kube-system").await?;

    let postures =
        all.replace("resources: [accountpostures]\n  verbs: [list, ", "resources: [accountpostures]\n  verbs: [");
    let kinds = postures.replace("  - complianceexceptions\n  - controlattestations", "  - controlattestations");
    ensure!(all != postures && postures != kinds, "rbac.yaml is written in another way now");
    stand.plane.apply_yaml(&kinds).await?;
    says(&operator, "missing", "stores", "ComplianceException cannot be watched: ").await?;
    says(&operator, "missing", "stores", "complianceexceptions.soc2-operator.dev is forbidden").await?;
    let report = operator.readiness().await?;
    ensure!(!report.to_string().contains("ControlAttestation"), "the others are watched: {report}");
    // What was published is read by whoever leads an organization.
    stand.plane.apply_yaml(&Stand::hasty_organization()?).await?;
    stand.apply_file("docs/samples/profile.yaml").await?;
    stand.plane.apply_yaml(&postures).await?;
    says(&operator, "missing", "postures", "accountpostures.soc2-operator.dev is forbidden").await?;
    tokio::time::sleep(A_WHILE).await;
    let said = troubles(&operator);
    ensure!(said.len() == 3, "one line for each of the three: {said:#?}");
    stand.plane.apply_yaml(&all).await?;
    works(&stand, &mut operator).await
}
