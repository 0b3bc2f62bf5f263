//! The Kubernetes API of soc2-operator, group `soc2-operator.dev`, version `v1alpha1`: one file per kind.
//!
//! These types are the API: `crdgen` writes the CRD manifests from them, the operator and the command line read and
//! write them. No client and no IO here.

#![allow(clippy::duplicated_attributes, reason = "each printer column repeats the keys of the others")]

mod account_posture;
mod aws_organization;
mod common;
mod compliance_exception;
mod compliance_profile;
mod control_attestation;
mod control_catalog;
mod guardrail_approval;
mod guardrail_release;
mod guardrail_set;
mod manifest;
mod restraints;
mod rollout;
mod schema;
mod scp_baseline;

pub use account_posture::*;
pub use aws_organization::*;
pub use common::*;
pub use compliance_exception::*;
pub use compliance_profile::*;
pub use control_attestation::*;
pub use control_catalog::*;
pub use guardrail_approval::*;
pub use guardrail_release::*;
pub use guardrail_set::*;
pub use manifest::{chart_template, crds, manifest};
pub use restraints::*;
pub use rollout::*;
pub use scp_baseline::*;

/// API group of every kind, and prefix of our labels, annotations and AWS tags.
pub const GROUP: &str = "soc2-operator.dev";
/// API version of every kind.
pub const API_VERSION: &str = "soc2-operator.dev/v1alpha1";
