//! Sound texts give the trees that their authors meant.

mod common;

use common::{FORMS, checked, codes, specs};
use mlinfra_syntax::ast::{BinaryOperator, Expr, Item, Key, PatternKind, StringPart, UseSource};
use mlinfra_syntax::{Kind, Parse};

#[test]
fn every_spec_is_clean() {
    for (name, text) in specs() {
        let errors = checked(&text).errors;
        assert!(errors.is_empty(), "{name}: {errors:?}");
    }
}

fn item(text: &str) -> Item {
    let parse = checked(text);
    assert!(parse.errors.is_empty(), "{text}: {:?}", parse.errors);
    let entry = parse.file().entries().next().expect("an entry was written");
    entry.item().expect("an item was written")
}

fn value(text: &str) -> Expr {
    match item(&format!("x = {text}")) {
        Item::Field(field) => field.value().expect("a value was written"),
        item => panic!("{item:?} is no field"),
    }
}

/// An expression with a parenthesis around everything that has parts.
fn shape(expr: &Expr) -> String {
    let of = |expr: Option<Expr>| expr.map_or("?".to_owned(), |expr| shape(&expr));
    match expr {
        Expr::Binary(view) => {
            let sign = view
                .operator()
                .expect("a binary expression has an operator")
                .sign();
            format!("({} {sign} {})", of(view.left()), of(view.right()))
        }
        Expr::Not(view) => format!("(not {})", of(view.operand())),
        Expr::Negate(view) => format!("(-{})", of(view.operand())),
        Expr::Paren(view) => of(view.operand()),
        Expr::Member(view) => {
            format!(
                "{}.{}",
                of(view.base()),
                view.name().expect("a name was written").text()
            )
        }
        Expr::If(view) => format!(
            "(if {} then {} else {})",
            of(view.condition()),
            of(view.then_value()),
            of(view.else_value())
        ),
        Expr::Call(view) => {
            let arguments: Vec<String> = view
                .arguments()
                .map(|argument| match argument.name() {
                    Some(name) => format!("{}={}", name.text(), of(argument.value())),
                    None => of(argument.value()),
                })
                .collect();
            format!("{}({})", of(view.callee()), arguments.join(" "))
        }
        Expr::Index(view) => format!("{}[{}]", of(view.base()), of(view.index())),
        other => other.syntax().text().to_owned(),
    }
}

#[test]
fn operators_bind_as_the_grammar_says() {
    for (text, expected) in [
        ("1 + 2 * 3", "(1 + (2 * 3))"),
        ("1 - 2 - 3", "((1 - 2) - 3)"),
        ("a or b and not c == d", "(a or (b and (not (c == d))))"),
        ("not not a", "(not (not a))"),
        ("a not in b", "(a not in b)"),
        ("a in 1..8", "(a in (1 .. 8))"),
        ("a ?? b ?? c + 1", "((a ?? b) ?? (c + 1))"),
        ("-a.b", "(-a.b)"),
        ("a - -b", "(a - (-b))"),
        ("f(x, y = -1)[0].g()", "f(x y=(-1))[0].g()"),
        (
            "if a then b else if c then d else e",
            "(if a then b else (if c then d else e))",
        ),
        ("(a + b) * c", "((a + b) * c)"),
        ("a\n  + b\n  or c", "((a + b) or c)"),
        ("(\n  a +\n  b\n)", "(a + b)"),
        ("amount / 1 EUR", "(amount / 1 EUR)"),
        ("lake / \"x.csv\"", "(lake / \"x.csv\")"),
    ] {
        assert_eq!(shape(&value(text)), expected, "{text}");
    }
}

#[test]
fn a_quantity_has_its_parts() {
    for (text, number, percent, unit, per) in [
        ("5", "5", false, None, &[][..]),
        ("0.5%", "0.5", true, None, &[]),
        ("80GiB", "80", false, Some("GiB"), &[]),
        ("12 USD/h", "12", false, Some("USD"), &["h"]),
        ("60/min", "60", false, None, &["min"]),
        (
            "0.02 USD/GiB/month",
            "0.02",
            false,
            Some("USD"),
            &["GiB", "month"],
        ),
        ("1_000.5e-3", "1_000.5e-3", false, None, &[]),
    ] {
        let Expr::Quantity(quantity) = value(text) else {
            panic!("{text} is a quantity")
        };
        assert_eq!(quantity.number(), number, "{text}");
        assert_eq!(quantity.is_percent(), percent, "{text}");
        assert_eq!(
            quantity.unit().as_ref().map(|unit| unit.text()),
            unit,
            "{text}"
        );
        let names: Vec<String> = quantity.per().map(|name| name.text().to_owned()).collect();
        assert_eq!(names, per, "{text}");
    }
}

#[test]
fn a_string_has_texts_and_expressions() {
    let Expr::String(string) = value(r#""a\n${b + "c${d}"}${e}\u{e9}""#) else {
        panic!("a string was written")
    };
    let parts: Vec<String> = string
        .parts()
        .map(|part| match part {
            StringPart::Text(text, _) => format!("{text:?}"),
            StringPart::Interpolation(expr, _) => {
                expr.expect("it is written").syntax().text().into()
            }
        })
        .collect();
    assert_eq!(parts, ["\"a\\n\"", "b + \"c${d}\"", "e", "\"é\""]);
    assert_eq!(string.plain(), None);
    assert_eq!(value(r#""a\"\$\\""#).as_string().as_deref(), Some("a\"$\\"));
    let braces = value(r#""${ {a = 1}.a }""#);
    assert!(matches!(braces, Expr::String(string) if string.parts().count() == 1));
}

#[test]
fn a_text_loses_the_indentation_of_its_closing_line() {
    let text = value("\"\"\"\n    echo ${HOME} \\n\n      more\n\n    \"\"\"");
    assert_eq!(
        text.as_string().as_deref(),
        Some("echo ${HOME} \\n\n  more\n\n")
    );
    assert_eq!(value("\"\"\"one\"\"\"").as_string().as_deref(), Some("one"));
}

#[test]
fn a_block_has_all_its_parts() {
    let text = "a.kind name(p: int = 1 @late, q: t?): list(int) on x[0] for k, v in f({ a = 1 }) \
                when m == 1 = g(h) {\n  z = 1\n}";
    let Item::Block(block) = item(text) else {
        panic!("a block was written")
    };
    assert_eq!(
        block.path().map(|path| path.joined()).as_deref(),
        Some("a.kind")
    );
    assert_eq!(block.name().as_ref().map(|name| name.text()), Some("name"));
    let params: Vec<_> = block.params().collect();
    assert_eq!(params.len(), 2);
    assert_eq!(params[0].attributes().count(), 1);
    assert_eq!(
        params[0].default().map(|value| shape(&value)).as_deref(),
        Some("1")
    );
    let atom = params[1].type_().and_then(|t| t.alternatives().next());
    assert!(atom.is_some_and(|atom| atom.is_optional()));
    let atom = block
        .type_()
        .and_then(|t| t.alternatives().next())
        .expect("a type is written");
    assert_eq!((atom.has_arguments(), atom.arguments().count()), (true, 1));
    assert_eq!(
        block.place().map(|place| shape(&place)).as_deref(),
        Some("x[0]")
    );
    let over = block.loop_().expect("a loop is written");
    assert_eq!(over.names().count(), 2);
    assert_eq!(
        over.list().map(|list| shape(&list)).as_deref(),
        Some("f({ a = 1 })")
    );
    assert_eq!(
        block.condition().map(|when| shape(&when)).as_deref(),
        Some("(m == 1)")
    );
    assert_eq!(
        block.value().map(|value| shape(&value)).as_deref(),
        Some("g(h)")
    );
    assert_eq!(block.body().map(|body| body.entries().count()), Some(1));
    assert!(!block.has_syntax_error());
}

#[test]
fn a_field_without_its_sign_is_a_block_of_two_words() {
    let Item::Block(block) = item("class ssd") else {
        panic!("`class ssd` is a block")
    };
    assert_eq!(
        block
            .path()
            .and_then(|path| path.single())
            .as_ref()
            .map(|n| n.text()),
        Some("class")
    );
    assert_eq!(block.name().as_ref().map(|name| name.text()), Some("ssd"));
    assert!(block.body().is_none() && block.value().is_none());
}

#[test]
fn items_are_told_apart_by_what_follows_their_path() {
    let kind = |text: &str| item(text).syntax().kind();
    assert_eq!(kind("a.b = 1"), Kind::Field);
    assert_eq!(kind("\"a b\" = 1"), Kind::Field);
    assert_eq!(kind("a >= 1"), Kind::Requirement);
    assert_eq!(kind("a in [1]"), Kind::Requirement);
    assert_eq!(kind("a : int"), Kind::Column);
    assert_eq!(kind("use = 1"), Kind::Field);
    assert_eq!(kind("require : int"), Kind::Column);
    assert_eq!(kind("require a"), Kind::Require);
    assert_eq!(kind("require { a = 1 }"), Kind::Block);
    assert_eq!(kind("for = 1"), Kind::Field);
    assert_eq!(kind("on : bool"), Kind::Column);
    assert_eq!(kind("columns { }"), Kind::Block);
}

#[test]
fn a_requirement_a_use_and_a_match_have_their_parts() {
    let Item::Requirement(wish) = item("throughput >= 1 GB/s") else {
        panic!("a wish")
    };
    assert_eq!(wish.operator(), Some(BinaryOperator::GreaterEqual));
    assert_eq!(
        wish.value().map(|value| shape(&value)).as_deref(),
        Some("1 GB/s")
    );
    let Item::Use(used) = item("use \"a.mlinfra\".{b, c}") else {
        panic!("a use")
    };
    assert!(matches!(used.source(), Some(UseSource::File(file)) if file.plain().is_some()));
    assert_eq!(used.names().count(), 2);
    let Item::Use(used) = item("use std.aws as cloud") else {
        panic!("a use")
    };
    assert!(matches!(used.source(), Some(UseSource::Path(path)) if path.joined() == "std.aws"));
    assert_eq!(used.alias().as_ref().map(|name| name.text()), Some("cloud"));
    let Expr::Match(found) = value("match a { b | 1 GiB => 1, \"c\" => 2, _ => 3 }") else {
        panic!("a match")
    };
    let patterns: Vec<_> = found
        .arms()
        .flat_map(|arm| arm.patterns())
        .filter_map(|pattern| pattern.kind())
        .collect();
    assert_eq!(patterns.len(), 4);
    assert!(matches!(patterns[1], PatternKind::Quantity(_)));
    assert_eq!(patterns[3], PatternKind::Rest);
    assert!(found.arms().all(|arm| arm.value().is_some()));
}

#[test]
fn names_lose_their_back_quotes_and_keep_their_range() {
    let Item::Field(field) = item("`sepal length (cm)` = `for`") else {
        panic!("a field")
    };
    let Some(Key::Path(path)) = field.key() else {
        panic!("a path")
    };
    assert_eq!(path.joined(), "sepal length (cm)");
    assert_eq!(path.range(), 0..19);
    let name = field.value().and_then(|value| value.as_name());
    assert_eq!(name.as_ref().map(|name| name.text()), Some("for"));
}

fn documented(parse: &Parse) -> Vec<(String, String)> {
    let entries = parse.tree.descendants();
    let documented = entries.filter_map(|entry| {
        Some((
            entry.parts().next()?.text().to_owned(),
            entry.documentation()?,
        ))
    });
    documented.collect()
}

#[test]
fn documentation_belongs_to_the_next_entry_or_the_first_on_its_line() {
    let text = "/// One.\n///   Two.\n\n@a\nb c { /// Three.\n  d = 1, e = 2 /// Four.\n\
                  f g(h: int,\n    i: int /// Five.\n  )\n}\n@j /// Six.\n/// Seven.\nk = 1\n";
    let parse = checked(text);
    assert!(parse.errors.is_empty(), "{:?}", parse.errors);
    let found = documented(&parse);
    let pairs: Vec<(&str, &str)> = found
        .iter()
        .map(|(entry, text)| (entry.as_str(), text.as_str()))
        .collect();
    let expected = [
        ("@a", "One.\n  Two.\nThree."),
        ("d = 1", "Four."),
        ("i", "Five."),
        ("@j", "Six.\nSeven."),
    ];
    assert_eq!(pairs, expected);
}

#[test]
fn documentation_that_describes_nothing_is_a_finding() {
    assert_eq!(codes("a {\n  b = 1\n  /// Nothing.\n}\n"), ["E0026"]);
    assert_eq!(codes("a = [ // c\n  1, /// Nothing.\n]\n"), ["E0026"]);
    assert_eq!(codes("a = 1\n/// Nothing."), ["E0026"]);
}

#[test]
fn forms_hold_every_kind_of_node() {
    let parse = checked(FORMS);
    let found: Vec<Kind> = parse.tree.descendants().map(|node| node.kind()).collect();
    let first = Kind::File as u8;
    let missing: Vec<u8> = (first..Kind::Error as u8)
        .filter(|kind| !found.iter().any(|found| *found as u8 == *kind))
        .collect();
    assert!(missing.is_empty(), "no node of kinds {missing:?}");
    assert!(!found.contains(&Kind::Error));
}
