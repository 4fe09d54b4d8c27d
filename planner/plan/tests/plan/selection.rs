//! Every operator of a wish is held against machines, and what can't be proven is not claimed.

use mlinfra_api::{Address, Dimension, Quantity, Value};
use mlinfra_check::Block;
use mlinfra_plan::catalog::{Missing, Wanted, select};
use mlinfra_plan::{PlanFinding, Standing};
use rust_decimal::Decimal;

use crate::catalog::{
    aws, budget, case, dollars, gbps, hourly, on, part, pool, priced, range, said, seconds, step,
    target, trainers, wish,
};
use crate::cost::{a_month, block};

const GIB: u64 = 1 << 30;

fn asking(fields: &[(&str, Value)], wishes: &[(&str, &str, Value)]) -> Block {
    let wishes = wishes.iter();
    let wishes = wishes.map(|(field, operator, value)| wish(field, operator, value.clone()));
    Block {
        wishes: wishes.collect(),
        ..pool("cloud", "machines", fields, &[])
    }
}

fn chosen(wishes: &[(&str, &str, Value)]) -> String {
    let wanted = Wanted::of(&asking(&[], wishes), "aws", "us-east-1");
    select(&wanted).expect("there is one").machine.name
}

fn words(all: &[&str]) -> Value {
    Value::List(all.iter().map(|word| case(word, &[])).collect())
}

fn ints(all: &[i64]) -> Value {
    Value::List(all.iter().copied().map(Value::Int).collect())
}

#[test]
fn every_operator_decides() {
    let both = || words(&["a100_40gb", "a100_80gb"]);
    let not = |word: &str| ("accelerator", "!=", case(word, &[]));
    assert_eq!(chosen(&[("accelerator", "in", both())]), "p4d.24xlarge");
    let other = chosen(&[("accelerator", "in", both()), not("a100_40gb")]);
    assert_eq!(other, "p4de.24xlarge");
    // Whoever says which one it must not be wants one.
    let any = chosen(&[not("l4"), ("accelerator_count", ">=", Value::Int(4))]);
    assert!(!any.starts_with("g6."), "{any}");

    let l4 = |wishes: &[(&str, &str, Value)]| {
        let mut all = vec![("accelerator", "==", case("l4", &[]))];
        all.extend(wishes.iter().cloned());
        chosen(&all)
    };
    let count = |operator, count: i64| ("accelerator_count", operator, Value::Int(count));
    assert_eq!(l4(&[]), "g6.xlarge");
    assert_eq!(l4(&[count(">=", 2)]), "g6.12xlarge");
    assert_eq!(l4(&[count(">=", 2), count("!=", 4)]), "g6.48xlarge");
    assert_eq!(l4(&[count(">", 1), count("<", 8)]), "g6.12xlarge");
    assert_eq!(
        l4(&[("accelerator_count", "in", ints(&[2, 8]))]),
        "g6.48xlarge"
    );
}

#[test]
fn amounts_lie_in_ranges_and_lists() {
    let cpus = |operator: &str, value: Value| {
        let wanted = asking(&[], &[("cpus", operator, value)]);
        let wanted = Wanted::of(&wanted, "aws", "us-east-1");
        let name = select(&wanted).expect("there is one").machine.name;
        let tables = mlinfra_plan::catalog::tables();
        let row = tables[1]
            .1
            .lines()
            .find(|line| line.starts_with(&format!("{name},")));
        let cpus = row
            .and_then(|row| row.split(',').nth(2))
            .expect("it is in the table");
        cpus.parse::<i64>().expect("a number")
    };
    assert!((64..=128).contains(&cpus("in", range(64, 128))));
    assert!([64, 128].contains(&cpus("in", ints(&[64, 128]))));
    assert_eq!(cpus("==", Value::Int(48)), 48);
    assert_ne!(
        cpus("!=", Value::Int(cpus(">=", Value::Int(1)))),
        cpus(">=", Value::Int(1))
    );
}

#[test]
fn what_is_asked_for_and_not_known_has_no_price() {
    let unknown = Value::Unknown("how much the model takes".to_owned());
    let open = asking(&[], &[("model_memory", ">=", unknown.clone())]);
    let odd = asking(&[], &[("accelerator", ">=", case("l4", &[]))]);
    let set = asking(&[("cpus", unknown)], &[]);
    for machines in [open, odd, set] {
        let wanted = Wanted::of(&machines, "aws", "us-east-1");
        assert!(
            matches!(select(&wanted), Err(Missing::Open(_))),
            "{wanted:?}"
        );
        let limit = Value::Quantity(a_month("1600", "USD"));
        let (cost, found) = priced(vec![
            aws("us-east-1"),
            machines,
            budget(limit, &["machines"]),
        ]);
        assert_eq!(cost.budgets[0].standing, Standing::Open);
        assert!(said(&found, "E0944").contains("pool.machines"), "{found:?}");
        assert!(!found.iter().any(|finding| finding.error), "{found:?}");
    }
}

#[test]
fn chips_and_machines_stand_in_one_list_and_nothing_is_taken_to_be_enough() {
    let in_google = |region: &str, fields: &[(&str, Value)], wishes: &[(&str, &str, Value)]| {
        select(&Wanted::of(&asking(fields, wishes), "gcp", region))
    };
    let chips = |count: i64| {
        let of = case("tpu_v5e", &[]);
        [
            ("accelerator", of),
            ("accelerator_count", Value::Int(count)),
        ]
    };
    // The catalog says nothing of what is around the chips.
    let memory = ("memory", ">=", Value::Quantity(Quantity::bytes(GIB)));
    let Err(Missing::None { instead, .. }) = in_google("us-west4", &chips(16), &[memory]) else {
        panic!("what it has is not known");
    };
    assert!(instead.contains("what it has is not known"), "{instead}");
    let of_chips = (
        "model_memory",
        ">=",
        Value::Quantity(Quantity::bytes(100 * GIB)),
    );
    let any = [("accelerator", case("tpu_v5e", &[]))];
    let slice = in_google("us-west4", &any, &[of_chips]).expect("8 have it");
    assert_eq!(slice.machine.name, "8 chips of tpu_v5e");
    // One of these has no price here, the other one is cheaper.
    let mixed = [("accelerator", "in", words(&["tpu_v5p", "l4"]))];
    let cheaper = in_google("us-west4", &[], &mixed).expect("there is one");
    assert_eq!(cheaper.machine.name, "g2-standard-4");
    let mixed = [("accelerator", "in", words(&["tpu_v5e", "h100"]))];
    let cheaper = in_google("us-west4", &[], &mixed).expect("there is one");
    assert_eq!(cheaper.machine.name, "1 chip of tpu_v5e");
    assert!(cheaper.passed_over[0].starts_with("a3-"), "{cheaper:?}");
}

#[test]
fn where_nothing_has_enough_it_says_how_much_there_is() {
    let greedy = asking(&[], &[("cpus", ">=", Value::Int(100_000))]);
    let (_, found) = priced(vec![aws("eu-central-1"), greedy.clone()]);
    assert_eq!(
        found[0].help,
        ["`cpus >= 100000`: machines there have 1 to 384"],
    );
    let reference = |name: &str| {
        Value::Reference(mlinfra_api::Reference {
            address: Address::new("target", name),
            path: Vec::new(),
        })
    };
    let at = |name: &str, region: &str| target(name, "aws", &[("region", Value::text(region))]);
    let of = Value::List(vec![reference("a"), reference("b")]);
    let (_, found) = priced(vec![
        at("a", "eu-central-1"),
        at("b", "us-east-1"),
        target("cloud", "cheapest", &[("of", of)]),
        greedy,
    ]);
    let none: Vec<&PlanFinding> = found.iter().filter(|one| one.code == "E0960").collect();
    assert_eq!(none.len(), 1, "{found:?}");
    assert!(none[0].message.contains("eu-central-1") && none[0].message.contains("us-east-1"));
}

fn paid(purchase: Value) -> (Option<Decimal>, String) {
    let mut machines = trainers();
    let field = machines.fields.get_mut("purchase").expect("it is written");
    field.value = purchase;
    let (cost, _) = priced(vec![aws("eu-central-1"), machines]);
    let part = part(&cost, "trainers");
    (part.high, part.reason.clone())
}

#[test]
fn a_bid_is_bounded_by_what_it_says_and_by_what_stands_in() {
    let spot = |arguments: &[(&str, Value)]| case("spot", arguments);
    let month = |hour: &str| Some(dollars(hour) * Decimal::from(4 * 730));
    // It may cost as much as it says, whatever the price on demand.
    let (high, how) = paid(spot(&[("max_price", hourly("100"))]));
    assert_eq!(high, month("100"));
    assert!(how.contains("up to 100 USD/h"), "{how}");
    // What stands in has no bound, or has one of its own.
    assert_eq!(paid(spot(&[("fallback", spot(&[]))])).0, None);
    let bounded = spot(&[("max_price", hourly("20"))]);
    assert_eq!(paid(spot(&[("fallback", bounded.clone())])).0, month("20"));
    let on_demand = case("on_demand", &[]);
    let both = [("max_price", hourly("20")), ("fallback", on_demand.clone())];
    assert_eq!(paid(spot(&both)).0, month("34.29122"));
    let both = [("max_price", hourly("40")), ("fallback", on_demand.clone())];
    assert_eq!(paid(spot(&both)).0, month("40"));
    // An amount of another currency bounds nothing.
    let euro = Value::Quantity(a_month("730", "EUR"));
    let (high, how) = paid(spot(&[("max_price", euro), ("fallback", on_demand)]));
    assert_eq!(high, None);
    assert!(how.contains("EUR"), "{how}");
    assert_eq!(paid(Value::Unknown("it".to_owned())).0, None);
}

#[test]
fn a_price_that_nobody_lists_bounds_nothing() {
    let small = asking(
        &[],
        &[
            ("cpus", ">=", Value::Int(4)),
            ("memory", ">=", Value::Quantity(Quantity::bytes(8 * GIB))),
        ],
    );
    let near = select(&Wanted::of(&small, "aws", "eu-central-1")).expect("there is one");
    let listed = near.machine.listed.expect("its price is known");
    assert!(!listed.is_derived, "{listed:?}");
    assert!(
        near.passed_over[0].contains("derived"),
        "{:?}",
        near.passed_over
    );
    // Those whose price is listed cost far more than this one.
    let fields = [("accelerator", case("a10g", &[]))];
    let (cost, _) = priced(vec![aws("eu-west-1"), asking(&fields, &[])]);
    let part = part(&cost, "machines");
    assert_eq!((part.low, part.high), (Decimal::ZERO, None));
    assert!(part.reason.contains("g5.xlarge"), "{}", part.reason);
    assert!(
        part.reason.contains("perhaps 1.123 USD/h"),
        "{}",
        part.reason
    );
}

#[test]
fn what_is_paid_for_beside_the_size_of_a_store_opens_it() {
    let store = |field: &str, value: Value, wishes: &[(&str, &str, Value)]| {
        let fields = [
            ("class", case("ssd", &[])),
            ("capacity", Value::Quantity(Quantity::bytes(100 * GIB))),
            (field, value),
        ];
        let store = Block {
            wishes: asking(&[], wishes).wishes,
            ..on("cloud", "store", block("storage", "data", &fields))
        };
        let (cost, _) = priced(vec![aws("us-east-1"), store]);
        let part = part(&cost, "data");
        (part.low, part.high)
    };
    let (eight, off) = (dollars("8"), Value::Bool(false));
    assert_eq!(store("versioning", off.clone(), &[]), (eight, Some(eight)));
    assert_eq!(store("versioning", Value::Bool(true), &[]), (eight, None));
    assert_eq!(store("immutable", seconds(86_400), &[]), (eight, None));
    assert_eq!(store("throughput", gbps(8), &[]), (eight, None));
    let fast = [("throughput", ">=", gbps(800))];
    assert_eq!(store("versioning", off, &fast), (eight, None));
}

#[test]
fn how_many_there_are_is_bounded_by_nodes_alone() {
    let scale = |arguments: &[(&str, Value)]| ("scale", case("to_queue", arguments));
    let cpus = [("cpus", ">=", Value::Int(4))];
    let of = |fields: &[(&str, Value)]| {
        let (cost, _) = priced(vec![aws("us-east-1"), asking(fields, &cpus)]);
        let part = part(&cost, "machines");
        (part.low, part.high)
    };
    let (one, _) = of(&[]);
    assert!(one > Decimal::ZERO);
    assert_eq!(of(&[scale(&[])]), (Decimal::ZERO, None));
    let (two, four) = (one * Decimal::TWO, one * Decimal::from(4));
    assert_eq!(of(&[("nodes", range(2, 4)), scale(&[])]), (two, Some(four)));
    let idle = scale(&[("idle", seconds(900))]);
    assert_eq!(
        of(&[("nodes", range(2, 4)), idle]),
        (Decimal::ZERO, Some(four))
    );
}

#[test]
fn what_stays_after_a_run_has_no_bound_and_what_waits_counts() {
    let limit = Quantity::new(dollars("400"), Dimension::base("USD"));
    let limit = Value::Quantity(limit);
    let with = |fields: &[(&str, Value)]| {
        let mut machines = trainers();
        for (name, value) in fields {
            let field = machines.fields.get("nodes").expect("it is written").clone();
            let field = mlinfra_check::Field {
                value: value.clone(),
                ..field
            };
            machines.fields.insert((*name).to_owned(), field);
        }
        let steps = [step("a", Some(3), 0), step("b", Some(3), 0)];
        let mut blocks = vec![aws("eu-central-1"), machines];
        blocks.push(budget(limit.clone(), &["trainers"]));
        blocks.extend(steps);
        let (cost, found) = priced(blocks);
        (cost.budgets[0].standing, found)
    };
    // 4 machines at 13.50 USD for 6 hours: 324 USD; with an hour after each step 432.
    assert_eq!(with(&[]).0, Standing::Proven);
    let waits = |minutes: i64| case("to_queue", &[("idle", seconds(minutes * 60))]);
    assert_eq!(with(&[("scale", waits(15))]).0, Standing::Proven);
    let (standing, found) = with(&[("scale", waits(60))]);
    assert_eq!(standing, Standing::Open);
    assert!(said(&found, "E0944").contains("432 USD a run"), "{found:?}");
    let (standing, found) = with(&[("nodes", Value::Int(1))]);
    assert_eq!(standing, Standing::Open);
    assert!(
        said(&found, "E0944").contains("stays after the run"),
        "{found:?}"
    );
    // It goes by itself after a while.
    let fixed = with(&[("nodes", Value::Int(1)), ("scale", waits(15))]);
    assert_eq!(fixed.0, Standing::Proven);
}

#[test]
fn a_budget_over_nothing_warns() {
    let limit = || Value::Quantity(a_month("50", "USD"));
    let cpus = [("cpus", ">=", Value::Int(4))];
    for (covers, warns) in [(&["gone"][..], true), (&[], true), (&["machines"], false)] {
        let blocks = vec![
            aws("us-east-1"),
            asking(&[], &cpus),
            budget(limit(), covers),
        ];
        let (_, found) = priced(blocks);
        let told = found
            .iter()
            .filter(|finding| finding.code == "E0949")
            .count();
        assert_eq!(told, usize::from(warns), "{covers:?}: {found:?}");
        assert!(!found.iter().any(|one| one.code == "E0949" && one.error));
    }
}

#[test]
fn a_rate_for_accelerators_needs_their_number_and_a_bid_no_list() {
    let in_cluster = |fields: &[(&str, Value)], wishes: &[(&str, &str, Value)]| {
        let rate = [("rate", hourly("1.10"))];
        let blocks = vec![target("cloud", "slurm", &rate), asking(fields, wishes)];
        part(&priced(blocks).0, "machines").high
    };
    let h100 = [("accelerator", case("h100", &[]))];
    assert_eq!(in_cluster(&h100, &[]), None);
    let many = ("accelerator_count", ">=", Value::Int(4));
    assert_eq!(in_cluster(&h100, &[many]), None);
    let any = ("accelerator", "in", words(&["h100", "l4"]));
    assert_eq!(in_cluster(&[], &[any]), None);
    assert_eq!(in_cluster(&[], &[]), Some(dollars("803")));

    // Nobody lists what it costs: what is bid is what is paid at most.
    let bid = case("spot", &[("max_price", hourly("5"))]);
    let fields = [
        ("accelerator", case("rtx_pro_6000", &[])),
        ("purchase", bid),
    ];
    let blocks = vec![aws("eu-central-1"), asking(&fields, &[])];
    let (cost, _) = priced(blocks);
    let bounded = part(&cost, "machines");
    assert_eq!(bounded.currency.as_deref(), Some("USD"));
    assert_eq!(bounded.high, Some(dollars("3650")));
}
