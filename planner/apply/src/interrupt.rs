//! What Ctrl-C sets: once to stop starting, twice to leave at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Raised by the command line. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicU8>);

impl Interrupt {
    /// Not raised.
    pub fn new() -> Self {
        Interrupt::default()
    }

    /// Raises it by one: once means "start nothing new, finish the calls under way, leave accepted
    /// work running", twice "leave now".
    pub fn raise(&self) {
        // A second press leaves at once; further ones say nothing new.
        if self.0.fetch_add(1, Ordering::SeqCst) >= 2 {
            self.0.store(2, Ordering::SeqCst);
        }
    }

    /// Whether nothing new may start.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::SeqCst) >= 1
    }

    /// Whether to leave at once.
    pub fn is_final(&self) -> bool {
        self.0.load(Ordering::SeqCst) >= 2
    }
}
