//! What a plan costs, whether its budgets reach, and monitors.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mlinfra_api::{
    Address, Condition, Dimension, Figure, Lower, Portable, Price, Quantity, Reference, Refusal,
    Resource, RowOperator, Snapshot, Value, Verdict,
};
use mlinfra_check::{Block, Field, FileId, Gate, Program, Span};
use mlinfra_local::LocalLower;
use mlinfra_plan::{Answers, Goal, Inputs, Outcome, Plan, Priced, Standing, cost, plan};
use rust_decimal::Decimal;

use crate::support::{Fake, credit, program};

const MONTH: i64 = 2_628_000;

pub(crate) fn a_month(amount: &str, currency: &str) -> Quantity {
    let amount: Decimal = amount.parse().expect("a number");
    Quantity::new(
        amount / Decimal::from(MONTH),
        Dimension::base(currency).times(&Dimension::base("second").inverse()),
    )
}

/// Lowers as this machine does, and asks money for it: so much for each resource type, least and
/// most; none where the price is not known. What is not named is free.
struct Biller(BTreeMap<&'static str, Option<(Quantity, Quantity)>>);

impl Lower for Biller {
    fn name(&self) -> &str {
        "local"
    }
    fn lower(
        &self,
        block: &Portable,
        host: &BTreeMap<String, Value>,
    ) -> Result<Resource, Vec<Refusal>> {
        if block.kind == "monitor" {
            let fields = block.fields.clone();
            return LocalLower
                .lower(
                    &Portable {
                        kind: "key".into(),
                        ..block.clone()
                    },
                    host,
                )
                .map(|resource| Resource {
                    properties: fields,
                    ..resource
                });
        }
        LocalLower.lower(block, host)
    }
    fn price(&self, resource: &Resource) -> Price {
        match self.0.get(resource.resource_type.as_str()) {
            None => Price::Free {
                reason: "included".into(),
            },
            Some(Some((low, high))) => Price::Rate {
                low: low.clone(),
                high: high.clone(),
                reason: "list price".into(),
            },
            Some(None) => Price::Unknown {
                reason: "the price list has no such machine".into(),
            },
        }
    }
}

pub(crate) fn block(kind: &str, name: &str, fields: &[(&str, Value)]) -> Block {
    let span = Span {
        file: FileId(0),
        start: 0,
        end: 0,
    };
    let field = |(name, value): &(&str, Value)| {
        let field = Field {
            value: value.clone(),
            span,
            written: true,
            is_default: false,
            secret: false,
        };
        ((*name).to_owned(), field)
    };
    Block {
        address: Address::new(kind, name),
        kind: kind.into(),
        role: Some(kind.into()),
        parent: None,
        place: None,
        fields: fields.iter().map(field).collect(),
        wishes: Vec::new(),
        value: None,
        step: None,
        table: None,
        attributes: BTreeMap::new(),
        holds_data: false,
        after: Vec::new(),
        replaces: Arc::default(),
        computed: Arc::default(),
        span,
        name_span: span,
        documentation: String::new(),
    }
}

/// The credit spec without budgets and monitors of its own, and with these blocks.
fn with(blocks: Vec<Block>) -> Program {
    let mut program = program(&credit());
    let own = |block: &Block| matches!(block.role.as_deref(), Some("budget" | "monitor" | "alert"));
    program.blocks.retain(|block| !own(block));
    program.blocks.extend(blocks);
    program
}

fn budget(limit: &str, currency: &str) -> Block {
    let limit = Value::Quantity(a_month(limit, currency));
    block("budget", "team", &[("limit", limit)])
}

fn planned(program: &Program, lowering: &dyn Lower) -> Plan {
    let (world, snapshot) = (Fake::new(), Snapshot::default());
    let (mut answers, lowerings) = (Answers::default(), [lowering]);
    for _ in 0..4 {
        let inputs = Inputs {
            program,
            snapshot: &snapshot,
            lowerings: &lowerings,
            answers: &answers,
            goal: Goal::Apply,
            data_may_go: true,
        };
        match plan(inputs) {
            Outcome::Planned(plan) => return *plan,
            Outcome::Ask(questions) => {
                for question in questions {
                    let answer = world.answer(&question);
                    answers.insert(question, answer);
                }
            }
        }
    }
    panic!("it still asks")
}

fn codes(plan: &Plan) -> Vec<(&str, bool)> {
    let findings = plan.findings.iter();
    findings.map(|f| (f.code.as_str(), f.error)).collect()
}

#[test]
fn nothing_is_billed_here_and_that_is_said() {
    let plan = planned(&with(vec![budget("50", "USD")]), &LocalLower);
    assert!(plan.findings.is_empty(), "{:#?}", plan.findings);
    let cost = plan.cost.expect("it was priced");
    assert_eq!(cost.amount(), "0 USD/month");
    assert_eq!(cost.budgets[0].standing, Standing::Proven);
    assert_eq!(cost.budgets[0].limit_text(), "50 USD/month");
    assert!(cost.parts.len() > 5);
    assert!(
        cost.parts
            .iter()
            .all(|part| part.reason.contains("nothing is billed"))
    );
}

fn usd(low: &str, high: &str) -> Option<(Quantity, Quantity)> {
    Some((a_month(low, "USD"), a_month(high, "USD")))
}

/// Prices, what that comes to, how a budget of 50 USD a month stands, and what is found.
type Case = (
    Vec<(&'static str, Option<(Quantity, Quantity)>)>,
    &'static str,
    Standing,
    Option<&'static str>,
);

fn cases() -> Vec<Case> {
    use Standing::{Open, Proven, Violated};
    let pool = |low: &str, high: &str| vec![("reservation", usd(low, high))];
    let unknown = |folder: &str| vec![("reservation", None), ("folder", usd(folder, folder))];
    let euro = Some((a_month("1", "EUR"), a_month("1", "EUR")));
    vec![
        (pool("50", "50"), "50 USD/month", Proven, Some("E0943")),
        (pool("20", "39.99"), "20–39.99 USD/month", Proven, None),
        (pool("20", "40"), "20–40 USD/month", Proven, Some("E0943")),
        (
            pool("50.01", "60"),
            "50.01–60 USD/month",
            Violated,
            Some("E0942"),
        ),
        (pool("40", "60"), "40–60 USD/month", Open, Some("E0944")),
        (unknown("9"), "at least 9 USD/month", Open, Some("E0944")),
        (
            unknown("51"),
            "at least 51 USD/month",
            Violated,
            Some("E0942"),
        ),
        (
            vec![("reservation", euro)],
            "at least 0 USD/month",
            Open,
            Some("E0944"),
        ),
    ]
}

#[test]
fn a_budget_is_proven_near_broken_or_open() {
    for (prices, amount, standing, code) in cases() {
        let lowering = Biller(prices.into_iter().collect());
        let plan = planned(&with(vec![budget("50", "USD")]), &lowering);
        let cost = plan.cost.as_ref().expect("it was priced");
        assert_eq!(cost.amount(), amount);
        assert_eq!(cost.budgets[0].standing, standing, "{amount}");
        let wanted = code.into_iter().map(|code| (code, code == "E0942"));
        assert_eq!(codes(&plan), wanted.collect::<Vec<_>>(), "{amount}");
        assert_eq!(plan.is_blocked(), standing == Standing::Violated);
        if standing == Standing::Open && cost.high.is_none() {
            let worker: Address = "pool.worker".parse().expect("an address");
            assert_eq!(cost.budgets[0].unknown, [worker]);
            assert!(plan.findings[0].message.contains("pool.worker"));
        }
    }
}

#[test]
fn a_budget_says_itself_what_happens_to_what_is_not_proven() {
    let open = || vec![("reservation", usd("40", "60"))];
    let unknown = || vec![("reservation", None)];
    let over = || vec![("reservation", usd("60", "60"))];
    for (prices, overrun, code, blocks) in [
        (open(), "refuse", "E0944", true),
        (unknown(), "refuse", "E0944", true),
        (open(), "warn", "E0944", false),
        (over(), "refuse", "E0942", true),
        (over(), "warn", "E0942", false),
    ] {
        let lowering = Biller(prices.into_iter().collect());
        let mut budget = budget("50", "USD");
        let mut field = budget.fields.get("limit").expect("it is set").clone();
        field.value = Value::case(overrun);
        budget.fields.insert("overrun".into(), field);
        let plan = planned(&with(vec![budget]), &lowering);
        assert_eq!(codes(&plan), [(code, blocks)], "{overrun}");
        assert_eq!(plan.is_blocked(), blocks, "{overrun}");
        if blocks && code == "E0944" {
            assert!(
                plan.findings[0].message.contains("60 USD")
                    || plan.findings[0].message.contains("pool.worker")
            );
        }
    }
}

#[test]
fn a_budget_over_what_has_no_price_says_that_it_covers_nothing() {
    let nothing = Value::List(Vec::new());
    let worker = mlinfra_api::Reference {
        address: "pool.worker".parse().expect("an address"),
        path: Vec::new(),
    };
    let worker = Value::List(vec![Value::Reference(worker)]);
    for (covers, price, idle) in [
        (nothing, usd("9", "9"), true),
        (worker.clone(), usd("9", "9"), false),
    ] {
        let lowering = Biller(BTreeMap::from([("reservation", price)]));
        let mut budget = budget("50", "USD");
        let mut field = budget.fields.get("limit").expect("it is set").clone();
        field.value = covers;
        budget.fields.insert("covers".into(), field);
        let cost = planned(&with(vec![budget]), &lowering)
            .cost
            .expect("it was priced");
        assert_eq!(cost.budgets[0].standing, Standing::Proven);
        assert_eq!(cost.budgets[0].idle, idle);
    }
}

#[test]
fn a_budget_is_warned_of_where_the_spec_says() {
    let price = Some((a_month("30", "USD"), a_month("30", "USD")));
    let lowering = Biller(BTreeMap::from([("reservation", price)]));
    for (share, wanted) in [("0.6", vec![("E0943", false)]), ("0.61", vec![])] {
        let share: Decimal = share.parse().expect("a number");
        let mut budget = budget("50", "USD");
        let limit = budget.fields.get("limit").expect("it is there").clone();
        let warn_at = Field {
            value: Value::Decimal(share),
            ..limit
        };
        budget.fields.insert("warn_at".into(), warn_at);
        let plan = planned(&with(vec![budget]), &lowering);
        assert_eq!(codes(&plan), wanted, "{share}");
    }
}

#[test]
fn the_figures_of_a_test_are_known_without_a_state() {
    let price = Some((a_month("30", "USD"), a_month("75", "USD")));
    let lowering = Biller(BTreeMap::from([("reservation", price)]));
    let (program, world) = (with(Vec::new()), Fake::new());
    let mut answers = Answers::default();
    let lowerings: [&dyn Lower; 1] = [&lowering];
    let found = loop {
        match cost(&program, &lowerings, &answers) {
            Priced::Known(cost, findings) => {
                assert!(findings.is_empty(), "{findings:#?}");
                break cost;
            }
            Priced::Ask(questions) => {
                for question in questions {
                    let answer = world.answer(&question);
                    answers.insert(question, answer);
                }
            }
        }
    };
    let at_most = |name: &str, amount: &str| Condition::Binary {
        operator: RowOperator::LessOrEqual,
        left: Box::new(Condition::Figure(Figure::plain(name))),
        right: Box::new(Condition::Value(Value::Quantity(a_month(amount, "USD")))),
    };
    for (condition, verdict, said) in [
        (at_most("cost.max", "75"), Verdict::Holds, "75 USD/month"),
        (
            at_most("cost.max", "74.99"),
            Verdict::Fails,
            "74.99 USD/month",
        ),
        (at_most("cost.min", "30"), Verdict::Holds, "30 USD/month"),
        (
            at_most("cost.min", "29.9"),
            Verdict::Fails,
            "29.90 USD/month",
        ),
    ] {
        let amount = if condition.to_string().contains("max") {
            75
        } else {
            30
        };
        let figure = condition.to_string()[..8].to_owned();
        let gate = Gate {
            text: condition.to_string(),
            condition,
            message: None,
            span: Span {
                file: FileId(0),
                start: 0,
                end: 0,
            },
        };
        let judged = found.judged("any", &gate);
        assert_eq!(judged.verdict, verdict, "{}", gate.text);
        let wanted = format!("{figure} {amount} USD/month, at most {said} required");
        assert_eq!(judged.sentence(), wanted);
    }
}

fn monitored(watch: Vec<Value>) -> Program {
    let monitor = block("monitor", "health", &[("watch", Value::List(watch))]);
    let condition = Condition::Binary {
        operator: RowOperator::Greater,
        left: Box::new(Condition::Figure(Figure::plain("error_rate"))),
        right: Box::new(Condition::Value(Value::Decimal(Decimal::new(1, 2)))),
    };
    let minutes = Value::Quantity(Quantity::seconds(300));
    let alert = Block {
        parent: Some(monitor.address.clone()),
        value: Some(Value::Condition(Box::new(condition))),
        ..block("alert", "errors", &[("lasting", minutes)])
    };
    with(vec![monitor, alert])
}

#[test]
fn a_monitor_stands_where_what_it_watches_does_and_has_its_alerts() {
    let score = Value::Reference(Reference {
        address: "endpoint.score".parse().expect("an address"),
        path: Vec::new(),
    });
    let plan = planned(&monitored(vec![score]), &Biller(BTreeMap::new()));
    assert!(plan.findings.is_empty(), "{:#?}", plan.findings);
    let health = plan
        .actions
        .iter()
        .find(|a| a.address.to_string() == "monitor.health");
    let resource = &health.expect("it is made").resource;
    let watched: Address = "endpoint.score".parse().expect("an address");
    assert_eq!(resource.depends_on, BTreeSet::from([watched]));
    let alerts = resource.properties["alerts"].as_list().expect("a list");
    let alert = alerts[0].as_record().expect("a record");
    assert_eq!(alert["name"], Value::text("errors"));
    assert_eq!(alert["lasting"], Value::Quantity(Quantity::seconds(300)));
    assert!(matches!(alert["condition"], Value::Condition(_)));
    assert!(
        !plan
            .actions
            .iter()
            .any(|a| a.address.to_string().contains("alert"))
    );

    let plan = planned(&monitored(Vec::new()), &Biller(BTreeMap::new()));
    assert_eq!(codes(&plan), [("E0945", true)]);
}

#[test]
fn a_limit_too_large_to_reckon_with_is_open_and_what_nobody_prices_is_not_free() {
    let limit = Value::Quantity(Quantity::new(
        Decimal::MAX,
        Dimension::base("USD").times(&Dimension::base("second").inverse()),
    ));
    let huge = with(vec![block("budget", "team", &[("limit", limit)])]);
    let plan = planned(&huge, &LocalLower);
    assert_eq!(codes(&plan), [("E0944", false)]);
    let cost = plan.cost.expect("it was priced");
    assert_eq!(cost.budgets[0].standing, Standing::Open);

    // Steps have a resource whatever lowers their target.
    let plan = planned(&with(vec![budget("50", "USD")]), &Renamed);
    let cost = plan.cost.expect("it was priced");
    assert!(
        cost.parts.iter().any(|part| part.high.is_none()),
        "{:#?}",
        cost.parts
    );
    assert_eq!(cost.budgets[0].standing, Standing::Open);
}

/// Lowers blocks to resources of a provider that nobody has.
struct Renamed;

impl Lower for Renamed {
    fn name(&self) -> &str {
        "local"
    }
    fn lower(
        &self,
        block: &Portable,
        host: &BTreeMap<String, Value>,
    ) -> Result<Resource, Vec<Refusal>> {
        let lowered = LocalLower.lower(block, host);
        lowered.map(|resource| Resource {
            provider: "elsewhere".into(),
            ..resource
        })
    }
    fn price(&self, resource: &Resource) -> Price {
        LocalLower.price(resource)
    }
}
