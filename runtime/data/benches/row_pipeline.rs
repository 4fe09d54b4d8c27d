//! How long the replay of the credit example's row steps takes for one request, and for many.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use mlinfra_api::{
    Column, ColumnBase, ColumnType, RowExpression, RowOperator, Scalar, TableType, Value,
};
use mlinfra_data::{RowPipeline, request_batch};
use mlinfra_runtime_spec::{RequestSchema, RowStep, ServingRecipe};
use serde_json::{Map, Value as Json, json};

fn table(names: &[(&str, ColumnBase)]) -> TableType {
    let column = |(name, base): &(&str, ColumnBase)| Column {
        name: (*name).to_owned(),
        column_type: ColumnType {
            base: *base,
            nullable: false,
        },
        classes: Default::default(),
    };
    TableType {
        columns: names.iter().map(column).collect(),
    }
}

fn recipe() -> ServingRecipe {
    const CATEGORY: ColumnBase = ColumnBase::Category;
    const INT: ColumnBase = ColumnBase::Int;
    let names = [
        "status",
        "credit_history",
        "purpose",
        "savings",
        "employment",
        "property",
        "housing",
        "other_debtors",
        "installment_plans",
        "skill_level",
    ];
    let mut kept: Vec<(&str, ColumnBase)> = names.iter().map(|name| (*name, CATEGORY)).collect();
    kept.extend([("month", INT), ("credit_amount", INT), ("age", INT)]);
    let mut raw = kept.clone();
    raw.push(("personal_status", CATEGORY));
    let mut derived = raw.clone();
    derived.extend([("sex", CATEGORY), ("age_band", CATEGORY)]);
    let mut masked = kept;
    masked.extend([("sex", CATEGORY), ("age_band", CATEGORY)]);
    let column = |name: &str| Box::new(RowExpression::Column(name.to_owned()));
    let text = |text: &str| Scalar::String(text.to_owned());
    let choose = |condition, then, otherwise| {
        Value::Row(RowExpression::If {
            condition: Box::new(condition),
            then: Box::new(RowExpression::Literal(text(then))),
            otherwise: Box::new(RowExpression::Literal(text(otherwise))),
        })
    };
    let female = RowExpression::In {
        operand: column("personal_status"),
        set: vec![text("A92"), text("A95")],
    };
    let young = RowExpression::Binary {
        operator: RowOperator::Less,
        left: column("age"),
        right: Box::new(RowExpression::Literal(Scalar::Int(25))),
    };
    let bucket = Value::Case {
        name: "bucket".to_owned(),
        arguments: BTreeMap::from([("width".to_owned(), Value::Int(5))]),
    };
    ServingRecipe {
        request: RequestSchema::of(&table(&raw)),
        steps: vec![
            RowStep {
                operation: "derive".to_owned(),
                entries: vec![
                    ("sex".to_owned(), choose(female, "female", "male")),
                    ("age_band".to_owned(), choose(young, "youth", "adult")),
                ],
                result: table(&derived),
            },
            RowStep {
                operation: "mask".to_owned(),
                entries: vec![
                    ("personal_status".to_owned(), Value::case("drop")),
                    ("age".to_owned(), bucket),
                ],
                result: table(&masked),
            },
        ],
    }
}

fn rows(recipe: &ServingRecipe, count: usize) -> Vec<Map<String, Json>> {
    let cell = |index: usize, name: &str| match name {
        "month" | "credit_amount" | "age" => json!(20 + index % 50),
        _ => json!(format!("A{}", 91 + index % 5)),
    };
    let row = |index: usize| {
        let fields = recipe.request.fields.iter();
        fields
            .map(|field| (field.name.clone(), cell(index, &field.name)))
            .collect()
    };
    (0..count).map(row).collect()
}

fn main() {
    let recipe = recipe();
    let started = Instant::now();
    let pipeline = RowPipeline::new(&recipe).expect("the recipe fits");
    println!("prepare: {:.0} µs", started.elapsed().as_secs_f64() * 1e6);
    for (count, repeats) in [(1, 2000), (100, 200), (10_000, 5)] {
        let rows = rows(&recipe, count);
        let mut parsing = Vec::new();
        let mut running = Vec::new();
        for _ in 0..repeats {
            let started = Instant::now();
            let batch = request_batch(&recipe.request, &rows).expect("the rows fit");
            parsing.push(started.elapsed().as_secs_f64() * 1e6);
            let started = Instant::now();
            black_box(pipeline.run(&batch).expect("the rows can be computed"));
            running.push(started.elapsed().as_secs_f64() * 1e6);
        }
        for (name, times) in [("rows to batch", &mut parsing), ("row steps", &mut running)] {
            times.sort_by(f64::total_cmp);
            let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
            println!(
                "{count:>6} rows, {name:>13}: p50 {:.1} µs, p95 {:.1} µs",
                at(0.5),
                at(0.95)
            );
        }
    }
}
