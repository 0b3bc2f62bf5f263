//! Damaged and hostile files: each kind is reported with its line and the finding's id, and the rest is read.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::io::{Cursor, Read, Write};

use soc2_asff::{Fault, MAX_FINDING};
use support::{expected, finding, id, problems, read, read_with};

/// Reads a damaged line between two good ones.
fn damaged(line: impl AsRef<[u8]>) -> Vec<String> {
    let file = [finding(1).as_bytes(), b"\n", line.as_ref(), b"\r\n", finding(3).as_bytes(), b"\n"].concat();
    let mut seen = None;
    for threads in [1, 2] {
        let (findings, summary) = read_with(&*file, "x.jsonl", threads);
        assert_eq!(findings, [expected(1), expected(3)], "the others are read");
        assert_eq!((summary.findings, summary.is_complete()), (2, false));
        let found = problems(&summary);
        assert!(seen.is_none_or(|seen: Vec<String>| seen == found), "as many threads as there are");
        seen = Some(found);
    }
    seen.unwrap()
}

#[test]
fn each_kind_of_damage_is_named_with_its_line_and_id() {
    let line = finding(2);
    let named = |fault: &str| vec![format!("line 2: finding {:?} {fault}", id(2))];
    let unnamed = |fault: &str| vec![format!("line 2: {fault}")];
    assert_eq!(damaged("no json at all"), unnamed("is not JSON: unexpected character at byte 0"));
    assert_eq!(damaged("[]"), unnamed("is not a JSON object"));
    assert_eq!(damaged("\"text\""), unnamed("is not a JSON object"));
    assert_eq!(damaged(&line[..line.len() - 1]), named("is cut off"));
    assert_eq!(damaged(&line[..40]), unnamed("is cut off"));
    assert_eq!(
        damaged(format!("{line}{line}")),
        named(&format!("is not JSON: unexpected character at byte {}", line.len()))
    );
    assert_eq!(damaged(line.replace("\"Workflow\":{", "\"Workflow\":{,")), named(&syntax(&line, "\"Workflow\":{", 12)));
    let nested = format!("{}{}", "[".repeat(70), "]".repeat(70));
    assert_eq!(
        damaged(line.replace("\"b\":1", "").replace("\"X\":[1", &format!("\"X\":[{nested}"))),
        named("is nested too deeply")
    );
    let many = (0..1001).fold(String::new(), |many, number| many + &format!("\"k{number}\":1,"));
    assert_eq!(
        damaged(line.replace("{\"X\":", &format!("{{{many}\"X\":"))),
        named("has an object with too many members")
    );
    let long = line.replace("a \\\"title", &format!("a{}", "x".repeat(MAX_FINDING)));
    assert_eq!(damaged(long), named("is too large: a finding has at most 1024 KiB"));
    let mut bytes = line.clone().into_bytes();
    let at = line.find("title").unwrap();
    bytes[at] = 0xFF;
    assert_eq!(damaged(bytes), named("is not UTF-8"));
    assert_eq!(damaged(line.replace("a \\\"title", "a \u{1}")), named(&syntax(&line, "a \\\"title", 2)));
    assert_eq!(damaged(line.replace("\"ProductArn\":\"arn", "\"P\":\"arn")), named("has no usable ProductArn"));
    assert_eq!(
        damaged(line.replace("\"ProductArn\":\"arn", "\"ProductArn\":7,\"P\":\"arn")),
        named("has no usable ProductArn")
    );
    assert_eq!(damaged(line.replace("\\u00e4", "\\u00g4")), named(&syntax(&line, "\\u00e4", 4)));
    assert_eq!(damaged(line.replace("\"ACTIVE\"", "\"\\ud800\"")), named("is not UTF-8"));
}

fn syntax(line: &str, before: &str, offset: usize) -> String {
    format!("is not JSON: unexpected character at byte {}", line.find(before).unwrap() + offset)
}

#[test]
fn duplicate_keys_are_found_everywhere_and_however_they_are_written() {
    let line = finding(2);
    let twice = |key: &str| vec![format!("line 2: finding {:?} has the key {key:?} twice in one object", id(2))];
    let passed = line.replace(
        "\"RecordState\"",
        "\"Compliance\":{\"Status\":\"PASSED\",\"SecurityControlId\":\"S3.2\"},\"RecordState\"",
    );
    assert_eq!(damaged(passed), twice("Compliance"));
    assert_eq!(
        damaged(line.replace("\"Status\":\"FAILED\"", "\"Status\":\"FAILED\",\"Status\":\"PASSED\"")),
        twice("Status")
    );
    assert_eq!(
        damaged(line.replace("\"Status\":\"FAILED\"", "\"Status\":\"FAILED\",\"St\\u0061tus\":\"PASSED\"")),
        twice("Status")
    );
    assert_eq!(damaged(line.replace("\"RecordState\"", "\"\\u0049d\":\"another\",\"RecordState\"")), twice("Id"));
    assert_eq!(damaged(line.replace("\"X\":", "\"X\":1,\"X\":")), twice("X"));
    // The same key in different objects is none.
    let (findings, summary) =
        read(line.replace("\"Normalized\":40", "\"Id\":{\"Label\":{\"Label\":1}}").as_bytes(), "x.jsonl");
    assert_eq!((findings, summary.is_complete()), (vec![expected(2)], true));
}

#[test]
fn an_id_behind_the_damage_is_found_if_it_is_one_of_a_finding() {
    let line = format!("{{\"Broken\":oops,{}", &finding(2)[1..]);
    assert_eq!(damaged(line), [format!("line 2: finding {:?} is not JSON: unexpected character at byte 10", id(2))]);
    assert_eq!(
        damaged("{\"Broken\":oops,\"Id\":\"bucket\"}"),
        ["line 2: is not JSON: unexpected character at byte 10"]
    );
}

#[test]
fn what_is_no_text_never_says_a_word_of_awss() {
    let of = |from: &str, to: &str| {
        let line = finding(1).replace(from, to);
        assert_ne!(line, finding(1), "{from}");
        let (mut findings, summary) = read(line.as_bytes(), "x.jsonl");
        assert!(summary.is_complete(), "{summary:?}");
        findings.remove(0)
    };
    let no_text = Some("(not text)".to_owned());
    assert_eq!(of("\"Status\":\"FAILED\"", "\"Status\":true").compliance, no_text);
    assert_eq!(of("\"Status\":\"FAILED\"", "\"Status\":null").compliance, None);
    assert_eq!(of("\"Status\":\"NEW\"", "\"Status\":[]").workflow, no_text);
    assert_eq!(of("{\"Status\":\"NEW\"}", "\"SUPPRESSED\"").workflow, no_text);
    assert_eq!(of("{\"Status\":\"NEW\"}", "null").workflow, None);
    assert_eq!(of("\"ACTIVE\"", "1").record_state, no_text);
    assert_eq!(of("\"2026-11-20T00:00:00.000Z\"", "17").updated_at, no_text);
    assert_eq!(of("\"Region\":\"eu-west-1\"", "\"Region\":{}").region, "(not text)");
    assert_eq!(of("\"Region\":\"eu-west-1\"", "\"R\":1").region, "eu-west-1", "that of the product");
    assert_eq!(of("\"333333333333\"", "333333333333").account_id, "(not text)");
    assert_eq!(of("\"SecurityControlId\":\"S3.2\"", "\"SecurityControlId\":3").control_id, None);
    assert_eq!(of("\"Compliance\":{", "\"Compliance\":[],\"C\":{").control_id, None);
    assert_eq!(of("\"Id\":\"arn:aws:securityhub", "\"Id\":0,\"I\":\"arn:aws:securityhub").id, "");
    assert_eq!(of("\"Resources\":[", "\"Resources\":[[],").resource_id, None);
    assert_eq!(of("\"Types\":[", "\"Types\":[7,").types, expected(1).types);
}

#[test]
fn archives_that_are_cut_off_or_damaged_give_what_they_have() {
    let lines: String = (0..2000).map(|number| finding(number) + "\n").collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(lines.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(lines.as_bytes(), 1).unwrap();
    for (archive, name) in [(&gzip, "x.jsonl.gz"), (&zstd, "x.jsonl.zst")] {
        let (findings, summary) = read(archive, name);
        assert_eq!((findings.len(), summary.is_complete()), (2000, true), "{name}");
        let twice = [&archive[..], archive].concat();
        assert_eq!(read(&twice, name).1.findings, 4000, "{name}: one archive behind the other");

        let (findings, summary) = read(&archive[..archive.len() / 2], name);
        let [problem] = &summary.first[..] else { panic!("{name}: {summary:?}") };
        assert_eq!(problem.fault, Fault::Unreadable("the archive is cut off".to_owned()), "{name}");
        assert_eq!(problem.line, findings.len() as u64 + 1, "{name}");
        assert!(summary.unreadable == 1 && findings.len() < 2000, "{name}");

        let mut damaged = archive.clone();
        let middle = damaged.len() / 2;
        damaged[middle..middle + 64].fill(0x55);
        assert!(!read(&damaged, name).1.is_complete(), "{name}");
    }
    let last_byte = read(&gzip[..gzip.len() - 1], "x.jsonl.gz").1;
    assert!(!last_byte.is_complete(), "without its checksum it is not whole");
    for name in ["x.jsonl.gz", "x.json.zst"] {
        assert_eq!(read(b"", name).1.first[0].fault, Fault::NotCompressed);
    }
    // The content decides, if the name promises nothing.
    assert_eq!(read(&gzip, "x").1.findings, 2000);
}

#[test]
fn a_reader_that_fails_is_no_end() {
    struct Fails(Cursor<Vec<u8>>);
    impl Read for Fails {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(std::io::Error::other("the disk is gone")),
                length => Ok(length),
            }
        }
    }
    let lines = format!("{}\n{}", finding(1), &finding(2)[..300]);
    let (findings, summary) = read_with(Fails(Cursor::new(lines.into_bytes())), "x.jsonl", 1);
    assert_eq!(findings, [expected(1)]);
    let words = format!("line 2: finding {:?} cannot be read any further: the disk is gone", id(2));
    assert_eq!(problems(&summary), [words]);
    let document = format!("{{\"Findings\":[{},", finding(1));
    let (findings, summary) = read_with(Fails(Cursor::new(document.into_bytes())), "x.json", 1);
    assert_eq!((findings, summary.problems), (vec![expected(1)], 1));
}

#[test]
fn a_line_without_an_end_is_dropped_as_it_comes() {
    // More than any buffer: a reader that kept it would take a quarter of a GB.
    let endless = finding(1)[..200].to_owned();
    let file = format!("{}\n{endless}", finding(7));
    let junk = std::io::repeat(b'x').take(1 << 28);
    let end = format!("\n{}\n", finding(9));
    let (findings, summary) = read_with(file.as_bytes().chain(junk).chain(end.as_bytes()), "x.jsonl", 1);
    assert_eq!(findings, [expected(7), expected(9)]);
    assert_eq!(
        problems(&summary),
        [format!("line 2: finding {:?} is too large: a finding has at most 1024 KiB", id(1))]
    );
}

#[test]
fn other_encodings_are_named() {
    let wide: Vec<u8> = finding(1).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (_, summary) = read(&[&[0xFF, 0xFE], &wide[..]].concat(), "x.json");
    assert_eq!(problems(&summary), ["line 1: is UTF-16: save it as UTF-8"]);
    let marked = [b"\xEF\xBB\xBF", finding(1).as_bytes()].concat();
    assert_eq!(read(&marked, "x.jsonl").0, [expected(1)]);
}
