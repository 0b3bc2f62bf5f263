//! How AWS is called: who we say we are, how long we wait, and where the configuration comes from.

use std::path::PathBuf;
use std::time::Duration;

/// How AWS is called. Everything that is not here comes from where the AWS SDKs look for it: credentials from the default chain (IRSA,
/// Pod Identity, environment, profile), endpoints from `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>`, proxies from the environment.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Sent in the `User-Agent` header; letters, digits and ``!#$%&'*+-.^_`|~`` only.
    pub app_name: String,
    /// Region of STS; default: `AWS_REGION` or the profile's, else that of Organizations in the partition of the role.
    pub region: Option<String>,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long one attempt to read may last.
    pub attempt_timeout: Duration,
    /// How long one attempt to write may last. Shorter, because the lease has to outlast it.
    pub write_attempt_timeout: Duration,
    /// No new attempt begins when the first one of a call began longer ago than this.
    pub operation_timeout: Duration,
    /// An AWS config file, with credentials, to read instead of `~/.aws/config` and `~/.aws/credentials`.
    pub config_file: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            app_name: "soc2-operator".to_owned(),
            region: None,
            connect_timeout: Duration::from_secs(3),
            attempt_timeout: Duration::from_secs(20),
            write_attempt_timeout: Duration::from_secs(5),
            operation_timeout: Duration::from_secs(90),
            config_file: None,
        }
    }
}
