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

    /// Uniform in `0.0..1.0`, in steps of 2⁻⁵³.
    fn fine_unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From the normal distribution with mean 0 and standard deviation 1: Box and Muller, "A note
    /// on the generation of random normal deviates" (1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.fine_unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.fine_unit()).cos()
    }

    /// How many of `count` independent trials succeed, each with this probability (0 to 1).
    ///
    /// A trial succeeds if a uniform number is below the probability. The binary digits of all
    /// these numbers are drawn together, and only for trials that are not decided by the digits
    /// before: two bits a trial on average, and exact.
    pub fn successes(&mut self, count: u64, probability: f64) -> u64 {
        if probability >= 1.0 {
            return count;
        }
        let (mut undecided, mut succeeded, mut rest) = (count, 0, probability);
        while undecided > 0 && rest > 0.0 {
            let ones = self.ones(undecided);
            rest *= 2.0;
            if rest >= 1.0 {
                rest -= 1.0;
                succeeded += undecided - ones;
                undecided = ones;
            } else {
                undecided -= ones;
            }
        }
        succeeded
    }

    /// How many of so many random bits are 1.
    fn ones(&mut self, bits: u64) -> u64 {
        let whole: u64 = (0..bits / 32)
            .map(|_| u64::from(self.0.next_u32().count_ones()))
            .sum();
        let mask = (1_u32 << (bits % 32)) - 1;
        match mask {
            0 => whole,
            _ => whole + u64::from((self.0.next_u32() & mask).count_ones()),
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
    fn successes_have_the_mean_and_variance_of_a_binomial() {
        for (count, probability) in [
            (1, 0.3),
            (7, 0.5),
            (41, 0.7321),
            (1000, 0.01),
            (90, 1.0 / 3.0),
        ] {
            let draws = 20_000_u32;
            let stream = Stream::new(5, "successes");
            let drawn =
                (0..u64::from(draws)).map(|at| stream.at(at).successes(count, probability) as f64);
            let drawn: Vec<f64> = drawn.collect();
            let mean = drawn.iter().sum::<f64>() / f64::from(draws);
            let square = drawn.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / f64::from(draws);
            let variance = count as f64 * probability * (1.0 - probability);
            let error = (variance / f64::from(draws)).sqrt();
            assert!(
                (mean - count as f64 * probability).abs() < 4.0 * error,
                "{count} {mean}"
            );
            assert!(
                (square / variance - 1.0).abs() < 0.06,
                "{count} {square} {variance}"
            );
        }
        let mut draws = Stream::new(5, "successes").at(0);
        assert_eq!(draws.successes(12, 0.0), 0);
        assert_eq!(draws.successes(12, 1.0), 12);
        assert_eq!(draws.successes(0, 0.5), 0);
    }

    #[test]
    fn normal_numbers_have_the_moments_of_the_normal_distribution() {
        let mut draws = Stream::new(6, "normal").at(0);
        let drawn: Vec<f64> = (0..100_000).map(|_| draws.normal()).collect();
        let moment = |power| drawn.iter().map(|d: &f64| d.powi(power)).sum::<f64>() / 1e5;
        for (power, expected, slack) in [
            (1, 0.0, 0.015),
            (2, 1.0, 0.02),
            (3, 0.0, 0.05),
            (4, 3.0, 0.15),
        ] {
            assert!(
                (moment(power) - expected).abs() < slack,
                "{power}: {}",
                moment(power)
            );
        }
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
