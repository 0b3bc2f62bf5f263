//! From what the SDK gives to an error that a person can act on.

use std::error::Error;

use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::error::SdkError;

use crate::error::{AwsError, ErrorClass};
use crate::fault::Fault;

/// AWS's own words are cut here; they end up in a status.
const LONGEST: usize = 500;

/// A call, as far as an error message needs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Called<'a> {
    pub service: &'static str,
    pub operation: &'static str,
    pub region: &'a str,
    /// ARN of the role that called; `None`: the operator's own credentials.
    pub role: Option<&'a str>,
    /// Account of the caller, where known.
    pub account: Option<&'a str>,
    /// What it was about: for `AssumeRole`, the role that was to be assumed; for SQS, the queue.
    pub subject: Option<&'a str>,
}

/// Who calls, by the ARN of the role, in words.
pub(crate) fn who(role: Option<&str>) -> String {
    role.map_or_else(|| "the operator's own credentials".to_owned(), |role| format!("role {role}"))
}

impl Called<'_> {
    fn who(&self) -> String {
        who(self.role)
    }

    fn account(&self) -> String {
        self.account.map_or_else(|| format!("the account of {}", self.who()), |account| format!("account {account}"))
    }

    /// The permission that the operation asks for: SQS's batches need what each of their entries needs.
    fn permission(&self) -> String {
        let operation = if self.service == "sqs" { self.operation.trim_end_matches("Batch") } else { self.operation };
        format!("{}:{operation}", self.service)
    }

    fn queue(&self) -> &str {
        self.subject.unwrap_or("the queue")
    }

    fn grant(&self) -> &'static str {
        if self.role.is_some() { "grant it to that role" } else { "grant it to them" }
    }
}

/// The error of a failed attempt.
pub(crate) fn explain<E: Error + Send + Sync + 'static>(
    called: &Called<'_>,
    error: &SdkError<E, HttpResponse>,
) -> AwsError {
    let action = format!("{}:{}", called.service, called.operation);
    match error {
        SdkError::ServiceError(context) => from_fault(called, &Fault::of(context.raw())),
        SdkError::ResponseError(context) if context.raw().status().is_success() => {
            let why = chain(error);
            AwsError::new(
                ErrorClass::Transient,
                "InvalidResponse",
                format!("{action}: the answer cannot be read: {why}"),
            )
        }
        SdkError::ResponseError(context) => from_fault(called, &Fault::of(context.raw())),
        SdkError::TimeoutError(_) => timeout(&action),
        SdkError::DispatchFailure(failure) => {
            if failure.is_timeout() {
                return timeout(&action);
            }
            let class = if failure.is_user() { ErrorClass::Terminal } else { ErrorClass::Transient };
            AwsError::new(class, "ConnectionError", format!("{action}: no connection to AWS: {}", chain(error)))
        }
        _ => AwsError::new(ErrorClass::Terminal, "InvalidRequest", format!("{action}: {}", chain(error))),
    }
}

fn timeout(action: &str) -> AwsError {
    AwsError::new(ErrorClass::Transient, "Timeout", format!("{action}: AWS did not answer in time"))
}

/// An error and its sources, outermost first.
fn sources<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    fn source<'a>(error: &&'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
        (**error).source()
    }
    std::iter::successors(Some(error), source)
}

/// What an error and its sources say, outermost first, each thing once.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    for error in sources(error) {
        let text = error.to_string();
        if !said.iter().any(|earlier| earlier.contains(&text)) {
            said.push(text);
        }
    }
    plain(&said.join(": "))
}

/// One line of printable text that is not too long.
fn plain(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

fn from_fault(called: &Called<'_>, fault: &Fault) -> AwsError {
    let class = fault.class();
    // A stand-in for AWS that does not know an operation often says no more than 404.
    let code = match (&fault.code, fault.status) {
        (Some(code), _) => code.clone(),
        (None, 404) => "UnknownOperationException".to_owned(),
        (None, status) => format!("Http{status}"),
    };
    let said = match (&fault.message, &fault.reason) {
        (Some(message), Some(reason)) => format!(": {} ({})", plain(message), plain(reason)),
        (Some(message), None) => format!(": {}", plain(message)),
        (None, Some(reason)) => format!(": {}", plain(reason)),
        (None, None) => String::new(),
    };
    let message = advice(called, class, code.trim_end_matches("Exception"), &said)
        .unwrap_or_else(|| format!("{}:{} failed with {code}{said}", called.service, called.operation));
    AwsError::new(class, code, message)
}

/// What to do about the errors that people can do something about.
fn advice(called: &Called<'_>, class: ErrorClass, code: &str, said: &str) -> Option<String> {
    let (service, operation, region) = (called.service, called.operation, called.region);
    let (who, account) = (called.who(), called.account());
    Some(match (service, code) {
        (_, "InvalidClientTokenId" | "UnrecognizedClient" | "SignatureDoesNotMatch" | "InvalidSignature") => format!(
            "{service}:{operation}: AWS does not accept the credentials of {who} in {region}: check them, and that the Region is enabled in \
             {account}{said}"
        ),
        (_, "ExpiredToken" | "RequestExpired") => {
            format!("{service}:{operation}: the credentials of {who} have expired, and there are no newer ones{said}")
        }
        ("sts", "AccessDenied") if operation == "AssumeRole" => {
            let role = called.subject.unwrap_or("the role");
            format!("assuming {role} was denied: check that the role exists, its trust policy and the external id{said}")
        }
        ("sts", "RegionDisabled") => format!("STS is not enabled in {region} for {account}: enable it or use another Region for STS{said}"),
        ("organizations", "AccessDenied") => format!(
            "organizations:{operation} is not allowed for {who}: {}; only the management account and delegated administrators may call \
             it{said}",
            called.grant()
        ),
        ("organizations", "AWSOrganizationsNotInUse") => format!(
            "AWS Organizations is not in use in {account}: create the organization, or name a role of its management account or of a delegated \
             administrator"
        ),
        ("organizations", "PolicyTypeNotEnabled") => {
            "service control policies are not enabled in the organization: enable the policy type SERVICE_CONTROL_POLICY in its root".to_owned()
        }
        ("securityhub", "InvalidAccess") if operation == "DescribeHub" || says_disabled(said) => {
            format!("Security Hub is not enabled in {account} in {region}: enable it or remove the Region")
        }
        ("securityhub", "ResourceNotFound") if operation == "DescribeHub" => {
            format!("Security Hub is not enabled in {account} in {region}: enable it or remove the Region")
        }
        ("sqs", "QueueDoesNotExist") => {
            format!("there is no queue {} in {account} in {region}: correct its URL, or create it{said}", called.queue())
        }
        ("sqs", "KmsAccessDenied") => format!(
            "{service}:{operation} on {}: {who} may not use the key that encrypts the queue: allow kms:Decrypt{said}",
            called.queue()
        ),
        ("sqs", _) if class == ErrorClass::Denied => format!(
            "{} on {} is not allowed for {who}: {}, and if the queue is of another account, in the queue's own policy too{said}",
            called.permission(),
            called.queue(),
            called.grant()
        ),
        (_, "UnknownOperation" | "InvalidAction") => format!("{service}:{operation} is not known at this endpoint{said}"),
        _ if class == ErrorClass::Denied => format!("{service}:{operation} is not allowed for {who}: {}{said}", called.grant()),
        _ => return None,
    })
}

fn says_disabled(said: &str) -> bool {
    ["not subscribed", "not enabled"].iter().any(|words| said.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(service: &'static str, operation: &'static str) -> Called<'static> {
        Called {
            service,
            operation,
            region: "eu-west-1",
            role: Some("arn:aws:iam::222222222222:role/soc2-read"),
            account: Some("222222222222"),
            subject: None,
        }
    }

    fn message(called: &Called<'_>, status: u16, code: &str, text: &str) -> AwsError {
        let fault = Fault {
            status,
            code: Some(code.to_owned()).filter(|code| !code.is_empty()),
            message: Some(text.to_owned()).filter(|text| !text.is_empty()),
            reason: None,
        };
        from_fault(called, &fault)
    }

    #[test]
    fn messages_say_what_is_missing() {
        let list = called("organizations", "ListAccounts");
        let error = message(&list, 400, "AccessDeniedException", "You don't have permissions to access this resource.");
        assert_eq!(error.class, ErrorClass::Denied);
        assert_eq!(
            error.message,
            "organizations:ListAccounts is not allowed for role arn:aws:iam::222222222222:role/soc2-read: grant it to that role; only the \
             management account and delegated administrators may call it: You don't have permissions to access this resource."
        );

        let error = message(&list, 400, "AWSOrganizationsNotInUseException", "x");
        assert_eq!(error.class, ErrorClass::Terminal);
        assert!(error.message.starts_with("AWS Organizations is not in use in account 222222222222: "), "{error}");

        let error = message(&called("securityhub", "DescribeHub"), 401, "InvalidAccessException", "whatever");
        assert_eq!(error.class, ErrorClass::Terminal);
        assert!(error.is("InvalidAccess"));
        assert_eq!(
            error.message,
            "Security Hub is not enabled in account 222222222222 in eu-west-1: enable it or remove the Region"
        );

        let assume =
            Called { subject: Some("arn:aws:iam::111111111111:role/w"), role: None, ..called("sts", "AssumeRole") };
        let error = message(&assume, 403, "AccessDenied", "User: x is not authorized");
        assert_eq!(error.class, ErrorClass::Denied);
        assert!(error.message.starts_with("assuming arn:aws:iam::111111111111:role/w was denied: check "), "{error}");

        let error = message(&called("securityhub", "GetFindings"), 403, "AccessDeniedException", "");
        assert!(error.message.contains("securityhub:GetFindings is not allowed for role arn:"), "{error}");
    }

    #[test]
    fn messages_name_the_queue_and_the_permission_of_a_batch() {
        let url = "https://sqs.eu-west-1.amazonaws.com/222222222222/soc2";
        let delete = Called { subject: Some(url), ..called("sqs", "DeleteMessageBatch") };
        let error = message(&delete, 403, "AccessDeniedException", "User: x is not authorized");
        assert_eq!(error.class, ErrorClass::Denied);
        assert_eq!(
            error.message,
            format!(
                "sqs:DeleteMessage on {url} is not allowed for role arn:aws:iam::222222222222:role/soc2-read: grant it to that role, and \
                 if the queue is of another account, in the queue's own policy too: User: x is not authorized"
            )
        );
        let error = message(&delete, 400, "QueueDoesNotExist", "");
        assert_eq!(error.class, ErrorClass::Terminal);
        assert!(error.message.starts_with(&format!("there is no queue {url} in account 222222222222 in eu-west-1")));
        let error = message(&delete, 400, "KmsAccessDenied", "");
        assert_eq!(error.class, ErrorClass::Denied);
        assert!(error.message.contains("kms:Decrypt"), "{error}");
    }

    #[test]
    fn what_a_stand_in_lacks_is_terminal_and_recognisable() {
        let error = message(&called("securityhub", "GetEnabledStandards"), 404, "", "");
        assert_eq!((error.class, error.is("UnknownOperation")), (ErrorClass::Terminal, true));
        let error = message(&called("organizations", "ListRoots"), 400, "UnknownOperationException", "");
        assert_eq!((error.class, error.is("UnknownOperation")), (ErrorClass::Terminal, true));
    }

    #[test]
    fn long_and_multi_line_answers_are_cut() {
        let error = message(&called("securityhub", "GetFindings"), 400, "Odd", &"a\n\tb\u{7} ".repeat(1000));
        assert!(error.message.len() < 600 && error.message.ends_with("..."), "{error}");
        assert!(error.message.contains("failed with Odd: a b a b"), "{error}");
    }
}
