//! Components, `for` and `when`: what they make, at which addresses, and what is said of wrong
//! ones.

use mlinfra_check::{Checked, check};

use crate::world::{Memory, check_text, check_with, codes_at, findings};

/// The addresses of all blocks.
fn addresses(checked: &Checked) -> Vec<String> {
    let blocks = checked.program.blocks.iter();
    blocks.map(|block| block.address.to_string()).collect()
}

/// The addresses of a spec without findings.
fn made(text: &str) -> Vec<String> {
    let checked = check_text(text);
    assert_eq!(findings(&checked), Vec::<String>::new(), "{text}");
    addresses(&checked)
}

/// The codes of a text's findings, with what each points at.
fn faults(text: &str) -> Vec<(String, String)> {
    codes_at(&check_text(text))
}

fn fault(code: &str, at: &str) -> (String, String) {
    (code.to_owned(), at.to_owned())
}

/// An output as text.
fn output(checked: &Checked, name: &str) -> String {
    let output = checked.program.outputs.get(name);
    output.map_or("nothing".to_owned(), |output| output.value.to_string())
}

const SHELF: &str = "\
component shelf on target {
  param size: bytes = 1 GiB
  param keep: duration?
  storage main { capacity = size, retention = keep }
  key lock { rotation = keep }
  output place = main
  output room  = main.capacity
}
target here = local()
";

#[test]
fn an_instance_makes_the_blocks_of_its_component() {
    let text = format!(
        "{SHELF}shelf small on here {{}}\nshelf large on here {{ size = 5 GiB, keep = 30 days }}\n\
         output room = large.room\noutput first = small.place\noutput called = small.name\n"
    );
    let checked = check_text(&text);
    assert_eq!(findings(&checked), Vec::<String>::new());
    assert_eq!(
        addresses(&checked),
        [
            "target.here",
            "small/storage.main",
            "small/key.lock",
            "large/storage.main",
            "large/key.lock"
        ]
    );
    let main = &checked.program.blocks[3];
    assert_eq!(
        main.place.as_ref().map(ToString::to_string),
        Some("target.here".to_owned())
    );
    assert_eq!(main.parent, None);
    assert_eq!(output(&checked, "room"), "5 GiB");
    assert_eq!(output(&checked, "first"), "small/storage.main");
    assert_eq!(output(&checked, "called"), "\"small\"");
}

#[test]
fn an_instance_is_held_against_its_parameters() {
    for (instance, wanted) in [
        ("shelf a on here { siez = 1 GiB }", fault("E0202", "siez")),
        (
            "shelf a on here { size = 1 GiB, size = 2 GiB }",
            fault("E0205", "size"),
        ),
        (
            "shelf a on here { size = \"much\" }",
            fault("E0301", "\"much\""),
        ),
        (
            "shelf a on here { storage b {} }",
            fault("E0108", "storage b {}"),
        ),
        ("shelf a { size = 1 GiB }", fault("E0213", "a")),
        ("shelf a on here = 4", fault("E0219", "4")),
        ("@protect\nshelf a on here {}", fault("E0220", "protect")),
        ("shlef a on here {}", fault("E0201", "shlef")),
        (
            "shelf a on here {}\noutput x = a.main",
            fault("E0310", "main"),
        ),
        (
            "shelf a on here {}\noutput x = a.palce",
            fault("E0310", "palce"),
        ),
        ("shelf a on here {}\noutput x = a", fault("E0301", "a")),
        (
            "pipeline p on q { shelf a on here {} }\npool q on here {}",
            fault("E0216", "shelf"),
        ),
    ] {
        assert_eq!(
            faults(&format!("{SHELF}{instance}\n")),
            [wanted],
            "{instance}"
        );
    }
    let text = "component c { param n: int\noutput m = n }\nc one {}\n";
    assert_eq!(faults(text), [fault("E0203", "one")]);
}

#[test]
fn the_conditions_of_a_parameter_hold_for_each_instance() {
    let text = "component c { param n: int { require n >= 2 else \"two at least\" }\n\
                output m = n }\n\
                c one { n = 2 }\nc two { n = 1 }\n";
    assert_eq!(faults(text), [fault("E0223", "1")]);
}

#[test]
fn a_component_sees_what_its_file_uses_and_nothing_else_of_it() {
    let outside = "storage lake on here {}\ntarget here = local()\n\
                   component c on target { storage a {}\noutput b = lake }\nc one on here {}\n";
    assert_eq!(faults(outside), [fault("E0112", "lake")]);
    let mut world = Memory::default();
    for (name, text) in [
        (
            "main.mlinfra",
            "use \"parts.mlinfra\".{shelf}\nuse \"parts.mlinfra\" as parts\ntarget here = local()\n\
             shelf a on here {}\nparts.shelf b on here {}\noutput all = a.size\n",
        ),
        (
            "parts.mlinfra",
            "use \"sizes.mlinfra\".{usual}\ncomponent shelf on target { inner deep {}\n\
             storage main { capacity = usual }\noutput size = usual }\n\
             component inner on target { key lock {} }\n",
        ),
        ("sizes.mlinfra", "let usual = 3 GiB\n"),
    ] {
        world
            .files
            .insert(name.to_owned(), text.as_bytes().to_vec());
    }
    let checked = check(&world, "main.mlinfra");
    assert_eq!(findings(&checked), Vec::<String>::new());
    assert_eq!(
        addresses(&checked),
        [
            "target.here",
            "a/deep/key.lock",
            "a/storage.main",
            "b/deep/key.lock",
            "b/storage.main"
        ]
    );
    assert_eq!(output(&checked, "all"), "3 GiB");
}

#[test]
fn what_is_wrong_in_a_component_is_said_once_and_without_an_instance_too() {
    let component = "component c on target {\n  param n: int\n  storage main { capcity = 1 GiB }\n\
                     key k { rotation = n }\n}\ntarget here = local()\n";
    let wanted = [fault("E0202", "capcity"), fault("E0305", "n")];
    for instances in [
        "",
        "c a on here { n = 1 }\nc b on here { n = 2 }\n",
        "c a on here for i in 1..3 { n = i }\n",
    ] {
        let found = faults(&format!("{component}{instances}"));
        assert_eq!(
            found
                .iter()
                .map(|(code, _)| code.as_str())
                .collect::<Vec<_>>(),
            wanted
                .iter()
                .map(|(code, _)| code.as_str())
                .collect::<Vec<_>>(),
            "{instances}: {found:?}"
        );
    }
}

#[test]
fn elements_have_their_keys_in_their_addresses() {
    let head = "target here = local()\n";
    for (block, wanted) in [
        (
            "storage lake on here for r in [\"eu\", \"us\"] {}",
            vec!["storage.lake[\"eu\"]", "storage.lake[\"us\"]"],
        ),
        (
            "storage lake on here for n in 0..1 {}",
            vec!["storage.lake[0]", "storage.lake[1]"],
        ),
        (
            "storage lake on here for n in [7, 3] {}",
            vec!["storage.lake[7]", "storage.lake[3]"],
        ),
        (
            "storage lake on here for n, size in ({ a = 1 GiB, b = 2 GiB }) { capacity = size }",
            vec!["storage.lake[\"a\"]", "storage.lake[\"b\"]"],
        ),
        (
            "param all: list(enum(red, blue)) = [blue, red]\nstorage lake on here for c in all {}",
            vec!["storage.lake[\"blue\"]", "storage.lake[\"red\"]"],
        ),
        (
            "storage lake on here for n in 1..4 when n != 2 {}",
            vec!["storage.lake[1]", "storage.lake[3]", "storage.lake[4]"],
        ),
        (
            "storage lake on here for n in [x for x in 1..3 when x > 3] {}",
            vec![],
        ),
        (
            "storage lake on here for n in [\"a\", \"b\"] {}\nkey k on here for n, l in lake {}\n\
             key every on here for l in lake when l.capacity == none {}",
            vec![
                "storage.lake[\"a\"]",
                "storage.lake[\"b\"]",
                "key.k[\"a\"]",
                "key.k[\"b\"]",
                "key.every[\"a\"]",
                "key.every[\"b\"]",
            ],
        ),
    ] {
        let mut all = made(&format!("{head}{block}\n"));
        all.remove(0);
        assert_eq!(all, wanted, "{block}");
    }
}

#[test]
fn all_elements_together_are_a_map() {
    let text = "target here = local()\n\
        storage lake on here for n, size in ({ small = 1 GiB, large = 4 GiB }) \
        { capacity = size }\n\
        output one = lake[\"large\"].capacity\noutput full = storage.lake[\"small\"].capacity\n\
        output every = [l.capacity for l in lake]\n\
        output keys = [n for n, l in lake]\noutput number = count(lake)\n";
    let checked = check_text(text);
    assert_eq!(findings(&checked), Vec::<String>::new());
    assert_eq!(output(&checked, "one"), "4 GiB");
    assert_eq!(output(&checked, "full"), "1 GiB");
    assert_eq!(output(&checked, "every"), "[4 GiB, 1 GiB]");
    assert_eq!(output(&checked, "keys"), "[\"large\", \"small\"]");
    assert_eq!(output(&checked, "number"), "2");
}

#[test]
fn instances_repeat_too() {
    let text = format!(
        "{SHELF}shelf all on here for n in 1..2 {{ size = n * 1 GiB }}\n\
         output rooms = [s.room for s in all]\noutput second = all[2].room\n"
    );
    let checked = check_text(&text);
    assert_eq!(findings(&checked), Vec::<String>::new());
    assert_eq!(
        addresses(&checked)[1..],
        [
            "all[1]/storage.main",
            "all[1]/key.lock",
            "all[2]/storage.main",
            "all[2]/key.lock"
        ]
    );
    assert_eq!(output(&checked, "rooms"), "[1 GiB, 2 GiB]");
    assert_eq!(output(&checked, "second"), "2 GiB");
}

#[test]
fn what_stands_where_it_is_written_stays_there() {
    let text = "target a = local()\nstorage s on a for n in 1..2 {}\ntarget b = local()\n\
                key k on b for n in 1..2 {}\n";
    assert_eq!(
        made(text),
        [
            "target.a",
            "storage.s[1]",
            "storage.s[2]",
            "target.b",
            "key.k[1]",
            "key.k[2]"
        ]
    );
}

#[test]
fn a_for_that_can_not_be_carried_out_is_refused() {
    let head = "target here = local()\n";
    for (block, wanted) in [
        (
            "storage s on here for n in [\"a\", \"b\", \"a\"] {}",
            fault("E0113", "\"a\""),
        ),
        (
            "storage s on here for n in [1.5, 2] {}",
            fault("E0114", "1.5"),
        ),
        ("storage s on here for n in 4 {}", fault("E0301", "4")),
        (
            "storage s on here for n in 1..1_000_000 {}",
            fault("E0322", "1..1_000_000"),
        ),
        (
            "storage s on here for here in [\"a\"] {}",
            fault("E0211", "here"),
        ),
        (
            "storage s on here for n in [\"a\"] {}\noutput x = s[\"b\"]",
            fault("E0325", "\"b\""),
        ),
        (
            "storage s on here for n in count(all(storage))..2 {}",
            fault("E0116", "storage"),
        ),
        ("let x for n in 1..2 = 4", fault("E0224", "for n in 1..2")),
    ] {
        assert_eq!(faults(&format!("{head}{block}\n")), [wanted], "{block}");
    }
    let circle = "target here = local()\nstorage a on here for n, x in b {}\n\
                  storage b on here for n, y in a {}\n";
    let codes: Vec<String> = faults(circle).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["E0316"], "{:?}", faults(circle));
}

const TWO: &str = "param where: enum(tpu, cluster) = cluster\nparam both: bool = false\n\
    target a = local()\nstorage chips on a when where == tpu {}\n\
    storage nodes on a when where == cluster {}\n";

#[test]
fn what_is_left_out_is_not_in_the_program() {
    assert_eq!(made(TWO), ["target.a", "storage.nodes"]);
    let text = format!("{TWO}let one = chips ?? nodes\nkey k on a {{}}\noutput x = one\n");
    let tpu = check_with(&text, &[("where", "tpu")]);
    assert_eq!(findings(&tpu), Vec::<String>::new());
    assert_eq!(addresses(&tpu), ["target.a", "storage.chips", "key.k"]);
    assert_eq!(output(&tpu, "x"), "storage.chips");
    assert_eq!(output(&check_text(&text), "x"), "storage.nodes");
}

#[test]
fn a_reference_to_what_may_be_absent_may_be_absent() {
    for (more, wanted) in [
        (
            "output x = nodes.capacity",
            Some(fault("E0309", "capacity")),
        ),
        (
            "output x = if where == cluster then nodes.capacity else none",
            None,
        ),
        ("output x when where == cluster = nodes.capacity", None),
        ("output x when where == tpu and both = chips.capacity", None),
        (
            "output x when both = chips.capacity",
            Some(fault("E0309", "capacity")),
        ),
        ("output x = [chips, nodes]", None),
        (
            "target t when where == tpu = local()\nkey k on t {}",
            Some(fault("E0115", "t")),
        ),
        (
            "target t when where == tpu = local()\nkey k on t when where == tpu {}",
            None,
        ),
        (
            "target t when where == cluster = local()\nkey k on t {}",
            None,
        ),
        (
            "storage s on a when wehre {}",
            Some(fault("E0302", "wehre")),
        ),
        ("storage s on a when 4 {}", Some(fault("E0301", "4"))),
        (
            "storage s on a when where == tpu { capcity = 4 GiB }",
            Some(fault("E0202", "capcity")),
        ),
        (
            "storage s on a when s.capacity != none {}",
            Some(fault("E0316", "s")),
        ),
        ("let x when both = 4", Some(fault("E0224", "both"))),
    ] {
        let found = faults(&format!("{TWO}{more}\n"));
        assert_eq!(found, wanted.into_iter().collect::<Vec<_>>(), "{more}");
    }
}

#[test]
fn what_is_absent_drops_out_of_lists() {
    let text = format!(
        "{TWO}output x = [chips, nodes]\noutput n = count([chips, nodes])\n\
        test all {{ require count(all(storage)) == 1 }}\n"
    );
    let checked = check_text(&text);
    assert_eq!(findings(&checked), Vec::<String>::new());
    assert_eq!(output(&checked, "x"), "[storage.nodes]");
    assert_eq!(output(&checked, "n"), "1");
}

#[test]
fn an_absent_instance_takes_its_blocks_along() {
    let text = format!(
        "{SHELF}param wanted: bool = false\nshelf a on here when wanted {{}}\n\
         output x when wanted = a.room\n"
    );
    assert_eq!(made(&text), ["target.here"]);
    let wanted = check_with(&text, &[("wanted", "true")]);
    assert_eq!(
        addresses(&wanted),
        ["target.here", "a/storage.main", "a/key.lock"]
    );
    assert_eq!(output(&wanted, "x"), "1 GiB");
}

#[test]
fn values_of_what_is_left_out_are_not_judged() {
    let text = "param regions: list(string) = [\"eu\"]\ntarget here = local()\n\
        storage second on here when count(regions) > 1 { capacity = length(regions[1]) * 1 GiB }\n";
    assert_eq!(made(text), ["target.here"]);
}

#[test]
fn components_that_never_end_are_refused_at_once() {
    let itself = "component a { b x {} }\ncomponent b { a y {} }\na z {}\n";
    assert_eq!(faults(itself), [fault("E0111", "a")]);
    let chain = |each: usize, count: usize| {
        let mut text = String::new();
        for number in 0..count {
            let inner = (0..each).map(|place| format!("c{} i{place} {{}}\n", number + 1));
            text += &format!("component c{number} {{\n{}}}\n", inner.collect::<String>());
        }
        text + &format!("component c{count} {{ param n: int = 1 }}\nc0 all {{}}\n")
    };
    for (each, count) in [(1, 1_000), (2, 60)] {
        let codes: Vec<String> = faults(&chain(each, count))
            .into_iter()
            .map(|(code, _)| code)
            .collect();
        assert_eq!(codes, ["E0322"], "{each} {count}");
    }
    assert_eq!(faults(&chain(1, 20)), []);
    let wide = "component c on target { storage s for n in 1..1000 {} }\ntarget here = local()\n\
                c many on here for n in 1..1000 {}\n";
    let codes: Vec<String> = faults(wide).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["E0322"]);
}

const DATA: &str = "target here = local()\nstorage lake on here {}\n\
    pool worker on here { cpus >= 1 }\n\
    dataset people for part in [\"a\", \"b\"] {\n  from = file(\"p.csv\"), keep = lake\n  \
    columns { age : int, good : bool @label }\n}\n";

#[test]
fn tables_and_steps_repeat() {
    let text = format!(
        "{DATA}pipeline risk on worker for part in [\"a\", \"b\"] {{\n\
         step clean = derive(people[part]) {{ old = age > 60 }}\n\
         step parts = split(clean, stratify = good, seed = 1) {{ train = 80%, test = 20% }}\n\
         step model for n in 1..2 = train(parts.train, label = good) \
         {{ architecture = linear, epochs = n }}\n\
         step report for n, m in model = evaluate(m, parts.test) {{ require auc >= 0.5 }}\n\
         step release = register(model[2], name = part, gate = report[2])\n}}\n\
         endpoint score on worker for name, r in risk \
         {{ model = r.release, port = 8700 + length(name) }}\n"
    );
    let checked = check_text(&text);
    assert_eq!(findings(&checked), Vec::<String>::new());
    let all = addresses(&checked);
    for wanted in [
        "dataset.people[\"b\"]",
        "risk[\"b\"]/step.clean",
        "risk[\"a\"]/step.model[2]",
        "endpoint.score[\"a\"]",
    ] {
        assert!(all.iter().any(|one| one == wanted), "{wanted}: {all:?}");
    }
    assert_eq!(all.len(), 3 + 2 + 2 * 8 + 2);
}

#[test]
fn a_step_may_be_left_out() {
    let text = "param check: bool = false\ntarget here = local()\n\
        pool worker on here { cpus >= 1 }\n\
        storage lake on here {}\n\
        dataset people { from = file(\"p.csv\"), keep = lake\n\
        columns { age : int, good : bool @label } }\n\
        pipeline risk on worker {\n\
        step parts = split(people, stratify = good, seed = 1) { train = 80%, test = 20% }\n\
        step model = train(parts.train, label = good) { architecture = linear }\n\
        step report when check = evaluate(model, parts.test) { require auc >= 0.5 }\n\
        step release = register(model, name = \"risk\", gate = report)\n}\n";
    let absent = check_text(text);
    assert_eq!(findings(&absent), Vec::<String>::new());
    assert_eq!(absent.program.blocks.len(), 8);
    let present = check_with(text, &[("check", "true")]);
    assert_eq!(findings(&present), Vec::<String>::new());
    assert_eq!(present.program.blocks.len(), 9);
}

#[test]
fn a_component_takes_and_gives_tables_models_and_blocks() {
    let text = "component fit on pool {\n  param data: dataset\n  param keep: storage\n  \
        param name: string\n\
        pipeline work {\n\
        step parts = split(data, stratify = good, seed = 1) { train = 80%, test = 20% }\n\
        step model = train(parts.train, label = good) { architecture = linear }\n\
        step report = evaluate(model, parts.test) { require auc >= 0.5 }\n\
        step release = register(model, name = name, gate = report)\n}\n\
        endpoint main { model = work.release }\n\
        output url = main.url\noutput model = work.release\n}\n";
    let spec = format!(
        "{text}{DATA}fit one on worker {{ data = people[\"a\"], keep = lake, name = \"x\" }}\n\
         output url = one.url\nendpoint second on worker {{ model = one.model, port = 8711 }}\n"
    );
    assert_eq!(findings(&check_text(&spec)), Vec::<String>::new());
    // Without an instance, what depends on what is given is not said.
    assert_eq!(
        findings(&check_text(&format!("{text}{DATA}"))),
        Vec::<String>::new()
    );
    let wrong = spec.replace("label = good)", "label = godo)");
    let codes: Vec<String> = faults(&wrong).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes.len(), 1, "{codes:?}");
}

#[test]
fn a_match_on_the_condition_knows_what_is_there() {
    let text = format!(
        "{TWO}output x = match where {{ tpu => chips.capacity, cluster => nodes.capacity }}\n\
         output y = match where {{ cluster => nodes.capacity, _ => none }}\n"
    );
    assert_eq!(faults(&text), []);
    let wrong = format!("{TWO}output x = match where {{ cluster => chips.capacity, _ => none }}\n");
    assert_eq!(faults(&wrong), [fault("E0309", "capacity")]);
}

#[test]
fn a_finding_says_in_which_instance_it_is() {
    let text =
        "component c { param n: int\noutput m = [1, 2][n] }\nc one { n = 1 }\nc two { n = 7 }\n";
    let checked = check_text(text);
    assert_eq!(codes_at(&checked), [fault("E0325", "n")]);
    let also = &checked.diagnostics[0].others;
    let span = also[0].span;
    assert_eq!(&text[span.start as usize..span.end as usize], "two");
}
