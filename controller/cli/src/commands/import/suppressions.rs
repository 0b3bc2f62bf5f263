//! `import suppressions`: exceptions with an end instead of suppressions without one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Result, bail, ensure};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;

use crate::args::{Manifests, World};
use crate::assess::Scope;
use crate::commands::prepare::manifests;
use crate::commands::{Notes, print};
use crate::exit::Exit;
use crate::manifests::Manifests as Objects;
use crate::snapshot::suppressed;

/// Most resources of one exception.
const MOST: usize = 50;

/// Arguments of `import suppressions`.
#[derive(Debug, Args)]
pub struct SuppressionsArgs {
    /// The world.
    #[command(flatten)]
    pub world: World,
    /// The AwsOrganization.
    #[command(flatten)]
    pub manifests: Manifests,
    /// Namespace of the exceptions.
    #[arg(short, long, value_name = "NAME")]
    pub namespace: String,
    /// Who owns them.
    #[arg(long, value_name = "MAIL")]
    pub owner: String,
    /// Why they are waived; auditors read it.
    #[arg(long, value_name = "TEXT", default_value = "Suppressed in Security Hub before; to be reviewed")]
    pub reason: String,
    /// How long they hold.
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=366))]
    pub days: u16,
}

/// Examples in the help.
pub const HELP: &str = "Look at each reason before you apply them: a suppression says nothing about why.

Examples:
  soc2ctl import suppressions --snapshot today -f org.yaml --namespace security --owner security@example.com --days 30";

/// Prints the exceptions.
pub fn run(args: &SuppressionsArgs, notes: &Notes) -> Result<Exit> {
    let SuppressionsArgs { world, manifests: files, namespace, owner, reason, days } = args;
    if world.live {
        bail!("--live: suppressions are imported from files: take a snapshot first (soc2ctl snapshot)");
    }
    check_namespace(namespace)?;
    let (manifests, exit) = manifests(files, notes)?;
    let scope = Scope::new(&manifests, world.organization.as_deref(), &[])?;
    let found = suppressed::read(&world.inputs(), &notes.progress())?;
    let now = world.now.unwrap_or_else(Timestamp::now);
    let from = Timestamp::from_second(now.as_second())?;
    let to = from.checked_add(SignedDuration::from_hours(24 * i64::from(*days)))?;
    let mut waived: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for one in &found {
        waived.entry((&one.control, &one.account)).or_default().insert(&one.resource);
    }
    let mut out = String::new();
    for ((control, account), resources) in &waived {
        let resources: Vec<&str> = resources.iter().copied().collect();
        for (part, resources) in resources.chunks(MOST).enumerate() {
            let service = control.to_lowercase().replace('.', "-");
            let part = if part == 0 { String::new() } else { format!("-{}", part + 1) };
            let exception = Exception {
                name: format!("suppressed-{service}-{account}{part}"),
                namespace,
                organization: &scope.organization.name_any(),
                control,
                account,
                resources,
                reason,
                owner,
                from,
                to,
            };
            exception.write(&mut out);
        }
    }
    check(&out)?;
    print(&out)?;
    notes.say(&format!("{} suppressed findings of {} controls and accounts", found.len(), waived.len()));
    Ok(exit)
}

/// What the API server would refuse is refused here, by the rules of the kind itself.
fn check(out: &str) -> Result<()> {
    const FLAGS: [(&str, &str); 2] = [("spec.reason", "--reason"), ("spec.owner", "--owner")];
    let Some(problem) = Objects::problems_of(out).into_iter().next() else { return Ok(()) };
    let flag = FLAGS.iter().find(|(field, _)| problem.message.starts_with(field));
    match flag {
        Some((_, flag)) => bail!("{flag}: {}", problem.message),
        None => bail!("{}: {}", problem.object.unwrap_or_default(), problem.message),
    }
}

fn check_namespace(name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let valid = name.len() <= 63 && name.chars().all(fits) && ends(name.chars().next()) && ends(name.chars().last());
    ensure!(
        valid,
        "--namespace: {name:?} is no name of a namespace: at most 63 lower-case letters, digits and '-', with a letter or digit at both ends"
    );
    Ok(())
}

struct Exception<'a> {
    name: String,
    namespace: &'a str,
    organization: &'a str,
    control: &'a str,
    account: &'a str,
    resources: &'a [&'a str],
    reason: &'a str,
    owner: &'a str,
    from: Timestamp,
    to: Timestamp,
}

impl Exception<'_> {
    fn write(&self, out: &mut String) {
        let scalar = |text: &str| serde_json::Value::from(text);
        let _ = write!(
            out,
            "---\napiVersion: soc2-operator.dev/v1alpha1\nkind: ComplianceException\nmetadata: {{name: {}, namespace: {}}}\nspec:\n  \
             organizationRef: {{name: {}}}\n  controls: [{}]\n  targets: {{include: [{{accountIds: [{}]}}]}}\n",
            scalar(&self.name),
            scalar(self.namespace),
            scalar(self.organization),
            scalar(self.control),
            scalar(self.account),
        );
        // A finding without a resource waives all of the control: nothing names a part.
        if self.resources.iter().all(|resource| !resource.is_empty()) {
            out.push_str("  resources:\n");
            for resource in self.resources {
                let _ = writeln!(out, "  - {}", scalar(resource));
            }
        }
        let _ = write!(
            out,
            "  reason: {}\n  owner: {}\n  startsAt: \"{}\"\n  expiresAt: \"{}\"\n",
            scalar(self.reason),
            scalar(self.owner),
            self.from,
            self.to
        );
    }
}
