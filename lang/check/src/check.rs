//! The checker's state: what is declared, what is evaluated, and what was found.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use ahash::{HashMap, HashMapExt};
use mlinfra_api::{Address, Reference, Value};

use crate::branch::Present;
use crate::budget::Budget;
use crate::code;
use crate::component::Component;
use crate::diagnostic::{Diagnostic, Severity, Span};
use crate::entries::LongBodies;
use crate::environment::Environments;
use crate::expand::Family;
use crate::facts::Facts;
use crate::functions::Patterns;
use crate::made::Blocks;
use crate::moves::Moves;
use crate::policy::Policy;
use crate::presence::{Assumed, Presence};
use crate::program::Gate;
use crate::project::Others;
use crate::said::Said;
use crate::schema::Library;
use crate::scope::{Declared, Form, NodeId, Scope, ScopeId};
use crate::source::SourceFile;
use crate::tree::Expr;
use crate::types::{Term, Type};
use crate::user_function::UserFunctions;
use crate::world::World;

/// How many declarations may wait for one another while one is evaluated. They are evaluated in
/// the order in which they name one another, so this is reached only by what that order misses.
const WAITING_DECLARATIONS_MAX: usize = 24;

/// A check under way.
pub(crate) struct Checker<'t> {
    pub(crate) library: &'static Library,
    pub(crate) kind_names: Vec<&'static str>,
    pub(crate) nodes: Vec<Declared<'t>>,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) addresses: HashMap<Address, NodeId>,
    pub(crate) findings: Vec<Diagnostic>,
    /// The same, to be looked up.
    pub(crate) said: Said,
    /// The checked blocks, by declaration.
    pub(crate) blocks: Blocks,
    /// The texts, by file.
    pub(crate) texts: &'t [SourceFile],
    /// The blocks of each kind, in the order written.
    pub(crate) of_kind: HashMap<String, Vec<NodeId>>,
    /// The names of files used under names of their own, as far as they were asked for.
    pub(crate) module_names: HashMap<ScopeId, Arc<[String]>>,
    /// The blocks inside of others, by name, in the order written.
    pub(crate) nested: HashMap<String, Vec<NodeId>>,
    /// The parameters, by name.
    pub(crate) parameters: HashMap<String, NodeId>,
    /// The first test of each name.
    pub(crate) test_names: HashMap<String, NodeId>,
    /// The conditions of each test.
    pub(crate) tests: BTreeMap<NodeId, Vec<Gate>>,
    /// The letters of every line with a syntax error: what is named there may be declared there.
    pub(crate) unreadable: String,
    /// What the user gave for each parameter, as an expression or as a text.
    pub(crate) given: BTreeMap<String, Given>,
    /// The environments of the spec, and the one that it is checked for.
    pub(crate) environments: Environments,
    /// The first of each form that says something about the world, by its word and name.
    pub(crate) world_names: HashMap<(&'static str, String), NodeId>,
    /// What is said of names that are no longer in the spec.
    pub(crate) moves: Moves,
    /// What may still be spent on values.
    pub(crate) budget: Budget,
    /// The functions that files declare.
    pub(crate) functions: UserFunctions<'t>,
    /// How deep in expressions this is.
    pub(crate) depth: usize,
    /// The regular expressions made so far.
    pub(crate) patterns: Patterns,
    /// The other projects that were read so far.
    pub(crate) others: Others,
    /// Where the files are that a spec takes texts from.
    pub(crate) world: Option<&'t dyn World>,
    /// The places written on blocks, as far as they were asked for.
    pub(crate) places: HashMap<NodeId, Option<Address>>,
    /// Where the classes of each declared column are written, by the column's place.
    pub(crate) class_spans: HashMap<Span, Vec<(String, Span)>>,
    /// Blocks in which something may have been lost to a finding: that a field is not written there
    /// proves nothing.
    pub(crate) uncertain: BTreeSet<NodeId>,
    /// Columns that a step would rewrite, were its entry not in error: nothing is concluded from
    /// their being as they were.
    pub(crate) doubtful: BTreeSet<(Address, String)>,
    /// Where each policy is named.
    pub(crate) policy_names: HashMap<String, Span>,
    /// How many elements the policies of the spec looked at so far.
    pub(crate) policy_elements: usize,
    /// The policies of the spec.
    pub(crate) policies: Vec<Policy<'t>>,
    /// Whether a limit was reached since somebody last asked.
    pub(crate) limited: bool,
    /// What the program as a whole says, once that is found out.
    pub(crate) facts: Option<Facts>,
    /// The declared components.
    pub(crate) components: Vec<Component<'t>>,
    /// The first section of each kind in long bodies, by what has the body.
    pub(crate) first_sections: HashMap<(NodeId, String), Span>,
    /// The fields of long bodies, as far as they were asked for.
    pub(crate) long_bodies: LongBodies<'t>,
    /// What waits until all names are collected: instances, `for` and `when`.
    pub(crate) put_off: Vec<NodeId>,
    /// How many of these were done.
    pub(crate) done_of_put_off: usize,
    /// The blocks with `for`.
    pub(crate) families: BTreeMap<NodeId, Family>,
    /// How many declarations are made by instances and `for`.
    pub(crate) copies: u64,
    /// Whether all blocks that there will be are there.
    pub(crate) expanded: bool,
    /// Whether each condition of a block holds, as far as it was asked for.
    pub(crate) presences: HashMap<NodeId, Presence>,
    /// What is not in the program; what is inside of it is not listed.
    pub(crate) absent: HashSet<NodeId>,
    /// What holds where an expression stands that is evaluated: the conditions of `if` around it.
    pub(crate) assumed: Vec<Assumed>,
    /// Whether what is looked at was looked at before, in another instance or element: what was
    /// said there is not said again.
    pub(crate) is_copy: bool,
    /// Whether what is looked at is no part of the program: what depends on its values is not said.
    pub(crate) is_supposed: bool,
    pub(crate) running: Vec<NodeId>,
    /// What was referred to last, and where: a finding there can say where the value comes from.
    pub(crate) referred: Option<(Span, NodeId)>,
    /// What the files of models say, by the model's block; none where they say nothing.
    pub(crate) models: BTreeMap<Address, Option<crate::memory::Facts>>,
    /// The models of which it was said that their size is not known.
    pub(crate) sizeless: BTreeSet<Address>,
    errors: usize,
    states: Vec<State>,
    indexed: usize,
}

/// What [`Checker::enter`] replaced.
#[derive(Clone, Copy)]
pub(crate) struct Mode {
    is_copy: bool,
    is_supposed: bool,
}

/// A parameter's value as the user gave it.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) text: String,
    /// None if it is no expression.
    pub(crate) expression: Option<Expr>,
    pub(crate) span: Span,
    /// What names the parameter there; the value itself where nothing else does.
    pub(crate) name_span: Span,
    /// Whether it stands in the spec: a text has its quotes there.
    pub(crate) of_spec: bool,
    /// The scope in which its names are looked up; none if it knows the library alone.
    pub(crate) scope: Option<ScopeId>,
    /// Where it was given, for people.
    pub(crate) from: String,
}

#[derive(Clone, Debug)]
enum State {
    New,
    Running,
    Done(Term),
}

/// Where names are looked up while an expression is evaluated.
#[derive(Clone, Copy)]
pub(crate) struct Env<'e> {
    /// None for a declaration of the library.
    pub(crate) scope: Option<usize>,
    /// The names of loops, innermost first.
    pub(crate) locals: Option<&'e Local<'e>>,
    /// What was asked for before, and is there.
    pub(crate) present: Option<&'e Present<'e>>,
}

impl Env<'_> {
    /// Names of this scope and those around it.
    pub(crate) fn of(scope: usize) -> Env<'static> {
        Env {
            scope: Some(scope),
            locals: None,
            present: None,
        }
    }

    /// No names but the library's.
    pub(crate) fn library() -> Env<'static> {
        Env {
            scope: None,
            locals: None,
            present: None,
        }
    }
}

impl<'e> Env<'e> {
    /// What a loop or a condition names so.
    pub(crate) fn local(&self, name: &str) -> Option<&'e Term> {
        let mut current = self.locals;
        while let Some(local) = current {
            if local.name == name {
                return Some(local.term);
            }
            current = local.next;
        }
        None
    }
}

/// A name that holds inside an expression alone.
pub(crate) struct Local<'e> {
    pub(crate) name: &'e str,
    pub(crate) term: &'e Term,
    pub(crate) next: Option<&'e Local<'e>>,
}

impl<'t> Checker<'t> {
    /// A checker that knows the standard library and nothing else.
    pub(crate) fn new() -> Self {
        let library = Library::standard();
        Checker {
            library,
            kind_names: library.kinds.keys().map(String::as_str).collect(),
            nodes: Vec::new(),
            scopes: Vec::new(),
            addresses: HashMap::new(),
            findings: Vec::new(),
            said: Said::default(),
            blocks: Blocks::default(),
            texts: &[],
            of_kind: HashMap::new(),
            module_names: HashMap::new(),
            nested: HashMap::new(),
            parameters: HashMap::new(),
            test_names: HashMap::new(),
            tests: BTreeMap::new(),
            unreadable: String::new(),
            given: BTreeMap::new(),
            environments: Environments::default(),
            world_names: HashMap::new(),
            moves: Moves::default(),
            budget: Budget::new(),
            functions: UserFunctions::default(),
            depth: 0,
            patterns: Patterns::default(),
            others: Others::default(),
            world: None,
            places: HashMap::new(),
            class_spans: HashMap::new(),
            uncertain: BTreeSet::new(),
            doubtful: BTreeSet::new(),
            policy_names: HashMap::new(),
            policy_elements: 0,
            policies: Vec::new(),
            limited: false,
            facts: None,
            components: Vec::new(),
            first_sections: HashMap::new(),
            long_bodies: LongBodies::default(),
            put_off: Vec::new(),
            done_of_put_off: 0,
            families: BTreeMap::new(),
            copies: 0,
            expanded: false,
            presences: HashMap::new(),
            absent: HashSet::new(),
            assumed: Vec::new(),
            is_copy: false,
            is_supposed: false,
            running: Vec::new(),
            referred: None,
            models: BTreeMap::new(),
            sizeless: BTreeSet::new(),
            errors: 0,
            states: Vec::new(),
            indexed: 0,
        }
    }

    /// Notes a finding.
    pub(crate) fn report(&mut self, finding: Diagnostic) {
        self.errors += usize::from(finding.severity == Severity::Error);
        let is_known = self.is_copy && self.said.has_place(finding.code, finding.primary.span);
        let is_of_values = code::is_of_values(finding.code);
        if is_known || self.is_supposed && is_of_values {
            return;
        }
        let finding = match self.is_copy && is_of_values {
            true => self.with_origin(finding),
            false => finding,
        };
        self.said.add(&finding);
        self.findings.push(finding);
    }

    /// Takes back what was found since there were so many findings and errors.
    pub(crate) fn forget(&mut self, findings: usize, errors: usize) {
        for finding in self.findings.drain(findings..) {
            self.said.take_back(&finding);
        }
        self.errors = errors;
    }

    /// How many errors were found so far: a caller that sees it grow knows that its result may be
    /// wrong.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    /// Looks at what is absent, or was looked at before; [`Checker::leave`] goes back.
    pub(crate) fn enter(&mut self, is_supposed: bool, is_copy: bool) -> Mode {
        Mode {
            is_copy: std::mem::replace(&mut self.is_copy, is_copy),
            is_supposed: std::mem::replace(&mut self.is_supposed, is_supposed),
        }
    }

    /// Goes back to what was looked at before.
    pub(crate) fn leave(&mut self, mode: Mode) {
        self.is_copy = mode.is_copy;
        self.is_supposed = mode.is_supposed;
    }

    /// Whether this is in an instance of a component, or an element of a `for`.
    pub(crate) fn is_inside_copy(&self, id: NodeId) -> bool {
        if self.copies == 0 {
            return false;
        }
        let mut current = Some(id);
        while let Some(id) = current {
            let node = &self.nodes[id];
            let in_instance = matches!(node.form, Form::Instance(_)) && !self.is_sample(id);
            if in_instance || node.address.leaf.key.is_some() {
                return true;
            }
            current = node.parent;
        }
        false
    }

    /// Makes room for the results of everything collected since it was last called.
    pub(crate) fn prepare(&mut self) {
        self.states.resize(self.nodes.len(), State::New);
        let first = std::mem::replace(&mut self.indexed, self.nodes.len());
        let more = self.nodes[first..].iter();
        let more = more.filter(|node| matches!(node.form, Form::Block(_)));
        self.blocks.resize(self.nodes.len(), more.count());
        for (id, node) in self.nodes.iter().enumerate().skip(first) {
            let around = node.parent.map(|parent| &self.nodes[parent].form);
            // What is inside of an instance is not seen from outside.
            let hidden = matches!(around, Some(Form::Instance(_)));
            if node.parent.is_some() && !hidden {
                let all = self.nested.entry(node.name.text.clone()).or_default();
                all.push(id);
            }
            match &node.form {
                Form::Block(kind) => {
                    let all = self.of_kind.entry(kind.name.clone()).or_default();
                    all.push(id);
                }
                Form::Parameter if !hidden => {
                    self.parameters.entry(node.name.text.clone()).or_insert(id);
                }
                _ => {}
            }
        }
    }

    /// What a reference to this declaration is.
    pub(crate) fn refer(&mut self, id: NodeId, span: Span) -> Term {
        self.refer_to_old(id, span);
        self.referred = Some((span, id));
        let term = self.refer_to(id, span);
        match self.has_condition(id) {
            true => self.refer_to_conditional(id, term, span),
            false => term,
        }
    }

    fn refer_to(&mut self, id: NodeId, span: Span) -> Term {
        match &self.nodes[id].form {
            Form::Stray => Term::error(),
            Form::Instance(_) => {
                self.unfold(id);
                self.instance_term(id)
            }
            Form::Family(of) => {
                let of = Arc::clone(of);
                self.refer_to_family(id, &of, span)
            }
            Form::Block(kind) if !kind.has_content() => Term::new(
                Type::Block(kind.name.as_str().into()),
                self.reference_to(id),
            ),
            _ => self.evaluate(id, span),
        }
    }

    /// The block itself as a value.
    pub(crate) fn reference_to(&self, id: NodeId) -> Value {
        Value::Reference(Reference {
            address: self.nodes[id].address.clone(),
            path: Vec::new(),
        })
    }

    /// Whether this declaration was evaluated without waiting for it now.
    pub(crate) fn evaluated(&self, id: NodeId) -> Option<&Term> {
        match self.states.get(id) {
            Some(State::Done(term)) => Some(term),
            _ => None,
        }
    }

    /// Evaluates a declaration, once. `span` is what asks for it.
    pub(crate) fn evaluate(&mut self, id: NodeId, span: Span) -> Term {
        match self.states.get(id) {
            Some(State::Done(term)) => {
                let paid = self.budget.copy(&term.value);
                if paid.is_ok() {
                    return term.clone();
                }
                self.paid(paid, span);
                return Term::error();
            }
            Some(State::Running) => {
                self.report_running(id, span);
                return Term::error();
            }
            _ => {}
        }
        if self.running.len() >= WAITING_DECLARATIONS_MAX {
            let text =
                format!("more than {WAITING_DECLARATIONS_MAX} declarations wait for one another");
            self.report(
                Diagnostic::error(code::LIMIT, span, text)
                    .help("every limit is there so that checking always ends, and soon")
                    .help("refer to fewer things through one another"),
            );
            return Term::error();
        }
        self.states[id] = State::Running;
        self.running.push(id);
        let mode = self.enter(self.is_absent(id), self.is_inside_copy(id));
        let assumed = std::mem::take(&mut self.assumed);
        let term = match &self.nodes[id].form {
            Form::Block(kind) => {
                let kind = Arc::clone(kind);
                self.check_block(id, &kind)
            }
            Form::Instance(component) => {
                let component = *component;
                self.unfold(id);
                self.check_instance(id, component)
            }
            Form::Family(of) => {
                let of = Arc::clone(of);
                self.check_family(id, &of)
            }
            Form::Let => self.check_let(id),
            Form::Parameter => self.check_parameter(id),
            Form::Output => self.check_output(id),
            Form::Test => self.check_test(id),
            Form::World(form) => self.check_world_form(id, *form),
            Form::Stray | Form::Round => Term::error(),
        };
        self.assumed = assumed;
        self.leave(mode);
        self.running.pop();
        self.states[id] = State::Done(term.clone());
        term
    }

    /// Sets what a declaration amounts to.
    pub(crate) fn done(&mut self, id: NodeId, term: Term) {
        self.states[id] = State::Done(term);
    }

    /// A declaration that is needed for its own value.
    fn report_running(&mut self, id: NodeId, span: Span) {
        // What hides another name most likely means that one.
        if self
            .said
            .has_place(code::NAME_SHADOWS, self.nodes[id].name.span)
        {
            return;
        }
        let from = self
            .running
            .iter()
            .position(|running| *running == id)
            .unwrap_or(0);
        let names: Vec<String> = self.running[from..]
            .iter()
            .map(|running| self.nodes[*running].name.text.clone())
            .collect();
        let finding = cycle_finding(span, &names);
        self.report(finding);
    }

    /// What stands behind the `=` of a `let` or an `output`, with the type that is written; none,
    /// with a finding that says why one is needed, if nothing does.
    fn written_value(
        &mut self,
        id: NodeId,
        parts: &[&str],
        (why, advice): (&str, &str),
    ) -> Option<(&'t Expr, Type)> {
        let node = &self.nodes[id];
        let (block, name, broken) = (node.block?, node.name.span, node.broken);
        self.refuse_head(block, parts);
        let expected = match &block.result {
            Some(written) => self.written_type(written),
            None => Type::Any,
        };
        if block.value.is_none() && !broken {
            let finding = Diagnostic::error(code::VALUE_MISSING, name, "this has no value");
            self.report(finding.help(why).help(advice));
        }
        Some((block.value.as_deref()?, expected))
    }

    /// Evaluates a `let`.
    fn check_let(&mut self, id: NodeId) -> Term {
        let missing = (
            "a name without a value stands for nothing",
            "give it one: `let name = value`",
        );
        let Some((value, expected)) = self.written_value(id, &["value", "type"], missing) else {
            return Term::error();
        };
        let node = &self.nodes[id];
        let (env, broken) = (Env::of(node.scope), node.broken);
        let term = self.declared_value(value, &expected, env);
        // What can't be read behind it may be a part of the value.
        if broken { Term::error() } else { term }
    }

    /// Evaluates an `output`.
    fn check_output(&mut self, id: NodeId) -> Term {
        let missing = (
            "an output shows a value once apply is done",
            "give it one: `output name = value`",
        );
        let parts = ["value", "type", "when"];
        let Some((value, expected)) = self.written_value(id, &parts, missing) else {
            return Term::error();
        };
        let term = self.eval(value, &expected, Env::of(self.nodes[id].scope));
        if term.term_type.is_secret() {
            let of = term.term_type.clone();
            let open = Term::new(of.revealed(), term.value);
            let shown = self.fitted(open, &expected, value.span);
            return Term::new(shown.term_type.kept_secret(true), shown.value);
        }
        if self.holds_instance(&term.value) {
            return self.instance_shown(&term, value.span);
        }
        self.fitted(term, &expected, value.span)
    }
}

/// A finding about things that wait for one another: `names` in the order in which they do.
pub(crate) fn cycle_finding(span: Span, names: &[String]) -> Diagnostic {
    let first = names.first().map_or("", String::as_str);
    let shown: Vec<&str> = if names.len() > 8 {
        names[..4].iter().map(String::as_str).chain(["…"]).collect()
    } else {
        names.iter().map(String::as_str).collect()
    };
    let path = format!("{} → {first}", shown.join(" → "));
    Diagnostic::error(code::CYCLE, span, format!("this closes the circle {path}"))
        .help("each of these would have to be there before the others")
        .help("take one of the references out of the circle")
}
