//! The index as bytes.
//!
//! Controls are written by id, so that a changed catalogue loads right. No checksum: whoever keeps the bytes adds one.
//!
//! ```text
//! "SOC2FIND" format:u32 digest: text | regions: texts | reasons: texts | controls: count, (number:u16, id: text)...
//! | accounts: count, (id: text, rows: count, (id:3×u32, resource:u64, when:u64, region:u16, control:u16)...,
//!   texts: count, (hash:u64, text)...)... | findings of other products, see `signal/store.rs`
//! Counts and lengths are u32; everything is little-endian.
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Read, Write};
use std::sync::Arc;

use soc2_catalog::Catalog;

use super::FindingIndex;
use super::account::AccountRows;
use super::names::{Names, OTHER_CONTROL};
use super::row::{IdHash, Row};
use super::signal::Signals;
use super::texts::Texts;
use crate::ids::AccountId;

const MAGIC: &[u8; 8] = b"SOC2FIND";
const FORMAT: u32 = 3;
/// Longest text that is read back.
const MAX_TEXT: usize = 4096;
/// Space that a count from outside may reserve at once.
const MAX_RESERVE: usize = 1 << 16;

/// Why a saved index cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Reading failed, or the data end too early.
    #[error("cannot read the saved findings: {0}")]
    Io(#[from] io::Error),
    /// Saved by another version of this program.
    #[error("saved findings have format {0}, this program reads format {FORMAT}")]
    Format(u32),
    /// Not what [`FindingIndex::save`] writes.
    #[error("saved findings are damaged: {0}")]
    Damaged(&'static str),
}

impl FindingIndex {
    /// Writes the findings. No checksum: whoever keeps the bytes adds one.
    pub fn save(&self, out: &mut impl Write) -> io::Result<()> {
        let mut out = Output(out);
        out.bytes(MAGIC)?;
        out.bytes(&FORMAT.to_le_bytes())?;
        out.text(self.names().catalog().digest())?;
        out.texts(self.names().regions().iter().map(String::as_str))?;
        out.texts((1..=u8::MAX).map_while(|code| self.names().reason_name(code)))?;
        let rows = || self.accounts.values().flat_map(AccountRows::rows);
        let used: BTreeSet<u16> = rows().map(|row| row.control).collect();
        let controls: Vec<_> =
            used.iter().filter_map(|number| Some((*number, self.names().control_id(*number)?))).collect();
        out.count(controls.len())?;
        for (number, id) in controls {
            out.bytes(&number.to_le_bytes())?;
            out.text(id)?;
        }
        out.count(self.accounts.len())?;
        for (account, rows) in &self.accounts {
            out.text(&account.to_string())?;
            out.account(rows)?;
        }
        self.signals.save(&mut out)
    }

    /// Reads what [`FindingIndex::save`] wrote, perhaps with another catalogue. Makes nothing fresh.
    pub fn load(catalog: &Arc<Catalog>, input: &mut impl Read) -> Result<Self, LoadError> {
        let mut input = Input(input);
        if input.array::<8>()? != *MAGIC {
            return Err(LoadError::Damaged("they do not begin as saved findings do"));
        }
        let format = u32::from_le_bytes(input.array()?);
        if format != FORMAT {
            return Err(LoadError::Format(format));
        }
        let same_catalog = input.text()? == catalog.digest();
        let mut index = Self::new(catalog);
        let numbers = input.numbers(&mut index.names)?;
        for _ in 0..input.count()? {
            let account = input.account_id()?;
            let rows = input.account(&numbers)?;
            if !same_catalog && rows.rows().iter().any(|row| row.control == OTHER_CONTROL) {
                // This catalogue may know a control whose findings lost their name: what failed would be missing.
                return Err(LoadError::Damaged("too many unknown controls to be read with another catalogue"));
            }
            if index.accounts.insert(account, rows).is_some() {
                return Err(LoadError::Damaged("an account is there twice"));
            }
        }
        index.signals = Signals::load(&mut input, &numbers.regions)?;
        Ok(index)
    }
}

/// New numbers for old.
struct Numbers {
    regions: Vec<u16>,
    reasons: Vec<u8>,
    controls: HashMap<u16, u16>,
}

impl Numbers {
    fn row(&self, row: Row) -> Option<Row> {
        let region = *self.regions.get(usize::from(row.region))?;
        let control = match row.control {
            OTHER_CONTROL => OTHER_CONTROL,
            number => *self.controls.get(&number)?,
        };
        let reason = match row.reason() {
            0 => 0,
            code => *self.reasons.get(usize::from(code) - 1)?,
        };
        Some(row.renamed(region, control, reason))
    }
}

/// Writes the parts of a saved index.
pub(super) struct Output<'a, W>(&'a mut W);

impl<W: Write> Output<'_, W> {
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    pub(super) fn count(&mut self, count: usize) -> io::Result<()> {
        let count = u32::try_from(count).map_err(io::Error::other)?;
        self.bytes(&count.to_le_bytes())
    }

    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        self.count(text.len())?;
        self.bytes(text.as_bytes())
    }

    fn texts<'t>(&mut self, texts: impl Iterator<Item = &'t str>) -> io::Result<()> {
        let texts: Vec<&str> = texts.collect();
        self.count(texts.len())?;
        texts.into_iter().try_for_each(|text| self.text(text))
    }

    fn account(&mut self, account: &AccountRows) -> io::Result<()> {
        self.count(account.rows().len())?;
        for row in account.rows() {
            let (id, resource, when, region, control) = row.parts();
            self.id(id)?;
            for word in [resource, when] {
                self.bytes(&word.to_le_bytes())?;
            }
            self.bytes(&region.to_le_bytes())?;
            self.bytes(&control.to_le_bytes())?;
        }
        self.resources(account.texts())
    }

    pub(super) fn id(&mut self, id: IdHash) -> io::Result<()> {
        id.iter().try_for_each(|part| self.bytes(&part.to_le_bytes()))
    }

    /// Ids of resources by their hash.
    pub(super) fn resources(&mut self, texts: &Texts) -> io::Result<()> {
        self.count(texts.len())?;
        for (hash, text) in texts.iter() {
            self.bytes(&hash.to_le_bytes())?;
            self.text(text)?;
        }
        Ok(())
    }
}

/// Reads them back.
pub(super) struct Input<'a, R>(&'a mut R);

impl<R: Read> Input<'_, R> {
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], LoadError> {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn count(&mut self) -> Result<usize, LoadError> {
        usize::try_from(u32::from_le_bytes(self.array()?)).map_err(|_| LoadError::Damaged("a count is too large"))
    }

    pub(super) fn word(&mut self) -> Result<u64, LoadError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(super) fn id(&mut self) -> Result<IdHash, LoadError> {
        let mut part = || Ok::<_, LoadError>(u32::from_le_bytes(self.array()?));
        Ok([part()?, part()?, part()?])
    }

    fn text(&mut self) -> Result<String, LoadError> {
        self.text_of(MAX_TEXT)
    }

    /// A text of at most so many bytes.
    pub(super) fn text_of(&mut self, most: usize) -> Result<String, LoadError> {
        let length = self.count()?;
        if length > most {
            return Err(LoadError::Damaged("a text is too long"));
        }
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes)?;
        String::from_utf8(bytes).map_err(|_| LoadError::Damaged("a text is not UTF-8"))
    }

    pub(super) fn account_id(&mut self) -> Result<AccountId, LoadError> {
        self.text()?.parse().map_err(|_| LoadError::Damaged("an account id is none"))
    }

    pub(super) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, LoadError>,
    ) -> Result<Vec<T>, LoadError> {
        let count = self.count()?;
        let mut items = Vec::with_capacity(count.min(MAX_RESERVE));
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn numbers(&mut self, names: &mut Names) -> Result<Numbers, LoadError> {
        let regions = self.list(Self::text)?.iter().map(|name| names.region(name)).collect();
        let reasons = self.list(Self::text)?.iter().map(|name| names.reason(name)).collect();
        let controls: BTreeMap<u16, String> =
            self.list(|input| Ok((u16::from_le_bytes(input.array()?), input.text()?)))?.into_iter().collect();
        let controls = controls.into_iter().map(|(number, id)| (number, names.control(&id))).collect();
        Ok(Numbers { regions, reasons, controls })
    }

    fn account(&mut self, numbers: &Numbers) -> Result<AccountRows, LoadError> {
        let rows = self.list(|input| {
            let id = input.id()?;
            let (resource, when) = (input.word()?, input.word()?);
            let region = u16::from_le_bytes(input.array()?);
            let control = u16::from_le_bytes(input.array()?);
            let row = Row::from_parts(id, resource, when, region, control);
            numbers.row(row).ok_or(LoadError::Damaged("a finding refers to nothing"))
        })?;
        Ok(AccountRows::from_parts(rows, &self.resources()?))
    }

    /// Ids of resources by their hash.
    pub(super) fn resources(&mut self) -> Result<Vec<(u64, Box<str>)>, LoadError> {
        self.list(|input| Ok((input.word()?, input.text()?.into_boxed_str())))
    }
}
