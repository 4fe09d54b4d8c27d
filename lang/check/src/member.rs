//! What stands behind a point: nested blocks, fields, computed attributes, parts, columns.

use std::sync::Arc;

use mlinfra_api::{Reference, Value};

use crate::check::{Checker, Env};
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::index::entry_in;
use crate::schema::{Kind, KindValue};
use crate::scope::{Form, Module, NAMES_OF_KIND_MAX, NodeId, ScopeId};
use crate::suggest::nearest;
use crate::table::Table;
use crate::tree::{Expr, ExprKind, Name, Node};
use crate::types::{EnumType, Term, Type};
use crate::wording::list_some;

impl Checker<'_> {
    pub(crate) fn eval_member(
        &mut self,
        object: &Expr,
        name: &Name,
        span: Span,
        env: Env<'_>,
    ) -> Term {
        if let Some(word) = object.as_name()
            && let Some(term) = self.word_member(word, name, span, env)
        {
            return term;
        }
        if let Some((of, whole)) = self.in_place(object, env)
            && let Some((of, part)) = entry_in(of, whole, &name.text)
        {
            let mut budget = self.budget.clone();
            let paid = budget.copy(part);
            let term = paid.is_ok().then(|| Term::new(of.clone(), part.clone()));
            self.budget = budget;
            self.paid(paid, name.span);
            return term.unwrap_or_else(Term::error);
        }
        let term = self.eval(object, &Type::Any, env);
        self.member(&term.term_type, &term.value, name)
    }

    /// `purchase.spot`, `storage.lake`, `param.age`, `module.name`: a word and what it holds. A
    /// full address is one even where a value has the name of its word.
    pub(crate) fn word_member(
        &mut self,
        word: &str,
        name: &Name,
        span: Span,
        env: Env<'_>,
    ) -> Option<Term> {
        let scope = env.scope?;
        if env.local(word).is_some() || self.find(word, scope).is_some() {
            return self.beside_value(word, name, span, env);
        }
        if let Some(enumeration) = self.case_addressed(word, &name.text) {
            return Some(self.call_case(&enumeration, &name.text, &[], span, env));
        }
        if let Some(module) = self.module(word, scope) {
            return Some(match self.scopes[module].names.get(&name.text).copied() {
                Some(id) => self.refer(id, name.span),
                None if self.scopes[module].open => Term::error(),
                None => {
                    let names = self.names_of_module(module);
                    self.unknown_member(name, names.iter().map(String::as_str));
                    Term::error()
                }
            });
        }
        let is_kind = self.is_address_word(word);
        if !is_kind && self.components.is_empty() {
            return None;
        }
        let stray = |id: &NodeId| matches!(self.nodes[*id].form, Form::Stray);
        let found = self.addressed(word, &name.text, scope);
        let found = found.or_else(|| self.find(&name.text, scope).filter(stray));
        Some(match found {
            Some(id) => self.refer(id, name.span),
            None if !is_kind => return None,
            None if self.is_open(scope) => Term::error(),
            None => {
                self.unknown_of_kind(word, name, span);
                Term::error()
            }
        })
    }

    /// Whether full addresses of what stands in a spec may begin with this word.
    pub(crate) fn is_address_word(&self, word: &str) -> bool {
        self.kind_names.contains(&word) || matches!(word, "param" | "let")
    }

    /// The type whose case a full address names.
    fn case_addressed(&self, word: &str, case: &str) -> Option<Arc<EnumType>> {
        match self.library.types.get(word) {
            Some(Type::Enum(of)) if of.case(case).is_some() => Some(Arc::clone(of)),
            _ => None,
        }
    }

    /// What a full address names: a block, a parameter or a `let` of this name.
    fn addressed(&self, word: &str, name: &str, scope: ScopeId) -> Option<NodeId> {
        let found = self.find(name, scope)?;
        let is_meant = match &self.nodes[found].form {
            Form::Block(kind) => kind.name == word,
            Form::Parameter => word == "param",
            Form::Let => word == "let",
            Form::Instance(_) | Form::Family(_) => self.nodes[found].address.kind == word,
            Form::Output | Form::Test | Form::World(_) | Form::Round | Form::Stray => false,
        };
        is_meant.then_some(found)
    }

    /// `storage.lake` where a value is named `storage`: the address, with a warning if the value
    /// has such a member. What a loop names so has no other spelling, so its member goes first.
    fn beside_value(&mut self, word: &str, name: &Name, span: Span, env: Env<'_>) -> Option<Term> {
        let scope = env.scope?;
        let case = self.case_addressed(word, &name.text);
        let block = self.addressed(word, &name.text, scope);
        if case.is_none() && block.is_none() {
            return None;
        }
        if let Some(local) = env.local(word).cloned() {
            if self.has_member(&local, name) {
                return None;
            }
        } else if let Some(value) = self.find(word, scope)
            && !self.running.contains(&value)
        {
            let term = self.refer(value, span);
            if self.has_member(&term, name) {
                self.warn_of_address(value, name, span);
            }
        }
        match case {
            Some(of) => Some(self.call_case(&of, &name.text, &[], span, env)),
            None => block.map(|id| self.refer(id, name.span)),
        }
    }

    /// Whether a term has such a member, without a finding if not.
    fn has_member(&mut self, term: &Term, name: &Name) -> bool {
        let (findings, errors) = (self.findings.len(), self.errors());
        let found = self.member(&term.term_type, &term.value, name);
        let has = !found.term_type.is_error() && self.errors() == errors;
        self.forget(findings, errors);
        has
    }

    /// `project.name`: a kind's word, and no block of that kind has the name behind the point. With
    /// a single block of the kind, a member of it is meant.
    fn unknown_of_kind(&mut self, word: &str, name: &Name, span: Span) {
        let known = match word {
            "param" => self.names_of(|form| matches!(form, Form::Parameter)),
            "let" => self.names_of(|form| matches!(form, Form::Let)),
            _ => self.nodes_of_kind(word),
        };
        let text = format!("no `{word}` is named `{}`", name.text);
        let finding = Diagnostic::error(code::MEMBER_UNKNOWN, name.span, text)
            .help("what is made from it would have nothing to be made from");
        let of_kind = self.library.kinds.get(word);
        let is_member = |kind: &Arc<Kind>| {
            let member = name.text.as_str();
            member == "name" || kind.fields.contains_key(member) || kind.facts.contains_key(member)
        };
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let meant = nearest(&name.text, known.iter().copied());
        self.report(match known.as_slice() {
            [] => finding.help(format!("there is no `{word}` in this spec")),
            [only] if of_kind.is_some_and(is_member) => {
                let member = format!("{only}.{}", name.text);
                finding
                    .help(format!(
                        "a block is called by its own name, not by its kind: `{member}`"
                    ))
                    .fix(format!("{word}.{} → {member}", name.text), span, member)
            }
            _ if meant.is_some() => finding.suggest(name.span, &name.text, meant),
            known => finding.help(format!("there is {}", list_some(known))),
        });
    }

    /// The first names of everything of a form: as many as are ever shown or suggested.
    fn names_of(&self, is_meant: impl Fn(&Form) -> bool) -> Vec<String> {
        let meant = self.nodes.iter().filter(|node| is_meant(&node.form));
        let names = meant.map(|node| node.name.text.clone());
        names.take(NAMES_OF_KIND_MAX).collect()
    }

    /// The file that is used under this name.
    pub(crate) fn module(&self, word: &str, scope: ScopeId) -> Option<ScopeId> {
        self.module_named(word, scope).map(|module| module.scope)
    }

    /// The same, with where it is given that name.
    pub(crate) fn module_named(&self, word: &str, scope: ScopeId) -> Option<Module> {
        let mut current = Some(scope);
        while let Some(scope) = current {
            if let Some(module) = self.scopes[scope].modules.get(word) {
                return Some(*module);
            }
            current = self.scopes[scope].parent;
        }
        None
    }

    fn unknown_member<'c>(&mut self, name: &Name, known: impl Iterator<Item = &'c str>) {
        let known: Vec<&str> = known.take(NAMES_OF_KIND_MAX).collect();
        let meant = nearest(&name.text, known.iter().copied());
        let finding = Diagnostic::error(
            code::MEMBER_UNKNOWN,
            name.span,
            format!("there is no `{}` in it", name.text),
        )
        .help("what is made from it would have nothing to be made from");
        let finding = match meant {
            Some(_) => finding.suggest(name.span, &name.text, meant),
            None if known.is_empty() => finding.help("it has nothing that could be named"),
            None => finding.help(format!("it has {}", list_some(&known))),
        };
        self.report(finding);
    }

    /// A member of an evaluated term.
    pub(crate) fn member(&mut self, of: &Type, value: &Value, name: &Name) -> Term {
        match of {
            Type::Error => Term::error(),
            Type::Secret(inner) => {
                let found = self.member(inner, value, name);
                Term::new(found.term_type.kept_secret(true), found.value)
            }
            Type::Optional(_) | Type::Nothing => {
                self.report(
                    Diagnostic::error(
                        code::MAYBE_ABSENT,
                        name.span,
                        "what this belongs to may be absent",
                    )
                    .help("nothing says what should happen when it is absent")
                    .help(format!(
                        "give a value for that case: `x.{} ?? value`",
                        name.text
                    )),
                );
                Term::error()
            }
            Type::Checked(checked) => self.member(&checked.base, value, name),
            Type::Parts(parts) => match parts.parts.iter().find(|(part, _)| *part == name.text) {
                Some((_, table)) => {
                    let value = deeper(value, &name.text);
                    Term::new(Type::Table(Arc::clone(table)), value)
                }
                None if parts.open => Term::error(),
                None => {
                    let parts = Arc::clone(parts);
                    self.unknown_member(name, parts.parts.iter().map(|(part, _)| part.as_str()));
                    Term::error()
                }
            },
            Type::Range(inner) => match (value, name.text.as_str()) {
                (Value::Range(low, _), "min") => Term::new((**inner).clone(), (**low).clone()),
                (Value::Range(_, high), "max") => Term::new((**inner).clone(), (**high).clone()),
                _ => {
                    self.unknown_member(name, ["min", "max"].into_iter());
                    Term::error()
                }
            },
            Type::Map(inner) => self.map_member(inner, value, &name.text, name),
            Type::Record(fields) => {
                let Some(of) = fields.get(&name.text) else {
                    self.unknown_member(name, fields.keys().map(String::as_str));
                    return Term::error();
                };
                self.map_member(of, value, &name.text, name)
            }
            Type::Outputs(other) => {
                let other = Arc::clone(other);
                self.output_of_other(&other, name)
            }
            Type::Block(view) if matches!(value, Value::Record(_)) => {
                let found = self.view_member(view, value, name);
                found.unwrap_or_else(|| {
                    let declared = self.library.views.get(&**view);
                    let known = declared.into_iter().flat_map(|members| members.keys());
                    self.unknown_member(name, known.map(String::as_str));
                    Term::error()
                })
            }
            _ => self.block_member(of, value, name),
        }
    }

    fn map_member(&mut self, inner: &Type, value: &Value, key: &str, name: &Name) -> Term {
        let Some(entries) = value.as_record() else {
            let value = match value {
                Value::Reference(_) => deeper(value, key),
                _ => Value::Unknown(inner.to_string()),
            };
            return Term::new(inner.clone(), value);
        };
        match entries.get(key) {
            Some(value) => Term::new(inner.clone(), value.clone()),
            None if matches!(inner.present(), Type::Block(_)) => {
                let key = entries.keys().next().map_or("key", String::as_str);
                let key = match key.parse::<i64>() {
                    Ok(number) => number.to_string(),
                    Err(_) => format!("\"{key}\""),
                };
                let text = format!("these are several, and none has the key `{}`", name.text);
                let finding = Diagnostic::error(code::MEMBER_UNKNOWN, name.span, text)
                    .help("a block with `for` is a map of blocks, even where it makes one alone")
                    .help(format!("name one by its key: `[{key}].{}`", name.text));
                self.report(finding);
                Term::error()
            }
            None => {
                if !self.is_supposed {
                    self.unknown_member(name, entries.keys().map(String::as_str));
                }
                Term::error()
            }
        }
    }

    /// A member of a block: a nested block, a field, a computed attribute; of a table: a column.
    fn block_member(&mut self, of: &Type, value: &Value, name: &Name) -> Term {
        let id = match value {
            Value::Reference(reference) if reference.path.is_empty() => {
                self.addresses.get(&reference.address).copied()
            }
            _ => None,
        };
        let Some(id) = id else {
            if let Type::Table(table) = of
                && let Some(column) = self.column_of_table(table, name)
            {
                return column;
            }
            // A block that is not found by its address was refused: its name was taken.
            if !matches!(of, Type::Block(_)) {
                self.unknown_member(name, std::iter::empty());
            }
            return Term::error();
        };
        let kind = match &self.nodes[id].form {
            Form::Block(kind) => Arc::clone(kind),
            Form::Instance(_) => return self.output_of(id, name),
            _ => return Term::error(),
        };
        // In a policy, what was found out goes before a block of that name: a policy of a pack is
        // written without knowing the spec.
        let fact = kind.facts.get(&name.text);
        if let Some(fact) = fact.filter(|_| self.facts.is_some()) {
            return self.fact(id, fact, name);
        }
        if let Some(nested) = self.nested(id, &name.text) {
            return self.refer(nested, name.span);
        }
        if let Some(term) = self.field_member(id, &kind, name) {
            return term;
        }
        if let Some(fact) = fact {
            return self.fact(id, fact, name);
        }
        if name.text == "name" {
            let own = self.nodes[id].name.text.clone();
            return Term::new(Type::String, Value::String(own));
        }
        if let Type::Table(table) = of
            && let Some(column) = self.column_of_table(table, name)
        {
            return column;
        }
        if self.nodes[id].broken || self.scopes[self.nodes[id].body].open {
            return Term::error();
        }
        let known = self.members(id, &kind);
        self.unknown_member(name, known.iter().map(String::as_str));
        Term::error()
    }

    /// An output of an instance: all that is seen of one.
    fn output_of(&mut self, id: NodeId, name: &Name) -> Term {
        self.unfold(id);
        let body = self.nodes[id].body;
        if let Some(output) = self.scopes[body].outputs.get(&name.text).copied() {
            return self.refer(output, name.span);
        }
        if name.text == "name" {
            let own = self.nodes[id].name.text.clone();
            return Term::new(Type::String, Value::String(own));
        }
        if self.nodes[id].broken || self.scopes[body].open {
            return Term::error();
        }
        let inner = self.scopes[body].names.get(&name.text).copied();
        let Some(inner) = inner else {
            let known: Vec<String> = self.scopes[body].outputs.keys().cloned().collect();
            self.unknown_member(name, known.iter().map(String::as_str));
            return Term::error();
        };
        let text = format!("`{}` is inside of the component, and no output", name.text);
        self.report(
            Diagnostic::error(code::MEMBER_UNKNOWN, name.span, text)
                .also(self.nodes[inner].name.span, "this one")
                .help("a component is closed, so that what is inside can change")
                .help(format!(
                    "add `output {0} = {0}` to the component",
                    name.text
                )),
        );
        Term::error()
    }

    /// What stands behind a point of this, without evaluating anything.
    pub(crate) fn inside(&self, id: NodeId, name: &str) -> Option<NodeId> {
        match self.nodes[id].form {
            Form::Instance(_) => {
                let outputs = &self.scopes[self.nodes[id].body].outputs;
                outputs.get(name).copied()
            }
            _ => self.nested(id, name),
        }
    }

    /// The block of this name inside another.
    fn nested(&self, id: NodeId, name: &str) -> Option<NodeId> {
        let node = &self.nodes[id];
        if node.body == node.scope {
            return None;
        }
        self.scopes[node.body].names.get(name).copied()
    }

    fn field_member(&mut self, id: NodeId, kind: &Kind, name: &Name) -> Option<Term> {
        let declared: Option<(Type, bool)> = match &kind.value {
            KindValue::Operation => self.operation_field(id, &name.text),
            _ => kind
                .fields
                .get(&name.text)
                .map(|f| (f.field_type.clone(), f.computed)),
        };
        let (field_type, computed) = declared?;
        if computed {
            let address = self.nodes[id].address.clone();
            let reference = Reference {
                address,
                path: vec![name.text.clone()],
            };
            return Some(Term::new(field_type, Value::Reference(reference)));
        }
        self.evaluate(id, name.span);
        // What stands there and is in error is in no field.
        let is_entry = self.entry_of(id, &name.text).is_some();
        // A block that waits for this very value has its finding.
        let Some(block) = self.blocks.get(id) else {
            return Some(Term::error());
        };
        let (value, written) = match &block.step {
            Some(step) => {
                let written = step.spans.contains_key(&name.text);
                (step.settings.get(&name.text), written)
            }
            None => {
                let field = block.fields.get(&name.text);
                (field.map(|field| &field.value), is_entry)
            }
        };
        // Written and in error, or perhaps lost to one: what it would be is not known.
        if written && value.is_none() || !written && self.uncertain.contains(&id) {
            return Some(Term::error());
        }
        // What is chosen by mlinfra is known once it chose.
        let wished = block.wishes.iter().any(|(wish, _)| wish.field == name.text);
        let chosen = kind.fields.get(&name.text).is_some_and(|f| f.chosen);
        let paid = value.map_or(Ok(()), |value| self.budget.copy(value));
        let value = value.filter(|_| paid.is_ok()).cloned();
        if !self.paid(paid, name.span) {
            return Some(Term::error());
        }
        Some(match value {
            Some(value) => Term::new(field_type.of_value(&value).clone(), value),
            None if field_type.may_be_absent() && !wished => Term::new(field_type, Value::None),
            None if chosen => {
                let origin = format!("{}.{}", self.nodes[id].address, name.text);
                Term::new(field_type, Value::Unknown(origin))
            }
            None => Term::error(),
        })
    }

    /// Whether a field of the block is written and in error, or may be lost to one.
    pub(crate) fn has_lost_field(&self, id: NodeId) -> bool {
        let items = self.nodes[id].block.map_or(&[][..], |block| block.items());
        let known = self.blocks.get(id).map(|block| &block.fields);
        self.uncertain.contains(&id)
            || items.iter().any(|item| match &item.node {
                Node::Field { path, .. } => {
                    known.is_none_or(|all| !all.contains_key(&*path.word()))
                }
                _ => false,
            })
    }

    /// A setting or a computed figure of the operation that a step calls.
    fn operation_field(&self, id: NodeId, name: &str) -> Option<(Type, bool)> {
        let block = self.nodes[id].block?;
        let ExprKind::Call { callee, .. } = &block.value.as_ref()?.kind else {
            return None;
        };
        let word = callee.as_name()?;
        let others = self.library.variants.get(word).into_iter().flatten();
        let mut named = self.library.operations.get(word).into_iter().chain(others);
        let field = named.find_map(|operation| operation.fields.get(name))?;
        Some((field.field_type.clone(), field.computed))
    }

    /// Everything that can stand behind the point, for suggestions.
    fn members(&self, id: NodeId, kind: &Kind) -> Vec<String> {
        let node = &self.nodes[id];
        let mut all: std::collections::BTreeSet<String> = kind.fields.keys().cloned().collect();
        all.extend(kind.facts.keys().cloned());
        if node.body != node.scope {
            all.extend(self.scopes[node.body].names.keys().cloned());
        }
        all.into_iter().collect()
    }

    fn column_of_table(&mut self, table: &Arc<Table>, name: &Name) -> Option<Term> {
        let column = table.column(&name.text);
        match column {
            Some(column) => {
                let base = column.column_type.map(|known| known.base);
                let term_type = match base {
                    Some(_) => Type::Column(Arc::clone(table), base),
                    None => Type::Error,
                };
                Some(Term::new(term_type, Value::text(&name.text)))
            }
            None if table.open => Some(Term::error()),
            None => {
                let finding = self.unknown_column(table, &name.text, name.span);
                self.report(finding);
                Some(Term::error())
            }
        }
    }

    /// A bare word as a column of this table; none if it is no column, and may be something else.
    pub(crate) fn column_of(
        &mut self,
        table: &Arc<Table>,
        name: &str,
        span: Span,
        env: Env<'_>,
    ) -> Option<Term> {
        if table.column(name).is_some() || table.open {
            return self.column_of_table(
                table,
                &Name {
                    text: name.to_owned(),
                    span,
                },
            );
        }
        let _ = env;
        let finding = self.unknown_column(table, name, span);
        self.report(finding);
        Some(Term::error())
    }
}

/// The same reference, one member deeper.
pub(crate) fn deeper(value: &Value, member: &str) -> Value {
    match value {
        Value::Reference(reference) => {
            let mut reference = reference.clone();
            reference.path.push(member.to_owned());
            Value::Reference(reference)
        }
        other => other.clone(),
    }
}
