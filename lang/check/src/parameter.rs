//! Parameters: their values from the outside, and the conditions on them.

use mlinfra_api::Value;

use crate::check::{Checker, Env};
use crate::code;
use crate::diagnostic::{Diagnostic, Span};
use crate::scope::NodeId;
use crate::suggest::nearest;
use crate::tree::{BlockItem, Node, TypeExpr};
use crate::types::{Term, Type};

impl Checker<'_> {
    /// Evaluates a parameter: what the user gave, else the default.
    pub(crate) fn check_parameter(&mut self, id: NodeId) -> Term {
        let node = &self.nodes[id];
        let Some(block) = node.block else {
            return Term::error();
        };
        let (env, name, broken) = (Env::of(node.scope), node.name.clone(), node.broken);
        self.refuse_head(block, &["value", "type"]);
        let expected = self.parameter_type(block, name.span, broken);
        let default = block
            .value
            .as_ref()
            .map(|value| (self.declared_value(value, &expected, env), value.span));
        let instance = self.nodes[id].parent;
        if instance.is_some_and(|instance| self.is_sample(instance)) {
            let word = expected.to_string();
            return Term::new(expected, Value::Unknown(word));
        }
        let given = match instance {
            Some(instance) => self.value_given_by(instance, &name.text, &expected),
            None => self.given_value(&name.text, &expected),
        };
        // What can't be read behind the default may be a part of it.
        let default = default.map(|(term, span)| match broken {
            true => (Term::error(), span),
            false => (term, span),
        });
        let Some((term, span)) = given.or(default) else {
            if expected.may_be_absent() {
                return Term::new(expected, Value::None);
            }
            if let Some(instance) = instance {
                self.not_given_by(instance, &name.text, &expected);
            } else if !broken && !self.said.has_code(code::PARAMETER_FILE) {
                let text = format!("`{}` has no default and was not given", name.text);
                self.report(
                    Diagnostic::error(code::PARAMETER_MISSING, name.span, text)
                        .help("what depends on it can't be planned without it")
                        .help(format!("give it: `--param {}=…`", name.text)),
                );
            }
            return Term::error();
        };
        if term.term_type.is_error() {
            return Term::error();
        }
        // A value that was given is of the declared type now, whatever it was written as; a table
        // keeps its columns.
        let term = match expected {
            Type::AnyTable => term,
            expected => Term::new(expected, term.value),
        };
        if instance.is_some() {
            return self.conditions(
                block,
                &name.text,
                (&term, span),
                env,
                "give another value here",
            );
        }
        let in_test = (self.given.get(&name.text)).is_some_and(|given| given.of_spec);
        let advice = match in_test {
            true => "give another value here".to_owned(),
            false => format!("give another value: `--param {}=…`", name.text),
        };
        self.conditions(block, &name.text, (&term, span), env, &advice)
    }

    /// The type that a parameter is declared with; a finding if it has none.
    fn parameter_type(&mut self, block: &BlockItem, name: Span, broken: bool) -> Type {
        if let Some(written) = &block.result {
            return self.table_or(written);
        }
        if !broken {
            self.report(
                Diagnostic::error(code::VALUE_MISSING, name, "this has no type")
                    .help("what is given for it is read as its type says")
                    .help("add one behind the name: `param name: int`"),
            );
        }
        Type::Error
    }

    /// A parameter's type. A reference to a block that is a table is a table of its columns.
    fn table_or(&mut self, written: &TypeExpr) -> Type {
        let declared = self.written_type(written);
        let is_table = match &declared {
            Type::Block(kind) => {
                let kind = self.library.kinds.get(&**kind);
                kind.is_some_and(|kind| kind.table.is_some())
            }
            _ => false,
        };
        if is_table { Type::AnyTable } else { declared }
    }

    /// Judges the conditions in a parameter's body.
    pub(crate) fn conditions(
        &mut self,
        block: &BlockItem,
        name: &str,
        (term, span): (&Term, Span),
        env: Env<'_>,
        advice: &str,
    ) -> Term {
        for item in block.items() {
            match &item.node {
                Node::Require(require) => {
                    if let Err(message) = self.holds_in(require, name, term, env) {
                        let text = message.unwrap_or_else(|| "this does not hold".to_owned());
                        self.report(
                            Diagnostic::error(code::REQUIRE_FAILED, span, text)
                                .also(require.condition.span, "the condition")
                                .help("the spec says itself that it is not made for this value")
                                .help(advice),
                        );
                        return Term::error();
                    }
                }
                Node::Bad => {}
                _ if item.broken => {}
                _ => self.report(
                    Diagnostic::error(
                        code::ENTRY_OUT_OF_PLACE,
                        item.span,
                        "a parameter holds conditions alone",
                    )
                    .help("nothing would read this")
                    .help("write `require condition else \"why\"`"),
                ),
            }
        }
        term.clone()
    }

    /// What an instance gives for a parameter of its component.
    fn value_given_by(
        &mut self,
        instance: NodeId,
        name: &str,
        expected: &Type,
    ) -> Option<(Term, Span)> {
        let written = self.entry_of(instance, name)?;
        let env = Env::of(self.nodes[instance].scope);
        Some((self.value(written, expected, env), written.span))
    }

    fn not_given_by(&mut self, instance: NodeId, name: &str, expected: &Type) {
        if self.nodes[instance].broken || self.meant_for(instance, name) {
            return;
        }
        let node = &self.nodes[instance];
        let text = format!("`{name}` is missing");
        let finding = Diagnostic::error(code::FIELD_MISSING, node.name.span, text)
            .help("the component gives it no default, so each instance says what it is")
            .help(format!("write `{name} = …`: {}", expected.said()));
        self.report(finding);
    }

    /// What the user gave for a parameter, as a value of its type.
    fn given_value(&mut self, name: &str, expected: &Type) -> Option<(Term, Span)> {
        let given = self.given.get(name)?.clone();
        if !given.of_spec && given.text.trim() != "none" && self.keeps_a_secret(expected) {
            let text = "a secret is not read from outside of the spec";
            let kind = expected.present();
            self.report(
                Diagnostic::error(code::SECRET_GIVEN, given.span, text)
                    .help("what was given is perhaps one, and is not shown for that")
                    .help(format!(
                        "declare it and name it in the spec: `{kind} stored = env(\"…\")`, \
                         `param {name}: {expected} = stored`"
                    )),
            );
            return Some((Term::error(), given.span));
        }
        let is_absent = expected.may_be_absent() && given.text == "none";
        if takes_text(expected) && !given.of_spec && !is_absent {
            let term = Term::new(Type::String, Value::text(&given.text));
            return Some((self.fitted(term, expected, given.span), given.span));
        }
        let term = match &given.expression {
            Some(expression) => self.value(
                expression,
                expected,
                Env {
                    scope: given.scope,
                    locals: None,
                    present: None,
                },
            ),
            None => {
                let text = format!("this is not {}", expected.said());
                self.report(
                    Diagnostic::error(code::TYPE_WRONG, given.span, text)
                        .help("what is given for a parameter is read as its type says")
                        .help(format!("give {}", expected.said())),
                );
                Term::error()
            }
        };
        Some((term, given.span))
    }

    /// Whether a parameter stands for a block that keeps a secret.
    fn keeps_a_secret(&self, expected: &Type) -> bool {
        let Type::Block(kind) = expected.present() else {
            return false;
        };
        let kind = self.library.kinds.get(&**kind);
        kind.is_some_and(|kind| kind.secret)
    }

    /// Reports a bare word that was given for a parameter, and is no value of its type.
    pub(crate) fn given_word(&mut self, name: &str, span: Span, expected: &Type) {
        let of = expected.present();
        let finding = match of.bare() {
            Type::String => Diagnostic::error(code::TYPE_WRONG, span, "this is no text")
                .help("a file of parameters is read as a spec is: a text stands in quotes")
                .help(format!("write `\"{name}\"`")),
            _ => Diagnostic::error(code::TYPE_WRONG, span, format!("this is not {}", of.said()))
                .help("what is given for a parameter is read as its type says")
                .help(self.wanted(of)),
        };
        self.report(finding);
    }

    /// Reports what was given for parameters that do not exist; those that do are sorted.
    pub(crate) fn check_given(&mut self, known: &[String]) {
        // What the spec itself gives has its finding where it is checked.
        let given = self.given.iter().filter(|(_, given)| given.scope.is_none());
        let given: Vec<(String, Span)> = given
            .map(|(name, given)| (name.clone(), given.name_span))
            .collect();
        let names: Vec<&str> = known.iter().map(String::as_str).collect();
        for (name, span) in given {
            if known.binary_search(&name).is_ok() {
                continue;
            }
            let is_affordable = self.budget.compare(names.len());
            let compared = names.iter().copied().filter(|_| is_affordable);
            let meant = nearest(&name, compared);
            let finding = Diagnostic::error(
                code::PARAMETER_UNKNOWN,
                span,
                format!("the spec has no parameter `{name}`"),
            )
            .help("what was given would have no effect");
            let finding = match meant {
                Some(meant) => finding.help(meant.question()),
                None if names.is_empty() => finding.help("it has no parameters at all"),
                None => finding.help(format!("it has {}", crate::wording::list_some(&names))),
            };
            self.report(finding);
        }
    }
}

/// Whether what is given is the text itself, without quotes.
fn takes_text(expected: &Type) -> bool {
    *expected.present().bare().present() == Type::String
}
