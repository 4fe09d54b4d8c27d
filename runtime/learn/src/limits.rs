//! Every limit of this crate, with its unit in the name.

/// The most distinct texts that one category column may have in the training data.
pub const CATEGORIES_PER_COLUMN_MAX: usize = 10_000;

/// The most numbers that one row may become.
pub const INPUTS_MAX: usize = 65_536;

/// The most hidden layers of a network.
pub const HIDDEN_LAYERS_MAX: usize = 16;

/// The most units of one hidden layer.
pub const UNITS_PER_LAYER_MAX: usize = 65_536;

/// The most weights of a model: 400 MB, and three times that while it trains.
pub const PARAMETERS_MAX: usize = 100_000_000;

/// The most passes over the training data.
pub const EPOCHS_MAX: u32 = 1_000_000;

/// The most rows of one step of the optimizer.
pub const BATCH_ROWS_MAX: usize = 1_000_000;

/// The most rows of one training table: row numbers are kept in 32 bits.
pub const ROWS_MAX: usize = 1 << 31;

/// The largest model file that is read.
pub const MODEL_BYTES_MAX: usize = 1 << 30;

/// A standardised number is kept within this many standard deviations, so that no request, however
/// odd, makes a model answer with anything but a number.
pub const DEVIATIONS_MAX: f64 = 1e6;

/// The most groups that one attribute, or one intersection, may have to be judged.
pub const GROUPS_MAX: usize = 200;

/// Explanations ask the model about at most so many rows; of a larger table, a sample.
pub const EXPLAINED_ROWS_MAX: usize = 10_000;

/// A bootstrap over rows is made of at most so many; above, means have normal intervals.
pub const BOOTSTRAP_ROWS_MAX: usize = 20_000;

/// The most features that local explanations are made for: the work grows with their third power.
pub const LIME_FEATURES_MAX: usize = 500;
