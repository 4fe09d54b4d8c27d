//! Functions of a spec: `function double(x: int): int = x * 2`.
//!
//! A function is closed: its body sees its parameters and other functions, and nothing else. It is
//! checked once with parameters of which only the types are known, and evaluated at each call.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::check::{Checker, Env, Local, cycle_finding};
use crate::code;
use crate::diagnostic::{Diagnostic, Label, Span};
use crate::scope::{Place, Scope, ScopeId};
use crate::tree::{Argument, BlockItem, Expr, Item, Name, Node};
use crate::types::{Default, Parameter, Term, Type};

/// The form that declares one.
pub(crate) const FUNCTION: &str = "function";

/// How deep functions may call one another.
const CALLS_MAX: usize = 32;

/// How many parameters a function may have.
const PARAMETERS_MAX: usize = 16;

/// The functions of all files.
#[derive(Default)]
pub(crate) struct UserFunctions<'t> {
    all: Vec<UserFunction<'t>>,
    /// What each file sees: its own, and those it uses. By the scope around the file's.
    seen: BTreeMap<ScopeId, BTreeMap<String, usize>>,
    /// Those being evaluated, outermost first.
    calling: Vec<usize>,
}

struct UserFunction<'t> {
    name: &'t Name,
    block: &'t BlockItem,
    /// The scope around the file's.
    around: ScopeId,
    /// None as long as nobody asked; no signature if there is something wrong with it.
    signature: Option<Option<Rc<Signature>>>,
    /// Whether it stands in a circle, which is reported.
    in_circle: bool,
}

/// What a call is held against.
struct Signature {
    parameters: Vec<Parameter>,
    result: Type,
    /// Where its body looks words up: no value is there.
    scope: ScopeId,
}

impl<'t> Checker<'t> {
    /// Collects the functions that a file declares.
    pub(crate) fn collect_functions(&mut self, items: &'t [Item], place: &Place, around: ScopeId) {
        for item in items {
            let Node::Block(block) = &item.node else {
                continue;
            };
            if block.path.word() != FUNCTION {
                continue;
            }
            let Some(name) = &block.name else {
                self.nameless(item, block, place);
                continue;
            };
            if self.function_refused(item, block, name, around) {
                continue;
            }
            let id = self.functions.all.len();
            let seen = self.functions.seen.entry(around).or_default();
            seen.insert(name.text.clone(), id);
            self.functions.all.push(UserFunction {
                name,
                block,
                around,
                signature: item.broken.then_some(None),
                in_circle: false,
            });
        }
    }

    /// Whether the head of a function can't stand so; a finding says why.
    fn function_refused(
        &mut self,
        item: &Item,
        block: &BlockItem,
        name: &Name,
        around: ScopeId,
    ) -> bool {
        self.refuse_head(block, &["params", "type", "value"]);
        for attribute in &item.attributes {
            self.attribute_unwanted(&attribute.path.text(), attribute.path.span);
        }
        let seen = self.functions.seen.get(&around);
        let first = seen.and_then(|seen| seen.get(&name.text).copied());
        if let Some(first) = first.and_then(|first| self.functions.all.get(first)) {
            let first = first.name.span;
            let text = format!("there is a function `{}` already", name.text);
            self.report(
                Diagnostic::error(code::NAME_TWICE, name.span, text)
                    .also(first, "here first")
                    .help("a call of it could mean either")
                    .help("rename one of the two"),
            );
            return true;
        }
        let library = self.library;
        if library.functions.contains_key(&name.text) || library.operations.contains_key(&name.text)
        {
            let text = format!("`{}` is in the standard library already", name.text);
            self.report(
                Diagnostic::error(code::FUNCTION_TAKEN, name.span, text)
                    .help("a call of it could mean either")
                    .help("rename the function"),
            );
            return true;
        }
        let missing = match (&block.parameters, &block.result, &block.value) {
            (None, ..) => "its parameters are missing",
            (_, None, _) => "the type of its result is missing",
            (.., None) => "what it gives is missing",
            _ if block.body.is_some() => "a function has no body in braces",
            (Some(parameters), ..) if parameters.len() > PARAMETERS_MAX => {
                self.limit(name.span, &format!("more than {PARAMETERS_MAX} parameters"));
                return true;
            }
            _ => return false,
        };
        if !item.broken {
            self.report(
                Diagnostic::error(code::FUNCTION_NOT_WHOLE, name.span, missing)
                    .help("a call is checked against its head, and its result is one expression")
                    .help("write `function double(x: int): int = x * 2`"),
            );
        }
        // A call of it is no second finding.
        let seen = self.functions.seen.entry(around).or_default();
        seen.insert(name.text.clone(), usize::MAX);
        true
    }

    /// Makes a function of one file known to another that uses it; whether there is one.
    pub(crate) fn use_function(&mut self, name: &Name, from: ScopeId, to: ScopeId) -> bool {
        let found = self.functions.seen.get(&from);
        let Some(id) = found.and_then(|seen| seen.get(&name.text).copied()) else {
            return false;
        };
        let function = self.functions.all.get(id);
        let own = function.is_none_or(|function| function.around == from);
        if own && from != to {
            let seen = self.functions.seen.entry(to).or_default();
            let first = *seen.entry(name.text.clone()).or_insert(id);
            // One that was refused has its finding.
            let first = self.functions.all.get(first).filter(|_| first != id);
            if let Some(first) = first.map(|first| first.name.span) {
                self.word_twice(name, first, FUNCTION);
            }
        }
        own
    }

    /// The function that is called so from here.
    pub(crate) fn user_function(&self, word: &str, scope: Option<ScopeId>) -> Option<usize> {
        if self.functions.all.is_empty() {
            return None;
        }
        let mut current = scope;
        while let Some(scope) = current {
            let seen = self.functions.seen.get(&scope);
            if let Some(id) = seen.and_then(|seen| seen.get(word)) {
                return Some(*id);
            }
            current = self.scopes[scope].parent;
        }
        None
    }

    /// Whether names are looked up for the body of a function.
    pub(crate) fn is_in_function(&self, env: Env<'_>) -> bool {
        let scope = env
            .scope
            .filter(|scope| self.scopes[*scope].parent.is_none());
        scope.is_some_and(|scope| self.functions.seen.contains_key(&scope))
    }

    /// The names of all functions, for suggestions.
    pub(crate) fn user_function_names(&self) -> impl Iterator<Item = &'t str> + '_ {
        self.functions
            .all
            .iter()
            .map(|function| function.name.text.as_str())
    }

    /// Checks every function by its types alone, whether it is called or not.
    pub(crate) fn check_functions(&mut self) {
        for id in 0..self.functions.all.len() {
            let Some(signature) = self.signature(id) else {
                continue;
            };
            let unknown =
                |parameter: &Parameter| Term::unknown(parameter.parameter_type.clone(), &[]);
            let terms: Vec<Term> = signature.parameters.iter().map(unknown).collect();
            let mode = self.enter(true, false);
            self.run_function(id, &signature, &terms);
            self.leave(mode);
        }
    }

    fn signature(&mut self, id: usize) -> Option<Rc<Signature>> {
        if let Some(known) = &self.functions.all[id].signature {
            return known.clone();
        }
        let (block, around) = (self.functions.all[id].block, self.functions.all[id].around);
        let mut parameters: Vec<Parameter> = Vec::new();
        let mut failed = false;
        for written in block.parameters.iter().flatten() {
            let parameter_type = self.written_type(&written.parameter_type);
            failed |= parameter_type.is_error();
            if parameters
                .iter()
                .any(|known| known.name == written.name.text)
            {
                let text = format!("there is a parameter `{}` already", written.name.text);
                self.report(
                    Diagnostic::error(code::NAME_TWICE, written.name.span, text)
                        .help("an argument by this name could mean either")
                        .help("rename one of the two"),
                );
                failed = true;
            }
            // A default knows the library alone, and is one value for all calls.
            let default = written.default.clone().map(Default::new);
            if let Some(default) = default.as_ref().filter(|_| !parameter_type.is_error()) {
                let term = self.value(&default.expression, &parameter_type, Env::library());
                failed |= term.term_type.is_error();
                default.value.get_or_init(|| term.value);
            }
            parameters.push(Parameter {
                name: written.name.text.clone(),
                parameter_type,
                default,
            });
        }
        let result = block
            .result
            .as_ref()
            .map(|written| self.written_type(written));
        let result = result.filter(|result| !result.is_error() && !failed);
        let signature = result.map(|result| {
            let scope = self.scopes.len();
            let modules = self.scopes[around].modules.clone();
            self.scopes.push(Scope {
                modules,
                ..Scope::default()
            });
            let seen = self.functions.seen.get(&around).cloned();
            self.functions.seen.insert(scope, seen.unwrap_or_default());
            Rc::new(Signature {
                parameters,
                result,
                scope,
            })
        });
        self.functions.all[id].signature = Some(signature.clone());
        signature
    }

    /// A call.
    pub(crate) fn call_user_function(
        &mut self,
        id: usize,
        arguments: &[Argument],
        span: Span,
        env: Env<'_>,
    ) -> Term {
        let usable = self
            .functions
            .all
            .get(id)
            .filter(|function| !function.in_circle);
        let name = usable.map(|function| function.name.text.as_str());
        let bound = name.and_then(|name| {
            let signature = self.signature(id)?;
            let bound = self.bind(&signature.parameters, arguments, name, span)?;
            Some((signature, bound))
        });
        let Some((signature, bound)) = bound else {
            for argument in arguments {
                self.eval(&argument.value, &Type::Error, env);
            }
            return Term::error();
        };
        let Some((terms, secret)) = self.user_arguments(&signature, &bound, env) else {
            return Term::error();
        };
        let found = self.findings.len();
        let mode = self.enter(self.is_supposed, true);
        let result = self.run_function(id, &signature, &terms);
        self.leave(mode);
        for finding in self.findings.iter_mut().skip(found) {
            if finding.others.len() < CALLS_MAX {
                finding.others.push(Label {
                    span,
                    text: "called here".to_owned(),
                });
            }
        }
        Term::new(result.term_type.kept_secret(secret), result.value)
    }

    /// What flows in, and whether some of it is secret.
    fn user_arguments(
        &mut self,
        signature: &Signature,
        bound: &[Option<&Expr>],
        env: Env<'_>,
    ) -> Option<(Vec<Term>, bool)> {
        let mut terms = Vec::with_capacity(bound.len());
        let (mut secret, mut failed) = (false, false);
        for (parameter, argument) in signature.parameters.iter().zip(bound) {
            let wanted = &parameter.parameter_type;
            let term = match argument {
                Some(argument) => {
                    let mut term = self.eval(argument, wanted, env);
                    if term.term_type.is_secret() {
                        secret = true;
                        term.term_type = term.term_type.revealed();
                    }
                    self.fitted(term, wanted, argument.span)
                }
                None => Term::new(wanted.clone(), self.parameter_default(parameter)),
            };
            failed |= term.term_type.is_error();
            terms.push(Term::new(wanted.clone(), term.value));
        }
        (!failed).then_some((terms, secret))
    }

    /// Evaluates the body with these parameters.
    fn run_function(&mut self, id: usize, signature: &Signature, terms: &[Term]) -> Term {
        let function = &self.functions.all[id];
        let (name, block) = (function.name, function.block);
        let Some(body) = &block.value else {
            return Term::error();
        };
        if let Some(from) = self.functions.calling.iter().position(|one| *one == id) {
            self.close_circle(from, name.span);
            return Term::error();
        }
        if self.functions.calling.len() >= CALLS_MAX {
            self.limit(
                name.span,
                &format!("more than {CALLS_MAX} functions inside one another"),
            );
            return Term::error();
        }
        let names: Vec<&str> = signature
            .parameters
            .iter()
            .map(|p| p.name.as_str())
            .collect();
        self.functions.calling.push(id);
        let env = Env::of(signature.scope);
        let result = &signature.result;
        let term = with_locals(&names, terms, env, &mut |env| self.value(body, result, env));
        self.functions.calling.pop();
        match term.term_type.is_error() {
            true => term,
            false => Term::new(
                result.clone().kept_secret(term.term_type.is_secret()),
                term.value,
            ),
        }
    }

    /// Reports functions that need themselves: each would never end.
    fn close_circle(&mut self, from: usize, span: Span) {
        let circle: Vec<usize> = self.functions.calling[from..].to_vec();
        if circle.iter().all(|one| self.functions.all[*one].in_circle) {
            return;
        }
        let mut names = Vec::new();
        for one in circle {
            let function = &mut self.functions.all[one];
            function.in_circle = true;
            names.push(function.name.text.clone());
        }
        let finding = cycle_finding(span, &names);
        self.report(finding);
    }
}

/// Evaluates with these names for these terms.
fn with_locals(
    names: &[&str],
    terms: &[Term],
    env: Env<'_>,
    evaluate: &mut dyn FnMut(Env<'_>) -> Term,
) -> Term {
    let (Some((name, names)), Some((term, terms))) = (names.split_first(), terms.split_first())
    else {
        return evaluate(env);
    };
    let local = Local {
        name,
        term,
        next: env.locals,
    };
    let inside = Env {
        locals: Some(&local),
        ..env
    };
    with_locals(names, terms, inside, evaluate)
}
