//! What a rule of the lint is.

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing has to be done.
    Note,
    /// Probably not what was meant.
    Warning,
    /// AWS refuses it, it locks people out, or it protects nothing.
    Error,
}

impl Severity {
    /// As it is written: `note`, `warning`, `error`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A rule. Its id never changes and is never used again.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// `SCP` and three digits.
    pub id: &'static str,
    /// A name for people, in kebab-case.
    pub name: &'static str,
    /// How bad a finding of it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub summary: &'static str,
    /// Why that is so.
    pub explanation: &'static str,
    /// What to do.
    pub help: &'static str,
    /// A document with one finding, which is of this rule; empty where no document shows it.
    pub example: &'static str,
    /// The same without it.
    pub instead: &'static str,
}
