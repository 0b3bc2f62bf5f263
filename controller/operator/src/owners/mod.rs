//! What owners of controls, accounts and catalogues write: exceptions, attestations, catalogues.
//!
//! A profile's assessment takes them in; each kind has a controller that says how its objects stand. They tell each other
//! of changes by [`Nudge`]s, so that an edit costs only what it touches.

mod attestation;
mod catalog;
mod catalogs;
mod exception;
mod nudge;
mod written;

pub use attestation::{AttestationReconciler, AttestationStandings, tell};
pub use catalog::CatalogReconciler;
pub use catalogs::{CatalogTrouble, Catalogs};
pub use exception::{ExceptionReconciler, ExceptionsOf};
pub use nudge::{Gone, Nudge, Nudges};
pub use written::Written;
