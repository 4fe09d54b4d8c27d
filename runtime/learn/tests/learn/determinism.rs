//! The same recipe gives the same bits: in two runs, with any number of threads, alone or in a
//! batch.

use std::collections::BTreeSet;
use std::process::Command;

use mlinfra_api::Digest;
use mlinfra_learn::{Architecture, Continue, Model, NoCheckpoints};

use crate::support::{finish, mixed, mlp, task};

#[test]
fn two_runs_give_the_same_bytes_and_another_seed_gives_others() {
    let (data, features) = mixed(300, 1);
    let mut task = task(&features, mlp());
    let first = finish(&task, &data).unwrap();
    let second = finish(&task, &data).unwrap();
    assert_eq!(first.model.to_bytes(), second.model.to_bytes());
    assert!(first.exact);
    assert_eq!(
        (first.figures.clone(), first.resumed_at),
        (second.figures, None)
    );
    task.threads = 8;
    assert_eq!(
        first.model.to_bytes(),
        finish(&task, &data).unwrap().model.to_bytes()
    );
    task.seed = 8;
    assert_ne!(
        first.model.to_bytes(),
        finish(&task, &data).unwrap().model.to_bytes()
    );
}

/// Set in the processes that the test below starts.
const CHILD: &str = "MLINFRA_LEARN_DIGEST";

/// Candle takes the number of threads from the environment once, so each number needs a process of
/// its own: this very test, told to print a digest. The network is wide enough for candle and gemm
/// to split its work.
#[test]
fn threads_do_not_change_a_bit() {
    if std::env::var_os(CHILD).is_some() {
        println!("digest={}", digest_of_wide_and_small());
        return;
    }
    let mut digests = BTreeSet::new();
    for threads in ["1", "2", "3", "8"] {
        let name = "determinism::threads_do_not_change_a_bit";
        let output = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env("RAYON_NUM_THREADS", threads)
            .env(CHILD, "1")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (_, digest) = text
            .split_once("digest=")
            .expect("the child prints a digest");
        digests.insert(digest[..64].to_owned());
    }
    assert_eq!(digests.len(), 1, "{digests:?}");
}

fn digest_of_wide_and_small() -> Digest {
    let (data, features) = mixed(600, 1);
    let mut bytes = finish(&task(&features, mlp()), &data)
        .unwrap()
        .model
        .to_bytes();
    let wide = Architecture::Mlp {
        hidden: vec![512, 256],
        dropout: 0.1,
    };
    let mut wide = task(&features, wide);
    wide.epochs = 1;
    wide.batch_size = 300;
    bytes.extend(finish(&wide, &data).unwrap().model.to_bytes());
    Digest::of(&bytes)
}

#[test]
fn a_row_is_answered_alike_alone_and_in_any_batch() {
    let (data, features) = mixed(257, 1);
    for architecture in [Architecture::Linear, mlp()] {
        let model = finish(&task(&features, architecture), &data).unwrap().model;
        let together = model.predict(&data).unwrap();
        for (row, expected) in together.iter().enumerate() {
            let alone = model.predict(&data.slice(row, 1)).unwrap();
            assert_eq!(alone[0].to_bits(), expected.to_bits());
        }
        let some = model.predict(&data.slice(100, 32)).unwrap();
        assert_eq!(some, together[100..132]);
        let again = Model::from_bytes(&model.to_bytes()).unwrap();
        assert_eq!(again.predict(&data).unwrap(), together);
    }
}

/// Anonymous memory of this process, in bytes.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))
        .unwrap();
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kibibytes * 1024
}

#[test]
fn a_longer_training_takes_no_more_memory() {
    let (data, features) = mixed(800, 5);
    let mut task = task(&features, mlp());
    task.batch_size = 32;
    task.epochs = 600;
    let mut after_some = 0;
    let trained = mlinfra_learn::train(&task, &data, None, &mut NoCheckpoints, &mut |epoch| {
        if epoch.epoch == 20 {
            after_some = resident();
        }
        Continue::Go
    });
    trained.unwrap();
    let grown = resident().saturating_sub(after_some);
    // Other tests run beside this one, so there is room for them; 580 epochs of kept batches would
    // be about twice as much.
    assert!(grown < 400 << 20, "{} MiB more", grown >> 20);
}
