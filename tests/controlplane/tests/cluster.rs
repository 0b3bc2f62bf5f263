//! That the cluster behaves as a real one: RBAC, admission, custom resources, garbage collection, audit.

mod common;

use common::until;
use controlplane::{ControlPlane, audit};
use k8s_openapi::api::{authentication::v1::SelfSubjectReview, core::v1::ConfigMap};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, PostParams},
};

#[tokio::test]
async fn a_service_account_has_the_rights_bound_to_it_and_no_others() {
    let plane = ControlPlane::start().await.unwrap();
    let operator = plane.service_account("soc2-system", "operator").await.unwrap();
    let list = async |client: &Client, namespace: &str| {
        Api::<ConfigMap>::namespaced(client.clone(), namespace).list(&ListParams::default()).await.map(drop)
    };

    let review = Api::<SelfSubjectReview>::all(operator.client.clone());
    let me = review.create(&PostParams::default(), &SelfSubjectReview::default()).await.unwrap();
    let me = me.status.unwrap().user_info.unwrap().username.unwrap();
    assert_eq!(me, "system:serviceaccount:soc2-system:operator");
    assert!(is_forbidden(list(&operator.client, "soc2-system").await));

    plane.apply_yaml(RBAC).await.unwrap();
    until("the role to be seen", async || list(&operator.client, "soc2-system").await.is_ok()).await;
    assert!(is_forbidden(list(&operator.client, "default").await));

    let again = plane.service_account("soc2-system", "operator").await.unwrap();
    assert!(list(&again.client, "soc2-system").await.is_ok(), "asking twice is no error");
    let output = std::process::Command::new(plane.tools().kubectl())
        .args(["get", "configmaps", "-o", "name", "--kubeconfig"])
        .arg(&operator.kubeconfig)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

const RBAC: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: soc2-system}
rules:
  - {apiGroups: [''], resources: [configmaps], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: soc2-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects:
  - {kind: ServiceAccount, name: operator, namespace: soc2-system}
";

#[tokio::test]
async fn a_definition_and_its_objects_can_be_applied_together() {
    let plane = ControlPlane::start().await.unwrap();
    let applied = plane.apply_yaml(WIDGETS).await.unwrap();
    let names: Vec<_> = applied.iter().map(ResourceExt::name_any).collect();
    assert_eq!(names, ["widgets.example.com", "small"]);

    let error = plane.apply_yaml(&WIDGETS.replace("size: 1", "size: -1")).await.unwrap_err();
    assert!(format!("{error:#}").starts_with("apply Widget small: "), "{error:#}");
    let Some(kube::Error::Api(status)) = error.downcast_ref() else { panic!("{error:?}") };
    assert!(status.is_invalid() && status.message.contains("spec.size"), "{status:?}");

    let error = plane.apply_yaml("{apiVersion: example.com/v1, kind: Gadget, metadata: {name: a}}").await.unwrap_err();
    assert!(format!("{error:#}").contains("find the kind Gadget"), "{error:#}");
}

const WIDGETS: &str = "
# A comment, and an empty document before the first one.
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Cluster
  names: {plural: widgets, kind: Widget}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec: {type: object, properties: {size: {type: integer, minimum: 0}}}
---
apiVersion: example.com/v1
kind: Widget
metadata: {name: small}
spec: {size: 1}
";

#[tokio::test]
async fn a_pod_that_is_not_hardened_is_rejected_where_that_is_asked_for() {
    let plane = ControlPlane::builder().controller_manager(true).start().await.unwrap();
    plane.apply_yaml(RESTRICTED).await.unwrap();
    let accounts = ["get", "serviceaccount", "default", "--namespace", "strict"];
    until("the namespace's account", async || plane.kubectl(accounts).await.unwrap().status.success()).await;
    let error = plane.apply_yaml(POD).await.unwrap_err();
    assert!(format!("{error:#}").contains("violates PodSecurity \"restricted"), "{error:#}");
    plane.apply_yaml(&POD.replace("namespace: strict, ", "")).await.unwrap();
}

const RESTRICTED: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: strict, labels: {pod-security.kubernetes.io/enforce: restricted}}
";
const POD: &str = "
apiVersion: v1
kind: Pod
metadata: {namespace: strict, name: plain}
spec: {containers: [{name: main, image: example.com/main:1}]}
";

#[tokio::test]
async fn the_controller_manager_collects_what_has_lost_its_owner() {
    let plane = ControlPlane::builder().controller_manager(true).start().await.unwrap();
    let config_map = |name: &str| format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}}}");
    let uid = plane.apply_yaml(&config_map("owner")).await.unwrap()[0].uid().unwrap();
    let config_maps: Api<ConfigMap> = Api::default_namespaced(plane.admin_client());
    let owned = config_map("owned").replace(
        "{name: owned}",
        &format!("{{name: owned, ownerReferences: [{{apiVersion: v1, kind: ConfigMap, name: owner, uid: {uid}}}]}}"),
    );
    plane.apply_yaml(&owned).await.unwrap();

    config_maps.delete("owner", &DeleteParams::background()).await.unwrap();
    until("garbage collection", async || config_maps.get_opt("owned").await.unwrap().is_none()).await;
}

#[tokio::test]
async fn the_audit_log_tells_who_wrote_what() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("audit.log");
    let plane = ControlPlane::builder().audit_log(&log).start().await.unwrap();
    plane.apply_yaml("{apiVersion: v1, kind: ConfigMap, metadata: {name: written}}").await.unwrap();

    let by_administrator = async || {
        let mut events = audit::read(&log).unwrap();
        events.retain(|event| event.is_write() && event.user.username == "administrator");
        events
    };
    until("the event", async || !by_administrator().await.is_empty()).await;
    let events = by_administrator().await;
    assert_eq!(events.len(), 1, "{events:?}");
    let event = &events[0];
    assert_eq!((event.verb.as_str(), event.response_status.code), ("patch", 201));
    assert_eq!((event.object_ref.resource.as_str(), event.object_ref.name.as_str()), ("configmaps", "written"));
    assert!(event.request_uri.contains("fieldManager=administrator"), "{event:?}");
}

fn is_forbidden(result: kube::Result<()>) -> bool {
    matches!(result, Err(kube::Error::Api(status)) if status.is_forbidden())
}
