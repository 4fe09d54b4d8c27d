//! The checked blocks, found by their declarations, and how they become those of the program.

use std::sync::Arc;

use crate::program::{Block, Program};
use crate::scope::NodeId;

/// Blocks by declaration. Each is kept once: what belongs to the program moves there, and is found
/// there from then on.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    /// By declaration, the place among `made`, or among the program's blocks once there is one.
    places: Vec<Option<usize>>,
    made: Vec<Option<Block>>,
    program: Option<Arc<Program>>,
}

impl Blocks {
    /// Makes room for so many more blocks, and for what is known of so many declarations in all.
    pub(crate) fn resize(&mut self, declarations: usize, blocks: usize) {
        self.places.resize(declarations, None);
        // Most programs are collected at once. What is added later comes in small portions, which
        // must not copy everything each time.
        match self.made.is_empty() {
            true => self.made.reserve_exact(blocks),
            false => self.made.reserve(blocks),
        }
    }

    /// The block of a declaration, if it was made.
    pub(crate) fn get(&self, id: NodeId) -> Option<&Block> {
        let place = (*self.places.get(id)?)?;
        match &self.program {
            Some(program) => program.blocks.get(place),
            None => self.made.get(place)?.as_ref(),
        }
    }

    /// Keeps the block of a declaration.
    pub(crate) fn set(&mut self, id: NodeId, block: Block) {
        match self.places[id] {
            Some(place) => self.made[place] = Some(block),
            None => {
                self.places[id] = Some(self.made.len());
                self.made.push(Some(block));
            }
        }
    }

    /// Forgets the block of a declaration.
    pub(crate) fn remove(&mut self, id: NodeId) {
        if let Some(place) = self.places[id].take() {
            self.made[place] = None;
        }
    }

    /// Every block, in the order of the declarations.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Block> {
        (0..self.places.len()).filter_map(|id| self.get(id))
    }

    /// Takes all blocks out, in this order of their declarations, without a second copy of any.
    pub(crate) fn take(&mut self, order: &[NodeId]) -> Vec<Block> {
        let mut rank: Vec<usize> = vec![usize::MAX; self.made.len()];
        let before = std::mem::take(&mut self.places);
        self.places.resize(before.len(), None);
        let mut next = 0;
        for id in order {
            if let Some(place) = before[*id] {
                rank[place] = next;
                self.places[*id] = Some(next);
                next += 1;
            }
        }
        let mut made = std::mem::take(&mut self.made);
        for at in 0..made.len() {
            while rank[at] < made.len() && rank[at] != at {
                let to = rank[at];
                made.swap(at, to);
                rank.swap(at, to);
            }
        }
        // What has no place in the order, or was forgotten, is behind the others.
        made.truncate(next);
        let blocks = made.into_iter();
        let blocks = blocks.map(|block| block.expect("a block and its place go together"));
        let mut blocks: Vec<Block> = blocks.collect();
        blocks.shrink_to_fit();
        blocks
    }

    /// From here on the blocks are those of this program.
    pub(crate) fn are_of(&mut self, program: Arc<Program>) {
        self.program = Some(program);
    }
}
