//! Prints the shape of the texts named on the command line: what stands where, one node a line.

use std::io::Write;

use mlinfra_syntax::{Kind, parse};

fn main() {
    let mut output = std::io::stdout().lock();
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path).expect("a file that can be read");
        let text = String::from_utf8_lossy(&bytes);
        let written = write!(output, "# {path}\n{}", shape(&text));
        written.expect("an output that can be written");
    }
}

/// The kind and the first byte of each entry, body, list, call, `if` and `match`.
pub(crate) fn shape(text: &str) -> String {
    use Kind::{Arguments, Block, Body, Column, Field, Require, Requirement, Use};
    use Kind::{IfExpression, ListExpression, MatchExpression};
    let is_shown = |kind: Kind| {
        let is_item = matches!(kind, Use | Require | Field | Requirement | Column | Block);
        let is_value = matches!(kind, IfExpression | ListExpression | MatchExpression);
        is_item || is_value || matches!(kind, Arguments | Body)
    };
    let nodes = parse(text).tree.descendants();
    let nodes = nodes.filter(|node| !node.is_token() && is_shown(node.kind()));
    let lines = nodes.map(|node| format!("{} {:?}\n", node.range().start, node.kind()));
    lines.collect()
}
