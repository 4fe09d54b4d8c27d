//! The same work on many things, on several cores; the results come in the order of the things.

use std::num::NonZero;
use std::sync::Mutex;
use std::thread;

/// How many threads one call uses: more would wait for memory rather than compute.
const THREADS_MAX: usize = 8;

/// Does the work on each of these things. `cost` says how much work each is, in any unit; what is
/// less than `worth` together is done here, because threads would cost more than they save.
pub(crate) fn map<T: Send, R: Send>(
    things: Vec<T>,
    cost: impl Fn(&T) -> usize,
    worth: usize,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let whole: usize = things.iter().map(&cost).sum();
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = cores.min(THREADS_MAX).min(things.len());
    if threads < 2 || whole < worth {
        return things.into_iter().map(work).collect();
    }
    // Several shares a thread, so that none waits long for the slowest.
    let share = whole / (threads * 4) + 1;
    let mut shares: Vec<(usize, Vec<T>)> = Vec::new();
    let mut load = share;
    for thing in things {
        if load >= share {
            shares.push((shares.len(), Vec::new()));
            load = 0;
        }
        load += cost(&thing);
        if let Some((_, last)) = shares.last_mut() {
            last.push(thing);
        }
    }
    let count = shares.len();
    shares.reverse();
    let waiting = Mutex::new(shares);
    let take = || waiting.lock().ok().and_then(|mut shares| shares.pop());
    let run = || {
        let mut done: Vec<(usize, Vec<R>)> = Vec::new();
        while let Some((place, share)) = take() {
            done.push((place, share.into_iter().map(&work).collect()));
        }
        done
    };
    let mut by_place: Vec<Vec<R>> = (0..count).map(|_| Vec::new()).collect();
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut all = run();
        for other in others {
            all.extend(
                other
                    .join()
                    .unwrap_or_else(|fault| std::panic::resume_unwind(fault)),
            );
        }
        for (place, results) in all {
            by_place[place] = results;
        }
    });
    by_place.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_things() {
        for count in [0, 1, 2, 7, 1_000] {
            let things: Vec<usize> = (0..count).collect();
            let doubled: Vec<usize> = things.iter().map(|one| one * 2).collect();
            for worth in [0, usize::MAX] {
                // Some things are much more work than others.
                let found = map(things.clone(), |one| one % 7, worth, |one| one * 2);
                assert_eq!(found, doubled, "{count} things");
            }
        }
    }
}
