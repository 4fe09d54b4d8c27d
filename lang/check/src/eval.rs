//! Evaluates expressions: each becomes a type and a value in one pass.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlinfra_api::Value;
use rust_decimal::Decimal;

use crate::check::{Checker, Env};
use crate::code;
use crate::declare_unit::unit_of;
use crate::diagnostic::{Diagnostic, Span};
use crate::fit::{Misfit, fit};
use crate::habit;
use crate::quantity::{self, NumberFault};
use crate::scope::{Form, NodeId};
use crate::suggest::{Meant, nearest};
use crate::table::Table;
use crate::tree::{Expr, ExprKind, Unit};
use crate::types::{EnumType, Term, Type, a};
use crate::unify::unify;

/// How deep expressions may be evaluated inside one another, through calls too.
const EVALUATIONS_DEEP_MAX: usize = 1_000;

impl Checker<'_> {
    /// The expression as a value of the expected type; a finding if it is none.
    pub(crate) fn value(&mut self, expr: &Expr, expected: &Type, env: Env<'_>) -> Term {
        let term = self.eval(expr, expected, env);
        self.fitted(term, expected, expr.span)
    }

    /// The same where a type is declared beside the value: fields and arguments alone make a list
    /// of one.
    pub(crate) fn declared_value(&mut self, expr: &Expr, expected: &Type, env: Env<'_>) -> Term {
        let term = self.eval(expr, expected, env);
        let is_list = |of: &Type| matches!(of.bare().present().bare(), Type::List(_));
        let is_one = matches!(
            term.term_type.bare().present(),
            Type::Bool
                | Type::Int
                | Type::Decimal
                | Type::String
                | Type::Quantity(_)
                | Type::Enum(_)
        );
        if is_list(expected) && is_one && !term.term_type.is_secret() {
            let finding = self.misfit(&Misfit::Type, &term, expected, expr.span);
            self.report(finding);
            return Term::error();
        }
        self.fitted(term, expected, expr.span)
    }

    /// The expression as what it is; `expected` says what its bare words may be.
    pub(crate) fn eval(&mut self, expr: &Expr, expected: &Type, env: Env<'_>) -> Term {
        if !self.pay_evaluation(expr.span) {
            return Term::error();
        }
        if self.depth >= EVALUATIONS_DEEP_MAX {
            self.limit(
                expr.span,
                &format!("more than {EVALUATIONS_DEEP_MAX} expressions inside one another"),
            );
            return Term::error();
        }
        self.depth += 1;
        let term = self.eval_kind(expr, expected, env);
        self.depth -= 1;
        match env.present {
            Some(present) if term.term_type.may_be_absent() => present.narrowed(expr, term),
            _ => term,
        }
    }

    fn eval_kind(&mut self, expr: &Expr, expected: &Type, env: Env<'_>) -> Term {
        match &expr.kind {
            ExprKind::Bad => Term::error(),
            ExprKind::Name(name) => self.eval_name(name, expr.span, expected, env),
            ExprKind::Number {
                digits,
                percent,
                unit,
            } => self.eval_number(digits, *percent, unit.as_deref(), expr.span),
            ExprKind::Text(parts) => self.eval_text(parts, expr.span, env),
            // The parser has looked into the calendar already.
            ExprKind::Date(text) => Term::new(Type::Date, Value::Date(text.clone())),
            ExprKind::Address(text) => self.eval_address(text, expr.span),
            ExprKind::Bool(flag) => Term::new(Type::Bool, Value::Bool(*flag)),
            ExprKind::None => Term::new(Type::Nothing, Value::None),
            ExprKind::List(elements) => self.eval_list(elements, expr.span, expected, env),
            ExprKind::Comprehension {
                element,
                repeat,
                when,
            } => self.eval_comprehension(element, repeat, when.as_deref(), expected, env),
            ExprKind::Record(body) => self.eval_record(body, expr.span, expected, env),
            ExprKind::Call { callee, arguments } => {
                self.eval_call(callee, arguments, expr.span, expected, env)
            }
            ExprKind::Member { object, name } => self.eval_member(object, name, expr.span, env),
            ExprKind::Index { object, index } => self.eval_index(object, index, env),
            ExprKind::Negate(operand) => {
                let term = self.eval(operand, expected, env);
                self.eval_negate(&term, expr.span)
            }
            ExprKind::Not(operand) => {
                let term = self.value(operand, &Type::Bool, env);
                match term.value {
                    Value::Bool(flag) => Term::new(Type::Bool, Value::Bool(!flag)),
                    _ if term.term_type.is_error() => term,
                    _ => Term::unknown(Type::Bool, &[&term]),
                }
            }
            ExprKind::Binary {
                operator,
                operator_span,
                left,
                right,
            } => self.eval_binary((*operator, *operator_span), left, right, expected, env),
            ExprKind::If {
                condition,
                then,
                otherwise,
            } => self.eval_if(condition, then, otherwise, expected, env),
            ExprKind::Match { subject, arms } => self.eval_match(subject, arms, expected, env),
        }
    }

    /// `10.40.0.0/16`: a text of the type that has this form.
    fn eval_address(&mut self, text: &str, span: Span) -> Term {
        let form = if text.contains('/') { "cidr" } else { "ip" };
        let of = self
            .library
            .types
            .get(form)
            .cloned()
            .unwrap_or(Type::String);
        self.fitted(Term::new(Type::String, Value::text(text)), &of, span)
    }

    fn eval_name(&mut self, name: &str, span: Span, expected: &Type, env: Env<'_>) -> Term {
        let mut enums: Vec<Arc<EnumType>> = Vec::new();
        expected.enums(&mut enums);
        let case = enums
            .iter()
            .find(|enumeration| enumeration.case(name).is_some());
        if let Some(enumeration) = case.cloned() {
            self.warn_ambiguous(name, span, &Type::Enum(Arc::clone(&enumeration)), env);
            return self.call_case(&enumeration, name, &[], span, env);
        }
        if let Some(table) = expected.column_table().cloned()
            && let Some(term) = self.column_of(&table, name, span, env)
        {
            return term;
        }
        if let Some(term) = env.local(name) {
            return self.copied(term, span);
        }
        if let Some(id) = env.scope.and_then(|scope| self.find(name, scope)) {
            return self.refer(id, span);
        }
        if let Some(term) = self.environment_word(name, env) {
            return term;
        }
        if self.closed_off(name, span, env) {
            return Term::error();
        }
        if expected.is_error() || env.scope.is_some_and(|scope| self.is_open(scope)) {
            return Term::error();
        }
        self.unknown_name(name, span, &enums, expected, env);
        Term::error()
    }

    fn unknown_name(
        &mut self,
        name: &str,
        span: Span,
        enums: &[Arc<EnumType>],
        expected: &Type,
        env: Env<'_>,
    ) {
        if let Some(instead) = habit::value_word(name) {
            self.report(foreign_value(name, instead, span));
            return;
        }
        let cases = enums.iter().flat_map(|enumeration| enumeration.cases());
        let cases: Vec<&str> = cases.map(|case| case.name.as_str()).collect();
        if let Some(table) = expected.column_table() {
            let finding = self.unknown_column(table, name, span);
            self.report(finding);
            return;
        }
        let names = env.scope.map(|scope| self.names_like(name, scope));
        let mut names = names.unwrap_or_default();
        names.retain(|name| self.may_stand(name, expected, env));
        let known = cases.iter().copied();
        let meant = nearest(name, known.chain(names.iter().map(String::as_str)));
        if !cases.is_empty() {
            let of = expected.present().to_string();
            let finding = case_unknown(name, &of, &cases, span).suggest(span, name, meant);
            self.report(finding);
            return;
        }
        let finding = Diagnostic::error(
            code::NAME_UNKNOWN,
            span,
            format!("nothing is named `{name}`"),
        )
        .help("what refers to it can't be made before it is there");
        let is_given =
            |given: &crate::check::Given| given.scope.is_none() && given.span.holds(span);
        if env.scope.is_none() && self.given.values().any(is_given) {
            self.given_word(name, span, expected);
            return;
        }
        if meant.is_none()
            && let Some(quoted) = self.as_text(name, expected)
        {
            let asked = finding.help(format!("a text stands in quotes: `{quoted}`"));
            self.report(asked.fix(format!("{name} → {quoted}"), span, quoted));
            return;
        }
        // What is missing everywhere is said once.
        let is_told = self.is_lost(name) || self.said.has_text(&finding);
        let inside = self.qualified(name);
        let finding = match (meant, inside.as_slice()) {
            (Some(_), _) => finding.suggest(span, name, meant),
            (None, [only]) => finding.suggest(span, name, Some(only)),
            (None, [_, ..]) => {
                finding.help("several blocks hold one of this name: name the block too")
            }
            (None, []) if name == "var" => {
                finding.help("a parameter is named alone: `replicas`, not `var.replicas`")
            }
            (None, []) if is_told => return,
            (None, []) if self.is_in_function(env) => {
                finding.help("a function sees its parameters alone: make it one of them")
            }
            (None, []) => finding.help(declared_as(name, expected)),
        };
        self.report(finding);
    }

    /// Whether what has this name may stand where a value of the type is expected, as far as that
    /// is known by now.
    fn may_stand(&self, name: &str, expected: &Type, env: Env<'_>) -> bool {
        let wanted = expected.present().bare();
        let Some(id) = env.scope.and_then(|scope| self.find(name, scope)) else {
            return false;
        };
        match (self.evaluated(id), &self.nodes[id].form) {
            _ if matches!(wanted, Type::Any | Type::Error) => true,
            (Some(term), _) if term.term_type.is_error() => true,
            (Some(term), _) => fit(&term.value, &term.term_type, expected).is_ok(),
            (None, Form::Let | Form::Parameter | Form::Round) => true,
            (None, _) => !wanted.is_plain(),
        }
    }

    /// The name in quotes, if a text is expected that it surely is: one of a form that it has.
    fn as_text(&mut self, name: &str, expected: &Type) -> Option<String> {
        let of = match expected.present() {
            Type::Secret(inner) => inner.present(),
            of => of,
        };
        let Type::Checked(checked) = of else {
            return None;
        };
        let has_form = checked.form.is_some_and(|form| form(name).is_none());
        let is_judged = !checked.requires.is_empty();
        let is_text = checked.base == Type::String
            && (has_form || is_judged && checked.form.is_none())
            && self.refused(checked, &Value::text(name)).is_none();
        is_text.then(|| format!("\"{name}\""))
    }

    /// The first two blocks inside other blocks that have this name, as they are named from
    /// outside: two are as many as say that there are several.
    fn qualified(&self, name: &str) -> Vec<String> {
        let inside = self.nested.get(name).into_iter().flatten();
        let outer = |parent: NodeId| self.nodes[parent].name.text.clone();
        inside
            .filter_map(|id| Some(format!("{}.{name}", outer(self.nodes[*id].parent?))))
            .take(2)
            .collect()
    }

    fn eval_number(
        &mut self,
        digits: &str,
        percent: bool,
        unit: Option<&Unit>,
        span: Span,
    ) -> Term {
        if unit.is_none() && !percent && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return match digits.parse::<i64>() {
                Ok(number) => Term::new(Type::Int, Value::Int(number)),
                Err(_) => self.number_fault(&NumberFault::Overflow, span),
            };
        }
        let number = digits
            .parse::<Decimal>()
            .or_else(|_| Decimal::from_scientific(digits));
        let Ok(number) = number else {
            return self.number_fault(&NumberFault::Overflow, span);
        };
        if percent {
            let value = Value::Decimal((number / Decimal::ONE_HUNDRED).normalize());
            return Term::new(Type::Decimal, value);
        }
        let Some(unit) = unit else {
            return Term::new(Type::Decimal, Value::Decimal(number.normalize()));
        };
        match unit_of(self.library, unit) {
            Ok(known) => match known.amount(number) {
                Ok(value) => number_term(value),
                Err(fault) => self.number_fault(&fault, span),
            },
            Err(name) => {
                let finding = self.unknown_unit(&name.text, name.span);
                self.report(finding);
                Term::error()
            }
        }
    }

    fn unknown_unit(&self, name: &str, span: Span) -> Diagnostic {
        let known: Vec<&str> = self.library.units.keys().map(String::as_str).collect();
        let text = format!("there is no unit `{name}`");
        let finding = Diagnostic::error(code::UNIT_UNKNOWN, span, text)
            .help("without its unit nothing can be said of the amount");
        if let Some(units) = self.library.families.get(name) {
            let units: Vec<&str> = units.iter().map(String::as_str).collect();
            return finding.help(format!("write one of {}", crate::wording::list(&units)));
        }
        match habit::unit(name, &known) {
            Ok(meant) => finding.suggest(span, name, Some(meant)),
            Err(some) if !some.is_empty() => finding.help(format!(
                "units that begin so: {}",
                crate::wording::list(&some)
            )),
            Err(_) => finding.help(format!("the units are {}", crate::wording::list(&known))),
        }
    }

    /// Reports why a number can't be computed.
    pub(crate) fn number_fault(&mut self, fault: &NumberFault, span: Span) -> Term {
        let finding = match fault {
            NumberFault::Overflow => {
                Diagnostic::error(code::NUMBER_OVERFLOW, span, "this number is too large")
                    .help("whole numbers have 64 bits, others 28 digits")
                    .help("use a larger unit, or a smaller number")
            }
            NumberFault::Zero => {
                Diagnostic::error(code::DIVISION_BY_ZERO, span, "this divides by zero")
                    .help("there is no such number")
                    .help("divide by something else, or decide before with `if`")
            }
            NumberFault::Dimensions(left, right) => {
                let (left, right) = (quantity::noun(left), quantity::noun(right));
                let text = format!(
                    "{left} on one side, {right} on the other",
                    left = a(left),
                    right = a(right)
                );
                Diagnostic::error(code::DIMENSIONS_DIFFER, span, text)
                    .help("the result would be neither")
                    .help("compute with amounts of the same thing, or multiply by a rate")
            }
        };
        match fault {
            NumberFault::Dimensions(..) => self.report(finding),
            _ => self.value_fault(finding),
        }
        Term::error()
    }

    /// Notes a finding about a value rather than its type: none in a branch that is not taken.
    pub(crate) fn value_fault(&mut self, finding: Diagnostic) {
        if !self.is_supposed {
            self.report(finding);
        }
    }

    /// `-x`.
    pub(crate) fn eval_negate(&mut self, term: &Term, span: Span) -> Term {
        if term.term_type.is_error() {
            return Term::error();
        }
        match term.term_type.bare() {
            Type::Int | Type::Decimal | Type::Quantity(_) if !term.is_known() => {
                Term::unknown(term.term_type.clone(), &[term])
            }
            Type::Int | Type::Decimal | Type::Quantity(_) => match quantity::negate(&term.value) {
                Ok(value) => {
                    let of = term.term_type.bare().clone();
                    Term::new(of.kept_secret(term.term_type.is_secret()), value)
                }
                Err(fault) => self.number_fault(&fault, span),
            },
            other => {
                let text = format!(
                    "this is {other}, and only numbers have a sign",
                    other = a(other)
                );
                self.report(
                    Diagnostic::error(code::OPERANDS_WRONG, span, text)
                        .help("an operator works on what it is made for alone")
                        .help("take the sign out"),
                );
                Term::error()
            }
        }
    }

    /// Reports that something may be absent where it may not.
    pub(crate) fn may_be_absent(&mut self, span: Span) {
        self.report(
            Diagnostic::error(code::MAYBE_ABSENT, span, "this may be absent")
                .help("nothing says what should happen when it is absent")
                .help("give a value for that case: `x ?? value`, or ask before: `if x != none`"),
        );
    }

    /// Reports a secret where everybody can read it.
    pub(crate) fn secret_in_the_open(&mut self, span: Span) {
        self.report(
            Diagnostic::error(code::SECRET_IN_THE_OPEN, span, "this is secret")
                .help("a secret may reach only fields that are declared secret")
                .help("keep it out of here; `mlinfra output --reveal` shows a secret output"),
        );
    }

    /// Whether the term is known now; a finding if not.
    pub(crate) fn must_be_known(&mut self, term: &Term, span: Span, what: &str) -> bool {
        if term.is_known() {
            return true;
        }
        if term.term_type.is_secret() {
            self.secret_in_the_open(span);
            return false;
        }
        let finding =
            Diagnostic::error(code::KNOWN_TOO_LATE, span, "this is known only after apply")
                .help(format!("{what} must be known when the spec is planned"));
        let finding = match term.origin() {
            Some(origin) if origin.contains('.') => finding.help(format!(
                "it comes from `{origin}`: refer to something that the spec itself says"
            )),
            _ => finding.help("refer to something that the spec itself says"),
        };
        self.value_fault(finding);
        false
    }

    /// Reports that a limit was reached.
    pub(crate) fn limit(&mut self, span: Span, text: &str) {
        self.limited = true;
        if self.said.has_code(code::LIMIT) {
            return;
        }
        self.report(
            Diagnostic::error(code::LIMIT, span, text)
                .help("every limit is there so that checking always ends, and soon")
                .help("make it smaller, or cut it into several"),
        );
    }

    /// Reports two values that must have one type and have not.
    pub(crate) fn differ(&mut self, first: &Type, second: &Type, span: Span) {
        let text = match (first.present(), second.present()) {
            (Type::Record(first), Type::Record(second)) => unlike(first, second),
            _ => format!(
                "this is {}, and what stands before is {}",
                second.said(),
                first.said()
            ),
        };
        self.report(
            Diagnostic::error(code::TYPE_WRONG, span, text)
                .help("whoever reads the result must know what it is")
                .help("make both the same"),
        );
    }
}

/// How a name could come to stand for something of this type.
fn declared_as(name: &str, expected: &Type) -> String {
    match expected.present() {
        Type::Block(kind) => format!("declare it: `{kind} {name} …`"),
        of if *of.bare() == Type::String => {
            format!("put a text in quotes, `\"{name}\"`, or declare it")
        }
        of if of.bare().is_plain() => format!("declare it: `let {name} = …`"),
        _ => "declare it, or put a text in quotes".to_owned(),
    }
}

/// What tells two records apart that were taken for one.
fn unlike(first: &BTreeMap<String, Type>, second: &BTreeMap<String, Type>) -> String {
    let lost = first.keys().find(|name| !second.contains_key(*name));
    let added = second.keys().find(|name| !first.contains_key(*name));
    let other = first.iter().find(|(name, of)| {
        second
            .get(*name)
            .is_some_and(|also| unify(of, also).is_none())
    });
    match (lost, added, other) {
        (Some(name), _, _) => format!("this record has no `{name}`, and what stands before has"),
        (_, Some(name), _) => format!("this record has a `{name}`, and what stands before has not"),
        (_, _, Some((name, of))) => {
            let also = second.get(name).map_or(String::new(), Type::said);
            format!("`{name}` is {also} here, and {} before", of.said())
        }
        _ => "these are different records".to_owned(),
    }
}

/// A finding about a word that is none of these cases.
pub(crate) fn case_unknown(name: &str, of: &str, cases: &[&str], span: Span) -> Diagnostic {
    let text = format!("`{name}` is no case of `{of}`");
    Diagnostic::error(code::CASE_UNKNOWN, span, text)
        .help(format!("the cases are {}", crate::wording::list(cases)))
}

/// A finding about a bare word that is a value elsewhere, with what it is here.
fn foreign_value(name: &str, instead: &str, span: Span) -> Diagnostic {
    let text = format!("nothing is named `{name}`");
    Diagnostic::error(code::NAME_UNKNOWN, span, text)
        .help("a bare word is the name of something in the spec")
        .help(habit::value_advice(name, instead))
        .fix(format!("{name} → {instead}"), span, instead)
}

/// The term of a computed number.
pub(crate) fn number_term(value: Value) -> Term {
    let term_type = match &value {
        Value::Int(_) => Type::Int,
        Value::Quantity(quantity) => Type::Quantity(quantity.dimension.clone()),
        _ => Type::Decimal,
    };
    Term::new(term_type, value)
}

impl Checker<'_> {
    /// The column that a wrong name means; none once the check has looked through as many names as
    /// it may.
    pub(crate) fn nearest_column<'c>(&mut self, table: &'c Table, name: &str) -> Option<Meant<'c>> {
        let may_look = self.budget.compare(table.columns.len());
        may_look.then(|| nearest(name, table.names())).flatten()
    }

    /// A finding about a column that a table has not.
    pub(crate) fn unknown_column(&mut self, table: &Table, name: &str, span: Span) -> Diagnostic {
        if let Some(instead) = habit::value_word(name) {
            let text = format!("`{name}` is no column and no value");
            return Diagnostic::error(code::COLUMN_UNKNOWN, span, text)
                .help(habit::value_advice(name, instead))
                .fix(format!("{name} → {instead}"), span, instead);
        }
        let made = table.address.name();
        let finding = Diagnostic::error(
            code::COLUMN_UNKNOWN,
            span,
            format!("`{made}` has no column `{name}`"),
        );
        if let Some((step, place)) = self.dropped(table, name) {
            return finding
                .also(place, format!("dropped in `{step}`"))
                .help("what a step dropped is in no table behind it")
                .help("take that line out; a model that shall not learn from it can `exclude` it");
        }
        match self.nearest_column(table, name) {
            Some(meant) => finding.suggest(span, name, Some(meant)),
            None => {
                let names: Vec<&str> = table.names().take(12).collect();
                let more = table.columns.len().saturating_sub(names.len());
                let more = if more > 0 {
                    format!(" and {more} more")
                } else {
                    String::new()
                };
                finding.help(format!("it has {}{more}", names.join(", ")))
            }
        }
    }
}
