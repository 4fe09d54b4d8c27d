//! A graph as text for other programs: DOT, Mermaid, JSON. Names are data: none is ever read as
//! anything else.

use serde_json::json;

use super::json as as_json;
use crate::graph::{Graph, Node};

/// For Graphviz.
pub(crate) fn dot(graph: &Graph) -> String {
    let mut out = String::from(
        "digraph mlinfra {\n  rankdir=LR;\n  node [shape=box, style=rounded, \
         fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n",
    );
    let mut draw = Lines::default();
    draw.each(graph, &mut |place, depth, group| {
        let indent = "  ".repeat(depth + 1);
        match group {
            Group::Opens => format!(
                "{indent}subgraph cluster_{place} {{\n{indent}  label={};\n",
                quoted(&label(&graph.nodes[place], " "))
            ),
            Group::Closes => format!("{indent}}}\n"),
            Group::Node => format!(
                "{indent}n{place} [label={}];\n",
                quoted(&label(&graph.nodes[place], "\n"))
            ),
        }
    });
    out += &draw.text;
    for (from, to, what) in &graph.edges {
        let what = match what.as_str() {
            "" => String::new(),
            what => format!(" [label={}]", quoted(what)),
        };
        out += &format!("  n{from} -> n{to}{what};\n");
    }
    out + "}\n"
}

/// A Mermaid flowchart.
pub(crate) fn mermaid(graph: &Graph) -> String {
    let mut out = String::from("flowchart LR\n");
    let mut draw = Lines::default();
    draw.each(graph, &mut |place, depth, group| {
        let indent = "  ".repeat(depth + 1);
        let text = entities(&label(&graph.nodes[place], " "));
        match group {
            Group::Opens => format!("{indent}subgraph g{place}[\"{text}\"]\n"),
            Group::Closes => format!("{indent}end\n"),
            Group::Node => format!("{indent}n{place}[\"{text}\"]\n"),
        }
    });
    out += &draw.text;
    for (from, to, what) in &graph.edges {
        let arrow = match what.as_str() {
            "" => "-->".to_owned(),
            what => format!("-->|\"{}\"|", entities(what)),
        };
        out += &format!("  n{from} {arrow} n{to}\n");
    }
    out
}

/// For scripts.
pub(crate) fn json(graph: &Graph) -> serde_json::Value {
    let address = |place: usize| &graph.nodes[place].address;
    let node = |node: &Node| {
        json!({
            "address": node.address,
            "kind": node.kind,
            "name": node.name,
            "parent": node.parent.map(address),
            "change": node.change,
        })
    };
    let edge = |edge: &(usize, usize, String)| {
        let (from, to, what) = edge;
        json!({ "from": address(*from), "to": address(*to), "as": what })
    };
    let body = json!({
        "nodes": graph.nodes.iter().map(node).collect::<Vec<_>>(),
        "edges": graph.edges.iter().map(edge).collect::<Vec<_>>(),
    });
    as_json::envelope("graph", body)
}

/// What is written on a node: its kind and its name, and what a plan does.
pub(crate) fn label(node: &Node, between: &str) -> String {
    let change = node.change.map_or(String::new(), |word| format!("{word} "));
    let text = format!("{change}{}{between}{}", node.kind, node.name);
    let is_shown = |letter: &char| *letter == '\n' || !letter.is_control();
    text.chars().filter(is_shown).collect()
}

/// What is written for a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Opens,
    Closes,
    Node,
}

/// Nodes in their groups.
#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    /// Writes every node, those with others inside as a group around them. Blocks stand a few
    /// levels inside one another; the stack here has no bound to break.
    fn each(&mut self, graph: &Graph, write: &mut dyn FnMut(usize, usize, Group) -> String) {
        let mut inside: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
        let mut open: Vec<(usize, usize, Group)> = Vec::new();
        for (place, node) in graph.nodes.iter().enumerate().rev() {
            match node.parent {
                Some(parent) => inside[parent].push(place),
                None => open.push((place, 0, Group::Node)),
            }
        }
        while let Some((place, depth, group)) = open.pop() {
            if group == Group::Closes {
                self.text += &write(place, depth, group);
                continue;
            }
            if inside[place].is_empty() {
                self.text += &write(place, depth, Group::Node);
                continue;
            }
            self.text += &write(place, depth, Group::Opens);
            self.text += &write(place, depth + 1, Group::Node);
            open.push((place, depth, Group::Closes));
            let members = inside[place].iter();
            open.extend(members.map(|inner| (*inner, depth + 1, Group::Node)));
        }
    }
}

/// A text in DOT.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            '\n' => out += "\\n",
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// A text in Mermaid: whatever it could read as its own is written by its number.
fn entities(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            letter if letter.is_alphanumeric() || " _-./".contains(letter) => out.push(letter),
            '\n' => out.push(' '),
            letter => out += &format!("#{};", u32::from(letter)),
        }
    }
    out
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A node that stands alone.
    pub(crate) fn node(kind: &str, name: &str, parent: Option<usize>) -> Node {
        Node {
            address: format!("{kind}.{name}"),
            kind: kind.to_owned(),
            name: name.to_owned(),
            parent,
            change: None,
        }
    }

    fn graph() -> Graph {
        Graph {
            nodes: vec![
                node("pool", "p", None),
                node("pipeline", "risk", None),
                node("step", "risk/a\"]\\ end\u{7}", Some(1)),
            ],
            edges: [(1, 0, "on".to_owned()), (2, 0, "a\"|b".to_owned())].into(),
        }
    }

    #[test]
    fn names_are_never_read_as_something_else() {
        let dot = dot(&graph());
        assert!(
            dot.contains("  subgraph cluster_1 {\n    label=\"pipeline risk\";\n"),
            "{dot}"
        );
        assert!(
            dot.contains("n2 [label=\"step\\nrisk/a\\\"]\\\\ end\"];"),
            "{dot}"
        );
        assert!(dot.contains("n2 -> n0 [label=\"a\\\"|b\"];"), "{dot}");
        let mermaid = mermaid(&graph());
        assert!(
            mermaid.contains("    n2[\"step risk/a#34;#93;#92; end\"]\n  end\n"),
            "{mermaid}"
        );
        assert!(mermaid.contains("n2 -->|\"a#34;#124;b\"| n0"), "{mermaid}");
    }

    #[test]
    fn a_group_holds_its_block_and_those_inside() {
        let mermaid = mermaid(&graph());
        let lines: Vec<&str> = mermaid.lines().map(str::trim).collect();
        let at = |text: &str| lines.iter().position(|line| line.starts_with(text));
        assert!(at("subgraph g1") < at("n1["));
        assert!(at("n1[") < at("n2["));
        assert!(at("n2[") < at("end"));
        assert!(at("n0[") < at("subgraph"));
    }
}
