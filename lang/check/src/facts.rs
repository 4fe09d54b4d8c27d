//! What the whole program says of its blocks: found out once everything is checked, for policies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ahash::HashMap;
use mlinfra_api::{Address, Reference, TableType, Value};

use crate::check::Checker;
use crate::code;
use crate::diagnostic::{Diagnostic, Label, Span};
use crate::flow::{columns_of, reference};
use crate::program::{Block, ColumnFlow, Program, Step, TableFlow};
use crate::schema::{Fact, FieldDeclaration, ResultRule};
use crate::scope::NodeId;
use crate::table::{Change, Table};
use crate::tree::Name;
use crate::types::{Term, Type};

/// The one list of what is no block: `view learned`.
const LEARNED: &str = "learned";

/// The entry of a view's element that says which one it is; no member has this name.
const PLACE: &str = "@";

/// What was found out.
#[derive(Default)]
pub(crate) struct Facts {
    /// By the fact's name and argument, then by block.
    known: BTreeMap<(String, String), HashMap<Address, Value>>,
    /// The elements of each view.
    views: BTreeMap<&'static str, Vec<Value>>,
    /// What stands behind each element, by its place.
    learned: Vec<Learned>,
    /// How much was found out: so many values, and names in them.
    size: usize,
}

/// A column that a step learns from.
#[derive(Clone)]
pub(crate) struct Learned {
    pub(crate) step: Address,
    /// Where the table is named from which the step learns.
    pub(crate) span: Span,
    pub(crate) table: Arc<Table>,
    pub(crate) column: String,
}

impl Facts {
    pub(crate) fn put(&mut self, name: &str, argument: &str, of: &Address, value: Value) {
        self.size += 1 + value.as_list().map_or(0, <[Value]>::len);
        let fact = self.known.entry((name.to_owned(), argument.to_owned()));
        fact.or_default().insert(of.clone(), value);
    }

    /// How much there is to judge: it grows as the program does.
    pub(crate) fn size(&self) -> usize {
        let classes = |element: &Value| {
            let classes = element
                .as_record()
                .and_then(|entries| entries.get("classes"));
            1 + classes.and_then(Value::as_list).map_or(0, <[Value]>::len)
        };
        let elements = self.views.values().flatten().map(classes);
        self.size + elements.sum::<usize>()
    }

    /// What stands behind an element of a view.
    pub(crate) fn learned(&self, element: &Value) -> Option<&Learned> {
        let place = element.as_record()?.get(PLACE)?.as_int()?;
        self.learned.get(usize::try_from(place).ok()?)
    }

    /// The elements of a view.
    pub(crate) fn view(&self, name: &str) -> &[Value] {
        self.views.get(name).map_or(&[], Vec::as_slice)
    }
}

impl Checker<'_> {
    /// Finds out what there is to say of the program as a whole.
    pub(crate) fn find_facts(&self, program: &Program) -> Facts {
        let mut facts = Facts::default();
        let mut classes = BTreeSet::new();
        let kinds = self.library.kinds.values();
        for kind in kinds.flat_map(|kind| kind.nested.values().chain([kind])) {
            let columns = kind.facts.values().filter(|fact| fact.name == "columns");
            classes.extend(columns.filter_map(|fact| fact.argument.clone()));
        }
        let known = by_address(program);
        for class in &classes {
            for (address, columns) in self.reached(program, &known, class) {
                let columns = columns.into_iter().map(Value::text).collect();
                facts.put("columns", class, address, Value::List(columns));
            }
        }
        self.find_data(program, &mut facts);
        self.find_evaluations(program, &mut facts);
        self.find_countries(program, &mut facts);
        self.find_learned(program, &mut facts);
        facts
    }

    /// The columns of a class that reach each block: those of a dataset, those that a step reads,
    /// those that a request brings, and all of these that lie in a block or are worked on in it.
    fn reached<'p>(
        &self,
        program: &'p Program,
        blocks: &HashMap<&'p Address, &'p Block>,
        class: &str,
    ) -> BTreeMap<&'p Address, BTreeSet<&'p str>> {
        let mut reached: BTreeMap<&Address, BTreeSet<&str>> = BTreeMap::new();
        let mut all = BTreeSet::new();
        for block in &program.blocks {
            let mut columns = BTreeSet::new();
            if let Some(table) = &block.table {
                of_class(table, class, &mut columns);
            }
            for argument in block.step.iter().flat_map(|step| step.arguments.values()) {
                argument
                    .table
                    .iter()
                    .for_each(|t| of_class(t, class, &mut columns));
            }
            for model in served(block, blocks) {
                of_class(&model.request, class, &mut columns);
            }
            if columns.is_empty() {
                continue;
            }
            all.extend(columns.iter().copied());
            let mut open: Vec<&Address> = vec![&block.address];
            open.extend(self.kept_in(block));
            let mut seen = BTreeSet::new();
            while let Some(address) = open.pop() {
                if !seen.insert(address) {
                    continue;
                }
                if let Some(block) = blocks.get(address) {
                    open.extend(block.place.iter().chain(&block.parent));
                }
                reached
                    .entry(address)
                    .or_default()
                    .extend(columns.iter().copied());
            }
        }
        for project in program.with_role("project") {
            reached.insert(&project.address, all.clone());
        }
        reached
    }

    /// The block in which a dataset's bytes and those of its steps lie.
    fn kept_in<'p>(&self, block: &'p Block) -> Option<&'p Address> {
        let kind = self.library.kinds.get(&block.kind)?;
        let (name, _) = kind.fields.iter().find(|(_, field)| field.keeps)?;
        let kept = block
            .fields
            .get(name)
            .and_then(|field| field.value.as_reference());
        if let Some(kept) = kept {
            return Some(&kept.address);
        }
        // Data that is read from a storage lies there, whoever works on it.
        let mut fields = block.fields.values();
        fields.find_map(|field| match &field.value {
            Value::Case { name, arguments } => {
                let joined = self.library.joins.values().any(|(_, case)| case == name);
                let mut within = arguments.values().filter_map(Value::as_reference);
                let within = within.next().filter(|_| joined)?;
                Some(&within.address)
            }
            _ => None,
        })
    }

    /// Which datasets are read where, and kept where.
    fn find_data(&self, program: &Program, facts: &mut Facts) {
        let mut reads: BTreeMap<&Address, BTreeSet<&Address>> = BTreeMap::new();
        let mut keeps: BTreeMap<&Address, BTreeSet<&Address>> = BTreeMap::new();
        // The dataset of each table: a step's is that of what it reads, and comes behind it.
        let mut raw: BTreeMap<&Reference, &Address> = BTreeMap::new();
        for flow in &program.flow {
            let first = match &flow.from {
                None => Some(&flow.table.address),
                Some(from) => raw.get(from).copied(),
            };
            raw.extend(first.map(|first| (&flow.table, first)));
        }
        for block in &program.blocks {
            if block.table.is_some()
                && let Some(storage) = self.kept_in(block)
            {
                let lies = Value::Reference(own(storage));
                facts.put("kept_in", "", &block.address, lies);
                keeps.entry(storage).or_default().insert(&block.address);
            }
            for argument in block.step.iter().flat_map(|step| step.arguments.values()) {
                let table = argument.value.as_reference();
                let Some(first) = table.and_then(|table| raw.get(table).copied()) else {
                    continue;
                };
                let whole = [Some(&block.address), block.parent.as_ref()];
                for address in whole.into_iter().flatten() {
                    reads.entry(address).or_default().insert(first);
                }
            }
        }
        for (name, all) in [("reads", reads), ("keeps", keeps)] {
            for (address, datasets) in all {
                facts.put(name, "", address, blocks(datasets));
            }
        }
    }

    /// Which steps judge a model, and by which columns they compare groups of people.
    fn find_evaluations(&self, program: &Program, facts: &mut Facts) {
        let mut evaluations: BTreeMap<&Address, BTreeSet<&Address>> = BTreeMap::new();
        let mut judged: BTreeMap<&Address, BTreeSet<String>> = BTreeMap::new();
        let known = by_address(program);
        for block in &program.blocks {
            let Some(step) = &block.step else { continue };
            if let Some(model) = &step.model
                && model.trained_by == block.address
            {
                facts.put("fits", "", &block.address, Value::Bool(true));
                continue;
            }
            let Some(model) = self.model_judged(step, &known) else {
                continue;
            };
            let fitted = evaluations.entry(model).or_default();
            fitted.insert(&block.address);
            judged
                .entry(model)
                .or_default()
                .extend(self.judged_by(step));
        }
        for block in &program.blocks {
            let models = served(block, &known);
            let steps = models
                .iter()
                .filter_map(|model| evaluations.get(&model.trained_by));
            let steps: BTreeSet<&Address> = steps.flatten().copied().collect();
            if !steps.is_empty() {
                facts.put("evaluations", "", &block.address, blocks(steps));
            }
        }
        for (address, steps) in evaluations {
            facts.put("evaluations", "", address, blocks(steps));
        }
        for (address, columns) in judged
            .into_iter()
            .filter(|(_, columns)| !columns.is_empty())
        {
            facts.put("judged", "", address, texts(columns));
        }
    }

    /// The step that fitted the model which this one judges, if it judges one.
    fn model_judged<'p>(
        &self,
        step: &Step,
        known: &HashMap<&Address, &'p Block>,
    ) -> Option<&'p Address> {
        let operation = self.library.operations.get(&step.operation)?;
        if !matches!(operation.result, ResultRule::Opaque(_)) {
            return None;
        }
        let judges = (operation.parameters.iter()).find_map(|parameter| {
            match parameter.parameter_type.present() {
                Type::FitsOf(model) => Some(&**model),
                _ => None,
            }
        })?;
        let model = step.arguments.get(judges)?.value.as_reference()?;
        let fitted = known.get(&model.address)?.step.as_ref()?.model.as_ref()?;
        Some(&fitted.trained_by)
    }

    /// The columns by which a step compares groups of people.
    fn judged_by(&self, step: &Step) -> BTreeSet<String> {
        let mut columns = BTreeSet::new();
        let Some(operation) = self.library.operations.get(&step.operation) else {
            return columns;
        };
        for (name, section) in &operation.sections {
            let settings = step.settings.get(name).and_then(Value::as_record);
            for (field, declared) in &section.fields {
                let value = settings.and_then(|settings| settings.get(field));
                if let Some(value) = value.filter(|_| declared.judged) {
                    collect_texts(value, &mut columns);
                }
            }
        }
        columns
    }

    /// Which columns each step learns from that fits a model.
    fn find_learned(&self, program: &Program, facts: &mut Facts) {
        let flows: BTreeMap<&Reference, &TableFlow> = (program.flow.iter())
            .map(|flow| (&flow.table, flow))
            .collect();
        let mut elements = Vec::new();
        for block in &program.blocks {
            let Some(step) = &block.step else { continue };
            let Some(model) = &step.model else { continue };
            let Some((table, span, needs)) = self.learns_from(block, step) else {
                continue;
            };
            let columns = flows.get(&reference(&table)).into_iter();
            let columns = columns.flat_map(|flow| &flow.columns);
            let ways: BTreeMap<&str, &ColumnFlow> = columns
                .map(|column| (column.name.as_str(), column))
                .collect();
            for column in &model.features.columns {
                let way = ways.get(column.name.as_str()).copied();
                let masking = way.and_then(|way| way.coarsened.as_deref());
                let is_masked = match way.is_some_and(|way| !way.masked_by.is_empty()) {
                    false if self.is_doubtful(&table, &column.name) => {
                        Value::Unknown("bool".to_owned())
                    }
                    is_masked => Value::Bool(is_masked),
                };
                let needed = match &needs {
                    Some(needs) => Value::Bool(needs.contains(&column.name)),
                    // The list is in error.
                    None => Value::Unknown("bool".to_owned()),
                };
                let place = i64::try_from(elements.len()).unwrap_or(i64::MAX);
                let entries = [
                    (PLACE, Value::Int(place)),
                    ("name", Value::text(&column.name)),
                    ("type", Value::text(column.column_type.base.word())),
                    ("step", Value::Reference(own(&block.address))),
                    ("classes", texts(column.classes.clone())),
                    ("masked", is_masked),
                    ("made", Value::Bool(way.is_some_and(|way| way.made))),
                    ("masking", masking.map_or(Value::None, Value::text)),
                    ("needed", needed),
                ];
                let entries = entries.map(|(name, value)| (name.to_owned(), value));
                elements.push(Value::Record(entries.into_iter().collect()));
                facts.learned.push(Learned {
                    step: block.address.clone(),
                    span,
                    table: Arc::clone(&table),
                    column: column.name.clone(),
                });
            }
        }
        facts.views.insert(LEARNED, elements);
    }

    /// Whether a step before this table would have rewritten the column, were it not in error.
    fn is_doubtful(&self, table: &Arc<Table>, column: &str) -> bool {
        if self.doubtful.is_empty() {
            return false;
        }
        let mut current = table;
        while let Some(origin) = &current.origin {
            let entry = (current.address.clone(), column.to_owned());
            if self.doubtful.contains(&entry) {
                return true;
            }
            current = &origin.from;
        }
        false
    }

    /// The table from which a step learns, where it is named, and the columns that it needs.
    fn learns_from(
        &self,
        block: &Block,
        step: &Step,
    ) -> Option<(Arc<Table>, Span, Option<BTreeSet<String>>)> {
        let operation = self.library.operations.get(&step.operation)?;
        let ResultRule::Weights { data, needs, .. } = &operation.result else {
            return None;
        };
        let id = self.addresses.get(&block.address)?;
        let Type::Weights(fitted) = &self.evaluated(*id)?.term_type else {
            return None;
        };
        let span = step.spans.get(data).copied().unwrap_or(block.name_span);
        let setting = needs.as_ref().and_then(|name| step.settings.get(name));
        let written = (needs.as_ref()).is_some_and(|name| step.spans.contains_key(name));
        let listed = setting.and_then(Value::as_list).unwrap_or_default();
        let needed = listed.iter().filter_map(Value::as_text).map(str::to_owned);
        let needed = (setting.is_some() || !written).then(|| needed.collect());
        Some((Arc::clone(&fitted.data), span, needed))
    }

    /// A fact about a block, once they are found; a finding before.
    pub(crate) fn fact(&mut self, id: NodeId, fact: &Fact, name: &Name) -> Term {
        let Some(facts) = &self.facts else {
            self.too_early(name.span);
            return Term::error();
        };
        let key = (fact.name.clone(), fact.argument.clone().unwrap_or_default());
        let address = &self.nodes[id].address;
        let value = facts.known.get(&key).and_then(|all| all.get(address));
        let value = match value {
            Some(value) => value.clone(),
            // What an error took away may be what judges it.
            None if matches!(fact.name.as_str(), "evaluations" | "judged") && self.errors() > 0 => {
                return Term::error();
            }
            None if fact.name == "kept_in" && self.has_lost_field(id) => return Term::error(),
            None => empty(&fact.field_type),
        };
        let paid = self.budget.copy(&value);
        if !self.paid(paid, name.span) {
            return Term::error();
        }
        Term::new(fact.field_type.clone(), value)
    }

    fn too_early(&mut self, span: Span) {
        let text = "this is known only once the whole spec is checked";
        self.report(
            Diagnostic::error(code::KNOWN_AFTER_CHECK, span, text)
                .help("what stands here would change what it says")
                .help("ask for it in a `policy`, which judges the spec as a whole"),
        );
    }

    /// Every element of the view of this name, if there is one.
    pub(crate) fn elements(&mut self, view: &str, span: Span) -> Option<Term> {
        if !self.library.views.contains_key(view) {
            return None;
        }
        let Some(facts) = &self.facts else {
            self.too_early(span);
            return Some(Term::error());
        };
        let elements = facts.view(view).to_vec();
        if !self.pay_parts(&elements, span) {
            return Some(Term::error());
        }
        let element = Type::Block(view.into());
        Some(Term::new(
            Type::List(Arc::new(element)),
            Value::List(elements),
        ))
    }

    /// A member of an element of a view.
    pub(crate) fn view_member(&self, view: &str, element: &Value, name: &Name) -> Option<Term> {
        let declared: &FieldDeclaration = self.library.views.get(view)?.get(&name.text)?;
        let value = element.as_record()?.get(&name.text)?;
        Some(Term::new(declared.field_type.clone(), value.clone()))
    }

    /// Where the column of a table got a class, and where it was made of another one.
    pub(crate) fn origins(&self, table: &Arc<Table>, column: &str, class: &str) -> Vec<Label> {
        let mut labels = Vec::new();
        let mut names: BTreeSet<String> = BTreeSet::from([column.to_owned()]);
        let mut current = table;
        while let Some(origin) = &current.origin {
            if let Change::Extend(added) = &origin.change {
                for (name, expression) in added {
                    if !names.remove(name) {
                        continue;
                    }
                    names.extend(columns_of(expression));
                    let made = current.column(name).map(|column| column.span);
                    labels.extend(made.map(|span| Label {
                        span,
                        text: format!("`{name}` is made here"),
                    }));
                }
            }
            current = &origin.from;
        }
        for column in names.iter().filter_map(|name| current.column(name)) {
            if column.classes.contains(class) {
                let text = format!("it becomes {class} here");
                let span = self.class_span(column.span, class);
                labels.push(Label { span, text });
            }
        }
        labels.reverse();
        labels.truncate(ORIGINS_MAX);
        labels
    }

    /// Where a class is written on a declared column, else the column.
    fn class_span(&self, column: Span, class: &str) -> Span {
        let written = self.class_spans.get(&column).into_iter().flatten();
        let gives = |(word, _): &&(String, Span)| self.library.closure(word).contains(class);
        let spans: Vec<&(String, Span)> = written.filter(gives).collect();
        let exact = spans.iter().find(|(word, _)| word == class);
        exact.or(spans.first()).map_or(column, |(_, span)| *span)
    }
}

/// How many places a finding about a column shows.
const ORIGINS_MAX: usize = 4;

/// The value of a fact of which nothing is known to be there.
fn empty(of: &Type) -> Value {
    match of {
        Type::List(_) => Value::List(Vec::new()),
        Type::Bool => Value::Bool(false),
        _ => Value::None,
    }
}

fn by_address(program: &Program) -> HashMap<&Address, &Block> {
    let blocks = program.blocks.iter();
    blocks.map(|block| (&block.address, block)).collect()
}

/// The models that a block which is no step names in its fields: what an endpoint serves.
fn served<'p>(
    block: &'p Block,
    blocks: &HashMap<&Address, &'p Block>,
) -> Vec<&'p crate::program::ModelType> {
    if block.step.is_some() {
        return Vec::new();
    }
    let fields = block.fields.values();
    let named = fields.filter_map(|field| field.value.as_reference());
    let steps = named.filter_map(|reference| blocks.get(&reference.address)?.step.as_ref());
    steps.filter_map(|step| step.model.as_ref()).collect()
}

fn of_class<'p>(table: &'p TableType, class: &str, columns: &mut BTreeSet<&'p str>) {
    let found = table.columns.iter().filter(|c| c.classes.contains(class));
    columns.extend(found.map(|column| column.name.as_str()));
}

/// The texts in a value, however deep.
fn collect_texts(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            texts.insert(text.clone());
        }
        Value::List(elements) => elements.iter().for_each(|e| collect_texts(e, texts)),
        _ => {}
    }
}

fn own(address: &Address) -> Reference {
    Reference {
        address: address.clone(),
        path: Vec::new(),
    }
}

fn blocks(addresses: BTreeSet<&Address>) -> Value {
    let all = addresses.into_iter();
    Value::List(all.map(|address| Value::Reference(own(address))).collect())
}

fn texts(names: BTreeSet<String>) -> Value {
    Value::List(names.into_iter().map(Value::String).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Library;

    const FACTS: [&str; 10] = [
        "allowed",
        "columns",
        "country",
        "evaluations",
        "fits",
        "judged",
        "keeps",
        "kept_in",
        "reads",
        "regions",
    ];

    #[test]
    fn every_declared_fact_is_found_and_every_found_one_declared() {
        let library = Library::standard();
        let kinds = library.kinds.values();
        let mut declared = BTreeSet::new();
        for kind in kinds.flat_map(|kind| kind.nested.values().chain([kind])) {
            for (member, fact) in &kind.facts {
                assert!(FACTS.contains(&fact.name.as_str()), "{member}");
                let class = fact.argument.as_ref();
                assert_eq!(fact.name == "columns", class.is_some(), "{member}");
                assert!(class.is_none_or(|class| library.classes.contains_key(class)));
                declared.insert(fact.name.as_str());
            }
        }
        assert_eq!(declared.into_iter().collect::<Vec<_>>(), FACTS);
        assert_eq!(library.views.keys().collect::<Vec<_>>(), [LEARNED]);
    }
}
