//! A text parsed again after an edit: what the edit can't reach is taken over from the tree before.
//!
//! At the top of a file the parser begins each entry in the same state. So the lines around an edit
//! are parsed alone, with whole entries before and behind them; if an entry begins again where one
//! began before, everything from there on is as it was, only elsewhere. Braces that do not balance
//! make the whole file another one: then it is parsed whole.

use std::sync::Arc;

use crate::error::{ERRORS_KEPT_MAX, SyntaxError};
use crate::kind::Kind;
use crate::node::{Element, Node, Tree};
use crate::{Parse, TEXT_BYTES_MAX, lexer, parse, parser};

/// How many entries before an edit are parsed with it: an entry looks two words ahead to see
/// whether it goes on.
const ENTRIES_BEFORE: usize = 2;

/// Faults whose reach is not one entry.
const FAR_REACHING: [&str; 2] = ["E0024", "E0035"];

/// Parses a text that was another one before. What comes out is what [`parse`] gives, but for the
/// steps, which are those that were taken now.
pub fn reparse(before: &Parse, text: &str) -> Parse {
    spliced(before, text).unwrap_or_else(|| parse(text))
}

/// Where entries of the file end and others begin: at the start of a line.
#[derive(Clone, Copy, Debug)]
struct Cut {
    offset: u32,
    /// The first element behind it.
    place: u32,
}

/// What stays of the tree before: all before one cut, and all behind another.
struct Kept {
    before: Cut,
    /// None if the end is parsed anew.
    behind: Option<Cut>,
    /// Where what is parsed anew ends in the text before: behind whole entries that stay.
    end: u32,
}

fn spliced(before: &Parse, text: &str) -> Option<Parse> {
    let tree = before.tree.tree();
    let too_long = text.len() > TEXT_BYTES_MAX || before.errors.len() >= ERRORS_KEPT_MAX;
    if too_long || !tree.balanced || reaches_far(&before.errors) {
        return None;
    }
    let kept = kept(tree, text)?;
    let start = kept.before.offset as usize;
    let old = &tree.text[start..kept.end as usize];
    let end = (kept.end as usize + text.len()).checked_sub(tree.text.len())?;
    let new = text.get(start..end)?;
    // A mark of the byte order means something else at the start of a text.
    if new.contains('\u{feff}') || !parser::braces_balance(&lexer::lex(old).lexemes) {
        return None;
    }
    let part = parse(new);
    let inner = part.tree.tree();
    let first_fails = start > 0 && inner.faults.first() == Some(&0);
    if !inner.balanced || first_fails || reaches_far(&part.errors) {
        return None;
    }
    let joint = match kept.behind {
        None => None,
        Some(behind) => {
            let moved = (behind.offset as usize + text.len()).checked_sub(tree.text.len())?;
            let wanted = u32::try_from(moved.checked_sub(start)?).ok()?;
            let joints = cuts(inner);
            let joint = joints.iter().find(|cut| cut.offset == wanted);
            Some((*joint?, behind))
        }
    };
    let splice = Splice {
        before: kept.before,
        joint,
        grown: text.len() as i64 - tree.text.len() as i64,
    };
    splice.make(before, &part, text)
}

fn reaches_far(errors: &[SyntaxError]) -> bool {
    errors
        .iter()
        .any(|error| FAR_REACHING.contains(&error.code))
}

/// Where entries of a file end, the start and the end of the file left out.
fn cuts(tree: &Tree) -> Vec<Cut> {
    let mut cuts = Vec::new();
    let mut has_entry = false;
    let mut place = 1;
    while let Some(element) = tree.elements.get(place as usize) {
        if element.kind == Kind::Newline && has_entry {
            has_entry = false;
            cuts.push(Cut {
                offset: element.end,
                place: place + 1,
            });
        }
        has_entry |= !element.kind.is_trivia();
        place = element.next;
    }
    cuts
}

/// What the change can't reach.
fn kept(tree: &Tree, text: &str) -> Option<Kept> {
    let (old, new) = (tree.text.as_bytes(), text.as_bytes());
    let head = same(old.iter().zip(new));
    let tail = same(old[head..].iter().rev().zip(new[head..].iter().rev()));
    let changed = (head, old.len() - tail);
    let cuts = cuts(tree);
    let start = Cut {
        offset: 0,
        place: 1,
    };
    let at = |place: usize| cuts.get(place).copied();
    let touched = cuts.partition_point(|cut| (cut.offset as usize) < changed.0);
    // What is missing at the start of an entry is missed at the end of the one before.
    let is_sound = |place: &usize| {
        let (from, to) = (cuts[*place].offset, cuts[place + 1].offset);
        let first = tree.faults.partition_point(|fault| *fault < from);
        tree.faults.get(first).is_none_or(|fault| *fault >= to)
    };
    let mut places = (0..touched.saturating_sub(ENTRIES_BEFORE)).rev();
    let before = places.find(is_sound).map_or(start, |place| cuts[place]);
    let behind = cuts.partition_point(|cut| (cut.offset as usize) < changed.1) + 1;
    // One entry more, to see that it begins where it did.
    let end = at(behind + 1).map(|cut| cut.offset);
    let length = u32::try_from(old.len()).ok()?;
    Some(Kept {
        before,
        behind: end.and_then(|_| at(behind)),
        end: end.unwrap_or(length),
    })
}

fn same<T: PartialEq>(pairs: impl Iterator<Item = (T, T)>) -> usize {
    pairs.take_while(|(a, b)| a == b).count()
}

/// How three parts become one tree.
struct Splice {
    before: Cut,
    /// Where the part ends, and the place of the tree before that goes on there.
    joint: Option<(Cut, Cut)>,
    /// By how many bytes what is behind the part moves.
    grown: i64,
}

impl Splice {
    fn make(&self, before: &Parse, part: &Parse, text: &str) -> Option<Parse> {
        let (old, new) = (before.tree.tree(), part.tree.tree());
        let count = |tree: &Tree| tree.elements.len() as u32;
        let (ends, goes_on) = match self.joint {
            Some((ends, goes_on)) => (ends.place, goes_on.place),
            None => (count(new), count(old)),
        };
        let moves = [
            Move::new(1..self.before.place, 0, 0),
            Move::new(1..ends, i64::from(self.before.place) - 1, self.offset()),
            Move::new(
                goes_on..count(old),
                i64::from(self.before.place) - 1 + i64::from(ends) - i64::from(goes_on),
                self.grown,
            ),
        ];
        let sources = [old, new, old];
        let pairs = || sources.into_iter().zip(&moves);
        let mut elements = Vec::with_capacity(old.elements.len() + new.elements.len());
        elements.push(*old.elements.first()?);
        let mut documentation = Vec::new();
        for (tree, to) in pairs() {
            let range = to.places.start as usize..to.places.end as usize;
            let inside = tree.elements.get(range)?;
            match to.is_still() {
                true => elements.extend_from_slice(inside),
                false => elements.extend(inside.iter().map(|one| to.element(one))),
            }
            documentation.extend(to.documentation(&tree.documentation));
        }
        elements[0].end = u32::try_from(text.len()).ok()?;
        elements[0].next = elements.len() as u32;
        let mut faults = Vec::new();
        let mut errors = Vec::new();
        let stretches = self.stretches(old, new);
        let sources = [before, part, before]
            .into_iter()
            .zip(stretches)
            .zip(&moves);
        for ((parse, (from, to)), moved) in sources {
            let tree = parse.tree.tree();
            let inside = tree
                .faults
                .iter()
                .filter(|fault| (from..to).contains(*fault));
            faults.extend(inside.map(|fault| moved.offset(*fault)));
            let inside = parse.errors.iter();
            let inside = inside.filter(|error| (from..to).contains(&error.at.start));
            errors.extend(inside.map(|error| moved.error(error)));
        }
        if errors.len() > ERRORS_KEPT_MAX {
            return None;
        }
        let tree = Tree {
            text: text.into(),
            elements,
            faults,
            documentation,
            balanced: true,
        };
        Some(Parse {
            tree: Node::root(Arc::new(tree)),
            errors,
            steps: part.steps,
        })
    }

    fn offset(&self) -> i64 {
        i64::from(self.before.offset)
    }

    /// The bytes of each of the three parts in the text that it comes from.
    fn stretches(&self, old: &Tree, new: &Tree) -> [(u32, u32); 3] {
        let all = |tree: &Tree| tree.text.len() as u32 + 1;
        let (ends, goes_on) = match self.joint {
            Some((ends, goes_on)) => (ends.offset, goes_on.offset),
            None => (all(new), all(old)),
        };
        let start = self.before.offset;
        [(0, start), (0, ends), (goes_on, all(old))]
    }
}

/// How a run of elements moves.
struct Move {
    places: std::ops::Range<u32>,
    by_places: i64,
    by_bytes: i64,
}

impl Move {
    fn new(places: std::ops::Range<u32>, by_places: i64, by_bytes: i64) -> Move {
        Move {
            places,
            by_places,
            by_bytes,
        }
    }

    /// Whether everything stays where it is.
    fn is_still(&self) -> bool {
        self.by_places == 0 && self.by_bytes == 0
    }

    fn place(&self, place: u32) -> u32 {
        (i64::from(place) + self.by_places) as u32
    }

    fn offset(&self, offset: u32) -> u32 {
        (i64::from(offset) + self.by_bytes) as u32
    }

    fn element(&self, element: &Element) -> Element {
        Element {
            kind: element.kind,
            start: self.offset(element.start),
            end: self.offset(element.end),
            // The file stays the first.
            parent: match element.parent {
                0 => 0,
                parent => self.place(parent),
            },
            next: self.place(element.next),
        }
    }

    fn documentation(&self, pairs: &[(u32, u32)]) -> impl Iterator<Item = (u32, u32)> {
        let first = pairs.partition_point(|pair| pair.0 < self.places.start);
        let last = pairs.partition_point(|pair| pair.0 < self.places.end);
        let inside = pairs.get(first..last).unwrap_or_default();
        inside
            .iter()
            .map(|pair| (self.place(pair.0), self.place(pair.1)))
    }

    fn error(&self, error: &SyntaxError) -> SyntaxError {
        let mut moved = error.clone();
        let edits = moved.fix.iter_mut().flat_map(|fix| &mut fix.edits);
        for at in edits.map(|edit| &mut edit.at).chain([&mut moved.at]) {
            *at = self.offset(at.start)..self.offset(at.end);
        }
        moved
    }
}
