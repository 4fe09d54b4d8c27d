//! Views of entries and of what they hold.

use std::ops::Range;

use super::{Argument, BinaryOperator, Expr, Name, Path, StringExpr, Type};
use super::{child, expr_behind, name_in, view};
use crate::kind::Kind;
use crate::node::Node;

view! {
    /// A whole file.
    File = File
}

impl File {
    /// Its entries, in the order written.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + use<> {
        self.0.children().filter_map(Entry::cast)
    }
}

view! {
    /// `{ entries }`: the body of a block, or a record.
    Body = Body
}

impl Body {
    /// Its entries, in the order written.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + use<> {
        self.0.children().filter_map(Entry::cast)
    }
}

view! {
    /// An item with the attributes before and behind it.
    Entry = Entry
}

impl Entry {
    /// The attributes, those before the item first.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute> + use<> {
        self.0.children().filter_map(Attribute::cast)
    }

    /// What it is; `None` if only attributes or nothing readable stands here.
    pub fn item(&self) -> Option<Item> {
        child(&self.0, Item::cast)
    }

    /// Its `///` lines, without slashes, joined by line breaks.
    pub fn documentation(&self) -> Option<String> {
        self.0.documentation()
    }
}

/// What an entry can be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Item {
    /// `use …`
    Use(Use),
    /// `require …`
    Require(Require),
    /// `name = value`
    Field(Field),
    /// `name >= value`
    Requirement(Requirement),
    /// `name: type`
    Column(Column),
    /// `kind name { … }`
    Block(Block),
}

impl Item {
    /// The view of this node, if it is an item.
    pub fn cast(node: Node) -> Option<Item> {
        Some(match node.kind() {
            Kind::Use => Item::Use(Use(node)),
            Kind::Require => Item::Require(Require(node)),
            Kind::Field => Item::Field(Field(node)),
            Kind::Requirement => Item::Requirement(Requirement(node)),
            Kind::Column => Item::Column(Column(node)),
            Kind::Block => Item::Block(Block(node)),
            _ => return None,
        })
    }

    /// The node.
    pub fn syntax(&self) -> &Node {
        match self {
            Item::Use(item) => item.syntax(),
            Item::Require(item) => item.syntax(),
            Item::Field(item) => item.syntax(),
            Item::Requirement(item) => item.syntax(),
            Item::Column(item) => item.syntax(),
            Item::Block(item) => item.syntax(),
        }
    }

    /// Its bytes.
    pub fn range(&self) -> Range<u32> {
        self.syntax().range()
    }
}

view! {
    /// `@path(arguments)`
    Attribute = Attribute
}

impl Attribute {
    /// Its path.
    pub fn path(&self) -> Option<Path> {
        child(&self.0, Path::cast)
    }

    /// Its arguments; none if there are no parentheses.
    pub fn arguments(&self) -> impl Iterator<Item = Argument> + use<> {
        let list = self.0.child(Kind::Arguments);
        list.into_iter()
            .flat_map(|list| list.children().filter_map(Argument::cast))
    }
}

view! {
    /// `use source.{names} as alias`
    Use = Use
}

/// What a `use` names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UseSource {
    /// A file in quotes.
    File(StringExpr),
    /// A path of the standard library.
    Path(Path),
}

impl Use {
    /// What is used.
    pub fn source(&self) -> Option<UseSource> {
        child(&self.0, |node| match node.kind() {
            Kind::StringExpression => Some(UseSource::File(StringExpr(node))),
            Kind::Path => Some(UseSource::Path(Path(node))),
            _ => None,
        })
    }

    /// Whether names are listed, also if the list is empty.
    pub fn has_names(&self) -> bool {
        self.0.child(Kind::UseNames).is_some()
    }

    /// The listed names.
    pub fn names(&self) -> impl Iterator<Item = Name> + use<> {
        let list = self.0.child(Kind::UseNames);
        list.into_iter()
            .flat_map(|list| list.children().filter_map(Name::cast))
    }

    /// The name behind `as`.
    pub fn alias(&self) -> Option<Name> {
        name_in(&self.0)
    }
}

view! {
    /// `require condition else message`
    Require = Require
}

impl Require {
    /// What must hold.
    pub fn condition(&self) -> Option<Expr> {
        let mut before = self
            .0
            .children()
            .take_while(|part| part.kind() != Kind::Else);
        before.find_map(Expr::cast)
    }

    /// What to say if it does not.
    pub fn message(&self) -> Option<Expr> {
        expr_behind(&self.0, |kind| kind == Kind::Else)
    }
}

/// What a field is called.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A path; most often one name.
    Path(Path),
    /// A string: the key of a map.
    String(StringExpr),
}

impl Key {
    /// The view of this node, if it is a key.
    fn cast(node: Node) -> Option<Key> {
        match node.kind() {
            Kind::Path => Some(Key::Path(Path(node))),
            Kind::StringExpression => Some(Key::String(StringExpr(node))),
            _ => None,
        }
    }

    /// The key as text; `None` for a string that holds `${…}`.
    pub fn text(&self) -> Option<String> {
        match self {
            Key::Path(path) => Some(path.joined()),
            Key::String(string) => string.plain(),
        }
    }

    /// Its bytes.
    pub fn range(&self) -> Range<u32> {
        match self {
            Key::Path(path) => path.range(),
            Key::String(string) => string.range(),
        }
    }
}

view! {
    /// `key = value`
    Field = Field
}

impl Field {
    /// What stands before the `=`.
    pub fn key(&self) -> Option<Key> {
        child(&self.0, Key::cast)
    }

    /// What stands behind it.
    pub fn value(&self) -> Option<Expr> {
        expr_behind(&self.0, |kind| {
            matches!(kind, Kind::Equal | Kind::EqualEqual)
        })
    }
}

view! {
    /// `path >= value`
    Requirement = Requirement
}

impl Requirement {
    /// What is compared.
    pub fn path(&self) -> Option<Path> {
        child(&self.0, Path::cast)
    }

    /// How: a comparison or `in`.
    pub fn operator(&self) -> Option<BinaryOperator> {
        self.0
            .children()
            .find_map(|token| BinaryOperator::of(token.kind()))
    }

    /// With what.
    pub fn value(&self) -> Option<Expr> {
        child(&self.0, Expr::cast)
    }
}

view! {
    /// `name: type = default`
    Column = Column
}

impl Column {
    /// What stands before the `:`; a column's name is one name.
    pub fn path(&self) -> Option<Path> {
        child(&self.0, Path::cast)
    }

    /// Its name: the path's last.
    pub fn name(&self) -> Option<Name> {
        self.path().and_then(|path| path.names().last())
    }

    /// Its type.
    pub fn type_(&self) -> Option<Type> {
        child(&self.0, Type::cast)
    }

    /// Its default.
    pub fn default(&self) -> Option<Expr> {
        value_of(&self.0)
    }
}

view! {
    /// `path name(params): type on place for x in list when condition = value { … }`
    Block = Block
}

impl Block {
    /// What it is: the kind's path, or a form such as `let`. `class ssd` is a block with the path
    /// `class` and the name `ssd`.
    pub fn path(&self) -> Option<Path> {
        child(&self.0, Path::cast)
    }

    /// Its name, if that is no string.
    pub fn name(&self) -> Option<Name> {
        name_in(&self.0)
    }

    /// Its name, if that is a string.
    pub fn name_string(&self) -> Option<StringExpr> {
        child(&self.0, StringExpr::cast)
    }

    /// Its name's bytes, whatever it is written as.
    pub fn name_range(&self) -> Option<Range<u32>> {
        let string = || self.name_string().map(|name| name.range());
        self.name().map(|name| name.range()).or_else(string)
    }

    /// Whether it has parentheses for parameters.
    pub fn has_params(&self) -> bool {
        self.0.child(Kind::Params).is_some()
    }

    /// Its parameters.
    pub fn params(&self) -> impl Iterator<Item = Param> + use<> {
        let list = self.0.child(Kind::Params);
        list.into_iter()
            .flat_map(|list| list.children().filter_map(Param::cast))
    }

    /// What stands behind `:`.
    pub fn type_(&self) -> Option<Type> {
        child(&self.0, Type::cast)
    }

    /// What stands behind `on`.
    pub fn place(&self) -> Option<Expr> {
        self.0
            .child(Kind::Place)
            .and_then(|place| child(&place, Expr::cast))
    }

    /// `for …`
    pub fn loop_(&self) -> Option<Loop> {
        child(&self.0, Loop::cast)
    }

    /// `when …`
    pub fn guard(&self) -> Option<Guard> {
        child(&self.0, Guard::cast)
    }

    /// What stands behind `when`.
    pub fn condition(&self) -> Option<Expr> {
        self.guard().and_then(|guard| guard.condition())
    }

    /// What stands behind `=`.
    pub fn value(&self) -> Option<Expr> {
        value_of(&self.0)
    }

    /// Its body.
    pub fn body(&self) -> Option<Body> {
        child(&self.0, Body::cast)
    }

    /// Whether anything in it is wrong: then a reference into it never says "not found".
    pub fn has_syntax_error(&self) -> bool {
        self.0.has_syntax_error()
    }
}

view! {
    /// `name: type = default @attribute`
    Param = Param
}

impl Param {
    /// Its name.
    pub fn name(&self) -> Option<Name> {
        name_in(&self.0)
    }

    /// Its type.
    pub fn type_(&self) -> Option<Type> {
        child(&self.0, Type::cast)
    }

    /// Its default.
    pub fn default(&self) -> Option<Expr> {
        value_of(&self.0)
    }

    /// Its attributes.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute> + use<> {
        self.0.children().filter_map(Attribute::cast)
    }

    /// Its `///` lines, if it has lines of its own.
    pub fn documentation(&self) -> Option<String> {
        self.0.documentation()
    }
}

view! {
    /// `for a, b in list`
    Loop = Loop
}

impl Loop {
    /// The names: one, or a key's and a value's.
    pub fn names(&self) -> impl Iterator<Item = Name> + use<> {
        self.0.children().filter_map(Name::cast)
    }

    /// What it goes over.
    pub fn list(&self) -> Option<Expr> {
        child(&self.0, Expr::cast)
    }
}

view! {
    /// `when condition`
    Guard = Guard
}

impl Guard {
    /// What must hold.
    pub fn condition(&self) -> Option<Expr> {
        child(&self.0, Expr::cast)
    }
}

/// The expression of a `= value`.
fn value_of(node: &Node) -> Option<Expr> {
    node.child(Kind::Value)
        .and_then(|value| child(&value, Expr::cast))
}
