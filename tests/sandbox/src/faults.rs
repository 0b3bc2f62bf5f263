//! Faults that a test switches on: which calls they meet, how often, and what they do.

use serde::{Deserialize, Serialize};

use crate::call::HandlerFaults;

/// What a fault does to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FaultKind {
    /// The service's throttling error.
    Throttle,
    /// The service's internal error, status 500.
    ServerError,
    /// No answer until the caller gives up; the call is not done.
    Timeout,
    /// The connection is cut without an answer; the call is not done.
    Cut,
    /// The call is done, then the connection is cut without an answer.
    CutAfter,
    /// A paged operation answers an empty page with a next token.
    EmptyPage,
    /// A presented next token is refused as expired.
    ExpireToken,
    /// Denied in AWS's words for a missing permission.
    AccessDenied,
    /// Denied in AWS's words for a deny in a service control policy.
    DeniedByScp,
    /// `ConcurrentModificationException`, on writes of Organizations.
    Conflict,
    /// `PolicyChangesInProgressException`, on writes of Organizations.
    ChangesInProgress,
    /// Nothing but `delayMs`.
    Delay,
}

/// A fault as the control port takes it; fields that are left out match everything.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultSpec {
    /// Signing name of the service: `organizations`, `securityhub`, `sts`, `sqs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Name of the operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Account of the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Region of the credential scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Part of the caller's ARN, such as the name of a role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Only writes, or only reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writes: Option<bool>,
    /// What it does.
    pub kind: FaultKind,
    /// Acts on each n-th matching call.
    #[serde(default = "one")]
    pub every: u64,
    /// Goes away after acting so often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// Lets so many matching calls pass first.
    #[serde(default)]
    pub after: u64,
    /// Delays the call as well.
    #[serde(default)]
    pub delay_ms: u64,
}

fn one() -> u64 {
    1
}

/// A fault that is switched on.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    id: u64,
    #[serde(flatten)]
    spec: FaultSpec,
    /// Matching calls so far.
    seen: u64,
    /// Calls that it acted on.
    fired: u64,
}

/// What faults look at.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Signing name of the service.
    pub service: &'a str,
    /// Operation.
    pub operation: &'a str,
    /// Account of the caller.
    pub account: &'a str,
    /// Region of the credential scope.
    pub region: &'a str,
    /// ARN of the caller.
    pub principal: &'a str,
    /// Whether the call presents a next token.
    pub has_token: bool,
    /// Whether the operation is a write.
    pub writes: bool,
}

/// What the faults that met a call do to it, together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effect {
    /// The first fault that decides the call's end.
    pub kind: Option<FaultKind>,
    /// What the handler acts out.
    pub handler: HandlerEffect,
    /// Sum of the delays.
    pub delay_ms: u64,
}

/// [`HandlerFaults`] that can be compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HandlerEffect {
    empty_page: bool,
    expire_token: bool,
}

impl From<HandlerEffect> for HandlerFaults {
    fn from(effect: HandlerEffect) -> Self {
        Self { empty_page: effect.empty_page, expire_token: effect.expire_token }
    }
}

impl Effect {
    /// Name of the fault for the call log.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        let kind = match (self.kind, self.handler) {
            (Some(kind), _) => kind,
            (None, HandlerEffect { empty_page: true, .. }) => FaultKind::EmptyPage,
            (None, HandlerEffect { expire_token: true, .. }) => FaultKind::ExpireToken,
            (None, _) if self.delay_ms > 0 => FaultKind::Delay,
            (None, _) => return None,
        };
        serde_json::to_value(kind).ok()?.as_str().map(str::to_owned)
    }
}

/// All faults that are switched on.
#[derive(Debug, Default)]
pub struct Faults {
    faults: Vec<Fault>,
    last: u64,
}

impl Faults {
    /// Switches a fault on and gives its id.
    pub fn add(&mut self, spec: FaultSpec) -> anyhow::Result<u64> {
        anyhow::ensure!(spec.every > 0, "every: must be at least 1");
        anyhow::ensure!(spec.times != Some(0), "times: must be at least 1, or left out");
        anyhow::ensure!(spec.kind != FaultKind::Delay || spec.delay_ms > 0, "delayMs: a delay needs it");
        self.last += 1;
        self.faults.push(Fault { id: self.last, spec, seen: 0, fired: 0 });
        Ok(self.last)
    }

    /// The faults that are on.
    #[must_use]
    pub fn list(&self) -> &[Fault] {
        &self.faults
    }

    /// Switches one off; false when there is none of that id.
    pub fn remove(&mut self, id: u64) -> bool {
        let before = self.faults.len();
        self.faults.retain(|fault| fault.id != id);
        self.faults.len() < before
    }

    /// Switches all off.
    pub fn clear(&mut self) {
        self.faults.clear();
    }

    /// Counts a call at all faults that match it and gives what they do to it.
    pub fn meet(&mut self, target: &Target<'_>) -> Effect {
        let mut effect = Effect::default();
        for fault in self.faults.iter_mut().filter(|fault| fault.spec.matches(target)) {
            if fault.fires() {
                effect.add(&fault.spec);
            }
        }
        self.faults.retain(|fault| fault.spec.times.is_none_or(|times| fault.fired < times));
        effect
    }
}

impl Effect {
    fn add(&mut self, spec: &FaultSpec) {
        self.delay_ms += spec.delay_ms;
        match spec.kind {
            FaultKind::EmptyPage => self.handler.empty_page = true,
            FaultKind::ExpireToken => self.handler.expire_token = true,
            FaultKind::Delay => {}
            kind => self.kind = self.kind.or(Some(kind)),
        }
    }
}

impl Fault {
    fn fires(&mut self) -> bool {
        self.seen += 1;
        let fires = self.seen > self.spec.after && (self.seen - self.spec.after).is_multiple_of(self.spec.every);
        self.fired += u64::from(fires);
        fires
    }
}

impl FaultSpec {
    fn matches(&self, target: &Target<'_>) -> bool {
        let wants = |wanted: &Option<String>, actual: &str| wanted.as_deref().is_none_or(|wanted| wanted == actual);
        wants(&self.service, target.service)
            && wants(&self.operation, target.operation)
            && wants(&self.account, target.account)
            && wants(&self.region, target.region)
            && self.role.as_deref().is_none_or(|role| target.principal.contains(role))
            && self.writes.is_none_or(|writes| writes == target.writes)
            && self.kind.concerns(target)
    }
}

impl FaultKind {
    /// Whether this kind can act on the call at all; others are not counted.
    fn concerns(self, target: &Target<'_>) -> bool {
        match self {
            Self::ExpireToken => target.has_token,
            Self::EmptyPage => target.operation.starts_with("List") || target.operation.starts_with("Get"),
            Self::Conflict | Self::ChangesInProgress => target.service == "organizations" && target.writes,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn target<'a>(operation: &'a str, principal: &'a str) -> Target<'a> {
        Target {
            service: "organizations",
            operation,
            account: "111111111111",
            region: "us-east-1",
            principal,
            has_token: false,
            writes: operation.starts_with("Create"),
        }
    }

    fn faults(spec: serde_json::Value) -> Faults {
        let mut faults = Faults::default();
        faults.add(serde_json::from_value(spec).unwrap()).unwrap();
        faults
    }

    fn hits(faults: &mut Faults, calls: usize) -> Vec<usize> {
        let read = target("ListRoots", "arn:aws:iam::111111111111:role/soc2-read");
        (1..=calls).filter(|_| faults.meet(&read) != Effect::default()).collect::<Vec<_>>()
    }

    #[test]
    fn every_second_call_after_the_first_three() {
        let mut faults = faults(json!({"kind": "throttle", "every": 2, "after": 3}));
        assert_eq!(hits(&mut faults, 9), [5, 7, 9]);
    }

    #[test]
    fn a_fault_goes_away_after_its_times() {
        let mut faults = faults(json!({"kind": "serverError", "times": 2}));
        assert_eq!(hits(&mut faults, 5), [1, 2]);
        assert!(faults.list().is_empty());
    }

    #[test]
    fn only_matching_calls_are_counted() {
        let mut faults = faults(json!({"kind": "accessDenied", "role": "soc2-write", "operation": "ListRoots"}));
        assert_eq!(hits(&mut faults, 3), [] as [usize; 0]);
        let effect = faults.meet(&target("ListRoots", "arn:aws:sts::111111111111:assumed-role/soc2-write/s"));
        assert_eq!(effect.kind, Some(FaultKind::AccessDenied));
        assert_eq!(effect.name().as_deref(), Some("accessDenied"));
    }

    #[test]
    fn an_expired_token_waits_for_a_call_with_a_token_and_a_conflict_for_a_write() {
        let mut faults = faults(json!({"kind": "expireToken", "times": 1}));
        faults.add(serde_json::from_value(json!({"kind": "conflict", "times": 1})).unwrap()).unwrap();
        assert_eq!(hits(&mut faults, 2), [] as [usize; 0]);
        let paged = Target { has_token: true, ..target("ListRoots", "") };
        assert!(HandlerFaults::from(faults.meet(&paged).handler).expire_token);
        assert_eq!(faults.meet(&target("CreatePolicy", "")).kind, Some(FaultKind::Conflict));
        assert!(faults.list().is_empty());
    }

    #[test]
    fn nonsense_is_refused() {
        for spec in [json!({"kind": "throttle", "every": 0}), json!({"kind": "delay"})] {
            assert!(Faults::default().add(serde_json::from_value(spec).unwrap()).is_err());
        }
        assert!(serde_json::from_value::<FaultSpec>(json!({"kind": "throttle", "opertion": "x"})).is_err());
    }
}
