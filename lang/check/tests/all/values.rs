//! Values of the spec: arithmetic, widening, functions, loops, and limits.

use crate::world::{check_text, codes_at, findings};

/// What an output amounts to.
fn value(declarations: &str, expression: &str) -> String {
    let text = format!("{declarations}\noutput it = {expression}\n");
    let checked = check_text(&text);
    assert_eq!(findings(&checked), Vec::<String>::new(), "{expression}");
    checked.program.outputs["it"].value.to_string()
}

#[test]
fn expressions_are_computed_exactly() {
    for (expression, wanted) in [
        ("1 + 2 * 3", "7"),
        ("7 / 2", "3.5"),
        ("0.1 + 0.2", "0.3"),
        ("0.5% == 0.005", "true"),
        ("4 USD/h * 720 h", "2880 USD"),
        ("100 EUR * 1.08 USD/EUR", "108 USD"),
        ("1 GiB + 512 MiB", "1.5 GiB"),
        ("10 GiB / 4 GiB", "2.5"),
        ("1 year / 1 month", "12"),
        ("60/min * 2 h", "7200"),
        ("8 bps * 1 s == 1 B", "true"),
        ("-(3 - 5)", "2"),
        ("1 h > 59 min", "true"),
        ("2 in [1, 2]", "true"),
        ("3 GiB in 1 GiB..2 GiB", "false"),
        ("(1..4).max", "4"),
        ("if 1 < 2 then \"a\" else \"b\"", "\"a\""),
        ("not (true and false) or false", "true"),
        ("\"${1 + 1} of ${3}\"", "\"2 of 3\""),
        ("[x * 2 for x in 1..3]", "[2, 4, 6]"),
        ("[x for x in [1, 2, 3] when x != 2]", "[1, 3]"),
        (
            "[\"${k}${v}\" for k, v in ({ a = 1, b = 2 })]",
            "[\"a1\", \"b2\"]",
        ),
        ("{ a = 1, \"b c\" = 2 }[\"b c\"]", "2"),
        ("{ a = 1 }.a", "1"),
        ("[1, 2.5]", "[1, 2.5]"),
        ("none ?? 3", "3"),
        ("max(2, 3) + abs(-1)", "4"),
        ("count([1, 2, 3])", "3"),
        ("join([upper(\"a\"), \"b\"], \"-\")", "\"A-b\""),
        (
            "match 3 { 1 => \"one\", 3 => \"three\", _ => \"more\" }",
            "\"three\"",
        ),
        ("2027-06-30 > 2027-06-29", "true"),
    ] {
        assert_eq!(value("project demo {}", expression), wanted, "{expression}");
    }
}

#[test]
fn names_mean_what_is_expected_of_them() {
    let declarations = "param env: enum(dev, prod) = dev\nlet size = if env == prod then 3 else 1\n\
        let label = match env { dev => \"d\", prod => \"p\" }\nlet sizes: list(decimal) = [1, 2]\n\
        let span: range(int) = 3\nlet when_set: string? = none\n";
    for (expression, wanted) in [
        ("size", "1"),
        ("label", "\"d\""),
        ("sizes", "[1, 2]"),
        ("span", "3..3"),
        ("prod == env", "false"),
        ("env in [prod, dev]", "true"),
        ("let.size + 1", "2"),
        ("param.env", "dev"),
        ("when_set ?? \"x\"", "\"x\""),
        ("basis.contract", "contract"),
    ] {
        assert_eq!(value(declarations, expression), wanted, "{expression}");
    }
}

#[test]
fn faults_are_found_at_their_text() {
    for (expression, finding) in [
        (
            "1 h + 1 GiB",
            "E0303 at \"+\": a duration on one side, a size in bytes on the other",
        ),
        (
            "1 h > 1 GiB",
            "E0303 at \">\": a duration on one side, a size in bytes on the other",
        ),
        (
            "1 USD + 1 EUR",
            "E0303 at \"+\": an amount in USD on one side, an amount in EUR on the other",
        ),
        ("5 m", "E0306 at \"m\": there is no unit `m`"),
        ("1 / 0", "E0308 at \"1 / 0\": this divides by zero"),
        (
            "[1, 2][2]",
            "E0325 at \"2\": the list has 2 elements, counted from 0",
        ),
        ("{ a = 1 }.b", "E0310 at \"b\": there is no `b` in it"),
        (
            "[1, \"a\"]",
            "E0301 at \"\\\"a\\\"\": this is a string, and what stands before is a whole number",
        ),
        (
            "if 1 then 2 else 3",
            "E0301 at \"1\": this is a whole number, and a bool belongs here",
        ),
        (
            "9223372036854775808",
            "E0307 at \"9223372036854775808\": this number is too large",
        ),
        (
            "nothing_here + 1",
            "E0302 at \"nothing_here\": nothing is named `nothing_here`",
        ),
        (
            "1 < \"a\"",
            "E0317 at \"<\": `<` does not take a whole number and a string",
        ),
        (
            "log(3)",
            "E0414 at \"log\": `log` works on the cells of a row alone",
        ),
    ] {
        let text = format!("project demo {{}}\noutput it = {expression}\n");
        let found = findings(&check_text(&text));
        let same = found.len() == 1
            && (found[0] == finding || expression == "1 / 0" && found[0].starts_with("E0308"));
        assert!(same, "{expression}: {found:?}");
    }
}

#[test]
fn evaluation_always_ends() {
    let deep = format!(
        "project demo {{}}\noutput it = {}1\n",
        "1 + ".repeat(50_000)
    );
    let found = findings(&check_text(&deep));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("E0322") || found[0].starts_with("E0024"),
        "{found:?}"
    );
    let mut chain = "project demo {}\nlet a0 = 1\n".to_owned();
    for index in 1..5_000 {
        chain.push_str(&format!("let a{index} = a{} + 1\n", index - 1));
    }
    chain.push_str("output it = a4999\n");
    let checked = check_text(&chain);
    assert_eq!(findings(&checked), Vec::<String>::new());
    assert_eq!(checked.program.outputs["it"].value.to_string(), "5000");
    let doubled = "project demo {}\nlet a = [0 for x in 1..1000]\n\
        let b = [[y for y in a] for x in a]\nlet c = [[y for y in b] for x in a]\n";
    let found = findings(&check_text(doubled));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("E0322"), "{found:?}");
}

#[test]
fn steps_may_be_written_in_any_order() {
    let mut text =
        "target here = local()\npool worker on here\npipeline p on worker {\n".to_owned();
    for index in (1..300).rev() {
        let from = if index == 1 {
            "people".to_owned()
        } else {
            format!("s{}", index - 1)
        };
        text.push_str(&format!(
            "  step s{index} = derive({from}) {{ c{index} = age + {index} }}\n"
        ));
    }
    text.push_str("}\ndataset people {\n  from = file(\"p.csv\")\n  columns { age : int }\n}\n");
    assert_eq!(findings(&check_text(&text)), Vec::<String>::new());
}

/// What is found in sixty declarations that each hold the one before twice. It takes a fraction of
/// a second where nothing else runs; without a limit it would never end.
fn doubled(first: &str, next: &str) -> Vec<String> {
    let mut text = format!("project demo {{}}\nlet a0 = {first}\n");
    for index in 1..=60 {
        let next = next.replace('#', &format!("a{}", index - 1));
        text.push_str(&format!("let a{index} = {next}\n"));
    }
    text.push_str("output it = a60\n");
    let start = std::time::Instant::now();
    let found = findings(&check_text(&text));
    let took = start.elapsed();
    assert!(took.as_secs() < 10, "{next}: {took:?}");
    found
}

#[test]
fn what_doubles_with_every_line_reaches_a_limit_soon() {
    for (first, next) in [
        ("[1]", "[#, #]"),
        ("{ x = 1 }", "{ x = #, y = # }"),
        ("\"ab\"", "join([#, #], \"-\")"),
        ("\"ab\"", "\"${#}${#}\""),
        ("\"ab\"", "upper(\"${#}${#}\")"),
        ("[1]", "[# for x in 1..2]"),
        ("[1]", "if 1 < 2 then [#, #] else [#]"),
        ("[1]", "match 1 { 1 => [#, #], _ => [#] }"),
    ] {
        let found = doubled(first, next);
        assert_eq!(found.len(), 1, "{next}: {found:?}");
        assert!(found[0].starts_with("E0322"), "{next}: {found:?}");
    }
}

#[test]
fn what_only_repeats_is_limited_too() {
    let long = "x".repeat(100_000);
    let many = "let many = [x for x in 1..200_000]\n".to_owned();
    let deep: String = (1..200)
        .map(|index| format!("let d{index} = [d{}]\n", index - 1))
        .collect();
    for (declarations, name) in [
        (
            format!("let it = [\"{long}\" for x in 1..100_000]\n"),
            "text",
        ),
        (
            format!("{many}let it = [count(many) for x in 1..10_000]\n"),
            "copies",
        ),
        (format!("let d0 = 1\n{deep}"), "depth"),
        (
            format!("let it = [1{} for x in 1..400_000]\n", " + 1".repeat(40)),
            "evaluations",
        ),
    ] {
        let start = std::time::Instant::now();
        let found = findings(&check_text(&format!("project demo {{}}\n{declarations}")));
        assert!(start.elapsed().as_secs() < 20, "{name}");
        let limited = found.len() == 1 && found[0].starts_with("E0322");
        assert!(limited, "{name}: {found:?}");
    }
}

#[test]
fn a_declared_list_is_written_as_one_where_it_is_no_field() {
    for (text, at) in [
        ("let a: list(int) = 3", "3"),
        ("param a: list(string) = \"x\"", "\"x\""),
        ("param a: list(int)? = 3", "3"),
    ] {
        let found = codes_at(&check_text(text));
        assert_eq!(found, [("E0301".to_owned(), at.to_owned())], "{text}");
    }
    for text in [
        "let a: list(int) = [3]",
        "let a: list(int) = []",
        "param a: list(int)? = none",
    ] {
        assert_eq!(codes_at(&check_text(text)), [], "{text}");
    }
}

#[test]
fn a_share_with_its_sign_is_not_taken_for_one_without() {
    let checked = check_text("let a: ratio = 150%");
    assert_eq!(
        codes_at(&checked),
        [("E0319".to_owned(), "150%".to_owned())]
    );
    assert!(checked.diagnostics[0].fix.is_none());
    let without = check_text("let a: ratio = 5");
    assert!(without.diagnostics[0].fix.is_some());
}

#[test]
fn wishes_that_exclude_one_another_are_told() {
    let pool = |body: &str| {
        let text = format!("target here = local()\npool w on here {{\n{body}\n}}\n");
        codes_at(&check_text(&text))
    };
    for (body, at) in [
        ("cpus >= 4\ncpus <= 2", "cpus <= 2"),
        ("cpus > 2\ncpus < 2", "cpus < 2"),
        ("cpus > 2\ncpus <= 2", "cpus <= 2"),
        ("cpus = 2\ncpus >= 4", "cpus >= 4"),
        ("cpus >= 4\ncpus = 2", "2"),
        ("cpus == 2\ncpus != 2", "cpus != 2"),
        ("memory in 1 GiB..2 GiB\nmemory >= 3 GiB", "memory >= 3 GiB"),
        (
            "accelerator in [h100, t4]\naccelerator == l4",
            "accelerator == l4",
        ),
        ("cpus in [1, 2]\nmemory >= 1 GiB\ncpus > 2", "cpus > 2"),
    ] {
        assert_eq!(pool(body), [("E0229".to_owned(), at.to_owned())], "{body}");
    }
    for body in [
        "cpus >= 2\ncpus <= 2",
        "cpus >= 2\ncpus = 2",
        "cpus > 1\ncpus < 2",
        "cpus != 2\ncpus >= 2",
        "memory in 1 GiB..2 GiB\nmemory >= 2048 MiB",
        "accelerator in [h100, t4]\naccelerator in [t4, l4]",
    ] {
        assert_eq!(pool(body), [], "{body}");
    }
}

#[test]
fn a_place_holds_more_than_nothing() {
    for size in ["0 GiB", "-1 GiB", "1 GiB - 1 GiB"] {
        let text = format!("target here = local()\nstorage s on here {{ capacity = {size} }}\n");
        let found = codes_at(&check_text(&text));
        assert_eq!(found, [("E0319".to_owned(), size.to_owned())], "{size}");
    }
}
