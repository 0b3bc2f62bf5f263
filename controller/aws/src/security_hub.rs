//! Security Hub in one Region.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_securityhub::Client;
use aws_sdk_securityhub::types::{
    AssociationStatus, ControlFindingGenerator, RegionAvailabilityStatus, StandardsStatus,
};
use soc2_posture::ids::AccountId;
use tokio::sync::OnceCell;

use crate::caller::{Caller, Service};
use crate::core::Core;
use crate::directory::absent;
use crate::error::AwsError;
use crate::findings::{filters, finding, newest_first};
use crate::limiter::Ask;
use crate::pages::all;
use crate::session::account_of;
use crate::traits::{Aggregator, FindingsPage, FindingsQuery, HubDescription, Role, SecurityHub, Traffic};

/// The most that `GetFindings` gives at a time.
const FINDINGS: i32 = 100;
/// The most that `ListMembers` gives at a time.
const MEMBERS: i32 = 50;
/// The most that the other listings give at a time.
const PAGE: i32 = 100;

/// `SecurityHub` on AWS Security Hub CSPM.
#[derive(Debug)]
pub(crate) struct RegionalHub {
    client: Client,
    caller: Caller,
    /// Calls `GetFindings`; counted on its own.
    finder: Caller,
    per_second: u32,
    /// Our word in how fast `GetFindings` is called, from the first call until this object goes.
    ask: OnceCell<Ask>,
}

impl RegionalHub {
    pub(crate) fn new(core: &Arc<Core>, role: Option<&Role>, region: &str, per_second: u32) -> Self {
        let session = core.session(role);
        let mut builder =
            aws_sdk_securityhub::config::Builder::from(&core.sdk(&session, region, core.settings.attempt_timeout));
        builder.push_interceptor(core.meter());
        let caller = || Caller::new(core, &session, Service::SecurityHub, region);
        Self {
            client: Client::from_conf(builder.build()),
            caller: caller(),
            finder: caller(),
            per_second: per_second.max(1),
            ask: OnceCell::new(),
        }
    }
}

#[async_trait]
impl SecurityHub for RegionalHub {
    async fn hub(&self) -> Result<HubDescription, AwsError> {
        let output = self.caller.call("DescribeHub", || self.client.describe_hub().send()).await?;
        Ok(HubDescription {
            account: output.hub_arn().and_then(account_of).and_then(|account| account.parse().ok()),
            consolidated: output.control_finding_generator() == Some(&ControlFindingGenerator::SecurityControl),
        })
    }

    async fn standards(&self) -> Result<Vec<String>, AwsError> {
        let subscriptions = all(async |token: Option<String>| {
            let send = || self.client.get_enabled_standards().max_results(PAGE).set_next_token(token.clone()).send();
            let output = self.caller.call("GetEnabledStandards", send).await?;
            Ok((output.standards_subscriptions.unwrap_or_default(), output.next_token))
        })
        .await?;
        // Those that are being enabled or disabled do not have all their findings.
        let ready = |status: Option<&StandardsStatus>| {
            matches!(status, Some(StandardsStatus::Ready | StandardsStatus::Incomplete))
        };
        let subscriptions =
            subscriptions.items.into_iter().filter(|subscription| ready(subscription.standards_status()));
        subscriptions.map(|subscription| subscription.standards_arn.ok_or_else(|| absent("standards ARN"))).collect()
    }

    async fn members(&self) -> Result<Vec<(AccountId, String)>, AwsError> {
        let members = all(async |token: Option<String>| {
            let send = || {
                let list = self.client.list_members().only_associated(true);
                list.max_results(MEMBERS).set_next_token(token.clone()).send()
            };
            let output = self.caller.call("ListMembers", send).await?;
            Ok((output.members.unwrap_or_default(), output.next_token))
        })
        .await?;
        let member = |member: aws_sdk_securityhub::types::Member| {
            let id = member.account_id.unwrap_or_default().parse().map_err(|_| absent("account id of a member"))?;
            Ok((id, member.member_status.unwrap_or_default()))
        };
        members.items.into_iter().map(member).collect()
    }

    async fn aggregator(&self) -> Result<Option<Aggregator>, AwsError> {
        let aggregators = all(async |token: Option<String>| {
            let send = || self.client.list_finding_aggregators().max_results(PAGE).set_next_token(token.clone()).send();
            let output = self.caller.call("ListFindingAggregators", send).await?;
            Ok((output.finding_aggregators.unwrap_or_default(), output.next_token))
        })
        .await?;
        // There is at most one.
        let Some(arn) = aggregators.items.into_iter().find_map(|aggregator| aggregator.finding_aggregator_arn) else {
            return Ok(None);
        };
        let send = || self.client.get_finding_aggregator().finding_aggregator_arn(&arn).send();
        let output = self.caller.call("GetFindingAggregator", send).await?;
        Ok(Some(Aggregator {
            home: output.finding_aggregation_region.ok_or_else(|| absent("home Region of the aggregator"))?,
            mode: output.region_linking_mode.unwrap_or_default(),
            regions: output.regions.unwrap_or_default(),
        }))
    }

    async fn associations(&self, control: &str) -> Result<Vec<(String, bool)>, AwsError> {
        let associations = all(async |token: Option<String>| {
            let send = || {
                let list = self.client.list_standards_control_associations().security_control_id(control);
                list.max_results(PAGE).set_next_token(token.clone()).send()
            };
            let output = self.caller.call("ListStandardsControlAssociations", send).await?;
            Ok((output.standards_control_association_summaries.unwrap_or_default(), output.next_token))
        })
        .await?;
        let association = |summary: aws_sdk_securityhub::types::StandardsControlAssociationSummary| {
            let enabled = summary.association_status() == Some(&AssociationStatus::Enabled);
            Ok((summary.standards_arn.ok_or_else(|| absent("standards ARN"))?, enabled))
        };
        associations.items.into_iter().map(association).collect()
    }

    async fn control_ids(&self) -> Result<Vec<String>, AwsError> {
        let definitions = all(async |token: Option<String>| {
            let send = || {
                self.client.list_security_control_definitions().max_results(PAGE).set_next_token(token.clone()).send()
            };
            let output = self.caller.call("ListSecurityControlDefinitions", send).await?;
            Ok((output.security_control_definitions.unwrap_or_default(), output.next_token))
        })
        .await?;
        let here = definitions.items.into_iter().filter(|definition| {
            definition.current_region_availability() != Some(&RegionAvailabilityStatus::Unavailable)
        });
        here.map(|definition| definition.security_control_id.ok_or_else(|| absent("control id"))).collect()
    }

    async fn findings(&self, query: &FindingsQuery, token: Option<String>) -> Result<FindingsPage, AwsError> {
        self.finder.ready().await?;
        self.ask.get_or_init(async || self.finder.lane("GetFindings").await.ask(f64::from(self.per_second))).await;
        let (filters, order) = (filters(query), newest_first());
        let send = || {
            let get = self.client.get_findings().filters(filters.clone()).set_sort_criteria(Some(order.clone()));
            get.max_results(FINDINGS).set_next_token(token.clone()).send()
        };
        let output = self.finder.call("GetFindings", send).await?;
        Ok(FindingsPage {
            findings: output.findings.unwrap_or_default().into_iter().map(finding).collect(),
            next_token: output.next_token.filter(|token| !token.is_empty()),
        })
    }

    fn traffic(&self) -> Traffic {
        self.finder.traffic()
    }
}
