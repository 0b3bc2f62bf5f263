//! Paging by offset over data that changes meanwhile.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::{Hub, handle};
use super::{ADMINISTRATOR, HOME, ORGANIZATION, PAYMENTS, all, call, code, get, post, texts, truth, world};

/// 250 findings of one account, updated over the last hours.
fn hub() -> Hub {
    world(&format!("{ORGANIZATION}\ngenerate: [{{seed: 1, count: 250, accounts: ['{PAYMENTS}'], controls: ['S3.*']}}]"))
}

fn by_update(order: &str) -> Value {
    json!({"SortCriteria": [{"Field": "UpdatedAt", "SortOrder": order}], "MaxResults": 100})
}

fn with_token(query: &Value, page: &Value) -> Value {
    let mut next = query.clone();
    next["NextToken"] = page["NextToken"].clone();
    next
}

fn ids(page: &Value) -> Vec<String> {
    page["Findings"].as_array().unwrap().iter().map(|finding| finding["Id"].as_str().unwrap().to_owned()).collect()
}

/// The trap: rows move up when one of the first page is updated, and the row that was next is never read.
#[test]
fn ascending_pages_skip_a_row_when_an_earlier_one_is_updated() {
    let mut hub = hub();
    let query = by_update("asc");
    let first = get(&mut hub, query.clone()).unwrap();
    let expected = ids(&get(&mut hub, with_token(&query, &first)).unwrap())[0].clone();
    let moved = first["Findings"][5]["Id"].as_str().unwrap().to_owned();
    let resource = first["Findings"][5]["Resources"][0]["Id"].clone();
    let control = first["Findings"][5]["Compliance"]["SecurityControlId"].clone();
    post(&mut hub, "/world/findings/set", json!({"control": control, "resource": resource, "status": "FAILED"}))
        .unwrap();
    let mut read: BTreeSet<String> = ids(&first).into_iter().collect();
    let (mut page, mut last) = (first, Vec::new());
    while page.get("NextToken").is_some() {
        page = get(&mut hub, with_token(&query, &page)).unwrap();
        last = ids(&page);
        read.extend(ids(&page));
    }
    assert_eq!(last.last(), Some(&moved), "the updated row is the newest, so it is read again at the end");
    assert!(!read.contains(&expected), "the row after the first page was skipped: that is the trap");
    assert_eq!(read.len(), 249);
}

#[test]
fn descending_pages_repeat_a_row_instead() {
    let mut hub = hub();
    let query = by_update("desc");
    let first = get(&mut hub, query.clone()).unwrap();
    let tail = all(&mut hub, ADMINISTRATOR, HOME, &by_update("desc"))[200].clone();
    let body = json!({"control": tail["Compliance"]["SecurityControlId"], "resource": tail["Resources"][0]["Id"], "status": "FAILED"});
    post(&mut hub, "/world/findings/set", body).unwrap();
    let second = get(&mut hub, with_token(&query, &first)).unwrap();
    assert_eq!(ids(&second)[0], ids(&first)[99]);
}

/// Cached results and a fresh evaluation of the same data must not differ.
#[test]
fn results_that_follow_changes_equal_fresh_ones() {
    let mut hub = hub();
    let query = json!({
        "Filters": {"ComplianceStatus": [{"Comparison": "EQUALS", "Value": "PASSED"}], "RecordState": [{"Comparison": "EQUALS", "Value": "ACTIVE"}]},
        "SortCriteria": [{"Field": "ComplianceSecurityControlId", "SortOrder": "desc"}, {"Field": "UpdatedAt", "SortOrder": "asc"}],
    });
    all(&mut hub, ADMINISTRATOR, HOME, &query);
    for seed in 0..8 {
        post(&mut hub, "/world/findings/churn", json!({"perCall": 7, "seed": seed})).unwrap();
        get(&mut hub, json!({"MaxResults": 1})).unwrap();
        post(&mut hub, "/world/findings/churn", json!({"perCall": 0})).unwrap();
        let followed = all(&mut hub, ADMINISTRATOR, HOME, &query);
        hub.queries.version += 1;
        assert_eq!(followed, all(&mut hub, ADMINISTRATOR, HOME, &query), "seed {seed}");
    }
}

#[test]
fn sorting_is_stable_and_checked() {
    let mut hub = hub();
    let sorted = all(
        &mut hub,
        ADMINISTRATOR,
        HOME,
        &json!({"SortCriteria": [
        {"Field": "ComplianceStatus", "SortOrder": "asc"}, {"Field": "Id", "SortOrder": "desc"}]}),
    );
    let keys: Vec<_> = sorted.iter().map(|f| f["Id"].as_str().unwrap().to_owned()).collect();
    assert!(keys.windows(2).all(|pair| pair[0] > pair[1]));
    for criteria in [
        json!([{"Field": "UpdatedAt", "SortOrder": "ASC"}]),
        json!([{"Field": "UpdatedAt"}]),
        json!([{"Field": "Updated", "SortOrder": "asc"}]),
        json!([{"SortOrder": "asc"}]),
        json!(vec![json!({"Field": "UpdatedAt", "SortOrder": "asc"}); 11]),
    ] {
        assert_eq!(code(get(&mut hub, json!({"SortCriteria": criteria}))), "InvalidInputException", "{criteria}");
    }
}

#[test]
fn pages_have_at_most_100_and_ten_unless_asked() {
    let mut hub = hub();
    for (limit, expected) in [(json!(1), 1), (json!(100), 100), (json!("7"), 7), (Value::Null, 10)] {
        let page = get(&mut hub, json!({"MaxResults": limit})).unwrap();
        assert_eq!(page["Findings"].as_array().unwrap().len(), expected);
    }
    for limit in [json!(0), json!(101), json!(-1), json!("x"), json!(1.5)] {
        assert_eq!(code(get(&mut hub, json!({"MaxResults": limit}))), "InvalidInputException", "{limit}");
    }
    assert_eq!(all(&mut hub, ADMINISTRATOR, HOME, &json!({})).len(), 250);
}

#[test]
fn tokens_belong_to_their_query_and_expire() {
    let mut hub = hub();
    let query = by_update("asc");
    let first = get(&mut hub, query.clone()).unwrap();
    let next = with_token(&query, &first);
    let mut smaller = next.clone();
    smaller["MaxResults"] = json!(10);
    assert_eq!(ids(&get(&mut hub, smaller).unwrap()), ids(&get(&mut hub, next.clone()).unwrap())[..10]);
    let refused = |hub: &mut Hub, change: &dyn Fn(&mut crate::call::Call)| {
        let mut call = call("GetFindings", ADMINISTRATOR, HOME, next.clone());
        change(&mut call);
        handle(hub, &call).err().map(|error| error.message).unwrap_or_default()
    };
    let changed = "Input Query has changed";
    let desc = json!([{"Field": "UpdatedAt", "SortOrder": "desc"}]);
    assert!(refused(&mut hub, &|call| call.input["SortCriteria"] = desc.clone()).contains(changed));
    assert!(refused(&mut hub, &|call| call.input["Filters"] = json!({"Region": []})).contains(changed));
    assert!(refused(&mut hub, &|call| call.account = PAYMENTS.to_owned()).contains(changed));
    assert!(refused(&mut hub, &|call| call.input["NextToken"] = json!("abc")).contains("not valid"));
    assert!(refused(&mut hub, &|call| call.faults.expire_token = true).contains("expired"));
    assert!(refused(&mut hub, &|call| call.now = "2026-11-20T13:00:01Z".parse().unwrap()).contains("expired"));
    assert_eq!(refused(&mut hub, &|call| call.now = "2026-11-20T12:59:00Z".parse().unwrap()), "");
    post(&mut hub, "/world/hub", json!({"tokenLifetimeSeconds": 60})).unwrap();
    assert!(refused(&mut hub, &|call| call.now = "2026-11-20T12:59:00Z".parse().unwrap()).contains("expired"));
}

#[test]
fn an_empty_page_continues_where_it_would_have_begun() {
    let mut hub = hub();
    let query = by_update("asc");
    let mut faulty = call("GetFindings", ADMINISTRATOR, HOME, query.clone());
    faulty.faults.empty_page = true;
    let empty = handle(&mut hub, &faulty).unwrap();
    assert_eq!(empty["Findings"], json!([]));
    let after = get(&mut hub, with_token(&query, &empty)).unwrap();
    assert_eq!(ids(&after), ids(&get(&mut hub, query).unwrap()));
}

#[test]
fn churn_is_the_same_for_a_seed_and_reaches_every_call() {
    let run = |seed: u64, kinds: Value| {
        let mut hub = hub();
        post(&mut hub, "/world/findings/churn", json!({"perCall": 5, "seed": seed, "kinds": kinds})).unwrap();
        for _ in 0..10 {
            get(&mut hub, json!({"MaxResults": 1})).unwrap();
        }
        truth(&mut hub, &[])
    };
    let everything = json!(["update", "archive", "create"]);
    assert_eq!(run(3, everything.clone()), run(3, everything.clone()));
    assert_ne!(run(3, everything.clone()), run(4, everything));
    assert_eq!(run(3, json!(["create"])).len(), 300);
    let archived = run(3, json!(["archive"]));
    assert_eq!(archived.iter().filter(|finding| finding["recordState"] == "ARCHIVED").count(), 50);
    assert_eq!(texts(&run(3, json!(["create"])), "/id").iter().collect::<BTreeSet<_>>().len(), 300);
}
