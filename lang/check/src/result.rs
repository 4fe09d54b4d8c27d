//! The type of a step's result, by the type function that its operation declares.

use std::sync::Arc;

use mlinfra_api::{ColumnBase, Value};
use rust_decimal::Decimal;

use crate::check::Checker;
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::program::Step;
use crate::schema::{Operation, ResultRule};
use crate::scope::NodeId;
use crate::step::{Entry, Inputs};
use crate::table::{
    Making, Rewriting, STEPS_OF_A_TABLE_MAX, Table, TableColumn, extend, known, part, rewrite,
};
use crate::train::Fitting;
use crate::tree::Name;
use crate::types::{Case, Parts, Term, Type};

impl Checker<'_> {
    /// The result's type.
    pub(crate) fn result(
        &mut self,
        id: NodeId,
        operation: &Operation,
        inputs: &Inputs,
        entries: Vec<(Name, Entry)>,
        tainted: bool,
        step: &mut Step,
    ) -> Term {
        let address = self.nodes[id].address.clone();
        let making = Making {
            address: &address,
            operation: &operation.name,
            each_row: operation.each_row,
        };
        let value = self.reference_to(id);
        if let Some(term) = self.made_result(id, operation, inputs, step) {
            return term;
        }
        let broken = self.nodes[id].broken;
        let table_of = |name: &str| inputs.table(name).cloned();
        let made = match &operation.result {
            ResultRule::Extend { data } => table_of(data).map(|data| {
                let mut made = extended(&data, &making, entries);
                made.open |= broken;
                made
            }),
            ResultRule::Rewrite { data } => {
                table_of(data).map(|data| self.rewritten(&data, &making, &entries))
            }
            ResultRule::Known { data } => {
                table_of(data).map(|data| self.made_known(&data, &making, step))
            }
            ResultRule::Parts { data } => {
                return match table_of(data) {
                    Some(data) => self.parted(&data, &making, &entries, tainted, step, value),
                    None => Term::error(),
                };
            }
            ResultRule::Weights { .. } => {
                return self.weights(id, operation, inputs, tainted, step);
            }
            ResultRule::Release { model } => {
                return match inputs.model(model) {
                    Some(fitted) => {
                        step.model.clone_from(&fitted.model);
                        Term::new(Type::Release(Arc::clone(fitted)), value)
                    }
                    None => Term::error(),
                };
            }
            ResultRule::Opaque(name) => {
                return Term::new(Type::Opaque(name.as_str().into()), value);
            }
            ResultRule::Columns { section } => Some(self.declared_table(id, section)),
            ResultRule::Embedded {
                data,
                column,
                added,
            } => table_of(data)
                .and_then(|data| self.embedded(&data, &making, (column, added), inputs, step)),
            ResultRule::Same { .. } | ResultRule::Made { .. } | ResultRule::Given { .. } => None,
        };
        let Some(mut made) = made.filter(|made| self.few_steps(made.steps, step)) else {
            return Term::error();
        };
        made.tainted |= tainted;
        step.table = Some(made.table_type());
        Term::new(Type::Table(Arc::new(made)), value)
    }

    /// Whether a table went through few enough steps; a finding if not.
    fn few_steps(&mut self, steps: u32, step: &Step) -> bool {
        if steps > STEPS_OF_A_TABLE_MAX {
            let text = format!("a table after more than {STEPS_OF_A_TABLE_MAX} steps");
            self.limit(step.operation_span, &text);
        }
        steps <= STEPS_OF_A_TABLE_MAX
    }

    /// The model that a step fits.
    fn weights(
        &mut self,
        id: NodeId,
        operation: &Operation,
        inputs: &Inputs,
        tainted: bool,
        step: &mut Step,
    ) -> Term {
        let ResultRule::Weights {
            data,
            label,
            exclude,
            needs,
        } = &operation.result
        else {
            return Term::error();
        };
        let Some(table) = inputs.table(data) else {
            return Term::error();
        };
        let setting = exclude.as_ref().and_then(|name| step.settings.get(name));
        let setting = setting.cloned();
        let span = |name: &str| step.spans.get(name).copied().unwrap_or(step.operation_span);
        let address = self.nodes[id].address.clone();
        let call = Fitting {
            address: &address,
            label: inputs
                .terms
                .get(label)
                .and_then(|term| term.value.as_text()),
            label_span: span(label),
            excluded: setting.as_ref(),
            exclude: exclude.as_deref(),
            data_span: span(data),
            tainted,
        };
        let value = self.reference_to(id);
        let term = self.fit_model(id, table, &call, step, value);
        if let Some(needs) = needs {
            self.check_needs(id, operation, needs, step);
        }
        term
    }

    fn made_known(&mut self, data: &Arc<Table>, making: &Making<'_>, step: &Step) -> Table {
        let unknown = |column: &TableColumn| column.column_type.is_none_or(|known| known.nullable);
        if !data.tainted && !data.columns.iter().any(unknown) {
            let span = step
                .spans
                .values()
                .min()
                .copied()
                .unwrap_or(step.operation_span);
            self.report(
                Diagnostic::error(
                    code::NOTHING_TO_DROP,
                    span,
                    "no column of it may be missing",
                )
                .help("this step would never take a row out")
                .help("take the step out, or mark the columns that may be missing with `?`"),
            );
        }
        known(data, making)
    }

    fn rewritten(
        &mut self,
        data: &Arc<Table>,
        making: &Making<'_>,
        entries: &[(Name, Entry)],
    ) -> Table {
        let mut rewritings = Vec::new();
        for (key, entry) in entries {
            let Some(column) = data.column(&key.text) else {
                let meant = self
                    .nearest_column(data, &key.text)
                    .map(|meant| meant.first().to_owned());
                let doubtful = meant.map(|meant| (making.address.clone(), meant));
                self.doubtful.extend(doubtful);
                if !data.open {
                    let finding = self.unknown_column(data, &key.text, key.span);
                    self.report(finding);
                }
                continue;
            };
            let Entry::Case(enumeration, value, span) = entry else {
                continue;
            };
            let Some(case) = value.as_case().and_then(|name| enumeration.case(name)) else {
                continue;
            };
            let base = column.column_type.map(|known| known.base);
            if let Some(finding) = self.masks_nothing(case, base, value, *span) {
                self.report(finding.also(column.span, "the column"));
                self.doubtful
                    .insert((making.address.clone(), key.text.clone()));
                continue;
            }
            let added = case
                .adds
                .iter()
                .flat_map(|class| self.library.closure(class))
                .collect();
            rewritings.push(Rewriting {
                column: key.text.clone(),
                case,
                value: value.clone(),
                added,
                span: key.span,
            });
        }
        rewrite(data, making, &rewritings)
    }

    /// What is wrong with a masking that would leave the cells of such a column readable.
    fn masks_nothing(
        &self,
        case: &Case,
        base: Option<ColumnBase>,
        value: &Value,
        span: Span,
    ) -> Option<Diagnostic> {
        let base = base?;
        if !case.takes.is_empty() && !case.takes.contains(&base) {
            let takes: Vec<&str> = case.takes.iter().map(|base| base.word()).collect();
            let text = format!(
                "`{}` works on {} columns, and this is {}",
                case.name,
                takes.join(" and "),
                base.word()
            );
            let finding = Diagnostic::error(code::MASKING_WRONG, span, text)
                .help("its cells would not be masked, and so stay readable")
                .help("use another masking, or `drop`");
            return Some(finding);
        }
        let idle = base == ColumnBase::Int && is_idle(value);
        idle.then(|| {
            let text = format!("`{}` leaves every cell as it is", self.text_of(span));
            Diagnostic::error(code::MASKING_IDLE, span, text)
                .help("whole numbers in steps of one are the numbers themselves")
                .help("use a width of at least 2: `bucket(10)`")
        })
    }

    fn parted(
        &mut self,
        data: &Arc<Table>,
        making: &Making<'_>,
        entries: &[(Name, Entry)],
        tainted: bool,
        step: &mut Step,
        value: Value,
    ) -> Term {
        let mut total = Decimal::ZERO;
        let mut parts = Vec::new();
        for (key, entry) in entries {
            if let Entry::Share(share) = entry {
                total += *share;
                if share.is_zero() {
                    self.parts_not_whole(key.span, "this part would be empty");
                }
            }
            let mut table = part(data, making, &key.text);
            table.tainted |= tainted;
            step.parts.insert(key.text.clone(), table.table_type());
            parts.push((key.text.clone(), Arc::new(table)));
        }
        let open = (entries.iter()).any(|(_, entry)| matches!(entry, Entry::Wrong));
        if !tainted && !open && !parts.is_empty() && total != Decimal::ONE {
            let percent = (total * Decimal::ONE_HUNDRED).normalize();
            let text = format!("the parts add up to {percent}%");
            self.parts_not_whole(step.operation_span, &text);
        }
        if !self.few_steps(data.steps + 1, step) {
            return Term::error();
        }
        let open = tainted;
        Term::new(Type::Parts(Arc::new(Parts { parts, open })), value)
    }

    fn parts_not_whole(&mut self, span: Span, text: &str) {
        self.report(
            Diagnostic::error(code::PARTS_NOT_WHOLE, span, text)
                .help("every row goes into exactly one part")
                .help("let the shares add up to 100%; name what is not used `rest`"),
        );
    }
}

/// Whether a masking of whole numbers rounds to steps of one.
fn is_idle(masking: &Value) -> bool {
    let Value::Case { arguments, .. } = masking else {
        return false;
    };
    arguments.get("width").and_then(Value::as_int) == Some(1)
}

/// The table with the body's columns added. A refused one leaves it open: its name may be meant.
fn extended(data: &Arc<Table>, making: &Making<'_>, entries: Vec<(Name, Entry)>) -> Table {
    let refused = entries
        .iter()
        .any(|(_, entry)| matches!(entry, Entry::Wrong));
    let added = entries.into_iter().filter_map(|(_, entry)| match entry {
        Entry::Row(column, expression) => Some((column, expression)),
        _ => None,
    });
    let mut made = extend(data, making, added.collect());
    made.open |= refused;
    made
}
