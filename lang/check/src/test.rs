//! Tests: parameters, and what must hold of the spec and its plan with them.

use std::collections::BTreeMap;

use mlinfra_api::Address;

use crate::check::{Checker, Env, Given};
use crate::code;
use crate::condition::FigureEnv;
use crate::diagnostic::{Diagnostic, FileId, Span};
use crate::figure::{About, Figures};
use crate::program::Gate;
use crate::scope::{NodeId, ScopeId};
use crate::source::Sources;
use crate::suggest::nearest;
use crate::tree::{BlockItem, Expr, Item, Node, Path};
use crate::types::{Term, Type};
use crate::wording::list_some;

/// The word of the form.
pub(crate) const TEST: &str = "test";
/// The section of a test that holds its parameters.
const PARAMETERS: &str = "params";

/// The test of this name, with its entries.
fn find<'s>(sources: &'s Sources, name: &str) -> Option<&'s BlockItem> {
    let items = sources.parsed.iter().flat_map(|parsed| &parsed.items);
    let blocks = items.filter_map(|item| match &item.node {
        Node::Block(block) => Some(&**block),
        _ => None,
    });
    let mut tests = blocks.filter(|block| block.path.word() == TEST);
    tests.find(|block| {
        block
            .name
            .as_ref()
            .is_some_and(|written| written.text == name)
    })
}

/// What a test gives for parameters, by name.
pub(crate) fn given(
    sources: &Sources,
    name: &str,
) -> Result<BTreeMap<String, Given>, Box<Diagnostic>> {
    let Some(test) = find(sources, name) else {
        let start = Span {
            file: FileId(0),
            start: 0,
            end: 0,
        };
        let text = format!("the spec has no test \"{name}\"");
        let finding = Diagnostic::error(code::TEST_UNKNOWN, start, text)
            .help("there is nothing to judge")
            .help("name a test as it is written, with its blanks");
        return Err(Box::new(finding));
    };
    Ok(given_in(test, None, &format!("{TEST} \"{name}\"")))
}

/// What the sections of parameters in a block give, by name: looked up in `scope`, said to come
/// `from` there.
pub(crate) fn given_in(
    block: &BlockItem,
    scope: Option<ScopeId>,
    from: &str,
) -> BTreeMap<String, Given> {
    let given = |(path, value): (&Path, &Expr)| {
        let given = Given {
            text: String::new(),
            expression: Some(value.clone()),
            span: value.span,
            name_span: path.span,
            of_spec: true,
            scope,
            from: from.to_owned(),
        };
        (path.text(), given)
    };
    let sections = block.items().iter().filter_map(parameters_section);
    sections.flat_map(fields).map(given).collect()
}

pub(crate) fn parameters_section(item: &Item) -> Option<&BlockItem> {
    match &item.node {
        Node::Block(block) if block.path.word() == PARAMETERS => Some(block),
        _ => None,
    }
}

fn fields(block: &BlockItem) -> impl Iterator<Item = (&Path, &Expr)> {
    block.items().iter().filter_map(|item| match &item.node {
        Node::Field { path, value } => Some((path, value)),
        _ => None,
    })
}

impl Checker<'_> {
    /// Checks a test; its conditions are kept.
    pub(crate) fn check_test(&mut self, id: NodeId) -> Term {
        let node = &self.nodes[id];
        let Some(block) = node.block else {
            return Term::error();
        };
        let (item, name, broken) = (node.item, node.name.clone(), node.broken);
        let env = Env::of(node.scope);
        self.refuse_head(block, &[]);
        let Some(declared) = self.library.forms.get(TEST) else {
            return Term::error();
        };
        let figures = Figures {
            whose: TEST,
            declared: &declared.figures,
            about: About::Nothing,
        };
        let mut gates: Vec<Gate> = Vec::new();
        let mut wanted = false;
        let mut first: Option<Span> = None;
        for entry in block.items() {
            self.refuse_attributes(entry);
            if let Some(section) = parameters_section(entry) {
                if let Some(first) = first {
                    self.section_twice(section, first);
                }
                first = first.or(Some(section.path.span));
                self.test_parameters(section, entry);
                continue;
            }
            match &entry.node {
                Node::Require(require) => {
                    wanted = true;
                    gates.extend(self.gate(
                        require,
                        FigureEnv {
                            figures: &figures,
                            env,
                        },
                    ));
                }
                Node::Bad => {}
                _ if entry.broken => {}
                _ => self.no_test_entry(entry.span, "a test holds parameters and conditions alone"),
            }
        }
        if !wanted && !broken && !item.broken {
            self.report(
                Diagnostic::error(code::TEST_EMPTY, name.span, "this asks for nothing")
                    .help("a test that can't fail says nothing about the spec")
                    .help("add what must hold: `require condition`"),
            );
        }
        self.tests.insert(id, gates);
        Term::error()
    }

    fn no_test_entry(&mut self, span: Span, text: &str) {
        self.report(
            Diagnostic::error(code::ENTRY_OUT_OF_PLACE, span, text)
                .help("nothing would read this")
                .help("write `params { name = value }` and `require condition`"),
        );
    }

    pub(crate) fn section_twice(&mut self, section: &BlockItem, first: Span) {
        let text = format!("`{PARAMETERS}` stands here a second time");
        self.report(
            Diagnostic::error(code::FIELD_TWICE, section.path.span, text)
                .also(first, "and here first")
                .help("which of the two counts is not said anywhere")
                .help("put both into one"),
        );
    }

    /// Holds what a test gives against the parameters of the spec.
    fn test_parameters(&mut self, section: &BlockItem, item: &Item) {
        for (parameter, name, value) in self.given_section(section, item) {
            self.test_parameter(parameter, &name, value);
        }
    }

    /// The parameters that a section gives values, each once; what is wrong with the section itself
    /// is a finding.
    pub(crate) fn given_section<'s>(
        &mut self,
        section: &'s BlockItem,
        item: &Item,
    ) -> Vec<(NodeId, String, &'s Expr)> {
        if let Some(name) = &section.name {
            let text = format!("`{PARAMETERS}` takes no name");
            self.report(
                Diagnostic::error(code::SECTION_NAMED, name.span, text)
                    .help("there is one in each block, so nothing has to tell them apart")
                    .help("take the name out"),
            );
        }
        self.refuse_head(section, &[]);
        for entry in section.items() {
            self.refuse_attributes(entry);
            let is_field = matches!(entry.node, Node::Field { .. } | Node::Bad);
            if !is_field && !entry.broken && !item.broken {
                self.no_test_entry(entry.span, "this gives no parameter a value");
            }
        }
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        let mut given = Vec::new();
        for (path, value) in fields(section) {
            let name = path.text();
            if self.field_twice(&name, path.span, &mut seen) {
                continue;
            }
            match self.parameters.get(&name).copied() {
                Some(parameter) => given.push((parameter, name, value)),
                None => self.no_parameter(&name, path.span),
            }
        }
        given
    }

    fn test_parameter(&mut self, parameter: NodeId, name: &str, value: &Expr) {
        let node = &self.nodes[parameter];
        let (Some(block), scope) = (node.block, node.scope) else {
            return;
        };
        let expected = match &block.result {
            Some(written) => self.written_type(written),
            None => Type::Error,
        };
        let term = self.value(value, &expected, Env::library());
        if !term.term_type.is_error() && !expected.is_error() {
            let term = Term::new(expected, term.value);
            let advice = "give another value here";
            self.conditions(block, name, (&term, value.span), Env::of(scope), advice);
        }
    }

    fn no_parameter(&mut self, name: &str, span: Span) {
        // What a slip elsewhere made of a parameter has its finding already.
        let slipped = self.addresses.contains_key(&Address::new("stray", name));
        if slipped || self.scopes.iter().any(|scope| scope.open) {
            return;
        }
        let text = format!("the spec has no parameter `{name}`");
        let finding = Diagnostic::error(code::PARAMETER_UNKNOWN, span, text)
            .help("what was given would have no effect");
        if !self.budget.compare(self.parameters.len()) {
            self.report(finding);
            return;
        }
        let mut known: Vec<&str> = self.parameters.keys().map(String::as_str).collect();
        known.sort_unstable();
        let meant = nearest(name, known.iter().copied());
        let finding = match meant {
            Some(_) => finding.suggest(span, name, meant),
            None if known.is_empty() => finding.help("it has no parameters at all"),
            None => finding.help(format!("it has {}", list_some(&known))),
        };
        self.report(finding);
    }
}
