//! `format` keeps what the author wrote and changes what stands between.

mod common;

use common::{FORMS, Random, SPEC, checked, specs};
use mlinfra_syntax::{Kind, Node, format, lexer};

/// Tokens and comments, without the commas that a line break may replace.
fn content(text: &str) -> Vec<String> {
    let tokens = checked(text).tree.descendants().filter(Node::is_token);
    tokens
        .filter(|token| !matches!(token.kind(), Kind::Space | Kind::Newline))
        .filter(|token| token.kind() != Kind::Comma)
        .map(|token| match token.kind() {
            Kind::Text => mlinfra_syntax::literal::text(token.text()),
            _ => token.text().trim_end().to_owned(),
        })
        .collect()
}

#[track_caller]
fn formatted(text: &str) -> String {
    let once = format(text).unwrap_or_else(|| panic!("{text} has no error"));
    assert_eq!(content(text), content(&once), "{text}\n{once}");
    assert_eq!(
        format(&once).as_deref(),
        Some(once.as_str()),
        "formatting {text} twice"
    );
    once
}

#[test]
fn the_embedded_specs_are_in_their_layout() {
    for text in [FORMS, SPEC] {
        assert_eq!(formatted(text), text);
    }
}

#[test]
fn every_spec_keeps_its_tokens_and_comments() {
    for (_, text) in specs() {
        formatted(&text);
    }
}

#[test]
fn a_text_with_an_error_is_left_alone() {
    assert_eq!(format("a = "), None);
}

#[test]
fn blanks_and_indentation_do_not_matter() {
    for text in [FORMS, SPEC] {
        let mut random = Random(11);
        for _ in 0..10 {
            let mut other = String::new();
            let mut line_start = true;
            for token in lexer::tokens(text) {
                let word = &text[token.start as usize..token.end as usize];
                match token.kind {
                    Kind::Newline => {
                        other.push('\n');
                        line_start = true;
                    }
                    Kind::Space => {
                        other.push_str(&" ".repeat(random.below(6) + usize::from(!line_start)))
                    }
                    // What a text means depends on its own indentation.
                    Kind::Text if word.contains('\n') => other.push_str(word),
                    _ => {
                        other.push_str(word);
                        line_start = false;
                    }
                }
            }
            if checked(&other).errors.is_empty() {
                assert_eq!(formatted(&other), text);
            }
        }
    }
}

#[test]
fn runs_are_aligned() {
    let text = "a {\n  x = 1\n  long >= 2\n  y in [3]\n  // Between.\n  z = 4\n\n  w = 5\n}\n";
    let aligned =
        "a {\n  x     = 1\n  long >= 2\n  y    in [3]\n  // Between.\n  z     = 4\n\n  w = 5\n}\n";
    assert_eq!(formatted(text), aligned);
    let text = "a : int @b /// C.\nlong : string(1) = 2\nd : e @ffffff @g\n";
    let aligned = "a    : int            @b        /// C.\nlong : string(1) = 2\n\
                   d    : e              @ffffff @g\n";
    assert_eq!(formatted(text), aligned);
    let text = "x = 1\nmuch_longer_than_any_other = 2\nlong = 3\n";
    let aligned = "x    = 1\nmuch_longer_than_any_other = 2\nlong = 3\n";
    assert_eq!(formatted(text), aligned);
    let text = "alert a = 1 { b = 1 }\nalert longer = 22 { b = 1 }\nother c = 1\n";
    let aligned = "alert a      = 1  { b = 1 }\nalert longer = 22 { b = 1 }\nother c = 1\n";
    assert_eq!(formatted(text), aligned);
}

#[test]
fn tokens_stand_apart_as_they_are_used() {
    for (text, expected) in [
        ("x=80GiB", "x = 80 GiB"),
        ("x=60 /min", "x = 60 / min"),
        ("x = [ 1 ,2 , ]", "x = [1, 2,]"),
        ("x = {a=1,b=2,}", "x = { a = 1, b = 2 }"),
        ("x = { }", "x = {}"),
        ("x = - 1 - -2", "x = -1 - -2"),
        ("x = 1 .. 4", "x = 1..4"),
        ("x = f( a= 1 )[ 0 ] . b", "x = f(a = 1)[0].b"),
        ("x = a in(b)", "x = a in (b)"),
        ("x = \"${a+b}\"", "x = \"${a+b}\""),
        ("use a . {b ,c}as d", "use a.{b, c} as d"),
        ("let x : int=1", "let x: int = 1"),
        ("x:int ?|list( a ,b )", "x : int? | list(a, b)"),
        (
            "op f(a:int=1 @b):c on d{}",
            "op f(a: int = 1 @b): c on d {}",
        ),
        (
            "x = match a{b|c=>1,_=>2}",
            "x = match a { b | c => 1, _ => 2 }",
        ),
        ("x = 1// c", "x = 1   // c"),
        ("@a @b( 1 )\nc d", "@a @b(1)\nc d"),
        ("@a c d", "@a\nc d"),
        ("x {\n@a\n@b\nc d\n}", "x {\n  @a\n  @b\n  c d\n}"),
        (
            "x {\n@a // Why.\nc = 1\n}",
            "x {\n  @a   // Why.\n  c = 1\n}",
        ),
        ("a = 1 , b = 2", "a = 1, b = 2"),
        ("a b\n  on c\n{\n}", "a b\n  on c {}"),
        ("\n\n\na = 1\n\n\n\nb = 2\n\n", "a = 1\n\nb = 2"),
        ("a {\n\nb = 1\n\n}", "a {\n  b = 1\n}"),
        (
            "x = f(\na,\n[\n1,\n],\n)",
            "x = f(\n  a,\n  [\n    1,\n  ],\n)",
        ),
        ("a b\non c {\nd = 1\n}", "a b\n  on c {\n  d = 1\n}"),
        ("require a\nelse b", "require a\n  else b"),
        ("a {\nb = 1,\nc = 2,\n}", "a {\n  b = 1\n  c = 2\n}"),
    ] {
        assert_eq!(formatted(text).trim_end(), expected, "{text}");
    }
}

#[test]
fn a_body_that_does_not_fit_is_broken_up() {
    let fields: Vec<String> = (0..12).map(|at| format!("field_{at} = {at}")).collect();
    let text = format!("block name {{ {}, inner {{ a = 1 }} }}", fields.join(", "));
    let lines = formatted(&text);
    assert!(
        lines.starts_with("block name {\n  field_0  = 0\n"),
        "{lines}"
    );
    assert!(lines.ends_with("  inner { a = 1 }\n}\n"), "{lines}");
    let short = format!("block name {{ {} }}", fields[..5].join(", "));
    assert_eq!(formatted(&short).lines().count(), 1);
}

#[test]
fn a_text_moves_with_its_line() {
    let text = "a {\nb = \"\"\"\n  c\n    d\n  \"\"\"\n}\n";
    assert_eq!(
        formatted(text),
        "a {\n  b = \"\"\"\n    c\n      d\n    \"\"\"\n}\n"
    );
    let text = "        b = \"\"\"\n            c\n          \"\"\"\n";
    assert_eq!(formatted(text), "b = \"\"\"\n    c\n  \"\"\"\n");
}

#[test]
fn mutants_without_errors_keep_their_tokens() {
    let mut random = Random(3);
    let mut sound = 0;
    for _ in 0..600 {
        let text = if random.below(2) == 0 { FORMS } else { SPEC };
        let mut tokens: Vec<&str> = lexer::tokens(text)
            .iter()
            .map(|token| &text[token.start as usize..token.end as usize])
            .collect();
        // Line breaks in other places, and entries taken apart.
        for _ in 0..1 + random.below(3) {
            let at = random.below(tokens.len());
            match random.below(4) {
                0 => tokens.insert(at, "\n"),
                1 => tokens.insert(at, " // c\n"),
                2 => tokens.insert(at, ","),
                _ => {
                    tokens.remove(at);
                }
            }
        }
        let text = tokens.concat();
        if checked(&text).errors.is_empty() {
            sound += 1;
            formatted(&text);
        }
    }
    assert!(sound > 100, "only {sound} texts were sound");
}
