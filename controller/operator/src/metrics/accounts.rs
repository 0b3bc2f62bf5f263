//! Series of single accounts, written straight from the assessments: there are tens of thousands of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabel, EncodeLabelSet, EncodeLabelValue, EncodeMetric, LabelSetEncoder, LabelValueEncoder,
    MetricEncoder,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use soc2_posture::Assessment;
use soc2_posture::ids::AccountId;
use soc2_posture::organization::Organization;

use super::{AccountTags, Level, word, write_gauge};

/// The accounts of one profile.
#[derive(Clone, Copy, Debug)]
pub struct AccountsOf<'a> {
    /// The profile.
    pub profile: &'a str,
    /// How far it may go.
    pub level: Level,
    /// How its accounts stand.
    pub assessment: &'a Assessment,
}

/// Writes `account_checks`, `account_criterion_state` and `account_control_state`, as far as each profile goes.
///
/// # Errors
/// When the page cannot be written.
pub fn write_accounts(encoder: &mut DescriptorEncoder<'_>, profiles: &[AccountsOf<'_>]) -> fmt::Result {
    let up_to = |level: Level| profiles.iter().filter(move |of| of.level >= level);
    let checks = up_to(Level::Account).flat_map(|of| {
        let labels = |(account, state, count)| (Of(of.profile, account, [("state", word(state))]), f64::from(count));
        of.assessment.account_checks().map(labels)
    });
    write_gauge(encoder, "account_checks", "Controls of an account in each state", checks)?;
    let criteria = up_to(Level::Criterion).flat_map(|of| {
        let labels = |(account, id, state)| (Of(of.profile, account, [("criterion", id), ("state", word(state))]), 1.0);
        of.assessment.account_criteria().map(labels)
    });
    let help = "1 for the current technical state of a criterion in an account";
    write_gauge(encoder, "account_criterion_state", help, criteria)?;
    let controls = up_to(Level::Control).flat_map(|of| {
        let labels = |(account, id, state)| (Of(of.profile, account, [("control", id), ("state", word(state))]), 1.0);
        of.assessment.account_controls().map(labels)
    });
    write_gauge(encoder, "account_control_state", "1 for the current state of a control in an account", controls)
}

/// Begins `account_info`.
pub(super) fn info<'e>(encoder: &'e mut DescriptorEncoder<'_>) -> Result<MetricEncoder<'e>, fmt::Error> {
    let help = "Account by name, organizational unit and tags, to join on";
    encoder.encode_descriptor("account_info", help, None, MetricType::Gauge)
}

/// Writes the `account_info` of some accounts of an organization.
pub(super) fn write_info(
    metric: &mut MetricEncoder<'_>,
    name: &str,
    organization: &Organization,
    accounts: &BTreeSet<AccountId>,
    tags: &AccountTags,
) -> fmt::Result {
    let mut paths: BTreeMap<&str, String> = BTreeMap::new();
    for id in accounts {
        let Some(account) = organization.accounts.get(id) else { continue };
        let path = paths.entry(&account.parent).or_insert_with(|| organization.path(&account.parent));
        let labels = [("account_name", &*account.name), ("organization", name), ("ou_path", &*path)];
        let value = |key: &str| account.tags.as_ref().and_then(|tags| tags.get(key)).map_or("", String::as_str);
        let tags: Vec<(&str, &str)> = tags.iter().map(|(key, label)| (label, value(key))).collect();
        ConstGauge::new(1.0).encode(metric.encode_family(&(([("account_id", Id(*id))], labels), tags))?)?;
    }
    Ok(())
}

/// Labels `profile`, `account_id` and some more.
struct Of<'a, const N: usize>(&'a str, AccountId, [(&'static str, &'a str); N]);

impl<const N: usize> EncodeLabelSet for Of<'_, N> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        ("profile", self.0).encode(encoder.encode_label())?;
        ("account_id", Id(self.1)).encode(encoder.encode_label())?;
        self.2.encode(encoder)
    }
}

/// An account id as a label's value.
struct Id(AccountId);

impl EncodeLabelValue for Id {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        use fmt::Write;
        write!(encoder, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use prometheus_client::collector::Collector;
    use prometheus_client::encoding::text;
    use prometheus_client::registry::Registry;
    use soc2_catalog::Catalog;
    use soc2_crds::AwsOrganizationSpec;
    use soc2_posture::assess::Owners;
    use soc2_posture::organization::{Account, AccountState, Unit};
    use soc2_posture::source::Sources;
    use soc2_posture::{Desired, FindingIndex, Memory, World, assess};

    use super::*;

    /// What a collector writes, as a page.
    fn page(write: impl Fn(&mut DescriptorEncoder<'_>) -> fmt::Result + Send + Sync + 'static) -> String {
        struct Writes<W>(W);
        impl<W> fmt::Debug for Writes<W> {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("Writes")
            }
        }
        impl<W> Collector for Writes<W>
        where
            W: Fn(&mut DescriptorEncoder<'_>) -> fmt::Result + Send + Sync + 'static,
        {
            fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
                (self.0)(&mut encoder)
            }
        }
        let mut registry = Registry::with_prefix("soc2");
        registry.register_collector(Box::new(Writes(write)));
        let mut page = String::new();
        text::encode(&mut page, &registry).unwrap();
        page
    }

    fn organization(accounts: u64) -> Organization {
        let root = "r-ab12".to_owned();
        let account = |number: u64| {
            let tags = Some(BTreeMap::from([("env".to_owned(), "prod".to_owned())]));
            let account = Account {
                name: format!("account \"{number}\" \\ \n"),
                state: AccountState::Active,
                parent: root.clone(),
                joined_at: None,
                tags,
            };
            (format!("{number:012}").parse().unwrap(), account)
        };
        Organization {
            id: "o-exampleorgid".to_owned(),
            management_account: "000000000000".parse().unwrap(),
            root: root.clone(),
            scp_enabled: true,
            units: BTreeMap::from([(root.clone(), Unit { name: "Root".to_owned(), parent: None })]),
            accounts: (0..accounts).map(account).collect(),
            read_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn assessment(accounts: u64) -> Assessment {
        let catalog = Catalog::builtin().unwrap();
        let spec = serde_json::json!({"organizationRef": {"name": "acme"}, "categories": ["Security"]});
        let (profile, organization_spec) = (serde_json::from_value(spec).unwrap(), AwsOrganizationSpec::default());
        let protection = BTreeMap::new();
        let desired = Desired {
            profile: &profile,
            catalog,
            organization: &organization_spec,
            protection: &protection,
            owners: Owners::default(),
            acknowledged_targets: None,
        };
        let organization = Some(organization(accounts));
        let world = World { organization, sources: Sources::default(), index: FindingIndex::new(catalog) };
        assess(&desired, &world, &Memory::default(), Timestamp::UNIX_EPOCH).unwrap()
    }

    fn series(page: &str, name: &str) -> usize {
        page.lines().filter(|line| line.starts_with(&format!("{name}{{"))).count()
    }

    #[test]
    fn ten_thousand_accounts_are_as_many_series_as_their_detail_says() {
        let (large, small) = (assessment(10_000), assessment(10));
        let (of_large, of_small) = (large.account_series(), small.account_series());
        assert_eq!((of_large.accounts, of_small.controls / 10), (10_000, of_large.controls / 10_000));
        let page = page(move |encoder| {
            let large = AccountsOf { profile: "large", level: Level::Account, assessment: &large };
            let small = AccountsOf { profile: "small", level: Level::Control, assessment: &small };
            write_accounts(encoder, &[large, small])
        });
        assert_eq!(series(&page, "soc2_account_checks"), of_large.checks + of_small.checks);
        assert_eq!(series(&page, "soc2_account_criterion_state"), of_small.criteria);
        assert_eq!(series(&page, "soc2_account_control_state"), of_small.controls);
        let one = "soc2_account_control_state{profile=\"small\",account_id=\"000000000009\",control=\"IAM.1\"";
        assert!(page.contains(one), "no {one}");
    }

    #[test]
    fn below_its_level_a_profile_has_no_series_and_the_metric_is_not_even_named() {
        let profile = assessment(3);
        let page = page(move |encoder| {
            let of = AccountsOf { profile: "a", level: Level::Profile, assessment: &profile };
            write_accounts(encoder, &[of])
        });
        assert_eq!(page, "# EOF\n");
    }

    #[test]
    fn names_of_accounts_are_escaped_and_tags_are_labels() {
        let tags: AccountTags = "env,owner".parse().unwrap();
        let page = page(move |encoder| {
            let accounts = ["000000000001".parse().unwrap()].into();
            write_info(&mut info(encoder)?, "acme", &organization(2), &accounts, &tags)
        });
        let expected = r#"soc2_account_info{account_id="000000000001",account_name="account \"1\" \\ \n",organization="acme",ou_path="",tag_env="prod",tag_owner=""} 1.0"#;
        assert_eq!(page.lines().nth(2), Some(expected));
    }
}
