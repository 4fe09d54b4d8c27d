//! One call, from its intent to its end: what each answer means, and what to ask next.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mlinfra_api::{
    Address, Begun, Fault, Found, Progress, Provider, Recovery, Request, Value, Verb,
};
use mlinfra_state::{ActionEvent, ActionState, Rule};

use crate::hands::{Answered, Ask};
use crate::options::Timings;

/// A share of the settle time that lies between two looks.
const LOOKS_PER_SETTLE_TIME: u32 = 8;

/// One call under way.
pub(crate) struct Flight {
    /// The action in the journal: its operation and its number there.
    pub(crate) operation: u64,
    pub(crate) number: u64,
    pub(crate) address: Address,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) request: Arc<Request>,
    /// As the journal has it, staged records included.
    pub(crate) state: ActionState,
    pub(crate) handle: Option<String>,
    /// It was asked to stop.
    pub(crate) cancelled: bool,
    /// Whether sending the same call again is still safe for an idempotent type.
    pub(crate) window_is_open: bool,
    pub(crate) next: Option<Ask>,
    broken: Option<Rule>,
    retries: u32,
    silent_polls: u32,
    pause: Duration,
    doubt_since: Option<Duration>,
}

/// What follows an answer.
pub(crate) struct Reaction {
    /// What to record, in order.
    pub(crate) events: Vec<ActionEvent>,
    pub(crate) next: Next,
}

pub(crate) enum Next {
    Ask { ask: Ask, at: Duration, why: Why },
    End(End),
}

/// Why something is asked: what the screen is told.
pub(crate) enum Why {
    Nothing,
    Accepted,
    Progress {
        note: String,
        done: Option<(u64, u64)>,
        figures: BTreeMap<String, f64>,
    },
    Trouble(String),
}

/// How a call ended, as far as this executor follows it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    Done(BTreeMap<String, Value>),
    Failed(Fault),
    Cancelled,
    /// It never took effect: the action is pending again.
    Absent,
    /// In doubt for ever.
    Stuck(String),
    /// In doubt still.
    Unresolved(String),
    /// Accepted, and not answering: it goes on without us.
    Silent,
}

impl Flight {
    pub(crate) fn new(
        (operation, number): (u64, u64),
        provider: Arc<dyn Provider>,
        request: Request,
        state: ActionState,
        broken: Option<Rule>,
    ) -> Self {
        Flight {
            operation,
            number,
            address: request.resource.address.clone(),
            provider,
            request: Arc::new(request),
            state,
            handle: None,
            cancelled: false,
            window_is_open: true,
            next: None,
            broken,
            retries: 0,
            silent_polls: 0,
            pause: Duration::ZERO,
            doubt_since: None,
        }
    }

    /// What an answer means.
    pub(crate) fn react(
        &mut self,
        answered: Answered,
        now: Duration,
        timings: &Timings,
    ) -> Reaction {
        match (self.state, answered) {
            (ActionState::Begun, Answered::Begun(answer)) => self.on_begun(answer, now, timings),
            (ActionState::Begun, Answered::Panicked) => self.doubt("its client panicked", now),
            (ActionState::InDoubt, answered) => self.on_resolved(answered, now, timings),
            (ActionState::Running, Answered::Polled(answer)) => {
                self.on_polled(answer, now, timings)
            }
            (ActionState::Running, Answered::Panicked) => self.on_silence(now, timings),
            // A cancel was sent; the end shows in the polls.
            (_, _) => self.poll_next(now, timings, Why::Nothing),
        }
    }

    fn on_begun(
        &mut self,
        answer: Result<Begun, Fault>,
        now: Duration,
        timings: &Timings,
    ) -> Reaction {
        match answer {
            Ok(Begun::Accepted { handle }) => {
                self.handle = Some(handle.clone());
                let event = ActionEvent::Accepted { handle };
                let next = self.poll_next(now, timings, Why::Accepted).next;
                Reaction {
                    events: vec![event],
                    next,
                }
            }
            Ok(Begun::Done { handle, outputs }) => end(
                ActionEvent::Succeeded {
                    handle: Some(handle),
                    outputs: outputs.clone(),
                },
                End::Done(outputs),
            ),
            Err(Fault::Lost { message }) => self.doubt(&message, now),
            Err(Fault::Retry {
                message,
                after_milliseconds,
            }) => match self.retry_at(now, after_milliseconds, timings) {
                Some(at) => ask(Ask::Begin, at, Why::Trouble(message)),
                None => {
                    let fault = Fault::refused("E0721", format!("gave up: {message}"));
                    failed(fault.with_help("apply again when the provider has room"))
                }
            },
            Err(fault @ (Fault::Refused { .. } | Fault::Failed { .. })) => failed(fault),
        }
    }

    /// The answer is lost.
    fn doubt(&mut self, reason: &str, now: Duration) -> Reaction {
        let lost = ActionEvent::Lost {
            reason: reason.to_owned(),
        };
        let Reaction { mut events, next } = self.resolve(now);
        events.insert(0, lost);
        Reaction { events, next }
    }

    /// The first step out of doubt, by the recovery that the resource type declares. Deleting again
    /// what may be gone is safe for every type: a handle is never used twice.
    pub(crate) fn resolve(&mut self, now: Duration) -> Reaction {
        match self.broken {
            Some(Rule::DoubtNotRetried) => return end(ActionEvent::ProvedAbsent, End::Absent),
            Some(Rule::DoubtNotDropped) => {
                let fault = Fault::failed("E0719", "dropped");
                return end(ActionEvent::ProvedAbsent, End::Failed(fault));
            }
            _ => {}
        }
        self.retries = 0;
        self.pause = Duration::ZERO;
        self.doubt_since = Some(now);
        let trouble = || Why::Trouble("its answer was lost; asking whether it took effect".into());
        match self.recovery() {
            _ if self.is_sent_again() => ask(Ask::Begin, now, trouble()),
            Recovery::Idempotent { .. } | Recovery::Named | Recovery::Discoverable { .. } => {
                ask(Ask::Find, now, trouble())
            }
            Recovery::None => self.stuck("its type has no way to tell"),
        }
    }

    /// Whether sending the same call again tells what became of it. For a deletion that is always
    /// so, and looking is never: what is found is what should be gone.
    fn is_sent_again(&self) -> bool {
        let is_idempotent = || matches!(self.recovery(), Recovery::Idempotent { .. });
        self.request.verb == Verb::Delete || (self.window_is_open && is_idempotent())
    }

    fn recovery(&self) -> Recovery {
        let resource_type = &self.request.resource.resource_type;
        self.provider.recovery(resource_type)
    }

    fn stuck(&self, reason: &str) -> Reaction {
        let reason = reason.to_owned();
        let event = ActionEvent::Unprovable {
            reason: reason.clone(),
        };
        end(event, End::Stuck(reason))
    }

    fn on_resolved(&mut self, answered: Answered, now: Duration, timings: &Timings) -> Reaction {
        match answered {
            Answered::Begun(Ok(Begun::Accepted { handle }))
            | Answered::Found(Ok(Found::Present { handle })) => {
                self.handle = Some(handle.clone());
                let next = self.poll_next(now, timings, Why::Accepted).next;
                Reaction {
                    events: vec![ActionEvent::Found { handle }],
                    next,
                }
            }
            Answered::Begun(Ok(Begun::Done { handle, outputs })) => Reaction {
                events: vec![
                    ActionEvent::Found { handle },
                    ActionEvent::Succeeded {
                        handle: None,
                        outputs: outputs.clone(),
                    },
                ],
                next: Next::End(End::Done(outputs)),
            },
            // Had it taken effect, the same call would not be refused.
            Answered::Begun(Err(Fault::Refused { .. } | Fault::Failed { .. }))
            | Answered::Found(Ok(Found::ProvedAbsent)) => {
                end(ActionEvent::ProvedAbsent, End::Absent)
            }
            Answered::Found(Ok(Found::NotSeen)) => self.on_not_seen(now, timings),
            Answered::Begun(Err(fault)) => self.look_again(Ask::Begin, &fault, now, timings),
            Answered::Found(Err(fault)) => self.look_again(Ask::Find, &fault, now, timings),
            _ => {
                let fault = Fault::Lost {
                    message: "its client panicked".into(),
                };
                let ask = match self.is_sent_again() {
                    true => Ask::Begin,
                    false => Ask::Find,
                };
                self.look_again(ask, &fault, now, timings)
            }
        }
    }

    /// "Not seen" proves something only after the settle time.
    fn on_not_seen(&mut self, now: Duration, timings: &Timings) -> Reaction {
        match self.recovery() {
            Recovery::Discoverable { settle } => {
                let since = now.saturating_sub(self.doubt_since.unwrap_or(now));
                if since >= settle {
                    return end(ActionEvent::ProvedAbsent, End::Absent);
                }
                let pause = (settle / LOOKS_PER_SETTLE_TIME).max(Duration::from_millis(1));
                ask(Ask::Find, now + pause, Why::Nothing)
            }
            Recovery::Idempotent { .. } | Recovery::None => {
                self.stuck("the call is too old to be sent again, and nothing shows it")
            }
            Recovery::Named => {
                let fault = Fault::Lost {
                    message: "it is not seen".into(),
                };
                self.look_again(Ask::Find, &fault, now, timings)
            }
        }
    }

    fn look_again(
        &mut self,
        again: Ask,
        fault: &Fault,
        now: Duration,
        timings: &Timings,
    ) -> Reaction {
        let after = match fault {
            Fault::Retry {
                after_milliseconds, ..
            } => *after_milliseconds,
            _ => 0,
        };
        match self.retry_at(now, after, timings) {
            Some(at) => ask(again, at, Why::Trouble(fault.to_string())),
            None => Reaction {
                events: Vec::new(),
                next: Next::End(End::Unresolved(fault.to_string())),
            },
        }
    }

    fn on_polled(
        &mut self,
        answer: Result<Progress, Fault>,
        now: Duration,
        timings: &Timings,
    ) -> Reaction {
        match answer {
            Ok(Progress::Pending {
                note,
                done,
                figures,
            }) => {
                self.silent_polls = 0;
                let progress = Why::Progress {
                    note,
                    done,
                    figures,
                };
                self.poll_next(now, timings, progress)
            }
            Ok(Progress::Done { outputs }) => end(
                ActionEvent::Succeeded {
                    handle: None,
                    outputs: outputs.clone(),
                },
                End::Done(outputs),
            ),
            Err(Fault::Refused { .. } | Fault::Failed { .. }) if self.cancelled => {
                end(ActionEvent::Cancelled, End::Cancelled)
            }
            Err(fault @ (Fault::Refused { .. } | Fault::Failed { .. })) => failed(fault),
            Err(Fault::Retry { .. } | Fault::Lost { .. }) => self.on_silence(now, timings),
        }
    }

    fn on_silence(&mut self, now: Duration, timings: &Timings) -> Reaction {
        self.silent_polls += 1;
        if self.silent_polls > timings.silent_polls_max {
            return Reaction {
                events: Vec::new(),
                next: Next::End(End::Silent),
            };
        }
        self.poll_next(now, timings, Why::Nothing)
    }

    fn poll_next(&mut self, now: Duration, timings: &Timings, why: Why) -> Reaction {
        self.pause = match self.pause.is_zero() {
            true => timings.poll_first,
            false => (self.pause * 3 / 2).min(timings.poll_last),
        };
        ask(Ask::Poll, now + self.pause, why)
    }

    fn retry_at(
        &mut self,
        now: Duration,
        after_milliseconds: u64,
        timings: &Timings,
    ) -> Option<Duration> {
        self.retries += 1;
        if self.retries > timings.retries_max {
            return None;
        }
        let doubled = timings.retry_first * 2_u32.saturating_pow(self.retries - 1);
        let pause = doubled
            .min(timings.retry_last)
            .max(Duration::from_millis(after_milliseconds));
        Some(now + pause)
    }
}

fn ask(ask: Ask, at: Duration, why: Why) -> Reaction {
    Reaction {
        events: Vec::new(),
        next: Next::Ask { ask, at, why },
    }
}

fn end(event: ActionEvent, end: End) -> Reaction {
    Reaction {
        events: vec![event],
        next: Next::End(end),
    }
}

fn failed(fault: Fault) -> Reaction {
    let event = ActionEvent::Failed {
        fault: fault.clone(),
    };
    end(event, End::Failed(fault))
}
