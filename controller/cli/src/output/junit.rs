//! `JUnit` XML: a test suite for each profile, a test case for each account and control.

use std::fmt::Write as _;

use soc2_crds::{AccountPosture, State};

use super::checks::{Check, checks};
use crate::assess::Assessed;

/// The whole report. What failed is a failure, what is unknown an error, what is waived or not applicable skipped.
#[must_use]
pub fn junit(all: &[Assessed]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"soc2ctl\">\n");
    for assessed in all {
        suite(assessed, &mut out);
    }
    out.push_str("</testsuites>\n");
    out
}

fn suite(assessed: &Assessed, out: &mut String) {
    let name = assessed.name();
    if let Err(error) = &assessed.result {
        let message = xml(&error.to_string());
        let _ = write!(
            out,
            "  <testsuite name=\"{}\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">\n    \
             <testcase classname=\"{0}\" name=\"spec\"><error type=\"{}\" message=\"{message}\"/></testcase>\n  </testsuite>\n",
            xml(&name),
            error.reason()
        );
        return;
    }
    let cases: Vec<(&AccountPosture, Check<'_>)> = assessed
        .postures
        .iter()
        .flat_map(|posture| checks(posture).into_iter().map(move |check| (posture, check)))
        .collect();
    let count = |states: &[State]| cases.iter().filter(|(_, check)| states.contains(&check.state)).count();
    let _ = writeln!(
        out,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">",
        xml(&name),
        cases.len(),
        count(&[State::Failed]),
        count(&[State::Unknown]),
        count(&[State::Excepted, State::NotApplicable])
    );
    for (posture, check) in &cases {
        case(&name, posture, check, out);
    }
    out.push_str("  </testsuite>\n");
}

fn case(profile: &str, posture: &AccountPosture, check: &Check<'_>, out: &mut String) {
    let account = &posture.spec.account;
    let _ = write!(
        out,
        "    <testcase classname=\"{}\" name=\"{}\"",
        xml(&format!("{profile}.{}", account.id)),
        xml(check.control)
    );
    let element = match check.state {
        State::Passed => {
            out.push_str("/>\n");
            return;
        }
        State::Failed => "failure",
        State::Unknown => "error",
        State::Excepted | State::NotApplicable => "skipped",
    };
    let words = if check.message.is_empty() { check.reason } else { check.message };
    let (reason, message) = (xml(check.reason), xml(words));
    let _ = if element == "skipped" {
        // A skipped test has no type.
        writeln!(out, "><skipped message=\"{reason}: {message}\"/></testcase>")
    } else {
        let resource = check.resource.map(xml).unwrap_or_default();
        writeln!(out, "><{element} type=\"{reason}\" message=\"{message}\">{resource}</{element}></testcase>")
    };
}

/// As the content of an attribute or element. What XML cannot have is left out.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            c => out.push(c),
        }
    }
    out
}
