//! Running a program under the rights that it will have in a cluster.

use std::path::PathBuf;

use anyhow::{Context, Result};
use k8s_openapi::{
    api::{
        authentication::v1::{TokenRequest, TokenRequestSpec},
        core::v1::{Namespace, ServiceAccount},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, Client, api::PostParams};

use crate::{
    ControlPlane, kubeconfig,
    kubeconfig::{Access, Credential},
};

/// How long a token is valid, in seconds: longer than any soak test.
const TOKEN_SECONDS: i64 = 10 * 60 * 60;

/// A `ServiceAccount` that can be used from outside the cluster.
#[derive(Clone)]
pub struct Identity {
    /// A kubeconfig file with a token of the account, whose namespace is the account's.
    pub kubeconfig: PathBuf,
    /// A client made from that file.
    pub client: Client,
}

impl ControlPlane {
    /// Gives the use of a `ServiceAccount`, with whatever RBAC binds to it and nothing more. The namespace
    /// and the account are created if absent; the token is valid for ten hours. Fails when the API server
    /// does not answer or refuses.
    pub async fn service_account(&self, namespace: &str, name: &str) -> Result<Identity> {
        let admin = self.admin_client();
        let metadata = |name: &str| ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        let post = PostParams::default();

        let object = Namespace { metadata: metadata(namespace), ..Namespace::default() };
        let created = Api::<Namespace>::all(admin.clone()).create(&post, &object).await.map(drop);
        unless_exists(created).with_context(|| format!("create namespace {namespace}"))?;

        let accounts: Api<ServiceAccount> = Api::namespaced(admin, namespace);
        let object = ServiceAccount { metadata: metadata(name), ..ServiceAccount::default() };
        unless_exists(accounts.create(&post, &object).await.map(drop))
            .with_context(|| format!("create ServiceAccount {namespace}/{name}"))?;

        let spec = TokenRequestSpec { expiration_seconds: Some(TOKEN_SECONDS), ..TokenRequestSpec::default() };
        let request = TokenRequest { spec, ..TokenRequest::default() };
        let token = accounts
            .create_token_request(name, &post, &request)
            .await
            .with_context(|| format!("request a token of ServiceAccount {namespace}/{name}"))?
            .status
            .context("the answer to a TokenRequest has no status")?
            .token;

        let kubeconfig = self.dir().join("identities").join(format!("{namespace}.{name}.kubeconfig"));
        let access = Access {
            server: &self.url(),
            ca: &self.layout().pki.ca_pem()?,
            user: name,
            namespace,
            credential: Credential::Token(&token),
        };
        access.write(&kubeconfig)?;
        let client = kubeconfig::client(&kubeconfig).await?;
        Ok(Identity { kubeconfig, client })
    }
}

fn unless_exists(result: kube::Result<()>) -> kube::Result<()> {
    match result {
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        other => other,
    }
}
