//! The row steps between a request and the features, prepared once and replayed for each request.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::physical_expr::PhysicalExpr;
use mlinfra_runtime_spec::{RowStep, ServingRecipe};

use crate::rows::{compile_step, evaluate, prepare};
use crate::table::conform;
use crate::{StepFault, codes};

/// The row steps of a serving recipe. Needs no thread and no runtime of its own: it may be called
/// from anywhere, and by many at once.
#[derive(Debug)]
pub struct RowPipeline {
    request: SchemaRef,
    stages: Vec<Stage>,
}

#[derive(Debug)]
struct Stage {
    schema: SchemaRef,
    columns: Vec<Source>,
}

#[derive(Debug)]
enum Source {
    /// The column at this place of the stage's input.
    Kept(usize),
    Computed(Arc<dyn PhysicalExpr>),
}

impl RowPipeline {
    /// Prepares a recipe.
    ///
    /// # Errors
    /// E0628 if it has a step, a function or a masking that this runtime does not know, or one
    /// that does not fit its columns.
    pub fn new(recipe: &ServingRecipe) -> Result<Self, StepFault> {
        let request = crate::request::schema_of_request(&recipe.request);
        let mut input = Arc::clone(&request);
        let mut stages = Vec::with_capacity(recipe.steps.len());
        for step in &recipe.steps {
            let stage = Stage::new(step, &input)?;
            input = Arc::clone(&stage.schema);
            stages.push(stage);
        }
        Ok(RowPipeline { request, stages })
    }

    /// The schema of what [`RowPipeline::run`] takes.
    pub fn request_schema(&self) -> &SchemaRef {
        &self.request
    }

    /// The schema of what [`RowPipeline::run`] gives.
    pub fn feature_schema(&self) -> &SchemaRef {
        self.stages
            .last()
            .map_or(&self.request, |stage| &stage.schema)
    }

    /// Replays the steps on rows that have at least the request's columns: the same cells, bit for
    /// bit, as the steps gave for the same rows.
    ///
    /// # Errors
    /// E0610, E0611 or E0612 if a row can't be computed, as in the step.
    pub fn run(&self, rows: &RecordBatch) -> Result<RecordBatch, StepFault> {
        let mut batch = match rows.schema_ref() == &self.request {
            true => rows.clone(),
            false => conform(rows, &self.request)?,
        };
        for stage in &self.stages {
            batch = stage.run(&batch)?;
        }
        Ok(batch)
    }
}

impl Stage {
    fn new(step: &RowStep, input: &Schema) -> Result<Self, StepFault> {
        let columns = compile_step(&step.operation, &step.entries, &step.result, input)?;
        let fields: Vec<_> = columns.iter().map(|column| column.field.clone()).collect();
        let source = |column: &crate::rows::RowColumn| match &column.computed {
            Some(expression) => prepare(expression, input).map(Source::Computed),
            None => input
                .index_of(column.field.name())
                .map(Source::Kept)
                .map_err(|_| StepFault::engine("a kept column is not there")),
        };
        Ok(Stage {
            schema: Arc::new(Schema::new(fields)),
            columns: columns.iter().map(source).collect::<Result<_, _>>()?,
        })
    }

    fn run(&self, input: &RecordBatch) -> Result<RecordBatch, StepFault> {
        let mut columns = Vec::with_capacity(self.columns.len());
        for (source, field) in self.columns.iter().zip(self.schema.fields()) {
            let array = match source {
                Source::Kept(index) => Arc::clone(input.column(*index)),
                Source::Computed(expression) => evaluate(expression.as_ref(), input)
                    .map_err(|fault| in_column(fault, field.name()))?,
            };
            if !field.is_nullable() && array.null_count() > 0 {
                return Err(StepFault::new(
                    codes::COMPUTED_MISSING,
                    format!("the column `{}` has no value in a row", field.name()),
                ));
            }
            columns.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(input.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(|_| StepFault::engine("a row step gave columns of another type"))
    }
}

fn in_column(fault: StepFault, name: &str) -> StepFault {
    match fault.code.as_str() {
        codes::INT_OVERFLOW | codes::NOT_FINITE => StepFault {
            message: format!("column `{name}`: {}", fault.message),
            ..fault
        },
        _ => fault,
    }
}
