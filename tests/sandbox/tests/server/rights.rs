//! Policies of callers, from the world file to the wire.

use crate::client::{Aws, DENY, Signer, root};
use aws_sandbox::state::State;
use aws_sandbox::world::World;
use serde_json::json;

const WORLD: &str = r#"
organization: {id: o-exampleorgid, rootId: r-ab12, managementAccount: 111111111111}
roles:
- arn: arn:aws:iam::111111111111:role/writer
  trusts: ["*"]
  policy:
    Version: "2012-10-17"
    Statement:
      Effect: Allow
      Action: [organizations:CreatePolicy, organizations:DeletePolicy, organizations:TagResource]
      Resource: "*"
      Condition: {StringEquals: {"aws:RequestTag/owner": acme}}
- {arn: "arn:aws:iam::111111111111:role/other", trusts: ["*"]}
credentials:
- accessKeyId: AKIASANDBOXOPERATOR0
  principal: arn:aws:iam::111111111111:user/pod
  account: 111111111111
  policy: [{Version: "2012-10-17", Statement: {Effect: Allow, Action: "sts:AssumeRole", Resource: "arn:aws:iam::*:role/writer"}}]
queues:
- {name: soc2, account: 111111111111, region: us-east-1}
"#;

#[tokio::test]
async fn a_policy_is_enforced_with_its_resources_and_conditions() {
    let aws = Aws::start(WORLD).await;
    let pod = Signer { key: "AKIASANDBOXOPERATOR0".into(), token: None, region: "us-east-1" };
    let assume = |role: &str| {
        format!("Action=AssumeRole&Version=2011-06-15&RoleSessionName=me&RoleArn=arn:aws:iam::111111111111:role/{role}")
    };
    let refused = aws.sts(&pod, &assume("other")).await;
    let words = "arn:aws:iam::111111111111:user/pod is not authorized to perform: sts:AssumeRole on resource: \
                 arn:aws:iam::111111111111:role/other because no identity-based policy allows the sts:AssumeRole action";
    assert!(refused.xml("Message").contains(words), "{refused:?}");
    let given = aws.sts(&pod, &assume("writer")).await;
    let writer = Signer { key: given.xml("AccessKeyId"), token: Some(given.xml("SessionToken")), region: "us-east-1" };

    let draft =
        |tags| json!({"Name": "n", "Description": "", "Type": "SERVICE_CONTROL_POLICY", "Content": DENY, "Tags": tags});
    let refused = aws.organizations(&writer, "CreatePolicy", draft(json!([]))).await.unwrap().json();
    let words = "is not authorized to perform: organizations:CreatePolicy on resource: * because no identity-based policy allows";
    assert!(refused["Message"].as_str().unwrap().contains(words), "{refused}");
    let tags = json!([{"Key": "owner", "Value": "acme"}]);
    let made = aws.organizations(&writer, "CreatePolicy", draft(tags)).await.unwrap().json();
    let summary = &made["Policy"]["PolicySummary"];
    let refused = aws.organizations(&writer, "DeletePolicy", json!({"PolicyId": summary["Id"]})).await.unwrap().json();
    assert!(refused["Message"].as_str().unwrap().contains(summary["Arn"].as_str().unwrap()), "{refused}");
    let done = aws.organizations(&root("111111111111"), "DeletePolicy", json!({"PolicyId": summary["Id"]})).await;
    assert_eq!(done.unwrap().status, 200);
}

#[test]
fn what_would_not_be_enforced_is_refused_with_its_field() {
    for (from, to, field) in [
        (
            "StringEquals:",
            "StringNotLike:",
            "roles[0]: policy: Statement[0]: Condition: StringNotLike.aws:RequestTag/owner: ",
        ),
        ("  trusts: [\"*\"]\n", "  trusts: [\"*\"]\n  allow: []\n", "roles[0]: allow and policy: only one of them"),
        (
            "Action: \"sts:AssumeRole\"",
            "NotAction: \"sts:AssumeRole\"",
            "credentials[0]: policy[0]: Statement[0]: NotAction: ",
        ),
    ] {
        let world = World::parse(&WORLD.replacen(from, to, 1)).unwrap();
        let error = format!("{:#}", State::new(world).unwrap_err());
        assert!(error.contains(field), "{error}");
    }
}
