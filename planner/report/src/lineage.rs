//! The way from file to endpoint as a drawing: what comes from something stands below it.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::canvas::{LETTER_PIXELS, escaped};
use crate::input::{Lineage, Node, NodeKind};
use crate::text::cut;

const NODE_WIDTH: f64 = 208.0;
const NODE_HEIGHT: f64 = 46.0;
/// An edge that passes a layer takes this much of it.
const PASS_WIDTH: f64 = 20.0;
const GAP_ACROSS: f64 = 20.0;
const GAP_DOWN: f64 = 38.0;
const MARGIN: f64 = 8.0;
const SWEEPS: usize = 6;
/// A long chain needs many steps until it stands straight.
const PLACINGS: usize = 300;

/// A place in a layer: a node, or an edge that passes.
#[derive(Clone, Debug)]
struct Slot {
    node: Option<usize>,
    /// Slots of the layer before.
    above: Vec<usize>,
    /// Slots of the layer behind.
    below: Vec<usize>,
    layer: usize,
    /// The middle, in pixels.
    x: f64,
}

impl Slot {
    fn width(&self) -> f64 {
        if self.node.is_some() {
            NODE_WIDTH
        } else {
            PASS_WIDTH
        }
    }
}

/// The edges of one layout: which slots they run through.
struct Route {
    slots: Vec<usize>,
    label: String,
}

/// The drawing as an `svg` element; empty without nodes.
pub(crate) fn svg(lineage: &Lineage) -> String {
    if lineage.nodes.is_empty() {
        return String::new();
    }
    let (mut slots, routes) = slots(lineage);
    let mut layers = layers(&slots);
    order(&mut layers, &slots);
    place(&layers, &mut slots);
    let left = slots.iter().map(|slot| slot.x - slot.width() / 2.0);
    let shift = MARGIN - left.fold(f64::INFINITY, f64::min);
    slots.iter_mut().for_each(|slot| slot.x += shift);
    let right = slots.iter().map(|slot| slot.x + slot.width() / 2.0);
    let width = right.fold(0.0, f64::max) + MARGIN;
    let height = layers.len() as f64 * (NODE_HEIGHT + GAP_DOWN) - GAP_DOWN + 2.0 * MARGIN;
    let mut out = format!(
        "<svg class=\"lineage\" role=\"img\" aria-label=\"Drawing of where everything comes from; \
         the table below says the same\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         style=\"width:{width:.0}px\">"
    );
    routes
        .iter()
        .for_each(|route| draw_route(route, &slots, &mut out));
    for slot in &slots {
        if let Some(node) = slot.node {
            draw_node(&lineage.nodes[node], slot, &mut out);
        }
    }
    out + "</svg>"
}

/// One slot a node, in the order of the nodes, and one for each layer that an edge passes.
fn slots(lineage: &Lineage) -> (Vec<Slot>, Vec<Route>) {
    let ids = lineage.nodes.iter().enumerate();
    let ids: BTreeMap<&str, usize> = ids.map(|(place, node)| (node.id.as_str(), place)).collect();
    let edges = lineage.edges.iter().filter_map(|edge| {
        let (from, to) = (ids.get(edge.from.as_str())?, ids.get(edge.to.as_str())?);
        (from != to).then_some((*from, *to, edge.label.clone()))
    });
    let edges: Vec<(usize, usize, String)> = edges.collect();
    let ranks = ranks(lineage.nodes.len(), &edges);
    let slot = |node: Option<usize>, layer: usize| Slot {
        node,
        above: Vec::new(),
        below: Vec::new(),
        layer,
        x: 0.0,
    };
    let nodes = ranks.iter().enumerate();
    let mut slots: Vec<Slot> = nodes.map(|(node, rank)| slot(Some(node), *rank)).collect();
    let mut routes = Vec::new();
    for (from, to, label) in edges {
        // An edge that does not lead down belongs to a circle: it is left out.
        if ranks[from] >= ranks[to] {
            continue;
        }
        let mut route = vec![from];
        for layer in ranks[from] + 1..ranks[to] {
            route.push(slots.len());
            slots.push(slot(None, layer));
        }
        route.push(to);
        for pair in route.windows(2) {
            slots[pair[0]].below.push(pair[1]);
            slots[pair[1]].above.push(pair[0]);
        }
        routes.push(Route {
            slots: route,
            label,
        });
    }
    (slots, routes)
}

/// The length of the longest way to each node. Bounded, so that a circle ends too.
fn ranks(nodes: usize, edges: &[(usize, usize, String)]) -> Vec<usize> {
    let mut ranks = vec![0; nodes];
    for _ in 0..nodes {
        let mut changed = false;
        for (from, to, _) in edges {
            if ranks[*to] < ranks[*from] + 1 && ranks[*from] + 1 < nodes {
                ranks[*to] = ranks[*from] + 1;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    ranks
}

fn layers(slots: &[Slot]) -> Vec<Vec<usize>> {
    let count = slots.iter().map(|slot| slot.layer + 1).max().unwrap_or(0);
    let mut layers = vec![Vec::new(); count];
    for (place, slot) in slots.iter().enumerate() {
        layers[slot.layer].push(place);
    }
    layers
}

/// Puts what belongs together side by side: each slot to the mean place of its neighbours, down
/// and up by turns.
fn order(layers: &mut [Vec<usize>], slots: &[Slot]) {
    let mut places = vec![0.0; slots.len()];
    let remember = |layer: &[usize], places: &mut Vec<f64>| {
        for (place, slot) in layer.iter().enumerate() {
            places[*slot] = place as f64;
        }
    };
    layers.iter().for_each(|layer| remember(layer, &mut places));
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        let mut turns: Vec<usize> = (0..layers.len()).collect();
        if !down {
            turns.reverse();
        }
        for turn in turns {
            let wanted = |slot: &usize| {
                let slot_of = &slots[*slot];
                let near = if down { &slot_of.above } else { &slot_of.below };
                mean(near.iter().map(|other| places[*other])).unwrap_or(places[*slot])
            };
            let mut keyed: Vec<(f64, usize)> = layers[turn]
                .iter()
                .map(|slot| (wanted(slot), *slot))
                .collect();
            keyed.sort_by(|one, two| one.0.total_cmp(&two.0));
            layers[turn] = keyed.into_iter().map(|(_, slot)| slot).collect();
            remember(&layers[turn], &mut places);
        }
    }
}

fn mean(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = numbers.fold((0.0, 0.0), |(sum, count), number| {
        (sum + number, count + 1.0)
    });
    (count > 0.0).then(|| sum / count)
}

/// Moves each layer's slots towards their neighbours, as far as they have room.
fn place(layers: &[Vec<usize>], slots: &mut [Slot]) {
    for layer in layers {
        let mut x = 0.0;
        for slot in layer {
            slots[*slot].x = x + slots[*slot].width() / 2.0;
            x += slots[*slot].width() + GAP_ACROSS;
        }
        let middle = (x - GAP_ACROSS) / 2.0;
        layer.iter().for_each(|slot| slots[*slot].x -= middle);
    }
    for _ in 0..PLACINGS {
        for layer in layers {
            let wanted: Vec<f64> = layer
                .iter()
                .map(|slot| {
                    let near = slots[*slot].above.iter().chain(&slots[*slot].below);
                    mean(near.map(|other| slots[*other].x)).unwrap_or(slots[*slot].x)
                })
                .collect();
            let mut placed: Vec<f64> = Vec::with_capacity(layer.len());
            for (index, slot) in layer.iter().enumerate() {
                let least = index.checked_sub(1).map(|before| {
                    let room = (slots[layer[before]].width() + slots[*slot].width()) / 2.0;
                    placed[before] + room + GAP_ACROSS
                });
                placed.push(wanted[index].max(least.unwrap_or(f64::NEG_INFINITY)));
            }
            // What was pushed to the right is taken back as a whole.
            let moved = mean(placed.iter().zip(&wanted).map(|(at, want)| at - want));
            for (slot, at) in layer.iter().zip(&placed) {
                slots[*slot].x = at - moved.unwrap_or(0.0);
            }
        }
    }
}

fn top(slot: &Slot) -> f64 {
    MARGIN + slot.layer as f64 * (NODE_HEIGHT + GAP_DOWN)
}

fn draw_route(route: &Route, slots: &[Slot], out: &mut String) {
    let mut path = String::new();
    for (index, pair) in route.slots.windows(2).enumerate() {
        let (from, to) = (&slots[pair[0]], &slots[pair[1]]);
        let start = top(from) + NODE_HEIGHT;
        let end = top(to) - if to.node.is_some() { 5.0 } else { 0.0 };
        let bend = f64::midpoint(start, end);
        let (x, next) = (from.x, to.x);
        if index == 0 {
            let _ = write!(path, "M{x:.1} {start:.1}");
        } else {
            let _ = write!(path, "L{x:.1} {start:.1}");
        }
        let _ = write!(
            path,
            "C{x:.1} {bend:.1} {next:.1} {bend:.1} {next:.1} {end:.1}"
        );
    }
    let _ = write!(out, "<path class=\"edge\" d=\"{path}\"/>");
    let (Some(first), Some(last)) = (route.slots.get(1), route.slots.last()) else {
        return;
    };
    let (x, y) = (slots[*last].x, top(&slots[*last]));
    let (left, right, back) = (x - 4.0, x + 4.0, y - 7.0);
    let _ = write!(
        out,
        "<path class=\"tip\" d=\"M{left:.1} {back:.1}L{right:.1} {back:.1}L{x:.1} {y:.1}Z\"/>"
    );
    if !route.label.is_empty() {
        let x = f64::midpoint(slots[route.slots[0]].x, slots[*first].x) + 7.0;
        let y = top(&slots[route.slots[0]]) + NODE_HEIGHT + GAP_DOWN / 2.0 + 4.0;
        let _ = write!(
            out,
            "<text class=\"label\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
            escaped(&cut(&route.label, 20))
        );
    }
}

fn draw_node(node: &Node, slot: &Slot, out: &mut String) {
    let kind = node.kind.word();
    let absent = if node.exists { "" } else { " absent" };
    let round = match node.kind {
        NodeKind::Endpoint => NODE_HEIGHT / 2.0,
        NodeKind::File => 0.0,
        _ => 6.0,
    };
    let (x, y) = (slot.x - NODE_WIDTH / 2.0, top(slot));
    let letters = (NODE_WIDTH / LETTER_PIXELS) as usize - 3;
    let text = match node.exists {
        true => node.text.clone(),
        false => format!("{}, not made", node.text),
    };
    let _ = write!(
        out,
        "<g class=\"node {kind}{absent}\"><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{NODE_WIDTH}\" \
         height=\"{NODE_HEIGHT}\" rx=\"{round}\"/><text class=\"name\" x=\"{0:.1}\" y=\"{1:.1}\">\
         {2}</text><text class=\"more\" x=\"{0:.1}\" y=\"{3:.1}\">{4}</text></g>",
        slot.x,
        y + 19.0,
        escaped(&cut(&node.name, letters)),
        y + 36.0,
        escaped(&cut(&text, letters + 2)),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Edge;

    fn node(id: &str) -> Node {
        Node {
            id: id.to_owned(),
            name: format!("<{id}>"),
            text: "table".to_owned(),
            kind: NodeKind::Table,
            exists: true,
        }
    }

    fn edge(from: &str, to: &str) -> Edge {
        Edge {
            from: from.to_owned(),
            to: to.to_owned(),
            label: String::new(),
        }
    }

    #[test]
    fn nodes_stand_below_what_they_come_from_and_do_not_overlap() {
        let lineage = Lineage {
            nodes: ["a", "b", "c", "d", "e"].map(node).to_vec(),
            edges: vec![
                edge("a", "b"),
                edge("a", "c"),
                edge("b", "d"),
                edge("c", "d"),
                edge("a", "e"),
                edge("d", "e"),
            ],
        };
        let (mut slots, routes) = slots(&lineage);
        let mut layers = layers(&slots);
        order(&mut layers, &slots);
        place(&layers, &mut slots);
        assert_eq!(routes.len(), 6);
        assert_eq!(slots.len(), 7, "a to e passes two layers");
        for layer in &layers {
            for pair in layer.windows(2) {
                let (left, right) = (&slots[pair[0]], &slots[pair[1]]);
                let room = (left.width() + right.width()) / 2.0;
                assert!(right.x - left.x >= room - 1e-6, "{left:?} {right:?}");
            }
        }
        let drawn = svg(&lineage);
        assert!(drawn.contains("&lt;a&gt;") && !drawn.contains("<a>"));
        assert_eq!(drawn, svg(&lineage));
    }

    #[test]
    fn circles_and_unknown_ends_do_no_harm() {
        let lineage = Lineage {
            nodes: ["a", "b", "c"].map(node).to_vec(),
            edges: vec![
                edge("a", "b"),
                edge("b", "a"),
                edge("b", "b"),
                edge("b", "elsewhere"),
                edge("b", "c"),
            ],
        };
        assert_eq!(svg(&lineage).matches("<rect").count(), 3);
        assert!(svg(&Lineage::default()).is_empty());
    }
}
