//! Who is told when a finding is new or changes.

use serde_json::{Map, Value};

use super::hubs::Hubs;
use super::row::Row;
use super::tables::Tables;
use super::{Hub, render};

impl Hub {
    /// What changed since the last call, each finding as often as it changed, as these accounts see it in these Regions:
    /// the place of the one who sees it, and the finding as it is now. What was taken away is told to nobody.
    pub fn take_changed(&mut self, watchers: &[(usize, String, String)]) -> Vec<(usize, Map<String, Value>)> {
        let changed = self.store.take_changed();
        let mut told = Vec::new();
        for row in changed.into_iter().filter_map(|id| self.store.get(id)) {
            let seeing =
                watchers.iter().filter(|(_, account, region)| sees(&self.hubs, &self.tables, row, account, region));
            told.extend(seeing.map(|(at, ..)| (*at, render::finding(&self.tables, row))));
        }
        told
    }
}

/// Members' findings are the administrator's too, and linked Regions' findings those of the aggregation Region.
fn sees(hubs: &Hubs, tables: &Tables, row: &Row, account: &str, region: &str) -> bool {
    let (owner, place) = (tables.accounts.get(row.account), tables.regions.get(row.region));
    hubs.regions_read(account, region).contains(&place) && hubs.sees(account, owner, place)
}
