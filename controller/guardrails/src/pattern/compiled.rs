//! Patterns that are taken apart once, so that matching one allocates nothing.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::{ARN_PARTS, Symbol, keep_in_segments, matches, matches_ignore_case, matches_symbols, symbols};

/// A pattern without variables.
#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    /// `*`.
    Anything,
    /// It has no wildcard.
    Exact(Box<str>),
    /// Its only wildcard is a `*` at its end; this is what stands before.
    Prefix(Box<str>),
    /// Any other: what stands before its first wildcard, and all from there.
    Glob(Box<str>, Box<str>),
}

impl Pattern {
    /// Takes a pattern apart.
    pub(crate) fn new(pattern: &str) -> Self {
        match pattern.split_at_checked(pattern.find(['*', '?']).unwrap_or(pattern.len())) {
            None | Some((_, "")) => Self::Exact(pattern.into()),
            Some(("", "*")) => Self::Anything,
            Some((start, "*")) => Self::Prefix(start.into()),
            Some((start, rest)) => Self::Glob(start.into(), rest.into()),
        }
    }

    /// Whether a text matches as a whole.
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Anything => true,
            Self::Exact(wanted) => **wanted == *text,
            Self::Prefix(start) => text.starts_with(&**start),
            Self::Glob(start, rest) => text.strip_prefix(&**start).is_some_and(|text| matches(rest, text)),
        }
    }

    /// The same, whatever the case of ASCII letters.
    fn matches_ignore_case(&self, text: &str) -> bool {
        let after = |start: &str| {
            let (before, after) = text.split_at_checked(start.len())?;
            before.eq_ignore_ascii_case(start).then_some(after)
        };
        match self {
            Self::Anything => true,
            Self::Exact(wanted) => wanted.eq_ignore_ascii_case(text),
            Self::Prefix(start) => after(start).is_some(),
            Self::Glob(start, rest) => after(start).is_some_and(|text| matches_ignore_case(rest, text)),
        }
    }
}

/// An action of a request, such as `s3:GetObject`, in its parts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Action<'a> {
    whole: &'a str,
    parts: Option<(&'a str, &'a str)>,
}

impl<'a> Action<'a> {
    /// Splits it at its first colon.
    pub(crate) fn new(whole: &'a str) -> Self {
        Self { whole, parts: whole.split_once(':') }
    }
}

/// The patterns of an `Action` or `NotAction`, by the service that they name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Actions {
    everything: bool,
    /// In order of their names.
    services: Vec<Service>,
    /// Those with a wildcard before the colon, or without a colon.
    others: Vec<Pattern>,
}

/// What is named of one service, without its prefix.
#[derive(Clone, Debug, Default)]
struct Service {
    /// In lower case.
    name: Box<str>,
    /// Names without wildcards, in lower case and in order.
    exact: Vec<Box<str>>,
    patterns: Vec<Pattern>,
}

impl Actions {
    /// Sorts patterns by service.
    pub(crate) fn new(patterns: &[String]) -> Self {
        let mut actions = Self::default();
        let mut services: BTreeMap<String, Service> = BTreeMap::new();
        for pattern in patterns {
            let lower = pattern.to_ascii_lowercase();
            match (lower.split_once(':'), Pattern::new(&lower)) {
                (_, Pattern::Anything) => actions.everything = true,
                (Some((service, name)), _) if !service.contains(['*', '?']) => {
                    let of_service = services.entry(service.to_owned()).or_default();
                    match Pattern::new(name) {
                        Pattern::Exact(name) => of_service.exact.push(name),
                        pattern => of_service.patterns.push(pattern),
                    }
                }
                (_, pattern) => actions.others.push(pattern),
            }
        }
        let sorted = services.into_iter().map(|(name, mut service)| {
            service.exact.sort_unstable();
            Service { name: name.into(), ..service }
        });
        actions.services = sorted.collect();
        actions
    }

    /// Whether one of them matches.
    pub(crate) fn contain(&self, action: Action<'_>) -> bool {
        if self.everything {
            return true;
        }
        let named = action.parts.is_some_and(|(service, name)| {
            let found = self.services.binary_search_by(|known| fold(&known.name, service));
            found.ok().and_then(|at| self.services.get(at)).is_some_and(|service| {
                service.exact.binary_search_by(|known| fold(known, name)).is_ok()
                    || service.patterns.iter().any(|pattern| pattern.matches_ignore_case(name))
            })
        });
        named || self.others.iter().any(|pattern| pattern.matches_ignore_case(action.whole))
    }
}

/// Where text in lower case stands to text in any case.
fn fold(lower: &str, text: &str) -> Ordering {
    lower.bytes().cmp(text.bytes().map(|byte| byte.to_ascii_lowercase()))
}

/// A pattern of a `Resource` or `NotResource` without variables.
#[derive(Clone, Debug)]
pub(crate) enum Resource {
    /// No wildcard has to stay within its part of the ARN.
    Plain(Pattern),
    /// Some have to.
    InSegments(Box<[Symbol]>),
}

impl Resource {
    /// Takes a pattern apart.
    pub(crate) fn new(pattern: &str) -> Self {
        let restricted = pattern
            .splitn(ARN_PARTS, ':')
            .take(ARN_PARTS - 1)
            .any(|part| part.strip_suffix('*').unwrap_or(part).contains(['*', '?']));
        if pattern == "*" || !restricted {
            return Self::Plain(Pattern::new(pattern));
        }
        let mut symbols = symbols(pattern);
        keep_in_segments(&mut symbols);
        Self::InSegments(symbols.into())
    }

    /// Whether every resource matches: it is `*`.
    pub(crate) fn is_everything(&self) -> bool {
        matches!(self, Self::Plain(Pattern::Anything))
    }

    /// Whether a resource matches.
    pub(crate) fn matches(&self, resource: &str) -> bool {
        match self {
            Self::Plain(pattern) => pattern.matches(resource),
            Self::InSegments(symbols) => matches_symbols(symbols, resource),
        }
    }
}

/// A pattern of an ARN, which is compared part by part, as `ArnLike` does.
#[derive(Clone, Debug)]
pub(crate) struct Arn([Pattern; ARN_PARTS]);

impl Arn {
    /// Takes a pattern apart; `None` when it does not have the six parts of an ARN.
    pub(crate) fn new(pattern: &str) -> Option<Self> {
        let parts: Vec<Pattern> = pattern.splitn(ARN_PARTS, ':').map(Pattern::new).collect();
        parts.try_into().ok().map(Self)
    }

    /// Whether an ARN matches.
    pub(crate) fn matches(&self, arn: &str) -> bool {
        let mut parts = arn.splitn(ARN_PARTS, ':');
        self.0.iter().all(|pattern| parts.next().is_some_and(|part| pattern.matches(part)))
    }
}
