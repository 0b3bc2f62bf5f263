//! A real Kubernetes control plane for tests and for trying things out.
//!
//! [`ControlPlane::start`] runs etcd and kube-apiserver on free ports of 127.0.0.1, with their own
//! certificates and with RBAC on, and returns when the API answers, about four seconds later. Nothing
//! survives its owner: the processes end when the value is dropped, and also when the owning process
//! is killed with SIGKILL.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! let plane = controlplane::ControlPlane::start().await?;
//! plane.apply_yaml("{apiVersion: v1, kind: Namespace, metadata: {name: soc2-system}}").await?;
//! let operator = plane.service_account("soc2-system", "soc2-operator").await?;
//! println!("run the operator with KUBECONFIG={}", operator.kubeconfig.display());
//! # Ok(())
//! # }
//! ```
//!
//! The programs are built from the Go module in `tools/`, once, into a cache outside the clone; see
//! [`tools`]. There is no kubelet: pods are admitted and stored, but nothing runs them. With [`Builder::nodes`] they are
//! scheduled and said to be ready, as far as a Deployment can tell.

mod apply;
pub mod audit;
mod builder;
mod identity;
mod kubeconfig;
mod nodes;
mod pki;
mod plane;
pub mod process;
mod servers;
mod slot;
mod store;
pub mod tools;

pub use builder::Builder;
pub use identity::Identity;
pub use plane::ControlPlane;
pub use store::Store;
