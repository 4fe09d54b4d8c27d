//! Names that could mean two things, and names that a component does not see.

use crate::check::{Checker, Env};
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::row::RowEnv;
use crate::scope::{Form, NodeId};
use crate::tree::Name;
use crate::types::Type;

impl Checker<'_> {
    /// A name that would fit twice: the member of the expected type wins, and a warning says so.
    pub(crate) fn warn_ambiguous(
        &mut self,
        name: &str,
        span: Span,
        case_type: &Type,
        env: Env<'_>,
    ) {
        let named = match env.local(name) {
            Some(_) => None,
            None => env.scope.and_then(|scope| self.find(name, scope)),
        };
        let found = match named {
            Some(id) => self.evaluated(id),
            None => env.local(name),
        };
        if found.is_none_or(|found| found.term_type != *case_type) {
            return;
        }
        let text = format!("`{name}` is read as a case of `{case_type}`");
        let finding = Diagnostic::warning(code::NAME_AMBIGUOUS, span, text)
            .help("a value of this name would fit here too");
        let full = named.map(|id| format!("{}.{name}", self.nodes[id].address.kind));
        let case = format!("{case_type}.{name}");
        let is_named = matches!(case_type, Type::Enum(of) if of.name.is_some());
        self.report(match full {
            Some(value) if is_named => finding
                .help(format!(
                    "write `{case}` for the case, or `{value}` for the value"
                ))
                .fix(format!("{name} → {case}"), span, case),
            Some(value) => finding.help(format!("write `{value}` if the value is meant")),
            None => finding.help("rename the value, so that nobody has to guess"),
        });
    }

    /// Warns of a column that has the name of a value of the spec too: the column wins.
    pub(crate) fn warn_of_value(&mut self, name: &str, span: Span, at: RowEnv<'_>) {
        let found = at.env.scope.and_then(|scope| self.find(name, scope));
        let Some(id) = found else { return };
        let form = &self.nodes[id].form;
        if !matches!(form, Form::Let | Form::Parameter | Form::Round)
            || self.said.has_place(code::NAME_AMBIGUOUS, span)
        {
            return;
        }
        let value = match form {
            Form::Round => None,
            _ => Some(format!("{}.{name}", self.nodes[id].address.kind)),
        };
        let part = at.table.part.iter().map(|part| format!(".{part}"));
        let column = format!(
            "{}{}.{name}",
            at.table.address.name(),
            part.collect::<String>()
        );
        let text = format!("`{name}` is read as a column");
        let finding = Diagnostic::warning(code::NAME_AMBIGUOUS, span, text)
            .also(self.nodes[id].name.span, "this value has the name too")
            .help("whoever reads it must guess which of the two is meant");
        self.report(match value {
            Some(value) => finding
                .help(format!(
                    "write `{column}` for the column, or `{value}` for the value"
                ))
                .fix(format!("{name} → {column}"), span, column),
            None => finding.help("rename what the loop names so"),
        });
    }

    /// Warns of a full address where a value has such a member too: the address wins.
    pub(crate) fn warn_of_address(&mut self, value: NodeId, name: &Name, span: Span) {
        let node = &self.nodes[value];
        let (named, kind) = (node.name.text.clone(), node.address.kind.clone());
        let other = format!("{kind}.{named}.{}", name.text);
        let text = format!("`{named}.{}` is read as a full address", name.text);
        let finding = Diagnostic::warning(code::NAME_AMBIGUOUS, span, text)
            .also(node.name.span, "this has such a member too")
            .help("whoever reads it must guess which of the two is meant");
        self.report(finding.help(format!(
            "write `{other}` if that member is meant, or rename one of the two"
        )));
    }

    /// The place before a body as it is written, with its `on`: ` on here`.
    fn behind_on(&self, span: Span) -> Option<Span> {
        let file = self.texts.get(span.file.0 as usize)?;
        let before = file.text.get(..span.start as usize)?.strip_suffix("on ")?;
        let blanks = before.len() - before.trim_end_matches(' ').len();
        let start = u32::try_from(before.len() - blanks).ok()?;
        (blanks > 0).then_some(Span { start, ..span })
    }

    /// A name that stands outside of the component in which it is used; a finding if it is one.
    pub(crate) fn closed_off(&mut self, name: &str, span: Span, env: Env<'_>) -> bool {
        let mut around = self.running.last().copied();
        while let Some(id) = around {
            if let Form::Instance(component) = self.nodes[id].form {
                let file = self.components[component].file;
                let (body, scope) = (self.nodes[id].body, env.scope);
                let is_inside = scope.is_some_and(|scope| self.is_within(scope, body));
                let outer = self.scopes[file].names.get(name).copied();
                if let Some(outer) = outer.filter(|_| is_inside) {
                    let text = format!("`{name}` is outside of the component");
                    let finding = Diagnostic::error(code::OUTSIDE_COMPONENT, span, text)
                        .also(self.nodes[outer].name.span, "this one")
                        .help("a component is closed, so that it means the same in every spec");
                    let placed = self.components[component].place.kind();
                    let is_place = matches!(&self.nodes[outer].form, Form::Block(kind)
                        if placed == Some(kind.name.as_str()));
                    self.report(match (is_place, self.behind_on(span)) {
                        (true, Some(whole)) => finding
                            .help("what is inside of it stands where its instance stands")
                            .fix("take it out", whole, ""),
                        (true, None) => finding.help(
                            "what is inside of it stands where its instance stands: leave `on` out",
                        ),
                        (false, _) => finding
                            .help(format!("give it in: `param {name}: type` in the component")),
                    });
                    return true;
                }
            }
            around = self.nodes[id].parent;
        }
        false
    }
}
