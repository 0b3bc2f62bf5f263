//! Regions, and services that are in only one of them. From where they are is described in `data/VERSION.md`.

use super::patterns;
use crate::pattern;

static REGIONS: &str = include_str!("../../data/regions.csv");
static GLOBAL_SERVICES: &str = include_str!("../../data/global_services.csv");

/// The rows of a table, without its heading.
fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().skip(1).map(|line| line.split(',').collect())
}

/// Names of all Regions.
pub(crate) fn regions() -> impl Iterator<Item = &'static str> {
    rows(REGIONS).filter_map(|row| row.first().copied())
}

/// Whether a value of a condition can be a Region; wildcards count as such.
pub(super) fn is_possible(value: &str) -> bool {
    let value = patterns::without_variables(value);
    regions().any(|region| pattern::matches(&value, region))
}

/// Whether a Region belongs to the commercial partition, or nobody knows.
pub(super) fn may_be_commercial(value: &str) -> bool {
    let mut all = rows(REGIONS);
    !all.any(|row| row.first() == Some(&value) && row.get(1) != Some(&"aws"))
}

/// Services with one endpoint for all Regions that an account cannot do without, each with the Region of its requests.
pub(super) fn needed_global_services() -> impl Iterator<Item = (&'static str, &'static str)> {
    rows(GLOBAL_SERVICES).filter_map(|row| match row.as_slice() {
        [service, region, "yes", _] => Some((*service, *region)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::{GLOBAL_SERVICES, is_possible, may_be_commercial, needed_global_services, regions, rows};
    use crate::lint::table::table;

    #[test]
    fn global_services_are_services_and_are_in_a_region() {
        for row in rows(GLOBAL_SERVICES) {
            let [service, region, needed, source] = row.as_slice() else { panic!("{row:?}") };
            assert!(table().service(service).is_some(), "{service}");
            assert!(regions().any(|known| known == *region), "{service}");
            assert!(matches!((*needed, *source), ("yes" | "no", "botocore" | "project")), "{service}");
        }
        let needed: Vec<&str> = needed_global_services().map(|(service, _)| service).collect();
        assert_eq!(needed, ["cloudfront", "iam", "organizations", "route53", "sts", "support"]);
    }

    #[test]
    fn regions_are_known_by_name_and_by_pattern() {
        assert!(is_possible("eu-west-1") && is_possible("eu-*") && is_possible("${aws:PrincipalTag/region}"));
        assert!(!is_possible("EU-WEST-1") && !is_possible("eu-west-9") && !is_possible("mars-*"));
        assert!(may_be_commercial("eu-west-1") && may_be_commercial("*") && !may_be_commercial("cn-north-1"));
    }
}
