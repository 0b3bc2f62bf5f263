//! Every guardrail of the built-in library denies what it says, leaves alone what it says, and exempts whom it should.

use std::collections::BTreeMap;

use serde_json::json;
use soc2_catalog::{Catalog, ExampleCall, Guardrail};
use soc2_crds::{AnyValue, ScpBaseline};
use soc2_guardrails::library::{compile, wrong_example};
use soc2_guardrails::{Decision, Document, Exemptions, Level, LevelPolicy, Parameters, Request, evaluate};

use crate::model::ALLOW_ALL;

const BREAK_GLASS: &str = "arn:aws:iam::333333333333:role/BreakGlass";
const BREAK_GLASS_USER: &str = "arn:aws:iam::333333333333:user/emergency/one";
/// Neither exempt nor in any example.
const OTHERS: [&str; 3] = [
    "arn:aws:iam::333333333333:role/Nobody",
    "arn:aws:iam::333333333333:user/nobody",
    "arn:aws:sts::333333333333:assumed-role/BreakGlassNot/session",
];

fn exempt() -> Exemptions {
    Exemptions::known(["arn:aws:iam::*:role/BreakGlass", "arn:aws:iam::*:user/emergency/*"])
}

fn guardrails() -> &'static [Guardrail] {
    Catalog::builtin().unwrap().guardrails()
}

/// The resources of an example, with parameters put in by hand, and wildcards by something.
fn resources(guardrail: &Guardrail, call: &ExampleCall) -> Vec<String> {
    let Some(name) = call.resource.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) else {
        return vec![call.resource.clone()];
    };
    match name {
        "exemptRoles" => return vec![BREAK_GLASS.to_owned()],
        "exemptUsers" => return vec![BREAK_GLASS_USER.to_owned()],
        _ => {}
    }
    let default = guardrail.parameters.iter().find(|one| one.name == name).and_then(|one| one.default.clone());
    let values = guardrail.example_parameters.get(name).cloned().or(default).expect("a value");
    values.texts().unwrap().into_iter().map(|pattern| pattern.replace('*', "z")).collect()
}

fn decide(document: &Document, principal: &str, action: &str, resource: &str, context: &Context) -> Decision {
    let all = Document::parse(ALLOW_ALL).unwrap();
    let policies = [("p-all", &all), ("p-guardrail", document)];
    let policies = policies.map(|(id, document)| LevelPolicy { id, document: Some(document) }).to_vec();
    let request = Request { principal: Some(principal), action, resource, context, unknown_context: true };
    evaluate(&[Level { target: "r-ab12".to_owned(), policies }], &request)
}

type Context = BTreeMap<String, Vec<String>>;

/// What is decided about an example by this principal.
fn example(guardrail: &Guardrail, document: &Document, principal: &str, call: &ExampleCall) -> Vec<Decision> {
    let mut context: Context =
        call.context.iter().map(|(key, values)| (key.clone(), values.texts().unwrap())).collect();
    if principal.contains(":assumed-role/") {
        let role = principal.split('/').nth(1).unwrap();
        context.insert("aws:PrincipalArn".to_owned(), vec![format!("arn:aws:iam::333333333333:role/{role}")]);
    }
    let resources = resources(guardrail, call);
    resources.iter().map(|resource| decide(document, principal, &call.action, resource, &context)).collect()
}

/// Who makes a call: the one that the example names, else several.
fn callers(call: &ExampleCall) -> Vec<&str> {
    call.principal.as_deref().map_or(OTHERS.to_vec(), |principal| vec![principal])
}

#[test]
fn examples_are_surely_decided_as_they_say() {
    for guardrail in guardrails() {
        assert!(guardrail.denied.len() >= 3 && guardrail.allowed.len() >= 3, "{}", guardrail.name);
        assert_eq!(wrong_example(guardrail), None, "{}", guardrail.name);
        let compiled = compile(guardrail, &guardrail.example_parameters, &exempt(), &exempt()).unwrap();
        for (calls, denied) in [(&guardrail.denied, true), (&guardrail.allowed, false)] {
            for call in calls {
                for caller in callers(call) {
                    for decision in example(guardrail, &compiled.document, caller, call) {
                        let right = if denied {
                            matches!(decision, Decision::ExplicitDeny { .. })
                        } else {
                            decision == Decision::Allowed
                        };
                        assert!(right, "{}: {call:?} by {caller}: {decision:?}", guardrail.name);
                    }
                }
            }
        }
    }
}

#[test]
fn exempt_principals_are_exempt_unless_the_entry_says_why_not() {
    for guardrail in guardrails() {
        let compiled = compile(guardrail, &guardrail.example_parameters, &exempt(), &exempt()).unwrap();
        let somebody = compiled.document.statements().iter().all(|statement| {
            let mut conditions = statement.conditions.iter();
            conditions.any(|condition| condition.operator == "ArnNotLike" && condition.key == "aws:PrincipalArn")
        });
        assert_eq!(somebody, guardrail.no_exemption.is_none(), "{}", guardrail.name);
        assert_eq!(compiled.exempt.is_empty(), guardrail.no_exemption.is_some(), "{}", guardrail.name);
        for call in guardrail.denied.iter().filter(|call| call.principal.is_none()) {
            for principal in [BREAK_GLASS, BREAK_GLASS_USER] {
                for decision in example(guardrail, &compiled.document, principal, call) {
                    let denied = decision.is_denied();
                    assert_eq!(denied, guardrail.no_exemption.is_some(), "{}: {call:?} by {principal}", guardrail.name);
                }
            }
        }
    }
}

#[test]
fn documents_are_minified_and_small() {
    for guardrail in guardrails() {
        let compiled = compile(guardrail, &guardrail.example_parameters, &exempt(), &exempt()).unwrap();
        assert_eq!(compiled.content, compiled.document.to_string(), "{}", guardrail.name);
        let value: serde_json::Value = serde_json::from_str(&compiled.content).unwrap();
        assert_eq!(value.to_string().len(), compiled.content.len(), "{}: every character counts", guardrail.name);
        // Room for the exemptions of a large organization beside it.
        assert!(compiled.content.len() < 3_000, "{} has {} characters", guardrail.name, compiled.content.len());
        for statement in value["Statement"].as_array().unwrap() {
            assert_eq!(statement["Effect"], "Deny");
        }
    }
}

/// What the table of guardrails of the project wants denied, word by word, with what a call needs to be meant.
const WANTED: [(&str, &[&str], &str, &str); 20] = [
    ("deny-leave-org", &["organizations:LeaveOrganization"], "*", ""),
    (
        "protect-cloudtrail",
        &[
            "cloudtrail:StopLogging",
            "cloudtrail:DeleteTrail",
            "cloudtrail:UpdateTrail",
            "cloudtrail:PutEventSelectors",
            "cloudtrail:CreateTrail",
        ],
        "*",
        "",
    ),
    (
        "protect-config",
        &[
            "config:StopConfigurationRecorder",
            "config:DeleteConfigurationRecorder",
            "config:DeleteDeliveryChannel",
            "config:PutConfigurationRecorder",
            "config:PutDeliveryChannel",
            "config:DeleteConfigRule",
            "config:PutConfigRule",
            "config:DeleteRetentionConfiguration",
            "config:PutRetentionConfiguration",
        ],
        "*",
        "",
    ),
    ("require-encryption", &["ec2:DisableEbsEncryptionByDefault"], "*", ""),
    ("restrict-regions", &["ec2:RunInstances", "s3:CreateBucket"], "*", "aws:RequestedRegion=us-east-2"),
    ("deny-root", &["iam:CreateAccessKey", "ec2:RunInstances"], "*", "root"),
    (
        "deny-long-lived-credentials",
        &[
            "iam:CreateUser",
            "iam:CreateAccessKey",
            "iam:CreateLoginProfile",
            "iam:UpdateLoginProfile",
            "iam:CreateServiceSpecificCredential",
            "iam:UploadSSHPublicKey",
        ],
        "*",
        "",
    ),
    ("protect-password-policy", &["iam:UpdateAccountPasswordPolicy", "iam:DeleteAccountPasswordPolicy"], "*", ""),
    (
        "protect-guardduty",
        &[
            "guardduty:DeleteDetector",
            "guardduty:UpdateDetector",
            "guardduty:DisassociateFromMasterAccount",
            "guardduty:DeleteMembers",
            "guardduty:StopMonitoringMembers",
            "guardduty:ArchiveFindings",
        ],
        "*",
        "",
    ),
    (
        "protect-securityhub",
        &[
            "securityhub:DisableSecurityHub",
            "securityhub:BatchDisableStandards",
            "securityhub:UpdateStandardsControl",
            "securityhub:DisassociateFromAdministratorAccount",
            "securityhub:DeleteMembers",
        ],
        "*",
        "",
    ),
    (
        "protect-macie",
        &["macie2:DisableMacie", "macie2:UpdateMacieSession", "macie2:DisassociateFromAdministratorAccount"],
        "*",
        "",
    ),
    (
        "protect-access-analyzer",
        &["access-analyzer:DeleteAnalyzer", "access-analyzer:UpdateFindings", "access-analyzer:CreateArchiveRule"],
        "*",
        "",
    ),
    (
        "protect-cloudwatch-alarms",
        &[
            "cloudwatch:DeleteAlarms",
            "cloudwatch:DisableAlarmActions",
            "cloudwatch:PutMetricAlarm",
            "cloudwatch:SetAlarmState",
            "cloudwatch:DeleteDashboards",
        ],
        "arn:aws:cloudwatch:eu-west-1:333333333333:alarm:audit-root",
        "",
    ),
    ("protect-flow-logs", &["ec2:DeleteFlowLogs"], "*", ""),
    (
        "protect-log-groups",
        &["logs:DeleteLogGroup", "logs:DeleteLogStream", "logs:PutRetentionPolicy"],
        "arn:aws:logs:eu-west-1:333333333333:log-group:aws-cloudtrail-logs-1:log-stream:x",
        "",
    ),
    (
        "protect-kms",
        &["kms:ScheduleKeyDeletion", "kms:DeleteAlias", "kms:DeleteImportedKeyMaterial", "kms:DeleteCustomKeyStore"],
        "*",
        "",
    ),
    (
        "protect-backups",
        &[
            "backup:DeleteBackupVault",
            "backup:DeleteRecoveryPoint",
            "backup:DeleteBackupPlan",
            "backup:UpdateRecoveryPointLifecycle",
            "backup:PutBackupVaultAccessPolicy",
        ],
        "*",
        "",
    ),
    (
        "protect-public-access-blocks",
        &[
            "s3:PutAccountPublicAccessBlock",
            "ec2:DisableSnapshotBlockPublicAccess",
            "ec2:DisableImageBlockPublicAccess",
        ],
        "*",
        "",
    ),
    (
        "limit-external-sharing",
        &["ram:CreateResourceShare", "ram:UpdateResourceShare"],
        "*",
        "ram:RequestedAllowsExternalPrincipals=true",
    ),
    (
        "protect-operator-roles",
        &[
            "iam:DeleteRole",
            "iam:PutRolePolicy",
            "iam:AttachRolePolicy",
            "iam:DetachRolePolicy",
            "iam:UpdateAssumeRolePolicy",
        ],
        "arn:aws:iam::333333333333:role/security/reader",
        "",
    ),
];

#[test]
fn what_the_table_wants_denied_is_denied() {
    for (name, actions, resource, needs) in WANTED {
        let guardrail = Catalog::builtin().unwrap().guardrail(name).expect(name);
        let compiled = compile(guardrail, &guardrail.example_parameters, &exempt(), &exempt()).unwrap();
        let mut context: Context =
            needs.split_once('=').map(|(key, value)| (key.into(), vec![value.into()])).into_iter().collect();
        let mut principal = OTHERS[0];
        if needs == "root" {
            principal = "arn:aws:iam::333333333333:root";
            context.insert("aws:AssumedRoot".to_owned(), Vec::new());
        }
        for action in actions {
            let decision = decide(&compiled.document, principal, action, resource, &context);
            assert!(matches!(decision, Decision::ExplicitDeny { .. }), "{name} {action}: {decision:?}");
        }
    }
    assert_eq!(guardrails().len(), WANTED.len() + 1, "and protect-exempt-principals");
}

#[test]
fn parts_that_are_switched_off_are_not_there() {
    let guardrail = Catalog::builtin().unwrap().guardrail("require-encryption").unwrap();
    let nobody = Exemptions::default();
    let defaults = compile(guardrail, &Parameters::new(), &nobody, &nobody).unwrap();
    assert_eq!(
        defaults.content,
        r#"{"Version":"2012-10-17","Statement":[{"Sid":"DenyEbsDefaultEncryptionOff","Effect":"Deny","Action":"ec2:DisableEbsEncryptionByDefault","Resource":"*"}]}"#
    );
    let with = |name: &str| [(name.to_owned(), AnyValue(json!(true)))].into();
    let uploads = compile(guardrail, &with("requireUploadHeader"), &nobody, &nobody).unwrap();
    assert!(
        uploads.content.ends_with(
            r#"{"Sid":"DenyUploadsWithoutEncryption","Effect":"Deny","Action":"s3:PutObject","Resource":"*","Condition":{"Null":{"s3:x-amz-server-side-encryption":"true"}}}]}"#
        ),
        "{}",
        uploads.content
    );
}

/// The library is written in the shape of the kind, so that a copy of an entry is a good beginning of one's own.
#[test]
fn entries_have_the_shape_of_the_kind() {
    for guardrail in guardrails() {
        let spec = json!({
            "title": guardrail.title, "criteria": ["CC6.1"], "parameters": guardrail.parameters,
            "statements": guardrail.statements,
            "examples": {"denied": guardrail.denied, "allowed": guardrail.allowed},
        });
        let object = json!({
            "apiVersion": "soc2-operator.dev/v1alpha1", "kind": "ScpBaseline", "metadata": {"name": "copy"}, "spec": spec,
        });
        assert!(serde_json::from_value::<ScpBaseline>(object).is_ok(), "{}", guardrail.name);
    }
}
