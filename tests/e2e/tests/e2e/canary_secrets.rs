//! Nothing secret leaves the process: canaries are put wherever it could hold one, it does its work, fails in every way and starts
//! anew, and then everything that left it is searched.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::tap::Spoil;
use e2e::{Operator, binaries, eventually, wait};
use serde_json::json;

use crate::aws_cli::Cli;
use crate::canaries::{EXTERNAL_ID, POD, PROXY_PASSWORD, SECRET_KEY, Search, WEB_TOKEN, leaks};

/// The last lines of a log that is long.
fn end_of(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

/// Keys from the environment and a proxy with a password; everything that our crates can log, as text.
#[tokio::test]
async fn nothing_secret_leaves_it_in_work_errors_and_restarts() -> Result<()> {
    let mut search = Search::start().await?;
    let proxy = search.tap.url.replace("http://", &format!("http://operator:{PROXY_PASSWORD}@"));
    let mut options = search.options(&[("HTTP_PROXY", &proxy), ("SOC2_LOG_LEVEL", "trace")]);
    options.aws = "http://aws.behind-the-proxy.example".to_owned();
    let state = options.state.clone();
    let operator = Operator::start(options.clone()).await?;
    search.apply_samples().await?;
    search.settled().await?;
    search.bodies().await?;
    eventually("what was sent to the queue to be read", || async {
        ensure!(operator.metric("soc2_events_poison_total{").await? >= 3.0, "not yet");
        Ok(())
    })
    .await
    .with_context(|| end_of(&operator.log()))?;
    search.look(&operator).await?;
    search.errors(&operator).await?;
    let operator = operator.crash_and_restart().await?;
    search.settled().await?;
    search.look(&operator).await?;
    operator.terminate().await?;

    // Nobody is at the proxy any more.
    let nowhere = format!("http://operator:{PROXY_PASSWORD}@127.0.0.1:1");
    options.env.push(("HTTP_PROXY".to_owned(), nowhere));
    let operator = Operator::start(options).await?;
    search.read("False").await?;
    search.look(&operator).await?;
    operator.terminate().await?;
    search.keep_what_is_left(&state).await?;

    // The canaries were where they belong.
    let sent = search.tap.sent();
    let with = |action: &str, words: &str| {
        sent.iter().any(|sent| sent.sts_action() == Some(action) && sent.body.contains(words))
    };
    ensure!(with("AssumeRole", EXTERNAL_ID), "no external id was sent");
    ensure!(sent.iter().all(|sent| sent.header("proxy-authorization").starts_with("Basic ")), "not by the proxy");
    ensure!(search.seen["the log"].contains(" DEBUG soc2_"), "the log is not as talkative as it was told to be");
    search.nothing_leaked()
}

/// A session's token, then a web identity; as JSON.
#[tokio::test]
async fn nothing_secret_of_sessions_and_web_identities_leaves_it() -> Result<()> {
    let mut search = Search::start().await?;
    let role = ["sts", "assume-role", "--role-arn", POD, "--role-session-name", "pod"];
    let given = Cli::new(&search.tap.url, "AKIASANDBOXCLOUDSEC0", "any").run(&role).await?;
    let given = |field: &str| given["Credentials"][field].as_str().map(str::to_owned).context("credentials");
    let (secret, token) = (given("SecretAccessKey")?, given("SessionToken")?);
    let log = [
        ("SOC2_LOG_FORMAT", "json"),
        ("SOC2_LOG_LEVEL", "debug,hyper_util=trace,aws_sigv4=trace,aws_smithy_runtime=trace"),
    ];
    let mut options = search.options(&log);
    options.access_key = given("AccessKeyId")?;
    options.env.push(("AWS_SECRET_ACCESS_KEY".to_owned(), secret));
    options.env.push(("AWS_SESSION_TOKEN".to_owned(), token.clone()));
    let state = options.state.clone();
    let operator = Operator::start(options).await?;
    search.apply_samples().await?;
    search.settled().await?;
    search.look(&operator).await?;
    ensure!(
        search.tap.sent().iter().any(|sent| sent.header("x-amz-security-token") == token),
        "its token was not used"
    );
    operator.terminate().await?;

    let file = search.stand.dir.path().join("web-identity-token");
    std::fs::write(&file, WEB_TOKEN)?;
    let mut options = search.options(&log);
    options.access_key = String::new();
    options.env.push(("AWS_SECRET_ACCESS_KEY".to_owned(), String::new()));
    options.env.push(("AWS_ROLE_ARN".to_owned(), POD.to_owned()));
    options.env.push(("AWS_WEB_IDENTITY_TOKEN_FILE".to_owned(), file.display().to_string()));
    // The first answers make no sense.
    search.tap.spoil(Spoil::Half);
    let operator = Operator::start(options).await?;
    search.read("False").await?;
    search.look(&operator).await?;
    search.keep_objects().await?;
    search.nothing_leaked()?;
    search.tap.spoil(Spoil::Nothing);
    search.settled().await?;
    search.look(&operator).await?;
    operator.terminate().await?;
    search.keep_what_is_left(&state).await?;
    let asked = |action: &str| search.tap.sent().iter().any(|sent| sent.sts_action() == Some(action));
    ensure!(asked("AssumeRoleWithWebIdentity"), "the web identity was not used");
    ensure!(search.seen["the log"].contains("\"level\":\"DEBUG\""), "the log is not as talkative as it was told to be");
    search.nothing_leaked()
}

/// A proxy that the Kubernetes client would take, named with its password.
#[tokio::test]
async fn the_password_of_a_proxy_to_kubernetes_is_not_shown() -> Result<()> {
    let mut search = Search::start().await?;
    let proxy = format!("http://operator:{PROXY_PASSWORD}@127.0.0.1:1");
    for (round, bad) in
        [proxy.clone(), format!("ftp://operator:{PROXY_PASSWORD}@127.0.0.1:1"), format!("{proxy} {PROXY_PASSWORD}")]
            .into_iter()
            .enumerate()
    {
        let mut options = search.options(&[("HTTPS_PROXY", &bad), ("SOC2_LOG_LEVEL", "trace")]);
        options.logs = search.stand.dir.path().join(format!("logs-{round}"));
        let operator = Operator::start(options).await?;
        wait::within(Duration::from_secs(30), "what is missing", || async {
            let report = operator.readiness().await?.to_string();
            ensure!(report.contains("Kubernetes"), "{report}");
            Ok(())
        })
        .await?;
        search.look(&operator).await?;
        search.seen.insert(format!("the log ({round})"), operator.log());
    }
    let secrets = [("the proxy's password".to_owned(), PROXY_PASSWORD.to_owned())];
    let leaks = leaks(&search.seen, &secrets);
    ensure!(leaks.is_empty(), "{}", leaks.join("\n"));
    Ok(())
}

/// `soc2ctl` where it reads AWS: what it prints, and what it writes into a snapshot.
#[tokio::test]
async fn nothing_secret_leaves_soc2ctl() -> Result<()> {
    let mut search = Search::start().await?;
    let folder = search.stand.dir.path().join("manifests");
    std::fs::create_dir(&folder)?;
    for name in ["organization", "profile", "guardrails"] {
        let text = binaries::read(&format!("docs/samples/{name}.yaml"))?.replace("acme-7", EXTERNAL_ID);
        std::fs::write(folder.join(format!("{name}.yaml")), text)?;
    }
    let proxy = search.tap.url.replace("http://", &format!("http://operator:{PROXY_PASSWORD}@"));
    let run = async |name: &str, args: &[&str], proxy: &str| -> Result<(Option<i32>, String)> {
        let output = tokio::process::Command::new(binaries::find("soc2ctl", "SOC2CTL")?)
            .args(args)
            .current_dir(search.stand.dir.path())
            .envs([("AWS_ACCESS_KEY_ID", "AKIASANDBOXOPERATOR0"), ("AWS_SECRET_ACCESS_KEY", SECRET_KEY)])
            .envs([("AWS_ENDPOINT_URL", "http://aws.behind-the-proxy.example"), ("HTTP_PROXY", proxy)])
            .envs([("AWS_REGION", "us-east-1"), ("AWS_EC2_METADATA_DISABLED", "true"), ("RUST_LOG", "trace")])
            .env_remove("AWS_PROFILE")
            .env_remove("AWS_SESSION_TOKEN")
            .stdin(std::process::Stdio::null())
            .output();
        let output = output.await.context(name.to_owned())?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.code(), String::from_utf8_lossy(&said).into_owned()))
    };
    let (code, said) = run("snapshot", &["snapshot", "-f", "manifests", "--out", "snapshot"], &proxy).await?;
    ensure!(code == Some(0), "{said}");
    let mut seen = BTreeMap::from([("snapshot".to_owned(), said)]);
    let (_, said) = run("assess", &["assess", "--live", "-f", "manifests", "-o", "json"], &proxy).await?;
    seen.insert("assess".to_owned(), said);
    search.stand.sandbox.fault(json!({"kind": "accessDenied", "service": "sts"})).await?;
    let (code, said) = run("denied", &["snapshot", "-f", "manifests", "--out", "denied"], &proxy).await?;
    ensure!(code != Some(0) && said.contains("assuming"), "{code:?}: {said}");
    seen.insert("denied".to_owned(), said);
    search.stand.sandbox.no_faults().await?;
    let mut folders = vec![search.stand.dir.path().join("snapshot")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
                seen.insert(path.display().to_string(), text);
            }
        }
    }
    search.seen = seen;
    search.nothing_leaked()
}
