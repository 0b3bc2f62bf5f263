//! Formats of what commands print.

use clap::ValueEnum;

/// Formats of an assessment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// A v1 List of ComplianceProfile and AccountPosture objects, as the operator writes them.
    Json,
    /// The same as YAML.
    Yaml,
    /// For CI: a test case for each account and control.
    Junit,
    /// For code scanning.
    Sarif,
    /// For a pull request.
    Markdown,
}

/// Formats of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Report {
    /// For people.
    #[default]
    Table,
    /// For machines.
    Json,
    /// For a pull request.
    Markdown,
}

/// Formats of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Plain {
    /// For people.
    #[default]
    Table,
    /// For machines.
    Json,
}
