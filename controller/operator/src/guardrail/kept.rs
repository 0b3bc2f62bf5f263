//! What does not fit a status: immutable `ConfigMap`s in the operator's namespace, named by what is in them.

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Resource, ResourceExt};
use sha2::{Digest, Sha256};
use soc2_crds::GuardrailSet;

use crate::context::Context;
use crate::error::Error;

const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "soc2-operator");
const SET: &str = "soc2-operator.dev/guardrail-set";
/// Digits of a digest in a name.
const DIGITS: usize = 32;

fn api(context: &Context) -> Api<ConfigMap> {
    Api::namespaced(context.client.clone(), &context.namespace)
}

/// The name says what is in it, and of which set: one of the same name that was there before had objects of its own, which go with it.
pub fn name_of(prefix: &str, set: &GuardrailSet, text: &str) -> String {
    let mut digits =
        hex::encode(Sha256::digest(format!("{}\n{}\n{text}", set.name_any(), set.uid().unwrap_or_default())));
    digits.truncate(DIGITS);
    format!("{prefix}{digits}")
}

/// What is kept under a name. `None` when there is nothing, or when it is not what the name says: somebody else put it there.
///
/// # Errors
/// Of the API server.
pub async fn get(
    context: &Context,
    set: &GuardrailSet,
    (prefix, name): (&str, &str),
    key: &str,
) -> Result<Option<String>, Error> {
    let found = api(context).get_opt(name).await?;
    let text = found.and_then(|found| found.data?.remove(key));
    Ok(text.filter(|text| name_of(prefix, set, text) == name))
}

/// Keeps a text.
///
/// # Errors
/// Of the API server.
pub async fn put(context: &Context, set: &GuardrailSet, name: &str, (key, text): (&str, String)) -> Result<(), Error> {
    let set_name = set.name_any();
    let labels = [MANAGED_BY, (SET, set_name.as_str())].map(|(key, value)| (key.to_owned(), value.to_owned()));
    let object = ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(labels.into()),
            // It goes with its set.
            owner_references: set.owner_ref(&()).map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        data: Some([(key.to_owned(), text)].into()),
        immutable: Some(true),
        binary_data: None,
    };
    match api(context).create(&PostParams::default(), &object).await {
        // An earlier process kept it, and did not live to record it.
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        result => Ok(result.map(drop)?),
    }
}

/// Deletes what is kept under a name.
///
/// # Errors
/// Of the API server.
pub async fn remove(context: &Context, name: &str) -> Result<(), Error> {
    match api(context).delete(name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        result => Ok(result.map(drop)?),
    }
}

#[cfg(test)]
mod tests {
    use soc2_crds::GuardrailSet;

    use super::name_of;

    #[test]
    fn a_name_is_of_one_content_of_one_set() {
        let set = |name: &str| -> GuardrailSet {
            serde_json::from_value(serde_json::json!({
                "apiVersion": "soc2-operator.dev/v1alpha1", "kind": "GuardrailSet", "metadata": {"name": name},
                "spec": {"organizationRef": {"name": "acme"}, "targets": {"include": [{"root": true}]}, "baselines": []},
            }))
            .unwrap()
        };
        let name = name_of("soc2-guardrails-", &set("leave-org"), "{}");
        assert_eq!(name, name_of("soc2-guardrails-", &set("leave-org"), "{}"));
        assert_ne!(name, name_of("soc2-guardrails-", &set("leave-org"), "{} "));
        assert_ne!(name, name_of("soc2-guardrails-", &set("other"), "{}"));
        // An object's name has room for it.
        assert_eq!(name.len(), "soc2-guardrails-".len() + 32);
    }
}
