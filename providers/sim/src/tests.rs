//! What the simulated cloud promises.

use mlinfra_api::{Address, Resource, Token, Value, Verb};

use super::*;

fn request(resource_type: &str, name: &str, incarnation: u64) -> Request {
    let address = Address::new("thing", name);
    Request {
        verb: Verb::Create,
        token: Token::new("lineage", &address, incarnation),
        lineage: "lineage".into(),
        resource: Resource {
            address,
            resource_type: resource_type.into(),
            provider: "sim".into(),
            properties: BTreeMap::from([("region".to_owned(), Value::text("EU"))]),
            identity: None,
            replaces: Default::default(),
            depends_on: Default::default(),
            create_first: false,
            holds_data: false,
            summary: String::new(),
            details: Vec::new(),
            needed: true,
            made_as: None,
            target: None,
        },
        prior: None,
    }
}

#[test]
fn a_token_makes_one_thing_and_another_token_a_second() {
    let sim = Sim::new(Settings::default());
    let first = sim.begin(&request("named", "a", 1));
    assert_eq!(sim.begin(&request("named", "a", 1)), first);
    assert_eq!((sim.live().len(), sim.duplicates()), (1, 0));
    assert!(sim.begin(&request("named", "a", 2)).is_ok());
    assert_eq!((sim.live().len(), sim.duplicates()), (2, 1));
}

#[test]
fn a_token_with_another_request_is_refused() {
    let sim = Sim::new(Settings::default());
    assert!(sim.begin(&request("idempotent", "a", 1)).is_ok());
    let mut other = request("idempotent", "a", 1);
    other.resource.properties.clear();
    assert!(matches!(sim.begin(&other), Err(Fault::Refused { .. })));
}

#[test]
fn what_is_sent_is_normalised() {
    let sim = Sim::new(Settings::default());
    let Ok(Begun::Done { handle, .. }) = sim.begin(&request("idempotent", "a", 1)) else {
        panic!("done at once");
    };
    let properties = sim.properties(&handle).expect("it was made");
    assert_eq!(properties["region"], Value::text("eu"));
    assert_eq!(properties["tier"], Value::text("standard"));
}

#[test]
fn lost_calls_land_or_not_as_planned() {
    let sim = Sim::new(Settings {
        stale_reads: 2,
        ..Settings::default()
    });
    let faults = [
        SimFault::LostLanded,
        SimFault::LostNotLanded,
        SimFault::LostLate(2),
    ];
    sim.set_faults((0..).zip(faults).collect());
    let requests = ["a", "b", "c"].map(|name| request("discoverable", name, 1));
    for request in &requests {
        assert!(matches!(sim.begin(request), Err(Fault::Lost { .. })));
    }
    let finds = |request| {
        let seen = |found| matches!(found, Ok(Found::Present { .. }));
        (0..6).map(|_| seen(sim.find(request))).collect::<Vec<_>>()
    };
    assert_eq!(finds(&requests[0]), [false, false, true, true, true, true]);
    assert_eq!(finds(&requests[1]), [false; 6]);
    assert_eq!(finds(&requests[2]), [false, false, true, true, true, true]);
    assert_eq!(sim.live().len(), 2);
}

#[test]
fn long_work_is_polled_or_cancelled() {
    let sim = Sim::new(Settings::default());
    sim.set_faults(BTreeMap::from([
        (0, SimFault::Long(2)),
        (1, SimFault::Long(2)),
    ]));
    let (first, second) = (request("named", "a", 1), request("named", "b", 1));
    for request in [&first, &second] {
        assert!(matches!(sim.begin(request), Ok(Begun::Accepted { .. })));
    }
    assert!(matches!(sim.poll(&first, ""), Ok(Progress::Pending { .. })));
    assert!(matches!(sim.poll(&first, ""), Ok(Progress::Pending { .. })));
    assert!(matches!(sim.poll(&first, ""), Ok(Progress::Done { .. })));
    assert_eq!(sim.cancel(&second, ""), Ok(()));
    assert!(matches!(sim.poll(&second, ""), Err(Fault::Failed { .. })));
    assert_eq!(sim.live().len(), 1);
}

#[test]
fn faults_by_seed_are_the_same_each_time() {
    let faults = faults_by_seed(7, 0, 1_000, 200);
    assert_eq!(faults, faults_by_seed(7, 0, 1_000, 200));
    assert!((150..250).contains(&faults.len()), "{}", faults.len());
    assert_ne!(faults, faults_by_seed(8, 0, 1_000, 200));
}
