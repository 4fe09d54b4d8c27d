//! A secret stays one in everything that is made of it, and decides nothing.

use mlinfra_check::{Question, evaluate};

use crate::world::{Memory, check_text, codes_at};

/// An endpoint, whose key is secret, and a secret of the environment.
const BASE: &str = r#"
target here = local(country = "DE")
pool worker on here { cpus >= 1 }
secret token = env("TOKEN")
dataset people {
  from = file("people.csv")
  columns {
    age  : int
    good : bool  @label
  }
}
pipeline risk on worker {
  step model   = train(people, label = good) { architecture = linear }
  step release = register(model, name = "credit")
}
endpoint score on worker { model = risk.release }
let box = { key = score.key, n = 1 }
function tell(x: string): string = "told ${x}"
function same(x: string): bool = x == "a"
component passing {
  param key: string
  output text = "passed ${key}"
}
"#;

fn faults(more: &str) -> Vec<(String, String)> {
    codes_at(&check_text(&format!("{BASE}{more}\n")))
}

/// Whether the expression is secret, and what it shows.
fn asked(expression: &str) -> (bool, String) {
    let mut world = Memory::default();
    world.files.insert("main.mlinfra".to_owned(), BASE.into());
    let question = Question {
        definitions: "",
        expression,
    };
    let answer = evaluate(&world, "main.mlinfra", &question);
    assert_eq!(
        answer.findings.len(),
        0,
        "{expression}: {:?}",
        answer.findings
    );
    (answer.secret, answer.type_text.unwrap_or_default())
}

#[test]
fn what_is_made_of_a_secret_is_secret() {
    for (expression, is_secret) in [
        ("score.key", true),
        ("\"Bearer ${score.key}\"", true),
        ("box", true),
        ("box.key", true),
        ("box.n", false),
        ("[score.key, \"x\"]", true),
        ("[\"a\", score.key][0]", true),
        ("{ a = { b = score.key } }.a.b", true),
        ("upper(score.key)", true),
        ("length(score.key)", true),
        ("length(score.key) * 2", true),
        ("-length(score.key)", true),
        ("[upper(k) for k in [\"a\"]]", false),
        ("tell(score.key)", true),
        ("same(score.key)", true),
        ("if 1 < 2 then score.key else \"x\"", true),
        ("if 1 < 2 then \"x\" else score.key", true),
        ("match 1 { 1 => score.key, _ => \"x\" }", true),
        ("merge({ a = score.key }, { b = \"x\" })", true),
        ("sort([\"b\", score.key])", true),
        ("sort([\"b\", score.key])[0]", true),
        ("values({ a = score.key, b = \"x\" })", true),
        ("get({ a = score.key }, \"a\") ?? \"\"", true),
        ("json({ a = [score.key] })", true),
        ("\"${people}\"", false),
    ] {
        assert_eq!(asked(expression).0, is_secret, "{expression}");
    }
}

#[test]
fn a_secret_decides_nothing_and_stands_in_no_open_field() {
    let key = "score.key";
    for (entry, at) in [
        ("output a = score.key == \"x\"", key),
        ("output a = \"x\" != score.key", key),
        ("output a = score.key in [\"x\"]", key),
        ("output a = if score.key == \"x\" then 1 else 2", key),
        (
            "output a = if same(score.key) then 1 else 2",
            "same(score.key)",
        ),
        ("output a = match score.key { \"x\" => 1, _ => 2 }", key),
        (
            "storage q on here when score.key != \"\" { capacity = 1 GiB }",
            key,
        ),
        (
            "storage q on here when same(score.key) { capacity = 1 GiB }",
            "same(score.key)",
        ),
        (
            "storage q on here for k in [score.key] { capacity = 1 GiB }",
            "[score.key]",
        ),
        ("project p { owner = score.key }", key),
        (
            "project p { owner = \"by ${score.key}\" }",
            "\"by ${score.key}\"",
        ),
        ("project p { labels = { a = score.key } }", key),
        (
            "pipeline b on worker { purpose = tell(score.key) }",
            "tell(score.key)",
        ),
        ("let a: string = score.key", key),
        ("param a: string = score.key", key),
        ("passing p { key = score.key }", key),
        (
            "@existing(score.key)\nstorage q on here { capacity = 1 GiB }",
            key,
        ),
        (
            "policy p {\n  severity = low\n  require score.key != \"a\" else \"x\"\n}",
            key,
        ),
        ("test t {\n  require score.key != \"a\"\n}", key),
        (
            "pipeline b on worker {\n  step r = register(risk.model, name = score.key)\n}",
            key,
        ),
        (
            "pipeline b on worker {\n  step m = train(people, label = score.key) {\n\
             architecture = linear\n  }\n}",
            key,
        ),
        (
            "pipeline b on worker {\n  step m = derive(people) { a = score.key }\n}",
            key,
        ),
        (
            "monitor m {\n  watch = score\n  alert a = latency(99%) > length(score.key) * 1 s\n}",
            "length(score.key) * 1 s",
        ),
    ] {
        let expected = [("E0321".to_owned(), at.to_owned())];
        assert_eq!(faults(entry), expected, "{entry}");
    }
}

#[test]
fn nobody_has_the_text_of_a_secret_that_is_asked_for_where_it_is_used() {
    for entry in [
        "output a = \"x${token}\"",
        "let a = \"postgres://u:${token}@host\"",
    ] {
        let expected = [("E0321".to_owned(), "token".to_owned())];
        assert_eq!(faults(entry), expected, "{entry}");
    }
}

#[test]
fn an_output_may_be_secret_and_has_its_type_all_the_same() {
    for entry in [
        "output a = score.key",
        "output a: string = \"Bearer ${score.key}\"",
        "output a = box",
        "output a = token",
    ] {
        assert_eq!(faults(entry), [], "{entry}");
    }
    let wrong = faults("output a: int = score.key");
    assert_eq!(wrong, [("E0301".to_owned(), "score.key".to_owned())]);
}

#[test]
fn a_name_in_a_record_is_written_out() {
    let found = faults("let a = { \"x${score.url}\" = 1 }");
    assert_eq!(
        found,
        [("E0108".to_owned(), "\"x${score.url}\"".to_owned())]
    );
    assert_eq!(faults("let a = { \"x y\" = 1, \"\" = 2 }"), []);
}
