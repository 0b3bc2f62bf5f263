//! Server-side apply of status: one field manager per writer, each with its full set of fields, only when something differs.

use std::time::Instant;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::{Client, Resource, ResourceExt};
use serde_json::{Map, Value, json};

use super::conditions::{Fact, merge};
use super::own::OwnWrites;

/// One writer of one kind's status.
#[derive(Clone)]
pub struct StatusWriter {
    client: Client,
    own: OwnWrites,
    /// Field manager, such as `soc2-operator/feed`.
    manager: &'static str,
    /// Fields of the status that this writer owns, conditions apart.
    fields: &'static [&'static str],
    /// Types of the conditions that it owns.
    conditions: &'static [&'static str],
}

/// What a writer wants the status to be.
#[derive(Clone, Debug)]
pub struct Desired {
    /// Fields but `conditions`, in camelCase. Those left out are removed.
    pub fields: Map<String, Value>,
    /// Conditions. Those left out are removed.
    pub conditions: Vec<Fact>,
}

impl StatusWriter {
    /// A writer.
    #[must_use]
    pub fn new(
        client: Client,
        own: OwnWrites,
        manager: &'static str,
        fields: &'static [&'static str],
        conditions: &'static [&'static str],
    ) -> Self {
        Self { client, own, manager, fields, conditions }
    }

    /// Writes what differs from the live status. Gives whether anything was written.
    ///
    /// # Errors
    /// Of the API server.
    pub async fn write<K>(&self, live: &K, status: &Value, desired: &Desired, now: Timestamp) -> kube::Result<bool>
    where
        K: Resource<DynamicType = ()>,
    {
        let previous = conditions_of(status);
        let conditions = merge(&desired.conditions, &previous, live.meta().generation, now);
        if self.same(status, &previous, &desired.fields, &conditions) {
            return Ok(false);
        }
        let mut body = desired.fields.clone();
        body.insert("conditions".to_owned(), json!(conditions));
        let patch = json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": { "name": live.name_any() },
            "status": body,
        });
        let params = PatchParams::apply(self.manager).force();
        let objects = objects_of::<K>(&self.client, live);
        let written = objects.patch_status(&live.name_any(), &params, &Patch::Apply(&patch)).await?;
        self.own.note(&written, Instant::now());
        Ok(true)
    }

    /// Whether a write would change anything.
    #[must_use]
    pub fn differs(&self, live: &impl Resource, status: &Value, desired: &Desired, now: Timestamp) -> bool {
        let previous = conditions_of(status);
        let conditions = merge(&desired.conditions, &previous, live.meta().generation, now);
        !self.same(status, &previous, &desired.fields, &conditions)
    }

    fn same(
        &self,
        status: &Value,
        previous: &[Condition],
        fields: &Map<String, Value>,
        conditions: &[Condition],
    ) -> bool {
        let same_fields = self
            .fields
            .iter()
            .all(|field| status.get(*field).unwrap_or(&Value::Null) == fields.get(*field).unwrap_or(&Value::Null));
        let same_conditions = self.conditions.iter().all(|type_| {
            let old = previous.iter().find(|condition| condition.type_ == *type_);
            let new = conditions.iter().find(|condition| condition.type_ == *type_);
            old == new
        });
        same_fields && same_conditions
    }
}

/// Objects of a kind where an object of it is: in its namespace, if it has one.
#[must_use]
pub fn objects_of<K: Resource<DynamicType = ()>>(client: &Client, object: &impl ResourceExt) -> Api<DynamicObject> {
    let resource = ApiResource::erase::<K>(&());
    match object.namespace() {
        Some(namespace) => Api::namespaced_with(client.clone(), &namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

/// The fields of a status struct, without conditions.
#[must_use]
pub fn fields_of(status: &impl serde::Serialize) -> Map<String, Value> {
    match serde_json::to_value(status) {
        Ok(Value::Object(mut fields)) => {
            fields.remove("conditions");
            fields
        }
        _ => Map::new(),
    }
}

fn conditions_of(status: &Value) -> Vec<Condition> {
    status.get("conditions").cloned().and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default()
}
