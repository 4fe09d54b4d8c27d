//! The crash rules by name, so that a test can switch one off and see that the tests notice.

/// A crash rule of ARCHITECTURE.md. Only the tests of the tests ever switch one off; the command
/// line has no way to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// 1: the intent is durable before the call. Off: it is written with the outcome.
    IntentFirst,
    /// 2: the outcome is durable before a dependent starts. Off: outcomes are written at the end.
    OutcomeFirst,
    /// 3: tokens are deterministic. Off: each call has a new one.
    FixedToken,
    /// 4: what is in doubt is not tried again with a new token. Off: it is.
    DoubtNotRetried,
    /// 4: what is in doubt is not dropped. Off: it is.
    DoubtNotDropped,
    /// What stands on a step waits for its gates. Off: it is made whatever they say.
    GateKept,
    /// 5: the chain and the head are checked. Off: neither is.
    Chain,
    /// 6: a snapshot that fails its check stops work. Off: work goes on.
    Integrity,
    /// 7: the lock is taken. Off: it is not.
    Lock,
    /// 9: secrets are sealed. Off: they are written as they are.
    Sealing,
}
