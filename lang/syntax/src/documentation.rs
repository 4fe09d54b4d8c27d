//! Which entry or parameter each `///` line describes.

use crate::error::SyntaxError;
use crate::kind::Kind;
use crate::node::Tree;

/// A line of documentation alone describes the next entry; behind text, the first entry that
/// begins on its line. What describes neither is a finding.
pub(crate) fn attach(tree: &mut Tree) -> Vec<SyntaxError> {
    let mut pairs = Vec::new();
    let mut findings = Vec::new();
    let mut waiting: Vec<u32> = Vec::new();
    let mut first_on_line = None;
    let mut text_on_line = false;
    for (place, element) in tree.elements.iter().enumerate() {
        let place = place as u32;
        let parent = tree.elements[element.parent as usize].kind;
        match element.kind {
            Kind::Entry | Kind::Param => {
                pairs.extend(waiting.drain(..).map(|line| (place, line)));
                first_on_line = first_on_line.or(Some(place));
            }
            // An item behind its attributes: they may stand on other lines.
            kind if !kind.is_token() && parent == Kind::Entry => {
                pairs.extend(waiting.drain(..).map(|line| (element.parent, line)));
                first_on_line = first_on_line.or(Some(element.parent));
            }
            Kind::Newline => {
                first_on_line = None;
                text_on_line = false;
            }
            Kind::Documentation if !text_on_line => waiting.push(place),
            Kind::Documentation => match first_on_line {
                Some(entry) => pairs.push((entry, place)),
                None => findings.push(orphan(element.start..element.end)),
            },
            kind if kind.is_token() && !kind.is_trivia() => {
                let orphans = waiting.drain(..).map(|line| &tree.elements[line as usize]);
                findings.extend(orphans.map(|line| orphan(line.start..line.end)));
                text_on_line = true;
            }
            _ => {}
        }
    }
    let orphans = waiting.drain(..).map(|line| &tree.elements[line as usize]);
    findings.extend(orphans.map(|line| orphan(line.start..line.end)));
    pairs.sort_unstable();
    tree.documentation = pairs;
    findings
}

fn orphan(at: std::ops::Range<u32>) -> SyntaxError {
    let finding = SyntaxError::new("E0026", at, "nothing follows that this could describe");
    finding.help("`///` describes the next entry, or the one on its line; a remark takes `//`")
}
