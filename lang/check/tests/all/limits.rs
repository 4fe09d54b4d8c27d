//! Limits that are stated, and long specs whose check would not end in time if it looked at
//! everything for each thing.

use std::time::{Duration, Instant};

use mlinfra_check::{Checked, check};

use crate::world::{Memory, check_text, codes_at, findings};

const HEAD: &str = "target here = local()\n";

fn none() -> Vec<String> {
    Vec::new()
}

/// Far more than a check of these takes where much else runs, and far less than one that looks at
/// everything for each thing.
const HANGS: Duration = Duration::from_secs(60);

/// Checks a text; that it ends is what is held.
fn ends(what: &str, world: &Memory) {
    let start = Instant::now();
    check(world, "main.mlinfra");
    assert!(start.elapsed() < HANGS, "{what}: {:?}", start.elapsed());
}

fn world(text: String) -> Memory {
    let mut world = Memory::default();
    let name = "main.mlinfra".to_owned();
    world.files.insert(name, text.into_bytes());
    world
}

/// Lines made of numbers, joined.
fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

/// Holds that a text of very many such things is checked.
fn many_end(what: &str, text: impl Fn(usize) -> Memory) {
    ends(what, &text(8_000));
}

#[test]
fn what_names_many_things_is_checked() {
    many_end("given parameters that are not there", |count| {
        let mut world = world(lines(count, |n| format!("param p{n}: int = 1\n")));
        for n in 0..count {
            world.parameters.insert(format!("q{n}"), "1".to_owned());
        }
        world
    });
    many_end("parameters of an instance", |count| {
        let inside = lines(count, |n| format!("param p{n}: int\n"));
        let given = lines(count, |n| format!("p{n} = {n}\n"));
        world(format!(
            "component c {{\n{inside}output o = 1 }}\nc it {{\n{given}}}\n"
        ))
    });
    many_end("parameters that an instance has not", |count| {
        let inside = lines(count, |n| format!("param p{n}: int\n"));
        let given = lines(count, |n| format!("q{n} = {n}\n"));
        world(format!(
            "component c {{\n{inside}output o = 1 }}\nc it {{\n{given}}}\n"
        ))
    });
    many_end("what comes after many", |count| {
        let keys = lines(count, |n| format!("key k{n} on here {{}}\n"));
        let names = lines(count, |n| format!("k{n}, "));
        let last = format!("storage s on here {{ after = [{names}] }}\n");
        world(format!("{HEAD}{keys}{last}"))
    });
    many_end("sections that stand twice", |count| {
        let sections = lines(count, |n| format!("columns {{ c{n} : int }}\n"));
        world(format!(
            "dataset d {{ from = file(\"x.csv\")\n{sections}}}\n"
        ))
    });
    many_end("fields of a long block", |count| {
        let strange = lines(count, |n| format!("f{n} = 1\n"));
        let outputs = lines(count, |n| format!("output o{n} = s.capacity\n"));
        world(format!(
            "{HEAD}storage s on here {{\n{strange}capacity = 1 GiB }}\n{outputs}"
        ))
    });
}

#[test]
fn a_long_condition_is_assumed_once() {
    let count = 160;
    let names = lines(count, |n| format!("param a{n}: int? = {n}\n"));
    let asked: Vec<String> = (0..count).map(|n| format!("a{n} != none")).collect();
    let used: Vec<String> = (0..count).map(|n| format!("a{n}")).collect();
    let blocks = lines(200, |n| {
        let (asked, used) = (asked.join(" and "), used.join(" + "));
        format!("storage s{n} on here when {asked} and {used} > 1 {{}}\n")
    });
    let start = Instant::now();
    let checked = check(&world(format!("{HEAD}{names}{blocks}")), "main.mlinfra");
    assert!(start.elapsed() < HANGS, "{:?}", start.elapsed());
    assert_eq!(findings(&checked), none());
}

#[test]
fn and_and_or_decide_from_the_left() {
    for (condition, wanted) in [
        ("true and true and true", "true"),
        ("true and false and 1 / 0 > 1", "false"),
        ("false or true or 1 / 0 > 1", "true"),
        ("false or false or false", "false"),
        ("false and true or true and true", "true"),
        ("x != none and x > 1 and x < 5", "true"),
        ("x == none or x > 5 or x < 1", "false"),
        ("x == none or x < 1 or x == 3", "true"),
    ] {
        let text = format!("param x: int? = 3\noutput o = {condition}\n");
        let checked = check_text(&text);
        assert_eq!(findings(&checked), none(), "{condition}");
        assert_eq!(checked.program.outputs["o"].value.to_string(), wanted);
    }
    let text = "param y: string?\noutput o = \"${y}\" == \"a\" and y != none\n";
    assert_eq!(codes_at(&check_text(text))[0].0, "E0309");
}

#[test]
fn a_spec_has_no_more_environments_than_can_be_checked_each() {
    let with = |count: usize| check_text(&lines(count, |n| format!("environment e{n} {{}}\n")));
    assert_eq!(findings(&with(32)), none());
    let found = findings(&with(3_000));
    assert_eq!(found, ["E0322 at \"e32\": more than 32 environments"]);
}

fn output(checked: &Checked, name: &str) -> String {
    assert_eq!(findings(checked), none());
    checked.program.outputs[name].value.to_string()
}

#[test]
fn names_of_other_files_are_evaluated_before_what_names_them() {
    let mut memory = Memory::default();
    let mut file = |name: String, text: String| {
        memory.files.insert(name, text.into_bytes());
    };
    file("main.mlinfra".to_owned(), {
        "use \"f0.mlinfra\" as m\noutput o = m.x\n".to_owned()
    });
    for number in 0..60 {
        let next = number + 1;
        let text = match next {
            60 => "let x = 1\n".to_owned(),
            _ => format!("use \"f{next}.mlinfra\" as m\nlet x = m.x + 1\n"),
        };
        file(format!("f{number}.mlinfra"), text);
    }
    assert_eq!(output(&check(&memory, "main.mlinfra"), "o"), "60");
}

#[test]
fn parameters_that_an_environment_gives_are_evaluated_before_what_names_them() {
    let parameters = lines(60, |n| format!("param p{n}: int = 0\n"));
    let given = lines(59, |n| format!("p{n} = p{} + 1\n", n + 1));
    let text = format!("{parameters}environment dev {{ params {{\n{given}}} }}\noutput o = p0\n");
    assert_eq!(output(&check_text(&text), "o"), "59");
}

#[test]
fn an_element_is_taken_out_of_a_list_without_the_others() {
    let numbers = lines(2_000, |n| format!("{n}, "));
    let text = format!(
        "let xs = [{numbers}]\nlet m = {{ all = xs, few = {{ a = xs }} }}\n\
         output o = sum([xs[i] for i in 0..1999])\n\
         output p = sum([m.all[i] + m.few.a[i] for i in 0..1999])\n\
         output q = count(m[\"few\"].a)\n"
    );
    let checked = check_text(&text);
    assert_eq!(output(&checked, "o"), "1999000");
    assert_eq!(output(&checked, "p"), "3998000");
    assert_eq!(output(&checked, "q"), "2000");
    let found = findings(&check_text("let xs = [1]\noutput o = xs[1]\n"));
    assert_eq!(
        found,
        ["E0325 at \"1\": the list has one element, of place 0"]
    );
    let text = "let m = { a = 1 }\noutput o = m[\"b\"]\noutput p = m.b\n";
    let found = codes_at(&check_text(text));
    let at = |code: &str, at: &str| (code.to_owned(), at.to_owned());
    assert_eq!(found, [at("E0325", "\"b\""), at("E0310", "b")]);
}
