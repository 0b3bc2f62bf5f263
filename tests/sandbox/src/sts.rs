//! AWS STS: who am I, and sessions of roles.

use jiff::SignedDuration;
use jiff::fmt::strtime;
use serde_json::{Value, json};

use crate::call::{Answer, ApiError, Call};
use crate::identity::{Identities, Issued, Principal};

/// The operations.
const OPERATIONS: &[&str] = &["GetCallerIdentity", "AssumeRole", "AssumeRoleWithWebIdentity"];
/// Members that would narrow a session; taking them and not doing so would be a lie.
const NOT_MODELLED: &[&str] = &["Policy", "PolicyArns", "SerialNumber", "TokenCode"];

/// Whether there is such an operation here.
#[must_use]
pub fn knows(operation: &str) -> bool {
    OPERATIONS.contains(&operation)
}

/// Answers one call; `caller` is `None` for the one operation that needs no signature.
pub fn handle(identities: &mut Identities, caller: Option<&Principal>, call: &Call) -> Answer {
    match (call.operation.as_str(), caller) {
        ("GetCallerIdentity", Some(caller)) => {
            Ok(json!({"UserId": caller.user_id, "Account": caller.account, "Arn": caller.arn}))
        }
        ("AssumeRole", Some(caller)) => assume_role(identities, caller, call),
        ("AssumeRoleWithWebIdentity", _) => assume_role_with_web_identity(identities, call),
        _ => Err(unknown_action(&call.operation)),
    }
}

/// The error for an operation that STS does not have.
#[must_use]
pub fn unknown_action(operation: &str) -> ApiError {
    ApiError::bad_request("InvalidAction", format!("Could not find operation {operation} for version 2011-06-15"))
}

/// The error for a caller who may not do something, in the words of IAM.
#[must_use]
pub fn access_denied(arn: &str, action: &str, resource: &str) -> ApiError {
    let message = format!("User: {arn} is not authorized to perform: {action} on resource: {resource}");
    ApiError::new(403, "AccessDenied", message)
}

fn assume_role(identities: &mut Identities, caller: &Principal, call: &Call) -> Answer {
    let wanted = Wanted::read(call)?;
    let external_id = text(call, "ExternalId", 2, 1224, "+=,.@:/-")?;
    let role = identities.role(wanted.role).filter(|role| {
        let external = role.entry.external_id.as_deref();
        role.trusts(caller) && (external.is_none() || external == external_id)
    });
    // A role that does not exist, does not trust the caller or wants another external id: AWS does not say which.
    let role = role.ok_or_else(|| access_denied(&caller.arn, "sts:AssumeRole", wanted.role))?;
    let most =
        if caller.role.is_some() { 3600.min(role.entry.max_session_seconds) } else { role.entry.max_session_seconds };
    if wanted.seconds > most {
        let why = if caller.role.is_some() {
            "the 1 hour session limit for roles assumed by role chaining"
        } else {
            "the MaxSessionDuration set for this role"
        };
        return Err(validation(format!("The requested DurationSeconds exceeds {why}.")));
    }
    wanted.issue(identities).map(|issued| shown(&issued))
}

fn assume_role_with_web_identity(identities: &mut Identities, call: &Call) -> Answer {
    let wanted = Wanted::read(call)?;
    let token = call.input.get("WebIdentityToken").and_then(Value::as_str).unwrap_or_default();
    if token.trim().len() < 4 {
        let message = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)";
        return Err(ApiError::bad_request("InvalidIdentityToken", message));
    }
    let role = identities.role(wanted.role).filter(|role| role.trusts_web_identity());
    let denied = || ApiError::new(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity");
    if wanted.seconds > role.ok_or_else(denied)?.entry.max_session_seconds {
        return Err(validation("The requested DurationSeconds exceeds the MaxSessionDuration set for this role."));
    }
    let issued = wanted.issue(identities)?;
    let mut shown = shown(&issued);
    if let Some(members) = shown.as_object_mut() {
        members.insert("SubjectFromWebIdentityToken".into(), json!("system:serviceaccount:sandbox:operator"));
        members.insert("Provider".into(), json!("aws-sandbox"));
        members.insert("Audience".into(), json!("sts.amazonaws.com"));
    }
    Ok(shown)
}

/// What both operations ask for.
struct Wanted<'a> {
    role: &'a str,
    session: &'a str,
    seconds: i64,
}

impl<'a> Wanted<'a> {
    fn read(call: &'a Call) -> Result<Self, ApiError> {
        let given =
            |name: &&&str| call.input.as_object().is_some_and(|input| input.keys().any(|key| key.starts_with(**name)));
        if let Some(name) = NOT_MODELLED.iter().find(given) {
            return Err(validation(format!("aws-sandbox does not model {name}, and does not pretend to.")));
        }
        let missing = |name: &str| {
            validation(format!(
                "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
            ))
        };
        let role = text(call, "RoleArn", 20, 2048, ANY)?.ok_or_else(|| missing("roleArn"))?;
        if !role.starts_with("arn:") || !role.contains(":role/") {
            return Err(validation(format!("{role} is invalid")));
        }
        let session = text(call, "RoleSessionName", 2, 64, "+=,.@-")?.ok_or_else(|| missing("roleSessionName"))?;
        let seconds = text(call, "DurationSeconds", 1, 20, ANY)?.map_or(Ok(3600), str::parse::<i64>);
        let seconds =
            seconds.map_err(|_| ApiError::bad_request("MalformedInput", "DurationSeconds is not a number"))?;
        if !(900..=43_200).contains(&seconds) {
            return Err(constraint(&seconds.to_string(), "DurationSeconds", "must have value between 900 and 43200"));
        }
        Ok(Self { role, session, seconds })
    }

    fn issue(&self, identities: &mut Identities) -> Result<Issued, ApiError> {
        let length = SignedDuration::from_secs(self.seconds);
        let issued = identities.issue(self.role, self.session, length);
        issued.ok_or_else(|| ApiError::new(500, "InternalFailure", "the role vanished"))
    }
}

const ANY: &str = "";

/// A text parameter of a length, made of word characters and `extra` unless that is [`ANY`].
fn text<'a>(call: &'a Call, name: &str, least: usize, most: usize, extra: &str) -> Result<Option<&'a str>, ApiError> {
    let Some(text) = call.input.get(name).and_then(Value::as_str) else { return Ok(None) };
    let length = text.chars().count();
    if length < least {
        return Err(constraint(text, name, &format!("must have length greater than or equal to {least}")));
    }
    if length > most {
        return Err(constraint(text, name, &format!("must have length less than or equal to {most}")));
    }
    if extra != ANY && !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || extra.contains(c)) {
        return Err(constraint(text, name, &format!("must satisfy regular expression pattern: [\\w{extra}]*")));
    }
    Ok(Some(text))
}

fn constraint(value: &str, name: &str, what: &str) -> ApiError {
    let (first, rest) = name.split_at_checked(1).unwrap_or((name, ""));
    let member = format!("{}{rest}", first.to_ascii_lowercase());
    validation(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member {what}"
    ))
}

fn validation(message: impl Into<String>) -> ApiError {
    ApiError::bad_request("ValidationError", message)
}

fn shown(issued: &Issued) -> Value {
    let expiration = strtime::format("%Y-%m-%dT%H:%M:%SZ", issued.expiration).unwrap_or_default();
    json!({
        "Credentials": {
            "AccessKeyId": issued.access_key_id,
            "SecretAccessKey": issued.secret_access_key,
            "SessionToken": issued.session_token,
            "Expiration": expiration,
        },
        "AssumedRoleUser": {"AssumedRoleId": issued.principal.user_id, "Arn": issued.principal.arn},
    })
}
