//! The AWS CLI, which comes from the Python tools of `make tools`; `make test` puts them first in PATH.

use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use e2e::Sandbox;
use serde_json::Value;

/// Somebody with the AWS CLI.
#[derive(Clone)]
pub(crate) struct Cli {
    endpoint: String,
    env: Vec<(&'static str, String)>,
}

impl Cli {
    /// With an access key.
    pub(crate) fn new(endpoint: &str, id: &str, secret: &str) -> Self {
        let env = vec![("AWS_ACCESS_KEY_ID", id.to_owned()), ("AWS_SECRET_ACCESS_KEY", secret.to_owned())];
        Self { endpoint: endpoint.to_owned(), env }
    }

    /// With an access key of the sandbox's world.
    pub(crate) fn of(sandbox: &Sandbox, id: &str) -> Self {
        Self::new(&sandbox.aws, id, "not-checked-by-the-sandbox")
    }

    /// With a session of a role that trusts this one.
    pub(crate) async fn in_role(&self, role: &str) -> Result<Self> {
        let arn = format!("arn:aws:iam::{role}");
        let assume =
            ["sts", "assume-role", "--role-session-name", "test", "--external-id", "acme-7", "--role-arn", &arn];
        let given = self.run(&assume).await?;
        let given = |field: &str| given["Credentials"][field].as_str().map(str::to_owned).context("credentials");
        let env = vec![
            ("AWS_ACCESS_KEY_ID", given("AccessKeyId")?),
            ("AWS_SECRET_ACCESS_KEY", given("SecretAccessKey")?),
            ("AWS_SESSION_TOKEN", given("SessionToken")?),
        ];
        Ok(Self { endpoint: self.endpoint.clone(), env })
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("aws");
        command
            .args(["--endpoint-url", &self.endpoint, "--output", "json"])
            .args(args)
            .envs(self.env.iter().map(|(name, value)| (*name, value.as_str())))
            // Version 1 knows only this name; version 2 reads it too.
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_PAGER", "");
        command
    }

    /// What it prints; an error has AWS's words.
    pub(crate) async fn print(&self, args: &[&str]) -> Result<Vec<u8>> {
        printed(args, tokio::process::Command::from(self.command(args)).output().await)
    }

    /// What AWS answers.
    pub(crate) async fn run(&self, args: &[&str]) -> Result<Value> {
        answer(&self.print(args).await?)
    }

    /// The same, while nothing else of the test goes on.
    pub(crate) fn run_now(&self, args: &[&str]) -> Result<Value> {
        answer(&printed(args, self.command(args).output())?)
    }

    /// A call that is refused, in the words of IAM.
    pub(crate) async fn is_denied(&self, args: &[&str], action: &str, resource: &str, kind: &str) -> Result<()> {
        let error = self.run(args).await.err().with_context(|| format!("{args:?} was not denied"))?.to_string();
        let words = format!(
            "is not authorized to perform: {action} on resource: {resource} because no {kind} policy allows the {action} action"
        );
        ensure!(error.contains("AccessDeniedException") && error.contains(&words), "{error}\n  instead of: {words}");
        Ok(())
    }
}

fn printed(args: &[&str], output: std::io::Result<Output>) -> Result<Vec<u8>> {
    let output = output.context("the AWS CLI is not in PATH: run `make tools`")?;
    ensure!(output.status.success(), "aws {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

fn answer(printed: &[u8]) -> Result<Value> {
    if printed.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(printed)?) }
}
