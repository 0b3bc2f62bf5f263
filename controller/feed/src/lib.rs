//! Reads one AWS organization and keeps its world current: the organization tree, the policies, what is known of Security
//! Hub, and the findings.
//!
//! ```text
//! FeedConfig ─► survey (organization, policies, hubs) ─► lanes ─► sweep in shards, increments, suppressions ─► World
//!                                                     queues ─► events ────────────────────────────────────────┘ │
//!                                                                                                   └─► checkpoint
//! ```
//!
//! One task owns the world and writes it ([`Feed::spawn`]); calls to AWS run beside it and hand it what they read.

mod checkpoint;
mod clock;
mod config;
mod engine;
mod events;
mod facts;
mod feed;
mod handle;
mod lane;
mod reading;
mod regions;
mod spec;
mod timer;

pub use clock::{Clock, SystemClock};
pub use config::{
    EventsConfig, FeedConfig, Intervals, OrganizationEvents, PerAccount, Selection, SourceConfig, SourceRegions,
};
pub use events::EventCounters;
pub use facts::{EventFacts, FeedFacts, ORGANIZATIONS, Reading, RegionFacts, SweepFacts};
pub use feed::{Feed, FeedHandle, Parts};
pub use handle::{Accounts, Change, Subscription, WorldHandle};
pub use spec::feed_config;

#[cfg(test)]
mod tests;
