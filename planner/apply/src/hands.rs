//! Who makes the calls: a pool of threads, or one step after the other for tests.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use mlinfra_api::{Begun, Fault, Found, Progress, Provider, Request};
use mlinfra_plan::{Answer, Question};

use crate::options::{Recheck, Schedule};

/// Facts that an action rests on.
pub(crate) type Facts = Arc<Vec<(Question, Answer)>>;

/// One call to make.
pub(crate) struct Job {
    /// Whose it is: comes back with the answer.
    pub(crate) flight: u64,
    pub(crate) work: Work,
}

/// What to do.
pub(crate) enum Work {
    Call {
        ask: Ask,
        provider: Arc<dyn Provider>,
        request: Arc<Request>,
        handle: String,
    },
    Recheck {
        recheck: Arc<dyn Recheck>,
        facts: Facts,
    },
}

/// Which of the provider's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Begin,
    Poll,
    Cancel,
    Find,
}

/// An answer.
#[derive(Debug)]
pub(crate) enum Answered {
    Begun(Result<Begun, Fault>),
    Polled(Result<Progress, Fault>),
    Cancelled,
    Found(Result<Found, Fault>),
    /// The first fact that is no longer so.
    Rechecked(Option<usize>),
    /// The provider's own code panicked: nobody knows what took effect.
    Panicked,
}

/// Whose answer it is, and what it is.
pub(crate) struct Message {
    pub(crate) flight: u64,
    pub(crate) answered: Answered,
}

/// Who makes the calls.
pub(crate) enum Hands {
    Threads(Threads),
    Stepped(Stepped),
}

pub(crate) struct Threads {
    shared: Arc<Shared>,
    sender: Sender<Message>,
    receiver: Receiver<Message>,
    spawned: usize,
    parallel: usize,
    start: Instant,
}

struct Shared {
    queue: Mutex<Queue>,
    more: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    idle: usize,
    closed: bool,
}

pub(crate) struct Stepped {
    jobs: Vec<Job>,
    random: u64,
    now: Duration,
}

impl Hands {
    pub(crate) fn new(schedule: Schedule, parallel: usize) -> Self {
        match schedule {
            Schedule::Threads => {
                let (sender, receiver) = channel();
                Hands::Threads(Threads {
                    shared: Arc::new(Shared {
                        queue: Mutex::default(),
                        more: Condvar::new(),
                    }),
                    sender,
                    receiver,
                    spawned: 0,
                    parallel: parallel.max(1),
                    start: Instant::now(),
                })
            }
            Schedule::Stepped { seed } => Hands::Stepped(Stepped {
                jobs: Vec::new(),
                random: seed.wrapping_mul(2).wrapping_add(1),
                now: Duration::ZERO,
            }),
        }
    }

    /// Time since these hands were made.
    pub(crate) fn now(&self) -> Duration {
        match self {
            Hands::Threads(threads) => threads.start.elapsed(),
            Hands::Stepped(stepped) => stepped.now,
        }
    }

    pub(crate) fn submit(&mut self, job: Job) {
        match self {
            Hands::Threads(threads) => threads.submit(job),
            Hands::Stepped(stepped) => stepped.jobs.push(job),
        }
    }

    /// Takes back every `begin` that nobody has started on.
    pub(crate) fn withdraw(&mut self) -> Vec<u64> {
        let is_begin = |job: &Job| {
            matches!(
                job.work,
                Work::Call {
                    ask: Ask::Begin,
                    ..
                }
            )
        };
        let mut taken = Vec::new();
        let mut keep = |job: &Job| {
            let begin = is_begin(job);
            if begin {
                taken.push(job.flight);
            }
            !begin
        };
        match self {
            Hands::Threads(threads) => threads.shared.queue().jobs.retain(&mut keep),
            Hands::Stepped(stepped) => stepped.jobs.retain(&mut keep),
        }
        taken
    }

    /// Waits for at least one answer, but not past `until`.
    pub(crate) fn wait(&mut self, until: Duration) -> Vec<Message> {
        match self {
            Hands::Threads(threads) => threads.wait(until),
            Hands::Stepped(stepped) => stepped.wait(until),
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Threads {
    fn submit(&mut self, job: Job) {
        let mut queue = self.shared.queue();
        queue.jobs.push_back(job);
        let crowded = queue.jobs.len() > queue.idle;
        drop(queue);
        if crowded && self.spawned < self.parallel {
            self.spawned += 1;
            let (shared, sender) = (Arc::clone(&self.shared), self.sender.clone());
            // Not joined: whoever leaves at once leaves a call under way behind.
            drop(thread::spawn(move || serve(&shared, &sender)));
        }
        self.shared.more.notify_one();
    }

    fn wait(&mut self, until: Duration) -> Vec<Message> {
        let patience = until.saturating_sub(self.start.elapsed());
        let mut messages = match self.receiver.recv_timeout(patience) {
            Ok(message) => vec![message],
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Vec::new(),
        };
        messages.extend(self.receiver.try_iter());
        messages
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.shared.queue().closed = true;
        self.shared.more.notify_all();
    }
}

fn serve(shared: &Shared, sender: &Sender<Message>) {
    loop {
        let mut queue = shared.queue();
        queue.idle += 1;
        let mut queue = shared
            .more
            .wait_while(queue, |queue| queue.jobs.is_empty() && !queue.closed)
            .unwrap_or_else(PoisonError::into_inner);
        queue.idle -= 1;
        // Once closed, what was not started is not made any more.
        let job = if queue.closed {
            None
        } else {
            queue.jobs.pop_front()
        };
        drop(queue);
        let Some(job) = job else { return };
        if sender.send(make(job)).is_err() {
            return;
        }
    }
}

impl Stepped {
    /// One call a time, drawn among those that wait; without any, the clock jumps.
    fn wait(&mut self, until: Duration) -> Vec<Message> {
        if self.jobs.is_empty() {
            self.now = self.now.max(until);
            return Vec::new();
        }
        self.now += Duration::from_micros(10);
        // xorshift: any fixed order would do, all that matters is that seeds differ.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let index = usize::try_from(self.random >> 32).unwrap_or(0) % self.jobs.len();
        let job = self.jobs.remove(index);
        vec![make(job)]
    }
}

fn make(job: Job) -> Message {
    let Job { flight, work } = job;
    let answered = catch_unwind(AssertUnwindSafe(|| match work {
        Work::Recheck { recheck, facts } => {
            let moved = |(question, answer): &(Question, Answer)| !recheck.still(question, answer);
            Answered::Rechecked(facts.iter().position(moved))
        }
        Work::Call {
            ask,
            provider,
            request,
            handle,
        } => match ask {
            Ask::Begin => Answered::Begun(provider.begin(&request)),
            Ask::Poll => Answered::Polled(provider.poll(&request, &handle)),
            Ask::Find => Answered::Found(provider.find(&request)),
            Ask::Cancel => {
                // A cancel that is refused or lost changes nothing: `poll` tells how it ends.
                drop(provider.cancel(&request, &handle));
                Answered::Cancelled
            }
        },
    }));
    Message {
        flight,
        answered: answered.unwrap_or(Answered::Panicked),
    }
}
