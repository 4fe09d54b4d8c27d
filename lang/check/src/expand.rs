//! What is written once and made several times: the elements of a `for`, the blocks of an
//! instance, and blocks that are there only under a condition.
//!
//! Names are collected first. Then everything that was put off is done in the order written: an
//! instance has its component's entries collected, a `for` has its source evaluated and its block
//! collected once for each element, a `when` is decided. Each asks for what it needs by itself, so
//! a `for` may go over the outputs of an instance. What comes out are declarations like all others.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlinfra_api::{Address, Value};

use crate::check::{Checker, Env};
use crate::code;
use crate::component::{COMPONENT, COPIES_MAX};
use crate::diagnostic::{Diagnostic, Span};
use crate::family::{key_term, key_text};
use crate::scope::{Declared, Form, NodeId, Place, Scope, ScopeId, has_bad};
use crate::tree::{BlockItem, Expr, ExprKind, Item, Loop, Name};
use crate::types::{Term, Type};

/// How long a key may be, in bytes: it is a part of file names.
const KEY_BYTES_MAX: usize = 64;

/// A block with `for`.
pub(crate) struct Family {
    /// Where it is collected.
    pub(crate) place: Place,
    /// What its keys are.
    pub(crate) key_type: Type,
    /// Its elements by key, once its source was looked at.
    pub(crate) elements: BTreeMap<String, NodeId>,
}

/// One element to make: its key and what the names of the loop stand for.
struct Element {
    key: String,
    first: Term,
    second: Option<Term>,
}

impl<'t> Checker<'t> {
    /// Keeps something for when all names are collected.
    pub(crate) fn put_off(&mut self, id: NodeId) {
        self.put_off.push(id);
    }

    /// Reports names of a loop in an expression that hide others.
    pub(crate) fn rounds_hide_nothing(&mut self, repeat: &Loop, env: Env<'_>) {
        for name in &repeat.names {
            let outer = env.scope.and_then(|scope| self.find(&name.text, scope));
            if let Some(outer) = outer
                && !self.said.has_place(code::NAME_SHADOWS, name.span)
            {
                self.name_hides(name, self.nodes[outer].name.span);
            }
        }
    }

    /// Declares a block with `for`.
    pub(crate) fn collect_family(
        &mut self,
        item: &'t Item,
        block: &'t BlockItem,
        name: &'t Name,
        element: Form,
        place: &Place,
    ) {
        let mut rounds = block.repeat.iter().flat_map(|repeat| &repeat.names);
        let hides = rounds.find_map(|round| Some((round, self.find(&round.text, place.scope)?)));
        if let Some((round, outer)) = hides {
            self.name_hides(round, self.nodes[outer].name.span);
            self.declare(Form::Stray, name, item, None, place);
            return;
        }
        let form = Form::Family(Arc::new(element));
        let id = self.declare(form, name, item, Some(block), place);
        let family = Family {
            place: place.clone(),
            key_type: Type::Error,
            elements: BTreeMap::new(),
        };
        self.families.insert(id, family);
        self.put_off(id);
    }

    /// Does everything that was put off, and what that puts off.
    pub(crate) fn expand(&mut self) {
        self.expanded = false;
        // Behind the limit, nothing more is made.
        while self.copies <= COPIES_MAX
            && let Some(id) = self.put_off.get(self.done_of_put_off).copied()
        {
            self.done_of_put_off += 1;
            self.unfold(id);
            let heads = self.named_by_head(id);
            for first in self.order_of(heads) {
                let span = self.nodes[first].name.span;
                self.evaluate(first, span);
            }
            let span = self.nodes[id].name.span;
            match &self.nodes[id].form {
                Form::Family(_) => self.expand_family(id, span),
                _ if self.has_condition(id) => {
                    self.is_present(id, span);
                }
                _ => {}
            }
        }
        self.expanded = true;
    }

    /// Checks components that nothing is made of, each by a sample whose parameters are unknown.
    pub(crate) fn expand_samples(&mut self) {
        for id in 0..self.components.len() {
            let component = &self.components[id];
            if component.used || component.size.is_none() {
                continue;
            }
            let name = component.name;
            let sample = self.nodes.len();
            self.nodes.push(Declared {
                form: Form::Instance(id),
                name: name.clone(),
                item: component.item,
                block: None,
                parent: None,
                scope: component.file,
                body: component.file,
                // No block has an empty key.
                address: Address::new(COMPONENT, &name.text).with_key(""),
                broken: component.item.broken,
            });
            self.prepare();
            self.absent.insert(sample);
            self.put_off(sample);
            self.expand();
        }
    }

    /// Every declaration in the order written: what a `for` or an instance makes stands where it
    /// is written.
    pub(crate) fn as_written(&self) -> Vec<NodeId> {
        let all = 0..self.nodes.len();
        if self.copies == 0 {
            return all.collect();
        }
        let mut inside: BTreeMap<Option<NodeId>, Vec<NodeId>> = BTreeMap::new();
        let mut is_element = vec![false; self.nodes.len()];
        for family in self.families.keys() {
            for element in self.elements_by_key(*family) {
                is_element[element] = true;
                inside.entry(Some(*family)).or_default().push(element);
            }
        }
        inside
            .values_mut()
            .for_each(|elements| elements.sort_unstable());
        for id in all.filter(|id| !is_element[*id]) {
            inside.entry(self.nodes[id].parent).or_default().push(id);
        }
        let mut order = Vec::with_capacity(self.nodes.len());
        let mut open = inside.remove(&None).unwrap_or_default();
        open.reverse();
        while let Some(id) = open.pop() {
            order.push(id);
            let inner = inside.remove(&Some(id)).unwrap_or_default();
            open.extend(inner.into_iter().rev());
        }
        order
    }

    /// Collects the blocks of an instance, once.
    pub(crate) fn unfold(&mut self, id: NodeId) {
        let node = &self.nodes[id];
        let Form::Instance(component) = node.form else {
            return;
        };
        if node.body != node.scope {
            return;
        }
        let is_sample = self.is_sample(id);
        let component = &self.components[component];
        let (block, size) = (component.block, component.size.unwrap_or(0));
        let broken = component.item.broken;
        let inside = Place {
            file: component.file,
            scope: self.scopes.len(),
            parent: None,
            instance: Some(id),
            file_broken: component.file_broken,
        };
        self.scopes.push(Scope {
            parent: self.scopes[inside.file].parent,
            open: broken && has_bad(block.items()),
            ..Scope::default()
        });
        self.nodes[id].body = inside.scope;
        if !is_sample && !self.pay_copies(size, id) {
            self.scopes[inside.scope].open = true;
            return;
        }
        let before = std::mem::replace(&mut self.is_copy, !is_sample);
        self.collect(block.items(), &inside);
        self.is_copy = before;
        self.prepare();
    }

    /// Pays for declarations that are made again; false, with a finding, once they are too many.
    fn pay_copies(&mut self, count: u64, id: NodeId) -> bool {
        self.copies = self.copies.saturating_add(count);
        if self.copies <= COPIES_MAX {
            return true;
        }
        let span = self.nodes[id].name.span;
        self.limit(
            span,
            &format!("more than {COPIES_MAX} declarations in all instances and elements of `for`"),
        );
        false
    }

    /// A finding with the instance or the element in which it was found.
    pub(crate) fn with_origin(&self, finding: Diagnostic) -> Diagnostic {
        let mut around = self.running.last().copied();
        while let Some(id) = around {
            let node = &self.nodes[id];
            let is_instance = matches!(node.form, Form::Instance(_));
            match &node.address.leaf.key {
                Some(key) if !key.is_empty() => {
                    let source = node.block.and_then(|block| block.repeat.as_ref());
                    let at = source.map_or(node.name.span, |repeat| repeat.source.span);
                    return finding.also(at, format!("in the element `{key}`"));
                }
                _ if is_instance
                    && !self.is_sample(id)
                    && !node.item.span.holds(finding.primary.span) =>
                {
                    return finding.also(node.name.span, "in this one");
                }
                _ => around = node.parent,
            }
        }
        finding
    }

    /// Makes sure that the elements of a `for` are there.
    pub(crate) fn expand_family(&mut self, id: NodeId, span: Span) {
        if self.evaluated(id).is_none() {
            self.evaluate(id, span);
        }
    }

    /// Makes the elements of a `for`. The term is the map of them; that of blocks with a content
    /// of their own is found out when it is asked for.
    pub(crate) fn check_family(&mut self, id: NodeId, of: &Arc<Form>) -> Term {
        let node = &self.nodes[id];
        let (Some(block), scope) = (node.block, node.scope) else {
            return Term::error();
        };
        let Some(repeat) = &block.repeat else {
            return Term::error();
        };
        // Nothing is made in what is not there itself.
        if self.is_absent(id) {
            return Term::error();
        }
        let Some((elements, key_type)) = self.elements_of(repeat, Env::of(scope)) else {
            return Term::error();
        };
        if let Some(family) = self.families.get_mut(&id) {
            family.key_type = key_type;
        }
        let size = match &**of {
            Form::Instance(component) => self.components[*component].size.unwrap_or(0),
            _ => 1,
        };
        let count = (elements.len() as u64).saturating_mul(size.max(1));
        // The instances among them pay for themselves.
        let own = match &**of {
            Form::Instance(_) => elements.len() as u64,
            _ => count,
        };
        if self.copies.saturating_add(count) > COPIES_MAX {
            self.pay_copies(count, id);
            return Term::error();
        }
        self.copies += own;
        for element in elements {
            self.make_element(id, of, repeat, element);
        }
        match &**of {
            Form::Block(kind) if kind.has_content() => Term::new(Type::Any, Value::None),
            _ => self.family_map(id, Type::Block(self.nodes[id].address.kind.as_str().into())),
        }
    }

    /// What a `for` on a block goes over, with a key for each, and the type of the keys.
    fn elements_of(&mut self, repeat: &Loop, env: Env<'_>) -> Option<(Vec<Element>, Type)> {
        let source = self.eval(&repeat.source, &Type::Any, env);
        let span = repeat.source.span;
        if source.term_type.is_secret() {
            self.secret_in_the_open(span);
            return None;
        }
        if let (Value::Range(low, high), Type::Range(_)) = (&source.value, source.term_type.bare())
            && let (Some(low), Some(high)) = (low.as_int(), high.as_int())
            && high.saturating_sub(low) as u64 >= COPIES_MAX
        {
            self.limit(span, &format!("more than {COPIES_MAX} elements of a `for`"));
            return None;
        }
        let keys: Option<Vec<String>> = match (&source.value, source.term_type.bare()) {
            (Value::Record(entries), Type::Map(_)) => Some(entries.keys().cloned().collect()),
            _ => None,
        };
        let rounds = self.rounds(&source, repeat)?;
        let mut elements: Vec<Element> = Vec::new();
        let mut first_of: BTreeMap<String, usize> = BTreeMap::new();
        // The elements of another `for` keep their keys, whatever these are.
        let family = self.family_named(&repeat.source, env);
        let family = family.and_then(|family| self.families.get(&family));
        let mut key_type = family.map_or(Type::String, |family| family.key_type.clone());
        for (place, (mut first, second)) in rounds.into_iter().enumerate() {
            let at = element_span(&repeat.source, place);
            let key = match keys.as_ref().and_then(|keys| keys.get(place)) {
                Some(key) => {
                    if second.is_some() {
                        first = key_term(key, &key_type);
                    }
                    key.clone()
                }
                None => {
                    key_type = first.term_type.bare().clone();
                    self.key_of(&first, at)?
                }
            };
            if let Some(fault) = key_fault(&key) {
                self.key_refused(at, &fault);
                return None;
            }
            if first_of.insert(key.clone(), place).is_some() {
                self.key_twice(&key, at);
                return None;
            }
            elements.push(Element { key, first, second });
        }
        Some((elements, key_type))
    }

    /// The key of an element of a list or a range.
    fn key_of(&mut self, term: &Term, span: Span) -> Option<String> {
        if !self.must_be_known(term, span, "a key") {
            return None;
        }
        let key = key_text(&term.value);
        if key.is_none() {
            let text = format!("{} is no key", term.term_type.said());
            self.key_refused(span, &text);
        }
        key
    }

    fn key_refused(&mut self, span: Span, text: &str) {
        self.report(
            Diagnostic::error(code::KEY_REFUSED, span, text)
                .help("the key is a part of the address, and must never change by itself")
                .help("go over texts, cases without arguments, whole numbers or a map"),
        );
    }

    fn key_twice(&mut self, key: &str, span: Span) {
        self.report(
            Diagnostic::error(code::FOR_KEY_TWICE, span, format!("`{key}` comes twice"))
                .help("both elements would have the same address")
                .help("take one of them out"),
        );
    }

    fn make_element(&mut self, family: NodeId, of: &Arc<Form>, repeat: &'t Loop, element: Element) {
        let Some(place) = self
            .families
            .get(&family)
            .map(|family| family.place.clone())
        else {
            return;
        };
        let node = &self.nodes[family];
        let (name, item, block, broken) = (node.name.clone(), node.item, node.block, node.broken);
        let address = node.address.with_key(&element.key);
        let scope = self.scopes.len();
        self.scopes.push(Scope {
            parent: Some(place.scope),
            ..Scope::default()
        });
        let named = repeat
            .names
            .iter()
            .zip([Some(element.first), element.second]);
        for (name, term) in named {
            self.declare_round(name, term.unwrap_or_else(Term::error), item, scope);
        }
        let id = self.nodes.len();
        self.nodes.push(Declared {
            form: (**of).clone(),
            name,
            item,
            block,
            parent: place.around(),
            scope,
            body: scope,
            address: address.clone(),
            broken,
        });
        self.prepare();
        if let Some(when) = block.and_then(|block| block.when.as_ref()) {
            let before = std::mem::replace(&mut self.is_copy, true);
            let holds = self.condition(when, Env::of(scope));
            self.is_copy = before;
            if holds != Some(true) {
                self.absent.insert(id);
                return;
            }
        }
        self.addresses.entry(address).or_insert(id);
        if let Some(family) = self.families.get_mut(&family) {
            family.elements.insert(element.key, id);
        }
        let before = std::mem::replace(&mut self.is_copy, true);
        match (&**of, block) {
            (Form::Block(kind), Some(block)) => {
                let inside = Place { scope, ..place };
                self.collect_body(id, block, Arc::clone(kind), &inside);
                self.prepare();
            }
            _ => self.unfold(id),
        }
        self.is_copy = before;
    }

    /// What a name of the loop stands for in one element.
    fn declare_round(&mut self, name: &Name, term: Term, item: &'t Item, scope: ScopeId) {
        let id = self.nodes.len();
        self.nodes.push(Declared {
            form: Form::Round,
            name: name.clone(),
            item,
            block: None,
            parent: None,
            scope,
            body: scope,
            address: Address::new("for", &name.text),
            broken: false,
        });
        self.scopes[scope].names.insert(name.text.clone(), id);
        self.prepare();
        self.done(id, term);
    }
}

/// What is wrong with a text as a key: it stands in addresses, in quotes, and in names of files.
fn key_fault(key: &str) -> Option<String> {
    let is_part = |part: &str| !matches!(part, "" | "." | "..");
    if key.is_empty() {
        return Some("an empty text names nothing".to_owned());
    }
    if key.len() > KEY_BYTES_MAX || key.chars().any(char::is_control) {
        let text = "bytes, all of them printable";
        return Some(format!("a key has at most {KEY_BYTES_MAX} {text}"));
    }
    if key.trim() != key {
        return Some("a key has no blank before or behind it".to_owned());
    }
    if key.contains(['"', '\\']) {
        return Some("a key has no `\"` and no `\\` in it".to_owned());
    }
    let is_path = key.contains('/') && !key.split('/').all(is_part) || !is_part(key);
    is_path.then(|| "as a name of a file, this would lead elsewhere".to_owned())
}

/// The element of a list as written; the whole if the list is not written out.
fn element_span(source: &Expr, place: usize) -> Span {
    match &source.kind {
        ExprKind::List(elements) => elements.get(place).map_or(source.span, |e| e.span),
        _ => source.span,
    }
}
