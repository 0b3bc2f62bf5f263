//! Reading and writing Kubernetes: conditions, server-side apply of status, events, finalizers.

pub mod events;
pub mod finalizers;
pub mod own;
pub mod status;

pub use soc2_posture::objects::conditions;
