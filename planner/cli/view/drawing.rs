//! A graph as a drawing: the only place that knows the layout library.

use layout::adt::dag::NodeHandle;
use layout::core::base::Orientation;
use layout::core::color::Color;
use layout::core::format::{ClipHandle, RenderBackend};
use layout::core::geometry::Point;
use layout::core::style::{LineStyleKind, StyleAttr};
use layout::std_shapes::shapes::{Arrow, Element, LineEndKind, ShapeKind};
use layout::topo::layout::VisualGraph;

use super::graph::label;
use crate::graph::Graph;

/// A graph with more nodes is no drawing that anybody can read, and takes long to lay out.
pub(crate) const NODES_MAX: usize = 300;
/// The same for edges.
pub(crate) const EDGES_MAX: usize = 1_000;

/// In pixels.
const FONT_SIZE: usize = 14;
/// Around the drawing.
const MARGIN: f64 = 10.0;
/// More letters are cut off: a box must fit on a screen.
const LETTERS_MAX: usize = 40;

/// How it looks, in the light and in the dark.
const STYLE: &str = "\
:root { color-scheme: light dark; }
text { font: 14px sans-serif; fill: #1a1a1a; text-anchor: middle; }
rect { fill: #ffffff; stroke: #555555; stroke-width: 1.5; }
path { fill: none; stroke: #777777; stroke-width: 1.5; }
.inside { stroke-dasharray: 4 4; }
marker path { fill: #777777; stroke: none; }
@media (prefers-color-scheme: dark) {
  text { fill: #eeeeee; }
  rect { fill: #22262b; stroke: #9aa0a6; }
}
";

/// The graph as an SVG; none if it is too large.
pub(crate) fn svg(graph: &Graph) -> Option<String> {
    if graph.nodes.len() > NODES_MAX || graph.edges.len() > EDGES_MAX {
        return None;
    }
    let mut canvas = Canvas::default();
    if !graph.nodes.is_empty() {
        let mut drawing = VisualGraph::new(Orientation::LeftToRight);
        let handles: Vec<NodeHandle> = graph
            .nodes
            .iter()
            .map(|node| drawing.add_node(shape(&label(node, "\n"))))
            .collect();
        let mut pairs: Vec<(usize, usize)> = graph.edges.iter().map(|(a, b, _)| (*a, *b)).collect();
        pairs.dedup();
        for (from, to) in &pairs {
            drawing.add_edge(arrow(LineStyleKind::Normal), handles[*from], handles[*to]);
        }
        // The layout knows no groups: a dashed line leads from a block to the one around it.
        for (from, node) in graph.nodes.iter().enumerate() {
            if let Some(parent) = node
                .parent
                .filter(|parent| !pairs.contains(&(from, *parent)))
            {
                drawing.add_edge(arrow(LineStyleKind::Dashed), handles[from], handles[parent]);
            }
        }
        drawing.do_it(false, false, false, &mut canvas);
    }
    Some(canvas.finished())
}

fn arrow(line: LineStyleKind) -> Arrow {
    let look = look();
    Arrow::new(
        LineEndKind::None,
        LineEndKind::Arrow,
        line,
        "",
        &look,
        &None,
        &None,
    )
}

fn look() -> StyleAttr {
    StyleAttr::new(Color::fast("black"), 1, None, 6, FONT_SIZE)
}

fn shape(text: &str) -> Element {
    let lines = text
        .lines()
        .map(|line| super::layout::cut(line, LETTERS_MAX));
    let text = lines.collect::<Vec<_>>().join("\n");
    let letters = text
        .lines()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or(1);
    let size = Point::new(letters as f64 * 9.0 + 24.0, 48.0);
    Element::create(
        ShapeKind::new_box(&text),
        look(),
        Orientation::LeftToRight,
        size,
    )
}

/// What was drawn so far, and how far it reaches.
#[derive(Default)]
struct Canvas {
    body: String,
    width: f64,
    height: f64,
}

impl Canvas {
    fn reach(&mut self, point: Point) {
        self.width = self.width.max(point.x);
        self.height = self.height.max(point.y);
    }

    fn finished(&self) -> String {
        let (width, height) = (number(self.width + MARGIN), number(self.height + MARGIN));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\">\n<style>\n{STYLE}</style>\n<defs>\
             <marker id=\"arrow\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" \
             markerHeight=\"7\" orient=\"auto-start-reverse\"><path d=\"M 0 0 L 10 5 L 0 10 z\"/>\
             </marker></defs>\n{}</svg>\n",
            self.body
        )
    }
}

impl RenderBackend for Canvas {
    fn draw_rect(
        &mut self,
        xy: Point,
        size: Point,
        look: &StyleAttr,
        _: Option<String>,
        _: Option<ClipHandle>,
    ) {
        self.reach(Point::new(xy.x + size.x, xy.y + size.y));
        self.body += &format!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\"/>\n",
            number(xy.x),
            number(xy.y),
            number(size.x),
            number(size.y),
            look.rounded
        );
    }

    fn draw_line(&mut self, start: Point, stop: Point, _: &StyleAttr, _: Option<String>) {
        self.reach(start);
        self.reach(stop);
        let path = format!("M {} L {}", place(start), place(stop));
        self.body += &format!("<path d=\"{path}\"/>\n");
    }

    fn draw_circle(&mut self, xy: Point, size: Point, look: &StyleAttr, _: Option<String>) {
        let corner = Point::new(xy.x - size.x / 2.0, xy.y - size.y / 2.0);
        self.draw_rect(corner, size, look, None, None);
    }

    fn draw_text(&mut self, xy: Point, text: &str, look: &StyleAttr) {
        let lines = text.lines().count() as f64;
        let step = look.font_size as f64 * 1.2;
        let first = xy.y - (lines - 1.0) * step / 2.0 + look.font_size as f64 * 0.35;
        for (line, written) in text.lines().enumerate() {
            self.body += &format!(
                "<text x=\"{}\" y=\"{}\">{}</text>\n",
                number(xy.x),
                number(first + step * line as f64),
                escaped(written)
            );
        }
    }

    fn draw_arrow(
        &mut self,
        path: &[(Point, Point)],
        dashed: bool,
        head: (bool, bool),
        _: &StyleAttr,
        _: Option<String>,
        _: &str,
    ) {
        let [first, second, rest @ ..] = path else {
            return;
        };
        for (one, other) in path {
            self.reach(*one);
            self.reach(*other);
        }
        let mut line = format!("M {} C {} ", place(first.0), place(first.1));
        line += &format!("{} {}", place(second.0), place(second.1));
        for (control, end) in rest {
            line += &format!(" S {} {}", place(*control), place(*end));
        }
        let marker = |is: bool, end: &str| match is {
            true => format!(" marker-{end}=\"url(#arrow)\""),
            false => String::new(),
        };
        let (start, end) = (marker(head.0, "start"), marker(head.1, "end"));
        let dashes = if dashed { " class=\"inside\"" } else { "" };
        self.body += &format!("<path d=\"{line}\"{dashes}{start}{end}/>\n");
    }

    fn create_clip(&mut self, _: Point, _: Point, _: usize) -> ClipHandle {
        0
    }
}

fn place(point: Point) -> String {
    format!("{},{}", number(point.x), number(point.y))
}

/// With one digit behind its point: the same on every machine.
fn number(value: f64) -> String {
    format!("{value:.1}")
}

/// A text inside XML.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            letter if letter.is_control() => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::graph::tests::node;
    use super::*;

    /// Random graphs: with circles, several parts and many edges, the layout ends and is the same
    /// each time.
    #[test]
    fn every_graph_up_to_the_limit_is_drawn() {
        let mut seed = 7_u64;
        let mut below = |limit: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed % limit as u64) as usize
        };
        for round in 0..40 {
            let count = 1 + below(if round == 0 { NODES_MAX } else { 40 });
            let nodes = (0..count)
                .map(|at| node("pool", &format!("n{at}"), None))
                .collect();
            let mut graph = Graph {
                nodes,
                ..Graph::default()
            };
            for _ in 0..below(count * 2) {
                let (from, to) = (below(count), below(count));
                if from != to {
                    graph.edges.insert((from, to, "on".to_owned()));
                }
            }
            let drawn = svg(&graph).expect("it is small enough");
            assert_eq!(drawn.matches("<rect").count(), count);
            assert_eq!(svg(&graph).as_ref(), Some(&drawn));
        }
    }

    #[test]
    fn names_are_texts_and_nothing_else() {
        let graph = Graph {
            nodes: vec![node("pool", "</text><script>&\"", None)],
            ..Graph::default()
        };
        let drawn = svg(&graph).expect("it is small enough");
        assert!(
            drawn.contains("&lt;/text&gt;&lt;script&gt;&amp;&quot;"),
            "{drawn}"
        );
        assert!(!drawn.contains("<script"));
    }

    #[test]
    fn what_is_too_large_is_not_drawn() {
        let nodes = (0..=NODES_MAX).map(|at| node("pool", &format!("n{at}"), None));
        let graph = Graph {
            nodes: nodes.collect(),
            ..Graph::default()
        };
        assert_eq!(svg(&graph), None);
    }
}
