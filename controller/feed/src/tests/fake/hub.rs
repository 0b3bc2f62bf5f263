//! Security Hub of the fake.

use async_trait::async_trait;
use soc2_aws::{
    Aggregator, AwsError, Beginning, ErrorClass, FindingsPage, FindingsQuery, HubDescription, OtherFilters, SecurityHub,
};
use soc2_posture::finding::Finding;
use soc2_posture::ids::{AccountId, Region};
use tokio::time::Instant;

use super::{Cloud, Fake, Hub, Order, Row, error};

/// One Security Hub as one role sees it.
pub(super) struct FakeHub {
    pub(super) fake: Fake,
    pub(super) account: AccountId,
    pub(super) region: Region,
}

impl FakeHub {
    async fn ask<T>(&self, operation: &str, answer: impl FnOnce(&Hub) -> T) -> Result<T, AwsError> {
        self.fake.call(operation, &format!("{} {}", self.account, self.region)).await?;
        self.hub(answer)
    }

    fn hub<T>(&self, answer: impl FnOnce(&Hub) -> T) -> Result<T, AwsError> {
        let cloud = self.fake.cloud();
        let hub = cloud.hubs.get(&(self.account, self.region.clone()));
        hub.map(answer).ok_or_else(|| error(ErrorClass::Terminal, "InvalidAccessException"))
    }

    /// As a limiter that spaces the calls of all callers.
    async fn queue(&self) {
        let due = {
            let mut cloud = self.fake.cloud();
            let due = cloud.next_start.unwrap_or_else(Instant::now).max(Instant::now());
            cloud.next_start = Some(due + cloud.spacing);
            due
        };
        tokio::time::sleep_until(due).await;
    }

    /// What this hub shows: its own Region and those linked to it, of its account and its members.
    fn shows(&self, hub: &Hub, row: &Row) -> bool {
        let linked = hub.aggregator.iter().filter(|found| found.home == self.region).any(|found| {
            let named = found.regions.contains(&row.finding.region);
            match found.mode.as_str() {
                "ALL_REGIONS" => true,
                "ALL_REGIONS_EXCEPT_SPECIFIED" => !named,
                _ => named,
            }
        });
        let of: Option<AccountId> = row.finding.account_id.parse().ok();
        // A finding that says nothing useful is shown all the same.
        let mine = of.is_none_or(|of| of == self.account || hub.members.get(&of).is_some_and(|word| word == "Enabled"));
        mine && (linked || row.finding.region == self.region)
    }
}

#[async_trait]
impl SecurityHub for FakeHub {
    async fn hub(&self) -> Result<HubDescription, AwsError> {
        let account = Some(self.account);
        self.ask("DescribeHub", |_| HubDescription { account, consolidated: true }).await
    }

    async fn standards(&self) -> Result<Vec<String>, AwsError> {
        self.ask("Standards", |hub| hub.standards.clone()).await
    }

    async fn members(&self) -> Result<Vec<(AccountId, String)>, AwsError> {
        self.ask("Members", |hub| hub.members.iter().map(|(id, word)| (*id, word.clone())).collect()).await
    }

    async fn aggregator(&self) -> Result<Option<Aggregator>, AwsError> {
        self.ask("Aggregator", |hub| hub.aggregator.clone()).await
    }

    async fn associations(&self, control: &str) -> Result<Vec<(String, bool)>, AwsError> {
        self.ask("Associations", |hub| {
            hub.standards.iter().map(|arn| (arn.clone(), !hub.disabled.contains(control))).collect()
        })
        .await
    }

    async fn control_ids(&self) -> Result<Vec<String>, AwsError> {
        self.ask("ControlIds", |hub| {
            let some = ["S3.1", "S3.5", "IAM.5", "IAM.6"].map(ToOwned::to_owned);
            some.into_iter().chain(hub.disabled.iter().cloned()).collect()
        })
        .await
    }

    async fn findings(&self, query: &FindingsQuery, token: Option<String>) -> Result<FindingsPage, AwsError> {
        assert!(
            query.accounts.len() <= 20 && query.product_arns.len() <= 20 && query.controls.len() <= 20,
            "{query:?}"
        );
        assert!(
            !query.product_arns.is_empty() || query.others != OtherFilters::default(),
            "asks for the findings of every product"
        );
        self.queue().await;
        self.ask("Findings", |_| ()).await?;
        let hub = self.hub(Clone::clone)?;
        let mut cloud = self.fake.cloud();
        if let Some(error) = cloud.refuses_open.clone().filter(|_| query.others.open) {
            return Err(error);
        }
        cloud.pages += 1;
        let call = cloud.pages;
        if let Some(mut meddler) = cloud.meddler.take() {
            meddler(&mut cloud, call);
            cloud.meddler.get_or_insert(meddler);
        }
        cloud.give(query, token.as_deref(), call, |row| self.shows(&hub, row))
    }
}

impl Cloud {
    /// A page by offset over what there is now.
    fn give(
        &self,
        query: &FindingsQuery,
        token: Option<&str>,
        call: usize,
        shown: impl Fn(&Row) -> bool,
    ) -> Result<FindingsPage, AwsError> {
        let from = match token {
            None => 0,
            Some(token) => self.offset(query, token)?,
        };
        let next =
            |offset: usize| Some(if self.stuck { "stuck".to_owned() } else { format!("{offset}/{call}/{query:?}") });
        if self.empty_every > 0 && call.is_multiple_of(self.empty_every) {
            return Ok(FindingsPage { findings: Vec::new(), next_token: next(from) });
        }
        let mut rows: Vec<&Row> =
            self.rows.iter().filter(|row| shown(row) && (self.ignores_filters || matches(query, row))).collect();
        let newer = |a: &&Row, b: &&Row| b.updated.cmp(&a.updated).then_with(|| a.finding.id.cmp(&b.finding.id));
        match self.order {
            Order::NewestFirst => rows.sort_by(newer),
            Order::OldestFirst => rows.sort_by(|a, b| newer(b, a)),
            Order::AsImported => {}
        }
        let page: Vec<_> = rows.iter().skip(from).take(self.page).map(|row| row.finding.clone()).collect();
        let end = from + page.len();
        let more = end < rows.len() || self.stuck;
        Ok(FindingsPage { findings: page, next_token: if more { next(end) } else { None } })
    }

    fn offset(&self, query: &FindingsQuery, token: &str) -> Result<usize, AwsError> {
        if self.stuck {
            return Ok(0);
        }
        let mut parts = token.splitn(3, '/');
        let mut number = || parts.next().unwrap().parse::<usize>().unwrap();
        let (offset, given) = (number(), number());
        assert_eq!(parts.next(), Some(format!("{query:?}").as_str()), "a token with other filters");
        if given < self.tokens_from {
            return Err(error(ErrorClass::Terminal, "InvalidInputException"));
        }
        Ok(offset)
    }
}

fn matches(query: &FindingsQuery, row: &Row) -> bool {
    let finding = &row.finding;
    let of: Option<AccountId> = finding.account_id.parse().ok();
    let suppressed =
        finding.workflow.as_deref() == Some("SUPPRESSED") && finding.record_state.as_deref() == Some("ACTIVE");
    let control = finding.control_id.clone().unwrap_or_default();
    (query.accounts.is_empty() || of.is_some_and(|of| query.accounts.contains(&of)))
        && (query.product_arns.is_empty() || query.product_arns.contains(&finding.product_arn))
        && (query.regions.is_empty() || query.regions.contains(&finding.region))
        && (query.controls.is_empty() || query.controls.contains(&control))
        && query.updated_from.is_none_or(|from| row.updated >= from.as_millisecond())
        && query.updated_to.is_none_or(|to| row.updated <= to.as_millisecond())
        && (!query.suppressed || suppressed)
        && is_meant(&query.others, finding)
}

/// What is asked of findings of other products.
fn is_meant(others: &OtherFilters, finding: &Finding) -> bool {
    let begins = |wanted: &[Beginning], text: Option<&str>| {
        let fits = |wanted: &Beginning, text: &str| match wanted {
            Beginning::Whole(whole) => text == whole,
            Beginning::Prefix(prefix) => text.starts_with(prefix),
        };
        wanted.is_empty() || text.is_some_and(|text| wanted.iter().any(|wanted| fits(wanted, text)))
    };
    let any_type = others.types.is_empty() || finding.types.iter().any(|text| begins(&others.types, Some(text)));
    let severity = finding.severity.clone().unwrap_or_default();
    let prefixes = &others.product_arn_prefixes;
    begins(&others.generator_ids, finding.generator_id.as_deref())
        && begins(&others.product_names, finding.product_name.as_deref())
        && any_type
        && (prefixes.is_empty() || prefixes.iter().any(|prefix| finding.product_arn.starts_with(prefix)))
        && !others.not_product_arns.contains(&finding.product_arn)
        && (others.severities.is_empty() || others.severities.contains(&severity))
        && (!others.active || finding.record_state.as_deref() == Some("ACTIVE"))
        && (!others.open || matches!(finding.workflow.as_deref(), Some("NEW" | "NOTIFIED")))
}
