//! The life cycle of what an endpoint serves: a release is loaded and proved beside the one that
//! is live, and takes its place only then.

use mlinfra_runtime_spec::UnitPhase;

/// Where the endpoint is. `live` is the key of the release that answers now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing is being loaded.
    Live {
        /// None: the first release could not be served.
        live: Option<String>,
    },
    /// The model of `next` is being read.
    Loading {
        /// Answers meanwhile.
        live: Option<String>,
        /// What is wanted.
        next: String,
    },
    /// `next` answers its golden requests.
    Proving {
        /// Answers meanwhile.
        live: Option<String>,
        /// What is wanted.
        next: String,
    },
}

/// What happens to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// This release is to be served.
    Wanted(String),
    /// Its model is in memory.
    Loaded,
    /// Its golden requests were answered right.
    Proved,
    /// It can't be served.
    Failed,
}

/// The event does not belong to the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Illegal(pub State, pub Event);

/// The state after the event.
pub fn next(state: State, event: Event) -> Result<State, Illegal> {
    match (state, event) {
        (State::Live { live }, Event::Wanted(next)) => Ok(State::Loading { live, next }),
        (State::Loading { live, next }, Event::Loaded) => Ok(State::Proving { live, next }),
        (State::Proving { next, .. }, Event::Proved) => Ok(State::Live { live: Some(next) }),
        (State::Loading { live, .. } | State::Proving { live, .. }, Event::Failed) => {
            Ok(State::Live { live })
        }
        (state, event) => Err(Illegal(state, event)),
    }
}

impl State {
    /// The release that answers now.
    pub fn live(&self) -> Option<&str> {
        match self {
            State::Live { live } | State::Loading { live, .. } | State::Proving { live, .. } => {
                live.as_deref()
            }
        }
    }

    /// The release that is to replace it.
    pub fn next(&self) -> Option<&str> {
        match self {
            State::Live { .. } => None,
            State::Loading { next, .. } | State::Proving { next, .. } => Some(next),
        }
    }

    /// Where the process is, as others see it.
    pub fn phase(&self) -> UnitPhase {
        match self {
            _ if self.live().is_some() => UnitPhase::Ready,
            State::Live { .. } => UnitPhase::Unready,
            State::Loading { .. } | State::Proving { .. } => UnitPhase::Loading,
        }
    }

    /// One word for `GET /ready`.
    pub(crate) fn stage(&self) -> &'static str {
        match self {
            State::Live { live: Some(_) } => "ready",
            State::Live { live: None } => "failed",
            State::Loading { .. } => "loading",
            State::Proving { .. } => "proving",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_as_the_table_says() {
        let live = |key: Option<&str>| State::Live {
            live: key.map(str::to_owned),
        };
        let a = Some("a".to_owned());
        let b = || "b".to_owned();
        let loading = |live: &Option<String>| State::Loading {
            live: live.clone(),
            next: b(),
        };
        let proving = |live: &Option<String>| State::Proving {
            live: live.clone(),
            next: b(),
        };
        let events = [
            Event::Wanted(b()),
            Event::Loaded,
            Event::Proved,
            Event::Failed,
        ];
        let none = None;
        let table = [
            (live(None), [Some(loading(&none)), None, None, None]),
            (live(Some("a")), [Some(loading(&a)), None, None, None]),
            (
                loading(&none),
                [None, Some(proving(&none)), None, Some(live(None))],
            ),
            (
                loading(&a),
                [None, Some(proving(&a)), None, Some(live(Some("a")))],
            ),
            (
                proving(&none),
                [None, None, Some(live(Some("b"))), Some(live(None))],
            ),
            (
                proving(&a),
                [None, None, Some(live(Some("b"))), Some(live(Some("a")))],
            ),
        ];
        for (state, row) in table {
            for (event, expected) in events.iter().zip(row) {
                let expected = expected.ok_or(Illegal(state.clone(), event.clone()));
                assert_eq!(next(state.clone(), event.clone()), expected);
            }
        }
    }

    #[test]
    fn a_live_release_stays_ready_whatever_is_loaded() {
        let mut state = State::Live { live: None };
        let mut phases = vec![state.phase()];
        for event in [
            Event::Wanted("a".into()),
            Event::Loaded,
            Event::Proved,
            Event::Wanted("b".into()),
            Event::Failed,
        ] {
            state = next(state, event).expect("legal");
            phases.push(state.phase());
        }
        use UnitPhase::{Loading, Ready, Unready};
        assert_eq!(phases, [Unready, Loading, Loading, Ready, Ready, Ready]);
        assert_eq!(state.live(), Some("a"));
    }
}
