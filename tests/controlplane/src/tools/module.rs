//! The Go tool modules in `tools/` of this crate, and what decides how each is built.

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

/// A static program without symbols; cgo would need a C compiler and gives nothing here.
const FLAGS: [&str; 2] = ["-trimpath", "-v"];

/// A Go tool module and the programs that are built from it.
#[derive(Debug)]
pub(super) struct Module {
    /// Begins the name of its folder in the cache.
    pub(super) name: &'static str,
    pub(super) go_mod: &'static str,
    pub(super) go_sum: &'static str,
    /// Program names and the Go packages they are built from.
    pub(super) programs: &'static [(&'static str, &'static str)],
    /// Build tags, as `-tags=a,b`.
    tags: Option<&'static str>,
    /// The Go module whose version is the release.
    release: &'static str,
    /// Linker flags that tell the programs their version; `go build` alone would leave none. `{version}`,
    /// `{major}` and `{minor}` stand for the release's, without its `v`.
    version_flags: &'static str,
    /// How long a build takes, in words.
    pub(super) takes: &'static str,
    /// What to do on a machine where it cannot be built.
    pub(super) instead: &'static str,
}

/// etcd, kube-apiserver and their like.
pub(super) const KUBERNETES: Module = Module {
    name: "kubernetes",
    go_mod: include_str!("../../tools/kubernetes/go.mod"),
    go_sum: include_str!("../../tools/kubernetes/go.sum"),
    programs: &[
        ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
        ("etcd", "go.etcd.io/etcd/server/v3"),
        ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
        ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
        ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
    ],
    tags: None,
    release: "k8s.io/kubernetes",
    version_flags: "-X k8s.io/component-base/version.gitVersion=v{version} \
                    -X k8s.io/component-base/version.gitMajor={major} \
                    -X k8s.io/component-base/version.gitMinor={minor}",
    takes: "about seven minutes",
    instead: ", or set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver and kubectl",
};

/// Prometheus and promtool.
pub(super) const PROMETHEUS: Module = Module {
    name: "prometheus",
    go_mod: include_str!("../../tools/prometheus/go.mod"),
    go_sum: include_str!("../../tools/prometheus/go.sum"),
    programs: &[
        ("prometheus", "github.com/prometheus/prometheus/cmd/prometheus"),
        ("promtool", "github.com/prometheus/prometheus/cmd/promtool"),
    ],
    tags: Some("-tags=remove_all_sd,netgo"),
    release: "github.com/prometheus/prometheus",
    version_flags: "-X github.com/prometheus/common/version.Version={version}",
    takes: "about five minutes",
    instead: "",
};

/// helm.
pub(super) const HELM: Module = Module {
    name: "helm",
    go_mod: include_str!("../../tools/helm/go.mod"),
    go_sum: include_str!("../../tools/helm/go.sum"),
    programs: &[("helm", "helm.sh/helm/v4/cmd/helm")],
    tags: None,
    release: "helm.sh/helm/v4",
    version_flags: "-X helm.sh/helm/v4/internal/version.version=v{version}",
    takes: "about two minutes",
    instead: "",
};

/// kwok.
pub(super) const KWOK: Module = Module {
    name: "kwok",
    go_mod: include_str!("../../tools/kwok/go.mod"),
    go_sum: include_str!("../../tools/kwok/go.sum"),
    programs: &[("kwok", "sigs.k8s.io/kwok/cmd/kwok")],
    tags: None,
    release: "sigs.k8s.io/kwok",
    version_flags: "-X sigs.k8s.io/kwok/pkg/consts.Version={version}",
    takes: "about a minute",
    instead: "",
};

impl Module {
    /// The flags of `go build`, without `-o` and the package.
    pub(super) fn flags(&self) -> Vec<&'static str> {
        FLAGS.into_iter().chain(self.tags).collect()
    }

    /// Linker flags: no symbols, and the version.
    pub(super) fn ldflags(&self) -> Result<String> {
        let version = self.version()?.trim_start_matches('v');
        let mut numbers = version.split('.');
        let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else {
            bail!("{version} in go.mod is not a release");
        };
        let told = [("{version}", version), ("{major}", major), ("{minor}", minor)];
        let flags = told.iter().fold(self.version_flags.to_owned(), |flags, (mark, word)| flags.replace(mark, word));
        Ok(format!("-s -w {flags}"))
    }

    /// The release, as go.mod names it.
    pub(super) fn version(&self) -> Result<&'static str> {
        let mut lines = self.go_mod.lines().map(str::split_whitespace);
        lines
            .find_map(|mut words| {
                let first = words.next()?;
                let name = if first == "require" { words.next()? } else { first };
                let version = words.next()?;
                (name == self.release && version.starts_with('v')).then_some(version)
            })
            .with_context(|| format!("go.mod does not require {}", self.release))
    }

    /// The first twelve hex digits of a hash of everything that decides what is built.
    pub(super) fn key(&self) -> Result<String> {
        let mut hash = Sha256::new();
        let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
        for part in [self.go_mod, self.go_sum, &self.flags().join(" "), &self.ldflags()?, &platform] {
            hash.update(part);
            hash.update([0]);
        }
        Ok(hex::encode(&hash.finalize()[..6]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_that_clients_see_is_the_one_of_go_mod() {
        let version = KUBERNETES.version().unwrap();
        assert!(version.starts_with("v1."), "{version}");
        assert!(KUBERNETES.ldflags().unwrap().contains(&format!("gitVersion={version} ")));
        for (module, end) in [(HELM, "version.version=v"), (KWOK, "consts.Version=")] {
            let version = module.version().unwrap();
            assert!(module.ldflags().unwrap().ends_with(&format!("{end}{}", &version[1..])), "{version}");
        }
        let version = PROMETHEUS.version().unwrap();
        assert!(PROMETHEUS.ldflags().unwrap().ends_with(&format!("version.Version={}", &version[1..])), "{version}");
    }

    #[test]
    fn every_program_is_a_tool_of_its_module() {
        for module in [KUBERNETES, PROMETHEUS, HELM, KWOK] {
            for (_, package) in module.programs {
                // In a block of them, or the only one.
                let listed =
                    ["\t", "tool "].iter().any(|before| module.go_mod.contains(&format!("{before}{package}\n")));
                assert!(listed, "{package}");
            }
        }
    }

    #[test]
    fn the_key_is_twelve_hex_digits_and_differs_between_modules() {
        let keys = [KUBERNETES, PROMETHEUS, HELM, KWOK].map(|module| module.key().unwrap());
        assert_eq!(keys.iter().collect::<std::collections::BTreeSet<_>>().len(), keys.len(), "{keys:?}");
        assert!(keys.iter().all(|key| key.len() == 12 && key.chars().all(|c| c.is_ascii_hexdigit())), "{keys:?}");
    }
}
