//! What the standard library declares, as the checker looks it up: units, types, kinds, operations,
//! functions, classes and attributes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use mlinfra_api::ColumnBase;

use crate::declare;
use crate::functions::{Body, Needs};
use crate::mark::{has, words};
use crate::quantity::Unit;
use crate::tree::Item;
use crate::types::{Default, EnumType, Parameter, Type};

/// The standard library's files, in the order in which they are read.
pub(crate) const TEXTS: &[&str] = &[
    include_str!("../../../stdlib/units.mlinfra"),
    include_str!("../../../stdlib/classes.mlinfra"),
    include_str!("../../../stdlib/texts.mlinfra"),
    include_str!("../../../stdlib/types.mlinfra"),
    include_str!("../../../stdlib/catalog/accelerators.mlinfra"),
    include_str!("../../../stdlib/catalog/regions.mlinfra"),
    include_str!("../../../stdlib/places.mlinfra"),
    include_str!("../../../stdlib/serving.mlinfra"),
    include_str!("../../../stdlib/kinds.mlinfra"),
    include_str!("../../../stdlib/operations.mlinfra"),
    include_str!("../../../stdlib/functions.mlinfra"),
];

/// The packs of policies, by the word that `comply` names them with.
pub(crate) const PACKS: &[(&str, &str)] = &[(
    "gdpr",
    include_str!("../../../stdlib/compliance/gdpr.mlinfra"),
)];

/// All declared words.
#[derive(Debug, Default)]
pub(crate) struct Library {
    pub(crate) units: BTreeMap<String, Unit>,
    /// Words for any one of several units, with these, in the order declared.
    pub(crate) families: BTreeMap<String, Vec<String>>,
    pub(crate) types: BTreeMap<String, Type>,
    pub(crate) kinds: BTreeMap<String, Arc<Kind>>,
    /// What stands in the bodies of forms that are no blocks.
    pub(crate) forms: BTreeMap<String, Arc<Kind>>,
    pub(crate) operations: BTreeMap<String, Arc<Operation>>,
    pub(crate) functions: BTreeMap<String, Arc<Function>>,
    pub(crate) classes: BTreeMap<String, Class>,
    pub(crate) attributes: BTreeMap<String, Vec<Parameter>>,
    /// Those of them that nothing acts upon yet.
    pub(crate) recorded: BTreeSet<String>,
    /// The kinds (`kind k: release`) where a release stands as well as a block of the kind.
    pub(crate) released: BTreeSet<String>,
    /// What `/` between a block of a kind and a text makes: the type, and its case.
    pub(crate) joins: BTreeMap<String, (Arc<EnumType>, String)>,
    /// Operations of a name that others have too, told apart by what flows in.
    pub(crate) variants: BTreeMap<String, Vec<Arc<Operation>>>,
    /// What `all` lists beside blocks: the members of each element.
    pub(crate) views: BTreeMap<String, BTreeMap<String, FieldDeclaration>>,
    /// The policies of each pack.
    pub(crate) packs: BTreeMap<&'static str, Vec<Item>>,
    /// What is wrong with the declarations; a test holds that nothing is.
    pub(crate) faults: Vec<String>,
}

/// A kind of block.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: String,
    pub(crate) role: Option<String>,
    /// Whether a program has at most one.
    pub(crate) once: bool,
    /// Whether its blocks have no name and stand at most once in their parent.
    pub(crate) section: bool,
    pub(crate) place: Place,
    pub(crate) value: KindValue,
    /// The section whose entries are the columns of the table that a block is.
    pub(crate) table: Option<String>,
    pub(crate) fields: BTreeMap<String, FieldDeclaration>,
    pub(crate) nested: BTreeMap<String, Arc<Kind>>,
    /// What the whole program says of such a block, for policies and tests.
    pub(crate) facts: BTreeMap<String, Fact>,
    /// The type of every entry of an open body.
    pub(crate) each: Option<Type>,
    pub(crate) holds_data: bool,
    /// Whether a block of it stands for what nobody may read: it has no text.
    pub(crate) secret: bool,
    pub(crate) replaces: Arc<BTreeSet<String>>,
    pub(crate) computed: Arc<BTreeSet<String>>,
    /// What conditions in such a block may be about; of a kind without a condition, what can be
    /// asked of its blocks.
    pub(crate) figures: FigureDeclarations,
    /// What to use in its place, if it is on its way out.
    pub(crate) deprecated: Option<String>,
}

/// Figures by their names: a run, a plan or a running endpoint tells their values.
#[derive(Debug, Default)]
pub(crate) struct FigureDeclarations {
    /// Those that are asked for nothing; in a section `section.name`.
    pub(crate) plain: BTreeMap<String, Type>,
    /// Those that are asked for something.
    pub(crate) asked: BTreeMap<String, Arc<Function>>,
}

impl FigureDeclarations {
    /// Whether there is a figure of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.plain.contains_key(name) || self.asked.contains_key(name)
    }

    /// Whether figures stand behind this word and a point.
    pub(crate) fn has_section(&self, word: &str) -> bool {
        let inside = |name: &String| name.split_once('.').is_some_and(|(of, _)| of == word);
        self.plain.keys().any(inside)
    }

    /// Every name, sorted.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self
            .plain
            .keys()
            .chain(self.asked.keys())
            .map(String::as_str)
            .collect();
        all.sort_unstable();
        all
    }
}

impl Kind {
    /// Whether a reference to such a block is more than its name: a table, a step's result.
    pub(crate) fn has_content(&self) -> bool {
        self.table.is_some() || matches!(self.value, KindValue::Operation)
    }
}

/// What a block is placed `on`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Nothing,
    Optional(String),
    Required(String),
}

impl Place {
    /// The kind of the place.
    pub(crate) fn kind(&self) -> Option<&str> {
        match self {
            Place::Nothing => None,
            Place::Optional(kind) | Place::Required(kind) => Some(kind),
        }
    }
}

/// What stands behind a block's `=`.
#[derive(Debug)]
pub(crate) enum KindValue {
    Nothing,
    /// The call of an operation.
    Operation,
    /// A condition over its figures.
    Condition,
    Of(Type),
}

/// A field of a kind or a setting of an operation.
#[derive(Debug)]
pub(crate) struct FieldDeclaration {
    pub(crate) field_type: Type,
    pub(crate) default: Option<Default>,
    pub(crate) computed: bool,
    pub(crate) chosen: bool,
    pub(crate) secret: bool,
    /// Whether a reference in it is no dependency: it is made after both ends exist.
    pub(crate) late: bool,
    /// Whether the block in it keeps what is in this one.
    pub(crate) keeps: bool,
    /// Whether groups of people are compared by the columns in it.
    pub(crate) judged: bool,
    /// Whether it changes no byte of a step's result.
    pub(crate) unkeyed: bool,
    /// Whether it lists at least one.
    pub(crate) some: bool,
    /// Whether it lists nothing twice, and lists in it are never empty.
    pub(crate) distinct: bool,
    /// Which part of what memory is reckoned from it is: `weights`.
    pub(crate) memory: Option<String>,
    /// The class that each column must have which it lists.
    pub(crate) of_class: Option<String>,
    /// Whether conditions in the same body may name it.
    pub(crate) here: bool,
    /// What to use in its place, if it is on its way out.
    pub(crate) deprecated: Option<String>,
    /// Its documentation, for editors.
    pub(crate) documentation: String,
}

impl FieldDeclaration {
    /// Whether a block is wrong without it.
    pub(crate) fn required(&self) -> bool {
        let fills_itself = self.computed || self.chosen || self.default.is_some();
        !fills_itself && !self.field_type.may_be_absent()
    }
}

/// Something that is found out about a block once the whole program is checked.
#[derive(Debug)]
pub(crate) struct Fact {
    pub(crate) field_type: Type,
    /// Which computation gives it, and what it is given: `@fact(columns, personal)`.
    pub(crate) name: String,
    pub(crate) argument: Option<String>,
}

/// An operation: what a step calls.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) each_row: bool,
    pub(crate) training_only: bool,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) result: ResultRule,
    pub(crate) place: Place,
    pub(crate) fields: BTreeMap<String, FieldDeclaration>,
    /// Those of its fields that only a run tells.
    pub(crate) computed: Arc<BTreeSet<String>>,
    /// Settings that belong together, each a block of its own in the body.
    pub(crate) sections: BTreeMap<String, Arc<Kind>>,
    /// What conditions in the body may be about.
    pub(crate) figures: FigureDeclarations,
    pub(crate) each: Option<Type>,
}

/// How a result's type follows from what flows in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ResultRule {
    /// The table with the body's columns added.
    Extend { data: String },
    /// The table with its columns rewritten by the body's cases.
    Rewrite { data: String },
    /// One such table for each entry of the body.
    Parts { data: String },
    /// The table without missing cells.
    Known { data: String },
    /// A model fitted on the table, but for the label and the columns in this setting.
    Weights {
        data: String,
        label: String,
        exclude: Option<String>,
        /// The setting that lists what the purpose can't do without, however personal.
        needs: Option<String>,
    },
    /// The model that flows in, changed.
    Same { model: String },
    /// The table whose columns this section of the body declares.
    Columns { section: String },
    /// The table with a column of vectors added, made of the texts in one.
    Embedded {
        data: String,
        column: String,
        added: String,
    },
    /// A declared type, made from the texts of a table.
    Made {
        name: String,
        data: String,
        column: String,
    },
    /// What the case in this setting says.
    Given { setting: String, data: String },
    /// A named model.
    Release { model: String },
    /// A declared type.
    Opaque(String),
}

/// A function.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) result: Type,
    /// Whether it works on the cells of a row.
    pub(crate) row: bool,
    /// Whether it works on values of the spec.
    pub(crate) value: bool,
    /// What it asks of the outside.
    pub(crate) reads: Option<Reads>,
    /// What it does with values, and what of them must be known for that.
    pub(crate) body: Option<(Needs, Body)>,
    /// Its documentation, for editors.
    pub(crate) documentation: String,
}

/// What a function asks of the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    /// The text of the file that its argument names.
    Text,
    /// The outputs of the project whose folder its argument names.
    Outputs,
}

impl Reads {
    /// What the attribute of a declaration says: `@reads`, `@reads(outputs)`.
    pub(crate) fn of(item: &Item) -> Option<Self> {
        let is_outputs = words(item, "reads").iter().any(|word| word == "outputs");
        has(item, "reads").then_some(match is_outputs {
            true => Reads::Outputs,
            false => Reads::Text,
        })
    }
}

/// A data class.
#[derive(Debug, Default)]
pub(crate) struct Class {
    pub(crate) implies: Vec<String>,
    /// Whether no model may learn from a column of it.
    pub(crate) never_learned: bool,
}

impl Library {
    /// The standard library, read once.
    pub(crate) fn standard() -> &'static Library {
        static STANDARD: OnceLock<Library> = OnceLock::new();
        STANDARD.get_or_init(|| declare::read(TEXTS, PACKS))
    }

    /// A class and everything that it implies.
    pub(crate) fn closure(&self, class: &str) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        let mut open = vec![class.to_owned()];
        while let Some(class) = open.pop() {
            if all.insert(class.clone()) {
                let implied = self.classes.get(&class).map(|class| class.implies.iter());
                open.extend(implied.into_iter().flatten().cloned());
            }
        }
        all
    }

    /// Whether a column of these classes tells the answer.
    pub(crate) fn never_learned(&self, classes: &BTreeSet<String>) -> bool {
        let secret = |class| {
            self.classes
                .get(class)
                .is_some_and(|class: &Class| class.never_learned)
        };
        classes.iter().any(secret)
    }

    /// The unit of this name.
    pub(crate) fn unit(&self, name: &str) -> Option<&Unit> {
        self.units.get(name)
    }
}

/// The column type of this word.
pub(crate) fn column_base(word: &str) -> Option<ColumnBase> {
    use ColumnBase::{Bool, Category, Date, Float, Int, String};
    [Int, Float, Bool, String, Category, Date]
        .into_iter()
        .find(|base| base.word() == word)
}

/// The words for the types of columns.
pub(crate) const COLUMN_WORDS: [&str; 6] = ["int", "float", "bool", "string", "category", "date"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_library_has_no_fault() {
        let library = Library::standard();
        assert_eq!(library.faults, Vec::<String>::new());
        assert!(library.kinds.len() >= 8 && library.operations.len() >= 7);
    }

    #[test]
    fn every_operation_on_tables_says_whether_an_endpoint_replays_it() {
        for operation in Library::standard().operations.values() {
            let on_tables = matches!(
                operation.result,
                ResultRule::Extend { .. }
                    | ResultRule::Rewrite { .. }
                    | ResultRule::Parts { .. }
                    | ResultRule::Known { .. }
                    | ResultRule::Embedded { .. }
            );
            let flags = u8::from(operation.each_row) + u8::from(operation.training_only);
            assert_eq!(flags, u8::from(on_tables), "{}", operation.name);
            assert!(operation.version >= 1, "{}", operation.name);
        }
    }

    #[test]
    fn every_region_names_its_countries() {
        let Some(Type::Enum(regions)) = Library::standard().types.get("jurisdiction") else {
            panic!("the regions are no type with cases");
        };
        for region in regions.cases() {
            let distinct: BTreeSet<&String> = region.countries.iter().collect();
            assert_eq!(distinct.len(), region.countries.len(), "{}", region.name);
            let wanted = if region.name == "eu" { 27 } else { 1 };
            assert_eq!(distinct.len(), wanted, "{}", region.name);
            assert!(
                distinct.iter().all(|country| country.len() == 2),
                "{}",
                region.name
            );
        }
    }

    #[test]
    fn words_of_one_name_space_do_not_meet() {
        let library = Library::standard();
        let mut words: BTreeMap<&str, usize> = BTreeMap::new();
        let all = (library.types.keys())
            .chain(library.operations.keys())
            .chain(library.functions.keys());
        for word in all {
            *words.entry(word).or_default() += 1;
        }
        words.retain(|_, count| *count > 1);
        assert!(words.is_empty(), "{words:?}");
    }
}
