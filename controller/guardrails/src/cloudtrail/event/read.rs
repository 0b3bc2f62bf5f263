//! An event from its JSON. What is needed is kept as it is written; of all else only the grammar counts.

use std::borrow::Cow;

use soc2_asff::json::{Scanner, Wrong};

use super::{Event, Identity, Text};

type Result<T> = std::result::Result<T, Wrong>;

/// Reads the event at the place; or the name of what is not of the type that it has to be.
pub(in super::super) fn read<'a>(
    scanner: &mut Scanner<'a, '_>,
) -> Result<std::result::Result<Event<'a>, &'static str>> {
    if scanner.peek() != b'{' {
        return scanner.pass().map(|()| Err("the record"));
    }
    let mut reader = Reader { event: Event::default(), odd: None };
    scanner.object(|scanner, key| reader.top(scanner, key))?;
    Ok(reader.odd.map_or(Ok(reader.event), Err))
}

struct Reader<'a> {
    event: Event<'a>,
    /// What is not of the type that it has to be.
    odd: Option<&'static str>,
}

impl<'a> Reader<'a> {
    fn top(&mut self, scanner: &mut Scanner<'a, '_>, key: &str) -> Result<()> {
        let Self { event, odd } = self;
        match key {
            "eventTime" => event.time = text(scanner, "eventTime", odd)?.unwrap_or_default(),
            "eventSource" => event.source = text(scanner, "eventSource", odd)?.unwrap_or_default(),
            "eventName" => event.name = text(scanner, "eventName", odd)?.unwrap_or_default(),
            "awsRegion" => event.aws_region = text(scanner, "awsRegion", odd)?,
            "sourceIPAddress" => event.source_ip_address = text(scanner, "sourceIPAddress", odd)?,
            "errorCode" => event.error_code = text(scanner, "errorCode", odd)?,
            "errorMessage" => event.error_message = text(scanner, "errorMessage", odd)?,
            "eventType" => event.kind = text(scanner, "eventType", odd)?,
            "vpcEndpointId" => event.vpc_endpoint_id = text(scanner, "vpcEndpointId", odd)?,
            "userIdentity" => event.user_identity = identity(scanner, odd)?,
            "resources" => resources(scanner, &mut event.resources, odd)?,
            _ => scanner.pass()?,
        }
        Ok(())
    }
}

fn identity<'a>(scanner: &mut Scanner<'a, '_>, odd: &mut Option<&'static str>) -> Result<Option<Identity<'a>>> {
    let (mut found, mut inner) = (Identity::default(), None);
    let is_there = object(scanner, "userIdentity", odd, |scanner, key| {
        let odd = &mut inner;
        match key {
            "type" => found.kind = text(scanner, "userIdentity.type", odd)?.unwrap_or_default(),
            "arn" => found.arn = text(scanner, "userIdentity.arn", odd)?,
            "accountId" => found.account_id = text(scanner, "userIdentity.accountId", odd)?,
            "principalId" => found.principal_id = text(scanner, "userIdentity.principalId", odd)?,
            "userName" => found.user_name = text(scanner, "userIdentity.userName", odd)?,
            "invokedBy" => found.invoked_by = text(scanner, "userIdentity.invokedBy", odd)?,
            "sessionContext" => session(scanner, &mut found, odd)?,
            _ => scanner.pass()?,
        }
        Ok(())
    })?;
    *odd = odd.or(inner);
    Ok(is_there.then_some(found))
}

fn session<'a>(scanner: &mut Scanner<'a, '_>, found: &mut Identity<'a>, odd: &mut Option<&'static str>) -> Result<()> {
    const ISSUER: &str = "userIdentity.sessionContext.sessionIssuer";
    const ATTRIBUTES: &str = "userIdentity.sessionContext.attributes";
    let mut inner = None;
    object(scanner, "userIdentity.sessionContext", odd, |scanner, key| match key {
        "sessionIssuer" => member(scanner, ISSUER, "arn", &mut found.session_issuer, &mut inner),
        "attributes" => member(scanner, ATTRIBUTES, "mfaAuthenticated", &mut found.mfa_authenticated, &mut inner),
        _ => scanner.pass(),
    })?;
    *odd = odd.or(inner);
    Ok(())
}

/// One text of an object.
fn member<'a>(
    scanner: &mut Scanner<'a, '_>,
    name: &'static str,
    wanted: &str,
    into: &mut Option<Text<'a>>,
    odd: &mut Option<&'static str>,
) -> Result<()> {
    let mut inner = None;
    object(scanner, name, odd, |scanner, key| {
        if key == wanted {
            *into = text(scanner, name, &mut inner)?;
            return Ok(());
        }
        scanner.pass()
    })?;
    *odd = odd.or(inner);
    Ok(())
}

fn resources<'a>(
    scanner: &mut Scanner<'a, '_>,
    found: &mut Vec<Text<'a>>,
    odd: &mut Option<&'static str>,
) -> Result<()> {
    match scanner.peek() {
        b'[' => scanner.array(|scanner, _| {
            let mut arn = None;
            member(scanner, "resources", "ARN", &mut arn, odd)?;
            found.extend(arn);
            Ok(())
        }),
        b'n' => scanner.pass(),
        _ => {
            odd.get_or_insert("resources");
            scanner.pass()
        }
    }
}

/// The object at the place; `false` where there is none. `null` is as good as nothing.
fn object<'a, 'k>(
    scanner: &mut Scanner<'a, 'k>,
    name: &'static str,
    odd: &mut Option<&'static str>,
    member: impl FnMut(&mut Scanner<'a, 'k>, &str) -> Result<()>,
) -> Result<bool> {
    match scanner.peek() {
        b'{' => return scanner.object(member).map(|()| true),
        b'n' => {}
        _ => drop(odd.get_or_insert(name)),
    }
    scanner.pass().map(|()| false)
}

/// The text at the place.
fn text<'a>(
    scanner: &mut Scanner<'a, '_>,
    name: &'static str,
    odd: &mut Option<&'static str>,
) -> Result<Option<Cow<'a, str>>> {
    match scanner.peek() {
        b'"' => return scanner.string()?.decode().map(Some),
        b'n' => {}
        _ => drop(odd.get_or_insert(name)),
    }
    scanner.pass().map(|()| None)
}
