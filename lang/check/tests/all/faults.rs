//! Faults in the credit example: each is found at its own text, and has no child.

use crate::world::{CREDIT, check_text, codes_at, findings};

/// The example with each text replaced by another; each must be there.
fn credit_with(changes: &[(&str, &str)]) -> String {
    let mut text = CREDIT.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    text
}

/// A text of the example, what stands instead, and the code and the text of the one finding.
const ONE_FAULT: &[(&str, &str, &str, &str)] = &[
    ("country = \"DE\"", "country = \"US\"", "E0506", "\"US\""),
    ("country = \"DE\"", "", "E0507", "here"),
    ("capacity   = 2 GiB", "capacity: 2GiB", "E0012", ":"),
    ("class      = ssd", "class: ssd", "E0108", "class"),
    ("capacity   = 2 GiB", "capcity = 2 GiB", "E0202", "capcity"),
    ("capacity   = 2 GiB", "capacity = 2 h", "E0304", "2 h"),
    ("capacity   = 2 GiB", "capacity = 2", "E0305", "2"),
    ("capacity   = 2 GiB", "capacity = 2 Gib", "E0306", "Gib"),
    ("capacity   = 2 GiB", "capacity = 1 GiB + 3 h", "E0303", "+"),
    ("class      = ssd", "class = sdd", "E0315", "sdd"),
    ("class      = ssd", "class ssd", "E0204", "class"),
    ("keep     = lake", "keep = lak", "E0302", "lak"),
    ("keep     = lake", "keep = vault", "E0301", "vault"),
    (
        "keep     = lake",
        "keep = lake\n  keep = lake",
        "E0205",
        "keep",
    ),
    ("storage lake on", "storag lake on", "E0201", "storag"),
    ("storage lake on here", "storage lake", "E0213", "lake"),
    (
        "pool worker on here",
        "pool worker on vault",
        "E0215",
        "vault",
    ),
    ("cpus   >= 2", "cpus >= 2 GiB", "E0304", "2 GiB"),
    (
        "= drop_nulls(applicants)",
        "= drop_null(applicants)",
        "E0401",
        "drop_null",
    ),
    (
        "= drop_nulls(applicants)",
        "= drop_nulls(applicant)",
        "E0302",
        "applicant",
    ),
    (
        "= drop_nulls(applicants)",
        "= drop_nulls(parts)",
        "E0316",
        "people",
    ),
    (
        "age             = bucket(5)",
        "agee = bucket(5)",
        "E0417",
        "agee",
    ),
    (
        "telephone       = drop",
        "telephone = bucket(5)",
        "E0416",
        "bucket(5)",
    ),
    (
        "good     = credit == 1",
        "good = credti == 1",
        "E0417",
        "credti",
    ),
    (
        "good     = credit == 1",
        "good = credit == \"1\"",
        "E0317",
        "==",
    ),
    ("age_band = if", "age = if", "E0411", "age"),
    ("stratify = good", "stratify = god", "E0417", "god"),
    ("test = 20%", "test = 10%", "E0422", "split"),
    ("label = good", "label = month", "E0418", "month"),
    ("credit          = drop", "", "E0501", "parts.train"),
    ("exclude      = [sex, ", "exclude = [sx, ", "E0417", "sx"),
    ("epochs       = 30", "epochs = 0", "E0319", "0"),
    ("epochs       = 30", "epoch = 30", "E0202", "epoch"),
    (
        "architecture = mlp(hidden = [32, 16])",
        "",
        "E0203",
        "train",
    ),
    (
        "mlp(hidden = [32, 16])",
        "mlp(hiden = [32, 16])",
        "E0313",
        "hiden",
    ),
    ("every(5 epochs)", "every(5 GiB)", "E0304", "5 GiB"),
    ("parts.test)", "parts.tst)", "E0310", "tst"),
    ("parts.test)", "parts)", "E0301", "parts"),
    ("gate = report", "gate = model", "E0301", "model"),
    (
        "model    = risk.release",
        "model = risk.model",
        "E0301",
        "risk.model",
    ),
    ("model    = risk.release", "", "E0203", "score"),
    ("port     = 8080", "port = 80_80_80", "E0319", "80_80_80"),
    ("replicas = replicas", "replicas = \"2\"", "E0301", "\"2\""),
    (
        "output url = score.url",
        "output url = score.uri",
        "E0310",
        "uri",
    ),
    (
        "output url = score.url",
        "output url = scor.url",
        "E0302",
        "scor",
    ),
    ("column", "colum", "E0201", "colums"),
];

#[test]
fn one_fault_is_one_finding_at_its_text() {
    let mut wrong = Vec::new();
    for (from, to, code, at) in ONE_FAULT {
        let checked = check_text(&credit_with(&[(from, to)]));
        if codes_at(&checked) != [((*code).to_owned(), (*at).to_owned())] {
            wrong.push(format!(
                "{from} → {to}, {code} at {at}: {:?}",
                findings(&checked)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_circle_is_one_finding_that_prints_its_path() {
    let text = credit_with(&[("= drop_nulls(applicants)", "= drop_nulls(masked)")]);
    let checked = check_text(&text);
    let found = findings(&checked);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("clean → masked → people → clean")
            || found[0].contains("→ masked → people"),
        "{}",
        found[0]
    );
    let stores = "target here = local()\nkey a on here {}\n";
    assert_eq!(findings(&check_text(stores)), Vec::<String>::new());
}

#[test]
fn five_faults_are_five_findings() {
    let text = credit_with(&[
        ("capacity   = 2 GiB", "capcity = 2 GiB"),
        ("rotation = 90 days", "rotation = 90 GiB"),
        ("keep     = lake", "keep     = like"),
        ("storage lake", "storage vault"),
        ("age             = bucket(5)", "agee            = bucket(5)"),
        ("port     = 8080", "port     = 0"),
    ]);
    let mut found = codes_at(&check_text(&text));
    found.sort();
    let wanted = [
        ("E0202", "capcity"),
        ("E0210", "vault"),
        ("E0302", "like"),
        ("E0304", "90 GiB"),
        ("E0319", "0"),
        ("E0417", "agee"),
    ];
    let wanted: Vec<(String, String)> = wanted
        .iter()
        .map(|(code, at)| ((*code).to_owned(), (*at).to_owned()))
        .collect();
    assert_eq!(found, wanted);
}

#[test]
fn a_syntax_error_in_one_block_takes_nothing_from_the_others() {
    let text = credit_with(&[
        (
            "columns {\n    status            : category ",
            "columns {\n    status            : ",
        ),
        ("port     = 8080", "prt      = 8080"),
    ]);
    let checked = check_text(&text);
    let found = codes_at(&checked);
    assert!(
        found
            .iter()
            .any(|(code, at)| code == "E0202" && at == "prt"),
        "{found:?}"
    );
    assert!(
        found
            .iter()
            .filter(|(code, _)| code.as_str() >= "E0100")
            .count()
            == 1,
        "{found:?}"
    );
}

#[test]
fn a_finding_says_why_and_what_to_do_and_offers_the_edit() {
    let text = credit_with(&[("age             = bucket(5)", "agee = bucket(5)")]);
    let checked = check_text(&text);
    let finding = &checked.diagnostics[0];
    assert_eq!(finding.title, "a column does not exist in this table");
    let fix = finding.fix.as_ref().expect("an edit");
    assert_eq!(fix.title, "agee → age");
    let mut mended = text.clone();
    let edit = &fix.edits[0];
    mended.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.text);
    assert_eq!(findings(&check_text(&mended)), Vec::<String>::new());
}

#[test]
fn the_edit_for_a_leak_excludes_the_column() {
    let text = credit_with(&[("    credit          = drop\n", "")]);
    let checked = check_text(&text);
    let finding = &checked.diagnostics[0];
    assert_eq!(finding.code.0, "E0501");
    assert!(!finding.others.is_empty());
    let edit = &finding.fix.as_ref().expect("an edit").edits[0];
    let mut mended = text.clone();
    mended.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.text);
    assert!(mended.contains("foreign_worker, credit]"));
    assert_eq!(findings(&check_text(&mended)), Vec::<String>::new());
}

#[test]
fn what_would_have_no_effect_is_refused() {
    for (text, code, at) in [
        (
            "project demo { @keep\n  owner = \"a\"\n}\n",
            "E0220",
            "keep",
        ),
        ("@keep\nlet a = 1\n", "E0220", "keep"),
        (
            "target here = local()\n@keeps\nkey vault on here\n",
            "E0220",
            "keeps",
        ),
        ("component c on d {}\n", "E0201", "d"),
        ("policy p { }\n", "E0511", "p"),
        ("kind lake on here {}\n", "E0107", "kind"),
        (
            "target here = local()\nlet a when true = 1\n",
            "E0224",
            "true",
        ),
    ] {
        let checked = check_text(text);
        assert_eq!(
            codes_at(&checked),
            [(code.to_owned(), at.to_owned())],
            "{text}"
        );
    }
    let on_a_machine = credit_with(&[("cpus   >= 2", "require cpus >= 2")]);
    let found = codes_at(&check_text(&on_a_machine));
    assert_eq!(
        found,
        [("E0106".to_owned(), "require cpus >= 2".to_owned())]
    );
}

#[test]
fn each_leaking_column_is_named() {
    let text = credit_with(&[
        ("    credit          = drop\n", ""),
        (
            "    good     = credit == 1\n",
            "    good     = credit == 1\n    bad      = credit == 2\n",
        ),
    ]);
    let checked = check_text(&text);
    let found = findings(&checked);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].contains("`credit`") && found[1].contains("`bad`"),
        "{found:?}"
    );
}

#[test]
fn a_label_that_may_be_missing_is_refused() {
    let text = credit_with(&[
        (
            "    credit            : int        @label",
            "    credit            : int?       @label",
        ),
        (
            "drop_nulls(applicants)",
            "mask(applicants) { telephone = drop }",
        ),
        ("    telephone       = drop\n", ""),
    ]);
    let checked = check_text(&text);
    let found = codes_at(&checked);
    assert_eq!(
        found,
        [("E0418".to_owned(), "good".to_owned())],
        "{:?}",
        findings(&checked)
    );
}

/// A change, and the last help of its one finding, with the text that its edit puts there.
const ADVICE: &[(&str, &str, &str, Option<&str>)] = &[
    (
        "8080",
        "\"8080\"",
        "write it without quotes: `8080`",
        Some("8080"),
    ),
    (
        "8080",
        "\"http\"",
        "write a whole number, without quotes",
        None,
    ),
    (
        "= api_key",
        "= \"open\"",
        "write it without quotes: `open`",
        Some("open"),
    ),
    (
        "= api_key",
        "= 3",
        "write one of `api_key`, `open` and `mtls`",
        None,
    ),
    (
        "every(5 epochs)",
        "5 epochs",
        "write `every(5 epochs)`",
        None,
    ),
    (
        "mlp(hidden = [32, 16])",
        "3",
        "write one of `linear` and `mlp([16])`",
        None,
    ),
    (
        "keep     = lake",
        "keep = vault",
        "name a `storage`: `lake`",
        None,
    ),
    (
        "gate = report",
        "gate = model",
        "name a step that gives a report: `risk.report`",
        None,
    ),
    (
        "parts.test)",
        "parts)",
        "name one behind a point: `train` and `test`",
        None,
    ),
    (
        "= risk.release",
        "= risk.model",
        "name a step that registers a model: `risk.release`",
        None,
    ),
];

#[test]
fn what_does_not_fit_is_told_what_would() {
    for (from, to, help, edit) in ADVICE {
        let checked = check_text(&credit_with(&[(from, to)]));
        let [finding] = checked.diagnostics.as_slice() else {
            panic!("{to}: {:?}", findings(&checked));
        };
        assert_eq!(finding.code.0, "E0301", "{to}");
        assert_eq!(finding.help.last().map(String::as_str), Some(*help), "{to}");
        let found = finding.fix.as_ref().map(|fix| fix.edits[0].text.as_str());
        assert_eq!(found, *edit, "{to}");
    }
}

#[test]
fn a_project_that_names_no_region_allows_every_country() {
    for (from, to) in [("residency = [eu]", ""), ("[eu]", "[eu, us]")] {
        let us = ("country = \"DE\"", "country = \"US\"");
        // The pack for data about people asks for regions.
        let text = credit_with(&[(from, to), us, ("comply    = [gdpr]", "")]);
        assert_eq!(findings(&check_text(&text)), Vec::<String>::new(), "{to}");
    }
    let unsaid = check_text(&credit_with(&[("country = \"DE\"", "")]));
    assert!(!unsaid.has_errors());
}
