//! Every manifest in tests/invalid is rejected with the message that its first line asks for.

mod support;

#[test]
fn every_invalid_manifest_is_rejected_with_its_message() {
    let files = support::files(&support::folder("crds/tests/invalid"), "yaml");
    assert!(files.len() >= 25, "{} manifests", files.len());
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = text.lines().next().and_then(|line| line.strip_prefix("# expect: ")).expect("an expectation");
        assert!(expected.len() > 10, "{}: says nothing", path.display());
        let documents = support::documents(&text);
        assert_eq!(documents.len(), 1, "{}", path.display());
        let errors = support::errors(&documents[0], None);
        assert!(errors.contains(expected), "{}\nexpected: {expected}\ngot: {errors}", path.display());
        assert_eq!(errors.lines().count(), 1, "{}: one mistake each\n{errors}", path.display());
    }
}
