//! What is chosen from the catalog for a block, what it costs, and whether budgets reach.

use litemap::LiteMap;
use mlinfra_api::{Address, Dimension, Quantity, Reference, Value, Wish};
use mlinfra_check::{Block, FileId, Program, Span};
use mlinfra_local::LocalLower;
use mlinfra_plan::catalog::{Missing, Wanted, select};
use mlinfra_plan::{Answers, Cost, CostPart, PlanFinding, Priced, Standing, cost};
use rust_decimal::Decimal;

use crate::cost::{a_month, block};

const GIB: u64 = 1 << 30;

pub(crate) fn case(name: &str, arguments: &[(&str, Value)]) -> Value {
    let arguments = arguments
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    Value::Case {
        name: name.to_owned(),
        arguments: arguments.collect(),
    }
}

pub(crate) fn hourly(amount: &str) -> Value {
    let amount: Decimal = amount.parse().expect("a number");
    Value::Quantity(a_month(&(amount * Decimal::from(730)).to_string(), "USD"))
}

pub(crate) fn seconds(count: i64) -> Value {
    Value::Quantity(Quantity::seconds(count.try_into().expect("a time")))
}

pub(crate) fn gbps(count: i64) -> Value {
    Value::Quantity(Quantity::new(
        Decimal::from(count) * Decimal::from(125_000_000),
        Dimension::base("byte").times(&Dimension::base("second").inverse()),
    ))
}

pub(crate) fn range(least: i64, most: i64) -> Value {
    Value::Range(Box::new(Value::Int(least)), Box::new(Value::Int(most)))
}

pub(crate) fn target(name: &str, provider: &str, arguments: &[(&str, Value)]) -> Block {
    Block {
        value: Some(case(provider, arguments)),
        ..block("target", name, &[])
    }
}

pub(crate) fn aws(region: &str) -> Block {
    target("cloud", "aws", &[("region", Value::text(region))])
}

pub(crate) fn on(place: &str, role: &str, block: Block) -> Block {
    Block {
        place: Some(Address::new("target", place)),
        role: Some(role.to_owned()),
        ..block
    }
}

pub(crate) fn wish(field: &str, operator: &str, value: Value) -> (Wish, Span) {
    let span = Span {
        file: FileId(0),
        start: 0,
        end: 0,
    };
    let wish = Wish {
        field: field.to_owned(),
        operator: operator.to_owned(),
        value,
    };
    (wish, span)
}

pub(crate) fn pool(
    place: &str,
    name: &str,
    fields: &[(&str, Value)],
    wishes: &[(&str, Value)],
) -> Block {
    let at_least = |(field, value): &(&str, Value)| wish(field, ">=", value.clone());
    let pool = Block {
        wishes: wishes.iter().map(at_least).collect(),
        ..block("pool", name, fields)
    };
    on(place, "machines", pool)
}

/// The pool for training of a spec that rents A100s.
pub(crate) fn trainers() -> Block {
    let spot = case("spot", &[("max_price", hourly("13.50"))]);
    pool(
        "cloud",
        "trainers",
        &[
            ("accelerator", case("a100_80gb", &[])),
            ("accelerator_count", Value::Int(8)),
            ("nodes", range(0, 4)),
            ("purchase", spot),
        ],
        &[("interconnect", gbps(400))],
    )
}

fn program(blocks: Vec<Block>) -> Program {
    Program {
        blocks,
        ..Program::default()
    }
}

pub(crate) fn priced(blocks: Vec<Block>) -> (Cost, Vec<PlanFinding>) {
    match cost(&program(blocks), &[&LocalLower], &Answers::default()) {
        Priced::Known(cost, found) => (*cost, found),
        Priced::Ask(questions) => panic!("asks {questions:?}"),
    }
}

pub(crate) fn part<'c>(cost: &'c Cost, name: &str) -> &'c CostPart {
    let mut parts = cost.parts.iter();
    parts
        .find(|part| part.address.name() == name)
        .expect("it has a cost")
}

pub(crate) fn dollars(amount: &str) -> Decimal {
    amount.parse().expect("a number")
}

pub(crate) fn codes(found: &[PlanFinding]) -> Vec<&str> {
    found.iter().map(|finding| finding.code.as_str()).collect()
}

/// What is said by the finding of this code.
pub(crate) fn said<'f>(found: &'f [PlanFinding], code: &str) -> &'f str {
    let mut found = found.iter().filter(|finding| finding.code == code);
    &found.next().expect("it is found").message
}

pub(crate) fn budget(limit: Value, covers: &[&str]) -> Block {
    let of = |name: &&str| {
        Value::Reference(Reference {
            address: Address::new("pool", *name),
            path: Vec::new(),
        })
    };
    let covers = Value::List(covers.iter().map(of).collect());
    block("budget", "limit", &[("limit", limit), ("covers", covers)])
}

#[test]
fn the_cheapest_machine_that_has_all_is_chosen() {
    let wanted = Wanted::of(&trainers(), "aws", "eu-central-1");
    let chosen = select(&wanted).expect("there is one");
    assert_eq!(chosen.machine.name, "p4de.24xlarge");
    let listed = chosen.machine.listed.expect("its price is known");
    assert_eq!(listed.on_demand, dollars("34.29122"));
    assert!(listed.source.contains("skypilot") && listed.source.contains("2026-07"));
}

#[test]
fn what_was_passed_over_is_told_with_the_reason() {
    let wanted = pool(
        "cloud",
        "serving",
        &[],
        &[
            ("cpus", Value::Int(4)),
            ("memory", Value::Quantity(Quantity::bytes(8 * GIB))),
        ],
    );
    let chosen = select(&Wanted::of(&wanted, "aws", "us-east-1")).expect("there is one");
    let price = chosen.machine.listed.expect("its price is known").on_demand;
    assert!(chosen.passed_over.len() >= 3, "{:?}", chosen.passed_over);
    for other in &chosen.passed_over {
        let other = other.split_whitespace().rev().nth(1).expect("a price");
        assert!(dollars(other) >= price, "{other} {price}");
    }
    // Cheaper ones have a price that rises with their use, or processors of another kind.
    assert!(!chosen.machine.name.starts_with("t3") && !chosen.machine.name.contains("7g."));
}

#[test]
fn spot_is_bounded_by_its_limit_or_by_what_takes_its_place() {
    let (cost, found) = priced(vec![aws("eu-central-1"), trainers()]);
    // When it was last looked at, nobody got one at that price.
    assert_eq!(codes(&found), ["E0962"]);
    assert!(
        !found[0].error && found[0].message.contains("22.9383"),
        "{found:?}"
    );
    let bounded = part(&cost, "trainers");
    assert_eq!(
        (bounded.low, bounded.high),
        (Decimal::ZERO, Some(dollars("39420")))
    );

    let with = |purchase: Value| {
        let mut pool = trainers();
        pool.fields
            .get_mut("purchase")
            .expect("it is written")
            .value = purchase;
        priced(vec![aws("eu-central-1"), pool]).0
    };
    let fallback = with(case("spot", &[("fallback", case("on_demand", &[]))]));
    let on_demand = dollars("34.29122") * Decimal::from(4 * 730);
    assert_eq!(part(&fallback, "trainers").high, Some(on_demand));
    let unbounded = with(case("spot", &[]));
    assert_eq!(part(&unbounded, "trainers").high, None);
    assert!(part(&unbounded, "trainers").reason.contains("max_price"));
    let reserved = with(case("reserved", &[("term", seconds(365 * 86_400))]));
    assert_eq!(part(&reserved, "trainers").high, Some(on_demand));
    assert_eq!(part(&reserved, "trainers").low, Decimal::ZERO);
}

#[test]
fn a_commitment_that_is_listed_is_what_it_costs_at_least() {
    let blocks = vec![
        target("cloud", "gcp", &[("region", Value::text("us-central1"))]),
        pool(
            "cloud",
            "trainers",
            &[
                ("accelerator", case("a100_40gb", &[])),
                ("accelerator_count", Value::Int(1)),
                (
                    "purchase",
                    case("reserved", &[("term", seconds(365 * 86_400))]),
                ),
            ],
            &[],
        ),
    ];
    let (cost, _) = priced(blocks);
    let part = part(&cost, "trainers");
    assert_eq!(part.low, dollars("2.314207") * Decimal::from(730));
    assert_eq!(part.high, Some(dollars("3.673385") * Decimal::from(730)));
}

#[test]
fn chips_are_rented_by_the_slice() {
    let chips = |count: i64, region: &str| {
        let fields = [
            ("accelerator", case("tpu_v5e", &[])),
            ("accelerator_count", Value::Int(count)),
        ];
        select(&Wanted::of(
            &pool("cloud", "chips", &fields, &[]),
            "gcp",
            region,
        ))
    };
    let slice = chips(16, "us-west4").expect("there is one");
    let listed = slice.machine.listed.expect("its price is known");
    assert_eq!(listed.on_demand, dollars("19.2"));
    let Err(Missing::None { instead, .. }) = chips(12, "us-west4") else {
        panic!("no slice has 12 chips");
    };
    assert!(instead.contains("16"), "{instead}");
    let Err(Missing::None { instead, .. }) = chips(16, "us-west2") else {
        panic!("there are none there");
    };
    assert!(instead.contains("us-west4"), "{instead}");
}

#[test]
fn where_there_is_none_it_says_what_there_is() {
    let (cost, found) = priced(vec![aws("eu-west-1"), trainers()]);
    let [finding] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!((finding.code.as_str(), finding.error), ("E0960", true));
    assert!(
        finding.message.contains("8 × a100_80gb"),
        "{}",
        finding.message
    );
    assert!(
        finding.help[0].contains("eu-central-1"),
        "{:?}",
        finding.help
    );
    assert_eq!(part(&cost, "trainers").high, None);
    let mut six = trainers();
    six.fields
        .get_mut("accelerator_count")
        .expect("it is written")
        .value = Value::Int(6);
    let (_, found) = priced(vec![aws("eu-central-1"), six]);
    assert!(
        found[0].help[0].contains("it has 8 × a100_80gb"),
        "{:?}",
        found[0].help
    );
}

#[test]
fn a_region_of_another_provider_is_told() {
    let (_, found) = priced(vec![aws("us-west2"), trainers()]);
    assert_eq!(codes(&found), ["E0961"]);
}

#[test]
fn what_nobody_knows_stays_open() {
    // It can only be had in blocks that are auctioned, and the other region has no column: no list
    // has a price.
    let auctioned = pool(
        "cloud",
        "large",
        &[("accelerator", case("rtx_pro_6000", &[]))],
        &[],
    );
    let gone = pool("cloud", "south", &[], &[("cpus", Value::Int(4))]);
    let all = block("budget", "limit", &[("limit", hourly("1"))]);
    for (region, pool) in [("eu-central-1", auctioned), ("af-south-1", gone)] {
        let chosen = select(&Wanted::of(&pool, "aws", region));
        let is_open = match &chosen {
            Ok(chosen) => chosen.machine.listed.is_none(),
            Err(missing) => matches!(missing, Missing::NotListed(_)),
        };
        assert!(is_open, "{region}: {chosen:?}");
        let (cost, found) = priced(vec![aws(region), pool, all.clone()]);
        assert_eq!(cost.high, None, "{region}");
        assert_eq!(cost.budgets[0].standing, Standing::Open, "{region}");
        assert!(
            !found.iter().any(|finding| finding.error),
            "{region} {found:?}"
        );
    }
    let network = on("cloud", "", block("network", "core", &[]));
    let (cost, _) = priced(vec![aws("us-east-1"), network]);
    assert!(
        part(&cost, "core")
            .reason
            .contains("no price for a network")
    );
    assert_eq!(cost.high, None);
}

#[test]
fn a_budget_counts_what_it_covers() {
    let month = |amount: &str| Value::Quantity(a_month(amount, "USD"));
    let network = || on("cloud", "", block("network", "core", &[]));
    let standing = |limit: &str| {
        let covered = budget(month(limit), &["trainers"]);
        let (cost, _) = priced(vec![aws("eu-central-1"), trainers(), network(), covered]);
        cost.budgets[0].standing
    };
    assert_eq!(standing("42000"), Standing::Proven);
    assert_eq!(standing("39000"), Standing::Open);
    let both = budget(month("40000"), &["trainers", "workers"]);
    let (_, found) = priced(vec![aws("eu-central-1"), trainers(), both]);
    let wanted = "`pool.trainers` and `pool.workers` cost up to 39420 USD/month of 40000 USD/month";
    assert!(said(&found, "E0943").starts_with(wanted), "{found:?}");
    let all = block("budget", "limit", &[("limit", month("42000"))]);
    let (cost, found) = priced(vec![aws("eu-central-1"), trainers(), network(), all]);
    assert_eq!(cost.budgets[0].standing, Standing::Open);
    assert!(said(&found, "E0944").contains("network.core"), "{found:?}");
    let always = Block {
        fields: LiteMap::from_iter([
            (
                "accelerator".to_owned(),
                trainers()
                    .fields
                    .get("accelerator")
                    .expect("it is there")
                    .clone(),
            ),
            (
                "accelerator_count".to_owned(),
                trainers()
                    .fields
                    .get("accelerator_count")
                    .expect("it is there")
                    .clone(),
            ),
        ]),
        ..trainers()
    };
    let covered = budget(month("20000"), &["trainers"]);
    let (cost, found) = priced(vec![aws("eu-central-1"), always, covered]);
    assert_eq!(cost.budgets[0].standing, Standing::Violated);
    assert!(
        found[0]
            .message
            .starts_with("`pool.trainers` costs 25032.59 USD/month"),
        "{found:?}"
    );
}

/// A step on the pool, which may take so long.
pub(crate) fn step(name: &str, timeout: Option<i64>, retry: i64) -> Block {
    let mut fields = vec![("retry", Value::Int(retry))];
    fields.extend(timeout.map(|hours| ("timeout", seconds(hours * 3_600))));
    Block {
        place: Some(Address::new("pool", "trainers")),
        ..block("step", name, &fields)
    }
}

#[test]
fn a_budget_for_a_run_counts_the_time_that_steps_may_take() {
    let dollars_of =
        |amount: &str| Value::Quantity(Quantity::new(dollars(amount), Dimension::base("USD")));
    let with = |steps: Vec<Block>| {
        let mut blocks = vec![
            aws("eu-central-1"),
            trainers(),
            budget(dollars_of("400"), &["trainers"]),
        ];
        blocks.extend(steps);
        priced(blocks)
    };
    // 4 machines at 13.50 USD for two steps of 3 and 4 hours: 378 USD.
    let (cost, _) = with(vec![step("a", Some(3), 0), step("b", Some(4), 0)]);
    assert_eq!(cost.budgets[0].standing, Standing::Proven);
    assert_eq!(cost.budgets[0].limit_text(), "400 USD");
    // Tried twice, each time for as long.
    let (cost, found) = with(vec![step("a", Some(3), 1), step("b", Some(4), 0)]);
    assert_eq!(cost.budgets[0].standing, Standing::Open);
    assert!(said(&found, "E0944").contains("540 USD a run"), "{found:?}");
    let (cost, found) = with(vec![step("a", None, 0)]);
    assert_eq!(cost.budgets[0].standing, Standing::Open);
    assert!(said(&found, "E0944").contains("timeout"), "{found:?}");
    let (_, found) = with(Vec::new());
    assert!(
        said(&found, "E0944").contains("no step runs on it"),
        "{found:?}"
    );
}

#[test]
fn machines_of_ones_own_cost_the_declared_rate() {
    let lab = |provider: &str, arguments: &[(&str, Value)]| {
        let fields = [
            ("nodes", Value::Int(2)),
            ("accelerator", case("a100_80gb", &[])),
            ("accelerator_count", Value::Int(4)),
        ];
        let nodes = pool("lab", "nodes", &fields, &[]);
        priced(vec![target("lab", provider, arguments), nodes]).0
    };
    let rate = || [("rate", hourly("1.10"))];
    // 2 × 1.10 USD × 730 h, and in a cluster for each of the 4 accelerators.
    assert_eq!(
        part(&lab("onprem", &rate()), "nodes").high,
        Some(dollars("1606"))
    );
    assert_eq!(
        part(&lab("slurm", &rate()), "nodes").high,
        Some(dollars("6424"))
    );
    let open = lab("slurm", &[]);
    assert_eq!(part(&open, "nodes").high, None);
    assert!(part(&open, "nodes").reason.contains("`rate`"));
}

#[test]
fn of_several_targets_the_cheapest_is_taken() {
    let reference = |name: &str| {
        Value::Reference(Reference {
            address: Address::new("target", name),
            path: Vec::new(),
        })
    };
    let named = |name: &str, region: &str| target(name, "aws", &[("region", Value::text(region))]);
    let of = |names: &[&str]| {
        let all = Value::List(names.iter().map(|name| reference(name)).collect());
        let mut wanted = trainers();
        wanted
            .fields
            .get_mut("purchase")
            .expect("it is written")
            .value = case("on_demand", &[]);
        let blocks = vec![
            named("germany", "eu-central-1"),
            named("virginia", "us-east-1"),
            named("ireland", "eu-west-1"),
            target("cloud", "cheapest", &[("of", all)]),
            wanted,
        ];
        priced(blocks)
    };
    let (cost, found) = of(&["germany", "virginia", "ireland"]);
    // Nothing is placed there in this version; what it would cost is known all the same.
    assert_eq!(codes(&found), ["E0953"]);
    let chosen = part(&cost, "trainers");
    assert_eq!(
        chosen.high,
        Some(dollars("27.44705") * Decimal::from(4 * 730))
    );
    assert!(
        chosen.reason.starts_with("at `target.virginia`"),
        "{}",
        chosen.reason
    );
    assert!(
        chosen.passed_over[0].starts_with("at `target.germany`: "),
        "{chosen:?}"
    );
    assert!(
        chosen.passed_over[1].contains("has no machine"),
        "{chosen:?}"
    );
    let (cost, found) = of(&["ireland"]);
    assert_eq!(part(&cost, "trainers").high, None);
    assert_eq!(codes(&found), ["E0953", "E0960"]);
}

#[test]
fn a_store_costs_by_its_size() {
    let store = |class: &str, capacity: Option<u64>| {
        let mut fields = vec![("class", case(class, &[]))];
        fields.extend(
            capacity.map(|size| ("capacity", Value::Quantity(Quantity::bytes(size * GIB)))),
        );
        let store = on("cloud", "store", block("storage", "data", &fields));
        let cost = priced(vec![aws("us-east-1"), store]).0;
        let part = part(&cost, "data");
        (part.low, part.high)
    };
    assert_eq!(store("ssd", Some(100)), (dollars("8"), Some(dollars("8"))));
    assert_eq!(store("object", Some(100)), (Decimal::ZERO, None));
    assert_eq!(store("object", None), (Decimal::ZERO, None));
    assert_eq!(store("file", Some(1)), (Decimal::ZERO, None));
}

#[test]
fn accelerators_of_the_tables_are_words_of_the_language() {
    let known = |word: &str| mlinfra_check::stdlib::memory_of("accelerator", word).is_some();
    for (name, table) in mlinfra_plan::catalog::tables() {
        let column = match name {
            "aws.csv" | "gcp.csv" => 4,
            "tpu.csv" => 0,
            _ => continue,
        };
        for line in table.lines().skip(1) {
            let word = line.split(',').nth(column).unwrap_or_default();
            assert!(word.is_empty() || known(word), "{name}: {word}");
        }
    }
}
