//! Which colour a meaning has: the only colours in the program. Colour repeats, it never says.

/// What a stretch of text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Stands out.
    Strong,
    /// Well, made, done.
    Good,
    /// Wrong, removed, failed.
    Bad,
    /// To be looked at, changed.
    Warn,
    /// Runs.
    Live,
    /// Steps back.
    Faint,
}

/// Paints, or does not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Theme {
    colour: bool,
}

impl Theme {
    /// A theme with or without colour.
    pub(crate) fn new(colour: bool) -> Self {
        Theme { colour }
    }

    /// Whether it paints.
    pub(crate) fn has_colour(self) -> bool {
        self.colour
    }

    /// The text in the colour of its meaning.
    pub(crate) fn paint(self, ink: Ink, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let number = match ink {
            Ink::Strong => "1",
            Ink::Good => "32",
            Ink::Bad => "31",
            Ink::Warn => "33",
            Ink::Live => "36",
            Ink::Faint => "2",
        };
        format!("\u{1b}[{number}m{text}\u{1b}[0m")
    }
}
