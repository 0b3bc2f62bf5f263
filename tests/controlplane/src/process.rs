//! Servers that never outlive their owner; also for the other programs that a test runs.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};

/// How much of a log an error shows, in bytes.
const TAIL: u64 = 4_000;

/// Kills a group of servers when the owning process is gone, for whatever reason.
///
/// A shell leads the group and waits for the end of its standard input, a pipe whose other end only
/// the owner has. The kernel closes that end even when the owner dies by SIGKILL, and the shell then
/// kills its whole group, itself included. The group's number is the shell's own process id, so it
/// cannot have been given to others meanwhile; and a server that is being started at that very moment
/// fails to join a group that is gone. `PR_SET_PDEATHSIG` would not do: it needs unsafe code, and
/// fires when the *thread* that started the server ends.
#[derive(Debug)]
pub struct Watchdog {
    shell: Child,
}

impl Watchdog {
    /// Starts the shell. `label` is what `ps` shows. Fails when there is no `sh`.
    pub fn spawn(label: &Path) -> Result<Self> {
        let shell = Command::new("sh")
            .args(["-c", "read -r _; kill -s KILL -- -$$", "controlplane-watchdog"])
            .arg(label)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("start the watchdog (sh)")?;
        Ok(Self { shell })
    }

    /// The number of the group, for a process that is not a [`Server`].
    pub(crate) fn group(&self) -> Result<i32> {
        i32::try_from(self.shell.id()).context("process id")
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// A server process; it is killed and reaped when dropped.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts `command` in the watchdog's group, with its output appended to `<logs>/<name>.log`. The
    /// folder is created. Fails when the log cannot be written or the program cannot be started.
    pub fn spawn(name: &'static str, mut command: Command, logs: &Path, watchdog: &Watchdog) -> Result<Self> {
        fs::create_dir_all(logs).with_context(|| format!("create {}", logs.display()))?;
        let log = logs.join(format!("{name}.log"));
        let output = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("open {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone().context("share the log file")?)
            .stderr(output)
            .process_group(watchdog.group()?)
            .spawn()
            .with_context(|| format!("start {name} ({})", command.get_program().display()))?;
        Ok(Self { name, child, log })
    }

    /// Fails, with the end of the log, if the server has ended.
    pub fn check_running(&mut self) -> Result<()> {
        match self.child.try_wait().with_context(|| format!("wait for {}", self.name))? {
            None => Ok(()),
            Some(status) => {
                bail!("{} ended ({status}); the end of {}:\n{}", self.name, self.log.display(), self.tail())
            }
        }
    }

    /// The process id, for reading its memory from `/proc`. It is somebody else's after [`Self::kill`].
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The file that the server's output goes to.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The last 4 kB of the server's log, for an error message.
    #[must_use]
    pub fn tail(&self) -> String {
        read_tail(&self.log).unwrap_or_else(|error| format!("(cannot read the log: {error})"))
    }

    /// Sends a signal. Fails when the server has ended: its number may be another process's by then.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        self.check_running()?;
        let pid = i32::try_from(self.child.id()).context("process id")?;
        signal::kill(Pid::from_raw(pid), signal).with_context(|| format!("send {signal} to {}", self.name))
    }

    /// Kills the server with SIGKILL, also when it is stopped or has ended, and waits for its end.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().with_context(|| format!("kill {}", self.name))?;
        self.child.wait().with_context(|| format!("wait for {}", self.name))?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

fn read_tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn sleeper() -> Command {
        let mut command = Command::new("sleep");
        command.arg("600");
        command
    }

    #[test]
    fn the_watchdog_kills_its_group_when_its_pipe_closes() {
        let dir = tempfile::tempdir().unwrap();
        let watchdog = Watchdog::spawn(dir.path()).unwrap();
        let mut server = Server::spawn("sleeper", sleeper(), dir.path(), &watchdog).unwrap();
        server.check_running().unwrap();
        drop(watchdog);

        let started = Instant::now();
        let status = server.child.wait().unwrap();
        assert!(!status.success());
        assert!(started.elapsed() < Duration::from_mins(1));
    }

    #[test]
    fn a_server_that_ends_is_reported_with_its_log() {
        let dir = tempfile::tempdir().unwrap();
        let watchdog = Watchdog::spawn(dir.path()).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo the port is taken >&2; exit 3"]);
        let mut server = Server::spawn("failing", command, dir.path(), &watchdog).unwrap();
        server.child.wait().unwrap();
        let error = server.check_running().unwrap_err().to_string();
        assert!(error.contains("failing ended (exit status: 3)") && error.contains("the port is taken"), "{error}");
    }

    #[test]
    fn a_stopped_server_can_be_killed() {
        let dir = tempfile::tempdir().unwrap();
        let watchdog = Watchdog::spawn(dir.path()).unwrap();
        let mut server = Server::spawn("sleeper", sleeper(), dir.path(), &watchdog).unwrap();
        server.signal(Signal::SIGSTOP).unwrap();
        server.kill().unwrap();
        assert!(server.check_running().is_err());
    }
}
