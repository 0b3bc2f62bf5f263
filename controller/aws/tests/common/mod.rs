//! What the tests against stand-ins for AWS share.
#![allow(dead_code, missing_docs, clippy::expect_used, clippy::missing_panics_doc)]

pub mod sandbox;

use std::io::Write as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use prometheus_client::registry::Registry;
use soc2_aws::{Aws, AwsMetrics, NewPolicy, SdkAws, Settings, WriteGuard};

/// AWS as the operator opens it, and its metrics.
pub struct Opened {
    pub aws: Arc<dyn Aws>,
    registry: Registry,
    _config: tempfile::NamedTempFile,
}

impl Opened {
    /// Opens the stand-in at `endpoint` with an access key.
    pub async fn at(endpoint: &str, access_key: &str) -> Self {
        Self::with(endpoint, access_key, |_| ()).await
    }

    pub async fn with(endpoint: &str, access_key: &str, change: impl FnOnce(&mut Settings)) -> Self {
        let mut config = tempfile::NamedTempFile::new().expect("a file");
        writeln!(
            config,
            "[default]\nregion = us-east-1\nendpoint_url = {endpoint}\naws_access_key_id = {access_key}\naws_secret_access_key = secret"
        )
        .expect("written");
        let mut settings = Settings { config_file: Some(config.path().to_owned()), ..Settings::default() };
        change(&mut settings);
        let mut registry = Registry::with_prefix("soc2");
        let metrics = AwsMetrics::register(&mut registry);
        let aws = SdkAws::connect(settings, &metrics).await.expect("connected");
        Self { aws, registry, _config: config }
    }

    /// All metrics as Prometheus would read them.
    pub fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).expect("encoded");
        text
    }

    /// The value of one sample; 0 when it is absent.
    pub fn sample(&self, sample: &str) -> f64 {
        let metrics = self.metrics();
        let line = metrics.lines().find_map(|line| line.strip_prefix(sample));
        line.map_or(0.0, |value| value.trim().parse().expect("a number"))
    }
}

/// Permits so many attempts.
#[derive(Debug)]
pub struct Permits {
    pub left: AtomicU32,
    pub asked: AtomicU32,
}

impl Permits {
    pub fn new(left: u32) -> Self {
        Self { left: AtomicU32::new(left), asked: AtomicU32::new(0) }
    }

    pub fn all() -> Self {
        Self::new(u32::MAX)
    }
}

impl WriteGuard for Permits {
    fn permit(&self, attempt: Duration) -> Result<(), String> {
        assert!(attempt <= Duration::from_secs(5), "{attempt:?}");
        self.asked.fetch_add(1, Ordering::SeqCst);
        let take = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        take.map(drop).map_err(|_| "the lease ends too soon".to_owned())
    }
}

/// A policy that denies leaving the organization.
pub fn policy(name: &str) -> NewPolicy {
    NewPolicy {
        name: name.to_owned(),
        description: "A test".to_owned(),
        content: r#"{"Version":"2012-10-17","Statement":[{"Sid":"L","Effect":"Deny","Action":"organizations:LeaveOrganization","Resource":"*"}]}"#
            .to_owned(),
        tags: [("soc2-operator.dev/owner".to_owned(), "test".to_owned())].into(),
    }
}

/// A port that nothing listens at.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("an address").port()
}
