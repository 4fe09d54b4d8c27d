//! Whether the rows that a model is judged on are others than those that it learned from.

use std::sync::Arc;

use ahash::{HashMap, HashMapExt};
use mlinfra_api::{Address, Value};

use crate::check::Checker;
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::model::Fitted;
use crate::program::Step;
use crate::step::Inputs;
use crate::table::Table;
use crate::types::Type;

/// A table as it is named: its block, and the part.
type Named<'t> = (&'t Address, Option<&'t str>);

fn named(table: &Table) -> Named<'_> {
    (&table.address, table.part.as_deref())
}

impl Checker<'_> {
    /// Reports a model that is judged on rows which it learned from.
    pub(crate) fn check_unseen(&mut self, fitted: &Fitted, judged: &Arc<Table>, span: Span) {
        let trained = &fitted.data;
        if trained.tainted || judged.tainted || !self.shares_rows(trained, judged) {
            return;
        }
        let same = named(trained) == named(judged);
        let text = match same {
            true => "the model learned from these very rows",
            false => "the model learned from rows that are in here too",
        };
        let mut finding = Diagnostic::error(code::JUDGED_ON_TRAINING, span, text);
        let model = fitted.model.as_ref().map(|model| &model.trained_by);
        let id = model.and_then(|model| self.addresses.get(model));
        if let Some(block) = id.and_then(|id| self.blocks.get(*id)) {
            finding = finding.also(block.name_span, "it is fitted here");
        }
        let finding = finding
            .help("it has seen their answers, so the figures say nothing about rows that are new");
        let others = self.other_parts(trained);
        let written = self.text_of(span);
        let own = trained.part.as_deref().unwrap_or_default();
        let prefix = written
            .strip_suffix(own)
            .filter(|_| same && !own.is_empty());
        self.report(match (others.first(), prefix) {
            (Some(other), Some(prefix)) => {
                finding.suggest(span, &written, Some(&format!("{prefix}{other}")))
            }
            (Some(other), None) => {
                let cut = trained.address.name();
                finding.help(format!("judge it on another part: `{cut}.{other}`"))
            }
            (None, _) => finding.help(
                "cut the table with `split` before training: learn from one part, judge on another",
            ),
        });
    }

    /// Warns if what judges a model of a program's own was made from the rows that the program had:
    /// whether it held some back is not known.
    pub(crate) fn check_unseen_made(&mut self, inputs: &Inputs, step: &Step) {
        let models = inputs
            .terms
            .values()
            .find_map(|term| match &term.term_type {
                Type::Weights(fitted) if fitted.foreign => Some(fitted),
                _ => None,
            });
        let judged = inputs
            .terms
            .iter()
            .find_map(|(name, term)| match &term.term_type {
                Type::Made(made) => Some((name, made)),
                _ => None,
            });
        let (Some(fitted), Some((name, made))) = (models, judged) else {
            return;
        };
        let tainted = fitted.data.tainted || made.data.tainted;
        if tainted || !self.shares_rows(&fitted.data, &made.data) {
            return;
        }
        let span = step.spans.get(name).copied().unwrap_or(step.operation_span);
        let text = "the program that made the model had these too";
        self.report(
            Diagnostic::warning(code::MAY_HAVE_LEARNED, span, text)
                .help("unless it held some back, the figures say nothing about what is new")
                .help(
                    "cut the table with `split` first: one part for the program, one to judge on",
                ),
        );
    }

    /// The other parts of the table that this is a part of.
    fn other_parts(&self, table: &Table) -> Vec<String> {
        let step = self.step_at(&table.address);
        let parts = step.into_iter().flat_map(|step| step.parts.keys());
        let own = table.part.as_deref();
        parts
            .filter(|part| Some(part.as_str()) != own)
            .cloned()
            .collect()
    }

    fn step_at(&self, address: &Address) -> Option<&Step> {
        let id = *self.addresses.get(address)?;
        self.blocks.get(id)?.step.as_deref()
    }

    /// Whether rows of one table are rows of the other. They are where both come from one table,
    /// unless they went into different parts of the same cut on their way.
    fn shares_rows(&self, trained: &Arc<Table>, judged: &Arc<Table>) -> bool {
        // For each table before the trained one, the first cut behind it on the way to that one.
        let mut cuts: HashMap<Named<'_>, Option<&Arc<Table>>> = HashMap::new();
        let mut cut = None;
        let mut next = Some(trained);
        while let Some(table) = next {
            cuts.insert(named(table), cut);
            cut = table.part.as_ref().map(|_| table).or(cut);
            next = table.origin.as_ref().map(|origin| &origin.from);
        }
        let mut cut: Option<&Arc<Table>> = None;
        let mut next = Some(judged);
        while let Some(table) = next {
            if let Some(other) = cuts.get(&named(table)) {
                let (Some(one), Some(other)) = (cut, *other) else {
                    return true;
                };
                return one.part == other.part || !self.is_same_cut(one, other);
            }
            cut = table.part.as_ref().map(|_| table).or(cut);
            next = table.origin.as_ref().map(|origin| &origin.from);
        }
        false
    }

    /// Whether two parts come from one cut, or from two that put the same rows into each part.
    fn is_same_cut(&self, one: &Arc<Table>, other: &Arc<Table>) -> bool {
        if one.address == other.address {
            return true;
        }
        let (Some(one), Some(other)) = (self.step_at(&one.address), self.step_at(&other.address))
        else {
            return false;
        };
        let plain = |step: &Step| -> Vec<(String, Value)> {
            let arguments = step.arguments.iter();
            let plain = arguments.filter(|(_, argument)| argument.table.is_none());
            plain.map(|(n, a)| (n.clone(), a.value.clone())).collect()
        };
        one.operation == other.operation
            && one.entries == other.entries
            && plain(one) == plain(other)
    }
}
