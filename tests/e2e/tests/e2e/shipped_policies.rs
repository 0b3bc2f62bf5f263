//! A world in which roles have the policies of deploy/iam, whole as they are shipped, and what the roles then used of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use e2e::{Sandbox, binaries, eventually};
use serde_json::{Value, json};

/// Who calls, as its ARN ends, and the policies that it has.
pub(crate) type Held = (&'static str, &'static [&'static str]);

/// Names in the shipped policies that are examples, and what they are for one who holds them here.
const NAMES: &[(&str, &str, &str)] = &[
    (
        "222222222222:role/soc2-events",
        "arn:aws:sqs:eu-west-1:222222222222:soc2",
        "arn:aws:sqs:eu-west-1:222222222222:soc2-findings",
    ),
    (
        "111111111111:role/soc2-events",
        "arn:aws:sqs:eu-west-1:222222222222:soc2",
        "arn:aws:sqs:us-east-1:111111111111:soc2-organization",
    ),
];

/// The operator's pod.
pub(crate) const POD: Held = ("111111111111:user/operator-pod", &["pod"]);
/// Its access key.
pub(crate) const POD_KEY: &str = "AKIASANDBOXOPERATOR0";

pub(crate) type Actions = BTreeSet<String>;

/// A shipped policy.
pub(crate) fn document(policy: &str) -> Result<Value> {
    Ok(serde_json::from_str(&binaries::read(&format!("deploy/iam/policies/{policy}.json"))?)?)
}

/// The policies of one who holds them, with its own names in the place of the examples.
fn documents((who, policies): Held) -> Result<Value> {
    let mut text = policies.iter().map(|policy| document(policy)).collect::<Result<Value>>()?.to_string();
    for (_, example, name) in NAMES.iter().filter(|(held_by, ..)| *held_by == who) {
        let quoted = format!("\"{example}\"");
        ensure!(text.contains(&quoted), "{example} is not in the policies of {who}");
        text = text.replace(&quoted, &format!("\"{name}\""));
    }
    Ok(serde_json::from_str(&text)?)
}

/// The actions that a policy allows.
pub(crate) fn granted(policy: &Value) -> Result<Actions> {
    let statements = policy["Statement"].as_array().context("Statement")?;
    let actions = statements.iter().flat_map(|statement| match &statement["Action"] {
        Value::Array(actions) => actions.clone(),
        action => vec![action.clone()],
    });
    actions.map(|action| action.as_str().map(str::to_owned).context("Action")).collect()
}

/// The demo's world, with these roles and no other, which trust the pod. None of them may do what its policies do not say.
pub(crate) fn world(roles: &[Held]) -> Result<Value> {
    let mut world: Value = serde_yaml::from_str(&std::fs::read_to_string(Sandbox::demo_world())?)?;
    let (pod, _) = POD;
    let role = |held: &Held| -> Result<Value> {
        let arn = |who: &str| format!("arn:aws:iam::{who}");
        let trusts = [arn(pod)];
        Ok(json!({"arn": arn(held.0), "externalId": "acme-7", "trusts": trusts, "policy": documents(*held)?}))
    };
    world["roles"] = roles.iter().map(role).collect::<Result<Value>>()?;
    for credential in world["credentials"].as_array_mut().context("credentials")? {
        if credential["accessKeyId"] == POD_KEY {
            let members = credential.as_object_mut().context("credential")?;
            members.remove("allow");
            members.insert("policy".to_owned(), documents(POD)?);
        }
    }
    Ok(world)
}

/// Writes a world into a folder.
pub(crate) fn write(world: &Value, dir: &tempfile::TempDir) -> Result<PathBuf> {
    let path = dir.path().join("world.yaml");
    std::fs::write(&path, serde_yaml::to_string(world)?)?;
    Ok(path)
}

/// The actions that each of them used; nobody was denied anything.
fn used(calls: &[Value], held: &[Held]) -> Result<BTreeMap<&'static str, Actions>> {
    let mut used: BTreeMap<&'static str, Actions> = BTreeMap::new();
    for call in calls {
        let principal = call["principal"].as_str().unwrap_or_default();
        let (service, operation) = (call["service"].as_str(), call["operation"].as_str());
        let (service, operation) = (service.context("service")?, operation.context("operation")?);
        ensure!(call["outcome"] != "AccessDenied" && call["outcome"] != "AccessDeniedException", "denied: {call:#}");
        let holder = held.iter().find(|(who, _)| {
            let session = format!("{}/", who.replace("role/", "assumed-role/"));
            format!("{principal}/").contains(&session)
        });
        let Some((who, _)) = holder else { continue };
        // Everybody may ask who they are; SQS's batches need what each of their entries needs.
        if operation != "GetCallerIdentity" {
            let operation = if service == "sqs" { operation.trim_end_matches("Batch") } else { operation };
            used.entry(who).or_default().insert(format!("{service}:{operation}"));
        }
    }
    Ok(used)
}

/// Waits until each of them has used everything that its policies grant; nobody was denied anything.
pub(crate) async fn all_used(sandbox: &Sandbox, held: &[Held]) -> Result<()> {
    eventually("every right in AWS to be used", || async {
        let used = used(&sandbox.calls(0, None).await?, held)?;
        for (who, policies) in held {
            let mut may = Actions::new();
            for policy in *policies {
                may.extend(granted(&document(policy)?)?);
            }
            let used = used.get(who).cloned().unwrap_or_default();
            let idle: Vec<_> = may.difference(&used).collect();
            ensure!(idle.is_empty(), "{policies:?} grant {who} what it never used: {idle:?}");
            ensure!(used.is_subset(&may), "{who} used more than {policies:?} grant: {used:?}");
        }
        Ok(())
    })
    .await
}
