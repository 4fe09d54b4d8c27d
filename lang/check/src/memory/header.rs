//! What a model's file or folder says of it, and why it may say nothing.

/// What is known of a model from its files. Figures that the files do not tell are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// How many numbers its weights are.
    pub(crate) parameters: u64,
    /// How many bytes they take, as they lie in the file.
    pub(crate) weight_bytes: u64,
    pub(crate) layers: Option<u64>,
    /// How many numbers a token is.
    pub(crate) hidden: Option<u64>,
    pub(crate) heads: Option<u64>,
    /// Heads that keep keys and values: fewer than `heads` where several share one.
    pub(crate) kept_heads: Option<u64>,
    /// How many numbers a head's key or value is.
    pub(crate) head_size: Option<u64>,
    /// How many numbers a layer's inner part is wide.
    pub(crate) inner: Option<u64>,
    pub(crate) vocabulary: Option<u64>,
    /// How many tokens it was made to read together.
    pub(crate) context: Option<u64>,
    /// Whether it writes token by token and so keeps what it has read; none if nothing says so.
    pub(crate) writes: Option<bool>,
}

/// Why a header tells nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    /// It can't be read.
    Unread(String),
    /// It is read, and is no header of a model: it contradicts itself, or is cut off.
    Broken(String),
}

impl HeaderFault {
    /// A header that is not what it says.
    pub(crate) fn broken(text: impl Into<String>) -> Self {
        HeaderFault::Broken(text.into())
    }
}

/// The product of a tensor's sides; a fault if it is more than any file holds.
pub(crate) fn elements(sides: &[u64]) -> Result<u64, HeaderFault> {
    sides
        .iter()
        .try_fold(1_u64, |all, side| all.checked_mul(*side))
        .ok_or_else(|| HeaderFault::broken("a tensor in it is larger than anything can be"))
}

/// The sum; a fault if it is more than any file holds.
pub(crate) fn added(all: u64, one: u64) -> Result<u64, HeaderFault> {
    all.checked_add(one)
        .ok_or_else(|| HeaderFault::broken("its tensors are larger than anything can be"))
}
