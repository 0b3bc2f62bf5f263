//! Entries of a world file that may be written in more than one way. Visitors by hand, because an untagged enum would
//! lose the line of an error.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use crate::organizations::is_account;

/// An OU: its path, or a mapping with more.
#[derive(Debug, Clone)]
pub struct OuEntry {
    /// Path by names, such as `Workloads/Prod`.
    pub path: String,
    /// Id; made from the path when left out.
    pub id: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OuFields {
    path: String,
    id: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

impl<'de> Deserialize<'de> for OuEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = OuEntry;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a path such as Workloads/Prod, or a mapping with path, id and tags")
            }

            fn visit_str<E: Error>(self, path: &str) -> Result<OuEntry, E> {
                Ok(OuEntry { path: path.to_owned(), id: None, tags: BTreeMap::new() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OuEntry, A::Error> {
                let OuFields { path, id, tags } = OuFields::deserialize(MapAccessDeserializer::new(map))?;
                Ok(OuEntry { path, id, tags })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Twelve digits; YAML may take them for a number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountId(pub String);

impl<'de> Deserialize<'de> for AccountId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Name(text) = Name::deserialize(deserializer)?;
        if is_account(&text) {
            return Ok(Self(text));
        }
        Err(D::Error::custom(format!("an account id has twelve digits, not {text:?}")))
    }
}

/// A path or an id; YAML may take an account's id for a number.
#[derive(Debug, Clone)]
pub struct Name(pub String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Name;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a path or an id")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Name, E> {
                Ok(Name(text.to_owned()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Name, E> {
                Ok(Name(number.to_string()))
            }
        }
        deserializer.deserialize_any(Either)
    }
}
