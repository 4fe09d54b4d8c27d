//! What changes between two texts, as a unified diff.

use similar::{ChangeTag, TextDiff};

use super::Screen;
use super::theme::Ink;

/// Lines around a change.
const CONTEXT_LINES: usize = 2;

/// The change of one file.
pub(crate) fn unified(name: &str, old: &str, new: &str, screen: &Screen) -> String {
    let diff = TextDiff::from_lines(old, new);
    let mut out = format!("--- {name}\n+++ {name}\n");
    for hunk in diff
        .unified_diff()
        .context_radius(CONTEXT_LINES)
        .iter_hunks()
    {
        let head = hunk.header().to_string();
        out += &format!("{}\n", screen.theme.paint(Ink::Live, &head));
        for change in hunk.iter_changes() {
            let (sign, ink) = match change.tag() {
                ChangeTag::Delete => ("-", Some(Ink::Bad)),
                ChangeTag::Insert => ("+", Some(Ink::Good)),
                ChangeTag::Equal => (" ", None),
            };
            let text = change.value();
            let line = format!("{sign}{}", text.trim_end_matches('\n'));
            out += &match ink {
                Some(ink) => screen.theme.paint(ink, &line),
                None => line,
            };
            out.push('\n');
            if !text.ends_with('\n') {
                out += "\\ No newline at end of file\n";
            }
        }
    }
    out
}
