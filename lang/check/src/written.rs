//! Types as a user writes them for a value.

use crate::check::Checker;
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::types::Type;

impl Checker<'_> {
    /// A type written by a user.
    pub(crate) fn written_type(&mut self, written: &crate::tree::TypeExpr) -> Type {
        match crate::resolve::resolve(self.library, written, &self.kind_names) {
            Ok(resolved) if is_for_people(&resolved) => resolved,
            Ok(_) => {
                self.unknown_type("that", written.span);
                Type::Error
            }
            Err(unknown) => {
                self.unknown_type(&unknown.name, unknown.span);
                Type::Error
            }
        }
    }

    fn unknown_type(&mut self, name: &str, span: Span) {
        let known = (self.library.types.keys().map(String::as_str))
            .chain(crate::resolve::TYPE_WORDS)
            .chain(self.kind_names.iter().copied());
        let meant = crate::suggest::nearest(name, known);
        self.report(
            Diagnostic::error(
                code::TYPE_UNKNOWN,
                span,
                format!("there is no type `{name}` here"),
            )
            .help("without its type, nothing that uses it can be checked")
            .suggest(span, name, meant),
        );
    }
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
