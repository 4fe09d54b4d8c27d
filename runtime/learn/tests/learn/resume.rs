//! Killed and resumed training: the same weights, bit for bit, from whatever was kept.

use std::panic::{AssertUnwindSafe, catch_unwind};

use mlinfra_learn::{Continue, LearnFault, TrainTask, Trained, train};

use crate::support::{Kept, finish, mixed, mlp, task};

fn small() -> (arrow::array::RecordBatch, TrainTask) {
    let (data, features) = mixed(100, 1);
    let mut task = task(&features, mlp());
    task.checkpoint_every_epochs = Some(2);
    (data, task)
}

/// Trains with these checkpoints, noting which epochs ran.
fn resume(
    task: &TrainTask,
    data: &arrow::array::RecordBatch,
    kept: &mut Kept,
) -> (Result<Trained, LearnFault>, Vec<u32>) {
    let mut epochs = Vec::new();
    let mut note = |epoch: &mlinfra_learn::Epoch| {
        epochs.push(epoch.epoch);
        Continue::Go
    };
    let result = train(task, data, None, kept, &mut note);
    (result, epochs)
}

#[test]
fn stopped_at_any_epoch_it_goes_on_to_the_same_bits() {
    let (data, task) = small();
    let unbroken = finish(&task, &data).unwrap();
    for stop_at in 1..=6 {
        let mut kept = Kept::default();
        let mut stop = |epoch: &mlinfra_learn::Epoch| {
            if epoch.epoch == stop_at {
                Continue::Stop
            } else {
                Continue::Go
            }
        };
        let fault = train(&task, &data, None, &mut kept, &mut stop).unwrap_err();
        assert!(fault.is_stop());
        assert_eq!(kept.saved.last().unwrap().0, stop_at);
        let (resumed, epochs) = resume(&task, &data, &mut kept);
        let resumed = resumed.unwrap();
        assert_eq!(resumed.model.to_bytes(), unbroken.model.to_bytes());
        assert_eq!(resumed.figures, unbroken.figures);
        assert_eq!(resumed.history, unbroken.history);
        assert_eq!((resumed.exact, resumed.resumed_at), (true, Some(stop_at)));
        assert_eq!(epochs, (stop_at + 1..=6).collect::<Vec<_>>());
    }
}

#[test]
fn killed_at_any_epoch_it_loses_only_what_came_after_the_checkpoint() {
    let (data, task) = small();
    let unbroken = finish(&task, &data).unwrap();
    for kill_at in 1..=6 {
        let mut kept = Kept::default();
        let mut die = |epoch: &mlinfra_learn::Epoch| {
            assert_ne!(epoch.epoch, kill_at, "killed here");
            Continue::Go
        };
        let died = catch_unwind(AssertUnwindSafe(|| {
            train(&task, &data, None, &mut kept, &mut die)
        }));
        assert!(died.is_err());
        let newest = kill_at / 2 * 2;
        assert_eq!(kept.saved.last().map_or(0, |(epoch, _)| *epoch), newest);
        let (resumed, epochs) = resume(&task, &data, &mut kept);
        let resumed = resumed.unwrap();
        assert_eq!(resumed.model.to_bytes(), unbroken.model.to_bytes());
        assert_eq!(resumed.history, unbroken.history);
        assert_eq!(resumed.resumed_at, (newest > 0).then_some(newest));
        assert_eq!(epochs, (newest + 1..=6).collect::<Vec<_>>());
    }
}

#[test]
fn broken_again_and_again_it_still_ends_with_the_same_bits() {
    let (data, mut task) = small();
    let unbroken = finish(&task, &data).unwrap();
    task.checkpoint_every_epochs = Some(1);
    let mut kept = Kept::default();
    for _ in 0..6 {
        train(&task, &data, None, &mut kept, &mut |_| Continue::Stop).unwrap_err();
    }
    let (resumed, epochs) = resume(&task, &data, &mut kept);
    assert_eq!(resumed.unwrap().model.to_bytes(), unbroken.model.to_bytes());
    assert!(epochs.is_empty());
}

#[test]
fn a_torn_or_changed_newest_checkpoint_falls_back_to_the_one_before() {
    let (data, task) = small();
    let unbroken = finish(&task, &data).unwrap();
    let mut full = Kept::default();
    resume(&task, &data, &mut full).0.unwrap();
    let newest = full.saved.last().unwrap().1.clone();
    let mut torn: Vec<Vec<u8>> = (0..newest.len())
        .step_by(97)
        .map(|n| newest[..n].to_vec())
        .collect();
    torn.extend((0..newest.len()).step_by(101).map(|at| {
        let mut changed = newest.clone();
        changed[at] ^= 0x10;
        changed
    }));
    torn.push([newest.as_slice(), b"x"].concat());
    for (case, bytes) in torn.into_iter().enumerate() {
        let mut kept = full.clone();
        kept.saved.last_mut().unwrap().1 = bytes;
        // Every case is refused; training on from there is the same work each time.
        if case % 23 != 0 {
            kept.saved.remove(0);
            kept.saved.remove(0);
            let mut stop = |_: &_| Continue::Stop;
            let fault = train(&task, &data, None, &mut kept, &mut stop).unwrap_err();
            assert!(fault.message.contains("epoch 1 "), "case {case}: {fault}");
            continue;
        }
        let (resumed, _) = resume(&task, &data, &mut kept);
        let resumed = resumed.unwrap();
        assert_eq!(resumed.resumed_at, Some(4));
        assert_eq!(resumed.passed_over.len(), 1);
        assert_eq!(resumed.model.to_bytes(), unbroken.model.to_bytes());
    }
}

#[test]
fn a_checkpoint_of_another_recipe_is_never_used() {
    let (data, task) = small();
    let mut kept = Kept::default();
    resume(&task, &data, &mut kept).0.unwrap();
    let (other_data, _) = mixed(100, 2);
    let mut others = vec![task.clone(); 6];
    others[0].seed += 1;
    others[1].epochs = 4;
    others[2].learning_rate = 0.02;
    others[3].weight_decay = 0.0;
    others[4].batch_size = 17;
    others[5].features.columns.pop();
    for other in &others {
        let resumed = resume(other, &data, &mut kept.clone()).0.unwrap();
        assert_eq!((resumed.resumed_at, resumed.passed_over.len()), (None, 3));
        let unbroken = finish(other, &data).unwrap();
        assert_eq!(resumed.model.to_bytes(), unbroken.model.to_bytes());
    }
    let resumed = resume(&task, &other_data, &mut kept.clone()).0.unwrap();
    assert_eq!(resumed.resumed_at, None);
    assert!(resumed.passed_over[0].contains("another recipe"));
}

#[test]
fn another_fingerprint_goes_on_and_says_that_it_is_not_exact() {
    let (data, task) = small();
    let mut kept = Kept::default();
    let mut stop = |epoch: &mlinfra_learn::Epoch| {
        if epoch.epoch == 3 {
            Continue::Stop
        } else {
            Continue::Go
        }
    };
    train(&task, &data, None, &mut kept, &mut stop).unwrap_err();
    let mut elsewhere = task.clone();
    elsewhere.threads = 5;
    let mut stop = |epoch: &mlinfra_learn::Epoch| {
        if epoch.epoch == 5 {
            Continue::Stop
        } else {
            Continue::Go
        }
    };
    train(&elsewhere, &data, None, &mut kept, &mut stop).unwrap_err();
    let (resumed, epochs) = resume(&elsewhere, &data, &mut kept.clone());
    assert_eq!(epochs, [6]);
    assert!(!resumed.unwrap().exact);
    // Not exact stays so, back under the first fingerprint too.
    assert!(!resume(&task, &data, &mut kept).0.unwrap().exact);
}

#[test]
fn a_keeper_that_fails_ends_the_training_with_its_code() {
    let (data, task) = small();
    let mut full = Kept {
        refuse_at: Some(4),
        ..Kept::default()
    };
    let (result, epochs) = resume(&task, &data, &mut full);
    assert_eq!(result.unwrap_err().code, "E0659");
    assert_eq!(epochs, [1, 2, 3]);
    full.refuse_at = None;
    let (result, epochs) = resume(&task, &data, &mut full);
    let unbroken = finish(&task, &data).unwrap();
    assert_eq!(result.unwrap().model.to_bytes(), unbroken.model.to_bytes());
    assert_eq!(epochs, [3, 4, 5, 6]);
    full.unreadable = true;
    assert_eq!(resume(&task, &data, &mut full).0.unwrap_err().code, "E0659");
}
