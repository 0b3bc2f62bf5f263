//! Controls and standards that Security Hub knows, from `data/controls.tsv` and `data/standards.tsv`.

use std::collections::HashMap;

use anyhow::{Context, ensure};

const CONTROLS: &str = include_str!("../../data/controls.tsv");
const STANDARDS: &str = include_str!("../../data/standards.tsv");

/// A standard, such as the AWS Foundational Security Best Practices.
#[derive(Debug, Clone)]
pub(super) struct Standard {
    /// Short name in world files, such as `FSBP`.
    pub code: &'static str,
    /// Resource part of subscription ARNs, such as `nist-800-53/v/5.0.0`.
    pub short: &'static str,
    /// `StandardsId` in findings.
    pub in_findings: &'static str,
    arn: &'static str,
}

impl Standard {
    /// ARN of the standard in a Region and partition.
    pub(super) fn arn(&self, partition: &str, region: &str) -> String {
        self.arn.replacen("arn:aws:", &format!("arn:{partition}:"), 1).replace("REGION", region)
    }
}

/// Where a control gives findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// One Region stands for all (IAM and the like).
    Global,
    /// A setting of account and Region.
    RegionalAccount,
    /// Resources in each Region.
    Regional,
}

/// A set of standards, one bit for each place in [`Catalog::standards`].
pub(super) type StandardSet = u16;

/// A control, such as `IAM.5`.
#[derive(Debug, Clone)]
pub(super) struct Control {
    pub id: String,
    pub title: String,
    pub severity: String,
    pub standards: StandardSet,
    /// `CloudFormation`-like type, such as `AWS::S3::Bucket`; empty when unknown.
    pub resource_type: String,
    pub reach: Reach,
    pub custom_parameters: bool,
}

impl Control {
    /// A control that is not in the data: world files and tests may name any.
    fn unknown(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            title: format!("{id} (not in the sandbox's catalogue)"),
            severity: "MEDIUM".to_owned(),
            standards: 0,
            resource_type: String::new(),
            reach: Reach::Regional,
            custom_parameters: false,
        }
    }

    /// Whether it checks the account itself.
    pub(super) fn checks_account(&self) -> bool {
        self.resource_type == "AWS::::Account"
    }
}

/// All controls and standards.
#[derive(Debug, Clone)]
pub(super) struct Catalog {
    pub standards: Vec<Standard>,
    pub controls: Vec<Control>,
    by_id: HashMap<String, u16>,
    /// How many controls are Security Hub's own; those after them were only named by a world.
    known: usize,
}

fn lines(data: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    data.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect())
}

impl Catalog {
    /// Reads the embedded data.
    pub(super) fn load() -> anyhow::Result<Self> {
        let mut catalog = Self { standards: Vec::new(), controls: Vec::new(), by_id: HashMap::new(), known: 0 };
        for line in lines(STANDARDS) {
            let [code, short, in_findings, arn] = line[..] else { anyhow::bail!("standards.tsv: {line:?}") };
            catalog.standards.push(Standard { code, short, in_findings, arn });
        }
        for line in lines(CONTROLS) {
            let [id, title, severity, standards, resource_type, reach, parameters] = line[..] else {
                anyhow::bail!("controls.tsv: {line:?}")
            };
            let control = Control {
                id: id.to_owned(),
                title: title.to_owned(),
                severity: severity.to_owned(),
                standards: catalog.set(standards.split(';').filter(|code| !code.is_empty()))?,
                resource_type: resource_type.to_owned(),
                reach: match reach {
                    "Global" => Reach::Global,
                    "RegionalAccount" => Reach::RegionalAccount,
                    _ => Reach::Regional,
                },
                custom_parameters: parameters == "Yes",
            };
            catalog.add(control)?;
        }
        catalog.known = catalog.controls.len();
        Ok(catalog)
    }

    fn add(&mut self, control: Control) -> anyhow::Result<u16> {
        let number = u16::try_from(self.controls.len()).context("too many controls")?;
        ensure!(self.by_id.insert(control.id.clone(), number).is_none(), "control {} twice", control.id);
        self.controls.push(control);
        Ok(number)
    }

    /// Number of a control's id.
    pub(super) fn find(&self, id: &str) -> Option<u16> {
        self.by_id.get(id).copied()
    }

    /// Number of a control's id; one that is not in the data is added.
    pub(super) fn intern(&mut self, id: &str) -> anyhow::Result<u16> {
        match self.find(id) {
            Some(number) => Ok(number),
            None => self.add(Control::unknown(id)),
        }
    }

    /// The control of a number.
    pub(super) fn control(&self, number: u16) -> &Control {
        &self.controls[usize::from(number)]
    }

    /// Security Hub's own controls, with their numbers.
    pub(super) fn known(&self) -> impl Iterator<Item = (u16, &Control)> {
        (0_u16..).zip(&self.controls).take(self.known)
    }

    /// Place of a standard, named by code, subscription name, `StandardsId` or ARN.
    pub(super) fn standard(&self, name: &str) -> Option<usize> {
        let resource = name.rsplit("::").next().unwrap_or(name);
        self.standards
            .iter()
            .position(|s| s.code == name || s.short == name || s.in_findings == resource || s.arn.ends_with(name))
            .filter(|_| !name.is_empty())
    }

    /// The set of the standards named.
    pub(super) fn set<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> anyhow::Result<StandardSet> {
        names.into_iter().try_fold(0, |set, name| {
            let place = self.standard(name).with_context(|| {
                let codes: Vec<_> = self.standards.iter().map(|s| s.code).collect();
                format!("standard {name:?} is unknown; allowed are {}", codes.join(", "))
            })?;
            Ok(set | 1 << place)
        })
    }

    /// The standards of a set, in the order of the data.
    pub(super) fn members(&self, set: StandardSet) -> impl Iterator<Item = (usize, &Standard)> {
        self.standards.iter().enumerate().filter(move |(place, _)| set & (1 << place) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_is_complete() {
        let catalog = Catalog::load().unwrap();
        assert!(catalog.known().count() > 550);
        let iam5 = catalog.control(catalog.find("IAM.5").unwrap());
        let codes: Vec<_> = catalog.members(iam5.standards).map(|(_, standard)| standard.code).collect();
        assert_eq!(codes, ["FSBP", "CIS1.2", "CIS1.4", "CIS3", "CIS5", "NIST53", "PCI4"]);
        assert_eq!(iam5.reach, Reach::Global);
    }

    #[test]
    fn standards_have_four_names() {
        let catalog = Catalog::load().unwrap();
        for name in [
            "CIS5",
            "cis-aws-foundations-benchmark/v/5.0.0",
            "standards/cis-aws-foundations-benchmark/v/5.0.0",
            "arn:aws:securityhub:eu-west-1::standards/cis-aws-foundations-benchmark/v/5.0.0",
        ] {
            assert_eq!(catalog.standard(name).map(|place| catalog.standards[place].code), Some("CIS5"), "{name}");
        }
        assert!(catalog.standard("SOC2").is_none());
        assert!(catalog.standard("").is_none());
    }
}
