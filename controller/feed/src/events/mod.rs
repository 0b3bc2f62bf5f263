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
//!
//! The organization has a queue of its own, for what CloudTrail tells of calls that change it. Such a message changes nothing by itself: it
//! says that AWS has to be read now, and who did what. It is deleted when that is known; what is lost the next reading finds all the same.

mod counters;
mod deed;
mod envelope;
mod listener;
mod scope;

pub use counters::EventCounters;
pub(crate) use deed::changes;
pub(crate) use listener::{Hears, Listener, Outcome};
pub(crate) use scope::Scope;
