//! One AWS call as a service's handler sees it: who calls, where, when, with what; and what it may answer.
//!
//! The server (transport, signature scope, faults, rate limits, clock, call log) makes a [`Call`] of an HTTP request and
//! writes an [`Answer`] back in the wire protocol of the service. Handlers know nothing of HTTP.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

/// A call after its signature's credential scope was read and its faults and rate limits were applied.
#[derive(Debug, Clone)]
pub struct Call {
    /// Operation name as in the AWS API reference, such as `ListAccounts`.
    pub operation: String,
    /// Account of the credentials, twelve digits.
    pub account: String,
    /// ARN of the caller: an assumed role session, or a user.
    pub principal: String,
    /// Region of the credential scope.
    pub region: String,
    /// The sandbox's clock.
    pub now: Timestamp,
    /// Body parameters (JSON), path labels and query parameters merged under their API member names.
    pub input: Value,
    /// Path of the request, for REST services.
    pub path: String,
    /// Query parameters of the request, decoded.
    pub query: BTreeMap<String, String>,
    /// Faults that only a handler can act out.
    pub faults: HandlerFaults,
}

/// Faults that need the handler's help.
#[derive(Debug, Clone, Copy, Default)]
pub struct HandlerFaults {
    /// A paged operation answers an empty page together with a next token that continues where this page would have begun.
    pub empty_page: bool,
    /// A next token that the caller presents is refused as expired.
    pub expire_token: bool,
}

/// What a handler answers: the output members, or the service's own error.
pub type Answer = Result<Value, ApiError>;

/// An error as the service itself would send it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} ({status}): {message}")]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// Error code, such as `AccessDeniedException`.
    pub code: String,
    /// Human readable message.
    pub message: String,
    /// Further members of the error, such as `Reason`; an empty object when none.
    pub members: Value,
}

impl ApiError {
    /// An error with status 400 and no further members.
    #[must_use]
    pub fn bad_request(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// An error without further members.
    #[must_use]
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), members: Value::Object(serde_json::Map::new()) }
    }

    /// The same error with `Reason`, as Organizations sends it.
    #[must_use]
    pub fn with_reason(mut self, reason: &str) -> Self {
        if let Value::Object(members) = &mut self.members {
            members.insert("Reason".to_owned(), Value::String(reason.to_owned()));
        }
        self
    }
}
