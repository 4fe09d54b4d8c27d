//! The type and the value of one expression, in the scope of a spec's root file.

use mlinfra_api::{TableType, Value};

use crate::check::{Checker, Env};
use crate::code;
use crate::diagnostic::{Diagnostic, Edit, FileId, Label, Severity, Span};
use crate::lower::{self, Lowered};
use crate::schema::Library;
use crate::scope::{Place, Scope, ScopeId};
use crate::source::SourceFile;
use crate::tree::{Expr, Node};
use crate::types::Type;
use crate::world::World;

/// What stands before the expression while it is read: an entry of a file.
const BEFORE: &str = "it = ";
/// How many columns of a table are listed in its type.
const COLUMNS_LISTED_MAX: usize = 100;

/// What is asked of a spec.
#[derive(Clone, Copy, Debug, Default)]
pub struct Question<'q> {
    /// Entries that hold for this question alone: `let half = 0.5`, one a line.
    pub definitions: &'q str,
    /// The expression.
    pub expression: &'q str,
}

/// What an expression amounts to.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Its type as a user would write it, and the columns of a table; none if it is in error.
    pub type_text: Option<String>,
    /// Its value; a reference to what only apply will know is kept as one.
    pub value: Option<Value>,
    /// Whether its value is secret.
    pub secret: bool,
    /// What is wrong with the expression and the definitions, not with the spec.
    pub findings: Vec<Diagnostic>,
    /// How many errors the spec has of its own.
    pub spec_errors: usize,
    /// The texts that findings point into, by [`FileId`].
    pub files: Vec<SourceFile>,
}

/// A question that is read, beside the files of the spec.
pub(crate) struct Asked {
    definitions: Lowered,
    expression: Lowered,
    /// The definitions' file; the expression's is the next.
    file: FileId,
    /// Where the definitions are, once they are collected.
    scope: ScopeId,
}

/// Evaluates an expression as if it stood in the root file of the spec.
pub fn evaluate(world: &dyn World, root: &str, question: &Question<'_>) -> Answer {
    let asking = crate::Asking {
        question: Some(question),
        ..crate::Asking::default()
    };
    crate::run(world, root, asking).answer
}

/// The names that an expression may begin with, sorted: those of the root file, what stands inside
/// its blocks, functions and constants.
pub fn names(world: &dyn World, root: &str) -> Vec<String> {
    let checked = crate::check(world, root);
    let mut all: Vec<String> = Library::standard().functions.keys().cloned().collect();
    for block in &checked.program.blocks {
        // What a loop makes is named with its key: the name alone is among those of the file.
        let segments = || block.address.parents.iter().chain([&block.address.leaf]);
        if segments().any(|segment| segment.key.is_some()) {
            continue;
        }
        let path: Vec<&str> = segments().map(|segment| segment.name.as_str()).collect();
        let path = path.join(".");
        let fields = block.fields.keys().chain(block.computed.iter());
        all.extend(fields.map(|field| format!("{path}.{field}")));
        let columns = block.table.iter().flat_map(|table| &table.columns);
        all.extend(columns.map(|column| format!("{path}.{}", column.name)));
        all.push(path);
    }
    for file in checked.files.iter().take(1) {
        let items = lower::lower(&file.text, FileId(0)).items;
        let declared = items.into_iter().filter_map(|item| match item.node {
            Node::Block(block) => block.name.map(|name| name.text),
            _ => None,
        });
        all.extend(declared);
    }
    all.sort();
    all.dedup();
    all
}

impl Asked {
    /// Reads a question; its texts are put behind those of the spec.
    pub(crate) fn read(question: &Question<'_>, files: &mut Vec<SourceFile>) -> Self {
        let file = |files: &[SourceFile]| FileId(u32::try_from(files.len()).unwrap_or(u32::MAX));
        let first = file(files);
        let definitions = lower::lower(question.definitions, first);
        files.push(SourceFile {
            name: "definitions".to_owned(),
            text: question.definitions.to_owned(),
        });
        let text = format!("{BEFORE}{}", question.expression);
        let expression = lower::lower(&text, file(files));
        files.push(SourceFile {
            name: "expression".to_owned(),
            text,
        });
        Asked {
            definitions,
            expression,
            file: first,
            scope: 0,
        }
    }

    fn is_own(&self, file: FileId) -> bool {
        file.0 == self.file.0 || file.0 == self.file.0 + 1
    }

    /// The expression, if the text is one and nothing else.
    fn expression(&self) -> Result<&Expr, Box<Diagnostic>> {
        let [first, rest @ ..] = self.expression.items.as_slice() else {
            return Err(Box::new(self.not_one(Span {
                file: FileId(self.file.0 + 1),
                start: 0,
                end: 0,
            })));
        };
        if let Some(more) = rest.first() {
            return Err(Box::new(self.not_one(more.span)));
        }
        match &first.node {
            Node::Field { value, .. } => Ok(value),
            _ => Err(Box::new(self.not_one(first.span))),
        }
    }

    fn not_one(&self, span: Span) -> Diagnostic {
        Diagnostic::error(code::ENTRY_OUT_OF_PLACE, span, "this is no part of it")
            .help("one expression is evaluated at a time")
            .help("ask for each alone, or put several into a list: `[a, b]`")
    }
}

impl<'t> Checker<'t> {
    /// Collects what the question defines, as names inside the root file's.
    pub(crate) fn collect_question(&mut self, asked: &'t mut Asked) -> &'t Asked {
        self.scopes.push(Scope {
            parent: Some(0),
            ..Scope::default()
        });
        asked.scope = self.scopes.len() - 1;
        let asked: &'t Asked = asked;
        let place = Place {
            file: 0,
            scope: asked.scope,
            parent: None,
            instance: None,
            file_broken: !asked.definitions.findings.is_empty(),
        };
        self.collect(&asked.definitions.items, &place);
        asked
    }

    /// Answers the question, once everything else is checked. What is found of it is taken out of
    /// what is found of the spec.
    pub(crate) fn answer_question(&mut self, asked: &Asked) -> Answer {
        let mut answer = Answer::default();
        let syntax = asked.definitions.findings.iter();
        let syntax = syntax.chain(&asked.expression.findings).cloned();
        answer.findings.extend(syntax);
        if answer.findings.is_empty() {
            match asked.expression() {
                Ok(expression) => self.answer_expression(asked, expression, &mut answer),
                Err(finding) => answer.findings.push(*finding),
            }
        }
        let all = std::mem::take(&mut self.findings);
        let (own, of_spec): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|finding| asked.is_own(finding.primary.span.file));
        self.findings = of_spec;
        answer.findings.extend(own);
        let is_error = |finding: &&Diagnostic| finding.severity == Severity::Error;
        answer.spec_errors = self.findings.iter().filter(is_error).count();
        if answer.findings.iter().any(|finding| is_error(&finding)) {
            answer.type_text = None;
            answer.value = None;
        }
        (answer.findings, _) = crate::cap::told(std::mem::take(&mut answer.findings));
        let file = FileId(asked.file.0 + 1);
        for finding in &mut answer.findings {
            move_back(finding, file);
        }
        answer
    }

    fn answer_expression(&mut self, asked: &Asked, expression: &Expr, answer: &mut Answer) {
        for item in &asked.expression.items {
            self.refuse_attributes(item);
        }
        let term = self.eval(expression, &Type::Any, Env::of(asked.scope));
        if term.term_type.is_error() {
            return;
        }
        answer.secret = term.term_type.is_secret();
        answer.type_text = Some(written(&term.term_type));
        answer.value = Some(term.value);
    }
}

/// Moves what a finding says of the expression to where the user wrote it.
fn move_back(finding: &mut Diagnostic, file: FileId) {
    let moved = |span: &mut Span| {
        if span.file == file {
            let before = u32::try_from(BEFORE.len()).unwrap_or_default();
            span.start = span.start.saturating_sub(before);
            span.end = span.end.saturating_sub(before);
        }
    };
    let Diagnostic {
        primary,
        others,
        fix,
        ..
    } = finding;
    let labels = std::iter::once(primary).chain(others);
    labels.for_each(|label: &mut Label| moved(&mut label.span));
    let edits = fix.iter_mut().flat_map(|fix| &mut fix.edits);
    edits.for_each(|edit: &mut Edit| moved(&mut edit.span));
}

/// Takes what was put before the expression out of its text again.
pub(crate) fn own_text(files: &mut [SourceFile]) {
    if let Some(last) = files.last_mut() {
        last.text = last.text.split_off(BEFORE.len().min(last.text.len()));
    }
}

/// A type as a user would write it; of a table, its columns.
fn written(of: &Type) -> String {
    match of {
        Type::Table(table) => columns(&table.table_type()),
        Type::Parts(parts) => {
            let part = |(name, table): &(String, std::sync::Arc<crate::table::Table>)| {
                format!("{name}: {}", columns(&table.table_type()))
            };
            let parts: Vec<String> = parts.parts.iter().map(part).collect();
            format!("parts({})", parts.join(", "))
        }
        Type::Optional(inner) => format!("{}?", written(inner)),
        Type::List(inner) => format!("list({})", written(inner)),
        other => other.to_string(),
    }
}

fn columns(table: &TableType) -> String {
    let column = |column: &mlinfra_api::Column| {
        let classes = column.classes.iter().map(|class| format!(" @{class}"));
        let classes: String = classes.collect();
        format!("{}: {}{classes}", column.name, column.column_type)
    };
    let shown = table.columns.iter().take(COLUMNS_LISTED_MAX).map(column);
    let mut shown: Vec<String> = shown.collect();
    if let Some(more @ 1..) = table.columns.len().checked_sub(COLUMNS_LISTED_MAX) {
        shown.push(format!("and {more} more"));
    }
    format!("table({})", shown.join(", "))
}
