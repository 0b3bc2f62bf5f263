use super::*;

fn names(text: &str) -> (Vec<String>, Result<(), String>) {
    let mut found = Vec::new();
    let result = each(text.as_bytes(), &mut Vec::new(), |event| found.push(event.action()));
    (found, result)
}

fn record(name: &str) -> String {
    format!(r#"{{"eventSource":"x.amazonaws.com","eventName":"{name}","p":"{{[\"]}}"}}"#)
}

#[test]
fn every_record_is_handed_over_whatever_the_blanks() {
    let (a, b) = (record("A"), record("B"));
    for text in [
        format!(r#"{{"Records":[{a},{b}]}}"#),
        format!(" {{\n \"Records\" : [ {a} ,\n {b} ] }} \n"),
        format!(r#"{{"Other":{{"x":1}},"Records":[{a},{b}],"More":1}}"#),
    ] {
        assert_eq!(names(&text), (vec!["x:A".to_owned(), "x:B".to_owned()], Ok(())), "{text}");
    }
    assert_eq!(names(r#"{"Records":[]}"#), (vec![], Ok(())));
}

#[test]
fn what_is_damaged_is_said_with_its_record_and_what_is_before_counts() {
    let a = record("A");
    for (text, records, problem) in [
        (String::new(), 0, "no list of Records"),
        (r#"{"Records":{}}"#.to_owned(), 0, "no list of Records"),
        (format!(r#"{{"Records":[{a}"#), 1, "after 1 records: the file is cut off"),
        (format!(r#"{{"Records":[{a},{{"eventName":"#), 1, "after 1 records: the file is cut off"),
        (format!(r#"{{"Records":[{a},{{"eventName":1}},{a}]}}"#), 1, "record 2: eventName is not of the type"),
        (format!(r#"{{"Records":[{a},{{"userIdentity":[]}}]}}"#), 1, "record 2: userIdentity is not of the type"),
        (format!(r#"{{"Records":[{a},7,{a}]}}"#), 1, "record 2: the record is not of the type"),
        (format!(r#"{{"Records":[{a},x]}}"#), 1, "record 2: is not JSON"),
        (format!(r#"{{"Records":[,{a}]}}"#), 0, "record 1: is not JSON"),
        // Also in what nobody wants.
        (format!(r#"{{"Records":[{a},{{"p":{{"q":tru}}}}]}}"#), 1, "record 2: is not JSON"),
        (format!(r#"{{"Records":[{a},{{"p":{{"q":[1 2]}}}}]}}"#), 1, "record 2: is not JSON"),
        (
            format!(r#"{{"Records":[{a},{{"eventName":"A","eventName":"B"}}]}}"#),
            1,
            "record 2: has the key \"eventName\" twice",
        ),
    ] {
        let (found, result) = names(&text);
        assert_eq!(found.len(), records, "{text}");
        let said = result.unwrap_err();
        assert!(said.contains(problem), "{text}: {said}");
    }
}

#[test]
fn characters_are_whole_wherever_a_reading_ends() {
    let one = record("ä€😀");
    let count = 3 * READ / one.len();
    for blanks in 0..4 {
        let text = format!(r#"{}{{"Records":[{}]}}"#, " ".repeat(blanks), vec![one.clone(); count].join(","));
        let (found, result) = names(&text);
        assert_eq!((found.len(), result), (count, Ok(())));
        assert!(found.iter().all(|name| name == "x:ä€😀"));
    }
    let mut bytes = format!(r#"{{"Records":[{one},{{"p":""#).into_bytes();
    bytes.extend(b"\xff\"}]}");
    let said = each(&*bytes, &mut Vec::new(), |_| {}).unwrap_err();
    assert!(said.contains("record 2: is not UTF-8"), "{said}");
}

#[test]
fn files_much_larger_than_the_buffer_are_read_whole() {
    let one = record(&"N".repeat(2000));
    let count = 3 * READ / one.len();
    let text = format!(r#"{{"Records":[{}]}}"#, vec![one; count].join(", "));
    let (found, result) = names(&text);
    assert_eq!((found.len(), result), (count, Ok(())));
    let mut huge = text.replacen("NN", &"N".repeat(MAX_RECORD + 2 * READ), 1);
    huge.push(' ');
    assert!(names(&huge).1.unwrap_err().contains("record 1: is larger than 8 MB"));
}
