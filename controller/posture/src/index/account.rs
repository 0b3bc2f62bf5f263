//! The findings of one account, and how new ones get among them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use super::intake::Incoming;
use super::row::{IdHash, Row};

/// Findings of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AccountRows {
    /// In the order of [`Row::order`].
    rows: Box<[Row]>,
    /// Ids of resources by their hash, in order, of rows that want it.
    texts: Box<[(u64, Box<str>)]>,
}

/// What incoming findings mean for those in the index.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode<'a> {
    /// Read at any time: the version that stands wins.
    Upsert,
    /// Read after everything in the index: wins over versions that are not newer.
    Refresh,
    /// All there is in these Regions, read after `started`.
    Sweep {
        /// The index's clock when the sweep began.
        started: u32,
        /// Regions that were read, by number.
        regions: &'a BTreeSet<u16>,
    },
}

/// A hasher for what is a hash already.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 ^= value;
    }

    fn write_usize(&mut self, _: usize) {
        // The length of an array, which is always the same.
    }
}

/// A map by hash of finding id.
pub(crate) type ById<T> = HashMap<IdHash, T, BuildHasherDefault<Hashed>>;
/// A set of hashes of finding ids.
pub(crate) type Ids = HashSet<IdHash, BuildHasherDefault<Hashed>>;

impl AccountRows {
    /// From saved parts, in any order.
    pub(crate) fn from_parts(mut rows: Vec<Row>, mut texts: Vec<(u64, Box<str>)>) -> Self {
        rows.sort_unstable_by(Row::order);
        texts.sort_unstable_by_key(|(hash, _)| *hash);
        texts.dedup_by_key(|(hash, _)| *hash);
        Self { rows: rows.into_boxed_slice(), texts: texts.into_boxed_slice() }
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(crate) fn texts(&self) -> &[(u64, Box<str>)] {
        &self.texts
    }

    /// The rows of one control.
    pub(crate) fn of_control(&self, control: u16) -> &[Row] {
        let from = self.rows.partition_point(|row| row.control < control);
        let length = self.rows[from..].partition_point(|row| row.control == control);
        &self.rows[from..from + length]
    }

    /// Id of a resource.
    pub(crate) fn text(&self, resource: u64) -> Option<&str> {
        let at = self.texts.binary_search_by_key(&resource, |(hash, _)| *hash).ok()?;
        self.texts.get(at).map(|(_, text)| text.as_ref())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let texts: usize = self.texts.iter().map(|(_, text)| text.len()).sum();
        size_of_val(&*self.rows) + size_of_val(&*self.texts) + texts + size_of::<Self>()
    }

    /// Takes findings of this account in. Gives whether any evidence changed; seeing the same again is no change.
    pub(crate) fn merge(&mut self, incoming: Vec<Incoming>, mode: Mode<'_>, clock: u32) -> bool {
        let (mut news, texts) = newest(incoming);
        let mut changed = false;
        let mut rows = Vec::with_capacity(self.rows.len() + news.len());
        for old in &self.rows {
            match news.remove(&old.id) {
                Some(new) => {
                    let stands = choose(old, new, mode);
                    changed |= evidence_differs(old, &stands);
                    if keeps(old, &stands, mode) {
                        rows.push(stands.seen(clock));
                    }
                }
                None if vanished(old, mode) => changed |= !old.archived(),
                None => rows.push(*old),
            }
        }
        for new in news.into_values() {
            // What a sweep finds archived, and the index never had, needs no tombstone.
            if !(new.archived() && matches!(mode, Mode::Sweep { .. })) {
                changed |= !new.archived();
                rows.push(new.seen(clock));
            }
        }
        self.put(rows, texts);
        changed
    }

    /// Puts rows in place with the texts that they want, old and new.
    fn put(&mut self, mut rows: Vec<Row>, mut texts: Vec<(u64, Box<str>)>) {
        rows.sort_by(Row::order);
        let mut wanted: Vec<u64> = rows.iter().filter(|row| row.wants_text()).map(|row| row.resource).collect();
        wanted.sort_unstable();
        texts.extend(std::mem::take(&mut self.texts));
        texts.retain(|(hash, _)| wanted.binary_search(hash).is_ok());
        texts.sort_unstable();
        texts.dedup_by_key(|(hash, _)| *hash);
        self.rows = rows.into_boxed_slice();
        self.texts = texts.into_boxed_slice();
    }
}

/// Texts of resources by their hash.
type Texts = Vec<(u64, Box<str>)>;

/// Of each finding the version that stands, and the texts of resources.
fn newest(incoming: Vec<Incoming>) -> (ById<Row>, Texts) {
    let mut news = ById::with_capacity_and_hasher(incoming.len(), BuildHasherDefault::default());
    let mut texts = Vec::new();
    for Incoming { row, text, .. } in incoming {
        texts.extend(text.map(|text| (row.resource, text)));
        news.entry(row.id)
            .and_modify(|known: &mut Row| {
                if row.standing(known).is_gt() {
                    *known = row;
                }
            })
            .or_insert(row);
    }
    (news, texts)
}

/// Which of the index's version and the one just read stands.
fn choose(old: &Row, new: Row, mode: Mode<'_>) -> Row {
    let read_later = match mode {
        Mode::Upsert => false,
        Mode::Refresh => true,
        Mode::Sweep { started, .. } => old.touched <= started,
    };
    let new_stands = if read_later { new.updated() >= old.updated() } else { new.standing(old).is_gt() };
    if new_stands { new } else { *old }
}

/// Whether what stands stays: a sweep takes tombstones away that were there before it.
fn keeps(old: &Row, stands: &Row, mode: Mode<'_>) -> bool {
    match mode {
        Mode::Sweep { started, .. } => !(stands.archived() && old.archived() && old.touched <= started),
        Mode::Upsert | Mode::Refresh => true,
    }
}

/// Whether a finding that was not read is gone.
fn vanished(old: &Row, mode: Mode<'_>) -> bool {
    matches!(mode, Mode::Sweep { started, regions } if old.touched <= started && regions.contains(&old.region))
}

fn evidence_differs(old: &Row, new: &Row) -> bool {
    !(old.same(new) || old.archived() && new.archived())
}
