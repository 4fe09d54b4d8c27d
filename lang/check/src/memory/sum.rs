//! What a model takes of memory, line by line. Only what it surely takes is counted: a runtime adds
//! some of its own, so a sum that fits is no proof, and one that does not is a fault.

use super::header::Facts;

/// The bytes of a number that is computed with, and of one that is kept of what was read.
const COMPUTED_BYTES: u64 = 4;
const KEPT_BYTES: u64 = 2;
/// A model that learns keeps, of each of its numbers, the number itself, its gradient and the two
/// means of AdamW, in 4 bytes each; with 16-bit arithmetic it is 2 + 2 + 4 + 4 + 4, as much.
/// (Rajbhandari et al. 2020, ZeRO, section 3.1.)
const WEIGHT_BYTES: u64 = 4;
const MEANS: u64 = 2;
/// The inner part of a layer is that much wider than a token, where nothing says otherwise
/// (Vaswani et al. 2017, section 3.3).
const INNER_FACTOR: u64 = 4;

/// A part of the sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// `weights`.
    pub(crate) what: &'static str,
    pub(crate) bytes: u64,
    /// `2 × 30 layers × 3 heads × 64 × 4096 tokens × 16 requests × 2 bytes`.
    pub(crate) how: String,
}

/// The sum of lines.
pub(crate) fn total(lines: &[Line]) -> u64 {
    (lines.iter()).fold(0, |all, line| all.saturating_add(line.bytes))
}

/// The bytes, as people read them: `13.5 GiB`.
pub(crate) fn size(bytes: u64) -> String {
    let units = [
        (1_u64 << 40, "TiB"),
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1 << 10, "KiB"),
    ];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, word)) => {
            let tenths = u128::from(bytes) * 10 / u128::from(*unit);
            match tenths % 10 {
                0 => format!("{} {word}", tenths / 10),
                rest => format!("{}.{rest} {word}", tenths / 10),
            }
        }
        None => format!("{bytes} B"),
    }
}

/// The product, or the largest number there is.
fn product(factors: &[u64]) -> u64 {
    (factors.iter()).fold(1, |all, one| all.saturating_mul(*one))
}

/// What a model takes that answers `batch` requests of `context` tokens at once.
///
/// * Weights: as they lie in its file.
/// * Keys and values of every token read, if it writes: 2 × layers × heads that are kept × numbers
///   of a head × tokens × requests × 2 bytes (Pope et al. 2022, section 3.3).
/// * Activations of one layer at a time, in 4 bytes: a token's numbers four times (queries, keys,
///   values, result) and its inner part twice, for each token that is read together: those of one
///   request, for a model that writes; those of all, for one that does not. Attention is computed
///   in tiles and adds nothing that grows with the square of the context (Dao et al. 2022).
/// * The likelihood of every word of the vocabulary, of one that writes, for each request.
///
/// What is missing of the facts, if something is.
pub(crate) fn serving(
    facts: &Facts,
    context: Option<u64>,
    batch: u64,
) -> Result<Vec<Line>, &'static str> {
    let weights = Line {
        what: "weights",
        bytes: facts.weight_bytes,
        how: format!("{} numbers, as they lie in the file", facts.parameters),
    };
    let writes = facts.writes.ok_or("whether it writes")?;
    let hidden = facts.hidden.ok_or("how many numbers a token is")?;
    let longest = context.or(facts.context);
    let context = longest.ok_or("how many tokens it reads together")?;
    let inner = facts.inner.unwrap_or(hidden.saturating_mul(INNER_FACTOR));
    let mut lines = vec![weights];
    if writes {
        let layers = facts.layers.ok_or("how many layers it has")?;
        let heads = facts.kept_heads.ok_or("how many heads it has")?;
        let head = facts.head_size.ok_or("how wide its heads are")?;
        lines.push(Line {
            what: "keys and values",
            bytes: product(&[2, layers, heads, head, context, batch, KEPT_BYTES]),
            how: format!(
                "2 × {layers} layers × {heads} heads × {head} × {context} tokens × {batch} \
                 requests × {KEPT_BYTES} bytes"
            ),
        });
    }
    let tokens = if writes {
        context.max(batch)
    } else {
        context.saturating_mul(batch)
    };
    let each = hidden
        .saturating_mul(4)
        .saturating_add(inner.saturating_mul(2));
    lines.push(Line {
        what: "activations",
        bytes: product(&[tokens, each, COMPUTED_BYTES]),
        how: format!(
            "{tokens} tokens × (4 × {hidden} + 2 × {inner}) × {COMPUTED_BYTES} bytes, a layer at a \
             time"
        ),
    });
    if let Some(vocabulary) = facts.vocabulary.filter(|_| writes) {
        lines.push(Line {
            what: "likelihoods",
            bytes: product(&[batch, vocabulary, COMPUTED_BYTES]),
            how: format!("{batch} requests × {vocabulary} words × {COMPUTED_BYTES} bytes"),
        });
    }
    Ok(lines)
}

/// What training of fully connected layers takes: `widths` are the inputs, each layer and the
/// output; `batch` rows are learned from at once, and the output of each layer is kept for the
/// gradients, before and after its activation.
pub(crate) fn training(widths: &[u64], batch: u64) -> Vec<Line> {
    let parameters = widths.windows(2).fold(0_u64, |all, pair| match pair {
        [from, to] => all.saturating_add(from.saturating_add(1).saturating_mul(*to)),
        _ => all,
    });
    let kept = (widths.iter().skip(1)).fold(0_u64, |all, width| all.saturating_add(*width));
    let inputs = widths.first().copied().unwrap_or(0);
    let line = |what, factors: &[u64], how| Line {
        what,
        bytes: product(factors),
        how,
    };
    vec![
        line(
            "weights",
            &[parameters, WEIGHT_BYTES],
            format!("{parameters} numbers × {WEIGHT_BYTES} bytes"),
        ),
        line(
            "gradients",
            &[parameters, WEIGHT_BYTES],
            format!("one of {WEIGHT_BYTES} bytes for each"),
        ),
        line(
            "optimizer",
            &[parameters, MEANS, WEIGHT_BYTES],
            format!("AdamW keeps {MEANS} of {WEIGHT_BYTES} bytes for each"),
        ),
        line(
            "activations",
            &[
                batch,
                inputs.saturating_add(kept.saturating_mul(2)),
                COMPUTED_BYTES,
            ],
            format!("{batch} rows × ({inputs} inputs + 2 × {kept}) × {COMPUTED_BYTES} bytes"),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_people_write_them() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1_536), "1.5 KiB");
        assert_eq!(size(24 << 30), "24 GiB");
        assert_eq!(size(u64::MAX), "16777215.9 TiB");
    }

    #[test]
    fn what_llama_3_8b_keeps_of_what_it_reads_is_128_kib_a_token() {
        // Its config.json: 32 layers, 32 heads of 128, of which 8 keep keys and values.
        let facts = Facts {
            parameters: 8_030_261_248,
            weight_bytes: 2 * 8_030_261_248,
            layers: Some(32),
            hidden: Some(4_096),
            heads: Some(32),
            kept_heads: Some(8),
            head_size: Some(128),
            inner: Some(14_336),
            vocabulary: Some(128_256),
            context: Some(8_192),
            writes: Some(true),
        };
        let lines = serving(&facts, None, 1).expect("all is known");
        assert_eq!(lines[1].bytes, 8_192 * 128 * 1_024);
        assert_eq!(size(lines[0].bytes), "14.9 GiB");
        let wide = serving(&facts, None, 16).expect("all is known");
        assert_eq!(wide[1].bytes, 16 * lines[1].bytes);
        assert!(
            serving(
                &Facts {
                    writes: None,
                    ..facts
                },
                None,
                1
            )
            .is_err()
        );
    }

    #[test]
    fn training_takes_sixteen_bytes_for_each_number() {
        let lines = training(&[10, 32, 16, 1], 32);
        let parameters = 11 * 32 + 33 * 16 + 17;
        let state: u64 = lines[..3].iter().map(|line| line.bytes).sum();
        assert_eq!(state, 16 * parameters);
        assert_eq!(lines[3].bytes, 32 * (10 + 2 * 49) * 4);
        assert_eq!(total(&training(&[u64::MAX, u64::MAX], 1)), u64::MAX);
    }
}
