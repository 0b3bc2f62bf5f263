//! The `securityHub:` section of a world file.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};

use super::products::ProductSection;
use super::row::{RecordState, Status, Workflow};

/// The `securityHub:` section of a world file. Without it Security Hub is enabled nowhere.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HubSection {
    /// The delegated administrator; without one each account stands alone.
    pub(super) administrator: Option<Account>,
    /// How control findings are made, in the Regions that do not say it themselves.
    pub(super) control_finding_generator: ControlFindingGenerator,
    /// The administrator's finding aggregator.
    pub(super) aggregator: Option<AggregatorSection>,
    /// Where Security Hub is enabled.
    pub(super) regions: BTreeMap<String, RegionSection>,
    /// Findings to make up.
    pub(super) generate: Vec<GenerateSection>,
    /// Changes of the findings made up so far, in this order; what matches nothing becomes a new finding.
    pub(super) findings: Vec<FindingSection>,
    /// Findings of other products.
    pub(super) products: Vec<ProductSection>,
    /// How long a next token of `GetFindings` is good for; default one hour.
    pub(super) token_lifetime_seconds: Option<i64>,
    /// Accept `CONTAINS`, `NOT_CONTAINS` and `CONTAINS_WORD` in `GetFindings`, which AWS documents for other operations only.
    pub(super) accept_contains: bool,
}

/// An account's id; YAML may take it for a number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Account(pub String);

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Account;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an account id")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Account, E> {
                Ok(Account(text.to_owned()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Account, E> {
                Ok(Account(format!("{number:012}")))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// `ControlFindingGenerator` of `DescribeHub`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum ControlFindingGenerator {
    /// Consolidated: one finding for a control and resource.
    #[default]
    SecurityControl,
    /// One finding for each standard that has the control.
    StandardControl,
}

/// The finding aggregator: one home Region, and those linked to it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AggregatorSection {
    pub home_region: String,
    #[serde(default)]
    pub linking_mode: LinkingMode,
    /// The Regions that the mode includes or excludes.
    #[serde(default)]
    pub regions: Vec<String>,
}

/// `RegionLinkingMode` of an aggregator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum LinkingMode {
    #[default]
    SpecifiedRegions,
    AllRegions,
    AllRegionsExceptSpecified,
    NoRegions,
}

/// Security Hub in one Region.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RegionSection {
    /// Enabled standards by code, such as `FSBP`.
    #[serde(default)]
    pub standards: Vec<String>,
    /// How control findings are made; default: as the section says.
    #[serde(default)]
    pub control_finding_generator: Option<ControlFindingGenerator>,
    /// Controls that are disabled.
    #[serde(default)]
    pub disabled_controls: Vec<DisabledSection>,
    /// Status of every active account that `members` does not name; `None` for no member.
    #[serde(default = "enabled")]
    pub default_member: String,
    /// The accounts that differ from the default.
    #[serde(default)]
    pub members: BTreeMap<Account, MemberSection>,
    /// Accounts with a hub of their own that are no members.
    #[serde(default)]
    pub standalone: Vec<Account>,
    /// False switches Security Hub off for every account.
    #[serde(default = "yes")]
    pub enabled: bool,
}

impl Default for RegionSection {
    fn default() -> Self {
        Self {
            standards: Vec::new(),
            control_finding_generator: None,
            disabled_controls: Vec::new(),
            default_member: enabled(),
            members: BTreeMap::new(),
            standalone: Vec::new(),
            enabled: true,
        }
    }
}

fn enabled() -> String {
    "Enabled".to_owned()
}

fn yes() -> bool {
    true
}

/// A disabled control: its id alone, or with the standards in which it is disabled.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum DisabledSection {
    Everywhere(String),
    In { control: String, standards: Vec<String> },
}

/// A member: its status alone, or with whether its own hub is enabled.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum MemberSection {
    Status(String),
    Full {
        status: String,
        #[serde(default = "yes")]
        hub: bool,
    },
}

/// Which accounts to make findings for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(untagged)]
pub(super) enum Accounts {
    /// `all`: the active accounts whose hub is enabled in the Region.
    #[default]
    All,
    /// `all`, as it is written.
    Word(String),
    Listed(Vec<Account>),
}

/// Findings to make up from a seed.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct GenerateSection {
    pub seed: u64,
    pub accounts: Accounts,
    /// Default: every Region where Security Hub is enabled.
    pub regions: Vec<String>,
    /// Default: the Region's enabled standards.
    pub standards: Vec<String>,
    /// Only these controls: ids, or beginnings of ids with `*` at the end.
    pub controls: Vec<String>,
    /// Not these controls.
    pub except_controls: Vec<String>,
    /// Share of findings that failed.
    pub failing: f64,
    /// Share of findings with `WARNING` or `NOT_AVAILABLE`, half and half.
    pub unknown: f64,
    /// Share of findings that someone suppressed.
    pub suppressed: f64,
    /// Share of findings that are archived.
    pub archived: f64,
    /// Share of (account, Region, control) without resources, for which Security Hub passes the account.
    pub nothing_to_check: f64,
    /// Mean number of resources of each (account, Region, control).
    pub resources_per_control: f64,
    /// Make so many findings instead, with as many resources as that takes (with one finding for each standard: at least so many).
    pub count: Option<usize>,
    /// `UpdatedAt` lies within this time before the start.
    pub updated_within: String,
    /// Least length of finding ids.
    pub id_length: u16,
    /// Least length of ids of resources.
    pub resource_id_length: u16,
    /// In how many groups the controls of a resource type are, each with resources of its own; 0 is one.
    pub resource_groups: u16,
}

impl Default for GenerateSection {
    fn default() -> Self {
        Self {
            seed: 0,
            accounts: Accounts::All,
            regions: Vec::new(),
            standards: Vec::new(),
            controls: Vec::new(),
            except_controls: Vec::new(),
            failing: 0.0,
            unknown: 0.0,
            suppressed: 0.0,
            archived: 0.0,
            nothing_to_check: 0.0,
            resources_per_control: 1.0,
            count: None,
            updated_within: "12h".to_owned(),
            id_length: 0,
            resource_id_length: 0,
            resource_groups: 0,
        }
    }
}

/// A finding in short form: which ones, and what they become. The same in a world file and on the control port.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct FindingSection {
    pub account: Option<Account>,
    pub region: Option<String>,
    pub control: Option<String>,
    /// Id of a resource; `account` for the account itself.
    pub resource: Option<String>,
    pub status: Option<Status>,
    pub workflow: Option<Workflow>,
    pub record_state: Option<RecordState>,
    /// Absolute, or relative such as `-3h`.
    pub updated_at: Option<String>,
}
