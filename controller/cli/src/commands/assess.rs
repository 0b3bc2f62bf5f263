//! `assess`.

use anyhow::Result;

use super::prepare::prepare;
use super::{Notes, print, print_json};
use crate::args::{AssessArgs, Format};
use crate::assess::Assessed;
use crate::exit::Exit;
use crate::output::{junit, list, markdown, sarif, summary};

pub fn run(args: &AssessArgs, notes: &Notes) -> Result<Exit> {
    let prepared = prepare(&args.world, &args.manifests, &args.profiles, notes)?;
    let all = &prepared.assessed;
    match args.output {
        Format::Table => print(&summary::summary(all))?,
        Format::Json => print_json(&list::list(all)?)?,
        Format::Yaml => print(&serde_yaml::to_string(&list::list(all)?)?)?,
        Format::Junit => print(&junit::junit(all))?,
        Format::Sarif => print_json(&sarif::sarif(all))?,
        Format::Markdown => print(&markdown::markdown(all))?,
    }
    Ok(all.iter().map(Assessed::exit).max().unwrap_or(Exit::Failed).max(prepared.exit))
}
