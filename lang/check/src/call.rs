//! Calls of cases and functions, and how arguments find their parameters.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlinfra_api::Value;

use crate::check::{Checker, Env, Local};
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::habit;
use crate::scope::Form;
use crate::suggest::nearest;
use crate::tree::{Argument, Expr, ExprKind, Require};
use crate::types::{Default, EnumType, Parameter, Term, Type};
use crate::wording::{list, list_some};

/// `case(a, b)` where the case takes one list alone: the list of both.
fn as_one_list(parameters: &[Parameter], arguments: &[Argument], span: Span) -> Option<Argument> {
    let [
        Parameter {
            parameter_type: Type::List(_),
            ..
        },
    ] = parameters
    else {
        return None;
    };
    if arguments.len() < 2 || arguments.iter().any(|argument| argument.name.is_some()) {
        return None;
    }
    let elements = arguments.iter().map(|argument| argument.value.clone());
    Some(Argument {
        name: None,
        value: Expr {
            kind: ExprKind::List(elements.collect()),
            span,
        },
    })
}

impl Checker<'_> {
    pub(crate) fn eval_call(
        &mut self,
        callee: &Expr,
        arguments: &[Argument],
        span: Span,
        expected: &Type,
        env: Env<'_>,
    ) -> Term {
        if let ExprKind::Member { object, name } = &callee.kind
            && let Some(word) = object.as_name()
            && let Some(Type::Enum(enumeration)) = self.library.types.get(word)
        {
            return self.call_case(enumeration, &name.text, arguments, name.span, env);
        }
        if let ExprKind::Member { object, name } = &callee.kind
            && let Some(term) = self.ask(object, name, arguments, env)
        {
            return term;
        }
        if let Some(function) = self.function_named(callee, env) {
            return self.call_user_function(function, arguments, callee.span, env);
        }
        let Some(word) = callee.as_name() else {
            if !matches!(callee.kind, ExprKind::Bad) && !self.is_of_lost(callee, env) {
                self.report(
                    Diagnostic::error(code::FUNCTION_UNKNOWN, callee.span, "this can't be called")
                        .help("values have no functions of their own")
                        .help("write `name(value)`, or an operator such as `==`"),
                );
            }
            return Term::error();
        };
        let mut enums: Vec<Arc<EnumType>> = Vec::new();
        expected.enums(&mut enums);
        if let Some(enumeration) = enums.iter().find(|e| e.case(word).is_some()) {
            return self.call_case(enumeration, word, arguments, span, env);
        }
        match self.library.functions.get(word) {
            Some(function) => {
                let function = Arc::clone(function);
                self.call_function(&function, arguments, callee.span, env)
            }
            None if expected.is_error() || self.is_lost(word) => Term::error(),
            None => {
                let cases = enums.iter().flat_map(|enumeration| enumeration.cases());
                let cases: Vec<&str> = cases.map(|case| case.name.as_str()).collect();
                self.unknown_function(word, callee.span, &cases);
                Term::error()
            }
        }
    }

    /// The function of the spec that is called: by its name, or by that of its file before it.
    pub(crate) fn function_named(&self, callee: &Expr, env: Env<'_>) -> Option<usize> {
        match &callee.kind {
            ExprKind::Name(word) => self.user_function(word, env.scope),
            ExprKind::Member { object, name } => {
                let module = self.module(object.as_name()?, env.scope?)?;
                self.user_function(&name.text, self.scopes[module].parent)
            }
            _ => None,
        }
    }

    /// Whether this is a member of what nobody knows because of a finding.
    fn is_of_lost(&self, callee: &Expr, env: Env<'_>) -> bool {
        let (ExprKind::Member { object, .. }, Some(scope)) = (&callee.kind, env.scope) else {
            return false;
        };
        let Some(name) = object.as_name().filter(|name| env.local(name).is_none()) else {
            return false;
        };
        match self.find(name, scope) {
            Some(id) => matches!(self.nodes[id].form, Form::Stray),
            None => self.is_open(scope),
        }
    }

    fn unknown_function(&mut self, word: &str, span: Span, cases: &[&str]) {
        let finding = Diagnostic::error(
            code::FUNCTION_UNKNOWN,
            span,
            format!("nothing here is called `{word}`"),
        )
        .help("what it would give is unknown, and so is everything made from it");
        if cases.is_empty()
            && let Some((advice, same)) = habit::function(word)
        {
            let finding = finding.help(format!("write {advice}"));
            self.report(match same {
                Some(name) => finding.fix(format!("{word} → {name}"), span, name),
                None => finding,
            });
            return;
        }
        if self.library.operations.contains_key(word) {
            self.report(
                Diagnostic::error(
                    code::FUNCTION_ELSEWHERE,
                    span,
                    format!("`{word}` is an operation: only a step calls one"),
                )
                .help("an operation runs later, and its result is kept under the step's name")
                .help("give it a step of its own and refer to that"),
            );
            return;
        }
        let functions: Vec<&str> = match cases {
            [] => {
                let library = self.library.functions.keys().map(String::as_str);
                self.user_function_names().chain(library).collect()
            }
            _ => Vec::new(),
        };
        let meant = nearest(word, cases.iter().chain(&functions).copied());
        let finding = match (meant, cases) {
            (Some(_), _) => finding.suggest(span, word, meant),
            (None, []) => finding.help(format!("there is {}", list_some(&functions))),
            (None, [only]) => finding.help(format!("what can stand here is `{only}`")),
            (None, cases) => finding.help(format!("what can stand here: {}", list(cases))),
        };
        self.report(finding);
    }

    /// A case with its payload. `span` is the whole call.
    pub(crate) fn call_case(
        &mut self,
        enumeration: &Arc<EnumType>,
        name: &str,
        arguments: &[Argument],
        span: Span,
        env: Env<'_>,
    ) -> Term {
        let Some(case) = enumeration.case(name) else {
            let cases: Vec<&str> = enumeration
                .cases()
                .iter()
                .map(|case| case.name.as_str())
                .collect();
            let meant = nearest(name, cases.iter().copied());
            let of = enumeration.name.as_deref().unwrap_or("enum");
            self.report(
                Diagnostic::error(
                    code::CASE_UNKNOWN,
                    span,
                    format!("`{name}` is no case of `{of}`"),
                )
                .help(format!("the cases are {}", list(&cases)))
                .suggest(span, name, meant),
            );
            return Term::error();
        };
        if let Some(instead) = case.deprecated.clone() {
            self.warn_deprecated(name, &instead, span);
        }
        let listed = as_one_list(&case.parameters, arguments, span);
        let arguments = listed.as_ref().map_or(arguments, std::slice::from_ref);
        let Some(bound) = self.bind(&case.parameters, arguments, name, span) else {
            arguments.iter().for_each(|argument| {
                self.eval(&argument.value, &Type::Error, env);
            });
            return Term::error();
        };
        let mut payload: BTreeMap<String, Value> = BTreeMap::new();
        let mut failed = false;
        for (parameter, argument) in case.parameters.iter().zip(bound) {
            let value = match argument {
                Some(argument) => {
                    let term = self.value(argument, &parameter.parameter_type, env);
                    failed |= term.term_type.is_error();
                    term.value
                }
                None => self.parameter_default(parameter),
            };
            if value != Value::None {
                payload.insert(parameter.name.clone(), value);
            }
        }
        if failed || !self.pay_parts(payload.values(), span) {
            return Term::error();
        }
        let value = Value::Case {
            name: name.to_owned(),
            arguments: payload,
        };
        Term::new(Type::Enum(Arc::clone(enumeration)), value)
    }

    /// The declared default of a parameter that was not given.
    pub(crate) fn parameter_default(&mut self, parameter: &Parameter) -> Value {
        match &parameter.default {
            Some(default) => self.default_value(default, &parameter.parameter_type),
            None => Value::None,
        }
    }

    /// A declared default, evaluated once.
    pub(crate) fn default_value(&mut self, default: &Default, of: &Type) -> Value {
        if let Some(value) = default.value.get() {
            return value.clone();
        }
        let value = self.value(&default.expression, of, Env::library()).value;
        default.value.get_or_init(|| value).clone()
    }

    /// Which argument each parameter gets; none, with findings, if they don't match.
    pub(crate) fn bind<'a>(
        &mut self,
        parameters: &[Parameter],
        arguments: &'a [Argument],
        what: &str,
        span: Span,
    ) -> Option<Vec<Option<&'a Expr>>> {
        let mut bound: Vec<Option<&Expr>> = vec![None; parameters.len()];
        let mut failed = false;
        for (place, argument) in arguments.iter().enumerate() {
            let at = match &argument.name {
                Some(name) => parameters.iter().position(|p| p.name == name.text),
                None => (place < parameters.len()).then_some(place),
            };
            let Some(at) = at else {
                failed = true;
                self.unknown_argument(parameters, argument, what);
                continue;
            };
            if bound[at].is_some() {
                failed = true;
                let at_span = argument
                    .name
                    .as_ref()
                    .map_or(argument.value.span, |n| n.span);
                let text = format!("`{}` is given twice", parameters[at].name);
                self.report(
                    Diagnostic::error(code::ARGUMENT_TWICE, at_span, text)
                        .help("only one of the two could count")
                        .help("take one of them out"),
                );
            }
            bound[at] = Some(&argument.value);
        }
        for (parameter, argument) in parameters.iter().zip(&bound) {
            let needed = parameter.default.is_none() && !parameter.parameter_type.may_be_absent();
            if needed && argument.is_none() && !failed {
                failed = true;
                let text = format!("`{what}` needs `{}`", parameter.name);
                self.report(
                    Diagnostic::error(code::ARGUMENT_MISSING, span, text)
                        .help("there is no value that would be right for everybody")
                        .help(format!(
                            "give {}: `{what}({} = …)`",
                            parameter.parameter_type.said(),
                            parameter.name
                        )),
                );
            }
        }
        (!failed).then_some(bound)
    }

    fn unknown_argument(&mut self, parameters: &[Parameter], argument: &Argument, what: &str) {
        let names: Vec<&str> = parameters.iter().map(|p| p.name.as_str()).collect();
        let takes = match names.as_slice() {
            [] => format!("`{what}` takes nothing"),
            names => format!("`{what}` takes {}", list(names)),
        };
        let finding = match &argument.name {
            Some(name) => {
                let meant = nearest(&name.text, names.iter().copied());
                let text = format!("`{what}` has no parameter `{}`", name.text);
                Diagnostic::error(code::ARGUMENT_UNKNOWN, name.span, text)
                    .help(takes)
                    .suggest(name.span, &name.text, meant)
            }
            None => {
                let text = "this is one more than there are parameters".to_owned();
                Diagnostic::error(code::ARGUMENT_UNKNOWN, argument.value.span, text).help(takes)
            }
        };
        self.report(finding);
    }

    /// Whether a condition on a value holds; its message, if it has one, if not.
    pub(crate) fn holds(
        &mut self,
        require: &Require,
        name: &str,
        term: &Term,
    ) -> Result<(), Option<String>> {
        self.holds_in(require, name, term, Env::library())
    }

    /// The same, with the names of a scope.
    pub(crate) fn holds_in(
        &mut self,
        require: &Require,
        name: &str,
        term: &Term,
        env: Env<'_>,
    ) -> Result<(), Option<String>> {
        let local = Local {
            name,
            term,
            next: None,
        };
        let inside = Env {
            locals: Some(&local),
            ..env
        };
        let result = self.value(&require.condition, &Type::Bool, inside);
        if result.value != Value::Bool(false) {
            return Ok(());
        }
        let message = require
            .message
            .as_ref()
            .map(|message| self.value(message, &Type::String, inside));
        Err(message.and_then(|term| term.value.as_text().map(str::to_owned)))
    }
}
