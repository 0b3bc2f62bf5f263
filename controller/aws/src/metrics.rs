//! Counts and times every attempt of every call, where the SDK makes it: nothing goes out unseen.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use aws_sdk_sts::config::interceptors::{BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef};
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents, SharedInterceptor};
use aws_sdk_sts::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::error::ErrorClass;
use crate::fault::Fault;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    service: String,
    operation: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Attempt {
    service: String,
    operation: String,
    outcome: &'static str,
}

/// Metrics of calls to AWS. The label `outcome` is `ok` or the class of the error.
#[derive(Clone)]
pub struct AwsMetrics {
    requests: Family<Attempt, Counter>,
    durations: Family<Call, Histogram, fn() -> Histogram>,
    throttled: Family<Call, Counter>,
    denied_by_scp: Family<Call, Counter>,
}

impl fmt::Debug for AwsMetrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AwsMetrics")
    }
}

impl AwsMetrics {
    /// Makes the metrics and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            // 20 ms to 20 s.
            durations: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.02, 2.0, 11))),
            throttled: Family::default(),
            denied_by_scp: Family::default(),
        };
        registry.register("aws_requests", "Attempts to call AWS, by outcome", metrics.requests.clone());
        registry.register_with_unit(
            "aws_request_duration",
            "How long attempts to call AWS took",
            Unit::Seconds,
            metrics.durations.clone(),
        );
        registry.register("aws_throttled", "Attempts that AWS throttled", metrics.throttled.clone());
        let help = "Attempts that a service control policy denied, where AWS says so";
        registry.register("aws_denied_by_scp", help, metrics.denied_by_scp.clone());
        metrics
    }

    /// What the SDK calls around each attempt.
    pub(crate) fn interceptor(&self) -> SharedInterceptor {
        SharedInterceptor::new(Meter(Arc::new(self.clone())))
    }

    fn count(&self, call: &Call, End { outcome, by_scp }: End, began: Option<Instant>) {
        let attempt = Attempt { service: call.service.clone(), operation: call.operation.clone(), outcome };
        self.requests.get_or_create(&attempt).inc();
        if outcome == outcome_of(ErrorClass::Throttled) {
            self.throttled.get_or_create(call).inc();
        }
        if by_scp {
            self.denied_by_scp.get_or_create(call).inc();
        }
        if let Some(began) = began {
            self.durations.get_or_create(call).observe(began.elapsed().as_secs_f64());
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
struct End {
    outcome: &'static str,
    by_scp: bool,
}

impl End {
    fn of(outcome: &'static str) -> Self {
        Self { outcome, by_scp: false }
    }
}

fn outcome_of(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::Terminal => "terminal",
        ErrorClass::Transient => "transient",
        ErrorClass::Throttled => "throttled",
        ErrorClass::Denied => "denied",
    }
}

/// When the attempt that is under way began.
#[derive(Debug)]
struct Began(Instant);

impl aws_smithy_types::config_bag::Storable for Began {
    type Storer = aws_smithy_types::config_bag::StoreReplace<Self>;
}

#[derive(Debug)]
struct Meter(Arc<AwsMetrics>);

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "AwsMetrics"
    }

    fn read_before_attempt(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        cfg.interceptor_state().store_put(Began(Instant::now()));
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let failed = context.output_or_error().is_none_or(|result| result.is_err());
        let end = match (failed, context.response()) {
            (false, _) => End::of("ok"),
            // A success that could not be read, or was not read to its end.
            (true, Some(response)) if response.status().is_success() => End::of(outcome_of(ErrorClass::Transient)),
            (true, Some(response)) => {
                let fault = Fault::of(response);
                End { outcome: outcome_of(fault.class()), by_scp: fault.is_by_scp() }
            }
            (true, None) => End::of(outcome_of(ErrorClass::Transient)),
        };
        if let Some(called) = cfg.load::<Metadata>() {
            let call = Call { service: called.service().to_ascii_lowercase(), operation: called.name().to_owned() };
            self.0.count(&call, end, cfg.load::<Began>().map(|began| began.0));
        }
        Ok(())
    }
}
