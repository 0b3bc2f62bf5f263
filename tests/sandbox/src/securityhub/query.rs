//! Query results: evaluated once, then kept up to date by what changed, so that pages of live data are cheap.

use std::cmp::Ordering;
use std::collections::HashMap;

use serde_json::Value;

use super::attributes::{self, Attribute, Kind, Reading};
use super::errors::invalid_input;
use super::filters::Filters;
use super::hubs::Hubs;
use super::render;
use super::rng::{hash, mix};
use super::row::Row;
use super::store::{RowId, Store};
use super::tables::Tables;
use crate::call::ApiError;

/// At most so many criteria in one query.
const MOST_CRITERIA: usize = 10;
/// So many results are kept.
const KEPT: usize = 32;

/// What rows are sorted by; a row without a value comes last either way.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum Key {
    Number(f64),
    Time(i64),
    Text(String),
    Missing,
}

/// The order of a query: attributes, and whether descending.
#[derive(Debug, Clone, Default)]
pub(super) struct Sort(Vec<(&'static Attribute, bool)>);

impl Sort {
    /// Reads the member `SortCriteria`.
    pub(super) fn parse(criteria: &[Value]) -> Result<Self, ApiError> {
        let wrong = |what: String| invalid_input(format!("Invalid parameter 'SortCriteria'. {what}"));
        if criteria.len() > MOST_CRITERIA {
            return Err(wrong(format!("{} criteria; at most {MOST_CRITERIA} are allowed.", criteria.len())));
        }
        let read = |criterion: &Value| {
            let member = |name| criterion.get(name).and_then(Value::as_str).unwrap_or_default();
            let (field, order) = (member("Field"), member("SortOrder"));
            let attribute = attributes::find(field).filter(|a| !matches!(a.1, Kind::Map | Kind::Keyword | Kind::Ip));
            let attribute = attribute.ok_or_else(|| wrong(format!("Unknown field '{field}'.")))?;
            match order {
                "asc" => Ok((attribute, false)),
                "desc" => Ok((attribute, true)),
                _ => Err(wrong(format!("SortOrder '{order}' of '{field}' must be asc or desc."))),
            }
        };
        criteria.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    fn keys(&self, tables: &Tables, row: &Row) -> Vec<Key> {
        if self.0.is_empty() {
            // AWS promises no order then: one that a caller can rely on would hide a mistake.
            let id = hash(&render::id(tables, row));
            return vec![Key::Number((mix(id ^ row.updated.cast_unsigned()) >> 11) as f64)];
        }
        let reading = Reading::new(tables, row);
        self.0.iter().map(|(attribute, _)| key(&reading, attribute)).collect()
    }

    fn compare(&self, one: &(Vec<Key>, RowId), other: &(Vec<Key>, RowId)) -> Ordering {
        for (at, (a, b)) in one.0.iter().zip(&other.0).enumerate() {
            let missing = *a == Key::Missing || *b == Key::Missing;
            let descending = self.0.get(at).is_some_and(|criterion| criterion.1) && !missing;
            let order = a.partial_cmp(b).unwrap_or(Ordering::Equal);
            let order = if descending { order.reverse() } else { order };
            if order.is_ne() {
                return order;
            }
        }
        one.1.cmp(&other.1)
    }
}

fn key(reading: &Reading<'_>, attribute: &Attribute) -> Key {
    let key = match attribute.1 {
        Kind::Date => reading.date(attribute).map(Key::Time),
        Kind::Number => reading.number(attribute).map(Key::Number),
        _ => {
            let mut first = None;
            reading.any_text(attribute, &mut |text| {
                first = Some(Key::Text(text.to_owned()));
                true
            });
            first
        }
    };
    key.unwrap_or(Key::Missing)
}

/// The rows that a caller sees, as a table of account and Region numbers.
#[derive(Debug, Clone)]
struct Scope {
    regions: usize,
    seen: Vec<bool>,
}

impl Scope {
    fn new(hubs: &Hubs, tables: &Tables, caller: &str, region: &str) -> Self {
        let (accounts, regions) = (tables.accounts.len(), tables.regions.len());
        let mut seen = vec![false; accounts * regions];
        for name in hubs.regions_read(caller, region) {
            let Some(number) = tables.regions.find(name) else { continue };
            for account in (0..).take(accounts) {
                let place = usize::from(account) * regions + usize::from(number);
                seen[place] = hubs.sees(caller, tables.accounts.get(account), name);
            }
        }
        Self { regions, seen }
    }

    fn has(&self, row: &Row) -> bool {
        let place = usize::from(row.account) * self.regions + usize::from(row.region);
        usize::from(row.region) < self.regions && self.seen.get(place).copied().unwrap_or(false)
    }
}

/// Everything that decides the rows of a query and their order.
pub(super) struct Query<'a> {
    pub hubs: &'a Hubs,
    pub caller: &'a str,
    pub region: &'a str,
    pub filters: Filters,
    pub sort: Sort,
    /// Stands for caller, Region, filters and sort.
    pub fingerprint: u64,
    pub now: i64,
}

#[derive(Debug)]
struct Kept {
    rows: Vec<RowId>,
    position: usize,
    scope: Scope,
    /// What besides the rows the result depends on.
    basis: (u64, usize, usize, Option<i64>),
    used: u64,
}

/// Results of recent queries.
#[derive(Debug, Default)]
pub(super) struct Queries {
    kept: HashMap<u64, Kept>,
    clock: u64,
    /// Changes whenever hubs, members or Regions change.
    pub version: u64,
}

impl Queries {
    /// The rows of a query as they are now, in order.
    pub(super) fn rows(&mut self, query: &Query<'_>, tables: &Tables, store: &Store) -> &[RowId] {
        self.clock += 1;
        let time = query.filters.relative.then_some(query.now);
        let basis = (self.version, tables.accounts.len(), tables.regions.len(), time);
        let fresh = self.kept.remove(&query.fingerprint).filter(|kept| kept.basis == basis);
        let followed = fresh.and_then(|kept| follow(kept, query, tables, store));
        let mut kept = followed.unwrap_or_else(|| evaluate(query, tables, store, basis));
        kept.used = self.clock;
        if self.kept.len() >= KEPT {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used).map(|(fingerprint, _)| *fingerprint);
            oldest.map(|fingerprint| self.kept.remove(&fingerprint));
        }
        &self.kept.entry(query.fingerprint).or_insert(kept).rows
    }
}

fn evaluate(query: &Query<'_>, tables: &Tables, store: &Store, basis: (u64, usize, usize, Option<i64>)) -> Kept {
    let scope = Scope::new(query.hubs, tables, query.caller, query.region);
    let mut found: Vec<(Vec<Key>, RowId)> = store
        .iter()
        .filter(|(_, row)| scope.has(row) && query.filters.matches(&Reading::new(tables, row)))
        .map(|(id, row)| (query.sort.keys(tables, row), id))
        .collect();
    found.sort_unstable_by(|one, other| query.sort.compare(one, other));
    let rows = found.into_iter().map(|(_, id)| id).collect();
    Kept { rows, position: store.position(), scope, basis, used: 0 }
}

/// Brings a kept result up to date, unless too much changed.
fn follow(mut kept: Kept, query: &Query<'_>, tables: &Tables, store: &Store) -> Option<Kept> {
    let mut changed = store.since(kept.position)?.to_vec();
    changed.sort_unstable();
    changed.dedup();
    if changed.len() > 200 + kept.rows.len() / 10 {
        return None;
    }
    kept.position = store.position();
    if !changed.is_empty() {
        kept.rows.retain(|id| changed.binary_search(id).is_err());
    }
    for id in changed {
        let Some(row) = store.get(id) else { continue };
        if !kept.scope.has(row) || !query.filters.matches(&Reading::new(tables, row)) {
            continue;
        }
        let entry = (query.sort.keys(tables, row), id);
        let place = kept.rows.partition_point(|other| {
            let keys = store.get(*other).map(|row| query.sort.keys(tables, row)).unwrap_or_default();
            query.sort.compare(&(keys, *other), &entry).is_lt()
        });
        kept.rows.insert(place, id);
    }
    Some(kept)
}
