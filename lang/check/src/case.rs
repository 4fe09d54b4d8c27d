//! Declared types with cases, and what each case carries.

use std::fmt;
use std::sync::OnceLock;

use mlinfra_api::ColumnBase;

use crate::types::Parameter;

/// A declared type with cases.
pub(crate) struct EnumType {
    /// None for `enum(a, b)` written in place.
    pub(crate) name: Option<String>,
    /// Whether its cases are texts: `type region = string { case "eu-west-1" }`. A value of it is a
    /// text too, and a text that is known and one of them is a value of it.
    pub(crate) of_texts: bool,
    /// Set once, when all types are known: cases may name their own type.
    pub(crate) cases: OnceLock<Vec<Case>>,
}

impl EnumType {
    /// The cases, in the order declared.
    pub(crate) fn cases(&self) -> &[Case] {
        self.cases.get().map_or(&[], Vec::as_slice)
    }

    /// The case of this name.
    pub(crate) fn case(&self, name: &str) -> Option<&Case> {
        self.cases().iter().find(|case| case.name == name)
    }
}

impl EnumType {
    /// Whether it was written in place, and each of its words is a case of the other: a value of it
    /// is a value of the other then.
    pub(crate) fn is_part_of(&self, other: &EnumType) -> bool {
        let is_case = |own: &Case| {
            let same = other.case(&own.name);
            same.is_some_and(|case| case.parameters.is_empty())
        };
        self.name.is_none() && !other.of_texts && self.cases().iter().all(is_case)
    }
}

impl PartialEq for EnumType {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl fmt::Debug for EnumType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_deref().unwrap_or("enum"))
    }
}

/// One case, with what it carries.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) parameters: Vec<Parameter>,
    /// As a region: the countries in it (ISO 3166-1, two letters).
    pub(crate) countries: Vec<String>,
    /// As hardware: the bytes of memory that one of it has.
    pub(crate) memory: Option<u64>,
    /// As a way to share work: whether each has a part of the model, and not all of it.
    pub(crate) cuts: bool,
    /// As a masking: which columns it can be used on; all if empty.
    pub(crate) takes: Vec<ColumnBase>,
    /// As a masking: what it makes of the column.
    pub(crate) result: CaseResult,
    /// As a masking: the classes that it takes away.
    pub(crate) clears: Vec<String>,
    /// As a masking: the classes that it adds.
    pub(crate) adds: Vec<String>,
    /// What to use in its place, if it is on its way out.
    pub(crate) deprecated: Option<String>,
}

/// What a masking makes of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CaseResult {
    /// It stays what it is.
    Same,
    /// It goes.
    Nothing,
    /// It becomes this.
    Base(ColumnBase),
}
