//! The step operations of this runtime and their versions, which are part of every recipe key.

/// Name and version of each operation. A version is raised by hand when the same inputs would give
/// other bytes; a golden-output test for each operation fails when that is forgotten.
pub const OPERATIONS: &[(&str, u32)] = &[
    ("ingest", 1),
    ("drop_nulls", 1),
    ("derive", 1),
    ("mask", 1),
    ("split", 1),
    ("train", 1),
    ("evaluate", 1),
    ("register", 1),
];

/// The version of an operation, if this runtime has it.
pub fn operation_version(name: &str) -> Option<u32> {
    OPERATIONS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, version)| *version)
}
