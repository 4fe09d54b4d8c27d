//! The words of the standard library: each kind, field, case and operation that the examples use.

use crate::world::{Memory, findings};
use mlinfra_check::{Checked, Severity, check};

const ASSISTANT: &str = include_str!("../../../../examples/assistant/assistant.mlinfra");
const CLAIMS: &str = include_str!("../../../../examples/claims/claims.mlinfra");
const SERVING: &str = include_str!("../../../../examples/claims/components/serving.mlinfra");
const PRETRAIN: &str = include_str!("../../../../examples/pretrain/pretrain.mlinfra");

fn checked(files: &[(&str, &str)], parameters: &[(&str, &str)]) -> Checked {
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), text.as_bytes().to_vec());
    let given = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let world = Memory {
        files: files.iter().map(owned).collect(),
        parameters: parameters.iter().map(given).collect(),
        ..Memory::default()
    };
    check(&world, files[0].0)
}

fn errors(checked: &Checked) -> Vec<String> {
    let shown = findings(checked);
    let errors = shown.into_iter().zip(&checked.diagnostics);
    errors
        .filter(|(_, finding)| finding.severity == Severity::Error)
        .map(|(shown, _)| shown)
        .collect()
}

#[test]
fn every_example_checks_without_an_error() {
    for (place, files) in [
        ("assistant", vec![("assistant.mlinfra", ASSISTANT)]),
        (
            "claims",
            vec![
                ("claims.mlinfra", CLAIMS),
                ("components/serving.mlinfra", SERVING),
            ],
        ),
        ("pretrain", vec![("pretrain.mlinfra", PRETRAIN)]),
    ] {
        let checked = checked(&files, &[]);
        assert_eq!(errors(&checked), Vec::<String>::new(), "{place}");
    }
}
