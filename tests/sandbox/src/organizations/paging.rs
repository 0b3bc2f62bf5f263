//! Pages and next tokens. A token is good only for the operation, caller and parameters that it was given for.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::errors::invalid;
use super::ids::place;
use super::input::{Input, NEXT_TOKEN};
use crate::call::{Answer, ApiError, Call};

/// One page of `items`, each with its id, as the list member `member` of the answer.
pub(super) fn page<'a, T>(
    call: &Call,
    member: &str,
    items: impl Iterator<Item = (&'a str, T)>,
    show: impl Fn(T) -> Value,
) -> Answer {
    let input = Input(&call.input);
    let limit = input.max_results()?;
    let cursor = match input.optional("NextToken", &NEXT_TOKEN)? {
        Some(_) if call.faults.expire_token => return Err(bad_token()),
        Some(token) => open(call, token).ok_or_else(bad_token)?,
        None => String::new(),
    };
    if call.faults.empty_page {
        return Ok(answer(member, Vec::new(), Some(seal(call, &cursor))));
    }
    let mut rest: Vec<(Key<'_>, T)> = items.map(|(id, item)| (Key::of(id), item)).collect();
    if !cursor.is_empty() {
        let cursor = Key::of(&cursor);
        rest.retain(|(key, _)| *key > cursor);
    }
    let more = rest.len() > limit;
    if more {
        rest.select_nth_unstable_by(limit, |(a, _), (b, _)| a.cmp(b));
        rest.truncate(limit);
    }
    rest.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    let token = rest.last().filter(|_| more).map(|(key, _)| seal(call, key.id));
    Ok(answer(member, rest.into_iter().map(|(_, item)| show(item)).collect(), token))
}

/// The order of a list.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a> {
    place: u64,
    id: &'a str,
}

impl<'a> Key<'a> {
    fn of(id: &'a str) -> Self {
        Self { place: place(id), id }
    }
}

fn answer(member: &str, items: Vec<Value>, token: Option<String>) -> Value {
    let mut answer = Map::new();
    answer.insert(member.to_owned(), Value::Array(items));
    if let Some(token) = token {
        answer.insert("NextToken".to_owned(), json!(token));
    }
    Value::Object(answer)
}

fn bad_token() -> ApiError {
    invalid(
        "INVALID_NEXT_TOKEN",
        "Get the value for the NextToken parameter from the response to a previous call of the operation.",
    )
}

/// The token that continues after `cursor`, the id of the last item shown.
fn seal(call: &Call, cursor: &str) -> String {
    hex::encode([&binding(call, cursor)[..], cursor.as_bytes()].concat())
}

/// The cursor of a token, if it was made for this call.
fn open(call: &Call, token: &str) -> Option<String> {
    let bytes = hex::decode(token).ok()?;
    let (seal, cursor) = bytes.split_at_checked(16)?;
    let cursor = std::str::from_utf8(cursor).ok()?;
    (binding(call, cursor)[..] == *seal).then(|| cursor.to_owned())
}

fn binding(call: &Call, cursor: &str) -> [u8; 16] {
    let mut hasher = Sha256::new();
    for part in ["aws-sandbox", &call.operation, &call.account, cursor] {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    for (name, value) in call.input.as_object().into_iter().flatten() {
        if name != "NextToken" && name != "MaxResults" && !value.is_null() {
            hasher.update(name.as_bytes());
            hasher.update(value.to_string().as_bytes());
        }
    }
    let mut seal = [0; 16];
    seal.copy_from_slice(&hasher.finalize()[..16]);
    seal
}

/// A time as JSON protocols carry it: seconds with milliseconds.
pub(super) fn epoch(time: Timestamp) -> Value {
    json!(time.as_millisecond() as f64 / 1000.0)
}
