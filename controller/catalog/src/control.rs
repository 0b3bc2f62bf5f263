//! Controls: Security Hub's, and those of an organization's own.

use std::fmt;

use soc2_crds::{ControlReach, ControlSeverity};

use crate::effort::Effort;
use crate::ids;
use crate::matcher::Matcher;
use crate::standards::StandardCode;

/// Index of a control in [`crate::Catalog::controls`]. It orders as the built-in catalogue does, by service and number; what
/// a `ControlCatalog` adds comes behind. Between catalogues of which one extends the other the numbers of both mean the
/// same controls; between two versions they do not, ids do.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct ControlIx(pub u16);

/// A control.
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
    /// When Security Hub checks it, where known.
    pub schedule: Option<Schedule>,
    /// Standards it belongs to.
    pub standards: Vec<StandardCode>,
    /// AWS Config type of the resources that it checks, such as `AWS::S3::Bucket`; not known for every control.
    pub resource_type: Option<String>,
    /// AWS Config rule that does the check; some have none.
    pub config_rule: Option<String>,
    /// Security Hub lets people choose its parameters, such as a number of days.
    pub custom_parameters: bool,
    /// AWS's "Automated Security Response" has a playbook that fixes it.
    pub playbook: bool,
    /// AWS's category, such as `Protect > Data Protection > Encryption of data-at-rest`; may be empty.
    pub category: String,
    /// What it takes to meet it: of every active control of the built-in catalogue.
    pub effort: Option<Effort>,
    /// Of a control of an organization's own: the findings of other products that are its evidence.
    pub matcher: Option<Matcher>,
    /// AWS no longer evaluates it.
    pub retired: bool,
    /// Month in which AWS retired it, such as `2026-06`, where known.
    pub retired_since: Option<String>,
    /// Where this row comes from: `export-2025-03`, `docs-page`, `rule-exists`, `inferred`, `change-log`, or a
    /// `ControlCatalog` by name.
    pub source: String,
}

impl Control {
    /// How to meet it: its place in the Security Hub user guide. `None` for retired controls, and for those of an
    /// organization's own.
    #[must_use]
    pub fn remediation_url(&self) -> Option<String> {
        let (service, number) = self.id.rsplit_once('.')?;
        let service = service.to_ascii_lowercase();
        let guide = "https://docs.aws.amazon.com/securityhub/latest/userguide";
        (!self.retired && self.matcher.is_none()).then(|| format!("{guide}/{service}-controls.html#{service}-{number}"))
    }

    /// Other ids that mean it.
    #[must_use]
    pub fn aliases(&self) -> Vec<String> {
        ids::alias(&self.id).into_iter().collect()
    }
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

impl From<ControlSeverity> for Severity {
    fn from(severity: ControlSeverity) -> Self {
        match severity {
            ControlSeverity::Critical => Self::Critical,
            ControlSeverity::High => Self::High,
            ControlSeverity::Medium => Self::Medium,
            ControlSeverity::Low => Self::Low,
        }
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

impl Reach {
    /// As it is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Global => "Global",
            Self::RegionalAccount => "RegionalAccount",
            Self::Regional => "Regional",
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl From<ControlReach> for Reach {
    fn from(reach: ControlReach) -> Self {
        match reach {
            ControlReach::Global => Self::Global,
            ControlReach::RegionalAccount => Self::RegionalAccount,
            ControlReach::Regional => Self::Regional,
        }
    }
}

/// When Security Hub checks a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Schedule {
    /// When a resource changes, and at least every 24 hours.
    Change,
    /// Every 12 or 24 hours.
    Periodic,
    /// Both.
    ChangeAndPeriodic,
}

impl Schedule {
    /// As it is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Change => "on change",
            Self::Periodic => "periodic",
            Self::ChangeAndPeriodic => "on change and periodic",
        }
    }
}
