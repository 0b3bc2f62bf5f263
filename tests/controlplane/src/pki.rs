//! The keys and certificates of one control plane.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

/// The user name of the administrator's certificate.
pub(crate) const ADMIN: &str = "administrator";
/// The user name that RBAC's bootstrap policy gives kube-controller-manager's rights to.
pub(crate) const CONTROLLER_MANAGER: &str = "system:kube-controller-manager";

/// A folder of PEM files: one authority, a serving certificate for 127.0.0.1, a client certificate for
/// each user, and the key pair that signs `ServiceAccount` tokens.
#[derive(Debug)]
pub(crate) struct Pki {
    dir: PathBuf,
}

impl Pki {
    /// Uses the files in `dir`, or makes them all. The folder appears complete or not at all.
    pub(crate) fn ensure(dir: &Path) -> Result<Self> {
        if !dir.is_dir() {
            let partial = dir.with_extension("partial");
            if partial.exists() {
                fs::remove_dir_all(&partial).with_context(|| format!("remove {}", partial.display()))?;
            }
            fs::create_dir_all(&partial).with_context(|| format!("create {}", partial.display()))?;
            generate(&partial).context("make certificates")?;
            fs::rename(&partial, dir).with_context(|| format!("rename {}", partial.display()))?;
        }
        Ok(Self { dir: dir.to_owned() })
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.dir.join("ca.crt")
    }

    pub(crate) fn serving_certificate(&self) -> PathBuf {
        self.dir.join("apiserver.crt")
    }

    pub(crate) fn serving_key(&self) -> PathBuf {
        self.dir.join("apiserver.key")
    }

    pub(crate) fn tokens_key(&self) -> PathBuf {
        self.dir.join("tokens.key")
    }

    pub(crate) fn tokens_public_key(&self) -> PathBuf {
        self.dir.join("tokens.pub")
    }

    /// The client certificate and key of [`ADMIN`] or [`CONTROLLER_MANAGER`], as PEM.
    pub(crate) fn client(&self, user: &str) -> Result<(String, String)> {
        Ok((self.read(&format!("{user}.crt"))?, self.read(&format!("{user}.key"))?))
    }

    /// The authority's certificate as PEM.
    pub(crate) fn ca_pem(&self) -> Result<String> {
        self.read("ca.crt")
    }

    fn read(&self, name: &str) -> Result<String> {
        let path = self.dir.join(name);
        fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
    }
}

fn generate(dir: &Path) -> Result<()> {
    let mut params = named("soc2-operator test authority", None);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate()?;
    write(dir, "ca.crt", &params.self_signed(&key)?.pem())?;
    let authority = Issuer::new(params, key);

    let mut serving = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()])?;
    serving.distinguished_name.push(DnType::CommonName, "kube-apiserver");
    serving.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    issue(dir, "apiserver", serving, &authority)?;

    for (user, group) in [(ADMIN, Some("system:masters")), (CONTROLLER_MANAGER, None)] {
        let mut client = named(user, group);
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        issue(dir, user, client, &authority)?;
    }

    let tokens = KeyPair::generate()?;
    write(dir, "tokens.key", &tokens.serialize_pem())?;
    write(dir, "tokens.pub", &tokens.public_key_pem())
}

/// Kubernetes reads the user's name from the common name and its groups from the organization.
fn named(common_name: &str, organization: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    if let Some(organization) = organization {
        params.distinguished_name.push(DnType::OrganizationName, organization);
    }
    params
}

fn issue(dir: &Path, name: &str, mut params: CertificateParams, authority: &Issuer<'_, KeyPair>) -> Result<()> {
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    write(dir, &format!("{name}.crt"), &params.signed_by(&key, authority)?.pem())?;
    write(dir, &format!("{name}.key"), &key.serialize_pem())
}

fn write(dir: &Path, name: &str, pem: &str) -> Result<()> {
    let path = dir.join(name);
    fs::write(&path, pem).with_context(|| format!("write {}", path.display()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).with_context(|| format!("protect {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_made_once_and_then_kept() {
        let dir = tempfile::tempdir().unwrap();
        let pki = Pki::ensure(&dir.path().join("pki")).unwrap();
        let first = pki.client(ADMIN).unwrap();
        assert!(first.0.contains("BEGIN CERTIFICATE") && first.1.contains("BEGIN PRIVATE KEY"));
        let again = Pki::ensure(&dir.path().join("pki")).unwrap();
        assert_eq!(first, again.client(ADMIN).unwrap());
    }
}
