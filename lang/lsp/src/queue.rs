//! What came over the stream and waits to be taken, no more of it than there is room for.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// How many bytes of messages wait at most. One that is longer waits alone.
const WAITING_BYTES_MAX: u64 = 256 << 20;
/// What a message counts beside its bytes: it takes room however short it is.
const MESSAGE_BYTES: u64 = 1 << 10;

/// The two ends of a queue.
pub(crate) fn queue<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            waiting: VecDeque::new(),
            bytes: 0,
            is_closed: false,
        }),
        changed: Condvar::new(),
    });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

/// The end that puts in. Once it is dropped, nothing more will come.
pub(crate) struct Sender<T>(Arc<Shared<T>>);

/// The end that takes out. Once it is dropped, nobody waits for anything any more.
pub(crate) struct Receiver<T>(Arc<Shared<T>>);

/// A way to put in what is made here: it takes no room, and whether it is dropped says nothing.
pub(crate) struct Back<T>(Arc<Shared<T>>);

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    /// What waits, with the room that it takes.
    waiting: VecDeque<(T, u64)>,
    bytes: u64,
    is_closed: bool,
}

/// What there is to take at once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken<T> {
    Next(T),
    Nothing,
    /// Nothing, and nothing more will come.
    Ended,
}

impl<T> Shared<T> {
    /// The state. A panic at the other end leaves it whole: each change is one step.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'g>(&self, state: MutexGuard<'g, State<T>>) -> MutexGuard<'g, State<T>> {
        let state = self.changed.wait(state);
        state.unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }
}

impl<T> Sender<T> {
    /// Puts a message of so many bytes in, as soon as there is room. False if nobody takes it.
    pub(crate) fn send(&self, message: T, bytes: u64) -> bool {
        let room = bytes.saturating_add(MESSAGE_BYTES);
        let mut state = self.0.lock();
        while !state.is_closed && state.bytes > 0 && state.bytes + room > WAITING_BYTES_MAX {
            state = self.0.wait(state);
        }
        if state.is_closed {
            return false;
        }
        state.bytes += room;
        state.waiting.push_back((message, room));
        self.0.changed.notify_all();
        true
    }
}

impl<T> Back<T> {
    /// Puts a message in.
    pub(crate) fn send(&self, message: T) {
        self.0.lock().waiting.push_back((message, 0));
        self.0.changed.notify_all();
    }
}

impl<T> Receiver<T> {
    /// A way to put in what is made here.
    pub(crate) fn back(&self) -> Back<T> {
        Back(Arc::clone(&self.0))
    }

    /// What waits now.
    pub(crate) fn now(&self) -> Taken<T> {
        let mut state = self.0.lock();
        match state.take() {
            Some(message) => {
                self.0.changed.notify_all();
                Taken::Next(message)
            }
            None if state.is_closed => Taken::Ended,
            None => Taken::Nothing,
        }
    }

    /// The next message, however long it takes; none once nothing more will come.
    pub(crate) fn next(&self) -> Option<T> {
        let mut state = self.0.lock();
        while state.waiting.is_empty() && !state.is_closed {
            state = self.0.wait(state);
        }
        let message = state.take();
        self.0.changed.notify_all();
        message
    }
}

impl<T> State<T> {
    fn take(&mut self) -> Option<T> {
        let (message, room) = self.waiting.pop_front()?;
        self.bytes -= room;
        Some(message)
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_is_taken_in_order_and_then_ends() {
        let (sender, receiver) = queue();
        assert_eq!(receiver.now(), Taken::Nothing);
        for number in 0..3 {
            assert!(sender.send(number, 10));
        }
        drop(sender);
        assert_eq!(receiver.next(), Some(0));
        assert_eq!(receiver.now(), Taken::Next(1));
        assert_eq!(receiver.next(), Some(2));
        assert_eq!(receiver.next(), None);
        assert_eq!(receiver.now(), Taken::Ended);
    }

    #[test]
    fn no_more_waits_than_there_is_room_for() {
        let (sender, receiver) = queue();
        let sending = std::thread::spawn(move || {
            // Two of these have no room together, nor has a short one beside the last.
            for number in 0..4 {
                assert!(sender.send(number, WAITING_BYTES_MAX));
            }
            assert!(sender.send(4, 0));
        });
        for number in 0..5 {
            assert_eq!(receiver.next(), Some(number));
            let state = receiver.0.lock();
            assert!(state.waiting.len() <= 1, "{}", state.waiting.len());
            assert!(state.bytes <= WAITING_BYTES_MAX + MESSAGE_BYTES);
        }
        sending.join().expect("all was sent");
    }

    #[test]
    fn short_messages_take_room_too() {
        let (sender, receiver) = queue();
        let fits = WAITING_BYTES_MAX / MESSAGE_BYTES;
        for number in 0..fits {
            assert!(sender.send(number, 0));
        }
        assert_eq!(receiver.0.lock().bytes, WAITING_BYTES_MAX);
    }

    #[test]
    fn who_waits_for_room_learns_that_nobody_takes_it() {
        let (sender, receiver) = queue();
        assert!(sender.send(0, WAITING_BYTES_MAX));
        let sending = std::thread::spawn(move || sender.send(1, WAITING_BYTES_MAX));
        drop(receiver);
        assert!(!sending.join().expect("it ended"));
    }
}
