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
        "E0301 at \"risk.model\": this is a trained model, and a release or a model belongs here",
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
        "E0301 at \"\\\"two\\\"\": this is a string, and a whole number or a range of whole \
         numbers belongs here",
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
    (
        "target here = local(country = \"DE\")",
        "target here = local",
        "E0507 at \"here\": nothing says in which country this is",
        "say where it is: `= local(country = \"DE\")`",
        false,
    ),
    (
        "target here = local(country = \"DE\")",
        "target here = local { country = \"DE\" }",
        "E0202 at \"country\": a `target` has no field `country`",
        "what it takes stands in parentheses: `local(country = \"DE\")`",
        true,
    ),
    (
        "target here = local(country = \"DE\")",
        "target here = local { place = \"DE\" }",
        "E0202 at \"place\": a `target` has no field `place`",
        "what it takes stands in parentheses: `local(country = …)`",
        false,
    ),
    (
        "country = \"DE\"",
        "country = \"Germany\"",
        "E0319 at \"\\\"Germany\\\"\": a country is written with two capital letters: `DE`",
        "",
        false,
    ),
    (
        "  purposes = [\"credit scoring\"]\n",
        "",
        "E0516 at \"\\\"credit scoring\\\"\": `applicants` names no purposes",
        "`purposes = [\"…\"]`",
        false,
    ),
    (
        "  basis    = contract\n",
        "",
        "E0517 at \"applicants\": `applicants` is about people, and nothing says why it may be \
         processed",
        "`legal_obligation`, `vital_interests`, `public_task` or `legitimate_interests`",
        false,
    ),
    (
        "  keep     = lake\n",
        "",
        "E0522 at \"applicants\": nothing says where `applicants`, which is about people, is kept",
        "name a storage: `keep = lake`",
        true,
    ),
    (
        "category?  @personal",
        "category?  @personal @people",
        "E0505 at \"people\": there is no data class `people`",
        "the classes are `health`, `identifier`,",
        false,
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

/// A project with a column about people, and what stands in its pipeline.
fn shop(steps: &str) -> String {
    format!(
        "project shop {{ comply = [gdpr], residency = [eu] }}\n\
         target here = local(country = \"DE\")\n\
         key vault on here\n\
         storage lake on here {{ encryption = customer(vault), retention = 90 days }}\n\
         dataset people {{\n  from = file(\"people.csv\")\n  keep = lake\n  \
         basis = contract\n  purposes = [\"scoring\"]\n  columns {{\n    \
         gender : category @personal @protected\n    phone : category @personal\n    \
         visits : int\n    good : bool @label\n  }}\n}}\n\
         pool worker on here\n\
         pipeline risk on worker {{\n  purpose = \"scoring\"\n{steps}}}\n"
    )
}

#[test]
fn a_column_that_a_later_step_needs_is_excluded_and_never_dropped() {
    let judged = "  step report = evaluate(model, parts.test) {\n    \
                  fairness { by = [gender] }\n  }\n";
    let derived = "  step more = derive(masked) { same = gender == \"a\" }\n";
    for (later, said) in [
        (judged, "exclude gender"),
        (derived, "exclude gender"),
        ("", "add `gender = drop` to step `masked`"),
    ] {
        let text = shop(&format!(
            "  step masked = mask(people) {{ phone = drop }}\n  \
             step parts = split(masked, stratify = good) {{ train = 80%, test = 20% }}\n  \
             step model = train(parts.train, label = good) {{\n    architecture = linear\n  }}\n\
             {later}"
        ));
        let checked = check_text(&text);
        let masked = checked.diagnostics.iter().find(|f| f.code.0 == "E0512");
        let fix = masked.and_then(|finding| finding.fix.as_ref());
        assert_eq!(fix.map(|fix| fix.title.as_str()), Some(said), "{later}");
        let again = check_text(&mended(&text, &checked));
        assert!(!again.has_errors(), "{:?}", findings(&again));
    }
}

#[test]
fn a_column_that_is_gone_is_shown_where_it_was_dropped() {
    let text = shop(
        "  step masked = mask(people) { phone = drop, gender = drop }\n  \
         step parts = split(masked, stratify = gender) { train = 80%, test = 20% }\n",
    );
    let checked = check_text(&text);
    let gone: Vec<_> = (checked.diagnostics.iter())
        .filter(|finding| finding.code.0 == "E0417")
        .collect();
    let [gone] = gone.as_slice() else {
        panic!("{:?}", findings(&checked));
    };
    assert_eq!(gone.others[0].text, "dropped in `masked`");
    let place = gone.others[0].span;
    assert_eq!(
        &text[place.start as usize..place.end as usize],
        "gender = drop"
    );
    assert!(gone.fix.is_none());
}

#[test]
fn where_no_block_of_a_kind_exists_an_example_is_one_line() {
    for (text, line) in [
        (
            "key a\nlet x = 3\nstorage lake on x {}\n",
            "target here = local",
        ),
        (
            "target there = local\nlet x = 3\ndataset d {\n  from = file(\"d.csv\")\n  \
             columns { good : bool @label }\n}\npipeline p on x {}\n",
            "pool mine on there",
        ),
    ] {
        let checked = check_text(text);
        let wrong = checked.diagnostics.iter().find(|f| f.code.0 == "E0215");
        let help = &wrong.expect("it is placed on a number").help;
        assert!(
            help.iter()
                .any(|one| one.contains(&format!("write `{line}`"))),
            "{help:?}"
        );
    }
}

#[test]
fn without_a_storage_an_example_declares_one() {
    let text = shop("").replace("  keep = lake\n", "");
    let text: Vec<&str> = (text.lines())
        .filter(|line| !line.starts_with("storage"))
        .collect();
    let checked = check_text(&text.join("\n"));
    let kept = checked.diagnostics.iter().find(|f| f.code.0 == "E0522");
    let help = &kept.expect("nothing says where it is kept").help;
    let line = "`storage lake on here { retention = 90 days }`";
    assert!(help.iter().any(|one| one.contains(line)), "{help:?}");
}
