//! What the operator knows: SOC 2 criteria, Security Hub controls, which control answers for which criterion, what
//! people attest, and the library of guardrails.
//!
//! All of it is data under `data/<version>/`, with its source and date in `data/VERSION.md`; [`Catalog::builtin`] parses
//! the newest once. [`Catalog::extended`] adds what a `ControlCatalog` object says. Nothing here does IO or knows the time.
//!
//! | file | what |
//! |---|---|
//! | `catalog` | [`Catalog`] and its versions |
//! | `load` | from data files to a catalogue |
//! | `extend` | from a catalogue and a `ControlCatalog` to another catalogue |
//! | `facts`, `coverage`, `diff` | what people ask of a catalogue |

mod activity;
mod catalog;
mod control;
mod coverage;
mod criterion;
mod diff;
mod effort;
mod error;
mod extend;
mod facts;
mod guardrail;
mod ids;
mod load;
mod mapping;
mod matcher;
pub mod standards;

pub use activity::Activity;
pub use catalog::Catalog;
pub use control::{Control, ControlIx, Reach, Schedule, Severity};
pub use coverage::CriterionCoverage;
pub use criterion::{Automation, Criterion, TscCategory};
pub use diff::{CatalogDiff, Change, Changed};
pub use effort::{Cost, Downtime, Effort};
pub use error::{CatalogError, CatalogProblem, UnknownVersion};
pub use facts::{ActivityFacts, ControlFacts, CriterionFacts};
pub use guardrail::{EXEMPT_ROLES, EXEMPT_USERS, ExampleCall, Guardrail, references};
pub use ids::{glob_match, normalize_control_id};
pub use mapping::{Confidence, Mapping, OtherCheck, Source, Tier};
pub use matcher::Matcher;
pub use soc2_crds::Cadence;
pub use standards::StandardCode;
