//! The cluster, for the commands that change something there: as kubectl reaches it.

use anyhow::{Context, Result};
use clap::Args;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};

/// Which cluster.
#[derive(Clone, Debug, Default, Args)]
pub struct ClusterArgs {
    /// Context of the kubeconfig. Default: the current one.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// Path of the kubeconfig. Default: $KUBECONFIG, ~/.kube/config, or the service account of the pod.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<std::path::PathBuf>,
}

impl ClusterArgs {
    /// A client.
    ///
    /// # Errors
    /// When there is no usable kubeconfig.
    pub async fn connect(&self) -> Result<Client> {
        // Two crates bring rustls; both must use the same cryptography. A provider that is installed already is fine.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let config = match (&self.kubeconfig, &self.context) {
            (Some(file), _) => Config::from_custom_kubeconfig(Kubeconfig::read_from(file)?, &options).await?,
            (None, Some(_)) => Config::from_kubeconfig(&options).await?,
            (None, None) => Config::infer().await.context("no kubeconfig: set KUBECONFIG, or give --kubeconfig")?,
        };
        Ok(Client::try_from(config)?)
    }
}

/// Who we are to the cluster.
///
/// # Errors
/// When it does not say.
pub async fn who(client: &Client) -> Result<String> {
    let api: Api<SelfSubjectReview> = Api::all(client.clone());
    let asked = api.create(&kube::api::PostParams::default(), &SelfSubjectReview::default()).await;
    let status = asked.context("asking the cluster who you are")?.status;
    let user = status.and_then(|status| status.user_info?.username);
    user.context("the cluster does not say who you are")
}
