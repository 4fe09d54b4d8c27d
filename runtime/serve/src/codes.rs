//! The codes of the faults of this crate; each has a page.

/// Something else listens on the port.
pub(crate) const PORT_IN_USE: &str = "E0821";
/// The address is not here, or may not be listened on.
pub(crate) const ADDRESS: &str = "E0822";
/// The parts of a model's artifact do not fit each other.
pub(crate) const MODEL_UNFIT: &str = "E0823";
/// The release is another model's.
pub(crate) const RELEASE_FOREIGN: &str = "E0824";
/// Golden requests are answered differently.
pub(crate) const GOLDEN: &str = "E0825";
/// The unit's file can't be used.
pub(crate) const UNIT: &str = "E0826";
/// The system refuses what a process needs.
pub(crate) const PROCESS: &str = "E0827";
/// The body is not what the route takes.
pub(crate) const BODY: &str = "E0831";
/// A field is missing.
pub(crate) const FIELD_MISSING: &str = "E0832";
/// A field is unknown.
pub(crate) const FIELD_UNKNOWN: &str = "E0833";
/// A field has another type.
pub(crate) const FIELD_TYPE: &str = "E0834";
/// Too many bytes or rows.
pub(crate) const TOO_LARGE: &str = "E0835";
/// No key, or a wrong one.
pub(crate) const KEY: &str = "E0836";
/// No release is live.
pub(crate) const NOT_READY: &str = "E0837";
/// Too much at once.
pub(crate) const OVERLOADED: &str = "E0838";
/// No such path, method, model or version.
pub(crate) const NO_ROUTE: &str = "E0839";
/// The body took too long.
pub(crate) const BODY_SLOW: &str = "E0840";
/// A fault of ours.
pub(crate) const BROKEN: &str = "E0841";
/// Tensors do not fit the schema or each other.
pub(crate) const TENSORS: &str = "E0842";

/// Every code that this crate raises, in order.
pub const CODES: &[&str] = &[
    PORT_IN_USE,
    ADDRESS,
    MODEL_UNFIT,
    RELEASE_FOREIGN,
    GOLDEN,
    UNIT,
    PROCESS,
    BODY,
    FIELD_MISSING,
    FIELD_UNKNOWN,
    FIELD_TYPE,
    TOO_LARGE,
    KEY,
    NOT_READY,
    OVERLOADED,
    NO_ROUTE,
    BODY_SLOW,
    BROKEN,
    TENSORS,
];

#[cfg(test)]
mod tests {
    use super::CODES;

    #[test]
    fn every_code_has_its_page() {
        for code in CODES {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../lang/check/codes");
            let page = std::fs::read_to_string(format!("{folder}/{code}.md")).expect(code);
            assert!(page.starts_with(&format!("# {code}: ")), "{code}");
            assert!(page.contains("\n## What to do\n"), "{code}");
        }
    }
}
