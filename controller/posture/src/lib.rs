//! What is true: the organization tree, the finding index, the assessment. Pure: no IO, no clock.
//!
//! ```text
//! Finding ──► FindingIndex ─┐
//! Organization ─────────────┼─► World ─┐
//! Sources ──────────────────┘          ├─► assess ─► Assessment ─► status, conditions, postures, metrics
//! ComplianceProfile, Catalog ─► Desired┘
//! ```
//!
//! Time is an argument everywhere; the same input gives the same answer, in whatever order it came.

pub mod assess;
pub mod duration;
pub mod finding;
pub mod ids;
pub mod index;
pub mod interest;
pub mod objects;
pub mod organization;
pub mod protection;
pub mod queue;
pub mod source;
pub mod targets;
pub mod world;

pub use assess::{Assessment, Desired, Memory, SpecError, assess, reassess};
pub use index::{Changes, FindingIndex, SweepBatch};
pub use world::World;
