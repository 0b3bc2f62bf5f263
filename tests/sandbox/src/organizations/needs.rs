//! The rights that a call of Organizations needs, with the resources that it touches, as AWS's service authorization
//! reference has them; and what the delegation policy says to accounts other than the management account.

use serde_json::Value;

use super::{Organization, PolicyType, errors, ids};
use crate::call::{ApiError, Call};
use crate::iam::{Decision, Need, OF_RESOURCE};

/// Members by which calls name policies, accounts, OUs and the root.
const NAMING: [&str; 10] = [
    "PolicyId",
    "TargetId",
    "ParentId",
    "ResourceId",
    "AccountId",
    "OrganizationalUnitId",
    "RootId",
    "ChildId",
    "SourceParentId",
    "DestinationParentId",
];
/// Members by which calls name a type of policies.
const TYPING: [&str; 3] = ["Type", "PolicyType", "Filter"];

impl Organization {
    /// The rights that a call needs; all of them. One that names several resources needs the right for each.
    #[must_use]
    pub fn needs(&self, call: &Call) -> Vec<Need> {
        let action = format!("organizations:{}", call.operation);
        let named: Vec<&str> = NAMING.iter().filter_map(|member| text(call, member)).collect();
        let mut needs: Vec<Need> = named.iter().map(|id| self.need(&action, id)).collect();
        if needs.is_empty() {
            needs.push(Need::new(&action, "*"));
        }
        needs.extend(self.need_of_first_tags(call));
        needs.into_iter().map(|need| self.with_what_is_asked(need, call, &named)).collect()
    }

    /// What an account that is not the management account may do beside what all may.
    pub(super) fn delegated_to(&self, call: &Call, registered: bool) -> Result<(), ApiError> {
        let Some(policy) = self.delegation.as_ref() else {
            return if registered { Ok(()) } else { Err(errors::access_denied()) };
        };
        for need in self.needs(call) {
            let decision = policy.decide(&call.account, &need);
            if decision == Decision::Denied || decision == Decision::NotAllowed && !registered {
                let why = decision.why(OF_RESOURCE, &need.action);
                return Err(errors::not_delegated(&call.principal, &need.action, &need.resource, &why));
            }
        }
        Ok(())
    }

    /// The right to do something with whatever has an id, with its tags.
    fn need(&self, action: &str, id: &str) -> Need {
        let found = if ids::is_policy(id) {
            self.policy(id).ok().map(|policy| (self.policy_arn(policy), &policy.tags))
        } else {
            let arn = self.tree.node(id).map(|node| self.tree.identity(id, node).0);
            arn.zip(self.tree.tags(id))
        };
        let Some((arn, tags)) = found else { return Need::of_nothing(action) };
        let need = Need::new(action, arn);
        tags.iter().fold(need, |need, (key, value)| need.with(&format!("aws:ResourceTag/{key}"), value))
    }

    /// Who creates a policy with tags needs the right to tag it too.
    fn need_of_first_tags(&self, call: &Call) -> Option<Need> {
        let tagged = call.operation == "CreatePolicy" && tags(call).next().is_some();
        let kind = tagged.then(|| text(call, "Type").and_then(PolicyType::named)).flatten()?;
        let id = self.next_policy_id(kind, text(call, "Name")?);
        Some(Need::new("organizations:TagResource", self.arn_of_policy(kind, &id)))
    }

    /// The right with what the call itself says: the type of policies, and tags.
    fn with_what_is_asked(&self, mut need: Need, call: &Call, named: &[&str]) -> Need {
        let of_policy = || named.iter().find_map(|id| self.policy(id).ok()).map(|policy| policy.kind.name);
        let given = TYPING.iter().find_map(|member| text(call, member));
        if let Some(kind) = given.or_else(of_policy) {
            need = need.with("organizations:PolicyType", kind);
        }
        for (key, value) in tags(call) {
            need = need.with("aws:TagKeys", key).with(&format!("aws:RequestTag/{key}"), value);
        }
        let keys = call.input.get("TagKeys").and_then(Value::as_array).into_iter().flatten();
        keys.filter_map(Value::as_str).fold(need, |need, key| need.with("aws:TagKeys", key))
    }
}

fn text<'a>(call: &'a Call, member: &str) -> Option<&'a str> {
    call.input.get(member)?.as_str()
}

/// Keys and values of `Tags`. What is no tag is refused later, by the service.
fn tags(call: &Call) -> impl Iterator<Item = (&str, &str)> {
    let tags = call.input.get("Tags").and_then(Value::as_array).into_iter().flatten();
    tags.filter_map(|tag| Some((tag.get("Key")?.as_str()?, tag.get("Value")?.as_str()?)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::call::HandlerFaults;
    use crate::world::World;

    const WORLD: &str = "
organization:
  id: o-exampleorgid
  rootId: r-ab12
  managementAccount: 111111111111
  delegatedAdministrators: [333333333333]
  delegationPolicy:
    Version: '2012-10-17'
    Statement:
    - {Effect: Allow, Principal: {AWS: '222222222222'}, Action: ['organizations:List*', 'organizations:AttachPolicy'], Resource: '*'}
    - {Effect: Deny, Principal: {AWS: '333333333333'}, Action: 'organizations:ListRoots', Resource: '*'}
organizationalUnits: [{path: Dev, id: ou-ab12-devdevde, tags: {env: dev}}]
accounts:
- {id: 222222222222, name: security, path: Dev}
- {id: 333333333333, name: audit, path: Dev}
policies:
- {name: ours, id: p-ours0000, tags: {owner: acme}, content: {Version: '2012-10-17', Statement: {Effect: Deny, Action: 'ec2:*', Resource: '*'}}}
";
    const ARN: &str = "arn:aws:organizations::111111111111";

    fn organization() -> Organization {
        Organization::new(&World::parse(WORLD).unwrap(), jiff::Timestamp::UNIX_EPOCH).unwrap()
    }

    fn call(account: &str, operation: &str, input: Value) -> Call {
        Call {
            operation: operation.to_owned(),
            account: account.to_owned(),
            principal: format!("arn:aws:iam::{account}:root"),
            region: "us-east-1".to_owned(),
            now: jiff::Timestamp::UNIX_EPOCH,
            input,
            path: "/".to_owned(),
            query: std::collections::BTreeMap::new(),
            faults: HandlerFaults::default(),
        }
    }

    #[test]
    fn a_call_needs_a_right_for_each_resource_that_it_names() {
        const TYPE: &str = "organizations:PolicyType";
        let policy =
            |action: &str| Need::new(action, format!("{ARN}:policy/o-exampleorgid/service_control_policy/p-ours0000"));
        let owned =
            |action: &str| policy(action).with("aws:ResourceTag/owner", "acme").with(TYPE, "SERVICE_CONTROL_POLICY");
        let scp = |need: Need| need.with(TYPE, "SERVICE_CONTROL_POLICY");
        let attach = "organizations:AttachPolicy";
        let tag = "organizations:TagResource";
        for (operation, input, wanted) in [
            ("ListRoots", json!({}), vec![Need::new("organizations:ListRoots", "*")]),
            (
                "ListPolicies",
                json!({"Filter": "TAG_POLICY"}),
                vec![Need::new("organizations:ListPolicies", "*").with(TYPE, "TAG_POLICY")],
            ),
            ("DeletePolicy", json!({"PolicyId": "p-ours0000"}), vec![owned("organizations:DeletePolicy")]),
            ("DeletePolicy", json!({"PolicyId": "p-gone0000"}), vec![Need::of_nothing("organizations:DeletePolicy")]),
            (
                "AttachPolicy",
                json!({"PolicyId": "p-ours0000", "TargetId": "ou-ab12-devdevde"}),
                vec![
                    owned(attach),
                    scp(Need::new(attach, format!("{ARN}:ou/o-exampleorgid/ou-ab12-devdevde"))
                        .with("aws:ResourceTag/env", "dev")),
                ],
            ),
            (
                "AttachPolicy",
                json!({"PolicyId": "p-ours0000", "TargetId": "r-ab12"}),
                vec![owned(attach), scp(Need::new(attach, format!("{ARN}:root/o-exampleorgid/r-ab12")))],
            ),
            (
                "AttachPolicy",
                json!({"PolicyId": "p-FullAWSAccess", "TargetId": "222222222222"}),
                vec![
                    scp(Need::new(attach, "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess")),
                    scp(Need::new(attach, format!("{ARN}:account/o-exampleorgid/222222222222"))),
                ],
            ),
            (
                "TagResource",
                json!({"ResourceId": "p-ours0000", "Tags": [{"Key": "a", "Value": "b"}]}),
                vec![owned(tag).with("aws:TagKeys", "a").with("aws:RequestTag/a", "b")],
            ),
            (
                "UntagResource",
                json!({"ResourceId": "222222222222", "TagKeys": ["a", "b"]}),
                vec![
                    Need::new("organizations:UntagResource", format!("{ARN}:account/o-exampleorgid/222222222222"))
                        .with("aws:TagKeys", "a")
                        .with("aws:TagKeys", "b"),
                ],
            ),
        ] {
            assert_eq!(
                organization().needs(&call("111111111111", operation, input.clone())),
                wanted,
                "{operation} {input}"
            );
        }
    }

    #[test]
    fn who_creates_with_tags_needs_the_right_to_tag_what_is_created() {
        let mut organization = organization();
        let mut input = json!({"Type": "SERVICE_CONTROL_POLICY", "Name": "new", "Description": "", "Content": DENY});
        assert_eq!(organization.needs(&call("111111111111", "CreatePolicy", input.clone())).len(), 1);
        input["Tags"] = json!([{"Key": "owner", "Value": "acme"}]);
        let create = call("111111111111", "CreatePolicy", input);
        let needs = organization.needs(&create);
        assert_eq!((needs[0].action.as_str(), needs[0].resource.as_str()), ("organizations:CreatePolicy", "*"));
        let made = super::super::handle(&mut organization, &create).unwrap();
        assert_eq!(needs[1].action, "organizations:TagResource");
        assert_eq!(made["Policy"]["PolicySummary"]["Arn"], needs[1].resource);
    }

    const DENY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"ec2:*","Resource":"*"}]}"#;

    #[test]
    fn the_delegation_policy_gives_accounts_what_they_have_not_and_takes_what_it_denies() {
        let pair = json!({"PolicyId": "p-ours0000", "TargetId": "ou-ab12-devdevde"});
        for (account, operation, input, wanted) in [
            ("111111111111", "DeletePolicy", json!({"PolicyId": "p-ours0000"}), None),
            ("222222222222", "ListAccounts", json!({}), None),
            ("222222222222", "AttachPolicy", pair.clone(), None),
            (
                "222222222222",
                "DetachPolicy",
                pair.clone(),
                Some("because no resource-based policy allows the organizations:DetachPolicy action"),
            ),
            ("333333333333", "DescribeOrganization", json!({}), None),
            ("333333333333", "ListAccounts", json!({}), None),
            ("333333333333", "ListRoots", json!({}), Some("with an explicit deny in a resource-based policy")),
            (
                "333333333333",
                "AttachPolicy",
                pair,
                Some("because no resource-based policy allows the organizations:AttachPolicy action"),
            ),
        ] {
            let answer = super::super::handle(&mut organization(), &call(account, operation, input));
            let refused = answer.err().map(|error| (error.code, error.message));
            match (refused, wanted) {
                (None, None) => {}
                (Some((code, message)), Some(why)) => {
                    assert_eq!(code, "AccessDeniedException");
                    assert!(
                        message.starts_with(&format!("User: arn:aws:iam::{account}:root is not authorized"))
                            && message.ends_with(why),
                        "{message}"
                    );
                }
                (refused, _) => panic!("{account} {operation}: {refused:?}"),
            }
        }
        let wrong = WORLD.replace("Principal: {AWS: '333333333333'}, ", "");
        let error = Organization::new(&World::parse(&wrong).unwrap(), jiff::Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!(format!("{error:#}"), "organization: delegationPolicy: Statement[1]: Principal: must be there");
    }
}
