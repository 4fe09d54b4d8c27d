//! What an editor shows of a word: its declaration and documentation, in files with errors too.

use mlinfra_check::{FileId, Trees, check, codes, files_of, hover};

use crate::world::{CREDIT, Memory, check_text};

/// What is said of the word at the `|` in the text.
#[track_caller]
fn said(marked: &str) -> Option<String> {
    let offset = marked.find('|').expect("the text has a mark");
    let text = marked.replacen('|', "", 1);
    let checked = check_text(&text);
    let at = u32::try_from(offset).expect("the text is short");
    hover(&checked, &Trees::of(&checked), FileId(0), at).map(|hover| hover.markdown)
}

/// The same in a small spec, for a line of a place in it.
fn in_spec(line: &str) -> String {
    format!(
        "target here = local()\nkey vault on here\n\
         /// All results.\nstorage lake on here {{ encryption = customer(vault) }}\n\
         pool worker on here {{ cpus >= 2 }}\n\
         dataset people {{\n  from = file(\"p.csv\")\n  keep = lake\n  columns {{\n\
         \x20   age  : int @personal @protected   /// In years.\n    pay  : int?\n\
         \x20   good : bool @label\n  }}\n}}\n{line}\n"
    )
}

/// Lines with a mark in a word, and what is said of that word; `STEP ` stands for a pipeline
/// around.
const WORDS: &[(&str, &[&str])] = &[
    (
        "sto|rage s on here",
        &["kind storage on target", "Keeps data"],
    ),
    (
        "storage s on here { capa|city = 2 GiB }",
        &["capacity : volume?", "may hold"],
    ),
    (
        "storage s on here { capacity = 2 Gi|B }",
        &["unit GiB = 1_024 MiB"],
    ),
    (
        "storage s on here { retention = 90 day|s }",
        &["unit day = 24 h"],
    ),
    (
        "storage s on here { encryption = pl|ain }",
        &["case plain", "A case of `encryption`"],
    ),
    (
        "storage s on here { encryption = cust|omer(vault) }",
        &["case customer(key: key)"],
    ),
    (
        "storage s on here { encryption = customer(va|ult) }",
        &["key vault on here"],
    ),
    (
        "storage s on he|re",
        &["target here = local()", "Where things go"],
    ),
    (
        "@pro|tect\nstorage s on here",
        &["attribute protect", "user's word"],
    ),
    ("par|am n: int = 1", &["param name: type"]),
    (
        "param n: posi|tive = 1",
        &["type positive = int", "at least one"],
    ),
    ("param n: i|nt = 1", &["A whole number."]),
    (
        "let n = cou|nt([1])",
        &["function count(xs: list(any) | map(any)): int", "How many"],
    ),
    (
        "pool p on here { cp|us >= 2 }",
        &["cpus : positive @chosen"],
    ),
    (
        "STEP step a = drop_nu|lls(people)",
        &["op drop_nulls(data: table)", "missing"],
    ),
    (
        "STEP step a = drop_nulls(peo|ple)",
        &["dataset people", "3 columns", "`pay`"],
    ),
    (
        "STEP step a = split(people, strat|ify = good) { train = 80%, test = 20% }",
        &["stratify: column(data)?"],
    ),
    (
        "STEP step a = split(people, stratify = go|od) { train = 80%, test = 20% }",
        &["good: bool @label"],
    ),
    (
        "STEP step a = mask(people) { a|ge = bucket(5) }",
        &["age: int", "In years."],
    ),
    (
        "STEP step a = mask(people) { age = buc|ket(5) }",
        &["case bucket", "makes 25 of 27"],
    ),
    (
        "STEP step a = derive(people) { old = a|ge > 60 }",
        &["age: int @personal @protected", "In years."],
    ),
    (
        "STEP step a = derive(people) { old = log1|p(age) > 1 }",
        &["function log1p(x: float): float"],
    ),
    (
        "dataset d { columns { x : cate|gory } }",
        &["One of a few texts."],
    ),
    (
        "dataset d { columns { x : int @per|sonal } }",
        &["data_class personal", "a person"],
    ),
];

#[test]
fn every_word_of_the_standard_library_is_explained() {
    for (line, wanted) in WORDS {
        let line = match line.strip_prefix("STEP ") {
            Some(step) => format!("pipeline risk on worker {{\n  {step}\n}}"),
            None => (*line).to_owned(),
        };
        let found = said(&in_spec(&line)).unwrap_or_else(|| panic!("nothing is said: {line}"));
        for part in *wanted {
            assert!(found.contains(part), "{line}\n{found}");
        }
    }
}

#[test]
fn a_component_its_parameters_and_its_outputs_are_explained() {
    let text = "/// Keeps things.\ncomponent shelf on target {\n  /// How much.\n  \
                param size: bytes = 1 GiB\n\
                storage main on here for n in [\"a\"] { capacity = size }\n  /// What there is.\n  \
                output room = size\n}\ntarget here = local()\nshelf a on here { size = 2 GiB }\n\
                output b = a.room\n";
    for (from, to, wanted) in [
        (
            "shelf a",
            "sh|elf a",
            &[
                "Keeps things.",
                "component shelf on target {",
                "  param size: bytes = 1 GiB",
            ][..],
        ),
        (
            "{ size = 2",
            "{ si|ze = 2",
            &["param size: bytes = 1 GiB", "How much."],
        ),
        (
            "a.room",
            "a.ro|om",
            &["output room = size", "What there is."],
        ),
        ("shelf a", "shelf |a", &["shelf a on here"]),
        ("capacity", "cap|acity", &["capacity : volume?"]),
        ("storage main", "st|orage main", &["kind storage on target"]),
        ("component", "com|ponent", &["component name on kind"]),
        ("for n", "fo|r n", &["One block for each"]),
    ] {
        let found = said(&text.replacen(from, to, 1)).unwrap_or_else(|| panic!("nothing: {to}"));
        for part in wanted {
            assert!(found.contains(part), "{to}\n{found}");
        }
    }
}

#[test]
fn what_is_known_in_one_place_alone_is_explained_there() {
    let credit = |from: &str, word: &str| {
        let at = CREDIT.find(from).expect("the example holds it");
        let at = at + from.find(word).expect("the text holds it");
        let checked = check_text(CREDIT);
        let at = u32::try_from(at).expect("the text is short");
        hover(&checked, &Trees::of(&checked), FileId(0), at).map(|hover| hover.markdown)
    };
    for (from, word, wanted) in [
        ("require auc >=", "auc", "How well it ranks"),
        (
            "disparate_impact(sex)",
            "disparate",
            "lowest rate of selection",
        ),
        ("disparate_impact(sex)", "sex", "sex: category @personal"),
        ("by        = [sex", "sex", "sex: category @personal"),
        ("error_rate > 1%", "error", "The share of requests"),
        ("latency(99%)", "latency", "How long the answers take"),
        ("drift(age,", "age", "age: int"),
        (
            "since = risk.parts.train)",
            "since",
            "since: training(watch)",
        ),
        ("since = risk.parts.train)", "train", "A part of"),
        ("cost.max <=", "cost", "by the prices"),
        ("cost.max <=", "max", "At the most."),
        ("params { replicas", "replicas", "param replicas: int = 1"),
        ("params { replicas", "params", "values of parameters"),
        ("comply    = [gdpr]", "gdpr", "2016/679"),
    ] {
        let found = credit(from, word);
        let found = found.unwrap_or_else(|| panic!("nothing is said of `{word}` in `{from}`"));
        assert!(found.contains(wanted), "{from} {word}\n{found}");
    }
}

#[test]
fn blocks_and_what_stands_behind_a_point_are_explained() {
    for (line, wanted) in [
        ("output o = la|ke", "All results."),
        (
            "pipeline p on worker {\n step a = split(people) { x = 60%, y = 40% }\n\
          step b = drop_nulls(a.|x)\n}",
            "A part of `step a = split(people)`.",
        ),
        (
            "pipeline p on worker {\n step a = drop_nulls(people)\n}\noutput o = p.|a",
            "`drop_nulls`: Takes out every row",
        ),
        (
            "endpoint e on worker {}\noutput o = e.u|rl",
            "Where it answers.",
        ),
    ] {
        let found = said(&in_spec(line)).unwrap_or_else(|| panic!("nothing is said: {line}"));
        assert!(found.contains(wanted), "{line}\n{found}");
    }
}

#[test]
fn a_file_with_errors_is_explained_as_far_as_it_goes() {
    for (line, wanted) in [
        (
            "storage s on here { capacitty = 2 GiB, reten|tion = 90 days }",
            "retention : lapse?",
        ),
        (
            "storage s on here {\n  capacity = = 2\n  reten|tion = 90 days",
            "retention : lapse?",
        ),
        (
            "pipeline p on worker {\n step a = derive(people) { x = a|ge > nothing }\n}",
            "age: int",
        ),
        ("}}} sto|rage x", "Keeps data"),
    ] {
        let found = said(&in_spec(line)).unwrap_or_else(|| panic!("nothing is said: {line}"));
        assert!(found.contains(wanted), "{line}\n{found}");
    }
}

#[test]
fn nothing_is_said_where_there_is_nothing() {
    for text in [
        "|",
        "let x = |\n",
        "let x = \"te|xt\"\n",
        "// a rem|ark\nlet x = 1\n",
        "let x = 1 |+ 2",
    ] {
        assert_eq!(said(text), None, "{text}");
    }
}

#[test]
fn no_place_of_any_page_or_example_is_too_much() {
    let pages = codes().iter().flat_map(|page| page.page.split("```"));
    for text in pages.chain([CREDIT]) {
        let checked = check_text(text);
        let trees = Trees::of(&checked);
        for offset in (0..=text.len()).step_by(5) {
            let at = u32::try_from(offset).expect("the text is short");
            if let Some(hover) = hover(&checked, &trees, FileId(0), at) {
                assert!(hover.span.start <= at && at <= hover.span.end);
                assert!(
                    hover.markdown.starts_with("```mlinfra\n"),
                    "{}",
                    hover.markdown
                );
            }
        }
    }
}

#[test]
fn names_of_other_files_are_found() {
    let mut world = Memory::default();
    let main = "use \"parts/keys.mlinfra\".{ vault }\n\
                storage lake on here { encryption = customer(vault) }\ntarget here = local()\n";
    let keys = "use \"../main.mlinfra\".{ here }\n/// Seals everything.\nkey vault on here\n";
    world.files.insert("main.mlinfra".to_owned(), main.into());
    world
        .files
        .insert("parts/keys.mlinfra".to_owned(), keys.into());
    assert_eq!(
        files_of(&world, "main.mlinfra"),
        ["main.mlinfra", "parts/keys.mlinfra"]
    );
    let checked = check(&world, "main.mlinfra");
    for word in ["{ vault", "customer(vault"] {
        let at = main.find(word).expect("it is there") + word.len() - 1;
        let at = u32::try_from(at).expect("the text is short");
        let found = hover(&checked, &Trees::of(&checked), FileId(0), at)
            .expect("it is explained")
            .markdown;
        assert!(found.contains("Seals everything."), "{found}");
    }
}

#[test]
fn functions_of_the_spec_are_explained() {
    let spec = "/// Two of it.\nfunction twice(amount: int): int = amount * 2\n";
    for (marked, wanted) in [
        (format!("{spec}let y = tw|ice(2)\n"), "Two of it."),
        (
            spec.replacen("twice", "tw|ice", 1),
            "function twice(amount: int): int",
        ),
        (
            spec.replacen("= amount", "= am|ount", 1),
            "A parameter of `function twice(",
        ),
        (spec.replacen("(amount", "(am|ount", 1), "amount: int"),
        (format!("{spec}let y = twice(am|ount = 2)\n"), "amount: int"),
        (
            spec.replacen("function", "func|tion", 1),
            "wherever it is called",
        ),
    ] {
        let found = said(&marked).unwrap_or_else(|| panic!("nothing: {marked}"));
        assert!(found.contains(wanted), "{marked}: {found}");
    }
}
