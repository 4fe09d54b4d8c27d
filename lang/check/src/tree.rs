//! The syntax as the checker reads it: owned, without trivia, every part with its place.

use std::borrow::Cow;

use crate::diagnostic::Span;

/// A name and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// `a.b.c`; never empty in an item that is not [`Node::Bad`].
#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub(crate) names: Vec<Name>,
    pub(crate) span: Span,
}

impl Path {
    /// The names joined by points; most paths are one name, which is not copied.
    pub(crate) fn word(&self) -> Cow<'_, str> {
        match self.names.as_slice() {
            [only] => Cow::Borrowed(&only.text),
            _ => Cow::Owned(self.text()),
        }
    }

    /// The same, to be kept.
    pub(crate) fn text(&self) -> String {
        let names: Vec<&str> = self.names.iter().map(|name| name.text.as_str()).collect();
        names.join(".")
    }
}

/// `@name(arguments)`.
#[derive(Clone, Debug)]
pub(crate) struct Attribute {
    pub(crate) path: Path,
    pub(crate) arguments: Vec<Argument>,
}

/// An argument of a call or an attribute.
#[derive(Clone, Debug)]
pub(crate) struct Argument {
    pub(crate) name: Option<Name>,
    pub(crate) value: Expr,
}

/// An entry of a body or a file.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) attributes: Box<[Attribute]>,
    pub(crate) documentation: Box<str>,
    pub(crate) node: Node,
    pub(crate) span: Span,
    /// Whether a syntax error lies inside: its members are open.
    pub(crate) broken: bool,
}

/// What an entry is.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Use(Box<Use>),
    Require(Box<Require>),
    Field {
        path: Path,
        value: Expr,
    },
    Requirement {
        path: Path,
        operator: Binary,
        value: Expr,
    },
    Column {
        name: Name,
        column_type: Box<TypeExpr>,
        default: Option<Box<Expr>>,
    },
    Block(Box<BlockItem>),
    Bad,
}

/// `use "file".{a, b} as c`.
#[derive(Clone, Debug)]
pub(crate) struct Use {
    pub(crate) target: UseTarget,
    pub(crate) target_span: Span,
    pub(crate) names: Vec<Name>,
    pub(crate) alias: Option<Name>,
}

/// What is used.
#[derive(Clone, Debug)]
pub(crate) enum UseTarget {
    File(String),
    Library(Path),
    Bad,
}

/// `require condition else message`.
#[derive(Clone, Debug)]
pub(crate) struct Require {
    pub(crate) condition: Expr,
    pub(crate) message: Option<Expr>,
}

/// Everything that a block can have. What most blocks have not is kept elsewhere: there may be
/// very many of them.
#[derive(Clone, Debug)]
pub(crate) struct BlockItem {
    pub(crate) path: Path,
    pub(crate) name: Option<Name>,
    pub(crate) parameters: Option<Vec<Parameter>>,
    pub(crate) result: Option<Box<TypeExpr>>,
    pub(crate) place: Option<Box<Expr>>,
    pub(crate) repeat: Option<Box<Loop>>,
    pub(crate) when: Option<Box<Expr>>,
    pub(crate) value: Option<Box<Expr>>,
    pub(crate) body: Option<Body>,
}

impl BlockItem {
    /// The entries of its body.
    pub(crate) fn items(&self) -> &[Item] {
        self.body.as_ref().map_or(&[], |body| &body.items)
    }

    /// The smallest text that names it.
    pub(crate) fn head(&self) -> Span {
        self.name.as_ref().map_or(self.path.span, |name| name.span)
    }
}

/// `{ … }`.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) items: Vec<Item>,
}

/// `name: type = default @attributes` in parentheses.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) name: Name,
    pub(crate) parameter_type: TypeExpr,
    pub(crate) default: Option<Expr>,
}

/// `for name, name in expression`.
#[derive(Clone, Debug)]
pub(crate) struct Loop {
    pub(crate) names: Vec<Name>,
    pub(crate) source: Box<Expr>,
    pub(crate) span: Span,
}

/// A type as written.
#[derive(Clone, Debug)]
pub(crate) struct TypeExpr {
    pub(crate) kind: TypeKind,
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum TypeKind {
    Bad,
    Union(Vec<TypeExpr>),
    Named {
        path: Path,
        arguments: Vec<TypeArgument>,
        optional: bool,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum TypeArgument {
    Type(TypeExpr),
    Literal,
}

/// An expression.
#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum ExprKind {
    /// A syntax error stands here; the finding is made already.
    Bad,
    Name(String),
    Number {
        digits: String,
        percent: bool,
        unit: Option<Box<Unit>>,
    },
    Text(Vec<TextPart>),
    Date(String),
    Address(String),
    Bool(bool),
    None,
    List(Vec<Expr>),
    Comprehension {
        element: Box<Expr>,
        repeat: Box<Loop>,
        when: Option<Box<Expr>>,
    },
    Record(Body),
    Call {
        callee: Box<Expr>,
        arguments: Vec<Argument>,
    },
    Member {
        object: Box<Expr>,
        name: Name,
    },
    Index {
        object: Box<Expr>,
        index: Box<Expr>,
    },
    Negate(Box<Expr>),
    Not(Box<Expr>),
    Binary {
        operator: Binary,
        operator_span: Span,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    If {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Box<Expr>,
    },
    Match {
        subject: Box<Expr>,
        arms: Vec<Arm>,
    },
}

/// A number's unit: `USD/GiB/month`, `/min`.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub(crate) over: Option<Name>,
    pub(crate) per: Vec<Name>,
}

#[derive(Clone, Debug)]
pub(crate) enum TextPart {
    Literal(String),
    Hole(Expr),
}

/// `pattern | pattern => expression`.
#[derive(Clone, Debug)]
pub(crate) struct Arm {
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) value: Expr,
}

/// One pattern: `_` or an expression to compare with.
#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    Rest,
    Value(Expr),
}

/// An operator between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Range,
    Default,
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Binary {
    /// Every operator with its text.
    const TEXTS: [(Binary, &'static str); 16] = [
        (Binary::Or, "or"),
        (Binary::And, "and"),
        (Binary::Equal, "=="),
        (Binary::NotEqual, "!="),
        (Binary::Less, "<"),
        (Binary::LessOrEqual, "<="),
        (Binary::Greater, ">"),
        (Binary::GreaterOrEqual, ">="),
        (Binary::In, "in"),
        (Binary::NotIn, "not in"),
        (Binary::Range, ".."),
        (Binary::Default, "??"),
        (Binary::Add, "+"),
        (Binary::Subtract, "-"),
        (Binary::Multiply, "*"),
        (Binary::Divide, "/"),
    ];

    /// As written in a spec.
    pub(crate) fn text(self) -> &'static str {
        let same = |(operator, _): &&(Binary, &str)| *operator == self;
        Self::TEXTS.iter().find(same).map_or("", |(_, text)| text)
    }

    /// The operator with this text.
    pub(crate) fn from_text(text: &str) -> Option<Binary> {
        let same = |(_, known): &&(Binary, &str)| *known == text;
        Self::TEXTS.iter().find(same).map(|(operator, _)| *operator)
    }

    /// Whether it compares, and so gives a bool.
    pub(crate) fn compares(self) -> bool {
        use Binary::{Equal, Greater, GreaterOrEqual, In, Less, LessOrEqual, NotEqual, NotIn};
        matches!(
            self,
            Equal | NotEqual | Less | LessOrEqual | Greater | GreaterOrEqual | In | NotIn
        )
    }
}

impl Expr {
    /// The name, if this is one.
    pub(crate) fn as_name(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Name(name) => Some(name),
            _ => None,
        }
    }

    /// The text, if this is one without a hole.
    pub(crate) fn as_literal(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Text(parts) => match parts.as_slice() {
                [TextPart::Literal(text)] => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    /// Calls `visit` for every direct part of this expression.
    pub(crate) fn for_each_part<'e>(&'e self, visit: &mut dyn FnMut(&'e Expr)) {
        match &self.kind {
            ExprKind::Bad
            | ExprKind::Name(_)
            | ExprKind::Number { .. }
            | ExprKind::Date(_)
            | ExprKind::Address(_)
            | ExprKind::Bool(_)
            | ExprKind::None => {}
            ExprKind::Text(parts) => parts.iter().for_each(|part| {
                if let TextPart::Hole(hole) = part {
                    visit(hole);
                }
            }),
            ExprKind::List(elements) => elements.iter().for_each(visit),
            ExprKind::Comprehension {
                element,
                repeat,
                when,
            } => {
                visit(element);
                visit(&repeat.source);
                when.iter().for_each(|condition| visit(condition));
            }
            ExprKind::Record(body) => for_each_value(&body.items, visit),
            ExprKind::Call { callee, arguments } => {
                visit(callee);
                arguments.iter().for_each(|argument| visit(&argument.value));
            }
            ExprKind::Member { object, .. } => visit(object),
            ExprKind::Index { object, index } => {
                visit(object);
                visit(index);
            }
            ExprKind::Negate(operand) | ExprKind::Not(operand) => visit(operand),
            ExprKind::Binary { left, right, .. } => {
                visit(left);
                visit(right);
            }
            ExprKind::If {
                condition,
                then,
                otherwise,
            } => {
                visit(condition);
                visit(then);
                visit(otherwise);
            }
            ExprKind::Match { subject, arms } => {
                visit(subject);
                arms.iter().for_each(|arm| visit(&arm.value));
            }
        }
    }
}

/// Calls `visit` for the value of every field and requirement among these entries.
pub(crate) fn for_each_value<'e>(items: &'e [Item], visit: &mut dyn FnMut(&'e Expr)) {
    for item in items {
        match &item.node {
            Node::Field { value, .. } | Node::Requirement { value, .. } => visit(value),
            Node::Column {
                default: Some(value),
                ..
            } => visit(value),
            _ => {}
        }
    }
}
