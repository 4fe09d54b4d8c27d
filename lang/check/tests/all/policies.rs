//! Policies: those of the GDPR pack on the whole credit example, and those of a spec's own.

use mlinfra_check::{Checked, Fix, PolicyFinding, PolicyStatus, Severity};

use crate::world::{CREDIT, check_text, check_with, codes_at, findings};

/// The example with each text replaced by another; each must be there.
fn full_with(changes: &[(&str, &str)]) -> String {
    let mut text = CREDIT.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    text
}

/// The text with a fix applied.
fn mended(text: &str, fix: &Fix) -> String {
    let mut edits = fix.edits.clone();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.span.start));
    let mut text = text.to_owned();
    for edit in edits {
        let at = edit.span.start as usize..edit.span.end as usize;
        text.replace_range(at, &edit.text);
    }
    text
}

fn with_status(checked: &Checked, status: PolicyStatus) -> Vec<&PolicyFinding> {
    let all = checked.program.policies.iter();
    all.filter(|finding| finding.status == status).collect()
}

fn statuses(checked: &Checked, policy: &str) -> Vec<(String, PolicyStatus)> {
    let all = checked
        .program
        .policies
        .iter()
        .filter(|finding| finding.policy == policy);
    all.map(|finding| (finding.subject.to_string(), finding.status))
        .collect()
}

#[test]
fn the_whole_example_passes_what_a_machine_can_decide_and_names_the_rest() {
    let checked = check_text(CREDIT);
    assert_eq!(findings(&checked), Vec::<String>::new());
    let passed: Vec<String> = (with_status(&checked, PolicyStatus::Pass).iter())
        .map(|finding| {
            format!(
                "{} {}: {}",
                finding.policy, finding.subject, finding.message
            )
        })
        .collect();
    assert_eq!(
        passed,
        [
            "data_masking_before_training risk/step.model: \
             `credit_amount` is listed as one that the purpose can't do without",
            "data_masking_before_training risk/step.model: \
             `savings` is listed as one that the purpose can't do without",
            "data_masking_before_training risk/step.model: \
             `age` is coarsened by `bucket(5)`",
            "data_kept_in_a_storage dataset.applicants: a storage of the spec keeps it",
            "data_retention_defined storage.lake: it says how long what is not needed is kept",
            "storage_encryption_at_rest storage.lake: \
             every object in it is sealed with a key of the spec",
            "data_residency_declared project.credit: \
             it names the regions in which data may be",
            "data_residency_allowed_regions target.here: \
             it is in DE, where `residency` lets data be",
            "data_purpose_declared pipeline.risk: \
             its purpose is one of those of every dataset about people that it reads",
            "data_lawful_basis_declared dataset.applicants: \
             it names a basis; whether that basis is right is for a person to judge",
            "endpoint_requires_authentication endpoint.score: \
             it answers only callers that show its key",
            "transit_not_in_the_clear endpoint.score: it listens on this machine alone",
            "model_fairness_report risk/step.model: judged by `age_band`, `sex`; \
             which groups matter is for a person to say",
            "model_explainability_report endpoint.score: an evaluation explains its model; \
             whether that tells people enough is for a person to judge",
        ]
    );
    let manual = with_status(&checked, PolicyStatus::Manual);
    assert_eq!(manual.len(), 8);
    let all = checked.program.policies.iter();
    let plain = |text: &str| !text.contains("${") && !text.contains('\n');
    assert!(all.clone().all(|f| plain(&f.message) && plain(&f.title)));
    assert_eq!(checked.program.policies.len(), passed.len() + manual.len());
    for finding in manual {
        assert_eq!(
            (finding.code.as_str(), finding.fix.as_ref()),
            ("E0530", None)
        );
        assert!(
            finding.message.to_lowercase().contains("attach"),
            "{}",
            finding.message
        );
        assert!(
            finding
                .cites
                .iter()
                .all(|cite| cite.starts_with("GDPR Art. "))
        );
    }
}

#[test]
fn a_pack_that_is_not_named_says_nothing() {
    let checked = check_text(&full_with(&[
        ("  comply    = [gdpr]\n", ""),
        ("retention  = 90 days", ""),
    ]));
    assert_eq!(findings(&checked), Vec::<String>::new());
    assert!(checked.program.policies.is_empty());
}

#[test]
fn a_mask_that_is_gone_is_named_with_its_column_its_article_and_the_edit() {
    let line = "    telephone       = drop\n";
    let text = full_with(&[(line, "")]);
    let checked = check_text(&text);
    let [finding] = checked.diagnostics.as_slice() else {
        panic!("{:?}", findings(&checked));
    };
    assert_eq!(finding.severity, Severity::Error);
    assert_eq!(finding.title, "personal data reaches training");
    assert_eq!(
        codes_at(&checked),
        [("E0512".to_owned(), "parts.train".to_owned())]
    );
    assert_eq!(
        finding.primary.text,
        "`telephone` is personal, and still readable here"
    );
    let others: Vec<(&str, &str)> = (finding.others.iter())
        .map(|l| {
            (
                &text[l.span.start as usize..l.span.end as usize],
                l.text.as_str(),
            )
        })
        .collect();
    assert_eq!(others, [("personal", "it becomes personal here")]);
    assert!(finding.help[0].starts_with("GDPR Art. 25(1), GDPR Art. 5(1)(c): "));
    let fix = finding.fix.as_ref().expect("an edit");
    assert_eq!(fix.title, "add `telephone = drop` to step `masked`");
    let mended = mended(&text, fix);
    assert!(mended.contains("    age             = bucket(5)\n    telephone       = drop\n  }"));
    assert_eq!(findings(&check_text(&mended)), Vec::<String>::new());
    let failed = with_status(&checked, PolicyStatus::Fail);
    assert_eq!(failed.len(), 1);
    assert_eq!(
        (failed[0].code.as_str(), failed[0].severity.as_str()),
        ("E0512", "critical")
    );
    assert_eq!(failed[0].fix.as_ref(), Some(fix));
    assert_eq!(failed[0].span, finding.primary.span);
}

#[test]
fn each_mask_that_is_gone_is_exactly_one_error_and_its_edit_mends_it() {
    for (line, code, title) in [
        (
            "    telephone       = drop\n",
            "E0512",
            "add `telephone = drop` to step `masked`",
        ),
        (
            "    personal_status = drop\n",
            "E0512",
            "add `personal_status = drop` to step `masked`",
        ),
        (
            "    age             = bucket(5)\n",
            "E0512",
            "add `age = bucket(10)` to step `masked`",
        ),
        ("    credit          = drop\n", "E0501", "exclude credit"),
    ] {
        let text = full_with(&[(line, "")]);
        let checked = check_text(&text);
        assert_eq!(
            codes_at(&checked),
            [(code.to_owned(), "parts.train".to_owned())],
            "{line}"
        );
        let fix = checked.diagnostics[0].fix.as_ref().expect("an edit");
        assert_eq!(fix.title, title);
        assert_eq!(
            findings(&check_text(&mended(&text, fix))),
            Vec::<String>::new(),
            "{line}"
        );
    }
}

/// A text of the example, what stands instead, the finding's code and place, and whether its edit
/// makes the spec clean again.
const ONE_FAULT: &[(&str, &str, &str, &str, bool)] = &[
    ("  retention  = 90 days\n", "", "E0513", "lake", false),
    (
        "  encryption = customer(vault)\n",
        "",
        "E0515",
        "lake",
        true,
    ),
    ("= customer(vault)", "= plain", "E0515", "plain", true),
    ("  residency = [eu]\n", "", "E0514", "credit", true),
    ("residency = [eu]", "residency = []", "E0514", "[]", true),
    (
        "country = \"DE\"",
        "country = \"US\"",
        "E0506",
        "\"US\"",
        false,
    ),
    ("  keep     = lake\n", "", "E0522", "applicants", true),
    ("  basis    = contract\n", "", "E0517", "applicants", false),
    (
        "  purpose = \"credit scoring\"\n",
        "",
        "E0516",
        "risk",
        false,
    ),
    (
        "purpose = \"credit scoring\"",
        "purpose = \"advertising\"",
        "E0516",
        "\"advertising\"",
        false,
    ),
    (
        "purposes = [\"credit scoring\"]",
        "purposes = []",
        "E0516",
        "\"credit scoring\"",
        false,
    ),
    (
        "auth     = api_key",
        "auth     = open",
        "E0518",
        "open",
        true,
    ),
    (
        "auth     = api_key",
        "host     = \"0.0.0.0\"",
        "E0519",
        "\"0.0.0.0\"",
        true,
    ),
    (
        "    explain = [permutation, partial_dependence, lime]\n",
        "",
        "E0521",
        "risk.release",
        false,
    ),
    (
        "[credit_amount, savings]",
        "[credit_amount]",
        "E0512",
        "parts.train",
        true,
    ),
];

#[test]
fn each_policy_finds_its_fault_at_the_place_and_nothing_else() {
    for (from, to, code, at, mends) in ONE_FAULT {
        let text = full_with(&[(from, to)]);
        let checked = check_text(&text);
        assert_eq!(
            codes_at(&checked),
            [((*code).to_owned(), (*at).to_owned())],
            "{from} → {to}"
        );
        let finding = &checked.diagnostics[0];
        assert!(finding.help.len() >= 2, "{:?}", finding.help);
        assert_eq!(with_status(&checked, PolicyStatus::Fail).len(), 1, "{from}");
        assert_eq!(finding.fix.is_some(), *mends, "{from}");
        if let Some(fix) = &finding.fix {
            let mended = mended(&text, fix);
            assert_eq!(
                findings(&check_text(&mended)),
                Vec::<String>::new(),
                "{mended}"
            );
        }
    }
}

#[test]
fn a_target_of_no_known_country_is_unknown_and_never_a_pass() {
    let checked = check_text(&full_with(&[("country = \"DE\"", "")]));
    assert_eq!(
        codes_at(&checked),
        [("E0507".to_owned(), "here".to_owned())]
    );
    let found = statuses(&checked, "data_residency_allowed_regions");
    assert_eq!(found, [("target.here".to_owned(), PolicyStatus::Unknown)]);
}

#[test]
fn a_model_that_no_group_is_compared_by_is_a_warning() {
    let changes: &[(&str, &str)] = &[
        (
            "    fairness {\n      by        = [sex, age_band]\n      min_group = 10\n    }\n",
            "",
        ),
        ("    require disparate_impact(sex) >= 0.80\n", ""),
    ];
    let checked = check_text(&full_with(changes));
    assert_eq!(
        codes_at(&checked),
        [("E0520".to_owned(), "model".to_owned())]
    );
    assert_eq!(checked.diagnostics[0].severity, Severity::Warning);
    assert!(!checked.has_errors());
}

#[test]
fn a_name_in_coarser_cells_is_still_a_name() {
    let text = full_with(&[(
        "age               : int        @personal @protected",
        "age : int @identifier",
    )]);
    let checked = check_text(&text);
    let [finding] = checked.diagnostics.as_slice() else {
        panic!("{:?}", findings(&checked));
    };
    assert_eq!(finding.code.0, "E0512");
    assert_eq!(
        finding.primary.text,
        "`age` names a person, and coarser cells do so too"
    );
    let at = finding.others[0].span;
    assert_eq!(&text[at.start as usize..at.end as usize], "identifier");
}

#[test]
fn many_that_fail_are_all_found_and_the_first_get_an_edit() {
    let mut text = "project big { comply = [gdpr], residency = [eu] }\n\
        target here = local(country = \"DE\")\nkey vault on here\n"
        .to_owned();
    for place in 0..1_000 {
        text.push_str(&format!(
            "storage s{place} on here {{ retention = 30 days }}\ndataset d{place} {{\n  \
             from = file(\"d.csv\")\n  keep = s{place}\n  basis = contract\n  \
             columns {{ age : int @personal }}\n}}\n"
        ));
    }
    let checked = check_text(&text);
    // The first hundred of a file are told, and one says how many are left out.
    assert_eq!(checked.found, 1_000);
    assert_eq!(checked.diagnostics.len(), 101);
    assert_eq!(with_status(&checked, PolicyStatus::Fail).len(), 1_000);
    assert!(with_status(&checked, PolicyStatus::Unknown).is_empty());
    let fixes = checked.diagnostics.iter().filter(|f| f.fix.is_some());
    assert_eq!(fixes.count(), 100);
}

#[test]
fn a_policy_over_too_much_is_refused() {
    let text = own("policy p for n in 1..250_000 { require n >= 1 }\n");
    let found = findings(&check_text(&text));
    assert_eq!(
        found,
        ["E0322 at \"1..250_000\": policies over more than 200000 things"]
    );
}

#[test]
fn a_column_that_was_derived_shows_where_it_comes_from_and_is_excluded() {
    let text = full_with(&[(
        "exclude      = [sex, age_band,",
        "exclude      = [age_band,",
    )]);
    let checked = check_text(&text);
    assert_eq!(
        codes_at(&checked),
        [("E0512".to_owned(), "parts.train".to_owned())]
    );
    let finding = &checked.diagnostics[0];
    assert_eq!(
        finding.primary.text,
        "`sex` is personal, and still readable here"
    );
    let others: Vec<&str> = finding
        .others
        .iter()
        .map(|label| label.text.as_str())
        .collect();
    assert_eq!(others, ["it becomes personal here", "`sex` is made here"]);
    let fix = finding.fix.as_ref().expect("an edit");
    assert_eq!(fix.title, "exclude sex");
    let again = check_text(&mended(&text, fix));
    assert_eq!(findings(&again), Vec::<String>::new());
}

#[test]
fn an_error_in_the_spec_makes_no_finding_of_a_policy() {
    for (from, to) in [
        (
            "encryption = customer(vault)",
            "encryption = custmer(vault)",
        ),
        ("telephone       = drop", "telphone        = drop"),
        ("telephone       = drop", "telephone       = bucket(5)"),
        ("keep     = lake", "keep     = lak"),
        ("retention  = 90 days", "retention  = 90"),
        ("auth     = api_key", "auth     = apikey"),
    ] {
        let checked = check_text(&full_with(&[(from, to)]));
        assert_eq!(
            checked.diagnostics.len(),
            1,
            "{from}: {:?}",
            findings(&checked)
        );
        assert!(checked.diagnostics[0].code.0 < "E0510");
    }
}

#[test]
fn an_error_in_one_mask_hides_no_other_that_is_missing() {
    let checked = check_text(&full_with(&[
        ("    telephone       = drop\n", ""),
        (
            "    age             = bucket(5)\n",
            "    agee            = bucket(5)\n",
        ),
    ]));
    assert_eq!(
        codes_at(&checked),
        [
            ("E0417".to_owned(), "agee".to_owned()),
            ("E0512".to_owned(), "parts.train".to_owned()),
        ]
    );
}

/// A small spec with a policy of its own.
fn own(policy: &str) -> String {
    format!(
        "param env: enum(dev, prod) = prod\n\
         target here = local()\n\
         pool small on here {{ cpus >= 2 }}\n\
         storage a on here {{ capacity = 1 GiB }}\nstorage b on here\n{policy}"
    )
}

#[test]
fn a_policy_of_the_spec_is_judged_for_each_element() {
    let text = own(
        "/// Every storage in development\n/// has a limit. So nobody's disk is full.\n\
         policy limited for s in all(storage) when env == dev {\n  severity = high\n  \
         require s.capacity != none else \"`${s.name}` has no limit in ${env}\"\n}\n",
    );
    let checked = check_text(&text);
    assert_eq!(findings(&checked), Vec::<String>::new());
    assert!(checked.program.policies.is_empty());
    let checked = check_with(&text, &[("env", "dev")]);
    assert_eq!(
        findings(&checked),
        ["E0510 at \"b\": `b` has no limit in dev"]
    );
    let finding = &checked.diagnostics[0];
    assert_eq!(finding.title, "Every storage in development has a limit");
    assert_eq!(finding.severity, Severity::Error);
    let of = |address: &str, status| (address.to_owned(), status);
    assert_eq!(
        statuses(&checked, "limited"),
        [
            of("storage.a", PolicyStatus::Pass),
            of("storage.b", PolicyStatus::Fail),
        ]
    );
    let found = &checked.program.policies[1];
    assert_eq!((found.pack.as_ref(), found.code.as_str()), (None, "E0510"));
}

#[test]
fn what_is_chosen_later_is_unknown() {
    let text = own("policy few for p in all(pool) { require p.cpus <= 8 else \"too many\" }\n");
    let checked = check_text(&text);
    assert_eq!(findings(&checked), Vec::<String>::new());
    assert_eq!(
        statuses(&checked, "few"),
        [("pool.small".to_owned(), PolicyStatus::Unknown)]
    );
}

#[test]
fn a_policy_without_a_loop_is_judged_once_and_a_mild_one_warns() {
    let text = own("policy few {\n  severity = low\n  require count(all(storage)) <= 1\n}\n");
    let checked = check_text(&text);
    assert_eq!(
        findings(&checked),
        ["E0510 at \"few\": `few` does not hold for `few`"]
    );
    assert_eq!(checked.diagnostics[0].severity, Severity::Warning);
    let own_manual =
        own("policy look for s in all(storage) { manual = \"look at `${s.name}`\" }\n");
    let checked = check_text(&own_manual);
    assert_eq!(findings(&checked), Vec::<String>::new());
    assert_eq!(
        with_status(&checked, PolicyStatus::Manual)[1].message,
        "look at `b`"
    );
}

#[test]
fn what_is_wrong_in_a_policy_is_found_once_even_if_nothing_is_judged() {
    for (policy, wanted) in [
        (
            "policy p for s in all(storage) { require s.capcity != none }\n",
            "E0310 at \"capcity\"",
        ),
        (
            "policy p for s in all(storag) { require true }\n",
            "E0201 at \"storag\"",
        ),
        (
            "policy p for s in all(endpoint) { require count(prt) == 1 }\n",
            "E0302 at \"prt\"",
        ),
        (
            "policy p { require true\n  severty = low\n}\n",
            "E0202 at \"severty\"",
        ),
        (
            "policy p { require true\n  severity = lo\n}\n",
            "E0315 at \"lo\"",
        ),
        ("policy p on here { require true }\n", "E0224 at \"here\""),
        (
            "policy p { code = \"E0510\"\n  require true\n}\n",
            "E0202 at \"code\"",
        ),
        ("policy { require true }\n", "E0208 at \"policy\""),
        (
            "policy p { require true }\npolicy p { require true }\n",
            "E0210 at \"p\"",
        ),
        ("policy p { require 3 }\n", "E0301 at \"3\""),
        ("policy p { severity = low }\n", "E0511 at \"p\""),
        (
            "let x = a.personal_columns\n",
            "E0331 at \"personal_columns\"",
        ),
        ("let x = all(learned)\n", "E0331 at \"learned\""),
        ("view v { a : int }\n", "E0107 at \"view\""),
    ] {
        let checked = check_text(&own(policy));
        let found = findings(&checked);
        assert_eq!(found.len(), 1, "{policy}: {found:?}");
        assert!(found[0].starts_with(wanted), "{policy}: {found:?}");
    }
}

#[test]
fn a_policy_of_the_spec_may_ask_for_what_the_packs_ask_for() {
    let text = full_with(&[(
        "output url = score.url\n",
        "output url = score.url\n\npolicy ours for c in all(learned) \
         when \"protected\" in c.classes {\n  require false else \"`${c.name}` of \
         ${c.step.name}, ${join(c.step.personal_columns, \" \")}\"\n}\n",
    )]);
    let checked = check_text(&text);
    assert_eq!(
        findings(&checked),
        [
            "E0510 at \"parts.train\": `age` of model, age age_band credit_amount foreign_worker \
             savings sex"
        ]
    );
}

#[test]
fn the_same_spec_gives_the_same_findings() {
    let text = full_with(&[
        ("    telephone       = drop\n", ""),
        ("retention  = 90 days", ""),
    ]);
    let first = check_text(&text);
    for _ in 0..3 {
        let again = check_text(&text);
        assert_eq!(first.program.policies, again.program.policies);
        assert_eq!(first.program.flow, again.program.flow);
        assert_eq!(first.diagnostics, again.diagnostics);
    }
}
