//! Readings: each makes calls to AWS and gives what it read. None knows when it runs, or what becomes of it.

pub(crate) mod associations;
pub(crate) mod clients;
pub(crate) mod hub;
pub(crate) mod organization;
pub(crate) mod pages;
pub(crate) mod policies;
pub(crate) mod poll;
pub(crate) mod question;
pub(crate) mod shard;
pub(crate) mod signals;
pub(crate) mod survey;
pub(crate) mod window;
