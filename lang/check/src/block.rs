//! Checks a block against its kind: head, fields, wishes, attributes, columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use litemap::LiteMap;
use mlinfra_api::{Address, Reference, Value};

use crate::attribute::AFTER;
use crate::check::{Checker, Env};
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::habit;
use crate::program::{Block, Field};
use crate::schema::{FieldDeclaration, Kind, KindValue, Place};
use crate::scope::{Form, NAMES_OF_KIND_MAX, NodeId};
use crate::suggest::nearest;
use crate::tree::{BlockItem, Expr, Item, Name, Node, Path};
use crate::types::{Term, Type, a};

impl<'t> Checker<'t> {
    /// Checks a block; the term is what a reference to it amounts to.
    pub(crate) fn check_block(&mut self, id: NodeId, kind: &Arc<Kind>) -> Term {
        let node = &self.nodes[id];
        let Some(block) = node.block else {
            return Term::error();
        };
        let (item, broken) = (node.item, node.broken);
        let head: &[&str] = match kind.value {
            KindValue::Nothing => &["place", "for", "when"],
            _ => &["place", "value", "for", "when"],
        };
        self.refuse_head(block, head);
        if let Some(instead) = &kind.deprecated {
            self.warn_deprecated(&kind.name, instead, block.path.span);
        }
        let scope = self.nodes[id].scope;
        let attributes = self.attributes(&item.attributes, kind, Env::of(scope));
        let mut checked = self.empty_block(id, kind, item, attributes);
        let term = if matches!(kind.value, KindValue::Operation) {
            self.check_step(id, block, &mut checked, &kind.place)
        } else {
            checked.place = self.place(id, block, &kind.place, broken);
            self.check_value(id, kind, block, &mut checked);
            self.check_fields(id, kind, block, &mut checked);
            match &kind.table {
                Some(section) => {
                    let table = Arc::new(self.check_table(id, kind, section, block));
                    checked.table = Some(table.table_type());
                    Term::new(Type::Table(table), self.reference_to(id))
                }
                None => Term::new(
                    Type::Block(kind.name.as_str().into()),
                    self.reference_to(id),
                ),
            }
        };
        self.blocks.set(id, checked);
        term
    }

    pub(crate) fn empty_block(
        &self,
        id: NodeId,
        kind: &Kind,
        item: &Item,
        attributes: BTreeMap<String, BTreeMap<String, Value>>,
    ) -> Block {
        let node = &self.nodes[id];
        Block {
            address: node.address.clone(),
            kind: kind.name.clone(),
            role: kind.role.clone(),
            parent: self.block_around(id),
            place: None,
            fields: LiteMap::new(),
            wishes: Vec::new(),
            value: None,
            step: None,
            table: None,
            holds_data: kind.holds_data,
            attributes,
            after: Vec::new(),
            replaces: kind.replaces.clone(),
            computed: kind.computed.clone(),
            span: item.span,
            name_span: node.name.span,
            documentation: item.documentation.to_string(),
        }
    }

    /// Reports parts of a head that this block can't have.
    pub(crate) fn refuse_head(&mut self, block: &BlockItem, allowed: &[&str]) {
        let word = block.path.word();
        let head = block.head();
        let parts: [(&str, &str, Option<Span>); 3] = [
            (
                "parameters",
                "params",
                block.parameters.as_ref().map(|_| head),
            ),
            (
                "type",
                "type",
                block.result.as_ref().map(|written| written.span),
            ),
            (
                "value",
                "value",
                block.value.as_ref().map(|value| value.span),
            ),
        ];
        for (what, key, span) in parts {
            let Some(span) = span.filter(|_| !allowed.contains(&key)) else {
                continue;
            };
            let code = if key == "value" {
                code::VALUE_UNWANTED
            } else {
                code::HEAD_PART_UNWANTED
            };
            self.report(
                Diagnostic::error(code, span, format!("a `{word}` has no {what}"))
                    .help("nothing would read it")
                    .help("take it out; what it was meant to say is perhaps a field"),
            );
        }
        if let Some(place) = &block.place
            && !allowed.contains(&"place")
        {
            self.place_unwanted(block, place.span);
        }
        let when = block.when.as_ref().map(|condition| condition.span);
        let repeat = block.repeat.as_ref().map(|repeat| repeat.span);
        for (key, span) in [("for", repeat), ("when", when)] {
            let Some(span) = span.filter(|_| !allowed.contains(&key)) else {
                continue;
            };
            self.report(
                Diagnostic::error(
                    code::HEAD_PART_UNWANTED,
                    span,
                    format!("a `{word}` takes no `{key}`"),
                )
                .help("it is there once and always, so this would have no effect")
                .help(match key {
                    "for" => "write a list as its value: `[x for x in xs]`",
                    _ => "write `if … then … else …` as its value",
                }),
            );
        }
    }

    fn place_unwanted(&mut self, block: &BlockItem, span: Span) {
        let text = format!(
            "{} is placed on nothing",
            a(format!("`{}`", block.path.text()))
        );
        self.report(
            Diagnostic::error(code::PLACE_UNWANTED, span, text)
                .help("it is nowhere, so saying where would change nothing")
                .help("take `on` and what follows out"),
        );
    }

    /// Reports attributes of an entry that takes none: a field, a `let`, an `output`.
    pub(crate) fn refuse_attributes(&mut self, item: &Item) {
        if matches!(item.node, Node::Block(_)) {
            return;
        }
        for attribute in &item.attributes {
            let name = attribute.path.text();
            if !name.is_empty() {
                self.attribute_unwanted(&name, attribute.path.span);
            }
        }
    }

    /// Reports an attribute where none has an effect.
    pub(crate) fn attribute_unwanted(&mut self, name: &str, span: Span) {
        let text = format!("`@{name}` has no meaning here");
        self.report(
            Diagnostic::error(code::ATTRIBUTE_UNKNOWN, span, text)
                .help("it would stand here without any effect")
                .help("blocks take attributes, and columns take data classes"),
        );
    }

    /// What the block is placed on: written, or inherited from the nearest block around it.
    pub(crate) fn place(
        &mut self,
        id: NodeId,
        block: &BlockItem,
        rule: &Place,
        broken: bool,
    ) -> Option<Address> {
        let wanted = rule.kind();
        if let Some(written) = &block.place {
            let Some(wanted) = wanted else {
                self.place_unwanted(block, written.span);
                return None;
            };
            return self.written_place(id, written, wanted);
        }
        let wanted = wanted?;
        let mut head = block.head();
        let mut text = format!("this needs a `{wanted}` to be placed on");
        let mut parent = self.nodes[id].parent;
        while let Some(outer) = parent {
            let outer_block = self.nodes[outer].block?;
            let same_kind = match &self.nodes[outer].form {
                Form::Block(kind) => kind.place.kind() == Some(wanted),
                Form::Instance(of) => self.components[*of].place.kind() == Some(wanted),
                _ => false,
            };
            if same_kind && let Some(written) = &outer_block.place {
                return self.written_place(outer, written, wanted);
            }
            if same_kind {
                // One word there places everything in it.
                head = outer_block.head();
                text = format!("what is in it needs a `{wanted}` to be placed on");
            }
            if self.nodes[outer].broken {
                return None;
            }
            parent = self.nodes[outer].parent;
        }
        if matches!(rule, Place::Required(_)) && !broken {
            // What many entries share is said once.
            if self.said.has_place(code::PLACE_MISSING, head) {
                return None;
            }
            let finding = Diagnostic::error(code::PLACE_MISSING, head, text)
                .help("no place is ever chosen silently: a second one would move things");
            let known = self.nodes_of_kind(wanted);
            let finding = match known.as_slice() {
                [only] => finding
                    .help(format!("write `on {only}` behind its name"))
                    .fix(
                        format!("place it on {only}"),
                        head.end(),
                        format!(" on {only}"),
                    ),
                _ => finding.help(format!("write `on` and a `{wanted}` behind its name")),
            };
            self.report(finding);
        }
        None
    }

    /// The block around; an instance of a component is none.
    fn block_around(&self, id: NodeId) -> Option<Address> {
        let around = &self.nodes[self.nodes[id].parent?];
        matches!(around.form, Form::Block(_)).then(|| around.address.clone())
    }

    /// The first names of blocks of a kind: as many as are ever shown or suggested.
    pub(crate) fn nodes_of_kind(&self, kind: &str) -> Vec<String> {
        let of_kind = self.of_kind.get(kind).into_iter().flatten();
        let names = of_kind.map(|id| self.nodes[*id].name.text.clone());
        names.take(NAMES_OF_KIND_MAX).collect()
    }

    /// The place written on a block, looked up once.
    fn written_place(&mut self, id: NodeId, written: &Expr, wanted: &str) -> Option<Address> {
        if let Some(known) = self.places.get(&id) {
            return known.clone();
        }
        let place = self.look_up_place(id, written, wanted);
        self.places.insert(id, place.clone());
        place
    }

    fn look_up_place(&mut self, id: NodeId, written: &Expr, wanted: &str) -> Option<Address> {
        let env = Env::of(self.nodes[id].scope);
        let expected = Type::Block(wanted.into());
        let term = self.eval(written, &expected, env);
        let term = self.present_place(term, written.span);
        match (&term.term_type, &term.value) {
            (Type::Error, _) => None,
            // Of a component that nothing is made of.
            (Type::Block(kind), Value::Unknown(_)) if **kind == *wanted => None,
            (Type::Block(kind), Value::Reference(Reference { address, path }))
                if **kind == *wanted && path.is_empty() =>
            {
                Some(address.clone())
            }
            (found, _) => {
                let text = format!(
                    "this is {found}, and {wanted} belongs here",
                    found = found.said(),
                    wanted = a(wanted)
                );
                let known = self.nodes_of_kind(wanted);
                let finding = Diagnostic::error(code::PLACE_WRONG, written.span, text)
                    .help("what it is placed on decides what can be made of it");
                let finding = match known.as_slice() {
                    [only] => finding.help(format!("did you mean `{only}`?")).fix(
                        format!("place it on {only}"),
                        written.span,
                        only,
                    ),
                    [] => {
                        let line = self.example_line(wanted);
                        finding.help(format!("there is no `{wanted}` yet: write `{line}`"))
                    }
                    _ => finding.help(format!("name a `{wanted}`")),
                };
                self.report(finding);
                None
            }
        }
    }

    /// What stands behind the block's `=`.
    fn check_value(&mut self, id: NodeId, kind: &Kind, block: &BlockItem, checked: &mut Block) {
        let expected = match &kind.value {
            KindValue::Of(expected) => expected,
            KindValue::Condition => return self.condition_value(id, kind, block, checked),
            KindValue::Nothing | KindValue::Operation => return,
        };
        match &block.value {
            Some(value) => {
                let env = Env::of(self.nodes[id].scope);
                let term = self.value(value, expected, env);
                if !term.term_type.is_error() {
                    checked.value = Some(term.value);
                }
            }
            None if self.nodes[id].broken => {}
            None => {
                let text = format!("this `{}` has no value", kind.name);
                let written = self.value_in_body(block, expected);
                let advice = match written {
                    Some(case) => format!("write `= {case}` behind the name"),
                    None => format!("write `= {expected}` with one of its cases behind the name"),
                };
                self.report(
                    Diagnostic::error(code::VALUE_MISSING, self.nodes[id].name.span, text)
                        .help(format!("its value says which {expected} it is"))
                        .help(advice),
                );
            }
        }
    }

    pub(crate) fn check_fields(
        &mut self,
        id: NodeId,
        kind: &Kind,
        block: &BlockItem,
        checked: &mut Block,
    ) {
        let env = Env::of(self.nodes[id].body);
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        let mut wished: BTreeMap<String, Span> = BTreeMap::new();
        let mut stray = false;
        for item in block.items() {
            self.refuse_attributes(item);
            match &item.node {
                Node::Field { path, value } => {
                    let name = path.word();
                    if name == AFTER && self.takes_order(id, kind) {
                        if !self.field_twice(&name, path.span, &mut seen) {
                            checked.after = self.comes_after(value, env);
                        }
                        continue;
                    }
                    let Some(declared) = self.declared_field(id, kind, path, item) else {
                        stray = true;
                        continue;
                    };
                    if self.field_twice(&name, path.span, &mut seen)
                        || self.field_computed(declared, path)
                    {
                        continue;
                    }
                    let term = self.value(value, &declared.field_type, env);
                    self.lists_some(declared, &term, value.span);
                    let field = self.written_field(declared, term, value.span);
                    checked
                        .fields
                        .extend(field.map(|field| (name.into_owned(), field)));
                }
                Node::Requirement {
                    path,
                    operator,
                    value,
                } => {
                    let Some(declared) = self.declared_field(id, kind, path, item) else {
                        stray = true;
                        continue;
                    };
                    wished.insert(path.text(), path.span);
                    let wish = self.wish(declared, path, *operator, value, env);
                    checked.wishes.extend(wish.map(|wish| (wish, item.span)));
                }
                Node::Column {
                    name, column_type, ..
                } => {
                    stray = true;
                    if !item.broken {
                        self.report(given_a_type(name, column_type.span));
                    }
                }
                Node::Block(nested) => stray |= !kind.nested.contains_key(&*nested.path.word()),
                Node::Bad | Node::Require(_) | Node::Use(_) => stray = true,
            }
        }
        self.wishes_meet(checked);
        seen.extend(wished);
        self.fill_defaults(id, kind, checked, &seen, stray);
    }

    /// A field as written; none if its value is in error.
    fn written_field(
        &mut self,
        declared: &FieldDeclaration,
        term: Term,
        span: Span,
    ) -> Option<Field> {
        if term.term_type.is_error() {
            return None;
        }
        let default = declared.default.as_ref();
        let default = default.map(|default| self.default_value(default, &declared.field_type));
        Some(Field {
            is_default: default.as_ref() == Some(&term.value),
            value: term.value,
            span,
            written: true,
            secret: declared.secret,
        })
    }

    /// Whether a block of this kind can say what it comes after: something is made of it, and it
    /// has no field of that name.
    fn takes_order(&self, id: NodeId, kind: &Kind) -> bool {
        let is_made = matches!(self.nodes[id].form, Form::Block(_)) && !kind.once;
        is_made && !kind.fields.contains_key(AFTER)
    }

    /// The declaration of a written field; a finding if there is none.
    fn declared_field<'k>(
        &mut self,
        id: NodeId,
        kind: &'k Kind,
        path: &Path,
        item: &Item,
    ) -> Option<&'k FieldDeclaration> {
        let name = path.word();
        if let Some(declared) = kind.fields.get(&*name) {
            if let Some(instead) = &declared.deprecated {
                self.warn_deprecated(&name, instead, path.span);
            }
            return Some(declared);
        }
        if kind.nested.contains_key(&*name) && item.broken {
            return None;
        }
        let known = kind.fields.iter().filter(|(_, field)| !field.computed);
        let known: Vec<&str> = known.map(|(name, _)| name.as_str()).collect();
        // Where the value itself is missing, it is what was meant here.
        let has_value = self.nodes[id]
            .block
            .is_some_and(|block| block.value.is_some());
        if known.is_empty() && !has_value && matches!(kind.value, KindValue::Of(_)) {
            return None;
        }
        let finding = (self.field_of_value(id, kind, path, item))
            .unwrap_or_else(|| unknown_field(&name, path.span, &kind.name, &known, kind));
        self.report(finding);
        None
    }

    pub(crate) fn field_twice(
        &mut self,
        name: &str,
        span: Span,
        seen: &mut BTreeMap<String, Span>,
    ) -> bool {
        let Some(first) = seen.get(name).copied() else {
            seen.insert(name.to_owned(), span);
            return false;
        };
        self.report(
            Diagnostic::error(
                code::FIELD_TWICE,
                span,
                format!("`{name}` stands here a second time"),
            )
            .also(first, "and here first")
            .help("which of the two counts is not said anywhere")
            .help("take one of them out"),
        );
        true
    }

    pub(crate) fn field_computed(&mut self, declared: &FieldDeclaration, path: &Path) -> bool {
        if declared.computed {
            let text = format!("`{}` is computed", path.text());
            self.report(
                Diagnostic::error(code::FIELD_COMPUTED, path.span, text)
                    .help("its value comes out of apply; what is written here would be lost")
                    .help("take it out, and refer to it where it is needed"),
            );
        }
        declared.computed
    }

    fn fill_defaults(
        &mut self,
        id: NodeId,
        kind: &Kind,
        checked: &mut Block,
        seen: &BTreeMap<String, Span>,
        stray: bool,
    ) {
        let name = self.nodes[id].name.clone();
        let broken = self.nodes[id].broken;
        if stray || broken {
            self.uncertain.insert(id);
        }
        for (field, declared) in &kind.fields {
            if seen.contains_key(field) {
                continue;
            }
            if let Some(default) = &declared.default {
                let value = self.default_value(default, &declared.field_type);
                let field_value = Field {
                    value,
                    span: name.span,
                    written: false,
                    is_default: true,
                    secret: declared.secret,
                };
                checked.fields.insert(field.clone(), field_value);
            } else if declared.required() && !broken && !stray {
                let finding = self.missing_field(field, declared, name.span, &kind.name);
                self.report(finding);
            }
        }
    }
}

/// A finding about an entry with a type where a value belongs.
fn given_a_type(name: &Name, of: Span) -> Diagnostic {
    let text = format!("`{}` is given a type, not a value", name.text);
    let colon = Span {
        start: name.span.end,
        end: of.start,
        ..name.span
    };
    Diagnostic::error(code::ENTRY_OUT_OF_PLACE, name.span, text)
        .help("what types there are is declared with the kind")
        .help(format!("write `{} = value`", name.text))
        .fix("`:` → `=`", colon, " = ")
}

/// A finding about a field that a kind has not.
pub(crate) fn unknown_field(
    name: &str,
    span: Span,
    of: &str,
    known: &[&str],
    kind: &Kind,
) -> Diagnostic {
    let meant = nearest(
        name,
        known
            .iter()
            .copied()
            .chain(kind.nested.keys().map(String::as_str)),
    );
    let text = format!("{} has no field `{name}`", a(format!("`{of}`")));
    let finding = Diagnostic::error(code::FIELD_UNKNOWN, span, text)
        .help("nothing would read it, so it would have no effect");
    match meant {
        Some(_) => finding.suggest(span, name, meant),
        None if let Some(advice) = habit::field_advice(name) => finding.help(advice),
        None if known.is_empty() => finding.help("it has no fields at all: take this out"),
        None if habit::steps(kind).is_some() => finding.help(habit::step_advice(kind, name)),
        None if known.len() == 1 => finding.help(format!("its one field is `{}`", known[0])),
        None => finding.help(format!("its fields are {}", crate::wording::list(known))),
    }
}
