//! Rights in AWS beside those of the usual roles: what the shipped policies do not let a thief of the roles do, accounts
//! that are read one by one, and an operator that works from a delegated administrator's account.

use anyhow::{Context, Result, ensure};
use e2e::stand::Stand;
use e2e::{Operator, Sandbox};
use serde_json::json;

use crate::aws_cli::Cli;
use crate::least_privilege::guardrail_turns;
use crate::shipped_policies::{Held, POD, POD_KEY, all_used, document, granted, world, write};

const WRITE: Held = ("111111111111:role/soc2-write", &["write-guardrails"]);
const DENY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"organizations:LeaveOrganization","Resource":"*"}]}"#;
const ARN: &str = "arn:aws:organizations::111111111111";
const OURS: &str = "Key=soc2-operator.dev/owner-id,Value=acme";

/// A policy of somebody else by its name, attached to `place`: its id and ARN.
async fn foreign(sandbox: &Sandbox, name: &str) -> Result<(String, String)> {
    let policy = sandbox.policy(name).await?.with_context(|| format!("no policy {name}"))?;
    let id = policy["id"].as_str().context("id")?.to_owned();
    let arn = format!("{ARN}:policy/o-exampleorgid/service_control_policy/{id}");
    Ok((id, arn))
}

/// `aws organizations create-policy` with tags.
fn create<'a>(kind: &'a str, tags: &[&'a str]) -> Vec<&'a str> {
    let create =
        ["organizations", "create-policy", "--name", "new", "--description", "", "--content", DENY, "--type", kind];
    let flag = if tags.is_empty() { &[][..] } else { &["--tags"][..] };
    [&create[..], flag, tags].concat()
}

#[tokio::test]
async fn the_role_that_writes_cannot_touch_what_its_owner_does_not_own() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let sandbox = Sandbox::start_with(&write(&world(&[WRITE])?, &dir)?, &["--no-limits"]).await?;
    let security = sandbox.unit("Security").await?;
    let theirs = json!({"name": "soc2-beta-x", "content": DENY, "attach": ["Security"], "tags": {"soc2-operator.dev/owner-id": "beta"}});
    sandbox.post("/world/policies", theirs).await?;
    let before = sandbox.get("/world/policies").await?;
    let cli = Cli::of(&sandbox, POD_KEY).in_role(WRITE.0).await?;

    for name in ["acme-protect-log-archive", "soc2-beta-x"] {
        let (id, arn) = foreign(&sandbox, name).await?;
        for (operation, more) in [
            ("DetachPolicy", &["detach-policy", "--target-id", &security][..]),
            ("AttachPolicy", &["attach-policy", "--target-id", "333333333333"]),
            ("UpdatePolicy", &["update-policy", "--content", DENY]),
            ("DeletePolicy", &["delete-policy"]),
        ] {
            let args = [&["organizations"], more, &["--policy-id", &id]].concat();
            cli.is_denied(&args, &format!("organizations:{operation}"), &arn, "identity-based").await?;
        }
        let tag = ["organizations", "tag-resource", "--resource-id", &id, "--tags", "Key=owner,Value=me"];
        cli.is_denied(&tag, "organizations:TagResource", &arn, "identity-based").await?;
    }
    let full = "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess";
    let detach = ["organizations", "detach-policy", "--target-id", &security, "--policy-id", "p-FullAWSAccess"];
    cli.is_denied(&detach, "organizations:DetachPolicy", full, "identity-based").await?;
    let account = format!("{ARN}:account/o-exampleorgid/333333333333");
    let tag = ["organizations", "tag-resource", "--resource-id", "333333333333", "--tags", OURS];
    cli.is_denied(&tag, "organizations:TagResource", &account, "identity-based").await?;
    for args in [
        create("SERVICE_CONTROL_POLICY", &[]),
        create("SERVICE_CONTROL_POLICY", &["Key=soc2-operator.dev/owner-id,Value=beta"]),
        create("TAG_POLICY", &[OURS]),
    ] {
        cli.is_denied(&args, "organizations:CreatePolicy", "*", "identity-based").await?;
    }
    let error = cli.run(&create("SERVICE_CONTROL_POLICY", &[OURS, "Key=owner,Value=me"])).await.err();
    let error = error.context("created with a foreign tag")?.to_string();
    ensure!(error.contains("perform: organizations:TagResource on resource: arn:"), "{error}");
    ensure!(sandbox.get("/world/policies").await? == before, "a policy changed");

    // Its own it may make, change, attach and take away.
    let made = cli.run(&create("SERVICE_CONTROL_POLICY", &[OURS])).await?;
    let id = made["Policy"]["PolicySummary"]["Id"].as_str().context("id")?;
    for more in [
        &["update-policy", "--name", "newer"][..],
        &["attach-policy", "--target-id", &security],
        &["detach-policy", "--target-id", &security],
        &["delete-policy"],
    ] {
        cli.run(&[&["organizations"], more, &["--policy-id", id]].concat()).await?;
    }
    Ok(())
}

/// Roles in accounts that nobody administers.
const MEMBERS: [Held; 5] = [
    ("333333333333:role/soc2-read", &["read-member"]),
    ("343434343434:role/soc2-read", &["read-member"]),
    ("353535353535:role/soc2-read", &["read-member"]),
    ("363636363636:role/soc2-read", &["read-member"]),
    ("373737373737:role/soc2-read", &["read-member"]),
];

#[tokio::test]
async fn accounts_are_read_one_by_one_with_what_their_role_grants() -> Result<()> {
    const READ: Held = ("111111111111:role/soc2-read", &["read-organization"]);
    let mut world = world(&[&MEMBERS[..], &[READ]].concat())?;
    let hub = world["securityHub"].as_object_mut().context("securityHub")?;
    hub.remove("administrator");
    hub.remove("aggregator");
    let accounts: Vec<&str> = MEMBERS.iter().map(|(who, _)| &who[..12]).collect();
    for region in hub["regions"].as_object_mut().context("regions")?.values_mut() {
        let region = region.as_object_mut().context("region")?;
        region.remove("members");
        region.insert("standalone".to_owned(), json!(accounts));
    }
    let dir = tempfile::tempdir()?;
    let stand = Stand::start_world(write(&world, &dir)?, &["--no-limits"]).await?;
    let operator = stand.operator().await?;
    let sample = Stand::hasty_organization()?;
    let (before, rest) = sample.split_once("  securityHub:").context("securityHub")?;
    let (_, after) = rest.split_once("  sync:").context("sync")?;
    let each = "  - name: acquired
    perAccount: {roleName: soc2-read, externalId: acme-7}
    targets: {include: [{organizationalUnit: {path: Workloads/Prod}}]}
    regions: [eu-west-1]";
    stand.plane.apply_yaml(&format!("{before}  securityHub:\n{each}\n  sync:{after}")).await?;
    stand.apply_file("docs/samples/profile.yaml").await?;
    stand.condition("awsorg", "acme", "FindingsComplete", "True", "Complete").await.with_context(|| operator.log())?;
    all_used(&stand.sandbox, &[&MEMBERS[..], &[POD]].concat()).await.with_context(|| operator.log())
}

/// The roles of an operator that works from the account of the security team.
const DELEGATED: [Held; 2] = [
    ("222222222222:role/soc2-read", &["read-security-hub", "read-organization"]),
    ("222222222222:role/soc2-write", &["write-guardrails"]),
];

#[tokio::test]
async fn a_delegated_administrator_needs_what_the_delegation_grants_and_no_more() -> Result<()> {
    let mut world = world(&DELEGATED)?;
    world["paths"] = json!(false);
    // What AWS gives to delegated administrators of its services does not help: the policy must say it all.
    world["organization"]["delegatedAdministrators"] = json!([]);
    world["organization"]["delegationPolicy"] = document("delegation")?;
    let dir = tempfile::tempdir()?;
    let stand = Stand::start_world(write(&world, &dir)?, &["--no-limits"]).await?;
    let operator = Operator::start(stand.operator_options().with_flags(&["--metrics-account-tags", "env"])).await?;
    let organization = Stand::hasty_organization()?.replace("iam::111111111111:role", "iam::222222222222:role");
    stand.plane.apply_yaml(&format!("{organization}  guardrails: {{propagationDelay: 0s}}\n")).await?;
    stand.apply_file("docs/samples/profile.yaml").await?;
    guardrail_turns(&stand).await.with_context(|| operator.log())?;
    all_used(&stand.sandbox, &[&DELEGATED[..], &[POD]].concat()).await.with_context(|| operator.log())?;
    let mut roles = granted(&document("read-organization")?)?;
    roles.extend(granted(&document("write-guardrails")?)?);
    ensure!(roles == granted(&document("delegation")?)?, "the delegation grants what is not used, or less");

    // Nobody in the account can go beyond it, and nobody elsewhere has it.
    let (id, arn) = foreign(&stand.sandbox, "acme-protect-log-archive").await?;
    let security = stand.sandbox.unit("Security").await?;
    let detach = ["organizations", "detach-policy", "--target-id", &security, "--policy-id", &id];
    let action = "organizations:DetachPolicy";
    Cli::of(&stand.sandbox, "222222222222").is_denied(&detach, action, &arn, "resource-based").await?;
    let read = ["organizations", "list-accounts"];
    let stranger = Cli::of(&stand.sandbox, "333333333333");
    stranger.is_denied(&read, "organizations:ListAccounts", "*", "resource-based").await
}
