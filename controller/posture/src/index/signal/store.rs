//! The findings of other products as bytes, behind those of Security Hub.
//!
//! ```text
//! interests: JSON text | sets: count, (count, place:u16...)...
//! | accounts: count, (id: text, rows: count, (id:3×u32, resource:u64, when:u64, first_seen:u32, matched:u32, region:u16)...,
//!   texts: count, (hash:u64, text)...)...
//! ```

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use super::Signals;
use super::row::SignalRow;
use crate::index::account::AccountRows;
use crate::index::store::{Input, LoadError, Output};
use crate::interest::Interests;

/// Longest text of interests that is read back, in bytes: some thousand custom controls.
const MAX_INTERESTS: usize = 16 << 20;

impl Signals {
    /// Writes everything.
    pub(in crate::index) fn save<W: Write>(&self, out: &mut Output<'_, W>) -> io::Result<()> {
        out.text(&serde_json::to_string(&self.interests)?)?;
        out.count(self.sets.sets().len())?;
        for set in self.sets.sets() {
            out.count(set.len())?;
            for place in set {
                out.bytes(&place.to_le_bytes())?;
            }
        }
        out.count(self.accounts.len())?;
        for (account, rows) in &self.accounts {
            out.text(&account.to_string())?;
            out.count(rows.rows().len())?;
            for row in rows.rows() {
                let (id, resource, when, first_seen, matched, region) = row.parts();
                out.id(id)?;
                for word in [resource, when] {
                    out.bytes(&word.to_le_bytes())?;
                }
                out.bytes(&first_seen.to_le_bytes())?;
                out.bytes(&matched.to_le_bytes())?;
                out.bytes(&region.to_le_bytes())?;
            }
            out.resources(rows.texts())?;
        }
        Ok(())
    }

    /// Reads what [`Signals::save`] wrote. `regions` are the new numbers of Regions by their old ones.
    pub(in crate::index) fn load<R: Read>(input: &mut Input<'_, R>, regions: &[u16]) -> Result<Self, LoadError> {
        let interests: Interests = serde_json::from_str(&input.text_of(MAX_INTERESTS)?)
            .map_err(|_| LoadError::Damaged("what was wanted of other products cannot be read"))?;
        let mut signals = Self::new(interests);
        let known = signals.sets.patterns().len();
        let sets = input.list(|input| input.list(|input| Ok(u16::from_le_bytes(input.array()?))))?;
        if sets.iter().flatten().any(|place| usize::from(*place) >= known) {
            return Err(LoadError::Damaged("a finding of another product matches nothing that is known"));
        }
        let numbers: Vec<u32> = sets.into_iter().map(|set| signals.sets.number(set.into_boxed_slice())).collect();
        let mut accounts = BTreeMap::new();
        for _ in 0..input.count()? {
            let account = input.account_id()?;
            let rows = input.list(|input| {
                let (id, resource, when) = (input.id()?, input.word()?, input.word()?);
                let (first_seen, matched) = (u32::from_le_bytes(input.array()?), u32::from_le_bytes(input.array()?));
                let region = u16::from_le_bytes(input.array()?);
                let (matched, region) = (numbers.get(matched as usize), regions.get(usize::from(region)));
                let (matched, region) = matched.zip(region).ok_or(LoadError::Damaged("a finding refers to nothing"))?;
                Ok(SignalRow::from_parts(id, resource, when, first_seen, *matched, *region))
            })?;
            let rows = AccountRows::from_parts(rows, &input.resources()?);
            if accounts.insert(account, rows).is_some() {
                return Err(LoadError::Damaged("an account is there twice"));
            }
        }
        signals.accounts = accounts;
        Ok(signals)
    }
}
