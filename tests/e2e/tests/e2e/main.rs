//! The operator from outside: a real Kubernetes API, a strict AWS, and what a user sees. One program, so that the tests run
//! side by side; one file a behaviour, named for it.
//!
//! They begin in the order of their names: one that takes minutes has a name that does not come last.

mod alerts;
mod attestations;
mod aws_of_moto;
mod bad_input;
mod canaries;
mod canary_secrets;
mod catalogs;
mod chart;
mod chart_admission;
mod chart_health;
mod chart_install;
mod chart_roles;
mod chart_upgrade;
mod crash_shapes;
mod dashboards;
mod degraded_starts;
mod demo;
mod demo_walks;
mod events;
mod exceptions;
mod failover;
mod faults;
mod guardrail_adversity;
mod guardrail_changes;
mod guardrail_combinations;
mod guardrail_crashes;
mod guardrail_ends;
mod guardrail_foreign;
mod guardrail_holds;
mod guardrail_library;
mod guardrail_rollouts;
mod guardrail_turns;
mod guardrail_worlds;
mod guardrails;
mod invalid_manifests;
mod least_privilege;
mod least_privilege_elsewhere;
mod main_loop;
mod metrics;
mod object_store;
mod other_products;
mod pages;
mod pages_run;
mod pages_soc2ctl;
mod quiet;
mod quiet_log;
mod reasons;
mod replicas;
mod restart;
mod shipped_policies;
mod status_writers;
mod targets_shrunk;
mod two_organizations;
