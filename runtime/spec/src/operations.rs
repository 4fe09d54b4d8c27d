//! The step operations of this runtime and their versions, which are part of every recipe key.

/// Name and version of each operation. A version is raised by hand when the same inputs would give
/// other bytes; a golden-output test for each operation fails when that is forgotten.
pub const OPERATIONS: &[(&str, u32)] = &[
    ("ingest", 2),
    ("drop_nulls", 2),
    ("derive", 2),
    ("mask", 2),
    ("split", 2),
    ("train", 2),
    ("evaluate", 2),
    ("register", 1),
];

/// The version of an operation, if this runtime has it.
pub fn operation_version(name: &str) -> Option<u32> {
    OPERATIONS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, version)| *version)
}
