//! What people new to the language write: one finding that says what to do, and an edit where it is
//! sure.

use mlinfra_check::Checked;

use crate::world::{CREDIT, check_text, codes_at, findings, shown};

/// The example with one text replaced by another, which must be there.
fn with(from: &str, to: &str) -> String {
    assert!(CREDIT.contains(from), "{from}");
    CREDIT.replacen(from, to, 1)
}

/// The text once the edits of all its findings were made.
fn mended(text: &str, checked: &Checked) -> String {
    let mut mended = text.to_owned();
    let all = checked.diagnostics.iter().rev();
    for edit in all.flat_map(|finding| finding.fix.iter().flat_map(|fix| &fix.edits)) {
        mended.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.text);
    }
    mended
}

/// A text of the example, what stands instead, the one finding, what its help says, and whether its
/// edit mends it.
const MISTAKES: &[(&str, &str, &str, &str, bool)] = &[
    (
        "savings           : category?",
        "savings : category | null",
        "E0419 at \"category | null\": a column has exactly one type",
        "write `category?`",
        true,
    ),
    (
        "savings           : category?",
        "savings : int | category",
        "E0419 at \"int | category\": a column has exactly one type",
        "name one of `int`, `float`",
        false,
    ),
    (
        "evaluate(model, parts.test)",
        "evaluate(parts.train, parts.test)",
        "E0301 at \"parts.train\": this is a table, and a trained model belongs here",
        "name a step that fits a model: `risk.model`",
        false,
    ),
    (
        "model    = risk.release",
        "model    = risk.model",
        "E0301 at \"risk.model\": this is a trained model, and a release belongs here",
        "name a step that registers a model: `risk.release`",
        false,
    ),
    (
        "gate = report",
        "gate = \"report\"",
        "E0301 at \"\\\"report\\\"\": this is a string, and a list of reports belongs here",
        "name a step that gives a report: `risk.report`",
        false,
    ),
    (
        "replicas = replicas",
        "replicas = \"two\"",
        "E0301 at \"\\\"two\\\"\": this is a string, and a whole number belongs here",
        "write a whole number",
        false,
    ),
    (
        "class      = ssd",
        "class = 3",
        "E0301 at \"3\": this is a whole number, and one of `ssd`, `nvme`, `object` and `file` \
         belongs here",
        "write one of",
        false,
    ),
    (
        "checkpoint   = every(5 epochs)",
        "checkpoint = [every(5 epochs)]",
        "E0301 at \"[every(5 epochs)]\": this is a list of checkpoints, and a checkpoint belongs \
         here",
        "write `every(5 epochs)`",
        false,
    ),
    (
        "  model    = risk.release\n",
        "",
        "E0203 at \"score\": this `endpoint` says nothing of its `model`",
        "name a step that registers a model: `risk.release`",
        false,
    ),
    (
        "name = \"credit-risk\"",
        "name = \"${project.name}\"",
        "E0310 at \"name\": no `project` is named `name`",
        "a block is called by its own name, not by its kind: `credit.name`",
        true,
    ),
    (
        "keep     = lake",
        "keep     = storage.lak",
        "E0310 at \"lak\": no `storage` is named `lak`",
        "did you mean `lake`?",
        true,
    ),
    (
        "file(\"german_credit.csv\")",
        "file(\"https://example.com/german_credit.csv\")",
        "E0319 at \"\\\"https://example.com/german_credit.csv\\\"\": only files are read: \
         download it, and name the copy",
        "",
        false,
    ),
    (
        "file(\"german_credit.csv\")",
        "file(\"/etc/passwd\")",
        "E0319 at \"\\\"/etc/passwd\\\"\": only files in the spec's folder are read: copy it there",
        "",
        false,
    ),
    (
        "file(\"german_credit.csv\")",
        "file(\"data/../../x.csv\")",
        "E0319 at \"\\\"data/../../x.csv\\\"\": only files in the spec's folder are read: copy \
         it there",
        "",
        false,
    ),
    (
        "limit   = 50 USD/month",
        "limit   = -50 USD/month",
        "E0319 at \"-50 USD/month\": a limit is never negative",
        "",
        false,
    ),
    (
        "capacity   = 2 GiB",
        "capacity = = 2 GiB",
        "E0020 at \"=\": a field takes one `=`",
        "",
        true,
    ),
    (
        "capacity   = 2 GiB",
        "capacity\u{a0}= 2 GiB",
        "E0001 at \"\\u{a0}\": this is U+00A0, a no-break space",
        "",
        true,
    ),
    (
        "\"credit-risk\"",
        "“credit-risk”",
        "E0019 at \"“credit-risk”\": these quotes come from a word processor",
        "",
        true,
    ),
    (
        "\"credit-risk\"",
        "„credit-risk\"",
        "E0019 at \"„credit-risk\\\"\": these quotes come from a word processor",
        "",
        true,
    ),
];

#[test]
fn one_mistake_is_one_finding_that_says_what_to_do() {
    let mut wrong = Vec::new();
    for (from, to, finding, help, is_mended) in MISTAKES {
        let text = with(from, to);
        let checked = check_text(&text);
        let said: Vec<&String> = checked.diagnostics.iter().flat_map(|d| &d.help).collect();
        if findings(&checked) != [*finding]
            || !said.iter().any(|one| one.contains(help)) && !help.is_empty()
        {
            wrong.push(format!("{to}: {:?} {said:?}", findings(&checked)));
        }
        let again = check_text(&mended(&text, &checked));
        if *is_mended && !again.diagnostics.is_empty() {
            wrong.push(format!("{to} is not mended: {:?}", findings(&again)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn outputs_of_endpoints_and_monitors_can_be_named() {
    let more = "output url = score.url\noutput a = score.scrape\noutput b = health.rule_files";
    let checked = check_text(&with("output url = score.url", more));
    assert_eq!(findings(&checked), Vec::<String>::new());
}

#[test]
fn a_file_of_another_format_is_one_finding() {
    for (text, what) in [
        (
            "project: credit\nstorage:\n  lake:\n    capacity: 2GiB\n",
            "E0109 at \"project: credit\": this looks like YAML",
        ),
        (
            "\u{feff}# mine\n{\n  \"storage\": {}\n}\n",
            "E0109 at \"{\": this looks like JSON",
        ),
        (
            "[storage]\ncapacity = 2\n",
            "E0109 at \"[storage]\": this looks like TOML",
        ),
    ] {
        let checked = check_text(text);
        assert_eq!(findings(&checked), [what]);
        let help = &checked.diagnostics[0].help;
        let written = help.iter().any(|one| one.contains("`"));
        assert!(written, "{help:?}");
    }
}

#[test]
fn a_name_in_a_line_that_can_not_be_read_is_not_missed() {
    for (from, to) in [
        ("pool worker on here {", "pool wor}ker on here {"),
        ("storage lake on here {", "storage l@ake on here {"),
        ("dataset applicants {", "dataset appli@cants {"),
        ("  step people =", "  step peo(ple ="),
    ] {
        let twice = with(from, &format!("{to}\n}}\n{to}"));
        for text in [with(from, to), twice] {
            let checked = check_text(&text);
            let children = checked.diagnostics.iter();
            let children = children.filter(|f| matches!(f.code.0, "E0302" | "E0311"));
            let children: Vec<String> = children.map(|finding| shown(&checked, finding)).collect();
            assert_eq!(children, Vec::<String>::new(), "{to}");
            assert!(checked.has_errors(), "{to}");
        }
    }
    // Elsewhere a name that nothing has is still one.
    let text =
        with("owner     =", "owner     = =").replacen("keep     = lake", "keep = nowhere", 1);
    let codes: Vec<String> = codes_at(&check_text(&text))
        .into_iter()
        .map(|at| at.0)
        .collect();
    assert_eq!(codes, ["E0020", "E0302"]);
}

#[test]
fn a_region_is_offered_where_every_target_lies_in_it() {
    for (country, is_offered) in [("DE", true), ("US", false), ("GB", false)] {
        let text = with("  residency = [eu]\n", "");
        let text = text.replacen("country = \"DE\"", &format!("country = \"{country}\""), 1);
        let checked = check_text(&text);
        let missing = checked.diagnostics.iter().find(|f| f.code.0 == "E0514");
        let missing = missing.expect("nothing says where data may be");
        assert_eq!(missing.fix.is_some(), is_offered, "{country}");
        if is_offered {
            let again = check_text(&mended(&text, &checked));
            assert_eq!(findings(&again), Vec::<String>::new());
        }
    }
}
