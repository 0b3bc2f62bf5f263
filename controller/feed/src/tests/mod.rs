//! The feed against a cloud in memory that changes while it is read. Time is paused.

mod checkpoints;
mod directory;
mod events;
mod fake;
mod faults;
mod hubs;
mod members;
mod organization_events;
mod polls;
mod rate;
mod signals;
mod sweeps;
mod world;
