//! What happens around an attempt, shown with paused time and scripted answers: real parts cannot show it without waiting.

use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sts::config::RuntimeComponents;
use aws_sdk_sts::config::http::HttpResponse;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use crate::core::Core;
use crate::directory::OrganizationsDirectory;
use crate::policies::OrganizationsWriter;
use crate::{AwsError, AwsMetrics, Directory, ErrorClass, NOT_PERMITTED, PolicyWriter, Role, Settings, WriteGuard};

/// Answers calls by a script: the n-th call of an operation, from 0, to a status and a body.
type Script = dyn Fn(&str, usize) -> (u16, String) + Send + Sync;

#[derive(Clone)]
struct Fake {
    script: Arc<Script>,
    calls: Arc<Mutex<Vec<(String, String)>>>,
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Fake")
    }
}

impl Fake {
    fn count(&self, operation: &str) -> usize {
        self.calls.lock().expect("calls").iter().filter(|(called, _)| called == operation).count()
    }
}

impl HttpClient for Fake {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Fake {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let target = request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next());
        let action = || body.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or("?").to_owned();
        let operation = target.map_or_else(action, str::to_owned);
        let nth = self.count(&operation);
        self.calls.lock().expect("calls").push((operation.clone(), body));
        let (status, answer) = (self.script)(&operation, nth);
        let status = StatusCode::try_from(status).expect("a status");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(answer))))
    }
}

struct Fixture {
    fake: Fake,
    core: Arc<Core>,
    registry: Registry,
}

impl Fixture {
    async fn new(script: impl Fn(&str, usize) -> (u16, String) + Send + Sync + 'static) -> Self {
        let mut config = tempfile::NamedTempFile::new().expect("a file");
        write!(config, "[default]\nregion=eu-west-1\naws_access_key_id=AKIDEXAMPLE\naws_secret_access_key=x\n")
            .expect("written");
        let with_sts = move |operation: &str, nth: usize| match operation {
            "AssumeRole" => (200, assumed(nth)),
            "GetCallerIdentity" => (200, IDENTITY.to_owned()),
            _ => script(operation, nth),
        };
        let fake = Fake { script: Arc::new(with_sts), calls: Arc::default() };
        let mut registry = Registry::with_prefix("soc2");
        let metrics = AwsMetrics::register(&mut registry);
        let settings = Settings { config_file: Some(config.path().to_owned()), ..Settings::default() };
        let core = Core::load(settings, &metrics, SharedHttpClient::new(fake.clone())).await.expect("loaded");
        // The file is read when credentials are first needed.
        core.ready(&core.session(None)).await.expect("credentials");
        Self { fake, core, registry }
    }

    async fn attach(&self, guard: &Guard) -> Result<(), AwsError> {
        OrganizationsWriter::new(&self.core, &role()).attach_policy("p-1", "r-1", guard).await
    }

    async fn read(&self) -> Result<String, AwsError> {
        OrganizationsDirectory::new(&self.core, Some(&role())).policy_content("p-1").await
    }

    fn has_sample(&self, sample: &str) -> bool {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).expect("encoded");
        text.lines().any(|line| line == sample)
    }
}

struct Guard {
    left: AtomicU32,
    asked: AtomicU32,
    /// So often a recheck finds nothing.
    rechecks: AtomicU32,
}

impl Guard {
    fn permits(left: u32) -> Self {
        Self { left: AtomicU32::new(left), asked: AtomicU32::new(0), rechecks: AtomicU32::new(u32::MAX) }
    }
}

#[async_trait]
impl WriteGuard for Guard {
    async fn recheck(&self) -> Result<(), String> {
        let take = self.rechecks.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        take.map(drop).map_err(|_| "a person stopped it".to_owned())
    }

    fn permit(&self, attempt: Duration) -> Result<(), String> {
        assert_eq!(attempt, Settings::default().write_attempt_timeout);
        self.asked.fetch_add(1, Ordering::SeqCst);
        let take = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        take.map(drop).map_err(|_| "the lease ends too soon".to_owned())
    }
}

fn role() -> Role {
    Role { arn: "arn:aws:iam::111111111111:role/soc2-write".to_owned(), external_id: Some("acme-7".to_owned()) }
}

const IDENTITY: &str = "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>999999999999</Account></GetCallerIdentityResult>\
     </GetCallerIdentityResponse>";

fn assumed(nth: usize) -> String {
    format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA{nth}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
         <SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )
}

fn error(status: u16, code: &str) -> (u16, String) {
    (status, format!(r#"{{"__type":"{code}","Message":"m"}}"#))
}

fn policy() -> (u16, String) {
    (200, r#"{"Policy":{"Content":"{}"}}"#.to_owned())
}

#[tokio::test(start_paused = true)]
async fn conflicts_are_tried_again_and_each_attempt_is_permitted_and_counted() {
    let fixture = Fixture::new(|_, nth| match nth {
        0 => error(400, "ConcurrentModificationException"),
        1 => error(400, "PolicyChangesInProgressException"),
        _ => (200, "{}".to_owned()),
    })
    .await;
    let guard = Guard::permits(10);
    fixture.attach(&guard).await.expect("attached");
    assert_eq!(fixture.fake.count("AttachPolicy"), 3);
    assert_eq!(guard.asked.load(Ordering::SeqCst), 4, "before the role is assumed and before each attempt");
    assert!(fixture.has_sample(
        r#"soc2_aws_requests_total{service="organizations",operation="AttachPolicy",outcome="transient"} 2"#
    ));
    assert!(
        fixture
            .has_sample(r#"soc2_aws_requests_total{service="organizations",operation="AttachPolicy",outcome="ok"} 1"#)
    );
    assert!(
        fixture.has_sample(
            r#"soc2_aws_request_duration_seconds_count{service="organizations",operation="AttachPolicy"} 3"#
        )
    );
    assert!(fixture.has_sample(r#"soc2_aws_requests_total{service="sts",operation="AssumeRole",outcome="ok"} 1"#));
}

#[tokio::test(start_paused = true)]
async fn a_second_attachment_counts_as_done() {
    let fixture = Fixture::new(|_, _| error(400, "DuplicatePolicyAttachmentException")).await;
    fixture.attach(&Guard::permits(10)).await.expect("done");
    assert_eq!(fixture.fake.count("AttachPolicy"), 1);
}

#[tokio::test(start_paused = true)]
async fn attempts_are_bounded_and_the_sdk_adds_none() {
    let fixture = Fixture::new(|_, _| error(500, "ServiceException")).await;
    let failed = fixture.read().await.expect_err("an error");
    assert_eq!((failed.class, failed.code.as_str()), (ErrorClass::Transient, "ServiceException"));
    assert_eq!(fixture.fake.count("DescribePolicy"), 8);
}

#[tokio::test(start_paused = true)]
async fn what_a_person_must_change_is_not_tried_again() {
    let fixture = Fixture::new(|_, _| error(400, "AccessDeniedException")).await;
    assert_eq!(fixture.read().await.expect_err("an error").class, ErrorClass::Denied);
    assert_eq!(fixture.fake.count("DescribePolicy"), 1);
}

#[tokio::test(start_paused = true)]
async fn without_permission_nothing_is_sent_and_no_role_assumed() {
    let fixture = Fixture::new(|_, _| error(500, "ServiceException")).await;
    let held = fixture.attach(&Guard::permits(0)).await.expect_err("held");
    assert!(held.is("WriteNotPermitted") && held.message.contains("the lease ends too soon"), "{held:?}");
    assert_eq!(fixture.fake.count("AssumeRole") + fixture.fake.count("AttachPolicy"), 0);

    let held = fixture.attach(&Guard::permits(3)).await.expect_err("held");
    assert!(held.is("WriteNotPermitted"), "{held:?}");
    assert_eq!(fixture.fake.count("AttachPolicy"), 2);
}

#[tokio::test(start_paused = true)]
async fn what_stops_a_write_is_asked_for_again_before_each_attempt() {
    let fixture = Fixture::new(|_, _| error(500, "ServiceException")).await;
    let guard = Guard { rechecks: AtomicU32::new(3), ..Guard::permits(u32::MAX) };
    let held = fixture.attach(&guard).await.expect_err("held");
    assert!(held.is(NOT_PERMITTED) && held.message.contains("a person stopped it"), "{held:?}");
    assert_eq!(fixture.fake.count("AttachPolicy"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_role_is_assumed_once_and_again_when_its_credentials_expired() {
    let fixture = Fixture::new(|_, nth| if nth == 4 { error(400, "ExpiredTokenException") } else { policy() }).await;
    let reads = (0..4).map(|_| fixture.read());
    for read in futures::future::join_all(reads).await {
        read.expect("a policy");
    }
    assert_eq!(fixture.fake.count("AssumeRole"), 1);
    let calls = fixture.fake.calls.lock().expect("calls").clone();
    let (_, body) = calls.iter().find(|(operation, _)| operation == "AssumeRole").expect("assumed");
    assert!(body.contains("ExternalId=acme-7") && body.contains("RoleSessionName=soc2-operator"), "{body}");

    fixture.read().await.expect("a policy");
    assert_eq!((fixture.fake.count("AssumeRole"), fixture.fake.count("DescribePolicy")), (2, 6));
}

#[tokio::test(start_paused = true)]
async fn credentials_that_stay_expired_are_given_up() {
    let fixture = Fixture::new(|_, _| error(400, "ExpiredTokenException")).await;
    let failed = fixture.read().await.expect_err("expired");
    assert_eq!(failed.class, ErrorClass::Denied);
    assert!(failed.message.contains("have expired"), "{failed}");
    assert_eq!(fixture.fake.count("DescribePolicy"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_answer_slows_down_and_is_counted() {
    let fixture = Fixture::new(|_, nth| if nth == 0 { error(400, "TooManyRequestsException") } else { policy() }).await;
    fixture.read().await.expect("a policy");
    let began = Instant::now();
    for _ in 0..3 {
        fixture.read().await.expect("a policy");
    }
    // 1.5 a second, halved.
    assert!(began.elapsed() > Duration::from_millis(3400), "{:?}", began.elapsed());
    assert!(fixture.has_sample(r#"soc2_aws_throttled_total{service="organizations",operation="DescribePolicy"} 1"#));
    assert!(fixture.has_sample(
        r#"soc2_aws_requests_total{service="organizations",operation="DescribePolicy",outcome="throttled"} 1"#
    ));
}
