//! Circles of references: blocks of which each would have to be made before the other.

use ahash::HashMap;
use mlinfra_api::{Address, Reference, Value};

use crate::check::{Checker, cycle_finding};
use crate::diagnostic::{Diagnostic, Span};
use crate::program::Program;
use crate::scope::Form;

/// A reference from one block to another.
struct Edge {
    to: usize,
    span: Span,
}

impl Checker<'_> {
    /// Reports every circle of references, each once.
    pub(crate) fn check_cycles(&mut self, program: &Program) {
        let index: HashMap<&Address, usize> = program
            .blocks
            .iter()
            .enumerate()
            .map(|(place, block)| (&block.address, place))
            .collect();
        let edges: Vec<Vec<Edge>> = (0..program.blocks.len())
            .map(|place| self.edges(program, place, &index))
            .collect();
        let findings = circles(program, &edges);
        findings
            .into_iter()
            .for_each(|finding| self.report(finding));
    }

    fn edges(
        &self,
        program: &Program,
        place: usize,
        index: &HashMap<&Address, usize>,
    ) -> Vec<Edge> {
        let block = &program.blocks[place];
        let mut edges = Vec::new();
        let mut add = |value: &Value, span: Span| {
            value.for_each_reference(&mut |reference| {
                edges.extend(
                    index
                        .get(&reference.address)
                        .map(|to| Edge { to: *to, span }),
                );
            });
        };
        let late = |field: &str| {
            let form = self
                .addresses
                .get(&block.address)
                .map(|id| &self.nodes[*id].form);
            match form {
                Some(Form::Block(kind)) => kind.fields.get(field).is_some_and(|field| field.late),
                _ => false,
            }
        };
        for (name, field) in &block.fields {
            if !late(name) {
                add(&field.value, field.span);
            }
        }
        if let Some(value) = &block.value {
            add(value, block.name_span);
        }
        for first in &block.after {
            let reference = Reference {
                address: first.clone(),
                path: Vec::new(),
            };
            add(&Value::Reference(reference), block.name_span);
        }
        if let Some(step) = &block.step {
            let span = |name: &str| step.spans.get(name).copied().unwrap_or(block.name_span);
            for (name, argument) in &step.arguments {
                add(&argument.value, span(name));
            }
            for (name, setting) in &step.settings {
                add(setting, span(name));
            }
            for (name, entry) in &step.entries {
                add(entry, span(name));
            }
        }
        if let Some(to) = block.place.as_ref().and_then(|place| index.get(place)) {
            edges.push(Edge {
                to: *to,
                span: block.name_span,
            });
        }
        edges
    }
}

/// One finding for each circle: blocks that nothing in a circle needs are taken away until only
/// circles are left, then one is walked and taken away, and so on.
fn circles(program: &Program, edges: &[Vec<Edge>]) -> Vec<Diagnostic> {
    let count = edges.len();
    let mut waiting: Vec<usize> = edges.iter().map(Vec::len).collect();
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (from, all) in edges.iter().enumerate() {
        for edge in all {
            needed_by[edge.to].push(from);
        }
    }
    let mut gone = vec![false; count];
    let mut ready: Vec<usize> = (0..count).filter(|place| waiting[*place] == 0).collect();
    let mut findings = Vec::new();
    let mut next = 0;
    loop {
        while let Some(place) = ready.pop() {
            if std::mem::replace(&mut gone[place], true) {
                continue;
            }
            for from in &needed_by[place] {
                waiting[*from] = waiting[*from].saturating_sub(1);
                if waiting[*from] == 0 && !gone[*from] {
                    ready.push(*from);
                }
            }
        }
        while next < count && gone[next] {
            next += 1;
        }
        if next == count {
            return findings;
        }
        let (circle, span) = walk(next, edges, &gone);
        let names: Vec<String> = circle
            .iter()
            .map(|place| program.blocks[*place].address.name().to_owned())
            .collect();
        findings.push(cycle_finding(span, &names));
        ready.extend(circle);
    }
}

/// A circle that is reached from here, and the reference that closes it.
fn walk(start: usize, edges: &[Vec<Edge>], gone: &[bool]) -> (Vec<usize>, Span) {
    let mut path: Vec<usize> = vec![start];
    let mut place_of: HashMap<usize, usize> = HashMap::from_iter([(start, 0)]);
    loop {
        let here = path[path.len() - 1];
        let edge = edges[here].iter().find(|edge| !gone[edge.to]);
        let edge = edge.expect("what is left after taking away all that waits for nothing waits");
        if let Some(first) = place_of.get(&edge.to) {
            return (path.split_off(*first), edge.span);
        }
        place_of.insert(edge.to, path.len());
        path.push(edge.to);
    }
}
