//! What Security Hub says of itself: hub, standards, aggregator, members.

use serde_json::{Value, json};

use super::hubs::{Hubs, RegionHub, Standing};
use super::rng::hash;
use super::{Hub, errors, input, token, when};
use crate::call::{Answer, ApiError, Call};

/// The Region's hub, when the caller has Security Hub enabled there.
pub(super) fn subscribed<'a>(hubs: &'a Hubs, call: &Call) -> Result<(&'a RegionHub, Standing), ApiError> {
    match (hubs.standing(&call.account, &call.region), hubs.regions.get(&call.region)) {
        (Standing::Off, _) | (_, None) => Err(errors::not_subscribed(&call.account)),
        (standing, Some(hub)) => Ok((hub, standing)),
    }
}

/// One page of a list, under its member name.
pub(super) fn page(hub: &Hub, call: &Call, name: &str, items: &[Value], limit: usize) -> Answer {
    let mut parameters = call.input.as_object().cloned().unwrap_or_default();
    parameters.retain(|name, value| !matches!(name.as_str(), "NextToken" | "MaxResults") && !value.is_null());
    let parameters = Value::Object(parameters);
    let fingerprint = hash(&format!("{}|{}|{}|{parameters}", call.operation, call.account, call.region));
    let offset = token::offset(call, fingerprint, hub.token_lifetime)?;
    if call.faults.empty_page {
        return Ok(json!({name: [], "NextToken": token::next(call, fingerprint, offset)}));
    }
    let page: Vec<&Value> = items.iter().skip(offset).take(limit).collect();
    let mut answer = json!({name: page});
    if offset + limit < items.len() {
        answer["NextToken"] = json!(token::next(call, fingerprint, offset + limit));
    }
    Ok(answer)
}

/// Answers `DescribeHub`.
pub(super) fn describe_hub(hub: &Hub, call: &Call) -> Answer {
    let (here, _) = subscribed(&hub.hubs, call)?;
    let arn = format!("arn:{}:securityhub:{}:{}:hub/default", hub.tables.partition, call.region, call.account);
    if input::text(call, "HubArn")?.is_some_and(|given| given != arn) {
        return Err(errors::not_found("The hub was not found."));
    }
    Ok(json!({
        "HubArn": arn,
        "SubscribedAt": when::text(here.subscribed.as_millisecond()),
        "AutoEnableControls": true,
        "ControlFindingGenerator": here.generator,
    }))
}

/// Answers `GetEnabledStandards`.
pub(super) fn get_enabled_standards(hub: &Hub, call: &Call) -> Answer {
    let (here, _) = subscribed(&hub.hubs, call)?;
    let limit = input::max_results(call, 100, 100)?;
    let asked = input::list(call, "StandardsSubscriptionArns", 25)?;
    let (partition, region) = (&hub.tables.partition, &call.region);
    let subscriptions: Vec<Value> = hub
        .tables
        .catalog
        .members(here.standards)
        .map(|(_, standard)| {
            let owner = format!("arn:{partition}:securityhub:{region}:{}", call.account);
            json!({
                "StandardsSubscriptionArn": format!("{owner}:subscription/{}", standard.short),
                "StandardsArn": standard.arn(partition, region),
                "StandardsInput": {},
                "StandardsStatus": "READY",
                "StandardsControlsUpdatable": "READY_FOR_UPDATES",
            })
        })
        .filter(|subscription| asked.is_empty() || asked.contains(&subscription["StandardsSubscriptionArn"]))
        .collect();
    page(hub, call, "StandardsSubscriptions", &subscriptions, limit)
}

/// The aggregator belongs to the administrator; members may not look at it.
fn may_aggregate(hub: &Hub, call: &Call) -> Result<Standing, ApiError> {
    let (_, standing) = subscribed(&hub.hubs, call)?;
    if standing == Standing::Member {
        let message = format!("Account {} is a member: only its administrator has finding aggregators", call.account);
        return Err(errors::access_denied(message));
    }
    Ok(standing)
}

/// Answers `ListFindingAggregators`, in any Region.
pub(super) fn list_finding_aggregators(hub: &Hub, call: &Call) -> Answer {
    let standing = may_aggregate(hub, call)?;
    let limit = input::max_results(call, 100, 100)?;
    let arn = hub.hubs.aggregator_arn(&hub.tables.partition).filter(|_| standing == Standing::Administrator);
    let items: Vec<Value> = arn.map(|arn| json!({"FindingAggregatorArn": arn})).into_iter().collect();
    page(hub, call, "FindingAggregators", &items, limit)
}

/// Answers `GetFindingAggregator`.
pub(super) fn get_finding_aggregator(hub: &Hub, call: &Call) -> Answer {
    let standing = may_aggregate(hub, call)?;
    let asked = input::text(call, "FindingAggregatorArn")?;
    let arn = hub.hubs.aggregator_arn(&hub.tables.partition).filter(|_| standing == Standing::Administrator);
    let Some((aggregator, arn)) = hub.hubs.aggregator.as_ref().zip(arn).filter(|(_, arn)| Some(arn.as_str()) == asked)
    else {
        return Err(errors::not_found("The finding aggregator was not found."));
    };
    Ok(json!({
        "FindingAggregatorArn": arn,
        "FindingAggregationRegion": aggregator.home,
        "RegionLinkingMode": aggregator.mode,
        "Regions": aggregator.regions,
    }))
}

/// Answers `ListMembers`.
pub(super) fn list_members(hub: &Hub, call: &Call) -> Answer {
    let (here, standing) = subscribed(&hub.hubs, call)?;
    if standing == Standing::Member {
        let message = format!("Account {} is not an administrator for this organization", call.account);
        return Err(errors::invalid_access(message));
    }
    let only_associated = input::boolean(call, "OnlyAssociated", true)?;
    let limit = input::max_results(call, 50, 50)?;
    let members: Vec<Value> = here
        .members
        .iter()
        .filter(|(_, member)| standing == Standing::Administrator && (!only_associated || member.status == "Enabled"))
        .map(|(account, member)| {
            let time = when::text(member.updated.as_millisecond());
            json!({
                "AccountId": account,
                "MasterId": call.account,
                "AdministratorId": call.account,
                "MemberStatus": member.status,
                "InvitedAt": time,
                "UpdatedAt": time,
            })
        })
        .collect();
    page(hub, call, "Members", &members, limit)
}
