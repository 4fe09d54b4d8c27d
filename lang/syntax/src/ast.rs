//! Typed views of the tree: a view is a handle that knows what it may ask for.
//!
//! A view never fails: a tree comes out of every text, so whatever the grammar demands may still be
//! missing, and each accessor says so with an `Option`.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable
)]
#![deny(clippy::indexing_slicing)]

mod expr;
mod item;
mod operator;
mod types;

use std::ops::Range;

use crate::kind::Kind;
use crate::node::Node;
use crate::set;

pub use expr::{
    Argument, Arm, Binary, Call, Expr, If, Index, List, Literal, Match, Member, Operand, Pattern,
    PatternKind, Quantity, StringExpr, StringPart,
};
pub use item::{
    Attribute, Block, Body, Column, Entry, Field, File, Guard, Item, Key, Loop, Param, Require,
    Requirement, Use, UseSource,
};
pub use operator::BinaryOperator;
pub use types::{Type, TypeArgument, TypeAtom};

/// Makes a view of one kind of node.
macro_rules! view {
    ($(#[$doc:meta])* $name:ident = $kind:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(pub(crate) crate::node::Node);

        impl $name {
            /// The view of this node, if it is one.
            pub fn cast(node: crate::node::Node) -> Option<Self> {
                (node.kind() == crate::kind::Kind::$kind).then_some($name(node))
            }

            /// The node.
            pub fn syntax(&self) -> &crate::node::Node {
                &self.0
            }

            /// Its bytes.
            pub fn range(&self) -> std::ops::Range<u32> {
                self.0.range()
            }
        }
    };
}
pub(crate) use view;

/// A name where it is written: a word, or what stands between back quotes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(Node);

impl Name {
    /// The view of this token, if it is a name.
    pub fn cast(node: Node) -> Option<Name> {
        set::NAMES.has(node.kind()).then_some(Name(node))
    }

    /// The name, without back quotes.
    pub fn text(&self) -> &str {
        let text = self.0.text();
        match self.0.kind() {
            Kind::Quoted => text.trim_matches('`'),
            _ => text,
        }
    }

    /// The token.
    pub fn syntax(&self) -> &Node {
        &self.0
    }

    /// Its bytes, with back quotes.
    pub fn range(&self) -> Range<u32> {
        self.0.range()
    }
}

view! {
    /// `a.b.c`
    Path = Path
}

impl Path {
    /// Its names; at least one.
    pub fn names(&self) -> impl Iterator<Item = Name> + use<> {
        self.0.children().filter_map(Name::cast)
    }

    /// Its name, if it is one alone.
    pub fn single(&self) -> Option<Name> {
        let mut names = self.names();
        names.next().filter(|_| names.next().is_none())
    }

    /// Its names joined by dots, without back quotes.
    pub fn joined(&self) -> String {
        let names: Vec<String> = self.names().map(|name| name.text().to_owned()).collect();
        names.join(".")
    }
}

/// The first view among the children.
pub(crate) fn child<T>(node: &Node, cast: impl Fn(Node) -> Option<T>) -> Option<T> {
    node.children().find_map(cast)
}

/// The first name among the children.
pub(crate) fn name_in(node: &Node) -> Option<Name> {
    child(node, Name::cast)
}

/// The first expression behind a token of this kind.
pub(crate) fn expr_behind(node: &Node, kinds: impl Fn(Kind) -> bool) -> Option<Expr> {
    node.children()
        .skip_while(|child| !kinds(child.kind()))
        .find_map(Expr::cast)
}
