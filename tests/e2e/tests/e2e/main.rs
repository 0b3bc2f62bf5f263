//! The operator from outside: a real Kubernetes API, a strict AWS, and what a user sees. One program, so that the tests run
//! side by side; one file a behaviour, named for it.

mod alerts;
mod attestations;
mod bad_input;
mod catalogs;
mod dashboards;
mod demo;
mod events;
mod exceptions;
mod faults;
mod guardrail_adversity;
mod guardrail_changes;
mod guardrail_crashes;
mod guardrail_ends;
mod guardrail_holds;
mod guardrail_library;
mod guardrail_worlds;
mod guardrails;
mod invalid_manifests;
mod main_loop;
mod metrics;
mod moto;
mod object_store;
mod other_products;
mod quiet;
mod reasons;
mod restart;
mod rollouts;
mod status_writers;
mod targets_shrunk;
mod two_organizations;
mod walk;
