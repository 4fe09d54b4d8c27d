//! The lossless tree: one flat list of elements in the order of the text, and handles into it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use crate::kind::Kind;

/// A node or a token in the list. A flat list is dropped without recursion, whatever its depth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element {
    pub(crate) kind: Kind,
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) parent: u32,
    /// The place behind the last element inside.
    pub(crate) next: u32,
}

/// The text and its elements, each before what it holds.
pub(crate) struct Tree {
    pub(crate) text: Box<str>,
    pub(crate) elements: Vec<Element>,
    /// Where something is wrong, sorted; also what is beyond the limit of reported findings.
    pub(crate) faults: Vec<u32>,
    /// Which documentation belongs to which entry or parameter: pairs of places, sorted.
    pub(crate) documentation: Vec<(u32, u32)>,
    /// Whether the braces balance: if not, indentation decided what they enclose.
    pub(crate) balanced: bool,
}

/// A node or a token: a handle that is cheap to clone and keeps its tree alive.
#[derive(Clone)]
pub struct Node {
    tree: Arc<Tree>,
    place: u32,
}

impl Node {
    pub(crate) fn root(tree: Arc<Tree>) -> Node {
        Node { tree, place: 0 }
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    fn element(&self) -> &Element {
        &self.tree.elements[self.place as usize]
    }

    fn at(&self, place: u32) -> Node {
        Node {
            tree: Arc::clone(&self.tree),
            place,
        }
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.element().kind
    }

    /// Whether it is a leaf.
    pub fn is_token(&self) -> bool {
        self.kind().is_token()
    }

    /// Its bytes, without the blanks and comments around it.
    pub fn range(&self) -> Range<u32> {
        self.element().start..self.element().end
    }

    /// Its text.
    pub fn text(&self) -> &str {
        let element = self.element();
        &self.tree.text[element.start as usize..element.end as usize]
    }

    /// The whole file's text.
    pub fn file_text(&self) -> &str {
        &self.tree.text
    }

    /// What it is in.
    pub fn parent(&self) -> Option<Node> {
        (self.place != 0).then(|| self.at(self.element().parent))
    }

    /// What it holds: nodes and tokens, trivia too.
    pub fn children(&self) -> impl Iterator<Item = Node> + use<> {
        let end = self.element().next;
        let tree = Arc::clone(&self.tree);
        let mut place = self.place + 1;
        std::iter::from_fn(move || {
            if place >= end {
                return None;
            }
            let child = Node {
                tree: Arc::clone(&tree),
                place,
            };
            place = child.element().next;
            Some(child)
        })
    }

    /// What it holds without trivia.
    pub fn parts(&self) -> impl Iterator<Item = Node> + use<> {
        self.children().filter(|child| !child.kind().is_trivia())
    }

    /// The first child of a kind.
    pub fn child(&self, kind: Kind) -> Option<Node> {
        self.children().find(|child| child.kind() == kind)
    }

    /// Itself and everything inside, in the order of the text.
    pub fn descendants(&self) -> impl Iterator<Item = Node> + use<> {
        let tree = Arc::clone(&self.tree);
        let places = self.place..self.element().next;
        places.map(move |place| Node {
            tree: Arc::clone(&tree),
            place,
        })
    }

    /// The tokens that begin at this byte or before it, the last one first.
    pub fn tokens_back_from(&self, offset: u32) -> impl Iterator<Item = Node> + use<> {
        let inside = &self.tree.elements[self.place as usize..self.element().next as usize];
        let count = inside.partition_point(|element| element.start <= offset);
        let tree = Arc::clone(&self.tree);
        let places = (self.place..self.place + count as u32).rev();
        let nodes = places.map(move |place| Node {
            tree: Arc::clone(&tree),
            place,
        });
        nodes.filter(Node::is_token)
    }

    /// Whether both are of the same tree.
    pub fn is_beside(&self, other: &Node) -> bool {
        Arc::ptr_eq(&self.tree, &other.tree)
    }

    /// The smallest node around these bytes.
    pub fn covering(&self, at: Range<u32>) -> Node {
        let mut found = self.clone();
        while let Some(inner) = found.children().find(|child| {
            !child.is_token() && child.range().start <= at.start && child.range().end >= at.end
        }) {
            found = inner;
        }
        found
    }

    /// Whether anything in it is wrong, or missing at its end.
    pub fn has_syntax_error(&self) -> bool {
        let faults = &self.tree.faults;
        let first = faults.partition_point(|fault| *fault < self.element().start);
        faults
            .get(first)
            .is_some_and(|fault| *fault <= self.element().end)
    }

    /// The documentation of an entry or a parameter: its lines without slashes.
    pub fn documentation(&self) -> Option<String> {
        let pairs = &self.tree.documentation;
        let first = pairs.partition_point(|pair| pair.0 < self.place);
        let lines: Vec<&str> = pairs[first..]
            .iter()
            .take_while(|pair| pair.0 == self.place)
            .map(|pair| {
                let element = &self.tree.elements[pair.1 as usize];
                let line = &self.tree.text[element.start as usize..element.end as usize];
                let line = line.trim_start_matches('/');
                line.strip_prefix(' ').unwrap_or(line).trim_end()
            })
            .collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// Whether two nodes have the same kinds and texts inside, wherever they stand.
    pub fn same_shape(&self, other: &Node) -> bool {
        let mine = &self.tree.elements[self.place as usize..self.element().next as usize];
        let theirs = &other.tree.elements[other.place as usize..other.element().next as usize];
        self.text() == other.text()
            && mine.len() == theirs.len()
            && mine.iter().zip(theirs).all(|(a, b)| {
                a.kind == b.kind
                    && a.start - mine[0].start == b.start - theirs[0].start
                    && a.end - a.start == b.end - b.start
                    && a.next - self.place == b.next - other.place
            })
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Node) -> bool {
        Arc::ptr_eq(&self.tree, &other.tree) && self.place == other.place
    }
}

impl Eq for Node {}

impl Hash for Node {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.place.hash(state);
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let range = self.range();
        write!(f, "{:?}@{}..{}", self.kind(), range.start, range.end)
    }
}
