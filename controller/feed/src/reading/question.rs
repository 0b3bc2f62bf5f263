//! What to ask Security Hub so that all is read that somebody wants to know of other products, with few calls.

use std::collections::{BTreeMap, BTreeSet};

use soc2_aws::{Beginning, FindingsQuery, OtherFilters};
use soc2_catalog::Matcher;
use soc2_crds::{FindingProduct, FindingSeverity};
use soc2_posture::ids::Region;
use soc2_posture::interest::{Interest, Interests};

use crate::regions::{MAX_VALUES, arns_of};

/// A question, and what is known when it was answered completely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// All are asked. None depends on the state of a finding.
    queries: Vec<FindingsQuery>,
    pub(crate) tells: Vec<Interest>,
    /// Severities that are asked for, and only what nobody has dealt with.
    open: Option<FindingSeverity>,
}

impl Question {
    /// For everything there is now: what is active, of findings that have an age what is open.
    pub(crate) fn complete(&self) -> impl Iterator<Item = FindingsQuery> + '_ {
        let others = |others: &OtherFilters| OtherFilters {
            active: true,
            open: self.open.is_some(),
            severities: self.open.map(severities).unwrap_or_default(),
            ..others.clone()
        };
        self.queries.iter().map(move |query| FindingsQuery { others: others(&query.others), ..query.clone() })
    }

    /// For what changed, in whatever state it is now.
    pub(crate) fn changes(&self) -> impl Iterator<Item = FindingsQuery> + '_ {
        let severities = self.open.map(severities).unwrap_or_default();
        let others = move |others: &OtherFilters| OtherFilters { severities: severities.clone(), ..others.clone() };
        self.queries.iter().map(move |query| FindingsQuery { others: others(&query.others), ..query.clone() })
    }
}

/// This severity and worse ones, as AWS spells them.
fn severities(mildest: FindingSeverity) -> Vec<String> {
    let all = [
        (FindingSeverity::Critical, "CRITICAL"),
        (FindingSeverity::High, "HIGH"),
        (FindingSeverity::Medium, "MEDIUM"),
        (FindingSeverity::Low, "LOW"),
    ];
    all.into_iter().filter(|(severity, _)| *severity <= mildest).map(|(_, word)| word.to_owned()).collect()
}

/// The questions of these interests, where these Regions are read.
pub(crate) fn questions(interests: &Interests, regions: &BTreeSet<Region>) -> Vec<Question> {
    let mut open: BTreeMap<FindingSeverity, Vec<FindingProduct>> = BTreeMap::new();
    let mut narrowed: BTreeMap<Narrowed, Vec<Matcher>> = BTreeMap::new();
    for interest in interests.iter() {
        match interest {
            Interest::Open(product, severity) => open.entry(severity).or_default().push(product),
            Interest::Matching(pattern) => narrowed.entry(Narrowed::of(&pattern, regions)).or_default().push(pattern),
        }
    }
    let open = open.into_iter().map(|(severity, products)| Question {
        queries: arns_of(&products, regions)
            .into_iter()
            .map(|product_arns| FindingsQuery { product_arns, ..FindingsQuery::default() })
            .collect(),
        tells: products.into_iter().map(|product| Interest::Open(product, severity)).collect(),
        open: Some(severity),
    });
    let matching = merged(narrowed).into_iter().map(|(narrowed, patterns)| Question {
        queries: narrowed.queries(regions),
        tells: patterns.into_iter().map(Interest::Matching).collect(),
        open: None,
    });
    open.chain(matching).collect()
}

/// What filters can say of a pattern: how texts begin. Everything that matches passes, and perhaps more.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Narrowed {
    generator_ids: Vec<Beginning>,
    product_names: Vec<Beginning>,
    product_arns: Vec<Beginning>,
    types: Vec<Beginning>,
}

impl Narrowed {
    fn of(pattern: &Matcher, regions: &BTreeSet<Region>) -> Self {
        let begins = |glob: &Option<String>| glob.as_deref().and_then(beginning).into_iter().collect();
        let (product_names, product_arns) = match pattern.product.as_deref() {
            Some(glob) if glob.starts_with("arn:") => {
                (Vec::new(), in_regions(glob, regions).iter().filter_map(|glob| beginning(glob)).collect())
            }
            // It may mean an ARN as well.
            Some(glob) if "arn:".starts_with(literal(glob)) => (Vec::new(), Vec::new()),
            Some(_) => (begins(&pattern.product), Vec::new()),
            None => (Vec::new(), Vec::new()),
        };
        Self { generator_ids: begins(&pattern.generator_id), product_names, product_arns, types: begins(&pattern.kind) }
    }

    fn lists(&self) -> [&Vec<Beginning>; 4] {
        [&self.generator_ids, &self.product_names, &self.product_arns, &self.types]
    }

    /// The only attribute that says something, if only one does.
    fn single(&self) -> Option<usize> {
        let mut saying = (0..).zip(self.lists()).filter(|(_, list)| !list.is_empty()).map(|(at, _)| at);
        saying.next().filter(|_| saying.next().is_none())
    }

    fn extend(&mut self, other: Self) {
        self.generator_ids.extend(other.generator_ids);
        self.product_names.extend(other.product_names);
        self.product_arns.extend(other.product_arns);
        self.types.extend(other.types);
    }

    /// The queries; several when there are more ARNs than a filter takes.
    fn queries(&self, regions: &BTreeSet<Region>) -> Vec<FindingsQuery> {
        let mut whole: Vec<String> = Vec::new();
        let mut prefixes: Vec<String> = Vec::new();
        for arn in &self.product_arns {
            match arn {
                Beginning::Whole(text) => whole.push(text.clone()),
                Beginning::Prefix(text) => prefixes.push(text.clone()),
            }
        }
        // Where little else is said, at least not everything of Security Hub itself is read. Only whole ARNs exclude it anyway.
        let vague = self.generator_ids.is_empty() && self.product_names.is_empty() && self.types.is_empty();
        let hub = if vague && whole.is_empty() { arns_of(&[FindingProduct::SecurityHub], regions) } else { Vec::new() };
        let room = MAX_VALUES - hub.first().map_or(0, Vec::len).min(MAX_VALUES / 2);
        let not: Vec<String> = hub.into_iter().flatten().take(MAX_VALUES - room).collect();
        let query = |product_arns: &[String], prefixes: &[String]| FindingsQuery {
            product_arns: product_arns.to_vec(),
            others: OtherFilters {
                product_arn_prefixes: prefixes.to_vec(),
                not_product_arns: not.clone(),
                product_names: self.product_names.clone(),
                generator_ids: self.generator_ids.clone(),
                types: self.types.clone(),
                ..OtherFilters::default()
            },
            ..FindingsQuery::default()
        };
        let by_whole = whole.chunks(MAX_VALUES).map(|arns| query(arns, &[]));
        let queries: Vec<FindingsQuery> =
            by_whole.chain(prefixes.chunks(room).map(|prefixes| query(&[], prefixes))).collect();
        if queries.is_empty() { vec![query(&[], &[])] } else { queries }
    }
}

/// Patterns that say something of one and the same attribute only share a question, as many as fit.
fn merged(narrowed: BTreeMap<Narrowed, Vec<Matcher>>) -> Vec<(Narrowed, Vec<Matcher>)> {
    let mut merged: Vec<(Narrowed, Vec<Matcher>)> = Vec::new();
    for (narrowed, patterns) in narrowed {
        let fits = |other: &Narrowed| {
            let at = narrowed.single();
            at.is_some() && other.single() == at && total(other) + total(&narrowed) <= MAX_VALUES
        };
        match merged.iter_mut().find(|(other, _)| fits(other)) {
            Some((other, others)) => {
                other.extend(narrowed);
                others.extend(patterns);
            }
            None => merged.push((narrowed, patterns)),
        }
    }
    merged
}

fn total(narrowed: &Narrowed) -> usize {
    narrowed.lists().into_iter().map(Vec::len).sum()
}

/// How every text begins that a glob matches.
fn literal(glob: &str) -> &str {
    glob.split(['*', '?']).next().unwrap_or_default()
}

/// The same as a filter; `None` when there is nothing to filter by.
fn beginning(glob: &str) -> Option<Beginning> {
    let literal = literal(glob);
    if literal.is_empty() {
        return None;
    }
    let whole = literal.len() == glob.len();
    Some(if whole { Beginning::Whole(literal.to_owned()) } else { Beginning::Prefix(literal.to_owned()) })
}

/// A glob over ARNs of any Region, one for each Region that is read: what comes behind the Region narrows too.
fn in_regions(glob: &str, regions: &BTreeSet<Region>) -> Vec<String> {
    let fields: Vec<&str> = glob.splitn(6, ':').collect();
    match fields.as_slice() {
        [arn, partition, service, "*", account, resource]
            if ![*arn, *partition, *service].iter().any(|field| field.contains(['*', '?'])) =>
        {
            let of_region = |region: &Region| format!("{arn}:{partition}:{service}:{region}:{account}:{resource}");
            regions.iter().map(of_region).collect()
        }
        _ => vec![glob.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HUB: &str = "arn:aws:securityhub:eu-west-1::product/aws/securityhub";

    fn regions(names: &[&str]) -> BTreeSet<Region> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn pattern(generator_id: &str, product: &str, kind: &str) -> Interest {
        let glob = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Interest::Matching(Matcher { generator_id: glob(generator_id), product: glob(product), kind: glob(kind) })
    }

    fn whole(text: &str) -> Beginning {
        Beginning::Whole(text.to_owned())
    }

    fn prefix(text: &str) -> Beginning {
        Beginning::Prefix(text.to_owned())
    }

    #[test]
    fn products_of_one_severity_share_a_question() {
        use FindingProduct::{GuardDuty, Inspector, Macie};
        use FindingSeverity::{Critical, High};
        let interests = [(GuardDuty, Critical), (Inspector, Critical), (Macie, High)];
        let interests: Interests = interests.into_iter().map(|(p, s)| Interest::Open(p, s)).collect();
        let questions = questions(&interests, &regions(&["eu-west-1", "us-east-1"]));
        assert_eq!(questions.len(), 2);
        assert_eq!(questions[0].tells, [Interest::Open(GuardDuty, Critical), Interest::Open(Inspector, Critical)]);
        let asked: Vec<FindingsQuery> = questions[0].complete().collect();
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].product_arns.len(), 4);
        assert_eq!(asked[0].product_arns[0], "arn:aws:securityhub:eu-west-1::product/aws/guardduty");
        assert_eq!(asked[0].others.severities, ["CRITICAL"]);
        assert!(asked[0].others.open && asked[0].others.active);
        let changes: Vec<FindingsQuery> = questions[1].changes().collect();
        assert_eq!(changes[0].others.severities, ["CRITICAL", "HIGH"]);
        assert!(!changes[0].others.open && !changes[0].others.active);
    }

    #[test]
    fn more_arns_than_a_filter_takes_are_several_queries_of_one_question() {
        let many: Vec<String> = (0..15).map(|n| format!("eu-west-{n}")).collect();
        let interests: Interests = [FindingProduct::GuardDuty, FindingProduct::Macie]
            .map(|product| Interest::Open(product, FindingSeverity::Critical))
            .into_iter()
            .collect();
        let questions = questions(&interests, &many.into_iter().collect());
        let sizes: Vec<usize> = questions[0].complete().map(|query| query.product_arns.len()).collect();
        assert_eq!((questions.len(), sizes), (1, vec![20, 10]));
    }

    #[test]
    fn globs_become_what_filters_can_say() {
        for (interest, expected) in [
            (
                pattern("acme/scanner/*", "", ""),
                OtherFilters { generator_ids: vec![prefix("acme/scanner/")], ..OtherFilters::default() },
            ),
            (pattern("acme", "", ""), OtherFilters { generator_ids: vec![whole("acme")], ..OtherFilters::default() }),
            (
                pattern("", "GuardDuty", "TTPs/*"),
                OtherFilters {
                    product_names: vec![whole("GuardDuty")],
                    types: vec![prefix("TTPs/")],
                    ..OtherFilters::default()
                },
            ),
            (
                pattern("", "Guard?uty", ""),
                OtherFilters { product_names: vec![prefix("Guard")], ..OtherFilters::default() },
            ),
            // A name or an ARN: nothing can be filtered but Security Hub itself.
            (
                pattern("", "*Duty", ""),
                OtherFilters { not_product_arns: vec![HUB.to_owned()], ..OtherFilters::default() },
            ),
            (pattern("", "a*", ""), OtherFilters { not_product_arns: vec![HUB.to_owned()], ..OtherFilters::default() }),
            (
                pattern("acme*", "*Duty", ""),
                OtherFilters { generator_ids: vec![prefix("acme")], ..OtherFilters::default() },
            ),
            (
                pattern("", "arn:aws:securityhub:*:*:product/acme/*", ""),
                OtherFilters {
                    product_arn_prefixes: vec!["arn:aws:securityhub:eu-west-1:".to_owned()],
                    not_product_arns: vec![HUB.to_owned()],
                    ..OtherFilters::default()
                },
            ),
            (
                pattern("", "arn:aws:securityhub:*::product/prowler/*", ""),
                OtherFilters {
                    product_arn_prefixes: vec!["arn:aws:securityhub:eu-west-1::product/prowler/".to_owned()],
                    not_product_arns: vec![HUB.to_owned()],
                    ..OtherFilters::default()
                },
            ),
        ] {
            let asked = questions(&[interest.clone()].into_iter().collect(), &regions(&["eu-west-1"]));
            assert_eq!(asked.len(), 1);
            let queries: Vec<FindingsQuery> = asked[0].changes().collect();
            assert_eq!(queries, [FindingsQuery { others: expected, ..FindingsQuery::default() }], "{interest:?}");
            assert_eq!(asked[0].tells, [interest]);
        }
        let by_arn = pattern("", "arn:aws:securityhub:*::product/aws/inspector", "");
        let asked = questions(&[by_arn].into_iter().collect(), &regions(&["eu-west-1", "us-east-1"]));
        let arns =
            ["eu-west-1", "us-east-1"].map(|region| format!("arn:aws:securityhub:{region}::product/aws/inspector"));
        assert_eq!(
            asked[0].changes().next().unwrap(),
            FindingsQuery { product_arns: arns.into(), ..FindingsQuery::default() }
        );
    }

    #[test]
    fn patterns_of_one_attribute_share_questions_as_many_as_fit() {
        let many = (0..45).map(|n| pattern(&format!("acme/{n}/*"), "", ""));
        let others = [pattern("", "Prowler", ""), pattern("x", "Prowler", ""), pattern("*", "", "")];
        let asked = questions(&many.chain(others).collect(), &regions(&["eu-west-1"]));
        let mut sizes: Vec<usize> = asked.iter().map(|question| question.tells.len()).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [1, 1, 1, 5, 20, 20]);
        assert!(asked.iter().flat_map(Question::complete).all(|query| query.others.active && !query.others.open));
    }
}
