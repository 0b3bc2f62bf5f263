//! How AWS is called: who we say we are, how long we wait, and where the configuration comes from.

use std::path::PathBuf;
use std::time::Duration;

/// How AWS is called. Everything that is not here comes from where the AWS SDKs look for it: credentials from the default chain (IRSA,
/// Pod Identity, environment, profile), endpoints from `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>`, proxies from the environment.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Sent in the `User-Agent` header; letters, digits and ``!#$%&'*+-.^_`|~`` only.
    pub app_name: String,
    /// Name of the sessions of roles: CloudTrail shows by it which replica called.
    pub session_name: String,
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
            session_name: session_name("soc2-operator"),
            region: None,
            connect_timeout: Duration::from_secs(3),
            attempt_timeout: Duration::from_secs(20),
            write_attempt_timeout: Duration::from_secs(5),
            operation_timeout: Duration::from_secs(90),
            config_file: None,
        }
    }
}

/// A name for sessions made of any text: what STS does not take becomes `-`, and what is too long is cut off.
#[must_use]
pub fn session_name(text: &str) -> String {
    const LONGEST: usize = 64;
    let allowed = |character: char| {
        if character.is_ascii_alphanumeric() || "_+=,.@-".contains(character) { character } else { '-' }
    };
    let name: String = text.chars().map(allowed).take(LONGEST).collect();
    // The shortest that STS takes has two characters.
    if name.len() < 2 { format!("soc2-operator-{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_identity_is_a_name_of_a_session() {
        for (text, name) in [
            ("soc2-operator-7d9f8b6c5-abcde", "soc2-operator-7d9f8b6c5-abcde"),
            ("a pod/1", "a-pod-1"),
            ("x", "soc2-operator-x"),
            ("", "soc2-operator-"),
        ] {
            assert_eq!(session_name(text), name);
        }
        assert_eq!(session_name(&"x".repeat(100)).len(), 64);
    }
}
