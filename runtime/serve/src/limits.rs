//! How much one endpoint takes on at once; above each bound it refuses with a coded answer.

use std::time::Duration;

/// Requests count for drift if they came in the last so many minutes, the one under way included.
pub const DRIFT_WINDOW_MINUTES: u64 = 60;

/// With fewer rows in the window, drift has no value: chance alone would look like a change.
pub const DRIFT_ROWS_MIN: u64 = 200;

/// How far requests are from training is told anew after so long, at the earliest.
pub(crate) const DRIFT_EVERY: Duration = Duration::from_secs(60);

/// The bounds of an endpoint's process. `Limits::default()` is what a running endpoint has; tests
/// make them small.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The longest body that is read.
    pub body_bytes_max: usize,
    /// Bytes of all bodies above [`Limits::body_bytes_small`] that are in memory at once.
    pub bodies_bytes_max: usize,
    /// Bodies up to this long are not counted in [`Limits::bodies_bytes_max`]: the number of
    /// connections bounds them already.
    pub body_bytes_small: usize,
    /// The most rows in one request.
    pub rows_max: usize,
    /// The most connections; further ones wait in the kernel.
    pub connections_max: usize,
    /// The most requests that wait for a thread to predict on.
    pub queued_requests_max: usize,
    /// How long a request may wait for that thread.
    pub queue_wait_max: Duration,
    /// The most requests that are held while the first release is being loaded.
    pub held_requests_max: usize,
    /// How long such a request is held.
    pub hold_wait_max: Duration,
    /// How long a connection may take to send the head of a request; an idle one ends then too.
    pub head_wait_max: Duration,
    /// How long a request may take to send its body.
    pub body_wait_max: Duration,
    /// How long an answer may stay unread by its client.
    pub write_wait_max: Duration,
    /// How often the process looks whether its unit's folder is still there.
    pub folder_check_every: Duration,
    /// How often drift is written to `status.json`, if it changed.
    pub figures_every: Duration,
    /// How long a port in use is waited for: its last owner may be about to end.
    pub port_wait_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            body_bytes_max: 1 << 20,
            bodies_bytes_max: 64 << 20,
            body_bytes_small: 16 << 10,
            rows_max: 10_000,
            connections_max: 512,
            queued_requests_max: 256,
            queue_wait_max: Duration::from_secs(5),
            held_requests_max: 64,
            hold_wait_max: Duration::from_secs(2),
            head_wait_max: Duration::from_secs(15),
            body_wait_max: Duration::from_secs(10),
            write_wait_max: Duration::from_secs(30),
            folder_check_every: Duration::from_secs(1),
            figures_every: Duration::from_secs(60),
            port_wait_max: Duration::from_secs(3),
        }
    }
}
