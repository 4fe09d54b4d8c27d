//! Views of types.

use super::{Path, Quantity, StringExpr, child, view};
use crate::kind::Kind;
use crate::node::Node;

view! {
    /// `a | b`
    Type = Type
}

impl Type {
    /// The alternatives; most often one.
    pub fn alternatives(&self) -> impl Iterator<Item = TypeAtom> + use<> {
        self.0.children().filter_map(TypeAtom::cast)
    }
}

view! {
    /// `path(arguments)?`
    TypeAtom = TypeAtom
}

/// What a type may be given.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TypeArgument {
    /// A type, or a name that stands for something else.
    Type(Type),
    /// A number.
    Quantity(Quantity),
    /// A string.
    String(StringExpr),
}

impl TypeAtom {
    /// What it is.
    pub fn path(&self) -> Option<Path> {
        child(&self.0, Path::cast)
    }

    /// Whether it has parentheses.
    pub fn has_arguments(&self) -> bool {
        self.0.child(Kind::TypeArguments).is_some()
    }

    /// The brackets with what it is given.
    pub fn argument_list(&self) -> Option<Node> {
        self.0.child(Kind::TypeArguments)
    }

    /// What it is given.
    pub fn arguments(&self) -> impl Iterator<Item = TypeArgument> + use<> {
        let list = self.argument_list();
        list.into_iter().flat_map(|list| {
            list.children().filter_map(|node| match node.kind() {
                Kind::Type => Some(TypeArgument::Type(Type(node))),
                Kind::QuantityExpression => Some(TypeArgument::Quantity(Quantity(node))),
                Kind::StringExpression => Some(TypeArgument::String(StringExpr(node))),
                _ => None,
            })
        })
    }

    /// Whether a `?` follows.
    pub fn is_optional(&self) -> bool {
        self.0.child(Kind::Question).is_some()
    }
}
