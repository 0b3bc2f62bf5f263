//! What it takes to meet a control.

use std::fmt;

/// What it takes to meet a control, in classes: a hint for the order of work, no estimate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effort {
    /// What AWS charges for it from then on.
    pub cost: Cost,
    /// What the change interrupts.
    pub downtime: Downtime,
    /// Why it is so.
    pub why: String,
    /// Where the class comes from: `000`, the cost table of that source document, or `project`, our reading.
    pub source: String,
}

/// What AWS charges from then on; the cheapest is the smallest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cost {
    /// Nothing to speak of.
    Low,
    /// Keys and calls.
    LowMedium,
    /// Logs, metrics, copies.
    Medium,
    /// By volume or by item.
    MediumHigh,
    /// A second one of what is there.
    High,
}

impl Cost {
    /// As it is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "Low",
            Self::LowMedium => "Low-Medium",
            Self::Medium => "Medium",
            Self::MediumHigh => "Medium-High",
            Self::High => "High",
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// What the change interrupts; the mildest is the smallest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Downtime {
    /// Nothing: it is changed while it works.
    None,
    /// Nothing stops, but whoever relied on what is taken away is refused.
    Access,
    /// A restart, a failover or a rolling replacement: minutes, in a maintenance window.
    Restart,
    /// The resource is created anew, and data or traffic move to it.
    Replacement,
}

impl Downtime {
    /// As it is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Access => "Access",
            Self::Restart => "Restart",
            Self::Replacement => "Replacement",
        }
    }
}

impl fmt::Display for Downtime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}
