//! Finds the Kubernetes and Prometheus programs, helm and kwok, and builds them when they are not there.
//!
//! They come from the Go tool modules that are embedded here, and are kept in `<cache>/<module>-<key>/bin`,
//! where `<key>` is a hash of go.mod, go.sum, the build flags and the platform: a change of any of them is
//! a new folder. `KUBEBUILDER_ASSETS` names a folder that has the Kubernetes programs already (the
//! convention of envtest); then they are not built.

mod build;
mod module;

use std::{
    env, fs,
    path::{self, Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};

use module::{HELM, KUBERNETES, KWOK, PROMETHEUS};

/// What is known about this machine's folders, read from the environment once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// A folder that has etcd, kube-apiserver and kubectl; then nothing is built.
    pub assets: Option<PathBuf>,
    /// The folder under which everything that this project caches is kept.
    pub cache: PathBuf,
}

impl Settings {
    /// Reads `KUBEBUILDER_ASSETS`, and the cache folder from `SOC2_CACHE`, `XDG_CACHE_HOME` or `HOME`,
    /// in this order. A variable that is empty counts as not set.
    #[must_use]
    pub fn from_env() -> Self {
        Self::from_lookup(|name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from))
    }

    fn from_lookup(variable: impl Fn(&str) -> Option<PathBuf>) -> Self {
        let base = variable("SOC2_CACHE")
            .or_else(|| variable("XDG_CACHE_HOME"))
            .or_else(|| variable("HOME").map(|home| home.join(".cache")))
            .unwrap_or_else(env::temp_dir);
        // Programs are started in other folders than ours.
        let base = path::absolute(&base).unwrap_or(base);
        Self { assets: variable("KUBEBUILDER_ASSETS"), cache: base.join("soc2-operator") }
    }
}

/// The folder of the Kubernetes programs.
#[derive(Debug, Clone)]
pub struct Tools {
    bin: PathBuf,
}

impl Tools {
    /// Finds the programs, or builds them: about six minutes on two cores the first time, with progress
    /// on stderr. Blocks; a second process that needs the same build waits for the first.
    ///
    /// Fails when `KUBEBUILDER_ASSETS` lacks a program, when there is no `go` of version 1.26 or newer,
    /// or when the build itself fails (with the end of its output).
    pub fn ensure() -> Result<Self> {
        Self::ensure_with(&Settings::from_env())
    }

    /// As [`Tools::ensure`], with folders that the caller chose.
    pub fn ensure_with(settings: &Settings) -> Result<Self> {
        match &settings.assets {
            Some(assets) => Self::from_assets(assets),
            None => Ok(Self { bin: build::ensure(&KUBERNETES, &settings.cache)? }),
        }
    }

    fn from_assets(assets: &Path) -> Result<Self> {
        for program in ["etcd", "kube-apiserver", "kubectl"] {
            ensure!(
                assets.join(program).is_file(),
                "KUBEBUILDER_ASSETS is {}, which has no {program}; point it at a folder with etcd, kube-apiserver and \
                 kubectl, or unset it to have them built",
                assets.display()
            );
        }
        let bin = fs::canonicalize(assets).with_context(|| format!("read {}", assets.display()))?;
        Ok(Self { bin })
    }

    /// The folder, absolute; for a person's `PATH`.
    #[must_use]
    pub fn bin(&self) -> &Path {
        &self.bin
    }

    /// The path of kube-apiserver.
    #[must_use]
    pub fn kube_apiserver(&self) -> PathBuf {
        self.bin.join("kube-apiserver")
    }

    /// The path of etcd.
    #[must_use]
    pub fn etcd(&self) -> PathBuf {
        self.bin.join("etcd")
    }

    /// The path of kubectl.
    #[must_use]
    pub fn kubectl(&self) -> PathBuf {
        self.bin.join("kubectl")
    }

    /// The path of kube-controller-manager. Fails when the folder of `KUBEBUILDER_ASSETS` has none, as
    /// envtest's have.
    pub fn kube_controller_manager(&self) -> Result<PathBuf> {
        self.optional("kube-controller-manager")
    }

    /// The path of kube-scheduler. Fails as [`Self::kube_controller_manager`] does.
    pub fn kube_scheduler(&self) -> Result<PathBuf> {
        self.optional("kube-scheduler")
    }

    fn optional(&self, program: &str) -> Result<PathBuf> {
        let path = self.bin.join(program);
        if !path.is_file() {
            bail!(
                "a test asked for {program}, and {} has none: add it there, or unset KUBEBUILDER_ASSETS to have it \
                 built",
                self.bin.display()
            );
        }
        Ok(path)
    }
}

/// The folder of Prometheus and promtool.
#[derive(Debug, Clone)]
pub struct PrometheusTools {
    bin: PathBuf,
}

impl PrometheusTools {
    /// Finds the programs, or builds them: about five minutes on two cores the first time, with progress
    /// on stderr. Blocks; a second process that needs the same build waits for the first.
    ///
    /// Fails when there is no `go` of version 1.26 or newer, or when the build itself fails (with the end
    /// of its output).
    pub fn ensure() -> Result<Self> {
        Ok(Self { bin: build::ensure(&PROMETHEUS, &Settings::from_env().cache)? })
    }

    /// The folder, absolute; for a person's `PATH`.
    #[must_use]
    pub fn bin(&self) -> &Path {
        &self.bin
    }

    /// The path of prometheus.
    #[must_use]
    pub fn prometheus(&self) -> PathBuf {
        self.bin.join("prometheus")
    }

    /// The path of promtool.
    #[must_use]
    pub fn promtool(&self) -> PathBuf {
        self.bin.join("promtool")
    }
}

/// Finds helm, or builds it: about two minutes on two cores the first time, with progress on stderr.
/// Blocks, and fails, as [`PrometheusTools::ensure`] does. Gives its path.
pub fn helm() -> Result<PathBuf> {
    Ok(build::ensure(&HELM, &Settings::from_env().cache)?.join("helm"))
}

/// Finds kwok, or builds it: about a minute on two cores the first time, with progress on stderr.
/// Blocks, and fails, as [`PrometheusTools::ensure`] does. Gives its path.
pub fn kwok() -> Result<PathBuf> {
    Ok(build::ensure(&KWOK, &Settings::from_env().cache)?.join("kwok"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Settings {
        Settings::from_lookup(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_cache_is_the_most_specific_folder_that_is_set() {
        let all = [("SOC2_CACHE", "/a"), ("XDG_CACHE_HOME", "/b"), ("HOME", "/c")];
        assert_eq!(settings(&all).cache, Path::new("/a/soc2-operator"));
        assert_eq!(settings(&all[1..]).cache, Path::new("/b/soc2-operator"));
        assert_eq!(settings(&all[2..]).cache, Path::new("/c/.cache/soc2-operator"));
    }

    #[test]
    fn assets_are_used_as_they_are_and_a_missing_program_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings { assets: Some(dir.path().into()), cache: dir.path().join("cache") };
        fs::write(dir.path().join("etcd"), "").unwrap();
        fs::write(dir.path().join("kubectl"), "").unwrap();

        let error = Tools::ensure_with(&settings).unwrap_err().to_string();
        assert!(error.contains("which has no kube-apiserver"), "{error}");

        fs::write(dir.path().join("kube-apiserver"), "").unwrap();
        let tools = Tools::ensure_with(&settings).unwrap();
        assert_eq!(tools.etcd(), dir.path().canonicalize().unwrap().join("etcd"));
        let error = tools.kube_controller_manager().unwrap_err().to_string();
        assert!(error.contains("asked for kube-controller-manager"), "{error}");
        assert!(!settings.cache.exists(), "nothing may be built");
    }
}
