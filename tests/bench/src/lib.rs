//! What the figures are measured with, one file for each part. Everything is measured in a release build.

pub mod asff;
pub mod assess;
pub mod decide;
pub mod events;
pub mod failover;
pub mod impact;
pub mod plan;
pub mod quiet;
pub mod reads;
pub mod scale;
pub mod scrape;
pub mod start;
pub mod sweep;

/// Takes a figure: its name, its value, its unit.
pub type Figures<'a> = dyn FnMut(&str, f64, &str) + 'a;
