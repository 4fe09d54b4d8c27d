//! Findings with their text: the only place that knows miette.

use std::fmt;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, ThemeCharacters};
use miette::{SourceCode, SourceSpan, ThemeStyles};
use mlinfra_check::{Diagnostic, Label, Program, Severity, Span};
use mlinfra_plan::PlanFinding;

use super::Screen;
use super::ending;
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
    let report = Report {
        source: NamedSource::new(snippet.name, snippet.text.to_owned()),
        labels: snippet.labels.clone(),
    };
    let mut text = String::new();
    if handler.render_report(&mut text, &report).is_err() {
        return format!("  {}\n", snippet.name);
    }
    let body = text
        .lines()
        .skip(1)
        .map(|line| format!("{}\n", line.trim_end()));
    body.collect()
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
