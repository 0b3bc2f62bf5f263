//! What is known of a request besides action and resource.

use std::borrow::Cow;

use crate::evaluate::Request;

/// The values of a condition key in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Values<'a> {
    /// It may have any value, or none.
    Unknown,
    /// It is not there, or has no value.
    Absent,
    /// It has these; at least one.
    Present(Cow<'a, [String]>),
}

/// The values of `key`; the names of condition keys have no case.
pub(crate) fn values<'a>(request: &Request<'a>, key: &str) -> Values<'a> {
    let known = request
        .context
        .get(key)
        .or_else(|| request.context.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, values)| values));
    match known {
        Some(values) if values.is_empty() => Values::Absent,
        Some(values) => Values::Present(Cow::Borrowed(values)),
        None => match of_principal(request, key) {
            Some(value) => Values::Present(Cow::Owned(vec![value])),
            None if request.unknown_context => Values::Unknown,
            None => Values::Absent,
        },
    }
}

/// What follows from the ARN of who calls.
fn of_principal(request: &Request<'_>, key: &str) -> Option<String> {
    let arn = request.principal?;
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, partition, service, _, account, resource] = parts[..] else { return None };
    if key.eq_ignore_ascii_case("aws:PrincipalAccount") {
        return Some(account.to_owned());
    }
    if !key.eq_ignore_ascii_case("aws:PrincipalArn") {
        return None;
    }
    match resource.strip_prefix("assumed-role/") {
        // AWS has the ARN of the role here, with its path, which the session's ARN does not tell.
        Some(_) if service == "sts" && request.unknown_context => None,
        Some(session) if service == "sts" => {
            let role = session.split_once('/').map_or(session, |(role, _)| role);
            Some(format!("arn:{partition}:iam::{account}:role/{role}"))
        }
        _ => Some(arn.to_owned()),
    }
}

/// Whether a service-linked role calls: no service control policy affects it.
pub(crate) fn is_service_linked(request: &Request<'_>) -> bool {
    request.principal.is_some_and(|arn| {
        let mut parts = arn.splitn(6, ':');
        parts.nth(2) == Some("iam") && parts.nth(2).is_some_and(|name| name.starts_with("role/aws-service-role/"))
    })
}
