//! Reads declarations (`unit type kind op function data_class attribute view`) into a library.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use crate::declare_unit::{amount, unit};
use crate::diagnostic::FileId;
use crate::mark::{has, number, text, words};
use crate::resolve::{UnknownType, resolve, type_name, type_words, word, word_type};
use crate::result_rule::result_rule;
use crate::schema::{
    Class, Fact, FieldDeclaration, FigureDeclarations, Function, Kind, KindValue, Library,
    Operation, Place, Reads, column_base,
};
use crate::tree::{BlockItem, Expr, ExprKind, Item, Node, TypeExpr};
use crate::types::{Case, CaseResult, CheckedType, Default, EnumType, FieldsType, Parameter, Type};
use crate::{lower, text_form, tree};

/// The words that begin a declaration.
pub(crate) const FORMS: [&str; 8] = [
    "unit",
    "type",
    "kind",
    "op",
    "function",
    "data_class",
    "attribute",
    "view",
];

/// Reads the library's texts. What is wrong with them is in [`Library::faults`].
pub(crate) fn read(texts: &[&str], packs: &[(&'static str, &str)]) -> Library {
    let mut library = Library::default();
    let items = items(&mut library, texts);
    let mut forms: BTreeMap<&str, Vec<(&Item, &BlockItem, &str)>> = BTreeMap::new();
    for item in &items {
        match named_block(item) {
            Some((form, name, block)) => forms.entry(form).or_default().push((item, block, name)),
            None => library
                .faults
                .push(format!("no declaration: {:?}", item.span)),
        }
    }
    let of = |form: &str| forms.get(form).map_or(&[][..], Vec::as_slice);
    of("unit")
        .iter()
        .for_each(|(item, block, name)| unit(&mut library, item, block, name));
    of("data_class")
        .iter()
        .for_each(|(item, block, name)| class(&mut library, item, block, name));
    let kinds = kind_names(of("kind"));
    let released = of("kind").iter().filter(|(_, block, _)| {
        let result = block.result.as_deref();
        result.and_then(word) == Some("release")
    });
    library.released = released.map(|(_, _, name)| (*name).to_owned()).collect();
    of("type").iter().for_each(|(item, block, name)| {
        let declared = type_head(&mut library, item, block, name, &kinds);
        library.types.insert((*name).to_owned(), declared);
    });
    of("type")
        .iter()
        .for_each(|(_, block, name)| cases(&mut library, block, name, &kinds));
    for (item, block, name) in of("kind") {
        let kind = Arc::new(kind(&mut library, item, block, name, &kinds));
        let of_form = has(item, "form");
        let all = if of_form {
            &mut library.forms
        } else {
            &mut library.kinds
        };
        all.insert((*name).to_owned(), kind);
    }
    for (item, block, name) in of("op") {
        let operation = Arc::new(operation(&mut library, item, block, name, &kinds));
        if has(item, "variant") {
            let variants = library.variants.entry((*name).to_owned()).or_default();
            variants.push(operation);
        } else {
            library.operations.insert((*name).to_owned(), operation);
        }
    }
    for (item, block, name) in of("function") {
        let declared = function(&mut library, item, block, name, &kinds);
        library.functions.insert((*name).to_owned(), declared);
    }
    for (item, block, name) in of("attribute") {
        if has(item, "recorded") {
            library.recorded.insert((*name).to_owned());
        }
        let declared = parameters(&mut library, block, &kinds);
        library.attributes.insert((*name).to_owned(), declared);
    }
    for (_, block, name) in of("view") {
        let members = view(&mut library, block, &kinds);
        library.views.insert((*name).to_owned(), members);
    }
    read_packs(&mut library, packs);
    library
}

/// The entries of all texts.
fn items(library: &mut Library, texts: &[&str]) -> Vec<Item> {
    let mut items = Vec::new();
    for text in texts {
        let lowered = lower::lower(text, FileId(u32::MAX));
        library
            .faults
            .extend(lowered.findings.iter().map(|f| f.primary.text.clone()));
        items.extend(lowered.items);
    }
    items
}

fn function(
    library: &mut Library,
    item: &Item,
    block: &BlockItem,
    name: &str,
    kinds: &[&str],
) -> Arc<Function> {
    Arc::new(Function {
        name: name.to_owned(),
        parameters: parameters(library, block, kinds),
        result: optional_type(library, block.result.as_deref(), kinds),
        row: has(item, "row"),
        value: has(item, "value"),
        reads: Reads::of(item),
        body: crate::functions::body(name),
        documentation: item.documentation.to_string(),
    })
}

/// The words of all kinds, nested ones included.
fn kind_names<'i>(kinds: &[(&'i Item, &'i BlockItem, &'i str)]) -> Vec<&'i str> {
    let mut names: Vec<&str> = (kinds.iter())
        .filter(|(item, ..)| !has(item, "form"))
        .map(|(_, _, name)| *name)
        .collect();
    for (_, block, _) in kinds {
        let nested = block.items().iter().filter(|entry| !has(entry, "section"));
        let nested = nested.filter_map(named_block);
        names.extend(nested.filter_map(|(form, name, _)| (form == "kind").then_some(name)));
    }
    names
}

/// The members of a view's elements.
fn view(
    library: &mut Library,
    block: &BlockItem,
    kinds: &[&str],
) -> BTreeMap<String, FieldDeclaration> {
    let members = block.items().iter();
    members
        .filter_map(|entry| field(library, entry, kinds))
        .collect()
}

fn read_packs(library: &mut Library, packs: &[(&'static str, &str)]) {
    for (name, text) in packs {
        let lowered = lower::lower(text, FileId(u32::MAX));
        let faults = lowered.findings.iter().map(|f| f.primary.text.clone());
        library.faults.extend(faults);
        library.packs.insert(name, lowered.items);
    }
}

fn named_block(item: &Item) -> Option<(&str, &str, &BlockItem)> {
    match &item.node {
        Node::Block(block) => {
            let form = block.path.names.first()?.text.as_str();
            Some((form, block.name.as_ref()?.text.as_str(), block))
        }
        _ => None,
    }
}

/// The amount of bytes in the parentheses of this attribute.
fn bytes(library: &Library, item: &Item, name: &str) -> Option<u64> {
    let same = |attribute: &&tree::Attribute| attribute.path.word() == name;
    let attribute = item.attributes.iter().find(same)?;
    let size = amount(library, &attribute.arguments.first()?.value)?;
    u64::try_from(size.factor).ok()
}

fn class(library: &mut Library, item: &Item, block: &BlockItem, name: &str) {
    let mut class = Class {
        implies: Vec::new(),
        never_learned: has(item, "never_learned"),
    };
    for entry in block.items() {
        if let Node::Field { path, value } = &entry.node
            && path.word() == "implies"
            && let ExprKind::List(elements) = &value.kind
        {
            class.implies.extend(
                elements
                    .iter()
                    .filter_map(|e| e.as_name().map(str::to_owned)),
            );
        }
    }
    library.classes.insert(name.to_owned(), class);
}

/// A type that is made from no other: its body says whether it is a record, or has cases.
fn type_of_body(block: &BlockItem, name: &str) -> Type {
    if block.body.is_none() {
        return Type::Opaque(name.into());
    }
    let is_record = block
        .items()
        .iter()
        .any(|entry| matches!(entry.node, Node::Column { .. }));
    if is_record {
        return Type::Fields(Arc::new(FieldsType {
            name: name.to_owned(),
            fields: OnceLock::new(),
        }));
    }
    let named = EnumType {
        name: Some(name.to_owned()),
        of_texts: false,
        cases: OnceLock::new(),
    };
    Type::Enum(Arc::new(named))
}

fn type_head(
    library: &mut Library,
    item: &Item,
    block: &BlockItem,
    name: &str,
    kinds: &[&str],
) -> Type {
    let Some(value) = &block.value else {
        return type_of_body(block, name);
    };
    let mut entries = block.items().iter().filter_map(named_block);
    if value.as_name() == Some("string") && entries.any(|(form, ..)| form == "case") {
        let named = EnumType {
            name: Some(name.to_owned()),
            of_texts: true,
            cases: OnceLock::new(),
        };
        return Type::Enum(Arc::new(named));
    }
    let base = match amount(library, value) {
        Some(unit) => Type::Quantity(unit.dimension),
        None => match value.as_name().map(|word| word_type(library, word, kinds)) {
            Some(Some(base)) => base,
            _ => {
                library
                    .faults
                    .push(format!("type {name} is made from something unknown"));
                Type::Error
            }
        },
    };
    let require = |item: &Item| match &item.node {
        Node::Require(require) => Some((**require).clone()),
        _ => None,
    };
    let requires: Vec<_> = block.items().iter().filter_map(require).collect();
    let forms = words(item, "form");
    let form = forms.first().and_then(|word| text_form::form(word));
    if form.is_some() == forms.is_empty() {
        library
            .faults
            .push(format!("type {name} has an unknown form"));
    }
    if requires.is_empty() && form.is_none() {
        return base;
    }
    Type::Checked(Arc::new(CheckedType {
        name: name.to_owned(),
        base,
        requires,
        form,
    }))
}

/// The entries of a declared record.
fn fields(library: &mut Library, record: &FieldsType, block: &BlockItem, kinds: &[&str]) {
    let mut all = Vec::new();
    for item in block.items() {
        match &item.node {
            Node::Column {
                name, column_type, ..
            } => {
                let of = optional_type(library, Some(column_type), kinds);
                all.push((name.text.clone(), of));
            }
            _ => {
                let fault = format!("type {} holds something that is no entry", record.name);
                library.faults.push(fault);
            }
        }
    }
    if record.fields.set(all).is_err() {
        let fault = format!("type {} is declared twice", record.name);
        library.faults.push(fault);
    }
}

fn cases(library: &mut Library, block: &BlockItem, name: &str, kinds: &[&str]) {
    if let Some(Type::Fields(record)) = library.types.get(name).cloned() {
        return fields(library, &record, block, kinds);
    }
    let Some(Type::Enum(enumeration)) = library.types.get(name).cloned() else {
        return;
    };
    let mut all = Vec::new();
    for item in block.items() {
        let Some(("case", name, block)) = named_block(item) else {
            library
                .faults
                .push(format!("type {name} holds something that is no case"));
            continue;
        };
        let result = match block.result.as_deref().and_then(word) {
            None => CaseResult::Same,
            Some("nothing") => CaseResult::Nothing,
            Some(word) => match column_base(word) {
                Some(base) => CaseResult::Base(base),
                None => {
                    library.faults.push(format!("case {name} makes no column"));
                    CaseResult::Same
                }
            },
        };
        let parameters = parameters(library, block, kinds);
        if has(item, "joined")
            && let Some(Type::Block(kind)) = parameters.first().map(|first| &first.parameter_type)
        {
            let made = (Arc::clone(&enumeration), name.to_owned());
            library.joins.insert(kind.to_string(), made);
        }
        all.push(Case {
            name: name.to_owned(),
            countries: words(item, "countries"),
            memory: bytes(library, item, "memory"),
            parameters,
            deprecated: text(item, "deprecated"),
            cuts: has(item, "cuts"),
            takes: words(item, "takes")
                .iter()
                .filter_map(|word| column_base(word))
                .collect(),
            result,
            clears: words(item, "clears"),
            adds: words(item, "adds"),
        });
    }
    if enumeration.cases.set(all).is_err() {
        library
            .faults
            .push(format!("type {name} is declared twice"));
    }
}

fn parameters(library: &mut Library, block: &BlockItem, kinds: &[&str]) -> Vec<Parameter> {
    let mut all = Vec::new();
    for parameter in block.parameters.iter().flatten() {
        all.push(Parameter {
            name: parameter.name.text.clone(),
            parameter_type: optional_type(library, Some(&parameter.parameter_type), kinds),
            default: parameter.default.clone().map(Default::new),
        });
    }
    all
}

fn optional_type(library: &mut Library, written: Option<&TypeExpr>, kinds: &[&str]) -> Type {
    let resolved = written.map(|written| resolve(library, written, kinds));
    match resolved {
        Some(Ok(resolved)) => resolved,
        Some(Err(UnknownType { name, .. })) => {
            library.faults.push(format!("unknown type {name}"));
            Type::Error
        }
        None => {
            library.faults.push("a type is missing".to_owned());
            Type::Error
        }
    }
}

/// The kind that a head places something on, `on kind` or `on optional(kind)`, and whether it need
/// not be there.
pub(crate) fn place_word(written: &Expr) -> (Option<&str>, bool) {
    match &written.kind {
        ExprKind::Name(name) => (Some(name.as_str()), false),
        ExprKind::Call { callee, arguments } if callee.as_name() == Some("optional") => {
            (arguments.first().and_then(|a| a.value.as_name()), true)
        }
        _ => (None, false),
    }
}

fn place(library: &mut Library, block: &BlockItem, kinds: &[&str]) -> Place {
    let Some(written) = &block.place else {
        return Place::Nothing;
    };
    let (name, optional) = place_word(written);
    match name.filter(|name| kinds.contains(name)) {
        Some(name) if optional => Place::Optional(name.to_owned()),
        Some(name) => Place::Required(name.to_owned()),
        None => {
            library.faults.push("a place is no kind".to_owned());
            Place::Nothing
        }
    }
}

fn field(library: &mut Library, item: &Item, kinds: &[&str]) -> Option<(String, FieldDeclaration)> {
    let Node::Column {
        name,
        column_type,
        default,
    } = &item.node
    else {
        return None;
    };
    let mut field_type = optional_type(library, Some(column_type), kinds);
    let secret = has(item, "secret");
    if secret {
        field_type = Type::Secret(Arc::new(field_type));
    }
    let declared = FieldDeclaration {
        field_type,
        default: default.clone().map(|written| Default::new(*written)),
        computed: has(item, "computed"),
        chosen: has(item, "chosen"),
        secret,
        late: has(item, "late"),
        keeps: has(item, "keeps"),
        judged: has(item, "judged"),
        unkeyed: has(item, "unkeyed"),
        some: has(item, "some"),
        distinct: has(item, "distinct"),
        memory: words(item, "memory").pop(),
        of_class: words(item, "of").pop(),
        here: has(item, "here"),
        deprecated: text(item, "deprecated"),
        documentation: item.documentation.to_string(),
    };
    Some((name.text.clone(), declared))
}

/// What stands behind the `=` of a kind's blocks.
fn kind_value(library: &mut Library, block: &BlockItem, name: &str, kinds: &[&str]) -> KindValue {
    let value = block.value.as_ref();
    match value.map(|value| value.as_name().unwrap_or("")) {
        None => KindValue::Nothing,
        Some("op") => KindValue::Operation,
        Some("condition") => KindValue::Condition,
        Some(word) => match word_type(library, word, kinds) {
            Some(resolved) => KindValue::Of(resolved),
            None => {
                library
                    .faults
                    .push(format!("kind {name} has a value of no type"));
                KindValue::Nothing
            }
        },
    }
}

fn kind(library: &mut Library, item: &Item, block: &BlockItem, name: &str, kinds: &[&str]) -> Kind {
    let mut declared = Kind {
        name: name.to_owned(),
        role: words(item, "role").first().cloned(),
        once: has(item, "once"),
        section: has(item, "section"),
        place: place(library, block, kinds),
        value: kind_value(library, block, name, kinds),
        table: block.result.as_deref().and_then(table_section),
        fields: BTreeMap::new(),
        nested: BTreeMap::new(),
        facts: BTreeMap::new(),
        each: None,
        holds_data: has(item, "protect"),
        secret: has(item, "secret"),
        replaces: Arc::default(),
        computed: Arc::default(),
        figures: FigureDeclarations::default(),
        deprecated: text(item, "deprecated"),
    };
    let (mut replaces, mut computed) = (BTreeSet::new(), BTreeSet::new());
    for entry in block.items() {
        if let Some(("kind", name, nested)) = named_block(entry) {
            let nested = kind(library, entry, nested, name, kinds);
            if nested.section {
                let figures = nested.figures.plain.iter();
                let named = figures.map(|(figure, of)| (format!("{name}.{figure}"), of.clone()));
                declared.figures.plain.extend(named);
            }
            declared.nested.insert(name.to_owned(), Arc::new(nested));
        } else if let Some((name, field)) = field(library, entry, kinds) {
            if name == "each" {
                declared.each = Some(field.field_type);
                continue;
            }
            if let [fact, argument @ ..] = words(entry, "fact").as_slice() {
                let fact = Fact {
                    field_type: field.field_type,
                    name: fact.clone(),
                    argument: argument.first().cloned(),
                };
                declared.facts.insert(name, fact);
                continue;
            }
            if field.here {
                declared.figures.plain.insert(name, field.field_type);
                continue;
            }
            if has(entry, "replaces") {
                replaces.insert(name.clone());
            }
            if field.computed {
                computed.insert(name.clone());
            }
            declared.fields.insert(name, field);
        } else if let Some(("function", name, nested)) = named_block(entry) {
            let asked = function(library, entry, nested, name, kinds);
            declared.figures.asked.insert(name.to_owned(), asked);
        } else {
            library
                .faults
                .push(format!("kind {name} holds something that is no field"));
        }
    }
    declared.replaces = Arc::new(replaces);
    declared.computed = Arc::new(computed);
    declared
}

/// `columns` of `table(columns)`.
fn table_section(written: &TypeExpr) -> Option<String> {
    match (type_name(written)?, type_words(written).as_slice()) {
        ("table", [section]) => Some(section.clone()),
        _ => None,
    }
}

fn operation(
    library: &mut Library,
    item: &Item,
    block: &BlockItem,
    name: &str,
    kinds: &[&str],
) -> Operation {
    let mut declared = Operation {
        name: name.to_owned(),
        version: number(item, "version").unwrap_or(0),
        each_row: has(item, "each_row"),
        training_only: has(item, "training_only"),
        parameters: parameters(library, block, kinds),
        result: result_rule(library, block, name),
        place: place(library, block, kinds),
        fields: BTreeMap::new(),
        sections: BTreeMap::new(),
        figures: FigureDeclarations::default(),
        computed: Arc::default(),
        each: None,
    };
    for entry in block.items() {
        match (field(library, entry, kinds), named_block(entry)) {
            (Some((name, field)), _) if name == "each" => declared.each = Some(field.field_type),
            (Some((name, field)), _) => {
                if field.here {
                    let figures = &mut declared.figures.plain;
                    figures.insert(name.clone(), field.field_type.clone());
                }
                declared.fields.insert(name, field);
            }
            (None, Some(("kind", name, nested))) if has(entry, "section") => {
                let section = kind(library, entry, nested, name, kinds);
                declared.sections.insert(name.to_owned(), Arc::new(section));
            }
            (None, Some(("function", name, nested))) => {
                let asked = function(library, entry, nested, name, kinds);
                declared.figures.asked.insert(name.to_owned(), asked);
            }
            _ => library
                .faults
                .push(format!("op {name} holds something that is no field")),
        }
    }
    let computed = (declared.fields.iter()).filter(|(_, field)| field.computed);
    declared.computed = Arc::new(computed.map(|(name, _)| name.clone()).collect());
    declared
}
