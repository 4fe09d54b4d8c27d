//! Faults are found at the right text, and what is sound around them keeps its tree.

mod common;

use common::{book, checked, codes, specs};
use mlinfra_syntax::{Node, Parse};

/// Where the marks `^` of the second line of each pair say that the findings are.
#[track_caller]
fn found(text: &str, expected: &[(&str, &str)]) {
    let parse = checked(text);
    let found: Vec<(&str, String)> = parse
        .errors
        .iter()
        .map(|error| {
            let before = &text[..error.at.start as usize];
            let line = before.matches('\n').count() + 1;
            let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
            (error.code, format!("{line}:{column}"))
        })
        .collect();
    let found: Vec<(&str, &str)> = found
        .iter()
        .map(|(code, at)| (*code, at.as_str()))
        .collect();
    assert_eq!(found, expected, "{text}\n{:#?}", parse.errors);
}

#[test]
fn what_is_missing_is_missing_behind_the_token_before() {
    found("a b {\n  c =\n  d = 1\n}\n", &[("E0004", "2:6")]);
    found("a b {\n  c = (1 +\n  d = 1\n}\n", &[("E0006", "2:7")]);
    found("let x = f(1, \nlet y = 2\n", &[("E0006", "1:10")]);
    found("let x = [1, 2\nlet y = 2\n", &[("E0006", "1:9")]);
    found("x = [f(a]\ny = 1\n", &[("E0006", "1:7")]);
    found("pool x on\npool y { }\n", &[("E0004", "1:10")]);
    found("a : \nb : int\n", &[("E0012", "1:4")]);
    found("pool\n", &[("E0013", "1:5")]);
    found("let x = if a then 1\n", &[("E0015", "1:20")]);
    found("let x = if a\n", &[("E0015", "1:13")]);
    found("a = match b\n", &[("E0028", "1:12")]);
    found("a = match b { c d => 1 }\n", &[("E0028", "1:16")]);
    found("a = [x for]\n", &[("E0011", "1:11")]);
    found("a = b.\nc = 1\n", &[("E0011", "1:7")]);
    found("use\na = 1\n", &[("E0011", "1:4")]);
    found("@a\n", &[("E0010", "1:3")]);
    found("a = [1\n  2]\n", &[("E0008", "1:7")]);
    found("a = match b { c => none d => 2 }\n", &[("E0008", "1:24")]);
    found("a b { c = 1 d = 2 }\n", &[("E0009", "1:12")]);
}

#[test]
fn what_other_languages_write_is_one_finding() {
    found("a = [for x in xs : x]\nb = 1\n", &[("E0004", "1:6")]);
    found(
        "a = { for k, v in m : k => v }\nb = 1\n",
        &[("E0014", "1:7")],
    );
    found("a = <<EOT\nhello\nb c\nEOT\nd = 1\n", &[("E0001", "1:5")]);
    found("a = <<-EOT\n  hello\n  EOT\nd = 1\n", &[("E0001", "1:5")]);
    found("a = \"${b ? c : d}\"\n", &[("E0030", "1:10")]);
    found(
        "s a for k, v in { a = 1 } { c = v }\nb = 1\n",
        &[("E0034", "1:17")],
    );
    found(
        "s a on here when on { c = 1 }\nb = 1\n",
        &[("E0011", "1:18")],
    );
    found(
        "a = [on, b]\nb = f(when)\n",
        &[("E0011", "1:6"), ("E0011", "2:7")],
    );
    found("t { s a { c = 1 } s b {} }\nb = 1\n", &[("E0009", "1:18")]);
    found("data \"a\" \"b\" { c = 1 }\nb = 1\n", &[("E0009", "1:10")]);
    found("c { a : int b : int }\n", &[("E0009", "1:12")]);
}

#[test]
fn what_is_wrong_is_wrong_where_it_stands() {
    found("a = \"b\nc = 1\n", &[("E0002", "1:5")]);
    found("a = \"b ${c\nd = 1\n", &[("E0002", "1:5")]);
    found("a = \"\"\"\n  b\nc = 1\n", &[("E0003", "1:5")]);
    found("a : 2GB\nb = 1\n", &[("E0012", "1:3")]);
    found(
        "a b {\n  c: \"d\"\n  d: [1]\n}\n",
        &[("E0012", "2:4"), ("E0012", "3:4")],
    );
    found("a = 1 1\nb = 1\n", &[("E0009", "1:7")]);
    found("a = f (1)\n", &[("E0009", "1:7")]);
    found("a = b +\n  c\n", &[("E0005", "1:7")]);
    found("a = b +\nc = d\n", &[("E0005", "1:7")]);
    found("a = not\nc = d\n", &[("E0005", "1:5")]);
    found("a = b == c == d\n", &[("E0023", "1:12")]);
    found("a = b/c\n", &[("E0022", "1:6")]);
    found(
        "a = b && c || !d\n",
        &[("E0017", "1:7"), ("E0017", "1:12"), ("E0017", "1:15")],
    );
    found("a = if b { 1 } else { 2 }\n", &[("E0016", "1:10")]);
    found("require a = 1\n", &[("E0021", "1:11")]);
    found("let a == 1\n", &[("E0020", "1:7")]);
    found("a = 'b' # c\n", &[("E0019", "1:5"), ("E0018", "1:9")]);
    found("a-b = 1\n", &[("E0025", "1:2")]);
    found("größe = 1\n", &[("E0025", "1:1")]);
    found("a = \"\\q\"\n", &[("E0029", "1:6")]);
    found("a = \"${}\"\n", &[("E0030", "1:8")]);
    found("a = \"${b c}\"\n", &[("E0030", "1:10")]);
    found("a = ()\n", &[("E0032", "1:5")]);
    found("a = 1 + if b then c else d\n", &[("E0034", "1:9")]);
    found("a = 2027-02-30\n", &[("E0033", "1:5")]);
    found("a = 10.0.0.300\n", &[("E0033", "1:5")]);
    found("on x { }\n", &[("E0014", "1:1")]);
    found("then = 1\nthen\n", &[("E0010", "2:1")]);
    found("a = 1 }\nb = 1\n", &[("E0007", "1:7")]);
    found("a = 1 ; b = 2\n", &[("E0001", "1:7")]);
}

#[test]
fn one_fault_is_one_finding_where_more_could_be_said() {
    // What goes on at `then` or `else` ends a bracket that is not closed.
    found("x = if (a > 1 then b else c\n", &[("E0006", "1:8")]);
    found("require (a > 0\n  else \"b\"\n", &[("E0006", "1:9")]);
    found("x = f(if a then (b else c)\n", &[("E0006", "1:17")]);
    // What can be read behind what can't be is read.
    found("a b { 80%, c = 1 }\n", &[("E0010", "1:7")]);
    found("a b { ? c = 1 }\n", &[("E0010", "1:7")]);
    found("a = .b(c = 1)\n", &[("E0004", "1:4")]);
    found("a = [b for c, d  e when f]\n", &[("E0027", "1:16")]);
    found("a = [b for , d in e when f]\n", &[("E0011", "1:11")]);
    found("a : [\nb : int\n", &[("E0012", "1:3"), ("E0006", "1:5")]);
    // In a head, the brace is the body's.
    let text = "a b when c == if d {\n  e = 1\n}\n";
    found(text, &[("E0034", "1:15"), ("E0015", "1:19")]);
    assert!(shape(text).contains("Body Entry Field"), "{}", shape(text));
}

/// The kinds of all nodes that are no tokens, in the order of the text.
fn shape(text: &str) -> String {
    let nodes = checked(text).tree.descendants();
    let nodes = nodes.filter(|node| !node.is_token());
    let kinds: Vec<String> = nodes.map(|node| format!("{:?}", node.kind())).collect();
    kinds.join(" ")
}

#[test]
fn five_faults_are_five_findings() {
    let text = "pool a {\n  x = \n  y = [1, 2\n  z = \"open\n}\n\
                pool b {\n  c = 1 2\n  d = if e then f\n}\n";
    found(
        text,
        &[
            ("E0004", "2:6"),
            ("E0006", "3:7"),
            ("E0002", "4:7"),
            ("E0009", "7:9"),
            ("E0015", "8:18"),
        ],
    );
}

#[test]
fn a_block_with_a_fault_has_open_members_and_its_neighbour_has_not() {
    let parse = checked("pool a {\n  x =\n}\npool b {\n  x = 1\n}\n");
    let entries: Vec<_> = parse.file().entries().collect();
    assert!(entries[0].syntax().has_syntax_error());
    assert!(!entries[1].syntax().has_syntax_error());
}

#[test]
fn a_missing_brace_is_found_by_indentation() {
    let text = "pool a {\n  x = {\n    y = 1\n  z = 2\n}\n\npool b {\n  x = 1\n}\n";
    found(text, &[("E0006", "2:7")]);
    let parse = checked(text);
    assert_eq!(parse.file().entries().count(), 2);
    let text = "pool a {\n  x = 1\n\npool b {\n  x = 1\n}\n";
    found(text, &[("E0006", "1:8")]);
    let text = "pool a {\n  x = 1\n}\n}\n\npool b {\n  x = 1\n}\n";
    found(text, &[("E0007", "4:1")]);
}

/// Each token, and where it is.
fn tokens(parse: &Parse) -> Vec<Node> {
    let tokens = parse.tree.descendants();
    tokens
        .filter(|token| token.is_token() && !token.kind().is_trivia())
        .collect()
}

#[test]
fn without_any_one_token_every_other_block_keeps_its_tree() {
    let mut deletions = 0;
    for (name, text) in specs().into_iter().chain(book()) {
        let whole = checked(&text);
        let entries: Vec<Node> = whole
            .file()
            .entries()
            .map(|entry| entry.syntax().clone())
            .collect();
        for token in tokens(&whole) {
            deletions += 1;
            let at = token.range();
            let cut = format!("{}{}", &text[..at.start as usize], &text[at.end as usize..]);
            let parse = checked(&cut);
            let left: Vec<Node> = parse
                .file()
                .entries()
                .map(|entry| entry.syntax().clone())
                .collect();
            // From both ends: entries that are alike are then never taken for one another.
            let pairs = entries.iter().zip(&left);
            let before = pairs.take_while(|(one, other)| other.same_shape(one));
            let before = before.count();
            let pairs = entries[before..]
                .iter()
                .rev()
                .zip(left[before..].iter().rev());
            let behind = pairs.take_while(|(one, other)| other.same_shape(one));
            let lost = entries.len() - before - behind.count();
            assert!(
                lost <= 1,
                "{name} without {token:?} {:?} loses {lost}",
                token.text()
            );
        }
    }
    assert!(deletions > 8_000, "{deletions} deletions");
}

#[test]
fn a_fix_mends_its_finding() {
    for text in [
        "a = b && c",
        "a = b || c",
        "a = !b",
        "a = 'b'",
        "# c",
        "größe = 1",
        "a = b/c",
        "require a = 1",
        "let a == 1",
        "a-b = 1",
        "a = [1\n  2]",
        "a b { c = 1 d = 2 }",
        "a = \"\\q\"",
        "a = b +\n  c",
        "a = match b { c => none d => 2 }",
    ] {
        let parse = checked(text);
        let mut mended = text.to_owned();
        let fix = parse.errors.iter().find_map(|error| error.fix.clone());
        let fix = fix.unwrap_or_else(|| panic!("{text} has a fix: {:?}", parse.errors));
        for edit in fix.edits.iter().rev() {
            mended.replace_range(edit.at.start as usize..edit.at.end as usize, &edit.text);
        }
        assert_eq!(codes(&mended), [""; 0], "{text} became {mended}");
    }
}
