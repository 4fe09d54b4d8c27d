//! A model with its row steps and its request schema: raw rows in, probabilities out.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use mlinfra_api::TableType;
use mlinfra_data::{RowPipeline, StepFault, read_object, request_batch};
use mlinfra_learn::{LearnFault, Model};
use mlinfra_runtime_spec::{ArtifactReference, RequestSchema, ServingRecipe};

use crate::codes;
use crate::request::Row;

/// The object of a model's artifact that holds the weights and the preprocessing.
pub const MODEL_OBJECT: &str = "model.safetensors";

/// The object of a model's artifact that holds the [`ServingRecipe`], as JSON.
pub const SERVING_OBJECT: &str = "serving.json";

/// What an endpoint predicts with. It answers a row alike alone and among others, bit for bit.
pub struct Predictor {
    model: Model,
    recipe: ServingRecipe,
    pipeline: RowPipeline,
}

impl Predictor {
    /// Reads a model's artifact.
    pub fn load(model: &ArtifactReference) -> Result<Self, StepFault> {
        let weights = read_object(model, MODEL_OBJECT)?;
        let recipe = read_object(model, SERVING_OBJECT)?;
        let recipe = serde_json::from_slice(&recipe)
            .map_err(|_| unfit(format!("`{SERVING_OBJECT}` of the model can't be read")))?;
        let model = Model::from_bytes(&weights).map_err(from_learn)?;
        Predictor::from_parts(model, recipe)
    }

    /// Puts a model and its recipe together; refuses a recipe that does not end in the model's
    /// features.
    pub fn from_parts(model: Model, recipe: ServingRecipe) -> Result<Self, StepFault> {
        let raw = TableType {
            columns: recipe.request.fields.iter().map(raw_column).collect(),
        };
        let last = recipe.steps.last().map_or(&raw, |step| &step.result);
        for feature in &model.features().columns {
            let found = last
                .column(&feature.name)
                .map(|column| column.column_type.base);
            if found != Some(feature.column_type.base) {
                let name = &feature.name;
                return Err(unfit(format!(
                    "the model needs the feature `{name}`, which the steps before it do not make"
                )));
            }
        }
        let pipeline = RowPipeline::new(&recipe)?;
        Ok(Predictor {
            model,
            recipe,
            pipeline,
        })
    }

    /// What a request must have.
    pub fn request(&self) -> &RequestSchema {
        &self.recipe.request
    }

    /// How a request becomes features.
    pub fn recipe(&self) -> &ServingRecipe {
        &self.recipe
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The column whose truth is predicted.
    pub fn target(&self) -> &str {
        self.model.label()
    }

    /// The probability, for each row, that the label is true.
    pub fn predict_json(&self, rows: &[Row]) -> Result<Vec<f64>, StepFault> {
        self.predict_features(&self.features(rows)?)
    }

    /// The features of raw rows, as the row steps give them.
    pub(crate) fn features(&self, rows: &[Row]) -> Result<RecordBatch, StepFault> {
        self.pipeline
            .run(&request_batch(&self.recipe.request, rows)?)
    }

    /// The schema of [`Predictor::features`].
    pub(crate) fn feature_schema(&self) -> &Schema {
        self.pipeline.feature_schema()
    }

    /// As [`Predictor::predict_json`], for what the row steps gave.
    pub(crate) fn predict_features(&self, features: &RecordBatch) -> Result<Vec<f64>, StepFault> {
        self.model.predict(features).map_err(from_learn)
    }

    /// As [`Predictor::predict_json`], for raw columns in a table.
    pub fn predict_batch(&self, raw: &RecordBatch) -> Result<Vec<f64>, StepFault> {
        self.predict_features(&self.pipeline.run(raw)?)
    }
}

fn raw_column(field: &mlinfra_runtime_spec::RequestField) -> mlinfra_api::Column {
    mlinfra_api::Column {
        name: field.name.clone(),
        column_type: field.column_type,
        classes: Default::default(),
    }
}

pub(crate) fn from_learn(fault: LearnFault) -> StepFault {
    StepFault {
        code: fault.code.into(),
        message: fault.message,
        help: fault.help,
    }
}

/// The parts of a model's artifact do not belong together.
pub(crate) fn unfit(message: String) -> StepFault {
    StepFault {
        code: codes::MODEL_UNFIT.into(),
        message,
        help: Some("train the model again: `mlinfra apply` does if its artifact is removed".into()),
    }
}
