//! What an editor is offered: kinds, fields, cases, columns and names, by place and expected type.

use mlinfra_check::{Completion, FileId, Offer, Trees, complete};

use crate::world::{CREDIT, check_text};

/// What is offered at the `|` in the text. The program is that of the text without the mark.
#[track_caller]
fn offered(marked: &str) -> Vec<Completion> {
    let offset = marked.find('|').expect("the text has a mark");
    let text = marked.replacen('|', "", 1);
    let checked = check_text(&text);
    let at = u32::try_from(offset).expect("the text is short");
    complete(&checked, &Trees::of(&checked), FileId(0), at)
}

fn labels(offers: &[Completion]) -> Vec<&str> {
    offers.iter().map(|offer| offer.label.as_str()).collect()
}

/// What is put where into the credit spec, what is offered there among others, and what is not.
const PLACES: &[(&str, &str, &[&str], &[&str])] = &[
    // An entry at the top, with what was begun.
    (
        "target here = local",
        "sto|\ntarget here = local",
        &["storage"],
        &["pool"],
    ),
    (
        "target here = local",
        "|\ntarget here = local",
        &["storage", "pool", "param", "output", "policy", "model"],
        &["step", "unit", "alert"],
    ),
    // Fields that are not written yet, and no computed ones.
    (
        "  port     = 8080\n",
        "  |\n",
        &["port", "host", "batching"],
        &["url", "key", "model", "personal_columns"],
    ),
    // Cases of the field's type.
    (
        "auth     = api_key",
        "auth = |",
        &["api_key", "open", "mtls"],
        &["plain"],
    ),
    (
        "encryption = customer(vault)",
        "encryption = |",
        &["customer", "managed", "plain"],
        &["open"],
    ),
    ("class      = ssd", "class = |", &["ssd", "nvme"], &["lake"]),
    // A payload: blocks of the kind, and the parameter's name.
    (
        "encryption = customer(vault)",
        "encryption = customer(|)",
        &["vault", "key"],
        &["lake"],
    ),
    // Where things go.
    (
        "pool worker on here",
        "pool worker on |",
        &["here"],
        &["lake"],
    ),
    ("keep     = lake", "keep = |", &["lake"], &["vault"]),
    // Behind a point: what a block holds, a step's parts, a table's columns.
    (
        "watch = score",
        "watch = score.|",
        &["url", "port"],
        &["epochs"],
    ),
    (
        "model    = risk.release",
        "model = risk.|",
        &["release", "parts", "report"],
        &["url"],
    ),
    (
        "evaluate(model, parts.test)",
        "evaluate(model, parts.|)",
        &["test", "train"],
        &["model"],
    ),
    // The call of a step, and the type of a column.
    (
        "drop_nulls(applicants)",
        "|",
        &["drop_nulls", "embed", "read"],
        &["derive2"],
    ),
    (
        "age               : int ",
        "age : |",
        &["int", "category"],
        &["bytes"],
    ),
    (
        "age               : int        @personal @protected",
        "age : int @|",
        &["personal", "label"],
        &["storage"],
    ),
    ("drift(age,", "drift(|,", &["column"], &[]),
];

#[test]
fn what_fits_is_offered_where_it_fits() {
    for (from, to, wanted, unwanted) in PLACES {
        assert!(CREDIT.contains(from), "{from}");
        let offers = offered(&CREDIT.replacen(from, to, 1));
        let labels = labels(&offers);
        for label in *wanted {
            assert!(labels.contains(label), "{to}: {label} in {labels:?}");
        }
        for label in *unwanted {
            assert!(!labels.contains(label), "{to}: no {label} in {labels:?}");
        }
    }
}

#[test]
fn columns_are_known_after_every_step() {
    // Masked, so gone; derived, so there; each only behind the step that did it.
    let offers = offered(&CREDIT.replacen("age             = bucket(5)", "|", 1));
    let columns: Vec<&str> = (offers.iter())
        .filter(|offer| offer.of == Offer::Column)
        .map(|offer| offer.label.as_str())
        .collect();
    assert!(
        columns.contains(&"age") && columns.contains(&"sex"),
        "{columns:?}"
    );
    assert!(
        !columns.contains(&"telephone"),
        "written already: {columns:?}"
    );

    let offers = offered(&CREDIT.replacen("[sex, age_band, foreign_worker]", "[|]", 1));
    let labels = labels(&offers);
    assert!(
        labels.contains(&"sex") && labels.contains(&"housing"),
        "{labels:?}"
    );
    assert!(
        !labels.contains(&"telephone"),
        "it was dropped before: {labels:?}"
    );

    let offers = offered(&CREDIT.replacen("credit == 1", "cre|", 1));
    let column = offers.iter().find(|offer| offer.label == "credit_amount");
    let column = column.expect("a column of what flows in");
    assert_eq!(column.of, Offer::Column);
    assert!(column.detail.contains("@personal"), "{}", column.detail);
    assert!(
        !offers.iter().any(|offer| offer.label == "good"),
        "not there yet"
    );
}

#[test]
fn an_offer_has_its_documentation_and_replaces_the_word() {
    let marked = CREDIT.replacen("capacity   = 2 GiB", "capa|city = 2 GiB", 1);
    let offers = offered(&marked);
    let [offer] = offers.as_slice() else {
        panic!("{offers:#?}");
    };
    assert_eq!(offer.label, "capacity");
    assert!(
        offer.documentation.contains("may hold"),
        "{}",
        offer.documentation
    );
    let text = marked.replacen('|', "", 1);
    assert_eq!(
        &text[offer.span.start as usize..offer.span.end as usize],
        "capacity"
    );
}

#[test]
fn files_that_are_broken_are_no_matter() {
    for marked in [
        "storage lake on here {\n  cap|",
        "target here = local()\nstorage lake on here {\n  encryption = |\n",
        "pool worker on |",
        "|",
        "dataset d {\n columns { a : in|",
        "\"|",
        "// |",
        "é|",
        "pipeline p { step s = |",
    ] {
        let offers = offered(marked);
        assert!(offers.len() <= 400, "{marked}");
    }
    let offers = offered("storage lake on here {\n  cap|");
    assert_eq!(labels(&offers), ["capacity"]);
    let offers = offered("target here = local()\nstorage lake on here {\n  encryption = |\n");
    assert!(labels(&offers).contains(&"plain"));
    // No word stands in a text or a comment.
    assert!(offered("let a = \"sto|\"").is_empty());
    assert!(offered("// sto|").is_empty());
}

#[test]
fn functions_of_the_spec_are_offered_with_their_parameters() {
    let spec = "/// Two of it.\nfunction twice(amount: int): int = amount * 2\nlet few = 3\n";
    let offers = offered(&format!("{spec}let y = tw|\n"));
    let twice = offers.iter().find(|offer| offer.label == "twice");
    let twice = twice.expect("it is offered");
    assert_eq!(twice.of, Offer::Function);
    assert_eq!(twice.documentation, "Two of it.");
    let offers = offered(&format!("{spec}let y = twice(|)\n"));
    assert!(labels(&offers).contains(&"amount"), "{offers:?}");
    // Inside it sees what it is given, and other functions.
    let offers = offered(&format!("{spec}function four(small: int): int = |\n"));
    let labels = labels(&offers);
    assert!(
        labels.contains(&"small") && labels.contains(&"twice"),
        "{labels:?}"
    );
    assert!(!labels.contains(&"few"), "{labels:?}");
}

#[test]
fn what_stands_behind_a_point_is_offered() {
    let component = "component api {\n  param size: int\n  let inner = 2\n  \
                     /// What it comes to.\n  output sum = size * 2\n}\napi main { size = 2 }\n";
    for (text, wanted, unwanted) in [
        (
            "param few: int = 3\nlet more = 4\nlet y = param.|\n",
            "few",
            "more",
        ),
        (
            "param few: int = 3\nlet more = 4\nlet y = let.|\n",
            "",
            "few",
        ),
        (
            "target here = local()\nkey vault on here\nlet few = 3\nlet y = key.|\n",
            "vault",
            "few",
        ),
        (
            "let r = { size = 2, name = \"a\" }\nlet few = 3\nlet y = r.|\n",
            "size",
            "few",
        ),
        (&format!("{component}let y = main.|\n"), "sum", "inner"),
    ] {
        let offers = offered(text);
        let labels = labels(&offers);
        assert!(
            wanted.is_empty() || labels.contains(&wanted),
            "{text}: {labels:?}"
        );
        assert!(!labels.contains(&unwanted), "{text}: {labels:?}");
    }
}

#[test]
fn columns_are_known_in_what_was_typed_since_the_check() {
    let checked = check_text(CREDIT);
    let mut trees = Trees::of(&checked);
    let text = CREDIT.replacen("exclude      = [sex,", "exclude      = [|sex,", 1);
    let text = text.replacen("param replicas", "let more = 1\nparam replicas", 1);
    let at = text.find('|').expect("there is a mark");
    trees.update("main.mlinfra", &text.replacen('|', "", 1));
    let at = u32::try_from(at).expect("the text is short");
    let offers = complete(&checked, &trees, FileId(0), at);
    let labels = labels(&offers);
    assert!(
        labels.contains(&"sex") && !labels.contains(&"telephone"),
        "{labels:?}"
    );
}
