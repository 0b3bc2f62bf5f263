//! All findings, with a log of what changed so that cached query results can follow.

use std::collections::HashMap;

use super::render;
use super::rng::hash;
use super::row::Row;
use super::tables::Tables;

/// A place in the store. Places are never used again.
pub(super) type RowId = u32;

/// When the log has more entries than this, it is dropped and cached results are made anew.
const LOG_LENGTH: usize = 50_000;

/// Stands for what identifies a finding.
fn key(id: &str, product_arn: &str) -> u64 {
    hash(id) ^ hash(product_arn).rotate_left(1)
}

/// The findings.
#[derive(Debug, Default)]
pub(super) struct Store {
    rows: Vec<Option<Row>>,
    log: Vec<RowId>,
    /// How many entries were dropped from the log's beginning.
    dropped: usize,
    /// What changed and nobody was told of yet; `None` while the world is made.
    changed: Option<Vec<RowId>>,
    /// Place of each `Id` and `ProductArn`, made when first asked for.
    by_id: Option<HashMap<u64, RowId>>,
}

impl Store {
    /// Adds a finding.
    pub(super) fn push(&mut self, tables: &Tables, row: Row) -> RowId {
        let id = RowId::try_from(self.rows.len()).unwrap_or(RowId::MAX);
        if let Some(index) = &mut self.by_id {
            index.insert(key(&render::id(tables, &row), &render::product_arn(tables, &row)), id);
        }
        self.rows.push(Some(row));
        self.note(id);
        id
    }

    /// The finding at a place.
    pub(super) fn get(&self, id: RowId) -> Option<&Row> {
        self.rows.get(id as usize)?.as_ref()
    }

    /// Changes the finding at a place; its `Id` must stay.
    pub(super) fn change(&mut self, id: RowId, change: impl FnOnce(&mut Row)) {
        if let Some(Some(row)) = self.rows.get_mut(id as usize) {
            change(row);
            self.note(id);
        }
    }

    /// Takes a finding away.
    pub(super) fn remove(&mut self, id: RowId) {
        if let Some(row) = self.rows.get_mut(id as usize) {
            *row = None;
            self.note(id);
        }
    }

    /// All findings with their places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (RowId, &Row)> {
        (0..).zip(&self.rows).filter_map(|(id, row)| Some((id, row.as_ref()?)))
    }

    /// The places of findings that a test holds for.
    pub(super) fn places(&self, test: impl Fn(&Row) -> bool) -> Vec<RowId> {
        self.iter().filter(|(_, row)| test(row)).map(|(id, _)| id).collect()
    }

    /// How many places there are, taken or not.
    pub(super) fn places_count(&self) -> usize {
        self.rows.len()
    }

    /// The finding with an `Id` and `ProductArn`.
    pub(super) fn find(&mut self, tables: &Tables, id: &str, product_arn: &str) -> Option<RowId> {
        let rows = &self.rows;
        let index = self.by_id.get_or_insert_with(|| {
            let live = (0..).zip(rows).filter_map(|(place, row)| Some((place, row.as_ref()?)));
            live.map(|(place, row)| (key(&render::id(tables, row), &render::product_arn(tables, row)), place)).collect()
        });
        let place = *index.get(&key(id, product_arn))?;
        let row = self.get(place)?;
        let found = render::id(tables, row) == id && render::product_arn(tables, row) == product_arn;
        found.then_some(place)
    }

    /// Where the log is now.
    pub(super) fn position(&self) -> usize {
        self.dropped + self.log.len()
    }

    /// What changed since a position, or nothing when that is too long ago.
    pub(super) fn since(&self, position: usize) -> Option<&[RowId]> {
        self.log.get(position.checked_sub(self.dropped)?..)
    }

    /// From now on remembers what changes.
    pub(super) fn watch(&mut self) {
        self.changed = Some(Vec::new());
    }

    /// What was added or changed since the last call, or taken away.
    pub(super) fn take_changed(&mut self) -> Vec<RowId> {
        self.changed.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn note(&mut self, id: RowId) {
        self.changed.iter_mut().for_each(|changed| changed.push(id));
        if self.log.len() >= LOG_LENGTH {
            self.dropped += self.log.len();
            self.log.clear();
        }
        self.log.push(id);
    }
}
