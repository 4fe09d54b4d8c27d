//! Fitting a model: which columns it may learn from, and what a request must bring.

use std::collections::BTreeSet;
use std::sync::Arc;

use mlinfra_api::{Address, ColumnBase, TableType, Value};

use crate::check::Checker;
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::model::{Fitted, learnable, replay};
use crate::program::{ModelType, Step};
use crate::scope::NodeId;
use crate::table::{Table, TableColumn};
use crate::tree::{ExprKind, Node};
use crate::types::{Term, Type};

/// What a model is fitted with.
pub(crate) struct Fitting<'f> {
    pub(crate) address: &'f Address,
    /// The label's column; none if it is in error.
    pub(crate) label: Option<&'f str>,
    pub(crate) label_span: Span,
    /// The columns that it does not learn from.
    pub(crate) excluded: Option<&'f Value>,
    /// The setting that names them.
    pub(crate) exclude: Option<&'f str>,
    pub(crate) data_span: Span,
    pub(crate) tainted: bool,
}

impl Checker<'_> {
    /// The model that is fitted on this table.
    pub(crate) fn fit_model(
        &mut self,
        id: NodeId,
        table: &Arc<Table>,
        call: &Fitting<'_>,
        step: &mut Step,
        value: Value,
    ) -> Term {
        let unknown = Fitted {
            model: None,
            data: Arc::clone(table),
            foreign: false,
        };
        let Some(label) = call.label.filter(|_| !call.tainted && !table.tainted) else {
            return Term::new(Type::Weights(Arc::new(unknown)), value);
        };
        let excluded: BTreeSet<&str> = match call.excluded {
            Some(Value::List(names)) => names.iter().filter_map(Value::as_text).collect(),
            _ => BTreeSet::new(),
        };
        let before = self.errors();
        self.check_label(label, table, excluded.contains(label), call, step);
        let wanted = |column: &&TableColumn| {
            column.name != label && !excluded.contains(column.name.as_str())
        };
        let features: Vec<&TableColumn> = table.columns.iter().filter(wanted).collect();
        for column in &features {
            self.check_feature(id, column, label, table, call);
        }
        if features.is_empty() {
            let text = "no column is left to learn from";
            self.report(
                Diagnostic::error(code::NO_FEATURES, call.data_span, text)
                    .help("a model without features tells every request the same")
                    .help("exclude fewer columns"),
            );
        }
        if self.errors() > before {
            return Term::new(Type::Weights(Arc::new(unknown)), value);
        }
        let made = replay(table, &features);
        let columns = features.iter().filter_map(|column| column.column());
        let model = ModelType {
            trained_by: call.address.clone(),
            features: TableType {
                columns: columns.collect(),
            },
            label: label.to_owned(),
            request: made.request,
            replay: made
                .recipe
                .iter()
                .map(|step| step.address.clone())
                .collect(),
            recipe: made.recipe,
        };
        step.model = Some(model.clone());
        let fitted = Fitted {
            model: Some(model),
            data: Arc::clone(table),
            foreign: false,
        };
        Term::new(Type::Weights(Arc::new(fitted)), value)
    }

    fn check_label(
        &mut self,
        label: &str,
        table: &Table,
        excluded: bool,
        call: &Fitting<'_>,
        step: &Step,
    ) {
        if excluded {
            let span = call.exclude.and_then(|name| step.spans.get(name)).copied();
            let text = format!("`{label}` is what it learns to predict");
            self.report(
                Diagnostic::error(code::LABEL_EXCLUDED, span.unwrap_or(call.data_span), text)
                    .help("the label is never learned from, so there is nothing to exclude")
                    .help("take it out of the list"),
            );
        }
        let column = table.column(label);
        if let Some(column) = column
            && column.column_type.is_some_and(|known| known.nullable)
        {
            let text = format!("`{label}` may be missing, and a label never is");
            self.report(
                Diagnostic::error(code::COLUMN_TYPE_WRONG, call.label_span, text)
                    .also(column.span, "the column")
                    .help("from a row without the answer nothing can be learned")
                    .help("drop such rows first, or say with `??` what they count as"),
            );
        }
    }

    fn check_feature(
        &mut self,
        id: NodeId,
        column: &TableColumn,
        label: &str,
        table: &Arc<Table>,
        call: &Fitting<'_>,
    ) {
        let name = &column.name;
        let finding = if self.library.never_learned(&column.classes) {
            let mut finding = Diagnostic::error(
                code::LABEL_LEAKS,
                call.data_span,
                format!("`{name}` tells the answer, and the model would learn from it"),
            );
            if let Some(raw) = self.source_of(table, column) {
                finding = finding.also(raw.span, "the answer comes in here");
            }
            if column.span
                != self
                    .source_of(table, column)
                    .map_or(column.span, |raw| raw.span)
            {
                finding = finding.also(column.span, format!("`{name}` is made from it here"));
            }
            finding
                .help("it would look perfect until the first real request, which has no answer")
                .help(format!("`{label}` is enough: drop or exclude `{name}`"))
        } else {
            match column.column_type {
                Some(known) if !learnable(known.base) => Diagnostic::error(
                    code::NOT_LEARNABLE,
                    call.data_span,
                    format!(
                        "`{name}` is {}, and no model learns from that",
                        known.base.word()
                    ),
                )
                .also(column.span, "the column")
                .help("free texts and dates are different in every row: nothing carries over")
                .help(match known.base {
                    ColumnBase::Date => format!(
                        "exclude `{name}`; what a model shall learn of a date is a number in the \
                         data"
                    ),
                    _ => format!("derive a number or a category from `{name}`, or exclude it"),
                }),
                _ => return,
            }
        };
        let finding = match self.exclude_edit(id, call.exclude, name) {
            Some((span, text)) => finding.fix(format!("exclude {name}"), span, text),
            None => finding,
        };
        self.report(finding);
    }

    /// The column of the data as it came in that brought the answer.
    fn source_of<'t>(
        &self,
        table: &'t Arc<Table>,
        column: &TableColumn,
    ) -> Option<&'t TableColumn> {
        let mut first = table;
        while let Some(origin) = &first.origin {
            first = &origin.from;
        }
        let tells = |raw: &&TableColumn| {
            self.library.never_learned(&raw.classes)
                && column
                    .classes
                    .iter()
                    .any(|class| raw.classes.contains(class))
        };
        first
            .column(&column.name)
            .filter(|raw| tells(raw))
            .or_else(|| first.columns.iter().find(tells))
    }

    /// Where to write a column that shall be excluded too, and how.
    pub(crate) fn exclude_edit(
        &self,
        id: NodeId,
        setting: Option<&str>,
        name: &str,
    ) -> Option<(Span, String)> {
        let setting = setting?;
        let body = self.nodes[id].block?.body.as_ref()?;
        for item in &body.items {
            if let Node::Field { path, value } = &item.node
                && path.word() == setting
            {
                return match &value.kind {
                    ExprKind::List(elements) => match elements.last() {
                        Some(last) => Some((last.span.end(), format!(", {name}"))),
                        None => Some((value.span, format!("[{name}]"))),
                    },
                    _ => None,
                };
            }
        }
        let last = body.items.last()?;
        Some((last.span.end(), format!("\n    {setting} = [{name}]")))
    }
}
