//! Who a set of credentials is.

use std::sync::Arc;

use soc2_posture::ids::AccountId;

use crate::caller::{Caller, Service};
use crate::core::Core;
use crate::error::{AwsError, ErrorClass};
use crate::session::Session;

/// Asks STS whose credentials they are.
#[derive(Debug)]
pub(crate) struct Identity {
    client: aws_sdk_sts::Client,
    caller: Caller,
}

impl Identity {
    pub(crate) fn new(core: &Arc<Core>, session: &Arc<Session>) -> Self {
        let region = core.sts_region(session.role.as_ref());
        Self { client: core.sts(session, &region), caller: Caller::new(core, session, Service::Sts, &region) }
    }

    pub(crate) async fn account(&self) -> Result<AccountId, AwsError> {
        let output = self.caller.call("GetCallerIdentity", || self.client.get_caller_identity().send()).await?;
        output.account.unwrap_or_default().parse().map_err(|error| {
            AwsError::new(
                ErrorClass::Transient,
                "InvalidResponse",
                format!("sts:GetCallerIdentity gave no account: {error}"),
            )
        })
    }
}
