//! The types of the language, and what an expression amounts to: a type and a value.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use mlinfra_api::{ColumnBase, Dimension, Value};

pub(crate) use crate::case::{Case, CaseResult, EnumType};
use crate::model::Fitted;
use crate::project::Other;
use crate::table::Table;
use crate::text_form::TextForm;
use crate::tree::{Expr, Require};

/// A type. The last group stands only in declarations; a call replaces it by what flows in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Type {
    /// Of an expression in error: fits everything, so that no finding has a child.
    Error,
    /// Of `none` alone.
    Nothing,
    Bool,
    Int,
    Decimal,
    String,
    Date,
    Quantity(Dimension),
    Enum(Arc<EnumType>),
    Checked(Arc<CheckedType>),
    Optional(Arc<Type>),
    List(Arc<Type>),
    Map(Arc<Type>),
    /// What a record in the spec has, by name: each of its own type.
    Record(Arc<BTreeMap<String, Type>>),
    Range(Arc<Type>),
    Union(Arc<Vec<Type>>),
    /// A block of this kind.
    Block(Arc<str>),
    /// A result without members of its own kind of type: a report.
    Opaque(Arc<str>),
    /// Such a result, with the table that it was made from.
    Made(Arc<Made>),
    /// What another project gives.
    Outputs(Arc<Other>),
    /// A record with declared entries.
    Fields(Arc<FieldsType>),
    Table(Arc<Table>),
    Parts(Arc<Parts>),
    Weights(Arc<Fitted>),
    Release(Arc<Fitted>),
    Secret(Arc<Type>),
    /// A column of this table, of this type if one is named.
    Column(Arc<Table>, Option<ColumnBase>),
    /// A column's type, where types are values.
    Cells,

    AnyTable,
    AnyWeights,
    AnyRelease,
    /// Everything.
    Any,
    ColumnOf(Arc<str>, Option<ColumnBase>),
    LikeOf(Vec<Arc<str>>),
    /// What these parameters have together: of what several have, the last one's.
    MergedOf(Vec<Arc<str>>),
    /// What is in the list or map of this parameter.
    ElementOf(Arc<str>),
    FitsOf(Arc<str>),
    RowOf(Arc<str>),
    /// One of what these settings list: `fairness.by`.
    ListedIn(Vec<Arc<str>>),
    /// A column that the model of what this field of the block around names learned from.
    FeatureOf(Arc<str>),
    /// The table that this model learned from.
    TrainingOf(Arc<str>),
    /// A kind's word.
    KindWord,
    /// A bare word that names nothing here.
    Word,
    /// A field of the block that an attribute stands on.
    FieldWord,
    /// Every block of the kind in this parameter.
    BlocksOf(Arc<str>),
    /// Binary floating point: rows alone have it.
    Float,
    /// One of few texts: rows alone have it.
    Category,
}

/// The tables that a step cuts its input into.
#[derive(Debug, PartialEq)]
pub(crate) struct Parts {
    pub(crate) parts: Vec<(String, Arc<Table>)>,
    /// Whether a part may be missing here because of a finding.
    pub(crate) open: bool,
}

/// A result that is no table, and what was read for it.
#[derive(Debug, PartialEq)]
pub(crate) struct Made {
    /// Its declared type: `tokens`.
    pub(crate) name: Arc<str>,
    pub(crate) data: Arc<Table>,
}

/// A declared record: its entries by name, each with its type. An optional one may be left out.
pub(crate) struct FieldsType {
    pub(crate) name: String,
    /// Set once, when all types are known.
    pub(crate) fields: OnceLock<Vec<(String, Type)>>,
}

impl FieldsType {
    /// The entries, in the order declared.
    pub(crate) fn fields(&self) -> &[(String, Type)] {
        self.fields.get().map_or(&[], Vec::as_slice)
    }

    /// The type of an entry.
    pub(crate) fn field(&self, name: &str) -> Option<&Type> {
        let mut fields = self.fields().iter();
        fields.find_map(|(field, of)| (field == name).then_some(of))
    }
}

impl PartialEq for FieldsType {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl fmt::Debug for FieldsType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A parameter of a case, an operation or a function.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) parameter_type: Type,
    pub(crate) default: Option<Default>,
}

/// A declared default: its text, and its value once somebody asked.
#[derive(Debug)]
pub(crate) struct Default {
    pub(crate) expression: Expr,
    pub(crate) value: OnceLock<Value>,
}

impl Default {
    /// A default that nobody asked for yet.
    pub(crate) fn new(expression: Expr) -> Self {
        Default {
            expression,
            value: OnceLock::new(),
        }
    }
}

/// A type with a name and conditions on its values.
pub(crate) struct CheckedType {
    pub(crate) name: String,
    pub(crate) base: Type,
    pub(crate) requires: Vec<Require>,
    /// What a text of it must look like.
    pub(crate) form: Option<TextForm>,
}

impl PartialEq for CheckedType {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl fmt::Debug for CheckedType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Type {
    /// The type without conditions and secrecy.
    pub(crate) fn bare(&self) -> &Type {
        match self {
            Type::Checked(checked) => checked.base.bare(),
            Type::Secret(inner) => inner.bare(),
            other => other,
        }
    }

    /// The type of what is there, if something is.
    pub(crate) fn present(&self) -> &Type {
        match self {
            Type::Optional(inner) => inner.present(),
            other => other,
        }
    }

    /// `T?`; one `?` is as good as two.
    pub(crate) fn optional(self) -> Type {
        match self {
            Type::Optional(_) | Type::Error | Type::Nothing => self,
            other => Type::Optional(Arc::new(other)),
        }
    }

    /// Of several types the first that such a value is of; any other type as it is.
    pub(crate) fn of_value(&self, value: &Value) -> &Type {
        let Type::Union(members) = self else {
            return self;
        };
        let mut fitting = members.iter().filter(|member| member.is_shape_of(value));
        fitting.next().unwrap_or(self)
    }

    /// Whether a value of this type looks like this one.
    fn is_shape_of(&self, value: &Value) -> bool {
        match (self.present().bare(), value) {
            (Type::Int, Value::Int(_))
            | (Type::Decimal, Value::Decimal(_))
            | (Type::String, Value::String(_))
            | (Type::Range(_), Value::Range(..))
            | (Type::List(_), Value::List(_))
            | (Type::Map(_) | Type::Fields(_), Value::Record(_)) => true,
            (Type::Quantity(wanted), Value::Quantity(quantity)) => {
                crate::quantity::is_of(&quantity.dimension, wanted)
            }
            (Type::Enum(enumeration), Value::Case { name, .. }) => enumeration.case(name).is_some(),
            _ => false,
        }
    }

    /// Whether its values are plain ones: no block, table or column is one.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(
            self,
            Type::Bool
                | Type::Int
                | Type::Decimal
                | Type::Float
                | Type::String
                | Type::Category
                | Type::Date
                | Type::Quantity(_)
                | Type::Enum(_)
        )
    }

    /// Whether a value of it may be absent.
    pub(crate) fn may_be_absent(&self) -> bool {
        matches!(self.bare(), Type::Optional(_) | Type::Nothing)
    }

    /// Whether it is an error, or made of one.
    pub(crate) fn is_error(&self) -> bool {
        match self {
            Type::Error => true,
            Type::Optional(inner)
            | Type::List(inner)
            | Type::Map(inner)
            | Type::Range(inner)
            | Type::Secret(inner) => inner.is_error(),
            Type::Record(fields) => fields.values().any(Type::is_error),
            _ => false,
        }
    }

    /// Whether a secret is in it.
    pub(crate) fn is_secret(&self) -> bool {
        match self {
            Type::Secret(_) => true,
            Type::Optional(inner) | Type::List(inner) | Type::Map(inner) => inner.is_secret(),
            Type::Record(fields) => fields.values().any(Type::is_secret),
            Type::Checked(checked) => checked.base.is_secret(),
            _ => false,
        }
    }

    /// The type without any secrecy: whoever computes with it makes a secret of the result.
    pub(crate) fn revealed(&self) -> Type {
        match self {
            other if !other.is_secret() => other.clone(),
            Type::Secret(inner) => inner.revealed(),
            Type::Optional(inner) => inner.revealed().optional(),
            Type::List(inner) => Type::List(Arc::new(inner.revealed())),
            Type::Map(inner) => Type::Map(Arc::new(inner.revealed())),
            Type::Record(fields) => {
                let field = |(name, of): (&String, &Type)| (name.clone(), of.revealed());
                Type::Record(Arc::new(fields.iter().map(field).collect()))
            }
            Type::Checked(checked) => checked.base.revealed(),
            other => other.clone(),
        }
    }

    /// The type of what a secret was used for, if one was.
    pub(crate) fn kept_secret(self, secret: bool) -> Type {
        match secret && !self.is_error() && !self.is_secret() {
            true => Type::Secret(Arc::new(self)),
            false => self,
        }
    }

    /// An `enum(…)` of these texts, as a type written in place.
    pub(crate) fn enumeration(names: impl IntoIterator<Item = String>) -> Type {
        let case = |name| Case {
            name,
            countries: Vec::new(),
            memory: None,
            cuts: false,
            parameters: Vec::new(),
            takes: Vec::new(),
            result: CaseResult::Same,
            clears: Vec::new(),
            adds: Vec::new(),
            deprecated: None,
        };
        Type::Enum(Arc::new(EnumType {
            name: None,
            of_texts: false,
            cases: OnceLock::from(names.into_iter().map(case).collect::<Vec<_>>()),
        }))
    }

    /// The enums that a bare word may be a case of, where this type is expected.
    pub(crate) fn enums(&self, found: &mut Vec<Arc<EnumType>>) {
        match self {
            Type::Enum(enumeration) => found.push(Arc::clone(enumeration)),
            Type::Optional(inner) | Type::List(inner) | Type::Range(inner) => inner.enums(found),
            Type::Secret(inner) => inner.enums(found),
            Type::Checked(checked) => checked.base.enums(found),
            Type::Union(members) => members.iter().for_each(|member| member.enums(found)),
            _ => {}
        }
    }

    /// The same as they are, where one value of such a type is expected.
    pub(crate) fn plain_enums(&self) -> Vec<&EnumType> {
        match self {
            Type::Enum(enumeration) => vec![enumeration],
            Type::Optional(inner) | Type::Secret(inner) | Type::List(inner) => inner.plain_enums(),
            Type::Checked(checked) => checked.base.plain_enums(),
            Type::Union(members) => members.iter().flat_map(Type::plain_enums).collect(),
            _ => Vec::new(),
        }
    }

    /// The table whose columns a bare word may name, where this type is expected.
    pub(crate) fn column_table(&self) -> Option<&Arc<Table>> {
        match self {
            Type::Column(table, _) => Some(table),
            Type::Optional(inner) | Type::List(inner) => inner.column_table(),
            Type::Union(members) => members.iter().find_map(Type::column_table),
            _ => None,
        }
    }
}

/// As a person would say it: "a duration", "an int".
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Error => f.write_str("?"),
            Type::Nothing => f.write_str("none"),
            Type::Bool => f.write_str("bool"),
            Type::Int => f.write_str("int"),
            Type::Decimal => f.write_str("decimal"),
            Type::Float => f.write_str("float"),
            Type::String => f.write_str("string"),
            Type::Category => f.write_str("category"),
            Type::Date => f.write_str("date"),
            Type::Quantity(dimension) => f.write_str(&crate::quantity::noun(dimension)),
            Type::Enum(enumeration) => match &enumeration.name {
                Some(name) => f.write_str(name),
                None => {
                    let names: Vec<&str> = enumeration
                        .cases()
                        .iter()
                        .map(|case| case.name.as_str())
                        .collect();
                    write!(f, "enum({})", names.join(", "))
                }
            },
            Type::Checked(checked) => f.write_str(&checked.name),
            Type::Optional(inner) => write!(f, "{inner}?"),
            Type::List(inner) => write!(f, "list({inner})"),
            Type::Map(inner) => write!(f, "map({inner})"),
            Type::Record(fields) => {
                for (index, (name, of)) in fields.iter().enumerate() {
                    let before = if index == 0 { "{ " } else { ", " };
                    write!(f, "{before}{name}: {of}")?;
                }
                f.write_str(if fields.is_empty() { "{}" } else { " }" })
            }
            Type::Range(inner) => write!(f, "range({inner})"),
            Type::Secret(inner) => write!(f, "secret {inner}"),
            Type::Union(members) => {
                for (index, member) in members.iter().enumerate() {
                    write!(f, "{}{member}", if index == 0 { "" } else { " | " })?;
                }
                Ok(())
            }
            Type::Block(kind) => f.write_str(kind),
            Type::Opaque(name) => f.write_str(name),
            Type::Made(made) => f.write_str(&made.name),
            Type::Fields(fields) => f.write_str(&fields.name),
            Type::Outputs(_) => f.write_str("outputs of a project"),
            Type::Table(_) | Type::AnyTable | Type::LikeOf(_) | Type::FitsOf(_) => {
                f.write_str("table")
            }
            Type::MergedOf(_) => f.write_str("map"),
            Type::Parts(_) => f.write_str("parts of a table"),
            Type::Weights(_) | Type::AnyWeights => f.write_str("weights"),
            Type::Release(_) | Type::AnyRelease => f.write_str("release"),
            Type::Column(_, None) | Type::ColumnOf(_, None) => f.write_str("column"),
            Type::Column(_, Some(base)) | Type::ColumnOf(_, Some(base)) => {
                write!(f, "{} column", base.word())
            }
            Type::Cells => f.write_str("type of a column"),
            Type::RowOf(_) => f.write_str("expression over a row"),
            Type::ListedIn(_) | Type::FeatureOf(_) => f.write_str("column"),
            Type::TrainingOf(_) => f.write_str("table"),
            Type::KindWord => f.write_str("kind"),
            Type::Word => f.write_str("word"),
            Type::FieldWord => f.write_str("field"),
            Type::BlocksOf(_) => f.write_str("list of blocks"),
            Type::Any | Type::ElementOf(_) => f.write_str("any value"),
        }
    }
}

impl Type {
    /// As a person says it, with its article: "a trained model", "a whole number".
    pub(crate) fn said(&self) -> String {
        match self {
            Type::Checked(checked) => checked.base.said(),
            Type::Optional(inner) => match &**inner {
                Type::Optional(_) => inner.said(),
                inner => format!("{} that may be absent", inner.said()),
            },
            Type::Secret(inner) => match inner.said().split_once(' ') {
                Some(("a" | "an", noun)) => format!("a secret {noun}"),
                _ => format!("a secret of {}", inner.said()),
            },
            Type::Nothing => "nothing".to_owned(),
            Type::Error | Type::Any => "a value".to_owned(),
            Type::Int => "a whole number".to_owned(),
            Type::Decimal | Type::Float => "a number".to_owned(),
            Type::Weights(_) | Type::AnyWeights => "a trained model".to_owned(),
            Type::Parts(_) => "several tables".to_owned(),
            Type::Outputs(_) => "all outputs of a project".to_owned(),
            Type::Cells => "the type of a column".to_owned(),
            Type::Fields(fields) => format!("a record of {}", fields.name),
            Type::Map(_) | Type::Record(_) => "a record".to_owned(),
            Type::Range(inner) => format!("a range of {}", plural(&inner.said())),
            Type::List(inner) if inner.is_error() || **inner == Type::Any => "a list".to_owned(),
            Type::List(inner) => match &**inner {
                Type::Union(members) => {
                    let mut said: Vec<String> = members
                        .iter()
                        .map(|member| plural(&member.said()))
                        .collect();
                    said.dedup();
                    format!("a list of {}", said.join(" or "))
                }
                inner => format!("a list of {}", plural(&inner.said())),
            },
            Type::Enum(enumeration) if enumeration.name.is_none() => {
                let cases = enumeration.cases().iter();
                let names: Vec<&str> = cases.map(|case| case.name.as_str()).collect();
                format!("one of {}", crate::wording::list(&names))
            }
            Type::Union(members) => {
                let mut said: Vec<String> = members.iter().map(Type::said).collect();
                said.dedup();
                said.join(" or ")
            }
            other => a(other),
        }
    }
}

/// Several of what a noun with its article names: "a size in bytes" becomes "sizes in bytes".
fn plural(said: &str) -> String {
    let noun = said.split_once(' ').map_or(said, |(_, noun)| noun);
    if said.starts_with("one of ") || said.contains(" or ") {
        return "values".to_owned();
    }
    let end = [" in ", " of ", " over ", " that ", ","]
        .iter()
        .filter_map(|joint| noun.find(joint))
        .min()
        .unwrap_or(noun.len());
    let (head, rest) = noun.split_at(end);
    match head.strip_suffix('y') {
        Some(stem) => format!("{stem}ies{rest}"),
        None => format!("{head}s{rest}"),
    }
}

/// A noun with its article: an int, a string.
pub(crate) fn a(noun: impl fmt::Display) -> String {
    let noun = noun.to_string();
    let word = noun.trim_start_matches('`');
    let vowel = word.starts_with(|first: char| "aeiouAEIOU".contains(first));
    format!(
        "{} {noun}",
        if vowel && !word.starts_with("USD") {
            "an"
        } else {
            "a"
        }
    )
}

/// A type and a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Term {
    pub(crate) term_type: Type,
    pub(crate) value: Value,
}

impl Term {
    /// A typed value.
    pub(crate) fn new(term_type: Type, value: Value) -> Self {
        Term { term_type, value }
    }

    /// What an expression in error amounts to.
    pub(crate) fn error() -> Self {
        Term::new(Type::Error, Value::None)
    }

    /// What only apply will tell, made from these: where it comes from is kept.
    pub(crate) fn unknown(of: Type, from: &[&Term]) -> Self {
        let origin = from.iter().find_map(|term| origin(&term.value));
        let origin = origin.unwrap_or_else(|| of.to_string());
        Term::new(of, Value::Unknown(origin))
    }

    /// What of it only apply will tell, as it stands in the spec; none if it is known.
    pub(crate) fn origin(&self) -> Option<String> {
        origin(&self.value)
    }

    /// Whether it is known now, when the spec is checked.
    pub(crate) fn is_known(&self) -> bool {
        known(&self.value)
    }

    /// Whether it is known now how many there are in it, and under which keys.
    pub(crate) fn has_shape(&self) -> bool {
        match &self.value {
            Value::Unknown(_) | Value::Template(_) => false,
            Value::Reference(reference) => reference.path.is_empty(),
            _ => true,
        }
    }
}

/// The first part of the value that only apply will tell.
fn origin(value: &Value) -> Option<String> {
    match value {
        Value::Unknown(origin) => Some(origin.clone()),
        Value::Reference(reference) if !reference.path.is_empty() => Some(value.to_string()),
        Value::List(elements) | Value::Template(elements) => elements.iter().find_map(origin),
        Value::Record(entries)
        | Value::Case {
            arguments: entries, ..
        } => entries.values().find_map(origin),
        Value::Range(low, high) => origin(low).or_else(|| origin(high)),
        _ => None,
    }
}

/// Whether nothing in this value is for apply to tell.
fn known(value: &Value) -> bool {
    match value {
        Value::Unknown(_) | Value::Template(_) => false,
        Value::Reference(reference) => reference.path.is_empty(),
        Value::List(elements) => elements.iter().all(known),
        Value::Record(entries)
        | Value::Case {
            arguments: entries, ..
        } => entries.values().all(known),
        Value::Range(low, high) => known(low) && known(high),
        _ => true,
    }
}
