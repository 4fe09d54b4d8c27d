//! What a provider reads of a block: everything else that is written there is refused, not ignored.

/// What a provider reads of the blocks of a kind, or of the steps of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Everything that is declared.
    All,
    /// Nothing: it has no such thing.
    Nothing,
    /// These fields; of a step its arguments and settings, and `each` for its entries.
    These(&'static [(&'static str, Takes)]),
}

/// Which values of a field a provider takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Every value of its type.
    Any,
    /// These cases, alone or in a list.
    Cases(&'static [Shape]),
}

/// A case with those of its parameters that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its name.
    pub case: &'static str,
    /// The parameters.
    pub parameters: &'static [&'static str],
}

/// A case and what is read of it.
pub const fn shape(case: &'static str, parameters: &'static [&'static str]) -> Shape {
    Shape { case, parameters }
}

impl Reads {
    /// Which values of this field are taken; none if it is not read at all.
    pub fn field(&self, name: &str) -> Option<Takes> {
        match self {
            Reads::All => Some(Takes::Any),
            Reads::Nothing => None,
            Reads::These(fields) => {
                let mut fields = fields.iter();
                fields.find_map(|(field, takes)| (*field == name).then_some(*takes))
            }
        }
    }
}
