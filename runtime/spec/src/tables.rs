//! The tables of a step as one text, so that a plan can carry them without looking inside.

use std::collections::BTreeMap;

use mlinfra_api::TableType;
use serde::{Deserialize, Serialize};

use crate::ServingRecipe;

/// What the checker knows of a step's tables. Travels in the plan as canonical JSON in the
/// property `tables` of a step's resource.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepTables {
    /// The columns of the result, if it is a table; for a step with parts, those of each part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<TableType>,
    /// The columns of each table that flows in, by parameter.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, TableType>,
    /// For a step that fits a model: how a raw request becomes features.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving: Option<ServingRecipe>,
}
