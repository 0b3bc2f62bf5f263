//! The ASFF reader: any bytes as any kind of file. It reports what is wrong, agrees with `serde_json` about what JSON is, and
//! never makes evidence of what it cannot read.
#![no_main]

use std::num::NonZeroUsize;

use libfuzzer_sys::fuzz_target;
use soc2_asff::{Fault, Parser, read};

fuzz_target!(|bytes: &[u8]| {
    for name in ["f.jsonl", "f.json", "f.jsonl.gz", "f.jsonl.zst", "-"] {
        whole_file(bytes, name);
    }
    one_finding(bytes);
});

/// Counts agree, problems are in order, and two threads read what one reads.
fn whole_file(bytes: &[u8], name: &str) {
    let run = |threads: usize| {
        let mut findings = Vec::new();
        let threads = NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN);
        let summary = read(bytes, name, threads, |batch| findings.extend_from_slice(batch));
        findings
            .sort_by(|one, other| one.id.cmp(&other.id).then_with(|| format!("{one:?}").cmp(&format!("{other:?}"))));
        (findings, summary)
    };
    let (findings, summary) = run(1);
    assert_eq!(findings.len() as u64, summary.findings);
    assert_eq!(summary.is_complete(), summary.first.is_empty());
    assert!(
        summary.first.is_sorted_by_key(|problem| problem.line) && summary.first.iter().all(|problem| problem.line > 0)
    );
    assert!(findings.iter().all(|finding| !finding.product_arn.is_empty()));
    assert_eq!(run(2), (findings, summary));
}

/// What we take for JSON, `serde_json` does too; what we refuse beyond that has a reason of its own.
fn one_finding(bytes: &[u8]) {
    let json = std::str::from_utf8(bytes).is_ok() && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok();
    match Parser::new().parse(bytes) {
        Ok(_) => assert!(json),
        Err(broken) => match broken.fault {
            Fault::Syntax(_) | Fault::CutOff => assert!(!json, "{broken:?}"),
            Fault::NotUtf8 => {}
            Fault::NotAnObject | Fault::NoProduct => assert!(json, "{broken:?}"),
            Fault::DuplicateKey(_) | Fault::TooDeep | Fault::TooManyMembers | Fault::TooLarge => {}
            other => panic!("{other:?} is of files, not of findings"),
        },
    }
}
