//! What the tests of a spec came to: for people, for scripts, and as JUnit's XML.

use mlinfra_api::Verdict;
use mlinfra_check::Span;
use mlinfra_plan::JudgedGate;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde_json::json;

use super::Screen;
use super::diagnostic::{self, Finding, Sources};
use super::json::{self as as_json_of, line_and_column};
use super::layout::{counted, wrapped};
use super::theme::Ink;

/// One test and what it came to.
pub(crate) struct Tested {
    /// As it is written.
    pub(crate) name: String,
    /// The files that places are in.
    pub(crate) sources: Sources,
    /// What it asks for, judged. Empty if the spec is wrong with its parameters.
    pub(crate) conditions: Vec<Condition>,
    /// Why the spec can't be planned with its parameters.
    pub(crate) findings: Vec<Finding>,
}

/// One condition of a test.
pub(crate) struct Condition {
    /// How it stands.
    pub(crate) judged: JudgedGate,
    /// Where it is written.
    pub(crate) span: Span,
    /// What would have to be known to judge it.
    pub(crate) unknown: Vec<String>,
}

impl Tested {
    /// Whether all of it holds. What can't be judged does not.
    pub(crate) fn passed(&self) -> bool {
        let holds = |condition: &Condition| condition.judged.verdict == Verdict::Holds;
        self.findings.is_empty() && self.conditions.iter().all(holds)
    }

    /// The code of its fault: it does not hold, or it can't be judged.
    fn code(&self) -> &'static str {
        let fails = |condition: &Condition| condition.judged.verdict == Verdict::Fails;
        match self.conditions.iter().any(fails) && self.findings.is_empty() {
            true => "E0947",
            false => "E0948",
        }
    }

    fn faults(&self) -> impl Iterator<Item = &Condition> {
        let holds = |condition: &&Condition| condition.judged.verdict != Verdict::Holds;
        self.conditions.iter().filter(holds)
    }

    /// `credit.mlinfra:142:11`
    fn place(&self, span: Span) -> String {
        let (name, line, column) = self.position(span);
        format!("{name}:{line}:{column}")
    }

    fn position(&self, span: Span) -> (&str, usize, usize) {
        let file = self.sources.files.get(span.file.0 as usize);
        let (name, text) = file.map_or(("", ""), |(name, text)| (name, text));
        let (line, column) = line_and_column(text, span.start as usize);
        (name, line, column)
    }
}

impl Condition {
    /// What it came to: the figures and what was required, or what is not known.
    fn said(&self) -> Vec<String> {
        let judged = &self.judged;
        let mut asks = false;
        judged.condition.for_each_figure(&mut |_| asks = true);
        let mut lines = vec![match (judged.verdict, asks) {
            (Verdict::Open, _) => "can't be judged: a price is not known".to_owned(),
            (_, true) => judged.sentence(),
            (_, false) => "is not so".to_owned(),
        }];
        if let (false, Some(message)) = (asks, &judged.message) {
            lines.push(message.clone());
        }
        lines.extend(self.unknown.iter().cloned());
        lines
    }
}

/// A line for each test, what is at fault under it, and a summary.
pub(crate) fn text(tested: &[Tested], root: &str, screen: &Screen) -> String {
    if tested.is_empty() {
        return format!("{root}: no tests\n");
    }
    let mut out = String::new();
    for test in tested {
        let (sign, ink) = match test.passed() {
            true => ("✔", Ink::Good),
            false => ("✖", Ink::Bad),
        };
        let sign = screen.theme.paint(ink, screen.sign(sign));
        out += &wrapped(&test.name, screen.width, &format!("{sign} "), "  ");
        for condition in test.faults() {
            let place = test.place(condition.span);
            let text = format!("{place}   {}", condition.judged.text);
            out += &wrapped(&text, screen.width, "    ", "      ");
            for line in condition.said() {
                out += &wrapped(&line, screen.width, "      ", "        ");
            }
        }
        if !test.findings.is_empty() {
            out += "    with its parameters the spec can't be planned:\n\n";
            out += &diagnostic::findings(&test.findings, &test.sources, screen);
        }
    }
    let failed = tested.iter().filter(|test| !test.passed()).count();
    let passed = tested.len() - failed;
    out += &format!(
        "\n{}: {passed} passed, {failed} failed\n",
        counted(tested.len(), "test")
    );
    let first = tested.iter().find(|test| !test.passed());
    if let Some(first) = first {
        let program = super::ending::program();
        out += &format!("\n  {program} explain {}\n", first.code());
    }
    out
}

/// The result for scripts.
pub(crate) fn json(tested: &[Tested]) -> serde_json::Value {
    let one = |test: &Tested| {
        let condition = |condition: &Condition| {
            let (file, line, column) = test.position(condition.span);
            let mut out = as_json_of::gate(&condition.judged);
            if let Some(entries) = out.as_object_mut() {
                entries.remove("step");
            }
            out["file"] = json!(file);
            out["line"] = json!(line);
            out["column"] = json!(column);
            out["unknown"] = json!(condition.unknown);
            out
        };
        let finding = |finding: &Finding| {
            let first = finding.labels.first();
            json!({
                "code": finding.code,
                "title": finding.title,
                "place": first.map(|label| test.place(label.span)),
                "message": first.map(|label| &label.text).or(finding.message.as_ref()),
                "help": finding.help,
            })
        };
        json!({
            "name": test.name,
            "passed": test.passed(),
            "code": (!test.passed()).then(|| test.code()),
            "conditions": test.conditions.iter().map(condition).collect::<Vec<_>>(),
            "findings": test.findings.iter().map(finding).collect::<Vec<_>>(),
        })
    };
    let failed = tested.iter().filter(|test| !test.passed()).count();
    let body = json!({
        "tests": tested.iter().map(one).collect::<Vec<_>>(),
        "passed": tested.len() - failed,
        "failed": failed,
    });
    as_json_of::envelope("test", body)
}

/// JUnit's XML. What does not hold is a failure, what can't be judged an error.
pub(crate) fn junit(tested: &[Tested], root: &str) -> String {
    let mut suite = TestSuite::new(root);
    for test in tested {
        let mut case = TestCase::new(test.name.as_str(), status(test));
        case.set_classname(root);
        suite.add_test_case(case);
    }
    let mut report = Report::new("mlinfra");
    report.add_test_suite(suite);
    let written = report.to_string();
    written.expect("a report is written to memory, and what XML has no form for is left out")
}

fn status(test: &Tested) -> TestCaseStatus {
    if test.passed() {
        return TestCaseStatus::success();
    }
    let kind = match test.code() {
        "E0947" => NonSuccessKind::Failure,
        _ => NonSuccessKind::Error,
    };
    let lines = fault_lines(test);
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(test.code());
    if let Some(first) = lines.first() {
        status.set_message(first.as_str());
    }
    status.set_description(lines.join("\n"));
    status
}

/// All that is at fault with a test, a line each.
fn fault_lines(test: &Tested) -> Vec<String> {
    let condition = |condition: &Condition| {
        let place = test.place(condition.span);
        let said = condition.said().join("; ");
        format!("{place}: {}: {said}", condition.judged.text)
    };
    let finding = |finding: &Finding| {
        let place = finding.labels.first().map(|label| test.place(label.span));
        let place = place.map_or(String::new(), |place| format!("{place}: "));
        let message = finding.labels.first().map(|label| &label.text);
        let message = message.or(finding.message.as_ref());
        let message = message.map_or(String::new(), |message| format!(": {message}"));
        format!("{place}{}: {}{message}", finding.code, finding.title)
    };
    let findings = test.findings.iter().map(finding);
    findings.chain(test.faults().map(condition)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mlinfra_api::{Address, Condition as Wanted, Value};
    use mlinfra_check::FileId;

    use super::*;

    fn tested(name: &str, verdict: Verdict) -> Tested {
        let span = Span {
            file: FileId(0),
            start: 4,
            end: 5,
        };
        Tested {
            name: name.to_owned(),
            sources: Sources {
                files: vec![("a.mlinfra".into(), "one\ntwo\n".into())],
            },
            conditions: vec![Condition {
                judged: JudgedGate {
                    step: Address::new("test", "t"),
                    condition: Wanted::Value(Value::Bool(verdict == Verdict::Holds)),
                    text: "1 < 0".into(),
                    message: None,
                    verdict,
                    figures: BTreeMap::new(),
                },
                span,
                unknown: Vec::new(),
            }],
            findings: Vec::new(),
        }
    }

    #[test]
    fn xml_holds_whatever_a_test_is_called() {
        let all = [
            tested("a < b & \"c\"\u{1}", Verdict::Fails),
            tested("open", Verdict::Open),
            tested("fine", Verdict::Holds),
        ];
        let xml = junit(&all, "a.mlinfra");
        let read = Report::deserialize_from_str(&xml).expect("it is JUnit's XML");
        let suite = &read.test_suites[0];
        assert_eq!(
            (suite.tests, suite.failures, suite.errors),
            (3, 1, 1),
            "{xml}"
        );
        let names = suite.test_cases.iter().map(|case| case.name.as_str());
        let names: Vec<&str> = names.collect();
        assert_eq!(names, ["a < b & \"c\"", "open", "fine"]);
        let TestCaseStatus::NonSuccess {
            kind, message, ty, ..
        } = &suite.test_cases[0].status
        else {
            panic!("it failed: {xml}");
        };
        assert_eq!(*kind, NonSuccessKind::Failure);
        assert_eq!(ty.as_ref().map(|text| text.as_str()), Some("E0947"));
        let message = message.as_ref().map_or("", |text| text.as_str());
        assert!(message.starts_with("a.mlinfra:2:1: 1 < 0:"), "{message}");
        let open = &suite.test_cases[1].status;
        let is_error = |status: &TestCaseStatus| match status {
            TestCaseStatus::NonSuccess { kind, ty, .. } => {
                let code = ty.as_ref().map(|text| text.as_str());
                *kind == NonSuccessKind::Error && code == Some("E0948")
            }
            _ => false,
        };
        assert!(is_error(open), "{xml}");
        assert_eq!(junit(&all, "a.mlinfra"), xml);
    }
}
