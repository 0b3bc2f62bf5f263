//! Kubeconfig files, readable by kubectl, by the operator and by people.

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

/// How a user proves who they are.
pub(crate) enum Credential<'a> {
    /// A client certificate and its key, both PEM.
    Certificate { certificate: &'a str, key: &'a str },
    /// A bearer token.
    Token(&'a str),
}

/// One user of one API server.
pub(crate) struct Access<'a> {
    /// The API server's URL.
    pub(crate) server: &'a str,
    /// The authority that signed its certificate, PEM.
    pub(crate) ca: &'a str,
    /// The name shown in the file; the API server takes the user from the credential.
    pub(crate) user: &'a str,
    /// The namespace used where none is given.
    pub(crate) namespace: &'a str,
    pub(crate) credential: Credential<'a>,
}

impl Access<'_> {
    /// Writes the file, for its owner's eyes only, through a rename so that a reader never sees half of it.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_yaml::to_string(&self.document()).context("render a kubeconfig")?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        }
        let partial = path.with_extension("partial");
        let write = || -> std::io::Result<()> {
            let mut file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&partial)?;
            file.write_all(text.as_bytes())?;
            fs::rename(&partial, path)
        };
        write().with_context(|| format!("write {}", path.display()))
    }

    fn document(&self) -> Value {
        let user = match &self.credential {
            Credential::Certificate { certificate, key } => json!({
                "client-certificate-data": STANDARD.encode(certificate),
                "client-key-data": STANDARD.encode(key),
            }),
            Credential::Token(token) => json!({ "token": token }),
        };
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{
                "name": "controlplane",
                "cluster": { "server": self.server, "certificate-authority-data": STANDARD.encode(self.ca) },
            }],
            "users": [{ "name": self.user, "user": user }],
            "contexts": [{
                "name": "controlplane",
                "context": { "cluster": "controlplane", "user": self.user, "namespace": self.namespace },
            }],
            "current-context": "controlplane",
        })
    }
}

/// A client that uses the file as any program would, and takes nothing from the environment.
pub(crate) async fn client(path: &Path) -> Result<Client> {
    Ok(Client::try_from(config(path).await?)?)
}

/// A client that reports an error at once, for asking whether the server is there.
pub(crate) async fn client_without_retries(path: &Path) -> Result<Client> {
    let mut config = config(path).await?;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

async fn config(path: &Path) -> Result<Config> {
    let kubeconfig = Kubeconfig::read_from(path).with_context(|| format!("read {}", path.display()))?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .with_context(|| format!("use {}", path.display()))?;
    // 127.0.0.1 is never behind a proxy.
    config.proxy_url = None;
    Ok(config)
}
