//! Reading a page of metrics as a scraper does, strictly.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

/// A metric of a page.
#[derive(Debug, Default)]
pub struct Family {
    /// Its type, such as `gauge`.
    pub kind: String,
    /// Its unit; empty when it has none.
    pub unit: String,
    /// What it means.
    pub help: String,
    /// Its series.
    pub series: Vec<Series>,
}

/// A sample of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Name with its suffix, such as `soc2_reconcile_total`.
    pub name: String,
    /// Labels by name.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

/// The metrics of a page by the name that a query uses: of counters with `_total`.
///
/// # Errors
/// When the page is not `OpenMetrics` text, names a series twice, or has a series without a type.
pub fn parse(page: &str) -> Result<BTreeMap<String, Family>> {
    ensure!(page.ends_with("# EOF\n"), "the page does not end with # EOF");
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    let mut seen = std::collections::BTreeSet::new();
    for line in page.lines().take_while(|line| *line != "# EOF") {
        if let Some(comment) = line.strip_prefix("# ") {
            let (word, rest) = comment.split_once(' ').context("comment")?;
            let (name, text) = rest.split_once(' ').unwrap_or((rest, ""));
            if name != current {
                ensure!(families.insert(name.to_owned(), Family::default()).is_none(), "{name} is there twice");
                name.clone_into(&mut current);
            }
            let family = families.entry(current.clone()).or_default();
            match word {
                "HELP" => text.clone_into(&mut family.help),
                "TYPE" => text.clone_into(&mut family.kind),
                "UNIT" => text.clone_into(&mut family.unit),
                _ => bail!("{line}"),
            }
        } else {
            let series = sample(line).with_context(|| line.to_owned())?;
            ensure!(series.name.starts_with(&current), "{} among the series of {current}", series.name);
            ensure!(seen.insert((series.name.clone(), series.labels.clone())), "twice: {line}");
            families.get_mut(&current).context("a series without a type")?.series.push(series);
        }
    }
    let name = |name: String, family: &Family| if family.kind == "counter" { format!("{name}_total") } else { name };
    Ok(families.into_iter().map(|(base, family)| (name(base, &family), family)).collect())
}

fn sample(line: &str) -> Result<Series> {
    let Some((name, rest)) = line.split_once('{') else {
        let (name, value) = line.split_once(' ').context("value")?;
        return Ok(Series { name: name.to_owned(), labels: BTreeMap::new(), value: value.parse()? });
    };
    let (mut labels, mut rest) = (BTreeMap::new(), rest);
    while !rest.starts_with('}') {
        let (label, after) = rest.split_once("=\"").context("label")?;
        let (value, after) = quoted(after)?;
        ensure!(labels.insert(label.to_owned(), value).is_none(), "label {label} twice");
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    let value = rest.strip_prefix("} ").context("value")?;
    Ok(Series { name: name.to_owned(), labels, value: value.parse()? })
}

/// A label's value up to its quotation mark, and what follows.
fn quoted(text: &str) -> Result<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, one)) = chars.next() {
        match one {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => value.push(match chars.next().context("escape")?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    bail!("a label's value does not end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_with_everything_that_it_says() {
        let page = "# HELP a_seconds Time.\n# TYPE a_seconds gauge\n# UNIT a_seconds seconds\n\
                    a_seconds{x=\"1\",y=\"a \\\"b\\\" \\\\ \\n}\"} 1.5\n\
                    # HELP b Count.\n# TYPE b counter\nb_total 3\n# EOF\n";
        let families = parse(page).unwrap();
        assert_eq!(families.keys().collect::<Vec<_>>(), ["a_seconds", "b_total"]);
        let family = &families["a_seconds"];
        assert_eq!((&*family.kind, &*family.unit, &*family.help), ("gauge", "seconds", "Time."));
        assert_eq!(family.series[0].labels["y"], "a \"b\" \\ \n}");
        assert!((families["b_total"].series[0].value - 3.0).abs() < f64::EPSILON);
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for page in ["a 1\n# EOF\n", "# TYPE a gauge\na 1\n", "# TYPE a gauge\na 1\na 1\n# EOF\n"] {
            assert!(parse(page).is_err(), "{page}");
        }
    }
}
