//! What an error response says, in any of the protocols: AWS JSON, REST-JSON, Query.

use aws_sdk_sts::config::http::HttpResponse;

use crate::error::ErrorClass;

/// An error response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fault {
    pub status: u16,
    /// AWS's error code, without namespace.
    pub code: Option<String>,
    pub message: Option<String>,
    /// `Reason`, which Organizations gives with `ConstraintViolationException` and `InvalidInputException`.
    pub reason: Option<String>,
}

impl Fault {
    /// Reads a response.
    pub(crate) fn of(response: &HttpResponse) -> Self {
        let header = response.headers().get("x-amzn-errortype");
        Self::read(response.status().as_u16(), header, response.body().bytes().unwrap_or_default())
    }

    fn read(status: u16, header: Option<&str>, body: &[u8]) -> Self {
        let mut fault = Self { status, ..Self::default() };
        if let Ok(serde_json::Value::Object(members)) = serde_json::from_slice(body) {
            let text = |names: &[&str]| {
                names.iter().find_map(|name| members.get(*name)).and_then(|value| value.as_str()).map(str::to_owned)
            };
            fault.code = text(&["code", "__type", "Code"]);
            fault.message = text(&["message", "Message", "errorMessage"]);
            fault.reason = text(&["Reason", "reason"]);
        } else if let Ok(text) = std::str::from_utf8(body) {
            fault.code = element(text, "Code");
            fault.message = element(text, "Message");
        }
        fault.code = header.map(str::to_owned).or(fault.code).as_deref().map(bare);
        fault
    }

    /// Whether a service control policy denied the call, explicitly or by allowing nothing, where AWS says so in its message.
    pub(crate) fn is_by_scp(&self) -> bool {
        let says = |message: &String| message.to_ascii_lowercase().contains("service control policy");
        self.class() == ErrorClass::Denied && self.message.as_ref().is_some_and(says)
    }

    /// What can be done about it.
    pub(crate) fn class(&self) -> ErrorClass {
        class_of(self.code.as_deref().unwrap_or_default(), self.status)
    }
}

/// The text of the first such element.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let plain = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    Some(plain.iter().fold(text.to_owned(), |text, (entity, plain)| text.replace(entity, plain)))
}

/// `com.amazonaws.x#Code:http://...` is `Code`.
fn bare(code: &str) -> String {
    let code = code.split_once(':').map_or(code, |(code, _)| code);
    code.rsplit_once('#').map_or(code, |(_, code)| code).to_owned()
}

/// Codes by class, without the suffix `Exception`. What is not here goes by HTTP status, and is terminal if that says nothing.
const CODES: &[(ErrorClass, &[&str])] = &[
    (
        ErrorClass::Throttled,
        &[
            "BandwidthLimitExceeded",
            "LimitExceeded",
            "PriorRequestNotComplete",
            "RequestLimitExceeded",
            "RequestThrottled",
            "SlowDown",
            "Throttled",
            "Throttling",
            "TooManyRequests",
        ],
    ),
    (
        ErrorClass::Transient,
        &[
            "ConcurrentModification",
            "FinalizingOrganization",
            "Internal",
            "InternalError",
            "InternalFailure",
            "InternalServerError",
            // Too many messages of a queue are in flight; their visibility timeouts end.
            "OverLimit",
            "PolicyChangesInProgress",
            "RequestTimeTooSkewed",
            "RequestTimeout",
            "Service",
            "ServiceUnavailable",
        ],
    ),
    (
        ErrorClass::Denied,
        &[
            "AccessDenied",
            "AccessDeniedForDependency",
            "AuthFailure",
            "ExpiredToken",
            "IncompleteSignature",
            "InvalidClientTokenId",
            "InvalidIdentityToken",
            "InvalidSignature",
            "KmsAccessDenied",
            "MissingAuthenticationToken",
            "NotAuthorized",
            "OptInRequired",
            "RequestExpired",
            "SignatureDoesNotMatch",
            "Unauthorized",
            "UnauthorizedOperation",
            "UnrecognizedClient",
        ],
    ),
    (ErrorClass::Terminal, &["InvalidAction", "UnknownOperation"]),
];

fn class_of(code: &str, status: u16) -> ErrorClass {
    let code = code.trim_end_matches("Exception");
    if let Some((class, _)) = CODES.iter().find(|(_, codes)| codes.contains(&code)) {
        return *class;
    }
    match status {
        429 => ErrorClass::Throttled,
        500.. => ErrorClass::Transient,
        401 | 403 if code.is_empty() => ErrorClass::Denied,
        _ => ErrorClass::Terminal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_in_every_protocol() {
        let json = br#"{"__type":"com.amazonaws.organizations.v20161128#ConstraintViolationException","Message":"no","Reason":"MAX"}"#;
        let fault = Fault::read(400, None, json);
        assert_eq!(fault.code.as_deref(), Some("ConstraintViolationException"));
        assert_eq!(fault.message.as_deref(), Some("no"));
        assert_eq!(fault.reason.as_deref(), Some("MAX"));

        let rest =
            Fault::read(401, Some("InvalidAccessException:http://x/"), br#"{"Message":"not subscribed","Code":"X"}"#);
        assert_eq!(rest.code.as_deref(), Some("InvalidAccessException"));
        assert_eq!(rest.message.as_deref(), Some("not subscribed"));

        let query = Fault::read(
            403,
            None,
            b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>a &lt;b&gt; &amp; c</Message></Error></ErrorResponse>",
        );
        assert_eq!(query.code.as_deref(), Some("AccessDenied"));
        assert_eq!(query.message.as_deref(), Some("a <b> & c"));

        for body in ["", "<html>Not Found</html>", "[1]", "\"x\"", "{\"code\":7}"] {
            assert_eq!(Fault::read(404, None, body.as_bytes()), Fault { status: 404, ..Fault::default() }, "{body}");
        }
    }

    #[test]
    fn a_denial_by_a_service_control_policy_is_told_from_others() {
        let user = "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: organizations:ListRoots";
        for (code, end, by_scp) in [
            ("AccessDeniedException", "with an explicit deny in a service control policy", true),
            ("AccessDenied", "on resource: * with an explicit deny in a service control policy: arn:aws:x", true),
            ("AccessDenied", "because no service control policy allows the organizations:ListRoots action", true),
            ("AccessDenied", "because no identity-based policy allows the organizations:ListRoots action", false),
            ("InvalidInputException", "is no service control policy", false),
        ] {
            let body = serde_json::json!({"__type": code, "message": format!("{user} {end}")});
            let fault = Fault::read(400, None, body.to_string().as_bytes());
            assert_eq!(fault.is_by_scp(), by_scp, "{code} {end}");
        }
        assert!(!Fault::default().is_by_scp());
    }

    #[test]
    fn classes_go_by_code_then_by_status() {
        use ErrorClass::{Denied, Terminal, Throttled, Transient};
        for (code, status, class) in [
            ("TooManyRequestsException", 400, Throttled),
            ("ThrottlingException", 400, Throttled),
            ("Throttling", 400, Throttled),
            ("LimitExceededException", 429, Throttled),
            ("", 429, Throttled),
            ("ConcurrentModificationException", 400, Transient),
            ("PolicyChangesInProgressException", 400, Transient),
            ("ServiceException", 500, Transient),
            ("InternalException", 500, Transient),
            ("Whatever", 503, Transient),
            ("", 502, Transient),
            ("ExpiredTokenException", 403, Denied),
            ("AccessDeniedException", 400, Denied),
            ("AccessDenied", 403, Denied),
            ("UnrecognizedClientException", 400, Denied),
            ("InvalidClientTokenId", 403, Denied),
            ("", 403, Denied),
            ("InvalidAccessException", 401, Terminal),
            ("AWSOrganizationsNotInUseException", 400, Terminal),
            ("ConstraintViolationException", 409, Terminal),
            ("InvalidInputException", 400, Terminal),
            ("UnknownOperationException", 400, Terminal),
            ("", 404, Terminal),
        ] {
            assert_eq!(class_of(code, status), class, "{code} {status}");
        }
    }
}
