//! Starting, faults, and that nothing is left behind.

mod common;

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use common::{processes_of, stopped_of, until};
use controlplane::ControlPlane;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, api::DeleteParams};

const CONFIG_MAP: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: kept}, data: {answer: '42'}}";

#[tokio::test]
async fn two_run_side_by_side_and_drop_stops_everything() {
    let (first, second) = tokio::join!(ControlPlane::start(), ControlPlane::start());
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_ne!(first.url(), second.url());
    first.apply_yaml(CONFIG_MAP).await.unwrap();
    let elsewhere: Api<ConfigMap> = Api::default_namespaced(second.admin_client());
    assert!(elsewhere.get_opt("kept").await.unwrap().is_none());

    let version = first.kubectl(["version", "-o", "json"]).await.unwrap();
    let version: serde_json::Value = serde_json::from_slice(&version.stdout).unwrap();
    assert_eq!(version["serverVersion"]["gitVersion"], version["clientVersion"]["gitVersion"]);

    let dir = first.dir().to_owned();
    assert_eq!(processes_of(&dir).len(), 3, "{:?}", processes_of(&dir));
    drop(first);
    assert!(processes_of(&dir).is_empty(), "drop waits for the end of its processes");
    assert!(!dir.exists());
    second.check_running().unwrap();
}

#[tokio::test]
async fn a_killed_apiserver_comes_back_with_its_data() {
    let plane = ControlPlane::start().await.unwrap();
    plane.apply_yaml(CONFIG_MAP).await.unwrap();
    let operator = plane.service_account("soc2-system", "operator").await.unwrap();
    let url = plane.url();
    let config_maps: Api<ConfigMap> = Api::default_namespaced(plane.admin_client());

    plane.kill_apiserver().unwrap();
    assert!(config_maps.get("kept").await.is_err());
    let error = plane.check_running().unwrap_err().to_string();
    assert!(error.starts_with("kube-apiserver ended (signal: 9"), "{error}");

    plane.restart_apiserver().await.unwrap();
    assert_eq!(plane.url(), url);
    let kept = config_maps.get("kept").await.unwrap();
    assert_eq!(kept.data.unwrap()["answer"], "42");
    let version = operator.client.apiserver_version().await;
    assert!(version.is_ok(), "tokens stay valid: {version:?}");
}

#[tokio::test]
async fn a_paused_apiserver_answers_nothing_and_then_goes_on() {
    let plane = ControlPlane::start().await.unwrap();
    plane.pause_apiserver().unwrap();
    let version = plane.kubectl(["version", "--request-timeout=500ms"]).await.unwrap();
    assert!(!version.status.success());
    plane.resume_apiserver().await.unwrap();
    assert!(plane.kubectl(["version"]).await.unwrap().status.success());
}

#[tokio::test]
async fn a_paused_plane_does_nothing_and_then_goes_on() {
    let plane = ControlPlane::start().await.unwrap();
    let default = "/api/v1/namespaces/default";
    let before = plane.read(default).await.unwrap();
    plane.pause().unwrap();
    // A signal is sent, and arrives.
    until("both servers to stop", async || stopped_of(plane.dir()).len() == 2).await;
    plane.resume().await.unwrap();
    assert_eq!(plane.read(default).await.unwrap()["metadata"]["uid"], before["metadata"]["uid"]);
    assert!(stopped_of(plane.dir()).is_empty());
}

/// The owner is another process here, since this one has to see what is left of it.
#[tokio::test]
async fn nothing_survives_an_owner_that_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut owner = owner(dir.path()).unwrap();
    until("a ready control plane", async || {
        owner_is_ready(dir.path()) && processes_of(dir.path()).iter().any(|p| p.contains("controller-manager"))
    })
    .await;
    assert_eq!(processes_of(dir.path()).len(), 4, "{:?}", processes_of(dir.path()));

    owner.kill().unwrap();
    owner.wait().unwrap();
    until("the end of every process", async || processes_of(dir.path()).is_empty()).await;
}

/// The state of a named folder is what the next start goes on from.
#[tokio::test]
async fn a_named_folder_keeps_the_state_and_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let plane = ControlPlane::builder().dir(dir.path()).start().await.unwrap();
    plane.apply_yaml(CONFIG_MAP).await.unwrap();
    let second = ControlPlane::builder().dir(dir.path()).start().await;
    let error = second.err().unwrap().to_string();
    assert!(error.contains("is in use by another control plane"), "{error}");
    drop(plane);

    let plane = ControlPlane::builder().dir(dir.path()).start().await.unwrap();
    let config_maps: Api<ConfigMap> = Api::default_namespaced(plane.admin_client());
    assert!(config_maps.get_opt("kept").await.unwrap().is_some());

    // It does not begin with another one's instead.
    let store = plane.store().await.unwrap();
    drop(plane);
    let error = ControlPlane::builder().dir(dir.path()).store(store).start().await.err().unwrap().to_string();
    assert!(error.contains("is there already"), "{error}");
}

/// What one stored is there in another one, which is not the same cluster otherwise.
#[tokio::test]
async fn what_one_stored_others_begin_with() {
    let first = ControlPlane::start().await.unwrap();
    first.apply_yaml(CONFIG_MAP).await.unwrap();
    let store = first.store().await.unwrap();
    let (second, third) = tokio::join!(
        ControlPlane::builder().store(store.clone()).start(),
        ControlPlane::builder().store(store).start()
    );
    let (second, third) = (second.unwrap(), third.unwrap());
    let there = async |plane: &ControlPlane| {
        let config_maps: Api<ConfigMap> = Api::default_namespaced(plane.admin_client());
        config_maps.get_opt("kept").await.unwrap().is_some()
    };
    // Also in the one that it was read from, which goes on.
    assert!(there(&first).await && there(&second).await && there(&third).await);
    assert!(
        first.service_account("default", "tester").await.is_ok()
            && second.service_account("default", "tester").await.is_ok()
    );

    let config_maps: Api<ConfigMap> = Api::default_namespaced(second.admin_client());
    config_maps.delete("kept", &DeleteParams::default()).await.unwrap();
    assert!(there(&first).await && !there(&second).await && there(&third).await);
}

fn owner(dir: &Path) -> std::io::Result<Child> {
    Command::new(env!("CARGO_BIN_EXE_controlplane"))
        .args(["up", "--dir"])
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
}

fn owner_is_ready(dir: &Path) -> bool {
    dir.join("kubeconfig").exists()
}
