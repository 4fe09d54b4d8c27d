//! Reads a policy: what it says of itself, and what it asks for.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlinfra_api::Value;

use crate::check::{Checker, Env};
use crate::code::{self, Code};
use crate::diagnostic::{Diagnostic, Span};
use crate::policy::Policy;
use crate::suggest::nearest;
use crate::tree::{BlockItem, Expr, Item, Node, Require};
use crate::types::Type;

/// What a policy may say, beside `require`. Its severity and what it cites hold for all elements.
const FIELDS: [&str; 11] = [
    "at", "cites", "code", "help", "manual", "mask", "origin", "pass", "set", "severity", "why",
];

/// A policy, read.
pub(crate) struct Rule<'t> {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) code: Code,
    pub(crate) severity: String,
    pub(crate) cites: Vec<String>,
    pub(crate) fields: BTreeMap<&'static str, &'t Expr>,
    pub(crate) requires: Vec<&'t Require>,
}

impl<'t> Checker<'t> {
    /// Reads a policy; none, with findings, if it is in error.
    pub(crate) fn rule(&mut self, policy: Policy<'t>, env: Env<'_>) -> Option<Rule<'t>> {
        let (item, block) = (policy.item, policy.block);
        let before = self.errors();
        self.policy_head(item, block);
        let name = block.name.as_ref()?.text.clone();
        let mut fields: BTreeMap<&'static str, &'t Expr> = BTreeMap::new();
        let mut requires = Vec::new();
        let mut seen = BTreeMap::new();
        for entry in block.items() {
            self.refuse_attributes(entry);
            match &entry.node {
                Node::Require(require) => requires.push(&**require),
                Node::Field { path, value } => {
                    let text = path.text();
                    match FIELDS.iter().find(|field| **field == text) {
                        Some(field) if policy.pack.is_some() || *field != "code" => {
                            if !self.field_twice(&text, path.span, &mut seen) {
                                fields.insert(field, value);
                            }
                        }
                        _ => self.policy_field_unknown(&text, path.span),
                    }
                }
                _ => self.policy_entry(entry),
            }
        }
        if requires.is_empty() && !fields.contains_key("manual") && !item.broken {
            self.report(
                Diagnostic::error(
                    code::POLICY_EMPTY,
                    block.head(),
                    "this policy asks for nothing",
                )
                .help("it would look like a rule, and nothing would ever be held against it")
                .help("add `require condition else \"what is wrong\"`"),
            );
        }
        let severity = self.severity(fields.get("severity").copied(), env);
        let cites = self.texts(fields.get("cites").copied(), env);
        if item.broken || self.errors() > before {
            return None;
        }
        let code = match fields.get("code").and_then(|expr| self.text(expr, env)) {
            Some(text) => code::page(&text).map(|page| Code(page.code)),
            None => Some(code::POLICY_FAILED),
        };
        debug_assert!(code.is_some(), "{name} names a code without a page");
        let sentence = first_sentence(&item.documentation);
        let title = sentence.unwrap_or_else(|| format!("the policy `{name}`"));
        Some(Rule {
            name,
            title,
            code: code?,
            severity,
            cites,
            fields,
            requires,
        })
    }

    fn policy_head(&mut self, item: &Item, block: &BlockItem) {
        for attribute in &item.attributes {
            let name = attribute.path.text();
            if !name.is_empty() {
                self.attribute_unwanted(&name, attribute.path.span);
            }
        }
        if block.name.is_none() && !item.broken {
            let text = "this `policy` has no name";
            self.report(
                Diagnostic::error(code::NAME_MISSING, block.path.span, text)
                    .help("what it finds is listed under its name")
                    .help("name it: `policy stores_are_sealed for s in all(storage) { … }`"),
            );
        }
        let parts = [
            block.parameters.as_ref().map(|_| block.head()),
            block.result.as_ref().map(|written| written.span),
            block.place.as_ref().map(|place| place.span),
            block.value.as_ref().map(|value| value.span),
        ];
        for span in parts.into_iter().flatten() {
            let text = "a `policy` has no parameters, type, place or value";
            self.report(
                Diagnostic::error(code::HEAD_PART_UNWANTED, span, text)
                    .help("nothing would read it")
                    .help("write `policy name for element in all(kind) when condition { … }`"),
            );
        }
    }

    fn policy_field_unknown(&mut self, name: &str, span: Span) {
        let known = FIELDS.iter().copied().filter(|field| *field != "code");
        let meant = nearest(name, known.clone());
        let text = format!("a policy has no field `{name}`");
        let finding = Diagnostic::error(code::FIELD_UNKNOWN, span, text)
            .help("nothing would read it, so it would have no effect");
        let known: Vec<&str> = known.collect();
        self.report(match meant {
            Some(_) => finding.suggest(span, name, meant),
            None => finding.help(format!("its fields are {}", crate::wording::list(&known))),
        });
    }

    fn policy_entry(&mut self, entry: &Item) {
        if entry.broken || matches!(entry.node, Node::Bad) {
            return;
        }
        let text = "a policy holds fields and conditions alone";
        self.report(
            Diagnostic::error(code::ENTRY_OUT_OF_PLACE, entry.span, text)
                .help("nothing would read this")
                .help("write `require condition else \"what is wrong\"`"),
        );
    }

    fn severity(&mut self, written: Option<&Expr>, env: Env<'_>) -> String {
        let library = self.library;
        let declared = library.types.get("severity").unwrap_or(&Type::String);
        let term = written.map(|expr| self.value(expr, declared, env));
        let word = term.as_ref().and_then(|term| term.value.as_case());
        word.unwrap_or("medium").to_owned()
    }

    fn texts(&mut self, written: Option<&Expr>, env: Env<'_>) -> Vec<String> {
        let list = Type::List(Arc::new(Type::String));
        let term = written.map(|expr| self.value(expr, &list, env));
        let texts = term.as_ref().and_then(|term| term.value.as_list());
        let texts = texts.unwrap_or_default().iter();
        texts
            .filter_map(Value::as_text)
            .map(str::to_owned)
            .collect()
    }

    /// A text that may be absent; broken into lines, it is one line all the same.
    pub(crate) fn text(&mut self, written: &Expr, env: Env<'_>) -> Option<String> {
        let term = self.value(written, &Type::String.optional(), env);
        let words = term.value.as_text()?.split_whitespace();
        Some(words.collect::<Vec<&str>>().join(" "))
    }
}

/// The first sentence of a documentation, without its point.
pub(crate) fn first_sentence(documentation: &str) -> Option<String> {
    let words: Vec<&str> = documentation.split_whitespace().collect();
    let text = words.join(" ");
    let sentence = text.split(". ").next().unwrap_or("").trim_end_matches('.');
    (!sentence.is_empty()).then(|| sentence.to_owned())
}
