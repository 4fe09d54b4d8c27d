//! What must not pass as a proof: masks that hide nothing, judgements of other models or of rows
//! that were learned from, conditions that always hold, limits that leave something unjudged.

use std::fmt::Write as _;

use mlinfra_check::{Checked, PolicyStatus, Severity};

use crate::gates::full_with;
use crate::world::{check_text, codes_at, findings};

/// A spec under the GDPR pack whose pipeline does this between `people` and a model; `{data}` of
/// the training is the last step.
fn people(steps: &str, data: &str, settings: &str) -> String {
    format!(
        "project shop {{ comply = [gdpr], residency = [eu] }}
target here = local(country = \"DE\")
key vault on here
storage lake on here {{ encryption = customer(vault), retention = 90 days }}
dataset people {{
  from     = file(\"people.csv\")
  keep     = lake
  basis    = contract
  purposes = [\"scoring\"]
  columns {{
    age    : int      @personal
    phone  : category @personal
    income : float    @personal
    month  : int
    good   : bool     @label
  }}
}}
pool worker on here
pipeline risk on worker {{
  purpose = \"scoring\"
{steps}
  step model = train({data}, label = good) {{
    architecture = linear
    {settings}
  }}
}}
"
    )
}

fn mended(text: &str, checked: &Checked) -> String {
    let mut edits: Vec<_> = (checked.diagnostics.iter())
        .filter_map(|finding| finding.fix.as_ref())
        .flat_map(|fix| fix.edits.clone())
        .collect();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.span.start));
    let mut text = text.to_owned();
    for edit in edits {
        text.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.text);
    }
    text
}

/// Steps, and the columns of the model that are still readable.
const LAUNDERED: &[(&str, &str, &[&str])] = &[
    // Masked as it came in: nothing to find.
    ("  step m = mask(people) { age = bucket(5) }", "m", &[]),
    (
        "  step m = mask(people) { age = bucket(5) }\n  step d = derive(m) { old = age > 30 }",
        "d",
        &[],
    ),
    (
        "  step m = mask(people) { age = bucket(5) }\n  step d = derive(m) { each = age / month }",
        "d",
        &[],
    ),
    (
        "  step m = mask(people) { age = bucket(4) }\n  step n = mask(m) { age = bucket(6) }",
        "n",
        &[],
    ),
    // A column as it is, under another name.
    (
        "  step d = derive(people) { copy = age }",
        "d",
        &["age", "copy"],
    ),
    (
        "  step d = derive(people) { copy = age }\n  step m = mask(d) { age = drop }",
        "m",
        &["copy"],
    ),
    (
        "  step d = derive(people) { copy = age }\n  \
         step m = mask(d) { age = bucket(5), copy = bucket(7) }",
        "m",
        &["copy"],
    ),
    // Rounded after it was spread out or shifted.
    (
        "  step d = derive(people) { wide = age * 1000000 }\n  \
         step m = mask(d) { age = drop, wide = bucket(5) }",
        "m",
        &["wide"],
    ),
    (
        "  step d = derive(people) { a = age + 1, b = age + 2, c = age + 3 }\n  \
         step m = mask(d) { age = bucket(5), a = bucket(5), b = bucket(5), c = bucket(5) }",
        "m",
        &["a", "b", "c"],
    ),
    (
        "  step d = derive(people) { wide = age * 1000 }\n  \
         step m = mask(d) { age = drop, wide = bucket(5) }\n  \
         step e = derive(m) { back = wide / 1000 }\n  step n = mask(e) { back = bucket(2) }",
        "n",
        &["wide", "back"],
    ),
    // Told by a condition, a list, a range, a function.
    (
        "  step d = derive(people) { old = age > 30 }\n  step m = mask(d) { age = drop }",
        "m",
        &["old"],
    ),
    (
        "  step d = derive(people) { band = if age < 25 then \"youth\" else \"adult\" }\n  \
         step m = mask(d) { age = drop }",
        "m",
        &["band"],
    ),
    (
        "  step d = derive(people) {\n    one  = phone in [\"a\", \"b\"]\n    \
         two  = age in 20..30\n    tens = floor(age / 10)\n    \
         same = phone == \"a\"\n    size = length(phone)\n  }\n  \
         step m = mask(d) { age = drop, phone = drop }",
        "m",
        &["one", "two", "tens", "same", "size"],
    ),
    (
        "  step d = derive(people) { mixed = if month > 3 then age else 0 }\n  \
         step m = mask(d) { age = bucket(5), mixed = bucket(5) }",
        "m",
        &["mixed"],
    ),
    // Cut into parts, which changes no cell.
    (
        "  step d = derive(people) { copy = age }\n  step m = mask(d) { age = bucket(5) }\n  \
         step s = split(m, stratify = good) { one = 50%, two = 50% }",
        "s.one",
        &["copy"],
    ),
];

#[test]
fn no_way_around_a_mask_counts_as_masked() {
    for (steps, data, readable) in LAUNDERED {
        let text = people(steps, data, "exclude = [phone, income]");
        let with_phone = text.replace("[phone, income]", "[income]");
        let text = if steps.contains("phone = drop") {
            with_phone
        } else {
            text
        };
        let checked = check_text(&text);
        let mut named = Vec::new();
        for finding in &checked.diagnostics {
            assert_eq!(
                (finding.code.0, finding.severity),
                ("E0512", Severity::Error),
                "{steps}"
            );
            let name = finding.primary.text.split('`').nth(1).expect("a column");
            named.push(name.to_owned());
        }
        let mut wanted: Vec<&str> = readable.to_vec();
        wanted.sort_unstable();
        named.sort_unstable();
        assert_eq!(named, wanted, "{steps}: {:?}", findings(&checked));
        let fails = checked.program.policies.iter();
        let fails = fails
            .filter(|finding| finding.status == PolicyStatus::Fail)
            .count();
        assert_eq!(fails, readable.len(), "{steps}");
    }
}

#[test]
fn a_mask_that_comes_too_late_says_so_and_one_that_counts_says_how_coarse_it_is() {
    let late = "  step d = derive(people) { wide = age * 1000 }\n  \
                step m = mask(d) { age = bucket(5), wide = bucket(10) }";
    let checked = check_text(&people(late, "m", "exclude = [phone, income]"));
    assert_eq!(
        findings(&checked),
        ["E0512 at \"m\": `wide` is made of exact personal cells, and `bucket(10)` comes too late"]
    );
    let passed = checked
        .program
        .policies
        .iter()
        .find(|f| f.status == PolicyStatus::Pass);
    assert_eq!(
        passed.expect("one").message,
        "`age` is coarsened by `bucket(5)`"
    );
    let early =
        "  step m = mask(people) { age = bucket(5) }\n  step d = derive(m) { old = age > 30 }";
    let checked = check_text(&people(early, "d", "exclude = [phone, income]"));
    let passed = checked
        .program
        .policies
        .iter()
        .filter(|f| f.status == PolicyStatus::Pass);
    let passed: Vec<&str> = passed.map(|f| f.message.as_str()).take(2).collect();
    assert_eq!(
        passed,
        [
            "`age` is coarsened by `bucket(5)`",
            "`old` is made of masked columns alone"
        ]
    );
}

#[test]
fn a_bucket_of_width_one_hides_no_whole_number() {
    let steps = "  step m = mask(people) { age = bucket(1) }";
    let checked = check_text(&people(steps, "m", "exclude = [phone, income]"));
    assert_eq!(
        findings(&checked),
        ["E0433 at \"bucket(1)\": `bucket(1)` leaves every cell as it is"]
    );
    let masking = checked.program.policies.iter().find(|f| f.code == "E0512");
    assert_eq!(masking.expect("judged").status, PolicyStatus::Unknown);
}

#[test]
fn what_is_offered_for_a_column_mends_it_and_leaves_something_to_learn_from() {
    let before = "  step m = mask(people) { age = bucket(5) }";
    for (steps, data, settings, title) in [
        // A rate would be zero in every row once it is cut to a multiple of ten.
        (before, "m", "exclude = [phone]", "exclude income"),
        ("", "people", "exclude = [phone, income]", "exclude age"),
        (
            "  step m = mask(people) { phone = drop }",
            "m",
            "exclude = [income]",
            "add `age = bucket(10)` to step `m`",
        ),
        (
            "  step d = derive(people) { twice = age * 2 }\n  step m = mask(d) { age = drop }",
            "m",
            "exclude = [phone, income]",
            "add `twice = drop` to step `m`",
        ),
    ] {
        let text = people(steps, data, settings);
        let checked = check_text(&text);
        let [finding] = checked.diagnostics.as_slice() else {
            panic!("{:?}", findings(&checked));
        };
        assert_eq!(finding.fix.as_ref().expect("an edit").title, title);
        let again = check_text(&mended(&text, &checked));
        assert_eq!(findings(&again), Vec::<String>::new(), "{title}");
    }
}

#[test]
fn a_pack_judges_a_large_spec_whole() {
    let mut text = people("", "people", "exclude = [phone, income, age]");
    let mut columns = String::new();
    for place in 0..400 {
        writeln!(columns, "    c{place} : int @personal").expect("a string");
    }
    text = text.replacen(
        "    month  : int\n",
        &format!("    month : int\n{columns}"),
        1,
    );
    let mut trains = String::new();
    for place in 0..40 {
        writeln!(
            trains,
            "  step t{place} = train(people, label = good) {{ architecture = linear, \
             seed = {place}\n exclude = [phone, income, age] }}"
        )
        .expect("a string");
    }
    let end = text.rfind('}').expect("the pipeline's end");
    text.insert_str(end, &trains);
    let checked = check_text(&text);
    assert!(checked.has_errors());
    let of = |status| {
        let all = checked.program.policies.iter();
        all.filter(|f| f.policy == "data_masking_before_training" && f.status == status)
            .count()
    };
    assert_eq!(of(PolicyStatus::Fail), 41 * 400);
    assert_eq!(of(PolicyStatus::Unknown), 0);
}

#[test]
fn what_a_limit_leaves_unjudged_is_an_error_and_never_a_pass() {
    let long = |letter: &str| letter.repeat(600_000);
    let (first, second) = (long("a"), long("b"));
    let steps = "    sex    : bool @protected\n    band   : bool @protected\n";
    let text = people(
        "  step parts = split(people) { train = 80%, test = 20% }",
        "parts.train",
        "exclude = [phone, income, age, sex, band]",
    );
    let text = text.replacen(
        "    month  : int\n",
        &format!("    month : int\n{steps}"),
        1,
    );
    let end = text.rfind('}').expect("the pipeline's end");
    let mut text = text;
    text.insert_str(
        end,
        "  step report = evaluate(model, parts.test) { fairness { by = [sex, band] } }\n",
    );
    assert_eq!(findings(&check_text(&text)), Vec::<String>::new());
    let text = text
        .replace("sex    :", &format!("{first} :"))
        .replace("band   :", &format!("{second} :"))
        .replace("[sex, band]", &format!("[{first}, {second}]"))
        .replace("age, sex, band]", &format!("age, {first}, {second}]"));
    let checked = check_text(&text);
    let codes = codes_at(&checked);
    assert_eq!(codes, [("E0532".to_owned(), "[gdpr]".to_owned())]);
    assert!(checked.has_errors());
    let unknown = checked.program.policies.iter().find(|f| f.code == "E0532");
    let unknown = unknown.expect("what was not judged");
    assert_eq!(unknown.status, PolicyStatus::Unknown);
    assert_eq!(unknown.policy, "model_fairness_report");
}

#[test]
fn a_purpose_and_a_time_must_be_one() {
    for (from, to, code, at) in [
        (
            "retention  = 90 days",
            "retention  = -90 days",
            "E0319",
            "-90 days",
        ),
        (
            "rotation = 90 days",
            "rotation = -1 days",
            "E0319",
            "-1 days",
        ),
        ("rotation = 90 days", "rotation = 0 s", "E0319", "0 s"),
        ("lasting = 5 min", "lasting = -5 min", "E0319", "-5 min"),
        ("latency(99%)", "latency(0%)", "E0319", "0%"),
    ] {
        let checked = check_text(&full_with(&[(from, to)]));
        let wanted = [(code.to_owned(), at.to_owned())];
        assert_eq!(codes_at(&checked), wanted, "{to}");
    }
    for fine in [
        ("retention  = 90 days", "retention  = 0 s"),
        ("latency(99%)", "latency(100%)"),
    ] {
        assert_eq!(
            findings(&check_text(&full_with(&[fine]))),
            Vec::<String>::new()
        );
    }
    let checked = check_text(&full_with(&[
        ("purpose = \"credit scoring\"", "purpose = \"\""),
        ("purposes = [\"credit scoring\"]", "purposes = [\"\"]"),
    ]));
    assert_eq!(
        codes_at(&checked),
        [("E0516".to_owned(), "\"\"".to_owned())]
    );
}

const SECOND: &str = "  step second = train(parts.train, label = good) {\n    \
    architecture = linear\n    exclude      = [sex, age_band, foreign_worker]\n    \
    needs        = [credit_amount, savings]\n  }\n\n  step release";

#[test]
fn a_release_waits_for_the_judgement_of_its_own_model() {
    let text = full_with(&[
        ("  step release", SECOND),
        ("register(model", "register(second"),
    ]);
    let checked = check_text(&text);
    assert_eq!(
        findings(&checked)[0],
        "E0434 at \"report\": `report` judges another model than the one that is released"
    );
    assert_eq!(
        checked
            .diagnostics
            .iter()
            .filter(|f| f.severity == Severity::Error)
            .count(),
        1
    );
    let also =
        "  step also = evaluate(second, parts.test) { require auc >= 60% }\n\n  step release";
    let text = text.replacen("  step release", also, 1);
    let text = text.replacen(
        "    explain = [permutation, partial_dependence, lime]\n",
        "",
        1,
    );
    let text = text.replacen(
        "{ require auc",
        "{ explain = [lime]\n fairness { by = [sex] }\n require auc",
        1,
    );
    let checked = check_text(&text);
    assert_eq!(
        codes_at(&checked)[0],
        ("E0434".to_owned(), "report".to_owned())
    );
    let again = mended(&text, &checked);
    assert!(
        again.contains("register(second, name = \"credit-risk\", gate = also)"),
        "{again}"
    );
    assert_eq!(findings(&check_text(&again)), Vec::<String>::new());
    let both = text.replacen("gate = report", "gate = [report, also]", 1);
    assert_eq!(
        codes_at(&check_text(&both)),
        [("E0434".to_owned(), "[report, also]".to_owned())]
    );
}

#[test]
fn a_gate_of_nothing_is_none_and_its_edit_names_the_judgement() {
    for gate in ["gate = none", "gate = []"] {
        let text = full_with(&[("gate = report", gate)]);
        let checked = check_text(&text);
        assert_eq!(
            codes_at(&checked),
            [("E0430".to_owned(), "register".to_owned())],
            "{gate}"
        );
        let again = mended(&text, &checked);
        assert!(again.contains("gate = report)"), "{gate}");
        assert_eq!(findings(&check_text(&again)), Vec::<String>::new());
    }
}

#[test]
fn a_model_is_judged_on_rows_that_it_never_saw() {
    let judged = "evaluate(model, parts.test)";
    let other = "  step model =";
    for (before, table, shares) in [
        ("", "parts.train", true),
        ("", "masked", true),
        (
            "  step more = derive(parts.train) { x = month + 1 }\n\n",
            "more",
            true,
        ),
        (
            "  step more = derive(parts.test) { x = month + 1 }\n\n",
            "more",
            false,
        ),
        (
            "  step more = derive(masked) { x = month + 1 }\n\n",
            "more",
            true,
        ),
        (
            "  step again = split(masked, stratify = good, seed = 8) {\n    \
             train = 80%, test = 20%\n  }\n\n",
            "again.test",
            true,
        ),
        (
            "  step again = split(masked, stratify = good, seed = 7) {\n    \
             train = 80%, test = 20%\n  }\n\n",
            "again.test",
            false,
        ),
        (
            "  step again = split(masked, stratify = good, seed = 7) {\n    \
             train = 80%, test = 20%\n  }\n\n",
            "again.train",
            true,
        ),
        (
            "  step again = split(parts.test) { train = 50%, test = 50% }\n\n",
            "again.train",
            false,
        ),
        (
            "  step again = split(parts.train) { train = 50%, test = 50% }\n\n",
            "again.train",
            true,
        ),
    ] {
        let inserted = format!("{before}{other}");
        let changed = format!("evaluate(model, {table})");
        let checked = check_text(&full_with(&[(other, &inserted), (judged, &changed)]));
        let wanted: &[(String, String)] = &[("E0435".to_owned(), table.to_owned())];
        let wanted = if shares { wanted } else { &[] };
        assert_eq!(codes_at(&checked), wanted, "{before}{table}");
    }
    let text = full_with(&[(judged, "evaluate(model, parts.train)")]);
    let again = mended(&text, &check_text(&text));
    assert_eq!(again, full_with(&[]));
}

#[test]
fn nothing_is_listed_twice_or_empty() {
    for (from, to, code, at) in [
        (
            "by        = [sex, age_band]",
            "by = [sex, age_band, sex]",
            "E0436",
            "sex",
        ),
        (
            "min_group = 10",
            "intersections = [[sex, sex]]",
            "E0436",
            "sex",
        ),
        ("min_group = 10", "intersections = [[]]", "E0228", "[]"),
        (
            "min_group = 10",
            "intersections = [[sex, age_band], [age_band, sex]]",
            "E0436",
            "[age_band, sex]",
        ),
        (
            "[permutation, partial_dependence, lime]",
            "[lime, lime]",
            "E0436",
            "lime",
        ),
        (
            "[credit_amount, savings]",
            "[savings, credit_amount, savings]",
            "E0436",
            "savings",
        ),
    ] {
        let text = full_with(&[(from, to)]);
        let checked = check_text(&text);
        assert_eq!(
            codes_at(&checked),
            [(code.to_owned(), at.to_owned())],
            "{to}"
        );
        if code == "E0436" {
            let again = check_text(&mended(&text, &checked));
            assert_eq!(findings(&again), Vec::<String>::new(), "{to}");
        }
    }
}

#[test]
fn only_what_is_personal_and_learned_from_is_needed() {
    for (column, why) in [
        ("month", "`month` is not personal"),
        ("sex", "`sex` is not learned from at all"),
        ("good", "`good` is the label, which is never learned from"),
    ] {
        let needs = format!("[{column}, credit_amount, savings]");
        let text = full_with(&[("[credit_amount, savings]", &needs)]);
        let checked = check_text(&text);
        assert_eq!(findings(&checked), [format!("E0437 at {column:?}: {why}")]);
        let again = mended(&text, &checked);
        assert!(again.contains("= [credit_amount, savings] "));
        assert_eq!(findings(&check_text(&again)), Vec::<String>::new());
    }
}
