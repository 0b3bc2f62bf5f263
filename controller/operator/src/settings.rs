//! Flags of the daemon. Each is also an environment variable; `--help` teaches them.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::metrics::AccountTags;

/// Continuous SOC 2 posture and guardrails for AWS Organizations, declared in Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "soc2-operator", version, about, long_about = None, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "Examples:
  soc2-operator run                                  in a pod, with the pod's ServiceAccount and AWS credentials
  soc2-operator run --state ./state --log-format text   on your machine, with KUBECONFIG and the usual AWS variables
  AWS_ENDPOINT_URL=http://127.0.0.1:4566 soc2-operator run   against an AWS stand-in

Exit codes: 0 stopped by a signal, 1 failed (the last log line says why), 2 wrong flags.";

/// Commands of the binary.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator until SIGTERM or SIGINT.
    Run(Settings),
}

/// Settings of a run.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Address of /metrics, /healthz and /readyz. Port 0 takes a free one and logs it.
    #[arg(long, env = "SOC2_LISTEN", default_value = "0.0.0.0:8080", value_name = "ADDRESS")]
    pub listen: SocketAddr,

    /// Where checkpoints are kept, from which a restart goes on without reading everything again: a folder, or an object store
    /// such as `s3://bucket/prefix`, which is read and written with the operator's own credentials.
    #[arg(long, env = "SOC2_STATE", default_value = "/var/lib/soc2-operator", value_name = "FOLDER|URL")]
    pub state: String,

    /// Namespace of the Leases.
    #[arg(long, env = "SOC2_NAMESPACE", default_value = "soc2-operator", value_name = "NAME")]
    pub namespace: String,

    /// Name of the Lease for what belongs to no organization; each organization has one of its own, `NAME.ORGANIZATION`.
    #[arg(long, env = "SOC2_LEASE_NAME", default_value = "soc2-operator", value_name = "NAME")]
    pub lease_name: String,

    /// How long a Lease holds without renewal; a crashed leader is replaced after this long.
    #[arg(long, env = "SOC2_LEASE_DURATION", default_value = "15s", value_name = "DURATION", value_parser = parse_duration)]
    pub lease_duration: Duration,

    /// Who this replica is in the Lease and in events. A restart under the same identity takes its own Lease over at once.
    #[arg(long, env = "POD_NAME", default_value_t = default_identity(), value_name = "NAME")]
    pub identity: String,

    /// `text` for people, `json` for machines.
    #[arg(long, env = "SOC2_LOG_FORMAT", default_value = "json", value_name = "FORMAT")]
    pub log_format: LogFormat,

    /// What to log, as in `info`, or `info,soc2_feed=debug`.
    #[arg(long, env = "SOC2_LOG_LEVEL", default_value = "info", value_name = "FILTER")]
    pub log_level: String,

    /// How long a single AWS call may take before it is tried again.
    #[arg(long, env = "SOC2_AWS_ATTEMPT_TIMEOUT", default_value = "20s", value_name = "DURATION", value_parser = parse_duration)]
    pub aws_attempt_timeout: Duration,

    /// How long a single attempt to write to AWS may take. Shorter than half the Lease: the Lease has to outlast it.
    #[arg(long, env = "SOC2_AWS_WRITE_ATTEMPT_TIMEOUT", default_value = "5s", value_name = "DURATION", value_parser = parse_duration)]
    pub aws_write_attempt_timeout: Duration,

    /// How long one guardrail set, or release, of an organization may go on writing while others wait for their turn. It ends after the
    /// write that it is at, and goes on in its next turn.
    #[arg(long, env = "SOC2_WRITE_TURN", default_value = "1m", value_name = "DURATION", value_parser = parse_duration)]
    pub write_turn: Duration,

    /// Most AccountPosture writes a second.
    #[arg(long, env = "SOC2_POSTURE_WRITES_PER_SECOND", default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=500))]
    pub posture_writes_per_second: u32,

    /// Most series on /metrics. Beyond it the finest detail of the largest profile is left out first; a metric, a condition
    /// and an event say so.
    #[arg(long, env = "SOC2_METRICS_MAX_SERIES", default_value_t = 200_000, value_name = "N", value_parser = parse_series)]
    pub metrics_max_series: usize,

    /// Account tags that become labels `tag_<key>` of `soc2_account_info`, separated by commas, at most 10. They are read
    /// hourly, one call an account.
    #[arg(long, env = "SOC2_METRICS_ACCOUNT_TAGS", default_value = "", hide_default_value = true, value_name = "KEYS")]
    pub metrics_account_tags: AccountTags,

    /// Worker threads. Two are enough for 10,000 accounts.
    #[arg(long, env = "SOC2_WORKER_THREADS", default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub worker_threads: u16,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

fn default_identity() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "local".to_owned());
    format!("{host}-{}", std::process::id())
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    soc2_posture::duration::parse(text).map_err(|error| error.to_string())
}

fn parse_series(text: &str) -> Result<usize, String> {
    const LEAST: usize = 2_000;
    let number = text.parse().map_err(|_| "not a whole number".to_owned())?;
    if number < LEAST {
        return Err(format!("at least {LEAST}: the series of the operator itself need some hundred"));
    }
    Ok(number)
}
