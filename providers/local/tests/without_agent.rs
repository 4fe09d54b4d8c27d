//! Calls that need no agent start none: the runtime here can't be run at all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use mlinfra_api::{
    Begun, Fault, Found, Lower, Portable, Progress, Provider, Quantity, Request, Resource,
    ResourceState, Token, Value, Verb, Wish,
};
use mlinfra_local::{Local, LocalLower};
use mlinfra_seal::SealKey;

const LINEAGE: &str = "0123456789abcdef0123456789abcdef";

/// A state folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("mlinfra-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        Folder(folder)
    }

    fn local(&self) -> Local {
        let key = SealKey::from_bytes([7; 32]);
        Local::new(&self.0, LINEAGE, key, Path::new("/no/such/runtime"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn resource(address: &str, resource_type: &str) -> Resource {
    Resource {
        address: address.parse().expect("an address"),
        resource_type: resource_type.into(),
        provider: "local".into(),
        properties: BTreeMap::from([("replicas".into(), Value::Int(2))]),
        identity: None,
        replaces: BTreeSet::new(),
        depends_on: BTreeSet::new(),
        create_first: false,
        holds_data: false,
        summary: String::new(),
        details: Vec::new(),
        needed: true,
        made_as: None,
        target: None,
    }
}

fn request(verb: Verb, resource: Resource, prior: Option<&str>) -> Request {
    let prior = prior.map(|handle| ResourceState {
        resource: resource.clone(),
        incarnation: 1,
        handle: handle.into(),
        outputs: BTreeMap::new(),
    });
    Request {
        verb,
        token: Token("00000000000000000000000000000002".into()),
        lineage: LINEAGE.into(),
        resource,
        prior,
    }
}

fn code<T: std::fmt::Debug>(result: Result<T, Fault>) -> String {
    match result {
        Err(Fault::Refused { code, .. } | Fault::Failed { code, .. }) => code,
        other => format!("{other:?}"),
    }
}

#[test]
fn a_key_that_was_recorded_is_never_made_anew() {
    let folder = Folder::new("key");
    let local = folder.local();
    let key = resource("key.vault", "key");
    let made = local.begin(&request(Verb::Create, key.clone(), None));
    let Ok(Begun::Done { handle, .. }) = made else {
        panic!("{made:?}");
    };
    let path = folder.0.join(&handle);
    let before = fs::read(&path).expect("the key");
    let again = request(Verb::Update, key, Some(&handle));
    assert!(matches!(local.begin(&again), Ok(Begun::Done { .. })));
    assert_eq!(fs::read(&path).expect("the key"), before);

    fs::remove_file(&path).expect("removed");
    assert_eq!(code(local.begin(&again)), "E0936");
    assert!(!path.exists());
}

#[test]
fn nothing_to_ask_for_is_told_without_an_agent() {
    let folder = Folder::new("nothing");
    let local = folder.local();
    for (address, resource_type, end) in [
        ("step.score", "step", "E0934"),
        ("endpoint.api", "endpoint", "E0935"),
    ] {
        let resource = resource(address, resource_type);
        let call = request(Verb::Update, resource.clone(), Some("prior"));
        for handle in ["prior", call.token.0.as_str()] {
            assert_eq!(code(local.poll(&call, handle)), end, "{address}");
            assert_eq!(local.cancel(&call, handle), Ok(()), "{address}");
        }
        let delete = request(Verb::Delete, resource, Some("prior"));
        assert_eq!(local.find(&delete), Ok(Found::ProvedAbsent));
        // What has to be started to be asked can't be here.
        assert_eq!(code(local.find(&call)), "E0924");
        // With a folder there is something to ask for.
        let unit = match resource_type {
            "endpoint" => "units/prior-0",
            _ => "units/prior",
        };
        fs::create_dir_all(folder.0.join(unit)).expect("a folder");
        assert_eq!(code(local.poll(&call, "prior")), "E0924", "{address}");
        assert_eq!(code(local.cancel(&call, "prior")), "E0924", "{address}");
    }
    let stored = request(Verb::Create, resource("storage.lake", "folder"), None);
    assert!(matches!(
        local.poll(&stored, "stores"),
        Ok(Progress::Done { .. })
    ));
}

#[test]
fn a_refusal_for_memory_is_said_in_whole_gibibytes() {
    let pool = Portable {
        address: "pool.small".parse().expect("an address"),
        kind: "pool".into(),
        fields: BTreeMap::new(),
        wishes: vec![Wish {
            field: "memory".into(),
            operator: ">=".into(),
            value: Value::Quantity(Quantity::bytes(64 << 30)),
        }],
        value: Value::None,
        place: None,
        place_properties: BTreeMap::new(),
        replaces: BTreeSet::new(),
        holds_data: false,
        made_as: BTreeMap::new(),
    };
    let memory = Value::Quantity(Quantity::bytes(24_619_260 << 10));
    let host = BTreeMap::from([
        ("cpus".to_owned(), Value::Int(2)),
        ("memory".to_owned(), memory),
    ]);
    let refusals = LocalLower.lower(&pool, &host).expect_err("too much");
    assert_eq!(refusals[0].code, "E0913");
    assert_eq!(
        refusals[0].message,
        "`pool.small` needs 64 GiB of memory; this machine has 23 GiB"
    );
}
