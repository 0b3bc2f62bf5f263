//! Why a check is in its state.

use std::fmt;

use soc2_crds::State;

/// Why a check is in its state. When several apply, the first in this order is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A result in hand failed.
    FindingsFailed,
    /// Security Hub may not be read.
    AccessDenied,
    /// Security Hub is not enabled.
    SecurityHubNotEnabled,
    /// The account is neither the administrator nor an enabled member.
    AccountNotMember,
    /// No source covers the Region for this account.
    RegionNotCovered,
    /// The account's findings were not read completely.
    SweepIncomplete,
    /// None of the control's standards is enabled.
    StandardNotEnabled,
    /// The control is disabled in Security Hub.
    ControlDisabled,
    /// Suppressed in Security Hub, without an exception of ours.
    Suppressed,
    /// `WARNING`: AWS Config does not record what the check needs.
    Warning,
    /// `NOT_AVAILABLE`, or a finding that cannot be used.
    NotAvailable,
    /// Passing evidence is older than the freshness limit, or has no usable time.
    Stale,
    /// There is no finding where one is needed.
    NoFindings,
    /// The account joined a short time ago.
    Onboarding,
    /// The account is not active.
    AccountSuspended,
    /// AWS retired the control.
    ControlRetired,
    /// Waived by an exception.
    Excepted,
    /// Suppressed in Security Hub, which the profile takes for a waiver.
    SuppressedUpstream,
    /// Passed, with no resource of the control's type.
    NothingToCheck,
    /// Passed.
    FindingsPassed,
}

impl Reason {
    /// As it is written in objects.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FindingsFailed => "FindingsFailed",
            Self::AccessDenied => "AccessDenied",
            Self::SecurityHubNotEnabled => "SecurityHubNotEnabled",
            Self::AccountNotMember => "AccountNotMember",
            Self::RegionNotCovered => "RegionNotCovered",
            Self::SweepIncomplete => "SweepIncomplete",
            Self::StandardNotEnabled => "StandardNotEnabled",
            Self::ControlDisabled => "ControlDisabled",
            Self::Suppressed => "Suppressed",
            Self::Warning => "Warning",
            Self::NotAvailable => "NotAvailable",
            Self::Stale => "Stale",
            Self::NoFindings => "NoFindings",
            Self::Onboarding => "Onboarding",
            Self::AccountSuspended => "AccountSuspended",
            Self::ControlRetired => "ControlRetired",
            Self::Excepted => "Excepted",
            Self::SuppressedUpstream => "SuppressedUpstream",
            Self::NothingToCheck => "NothingToCheck",
            Self::FindingsPassed => "FindingsPassed",
        }
    }

    /// Whether data that should come do not come: an outage, which pages (`DataComplete`). The other reasons of Unknown
    /// are how things are set up (`CoverageComplete`), except Onboarding, which is neither.
    #[must_use]
    pub fn is_outage(self) -> bool {
        matches!(
            self,
            Self::AccessDenied
                | Self::SecurityHubNotEnabled
                | Self::AccountNotMember
                | Self::SweepIncomplete
                | Self::NotAvailable
                | Self::Stale
        )
    }

    /// Whether something is not set up so that data could come (`CoverageComplete`).
    #[must_use]
    pub fn is_setup(self) -> bool {
        matches!(
            self,
            Self::RegionNotCovered
                | Self::StandardNotEnabled
                | Self::ControlDisabled
                | Self::Suppressed
                | Self::Warning
                | Self::NoFindings
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// Number of [`State`]s. Counts by state are arrays indexed by the state as a number: the worst first.
pub(crate) const STATES: usize = State::NotApplicable as usize + 1;
/// Number of [`Reason`]s.
pub(crate) const REASONS: usize = Reason::FindingsPassed as usize + 1;
