//! Looking names up, and what a new name may not collide with.

use std::sync::Arc;

use mlinfra_api::Address;

use crate::check::Checker;
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::schema::{Kind, Library};
use crate::scope::{Form, NodeId, Place, ScopeId};
use crate::suggest::is_near_length;
use crate::tree::Name;

/// How much of a line is looked at on each side of a fault, in characters.
const LINE_CHARACTERS_MAX: usize = 200;

impl Checker<'_> {
    /// What a name stands for, from this scope outwards.
    pub(crate) fn find(&self, name: &str, scope: ScopeId) -> Option<NodeId> {
        let mut current = Some(scope);
        while let Some(scope) = current {
            if let Some(id) = self.scopes[scope].names.get(name) {
                return Some(*id);
            }
            current = self.scopes[scope].parent;
        }
        None
    }

    /// Whether a scope is this one, or inside of it.
    pub(crate) fn is_within(&self, scope: ScopeId, outer: ScopeId) -> bool {
        let mut current = Some(scope);
        while let Some(scope) = current {
            if scope == outer {
                return true;
            }
            current = self.scopes[scope].parent;
        }
        false
    }

    /// Whether a name may be missing from this scope outwards because of a finding.
    pub(crate) fn is_open(&self, scope: ScopeId) -> bool {
        let mut current = Some(scope);
        while let Some(scope) = current {
            if self.scopes[scope].open {
                return true;
            }
            current = self.scopes[scope].parent;
        }
        false
    }

    /// The letters and digits of every line with a syntax error, without the signs between them.
    pub(crate) fn unreadable_lines(&self) -> String {
        let mut all = String::new();
        for finding in self.findings.iter().filter(|f| f.code.0.starts_with("E00")) {
            let span = finding.primary.span;
            let file = self.texts.get(span.file.0 as usize);
            let Some((before, behind)) =
                file.and_then(|file| file.text.split_at_checked(span.start as usize))
            else {
                continue;
            };
            let before = before.rsplit('\n').next().unwrap_or_default();
            let behind = behind.split('\n').next().unwrap_or_default();
            let near = before.chars().rev().take(LINE_CHARACTERS_MAX);
            let near = near.collect::<Vec<char>>().into_iter().rev();
            let line = near.chain(behind.chars().take(LINE_CHARACTERS_MAX));
            all.extend(line.filter(|one| one.is_alphanumeric() || *one == '_'));
            all.push('\n');
        }
        all
    }

    /// Whether the name may be declared in a line that could not be read, or is part of one: then
    /// that it is unknown says nothing.
    pub(crate) fn is_lost(&self, name: &str) -> bool {
        self.unreadable.contains(name)
    }

    /// The names of a file that is used under a name of its own, sorted.
    pub(crate) fn names_of_module(&mut self, module: ScopeId) -> Arc<[String]> {
        let sorted = || {
            let mut names: Vec<String> = self.scopes[module].names.keys().cloned().collect();
            names.sort_unstable();
            names.into()
        };
        let known = self.module_names.entry(module).or_insert_with(sorted);
        Arc::clone(known)
    }

    /// The names from this scope outwards that may be what a wrong one means, sorted; none once the
    /// check has looked through as many as it may.
    pub(crate) fn names_like(&mut self, wrong: &str, scope: ScopeId) -> Vec<String> {
        let mut scopes = vec![scope];
        while let Some(parent) = scopes.last().and_then(|last| self.scopes[*last].parent) {
            scopes.push(parent);
        }
        let sizes = scopes.iter().map(|scope| self.scopes[*scope].names.len());
        if !self.budget.compare(sizes.sum()) {
            return Vec::new();
        }
        let names = scopes
            .iter()
            .flat_map(|scope| self.scopes[*scope].names.keys());
        let alike = names.filter(|name| is_near_length(wrong, name)).cloned();
        let mut alike: Vec<String> = alike.collect();
        alike.sort_unstable();
        alike.dedup();
        alike
    }

    pub(crate) fn is_nested_kind(&self, word: &str) -> bool {
        self.parent_of(word).is_some()
    }

    /// The kind in which blocks of this one stand.
    pub(crate) fn parent_of(&self, word: &str) -> Option<&'static str> {
        let library: &'static Library = self.library;
        let holds = |kind: &&Arc<Kind>| kind.nested.contains_key(word);
        library
            .kinds
            .values()
            .find(holds)
            .map(|kind| kind.name.as_str())
    }

    pub(crate) fn address_of(&self, form: &Form, name: &Name, place: &Place) -> Address {
        let kind = match form {
            Form::Block(kind) => kind.name.as_str(),
            Form::Instance(component) => self.components[*component].name.text.as_str(),
            Form::Family(element) => return self.address_of(element, name, place),
            Form::Round => "for",
            Form::Let => "let",
            Form::Parameter => "param",
            Form::Output => "output",
            Form::Test => "test",
            Form::World(form) => form.word(),
            Form::Stray => "stray",
        };
        match place.around() {
            Some(around) => self.nodes[around].address.child(kind, &name.text),
            None => Address::new(kind, &name.text),
        }
    }

    pub(crate) fn name_twice(&mut self, name: &Name, first: NodeId) {
        let before = self.nodes[first].name.span;
        self.report(
            Diagnostic::error(
                code::NAME_TWICE,
                name.span,
                format!("`{}` is taken already", name.text),
            )
            .also(before, "here first")
            .help("a reference by this name could mean either")
            .help("rename one of the two; a name is unique in its body, whatever its kind"),
        );
    }

    /// A nested name may hide neither a name around it nor a field of its parent.
    pub(crate) fn check_shadow(&mut self, name: &Name, place: &Place) {
        if place.around().is_none() {
            return;
        }
        if let Some((_, kind)) = &place.parent
            && kind.fields.contains_key(&name.text)
        {
            let text = format!("`{}` is a field of every `{}`", name.text, kind.name);
            self.report(
                Diagnostic::error(code::NAME_IS_FIELD, name.span, text)
                    .help("from outside, the name behind the point could mean either")
                    .help("rename this block"),
            );
        }
        let outer = self.scopes[place.scope].parent;
        let Some(outer) = outer else { return };
        if let Some(outer) = self.find(&name.text, outer) {
            self.name_hides(name, self.nodes[outer].name.span);
        } else if let Some(module) = self.module_named(&name.text, outer) {
            self.name_hides(name, module.span);
        }
    }

    /// Reports a name that hides another one of the user's.
    pub(crate) fn name_hides(&mut self, name: &Name, outer: Span) {
        let text = format!("`{}` hides another one of this name", name.text);
        self.report(
            Diagnostic::error(code::NAME_SHADOWS, name.span, text)
                .also(outer, "this one")
                .help("whoever reads a reference to it must guess which is meant")
                .help("rename one of the two"),
        );
    }
}

/// A finding about a declaration that only the standard library makes.
pub(crate) fn declared_in_spec(word: &str, span: Span) -> Diagnostic {
    let text = format!("only the standard library declares a `{word}`");
    Diagnostic::error(code::DECLARATION_IN_SPEC, span, text)
        .help("a kind without a provider that knows it could be written, never made")
        .help("use what is there: `mlinfra explain E0107` says where to look")
}

/// A finding about a form of other languages that is an attribute here.
pub(crate) fn form_unsupported(word: &str, span: Span) -> Diagnostic {
    let text = format!("`{word}` is said on the block itself");
    Diagnostic::error(code::FORM_UNSUPPORTED, span, text)
        .help("it would stand here without any effect, so it is refused")
        .help("what is there already says so: `@existing(\"id\")` before its block")
}
