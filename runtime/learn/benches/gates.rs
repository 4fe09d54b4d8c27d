//! In how many of 20 seeds the credit example's model passes its own gates.
//!
//! `cargo bench -p mlinfra-learn --bench gates --profile dev`; it ends with 1 if fewer than 19 do.
//! Names after `--` are excluded from training too; `epochs=20` and the like are taken as settings.

mod credit;
#[path = "credit/split.rs"]
mod split;

use std::process::ExitCode;

use mlinfra_learn::{
    Architecture, Continue, EvaluateTask, FairnessTask, NoCheckpoints, evaluate, train,
};

const SEEDS: u64 = 20;
const PASSED_MIN: usize = 19;
const AUC_MIN: f64 = 0.70;
const IMPACT_MIN: f64 = 0.80;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let given = |name: &str| -> Option<f64> {
        let found = words.iter().find_map(|word| word.strip_prefix(name))?;
        found.strip_prefix('=')?.parse().ok()
    };
    let data = credit::table();
    let mut excluded: Vec<&str> = credit::EXCLUDED.into();
    excluded.extend(
        words
            .iter()
            .map(String::as_str)
            .filter(|word| !word.contains('=')),
    );
    let features = credit::features(&data, &excluded);
    println!(
        "{} features, without {}",
        features.columns.len(),
        excluded.join(", ")
    );
    let mut passed = 0;
    for seed in 0..SEEDS {
        let (seen, unseen) = split::split(&data, seed.cast_signed());
        let mlp = Architecture::Mlp {
            hidden: vec![32, 16],
            dropout: given("dropout").unwrap_or(0.0),
        };
        let mut task = credit::task(features.clone(), mlp, seed);
        task.epochs = given("epochs").unwrap_or(30.0) as u32;
        task.weight_decay = given("weight_decay").unwrap_or(task.weight_decay);
        let mut go = |_: &_| Continue::Go;
        let trained = train(&task, &seen, None, &mut NoCheckpoints, &mut go)
            .expect("the credit data can be learned");
        let task = EvaluateTask {
            fairness: Some(FairnessTask {
                by: vec!["sex".to_owned(), "age_band".to_owned()],
                intersections: Vec::new(),
                min_group: 10,
            }),
            ..EvaluateTask::default()
        };
        let found = evaluate(&trained.model, &unseen, &task, &mut |_| {})
            .expect("both labels are in the test part");
        let figures = found.figures();
        let holds = |name: &str, least: f64| figures[name].is_some_and(|value| value >= least);
        let both = holds("auc", AUC_MIN) && holds("disparate_impact(sex)", IMPACT_MIN);
        passed += usize::from(both);
        let shown =
            |name: &str| figures[name].map_or("-".to_owned(), |value| format!("{value:.3}"));
        println!(
            "seed {seed:>2}: auc {}, disparate impact by sex {}, by age band {}, accuracy {}: {}",
            shown("auc"),
            shown("disparate_impact(sex)"),
            shown("disparate_impact(age_band)"),
            shown("accuracy"),
            if both { "both hold" } else { "FAILS" }
        );
    }
    println!("{passed} of {SEEDS} seeds pass both gates; {PASSED_MIN} are wanted");
    match passed >= PASSED_MIN {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
