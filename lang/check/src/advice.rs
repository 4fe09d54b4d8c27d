//! What would fit where something else stands: the part of a finding that says what to write.

use mlinfra_api::{Dimension, Value};

use crate::check::Checker;
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::schema::{FieldDeclaration, Kind, KindValue, ResultRule};
use crate::scope::{Form, NodeId};
use crate::suggest::{Meant, nearest};
use crate::tree::{BlockItem, ExprKind, Item, Node, Path};
use crate::types::{Case, EnumType, Term, Type, a};
use crate::wording::{list, list_some};

/// How many names an advice lists.
const NAMES_MAX: usize = 8;

impl Checker<'_> {
    /// The finding with what to write instead of the term, as precisely as the types tell.
    pub(crate) fn advised(
        &self,
        finding: Diagnostic,
        term: &Term,
        expected: &Type,
        span: Span,
    ) -> Diagnostic {
        if let Value::String(text) = &term.value
            && !text.is_empty()
        {
            let bare = without_quotes(text, expected);
            match (self.is_quoted(text, span), bare) {
                (true, Some(bare)) => {
                    return finding
                        .help(format!("write it without quotes: `{bare}`"))
                        .fix(format!("\"{text}\" → {bare}"), span, bare);
                }
                (true, None) => {
                    if let Some(meant) = nearest_case(text, expected) {
                        return finding.suggest(span, &format!("\"{text}\""), Some(meant));
                    }
                }
                (false, Some(_)) => return self.typed_elsewhere(finding, expected, span),
                (false, None) => {}
            }
        }
        if let (Type::Parts(parts), Type::AnyTable | Type::LikeOf(_) | Type::FitsOf(_)) =
            (&term.term_type, expected.present())
        {
            let names: Vec<&str> = parts.parts.iter().map(|(name, _)| name.as_str()).collect();
            if !names.is_empty() {
                return finding.help(format!("name one of its parts: {}", list(&names)));
            }
        }
        if matches!(term.term_type, Type::Block(_)) && *expected.present().bare() == Type::String {
            let help = "a block is no text itself: name a field of it that is one";
            return finding.help(help);
        }
        let is_int = |of: &Type| *of.present().bare() == Type::Int;
        if is_int(expected) && *term.term_type.bare() == Type::Decimal {
            return finding.help("`whole(x)` makes a whole number of one without a fraction");
        }
        finding.help(self.wanted(expected))
    }

    /// Whether this text stands at this place itself, in its quotes: only there can an edit change
    /// what it says.
    pub(crate) fn is_quoted(&self, text: &str, span: Span) -> bool {
        let inner = (self.slice(span).strip_prefix('"')).and_then(|rest| rest.strip_suffix('"'));
        inner == Some(text)
    }

    /// The text at this place.
    fn slice(&self, span: Span) -> &str {
        let file = self.texts.get(span.file.0 as usize);
        let text = file.and_then(|file| file.text.get(span.start as usize..span.end as usize));
        text.unwrap_or_default()
    }

    /// The finding with where the value at this place comes from, if it is named there.
    pub(crate) fn where_it_comes_from(&self, finding: Diagnostic, span: Span) -> Diagnostic {
        match self.referred.filter(|(place, _)| *place == span) {
            Some((_, id)) => finding.also(self.nodes[id].name.span, "the value comes from here"),
            None => finding,
        }
    }

    /// What is advised of a text that comes from elsewhere, and would fit without its quotes.
    fn typed_elsewhere(&self, finding: Diagnostic, expected: &Type, span: Span) -> Diagnostic {
        let of = expected.present();
        let finding = self.where_it_comes_from(finding, span);
        match self.referred.filter(|(place, _)| *place == span) {
            Some((_, id)) if matches!(self.nodes[id].form, Form::Let | Form::Parameter) => {
                let (form, name) = (&self.nodes[id].address.kind, &self.nodes[id].name.text);
                finding.help(format!(
                    "say there what it is, and write it without quotes: `{form} {name}: {of} = …`"
                ))
            }
            _ => match of.bare() {
                Type::Enum(_) => {
                    let written = self.text_of(span);
                    finding
                        .help("no text becomes a case by itself")
                        .help(format!(
                            "say which is which: `match {written} {{ \"…\" => … }}`"
                        ))
                }
                _ => finding.help("write it without quotes where it is declared"),
            },
        }
    }

    /// A finding about a field that has to be there.
    pub(crate) fn missing_field(
        &self,
        name: &str,
        declared: &FieldDeclaration,
        span: Span,
        of: &str,
    ) -> Diagnostic {
        let text = format!("this `{of}` says nothing of its `{name}`");
        let what = match declared.documentation.lines().next() {
            Some(line) if !line.is_empty() => format!(": {}", line.trim_end_matches('.')),
            _ => String::new(),
        };
        Diagnostic::error(code::FIELD_MISSING, span, text)
            .help("there is no value that would be right for everybody")
            .help(format!(
                "add `{name} = …`, {}{what}",
                declared.field_type.said()
            ))
            .help(self.wanted(&declared.field_type))
    }

    /// What to write for a value of this type.
    pub(crate) fn wanted(&self, expected: &Type) -> String {
        match expected {
            Type::Optional(inner) | Type::Secret(inner) => self.wanted(inner),
            Type::Checked(checked) => self.wanted(&checked.base),
            Type::Bool => "write `true` or `false`".to_owned(),
            Type::Int => "write a whole number, without quotes".to_owned(),
            Type::Decimal | Type::Float => "write a number, without quotes".to_owned(),
            Type::String | Type::Category => "write a text in quotes".to_owned(),
            Type::Date => "write a date: `2030-12-31`".to_owned(),
            Type::Quantity(dimension) => self.unit_advice(dimension),
            Type::Enum(enumeration) => self.wanted_case(enumeration),
            Type::Block(kind) => {
                let names = self.nodes_of_kind(kind);
                named(&names, &format!("a `{kind}`"))
            }
            Type::AnyRelease | Type::Release(_) => {
                let releases = |rule: &ResultRule| matches!(rule, ResultRule::Release { .. });
                named(
                    &self.steps_giving(releases),
                    "a step that registers a model",
                )
            }
            Type::AnyWeights | Type::Weights(_) => {
                let fits = |rule: &ResultRule| matches!(rule, ResultRule::Weights { .. });
                named(&self.steps_giving(fits), "a step that fits a model")
            }
            Type::Opaque(name) => self.wanted_step(name),
            Type::AnyTable | Type::Table(_) | Type::LikeOf(_) | Type::FitsOf(_) => {
                "name a dataset, or a step whose result is a table".to_owned()
            }
            Type::Column(..) | Type::ColumnOf(..) => "name a column of the table".to_owned(),
            other if other.column_table().is_some() => {
                "name columns of the table, without quotes".to_owned()
            }
            Type::Union(members) if members.contains(&Type::AnyRelease) => {
                self.wanted(&Type::AnyRelease)
            }
            Type::Union(members) if members.iter().all(|of| matches!(of, Type::Block(_))) => {
                self.wanted_block(members)
            }
            Type::Union(members) if members.first().is_some_and(is_number) => members
                .first()
                .map_or(String::new(), |first| self.wanted(first)),
            Type::List(inner)
                if matches!(**inner, Type::Opaque(_) | Type::Block(_) | Type::Union(_)) =>
            {
                self.wanted(inner)
            }
            other => format!("write `{}`", self.example(other, 0)),
        }
    }

    /// What to write for one of these cases.
    fn wanted_case(&self, enumeration: &EnumType) -> String {
        let cases = enumeration.cases();
        let shapes: Vec<String> = cases.iter().map(|case| self.shape(case, 0)).collect();
        let shapes: Vec<&str> = shapes.iter().map(String::as_str).collect();
        match shapes.as_slice() {
            [only] => format!("write `{only}`"),
            all => format!("write one of {}", list_some(all)),
        }
    }

    /// What to write where the result of a step, of this opaque type, belongs.
    fn wanted_step(&self, name: &str) -> String {
        let gives = |rule: &ResultRule| matches!(rule, ResultRule::Opaque(of) if **of == *name);
        named(
            &self.steps_giving(gives),
            &format!("a step that gives a {name}"),
        )
    }

    /// What to write where a block of one of these kinds belongs.
    fn wanted_block(&self, kinds: &[Type]) -> String {
        let mut names: Vec<String> = Vec::new();
        let mut said: Vec<String> = Vec::new();
        for of in kinds {
            if let Type::Block(kind) = of {
                names.extend(self.nodes_of_kind(kind));
                said.push(a(format!("`{kind}`")));
            }
        }
        named(&names, &said.join(" or "))
    }

    /// A finding about an entry in the body of a block whose value takes it in parentheses.
    pub(crate) fn field_of_value(
        &self,
        id: NodeId,
        kind: &Kind,
        path: &Path,
        item: &Item,
    ) -> Option<Diagnostic> {
        let KindValue::Of(Type::Enum(cases)) = &kind.value else {
            return None;
        };
        let node = &self.nodes[id];
        let value = node.block?.value.as_ref()?;
        let word = value.as_name().or_else(|| match &value.kind {
            ExprKind::Call { callee, .. } => callee.as_name(),
            _ => None,
        })?;
        let case = cases.case(word)?;
        let name = path.text();
        let text = format!("{} has no field `{name}`", a(format!("`{}`", kind.name)));
        let finding = Diagnostic::error(code::FIELD_UNKNOWN, path.span, text)
            .help("nothing would read it, so it would have no effect");
        let taken = case.parameters.iter().find(|one| one.name == name);
        let Some(one) = taken.or_else(|| case.parameters.first()) else {
            return Some(finding.help(format!("write `{word}` alone, without a body")));
        };
        let given = match (&item.node, taken) {
            (Node::Field { value, .. }, Some(_)) => {
                let file = self.texts.get(value.span.file.0 as usize);
                file.and_then(|f| {
                    f.text
                        .get(value.span.start as usize..value.span.end as usize)
                })
            }
            _ => None,
        };
        let whole = format!("{word}({} = {})", one.name, given.unwrap_or("…"));
        let finding = finding.help(format!("what it takes stands in parentheses: `{whole}`"));
        let alone = node.block?.items().len() == 1 && value.as_name().is_some();
        if given.is_none() || !alone {
            return Some(finding);
        }
        let end = node.item.span.end;
        let span = Span { end, ..value.span };
        Some(finding.fix(format!("write `{whole}`"), span, whole))
    }

    /// The value of a block that was written as a field of its body.
    pub(crate) fn value_in_body(&self, block: &BlockItem, expected: &Type) -> Option<String> {
        let mut cases = Vec::new();
        expected.enums(&mut cases);
        block.items().iter().find_map(|item| {
            let Node::Field { value, .. } = &item.node else {
                return None;
            };
            let callee = match &value.kind {
                ExprKind::Call { callee, .. } => callee,
                _ => value,
            };
            let word = callee.as_name()?;
            let is_case = cases.iter().any(|of| of.case(word).is_some());
            is_case.then(|| self.text_of(value.span))
        })
    }

    /// A line that declares a block of this kind.
    pub(crate) fn example_line(&self, kind: &str) -> String {
        let declared = self.library.kinds.get(kind);
        let place = declared.and_then(|kind| kind.place.kind());
        let on = place.map(|of| self.nodes_of_kind(of).into_iter().next());
        let on = on.map(|known| format!(" on {}", known.as_deref().unwrap_or("here")));
        // What stands on nothing is what others stand on.
        let name = if on.is_some() { "mine" } else { "here" };
        let on = on.unwrap_or_default();
        let value = match declared.map(|kind| &kind.value) {
            Some(KindValue::Of(of)) => format!(" = {}", self.example(of, 0)),
            _ => String::new(),
        };
        format!("{kind} {name}{on}{value}")
    }

    /// A case as it is written, with an example for each parameter that it needs.
    fn shape(&self, case: &Case, depth: usize) -> String {
        let needed = (case.parameters.iter())
            .filter(|one| one.default.is_none() && !one.parameter_type.may_be_absent());
        let examples: Vec<String> = needed
            .map(|one| self.example(&one.parameter_type, depth + 1))
            .collect();
        if examples.is_empty() {
            return case.name.clone();
        }
        format!("{}({})", case.name, examples.join(", "))
    }

    /// A value of this type as it could be written.
    fn example(&self, of: &Type, depth: usize) -> String {
        // A type may hold itself.
        if depth > 4 {
            return "…".to_owned();
        }
        match of {
            Type::Optional(inner) | Type::Secret(inner) => self.example(inner, depth + 1),
            Type::Checked(checked) => self.example(&checked.base, depth + 1),
            Type::Union(members) => members
                .first()
                .map_or_else(|| "…".to_owned(), |first| self.example(first, depth + 1)),
            Type::Bool => "true".to_owned(),
            Type::Int => "16".to_owned(),
            Type::Decimal | Type::Float => "0.5".to_owned(),
            Type::String | Type::Category => "\"…\"".to_owned(),
            Type::Date => "2030-12-31".to_owned(),
            Type::Quantity(dimension) => self.example_amount(dimension),
            Type::List(inner) => format!("[{}]", self.example(inner, depth + 1)),
            Type::Map(inner) => format!("{{ name = {} }}", self.example(inner, depth + 1)),
            Type::Range(inner) if *inner.bare() == Type::Int => "1..16".to_owned(),
            Type::Range(inner) => {
                let end = self.example(inner, depth + 1);
                format!("{end}..{end}")
            }
            Type::Enum(enumeration) => (enumeration.cases().first())
                .map_or_else(|| "…".to_owned(), |case| self.shape(case, depth + 1)),
            Type::Block(kind) => {
                (self.nodes_of_kind(kind).into_iter().next()).unwrap_or_else(|| kind.to_string())
            }
            _ => "…".to_owned(),
        }
    }

    /// Five of a unit of this dimension, one with a plural if there is one.
    fn example_amount(&self, dimension: &Dimension) -> String {
        let units = || {
            (self.library.units.iter())
                .filter(|(_, unit)| unit.dimension == *dimension)
                .map(|(name, _)| name.as_str())
        };
        let has_singular = |name: &&str| {
            name.strip_suffix('s')
                .is_some_and(|one| units().any(|other| other == one))
        };
        match units().find(has_singular).or_else(|| units().next()) {
            Some(unit) => format!("5 {unit}"),
            None => "…".to_owned(),
        }
    }

    /// The steps whose operation gives such a result, as they are named from outside.
    fn steps_giving(&self, wanted: impl Fn(&ResultRule) -> bool) -> Vec<String> {
        let gives = |node: &&crate::scope::Declared<'_>| {
            let Form::Block(kind) = &node.form else {
                return false;
            };
            let Some(ExprKind::Call { callee, .. }) = node
                .block
                .and_then(|block| block.value.as_ref())
                .map(|value| &value.kind)
            else {
                return false;
            };
            matches!(kind.value, KindValue::Operation)
                && (callee.as_name())
                    .and_then(|name| self.library.operations.get(name))
                    .is_some_and(|operation| wanted(&operation.result))
        };
        let name = |node: &crate::scope::Declared<'_>| match node.parent {
            Some(parent) => format!("{}.{}", self.nodes[parent].name.text, node.name.text),
            None => node.name.text.clone(),
        };
        self.nodes.iter().filter(gives).map(name).collect()
    }
}

/// An advice to name one of these, or what they are if there are none.
fn named(names: &[String], what: &str) -> String {
    let shown: Vec<&str> = names.iter().take(NAMES_MAX).map(String::as_str).collect();
    match shown.as_slice() {
        [] => format!("declare {what}, and name it here"),
        shown => format!("name {what}: {}", list(shown)),
    }
}

/// The case that a text was meant as: it stands without quotes, and needs nothing more.
fn nearest_case<'t>(text: &str, expected: &'t Type) -> Option<Meant<'t>> {
    let cases = expected.plain_enums();
    let bare = cases.into_iter().flat_map(EnumType::cases).filter(|case| {
        let mut parameters = case.parameters.iter();
        parameters.all(|one| one.default.is_some() || one.parameter_type.may_be_absent())
    });
    nearest(text, bare.map(|case| case.name.as_str()))
}

/// The text as it stands for a value of this type once its quotes are gone, if it does.
fn without_quotes(text: &str, expected: &Type) -> Option<String> {
    match expected {
        Type::Optional(inner) | Type::Secret(inner) => without_quotes(text, inner),
        Type::Checked(checked) => without_quotes(text, &checked.base),
        Type::Int => text.parse::<i64>().is_ok().then(|| text.to_owned()),
        Type::Decimal | Type::Float => {
            let number = text.parse::<rust_decimal::Decimal>();
            number.is_ok().then(|| text.to_owned())
        }
        Type::Bool => matches!(text, "true" | "false").then(|| text.to_owned()),
        Type::Union(members) => members.iter().find_map(|of| without_quotes(text, of)),
        Type::Enum(enumeration) => {
            let case = enumeration.case(text)?;
            let bare = case
                .parameters
                .iter()
                .all(|one| one.default.is_some() || one.parameter_type.may_be_absent());
            bare.then(|| text.to_owned())
        }
        Type::Column(table, _) => {
            table.column(text)?;
            Some(match mlinfra_syntax::is_word(text) {
                true => text.to_owned(),
                false => format!("`{text}`"),
            })
        }
        _ => None,
    }
}

/// Whether plain numbers or amounts are of this type.
fn is_number(of: &Type) -> bool {
    matches!(of.bare(), Type::Int | Type::Decimal | Type::Quantity(_))
}
