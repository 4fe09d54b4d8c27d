//! Findings as GitHub Actions reads them: one workflow command a finding, shown at its line.

use mlinfra_check::{Diagnostic, Severity};

use super::layout::counted;
use super::place::Places;
use crate::problem::Problem;

/// GitHub shows so many annotations of a level for one step, and drops the others.
const SHOWN_MAX: usize = 10;

/// The commands, one a line; a notice follows where GitHub will not show all of them.
pub(crate) fn findings(places: &Places<'_>) -> String {
    let findings = &places.checked.diagnostics;
    let mut out: String = findings.iter().map(|one| command(one, places)).collect();
    for (severity, noun) in [(Severity::Error, "error"), (Severity::Warning, "warning")] {
        let count = findings.iter().filter(|one| one.severity == severity);
        let count = count.count();
        if count > SHOWN_MAX {
            let text = format!(
                "{}: GitHub shows the first {SHOWN_MAX}, all of them are in this log",
                counted(count, noun)
            );
            out += &line("notice", &[("title", "mlinfra".to_owned())], &text);
        }
    }
    out
}

/// What kept the check from happening.
pub(crate) fn problem(problem: &Problem) -> String {
    let code = problem.code.as_deref();
    let title = code.map_or_else(|| "mlinfra".to_owned(), |code| code.to_owned());
    let mut text = vec![problem.title.clone()];
    text.extend(problem.details.clone());
    text.extend(problem.help.iter().map(|help| format!("help: {help}")));
    line("error", &[("title", title)], &text.join("\n"))
}

fn command(finding: &Diagnostic, places: &Places<'_>) -> String {
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let span = finding.primary.span;
    let mut properties = Vec::new();
    if let (Some(path), Some(region)) = (places.path(span), places.region(span)) {
        properties.push(("file", path.to_owned()));
        properties.push(("line", region.start.line.to_string()));
        // Columns on two lines are refused.
        if region.start.line == region.end.line {
            properties.push(("col", region.start.column.to_string()));
            properties.push(("endLine", region.end.line.to_string()));
            properties.push(("endColumn", region.end.column.to_string()));
        } else {
            properties.push(("endLine", region.end.line.to_string()));
        }
    }
    properties.push(("title", format!("{}: {}", finding.code.0, finding.title)));
    let mut lines = vec![match places.checked.option_of(span) {
        Some(option) => format!("`{option}`: {}", finding.primary.text),
        None => finding.primary.text.clone(),
    }];
    lines.extend(finding.help.iter().map(|help| format!("help: {help}")));
    lines.extend(finding.fix.iter().map(|fix| format!("fix: {}", fix.title)));
    lines.retain(|line| !line.is_empty());
    line(level, &properties, &lines.join("\n"))
}

/// `::error file=a,line=1::text`
fn line(level: &str, properties: &[(&str, String)], text: &str) -> String {
    let properties: Vec<String> = (properties.iter())
        .map(|(name, value)| format!("{name}={}", escaped_property(value)))
        .collect();
    format!("::{level} {}::{}\n", properties.join(","), escaped(text))
}

/// What would end or bend the command's text.
fn escaped(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// What would end a property, too.
fn escaped_property(text: &str) -> String {
    escaped(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_is_escaped() {
        let made = line(
            "error",
            &[("file", "a,b:c%.mlinfra".to_owned())],
            "50%, so: two\r\nlines",
        );
        let wanted = "::error file=a%2Cb%3Ac%25.mlinfra::50%25, so: two%0D%0Alines\n";
        assert_eq!(made, wanted);
    }
}
