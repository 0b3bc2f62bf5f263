//! The catalogue reader: any YAML as a `ControlCatalog`'s spec is either refused with reasons, or gives a whole catalogue.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use soc2_catalog::{Catalog, CatalogProblem, Tier, standards};
use soc2_crds::ControlCatalogSpec;

/// Longest message that may go into a status.
const MAX_MESSAGE: usize = 1024;

fuzz_target!(|bytes: &[u8]| {
    let Ok(base) = Catalog::builtin() else { panic!("the built-in catalogue does not load") };
    let Ok(spec) = serde_yaml::from_slice::<ControlCatalogSpec>(bytes) else { return };
    match Catalog::extended(base, &spec, "soc2-fuzz") {
        Ok(extended) => accepted(base, &extended, &spec),
        Err(problems) => refused(&problems),
    }
});

/// Nothing dangles, the base keeps its numbers, and the same spec gives the same catalogue.
fn accepted(base: &Catalog, extended: &Catalog, spec: &ControlCatalogSpec) {
    for (old, new) in base.controls().iter().zip(extended.controls()) {
        assert_eq!(old.id, new.id);
    }
    for control in extended.controls() {
        let found = extended.control(&control.id).map(|ix| &extended.get(ix).id);
        assert_eq!(found, Some(&control.id));
    }
    let pair = |at: usize| (extended.mappings()[at].criterion, extended.mappings()[at].control);
    for at in 0..extended.mappings().len() {
        assert!(at == 0 || pair(at - 1) < pair(at));
        assert!(pair(at).0 < extended.criteria().len() && usize::from(pair(at).1.0) < extended.controls().len());
    }
    assert!(extended.activities().iter().all(|one| !one.criteria.is_empty() && one.criteria.iter().all(|at| *at < 61)));
    let again = Catalog::extended(base, spec, "soc2-fuzz");
    assert_eq!(again.as_ref().map(Catalog::digest), Ok(extended.digest()));
    assert!(!base.diff(extended).is_empty());
    assert_eq!(extended.coverage(Tier::Extended, &standards::all().collect::<BTreeSet<_>>()).len(), 61);
}

/// Each problem names its field, and fits a status.
fn refused(problems: &[CatalogProblem]) {
    assert!(!problems.is_empty());
    for CatalogProblem { field, message } in problems {
        assert!(field.starts_with("spec") || field.starts_with("metadata"), "{field}");
        assert!(!message.is_empty() && message.len() <= MAX_MESSAGE, "{message}");
    }
}
