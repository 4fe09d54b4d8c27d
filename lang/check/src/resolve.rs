//! Types as written become types.

use std::sync::Arc;

use mlinfra_api::ColumnBase;

use crate::schema::{Library, column_base};
use crate::tree::{TypeArgument, TypeExpr, TypeKind};
use crate::types::Type;

/// The words that [`resolve`] knows for people to write.
pub(crate) const TYPE_WORDS: [&str; 9] = [
    "bool", "int", "decimal", "string", "date", "list", "map", "range", "enum",
];

/// A name that is no type.
pub(crate) struct UnknownType {
    pub(crate) name: String,
    pub(crate) span: crate::diagnostic::Span,
}

/// The type as written.
pub(crate) fn resolve(
    library: &Library,
    written: &TypeExpr,
    kinds: &[&str],
) -> Result<Type, UnknownType> {
    let (path, arguments, optional) = match &written.kind {
        TypeKind::Bad => return Ok(Type::Error),
        TypeKind::Union(members) => {
            let members: Result<Vec<Type>, UnknownType> = members
                .iter()
                .map(|member| resolve(library, member, kinds))
                .collect();
            return Ok(Type::Union(Arc::new(members?)));
        }
        TypeKind::Named {
            path,
            arguments,
            optional,
        } => (path, arguments, *optional),
    };
    let name = path.text();
    let unknown = || UnknownType {
        name: name.clone(),
        span: path.span,
    };
    let inner = || match arguments.first() {
        Some(TypeArgument::Type(inner)) => resolve(library, inner, kinds).map(Arc::new),
        _ => Err(unknown()),
    };
    let words = type_words(written);
    let first = || {
        words
            .first()
            .map(|word| Arc::<str>::from(word.as_str()))
            .ok_or_else(unknown)
    };
    let resolved = match (name.as_str(), arguments.is_empty()) {
        ("list", false) => Type::List(inner()?),
        ("map", false) => Type::Map(inner()?),
        ("range", false) => Type::Range(inner()?),
        ("enum", false) if words.len() == arguments.len() => Type::enumeration(words),
        ("column", false) => Type::ColumnOf(first()?, words.get(1).and_then(|w| column_base(w))),
        ("like", false) => Type::LikeOf(words.iter().map(|word| word.as_str().into()).collect()),
        ("merged", false) => {
            Type::MergedOf(words.iter().map(|word| word.as_str().into()).collect())
        }
        ("element", false) => Type::ElementOf(first()?),
        ("fits", false) => Type::FitsOf(first()?),
        ("row", false) => Type::RowOf(first()?),
        ("listed", false) => Type::ListedIn(type_paths(written)),
        ("feature", false) => Type::FeatureOf(first()?),
        ("training", false) => Type::TrainingOf(first()?),
        ("blocks", false) => Type::BlocksOf(first()?),
        (word, true) => word_type(library, word, kinds).ok_or_else(unknown)?,
        _ => return Err(unknown()),
    };
    Ok(if optional {
        resolved.optional()
    } else {
        resolved
    })
}

pub(crate) fn word_type(library: &Library, word: &str, kinds: &[&str]) -> Option<Type> {
    Some(match word {
        "bool" => Type::Bool,
        "int" => Type::Int,
        "decimal" => Type::Decimal,
        "string" => Type::String,
        "date" => Type::Date,
        "float" => Type::Float,
        "category" => Type::Category,
        "any" => Type::Any,
        "kind" => Type::KindWord,
        "word" => Type::Word,
        "field" => Type::FieldWord,
        "type" => Type::Cells,
        "table" => Type::AnyTable,
        "weights" => Type::AnyWeights,
        "release" => Type::AnyRelease,
        _ => {
            if let Some(declared) = library.types.get(word) {
                return Some(declared.clone());
            }
            if kinds.contains(&word) {
                let block = Type::Block(word.into());
                return Some(match library.released.contains(word) {
                    true => Type::Union(Arc::new(vec![Type::AnyRelease, block])),
                    false => block,
                });
            }
            return library
                .unit(word)
                .map(|unit| Type::Quantity(unit.dimension.clone()));
        }
    })
}

/// The word of a type that is nothing but a word.
pub(crate) fn word(written: &TypeExpr) -> Option<&str> {
    match &written.kind {
        TypeKind::Named {
            path,
            arguments,
            optional: false,
        } if arguments.is_empty() && path.names.len() == 1 => Some(&path.names[0].text),
        _ => None,
    }
}

/// The word before the parentheses.
pub(crate) fn type_name(written: &TypeExpr) -> Option<&str> {
    match &written.kind {
        TypeKind::Named { path, .. } if path.names.len() == 1 => Some(&path.names[0].text),
        _ => None,
    }
}

/// The bare words in the parentheses.
pub(crate) fn type_words(written: &TypeExpr) -> Vec<String> {
    let TypeKind::Named { arguments, .. } = &written.kind else {
        return Vec::new();
    };
    let bare = |argument: &TypeArgument| match argument {
        TypeArgument::Type(inner) => word(inner).map(str::to_owned),
        TypeArgument::Literal => None,
    };
    arguments.iter().filter_map(bare).collect()
}

/// The paths in the parentheses: `a.b`.
fn type_paths(written: &TypeExpr) -> Vec<Arc<str>> {
    let TypeKind::Named { arguments, .. } = &written.kind else {
        return Vec::new();
    };
    let path = |argument: &TypeArgument| match argument {
        TypeArgument::Type(TypeExpr {
            kind: TypeKind::Named { path, .. },
            ..
        }) => Some(path.text().into()),
        _ => None,
    };
    arguments.iter().filter_map(path).collect()
}

/// The column type as written, if it is one.
pub(crate) fn column_type(written: &TypeExpr) -> Option<(ColumnBase, bool)> {
    match &written.kind {
        TypeKind::Named {
            path,
            arguments,
            optional,
        } if arguments.is_empty() => column_base(&path.text()).map(|base| (base, *optional)),
        _ => None,
    }
}
