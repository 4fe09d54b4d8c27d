//! The life cycle of a job: one attempt after another until a step has ended.

use mlinfra_runtime_spec::UnitPhase;

/// A job that was killed is started again until it was started this often.
pub const ATTEMPTS_MAX: u32 = 3;

/// Where a job is. Attempts count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its folder is written, nothing was started.
    Accepted,
    /// The process of this attempt is being started.
    Starting {
        /// Which one.
        attempt: u32,
    },
    /// The process of this attempt works.
    Running {
        /// Which one.
        attempt: u32,
    },
    /// It ended well.
    Exited,
    /// It ended with an error, or was ended.
    Failed,
    /// It was cancelled.
    Cancelled,
}

/// What happens to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It is its turn.
    Start,
    /// Its process exists.
    Up,
    /// Its process left the record of a good end.
    Done,
    /// Its process left the record of an error, or could not be started.
    Failed,
    /// It ended because it was asked to.
    Cancelled,
    /// Its process is gone and left no record.
    Killed,
    /// It was ended for going above its memory bound.
    OverMemory,
}

/// The event does not belong to the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Illegal(pub State, pub Event);

/// The state after the event.
pub fn next(state: State, event: Event) -> Result<State, Illegal> {
    use State::{Accepted, Running, Starting};
    match (state, event) {
        (Accepted, Event::Start) => Ok(Starting { attempt: 1 }),
        (Accepted, Event::Cancelled) => Ok(State::Cancelled),
        (Starting { attempt }, Event::Up) => Ok(Running { attempt }),
        (Starting { .. } | Running { .. }, Event::Failed) => Ok(State::Failed),
        (Starting { .. } | Running { .. }, Event::Cancelled) => Ok(State::Cancelled),
        (Running { .. }, Event::Done) => Ok(State::Exited),
        (Running { .. }, Event::OverMemory) => Ok(State::Failed),
        (Running { attempt }, Event::Killed) if attempt < ATTEMPTS_MAX => Ok(Starting {
            attempt: attempt + 1,
        }),
        (Running { .. }, Event::Killed) => Ok(State::Failed),
        _ => Err(Illegal(state, event)),
    }
}

impl State {
    /// The state as others see it.
    pub fn phase(self) -> UnitPhase {
        match self {
            State::Accepted => UnitPhase::Accepted,
            State::Starting { .. } => UnitPhase::Starting,
            State::Running { .. } => UnitPhase::Running,
            State::Exited => UnitPhase::Exited,
            State::Failed => UnitPhase::Failed,
            State::Cancelled => UnitPhase::Cancelled,
        }
    }

    /// Whether nothing follows.
    pub fn is_end(self) -> bool {
        matches!(self, State::Exited | State::Failed | State::Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [Event; 7] = [
        Event::Start,
        Event::Up,
        Event::Done,
        Event::Failed,
        Event::Cancelled,
        Event::Killed,
        Event::OverMemory,
    ];

    /// Each row is a state, each entry what follows the event of that column.
    #[test]
    fn every_pair_is_as_the_table_says() {
        use State::{Accepted, Cancelled, Exited, Failed, Running, Starting};
        let one = Starting { attempt: 1 };
        let next_up = Starting { attempt: 3 };
        let no = None;
        let table: [(State, [Option<State>; 7]); 8] = [
            (Accepted, [Some(one), no, no, no, Some(Cancelled), no, no]),
            (
                one,
                [
                    no,
                    Some(Running { attempt: 1 }),
                    no,
                    Some(Failed),
                    Some(Cancelled),
                    no,
                    no,
                ],
            ),
            (
                next_up,
                [
                    no,
                    Some(Running { attempt: 3 }),
                    no,
                    Some(Failed),
                    Some(Cancelled),
                    no,
                    no,
                ],
            ),
            (
                Running { attempt: 2 },
                [
                    no,
                    no,
                    Some(Exited),
                    Some(Failed),
                    Some(Cancelled),
                    Some(next_up),
                    Some(Failed),
                ],
            ),
            (
                Running { attempt: 3 },
                [
                    no,
                    no,
                    Some(Exited),
                    Some(Failed),
                    Some(Cancelled),
                    Some(Failed),
                    Some(Failed),
                ],
            ),
            (Exited, [no; 7]),
            (Failed, [no; 7]),
            (Cancelled, [no; 7]),
        ];
        for (state, row) in table {
            for (event, expected) in EVENTS.into_iter().zip(row) {
                let got = next(state, event);
                assert_eq!(
                    got,
                    expected.ok_or(Illegal(state, event)),
                    "{state:?} {event:?}"
                );
            }
        }
    }

    #[test]
    fn a_job_that_is_always_killed_is_started_three_times() {
        let mut state = next(State::Accepted, Event::Start).expect("legal");
        let mut starts = 0;
        while !state.is_end() {
            starts += 1;
            state = next(state, Event::Up).expect("legal");
            state = next(state, Event::Killed).expect("legal");
        }
        assert_eq!((starts, state), (ATTEMPTS_MAX, State::Failed));
    }
}
