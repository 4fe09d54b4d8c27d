//! Findings with their text: the only place that knows miette.

use std::fmt;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, ThemeCharacters};
use miette::{SourceCode, SourceSpan, ThemeStyles};
use mlinfra_check::{Diagnostic, Label, Program, Severity, Span};
use mlinfra_plan::PlanFinding;

use super::Screen;
use super::ending;
use super::json::line_and_column;
use super::layout::{counted, wrapped};
use super::theme::{Ink, Theme};

/// The files of a program as they are shown: name and text, by their number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    /// Name as the user would open it, and text.
    pub(crate) files: Vec<(String, String)>,
}

/// A finding, from whichever part it comes.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// Its code.
    pub(crate) code: String,
    /// Whether it is an error; a warning otherwise.
    pub(crate) error: bool,
    /// What is wrong.
    pub(crate) title: String,
    /// Where, most important first; empty if it has no place.
    pub(crate) labels: Vec<Label>,
    /// More, where there is no place to say it at.
    pub(crate) message: Option<String>,
    /// What to do.
    pub(crate) help: Vec<String>,
    /// What a fix would do.
    pub(crate) fix: Option<String>,
}

impl From<&Diagnostic> for Finding {
    fn from(diagnostic: &Diagnostic) -> Self {
        let primary = std::iter::once(&diagnostic.primary);
        Finding {
            code: diagnostic.code.0.to_owned(),
            error: diagnostic.severity == Severity::Error,
            title: diagnostic.title.clone(),
            labels: primary.chain(&diagnostic.others).cloned().collect(),
            message: None,
            help: diagnostic.help.clone(),
            fix: diagnostic.fix.as_ref().map(|fix| fix.title.clone()),
        }
    }
}

impl Finding {
    /// A finding of planning, at the text that it is about.
    pub(crate) fn of_plan(finding: &PlanFinding, program: &Program) -> Self {
        let span = place_of(finding, program);
        let label = |span: Span| Label {
            span,
            text: finding.message.clone(),
        };
        Finding {
            code: finding.code.clone(),
            error: finding.error,
            title: finding.title.clone(),
            labels: span.map(label).into_iter().collect(),
            message: span.is_none().then(|| finding.message.clone()),
            help: finding.help.clone(),
            fix: None,
        }
    }
}

fn place_of(finding: &PlanFinding, program: &Program) -> Option<Span> {
    let block = program.block(finding.address.as_ref()?)?;
    let Some(name) = finding.field.as_deref() else {
        return Some(block.name_span);
    };
    let field = block.fields.get(name).map(|field| field.span);
    let step = block
        .step
        .as_ref()
        .and_then(|step| step.spans.get(name).copied());
    let wish = block.wishes.iter().find(|(wish, _)| wish.field == name);
    let wish = wish.map(|(_, span)| *span);
    // A gate is found by its text.
    let gates = block.step.as_ref().map(|step| step.gates.iter());
    let gate = gates.and_then(|mut gates| gates.find(|gate| gate.text == name));
    let gate = gate.map(|gate| gate.span);
    let own = (program.flow.iter()).find(|flow| flow.table.address == block.address);
    let columns = own.filter(|flow| flow.from.is_none());
    let column = columns.and_then(|flow| flow.columns.iter().find(|one| one.name == name));
    let column = column.map(|column| column.span);
    let found = field.or(step).or(wish).or(gate).or(column);
    found.or(Some(block.name_span))
}

/// Findings as text for people.
pub(crate) fn findings(findings: &[Finding], sources: &Sources, screen: &Screen) -> String {
    let theme = screen.theme;
    let mut out = String::new();
    for finding in findings {
        out += &one(finding, sources, screen, theme);
        out.push('\n');
    }
    out
}

/// `2 errors in credit.mlinfra      explain: mlinfra explain E0512`
pub(crate) fn summary(findings: &[Finding], name: &str, screen: &Screen) -> String {
    let errors = findings.iter().filter(|finding| finding.error).count();
    let warnings = findings.len() - errors;
    let mut parts = Vec::new();
    if errors > 0 {
        parts.push(counted(errors, "error"));
    }
    if warnings > 0 {
        parts.push(counted(warnings, "warning"));
    }
    let Some(last) = findings
        .iter()
        .rfind(|finding| finding.error)
        .or(findings.last())
    else {
        return format!("{name}: no findings\n");
    };
    let head = format!("{} in {name}", parts.join(", "));
    let tail = format!("explain: {} explain {}", ending::program(), last.code);
    if head.chars().count() + 6 + tail.chars().count() <= screen.width {
        format!("{head}      {tail}\n")
    } else {
        format!("{head}\n{tail}\n")
    }
}

fn one(finding: &Finding, sources: &Sources, screen: &Screen, theme: Theme) -> String {
    let (word, ink) = match finding.error {
        true => ("error", Ink::Bad),
        false => ("warning", Ink::Warn),
    };
    let word = format!("{word}[{}]", finding.code);
    let head = wrapped(
        &format!("{word}: {}", finding.title),
        screen.width,
        "",
        "  ",
    );
    let mut out = head.replacen(&word, &theme.paint(ink, &word), 1);
    let mut files: Vec<usize> = Vec::new();
    for label in &finding.labels {
        let file = label.span.file.0 as usize;
        if !files.contains(&file) {
            files.push(file);
        }
    }
    for file in files {
        if let Some((name, text)) = sources.files.get(file) {
            let labels = labels_in(finding, file);
            out += &snippet(&Snippet { name, text, labels }, screen, theme);
        }
    }
    if let Some(message) = &finding.message {
        out += &wrapped(message, screen.width, "  ", "  ");
    }
    for help in &finding.help {
        out += &wrapped(help, screen.width, "  = help: ", "          ");
    }
    if let Some(fix) = &finding.fix {
        out += &wrapped(fix, screen.width, "  = fix:  ", "          ");
    }
    out
}

fn labels_in(finding: &Finding, file: usize) -> Vec<LabeledSpan> {
    let mut labels = Vec::new();
    for (index, label) in finding.labels.iter().enumerate() {
        if label.span.file.0 as usize != file {
            continue;
        }
        let text = Some(label.text.clone()).filter(|text| !text.is_empty());
        let length = label.span.end.saturating_sub(label.span.start) as usize;
        let span = SourceSpan::new((label.span.start as usize).into(), length);
        labels.push(match index {
            0 => LabeledSpan::new_primary_with_span(text, span),
            _ => LabeledSpan::new_with_span(text, span),
        });
    }
    labels
}

/// What miette is given: one file and the labels in it.
struct Snippet<'a> {
    name: &'a str,
    text: &'a str,
    labels: Vec<LabeledSpan>,
}

/// miette's text for the file and its labels, without its own headline.
fn snippet(snippet: &Snippet<'_>, screen: &Screen, theme: Theme) -> String {
    let characters = match screen.unicode {
        true => ThemeCharacters::unicode(),
        false => ThemeCharacters::ascii(),
    };
    let styles = match theme.has_colour() {
        true => ThemeStyles::ansi(),
        false => ThemeStyles::none(),
    };
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme { characters, styles })
        .with_width(screen.width)
        .with_links(false)
        .with_context_lines(1)
        .without_syntax_highlighting()
        .without_cause_chain();
    let (source, labels) = shortened(snippet.text, &snippet.labels);
    let report = Report {
        source: NamedSource::new(snippet.name, source),
        labels,
    };
    let mut text = String::new();
    if handler.render_report(&mut text, &report).is_err() {
        return format!("  {}\n", snippet.name);
    }
    let body = text
        .lines()
        .skip(1)
        .map(|line| format!("{}\n", line.trim_end()));
    let body: String = body.collect();
    placed(&body, snippet)
}

/// No line of a spec is shown longer; of one that is, what is around its label.
const LINE_BYTES_MAX: usize = 400;
/// So much of it stands before the label.
const BEFORE_BYTES: usize = 120;

/// The text with every very long line cut, and the labels where they are in that, each as far as
/// its first line goes.
fn shortened(text: &str, labels: &[LabeledSpan]) -> (String, Vec<LabeledSpan>) {
    if !has_long_lines(text) {
        return (text.to_owned(), labels.to_vec());
    }
    let mut out = String::new();
    let mut moved = labels.to_vec();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        // Behind the last line is a place, too.
        let is_here = |at: usize| (start..end).contains(&at) || at == end && end == text.len();
        let first = labels.iter().map(LabeledSpan::offset);
        let first = first.filter(|at| is_here(*at)).min();
        let mut cut = 0..line.len();
        if line.len() > LINE_BYTES_MAX {
            let label = first.map_or(0, |at| at - start);
            cut.start = line.floor_char_boundary(label.saturating_sub(BEFORE_BYTES));
            cut.end = line.floor_char_boundary((cut.start + LINE_BYTES_MAX).min(line.len()));
        }
        let into = |at: usize| at.saturating_sub(start).clamp(cut.start, cut.end) - cut.start;
        for (label, before) in moved.iter_mut().zip(labels) {
            let (from, to) = (before.offset(), before.offset() + before.len());
            if !is_here(from) {
                continue;
            }
            let span = SourceSpan::new((out.len() + into(from)).into(), into(to) - into(from));
            let text = before.label().map(str::to_owned);
            *label = match before.primary() {
                true => LabeledSpan::new_primary_with_span(text, span),
                false => LabeledSpan::new_with_span(text, span),
            };
        }
        out += &line[cut.clone()];
        if cut.end < line.len() && line.ends_with('\n') {
            out.push('\n');
        }
        start = end;
    }
    (out, moved)
}

fn has_long_lines(text: &str) -> bool {
    text.lines().any(|line| line.len() > LINE_BYTES_MAX)
}

/// The head of a snippet with the column that the label has in the whole line.
fn placed(body: &str, snippet: &Snippet<'_>) -> String {
    let is_cut = has_long_lines(snippet.text);
    let primary = snippet.labels.iter().find(|label| label.primary());
    let Some(label) = primary.or(snippet.labels.first()).filter(|_| is_cut) else {
        return body.to_owned();
    };
    let (line, column) = line_and_column(snippet.text, label.offset());
    let head = format!("{}:{line}:", snippet.name);
    let Some((before, rest)) = body.split_once(&head) else {
        return body.to_owned();
    };
    let rest = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
    format!("{before}{head}{column}{rest}")
}

#[derive(Debug)]
struct Report {
    source: NamedSource<String>,
    labels: Vec<LabeledSpan>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("finding")
    }
}

impl std::error::Error for Report {}

impl miette::Diagnostic for Report {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_very_long_line_only_what_is_around_the_label_is_shown() {
        let line = format!("let a = {}oops{}\n", "x".repeat(5_000), "y".repeat(5_000));
        let text = format!("// first\n{line}// last {}\n", "z".repeat(2_000));
        let at = text.find("oops").expect("it is in it");
        let label = LabeledSpan::new_primary_with_span(Some("here".into()), (at, 4));
        let (short, moved) = shortened(&text, std::slice::from_ref(&label));
        assert!(short.len() < 1_000, "{}", short.len());
        assert_eq!(short.lines().count(), 3);
        let shown = &short[moved[0].offset()..][..moved[0].len()];
        assert_eq!(shown, "oops");
        assert_eq!(moved[0].label(), Some("here"));
        // A label of a later line is where it was, and short lines stay as they are.
        let plain = "let a = 1\nlet b = oops\n";
        let at = plain.find("oops").expect("it is in it");
        let label = LabeledSpan::new_with_span(None, (at, 4));
        let (same, moved) = shortened(plain, std::slice::from_ref(&label));
        assert_eq!((same.as_str(), moved[0].offset()), (plain, at));
        let end = LabeledSpan::new_with_span(None, (plain.len(), 0));
        let (_, moved) = shortened(plain, std::slice::from_ref(&end));
        assert_eq!(moved[0].offset(), plain.len());
    }
}
