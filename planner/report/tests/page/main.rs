//! The page as its readers get it: whole, safe, the same every time, and without what is missing.

mod sample;
mod tables;

use std::collections::BTreeSet;

use mlinfra_api::Verdict;
use mlinfra_report::{Endpoint, Fact, Model, Operation, Released, Report, render};
use mlinfra_runtime_spec::evaluation::{Evaluation, PartialDependence};

/// Every place that a text of the user's can come from holds this.
const HOSTILE: &str = "</svg></style><script>alert(1)</script>\"'&{{ 7 * 7 }}{% raw %}";

/// The values of an attribute, in order.
fn values<'p>(page: &'p str, attribute: &str) -> Vec<&'p str> {
    let opener = format!(" {attribute}=\"");
    let pieces = page.split(opener.as_str()).skip(1);
    pieces.filter_map(|piece| piece.split('"').next()).collect()
}

#[test]
fn has_every_section_and_links_only_to_them() {
    let page = render(&sample::report());
    for id in [
        "summary-1",
        "learning-1",
        "quality-1",
        "fairness-1",
        "explain-1",
        "run",
        "data",
        "lineage",
        "columns",
        "policies",
        "missing",
    ] {
        assert!(page.contains(&format!("<section id=\"{id}\"")), "{id}");
        assert!(
            values(&page, "href").contains(&format!("#{id}").as_str()),
            "{id}"
        );
    }
    let ids = values(&page, "id");
    let distinct: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), distinct.len(), "every id stands once");
    for target in values(&page, "href") {
        let id = target.strip_prefix('#').expect("a link into the page");
        assert!(distinct.contains(id), "{id}");
    }
    for told in [
        "0.778",
        "0.708 to 0.848",
        "group &quot;male, youth&quot; has 8 rows",
    ] {
        assert!(page.contains(told), "{told}");
    }
}

#[test]
fn names_no_other_place_and_runs_nothing() {
    let page = render(&sample::report());
    assert!(page.contains("default-src 'none'; style-src 'unsafe-inline'"));
    for banned in [
        "<script",
        "<link",
        "<img",
        "<iframe",
        "url(",
        "@import",
        "javascript:",
        "src=",
    ] {
        assert!(!page.contains(banned), "{banned}");
    }
    // The endpoint's own address is told, not linked.
    assert!(!page.contains("://") && page.contains("http:&#x2f;&#x2f;127.0.0.1:8080"));
}

#[test]
fn headings_are_in_order_and_every_drawing_is_told() {
    let page = render(&sample::report());
    assert!(page.contains("<html lang=\"en\">"));
    let mut before = 0;
    for piece in page.split("<h").skip(1) {
        let Some(level) = piece.chars().next().and_then(|digit| digit.to_digit(10)) else {
            continue;
        };
        assert!(
            level <= before + 1,
            "h{level} behind h{before}: {}",
            &piece[..40]
        );
        before = level;
    }
    let drawings = page.matches("<svg").count();
    let told = page.split("<svg").skip(1);
    let told = told.filter(|drawing| {
        let tag = drawing.split('>').next().unwrap_or_default();
        tag.contains("role=\"img\"") && values(tag, "aria-label").iter().all(|text| text.len() > 9)
    });
    assert_eq!(told.count(), drawings);
    assert!(drawings > 25, "{drawings}");
}

#[test]
fn is_the_same_every_time_and_after_a_trip_through_json() {
    let report = sample::report();
    let page = render(&report);
    assert_eq!(page, render(&report));
    let text = serde_json::to_string(&report).expect("it can be written");
    let again: Report = serde_json::from_str(&text).expect("it can be read");
    assert_eq!(again, report);
    assert_eq!(render(&again), page);
}

#[test]
fn no_text_becomes_markup() {
    let text = serde_json::to_value(sample::report()).expect("it can be written");
    let report: Report = serde_json::from_value(planted(text, "")).expect("it can be read");
    let page = render(&report);
    assert!(
        page.contains("&lt;script&gt;alert(1)"),
        "the texts are there"
    );
    assert!(
        page.contains("{{ 7 * 7 }}{% raw %}"),
        "no text is a template"
    );
    assert!(!page.contains("<script"));
    assert_eq!(page.matches("</svg>").count(), page.matches("<svg").count());
    assert_eq!(page.matches("</style>").count(), 1);
    assert_eq!(page.matches("</body>").count(), 1);
}

/// The same data with [`HOSTILE`] behind every text that is not one of a few words.
fn planted(value: serde_json::Value, name: &str) -> serde_json::Value {
    use serde_json::Value;
    const CLOSED: [&str; 9] = [
        "is", "kind", "verdict", "of", "base", "uses", "started", "ended", "serves",
    ];
    match value {
        Value::String(text) if !CLOSED.contains(&name) => Value::String(text + HOSTILE),
        Value::Array(list) => list.into_iter().map(|one| planted(one, name)).collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(name, value)| {
                let value = planted(value, &name);
                (name, value)
            })
            .collect(),
        other => other,
    }
}

#[test]
fn what_is_missing_is_left_out_and_said() {
    let nothing = render(&Report {
        project: "empty".to_owned(),
        missing: vec![Fact {
            name: "quality".to_owned(),
            text: "the store is gone".to_owned(),
        }],
        ..Report::default()
    });
    assert!(nothing.contains("Nothing was applied yet"));
    assert!(nothing.contains("the store is gone") && nothing.contains("id=\"missing\""));
    for absent in [
        "summary-1",
        "quality-1",
        "lineage",
        "columns",
        "policies",
        "data",
    ] {
        assert!(!nothing.contains(&format!("id=\"{absent}\"")), "{absent}");
    }
    let applied = render(&Report {
        operation: Some(Operation::default()),
        models: vec![Model::default()],
        ..Report::default()
    });
    assert!(applied.contains("id=\"summary-1\"") && !applied.contains("id=\"quality-1\""));
}

/// No reader of a report may be able to break the page by odd figures.
#[test]
fn odd_figures_do_no_harm() {
    let mut report = sample::report();
    report.tables.push(tables::empty_table());
    let model = &mut report.models[0];
    model.history = Some(Default::default());
    let mut other = model.clone();
    other.evaluation = Some(Evaluation {
        partial_dependence: vec![PartialDependence::default()],
        fairness: vec![Default::default()],
        lime: Some(Default::default()),
        importance: Some(Default::default()),
        quality: vec![
            sample::measure("auc", f64::NAN, f64::INFINITY, ""),
            sample::measure("log_loss", 1e300, 1e-300, ""),
        ],
        ..Evaluation::default()
    });
    report.models.push(other);
    let page = render(&report);
    assert!(page.contains("Summary of credit-risk") && page.contains("id=\"quality-2\""));
    assert!(page.contains("undefined") && !page.contains("NaN"));
}

#[test]
fn the_headline_says_how_it_stands() {
    let headline = |change: &dyn Fn(&mut Model)| {
        let mut report = sample::report();
        change(&mut report.models[0]);
        let page = render(&report);
        let line = page
            .split("<p class=\"headline")
            .nth(1)
            .expect("there is a headline");
        line.split("</p>").next().unwrap_or_default().to_owned()
    };
    let failing = |model: &mut Model| {
        model.gates[0].verdict = Verdict::Fails;
        model.key = Some("another".to_owned());
    };
    let served = headline(&|_| {});
    assert!(
        served.contains("good") && served.contains("Served by endpoint.score"),
        "{served}"
    );
    let held = headline(&|model| {
        failing(model);
        let reason = "a gate does not hold".to_owned();
        model.released = Released::No { reason };
    });
    assert!(
        held.contains("bad") && held.contains("Not released: a gate does not hold"),
        "{held}"
    );
    assert!(
        held.contains("goes on serving the earlier model 5daff36a32ff"),
        "{held}"
    );
    let raised = headline(&|model| model.gates[1].verdict = Verdict::Undefined);
    assert!(
        raised.contains("bad") && raised.contains("one of its gates fails now"),
        "{raised}"
    );
    let alone = headline(&|model| model.endpoints = Vec::new());
    assert!(
        alone.contains("good") && alone.contains("Released. No endpoint asks"),
        "{alone}"
    );
    let down = headline(&|model| {
        model.endpoints = vec![Endpoint {
            address: "endpoint.score".to_owned(),
            ..Endpoint::default()
        }];
    });
    assert!(
        down.contains("bad") && down.contains("does not serve"),
        "{down}"
    );
    let judged = headline(&|model| {
        model.released = Released::Unasked;
        model.endpoints = Vec::new();
    });
    assert!(
        judged.contains("open") && judged.contains("releases it nowhere"),
        "{judged}"
    );
}
