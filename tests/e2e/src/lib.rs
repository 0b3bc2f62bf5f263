//! The stand of the end-to-end tests and of the demo: a real Kubernetes API, a strict AWS, the operator as a process.
//!
//! Tests drive these parts from outside, through kubectl, the AWS wire protocols and HTTP. They await conditions; nothing
//! sleeps for a fixed time.

pub mod binaries;
pub mod chart;
pub mod crash;
pub mod demo;
pub mod gate;
pub mod objects;
pub mod openmetrics;
pub mod operator;
pub mod pool;
pub mod prometheus;
pub mod promise;
pub mod replicas;
pub mod router;
pub mod sandbox;
pub mod skew;
pub mod stand;
pub mod tap;
pub mod turn;
pub mod wait;

pub use operator::{Operator, OperatorOptions};
pub use prometheus::Prometheus;
pub use sandbox::Sandbox;
pub use stand::Stand;
pub use wait::eventually;
