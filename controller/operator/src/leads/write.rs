//! Writing Leases: each write carries the version that was seen, so that nobody's is overwritten.

use std::time::Instant;

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::{Api, ResourceExt};

use super::lease::{claim, holder, released};
use super::{LeadsConfig, Scope};

/// What became of a Lease that should be ours.
#[derive(Debug)]
pub(super) enum Renewed {
    /// It is, for its duration from this moment on.
    Ours(Instant, Box<Lease>),
    /// It is another's.
    Theirs(String),
}

/// How often a Lease has changed hands.
pub(super) fn transitions(lease: &Lease) -> Option<i32> {
    lease.spec.as_ref()?.lease_transitions
}

/// Renews what is ours. `known` is the newest version that was seen, `taken` how often it had changed hands when it was taken: what
/// another replica had meanwhile is not ours any more, even if nobody has it now.
pub(super) async fn renew(
    api: &Api<Lease>,
    config: &LeadsConfig,
    scope: &Scope,
    known: Option<Lease>,
    taken: Option<i32>,
) -> kube::Result<Renewed> {
    let theirs = |lease: &Lease| {
        let other = holder(lease).filter(|holder| *holder != config.identity);
        let moved = transitions(lease) != taken;
        (other.is_some() || moved).then(|| Renewed::Theirs(other.unwrap_or("another replica").to_owned()))
    };
    if let Some(lost) = known.as_ref().and_then(theirs) {
        return Ok(lost);
    }
    if let Some(lease) = &known {
        let sent = Instant::now();
        match replace(api, claim(config, scope, Some(lease))).await {
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_not_found() => {}
            result => return result.map(|lease| Renewed::Ours(sent, Box::new(lease))),
        }
    }
    let Some(found) = api.get_opt(&config.lease_name(scope)).await? else {
        // Somebody deleted it; whoever is first has it.
        let mut lease = claim(config, scope, None);
        if let Some(spec) = lease.spec.as_mut() {
            spec.lease_transitions = taken;
        }
        let sent = Instant::now();
        return Ok(Renewed::Ours(sent, Box::new(api.create(&PostParams::default(), &lease).await?)));
    };
    if let Some(lost) = theirs(&found) {
        return Ok(lost);
    }
    let sent = Instant::now();
    Ok(Renewed::Ours(sent, Box::new(replace(api, claim(config, scope, Some(&found))).await?)))
}

/// Takes what is free as far as we know.
pub(super) async fn take(
    api: &Api<Lease>,
    config: &LeadsConfig,
    scope: &Scope,
    known: Option<&Lease>,
) -> kube::Result<Renewed> {
    let (sent, lease) = (Instant::now(), claim(config, scope, known));
    let taken = match known {
        Some(_) => replace(api, lease).await,
        None => api.create(&PostParams::default(), &lease).await,
    };
    match taken {
        Ok(lease) => Ok(Renewed::Ours(sent, Box::new(lease))),
        Err(kube::Error::Api(status))
            if status.is_conflict() || status.is_already_exists() || status.is_not_found() =>
        {
            Ok(Renewed::Theirs(String::new()))
        }
        Err(error) => Err(error),
    }
}

/// Gives it up.
pub(super) async fn release(api: &Api<Lease>, lease: Lease) -> kube::Result<Lease> {
    replace(api, released(lease)).await
}

/// Writes this version after the one that it was made of.
pub(super) async fn replace(api: &Api<Lease>, lease: Lease) -> kube::Result<Lease> {
    api.replace(&lease.name_any(), &PostParams::default(), &lease).await
}

/// Deletes exactly this version.
pub(super) async fn delete(api: &Api<Lease>, lease: &Lease) -> kube::Result<()> {
    let seen = Preconditions { resource_version: lease.resource_version(), uid: lease.uid() };
    match api.delete(&lease.name_any(), &DeleteParams::default().preconditions(seen)).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        result => result.map(drop),
    }
}
