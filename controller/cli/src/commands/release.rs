//! `release`: takes a guardrail off somewhere for some hours.

#![allow(clippy::doc_markdown, reason = "these comments are the help, where backticks would be shown")]

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Api, PostParams};
use kube::{Client, ResourceExt};
use soc2_crds::{GuardrailRelease, GuardrailReleaseSpec, ObjectRef, ReleaseState};
use soc2_posture::duration;

use super::{Notes, prepare, print, print_json};
use crate::cluster::{ClusterArgs, who};
use crate::exit::Exit;

/// The longest that a release may last.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);
/// How long the operator may take.
const PATIENCE: Duration = Duration::from_mins(5);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(500);
/// Longest part of a name that says where.
const LONGEST_PLACE: usize = 24;

/// Arguments of `release`.
#[derive(Debug, Args)]
pub struct ReleaseArgs {
    /// The AwsOrganization.
    #[arg(long = "org", value_name = "NAME")]
    pub organization: String,
    /// Where: an account id, the id or path of an organizational unit, or / for the root.
    #[arg(long, value_name = "TARGET")]
    pub target: String,
    /// The guardrail, or * for every one.
    #[arg(long, value_name = "NAME")]
    pub baseline: String,
    /// For how long, at most 24h.
    #[arg(long = "for", value_name = "DURATION", default_value = "4h")]
    pub length: String,
    /// Why: auditors read it.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// URL or key of the ticket of the incident.
    #[arg(long, value_name = "TICKET")]
    pub ticket: Option<String>,
    /// Print the object and create nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// How to print the object.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT", requires = "dry_run")]
    pub output: ObjectFormat,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Do not wait until the guardrail is off.
    #[arg(long, conflicts_with = "dry_run")]
    pub no_wait: bool,
}

/// Formats of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ObjectFormat {
    /// YAML.
    #[default]
    Yaml,
    /// JSON.
    Json,
}

impl ReleaseArgs {
    /// Examples in the help.
    pub const HELP: &str = "The operator takes the guardrail off now, past windows, waves and approval, keeps it off until the end and puts it back then. Others
must not be less protected because of it: it comes off where it is attached, which is the target or below it.

Examples:
  soc2ctl release --org acme --target Workloads/Prod --baseline protect-kms --for 4h --reason \"Keys of the old vault have to go, INC-7\"
  soc2ctl release --org acme --target 333333333333 --baseline '*' --for 30m --reason \"Nothing deploys\" --dry-run -o yaml
  kubectl delete grrel NAME      # ends it now

Exit codes: 0 it is off, 1 it is refused or not off yet, 2 wrong usage, or no cluster";
}

/// Runs the command.
pub fn run(args: &ReleaseArgs, notes: &Notes) -> Result<Exit> {
    let now = Timestamp::now();
    let length = duration::parse(&args.length).context("--for")?;
    let length = SignedDuration::try_from(length).context("--for")?;
    ensure!(
        length <= LONGEST && length > SignedDuration::ZERO,
        "--for: {}: at most 24h, and more than nothing",
        args.length
    );
    prepare::runtime()?.block_on(async {
        let client = args.cluster.connect().await?;
        let release = release(args, who(&client).await?, now, length)?;
        if args.dry_run {
            show(&release, args.output)?;
            return Ok(Exit::Passed);
        }
        let GuardrailReleaseSpec { target, expires_at, released_by, .. } = &release.spec;
        let what = if args.baseline == "*" { "every guardrail" } else { args.baseline.as_str() };
        notes.say(&format!(
            "{what} comes off {target} now, and is put back at {}; on record for {released_by}",
            expires_at.0
        ));
        let releases: Api<GuardrailRelease> = Api::all(client.clone());
        let created = releases.create(&PostParams::default(), &release).await.context("the release was not created")?;
        print(&format!("guardrailrelease/{} created\n", created.name_any()))?;
        if args.no_wait { Ok(Exit::Passed) } else { follow(client, &created.name_any(), notes).await }
    })
}

fn release(args: &ReleaseArgs, by: String, now: Timestamp, length: SignedDuration) -> Result<GuardrailRelease> {
    // The API server keeps whole seconds.
    let begins = Timestamp::from_second(now.as_second())?;
    let spec = GuardrailReleaseSpec {
        organization_ref: ObjectRef { name: args.organization.clone() },
        baseline: args.baseline.clone(),
        target: args.target.clone(),
        reason: args.reason.clone(),
        released_by: by,
        ticket: args.ticket.clone(),
        starts_at: Time(begins),
        expires_at: Time(begins.checked_add(length)?),
    };
    Ok(GuardrailRelease::new(&name(&args.baseline, &args.target, begins), spec))
}

/// What is off, where, and since when: `protect-kms-workloads-prod-20261126-031000`.
fn name(baseline: &str, target: &str, begins: Timestamp) -> String {
    let what = if baseline == "*" { "all" } else { baseline };
    let letter = |one: char| if one.is_ascii_alphanumeric() { one.to_ascii_lowercase() } else { '-' };
    let place: String = target.chars().map(letter).collect();
    let place: String = place.trim_matches('-').chars().take(LONGEST_PLACE).collect();
    let place = if place.is_empty() { "root" } else { place.trim_end_matches('-') };
    format!("{what}-{place}-{}", begins.strftime("%Y%m%d-%H%M%S"))
}

fn show(release: &GuardrailRelease, format: ObjectFormat) -> Result<()> {
    match format {
        ObjectFormat::Yaml => print(&serde_yaml::to_string(release)?),
        ObjectFormat::Json => print_json(release),
    }
}

/// Says how it goes until the guardrail is off, or it is known that it will not be.
async fn follow(client: Client, name: &str, notes: &Notes) -> Result<Exit> {
    let releases: Api<GuardrailRelease> = Api::all(client);
    let (progress, begun) = (notes.progress(), tokio::time::Instant::now());
    let mut before: Vec<String> = Vec::new();
    loop {
        let Some(release) = releases.get_opt(name).await? else { bail!("{name} was deleted") };
        let status = release.status.unwrap_or_default();
        for line in status.detached.iter().filter(|line| !before.contains(line)) {
            progress.end();
            print(&format!("{line}\n"))?;
        }
        before.clone_from(&status.detached);
        let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
        let words =
            ready.map_or_else(|| "the operator has not looked at it yet".to_owned(), |ready| ready.message.clone());
        match status.state {
            Some(ReleaseState::Active) => {
                progress.end();
                print(&format!("{words}\n"))?;
                return Ok(Exit::Passed);
            }
            Some(ReleaseState::Refused | ReleaseState::Expired) => {
                progress.end();
                print(&format!("not released: {words}\n"))?;
                return Ok(Exit::Failed);
            }
            Some(ReleaseState::Pending) | None => progress.say(|| format!("waiting: {words}")),
        }
        if begun.elapsed() > PATIENCE {
            progress.end();
            print(&format!("not off yet: {words}; look at it with kubectl describe grrel {name}\n"))?;
            return Ok(Exit::Failed);
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_off_where_and_since_when() {
        let begins = "2026-11-26T03:10:00Z".parse().unwrap();
        for (baseline, target, expected) in [
            ("protect-kms", "Workloads/Prod", "protect-kms-workloads-prod-20261126-031000"),
            ("*", "/", "all-root-20261126-031000"),
            ("deny-root", "333333333333", "deny-root-333333333333-20261126-031000"),
            ("deny-root", "Übersee/Ost und West, sehr lang", "deny-root-bersee-ost-und-west--seh-20261126-031000"),
        ] {
            assert_eq!(name(baseline, target, begins), expected);
        }
    }
}
