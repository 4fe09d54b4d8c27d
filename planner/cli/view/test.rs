//! What the tests of a spec came to: for people, for scripts, and as JUnit's XML.

use mlinfra_api::Verdict;
use mlinfra_check::Span;
use mlinfra_plan::JudgedGate;
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
    let is_failure = |test: &&Tested| !test.passed() && test.code() == "E0947";
    let failures = tested.iter().filter(is_failure).count();
    let failed = tested.iter().filter(|test| !test.passed()).count();
    let counts = format!(
        "tests=\"{}\" failures=\"{failures}\" errors=\"{}\"",
        tested.len(),
        failed - failures
    );
    let root = escaped(root);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    out += &format!("<testsuites name=\"mlinfra\" {counts}>\n");
    out += &format!("  <testsuite name=\"{root}\" {counts}>\n");
    for test in tested {
        let name = escaped(&test.name);
        out += &format!("    <testcase name=\"{name}\" classname=\"{root}\"");
        if test.passed() {
            out += "/>\n";
            continue;
        }
        let word = if is_failure(&test) {
            "failure"
        } else {
            "error"
        };
        let lines = fault_lines(test);
        let first = lines.first().map_or("", String::as_str);
        out += &format!(
            ">\n      <{word} type=\"{}\" message=\"{}\">{}</{word}>\n    </testcase>\n",
            test.code(),
            escaped(first),
            escaped(&lines.join("\n"))
        );
    }
    out + "  </testsuite>\n</testsuites>\n"
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

/// A text inside XML. What XML has no form for is shown as a replacement.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\n' => out += "&#10;",
            '\t' => out += "&#9;",
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            letter if letter.is_control() => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
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
        assert!(
            xml.contains("name=\"a &lt; b &amp; &quot;c&quot;\u{fffd}\""),
            "{xml}"
        );
        assert!(
            xml.contains("tests=\"3\" failures=\"1\" errors=\"1\""),
            "{xml}"
        );
        assert!(xml.contains("<failure type=\"E0947\" message=\"a.mlinfra:2:1: 1 &lt; 0:"));
        assert!(xml.contains("<error type=\"E0948\""), "{xml}");
        assert_eq!(xml.matches("<testcase").count(), 3);
    }
}
