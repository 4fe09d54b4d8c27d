//! How long it takes to judge the credit example's model with everything switched on, against a
//! ceiling.
//!
//! `cargo bench -p mlinfra-learn --bench judge --profile dev`; it ends with 1 above the ceiling.

mod credit;
#[path = "credit/split.rs"]
mod split;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use mlinfra_learn::{
    Architecture, Continue, EvaluateTask, FairnessTask, NoCheckpoints, evaluate, train,
};

/// The most that it may take.
const CEILING: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let data = credit::table();
    let features = credit::features(&data, &credit::EXCLUDED);
    let (seen, unseen) = split::split(&data, 7);
    let mlp = Architecture::Mlp {
        hidden: vec![32, 16],
        dropout: 0.0,
    };
    let task = credit::task(features, mlp, 7);
    let mut go = |_: &_| Continue::Go;
    let trained = train(&task, &seen, None, &mut NoCheckpoints, &mut go)
        .expect("the credit data can be learned");
    let by = vec!["sex".to_owned(), "age_band".to_owned()];
    let task = EvaluateTask {
        permutation: true,
        partial_dependence: true,
        lime: true,
        fairness: Some(FairnessTask {
            intersections: vec![by.clone()],
            by,
            min_group: 10,
        }),
        ..EvaluateTask::default()
    };
    let started = Instant::now();
    let mut parts: Vec<(String, Instant)> = Vec::new();
    let found = evaluate(&trained.model, &unseen, &task, &mut |progress| {
        let words = progress.note.split(' ');
        let words: Vec<&str> = words.filter(|word| !word.contains('/')).collect();
        let part = words.join(" ");
        if parts.last().is_none_or(|(last, _)| *last != part) {
            parts.push((part, Instant::now()));
        }
    })
    .expect("both labels are in the test part");
    let all = started.elapsed();
    let ends = parts.iter().skip(1).map(|(_, begin)| *begin);
    for ((part, begin), end) in parts.iter().zip(ends.chain([started + all])) {
        println!("{part:<32} {:>7.1} ms", (end - *begin).as_secs_f64() * 1e3);
    }
    println!(
        "{} rows, {} features: {:.1} ms in all; ceiling {:.0} ms",
        found.rows,
        trained.model.features().columns.len(),
        all.as_secs_f64() * 1e3,
        CEILING.as_secs_f64() * 1e3
    );
    for case in found.lime.iter().flat_map(|lime| &lime.cases) {
        println!(
            "{}: {:.3}, locally {:.3}, R² {:.3}, instability {:.5}",
            case.name, case.prediction, case.local_prediction, case.r_squared, case.instability
        );
    }
    match all <= CEILING {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
