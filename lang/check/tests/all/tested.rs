//! Tests of a spec: its parameters, and what must hold of it.

use mlinfra_api::{Condition, Dimension, Quantity, Value, Verdict};
use mlinfra_check::{CheckedTest, check_test};
use rust_decimal::Decimal;

use crate::gates::{block, full_with};
use crate::world::{CREDIT, Memory, check_text, codes_at, findings};

#[test]
fn two_tests_of_one_name_are_told_apart_by_nobody() {
    let mut text = CREDIT.to_owned();
    text.push_str("\ntest \"three replicas stay inside the budget\" { require 1 == 1 }\n");
    let found = codes_at(&check_text(&text));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "E0210");
}

fn tested(text: &str, name: &str, parameters: &[(&str, &str)]) -> CheckedTest {
    let mut world = Memory::default();
    let bytes = text.as_bytes().to_vec();
    world.files.insert("main.mlinfra".to_owned(), bytes);
    for (name, value) in parameters {
        world
            .parameters
            .insert((*name).to_owned(), (*value).to_owned());
    }
    check_test(&world, "main.mlinfra", name)
}

const NAME: &str = "three replicas stay inside the budget";

#[test]
fn a_test_is_the_spec_with_its_parameters() {
    assert_eq!(check_text(CREDIT).program.tests, [NAME]);
    let tested = tested(CREDIT, NAME, &[("replicas", "2")]);
    assert_eq!(findings(&tested.checked), Vec::<String>::new());
    let replicas = block(&tested.checked, "endpoint.score")
        .fields
        .get("replicas")
        .expect("it is there");
    assert_eq!(replicas.value, Value::Int(3));
    let [cost, count] = tested.gates.as_slice() else {
        panic!("two conditions: {:?}", tested.gates);
    };
    assert_eq!(cost.text, "cost.max <= 50 USD/month");
    assert_eq!(count.condition, Condition::Value(Value::Bool(true)));
    let cost_of = |amount: i64| {
        let dimension = Dimension::base("USD").times(&Dimension::base("second").inverse());
        let amount = Decimal::from(amount) / Decimal::from(2_628_000);
        Value::Quantity(Quantity::new(amount, dimension))
    };
    let judge = |amount| cost.condition.judge(&|_| Some(cost_of(amount)));
    assert_eq!(judge(50), Verdict::Holds);
    assert_eq!(judge(51), Verdict::Fails);
    assert_eq!(cost.condition.judge(&|_| None), Verdict::Open);
}

#[test]
fn a_test_may_ask_for_fields_of_every_block_and_may_fail() {
    let text = full_with(&[(
        "require count(all(endpoint)) == 1",
        "require [e.port for e in all(endpoint)] == [8080]\n  \
         require count(all(step)) == 7\n  \
         require count(all(endpoint)) == replicas",
    )]);
    assert_eq!(findings(&check_text(&text)), Vec::<String>::new());
    let tested = tested(&text, NAME, &[]);
    assert_eq!(findings(&tested.checked), Vec::<String>::new());
    let verdicts: Vec<Verdict> = (tested.gates.iter())
        .map(|gate| gate.condition.judge(&|_| None))
        .collect();
    use Verdict::{Fails, Holds, Open};
    assert_eq!(verdicts, [Open, Holds, Holds, Fails]);
}

#[test]
fn an_unknown_test_is_a_finding() {
    let tested = tested(CREDIT, "nothing", &[]);
    let codes: Vec<&str> = tested
        .checked
        .diagnostics
        .iter()
        .map(|one| one.code.0)
        .collect();
    assert_eq!(codes, ["E0227"]);
    assert!(tested.gates.is_empty() && tested.checked.has_errors());
}
