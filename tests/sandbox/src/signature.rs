//! The `Authorization` header of Signature Version 4: who signed, for which Region and service.
//!
//! The scope is parsed strictly. The signature itself is not verified: the sandbox knows no secret keys.

use http::HeaderMap;

/// What a request's signature says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Id of the access key.
    pub access_key_id: String,
    /// Region that the request was signed for.
    pub region: String,
    /// Signing name of the service.
    pub service: String,
    /// The session token, for temporary credentials.
    pub session_token: Option<String>,
}

/// What is wrong with a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is no `Authorization` header.
    #[error("Missing Authentication Token")]
    Missing,
    /// The header lacks a part.
    #[error("{0}")]
    Incomplete(String),
    /// The scope contradicts itself or the request.
    #[error("{0}")]
    Invalid(String),
}

/// Reads the credential scope of a request.
pub fn scope(headers: &HeaderMap) -> Result<Scope, SignatureError> {
    let header = text(headers, "authorization").ok_or(SignatureError::Missing)?;
    let parts = header.strip_prefix("AWS4-HMAC-SHA256 ").ok_or_else(|| {
        SignatureError::Incomplete(format!("Unsupported algorithm in Authorization header: {header}"))
    })?;
    let part = |name: &str| {
        parts.split(',').map(str::trim).find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).ok_or_else(|| {
            SignatureError::Incomplete(format!(
                "Authorization header requires '{name}' parameter. Authorization={header}"
            ))
        })
    };
    let (credential, signed, signature) = (part("Credential")?, part("SignedHeaders")?, part("Signature")?);
    let date = text(headers, "x-amz-date").ok_or_else(|| {
        SignatureError::Incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.".into(),
        )
    })?;
    if !signed.split(';').any(|name| name == "host") {
        return Err(SignatureError::Invalid("'Host' must be a 'SignedHeader' in the AWS Authorization.".into()));
    }
    if signature.len() != 64 || !signature.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(SignatureError::Invalid("The request signature is not 64 hexadecimal digits.".into()));
    }
    parse_credential(credential, date, text(headers, "x-amz-security-token"))
}

fn parse_credential(credential: &str, date: &str, token: Option<&str>) -> Result<Scope, SignatureError> {
    let fields: Vec<&str> = credential.split('/').collect();
    let [access_key_id, day, region, service, terminator] = fields[..] else {
        return Err(SignatureError::Incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{credential}'"
        )));
    };
    let wrong = |what: String| Err(SignatureError::Invalid(what));
    if terminator != "aws4_request" {
        return wrong(format!(
            "Credential should be scoped with a valid terminator: 'aws4_request', not '{terminator}'."
        ));
    }
    if !is_date(date) {
        return wrong(format!("Date must be in ISO-8601 'basic format'. Got '{date}'."));
    }
    if date.get(..8) != Some(day) {
        return wrong(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{day}' != '{date}'."
        ));
    }
    if !is_region(region) {
        return wrong(format!("Credential should be scoped to a valid Region, not '{region}'."));
    }
    if access_key_id.is_empty() || service.is_empty() {
        return wrong("Credential should name an access key and a service.".into());
    }
    Ok(Scope {
        access_key_id: access_key_id.to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
        session_token: token.map(str::to_owned),
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// `20261101T120000Z`
fn is_date(date: &str) -> bool {
    let bytes = date.as_bytes();
    bytes.len() == 16
        && bytes.iter().enumerate().all(|(place, byte)| match place {
            8 => *byte == b'T',
            15 => *byte == b'Z',
            _ => byte.is_ascii_digit(),
        })
}

/// `us-east-1`, `us-gov-west-1`, `cn-north-1`: lower-case words and a number.
fn is_region(region: &str) -> bool {
    let parts: Vec<&str> = region.split('-').collect();
    let Some((number, words)) = parts.split_last() else { return false };
    (2..=3).contains(&words.len())
        && words.iter().all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()))
        && (1..=2).contains(&number.len())
        && number.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNATURE: &str = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";

    fn headers(credential: &str, date: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value =
            format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=content-type;host, Signature={SIGNATURE}");
        headers.insert("authorization", value.parse().unwrap());
        headers.insert("x-amz-date", date.parse().unwrap());
        headers
    }

    #[test]
    fn account_region_and_service_come_from_the_scope() {
        let mut signed = headers("AKIAX/20261101/eu-central-1/securityhub/aws4_request", "20261101T120000Z");
        signed.insert("x-amz-security-token", "token".parse().unwrap());
        let scope = scope(&signed).unwrap();
        assert_eq!((scope.access_key_id.as_str(), scope.region.as_str()), ("AKIAX", "eu-central-1"));
        assert_eq!((scope.service.as_str(), scope.session_token.as_deref()), ("securityhub", Some("token")));
    }

    #[test]
    fn a_scope_that_aws_would_refuse_is_refused() {
        for credential in [
            "AKIAX/20261101/eu-central-1/securityhub",
            "AKIAX/20261101/eu-central-1/securityhub/aws4",
            "AKIAX/20261102/eu-central-1/securityhub/aws4_request",
            "AKIAX/20261101/Frankfurt/securityhub/aws4_request",
            "AKIAX/20261101//securityhub/aws4_request",
            "/20261101/eu-central-1/securityhub/aws4_request",
        ] {
            assert!(scope(&headers(credential, "20261101T120000Z")).is_err(), "{credential}");
        }
        assert!(scope(&headers("AKIAX/20261101/eu-central-1/sts/aws4_request", "2026-11-01")).is_err());
        assert_eq!(scope(&HeaderMap::new()), Err(SignatureError::Missing));
        let mut unsigned_host = headers("AKIAX/20261101/eu-central-1/sts/aws4_request", "20261101T120000Z");
        unsigned_host.insert("authorization", format!("AWS4-HMAC-SHA256 Credential=AKIAX/20261101/eu-central-1/sts/aws4_request, SignedHeaders=x-amz-date, Signature={SIGNATURE}").parse().unwrap());
        assert!(matches!(scope(&unsigned_host), Err(SignatureError::Invalid(_))));
    }
}
