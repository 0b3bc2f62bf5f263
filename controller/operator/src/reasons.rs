//! Condition reasons for errors of AWS.

use soc2_aws::{AwsError, ErrorClass};

/// The reason of a condition that an error of AWS explains.
#[must_use]
pub fn of(error: &AwsError) -> &'static str {
    if error.is("AWSOrganizationsNotInUseException") {
        return "OrganizationsNotInUse";
    }
    match error.class {
        ErrorClass::Denied => "AccessDenied",
        ErrorClass::Throttled => "Throttled",
        ErrorClass::Transient => "ReadFailed",
        ErrorClass::Terminal => "ReadRefused",
    }
}
