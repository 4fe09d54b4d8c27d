//! Which names there are: every named block, parameter and `let`, by scope.

use std::collections::BTreeMap;
use std::sync::Arc;

use ahash::HashMap;
use mlinfra_api::Address;

use crate::check::Checker;
use crate::code;
use crate::component::{COMPONENT, ComponentId};
use crate::declare::FORMS;
use crate::diagnostic::{Diagnostic, Span};
use crate::environment::WorldForm;
use crate::habit;
use crate::names::{declared_in_spec, form_unsupported};
use crate::schema::{Kind, KindValue};
use crate::suggest::nearest;
use crate::test::TEST;
use crate::tree::{BlockItem, Item, Name, Node};
use crate::user_function::FUNCTION;
use crate::wording::list;

/// A declared thing, by its place in [`Checker::nodes`].
pub(crate) type NodeId = usize;
/// A scope, by its place in [`Checker::scopes`].
pub(crate) type ScopeId = usize;

/// What other languages have a form for, and this one an attribute.
const FORMS_UNSUPPORTED: [&str; 1] = ["import"];

/// The forms that a file has beside blocks of kinds.
const FORMS_OF_SPEC: [&str; 10] = [
    "let",
    "param",
    "output",
    COMPONENT,
    FUNCTION,
    TEST,
    "policy",
    "environment",
    "moved",
    "removed",
];

/// A scope: a file, or the body of a block.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    pub(crate) parent: Option<ScopeId>,
    pub(crate) names: HashMap<String, NodeId>,
    /// Components: words, so they hide no value.
    pub(crate) components: BTreeMap<String, ComponentId>,
    /// Files used under a name of their own.
    pub(crate) modules: BTreeMap<String, Module>,
    /// Outputs, which nothing in the file refers to.
    pub(crate) outputs: BTreeMap<String, NodeId>,
    /// Whether a name may be missing here because of a finding: looking one up then never fails.
    pub(crate) open: bool,
}

/// A file that is used under a name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Module {
    pub(crate) scope: ScopeId,
    /// Where it is given that name.
    pub(crate) span: Span,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    Block(Arc<Kind>),
    /// The blocks of a component, under a name.
    Instance(ComponentId),
    /// A block with `for`, and what each element of it is.
    Family(Arc<Form>),
    /// What a `for` names so in one element.
    Round,
    Let,
    Parameter,
    Output,
    Test,
    /// What says something about the world: `environment`.
    World(WorldForm),
    /// Something in error: everything about it fits.
    Stray,
}

/// A declared thing.
#[derive(Debug)]
pub(crate) struct Declared<'t> {
    pub(crate) form: Form,
    pub(crate) name: Name,
    pub(crate) item: &'t Item,
    /// None for a stray entry that is no block.
    pub(crate) block: Option<&'t BlockItem>,
    pub(crate) parent: Option<NodeId>,
    /// Where the names in its head are looked up.
    pub(crate) scope: ScopeId,
    /// Where the names in its body are looked up.
    pub(crate) body: ScopeId,
    pub(crate) address: Address,
    /// Whether a syntax error may have taken something from it.
    pub(crate) broken: bool,
}

/// Where entries are collected.
#[derive(Clone)]
pub(crate) struct Place {
    /// The file's own scope: a component's body sees the words of the file that it stands in.
    pub(crate) file: ScopeId,
    pub(crate) scope: ScopeId,
    /// The block around, with its kind; none for a file and for a component.
    pub(crate) parent: Option<(NodeId, Arc<Kind>)>,
    /// The instance whose component this is the body of.
    pub(crate) instance: Option<NodeId>,
    /// Whether the file has a syntax error: entries may have fallen out of their block.
    pub(crate) file_broken: bool,
}

impl Place {
    /// Whether this is the top of a file.
    fn is_file(&self) -> bool {
        self.parent.is_none() && self.instance.is_none()
    }

    /// What is around: a block, or an instance of a component.
    pub(crate) fn around(&self) -> Option<NodeId> {
        let block = self.parent.as_ref().map(|(id, _)| *id);
        block.or(self.instance)
    }
}

impl<'t> Checker<'t> {
    /// Collects the names that these entries declare, and those inside them.
    pub(crate) fn collect(&mut self, items: &'t [Item], place: &Place) {
        for item in items {
            match &item.node {
                Node::Use(_) if place.is_file() => self.refuse_attributes(item),
                Node::Bad => self.scopes[place.scope].open = true,
                Node::Block(block) => self.collect_block(item, block, place),
                Node::Field { path, .. } | Node::Requirement { path, .. } => {
                    let known = match &place.parent {
                        None => false,
                        Some((_, kind)) => kind.fields.contains_key(&*path.word()),
                    };
                    if !known && let Some(name) = path.names.first() {
                        self.stray(item, name, place);
                    }
                }
                Node::Column { name, .. } => self.stray(item, name, place),
                Node::Use(_) => {
                    self.out_of_place_at(item.span, place, "`use` stands at the top of a file")
                }
                Node::Require(_) => self.unsupported_require(item, place),
            }
        }
    }

    fn unsupported_require(&mut self, item: &Item, place: &Place) {
        if place.parent.is_none() {
            let text = "`require` stands in what it is a condition on";
            self.out_of_place_at(item.span, place, text);
            return;
        }
        let text = "this condition would not be judged";
        self.report(
            Diagnostic::error(code::FORM_UNSUPPORTED, item.span, text)
                .help("a condition that nobody judges would be worse than none")
                .help("take it out; conditions of `param` are judged already"),
        );
    }

    /// An entry that is no block and no field of its parent: its name fits everything.
    fn stray(&mut self, item: &'t Item, name: &Name, place: &Place) {
        if place.parent.is_none() {
            let text = format!("`{}` belongs to no block", name.text);
            self.out_of_place_at(name.span, place, &text);
        }
        let is_form = matches!(name.text.as_str(), "let" | "param" | "output");
        if is_form || self.library.kinds.contains_key(&name.text) || self.is_nested_kind(&name.text)
        {
            self.scopes[place.scope].open = true;
        }
        self.declare(Form::Stray, name, item, None, place);
    }

    fn out_of_place_at(&mut self, span: Span, place: &Place, text: &str) {
        if place.file_broken {
            return;
        }
        self.report(
            Diagnostic::error(code::ENTRY_OUT_OF_PLACE, span, text)
                .help("at the top of a file stand blocks: `kind name { … }`")
                .help("move it into the block that it belongs to, or name a value with `let`"),
        );
    }

    fn collect_block(&mut self, item: &'t Item, block: &'t BlockItem, place: &Place) {
        let word = block.path.word();
        if word.is_empty() {
            self.scopes[place.scope].open = true;
            self.stray_block(item, block, place);
            return;
        }
        if place.parent.is_none() && self.collect_form(item, block, &word, place) {
            return;
        }
        let found = match &place.parent {
            None => self.library.kinds.get(&*word).cloned(),
            Some((_, kind)) => kind.nested.get(&*word).cloned(),
        };
        match found {
            None => match self.component_named(&block.path, place) {
                Some(component) => self.collect_instance(item, block, component, place),
                None => self.unknown_kind(item, block, &word, place),
            },
            Some(kind) if kind.section => self.collect_section(block, place, &kind),
            Some(kind) => self.collect_kind(item, block, kind, place),
        }
    }

    /// Collects `let`, `param` and `output`, and says which forms are not for a spec. Whether it
    /// was one of them.
    fn collect_form(
        &mut self,
        item: &'t Item,
        block: &'t BlockItem,
        word: &str,
        place: &Place,
    ) -> bool {
        let form = match word {
            "let" => Form::Let,
            "param" => Form::Parameter,
            "output" => Form::Output,
            _ if !place.is_file() && is_of_file(word) => {
                let text = format!("a `{word}` stands at the top of a file");
                self.out_of_place_at(block.path.span, place, &text);
                return true;
            }
            // They were collected before everything else.
            COMPONENT | FUNCTION => return true,
            TEST => Form::Test,
            _ if let Some(form) = WorldForm::of(word) => Form::World(form),
            "policy" => {
                self.collect_policy(item, block, place.scope);
                return true;
            }
            _ if FORMS.contains(&word) && block.name.is_some() => {
                self.report(declared_in_spec(word, block.path.span));
                // What is said of the declaration is not said again where its name is used.
                self.unreadable
                    .extend(block.name.iter().flat_map(|name| [&name.text, "\n"]));
                self.stray_block(item, block, place);
                return true;
            }
            _ if FORMS_UNSUPPORTED.contains(&word) => {
                self.report(form_unsupported(word, block.path.span));
                self.stray_block(item, block, place);
                return true;
            }
            _ => return false,
        };
        for attribute in &item.attributes {
            let name = attribute.path.text();
            if !name.is_empty() {
                self.attribute_unwanted(&name, attribute.path.span);
            }
        }
        match &block.name {
            Some(name) => {
                let is_output = matches!(form, Form::Output);
                let id = self.declare(form, name, item, Some(block), place);
                if is_output && block.when.is_some() {
                    self.put_off(id);
                }
            }
            None => self.nameless(item, block, place),
        }
        true
    }

    /// A block in error: its name, if it has one, fits everything.
    fn stray_block(&mut self, item: &'t Item, block: &'t BlockItem, place: &Place) {
        match block.name.as_ref().or(block.path.names.first()) {
            Some(name) => {
                self.declare(Form::Stray, name, item, None, place);
            }
            None => self.scopes[place.scope].open = true,
        }
    }

    pub(crate) fn nameless(&mut self, item: &Item, block: &BlockItem, place: &Place) {
        self.scopes[place.scope].open = true;
        if item.broken {
            return;
        }
        let word = block.path.text();
        let text = format!("this `{word}` has no name");
        let finding = Diagnostic::error(code::NAME_MISSING, block.path.span, text);
        self.report(match WorldForm::advice(&word) {
            Some(advice) => finding.help(advice),
            None => finding
                .help("its name is its identity in the plan, the state and every reference")
                .help(format!("name it: `{word} main`")),
        });
    }

    fn unknown_kind(&mut self, item: &'t Item, block: &'t BlockItem, word: &str, place: &Place) {
        self.stray_block(item, block, place);
        if item.broken && block.name.is_none() || place.file_broken && block.body.is_none() {
            return;
        }
        let span = block.path.span;
        if let Some((_, kind)) = &place.parent {
            if kind.fields.contains_key(word) && self.field_as_block(block, word) {
                return;
            }
            let is_component = self.component_word(&block.path, place.file).is_some();
            if is_component || self.library.kinds.contains_key(word) {
                let text = format!("a `{word}` stands at the top of a file, not in a block");
                let finding = Diagnostic::error(code::KIND_ELSEWHERE, span, text)
                    .help("the place of a block is part of its address")
                    .help("move it out of this block and refer to it by name");
                self.report(finding);
                return;
            }
        } else if let Some(parent) = self.parent_of(word) {
            let text = format!("a `{word}` stands inside a `{parent}`");
            let finding = Diagnostic::error(code::KIND_ELSEWHERE, span, text)
                .help("the place of a block is part of its address")
                .help(format!("move it into a `{parent}` block"));
            self.report(finding);
            return;
        }
        let is_field =
            (place.parent.as_ref()).is_some_and(|(_, kind)| kind.fields.contains_key(word));
        if is_field {
            let text = format!("`{word}` is a field, and takes a value");
            self.report(
                Diagnostic::error(code::FIELD_AS_BLOCK, span, text)
                    .help("this declares a block, and the field keeps its default")
                    .help(format!("write `{word} = …`")),
            );
            return;
        }
        let components = self.component_names(place.file);
        let known: Vec<&str> = match &place.parent {
            None => self
                .library
                .kinds
                .keys()
                .map(String::as_str)
                .chain(FORMS_OF_SPEC)
                .chain(components.iter().map(String::as_str))
                .collect(),
            Some((_, kind)) => kind.nested.keys().map(String::as_str).collect(),
        };
        let meant = nearest(word, known.iter().copied());
        let uses = self.scopes[place.file]
            .parent
            .map(|uses| &self.scopes[uses]);
        let may_be_used = uses.is_some_and(|uses| uses.open) || self.is_lost(word);
        if meant.is_none() && may_be_used {
            return;
        }
        let text = format!("there is no kind `{word}`");
        let mut finding = Diagnostic::error(code::KIND_UNKNOWN, span, text)
            .help("what stands here would never be made");
        let elsewhere = (place.parent.is_none()).then(|| habit::block_advice(word));
        finding = match meant {
            _ if let Some(advice) = elsewhere.flatten() => finding.help(advice),
            Some(_) => finding.suggest(span, word, meant),
            None if known.is_empty() => finding.help("no block stands inside this one"),
            None => finding.help(format!("the kinds here: {}", list(&known))),
        };
        self.report(finding);
    }

    /// `class ssd` where `class = ssd` is meant.
    fn field_as_block(&mut self, block: &BlockItem, word: &str) -> bool {
        let Some(name) = &block.name else {
            return false;
        };
        let text = format!("`{word}` is a field: write `{word} = {}`", name.text);
        let between = Span {
            start: block.path.span.end,
            end: name.span.start,
            ..name.span
        };
        self.report(
            Diagnostic::error(code::FIELD_AS_BLOCK, block.path.span, text)
                .help("without `=` this declares a block, and the field keeps its default")
                .fix(
                    format!("{word} {0} → {word} = {0}", name.text),
                    between,
                    " = ",
                ),
        );
        true
    }

    fn collect_kind(
        &mut self,
        item: &'t Item,
        block: &'t BlockItem,
        kind: Arc<Kind>,
        place: &Place,
    ) {
        let Some(name) = &block.name else {
            self.nameless(item, block, place);
            return;
        };
        let form = Form::Block(Arc::clone(&kind));
        if block.repeat.is_some() {
            self.collect_family(item, block, name, form, place);
            return;
        }
        let id = self.declare(form, name, item, Some(block), place);
        if block.when.is_some() {
            self.put_off(id);
        }
        self.collect_body(id, block, kind, place);
    }

    /// Collects what is declared in a block's body.
    pub(crate) fn collect_body(
        &mut self,
        id: NodeId,
        block: &'t BlockItem,
        kind: Arc<Kind>,
        place: &Place,
    ) {
        self.nodes[id].broken |= place.file_broken && block.body.is_none();
        if block.body.is_none() || matches!(kind.value, KindValue::Operation) {
            return;
        }
        let mut scope = place.scope;
        if kind.nested.values().any(|nested| !nested.section) {
            self.scopes.push(Scope {
                parent: Some(place.scope),
                open: self.nodes[id].broken && has_bad(block.items()),
                ..Scope::default()
            });
            scope = self.scopes.len() - 1;
            self.nodes[id].body = scope;
        }
        let inside = Place {
            scope,
            parent: Some((id, kind)),
            ..*place
        };
        if scope == place.scope {
            self.collect_leaf(block, &inside);
        } else {
            self.collect(block.items(), &inside);
        }
    }

    /// The body of a block that declares no names: only its blocks are looked at here.
    fn collect_leaf(&mut self, block: &'t BlockItem, place: &Place) {
        let outer = self.scopes[place.scope].open;
        self.scopes.push(Scope {
            parent: Some(place.scope),
            open: outer,
            ..Scope::default()
        });
        let scope = self.scopes.len() - 1;
        let inside = Place {
            scope,
            ..place.clone()
        };
        for item in block.items() {
            match &item.node {
                Node::Block(nested) => self.collect_block(item, nested, &inside),
                Node::Require(_) => self.unsupported_require(item, &inside),
                Node::Use(_) => {
                    self.out_of_place_at(item.span, place, "`use` stands at the top of a file")
                }
                _ => {}
            }
        }
        // What strays in such a body is no name for anybody.
        self.scopes[scope].names.clear();
    }

    /// Declares a name; a second one of the same is a finding.
    pub(crate) fn declare(
        &mut self,
        form: Form,
        name: &Name,
        item: &'t Item,
        block: Option<&'t BlockItem>,
        place: &Place,
    ) -> NodeId {
        let address = self.address_of(&form, name, place);
        let id = self.nodes.len();
        self.nodes.push(Declared {
            form: form.clone(),
            name: name.clone(),
            item,
            block,
            parent: place.around(),
            scope: place.scope,
            body: place.scope,
            address: address.clone(),
            broken: item.broken,
        });
        if matches!(form, Form::Output) {
            match self.scopes[place.scope].outputs.get(&name.text).copied() {
                Some(first) => self.name_twice(name, first),
                None => {
                    self.scopes[place.scope]
                        .outputs
                        .insert(name.text.clone(), id);
                }
            }
            return id;
        }
        if matches!(form, Form::Test) {
            match self.test_names.get(&name.text).copied() {
                Some(first) => self.name_twice(name, first),
                None => {
                    self.test_names.insert(name.text.clone(), id);
                }
            }
            return id;
        }
        if let Form::World(form) = form {
            let key = (form.word(), name.text.clone());
            match self.world_names.get(&key).copied() {
                Some(first) => self.name_twice(name, first),
                None => drop(self.world_names.insert(key, id)),
            }
            return id;
        }
        match self.scopes[place.scope].names.get(&name.text).copied() {
            Some(first) => {
                if !matches!(form, Form::Stray) && !matches!(self.nodes[first].form, Form::Stray) {
                    self.name_twice(name, first);
                }
            }
            None => {
                self.scopes[place.scope].names.insert(name.text.clone(), id);
                self.addresses.entry(address).or_insert(id);
                if !matches!(form, Form::Stray) {
                    self.check_shadow(name, place);
                }
            }
        }
        id
    }
}

/// Whether this form stands at the top of a file alone.
fn is_of_file(word: &str) -> bool {
    matches!(word, COMPONENT | FUNCTION | TEST | "policy") || WorldForm::of(word).is_some()
}

pub(crate) fn has_bad(items: &[Item]) -> bool {
    items.iter().any(|item| matches!(item.node, Node::Bad))
}

/// How many names of one kind are looked through for what a wrong one means.
pub(crate) const NAMES_OF_KIND_MAX: usize = 200;
