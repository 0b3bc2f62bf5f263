//! Security Hub's own errors, with the status and members that its model gives them.

use serde_json::{Value, json};

use crate::call::ApiError;

/// An error with `Code` beside the message, as all of Security Hub's errors have.
fn error(status: u16, code: &str, message: impl Into<String>) -> ApiError {
    let mut error = ApiError::new(status, code, message);
    if let Value::Object(members) = &mut error.members {
        members.insert("Code".to_owned(), json!(code));
    }
    error
}

/// The request has a value that is wrong or out of range.
pub(super) fn invalid_input(message: impl Into<String>) -> ApiError {
    error(400, "InvalidInputException", message)
}

/// Security Hub is off for the account, or the account is not in the position to call this.
pub(super) fn invalid_access(message: impl Into<String>) -> ApiError {
    error(401, "InvalidAccessException", message)
}

/// The caller may not do this.
pub(super) fn access_denied(message: impl Into<String>) -> ApiError {
    error(403, "AccessDeniedException", message)
}

/// What is named does not exist.
pub(super) fn not_found(message: impl Into<String>) -> ApiError {
    error(404, "ResourceNotFoundException", message)
}

/// Security Hub is not enabled for this account and Region.
pub(super) fn not_subscribed(account: &str) -> ApiError {
    invalid_access(format!("Account {account} is not subscribed to AWS Security Hub"))
}
