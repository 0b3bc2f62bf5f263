//! `GetFindings`: one page of live data, by offset.

use serde_json::{Value, json};

use super::filters::{Filters, Rules};
use super::hubs::Standing;
use super::query::{Query, Sort};
use super::rng::hash;
use super::{Hub, churn, errors, input, render, token};
use crate::call::{Answer, Call};

/// AWS documents no default page size; a small one shows callers that forget to ask for more.
const DEFAULT_PAGE: usize = 10;

/// Answers `GetFindings`.
pub(super) fn get_findings(hub: &mut Hub, call: &Call) -> Answer {
    churn::run(hub, call.now);
    if hub.hubs.standing(&call.account, &call.region) == Standing::Off {
        return Err(errors::not_subscribed(&call.account));
    }
    let limit = input::max_results(call, DEFAULT_PAGE, 100)?;
    let now = call.now.as_millisecond();
    let query = Query {
        hubs: &hub.hubs,
        caller: &call.account,
        region: &call.region,
        filters: Filters::parse(call.input.get("Filters"), Rules { accept_contains: hub.accept_contains, now })?,
        sort: Sort::parse(input::list(call, "SortCriteria", usize::MAX)?)?,
        fingerprint: fingerprint(call),
        now,
    };
    let offset = token::offset(call, query.fingerprint, hub.token_lifetime)?;
    let rows = hub.queries.rows(&query, &hub.tables, &hub.store);
    if call.faults.empty_page {
        return Ok(json!({"Findings": [], "NextToken": token::next(call, query.fingerprint, offset)}));
    }
    let page = rows.iter().skip(offset).take(limit);
    let findings: Vec<Value> =
        page.filter_map(|id| hub.store.get(*id)).map(|row| Value::Object(render::finding(&hub.tables, row))).collect();
    let mut answer = json!({"Findings": findings});
    if offset + limit < rows.len() {
        answer["NextToken"] = json!(token::next(call, query.fingerprint, offset + limit));
    }
    Ok(answer)
}

/// A number for caller, Region, filters and sort.
fn fingerprint(call: &Call) -> u64 {
    let null = Value::Null;
    let member = |name| call.input.get(name).unwrap_or(&null);
    hash(&format!("{}|{}|{}|{}", call.account, call.region, member("Filters"), member("SortCriteria")))
}
