//! Reading and writing Kubernetes: conditions, server-side apply of status, events.

pub mod events;
pub mod status;

pub use soc2_posture::objects::conditions;
