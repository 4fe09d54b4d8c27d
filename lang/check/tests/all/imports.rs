//! What a file uses of others: no word and no name stands for two things.

use mlinfra_check::check;

use crate::world::{Memory, codes_at, findings};

const COMPONENT: &str = "component c { output o = 1 }\n";

fn found(main: &str, others: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut world = Memory::default();
    for (name, text) in [("main.mlinfra", main)].iter().chain(others) {
        let bytes = text.as_bytes().to_vec();
        world.files.insert((*name).to_owned(), bytes);
    }
    let checked = check(&world, "main.mlinfra");
    for finding in &checked.diagnostics {
        assert_eq!(finding.others.len(), 1, "{:?}", findings(&checked));
    }
    codes_at(&checked)
}

#[test]
fn a_word_that_two_files_give_is_taken_twice() {
    let two = |a: &'static str, b: &'static str| [("a.mlinfra", a), ("b.mlinfra", b)];
    let twice = |at: &str| vec![("E0210".to_owned(), at.to_owned())];
    let f = "function f(x: int): int = x\n";
    let main = "use \"a.mlinfra\".{c}\nuse \"b.mlinfra\".{c}\nc it {}\n";
    assert_eq!(found(main, &two(COMPONENT, COMPONENT)), twice("c"));
    let main = "use \"a.mlinfra\".{f}\nuse \"b.mlinfra\".{f}\noutput o = f(1)\n";
    assert_eq!(found(main, &two(f, f)), twice("f"));
    let main = "use \"a.mlinfra\" as m\nuse \"b.mlinfra\" as m\noutput o = m.x\n";
    assert_eq!(found(main, &two("let x = 1\n", "let x = 2\n")), twice("m"));
}

#[test]
fn a_word_of_its_own_is_no_word_of_another_file() {
    let one = |text: &'static str| [("a.mlinfra", text)];
    let twice = |at: &str| vec![("E0210".to_owned(), at.to_owned())];
    let main = format!("use \"a.mlinfra\".{{c}}\n{COMPONENT}c it {{}}\n");
    assert_eq!(found(&main, &one(COMPONENT)), twice("c"));
    let f = "function f(x: int): int = x\n";
    let main = format!("use \"a.mlinfra\".{{f}}\n{f}output o = f(1)\n");
    assert_eq!(found(&main, &one(f)), twice("f"));
    let main = "use \"a.mlinfra\" as m\nlet m = 1\noutput o = m\n";
    assert_eq!(found(main, &one("let x = 1\n")), twice("m"));
    let main = "use \"a.mlinfra\".{m}\nuse \"a.mlinfra\" as m\noutput o = 1\n";
    assert_eq!(found(main, &one("let m = 1\n")), twice("m"));
    let main =
        "use \"a.mlinfra\" as m\ncomponent d { param m: int\noutput o = m }\nd it { m = 1 }\n";
    let hides = vec![("E0211".to_owned(), "m".to_owned())];
    assert_eq!(found(main, &one("let x = 1\n")), hides);
}

#[test]
fn what_one_file_gives_twice_is_one_thing() {
    let text = format!("{COMPONENT}let x = 1\nfunction f(x: int): int = x\n");
    let main = "use \"a.mlinfra\".{c, x, f}\nuse \"a.mlinfra\".{c, x, f} as m\nc it {}\n\
                output o = f(x) + m.x\n";
    assert_eq!(found(main, &[("a.mlinfra", &text)]), []);
}
