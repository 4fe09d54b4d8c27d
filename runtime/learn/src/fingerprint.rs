//! What the bits of a training depend on besides its recipe: the processor's arithmetic.

use std::sync::OnceLock;

use candle_core::{Device, Tensor};
use mlinfra_api::Digest;
use mlinfra_runtime_spec::operation_version;

use crate::stream::Stream;

/// One line: operation version, number type, threads, architecture, kernels, and a probe of what
/// they really compute. A checkpoint that was written under another fingerprint is taken up, but
/// its result is not called exact.
///
/// The probe is there because the kernels' names are not all: how a matrix product is cut, and so
/// how its sums are rounded, depends on the processor's caches too.
pub fn fingerprint(threads: usize) -> String {
    let version = operation_version("train").expect("this crate is the operation `train`");
    format!(
        "train {version}; f32; threads {threads}; {}; {}; probe {}",
        std::env::consts::ARCH,
        kernels().join("+"),
        probe()
    )
}

/// The instruction sets that the kernels choose by.
fn kernels() -> Vec<&'static str> {
    let mut found = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        let sets = [
            ("avx", std::arch::is_x86_feature_detected!("avx")),
            ("avx2", std::arch::is_x86_feature_detected!("avx2")),
            ("fma", std::arch::is_x86_feature_detected!("fma")),
            ("f16c", std::arch::is_x86_feature_detected!("f16c")),
            ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
        ];
        found.extend(
            sets.iter()
                .filter(|(_, there)| *there)
                .map(|(name, _)| *name),
        );
    }
    #[cfg(target_arch = "aarch64")]
    {
        let sets = [
            ("neon", std::arch::is_aarch64_feature_detected!("neon")),
            ("fp16", std::arch::is_aarch64_feature_detected!("fp16")),
            ("sve", std::arch::is_aarch64_feature_detected!("sve")),
        ];
        found.extend(
            sets.iter()
                .filter(|(_, there)| *there)
                .map(|(name, _)| *name),
        );
    }
    if found.is_empty() {
        found.push("plain");
    }
    found
}

/// The digest of fixed computations of many shapes; computed once for each process.
fn probe() -> &'static str {
    static PROBE: OnceLock<String> = OnceLock::new();
    PROBE.get_or_init(|| compute_probe().unwrap_or_else(|_| "none".to_owned()))
}

fn compute_probe() -> candle_core::Result<String> {
    let mut bytes = Vec::new();
    for (rows, inner, columns) in [(1, 61, 32), (32, 61, 32), (61, 32, 16), (33, 3001, 17)] {
        let left = noise("left", rows, inner)?;
        let product = left.matmul(&noise("right", inner, columns)?)?;
        let sums = product.sum(0)?;
        for tensor in [product.flatten_all()?, sums] {
            let values: Vec<f32> = tensor.to_vec1()?;
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
    }
    let logarithms = (1..100).map(|x| (f64::from(x) / 7.0).exp().ln_1p());
    bytes.extend(logarithms.flat_map(f64::to_le_bytes));
    Ok(Digest::of(&bytes).short())
}

fn noise(name: &str, rows: usize, columns: usize) -> candle_core::Result<Tensor> {
    let mut draws = Stream::new(0, name).at(0);
    let values: Vec<f32> = (0..rows * columns).map(|_| draws.unit() - 0.5).collect();
    Tensor::from_vec(values, (rows, columns), &Device::Cpu)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_the_bits_depend_on() {
        let line = fingerprint(2);
        assert_eq!(line, fingerprint(2));
        assert_ne!(line, fingerprint(1));
        assert!(line.starts_with("train 2; f32; threads 2; "), "{line}");
        assert_eq!(compute_probe().expect("a small product").as_str(), probe());
    }
}
