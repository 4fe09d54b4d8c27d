//! What a token or a node is.

/// The kind of a token or a node of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    // Trivia: the parser never sees it.
    /// Blanks, tabs, a byte order mark, a carriage return that stands alone.
    Space,
    /// One line break.
    Newline,
    /// `// …`
    Comment,
    /// `# …`, which is a finding.
    HashComment,
    /// A line that a merge left, or one of its second side.
    Conflict,
    /// `/// …`
    Documentation,

    // Names and literals.
    /// An ASCII word.
    Word,
    /// A word with letters outside ASCII, which is a finding.
    ForeignWord,
    /// `` `any text` ``
    Quoted,
    /// `1_000.5e3`, `5%`
    Number,
    /// `2027-06-30`, `2027-06-30T12:00:00Z`
    Date,
    /// `10.0.0.1`, `10.0.0.0/8`
    Ip,
    /// `"…"` without `${…}`
    String,
    /// A string without `${…}` that its line ends.
    OpenString,
    /// `'…'`, which is a finding.
    SingleQuoted,
    /// From the quote to the first `${`.
    StringStart,
    /// Between a `}` and the next `${`.
    StringMiddle,
    /// From the last `}` to the quote.
    StringEnd,
    /// Where its line ends a string that holds `${…}`; may be empty.
    StringBreak,
    /// `${`
    InterpolationOpen,
    /// The `}` of a `${`.
    InterpolationClose,
    /// `"""…"""`
    Text,
    /// A text that is never closed.
    OpenText,

    // Reserved words. The lexer leaves them words; the parser sees them as these.
    /// `and`
    And,
    /// `or`
    Or,
    /// `not`
    Not,
    /// `in`
    In,
    /// `if`
    If,
    /// `then`
    Then,
    /// `else`
    Else,
    /// `match`
    Match,
    /// `for`
    For,
    /// `when`
    When,
    /// `on`
    On,
    /// `true`
    True,
    /// `false`
    False,
    /// `none`
    None,
    /// A word that counts at its place alone: `use`, `as`, `require`.
    Keyword,

    // Signs.
    /// `{`
    LeftBrace,
    /// `}`
    RightBrace,
    /// `(`
    LeftParen,
    /// `)`
    RightParen,
    /// `[`
    LeftBracket,
    /// `]`
    RightBracket,
    /// `,`
    Comma,
    /// `:`
    Colon,
    /// `=`
    Equal,
    /// `==`
    EqualEqual,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `=>`
    Arrow,
    /// `..`
    DotDot,
    /// `.`
    Dot,
    /// `??`
    Coalesce,
    /// `?`
    Question,
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Star,
    /// `/`
    Slash,
    /// `/` that means "per".
    Per,
    /// `@`
    At,
    /// `|`
    Pipe,
    /// `&&`, which is a finding.
    AndAnd,
    /// `||`, which is a finding.
    OrOr,
    /// `!`, which is a finding.
    Bang,
    /// Characters that the language does not know.
    Unknown,
    /// The end of the file; in no tree.
    End,

    // Nodes.
    /// The whole file.
    File,
    /// Attributes and an item.
    Entry,
    /// `use …`
    Use,
    /// `.{a, b}` of a `use`.
    UseNames,
    /// `require …`
    Require,
    /// `name = value`
    Field,
    /// `name >= value`
    Requirement,
    /// `name: type = default`
    Column,
    /// `kind name on place { … }`
    Block,
    /// `(a: int, b: string)`
    Params,
    /// `a: int = 1`
    Param,
    /// `on place`
    Place,
    /// `for x in list`
    Loop,
    /// `when condition`
    Guard,
    /// `= value` in a head, a column or a parameter.
    Value,
    /// `{ … }`: a body or a record.
    Body,
    /// `@path(args)`
    Attribute,
    /// `a.b.c`
    Path,
    /// `list(int) | string?`
    Type,
    /// One alternative of a type.
    TypeAtom,
    /// `(…)` of a type.
    TypeArguments,
    /// `(…)` of a call or an attribute.
    Arguments,
    /// One argument.
    Argument,
    /// `if … then … else …`
    IfExpression,
    /// Two operands and what stands between.
    BinaryExpression,
    /// `not x`
    NotExpression,
    /// `-x`
    NegateExpression,
    /// `x.name`
    MemberExpression,
    /// `f(x)`
    CallExpression,
    /// `x[0]`
    IndexExpression,
    /// `5 GiB`
    QuantityExpression,
    /// A date.
    DateExpression,
    /// An address or a network.
    IpExpression,
    /// `"…"`
    StringExpression,
    /// `${…}` in a string.
    Interpolation,
    /// `"""…"""`
    TextExpression,
    /// `true`, `false`
    BoolExpression,
    /// `none`
    NoneExpression,
    /// A name that is referred to.
    NameExpression,
    /// `(x)`
    ParenExpression,
    /// `[…]`
    ListExpression,
    /// `match x { … }`
    MatchExpression,
    /// `a | b => value`
    Arm,
    /// One pattern of an arm.
    Pattern,
    /// What the parser could not use.
    Error,
}

impl Kind {
    /// Whether the parser never sees it.
    pub fn is_trivia(self) -> bool {
        self <= Kind::Documentation
    }

    /// Whether it is a leaf of the tree.
    pub fn is_token(self) -> bool {
        self < Kind::File
    }

    /// What a reserved word means to the parser; [`Kind::Word`] for every other word.
    pub(crate) fn of_word(word: &str) -> Kind {
        match word {
            "and" => Kind::And,
            "or" => Kind::Or,
            "not" => Kind::Not,
            "in" => Kind::In,
            "if" => Kind::If,
            "then" => Kind::Then,
            "else" => Kind::Else,
            "match" => Kind::Match,
            "for" => Kind::For,
            "when" => Kind::When,
            "on" => Kind::On,
            "true" => Kind::True,
            "false" => Kind::False,
            "none" => Kind::None,
            _ => Kind::Word,
        }
    }
}
