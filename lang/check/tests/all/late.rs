//! What only apply will know: it flows into outputs and policies, and nothing that is planned rests
//! on it.

use mlinfra_check::PolicyStatus;

use crate::world::{check_text, codes_at, findings};

/// A report, an endpoint and a pool that is searched for.
const BASE: &str = r#"
target here = local(country = "DE")
pool worker on here { cpus >= 1 }
dataset people {
  from = file("people.csv")
  columns {
    age    : int
    income : int
    good   : bool  @label
  }
}
pipeline risk on worker {
  step parts   = split(people, stratify = good) { train = 80%, test = 20% }
  step model   = train(parts.train, label = good) { architecture = linear }
  step report  = evaluate(model, parts.test) { require auc >= 0.7 }
  step release = register(model, name = "credit", gate = report)
}
endpoint score on worker { model = risk.release }
"#;

fn faults(more: &str) -> Vec<(String, String)> {
    codes_at(&check_text(&format!("{BASE}{more}\n")))
}

#[test]
fn a_plan_rests_on_nothing_that_only_apply_knows() {
    for (entry, at) in [
        (
            "endpoint b on worker { model = risk.release, replicas = risk.report.rows, port = 81 }",
            "risk.report.rows",
        ),
        (
            "endpoint b on worker { model = risk.release, host = score.url, port = 81 }",
            "score.url",
        ),
        (
            "storage q on here { capacity = 1 KiB * risk.report.rows }",
            "1 KiB * risk.report.rows",
        ),
        (
            "storage q on here for x in [1, 2] { capacity = 1 KiB * risk.report.rows }",
            "1 KiB * risk.report.rows",
        ),
        ("pool b on here { cpus = worker.cpus }", "worker.cpus"),
        (
            "pool b on here { cpus >= risk.report.rows * 2 }",
            "risk.report.rows * 2",
        ),
        (
            "budget b { limit = 3 USD/month, warn_at = risk.report.auc }",
            "risk.report.auc",
        ),
        (
            "target b = local(country = score.url)",
            "local(country = score.url)",
        ),
        ("secret b = env(score.url)", "env(score.url)"),
        (
            "secret b = env(\"A_${score.url}\")",
            "env(\"A_${score.url}\")",
        ),
        (
            "pipeline b on worker {\n  step m = train(risk.parts.train, label = good) {\n\
             architecture = linear\n epochs = risk.report.rows\n }\n}",
            "risk.report.rows",
        ),
        (
            "pipeline b on worker {\n  step p = split(people, seed = risk.report.rows) {\n\
             a = 80%\n b = 20%\n }\n}",
            "risk.report.rows",
        ),
        (
            "pipeline b on worker {\n  step p = split(people) {\n a = risk.report.auc\n b = \
             20%\n }\n}",
            "risk.report.auc",
        ),
    ] {
        let expected = [("E0318".to_owned(), at.to_owned())];
        assert_eq!(faults(entry), expected, "{entry}");
    }
}

#[test]
fn an_output_shows_what_apply_finds_out_and_nothing_computed_from_it() {
    for entry in [
        "output a = risk.report.auc",
        "output a = [score.url, \"x\"]",
        "output a = { at = score.url, auc = risk.report.auc }",
        "output a = \"${score.url}/health\"",
        "output a = worker",
        "output a = risk.parts.train",
        "let unused = risk.report.auc * 2",
    ] {
        assert_eq!(faults(entry), [], "{entry}");
    }
    for (entry, at) in [
        ("output a = upper(score.url)", "upper(score.url)"),
        (
            "output a = \"${round(risk.report.auc)}\"",
            "\"${round(risk.report.auc)}\"",
        ),
        ("output a = worker.cpus", "worker.cpus"),
    ] {
        let expected = [("E0318".to_owned(), at.to_owned())];
        assert_eq!(faults(entry), expected, "{entry}");
    }
}

#[test]
fn a_policy_over_it_is_not_decided() {
    for condition in [
        "risk.report.auc > 0.5",
        "(if risk.report.auc > 0.5 then true else false)",
        "(match risk.report.rows { 0 => false, _ => true })",
    ] {
        let checked = check_text(&format!(
            "{BASE}policy p {{\n  severity = low\n  require {condition} else \"no\"\n}}\n"
        ));
        assert_eq!(findings(&checked), [] as [String; 0], "{condition}");
        let status: Vec<_> = (checked.program.policies.iter())
            .map(|finding| finding.status)
            .collect();
        assert_eq!(status, [PolicyStatus::Unknown], "{condition}");
    }
}
