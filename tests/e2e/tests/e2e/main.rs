//! The operator from outside: a real Kubernetes API, a strict AWS, and what a user sees. One program, so that the tests run
//! side by side; one file a behaviour, named for it.

mod bad_input;
mod demo;
mod faults;
mod guardrails;
mod invalid_manifests;
mod main_loop;
mod metrics;
mod moto;
mod quiet;
mod restart;
mod status_writers;
