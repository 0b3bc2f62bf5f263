//! The world on disk: versioned, checksummed, and refused as a whole when anything about it is wrong.
//!
//! ```text
//! "SOC2FEED" | version u32 | length of the state u64 | state, JSON | findings, as the index saves them | SHA-256 of all before
//! ```

use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
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
const HEADER: u64 = 8 + 4 + 8;
const CHECKSUM: u64 = 32;

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
    /// It was asked which controls are disabled.
    #[serde(default)]
    pub(crate) controls_read: bool,
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
    Truncated(u64),
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

/// Writes a checkpoint, piece by piece. To be called while the world is locked for reading: it only copies.
pub(crate) fn encode(state: &State, index: &FindingIndex, out: &mut dyn Write) -> io::Result<()> {
    let json = serde_json::to_vec(state)?;
    let mut body = Hashed { inner: &mut *out, hash: Sha256::new() };
    body.write_all(MAGIC)?;
    body.write_all(&VERSION.to_le_bytes())?;
    body.write_all(&(json.len() as u64).to_le_bytes())?;
    body.write_all(&json)?;
    index.save(&mut body)?;
    let checksum = body.hash.finalize();
    out.write_all(&checksum)?;
    out.flush()
}

/// What is written, and its hash.
struct Hashed<'a> {
    inner: &'a mut dyn Write,
    hash: Sha256,
}

impl Write for Hashed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Reads a checkpoint of the `AwsOrganization` of this name: once for its checksum, and only then for what it says.
pub(crate) fn decode(
    input: &mut (impl Read + Seek),
    name: &str,
    catalog: &Arc<Catalog>,
) -> Result<Checkpoint, Refusal> {
    let size = input.seek(SeekFrom::End(0)).map_err(LoadError::from)?;
    let body = size.checked_sub(CHECKSUM).ok_or(Refusal::Truncated(size))?;
    verify(input, body)?;
    input.rewind().map_err(LoadError::from)?;
    let mut input = BufReader::new(input.take(body));
    array::<8>(&mut input, size)?;
    let version = u32::from_le_bytes(array(&mut input, size)?);
    if version != VERSION {
        return Err(Refusal::Version(version));
    }
    let length = u64::from_le_bytes(array(&mut input, size)?);
    if body.checked_sub(HEADER).is_none_or(|rest| rest < length) {
        return Err(Refusal::Truncated(size));
    }
    let mut json = Vec::new();
    input.by_ref().take(length).read_to_end(&mut json).map_err(LoadError::from)?;
    let state: State = serde_json::from_slice(&json)?;
    if state.name != name {
        return Err(Refusal::Name(state.name));
    }
    let index = FindingIndex::load(catalog, &mut input)?;
    if input.read(&mut [0]).map_err(LoadError::from)? != 0 {
        return Err(Refusal::Foreign);
    }
    Ok(Checkpoint { state, index })
}

/// Whether it is a checkpoint, and whole.
fn verify(input: &mut (impl Read + Seek), body: u64) -> Result<(), Refusal> {
    input.rewind().map_err(LoadError::from)?;
    if array::<8>(input, body + CHECKSUM)? != *MAGIC {
        return Err(Refusal::Foreign);
    }
    input.rewind().map_err(LoadError::from)?;
    let mut hash = Sha256::new();
    io::copy(&mut BufReader::with_capacity(1 << 16, input.by_ref().take(body)), &mut hash).map_err(LoadError::from)?;
    // The reader above may have read ahead, but not beyond the body.
    let checksum: [u8; 32] = array(input, body + CHECKSUM)?;
    if hash.finalize().as_slice() == checksum { Ok(()) } else { Err(Refusal::Checksum) }
}

/// So many bytes of a checkpoint of this size.
fn array<const N: usize>(input: &mut impl Read, size: u64) -> Result<[u8; N], Refusal> {
    let mut bytes = [0; N];
    match input.read_exact(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Refusal::Truncated(size)),
        Err(error) => Err(Refusal::Index(error.into())),
    }
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
