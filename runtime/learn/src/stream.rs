//! Random streams that depend on nothing but a seed and a name, and can be entered at any step.

use mlinfra_api::Digest;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A named stream: ChaCha8 under SHA-256(seed, name). Steps never overlap, and step `n` needs
/// none of the steps before it, so a resumed training draws what an unbroken one would.
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u8; 32],
}

impl Stream {
    /// The stream of this name.
    pub fn new(seed: u64, name: &str) -> Self {
        let parts: [&[u8]; 2] = [&seed.to_le_bytes(), name.as_bytes()];
        Stream {
            key: *Digest::of_parts(parts).bytes(),
        }
    }

    /// The numbers of one step, from its first.
    pub fn at(&self, step: u64) -> Draws {
        let mut generator = ChaCha8Rng::from_seed(self.key);
        generator.set_stream(step);
        Draws(generator)
    }
}

/// The numbers of one step of a stream, in order.
#[derive(Clone, Debug)]
pub struct Draws(ChaCha8Rng);

impl Draws {
    /// Uniform in `0.0..1.0`, in steps of 2⁻²⁴.
    pub fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32
    }

    /// Uniform in `0..bound`; `bound` is at least 1. Draws that would favour small numbers are
    /// thrown away.
    pub fn below(&mut self, bound: u32) -> u32 {
        let usable = u32::MAX - (u32::MAX % bound + 1) % bound;
        loop {
            let draw = self.0.next_u32();
            if draw <= usable {
                return draw % bound;
            }
        }
    }

    /// Puts the elements (at most 2³²) in a random order: Fisher and Yates.
    pub fn shuffle<T>(&mut self, elements: &mut [T]) {
        for last in (1..elements.len()).rev() {
            let bound =
                u32::try_from(last + 1).expect("the caller holds at most 2^32 - 1 elements");
            elements.swap(last, self.below(bound) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_independent_of_what_was_drawn_before() {
        let stream = Stream::new(7, "shuffle");
        let mut third = stream.at(3);
        let expected: Vec<f32> = (0..100).map(|_| third.unit()).collect();
        let mut second = stream.at(2);
        (0..1000).for_each(|_| {
            second.unit();
        });
        let mut again = stream.at(3);
        assert!(expected.iter().all(|number| *number == again.unit()));
        assert_ne!(expected[0], Stream::new(8, "shuffle").at(3).unit());
        assert_ne!(expected[0], Stream::new(7, "dropout").at(3).unit());
    }

    #[test]
    fn known_numbers_of_a_known_stream() {
        let mut draws = Stream::new(7, "shuffle").at(0);
        let numbers: Vec<u32> = (0..4).map(|_| draws.below(1_000_000)).collect();
        assert_eq!(numbers, [387_329, 400_137, 6_072, 300_391]);
    }

    #[test]
    fn numbers_below_a_bound_are_even_and_below_it() {
        let mut draws = Stream::new(1, "even").at(0);
        let mut counts = [0_i32; 7];
        for _ in 0..70_000 {
            counts[draws.below(7) as usize] += 1;
        }
        assert!(
            counts.iter().all(|count| (count - 10_000).abs() < 500),
            "{counts:?}"
        );
    }

    #[test]
    fn a_shuffle_keeps_every_element() {
        let mut order: Vec<u32> = (0..1000).collect();
        Stream::new(1, "shuffle").at(9).shuffle(&mut order);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_ne!(order, sorted);
        assert!(
            sorted
                .iter()
                .enumerate()
                .all(|(at, value)| at as u32 == *value)
        );
    }
}
