//! Checks the call of an operation: what flows in, the settings, and the result's type.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mlinfra_api::{ColumnType, RowExpression, Value};
use rust_decimal::Decimal;

use crate::attribute::AFTER;
use crate::check::{Checker, Env};
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::fit::fit;
use crate::model::Fitted;
use crate::program::{Argument, Block, Step};
use crate::row::RowEnv;
use crate::schema::{Operation, Place, ResultRule};
use crate::scope::NodeId;
use crate::section::{instantiate, settled};
use crate::suggest::nearest;
use crate::table::{Cells, Table, TableColumn};
use crate::tree::{self, BlockItem, Expr, ExprKind, Name, Node};
use crate::types::{EnumType, Term, Type};

/// What flowed into a call, by parameter.
#[derive(Default)]
pub(crate) struct Inputs {
    pub(crate) terms: BTreeMap<String, Term>,
}

impl Inputs {
    /// The table in this parameter.
    pub(crate) fn table(&self, name: &str) -> Option<&Arc<Table>> {
        match &self.terms.get(name)?.term_type {
            Type::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The model in this parameter.
    pub(crate) fn model(&self, name: &str) -> Option<&Arc<Fitted>> {
        match &self.terms.get(name)?.term_type {
            Type::Weights(fitted) | Type::Release(fitted) => Some(fitted),
            _ => None,
        }
    }
}

/// An entry of an open body, checked.
pub(crate) enum Entry {
    Row(TableColumn, Option<RowExpression>),
    Case(Arc<EnumType>, Value, Span),
    Share(Decimal),
    /// In error; its name is known.
    Wrong,
}

impl Checker<'_> {
    /// Checks a step; the term is its result.
    pub(crate) fn check_step(
        &mut self,
        id: NodeId,
        block: &BlockItem,
        checked: &mut Block,
        place: &Place,
    ) -> Term {
        let broken = self.nodes[id].broken;
        let called = match block.value.as_deref() {
            Some(Expr {
                kind: ExprKind::Call { callee, arguments },
                ..
            }) => self
                .operation(callee)
                .map(|operation| (operation, callee, arguments)),
            Some(value) => {
                self.no_call(value);
                None
            }
            None => {
                if !broken {
                    self.report(
                        Diagnostic::error(
                            code::STEP_WITHOUT_CALL,
                            self.nodes[id].name.span,
                            "this calls no operation",
                        )
                        .help("without one there is nothing to run")
                        .help("write the call of an operation behind its name: `= derive(data)`"),
                    );
                }
                None
            }
        };
        let Some((operation, callee, arguments)) = called else {
            checked.place = self.place(id, block, place, broken);
            return Term::error();
        };
        checked.place = self.place(id, block, &operation.place, broken);
        for item in block.items().iter().filter(|_| is_order(&operation)) {
            match &item.node {
                Node::Field { path, value } if path.word() == AFTER => {
                    checked.after = self.comes_after(value, Env::of(self.nodes[id].scope));
                }
                _ => {}
            }
        }
        checked.computed = Arc::clone(&operation.computed);
        let before = self.errors();
        let mut step = empty_step(&operation, callee.span);
        let inputs = self.arguments(id, &operation, arguments, callee.span, &mut step);
        let operation = self.variant_for(operation, &inputs, &mut step);
        self.check_unseen_made(&inputs, &step);
        let entries = self.body(id, &operation, block, &inputs, &mut step);
        let tainted = broken || self.errors() > before;
        step.gates = self.step_gates(id, &operation, block, &inputs, &step);
        let term = self.result(id, &operation, &inputs, entries, tainted, &mut step);
        checked.step = Some(Box::new(step));
        term
    }

    fn operation(&mut self, callee: &Expr) -> Option<Arc<Operation>> {
        let Some(word) = callee.as_name() else {
            self.no_call(callee);
            return None;
        };
        if let Some(operation) = self.library.operations.get(word) {
            return Some(Arc::clone(operation));
        }
        let known = self.library.operations.keys().map(String::as_str);
        let meant = nearest(word, known.clone());
        let text = format!("there is no operation `{word}`");
        let finding = Diagnostic::error(code::OPERATION_UNKNOWN, callee.span, text)
            .help("a step runs an operation of the standard library");
        let finding = match meant {
            Some(_) => finding.suggest(callee.span, word, meant),
            None => {
                let known: Vec<&str> = known.collect();
                finding.help(format!(
                    "the operations are {}",
                    crate::wording::list(&known)
                ))
            }
        };
        self.report(finding);
        None
    }

    fn no_call(&mut self, value: &Expr) {
        if matches!(value.kind, ExprKind::Bad) {
            return;
        }
        self.report(
            Diagnostic::error(
                code::STEP_WITHOUT_CALL,
                value.span,
                "this calls no operation",
            )
            .help("without one there is nothing to run")
            .help("write the call of an operation here: `derive(data)`"),
        );
    }

    /// Checks what flows in, in the order of the parameters: a parameter's type may name an earlier
    /// one.
    fn arguments(
        &mut self,
        id: NodeId,
        operation: &Operation,
        arguments: &[tree::Argument],
        span: Span,
        step: &mut Step,
    ) -> Inputs {
        let env = Env::of(self.nodes[id].scope);
        let mut inputs = Inputs::default();
        let Some(bound) = self.bind(&operation.parameters, arguments, &operation.name, span) else {
            for parameter in &operation.parameters {
                inputs.terms.insert(parameter.name.clone(), Term::error());
            }
            return inputs;
        };
        for (parameter, argument) in operation.parameters.iter().zip(bound) {
            let expected = instantiate(&parameter.parameter_type, &inputs);
            let term = match argument {
                Some(argument) => {
                    step.spans.insert(parameter.name.clone(), argument.span);
                    let others = self.other_types(&operation.name, &parameter.name);
                    let types = (&parameter.parameter_type, &expected);
                    let term = self.argument(argument, types, &others, env);
                    self.check_shape(&parameter.parameter_type, &term, &inputs, argument.span);
                    term
                }
                None => Term::new(expected, self.parameter_default(parameter)),
            };
            if !term.term_type.is_error() && term.value != Value::None {
                let table = match &term.term_type {
                    Type::Table(table) => Some(table.table_type()),
                    _ => None,
                };
                let argument = Argument {
                    value: term.value.clone(),
                    table,
                };
                step.arguments.insert(parameter.name.clone(), argument);
            }
            inputs.terms.insert(parameter.name.clone(), term);
        }
        inputs
    }

    fn argument(
        &mut self,
        argument: &Expr,
        (declared, expected): (&Type, &Type),
        others: &[Type],
        env: Env<'_>,
    ) -> Term {
        let wants_table = matches!(
            declared.present(),
            Type::AnyTable | Type::LikeOf(_) | Type::FitsOf(_)
        );
        if !wants_table {
            return self.value(argument, expected, env);
        }
        let term = self.eval(argument, expected, env);
        if others
            .iter()
            .any(|other| fit(&term.value, &term.term_type, other).is_ok())
        {
            return term;
        }
        if let Type::Parts(parts) = &term.term_type {
            let names: Vec<&str> = parts.parts.iter().map(|(name, _)| name.as_str()).collect();
            let text = "this is several tables, and one belongs here";
            self.report(
                Diagnostic::error(code::TYPE_WRONG, argument.span, text)
                    .help("which of them is meant is not said anywhere")
                    .help(format!(
                        "name one behind a point: {}",
                        crate::wording::list(&names)
                    )),
            );
            return Term::error();
        }
        self.fitted(term, &Type::AnyTable, argument.span)
    }

    /// Whether a table has the columns that its parameter asks for.
    fn check_shape(&mut self, declared: &Type, term: &Term, inputs: &Inputs, span: Span) {
        let Type::Table(table) = &term.term_type else {
            return;
        };
        let (wanted, whose): (Vec<(String, ColumnType)>, &str) = match declared.present() {
            Type::LikeOf(names) => {
                let like = names.first().and_then(|name| inputs.table(name));
                let Some(like) = like.filter(|like| !like.tainted) else {
                    return;
                };
                let columns = like.columns.iter();
                let typed = columns.filter_map(|c| Some((c.name.clone(), c.column_type?)));
                (typed.collect(), "the other table")
            }
            Type::FitsOf(name) => {
                let model = inputs.model(name).and_then(|fitted| fitted.model.as_ref());
                let Some(model) = model else { return };
                let features = model.features.columns.iter();
                let mut wanted: Vec<_> =
                    features.map(|c| (c.name.clone(), c.column_type)).collect();
                let label = ColumnType {
                    base: mlinfra_api::ColumnBase::Bool,
                    nullable: false,
                };
                wanted.push((model.label.clone(), label));
                (wanted, "the model")
            }
            _ => return,
        };
        if table.tainted {
            return;
        }
        for (name, column_type) in wanted {
            let found = table.column(&name);
            let text = match found.map(|column| column.column_type) {
                Some(Some(found))
                    if found.base == column_type.base
                        && (column_type.nullable || !found.nullable) =>
                {
                    continue;
                }
                Some(None) => continue,
                Some(Some(found)) => {
                    format!("its column `{name}` is {found}, {whose} has {column_type}")
                }
                None => format!("it has no column `{name}`, and {whose} needs it"),
            };
            self.report(
                Diagnostic::error(code::TABLES_DIFFER, span, text)
                    .help("cells that were never learned from can't be judged by")
                    .help("use a table that went through the same steps"),
            );
            return;
        }
        if let Type::FitsOf(name) = declared.present()
            && let Some(fitted) = inputs.model(name)
        {
            self.check_unseen(fitted, table, span);
        }
    }

    /// Checks the settings and the entries of the body.
    fn body(
        &mut self,
        id: NodeId,
        operation: &Operation,
        block: &BlockItem,
        inputs: &Inputs,
        step: &mut Step,
    ) -> Vec<(Name, Entry)> {
        let env = Env::of(self.nodes[id].scope);
        let mut entries = Vec::new();
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        let mut stray = false;
        for item in block.items() {
            self.refuse_attributes(item);
            let (path, value) = match &item.node {
                Node::Field { path, value } => (path, value),
                Node::Require(_) => continue,
                Node::Block(nested) if operation.sections.contains_key(&nested.path.text()) => {
                    let name = nested.path.text();
                    let declares = declares_columns(&operation.result, &name);
                    if !self.field_twice(&name, nested.path.span, &mut seen) && !declares {
                        self.section(item, nested, operation, inputs, step, env);
                    }
                    continue;
                }
                _ => {
                    stray = true;
                    self.no_setting(item, operation);
                    continue;
                }
            };
            let name = path.text();
            if self.field_twice(&name, path.span, &mut seen) {
                continue;
            }
            step.spans.insert(name.clone(), value.span);
            if name == AFTER && is_order(operation) {
                continue;
            }
            if let Some(declared) = operation.fields.get(&name) {
                if self.field_computed(declared, path) {
                    continue;
                }
                let expected = instantiate(&declared.field_type, inputs);
                let term = self.value(value, &expected, env);
                self.lists_each_once(declared, &term, value);
                if !term.term_type.is_error() {
                    step.settings.insert(name, term.value);
                }
            } else if let Some(each) = &operation.each {
                let key = Name {
                    text: name.clone(),
                    span: path.span,
                };
                let (entry, term) = self.entry(each, &key, value, inputs, env);
                step.entries.extend(term.map(|term| (name, term)));
                entries.push((key, entry));
            } else {
                stray = true;
                let finding = unknown_setting(&name, path.span, operation);
                self.report(finding);
            }
        }
        self.settings_left(id, operation, &seen, stray, step);
        let empty = operation.each.is_some() && entries.is_empty();
        if empty && !stray && !self.nodes[id].broken {
            self.nothing_to_do(operation, step.operation_span);
        }
        entries
    }

    fn nothing_to_do(&mut self, operation: &Operation, span: Span) {
        let text = format!("`{}` has nothing to do here", operation.name);
        self.report(
            Diagnostic::error(code::BODY_EMPTY, span, text)
                .help("its body says what it does, one entry a line")
                .help("add `{ name = value }`, or take the step out"),
        );
    }

    fn no_setting(&mut self, item: &tree::Item, operation: &Operation) {
        if item.broken || matches!(item.node, Node::Bad) {
            return;
        }
        let finding = match &item.node {
            Node::Block(block) => {
                let word = block.path.text();
                match &block.name {
                    Some(name)
                        if operation.fields.contains_key(&word) || operation.each.is_some() =>
                    {
                        let span = Span {
                            start: block.path.span.end,
                            end: name.span.start,
                            ..name.span
                        };
                        Diagnostic::error(
                            code::FIELD_AS_BLOCK,
                            block.path.span,
                            format!("write `{word} = {}`", name.text),
                        )
                        .help("without `=` this declares a block, which has no place here")
                        .fix(
                            format!("{word} {0} → {word} = {0}", name.text),
                            span,
                            " = ",
                        )
                    }
                    _ => Diagnostic::error(
                        code::KIND_UNKNOWN,
                        block.path.span,
                        format!("`{}` has no `{word}` block", operation.name),
                    )
                    .help("what stands here would have no effect"),
                }
            }
            _ => Diagnostic::error(code::ENTRY_OUT_OF_PLACE, item.span, "this is no setting")
                .help("the body of a step says how it works")
                .help("write `name = value`"),
        };
        self.report(finding);
    }

    fn settings_left(
        &mut self,
        id: NodeId,
        operation: &Operation,
        seen: &BTreeMap<String, Span>,
        stray: bool,
        step: &mut Step,
    ) {
        if stray || self.nodes[id].broken {
            self.uncertain.insert(id);
        }
        for (name, declared) in &operation.fields {
            if seen.contains_key(name) {
                continue;
            }
            if let Some(default) = &declared.default {
                let value = self.default_value(default, &settled(declared));
                step.settings.insert(name.clone(), value);
            } else if declared.required() && !stray && !self.nodes[id].broken {
                let finding =
                    self.missing_field(name, declared, step.operation_span, &operation.name);
                self.report(finding);
            }
        }
        for name in operation.sections.keys() {
            let declares = declares_columns(&operation.result, name);
            if !seen.contains_key(name) && !declares {
                step.settings.insert(name.clone(), Value::None);
            }
        }
    }

    /// Checks one entry of an open body.
    fn entry(
        &mut self,
        each: &Type,
        key: &Name,
        value: &Expr,
        inputs: &Inputs,
        env: Env<'_>,
    ) -> (Entry, Option<Value>) {
        match each {
            Type::RowOf(data) => self.row_entry(data, key, value, inputs, env),
            Type::Enum(enumeration) => {
                let term = self.value(value, each, env);
                if term.term_type.is_error() {
                    return (Entry::Wrong, None);
                }
                let entry = Entry::Case(Arc::clone(enumeration), term.value.clone(), value.span);
                (entry, Some(term.value))
            }
            other => {
                let term = self.value(value, other, env);
                match (&term.term_type, &term.value) {
                    (Type::Error, _) => (Entry::Wrong, None),
                    (_, Value::Decimal(share)) => (Entry::Share(*share), Some(term.value)),
                    _ if !self.must_be_known(&term, value.span, "a share") => (Entry::Wrong, None),
                    _ => (Entry::Wrong, Some(term.value)),
                }
            }
        }
    }

    fn row_entry(
        &mut self,
        data: &str,
        key: &Name,
        value: &Expr,
        inputs: &Inputs,
        env: Env<'_>,
    ) -> (Entry, Option<Value>) {
        let wrong = |column_type| TableColumn {
            name: key.text.clone(),
            column_type,
            cells: Cells::Plain,
            classes: BTreeSet::new(),
            span: key.span,
        };
        let Some(table) = inputs.table(data).cloned() else {
            return (Entry::Row(wrong(None), None), None);
        };
        if let Some(first) = table.column(&key.text).map(|column| column.span) {
            let text = format!("the table has a column `{}` already", key.text);
            self.report(
                Diagnostic::error(code::COLUMN_EXISTS, key.span, text)
                    .also(first, "here")
                    .help("a table with two columns of one name could not be read")
                    .help("give the new one another name"),
            );
            return (Entry::Wrong, None);
        }
        match self.row(value, RowEnv { table: &table, env }) {
            None => (Entry::Row(wrong(None), None), None),
            Some(row) => {
                let column = TableColumn {
                    classes: row.classes,
                    cells: row.cells,
                    ..wrong(Some(row.column_type))
                };
                let value = Value::Row(row.expression.clone());
                (Entry::Row(column, Some(row.expression)), Some(value))
            }
        }
    }
}

/// A call of the operation before anything of it is checked.
fn empty_step(operation: &Operation, operation_span: Span) -> Step {
    let unkeyed = operation.fields.iter().filter(|(_, field)| field.unkeyed);
    Step {
        operation: operation.name.clone(),
        version: operation.version,
        each_row: operation.each_row,
        training_only: operation.training_only,
        arguments: BTreeMap::new(),
        settings: BTreeMap::new(),
        unkeyed: unkeyed.map(|(name, _)| name.clone()).collect(),
        gates: Vec::new(),
        entries: Vec::new(),
        table: None,
        parts: BTreeMap::new(),
        model: None,
        operation_span,
        spans: BTreeMap::new(),
    }
}

fn unknown_setting(name: &str, span: Span, operation: &Operation) -> Diagnostic {
    let text = format!("`{}` has no setting `{name}`", operation.name);
    let finding = Diagnostic::error(code::FIELD_UNKNOWN, span, text)
        .help("nothing would read it, so it would have no effect");
    if operation
        .parameters
        .iter()
        .any(|parameter| parameter.name == name)
    {
        return finding.help(format!(
            "it flows in, so it stands in the parentheses: `{}({name} = …)`",
            operation.name
        ));
    }
    let settable = operation.fields.iter().filter(|(_, field)| !field.computed);
    let known: Vec<&str> = settable.map(|(name, _)| name.as_str()).collect();
    match nearest(name, known.iter().copied()) {
        Some(meant) => finding.suggest(span, name, Some(meant)),
        None if known.is_empty() => finding.help("it has no settings: take this out"),
        None => finding.help(format!("its settings are {}", crate::wording::list(&known))),
    }
}

/// Whether `after` in a body says what the step comes after: where each entry is one of the
/// operation's own, it is such an entry.
fn is_order(operation: &Operation) -> bool {
    operation.each.is_none() && !operation.fields.contains_key(AFTER)
}

/// Whether the section of this name declares the columns of the result.
fn declares_columns(rule: &ResultRule, name: &str) -> bool {
    matches!(rule, ResultRule::Columns { section } if section == name)
}
