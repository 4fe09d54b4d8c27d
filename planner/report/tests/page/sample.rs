//! A report with every section, as a run of the credit example would give it, made by formulas.

use mlinfra_api::Verdict;
use mlinfra_report::{
    Edge, Endpoint, Fact, Gate, Lineage, Model, Node, NodeKind, Operation, Outcome, Policy,
    REPORT_FORMAT, Released, Report, Step,
};

use mlinfra_runtime_spec::evaluation::{
    CalibrationBin, Confusion, DependencePoint, EVALUATION_FORMAT, Evaluation, Fairness,
    FeatureImportance, Group, Importance, Lime, LimeCase, LimeWeight, Measure, PartialDependence,
    RocPoint,
};
use mlinfra_runtime_spec::history::{EpochFigures, History};

use crate::tables::{flow, table};

const KEY: &str = "5daff36a32fffebb94402bb749378b811f40d85f31384a562ddfa8f0f900bef7";
const FEATURES: [&str; 12] = [
    "status",
    "month",
    "credit_amount",
    "credit_history",
    "purpose",
    "savings",
    "age",
    "employment",
    "investment_as_income_percentage",
    "housing",
    "property",
    "number_of_credits",
];

/// Everything at once.
pub(crate) fn report() -> Report {
    Report {
        format: REPORT_FORMAT,
        project: "credit".to_owned(),
        program: "mlinfra 0.1.0".to_owned(),
        operation: Some(Operation {
            name: "op-3".to_owned(),
            who: "ada@laptop".to_owned(),
            command: "mlinfra apply -y".to_owned(),
            started: "2026-11-22T11:26:55Z".to_owned(),
            ended: Some("2026-11-22T11:27:04Z".to_owned()),
            seconds: Some(9.0),
            outcome: "4 done".to_owned(),
        }),
        models: vec![model()],
        steps: steps(),
        resources: [
            (
                "key.vault",
                "256-bit key; rotation is recorded, not enforced",
            ),
            (
                "pool.worker",
                "reserves 2 of 2 cpus, 1 GiB of 23 GiB memory",
            ),
            (
                "storage.lake",
                "folder, at most 2 GiB, sealed with key.vault",
            ),
        ]
        .map(fact)
        .to_vec(),
        tables: vec![
            table("applicants", "As it was read", 1000),
            table("risk.parts.train", "What the model learned from", 800),
        ],
        lineage: lineage(),
        flow: flow(),
        policies: policies(),
        missing: vec![fact((
            "monitoring",
            "the endpoint was not asked: `mlinfra show endpoint.score` says how it is",
        ))],
    }
}

fn fact((name, text): (&str, &str)) -> Fact {
    Fact {
        name: name.to_owned(),
        text: text.to_owned(),
    }
}

/// A measure with an interval of this half width.
pub(crate) fn measure(name: &str, value: f64, around: f64, interval: &str) -> Measure {
    Measure {
        name: name.to_owned(),
        value: Some(value),
        low: Some((value - around).max(0.0)),
        high: Some((value + around).min(1.0)),
        interval: interval.to_owned(),
        undefined: None,
    }
}

fn bare(name: &str, value: f64) -> Measure {
    Measure {
        name: name.to_owned(),
        value: Some(value),
        ..Measure::default()
    }
}

fn undefined(name: &str, reason: &str) -> Measure {
    Measure {
        name: name.to_owned(),
        undefined: Some(reason.to_owned()),
        ..Measure::default()
    }
}

fn model() -> Model {
    Model {
        name: "credit-risk".to_owned(),
        trained_by: "risk/step.model".to_owned(),
        judged_by: "risk/step.report".to_owned(),
        judged_on: "risk.parts.test".to_owned(),
        key: Some(KEY.to_owned()),
        released: Released::Yes,
        endpoints: vec![Endpoint {
            address: "endpoint.score".to_owned(),
            url: Some("http://127.0.0.1:8080".to_owned()),
            serves: Some(KEY.to_owned()),
        }],
        gates: vec![
            Gate {
                text: "auc >= 0.70".to_owned(),
                message: None,
                verdict: Verdict::Holds,
                figures: vec![measure("auc", 0.778, 0.07, "delong")],
            },
            Gate {
                text: "disparate_impact(sex) >= 0.80".to_owned(),
                message: Some("women and men must be selected about equally often".to_owned()),
                verdict: Verdict::Holds,
                figures: vec![bare("disparate_impact(sex)", 0.873)],
            },
        ],
        evaluation: Some(evaluation()),
        history: Some(History {
            epochs: (1..=30).map(epoch).collect(),
            ..History::default()
        }),
    }
}

fn epoch(epoch: u32) -> EpochFigures {
    let passed = f64::from(epoch);
    EpochFigures {
        epoch,
        loss: 0.36 + 0.33 * (-passed / 7.0).exp(),
        validation_loss: Some(0.49 + 0.19 * (-passed / 5.0).exp() + 0.000_05 * passed * passed),
        validation_auc: Some(0.79 - 0.2 * (-passed / 4.0).exp()),
    }
}

fn evaluation() -> Evaluation {
    let roc = (0..=60).map(|place| {
        let at = f64::from(place) / 60.0;
        RocPoint {
            false_positive_rate: at,
            true_positive_rate: at.powf(0.285),
        }
    });
    let bins = (1..10).map(|place| {
        let from = f64::from(place) / 10.0;
        let observed = from + 0.05 + 0.04 * (f64::from(place) * 1.7).sin();
        CalibrationBin {
            from,
            to: from + 0.1,
            rows: 10 + 5 * place as u64,
            predicted: from + 0.052,
            observed,
            low: (observed - 0.14).max(0.0),
            high: (observed + 0.12).min(1.0),
        }
    });
    Evaluation {
        format: EVALUATION_FORMAT,
        label: "good".to_owned(),
        rows: 200,
        positives: 140,
        threshold: 0.5,
        quality: vec![
            measure("auc", 0.778, 0.07, "delong"),
            measure("accuracy", 0.725, 0.06, "wilson"),
            measure("precision", 0.797, 0.06, "wilson"),
            measure("recall", 0.814, 0.06, "wilson"),
            bare("log_loss", 0.512),
            measure("brier", 0.168, 0.02, "bootstrap"),
            bare("calibration_error", 0.041),
        ],
        roc: roc.collect(),
        calibration: bins.collect(),
        confusion: Confusion {
            true_positives: 114,
            false_positives: 29,
            true_negatives: 31,
            false_negatives: 26,
        },
        fairness: vec![by_sex(), by_both()],
        importance: Some(importance()),
        partial_dependence: FEATURES.iter().enumerate().map(dependence).collect(),
        lime: Some(lime()),
    }
}

fn group(name: &str, rows: u64, positives: u64, shift: f64) -> Group {
    let width = 0.98 / (rows as f64).sqrt();
    Group {
        name: name.to_owned(),
        rows,
        positives,
        rates: vec![
            measure("base_rate", positives as f64 / rows as f64, width, "wilson"),
            measure("selection_rate", 0.74 + shift, width, "wilson"),
            measure("true_positive_rate", 0.86 + shift / 2.0, width, "wilson"),
            measure("false_positive_rate", 0.45 + shift, width, "wilson"),
            measure("false_negative_rate", 0.14 - shift / 2.0, width, "wilson"),
            measure("precision", 0.81 + shift / 3.0, width, "wilson"),
            measure("accuracy", 0.76 + shift / 3.0, width, "wilson"),
        ],
    }
}

fn by_sex() -> Fairness {
    Fairness {
        by: vec!["sex".to_owned()],
        min_group: 10,
        groups: vec![
            group("female", 62, 40, -0.06),
            group("male", 138, 100, 0.03),
        ],
        measures: vec![
            bare("disparate_impact", 0.873),
            bare("demographic_parity_difference", 0.097),
            bare("equalized_odds_difference", 0.09),
            bare("equalized_odds_ratio", 0.81),
            bare("equal_opportunity_difference", 0.045),
            bare("equal_opportunity_ratio", 0.949),
        ],
        missing: 0.0,
    }
}

fn by_both() -> Fairness {
    let reason = "group \"male, youth\" has 8 rows, at least 10 are required";
    let mut small = group("male, youth", 8, 0, -0.02);
    for rate in &mut small.rates {
        if rate.name == "true_positive_rate" || rate.name == "false_negative_rate" {
            *rate = undefined(&rate.name, "no row of this group is positive");
        }
    }
    let names = ["disparate_impact", "demographic_parity_difference"];
    Fairness {
        by: vec!["sex".to_owned(), "age_band".to_owned()],
        min_group: 10,
        groups: vec![
            group("female, adult", 41, 29, -0.05),
            group("female, youth", 21, 11, -0.13),
            group("male, adult", 128, 96, 0.04),
            small,
        ],
        measures: names.map(|name| undefined(name, reason)).to_vec(),
        missing: 0.01,
    }
}

fn importance() -> Importance {
    let features = FEATURES
        .iter()
        .enumerate()
        .map(|(rank, name)| FeatureImportance {
            feature: (*name).to_owned(),
            mean: 0.092 * (-(rank as f64) / 2.6).exp() - 0.002,
            standard_deviation: 0.004 + 0.012 * (-(rank as f64) / 3.0).exp(),
        });
    Importance {
        measure: "auc".to_owned(),
        score: 0.778,
        repeats: 10,
        features: features.collect(),
    }
}

fn dependence((place, feature): (usize, &&str)) -> PartialDependence {
    let is_number = place % 3 != 0;
    let points = (0..if is_number { 20 } else { 4 }).map(|step| {
        let mean = 0.7 + 0.12 * (f64::from(step) / 3.0 + place as f64).sin();
        DependencePoint {
            at: is_number.then_some(f64::from(step) * 4.0),
            name: match is_number {
                true => format!("{}", step * 4),
                false => format!("A1{step}"),
            },
            mean,
            low: mean - 0.2,
            high: mean + 0.15,
        }
    });
    PartialDependence {
        feature: (*feature).to_owned(),
        points: points.collect(),
    }
}

fn lime() -> Lime {
    let case = |name: &str, prediction: f64, r_squared: f64| LimeCase {
        name: name.to_owned(),
        prediction,
        local_prediction: prediction + 0.02,
        intercept: 0.4,
        r_squared,
        instability: 0.006,
        weights: FEATURES
            .iter()
            .enumerate()
            .map(|(rank, feature)| LimeWeight {
                feature: (*feature).to_owned(),
                weight: 0.14
                    * (0.7 - prediction)
                    * (-(rank as f64) / 4.0).exp()
                    * if rank % 3 == 1 { -1.6 } else { 1.0 },
            })
            .collect(),
    };
    Lime {
        samples: 5000,
        seed: 0,
        faithful_from: 0.7,
        cases: vec![
            case("lowest prediction", 0.081, 0.83),
            case("middle prediction", 0.741, 0.91),
            case("highest prediction", 0.987, 0.55),
        ],
    }
}

fn steps() -> Vec<Step> {
    let step = |name: &str, operation: &str, outcome: Outcome, seed: Option<i64>| Step {
        address: name.to_owned(),
        operation: operation.to_owned(),
        version: 2,
        made_in: Some(
            if outcome == Outcome::Ran {
                "op-3"
            } else {
                "op-1"
            }
            .to_owned(),
        ),
        outcome,
        key: Some(KEY.to_owned()),
        exact: Some(true),
        threads: Some(2),
        seed,
        rows: Some(1000),
    };
    vec![
        step("dataset.applicants", "ingest", Outcome::Kept, None),
        step("risk/step.clean", "drop_nulls", Outcome::Kept, None),
        step("risk/step.people", "derive", Outcome::Kept, None),
        step("risk/step.masked", "mask", Outcome::Kept, None),
        step("risk/step.parts", "split", Outcome::Kept, Some(7)),
        step("risk/step.model", "train", Outcome::Ran, Some(7)),
        step("risk/step.report", "evaluate", Outcome::Ran, Some(0)),
        step("risk/step.release", "register", Outcome::Ran, None),
    ]
}

fn lineage() -> Lineage {
    let node = |id: &str, text: &str, kind: NodeKind| Node {
        id: id.to_owned(),
        name: id.to_owned(),
        text: text.to_owned(),
        kind,
        exists: true,
    };
    let edge = |(from, to, label): (&str, &str, &str)| Edge {
        from: from.to_owned(),
        to: to.to_owned(),
        label: label.to_owned(),
    };
    Lineage {
        nodes: vec![
            node("german_credit.csv", "file", NodeKind::File),
            node("applicants", "dataset, 1,000 rows", NodeKind::Table),
            node("risk.clean", "drop_nulls, 1,000 rows", NodeKind::Table),
            node("risk.people", "derive, 1,000 rows", NodeKind::Table),
            node("risk.masked", "mask, 1,000 rows", NodeKind::Table),
            node("risk.parts", "split, 1,000 rows", NodeKind::Table),
            node("risk.model", "train, 2,273 parameters", NodeKind::Model),
            node(
                "risk.report",
                "evaluate, 2 of 2 gates hold",
                NodeKind::Evaluation,
            ),
            node("risk.release", "register, credit-risk", NodeKind::Model),
            node("score", "endpoint at 127.0.0.1:8080", NodeKind::Endpoint),
        ],
        edges: [
            ("german_credit.csv", "applicants", ""),
            ("applicants", "risk.clean", ""),
            ("risk.clean", "risk.people", ""),
            ("risk.people", "risk.masked", ""),
            ("risk.masked", "risk.parts", ""),
            ("risk.parts", "risk.model", "train"),
            ("risk.parts", "risk.report", "test"),
            ("risk.model", "risk.report", ""),
            ("risk.model", "risk.release", ""),
            ("risk.report", "risk.release", "gate"),
            ("risk.release", "score", ""),
        ]
        .map(edge)
        .to_vec(),
    }
}

fn policies() -> Vec<Policy> {
    let policy = |name: &str, status: &str, cites: &str, message: &str| Policy {
        name: name.to_owned(),
        pack: Some("gdpr".to_owned()),
        title: format!("Policy {name} holds"),
        status: status.to_owned(),
        severity: "high".to_owned(),
        cites: vec![cites.to_owned()],
        subject: "dataset.applicants".to_owned(),
        message: message.to_owned(),
    };
    vec![
        policy(
            "masked",
            "pass",
            "GDPR Art. 25(1)",
            "every personal column is masked",
        ),
        policy(
            "retention",
            "pass",
            "GDPR Art. 5(1)(e)",
            "storage.lake keeps 90 days",
        ),
        policy(
            "impact",
            "manual",
            "GDPR Art. 35",
            "is a data protection impact assessment needed?",
        ),
    ]
}
