//! Nodes that are not there: kube-scheduler puts pods on them, and kwok says that they run.

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;

use crate::{ControlPlane, process::Server, tools};

/// What stands in for kubelets.
#[derive(Debug)]
pub(crate) struct Nodes {
    scheduler: Server,
    kwok: Server,
}

impl Nodes {
    pub(crate) fn check_running(&mut self) -> Result<()> {
        self.scheduler.check_running()?;
        self.kwok.check_running()
    }
}

impl ControlPlane {
    /// Starts the scheduler and kwok, makes nodes `node-0` and so on, and waits until they are ready.
    pub(crate) async fn start_nodes(&self, count: usize) -> Result<()> {
        let program = tokio::task::spawn_blocking(tools::kwok).await.context("find kwok")??;
        let scheduler = self.spawn("kube-scheduler", self.layout().scheduler()?)?;
        let kwok = self.spawn("kwok", self.layout().kwok(&program)?)?;
        self.servers().nodes = Some(Nodes { scheduler, kwok });

        let nodes: Api<Node> = Api::all(self.admin_client());
        for number in 0..count {
            let name = format!("node-{number}");
            let node = serde_json::from_value(json!({
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name, "labels": {
                    "kubernetes.io/hostname": name,
                    "kubernetes.io/os": "linux",
                    "topology.kubernetes.io/zone": format!("zone-{number}"),
                }},
            }))?;
            nodes.create(&PostParams::default(), &node).await.with_context(|| format!("create node {name}"))?;
            // Set when a node is made, and taken away by a controller that would miss the heartbeats.
            let untaint = Patch::Merge(json!({"spec": {"taints": null}}));
            nodes.patch(&name, &PatchParams::default(), &untaint).await.with_context(|| format!("untaint {name}"))?;
            self.wait_for(&name, async || nodes.get(&name).await.is_ok_and(|node| is_ready(&node))).await?;
        }
        Ok(())
    }
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
