//! Builds the programs of a Go tool module.

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

use super::module::Module;
use crate::process::Watchdog;

/// How often a running build says how far it is when stderr is not a terminal.
const REPORT_EVERY: Duration = Duration::from_secs(30);

/// Returns the folder of the module's programs under `cache`, building them if it does not exist.
pub(super) fn ensure(module: &Module, cache: &Path) -> Result<PathBuf> {
    let name = format!("{}-{}", module.name, module.key()?);
    let done = cache.join(&name);
    let bin = done.join("bin");
    if bin.is_dir() {
        return Ok(bin);
    }
    fs::create_dir_all(cache).with_context(|| format!("create the cache folder {}", cache.display()))?;
    let _lock = lock(module, &cache.join(format!("{name}.lock")))?;
    if bin.is_dir() {
        return Ok(bin);
    }
    // Under the lock, a folder of this name is what a killed build left.
    let partial = cache.join(format!("{name}.partial"));
    if partial.exists() {
        fs::remove_dir_all(&partial).with_context(|| format!("remove {}", partial.display()))?;
    }
    build_all(module, &partial, &done)?;
    fs::rename(&partial, &done).with_context(|| format!("rename {} to {}", partial.display(), done.display()))?;
    Ok(bin)
}

/// Takes the lock of a build; says so when another process has it.
fn lock(module: &Module, path: &Path) -> Result<File> {
    let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
    if file.try_lock().is_err() {
        let (name, shown) = (module.name, path.display());
        say(&format!("{name} tools: another process is building them; waiting for it ({shown})"));
        file.lock().with_context(|| format!("lock {}", path.display()))?;
    }
    Ok(file)
}

fn build_all(module: &Module, partial: &Path, done: &Path) -> Result<()> {
    check_go(module)?;
    let folder = partial.join("module");
    let bin = partial.join("bin");
    for folder in [&folder, &bin] {
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    }
    fs::write(folder.join("go.mod"), module.go_mod)?;
    fs::write(folder.join("go.sum"), module.go_sum)?;

    let (name, count, version) = (module.name, module.programs.len(), module.version()?);
    say(&format!(
        "{name} tools: building {count} programs of {version} into {} (once, {} on two cores)",
        done.display(),
        module.takes
    ));
    let started = Instant::now();
    for (index, (program, package)) in module.programs.iter().enumerate() {
        let title = format!("[{}/{count}] {program}", index + 1);
        build_one(&title, module, package, &folder, &bin.join(program))?;
    }
    say(&format!("{name} tools: done in {} s", started.elapsed().as_secs()));
    Ok(())
}

fn check_go(module: &Module) -> Result<()> {
    let version = Command::new("go").arg("version").output();
    ensure!(
        version.is_ok_and(|output| output.status.success()),
        "the {} programs are built with Go, and there is no `go` in PATH: install Go 1.26 or newer{}",
        module.name,
        module.instead
    );
    Ok(())
}

fn build_one(title: &str, module: &Module, package: &str, folder: &Path, program: &Path) -> Result<()> {
    let started = Instant::now();
    // A build whose owner is gone would only take the processor from the next one.
    let watchdog = Watchdog::spawn(folder)?;
    let mut child = Command::new("go")
        .arg("build")
        .args(module.flags())
        .args(["-ldflags", &module.ldflags()?, "-o"])
        .arg(program)
        .arg(package)
        .current_dir(folder)
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
    use crate::tools::module::{KUBERNETES, PROMETHEUS};

    #[test]
    fn a_finished_folder_is_used_without_building() {
        for module in [KUBERNETES, PROMETHEUS] {
            let cache = tempfile::tempdir().unwrap();
            let bin = cache.path().join(format!("{}-{}", module.name, module.key().unwrap())).join("bin");
            fs::create_dir_all(&bin).unwrap();
            assert_eq!(ensure(&module, cache.path()).unwrap(), bin);
        }
    }
}
