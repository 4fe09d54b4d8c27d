//! The function library: each function's own example, and what functions refuse.

use mlinfra_check::stdlib::value_functions;

use crate::world::{Memory, check_text, codes_at, findings};

/// The values of these outputs, in their order; the spec must be without a finding.
fn values(text: &str) -> Vec<String> {
    let checked = check_text(text);
    assert_eq!(findings(&checked), Vec::<String>::new(), "{text}");
    let outputs = checked.program.outputs.values();
    outputs.map(|output| output.value.to_string()).collect()
}

/// What is found in an expression that stands alone.
fn found(expression: &str) -> Vec<String> {
    findings(&check_text(&format!("output it = {expression}\n")))
}

/// The first text in backquotes that calls the function.
fn example<'d>(name: &str, documentation: &'d str) -> Option<&'d str> {
    let call = format!("{name}(");
    let mut quoted = documentation.split('`').skip(1).step_by(2);
    quoted.find(|text| text.contains(&call))
}

#[test]
fn every_function_has_an_example_that_holds() {
    let mut faults = Vec::new();
    // The text of a file has a test of its own, and so has what another project gives.
    for (name, documentation) in value_functions() {
        if matches!(name, "text" | "outputs") {
            continue;
        }
        let Some(example) = example(name, documentation) else {
            faults.push(format!("{name}: no example in {documentation:?}"));
            continue;
        };
        let checked = check_text(&format!("output it = {example}\n"));
        let value = checked.program.outputs.get("it");
        let value = value.map(|output| output.value.to_string());
        if !findings(&checked).is_empty() || value.as_deref() != Some("true") {
            faults.push(format!("{example}: {value:?} {:?}", findings(&checked)));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn the_text_of_a_file_is_a_text() {
    let mut world = Memory::default();
    let mut file = |name: &str, bytes: &[u8]| {
        world.files.insert(name.to_owned(), bytes.to_vec());
    };
    file(
        "main.mlinfra",
        b"output it = trim(text(\"prompts/a.txt\"))\n",
    );
    file("prompts/a.txt", "Sei höflich.\n".as_bytes());
    file("missing.mlinfra", b"output it = text(\"nothing.txt\")\n");
    file("bytes.mlinfra", b"output it = text(\"picture\")\n");
    file("picture", &[0xff, 0xd8, 0x00]);
    file(
        "outside.mlinfra",
        b"output it = text(\"../../etc/passwd\")\n",
    );
    let checked = mlinfra_check::check(&world, "main.mlinfra");
    assert_eq!(findings(&checked), Vec::<String>::new());
    assert_eq!(
        checked.program.outputs["it"].value.to_string(),
        "\"Sei höflich.\""
    );
    for (name, wanted) in [
        (
            "missing",
            "E0101 at \"\\\"nothing.txt\\\"\": this file can't be read: no such file",
        ),
        (
            "bytes",
            "E0101 at \"\\\"picture\\\"\": this file is no text",
        ),
        (
            "outside",
            "E0319 at \"\\\"../../etc/passwd\\\"\": only files in the spec's folder are read: \
             copy it there",
        ),
    ] {
        let checked = mlinfra_check::check(&world, &format!("{name}.mlinfra"));
        assert_eq!(findings(&checked), [wanted], "{name}");
    }
}

#[test]
fn results_have_the_types_of_what_flows_in() {
    let text = "let sizes = [1 GiB, 512 MiB]\nlet ports: list(int) = [8080, 443]\n\
        output a: B = sum(sizes)\noutput b: list(int) = sort(ports)\n\
        output c: int = first(ports) ?? 80\noutput d: map(int) = merge({ a = 1 }, { b = 2 })\n\
        output e: list(decimal) = concat([1], [2.5])\noutput f: B = max(1 GiB, 2 GiB)\n\
        output g: int = pow(2, 10)\noutput h: cidr = subnet(10.0.0.0/16, 8, 1)\n\
        output i: list(list(int)) = chunks(ports, 1)\noutput j: int = from_json(\"[1]\")[0]\n\
        output k: B = sum([size for size in sizes when size > 1 TiB])\n\
        output l: int = clamp(70_000, 1..65_535)\n\
        output m: int = from_json(\"{\\\"a\\\": 3}\").a\n";
    let wanted = [
        "1.5 GiB",
        "[443, 8080]",
        "8080",
        "{ a = 1, b = 2 }",
        "[1, 2.5]",
        "2 GiB",
        "1024",
        "\"10.0.1.0/24\"",
        "[[8080], [443]]",
        "1",
        "0 B",
        "65535",
        "3",
    ];
    assert_eq!(values(text), wanted);
}

#[test]
fn what_has_no_result_is_found_at_its_argument() {
    for (expression, wanted) in [
        (
            "number(\"12 GiB\")",
            "E0342 at \"\\\"12 GiB\\\"\": this text is no number",
        ),
        ("whole(7 / 2)", "E0342 at \"7 / 2\": 3.5 is no whole number"),
        ("mod(7, 0)", "E0308 at \"mod\": this divides by zero"),
        ("pow(10, 99)", "E0307 at \"pow\": this number is too large"),
        (
            "parts(\"a\", \"\")",
            "E0342 at \"\\\"\\\"\": this is empty, so it stands everywhere",
        ),
        (
            "subnet(10.0.0.0/24, 9, 0)",
            "E0342 at \"9\": /33 is longer than an address",
        ),
        (
            "host(10.0.0.0/30, 4)",
            "E0342 at \"4\": the network has no address of this number",
        ),
        (
            "from_base64(\"*\")",
            "E0342 at \"\\\"*\\\"\": this is not Base64",
        ),
        (
            "zip([\"a\"], [1, 2])",
            "E0342 at \"[1, 2]\": 1 keys, and 2 values",
        ),
        (
            "matches(\"a\", \"(\")",
            "E0342 at \"\\\"(\\\"\": this is no pattern: unclosed group",
        ),
        (
            "matches(\"a\", \"(a{1000}){1000}\")",
            "E0342 at \"\\\"(a{1000}){1000}\\\"\": this pattern repeats too much",
        ),
        (
            "repeat(\"ab\", 10_000_000)",
            "E0322 at \"repeat\": a text of more than 1048576 bytes",
        ),
        (
            "numbers(1..10_000_000)",
            "E0322 at \"numbers\": a list of more than 1000000 elements",
        ),
    ] {
        assert_eq!(found(expression), [wanted], "{expression}");
    }
}

#[test]
fn what_has_another_type_or_no_order_is_found_at_its_argument() {
    for (expression, wanted) in [
        (
            "count(\"abc\")",
            "E0301 at \"\\\"abc\\\"\": this is a string, and a list or a record belongs here",
        ),
        (
            "concat([1], [\"a\"])",
            "E0301 at \"[\\\"a\\\"]\": this is a list of strings, and what stands before is a \
             list of whole numbers",
        ),
        (
            "max(1 GiB, 1 h)",
            "E0303 at \"max\": a size in bytes on one side, a duration on the other",
        ),
        (
            "without([1], [\"a\"])",
            "E0301 at \"\\\"a\\\"\": this is a string, and a whole number belongs here",
        ),
        (
            "sort([[1], [2]])",
            "E0342 at \"[[1], [2]]\": what is in it has no order",
        ),
        (
            "2027-01-01 + 1 h",
            "E0343 at \"+\": this is no whole number of days",
        ),
        (
            "to_date(\"2027-02-30\")",
            "E0342 at \"\\\"2027-02-30\\\"\": this is no date of the calendar",
        ),
    ] {
        assert_eq!(found(expression), [wanted], "{expression}");
    }
}

#[test]
fn the_names_of_other_languages_lead_to_ours() {
    for (expression, advice) in [
        (
            "cidrsubnet(\"10.0.0.0/16\", 8, 1)",
            "write `subnet(network, bits, number)`",
        ),
        (
            "lookup({ a = 1 }, \"a\", 2)",
            "write `get(map, key) ?? value`",
        ),
        ("coalesce(1, 2)", "write `a ?? b`"),
        ("split(\"a,b\", \",\")", "write `parts(text, separator)`"),
        ("try(1, 2)", "write `a ?? b`"),
        (
            "len([1])",
            "write `count(xs)` of a list or map, `length(text)` of a text",
        ),
        ("timestamp()", "write a parameter: a spec knows no clock"),
    ] {
        let checked = check_text(&format!("output it = {expression}\n"));
        let [finding] = checked.diagnostics.as_slice() else {
            panic!("{expression}: {:?}", findings(&checked));
        };
        assert_eq!(finding.code.0, "E0311");
        assert!(
            finding.help.iter().any(|help| help == advice),
            "{expression}: {:?}",
            finding.help
        );
    }
}

#[test]
fn a_pattern_in_a_loop_costs_no_time() {
    let long = "a".repeat(60_000);
    let text = format!(
        "let long = \"{long}\"\n\
         output it = [matches(long, \"(a|aa)+b${{x}}\") for x in 1..10_000]\n"
    );
    let start = std::time::Instant::now();
    let found = findings(&check_text(&text));
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("E0322"), "{found:?}");
}

#[test]
fn functions_of_a_spec_are_typed_and_closed() {
    let text = "function double(x: int): int = x * 2\n\
        function size(env: string, least: int = 1): int = \
        if env == \"prod\" then double(3) else least\n\
        function label(of: string?): string = if of != none then \"for ${of}\" else \"for all\"\n\
        output a = double(21)\noutput b = size(\"prod\")\noutput c = size(\"dev\", least = 2)\n\
        output d = [double(x) for x in 1..3]\noutput e = label(none)\noutput f = label(\"ops\")\n";
    let wanted = ["42", "6", "2", "[2, 4, 6]", "\"for all\"", "\"for ops\""];
    assert_eq!(values(text), wanted);
    for (text, wanted) in [
        (
            "let y = 1\nfunction f(x: int): int = x + y\n",
            "E0302 at \"y\": nothing is named `y`",
        ),
        (
            "function f(x: int): string = x\n",
            "E0301 at \"x\": this is a whole number, and a string belongs here",
        ),
        (
            "function f(x: int): int = g(x)\nfunction g(x: int): int = f(x)\noutput it = f(1)\n",
            "E0316 at \"f\": this closes the circle f → g → f",
        ),
        (
            "function f(x: int): int = 10 / x\n",
            "E0301 at \"10 / x\": this is a number, and a whole number belongs here",
        ),
        (
            "function f(x: int): decimal = 10 / x\noutput it = f(0)\n",
            "E0308 at \"/\": this divides by zero",
        ),
        (
            "function f(x: int): int = x\noutput it = f(\"a\")\n",
            "E0301 at \"\\\"a\\\"\": this is a string, and a whole number belongs here",
        ),
        (
            "function f(x: int): int = x\noutput it = ff(1)\n",
            "E0311 at \"ff\": nothing here is called `ff`",
        ),
    ] {
        assert_eq!(findings(&check_text(text)), [wanted], "{text}");
    }
}

#[test]
fn functions_of_another_file_are_called_by_name_or_behind_it() {
    let mut world = Memory::default();
    let mut file = |name: &str, text: &str| {
        world
            .files
            .insert(name.to_owned(), text.as_bytes().to_vec());
    };
    file(
        "main.mlinfra",
        "use \"lib.mlinfra\".{double}\nuse \"lib.mlinfra\" as lib\n\
         output a = double(2)\noutput b = lib.half(3)\n",
    );
    file(
        "lib.mlinfra",
        "function double(x: int): int = x * 2\nfunction half(x: int): decimal = x / 2\n",
    );
    let checked = mlinfra_check::check(&world, "main.mlinfra");
    assert_eq!(findings(&checked), Vec::<String>::new());
    assert_eq!(checked.program.outputs["a"].value.to_string(), "4");
    assert_eq!(checked.program.outputs["b"].value.to_string(), "1.5");
}

#[test]
fn functions_that_double_their_work_reach_a_limit_soon() {
    let mut text = "function f0(x: int): int = x\n".to_owned();
    for index in 1..=60 {
        let before = index - 1;
        text.push_str(&format!(
            "function f{index}(x: int): int = f{before}(x) + f{before}(x)\n"
        ));
    }
    text.push_str("output it = f60(1)\n");
    let found = findings(&check_text(&text));
    assert!(!found.is_empty() && found.len() <= 2, "{found:?}");
    assert!(found[0].starts_with("E0322"), "{found:?}");
}

#[test]
fn what_was_asked_for_is_there_and_a_branch_not_taken_finds_no_fault() {
    let text = "param none_given: int?\nparam given: int? = 4\nlet zero = 0\n\
        output a = if none_given != none then none_given + 1 else 0\n\
        output b = if given == none then 0 else given + 1\n\
        output c = if zero == 0 then 0 else 10 / zero\n\
        output d = zero != 0 and 10 / zero > 1\n\
        output e = given != none and given > 3\n\
        output f = match zero { 0 => \"none\", _ => \"${10 / zero}\" }\n";
    assert_eq!(values(text), ["0", "5", "0", "false", "true", "\"none\""]);
}

#[test]
fn amounts_are_exact_whatever_they_are_made_of() {
    let text = "output a = 0.02 USD/GiB/month * 5 GiB * 1 month\n\
        output b = 1 USD/h * 1 h == 1 USD\noutput c = 100 USD/month / 3 * 3 == 100 USD/month\n\
        output d = 1 USD/day * 1 week == 7 USD\noutput e = 5 epochs * 3\n\
        output f = 2027-01-31 + 4 weeks\noutput g = 2027-03-01 - 2027-01-01\n";
    let wanted = [
        "0.1 USD",
        "true",
        "true",
        "true",
        "15 epoch",
        "2027-02-28",
        "59 days",
    ];
    assert_eq!(values(text), wanted);
    let powers =
        "let a = 1 s\nlet b = a * a\nlet c = b * b\nlet d = c * c\nlet e = d * d\nlet f = e * e\n";
    assert_eq!(
        findings(&check_text(powers)),
        ["E0307 at \"*\": this number is too large"]
    );
}

#[test]
fn what_is_given_for_anything_keeps_its_own_type() {
    let mixed = [
        "concat([1, \"a\"], [2])",
        "first([1 GiB, 1 h])",
        "flatten([\"a\"])",
        "clamp(12, 1 .. 8.5)",
        "sort([1, \"a\"])",
    ];
    for expression in mixed {
        assert_eq!(
            found(expression).len(),
            1,
            "{expression}: {:?}",
            found(expression)
        );
    }
    let typed = [
        ("int", "merge({ a = 1 }, { b = \"x\" }).b"),
        ("int", "sum([1, 1.5])"),
        ("int", "reverse([1, 2.5])[0]"),
        ("bytes", "flatten([[1 h]])[0]"),
    ];
    for (wanted, expression) in typed {
        let checked = check_text(&format!("let it: {wanted} = {expression}\noutput o = it\n"));
        assert_eq!(findings(&checked).len(), 1, "{expression}");
    }
    let sound = values(
        "let base = { size = 2 GiB, tags = [\"a\"] }\n\
         output a = merge({ a = 1 }, { b = 2 }).a + 1\n\
         output b = merge(base, { size = 5 GiB }).size\n\
         output c = merge(base, { owner = \"x\" }).owner\n\
         output d = sum([1, 1.5])\n",
    );
    assert_eq!(sound, ["2", "5 GiB", "\"x\"", "2.5"]);
}

#[test]
fn dates_are_compared_by_their_instants() {
    let sound = values(
        "let here = 2027-06-30T14:00:00+02:00\n\
         let same = 2027-06-30T12:00:00Z\n\
         output a = here == same\n\
         output b = count(distinct([here, same]))\n\
         output c = same in [here]\n\
         output d = first(sort([2027-06-30T13:00:00Z, here])) == here\n\
         output e = months_later(2027-01-31T14:00:00Z, 1)\n\
         output f = 2027-01-01 == 2027-01-01T00:00:00Z\n",
    );
    let wanted = ["true", "1", "true", "true", "2027-02-28T14:00:00Z", "true"];
    assert_eq!(sound, wanted);
    assert_eq!(found("to_date(\"2027-W26-3\")").len(), 1);
    assert_eq!(found("to_date(\"2027-06-3é14:00Z\")").len(), 1);
}

#[test]
fn numbers_are_looked_for_by_what_they_are() {
    let sound = values(
        "let some = [1.5, 2.0]\n\
         output a = 2 in some\n\
         output b = 1 in [1.5, 1.0]\n\
         output c = 2.0 in [1, 2]\n\
         output d = round(pow(1.002, 360) * 1000)\n",
    );
    assert_eq!(sound, ["true", "true", "true", "2053"]);
}

#[test]
fn records_that_are_unlike_are_told_apart_by_what_is_in_them() {
    assert_eq!(
        found("[{ a = 1, b = \"x\" }, { a = 1 }]"),
        ["E0301 at \"{ a = 1 }\": this record has no `b`, and what stands before has"]
    );
    assert_eq!(
        found("[{ a = 1 }, { a = true }]"),
        ["E0301 at \"{ a = true }\": `a` is a bool here, and a whole number before"]
    );
}

#[test]
fn a_record_of_unlike_values_is_to_blame_where_it_stands() {
    for (expression, at) in [
        ("values({ a = 1, b = \"x\" })", "{ a = 1, b = \"x\" }"),
        (
            "values(from_json(\"{\\\"a\\\": 1, \\\"b\\\": \\\"x\\\"}\"))",
            "from_json(\"{\\\"a\\\": 1, \\\"b\\\": \\\"x\\\"}\")",
        ),
        ("get({ a = 1, b = \"x\" }, \"a\")", "{ a = 1, b = \"x\" }"),
    ] {
        let what = "in this, one value is a whole number, another a string";
        assert_eq!(found(expression), [format!("E0301 at {at:?}: {what}")]);
    }
    let found = found("concat([1], [\"x\"])");
    assert!(
        found[0].starts_with("E0301 at \"[\\\"x\\\"]\""),
        "{found:?}"
    );
}

#[test]
fn a_text_that_is_no_date_is_no_date_whatever_its_letters() {
    for text in ["2027-06-3é14:00Z", "é", "2027-06-30é", "ééééé14:00Z", ""] {
        let found = found(&format!("to_date(\"{text}\")"));
        assert_eq!(
            found,
            [format!(
                "E0342 at \"\\\"{text}\\\"\": this is no date of the calendar"
            )]
        );
    }
}

#[test]
fn a_default_that_names_another_parameter_has_one_finding() {
    let text = "function f(x: int, y: int = x): int = x + y\noutput o = f(3)";
    let found = codes_at(&check_text(text));
    assert_eq!(found, [("E0302".to_owned(), "x".to_owned())]);
}
