//! Every code once: its title and its page.

/// A code of a finding: `E0203`. Its page is `codes/E0203.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub &'static str);
