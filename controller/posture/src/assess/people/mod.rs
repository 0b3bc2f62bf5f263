//! What people answer for: activities of the catalogue, controls made `Manual`, criteria that are attested themselves.
//!
//! An attestation is read once ([`read`]), set against a profile once for each tree and profile ([`word`]), and at every moment
//! the newest that counts decides ([`parts`]). How each object stands by itself is in [`standings`].

mod calendar;
mod parts;
mod read;
mod standings;
mod word;

use soc2_crds::ControlAttestationSpec;

pub(crate) use parts::{ELSEWHERE, Part, Parts};
pub(crate) use read::Thing;
pub use standings::{AttestationStanding, attestations};
pub(crate) use word::{Subject, Word, words};

/// A `ControlAttestation`, as it was written.
#[derive(Clone, Copy, Debug)]
pub struct Attestation<'a> {
    /// Namespace that it is in.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// What it says.
    pub spec: &'a ControlAttestationSpec,
}
