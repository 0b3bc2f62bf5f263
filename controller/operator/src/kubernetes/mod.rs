//! Reading and writing Kubernetes: conditions, server-side apply of status, events.

pub mod conditions;
pub mod events;
pub mod status;
