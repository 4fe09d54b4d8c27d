//! Environments: several states of one spec, each with its own values and its own limits.

use std::collections::{BTreeMap, BTreeSet};

use mlinfra_api::Value;

use crate::Checked;
use crate::check::{Checker, Env, Given};
use crate::code;
use crate::diagnostic::{Diagnostic, FileId, Span};
use crate::program::{Block, Environment, GivenParameter, PolicyFinding, Program};
use crate::scope::NodeId;
use crate::source::Sources;
use crate::suggest::nearest;
use crate::test::{given_in, parameters_section};
use crate::tree::{BlockItem, Name, Node};
use crate::types::{Term, Type};
use crate::wording::list_some;

/// The word of the form, and of its value in expressions.
pub(crate) const ENVIRONMENT: &str = "environment";
/// How many environments a spec may have: without one that is asked for, it is checked as it is in
/// each of them.
pub(crate) const ENVIRONMENTS_MAX: usize = 32;
/// The role of what an environment may forbid.
const TARGET: &str = "target";
/// What a target's value and an environment call the account.
const ACCOUNT: &str = "account";

/// A form that says something about the world, not about what shall be in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WorldForm {
    Environment,
    Moved,
    Removed,
}

impl WorldForm {
    /// The form with this word.
    pub(crate) fn of(word: &str) -> Option<WorldForm> {
        [WorldForm::Environment, WorldForm::Moved, WorldForm::Removed]
            .into_iter()
            .find(|form| form.word() == word)
    }

    /// How one is written that has no name; none for a form whose name is just that.
    pub(crate) fn advice(word: &str) -> Option<&'static str> {
        match WorldForm::of(word)? {
            WorldForm::Environment => None,
            WorldForm::Moved => Some(
                "write `moved \"storage.old\" = \"storage.new\"`: the old name, and the new one",
            ),
            WorldForm::Removed => Some("write `removed \"storage.old\"`"),
        }
    }

    /// Its word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            WorldForm::Environment => ENVIRONMENT,
            WorldForm::Moved => "moved",
            WorldForm::Removed => "removed",
        }
    }
}

/// The environments of a spec.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environments {
    /// The type whose cases they are; none if the spec declares none.
    environment_type: Option<Type>,
    /// The one that the spec is checked for.
    pub(crate) chosen: Option<String>,
}

impl Environments {
    /// Those of these files; the chosen one only if it is among them.
    pub(crate) fn of(sources: &Sources, chosen: Option<&str>) -> Self {
        let names = names(sources);
        let chosen = chosen.filter(|chosen| names.iter().any(|name| name == chosen));
        Environments {
            chosen: chosen.map(str::to_owned),
            environment_type: (!names.is_empty()).then(|| Type::enumeration(names)),
        }
    }
}

/// Every environment with its name, in the order written.
fn all(sources: &Sources) -> impl Iterator<Item = (&Name, &BlockItem, usize)> {
    let files = sources.parsed.iter().enumerate();
    let items = files.flat_map(|(file, parsed)| parsed.items.iter().map(move |item| (file, item)));
    items.filter_map(|(file, item)| match &item.node {
        Node::Block(block) if block.path.word() == ENVIRONMENT => {
            Some((block.name.as_ref()?, &**block, file))
        }
        _ => None,
    })
}

/// The names of the environments, in the order written, each once.
pub(crate) fn names(sources: &Sources) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let names = all(sources).map(|(name, ..)| name.text.clone());
    names.filter(|name| seen.insert(name.clone())).collect()
}

/// A finding at the first environment that is one too many.
pub(crate) fn too_many(sources: &Sources) -> Option<Diagnostic> {
    let mut seen = BTreeSet::new();
    let mut names = all(sources).map(|(name, ..)| name);
    let name = names.find(|name| {
        seen.insert(name.text.as_str());
        seen.len() > ENVIRONMENTS_MAX
    })?;
    let text = format!("more than {ENVIRONMENTS_MAX} environments");
    Some(
        Diagnostic::error(code::LIMIT, name.span, text)
            .help("the spec is checked as it is in each of them")
            .help("make specs of their own for those that have little in common"),
    )
}

/// What an environment gives for parameters, by name.
pub(crate) fn given(
    sources: &Sources,
    name: &str,
) -> Result<BTreeMap<String, Given>, Box<Diagnostic>> {
    let found = all(sources).find(|(written, ..)| written.text == name);
    let Some((_, block, file)) = found else {
        return Err(Box::new(unknown(sources, name)));
    };
    Ok(given_in(
        block,
        Some(file),
        &format!("{ENVIRONMENT} {name}"),
    ))
}

fn unknown(sources: &Sources, name: &str) -> Diagnostic {
    let start = Span {
        file: FileId(0),
        start: 0,
        end: 0,
    };
    let text = format!("the spec has no environment `{name}`");
    let finding = Diagnostic::error(code::ENVIRONMENT_UNKNOWN, start, text)
        .help("its state and its values would be those of another one, or none");
    let names = names(sources);
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    match nearest(name, known.iter().copied()) {
        Some(meant) => finding.help(meant.question()),
        None if known.is_empty() => finding.help(format!(
            "it declares none: write `{ENVIRONMENT} {name} {{}}`, or ask for none"
        )),
        None => finding.help(format!("it has {}", list_some(&known))),
    }
}

/// What was found in each environment, as one: the program of the first, and every finding once.
pub(crate) fn merged(names: &[String], all: Vec<Checked>) -> Checked {
    let count = all.len();
    let mut in_how_many: BTreeMap<(Span, code::Code, String), (usize, usize)> = BTreeMap::new();
    let mut merged = Checked::default();
    let mut policies = Vec::new();
    for (place, mut checked) in all.into_iter().enumerate() {
        policies.push(std::mem::take(&mut checked.program.policies));
        if place == 0 {
            merged.program = checked.program;
        }
        merged.found = merged.found.max(checked.found);
        for finding in checked.diagnostics {
            let key = (
                finding.primary.span,
                finding.code,
                finding.primary.text.clone(),
            );
            let known = in_how_many.entry(key).or_insert((0, place));
            known.0 += 1;
            if known.0 == 1 {
                merged.diagnostics.push(finding);
            }
        }
    }
    for finding in &mut merged.diagnostics {
        let key = (
            finding.primary.span,
            finding.code,
            finding.primary.text.clone(),
        );
        let (times, first) = in_how_many.get(&key).copied().unwrap_or((count, 0));
        if times < count {
            let which = names.get(first).map_or("", String::as_str);
            let text = match times {
                1 => format!("in the environment `{which}` alone"),
                _ => format!("in {times} of {count} environments, `{which}` for one"),
            };
            finding.help.push(text);
        }
    }
    merged
        .diagnostics
        .sort_by_key(|finding| (finding.primary.span, finding.code));
    merged.found = merged.found.max(merged.diagnostics.len());
    merged.program.policies = merged_policies(names, policies);
    merged
}

/// What the policies say in each environment, as one: what they say in all of them once.
fn merged_policies(names: &[String], all: Vec<Vec<PolicyFinding>>) -> Vec<PolicyFinding> {
    let key = |one: &PolicyFinding| {
        let about = (one.policy.clone(), one.pack.clone(), one.subject.clone());
        (about, one.status, one.message.clone())
    };
    let mut times = BTreeMap::new();
    for one in all.iter().flatten() {
        *times.entry(key(one)).or_insert(0) += 1;
    }
    let count = all.len();
    let mut merged = Vec::new();
    for (place, findings) in all.into_iter().enumerate() {
        for mut one in findings {
            let in_all = times.get(&key(&one)) == Some(&count);
            if in_all && place > 0 {
                continue;
            }
            one.environment = names.get(place).filter(|_| !in_all).cloned();
            merged.push(one);
        }
    }
    merged
}

impl Checker<'_> {
    /// The bare word for the environment that is meant, where the spec declares some.
    pub(crate) fn environment_word(&mut self, name: &str, env: Env<'_>) -> Option<Term> {
        let of_spec = env.scope.is_some() && name == ENVIRONMENT;
        let environment_type = (self.environments.environment_type.clone()).filter(|_| of_spec)?;
        Some(match &self.environments.chosen {
            Some(chosen) => Term::new(environment_type, Value::case(chosen)),
            None => Term::error(),
        })
    }

    /// Checks what says something about the world.
    pub(crate) fn check_world_form(&mut self, id: NodeId, form: WorldForm) -> Term {
        match form {
            WorldForm::Environment => self.check_environment(id),
            WorldForm::Moved => self.check_moved(id),
            WorldForm::Removed => self.check_removed(id),
        }
        Term::error()
    }

    /// Checks an environment. The fields of others than the chosen one are looked at when it is
    /// their turn: what they name may be different there.
    fn check_environment(&mut self, id: NodeId) {
        let node = &self.nodes[id];
        let item = node.item;
        let Some(block) = node.block else { return };
        let is_chosen = self.environments.chosen.as_ref() == Some(&node.name.text);
        self.refuse_head(block, &[]);
        self.check_word(id);
        let Some(kind) = self.library.forms.get(ENVIRONMENT) else {
            return;
        };
        let mut first: Option<Span> = None;
        for (section, entry) in
            (block.items().iter()).filter_map(|entry| Some((parameters_section(entry)?, entry)))
        {
            if let Some(first) = first {
                self.section_twice(section, first);
            }
            first = first.or(Some(section.path.span));
            self.given_section(section, entry);
        }
        if !is_chosen {
            return;
        }
        for entry in block.items() {
            match &entry.node {
                Node::Block(nested) if parameters_section(entry).is_none() && !entry.broken => {
                    self.no_entry_of_environment(nested.path.span);
                }
                Node::Require(_) | Node::Use(_) => self.no_entry_of_environment(entry.span),
                _ => {}
            }
        }
        let mut checked = self.empty_block(id, kind, item, BTreeMap::new());
        self.check_fields(id, kind, block, &mut checked);
        self.blocks.set(id, checked);
    }

    /// An environment's name is that of a folder, and stands bare in expressions.
    fn check_word(&mut self, id: NodeId) {
        let name = self.nodes[id].name.clone();
        let mut letters = name.text.chars();
        let is_word = letters
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic())
            && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if !is_word {
            self.report(
                Diagnostic::error(code::ENVIRONMENT_UNKNOWN, name.span, "this is no word")
                    .help("it names a folder, an option, and a value in expressions")
                    .help("begin with a letter, and use letters, digits and `_`"),
            );
        }
    }

    fn no_entry_of_environment(&mut self, span: Span) {
        let text = "an environment holds fields and `params` alone";
        self.report(
            Diagnostic::error(code::ENTRY_OUT_OF_PLACE, span, text)
                .help("nothing would read this")
                .help(
                    "what is there in one environment alone says so itself: `when environment == \
                     …`",
                ),
        );
    }

    /// The checked block of the chosen environment.
    fn environment_block(&self) -> Option<&Block> {
        let chosen = self.environments.chosen.as_ref()?;
        let id = self.world_names.get(&(ENVIRONMENT, chosen.clone()))?;
        self.blocks.get(*id)
    }

    /// What the chosen environment says, for the program.
    pub(crate) fn environment(&self) -> Option<Environment> {
        let name = self.environments.chosen.clone()?;
        let targets = self.environment_block().and_then(|block| {
            let listed = block.fields.get("targets")?.value.as_list()?;
            let addresses = listed.iter().filter_map(Value::as_reference);
            Some(
                addresses
                    .map(|reference| reference.address.clone())
                    .collect(),
            )
        });
        let protect = self.is_protected();
        Some(Environment {
            name,
            targets,
            protect,
        })
    }

    /// Whether everything in the chosen environment is kept as if it were protected.
    fn is_protected(&self) -> bool {
        let block = self.environment_block();
        let protect = block.and_then(|block| block.fields.get("protect"));
        protect.is_some_and(|field| field.value == Value::Bool(true))
    }

    /// The parameters of the root file that were given a value, with who gave it.
    pub(crate) fn parameters_given(&self) -> BTreeMap<String, GivenParameter> {
        let shown = |(name, given): (&String, &Given)| {
            let id = self.parameters.get(name)?;
            let term = self
                .evaluated(*id)
                .filter(|term| !term.term_type.is_error())?;
            let value = match term.term_type.is_secret() {
                true => Value::text("(secret)"),
                false => term.value.clone(),
            };
            let from = given.from.clone();
            Some((name.clone(), GivenParameter { value, from }))
        };
        self.given.iter().filter_map(shown).collect()
    }

    /// Holds the targets of a program against what its environment may touch.
    pub(crate) fn check_limits(&mut self, program: &Program) {
        let (Some(environment), Some(block)) = (&program.environment, self.environment_block())
        else {
            return;
        };
        let account = block.fields.get(ACCOUNT).filter(|field| field.written);
        let account = account.map(|field| (field.value.clone(), field.span));
        let allowed = block.fields.get("targets").map(|field| field.span);
        let mut findings = Vec::new();
        for block in program
            .blocks
            .iter()
            .filter(|_| environment.targets.is_some())
        {
            let place = block
                .place
                .as_ref()
                .filter(|place| !environment.may_touch(place));
            let place = place.and_then(|place| program.block(place));
            let target = place.filter(|place| place.role.as_deref() == Some(TARGET));
            if let (Some(target), Some(allowed)) = (target, allowed) {
                let text = format!(
                    "this stands on `{}`, which `{}` may not touch",
                    target.address.name(),
                    environment.name
                );
                findings.push(
                    Diagnostic::error(code::ENVIRONMENT_TARGET, block.name_span, text)
                        .also(allowed, "these may be touched")
                        .help("applying one environment must not change another's machines")
                        .help("place it on one of these, or list its target too"),
                );
            }
        }
        if let Some((wanted, span)) = account {
            findings.extend(other_account(program, environment, &wanted, span));
        }
        findings
            .into_iter()
            .for_each(|finding| self.report(finding));
    }
}

/// A finding for each target of another account; one if no target names any.
fn other_account(
    program: &Program,
    environment: &Environment,
    wanted: &Value,
    span: Span,
) -> Vec<Diagnostic> {
    let targets = program.with_role(TARGET);
    let targets = targets.filter(|target| environment.may_touch(&target.address));
    let named = targets.filter_map(|target| match target.value.as_ref()? {
        Value::Case { arguments, .. } => Some((target, arguments.get(ACCOUNT)?)),
        _ => None,
    });
    let named: Vec<(&Block, &Value)> = named.collect();
    if named.is_empty() {
        let text = "no target here belongs to an account";
        return vec![
            Diagnostic::error(code::ENVIRONMENT_ACCOUNT, span, text)
                .help("this would guard nothing")
                .help("take it out, or name the account in the target that it is of"),
        ];
    }
    let others = named.into_iter().filter(|(_, account)| *account != wanted);
    let finding = |(target, account): (&Block, &Value)| {
        let text = match account {
            Value::None => "this target names no account".to_owned(),
            account => format!("this target belongs to the account {account}"),
        };
        Diagnostic::error(code::ENVIRONMENT_ACCOUNT, target.name_span, text)
            .also(
                span,
                format!("`{}` touches this one alone", environment.name),
            )
            .help("what is meant for one account would be made in another")
            .help(format!(
                "give the target `{ACCOUNT}` this value, perhaps by a parameter"
            ))
    };
    others.map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_found_by_its_word() {
        assert_eq!(WorldForm::of(ENVIRONMENT), Some(WorldForm::Environment));
        assert_eq!(WorldForm::of("removed"), Some(WorldForm::Removed));
        assert_eq!(WorldForm::of("word"), None);
    }
}
