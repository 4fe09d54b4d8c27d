//! Components: which there are, what is in them, and what an instance gives one.
//!
//! A component is a word, as kinds are. An instance has the component's entries collected again,
//! in a scope of its own that sees the words of the component's file and what that file uses, and
//! nothing else (`expand` does it). So everything behind this treats a block of an instance as one
//! that was written out.

use std::collections::BTreeMap;

use mlinfra_api::Value;

use crate::check::{Checker, Env};
use crate::code;
use crate::declare::place_word;
use crate::diagnostic::{Diagnostic, Span};
use crate::schema;
use crate::scope::{Form, NodeId, Place, ScopeId};
use crate::suggest::nearest;
use crate::tree::{BlockItem, Item, Name, Node, Path};
use crate::types::{Term, Type, a};

/// A component, by its place in [`Checker::components`].
pub(crate) type ComponentId = usize;

/// The form that declares one.
pub(crate) const COMPONENT: &str = "component";

/// How deep components may stand in one another.
const DEPTH_MAX: usize = 32;

/// How many declarations all instances and all elements of `for` may make together.
pub(crate) const COPIES_MAX: u64 = 100_000;

/// A declared component.
pub(crate) struct Component<'t> {
    pub(crate) name: &'t Name,
    pub(crate) item: &'t Item,
    pub(crate) block: &'t BlockItem,
    pub(crate) file: ScopeId,
    pub(crate) file_broken: bool,
    /// What an instance is placed on.
    pub(crate) place: schema::Place,
    /// How many declarations an instance makes; none if it can't be made.
    pub(crate) size: Option<u64>,
    /// Whether an instance of it stands anywhere.
    pub(crate) used: bool,
}

/// A component while those in it are looked at.
struct Visit {
    component: ComponentId,
    inside: Vec<(ComponentId, Span)>,
    next: usize,
    size: u64,
    depth: usize,
    refused: bool,
}

impl<'t> Checker<'t> {
    /// Collects the components that a file declares.
    pub(crate) fn collect_components(&mut self, items: &'t [Item], place: &Place) {
        for item in items {
            if let Node::Block(block) = &item.node
                && block.path.word() == COMPONENT
            {
                self.collect_component(item, block, place);
            }
        }
    }

    fn collect_component(&mut self, item: &'t Item, block: &'t BlockItem, place: &Place) {
        let Some(name) = &block.name else {
            self.nameless(item, block, place);
            return;
        };
        self.refuse_head(block, &["place"]);
        for attribute in &item.attributes {
            self.attribute_unwanted(&attribute.path.text(), attribute.path.span);
        }
        if self.library.kinds.contains_key(&name.text) {
            let text = format!("`{}` is a kind already", name.text);
            self.report(
                Diagnostic::error(code::COMPONENT_IS_KIND, name.span, text)
                    .help("a block of this word could mean either")
                    .help("rename the component"),
            );
            return;
        }
        let id = self.components.len();
        let known = &mut self.scopes[place.file].components;
        if let Some(first) = known.get(&name.text).copied() {
            let first = self.components[first].name.span;
            self.report(
                Diagnostic::error(
                    code::NAME_TWICE,
                    name.span,
                    format!("there is a component `{}` already", name.text),
                )
                .also(first, "here first")
                .help("a block of this word could mean either")
                .help("rename one of the two"),
            );
            return;
        }
        known.insert(name.text.clone(), id);
        let on = self.component_place(block);
        self.components.push(Component {
            name,
            item,
            block,
            file: place.file,
            file_broken: place.file_broken,
            place: on,
            size: Some(0),
            used: false,
        });
    }

    /// What the head of a component says that its instances are placed on.
    fn component_place(&mut self, block: &BlockItem) -> schema::Place {
        let Some(written) = &block.place else {
            return schema::Place::Nothing;
        };
        let (word, optional) = place_word(written);
        match word.filter(|word| self.kind_names.contains(word)) {
            Some(word) if optional => schema::Place::Optional(word.to_owned()),
            Some(word) => schema::Place::Required(word.to_owned()),
            None => {
                let kinds = self.kind_names.iter().copied();
                let meant = word.and_then(|word| nearest(word, kinds));
                let finding = Diagnostic::error(
                    code::KIND_UNKNOWN,
                    written.span,
                    "what a component is placed on is the word of a kind",
                )
                .help("each instance of it says `on` and a block of that kind");
                self.report(match (word, meant) {
                    (Some(word), Some(_)) => finding.suggest(written.span, word, meant),
                    _ => finding.help("write it so: `component name on kind { … }`"),
                });
                schema::Place::Nothing
            }
        }
    }

    /// The component that a block's word stands for, where instances may stand.
    pub(crate) fn component_named(&self, path: &Path, place: &Place) -> Option<ComponentId> {
        let found = self.component_word(path, place.file);
        found.filter(|_| place.parent.is_none())
    }

    /// The component that these words stand for in a file.
    pub(crate) fn component_word(&self, path: &Path, file: ScopeId) -> Option<ComponentId> {
        let of_file = [Some(file), self.scopes[file].parent];
        let mut scopes = of_file.into_iter().flatten();
        match path.names.as_slice() {
            [word] => scopes.find_map(|scope| self.scopes[scope].components.get(&word.text)),
            [alias, word] => {
                let module = scopes.find_map(|scope| self.scopes[scope].modules.get(&alias.text));
                self.scopes[module?.scope].components.get(&word.text)
            }
            _ => None,
        }
        .copied()
    }

    /// The words of the components that a file sees, sorted.
    pub(crate) fn component_names(&self, file: ScopeId) -> Vec<String> {
        let scopes = [Some(file), self.scopes[file].parent];
        let scopes = scopes.into_iter().flatten();
        let mut names: Vec<String> = scopes
            .flat_map(|scope| self.scopes[scope].components.keys().cloned())
            .collect();
        names.sort_unstable();
        names
    }

    /// Finds out how much each component makes, and refuses those that would never end.
    pub(crate) fn measure_components(&mut self) {
        // The depth of what was measured; none while it is looked at.
        let mut measured: Vec<Option<usize>> = vec![None; self.components.len()];
        let mut started = vec![false; self.components.len()];
        for first in 0..self.components.len() {
            if std::mem::replace(&mut started[first], true) {
                continue;
            }
            let mut path = vec![self.visit(first)];
            while let Some(here) = path.last_mut() {
                let Some((inner, span)) = here.inside.get(here.next).copied() else {
                    let done = path.pop().map(|visit| self.measured(&visit));
                    let Some((component, depth)) = done else {
                        break;
                    };
                    measured[component] = Some(depth);
                    continue;
                };
                match (started[inner], measured[inner]) {
                    (false, _) => {
                        started[inner] = true;
                        let visit = self.visit(inner);
                        path.push(visit);
                    }
                    (true, Some(depth)) => {
                        here.next += 1;
                        here.depth = here.depth.max(depth + 1);
                        match self.components[inner].size {
                            Some(size) => here.size = here.size.saturating_add(size),
                            None => here.refused = true,
                        }
                    }
                    (true, None) => {
                        here.next += 1;
                        here.refused = true;
                        self.holds_itself(&path, inner, span);
                    }
                }
            }
        }
    }

    fn visit(&self, component: ComponentId) -> Visit {
        let of = &self.components[component];
        let mut size = 1;
        let mut inside = Vec::new();
        for item in of.block.items() {
            let Node::Block(block) = &item.node else {
                continue;
            };
            size += entries(item);
            let inner = self.component_word(&block.path, of.file);
            inside.extend(inner.map(|inner| (inner, block.path.span)));
        }
        Visit {
            component,
            inside,
            next: 0,
            size,
            depth: 0,
            refused: false,
        }
    }

    fn measured(&mut self, visit: &Visit) -> (ComponentId, usize) {
        let name = self.components[visit.component].name.span;
        let mut refused = visit.refused;
        if visit.depth > DEPTH_MAX && !refused {
            refused = true;
            self.limit(
                name,
                &format!("more than {DEPTH_MAX} components inside one another"),
            );
        }
        if visit.size > COPIES_MAX && !refused {
            refused = true;
            self.limit(
                name,
                &format!("more than {COPIES_MAX} declarations in one instance"),
            );
        }
        self.components[visit.component].size = (!refused).then_some(visit.size);
        (visit.component, visit.depth)
    }

    fn holds_itself(&mut self, path: &[Visit], inner: ComponentId, span: Span) {
        let from = path.iter().position(|visit| visit.component == inner);
        let circle = path.get(from.unwrap_or(0)..).unwrap_or_default();
        let name = |visit: &Visit| self.components[visit.component].name.text.clone();
        let mut names: Vec<String> = circle.iter().take(8).map(name).collect();
        names.push(self.components[inner].name.text.clone());
        let text = format!("this component holds itself: {}", names.join(" → "));
        self.report(
            Diagnostic::error(code::COMPONENT_IN_ITSELF, span, text)
                .help("an instance of it would have no end")
                .help("take this instance out, or put what both need into a component of its own"),
        );
    }

    /// An instance of a component.
    pub(crate) fn collect_instance(
        &mut self,
        item: &'t Item,
        block: &'t BlockItem,
        component: ComponentId,
        place: &Place,
    ) {
        self.components[component].used = true;
        let Some(name) = &block.name else {
            self.nameless(item, block, place);
            return;
        };
        // What can't be made has its finding.
        if self.components[component].size.is_none() {
            self.declare(Form::Stray, name, item, None, place);
            return;
        }
        let form = Form::Instance(component);
        if block.repeat.is_some() {
            self.collect_family(item, block, name, form, place);
            return;
        }
        let id = self.declare(form, name, item, Some(block), place);
        self.put_off(id);
    }

    /// Checks what an instance is given. The term is what a reference to it amounts to.
    pub(crate) fn check_instance(&mut self, id: NodeId, of: ComponentId) -> Term {
        let node = &self.nodes[id];
        let Some(block) = node.block else {
            return Term::error();
        };
        let item = node.item;
        self.refuse_head(block, &["place", "for", "when"]);
        for attribute in &item.attributes {
            self.attribute_unwanted(&attribute.path.text(), attribute.path.span);
        }
        let rule = self.components[of].place.clone();
        self.place(id, block, &rule, self.nodes[id].broken);
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        for entry in block.items() {
            self.refuse_attributes(entry);
            match &entry.node {
                Node::Field { path, value } => {
                    let name = path.text();
                    if self.parameter_of(id, &name).is_none() {
                        self.unknown_parameter(id, path);
                        let env = Env::of(self.nodes[id].scope);
                        self.eval(value, &Type::Error, env);
                    } else {
                        self.field_twice(&name, path.span, &mut seen);
                    }
                }
                Node::Bad => {}
                _ if entry.broken => {}
                _ => self.report(
                    Diagnostic::error(
                        code::ENTRY_OUT_OF_PLACE,
                        entry.span,
                        "an instance gives values to parameters alone",
                    )
                    .help("what a component is made of stands in the component")
                    .help("write `name = value`, or move this into the component"),
                ),
            }
        }
        self.instance_term(id)
    }

    /// What a reference to an instance amounts to.
    pub(crate) fn instance_term(&self, id: NodeId) -> Term {
        let word = self.nodes[id].address.kind.as_str();
        Term::new(Type::Block(word.into()), self.reference_to(id))
    }

    /// Whether a value names an instance: such a value is for the spec alone.
    pub(crate) fn holds_instance(&self, value: &Value) -> bool {
        if self.components.is_empty() {
            return false;
        }
        let mut found = false;
        value.for_each_reference(&mut |reference| {
            let id = self.addresses.get(&reference.address);
            let form = id.map(|id| &self.nodes[*id].form);
            found |= matches!(form, Some(Form::Instance(_)));
        });
        found
    }

    /// Reports an instance where a value is shown.
    pub(crate) fn instance_shown(&mut self, term: &Term, span: Span) -> Term {
        let text = format!("this is {}, which is several blocks", term.term_type.said());
        self.report(
            Diagnostic::error(code::TYPE_WRONG, span, text)
                .help("only what one of its outputs gives can be shown")
                .help("name one of its outputs"),
        );
        Term::error()
    }

    /// The parameter of this name in an instance.
    fn parameter_of(&self, instance: NodeId, name: &str) -> Option<NodeId> {
        let body = self.nodes[instance].body;
        let found = self.scopes[body].names.get(name).copied();
        found.filter(|id| matches!(self.nodes[*id].form, Form::Parameter | Form::Stray))
    }

    /// Whether the instance gives this parameter under a misspelled name, which is reported there.
    pub(crate) fn meant_for(&mut self, instance: NodeId, name: &str) -> bool {
        let block = self.nodes[instance].block;
        let items = block.map_or(&[][..], |block| block.items());
        if !self.budget.compare(items.len()) {
            return false;
        }
        items.iter().any(|item| match &item.node {
            Node::Field { path, .. } => {
                let written = path.word();
                self.parameter_of(instance, &written).is_none()
                    && nearest(&written, [name]).is_some()
            }
            _ => false,
        })
    }

    fn unknown_parameter(&mut self, instance: NodeId, path: &Path) {
        let body = self.nodes[instance].body;
        if self.scopes[body].open {
            return;
        }
        let (name, word) = (path.text(), self.nodes[instance].address.kind.clone());
        let text = format!("{} has no parameter `{name}`", a(format!("`{word}`")));
        let finding = Diagnostic::error(code::FIELD_UNKNOWN, path.span, text)
            .help("nothing would read it, so it would have no effect");
        if !self.budget.compare(self.scopes[body].names.len()) {
            self.report(finding);
            return;
        }
        let names = self.scopes[body].names.iter();
        let is_parameter = |id: &NodeId| matches!(self.nodes[*id].form, Form::Parameter);
        let mut known: Vec<&str> = names
            .filter(|(_, id)| is_parameter(id))
            .map(|(name, _)| name.as_str())
            .collect();
        known.sort_unstable();
        let meant = nearest(&name, known.iter().copied());
        let finding = match meant {
            Some(_) => finding.suggest(path.span, &name, meant),
            None if known.is_empty() => finding.help("it has no parameters: take this out"),
            None => finding.help(format!(
                "its parameters are {}",
                crate::wording::list_some(&known)
            )),
        };
        self.report(finding);
    }

    /// Whether this is the body of a component that nothing is made of: it is checked all the
    /// same, with parameters whose values nobody knows.
    pub(crate) fn is_sample(&self, instance: NodeId) -> bool {
        self.nodes[instance].block.is_none()
    }
}

/// How many declarations an entry makes at most: itself and every block in it.
fn entries(item: &Item) -> u64 {
    let mut count = 0;
    let mut open = vec![item];
    while let Some(item) = open.pop() {
        if let Node::Block(block) = &item.node {
            count += 1;
            open.extend(block.items());
        }
    }
    count
}
