//! The findings of one account, and how new ones get among them.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use super::row::{IdHash, Row};
use super::texts::Texts;

/// A version of a finding, as the index keeps it.
pub(crate) trait Version: Copy {
    /// Hash of the finding's `Id`.
    fn id(&self) -> IdHash;
    /// Hash of its resource's id.
    fn resource(&self) -> u64;
    /// `UpdatedAt` in milliseconds since 1970; 0 when there is none.
    fn updated(&self) -> u64;
    /// The same, seen at this time of the index's clock, where a row keeps that itself.
    fn seen(self, clock: u32) -> Self;
    /// Whether it is archived: a tombstone.
    fn archived(&self) -> bool;
    /// Whether the text of its resource is kept.
    fn wants_text(&self) -> bool;
    /// Whether both say the same of the same; when that was seen does not matter.
    fn same(&self, other: &Self) -> bool;
    /// The order of an account's rows.
    fn order(&self, other: &Self) -> Ordering;
    /// Of two versions of one finding: greater is the one that stands.
    fn standing(&self, other: &Self) -> Ordering;
}

/// A finding that was taken in.
#[derive(Clone, Debug)]
pub(crate) struct Incoming<R = Row> {
    pub(crate) row: R,
    /// Id of its resource, for rows that want it.
    pub(crate) text: Option<Box<str>>,
}

/// Findings of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccountRows<R = Row> {
    /// In the order of [`Version::order`].
    rows: Box<[R]>,
    /// Ids of resources, of rows that want it.
    texts: Texts,
}

impl<R> Default for AccountRows<R> {
    fn default() -> Self {
        Self { rows: Box::default(), texts: Texts::default() }
    }
}

/// What incoming findings mean for those in the index.
pub(crate) enum Mode<'a, R = Row> {
    /// Read at any time: the version that stands wins.
    Upsert,
    /// Read after everything in the index: wins over versions that are not newer.
    Refresh,
    /// All there is of some findings.
    Sweep {
        /// Whether one in the index was inserted, changed or seen after the reading began.
        later: &'a dyn Fn(&R) -> bool,
        /// Whether one that was not read is gone.
        covers: &'a dyn Fn(&R) -> bool,
    },
}

impl<R> Clone for Mode<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Mode<'_, R> {}

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

impl<R: Version> AccountRows<R> {
    /// From saved parts, in any order.
    pub(crate) fn from_parts(mut rows: Vec<R>, texts: &[(u64, Box<str>)]) -> Self {
        rows.sort_unstable_by(R::order);
        Self { rows: rows.into_boxed_slice(), texts: Texts::new(texts.iter().map(|(hash, text)| (*hash, &**text))) }
    }

    pub(crate) fn rows(&self) -> &[R] {
        &self.rows
    }

    /// Ids of resources by their hash.
    pub(crate) fn texts(&self) -> &Texts {
        &self.texts
    }

    /// The same texts with other rows, in any order.
    pub(crate) fn with_rows<Q: Version>(&self, mut rows: Vec<Q>) -> AccountRows<Q> {
        rows.sort_unstable_by(Q::order);
        AccountRows { rows: rows.into_boxed_slice(), texts: self.texts.clone() }
    }

    /// Id of a resource.
    pub(crate) fn text(&self, resource: u64) -> Option<&str> {
        self.texts.get(resource)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.rows) + self.texts.memory_bytes() + size_of::<Self>()
    }

    /// Takes findings of this account in. Gives whether any evidence changed; seeing the same again is no change.
    pub(crate) fn merge(&mut self, incoming: Vec<Incoming<R>>, mode: Mode<'_, R>, clock: u32) -> bool {
        let (mut news, texts) = newest(incoming);
        let mut changed = false;
        let mut rows = Vec::with_capacity(self.rows.len() + news.len());
        for old in &self.rows {
            match news.remove(&old.id()) {
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
        self.put(rows, &texts);
        changed
    }

    /// Puts rows in place with the texts that they want, old and new.
    fn put(&mut self, mut rows: Vec<R>, news: &[(u64, Box<str>)]) {
        rows.sort_by(R::order);
        let mut wanted: Vec<u64> = rows.iter().filter(|row| row.wants_text()).map(R::resource).collect();
        wanted.sort_unstable();
        let texts = news.iter().map(|(hash, text)| (*hash, &**text)).chain(self.texts.iter());
        self.texts = Texts::new(texts.filter(|(hash, _)| wanted.binary_search(hash).is_ok()));
        self.rows = rows.into_boxed_slice();
    }

    /// Changes each row, or drops it.
    pub(crate) fn revise(&mut self, revise: impl FnMut(R) -> Option<R>) {
        let rows = std::mem::take(&mut self.rows).into_vec().into_iter().filter_map(revise).collect();
        self.put(rows, &[]);
    }
}

impl AccountRows {
    /// The rows of one control.
    pub(crate) fn of_control(&self, control: u16) -> &[Row] {
        let from = self.rows.partition_point(|row| row.control < control);
        let length = self.rows[from..].partition_point(|row| row.control == control);
        &self.rows[from..from + length]
    }
}

/// Of each finding the version that stands, and the texts of resources.
fn newest<R: Version>(incoming: Vec<Incoming<R>>) -> (ById<R>, Vec<(u64, Box<str>)>) {
    let mut news = ById::with_capacity_and_hasher(incoming.len(), BuildHasherDefault::default());
    let mut texts = Vec::new();
    for Incoming { row, text } in incoming {
        texts.extend(text.map(|text| (row.resource(), text)));
        news.entry(row.id())
            .and_modify(|known: &mut R| {
                if row.standing(known).is_gt() {
                    *known = row;
                }
            })
            .or_insert(row);
    }
    (news, texts)
}

/// Which of the index's version and the one just read stands.
fn choose<R: Version>(old: &R, new: R, mode: Mode<'_, R>) -> R {
    let read_later = match mode {
        Mode::Upsert => false,
        Mode::Refresh => true,
        Mode::Sweep { later, .. } => !later(old),
    };
    let new_stands = if read_later { new.updated() >= old.updated() } else { new.standing(old).is_gt() };
    if new_stands { new } else { *old }
}

/// Whether what stands stays: a sweep takes tombstones away that were there before it.
fn keeps<R: Version>(old: &R, stands: &R, mode: Mode<'_, R>) -> bool {
    match mode {
        Mode::Sweep { later, .. } => !(stands.archived() && old.archived() && !later(old)),
        Mode::Upsert | Mode::Refresh => true,
    }
}

/// Whether a finding that was not read is gone.
fn vanished<R: Version>(old: &R, mode: Mode<'_, R>) -> bool {
    matches!(mode, Mode::Sweep { later, covers } if !later(old) && covers(old))
}

fn evidence_differs<R: Version>(old: &R, new: &R) -> bool {
    !(old.same(new) || old.archived() && new.archived())
}
