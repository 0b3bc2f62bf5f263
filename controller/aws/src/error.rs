//! Errors of AWS calls, classified by what can be done about them.

/// Code of the error of a write that its guard did not permit.
pub const NOT_PERMITTED: &str = "WriteNotPermitted";

/// What can be done about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorClass {
    /// Will fail again until a person changes something.
    Terminal,
    /// May succeed when tried again.
    Transient,
    /// Too many calls; try later.
    Throttled,
    /// A permission, trust or external id is missing.
    Denied,
}

/// An error of an AWS call, ready to be shown to a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AwsError {
    /// What can be done about it.
    pub class: ErrorClass,
    /// AWS's error code, such as `AccessDeniedException`; our own, such as `Timeout`, where AWS gave none.
    pub code: String,
    /// What failed, why, and which permission or setting is missing. No secrets.
    pub message: String,
}

impl AwsError {
    pub(crate) fn new(class: ErrorClass, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { class, code: code.into(), message: message.into() }
    }

    /// Whether AWS said this code, with or without the suffix `Exception`.
    #[must_use]
    pub fn is(&self, code: &str) -> bool {
        self.code.trim_end_matches("Exception") == code.trim_end_matches("Exception")
    }
}
