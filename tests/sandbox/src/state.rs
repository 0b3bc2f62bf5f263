//! Everything that the sandbox is, behind one lock, and what happens to a call: who is it, faults, rate limits,
//! permissions, one write at a time, and then the service.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Notify;

use crate::call::{Answer, ApiError, Call, HandlerFaults};
use crate::calls::{CallLog, LoggedCall};
use crate::clock::Clock;
use crate::faults::{Effect, FaultKind, Faults, Target};
use crate::identity::{Identities, Principal, Refused};
use crate::limits::Limits;
use crate::organizations::{self, Organization};
use crate::protocol::{Request, Service};
use crate::securityhub::{self, Hub, OrgFacts};
use crate::signature::Scope;
use crate::sqs::{self, Queues};
use crate::world::{Settings, World};
use crate::{cloudtrail, events, sts};

/// All state.
#[derive(Debug)]
pub struct State {
    /// The sandbox's clock.
    pub clock: Clock,
    /// Speed and lags.
    pub settings: Settings,
    /// The organization.
    pub organization: Organization,
    /// Security Hub.
    pub hub: Hub,
    /// Queues.
    pub queues: Queues,
    /// Who there is.
    pub identities: Identities,
    /// Faults that are on.
    pub faults: Faults,
    /// The call log.
    pub calls: CallLog,
    limits: Limits,
    started: Instant,
    writing: bool,
}

/// The state and its lock, and a call for those who wait until it changes.
#[derive(Debug)]
pub struct Shared {
    state: Mutex<State>,
    /// Rung whenever something may have changed.
    pub changed: Notify,
}

impl Shared {
    /// Puts a state behind its lock.
    #[must_use]
    pub fn new(state: State) -> Self {
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    /// The state; a handler that panicked does not take the sandbox with it.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that was let in, and what is to become of it.
#[derive(Debug)]
pub struct Admitted {
    /// The call.
    pub call: Call,
    /// What is to be done.
    pub plan: Plan,
    /// How long it takes in all.
    pub takes: Duration,
    /// The fault that acts on it.
    pub fault: Option<String>,
    service: Service,
    caller: Option<Principal>,
    writes: bool,
    holds_gate: bool,
}

/// What is to be done with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Do it and answer.
    Do,
    /// Do it, then cut the connection.
    DoAndCut,
    /// Refuse it.
    Refuse(ApiError),
    /// Cut the connection.
    Cut,
    /// Never answer.
    Hang,
}

impl State {
    /// The state that a world file describes.
    pub fn new(world: World) -> anyhow::Result<Self> {
        let mut clock = Clock::default();
        if let Some(section) = &world.clock {
            if let Some(start) = section.start {
                clock.set(start);
            }
            clock.freeze(section.frozen);
        }
        let organization = Organization::new(&world, clock.now())?;
        let identities = Identities::new(&world)?;
        let (management, partition) = organization.management();
        let facts = OrgFacts {
            accounts: organization.account_facts(),
            management_account: management.to_owned(),
            partition: partition.to_owned(),
        };
        let queues = Queues::new(world.queues, &facts.partition, clock.now())?;
        let hub = Hub::new(world.security_hub, &facts, clock.now()).context("securityHub")?;
        let mut state = Self {
            clock,
            settings: Settings::default(),
            organization,
            hub,
            queues,
            identities,
            faults: Faults::default(),
            calls: CallLog::default(),
            limits: Limits::default(),
            started: Instant::now(),
            writing: false,
        };
        state.set(world.settings);
        Ok(state)
    }

    /// Changes the settings.
    pub fn set(&mut self, settings: Settings) {
        self.settings = settings;
        self.organization.set_lags(Organization::lags_of(settings.read_lag_ms, settings.enforce_lag_ms));
    }

    /// Lets a call in: who it is, what acts on it, whether it may. A caller that cannot be told is refused outright.
    pub fn admit(&mut self, service: Service, scope: Option<&Scope>, request: Request, path: &str) -> Admitted {
        let caller = scope.map(|scope| self.identities.caller(scope, Timestamp::now())).transpose();
        let (account, principal) = match &caller {
            Ok(Some(caller)) => (caller.account.clone(), caller.arn.clone()),
            _ => (String::new(), String::new()),
        };
        let writes = request.known && service.is_write(&request.operation);
        let call = Call {
            operation: request.operation,
            account,
            principal,
            region: scope.map_or_else(|| "us-east-1".to_owned(), |scope| scope.region.clone()),
            now: self.clock.now(),
            input: request.input,
            path: path.to_owned(),
            query: request.query,
            faults: HandlerFaults::default(),
        };
        let mut admitted = Admitted {
            call,
            plan: Plan::Do,
            takes: Duration::from_millis(self.settings.latency_ms),
            fault: None,
            service,
            caller: None,
            writes,
            holds_gate: false,
        };
        match caller {
            Err(refused) => admitted.plan = Plan::Refuse(service.unauthenticated(refused)),
            Ok(_) if !request.known => {
                admitted.plan = Plan::Refuse(service.unknown_operation(&admitted.call.operation));
            }
            Ok(caller) => {
                admitted.caller = caller;
                self.decide(&mut admitted);
            }
        }
        admitted
    }

    /// Faults, rate limits, permissions, and the gate for writes, in this order.
    fn decide(&mut self, admitted: &mut Admitted) {
        let effect = self.faults.meet(&admitted.target());
        admitted.fault = effect.name();
        admitted.takes += Duration::from_millis(effect.delay_ms);
        admitted.call.faults = effect.handler.into();
        admitted.plan = self.plan(admitted, &effect);
        let does = matches!(admitted.plan, Plan::Do | Plan::DoAndCut);
        if does && admitted.writes && admitted.service == Service::Organizations {
            if self.writing {
                admitted.plan = Plan::Refuse(organizations::concurrent_modification());
            } else {
                self.writing = true;
                admitted.holds_gate = true;
            }
        }
    }

    fn plan(&mut self, admitted: &Admitted, effect: &Effect) -> Plan {
        let (service, call) = (admitted.service, &admitted.call);
        match effect.kind {
            Some(FaultKind::Throttle) => return Plan::Refuse(service.throttled()),
            Some(FaultKind::ServerError) => return Plan::Refuse(service.broken()),
            Some(FaultKind::Timeout) => return Plan::Hang,
            Some(FaultKind::Cut) => return Plan::Cut,
            Some(FaultKind::AccessDenied) => return Plan::Refuse(self.as_if_denied(service, call, false)),
            Some(FaultKind::DeniedByScp) => return Plan::Refuse(self.as_if_denied(service, call, true)),
            Some(FaultKind::Conflict) => return Plan::Refuse(organizations::concurrent_modification()),
            Some(FaultKind::ChangesInProgress) => return Plan::Refuse(organizations::changes_in_progress()),
            _ => {}
        }
        let elapsed = self.started.elapsed();
        if self.settings.limits
            && !self.limits.take(elapsed, &call.account, &call.region, service.name(), &call.operation)
        {
            return Plan::Refuse(service.throttled());
        }
        // Without a caller only AssumeRoleWithWebIdentity gets here.
        if let Some(refusal) = admitted.caller.as_ref().and_then(|caller| self.denied(service, caller, call)) {
            return Plan::Refuse(refusal);
        }
        if effect.kind == Some(FaultKind::CutAfter) { Plan::DoAndCut } else { Plan::Do }
    }

    /// Does the call, by the sandbox's clock as it is now.
    pub fn perform(&mut self, admitted: &mut Admitted) -> Answer {
        admitted.call.now = self.clock.now();
        let (caller, call) = (admitted.caller.as_ref(), &admitted.call);
        let answer = match admitted.service {
            Service::Organizations => organizations::handle(&mut self.organization, call),
            Service::SecurityHub => securityhub::handle(&mut self.hub, call),
            Service::Sts => sts::handle(&mut self.identities, caller, call),
            Service::Sqs => sqs::handle(&mut self.queues, caller, call),
        };
        self.send_events();
        self.tell_trail(admitted, &answer);
        answer
    }

    /// CloudTrail tells of calls that change the organization.
    fn tell_trail(&mut self, admitted: &Admitted, answer: &Answer) {
        if admitted.service == Service::Organizations && admitted.writes {
            let role = admitted.caller.as_ref().and_then(|caller| caller.role.as_deref());
            let account = self.organization.management().0.to_owned();
            let event = cloudtrail::of_call(&account, role, &admitted.call, answer);
            self.queues.deliver_management(&account, &event, self.clock.now());
        }
    }

    /// Sends an event of each finding that changed to every queue that is to get it.
    pub fn send_events(&mut self) {
        let now = self.clock.now();
        let watchers = self.queues.watchers();
        for (at, finding) in self.hub.take_changed(&watchers) {
            let place = watchers.iter().find(|(watcher, ..)| *watcher == at);
            if let Some((_, account, region)) = place {
                self.queues.deliver(at, &events::imported(account, region, now, &finding), now);
            }
        }
    }

    /// How long a call may wait for something to answer.
    #[must_use]
    pub fn patience(admitted: &Admitted) -> Duration {
        if admitted.service == Service::Sqs { sqs::patience(&admitted.call) } else { Duration::ZERO }
    }

    /// How long until a message comes into sight by itself; `None`: not while the clock stands.
    #[must_use]
    pub fn until_visible(&self) -> Option<Duration> {
        let now = self.clock.now();
        let next = self.queues.next_visible(now).filter(|_| !self.clock.is_frozen())?;
        Duration::try_from(next.duration_since(now)).ok()
    }

    /// Lets the next write in.
    pub fn release(&mut self, admitted: &Admitted) {
        if admitted.holds_gate {
            self.writing = false;
        }
    }

    /// Writes a call into the log.
    pub fn log(&mut self, admitted: &Admitted, outcome: &str) {
        let call = &admitted.call;
        tracing::debug!(service = admitted.service.name(), operation = call.operation, account = call.account, outcome);
        self.calls.add(LoggedCall {
            at: self.clock.now(),
            service: admitted.service.name().to_owned(),
            operation: call.operation.clone(),
            account: call.account.clone(),
            region: call.region.clone(),
            principal: call.principal.clone(),
            outcome: outcome.to_owned(),
            input: call.input.clone(),
            writes: admitted.writes,
            fault: admitted.fault.clone(),
        });
    }
}

impl Admitted {
    fn target(&self) -> Target<'_> {
        Target {
            service: self.service.name(),
            operation: &self.call.operation,
            account: &self.call.account,
            region: &self.call.region,
            principal: &self.call.principal,
            has_token: self.call.input.get("NextToken").is_some_and(|token| !token.is_null()),
            writes: self.writes,
        }
    }
}

impl Service {
    fn is_write(self, operation: &str) -> bool {
        match self {
            Self::Organizations => organizations::is_write(operation),
            Self::SecurityHub => operation.starts_with("Batch") && operation.ends_with("Findings"),
            Self::Sts => false,
            Self::Sqs => sqs::is_write(operation),
        }
    }

    fn unauthenticated(self, refused: Refused) -> ApiError {
        match refused {
            Refused::Unknown => self.refusal(
                "UnrecognizedClientException",
                "InvalidClientTokenId",
                "The security token included in the request is invalid.",
            ),
            Refused::Expired => self.refusal(
                "ExpiredTokenException",
                "ExpiredToken",
                "The security token included in the request is expired",
            ),
        }
    }
}

/// The outcome of an answer as the log has it.
#[must_use]
pub fn outcome(answer: &Result<Value, ApiError>) -> &str {
    answer.as_ref().map_or_else(|error| error.code.as_str(), |_| "ok")
}
