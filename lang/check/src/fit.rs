//! Whether a value of one type may stand where another is expected: all widening there is.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlinfra_api::{ColumnBase, Dimension, Value};
use rust_decimal::Decimal;

use crate::check::Checker;
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::presence::is_reference;
use crate::quantity;
use crate::suggest::nearest;
use crate::text_form::Break;
use crate::types::{FieldsType, Term, Type, a};

/// Why a value does not fit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Misfit {
    /// It is something else.
    Type,
    /// It is an amount of something else.
    Dimension(Dimension, Dimension),
    /// It is a plain number where an amount is wanted.
    UnitMissing(Dimension),
    /// It is an amount where a plain number is wanted.
    UnitUnwanted(Dimension),
    /// It may be absent.
    Absent,
    /// It is secret, and this is no place for secrets.
    Secret,
    /// It is a column of another type.
    Column(ColumnBase, Vec<ColumnBase>),
    /// It is a text, and none of those that the type takes.
    Text(String),
}

/// The value as one of type `to`, if it fits.
pub(crate) fn fit(value: &Value, from: &Type, to: &Type) -> Result<Value, Misfit> {
    match (from, to) {
        (Type::Error | Type::Any, _) | (_, Type::Error | Type::Any) => Ok(value.clone()),
        (Type::Secret(from), Type::Secret(to)) => fit(value, from, to),
        (Type::Secret(_), _) => Err(Misfit::Secret),
        (from, Type::Secret(to)) => fit(value, from, to),
        (Type::Checked(from), to) => fit(value, &from.base, to),
        (from, Type::Checked(to)) => fit(value, from, &to.base),
        (Type::Nothing, Type::Optional(_)) => Ok(Value::None),
        (Type::Optional(from), Type::Optional(to)) => match value {
            Value::None => Ok(Value::None),
            value => fit(value, from, to),
        },
        // What is absent drops out of a list of references.
        (Type::Optional(from), Type::List(_)) if is_reference(from) => match value {
            Value::None => Ok(Value::List(Vec::new())),
            value => fit(value, from, to),
        },
        (Type::Optional(_) | Type::Nothing, _) => Err(Misfit::Absent),
        (from, Type::Optional(to)) => fit(value, from, to),
        (Type::Union(_), _) | (_, Type::Union(_)) => fit_union(value, from, to),
        (Type::List(from), Type::List(to)) => match value {
            Value::List(elements) => {
                let elements: Result<Vec<Value>, Misfit> = elements
                    .iter()
                    .map(|element| fit(element, from, to))
                    .collect();
                elements.map(Value::List)
            }
            other => Ok(other.clone()),
        },
        (from, Type::List(to)) => fit(value, from, to).map(|value| Value::List(vec![value])),
        (Type::Map(from), Type::Map(to)) => match value {
            Value::Record(entries) => {
                let fit_entry = |(name, value): (&String, &Value)| {
                    fit(value, from, to).map(|value| (name.clone(), value))
                };
                let entries: Result<_, Misfit> = entries.iter().map(fit_entry).collect();
                entries.map(Value::Record)
            }
            other => Ok(other.clone()),
        },
        (Type::Record(from), Type::Map(to)) => {
            let inside = |name: &String, value: &Value| fit(value, from.get(name)?, to).ok();
            fit_fields(from, |of| fit(&Value::None, of, to).map(drop))?;
            fit_entries(value, inside)
        }
        (Type::Record(from), Type::Record(to)) if from.keys().eq(to.keys()) => {
            let inside =
                |name: &String, value: &Value| fit(value, from.get(name)?, to.get(name)?).ok();
            let fits = |(name, of): (&String, &Type)| {
                fit(&Value::None, of, to.get(name).unwrap_or(&Type::Error)).map(drop)
            };
            from.iter().try_for_each(fits)?;
            fit_entries(value, inside)
        }
        (Type::Record(from), Type::Fields(to)) => fit_declared(value, from, to),
        (Type::Range(from), Type::Range(to)) => fit_range(value, from, to),
        (Type::Int, Type::Range(to)) => {
            let bound = fit(value, from, to)?;
            Ok(Value::Range(Box::new(bound.clone()), Box::new(bound)))
        }
        _ => fit_plain(value, from, to),
    }
}

/// Whether a value of type `from` is one of type `to` as it is, so that it need not be copied. That
/// it is not said here says nothing.
fn fits_as_it_is(from: &Type, to: &Type) -> bool {
    match (from, to) {
        (Type::Bool, Type::Bool)
        | (Type::Int, Type::Int)
        | (Type::Decimal, Type::Decimal)
        | (Type::String, Type::String)
        | (Type::Date, Type::Date) => true,
        (Type::Quantity(from), Type::Quantity(to)) => from == to,
        (Type::Enum(from), Type::Enum(to)) => Arc::ptr_eq(from, to),
        (Type::Block(from), Type::Block(to)) => from == to,
        (from, Type::Checked(to)) => fits_as_it_is(from, &to.base),
        (from, Type::Optional(to)) => fits_as_it_is(from, to),
        _ => false,
    }
}

/// The record as one of the declared type: it has what must be there, and nothing else.
fn fit_declared(
    value: &Value,
    from: &BTreeMap<String, Type>,
    to: &FieldsType,
) -> Result<Value, Misfit> {
    let written = from.iter().all(|(name, _)| to.field(name).is_some());
    let there = |(name, of): &(String, Type)| match from.get(name) {
        Some(found) => fit(&Value::None, found, of).map(drop),
        None if of.may_be_absent() => Ok(()),
        None => Err(Misfit::Type),
    };
    to.fields().iter().try_for_each(there)?;
    let inside = |name: &String, value: &Value| fit(value, from.get(name)?, to.field(name)?).ok();
    match written {
        true => fit_entries(value, inside),
        false => Err(Misfit::Type),
    }
}

/// The range with both of its ends as what they are to be.
fn fit_range(value: &Value, from: &Type, to: &Type) -> Result<Value, Misfit> {
    match value {
        Value::Range(low, high) => {
            let (low, high) = (fit(low, from, to)?, fit(high, from, to)?);
            Ok(Value::Range(Box::new(low), Box::new(high)))
        }
        other => Ok(other.clone()),
    }
}

/// Whether each field fits.
fn fit_fields(
    fields: &BTreeMap<String, Type>,
    fits: impl Fn(&Type) -> Result<(), Misfit>,
) -> Result<(), Misfit> {
    fields.values().try_for_each(fits)
}

/// The record with each entry as what it is to be.
fn fit_entries(
    value: &Value,
    entry: impl Fn(&String, &Value) -> Option<Value>,
) -> Result<Value, Misfit> {
    let Value::Record(entries) = value else {
        return Ok(value.clone());
    };
    let fitted = entries
        .iter()
        .map(|(name, value)| Some((name.clone(), entry(name, value)?)));
    let fitted: Option<BTreeMap<String, Value>> = fitted.collect();
    fitted.map(Value::Record).ok_or(Misfit::Type)
}

/// Where one side is one of several types.
fn fit_union(value: &Value, from: &Type, to: &Type) -> Result<Value, Misfit> {
    let base = |member: &Type| match member {
        Type::Column(_, base) => *base,
        _ => None,
    };
    match (from, to) {
        // Which of them it is was decided when it was made: each of them must do.
        (Type::Union(members), to) => {
            let mut fitting = members.iter().map(|member| fit(value, member, to));
            let first = fitting.next().unwrap_or(Err(Misfit::Type));
            fitting.fold(first, |all, one| all.and_then(|value| one.map(|_| value)))
        }
        (Type::Column(_, Some(from)), Type::Union(members))
            if members.iter().all(|member| base(member).is_some()) =>
        {
            let wanted: Vec<ColumnBase> = members.iter().filter_map(base).collect();
            match wanted.contains(from) {
                true => Ok(value.clone()),
                false => Err(Misfit::Column(*from, wanted)),
            }
        }
        (from, Type::Union(members)) => {
            let mut fitting = members.iter().map(|member| fit(value, from, member));
            let first = fitting.next().unwrap_or(Err(Misfit::Type));
            fitting.fold(first, |all, one| {
                all.or_else(|misfit| one.map_err(|_| misfit))
            })
        }
        _ => Err(Misfit::Type),
    }
}

fn fit_plain(value: &Value, from: &Type, to: &Type) -> Result<Value, Misfit> {
    match (from, to) {
        (Type::Int, Type::Decimal | Type::Float) => Ok(match value {
            Value::Int(number) => Value::Decimal(Decimal::from(*number)),
            other => other.clone(),
        }),
        (Type::Decimal, Type::Float) => Ok(value.clone()),
        (Type::Enum(_), Type::String) => match value {
            Value::Case { name, arguments } if arguments.is_empty() => Ok(Value::text(name)),
            Value::Case { .. } => Err(Misfit::Type),
            other => Ok(other.clone()),
        },
        (Type::Enum(from), Type::Enum(to)) if from.is_part_of(to) => Ok(value.clone()),
        (Type::String, Type::Enum(to)) if to.of_texts => match value {
            Value::String(text) if to.case(text).is_none() => Err(Misfit::Text(text.clone())),
            other => Ok(other.clone()),
        },
        (Type::Quantity(from), Type::Quantity(to)) if quantity::is_of(from, to) => {
            Ok(value.clone())
        }
        (Type::Quantity(from), Type::Quantity(to)) => {
            Err(Misfit::Dimension(from.clone(), to.clone()))
        }
        (Type::Int | Type::Decimal, Type::Quantity(to)) => Err(Misfit::UnitMissing(to.clone())),
        (Type::Quantity(from), Type::Int | Type::Decimal | Type::Float) => {
            Err(Misfit::UnitUnwanted(from.clone()))
        }
        (Type::Column(_, Some(from)), Type::Column(_, Some(to))) if from != to => {
            Err(Misfit::Column(*from, vec![*to]))
        }
        (Type::Column(..), Type::Column(..))
        | (Type::Table(_), Type::AnyTable)
        | (Type::Weights(_), Type::AnyWeights)
        | (Type::Release(_), Type::AnyRelease) => Ok(value.clone()),
        // Of a block that is a table, the block may be meant.
        (Type::Table(table), Type::Block(kind))
            if *table.address.kind == **kind && table.part.is_none() =>
        {
            Ok(value.clone())
        }
        (Type::Made(made), Type::Opaque(name)) if made.name == *name => Ok(value.clone()),
        (from, to) if from == to => Ok(value.clone()),
        _ => Err(Misfit::Type),
    }
}

fn column_misfit(from: ColumnBase, to: &[ColumnBase], span: Span) -> Diagnostic {
    let words: Vec<&str> = to.iter().map(|base| base.word()).collect();
    let wanted = a(words.join(" or "));
    let text = format!(
        "this column is {}, and {wanted} one belongs here",
        from.word()
    );
    Diagnostic::error(code::COLUMN_TYPE_WRONG, span, text)
        .help("what works on the column would not know what to do with its cells")
        .help(format!("derive {wanted} column first, or name another"))
}

/// Whether terms of this type keep their own type where it is expected.
fn is_pattern(expected: &Type) -> bool {
    matches!(
        expected,
        Type::Any
            | Type::Error
            | Type::AnyTable
            | Type::AnyWeights
            | Type::AnyRelease
            | Type::Opaque(_)
            | Type::Float
    )
}

impl Checker<'_> {
    /// The term as one of the expected type; a finding at `span` if it does not fit.
    pub(crate) fn fitted(&mut self, term: Term, expected: &Type, span: Span) -> Term {
        if term.term_type.is_error() {
            return Term::error();
        }
        if matches!(expected, Type::Any | Type::Error) {
            return term;
        }
        if fits_as_it_is(&term.term_type, expected) {
            return match self.judge(expected, &term.value, span) {
                true => Term::new(expected.clone(), term.value),
                false => Term::error(),
            };
        }
        match fit(&term.value, &term.term_type, expected) {
            Ok(value) => {
                if !self.judge(expected, &value, span) {
                    return Term::error();
                }
                let keeps = is_pattern(expected.present());
                Term::new(
                    if keeps {
                        term.term_type
                    } else {
                        expected.clone()
                    },
                    value,
                )
            }
            Err(misfit) => {
                let finding = self.misfit(&misfit, &term, expected, span);
                self.report(finding);
                Term::error()
            }
        }
    }

    pub(crate) fn misfit(
        &self,
        misfit: &Misfit,
        term: &Term,
        expected: &Type,
        span: Span,
    ) -> Diagnostic {
        let found = &term.term_type;
        match misfit {
            Misfit::Dimension(from, to) => {
                let text = format!(
                    "this is {}, and {} belongs here",
                    a(quantity::noun(from)),
                    a(quantity::noun(to))
                );
                Diagnostic::error(code::UNIT_WRONG, span, text)
                    .help("amounts of different things can't stand for one another")
                    .help(self.unit_advice(to))
            }
            Misfit::UnitMissing(to) => {
                let text = format!("{} needs a unit", a(quantity::noun(to)));
                Diagnostic::error(code::UNIT_MISSING, span, text)
                    .help("a bare number would leave open how much is meant")
                    .help(self.unit_advice(to))
            }
            Misfit::UnitUnwanted(from) => {
                let text = format!(
                    "this is {}, and a plain number belongs here",
                    a(quantity::noun(from))
                );
                Diagnostic::error(code::UNIT_WRONG, span, text)
                    .help("amounts of different things can't stand for one another")
                    .help("take the unit out")
            }
            Misfit::Absent => {
                let text = format!("this may be absent, and {} belongs here", expected.said());
                Diagnostic::error(code::MAYBE_ABSENT, span, text)
                    .help("nothing says what should happen when it is absent")
                    .help("give a value for that case: `x ?? value`")
            }
            Misfit::Secret => Diagnostic::error(
                code::SECRET_IN_THE_OPEN,
                span,
                "this is secret, and what stands here is shown",
            )
            .help("a secret may reach only fields that are declared secret")
            .help("keep it out of here; `mlinfra output --reveal` shows a secret output"),
            Misfit::Column(from, to) => column_misfit(*from, to, span),
            Misfit::Text(text) => self.text_misfit(text, expected, span),
            Misfit::Type => {
                let text = format!(
                    "this is {}, and {} belongs here",
                    found.said(),
                    expected.present().said()
                );
                let finding = Diagnostic::error(code::TYPE_WRONG, span, text)
                    .help("every field and argument says in its declaration what it takes");
                self.advised(finding, term, expected, span)
            }
        }
    }

    /// A text that is none of those that the type takes.
    fn text_misfit(&self, text: &str, expected: &Type, span: Span) -> Diagnostic {
        let mut enums = Vec::new();
        expected.enums(&mut enums);
        let of_texts = || enums.iter().filter(|one| one.of_texts);
        let of = of_texts().find_map(|one| one.name.as_deref());
        let known = || of_texts().flat_map(|one| one.cases());
        let meant = nearest(text, known().map(|case| case.name.as_str()));
        let message = format!("`{text}` is no {} that is known", of.unwrap_or("text"));
        let finding = Diagnostic::error(code::CASE_UNKNOWN, span, message)
            .help("what follows from it would not be known either");
        match meant {
            Some(meant) if self.is_quoted(text, span) => match meant.sure() {
                Some(sure) => finding.suggest(span, text, Some(&format!("\"{sure}\""))),
                None => finding.help(meant.question()),
            },
            Some(meant) => self.where_it_comes_from(finding.help(meant.question()), span),
            None => {
                let few: Vec<&str> = known().map(|case| case.name.as_str()).take(6).collect();
                finding.help(format!("some that are: {} …", few.join(", ")))
            }
        }
    }

    /// Which units there are for such an amount.
    pub(crate) fn unit_advice(&self, dimension: &Dimension) -> String {
        let mut units: Vec<(&Decimal, &str)> = (self.library.units.iter())
            .filter(|(_, unit)| unit.dimension == *dimension)
            .map(|(name, unit)| (&unit.factor, name.as_str()))
            .collect();
        units.sort();
        units.dedup_by_key(|(factor, _)| *factor);
        let names: Vec<&str> = units.iter().map(|(_, name)| *name).collect();
        if names.is_empty() {
            return match self.example_rate(dimension) {
                Some(example) => format!("write an amount such as `{example}`"),
                None => format!("write an amount in {dimension}"),
            };
        }
        let units = crate::wording::list(&names);
        match names.len() {
            1 => format!("write a number with the unit {units}"),
            _ => format!("write a number with one of the units {units}"),
        }
    }

    /// Five of this dimension, with a unit for each of its parts.
    fn example_rate(&self, dimension: &Dimension) -> Option<String> {
        let mut text = "5".to_owned();
        let parts = |over: bool| {
            dimension
                .0
                .iter()
                .filter(move |(_, power)| (**power > 0) == over)
        };
        for (base, power) in parts(true).chain(parts(false)) {
            let declared = || {
                let of = |(_, unit): &(&String, &quantity::Unit)| {
                    unit.dimension == Dimension::base(base)
                };
                let of_base = self.library.units.iter().filter(of);
                let mut names = of_base.map(|(name, _)| name.as_str());
                names.find_map(|name| name.strip_suffix('s').filter(|one| !one.is_empty()))
            };
            let member = self.library.families.get(base).and_then(|all| all.first());
            let unit = member.map(String::as_str).or_else(declared)?;
            text.push_str(if *power > 0 { " " } else { "/" });
            text.push_str(unit);
        }
        Some(text)
    }

    /// What a checked type says against a value; none if it takes it.
    pub(crate) fn refused(
        &mut self,
        checked: &crate::types::CheckedType,
        value: &Value,
    ) -> Option<String> {
        let term = Term::new(checked.base.clone(), value.clone());
        self.refused_term(checked, &term)
    }

    /// The same for a value as a term of the type behind the checked one.
    fn refused_term(&mut self, checked: &crate::types::CheckedType, term: &Term) -> Option<String> {
        for require in &checked.requires {
            if let Err(message) = self.holds(require, &checked.name, term) {
                return Some(message.unwrap_or_else(|| format!("this is no {}", checked.name)));
            }
        }
        None
    }

    /// `70%` for a 70, where shares alone are taken: the sign is what was forgotten.
    pub(crate) fn as_percent(
        &mut self,
        checked: &crate::types::CheckedType,
        value: &Value,
    ) -> Option<String> {
        let number = match value {
            Value::Int(number) => Decimal::from(*number),
            Value::Decimal(number) => *number,
            _ => return None,
        };
        let share = Value::Decimal(number / Decimal::ONE_HUNDRED);
        let of_shares = *checked.base.bare() == Type::Decimal
            && self
                .refused(checked, &Value::Decimal(Decimal::TWO))
                .is_some();
        (of_shares && number > Decimal::ONE && self.refused(checked, &share).is_none())
            .then(|| format!("{}%", number.normalize()))
    }

    /// Judges the conditions of a checked type. Whether they hold, or can't be judged yet.
    fn judge(&mut self, expected: &Type, value: &Value, span: Span) -> bool {
        match (expected, value) {
            (_, Value::None) => true,
            (Type::Optional(inner) | Type::Secret(inner), value) => self.judge(inner, value, span),
            (Type::List(inner), Value::List(elements)) => elements
                .iter()
                .all(|element| self.judge(inner, element, span)),
            (Type::Map(inner), Value::Record(entries)) => {
                entries.values().all(|entry| self.judge(inner, entry, span))
            }
            (Type::Union(_), value) => {
                let one = expected.of_value(value).clone();
                one == *expected || self.judge(&one, value, span)
            }
            (Type::Range(inner), Value::Range(low, high)) => {
                self.judge(inner, low, span) && (low == high || self.judge(inner, high, span))
            }
            (Type::Checked(checked), value) => {
                let checked = Arc::clone(checked);
                let term = Term::new(checked.base.clone(), value.clone());
                self.judge(&checked.base, value, span)
                    && (!term.is_known() || self.judge_checked(&checked, &term, span))
            }
            _ => true,
        }
    }

    fn judge_checked(
        &mut self,
        checked: &crate::types::CheckedType,
        term: &Term,
        span: Span,
    ) -> bool {
        if let (Some(form), Value::String(text)) = (checked.form, &term.value)
            && let Some(broken) = form(text)
        {
            let finding = self.form_broken(text, broken, span);
            self.value_fault(finding);
            return false;
        }
        let Some(text) = self.refused_term(checked, term) else {
            return true;
        };
        let finding = Diagnostic::error(code::VALUE_REFUSED, span, text)
            .help("it would fail later, in the middle of an apply");
        let (near, others) = self.cases_instead(checked, &term.value);
        let all = others.join("`, `");
        let written = self.text_of(span);
        let is_text = near == "in" && others.len() == 1 && written.starts_with('"');
        let is_number = written.starts_with(|first: char| first.is_ascii_digit());
        // Who wrote the sign did not forget it.
        let percent = self.as_percent(checked, &term.value);
        let percent = percent.filter(|_| !written.ends_with('%'));
        let finding = match percent {
            Some(percent) if is_number => finding.suggest(span, &written, Some(&percent)),
            Some(percent) => self.where_it_comes_from(
                finding.help(format!("a share of this size is written `{percent}`")),
                span,
            ),
            None if is_text => finding.suggest(span, &written, Some(&others[0])),
            None if !all.is_empty() => {
                finding.help(format!("{near} that country there is `{all}`"))
            }
            None => finding.help("write a value for which that holds"),
        };
        self.value_fault(finding);
        false
    }

    /// A finding inside the text, where the text stands in the spec as it is.
    fn form_broken(&self, text: &str, broken: Break, span: Span) -> Diagnostic {
        let file = self.texts.get(span.file.0 as usize);
        let written = file.and_then(|file| file.text.get(span.start as usize..span.end as usize));
        let quoted = match written {
            Some(written)
                if written == text && text.starts_with(|one: char| one.is_ascii_digit()) =>
            {
                Some(0)
            }
            Some(written) => written
                .strip_prefix('"')
                .and_then(|rest| rest.strip_suffix('"'))
                .filter(|inner| *inner == text)
                .map(|_| 1),
            None => None,
        };
        let at = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        let inside = quoted.map(|quote| Span {
            start: span.start + quote + at(broken.at.start),
            end: span.start + quote + at(broken.at.end),
            ..span
        });
        let finding = Diagnostic::error(code::VALUE_REFUSED, inside.unwrap_or(span), broken.what)
            .help("it would fail later, in the middle of an apply")
            .help(broken.advice);
        match (inside, broken.instead) {
            (Some(inside), Some(instead)) => {
                let title = format!("{} → {instead}", &text[broken.at]);
                finding.fix(title, inside, instead)
            }
            (None, Some(instead)) => finding.help(format!("write `{instead}` there")),
            _ => finding,
        }
    }
}
