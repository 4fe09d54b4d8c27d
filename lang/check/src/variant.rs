//! Operations of one name: which of them a call means is told by what flows in.

use std::sync::Arc;

use crate::check::Checker;
use crate::fit::fit;
use crate::program::Step;
use crate::schema::Operation;
use crate::step::Inputs;
use crate::types::Type;

impl Checker<'_> {
    /// What flows into this parameter of the other operations of this name.
    pub(crate) fn other_types(&self, operation: &str, parameter: &str) -> Vec<Type> {
        let others = self.library.variants.get(operation).into_iter().flatten();
        let parameters = others.flat_map(|other| &other.parameters);
        parameters
            .filter(|other| {
                other.name == parameter && matches!(other.parameter_type, Type::Opaque(_))
            })
            .map(|other| other.parameter_type.clone())
            .collect()
    }

    /// The operation of this name that what flowed in is for.
    pub(crate) fn variant_for(
        &self,
        operation: Arc<Operation>,
        inputs: &Inputs,
        step: &mut Step,
    ) -> Arc<Operation> {
        let others = self
            .library
            .variants
            .get(&operation.name)
            .into_iter()
            .flatten();
        let is_for = |other: &&Arc<Operation>| {
            other.parameters.iter().any(|parameter| {
                let term = inputs.terms.get(&parameter.name);
                matches!(parameter.parameter_type, Type::Opaque(_))
                    && term.is_some_and(|term| {
                        !term.term_type.is_error()
                            && fit(&term.value, &term.term_type, &parameter.parameter_type).is_ok()
                    })
            })
        };
        match others.into_iter().find(is_for) {
            Some(other) => {
                step.version = other.version;
                Arc::clone(other)
            }
            None => operation,
        }
    }
}
