//! Who calls: access keys, roles, the sessions that STS gave out, and what each may do.

use std::collections::HashMap;

use anyhow::{Context as _, anyhow, ensure};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::clock::shifted;
use crate::iam::Rights;
use crate::signature::Scope;
use crate::world::{CredentialEntry, RoleEntry, World};

/// A caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// ARN: a user, the root of an account, or an assumed role's session.
    pub arn: String,
    /// Unique id as `GetCallerIdentity` shows it.
    pub user_id: String,
    /// Account.
    pub account: String,
    /// ARN of the role, for a session.
    pub role: Option<String>,
    /// What its own policies allow.
    pub rights: Rights,
}

/// Why an access key is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// There is no such key, or the session token is not that of the key.
    Unknown,
    /// The session is over.
    Expired,
}

/// A role that can be assumed.
#[derive(Debug)]
pub struct Role {
    /// ARN.
    pub arn: String,
    /// Account that owns it.
    pub account: String,
    /// Name without path.
    pub name: String,
    /// What its sessions may do.
    pub rights: Rights,
    /// The world file's entry.
    pub entry: RoleEntry,
}

#[derive(Debug)]
struct Session {
    principal: Principal,
    token: String,
    expires: Timestamp,
}

/// What STS hands out.
#[derive(Debug)]
pub struct Issued {
    /// Id of the key, `ASIA…`.
    pub access_key_id: String,
    /// The secret key; nobody ever checks it.
    pub secret_access_key: String,
    /// The session token.
    pub session_token: String,
    /// Until when they hold, by real time.
    pub expiration: Timestamp,
    /// The session.
    pub principal: Principal,
}

/// All keys, roles and sessions.
#[derive(Debug, Default)]
pub struct Identities {
    keys: HashMap<String, Principal>,
    roles: Vec<Role>,
    sessions: HashMap<String, Session>,
    issued: u64,
}

impl Identities {
    /// Those of a world file; errors name the field.
    pub fn new(world: &World) -> anyhow::Result<Self> {
        let mut identities = Self::default();
        for (index, entry) in world.credentials.iter().enumerate() {
            let field = || format!("credentials[{index}]");
            let principal = user(entry).with_context(field)?;
            let taken = identities.keys.insert(entry.access_key_id.clone(), principal).is_some();
            ensure!(!taken, "credentials[{index}].accessKeyId: {} stands twice", entry.access_key_id);
        }
        for (index, entry) in world.roles.iter().enumerate() {
            let role = role(entry).with_context(|| format!("roles[{index}]"))?;
            ensure!(identities.role(&role.arn).is_none(), "roles[{index}].arn: {} stands twice", role.arn);
            identities.roles.push(role);
        }
        Ok(identities)
    }

    /// The caller of a signed request. Sessions end by real time, as the caller's SDK sees it too.
    pub fn caller(&self, scope: &Scope, real_now: Timestamp) -> Result<Principal, Refused> {
        let id = scope.access_key_id.as_str();
        if let Some(session) = self.sessions.get(id) {
            if scope.session_token.as_deref() != Some(session.token.as_str()) {
                return Err(Refused::Unknown);
            }
            return if session.expires <= real_now { Err(Refused::Expired) } else { Ok(session.principal.clone()) };
        }
        if id.starts_with("ASIA") || scope.session_token.is_some() {
            return Err(Refused::Unknown);
        }
        self.keys.get(id).cloned().or_else(|| account_of(id).map(root_of)).ok_or(Refused::Unknown)
    }

    /// The role of an ARN.
    #[must_use]
    pub fn role(&self, arn: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.arn == arn)
    }

    /// Opens a session of a role.
    pub fn issue(&mut self, role_arn: &str, session: &str, length: SignedDuration) -> Option<Issued> {
        let role = self.role(role_arn)?;
        let role_id = format!("AROA{}", letters(&role.arn, 17));
        let principal = Principal {
            arn: format!("{}:assumed-role/{}/{session}", role.arn_head(), role.name),
            user_id: format!("{role_id}:{session}"),
            account: role.account.clone(),
            role: Some(role.arn.clone()),
            rights: role.rights.clone(),
        };
        self.issued += 1;
        let seed = format!("{}{}{}", self.issued, principal.arn, rand::random::<u64>());
        let issued = Issued {
            access_key_id: format!("ASIA{}", letters(&seed, 16)),
            secret_access_key: letters(&format!("secret{seed}"), 40),
            session_token: letters(&format!("token{seed}"), 120),
            expiration: shifted(Timestamp::now(), length),
            principal: principal.clone(),
        };
        let (token, expires) = (issued.session_token.clone(), issued.expiration);
        self.sessions.insert(issued.access_key_id.clone(), Session { principal, token, expires });
        Some(issued)
    }

    /// Ends all sessions whose ARN contains `part`; how many these were.
    pub fn expire(&mut self, part: &str) -> usize {
        let open = self.sessions.values_mut().filter(|session| session.principal.arn.contains(part));
        open.map(|session| session.expires = Timestamp::MIN).count()
    }
}

impl Role {
    /// `arn:aws:sts::111111111111`
    fn arn_head(&self) -> String {
        let partition = self.arn.split(':').nth(1).unwrap_or("aws");
        format!("arn:{partition}:sts::{}", self.account)
    }

    /// Whether the role's trust policy names the caller.
    #[must_use]
    pub fn trusts(&self, caller: &Principal) -> bool {
        self.entry.trusts.iter().any(|trusted| {
            let trusted = trusted.0.as_str();
            let account_root = trusted.ends_with(":root") && trusted.split(':').nth(4) == Some(&caller.account);
            trusted == "*"
                || trusted == caller.account
                || account_root
                || trusted == caller.arn
                || Some(trusted) == caller.role.as_deref()
        })
    }

    /// Whether tokens of a web identity can assume the role.
    #[must_use]
    pub fn trusts_web_identity(&self) -> bool {
        self.entry.trusts.iter().any(|trusted| trusted.0 == "web-identity")
    }
}

fn user(entry: &CredentialEntry) -> anyhow::Result<Principal> {
    let id = &entry.access_key_id;
    ensure!(
        (16..=128).contains(&id.len()) && id.starts_with("AKIA"),
        "accessKeyId: must start with AKIA and have at least 16 characters, not {id:?}"
    );
    let account =
        entry.principal.split(':').nth(4).ok_or_else(|| anyhow!("principal: {:?} is no ARN", entry.principal))?;
    ensure!(account == entry.account.0, "principal: {} is not of account {}", entry.principal, entry.account.0);
    Ok(Principal {
        arn: entry.principal.clone(),
        user_id: format!("AIDA{}", letters(&entry.principal, 17)),
        account: entry.account.0.clone(),
        role: None,
        rights: Rights::read(entry.allow.as_ref(), entry.policy.as_ref())?,
    })
}

fn role(entry: &RoleEntry) -> anyhow::Result<Role> {
    let parts: Vec<&str> = entry.arn.splitn(6, ':').collect();
    let ["arn", _, "iam", "", account, resource] = parts[..] else {
        return Err(anyhow!("arn: {:?} is not like arn:aws:iam::111111111111:role/name", entry.arn));
    };
    ensure!(crate::organizations::is_account(account), "arn: {:?} has no account id", entry.arn);
    let path = resource.strip_prefix("role/").ok_or_else(|| anyhow!("arn: {:?} is not a role", entry.arn))?;
    let name = path.rsplit('/').next().unwrap_or(path);
    Ok(Role {
        arn: entry.arn.clone(),
        account: account.to_owned(),
        name: name.to_owned(),
        rights: Rights::read(entry.allow.as_ref(), entry.policy.as_ref())?,
        entry: entry.clone(),
    })
}

/// Keys that carry an account's id stand for that account's root user, so that tests need no entry for each.
fn account_of(access_key_id: &str) -> Option<&str> {
    let mut runs = access_key_id.split(|c: char| !c.is_ascii_digit());
    runs.find(|run| run.len() == 12)
}

fn root_of(account: &str) -> Principal {
    Principal {
        arn: format!("arn:aws:iam::{account}:root"),
        user_id: account.to_owned(),
        account: account.to_owned(),
        role: None,
        rights: Rights::Everything,
    }
}

/// Capital letters and digits that depend on nothing but `seed`.
fn letters(seed: &str, length: usize) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let blocks = (0u8..).flat_map(|block| Sha256::new().chain_update(seed).chain_update([block]).finalize());
    blocks.take(length).map(|byte| char::from(ALPHABET[usize::from(byte) % 32])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iam::{Decision, Need};

    fn scope(id: &str, token: Option<&str>) -> Scope {
        Scope {
            access_key_id: id.into(),
            region: "us-east-1".into(),
            service: "sts".into(),
            session_token: token.map(str::to_owned),
        }
    }

    fn identities() -> Identities {
        let world = "organization: {id: o-exampleorgid, managementAccount: 111111111111}
roles:
- {arn: 'arn:aws:iam::222222222222:role/ops/reader', trusts: [111111111111], allow: ['securityhub:Get*']}
credentials:
- {accessKeyId: AKIASANDBOXOPERATOR0, principal: 'arn:aws:iam::111111111111:user/pod', account: 111111111111, allow: ['sts:*']}
";
        Identities::new(&World::parse(world).unwrap()).unwrap()
    }

    fn may(caller: &Principal, action: &str) -> bool {
        caller.rights.decide(&caller.account, &Need::new(action, "*")) == Decision::Allowed
    }

    #[test]
    fn keys_are_users_or_carry_their_account() {
        let identities = identities();
        let now = Timestamp::now();
        let pod = identities.caller(&scope("AKIASANDBOXOPERATOR0", None), now).unwrap();
        assert_eq!(pod.arn, "arn:aws:iam::111111111111:user/pod");
        assert!(may(&pod, "sts:AssumeRole") && !may(&pod, "organizations:ListAccounts"));
        for id in ["333333333333", "AKIA333333333333XXXX"] {
            assert_eq!(identities.caller(&scope(id, None), now).unwrap().account, "333333333333");
        }
        for id in ["AKIAUNKNOWN", "ASIA333333333333XXXX", "AKIA3333333333334"] {
            assert_eq!(identities.caller(&scope(id, None), now), Err(Refused::Unknown), "{id}");
        }
    }

    #[test]
    fn sessions_need_their_token_and_end() {
        let mut identities = identities();
        let issued = identities
            .issue("arn:aws:iam::222222222222:role/ops/reader", "me", SignedDuration::from_secs(900))
            .unwrap();
        let id = issued.access_key_id.as_str();
        let (now, token) = (Timestamp::now(), Some(issued.session_token.as_str()));
        let caller = identities.caller(&scope(id, token), now).unwrap();
        assert_eq!(caller.arn, "arn:aws:sts::222222222222:assumed-role/reader/me");
        assert!(may(&caller, "securityhub:GetFindings") && !may(&caller, "securityhub:BatchUpdateFindings"));
        assert_eq!(identities.caller(&scope(id, None), now), Err(Refused::Unknown));
        assert_eq!(identities.caller(&scope(id, Some("x")), now), Err(Refused::Unknown));
        assert_eq!(identities.caller(&scope(id, token), issued.expiration), Err(Refused::Expired));
        assert_eq!(identities.expire("reader"), 1);
        assert_eq!(identities.caller(&scope(id, token), now), Err(Refused::Expired));
    }
}
