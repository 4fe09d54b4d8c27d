//! Types as a user writes them for a value.

use crate::check::Checker;
use crate::code;
use crate::diagnostic::Diagnostic;
use crate::habit::{type_advice, value_type};
use crate::resolve::{TYPE_WORDS, resolve, type_name};
use crate::suggest::nearest;
use crate::tree::{TypeExpr, TypeKind};
use crate::types::Type;

impl Checker<'_> {
    /// A type written by a user.
    pub(crate) fn written_type(&mut self, written: &TypeExpr) -> Type {
        match resolve(self.library, written, &self.kind_names) {
            Ok(resolved) if is_for_people(&resolved) => return resolved,
            Ok(_) => self.unknown_type(type_name(written).unwrap_or_default(), written),
            Err(unknown) => {
                let part = TypeExpr {
                    span: unknown.span,
                    ..written.clone()
                };
                let whole = type_name(written) == Some(unknown.name.as_str());
                self.unknown_type(&unknown.name, if whole { written } else { &part });
            }
        }
        Type::Error
    }

    fn unknown_type(&mut self, name: &str, written: &TypeExpr) {
        // What declares it, if anything does, has its finding already.
        if !name.is_empty() && self.is_lost(name) {
            return;
        }
        let mut span = written.span;
        let mut text = format!("there is no type `{name}` here");
        let known = (self.library.types.keys().map(String::as_str))
            .chain(TYPE_WORDS)
            .chain(self.kind_names.iter().copied());
        let known: Vec<&str> = known.collect();
        if let TypeKind::Named {
            path, arguments, ..
        } = &written.kind
            && !arguments.is_empty()
        {
            let all = self.text_of(span);
            if matches!(name, "enum" | "list" | "map" | "range") {
                text = format!("`{name}` takes words here, and no text or number");
                let bare = all.replace('"', "");
                let finding = Diagnostic::error(code::TYPE_UNKNOWN, span, text)
                    .help("without its type, nothing that uses it can be checked");
                let is_sure = name == "enum" && all.contains('"') && is_words(&bare);
                let example = type_advice(name).unwrap_or_default();
                self.report(match is_sure {
                    true => finding.help("its cases stand without quotes").fix(
                        format!("write `{bare}`"),
                        span,
                        bare,
                    ),
                    false => finding.help(example),
                });
                return;
            }
            span = path.span;
        }
        let finding = Diagnostic::error(code::TYPE_UNKNOWN, span, text)
            .help("without its type, nothing that uses it can be checked");
        self.report(match (value_type(name), type_advice(name)) {
            (Some(instead), _) => finding.suggest(span, name, Some(instead)),
            (None, Some(advice)) => finding.help(advice),
            (None, None) => finding.suggest(span, name, nearest(name, known)),
        });
    }
}

/// Whether these are words with commas between them, in parentheses behind a word.
fn is_words(text: &str) -> bool {
    let inner = text
        .split_once('(')
        .map(|(_, rest)| rest.trim_end_matches([')', '?']));
    inner.is_some_and(|inner| {
        let mut words = inner.trim_end_matches(',').split(',');
        words.all(|word| mlinfra_syntax::is_word(word.trim()))
    })
}

/// Whether a user may write this type for a value.
fn is_for_people(written: &Type) -> bool {
    match written {
        Type::Optional(inner) | Type::List(inner) | Type::Map(inner) | Type::Range(inner) => {
            is_for_people(inner)
        }
        // Where blocks of a kind stand, what else stands there is for people too.
        Type::Union(members) => {
            let is_block = |member: &Type| matches!(member, Type::Block(_));
            members.iter().any(is_block) || members.iter().all(is_for_people)
        }
        Type::AnyTable
        | Type::AnyWeights
        | Type::AnyRelease
        | Type::ColumnOf(..)
        | Type::LikeOf(_)
        | Type::MergedOf(_)
        | Type::ElementOf(_)
        | Type::FitsOf(_)
        | Type::RowOf(_)
        | Type::ListedIn(_)
        | Type::FeatureOf(_)
        | Type::TrainingOf(_)
        | Type::KindWord
        | Type::Word
        | Type::Made(_)
        | Type::Outputs(_)
        | Type::FieldWord
        | Type::BlocksOf(_)
        | Type::Cells
        | Type::Float
        | Type::Category
        | Type::Opaque(_) => false,
        _ => true,
    }
}
