//! Findings imported and updated by customers.

use serde_json::{Value, json};

use super::super::Hub;
use super::{ADMINISTRATOR, HOME, LINKED, ORGANIZATION, PAYMENTS, all, ask, code, truth, world};

fn product(account: &str) -> String {
    format!("arn:aws:securityhub:{HOME}:{account}:product/{account}/default")
}

fn finding(id: &str) -> Value {
    json!({
        "SchemaVersion": "2018-10-08", "Id": id, "ProductArn": product(PAYMENTS), "GeneratorId": "acme/scanner",
        "AwsAccountId": PAYMENTS, "Types": ["Software and Configuration Checks"], "CreatedAt": "2026-11-20T10:00:00Z",
        "UpdatedAt": "2026-11-20T10:00:00.000Z", "Severity": {"Label": "HIGH"}, "Title": "Weak cipher",
        "Description": "A weak cipher is in use", "Resources": [{"Type": "Other", "Id": "host-1"}],
    })
}

fn import(hub: &mut Hub, findings: &[Value]) -> Value {
    ask(hub, "BatchImportFindings", PAYMENTS, HOME, json!({"Findings": findings})).unwrap()
}

#[test]
fn imported_findings_are_completed() {
    let mut hub = world(ORGANIZATION);
    let answer = import(&mut hub, &[finding("a"), finding("b")]);
    assert_eq!(answer, json!({"FailedCount": 0, "SuccessCount": 2, "FailedFindings": []}));
    let read = all(&mut hub, ADMINISTRATOR, HOME, &json!({}));
    assert_eq!(read.len(), 2);
    for (pointer, expected) in [
        ("/ProductName", "Default"),
        ("/Region", HOME),
        ("/Workflow/Status", "NEW"),
        ("/RecordState", "ACTIVE"),
        ("/FindingProviderFields/Severity/Label", "HIGH"),
    ] {
        assert_eq!(read[0].pointer(pointer), Some(&json!(expected)), "{pointer}");
    }
    assert_eq!(read[0]["Severity"]["Normalized"], 70);
}

#[test]
fn strangers_are_refused_altogether() {
    let mut hub = world(ORGANIZATION);
    for (member, value) in [
        ("AwsAccountId", ADMINISTRATOR.to_owned()),
        ("ProductArn", product(ADMINISTRATOR)),
        ("ProductArn", product(PAYMENTS).replace(HOME, LINKED)),
        ("ProductArn", format!("arn:aws:securityhub:{HOME}::product/aws/securityhub")),
    ] {
        let mut stranger = finding("x");
        stranger[member] = json!(value);
        let answer =
            ask(&mut hub, "BatchImportFindings", PAYMENTS, HOME, json!({"Findings": [finding("a"), stranger]}));
        assert_eq!(code(answer), "AccessDeniedException", "{member} {value}");
    }
    assert!(truth(&mut hub, &[]).is_empty());
    let many: Vec<Value> = (0..101).map(|number| finding(&number.to_string())).collect();
    for findings in [json!(many), json!([]), Value::Null] {
        let answer = ask(&mut hub, "BatchImportFindings", PAYMENTS, HOME, json!({"Findings": findings}));
        assert_eq!(code(answer), "InvalidInputException");
    }
}

#[test]
fn findings_that_are_no_asff_fail_one_by_one() {
    let mut hub = world(ORGANIZATION);
    let mut bad = Vec::new();
    for member in [
        "SchemaVersion",
        "GeneratorId",
        "CreatedAt",
        "UpdatedAt",
        "Title",
        "Description",
        "Resources",
        "Types",
        "Severity",
    ] {
        let mut without = finding(member);
        without.as_object_mut().unwrap().remove(member);
        bad.push(without);
    }
    for (member, value) in [
        ("SchemaVersion", json!("2020-01-01")),
        ("UpdatedAt", json!("yesterday")),
        ("Title", json!("x".repeat(257))),
        ("Title", json!(" ")),
        ("Resources", json!([])),
        ("Resources", json!([{"Type": "", "Id": "x"}])),
        ("Resources", json!([{"Type": "Other"}])),
        ("Description", json!(7)),
    ] {
        let mut wrong = finding(&format!("{member} {value}"));
        wrong[member] = value;
        bad.push(wrong);
    }
    let good = finding("good");
    let answer = import(&mut hub, &[bad.clone(), vec![good]].concat());
    assert_eq!((answer["FailedCount"].as_u64(), answer["SuccessCount"].as_u64()), (Some(bad.len() as u64), Some(1)));
    for (failure, sent) in answer["FailedFindings"].as_array().unwrap().iter().zip(&bad) {
        assert_eq!((&failure["Id"], &failure["ErrorCode"]), (&sent["Id"], &json!("InvalidInput")));
        assert!(
            failure["ErrorMessage"]
                .as_str()
                .unwrap()
                .starts_with("Finding does not adhere to Amazon Finding Format. data")
        );
    }
}

#[test]
fn an_update_must_be_newer_and_leaves_what_customers_set() {
    let mut hub = world(ORGANIZATION);
    import(&mut hub, &[finding("a")]);
    let identifier = json!({"Id": "a", "ProductArn": product(PAYMENTS)});
    let suppress = json!({"FindingIdentifiers": [identifier], "Workflow": {"Status": "SUPPRESSED"}});
    ask(&mut hub, "BatchUpdateFindings", PAYMENTS, HOME, suppress).unwrap();
    assert_eq!(import(&mut hub, &[finding("a")])["FailedCount"], 1);
    let mut newer = finding("a");
    newer["UpdatedAt"] = json!("2026-11-20T10:00:00.001Z");
    newer["Title"] = json!("Weaker cipher");
    newer["Workflow"] = json!({"Status": "NEW"});
    assert_eq!(import(&mut hub, &[newer])["SuccessCount"], 1);
    let read = all(&mut hub, PAYMENTS, HOME, &json!({}));
    assert_eq!(read.len(), 1);
    assert_eq!((&read[0]["Title"], &read[0]["Workflow"]["Status"]), (&json!("Weaker cipher"), &json!("SUPPRESSED")));
}

#[test]
fn customers_note_without_touching_updated_at() {
    let mut hub = world(&format!("{ORGANIZATION}\ngenerate: [{{seed: 1, controls: [S3.2]}}]"));
    let before = all(&mut hub, ADMINISTRATOR, HOME, &json!({"SortCriteria": [{"Field": "Id", "SortOrder": "asc"}]}));
    let identifier = |finding: &Value| json!({"Id": finding["Id"], "ProductArn": finding["ProductArn"]});
    let input = json!({
        "FindingIdentifiers": [identifier(&before[0])],
        "Workflow": {"Status": "SUPPRESSED"},
        "Note": {"Text": "accepted", "UpdatedBy": "alice"},
        "Severity": {"Label": "LOW"},
        "UserDefinedFields": {"ticket": "7"},
    });
    let answer = ask(&mut hub, "BatchUpdateFindings", ADMINISTRATOR, HOME, input).unwrap();
    assert_eq!(answer["ProcessedFindings"], json!([identifier(&before[0])]));
    let after = all(&mut hub, ADMINISTRATOR, HOME, &json!({"SortCriteria": [{"Field": "Id", "SortOrder": "asc"}]}));
    assert_eq!(after[0]["UpdatedAt"], before[0]["UpdatedAt"]);
    assert_eq!(after[0]["Workflow"]["Status"], "SUPPRESSED");
    assert_eq!(after[0]["Note"]["Text"], "accepted");
    assert_eq!(after[0]["Severity"], json!({"Label": "LOW", "Normalized": 1}));
    assert_eq!(after[1..], before[1..]);
    let noted = json!({"Filters": {"NoteText": [{"Comparison": "PREFIX", "Value": "acc"}]}});
    assert_eq!(all(&mut hub, ADMINISTRATOR, HOME, &noted).len(), 1);
}

#[test]
fn what_cannot_be_updated_is_told_one_by_one() {
    let mut hub = world(&format!("{ORGANIZATION}\ngenerate: [{{seed: 1, controls: [S3.2]}}]"));
    let every = truth(&mut hub, &[]);
    let of = |account: &str| {
        let finding = every.iter().find(|f| f["account"] == account && f["region"] == HOME).unwrap();
        json!({"Id": finding["id"], "ProductArn": finding["productArn"]})
    };
    let (own, other) = (of(PAYMENTS), of(ADMINISTRATOR));
    let input = json!({
        "FindingIdentifiers": [own, own, other, {"Id": "x", "ProductArn": "y"}, {"Id": "x"}],
        "Workflow": {"Status": "NOTIFIED"},
    });
    let answer = ask(&mut hub, "BatchUpdateFindings", PAYMENTS, HOME, input).unwrap();
    assert_eq!(answer["ProcessedFindings"], json!([own]));
    let codes = super::texts(answer["UnprocessedFindings"].as_array().unwrap(), "/ErrorCode");
    assert_eq!(codes, ["DuplicatedFindingIdentifier", "FindingNotFound", "FindingNotFound", "InvalidInput"]);
    let one = json!({"Id": "x", "ProductArn": "y"});
    for input in [
        json!({"FindingIdentifiers": []}),
        json!({"FindingIdentifiers": vec![one.clone(); 101]}),
        json!({"FindingIdentifiers": [one], "Workflow": {"Status": "DONE"}}),
        json!({"FindingIdentifiers": [one], "Note": {"Text": "x"}}),
        json!({"FindingIdentifiers": [one], "Confidence": 101}),
        json!({"FindingIdentifiers": [one], "Severity": {"Label": "HUGE"}}),
        json!({"FindingIdentifiers": [one], "VerificationState": "MAYBE"}),
    ] {
        assert_eq!(
            code(ask(&mut hub, "BatchUpdateFindings", PAYMENTS, HOME, input.clone())),
            "InvalidInputException",
            "{input}"
        );
    }
}
