//! What can be planned to go wrong with a call.

use std::collections::BTreeMap;

use mlinfra_api::Digest;

/// What happens to one `begin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SimFault {
    /// It takes effect; its answer is lost.
    LostLanded,
    /// It is lost on the way: no effect, no answer.
    LostNotLanded,
    /// Its answer is lost, and it takes effect so many calls later. A named type's name is taken
    /// at once, so there it is [`SimFault::LostLanded`].
    LostLate(u64),
    /// Refused: no effect.
    Refused,
    /// Not now: no effect, but the same call will go through.
    Retry,
    /// The client code panics after the call took effect.
    Panic,
    /// It is accepted, and done after so many polls, whatever the resource says.
    Long(u32),
    /// It is accepted, and fails after so many polls, leaving nothing.
    FailsLater(u32),
}

impl SimFault {
    /// All kinds, with small numbers.
    pub const ALL: [SimFault; 8] = [
        SimFault::LostLanded,
        SimFault::LostNotLanded,
        SimFault::LostLate(2),
        SimFault::Refused,
        SimFault::Retry,
        SimFault::Panic,
        SimFault::Long(2),
        SimFault::FailsLater(1),
    ];

    /// One word for tables.
    pub fn word(self) -> &'static str {
        match self {
            SimFault::LostLanded => "lost, landed",
            SimFault::LostNotLanded => "lost, not landed",
            SimFault::LostLate(_) => "lost, lands late",
            SimFault::Refused => "refused",
            SimFault::Retry => "retry",
            SimFault::Panic => "panic",
            SimFault::Long(_) => "accepted",
            SimFault::FailsLater(_) => "fails later",
        }
    }
}

/// Faults for the calls from `first` on, each call having one with this chance in thousand. The
/// same seed gives the same faults.
pub fn faults_by_seed(
    seed: u64,
    first: u64,
    calls: u64,
    per_thousand: u64,
) -> BTreeMap<u64, SimFault> {
    let mut faults = BTreeMap::new();
    for call in first..first + calls {
        let drawn = Digest::of_parts([&seed.to_le_bytes()[..], &call.to_le_bytes()[..]]);
        let bytes = drawn.bytes();
        let number = u64::from(bytes[0]) << 8 | u64::from(bytes[1]);
        if number % 1_000 < per_thousand {
            faults.insert(
                call,
                SimFault::ALL[usize::from(bytes[2]) % SimFault::ALL.len()],
            );
        }
    }
    faults
}
