//! What is known of the places findings come from.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use soc2_catalog::{ControlIx, StandardCode};

use crate::ids::{AccountId, Region};
use crate::interest::Interest;

/// Why a Security Hub cannot be read in a Region.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HubError {
    /// The role may not read it, or cannot be assumed; the message says what is missing.
    AccessDenied(String),
    /// Security Hub is not enabled there.
    NotEnabled,
    /// Not read yet, or the reading failed for another reason.
    NotRead(String),
}

/// One Region of one source, as far as it could be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubRegion {
    /// Name of the source in the AwsOrganization.
    pub source: String,
    /// The Region.
    pub region: Region,
    /// The Region through which its findings are read: itself, or the aggregator's home Region.
    pub read_through: Region,
    /// Why it cannot be read, if so. The members below are then empty.
    pub error: Option<HubError>,
    /// The account whose Security Hub it is (the administrator); `None` when unknown.
    pub account: Option<AccountId>,
    /// Whether findings are consolidated over standards.
    pub consolidated: bool,
    /// Enabled members, the administrator itself not included.
    pub members: BTreeSet<AccountId>,
    /// Enabled standards.
    #[serde(with = "saved::standards")]
    pub standards: BTreeSet<StandardCode>,
    /// Controls that are disabled in every enabled standard they belong to.
    #[serde(with = "saved::controls")]
    pub disabled_controls: BTreeSet<ControlIx>,
    /// Accounts that this source serves by its `targets`; `None`: all.
    pub serves: Option<BTreeSet<AccountId>>,
    /// Accounts whose shard was completely swept at least once (through `read_through`), since when nothing was lost.
    pub swept: BTreeSet<AccountId>,
    /// Time of the newest complete reading (full sweep or increment) of this Region.
    pub complete_at: Option<Timestamp>,
    /// What was completely read of findings of other products; what is wanted and not here was not.
    #[serde(default)]
    pub signals: Vec<SignalReading>,
}

/// Findings of other products that were completely read in a Region, as far as somebody is interested in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalReading {
    /// What was read.
    pub interest: Interest,
    /// When the newest complete reading began.
    pub complete_at: Timestamp,
    /// Accounts for which it does not count, because their findings were not shown all the time since it began.
    pub missing: BTreeSet<AccountId>,
}

/// The sources of an organization.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    /// Every Region of every source that is read, directly or through an aggregator.
    pub regions: Vec<HubRegion>,
    /// Findings from Security Hub that could not be attributed, by source and Region read: the message of the newest. They make it incomplete.
    #[serde(with = "saved::pairs")]
    pub unattributed: BTreeMap<(String, Region), String>,
}

/// How what belongs to the catalogue is saved: by name, so that it loads right with another catalogue.
mod saved {
    /// Standards by their short spelling.
    pub(super) mod standards {
        use std::collections::BTreeSet;

        use serde::{Deserialize, Deserializer, Serializer};
        use soc2_catalog::{StandardCode, standards};

        pub fn serialize<S: Serializer>(codes: &BTreeSet<StandardCode>, out: S) -> Result<S::Ok, S::Error> {
            out.collect_seq(codes.iter().map(|code| standards::short(*code)))
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<BTreeSet<StandardCode>, D::Error> {
            let names = Vec::<String>::deserialize(input)?;
            Ok(names.iter().filter_map(|name| standards::parse(name)).collect())
        }
    }

    /// Controls by their id. One that the catalogue does not know (any more) is in no profile's scope.
    pub(super) mod controls {
        use std::collections::BTreeSet;

        use serde::{Deserialize, Deserializer, Serializer, de, ser};
        use soc2_catalog::{Catalog, ControlIx};

        pub fn serialize<S: Serializer>(controls: &BTreeSet<ControlIx>, out: S) -> Result<S::Ok, S::Error> {
            let catalog = Catalog::builtin().map_err(ser::Error::custom)?;
            out.collect_seq(controls.iter().map(|ix| catalog.get(*ix).id.as_str()))
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<BTreeSet<ControlIx>, D::Error> {
            let catalog = Catalog::builtin().map_err(de::Error::custom)?;
            let ids = Vec::<String>::deserialize(input)?;
            Ok(ids.iter().filter_map(|id| catalog.control(id)).collect())
        }
    }

    /// A map with pairs as keys, which JSON cannot have.
    pub(super) mod pairs {
        use std::collections::BTreeMap;

        use serde::{Deserialize, Deserializer, Serializer};

        type Messages = BTreeMap<(String, String), String>;

        pub fn serialize<S: Serializer>(messages: &Messages, out: S) -> Result<S::Ok, S::Error> {
            out.collect_seq(messages.iter())
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Messages, D::Error> {
            Ok(Vec::<((String, String), String)>::deserialize(input)?.into_iter().collect())
        }
    }
}
