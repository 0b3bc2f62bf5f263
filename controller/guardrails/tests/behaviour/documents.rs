use soc2_guardrails::{Document, Effect};

fn parse(text: &str) -> Document {
    Document::parse(text).unwrap()
}

#[test]
fn prints_what_it_read_without_superfluous_characters() {
    let text = r#" { "Version" : "2012-10-17", "Id":"x", "New":{"b":1,"a":[null]},
        "Statement": { "Sid":"S", "Action" : "s3:*", "Effect": "Deny", "Resource":["*"], "Later": "a b", "Condition":{"Bool":{"aws:MultiFactorAuthPresent":false}} } } "#;
    let document = parse(text);
    assert_eq!(
        document.to_string(),
        r#"{"Version":"2012-10-17","Id":"x","New":{"b":1,"a":[null]},"Statement":{"Sid":"S","Action":"s3:*","Effect":"Deny","Resource":["*"],"Later":"a b","Condition":{"Bool":{"aws:MultiFactorAuthPresent":false}}}}"#
    );
    assert_eq!(parse(&document.to_string()), document);
    assert_eq!(format!("{document:>500.3}"), document.to_string());
    assert_eq!(document.unknown(), ["New"]);
    let statement = &document.statements()[0];
    assert_eq!(statement.unknown, ["Later"]);
    assert_eq!((statement.effect, statement.name(0).as_str()), (Effect::Deny, "S"));
    assert_eq!(statement.conditions[0].values, ["false"]);
}

#[test]
fn means_the_same_however_it_is_written() {
    let document = parse(
        r#"{"Version":"2012-10-17","Statement":[
            {"Sid":"A","Effect":"Deny","Action":["s3:GetObject","s3:PutObject"],"Resource":"*",
             "Condition":{"StringEquals":{"aws:PrincipalTag/a":["x","y"]},"Bool":{"aws:SecureTransport":"true"}}},
            {"Effect":"Deny","NotAction":"iam:*","NotResource":["arn:aws:s3:::a","arn:aws:s3:::b"]}]}"#,
    );
    let same = parse(
        r#"{"Statement":[
            {"NotResource":["arn:aws:s3:::b","arn:aws:s3:::a"],"NotAction":["IAM:*"],"Effect":"Deny"},
            {"Condition":{"Bool":{"AWS:securetransport":[true]},"StringEquals":{"aws:principaltag/A":["y","x","y"]}},
             "Resource":["*"],"Action":["S3:putobject","s3:GetObject"],"Effect":"Deny","Sid":"A"}],
            "Version":"2012-10-17"}"#,
    );
    assert_eq!(document, same);
    assert_eq!(document.canonical(), same.canonical());
    let one = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#;
    let bare = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":["s3:*"],"Resource":["*"]}}"#;
    assert_eq!(parse(one), parse(bare));
}

#[test]
fn means_something_else_when_any_part_differs() {
    let one = r#"{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::a","Condition":{"StringEquals":{"aws:a":"b"}}}]}"#;
    for (from, to) in [
        ("2012-10-17", "2008-10-17"),
        ("\"A\"", "\"B\""),
        ("Deny", "Allow"),
        ("\"Action\"", "\"NotAction\""),
        ("s3:*", "s3:Get*"),
        ("\"Resource\"", "\"NotResource\""),
        ("s3:::a", "s3:::A"),
        ("StringEquals", "StringLike"),
        ("aws:a", "aws:b"),
        ("\"b\"", "\"B\""),
        ("\"Sid\"", "\"New\":1,\"Sid\""),
        ("{\"Version\"", "{\"New\":1,\"Version\""),
        ("{\"Version\"", "{\"Id\":\"x\",\"Version\""),
        ("}}}]", "}}},{\"Effect\":\"Deny\",\"Action\":\"x:y\",\"Resource\":\"*\"}]"),
    ] {
        assert_ne!(parse(one), parse(&one.replacen(from, to, 1)), "{from} to {to}");
    }
    let unversioned = one.replacen("\"Version\":\"2012-10-17\",", "", 1);
    assert_eq!(parse(&unversioned), parse(&one.replacen("2012-10-17", "2008-10-17", 1)));
}

#[test]
fn what_is_no_document_is_refused_with_the_place() {
    for (text, problem) in [
        ("", "EOF"),
        ("{", "EOF"),
        ("[]", "not a JSON object"),
        ("{}", "no Statement"),
        (r#"{"Statement":1}"#, "neither an object nor a list"),
        (r#"{"Version":1,"Statement":[]}"#, "Version is not a string"),
        (r#"{"Statement":[],"Statement":[]}"#, "\"Statement\" is there twice"),
        (r#"{"Statement":[]} x"#, "trailing"),
        (r#"{"Statement":[1]}"#, "statement 0: it is not an object"),
        (r#"{"Statement":[{"Effect":"deny","Action":"*","Resource":"*"}]}"#, "statement 0: Effect"),
        (r#"{"Statement":[{"Effect":"Deny","Resource":"*"}]}"#, "neither Action nor NotAction"),
        (
            r#"{"Statement":[{"Effect":"Deny","Action":"*","NotAction":"*","Resource":"*"}]}"#,
            "both Action and NotAction",
        ),
        (r#"{"Statement":[{"Effect":"Deny","Action":[],"Resource":"*"}]}"#, "Action is empty"),
        (r#"{"Statement":[{"Effect":"Deny","Action":[1],"Resource":"*"}]}"#, "list of strings"),
        (r#"{"Statement":[{"Effect":"Deny","Action":"*"}]}"#, "neither Resource nor NotResource"),
        (
            r#"{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":[]}]}"#,
            "Condition is not an object",
        ),
        (
            r#"{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"a":{}}}}]}"#,
            "Condition Bool a has a value that is no scalar",
        ),
    ] {
        let error = Document::parse(text).unwrap_err().to_string();
        assert!(error.starts_with("not a policy document: ") && error.contains(problem), "{text}: {error}");
    }
}

#[test]
fn an_empty_list_of_statements_is_a_document() {
    assert!(parse(r#"{"Version":"2012-10-17","Statement":[]}"#).statements().is_empty());
}
