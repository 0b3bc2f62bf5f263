//! Controls of Security Hub.

use std::fmt;

use crate::standards::StandardCode;

/// Index of a control in [`crate::Catalog::controls`]; orders as the catalogue does, by service and number.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct ControlIx(pub u16);

/// A control of Security Hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Id in AWS's spelling, such as `IAM.5`.
    pub id: String,
    /// What it asks for, in our words.
    pub title: String,
    /// How bad a failure is.
    pub severity: Severity,
    /// Where evidence is needed.
    pub reach: Reach,
    /// Standards it belongs to.
    pub standards: Vec<StandardCode>,
    /// AWS Config type of the resources that it checks, such as `AWS::S3::Bucket`; not known for every control.
    pub resource_type: Option<String>,
    /// AWS Config rule that does the check; some have none.
    pub config_rule: Option<String>,
    /// AWS's category, such as `Protect > Data Protection > Encryption of data-at-rest`; may be empty.
    pub category: String,
    /// AWS no longer evaluates it.
    pub retired: bool,
    /// Month in which AWS retired it, such as `2026-06`, where known.
    pub retired_since: Option<String>,
}

/// How bad a failure is; the worst is the smallest, so that sorting puts it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Fix at once.
    Critical,
    /// Fix next.
    High,
    /// Fix soon.
    Medium,
    /// Fix some time.
    Low,
}

impl Severity {
    /// As it is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "Critical",
            Self::High => "High",
            Self::Medium => "Medium",
            Self::Low => "Low",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// Where evidence of a control is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// One finding anywhere, such as IAM's.
    Global,
    /// A setting of account and Region, such as `GuardDuty.1`: one finding in each required Region.
    RegionalAccount,
    /// Resources: findings where there are resources.
    Regional,
}
