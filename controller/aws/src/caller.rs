//! One call to AWS: credentials, a place in the queue, permission to write, the attempt, and again where that can help.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::error::SdkError;
use tokio::time::Instant;
use tracing::{debug, info};

use crate::core::{Core, OWN};
use crate::error::{AwsError, ErrorClass, NOT_PERMITTED};
use crate::explain::{Called, explain};
use crate::limiter::{Key, Lane};
use crate::session::Session;
use crate::traits::{Traffic, WriteGuard};

/// Attempts of one call, the first included.
const ATTEMPTS: u32 = 8;
/// The wait before the second attempt; it doubles from one to the next.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// A service of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Organizations,
    SecurityHub,
    Sqs,
    Sts,
}

impl Service {
    /// As IAM's actions begin, and in lower case as the SDK calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Organizations => "organizations",
            Self::SecurityHub => "securityhub",
            Self::Sqs => "sqs",
            Self::Sts => "sts",
        }
    }
}

/// Calls one service in one Region with one set of credentials.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    core: Arc<Core>,
    session: Arc<Session>,
    service: Service,
    region: String,
    subject: Option<String>,
    attempt_timeout: Duration,
    traffic: Arc<Counts>,
}

/// Attempts so far.
#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU64,
    throttled: AtomicU64,
}

impl Caller {
    pub(crate) fn new(core: &Arc<Core>, session: &Arc<Session>, service: Service, region: &str) -> Self {
        Self {
            core: Arc::clone(core),
            session: Arc::clone(session),
            service,
            region: region.to_owned(),
            subject: None,
            attempt_timeout: core.settings.attempt_timeout,
            traffic: Arc::default(),
        }
    }

    /// Names what is called about, for messages: the role that is to be assumed, the queue.
    pub(crate) fn about(mut self, subject: &str) -> Self {
        self.subject = Some(subject.to_owned());
        self
    }

    /// Tells how long an attempt may last, for `WriteGuard`; the client has to be configured so.
    pub(crate) fn attempts_last(mut self, attempt: Duration) -> Self {
        self.attempt_timeout = attempt;
        self
    }

    /// The rate limiter's queue of an operation.
    pub(crate) async fn lane(&self, operation: &'static str) -> Arc<Lane> {
        let account = self.core.account(&self.session).await;
        self.core.limiter.lane(&self.key(account.as_deref(), operation))
    }

    /// Attempts so far.
    pub(crate) fn traffic(&self) -> Traffic {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic { requests: read(&self.traffic.requests), throttled: read(&self.traffic.throttled) }
    }

    /// Sees to it that there are credentials; assumes the role where there is one.
    pub(crate) async fn ready(&self) -> Result<(), AwsError> {
        self.core.ready(&self.session).await
    }

    /// Reads.
    pub(crate) async fn call<T, E, F>(
        &self,
        operation: &'static str,
        send: impl Fn() -> F + Send + Sync,
    ) -> Result<T, AwsError>
    where
        E: Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        self.attempts(operation, None, send).await
    }

    /// Writes, as long as the guard permits it.
    pub(crate) async fn write<T, E, F>(
        &self,
        operation: &'static str,
        guard: &dyn WriteGuard,
        send: impl Fn() -> F + Send + Sync,
    ) -> Result<T, AwsError>
    where
        E: Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        // Asked here too: a role that may write is not assumed in vain.
        self.permit(operation, Some(guard))?;
        self.attempts(operation, Some(guard), send).await
    }

    async fn attempts<T, E, F>(
        &self,
        operation: &'static str,
        guard: Option<&dyn WriteGuard>,
        send: impl Fn() -> F + Send + Sync,
    ) -> Result<T, AwsError>
    where
        E: Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        let (mut began, mut renewed) = (None, false);
        for attempt in 1.. {
            self.ready().await?;
            let account = self.core.account(&self.session).await;
            let start = self.core.limiter.lane(&self.key(account.as_deref(), operation)).start().await;
            self.recheck(operation, guard).await?;
            self.permit(operation, guard)?;
            let began = *began.get_or_insert_with(Instant::now);
            self.traffic.requests.fetch_add(1, Ordering::Relaxed);
            let error = match send().await {
                Ok(output) => return Ok(output),
                Err(error) => self.explain(operation, account.as_deref(), &error),
            };
            if error.class == ErrorClass::Throttled {
                self.traffic.throttled.fetch_add(1, Ordering::Relaxed);
                if start.throttled() {
                    let (service, region) = (self.service.name(), &self.region);
                    info!(service, operation, account, region, "AWS throttles; slower for a while");
                }
            }
            if (error.is("ExpiredToken") || error.is("RequestExpired")) && !renewed {
                renewed = true;
                self.session.expire();
                continue;
            }
            let wait = backoff(attempt);
            let in_time = began.elapsed() + wait < self.core.settings.operation_timeout;
            if !matches!(error.class, ErrorClass::Transient | ErrorClass::Throttled) || attempt >= ATTEMPTS || !in_time
            {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
        }
        Err(AwsError::new(ErrorClass::Transient, "Timeout", "no attempts left"))
    }

    fn key(&self, account: Option<&str>, operation: &'static str) -> Key {
        let unknown = || self.session.role.as_ref().map_or_else(|| OWN.to_owned(), |role| role.arn.clone());
        Key {
            account: account.map_or_else(unknown, str::to_owned),
            region: self.region.clone(),
            service: self.service.name(),
            operation,
        }
    }

    fn permit(&self, operation: &str, guard: Option<&dyn WriteGuard>) -> Result<(), AwsError> {
        let Some(guard) = guard else { return Ok(()) };
        guard.permit(self.attempt_timeout).map_err(|reason| self.not_now(operation, &reason))
    }

    async fn recheck(&self, operation: &str, guard: Option<&dyn WriteGuard>) -> Result<(), AwsError> {
        let Some(guard) = guard else { return Ok(()) };
        guard.recheck().await.map_err(|reason| self.not_now(operation, &reason))
    }

    fn not_now(&self, operation: &str, reason: &str) -> AwsError {
        let message = format!("{}:{operation}: not now: {reason}", self.service.name());
        AwsError::new(ErrorClass::Transient, NOT_PERMITTED, message)
    }

    fn explain<E>(&self, operation: &'static str, account: Option<&str>, error: &SdkError<E, HttpResponse>) -> AwsError
    where
        E: Error + Send + Sync + 'static,
    {
        let called = Called {
            service: self.service.name(),
            operation,
            region: &self.region,
            role: self.session.role.as_ref().map(|role| role.arn.as_str()),
            account,
            subject: self.subject.as_deref(),
        };
        let explained = explain(&called, error);
        let request_id = error.raw_response().and_then(|response| {
            ["x-amzn-requestid", "x-amz-request-id"].iter().find_map(|name| response.headers().get(*name))
        });
        debug!(
            service = called.service,
            operation,
            account,
            region = self.region,
            code = explained.code,
            request_id,
            error = %explained,
            "an attempt failed"
        );
        explained
    }
}

/// The wait after so many attempts: twice as long each time, of that half to all.
fn backoff(attempt: u32) -> Duration {
    let longest = FIRST_WAIT.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(LONGEST_WAIT);
    longest.mul_f64(rand::random_range(0.5..1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_with_jitter_and_are_bounded() {
        for (attempt, longest) in [(1, 250), (2, 500), (3, 1000), (8, 20_000), (100, 20_000)] {
            for _ in 0..100 {
                let wait = backoff(attempt).as_millis();
                assert!((longest / 2..=longest).contains(&wait), "{attempt}: {wait}");
            }
        }
    }
}
