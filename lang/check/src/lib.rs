//! Text to a checked program. Pure: what it must know of the outside comes through [`World`].
//!
//! Reading order: `tree` is the syntax as it is read here, `scope` collects the names, `check`
//! evaluates declarations in an order that `order` finds, `eval` and its neighbours evaluate
//! expressions, `block` and `step` hold what is written against what `schema` declares, `row`,
//! `table` and `model` know what the steps of a pipeline do to columns.

mod advice;
mod ambiguous;
pub mod ask;
mod attribute;
mod block;
mod branch;
mod budget;
mod call;
mod cap;
mod case;
mod check;
pub mod code;
mod collection;
mod columns;
mod component;
mod condition;
mod cycle;
mod decided;
mod declare;
mod declare_unit;
mod declared;
pub mod diagnostic;
mod entries;
mod environment;
mod eval;
mod expand;
mod facts;
mod family;
mod figure;
mod fit;
mod flow;
mod foreign;
mod function_call;
mod functions;
mod gate;
mod given;
mod given_json;
mod habit;
pub mod hover;
mod imports;
mod index;
mod interpolate;
mod late;
mod listing;
mod lower;
mod made;
mod mark;
mod member;
mod memory;
mod mend;
mod message;
mod model;
mod moves;
mod names;
mod operate;
mod order;
mod own_word;
mod parallel;
mod parameter;
mod policy;
mod presence;
pub mod program;
mod project;
mod quantity;
mod residency;
mod resolve;
mod result;
mod result_made;
mod result_rule;
mod row;
mod row_amount;
mod row_call;
mod rule;
mod said;
mod schema;
mod scope;
mod section;
mod source;
pub mod stdlib;
mod step;
mod suggest;
mod table;
mod test;
mod text_form;
mod train;
mod tree;
mod trees;
mod types;
mod unify;
mod unseen;
mod user_function;
mod variant;
pub mod vocabulary;
mod wish;
mod wording;
pub mod world;
mod written;

use std::collections::BTreeMap;
use std::sync::Arc;

use ask::Asked;
pub use ask::{Answer, Question, evaluate, names};
use check::Checker;
pub use code::{Code, CodePage, codes};
pub use diagnostic::{Diagnostic, Edit, FileId, Fix, Label, Severity, Span};
pub use hover::{Completion, Definition, Hover, Offer, complete, definition, files_of, hover};
use imports::for_each_use;
pub use own_word::own_words;
pub use program::{
    Argument, Block, ColumnFlow, Environment, Field, Gate, GivenParameter, ModelType, Moved,
    Output, PolicyFinding, PolicyStatus, Program, Removed, ReplayStep, ResultFlow, Step, TableFlow,
};
pub use project::{OtherProject, ProjectOutputs, Unread, Withheld};
use scope::{Form, Place, Scope};
pub use source::SourceFile;
use source::{Sources, as_use};
pub use suggest::Meant;
pub use trees::Trees;
pub use vocabulary::{Member, Word, nearest_word, vocabulary};
pub use world::{Head, ParameterFile, ParameterSource, World};

/// What a check gives: always all three, whatever was found.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// The program, as far as it is understood. It may be planned only if no finding is an error.
    pub program: Program,
    /// What was found, by place. Of a file with very many findings the first are here, errors
    /// before warnings, and one that says how many are left out.
    pub diagnostics: Vec<Diagnostic>,
    /// How many findings there are, those that are left out counted.
    pub found: usize,
    /// The texts that findings point into, by [`FileId`].
    pub files: Vec<SourceFile>,
}

impl Checked {
    /// Whether an error was found.
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    }
}

/// A spec checked with the parameters of one of its tests.
#[derive(Clone, Debug, Default)]
pub struct CheckedTest {
    /// The spec as it is with these parameters.
    pub checked: Checked,
    /// What must hold of it, in the order written. Only figures of the plan are left open in it;
    /// everything else is folded to values.
    pub gates: Vec<Gate>,
}

/// Checks the spec whose root is this file, its tests included.
pub fn check(world: &dyn World, root: &str) -> Checked {
    run(world, root, Asking::default()).tested.checked
}

/// The same with every finding, however many a file has: for whoever counts them.
pub fn check_in_full(world: &dyn World, root: &str) -> Checked {
    let asking = Asking {
        in_full: true,
        ..Asking::default()
    };
    run(world, root, asking).tested.checked
}

/// The same, for who checks again and again: what is parsed already is parsed around its changes
/// alone. The trees are those of this spec afterwards.
pub fn check_again(world: &dyn World, root: &str, trees: &mut Trees) -> Checked {
    let sources = source::load_again(world, root, trees);
    run_loaded(world, sources, Asking::default()).tested.checked
}

/// Checks the spec with the parameters of this test; what the world gives for others holds too. A
/// test that the spec has not is a finding.
pub fn check_test(world: &dyn World, root: &str, name: &str) -> CheckedTest {
    let asking = Asking {
        test: Some(name),
        ..Asking::default()
    };
    run(world, root, asking).tested
}

/// What a check comes to, whatever was asked.
struct Run {
    tested: CheckedTest,
    answer: Answer,
}

/// The environments that a spec declares, in the order written. Reads the spec alone.
pub fn environments(world: &dyn World, root: &str) -> Vec<String> {
    environment::names(&source::load(world, root))
}

/// What is wanted of a check.
#[derive(Clone, Copy, Default)]
struct Asking<'a> {
    /// The parameters of one test.
    test: Option<&'a str>,
    /// An answer to this.
    question: Option<&'a Question<'a>>,
    /// Every finding of a file, not only the first ones.
    in_full: bool,
}

fn run(world: &dyn World, root: &str, asking: Asking<'_>) -> Run {
    let sources = source::load(world, root);
    run_loaded(world, sources, asking)
}

fn run_loaded(world: &dyn World, mut sources: Sources, asking: Asking<'_>) -> Run {
    let Asking {
        test,
        question,
        in_full,
    } = asking;
    let given = given::read(world, &mut sources);
    let declared = environment::names(&sources);
    let wanted = world.environment();
    let is_plain = test.is_none() && question.is_none();
    if wanted.is_none() && declared.len() > 1 && is_plain {
        let first = declared.iter().take(environment::ENVIRONMENTS_MAX);
        let all = first.map(|name| {
            let chosen = Chosen {
                environment: Some(name),
                test,
                world,
                in_full,
            };
            run_in(&sources, &given, chosen, None).tested.checked
        });
        let checked = environment::merged(&declared, all.collect());
        let tested = CheckedTest {
            checked,
            gates: Vec::new(),
        };
        let answer = Answer::default();
        return finished(Run { tested, answer }, sources.files, false);
    }
    let environment = wanted.as_ref().or(declared.first()).map(String::as_str);
    let mut asked = question.map(|question| Asked::read(question, &mut sources.files));
    let chosen = Chosen {
        environment,
        test,
        world,
        in_full,
    };
    let run = run_in(&sources, &given, chosen, asked.as_mut());
    finished(run, sources.files, question.is_some())
}

/// The texts belong to what was found, whatever was found.
fn finished(mut run: Run, mut files: Vec<SourceFile>, was_asked: bool) -> Run {
    let told = &run.tested.checked.diagnostics;
    for finding in told.iter().chain(&run.answer.findings) {
        if finding.code == code::SECRET_GIVEN {
            withhold(&mut files, finding.primary.span);
        }
    }
    if was_asked {
        ask::own_text(&mut files);
        run.answer.files.clone_from(&files);
    }
    run.tested.checked.files = files;
    run
}

/// Nobody reads what stands here: every byte of it is shown as a star, so that all places hold.
fn withhold(files: &mut [SourceFile], span: Span) {
    let file = files.get_mut(span.file.0 as usize);
    let range = span.start as usize..span.end as usize;
    if let Some(file) = file.filter(|file| file.text.get(range.clone()).is_some()) {
        let stars = "*".repeat(range.len());
        file.text.replace_range(range, &stars);
    }
}

/// Which of several specs that one text stands for is meant.
#[derive(Clone, Copy)]
struct Chosen<'a> {
    environment: Option<&'a str>,
    test: Option<&'a str>,
    world: &'a dyn World,
    in_full: bool,
}

/// Checks the spec as it is in one environment, with the parameters of one test. The files are
/// left out of the result.
fn run_in(
    sources: &Sources,
    outside: &given::Outside,
    Chosen {
        environment,
        test,
        world,
        in_full,
    }: Chosen<'_>,
    asked: Option<&mut Asked>,
) -> Run {
    let (given, findings) = all_given(sources, outside, environment, test);
    let mut checker = Checker::new();
    checker.texts = &sources.files;
    checker.given = given;
    checker.environments = environment::Environments::of(sources, environment);
    checker.world = Some(world);
    for finding in findings {
        checker.report(finding);
    }
    checker.unreadable = checker.unreadable_lines();
    collect(&mut checker, sources);
    let asked = asked.map(|asked| checker.collect_question(asked));
    checker.prepare();
    checker.check_functions();
    checker.expand();
    checker.expand_samples();
    evaluate_all(&mut checker, test);
    checker.drop_absent();
    check_parameters(&mut checker, sources);
    check_once(&mut checker);
    checker.check_residency();
    checker.check_memory();
    checker.check_judgements();
    let mut program = assemble(&mut checker);
    checker.settle_moves(&mut program);
    let program = Arc::new(program);
    checker.blocks.are_of(Arc::clone(&program));
    checker.check_limits(&program);
    checker.check_existing(&program);
    checker.check_late(&program);
    checker.check_cycles(&program);
    let policies = checker.judge_policies(&program);
    let answer = asked.map(|asked| checker.answer_question(asked));
    let findings = std::mem::take(&mut checker.findings);
    let (diagnostics, found) = match in_full {
        true => cap::all(findings),
        false => cap::told(findings),
    };
    let gates = test.and_then(|name| gates_of(&checker, name));
    drop(checker);
    let mut program = Arc::into_inner(program).expect("the checker, which shared it, is gone");
    program.policies = policies;
    let answer = answer.unwrap_or_default();
    let checked = Checked {
        program,
        diagnostics,
        found,
        files: Vec::new(),
    };
    let gates = gates.unwrap_or_default();
    Run {
        tested: CheckedTest { checked, gates },
        answer,
    }
}

/// What parameters are given: by the environment, over it from outside, over both by the test.
/// With what was found in the sources and on the way.
fn all_given(
    sources: &Sources,
    outside: &given::Outside,
    environment: Option<&str>,
    test: Option<&str>,
) -> (given::Outside, Vec<Diagnostic>) {
    let mut findings = sources.findings.clone();
    findings.extend(environment::too_many(sources));
    let mut given = BTreeMap::new();
    match environment.map(|name| environment::given(sources, name)) {
        Some(Ok(of_environment)) => given.extend(of_environment),
        Some(Err(finding)) => findings.push(*finding),
        None => {}
    }
    given.extend(outside.clone());
    if let Some(name) = test {
        match test::given(sources, name) {
            Ok(of_test) => given.extend(of_test),
            Err(finding) => findings.push(*finding),
        }
    }
    (given, findings)
}

/// Evaluates every declaration in an order in which each finds what it refers to. Of the tests,
/// only this one if one is named.
fn evaluate_all(checker: &mut Checker<'_>, test: Option<&str>) {
    let is_other = |checker: &Checker<'_>, id: usize| {
        let node = &checker.nodes[id];
        let another = test.is_some_and(|name| node.name.text != name);
        matches!(node.form, Form::Test) && another
    };
    // Where too much would have been made, that is all there is to say.
    let is_whole = checker.copies <= component::COPIES_MAX;
    let order = is_whole.then(|| checker.evaluation_order());
    for id in order.into_iter().flatten() {
        // The other tests are about other parameters.
        if is_other(checker, id) {
            continue;
        }
        let span = checker.nodes[id].name.span;
        checker.evaluate(id, span);
    }
}

/// What must hold in the test of this name, if it was evaluated.
fn gates_of(checker: &Checker<'_>, name: &str) -> Option<Vec<Gate>> {
    let named = |(id, _): &(&usize, &Vec<Gate>)| checker.nodes[**id].name.text == name;
    let found = checker.tests.iter().find(named);
    found.map(|(_, gates)| gates.clone())
}

/// Collects the names of every file, then what each file uses of the others.
fn collect<'t>(checker: &mut Checker<'t>, sources: &'t Sources) {
    let count = sources.parsed.len();
    for (file, parsed) in sources.parsed.iter().enumerate() {
        checker.scopes.push(Scope {
            parent: Some(count + file),
            open: parsed.missing,
            ..Scope::default()
        });
    }
    // What a file uses is around it: a component of the file sees that, and not the file.
    checker.scopes.resize_with(2 * count, Scope::default);
    let place = |file: usize| Place {
        file,
        scope: file,
        parent: None,
        instance: None,
        file_broken: sources.parsed[file].broken,
    };
    for (file, parsed) in sources.parsed.iter().enumerate() {
        checker.collect_components(&parsed.items, &place(file));
        checker.collect_functions(&parsed.items, &place(file), count + file);
    }
    for (file, parsed) in sources.parsed.iter().enumerate() {
        let is_broken = |item: &tree::Item| item.broken && as_use(item).is_some();
        checker.scopes[count + file].open = parsed.items.iter().any(is_broken);
    }
    for_each_use(sources, |file, used, target| {
        checker.import_words(file, used, target)
    });
    checker.measure_components();
    for (file, parsed) in sources.parsed.iter().enumerate() {
        checker.collect(&parsed.items, &place(file));
    }
    for_each_use(sources, |file, used, target| {
        checker.import(file, used, target)
    });
}

/// Reports given parameters that no file declares.
fn check_parameters(checker: &mut Checker<'_>, sources: &Sources) {
    if sources
        .parsed
        .iter()
        .any(|parsed| parsed.missing || parsed.broken)
    {
        return;
    }
    let mut known: Vec<String> = checker.parameters.keys().cloned().collect();
    known.sort_unstable();
    checker.check_given(&known);
}

/// Reports blocks of a kind that a program has once.
fn check_once(checker: &mut Checker<'_>) {
    let mut first: BTreeMap<String, Span> = BTreeMap::new();
    let mut findings = Vec::new();
    for (id, node) in checker.nodes.iter().enumerate() {
        if checker.is_absent(id) {
            continue;
        }
        let Form::Block(kind) = &node.form else {
            continue;
        };
        if !kind.once {
            continue;
        }
        match first.get(&kind.name) {
            None => {
                first.insert(kind.name.clone(), node.name.span);
            }
            Some(before) => findings.push(
                Diagnostic::error(
                    code::KIND_ONCE,
                    node.name.span,
                    format!("there is a `{}` already", kind.name),
                )
                .also(*before, "here")
                .help("everything in a spec belongs to one of it")
                .help("put both into one"),
            ),
        }
    }
    findings
        .into_iter()
        .for_each(|finding| checker.report(finding));
}

/// The program, from all that was checked.
fn assemble(checker: &mut Checker<'_>) -> Program {
    let mut program = Program {
        environment: checker.environment(),
        parameters: checker.parameters_given(),
        flow: checker.flow(),
        results: checker.result_flow(),
        projects: checker.projects_read(),
        ..Program::default()
    };
    // An environment is no part of what shall be there.
    let is_part = |id: &usize| match &checker.nodes[*id].form {
        Form::Block(kind) => kind.name != environment::ENVIRONMENT,
        _ => true,
    };
    let order: Vec<usize> = checker.as_written().into_iter().filter(is_part).collect();
    program.blocks = checker.blocks.take(&order);
    let outputs: Vec<(String, usize)> = match checker.scopes.first() {
        Some(root) => root
            .outputs
            .iter()
            .map(|(name, id)| (name.clone(), *id))
            .collect(),
        None => Vec::new(),
    };
    for (name, id) in outputs {
        let node = &checker.nodes[id];
        if let Some(term) = checker.evaluated(id)
            && !checker.is_absent(id)
            && !term.term_type.is_error()
        {
            let output = Output {
                value: term.value.clone(),
                span: node.item.span,
            };
            program.outputs.insert(name, output);
        }
    }
    let is_test = |node: &&scope::Declared<'_>| matches!(node.form, Form::Test);
    let tests = checker.nodes.iter().filter(is_test);
    program.tests = tests.map(|node| node.name.text.clone()).collect();
    program
}
