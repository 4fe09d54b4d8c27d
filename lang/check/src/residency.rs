//! Holds the countries of all targets against where the project lets data be.

use std::collections::BTreeMap;

use mlinfra_api::Value;

use crate::check::Checker;
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::facts::Facts;
use crate::program::Program;
use crate::schema::{KindValue, Library};
use crate::scope::NodeId;
use crate::tree::{Argument, ExprKind};
use crate::types::{Case, CheckedType, EnumType, Type};
use crate::wording::list;

impl Checker<'_> {
    /// In which country each target is, and whether the project lets data be there.
    pub(crate) fn find_countries(&self, program: &Program, facts: &mut Facts) {
        let regions = self.residency().map(|(regions, _)| regions);
        for target in program.with_role("target") {
            let country = match &target.value {
                Some(value @ Value::Case { .. }) => self.country(&target.kind, value),
                // In error: where it stands is not known.
                _ => Value::Unknown("country".to_owned()),
            };
            let allowed = match (&country, &regions) {
                (Value::String(country), Some(regions)) => Value::Bool(
                    regions
                        .iter()
                        .any(|region| region.countries.contains(country)),
                ),
                _ => Value::Unknown("bool".to_owned()),
            };
            let regions = self.regions_of(&target.kind, &country);
            facts.put("regions", "", &target.address, regions);
            facts.put("country", "", &target.address, country);
            facts.put("allowed", "", &target.address, allowed);
        }
    }

    /// The country that a target says it stands in, or else that of the region which it names.
    fn country(&self, kind: &str, target: &Value) -> Value {
        let Value::Case { name, arguments } = target else {
            return Value::None;
        };
        if let Some(said) = arguments.get("country") {
            return said.clone();
        }
        let declared = self.library.kinds.get(kind).map(|kind| &kind.value);
        let Some(KindValue::Of(Type::Enum(targets))) = declared else {
            return Value::None;
        };
        let parameters = targets.case(name).map_or(&[][..], |case| &case.parameters);
        for parameter in parameters {
            let mut regions = Vec::new();
            parameter.parameter_type.enums(&mut regions);
            let Some(written) = arguments.get(&parameter.name) else {
                continue;
            };
            let Some(region) = written.as_text() else {
                // Which region it is will be known later, and so will its country.
                if regions.iter().any(|region| region.of_texts) {
                    return Value::Unknown("country".to_owned());
                }
                continue;
            };
            let case = regions.iter().find_map(|known| known.case(region));
            if let Some([country]) = case.map(|case| case.countries.as_slice()) {
                return Value::text(country);
            }
        }
        Value::None
    }

    /// What a type with conditions takes instead of a case: those in its country as they are
    /// written, or else in countries that a type lists together with it. With how near they are.
    pub(crate) fn cases_instead(
        &mut self,
        checked: &CheckedType,
        value: &Value,
    ) -> (&'static str, Vec<String>) {
        let (Type::Enum(of), Some(refused)) = (checked.base.bare(), value.as_text()) else {
            return ("", Vec::new());
        };
        let own = of.case(refused).map_or(&[][..], |case| &case.countries);
        let inside = self.cases_in(checked, of, own);
        if !inside.is_empty() {
            return ("in", inside);
        }
        let declared = self.library.types.values().filter_map(|one| match one {
            Type::Enum(listed) if !listed.of_texts => Some(listed),
            _ => None,
        });
        let lists = declared.flat_map(|listed| listed.cases());
        let with_it = |case: &&Case| case.countries.iter().any(|one| own.contains(one));
        let near: Vec<String> = (lists.filter(with_it))
            .flat_map(|case| case.countries.iter().cloned())
            .collect();
        ("near", self.cases_in(checked, of, &near))
    }

    /// The cases in these countries that the type takes, as they are written.
    fn cases_in(&mut self, checked: &CheckedType, of: &EnumType, all: &[String]) -> Vec<String> {
        let inside = |case: &&Case| case.countries.iter().any(|one| all.contains(one));
        let taken = of.cases().iter().filter(inside).filter(|case| {
            let text = Value::text(&case.name);
            self.refused(checked, &text).is_none()
        });
        taken.map(|case| format!("\"{}\"", case.name)).collect()
    }

    /// The declared regions in which a country lies.
    fn regions_of(&self, kind: &str, country: &Value) -> Value {
        let declared = (self.library.kinds.get(kind).into_iter())
            .flat_map(|kind| kind.facts.values())
            .find(|fact| fact.name == "regions");
        let (Some(fact), Value::String(country)) = (declared, country) else {
            return Value::Unknown("regions".to_owned());
        };
        let mut regions = Vec::new();
        fact.field_type.enums(&mut regions);
        let cases = regions.iter().flat_map(|region| region.cases());
        let around = cases.filter(|case| case.countries.contains(country));
        let named = around.map(|case| Value::Case {
            name: case.name.clone(),
            arguments: BTreeMap::new(),
        });
        Value::List(named.collect())
    }

    /// Reports each target that stands outside of the project's `residency`, and warns of each
    /// that does not say where it stands. Without a `residency`, everywhere is allowed.
    pub(crate) fn check_residency(&mut self) {
        let Some((regions, written)) = self.residency() else {
            return;
        };
        let names: Vec<&str> = regions.iter().map(|case| case.name.as_str()).collect();
        for id in 0..self.nodes.len() {
            let Some(block) = self.blocks.get(id) else {
                continue;
            };
            if block.role.as_deref() != Some("target") {
                continue;
            }
            let Some(value @ Value::Case { name, .. }) = &block.value else {
                continue;
            };
            let finding = match self.country(&block.kind, value) {
                Value::String(country) => {
                    if regions.iter().any(|case| case.countries.contains(&country)) {
                        continue;
                    }
                    let text = format!("`{country}` is outside of {}", list(&names));
                    Diagnostic::error(code::OUTSIDE_RESIDENCY, self.country_span(id), text)
                        .also(written, "data may be here alone")
                        .help("data would leave the regions that the project allows")
                        .help("use a target in one of them, or add the region to `residency`")
                }
                // A stray entry of its body may be what says it.
                Value::None if self.uncertain.contains(&id) => continue,
                Value::None => Diagnostic::warning(
                    code::COUNTRY_UNSAID,
                    self.nodes[id].name.span,
                    "nothing says in which country this is",
                )
                .also(written, "so this can't be judged")
                .help("data may be outside of the regions that the project allows")
                .help(format!("say where it is: `= {name}(country = \"DE\")`")),
                _ => continue,
            };
            self.report(finding);
        }
    }

    /// The regions that the project names, and where; none if it names none.
    pub(crate) fn residency(&self) -> Option<(Vec<&'static Case>, Span)> {
        let library: &'static Library = self.library;
        let project = self
            .blocks
            .iter()
            .find(|block| block.role.as_deref() == Some("project"))?;
        let field = project.fields.get("residency")?;
        let declared = library.kinds.get(&project.kind)?.fields.get("residency")?;
        let Type::List(region) = &declared.field_type else {
            return None;
        };
        let Type::Enum(known) = &**region else {
            return None;
        };
        let named: Vec<&str> = (field.value.as_list()?.iter())
            .filter_map(Value::as_case)
            .collect();
        let regions: Vec<&'static Case> = known
            .cases()
            .iter()
            .filter(|case| named.contains(&case.name.as_str()))
            .collect();
        (!regions.is_empty()).then_some((regions, field.span))
    }

    /// Where a target's country is written, as near as the text tells.
    fn country_span(&self, id: NodeId) -> Span {
        let node = &self.nodes[id];
        let Some(value) = node.block.and_then(|block| block.value.as_ref()) else {
            return node.name.span;
        };
        let ExprKind::Call { arguments, .. } = &value.kind else {
            return value.span;
        };
        let named = |wanted: &str| {
            let is =
                |argument: &&Argument| argument.name.as_ref().is_some_and(|n| n.text == wanted);
            arguments.iter().find(is)
        };
        let argument = named("country")
            .or_else(|| named("region"))
            .or_else(|| arguments.iter().find(|argument| argument.name.is_none()));
        argument.map_or(value.span, |argument| argument.value.span)
    }
}
