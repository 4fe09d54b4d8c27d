//! Policies: what a spec, or a pack that it names, asks of everything in it, element by element.

use std::collections::BTreeSet;

use mlinfra_api::{Address, Value};

use crate::budget::Budget;
use crate::check::{Checker, Env};
use crate::code::{self, Code};
use crate::collection::in_round;
use crate::diagnostic::{Diagnostic, Fix, Label, Severity, Span};
use crate::facts::{Facts, Learned};
use crate::program::{PolicyFinding, PolicyStatus, Program};
use crate::rule::Rule;
use crate::tree::{BlockItem, Expr, ExprKind, Item, Node, Require};
use crate::types::{Term, Type};

/// A policy as written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy<'t> {
    pub(crate) item: &'t Item,
    pub(crate) block: &'t BlockItem,
    /// Where its names are looked up; none for a policy of a pack.
    pub(crate) scope: Option<usize>,
    pub(crate) pack: Option<&'static str>,
}

/// How many elements the policies of a spec may look at, all together.
const POLICY_ELEMENTS_MAX: usize = 200_000;

/// For how many elements that fail a policy makes edits.
const FIXES_MAX: usize = 200;

/// One thing that a policy looks at.
struct Subject {
    address: Address,
    /// Where it is named.
    span: Span,
    learned: Option<Learned>,
}

/// What was found, and the findings among it that are reported.
#[derive(Default)]
pub(crate) struct Judged {
    pub(crate) findings: Vec<PolicyFinding>,
    diagnostics: Vec<(Address, Diagnostic)>,
    /// Whether it is not known what the policy is about, so that not all of it was looked at.
    cut: bool,
}

impl<'t> Checker<'t> {
    /// Notes a policy of the spec.
    pub(crate) fn collect_policy(&mut self, item: &'t Item, block: &'t BlockItem, scope: usize) {
        if let Some(name) = &block.name {
            let first = self.policy_names.get(&name.text).copied();
            if let Some(first) = first {
                let text = "there is such a policy already";
                self.report(
                    Diagnostic::error(code::NAME_TWICE, name.span, text)
                        .also(first, "here first")
                        .help("what it finds could not be told from what the other one finds")
                        .help("rename one of the two"),
                );
            }
            self.policy_names.insert(name.text.clone(), name.span);
        }
        self.policies.push(Policy {
            item,
            block,
            scope: Some(scope),
            pack: None,
        });
    }

    /// Judges the program by the packs that it names and by its own policies.
    pub(crate) fn judge_policies(&mut self, program: &Program) -> Vec<PolicyFinding> {
        let library = self.library;
        self.warn_of_empty_packs();
        let mut policies: Vec<Policy<'t>> = Vec::new();
        for (name, items) in &library.packs {
            if !complies(program, name) {
                continue;
            }
            for item in items {
                if let Node::Block(block) = &item.node {
                    policies.push(Policy {
                        item,
                        block,
                        scope: None,
                        pack: Some(name),
                    });
                }
            }
        }
        policies.extend(&self.policies);
        if policies.is_empty() {
            return Vec::new();
        }
        self.facts = Some(self.find_facts(program));
        let found = self
            .findings
            .iter()
            .map(|finding| (finding.primary.span, finding.code));
        let found: BTreeSet<(Span, Code)> = found.collect();
        let mut all = Vec::new();
        for policy in policies {
            let judged = match policy.pack {
                Some(_) => self.judge_pack(policy),
                None => self.judge_policy(policy),
            };
            for (subject, diagnostic) in judged.diagnostics {
                if !self.is_found(&subject, &diagnostic, &found) {
                    self.report(diagnostic);
                }
            }
            all.extend(judged.findings);
        }
        all
    }

    /// Warns of each pack that the project names and that holds no policy yet: that nothing failed
    /// says nothing then.
    fn warn_of_empty_packs(&mut self) {
        let library = self.library;
        let mut findings = Vec::new();
        let blocks = self.blocks.iter();
        for project in blocks.filter(|block| block.role.as_deref() == Some("project")) {
            let Some(comply) = project.fields.get("comply") else {
                continue;
            };
            let named = comply.value.as_list().unwrap_or_default();
            let named = named.iter().filter_map(Value::as_case);
            for pack in named.filter(|pack| !library.packs.contains_key(pack)) {
                let text = format!("nothing of `{pack}` is checked in this version");
                findings.push(
                    Diagnostic::warning(code::PACK_EMPTY, self.word_in(comply.span, pack), text)
                        .help("that no finding names it does not mean that the spec complies")
                        .help("have a person look at it; `mlinfra check --manual` lists the rest"),
                );
            }
        }
        findings.into_iter().for_each(|one| self.report(one));
    }

    /// The place of a word inside this one, where it stands there alone.
    fn word_in(&self, span: Span, word: &str) -> Span {
        let is_part = |one: char| one.is_ascii_alphanumeric() || one == '_';
        let file = self.texts.get(span.file.0 as usize);
        let text = file.and_then(|file| file.text.get(span.start as usize..span.end as usize));
        let text = text.unwrap_or_default();
        let found = text.match_indices(word).find(|(at, _)| {
            let (before, behind) = (&text[..*at], &text[at + word.len()..]);
            !before.ends_with(is_part) && !behind.starts_with(is_part)
        });
        let Some(start) = found.and_then(|(at, _)| u32::try_from(at).ok()) else {
            return span;
        };
        let start = span.start + start;
        let end = start + u32::try_from(word.len()).unwrap_or(0);
        Span { start, end, ..span }
    }

    /// Judges by a policy of a pack. What only apply will know leaves an element unknown. A limit
    /// that is reached is an error: what was not judged never counts as passed.
    fn judge_pack(&mut self, policy: Policy<'t>) -> Judged {
        let things = self.facts.as_ref().map_or(0, Facts::size) + self.nodes.len();
        let budget = std::mem::replace(&mut self.budget, Budget::for_things(things));
        let limited = std::mem::replace(&mut self.limited, false);
        let (findings, errors) = (self.findings.len(), self.errors());
        let mut judged = self.judge_policy(policy);
        let cut = std::mem::replace(&mut self.limited, limited) || judged.cut;
        if cut {
            self.not_judged(policy, &mut judged);
        }
        let faults: Vec<&Diagnostic> = (self.findings.iter().skip(findings))
            .filter(|finding| !matches!(finding.code, code::LIMIT | code::KNOWN_TOO_LATE))
            .collect();
        debug_assert!(faults.is_empty(), "{:?}: {faults:?}", policy.block.name);
        self.forget(findings, errors);
        self.budget = budget;
        judged
    }

    /// Adds to what a policy of a pack found that not all of it was judged.
    fn not_judged(&self, policy: Policy<'t>, judged: &mut Judged) {
        let projects = self.of_kind.get("project").into_iter().flatten();
        let project = projects.copied().find_map(|id| self.blocks.get(id));
        let name = policy.block.name.as_ref().map_or("", |n| n.text.as_str());
        let pack = policy.pack.unwrap_or_default();
        let (subject, span) = match project {
            Some(project) => {
                let comply = project.fields.get("comply").filter(|field| field.written);
                let span = comply.map_or(project.name_span, |field| field.span);
                (project.address.clone(), span)
            }
            None => (Address::new("policy", name), policy.block.head()),
        };
        let text = format!("`{name}` of `{pack}` could not be judged whole: the spec is too large");
        let diagnostic = Diagnostic::error(code::PACK_NOT_JUDGED, span, text.clone())
            .help("what was not looked at may fail it, and is never counted as passed")
            .help("shorten names and lists, or cut the spec into several projects");
        judged.findings.push(PolicyFinding {
            policy: name.to_owned(),
            pack: policy.pack.map(str::to_owned),
            code: code::PACK_NOT_JUDGED.0.to_owned(),
            severity: "critical".to_owned(),
            cites: Vec::new(),
            title: code::PACK_NOT_JUDGED.title().to_owned(),
            status: PolicyStatus::Unknown,
            span,
            subject: subject.clone(),
            message: text,
            fix: None,
            environment: None,
        });
        judged.diagnostics.push((subject, diagnostic));
    }

    /// Whether the check found the same in this block without any policy.
    fn is_found(
        &self,
        subject: &Address,
        diagnostic: &Diagnostic,
        found: &BTreeSet<(Span, Code)>,
    ) -> bool {
        let Some(id) = self.addresses.get(subject) else {
            return false;
        };
        let block = self.nodes[*id].item.span;
        let inside = found.range((block.start(), Code(""))..);
        let mut inside = inside.take_while(|(span, _)| block.holds(*span));
        inside.any(|(_, code)| *code == diagnostic.code)
    }

    fn judge_policy(&mut self, policy: Policy<'t>) -> Judged {
        let mut judged = Judged::default();
        let env = match policy.scope {
            Some(scope) => Env::of(scope),
            None => Env::library(),
        };
        let Some(rule) = self.rule(policy, env) else {
            judged.cut = true;
            return judged;
        };
        let Some(repeat) = &policy.block.repeat else {
            let holds = policy.block.when.as_deref();
            self.judge_one(policy, &rule, None, holds, env, &mut judged);
            return judged;
        };
        let before = self.errors();
        let source = self.eval(&repeat.source, &Type::Any, env);
        let rounds = self.rounds(&source, repeat);
        judged.cut = rounds.is_none();
        let rounds = rounds.unwrap_or_default();
        let nobody = [(Term::error(), None)];
        let none = rounds.is_empty() && policy.pack.is_none();
        for (element, second) in if none { &nobody[..] } else { &rounds[..] } {
            let holds = policy.block.when.as_deref();
            in_round(repeat, (element, second.as_ref()), env, |inside| {
                self.judge_one(policy, &rule, Some(element), holds, inside, &mut judged);
            });
            if policy.pack.is_none() {
                self.policy_elements += 1;
                if self.policy_elements > POLICY_ELEMENTS_MAX {
                    let text = format!("policies over more than {POLICY_ELEMENTS_MAX} things");
                    self.limit(repeat.source.span, &text);
                }
                if self.errors() > before {
                    break;
                }
            }
        }
        if none {
            // It was judged for nobody, so that what is wrong in it is found now.
            return Judged::default();
        }
        judged
    }

    /// Judges one element, if the policy is about it at all.
    fn judge_one(
        &mut self,
        policy: Policy<'t>,
        rule: &Rule<'t>,
        element: Option<&Term>,
        when: Option<&Expr>,
        env: Env<'_>,
        judged: &mut Judged,
    ) {
        let concerns = match when {
            None => PolicyStatus::Pass,
            Some(when) => self.verdict(when, env),
        };
        if concerns == PolicyStatus::Fail {
            return;
        }
        let subject = self.subject(policy, element);
        let mut finding = PolicyFinding {
            policy: rule.name.clone(),
            pack: policy.pack.map(str::to_owned),
            code: rule.code.0.to_owned(),
            severity: rule.severity.clone(),
            cites: rule.cites.clone(),
            title: rule.title.clone(),
            status: concerns,
            span: self.place_of(rule, &subject),
            subject: subject.address.clone(),
            message: String::new(),
            fix: None,
            environment: None,
        };
        if concerns == PolicyStatus::Pass {
            if rule.fields.contains_key("manual") {
                finding.status = PolicyStatus::Manual;
            } else {
                let failed = self.conditions_of(rule, env, &mut finding);
                if let Some(failed) = failed {
                    if judged.diagnostics.len() < FIXES_MAX {
                        // What an edit is made from leaves the budget for judging the rest.
                        let budget = std::mem::replace(&mut self.budget, Budget::new());
                        let limited = self.limited;
                        finding.fix = self.mend(rule, &subject, env);
                        (self.budget, self.limited) = (budget, limited);
                    }
                    let diagnostic = self.failed(policy, rule, failed, &subject, env, &mut finding);
                    judged
                        .diagnostics
                        .push((subject.address.clone(), diagnostic));
                }
            }
        }
        let field = match finding.status {
            PolicyStatus::Manual => rule.fields.get("manual"),
            PolicyStatus::Pass => rule.fields.get("pass"),
            _ => None,
        };
        if let Some(text) = field.and_then(|expr| self.text(expr, env)) {
            finding.message = text;
        }
        if finding.status == PolicyStatus::Unknown {
            "what this rests on is not known yet".clone_into(&mut finding.message);
        }
        judged.findings.push(finding);
    }

    /// How a condition stands: it holds, it does not, or it is not known.
    fn verdict(&mut self, condition: &Expr, env: Env<'_>) -> PolicyStatus {
        let term = self.value(condition, &Type::Bool, env);
        match (term.term_type.is_error(), term.value) {
            (false, Value::Bool(true)) => PolicyStatus::Pass,
            (false, Value::Bool(false)) => PolicyStatus::Fail,
            _ => PolicyStatus::Unknown,
        }
    }

    /// Judges the conditions; the first that does not hold.
    fn conditions_of(
        &mut self,
        rule: &Rule<'t>,
        env: Env<'_>,
        finding: &mut PolicyFinding,
    ) -> Option<&'t Require> {
        for require in &rule.requires {
            match self.verdict(&require.condition, env) {
                PolicyStatus::Fail => {
                    finding.status = PolicyStatus::Fail;
                    return Some(require);
                }
                PolicyStatus::Unknown => finding.status = PolicyStatus::Unknown,
                _ => {}
            }
        }
        None
    }

    /// What is said of an element that fails.
    fn failed(
        &mut self,
        policy: Policy<'t>,
        rule: &Rule<'t>,
        failed: &Require,
        subject: &Subject,
        env: Env<'_>,
        finding: &mut PolicyFinding,
    ) -> Diagnostic {
        let own = policy.pack.is_none();
        let written = failed.message.as_ref().and_then(|m| self.text(m, env));
        finding.message = written.unwrap_or_else(|| {
            format!(
                "`{}` does not hold for `{}`",
                rule.name,
                subject.address.name()
            )
        });
        let mut diagnostic = Diagnostic::error(rule.code, finding.span, finding.message.clone());
        if !matches!(rule.severity.as_str(), "high" | "critical") {
            diagnostic.severity = Severity::Warning;
        }
        if own {
            diagnostic.title.clone_from(&rule.title);
            let text = "the policy asks for this".to_owned();
            let span = failed.condition.span;
            diagnostic.others.push(Label { span, text });
        }
        diagnostic.others.extend(self.labels(rule, subject, env));
        let cites = rule.cites.join(", ");
        let why = rule.fields.get("why").and_then(|expr| self.text(expr, env));
        diagnostic.help.extend(match (cites.is_empty(), why) {
            (false, Some(why)) => Some(format!("{cites}: {why}")),
            (false, None) => Some(cites),
            (true, Some(why)) => Some(why),
            (true, None) => None,
        });
        let help = rule
            .fields
            .get("help")
            .and_then(|expr| self.text(expr, env));
        diagnostic.help.extend(help);
        if diagnostic.help.is_empty() {
            let text = format!(
                "the spec's own policy `{}` is judged by every check",
                rule.name
            );
            diagnostic.help.push(text);
        }
        diagnostic.fix.clone_from(&finding.fix);
        diagnostic
    }

    /// What a policy looks at, and where that is named.
    fn subject(&self, policy: Policy<'t>, element: Option<&Term>) -> Subject {
        let learned = element.and_then(|e| self.facts.as_ref()?.learned(&e.value));
        if let Some(learned) = learned {
            return Subject {
                address: learned.step.clone(),
                span: learned.span,
                learned: Some(learned.clone()),
            };
        }
        let named = element.and_then(|element| element.value.as_reference());
        let block = named.and_then(|reference| {
            let id = self.addresses.get(&reference.address)?;
            Some((reference.address.clone(), self.nodes[*id].name.span))
        });
        let name = policy.block.name.as_ref().map_or("", |n| n.text.as_str());
        let own = || (Address::new("policy", name), policy.block.head());
        let (address, span) = block.unwrap_or_else(own);
        Subject {
            address,
            span,
            learned: None,
        }
    }

    /// The place at fault: what `at` names, as far as it is written.
    fn place_of(&self, rule: &Rule<'t>, subject: &Subject) -> Span {
        let written = rule.fields.get("at").and_then(|at| match &at.kind {
            ExprKind::Member { name, .. } => {
                let id = self.addresses.get(&subject.address)?;
                let block = self.blocks.get(*id)?;
                let field = block.fields.get(&name.text).filter(|field| field.written);
                let entry = block.step.as_ref().and_then(|s| s.spans.get(&name.text));
                field.map(|field| field.span).or(entry.copied())
            }
            _ => None,
        });
        written.unwrap_or(subject.span)
    }

    /// Where the column at fault got the class that the policy is about.
    fn labels(&mut self, rule: &Rule<'t>, subject: &Subject, env: Env<'_>) -> Vec<Label> {
        let class = rule
            .fields
            .get("origin")
            .and_then(|expr| self.text(expr, env));
        match (&subject.learned, class) {
            (Some(learned), Some(class)) => self.origins(&learned.table, &learned.column, &class),
            _ => Vec::new(),
        }
    }

    /// The edit that mends it, if the policy knows one.
    fn mend(&mut self, rule: &Rule<'t>, subject: &Subject, env: Env<'_>) -> Option<Fix> {
        if let Some(expr) = rule.fields.get("set") {
            let entry = self.text(expr, env)?;
            return self.set_edit(&subject.address, &entry, self.texts);
        }
        let masking = self.text(rule.fields.get("mask")?, env);
        self.mask_edit(subject.learned.as_ref()?, masking.as_deref(), self.texts)
    }
}

/// Whether the project says that it complies with a pack.
fn complies(program: &Program, pack: &str) -> bool {
    let fields = program
        .with_role("project")
        .filter_map(|project| project.fields.get("comply"));
    let mut named = fields.filter_map(|field| field.value.as_list()).flatten();
    named.any(|case| case.as_case() == Some(pack))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::first_sentence;
    use crate::schema::Library;

    #[test]
    fn every_pack_has_its_word_and_every_policy_of_it_is_whole() {
        let library = Library::standard();
        let Some(Type::Enum(words)) = library.types.get("pack") else {
            panic!("the packs are no type with cases");
        };
        assert!(!library.packs.is_empty());
        for pack in library.packs.keys() {
            assert!(words.case(pack).is_some(), "{pack} can't be named");
        }
        for items in library.packs.values() {
            let mut names = BTreeSet::new();
            for item in items {
                let Node::Block(block) = &item.node else {
                    panic!("a pack holds policies alone");
                };
                assert_eq!(block.path.text(), "policy");
                let name = &block.name.as_ref().expect("a name").text;
                assert!(names.insert(name.clone()), "{name} twice");
                assert!(first_sentence(&item.documentation).is_some(), "{name}");
                let field = |wanted: &str| {
                    let same = |entry: &&Item| match &entry.node {
                        Node::Field { path, .. } => path.word() == wanted,
                        _ => false,
                    };
                    block.items().iter().any(|entry| same(&entry))
                };
                for wanted in ["severity", "code", "cites"] {
                    assert!(field(wanted), "{name} has no {wanted}");
                }
                let requires = block.items().iter().filter(|entry| {
                    matches!(&entry.node, Node::Require(require) if require.message.is_some())
                });
                let judged = requires.count() > 0;
                assert_ne!(judged, field("manual"), "{name}");
                for wanted in ["why", "help", "pass"] {
                    assert_eq!(field(wanted), judged, "{name}: {wanted}");
                }
            }
        }
    }
}
