//! The formats in which findings come, and that it does not matter how the bytes arrive.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use proptest::prelude::*;
use soc2_asff::{Fault, Parser};
use support::{Trickle, expected, finding, id, problems, read, read_with};

fn lines(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| finding(number) + "\n").collect()
}

/// As the AWS CLI prints it.
fn pretty(findings: &[String], rest: &str) -> String {
    let values: Vec<serde_json::Value> = findings.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let list = serde_json::to_string_pretty(&values).unwrap();
    format!("{{\n    \"Findings\": {list}{rest}\n}}\n")
}

#[test]
fn every_member_that_matters_is_read() {
    for (text, name) in [
        (finding(5), "x.jsonl"),
        (finding(5) + "\n", "x.ndjson"),
        (finding(5) + "\r\n\r\n", "-"),
        (finding(5) + "\n\n", "x.json"),
        (pretty(&[finding(5)], ""), "x.json"),
        (pretty(&[finding(5)], ""), "x.jsonl"),
        (pretty(&[finding(5)], ",\n    \"NextToken\": null"), "-"),
        (format!("[{}]", finding(5)), "x.json"),
        (format!("{{\"ResponseMetadata\":{{\"a\":[]}},\"Findings\":[{}]}}", finding(5)), "-"),
        (format!(" {{\"Findings\":[]}}\n{{\"Findings\" : [ {} ] }}", finding(5)), "x.json"),
    ] {
        let (findings, summary) = read(text.as_bytes(), name);
        assert_eq!(findings, [expected(5)], "{name}: {text}");
        assert!(summary.is_complete(), "{name}: {text}: {summary:?}");
    }
}

#[test]
fn a_token_that_is_left_over_makes_a_document_incomplete() {
    for token in ["\"abc\"", "17", "{}"] {
        let (findings, summary) =
            read(pretty(&[finding(1)], &format!(", \"NextToken\": {token}")).as_bytes(), "x.json");
        assert_eq!((findings, summary.unreadable), (vec![expected(1)], 0));
        assert_eq!(summary.first[0].fault, Fault::NextToken);
    }
    let front = format!("{{\"NextToken\": \"abc\", \"Findings\": [{}]}}", finding(1));
    assert_eq!(problems(&read(front.as_bytes(), "x.json").1), ["line 1: has a NextToken: more pages follow"]);
    assert!(read(b"{\"Findings\": [], \"NextToken\": \"\"}", "x.json").1.is_complete());
}

#[test]
fn a_document_that_is_damaged_gives_what_is_before() {
    let good = pretty(&[finding(1), finding(2), finding(3)], "");
    let (findings, summary) = read(good.replace("/finding/2\"", "/finding/2").as_bytes(), "x.json");
    assert!(!findings.is_empty() && findings[0] == expected(1) && !summary.is_complete());
    let cut = &good[..good.find("b-3").unwrap()];
    let (findings, summary) = read(cut.as_bytes(), "x.json");
    assert_eq!(findings, [expected(1), expected(2)]);
    let begin = good[..good.find("/finding/3").unwrap()].rfind("\n  {").unwrap();
    let line = 2 + good[..begin].matches('\n').count();
    assert_eq!(problems(&summary), [format!("line {line}: finding {:?} is cut off", id(3))]);
    // An element that is whole but wrong costs itself alone.
    let (findings, summary) = read(format!("{{\"Findings\":[{},7,{}]}}", finding(1), finding(3)).as_bytes(), "x.json");
    assert_eq!(findings, [expected(1), expected(3)]);
    assert_eq!(problems(&summary), ["line 1: is not a JSON object"]);
    for (text, words) in [
        ("", "line 1: is cut off"),
        ("{\"Findings\":[]", "line 1: is cut off"),
        ("{\"Findings\":[]}\n}", "line 2: is not JSON: unexpected character at byte 0"),
        ("{\"Findings\":[],\"Findings\":[]}", "line 1: has the key \"Findings\" twice in one object"),
        ("{\"Findings\":7}", "line 1: has no list \"Findings\""),
        ("{\n\"Other\":[]}", "line 2: has no list \"Findings\""),
        ("[{]}", "line 1: is not JSON: unexpected character at byte 2"),
        ("[1 2]", "line 1: is not JSON: unexpected character at byte 3"),
    ] {
        let summary = read(text.as_bytes(), "x.json").1;
        assert!(problems(&summary).contains(&words.to_owned()), "{text}: {summary:?}");
    }
    let large = format!("[{{\"Id\":\"arn:x/finding/y\",\"a\":\"{}\"}},{}]", "x".repeat(2 << 20), finding(1));
    let (findings, summary) = read(large.as_bytes(), "x.json");
    assert_eq!(findings, [expected(1)]);
    assert_eq!(
        problems(&summary),
        ["line 1: finding \"arn:x/finding/y\" is too large: a finding has at most 1024 KiB"]
    );
}

#[test]
fn an_empty_file_of_lines_has_no_findings() {
    let (findings, summary) = read(b"\n  \n", "x.jsonl");
    assert!(findings.is_empty() && summary.is_complete());
}

#[test]
fn many_threads_read_what_one_reads() {
    let text = format!("{}broken\n{}", lines(0..3000), lines(3000..5000));
    let one = read_with(text.as_bytes(), "x.jsonl", 1);
    assert_eq!(
        (one.0.len(), problems(&one.1)),
        (5000, vec!["line 3001: is not JSON: unexpected character at byte 0".to_owned()])
    );
    assert_eq!(read_with(text.as_bytes(), "x.jsonl", 4), one);
    let document = pretty(&(0..3000).map(finding).collect::<Vec<_>>(), "");
    let (findings, summary) = read_with(document.as_bytes(), "x.json", 3);
    assert_eq!((findings.len(), summary.is_complete()), (3000, true));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn however_the_bytes_arrive_the_findings_are_the_same(
        lengths in prop::collection::vec(1..70_000_usize, 1..5),
        count in 1..400_usize,
        document: bool,
    ) {
        let text = if document { pretty(&(0..count).map(finding).collect::<Vec<_>>(), "") } else { lines(0..count) };
        let trickle = Trickle { bytes: text.as_bytes(), lengths, turn: 0 };
        let name = if document { "x.json" } else { "x.jsonl" };
        prop_assert_eq!(read_with(trickle, name, 1), read(text.as_bytes(), name));
    }

    /// What `serde_json` takes for JSON and what we take for it is the same, but for what we refuse besides.
    #[test]
    fn the_grammar_is_that_of_serde_json(
        edits in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(b"{}[]\",:\\untrue0129.-+eE \t\n\x01\xC3a".to_vec())), 0..4),
        cut in any::<prop::sample::Index>(),
        whole: bool,
    ) {
        let mut text = finding(1).into_bytes();
        for (at, byte) in edits {
            let at = at.index(text.len());
            text[at] = byte;
        }
        if !whole {
            text.truncate(cut.index(text.len()));
        }
        let theirs = str::from_utf8(&text).is_ok() && serde_json::from_slice::<serde::de::IgnoredAny>(&text).is_ok();
        match Parser::new().parse(&text) {
            Ok(_) => prop_assert!(theirs),
            Err(broken) if matches!(broken.fault, Fault::Syntax(_) | Fault::CutOff) => prop_assert!(!theirs, "{broken:?}"),
            Err(broken) if broken.fault == Fault::NotUtf8 => prop_assert!(str::from_utf8(&text).is_err()),
            Err(_) => prop_assert!(theirs),
        }
    }
}
