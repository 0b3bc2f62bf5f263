//! `soc2-operator`: the daemon.

use std::process::ExitCode;

use clap::Parser;
use soc2_operator::settings::{Cli, Command, Settings};
use soc2_operator::{app, logging};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Findings are read in small pieces for hours while large ones stay: with the C library's allocator a third more memory than is in use
/// stays resident after a sweep of five million.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let Command::Run(settings) = Cli::parse().command;
    if let Err(error) = logging::start(settings.log_format, &settings.log_level) {
        eprintln!("error: {error}");
        return ExitCode::from(2);
    }
    // Two crates bring rustls; both must use the same cryptography. A provider that is installed already is fine.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(settings.worker_threads.into())
        .thread_stack_size(soc2_aws::STACK)
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(run(settings)),
        Err(error) => {
            tracing::error!(%error, "no runtime");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: Settings) -> ExitCode {
    let stop = CancellationToken::new();
    tokio::spawn(on_signal(stop.clone()));
    tracing::info!(version = env!("CARGO_PKG_VERSION"), identity = %settings.identity, "soc2-operator starts");
    match Box::pin(app::run(settings, stop)).await {
        Ok(()) => {
            tracing::info!("stopped");
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!(%error, "stopped");
            ExitCode::FAILURE
        }
    }
}

async fn on_signal(stop: CancellationToken) {
    let (Ok(mut term), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        tracing::warn!("signals cannot be received; SIGTERM ends the process without a graceful stop");
        return;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("a signal asks to stop");
    stop.cancel();
}
