//! The life cycle of a service: it is started again after every death, with growing pauses.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use mlinfra_runtime_spec::UnitPhase;

/// So many deaths inside the window are a crash loop.
pub const DEATHS_MAX: usize = 5;

/// The window of [`DEATHS_MAX`]; so long in good health also ends a streak of deaths.
pub const WINDOW: Duration = Duration::from_secs(60);

/// The longest pause before a start, in seconds.
const PAUSE_SECONDS_MAX: u64 = 60;

/// Where a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its folder is written, nothing was started.
    Accepted,
    /// Its process is being started.
    Starting,
    /// Its process reads the model.
    Loading,
    /// It answers its golden requests right.
    Ready,
    /// It lives but must not be asked.
    Unready,
    /// It died and waits so many seconds before the next start.
    Backoff {
        /// How many.
        seconds: u64,
    },
    /// It died too often and is left alone until it is asked for again.
    CrashLoop,
    /// It finishes what it has, takes no more.
    Draining,
    /// It ended on request.
    Stopped,
}

/// What happens to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It is asked for: for the first time, or again after a crash loop or a stop.
    Start,
    /// Its process exists.
    Up,
    /// Its process says that it is ready.
    Ready,
    /// Its process says that it is not.
    Unready,
    /// Its process is gone without having been asked, or could not be started.
    Died {
        /// Deaths inside the window, this one included.
        recent: usize,
        /// Deaths since it was last healthy for a whole window, this one included.
        streak: u32,
    },
    /// The pause is over.
    PauseOver,
    /// It is asked to stop.
    Stop,
    /// Its process is gone after having been asked.
    Gone,
}

/// The event does not belong to the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Illegal(pub State, pub Event);

/// The state after the event.
pub fn next(state: State, event: Event) -> Result<State, Illegal> {
    use State::{
        Accepted, Backoff, CrashLoop, Draining, Loading, Ready, Starting, Stopped, Unready,
    };
    match (state, event) {
        (Accepted | CrashLoop | Stopped, Event::Start) => Ok(Starting),
        (Starting, Event::Up) => Ok(Loading),
        (Loading | Unready, Event::Ready) => Ok(Ready),
        (Loading | Ready, Event::Unready) => Ok(Unready),
        (Starting | Loading | Ready | Unready, Event::Died { recent, .. })
            if recent >= DEATHS_MAX =>
        {
            Ok(CrashLoop)
        }
        (Starting | Loading | Ready | Unready, Event::Died { streak, .. }) => Ok(Backoff {
            seconds: pause_seconds(streak),
        }),
        (Backoff { .. }, Event::PauseOver) => Ok(Starting),
        (Starting | Loading | Ready | Unready, Event::Stop) => Ok(Draining),
        (Accepted | Backoff { .. } | CrashLoop, Event::Stop) => Ok(Stopped),
        (Draining, Event::Gone) => Ok(Stopped),
        _ => Err(Illegal(state, event)),
    }
}

/// How long to wait before the next start after so many deaths in a row: at once, then 1, 2, 4 …
/// 60 seconds.
fn pause_seconds(streak: u32) -> u64 {
    match streak {
        0 | 1 => 0,
        more => 1_u64
            .checked_shl(more - 2)
            .map_or(PAUSE_SECONDS_MAX, |seconds| seconds.min(PAUSE_SECONDS_MAX)),
    }
}

impl State {
    /// The state as others see it.
    pub fn phase(self) -> UnitPhase {
        match self {
            State::Accepted => UnitPhase::Accepted,
            State::Starting => UnitPhase::Starting,
            State::Loading => UnitPhase::Loading,
            State::Ready => UnitPhase::Ready,
            State::Unready => UnitPhase::Unready,
            State::Backoff { .. } => UnitPhase::Backoff,
            State::CrashLoop => UnitPhase::CrashLoop,
            State::Draining => UnitPhase::Draining,
            State::Stopped => UnitPhase::Stopped,
        }
    }
}

/// Counts deaths, so that [`Event::Died`] can be told.
#[derive(Debug, Default)]
pub struct Deaths {
    recent: VecDeque<Instant>,
    streak: u32,
}

impl Deaths {
    /// Notes a death at `now` of a process that had been ready since `ready_since`.
    pub fn note(&mut self, now: Instant, ready_since: Option<Instant>) -> Event {
        if ready_since.is_some_and(|since| now.duration_since(since) >= WINDOW) {
            self.streak = 0;
        }
        self.streak += 1;
        self.recent.push_back(now);
        self.recent.retain(|at| now.duration_since(*at) < WINDOW);
        Event::Died {
            recent: self.recent.len(),
            streak: self.streak,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row is a state, each entry what follows the event of that column.
    #[test]
    fn every_pair_is_as_the_table_says() {
        use State::{
            Accepted, Backoff, CrashLoop, Draining, Loading, Ready, Starting, Stopped, Unready,
        };
        let died = |recent, streak| Event::Died { recent, streak };
        let events = [
            Event::Start,
            Event::Up,
            Event::Ready,
            Event::Unready,
            died(1, 3),
            died(5, 5),
            Event::PauseOver,
            Event::Stop,
            Event::Gone,
        ];
        let no = None;
        let pause = Some(Backoff { seconds: 2 });
        let loop_ = Some(CrashLoop);
        let drain = Some(Draining);
        let end = Some(Stopped);
        let start = Some(Starting);
        let table: [(State, [Option<State>; 9]); 9] = [
            (Accepted, [start, no, no, no, no, no, no, end, no]),
            (
                Starting,
                [no, Some(Loading), no, no, pause, loop_, no, drain, no],
            ),
            (
                Loading,
                [
                    no,
                    no,
                    Some(Ready),
                    Some(Unready),
                    pause,
                    loop_,
                    no,
                    drain,
                    no,
                ],
            ),
            (
                Ready,
                [no, no, no, Some(Unready), pause, loop_, no, drain, no],
            ),
            (
                Unready,
                [no, no, Some(Ready), no, pause, loop_, no, drain, no],
            ),
            (
                Backoff { seconds: 4 },
                [no, no, no, no, no, no, start, end, no],
            ),
            (CrashLoop, [start, no, no, no, no, no, no, end, no]),
            (Draining, [no, no, no, no, no, no, no, no, end]),
            (Stopped, [start, no, no, no, no, no, no, no, no]),
        ];
        for (state, row) in table {
            for (event, expected) in events.into_iter().zip(row) {
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
    fn pauses_double_up_to_a_minute() {
        let pauses: Vec<u64> = (1..=10).map(pause_seconds).collect();
        assert_eq!(pauses, [0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(pause_seconds(u32::MAX), PAUSE_SECONDS_MAX);
    }

    #[test]
    fn a_minute_of_health_ends_a_streak() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut deaths = Deaths::default();
        for second in 0..4 {
            assert_eq!(
                deaths.note(at(second), None),
                Event::Died {
                    recent: second as usize + 1,
                    streak: second as u32 + 1
                }
            );
        }
        assert_eq!(
            deaths.note(at(70), Some(at(20))),
            Event::Died {
                recent: 1,
                streak: 5
            }
        );
        assert_eq!(
            deaths.note(at(200), Some(at(100))),
            Event::Died {
                recent: 1,
                streak: 1
            }
        );
    }
}
