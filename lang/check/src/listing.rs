//! What settings list: nothing twice, nothing empty, and only columns that belong there.

use std::collections::BTreeMap;

use mlinfra_api::Value;

use crate::check::Checker;
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::program::{ModelType, Step};
use crate::schema::{FieldDeclaration, Operation};
use crate::scope::NodeId;
use crate::tree::{Expr, ExprKind, Node};
use crate::types::Term;

/// How often a list is told to repeat itself.
const REPEATS_MAX: usize = 20;

impl Checker<'_> {
    /// Reports what a setting lists twice, and the empty lists in it.
    pub(crate) fn lists_each_once(
        &mut self,
        declared: &FieldDeclaration,
        term: &Term,
        written: &Expr,
    ) {
        if declared.distinct && !term.term_type.is_error() {
            self.each_once(&term.value, written);
        }
    }

    /// Reports what stands in a list a second time.
    pub(crate) fn each_once(&mut self, value: &Value, written: &Expr) {
        let Value::List(elements) = value else {
            return;
        };
        let mut first: BTreeMap<Value, Span> = BTreeMap::new();
        let mut repeats = 0;
        for (place, element) in elements.iter().enumerate() {
            let at = element_of(written, place);
            let span = at.map_or(written.span, |expr| expr.span);
            if let Value::List(inner) = element {
                if inner.is_empty() {
                    self.report(
                        Diagnostic::error(code::LIST_EMPTY, span, "this lists nothing")
                            .help("nobody can be told apart by nothing")
                            .help("name at least one in it, or take it out"),
                    );
                }
                self.each_once(element, at.unwrap_or(written));
            }
            let Some(before) = first.insert(unordered(element), span) else {
                continue;
            };
            repeats += 1;
            if repeats <= REPEATS_MAX {
                self.report(listed_twice(
                    element,
                    before,
                    span,
                    taken_out(written, place),
                ));
            }
        }
    }

    /// Reports columns that are listed as ones that the purpose can't do without, and that no
    /// policy would object to.
    pub(crate) fn check_needs(
        &mut self,
        id: NodeId,
        operation: &Operation,
        setting: &str,
        step: &Step,
    ) {
        let class = operation
            .fields
            .get(setting)
            .and_then(|f| f.of_class.as_ref());
        let (Some(class), Some(model)) = (class, &step.model) else {
            return;
        };
        let listed = step.settings.get(setting).and_then(Value::as_list);
        let whole = step.spans.get(setting).copied();
        let written = self.nodes[id].block.and_then(|block| {
            block.items().iter().find_map(|item| match &item.node {
                Node::Field { path, value } if path.word() == setting => Some(value),
                _ => None,
            })
        });
        let mut findings = Vec::new();
        for (place, column) in listed.unwrap_or_default().iter().enumerate() {
            let Some((name, why)) = column
                .as_text()
                .and_then(|name| Some((name, needless(model, name, class)?)))
            else {
                continue;
            };
            let at = written.and_then(|written| element_of(written, place));
            let span = at.map(|expr| expr.span).or(whole);
            let finding = Diagnostic::error(
                code::NEEDLESS,
                span.unwrap_or(step.operation_span),
                format!("`{name}` {why}"),
            )
            .help(format!(
                "`{setting}` names the {class} columns that a model learns from all the same, so \
                 that a person can judge each of them; another one there hides them"
            ))
            .help(format!("take `{name}` out of `{setting}`"));
            let fix = written.and_then(|written| taken_out(written, place));
            findings.push(match fix {
                Some(span) => finding.fix(format!("take {name} out"), span, ""),
                None => finding,
            });
        }
        findings
            .into_iter()
            .for_each(|finding| self.report(finding));
    }
}

/// Why a column has no place among those that the purpose can't do without, if it has none.
fn needless(model: &ModelType, name: &str, class: &str) -> Option<String> {
    if name == model.label {
        return Some("is the label, which is never learned from".to_owned());
    }
    match model.features.column(name) {
        None => Some("is not learned from at all".to_owned()),
        Some(column) if !column.classes.contains(class) => Some(format!("is not {class}")),
        Some(_) => None,
    }
}

fn listed_twice(element: &Value, first: Span, span: Span, fix: Option<Span>) -> Diagnostic {
    let named = match element {
        Value::List(elements) => {
            let names: Vec<&str> = elements.iter().filter_map(Value::as_text).collect();
            format!("[{}]", names.join(", "))
        }
        other => other
            .as_text()
            .map_or_else(|| other.to_string(), str::to_owned),
    };
    let finding = Diagnostic::error(
        code::LISTED_TWICE,
        span,
        format!("`{named}` is listed already"),
    )
    .also(first, "here first")
    .help("the second one would change nothing, so another one was likely meant")
    .help("take one of them out, or name what was meant");
    match fix {
        Some(span) => finding.fix(format!("take the second {named} out"), span, ""),
        None => finding,
    }
}

/// The element of a list as written; none if the list is not written out.
fn element_of(written: &Expr, place: usize) -> Option<&Expr> {
    match &written.kind {
        ExprKind::List(elements) => elements.get(place),
        _ => None,
    }
}

/// What to take away so that an element is gone, with the comma beside it.
fn taken_out(written: &Expr, place: usize) -> Option<Span> {
    let this = element_of(written, place)?.span;
    let before = place
        .checked_sub(1)
        .and_then(|place| element_of(written, place));
    let after = element_of(written, place + 1);
    Some(match (before, after) {
        (Some(before), _) => Span {
            start: before.span.end,
            ..this
        },
        (None, Some(after)) => Span {
            end: after.span.start,
            ..this
        },
        (None, None) => this,
    })
}

/// The element such that two lists of the same are equal, in whatever order.
fn unordered(element: &Value) -> Value {
    match element {
        Value::List(elements) => {
            let mut elements = elements.clone();
            elements.sort();
            Value::List(elements)
        }
        other => other.clone(),
    }
}
