//! Figures: what a condition may be about, and what a figure is asked for.

use std::collections::BTreeSet;
use std::sync::Arc;

use mlinfra_api::{Condition, Figure, Value};

use crate::check::Checker;
use crate::code;
use crate::condition::{FigureEnv, Judged};
use crate::diagnostic::{Diagnostic, Span};
use crate::model::Fitted;
use crate::program::Step;
use crate::schema::{FigureDeclarations, Operation};
use crate::scope::{Form, NodeId};
use crate::section::instantiate;
use crate::step::Inputs;
use crate::suggest::nearest;
use crate::table::Table;
use crate::tree::{Argument, BlockItem, Expr, ExprKind, Item, Node};
use crate::types::Type;
use crate::wording::list;

/// The figures that are in scope.
pub(crate) struct Figures<'f> {
    /// Whose they are, for people: an operation, a kind.
    pub(crate) whose: &'f str,
    pub(crate) declared: &'f FigureDeclarations,
    pub(crate) about: About<'f>,
}

/// What figures are asked about.
pub(crate) enum About<'f> {
    /// Nothing that a figure could name.
    Nothing,
    /// The call of an operation.
    Call {
        operation: &'f Operation,
        inputs: &'f Inputs,
        step: &'f Step,
        block: &'f BlockItem,
        /// The condition, with its `require`.
        entry: Span,
    },
    /// What the block around this one names.
    Around(NodeId),
}

/// A model that something in the block around names.
struct Named {
    name: String,
    fitted: Arc<Fitted>,
}

impl Checker<'_> {
    /// A figure that is asked for nothing.
    pub(crate) fn plain_figure(
        &mut self,
        name: &str,
        span: Span,
        figures: &Figures<'_>,
    ) -> Option<Judged> {
        if let Some(of) = figures.declared.plain.get(name) {
            return Some(Judged {
                of: of.clone(),
                condition: Condition::Figure(Figure::plain(name)),
            });
        }
        let Some(function) = figures.declared.asked.get(name) else {
            self.unknown_figure(name, span, figures);
            return None;
        };
        let parameters: Vec<&str> = (function.parameters.iter())
            .map(|parameter| parameter.name.as_str())
            .collect();
        let text = format!("`{name}` needs {}", list(&parameters));
        let examples = function.parameters.iter().map(|parameter| {
            let example = example_of(&parameter.parameter_type, &figures.about);
            example.unwrap_or_else(|| parameter.name.clone())
        });
        let examples: Vec<String> = examples.collect();
        self.report(
            Diagnostic::error(code::ARGUMENT_MISSING, span, text)
                .help("there is no value that would be right for everybody")
                .help(format!("write `{name}({})`", examples.join(", "))),
        );
        None
    }

    /// Whether another operation of this name has the figure, and may be meant: which one it is is
    /// told by what flows in, and that is in error.
    fn may_be_of_another(&self, name: &str, figures: &Figures<'_>) -> bool {
        let About::Call {
            operation, inputs, ..
        } = &figures.about
        else {
            return false;
        };
        let others = self.library.variants.get(&operation.name);
        others.into_iter().flatten().any(|other| {
            let unread = other.parameters.iter().any(|parameter| {
                let term = inputs.terms.get(&parameter.name);
                term.is_none_or(|term| term.term_type.is_error())
            });
            unread && other.figures.names().contains(&name)
        })
    }

    fn unknown_figure(&mut self, name: &str, span: Span, figures: &Figures<'_>) {
        if self.may_be_of_another(name, figures) {
            return;
        }
        let known = figures.declared.names();
        let meant = nearest(name, known.iter().copied());
        let text = format!("`{}` gives no figure `{name}`", figures.whose);
        let finding = Diagnostic::error(code::FIGURE_UNKNOWN, span, text)
            .help("a condition on what nobody measures could never be judged");
        let finding = match meant {
            Some(_) => finding.suggest(span, name, meant),
            None if known.is_empty() => {
                let with: Vec<&str> = (self.library.operations.values())
                    .filter(|operation| !operation.figures.names().is_empty())
                    .map(|operation| operation.name.as_str())
                    .collect();
                finding.help(format!("what gives figures is {}", list(&with)))
            }
            None => finding.help(format!("its figures are {}", list(&known))),
        };
        self.report(finding);
    }

    /// A figure with what it is asked for.
    pub(crate) fn asked_figure(
        &mut self,
        name: &str,
        arguments: &[Argument],
        span: Span,
        at: FigureEnv<'_>,
    ) -> Option<Judged> {
        let Some(function) = at.figures.declared.asked.get(name) else {
            if at.figures.declared.plain.contains_key(name) {
                let text = format!("`{name}` is one figure, and takes nothing");
                self.report(
                    Diagnostic::error(code::ARGUMENT_UNKNOWN, span, text)
                        .help("what it is asked for here would have no effect")
                        .suggest(span, "it", Some(name)),
                );
            } else {
                self.unknown_figure(name, span, at.figures);
            }
            return None;
        };
        let bound = self.bind(&function.parameters, arguments, name, span)?;
        let mut values = Vec::new();
        for (parameter, argument) in function.parameters.iter().zip(bound) {
            values.push(match argument {
                Some(argument) => self.asked_for(&parameter.parameter_type, argument, at),
                None => Some(self.parameter_default(parameter)),
            });
        }
        let arguments: Option<Vec<Value>> = values.into_iter().collect();
        let figure = Figure {
            name: name.to_owned(),
            arguments: arguments?,
        };
        Some(Judged {
            of: function.result.clone(),
            condition: Condition::Figure(figure),
        })
    }

    fn asked_for(&mut self, of: &Type, expr: &Expr, at: FigureEnv<'_>) -> Option<Value> {
        match of {
            Type::ListedIn(paths) => self.listed(paths, expr, at),
            Type::FeatureOf(field) => self.feature(field, expr, at),
            Type::TrainingOf(field) => self.learned_from(field, expr, at),
            of => {
                let term = self.value(expr, of, at.env);
                let known = !term.term_type.is_error()
                    && self.must_be_known(&term, expr.span, "what a figure is asked for");
                known.then_some(term.value)
            }
        }
    }

    /// One of what settings of the step list.
    fn listed(&mut self, paths: &[Arc<str>], expr: &Expr, at: FigureEnv<'_>) -> Option<Value> {
        let About::Call {
            operation, inputs, ..
        } = &at.figures.about
        else {
            return None;
        };
        let several = matches!(expr.kind, ExprKind::List(_));
        let elements: Vec<(&Arc<str>, Type)> = paths
            .iter()
            .filter_map(|path| Some((path, element_type(operation, path, inputs)?)))
            .collect();
        let table = elements.iter().find_map(|(_, of)| of.column_table());
        let wanted = match table {
            Some(table) if several => Type::List(Arc::new(Type::Column(Arc::clone(table), None))),
            Some(table) => Type::Column(Arc::clone(table), None),
            None => Type::Error,
        };
        let term = self.value(expr, &wanted, at.env);
        if term.term_type.is_error() || wanted.is_error() {
            return None;
        }
        let About::Call { step, .. } = &at.figures.about else {
            return None;
        };
        let mut known = Vec::new();
        for path in paths {
            // A setting in error lists what nobody knows: nothing is concluded from it.
            known.extend(listed_values(step, path)?);
        }
        if let Some(found) = known.iter().find(|one| same(one, &term.value)) {
            return Some(found.clone());
        }
        let of_shape = |(_, of): &&(&Arc<str>, Type)| matches!(of, Type::List(_)) == several;
        let home = elements
            .iter()
            .find(of_shape)
            .map(|(path, _)| (*path).clone());
        self.not_listed(home.as_deref(), &known, &term.value, expr, at);
        None
    }

    fn not_listed(
        &mut self,
        home: Option<&str>,
        known: &[Value],
        value: &Value,
        expr: &Expr,
        at: FigureEnv<'_>,
    ) {
        let About::Call {
            step, block, entry, ..
        } = &at.figures.about
        else {
            return;
        };
        let (section, setting) = home
            .and_then(|home| home.split_once('.'))
            .unwrap_or(("", ""));
        let wanted = match value {
            Value::List(elements) => format!("[{}]", bare_list(elements)),
            other => bare_list(std::slice::from_ref(other)),
        };
        let text = format!("`{section}` does not list `{wanted}` in its `{setting}`");
        let mut finding = Diagnostic::error(code::NOT_LISTED, expr.span, text);
        if let Some(span) = step.spans.get(section) {
            finding = finding.also(*span, "what is told apart");
        }
        let finding = finding.help(format!(
            "`{}` makes this figure for what is listed there alone",
            at.figures.whose
        ));
        let finding = match known {
            [] => finding.help(format!("add `{section} {{ {setting} = [{wanted}] }}`")),
            known => {
                let shown: Vec<String> = known.iter().map(shown).collect();
                let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
                finding.help(format!("ask for {}, or list it there", list(&shown)))
            }
        };
        let (at, text) = listing_edit(block, section, setting, &wanted).unwrap_or_else(|| {
            let text = format!("{section} {{ {setting} = [{wanted}] }}\n    ");
            (entry.start(), text)
        });
        self.report(finding.fix(format!("list {wanted}"), at, text));
    }

    /// The models that a field of the block around names, by way of what it names.
    fn models_around(&mut self, field: &str, at: FigureEnv<'_>, span: Span) -> Option<Vec<Named>> {
        let About::Around(id) = at.figures.about else {
            return None;
        };
        let around = self.nodes[id].parent?;
        self.evaluate(around, span);
        let mut named = Vec::new();
        let written = self.blocks.get(around)?.fields.get(field)?;
        written.value.for_each_reference(&mut |reference| {
            named.extend(self.addresses.get(&reference.address).copied());
        });
        let mut models = Vec::new();
        for id in named {
            self.evaluate(id, span);
            let Form::Block(kind) = &self.nodes[id].form else {
                return None;
            };
            let releases =
                (kind.fields.iter()).filter(|(_, declared)| takes_release(&declared.field_type));
            let names: Vec<String> = releases.map(|(name, _)| name.clone()).collect();
            for name in names {
                let release = self.blocks.get(id)?.fields.get(&name)?.value.clone();
                let address = &release.as_reference()?.address;
                let step = *self.addresses.get(address)?;
                let name = self.nodes[id].name.text.clone();
                let fitted = match self.evaluate(step, span).term_type {
                    Type::Release(fitted) if fitted.model.is_some() => fitted,
                    Type::Release(fitted) if !fitted.foreign => return None,
                    Type::Release(_) | Type::Block(_) => {
                        self.learned_elsewhere(&name, span);
                        return None;
                    }
                    _ => return None,
                };
                models.push(Named { name, fitted });
            }
        }
        (!models.is_empty()).then_some(models)
    }

    /// Reports a comparison with what a model learned from that was not fitted here.
    fn learned_elsewhere(&mut self, endpoint: &str, span: Span) {
        let text = format!("nobody knows from which columns the model of `{endpoint}` learned");
        self.report(
            Diagnostic::error(code::NO_FEATURE, span, text)
                .help("it was not fitted by a step that says so, so there is nothing to compare")
                .help("watch another figure, such as `error_rate`"),
        );
    }

    /// A column that every model learned from.
    fn feature(&mut self, field: &str, expr: &Expr, at: FigureEnv<'_>) -> Option<Value> {
        let Some(models) = self.models_around(field, at, expr.span) else {
            self.eval(expr, &Type::Error, at.env);
            return None;
        };
        let table = Arc::clone(&models.first()?.fitted.data);
        let term = self.value(expr, &Type::Column(table, None), at.env);
        let name = term.value.as_text()?.to_owned();
        for named in &models {
            let model = named.fitted.model.as_ref()?;
            if model.features.column(&name).is_some() {
                continue;
            }
            let of = &named.name;
            let text = format!("the model of `{of}` does not learn from `{name}`");
            let features = model.features.columns.iter();
            let features: Vec<&str> = features.map(|column| column.name.as_str()).collect();
            self.report(
                Diagnostic::error(code::NO_FEATURE, expr.span, text)
                    .help("no request has to bring it, so there would be nothing to compare")
                    .help(format!("it learns from {}", list(&features))),
            );
            return None;
        }
        Some(Value::String(name))
    }

    /// The table that every model learned from.
    fn learned_from(&mut self, field: &str, expr: &Expr, at: FigureEnv<'_>) -> Option<Value> {
        let term = self.value(expr, &Type::AnyTable, at.env);
        let models = self.models_around(field, at, expr.span)?;
        let Type::Table(table) = &term.term_type else {
            return None;
        };
        for named in &models {
            let data = &named.fitted.data;
            if (&data.address, &data.part) == (&table.address, &table.part) {
                continue;
            }
            let right = self.path_to(data);
            let of = &named.name;
            let text = format!("the model of `{of}` learned from `{right}`");
            self.report(
                Diagnostic::error(code::NOT_LEARNED_FROM, expr.span, text)
                    .help("only what it learned from says how requests should look")
                    .suggest(expr.span, &self.path_to(table), Some(&right)),
            );
            return None;
        }
        Some(term.value)
    }

    /// A table as it is named from outside: `risk.parts.train`.
    fn path_to(&self, table: &Table) -> String {
        let mut names: Vec<&str> = (table.address.parents.iter())
            .map(|segment| segment.name.as_str())
            .collect();
        names.push(table.address.name());
        names.extend(table.part.as_deref());
        names.join(".")
    }
}

/// Whether a release may stand in such a field.
fn takes_release(of: &Type) -> bool {
    match of.present() {
        Type::AnyRelease => true,
        Type::Union(members) => members.iter().any(takes_release),
        _ => false,
    }
}

/// The type of an element of this setting, with what flowed in.
fn element_type(operation: &Operation, path: &str, inputs: &Inputs) -> Option<Type> {
    let (section, setting) = path.split_once('.')?;
    let declared = operation.sections.get(section)?.fields.get(setting)?;
    match instantiate(&declared.field_type, inputs) {
        Type::List(inner) => Some((*inner).clone()),
        _ => None,
    }
}

/// Something that could be asked for here.
fn example_of(of: &Type, about: &About<'_>) -> Option<String> {
    match (of, about) {
        (Type::ListedIn(paths), About::Call { step, .. }) => {
            let mut listed = paths.iter().filter_map(|path| listed_values(step, path));
            listed.find_map(|values| values.first().map(shown))
        }
        (Type::Checked(checked), _) if *checked.base.bare() == Type::Decimal => {
            Some("99%".to_owned())
        }
        _ => None,
    }
}

/// What a setting lists; nothing if its section is not written, none if it is in error.
fn listed_values(step: &Step, path: &str) -> Option<Vec<Value>> {
    let (section, setting) = path.split_once('.')?;
    match step.settings.get(section)? {
        Value::Record(entries) => Some(entries.get(setting)?.as_list()?.to_vec()),
        _ => Some(Vec::new()),
    }
}

/// Whether both name the same columns, in whatever order.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::List(one), Value::List(other)) => {
            let (one, other): (BTreeSet<_>, BTreeSet<_>) =
                (one.iter().collect(), other.iter().collect());
            one == other
        }
        (one, other) => one == other,
    }
}

fn bare_list(columns: &[Value]) -> String {
    let names: Vec<&str> = columns.iter().filter_map(Value::as_text).collect();
    names.join(", ")
}

fn shown(value: &Value) -> String {
    match value {
        Value::List(elements) => format!("[{}]", bare_list(elements)),
        other => bare_list(std::slice::from_ref(other)),
    }
}

/// Where to write what shall be listed too, and how; none if its section is not written.
fn listing_edit(
    block: &BlockItem,
    section: &str,
    setting: &str,
    wanted: &str,
) -> Option<(Span, String)> {
    let of_section =
        |item: &&Item| matches!(&item.node, Node::Block(nested) if nested.path.word() == section);
    let Node::Block(nested) = &block.items().iter().find(of_section)?.node else {
        return None;
    };
    for item in nested.items() {
        if let Node::Field { path, value } = &item.node
            && path.word() == setting
        {
            return match &value.kind {
                ExprKind::List(elements) => match elements.last() {
                    Some(last) => Some((last.span.end(), format!(", {wanted}"))),
                    None => Some((value.span, format!("[{wanted}]"))),
                },
                _ => Some((value.span.end(), String::new())),
            };
        }
    }
    let last = nested.items().last()?;
    Some((last.span.end(), format!("\n      {setting} = [{wanted}]")))
}
