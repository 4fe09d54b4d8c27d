//! Views of expressions.

use std::ops::Range;

use super::{BinaryOperator, Body, Guard, Loop, Name, child, name_in, view};
use crate::kind::Kind;
use crate::literal;
use crate::node::Node;

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expr {
    /// `if a then b else c`
    If(If),
    /// Two operands and an operator.
    Binary(Binary),
    /// `not x`
    Not(Operand),
    /// `-x`
    Negate(Operand),
    /// `x.name`
    Member(Member),
    /// `f(x)`
    Call(Call),
    /// `x[0]`
    Index(Index),
    /// `5`, `5%`, `5 GiB`, `12 USD/h`
    Quantity(Quantity),
    /// A date, with or without a time.
    Date(Literal),
    /// An address or a network.
    Ip(Literal),
    /// `"…"`
    String(StringExpr),
    /// `"""…"""`
    Text(Literal),
    /// `true`, `false`
    Bool(Literal),
    /// `none`
    None(Literal),
    /// A name that is referred to.
    Name(Literal),
    /// `(x)`
    Paren(Operand),
    /// `[…]`
    List(List),
    /// `{ … }`
    Record(Body),
    /// `match x { … }`
    Match(Match),
    /// What could not be read; its finding is already reported.
    Error(Literal),
}

impl Expr {
    /// The view of this node, if it is an expression.
    pub fn cast(node: Node) -> Option<Expr> {
        Some(match node.kind() {
            Kind::IfExpression => Expr::If(If(node)),
            Kind::BinaryExpression => Expr::Binary(Binary(node)),
            Kind::NotExpression => Expr::Not(Operand(node)),
            Kind::NegateExpression => Expr::Negate(Operand(node)),
            Kind::MemberExpression => Expr::Member(Member(node)),
            Kind::CallExpression => Expr::Call(Call(node)),
            Kind::IndexExpression => Expr::Index(Index(node)),
            Kind::QuantityExpression => Expr::Quantity(Quantity(node)),
            Kind::DateExpression => Expr::Date(Literal(node)),
            Kind::IpExpression => Expr::Ip(Literal(node)),
            Kind::StringExpression => Expr::String(StringExpr(node)),
            Kind::TextExpression => Expr::Text(Literal(node)),
            Kind::BoolExpression => Expr::Bool(Literal(node)),
            Kind::NoneExpression => Expr::None(Literal(node)),
            Kind::NameExpression => Expr::Name(Literal(node)),
            Kind::ParenExpression => Expr::Paren(Operand(node)),
            Kind::ListExpression => Expr::List(List(node)),
            Kind::Body => Expr::Record(Body(node)),
            Kind::MatchExpression => Expr::Match(Match(node)),
            Kind::Error => Expr::Error(Literal(node)),
            _ => return None,
        })
    }

    /// The node.
    pub fn syntax(&self) -> &Node {
        match self {
            Expr::If(view) => view.syntax(),
            Expr::Binary(view) => view.syntax(),
            Expr::Not(view) | Expr::Negate(view) | Expr::Paren(view) => view.syntax(),
            Expr::Member(view) => view.syntax(),
            Expr::Call(view) => view.syntax(),
            Expr::Index(view) => view.syntax(),
            Expr::Quantity(view) => view.syntax(),
            Expr::String(view) => view.syntax(),
            Expr::List(view) => view.syntax(),
            Expr::Record(view) => view.syntax(),
            Expr::Match(view) => view.syntax(),
            Expr::Date(view)
            | Expr::Ip(view)
            | Expr::Text(view)
            | Expr::Bool(view)
            | Expr::None(view)
            | Expr::Name(view)
            | Expr::Error(view) => view.syntax(),
        }
    }

    /// Its bytes.
    pub fn range(&self) -> Range<u32> {
        self.syntax().range()
    }

    /// The expression inside however many parentheses.
    pub fn without_parens(&self) -> Expr {
        let mut expr = self.clone();
        while let Expr::Paren(paren) = &expr
            && let Some(inner) = paren.operand()
        {
            expr = inner;
        }
        expr
    }

    /// Its name, if it is a name alone.
    pub fn as_name(&self) -> Option<Name> {
        match self {
            Expr::Name(name) => name.name(),
            _ => None,
        }
    }

    /// Its text, if it is a string without `${…}` or a text.
    pub fn as_string(&self) -> Option<String> {
        match self {
            Expr::String(string) => string.plain(),
            Expr::Text(text) => Some(literal::text(text.text())),
            _ => None,
        }
    }
}

/// An expression that is one token: a date, an address, a text, `true`, `none`, a name; or an
/// error.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Literal(pub(crate) Node);

impl Literal {
    /// The node.
    pub fn syntax(&self) -> &Node {
        &self.0
    }

    /// Its bytes.
    pub fn range(&self) -> Range<u32> {
        self.0.range()
    }

    /// Its text as written.
    pub fn text(&self) -> &str {
        self.0.text()
    }

    /// The name, of a name.
    pub fn name(&self) -> Option<Name> {
        name_in(&self.0)
    }

    /// The value, of a bool.
    pub fn is_true(&self) -> bool {
        self.text() == "true"
    }
}

/// An expression with one operand: `not x`, `-x`, `(x)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Operand(pub(crate) Node);

impl Operand {
    /// The node.
    pub fn syntax(&self) -> &Node {
        &self.0
    }

    /// Its bytes.
    pub fn range(&self) -> Range<u32> {
        self.0.range()
    }

    /// What it holds.
    pub fn operand(&self) -> Option<Expr> {
        child(&self.0, Expr::cast)
    }
}

view! {
    /// `if condition then value else value`
    If = IfExpression
}

impl If {
    /// The expression before any of these tokens and behind this one.
    fn part(&self, from: Kind, until: Kind) -> Option<Expr> {
        let behind = self
            .0
            .children()
            .skip_while(move |part| part.kind() != from);
        let mut between = behind.take_while(move |part| part.kind() != until);
        between.find_map(Expr::cast)
    }

    /// What decides.
    pub fn condition(&self) -> Option<Expr> {
        self.part(Kind::If, Kind::Then)
    }

    /// The value if it holds.
    pub fn then_value(&self) -> Option<Expr> {
        self.part(Kind::Then, Kind::Else)
    }

    /// The value if it does not.
    pub fn else_value(&self) -> Option<Expr> {
        self.part(Kind::Else, Kind::End)
    }
}

view! {
    /// `left operator right`
    Binary = BinaryExpression
}

impl Binary {
    fn operator_token(&self) -> Option<Node> {
        self.0
            .children()
            .find(|part| BinaryOperator::of(part.kind()).is_some())
    }

    /// The operator.
    pub fn operator(&self) -> Option<BinaryOperator> {
        self.operator_token()
            .and_then(|token| BinaryOperator::of(token.kind()))
    }

    /// The operator's bytes; of `not in` those of `not`.
    pub fn operator_range(&self) -> Option<Range<u32>> {
        self.operator_token().map(|token| token.range())
    }

    /// What stands before it.
    pub fn left(&self) -> Option<Expr> {
        let is_operand = |part: &Node| BinaryOperator::of(part.kind()).is_none();
        self.0
            .children()
            .take_while(is_operand)
            .find_map(Expr::cast)
    }

    /// What stands behind it.
    pub fn right(&self) -> Option<Expr> {
        let is_operand = |part: &Node| BinaryOperator::of(part.kind()).is_none();
        self.0
            .children()
            .skip_while(is_operand)
            .find_map(Expr::cast)
    }
}

view! {
    /// `base.name`
    Member = MemberExpression
}

impl Member {
    /// What stands before the `.`.
    pub fn base(&self) -> Option<Expr> {
        child(&self.0, Expr::cast)
    }

    /// What stands behind it.
    pub fn name(&self) -> Option<Name> {
        name_in(&self.0)
    }
}

view! {
    /// `callee(arguments)`
    Call = CallExpression
}

impl Call {
    /// What is called.
    pub fn callee(&self) -> Option<Expr> {
        child(&self.0, Expr::cast)
    }

    /// What it is called with.
    pub fn arguments(&self) -> impl Iterator<Item = Argument> + use<> {
        let list = self.0.child(Kind::Arguments);
        list.into_iter()
            .flat_map(|list| list.children().filter_map(Argument::cast))
    }
}

view! {
    /// `name = value`, or a value.
    Argument = Argument
}

impl Argument {
    /// The name before the `=`.
    pub fn name(&self) -> Option<Name> {
        name_in(&self.0)
    }

    /// The value.
    pub fn value(&self) -> Option<Expr> {
        child(&self.0, Expr::cast)
    }
}

view! {
    /// `base[index]`
    Index = IndexExpression
}

impl Index {
    /// What is indexed.
    pub fn base(&self) -> Option<Expr> {
        let mut before = self
            .0
            .children()
            .take_while(|part| part.kind() != Kind::LeftBracket);
        before.find_map(Expr::cast)
    }

    /// By what.
    pub fn index(&self) -> Option<Expr> {
        let mut behind = self
            .0
            .children()
            .skip_while(|part| part.kind() != Kind::LeftBracket);
        behind.find_map(Expr::cast)
    }
}

view! {
    /// `number`, `number%`, `number unit/unit`
    Quantity = QuantityExpression
}

impl Quantity {
    /// The number as written, without `%`.
    pub fn number(&self) -> String {
        let token = self.0.child(Kind::Number);
        token.map_or_else(String::new, |token| {
            token.text().trim_end_matches('%').to_owned()
        })
    }

    /// Whether a `%` is glued to it.
    pub fn is_percent(&self) -> bool {
        self.0
            .child(Kind::Number)
            .is_some_and(|token| token.text().ends_with('%'))
    }

    /// The unit before any "per".
    pub fn unit(&self) -> Option<Name> {
        let mut before = self
            .0
            .children()
            .take_while(|part| part.kind() != Kind::Per);
        before.find_map(Name::cast)
    }

    /// The units behind each "per".
    pub fn per(&self) -> impl Iterator<Item = Name> + use<> {
        let behind = self
            .0
            .children()
            .skip_while(|part| part.kind() != Kind::Per);
        behind.filter_map(Name::cast)
    }

    /// Whether it has no unit and no percent sign.
    pub fn is_plain(&self) -> bool {
        !self.is_percent() && self.unit().is_none() && self.per().next().is_none()
    }
}

view! {
    /// `"…"` with or without `${…}`.
    StringExpr = StringExpression
}

/// A part of a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StringPart {
    /// Text, escapes resolved, and its bytes as written.
    Text(String, Range<u32>),
    /// An expression; `None` if it is missing. With the bytes of the whole `${…}`.
    Interpolation(Option<Expr>, Range<u32>),
}

impl StringExpr {
    /// Its parts, in order. An empty string has none.
    pub fn parts(&self) -> impl Iterator<Item = StringPart> + use<> {
        self.0.children().filter_map(|part| {
            if part.kind() == Kind::Interpolation {
                let expr = child(&part, Expr::cast);
                return Some(StringPart::Interpolation(expr, part.range()));
            }
            let inner = literal::string_inner(part.kind(), part.text())?;
            let start = part.range().start + inner.start;
            let end = part.range().start + inner.end;
            let text = part.text().get(inner.start as usize..inner.end as usize)?;
            let text = literal::unescape(text);
            (start < end).then_some(StringPart::Text(text, start..end))
        })
    }

    /// Its text, if it holds no `${…}`.
    pub fn plain(&self) -> Option<String> {
        let mut text = String::new();
        for part in self.parts() {
            match part {
                StringPart::Text(part, _) => text.push_str(&part),
                StringPart::Interpolation(..) => return None,
            }
        }
        Some(text)
    }

    /// The bytes between the quotes.
    pub fn inner_range(&self) -> Range<u32> {
        let range = self.range();
        if let Some(quoted) = self.0.children().find(|it| it.kind() == Kind::SingleQuoted) {
            let inner = literal::string_inner(Kind::SingleQuoted, quoted.text());
            return inner.map_or(range.clone(), |inner| {
                range.start + inner.start..range.start + inner.end
            });
        }
        let closed = self
            .0
            .children()
            .last()
            .is_some_and(|last| matches!(last.kind(), Kind::String | Kind::StringEnd));
        range.start + 1..range.end - u32::from(closed)
    }
}

view! {
    /// `[a, b]`, `[a for b in c when d]`
    List = ListExpression
}

impl List {
    /// The elements; of a comprehension the one that is repeated.
    pub fn elements(&self) -> impl Iterator<Item = Expr> + use<> {
        self.0.children().filter_map(Expr::cast)
    }

    /// `for …`, of a comprehension.
    pub fn loop_(&self) -> Option<Loop> {
        child(&self.0, Loop::cast)
    }

    /// `when …`, of a comprehension.
    pub fn guard(&self) -> Option<Guard> {
        child(&self.0, Guard::cast)
    }
}

view! {
    /// `match value { arms }`
    Match = MatchExpression
}

impl Match {
    /// What is matched.
    pub fn value(&self) -> Option<Expr> {
        let mut before = self
            .0
            .children()
            .take_while(|part| part.kind() != Kind::LeftBrace);
        before.find_map(Expr::cast)
    }

    /// The arms, in order.
    pub fn arms(&self) -> impl Iterator<Item = Arm> + use<> {
        self.0.children().filter_map(Arm::cast)
    }
}

view! {
    /// `pattern | pattern => value`
    Arm = Arm
}

impl Arm {
    /// The patterns.
    pub fn patterns(&self) -> impl Iterator<Item = Pattern> + use<> {
        self.0.children().filter_map(Pattern::cast)
    }

    /// The value.
    pub fn value(&self) -> Option<Expr> {
        let mut behind = self
            .0
            .children()
            .skip_while(|part| part.kind() != Kind::Arrow);
        behind.find_map(Expr::cast)
    }
}

view! {
    /// What an arm compares with.
    Pattern = Pattern
}

/// What a pattern is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PatternKind {
    /// `_`
    Rest,
    /// A name, mostly an enum's case.
    Name(Name),
    /// A number, with or without a unit.
    Quantity(Quantity),
    /// A string.
    String(StringExpr),
    /// A date.
    Date(Node),
    /// `true` or `false`.
    Bool(bool),
    /// `none`
    None,
}

impl Pattern {
    /// What it is; `None` if it is missing.
    pub fn kind(&self) -> Option<PatternKind> {
        self.0.children().find_map(|part| {
            Some(match part.kind() {
                Kind::Word if part.text() == "_" => PatternKind::Rest,
                Kind::QuantityExpression => PatternKind::Quantity(Quantity(part)),
                Kind::StringExpression => PatternKind::String(StringExpr(part)),
                Kind::Date => PatternKind::Date(part),
                Kind::True => PatternKind::Bool(true),
                Kind::False => PatternKind::Bool(false),
                Kind::None => PatternKind::None,
                _ => PatternKind::Name(Name::cast(part)?),
            })
        })
    }
}
