//! Values of conditions.

use std::net::IpAddr;

use jiff::Timestamp;
use jiff::civil::Date;

use super::closest;
use super::operator::{Family, Operator};
use crate::lint::Diagnostic;
use crate::lint::model::{Condition, Statement};
use crate::lint::patterns::{has_wildcard, is_everything, literal_parts};
use crate::lint::regions;
use crate::lint::rules::condition::WRONG_VALUE_TYPE;
use crate::lint::rules::value::{IMPOSSIBLE_VALUE, UNKNOWN_REGION, WILDCARD_WITHOUT_LIKE};
use crate::pattern::ARN_PARTS;

/// Keys with the id of an account.
const ACCOUNTS: [&str; 6] = [
    "aws:principalaccount",
    "aws:resourceaccount",
    "aws:sourceaccount",
    "aws:vpceaccount",
    "kms:calleraccount",
    "s3:resourceaccount",
];
/// Keys with the id of an organization.
const ORGANIZATIONS: [&str; 4] = ["aws:principalorgid", "aws:resourceorgid", "aws:sourceorgid", "aws:vpceorgid"];
/// Keys with a Region.
const REGIONS: [&str; 2] = ["aws:requestedregion", "ec2:region"];
/// Keys of which `*` is a value: everybody.
const EVERYBODY: [&str; 1] = ["lambda:principal"];
/// Values of `aws:PrincipalType`.
const PRINCIPAL_TYPES: [&str; 5] = ["Account", "User", "FederatedUser", "AssumedRole", "Anonymous"];

pub(super) fn check(statement: &Statement, found: &mut Vec<Diagnostic>) {
    for condition in &statement.conditions {
        let Some(operator) = Operator::parse(&condition.operator) else { continue };
        let key = condition.key.to_ascii_lowercase();
        for (pointer, value) in condition.values.iter() {
            found.extend(of_type(statement, condition, operator, &pointer, value));
            if operator.family == Family::String {
                if !(value == "*" && EVERYBODY.contains(&key.as_str())) {
                    found.extend(of_text(statement, condition, operator, &pointer, value));
                }
                found.extend(of_key(statement, &key, &pointer, value));
            }
        }
    }
}

/// That a value is not of the type that the operator compares.
fn of_type(
    statement: &Statement,
    condition: &Condition,
    operator: Operator,
    pointer: &str,
    value: &str,
) -> Option<Diagnostic> {
    let (fits, wanted) = match operator.family {
        Family::String | Family::Binary => return None,
        Family::Bool | Family::Null => {
            (matches!(value.to_ascii_lowercase().as_str(), "true" | "false"), "true or false")
        }
        Family::Numeric => (value.parse::<f64>().is_ok_and(f64::is_finite), "a number"),
        Family::Date => (is_time(value), "a time such as 2026-01-31T00:00:00Z"),
        Family::IpAddress => (is_range(value), "an address or a range such as 10.0.0.0/8"),
        Family::Arn => (is_arn(value), "an ARN with six parts"),
    };
    (!fits).then(|| {
        let message = format!("{value:?} is not {wanted}, which {} compares", condition.operator);
        statement.finding(&WRONG_VALUE_TYPE, pointer, message)
    })
}

fn is_time(value: &str) -> bool {
    let seconds = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    seconds || value.parse::<Timestamp>().is_ok() || value.parse::<Date>().is_ok()
}

fn is_range(value: &str) -> bool {
    let (address, length) = value.split_once('/').map_or((value, None), |(address, length)| (address, Some(length)));
    let bits = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    length.is_none_or(|length| length.parse::<u8>().is_ok_and(|length| length <= bits))
}

/// Six parts. A variable may stand for several, and of a star alone nobody says what becomes.
fn is_arn(value: &str) -> bool {
    value.contains("${") || is_everything(value) || value.split(':').count() >= ARN_PARTS
}

/// Wildcards that are none.
fn of_text(
    statement: &Statement,
    condition: &Condition,
    operator: Operator,
    pointer: &str,
    value: &str,
) -> Option<Diagnostic> {
    (!operator.wildcards && has_wildcard(&literal_parts(value))).then(|| {
        let message = format!("{} takes {value:?} as it is written, without wildcards", condition.operator);
        statement.finding(&WILDCARD_WITHOUT_LIKE, pointer, message)
    })
}

/// Values that a key, in lower case, never has.
fn of_key(statement: &Statement, key: &str, pointer: &str, value: &str) -> Option<Diagnostic> {
    if REGIONS.contains(&key) {
        return (!regions::is_possible(value)).then(|| {
            let guess = closest(value, regions::regions());
            statement.finding(&UNKNOWN_REGION, pointer, format!("there is no Region {value}")).did_you_mean(guess)
        });
    }
    if has_wildcard(value) || value.contains("${") {
        return None;
    }
    let (possible, wanted) = match key {
        _ if ACCOUNTS.contains(&key) => {
            (value.len() == 12 && value.bytes().all(|byte| byte.is_ascii_digit()), "an account id of twelve digits")
        }
        _ if ORGANIZATIONS.contains(&key) => {
            (is_organization(value), "the id of an organization, such as o-a1b2c3d4e5")
        }
        "aws:principaltype" => (PRINCIPAL_TYPES.contains(&value), "one of the types of principals"),
        _ => return None,
    };
    (!possible).then(|| statement.finding(&IMPOSSIBLE_VALUE, pointer, format!("{value:?} is not {wanted}")))
}

fn is_organization(value: &str) -> bool {
    value.strip_prefix("o-").is_some_and(|id| {
        (10..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::{is_arn, is_organization, is_range, is_time};

    #[test]
    fn types_of_values() {
        for (value, time) in [
            ("2026-01-31T00:00:00Z", true),
            ("2026-01-31T00:00:00+01:00", true),
            ("2026-01-31", true),
            ("1700000000", true),
            ("2026-13-01", false),
            ("tomorrow", false),
            ("", false),
        ] {
            assert_eq!(is_time(value), time, "{value}");
        }
        for (value, range) in [
            ("10.0.0.0/8", true),
            ("10.0.0.1", true),
            ("2001:db8::/32", true),
            ("10.0.0.0/33", false),
            ("10.0.0/8", false),
            ("::/129", false),
            ("10.0.0.0/", false),
        ] {
            assert_eq!(is_range(value), range, "{value}");
        }
        assert!(is_arn("arn:aws:iam::*:role/a") && is_arn("*") && is_arn("${aws:PrincipalArn}") && !is_arn("role/a"));
        assert!(is_organization("o-a1b2c3d4e5") && !is_organization("o-A1B2C3D4E5") && !is_organization("o-a"));
    }
}
