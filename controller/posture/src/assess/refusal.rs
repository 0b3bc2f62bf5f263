//! Why what an owner wrote has no effect.

/// Why an exception or attestation has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// One word, such as `NotGranted`.
    pub(crate) reason: &'static str,
    /// In words, naming the field and what to do.
    pub(crate) message: String,
}

impl Refusal {
    /// A refusal.
    pub(crate) fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}
