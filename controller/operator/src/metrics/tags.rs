//! Account tags that become labels of `account_info`.

use std::str::FromStr;

/// Most tags: each is a label on a series of every account.
const MOST: usize = 10;

/// Tags of accounts to export, and the labels they become.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountTags(Vec<(String, String)>);

impl AccountTags {
    /// No tags.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keys of tags with the names of their labels.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, label)| (key.as_str(), label.as_str()))
    }
}

impl FromStr for AccountTags {
    type Err = String;

    /// Keys separated by commas. A label is `tag_` and the key, with `_` for what a label's name cannot have.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut tags: Vec<(String, String)> = Vec::new();
        for key in text.split(',').map(str::trim).filter(|key| !key.is_empty()) {
            let name = |one: char| if one.is_ascii_alphanumeric() { one } else { '_' };
            let label: String = format!("tag_{}", key.chars().map(name).collect::<String>());
            if let Some((other, _)) = tags.iter().find(|(_, known)| *known == label) {
                return Err(format!("{other:?} and {key:?} would both be the label {label}; leave one out"));
            }
            tags.push((key.to_owned(), label));
        }
        if tags.len() > MOST {
            return Err(format!("{} tags, and there may be {MOST}: each is a label of every account", tags.len()));
        }
        Ok(Self(tags))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_becomes_a_label_that_prometheus_can_have() {
        let tags: AccountTags = "env, cost-center,acme:team,".parse().unwrap();
        let expected = [("env", "tag_env"), ("cost-center", "tag_cost_center"), ("acme:team", "tag_acme_team")];
        assert_eq!(tags.iter().collect::<Vec<_>>(), expected);
        assert!("".parse::<AccountTags>().unwrap().is_empty());
    }

    #[test]
    fn two_tags_with_one_label_and_too_many_are_refused() {
        let error = "team-a,team_a".parse::<AccountTags>().unwrap_err();
        assert_eq!(error, r#""team-a" and "team_a" would both be the label tag_team_a; leave one out"#);
        let many: Vec<String> = (0..11).map(|number| format!("t{number}")).collect();
        assert!(many.join(",").parse::<AccountTags>().unwrap_err().starts_with("11 tags"));
    }
}
