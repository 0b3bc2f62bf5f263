//! SQS's own errors. The code is the shape's name as JSON clients see it; [`query_code`] is what the older protocol called
//! it, which SQS still sends in a header and which boto3 and the AWS CLI show.

use crate::call::ApiError;

/// Shapes of SQS's own model, with the code of the query protocol; all others come from the front end of AWS.
const SHAPES: [(&str, &str); 10] = [
    ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"),
    ("EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest"),
    ("TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"),
    ("BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"),
    ("InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId"),
    ("UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation"),
    ("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid"),
    ("InvalidAddress", "InvalidAddress"),
    ("InvalidAttributeName", "InvalidAttributeName"),
    ("InvalidMessageContents", "InvalidMessageContents"),
];

/// `__type` of an error.
#[must_use]
pub fn type_of(code: &str) -> String {
    let own = SHAPES.iter().any(|(shape, _)| *shape == code) || code == "RequestThrottled";
    format!("{}#{code}", if own { "com.amazonaws.sqs" } else { "com.amazon.coral.service" })
}

/// What the query protocol called an error.
#[must_use]
pub fn query_code(code: &str) -> &str {
    match code {
        "UnrecognizedClientException" => "InvalidClientTokenId",
        "InvalidSignatureException" => "SignatureDoesNotMatch",
        "UnknownOperationException" => "InvalidAction",
        "MissingRequiredParameterException" => "MissingParameter",
        _ => SHAPES
            .iter()
            .find(|(shape, _)| *shape == code)
            .map_or_else(|| code.trim_end_matches("Exception"), |(_, query)| query),
    }
}

/// There is no such queue in the account and Region.
pub(super) fn no_queue() -> ApiError {
    ApiError::bad_request("QueueDoesNotExist", "The specified queue does not exist.")
}

/// The queue's address is of another Region.
pub(super) fn wrong_address(region: &str) -> ApiError {
    let message = format!("The address https://sqs.{region}.amazonaws.com/ is not valid for this endpoint.");
    ApiError::bad_request("InvalidAddress", message)
}

/// A parameter is missing.
pub(super) fn missing(name: &str) -> ApiError {
    let message = format!("The request must contain the parameter {name}.");
    ApiError::bad_request("MissingRequiredParameterException", message)
}

/// A parameter has a value that it must not have.
pub(super) fn invalid(name: &str, value: &str, reason: &str) -> ApiError {
    let message = format!("Value {value} for parameter {name} is invalid. Reason: {reason}");
    ApiError::bad_request("InvalidParameterValueException", message)
}

/// A parameter has the wrong JSON type.
pub(super) fn unreadable(name: &str) -> ApiError {
    ApiError::bad_request("SerializationException", format!("{name}: unexpected type"))
}

/// The text is no receipt handle of the queue.
pub(super) fn bad_handle(handle: &str) -> ApiError {
    let message = format!("The input receipt handle \"{handle}\" is not a valid receipt handle.");
    ApiError::bad_request("ReceiptHandleIsInvalid", message)
}

/// The caller may not use the queue of another account.
pub(super) fn denied(principal: &str, operation: &str, arn: &str) -> ApiError {
    let action = format!("sqs:{}", operation.to_ascii_lowercase());
    let message = format!(
        "User: {principal} is not authorized to perform: {action} on resource: {arn} because no resource-based policy allows the {action} action"
    );
    ApiError::new(403, "AccessDeniedException", message)
}
