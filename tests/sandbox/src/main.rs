//! `aws-sandbox`: serves the AWS of a world file until it is stopped.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use aws_sandbox::server::{self, Sandbox};
use aws_sandbox::state::State;
use aws_sandbox::world::World;
use clap::{Parser, ValueEnum};
use serde_json::json;

/// A strict stand-in for AWS Organizations, Security Hub, STS and SQS.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// World file: what this AWS looks like at the start.
    #[arg(long)]
    world: PathBuf,
    /// Address of AWS; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Address of the control port; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    control: SocketAddr,
    /// Where to write both URLs as JSON once ready.
    #[arg(long)]
    ports_file: Option<PathBuf>,
    /// Time that each call takes, instead of the world's.
    #[arg(long)]
    latency_ms: Option<u64>,
    /// No rate limits, whatever the world says.
    #[arg(long)]
    no_limits: bool,
    /// Exit when standard input is closed, so as to die with the process that started this one.
    #[arg(long)]
    exit_with_stdin: bool,
    /// How to log, to standard error; `RUST_LOG` says how much.
    #[arg(long, default_value = "text")]
    log: Log,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Log {
    Text,
    Json,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("aws-sandbox: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> anyhow::Result<()> {
    start_log(options.log);
    let mut world = World::read(&options.world)?;
    world.settings.latency_ms = options.latency_ms.unwrap_or(world.settings.latency_ms);
    world.settings.limits &= !options.no_limits;
    let state = State::new(world).with_context(|| format!("{}", options.world.display()))?;
    let sandbox = server::start(state, options.listen, options.control).await?;
    announce(&sandbox, options.ports_file.as_deref())?;
    tokio::select! {
        result = stopped() => result,
        () = stdin_closed(), if options.exit_with_stdin => Ok(()),
    }
}

fn start_log(log: Log) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match log {
        Log::Text => subscriber.init(),
        Log::Json => subscriber.json().init(),
    }
}

/// One line to standard output, and the ports file in one step.
fn announce(sandbox: &Sandbox, ports_file: Option<&Path>) -> anyhow::Result<()> {
    let urls = json!({"aws": sandbox.aws, "control": sandbox.control});
    if let Some(path) = ports_file {
        let unfinished = path.with_extension("unfinished");
        std::fs::write(&unfinished, format!("{urls}\n")).with_context(|| format!("{}", unfinished.display()))?;
        std::fs::rename(&unfinished, path).with_context(|| format!("{}", path.display()))?;
    }
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "aws-sandbox ready: aws {} control {}", sandbox.aws, sandbox.control)?;
    Ok(stdout.flush()?)
}

async fn stopped() -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => Ok(result?),
        _ = terminate.recv() => Ok(()),
    }
}

/// A thread of its own: a read of standard input cannot be cancelled.
async fn stdin_closed() {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 256];
        while matches!(std::io::stdin().read(&mut buffer), Ok(1..)) {}
        let _ = sender.send(());
    });
    let _ = receiver.await;
}
