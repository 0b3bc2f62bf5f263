//! Credentials that are held: the operator's own, or those of a role that it assumed.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::{AwsError, ErrorClass};
use crate::explain::chain;
use crate::traits::Role;

/// Credentials are renewed this long before they expire.
const BEFORE_EXPIRY: Duration = Duration::from_mins(5);
/// Credentials without an expiry, from a file or the environment, are looked at again after this.
const LOOK_AGAIN: Duration = Duration::from_mins(15);

/// One set of credentials. What gets and renews them is `Core::ready`, before each attempt; the SDK takes what is held.
#[derive(Debug)]
pub(crate) struct Session {
    /// The role to assume; `None`: the operator's own credentials.
    pub(crate) role: Option<Role>,
    held: RwLock<Option<Held>>,
    /// Held by whoever is getting new ones.
    pub(crate) renewing: Mutex<()>,
    /// The account, where it takes a call to find out.
    pub(crate) looked_up: Mutex<LookUp>,
}

/// The answer of a look-up, or when the last one got none.
#[derive(Debug, Default)]
pub(crate) struct LookUp {
    pub(crate) account: Option<String>,
    pub(crate) failed_at: Option<Instant>,
}

#[derive(Debug)]
struct Held {
    credentials: Credentials,
    renew_at: SystemTime,
}

impl Session {
    pub(crate) fn new(role: Option<Role>) -> Arc<Self> {
        Arc::new(Self { role, held: RwLock::default(), renewing: Mutex::default(), looked_up: Mutex::default() })
    }

    /// The credentials, unless it is time to renew them.
    pub(crate) fn fresh(&self) -> Option<Credentials> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().filter(|held| SystemTime::now() < held.renew_at).map(|held| held.credentials.clone())
    }

    /// The credentials, however old.
    pub(crate) fn held(&self) -> Option<Credentials> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().map(|held| held.credentials.clone())
    }

    pub(crate) fn hold(&self, credentials: Credentials) {
        let now = SystemTime::now();
        let renew_at = credentials.expiry().map_or(now + LOOK_AGAIN, |expiry| {
            // Ones that live shorter than that are used while they last.
            expiry.checked_sub(BEFORE_EXPIRY).filter(|at| *at > now).unwrap_or(expiry)
        });
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(Held { credentials, renew_at });
    }

    /// AWS did not take them: get new ones before the next attempt.
    pub(crate) fn expire(&self) {
        if let Some(held) = self.held.write().unwrap_or_else(PoisonError::into_inner).as_mut() {
            held.renew_at = SystemTime::UNIX_EPOCH;
        }
    }

    /// The account of these credentials, as far as they tell by themselves.
    pub(crate) fn account(&self) -> Option<String> {
        if let Some(role) = &self.role {
            return account_of(&role.arn).map(str::to_owned);
        }
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().and_then(|held| held.credentials.account_id().map(|id| id.as_str().to_owned()))
    }
}

/// Gives the SDK what a session holds.
#[derive(Debug)]
pub(crate) struct Holder(pub(crate) Arc<Session>);

impl ProvideCredentials for Holder {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(self.0.held().ok_or_else(|| CredentialsError::not_loaded("none yet")))
    }
}

/// The account in an ARN.
pub(crate) fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The partition in an ARN.
pub(crate) fn partition_of(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:")?.split(':').next().filter(|partition| partition.starts_with("aws"))
}

/// The operator's own credentials, from the default chain.
pub(crate) async fn own(provider: &SharedCredentialsProvider) -> Result<Credentials, AwsError> {
    provider.provide_credentials().await.map_err(|error| {
        let why = chain(&error);
        let denied = ["AccessDenied", "InvalidIdentityToken", "ExpiredToken", "not authorized"];
        let class = match &error {
            CredentialsError::CredentialsNotLoaded(_) => ErrorClass::Denied,
            CredentialsError::InvalidConfiguration(_) => ErrorClass::Terminal,
            CredentialsError::ProviderError(_) if denied.iter().any(|word| why.contains(word)) => ErrorClass::Denied,
            _ => ErrorClass::Transient,
        };
        let message = format!(
            "the operator has no AWS credentials: give its service account a role (IRSA or EKS Pod Identity), or set AWS_ACCESS_KEY_ID or \
             AWS_PROFILE: {why}"
        );
        AwsError::new(class, "NoCredentials", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(lives: Option<Duration>) -> Credentials {
        Credentials::new("AKIDEXAMPLE", "secret", None, lives.map(|lives| SystemTime::now() + lives), "test")
    }

    #[test]
    fn arns_tell_account_and_partition() {
        let arn = "arn:aws-us-gov:iam::123456789012:role/path/soc2-read";
        assert_eq!((account_of(arn), partition_of(arn)), (Some("123456789012"), Some("aws-us-gov")));
        for odd in ["", "role/x", "arn:aws:iam::12:role/x", "arn:aws:iam"] {
            assert_eq!(account_of(odd), None, "{odd}");
        }
        assert_eq!(partition_of("arn:azure:x"), None);
    }

    #[test]
    fn credentials_are_renewed_before_they_expire() {
        let session = Session::new(None);
        assert!(session.fresh().is_none());
        session.hold(credentials(None));
        assert!(session.fresh().is_some());
        session.hold(credentials(Some(Duration::from_hours(1))));
        assert!(session.fresh().is_some());
        session.expire();
        assert!(session.fresh().is_none());
        session.hold(credentials(Some(Duration::from_mins(1))));
        assert!(session.fresh().is_some(), "short-lived ones are used while they last");
        session.hold(credentials(Some(Duration::ZERO)));
        assert!(session.fresh().is_none());
    }
}
