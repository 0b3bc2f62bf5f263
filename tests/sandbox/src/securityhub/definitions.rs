//! Controls and the standards that they belong to.

use serde_json::{Value, json};

use super::describe::{page, subscribed};
use super::{Hub, errors, input, render, when};
use crate::call::{Answer, Call};

/// Page size when the caller names none, as documented.
const DEFAULT_PAGE: usize = 25;

/// Answers `ListSecurityControlDefinitions`.
pub(super) fn list_security_control_definitions(hub: &Hub, call: &Call) -> Answer {
    let (_, _) = subscribed(&hub.hubs, call)?;
    let limit = input::max_results(call, DEFAULT_PAGE, 100)?;
    let catalog = &hub.tables.catalog;
    let wanted = match input::text(call, "StandardsArn")? {
        None => None,
        Some(arn) => {
            let mut standards = catalog.standards.iter();
            let place = standards.position(|standard| standard.arn(&hub.tables.partition, &call.region) == arn);
            let wrong = || errors::invalid_input(format!("Invalid parameter 'StandardsArn'. '{arn}' does not exist."));
            Some(place.ok_or_else(wrong)?)
        }
    };
    let definitions: Vec<Value> = catalog
        .known()
        .filter(|(_, control)| wanted.is_none_or(|place| control.standards & (1 << place) != 0))
        .map(|(_, control)| {
            json!({
                "SecurityControlId": control.id,
                "Title": control.title,
                "Description": format!("This control checks the following. {}.", control.title),
                "RemediationUrl": render::remediation_url(&control.id),
                "SeverityRating": control.severity,
                "CurrentRegionAvailability": "AVAILABLE",
                "CustomizableProperties": if control.custom_parameters { json!(["Parameters"]) } else { json!([]) },
            })
        })
        .collect();
    page(hub, call, "SecurityControlDefinitions", &definitions, limit)
}

/// Answers `ListStandardsControlAssociations`: the enabled standards that have a control, and whether it is enabled there.
pub(super) fn list_standards_control_associations(hub: &Hub, call: &Call) -> Answer {
    let (here, _) = subscribed(&hub.hubs, call)?;
    let limit = input::max_results(call, DEFAULT_PAGE, 100)?;
    let catalog = &hub.tables.catalog;
    let (partition, region) = (&hub.tables.partition, &call.region);
    let own = format!("arn:{partition}:securityhub:{region}:{}:security-control/", call.account);
    let asked = input::text(call, "SecurityControlId")?.unwrap_or_default();
    let id = asked.strip_prefix(own.as_str()).unwrap_or(asked);
    let Some(number) = catalog.find(id) else {
        return Err(errors::invalid_input(format!("Invalid parameter 'SecurityControlId'. '{asked}' does not exist.")));
    };
    let control = catalog.control(number);
    let enabled = here.standards_of(catalog, number);
    let associations: Vec<Value> = catalog
        .members(control.standards & here.standards)
        .map(|(place, standard)| {
            let is_enabled = enabled & (1 << place) != 0;
            let mut association = json!({
                "StandardsArn": standard.arn(partition, region),
                "SecurityControlId": control.id,
                "SecurityControlArn": format!("{own}{}", control.id),
                "AssociationStatus": if is_enabled { "ENABLED" } else { "DISABLED" },
                "RelatedRequirements": [],
                "StandardsControlTitle": control.title,
                "StandardsControlDescription": format!("This control checks the following. {}.", control.title),
            });
            if let Some((_, since)) = here.disabled.get(&control.id).filter(|_| !is_enabled) {
                association["UpdatedAt"] = json!(when::text(since.as_millisecond()));
                association["UpdatedReason"] = json!("Not used here.");
            }
            association
        })
        .collect();
    page(hub, call, "StandardsControlAssociationSummaries", &associations, limit)
}
