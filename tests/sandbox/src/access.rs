//! Whether a caller's own policies allow a call, and how services say that they do not.

use crate::call::{ApiError, Call};
use crate::iam::{Decision, Need, OF_IDENTITY};
use crate::identity::Principal;
use crate::protocol::Service;
use crate::state::State;
use crate::{sqs, sts};

impl State {
    /// The refusal of a call for which the caller lacks a right.
    pub(crate) fn denied(&self, service: Service, caller: &Principal, call: &Call) -> Option<ApiError> {
        self.needs(service, call).iter().find_map(|need| {
            let decision = caller.rights.decide(&caller.account, need);
            (decision != Decision::Allowed).then(|| service.denied(&call.principal, need, decision))
        })
    }

    /// The refusal of a call whose caller has the rights, as if it had not, or an SCP denied it.
    pub(crate) fn as_if_denied(&self, service: Service, call: &Call, by_scp: bool) -> ApiError {
        let needs = self.needs(service, call);
        let of_nothing = || Need::new(&format!("{}:{}", service.name(), call.operation), "*");
        let need = needs.into_iter().next().unwrap_or_else(of_nothing);
        if by_scp {
            let why = "with an explicit deny in a service control policy";
            return service.refused(&call.principal, &need, &need.action, why);
        }
        service.denied(&call.principal, &need, Decision::NotAllowed)
    }

    /// The rights that a call needs; all of them. Everybody may ask who they are.
    fn needs(&self, service: Service, call: &Call) -> Vec<Need> {
        // A batch needs what each of its entries needs.
        let operation =
            if service == Service::Sqs { call.operation.trim_end_matches("Batch") } else { &call.operation };
        let action = format!("{}:{operation}", service.name());
        match service {
            Service::Organizations => self.organization.needs(call),
            Service::SecurityHub => vec![Need::new(&action, "*")],
            Service::Sqs => vec![Need::new(&action, sqs::resource(call))],
            Service::Sts if operation == "GetCallerIdentity" => Vec::new(),
            Service::Sts => {
                let role = call.input.get("RoleArn").and_then(serde_json::Value::as_str);
                vec![Need::new(&action, role.unwrap_or("*"))]
            }
        }
    }
}

impl Service {
    fn denied(self, arn: &str, need: &Need, decision: Decision) -> ApiError {
        // SQS spells its actions small.
        let action = if self == Self::Sqs { need.action.to_ascii_lowercase() } else { need.action.clone() };
        self.refused(arn, need, &action, &decision.why(OF_IDENTITY, &action))
    }

    fn refused(self, arn: &str, need: &Need, action: &str, why: &str) -> ApiError {
        let error = sts::access_denied(arn, action, &need.resource);
        let why = format!("{} {why}", error.message);
        match self {
            Self::Organizations => ApiError::bad_request("AccessDeniedException", why),
            Self::SecurityHub | Self::Sqs => ApiError::new(403, "AccessDeniedException", why),
            Self::Sts => ApiError { message: why, ..error },
        }
    }
}
