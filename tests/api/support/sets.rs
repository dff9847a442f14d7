//! Comparison of sets, with failures that show only the difference.

use std::collections::BTreeSet;

/// Asserts that two sets are equal. A failure shows what only one of them has.
pub fn assert_same_set(what: &str, found: &BTreeSet<String>, expected: &BTreeSet<String>) {
    let only_found: Vec<_> = found.difference(expected).collect();
    let only_expected: Vec<_> = expected.difference(found).collect();
    assert!(
        only_found.is_empty() && only_expected.is_empty(),
        "{what} differ: only the first have {only_found:?}, only the second have {only_expected:?}"
    );
}
