//! Conditions that are judged later: gates, alerts, tests, and what figures are asked for.

use mlinfra_api::{Address, Value, Verdict};
use mlinfra_check::{Block, Checked, Severity};

use crate::world::{CREDIT, check_text, codes_at, findings};

pub(crate) fn full_with(changes: &[(&str, &str)]) -> String {
    let mut text = CREDIT.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    text
}

pub(crate) fn block<'c>(checked: &'c Checked, address: &str) -> &'c Block {
    let address: Address = address.parse().expect("an address");
    checked.program.block(&address).expect("the block")
}

/// The text once the edit of the only finding is made.
fn mended(text: &str, checked: &Checked) -> String {
    let [finding] = checked.diagnostics.as_slice() else {
        panic!("{:?}", findings(checked));
    };
    let mut mended = text.to_owned();
    for edit in finding.fix.iter().flat_map(|fix| &fix.edits) {
        mended.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.text);
    }
    mended
}

#[test]
fn the_whole_example_has_no_finding() {
    assert_eq!(findings(&check_text(CREDIT)), Vec::<String>::new());
}

#[test]
fn gates_keep_their_figures_and_fold_the_rest() {
    let text = full_with(&[
        (
            "require auc >= 0.70",
            "require auc >= least + 0.1 else \"too weak: ${least}\"",
        ),
        ("param replicas", "let least = 0.6\nparam replicas"),
        (
            "require disparate_impact(sex) >= 0.80",
            "require disparate_impact([age_band, sex]) in 0.8..1.0\n    \
             require not (recall < 50%) and\n      accuracy + precision > 1",
        ),
        ("min_group = 10", "intersections = [[sex, age_band]]"),
    ]);
    let text = text.replace(" and\n      accuracy", "\n      and accuracy");
    let checked = check_text(&text);
    assert_eq!(findings(&checked), Vec::<String>::new());
    let step = block(&checked, "risk/step.report")
        .step
        .as_ref()
        .expect("a step");
    let shown: Vec<String> = (step.gates.iter())
        .map(|gate| format!("{} | {}", gate.condition, gate.text))
        .collect();
    assert_eq!(
        shown,
        [
            "auc >= 0.7 | auc >= least + 0.1",
            "(disparate_impact(sex, age_band) >= 0.8) and (disparate_impact(sex, age_band) <= 1) \
             | disparate_impact([age_band, sex]) in 0.8..1.0",
            "not (recall < 0.5) and ((accuracy + precision) > 1) \
             | not (recall < 50%) and accuracy + precision > 1",
        ]
    );
    assert_eq!(step.gates[0].message.as_deref(), Some("too weak: 0.6"));
    let fairness = step.settings["fairness"].to_string();
    assert_eq!(
        fairness,
        "{ by = [\"sex\", \"age_band\"], intersections = [[\"sex\", \"age_band\"]], \
         min_group = 10 }"
    );
    assert_eq!(
        step.settings["explain"].to_string(),
        "[permutation, partial_dependence, lime]"
    );
    // An endpoint answers from one probability on, and a model is judged at the same.
    assert!(!step.settings.contains_key("threshold"));
    assert_eq!(step.version, 2);
}

#[test]
fn without_its_section_a_setting_is_none() {
    let text = full_with(&[
        ("  comply    = [gdpr]\n", ""),
        (
            "    fairness {\n      by        = [sex, age_band]\n      min_group = 10\n    }\n",
            "",
        ),
        ("    require disparate_impact(sex) >= 0.80\n", ""),
    ]);
    let checked = check_text(&text);
    assert_eq!(findings(&checked), Vec::<String>::new());
    let step = block(&checked, "risk/step.report")
        .step
        .as_ref()
        .expect("a step");
    assert_eq!(step.settings["fairness"], Value::None);
}

#[test]
fn alerts_are_conditions_and_know_what_they_compare() {
    let checked = check_text(CREDIT);
    let value = |name: &str| {
        block(&checked, name)
            .value
            .as_ref()
            .expect("a value")
            .clone()
    };
    for (name, condition, lasting) in [
        ("health/alert.errors", "error_rate > 0.01", "5 min"),
        ("health/alert.slow", "latency(0.99) > 0.05 s", "5 min"),
        (
            "health/alert.drift",
            "drift(age, risk/step.parts.train) > 0.2",
            "0 s",
        ),
    ] {
        assert_eq!(value(name).to_string(), condition);
        let field = block(&checked, name)
            .fields
            .get("lasting")
            .expect("it is there");
        assert_eq!(field.value.to_string(), lasting, "{name}");
    }
    let mut named = Vec::new();
    value("health/alert.drift").for_each_reference(&mut |one| named.push(one.address.to_string()));
    assert_eq!(named, ["risk/step.parts"]);
    let monitor = block(&checked, "monitor.health");
    assert_eq!(monitor.role.as_deref(), Some("monitor"));
    assert_eq!(
        monitor
            .fields
            .get("watch")
            .expect("it is there")
            .value
            .to_string(),
        "[endpoint.score]"
    );
    let alert = block(&checked, "health/alert.errors");
    assert_eq!(alert.role.as_deref(), Some("alert"));
    assert!(alert.computed.is_empty() && !alert.fields.contains_key("error_rate"));
}

#[test]
fn a_budget_takes_any_currency_over_time() {
    for (limit, shown) in [("50 USD/month", "USD/second"), ("2 EUR/h", "EUR/second")] {
        let checked = check_text(&full_with(&[(
            "50 USD/month\n  warn",
            &format!("{limit}\n  warn"),
        )]));
        assert_eq!(findings(&checked), Vec::<String>::new(), "{limit}");
        let budget = block(&checked, "budget.team");
        assert_eq!(budget.role.as_deref(), Some("budget"));
        assert_eq!(
            budget
                .fields
                .get("warn_at")
                .expect("it is there")
                .value
                .to_string(),
            "0.8"
        );
        let Value::Quantity(quantity) = &budget.fields.get("limit").expect("it is there").value
        else {
            panic!("a quantity");
        };
        assert_eq!(quantity.dimension.to_string(), shown);
    }
}

/// A text of the example, what stands instead, and the code and the text of the one finding.
const ONE_FAULT: &[(&str, &str, &str, &str)] = &[
    // Gates.
    ("auc >= 0.70", "auc >= 70", "E0340", "70"),
    ("auc >= 0.70", "70 <= auc", "E0340", "70"),
    ("auc >= 0.70", "auc in 50..70", "E0340", "50"),
    ("auc >= 0.70", "auc > 1", "E0340", "1"),
    ("auc >= 0.70", "auc >= 0", "E0340", "0"),
    ("auc >= 0.70", "1 >= auc", "E0340", "1"),
    ("auc >= 0.70", "auc >= 7 ms", "E0304", "7 ms"),
    ("auc >= 0.70", "auc >= \"a\"", "E0301", "\"a\""),
    ("auc >= 0.70", "auc", "E0301", "auc"),
    ("auc >= 0.70", "acu >= 0.70", "E0427", "acu"),
    ("auc >= 0.70", "f1 >= 0.70", "E0427", "f1"),
    ("auc >= 0.70", "auc(sex) >= 0.70", "E0313", "auc(sex)"),
    ("auc >= 0.70", "auc / 0 >= 0.70", "E0308", "/"),
    ("auc >= 0.70", "abs(auc) >= 0.70", "E0341", "abs(auc)"),
    ("auc >= 0.70", "(auc ?? 1) >= 0.70", "E0341", "??"),
    (
        "auc >= 0.70",
        "if auc > 0.5 then true else false",
        "E0341",
        "if auc > 0.5 then true else false",
    ),
    (
        "auc >= 0.70",
        "auc >= lake.capacity",
        "E0309",
        "lake.capacity",
    ),
    ("auc >= 0.70", "auc >= least", "E0427", "least"),
    (
        "auc >= 0.70",
        "rows >= 100 and 1 > 2",
        "E0223",
        "rows >= 100 and 1 > 2",
    ),
    (
        "require auc >= 0.70",
        "require 1 > 2 else \"no\"",
        "E0223",
        "1 > 2",
    ),
    ("require auc >= 0.70", "require 2 > 1", "E0428", "2 > 1"),
    (
        "require auc >= 0.70",
        "require auc >= 0.7 else 3",
        "E0301",
        "3",
    ),
    ("impact(sex)", "impact", "E0312", "disparate_impact"),
    (
        "impact(sex)",
        "impcat(sex)",
        "E0427",
        "disparate_impcat(sex)",
    ),
    ("impact(sex)", "impact(age)", "E0429", "age"),
    ("impact(sex)", "impact(sxe)", "E0417", "sxe"),
    ("impact(sex)", "impact(\"sex\")", "E0301", "\"sex\""),
    (
        "impact(sex)",
        "impact([sex, age_band])",
        "E0429",
        "[sex, age_band]",
    ),
    (
        "= drop_nulls(applicants)",
        "= drop_nulls(applicants) { require rows > 1 }",
        "E0427",
        "rows",
    ),
    (", gate = report", "", "E0430", "register"),
    ("gate = report", "gate = model", "E0301", "model"),
    // Sections.
    (
        "= [sex, age_band]\n      min",
        "= [sex, age]\n      min",
        "E0418",
        "age",
    ),
    (
        "= [sex, age_band]\n      min",
        "= \"sex\"\n      min",
        "E0301",
        "\"sex\"",
    ),
    (
        "      by        = [sex, age_band]\n",
        "",
        "E0203",
        "fairness",
    ),
    ("min_group = 10", "min_group = 0", "E0319", "0"),
    ("min_group = 10", "min_groups = 10", "E0202", "min_groups"),
    ("min_group = 10", "by = [sex]", "E0205", "by"),
    ("fairness {", "fairness groups {", "E0209", "groups"),
    (
        "explain = [permutation",
        "explain = [permutations",
        "E0315",
        "permutations",
    ),
    (
        "epochs       = 30",
        "fairness { by = [sex] }",
        "E0201",
        "fairness",
    ),
    // Monitors.
    ("error_rate > 1%", "error_rate > 1", "E0340", "1"),
    ("error_rate > 1%", "error_rat > 1%", "E0427", "error_rat"),
    ("error_rate > 1%", "1 < 2", "E0428", "1 < 2"),
    ("= error_rate > 1% ", "", "E0218", "errors"),
    ("lasting = 5 min", "lasting = 5", "E0305", "5"),
    ("latency(99%) > 50 ms", "latency(99%) > 50", "E0305", "50"),
    ("latency(99%) > 50 ms", "latency(99) > 50 ms", "E0319", "99"),
    (
        "latency(99%) > 50 ms",
        "latency > 50 ms",
        "E0312",
        "latency",
    ),
    ("latency(99%) > 50 ms", "request_rate > 50", "E0305", "50"),
    (
        "latency(99%) > 50 ms",
        "latency(99%) > error_rate",
        "E0303",
        ">",
    ),
    ("drift(age,", "drift(sex,", "E0431", "sex"),
    ("drift(age,", "drift(agee,", "E0417", "agee"),
    (
        "risk.parts.train)",
        "risk.parts.test)",
        "E0432",
        "risk.parts.test",
    ),
    ("risk.parts.train)", "applicants)", "E0432", "applicants"),
    ("risk.parts.train)", "risk.parts)", "E0301", "risk.parts"),
    ("watch = score", "watch = lake", "E0301", "lake"),
    ("watch = score", "", "E0203", "health"),
    ("watch = score", "watch = []", "E0228", "[]"),
    // Budgets.
    ("limit   = 50 USD/month", "limit = 50", "E0305", "50"),
    (
        "limit   = 50 USD/month",
        "limit = 50 USD/GiB",
        "E0304",
        "50 USD/GiB",
    ),
    (
        "limit   = 50 USD/month",
        "limit = 5 GiB/h",
        "E0304",
        "5 GiB/h",
    ),
    (
        "limit   = 50 USD/month",
        "limit = 50 money/month",
        "E0306",
        "money",
    ),
    ("warn_at = 80%", "warn_at = 80", "E0319", "80"),
    // Tests.
    (
        "params { replicas = 3 }",
        "params { replicas = 9 }",
        "E0223",
        "9",
    ),
    (
        "params { replicas = 3 }",
        "params { replica = 3 }",
        "E0222",
        "replica",
    ),
    (
        "params { replicas = 3 }",
        "params { replicas = \"3\" }",
        "E0301",
        "\"3\"",
    ),
    (
        "params { replicas = 3 }",
        "params { replicas = 3 }\n  params {}",
        "E0205",
        "params",
    ),
    (
        "params { replicas = 3 }",
        "replicas = 3",
        "E0108",
        "replicas = 3",
    ),
    (
        "cost.max <= 50 USD/month",
        "cost.mx <= 50 USD/month",
        "E0427",
        "cost.mx",
    ),
    ("cost.max <= 50 USD/month", "cost.max <= 50", "E0305", "50"),
    (
        "cost.max <= 50 USD/month",
        "cost.max <= 50 USD",
        "E0304",
        "50 USD",
    ),
    (
        "cost.max <= 50 USD/month",
        "cost.max / cost.min",
        "E0301",
        "cost.max / cost.min",
    ),
    (
        "count(all(endpoint)) == 1",
        "count(all(endpont)) == 1",
        "E0201",
        "endpont",
    ),
    (
        "count(all(endpoint)) == 1",
        "count(all(\"endpoint\")) == 1",
        "E0301",
        "\"endpoint\"",
    ),
    (
        "count(all(endpoint)) == 1",
        "score.url == \"a\"",
        "E0318",
        "score.url == \"a\"",
    ),
    (
        "count(all(endpoint)) == 1",
        "score.key == \"a\"",
        "E0321",
        "score.key",
    ),
];

#[test]
fn one_fault_is_one_finding_at_its_text() {
    let mut wrong = Vec::new();
    for (from, to, code, at) in ONE_FAULT {
        let checked = check_text(&full_with(&[(from, to)]));
        if codes_at(&checked) != [((*code).to_owned(), (*at).to_owned())] {
            let found = findings(&checked);
            wrong.push(format!("{from} → {to}, {code} at {at}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn edits_mend_what_they_are_offered_for() {
    for change in [
        ("auc >= 0.70", "auc >= 70"),
        ("auc >= 0.70", "acu >= 0.7"),
        ("auc >= 0.70", "auc in 0.5..70"),
        ("auc >= 0.70", "auc in [60, 0.7]"),
        ("error_rate > 1%", "error_rate > 1"),
        ("latency(99%)", "latency(99)"),
        ("impact(sex)", "impact([sex, age_band])"),
        ("by        = [sex, age_band]", "by = [age_band]"),
        (
            "    fairness {\n      by        = [sex, age_band]\n      min_group = 10\n    }\n",
            "",
        ),
        ("risk.parts.train)", "applicants)"),
        (", gate = report", ""),
        ("{ replicas = 3 }", "{ replica = 3 }"),
    ] {
        let text = full_with(&[change]);
        let mended = mended(&text, &check_text(&text));
        assert_ne!(mended, text, "{change:?}");
        assert_eq!(
            findings(&check_text(&mended)),
            Vec::<String>::new(),
            "{change:?}"
        );
    }
}

#[test]
fn a_condition_that_never_fails_is_a_warning() {
    let checked = check_text(&full_with(&[("require auc >= 0.70", "require 2 > 1")]));
    assert_eq!(checked.diagnostics[0].severity, Severity::Warning);
}

#[test]
fn a_second_judgement_with_conditions_is_not_forgotten() {
    let second =
        "  step other = evaluate(model, parts.test) { require recall > 10% }\n\n  step release";
    let checked = check_text(&full_with(&[("  step release", second)]));
    assert_eq!(
        findings(&checked),
        ["E0430 at \"register\": this does not wait for `other`, which judges the model"]
    );
    assert!(checked.has_errors());
    let three = ("test = 20%", "test = 10%, third = 10%");
    let elsewhere = second.replace("parts.test", "parts.third");
    let elsewhere = check_text(&full_with(&[three, ("  step release", &elsewhere)]));
    assert_eq!(elsewhere.diagnostics.len(), 1);
    assert!(elsewhere.has_errors());
    let both = "gate = [report, other]";
    let fix = elsewhere.diagnostics[0].fix.as_ref().expect("an edit");
    assert_eq!(fix.edits[0].text, "[report, other]");
    let second = format!("{second} ").replace("parts.test", "parts.third");
    let awaited = full_with(&[
        three,
        ("  step release", second.trim_end()),
        ("gate = report", both),
    ]);
    let awaited = check_text(&awaited);
    assert_eq!(findings(&awaited), Vec::<String>::new());
    let without = second.replace(" { require recall > 10% }", "");
    let checked = check_text(&full_with(&[three, ("  step release", &without)]));
    assert_eq!(findings(&checked), Vec::<String>::new());
}

#[test]
fn figures_are_listed_for_those_who_make_them() {
    use mlinfra_check::stdlib::{kind_figures, operation_figures};
    let of_a_report = operation_figures("evaluate");
    for name in [
        "auc",
        "auc_low",
        "calibration_error",
        "equalized_odds_ratio",
        "rows",
    ] {
        assert!(of_a_report.contains(&name), "{name}");
    }
    assert_eq!(
        kind_figures("monitor/alert"),
        ["drift", "error_rate", "latency", "request_rate"]
    );
    assert!(operation_figures("split").is_empty() && kind_figures("nothing/here").is_empty());
}

#[test]
fn two_watched_endpoints_must_both_have_learned_from_the_table() {
    let second = "endpoint other on worker {\n  model = risk.release\n  port = 8081\n}\n\nmonitor";
    let both = [
        ("watch = score", "watch = [score, other]"),
        ("monitor", second),
    ];
    assert_eq!(
        findings(&check_text(&full_with(&both))),
        Vec::<String>::new()
    );
    let text = full_with(&[
        ("  comply    = [gdpr]\n", ""),
        ("watch = score", "watch = [score, other]"),
        ("monitor", &second.replace("risk.release", "risk.second")),
        (
            "  step report ",
            "  step small  = train(parts.test, label = good) {\n    architecture = linear\n    \
             exclude = [sex, age_band, foreign_worker]\n  }\n  \
             step second = register(small, name = \"small\")\n\n  step report ",
        ),
    ]);
    assert_eq!(
        findings(&check_text(&text)),
        ["E0432 at \"risk.parts.train\": the model of `other` learned from `risk.parts.test`"]
    );
}

#[test]
fn a_long_list_does_not_go_deep() {
    let change = ("auc >= 0.70", "rows in [n for n in 1..20000]");
    let checked = check_text(&full_with(&[change]));
    assert_eq!(findings(&checked), Vec::<String>::new());
    let step = block(&checked, "risk/step.report").step.as_ref();
    let gate = &step.expect("a step").gates[0];
    let rows = |count: i64| gate.condition.judge(&|_| Some(Value::Int(count)));
    assert_eq!((rows(200), rows(20_001)), (Verdict::Holds, Verdict::Fails));
    assert!(gate.clone().condition.to_string().len() > 100_000);
}
