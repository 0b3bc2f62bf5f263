//! AWS as the operator sees it: traits named for what they give, and their adapters on the AWS SDK.
//!
//! `SdkAws::connect` opens AWS. Behind it, from the outside in: an adapter for each trait (`directory` with `walk` and `tree`, `policies`,
//! `security_hub` with `findings`, `queue`, `state`, `objects`); `caller`, through which every call goes: credentials (`session`), a place in the rate limiter's queue
//! (`limiter`), the guard's permission if it writes, one attempt, and again where that can help; `explain`, which makes of a failed attempt
//! an error that a person can act on; `metrics`, which the SDK calls around each attempt.

mod caller;
mod core;
mod directory;
pub mod error;
mod explain;
mod fault;
mod findings;
mod identity;
mod limiter;
mod metrics;
mod objects;
mod pages;
mod policies;
mod queue;
mod rates;
mod sdk;
mod security_hub;
mod session;
mod settings;
mod state;
#[cfg(test)]
mod tests;
pub mod traits;
mod tree;
mod walk;

pub use error::{AwsError, ErrorClass, NOT_PERMITTED};
pub use metrics::AwsMetrics;
pub use objects::{Objects, StoredFile};
pub use sdk::SdkAws;
pub use settings::{Settings, session_name};
pub use state::{Draft, FolderStore, Saved, StateStore};
pub use traits::*;

/// Stack of threads that call AWS, in bytes. The function of the SDK that reads details of a finding's resource takes more than 8 MiB
/// of it at once in a debug build, and less than 2 MiB in a release build. It costs memory only as far as it is used.
pub const STACK: usize = 32 << 20;
