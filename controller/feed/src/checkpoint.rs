//! The world on disk: versioned, checksummed, and refused as a whole when anything about it is wrong.
//!
//! ```text
//! "SOC2FEED" | version u32 | length of the state u64 | state, JSON | findings, as the index saves them | SHA-256 of all before
//! ```

use std::io::{self, Read as _};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use soc2_catalog::Catalog;
use soc2_posture::index::{FindingIndex, LoadError};
use soc2_posture::organization::Organization;

use crate::lane::Record;

const MAGIC: &[u8; 8] = b"SOC2FEED";
/// Of the form of the state; the index has its own.
const VERSION: u32 = 2;
/// Magic, version, length.
const HEADER: usize = 8 + 4 + 8;
const CHECKSUM: usize = 32;

/// Everything but the findings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct State {
    /// Name of the `AwsOrganization`.
    pub(crate) name: String,
    pub(crate) saved_at: Timestamp,
    pub(crate) organization: Organization,
    pub(crate) lanes: Vec<Record>,
    /// What was published before the last start without a checkpoint still stands.
    pub(crate) restarting: bool,
}

/// A checkpoint that was loaded.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    pub(crate) state: State,
    pub(crate) index: FindingIndex,
}

/// Why a checkpoint is not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("it is cut off: {0} bytes")]
    Truncated(usize),
    #[error("it is no checkpoint of this program")]
    Foreign,
    #[error("its checksum is wrong: it was damaged or written halfway")]
    Checksum,
    #[error("it has version {0}, this program reads version {VERSION}")]
    Version(u32),
    #[error("it is of AwsOrganization {0:?}")]
    Name(String),
    #[error("it is of organization {saved}, this is {found}")]
    Organization { saved: String, found: String },
    #[error("its state cannot be read: {0}")]
    State(#[from] serde_json::Error),
    #[error(transparent)]
    Index(#[from] LoadError),
}

/// Writes all but the checksum. To be called while the world is locked for reading: it only copies.
pub(crate) fn encode(state: &State, index: &FindingIndex) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(state)?;
    let mut bytes = Vec::with_capacity(HEADER + json.len() + index.memory_bytes() + CHECKSUM);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&(json.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&json);
    index.save(&mut bytes)?;
    Ok(bytes)
}

/// Adds the checksum.
pub(crate) fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum);
    bytes
}

/// Reads a checkpoint of the `AwsOrganization` of this name.
pub(crate) fn decode(bytes: &[u8], name: &str, catalog: &Arc<Catalog>) -> Result<Checkpoint, Refusal> {
    let truncated = || Refusal::Truncated(bytes.len());
    let (body, checksum) = bytes.split_last_chunk::<CHECKSUM>().ok_or_else(truncated)?;
    let (magic, rest) = body.split_first_chunk::<8>().ok_or_else(truncated)?;
    if magic != MAGIC {
        return Err(Refusal::Foreign);
    }
    if Sha256::digest(body).as_slice() != checksum {
        return Err(Refusal::Checksum);
    }
    let (version, rest) = rest.split_first_chunk::<4>().ok_or_else(truncated)?;
    let version = u32::from_le_bytes(*version);
    if version != VERSION {
        return Err(Refusal::Version(version));
    }
    let (length, rest) = rest.split_first_chunk::<8>().ok_or_else(truncated)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| truncated())?;
    let (json, mut findings) = rest.split_at_checked(length).ok_or_else(truncated)?;
    let state: State = serde_json::from_slice(json)?;
    if state.name != name {
        return Err(Refusal::Name(state.name));
    }
    let index = FindingIndex::load(catalog, &mut findings)?;
    let mut rest = [0];
    if findings.read(&mut rest).map_err(LoadError::from)? != 0 {
        return Err(Refusal::Foreign);
    }
    Ok(Checkpoint { state, index })
}

impl Checkpoint {
    /// Whether it is of this organization.
    pub(crate) fn check(&self, organization: &Organization) -> Result<(), Refusal> {
        let (saved, found) = (&self.state.organization.id, &organization.id);
        if saved == found {
            return Ok(());
        }
        Err(Refusal::Organization { saved: saved.clone(), found: found.clone() })
    }
}
