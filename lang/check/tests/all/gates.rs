//! Conditions that are judged later: gates, alerts, tests, and what figures are asked for.

use mlinfra_api::{Condition, Value, Verdict};
use mlinfra_check::{Checked, CheckedTest, check_test};

use crate::world::{Memory, check_text, codes_at, findings};

/// The whole credit example: gates, fairness, a budget, a monitor and a test.
const FULL: &str = include_str!("../specs/credit.mlinfra");

fn full_with(changes: &[(&str, &str)]) -> String {
    let mut text = FULL.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    text
}

#[test]
fn the_whole_example_has_no_finding() {
    assert_eq!(findings(&check_text(FULL)), Vec::<String>::new());
}
