//! The objects that report an assessment: built here, so that the operator and the command line cannot differ.

pub mod conditions;
mod posture;
mod profile;

pub use posture::{LABELS, account_posture, posture_name};
pub use profile::{facts, refused};
