//! Reading a policy document. What is not known here is refused, with its field.

use std::collections::BTreeSet;

use anyhow::{Context as _, anyhow, bail, ensure};
use serde_json::{Map, Value};

use super::condition::Condition;
use super::{Policy, Statement};
use crate::organizations::is_account;

/// A policy; `names_accounts` where it belongs to what is used, and not to who uses it.
pub(super) fn read(document: &Value, names_accounts: bool) -> anyhow::Result<Policy> {
    let members = object(document)?;
    for name in members.keys() {
        ensure!(
            ["Version", "Id", "Statement"].contains(&name.as_str()),
            "{name}: aws-sandbox does not know this element"
        );
    }
    ensure!(members.get("Version").is_some_and(|version| version == "2012-10-17"), "Version: must be 2012-10-17");
    let statements = match members.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(statement) => vec![statement],
        None => Vec::new(),
    };
    ensure!(!statements.is_empty(), "Statement: there is none");
    let mut sids = BTreeSet::new();
    let mut read = Vec::new();
    for (at, given) in statements.into_iter().enumerate() {
        let field = || format!("Statement[{at}]");
        if let Some(sid) = given.get("Sid") {
            ensure!(sids.insert(sid.to_string()), "{}.Sid: {sid} stands twice", field());
        }
        read.push(statement(given, names_accounts).with_context(field)?);
    }
    Ok(Policy { statements: read })
}

fn statement(given: &Value, names_accounts: bool) -> anyhow::Result<Statement> {
    let members = object(given)?;
    for (name, value) in members {
        match name.as_str() {
            "Sid" => check_sid(value).context("Sid")?,
            "Effect" | "Action" | "Resource" | "Condition" => {}
            "Principal" => ensure!(names_accounts, "Principal: a policy of an identity names none"),
            _ => bail!("{name}: aws-sandbox does not know this element"),
        }
    }
    let member = |name: &'static str| members.get(name).ok_or_else(|| anyhow!("{name}: must be there"));
    let allows = match member("Effect")?.as_str() {
        Some("Allow") => true,
        Some("Deny") => false,
        _ => bail!("Effect: must be Allow or Deny"),
    };
    let accounts = if names_accounts { Some(accounts(member("Principal")?).context("Principal")?) } else { None };
    let conditions = members.get("Condition").map(Condition::read).transpose().context("Condition")?;
    Ok(Statement {
        allows,
        accounts,
        actions: actions(member("Action")?).context("Action")?,
        resources: resources(member("Resource")?).context("Resource")?,
        conditions: conditions.unwrap_or_default(),
    })
}

fn check_sid(sid: &Value) -> anyhow::Result<()> {
    let plain = sid.as_str().is_some_and(|sid| sid.chars().all(|c| c.is_ascii_alphanumeric()));
    ensure!(plain, "must be letters and digits, not {sid}");
    Ok(())
}

/// Accounts as `{"AWS": ...}` names them: by the ARN of their root user, or their id.
fn accounts(principal: &Value) -> anyhow::Result<Vec<String>> {
    let members = object(principal)?;
    ensure!(members.keys().eq(["AWS"]), "must be {{\"AWS\": ...}}");
    let named = texts(members.get("AWS").unwrap_or(&Value::Null)).context("AWS")?;
    let account = |name: String| {
        let rest = name.split_once(":iam::").filter(|(head, _)| head.starts_with("arn:")).map(|(_, rest)| rest);
        let id = rest.and_then(|rest| rest.strip_suffix(":root")).unwrap_or(&name).to_owned();
        ensure!(is_account(&id), "AWS: aws-sandbox knows accounts only, not {name}");
        Ok(id)
    };
    named.into_iter().map(account).collect()
}

fn actions(given: &Value) -> anyhow::Result<Vec<String>> {
    let action = |action: String| {
        let parts = action.split(':').filter(|part| !part.is_empty()).count();
        ensure!(
            action == "*" || parts == 2 && action.matches(':').count() == 1,
            "{action:?} is not like service:action"
        );
        Ok(action.to_ascii_lowercase())
    };
    texts(given)?.into_iter().map(action).collect()
}

fn resources(given: &Value) -> anyhow::Result<Vec<String>> {
    let resource = |resource: String| {
        let arn = resource.starts_with("arn:") && resource.splitn(6, ':').count() == 6;
        ensure!(resource == "*" || arn, "{resource:?} is neither an ARN nor *");
        Ok(resource)
    };
    texts(given)?.into_iter().map(resource).collect()
}

/// A text, or a list of at least one. Policy variables are not known here.
pub(super) fn texts(given: &Value) -> anyhow::Result<Vec<String>> {
    let items = given.as_array().map_or(std::slice::from_ref(given), Vec::as_slice);
    ensure!(!items.is_empty(), "must not be empty");
    let text = |item: &Value| {
        let text = item.as_str().ok_or_else(|| anyhow!("must be a text or a list of texts, not {item}"))?;
        ensure!(!text.contains("${"), "aws-sandbox does not know policy variables: {text}");
        Ok(text.to_owned())
    };
    items.iter().map(text).collect()
}

pub(super) fn object(given: &Value) -> anyhow::Result<&Map<String, Value>> {
    given.as_object().ok_or_else(|| anyhow!("must be an object, not {given}"))
}
