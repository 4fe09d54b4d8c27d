//! Turns the lossless tree into the owned syntax that the checker reads.

use std::ops::Range;

use mlinfra_syntax::ast;

use crate::code::{self, Code};
use crate::diagnostic::{Diagnostic, Edit, FileId, Fix, Label, Severity, Span};
use crate::tree::{
    Argument, Arm, Attribute, Binary, BlockItem, Body, Expr, ExprKind, Item, Loop, Name, Node,
    Parameter, Path, Pattern, Require, TextPart, TypeArgument, TypeExpr, TypeKind, Unit, Use,
    UseTarget,
};
use mlinfra_syntax::literal;

/// How many operations may stand inside one another in an expression. A chain such as `a + b + c`
/// counts one for each operator.
const EXPRESSION_DEPTH_MAX: u32 = 200;

/// A file's entries and the findings of the parser.
#[derive(Debug)]
pub(crate) struct Lowered {
    pub(crate) items: Vec<Item>,
    pub(crate) findings: Vec<Diagnostic>,
}

/// Lowers the tree of a file.
pub(crate) fn lower_parsed(parse: &mlinfra_syntax::Parse, file: FileId) -> Lowered {
    lower_tree(parse, file, 0)
}

/// Parses a text and lowers its tree.
pub(crate) fn lower(text: &str, file: FileId) -> Lowered {
    lower_at(text, file, 0)
}

/// The same for a text that lies so many bytes behind the start of its file.
pub(crate) fn lower_at(text: &str, file: FileId, offset: u32) -> Lowered {
    lower_tree(&mlinfra_syntax::parse(text), file, offset)
}

fn lower_tree(parse: &mlinfra_syntax::Parse, file: FileId, offset: u32) -> Lowered {
    let mut lowering = Lowering {
        text: parse.tree.file_text(),
        file,
        offset,
        depth: 0,
        findings: Vec::new(),
    };
    for error in &parse.errors {
        let finding = lowering.finding(error);
        lowering.findings.push(finding);
    }
    let items = match ast::File::cast(parse.tree.clone()) {
        Some(root) => lowering.entries(root.entries()),
        None => Vec::new(),
    };
    Lowered {
        items,
        findings: lowering.findings,
    }
}

/// A list without room for more: most have one element, and they stay as long as the check does.
fn exact<T>(mut all: impl Iterator<Item = T>) -> Vec<T> {
    let Some(first) = all.next() else {
        return Vec::new();
    };
    let Some(second) = all.next() else {
        return vec![first];
    };
    let mut list = vec![first, second];
    list.extend(all);
    list.shrink_to_fit();
    list
}

struct Lowering<'t> {
    text: &'t str,
    file: FileId,
    offset: u32,
    depth: u32,
    findings: Vec<Diagnostic>,
}

impl Lowering<'_> {
    fn span(&self, range: Range<u32>) -> Span {
        Span {
            file: self.file,
            start: self.offset.saturating_add(range.start),
            end: self.offset.saturating_add(range.end),
        }
    }

    fn finding(&self, error: &mlinfra_syntax::SyntaxError) -> Diagnostic {
        let edit = |edit: &mlinfra_syntax::SyntaxEdit| Edit {
            span: self.span(edit.at.clone()),
            text: edit.text.clone(),
        };
        Diagnostic {
            code: Code(error.code),
            severity: Severity::Error,
            title: error.title().to_owned(),
            primary: Label {
                span: self.span(error.at.clone()),
                text: error.message.clone(),
            },
            others: Vec::new(),
            help: error.help.iter().cloned().collect(),
            fix: error.fix.as_ref().map(|fix| Fix {
                title: fix.title.clone(),
                edits: fix.edits.iter().map(edit).collect(),
            }),
        }
    }

    fn name(&self, name: &ast::Name) -> Name {
        Name {
            text: name.text().to_owned(),
            span: self.span(name.range()),
        }
    }

    fn path(&self, path: Option<ast::Path>, at: Range<u32>) -> Path {
        match path {
            Some(path) => Path {
                names: exact(path.names().map(|name| self.name(&name))),
                span: self.span(path.range()),
            },
            None => Path {
                names: Vec::new(),
                span: self.span(at),
            },
        }
    }

    fn entries(&mut self, entries: impl Iterator<Item = ast::Entry>) -> Vec<Item> {
        // Entries are large: room for just so many of them spares memory and copies.
        let entries: Vec<ast::Entry> = entries.collect();
        let mut items: Vec<Item> = entries.iter().map(|entry| self.entry(entry)).collect();
        // Behind a comma on its line, what can't be read may be a part of the entry before.
        for at in 1..items.len() {
            let bad = matches!(items[at].node, Node::Bad);
            items[at - 1].broken |= bad && self.is_one_line(items[at - 1].span, items[at].span);
        }
        items
    }

    fn is_one_line(&self, first: Span, second: Span) -> bool {
        let between = (first.end - self.offset) as usize..(second.start - self.offset) as usize;
        let text = self.text.get(between);
        text.is_some_and(|text| !text.contains('\n'))
    }

    fn entry(&mut self, entry: &ast::Entry) -> Item {
        let attributes = exact(entry.attributes().map(|a| self.attribute(&a))).into_boxed_slice();
        let item = entry.item();
        let span = self.span(entry.range());
        let broken = entry.syntax().has_syntax_error();
        let node = item.map_or(Node::Bad, |item| self.item(item));
        Item {
            attributes,
            documentation: entry.documentation().unwrap_or_default().into_boxed_str(),
            node,
            span,
            broken,
        }
    }

    fn attribute(&mut self, attribute: &ast::Attribute) -> Attribute {
        Attribute {
            path: self.path(attribute.path(), attribute.range()),
            arguments: exact(attribute.arguments().map(|a| self.argument(&a))),
        }
    }

    fn item(&mut self, item: ast::Item) -> Node {
        let range = item.range();
        match item {
            ast::Item::Use(item) => Node::Use(Box::new(self.use_item(&item))),
            ast::Item::Require(item) => Node::Require(Box::new(Require {
                condition: self.optional(item.condition(), &range),
                message: item.message().map(|message| self.expr(&message)),
            })),
            ast::Item::Field(field) => {
                let path = match field.key() {
                    Some(ast::Key::Path(path)) => self.path(Some(path), range.clone()),
                    Some(key @ ast::Key::String(_)) => Path {
                        names: vec![Name {
                            text: key.text().unwrap_or_default(),
                            span: self.span(key.range()),
                        }],
                        span: self.span(key.range()),
                    },
                    None => return Node::Bad,
                };
                Node::Field {
                    path,
                    value: self.optional(field.value(), &range),
                }
            }
            ast::Item::Requirement(item) => {
                let operator = item.operator().and_then(|o| Binary::from_text(o.sign()));
                let Some(operator) = operator else {
                    return Node::Bad;
                };
                Node::Requirement {
                    path: self.path(item.path(), range.clone()),
                    operator,
                    value: self.optional(item.value(), &range),
                }
            }
            ast::Item::Column(column) => {
                let path = self.path(column.path(), range.clone());
                Node::Column {
                    name: Name {
                        text: path.text(),
                        span: path.span,
                    },
                    column_type: Box::new(self.optional_type(column.type_(), &range)),
                    default: column.default().map(|value| Box::new(self.expr(&value))),
                }
            }
            ast::Item::Block(block) => Node::Block(Box::new(self.block(&block))),
        }
    }

    fn use_item(&mut self, item: &ast::Use) -> Use {
        let mut target_span = self.span(item.range());
        let target = match item.source() {
            Some(ast::UseSource::File(text)) => {
                target_span = self.span(text.range());
                text.plain().map_or(UseTarget::Bad, UseTarget::File)
            }
            Some(ast::UseSource::Path(path)) => {
                target_span = self.span(path.range());
                UseTarget::Library(self.path(Some(path), item.range()))
            }
            None => UseTarget::Bad,
        };
        Use {
            target,
            target_span,
            names: exact(item.names().map(|name| self.name(&name))),
            alias: item.alias().map(|name| self.name(&name)),
        }
    }

    fn block(&mut self, block: &ast::Block) -> BlockItem {
        let range = block.range();
        let string = block.name_string().map(|string| Name {
            text: string.plain().unwrap_or_default(),
            span: self.span(string.range()),
        });
        let parameters = block.has_params().then(|| {
            let all = block.params().filter_map(|parameter| {
                Some(Parameter {
                    name: self.name(&parameter.name()?),
                    parameter_type: self.optional_type(parameter.type_(), &parameter.range()),
                    default: parameter.default().map(|value| self.expr(&value)),
                })
            });
            all.collect()
        });
        BlockItem {
            path: self.path(block.path(), range),
            name: block.name().map(|name| self.name(&name)).or(string),
            parameters,
            result: (block.type_()).map(|written| Box::new(self.type_expr(&written))),
            place: block.place().map(|place| Box::new(self.expr(&place))),
            repeat: (block.loop_()).map(|repeat| Box::new(self.repeat(&repeat))),
            when: (block.condition()).map(|condition| Box::new(self.expr(&condition))),
            value: block.value().map(|value| Box::new(self.expr(&value))),
            body: block.body().map(|body| self.body(&body)),
        }
    }

    fn body(&mut self, body: &ast::Body) -> Body {
        Body {
            items: self.entries(body.entries()),
        }
    }

    fn repeat(&mut self, repeat: &ast::Loop) -> Loop {
        Loop {
            names: exact(repeat.names().map(|name| self.name(&name))),
            source: Box::new(self.optional(repeat.list(), &repeat.range())),
            span: self.span(repeat.range()),
        }
    }

    fn optional_type(&mut self, written: Option<ast::Type>, at: &Range<u32>) -> TypeExpr {
        match written {
            Some(written) => self.type_expr(&written),
            None => TypeExpr {
                kind: TypeKind::Bad,
                span: self.span(at.clone()),
            },
        }
    }

    fn type_expr(&mut self, written: &ast::Type) -> TypeExpr {
        let span = self.span(written.range());
        let mut members = exact(written.alternatives().map(|a| self.atom(&a)));
        match members.len() {
            0 => TypeExpr {
                kind: TypeKind::Bad,
                span,
            },
            1 => members.remove(0),
            _ => TypeExpr {
                kind: TypeKind::Union(members),
                span,
            },
        }
    }

    fn atom(&mut self, atom: &ast::TypeAtom) -> TypeExpr {
        let span = self.span(atom.range());
        // With an argument that can't be read, nobody knows which type is meant.
        let lost = |list: mlinfra_syntax::Node| list.has_syntax_error();
        let path = atom
            .path()
            .filter(|_| !atom.argument_list().is_some_and(lost));
        let Some(path) = path else {
            return TypeExpr {
                kind: TypeKind::Bad,
                span,
            };
        };
        let arguments = atom.arguments().map(|argument| match argument {
            ast::TypeArgument::Type(inner) => TypeArgument::Type(self.type_expr(&inner)),
            _ => TypeArgument::Literal,
        });
        let arguments = exact(arguments);
        TypeExpr {
            kind: TypeKind::Named {
                path: self.path(Some(path), atom.range()),
                arguments,
                optional: atom.is_optional(),
            },
            span,
        }
    }

    fn argument(&mut self, argument: &ast::Argument) -> Argument {
        Argument {
            name: argument.name().map(|name| self.name(&name)),
            value: self.optional(argument.value(), &argument.range()),
        }
    }

    fn optional(&mut self, written: Option<ast::Expr>, at: &Range<u32>) -> Expr {
        match written {
            Some(written) => self.expr(&written),
            None => Expr {
                kind: ExprKind::Bad,
                span: self.span(at.clone()),
            },
        }
    }

    fn boxed(&mut self, written: Option<ast::Expr>, at: &Range<u32>) -> Box<Expr> {
        Box::new(self.optional(written, at))
    }

    fn expr(&mut self, written: &ast::Expr) -> Expr {
        let written = written.without_parens();
        let span = self.span(written.range());
        if self.depth >= EXPRESSION_DEPTH_MAX {
            if self.findings.is_empty() {
                let text =
                    format!("more than {EXPRESSION_DEPTH_MAX} operations inside one another");
                self.findings.push(
                    Diagnostic::error(code::LIMIT, span.start(), text)
                        .help("every limit is there so that checking always ends, and soon")
                        .help("name parts of it with `let`"),
                );
            }
            return Expr {
                kind: ExprKind::Bad,
                span,
            };
        }
        self.depth += 1;
        let kind = self.expr_kind(&written);
        self.depth -= 1;
        Expr { kind, span }
    }

    fn expr_kind(&mut self, written: &ast::Expr) -> ExprKind {
        let at = written.range();
        match written {
            ast::Expr::If(view) => ExprKind::If {
                condition: self.boxed(view.condition(), &at),
                then: self.boxed(view.then_value(), &at),
                otherwise: self.boxed(view.else_value(), &at),
            },
            ast::Expr::Binary(view) => {
                let operator = view.operator().and_then(|o| Binary::from_text(o.sign()));
                let Some(operator) = operator else {
                    return ExprKind::Bad;
                };
                ExprKind::Binary {
                    operator,
                    operator_span: self.span(view.operator_range().unwrap_or(at.clone())),
                    left: self.boxed(view.left(), &at),
                    right: self.boxed(view.right(), &at),
                }
            }
            ast::Expr::Not(view) => ExprKind::Not(self.boxed(view.operand(), &at)),
            ast::Expr::Negate(view) => ExprKind::Negate(self.boxed(view.operand(), &at)),
            ast::Expr::Paren(_) | ast::Expr::Error(_) => ExprKind::Bad,
            ast::Expr::Member(view) => match view.name() {
                Some(name) => ExprKind::Member {
                    object: self.boxed(view.base(), &at),
                    name: self.name(&name),
                },
                None => ExprKind::Bad,
            },
            ast::Expr::Call(view) => ExprKind::Call {
                callee: self.boxed(view.callee(), &at),
                arguments: exact(view.arguments().map(|a| self.argument(&a))),
            },
            ast::Expr::Index(view) => ExprKind::Index {
                object: self.boxed(view.base(), &at),
                index: self.boxed(view.index(), &at),
            },
            ast::Expr::Quantity(view) => self.number(view),
            // One that does not exist has its finding.
            ast::Expr::Date(view) if literal::date(view.text()).is_none() => ExprKind::Bad,
            ast::Expr::Date(view) => ExprKind::Date(view.text().to_owned()),
            // An address that can't be was reported where it stands.
            ast::Expr::Ip(view) if mlinfra_syntax::literal::ip(view.text()).is_none() => {
                ExprKind::Bad
            }
            ast::Expr::Ip(view) => ExprKind::Address(view.text().to_owned()),
            ast::Expr::String(view) => ExprKind::Text(self.text(view)),
            ast::Expr::Text(_) => ExprKind::Text(vec![TextPart::Literal(
                written.as_string().unwrap_or_default(),
            )]),
            ast::Expr::Bool(view) => ExprKind::Bool(view.is_true()),
            ast::Expr::None(_) => ExprKind::None,
            ast::Expr::Name(view) => match view.name() {
                Some(name) => ExprKind::Name(name.text().to_owned()),
                None => ExprKind::Bad,
            },
            ast::Expr::List(view) => self.list(view),
            ast::Expr::Record(view) => ExprKind::Record(self.body(view)),
            ast::Expr::Match(view) => ExprKind::Match {
                subject: self.boxed(view.value(), &at),
                arms: view.arms().map(|arm| self.arm(&arm)).collect(),
            },
        }
    }

    fn number(&mut self, view: &ast::Quantity) -> ExprKind {
        let over = view.unit().map(|name| self.name(&name));
        let per: Vec<Name> = exact(view.per().map(|name| self.name(&name)));
        let unit = (over.is_some() || !per.is_empty()).then(|| Box::new(Unit { over, per }));
        ExprKind::Number {
            digits: view.number().replace('_', ""),
            percent: view.is_percent(),
            unit,
        }
    }

    fn text(&mut self, view: &ast::StringExpr) -> Vec<TextPart> {
        let parts = exact(view.parts());
        let part = |part| match part {
            ast::StringPart::Text(text, _) => TextPart::Literal(text),
            ast::StringPart::Interpolation(hole, at) => TextPart::Hole(self.optional(hole, &at)),
        };
        parts.into_iter().map(part).collect()
    }

    fn list(&mut self, view: &ast::List) -> ExprKind {
        let mut elements = exact(view.elements().map(|element| self.expr(&element)));
        let Some(repeat) = view.loop_() else {
            return ExprKind::List(elements);
        };
        let repeat = Box::new(self.repeat(&repeat));
        if elements.is_empty() {
            return ExprKind::Bad;
        }
        let condition = view.guard().and_then(|guard| guard.condition());
        ExprKind::Comprehension {
            element: Box::new(elements.remove(0)),
            repeat,
            when: condition.map(|condition| Box::new(self.expr(&condition))),
        }
    }

    fn arm(&mut self, arm: &ast::Arm) -> Arm {
        let patterns: Vec<ast::Pattern> = arm.patterns().collect();
        Arm {
            patterns: patterns
                .iter()
                .map(|pattern| self.pattern(pattern))
                .collect(),
            value: self.optional(arm.value(), &arm.range()),
        }
    }

    fn pattern(&mut self, pattern: &ast::Pattern) -> Pattern {
        let span = self.span(pattern.range());
        let kind = match pattern.kind() {
            Some(ast::PatternKind::Rest) => return Pattern::Rest,
            Some(ast::PatternKind::Name(name)) => ExprKind::Name(name.text().to_owned()),
            Some(ast::PatternKind::Quantity(view)) => self.number(&view),
            Some(ast::PatternKind::String(view)) => ExprKind::Text(self.text(&view)),
            Some(ast::PatternKind::Date(node)) => ExprKind::Date(node.text().to_owned()),
            Some(ast::PatternKind::Bool(flag)) => ExprKind::Bool(flag),
            Some(ast::PatternKind::None) => ExprKind::None,
            None => ExprKind::Bad,
        };
        Pattern::Value(Expr { kind, span })
    }
}
