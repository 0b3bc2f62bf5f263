//! What rows refer to by number: accounts, Regions, controls, standards.

use std::collections::HashMap;

use anyhow::Context;

use super::catalog::Catalog;

/// Names with numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    list: Vec<String>,
    numbers: HashMap<String, u16>,
}

impl Names {
    /// The number of a name, a new one when it has none yet.
    pub(super) fn intern(&mut self, name: &str) -> anyhow::Result<u16> {
        if let Some(number) = self.find(name) {
            return Ok(number);
        }
        let number = u16::try_from(self.list.len()).context("more than 65,536 accounts or Regions")?;
        self.list.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        Ok(number)
    }

    /// The number of a name that has one.
    pub(super) fn find(&self, name: &str) -> Option<u16> {
        self.numbers.get(name).copied()
    }

    /// The name of a number.
    pub(super) fn get(&self, number: u16) -> &str {
        &self.list[usize::from(number)]
    }

    /// How many names there are.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }
}

/// Everything that is needed to read a row.
#[derive(Debug, Clone)]
pub(super) struct Tables {
    pub partition: String,
    pub catalog: Catalog,
    pub accounts: Names,
    pub regions: Names,
}

impl Tables {
    /// Empty tables for a partition.
    pub(super) fn new(partition: &str) -> anyhow::Result<Self> {
        let partition = if partition.is_empty() { "aws" } else { partition };
        Ok(Self {
            partition: partition.to_owned(),
            catalog: Catalog::load()?,
            accounts: Names::default(),
            regions: Names::default(),
        })
    }

    /// ARN of Security Hub as a product of its own findings.
    pub(super) fn product_arn(&self, region: &str) -> String {
        format!("arn:{}:securityhub:{region}::product/aws/securityhub", self.partition)
    }
}
