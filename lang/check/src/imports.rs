//! What a file uses of others: their names, their words, and whole files under names of their own.

use crate::check::Checker;
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::scope::{Module, ScopeId};
use crate::source::{Sources, as_use};
use crate::suggest::nearest;
use crate::tree::{Name, Path, Use, UseTarget};

/// Calls `visit` for every `use`, with the file it stands in and the one it names.
pub(crate) fn for_each_use<'t>(
    sources: &'t Sources,
    mut visit: impl FnMut(usize, &'t Use, Option<usize>),
) {
    for (file, parsed) in sources.parsed.iter().enumerate() {
        for (place, item) in parsed.items.iter().enumerate() {
            if let Some(used) = as_use(item) {
                visit(file, used, parsed.uses.get(&place).copied());
            }
        }
    }
}

impl Checker<'_> {
    /// Makes known to a file the components, the functions and the names of files that it uses.
    pub(crate) fn import_words(&mut self, file: ScopeId, used: &Use, target: Option<ScopeId>) {
        let uses = self.scopes[file].parent.unwrap_or(file);
        // What a file that can't be read declares is known to nobody.
        let known = target.filter(|target| !self.scopes[*target].open);
        self.scopes[uses].open |= known.is_none();
        let Some(target) = target else { return };
        if let Some(alias) = &used.alias {
            match self.scopes[uses].modules.get(&alias.text).copied() {
                Some(first) => self.word_twice(alias, first.span, "file"),
                None => {
                    let module = Module {
                        scope: target,
                        span: alias.span,
                    };
                    let modules = &mut self.scopes[uses].modules;
                    modules.insert(alias.text.clone(), module);
                }
            }
        }
        for name in &used.names {
            self.import_component(name, file, target);
            let around = self.scopes[target].parent.unwrap_or(target);
            self.use_function(name, around, uses);
        }
    }

    fn import_component(&mut self, name: &Name, file: ScopeId, target: ScopeId) {
        let uses = self.scopes[file].parent.unwrap_or(file);
        let of = |scope: ScopeId| self.scopes[scope].components.get(&name.text).copied();
        let Some(component) = of(target) else {
            return;
        };
        match of(file).or(of(uses)).filter(|first| *first != component) {
            Some(first) => {
                let first = self.components[first].name.span;
                self.word_twice(name, first, "component");
            }
            None => {
                let components = &mut self.scopes[uses].components;
                components.insert(name.text.clone(), component);
            }
        }
    }

    /// Reports a word that stands for two things.
    pub(crate) fn word_twice(&mut self, name: &Name, first: Span, what: &str) {
        let text = format!("there is a {what} `{}` already", name.text);
        self.report(
            Diagnostic::error(code::NAME_TWICE, name.span, text)
                .also(first, "here first")
                .help("where it is used, it could mean either")
                .help("rename one of the two, or use its file under a name: `use \"…\" as m`"),
        );
    }

    /// Makes known to a file the names of a file that it uses.
    pub(crate) fn import(&mut self, file: ScopeId, used: &Use, target: Option<ScopeId>) {
        // A file's scope stands in that of what it uses.
        let uses = self.scopes[file].parent.unwrap_or(file);
        let Some(target) = target else {
            self.scopes[uses].open = true;
            if let UseTarget::Library(path) = &used.target {
                self.no_folder(path);
            }
            return;
        };
        if let Some(alias) = &used.alias
            && let Some(first) = self.find(&alias.text, file)
        {
            self.name_twice(alias, first);
        }
        for name in &used.names {
            self.import_name(name, file, target);
        }
    }

    fn no_folder(&mut self, path: &Path) {
        let text = format!("the standard library has no folder `{}`", path.text());
        self.report(
            Diagnostic::error(code::USE_UNKNOWN, path.span, text)
                .help("the names that are meant to come from it are not there")
                .help("its words need no `use`; a file is named in quotes"),
        );
    }

    fn import_name(&mut self, name: &Name, file: ScopeId, target: ScopeId) {
        let uses = self.scopes[file].parent.unwrap_or(file);
        if let Some(id) = self.scopes[target].names.get(&name.text).copied() {
            let first = self.find(&name.text, file).filter(|first| *first != id);
            let module = self.scopes[uses].modules.get(&name.text).copied();
            match (first, module) {
                (Some(first), _) => self.name_twice(name, first),
                (None, Some(module)) => self.word_twice(name, module.span, "file"),
                (None, None) => {
                    let names = &mut self.scopes[uses].names;
                    names.insert(name.text.clone(), id);
                }
            }
            return;
        }
        let around = self.scopes[target].parent.unwrap_or(target);
        if self.scopes[target].components.contains_key(&name.text)
            || self.use_function(name, around, around)
        {
            return;
        }
        self.scopes[uses].open = true;
        if !self.scopes[target].open {
            self.nothing_to_import(name, target);
        }
    }

    fn nothing_to_import(&mut self, name: &Name, target: ScopeId) {
        let mut known = self.names_like(&name.text, target);
        known.extend(self.scopes[target].components.keys().cloned());
        let meant = nearest(&name.text, known.iter().map(String::as_str));
        let text = format!("that file has no `{}`", name.text);
        self.report(
            Diagnostic::error(code::USE_UNKNOWN, name.span, text)
                .help("what refers to it can't be made before it is there")
                .suggest(name.span, &name.text, meant),
        );
    }
}
