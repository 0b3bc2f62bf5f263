//! The sandbox as its callers meet it: over HTTP, in this process.
#![cfg(test)]

mod client;
mod control;
mod rights;
mod wire;
