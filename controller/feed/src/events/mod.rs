//! The fast path: findings as EventBridge tells of them, through a queue.
//!
//! ```text
//! queue ─► receive ─► envelope ─► hear (index) ─► delete
//!                        └─ poison: left in the queue         └─ doubtful: read again from Security Hub
//! ```
//!
//! A queue gives each message at least once, in any order. That is harmless: an older version never replaces a newer one, and
//! the same again changes nothing. A message is deleted when its finding is in the index. If the process dies in between,
//! the message comes again; if it dies before the next checkpoint, the increment after the restart reads what was told,
//! because events do not move the mark from which increments read. What an event lost is read by the next increment, at the
//! latest by the next full sweep.

mod counters;
mod envelope;
mod listener;
mod scope;

pub use counters::EventCounters;
pub(crate) use listener::{Listener, Outcome};
pub(crate) use scope::Scope;
