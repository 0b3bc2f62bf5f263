//! The command line.

#![allow(clippy::doc_markdown, reason = "these comments are the help, where backticks would be shown")]

mod formats;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use jiff::Timestamp;

pub use formats::{Format, Plain, Report};

use crate::commands::approve::ApproveArgs;
use crate::commands::impact::ImpactArgs;
use crate::commands::import::ImportCommand;
use crate::commands::plan::PlanArgs;
use crate::commands::release::ReleaseArgs;
use crate::commands::scp::ScpCommand;
use crate::commands::steer::{ReconcileArgs, SteerArgs};
use crate::snapshot::Inputs;

const CODES: &str = "Exit codes:
  0  everything passes, or the command only prints
  1  something fails, or nobody knows whether it passes: Unknown is not a pass
  2  wrong usage, or data that cannot be used; the message says which";

/// SOC 2 posture of AWS accounts from files: what the operator does, without a cluster; and a few words to the operator on one.
#[derive(Debug, Parser)]
#[command(name = "soc2ctl", version, about, long_about = None, after_help = CODES, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// No progress and no notes on standard error.
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check manifests: schema, rules, and what they refer to. Needs no cluster.
    #[command(after_help = "Examples:
  soc2ctl validate -f clusters/production
  git diff --name-only main -- '*.yaml' | xargs -r soc2ctl validate -f
  helm template . | soc2ctl validate -f -")]
    Validate(ValidateArgs),
    /// Read AWS once, with the operator's own reader, into files.
    #[command(
        after_help = "AWS is reached as every AWS tool reaches it (AWS_PROFILE, AWS_REGION, ...); the roles are those of the AwsOrganization.

Examples:
  soc2ctl snapshot -f clusters/production --out 2026-11-30
  AWS_PROFILE=audit soc2ctl snapshot -f org.yaml --organization acme --out today"
    )]
    Snapshot(SnapshotArgs),
    /// Assess accounts from files: the same states as the operator writes.
    #[command(after_help = "Examples:
  soc2ctl assess --snapshot today -f clusters/production
  soc2ctl assess --snapshot today -f profiles -o junit > soc2.xml
  soc2ctl assess --live -f clusters/production -o markdown
  aws securityhub get-findings > findings.json; aws organizations list-accounts > accounts.json
  soc2ctl assess --findings findings.json --accounts accounts.json --complete -f profiles

Exit codes: 0 every profile is compliant, 1 one is not or nobody knows, 2 wrong usage or data that cannot be used")]
    Assess(AssessArgs),
    /// What changed between two snapshots, by criterion.
    #[command(after_help = "Each snapshot is assessed as of the time when it was taken.

Examples:
  soc2ctl diff 2026-10-31 2026-11-30 -f clusters/production
  soc2ctl diff before after -f profiles -o markdown

Exit codes: 0 nothing is worse, 1 something is worse, 2 wrong usage or data that cannot be used")]
    Diff(DiffArgs),
    /// What to fix first: failing controls by severity, cost and downtime.
    #[command(after_help = "Examples:
  soc2ctl backlog --snapshot today -f clusters/production
  soc2ctl backlog --snapshot today -f profiles --profile production -o json")]
    Backlog(BacklogArgs),
    /// Why a criterion or a control of an account is as it is, and what would change it.
    #[command(after_help = "Examples:
  soc2ctl explain production 333333333333 CC6.1 --snapshot today -f clusters/production
  soc2ctl explain production payments-prod S3.2 --snapshot today -f profiles")]
    Explain(ExplainArgs),
    /// Look up criteria, controls and mappings.
    #[command(subcommand)]
    Catalog(CatalogCommand),
    /// What people attest.
    #[command(subcommand)]
    Attest(AttestCommand),
    /// YAML from what AWS has today.
    #[command(subcommand)]
    Import(ImportCommand),
    /// What the guardrail sets would write to AWS, as a diff.
    #[command(after_help = PlanArgs::HELP)]
    Plan(PlanArgs),
    /// Take a guardrail off somewhere for some hours, now. Needs a cluster.
    #[command(after_help = ReleaseArgs::HELP)]
    Release(ReleaseArgs),
    /// Service control policies: what they decide and why, what is wrong with them, how to make them fewer.
    #[command(subcommand)]
    Scp(ScpCommand),
    /// What service control policies would have denied of the calls that CloudTrail recorded.
    #[command(after_help = ImpactArgs::HELP)]
    Impact(ImpactArgs),
    /// Let the plan of a guardrail set through, or its next wave. On the cluster.
    #[command(after_help = ApproveArgs::HELP)]
    Approve(ApproveArgs),
    /// Have the operator leave an object alone. On the cluster.
    #[command(after_help = SteerArgs::SUSPEND)]
    Suspend(SteerArgs),
    /// Have the operator work on an object again. On the cluster.
    #[command(after_help = SteerArgs::RESUME)]
    Resume(SteerArgs),
    /// Have the operator look at an object now. On the cluster.
    #[command(after_help = ReconcileArgs::HELP)]
    Reconcile(ReconcileArgs),
    /// Print the completions of a shell.
    #[command(after_help = "Examples:
  soc2ctl completions bash > /etc/bash_completion.d/soc2ctl
  soc2ctl completions zsh > \"${fpath[1]}/_soc2ctl\"")]
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// Where manifests are.
#[derive(Clone, Debug, Args)]
pub struct Manifests {
    /// Manifests: a file, a folder with those below it, or - for standard input. Repeat it for more.
    #[arg(short = 'f', long = "filename", value_name = "PATH", required = true, num_args = 1..)]
    pub files: Vec<PathBuf>,
}

/// Arguments of `validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// What to check.
    #[command(flatten)]
    pub manifests: Manifests,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Plain,
    /// Take references to objects that are in none of the files for good: they are in the cluster.
    #[arg(long)]
    pub allow_missing_references: bool,
}

/// Arguments of `snapshot`.
#[derive(Debug, Args)]
pub struct SnapshotArgs {
    /// The AwsOrganization, and the profiles that say what else to read, such as tags.
    #[command(flatten)]
    pub manifests: Manifests,
    /// Folder to make. It must not exist, or be empty.
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// Which AwsOrganization, if there are several.
    #[arg(long, value_name = "NAME")]
    pub organization: Option<String>,
}

/// What is known of AWS, and at which time it is looked at.
#[derive(Clone, Debug, Args)]
pub struct World {
    /// A folder that `soc2ctl snapshot` wrote.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["accounts", "findings", "live"])]
    pub snapshot: Option<PathBuf>,
    /// Output of `aws organizations list-accounts`.
    #[arg(long, value_name = "FILE", conflicts_with = "live")]
    pub accounts: Option<PathBuf>,
    /// Output of `aws securityhub get-findings`, or findings as JSON lines; may be compressed (gzip, zstd). - is standard
    /// input. Repeat it for more.
    #[arg(long, value_name = "FILE", conflicts_with = "live", num_args = 1..)]
    pub findings: Vec<PathBuf>,
    /// The files of --findings hold every finding of every account in them. Without your word for it nothing passes.
    #[arg(long, requires = "findings")]
    pub complete: bool,
    /// Read AWS now.
    #[arg(long)]
    pub live: bool,
    /// Take damaged files for incomplete ones instead of refusing them.
    #[arg(long)]
    pub keep_going: bool,
    /// Which AwsOrganization, if there are several.
    #[arg(long, value_name = "NAME")]
    pub organization: Option<String>,
    /// The time at which to assess, as in 2026-11-30T00:00:00Z. Default: now.
    #[arg(long, value_name = "RFC3339")]
    pub now: Option<Timestamp>,
}

impl World {
    /// Where to read from.
    #[must_use]
    pub fn inputs(&self) -> Inputs {
        Inputs {
            snapshot: self.snapshot.clone(),
            accounts: self.accounts.clone(),
            findings: self.findings.clone(),
            complete: self.complete,
            keep_going: self.keep_going,
        }
    }
}

/// Arguments of `assess`.
#[derive(Debug, Args)]
pub struct AssessArgs {
    /// The world.
    #[command(flatten)]
    pub world: World,
    /// What is wanted.
    #[command(flatten)]
    pub manifests: Manifests,
    /// Only this profile. Repeat it for more.
    #[arg(long = "profile", value_name = "NAME")]
    pub profiles: Vec<String>,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Format,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The older snapshot.
    pub before: PathBuf,
    /// The newer one.
    pub after: PathBuf,
    /// What is wanted.
    #[command(flatten)]
    pub manifests: Manifests,
    /// Which AwsOrganization, if there are several.
    #[arg(long, value_name = "NAME")]
    pub organization: Option<String>,
    /// Take damaged files for incomplete ones instead of refusing them.
    #[arg(long)]
    pub keep_going: bool,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Report,
}

/// Arguments of `backlog`.
#[derive(Debug, Args)]
pub struct BacklogArgs {
    /// The world.
    #[command(flatten)]
    pub world: World,
    /// What is wanted.
    #[command(flatten)]
    pub manifests: Manifests,
    /// Only this profile. Repeat it for more.
    #[arg(long = "profile", value_name = "NAME")]
    pub profiles: Vec<String>,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Report,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Name of the profile.
    pub profile: String,
    /// Id or name of the account.
    pub account: String,
    /// A criterion, such as CC6.1, or a control, such as S3.2.
    pub subject: String,
    /// The world.
    #[command(flatten)]
    pub world: World,
    /// What is wanted.
    #[command(flatten)]
    pub manifests: Manifests,
}

/// Commands of `catalog`.
#[derive(Debug, Subcommand)]
pub enum CatalogCommand {
    /// List criteria, or controls.
    #[command(after_help = "Examples:
  soc2ctl catalog list
  soc2ctl catalog list --controls --criterion CC6.1
  soc2ctl catalog list --controls --severity critical -o json")]
    List {
        /// Controls instead of criteria.
        #[arg(long)]
        controls: bool,
        /// Only controls that answer for this criterion.
        #[arg(long, value_name = "ID", requires = "controls")]
        criterion: Option<String>,
        /// Only controls of this severity.
        #[arg(long, value_name = "SEVERITY", requires = "controls", ignore_case = true)]
        severity: Option<SeverityArg>,
        /// How to print.
        #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
        output: Plain,
    },
    /// Show a criterion or a control.
    #[command(after_help = "Examples:
  soc2ctl catalog show CC6.1
  soc2ctl catalog show s3.2")]
    Show {
        /// Its id.
        id: String,
    },
    /// Which criteria have controls, by the standards that are enabled.
    #[command(after_help = "Examples:
  soc2ctl catalog coverage
  soc2ctl catalog coverage --standard aws-foundational-security-best-practices/v/1.0.0 --standard cis-aws-foundations-benchmark/v/5.0.0")]
    Coverage {
        /// An enabled standard in its short spelling. Default: AWS Foundational Security Best Practices. Repeat it for more.
        #[arg(
            long = "standard",
            value_name = "NAME",
            default_value = "aws-foundational-security-best-practices/v/1.0.0"
        )]
        standards: Vec<String>,
        /// How to print.
        #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
        output: Plain,
    },
    /// What a ControlCatalog adds to the built-in catalogue, or overrides in it.
    #[command(after_help = "Examples:
  soc2ctl catalog diff -f catalog.yaml")]
    Diff {
        /// The ControlCatalog.
        #[command(flatten)]
        manifests: Manifests,
    },
}

/// A severity on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SeverityArg {
    /// Fix at once.
    Critical,
    /// Fix next.
    High,
    /// Fix soon.
    Medium,
    /// Fix some time.
    Low,
}

/// Commands of `attest`.
#[derive(Debug, Subcommand)]
pub enum AttestCommand {
    /// Print ControlAttestations to fill in, one for each activity that the profiles need.
    #[command(after_help = "Examples:
  soc2ctl attest init -f clusters/production --namespace team-it > attestations.yaml")]
    Init {
        /// The profiles.
        #[command(flatten)]
        manifests: Manifests,
        /// Namespace of the attestations.
        #[arg(short, long, value_name = "NAME")]
        namespace: String,
        /// The day on which it was done. Default: today.
        #[arg(long, value_name = "DATE")]
        day: Option<jiff::civil::Date>,
    },
}
