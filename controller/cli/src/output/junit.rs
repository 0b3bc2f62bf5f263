//! `JUnit` XML: a test suite for each profile, a test case for each criterion, and for each account and control.

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
    let whole = whole(assessed);
    let states = || whole.iter().map(|part| part.state).chain(cases.iter().map(|(_, check)| check.state));
    let count = |wanted: &[State]| states().filter(|state| wanted.contains(state)).count();
    let _ = writeln!(
        out,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">",
        xml(&name),
        states().count(),
        count(&[State::Failed]),
        count(&[State::Unknown]),
        count(&[State::Excepted, State::NotApplicable])
    );
    for part in &whole {
        case(&name, part, out);
    }
    for (posture, check) in &cases {
        let words = if check.message.is_empty() { check.reason } else { check.message };
        let (name, case_of) = (check.control, format!("{name}.{}", posture.spec.account.id));
        let resource = check.resource;
        case(
            &case_of,
            &Part { name, state: check.state, reason: check.reason, words: words.to_owned(), resource },
            out,
        );
    }
    out.push_str("  </testsuite>\n");
}

/// What is a test case.
struct Part<'a> {
    name: &'a str,
    state: State,
    reason: &'a str,
    words: String,
    resource: Option<&'a str>,
}

/// What is said of the profile as a whole: conditions that decide, and each criterion. People's part, missing accounts and
/// guardrails are not to be seen in any check.
fn whole(assessed: &Assessed) -> Vec<Part<'_>> {
    let conditions = ["Compliant", "GuardrailsInForce"].into_iter().filter_map(|name| {
        let (status, reason, message) = assessed.condition(name)?;
        let state = match status {
            "True" => State::Passed,
            "False" => State::Failed,
            _ => State::Unknown,
        };
        Some(Part { name, state, reason, words: message.to_owned(), resource: None })
    });
    let criteria = assessed.profile.status.iter().flat_map(|status| &status.criteria).map(|found| Part {
        name: &found.id,
        state: found.state,
        reason: found.reason.as_deref().unwrap_or("Controls"),
        words: found.reason.clone().unwrap_or_else(|| "its controls, account by account, are below".to_owned()),
        resource: None,
    });
    conditions.chain(criteria).collect()
}

fn case(of: &str, part: &Part<'_>, out: &mut String) {
    let _ = write!(out, "    <testcase classname=\"{}\" name=\"{}\"", xml(of), xml(part.name));
    let element = match part.state {
        State::Passed => {
            out.push_str("/>\n");
            return;
        }
        State::Failed => "failure",
        State::Unknown => "error",
        State::Excepted | State::NotApplicable => "skipped",
    };
    let (reason, message) = (xml(part.reason), xml(&part.words));
    let _ = if element == "skipped" {
        // A skipped test has no type.
        writeln!(out, "><skipped message=\"{reason}: {message}\"/></testcase>")
    } else {
        let resource = part.resource.map(xml).unwrap_or_default();
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
