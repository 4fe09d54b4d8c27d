//! At most so many findings of one file are told; one more says how many were left out.

use std::collections::BTreeMap;

use mlinfra_syntax::error::ERRORS_KEPT_MAX;

use crate::code;
use crate::diagnostic::{Diagnostic, FileId, Severity};

/// How many findings of one file are told: as many as the parser tells of its errors.
pub(crate) const FINDINGS_PER_FILE_MAX: usize = mlinfra_syntax::error::ERRORS_PER_FILE_MAX;

/// The findings that are told, by place, and how many there are in all. Of a file with too many,
/// errors come before warnings, and what comes first in the text before what comes later.
pub(crate) fn told(findings: Vec<Diagnostic>) -> (Vec<Diagnostic>, usize) {
    let (findings, found) = all(findings);
    let mut by_file: BTreeMap<FileId, Vec<Diagnostic>> = BTreeMap::new();
    for finding in findings {
        let file = finding.primary.span.file;
        by_file.entry(file).or_default().push(finding);
    }
    let told = by_file.into_values().flat_map(told_of_file);
    (told.collect(), found)
}

/// All findings, by place and each once, and how many there are.
pub(crate) fn all(mut findings: Vec<Diagnostic>) -> (Vec<Diagnostic>, usize) {
    findings.sort_by_key(|finding| (finding.primary.span, finding.code));
    findings.dedup_by(|a, b| a.primary == b.primary && a.code == b.code);
    let found = findings.len();
    (findings, found)
}

/// The same for the findings of one file, which come by place.
fn told_of_file(mut findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    if findings.len() <= FINDINGS_PER_FILE_MAX {
        return findings;
    }
    // Sorting keeps the order of findings that are as bad as one another.
    findings.sort_by_key(|finding| finding.severity);
    let left_out = findings.split_off(FINDINGS_PER_FILE_MAX);
    findings.sort_by_key(|finding| (finding.primary.span, finding.code));
    findings.extend(rest(&left_out));
    findings
}

/// What is said of the findings that are left out: how many, and where the first of them is.
fn rest(left_out: &[Diagnostic]) -> Option<Diagnostic> {
    let first = left_out.first()?;
    let text = match left_out.len() {
        // The parser keeps no more than that of one file.
        count if count + FINDINGS_PER_FILE_MAX >= ERRORS_KEPT_MAX => {
            format!("{count} more findings of this file, at least, are left out")
        }
        1 => "one more finding of this file is left out".to_owned(),
        count => format!("{count} more findings of this file are left out"),
    };
    let finding = match first.severity {
        Severity::Error => Diagnostic::error(code::LIMIT, first.primary.span, text),
        Severity::Warning => Diagnostic::warning(code::LIMIT, first.primary.span, text),
    };
    let why = format!("only the first {FINDINGS_PER_FILE_MAX} of a file are told, errors first");
    Some(
        finding
            .help(why)
            .help("mend those, and check again: many have one cause"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;
    use crate::diagnostic::Span;

    fn at(file: u32, start: u32) -> Span {
        Span {
            file: FileId(file),
            start,
            end: start + 1,
        }
    }

    #[test]
    fn few_findings_are_all_told_by_place() {
        let findings = (0..100).rev().map(|place| {
            let code = Code("E0302");
            Diagnostic::warning(code, at(place % 2, place), "")
        });
        let (told, found) = told(findings.collect());
        assert_eq!(found, 100);
        assert_eq!(told.len(), 100);
        assert!(told.is_sorted_by_key(|finding| finding.primary.span));
        assert!(told.iter().all(|finding| finding.code.0 == "E0302"));
    }

    #[test]
    fn errors_come_before_warnings_and_the_rest_is_counted() {
        // A warning at every even place, an error at every odd one: 150 of each in file 0.
        let one = |place: u32| match place % 2 {
            0 => Diagnostic::warning(Code("E0320"), at(0, place), ""),
            _ => Diagnostic::error(Code("E0302"), at(0, place), ""),
        };
        let mut findings: Vec<Diagnostic> = (0..300).rev().map(one).collect();
        findings.push(Diagnostic::warning(Code("E0320"), at(1, 7), "another file"));
        let (told, found) = told(findings);
        assert_eq!(found, 301);
        assert_eq!(told.len(), 102);
        let starts = told[..100].iter().map(|finding| finding.primary.span.start);
        let odd: Vec<u32> = (0..100).map(|place| 2 * place + 1).collect();
        assert_eq!(starts.collect::<Vec<u32>>(), odd);
        let rest = &told[100];
        assert_eq!((rest.code, rest.severity), (code::LIMIT, Severity::Error));
        assert_eq!(rest.primary.span, at(0, 201));
        assert_eq!(
            rest.primary.text,
            "200 more findings of this file are left out"
        );
        assert_eq!(told[101].primary.text, "another file");
    }

    #[test]
    fn warnings_that_are_left_out_stop_nothing() {
        let one = |place: u32| Diagnostic::warning(Code("E0320"), at(0, place), "");
        let (told, _) = told((0..101).map(one).collect());
        assert_eq!(told.len(), 101);
        assert_eq!(told[100].severity, Severity::Warning);
        assert_eq!(
            told[100].primary.text,
            "one more finding of this file is left out"
        );
    }
}
