//! Expressions evaluated in the scope of a spec.

use mlinfra_check::{Answer, Checked, Question, check, evaluate, names};

use crate::world::{CREDIT, Memory, shown};

fn world(text: &str) -> Memory {
    let mut world = Memory::default();
    let name = "main.mlinfra".to_owned();
    world.files.insert(name, text.as_bytes().to_vec());
    world
}

fn ask(text: &str, definitions: &str, expression: &str) -> Answer {
    let question = Question {
        definitions,
        expression,
    };
    evaluate(&world(text), "main.mlinfra", &question)
}

#[track_caller]
fn answered(text: &str, expression: &str) -> (String, String) {
    let answer = ask(text, "", expression);
    assert_eq!(found(&answer), Vec::<String>::new(), "{expression}");
    let value = answer.value.expect("it has a value");
    (value.to_string(), answer.type_text.expect("it has a type"))
}

fn found(answer: &Answer) -> Vec<String> {
    let checked = Checked {
        files: answer.files.clone(),
        ..Checked::default()
    };
    let findings = answer.findings.iter();
    findings.map(|one| shown(&checked, one)).collect()
}

#[test]
fn values_and_types() {
    let text = "param copies: int = 3\nlet half = 50%\n";
    for (expression, value, type_text) in [
        ("1 + 2", "3", "int"),
        ("copies * 2", "6", "int"),
        ("half", "0.5", "decimal"),
        ("[half, 1]", "[0.5, 1]", "list(decimal)"),
        ("2 * 3 GiB", "6 GiB", "size in bytes"),
        ("1..copies", "1..3", "range(int)"),
        ("[n * n for n in [1, copies]]", "[1, 9]", "list(int)"),
        ("\"${copies} of them\"", "\"3 of them\"", "string"),
        ("{ a = 1, b = 2 }.b", "2", "int"),
        ("(1 +\n2)", "3", "int"),
    ] {
        let (found, of) = answered(text, expression);
        assert_eq!(found, value, "{expression}");
        assert_eq!(of, type_text, "{expression}");
    }
}

#[test]
fn blocks_and_tables_of_the_example() {
    let (value, of) = answered(CREDIT, "risk.clean");
    assert_eq!(value, "risk/step.clean");
    assert!(
        of.starts_with("table(status: category, month: int, "),
        "{of}"
    );
    assert!(of.contains("credit: int @label"), "{of}");
    let (_, of) = answered(CREDIT, "risk.parts");
    assert!(of.starts_with("parts(train: table("), "{of}");
}

#[test]
fn findings_are_where_the_user_wrote() {
    let text = "param copies: int = 3\n";
    for (expression, finding) in [
        (
            "copeis + 1",
            "E0302 at \"copeis\": nothing is named `copeis`",
        ),
        ("1 + \"a\"", "E0317 at \"+\""),
        ("1 2", "E0009 at \"2\""),
        ("2 @late", "E0220 at \"late\""),
    ] {
        let answer = ask(text, "", expression);
        let found = found(&answer);
        assert_eq!(found.len(), 1, "{expression}: {found:?}");
        assert!(found[0].starts_with(finding), "{expression}: {found:?}");
        assert_eq!(answer.type_text, None);
        assert_eq!(answer.value, None);
    }
    let answer = ask(text, "", "copeis");
    let edit = &answer.findings[0].fix.as_ref().expect("an edit").edits[0];
    assert_eq!((edit.span.start, edit.span.end), (0, 6));
}

#[test]
fn more_than_one_expression_is_refused() {
    for expression in ["1\n2", "1, b = 2", ""] {
        let answer = ask("", "", expression);
        assert_eq!(answer.findings.len(), 1, "{expression:?}");
        assert_eq!(answer.type_text, None, "{expression:?}");
    }
}

#[test]
fn what_is_defined_holds_for_the_question_alone() {
    let text = "param copies: int = 3\n";
    let answer = ask(text, "let a = copies * 2\nlet b = a + 1\n", "b");
    assert_eq!(found(&answer), Vec::<String>::new());
    assert_eq!(answer.value.expect("a value").to_string(), "7");
    let answer = ask(text, "let copies = 4\n", "copies");
    assert_eq!(answer.value.expect("a value").to_string(), "4");
    let checked = check(&world(text), "main.mlinfra");
    assert_eq!(checked.diagnostics, Vec::new());
}

#[test]
fn a_spec_in_error_still_answers() {
    let text = "let a = 1\nlet b = \"x\" * 2\n";
    let answer = ask(text, "", "a");
    assert_eq!(answer.value.expect("a value").to_string(), "1");
    assert_eq!(answer.spec_errors, 1);
    let answer = ask(text, "", "b");
    assert_eq!(
        found(&answer),
        Vec::<String>::new(),
        "the fault is the spec's"
    );
    assert_eq!((answer.type_text, answer.spec_errors), (None, 1));
}

#[test]
fn names_lead_into_blocks() {
    let names = names(&world(CREDIT), "main.mlinfra");
    for wanted in ["risk", "risk.clean", "round", "score.port"] {
        assert!(
            names.iter().any(|name| name == wanted),
            "{wanted}: {names:?}"
        );
    }
    assert!(names.is_sorted());
}
