//! The wire protocols: AWS JSON 1.1 (Organizations) and 1.0 (SQS), REST-JSON (Security Hub), Query with XML answers (STS).

use std::collections::BTreeMap;

use http::{HeaderMap, Method, Uri};
use serde_json::{Map, Value, json};

use crate::call::{Answer, ApiError};
use crate::{organizations, securityhub, sqs, sts};

const ORGANIZATIONS_TARGET: &str = "AWSOrganizationsV20161128.";
const SQS_TARGET: &str = "AmazonSQS.";
const STS_NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// A service of the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// AWS Organizations, AWS JSON 1.1.
    Organizations,
    /// Security Hub CSPM, REST-JSON.
    SecurityHub,
    /// STS, Query.
    Sts,
    /// SQS, AWS JSON 1.0 with the error codes of its older query protocol.
    Sqs,
}

/// A request as the service's protocol reads it.
#[derive(Debug, Clone)]
pub struct Request {
    /// Operation as the caller names it, whether it exists or not.
    pub operation: String,
    /// Whether it exists.
    pub known: bool,
    /// Parameters.
    pub input: Value,
    /// Query parameters, decoded.
    pub query: BTreeMap<String, String>,
}

/// What goes back over HTTP.
#[derive(Debug)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// `x-amzn-ErrorType`.
    pub error_type: Option<String>,
    /// `x-amzn-query-error`.
    pub query_error: Option<String>,
    /// Body.
    pub body: String,
}

impl Service {
    /// The service of a signing name.
    #[must_use]
    pub fn signed(name: &str) -> Option<Self> {
        match name {
            "organizations" => Some(Self::Organizations),
            "securityhub" => Some(Self::SecurityHub),
            "sts" => Some(Self::Sts),
            "sqs" => Some(Self::Sqs),
            _ => None,
        }
    }

    /// Its best guess for a request without a usable signature, to refuse it in the right form.
    #[must_use]
    pub fn guessed(headers: &HeaderMap) -> Self {
        let is_form = headers
            .get("content-type")
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
        match (target(headers), is_form) {
            (Some(target), _) if target.starts_with(SQS_TARGET) => Self::Sqs,
            (Some(_), _) => Self::Organizations,
            (None, true) => Self::Sts,
            (None, false) => Self::SecurityHub,
        }
    }

    /// Signing name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Organizations => "organizations",
            Self::SecurityHub => "securityhub",
            Self::Sts => "sts",
            Self::Sqs => "sqs",
        }
    }

    /// Reads a request; the error is the service's own.
    pub fn read(self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Request, ApiError> {
        let query = form(uri.query().unwrap_or_default());
        match self {
            Self::Organizations => read_json(headers, body, query, ORGANIZATIONS_TARGET, organizations::knows),
            Self::Sqs => read_json(headers, body, query, SQS_TARGET, sqs::knows),
            Self::SecurityHub => read_rest(method, uri, body, query),
            Self::Sts => Ok(read_query(body, query)),
        }
    }

    /// The error for an operation that does not exist.
    #[must_use]
    pub fn unknown_operation(self, operation: &str) -> ApiError {
        match self {
            Self::Organizations | Self::Sqs => ApiError::bad_request(
                "UnknownOperationException",
                "The requested operation is not supported by aws-sandbox.",
            ),
            Self::SecurityHub => {
                ApiError::new(404, "UnknownOperationException", format!("{operation} is not supported by aws-sandbox."))
            }
            Self::Sts => sts::unknown_action(operation),
        }
    }

    /// A refusal that all services share: code and status for JSON services, code for STS, message.
    #[must_use]
    pub fn refusal(self, json_code: &str, query_code: &str, message: impl Into<String>) -> ApiError {
        match self {
            Self::Organizations => ApiError::bad_request(json_code, message),
            Self::SecurityHub | Self::Sqs => ApiError::new(403, json_code, message),
            Self::Sts => ApiError::new(403, query_code, message),
        }
    }

    /// Too many requests.
    #[must_use]
    pub fn throttled(self) -> ApiError {
        match self {
            Self::Organizations => {
                let mut error = ApiError::bad_request("TooManyRequestsException", "Rate exceeded");
                error.members = json!({"Type": "THROTTLING"});
                error
            }
            Self::SecurityHub => ApiError::new(429, "TooManyRequestsException", "Too Many Requests"),
            Self::Sts => ApiError::bad_request("Throttling", "Rate exceeded"),
            Self::Sqs => ApiError::bad_request("RequestThrottled", "Request is throttled."),
        }
    }

    /// The service broke.
    #[must_use]
    pub fn broken(self) -> ApiError {
        let message = "An internal service error has occurred. Try again later.";
        match self {
            Self::Organizations => ApiError::new(500, "ServiceException", message),
            Self::SecurityHub => ApiError::new(500, "InternalException", message),
            Self::Sts | Self::Sqs => ApiError::new(500, "InternalFailure", message),
        }
    }

    /// The answer in the service's protocol.
    #[must_use]
    pub fn write(self, operation: &str, answer: &Answer, request_id: &str) -> Reply {
        match (self, answer) {
            (Self::Sts, Ok(output)) => reply(200, "text/xml", sts_answer(operation, output, request_id)),
            (Self::Sts, Err(error)) => reply(error.status, "text/xml", sts_error(error, request_id)),
            (_, Ok(output)) => reply(200, self.content_type(), output.to_string()),
            (_, Err(error)) => {
                let reply = reply(error.status, self.content_type(), self.json_error(error).to_string());
                if self == Self::Sqs {
                    let side = if error.status < 500 { "Sender" } else { "Receiver" };
                    let query_error = format!("{};{side}", sqs::query_code(&error.code));
                    return Reply { query_error: Some(query_error), ..reply };
                }
                Reply { error_type: Some(error.code.clone()), ..reply }
            }
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Organizations => "application/x-amz-json-1.1",
            Self::SecurityHub => "application/json",
            Self::Sts => "text/xml",
            Self::Sqs => "application/x-amz-json-1.0",
        }
    }

    fn json_error(self, error: &ApiError) -> Value {
        let mut body = Map::new();
        if self == Self::Sqs {
            return json!({"__type": sqs::type_of(&error.code), "message": error.message});
        }
        if self == Self::Organizations {
            body.insert("__type".to_owned(), json!(error.code));
            // Errors of the front end, before the service itself is reached, spell it small.
            if is_front_end(&error.code) {
                body.insert("message".to_owned(), json!(error.message));
                return Value::Object(body);
            }
        } else {
            body.insert("Code".to_owned(), json!(error.code));
        }
        body.insert("Message".to_owned(), json!(error.message));
        body.extend(error.members.as_object().cloned().unwrap_or_default());
        Value::Object(body)
    }
}

fn is_front_end(code: &str) -> bool {
    matches!(
        code,
        "UnrecognizedClientException"
            | "ExpiredTokenException"
            | "IncompleteSignatureException"
            | "InvalidSignatureException"
            | "MissingAuthenticationTokenException"
            | "UnknownOperationException"
            | "SerializationException"
    )
}

fn reply(status: u16, content_type: &'static str, body: String) -> Reply {
    Reply { status, content_type, error_type: None, query_error: None, body }
}

fn target(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-amz-target").map(|value| value.to_str().unwrap_or_default())
}

fn read_json(
    headers: &HeaderMap,
    body: &[u8],
    query: BTreeMap<String, String>,
    prefix: &str,
    exists: fn(&str) -> bool,
) -> Result<Request, ApiError> {
    let asked = target(headers).unwrap_or_default();
    let known = asked.strip_prefix(prefix).filter(|operation| exists(operation));
    let operation = known.or_else(|| asked.rsplit('.').next()).unwrap_or_default().to_owned();
    let input = object(body)?;
    Ok(Request { operation, known: known.is_some(), input: Value::Object(input), query })
}

fn read_rest(method: &Method, uri: &Uri, body: &[u8], query: BTreeMap<String, String>) -> Result<Request, ApiError> {
    let Some((operation, labels)) = securityhub::operation_of(method, uri.path()) else {
        let operation = format!("{method} {}", uri.path());
        return Ok(Request { operation, known: false, input: json!({}), query });
    };
    let mut input = object(body)?;
    input.extend(query.iter().chain(&labels).map(|(name, value)| (name.clone(), json!(value))));
    Ok(Request { operation: operation.to_owned(), known: true, input: Value::Object(input), query })
}

fn read_query(body: &[u8], query: BTreeMap<String, String>) -> Request {
    let mut input = query.clone();
    input.extend(form(&String::from_utf8_lossy(body)));
    let operation = input.remove("Action").unwrap_or_default();
    let version = input.remove("Version");
    let known = version.as_deref() == Some("2011-06-15") && sts::knows(&operation);
    Request { operation, known, input: json!(input), query }
}

fn object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => {
            Err(ApiError::bad_request("SerializationException", "Start of structure or map found where not expected."))
        }
        Err(error) => {
            Err(ApiError::bad_request("SerializationException", format!("The request is not valid JSON: {error}")))
        }
    }
}

/// `a=1&b=x%20y`, decoded.
#[must_use]
pub fn form(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = if *first == b'%' { tail.get(..2).and_then(|digits| hex::decode(digits).ok()) } else { None };
        rest = if let Some(escaped) = escaped {
            bytes.extend(escaped);
            &tail[2..]
        } else {
            bytes.push(if *first == b'+' { b' ' } else { *first });
            tail
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn sts_answer(operation: &str, output: &Value, request_id: &str) -> String {
    format!(
        "<{operation}Response xmlns=\"{STS_NAMESPACE}\"><{operation}Result>{}</{operation}Result><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>",
        xml(output)
    )
}

fn sts_error(error: &ApiError, request_id: &str) -> String {
    let side = if error.status < 500 { "Sender" } else { "Receiver" };
    format!(
        "<ErrorResponse xmlns=\"{STS_NAMESPACE}\"><Error><Type>{side}</Type><Code>{}</Code><Message>{}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>",
        escape(&error.code),
        escape(&error.message)
    )
}

fn xml(value: &Value) -> String {
    let element = |name: &str, value: &Value| format!("<{name}>{}</{name}>", xml(value));
    match value {
        Value::Object(members) => members.iter().map(|(name, value)| element(name, value)).collect::<Vec<_>>().concat(),
        Value::Array(items) => items.iter().map(|item| element("member", item)).collect::<Vec<_>>().concat(),
        Value::String(text) => escape(text),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
