//! Builds the programs from the Go tool module in `tools/` of this crate.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, IsTerminal, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{ChildStderr, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use crate::process::Watchdog;

const GO_MOD: &str = include_str!("../../tools/go.mod");
const GO_SUM: &str = include_str!("../../tools/go.sum");

/// Program names and the Go packages they are built from.
const PROGRAMS: [(&str, &str); 4] = [
    ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    ("etcd", "go.etcd.io/etcd/server/v3"),
    ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
    ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
];

/// A static program without symbols; cgo would need a C compiler and gives nothing here.
const FLAGS: [&str; 2] = ["-trimpath", "-v"];

/// How often a running build says how far it is when stderr is not a terminal.
const REPORT_EVERY: Duration = Duration::from_secs(30);

/// Returns the folder of the programs under `cache`, building them if it does not exist.
pub(super) fn ensure(cache: &Path) -> Result<PathBuf> {
    let name = format!("kubernetes-{}", key()?);
    let done = cache.join(&name);
    let bin = done.join("bin");
    if bin.is_dir() {
        return Ok(bin);
    }
    fs::create_dir_all(cache).with_context(|| format!("create the cache folder {}", cache.display()))?;
    let _lock = lock(&cache.join(format!("{name}.lock")))?;
    if bin.is_dir() {
        return Ok(bin);
    }
    // Under the lock, a folder of this name is what a killed build left.
    let partial = cache.join(format!("{name}.partial"));
    if partial.exists() {
        fs::remove_dir_all(&partial).with_context(|| format!("remove {}", partial.display()))?;
    }
    build_all(&partial, &done)?;
    fs::rename(&partial, &done).with_context(|| format!("rename {} to {}", partial.display(), done.display()))?;
    Ok(bin)
}

/// The first twelve hex digits of a hash of everything that decides what is built.
fn key() -> Result<String> {
    let mut hash = Sha256::new();
    let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
    for part in [GO_MOD, GO_SUM, &FLAGS.join(" "), &ldflags()?, &platform] {
        hash.update(part);
        hash.update([0]);
    }
    Ok(hex::encode(&hash.finalize()[..6]))
}

/// Linker flags: no symbols, and the version that `go build` alone would leave as v0.0.0-master.
fn ldflags() -> Result<String> {
    let version = kubernetes_version(GO_MOD)?;
    let mut numbers = version.trim_start_matches('v').split('.');
    let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else {
        bail!("{version} in go.mod is not a Kubernetes version");
    };
    let package = "k8s.io/component-base/version";
    Ok(format!("-s -w -X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"))
}

fn kubernetes_version(go_mod: &str) -> Result<&str> {
    go_mod
        .lines()
        .find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes v").map(|_| line.trim()))
        .and_then(|line| line.split_whitespace().nth(1))
        .context("go.mod does not require k8s.io/kubernetes")
}

/// Takes the lock of a build; says so when another process has it.
fn lock(path: &Path) -> Result<File> {
    let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
    if file.try_lock().is_err() {
        say(&format!("kubernetes tools: another process is building them; waiting for it ({})", path.display()));
        file.lock().with_context(|| format!("lock {}", path.display()))?;
    }
    Ok(file)
}

fn build_all(partial: &Path, done: &Path) -> Result<()> {
    check_go()?;
    let module = partial.join("module");
    let bin = partial.join("bin");
    for folder in [&module, &bin] {
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    }
    fs::write(module.join("go.mod"), GO_MOD)?;
    fs::write(module.join("go.sum"), GO_SUM)?;

    let version = kubernetes_version(GO_MOD)?;
    say(&format!(
        "kubernetes tools: building {} programs of {version} into {} (once, about six minutes on two cores)",
        PROGRAMS.len(),
        done.display()
    ));
    let started = Instant::now();
    for (index, (program, package)) in PROGRAMS.iter().enumerate() {
        let title = format!("[{}/{}] {program}", index + 1, PROGRAMS.len());
        build_one(&title, program, package, &module, &bin)?;
    }
    say(&format!("kubernetes tools: done in {} s", started.elapsed().as_secs()));
    Ok(())
}

fn check_go() -> Result<()> {
    let version = Command::new("go").arg("version").output();
    ensure!(
        version.is_ok_and(|output| output.status.success()),
        "the Kubernetes programs are built with Go, and there is no `go` in PATH: install Go 1.26 or newer, or set \
         KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver and kubectl"
    );
    Ok(())
}

fn build_one(title: &str, program: &str, package: &str, module: &Path, bin: &Path) -> Result<()> {
    let started = Instant::now();
    // A build whose owner is gone would only take the processor from the next one.
    let watchdog = Watchdog::spawn(module)?;
    let mut child = Command::new("go")
        .arg("build")
        .args(FLAGS)
        .args(["-ldflags", &ldflags()?, "-o"])
        .arg(bin.join(program))
        .arg(package)
        .current_dir(module)
        .process_group(watchdog.group()?)
        // A person's own settings must not change what is built.
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off")
        .env_remove("GOFLAGS")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("run go build")?;
    let compiled = Arc::new(AtomicUsize::new(0));
    let reader = child.stderr.take().map(|stderr| read_output(stderr, Arc::clone(&compiled)));

    let mut progress = Progress::new(title);
    let status = loop {
        if let Some(status) = child.try_wait().context("wait for go build")? {
            break status;
        }
        progress.show(started.elapsed(), compiled.load(Ordering::Relaxed));
        thread::sleep(Duration::from_millis(200));
    };
    let messages = reader.and_then(|reader| reader.join().ok()).unwrap_or_default();
    progress.clear();
    if !status.success() {
        let tail = &messages[messages.len().saturating_sub(20)..];
        bail!("go build {package} failed ({status}):\n{}", tail.join("\n"));
    }
    let compiled = match compiled.load(Ordering::Relaxed) {
        0 => "every package was in Go's cache".to_owned(),
        count => format!("{count} packages compiled"),
    };
    say(&format!("{title}: {} s, {compiled}", started.elapsed().as_secs()));
    Ok(())
}

/// Reads `go build -v`: a line that is one word names a package being compiled and is counted; the
/// others, which are returned, are errors.
fn read_output(stderr: ChildStderr, compiled: Arc<AtomicUsize>) -> JoinHandle<Vec<String>> {
    thread::spawn(move || {
        let mut messages = Vec::new();
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if !line.contains(char::is_whitespace) {
                compiled.fetch_add(1, Ordering::Relaxed);
            } else if !line.starts_with("go: downloading") {
                messages.push(line);
            }
        }
        messages
    })
}

/// One line that is overwritten on a terminal, and a line every half minute elsewhere.
struct Progress<'a> {
    title: &'a str,
    terminal: bool,
    reported: Duration,
}

impl<'a> Progress<'a> {
    fn new(title: &'a str) -> Self {
        Self { title, terminal: std::io::stderr().is_terminal(), reported: Duration::ZERO }
    }

    fn show(&mut self, elapsed: Duration, compiled: usize) {
        let line = format!("{}: {} s, {compiled} packages compiled so far", self.title, elapsed.as_secs());
        if self.terminal {
            let _ = write!(std::io::stderr(), "\r{line}");
        } else if elapsed >= self.reported + REPORT_EVERY {
            self.reported = elapsed;
            say(&line);
        }
    }

    fn clear(&self) {
        if self.terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// Writes a line to stderr itself: what `eprintln!` prints is held back by the test harness, and a
/// person who waits for minutes must see why.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_that_clients_see_is_the_one_of_go_mod() {
        let version = kubernetes_version(GO_MOD).unwrap();
        assert!(version.starts_with("v1."), "{version}");
        assert!(ldflags().unwrap().contains(&format!("gitVersion={version} ")));
    }

    #[test]
    fn every_program_is_a_tool_of_the_module() {
        for (_, package) in PROGRAMS {
            assert!(GO_MOD.contains(&format!("\t{package}\n")), "{package}");
        }
    }

    #[test]
    fn the_key_is_twelve_hex_digits() {
        let key = key().unwrap();
        assert_eq!(key.len(), 12);
        assert!(key.chars().all(|c| c.is_ascii_hexdigit()));
    }

    #[test]
    fn a_finished_folder_is_used_without_building() {
        let cache = tempfile::tempdir().unwrap();
        let bin = cache.path().join(format!("kubernetes-{}", key().unwrap())).join("bin");
        fs::create_dir_all(&bin).unwrap();
        assert_eq!(ensure(cache.path()).unwrap(), bin);
    }
}
