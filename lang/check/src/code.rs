//! Every code once: its name here, its title and text in its page.

use std::sync::OnceLock;

/// A code of a finding: `E0203`. Its page is `codes/E0203.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub &'static str);

/// A code with its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodePage {
    /// `E0203`.
    pub code: &'static str,
    /// What is wrong, without any name that a user chose.
    pub title: &'static str,
    /// The page, in Markdown: the title, what and why, and where it can be shown in a spec, one
    /// that raises it under `## Wrong` and one that does not under `## Right`.
    pub page: &'static str,
}

impl Code {
    /// The title of its page; the code itself if it has none.
    pub fn title(self) -> &'static str {
        page(self.0).map_or(self.0, |page| page.title)
    }
}

/// The page of a code.
pub fn page(code: &str) -> Option<&'static CodePage> {
    codes().iter().find(|page| page.code == code)
}

/// Every code with its page, sorted.
pub fn codes() -> &'static [CodePage] {
    static CODES: OnceLock<Vec<CodePage>> = OnceLock::new();
    CODES.get_or_init(|| PAGES.iter().map(|(code, page)| read(code, page)).collect())
}

/// The title stands in the page's first line, behind its code.
fn read(code: &'static str, page: &'static str) -> CodePage {
    let first = page.lines().next().unwrap_or("");
    let title = first.split_once(": ").map_or(first, |(_, title)| title);
    CodePage { code, title, page }
}

/// Lists codes whose pages are in `codes/`. Those with a name are raised in this crate; the parser
/// and other crates raise the others by their text.
macro_rules! codes {
    ($($code:literal $(= $name:ident)?,)*) => {
        const PAGES: &[(&str, &str)] =
            &[$(($code, include_str!(concat!("../codes/", $code, ".md"))),)*];
        $($(pub(crate) const $name: Code = Code($code);)?)*
    };
}

codes! {
    "E0101" = FILE_UNREADABLE,
    "E0102" = FILE_NOT_UTF8,
    "E0103" = FILE_EMPTY,
    "E0104" = USE_CYCLE,
    "E0105" = USE_UNKNOWN,
    "E0106" = FORM_UNSUPPORTED,
    "E0107" = DECLARATION_IN_SPEC,
    "E0108" = ENTRY_OUT_OF_PLACE,
    "E0201" = KIND_UNKNOWN,
    "E0202" = FIELD_UNKNOWN,
    "E0203" = FIELD_MISSING,
    "E0204" = FIELD_AS_BLOCK,
    "E0205" = FIELD_TWICE,
    "E0206" = FIELD_COMPUTED,
    "E0207" = WISH_NOT_CHOSEN,
    "E0208" = NAME_MISSING,
    "E0209" = SECTION_NAMED,
    "E0210" = NAME_TWICE,
    "E0211" = NAME_SHADOWS,
    "E0212" = NAME_IS_FIELD,
    "E0213" = PLACE_MISSING,
    "E0214" = PLACE_UNWANTED,
    "E0215" = PLACE_WRONG,
    "E0216" = KIND_ELSEWHERE,
    "E0217" = KIND_ONCE,
    "E0218" = VALUE_MISSING,
    "E0219" = VALUE_UNWANTED,
    "E0220" = ATTRIBUTE_UNKNOWN,
    "E0221" = PARAMETER_MISSING,
    "E0222" = PARAMETER_UNKNOWN,
    "E0223" = REQUIRE_FAILED,
    "E0224" = HEAD_PART_UNWANTED,
    "E0301" = TYPE_WRONG,
    "E0302" = NAME_UNKNOWN,
    "E0303" = DIMENSIONS_DIFFER,
    "E0304" = UNIT_WRONG,
    "E0305" = UNIT_MISSING,
    "E0306" = UNIT_UNKNOWN,
    "E0307" = NUMBER_OVERFLOW,
    "E0308" = DIVISION_BY_ZERO,
    "E0309" = MAYBE_ABSENT,
    "E0310" = MEMBER_UNKNOWN,
    "E0311" = FUNCTION_UNKNOWN,
    "E0312" = ARGUMENT_MISSING,
    "E0313" = ARGUMENT_UNKNOWN,
    "E0314" = ARGUMENT_TWICE,
    "E0315" = CASE_UNKNOWN,
    "E0316" = CYCLE,
    "E0317" = OPERANDS_WRONG,
    "E0318" = KNOWN_TOO_LATE,
    "E0319" = VALUE_REFUSED,
    "E0320" = NAME_AMBIGUOUS,
    "E0321" = SECRET_IN_THE_OPEN,
    "E0322" = LIMIT,
    "E0323" = MATCH_WRONG,
    "E0324" = TYPE_UNKNOWN,
    "E0325" = INDEX_WRONG,
    "E0326" = KEY_TWICE,
    "E0327" = LITERAL_WRONG,
    "E0401" = OPERATION_UNKNOWN,
    "E0402" = STEP_WITHOUT_CALL,
    "E0411" = COLUMN_EXISTS,
    "E0412" = NOTHING_TO_DROP,
    "E0413" = CONDITION_MAYBE_MISSING,
    "E0414" = FUNCTION_ELSEWHERE,
    "E0415" = NOT_IN_A_ROW,
    "E0416" = MASKING_WRONG,
    "E0417" = COLUMN_UNKNOWN,
    "E0418" = COLUMN_TYPE_WRONG,
    "E0419" = COLUMN_TYPE_UNKNOWN,
    "E0420" = COLUMN_TWICE,
    "E0421" = TABLE_EMPTY,
    "E0422" = PARTS_NOT_WHOLE,
    "E0423" = BODY_EMPTY,
    "E0424" = DEFAULT_NEVER_USED,
    "E0425" = TABLES_DIFFER,
    "E0501" = LABEL_LEAKS,
    "E0502" = NOT_LEARNABLE,
    "E0503" = NO_FEATURES,
    "E0504" = LABEL_EXCLUDED,
    "E0505" = CLASS_UNKNOWN,
}
