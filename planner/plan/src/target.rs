//! The role `target`: where a block goes, and which provider has it.

use mlinfra_check::{Block, Program};

/// The target that a block is placed on, through every place in between, and the provider that its
/// value names: `local(country = "DE")`. None for a block that is placed nowhere.
pub fn target_of<'a>(program: &'a Program, block: &'a Block) -> Option<(&'a Block, &'a str)> {
    let mut at = block;
    // A place is never a circle: the checker has refused that. The bound is for its bugs.
    for _ in 0..program.blocks.len() + 1 {
        if at.role.as_deref() == Some("target") {
            let provider = at.value.as_ref()?.as_case()?;
            return Some((at, provider));
        }
        at = program.block(at.place.as_ref()?)?;
    }
    None
}
