//! A set of kinds, as bits.

use crate::kind::Kind;

/// Kinds of tokens and nodes; membership is one test of a bit.
#[derive(Clone, Copy)]
pub(crate) struct Set(u128);

impl Set {
    /// The set of these kinds.
    pub(crate) const fn of(kinds: &[Kind]) -> Set {
        let mut bits = 0;
        let mut at = 0;
        while at < kinds.len() {
            bits |= 1 << kinds[at] as u8;
            at += 1;
        }
        Set(bits)
    }

    /// What is in either.
    pub(crate) const fn or(self, other: Set) -> Set {
        Set(self.0 | other.0)
    }

    /// Whether the kind is in it.
    pub(crate) const fn has(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }
}

/// A shift beyond the last bit would not compile as a constant, so this holds the kinds to 128.
const _: () = assert!((Kind::Error as u8) < 128);

/// `(`, `[`, `{`
pub(crate) const OPENERS: Set = Set::of(&[Kind::LeftParen, Kind::LeftBracket, Kind::LeftBrace]);

/// `)`, `]`, `}`
pub(crate) const CLOSERS: Set = Set::of(&[Kind::RightParen, Kind::RightBracket, Kind::RightBrace]);

/// A name where one is declared or referred to.
pub(crate) const NAMES: Set = Set::of(&[Kind::Word, Kind::Quoted, Kind::ForeignWord]);

/// The reserved words that a head does not have behind its kind: a name is meant there.
pub(crate) const RESERVED_IN_VALUES: Set = Set::of(&[
    Kind::And,
    Kind::Or,
    Kind::Not,
    Kind::In,
    Kind::If,
    Kind::Then,
    Kind::Else,
    Kind::Match,
    Kind::True,
    Kind::False,
    Kind::None,
]);

/// The reserved words.
pub(crate) const RESERVED: Set = RESERVED_IN_VALUES.or(Set::of(&[Kind::For, Kind::When, Kind::On]));

/// A name behind a `.`: nothing is reserved there.
pub(crate) const MEMBERS: Set = NAMES.or(RESERVED);

/// A name, or a reserved word that a value begins with.
pub(crate) const VALUES: Set = NAMES.or(Set::of(&[
    Kind::Not,
    Kind::If,
    Kind::Match,
    Kind::True,
    Kind::False,
    Kind::None,
]));

/// A whole string, or the start of one.
pub(crate) const STRINGS: Set = Set::of(&[
    Kind::String,
    Kind::OpenString,
    Kind::SingleQuoted,
    Kind::StringStart,
]);

/// What goes on with a string behind a `${…}`: no expression reaches over it.
pub(crate) const STRING_RESTS: Set = Set::of(&[
    Kind::InterpolationClose,
    Kind::StringMiddle,
    Kind::StringEnd,
    Kind::StringBreak,
]);

/// What ends whatever is open in `( )` and `[ ]`.
pub(crate) const HARD_ENDS: Set = Set::of(&[Kind::RightBrace, Kind::End]).or(STRING_RESTS);

/// Comparisons, which do not chain.
pub(crate) const COMPARISONS: Set = Set::of(&[
    Kind::EqualEqual,
    Kind::NotEqual,
    Kind::Less,
    Kind::LessEqual,
    Kind::Greater,
    Kind::GreaterEqual,
]);

/// What a literal begins with.
pub(crate) const LITERALS: Set = Set::of(&[
    Kind::Number,
    Kind::Date,
    Kind::Ip,
    Kind::Text,
    Kind::OpenText,
])
.or(STRINGS);
