//! A CloudTrail event, and the request that it records.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use soc2_posture::ids::AccountId;

mod read;

pub(super) use read::read;

use super::services;
use crate::evaluate::Request;
use crate::rule::RESOURCE;

/// Text that is only copied where it has escapes.
type Text<'a> = Cow<'a, str>;

/// What is read of an event. Its parameters are not: they are no condition keys.
#[derive(Debug, Default)]
pub struct Event<'a> {
    time: Text<'a>,
    source: Text<'a>,
    name: Text<'a>,
    aws_region: Option<Text<'a>>,
    source_ip_address: Option<Text<'a>>,
    error_code: Option<Text<'a>>,
    error_message: Option<Text<'a>>,
    kind: Option<Text<'a>>,
    vpc_endpoint_id: Option<Text<'a>>,
    user_identity: Option<Identity<'a>>,
    /// ARNs.
    resources: Vec<Text<'a>>,
}

#[derive(Debug, Default)]
struct Identity<'a> {
    kind: Text<'a>,
    arn: Option<Text<'a>>,
    account_id: Option<Text<'a>>,
    principal_id: Option<Text<'a>>,
    user_name: Option<Text<'a>>,
    invoked_by: Option<Text<'a>>,
    /// ARN of the role of a session.
    session_issuer: Option<Text<'a>>,
    mfa_authenticated: Option<Text<'a>>,
}

/// The condition keys that a record may have.
const TOLD: [&str; 10] = [
    "aws:RequestedRegion",
    "aws:SourceIp",
    "aws:SourceVpce",
    "aws:PrincipalAccount",
    "aws:PrincipalType",
    "aws:userid",
    "aws:username",
    "aws:MultiFactorAuthPresent",
    "aws:ViaAWSService",
    "aws:CurrentTime",
];

/// What an event has to do with service control policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It records no call to an API: a sign-in, or what a service did by itself.
    NoCall,
    /// The call did not succeed.
    Failed,
    /// A service called, or a service-linked role, or nobody whom policies could affect.
    NotAffected,
    /// A call that succeeded, by somebody of this account.
    Call(AccountId),
}

/// The value, where there is one.
fn value<'t>(text: Option<&'t Text<'_>>) -> Option<&'t str> {
    text.map(|text| &**text).filter(|text| !text.is_empty())
}

impl Event<'_> {
    /// What it has to do with service control policies.
    #[must_use]
    pub fn fate(&self) -> Fate {
        if value(self.kind.as_ref()).is_some_and(|kind| kind != "AwsApiCall") || self.name.is_empty() {
            return Fate::NoCall;
        }
        if value(self.error_code.as_ref()).is_some() {
            return Fate::Failed;
        }
        let Some(identity) = &self.user_identity else { return Fate::NotAffected };
        if identity.kind == "AWSService" || self.principal().is_some_and(is_service_linked) {
            return Fate::NotAffected;
        }
        self.account().map_or(Fate::NotAffected, Fate::Call)
    }

    /// The account of who calls.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        let own = self.user_identity.as_ref().and_then(|identity| value(identity.account_id.as_ref()));
        own.or_else(|| self.principal()?.split(':').nth(4))?.parse().ok()
    }

    /// Whether the call failed with these words in its message.
    #[must_use]
    pub fn is_denied(&self, words: &str) -> bool {
        value(self.error_code.as_ref()).is_some()
            && value(self.error_message.as_ref()).is_some_and(|message| message.contains(words))
    }

    /// ARN of who calls; of a session that of its role, with its path.
    #[must_use]
    pub fn principal(&self) -> Option<&str> {
        let identity = self.user_identity.as_ref()?;
        let role = value(identity.session_issuer.as_ref());
        role.filter(|_| identity.kind == "AssumedRole").or_else(|| value(identity.arn.as_ref()))
    }

    /// Prefix of the service and name of the action, as policies have them.
    #[must_use]
    pub fn action(&self) -> String {
        services::action(&self.source, &self.name)
    }

    /// When it was called, as CloudTrail writes it: in UTC, so that texts are in the order of the times.
    #[must_use]
    pub fn time(&self) -> &str {
        &self.time
    }

    /// ARNs of the resources that it names.
    pub fn resources(&self) -> impl Iterator<Item = &str> {
        self.resources.iter().filter_map(|arn| value(Some(arn)))
    }

    /// Writes who calls what in which Region.
    pub fn key(&self, account: AccountId, key: &mut String) {
        key.clear();
        let parts = [self.principal(), Some(&*self.source), Some(&*self.name), value(self.aws_region.as_ref())];
        for part in parts {
            key.push_str(part.unwrap_or_default());
            key.push('\n');
        }
        // The account is part of most principals, and of none where the principal is not known.
        let _ = write!(key, "{account}");
    }

    /// The condition keys that are the same for all events with this key.
    #[must_use]
    pub fn common(&self, account: AccountId) -> BTreeMap<String, Vec<String>> {
        let mut common = BTreeMap::from([("aws:PrincipalAccount".to_owned(), vec![account.to_string()])]);
        if let Some(region) = value(self.aws_region.as_ref()) {
            common.insert("aws:RequestedRegion".to_owned(), vec![region.to_owned()]);
        }
        common
    }

    /// The condition keys that follow from it; all others are not known.
    #[must_use]
    pub fn context(&self) -> BTreeMap<String, Vec<String>> {
        let identity = self.user_identity.as_ref();
        let kind = identity.map_or("", |identity| &*identity.kind);
        let by_service = identity.and_then(|identity| value(identity.invoked_by.as_ref()));
        let address = value(self.source_ip_address.as_ref()).filter(|text| text.parse::<IpAddr>().is_ok());
        let principal_type = match kind {
            "Root" => Some("Account"),
            "IAMUser" => Some("User"),
            "AssumedRole" | "FederatedUser" => Some(kind),
            _ => None,
        };
        let user = identity.filter(|_| kind == "IAMUser").and_then(|identity| value(identity.user_name.as_ref()));
        let pairs = [
            ("aws:RequestedRegion", value(self.aws_region.as_ref())),
            // The address is that of the caller only where no service called for it.
            ("aws:SourceIp", address.filter(|_| by_service.is_none())),
            ("aws:SourceVpce", value(self.vpc_endpoint_id.as_ref())),
            ("aws:PrincipalAccount", identity.and_then(|identity| value(identity.account_id.as_ref()))),
            ("aws:PrincipalType", principal_type),
            ("aws:userid", identity.and_then(|identity| value(identity.principal_id.as_ref()))),
            ("aws:username", user),
            ("aws:MultiFactorAuthPresent", identity.and_then(|identity| value(identity.mfa_authenticated.as_ref()))),
            ("aws:ViaAWSService", Some(if by_service.is_some() { "true" } else { "false" })),
            ("aws:CurrentTime", Some(self.time()).filter(|time| !time.is_empty())),
        ];
        let known = pairs.into_iter().filter_map(|(key, value)| Some((key.to_owned(), vec![value?.to_owned()])));
        known.collect()
    }

    /// Whether an answer that depends on this may be another one with all that a record tells: if not, it is the same for all events
    /// with this key.
    #[must_use]
    pub fn may_tell(missing: &str) -> bool {
        missing == RESOURCE || TOLD.iter().any(|key| key.eq_ignore_ascii_case(missing))
    }

    /// The request about one resource; an empty one is not known.
    #[must_use]
    pub fn request<'r>(
        &'r self,
        action: &'r str,
        resource: &'r str,
        context: &'r BTreeMap<String, Vec<String>>,
    ) -> Request<'r> {
        Request { principal: self.principal(), action, resource, context, unknown_context: true }
    }
}

fn is_service_linked(arn: &str) -> bool {
    arn.splitn(6, ':').nth(5).is_some_and(|resource| resource.starts_with("role/aws-service-role/"))
}

#[cfg(test)]
mod tests;
