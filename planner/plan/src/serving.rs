//! How an endpoint turns a raw request into features, as the runtime is told it.

use mlinfra_api::{Address, Resource};
use mlinfra_check::ModelType;
use mlinfra_runtime_spec::{RequestSchema, RowStep, ServingRecipe};

/// The recipe that the checker derived for a model, in the runtime's words: the row steps to
/// replay, cut down to what the features need, and the raw columns that are left to ask for.
pub(crate) fn serving_recipe(model: &ModelType) -> ServingRecipe {
    let steps = model.recipe.iter().map(|step| RowStep {
        operation: step.operation.clone(),
        entries: step.entries.clone(),
        result: step.result.clone(),
    });
    ServingRecipe {
        request: RequestSchema::of(&model.request),
        steps: steps.collect(),
    }
}

/// The store, a block of the spec, from which a resource serves a release.
pub(crate) fn served_store(resource: &Resource) -> Option<Address> {
    let model = resource.properties.get("model")?.as_record()?;
    let store = model.get("store")?.as_record()?;
    store.get("address")?.as_text()?.parse().ok()
}
