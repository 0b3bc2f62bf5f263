//! The errors of Organizations, in AWS's words.

use crate::call::ApiError;

pub(super) fn invalid(reason: &str, message: impl Into<String>) -> ApiError {
    ApiError::bad_request("InvalidInputException", message).with_reason(reason)
}

pub(super) fn constraint(reason: &str, message: impl Into<String>) -> ApiError {
    ApiError::bad_request("ConstraintViolationException", message).with_reason(reason)
}

/// The body of the request is no JSON of the right shape.
pub(super) fn serialization(message: impl Into<String>) -> ApiError {
    ApiError::bad_request("SerializationException", message)
}

pub(super) fn access_denied() -> ApiError {
    ApiError::bad_request("AccessDeniedException", "You don't have permissions to access this resource.")
}

/// The organization's delegation policy does not give an account a right.
pub(super) fn not_delegated(principal: &str, action: &str, resource: &str, why: &str) -> ApiError {
    let error = crate::sts::access_denied(principal, action, resource);
    ApiError::bad_request("AccessDeniedException", format!("{} {why}", error.message))
}

pub(super) fn not_in_use() -> ApiError {
    ApiError::bad_request("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
}

pub(super) fn unsupported_endpoint(region: &str, wanted: &str) -> ApiError {
    let message =
        format!("This action isn't available in the current Region ({region}). Use the endpoint in {wanted}.");
    ApiError::bad_request("UnsupportedAPIEndpointException", message)
}

/// The error that a write meets while another one is under way.
#[must_use]
pub fn concurrent_modification() -> ApiError {
    let message = "AWS Organizations can't complete your request because it conflicts with another attempt to modify \
                   the same entity. Try again later.";
    ApiError::bad_request("ConcurrentModificationException", message)
}

/// The error that a write may meet while AWS still applies an earlier one.
#[must_use]
pub fn changes_in_progress() -> ApiError {
    let message = "Changes to the effective policy are in progress, and its contents can't be returned. Try the \
                   operation again later.";
    ApiError::bad_request("PolicyChangesInProgressException", message)
}

pub(super) fn malformed(why: &str) -> ApiError {
    let message =
        format!("The provided policy document does not meet the requirements of the specified policy type. {why}");
    ApiError::bad_request("MalformedPolicyDocumentException", message)
}

macro_rules! plain {
    ($($name:ident => $code:literal, $message:literal;)*) => {
        $(pub(super) fn $name() -> ApiError {
            ApiError::bad_request($code, $message)
        })*
    };
}

plain! {
    policy_not_found => "PolicyNotFoundException", "We can't find a policy with the PolicyId that you specified.";
    target_not_found => "TargetNotFoundException", "We can't find a root, OU, account, or policy with the TargetId that you specified.";
    parent_not_found => "ParentNotFoundException", "We can't find a root or OU with the ParentId that you specified.";
    child_not_found => "ChildNotFoundException", "We can't find an organizational unit (OU) or AWS account with the ChildId that you specified.";
    ou_not_found => "OrganizationalUnitNotFoundException", "We can't find an OU with the OrganizationalUnitId that you specified.";
    account_not_found => "AccountNotFoundException", "You specified an account that doesn't exist.";
    root_not_found => "RootNotFoundException", "We can't find a root with the RootId that you specified.";
    source_not_found => "SourceParentNotFoundException", "We can't find a source root or OU with the ParentId that you specified.";
    destination_not_found => "DestinationParentNotFoundException", "We can't find the destination container (a root or OU) with the ParentId that you specified.";
    duplicate_account => "DuplicateAccountException", "That account is already present in the specified destination.";
    duplicate_policy => "DuplicatePolicyException", "A policy with the same name already exists.";
    duplicate_attachment => "DuplicatePolicyAttachmentException", "The selected policy is already attached to the specified target.";
    duplicate_ou => "DuplicateOrganizationalUnitException", "An OU with the same name already exists.";
    not_attached => "PolicyNotAttachedException", "The policy isn't attached to the specified target in the specified root.";
    in_use => "PolicyInUseException", "The policy is attached to one or more entities. You must detach it from all roots, OUs, and accounts before performing this operation.";
    type_not_enabled => "PolicyTypeNotEnabledException", "This operation can be performed only for enabled policy types.";
    type_already_enabled => "PolicyTypeAlreadyEnabledException", "The specified policy type is already enabled.";
    type_not_available => "PolicyTypeNotAvailableForOrganizationException", "You can't use the specified policy type with the feature set currently enabled for this organization.";
}
