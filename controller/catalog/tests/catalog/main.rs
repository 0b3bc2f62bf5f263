//! The built-in catalogue, catalogues that extend it, and what people ask of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod data;
mod extended;
mod queries;

use std::sync::Arc;

use soc2_catalog::Catalog;

fn catalog() -> &'static Arc<Catalog> {
    Catalog::builtin().expect("the built-in catalogue loads")
}

/// Id of the criterion at an index.
fn criterion_id(at: usize) -> &'static str {
    &catalog().criteria()[at].id
}
