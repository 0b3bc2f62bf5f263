//! Small numbers for Regions, controls and status reasons.

use std::collections::HashMap;
use std::sync::Arc;

use soc2_catalog::{Catalog, ControlIx, normalize_control_id};

/// Number for controls that found no place in the table. Their findings only show that the account is alive.
pub(crate) const OTHER_CONTROL: u16 = u16::MAX;

/// Names that rows refer to by number.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    catalog: Arc<Catalog>,
    regions: Table,
    /// Controls that the catalogue does not know, numbered from its length up.
    controls: Table,
    /// From 1; 0 is none.
    reasons: Table,
}

#[derive(Clone, Debug, Default)]
struct Table {
    names: Vec<String>,
    numbers: HashMap<String, usize>,
}

impl Table {
    /// The number of a name, which gets one while there are fewer than `limit`.
    fn number(&mut self, name: &str, limit: usize) -> Option<usize> {
        if let Some(number) = self.numbers.get(name) {
            return Some(*number);
        }
        if self.names.len() >= limit {
            return None;
        }
        self.numbers.insert(name.to_owned(), self.names.len());
        self.names.push(name.to_owned());
        Some(self.names.len() - 1)
    }
}

impl Names {
    pub(crate) fn new(catalog: &Arc<Catalog>) -> Self {
        let mut names = Self {
            catalog: Arc::clone(catalog),
            regions: Table::default(),
            controls: Table::default(),
            reasons: Table::default(),
        };
        // Number 0: Regions that nobody can name, and those beyond the table.
        names.region("");
        names
    }

    pub(crate) fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// Number of a Region.
    pub(crate) fn region(&mut self, name: &str) -> u16 {
        let number = self.regions.number(name, usize::from(u16::MAX));
        number.and_then(|number| u16::try_from(number).ok()).unwrap_or_default()
    }

    /// Number of a Region, if any row may refer to it.
    pub(crate) fn known_region(&self, name: &str) -> Option<u16> {
        self.regions.numbers.get(name).and_then(|number| u16::try_from(*number).ok())
    }

    /// Names of Regions by number.
    pub(crate) fn regions(&self) -> &[String] {
        &self.regions.names
    }

    /// Number of a control, in any spelling: that of the catalogue's index, where it knows the control.
    pub(crate) fn control(&mut self, id: &str) -> u16 {
        if let Some(ControlIx(number)) = self.catalog.control(id) {
            return number;
        }
        let known = self.catalog.controls().len();
        let number = self.controls.number(&normalize_control_id(id), usize::from(OTHER_CONTROL).saturating_sub(known));
        number.and_then(|number| u16::try_from(known + number).ok()).unwrap_or(OTHER_CONTROL)
    }

    /// Number of a control in any spelling, if any row may refer to it.
    pub(crate) fn known_control(&self, id: &str) -> Option<u16> {
        if let Some(ControlIx(number)) = self.catalog.control(id) {
            return Some(number);
        }
        let number = self.controls.numbers.get(&normalize_control_id(id))?;
        u16::try_from(self.catalog.controls().len() + number).ok()
    }

    /// The catalogue's index of a control's number.
    pub(crate) fn control_ix(&self, number: u16) -> Option<ControlIx> {
        (usize::from(number) < self.catalog.controls().len()).then_some(ControlIx(number))
    }

    /// Id of a control's number.
    pub(crate) fn control_id(&self, number: u16) -> Option<&str> {
        match self.control_ix(number) {
            Some(ix) => Some(&self.catalog.get(ix).id),
            None => self
                .controls
                .names
                .get(usize::from(number).checked_sub(self.catalog.controls().len())?)
                .map(String::as_str),
        }
    }

    /// Code of a status reason; 0 for none, and for those beyond the table.
    pub(crate) fn reason(&mut self, name: &str) -> u8 {
        let number = self.reasons.number(name, usize::from(u8::MAX));
        number.and_then(|number| u8::try_from(number + 1).ok()).unwrap_or_default()
    }

    /// Status reason of a code.
    pub(crate) fn reason_name(&self, code: u8) -> Option<&str> {
        self.reasons.names.get(usize::from(code).checked_sub(1)?).map(String::as_str)
    }

    /// Bytes of memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        let tables = [&self.regions, &self.controls, &self.reasons];
        tables.iter().flat_map(|table| &table.names).map(|name| 2 * (name.len() + size_of::<(String, usize)>())).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_that_are_full_send_the_rest_to_the_number_for_others() {
        let mut names = Names::new(Catalog::builtin().unwrap());
        assert_eq!(names.region(""), 0);
        assert_eq!(names.region("eu-west-1"), 1);
        for number in 0..70_000 {
            names.region(&format!("r{number}"));
            names.control(&format!("Made.{number}"));
            names.reason(&format!("R{number}"));
        }
        assert_eq!(names.region("one-more"), 0);
        assert_eq!(names.region("eu-west-1"), 1);
        assert_eq!(names.control("Made.99999"), OTHER_CONTROL);
        let first = u16::try_from(names.catalog().controls().len()).unwrap();
        assert_eq!(names.control_id(first), Some("made.0"));
        assert_eq!(names.control_ix(first), None);
        assert_eq!(names.control_id(OTHER_CONTROL), None);
        assert_eq!(names.reason("one more"), 0);
        assert_eq!(names.reason_name(0), None);
        assert_eq!(names.reason_name(1), Some("R0"));
    }

    #[test]
    fn controls_have_the_catalogues_number_in_every_spelling() {
        let catalog = Catalog::builtin().unwrap();
        let mut names = Names::new(catalog);
        let ControlIx(pca) = catalog.control("PCA.1").unwrap();
        assert_eq!(names.control(" privatecertificateauthority.1"), pca);
        assert_eq!(names.control_id(pca), Some("PCA.1"));
        assert_eq!(names.control("New.1"), names.control("NEW.1 "));
        assert_eq!(names.known_control("new.1"), Some(names.control("New.1")));
        assert_eq!((names.known_control("PCA.1"), names.known_control("Other.1")), (Some(pca), None));
    }
}
