//! Conditions that no figure decides: those that hold, or fail, whatever comes.

use mlinfra_check::Severity;

use crate::gates::full_with;
use crate::world::{check_text, codes_at, findings};

#[test]
fn a_condition_that_always_or_never_holds_is_noticed() {
    for (condition, code, severity) in [
        ("auc >= 0.70 or auc < 0.70", "E0428", Severity::Warning),
        ("auc == auc", "E0428", Severity::Warning),
        ("not (auc < 0.5 and auc > 0.7)", "E0428", Severity::Warning),
        ("auc in 0.0..1.0", "E0428", Severity::Warning),
        ("auc != auc", "E0223", Severity::Error),
        ("auc > 0.8 and auc < 0.7", "E0223", Severity::Error),
        ("rows >= 0", "E0340", Severity::Error),
        ("positives > -1", "E0340", Severity::Error),
    ] {
        let changed = format!("require {condition}");
        let checked = check_text(&full_with(&[("require auc >= 0.70", &changed)]));
        let found: Vec<_> = checked
            .diagnostics
            .iter()
            .map(|f| (f.code.0, f.severity))
            .collect();
        assert_eq!(found, [(code, severity)], "{condition}");
    }
    for condition in [
        "auc >= 0.7 or auc < 0.6",
        "auc in 0.7..1.0",
        "rows > 0",
        "auc >= 0.7 or recall < 0.7",
        "auc - auc_low < 0.1",
    ] {
        let changed = format!("require {condition}");
        let checked = check_text(&full_with(&[("require auc >= 0.70", &changed)]));
        assert_eq!(findings(&checked), Vec::<String>::new(), "{condition}");
    }
    let alert = (
        "latency(99%) > 50 ms",
        "latency(99%) > 50 ms or latency(99%) <= 50 ms",
    );
    let checked = check_text(&full_with(&[alert]));
    assert_eq!(codes_at(&checked)[0].0, "E0428");
}
