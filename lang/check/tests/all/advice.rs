//! What a finding advises: an edit only where it keeps the meaning, and words that can be followed.

use mlinfra_check::{ParameterFile, check};

use crate::world::{Memory, check_text, check_with, findings, shown};

/// What each spec begins with.
const HEAD: &str = "project p {}\ntarget here = local(country = \"DE\")\n";

/// What is written behind [`HEAD`], the one finding, what one of its helps holds, and the title of
/// its edit, if it has one.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    Option<&'static str>,
);

/// Holds each against what is found.
fn hold(cases: &[Case]) {
    let mut wrong = Vec::new();
    for (text, wanted, help, fix) in cases {
        let checked = check_text(&format!("{HEAD}{text}"));
        let found = findings(&checked);
        let helps: Vec<&String> = checked.diagnostics.iter().flat_map(|d| &d.help).collect();
        let title = checked.diagnostics.iter().find_map(|d| d.fix.as_ref());
        let title = title.map(|fix| fix.title.as_str());
        let is_helped = help.is_empty() || helps.iter().any(|one| one.contains(help));
        if found != [*wanted] || !is_helped || title != *fix {
            wrong.push(format!("{text}\n  {found:?}\n  {helps:?}\n  {title:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is clean.
fn clean(texts: &[&str]) {
    for text in texts {
        let checked = check_text(&format!("{HEAD}{text}"));
        assert_eq!(findings(&checked), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_value_that_comes_from_elsewhere_is_not_written_over() {
    hold(&[
        (
            "let all = { \"eu\" = { class = \"ssd\" }, \"us\" = { class = \"nvme\" } }\n\
             storage s on here for k, c in all { class = c.class }",
            "E0301 at \"c.class\": this is a string, and one of `ssd`, `nvme`, `object` and `file` \
             belongs here",
            "say which is which: `match c.class",
            None,
        ),
        (
            "param n: string = \"5\"\npool w on here { cpus = n }",
            "E0301 at \"n\": this is a string, and a whole number belongs here",
            "`param n: positive = …`",
            None,
        ),
        (
            "let kind_of = \"ssd\"\nstorage s on here { class = kind_of }",
            "E0301 at \"kind_of\": this is a string, and one of `ssd`, `nvme`, `object` and `file` \
             belongs here",
            "`let kind_of: enum(ssd, nvme, object, file) = …`",
            None,
        ),
        (
            "storage s on here { class = \"ssd\" }",
            "E0301 at \"\\\"ssd\\\"\": this is a string, and one of `ssd`, `nvme`, `object` and \
             `file` belongs here",
            "write it without quotes: `ssd`",
            Some("\"ssd\" → ssd"),
        ),
        (
            "pool w on here { accelerator = \"H100\" }",
            "E0301 at \"\\\"H100\\\"\": this is a string, and an accelerator belongs here",
            "did you mean `h100`?",
            Some("\"H100\" → h100"),
        ),
    ]);
}

#[test]
fn a_word_of_fewer_stands_where_it_is_one_of_more() {
    clean(&[
        "let own: enum(ssd, nvme, object, file) = ssd\nstorage s on here { class = own }",
        "param own: enum(ssd, nvme) = nvme\nstorage s on here { class = own }",
        "param own: enum(h100, l4) = l4\npool w on here { accelerator = own }",
        "param a: enum(x, y) = x\nparam b: enum(x, y, z) = z\nlet same = a == b",
    ]);
    hold(&[(
        "param own: enum(ssd, tape) = ssd\nstorage s on here { class = own }",
        "E0301 at \"own\": this is one of `ssd` and `tape`, and one of `ssd`, `nvme`, `object` and \
         `file` belongs here",
        "write one of `ssd`",
        None,
    )]);
}

#[test]
fn a_name_is_guessed_only_where_it_fits() {
    hold(&[
        (
            "pool g on here { accelerator = a100 }",
            "E0315 at \"a100\": `a100` is no case of `accelerator`",
            "did you mean `a100_40gb` or `a100_80gb`?",
            None,
        ),
        (
            "dataset d { from = file(\"x.csv\")\n columns { a: int } }\n\
             target there = local(country = FR)",
            "E0302 at \"FR\": nothing is named `FR`",
            "a text stands in quotes: `\"FR\"`",
            Some("FR → \"FR\""),
        ),
        (
            "param c: int = 1\nlet y = z",
            "E0302 at \"z\": nothing is named `z`",
            "declare it",
            None,
        ),
        (
            "storage lake on here {}\nlet big = 2 GiB\nstorage pond on here { capacity = lak }",
            "E0302 at \"lak\": nothing is named `lak`",
            "declare it: `let lak = …`",
            None,
        ),
        (
            "module \"m\" {}",
            "E0201 at \"module\": there is no kind `module`",
            "a `component` is declared once and made by its name",
            None,
        ),
    ]);
}

#[test]
fn a_text_that_is_never_a_case_is_found_where_it_is_compared() {
    hold(&[
        (
            "environment dev {}\nenvironment prod {}\n\
             let size = if environment == \"production\" then 2 GiB else 1 GiB",
            "E0315 at \"\\\"production\\\"\": `production` is no case of `enum(dev, prod)`",
            "the cases are `dev` and `prod`",
            None,
        ),
        (
            "param size: enum(small, large) = small\nlet a = \"smal\" != size",
            "E0315 at \"\\\"smal\\\"\": `smal` is no case of `enum(small, large)`",
            "did you mean `small`?",
            Some("\"smal\" → small"),
        ),
        (
            "param size: enum(small, large) = small\nlet a = size in [\"smal\"]",
            "E0301 at \"\\\"smal\\\"\": this is a string, and one of `small` and `large` belongs \
             here",
            "did you mean `small`?",
            Some("\"smal\" → small"),
        ),
    ]);
    clean(&["param size: enum(small, large) = small\nlet a = size == \"small\""]);
    let text = format!(
        "{HEAD}param size: enum(small, large) = small\nlet all = [\"small\"]\n\
         output found = size in all"
    );
    let found = check_text(&text).program.outputs["found"].value.clone();
    assert_eq!(found.to_string(), "true");
}

#[test]
fn types_of_other_languages_are_named_here() {
    hold(&[
        (
            "param r: float = 1",
            "E0324 at \"float\": there is no type `float` here",
            "did you mean `decimal`?",
            Some("float → decimal"),
        ),
        (
            "param e: enum(\"x\", \"y\")? = x",
            "E0324 at \"enum(\\\"x\\\", \\\"y\\\")?\": `enum` takes words here, and no text or \
             number",
            "its cases stand without quotes",
            Some("write `enum(x, y)?`"),
        ),
        (
            "param e: list = []",
            "E0324 at \"list\": there is no type `list` here",
            "`list(string)`",
            None,
        ),
        (
            "param e: record = {}",
            "E0324 at \"record\": there is no type `record` here",
            "`map(string)`",
            None,
        ),
        (
            "dataset d { from = file(\"x.csv\")\n columns { a: integer } }",
            "E0419 at \"integer\": no column has the type `integer`",
            "`date` and `money(",
            Some("integer → int"),
        ),
        (
            "dataset d { from = file(\"x.csv\")\n columns { sepal length : float } }",
            "E0108 at \"sepal length : float\": this is no column",
            "between back quotes",
            Some("write `sepal length`"),
        ),
    ]);
}

#[test]
fn one_fault_is_told_once() {
    hold(&[
        (
            "storage x on here { capacity = y.capacity }\n\
             storage y on here { capacity = x.capacity }",
            "E0316 at \"capacity\": this closes the circle y → x → y",
            "take one of the references out",
            None,
        ),
        (
            "type team_name = string { require length(team_name) > 2 }\n\
             param a: team_name = \"abc\"",
            "E0107 at \"type\": only the standard library declares a `type`",
            "",
            None,
        ),
        (
            "let j = join(\",\", [\"a\"])",
            "E0301 at \"\\\",\\\", [\\\"a\\\"]\": these two stand the other way round",
            "in this order",
            Some("swap them"),
        ),
        (
            "target g { provider = local }",
            "E0218 at \"g\": this `target` has no value",
            "write `= local` behind the name",
            None,
        ),
    ]);
}

#[test]
fn records_that_differ_are_told_apart() {
    hold(&[
        (
            "let d = { size = 2 GiB, tags = [\"a\"] }\n\
             let g = if true then d else { size = 1 GiB }",
            "E0301 at \"{ size = 1 GiB }\": this record has no `tags`, and what stands before has",
            "make both the same",
            None,
        ),
        (
            "let d = { size = 2 GiB }\nlet h = [d, { size = \"x\" }]",
            "E0301 at \"{ size = \\\"x\\\" }\": `size` is a string here, and a size in bytes \
             before",
            "",
            None,
        ),
    ]);
    clean(&[
        "let d = { size = 2 GiB, tags = [\"a\"] }\nlet e = merge(d, { size = 5 GiB, more = 1 })\n\
         storage s on here { capacity = e.size }\nlet n = e.more + 1\nlet t = e.tags[0]",
    ]);
}

#[test]
fn what_may_be_absent_has_a_value_behind_it() {
    clean(&[
        "param big: bool = false\n\
         component box on target { storage raw { capacity = 1 GiB }\n\
         output size = raw.capacity }\n\
         box b on here when param.big\n\
         storage s on here { capacity = b.size ?? 1 GiB }",
        "param big: bool = true\n\
         storage raw on here when big { capacity = 1 GiB }\n\
         storage s on here { capacity = raw.capacity ?? 1 GiB }",
    ]);
    hold(&[(
        "component t on target {\n  storage s on here { capacity = 1 GiB }\n}\nt q on here",
        "E0112 at \"here\": `here` is outside of the component",
        "stands where its instance stands",
        Some("take it out"),
    )]);
}

#[test]
fn a_hole_in_a_text_of_several_lines_is_no_hole() {
    hold(&[(
        "param who: string = \"a\"\noutput o = \"\"\"\n  hello ${who}\n  \"\"\"",
        "E0346 at \"${who}\": this stands in the text as it is",
        "`replace(text, \"@\", \"${who}\")`",
        None,
    )]);
    clean(&["output o = \"\"\"\n  echo ${HOME}\n  \"\"\""]);
}

#[test]
fn what_was_given_is_no_name() {
    let spec = format!(
        "{HEAD}param epochs: int = 1\nparam names: list(string) = []\nparam who: string? = \"a\"\n\
         output o = who == none"
    );
    for (name, value, wanted) in [
        (
            "epochs",
            "abc",
            "E0301 at \"abc\": this is not a whole number",
        ),
        (
            "names",
            "q",
            "E0301 at \"q\": this is not a list of strings",
        ),
    ] {
        let checked = check_with(&spec, &[(name, value)]);
        assert_eq!(findings(&checked), [wanted]);
    }
    let absent = check_with(&spec, &[("who", "none")]);
    assert_eq!(findings(&absent), Vec::<String>::new());
    assert_eq!(absent.program.outputs["o"].value.to_string(), "true");
}

/// What is found with this file of parameters.
fn with_file(spec: &str, name: &str, content: Result<&str, &str>) -> Vec<String> {
    let mut world = Memory::default();
    let files = &mut world.files;
    files.insert("main.mlinfra".to_owned(), spec.as_bytes().to_vec());
    let content = content.map(|text| text.as_bytes().to_vec());
    world.parameter_files = vec![ParameterFile {
        name: name.to_owned(),
        content: content.map_err(str::to_owned),
    }];
    let checked = check(&world, "main.mlinfra");
    let all = checked.diagnostics.iter();
    all.map(|finding| shown(&checked, finding)).collect()
}

#[test]
fn a_file_of_parameters_that_is_none_is_one_finding() {
    let spec = "project p {}\nparam who: string\noutput o = who";
    let gone = with_file(spec, "gone.json", Err("no such file"));
    assert_eq!(gone, ["E0133 at \"\": `gone.json`: no such file"]);
    let yaml = with_file(spec, "p.yaml", Ok("who: me\nsize: 1\n"));
    assert_eq!(yaml, ["E0133 at \"who: me\": this looks like YAML"]);
    let bare = with_file(spec, "p.mlinfra", Ok("who = me\n"));
    assert_eq!(bare, ["E0301 at \"me\": this is no text"]);
}
