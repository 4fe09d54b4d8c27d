//! The blocks of a program, found without a search: by address, target, place, parent and reader.

use std::collections::BTreeMap;

use mlinfra_api::Address;
use mlinfra_check::{Block, Program};

/// The role of a block that others stand on in the end.
const TARGET: &str = "target";
const STEP: &str = "step";

/// A program and where everything in it is: planning asks that again for each block.
pub(crate) struct Blocks<'a> {
    pub(crate) program: &'a Program,
    places: BTreeMap<&'a Address, usize>,
    /// The target of each block, by its place.
    targets: Vec<Option<usize>>,
    standing: BTreeMap<&'a Address, Vec<&'a Block>>,
    nested: BTreeMap<&'a Address, Vec<&'a Block>>,
    readers: BTreeMap<&'a Address, &'a Block>,
}

impl<'a> Blocks<'a> {
    pub(crate) fn of(program: &'a Program) -> Self {
        let mut blocks = Blocks {
            program,
            places: BTreeMap::new(),
            targets: Vec::new(),
            standing: BTreeMap::new(),
            nested: BTreeMap::new(),
            readers: BTreeMap::new(),
        };
        for (place, block) in program.blocks.iter().enumerate() {
            blocks.places.entry(&block.address).or_insert(place);
            if let Some(on) = &block.place {
                blocks.standing.entry(on).or_default().push(block);
            }
            if let Some(parent) = &block.parent {
                blocks.nested.entry(parent).or_default().push(block);
            }
            let step = block.step.as_ref();
            let step = step.filter(|_| block.role.as_deref() == Some(STEP));
            let arguments = step.into_iter().flat_map(|step| step.arguments.values());
            for reference in arguments.filter_map(|argument| argument.value.as_reference()) {
                blocks.readers.entry(&reference.address).or_insert(block);
            }
        }
        blocks.targets = blocks.targets();
        blocks
    }

    /// Follows the places of each block as far as they are not known yet. A place is never a
    /// circle: the checker has refused that; with a bug of its, what is in one has no target.
    fn targets(&self) -> Vec<Option<usize>> {
        let all = &self.program.blocks;
        let is_target = |block: &Block| block.role.as_deref() == Some(TARGET);
        let mut known: Vec<bool> = all.iter().map(is_target).collect();
        let own = |(place, block): (usize, &Block)| is_target(block).then_some(place);
        let mut targets: Vec<Option<usize>> = all.iter().enumerate().map(own).collect();
        for first in 0..all.len() {
            let mut path = Vec::new();
            let mut at = Some(first);
            while let Some(here) = at.filter(|here| !known[*here]) {
                known[here] = true;
                path.push(here);
                at = all[here].place.as_ref().and_then(|on| self.place(on));
            }
            let target = at.and_then(|at| targets[at]);
            path.into_iter().for_each(|here| targets[here] = target);
        }
        targets
    }

    /// The place of the block at this address, in the order of the spec.
    pub(crate) fn place(&self, address: &Address) -> Option<usize> {
        self.places.get(address).copied()
    }

    /// The block at this address.
    pub(crate) fn get(&self, address: &Address) -> Option<&'a Block> {
        let place = self.place(address)?;
        self.program.blocks.get(place)
    }

    /// The target that a block is placed on, through every place in between, and the provider that
    /// its value names: `local(country = "DE")`. None for a block that is placed nowhere.
    pub(crate) fn target_of(&self, block: &Block) -> Option<(&'a Block, &'a str)> {
        let place = self.place(&block.address)?;
        let target = &self.program.blocks[self.targets[place]?];
        Some((target, target.value.as_ref()?.as_case()?))
    }

    /// What is placed on this block itself, in the order of the spec.
    pub(crate) fn standing_on(&self, address: &Address) -> impl Iterator<Item = &'a Block> {
        self.standing.get(address).into_iter().flatten().copied()
    }

    /// What is nested in this block itself, in the order of the spec.
    pub(crate) fn nested_in(&self, address: &Address) -> impl Iterator<Item = &'a Block> {
        self.nested.get(address).into_iter().flatten().copied()
    }

    /// The first step that reads this block.
    pub(crate) fn first_reader(&self, address: &Address) -> Option<&'a Block> {
        self.readers.get(address).copied()
    }
}
