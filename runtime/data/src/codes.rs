//! The codes of the faults of this crate; each has a page.

pub(crate) const COLUMN_ABSENT: &str = "E0601";
pub(crate) const CELL_TYPE: &str = "E0602";
pub(crate) const CELL_MISSING: &str = "E0603";
pub(crate) const FILE_EMPTY: &str = "E0604";
pub(crate) const FILE_ENCODING: &str = "E0605";
pub(crate) const ROW_RAGGED: &str = "E0606";
pub(crate) const HEADER_TWICE: &str = "E0607";
pub(crate) const FILE_CHANGED: &str = "E0608";
pub(crate) const FILE_UNREADABLE: &str = "E0609";
pub(crate) const INT_OVERFLOW: &str = "E0610";
pub(crate) const NOT_FINITE: &str = "E0611";
pub(crate) const COMPUTED_MISSING: &str = "E0612";
pub(crate) const SPLIT_RATIOS: &str = "E0613";
pub(crate) const MEMORY: &str = "E0614";
pub(crate) const REQUEST: &str = "E0615";
pub(crate) const QUOTE_OPEN: &str = "E0616";
pub(crate) const OBJECT_BROKEN: &str = "E0620";
pub(crate) const OBJECT_NAME: &str = "E0621";
pub(crate) const STORE_FULL: &str = "E0622";
pub(crate) const STORE_IO: &str = "E0623";
pub(crate) const STORE_KEY: &str = "E0624";
pub(crate) const STORE_SEALING: &str = "E0625";
pub(crate) const ARTIFACT_ABSENT: &str = "E0626";
pub(crate) const ARTIFACT_FORMAT: &str = "E0627";
pub(crate) const STEP_UNKNOWN: &str = "E0628";
pub(crate) const ENGINE: &str = "E0629";

/// Every code that this crate raises, in order.
pub const CODES: &[&str] = &[
    COLUMN_ABSENT,
    CELL_TYPE,
    CELL_MISSING,
    FILE_EMPTY,
    FILE_ENCODING,
    ROW_RAGGED,
    HEADER_TWICE,
    FILE_CHANGED,
    FILE_UNREADABLE,
    INT_OVERFLOW,
    NOT_FINITE,
    COMPUTED_MISSING,
    SPLIT_RATIOS,
    MEMORY,
    REQUEST,
    QUOTE_OPEN,
    OBJECT_BROKEN,
    OBJECT_NAME,
    STORE_FULL,
    STORE_IO,
    STORE_KEY,
    STORE_SEALING,
    ARTIFACT_ABSENT,
    ARTIFACT_FORMAT,
    STEP_UNKNOWN,
    ENGINE,
];
