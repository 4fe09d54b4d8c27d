//! What is known beforehand of the figures of an endpoint.

/// Upper bounds of the buckets in which an endpoint counts how long its answers take, in seconds:
/// half a millisecond to ten seconds. Closer around 50 ms, where people feel an answer as slow: a
/// quantile is exact to its bucket.
pub const DURATION_BUCKETS: [f64; 17] = [
    0.000_5,
    0.001,
    0.002_5,
    0.005,
    0.01,
    0.025,
    0.04,
    0.05,
    0.06,
    0.075,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    DURATION_SECONDS_MAX as f64,
];

/// The last of [`DURATION_BUCKETS`]: a quantile of durations is never more, however long the
/// answers take.
pub const DURATION_SECONDS_MAX: u32 = 10;
