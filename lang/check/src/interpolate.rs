//! Texts with expressions in them.

use mlinfra_api::Value;

use crate::budget::TEXT_BYTES_MAX;
use crate::check::{Checker, Env};
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::tree::{Expr, TextPart};
use crate::types::{Term, Type};

/// What opens a text of several lines.
const SEVERAL_LINES: &str = "\"\"\"";

impl Checker<'_> {
    /// A text is secret if something in it is, and known once everything in it is.
    pub(crate) fn eval_text(&mut self, parts: &[TextPart], span: Span, env: Env<'_>) -> Term {
        let mut made: Vec<Value> = Vec::new();
        let mut bytes = 0_usize;
        let (mut failed, mut secret) = (false, false);
        self.warn_of_holes(parts, span, env);
        for part in parts {
            let shown = match part {
                TextPart::Literal(literal) => Some((Value::text(literal), false)),
                TextPart::Hole(hole) => self.eval_hole(hole, env),
            };
            let Some((shown, of_secret)) = shown else {
                failed = true;
                continue;
            };
            secret |= of_secret;
            // Only what is new is paid for, but held against the limit with what is there.
            let new = shown.as_text().map_or(0, str::len);
            bytes += new;
            if bytes > TEXT_BYTES_MAX || !self.pay_text(new, span) {
                self.limit(span, &format!("a text of more than {TEXT_BYTES_MAX} bytes"));
                return Term::error();
            }
            match (made.last_mut(), shown) {
                (Some(Value::String(before)), Value::String(text)) => before.push_str(&text),
                (_, shown) => made.push(shown),
            }
        }
        if failed {
            return Term::error();
        }
        let of = Type::String.kept_secret(secret);
        match made.as_mut_slice() {
            [] => Term::new(of, Value::String(String::new())),
            [Value::String(text)] => Term::new(of, Value::String(std::mem::take(text))),
            _ => Term::new(of, Value::Template(made)),
        }
    }

    /// Warns of a `${name}` in a text of several lines, where it stands for itself. One that names
    /// nothing of the spec is meant for whoever reads the text.
    fn warn_of_holes(&mut self, parts: &[TextPart], span: Span, env: Env<'_>) {
        let file = self.texts.get(span.file.0 as usize);
        let text = file.and_then(|file| file.text.get(span.start as usize..span.end as usize));
        let Some(text) = text.filter(|text| text.starts_with(SEVERAL_LINES)) else {
            return;
        };
        let ([TextPart::Literal(_)], Some(scope)) = (parts, env.scope) else {
            return;
        };
        let is_part = |one: char| one.is_ascii_alphanumeric() || one == '_';
        let named = text.match_indices("${").find_map(|(at, _)| {
            let rest = &text[at + 2..];
            let word = rest.split(|one| !is_part(one)).next()?;
            let is_hole = rest[word.len()..].trim_start().starts_with(['}', '.', '[']);
            let is_known = env.local(word).is_some() || self.find(word, scope).is_some();
            let length = 2 + rest.find('}')? + 1;
            (is_hole && is_known).then_some((at, length))
        });
        let Some((at, length)) = named else { return };
        let start = span.start + u32::try_from(at).unwrap_or(0);
        let end = start + u32::try_from(length).unwrap_or(0);
        let hole = &text[at..at + length];
        let finding = Diagnostic::warning(
            code::HOLE_AS_TEXT,
            Span { start, end, ..span },
            "this stands in the text as it is",
        )
        .help("a text of several lines means what it says: no value is put into it")
        .help(format!(
            "put it in behind: `replace(text, \"@\", \"{hole}\")`, with `@` in its place here"
        ));
        self.report(finding);
    }

    /// What stands in the hole as a text, or as what will be one, and whether it is secret.
    fn eval_hole(&mut self, hole: &Expr, env: Env<'_>) -> Option<(Value, bool)> {
        let term = self.eval(hole, &Type::Any, env);
        if term.term_type.is_error() {
            return None;
        }
        let has_text = matches!(
            term.term_type.bare(),
            Type::String
                | Type::Bool
                | Type::Int
                | Type::Decimal
                | Type::Quantity(_)
                | Type::Date
                | Type::Enum(_)
        );
        if !term.is_known() && term.term_type.may_be_absent() {
            self.may_be_absent(hole.span);
            return None;
        }
        if let Type::Block(kind) = term.term_type.bare()
            && self
                .library
                .kinds
                .get(&**kind)
                .is_some_and(|kind| kind.secret)
        {
            self.secret_in_the_open(hole.span);
            return None;
        }
        let shown = match &term.value {
            Value::None => {
                let finding = Diagnostic::error(code::MAYBE_ABSENT, hole.span, "this is absent")
                    .help("a text with a hole in it says something else than was meant")
                    .help("give a value for that case: `x ?? value`");
                self.value_fault(finding);
                return None;
            }
            Value::String(_) | Value::Secret(_) => Some(term.value.clone()),
            Value::Bool(_)
            | Value::Int(_)
            | Value::Decimal(_)
            | Value::Quantity(_)
            | Value::Date(_) => Some(Value::String(term.value.to_string())),
            Value::Case { name, arguments } if arguments.is_empty() => Some(Value::text(name)),
            Value::Reference(reference) if reference.path.is_empty() => {
                Some(Value::text(reference.address.name()))
            }
            Value::Reference(_) | Value::Unknown(_) | Value::Template(_) if has_text => {
                Some(term.value.clone())
            }
            _ => None,
        };
        if shown.is_none() {
            let text = format!("{} has no text", term.term_type.said());
            self.report(
                Diagnostic::error(code::TYPE_WRONG, hole.span, text)
                    .help("only what has one obvious text can stand in a text")
                    .help("name the part of it that is meant"),
            );
        }
        shown.map(|shown| (shown, term.term_type.is_secret()))
    }
}
