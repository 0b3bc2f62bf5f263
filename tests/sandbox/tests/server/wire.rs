//! The protocols as they go over the wire, and who is let in.

use crate::client::{Aws, Signer, WORLD, root};
use serde_json::json;

const MANAGEMENT: &str = "111111111111";

#[tokio::test]
async fn organizations_speaks_json_1_1() {
    let aws = Aws::start(WORLD).await;
    let answer = aws.organizations(&root(MANAGEMENT), "ListRoots", json!({})).await.unwrap();
    assert_eq!((answer.status, answer.header("content-type").as_deref()), (200, Some("application/x-amz-json-1.1")));
    assert_eq!(answer.header("x-amzn-requestid").unwrap().len(), 36);
    assert_eq!(answer.json()["Roots"][0]["Id"], "r-ab12");
    let answer = aws.organizations(&root(MANAGEMENT), "ListAccounts", json!({"MaxResults": 21})).await.unwrap();
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("x-amzn-errortype").as_deref(), Some("InvalidInputException"));
    let error = answer.json();
    assert_eq!((&error["__type"], &error["Reason"]), (&json!("InvalidInputException"), &json!("MAX_VALUE_EXCEEDED")));
    assert!(error["Message"].is_string());
}

#[tokio::test]
async fn each_service_has_its_own_unknown_operation() {
    let aws = Aws::start(WORLD).await;
    let organizations = aws.organizations(&root(MANAGEMENT), "CreateOrganization", json!({})).await.unwrap();
    assert_eq!((organizations.status, &organizations.json()["__type"]), (400, &json!("UnknownOperationException")));
    let head = "POST / HTTP/1.1\r\nx-amz-target: SomethingElse.ListRoots";
    let foreign = aws.call(&root(MANAGEMENT), "organizations", head, "{}").await.unwrap();
    assert_eq!(foreign.json()["__type"], "UnknownOperationException");
    let hub = aws.call(&root(MANAGEMENT), "securityhub", "POST /insights/get HTTP/1.1", "{}").await.unwrap();
    assert_eq!((hub.status, hub.header("x-amzn-errortype").as_deref()), (404, Some("UnknownOperationException")));
    let sts = aws.sts(&root(MANAGEMENT), "Action=GetSessionToken&Version=2011-06-15").await;
    assert_eq!((sts.status, sts.xml("Code")), (400, "InvalidAction".to_owned()));
    let version = aws.sts(&root(MANAGEMENT), "Action=GetCallerIdentity&Version=2010-01-01").await;
    assert_eq!(version.xml("Code"), "InvalidAction");
    let other = aws.call(&root(MANAGEMENT), "s3", "GET / HTTP/1.1", "").await.unwrap();
    assert_eq!(other.status, 403);
}

#[tokio::test]
async fn who_cannot_be_told_is_refused_in_the_form_of_the_service() {
    let aws = Aws::start(WORLD).await;
    let unknown = Signer { key: "AKIANOBODYKNOWSTHIS".into(), token: None, region: "us-east-1" };
    let organizations = aws.organizations(&unknown, "ListRoots", json!({})).await.unwrap();
    assert_eq!((organizations.status, &organizations.json()["__type"]), (400, &json!("UnrecognizedClientException")));
    assert!(organizations.json()["message"].is_string());
    let hub = aws.call(&unknown, "securityhub", "POST /findings HTTP/1.1", "{}").await.unwrap();
    assert_eq!((hub.status, hub.header("x-amzn-errortype").as_deref()), (403, Some("UnrecognizedClientException")));
    let sts = aws.sts(&unknown, "Action=GetCallerIdentity&Version=2011-06-15").await;
    assert_eq!((sts.status, sts.xml("Code")), (403, "InvalidClientTokenId".to_owned()));
    let unsigned = aws.raw("POST / HTTP/1.1\r\nx-amz-target: AWSOrganizationsV20161128.ListRoots", "{}").await;
    assert_eq!(unsigned.json()["__type"], "MissingAuthenticationTokenException");
    let region = Signer { region: "nowhere", ..root(MANAGEMENT) };
    let scoped = aws.organizations(&region, "ListRoots", json!({})).await.unwrap();
    assert_eq!(scoped.json()["__type"], "InvalidSignatureException");
    let garbage = aws
        .call(
            &root(MANAGEMENT),
            "organizations",
            "POST / HTTP/1.1\r\nx-amz-target: AWSOrganizationsV20161128.ListRoots",
            "{",
        )
        .await;
    assert_eq!(garbage.unwrap().json()["__type"], "SerializationException");
}

#[tokio::test]
async fn roles_are_assumed_with_trust_and_external_id_and_do_only_what_they_may() {
    let aws = Aws::start(WORLD).await;
    let pod = Signer { key: "AKIASANDBOXOPERATOR0".into(), token: None, region: "us-east-1" };
    let assume = |more: &str| {
        format!("Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A111111111111%3Arole%2Freader{more}")
    };
    for (more, code) in [
        ("&RoleSessionName=me", "AccessDenied"),
        ("&RoleSessionName=me&ExternalId=acme-8", "AccessDenied"),
        ("s&RoleSessionName=me&ExternalId=acme-7", "AccessDenied"),
        ("&RoleSessionName=m&ExternalId=acme-7", "ValidationError"),
        ("&RoleSessionName=m%20e&ExternalId=acme-7", "ValidationError"),
        ("&ExternalId=acme-7", "ValidationError"),
        ("&RoleSessionName=me&ExternalId=acme-7&DurationSeconds=899", "ValidationError"),
        ("&RoleSessionName=me&ExternalId=acme-7&DurationSeconds=3601", "ValidationError"),
        ("&RoleSessionName=me&ExternalId=acme-7&Policy=%7B%7D", "ValidationError"),
    ] {
        assert_eq!(aws.sts(&pod, &assume(more)).await.xml("Code"), code, "{more}");
    }
    let stranger = aws.sts(&root("333333333333"), &assume("&RoleSessionName=me&ExternalId=acme-7")).await;
    assert_eq!((stranger.status, stranger.xml("Code")), (403, "AccessDenied".to_owned()));
    let given = aws.sts(&pod, &assume("&RoleSessionName=me&ExternalId=acme-7")).await;
    assert_eq!(given.xml("Arn"), "arn:aws:sts::111111111111:assumed-role/reader/me");
    let session = Signer { key: given.xml("AccessKeyId"), token: Some(given.xml("SessionToken")), region: "us-east-1" };
    let me = aws.sts(&session, "Action=GetCallerIdentity&Version=2011-06-15").await;
    assert_eq!((me.xml("Account"), me.xml("Arn")), (MANAGEMENT.to_owned(), given.xml("Arn")));
    assert_eq!(aws.organizations(&session, "ListAccounts", json!({})).await.unwrap().status, 200);
    let denied = aws.organizations(&session, "DescribeOrganization", json!({})).await.unwrap().json();
    assert_eq!(denied["__type"], "AccessDeniedException");
    let words = "User: arn:aws:sts::111111111111:assumed-role/reader/me is not authorized to perform: organizations:DescribeOrganization on resource: *";
    assert!(denied["Message"].as_str().unwrap().starts_with(words), "{denied}");
    let bare = aws.organizations(&Signer { token: None, ..session.clone() }, "ListAccounts", json!({})).await;
    assert_eq!(bare.unwrap().json()["__type"], "UnrecognizedClientException");
    aws.control("POST", "/credentials/expire", json!({"principal": "reader"})).await;
    let expired = aws.organizations(&session, "ListAccounts", json!({})).await.unwrap();
    assert_eq!(expired.json()["__type"], "ExpiredTokenException");
}

#[tokio::test]
async fn a_web_identity_needs_no_signature_but_a_role_that_trusts_it() {
    let aws = Aws::start(WORLD).await;
    let head = "POST / HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded";
    let body = |role: &str, token: &str| {
        format!(
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={role}&RoleSessionName=pod&WebIdentityToken={token}"
        )
    };
    let given = aws.raw(head, &body("arn:aws:iam::333333333333:role/pod", "eyJhbGciOi")).await;
    assert_eq!(given.xml("Arn"), "arn:aws:sts::333333333333:assumed-role/pod/pod");
    let refused = aws.raw(head, &body("arn:aws:iam::111111111111:role/reader", "eyJhbGciOi")).await;
    assert_eq!(refused.xml("Code"), "AccessDenied");
    let empty = aws.raw(head, &body("arn:aws:iam::333333333333:role/pod", "")).await;
    assert_eq!(empty.xml("Code"), "InvalidIdentityToken");
    let calls = aws.control("GET", "/calls?after=0", json!(null)).await;
    assert_eq!(calls["calls"][0]["input"]["WebIdentityToken"], "(not logged)");
}
