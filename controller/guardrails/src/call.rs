//! A request, taken apart once for all statements that are asked about it.

use std::cell::OnceCell;

use crate::evaluate::Request;
use crate::pattern::Action;

/// The name of a condition key.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// As it is written.
    pub(crate) name: Box<str>,
    follows: Option<Follows>,
}

/// What follows from the ARN of who calls.
#[derive(Clone, Copy, Debug)]
enum Follows {
    Account,
    Arn,
}

impl Key {
    /// A key of this name.
    pub(crate) fn new(name: &str) -> Self {
        let follows = if name.eq_ignore_ascii_case("aws:PrincipalArn") {
            Some(Follows::Arn)
        } else if name.eq_ignore_ascii_case("aws:PrincipalAccount") {
            Some(Follows::Account)
        } else {
            None
        };
        Self { name: name.into(), follows }
    }
}

/// The values of a condition key in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Values<'c> {
    /// It may have any value, or none.
    Unknown,
    /// It is not there, or has no value.
    Absent,
    /// It has this one.
    One(&'c str),
    /// It has these; more than one.
    Many(&'c [String]),
}

/// A request in its parts.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// The request.
    pub(crate) request: Request<'a>,
    /// Its action.
    pub(crate) action: Action<'a>,
    principal: Option<Principal<'a>>,
    /// ARN of the role whose session calls; made when it is asked for.
    role: OnceCell<String>,
}

/// Parts of the ARN of who calls.
#[derive(Clone, Copy, Debug)]
struct Principal<'a> {
    arn: &'a str,
    partition: &'a str,
    service: &'a str,
    account: &'a str,
    resource: &'a str,
}

impl<'a> Principal<'a> {
    fn new(arn: &'a str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':').skip(1);
        let (partition, service, _, account, resource) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        Some(Self { arn, partition, service, account, resource })
    }
}

impl<'a> Call<'a> {
    /// Takes a request apart.
    pub(crate) fn new(request: &Request<'a>) -> Self {
        let principal = request.principal.and_then(Principal::new);
        Self { request: *request, action: Action::new(request.action), principal, role: OnceCell::new() }
    }

    /// Whether what AWS does not define counts as not known, as do keys that are not there.
    pub(crate) fn is_careful(&self) -> bool {
        self.request.unknown_context
    }

    /// Whether a service-linked role calls: no service control policy affects it.
    pub(crate) fn is_service_linked(&self) -> bool {
        let role = |principal: &Principal<'_>| {
            principal.service == "iam" && principal.resource.starts_with("role/aws-service-role/")
        };
        self.principal.as_ref().is_some_and(role)
    }

    /// The values of a key; the names of condition keys have no case.
    pub(crate) fn values(&self, key: &Key) -> Values<'_> {
        let context = self.request.context;
        let known = context.get(&*key.name).or_else(|| {
            let same = |(name, _): &(&String, _)| name.eq_ignore_ascii_case(&key.name);
            context.iter().find(same).map(|(_, values)| values)
        });
        match known.map(Vec::as_slice) {
            Some([]) => return Values::Absent,
            Some([one]) => return Values::One(one),
            Some(several) => return Values::Many(several),
            None => {}
        }
        let follows = match key.follows {
            None => None,
            Some(Follows::Account) => self.principal.as_ref().map(|principal| principal.account),
            Some(Follows::Arn) => self.principal_arn(),
        };
        match follows {
            Some(value) => Values::One(value),
            None if self.is_careful() => Values::Unknown,
            None => Values::Absent,
        }
    }

    /// `aws:PrincipalArn`: for a session AWS has the ARN of its role there.
    fn principal_arn(&self) -> Option<&str> {
        let principal = self.principal.as_ref()?;
        let session = match principal.resource.strip_prefix("assumed-role/") {
            Some(session) if principal.service == "sts" => session,
            _ => return Some(principal.arn),
        };
        if self.is_careful() {
            // The role's path belongs to it, which the session's ARN does not tell.
            return None;
        }
        Some(self.role.get_or_init(|| {
            let role = session.split_once('/').map_or(session, |(role, _)| role);
            format!("arn:{}:iam::{}:role/{role}", principal.partition, principal.account)
        }))
    }
}
