//! One document in fewer characters: what is left out, what is joined, and what stays.

use soc2_guardrails::Document;
use soc2_guardrails::pack::{Sids, characters, minify};

fn document(statements: &str) -> Document {
    Document::parse(&format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#)).unwrap()
}

/// The `Statement` of the minified document.
fn minified(statements: &str) -> String {
    let content = minify(&document(statements), Sids::Keep).content;
    let inner = content.strip_prefix(r#"{"Version":"2012-10-17","Statement":"#).and_then(|rest| rest.strip_suffix('}'));
    inner.unwrap_or_else(|| panic!("{content}")).to_owned()
}

#[test]
fn what_is_left_out_and_what_is_joined() {
    for (what, before, after) in [
        (
            "lists of one and empty elements",
            r#"{"Sid":"","Effect":"Deny","Action":["a:B"],"Resource":["*"],"Condition":{}}"#,
            r#"{"Effect":"Deny","Action":"a:B","Resource":"*"}"#,
        ),
        (
            "keys in the order of the documentation, values of conditions as written",
            r#"{"Condition":{"Bool":{"a:k":[true,"true"]},"NumericEquals":{"a:n":[1,"2","1"]}},"Resource":"*","Action":"a:B","Effect":"Deny","Sid":"S"}"#,
            r#"{"Sid":"S","Effect":"Deny","Action":"a:B","Resource":"*","Condition":{"Bool":{"a:k":true},"NumericEquals":{"a:n":[1,"2"]}}}"#,
        ),
        (
            "actions that another covers, whatever the case",
            r#"{"Effect":"Deny","Action":["s3:GetObject","S3:getobject","s3:Get*","s3:Put**","s3:Put*"],"Resource":"*"}"#,
            r#"{"Effect":"Deny","Action":["s3:Get*","s3:Put*"],"Resource":"*"}"#,
        ),
        (
            "resources that another covers, within their part of an ARN",
            r#"{"Effect":"Deny","Action":"s3:*","Resource":["arn:aws:s3:::a","arn:aws:s3:::a*","arn:a*s:s3:::a/b","arn:aws:s3:::${aws:username}","arn:*:s3:::a/b"]}"#,
            r#"{"Effect":"Deny","Action":"s3:*","Resource":["arn:aws:s3:::a*","arn:aws:s3:::${aws:username}","arn:*:s3:::a/b"]}"#,
        ),
        (
            "a case that matters",
            r#"{"Effect":"Deny","Action":"s3:*","Resource":["arn:aws:s3:::a","arn:aws:s3:::A"]}"#,
            r#"{"Effect":"Deny","Action":"s3:*","Resource":["arn:aws:s3:::a","arn:aws:s3:::A"]}"#,
        ),
        (
            "values that another covers, where the operator has patterns",
            r#"{"Effect":"Deny","Action":"a:B","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":["arn:aws:iam::*:role/x","arn:aws:iam::1:role/x"]},"StringEquals":{"a:k":["b*","bc"]},"ForAnyValue:StringLikeIfExists":{"a:l":["bc","b*"]}}}"#,
            r#"{"Effect":"Deny","Action":"a:B","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/x"},"StringEquals":{"a:k":["b*","bc"]},"ForAnyValue:StringLikeIfExists":{"a:l":"b*"}}}"#,
        ),
        (
            "statements that differ in actions; the shortest name stays",
            r#"{"Sid":"Long","Effect":"Deny","Action":"a:B","Resource":"*"},{"Sid":"Sid","Effect":"Deny","Action":"c:D","Resource":["*"]}"#,
            r#"{"Sid":"Sid","Effect":"Deny","Action":["a:B","c:D"],"Resource":"*"}"#,
        ),
        (
            "statements that differ in resources",
            r#"{"Effect":"Deny","NotAction":"a:B","Resource":"arn:aws:s3:::a"},{"Effect":"Deny","NotAction":"A:b","Resource":"arn:aws:s3:::b"}"#,
            r#"{"Effect":"Deny","NotAction":"a:B","Resource":["arn:aws:s3:::a","arn:aws:s3:::b"]}"#,
        ),
        (
            "statements that another covers: fewer conditions, more actions",
            r#"{"Sid":"One","Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3:::a","Condition":{"Bool":{"A:K":"true"}}},{"Sid":"Wide","Effect":"Deny","Action":"s3:*","Resource":"*"}"#,
            r#"{"Sid":"One","Effect":"Deny","Action":"s3:*","Resource":"*"}"#,
        ),
        (
            "NotAction covers a NotAction that leaves out more",
            r#"{"Effect":"Deny","NotAction":["iam:*","sts:*"],"Resource":"*"},{"Effect":"Deny","NotAction":"iam:Get*","Resource":"*"}"#,
            r#"{"Effect":"Deny","NotAction":"iam:Get*","Resource":"*"}"#,
        ),
    ] {
        assert_eq!(minified(before), after, "{what}");
    }
}

#[test]
fn what_would_decide_otherwise_is_not_joined() {
    for (what, statements) in [
        (
            "both left out",
            r#"{"Effect":"Deny","NotAction":"a:B","Resource":"*"},{"Effect":"Deny","NotAction":"c:D","Resource":"*"}"#,
        ),
        (
            "effects",
            r#"{"Effect":"Deny","Action":"a:B","Resource":"*"},{"Effect":"Allow","Action":"a:B","Resource":"*"}"#,
        ),
        (
            "actions and resources",
            r#"{"Effect":"Deny","Action":"a:B","Resource":"arn:aws:a:::b"},{"Effect":"Deny","Action":"c:D","Resource":"arn:aws:c:::d"}"#,
        ),
        (
            "values of a condition",
            r#"{"Effect":"Deny","Action":"a:B","Resource":"*","Condition":{"StringEquals":{"a:k":"x"}}},{"Effect":"Deny","Action":"a:C","Resource":"*","Condition":{"StringEquals":{"a:k":"y"}}}"#,
        ),
        (
            "two keys that differ in case are two conditions",
            r#"{"Effect":"Deny","Action":"a:B","Resource":"*","Condition":{"StringEquals":{"a:k":"x","A:K":"y"}}},{"Effect":"Deny","Action":"a:C","Resource":"*","Condition":{"StringEquals":{"a:k":["x","y"]}}}"#,
        ),
        (
            "elements that are not known",
            r#"{"Effect":"Deny","Later":1,"Action":["a:B"],"Resource":"*"},{"Effect":"Deny","Action":["a:B","a:C"],"Resource":"*"}"#,
        ),
        (
            "no pattern is made of a list: AWS has yet to invent actions",
            r#"{"Effect":"Deny","Action":["a:DeleteB","a:DeleteC","a:DeleteD"],"Resource":"*"},{"Effect":"Deny","Action":"a:E","Resource":"b"}"#,
        ),
    ] {
        assert_eq!(minified(statements), format!("[{statements}]"), "{what}");
    }
}

#[test]
fn whichever_join_makes_it_shorter_comes_first() {
    // By resource first, the two long statements cannot be one any more.
    let long = "a:AnActionWithAVeryLongNameThatOneDoesNotWantToRepeat";
    let statements = format!(
        r#"{{"Effect":"Deny","Action":"{long}","Resource":"arn:1"}},{{"Effect":"Deny","Action":"{long}","Resource":"arn:2"}},{{"Effect":"Deny","Action":"b:C","Resource":"arn:1"}}"#
    );
    assert_eq!(
        minified(&statements),
        format!(
            r#"[{{"Effect":"Deny","Action":"{long}","Resource":["arn:1","arn:2"]}},{{"Effect":"Deny","Action":"b:C","Resource":"arn:1"}}]"#
        )
    );
}

#[test]
fn names_stay_unique_and_say_what_they_stand_for() {
    let text = r#"{"Sid":"A","Effect":"Deny","Action":"a:B","Resource":"*"},{"Sid":"Bee","Effect":"Deny","Action":"a:C","Resource":"*"},
        {"Sid":"A","Effect":"Deny","Action":"a:D","Resource":"r"},{"Effect":"Deny","Action":"a:E","Resource":"s"}"#;
    let found = minify(&document(text), Sids::Keep);
    let names: Vec<(Option<&str>, Vec<&str>)> = found
        .statements
        .iter()
        .map(|named| (named.sid.as_deref(), named.stands_for.iter().map(String::as_str).collect()))
        .collect();
    assert_eq!(names, [(Some("A"), vec!["A", "Bee"]), (Some("A2"), vec!["A"]), (None, vec![])]);
    let dropped = minify(&document(text), Sids::Drop);
    assert!(!dropped.content.contains("Sid"), "{}", dropped.content);
    assert_eq!(dropped.statements[0].stands_for, ["A", "Bee"]);
}

#[test]
fn a_document_of_unknown_elements_loses_whitespace_only() {
    let text =
        r#"{ "Version": "2012-10-17", "New": 1, "Statement": [{"Effect":"Deny","Action":["a:B"],"Resource":["*"]}] }"#;
    let found = minify(&Document::parse(text).unwrap(), Sids::Drop).content;
    assert_eq!(found, text.replace([' ', '\n'], ""));
}

#[test]
fn the_version_stays_and_the_id_goes() {
    for (before, after) in [
        (r#"{"Statement":[],"Id":"x"}"#, r#"{"Statement":[]}"#),
        (r#"{"Statement":[],"Version":"2008-10-17"}"#, r#"{"Version":"2008-10-17","Statement":[]}"#),
    ] {
        assert_eq!(minify(&Document::parse(before).unwrap(), Sids::Keep).content, after);
    }
}

#[test]
fn characters_are_those_of_what_is_sent() {
    for (value, count) in
        [("a", 1), ("ü", 1), ("\u{1F512}", 1), ("\\\"", 2), ("\\\\", 2), ("\\u0001", 6), ("\\u00fc", 1)]
    {
        let empty = r#"{"Statement":{"Effect":"Deny","Action":"a:B","Resource":""}}"#;
        let text = empty.replace(r#""""#, &format!("\"{value}\""));
        let found = minify(&Document::parse(&text).unwrap(), Sids::Keep);
        assert_eq!(found.characters(), empty.len() + count, "{}", found.content);
        assert_eq!(found.characters(), characters(&found.content));
    }
}
