//! What all clients share: configuration, HTTP connections, credentials, rate limiter, metrics.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_sdk_sts::config::{IdentityCache, SharedHttpClient, SharedInterceptor};
use aws_sdk_sts::operation::assume_role::AssumeRoleOutput;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Builder, ConnectorBuilder, tls};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use tokio::time::Instant;

use crate::caller::{Caller, Service};
use crate::error::{AwsError, ErrorClass};
use crate::limiter::{Key, Limiter};
use crate::metrics::AwsMetrics;
use crate::session::{Holder, Session, own, partition_of};
use crate::settings::Settings;
use crate::traits::Role;

/// Where the SDK's own messages say that credentials come from.
const PROVIDER: &str = "soc2-operator";
/// How long not to ask again whose the operator's own credentials are, when there was no answer.
const LOOK_UP_AGAIN: Duration = Duration::from_mins(1);
/// The account of the operator's own credentials, in the rate limiter, while it is not known.
pub(crate) const OWN: &str = "own";

/// What all clients share.
#[derive(Debug)]
pub(crate) struct Core {
    sdk: SdkConfig,
    pub(crate) settings: Settings,
    pub(crate) limiter: Limiter,
    meter: SharedInterceptor,
    /// The operator's own credentials.
    own: Arc<Session>,
    roles: Mutex<HashMap<Role, Arc<Session>>>,
    /// One write at a time in each account that writes.
    writes: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Core {
    pub(crate) async fn load(
        settings: Settings,
        metrics: &AwsMetrics,
        http: SharedHttpClient,
    ) -> Result<Arc<Self>, AwsError> {
        let app_name = AppName::new(settings.app_name.clone()).map_err(|error| {
            AwsError::new(
                ErrorClass::Terminal,
                "InvalidAppName",
                format!("{:?} cannot be an app name: {error}", settings.app_name),
            )
        })?;
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).app_name(app_name).http_client(http);
        if let Some(region) = &settings.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(file) = &settings.config_file {
            let files = EnvConfigFiles::builder().with_file(EnvConfigFileKind::Config, file).build();
            loader = loader.profile_files(files);
        }
        Ok(Arc::new(Self {
            sdk: loader.load().await,
            settings,
            limiter: Limiter::default(),
            meter: metrics.interceptor(),
            own: Session::new(None),
            roles: Mutex::default(),
            writes: Mutex::default(),
        }))
    }

    /// The credentials of a role, the same object for the same role.
    pub(crate) fn session(&self, role: Option<&Role>) -> Arc<Session> {
        let Some(role) = role else { return Arc::clone(&self.own) };
        let mut roles = self.roles.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(roles.entry(role.clone()).or_insert_with(|| Session::new(Some(role.clone()))))
    }

    /// What makes writes of one account wait for each other.
    pub(crate) fn write_lock(&self, account: &str) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(self.writes.lock().unwrap_or_else(PoisonError::into_inner).entry(account.to_owned()).or_default())
    }

    /// Configuration of a client that calls with these credentials in that Region. The SDK makes one attempt; what repeats is `Caller`.
    pub(crate) fn sdk(&self, session: &Arc<Session>, region: &str, attempt: Duration) -> SdkConfig {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(self.settings.connect_timeout)
            .operation_attempt_timeout(attempt)
            .build();
        self.sdk
            .to_builder()
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(Holder(Arc::clone(session))))
            .identity_cache(IdentityCache::no_cache())
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .build()
    }

    /// What counts and times each attempt.
    pub(crate) fn meter(&self) -> SharedInterceptor {
        self.meter.clone()
    }

    /// The Region that Organizations has in the partition of the role.
    pub(crate) fn organizations_region(&self, role: Option<&Role>) -> &'static str {
        let own = || self.sdk.region().map_or("aws", |region| partition_of_region(region.as_ref()));
        match role.and_then(|role| partition_of(&role.arn)).unwrap_or_else(own) {
            "aws-us-gov" => "us-gov-west-1",
            "aws-cn" => "cn-northwest-1",
            _ => "us-east-1",
        }
    }

    /// The Region to call STS in for a role: ours, or where ours is of another partition, that of Organizations.
    pub(crate) fn sts_region(&self, role: Option<&Role>) -> String {
        let organizations = self.organizations_region(role);
        self.sdk
            .region()
            .map(AsRef::as_ref)
            .filter(|region| partition_of_region(region) == partition_of_region(organizations))
            .unwrap_or(organizations)
            .to_owned()
    }

    /// The Region of the bucket that state is kept in: the operator's own.
    pub(crate) fn s3_region(&self) -> String {
        self.sdk.region().map_or_else(|| self.organizations_region(None).to_owned(), ToString::to_string)
    }

    /// Where S3 is, if not where AWS has it: as the SDKs look for it.
    pub(crate) fn s3_endpoint(&self) -> Option<String> {
        let own = std::env::var("AWS_ENDPOINT_URL_S3").ok().filter(|url| !url.is_empty());
        own.or_else(|| self.sdk.endpoint_url().map(str::to_owned))
    }

    /// A client of STS.
    pub(crate) fn sts(&self, session: &Arc<Session>, region: &str) -> aws_sdk_sts::Client {
        let sdk = self.sdk(session, region, self.settings.attempt_timeout);
        let mut builder = aws_sdk_sts::config::Builder::from(&sdk);
        builder.push_interceptor(self.meter());
        aws_sdk_sts::Client::from_conf(builder.build())
    }

    /// Sees to it that a session holds credentials that have not expired.
    pub(crate) fn ready<'a>(
        self: &'a Arc<Self>,
        session: &'a Arc<Session>,
    ) -> Pin<Box<dyn Future<Output = Result<(), AwsError>> + Send + 'a>> {
        Box::pin(async move {
            if session.fresh().is_some() {
                return Ok(());
            }
            let _one_at_a_time = session.renewing.lock().await;
            if session.fresh().is_some() {
                return Ok(());
            }
            let credentials = match &session.role {
                Some(role) => self.assume(role).await?,
                None => match self.sdk.credentials_provider() {
                    Some(provider) => own(&provider).await?,
                    None => {
                        return Err(AwsError::new(
                            ErrorClass::Terminal,
                            "NoCredentials",
                            "no source of AWS credentials is configured",
                        ));
                    }
                },
            };
            session.hold(credentials);
            Ok(())
        })
    }

    async fn assume(self: &Arc<Self>, role: &Role) -> Result<Credentials, AwsError> {
        let region = self.sts_region(Some(role));
        let client = self.sts(&self.own, &region);
        let caller = Caller::new(self, &self.own, Service::Sts, &region).about(&role.arn);
        let output = caller
            .call("AssumeRole", || {
                client
                    .assume_role()
                    .role_arn(&role.arn)
                    .role_session_name(&self.settings.session_name)
                    .set_external_id(role.external_id.clone())
                    .send()
            })
            .await?;
        credentials(output).ok_or_else(|| {
            AwsError::new(
                ErrorClass::Transient,
                "InvalidResponse",
                format!("assuming {}: STS gave no credentials", role.arn),
            )
        })
    }

    /// The account that a session acts in, for the rate limiter and for messages.
    pub(crate) async fn account(&self, session: &Arc<Session>) -> Option<String> {
        if let Some(account) = session.account() {
            return Some(account);
        }
        let mut known = session.looked_up.lock().await;
        let lately = known.failed_at.is_some_and(|at| at.elapsed() < LOOK_UP_AGAIN);
        if known.account.is_some() || lately || session.role.is_some() {
            return known.account.clone();
        }
        let region = self.sts_region(None);
        let own =
            Key { account: OWN.to_owned(), region: region.clone(), service: "sts", operation: "GetCallerIdentity" };
        let _start = self.limiter.lane(&own).start().await;
        let identity = self.sts(session, &region).get_caller_identity().send().await;
        known.account = identity.ok().and_then(|identity| identity.account);
        known.failed_at = Some(Instant::now()).filter(|_| known.account.is_none());
        known.account.clone()
    }
}

fn credentials(output: AssumeRoleOutput) -> Option<Credentials> {
    let given = output.credentials?;
    let expires = SystemTime::try_from(given.expiration).ok()?;
    Some(Credentials::new(
        given.access_key_id,
        given.secret_access_key,
        Some(given.session_token),
        Some(expires),
        PROVIDER,
    ))
}

fn partition_of_region(region: &str) -> &'static str {
    if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else if region.starts_with("cn-") {
        "aws-cn"
    } else {
        "aws"
    }
}

/// One HTTP client for everything: the SDK's default would be one for each of its clients.
pub(crate) fn http_client() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let crypto = tls::rustls_provider::CryptoMode::AwsLc;
        let mut connector = ConnectorBuilder::default().tls_provider(tls::Provider::Rustls(crypto));
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.build()
    })
}
