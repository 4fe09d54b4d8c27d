//! The format of the state and of its files, and what is refused.

use crate::fault::{StateFault, unreadable};

/// The format that this build writes. It reads older ones too: a state of one has it raised with
/// the first records that are added, so that an older build does not drop what it does not know.
///
/// 2 added what is kept, protected, changed by the state alone and given to other projects, and
/// values with holes.
pub const FORMAT: u32 = 2;

/// The oldest format that this build reads.
const OLDEST: u32 = 1;

/// Refuses what this build can't read.
///
/// # Errors
/// E0706 for a newer format, E0701 for no format at all.
pub(crate) fn check(format: Option<&str>) -> Result<(), StateFault> {
    let number = format.and_then(|text| text.parse::<u32>().ok());
    match number {
        Some(OLDEST..=FORMAT) => Ok(()),
        Some(newer) if newer > FORMAT => Err(StateFault::new(
            "E0706",
            format!("the state has format {newer}; this mlinfra knows formats up to {FORMAT}"),
        )
        .with_help("use the newer mlinfra that wrote it; nothing was changed")),
        _ => Err(unreadable("it does not say which format it has")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_own_format_and_older_ones() {
        for known in ["1", "2"] {
            assert!(check(Some(known)).is_ok());
        }
        assert_eq!(check(Some("3")).expect_err("newer").code, "E0706");
        for text in [None, Some(""), Some("0"), Some("-1"), Some("x")] {
            assert_eq!(check(text).expect_err("no format").code, "E0701");
        }
    }
}
