//! Prints the figures of the project, one a line: name, value, unit. Arguments choose sections; none means all.

use std::io::Write as _;

use anyhow::{Result, bail};
use bench::Figures;

/// A section: its name, and what measures it.
type Section = (&'static str, fn(&mut Figures<'_>) -> Result<()>);

/// Every section, in the order in which they are printed. A new one is a file in this crate and a line here.
const SECTIONS: [Section; 13] = [
    ("asff", bench::asff::run),
    ("assess", bench::assess::run),
    ("decide", bench::decide::run),
    ("impact", bench::impact::run),
    ("plan", bench::plan::run),
    ("events", bench::events::run),
    ("reads", bench::reads::run),
    ("start", bench::start::run),
    ("quiet", bench::quiet::run),
    ("failover", bench::failover::run),
    ("sweep", bench::sweep::run),
    ("scrape", bench::scrape::run),
    ("scale", bench::scale::run),
];

/// Sections that take long, and only run when they are named.
const ONLY_NAMED: [&str; 1] = ["scale"];

fn main() -> Result<()> {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = asked.iter().find(|name| !SECTIONS.iter().any(|(known, _)| known == name)) {
        let known: Vec<&str> = SECTIONS.iter().map(|(name, _)| *name).collect();
        bail!("there is no section {unknown:?}; there are {}", known.join(", "));
    }
    let mut out = std::io::stdout().lock();
    let mut failed = Ok(());
    for (name, section) in SECTIONS {
        let by_default = asked.is_empty() && !ONLY_NAMED.contains(&name);
        if by_default || asked.iter().any(|wanted| wanted == name) {
            let mut print = |name: &str, value: f64, unit: &str| {
                let written = writeln!(out, "{name} {value:.3} {unit}").and_then(|()| out.flush());
                failed = std::mem::replace(&mut failed, Ok(())).and(written);
            };
            section(&mut print)?;
        }
    }
    Ok(failed?)
}
