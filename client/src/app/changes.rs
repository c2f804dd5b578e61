//! What is different between two lists of lines.

use similar::{ChangeTag, TextDiff};

/// Lines that go, with `- ` before them, and lines that come, with `+ `.
pub(super) fn between(before: &[String], after: &[String]) -> Vec<String> {
    let (before, after) = (lines(before), lines(after));
    let diff = TextDiff::from_slices(&before, &after);
    diff.iter_all_changes()
        .filter_map(|change| {
            let sign = match change.tag() {
                ChangeTag::Delete => "-",
                ChangeTag::Insert => "+",
                ChangeTag::Equal => return None,
            };
            Some(format!("{sign} {}", change.value()))
        })
        .collect()
}

fn lines(of: &[String]) -> Vec<&str> {
    of.iter().map(String::as_str).collect()
}
