//! The first hour: how long a start takes, what the operator needs before it has anything to do, and how large its image is.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::{Operator, OperatorOptions, Stand, binaries};

use crate::Figures;

/// Starts that are timed; the one in the middle counts.
const STARTS: usize = 5;
/// What a process that has just started still tidies up.
const SETTLE: Duration = Duration::from_secs(20);

/// The release build, a real API server, no object of ours.
///
/// # Errors
/// When a part does not come up.
pub fn run(out: &mut Figures<'_>) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(measure(out))?;
    image(out)
}

async fn measure(out: &mut Figures<'_>) -> Result<()> {
    let stand = Stand::start().await?;
    let mut options = stand.operator_options();
    let mut seconds = Vec::new();
    for _ in 0..STARTS {
        let (took, operator) = start(options).await?;
        seconds.push(took);
        options = operator.terminate().await?;
    }
    seconds.sort_by(f64::total_cmp);
    out("start_to_ready", seconds[STARTS / 2], "s");
    let (_, operator) = start(options).await?;
    tokio::time::sleep(SETTLE).await;
    out("idle_resident_memory", operator.metric("process_resident_memory_bytes ").await? / 1e6, "MB");
    // Measured once, idle on the same API server: the Go controller that manages AWS Organizations too.
    out("idle_resident_memory_of_ack_organizations_controller", 58.0, "MB");
    Ok(())
}

/// Starts it; gives the time until `/readyz` said ready: it leads, and has read every kind.
async fn start(options: OperatorOptions) -> Result<(f64, Operator)> {
    let began = Instant::now();
    let operator = Operator::start(options).await?;
    while !operator.readiness().await.is_ok_and(|report| report["ready"] == true) {
        ensure!(began.elapsed() < Duration::from_mins(1), "not ready: {}", operator.log());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok((began.elapsed().as_secs_f64(), operator))
}

/// The size of the image: of the files that it is made of, uncompressed. It has one layer, which is no larger.
fn image(out: &mut Figures<'_>) -> Result<()> {
    let program = binaries::find("soc2-operator", "SOC2_OPERATOR")?;
    let dir = tempfile::tempdir()?;
    let folder = dir.path().join("rootfs");
    let script = binaries::repository().join("deploy/image/rootfs.sh");
    let made = Command::new(script).arg(&program).arg(&folder).output().context("deploy/image/rootfs.sh")?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    out("image_program", std::fs::metadata(&program)?.len() as f64 / 1e6, "MB");
    out("image_files", size(&folder)? as f64 / 1e6, "MB");
    Ok(())
}

/// Bytes in all files below a folder.
fn size(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            sum += size(&entry.path())?;
        } else if kind.is_file() {
            sum += entry.metadata()?.len();
        }
    }
    Ok(sum)
}
