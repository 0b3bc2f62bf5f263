//! Queries for findings as `GetFindings` takes them, and findings as it gives them.

use aws_sdk_securityhub::types::{
    AwsSecurityFinding, AwsSecurityFindingFilters, Compliance, DateFilter, RecordState, Resource, SortCriterion,
    SortOrder, StringFilter, StringFilterComparison, WorkflowStatus,
};
use jiff::Timestamp;
use soc2_posture::finding::Finding;

use crate::traits::{Beginning, FindingsQuery};

/// `GetFindings` refuses a date filter with a start alone, and a token is good only for the very same filters: an end that never changes.
const END_OF_TIME: &str = "2100-01-01T00:00:00.000Z";
/// The same for one with an end alone.
const BEGINNING_OF_TIME: &str = "1970-01-01T00:00:00.000Z";

/// The filters, exactly as the query says.
pub(crate) fn filters(query: &FindingsQuery) -> AwsSecurityFindingFilters {
    let FindingsQuery { accounts, product_arns, regions, controls, suppressed, others, .. } = query;
    let accounts: Vec<String> = accounts.iter().map(ToString::to_string).collect();
    let mut workflow = Vec::new();
    workflow.extend(suppressed.then_some(WorkflowStatus::Suppressed));
    workflow.extend([WorkflowStatus::New, WorkflowStatus::Notified].into_iter().filter(|_| others.open));
    let workflow: Vec<String> = workflow.iter().map(|status| status.as_str().to_owned()).collect();
    let record = (*suppressed || others.active).then(|| RecordState::Active.as_str().to_owned());
    let arns = equals(product_arns)
        .chain(each(&others.product_arn_prefixes, StringFilterComparison::Prefix))
        .chain(each(&others.not_product_arns, StringFilterComparison::NotEquals));
    AwsSecurityFindingFilters::builder()
        .set_aws_account_id(some(equals(&accounts)))
        .set_product_arn(some(arns))
        .set_region(some(equals(regions)))
        .set_compliance_security_control_id(some(equals(controls)))
        .set_updated_at(between(query.updated_from, query.updated_to))
        .set_workflow_status(some(equals(&workflow)))
        .set_record_state(some(equals(record.as_slice())))
        .set_product_name(some(others.product_names.iter().map(beginning)))
        .set_generator_id(some(others.generator_ids.iter().map(beginning)))
        .set_type(some(others.types.iter().map(beginning)))
        .set_severity_label(some(equals(&others.severities)))
        .build()
}

fn string_filter(value: &str, comparison: StringFilterComparison) -> StringFilter {
    StringFilter::builder().value(value).comparison(comparison).build()
}

fn each(values: &[String], comparison: StringFilterComparison) -> impl Iterator<Item = StringFilter> {
    values.iter().map(move |value| string_filter(value, comparison.clone()))
}

fn equals(values: &[String]) -> impl Iterator<Item = StringFilter> {
    each(values, StringFilterComparison::Equals)
}

fn beginning(wanted: &Beginning) -> StringFilter {
    match wanted {
        Beginning::Whole(text) => string_filter(text, StringFilterComparison::Equals),
        Beginning::Prefix(text) => string_filter(text, StringFilterComparison::Prefix),
    }
}

/// An empty list of values is refused.
fn some(filters: impl Iterator<Item = StringFilter>) -> Option<Vec<StringFilter>> {
    Some(filters.collect()).filter(|filters: &Vec<_>| !filters.is_empty())
}

fn between(start: Option<Timestamp>, end: Option<Timestamp>) -> Option<Vec<DateFilter>> {
    if start.is_none() && end.is_none() {
        return None;
    }
    let text =
        |moment: Option<Timestamp>, otherwise: &str| moment.map_or(otherwise.to_owned(), |at| format!("{at:.3}"));
    Some(vec![DateFilter::builder().start(text(start, BEGINNING_OF_TIME)).end(text(end, END_OF_TIME)).build()])
}

/// What changes while pages are read comes to the front and pushes the rest back: it is seen again in a later reading, and nothing is skipped.
pub(crate) fn newest_first() -> Vec<SortCriterion> {
    let by = |field: &str, order| SortCriterion::builder().field(field).sort_order(order).build();
    vec![by("UpdatedAt", SortOrder::Descending), by("Id", SortOrder::Ascending)]
}

/// What matters of a finding. The rest, much more, is dropped.
pub(crate) fn finding(found: AwsSecurityFinding) -> Finding {
    let AwsSecurityFinding {
        id,
        product_arn,
        aws_account_id,
        region,
        updated_at,
        resources,
        compliance,
        workflow,
        record_state,
        generator_id,
        product_name,
        types,
        severity,
        first_observed_at,
        created_at,
        ..
    } = found;
    let (control_id, status, status_reason) = compliance.map_or((None, None, None), |compliance| {
        let Compliance { security_control_id, status, status_reasons, .. } = compliance;
        let reason = status_reasons.into_iter().flatten().next().and_then(|reason| reason.reason_code);
        (security_control_id, status, reason)
    });
    let resource = resources.into_iter().flatten().next();
    let (resource_type, resource_id) = resource.map_or((None, None), |Resource { r#type, id, .. }| (r#type, id));
    let product_arn = product_arn.unwrap_or_default();
    Finding {
        id: id.unwrap_or_default(),
        account_id: aws_account_id.unwrap_or_default(),
        region: region.filter(|region| !region.is_empty()).unwrap_or_else(|| region_of(&product_arn)),
        product_arn,
        control_id,
        compliance: status.map(|status| status.as_str().to_owned()),
        status_reason,
        workflow: workflow.and_then(|workflow| workflow.status).map(|status| status.as_str().to_owned()),
        record_state: record_state.map(|state| state.as_str().to_owned()),
        updated_at,
        resource_type,
        resource_id,
        generator_id,
        product_name,
        types: types.unwrap_or_default(),
        severity: severity.and_then(|severity| severity.label).map(|label| label.as_str().to_owned()),
        first_observed_at,
        created_at,
    }
}

fn region_of(arn: &str) -> String {
    arn.split(':').nth(3).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use aws_sdk_securityhub::types::{ComplianceStatus, Severity, SeverityLabel, StatusReason, Workflow};

    use super::*;
    use crate::traits::OtherFilters;

    #[test]
    fn filters_say_what_the_query_says() {
        assert_eq!(filters(&FindingsQuery::default()), AwsSecurityFindingFilters::builder().build());

        let query = FindingsQuery {
            accounts: vec!["000000000042".parse().expect("an account id")],
            regions: vec!["eu-west-1".to_owned(), "eu-central-1".to_owned()],
            updated_from: Some("2026-11-22T01:02:03.004567Z".parse().expect("a time")),
            suppressed: true,
            ..FindingsQuery::default()
        };
        let filters = filters(&query);
        assert_eq!(filters.aws_account_id()[0].value(), Some("000000000042"));
        assert_eq!(filters.region().len(), 2);
        assert_eq!(filters.updated_at()[0].start(), Some("2026-11-22T01:02:03.004Z"));
        assert_eq!(filters.updated_at()[0].end(), Some(END_OF_TIME));
        assert_eq!(filters.workflow_status()[0].value(), Some("SUPPRESSED"));
        assert_eq!(filters.record_state()[0].value(), Some("ACTIVE"));
        assert!(filters.product_arn.is_none() && filters.compliance_security_control_id.is_none());
        assert!(filters.product_name.is_none() && filters.severity_label.is_none());
    }

    #[test]
    fn findings_of_other_products_are_asked_for_by_what_they_are() {
        let text = |text: &str| text.to_owned();
        let others = OtherFilters {
            product_arn_prefixes: vec![text("arn:aws:securityhub:eu-west-1:")],
            not_product_arns: vec![text("arn:aws:securityhub:eu-west-1::product/aws/securityhub")],
            product_names: vec![Beginning::Whole(text("GuardDuty"))],
            generator_ids: vec![Beginning::Prefix(text("acme/")), Beginning::Whole(text("other"))],
            types: vec![Beginning::Prefix(text("TTPs/"))],
            severities: vec![text("CRITICAL"), text("HIGH")],
            active: true,
            open: true,
        };
        let updated_to = Some("2026-11-22T01:02:03Z".parse().expect("a time"));
        let filters = filters(&FindingsQuery { updated_to, others, ..FindingsQuery::default() });
        let shown = |filters: &[StringFilter]| -> Vec<String> {
            let comparison = |filter: &StringFilter| filter.comparison().map_or("", |how| how.as_str()).to_owned();
            filters.iter().map(|filter| format!("{} {}", comparison(filter), filter.value().unwrap_or(""))).collect()
        };
        let arns = [
            "PREFIX arn:aws:securityhub:eu-west-1:",
            "NOT_EQUALS arn:aws:securityhub:eu-west-1::product/aws/securityhub",
        ];
        assert_eq!(shown(filters.product_arn()), arns);
        assert_eq!(shown(filters.product_name()), ["EQUALS GuardDuty"]);
        assert_eq!(shown(filters.generator_id()), ["PREFIX acme/", "EQUALS other"]);
        assert_eq!(shown(filters.r#type()), ["PREFIX TTPs/"]);
        assert_eq!(shown(filters.severity_label()), ["EQUALS CRITICAL", "EQUALS HIGH"]);
        assert_eq!(shown(filters.workflow_status()), ["EQUALS NEW", "EQUALS NOTIFIED"]);
        assert_eq!(shown(filters.record_state()), ["EQUALS ACTIVE"]);
        assert_eq!(filters.updated_at()[0].start(), Some(BEGINNING_OF_TIME));
        assert_eq!(filters.updated_at()[0].end(), Some("2026-11-22T01:02:03.000Z"));
    }

    #[test]
    fn what_matters_of_a_finding_is_kept() {
        let reason = |code: &str| StatusReason::builder().reason_code(code).build();
        let resource = |id: &str| Resource::builder().r#type("AwsS3Bucket").id(id).build();
        let compliance = Compliance::builder()
            .status(ComplianceStatus::Warning)
            .security_control_id("S3.1")
            .status_reasons(reason("FIRST"))
            .status_reasons(reason("SECOND"));
        let found = AwsSecurityFinding::builder()
            .id("f1")
            .product_arn("arn:aws:securityhub:eu-west-1::product/aws/securityhub")
            .aws_account_id("222222222222")
            .updated_at("2026-11-22T00:00:00Z")
            .compliance(compliance.build())
            .workflow(Workflow::builder().status(WorkflowStatus::Suppressed).build())
            .record_state(RecordState::Archived)
            .resources(resource("arn:aws:s3:::a"))
            .resources(resource("arn:aws:s3:::b"))
            .generator_id("security-control/S3.1")
            .product_name("Security Hub CSPM")
            .types("Software and Configuration Checks/Industry and Regulatory Standards")
            .severity(Severity::builder().label(SeverityLabel::Critical).build())
            .first_observed_at("2026-11-20T00:00:00Z")
            .created_at("2026-11-21T00:00:00Z");
        let some = |text: &str| Some(text.to_owned());
        let expected = Finding {
            id: "f1".to_owned(),
            product_arn: "arn:aws:securityhub:eu-west-1::product/aws/securityhub".to_owned(),
            account_id: "222222222222".to_owned(),
            region: "eu-west-1".to_owned(),
            control_id: some("S3.1"),
            compliance: some("WARNING"),
            status_reason: some("FIRST"),
            workflow: some("SUPPRESSED"),
            record_state: some("ARCHIVED"),
            updated_at: some("2026-11-22T00:00:00Z"),
            resource_type: some("AwsS3Bucket"),
            resource_id: some("arn:aws:s3:::a"),
            generator_id: some("security-control/S3.1"),
            product_name: some("Security Hub CSPM"),
            types: vec!["Software and Configuration Checks/Industry and Regulatory Standards".to_owned()],
            severity: some("CRITICAL"),
            first_observed_at: some("2026-11-20T00:00:00Z"),
            created_at: some("2026-11-21T00:00:00Z"),
        };
        assert_eq!(finding(found.build()), expected);
        assert_eq!(finding(AwsSecurityFinding::builder().build()), Finding::default());
    }
}
